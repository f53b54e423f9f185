"""What a running activity may ask: `activity_context`; and what the library asks of the place where it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from .._core.errors import EncodingError, MisplacedCallError
from .._core.history import Codec, Payload
from .attempt import Attempt, AttemptInfo, Engine

#: The largest details of a heartbeat, in bytes: they may be written once a second.
LARGEST_DETAILS = 10_000_000


class ActivityContext:
    """What an activity may know of the attempt that it is, and say of it. Made by `activity_context`."""

    __slots__ = ("_beat", "_codec", "_details", "_is_cancelled", "info")

    def __init__(
        self,
        info: AttemptInfo,
        codec: Codec,
        details: Payload | None,
        beat: Callable[[Payload], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        #: Which attempt it is.
        self.info = info
        self._codec = codec
        self._details = details
        self._beat = beat
        self._is_cancelled = is_cancelled

    @property
    def workflow_id(self) -> str:
        """The workflow that asks for it."""
        return self.info.workflow_id

    @property
    def step(self) -> int:
        """The workflow's step, from 0."""
        return self.info.step

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1. One that the death of the process cut short is made again as the same."""
        return self.info.attempt

    @property
    def idempotency_key(self) -> str:
        """A UUID as text: the same for every attempt at this step, also after a crash, and no other step has it.

        Hand it to a payment API or the like, so that what an attempt has done is not done again by the next. After
        `retry()` a step that asks for the same has the same key, and one that asks for something else another. A fork
        has the keys of the workflow that it copies for the steps that it copies.
        """
        return self.info.idempotency_key

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for this attempt any more: its branch was cancelled, or its time ran out.

        A long activity looks at it now and then, and returns: what it returns is dropped, but for
        ``on_cancel="wait"``, where its end is waited for.
        """
        return self._is_cancelled()

    @property
    def heartbeat_details(self) -> Any:
        """What the attempt before this one last gave to `heartbeat`; None where there is nothing."""
        return None if self._details is None else self._codec.decode(self._details)

    def heartbeat(self, details: object = None) -> None:
        """Say that this attempt lives, and how far it is.

        Where the activity has a ``heartbeat_timeout``, an attempt that is silent for longer has failed. The details
        reach the disk within a second, and the next attempt finds the last ones in `heartbeat_details`.

        Args:
            details: Whatever can be stored: where the next attempt is to go on.

        Raises:
            EncodingError: ``details`` cannot be stored, or take more than ten million bytes.
            MisplacedCallError: The attempt runs in another process, in an executor that was handed to the orchestrator.
        """
        payload = self._codec.encode(details)
        if len(payload) > LARGEST_DETAILS:
            raise EncodingError(
                f"heartbeat() was given details of {len(payload):,} bytes, and they are written again and again: at "
                f"most {LARGEST_DETAILS:,}. Put them into a file, and give where that is"
            )
        self._beat(payload)


def context_of(attempt: Attempt, engine: Engine) -> ActivityContext:
    """What an attempt that runs in this process may know and say."""
    return ActivityContext(
        attempt.info,
        engine.codec,
        attempt.details,
        lambda details: engine.beat(attempt, details),
        lambda: attempt.cancelled,
    )


class Waits(Protocol):
    """What a place lends while its activity waits for a workflow."""

    def begin(self, wake: Callable[[], None]) -> None:
        """A wait begins; ``wake`` is called, from any thread, if what is waited for may not come any more."""

    def end(self, wake: Callable[[], None]) -> None:
        """It is over."""


class Place(Protocol):
    """Where an activity runs."""

    @property
    def context(self) -> ActivityContext | None:
        """That of the attempt that runs there; None where none does."""

    @property
    def engine(self) -> object:
        """The engine that it runs for; None in another process."""

    @property
    def waits(self) -> Waits | None:
        """What waits there; None in another process."""

    @property
    def on_event_loop(self) -> bool:
        """Whether the calling thread is an event loop's, so that other activities stand still while it is blocked."""

    def interrupted(self) -> bool:
        """Whether the activity is to give up waiting, since its orchestrator stops."""


#: Set once in each thread that works, and in each coroutine.
_here: ContextVar[Place | None] = ContextVar("yieldflow_activity", default=None)


def settle(place: Place) -> None:
    """Have ``place`` be where this thread, or this coroutine, runs activities."""
    _here.set(place)


def here() -> Place | None:
    """Where this is run, if in an activity."""
    return _here.get()


def activity_context() -> ActivityContext:
    """What the activity that calls this may know of the attempt that it is.

    Also in what it calls, and in what it awaits or hands to `asyncio.to_thread`; not in threads of its own.

    Returns:
        Ids, the number of the attempt, an idempotency key, whether it is cancelled, and heartbeats.

    Raises:
        MisplacedCallError: This is no activity.

    Example:
        >>> @activity(retry=RetryPolicy())
        ... def charge(order: str, cents: int) -> str:
        ...     return bank.charge(order, cents, idempotency_key=activity_context().idempotency_key)
    """
    place = here()
    context = place.context if place is not None else None
    if context is None:
        raise MisplacedCallError(
            "activity_context() was called outside an activity: call it in one that a workflow has yielded, and in the "
            "thread that runs it"
        )
    return context


@contextmanager
def lend(wake: Callable[[], None]) -> Iterator[None]:
    """While the body waits, have another activity run in this one's place. Outside activities: nothing.

    Args:
        wake: Called, from any thread, if the pool stops: what is waited for may not come any more. See `interrupted`.
    """
    place = here()
    waits = place.waits if place is not None else None
    if waits is None:
        yield
        return
    waits.begin(wake)
    try:
        yield
    finally:
        waits.end(wake)


def interrupted() -> bool:
    """Whether the activity that asks is to give up waiting, since its orchestrator stops."""
    place = here()
    return place is not None and place.interrupted()
