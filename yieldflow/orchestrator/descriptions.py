"""Descriptions of a workflow and its steps, as values for people and programs. Nothing here unpickles anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._core.history import Failure, Micros, Outcome, StepKind, StepStatus, WorkflowStatus, to_datetime
from ..codec import preview
from ..store import BufferedSignals, StepRecord, WorkflowRecord


@dataclass(frozen=True, slots=True)
class WaitingDescription:
    """A step that a branch of a workflow waits for, as `WorkflowDescription.waiting_for` lists it.

    Times are in UTC.

    Example:
        >>> for waiting in handle.describe().waiting_for:
        ...     print(waiting.kind, waiting.name, waiting.source)
    """

    #: The step's number, from 0.
    step: int
    #: An activity, a child, a sleep or a signal.
    kind: StepKind
    #: The activity's, the child's or the signal's name.
    name: str
    #: ``file:line`` of the yield.
    source: str
    #: The time since which it is waited for.
    since: datetime
    #: The time when the sleep ends, or when the next attempt at the activity is due.
    due_at: datetime | None
    #: The number of an activity's attempt that runs or comes next, from 1.
    attempt: int = 1
    #: The error of an activity's attempt before that: type and message.
    last_error: str | None = None
    #: The details of an activity's last heartbeat.
    heartbeat: object = None


@dataclass(frozen=True, slots=True)
class SignalsDescription:
    """The signals of one name that a workflow has not taken, as `WorkflowDescription.buffered_signals` lists them.

    A name that no code of the workflow waits for may be a slip.

    Example:
        >>> for signals in handle.describe().buffered_signals:
        ...     print(signals.name, signals.count, signals.since)
    """

    #: The name that they were sent under.
    name: str
    #: The number of them.
    count: int
    #: The time at which the first of them was sent, in UTC.
    since: datetime


@dataclass(frozen=True, slots=True)
class WorkflowDescription:
    """The state of a workflow, as `WorkflowHandle.describe` reports it.

    Values show as the JSON that is stored of them, see `python -m yieldflow docs values`. Times are in UTC.

    Example:
        >>> description = handle.describe()
        >>> print(description.status, description.current_activity, description.progress)
    """

    #: The workflow's id.
    id: str
    #: The name that the workflow is registered under.
    name: str
    #: Its status.
    status: WorkflowStatus
    #: The number of outcomes that were applied in this run.
    step: int
    #: The number of the run, from 1; `continue_as_new` begins the next.
    run: int
    #: The activity that it waits for; if there are several, the first issued.
    current_activity: str | None
    #: The number of that activity's attempt that runs or comes next, from 1.
    attempt: int | None
    #: The error of the attempt before that: type and message.
    last_error: str | None
    #: The time when that attempt is or was due; None for the first.
    next_attempt_at: datetime | None
    #: The arguments by name.
    input: object
    #: The value that it returned.
    output: object
    #: The last value of `set_progress`.
    progress: object
    #: The error that it failed with: type and message.
    error_message: str | None
    #: The traceback of that error, as text.
    error_traceback: str | None
    #: The reason for which it is stalled, or was cancelled.
    reason: str | None
    #: The parent's id, if it is a child.
    parent: str | None
    #: The version of the code that it was submitted with.
    version: str | None
    #: The steps that its branches wait for, in the order issued.
    waiting_for: tuple[WaitingDescription, ...]
    #: The signals that it has not taken, by name, those first that wait longest.
    buffered_signals: tuple[SignalsDescription, ...]
    #: The time when it was submitted.
    created_at: datetime
    #: The time when it is to start, if it was delayed.
    starts_at: datetime | None
    #: The time when it is cancelled if it has not ended by then.
    deadline_at: datetime | None
    #: The time when it started.
    started_at: datetime | None
    #: The time when it ended.
    finished_at: datetime | None
    #: The time of the last change.
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StepDescription:
    """One step of a workflow's history, as `WorkflowHandle.history` lists it.

    Values show as the JSON that is stored of them, see `python -m yieldflow docs values`. Times are in UTC.

    Example:
        >>> for step in handle.history():
        ...     print(step.step, step.name, step.status, step.output)
    """

    #: The step's number, from 0.
    step: int
    #: An activity, a child, a sleep or a signal.
    kind: StepKind
    #: The activity's, the child's or the signal's name.
    name: str
    #: Its status.
    status: StepStatus
    #: The number of the activity's latest attempt, from 1.
    attempt: int
    #: The arguments by name.
    input: object
    #: The result.
    output: object
    #: The error that it failed with: type and message.
    error_message: str | None
    #: The traceback of that error, as text.
    error_traceback: str | None
    #: ``file:line`` of the yield.
    source: str
    #: The position of its outcome in the order applied, from 1; None until then.
    applied: int | None
    #: The time when the sleep ends, or when the activity's latest attempt was due.
    due_at: datetime | None
    #: The time when it was issued.
    scheduled_at: datetime
    #: The time when it ended.
    finished_at: datetime | None
    #: The error of an open activity's last attempt: type and message.
    last_error: str | None = None


def describe_workflow(
    record: WorkflowRecord,
    waiting_for: tuple[WaitingDescription, ...] = (),
    buffered_signals: tuple[SignalsDescription, ...] = (),
) -> WorkflowDescription:
    """Describe a workflow by its row."""
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
        buffered_signals=buffered_signals,
        created_at=to_datetime(record.created_at),
        starts_at=_time(record.starts_at),
        deadline_at=_time(record.deadline_at),
        started_at=_time(record.started_at),
        finished_at=_time(record.finished_at),
        updated_at=to_datetime(record.updated_at),
    )


def describe_waiting(records: Iterable[StepRecord]) -> tuple[WaitingDescription, ...]:
    """Describe the steps that are waited for, and leave out the others."""
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


def describe_signals(signals: Iterable[BufferedSignals]) -> tuple[SignalsDescription, ...]:
    """Describe the signals that were not taken."""
    return tuple(SignalsDescription(name, count, to_datetime(since)) for name, count, since in signals)


def describe_step(record: StepRecord) -> StepDescription:
    """Describe a step by its row."""
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
    """Return a description as plain values, without its lists: status as text, times in ISO 8601, UTC."""
    lists = ("waiting_for", "buffered_signals")
    fields = {name: getattr(description, name) for name in description.__slots__ if name not in lists}
    times = {name: value.isoformat() for name, value in fields.items() if isinstance(value, datetime)}
    return {**fields, "status": description.status.value, **times}


def _outcome(outcome: Outcome | None) -> tuple[object, str | None, str | None]:
    """Return output, error message and traceback."""
    if isinstance(outcome, Failure):
        return None, outcome.summary, outcome.traceback
    return (None if outcome is None else preview(outcome)), None, None


def _time(moment: Micros | None) -> datetime | None:
    return None if moment is None else to_datetime(moment)
