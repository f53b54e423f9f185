"""Events are applied to workflows in memory, and what they lead to is noted in the turn's changes."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.children import has_given_id
from .._core.context import WorkflowInfo
from .._core.errors import EncodingError, StorageError
from .._core.execution import Advance, End
from .._core.history import (
    CancelRequested,
    Event,
    Step,
    StepEnded,
    StepKind,
    WorkflowStatus,
    check_transition,
)
from ..store import FOREVER, id_taken_error
from .children import next_run, submission_of
from .hooks import LONG_HISTORY
from .lifecycle import TrackedWorkflow
from .live import LiveWorkflow, stall_reason
from .state import SchedulerState
from .turn import Change, Turn, extended

#: The kinds of steps that only have to be dispatched. (Kept here, since to ask an enum for a member is slow.)
_PLAIN = (StepKind.ACTIVITY, StepKind.SLEEP)


def apply(state: SchedulerState, workflow: TrackedWorkflow, event: Event, turn: Turn, change: Change) -> bool:
    """Apply one event, and what the workflow can receive at once because of it; False where it stalled instead."""
    live = workflow.live
    assert live is not None
    if not _apply_one(state, workflow, live, event, turn, change):
        return False
    return live.signals is None or receive(state, workflow, turn, change)


def apply_cancel(
    state: SchedulerState, workflow: TrackedWorkflow, request: CancelRequested, turn: Turn, change: Change
) -> None:
    """Apply a request to end."""
    live = workflow.live
    assert live is not None
    # First, since what follows may be the end, which says why.
    live.cancelled = request
    if not _apply_one(state, workflow, live, request, turn, change):
        live.cancelled = None
    elif live.signals is not None:
        receive(state, workflow, turn, change)


def receive(state: SchedulerState, workflow: TrackedWorkflow, turn: Turn, change: Change) -> bool:
    """Let a workflow receive what lies there for it, as long as it waits for any of it."""
    live = workflow.live
    while live is not None and live.signals is not None:
        try:
            received = live.signals.receive(live.execution.open, state.codec, turn.now)
        except EncodingError as error:
            stall(state, workflow, live.info, stall_reason(error), turn, change)
            return False
        if received is None:
            break
        event, signals = received
        # A signal that cannot be read stays where it is.
        if not _apply_one(state, workflow, live, event, turn, change, keep=not signals):
            return False
        position = live.execution.applied - 1
        change.received = extended(change.received, [(signal.number, position) for signal in signals])
    return True


def _apply_one(
    state: SchedulerState,
    workflow: TrackedWorkflow,
    live: LiveWorkflow,
    event: Event,
    turn: Turn,
    change: Change,
    keep: bool = True,
) -> bool:
    driver, execution = state.driver, live.execution
    driver.drives += 1
    driver.driven = live.info
    try:
        advance = execution.apply(event)
        if advance.has_rare or execution.next_step > LONG_HISTORY:
            driver.tell(live, advance)
    except BaseException as error:  # whatever it is, it is one workflow's
        _stall_at(state, workflow, event if keep else None, error, turn, change)
        return False
    finally:
        driver.driven = None
    live.touched = turn.monotonic
    if not change.events:
        change.place = execution.applied - 1
        change.events = (event,)
    else:
        change.events = extended(change.events, (event,))
    if change.rare and isinstance(event, StepEnded):
        # It came in this turn, while the workflow was suspended.
        change.recorded = [kept for kept in change.recorded if kept.step != event.step]
    if advance.issued:
        change.issued = extended(change.issued, advance.issued) if change.issued else advance.issued
    if advance.has_rare:
        _note_rare(state, workflow, live, advance, turn, change)
    if workflow.on_trial:
        change.recovery_attempts = 0
    if advance.end is not None:
        note_end(live, advance.end, change)
    return True


def _stall_at(
    state: SchedulerState,
    workflow: TrackedWorkflow,
    event: Event | None,
    error: BaseException,
    turn: Turn,
    change: Change,
) -> None:
    """Set a workflow aside that cannot apply an event; where it is an outcome, that is kept."""
    if isinstance(event, StepEnded):
        change.recorded = extended(change.recorded, [event])
    assert workflow.live is not None
    stall(state, workflow, workflow.live.info, stall_reason(error), turn, change)


def _note_rare(
    state: SchedulerState, workflow: TrackedWorkflow, live: LiveWorkflow, advance: Advance, turn: Turn, change: Change
) -> None:
    """Note what few events lead to."""
    for step in advance.issued:
        if step.kind not in _PLAIN:
            _note_issued(state, live, step, turn, change)
    if advance.cancelled:
        _note_dropped(advance.cancelled, live.execution.applied - 1, change)
    if advance.cancelling:
        change.cancelling = extended(change.cancelling, advance.cancelling)
        _note_cancelling(workflow, live, advance.cancelling, turn, change)
    if advance.continuation is not None:
        change.continued = next_run(live.info, live.seed, advance.continuation, state.registry)
    if advance.progress is not None:
        change.progress = advance.progress
    if advance.patches:
        change.patches = extended(change.patches, advance.patches)


def _note_cancelling(
    workflow: TrackedWorkflow, live: LiveWorkflow, numbers: Sequence[int], turn: Turn, change: Change
) -> None:
    """End the steps between two attempts whose end is waited for: no process is to wait for the next attempt."""
    info, failed = live.info, {retried.step: retried.following for retried in change.retried}
    for number in numbers:
        following = failed.get(number)
        if following is None and (info.workflow_id, info.run, number) not in workflow.in_flight:
            following = live.open_attempts.get(number)
        if following is not None:
            ended = live.execution.end_unbegun(number, turn.now, following.number)
            change.recorded = extended(change.recorded, [ended])


def note_end(live: LiveWorkflow, end: End, change: Change) -> None:
    """Note how a workflow ended."""
    check_transition(live.status, end.status)
    change.status, change.outcome = end
    if live.cancelled is not None and end.status is WorkflowStatus.CANCELLED:
        change.reason = live.cancelled.reason


def _note_dropped(steps: Sequence[int], position: int, change: Change) -> None:
    """Note steps that are waited for no longer."""
    change.cancelled = extended(change.cancelled, [(number, position) for number in steps])
    if change.retried:
        # An attempt failed in this turn, and none is to follow any more.
        change.retried = [one for one in change.retried if one.step not in steps]
    if change.recorded:
        # It came in this turn, before the workflow went on and gave it up.
        change.recorded = [kept for kept in change.recorded if kept.step not in steps]


def _note_issued(state: SchedulerState, live: LiveWorkflow, step: Step, turn: Turn, change: Change) -> None:
    """Note a step that is neither an activity nor a sleep."""
    if step.kind is StepKind.CHILD:
        begin_child(state, live, step, turn, change)
    elif step.number in live.execution.open:
        live.signal_queue.expect(step)


def begin_child(state: SchedulerState, live: LiveWorkflow, step: Step, turn: Turn, change: Change) -> None:
    """Have a child be put on disk; where its id is taken, the step ends with that."""
    leaf = live.execution.open.get(step.number)
    if leaf is None or not state.hooks.starts_children:
        return
    child = submission_of(live.info, live.seed, leaf, turn.now)
    # An id that was made of the parent's can be nobody else's.
    if has_given_id(leaf) and _is_taken(state, child.workflow_id, turn):
        failure = state.codec.encode_failure(id_taken_error(child.workflow_id))
        live.signal_queue.refused.append(StepEnded(step.number, failure, turn.now))
        return
    change.children = extended(change.children, [child])
    turn.created.add(child.workflow_id)


def _is_taken(state: SchedulerState, workflow_id: str, turn: Turn) -> bool:
    """Return True if a workflow has an id already, as far as can be seen now; the commit sees it all."""
    if workflow_id in state.workflows or workflow_id in turn.created:
        return True
    try:
        return state.store.brief(workflow_id) is not None
    except StorageError:
        return False


def stall(
    state: SchedulerState,
    workflow: TrackedWorkflow,
    info: WorkflowInfo,
    reason: str,
    turn: Turn,
    change: Change | None = None,
    *,
    before: str | None = None,
) -> None:
    """Set a workflow aside until its code or its rows are mended; nothing of it is lost.

    Args:
        before: Why it is stalled already.
    """
    state.drop(workflow)
    change = change or turn.change(workflow.id, info.run)
    change.wake_at = FOREVER
    if workflow.on_trial and not state.admission.is_spent(workflow):
        change.recovery_attempts = 0
    if reason == before:
        change.still_stalled = reason
    else:
        state.hooks.stalled(info, reason)
        change.status, change.reason = WorkflowStatus.STALLED, reason
