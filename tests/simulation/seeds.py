"""One seed from its plan to its end: what the engine did, what was looked at, and which promise was broken."""

from __future__ import annotations

import logging
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from yieldflow.memory import MemoryStore
from yieldflow.sqlite import SqliteStore
from yieldflow.store import Store

from .disk import Disk
from .ending import End, steady_flows, without_numbers
from .ledger import Ledger
from .plan import Plan
from .programs import commands_of
from .promises import Promise, Violation
from .world import World


@dataclass(slots=True)
class Report:
    """What became of one simulation."""

    plan: Plan
    violation: Violation | None = None
    commits: int = 0
    turns: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    #: What the workflows of the plan do,
    drawn: Counter[str] = field(default_factory=Counter)
    #: and what the clients called.
    called: Counter[str] = field(default_factory=Counter)
    trace: list[tuple[object, ...]] = field(default_factory=list)
    #: How each workflow ended.
    ends: dict[str, End] = field(default_factory=dict)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the files; in memory where there is one, since no loss of power is simulated."""
    memory = Path("/dev/shm")
    within = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="yieldflow-simulation-", dir=within) as folder:
        yield Path(folder)


@contextmanager
def opened(kind: str, folder: Path | None) -> Iterator[Store]:
    """A new, empty store."""
    if kind == "memory":
        yield MemoryStore()
        return
    assert folder is not None
    path = folder / "simulation.db"
    for old in folder.glob("simulation.db*"):
        old.unlink()
    store = SqliteStore(path, "normal", busy_timeout=0)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def quiet() -> Iterator[None]:
    """The engine says nothing of what goes wrong: it is meant to."""
    logger = logging.getLogger("yieldflow")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def run(plan: Plan, kind: str = "memory", folder: Path | None = None) -> Report:
    """Run a plan; and once more without faults, where the ends are to be the same."""
    return compared(simulate(plan, kind, folder))


def compared(report: Report) -> Report:
    """Run the plan of a report once more without faults, where the ends are to be the same."""
    plan = report.plan
    steady = steady_flows(plan)
    calm = plan.without_faults()
    if report.violation is not None or not steady or calm == plan:
        return report
    twin = simulate(calm)
    report.commits, report.turns = report.commits + twin.commits, report.turns + twin.turns
    report.checked += twin.checked
    report.violation = twin.violation
    for workflow_id in sorted(steady) if twin.violation is None else ():
        report.checked[Promise.TWIN] += 1
        ended, expected = without_numbers(report.ends[workflow_id]), without_numbers(twin.ends[workflow_id])
        if ended != expected:
            what = f"{workflow_id} ended as {ended}, and without faults as {expected}"
            report.violation = Violation(Promise.TWIN, what)
            break
    return report


def simulate(plan: Plan, kind: str = "memory", folder: Path | None = None) -> Report:
    """Run a plan."""
    with opened(kind, folder) as store:
        return live(plan, lambda ledger: Disk(store, ledger, plan.faults))


def live(plan: Plan, make: Callable[[Ledger], Disk]) -> Report:
    """Run a plan on the disk that is made for it."""
    report = Report(plan)
    with quiet():
        world = World(plan, make)
        try:
            report.ends = world.live()
        except Violation as violation:
            report.violation = violation
        finally:
            world.close()
            world.disk.close()
        report.commits, report.turns = world.disk.committed, world.turns
        report.injected, report.checked = world.disk.injected, world.ledger.checked
        report.drawn = Counter(command for flow in plan.flows for command in commands_of(flow.program))
        report.called, report.trace = world.clients.made, world.trace
    return report
