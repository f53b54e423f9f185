"""The threads behind `asyncio.to_thread` in activities."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

from .._core.errors import WorkerDiedError
from ..log import logger
from . import forks

P = ParamSpec("P")
T = TypeVar("T")


class _Call:
    """A call that is to be made.

    Args:
        call: The call.
        open: The calls that have not ended, among which it is.
    """

    def __init__(self, call: Callable[[], Any], open: set[_Call]) -> None:
        self._call = call
        self._open = open
        self.future: Future[Any] = Future()

    def make(self) -> None:
        """Make the call, unless it was cancelled."""
        if not self.future.set_running_or_notify_cancel():
            return
        result, failure, generation = None, None, forks.generation
        try:
            # What `run_in_executor` calls has no context of its own, and leaves none to the next.
            result = Context().run(self._call)
        except BaseException as error:
            failure = error
        if forks.generation != generation:
            forks.exit_child(failure)
        # First, so that whoever hears of the end finds a thread idle.
        self._open.discard(self)
        if failure is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(failure)


class _Seat:
    """The place of a thread."""

    #: The call that it makes.
    call: _Call | None = None


class DaemonThreads(ThreadPoolExecutor):
    """Runs calls on daemon threads, as many as asyncio's own executor has.

    The interpreter waits for asyncio's own threads when it exits, so that one call that never returns would keep it for
    ever. And there, all threads may wait for workflows whose activities need a thread: here, a stand-in is started for
    each thread that waits.

    It is a `ThreadPoolExecutor` by name only, since event loops take no other.
    """

    def __init__(self) -> None:
        # Nothing of the base is used, so nothing of it is set up.
        self._limit = min(32, (os.cpu_count() or 1) + 4)
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        # Guards the fields below. Reentrant, since the garbage collector may end a wait on a thread that holds it.
        self._lock = threading.RLock()
        #: The calls that have not ended: where there are more of them than threads, some wait.
        self._open: set[_Call] = set()
        self._members: set[threading.Thread] = set()
        self._over = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call."""
        call = _Call(lambda: fn(*args, **kwargs), self._open)
        with self._lock:
            if self._over:
                raise RuntimeError("the event loop of the activities has ended")
            self._open.add(call)
            try:
                self._start_if_needed()
            except BaseException:
                self._open.discard(call)
                raise
            self._calls.put(call)
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Begin nothing more, and wait for nothing."""
        with self._lock:
            self._over = True
            with suppress(Empty):
                while True:
                    self._calls.get_nowait()
            for _ in self._members:
                self._calls.put(None)

    def release(self) -> bool:
        """Allow one thread more while the calling one waits; False where that is none of these."""
        with self._lock:
            if threading.current_thread() not in self._members:
                return False
            self._limit += 1
            self._start_if_needed()
            return True

    def take_back(self) -> None:
        """Allow one thread less again, since the waiting thread goes on."""
        with self._lock:
            self._limit -= 1

    def _start_if_needed(self) -> None:
        """Start a thread where a call would wait for one; the caller holds the lock."""
        if not self._over and len(self._members) < min(self._limit, len(self._open)):
            thread = threading.Thread(target=self._work, name="yieldflow-to-thread", daemon=True)
            self._members.add(thread)
            try:
                thread.start()
            except BaseException:
                self._members.discard(thread)
                raise

    def _work(self) -> None:
        seat = _Seat()
        try:
            # No call takes one out of the queue: an exception that came as it returned would have nobody know of it.
            for seat.call in iter(self._calls.get, None):
                self._make(seat)
                with self._lock:
                    if len(self._members) > self._limit or self._over:
                        return
        except BaseException as error:
            # Nothing that is called raises here: another thread had this one be struck, or there is no memory.
            logger.error("a thread of asyncio.to_thread was struck by %s", type(error).__name__, exc_info=error)
        finally:
            self._leave(seat)

    def _make(self, seat: _Seat) -> None:
        if seat.call is not None:
            seat.call.make()
            self._open.discard(seat.call)
            # An idle thread is to keep nothing alive.
            seat.call = None

    def _leave(self, seat: _Seat) -> None:
        """Take the calling thread out, and fail the call that it has not ended."""
        call = seat.call
        if call is not None:
            self._open.discard(call)
            with suppress(InvalidStateError):
                call.future.set_exception(
                    WorkerDiedError(
                        "the thread of asyncio.to_thread was struck outside of the call. What that did is unknown"
                    )
                )
        with self._lock, suppress(RuntimeError):
            self._members.discard(threading.current_thread())
            self._start_if_needed()
