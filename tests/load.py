"""Thousands of workflows in flight at once, whose activities raise, hang, return megabytes and call back.

    python -m tests.load [--workflows 10000] [--threads 24]

The threads submit, until all workflows are in flight and wait for a signal; then they signal each and wait for its
result. When half of those are there the orchestrator is stopped, while activities hang, and started again; the last
quarter is signalled after that only.
"""

from __future__ import annotations

import argparse
import gc
import logging
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.progress import Bar
from yieldflow import (
    ActivityInvocation,
    ActivityTimeoutError,
    Flow,
    Orchestrator,
    OrchestratorStoppedError,
    Registry,
    WorkflowHandle,
    WorkflowInvocation,
    activity,
    wait_signal,
    workflow,
)

#: Seconds after which a wait has failed.
WAIT = 300.0
MEGABYTE = 1_000_000
#: What each of so many workflows does; all others add.
KINDS = {"raise": 10, "fail": 11, "call back": 20, "return much": 100, "hang for a while": 250, "hang": 2000}


@dataclass
class Figures:
    """The figures of a load."""

    #: Workflows that were in flight at once.
    in_flight: int = 0
    #: Seconds that submitting them took.
    submitting: float = 0.0
    #: Objects that the garbage collector knows of, for each workflow in flight, and for each that has ended.
    objects_in_flight: float = 0.0
    objects_left: float = 0.0
    #: Threads that activities kept whose time was over.
    abandoned: int = 0
    #: Seconds that the stop took, with half of the work undone.
    stopping: float = 0.0
    #: How many workflows had not ended then.
    undone: int = 0
    #: Our threads that are left at the end.
    threads_left: int = 0
    #: Seconds in all.
    took: float = 0.0
    #: Results that are not what they should be.
    wrong: int = 0


def kind_of(number: int) -> str:
    """Return the kind of the workflow of that number, the rarest that divides it."""
    return next((kind for kind, every in reversed(KINDS.items()) if number % every == 0), "add")


def expected(number: int) -> object:
    """Return its result, or its exception as text."""
    results: dict[str, object] = {
        "raise": "caught",
        "fail": f"ValueError: {number}",
        "call back": 2 * number,
        "return much": MEGABYTE,
        "hang for a while": "too late",
    }
    return results.get(kind_of(number), number + 1)


