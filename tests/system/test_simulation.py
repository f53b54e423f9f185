"""The simulation: seeds that hold, that a seed is always the same, and that what is broken is found."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.simulation.breakages import BREAKAGES, dispatch_before_commit
from tests.simulation.breakages_elsewhere import BREAKAGES_ELSEWHERE, BREAKAGES_OF_FILE
from tests.simulation.breakages_of_clocks import BREAKAGES_OF_CLOCKS
from tests.simulation.breakages_of_lifecycle import BREAKAGES_OF_LIFECYCLE
from tests.simulation.deployed_code import OPTIONS
from tests.simulation.found_plans import FOUND
from tests.simulation.plan import BY_CHANCE, FAULTS, Call, Fault, Flow, Plan, plan_of, shrunk, smaller
from tests.simulation.programs import LIMITS, Program
from tests.simulation.promises import Promise
from tests.simulation.seeds import Report, Totals, describe_failure, lines, run, run_piece, scratch
from tests.support.programs.launch import heeding_ctrl_c

Breakage = Callable[[pytest.MonkeyPatch], None]

#: So many seeds are tried to find a breakage.
BUDGET = 400
#: The first of those seeds.
FIRST = 7_000_000
#: The seeds that find a breakage where they come late, or draw what is rare: they are tried first, to be quick. Where
#: programs are drawn otherwise since, the others find it.
LATE = {
    "counted_from_forgotten": FIRST + 39,
    "delete_takes_live_descendants": FIRST + 195,
    "sleep_from_the_latest_time": 1005,  # sleeps right behind a clock that was set back
    "timers_follow_the_systems_clock": FIRST + 119,
}

#: The breakages that are found on the store in memory.
EVERY_BREAKAGE = [*BREAKAGES, *BREAKAGES_ELSEWHERE, *BREAKAGES_OF_CLOCKS, *BREAKAGES_OF_LIFECYCLE]

#: All that clients call,
CALLS = {
    *("submit", "submit many", "submit with a delay", "submit with a signal", "submit with a timeout"),
    *("signal", "cancel", "terminate", "suspend", "resume", "retry", "fork", "delete", "purge", "by another process"),
}
#: that workflows yield or do,
COMMANDS = {
    *("sequence", "gather", "race", "wait", "task", "sleep", "until", "signal", "take", "again", "look", "change"),
    *("child", "child whose code is registered later", "catch", "fail", "finally"),
}
#: and the activities, with what is said of single calls.
ACTIVITIES = {*(f"activity {name}" for name in OPTIONS), *(f"with_options {name}" for name in ("retry", *LIMITS))}


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch() as made:
        yield made


def check(first: int, count: int, kind: str, folder: Path) -> list[Report]:
    """Run seeds; none of them breaks a promise."""
    reports = [run(plan_of(seed), kind, folder) for seed in range(first, first + count)]
    failed = [f"seed {report.plan.seed}: {report.violation}" for report in reports if report.violation is not None]
    assert failed == [], f"python -m tests.simulation --seeds 1 --store {kind} --seed ..."
    return reports


@pytest.mark.parametrize(("kind", "count"), [("memory", 120), ("sqlite", 40)])
def test_fixed_seeds(kind: str, count: int, folder: Path) -> None:
    """Whatever goes wrong, no promise is broken; and everything that can be drawn comes up."""
    what = Totals()
    for report in check(0, count, kind, folder):
        what.add(report)

    assert set(what.injected) == {*FAULTS, *BY_CHANCE}
    # A loss of power needs a drive of its own.
    elsewhere = {Promise.POWER}
    assert set(what.checked) == {*Promise} - elsewhere - ({Promise.INTEGRITY} if kind == "memory" else set())
    if kind == "memory":
        assert set(what.called) == CALLS
        assert set(what.drawn) == COMMANDS | ACTIVITIES


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_once(what: str) -> None:
    """A plan that once broke a promise breaks none any more."""
    assert run(FOUND[what]).violation is None


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("memory", 200), ("sqlite", 30)])
def test_fresh_seeds(kind: str, count: int, folder: Path) -> None:
    """Seeds that are drawn anew each time break no promise either; only the slow tests draw any."""
    first = int.from_bytes(os.urandom(4), "big")
    print(f"seeds {first} to {first + count - 1}")
    check(first, count, kind, folder)


# ---------------------------------------------------------------------- a seed is always the same


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_same_seed_same_trace(kind: str, folder: Path) -> None:
    """A seed gives the same trace, byte for byte, also in other processes and whatever strings are hashed to."""
    asked = [sys.executable, "-m", "tests.simulation", "--store", kind, "--seeds", "8", "--seed", "40", "--trace"]
    root = Path(__file__).parents[2]
    traces = set()
    for number in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": number}
        traces.add(subprocess.run(asked, cwd=root, env=environment, capture_output=True, check=True).stdout)
    here = [line for seed in range(40, 48) for line in printed(run(plan_of(seed), kind, folder))]

    assert traces == {"".join(f"{line}\n" for line in here).encode()}
    assert len(here) > 200


def printed(report: Report) -> list[str]:
    """A report as the command prints it."""
    return [*str(report.plan).splitlines(), *lines(report.trace)]


# ---------------------------------------------------------------------- the command


def test_command_shows_how_far_it_is_and_ends_by_an_interrupt() -> None:
    """On a terminal it shows its progress; Ctrl-C ends it, with the figures so far."""
    asked = [sys.executable, "-m", "tests.simulation", "--seeds", "2000", "--jobs", "1"]
    terminal, its_end = pty.openpty()
    root = Path(__file__).parents[2]
    with heeding_ctrl_c():
        process = subprocess.Popen(asked, cwd=root, stdout=its_end, stderr=its_end, start_new_session=True)
    os.close(its_end)
    shown, interrupted = b"", False
    # Linux says at the end that the terminal has an error.
    with open(terminal, "rb", buffering=0) as screen, suppress(OSError):
        while more := screen.read(4096):
            shown += more
            if not interrupted and re.search(rb"[1-9][0-9]*/2,000 +[0-9]+ seeds/s, [0-9,]+ commits/s", shown):
                # As a terminal does, to all that belong to it.
                os.killpg(process.pid, signal.SIGINT)
                interrupted = True

    said = shown.decode()
    assert process.wait() == 130
    assert "interrupted: this is how far it came" in said
    assert "Traceback" not in said
    for table in ("commands drawn: ", "clients' calls: ", "faults injected: ", "invariants checked: "):
        assert table in said


def test_command_tells_a_failing_seed_in_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing seed is shown as its smallest plan, the trace, the broken promise, and the line that repeats it."""
    dispatch_before_commit(monkeypatch)
    summed = run_piece(range(FIRST, FIRST + 20), "memory")
    said = describe_failure(summed.failed[0], "memory", True).splitlines()

    assert said[0].startswith(f"seed {summed.failed[0]}: ")
    assert said[-2].startswith(f"BROKEN: {Promise.COMMITTED_FIRST}")
    assert said[-1] == f"again: python -m tests.simulation --seeds 1 --seed {summed.failed[0]} --store memory"
    assert len(said) < 40


