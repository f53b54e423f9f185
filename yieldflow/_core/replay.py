"""Whether the code does again what the history records, and what to say where it does not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from .commands import show_values
from .context import WorkflowInfo
from .definitions import Definition
from .errors import ReplayMismatchError
from .history import Codec, Payload, Step


def same_step(recorded: Step, yielded: Step, definition: Definition[..., Any] | None, codec: Codec) -> bool:
    """Whether ``yielded`` is the step that was recorded: kind, name, turn, and arguments."""
    if recorded[1:3] != yielded[1:3] or recorded.turn != yielded.turn:
        return False
    if recorded.input == yielded.input:
        return True
    before, after = codec.decode(recorded.input), codec.decode(yielded.input)
    if definition is not None and isinstance(before, Mapping) and isinstance(after, Mapping):
        before, after = definition.completed(before), definition.completed(after)
    return same_value(before, after)


def same_value(one: object, other: object) -> bool:
    """Whether two decoded values are to be taken for the same.

    Where equality raises, is no bool, or is mere identity, nothing is known of them and they count as the same.
    """
    if type(one) is not type(other):
        return _equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one) == len(other) and all(key in other and same_value(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same_value, one, other))
    if type(one).__eq__ is object.__eq__:
        return True
    if _equal(one, other):
        return True
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        return all(
            same_value(getattr(one, field.name), getattr(other, field.name))
            for field in dataclasses.fields(one)
            if field.compare
        )
    return False


def _equal(one: object, other: object) -> bool:
    try:
        answer = one == other
    except Exception:
        return True
    return answer if isinstance(answer, bool) else True


def show_step(step: Step | None) -> str:
    """A step in a line, for messages; a pickled input is not opened."""
    if step is None:
        return "nothing"
    return f"{step.kind.value} {step.name}({show_input(step.input)}) at {step.source}"


def show_input(payload: Payload) -> str:
    """The stored arguments as they would be written in a call."""
    if isinstance(payload, bytes):
        return f"<pickled, {len(payload)} bytes>"
    try:
        arguments = json.loads(payload)
    except ValueError:
        return "<damaged>"
    return show_values(arguments.items()) if isinstance(arguments, dict) else repr(arguments)


def mismatch(
    info: WorkflowInfo, number: int, recorded: Step | None, yielded: Step | None, hint: str = ""
) -> ReplayMismatchError:
    """The error that shows both sides."""
    if recorded is not None and yielded is not None and recorded.turn != yielded.turn and not hint:
        hint = f"It was recorded after {recorded.turn} outcomes and came after {yielded.turn}."
    return ReplayMismatchError(
        f"workflow {info.name!r} ({info.workflow_id}) no longer does what its history records, at step {number}:\n"
        f"  recorded: {show_step(recorded)}\n"
        f"  yielded:  {show_step(yielded)}\n"
        + (f"  {hint}\n" if hint else "")
        + "Bring the recorded order of steps back "
        "and register the workflow again or restart: it goes on from there. Nothing of it is lost."
    )
