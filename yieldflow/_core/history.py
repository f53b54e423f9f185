"""The values that a workflow's life is written in: steps, outcomes, events, and the statuses with their transitions.

A **step** is one leaf command of one workflow, numbered in the order issued. An **outcome** is what became of it.
An **event** is anything applied to a workflow: its start, or the end of a step. The **history** is all events in the
order applied, with the steps that they led to. Times are whole microseconds since the epoch, so that a time read back
from disk is the time that was used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol, TypeAlias

from .errors import InternalError

#: A stored value: JSON text; the bytes of a pickle where an older version wrote it.
Payload: TypeAlias = str | bytes
#: A moment: whole microseconds since 1970-01-01 UTC.
Micros: TypeAlias = int

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(duration: timedelta) -> Micros:
    """Turn a duration into whole microseconds, without the rounding of floating point."""
    return duration // _MICROSECOND


def in_micros(seconds: float) -> Micros:
    """Turn seconds into whole microseconds."""
    return to_micros(timedelta(seconds=seconds))


def to_datetime(moment: Micros) -> datetime:
    """Turn a moment into an aware `datetime` in UTC, exactly."""
    return EPOCH + timedelta(microseconds=moment)


# ---------------------------------------------------------------------- statuses


class WorkflowStatus(StrEnum):
    """The status of a workflow."""

    #: It runs, waits, or is due to start later.
    PROCESSING = "processing"
    #: It returned.
    DONE = "done"
    #: It raised.
    FAILED = "failed"
    #: It was cancelled or terminated.
    CANCELLED = "cancelled"
    #: It was asked to pause.
    SUSPENDED = "suspended"
    #: It cannot go on until it is helped; the reason says why.
    STALLED = "stalled"

    @property
    def ended(self) -> bool:
        """True for a workflow that has ended."""
        return self in ENDED


#: What each status may become. An ended workflow changes only by `retry`, which makes it process again.
TRANSITIONS: dict[WorkflowStatus, frozenset[WorkflowStatus]] = {
    WorkflowStatus.PROCESSING: frozenset(
        {
            WorkflowStatus.DONE,
            WorkflowStatus.FAILED,
            WorkflowStatus.CANCELLED,
            WorkflowStatus.SUSPENDED,
            WorkflowStatus.STALLED,
        }
    ),
    WorkflowStatus.SUSPENDED: frozenset({WorkflowStatus.PROCESSING, WorkflowStatus.CANCELLED, WorkflowStatus.STALLED}),
    WorkflowStatus.STALLED: frozenset({WorkflowStatus.PROCESSING, WorkflowStatus.CANCELLED}),
    WorkflowStatus.FAILED: frozenset({WorkflowStatus.PROCESSING}),
    WorkflowStatus.CANCELLED: frozenset({WorkflowStatus.PROCESSING}),
    WorkflowStatus.DONE: frozenset(),
}

ENDED = frozenset({WorkflowStatus.DONE, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED})


def check_transition(before: WorkflowStatus, after: WorkflowStatus) -> None:
    """Raise `InternalError` where the status table does not allow ``before`` to become ``after``."""
    if after not in TRANSITIONS[before]:
        raise InternalError(f"a {before.value} workflow may not become {after.value}")


class StepStatus(StrEnum):
    """The status of a step."""

    #: Issued; no outcome is recorded.
    SCHEDULED = "scheduled"
    #: It ended with a value.
    DONE = "done"
    #: It ended with a failure.
    FAILED = "failed"
    #: The workflow stopped waiting for it; a late outcome is dropped.
    CANCELLED = "cancelled"


class StepKind(StrEnum):
    """The kind of command that a step is."""

    ACTIVITY = "activity"
    #: `sleep` and `sleep_until`.
    SLEEP = "sleep"
    #: Its name is the signal's, its value the payload.
    WAIT_SIGNAL = "wait_signal"
    #: Its name is the signal's, its value the list of payloads that were there.
    TAKE_SIGNALS = "take_signals"
    #: A workflow that this one started.
    CHILD = "child"


#: What becomes of a child that still runs when its parent ends or is cancelled.
OnParentEnd: TypeAlias = Literal["cancel", "wait", "abandon"]

# ---------------------------------------------------------------------- steps and outcomes


class Step(NamedTuple):
    """One leaf command as it was issued."""

    number: int
    kind: StepKind
    name: str
    #: The arguments by name.
    input: Payload
    #: How many events had been applied when it was issued, the one that led to it left out: 0 for the first turn.
    turn: int
    #: ``file:line`` of the yield.
    source: str
    #: When a sleep ends.
    due_at: Micros | None = None


class Failure(NamedTuple):
    """An exception as it is stored."""

    #: Module and qualified name: ``builtins.ValueError``.
    type_name: str
    message: str
    traceback: str
    #: What the exception is built from again; None where that was found impossible when it was recorded.
    exception: Payload | None

    @property
    def summary(self) -> str:
        """Type and message in a line, as Python prints an exception: ``ValueError: no such order``."""
        name = self.type_name.removeprefix("builtins.").removeprefix("yieldflow._core.errors.")
        return f"{name}: {self.message}" if self.message else name


#: What became of a step or of a workflow: the value's payload, or a failure.
Outcome: TypeAlias = Payload | Failure


class Started(NamedTuple):
    """The event that begins a run."""

    at: Micros


class StepEnded(NamedTuple):
    """The event that a step ended."""

    step: int
    outcome: Outcome
    at: Micros
    attempt: int = 1


class CancelRequested(NamedTuple):
    """The event that a workflow was asked to end, or that its time ran out."""

    at: Micros
    reason: str | None = None
    #: Seconds that the workflow was given, where it used them up.
    timeout: float | None = None


#: What is applied to a workflow, one at a time.
Event: TypeAlias = Started | StepEnded | CancelRequested


class History(NamedTuple):
    """One run of a workflow as recorded: replaying the events must lead to the steps."""

    events: Sequence[Event] = ()
    steps: Sequence[Step] = ()
    #: The names for which `patched` was True in this run.
    patches: frozenset[str] = frozenset()
    #: Steps for which the workflow ceased to wait.
    dropped: frozenset[int] = frozenset()


def dropped_before(count: int, dropped: Mapping[int, int]) -> frozenset[int]:
    """Return the steps that the workflow itself ceased to wait for: a termination drops the others, behind all events.

    Args:
        count: How many events there are.
        dropped: Steps, each with the position of the event with which it was dropped.
    """
    return frozenset(step for step, position in dropped.items() if position < count)


class Continuation(NamedTuple):
    """The workflow and the arguments of the next run, as `continue_as_new` asks for them."""

    name: str
    input: Payload


class Signal(NamedTuple):
    """A message for a workflow that has not received it yet."""

    #: Its place in the order received by the workflow, from 1.
    number: int
    name: str
    payload: Payload
    at: Micros


#: The length of a run's own seed in bytes; see `seed_at`.
SEED_LENGTH = 16


def seed_at(seed: bytes, turn: int) -> bytes:
    """Return the seed that holds in a turn. A fork keeps the first for what it copied, and has others from then on."""
    current, ahead = seed[:SEED_LENGTH], seed[SEED_LENGTH:]
    while ahead and int.from_bytes(ahead[:8], "big") <= turn:
        current, ahead = ahead[8 : 8 + SEED_LENGTH], ahead[8 + SEED_LENGTH :]
    return current


def reseeded(seed: bytes, turn: int, new: bytes) -> bytes:
    """Return a seed that is ``seed`` up to ``turn``, and ``new`` from there on."""
    kept, ahead = seed[:SEED_LENGTH], seed[SEED_LENGTH:]
    while ahead and int.from_bytes(ahead[:8], "big") < turn:
        kept, ahead = kept + ahead[: 8 + SEED_LENGTH], ahead[8 + SEED_LENGTH :]
    return kept + turn.to_bytes(8, "big") + new


class Codec(Protocol):
    """Turns values into payloads and back; nothing passes into or out of a workflow without it."""

    def encode(self, value: object) -> Payload:
        """``value`` as a payload; `EncodingError` where it cannot be stored."""

    def decode(self, payload: Payload) -> object:
        """A new value from ``payload``; `EncodingError` where it cannot be read back."""

    def same(self, recorded: Payload, new: Payload, defaults: Mapping[str, object]) -> bool:
        """True where both are of the same value, with ``defaults`` for the arguments that either leaves out.

        `EncodingError` where one cannot be read back.
        """

    def encode_failure(self, error: BaseException) -> Failure:
        """``error`` as a failure; never raises."""

    def decode_failure(self, failure: Failure, otherwise: type[BaseException]) -> BaseException:
        """The exception that ``failure`` records, or ``otherwise(message, type_name, traceback)`` where none was kept.

        `EncodingError` where one was kept and cannot be built again.
        """
