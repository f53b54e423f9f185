"""Requests to a workflow from outside: signals, cancelling, terminating, suspending, resuming.

A workflow in memory is asked at once. For any other its row is asked first, which says how it stands.
"""

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
from ..store import FOREVER, Parent, Request, RequestKind, WorkflowBrief
from .applying import apply_cancel, receive
from .children import cancel_orphan
from .lifecycle import Phase, TrackedWorkflow
from .live import LiveWorkflow
from .messages import RequestReceived, no_reply
from .residency import load_children, resume_open_steps
from .state import SchedulerState
from .turn import Change, Turn, extended


def cannot_clean_up(workflow_id: str) -> WorkflowStalledError:
    """Return the error for whoever asks a stalled workflow to end or to pause."""
    return WorkflowStalledError(
        f"workflow {workflow_id} is stalled, so its code cannot run to clean up: put the code right and call "
        "retry(), or end it without cleanup by terminate()"
    )


def handle(state: SchedulerState, message: RequestReceived, turn: Turn) -> None:
    """Carry out what is asked, or have it wait until the workflow is in memory, or on disk."""
    workflow_id = message.request.workflow_id
    workflow = state.workflows.get(workflow_id)
    live = workflow.live if workflow is not None else None
    try:
        if _must_wait(turn, workflow_id, workflow):
            state.follow_ups.append(message)
        elif workflow is not None and live is not None:
            _ask_live(state, message, workflow, live, turn)
        else:
            _ask_row(state, message, turn)
    except YieldflowError as error:
        _refuse(state, message, error, turn)


def _must_wait(turn: Turn, workflow_id: str, workflow: TrackedWorkflow | None) -> bool:
    """Tell whether a workflow can be asked only once this turn is on disk: it is new, or its status changes."""
    if workflow_id in turn.created or turn.changes_status_of(workflow_id):
        return True
    return workflow is not None and (
        workflow.phase is Phase.CREATED or (workflow.live is not None and workflow.live.execution.over)
    )


def _done(message: RequestReceived, change: Change) -> None:
    """Note that a request is carried out with a change."""
    number = message.request.number
    if number is not None:
        change.handled = extended(change.handled, [number])
    change.triggers = extended(change.triggers, [message])


def _refuse(state: SchedulerState, message: RequestReceived, error: YieldflowError, turn: Turn) -> None:
    """Tell the caller, or the log, that a request is not carried out; one that nobody waits for is tried again."""
    request = message.request
    if message.reply is no_reply and isinstance(error, StorageError) and not isinstance(error, DamagedRowError):
        state.storage_backoff.failed(error, turn.reading, reading=True)
        state.follow_ups.append(message)
        return
    turn.replies.append((message.reply, error))
    if request.number is None:
        return
    # One that has ended has gone on, as a retry, a fork or a client asked: it was found by itself at a start, say.
    if request.kind is not RequestKind.RESUME or not isinstance(error, WorkflowEndedError):
        logger.warning("what a client asked of workflow %s is not done: %s", request.workflow_id, error)
    _done(message, turn.change(request.workflow_id))


# ---------------------------------------------------------------------- in memory


def _ask_live(
    state: SchedulerState, message: RequestReceived, workflow: TrackedWorkflow, live: LiveWorkflow, turn: Turn
) -> None:
    """Carry out a request of a workflow in memory."""
    request = message.request
    change = turn.change(request.workflow_id, live.info.run)
    match request.kind:
        case RequestKind.SIGNAL:
            _signal(state, request, workflow, live, turn, change)
        case RequestKind.CANCEL:
            _cancel(state, request, workflow, live, turn, change)
        case RequestKind.TERMINATE:
            _terminate(state, request, live, turn, change)
        case RequestKind.SUSPEND:
            if live.status is not WorkflowStatus.SUSPENDED:
                change.status = live.status = WorkflowStatus.SUSPENDED
                change.wake_at = FOREVER
        case RequestKind.RESUME:
            _resume(state, workflow, live, turn, change)
    if request.kind is RequestKind.CANCEL and live.cancelled is None:
        # What came while it was suspended was the last that it waited for, or it stalled on that.
        state.follow_ups.append(message)
    else:
        _done(message, change)


def _signal(
    state: SchedulerState, request: Request, workflow: TrackedWorkflow, live: LiveWorkflow, turn: Turn, change: Change
) -> None:
    queue = live.signal_queue
    payload = request.payload if request.payload is not None else state.codec.encode(None)
    signal = Signal(queue.last + 1, request.name or "", payload, turn.now)
    queue.put(signal)
    change.signals = extended(change.signals, [signal])
    if live.status is WorkflowStatus.PROCESSING:
        receive(state, workflow, turn, change)


