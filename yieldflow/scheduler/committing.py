"""A turn's changes go to disk in one transaction; only then does anything leave. If they do not, memory is wrong."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from .._core.context import WorkflowInfo
from .._core.errors import RefusedValueError, StorageError, WorkflowAlreadyExistsError
from .._core.history import Failure, WorkflowStatus
from ..store import FOREVER, UNCHANGED, Parent
from ..tracing import Tracing
from ..workers import Attempt, Completed
from .applying import stall
from .attempts import abandon, cancel_step, dispatch, forget, release_slot, schedule_retry
from .children import has_derived_id
from .lifecycle import Phase, TrackedWorkflow
from .live import info_of, stall_reason
from .messages import ChildCommitted, ChildEnded, Ended, RequestReceived, no_reply
from .residency import set_deadline
from .state import SchedulerState
from .turn import Change, Creation, Turn, Unit, changes_of, extended

# Kept here, since to ask an enum for a member takes ten times as long as a name, and there are some at each step.
_PROCESSING, _SUSPENDED, _STALLED = WorkflowStatus.PROCESSING, WorkflowStatus.SUSPENDED, WorkflowStatus.STALLED
_LIVE = Phase.LIVE


def _complete(state: SchedulerState, units: Sequence[Unit], turn: Turn) -> list[Change]:
    """Return all changes, complete: whom each wakes, and that its workflow is at work."""
    changes, tracked = changes_of(units), state.workflows.get
    for change in changes:
        workflow = change.workflow
        if change.created is None:
            # A new one is another than the one that is tracked under its id, if there is any: then it is refused.
            workflow = change.workflow = tracked(change.workflow_id)
        live = None if workflow is None else workflow.live
        if live is None:
            continue
        if live.wake_at is not None and (change.events or change.retried):
            change.wake_at = None
        if live.parent is not None and change.status is not None and change.status.ended:
            change.wakes = () if _is_at_work(state, turn, live.parent) else (live.parent.workflow_id,)
    return changes


def _is_at_work(state: SchedulerState, turn: Turn, parent: Parent) -> bool:
    """Return True if a parent is in memory, and its row is one of those that the next session loads."""
    there, change = state.workflows.get(parent.workflow_id), turn.changed(parent.workflow_id)
    if there is None or there.live is None or there.live.wake_at is not None:
        return False
    return change is None or change.wake_at in (None, UNCHANGED)


def commit(state: SchedulerState, units: list[Unit], turn: Turn) -> None:
    """Write ``units`` in one transaction; where one of them cannot be written, the others still are."""
    changes = _complete(state, units, turn)
    try:
        state.store.commit(changes)
    except (RefusedValueError, WorkflowAlreadyExistsError) as error:
        if len(units) > 1:
            # What wakes others comes behind their own rows, as in one transaction.
            units = sorted(units, key=_wakes_others)
            middle = len(units) // 2
            commit(state, units[:middle], turn)
            commit(state, units[middle:], turn)
        else:
            _refused(state, units[0], error, turn)
    except StorageError as error:
        _failed(state, units, error, turn)
    else:
        state.storage_backoff.worked()
        _committed(state, units, changes, turn)


def _wakes_others(unit: Unit) -> bool:
    return not isinstance(unit, Creation) and bool(unit.wakes)


# ---------------------------------------------------------------------- on disk


def _committed(state: SchedulerState, units: list[Unit], changes: list[Change], turn: Turn) -> None:
    ended: list[Ended] = []
    if state.tracing is not None:
        _trace(state, state.tracing, changes)
    for unit in units:
        if isinstance(unit, Creation):
            turn.replies += unit.answers(None)
            for change in unit.changes:
                _created(state, change)
                _settle(state, change, turn, ended)
            continue
        if unit.triggers:
            _settle_triggers(state, unit, turn)
        _settle(state, unit, turn, ended)
    # Last, as on disk: what came to rest in this turn may have been woken in it.
    for change in [change for change in changes if change.rare]:
        _settle_wakes(state, change)
    if ended:
        state.tell(ended)


def _settle_triggers(state: SchedulerState, change: Change, turn: Turn) -> None:
    """Answer the requests and forget the attempts that led to a change."""
    workflow = change.workflow
    for trigger in change.triggers:
        if not isinstance(trigger, Completed):
            turn.replies.append((trigger.reply, None))
        elif workflow is not None and trigger.timed_out:
            abandon(state, workflow, trigger.attempt, turn, timed_out=True)
        elif workflow is not None:
            forget(state, workflow, trigger.attempt)


def _created(state: SchedulerState, change: Change) -> None:
    """Begin to track a workflow that was submitted; where it starts later its row says when."""
    workflow, new = change.workflow, change.created
    assert new is not None
    if workflow is None:
        state.wakeups.note(new.workflow_id, new.starts_at or 0)
    elif workflow.live is not None:
        state.workflows.move(workflow, _LIVE)
        set_deadline(state, workflow.live)
    elif change.status is None:
        # A recovery goes on.
        state.workflows.move(workflow, Phase.CREATED)
        state.follow_ups.append(ChildCommitted(new))


def _settle(state: SchedulerState, change: Change, turn: Turn, ended: list[Ended]) -> None:
    """Have memory follow what is on disk now."""
    workflow, status = change.workflow, change.status
    if workflow is not None and (change.recovery_attempts == 0 or change.wake_at != UNCHANGED):
        _settle_row(state, workflow, change)
    if change.rare:
        _settle_rare(state, change, turn)
    if status is not None and status is not _PROCESSING:
        _settle_status(state, change, status, turn, ended)
    elif change.rare and (change.continued is not None or change.still_stalled is not None):
        _settle_phase(state, change, ended)
    elif workflow is not None and (live := workflow.live) is not None:
        if change.events and change.workflow_id not in state.workflows.active:
            state.workflows.touch(workflow)
        if change.issued and live.status is _PROCESSING:
            dispatch(state, workflow, live, change.issued, turn, resumes=status is not None)
    if change.rare:
        _follow(state, change, turn)


def _settle_phase(state: SchedulerState, change: Change, ended: list[Ended]) -> None:
    """Have a workflow change its phase that begins its next run, or is stalled still."""
    if change.continued is not None:
        _continued(state, change)
    else:
        ended.append(Ended(change.workflow_id, WorkflowStatus.STALLED, None, change.still_stalled))
        _stalled(state, change.workflow)


def _settle_row(state: SchedulerState, workflow: TrackedWorkflow, change: Change) -> None:
    """Have memory follow the columns of a row that are known here too."""
    if change.recovery_attempts == 0:
        state.admission.passed(workflow)
    if workflow.live is not None and change.wake_at != UNCHANGED:
        workflow.live.wake_at = change.wake_at


def _settle_status(
    state: SchedulerState, change: Change, status: WorkflowStatus, turn: Turn, ended: list[Ended]
) -> None:
    """Have memory follow a status that is on disk now, other than that the workflow goes on."""
    workflow = change.workflow
    if status is _SUSPENDED:
        live = workflow.live if workflow is not None else None
        if live is not None:
            state.timers.pauses(change.workflow_id, live.info.run, live.waits())
        if workflow is None or live is None:
            state.forget_wakeup(change.workflow_id)
        elif live.execution.closes_silently(gc.get_referents):
            state.drop(workflow)
            state.release(workflow)
        else:
            state.forget_timers(live)
        return
    ended.append(Ended(change.workflow_id, status, change.outcome, change.reason))
    if status is _STALLED:
        _stalled(state, workflow)
    else:
        _ended(state, change, status, turn)


def _stalled(state: SchedulerState, workflow: TrackedWorkflow | None) -> None:
    """Track a workflow no longer that stalled; what was asked of it meanwhile is told so."""
    if workflow is None or workflow.phase is None:
        return
    unanswered = [request for request in workflow.requests if not _waits_for_code(request)]
    state.follow_ups += unanswered
    workflow.requests = [request for request in workflow.requests if _waits_for_code(request)]
    state.release(workflow)


def _waits_for_code(request: RequestReceived) -> bool:
    """Return True for the request of a parent: it has its child end once that can go on."""
    return request.reply is no_reply and request.request.number is None


def _settle_rare(state: SchedulerState, change: Change, turn: Turn) -> None:
    """Have memory follow what few changes have."""
    workflow = change.workflow
    if change.rests and workflow is not None and not workflow.requests:
        # What was asked of it meanwhile waits until it is loaded.
        state.release(workflow)
    for step, _ in change.cancelled:
        key = (change.workflow_id, change.run, step)
        attempt = workflow.in_flight.get(key) if workflow is not None else None
        if attempt is not None and workflow is not None:
            abandon(state, workflow, attempt, turn, timed_out=False)
        if attempt is None or attempt.options.timed or attempt.watched:
            state.timers.forget(*key)
    state.requests_taken_in.difference_update(change.handled)
    for child in change.children:
        state.workflows.track(child.workflow_id, Phase.CREATED)
        state.follow_ups.append(ChildCommitted(child))


def _settle_wakes(state: SchedulerState, change: Change) -> None:
    """Have memory follow what woke."""
    for woken in change.wakes:
        there = state.workflows.get(woken)
        if there is not None and there.live is not None:
            there.live.wake_at = None
        elif woken == change.workflow_id and not (change.status is not None and change.status.ended):
            state.wake(woken)


def _follow(state: SchedulerState, change: Change, turn: Turn) -> None:
    """Have happen what follows from what few changes have."""
    workflow = change.workflow
    if workflow is not None and workflow.live is not None:
        for retried in change.retried:
            schedule_retry(state, workflow.live, retried.step, retried.following)
        for number in change.cancelling:
            cancel_step(state, workflow, change.run, number, turn)
    state.follow_ups += change.follow_ups


def _continued(state: SchedulerState, change: Change) -> None:
    """Have the next run of a workflow be loaded."""
    workflow = change.workflow
    assert workflow is not None
    state.drop(workflow)
    state.load(workflow)


def _ended(state: SchedulerState, change: Change, status: WorkflowStatus, turn: Turn) -> None:
    """Track a workflow no longer that has ended, and have its parent hear of it."""
    workflow = change.workflow
    live = workflow.live if workflow is not None else None
    if live is not None:
        state.hooks.ended(live.info, change)
    parent = live.parent if live is not None else change.parent
    if parent is not None:
        outcome, reason = change.outcome, change.reason
        state.follow_ups.append(ChildEnded(parent[:3], change.workflow_id, status, outcome, reason))
    if workflow is None:
        state.forget_wakeup(change.workflow_id)
    if workflow is None or workflow.phase is None:
        return
    state.drop(workflow)
    state.follow_ups += workflow.requests
    workflow.requests = workflow.kept = ()
    for attempt in list(workflow.in_flight.values()):
        abandon(state, workflow, attempt, turn, timed_out=False)
    if workflow.phase is not None:
        state.release(workflow)


# ---------------------------------------------------------------------- not on disk


def _refused(state: SchedulerState, unit: Unit, error: Exception, turn: Turn) -> None:
    """Set aside the unit that the store refuses, though it works."""
    if isinstance(unit, Creation):
        for change in unit.changes:
            _undo(state, change)
        turn.replies += unit.answers(error)
    elif isinstance(error, WorkflowAlreadyExistsError) and _has_taken_id(state, unit):
        # A client was faster: its workflow is there when the parent is driven again, and the parent hears of it.
        _undo(state, unit)
        state.follow_ups[:0] = unit.triggers
    else:
        _stall_alone(state, unit, error, turn)


def _stall_alone(state: SchedulerState, unit: Change, error: Exception, turn: Turn) -> None:
    """Stall the workflow whose change the store refuses, by a commit of its own."""
    alone, workflow = Turn(turn.reading), unit.workflow
    if workflow is not None and workflow.live is not None:
        info = workflow.live.info
        _drop(state, workflow, unit)
        stall(state, workflow, info, stall_reason(error), alone)
    elif unit.events or unit.issued:
        # It stalled in this very turn, after what is refused.
        change = alone.change(unit.workflow_id, unit.run)
        change.status, change.reason, change.wake_at = unit.status, unit.reason, FOREVER
    again = _keep_triggers(state, unit, turn)
    if workflow is not None and workflow.live is None and unit.status is WorkflowStatus.STALLED and not alone.units:
        # Its row is so damaged that not even this can be written there: the next session tries it again.
        _stalled(state, workflow)
    # What was put off in this turn came behind them.
    state.follow_ups[:0] = again
    turn.replies += unit.answers(error)
    if alone.units:
        commit(state, alone.units, turn)


def _keep_triggers(state: SchedulerState, unit: Change, turn: Turn) -> list[RequestReceived]:
    """Keep the outcomes behind a change that is refused; return the requests that are to be carried out again."""
    again: list[RequestReceived] = []
    has_others = bool(unit.events) or any(isinstance(trigger, Completed) for trigger in unit.triggers)
    for trigger in unit.triggers:
        if isinstance(trigger, Completed):
            _keep(state, unit.workflow, trigger, turn)
        elif trigger.reply is no_reply and has_others:
            # It may have been an outcome beside it that is refused, or what the workflow did next.
            again.append(trigger)
        elif trigger.request.number is not None:
            state.requests_taken_in.discard(trigger.request.number)
    return again


def _keep(state: SchedulerState, workflow: TrackedWorkflow | None, completed: Completed, turn: Turn) -> None:
    """Keep an outcome that the store refuses, as long as the session lasts."""
    if completed.timed_out:
        # Nobody knows when its workflow goes on, and others want the worker.
        release_slot(state, completed.attempt, turn, timed_out=True)
    if workflow is not None:
        workflow.kept = extended(workflow.kept, [completed])


def _has_taken_id(state: SchedulerState, change: Change) -> bool:
    """Return True if a child was given an id that another workflow has."""
    given = [child.workflow_id for child in change.children if not has_derived_id(child)]
    try:
        return any(state.store.brief(workflow_id) is not None for workflow_id in given)
    except StorageError:
        return False


def _failed(state: SchedulerState, units: list[Unit], error: StorageError, turn: Turn) -> None:
    """Drop what is in memory, which is wrong since the disk failed; it is loaded again when the disk works."""
    state.storage_backoff.failed(error, turn.reading)
    for unit in units:
        for change in changes_of([unit]):
            _undo(state, change)
        turn.replies += unit.answers(error)
        if isinstance(unit, Change):
            _try_again(state, unit)


def _try_again(state: SchedulerState, change: Change) -> None:
    """Have what led to a change lead to it once more."""
    # A caller hears of it and may ask again. What was put off in this turn came behind the others.
    state.follow_ups[:0] = [
        trigger for trigger in change.triggers if not isinstance(trigger, RequestReceived) or trigger.reply is no_reply
    ]
    for step, _ in change.heartbeats:
        attempt = _attempt(change, step)
        if attempt is not None:
            attempt.written, attempt.written_at = None, 0
    for step, _, _ in change.begun:
        attempt = _attempt(change, step)
        if attempt is not None:
            attempt.begin_recorded = False


def _attempt(change: Change, step: int) -> Attempt | None:
    workflow = change.workflow
    return None if workflow is None else workflow.in_flight.get((change.workflow_id, change.run, step))


def _drop(state: SchedulerState, workflow: TrackedWorkflow, change: Change) -> None:
    """Close the generator of a workflow that is not as the disk says, with timers of steps that it had given up."""
    state.drop(workflow)
    for step, _ in change.cancelled:
        state.timers.forget(change.workflow_id, change.run, step)


def _undo(state: SchedulerState, change: Change) -> None:
    """Forget what a change did to memory."""
    workflow = change.workflow
    if workflow is None:
        return
    _drop(state, workflow, change)
    if workflow.phase in (Phase.LIVE, Phase.CREATED):
        state.load(workflow)


# ---------------------------------------------------------------------- told to the tracer


def _trace(state: SchedulerState, tracing: Tracing, changes: Sequence[Change]) -> None:
    """Tell of the runs that began and ended, and of the attempts whose time ran out."""
    for change in changes:
        for trigger in change.triggers:
            if isinstance(trigger, Completed) and trigger.timed_out:
                tracing.completed(trigger)
        status = change.status
        has_ended = change.continued is not None or (status is not None and status.ended)
        if change.started_at is None and not has_ended:
            continue
        info = _info(state, change)
        if change.started_at is not None:
            tracing.started(info)
        if has_ended:
            tracing.ended(info, status or WorkflowStatus.PROCESSING, _error(change))


def _info(state: SchedulerState, change: Change) -> WorkflowInfo:
    live = change.workflow.live if change.workflow is not None else None
    if live is not None:
        return live.info
    try:
        record = state.store.record(change.workflow_id)
    except StorageError:
        record = None
    if record is None:
        return WorkflowInfo(change.workflow_id, "unknown", change.run)
    return info_of(record)


def _error(change: Change) -> str | None:
    if change.reason is not None or change.status is WorkflowStatus.CANCELLED:
        return change.reason
    return change.outcome.summary if isinstance(change.outcome, Failure) else None
