"""The delay until an owner notices requests of other processes, and the cost of polling while there are none.

    python -m tests.benchmarks.noticing [--calls 500] [--idle 20]

A delay reaches from the call, commit included, to the moment that the owner stores with what it did. Calls come
at random moments, one at a time. The cost is processor time of the owner's process, as a part of one core, while
workflows wait in it and nobody calls.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.programs import desk
from tests.support.programs.launch import WAIT, Program
from tests.support.progress import Bar
from yieldflow import Orchestrator

#: Seconds between two calls, at most: more than between two looks of the owner.
APART = 0.1
#: How many workflows wait while the owner is idle.
WAITING = 100
#: Seconds after the last call until the owner is idle.
SETTLE = 1.0


def submitting(client: Orchestrator) -> timedelta:
    """From the submission of a workflow to its start."""
    called, handle = datetime.now(UTC), client.submit(desk.labelled("benchmark", 1))
    handle.result(WAIT)
    started = handle.describe().started_at
    assert started is not None
    return started - called


def signalling(client: Orchestrator) -> timedelta:
    """From a signal to its receipt."""
    handle = client.submit(desk.approval())
    while not handle.describe().waiting_for:
        time.sleep(0.01)
    called = datetime.now(UTC)
    handle.signal("approve")
    handle.result(WAIT)
    received = handle.history()[0].finished_at
    assert received is not None
    return received - called


def measure(title: str, call: Callable[[Orchestrator], timedelta], client: Orchestrator, calls: int) -> None:
    """Call so many times, and print a line."""
    call(client)  # which opens the database
    bar, delays = Bar(calls), []
    for number in range(calls):
        time.sleep(random.uniform(0, APART))
        delays.append(call(client) / timedelta(milliseconds=1))
        bar.show(number + 1, title)
    hundredths = statistics.quantiles(delays, n=100)
    print(f"{title:<28}{statistics.median(delays):>8.1f}{hundredths[98]:>8.1f}{max(delays):>8.1f}", flush=True)


def idle_cost(owner: Program, seconds: float) -> float:
    """Return the part of one core that an idle owner uses."""

    def spent() -> float:
        owner.tell("cpu")
        return float(owner.line())

    time.sleep(SETTLE)
    before = spent()
    time.sleep(seconds)
    return (spent() - before) / seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=500, help="how many of each kind (default: %(default)s)")
    parser.add_argument("--idle", type=float, default=20.0, help="seconds without a call (default: %(default)s)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "benchmark.db"
        client = Orchestrator(database, registry=desk.registry)
        with Program("desk", database) as owner:
            owner.line()
            print(f"{'noticed after, in ms':<28}{'median':>8}{'p99':>8}{'most':>8}")
            measure("a submission", submitting, client, asked.calls)
            measure("a signal", signalling, client, asked.calls)
            client.submit_many(desk.approval() for _ in range(WAITING))
            print(f"idle, with {WAITING} that wait: {idle_cost(owner, asked.idle):.2%} of a core")
            owner.tell("stop")
            owner.end()
        client.stop()


if __name__ == "__main__":
    main()
