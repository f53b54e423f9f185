"""The rows of the store in memory: what becomes of steps and signals when they are written, undone and copied."""

from __future__ import annotations

__tracebackhide__ = True

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias, TypeVar

from ..._core.history import (
    CancelRequested,
    Event,
    Failure,
    History,
    Micros,
    Signal,
    Started,
    Step,
    StepEnded,
    StepKind,
    StepStatus,
    WorkflowStatus,
    dropped_before,
)
from ...filter import Filter
from ...store import (
    UNCHANGED,
    Current,
    Loaded,
    OpenAttempt,
    Retried,
    StepRecord,
    Submission,
    WorkflowBrief,
    WorkflowRecord,
)

T = TypeVar("T")

#: When an attempt began, and on which worker.
Beginning: TypeAlias = tuple[Micros, str]


class Kept(NamedTuple):
    """A signal, and the place of the event that gave it to its workflow."""

    signal: Signal
    received: int | None = None


def is_open(step: StepRecord) -> bool:
    """Return whether the workflow has still to receive the step's outcome."""
    return step.applied is None and step.status is not StepStatus.CANCELLED


def new_step(step: Step, at: Micros) -> StepRecord:
    """The row of a step that was issued."""
    return StepRecord(
        step=step.number,
        kind=step.kind,
        name=step.name,
        status=StepStatus.SCHEDULED,
        attempt=1,
        input=step.input,
        outcome=None,
        source=step.source,
        turn=step.turn,
        applied=None,
        dropped=None,
        due_at=step.due_at,
        scheduled_at=at,
        finished_at=None,
    )


def with_beginning(step: StepRecord, begun: Beginning | None) -> StepRecord:
    """The row with when an attempt began, and on which worker; None where neither is known."""
    begun_at, worker = begun or (None, None)
    return replace(step, begun_at=begun_at, worker=worker)


def ended_step(before: StepRecord, event: StepEnded, place: int | None, begun: Beginning | None) -> StepRecord:
    """The row of a step whose outcome was recorded, and applied at ``place``."""
    begun_at, worker = begun or (None, None)
    return replace(
        before,
        begun_at=begun_at,
        worker=worker,
        last_failure=None,
        failed_at=None,
        status=StepStatus.FAILED if isinstance(event.outcome, Failure) else StepStatus.DONE,
        attempt=event.attempt,
        outcome=event.outcome,
        applied=place,
        finished_at=event.at,
    )


def dropped_step(before: StepRecord, place: int, at: Micros) -> StepRecord:
    """The row of a step that its workflow no longer waits for."""
    before = _without_last_failure(before)
    return replace(before, status=StepStatus.CANCELLED, outcome=None, dropped=place, finished_at=at)


def retried_step(before: StepRecord, retried: Retried, begun: Beginning | None) -> StepRecord:
    """The row of a step of which an attempt failed, and another follows."""
    following = retried.following
    return replace(
        with_beginning(before, begun),
        attempt=following.number,
        due_at=following.due_at,
        last_failure=retried.failure._replace(exception=None),
        failed_at=retried.at,
        heartbeat=following.details,
        counted_from=following.counted_from,
    )


def _without_last_failure(step: StepRecord) -> StepRecord:
    return replace(step, last_failure=None, failed_at=None)


def rewound_step(step: StepRecord, place: int, reapply: bool) -> StepRecord:
    """The row as it was before the event at ``place``; that event's own outcome stays recorded where it may."""
    by_signal = step.kind in (StepKind.WAIT_SIGNAL, StepKind.TAKE_SIGNALS)
    if reapply and step.applied == place and not by_signal:
        return replace(step, applied=None)
    if _from(place, step.applied) or _from(place, step.dropped):
        return _reopened(step)
    return step


def rewound_workflow(row: WorkflowRecord, place: int, parent: WorkflowRecord | None) -> WorkflowRecord:
    """The row of a workflow that goes on; with a parent that does not wait for it, it no longer ends with that."""
    waited_for = parent is None or not (parent.status.ended or is_of_earlier_run(row, parent))
    if row.parent is not None and row.parent.on_parent_end == "cancel" and not waited_for:
        row = replace(row, parent=row.parent._replace(on_parent_end="abandon"))
    return replace(
        row,
        status=WorkflowStatus.PROCESSING,
        outcome=None,
        reason=None,
        finished_at=None,
        deadline_at=None,
        recovery_attempts=0,
        wake_at=None,
        started_at=row.started_at if place > 0 else None,
    )


def is_of_earlier_run(row: WorkflowRecord, parent: WorkflowRecord) -> bool:
    """Return whether the run of its parent that started a workflow was followed by another."""
    return row.parent is not None and parent.run > row.parent.run


def copied_step(step: StepRecord, place: int) -> StepRecord:
    """The row as it is in a copy that stands before the event at ``place``."""
    if _from(place, step.applied) or _from(place, step.dropped) or is_open(step):
        return _reopened(step)
    return replace(step, heartbeat=None, counted_from=None)


def returned(signals: Mapping[int, Kept], place: int) -> dict[int, Kept]:
    """The signals with those that were received from ``place`` on waiting again."""
    return {
        number: kept._replace(received=None) if _from(place, kept.received) else kept
        for number, kept in signals.items()
    }


def before_place(events: Mapping[int, T], place: int) -> dict[int, T]:
    """Return what was applied before ``place``."""
    return {there: event for there, event in events.items() if there < place}


