"""The threads behind `asyncio.to_thread` in activities."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from typing import Any, ParamSpec, TypeVar

from . import forks

P = ParamSpec("P")
T = TypeVar("T")


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
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        # Guards the fields below. Reentrant, since the garbage collector may end a wait on a thread that holds it.
        self._changed = threading.Condition(threading.RLock())
        self._members: set[threading.Thread] = set()
        self._idle = 0
        self._over = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call."""
        future: Future[T] = Future()
        with self._changed:
            if self._over:
                raise RuntimeError("the event loop of the activities has ended")
            self._calls.append((future, lambda: fn(*args, **kwargs)))
            self._wake_or_start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Begin nothing more, and wait for nothing."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def release(self) -> bool:
        """Allow one thread more while the calling one waits; False where that is none of these."""
        with self._changed:
            if threading.current_thread() not in self._members:
                return False
            self._limit += 1
            self._wake_or_start()
            return True

    def take_back(self) -> None:
        """Allow one thread less again, since the waiting thread goes on."""
        with self._changed:
            self._limit -= 1

    def _wake_or_start(self) -> None:
        """Have an idle thread or a new one take the next call; the caller holds the lock."""
        if self._idle:
            # Here and not where it wakes: until then it must not be counted on a second time.
            self._idle -= 1
            self._changed.notify()
        elif self._calls and len(self._members) < self._limit:
            thread = threading.Thread(target=self._work, name="yieldflow-to-thread", daemon=True)
            self._members.add(thread)
            thread.start()

    def _work(self) -> None:
        me = threading.current_thread()
        while (found := self._next_call(me)) is not None:
            future, call = found
            if future.set_running_or_notify_cancel():
                generation = forks.generation
                try:
                    # What `run_in_executor` calls has no context of its own, and leaves none to the next.
                    result, failure = Context().run(call), None
                except BaseException as error:
                    result, failure = None, error
                if forks.generation != generation:
                    forks.exit_child(failure)
                if failure is None:
                    future.set_result(result)
                else:
                    future.set_exception(failure)
            # An idle thread is to keep nothing alive.
            del found, future, call

    def _next_call(self, me: threading.Thread) -> tuple[Future[Any], Callable[[], Any]] | None:
        """Wait for the next call; None where this thread is to end."""
        with self._changed:
            while not self._over and len(self._members) <= self._limit:
                if self._calls:
                    return self._calls.popleft()
                self._idle += 1
                self._changed.wait()
            self._members.discard(me)
            if not self._over:
                # It may have been woken for a call, which the next one has to take then.
                self._wake_or_start()
            return None
