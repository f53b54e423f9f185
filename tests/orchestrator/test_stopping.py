"""Stopping: a stop waits for running activities, and leaves the rest for the next start."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import (
    WAIT,
    Gate,
    Held,
    awaited,
    nap,
    shop,
    total,
)
from yieldflow import (
    Flow,
    Orchestrator,
    OrchestratorStoppedError,
    Registry,
    ResultTimeoutError,
    WorkflowStatus,
    activity,
    workflow,
)


def test_stop_finishes_what_runs_and_begins_nothing_more(database: Path, registry: Registry, gate: Gate) -> None:
    """`stop` waits for the running activities, records them, and leaves what is queued to the next start."""
    orchestrator = Orchestrator(database, max_workers=3, registry=registry)
    held = Held(orchestrator, registry, gate)
    # First in the queue. It lends its place, and opens the gate once nothing more begins.
    guard = orchestrator.submit(held.guard("job-5"))
    handles = [orchestrator.submit(held.job(number), workflow_id=f"job-{number}") for number in range(6)]
    orchestrator.start()
    for _ in range(3):
        gate.await_entry()

    orchestrator.stop()

    assert sorted(held.begun) == [0, 1, 2]
    assert [handle.describe().step for handle in handles] == [1, 1, 1, 0, 0, 0]
    with orchestrator:
        assert [handle.result(WAIT) for handle in handles] == [1, 11, 21, 31, 41, 51]
        assert guard.result(WAIT) == 51
    assert sorted(held.begun) == [0, 1, 2, 3, 4, 5]


def test_stop_with_a_timeout_leaves_the_rest(database: Path, registry: Registry, gate: Gate) -> None:
    """An activity that still runs after the timeout is left behind: its late result is dropped, and it runs again."""
    orchestrator = Orchestrator(database, max_workers=2, registry=registry)
    held = Held(orchestrator, registry, gate)
    orchestrator.start()
    handles = [orchestrator.submit(held.job(number)) for number in range(4)]
    for _ in range(2):
        gate.await_entry()

    orchestrator.stop(timeout=0.01)
    left = [handle.describe().step for handle in handles]
    with orchestrator:
        for _ in range(2):
            gate.await_entry()
        gate.open()
        results = [handle.result(WAIT) for handle in handles]

    assert left == [0, 0, 0, 0]
    assert results == [1, 11, 21, 31]
    assert Counter(held.begun) == Counter({0: 2, 1: 2, 2: 1, 3: 1})


def test_who_waits_hears_of_the_stop(store: Orchestrator) -> None:
    """A `result()` that waits in another thread when the orchestrator stops raises `OrchestratorStoppedError`."""
    handle = store.submit(nap())
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(handle.result, WAIT) for _ in range(4)]
        # Whoever had not begun to wait before the stop waits as a client's thread does, and hears of the next one.
        for _ in range(1000):
            store.stop()
            if all(future.done() for future in waiting):
                break
            store.start()
        errors = [future.exception(WAIT) for future in waiting]

    assert [type(error) for error in errors] == [OrchestratorStoppedError] * 4
    assert handle.id in str(errors[0])


@pytest.mark.parametrize("way", ["result", "await", "client", "wrapped"])
def test_stop_does_not_wait_for_an_activity_that_waits(
    database: Path, registry: Registry, gate: Gate, way: str
) -> None:
    """An activity that waits for a workflow cannot finish once nothing begins: it hears of the stop, and runs again."""
    orchestrator = Orchestrator(database, max_workers=1, registry=registry)
    calls: list[str] = []

    @activity(registry=registry)
    def hold() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def inner() -> Flow[str]:
        yield hold()
        yield hold()
        return "held"

    def wait_for_inner() -> Any:
        if way == "client":
            client = Orchestrator(database, registry=registry)
            try:
                return client.submit(inner(), workflow_id="inner").result(WAIT)
            finally:
                client.stop()
        handle = orchestrator.submit(inner(), workflow_id="inner")
        return asyncio.run(awaited(handle)) if way == "await" else handle.result(WAIT)

    @activity(registry=registry)
    def delegate() -> Any:
        calls.append("began")
        try:
            return wait_for_inner()
        except OrchestratorStoppedError as error:
            calls.append("stopped")
            gate.open()
            if way == "wrapped":
                raise RuntimeError("it did not work out") from error
            raise

    @workflow(registry=registry)
    def outer() -> Flow[Any]:
        return (yield from delegate())

    orchestrator.start()
    handle = orchestrator.submit(outer())
    gate.await_entry()

    orchestrator.stop()

    assert (calls, handle.describe().step) == (["began", "stopped"], 0)
    assert orchestrator.handle("inner").describe().step == 1
    with orchestrator:
        assert handle.result(WAIT) == "held"
    assert calls == ["began", "stopped", "began"]


def test_an_activity_that_copes_with_the_stop_has_ended(database: Path, registry: Registry) -> None:
    """An activity that hears of the stop and returns all the same is recorded, and does not run again."""
    orchestrator = Orchestrator(database, max_workers=1, registry=registry)
    waits = threading.Event()
    calls: list[str] = []

    @activity(registry=registry)
    def patient(workflow_id: str) -> str:
        calls.append("began")
        waits.set()
        try:
            return str(orchestrator.handle(workflow_id).result(WAIT))
        except OrchestratorStoppedError:
            return "coped"

    @workflow(registry=registry)
    def job(workflow_id: str) -> Flow[str]:
        return (yield from patient(workflow_id))

    registry.add(nap)
    orchestrator.start()
    handle = orchestrator.submit(job(orchestrator.submit(nap()).id))
    assert waits.wait(WAIT)

    orchestrator.stop()

    assert (handle.describe().status, handle.describe().output) == (WorkflowStatus.DONE, "coped")
    assert calls == ["began"]
    orchestrator.stop()


def test_after_the_stop_it_is_a_client(database: Path) -> None:
    """A workflow submitted or invoked after `stop` is on disk, waits, can be looked at, and runs at the next start."""
    orchestrator = Orchestrator(database, registry=shop)
    orchestrator.start()
    orchestrator.stop()

    invoked = orchestrator.invoke_workflow("total", start=1)
    submitted = orchestrator.submit(total(2), workflow_id="second")
    waiting = [entry["started_at"] for entry in orchestrator.list_workflows()]
    with pytest.raises(ResultTimeoutError):
        submitted.result(0)
    orchestrator.start()

    assert waiting == [None, None]
    assert (orchestrator.handle(invoked).result(WAIT), submitted.result(WAIT)) == (4, 5)
    orchestrator.stop()


def test_asking_while_it_stops_and_starts(database: Path) -> None:
    """While an orchestrator is stopped and started, other threads submit and look; who waits may hear of a stop."""
    orchestrator = Orchestrator(database, registry=shop)
    over = threading.Event()
    surprises: list[BaseException] = []

    def ask(number: int) -> None:
        asked = 0
        try:
            while not over.is_set():
                asked += 1
                handle = orchestrator.submit(total(asked, count=1), workflow_id=f"{number}-{asked}")
                orchestrator.get_workflow_status(handle.id)
                orchestrator.list_workflows("nap")
                with suppress(OrchestratorStoppedError):
                    assert handle.result(WAIT) == asked
        except BaseException as error:
            surprises.append(error)

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for asker in askers:
        asker.start()
    for _ in range(20):
        with orchestrator:
            orchestrator.submit(total(5)).result(WAIT)
    over.set()
    with orchestrator:
        for asker in askers:
            asker.join(WAIT)

        assert [asker.is_alive() for asker in askers] == [False] * 4
        assert surprises == []
