"""Runs seeds: one from its plan to a report, many to a sum, and a failing one made small and printed as a trace."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.engine import SECOND
from yieldflow._core.history import Event, Failure, Outcome, Started, StepEnded
from yieldflow.sqlite import SqliteStore
from yieldflow.store import Checkpoint, Store
from yieldflow.testing.memory import MemoryStore
from yieldflow.workers import Attempt

from .disk_checks import End, steady_flows, without_numbers
from .faulty_store import FaultyStore
from .ledger import Ledger
from .plan import Plan, plan_of, shrunk
from .programs import commands_of
from .promises import Promise, Violation
from .world import World


def lines(trace: Sequence[tuple[object, ...]]) -> Iterator[str]:
    """Yield one line for each thing that happened."""
    for time, *what in trace:
        assert isinstance(time, int)
        yield f"{time / SECOND:12.6f}  " + " ".join(map(_shown, what))


def _shown(what: object) -> str:
    if isinstance(what, Checkpoint):
        return " ".join([f"{what.workflow_id}/{what.run}", *_changes(what)])
    if isinstance(what, Attempt):
        return f"{what.definition.name} {what.key[0]}/{what.key[1]} step {what.key[2]} attempt {what.number}"
    return str(what)


def _changes(checkpoint: Checkpoint) -> Iterator[str]:
    """Yield the changes of a checkpoint, in the order of their effects."""
    if checkpoint.created is not None:
        yield "created"
    if checkpoint.recovery_attempts is not None:
        yield f"recovery {checkpoint.recovery_attempts}"
    for place, event in enumerate(checkpoint.events, checkpoint.place):
        yield f"[{place}: {_event(event)}]"
    for step in checkpoint.issued:
        due = "" if step.due_at is None else f" due {step.due_at}"
        yield f"issues {step.number} {step.kind.value} {step.name}{due}"
    yield from (f"drops {number} at {place}" for number, place in checkpoint.cancelled)
    yield from (f"records {_event(event)}" for event in checkpoint.recorded)
    yield from (f"retries {one.step} as {one.following.number}" for one in checkpoint.retried)
    yield from (f"beats {step} {details!r}" for step, details in checkpoint.heartbeats)
    yield from (f"child {child.workflow_id}" for child in checkpoint.children)
    yield from (f"keeps signal {signal.number} {signal.name} {signal.payload!r}" for signal in checkpoint.signals)
    yield from (f"receives signal {number} at {place}" for number, place in checkpoint.received)
    yield from (f"handles {number}" for number in checkpoint.handled)
    if checkpoint.progress is not None:
        yield f"progress {checkpoint.progress!r}"
    yield from (f"patch {name}" for name in checkpoint.patches)
    if checkpoint.continued is not None:
        yield "continues as new"
    if checkpoint.status is not None:
        yield f"is {checkpoint.status.value} {_outcome(checkpoint.outcome)}"


def _event(event: Event) -> str:
    if isinstance(event, Started):
        return "start"
    if isinstance(event, StepEnded):
        return f"{event.step} -> {_outcome(event.outcome)}"
    return f"cancel {event.reason or event.timeout or ''}"


def _outcome(outcome: Outcome | None) -> str:
    return outcome.summary if isinstance(outcome, Failure) else str(outcome)


@dataclass(slots=True)
class Report:
    """The result of one simulation."""

    plan: Plan
    violation: Violation | None = None
    commits: int = 0
    turns: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    #: The commands in the plan's workflows.
    drawn: Counter[str] = field(default_factory=Counter)
    #: The calls that clients made.
    called: Counter[str] = field(default_factory=Counter)
    trace: list[tuple[object, ...]] = field(default_factory=list)
    #: The end of each workflow.
    ends: dict[str, End] = field(default_factory=dict)


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a folder for the files, in memory if there is one, since no power loss is simulated."""
    memory = Path("/dev/shm")
    within = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="yieldflow-simulation-", dir=within) as folder:
        yield Path(folder)


@contextmanager
def opened(kind: str, folder: Path | None) -> Iterator[Store]:
    """Open a new, empty store."""
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
    """Silence the engine's log: things go wrong on purpose."""
    logger = logging.getLogger("yieldflow")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def run(plan: Plan, kind: str = "memory", folder: Path | None = None) -> Report:
    """Run a plan, and once more without faults if some ends must be the same."""
    return compared(simulate(plan, kind, folder))


def compared(report: Report) -> Report:
    """Run a report's plan once more without faults and compare the ends that must be the same."""
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
        return live(plan, lambda ledger: FaultyStore(store, ledger, plan.faults))


def live(plan: Plan, make: Callable[[Ledger], FaultyStore]) -> Report:
    """Run a plan on the disk that `make` returns."""
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


@dataclass(slots=True)
class Totals:
    """The sum of many results."""

    seeds: int = 0
    commits: int = 0
    drawn: Counter[str] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    failed: list[int] = field(default_factory=list)

    def add(self, one: Totals | Report) -> None:
        """Add the result of one seed, or of several."""
        self.commits += one.commits
        self.drawn += one.drawn
        self.called += one.called
        self.injected += one.injected
        self.checked += one.checked
        if isinstance(one, Totals):
            self.seeds += one.seeds
            self.failed += one.failed
        else:
            self.seeds += 1
            self.failed += [one.plan.seed] if one.violation is not None else []

    def speed(self, took: float) -> str:
        """Return seeds and commits a second."""
        return f"{self.seeds / took:,.0f} seeds/s, {self.commits / took:,.0f} commits/s"

    def tables(self) -> Iterator[str]:
        """Yield tables of all counts."""
        tables = {
            "commands drawn": self.drawn,
            "clients' calls": self.called,
            "faults injected": self.injected,
            "invariants checked": self.checked,
        }
        for title, counted in tables.items():
            yield f"\n{title}: {counted.total():,}"
            yield from (f"{number:>12,}  {name}" for name, number in sorted(counted.items()))


def leave_interrupts_alone() -> None:
    """Ignore interrupts in a worker process: the process that waits for it handles them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_piece(seeds: Sequence[int], kind: str) -> Totals:
    """Run some seeds and return their sum."""
    summed = Totals()
    with scratch() as folder:
        for seed in seeds:
            summed.add(run(plan_of(seed), kind, folder))
    return summed


def describe_failure(seed: int, kind: str, smaller: bool) -> str:
    """Return a failing seed as text: the smallest plan, its trace, and the line that reproduces it."""
    with scratch() as folder:
        report = run(plan_of(seed), kind, folder)
        if smaller:
            report = smallest(report, kind, folder)
    again = f"python -m tests.simulation --seeds 1 --seed {seed} --store {kind}"
    return "\n".join([str(report.plan), *lines(report.trace), f"BROKEN: {report.violation}", f"again: {again}"])


def smallest(report: Report, kind: str, folder: Path) -> Report:
    """Return the same failure in the smallest plan that is found."""
    violation = report.violation
    assert violation is not None

    def fails(plan: Plan) -> bool:
        found = run(plan, kind, folder).violation
        return found is not None and found.promise == violation.promise

    return run(shrunk(report.plan, fails), kind, folder)
