"""`replay`: a recorded history against today's code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from .._core.commands import show
from .._core.definitions import Workflow, WorkflowInvocation
from .._core.errors import ReplayMismatchError
from .._core.execution import Execution
from .._core.history import Event
from ..codec import codec_named
from ..orchestrator.workflow_history import WorkflowHistory
from .loading import past_of
from .stepper import Stepper
from .twice import build, explained

R = TypeVar("R")


def replay(
    workflow: Workflow[..., R] | WorkflowInvocation[R], history: WorkflowHistory, *, codec: str = "pickle"
) -> Stepper[R]:
    """Check a recorded history against today's code.

    Args:
        workflow: The workflow, which has the recorded arguments then; or called with its arguments.
        history: What ``handle.history()`` of a real engine gave, or ``flow.history`` of a `Stepper`; or what
            `WorkflowHistory.load` read.
        codec: How values are stored: that of the orchestrator.

    Returns:
        A stepper that stands where the history ends, and can go on from there.

    Raises:
        ReplayMismatchError: The code does something else: the message has the step, what was recorded and what was
            yielded, the line, and the variables of the generator there.
        EncodingError: A recorded value cannot be read back.

    Example:
        >>> replay(order, WorkflowHistory.load("tests/o-1.json"))
    """
    if not isinstance(history, WorkflowHistory):
        raise TypeError(
            f"replay() takes what handle.history() or flow.history gave, or WorkflowHistory.load(path), "
            f"not {show(history)}"
        )
    definition = workflow.definition if isinstance(workflow, WorkflowInvocation) else workflow
    if not isinstance(definition, Workflow):
        raise TypeError(f"replay() takes a workflow, not {show(workflow)}")
    past, made = past_of(definition, history.loaded), codec_named(codec)
    if isinstance(workflow, WorkflowInvocation):
        past.input = made.encode(dict(workflow.arguments))
    execution = build(past, made)
    try:
        execution.replay()
    except ReplayMismatchError as error:
        if not error.recorded:
            raise
        raise explained(
            error, f"workflow {past.info.name!r} ({past.info.workflow_id}) no longer does what its history records"
        ) from None
    finally:
        execution.close()
    past.dropped = _drops(build(past, made), past.events)
    found: Stepper[Any] = Stepper._from(past, True, codec)
    return found


def _drops(execution: Execution, events: Sequence[Event]) -> dict[int, int]:
    """The steps that a workflow ceased to wait for, with the place of the event with which it did."""
    dropped: dict[int, int] = {}
    for place, event in enumerate(events):
        dropped.update(dict.fromkeys(execution.apply(event).cancelled, place))
    execution.close()
    return dropped
