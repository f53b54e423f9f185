"""How a workflow and its steps look to a person or a program that asks. Nothing here opens a pickle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._core.history import Failure, Micros, Outcome, StepKind, StepStatus, WorkflowStatus, to_datetime
from ..codec import preview
from ..scheduler.storage_backoff import Trouble
from ..store import StepRecord, WorkflowRecord
from ..workers.attempt import AttemptInfo


@dataclass(frozen=True, slots=True)
class WaitingDescription:
    """What a branch of a workflow waits for: a step that has begun and has no outcome."""

    step: int
    kind: StepKind
    #: The activity's, the child's or the signal's name.
    name: str
    #: ``file:line`` of the yield.
    source: str
    #: Since when it is waited for.
    since: datetime
    #: When a sleep ends, or the next attempt at an activity is due.
    due_at: datetime | None
    #: Of an activity: which attempt is under way or to come, from 1.
    attempt: int = 1
    #: Of an activity: why the attempt before it failed: type and message.
    last_error: str | None = None
    #: Of an activity: the details of its last heartbeat.
    heartbeat: object = None


@dataclass(frozen=True, slots=True)
class WorkflowDescription:
    """Where a workflow stands. Values that are pickled show as text such as ``<pickled, 123 bytes>``."""

    id: str
    name: str
    status: WorkflowStatus
    #: How many outcomes were applied in this run.
    step: int
    #: 1 for the first run.
    run: int
    #: The activity that it waits for; of several, the first issued.
    current_activity: str | None
    #: Which attempt at that activity is under way or to come, from 1,
    attempt: int | None
    #: why the attempt before it failed: type and message,
    last_error: str | None
    #: and when it is due, or was; None for the first.
    next_attempt_at: datetime | None
    #: The arguments by name.
    input: object
    #: What it returned.
    output: object
    progress: object
    #: Of a failure: type and message.
    error_message: str | None
    #: Of a failure: the traceback as text.
    error_traceback: str | None
    #: Why it is stalled, or was cancelled.
    reason: str | None
    #: The parent's id, where it is a child.
    parent: str | None
    #: The version of the code that it was submitted with.
    version: str | None
    #: What its branches wait for, in the order issued.
    waiting_for: tuple[WaitingDescription, ...]
    created_at: datetime
    #: When it is to start, where it was delayed.
    starts_at: datetime | None
    #: When it is cancelled if it has not ended by then.
    deadline_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StepDescription:
    """One step of a workflow's history. Values that are pickled show as text."""

    step: int
    kind: StepKind
    name: str
    status: StepStatus
    attempt: int
    #: The arguments by name.
    input: object
    output: object
    error_message: str | None
    error_traceback: str | None
    #: ``file:line`` of the yield.
    source: str
    #: The place of its outcome in the order applied, from 1.
    applied: int | None
    #: When a sleep ends, or the last attempt at an activity was due.
    due_at: datetime | None
    scheduled_at: datetime
    finished_at: datetime | None
    #: Of an open activity: why its last attempt failed: type and message.
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class StorageTrouble:
    """What is wrong with the disk. It ends with the next commit that succeeds."""

    #: What was heard last.
    error: str
    #: When it failed first, and when last,
    since: datetime
    latest: datetime
    #: and how often.
    failures: int
    #: Whether it is only reading that failed.
    writable: bool
    #: How many workflows wait for it. They go on by themselves: it is tried again every five seconds at least.
    waiting: int


@dataclass(frozen=True, slots=True)
class Health:
    """How an orchestrator is."""

    #: Whether it is started; if not, all the rest is nothing.
    started: bool
    #: Attempts at activities that are being made, in threads, processes and everywhere.
    running: int = 0
    #: Attempts that wait for a worker.
    waiting: int = 0
    #: Attempts whose time ran out, and that still keep a thread, since a thread cannot be killed.
    abandoned: tuple[AttemptInfo, ...] = ()
    #: What is wrong with the disk; None where the last commit succeeded.
    storage: StorageTrouble | None = None
    #: Why nothing goes on any more until ``stop()`` and ``start()``: the file is lost, or yieldflow has a defect.
    failure: str | None = None


def describe_workflow(record: WorkflowRecord, waiting_for: tuple[WaitingDescription, ...] = ()) -> WorkflowDescription:
    """The view of a workflow's row."""
    output, message, traceback = _outcome(record.outcome)
    current = None if record.status.ended else record.current
    return WorkflowDescription(
        id=record.id,
        name=record.name,
        status=record.status,
        step=record.step,
        run=record.run,
        current_activity=None if current is None else current.name,
        attempt=None if current is None else current.attempt,
        last_error=None if current is None else current.last_error,
        next_attempt_at=None if current is None else _time(current.due_at),
        input=preview(record.input),
        output=output,
        progress=None if record.progress is None else preview(record.progress),
        error_message=message,
        error_traceback=traceback,
        reason=record.reason,
        parent=record.parent.workflow_id if record.parent is not None else None,
        version=record.version,
        waiting_for=waiting_for,
        created_at=to_datetime(record.created_at),
        starts_at=_time(record.starts_at),
        deadline_at=_time(record.deadline_at),
        started_at=_time(record.started_at),
        finished_at=_time(record.finished_at),
        updated_at=to_datetime(record.updated_at),
    )


def describe_waiting(records: Iterable[StepRecord]) -> tuple[WaitingDescription, ...]:
    """Those of the steps that are waited for."""
    return tuple(
        WaitingDescription(
            record.step,
            record.kind,
            record.name,
            record.source,
            to_datetime(record.scheduled_at),
            _time(record.due_at),
            record.attempt,
            None if record.last_failure is None else record.last_failure.summary,
            None if record.heartbeat is None else preview(record.heartbeat),
        )
        for record in records
        if record.status is StepStatus.SCHEDULED
    )


def describe_trouble(trouble: Trouble, waiting: int) -> StorageTrouble:
    """The view of what is wrong with the disk, and of how many workflows wait for it."""
    error, since, latest, failures, writable = trouble
    return StorageTrouble(error, to_datetime(since), to_datetime(latest), failures, writable, waiting)


def describe_step(record: StepRecord) -> StepDescription:
    """The view of a step's row."""
    output, message, traceback = _outcome(record.outcome)
    return StepDescription(
        step=record.step,
        kind=record.kind,
        name=record.name,
        status=record.status,
        attempt=record.attempt,
        input=preview(record.input),
        output=output,
        error_message=message,
        error_traceback=traceback,
        source=record.source,
        applied=record.applied,
        due_at=_time(record.due_at),
        scheduled_at=to_datetime(record.scheduled_at),
        finished_at=_time(record.finished_at),
        last_error=None if record.last_failure is None else record.last_failure.summary,
    )


def status_dict(description: WorkflowDescription) -> dict[str, Any]:
    """A description as plain values, without what is waited for: status as text, times in ISO 8601, UTC."""
    fields = {name: getattr(description, name) for name in description.__slots__ if name != "waiting_for"}
    times = {name: value.isoformat() for name, value in fields.items() if isinstance(value, datetime)}
    return {**fields, "status": description.status.value, **times}


def _outcome(outcome: Outcome | None) -> tuple[object, str | None, str | None]:
    if isinstance(outcome, Failure):
        return None, outcome.summary, outcome.traceback
    return (None if outcome is None else preview(outcome)), None, None


def _time(moment: Micros | None) -> datetime | None:
    return None if moment is None else to_datetime(moment)
