"""Promises of executors that are handed to the orchestrator, and stay their owner's."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, InvalidStateError, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support import tasks
from tests.support.executors import Place, narrow
from tests.support.tasks import WAIT, Door
from yieldflow import (
    Flow,
    Orchestrator,
    OrchestratorStoppedError,
    Registry,
    RetryPolicy,
    WorkerDiedError,
    WorkflowCancelledError,
    activity,
    gather,
    wait_signal,
    workflow,
)


def test_a_stop_wakes_what_waits_in_a_given_executor(tmp_path: Path) -> None:
    """An activity in a given executor that waits for a workflow hears of the stop, and runs again if it fails then."""
    with narrow("given threads", tmp_path) as place:
        orchestrator = place.orchestrator()
        waits = threading.Event()
        heard: list[str] = []

        def patient(workflow_id: str) -> str:
            if heard:
                return "again"
            waits.set()
            try:
                return str(orchestrator.handle(workflow_id).result(WAIT))
            except OrchestratorStoppedError as error:
                heard.append(type(error).__name__)
                raise

        waiting = place.activity(patient)

        @place.workflow
        def never() -> Flow[None]:
            yield wait_signal("never")

        @place.workflow
        def job(workflow_id: str) -> Flow[Any]:
            return (yield from waiting(workflow_id))

        orchestrator.start()
        handle = orchestrator.submit(job(orchestrator.submit(never()).id))
        assert waits.wait(WAIT)
        orchestrator.stop()
        between = handle.describe().step

        with orchestrator:
            assert (between, heard, handle.result(WAIT)) == (0, ["OrchestratorStoppedError"], "again")


def test_what_the_owner_of_an_executor_cancels(tmp_path: Path, door: Door) -> None:
    """An activity that the executor's owner cancels before it begins has failed, and may be tried again."""
    handed_over = threading.Semaphore(0)

    class Noting(ThreadPoolExecutor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = super().submit(fn, *args, **kwargs)
            handed_over.release()
            return future

    pool = Noting(1)
    place = Place("given threads", tmp_path / "w.db", {"given threads": pool})
    knock, same = place.activity(tasks.knock), place.activity(tasks.same)

    @place.workflow
    def job() -> Flow[Any]:
        return (yield from gather(knock(door.port), same(1), return_exceptions=True))

    with place.orchestrator() as orchestrator:
        handle = orchestrator.submit(job())
        visitor = door.visitor()
        for _ in range(2):
            assert handed_over.acquire(timeout=WAIT)
        pool.shutdown(wait=False, cancel_futures=True)
        visitor.let_go("ran")
        ran, cancelled = handle.result(WAIT)

    assert ran == "ran"
    assert isinstance(cancelled, WorkerDiedError)
    assert str(cancelled) == "executor 'given threads' failed activity 'same': it was cancelled"


class Ending(Executor):
    """Has a thread for each call, and futures that can be cancelled at any time, as those of some executors can."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Begin a call."""
        future: Future[Any] = Future()

        def work() -> None:
            result = fn(*args, **kwargs)
            with suppress(InvalidStateError):
                future.set_result(result)

        threading.Thread(target=work, daemon=True).start()
        return future


@pytest.mark.parametrize("on_cancel", ["abandon", "wait"])
def test_an_executor_that_can_end_what_runs(tmp_path: Path, door: Door, on_cancel: str) -> None:
    """A cancelled activity makes room for the next; an activity that is to be waited for is not cancelled."""
    place = Place("ending", tmp_path / "w.db", {"ending": Ending()})
    knock = place.activity(tasks.knock, max_concurrent=1, on_cancel=on_cancel)

    @place.workflow
    def job() -> Flow[Any]:
        return (yield from knock(door.port))

    with place.orchestrator() as orchestrator:
        first, second = orchestrator.submit(job()), orchestrator.submit(job())
        visitor = door.visitor()
        first.cancel()
        if on_cancel == "wait":
            visitor.let_go("waited for")
        with pytest.raises(WorkflowCancelledError):
            first.result(WAIT)
        door.visitor().let_go("next")
        assert second.result(WAIT) == "next"
        visitor.let_go("too late")


def test_an_executor_that_there_is_not(tmp_path: Path) -> None:
    """`start()` refuses a registry with an activity for an executor that was not given, and names both."""
    registry = Registry()
    activity(tasks.same, executor="gpu", registry=registry)
    orchestrator = Orchestrator(tmp_path / "w.db", registry=registry)

    with pytest.raises(ValueError, match=r"activity 'same' is to run in executor='gpu'.*executors=\{'gpu': \.\.\.\}"):
        orchestrator.start()


def test_an_executor_that_is_missed_later(tmp_path: Path) -> None:
    """An activity defined after the start fails at once if its executor was not given, and hears which there are."""
    registry = Registry()
    with (
        ThreadPoolExecutor(1) as pool,
        Orchestrator(tmp_path / "w.db", registry=registry, executors={"cpu": pool}) as orchestrator,
    ):
        same = activity(tasks.same, executor="gpu", registry=registry, retry=RetryPolicy())

        @workflow(registry=registry)
        def job() -> Flow[Any]:
            return (yield from same(1))

        with pytest.raises(ValueError, match="There are: 'thread', 'async', 'process', 'cpu'"):
            orchestrator.submit(job()).result(WAIT)


def test_an_executor_that_was_shut_down(tmp_path: Path) -> None:
    """An activity whose executor takes no more has failed, with the executor's name and reason."""
    pool = ThreadPoolExecutor(1)
    place = Place("given threads", tmp_path / "w.db", {"given threads": pool})
    pool.shutdown()

    with pytest.raises(WorkerDiedError, match="'given threads' failed activity 'same': RuntimeError: cannot schedule"):
        place.run(place.activity(tasks.same), 1)


def test_an_executor_whose_processes_die(tmp_path: Path) -> None:
    """An activity that takes a given pool's process down has failed, with the pool's reason."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        place = Place("given processes", tmp_path / "w.db", {"given processes": pool})

        with pytest.raises(WorkerDiedError, match="'given processes' failed activity 'die': BrokenProcessPool"):
            place.run(place.activity(tasks.die), "exit")


def test_an_executor_stays_its_owner_s(tmp_path: Path) -> None:
    """An executor that was handed over works on after the orchestrator's stop."""
    with ThreadPoolExecutor(1) as pool:
        place = Place("given threads", tmp_path / "w.db", {"given threads": pool})

        assert place.run(place.activity(tasks.same), 1) == 1
        assert pool.submit(tasks.same, 2).result(WAIT) == 2
