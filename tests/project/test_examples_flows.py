"""The examples of what a workflow may say, run for real as processes of their own.

What an activity of theirs writes or reads is, in some tests, a pipe that nobody opens at the other end: that takes for
ever. So a test knows what is on disk when it kills the process.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.project.test_examples import WAIT, command, environment, kill, run, started
from yieldflow import Orchestrator, StepDescription, WorkflowDescription, WorkflowNotFoundError

#: Seconds that no test has.
NEVER = "3600"


@contextmanager
def client(db: Path) -> Iterator[Orchestrator]:
    """Looks into the database of an example that may be running."""
    orchestrator = Orchestrator(db)
    try:
        yield orchestrator
    finally:
        orchestrator.stop()


def wait_until(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    """Wait until something is so while the process runs."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, f"nothing of it in {WAIT} s"
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
            pytest.fail(f"ended with {process.returncode}: {process.communicate()}")


def described(look: Orchestrator, workflow_id: str) -> WorkflowDescription | None:
    """Where a workflow stands; None where it is not there yet."""
    try:
        return look.handle(workflow_id).describe()
    except WorkflowNotFoundError:
        return None


def steps(look: Orchestrator, workflow_id: str) -> list[StepDescription]:
    """The steps of a workflow; none where it is not there yet."""
    return [] if described(look, workflow_id) is None else look.handle(workflow_id).history()


def waits_for(look: Orchestrator, workflow_id: str, *names: str) -> bool:
    """Whether this is what the workflow waits for, in the order issued."""
    there = described(look, workflow_id)
    return there is not None and tuple(each.name for each in there.waiting_for) == names


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str], str]:
    """Wait for its end: the exit code, the lines that it printed, and its complaints."""
    output, errors = process.communicate(timeout=WAIT)
    return process.returncode, output.splitlines(), errors


def until_killed(directory: Path, condition: Callable[[Orchestrator], bool], name: str, *line: str) -> list[str]:
    """Run an example, kill it as soon as something is so, and return the lines that it had printed."""
    with started(directory, name, *line) as process, client(directory / f"{name}.db") as look:
        wait_until(process, lambda: condition(look))
        return kill(process).splitlines()


def goes_on(directory: Path, name: str, *line: str) -> list[str]:
    """Run an example to its good end, and return the lines that it printed."""
    done = run(directory, name, *line)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def contents(directory: Path) -> dict[str, str]:
    """The files of a directory, each with its only line."""
    return {path.name: path.read_text().rstrip("\n") for path in directory.iterdir()}


# ---------------------------------------------------------------------- saga.py


def test_saga_books_everything(tmp_path: Path) -> None:
    """Where everything can be had, all of it is booked, in order."""
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


# ---------------------------------------------------------------------- approval.py


def waits_for_decision(look: Orchestrator) -> bool:
    return waits_for(look, "invoice-17", "decision", "sleep", "sleep")


@pytest.mark.parametrize(("action", "code", "verdict"), [("approve", 0, "approved"), ("reject", 1, "rejected")])
def test_approval_is_given_from_another_process(tmp_path: Path, action: str, code: int, verdict: str) -> None:
    """A second command line decides, and whoever waits hears of it at once."""
    with started(tmp_path, "approval", "--deadline", NEVER, "--remind", NEVER) as process:
        with client(tmp_path / "approval.db") as look:
            wait_until(process, lambda: waits_for_decision(look))
        sent = goes_on(tmp_path, "approval", action, "invoice-17", "--by", "ann")
        asked = ended(process)

    assert sent == [f"invoice-17: sent: {verdict} by ann"]
    lines = ["please decide: approve invoice-17, or reject it", f"invoice-17: {verdict} by ann"]
    assert asked == (code, lines, "")


def test_approval_reminds_until_it_is_given(tmp_path: Path) -> None:
    """Who does not decide is reminded again and again, and no longer once they have decided."""
    with started(tmp_path, "approval", "ask", "--deadline", NEVER, "--remind", "0.05") as process:
        with client(tmp_path / "approval.db") as look:
            wait_until(process, lambda: sum(each.name == "send_message" for each in steps(look, "invoice-17")) > 3)
        goes_on(tmp_path, "approval", "approve", "--by", "ann")
        # A reminder under way is waited for, and where that takes long, it says so.
        code, (question, *reminders, verdict), _ = ended(process)

    assert (code, verdict) == (0, "invoice-17: approved by ann")
    assert question == "please decide: approve invoice-17, or reject it"
    assert len(reminders) >= 2
    assert reminders == [
        f"reminder {number}: invoice-17 waits for a decision" for number in range(1, len(reminders) + 1)
    ]


def test_approval_expires_at_its_deadline(tmp_path: Path) -> None:
    """Where nobody decides in time, the deadline does, and the exit code tells of it."""
    done = run(tmp_path, "approval", "ask", "invoice-18", "--deadline", "0.01", "--remind", NEVER)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[1:] == ["invoice-18: the deadline has passed", "invoice-18: expired"]