class Office:
    """The orchestrator under load, with its clients.

    Args:
        database: A new file.
    """

    def __init__(self, database: Path) -> None:
        registry = Registry()
        self.orchestrator = Orchestrator(database, max_workers=8, registry=registry)
        #: Lets go what hangs, and what hangs although its time is over.
        self.released, self.over = threading.Event(), threading.Event()

        @activity(registry=registry)
        def add(number: int) -> int:
            return number + 1

        @activity(registry=registry)
        def fail(number: int) -> int:
            raise ValueError(str(number))

        @activity(registry=registry)
        def much(number: int) -> bytes:
            return bytes(MEGABYTE)

        @activity(registry=registry)
        def hang(number: int) -> int:
            assert self.released.wait(WAIT)
            return number + 1

        @activity(registry=registry, timeout=0.1)
        def hang_for_a_while(number: int) -> int:
            assert self.over.wait(WAIT)
            return number + 1

        @activity(registry=registry)
        def call_back(number: int) -> int:
            handle = self.orchestrator.submit(inner(number), workflow_id=f"inner-{number}")
            assert self.orchestrator.get_workflow_status(handle.id)["name"] == "inner"
            return handle.result(WAIT) + number - 1

        does: dict[str, Callable[[int], ActivityInvocation[Any]]] = {
            "raise": fail,
            "fail": fail,
            "call back": call_back,
            "return much": much,
            "hang for a while": hang_for_a_while,
            "hang": hang,
        }

        @workflow(registry=registry)
        def inner(number: int) -> Flow[int]:
            return (yield from add(number))

        @workflow(registry=registry)
        def job(number: int) -> Flow[Any]:
            yield add(number)
            yield wait_signal("go")
            kind = kind_of(number)
            try:
                result = yield does.get(kind, add)(number)
            except ActivityTimeoutError:
                return "too late"
            except ValueError:
                if kind == "fail":
                    raise
                return "caught"
            return len(result) if kind == "return much" else result

        self.job: Callable[[int], WorkflowInvocation[Any]] = job

    def outcome(self, handle: WorkflowHandle[Any]) -> object:
        """Wait for a workflow, whatever the orchestrator does meanwhile."""
        while True:
            try:
                return handle.result(WAIT)
            except OrchestratorStoppedError:
                continue
            except ValueError as error:
                return f"ValueError: {error}"

    def settle(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        until = time.monotonic() + WAIT
        while not condition():
            assert time.monotonic() < until, f"it does not settle: {self.orchestrator.health()}"
            time.sleep(0.01)

    def idle(self) -> bool:
        """Return whether no activity is running."""
        health = self.orchestrator.health()
        return health.running == health.waiting == 0


def run(database: Path, workflows: int, threads: int, show: Callable[[int], None] = lambda done: None) -> Figures:
    """Put a load on a new file, and measure.

    Args:
        database: The file.
        workflows: How many are in flight at once.
        threads: How many threads submit, signal and wait.
        show: Hears how many results are there.
    """
    office, figures, before = Office(database), Figures(), set(threading.enumerate())
    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        shares = [range(first, workflows, threads) for first in range(threads)]
        office.orchestrator.start()
        objects = _objects()
        handles = [handle for share in pool.map(lambda share: _submit(office, share), shares) for handle in share]
        figures.submitting = time.monotonic() - began
        office.settle(office.idle)
        figures.in_flight = len(office.orchestrator.list_workflows("job", status="processing"))
        figures.objects_in_flight = (_objects() - objects) / workflows
        _let_go_and_stop(office, pool, handles, figures, show)
        del handles
        figures.objects_left = (_objects() - objects) / workflows
    figures.abandoned = len(office.orchestrator.health().abandoned)
    office.over.set()
    office.orchestrator.stop()
    office.settle(lambda: before.issuperset(threading.enumerate()))
    figures.threads_left, figures.took = len({*threading.enumerate()} - before), time.monotonic() - began
    return figures


def _submit(office: Office, share: range) -> list[WorkflowHandle[Any]]:
    return [office.orchestrator.submit(office.job(number), workflow_id=str(number)) for number in share]


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def _let_go_and_stop(
    office: Office,
    pool: ThreadPoolExecutor,
    handles: list[WorkflowHandle[Any]],
    figures: Figures,
    show: Callable[[int], None],
) -> None:
    """Let all workflows go on, and stop and start the orchestrator when half of them have ended."""
    done, restarted = threading.Semaphore(0), threading.Event()

    def finish(number: int) -> object:
        if number >= len(handles) * 3 // 4:
            # However far the others are by the time of the stop, something is left to be done after it.
            assert restarted.wait(WAIT)
        handles[number].signal("go")
        result = office.outcome(handles[number])
        done.release()
        return result

    results = [pool.submit(finish, number) for number in range(len(handles))]
    for number in range(len(handles) // 2):
        assert done.acquire(timeout=WAIT), f"{number} workflows have ended, and no more"
        show(number)
    began = time.monotonic()
    office.orchestrator.stop(timeout=0.5)
    figures.stopping = time.monotonic() - began
    figures.undone = len(office.orchestrator.list_workflows("job", status="processing"))
    office.orchestrator.start()
    restarted.set()
    office.released.set()
    for number, result in enumerate(results):
        show(max(number, len(handles) // 2))
        figures.wrong += result.result(WAIT) != expected(int(handles[number].id))


def peak_memory() -> float:
    """The most memory that this process ever had, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MEGABYTE if sys.platform == "darwin" else MEGABYTE / 1024)


def main() -> None:
    """Run a load with a progress bar, and print what it did."""
    parser = argparse.ArgumentParser("python -m tests.load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workflows", type=int, default=10_000, help="how many are in flight (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=24, help="how many threads call (default: %(default)s)")
    asked = parser.parse_args()
    logging.getLogger("yieldflow").setLevel(logging.CRITICAL)
    empty, bar = peak_memory(), Bar(asked.workflows)
    with tempfile.TemporaryDirectory() as folder:
        figures = run(Path(folder) / "load.db", asked.workflows, asked.threads, bar.show)
    bar.show(asked.workflows)
    print(
        f"{figures.in_flight:,} workflows in flight, submitted by {asked.threads} threads in "
        f"{figures.submitting:.1f} s; all over in {figures.took:.1f} s, {figures.wrong} of them wrong\n"
        f"memory: {empty:.0f} MB before, {peak_memory():.0f} MB at most; "
        f"{figures.objects_in_flight:.1f} objects for each in flight, {figures.objects_left:.1f} for each ended\n"
        f"stop(timeout=0.5) took {figures.stopping:.2f} s, with {figures.undone:,} undone; "
        f"threads kept by activities out of time: {figures.abandoned}, at the end: {figures.threads_left}"
    )


if __name__ == "__main__":
    main()
