"""Workflows that are not in memory are read from the store, built by replay, and go on: recovered, new or woken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .._core.children import child_id, has_given_id, invocation_of
from .._core.context import WorkflowInfo
from .._core.errors import DamagedRowError, DatabaseLostError, RefusedValueError, StorageError
from .._core.history import Micros, Started, StepEnded, StepKind, WorkflowStatus
from .._core.nodes import Leaf
from ..store import Checkpoint, Loaded, Pending, RequestKind, WorkflowRecord
from .applying import apply, note_end, note_issued, receive, stall
from .children import outcome_for_parent
from .dispatching import cancel_child, dispatch, orphaned
from .live import LiveWorkflow, stall_reason
from .state import State
from .timers import DEADLINE, START, Timer, timers_of, waits_quietly
from .turn import Turn


def register_recovered(state: State, pending: Pending, now: Micros) -> None:
    """Note an unfinished workflow that the session finds at its start."""
    workflow_id = pending.workflow_id
    state.known.add(workflow_id)
    if pending.status is WorkflowStatus.SUSPENDED:
        state.suspended.add(workflow_id)
    elif waits_quietly(pending, now):
        for timer in timers_of(pending):
            state.timers.set(timer)
        state.dormant[workflow_id] = pending.recovery_attempts
    else:
        state.probation.add(workflow_id, pending.recovery_attempts)
    if pending.orphan_of is not None:
        state.again.append(orphaned(state.codec, workflow_id, pending.orphan_of, now))


def load_pending(state: State, turn: Turn) -> None:
    """Build what is to go on; of what was recovered, it is written down first that it is taken up."""
    probation = state.probation
    admitted = probation.admit(turn.now)
    try:
        _mark(state, [(found, count) for found, count in admitted if not probation.spent(found)])
    except StorageError as error:
        for workflow_id, count in admitted:
            probation.passed(workflow_id)
            probation.add(workflow_id, count)
        state.back_off.failed(error, turn.now)
        return
    build, state.to_build = [*state.to_build, *dict(admitted)], {}
    for place, workflow_id in enumerate(build):
        try:
            loaded = state.store.load(workflow_id)
        except DamagedRowError as error:
            stall(state, WorkflowInfo(workflow_id, "unknown", 1), stall_reason(error), turn)
            continue
        except StorageError as error:
            state.to_build.update(dict.fromkeys(build[place:]))
            state.back_off.failed(error, turn.now, reading=True)
            return
        if loaded is None:
            state.forget(workflow_id)
        elif workflow_id not in state.residents:
            # A client's that the owner wanted too was taken for one that is not there.
            state.known.add(workflow_id)
            # Whatever it waited for outside memory, its timers are for one in memory from here on.
            state.delayed.discard(workflow_id)
            state.dormant.pop(workflow_id, None)
            _build(state, loaded, turn)
        state.again += state.later.pop(workflow_id, ())


def _mark(state: State, admitted: list[tuple[str, int]]) -> None:
    """Write down that these are taken up. One that is no longer there holds up no other."""
    marks = [Checkpoint(workflow_id, recovery_attempts=count + 1) for workflow_id, count in admitted]
    try:
        if marks:
            state.store.commit(marks)
    except RefusedValueError:
        if len(admitted) > 1:
            for one in admitted:
                _mark(state, [one])


def _build(state: State, loaded: Loaded, turn: Turn) -> None:
    """Put a workflow into memory and let it go on from where its history ends."""
    record, probation = loaded.record, state.probation
    info = WorkflowInfo(record.id, record.name, record.run, record.parent and record.parent.workflow_id)
    before = record.reason if record.status is WorkflowStatus.STALLED else None
    if record.status.ended:
        state.forget(record.id)
        return
    # It is needed in memory only to be cancelled.
    if record.status is WorkflowStatus.SUSPENDED and (record.started_at is None or not _is_to_cancel(state, record.id)):
        _acquit(state, record, turn)
        state.suspended.add(record.id)
        return
    if record.recovery_attempts == 0:  # Somebody had it go on since.
        probation.passed(record.id)
    if probation.spent(record.id):
        stall(state, info, probation.too_many(record.recovery_attempts), turn, before=before)
        return
    if record.started_at is None and record.starts_at is not None and record.starts_at > turn.now:
        delay(state, record, turn)
        return
    try:
        resident = state.residents.rebuild(loaded)
        if record.status is WorkflowStatus.SUSPENDED:
            state.suspended.discard(record.id)
            # One that went back to its last turn has nothing left that could be cancelled: it ends as it does.
            if resident.execution.end is None:
                resident.recorded = loaded.recorded
                return
        family = load_children(state, resident, turn)
    except DatabaseLostError:
        raise
    except BaseException as error:  # whatever it is, it is one workflow's, but for the disk's
        if isinstance(error, StorageError) and not isinstance(error, DamagedRowError):
            state.residents.drop(record.id)
            state.to_build[record.id] = None
            state.back_off.failed(error, turn.now, reading=True)
        else:
            stall(state, info, stall_reason(error), turn, before=before)
        return
    _start_from_there(state, resident, loaded, family, turn)


def _start_from_there(state: State, resident: LiveWorkflow, loaded: Loaded, family: Family, turn: Turn) -> None:
    """Let a workflow that was built go on, or begin, or end again."""
    record = loaded.record
    if record.status is not WorkflowStatus.PROCESSING:
        resident.status = WorkflowStatus.PROCESSING
        turn.change(record.id, record.run).status = WorkflowStatus.PROCESSING
    if record.started_at is None:
        change = turn.change(record.id, record.run)
        apply(state, resident, Started(turn.now), turn, change)
        set_deadline(state, resident)
    elif resident.execution.end is not None:
        # It went back, or was forked, to a step whose turn ended the workflow too, and so it does again.
        note_end(resident, resident.execution.end, turn.change(record.id, record.run))
    else:
        resume_open_steps(state, resident, loaded.recorded, family, turn)
        _spare_sleeper(state, resident, turn)


def _is_to_cancel(state: State, workflow_id: str) -> bool:
    """Whether somebody waits for a workflow to be in memory who asks it to end."""
    return any(ask.request.kind is RequestKind.CANCEL for ask in state.later.get(workflow_id, ()))


def _acquit(state: State, record: WorkflowRecord, turn: Turn) -> None:
    """Of one that only waits nothing is at work that could take the process down: that it was counted is taken back."""
    if state.probation.on_trial(record.id):
        turn.change(record.id, record.run).recovery_attempts = 0


class Family(NamedTuple):
    """The children of a run as they stand on disk."""

    #: The steps whose children are there.
    begun: frozenset[int] = frozenset()
    #: What the ends of those that have ended are to the parent, in the order in which they ended.
    ends: Sequence[StepEnded] = ()


def load_children(state: State, resident: LiveWorkflow, turn: Turn) -> Family:
    """The children of a workflow that waits for any.

    Raises:
        DamagedRowError: The row of one of them is damaged.
        StorageError: They cannot be read.
    """
    leaves = [leaf for leaf in resident.execution.open.values() if leaf.step.kind is StepKind.CHILD]
    if not leaves:
        return Family()
    info = resident.info
    ended = state.store.ended_children(info.workflow_id, info.run)
    unfinished = frozenset(state.store.open_children(info.workflow_id, info.run))
    open_ones = [leaf for leaf in leaves if child_id(info, leaf) in unfinished and _is_its_own(state, info, leaf)]
    steps = [leaf.step.number for leaf in open_ones] + [child.parent.step for child in ended if child.parent]
    return Family(frozenset(steps), _ends(state, ended, turn))


def _is_its_own(state: State, info: WorkflowInfo, leaf: Leaf) -> bool:
    """Whether the child of a step, by its id, is not that of another step of the run to which the same id was given."""
    if not has_given_id(leaf):
        return True
    there = state.store.record(child_id(info, leaf))
    return there is None or there.parent is None or there.parent.step == leaf.step.number


def resume_open_steps(
    state: State, resident: LiveWorkflow, recorded: Sequence[StepEnded], family: Family, turn: Turn
) -> None:
    """Have what is open begin, and give the workflow what came meanwhile."""
    info, waiting = resident.info, resident.execution.open
    set_deadline(state, resident)
    came = {event.step: event for event in recorded if event.step in waiting}
    leaves = list(waiting.values())
    # What was issued in this very turn begins when it is on disk.
    fresh = turn.issued_by(info.workflow_id)
    steps = [leaf.step for leaf in leaves if leaf.step.number not in came and leaf.step.number not in fresh]
    dispatch(state, resident, steps, turn)
    children = [leaf for leaf in leaves if leaf.step.kind is StepKind.CHILD and leaf.step.number not in fresh]
    _begin_missing(state, resident, children, family, turn)
    events = [*came.values(), *family.ends]
    if events or resident.mail is not None:
        change = turn.change(info.workflow_id, info.run)
        for event in events:
            if event.step in waiting and not apply(state, resident, event, turn, change):
                return
        if not receive(state, resident, turn, change):
            return
    for leaf in children:
        asked = invocation_of(leaf).options.on_parent_end == "cancel"
        if leaf.cancelled and asked and leaf.step.number in waiting:
            cancel_child(state, resident, leaf, turn)


def _begin_missing(state: State, resident: LiveWorkflow, children: Sequence[Leaf], family: Family, turn: Turn) -> None:
    """Start the children that are waited for and are on no disk: a fork has begun none itself."""
    info = resident.info
    for leaf in children:
        if leaf.step.number not in family.begun:
            note_issued(state, resident, leaf.step, turn, turn.change(info.workflow_id, info.run))


def _ends(state: State, ended: Sequence[WorkflowRecord], turn: Turn) -> list[StepEnded]:
    return [
        StepEnded(
            child.parent.step,
            outcome_for_parent(state.codec, child.id, child.status, child.outcome, child.reason),
            turn.now,
        )
        for child in ended
        if child.parent is not None
    ]


def set_deadline(state: State, resident: LiveWorkflow) -> None:
    """Have a workflow's time run out when it does."""
    if resident.deadline_at is not None and resident.cancelled is None:
        info = resident.info
        state.timers.set(Timer(resident.deadline_at, info.workflow_id, info.run, DEADLINE))


def _spare_sleeper(state: State, resident: LiveWorkflow, turn: Turn) -> None:
    """One that only sleeps has nothing at work that could take the process down."""
    info = resident.info
    at_work = any((info.workflow_id, info.run, number) in state.under_way for number in resident.execution.open)
    if state.probation.on_trial(info.workflow_id) and not at_work:
        turn.change(info.workflow_id, info.run).recovery_attempts = 0


def delay(state: State, record: WorkflowRecord, turn: Turn) -> None:
    """Wait outside memory for the start."""
    _acquit(state, record, turn)
    state.delayed.add(record.id)
    state.timers.set(Timer(record.starts_at or turn.now, record.id, record.run, START))
