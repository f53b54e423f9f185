"""The thread round the scheduler: an inbox, a clock, and nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import Context
from typing import NoReturn, cast

from .._core.errors import DatabaseLostError, StorageError, YieldflowError
from .._core.history import Micros
from ..clock import Clock
from ..codec.safe_repr import error_line
from ..inbox import Inbox
from ..log import TOO_LONG, logger, stack_of, waits_for_caller
from ..store import Store
from ..workers import forks
from .intake import Intake
from .messages import Message
from .scheduler import POLL_INTERVAL, Scheduler

#: A timer that is found to be due so late was held up,
HELD_UP: Micros = 50_000
#: and so, perhaps, were the threads that pass on what ended elsewhere: they are given so many seconds.
GRACE = 0.01


class _ParentsStore:
    """Stands for the store in a forked child, which ends where it comes to it."""

    def __getattr__(self, name: str) -> NoReturn:
        forks.exit_child(
            RuntimeError(
                "a workflow forked, and its child came back to the scheduler, which is its parent's: fork in an "
                "activity"
            )
        )


def start_thread(thread: threading.Thread) -> None:
    """Start a thread without which nothing goes on.

    Raises:
        YieldflowError: The system gives none.
    """
    try:
        thread.start()
    except (RuntimeError, MemoryError) as error:
        raise YieldflowError(f"the thread {thread.name!r} could not be started ({error}): end others first") from error


class Loop:
    """Runs a scheduler on a thread of its own.

    Args:
        scheduler: What is run.
        inbox: The only way in. A None in it means: stop after what stands before it.
        ended: Called once when the thread has ended, by a stop or by itself.
        clock: What tells the time.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        inbox: Inbox[Message | None],
        ended: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._scheduler = scheduler
        self._inbox = inbox
        self._ended = ended
        self._clock = clock
        self._intake = Intake(inbox, clock)
        #: True while messages are taken. A plain attribute, since it is asked for at the beginning of each attempt.
        self.running = True
        #: Why it ended by itself: the file is lost, or there is a defect.
        self.failure: str | None = None
        self.lost = False
        # A free-threaded Python would have the thread begin with the context variables of who starts it.
        target = Context().run
        self._thread = threading.Thread(target=target, args=(self._run,), name="yieldflow-scheduler", daemon=True)
        forks.after_fork(self)
        #: The workflow that was driven at the last look, and the number of looks at which it was that one.
        self._seen: tuple[int, str] | None = None
        self._looks = 0

    def start(self) -> None:
        """Start the thread.

        Raises:
            YieldflowError: The system gives none.
        """
        start_thread(self._thread)

    @property
    def begun(self) -> bool:
        """True once the thread was started."""
        return self._thread.ident is not None

    @property
    def on_thread(self) -> bool:
        """True where the caller runs on the scheduler's thread."""
        # Idents are used again once a thread has ended; but to look at them first spares the others the rest.
        return threading.get_ident() == self._thread.ident and threading.current_thread() is self._thread

    @property
    def waits_for_caller(self) -> bool:
        """True where a workflow logs, and waits for a logging handler that the caller is in."""
        return waits_for_caller(self._thread)

    def stop(self) -> None:
        """End the thread after what is in the inbox. If it was not started, nothing happens."""
        if self.begun:
            self._inbox.put(None)
            self._thread.join()

    def after_fork(self) -> None:
        """Have a child that was forked on this thread, by workflow code, write nothing."""
        if threading.get_ident() == self._thread.ident:
            self._scheduler.replace_store(cast(Store, _ParentsStore()))

    def _run(self) -> None:
        me = threading.get_ident()
        logger.guarded.add(me)
        try:
            while self._once():
                pass
            self._settle_counts()
        except DatabaseLostError as error:
            self.failure, self.lost = str(error), True
            logger.critical("%s", error)
        except BaseException as error:
            self.failure = f"a defect of yieldflow, please report it: {error_line(error)}"
            logger.critical("the scheduler ended by a defect of yieldflow, please report it", exc_info=error)
        finally:
            self.running = False
            self._ended()
            # Here, since `with` may have entered what only the same thread can leave.
            self._scheduler.close()
            logger.guarded.discard(me)

    def _settle_counts(self) -> None:
        try:
            self._scheduler.settle_counts()
        except StorageError as error:
            logger.warning("while stopping: %s", error)

    def _once(self) -> bool:
        """Wait for something to do and do it; False when told to stop."""
        messages, now, until, is_last = self._intake.take(0.0 if len(self._inbox) else self._patience())
        self._scheduler.turn(messages, now, until=until)
        return not is_last

    def _patience(self) -> float:
        """Return for how many seconds to wait for a message; a timer that was held up first gives others some time."""
        now = self._clock.read()
        due_in = self._scheduler.due_in(now)
        if due_in < -HELD_UP and self._scheduler.timer_due_in(now) < -HELD_UP:
            time.sleep(GRACE)
        return min(due_in, POLL_INTERVAL) / 1e6

    def look(self) -> None:
        """Warn of workflow code that blocks the thread, with where it is; another thread calls this now and then."""
        driven, seen = self._scheduler.driven, self._seen
        self._looks = self._looks + 1 if driven is not None and driven == seen else 0
        self._seen = driven
        if self._looks == TOO_LONG and driven is not None:
            logger.warning(
                "workflow %s has kept the scheduler's thread for over a second, and all others wait: "
                "move the work into an activity. It is here:\n%s",
                driven[1], stack_of(self._thread),
            )  # fmt: skip
