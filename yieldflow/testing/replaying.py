"""`replay`: a recorded history against today's code."""

from __future__ import annotations

__tracebackhide__ = True

from typing import Any, TypeVar

from .._core.commands import show
from .._core.context import WorkflowInfo
from .._core.definitions import Workflow, WorkflowInvocation
from .._core.errors import ReplayMismatchError
from .._core.execution import Execution
from .._core.history import EPOCH, WorkflowStatus, to_micros
from ..codec import codec_named
from ..orchestrator.workflow_history import WorkflowHistory
from ..store import Checkpoint, Loaded, Submission
from .determinism.rebuilding import Recorded, build
from .determinism.replay_check import explained
from .host import Host
from .stepper import START, Stepper
from .store import StepperStore

R = TypeVar("R")


def replay(
    workflow: Workflow[..., R] | WorkflowInvocation[R], history: WorkflowHistory, *, codec: str = "pickle"
) -> Stepper[R]:
    """Check a recorded history against today's code.

    Args:
        workflow: The workflow, which has the recorded arguments then; or called with its arguments.
        history: The ``handle.history()`` of a real engine, or the ``flow.history`` of a `Stepper`; or what
            `WorkflowHistory.load` read.
        codec: The form in which values are stored: that of the orchestrator.

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
    there, made = history.loaded, codec_named(codec)
    record = there.record
    info = WorkflowInfo(record.id, definition.name, record.run, record.parent and record.parent.workflow_id)
    past = Recorded(definition, info, record.input, record.seed, there.history)
    if isinstance(workflow, WorkflowInvocation):
        past = past._replace(input=made.encode(dict(workflow.arguments)))
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
    now = past.history.events[-1].at if past.history.events else to_micros(START - EPOCH)
    host = Host(made, True, now, _store_with(past, there, build(past, made)))
    found: Stepper[Any] = Stepper._of(host, record.id)
    host.take_over(definition, record.id)
    found._raise_slips()
    return found


def _store_with(past: Recorded, there: Loaded, execution: Execution) -> StepperStore:
    """A store with a workflow as it was recorded, but for its steps' places, which ``execution`` goes through again."""
    record, store = there.record, StepperStore()
    store.submit([Submission(record.id, past.info.name, past.input, record.seed, record.created_at, record.starts_at,
                             record.deadline_at, record.version, record.parent)])  # fmt: skip
    for place, event in enumerate(past.history.events):
        written = Checkpoint(record.id, record.run, at=event.at)
        written.events, written.place = (event,), place
        # The turn in which a step was dropped is not recorded.
        advance = execution.apply(event)
        written.issued = [step for step in past.history.steps if step.turn == place]
        written.cancelled = [(number, place) for number in advance.cancelled]
        written.progress = advance.progress
        if advance.end is not None:
            written.status, written.outcome = advance.end
        store.commit([written])
    rest = Checkpoint(record.id, record.run, at=record.updated_at)
    rest.recorded, rest.signals = there.recorded, there.signals
    rest.patches = sorted(past.history.patches)
    if record.status is WorkflowStatus.SUSPENDED:
        rest.status = record.status
    store.commit([rest])
    for step, attempt in there.attempts.items():
        store.put_attempt(record.id, record.run, step, attempt)
    store.written.clear()
    execution.close()
    return store
