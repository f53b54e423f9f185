"""Many workflows at once do not meet."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.shop import (
    WAIT,
    Gate,
    Held,
    in_threads,
    total,
)
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    activity,
    workflow,
)


def test_many_workflows_keep_their_results_apart(store: Orchestrator) -> None:
    """Two hundred workflows at five workers: each has the result of its own arguments."""
    handles = store.submit_many(total(1000 * number, count=5) for number in range(200))

    assert [handle.result(WAIT) for handle in handles] == [1000 * number + 10 for number in range(200)]
    steps = [step for number in (0, 99, 199) for step in handles[number].history()]
    assert [step.output for step in steps] == [1000 * n + s for n in (0, 99, 199) for s in (0, 1, 3, 6, 10)]


def test_submitting_from_many_threads(store: Orchestrator) -> None:
    """Threads that submit and wait at the same time each get what they asked for."""

    def submit_and_wait(number: int) -> list[int]:
        return [store.submit(total(100 * number + each)).result(WAIT) for each in range(10)]

    assert in_threads(8, submit_and_wait) == [[100 * n + each + 3 for each in range(10)] for n in range(8)]


def test_a_live_workflow_is_not_taken_up_again(database: Path, registry: Registry, gate: Gate) -> None:
    """However much others write to the file, the owner does not begin again what it is at."""
    owner = Orchestrator(database, registry=registry)
    held = Held(owner, registry, gate)
    registry.add(total)
    owner.start()
    handle = owner.submit(held.job(1))
    gate.await_entry()
    client = Orchestrator(database, registry=registry)
    for number in range(5):
        assert client.submit(total(number)).result(WAIT) == number + 3
    gate.open()

    assert handle.result(WAIT) == 11
    assert held.begun == [1]
    client.stop()
    owner.stop()


def test_another_program_may_hold_the_database_for_a_while(
    database: Path, orchestrator: Orchestrator, registry: Registry
) -> None:
    """While another program holds the database's lock everything waits for it, and no activity runs twice."""
    ran: list[int] = []
    locked, finished = threading.Event(), threading.Event()

    @activity(registry=registry)
    def work(number: int) -> int:
        assert locked.wait(WAIT)
        ran.append(number)
        if len(ran) == 5:
            finished.set()
        return number

    @workflow(registry=registry)
    def job(number: int) -> Flow[int]:
        return (yield from work(number))

    handles = orchestrator.submit_many(job(number) for number in range(5))
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("begin immediate")
        locked.set()
        assert finished.wait(WAIT)
        assert [handle.describe().step for handle in handles] == [0] * 5
        other.execute("rollback")

    assert [handle.result(WAIT) for handle in handles] == [0, 1, 2, 3, 4]
    assert sorted(ran) == [0, 1, 2, 3, 4]


def test_what_is_false_is_remembered_as_it_was(database: Path, registry: Registry, gate: Gate) -> None:
    """After a restart `0`, `""`, `[]` and None are what they were, a tuple is a tuple, an int key an int."""
    values: list[Any] = [0, "", False, [], {}, None, (), (1, 2), {1: "one"}, 0.0, set()]
    calls: list[int] = []

    @activity(registry=registry)
    def value(number: int) -> Any:
        calls.append(number)
        return values[number]

    @activity(registry=registry)
    def hold() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def job() -> Flow[list[Any]]:
        found = []
        for number in range(len(values)):
            found.append((yield from value(number)))
        yield hold()
        return found

    with Orchestrator(database, registry=registry) as orchestrator:
        handle = orchestrator.submit(job())
        gate.await_entry()
        orchestrator.stop(timeout=0)
        gate.open()
    with Orchestrator(database, registry=registry) as orchestrator:
        found = orchestrator.handle(handle.id).result(WAIT)

    assert [(type(each), each) for each in found] == [(type(each), each) for each in values]
    assert calls == list(range(len(values)))
