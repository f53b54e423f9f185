"""Runs activities on threads.

The pool is our own and not `concurrent.futures`' for three reasons: the interpreter must exit without waiting for
running activities or draining the queue, a thread that waits for another workflow must be able to release its slot,
and a hand-over must cost next to nothing.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from contextvars import Context
from queue import Empty, SimpleQueue

from .._core.activity_code import source_of_activity
from .._core.errors import WorkerDiedError, YieldflowError
from .._core.history import Failure
from ..log import logger
from .attempt import Attempt, Completed, perform
from .protocols import Engine, Occupant
from .slots import Slot, Tenant, Waits

#: Seconds between two looks of `ThreadWorkers.join` whether a thread need be waited for still.
POLL = 0.05
#: Makes a named tuple in half the time that its own call takes.
_tuple = tuple.__new__


class ThreadWorkers:
    """Runs activities on daemon threads.

    Args:
        count: How many activities run at once.
        engine: The engine that they run for.
    """

    def __init__(self, count: int, engine: Engine) -> None:
        self._count = count
        self._engine = engine
        # A thread-safe queue is all that passes between the scheduler's thread and the workers'.
        self._queue: SimpleQueue[Attempt | None] = SimpleQueue()
        #: Queues an attempt; attempts begin in the order queued. (The queue's own method: this is at every step.)
        self.submit: Callable[[Attempt], None] = self._queue.put
        # Guards the fields below, and the slots, which are changed and read in a few instructions.
        # Reentrant, since the garbage collector may end a wait on a thread that holds it.
        self._lock = threading.RLock()
        self._waits = Waits(self._release, self._take_back)
        self._slots: dict[threading.Thread, Slot] = {}
        self._numbers = itertools.count(1)
        #: The number of threads that are missing, since they could not be started.
        self._missing = 0
        #: The number of threads that are to end once they are idle: the threads that they stood in for work again.
        self._surplus = 0

    def start(self) -> None:
        """Start the threads.

        Raises:
            YieldflowError: The system gives no more of them. Those that run end by `close`.
        """
        with self._lock:
            try:
                for _ in range(self._count):
                    self._start_thread()
            except (RuntimeError, MemoryError) as error:
                raise YieldflowError(
                    f"max_workers={self._count}: no more than {len(self._slots)} threads could be started ({error}); "
                    "ask for fewer; activities that are `async def` need no thread each"
                ) from error

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """Replace the thread of an attempt that goes on after its time, since a thread cannot be killed.

        If none can be started, the first thread that comes back after its time does.
        """
        if not timed_out:
            return
        with self._lock:
            slot = next((slot for slot in self._slots.values() if slot.attempt is attempt), None)
            if slot is None or slot.abandoned:
                return
            slot.abandoned = True
            kept = sum(other.abandoned for other in self._slots.values())
            logger.warning(
                "attempt %d at activity %r of workflow %s goes on although its time is over: a thread cannot be "
                "killed, and another takes its place; threads kept so: %d",
                attempt.number, attempt.definition.name, attempt.workflow_id, kept,
            )  # fmt: skip
            # A thread that waits has a stand-in already.
            if not slot.open_waits and not self._waits.stopping:
                self._replace(attempt)

    def _replace(self, attempt: Attempt) -> None:
        try:
            self._start_thread()
        except (RuntimeError, MemoryError) as error:
            self._missing += 1
            logger.error(
                "no thread could be started in place of one that attempt %d at activity %r keeps after its time "
                "(%s): until it ends, there is one worker less",
                attempt.number, attempt.definition.name, error,
            )  # fmt: skip

    def occupants(self) -> list[Occupant]:
        """The attempts that hold a thread."""
        with self._lock:
            slots = list(self._slots.values())
            return [Occupant(attempt, slot.abandoned) for slot in slots if (attempt := slot.attempt) is not None]

    def close(self) -> None:
        """Begin nothing more, and wake the activities that wait for workflows."""
        self._waits.stop()
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            pass
        with self._lock:
            # No thread is added once the pool stops, so that these are all.
            count = len(self._slots)
        for _ in range(count):
            self._queue.put(None)

    def join(self, deadline: float | None) -> list[Attempt]:
        """Wait for what runs, without what was abandoned; the attempts that are still running."""
        with self._lock:
            threads = list(self._slots.items())
        for thread, slot in threads:
            # Its time may run out meanwhile.
            while thread.is_alive() and not slot.abandoned:
                left = POLL if deadline is None else min(POLL, deadline - time.monotonic())
                if left <= 0:
                    break
                thread.join(left)
        return [occupant.attempt for occupant in self.occupants() if not occupant.timed_out]

    def kill(self) -> None:
        """Do nothing: only its own function or the end of the process ends a thread."""

    # ------------------------------------------------------------------ slots that are released

    def _release(self, slot: Slot) -> bool:
        """Have another thread work while one waits for a workflow.

        Raises:
            YieldflowError: None can be started: then the workflow might never end.
        """
        with self._lock:
            # Further waits of the same attempt find its slot released.
            if not (slot.open_waits or slot.abandoned or self._waits.stopping):
                self._stand_in(slot)
            slot.open_waits += 1
            return True

    def _stand_in(self, slot: Slot) -> None:
        if self._surplus:
            # A thread that was to end stays.
            self._surplus -= 1
            return
        try:
            self._start_thread()
        except (RuntimeError, MemoryError) as error:
            name = slot.attempt.definition.name if slot.attempt is not None else "?"
            others = sum(bool(other.open_waits) for other in self._slots.values())
            raise YieldflowError(
                f"activity {name!r} waits for a workflow, and no thread can be started to work in its place ({error}). "
                f"{others} others wait so: max_concurrent on the activity keeps them fewer"
            ) from error

    def _take_back(self, slot: Slot) -> None:
        """Have one thread less, since a waiting thread goes on."""
        with self._lock:
            slot.open_waits -= 1
            if slot.open_waits == 0 and not slot.abandoned:
                self._surplus += 1

    # ------------------------------------------------------------------ the threads

    def _start_thread(self) -> None:
        """Add a thread; the caller holds the lock."""
        name = f"yieldflow-worker-{next(self._numbers)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        # First, so that `close` finds it whatever comes in between.
        self._slots[thread] = Slot(self._engine, self._waits)
        try:
            thread.start()
        except BaseException:
            del self._slots[thread]
            raise

    def _work(self) -> None:
        """Make attempts as long as this thread has a slot."""
        struck: BaseException | None = None
        while True:
            try:
                slot = self._slots.get(threading.current_thread())
                if slot is None:
                    return
                if struck is not None:
                    self._recover(slot, struck)
                    struck = None
                else:
                    self._serve(slot)
                    self._end()
            except BaseException as error:
                struck = error

    def _end(self) -> None:
        with self._lock:
            self._slots.pop(threading.current_thread(), None)

    def _serve(self, slot: Slot) -> None:
        """Make attempts until this thread is to end.

        What an attempt raises is its failure. What is raised here comes from outside: another thread may have any
        exception be raised between any two lines, and memory may run out.
        """
        name, waits = threading.current_thread().name, self._waits
        left = () if slot.attempt is None else (slot.attempt,)
        # No call takes an attempt out of the queue: an exception that came as it returned would have nobody know of
        # the attempt. And the slot has it first, so that `abandon` finds it: its time may be over before it runs.
        for slot.attempt in itertools.chain(left, iter(self._queue.get, None)):
            attempt = slot.attempt
            if attempt is None or waits.stopping:
                return
            attempt.worker = name
            # Not in the thread's own context, which is its maker's in some Pythons, and keeps what was set there.
            Context().run(self._make, slot, attempt)
            if slot.abandoned and not self._rejoins(slot):
                return
            if self._surplus and self._is_surplus():
                return

    def _make(self, slot: Slot, attempt: Attempt) -> None:
        """Make an attempt, unless it is not to begin."""
        source_of_activity.set(_tuple(Tenant, (slot, attempt)))
        engine = self._engine
        if engine.begin(attempt):
            slot.completed = perform(attempt, engine.codec, engine.limits)
        if attempt.options.timed:
            # `abandon` either comes before this, or finds it gone.
            with self._lock:
                slot.attempt = None
        else:
            slot.attempt = None
        if slot.completed is not None:
            self._deliver(slot, slot.completed)

    def _deliver(self, slot: Slot, completed: Completed) -> None:
        if not (slot.gave_up_waiting and isinstance(completed.outcome, Failure)):
            self._engine.deliver(completed)
        slot.completed = None

    def _recover(self, slot: Slot, error: BaseException) -> None:
        """Settle the attempt of this thread, which an exception has struck, and give the thread a slot to go on with.

        It gets none where another thread works in its place.
        """
        attempt, fresh = slot.attempt, Slot(self._engine, self._waits)
        fate = "was at no attempt"
        if slot.completed is not None:
            fate = "had made its attempt"
            self._deliver(slot, slot.completed)
        elif attempt is not None and attempt.begun_at is None:
            fate = f"had not begun {_name(attempt)}, and does now"
            fresh.attempt = attempt
        elif attempt is not None:
            fate = f"was at {_name(attempt)}, which fails"
            died = WorkerDiedError(
                f"the worker thread of activity {attempt.definition.name!r} was struck by {type(error).__name__} "
                "outside of the activity. What that did is unknown"
            )
            self._deliver(slot, Completed(attempt, self._engine.codec.encode_failure(died)))
        with self._lock:
            # One that waits for a workflow has a stand-in, and whoever ends its wait finds that it is none any more.
            replaced = self._waits.stopping or slot.open_waits > 0 or (slot.abandoned and not self._rejoins(slot))
            slot.abandoned = True
            if replaced:
                self._end()
            else:
                self._slots[threading.current_thread()] = fresh
        logger.error(
            "thread %s was struck by %s outside of activities. It %s",
            threading.current_thread().name, type(error).__name__, fate, exc_info=error,
        )  # fmt: skip

    def _rejoins(self, slot: Slot) -> bool:
        """True where a thread that comes back after its time works on, since no other could take its place."""
        with self._lock:
            if not self._missing:
                return False
            self._missing -= 1
            slot.abandoned = slot.gave_up_waiting = False
            return True

    def _is_surplus(self) -> bool:
        """True where the calling thread is to end, since there are too many."""
        with self._lock:
            if self._surplus:
                self._surplus -= 1
                return True
            return False


def _name(attempt: Attempt) -> str:
    return f"attempt {attempt.number} at activity {attempt.definition.name!r} of workflow {attempt.workflow_id}"
