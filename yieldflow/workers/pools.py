"""All that runs activities, each sent where its options say. What is not needed is not started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._core.options import ASYNC, PROCESS, THREAD
from .attempt import Attempt, Completed, Engine, Pool
from .threads import ThreadWorkers

if TYPE_CHECKING:
    from concurrent.futures import Executor


class Pools:
    """Threads, worker processes, an event loop, and executors that were handed over.

    Args:
        max_workers: How many activities run at once on threads.
        max_processes: How many run at once in worker processes.
        executors: Further ones by name.
        engine: What they run for.
    """

    def __init__(self, max_workers: int, max_processes: int, executors: Mapping[str, Executor], engine: Engine) -> None:
        self._max_processes = max_processes
        self._executors = executors
        self._engine = engine
        self.threads = ThreadWorkers(max_workers, engine)
        #: Those that were needed so far, by name. Only the scheduler's thread adds any.
        self._by_name: dict[str, Pool] = {THREAD: self.threads}
        #: Whether nothing more begins.
        self._closed = False

    def start(self) -> None:
        """Start the threads; the others start when they are first needed."""
        self.threads.start()

    def submit(self, attempt: Attempt) -> None:
        """Run ``attempt`` some time, where its options say, and deliver its outcome."""
        name = attempt.options.executor
        if name == THREAD:
            self.threads.submit(attempt)
            return
        try:
            pool = self._pool(name)
        except Exception as error:
            # No thread or no file descriptor is left: that concerns the attempt, and not whoever submits.
            if self._engine.begin(attempt):
                self._engine.deliver(Completed(attempt, self._engine.codec.encode_failure(error)))
        else:
            pool.submit(attempt)

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """Nobody waits for ``attempt`` any more: end it, if it is running and that can be done."""
        pool = self._by_name.get(attempt.options.executor)
        if pool is not None:
            pool.abandon(attempt, timed_out)

    def close(self) -> None:
        """Begin nothing more."""
        self._closed = True
        for pool in list(self._by_name.values()):
            pool.close()

    def join(self, deadline: float | None) -> list[Attempt]:
        """After `close`: wait for what runs, until ``time.monotonic()`` is ``deadline``; what is still running."""
        return [attempt for pool in list(self._by_name.values()) for attempt in pool.join(deadline)]

    def kill(self) -> None:
        """After `join`: end what is still running, as far as that can be done."""
        for pool in list(self._by_name.values()):
            pool.kill()

    def _pool(self, name: str) -> Pool:
        pool = self._by_name.get(name)
        if pool is None:
            pool = self._by_name[name] = self._make(name)
            if self._closed:
                pool.close()
        return pool

    def _make(self, name: str) -> Pool:
        if name == ASYNC:
            from .event_loop import EventLoop

            return EventLoop(self._engine)
        if name == PROCESS:
            from .processes import ProcessWorkers

            return ProcessWorkers(self._max_processes, self._engine)
        from .user_executor import ForeignExecutor

        known = (THREAD, ASYNC, PROCESS, *self._executors)
        return ForeignExecutor(name, self._executors.get(name), known, self._engine)