def _cancel(
    state: SchedulerState, request: Request, workflow: TrackedWorkflow, live: LiveWorkflow, turn: Turn, change: Change
) -> None:
    if live.status is WorkflowStatus.SUSPENDED:
        _resume(state, workflow, live, turn, change)
    goes_on = workflow.live is live and not live.execution.over
    if goes_on and live.cancelled is None:
        apply_cancel(state, workflow, CancelRequested(turn.now, _reason(state, request)), turn, change)


def _resume(state: SchedulerState, workflow: TrackedWorkflow, live: LiveWorkflow, turn: Turn, change: Change) -> None:
    if live.status is WorkflowStatus.SUSPENDED:
        # First, since it may fail.
        children = load_children(state, live, turn.now)
        change.status = live.status = WorkflowStatus.PROCESSING
        change.wake_at = None
        recorded, live.recorded = live.recorded, []
        state.timers.wakes(live.info.workflow_id, live.info.run, live.waits())
        resume_open_steps(state, workflow, recorded, children, turn)


def _terminate(state: SchedulerState, request: Request, live: LiveWorkflow, turn: Turn, change: Change) -> None:
    recorded = {event.step for event in live.recorded}
    steps = [step for step in live.execution.open if step not in recorded]
    _terminate_run(state, request, live.info.run, steps, live.execution.applied, turn, change)
    live.status = WorkflowStatus.CANCELLED


# ---------------------------------------------------------------------- on disk


def _ask_row(state: SchedulerState, message: RequestReceived, turn: Turn) -> None:
    """Carry out a request of a workflow that is not in memory, or have it be loaded first.

    Raises:
        WorkflowNotFoundError, WorkflowEndedError, WorkflowStalledError: It cannot be asked.
        StorageError: The disk failed.
    """
    request = message.request
    workflow_id, kind = request.workflow_id, request.kind
    brief = state.store.brief(workflow_id)
    if brief is None:
        raise WorkflowNotFoundError(f"there is no workflow with the id {workflow_id!r}")
    if brief.status.ended:
        raise WorkflowEndedError(f"workflow {workflow_id} has ended ({brief.status}): it takes no {kind} any more")
    workflow = state.find(brief)
    # On its way into memory it is tried again: only then is it known whether it stalls still.
    is_tried = workflow is not None and workflow.phase in (Phase.LOADING, Phase.ADMISSION)
    is_stalled = brief.status is WorkflowStatus.STALLED and not is_tried
    if is_stalled and kind in (RequestKind.CANCEL, RequestKind.SUSPEND) and not _is_parents(message):
        raise cannot_clean_up(workflow_id)
    waits_for_trial = kind is RequestKind.SUSPEND and is_tried and brief.status is WorkflowStatus.STALLED
    if waits_for_trial or (kind is RequestKind.CANCEL and brief.started):
        _wait_for_code(state, message, brief, is_stalled)
        return
    change = turn.change(workflow_id, brief.run)
    _ASK_ROW[kind](state, request, brief, turn, change)
    _done(message, change)


def _is_parents(message: RequestReceived) -> bool:
    """Tell whether a parent asks its child to end."""
    return message.reply is no_reply and message.request.number is None


def _wait_for_code(state: SchedulerState, message: RequestReceived, brief: WorkflowBrief, is_stalled: bool) -> None:
    """Have a request wait until the workflow is in memory; where it is stalled, until it is resumed or retried."""
    workflow = state.workflows.get(brief.workflow_id)
    if is_stalled and brief.wake_at is None:
        # Its parent's end has had its row say that it is tried again.
        workflow = state.wake(brief.workflow_id, brief.recovery_attempts)
    elif is_stalled and workflow is None:
        workflow = state.workflows.track(brief.workflow_id, Phase.DRAINING)
    elif not is_stalled:
        workflow = state.wake(brief.workflow_id, brief.recovery_attempts)
    assert workflow is not None
    workflow.requests = extended(workflow.requests, [message])


def _cancel_row(state: SchedulerState, request: Request, brief: WorkflowBrief, turn: Turn, change: Change) -> None:
    # It has not begun.
    _end(state, brief.parent, [], 0, change, _reason(state, request))


