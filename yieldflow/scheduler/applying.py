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
from .._core.signals import SignalQueue
from ..log import logger
from ..store import id_taken_error
from .children import next_run, submission_of
from .live import LiveWorkflow, stall_reason
from .state import State
from .turn import Change, Ended, Turn, extended

#: The kinds of steps that only have to be dispatched. (Kept here, since to ask the enum for a member is a call.)
_PLAIN = (StepKind.ACTIVITY, StepKind.SLEEP)


def apply(state: State, resident: LiveWorkflow, event: Event, turn: Turn, change: Change) -> bool:
    """Apply one event, and what the workflow can receive at once because of it; False where it stalled instead."""
    if not _apply_one(state, resident, event, turn, change):
        return False
    return resident.mail is None or receive(state, resident, turn, change)


def receive(state: State, resident: LiveWorkflow, turn: Turn, change: Change) -> bool:
    """Let a workflow receive what lies there for it, as long as it waits for any of it."""
    while resident.mail is not None:
        try:
            received = resident.mail.receive(resident.execution.open, state.codec, turn.now)
        except EncodingError as error:
            stall(state, resident.info, stall_reason(error), turn, change)
            return False
        if received is None:
            break
        event, signals = received
        # A signal that cannot be read stays where it is.
        if not _apply_one(state, resident, event, turn, change, keep=not signals):
            return False
        place = resident.execution.applied - 1
        change.received = extended(change.received, [(signal.number, place) for signal in signals])
    return True


def _apply_one(
    state: State, resident: LiveWorkflow, event: Event, turn: Turn, change: Change, keep: bool = True
) -> bool:
    try:
        advance = state.residents.apply(resident, event)
    except BaseException as error:  # whatever it is, it is one workflow's
        if isinstance(event, StepEnded) and keep:
            change.recorded = extended(change.recorded, [event])
        stall(state, resident.info, stall_reason(error), turn, change)
        return False
    resident.touched = turn.now
    if not change.events:
        change.place = resident.execution.applied - 1
        change.events = (event,)
    else:
        change.events = extended(change.events, (event,))
    if change.rare and isinstance(event, StepEnded):
        # It came in this turn, while the workflow was suspended.
        change.recorded = [kept for kept in change.recorded if kept.step != event.step]
    if advance.issued:
        change.issued = extended(change.issued, advance.issued) if change.issued else advance.issued
        for step in advance.issued:
            if step.kind not in _PLAIN:
                note_issued(state, resident, step, turn, change)
    if advance.rare:
        _note_rare(state, resident, advance, turn, change)
    if state.probation.on_trial(resident.info.workflow_id):
        change.recovery_attempts = 0
    if isinstance(event, CancelRequested):
        resident.cancelled = event
    if advance.end is not None:
        note_end(resident, advance.end, change)
    return True


def _note_rare(state: State, resident: LiveWorkflow, advance: Advance, turn: Turn, change: Change) -> None:
    """What few events lead to."""
    if advance.cancelled:
        _note_dropped(advance.cancelled, resident.execution.applied - 1, change)
    if advance.cancelling:
        change.cancelling = extended(change.cancelling, advance.cancelling)
        _note_cancelling(state, resident, advance.cancelling, turn, change)
    if advance.continuation is not None:
        change.continued = next_run(resident.info, resident.seed, advance.continuation, state.registry)
    if advance.progress is not None:
        change.progress = advance.progress
    if advance.patches:
        change.patches = extended(change.patches, advance.patches)


def _note_cancelling(state: State, resident: LiveWorkflow, numbers: Sequence[int], turn: Turn, change: Change) -> None:
    """Of steps whose end is waited for, those between two attempts have ended: no process is to wait for the next."""
    info, failed = resident.info, {retried.step: retried.following for retried in change.retried}
    for number in numbers:
        following = failed.get(number)
        if following is None and (info.workflow_id, info.run, number) not in state.under_way:
            following = resident.attempts.get(number)
        if following is not None:
            ended = resident.execution.end_unbegun(number, turn.now, following.number)
            change.recorded = extended(change.recorded, [ended])


def note_end(resident: LiveWorkflow, end: End, change: Change) -> None:
    """How a workflow ended."""
    check_transition(resident.status, end.status)
    change.status, change.outcome = end
    if end.status is WorkflowStatus.CANCELLED and resident.cancelled is not None:
        change.reason = resident.cancelled.reason


def _note_dropped(steps: Sequence[int], place: int, change: Change) -> None:
    """Steps that are waited for no longer."""
    change.cancelled = extended(change.cancelled, [(number, place) for number in steps])
    if change.retried:
        # An attempt failed in this turn, and none is to follow any more.
        change.retried = [one for one in change.retried if one.step not in steps]
    if change.recorded:
        # It came in this turn, before the workflow went on and gave it up.
        change.recorded = [kept for kept in change.recorded if kept.step not in steps]


def note_issued(state: State, resident: LiveWorkflow, step: Step, turn: Turn, change: Change) -> None:
    """A step that is neither an activity nor a sleep."""
    leaf = resident.execution.open.get(step.number)
    if leaf is None:
        return
    if resident.mail is None:
        resident.mail = SignalQueue()
    if step.kind is not StepKind.CHILD:
        resident.mail.expect(step)
        return
    child = submission_of(resident.info, resident.seed, leaf, turn.now)
    # An id that was made of the parent's can be nobody else's.
    if has_given_id(leaf) and _is_taken(state, child.workflow_id, turn):
        failure = state.codec.encode_failure(id_taken_error(child.workflow_id))
        resident.mail.refused.append(StepEnded(step.number, failure, turn.now))
        return
    change.children = extended(change.children, [child])
    turn.born.add(child.workflow_id)


def _is_taken(state: State, workflow_id: str, turn: Turn) -> bool:
    """Whether a workflow has an id already, as far as can be seen now; the commit sees it all."""
    if workflow_id in state.known or workflow_id in turn.born:
        return True
    try:
        return state.store.record(workflow_id) is not None
    except StorageError:
        return False


def stall(
    state: State,
    info: WorkflowInfo,
    reason: str,
    turn: Turn,
    change: Change | None = None,
    *,
    before: str | None = None,
) -> None:
    """Set a workflow aside until somebody acts; nothing of it is lost. ``before``: why it is stalled already."""
    workflow_id, probation = info.workflow_id, state.probation
    spent = probation.spent(workflow_id)
    state.residents.drop(workflow_id)
    # It may have been on its way into memory a second time.
    state.to_build.pop(workflow_id, None)
    state.stalled.add(workflow_id, info.name)
    if reason == before:
        # On disk already, so that nobody hears of it by the commit.
        state.tell([Ended(workflow_id, WorkflowStatus.STALLED, None, reason)])
        if spent or not probation.on_trial(workflow_id):
            return
    change = change or turn.change(workflow_id, info.run)
    if probation.on_trial(workflow_id) and not spent:
        change.recovery_attempts = 0
    if reason != before:
        logger.error("workflow %r (%s) is stalled: %s", info.name, workflow_id, reason)
        change.status, change.reason = WorkflowStatus.STALLED, reason
