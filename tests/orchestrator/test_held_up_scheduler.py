"""The scheduler is held up: what ended in time meanwhile has ended in time, however long its outcome waited."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.support.shop import WAIT, Gate, Moved, told_the_time
from yieldflow import ActivityInvocation, Flow, Orchestrator, Registry, activity, race, sleep, wait_for, workflow
from yieldflow.scheduler.intake import BATCH

#: More than one turn takes in.
MANY = 2 * BATCH - 24

Code: TypeAlias = Callable[[ActivityInvocation[int]], Flow[int]]


def limited(**options: Any) -> Code:
    def job(work: ActivityInvocation[int]) -> Flow[int]:
        return (yield from work.with_options(**options))

    return job


def waited_for(work: ActivityInvocation[int]) -> Flow[int]:
    return (yield from wait_for(work, 10))


def raced(work: ActivityInvocation[int]) -> Flow[int]:
    first, value = yield from race(work, sleep(10))
    return value if first == 0 and value is not None else -1


def plain(work: ActivityInvocation[int]) -> Flow[int]:
    return (yield from work)


#: By the limit: the code of the workflow, and its options.
KINDS: dict[str, tuple[Code, dict[str, Any]]] = {
    "timeout": (limited(timeout=10), {}),
    "heartbeat_timeout": (limited(heartbeat_timeout=10), {}),
    "schedule_to_close_timeout": (limited(schedule_to_close_timeout=10), {}),
    "schedule_to_start_timeout": (limited(schedule_to_start_timeout=10), {}),
    "wait_for": (waited_for, {}),
    "race": (raced, {}),
    "timeout of the workflow": (plain, {"timeout": 10}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_ended_in_time_is_in_time(database: Path, registry: Registry, gate: Gate, kind: str) -> None:
    """No limit is exceeded by activities that ended in time, though a workflow blocks the scheduler until after it."""
    clock, block = Moved(), Gate()
    code, options = KINDS[kind]

    @activity(registry=registry)
    def work(number: int) -> int:
        if number in (0, MANY):
            gate.pass_through()
        return number

    @workflow(registry=registry, **options)
    def job(number: int) -> Flow[int]:
        return (yield from code(work(number)))

    @workflow(registry=registry)
    def last() -> Flow[None]:
        yield work(MANY)

    @workflow(registry=registry)
    def blocks() -> Flow[None]:
        block.pass_through()
        yield from ()

    with told_the_time(Orchestrator(database, max_workers=1, registry=registry), clock) as orchestrator:
        handles = orchestrator.submit_many([job(number) for number in range(MANY)])
        orchestrator.submit(last())
        gate.await_entry()
        blocked = threading.Thread(target=orchestrator.submit, args=[blocks()])
        blocked.start()
        block.await_entry()
        gate.open()
        # The one worker comes to it once all others are delivered.
        gate.await_entry()
        clock.passed = 60_000_000
        block.open()
        blocked.join(WAIT)

        assert [handle.result(WAIT) for handle in handles] == list(range(MANY))
