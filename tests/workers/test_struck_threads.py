"""A thread of the workers that an exception strikes outside of activities: nothing waits for ever, and the log tells.

Another thread may raise an exception anywhere (`PyThreadState_SetAsyncExc`, as libraries of time limits do), and memory
may run out anywhere. Here it is raised by a trace function, at each line of the engine's own code in turn.
"""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import linecache
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.support.tasks import WAIT
from tests.workers.test_pools import HandMadeEngine, attempt_at, pools
from yieldflow import Flow, Orchestrator, Registry, RetryPolicy, activity, activity_context, workflow
from yieldflow._core.history import Failure
from yieldflow.workers import Attempt, Pools, threads

SOURCES = Path(threads.__file__).parent
FAILED = object()


class Struck(BaseException):
    """Raised where no code expects it."""


class OnceOnly(HandMadeEngine):
    """Lets no attempt begin twice, as the scheduler does."""

    def begin(self, attempt: Attempt) -> bool:
        return attempt.begun_at is None and super().begin(attempt)


class Strike:
    """Raises at one line of a thread's own code, counted from when it is armed.

    Args:
        thread: The beginning of the thread's name.
        line: The number of the line, from 0.
    """

    def __init__(self, thread: str, line: int) -> None:
        self._thread = thread
        self._left = line
        self.armed = False
        #: The function that it strikes in, if only in one.
        self.within: str | None = None
        #: Where it struck.
        self.where: str | None = None

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not threading.current_thread().name.startswith(self._thread):
            return None
        ours = Path(frame.f_code.co_filename).parent == SOURCES and self.within in (None, frame.f_code.co_name)
        return self._line if ours else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        # At a `try`, and between a body and the end of its `with`, a trace function is called, and no exception comes.
        safe = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith(("with ", "try:"))
        if event == "line" and self.armed and self.where is None and not safe:
            if self._left == 0:
                self.where = f"{frame.f_code.co_qualname}:{frame.f_lineno}"
                raise Struck("out of nowhere")
            self._left -= 1
        return self._line


@pytest.fixture
def trace() -> Iterator[Callable[[Strike], None]]:
    before = threading.gettrace()
    yield lambda strike: threading.settrace(strike)
    threading.settrace(before)


def same(value: int) -> int:
    return value


def end_of(engine: OnceOnly, workers: Pools, attempt: Attempt) -> object:
    """Run one attempt; its result, or `FAILED`. A scheduler drops what is delivered a second time."""
    workers.submit(attempt)
    while ends := engine.ended.take(WAIT, 1):
        if ends[0].attempt is attempt:
            outcome = ends[0].outcome
            return FAILED if isinstance(outcome, Failure) else engine.codec.decode(outcome)
    raise AssertionError(f"{attempt} never ends")


async def same_later(value: int) -> int:
    await asyncio.sleep(0)
    return await asyncio.to_thread(same, value)


PROCESS: dict[str, Any] = {"executor": "process"}


@pytest.mark.parametrize(
    ("function", "options", "thread", "every"),
    [
        pytest.param(same, {}, "yieldflow-worker", 1, id="worker"),
        pytest.param(same_later, {}, "yieldflow-event-loop", 1, id="event loop"),
        pytest.param(same_later, {}, "yieldflow-to-thread", 1, id="to_thread"),
        # Each line takes several processes, and their start most of a second.
        pytest.param(same, PROCESS, "yieldflow-processes", 23, id="manager of processes", marks=pytest.mark.slow),
        pytest.param(same, PROCESS, "yieldflow-process-pipe", 2, id="pipe of a process", marks=pytest.mark.slow),
    ],
)
def test_each_line_of_a_thread(
    trace: Callable[[Strike], None], function: Callable[..., Any], options: dict[str, Any], thread: str, every: int
) -> None:
    """Wherever the thread is struck, its attempt ends, if only by failing, and those after it run."""
    definition = activity(function, registry=Registry(), **options)
    for line in itertools.count(step=every):
        strike = Strike(thread, line)
        trace(strike)
        engine = OnceOnly()
        with pools(engine) as workers:
            assert end_of(engine, workers, attempt_at(engine, definition, value=1)) == 1
            strike.armed = True
            assert end_of(engine, workers, attempt_at(engine, definition, value=2)) in (2, FAILED), strike.where
            assert end_of(engine, workers, attempt_at(engine, definition, value=3)) in (3, FAILED), strike.where
            strike.armed = False
            assert end_of(engine, workers, attempt_at(engine, definition, value=4)) == 4, strike.where
        if strike.where is None:
            break
    assert line > 5


