"""A simulation told line by line: the same for the same seed, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.support.engine import SECOND
from yieldflow._core.history import Event, Failure, Outcome, Started, StepEnded
from yieldflow.store import Checkpoint
from yieldflow.workers import Attempt


def lines(trace: Sequence[tuple[object, ...]]) -> Iterator[str]:
    """One line for each thing that happened."""
    for time, *what in trace:
        assert isinstance(time, int)
        yield f"{time / SECOND:12.6f}  " + " ".join(map(_shown, what))


def _shown(what: object) -> str:
    if isinstance(what, Checkpoint):
        return " ".join([f"{what.workflow_id}/{what.run}", *_changes(what)])
    if isinstance(what, Attempt):
        return f"{what.definition.name} {what.key[0]}/{what.key[1]} step {what.key[2]} attempt {what.number}"
    return str(what)


def _changes(checkpoint: Checkpoint) -> Iterator[str]:
    """What a checkpoint changes, in the order in which it is to be thought of."""
    if checkpoint.created is not None:
        yield "created"
    if checkpoint.recovery_attempts is not None:
        yield f"recovery {checkpoint.recovery_attempts}"
    for place, event in enumerate(checkpoint.events, checkpoint.place):
        yield f"[{place}: {_event(event)}]"
    for step in checkpoint.issued:
        due = "" if step.due_at is None else f" due {step.due_at}"
        yield f"issues {step.number} {step.kind.value} {step.name}{due}"
    yield from (f"drops {number} at {place}" for number, place in checkpoint.cancelled)
    yield from (f"records {_event(event)}" for event in checkpoint.recorded)
    yield from (f"retries {one.step} as {one.following.number}" for one in checkpoint.retried)
    yield from (f"beats {step} {details!r}" for step, details in checkpoint.heartbeats)
    yield from (f"child {child.workflow_id}" for child in checkpoint.children)
    yield from (f"keeps signal {signal.number} {signal.name} {signal.payload!r}" for signal in checkpoint.signals)
    yield from (f"receives signal {number} at {place}" for number, place in checkpoint.received)
    yield from (f"handles {number}" for number in checkpoint.handled)
    if checkpoint.progress is not None:
        yield f"progress {checkpoint.progress!r}"
    yield from (f"patch {name}" for name in checkpoint.patches)
    if checkpoint.continued is not None:
        yield "continues as new"
    if checkpoint.status is not None:
        yield f"is {checkpoint.status.value} {_outcome(checkpoint.outcome)}"


def _event(event: Event) -> str:
    if isinstance(event, Started):
        return "start"
    if isinstance(event, StepEnded):
        return f"{event.step} -> {_outcome(event.outcome)}"
    return f"cancel {event.reason or event.timeout or ''}"


def _outcome(outcome: Outcome | None) -> str:
    return outcome.summary if isinstance(outcome, Failure) else str(outcome)
