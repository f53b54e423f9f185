"""Reads every stored value of a workflow as this code would, and tells of those that it cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .._core.errors import ActivityError, EncodingError
from .._core.history import Codec, Failure, Outcome, Payload, Step, StepEnded, StepKind
from ..store import Loaded


class Unreadable(NamedTuple):
    """Stored values of a workflow that cannot be read under this code, all for the same reason."""

    #: The places of the values, in words; the first in full.
    places: str
    #: The first of the values.
    payload: Payload
    error: EncodingError


def unreadable_values(loaded: Loaded, codec: Codec) -> list[Unreadable]:
    """Read all values of a workflow, and return those that cannot be read, together where the reason is the same."""
    found: dict[str, list[Unreadable]] = {}
    for place, value in _values(loaded):
        try:
            if isinstance(value, Failure):
                codec.decode_failure(value, ActivityError)
            else:
                codec.decode(value)
        except EncodingError as error:
            payload = value.exception or "" if isinstance(value, Failure) else value
            # A failure's message tells of the exception, and then of what any other value that holds the same has.
            cause = error.__cause__ if isinstance(error.__cause__, EncodingError) else error
            found.setdefault(str(cause), []).append(Unreadable(place, payload, error))
    return [_together(alike) for alike in found.values()]


def _together(alike: list[Unreadable]) -> Unreadable:
    first, more = alike[0], len(alike) - 1
    return first._replace(places=f"{first.places}, and {more} more of its values") if more else first


def _values(loaded: Loaded) -> Iterator[tuple[str, Outcome]]:
    """Yield all values of a workflow, each behind its place."""
    record, (events, steps, _, _) = loaded.record, loaded.history
    yield f"the arguments of workflow {record.name!r}", record.input
    name, first = record.submitted
    if record.run > 1:
        yield f"the arguments of its first run, workflow {name!r}", first
    if record.progress is not None:
        yield "its progress", record.progress
    for step in steps:
        yield f"the arguments of {_place(step)}", step.input
    for event in (*events, *loaded.recorded):
        if isinstance(event, StepEnded):
            yield f"the outcome of {_place(steps[event.step])}", event.outcome
    for number, attempt in loaded.attempts.items():
        if attempt.details is not None:
            yield f"the heartbeat details of {_place(steps[number])}", attempt.details
    for signal in loaded.signals:
        yield f"the payload of signal {signal.name!r}, not received yet", signal.payload


def _place(step: Step) -> str:
    """Name a step, without its arguments."""
    what = step.name if step.kind is StepKind.SLEEP else f"{step.kind} {step.name}"
    return f"step {step.number}, {what}"
