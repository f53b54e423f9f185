"""Loses power again and again, with a progress bar on a terminal: see the package's docstring."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from itertools import count

from tests.simulation.promises import Promise
from tests.simulation.seeds import Report, Totals, lines, scratch
from tests.support.progress import Bar

from .losses import LOSS, Setup, run


def describe_failure(report: Report) -> str:
    """A failing seed: its plan, its trace, and the line that reproduces it."""
    again = f"python -m tests.power --losses 1 --seed {report.plan.seed}"
    return "\n".join([str(report.plan), *lines(report.trace), f"BROKEN: {report.violation}", f"again: {again}"])


def main() -> int:
    """Lose the power as often as is asked for; 1 where a promise was broken."""
    parser = argparse.ArgumentParser("python -m tests.power", description="The engine, and losses of power.")
    parser.add_argument("--losses", type=int, default=1000, help="how often the power goes, at least (1000)")
    parser.add_argument("--seed", type=int, help="the first seed; drawn at random if left out")
    parser.add_argument("--durability", choices=["full", "normal"], default="full", help="'normal' is meant to fail")
    asked = parser.parse_args()
    first = asked.seed if asked.seed is not None else int.from_bytes(os.urandom(4), "big")
    so_far, bar, began = Totals(), Bar(asked.losses), time.monotonic()
    broken: Counter[Promise] = Counter()
    with scratch() as folder:
        for seed in count(first):
            report = run(seed, folder, Setup(asked.durability))
            so_far.add(report)
            if report.violation is not None:
                broken[report.violation.promise] += 1
                if asked.durability == "full" and len(so_far.failed) == 1:
                    print(describe_failure(report))
            speed = so_far.speed(time.monotonic() - began)
            bar.show(min(so_far.injected[LOSS], asked.losses), speed)
            if so_far.injected[LOSS] >= asked.losses:
                break
    print(f"\nseeds from {first}, durability={asked.durability!r}")
    print(f"{so_far.seeds:,} seeds and {so_far.commits:,} commits in {time.monotonic() - began:.1f} s: {speed}")
    print(*so_far.tables(), sep="\n")
    print(*(f"\nBROKEN by {number:,} seeds: {promise}" for promise, number in broken.items()))
    return 1 if so_far.failed else 0


if __name__ == "__main__":
    sys.exit(main())
