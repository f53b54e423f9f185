"""A turn's changes go to disk in one transaction; only then does anything leave. If they do not, memory is wrong."""

from __future__ import annotations

from .._core.errors import RefusedValueError, StorageError, WorkflowAlreadyExistsError
from .._core.history import WorkflowStatus
from ..notices import logger
from ..store import Checkpoint, Parent
from ..workers import Completed
from .applying import stall
from .attempts import abandon, follow
from .children import has_given_id
from .dispatching import cancel_begun, dispatch
from .residents import why
from .state import State
from .telling import trace
from .timers import DEADLINE, START, Timer
from .turn import Ask, ChildEnded, Ended, Newborn, Turn, Unit, nobody

# Kept here, since to ask the enum for a member is a call, and this one is asked for at every step.
_PROCESSING = WorkflowStatus.PROCESSING


def commit(state: State, units: list[Unit], turn: Turn) -> None:
    """Write ``units`` in one transaction; where one of them cannot be written, the others still are."""
    try:
        state.store.commit([checkpoint for unit in units for checkpoint in unit.checkpoints])
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


# ---------------------------------------------------------------------- on disk


def _committed(state: State, units: list[Unit], turn: Turn) -> None:
    ended: list[Ended] = []
    if state.tracing is not None:
        trace(state, state.tracing, units)
    for unit in units:
        for cause in unit.causes:
            if isinstance(cause, Completed):
                _forget_attempt(state, cause, turn)
            else:
                turn.replies.append((cause.reply, None))
        if unit.submit is not None:
            turn.replies += unit.answers(None)
        for checkpoint in unit.checkpoints:
            _settle(state, checkpoint, turn, ended)
        for key in unit.cancelling:
            cancel_begun(state, key, turn)
        if unit.after:
            state.again += unit.after
    if ended:
        state.tell(ended)


def _forget_attempt(state: State, completed: Completed, turn: Turn) -> None:
    """What became of an attempt is on disk."""
    attempt = completed.attempt
    if completed.timed_out:
        abandon(state, attempt, turn, timed_out=True)
        return
    state.under_way.pop(attempt.key, None)
    state.queued.pop(attempt.key, None)
    if attempt.options.timed or attempt.watched:
        state.timers.forget(*attempt.key)


def _settle(state: State, checkpoint: Checkpoint, turn: Turn, ended: list[Ended]) -> None:
    """Have memory follow what is on disk now."""
    workflow_id, run, status = checkpoint.workflow_id, checkpoint.run, checkpoint.status
    for step, _ in checkpoint.cancelled:
        key = (workflow_id, run, step)
        attempt = state.under_way.get(key)
        if attempt is not None:
            abandon(state, attempt, turn, timed_out=False)
        if attempt is None or attempt.options.timed or attempt.watched:
            state.timers.forget(*key)
    if checkpoint.recovery_attempts == 0:
        state.probation.passed(workflow_id)
    if checkpoint.handled:
        state.taken_in.difference_update(checkpoint.handled)
    for child in checkpoint.children:
        state.known.add(child.workflow_id)
        state.again.append(Newborn(child))
    if status is not None and (status.ended or status is WorkflowStatus.STALLED):
        ended.append(Ended(workflow_id, status, checkpoint.outcome, checkpoint.reason))
        if status.ended:
            _let_go(state, checkpoint)
    elif checkpoint.continued is not None:
        state.residents.forget(workflow_id)
        state.timers.forget(workflow_id, run, DEADLINE)
        state.to_build[workflow_id] = None
    elif (resident := state.residents.get(workflow_id)) is not None:
        if checkpoint.issued and resident.status is _PROCESSING:
            dispatch(state, resident, checkpoint.issued, turn)
        for retried in checkpoint.retried:
            follow(state, resident, retried.step, retried.following)
    elif checkpoint.created is not None and workflow_id in state.delayed:
        state.timers.set(Timer(checkpoint.created.starts_at or turn.now, workflow_id, run, START))


