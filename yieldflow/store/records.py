"""The values that a store is asked for: rows as they stand on disk, submissions and requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from .._core.history import (
    Failure,
    History,
    Micros,
    OnParentEnd,
    Outcome,
    Payload,
    Signal,
    StepEnded,
    StepKind,
    StepStatus,
    WorkflowStatus,
)

#: In `WorkflowRecord.wake_at`: only a message wakes the workflow.
FOREVER: Micros = 2**63 - 1


class Parent(NamedTuple):
    """Whose child a workflow is."""

    workflow_id: str
    run: int
    #: The parent's step that waits for it.
    step: int
    on_parent_end: OnParentEnd = "cancel"


class Submission(NamedTuple):
    """A workflow to be put on disk."""

    workflow_id: str
    name: str
    #: The arguments by name.
    input: Payload
    #: The source of `uuid4` and `random` in the run: see `seed_at`.
    seed: bytes
    created_at: Micros
    #: When it is to start, where not at once.
    starts_at: Micros | None = None
    #: When it is cancelled if it has not ended by then.
    deadline_at: Micros | None = None
    #: The version of its code.
    version: str | None = None
    parent: Parent | None = None
    #: Signals that are there from the beginning.
    signals: Sequence[Signal] = ()


class RequestKind(StrEnum):
    """The kinds of requests to a workflow that has not ended."""

    #: The payload is that of the signal, `Request.name` its name.
    SIGNAL = "signal"
    #: End, with cleanup; the payload is the reason, as text.
    CANCEL = "cancel"
    #: End without cleanup; the payload is the reason, as text.
    TERMINATE = "terminate"
    SUSPEND = "suspend"
    #: Go on: from a suspension, or after `Store.rewind` and `Store.fork`.
    RESUME = "resume"


class Request(NamedTuple):
    """Something asked of a workflow."""

    workflow_id: str
    kind: RequestKind
    at: Micros
    name: str | None = None
    payload: Payload | None = None
    #: Its number on disk, where a client left it there.
    number: int | None = None


class Arrivals(NamedTuple):
    """Workflows and requests that others wrote since the last look."""

    #: Workflows that no turn has driven yet, in the order added: (id, `wake_at`).
    workflows: list[tuple[str, Micros | None]]
    #: Everything asked and not carried out yet, in the order asked.
    requests: list[Request]


class Current(NamedTuple):
    """The activity that a workflow waits for."""

    name: str
    attempt: int
    #: Type and message of the last attempt's failure.
    last_error: str | None = None
    #: When the attempt is, or was, due; None for the first one.
    due_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """A workflow as it stands on disk."""

    id: str
    name: str
    status: WorkflowStatus
    run: int
    seed: bytes
    input: Payload
    #: Name and arguments that it was submitted with: those of its first run.
    submitted: tuple[str, Payload]
    #: The value that it returned, or the failure that ended it.
    outcome: Outcome | None
    #: Why it is stalled.
    reason: str | None
    progress: Payload | None
    parent: Parent | None
    #: The version of the code that it was submitted with.
    version: str | None
    #: When it is cancelled if it has not ended by then.
    deadline_at: Micros | None
    created_at: Micros
    starts_at: Micros | None
    started_at: Micros | None
    finished_at: Micros | None
    #: When anything of it last changed.
    updated_at: Micros
    #: The number of outcomes applied.
    step: int
    #: The open activity with the lowest step number.
    current: Current | None
    #: Sessions in a row that took this workflow up and ended without a checkpoint of it.
    recovery_attempts: int
    #: None while it must be in memory, the moment until which it rests, or `FOREVER`.
    wake_at: Micros | None = None
    #: Its row is damaged: this is what can be read of it, and `reason` says what is wrong.
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step as it stands on disk."""

    step: int
    kind: StepKind
    name: str
    status: StepStatus
    attempt: int
    input: Payload
    outcome: Outcome | None
    source: str
    #: The number of events applied before the one that led to this step.
    turn: int
    #: The place of its outcome in the order applied, from 1; None while it is not applied.
    applied: int | None
    #: If cancelled: the place of the event with which the workflow ceased to wait for it.
    dropped: int | None
    #: When a sleep ends, or the next attempt at an activity is, or was, due.
    due_at: Micros | None
    scheduled_at: Micros
    finished_at: Micros | None
    #: If it is an open activity: why its last attempt failed, and when.
    last_failure: Failure | None = None
    failed_at: Micros | None = None
    #: The details of the last heartbeat.
    heartbeat: Payload | None = None
    #: If it is an activity past its first attempt: see `OpenAttempt.counted_from`.
    counted_from: Micros | None = None
    #: The start of the attempt that ended last, or that has run for long, and its worker.
    begun_at: Micros | None = None
    worker: str | None = None


class Rewind(NamedTuple):
    """A workflow that is to go back, and how far: see `Store.rewind`."""

    workflow_id: str
    run: int
    #: The place of the first event to be undone,
    place: int
    #: and whether its outcome stays recorded, to be applied again.
    reapply: bool


class WorkflowBrief(NamedTuple):
    """The row of a workflow as the scheduler asks for it while it is not in memory: no step of it is looked at."""

    workflow_id: str
    name: str
    status: WorkflowStatus
    run: int
    #: Its first turn was driven.
    started: bool
    starts_at: Micros | None
    recovery_attempts: int
    wake_at: Micros | None
    parent: Parent | None


class Found(NamedTuple):
    """A workflow that must be in memory, found at the start of a session."""

    #: That of its row: the next page follows it.
    number: int
    workflow_id: str
    recovery_attempts: int


class Sleeper(NamedTuple):
    """A workflow that rests until a moment."""

    wake_at: Micros
    #: That of its row: the next page follows (wake_at, number).
    number: int
    workflow_id: str


class UntakenSignal(NamedTuple):
    """A signal that its workflow has not received."""

    workflow_id: str
    #: The next page follows (workflow_id, number).
    number: int
    name: str
    sent_at: Micros
    #: True where its workflow has begun and is processing: it could receive it.
    is_live: bool


class BufferedSignals(NamedTuple):
    """The signals of one name that a workflow has not received."""

    name: str
    #: The number of them.
    total: int
    #: The time at which the first of them was sent.
    since: Micros


class OpenAttempt(NamedTuple):
    """The state of an open activity."""

    #: The number of the attempt that it is at, from 1.
    number: int
    #: When that is due; None for the first one, which is due at once.
    due_at: Micros | None = None
    #: The details of the last heartbeat.
    details: Payload | None = None
    #: Until when its life is known: the latest time that its row has.
    known_until: Micros = 0
    #: From when on the time of all attempts is counted: when the step was issued, or later by as much as did not count.
    counted_from: Micros | None = None


class Loaded(NamedTuple):
    """Everything that a workflow is built from."""

    record: WorkflowRecord
    history: History
    #: Outcomes that are on disk and were not applied, in the order in which they came.
    recorded: Sequence[StepEnded] = ()
    #: Signals that it has not received, in order.
    signals: Sequence[Signal] = ()
    #: The highest number that a signal of it has on disk, received or not; 0 where there is none.
    last_signal: int = 0
    #: The open activities of which something is on disk, by step.
    attempts: Mapping[int, OpenAttempt] = MappingProxyType({})
    #: The parent with which it was to end, where that has ended. None of a child that was rewound since then.
    orphan_of: str | None = None
