"""The examples of activities for real work, run for real as processes of their own."""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from pathlib import Path

from tests.project.example_processes import client, goes_on, run, steps, until_killed
from yieldflow import Orchestrator, StepDescription

# ---------------------------------------------------------------------- importer.py


def booked(directory: Path) -> list[str]:
    """The orders in the server's ledger."""
    ledger = directory / "ledger.jsonl"
    return [json.loads(line)["order"] for line in ledger.read_text().splitlines()] if ledger.exists() else []


def test_an_import_from_a_server_that_fails_at_random(tmp_path: Path) -> None:
    """Requests fail on the way, and in the end every order is booked, and none twice."""
    # That none of some fifty requests fails is to be seen once in 100 million times.
    done = run(tmp_path, "importer", "--orders", "25", "--failures", "0.3")
    assert (done.returncode, done.stderr) == (0, "")
    summary, books = done.stdout.splitlines()
    assert re.fullmatch(r"25 orders of 2800 cents, [1-9]\d* requests failed on the way", summary)
    assert books == "25 payments booked, 0 of them twice"


def test_an_import_that_is_killed_books_nothing_twice(tmp_path: Path) -> None:
    """Killed in the midst of payments and started again, it books the rest, and nothing again."""
    line = ("--orders", "25", "--failures")
    # Where so much fails, the first payments are soon booked, and the last ones long after that.
    until_killed(tmp_path, lambda look: len(booked(tmp_path)) >= 5, "importer", *line, "0.8")
    assert 5 <= len(booked(tmp_path)) <= 25
    *_, books = goes_on(tmp_path, "importer", *line, "0.2")
    assert books == "25 payments booked, 0 of them twice"
    assert sorted(booked(tmp_path)) == [f"order-{number:04}" for number in range(25)]


# ---------------------------------------------------------------------- thousand_calls.py


def test_many_calls_at_once(tmp_path: Path) -> None:
    """Far more calls than there are worker threads wait at once."""
    done = run(tmp_path, "thousand_calls", "--calls", "300", "--seconds", "0.5")
    assert (done.returncode, done.stderr) == (0, "")
    total, summary = done.stdout.splitlines()
    assert total == f"the squares add up to {sum(number * number for number in range(300))}"
    told = re.fullmatch(r"300 calls of 0\.5 s in \d+\.\d s, (\d+) at once", summary)
    assert told is not None
    # On a busy machine the first are answered before the last are made.
    assert 5 < int(told[1]) <= 300


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
    """Parts drawn before the kill are not drawn again, and the picture is the same."""
    line = ("--width", "120", "--processes", "1", "picture.png")
    # To open a pipe that nobody reads takes for ever, so it does not come to its end.
    os.mkfifo(tmp_path / "picture.png.part")
    with client(tmp_path / "fractal.db") as look:
        until_killed(tmp_path, lambda look: len(drawn(look)) >= 2, "fractal", *line)
        before = drawn(look)
        (tmp_path / "picture.png.part").unlink()
        goes_on(tmp_path, "fractal", *line)
        assert drawn(look)[: len(before)] == before
    again = run(tmp_path, "fractal", *line[:-1], "--db", "other.db", "again.png")
    assert again.returncode == 0
    assert pixels(tmp_path / "picture.png") == pixels(tmp_path / "again.png")


def drawn(look: Orchestrator) -> list[StepDescription]:
    """The bands of the picture that are on disk, in the order applied."""
    bands = [step for step in steps(look, "picture") if step.applied is not None and step.name == "draw_band"]
    return sorted(bands, key=lambda step: step.applied or 0)
