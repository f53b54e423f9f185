"""From which place of its history a workflow goes on when it is retried, or forked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeGuard

from .._core.errors import RetryRefusedError, WorkflowNotEndedError, WorkflowTimeoutError
from .._core.history import CancelRequested, Event, Failure, Micros, Step, StepEnded, WorkflowStatus
from ..store import Loaded, StepRecord, WorkflowRecord

#: So many steps are listed by name.
SHOWN = 5


def place_of_fork(loaded: Loaded, step: int) -> int:
    """The first event that a fork at ``step`` leaves out: the one after that which led to the step.

    Raises:
        ValueError: There is no such step.
    """
    return _step(loaded, step).turn + 1


def time_limit(record: WorkflowRecord, now: Micros) -> Micros | None:
    """When the time of a copy runs out that begins now and has as long as the original was given."""
    if record.deadline_at is None:
        return None
    return now + record.deadline_at - (record.starts_at or record.created_at)


def place_of_retry(loaded: Loaded, from_step: int | None) -> tuple[int, bool]:
    """The first event to be undone, and whether its outcome is kept to be applied again.

    Raises:
        RetryRefusedError: Steps completed after the failure would be undone, or there is nothing to retry.
        WorkflowNotEndedError: The workflow is under way.
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
        return _end_of(loaded, _step(loaded, from_step)), False
    if record.status is WorkflowStatus.STALLED:
        # Nothing that was applied is to blame.
        return len(events), False
    place, reapply = _cause(record, events)
    refuse_to_undo(loaded, place, [event.step for event in events[place + 1 :] if _completed(event)])
    return place, reapply


def refuse_to_undo(loaded: Loaded, place: int, steps: Sequence[int]) -> None:
    """Refuse a retry that would undo ``steps``, which were completed after the failure at ``place``; none: it may be.

    Raises:
        RetryRefusedError: There are some.
    """
    if steps:
        raise RetryRefusedError(_refusal(loaded, place, steps))


def did_something(loaded: Loaded) -> bool:
    """Whether anything of a workflow is lost when it is deleted: that it is done, or a step that it completed."""
    record, events = loaded.record, loaded.history.events
    return record.status is WorkflowStatus.DONE or record.run > 1 or any(map(_completed, events))


def children_of_retry(
    run: int, place: int, steps: Sequence[StepRecord], children: Sequence[WorkflowRecord]
) -> tuple[list[WorkflowRecord], list[WorkflowRecord]]:
    """What becomes of the children of a workflow that goes back to before the event at ``place``.

    Returns:
        Those that are to be retried, since their ends are received anew; and those that are to be deleted, since the
        steps that started them are undone.
    """
    retried: list[WorkflowRecord] = []
    undone: list[WorkflowRecord] = []
    for child in children:
        if child.parent is None or child.parent.run != run:
            continue
        step = steps[child.parent.step]
        if step.turn >= place:
            undone.append(child)
        elif child.status in (WorkflowStatus.FAILED, WorkflowStatus.CANCELLED) and _ended_from(step, place):
            retried.append(child)
    return retried, undone


def _ended_from(step: StepRecord, place: int) -> bool:
    """Whether a step had no outcome before the event at ``place``."""
    end = step.dropped if step.applied is None else step.applied
    return end is None or end >= place


def _cause(record: WorkflowRecord, events: Sequence[Event]) -> tuple[int, bool]:
    """The place of the event that ended a workflow, and whether that is to be applied again."""
    last = max(len(events) - 1, 0)
    failure = record.outcome
    assert isinstance(failure, Failure), "it has failed, or was cancelled"
    cancelled = record.status is WorkflowStatus.CANCELLED
    for place, event in _backwards(events):
        if isinstance(event, CancelRequested) and (cancelled or _ran_out(event, failure)):
            return place, False
    if cancelled:
        # Terminated: nothing of what was applied is to blame.
        return len(events), False
    for raised in (_same, _led_to):
        for place, event in _backwards(events):
            if isinstance(event, StepEnded) and isinstance(event.outcome, Failure) and raised(event.outcome, failure):
                return place, False
    # Its own code raised: after a step that succeeded, it has that outcome again. Other events are not kept: the step
    # that failed last runs again, what began it begins anew, and a cancellation is taken back.
    return last, bool(events) and _completed(events[-1])


def _backwards(events: Sequence[Event]) -> Iterator[tuple[int, Event]]:
    return zip(range(len(events) - 1, -1, -1), reversed(events), strict=True)


def _ran_out(event: CancelRequested, failure: Failure) -> bool:
    return event.timeout is not None and failure.type_name.endswith(f".{WorkflowTimeoutError.__name__}")


def _same(one: Failure, other: Failure) -> bool:
    return (one.type_name, one.message) == (other.type_name, other.message)


def _led_to(one: Failure, other: Failure) -> bool:
    """Whether the other was raised from this one, or while it was handled: then its traceback shows it."""
    return f"\n{one.summary.removeprefix('__main__.')}\n" in other.traceback


def _completed(event: Event) -> TypeGuard[StepEnded]:
    return isinstance(event, StepEnded) and not isinstance(event.outcome, Failure)


def _step(loaded: Loaded, number: int) -> Step:
    steps = loaded.history.steps
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"a step is given by its number, not {number!r}")
    if not 0 <= number < len(steps):
        there = f"it has the steps 0 to {len(steps) - 1}" if steps else "it has none"
        raise ValueError(f"workflow {loaded.record.id} has no step {number}: {there}")
    return steps[number]


def _end_of(loaded: Loaded, step: Step) -> int:
    """The place of a step's outcome; where it has none, of the event after that which led to it."""
    for place, event in enumerate(loaded.history.events[step.turn + 1 :], step.turn + 1):
        if isinstance(event, StepEnded) and event.step == step.number:
            return place
        if isinstance(event, CancelRequested):
            # Whoever goes on from a step that was open then does not want to be cancelled again.
            return place
    return step.turn + 1


def _refusal(loaded: Loaded, place: int, undone: Sequence[int]) -> str:
    steps, cause = loaded.history.steps, loaded.history.events[place]
    names = [f"{number} ({steps[number].name})" for number in undone[:SHOWN]]
    shown = ", ".join([*names, f"and {len(undone) - SHOWN} more"] if len(undone) > SHOWN else names)
    if isinstance(cause, StepEnded):
        what, first = f"step {cause.step} ({steps[cause.step].name}) failed", cause.step
    else:
        what, first = "it was cancelled", _open_at(loaded, place)
    return (
        f"workflow {loaded.record.id} cannot be retried as it is: after {what}, steps were completed that would be "
        f"undone: {shown}. What they did stays done. To go on all the same, say from which step: "
        f"handle.retry(from_step={first})"
    )


def _open_at(loaded: Loaded, place: int) -> int:
    """The last step that was waited for when an event was applied."""
    ended = {event.step for event in loaded.history.events[:place] if isinstance(event, StepEnded)}
    return max(step.number for step in loaded.history.steps if step.turn < place and step.number not in ended)