def loaded(
    record: WorkflowRecord,
    steps: Sequence[StepRecord],
    cancels: Mapping[int, CancelRequested],
    patches: frozenset[str],
    signals: Sequence[Signal],
    last_signal: int,
    orphan_of: str | None = None,
) -> Loaded:
    """All that a workflow is built from."""
    placed: list[tuple[int, Event]] = list(cancels.items())
    recorded: list[StepEnded] = []
    for step in steps:
        if step.outcome is None or step.finished_at is None:
            continue
        event = StepEnded(step.step, step.outcome, step.finished_at, step.attempt)
        if step.applied is None:
            recorded.append(event)
        else:
            placed.append((step.applied, event))
    placed.sort(key=lambda pair: pair[0])
    recorded.sort(key=lambda event: event.at)
    events: list[Event] = [] if record.started_at is None else [Started(record.started_at)]
    events += [event for _, event in placed]
    issued = [_issued(step) for step in steps]
    open_ones = (step for step in steps if step.status is StepStatus.SCHEDULED and step.kind is StepKind.ACTIVITY)
    attempts = {step.step: _open_attempt(step) for step in open_ones}
    dropped = dropped_before(len(events), {step.step: step.dropped for step in steps if step.dropped is not None})
    history = History(events, issued, patches, dropped)
    return Loaded(record, history, recorded, signals, last_signal, attempts, orphan_of)


def _open_attempt(step: StepRecord) -> OpenAttempt:
    known_until = max(step.scheduled_at, step.failed_at or 0, step.due_at or 0)
    return OpenAttempt(step.attempt, step.due_at, step.heartbeat, known_until, step.counted_from or step.scheduled_at)


def _issued(step: StepRecord) -> Step:
    """The step as it was issued; when an attempt is due is no part of that."""
    due_at = None if step.kind is StepKind.ACTIVITY else step.due_at
    return Step(step.step, step.kind, step.name, step.input, step.turn, step.source, due_at)


def ends_with_parent(row: WorkflowRecord) -> bool:
    """Return whether a child is to end with its parent."""
    return row.parent is not None and row.parent.on_parent_end == "cancel"


def orphan_of(row: WorkflowRecord, parent: WorkflowRecord | None) -> str | None:
    """The parent with which a workflow was to end, where that has ended."""
    return parent.id if parent is not None and parent.status.ended and ends_with_parent(row) else None


def brief(row: WorkflowRecord) -> WorkflowBrief:
    """The row as the scheduler asks for it."""
    return WorkflowBrief(
        workflow_id=row.id,
        name=row.name,
        status=row.status,
        run=row.run,
        started=row.started_at is not None,
        starts_at=row.starts_at,
        recovery_attempts=row.recovery_attempts,
        wake_at=row.wake_at,
        parent=row.parent,
    )


def new_workflow(new: Submission, wake_at: Micros | None = UNCHANGED) -> WorkflowRecord:
    """The row of a workflow that no turn has driven; without a ``wake_at`` of its own it rests until it starts."""
    return WorkflowRecord(
        id=new.workflow_id,
        name=new.name,
        status=WorkflowStatus.PROCESSING,
        run=1,
        seed=new.seed,
        input=new.input,
        submitted=(new.name, new.input),
        outcome=None,
        reason=None,
        progress=None,
        parent=new.parent,
        version=new.version,
        deadline_at=new.deadline_at,
        created_at=new.created_at,
        starts_at=new.starts_at,
        started_at=None,
        finished_at=None,
        updated_at=new.created_at,
        step=0,
        current=None,
        recovery_attempts=0,
        wake_at=new.starts_at if wake_at == UNCHANGED else wake_at,
    )


def derived(row: WorkflowRecord, steps: Sequence[StepRecord]) -> WorkflowRecord:
    """The row with what its steps tell."""
    times = [row.created_at, row.started_at, row.finished_at]
    times += [moment for step in steps for moment in (step.scheduled_at, step.finished_at, step.failed_at)]
    unended = (step for step in steps if step.status is StepStatus.SCHEDULED and step.kind is StepKind.ACTIVITY)
    return replace(
        row,
        updated_at=max(moment for moment in times if moment is not None),
        step=sum(step.applied is not None for step in steps),
        current=next((_current(step) for step in unended), None),
    )


def _current(step: StepRecord) -> Current:
    failure = step.last_failure
    return Current(step.name, step.attempt, None if failure is None else failure.summary, step.due_at)


def is_wanted(row: WorkflowRecord, which: Filter) -> bool:
    """Return whether a filter lets a workflow through; order, limit and page left out."""
    return (
        (which.name is None or row.name == which.name)
        and (which.statuses is None or row.status in which.statuses)
        and (which.id_prefix is None or row.id.startswith(which.id_prefix))
        and (which.parent is None or (row.parent is not None and row.parent.workflow_id == which.parent))
        and (which.created_from is None or row.created_at >= which.created_from)
        and (which.created_before is None or row.created_at < which.created_before)
    )


def _from(place: int, moment: int | None) -> bool:
    return moment is not None and moment >= place


def _reopened(step: StepRecord) -> StepRecord:
    return replace(
        _without_last_failure(step),
        status=StepStatus.SCHEDULED,
        attempt=1,
        outcome=None,
        applied=None,
        dropped=None,
        finished_at=None,
        heartbeat=None,
        counted_from=None,
        begun_at=None,
        worker=None,
        due_at=None if step.kind is StepKind.ACTIVITY else step.due_at,
    )