def test_a_process_whose_attempt_was_let_begin(trace: Callable[[Strike], None]) -> None:
    """Struck between the leave to begin and its note, the manager does not take the attempt for one that has not."""
    strike = Strike("yieldflow-processes", 0)
    strike.within, strike.armed = "allow", True
    trace(strike)
    definition = activity(same, registry=Registry(), executor="process")
    engine = OnceOnly()
    with pools(engine) as workers:
        assert end_of(engine, workers, attempt_at(engine, definition, value=1)) is FAILED
        assert end_of(engine, workers, attempt_at(engine, definition, value=2)) == 2
    assert strike.where is not None


def strike(ident: int, error: type[BaseException]) -> None:
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(error)) == 1


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError, TimeoutError])
def test_exceptions_that_come_too_late(
    tmp_path: Path, registry: Registry, caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    """Exceptions set for idle worker threads, more often than there are threads, take no attempt with them."""

    @activity(registry=registry)
    def where() -> int:
        return threading.get_ident()

    @workflow(registry=registry)
    def job() -> Flow[int]:
        return (yield from where())

    with Orchestrator(tmp_path / "x.db", max_workers=2, registry=registry) as orchestrator:
        for _ in range(5):
            strike(orchestrator.run(job()), error)
        assert orchestrator.run(job()) > 0
    assert any(error.__name__ in record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)


@pytest.mark.parametrize("name", ["yieldflow-processes", "yieldflow-process-pipe", "yieldflow-event-loop"])
def test_a_thread_behind_other_workers_is_struck(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """The threads that manage processes, write to one, and run the event loop go on as well, and say that they do."""
    options, function = ({}, same_later) if name == "yieldflow-event-loop" else (PROCESS, same)
    definition = activity(function, registry=Registry(), **options)
    engine, before = OnceOnly(), set(threading.enumerate())
    with pools(engine) as workers:
        assert end_of(engine, workers, attempt_at(engine, definition, value=1)) == 1
        (ident,) = [thread.ident for thread in set(threading.enumerate()) - before if thread.name == name]
        assert ident is not None
        strike(ident, TimeoutError)
        assert end_of(engine, workers, attempt_at(engine, definition, value=2)) in (2, FAILED)
        assert end_of(engine, workers, attempt_at(engine, definition, value=3)) == 3
    assert [record.levelname for record in caplog.records if "struck by TimeoutError" in record.getMessage()] == [
        "ERROR"
    ]


def test_an_attempt_that_had_begun_is_made_again(
    trace: Callable[[Strike], None], tmp_path: Path, registry: Registry
) -> None:
    """Nobody knows what an attempt did whose thread was struck: it fails, and its retry policy decides."""
    strike = Strike("yieldflow-worker", 0)
    strike.within = "perform"
    trace(strike)

    @activity(registry=registry, retry=RetryPolicy(initial_interval=0.001))
    def number() -> int:
        return activity_context().attempt

    @workflow(registry=registry)
    def job() -> Flow[int]:
        return (yield from number())

    with Orchestrator(tmp_path / "x.db", registry=registry) as orchestrator:
        strike.armed = True
        handle = orchestrator.submit(job())
        assert handle.result(WAIT) == 2
        assert handle.history()[0].attempt == 2
