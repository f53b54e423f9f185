"""Activities on threads.

The pool is our own and not `concurrent.futures`' for three reasons: the interpreter must exit without waiting for
running activities or draining what is queued, a thread that waits for another workflow must be able to lend its place,
and a hand-over must cost next to nothing.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from queue import Empty, SimpleQueue

from .._core.errors import YieldflowError
from .._core.history import Failure
from ..log import logger
from .attempt import Attempt, Engine, perform
from .context import ActivityContext, context_of, settle

#: Seconds after which a stop looks whether it has to wait for a thread still.
LOOK = 0.05


class _Seat:
    """What one thread of a pool is at."""

    __slots__ = ("abandoned", "attempt", "interrupted_once", "pool", "waiting")

    #: Nobody else waits while it blocks.
    on_event_loop = False

    def __init__(self, pool: ThreadWorkers) -> None:
        self.pool = pool
        self.attempt: Attempt | None = None
        #: How many waits of the attempt lend this place: more than one where it awaits several workflows at once.
        self.waiting = 0
        #: Whether the attempt was told to wait no longer, since the pool stops.
        self.interrupted_once = False
        #: Whether the attempt's time ran out, and another thread works in its place.
        self.abandoned = False

    @property
    def engine(self) -> Engine:
        return self.pool.engine

    @property
    def waits(self) -> _Seat:
        return self

    @property
    def context(self) -> ActivityContext | None:
        attempt = self.attempt
        return None if attempt is None else context_of(attempt, self.pool.engine)

    def interrupted(self) -> bool:
        if self.pool.stopping:
            self.interrupted_once = True
        return self.pool.stopping

    def begin(self, wake: Callable[[], None]) -> None:
        self.pool.begin_wait(self, wake)

    def end(self, wake: Callable[[], None]) -> None:
        self.pool.end_wait(self, wake)


class ThreadWorkers:
    """Runs activities on daemon threads.

    Args:
        count: How many activities run at once.
        engine: What they run for.
    """

    def __init__(self, count: int, engine: Engine) -> None:
        self._count = count
        self.engine = engine
        self._pid = os.getpid()
        # A thread-safe queue is all that passes between the scheduler's thread and the workers'.
        self._queue: SimpleQueue[Attempt | None] = SimpleQueue()
        # Guards the five below, and the seats, which are changed and read in a few instructions.
        # The garbage collector may end a wait on a thread that holds it.
        self._lock = threading.RLock()
        self._threads: dict[threading.Thread, _Seat] = {}
        self._numbers = itertools.count(1)
        #: How many threads there are too few, since none could be started.
        self._missing = 0
        #: How many threads are to end once they have nothing to do: those lent for came back.
        self._surplus = 0
        #: What wakes those that wait.
        self._wakes: list[Callable[[], None]] = []
        #: Whether nothing more begins. Never taken back.
        self.stopping = False

    def start(self) -> None:
        """Start the threads.

        Raises:
            YieldflowError: The system gives no more of them. Those that run end by `close`.
        """
        with self._lock:
            try:
                for _ in range(self._count):
                    self._spawn()
            except (RuntimeError, MemoryError) as error:
                raise YieldflowError(
                    f"max_workers={self._count}: no more than {len(self._threads)} threads could be started ({error}); "
                    "ask for fewer; activities that are `async def` need no thread each"
                ) from error

    def submit(self, attempt: Attempt) -> None:
        """Queue an attempt; attempts begin in the order queued."""
        self._queue.put(attempt)

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """A thread cannot be ended. Where the attempt's time ran out, another thread takes its place.

        If none can be started, the first that comes back does.
        """
        if not timed_out:
            return
        with self._lock:
            seat = next((seat for seat in self._threads.values() if seat.attempt is attempt), None)
            if seat is not None and not seat.abandoned:
                seat.abandoned = True
                kept = sum(other.abandoned for other in self._threads.values())
                logger.warning(
                    "attempt %d at activity %r of workflow %s goes on although its time is over: a thread cannot be "
                    "killed, and another takes its place; threads kept so: %d",
                    attempt.number, attempt.definition.name, attempt.workflow_id, kept,
                )  # fmt: skip
                # One that waits has lent its place already.
                if not seat.waiting and not self.stopping:
                    try:
                        self._spawn()
                    except (RuntimeError, MemoryError) as error:
                        self._missing += 1
                        logger.error(
                            "no thread could be started in place of one that attempt %d at activity %r keeps after its "
                            "time (%s): until it ends, there is one worker less",
                            attempt.number, attempt.definition.name, error,
                        )  # fmt: skip

    def running(self) -> list[Attempt]:
        """The attempts that are being made, those left out whose time ran out."""
        with self._lock:
            return [seat.attempt for seat in self._seats() if seat.attempt is not None]

    def abandoned(self) -> list[Attempt]:
        """The attempts whose time ran out, and that still keep a thread."""
        with self._lock:
            seats = [seat for seat in self._threads.values() if seat.abandoned]
            return [seat.attempt for seat in seats if seat.attempt is not None]

    def close(self) -> None:
        """Begin nothing more, and have those that wait for a workflow give up: their failure counts for nothing."""
        with self._lock:
            # From here on no thread is added, so that those counted are all.
            self.stopping = True
            count, wakes = len(self._threads), list(self._wakes)
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            pass
        for _ in range(count):
            self._queue.put(None)
        for wake in wakes:
            wake()

    def join(self, deadline: float | None) -> list[Attempt]:
        """Wait for what runs, but for what was abandoned; the attempts that are still running."""
        with self._lock:
            threads = list(self._threads.items())
        for thread, seat in threads:
            # Its time may run out meanwhile.
            while thread.is_alive() and not seat.abandoned:
                left = LOOK if deadline is None else min(LOOK, deadline - time.monotonic())
                if left <= 0:
                    break
                thread.join(left)
        return self.running()

    def kill(self) -> None:
        """Nothing ends a thread but its own function, or the process."""

    # ------------------------------------------------------------------ places that are lent

    def begin_wait(self, seat: _Seat, wake: Callable[[], None]) -> None:
        """Have another thread take the place of one that waits.

        Raises:
            YieldflowError: None can be started: then what is waited for might never begin.
        """
        with self._lock:
            stopping = self.stopping
            # Further waits of the same attempt find its place taken.
            if not seat.waiting and not seat.abandoned and not stopping:
                self._fill_in(seat)
            seat.waiting += 1
            self._wakes.append(wake)
        if stopping:
            wake()

    def _fill_in(self, seat: _Seat) -> None:
        """Have somebody work in the place of one that waits; the lock is held by the caller."""
        if self._surplus:
            # One that was to end stays.
            self._surplus -= 1
            return
        try:
            self._spawn()
        except (RuntimeError, MemoryError) as error:
            raise self._crowded(seat, error) from error

    def _crowded(self, seat: _Seat, error: Exception) -> YieldflowError:
        """What one is told who cannot wait, since nobody would work meanwhile."""
        name = seat.attempt.definition.name if seat.attempt is not None else "?"
        others = sum(bool(other.waiting) for other in self._threads.values())
        return YieldflowError(
            f"activity {name!r} waits for a workflow, and no thread can be started to work in its place ({error}). "
            f"{others} others wait so: max_concurrent on the activity keeps them fewer"
        )

    def end_wait(self, seat: _Seat, wake: Callable[[], None]) -> None:
        """Have one thread less, since one that waited goes on."""
        with self._lock:
            self._wakes.remove(wake)
            seat.waiting -= 1
            if seat.waiting == 0 and not seat.abandoned:
                self._surplus += 1

    # ------------------------------------------------------------------ the threads

    def _seats(self) -> list[_Seat]:
        return [seat for seat in self._threads.values() if not seat.abandoned]

    def _spawn(self) -> None:
        """Add a thread; the lock is held by the caller."""
        seat = _Seat(self)
        name = f"yieldflow-worker-{next(self._numbers)}"
        thread = threading.Thread(target=self._work, args=(seat,), name=name, daemon=True)
        thread.start()
        self._threads[thread] = seat

    def _work(self, seat: _Seat) -> None:
        settle(seat)
        engine = self.engine
        codec = engine.codec
        name = threading.current_thread().name
        try:
            while (attempt := self._queue.get()) is not None and not self.stopping:
                # First, so that whoever abandons it finds it: its time may be over before it runs.
                seat.attempt = attempt
                attempt.worker = name
                completed = copy_context().run(perform, attempt, codec) if engine.begin(attempt) else None
                if os.getpid() != self._pid:
                    # The activity forked, and the child came back from it: that is no worker.
                    os._exit(0)
                if attempt.options.timed:
                    # Whoever abandons it either comes before this, or finds it gone.
                    with self._lock:
                        seat.attempt = None
                else:
                    seat.attempt = None
                if completed is not None and not (seat.interrupted_once and isinstance(completed.outcome, Failure)):
                    engine.deliver(completed)
                if seat.abandoned and not self._takes_back(seat):
                    return
                if self._surplus and self._retire():
                    return
        finally:
            with self._lock:
                del self._threads[threading.current_thread()]

    def _takes_back(self, seat: _Seat) -> bool:
        """Whether a thread that was given up works on, since there are too few."""
        with self._lock:
            if not self._missing:
                return False
            self._missing -= 1
            seat.abandoned = seat.interrupted_once = False
            return True

    def _retire(self) -> bool:
        with self._lock:
            if self._surplus:
                self._surplus -= 1
                return True
            return False
