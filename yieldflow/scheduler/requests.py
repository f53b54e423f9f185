"""What is asked of a workflow from outside: signals, cancelling, terminating, suspending, resuming."""

from __future__ import annotations

from contextlib import suppress

from .._core.errors import (
    Cancelled,
    DamagedRowError,
    StorageError,
    WorkflowEndedError,
    WorkflowNotFoundError,
    WorkflowStalledError,
    YieldflowError,
)
from .._core.history import CancelRequested, Signal, StepEnded, WorkflowStatus
from ..log import logger
from ..store import Parent, Request, RequestKind
from .applying import apply, receive
from .dispatching import orphaned
from .live import LiveWorkflow
from .residency import load_children, resume_open_steps
from .state import State
from .turn import Change, RequestReceived, Turn, cannot_clean_up, extended, no_reply


def handle(state: State, message: RequestReceived, turn: Turn) -> None:
    """Carry out what is asked, or have it wait until the workflow is in memory."""
    request = message.request
    workflow_id = request.workflow_id
    try:
        _check(state, request)
        resident = state.residents.get(workflow_id)
        over = turn.is_last_of(workflow_id) or (resident is not None and resident.execution.over)
        if over or workflow_id in turn.born:
            # It ends, begins its next run, or is put on disk, with this turn.
            state.again.append(message)
        elif resident is not None or not _must_be_built(state, request):
            _carry_out(state, message, resident, turn)
        else:
            state.wake(workflow_id)
            state.later.setdefault(workflow_id, []).append(message)
    except WorkflowStalledError as error:
        if message.reply is no_reply and request.number is None:
            # Its parent wants it to end: it hears of that when it goes on.
            state.later.setdefault(workflow_id, []).append(message)
        else:
            _refuse(state, message, error, turn)
    except YieldflowError as error:
        _refuse(state, message, error, turn)


def _carry_out(state: State, message: RequestReceived, resident: LiveWorkflow | None, turn: Turn) -> None:
    request = message.request
    change = turn.change(request.workflow_id, resident.info.run if resident is not None else 0)
    _CARRY_OUT[request.kind](state, request, resident, turn, change)
    if request.kind is RequestKind.CANCEL and resident is not None and resident.cancelled is None:
        # What came while it was suspended was the last that it waited for, or it stalled on that.
        state.again.append(message)
        return
    if request.number is not None:
        change.handled = extended(change.handled, [request.number])
    change.causes = extended(change.causes, [message])


def _check(state: State, request: Request) -> None:
    """Raise where the workflow cannot be asked this."""
    workflow_id, kind = request.workflow_id, request.kind
    if workflow_id not in state.known:
        record = state.store.record(workflow_id)
        if record is None:
            raise WorkflowNotFoundError(f"there is no workflow with the id {workflow_id!r}")
        if record.status.ended:
            raise WorkflowEndedError(f"workflow {workflow_id} has ended ({record.status}): it takes no {kind} any more")
        state.known.add(workflow_id)
        if record.status is WorkflowStatus.SUSPENDED:
            state.suspended.add(workflow_id)
        else:
            state.to_build[workflow_id] = None
    if workflow_id in state.stalled and kind in (RequestKind.CANCEL, RequestKind.SUSPEND):
        raise cannot_clean_up(workflow_id)


def _must_be_built(state: State, request: Request) -> bool:
    """Whether a workflow that is not in memory has to be, for this."""
    workflow_id = request.workflow_id
    if request.kind is RequestKind.RESUME:
        # After a commit that failed, or when it was just found, only the disk says whether it is suspended.
        return workflow_id in state.to_build
    if request.kind is not RequestKind.CANCEL or workflow_id in state.delayed:
        return False
    record = state.store.record(workflow_id) if workflow_id in state.suspended else None
    return record is None or record.started_at is not None


def _refuse(state: State, message: RequestReceived, error: YieldflowError, turn: Turn) -> None:
    request = message.request
    turn.replies.append((message.reply, error))
    if request.number is None:
        return
    if isinstance(error, StorageError) and not isinstance(error, DamagedRowError):
        state.back_off.failed(error, turn.now, reading=True)
        state.again.append(message)
        return
    logger.warning("what a client asked of workflow %s is not done: %s", request.workflow_id, error)
    change = turn.change(request.workflow_id)
    change.handled = extended(change.handled, [request.number])
    change.causes = extended(change.causes, [message])


# ---------------------------------------------------------------------- each kind


def _signal(state: State, request: Request, resident: LiveWorkflow | None, turn: Turn, change: Change) -> None:
    workflow_id = request.workflow_id
    payload = request.payload if request.payload is not None else state.codec.encode(None)
    if resident is None:
        # The store gives it the next number.
        change.signals = extended(change.signals, [Signal(0, request.name or "", payload, turn.now)])
        if not (workflow_id in state.suspended or workflow_id in state.delayed or workflow_id in state.stalled):
            state.wake(workflow_id)
        return
    mail = resident.mailbox
    signal = Signal(mail.last + 1, request.name or "", payload, turn.now)
    mail.put(signal)
    change.signals = extended(change.signals, [signal])
    if resident.status is WorkflowStatus.PROCESSING:
        receive(state, resident, turn, change)


