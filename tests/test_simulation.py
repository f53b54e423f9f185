"""The simulation: seeds that hold, that a seed is always the same, and that what is broken is found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulation.breakages import BREAKAGES
from tests.simulation.plan import FAULTS, Call, Fault, Flow, Plan, plan_of
from tests.simulation.programs import Program
from tests.simulation.seeds import Report, run, scratch
from tests.simulation.shrink import shrunk, smaller
from tests.simulation.trace import lines

#: So many seeds are tried to find a breakage.
BUDGET = 400
#: The first of those seeds.
FIRST = 7_000_000


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch() as made:
        yield made


def fresh() -> int:
    """A seed that nobody has tried."""
    return int.from_bytes(os.urandom(4), "big")


def check(first: int, count: int, kind: str, folder: Path) -> list[Report]:
    """Run seeds; none of them breaks a promise."""
    reports = [run(plan_of(seed), kind, folder) for seed in range(first, first + count)]
    failed = [f"seed {report.plan.seed}: {report.violation}" for report in reports if report.violation is not None]
    assert failed == [], f"python -m tests.simulation --shrink --seeds 1 --store {kind} --seed ..."
    return reports


@pytest.mark.parametrize(("kind", "count"), [("memory", 250), ("sqlite", 40)])
def test_fixed_seeds(kind: str, count: int, folder: Path) -> None:
    """Whatever goes wrong, no promise is broken; and every kind of fault comes up, and every promise is looked at."""
    reports = check(0, count, kind, folder)

    injected = sum((report.injected for report in reports), Counter[str]())
    assert set(injected) == set(FAULTS)
    if kind == "memory":
        assert len(sum((report.checked for report in reports), Counter[str]())) >= 16


@pytest.mark.parametrize(("kind", "count"), [("memory", 100), ("sqlite", 20)])
def test_fresh_seeds(kind: str, count: int, folder: Path) -> None:
    """The same of seeds that are drawn anew each time."""
    first = fresh()
    print(f"seeds {first} to {first + count - 1}")
    check(first, count, kind, folder)


#: Seeds that broke a promise once: what they found is mended.
FOUND = [1_302_906_719, 42_012_083, 42_012_240, 42_013_346, 77_017_623]


@pytest.mark.parametrize("seed", FOUND)
def test_seeds_that_once_failed(seed: int, folder: Path) -> None:
    """What was found once is not broken again."""
    check(seed, 1, "memory", folder)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("memory", 500), ("sqlite", 50)])
def test_many_fresh_seeds(kind: str, count: int, folder: Path) -> None:
    """The same of many more."""
    first = fresh()
    print(f"seeds {first} to {first + count - 1}")
    check(first, count, kind, folder)


# ---------------------------------------------------------------------- a seed is always the same


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_same_seed_same_trace(kind: str, folder: Path) -> None:
    """A seed gives the same trace, byte for byte, also in other processes and whatever strings are hashed to."""
    asked = [sys.executable, "-m", "tests.simulation", "--store", kind, "--seeds", "12", "--seed", "40", "--trace"]
    root = Path(__file__).parents[1]
    traces = set()
    for number in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": number}
        traces.add(subprocess.run(asked, cwd=root, env=environment, capture_output=True, check=True).stdout)
    here = [line for seed in range(40, 52) for line in told(run(plan_of(seed), kind, folder))]

    assert traces == {"".join(f"{line}\n" for line in here).encode()}
    assert len(here) > 500


def told(report: Report) -> list[str]:
    """A report as the command prints it."""
    return [*str(report.plan).splitlines(), *lines(report.trace)]


# ---------------------------------------------------------------------- what is broken is found


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.__name__)
def test_breakage_is_found(breakage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is broken on purpose breaks a promise within the budget."""
    breakage(monkeypatch)
    found = (run(plan_of(seed)).violation for seed in range(FIRST, FIRST + BUDGET))
    assert any(violation is not None for violation in found)


def test_failing_plan_is_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing plan loses all that it does not need to fail, and the command tells it line by line."""
    breakage = next(one for one in BREAKAGES if one.__name__ == "retry_counter_reset")
    breakage(monkeypatch)
    plan = next(plan for plan in map(plan_of, range(FIRST, FIRST + BUDGET)) if run(plan).violation is not None)
    small = shrunk(plan, lambda one: run(one).violation is not None)

    assert len(small.flows) == 1
    assert len(small.faults) <= 1
    assert any("attempt 2" in line for line in lines(run(small).trace))


def test_smaller_programs() -> None:
    """What a program is made smaller to is a program again, with less in it."""
    program: Program = ["gather", [["sequence", ["act", 1, "work", 2]], ["look", 2]], None, True]
    for less in smaller(program):
        plan = Plan(1, (Flow("w0", less, True),), (Call(0, "submit", "w0"),), (Fault("crash after", 2),))
        assert run(plan).violation is None
        assert less != program
