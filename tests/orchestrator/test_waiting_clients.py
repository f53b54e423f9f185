"""Many wait for workflows in a client: one look at the file serves them all, and each hears of what concerns it."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import WAIT, awaited, in_threads, until
from yieldflow import (
    DatabaseLostError,
    Flow,
    Orchestrator,
    Registry,
    WorkflowHandle,
    WorkflowNotFoundError,
    wait_signal,
    workflow,
)
from yieldflow.orchestrator import polling
from yieldflow.sqlite import SqliteStore

registry = Registry()


@workflow(registry=registry)
def waiting(number: int) -> Flow[tuple[int, object]]:
    return number, (yield wait_signal("go"))


class Looks(Counter[str]):
    """Counts the looks at the file: each ``record`` is one at a single workflow, each ``ended`` one at all of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        record, ended = SqliteStore.record, SqliteStore.ended

        def counted_record(store: SqliteStore, workflow_id: str) -> Any:
            self["record"] += 1
            return record(store, workflow_id)

        def counted_ended(store: SqliteStore, ids: Collection[str], since: object) -> Any:
            result = ended(store, ids, since)
            self["ended"] += 1
            return result

        monkeypatch.setattr(SqliteStore, "record", counted_record)
        monkeypatch.setattr(SqliteStore, "ended", counted_ended)

    def until_more(self, number: int = 3) -> None:
        """Wait until all of them were looked at some times more."""
        goal = self["ended"] + number
        until(lambda: self["ended"] >= goal)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


@pytest.fixture
def client(database: Path) -> Iterator[Orchestrator]:
    """Not started; nobody owns the file until a test has it so."""
    client = Orchestrator(database, registry=registry)
    yield client
    client.stop()


def signalled(handles: list[WorkflowHandle[tuple[int, object]]]) -> None:
    for number, handle in enumerate(handles):
        handle.signal("go", number)


def test_waits_of_coroutines_share_each_look(database: Path, client: Orchestrator, looks: Looks) -> None:
    """However long many coroutines await workflows: the file is looked at for all at once, and each gets its result."""
    handles = client.submit_many(waiting(number) for number in range(40))

    async def collect() -> list[Any]:
        tasks = [asyncio.ensure_future(awaited(handle)) for handle in handles]
        await asyncio.to_thread(lambda: until(lambda: looks["record"] >= len(handles)))
        before = looks["record"]
        await asyncio.to_thread(looks.until_more, 10)
        assert looks["record"] == before
        with Orchestrator(database, registry=registry):
            await asyncio.to_thread(signalled, handles)
            return await asyncio.gather(*tasks)

    results = asyncio.run(asyncio.wait_for(collect(), WAIT))
    assert results == [(number, number) for number in range(40)]


def test_waits_of_threads_share_each_look(database: Path, client: Orchestrator, looks: Looks) -> None:
    """The same of threads that wait in `result`."""
    handles = client.submit_many(waiting(number) for number in range(10))

    def wait_or_signal(number: int) -> Any:
        if number < len(handles):
            return handles[number].result(WAIT)
        until(lambda: looks["record"] >= len(handles))
        before = looks["record"]
        looks.until_more(10)
        assert looks["record"] == before
        with Orchestrator(database, registry=registry) as owner:
            signalled(handles)
            return [owner.handle(handle.id).result(WAIT) for handle in handles][-1]

    results = in_threads(len(handles) + 1, wait_or_signal)
    assert results == [*((number, number) for number in range(10)), (9, 9)]


def test_nobody_looks_when_nobody_waits(client: Orchestrator, looks: Looks) -> None:
    """When the last wait is over, its thread ends."""
    with pytest.raises(TimeoutError):
        client.submit(waiting(1)).result(timeout=0.1)
    until(lambda: not any(thread.name == "yieldflow-polling" for thread in threading.enumerate()))


def heard(handle: WorkflowHandle[Any], errors: list[BaseException]) -> threading.Thread:
    """Wait for a workflow on a thread, which keeps what is raised there."""

    def wait() -> None:
        try:
            handle.result(WAIT)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_client_that_deletes_what_is_waited_for(database: Path, client: Orchestrator, looks: Looks) -> None:
    """A wait in a client hears of what the same client does to the workflow, too."""
    handle, errors = client.submit(waiting(1)), list[BaseException]()
    thread = heard(handle, errors)
    looks.until_more()
    # As if it had ended and been deleted between two looks.
    client._gateway.open()._write(lambda connection: connection.execute("delete from workflows"))
    thread.join(WAIT)
    assert [type(error) for error in errors] == [WorkflowNotFoundError]


def test_a_file_that_is_lost_ends_every_wait(database: Path, client: Orchestrator, looks: Looks) -> None:
    """Whoever waits in a client is told that the file was deleted."""
    errors = list[BaseException]()
    threads = [heard(handle, errors) for handle in client.submit_many(waiting(number) for number in range(3))]
    looks.until_more()
    database.unlink()
    for thread in threads:
        thread.join(WAIT)
    assert [type(error) for error in errors] == [DatabaseLostError] * 3


def test_a_client_that_starts_while_it_waits(client: Orchestrator, looks: Looks) -> None:
    """A wait that began in a client goes on when this becomes the owner."""
    handle = client.submit(waiting(1))

    def wait_or_start(number: int) -> tuple[int, object]:
        if number == 0:
            return handle.result(WAIT)
        looks.until_more()
        with client:
            handle.signal("go", "on")
            return handle.result(WAIT)

    assert in_threads(2, wait_or_start) == [(1, "on")] * 2


def test_waits_without_an_owner_are_told_of_once(
    client: Orchestrator, looks: Looks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who waits while no orchestrator is started is warned once, in one line for all that one look finds."""
    monkeypatch.setattr(polling, "WARNING_DELAY", 0)
    # They come together, so that one look finds them all, unless the machine is held up meanwhile.
    monkeypatch.setattr(polling, "POLL_INTERVAL", 0.2)
    handles = client.submit_many(waiting(number) for number in range(20))

    async def wait() -> None:
        tasks = [asyncio.ensure_future(awaited(handle)) for handle in handles]
        await asyncio.to_thread(looks.until_more)
        for task in tasks:
            task.cancel()

    with caplog.at_level(logging.WARNING, "yieldflow"):
        asyncio.run(wait())
    warnings = [record.getMessage() for record in caplog.records]
    told = [
        re.search(r"^\S+(?: and (\d+) more are| is) waited for, and no orchestrator is started on ", each)
        for each in warnings
    ]
    assert sum(1 + int(each[1] or 0) for each in told if each is not None) == 20
    assert len(warnings) < 20


def test_a_wait_where_no_thread_can_be_started(
    database: Path, client: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system gives no more threads, each wait looks for itself."""
    handle = client.submit(waiting(1))
    with Orchestrator(database, registry=registry):
        handle.signal("go", "on")
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name == "yieldflow-polling":
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refuse)
        assert handle.result(WAIT) == (1, "on")