# ---------------------------------------------------------------------- what is broken is found


def check_found(breakage: Breakage, monkeypatch: pytest.MonkeyPatch, kind: str, folder: Path | None) -> None:
    """Break the engine, and see that a seed finds it."""
    breakage(monkeypatch)
    seeds = dict.fromkeys([LATE.get(breakage.__name__, FIRST), *range(FIRST, FIRST + BUDGET)])
    assert any(run(plan_of(seed), kind, folder).violation is not None for seed in seeds)


@pytest.mark.parametrize("breakage", EVERY_BREAKAGE, ids=lambda breakage: breakage.__name__)
def test_breakage_is_found(breakage: Breakage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is broken on purpose breaks a promise within the budget."""
    check_found(breakage, monkeypatch, "memory", None)


@pytest.mark.parametrize("breakage", BREAKAGES_OF_FILE, ids=lambda breakage: breakage.__name__)
def test_breakage_of_the_file_is_found(breakage: Breakage, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A file that is written wrong on purpose breaks a promise within the budget."""
    check_found(breakage, monkeypatch, "sqlite", folder)


def test_failing_plan_is_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing plan loses all that it does not need to fail, and the command tells it line by line."""
    dispatch_before_commit(monkeypatch)
    plan = next(plan for plan in map(plan_of, range(FIRST, FIRST + BUDGET)) if run(plan).violation is not None)
    small = shrunk(plan, lambda one: run(one).violation is not None)

    assert (len(small.flows), len(small.calls), small.faults) == (1, 1, ())
    assert [line.split()[1] for line in lines(run(small).trace)] == ["call"]


def test_smaller_programs() -> None:
    """A program made smaller is a program again, with less in it."""
    program: Program = ["gather", [["sequence", ["act", 1, "work", 2]], ["look", 2]], None, True]
    for less in smaller(program):
        plan = Plan(1, (Flow("w0", less, True),), (Call(0, "submit", "w0"),), (Fault("crash after", 2),))
        assert run(plan).violation is None
        assert less != program
