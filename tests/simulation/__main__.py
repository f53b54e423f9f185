"""Runs seeds of the simulation, with a progress bar on a terminal: see the package's docstring."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path

from .ledger import Violation
from .plan import Plan, plan_of
from .seeds import Report, run, scratch
from .shrink import shrunk
from .trace import lines

#: Seconds between two looks of the progress bar.
OFTEN = 0.1
WIDTH = 30


class Sum:
    """What all seeds did."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.seeds = self.commits = 0
        self.injected: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()
        self.failed: list[Report] = []

    def add(self, report: Report) -> None:
        """Add a seed."""
        self.seeds += 1
        self.commits += report.commits
        self.injected += report.injected
        self.checked += report.checked
        if report.violation is not None:
            self.failed.append(report)

    @property
    def speed(self) -> str:
        """Seeds and commits a second."""
        took = max(time.monotonic() - self.began, 1e-9)
        return f"{self.seeds / took:,.0f} seeds/s, {self.commits / took:,.0f} commits/s"

    def __str__(self) -> str:
        took = time.monotonic() - self.began
        parts = [f"{self.seeds:,} seeds and {self.commits:,} commits in {took:.1f} s: {self.speed}"]
        for title, counted in (("faults injected", self.injected), ("invariants checked", self.checked)):
            parts.append(f"\n{title}: {counted.total():,}")
            parts += [f"{number:>12,}  {name}" for name, number in sorted(counted.items())]
        return "\n".join(parts)


class Bar:
    """The progress on a terminal; nothing elsewhere."""

    def __init__(self, whole: int) -> None:
        self._whole = whole
        self._shown = sys.stderr.isatty()
        self._next = 0.0

    def show(self, so_far: Sum) -> None:
        """Show how far it is, now and then."""
        if self._shown and (time.monotonic() >= self._next or so_far.seeds == self._whole):
            self._next = time.monotonic() + OFTEN
            filled = WIDTH * so_far.seeds // self._whole
            bar = "█" * filled + "░" * (WIDTH - filled)
            failed = f", {len(so_far.failed)} failed" if so_far.failed else ""
            print(f"\r{bar} {so_far.seeds:,}/{self._whole:,}  {so_far.speed}{failed} ", end="", file=sys.stderr)
            if so_far.seeds == self._whole:
                print(file=sys.stderr)


def smallest(report: Report, kind: str, folder: Path) -> Report:
    """The same failure in the smallest plan that is found."""
    violation = report.violation
    assert violation is not None

    def fails(plan: Plan) -> bool:
        found = run(plan, kind, folder).violation
        return found is not None and found.promise == violation.promise

    return run(shrunk(report.plan, fails), kind, folder)


def told(report: Report, kind: str) -> str:
    """A failing seed: its plan, its trace, and the line that reproduces it."""
    assert isinstance(report.violation, Violation)
    again = f"python -m tests.simulation --seeds 1 --seed {report.plan.seed} --store {kind} --shrink"
    return "\n".join([str(report.plan), *lines(report.trace), f"BROKEN: {report.violation}", f"again: {again}"])


def main() -> int:
    """Run the seeds asked for; 1 where a promise was broken."""
    parser = argparse.ArgumentParser("python -m tests.simulation", description="The engine in a simulation.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds are run (1000)")
    parser.add_argument("--seed", type=int, help="the first one; drawn at random if left out")
    parser.add_argument("--store", choices=["memory", "sqlite"], default="memory")
    parser.add_argument("--shrink", action="store_true", help="make a failing seed small first")
    parser.add_argument("--trace", action="store_true", help="print the trace of each seed, and nothing else")
    asked = parser.parse_args()
    first = asked.seed if asked.seed is not None else int.from_bytes(os.urandom(4), "big")
    so_far = Sum()
    bar = Bar(asked.seeds)
    with scratch() as folder:
        for seed in range(first, first + asked.seeds):
            report = run(plan_of(seed), asked.store, folder)
            so_far.add(report)
            if asked.trace:
                print(report.plan, *lines(report.trace), sep="\n")
            bar.show(so_far)
        for report in so_far.failed[:1]:
            print(told(smallest(report, asked.store, folder) if asked.shrink else report, asked.store))
    if not asked.trace:
        print(f"\nseeds from {first}, {asked.store} store: {so_far}")
    if so_far.failed:
        print(f"\n{len(so_far.failed)} failed: {', '.join(str(report.plan.seed) for report in so_far.failed[:20])}")
    return 1 if so_far.failed else 0


if __name__ == "__main__":
    sys.exit(main())
