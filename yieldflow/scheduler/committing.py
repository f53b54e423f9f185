"""A turn's changes go to disk in one transaction; only then does anything leave. If they do not, memory is wrong."""

from __future__ import annotations

from .._core.errors import RefusedValueError, StorageError, WorkflowAlreadyExistsError
from .._core.history import WorkflowStatus
from ..log import logger
from ..store import Parent
from ..workers import Completed
from .applying import stall
from .attempts import abandon, follow, release_slot
from .children import has_derived_id
from .dispatching import cancel_begun, dispatch
from .live import stall_reason
from .state import State
from .telling import trace
from .timers import DEADLINE, START, Timer
from .turn import Change, ChildCommitted, ChildEnded, Creation, Ended, RequestReceived, Turn, Unit, no_reply

# Kept here, since to ask the enum for a member is a call, and this one is asked for at every step.
_PROCESSING = WorkflowStatus.PROCESSING


def commit(state: State, units: list[Unit], turn: Turn) -> None:
    """Write ``units`` in one transaction; where one of them cannot be written, the others still are."""
    try:
        state.store.commit(_changes(units))
    except (RefusedValueError, WorkflowAlreadyExistsError) as error:
        if len(units) > 1:
            middle = len(units) // 2
            commit(state, units[:middle], turn)
            commit(state, units[middle:], turn)
        else:
            _refused(state, units[0], error, turn)
    except StorageError as error:
        _failed(state, units, error, turn)
    else:
        state.back_off.worked()
        _committed(state, units, turn)


def _changes(units: list[Unit]) -> list[Change]:
    found: list[Change] = []
    for unit in units:
        if isinstance(unit, Creation):
            found += unit.changes
        else:
            found.append(unit)
    return found


# ---------------------------------------------------------------------- on disk


def _committed(state: State, units: list[Unit], turn: Turn) -> None:
    ended: list[Ended] = []
    if state.tracing is not None:
        trace(state, state.tracing, units)
    for unit in units:
        if isinstance(unit, Creation):
            turn.replies += unit.answers(None)
            for change in unit.changes:
                _settle(state, change, turn, ended)
            continue
        for cause in unit.causes:
            if isinstance(cause, Completed):
                _forget_attempt(state, cause, turn)
            else:
                turn.replies.append((cause.reply, None))
        _settle(state, unit, turn, ended)
    if ended:
        state.tell(ended)


def _forget_attempt(state: State, completed: Completed, turn: Turn) -> None:
    """What became of an attempt is on disk."""
    attempt, _, _, _, timed_out = completed
    if timed_out:
        abandon(state, attempt, turn, timed_out=True)
        return
    state.under_way.pop(attempt.key, None)
    state.queued.pop(attempt.key, None)
    if attempt.options.timed or attempt.watched:
        state.timers.forget(*attempt.key)


def _settle(state: State, change: Change, turn: Turn, ended: list[Ended]) -> None:
    """Have memory follow what is on disk now."""
    workflow_id, status, has_rare = change.workflow_id, change.status, bool(change.rare)
    if change.recovery_attempts == 0:
        state.probation.passed(workflow_id)
    if has_rare:
        _settle_rare(state, change, turn)
    if status is not None and (status.ended or status is WorkflowStatus.STALLED):
        ended.append(Ended(workflow_id, status, change.outcome, change.reason))
        if status.ended:
            _let_go(state, change)
    elif has_rare and change.continued is not None:
        state.residents.forget(workflow_id)
        state.timers.forget(workflow_id, change.run, DEADLINE)
        state.to_build[workflow_id] = None
    elif (resident := state.residents.get(workflow_id)) is not None:
        if change.issued and resident.status is _PROCESSING:
            dispatch(state, resident, change.issued, turn)
    elif change.created is not None and workflow_id in state.delayed:
        state.timers.set(Timer(change.created.starts_at or turn.now, workflow_id, change.run, START))
    if has_rare:
        _follow(state, change, turn)


def _settle_rare(state: State, change: Change, turn: Turn) -> None:
    """The same for what few changes have."""
    for step, _ in change.cancelled:
        key = (change.workflow_id, change.run, step)
        attempt = state.under_way.get(key)
        if attempt is not None:
            abandon(state, attempt, turn, timed_out=False)
        if attempt is None or attempt.options.timed or attempt.watched:
            state.timers.forget(*key)
    state.taken_in.difference_update(change.handled)
    for child in change.children:
        state.known.add(child.workflow_id)
        state.again.append(ChildCommitted(child))


def _follow(state: State, change: Change, turn: Turn) -> None:
    """Have happen what follows from what few changes have."""
    resident = state.residents.get(change.workflow_id)
    if resident is not None:
        for retried in change.retried:
            follow(state, resident, retried.step, retried.following)
    for number in change.cancelling:
        cancel_begun(state, (change.workflow_id, change.run, number), turn)
    state.again += change.after


