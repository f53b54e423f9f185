"""The time that a test takes that steps a workflow by hand.

    python -m tests.benchmarks.stepping [--tests 500]

What others take for the like stands beside it, as it was measured once on another machine.
"""

from __future__ import annotations

import argparse
import statistics
import time

from yieldflow import Flow, activity, workflow
from yieldflow.testing import Stepper

#: Milliseconds for such a test, measured elsewhere.
OTHERS = {"durable-workflow": 0.7, "AWS durable execution testing SDK": 110.0}


@activity(name="stepping.noop")
def noop(value: int) -> int:
    """Is not run."""
    return value


@workflow(name="stepping.three")
def three(value: int) -> Flow[int]:
    """Three activities, one after another."""
    first = yield from noop(value)
    second = yield from noop(first)
    return (yield from noop(second))


def step_through(replay: bool) -> None:
    """Run the measured test from its first line to its last."""
    flow = Stepper(three(1), replay=replay)
    for value in (2, 3, 4):
        assert flow.pending == [noop(value - 1)]
        flow.resolve(noop(value - 1), value)
    assert flow.result == 4


def milliseconds(replay: bool) -> float:
    """One such test."""
    began = time.perf_counter()
    step_through(replay)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure, and print a line for each way."""
    parser = argparse.ArgumentParser(description="How long a test of three steps takes.")
    parser.add_argument("--tests", type=int, default=500, help="how many are measured (default: %(default)s)")
    arguments = parser.parse_args()
    for replay, name in ((True, "built again after every event"), (False, "with replay=False")):
        times = [milliseconds(replay) for _ in range(arguments.tests)]
        print(f"{name:<36} median {statistics.median(times):6.2f} ms, least {min(times):.2f} ms")
    for name, time_of_others in OTHERS.items():
        print(f"{name:<36} about {time_of_others:7.2f} ms (measured elsewhere)")


if __name__ == "__main__":
    main()
