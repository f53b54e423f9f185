"""Activities that are ``async def``: all on one event loop, in one thread."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context

from .._core.history import Failure
from .attempt import Attempt, Completed, Engine, run_async
from .context import settle
from .daemon_pool import DaemonThreads
from .slots import LonePlace, Wakes
from .watchdog import Watchdog

#: Seconds that cancelled activities are given at a stop to clean up.
PATIENCE = 1.0


class _LoopWaits(Wakes):
    """What wakes those that wait; those who do so in `asyncio.to_thread` lend their thread."""

    def __init__(self, threads: DaemonThreads) -> None:
        super().__init__()
        self._threads = threads
        self._lent: set[Callable[[], None]] = set()

    def begin(self, wake: Callable[[], None]) -> None:
        if self._threads.lend():
            self._lent.add(wake)
        super().begin(wake)

    def end(self, wake: Callable[[], None]) -> None:
        super().end(wake)
        if wake in self._lent:
            self._lent.remove(wake)
            self._threads.take_back()


class EventLoop:
    """Runs activities as tasks of an event loop, as many at once as there are.

    Args:
        engine: What they run for.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pid = os.getpid()
        threads = DaemonThreads()
        self._waits = _LoopWaits(threads)
        # Appended to by other threads, emptied by the loop's: what it is to do, with which attempt.
        self._mail: deque[tuple[Callable[[Attempt], None], Attempt]] = deque()
        #: Whether the loop has been told that there is mail, and has not looked yet.
        self._told = False
        # Changed by the loop's thread only; others take copies.
        self._tasks: dict[Attempt, asyncio.Task[None]] = {}
        #: Set once nothing runs and nothing more will.
        self._quiet = threading.Event()
        #: Whether what still runs is ended: nothing is delivered any more.
        self._killed = False
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(threads)
        self._thread = threading.Thread(target=self._run, name="yieldflow-event-loop", daemon=True)
        self._thread.start()
        self._watchdog = Watchdog(self._loop, self._thread)

    def submit(self, attempt: Attempt) -> None:
        """Begin an attempt as soon as the loop comes to it."""
        self._tell(self._begin, attempt)

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """Cancel an attempt, unless its end is to be waited for."""
        if timed_out:
            self._tell(self._expire, attempt)
        elif attempt.options.on_cancel != "wait":
            self._tell(self._cancel, attempt)

    def close(self) -> None:
        """Begin nothing more, and have those that wait for a workflow give up: their failure counts for nothing."""
        self._waits.stop()
        self._call(self._note_quiet)

    def join(self, deadline: float | None) -> list[Attempt]:
        """Wait for what runs, but for what took too long; the attempts that are still running."""
        left = None if deadline is None else deadline - time.monotonic()
        self._quiet.wait(None if left is None else min(max(0.0, left), threading.TIMEOUT_MAX))
        return list(self._tasks)

    def kill(self) -> None:
        """Cancel what still runs, and end the thread. What will not be cancelled keeps it, as it would any thread."""
        self._killed = True
        self._watchdog.stop()
        self._call(self._loop.stop)
        self._thread.join(PATIENCE)

    def _call(self, what: Callable[[], None]) -> None:
        """Have the loop's thread do something; nothing, where it has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what)

    def _tell(self, what: Callable[[Attempt], None], attempt: Attempt) -> None:
        """Have it do something with an attempt: it is woken once for many."""
        self._mail.append((what, attempt))
        if not self._told:
            self._told = True
            self._call(self._open_mail)

    # ------------------------------------------------------------------ on the loop's thread

    def _run(self) -> None:
        # A task copies the context of whoever makes it, unless it is given one. This one is nobody's.
        self._context = copy_context()
        self._run_until(lambda: self._killed)
        ending = self._loop.create_task(self._end())
        ending.add_done_callback(lambda _: self._loop.stop())
        self._run_until(ending.done)
        self._loop.close()

    def _run_until(self, over: Callable[[], bool]) -> None:
        while not over():
            # A task that raises one of these keeps it, for whoever waits for the task, and would end a program that
            # has nothing but its loop.
            with suppress(SystemExit, KeyboardInterrupt):
                self._loop.run_forever()

    async def _end(self) -> None:
        """Cancel all tasks, those too that activities made, and wait for them: none is torn down half-way."""
        asked = {me} if (me := asyncio.current_task()) else set()
        while rest := asyncio.all_tasks() - {me}:
            for task in rest - asked:
                # Once: whoever was cancelled before is cleaning up.
                if not task.cancelling():
                    task.cancel()
            asked |= rest
            await asyncio.wait(rest)
        await self._loop.shutdown_asyncgens()

    def _open_mail(self) -> None:
        # In this order, so that whoever finds itself not to be the first was seen.
        self._told = False
        while self._mail:
            what, attempt = self._mail.popleft()
            what(attempt)

    def _begin(self, attempt: Attempt) -> None:
        if not self._waits.stopping:
            task = self._loop.create_task(self._perform(attempt), context=self._context.copy())
            self._tasks[attempt] = task
            task.add_done_callback(lambda _: self._forget(attempt))

    def _cancel(self, attempt: Attempt) -> None:
        task = self._tasks.get(attempt)
        if task is not None:
            task.cancel()

    def _expire(self, attempt: Attempt) -> None:
        """Cancel an attempt and wait for it no longer: it may not heed that."""
        self._cancel(attempt)
        self._forget(attempt)

    def _forget(self, attempt: Attempt) -> None:
        self._tasks.pop(attempt, None)
        self._note_quiet()

    def _note_quiet(self) -> None:
        if self._waits.stopping and not self._tasks:
            self._quiet.set()

    async def _perform(self, attempt: Attempt) -> None:
        engine = self._engine
        attempt.worker = "event loop"
        if self._waits.stopping or not engine.begin(attempt):
            return
        place = LonePlace(attempt, engine, self._waits, self._thread.ident)
        settle(place)
        ending = await run_async(attempt.definition, attempt.input, attempt.options.retry, engine.codec)
        if os.getpid() != self._pid:
            # The activity forked, and the child came back from it: that is no worker.
            os._exit(0)
        place.over = True
        gave_up = place.interrupted_once and isinstance(ending.outcome, Failure)
        if not (gave_up or self._killed):
            engine.deliver(Completed(attempt, *ending))