def _let_go(state: State, checkpoint: Checkpoint) -> None:
    """A workflow has ended."""
    workflow_id = checkpoint.workflow_id
    resident = state.residents.get(workflow_id)
    if resident is not None:
        state.residents.log_failure(checkpoint)
        if resident.deadline_at is not None:
            state.timers.forget(workflow_id, resident.info.run, DEADLINE)
    else:
        for what in (START, DEADLINE):
            state.timers.forget(workflow_id, checkpoint.run or 1, what)
    parent = resident.parent if resident is not None else _parent_of(state, workflow_id)
    if parent is not None and checkpoint.status is not None:
        key = parent[:3]
        outcome, reason = checkpoint.outcome, checkpoint.reason
        state.again.append(ChildEnded(key, workflow_id, checkpoint.status, outcome, reason))
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
    if unit.submit is not None:
        _undo(state, unit)
        if isinstance(error, WorkflowAlreadyExistsError):
            # A client's may be among them, which a glance passed over for these.
            state.to_build.update(dict.fromkeys(checkpoint.workflow_id for checkpoint in unit.checkpoints))
        turn.replies += unit.answers(error)
        return
    refused, alone = unit.checkpoints[0], Turn(turn.now)
    if isinstance(error, WorkflowAlreadyExistsError) and _has_taken_id(state, refused):
        # A client was faster: its workflow is there when the parent is driven again, and the parent hears of it.
        _undo(state, unit)
        state.again[:0] = unit.causes
        state.to_build[refused.workflow_id] = None
        return
    resident = state.residents.get(refused.workflow_id)
    if resident is not None:
        stall(state, resident.info, why(error), alone)
    elif refused.events or refused.issued:
        # It stalled in this very turn, after what is refused.
        checkpoint = alone.unit(refused.workflow_id, refused.run).checkpoints[0]
        checkpoint.status, checkpoint.reason = refused.status, refused.reason
    again: list[Ask] = []
    for cause in unit.causes:
        if isinstance(cause, Completed):
            _keep(state, cause)
        elif cause.reply is nobody and refused.events:
            # It may have been what the workflow did next that is refused.
            again.append(cause)
        elif cause.request.number is not None:
            state.taken_in.discard(cause.request.number)
    # What was put off in this turn came behind them.
    state.again[:0] = again
    turn.replies += unit.answers(error)
    if alone.units:
        commit(state, alone.units, turn)


def _keep(state: State, completed: Completed) -> None:
    """Keep an outcome that the store will not have, as long as the session lasts."""
    workflow_id = completed.attempt.workflow_id
    if workflow_id in state.stalled:
        state.stalled.keep(completed)
    else:
        name = completed.attempt.definition.name
        logger.error("an outcome of activity %r of workflow %s cannot be stored: it runs again", name, workflow_id)


def _has_taken_id(state: State, checkpoint: Checkpoint) -> bool:
    """Whether a child was given an id that another workflow has."""
    given = [child.workflow_id for child in checkpoint.children if has_given_id(child)]
    try:
        return any(state.store.record(workflow_id) is not None for workflow_id in given)
    except StorageError:
        return False


def _failed(state: State, units: list[Unit], error: StorageError, turn: Turn) -> None:
    """The disk failed: what is in memory is wrong, and is built again when the disk works."""
    state.back_off.failed(error, turn.now)
    for unit in units:
        # A caller hears of it and may ask again. What was put off in this turn came behind the others.
        state.again[:0] = [cause for cause in unit.causes if not isinstance(cause, Ask) or cause.reply is nobody]
        _undo(state, unit)
        for step, _ in unit.checkpoints[0].heartbeats if unit.submit is None else ():
            attempt = state.under_way.get((unit.checkpoints[0].workflow_id, unit.checkpoints[0].run, step))
            if attempt is not None:
                attempt.written, attempt.written_at = None, 0
        # Of one that is dormant nothing was in memory: it sleeps on.
        if unit.submit is None and unit.checkpoints[0].workflow_id not in state.dormant:
            state.to_build[unit.checkpoints[0].workflow_id] = None
        turn.replies += unit.answers(error)


def _undo(state: State, unit: Unit) -> None:
    """Forget what the unit did to memory."""
    for checkpoint in unit.checkpoints:
        workflow_id = checkpoint.workflow_id
        state.residents.drop(workflow_id)
        state.suspended.discard(workflow_id)
        state.again += state.stalled.release(workflow_id)
        if unit.submit is not None:
            state.delayed.discard(workflow_id)
            state.known.discard(workflow_id)