def _cancel(state: State, request: Request, resident: LiveWorkflow | None, turn: Turn, change: Change) -> None:
    workflow_id, reason = request.workflow_id, _reason(state, request)
    if resident is None:
        # It has not started.
        _end(state, [], 0, change, reason)
        return
    if resident.status is WorkflowStatus.SUSPENDED:
        _resume(state, request, resident, turn, change)
    goes_on = state.residents.get(workflow_id) is resident and not resident.execution.over
    if goes_on and resident.cancelled is None:
        apply(state, resident, CancelRequested(turn.now, reason), turn, change)


def _terminate(state: State, request: Request, resident: LiveWorkflow | None, turn: Turn, change: Change) -> None:
    workflow_id = request.workflow_id
    if resident is not None:
        recorded = {event.step for event in resident.recorded}
        run, place = resident.info.run, resident.execution.applied
        steps = [step for step in resident.execution.open if step not in recorded]
    else:
        loaded = state.store.load(workflow_id)
        if loaded is None:
            return
        run, place = loaded.record.run, len(loaded.history.events)
        ended = (event.step for event in (*loaded.history.events, *loaded.recorded) if isinstance(event, StepEnded))
        closed = loaded.history.dropped.union(ended, (event.step for event in change.recorded))
        steps = [step.number for step in loaded.history.steps if step.number not in closed]
    children = _children_to_cancel(state, workflow_id, run)
    children += [child.workflow_id for child in change.children if _goes_with_parent(child.parent)]
    change.run = run
    _end(state, steps, place, change, _reason(state, request) or "terminated")
    if resident is not None:
        resident.status = WorkflowStatus.CANCELLED
    change.after = extended(change.after, [orphaned(state.codec, child, workflow_id, turn.now) for child in children])


def _children_to_cancel(state: State, workflow_id: str, run: int) -> list[str]:
    """The children of a run that do not go on without it, but for those that are set aside for a damaged row."""
    found = []
    for child in state.store.open_children(workflow_id, run):
        with suppress(DamagedRowError):
            record = state.store.record(child)
            if record is not None and _goes_with_parent(record.parent):
                found.append(child)
    return found


def _goes_with_parent(parent: Parent | None) -> bool:
    return parent is not None and parent.on_parent_end == "cancel"


def _end(state: State, steps: list[int], place: int, change: Change, reason: str | None) -> None:
    """End a workflow without its code, of which so many events were applied."""
    change.status, change.reason = WorkflowStatus.CANCELLED, reason
    change.outcome = state.codec.encode_failure(Cancelled(reason) if reason else Cancelled())
    change.cancelled = extended(change.cancelled, [(step, place) for step in steps])
    change.retried = ()
    change.recorded = [event for event in change.recorded if event.step not in steps]


def _suspend(state: State, request: Request, resident: LiveWorkflow | None, turn: Turn, change: Change) -> None:
    workflow_id = request.workflow_id
    if workflow_id in state.suspended:
        return
    change.status = WorkflowStatus.SUSPENDED
    if resident is not None:
        resident.status = WorkflowStatus.SUSPENDED
        return
    state.dormant.pop(workflow_id, None)
    state.delayed.discard(workflow_id)
    state.suspended.add(workflow_id)


def _resume(state: State, request: Request, resident: LiveWorkflow | None, turn: Turn, change: Change) -> None:
    workflow_id = request.workflow_id
    if resident is not None:
        if resident.status is WorkflowStatus.SUSPENDED:
            # First, since it may fail.
            family = load_children(state, resident, turn)
            change.status = resident.status = WorkflowStatus.PROCESSING
            recorded, resident.recorded = resident.recorded, []
            resume_open_steps(state, resident, recorded, family, turn)
    elif workflow_id in state.suspended:
        change.status = WorkflowStatus.PROCESSING
        # Before it was suspended it may have been counted. Somebody has it go on: that is counted anew.
        change.recovery_attempts = 0
        state.suspended.discard(workflow_id)
        state.to_build[workflow_id] = None
    elif workflow_id in state.stalled:
        state.again += state.stalled.release(workflow_id)
        state.to_build[workflow_id] = None


def _reason(state: State, request: Request) -> str | None:
    reason = None if request.payload is None else state.codec.decode(request.payload)
    return reason if isinstance(reason, str) else None


_CARRY_OUT = {
    RequestKind.SIGNAL: _signal,
    RequestKind.CANCEL: _cancel,
    RequestKind.TERMINATE: _terminate,
    RequestKind.SUSPEND: _suspend,
    RequestKind.RESUME: _resume,
}
