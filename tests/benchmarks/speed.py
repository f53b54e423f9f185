"""The speed of yieldflow beside the least cost of a durable step, on the same machine in the same minute.

    python -m tests.benchmarks.speed [--pairs 7]

Each work is done by the floor and by yieldflow in turn, so that a machine whose speed drifts slows both. A line shows
medians, and the median, least and greatest of the ratios pair by pair; 1.00 would be as fast as the floor.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import floor
from tests.support.progress import Bar
from yieldflow import Flow, Orchestrator, activity, gather, workflow


@activity(name="benchmark.noop")
def noop(value: int) -> int:
    """Do nothing."""
    return value


@workflow(name="benchmark.chain")
def chain(steps: int) -> Flow[int]:
    """So many activities, one after another."""
    total = 0
    for number in range(steps):
        total += yield from noop(number)
    return total


@workflow(name="benchmark.fan_out")
def fan_out(width: int) -> Flow[int]:
    """So many activities at once."""
    values = yield from gather(*(noop(number) for number in range(width)))
    return sum(values)


def run_chains(path: Path, workflows: int, steps: int) -> float:
    """Seconds from `submit_many` to the last result, with full durability."""
    with Orchestrator(path) as orchestrator:
        began = time.perf_counter()
        handles = orchestrator.submit_many(chain(steps) for _ in range(workflows))
        results = [handle.result() for handle in handles]
        seconds = time.perf_counter() - began
    assert results == [steps * (steps - 1) // 2] * workflows
    return seconds


def run_fan_out(path: Path, width: int) -> float:
    """Seconds for one workflow that gathers so many activities."""
    with Orchestrator(path) as orchestrator:
        began = time.perf_counter()
        assert orchestrator.run(fan_out(width)) == width * (width - 1) // 2
        return time.perf_counter() - began


def measure(run: Callable[[Path], float]) -> float:
    """Run once on a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return run(Path(folder) / "benchmark.db")


def compare(
    title: str, activities: int, pairs: int, base: Callable[[Path], float], ours: Callable[[Path], float]
) -> None:
    """Print one line: both medians, and the ratios."""
    measure(base), measure(ours)
    times: list[tuple[float, float]] = []
    bar = Bar(pairs)
    for number in range(pairs):
        times.append((measure(base), measure(ours)))
        bar.show(number + 1, title)
    ratios = [theirs / mine for theirs, mine in times]
    floors, speeds = zip(*((activities / theirs, activities / mine) for theirs, mine in times), strict=True)
    print(
        f"{title:<38}{statistics.median(floors):>12,.0f}{statistics.median(speeds):>14,.0f}"
        f"{statistics.median(ratios):>9.2f}   {min(ratios):.2f} to {max(ratios):.2f}",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7, help="how often each is run (default: 7)")
    pairs = parser.parse_args().pairs
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{os.cpu_count()} processors, {pairs} pairs"
    )
    print(f"{'activities a second':<38}{'floor':>12}{'yieldflow':>14}{'ratio':>9}   range")
    for title, workflows, steps in (
        ("500 workflows of 3 activities", 500, 3),
        ("5,000 workflows of 3 activities", 5000, 3),
        ("1 workflow of 2,000 in a row", 1, 2000),
    ):
        compare(
            title,
            workflows * steps,
            pairs,
            lambda path, w=workflows, s=steps: floor.run(path, w, s),  # type: ignore[misc]  # mypy: default of a lambda
            lambda path, w=workflows, s=steps: run_chains(path, w, s),  # type: ignore[misc]  # mypy: default of a lambda
        )
    compare(
        "1 workflow of 1,000 at once",
        1000,
        pairs,
        lambda path: floor.run(path, 1000, 1),
        lambda path: run_fan_out(path, 1000),
    )
    latency = statistics.median(measure(lambda path: run_chains(path, 1, 3)) for _ in range(10 * pairs))
    print(f"one workflow of 3 activities, submit to result: {latency * 1000:.1f} ms")


if __name__ == "__main__":
    main()
