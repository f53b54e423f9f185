"""The examples that wait for people and for time, run for real as processes of their own."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.project.example_processes import (
    NEVER,
    client,
    described,
    ended,
    goes_on,
    run,
    started,
    steps,
    until_killed,
    wait_until,
    waits_for,
)
from yieldflow import Orchestrator

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
    """A reminder comes again and again until the decision, and no more after it."""
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
    """The deadline decides if nobody else does, and the exit code tells of it."""
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
    """Tell whether the monitor is that far."""
    there = described(look, "log")
    if there is None or there.status.ended or not isinstance(there.progress, dict):
        return False
    return there.run >= run and bool(there.progress["changes"] == changes)


def checks_in(line: str, rest: str) -> int:
    """The number of checks in the last line."""
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
