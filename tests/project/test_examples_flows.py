"""The examples of gathers, children and compensation, run for real as processes of their own.

An activity of theirs writes or reads, in some tests, a pipe that nobody opens at the other end: that takes for ever.
So a test knows what is on disk when it kills the process.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.project.example_processes import (
    NEVER,
    WAIT,
    client,
    command,
    contents,
    described,
    ended,
    environment,
    goes_on,
    kill,
    run,
    started,
    steps,
    until_killed,
    wait_until,
    waits_for,
)
from yieldflow import Orchestrator

# ---------------------------------------------------------------------- saga.py


def test_saga_books_everything(tmp_path: Path) -> None:
    """A trip of which everything can be had is booked whole, in order."""
    assert goes_on(tmp_path, "saga", "--pace", "0") == [
        "flight: booked",
        "hotel: booked",
        "car: booked",
        "lisbon: booked: flight, hotel, car",
    ]
    assert contents(tmp_path / "lisbon") == dict.fromkeys(["flight", "hotel", "car"], "booked")


@pytest.mark.parametrize(("fail", "booked"), [("flight", []), ("hotel", ["flight"]), ("car", ["flight", "hotel"])])
def test_saga_cancels_in_reverse_order(tmp_path: Path, fail: str, booked: list[str]) -> None:
    """Whichever booking fails, those made before are cancelled, the last first, and the exit code tells of it."""
    done = run(tmp_path, "saga", "rome", "--fail", fail, "--pace", "0")

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        *(f"{part}: booked" for part in booked),
        *(f"{part}: cancelled" for part in reversed(booked)),
    ]
    assert done.stderr.splitlines()[-1] == f"rome: not booked: no {fail} is to be had"


def test_saga_killed_forwards_and_backwards_goes_on(tmp_path: Path) -> None:
    """Killed while it books and again while it cancels, the same line goes on each time and does nothing twice."""
    line = ["rome", "--fail", "car", "--pace", "0"]
    flight, hotel = tmp_path / "rome" / "flight", tmp_path / "rome" / "hotel"
    hotel.parent.mkdir()
    os.mkfifo(hotel)

    def booking_hotel(look: Orchestrator) -> bool:
        return waits_for(look, "rome", "book") and len(steps(look, "rome")) == 2

    forwards = until_killed(tmp_path, booking_hotel, "saga", *line)
    hotel.unlink()
    flight.unlink()
    os.mkfifo(flight)

    def cancelling_flight(look: Orchestrator) -> bool:
        return waits_for(look, "rome", "cancel_booking") and len(steps(look, "rome")) == 6

    backwards = until_killed(tmp_path, cancelling_flight, "saga", *line)
    flight.unlink()
    flight.write_text("booked\n")
    done = run(tmp_path, "saga", *line)

    assert forwards == ["flight: booked"]
    assert backwards == ["hotel: booked", "hotel: cancelled"]
    assert (done.returncode, done.stdout) == (1, "flight: cancelled\n")
    assert contents(tmp_path / "rome") == {"flight": "cancelled", "hotel": "cancelled"}


@pytest.mark.parametrize("line", [["lisbon"], ["rome", "--fail", "hotel"]])
def test_saga_again_books_nothing_twice(tmp_path: Path, line: list[str]) -> None:
    """After its end, the same line shows what came of the trip and does nothing."""
    first = run(tmp_path, "saga", *line, "--pace", "0")

    again = run(tmp_path, "saga", *line, "--pace", "0")

    assert again.returncode == first.returncode
    assert (again.stdout + again.stderr).splitlines() == (first.stdout + first.stderr).splitlines()[-1:]


# ---------------------------------------------------------------------- fan_out.py


@pytest.mark.parametrize(("orders", "limit", "most"), [(30, 10, 10), (3, 10, 3), (5, 1, 1), (0, 5, 0)])
def test_fan_out_keeps_to_its_limit(tmp_path: Path, orders: int, limit: int, most: int) -> None:
    """All orders are carried out, and no more than the limit are under way at once."""
    lines = goes_on(tmp_path, "fan_out", "--orders", str(orders), "--limit", str(limit), "--pace", "0")

    assert len(lines) == 1
    assert re.fullmatch(rf"{orders} orders, [\d,]+ cents, at most {most} under way at once", lines[0])
    assert len(list(tmp_path.glob("labels/*"))) == orders


def test_fan_out_killed_goes_on(tmp_path: Path) -> None:
    """Killed in the middle, the same line goes on: what an order has behind it is not done again."""
    line = ["--orders", "8", "--limit", "3", "--pace", "0"]
    held = [tmp_path / "labels" / f"order-{number:03}" for number in (2, 4, 5)]
    held[0].parent.mkdir()
    for label in held:
        os.mkfifo(label)
    with client(tmp_path / "fan_out.db") as look:
        # So many steps have begun once two orders are through and three are held up.
        until_killed(tmp_path, lambda look: len(steps(look, "today")) == 15, "fan_out", *line)
        before = {each.step: each for each in steps(look, "today") if each.applied is not None}
        begun = Counter(each.name for each in steps(look, "today"))
        for label in held:
            label.unlink()
        (last,) = goes_on(tmp_path, "fan_out", *line)
        after = {each.step: each for each in steps(look, "today")}

    # No further one has begun.
    assert begun == {"check_stock": 5, "charge": 5, "print_label": 5}
    assert len(before) == 5 + 5 + 2
    assert {step: after[step] for step in before} == before
    assert len(after) == 8 * 3
    assert last.startswith("8 orders, ")
    assert last.endswith(" cents, at most 3 under way at once")
    assert len(contents(tmp_path / "labels")) == 8


def test_fan_out_after_its_end_begins_anew(tmp_path: Path) -> None:
    """After its end the same line begins anew."""
    first = goes_on(tmp_path, "fan_out", "--orders", "2", "--pace", "0")
    (tmp_path / "labels" / "order-001").unlink()

    again = goes_on(tmp_path, "fan_out", "--orders", "2", "--pace", "0")

    assert again == first
    assert len(list(tmp_path.glob("labels/*"))) == 2


# ---------------------------------------------------------------------- order_with_children.py


CHILDREN = ["o-1-payment", "o-1-parcel-1", "o-1-parcel-2"]


def wait_for_courier(look: Orchestrator) -> bool:
    """Tell whether all parcels are packed."""
    return all(waits_for(look, child, "sleep") for child in CHILDREN[1:])


def test_order_carries_out_its_children(tmp_path: Path) -> None:
    """An order pays, sends each parcel, and lists its children."""
    lines = goes_on(tmp_path, "order_with_children", "o-1", "--parcels", "2", "--courier", "0")

    assert lines[0] == "payment: charged"
    assert Counter(lines[1:5]) == Counter(
        f"parcel-{number}: {state}" for number in (1, 2) for state in ("packed", "handed over")
    )
    assert lines[5] == "o-1: tracking number of parcel-1, tracking number of parcel-2"
    assert Counter(lines[6:]) == Counter(f"  {child}: done" for child in CHILDREN)


@pytest.mark.parametrize("runs", [True, False])
def test_cancelled_order_cancels_its_children(tmp_path: Path, runs: bool) -> None:
    """Cancelled while it runs, or while nothing does, it has its parcels unpacked and pays the money back."""
    line = ["o-1", "--parcels", "2", "--courier", NEVER]
    with started(tmp_path, "order_with_children", *line) as process:
        with client(tmp_path / "order_with_children.db") as look:
            wait_until(process, lambda: wait_for_courier(look))
        if not runs:
            kill(process)
        goes_on(tmp_path, "order_with_children", "o-1", "--cancel")
        if runs:
            code, lines, errors = ended(process)
    if not runs:
        done = run(tmp_path, "order_with_children", *line)
        code, lines, errors = done.returncode, done.stdout.splitlines(), done.stderr

    assert code == 1
    last = errors.splitlines()[-1]
    assert last == "order_with_children: workflow o-1 was cancelled: the customer has changed their mind"
    assert contents(tmp_path / "o-1") == {"payment": "refunded", "parcel-1": "unpacked", "parcel-2": "unpacked"}
    # The children's cleanup is waited for, then comes the parent's.
    assert lines[-4] == "payment: refunded"
    assert Counter(lines[-3:]) == Counter(
        ["  o-1-payment: done", "  o-1-parcel-1: cancelled", "  o-1-parcel-2: cancelled"]
    )


def test_order_killed_goes_on(tmp_path: Path) -> None:
    """Killed in the middle, the same line goes on with the order and its children; what was done is not done again."""
    line = ["o-1", "--parcels", "2", "--courier", "0"]
    held = tmp_path / "o-1" / "parcel-2"
    held.parent.mkdir()
    os.mkfifo(held)

    def second_parcel_is_held_up(look: Orchestrator) -> bool:
        first = described(look, "o-1-parcel-1")
        return first is not None and first.status.ended and waits_for(look, "o-1-parcel-2", "pack")

    before = until_killed(tmp_path, second_parcel_is_held_up, "order_with_children", *line)
    held.unlink()
    after = goes_on(tmp_path, "order_with_children", *line)

    assert before == ["payment: charged", "parcel-1: packed", "parcel-1: handed over"]
    assert after[:3] == [
        "parcel-2: packed",
        "parcel-2: handed over",
        "o-1: tracking number of parcel-1, tracking number of parcel-2",
    ]
    assert Counter(after[3:]) == Counter(f"  {child}: done" for child in CHILDREN)


def test_failed_child_fails_the_order(tmp_path: Path) -> None:
    """A parcel that fails cancels the other, the money goes back, and the reason is told."""
    # A directory cannot be written to as a file.
    (tmp_path / "o-1" / "parcel-2").mkdir(parents=True)

    done = run(tmp_path, "order_with_children", "o-1", "--parcels", "2", "--courier", NEVER)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("order_with_children: [Errno ")
    assert (tmp_path / "o-1" / "payment").read_text() == "refunded\n"
    assert Counter(done.stdout.splitlines()[-3:]) == Counter(
        ["  o-1-payment: done", "  o-1-parcel-1: cancelled", "  o-1-parcel-2: failed"]
    )


# ---------------------------------------------------------------------- agent_loop.py


def test_agent_finds_the_answer(tmp_path: Path) -> None:
    """The planner chooses tools until it has the answer; a tool that fails is one more thing that it knows."""
    files = tmp_path / "files"
    (files / "directory").mkdir(parents=True)
    (files / "a").write_text("one two three\n")
    (files / "b").write_bytes(b"\xff no text")
    (files / "c").write_text("one two three four\n")

    assert goes_on(tmp_path, "agent_loop", "files", "--pace", "0") == [
        "list_files(files)",
        "count_words(files/a)",
        "count_words(files/b)",
        "count_words(files/c)",
        "answer(files/c, with 4 words)",
        "files/c, with 4 words",
    ]
    with client(tmp_path / "agent_loop.db") as look:
        (failed,) = [each for each in steps(look, "files") if each.error_message is not None]
    assert failed.input == {"file": "files/b"}


def test_agent_leaves_its_own_database_alone(tmp_path: Path) -> None:
    """The tools do not open the agent's own database among the files: SQLite's locks would be gone."""
    (tmp_path / "a").write_text("one two\n")
    (tmp_path / "link").symlink_to("agent_loop.db")

    lines = goes_on(tmp_path, "agent_loop", "--pace", "0")

    assert lines == ["list_files(.)", "count_words(./a)", "answer(./a, with 2 words)", "./a, with 2 words"]


@pytest.mark.parametrize(
    ("directory", "answer"), [("empty", "no file could be read"), ("missing", "cannot tell: FileNotFoundError: ")]
)
def test_agent_cannot_tell(tmp_path: Path, directory: str, answer: str) -> None:
    """The agent says so where there is nothing to find."""
    (tmp_path / "empty").mkdir()

    lines = goes_on(tmp_path, "agent_loop", directory, "--pace", "0")

    assert lines[0] == f"list_files({directory})"
    assert lines[-1].startswith(answer)


def test_agent_killed_goes_on(tmp_path: Path) -> None:
    """Killed in the middle of a tool, the same line goes on with it: nothing is chosen or counted again."""
    files = tmp_path / "files"
    files.mkdir()
    for name in ("a", "b", "d"):
        (files / name).write_text(f"{name} {name}")
    os.mkfifo(files / "c")
    line = ["files", "--pace", "0"]

    def third_is_held_up(look: Orchestrator) -> bool:
        return waits_for(look, "files", "count_words") and len(steps(look, "files")) == 8

    before = until_killed(tmp_path, third_is_held_up, "agent_loop", *line)
    (files / "c").unlink()
    (files / "c").write_text("c c c")
    # Were it counted again, it would be the answer.
    (files / "a").write_text("a a a a")
    after = goes_on(tmp_path, "agent_loop", *line)

    assert before == ["list_files(files)", *(f"count_words(files/{name})" for name in "abc")]
    assert after == ["count_words(files/d)", "answer(files/c, with 3 words)", "files/c, with 3 words"]


# ---------------------------------------------------------------------- all of them


NAMES = ["saga", "approval", "monitor", "fan_out", "order_with_children", "agent_loop"]


@pytest.mark.parametrize("name", NAMES)
def test_a_database_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    """A database that cannot be opened is told in one line, with the reason."""
    done = run(tmp_path, name, "--db", "missing/some.db")

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"{name}: .*: there is no directory .*\n", done.stderr)


@pytest.mark.parametrize(
    ("name", "line", "shown"),
    [
        ("fan_out", ["--orders", "7", "--limit", "2", "--pace", "0"], b"3 of 7 orders are through"),
        ("monitor", ["--every", NEVER], b"run 1: {'checks': 1, 'changes': 0, 'size': None}"),
    ],
)
def test_progress_is_shown_on_a_terminal(tmp_path: Path, name: str, line: list[str], shown: bytes) -> None:
    """On a terminal one line shows how far it is."""
    if name == "fan_out":
        (tmp_path / "labels").mkdir()
        for number in (4, 5):
            os.mkfifo(tmp_path / "labels" / f"order-{number:03}")
    ours, theirs = os.openpty()
    seen = b""
    with subprocess.Popen(
        command(name, *line), cwd=tmp_path, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        try:
            while shown not in seen:
                readable, _, _ = select.select([ours], [], [], WAIT)
                assert readable, f"nothing more in {WAIT} s after {seen!r}"
                seen += os.read(ours, 4096)
        finally:
            process.kill()
            os.close(theirs)
            os.close(ours)

    assert b"\n" not in seen
