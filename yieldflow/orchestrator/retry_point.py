"""Decides from which position of its history a workflow goes on when it is retried or forked.

A position is the index of an event: all events before it are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeGuard

from .._core.commands import show
from .._core.errors import RetryRefusedError, WorkflowNotEndedError, WorkflowTimeoutError
from .._core.history import CancelRequested, Event, Failure, Micros, Step, StepEnded, WorkflowStatus
from ..store import Loaded, StepRecord, WorkflowRecord

#: The number of steps that a refusal lists by name.
SHOWN = 5


def fork_position(loaded: Loaded, step: int) -> int:
    """Return the position right after the event that led to ``step``, from which a fork leaves events out.

    Raises:
        ValueError: There is no such step.
    """
    return _step(loaded, step).turn + 1


def time_limit(record: WorkflowRecord, now: Micros) -> Micros | None:
    """Return the deadline of a copy that begins now and is given as much time as the original; None without a limit."""
    if record.deadline_at is None:
        return None
    return now + record.deadline_at - (record.starts_at or record.created_at)


def retry_position(loaded: Loaded, from_step: int | None) -> tuple[int, bool]:
    """Return the position of the first event to be undone, and True if its outcome is to be applied again.

    Raises:
        RetryRefusedError: Steps completed after the failure would be undone, or there is nothing to retry.
        WorkflowNotEndedError: The workflow is processing or suspended.
        ValueError: There is no such step.
    """
    record, events = loaded.record, loaded.history.events
    if record.status is WorkflowStatus.PROCESSING:
        raise WorkflowNotEndedError(
            f"workflow {record.id} is processing: it can be retried once it has failed, stalled or been cancelled"
        )
    if record.status is WorkflowStatus.SUSPENDED:
        raise WorkflowNotEndedError(
            f"workflow {record.id} is suspended, and has not failed: to have it go on, handle.resume()"
        )
    if record.status is WorkflowStatus.DONE:
        raise RetryRefusedError(
            f"workflow {record.id} is done. To run a part of it again, in a copy: handle.fork(step)"
        )
    if from_step is not None:
        return _end_position(loaded, _step(loaded, from_step)), False
    if record.status is WorkflowStatus.STALLED:
        # No event caused it, so all are kept.
        return len(events), False
    position, reapply = _cause_position(record, events)
    refuse_to_undo(loaded, position, [event.step for event in events[position + 1 :] if _completed(event)])
    return position, reapply


def refuse_to_undo(loaded: Loaded, position: int, steps: Sequence[int]) -> None:
    """Refuse a retry that would undo steps that were completed after the failure at ``position``.

    Raises:
        RetryRefusedError: ``steps`` is not empty.
    """
    if steps:
        raise RetryRefusedError(_refusal(loaded, position, steps))


def did_something(loaded: Loaded) -> bool:
    """Return True if deleting a workflow would lose work: it is done, or has completed a step."""
    record, events = loaded.record, loaded.history.events
    return record.status is WorkflowStatus.DONE or record.run > 1 or any(map(_completed, events))


def children_of_retry(
    run: int, position: int, steps: Sequence[StepRecord], children: Sequence[WorkflowRecord]
) -> tuple[list[WorkflowRecord], list[WorkflowRecord]]:
    """Decide which children of a workflow that goes back to ``position`` are retried, and which are deleted.

    Returns:
        Those to retry, since their ends are received anew; and those to delete, since the steps that started them are
        undone.
    """
    retried: list[WorkflowRecord] = []
    undone: list[WorkflowRecord] = []
    for child in children:
        if child.parent is None or child.parent.run != run:
            continue
        step = steps[child.parent.step]
        if step.turn >= position:
            undone.append(child)
        elif child.status in (WorkflowStatus.FAILED, WorkflowStatus.CANCELLED) and _ended_at_or_after(step, position):
            retried.append(child)
    return retried, undone


def _ended_at_or_after(step: StepRecord, position: int) -> bool:
    """Return True if a step had no outcome before ``position``."""
    end = step.dropped if step.applied is None else step.applied
    return end is None or end >= position


def _cause_position(record: WorkflowRecord, events: Sequence[Event]) -> tuple[int, bool]:
    """Return the position of the event that ended a workflow, and True if its outcome is to be applied again."""
    last = max(len(events) - 1, 0)
    failure = record.outcome
    assert isinstance(failure, Failure), "it has failed, or was cancelled"
    cancelled = record.status is WorkflowStatus.CANCELLED
    for position, event in _backwards(events):
        if isinstance(event, CancelRequested) and (cancelled or _ran_out(event, failure)):
            return position, False
    if cancelled:
        # It was terminated: no event caused that, so all are kept.
        return len(events), False
    for raised in (_same, _led_to):
        for position, event in _backwards(events):
            if isinstance(event, StepEnded) and isinstance(event.outcome, Failure) and raised(event.outcome, failure):
                return position, False
    # Its own code raised. An outcome of a step that succeeded is applied again. Any other last event is undone: a step
    # that failed runs again, a start happens anew, and a cancellation is taken back.
    return last, bool(events) and _completed(events[-1])


def _backwards(events: Sequence[Event]) -> Iterator[tuple[int, Event]]:
    """Yield events with their positions, the last first."""
    return zip(range(len(events) - 1, -1, -1), reversed(events), strict=True)


def _ran_out(event: CancelRequested, failure: Failure) -> bool:
    return event.timeout is not None and failure.type_name.endswith(f".{WorkflowTimeoutError.__name__}")


def _same(one: Failure, other: Failure) -> bool:
    return (one.type_name, one.message) == (other.type_name, other.message)


def _led_to(one: Failure, other: Failure) -> bool:
    """Return True if ``other`` was raised from ``one``, or while ``one`` was handled: its traceback shows that."""
    return f"\n{one.summary.removeprefix('__main__.')}\n" in other.traceback


def _completed(event: Event) -> TypeGuard[StepEnded]:
    return isinstance(event, StepEnded) and not isinstance(event.outcome, Failure)


def _step(loaded: Loaded, number: int) -> Step:
    steps = loaded.history.steps
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"a step is given by its number, not {show(number)}")
    if not 0 <= number < len(steps):
        there = f"it has the steps 0 to {len(steps) - 1}" if steps else "it has none"
        raise ValueError(f"workflow {loaded.record.id} has no step {show(number)}: {there}")
    return steps[number]


def _end_position(loaded: Loaded, step: Step) -> int:
    """Return the position of a step's outcome; if it has none, the position right after the event that led to it."""
    for position, event in enumerate(loaded.history.events[step.turn + 1 :], step.turn + 1):
        if isinstance(event, StepEnded) and event.step == step.number:
            return position
        if isinstance(event, CancelRequested):
            # To go on from a step that was open then means to take the cancellation back.
            return position
    return step.turn + 1


def _refusal(loaded: Loaded, position: int, undone: Sequence[int]) -> str:
    steps, cause = loaded.history.steps, loaded.history.events[position]
    names = [f"{number} ({steps[number].name})" for number in undone[:SHOWN]]
    shown = ", ".join([*names, f"and {len(undone) - SHOWN} more"] if len(undone) > SHOWN else names)
    if isinstance(cause, StepEnded):
        what, first = f"step {cause.step} ({steps[cause.step].name}) failed", cause.step
    else:
        what, first = "it was cancelled", _open_at(loaded, position)
    return (
        f"workflow {loaded.record.id} cannot be retried as it is: after {what}, steps were completed that would be "
        f"undone: {shown}. What they did stays done. To go on all the same, say from which step: "
        f"handle.retry(from_step={first})"
    )


def _open_at(loaded: Loaded, position: int) -> int:
    """Return the last step that was waited for when the event at ``position`` was applied."""
    ended = {event.step for event in loaded.history.events[:position] if isinstance(event, StepEnded)}
    return max(step.number for step in loaded.history.steps if step.turn < position and step.number not in ended)
