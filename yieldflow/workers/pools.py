"""All pools of an orchestrator: sends each activity where its options say, and starts a pool when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._core.options import ASYNC, PROCESS, THREAD
from .attempt import Attempt, Completed
from .protocols import Engine, Occupant, Pool
from .threads import ThreadWorkers

if TYPE_CHECKING:
    from concurrent.futures import Executor


class Pools:
    """Runs activities on threads, in worker processes, on an event loop, and in executors that were handed over.

    Args:
        max_workers: How many activities run at once on threads.
        max_processes: How many run at once in worker processes.
        executors: Further executors by name.
        engine: The engine that they run for.
    """

    def __init__(self, max_workers: int, max_processes: int, executors: Mapping[str, Executor], engine: Engine) -> None:
        self._max_processes = max_processes
        self._executors = executors
        self._engine = engine
        self.threads = ThreadWorkers(max_workers, engine)
        #: The pools that were needed so far, by name. Only the scheduler's thread adds any.
        self._by_name: dict[str, Pool] = {THREAD: self.threads}
        #: True once nothing more begins.
        self._closed = False

    def start(self) -> None:
        """Start the threads; the others start when they are first needed."""
        self.threads.start()

    def submit(self, attempt: Attempt) -> None:
        """Run ``attempt`` where its options say, and deliver its outcome."""
        name = attempt.options.executor
        if name == THREAD:
            self.threads.submit(attempt)
            return
        try:
            pool = self._pool(name)
        except Exception as error:
            # No thread or no file descriptor is left: the attempt fails, and not its submission.
            if self._engine.begin(attempt):
                self._engine.deliver(Completed(attempt, self._engine.codec.encode_failure(error)))
        else:
            pool.submit(attempt)

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """Wait for ``attempt`` no longer, and end it if it is running and can be ended."""
        pool = self._by_name.get(attempt.options.executor)
        if pool is not None:
            pool.abandon(attempt, timed_out)

    def occupants(self) -> list[Occupant]:
        """The attempts that hold a thread, a process, or another place."""
        return [occupant for pool in list(self._by_name.values()) for occupant in pool.occupants()]

    def close(self) -> None:
        """Begin nothing more."""
        self._closed = True
        for pool in list(self._by_name.values()):
            pool.close()

    def join(self, deadline: float | None) -> list[Attempt]:
        """Wait for what runs, until ``time.monotonic()`` is ``deadline``; the attempts that are still running."""
        return [attempt for pool in list(self._by_name.values()) for attempt in pool.join(deadline)]

    def kill(self) -> None:
        """End what is still running, as far as that can be done."""
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
        from .user_executor import UserExecutor

        known = (THREAD, ASYNC, PROCESS, *self._executors)
        return UserExecutor(name, self._executors.get(name), known, self._engine)
