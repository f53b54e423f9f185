"""The workers without an orchestrator: attempts go in, and an engine made by hand is told of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support import tasks
from tests.support.tasks import WAIT
from yieldflow import Activity, Registry, WorkerDiedError, activity
from yieldflow._core.history import Codec, Failure, Payload
from yieldflow.codec import codec_named
from yieldflow.inbox import Inbox
from yieldflow.workers import Attempt, Completed, Pools, SizeLimits


class HandMadeEngine:
    """Lets every attempt begin, and keeps what it is told."""

    codec: Codec = codec_named("pickle")
    limits = SizeLimits(result=100, details=50)

    def __init__(self) -> None:
        #: The worker of each attempt when it asked whether to begin.
        self.begun: list[str | None] = []
        self.ended: Inbox[Completed] = Inbox()

    def begin(self, attempt: Attempt) -> bool:
        self.begun.append(attempt.worker)
        attempt.begun_at = 1
        return True

    def beat(self, attempt: Attempt, details: Payload) -> None:
        attempt.beat = (details, 1)

    def deliver(self, completed: Completed) -> None:
        self.ended.put(completed)


@contextmanager
def pools(engine: HandMadeEngine, executors: Mapping[str, Executor] | None = None, threads: int = 1) -> Iterator[Pools]:
    """All kinds of workers, for a hand-made engine."""
    workers = Pools(threads, 1, executors or {}, engine)
    workers.start()
    try:
        yield workers
    finally:
        workers.close()
        workers.join(None)
        workers.kill()


def attempt_at(engine: HandMadeEngine, definition: Activity[..., Any], **arguments: object) -> Attempt:
    return Attempt(("job", 1, 0), 1, definition, engine.codec.encode(arguments), definition.options)


def outcome_of(engine: HandMadeEngine, workers: Pools, attempt: Attempt) -> object:
    """Run one attempt; its result, or the failure."""
    workers.submit(attempt)
    (completed,) = engine.ended.take(WAIT, 1)
    assert completed.attempt is attempt
    outcome = completed.outcome
    return outcome if isinstance(outcome, Failure) else engine.codec.decode(outcome)


def current_thread_name() -> str:
    return threading.current_thread().name


async def event_loop_name() -> str:
    return "event loop"


def process_name() -> str:
    return f"process {os.getpid()}"


@pytest.mark.parametrize(
    ("function", "options"),
    [(current_thread_name, {}), (event_loop_name, {}), (process_name, {"executor": "process"})],
    ids=["thread", "event loop", "process"],
)
def test_an_attempt_knows_its_worker_when_it_begins(function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Before its function is called, an attempt has the name of the thread, the event loop or the process."""
    engine = HandMadeEngine()
    attempt = attempt_at(engine, activity(function, registry=Registry(), **options))

    with pools(engine) as workers:
        name = outcome_of(engine, workers, attempt)

    assert engine.begun == [name]
    assert attempt.worker == name


def test_the_worker_of_an_executor_is_its_name() -> None:
    """In an executor that was handed over, an attempt's worker is the name that the executor was given."""
    engine = HandMadeEngine()
    attempt = attempt_at(engine, activity(tasks.same, executor="gpu", registry=Registry()), value=1)

    with ThreadPoolExecutor(1) as executor, pools(engine, {"gpu": executor}) as workers:
        assert outcome_of(engine, workers, attempt) == 1

    assert engine.begun == ["gpu"]


def test_an_attempt_that_killed_its_process_tells_which_it_was() -> None:
    """If a worker process dies, the attempt still says which process it was."""
    engine = HandMadeEngine()
    attempt = attempt_at(engine, activity(tasks.die, executor="process", registry=Registry()), how="exit")

    with pools(engine) as workers:
        failure = outcome_of(engine, workers, attempt)

    assert isinstance(failure, Failure)
    assert failure.type_name.endswith(WorkerDiedError.__name__)
    assert str(attempt.worker).startswith("process ")
    assert engine.begun == [attempt.worker]


def test_what_no_worker_had_has_none() -> None:
    """An attempt that fails since its executor was never handed over has no worker."""
    engine = HandMadeEngine()
    attempt = attempt_at(engine, activity(tasks.same, executor="gpu", registry=Registry()), value=1)

    with pools(engine) as workers:
        outcome_of(engine, workers, attempt)

    assert attempt.worker is None


def test_each_thread_has_a_name_of_its_own() -> None:
    """Two activities that run at once are told apart by the names of their threads."""
    engine = HandMadeEngine()
    both = threading.Barrier(2)

    def meet() -> str:
        both.wait(WAIT)
        return threading.current_thread().name

    definition = activity(meet, registry=Registry())
    attempts = [attempt_at(engine, definition), attempt_at(engine, definition)]
    with pools(engine, threads=2) as workers:
        for attempt in attempts:
            workers.submit(attempt)
        completed: list[Completed] = []
        while len(completed) < 2:
            completed += engine.ended.take(WAIT, 2)

    assert len({attempt.worker for attempt in attempts}) == 2
