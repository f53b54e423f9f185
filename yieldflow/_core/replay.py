"""Compares the steps of a replay with the recorded ones, and says how they differ."""

from __future__ import annotations

from typing import Any

from .commands import show, show_values
from .context import WorkflowInfo
from .definitions import Definition
from .errors import EncodingError, ReplayMismatchError
from .history import Codec, Payload, Step, StepKind


def same_step(recorded: Step, yielded: Step, definition: Definition[..., Any] | None, codec: Codec) -> bool:
    """Tell whether ``yielded`` is the step that was recorded: kind, name, turn, and arguments."""
    if recorded[1:3] != yielded[1:3] or recorded.turn != yielded.turn:
        return False
    if recorded.input == yielded.input:
        return True
    try:
        return codec.same(recorded.input, yielded.input, {} if definition is None else definition.defaults)
    except EncodingError:
        # What was recorded names a class that is gone, say: both sides are shown, and the workflow does not hear of it.
        return False


def show_step(step: Step | None, codec: Codec) -> str:
    """A step in a line, for messages."""
    if step is None:
        return "nothing"
    if step.kind in (StepKind.WAIT_SIGNAL, StepKind.TAKE_SIGNALS):
        return f"{step.kind}({step.name!r}) at {step.source}"
    what = step.name if step.kind is StepKind.SLEEP else f"{step.kind} {step.name}"
    return f"{what}({show_input(step.input, codec)}) at {step.source}"


def show_input(payload: Payload, codec: Codec) -> str:
    """The stored arguments as they would be written in a call."""
    try:
        arguments = codec.decode(payload)
    except EncodingError:
        return "<arguments that cannot be read back>"
    return show_values(arguments.items()) if isinstance(arguments, dict) else show(arguments)


def mismatch(
    info: WorkflowInfo, codec: Codec, number: int, recorded: Step | None, yielded: Step | None, hint: str = ""
) -> ReplayMismatchError:
    """The error that shows both sides."""
    if recorded is not None and yielded is not None and recorded.turn != yielded.turn and not hint:
        hint = f"It was recorded after outcome {recorded.turn}, and came after outcome {yielded.turn} (0: the start)."
    before, after = show_step(recorded, codec), show_step(yielded, codec)
    error = ReplayMismatchError(
        f"workflow {info.name!r} ({info.workflow_id}) no longer does what its history records, at step {number}:\n"
        f"  recorded: {before}\n"
        f"  yielded:  {after}\n" + (f"  {hint}\n" if hint else "") + "Bring the recorded order of steps back "
        "and register the workflow again or restart: it goes on from there. Nothing of it is lost."
    )
    error.step, error.recorded, error.yielded, error.hint = number, before, after, hint
    return error
