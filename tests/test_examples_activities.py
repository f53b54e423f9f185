"""The examples of activities for real work, run for real as processes of their own."""

from __future__ import annotations

import json
import re
import struct
import zlib
from pathlib import Path

from tests.test_examples import run
from tests.test_examples_flows import described, goes_on, steps, until_killed
from yieldflow import Orchestrator

# ---------------------------------------------------------------------- importer.py


def booked(directory: Path) -> list[str]:
    """The orders in the server's ledger."""
    return [json.loads(line)["order"] for line in (directory / "ledger.jsonl").read_text().splitlines()]


def test_an_import_from_a_server_that_fails_at_random(tmp_path: Path) -> None:
    """Requests fail on the way, and in the end every order is booked, and none twice."""
    done = run(tmp_path, "importer", "--orders", "25", "--failures", "0.3")
    assert (done.returncode, done.stderr) == (0, "")
    summary, books = done.stdout.splitlines()
    assert re.fullmatch(r"25 orders of 2800 cents, [1-9]\d* requests failed on the way", summary)
    assert books == "25 payments booked, 0 of them twice"


def test_an_import_that_is_killed_books_nothing_twice(tmp_path: Path) -> None:
    """Killed in the midst of payments and started again, it books the rest, and nothing again."""
    line = ("--orders", "25", "--failures", "0.3")
    until_killed(tmp_path, lambda look: progress(look, "import") >= 10, "importer", *line)
    assert 10 <= len(booked(tmp_path)) <= 25
    *_, books = goes_on(tmp_path, "importer", *line)
    assert books == "25 payments booked, 0 of them twice"
    assert sorted(booked(tmp_path)) == [f"order-{number:04}" for number in range(25)]


def progress(look: Orchestrator, workflow_id: str) -> int:
    """How far a workflow says that it is."""
    there = described(look, workflow_id)
    return int(str(there.progress or 0)) if there is not None else 0


# ---------------------------------------------------------------------- thousand_calls.py


def test_many_calls_at_once(tmp_path: Path) -> None:
    """All calls wait at once, for hardly longer than one of them."""
    done = run(tmp_path, "thousand_calls", "--calls", "300", "--seconds", "1")
    assert (done.returncode, done.stderr) == (0, "")
    total, summary = done.stdout.splitlines()
    assert total == f"the squares add up to {sum(number * number for number in range(300))}"
    assert re.fullmatch(r"300 calls of 1 s in \d+\.\d s, 300 at once", summary)


# ---------------------------------------------------------------------- fractal.py


def pixels(picture: Path) -> tuple[int, int, bytes]:
    """Width, height and rows of a PNG file."""
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    length = struct.unpack(">I", content[33:37])[0]
    assert content[37:41] == b"IDAT"
    return width, height, zlib.decompress(content[41 : 41 + length])


def test_a_picture_drawn_by_processes(tmp_path: Path) -> None:
    """The picture is whole, black in the middle, and symmetric as the set is."""
    done = run(tmp_path, "fractal", "--width", "96", "--processes", "2", "picture.png")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "5 bands, 96 x 72 points: picture.png\n")
    width, height, rows = pixels(tmp_path / "picture.png")
    assert (width, height, len(rows)) == (96, 72, 72 * (1 + 3 * 96))
    line = 1 + 3 * width
    middle = rows[36 * line + 1 : 37 * line]
    assert middle[3 * 60 : 3 * 61] == b"\0\0\0"
    assert rows[35 * line : 36 * line] == rows[37 * line : 38 * line]


def test_a_picture_that_is_killed_goes_on(tmp_path: Path) -> None:
    """What was drawn before the kill is not drawn again, and the picture is the same."""
    line = ("--width", "160", "--depth", "1000", "--processes", "1", "picture.png")
    until_killed(tmp_path, lambda look: len(steps(look, "picture")) > 0 and bands_done(look) >= 2, "fractal", *line)
    goes_on(tmp_path, "fractal", *line)
    again = run(tmp_path, "fractal", *line[:-1], "--db", "other.db", "again.png")
    assert again.returncode == 0
    assert pixels(tmp_path / "picture.png") == pixels(tmp_path / "again.png")


def bands_done(look: Orchestrator) -> int:
    """How many bands of the picture are on disk."""
    return sum(step.applied is not None for step in steps(look, "picture"))
