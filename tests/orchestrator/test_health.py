"""Health: the load, and every attempt that holds a worker, whoever still waits for it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.launch import Program
from tests.support.shop import WAIT, Gate, until
from yieldflow import (
    ActivityTimeoutError,
    Flow,
    Health,
    Orchestrator,
    Owner,
    Registry,
    RunningAttempt,
    activity,
    workflow,
)


def holding(orchestrator: Orchestrator) -> list[tuple[str, str, int, str]]:
    """Why, which workflow, which step and which activity, of every attempt that holds a worker."""
    attempts = orchestrator.health().attempts
    return [(each.hold, each.info.workflow_id, each.info.step, each.info.activity) for each in attempts]


@pytest.fixture
def hold(registry: Registry, gate: Gate) -> Any:
    """A workflow of one activity that waits for the gate."""

    @activity(registry=registry)
    def hold() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield hold()

    return job


def test_health(database: Path, registry: Registry, gate: Gate, hold: Any) -> None:
    """Health shows the numbers of attempts that run and that wait, and which hold a worker since when."""
    orchestrator = Orchestrator(database, max_workers=1, registry=registry)
    assert orchestrator.health() == Health(started=False)
    with orchestrator:
        handles = orchestrator.submit_many(hold() for _ in range(3))
        gate.await_entry()
        health = orchestrator.health()
        (attempt,) = health.attempts
        assert health == Health(started=True, running=1, waiting=2, attempts=(attempt,), owner=health.owner)
        assert attempt == RunningAttempt(attempt.info, "yieldflow-worker-1", attempt.since, "running")
        assert attempt.since is not None
        assert (attempt.info.workflow_id, attempt.info.activity) == (handles[0].id, "hold")
        gate.open()
        for handle in handles:
            handle.result(WAIT)
        until(lambda: orchestrator.health().attempts == ())


@pytest.mark.parametrize("way", ["cancel", "terminate"])
def test_a_cancelled_attempt_that_does_not_return(
    database: Path, registry: Registry, gate: Gate, hold: Any, way: str
) -> None:
    """An attempt that nobody waits for any more is listed as long as it holds its thread."""
    with Orchestrator(database, max_workers=1, registry=registry) as orchestrator:
        handle = orchestrator.submit(hold())
        gate.await_entry()
        waits = orchestrator.submit(hold())
        getattr(handle, way)()
        until(lambda: holding(orchestrator) == [("cancelled", handle.id, 0, "hold")])
        assert (orchestrator.health().running, orchestrator.health().waiting) == (0, 1)
        gate.open()
        waits.result(WAIT)


def test_an_attempt_out_of_time_in_an_executor(database: Path, registry: Registry, gate: Gate) -> None:
    """What a given executor still runs after its time is listed until the executor is done with it."""

    @activity(registry=registry, executor="own", timeout=0.02)
    def hang() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield hang()

    with (
        ThreadPoolExecutor(1) as own,
        Orchestrator(database, registry=registry, executors={"own": own}) as orchestrator,
    ):
        handle = orchestrator.submit(job())
        with pytest.raises(ActivityTimeoutError):
            handle.result(WAIT)
        until(lambda: holding(orchestrator) == [("timed out", handle.id, 0, "hang")])
        assert [each.workflow_id for each in orchestrator.health().abandoned] == [handle.id]
        gate.open()
        until(lambda: holding(orchestrator) == [])


def test_an_attempt_out_of_time_on_the_event_loop(database: Path, registry: Registry) -> None:
    """A coroutine that does not heed its cancellation is listed until it ends."""
    over = threading.Event()

    @activity(registry=registry, timeout=0.02)
    async def stubborn() -> None:
        while not over.is_set():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                continue

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield stubborn()

    with Orchestrator(database, registry=registry) as orchestrator:
        handle = orchestrator.submit(job())
        with pytest.raises(ActivityTimeoutError):
            handle.result(WAIT)
        until(lambda: holding(orchestrator) == [("timed out", handle.id, 0, "stubborn")])
        over.set()
        until(lambda: holding(orchestrator) == [])


def test_a_stop_says_of_a_cancelled_attempt_that_it_is_over(
    database: Path, registry: Registry, gate: Gate, hold: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What a stop leaves running runs again at the next start only where it was not cancelled, and the log says so."""
    with Orchestrator(database, max_workers=2, registry=registry) as orchestrator:
        handles = [orchestrator.submit(hold()) for _ in range(2)]
        gate.await_entry()
        gate.await_entry()
        handles[0].cancel()
        until(lambda: handles[0].describe().status == "cancelled")
        orchestrator.stop(timeout=0)
    said = {record.getMessage() for record in caplog.records if record.levelno == logging.WARNING}
    assert {line for line in said if line.startswith("activity")} == {
        f"activity 'hold' of workflow {handles[0].id} is left running: its result is dropped, and since it was "
        "cancelled it does not run again",
        f"activity 'hold' of workflow {handles[1].id} is left running: its result is dropped, and it runs again at the "
        "next start",
    }


# ---------------------------------------------------------------------- the owner


def test_the_owner_is_shown_to_itself_and_to_clients(database: Path, registry: Registry) -> None:
    """Health says, started or not, which process owns the file, where, and since when; None if none does."""
    client = Orchestrator(database, registry=registry)
    before = datetime.now(UTC).replace(microsecond=0)
    assert client.health().owner is None
    assert not database.exists()
    with Orchestrator(database, registry=registry) as orchestrator:
        owner = client.health().owner
        assert owner is not None
        assert owner.since is not None
        assert (owner.pid, owner.host) == (os.getpid(), socket.gethostname())
        assert before <= owner.since <= datetime.now(UTC)
        assert orchestrator.health().owner == owner
        assert not client.health().started
    assert client.health() == Health(started=False)


def test_the_owner_in_another_process_is_shown(database: Path, registry: Registry) -> None:
    """A client sees the owner in another process, until it is killed."""
    client = Orchestrator(database, registry=registry)
    with Program("owner", database) as owner:
        assert owner.line() == "started"
        found = client.health().owner
        assert found is not None
        assert found.pid == owner.pid
        owner.kill()
    assert client.health().owner is None


def test_an_owner_without_a_note_is_shown(database: Path, registry: Registry) -> None:
    """Where the note that the owner left cannot be read, it is still told that there is one."""
    with Orchestrator(database, registry=registry):
        with closing(sqlite3.connect(database)) as other, other:
            other.execute("update meta set value = '{' where key = 'owner'")
        assert Orchestrator(database, registry=registry).health().owner == Owner(None, None, None)
