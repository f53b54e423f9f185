"""Many seeds: what a worker process does with a piece of them, and the sum of what they did."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .plan import Plan, plan_of
from .seeds import Report, run, scratch
from .shrink import shrunk
from .trace import lines


@dataclass(slots=True)
class Sum:
    """What many seeds did."""

    seeds: int = 0
    commits: int = 0
    drawn: Counter[str] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    failed: list[int] = field(default_factory=list)

    def add(self, one: Sum | Report) -> None:
        """Add what a seed did, or several."""
        self.commits += one.commits
        self.drawn += one.drawn
        self.called += one.called
        self.injected += one.injected
        self.checked += one.checked
        if isinstance(one, Sum):
            self.seeds += one.seeds
            self.failed += one.failed
        else:
            self.seeds += 1
            self.failed += [one.plan.seed] if one.violation is not None else []

    def speed(self, took: float) -> str:
        """Seeds and commits a second."""
        return f"{self.seeds / took:,.0f} seeds/s, {self.commits / took:,.0f} commits/s"

    def tables(self) -> Iterator[str]:
        """How often everything was."""
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
    """The process that waits for the others is interrupted, and they end what they are at."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def piece(seeds: Sequence[int], kind: str) -> Sum:
    """What some seeds do."""
    summed = Sum()
    with scratch() as folder:
        for seed in seeds:
            summed.add(run(plan_of(seed), kind, folder))
    return summed


def told(seed: int, kind: str, smaller: bool) -> str:
    """A failing seed: its plan, made as small as it fails, its trace, and the line that reproduces it."""
    with scratch() as folder:
        report = run(plan_of(seed), kind, folder)
        if smaller:
            report = smallest(report, kind, folder)
    again = f"python -m tests.simulation --seeds 1 --seed {seed} --store {kind}"
    return "\n".join([str(report.plan), *lines(report.trace), f"BROKEN: {report.violation}", f"again: {again}"])


def smallest(report: Report, kind: str, folder: Path) -> Report:
    """The same failure in the smallest plan that is found."""
    violation = report.violation
    assert violation is not None

    def fails(plan: Plan) -> bool:
        found = run(plan, kind, folder).violation
        return found is not None and found.promise == violation.promise

    return run(shrunk(report.plan, fails), kind, folder)