def _suspend_row(state: SchedulerState, request: Request, brief: WorkflowBrief, turn: Turn, change: Change) -> None:
    if brief.status is WorkflowStatus.PROCESSING:
        change.status, change.wake_at = WorkflowStatus.SUSPENDED, FOREVER


def _store_signal(state: SchedulerState, request: Request, brief: WorkflowBrief, turn: Turn, change: Change) -> None:
    payload = request.payload if request.payload is not None else state.codec.encode(None)
    # The store gives it the next number.
    change.signals = extended(change.signals, [Signal(0, request.name or "", payload, turn.now)])
    if brief.status is WorkflowStatus.PROCESSING and brief.started:
        change.wakes = (brief.workflow_id,)


def _terminate_row(state: SchedulerState, request: Request, brief: WorkflowBrief, turn: Turn, change: Change) -> None:
    loaded = state.store.load(brief.workflow_id)
    if loaded is None:
        raise WorkflowNotFoundError(f"there is no workflow with the id {brief.workflow_id!r}")
    history = loaded.history
    ended = (event.step for event in (*history.events, *loaded.recorded) if isinstance(event, StepEnded))
    closed = history.dropped.union(ended, (event.step for event in change.recorded))
    steps = [step.number for step in history.steps if step.number not in closed]
    _terminate_run(state, request, loaded.record.run, steps, len(history.events), turn, change)
    _wake_parent(brief.parent, change)


def _resume_row(state: SchedulerState, request: Request, brief: WorkflowBrief, turn: Turn, change: Change) -> None:
    if brief.status is WorkflowStatus.SUSPENDED:
        change.status = WorkflowStatus.PROCESSING
        # It may have been counted before it was suspended. Now it goes on because it was asked to: count anew.
        change.recovery_attempts = 0
    elif brief.status is WorkflowStatus.PROCESSING and brief.wake_at is not None:
        return
    starts_later = not brief.started and state.starts_later(brief.workflow_id, brief.starts_at)
    change.wake_at = brief.starts_at if starts_later else None
    change.wakes = (brief.workflow_id,)


_ASK_ROW = {
    RequestKind.SIGNAL: _store_signal,
    RequestKind.CANCEL: _cancel_row,
    RequestKind.TERMINATE: _terminate_row,
    RequestKind.SUSPEND: _suspend_row,
    RequestKind.RESUME: _resume_row,
}


# ---------------------------------------------------------------------- either


def _terminate_run(
    state: SchedulerState, request: Request, run: int, steps: list[int], position: int, turn: Turn, change: Change
) -> None:
    """End a run without its code, and have the children end that go with it."""
    workflow_id = request.workflow_id
    children = _children_to_cancel(state, workflow_id, run)
    children += [child.workflow_id for child in change.children if _goes_with_parent(child.parent)]
    change.run = run
    change.orphans = True
    _end(state, None, steps, position, change, _reason(state, request) or "terminated")
    orphans = [cancel_orphan(state.codec, child, workflow_id, turn.now) for child in children]
    change.follow_ups = extended(change.follow_ups, orphans)


def _children_to_cancel(state: SchedulerState, workflow_id: str, run: int) -> list[str]:
    """Return the children of a run that do not go on without it, but for those with a damaged row."""
    found = []
    for child in state.store.open_children(workflow_id, run):
        with suppress(DamagedRowError):
            brief = state.store.brief(child)
            if brief is not None and _goes_with_parent(brief.parent):
                found.append(child)
    return found


def _goes_with_parent(parent: Parent | None) -> bool:
    return parent is not None and parent.on_parent_end == "cancel"


def _end(
    state: SchedulerState, parent: Parent | None, steps: list[int], position: int, change: Change, reason: str | None
) -> None:
    """End a workflow without its code; ``position`` is the number of events that were applied."""
    change.status, change.reason = WorkflowStatus.CANCELLED, reason
    change.outcome = state.codec.encode_failure(Cancelled(reason) if reason else Cancelled())
    change.cancelled = extended(change.cancelled, [(step, position) for step in steps])
    change.retried = ()
    change.recorded = [event for event in change.recorded if event.step not in steps]
    _wake_parent(parent, change)


def _wake_parent(parent: Parent | None, change: Change) -> None:
    """Have a parent be due, which may rest on disk, and hear of the end."""
    if parent is not None:
        change.parent = parent
        change.wakes = (parent.workflow_id,)


def _reason(state: SchedulerState, request: Request) -> str | None:
    reason = None if request.payload is None else state.codec.decode(request.payload)
    return reason if isinstance(reason, str) else None
