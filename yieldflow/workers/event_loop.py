"""Runs activities that are ``async def``: all on one event loop, in one thread, which a watchdog watches."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from itertools import islice
from typing import Any

from .._core.errors import WorkerDiedError
from .._core.history import Failure
from ..log import LOOK, TOO_LONG, logger, stack_of
from . import forks
from .attempt import Attempt, Completed, run_async
from .context import provide_context
from .daemon_pool import DaemonThreads
from .protocols import Engine, Occupant
from .slots import Slot, Waits

#: Seconds that cancelled activities are given at a stop to clean up.
PATIENCE = 1.0


class EventLoop:
    """Runs activities as tasks of an event loop, all at once.

    Args:
        engine: The engine that they run for.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        threads = DaemonThreads()
        # An activity that waits in `asyncio.to_thread` keeps a thread there, and releases that.
        self._waits = Waits(lambda slot: threads.release(), lambda slot: threads.take_back())
        # Appended to by other threads, emptied by the loop's: a method and the attempt to call it with.
        self._commands: deque[tuple[Callable[[Attempt], None], Attempt]] = deque()
        #: True while the loop has been woken for commands, and has not looked yet.
        self._woken = False
        # Changed by the loop's thread only; others take copies.
        self._tasks: dict[Attempt, asyncio.Task[None]] = {}
        #: Those whose time ran out, and that have not ended: no stop waits for them.
        self._expired: set[Attempt] = set()
        #: Set once nothing runs and nothing more will.
        self._idle = threading.Event()
        #: True once running activities are being ended: nothing is delivered any more.
        self._killed = False
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(threads)
        self._loop.set_exception_handler(self._take_exception)
        self._thread = threading.Thread(target=self._run, name="yieldflow-event-loop", daemon=True)
        self._thread.start()
        self._watchdog = _Watchdog(self._loop, self._thread)
        forks.after_fork(self)

    def submit(self, attempt: Attempt) -> None:
        """Begin an attempt as soon as the loop comes to it."""
        self._command(self._begin, attempt)

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """Cancel an attempt, unless its end is to be waited for."""
        if timed_out:
            self._command(self._expire, attempt)
        elif attempt.options.on_cancel != "wait":
            self._command(self._cancel, attempt)

    def occupants(self) -> list[Occupant]:
        """The attempts that are tasks of the loop."""
        return [*map(Occupant, list(self._tasks)), *(Occupant(attempt, True) for attempt in list(self._expired))]

    def close(self) -> None:
        """Begin nothing more, and wake the activities that wait for workflows."""
        self._waits.stop()
        self._call(self._note_idle)

    def join(self, deadline: float | None) -> list[Attempt]:
        """Wait for what runs, without what took too long; the attempts that are still running."""
        left = None if deadline is None else deadline - time.monotonic()
        self._idle.wait(None if left is None else min(max(0.0, left), threading.TIMEOUT_MAX))
        return list(self._tasks)

    def kill(self) -> None:
        """Cancel what still runs, and end the thread. An activity that refuses keeps it, as it would any thread."""
        self._killed = True
        self._watchdog.stop()
        self._call(self._loop.stop)
        self._thread.join(PATIENCE)

    def _call(self, callback: Callable[[], None]) -> None:
        """Have the loop's thread call ``callback``; nothing happens where it has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)

    def _command(self, method: Callable[[Attempt], None], attempt: Attempt) -> None:
        """Have the loop's thread call ``method``: it is woken once for many calls."""
        self._commands.append((method, attempt))
        if not self._woken:
            self._woken = True
            self._call(self._obey)

    def after_fork(self) -> None:
        """Have the loop go round no more in a child that an activity on it forked."""
        if threading.get_ident() == self._thread.ident:
            self._loop.stop()
            # These are to be called before it stops. There is no public way to them.
            getattr(self._loop, "_ready", deque()).clear()

    # ------------------------------------------------------------------ on the loop's thread

    def _run(self) -> None:
        self._run_until(lambda: self._killed)
        ending = self._loop.create_task(self._end_tasks())
        ending.add_done_callback(lambda _: self._loop.stop())
        self._run_until(ending.done)
        self._loop.close()

    def _run_until(self, over: Callable[[], bool]) -> None:
        generation = forks.generation
        struck: BaseException | None = None
        while True:
            try:
                if struck is not None:
                    self._recover(struck)
                    struck = None
                if over():
                    return
                self._loop.run_forever()
            except BaseException as error:
                struck = error if _is_struck(error) or not isinstance(error, (SystemExit, KeyboardInterrupt)) else None
            if forks.generation != generation:
                forks.exit_child(
                    RuntimeError(
                        "an async activity forked, and its child came to an `await`, or raised in a task of its "
                        "own: the event loop is its parent's. Fork in a plain activity, or start a program"
                    )
                )

    def _take_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Hear of what a callback raised, which ends nothing."""
        error = context.get("exception")
        if isinstance(error, BaseException) and context.get("handle") is not None and _is_struck(error):
            self._recover(error)
        else:
            loop.default_exception_handler(context)

    def _recover(self, error: BaseException) -> None:
        """Fail what runs, since the loop was struck and may have lost anything: a task may be woken never again."""
        logger.error(
            "the event loop was struck by %s outside of activities: those that run on it fail",
            type(error).__name__,
            exc_info=error,
        )
        for attempt, task in list(self._tasks.items()):
            task.cancel()
            self._end(attempt, task, error)
        self._loop.call_soon(self._obey)

    def _end(self, attempt: Attempt, task: asyncio.Task[None], error: BaseException | None) -> None:
        """Forget a task; ``error`` is why it did not deliver the end of its attempt, or never will."""
        if self._tasks.get(attempt) is task and error is not None:
            if attempt.begun_at is None:
                self._begin(attempt)
                return
            died = WorkerDiedError(
                f"the event loop of activity {attempt.definition.name!r} was struck by {type(error).__name__} outside "
                "of the activity. What that did is unknown"
            )
            self._engine.deliver(Completed(attempt, self._engine.codec.encode_failure(died)))
        if self._tasks.get(attempt, task) is task:
            self._forget(attempt)

    async def _end_tasks(self) -> None:
        """Cancel all tasks, also those that activities made, and wait for them, so that none is torn down half-way."""
        asked = {me} if (me := asyncio.current_task()) else set()
        while rest := asyncio.all_tasks() - {me}:
            for task in rest - asked:
                # Once: a task that was cancelled before is cleaning up.
                if not task.cancelling():
                    task.cancel()
            asked |= rest
            await asyncio.wait(rest)
        await self._loop.shutdown_asyncgens()

    def _obey(self) -> None:
        # Before the queue is emptied: a command that is appended later wakes the loop again.
        self._woken = False
        while self._commands:
            method, attempt = self._commands[0]
            method(attempt)
            # Last, so that none is lost: to make a call twice does no harm.
            self._commands.popleft()

    def _begin(self, attempt: Attempt) -> None:
        if not self._waits.stopping:
            # Given none, it would have a copy of that of who woke the loop.
            task = self._loop.create_task(self._perform(attempt), context=Context())
            self._tasks[attempt] = task
            task.add_done_callback(
                lambda task: self._end(attempt, task, None if task.cancelled() else task.exception())
            )

    def _cancel(self, attempt: Attempt) -> None:
        task = self._tasks.get(attempt)
        if task is not None:
            task.cancel()

    def _expire(self, attempt: Attempt) -> None:
        """Cancel an attempt without waiting for its end: it may catch the cancellation and go on."""
        self._cancel(attempt)
        if self._tasks.pop(attempt, None) is not None:
            self._expired.add(attempt)
        self._note_idle()

    def _forget(self, attempt: Attempt) -> None:
        self._tasks.pop(attempt, None)
        self._expired.discard(attempt)
        self._note_idle()

    def _note_idle(self) -> None:
        if self._waits.stopping and not self._tasks:
            self._idle.set()

    async def _perform(self, attempt: Attempt) -> None:
        engine = self._engine
        attempt.worker = "event loop"
        if self._waits.stopping or not engine.begin(attempt):
            return
        slot = Slot(engine, self._waits, attempt, self._thread.ident)
        provide_context(slot)
        policy = attempt.options.retry
        ending = await run_async(attempt.definition, attempt.input, policy, engine.codec, engine.limits)
        slot.attempt = None
        gave_up = slot.gave_up_waiting and isinstance(ending.outcome, Failure)
        if not (gave_up or self._killed):
            engine.deliver(Completed(attempt, *ending))


def _is_struck(error: BaseException) -> bool:
    """Tell whether an exception was raised by the loop's own code, and by no callback or task of the user's.

    A task that raises `SystemExit` or `KeyboardInterrupt` keeps it for its awaiters, and has the loop raise it too,
    which is to end a program that has nothing but its loop.
    """
    frames = islice(traceback.walk_tb(error.__traceback__), 1, None)
    packages = (str(frame.f_globals.get("__name__")).partition(".")[0] for frame, _ in frames)
    return next((name for name in packages if name not in ("asyncio", "selectors")), "yieldflow") == "yieldflow"


class _Watchdog:
    """Warns of an activity that blocks an event loop, and with it all others there.

    Args:
        loop: The loop, which is asked again and again whether it goes round.
        thread: The thread that runs it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
        self._loop = loop
        self._thread = thread
        self._answered = True
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="yieldflow-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()

    def _watch(self) -> None:
        unanswered = 0
        while not self._over.wait(LOOK):
            if self._answered:
                unanswered, self._answered = 0, False
                try:
                    self._loop.call_soon_threadsafe(self._answer)
                except RuntimeError:
                    # It is closed.
                    return
                continue
            unanswered += 1
            if unanswered == TOO_LONG:
                self._warn()

    def _answer(self) -> None:
        self._answered = True

    def _warn(self) -> None:
        logger.warning(
            "an async activity has kept the event loop for over a second, and all others wait: await what blocks, as "
            "in `await asyncio.to_thread(...)`, or make it a plain activity. It is here:\n%s",
            stack_of(self._thread),
        )
