"""`retry` of what has stalled, of what cannot be retried, and from elsewhere."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import desk
from tests.support.programs.launch import Program
from tests.support.shop import (
    WAIT,
    Declined,
    Gate,
    Works,
    failed,
    in_threads,
    nap,
    total,
    until,
    until_waiting,
)
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    ResultTimeoutError,
    RetryRefusedError,
    WorkflowNotEndedError,
    WorkflowNotFoundError,
    WorkflowStalledError,
    WorkflowStatus,
    activity,
    wait_signal,
    workflow,
)

# ---------------------------------------------------------------------- stalled

broken_values: list[str] = []


class Brittle:
    """Cannot be read back while `broken_values` says so."""

    def __reduce__(self) -> Any:
        return make_brittle, ()


def make_brittle() -> Brittle:
    if broken_values:
        raise RuntimeError(f"cannot be read back: {broken_values[0]}")
    return Brittle()


@pytest.fixture
def brittle() -> Any:
    yield broken_values.append
    broken_values.clear()


@pytest.mark.parametrize("from_step", [None, 0, 1])
def test_a_stalled_workflow(database: Path, brittle: Any, from_step: int | None) -> None:
    """A stalled workflow that is retried tries again, on a client too; result() waits for what comes of it."""
    registry = Registry()
    works = Works(registry)

    @activity(registry=registry)
    def make() -> Brittle:
        works.done.append("make")
        return Brittle()

    @workflow(registry=registry)
    def job() -> Flow[str]:
        made = yield from make()
        yield wait_signal("go")
        return type(made).__name__

    with Orchestrator(database, registry=registry) as first:
        until_waiting(first.submit(job(), workflow_id="w"), "go")
    brittle("no module")
    client = Orchestrator(database, registry=registry)
    with Orchestrator(database, registry=registry) as second:
        handle = second.handle("w")
        handle.signal("go")
        for _ in range(2):
            with pytest.raises(WorkflowStalledError, match="cannot be read back: no module"):
                handle.result(WAIT)
            handle.retry()
        with pytest.raises(WorkflowStalledError, match="cannot be read back: no module"):
            handle.result(WAIT)
        broken_values.clear()
        client.handle("w").retry(from_step)
        assert client.handle("w").result(WAIT) == handle.result(WAIT) == "Brittle"
    client.stop()
    assert works.done == ["make"] * (2 if from_step == 0 else 1)


def test_a_workflow_that_was_parked_for_too_many_crashes(database: Path, registry: Registry, gate: Gate) -> None:
    """One that was set aside since the process died with it too often gets as many attempts again."""
    ran: list[int] = []

    @activity(registry=registry)
    def work() -> str:
        ran.append(1)
        if len(ran) == 1:
            gate.pass_through()
        return "worked"

    @workflow(registry=registry)
    def job() -> Flow[str]:
        return (yield from work())

    first = Orchestrator(database, registry=registry)
    first.start()
    first.submit(job(), workflow_id="w")
    gate.await_entry()
    first.stop(timeout=0)
    connection = sqlite3.connect(database)
    connection.execute("update workflows set recovery_attempts = 10")
    connection.commit()
    connection.close()
    with Orchestrator(database, registry=registry) as second:
        handle = second.handle("w")
        with pytest.raises(WorkflowStalledError, match="10 times in a row the process died"):
            handle.result(WAIT)
        handle.retry()
        assert handle.result(WAIT) == "worked"


# ---------------------------------------------------------------------- refusals


def test_what_cannot_be_retried(store: Orchestrator) -> None:
    """A workflow that is done, processing or suspended is not retried, with or without a step; the error says why."""
    done = store.submit(total(1))
    done.result(WAIT)
    under_way = store.submit(nap())
    suspended = store.submit(nap())
    suspended.suspend()

    for step in (None, 0):
        with pytest.raises(RetryRefusedError, match=rf"{done.id} is done.*handle\.fork\(step\)"):
            done.retry(step)
        with pytest.raises(WorkflowNotEndedError, match=rf"{under_way.id} is processing"):
            under_way.retry(step)
        with pytest.raises(WorkflowNotEndedError, match=rf"{suspended.id} is suspended.*resume\(\)"):
            suspended.retry(step)
    assert done.describe().status is WorkflowStatus.DONE


@pytest.mark.parametrize("step", [3, -1, 10**30])
def test_an_unknown_step(orchestrator: Orchestrator, works: Works, trip: Any, step: int) -> None:
    """A step that is not there is refused, with those that are."""
    works.broken.add("car")
    handle = failed(orchestrator, trip(), Declined)

    with pytest.raises(ValueError, match=rf"{handle.id} has no step {step}: it has the steps 0 to 2"):
        handle.retry(from_step=step)


@pytest.mark.parametrize("step", ["0", 0.0, True])
def test_what_is_no_step(orchestrator: Orchestrator, works: Works, trip: Any, step: Any) -> None:
    """A step is a number."""
    works.broken.add("flight")
    handle = failed(orchestrator, trip(), Declined)

    with pytest.raises(TypeError, match="a step is given by its number"):
        handle.retry(from_step=step)


def test_a_workflow_that_is_not_there(store: Orchestrator) -> None:
    """A workflow that was deleted cannot be retried."""
    handle = store.submit(nap(), workflow_id="w")
    handle.terminate()
    store.delete("w")

    with pytest.raises(WorkflowNotFoundError, match="'w'"):
        handle.retry()


def test_of_many_that_retry_at_once_one_does(orchestrator: Orchestrator, registry: Registry, works: Works) -> None:
    """However many retry at the same time, the workflow goes on once; the others are told that it is under way."""

    @workflow(registry=registry)
    def job() -> Flow[object]:
        yield works.do("work")
        return (yield from wait_signal("go"))

    works.broken.add("work")
    handle = failed(orchestrator, job(), Declined)
    works.broken.clear()
    results = in_threads(8, lambda _: handle.retry())

    assert sum(result is None for result in results) == 1
    assert {type(result) for result in results if result is not None} == {WorkflowNotEndedError}
    handle.signal("go", "on")
    assert (handle.result(WAIT), works.done) == ("on", ["work"])


# ---------------------------------------------------------------------- elsewhere


def test_a_client_retries_what_another_process_runs(database: Path, tmp_path: Path) -> None:
    """A client's retry is carried out by the process that owns the file; the client's result() is the new one."""
    missing = tmp_path / "note.txt"
    client = Orchestrator(database, registry=desk.registry)
    with Program("desk", database) as running:
        assert running.line() == "started"
        handle = client.submit(desk.reading(str(missing)))
        with pytest.raises(FileNotFoundError):
            handle.result(WAIT)
        missing.write_text("second")
        handle.retry()
        assert handle.result(WAIT) == "noted first, second"
    client.stop()


def test_the_owner_s_handles_hear_of_a_client_s_retry(
    database: Path, orchestrator: Orchestrator, registry: Registry, gate: Gate
) -> None:
    """A handle of the owner that knows of the failure waits for the new result once a client has retried."""
    broken = [True]

    @activity(registry=registry)
    def work() -> str:
        if broken:
            raise Declined(broken.pop())
        gate.pass_through()
        return "worked"

    @workflow(registry=registry)
    def job() -> Flow[str]:
        return (yield from work())

    handle = failed(orchestrator, job(), Declined)
    client = Orchestrator(database, registry=registry)
    client.handle(handle.id).retry()
    gate.await_entry()
    with pytest.raises(ResultTimeoutError):
        handle.result(timeout=0)
    gate.open()

    assert handle.result(WAIT) == "worked"
    client.stop()


def test_retried_while_nothing_runs(database: Path, registry: Registry, works: Works, trip: Any) -> None:
    """A retry while nobody owns the file is carried out at the next start."""
    works.broken.add("car")
    with Orchestrator(database, registry=registry) as first:
        handle = failed(first, trip(), Declined)
    works.broken.clear()
    handle.retry()
    with Orchestrator(database, registry=registry) as second:
        assert second.handle(handle.id).result(WAIT) == ["flight", "hotel", "car"]
    assert works.done == ["flight", "hotel", "car"]


# ---------------------------------------------------------------------- asked before a start


class Mended:
    """A workflow whose own code fails until it is mended, and a parent of it."""

    def __init__(self) -> None:
        self.registry = registry = Registry()
        self.is_mended = False

        @activity(registry=registry)
        def load() -> list[int]:
            return [1]

        @workflow(registry=registry)
        def first() -> Flow[int]:
            items: Any = yield from load()
            return int(items[0 if self.is_mended else "0"])

        @workflow(registry=registry)
        def parent() -> Flow[int]:
            return (yield from first())

        self.first, self.parent = first, parent


@pytest.fixture
def mended(database: Path) -> Mended:
    """The code, mended by now; in the file two workflows that failed of it, and nobody owns the file."""
    code = Mended()
    with Orchestrator(database, registry=code.registry) as orchestrator:
        for invocation, workflow_id in ((code.first(), "first"), (code.parent(), "parent")):
            with pytest.raises(TypeError):
                orchestrator.submit(invocation, workflow_id=workflow_id).result(WAIT)
    code.is_mended = True
    return code


def _retry(client: Orchestrator) -> str:
    client.handle("first").retry()
    return "first"


def _retry_with_a_child(client: Orchestrator) -> str:
    client.handle("parent").retry()
    return "parent"


def _fork(client: Orchestrator) -> str:
    return client.handle("first").fork(0, "copy").id


def _retry_and_resume(client: Orchestrator) -> str:
    client.handle("first").retry()
    client.handle("first").resume()
    return "first"


@pytest.mark.parametrize("ask", [_retry, _retry_with_a_child, _fork, _retry_and_resume])
def test_what_goes_on_by_itself_is_not_complained_of(
    database: Path, mended: Mended, caplog: pytest.LogCaptureFixture, ask: Callable[[Orchestrator], str]
) -> None:
    """A workflow that was asked to go on before a start, and has ended before that is read, makes no warning."""
    orchestrator = Orchestrator(database, registry=mended.registry)
    workflow_id = ask(orchestrator)
    with caplog.at_level(logging.WARNING, "yieldflow"), orchestrator:
        assert orchestrator.handle(workflow_id).result(WAIT) == 1
        until(lambda: not _open_requests(database))
    assert caplog.messages == []


def test_a_request_that_comes_too_late_is_told(
    database: Path, mended: Mended, caplog: pytest.LogCaptureFixture
) -> None:
    """A cancellation that is read once its workflow has ended is not carried out, and a warning says so."""
    orchestrator = Orchestrator(database, registry=mended.registry)
    orchestrator.handle("first").retry()
    orchestrator.handle("first").cancel()
    with caplog.at_level(logging.WARNING, "yieldflow"), orchestrator:
        assert orchestrator.handle("first").result(WAIT) == 1
        until(lambda: not _open_requests(database))
    assert len(caplog.messages) == 1
    assert "what a client asked of workflow first is not done: " in caplog.messages[0]
    assert "it takes no cancel any more" in caplog.messages[0]


def _open_requests(database: Path) -> list[Any]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("select kind from workflow_inputs where applied is null").fetchall()