def _let_go(state: State, change: Change) -> None:
    """A workflow has ended."""
    workflow_id = change.workflow_id
    resident = state.residents.get(workflow_id)
    if resident is not None:
        state.residents.log_failure(change)
        if resident.deadline_at is not None:
            state.timers.forget(workflow_id, resident.info.run, DEADLINE)
    else:
        for what in (START, DEADLINE):
            state.timers.forget(workflow_id, change.run or 1, what)
    parent = resident.parent if resident is not None else _parent_of(state, workflow_id)
    if parent is not None and change.status is not None:
        key = parent[:3]
        outcome, reason = change.outcome, change.reason
        state.again.append(ChildEnded(key, workflow_id, change.status, outcome, reason))
    if resident is not None and not resident.execution.over:
        # It was terminated, and is still at its yields.
        state.residents.drop(workflow_id)
    else:
        state.residents.forget(workflow_id)
    state.forget(workflow_id)


def _parent_of(state: State, workflow_id: str) -> Parent | None:
    """Whose child a workflow is that was not in memory."""
    try:
        record = state.store.record(workflow_id)
    except StorageError as error:
        # The parent finds it when it is built the next time.
        logger.warning("the parent of %s is not told of its end yet: %s", workflow_id, error)
        return None
    return None if record is None else record.parent


# ---------------------------------------------------------------------- not on disk


def _refused(state: State, unit: Unit, error: Exception, turn: Turn) -> None:
    """The store works, but will not have this unit."""
    if isinstance(unit, Creation):
        _undo(state, unit)
        if isinstance(error, WorkflowAlreadyExistsError):
            # A client's may be among them, which a glance passed over for these.
            state.to_build.update(dict.fromkeys(change.workflow_id for change in unit.changes))
        turn.replies += unit.answers(error)
        return
    alone = Turn(turn.now)
    if isinstance(error, WorkflowAlreadyExistsError) and _has_taken_id(state, unit):
        # A client was faster: its workflow is there when the parent is driven again, and the parent hears of it.
        _undo(state, unit)
        state.again[:0] = unit.causes
        state.to_build[unit.workflow_id] = None
        return
    resident = state.residents.get(unit.workflow_id)
    if resident is not None:
        stall(state, resident.info, stall_reason(error), alone)
    elif unit.events or unit.issued:
        # It stalled in this very turn, after what is refused.
        change = alone.change(unit.workflow_id, unit.run)
        change.status, change.reason = unit.status, unit.reason
    again: list[RequestReceived] = []
    for cause in unit.causes:
        if isinstance(cause, Completed):
            _keep(state, cause, turn)
        elif cause.reply is no_reply and unit.events:
            # It may have been what the workflow did next that is refused.
            again.append(cause)
        elif cause.request.number is not None:
            state.taken_in.discard(cause.request.number)
    # What was put off in this turn came behind them.
    state.again[:0] = again
    turn.replies += unit.answers(error)
    if alone.units:
        commit(state, alone.units, turn)


def _keep(state: State, completed: Completed, turn: Turn) -> None:
    """Keep an outcome that the store will not have, as long as the session lasts."""
    workflow_id = completed.attempt.workflow_id
    if completed.timed_out:
        # Nobody knows when its workflow goes on, and others want the worker.
        release_slot(state, completed.attempt, turn, timed_out=True)
    if workflow_id in state.stalled:
        state.stalled.keep(completed)
    else:
        name = completed.attempt.definition.name
        state.under_way.pop(completed.attempt.key, None)
        logger.error("an outcome of activity %r of workflow %s cannot be stored: it runs again", name, workflow_id)


def _has_taken_id(state: State, change: Change) -> bool:
    """Whether a child was given an id that another workflow has."""
    given = [child.workflow_id for child in change.children if not has_derived_id(child)]
    try:
        return any(state.store.record(workflow_id) is not None for workflow_id in given)
    except StorageError:
        return False


def _failed(state: State, units: list[Unit], error: StorageError, turn: Turn) -> None:
    """The disk failed: what is in memory is wrong, and is built again when the disk works."""
    state.back_off.failed(error, turn.now)
    for unit in units:
        _undo(state, unit)
        turn.replies += unit.answers(error)
        if isinstance(unit, Change):
            _try_again(state, unit)


def _try_again(state: State, change: Change) -> None:
    """Have what led to a change lead to it once more."""
    # A caller hears of it and may ask again. What was put off in this turn came behind the others.
    state.again[:0] = [
        cause for cause in change.causes if not isinstance(cause, RequestReceived) or cause.reply is no_reply
    ]
    for step, _ in change.heartbeats:
        attempt = state.under_way.get((change.workflow_id, change.run, step))
        if attempt is not None:
            attempt.written, attempt.written_at = None, 0
    # Of one that is dormant, or waits to be recovered, nothing was in memory: it sleeps, or waits, on.
    if change.workflow_id not in state.dormant and not state.probation.waits(change.workflow_id):
        state.to_build[change.workflow_id] = None


def _undo(state: State, unit: Unit) -> None:
    """Forget what the unit did to memory."""
    for change in unit.changes:
        workflow_id = change.workflow_id
        state.residents.drop(workflow_id)
        state.suspended.discard(workflow_id)
        state.again += state.stalled.release(workflow_id)
        if isinstance(unit, Creation):
            state.delayed.discard(workflow_id)
            state.known.discard(workflow_id)