def test_approval_killed_goes_on_waiting(tmp_path: Path) -> None:
    """Killed while it waits, it asks nobody again, keeps its deadline, and takes in what was decided meanwhile."""
    line = ["ask", "invoice-17", "--deadline", NEVER, "--remind", NEVER]
    printed = until_killed(tmp_path, waits_for_decision, "approval", *line)
    with client(tmp_path / "approval.db") as look:
        before = [each.due_at for each in steps(look, "invoice-17")]
        goes_on(tmp_path, "approval", "approve", "--by", "ann")
        done = goes_on(tmp_path, "approval", *line)
        after = [each.due_at for each in steps(look, "invoice-17")]

    assert printed == ["please decide: approve invoice-17, or reject it"]
    assert done == ["invoice-17: approved by ann"]
    assert after == before
    assert sum(due is not None for due in before) == 2


def test_approval_of_what_nobody_asked_for(tmp_path: Path) -> None:
    """A decision on what was never asked, or was decided already, is refused in one line."""
    run(tmp_path, "approval", "ask", "invoice-17", "--deadline", "0")

    for document, message in [("invoice-71", "no workflow with the id 'invoice-71'"), ("invoice-17", "has ended")]:
        refused = run(tmp_path, "approval", "approve", document)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert re.fullmatch(rf"approval: .*{re.escape(message)}.*\n", refused.stderr)


# ---------------------------------------------------------------------- monitor.py

MONITOR = ["log", "--every", "0.01", "--checks-per-run", "3"]


def has_seen(look: Orchestrator, run: int, changes: int) -> bool:
    """Whether the monitor is that far."""
    there = described(look, "log")
    if there is None or there.status.ended or not isinstance(there.progress, dict):
        return False
    return there.run >= run and bool(there.progress["changes"] == changes)


def checks_in(line: str, rest: str) -> int:
    """How many checks the last line tells of."""
    told = re.fullmatch(rf"log: (\d+) checks, {rest}", line)
    assert told is not None
    return int(told[1])


def test_monitor_tells_of_changes_with_a_short_history(tmp_path: Path) -> None:
    """Each change is told of once; in however many runs, the history on disk is never longer than one run's."""
    with started(tmp_path, "monitor", *MONITOR) as process, client(tmp_path / "monitor.db") as look:
        wait_until(process, lambda: has_seen(look, run=4, changes=0))
        # In one step: the monitor may look at any moment.
        (tmp_path / "new").write_text("hello\n")
        os.replace(tmp_path / "new", tmp_path / "log")
        wait_until(process, lambda: has_seen(look, run=4, changes=1))
        kept = len(steps(look, "log"))
        assert goes_on(tmp_path, "monitor", "log", "--stop") == []
        code, lines, errors = ended(process)

    assert (code, lines[0], errors) == (0, "log: no file -> 6 bytes", "")
    # A check is three steps, one more where it tells of a change. A run that has not begun has none.
    assert kept <= 3 * 3 + 1
    assert checks_in(lines[1], "1 changes, now 6 bytes") > 9


def test_monitor_killed_goes_on_with_what_it_knew(tmp_path: Path) -> None:
    """Killed, it goes on counting, and tells of what changed while nothing ran."""
    log = tmp_path / "log"
    log.write_text("hello\n")
    killed = until_killed(tmp_path, lambda look: has_seen(look, run=3, changes=0), "monitor", *MONITOR)
    log.write_text("hello, hello\n")

    with started(tmp_path, "monitor", *MONITOR) as process, client(tmp_path / "monitor.db") as look:
        wait_until(process, lambda: has_seen(look, run=3, changes=1))
        goes_on(tmp_path, "monitor", "log", "--stop")
        code, lines, errors = ended(process)

    assert killed == []
    assert (code, lines[0], errors) == (0, "log: 6 bytes -> 13 bytes", "")
    assert checks_in(lines[1], "1 changes, now 13 bytes") > 6


def test_monitor_is_stopped_while_nothing_runs(tmp_path: Path) -> None:
    """A stop that is sent while nothing runs ends it when it runs again; after that, the same line begins anew."""
    until_killed(tmp_path, lambda look: has_seen(look, run=2, changes=0), "monitor", *MONITOR)
    goes_on(tmp_path, "monitor", "log", "--stop")

    (line,) = goes_on(tmp_path, "monitor", *MONITOR)

    assert checks_in(line, "0 changes, now no file") >= 3
    until_killed(tmp_path, lambda look: has_seen(look, run=1, changes=0), "monitor", *MONITOR)


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
    """Whether all parcels are packed."""
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
    """Where one parcel fails, the other is cancelled, the money goes back, and the reason is told."""
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
    """Where its database lies among the files, the tools do not open that: SQLite's locks would be gone."""
    (tmp_path / "a").write_text("one two\n")
    (tmp_path / "link").symlink_to("agent_loop.db")

    lines = goes_on(tmp_path, "agent_loop", "--pace", "0")

    assert lines == ["list_files(.)", "count_words(./a)", "answer(./a, with 2 words)", "./a, with 2 words"]


@pytest.mark.parametrize(
    ("directory", "answer"), [("empty", "no file could be read"), ("missing", "cannot tell: FileNotFoundError: ")]
)
def test_agent_cannot_tell(tmp_path: Path, directory: str, answer: str) -> None:
    """Where there is nothing to find, the agent says so."""
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
    """Where the database cannot be opened, one line says why."""
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
