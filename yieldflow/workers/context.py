"""`activity_context`: a running activity's view of its attempt, answered by whichever host runs it.

A host makes an `ActivityContext` from plain values and an `ActivityHost`, and puts it where the activity looks for it
with `provide_context`. Nothing here knows of a store, of threads, or of an orchestrator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, cast

from .._core.activity_code import ActivitySource, source_of_activity
from .._core.errors import EncodingError, MisplacedCallError
from .._core.history import Codec, Payload


@dataclass(frozen=True, slots=True)
class AttemptInfo:
    """Identifies one attempt, for the activity itself and for a tracer."""

    workflow_id: str
    #: The workflow's run, from 1.
    run: int
    #: The workflow's step, from 0.
    step: int
    #: The name of the activity.
    activity: str
    #: From 1. An attempt that the death of the process cut short is made again under the same number.
    attempt: int
    #: The same for every attempt at the step, also after a crash. No other step has it, nor one with other arguments.
    idempotency_key: str


class ActivityHost(Protocol):
    """Answers a running activity on behalf of the host. Any thread may call."""

    @property
    def cancelled(self) -> bool:
        """True once the host no longer waits for the attempt, or asks it to end."""

    def beat(self, details: Payload) -> None:
        """Take in a heartbeat: the attempt lives, and has come as far as ``details`` says."""


class ActivityContext:
    """An activity's view of its attempt: ids, cancellation and heartbeats. Returned by `activity_context`.

    Args:
        info: Which attempt it is.
        codec: Encodes and decodes the details of heartbeats.
        host: Answers for the host.
        details: The last details of the attempt before this one, encoded; None where there are none.
        largest_details: How many bytes the details of a heartbeat may take; None for any number.
    """

    __slots__ = ("_codec", "_details", "_host", "_largest_details", "info")

    def __init__(
        self,
        info: AttemptInfo,
        codec: Codec,
        host: ActivityHost,
        details: Payload | None = None,
        largest_details: int | None = None,
    ) -> None:
        #: Which attempt it is.
        self.info = info
        self._codec = codec
        self._host = host
        self._details = details
        self._largest_details = largest_details

    @property
    def workflow_id(self) -> str:
        """The workflow that yielded the activity."""
        return self.info.workflow_id

    @property
    def step(self) -> int:
        """The workflow's step, from 0."""
        return self.info.step

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1. An attempt that the death of the process cut short keeps its number."""
        return self.info.attempt

    @property
    def idempotency_key(self) -> str:
        """A UUID as text: the same for every attempt at this step, also after a crash, and no other step has it.

        Hand it to a payment API or the like, so that what an attempt has done is not done again by the next. After
        `retry()` a step that asks for the same has the same key, and a step that asks for something else another. A
        fork has the keys of the workflow that it copies for the steps that it copies.
        """
        return self.info.idempotency_key

    @property
    def cancelled(self) -> bool:
        """True once this attempt is no longer waited for: its branch was cancelled, or its time ran out.

        A long activity checks it now and then, and returns: the result is dropped, unless the activity has
        ``on_cancel="wait"``, where its end is waited for.
        """
        return self._host.cancelled

    @property
    def heartbeat_details(self) -> Any:
        """The details that the attempt before this one last gave to `heartbeat`; None where there are none."""
        return None if self._details is None else self._codec.decode(self._details)

    def heartbeat(self, details: object = None) -> None:
        """Report that this attempt lives, and how far it is.

        Where the activity has a ``heartbeat_timeout``, an attempt that is silent for longer has failed. The details
        reach the disk within a second, and the next attempt finds the last ones in `heartbeat_details`.

        Args:
            details: Any value that can be stored: where the next attempt is to go on.

        Raises:
            EncodingError: ``details`` cannot be stored, or take more than ten million bytes.
            MisplacedCallError: The attempt runs in another process, in an executor that was handed to the orchestrator.

        Example:
            >>> for row in range(activity_context().heartbeat_details or 0, len(rows)):
            ...     load(rows[row])
            ...     activity_context().heartbeat(row + 1)
        """
        payload = self._codec.encode(details)
        if self._largest_details is not None and len(payload) > self._largest_details:
            raise EncodingError(
                f"heartbeat() was given details of {len(payload):,} bytes, and they are written again and again: at "
                f"most {self._largest_details:,}. Put them into a file, and give where that is"
            )
        self._host.beat(payload)


class ContextSource(ActivitySource, Protocol):
    """Knows the attempt that runs in one thread or coroutine."""

    @property
    def context(self) -> ActivityContext | None:
        """The context of the attempt that runs there now; None where none does."""


class ContextHolder:
    """A `ContextSource` that the host fills: None again once the attempt has ended.

    Tasks and threads that an attempt left behind share its source, and find no context there any more.
    """

    __slots__ = ("context",)

    def __init__(self, context: ActivityContext | None = None) -> None:
        self.context = context

    @property
    def activity(self) -> str | None:
        """The name of the activity that runs there; None where none does."""
        context = self.context
        return None if context is None else context.info.activity


def provide_context(source: ContextSource) -> None:
    """Have `activity_context` ask ``source`` from now on, in this thread, coroutine or `contextvars` context."""
    source_of_activity.set(source)


def context_source() -> ContextSource | None:
    """The source that `activity_context` asks here; None outside activities."""
    # Nothing else is put there.
    return cast("ContextSource | None", source_of_activity.get())


def activity_context() -> ActivityContext:
    """Return the context of the attempt that the calling activity is.

    It works also in functions that the activity calls, and in what it awaits or hands to `asyncio.to_thread`; not in
    threads that it starts itself.

    Returns:
        Ids, the number of the attempt, an idempotency key, whether it is cancelled, and heartbeats.

    Raises:
        MisplacedCallError: The caller is not running in an activity.

    Example:
        >>> @activity(retry=RetryPolicy())
        ... def charge(order: str, cents: int) -> str:
        ...     return bank.charge(order, cents, idempotency_key=activity_context().idempotency_key)
    """
    source = context_source()
    context = source.context if source is not None else None
    if context is None:
        raise MisplacedCallError(
            "activity_context() was called outside an activity: call it in one that a workflow has yielded, and in the "
            "thread that runs it"
        )
    return context
