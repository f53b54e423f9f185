"""The slot that a running attempt holds in a pool of this process, and its release while the activity waits.

An activity may wait for a workflow whose own activities need the very thread that it runs on. So that this never locks
a pool up, a wait releases the slot, and another activity runs meanwhile. A pool that stops wakes all such waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from .._core.history import Payload
from .attempt import Attempt, Completed
from .context import ActivityContext, context_source
from .protocols import Engine


def _nothing_to_release(slot: Slot) -> bool:
    return False


def _nothing_to_take_back(slot: Slot) -> None:
    return


class Waits:
    """The waits of one pool's activities for workflows.

    Args:
        release: Called as a wait begins: has the pool run another activity meanwhile. Returns False where there was
            nothing to release.
        take_back: Called as a wait ends for which ``release`` returned True.
    """

    def __init__(
        self,
        release: Callable[[Slot], bool] = _nothing_to_release,
        take_back: Callable[[Slot], None] = _nothing_to_take_back,
    ) -> None:
        self._release = release
        self._take_back = take_back
        # Reentrant, since the garbage collector may end a wait on a thread that holds it.
        self._lock = threading.RLock()
        #: By the function that wakes the wait: True where its slot is released.
        self._released: dict[Callable[[], None], bool] = {}
        #: True once the pool stops. Never taken back.
        self.stopping = False

    def stop(self) -> None:
        """Wake all waits, also those that begin later, so that they find the pool stopping."""
        with self._lock:
            self.stopping = True
            wakes = list(self._released)
        for wake in wakes:
            wake()

    def begin(self, slot: Slot, wake: Callable[[], None]) -> None:
        """Begin a wait, which ``wake`` wakes."""
        # Without the lock: a pool takes one of its own here, under which the garbage collector may come to `end`.
        released = self._release(slot)
        with self._lock:
            self._released[wake] = released
            stopping = self.stopping
        if stopping:
            wake()

    def end(self, slot: Slot, wake: Callable[[], None]) -> None:
        """End the wait that ``wake`` wakes."""
        with self._lock:
            released = self._released.pop(wake)
        if released:
            self._take_back(slot)


class Slot:
    """The place of one running attempt in a pool: a thread, a coroutine, or a call of an executor.

    Args:
        engine: The engine that the pool works for.
        waits: The pool's.
        attempt: The attempt that runs in it.
        loop_thread: The thread of the event loop that it runs on, if on one.
    """

    __slots__ = (
        "_loop_thread",
        "abandoned",
        "attempt",
        "completed",
        "engine",
        "gave_up_waiting",
        "open_waits",
        "waits",
    )

    def __init__(
        self, engine: Engine, waits: Waits, attempt: Attempt | None = None, loop_thread: int | None = None
    ) -> None:
        self.engine = engine
        self.waits = waits
        self._loop_thread = loop_thread
        #: None while nothing runs here. What an attempt left behind, such as a task, belongs to no attempt any more.
        self.attempt = attempt
        #: For threads, the end of the attempt, until it is delivered.
        self.completed: Completed | None = None
        #: True once the attempt was told to wait no longer, since the pool stops: then its failure counts for nothing.
        self.gave_up_waiting = False
        #: For threads, how many waits have released this slot: several where the attempt awaits several workflows.
        self.open_waits = 0
        #: For threads, True where the attempt's time ran out, and another thread works in this one's place.
        self.abandoned = False

    @property
    def context(self) -> ActivityContext | None:
        """The context of the attempt that runs here; None while none does."""
        attempt = self.attempt
        if attempt is None:
            return None
        engine = self.engine
        host = _InThisProcess(attempt, engine)
        return ActivityContext(attempt.info, engine.codec, host, attempt.details, engine.limits.details)

    @property
    def activity(self) -> str | None:
        """The name of the activity that runs here; None while none does."""
        attempt = self.attempt
        return None if attempt is None else attempt.definition.name

    @property
    def on_event_loop(self) -> bool:
        """True on the thread of an event loop, which must not block; `asyncio.to_thread` takes the slot to another."""
        return threading.get_ident() == self._loop_thread

    def must_stop_waiting(self) -> bool:
        """Tell the attempt whether it is to give up waiting, since the pool stops."""
        if self.waits.stopping:
            self.gave_up_waiting = True
        return self.waits.stopping


class Tenant(NamedTuple):
    """An attempt in a slot that others had before it, and others will have.

    What an attempt left behind has its tenant, and finds neither the slot nor the attempt that has it by then.
    """

    place: Slot
    attempt: Attempt

    @property
    def slot(self) -> Slot | None:
        """The slot; None once the attempt has ended."""
        return self.place if self.place.attempt is self.attempt else None

    @property
    def context(self) -> ActivityContext | None:
        """The context of the attempt; None once it has ended."""
        slot = self.slot
        return None if slot is None else slot.context

    @property
    def activity(self) -> str | None:
        """The name of the activity; None once the attempt has ended."""
        return None if self.slot is None else self.attempt.definition.name


class _InThisProcess:
    """Answers an activity that runs in the process of its engine."""

    __slots__ = ("_attempt", "_engine")

    def __init__(self, attempt: Attempt, engine: Engine) -> None:
        self._attempt = attempt
        self._engine = engine

    @property
    def cancelled(self) -> bool:
        return self._attempt.cancelled

    def beat(self, details: Payload) -> None:
        self._engine.beat(self._attempt, details)


def current_slot() -> Slot | None:
    """The slot of the activity that calls; None outside activities, and in other processes than the engine's."""
    source = context_source()
    if isinstance(source, Tenant):
        return source.slot
    return source if isinstance(source, Slot) else None


@contextmanager
def release_slot_while_waiting(wake: Callable[[], None]) -> Iterator[None]:
    """While the body waits for a workflow, have the pool run another activity. Outside activities this does nothing.

    Args:
        wake: Called, from any thread, if the pool stops: the workflow may not end any more. See `must_stop_waiting`.

    Raises:
        YieldflowError: No thread can be started to work in place of this one, so that the workflow might never end.
    """
    slot = current_slot()
    if slot is None:
        yield
        return
    slot.waits.begin(slot, wake)
    try:
        yield
    finally:
        slot.waits.end(slot, wake)


def must_stop_waiting() -> bool:
    """Tell the calling activity whether it is to give up waiting, since its orchestrator stops."""
    slot = current_slot()
    return slot is not None and slot.must_stop_waiting()
