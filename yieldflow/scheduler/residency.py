"""Workflows come into memory, by replay of their rows, and leave it.

The disk is the truth, and memory a cache. A workflow leaves memory when it waits, closing its generator runs nothing of
the user's, and it has waited for long or memory is wanted. (A generator suspended inside a ``with``, or a ``try`` with
a ``finally``, would run it, so such a workflow stays: `generator_safety` has the rule.) Its row then says in `wake_at`
when it is due.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from .._core.children import child_id, has_given_id, invocation_of
from .._core.context import WorkflowInfo
from .._core.errors import DamagedRowError, RefusedValueError, StorageError
from .._core.history import Micros, Started, StepEnded, StepKind, WorkflowStatus
from .._core.nodes import Leaf
from ..store import FOREVER, Checkpoint, Loaded, RequestKind, WorkflowRecord
from .admission import SLICE
from .applying import apply, begin_child, note_end, receive, stall
from .attempts import dispatch
from .children import cancel_by_parent, cancel_orphan, outcome_for_parent
from .lifecycle import Phase, TrackedWorkflow
from .live import LiveWorkflow, info_of, stall_reason
from .state import SchedulerState
from .timers import DEADLINE, Timer
from .turn import Turn

#: For how long nothing has happened in a workflow before its row says until when it rests.
REST: Micros = 1_000_000
#: How often it is looked at who rests.
LOOK_INTERVAL: Micros = 250_000
#: For how long nothing has happened, and nothing is due, before it leaves memory though there is room.
IDLE: Micros = 60_000_000
#: So many are looked at in a turn, beyond those that are too many: what cannot leave is looked at again later.
LOOKS = 1_000
#: A step that would have to be replayed is worth so long a wait, in which its workflow stays though memory is wanted:
#: a parent of thousands of children would be replayed at the end of each.
PER_STEP: Micros = 1_000
#: To replay so few steps costs nothing to speak of.
FEW_STEPS = 100
#: While there are too many, so many may turn out to stay, and two more for each that is new or changes: were all of
#: those at work looked at in each turn, the cost of all turns would grow with the square of their number.
STAYING = 50
#: So many of those with a count are read at once.
PAGE = 1_000

# ---------------------------------------------------------------------- found at the start


def find_unfinished(state: SchedulerState, now: Micros) -> None:
    """Have all be loaded that the last session left at work, or that were due since; stalled ones are tried again.

    Those with a count are tracked at once; the others, of which there may be a million, are read as there is room.

    Raises:
        StorageError: The store cannot be read.
    """
    state.store.wake_stalled()
    counted = state.store.pending(0, PAGE, counted=True)
    while counted:
        for found in counted:
            state.suspect(found.workflow_id, found.recovery_attempts)
        counted = state.store.pending(counted[-1].number, PAGE, counted=True)
    state.admission.backlog.begin(now)
    state.wakeups.begin(now)


def _read_backlog(state: SchedulerState) -> None:
    """Track the next of those that were found at the start, where all that were read before were let in.

    Raises:
        StorageError: They cannot be read.
    """
    admission = state.admission
    while admission.wants_more:
        found = admission.backlog.read(state.store)
        state.last_in_line = None
        for workflow_id in found:
            if workflow_id not in state.workflows:
                state.suspect(workflow_id)


# ---------------------------------------------------------------------- into memory


def load_pending(state: SchedulerState, turn: Turn) -> None:
    """Load a slice of what is to be in memory; that a recovered one is about to be loaded is written down first."""
    try:
        _admit(state, turn)
        for workflow in list(islice(state.workflows.loading.values(), SLICE)):
            _load(state, workflow, turn)
    except StorageError as error:
        # Those that are left stay in their phase.
        state.storage_backoff.failed(error, turn.reading, reading=True)


def _admit(state: SchedulerState, turn: Turn) -> None:
    """Let in what may be loaded; where that cannot be written down, it waits on.

    Raises:
        StorageError: What is to be let in next cannot be read.
    """
    if len(state.workflows.loading) >= SLICE:
        return
    _read_backlog(state)
    admission = state.admission
    admitted = admission.admit(turn.monotonic)
    try:
        _mark(state, [workflow for workflow in admitted if not admission.is_spent(workflow)])
    except StorageError as error:
        state.storage_backoff.failed(error, turn.reading)
        for workflow in admitted:
            admission.postpone(workflow)
    else:
        for workflow in admitted:
            state.load(workflow)


def _mark(state: SchedulerState, admitted: list[TrackedWorkflow]) -> None:
    """Write down that these are about to be loaded. One that is no longer there holds up no other."""
    marks = [Checkpoint(each.id, recovery_attempts=each.recovery_attempts + 1) for each in admitted]
    for mark in marks:
        mark.wake_at = None
    try:
        if marks:
            state.store.commit(marks)
    except RefusedValueError:
        if len(admitted) > 1:
            for one in admitted:
                _mark(state, [one])


def _load(state: SchedulerState, workflow: TrackedWorkflow, turn: Turn) -> None:
    """Load one workflow.

    Raises:
        StorageError: The disk failed; the workflow stays in its phase.
    """
    if turn.changed(workflow.id) is not None:
        # Asked to end or to pause in this very turn: the disk knows in the next.
        return
    try:
        loaded = state.store.load(workflow.id)
        if loaded is None:
            _pass_on_requests(state, workflow)
            state.release(workflow)
        else:
            _build(state, workflow, loaded, turn)
    except DamagedRowError as error:
        stall(state, workflow, WorkflowInfo(workflow.id, "unknown", 1), stall_reason(error), turn)


def _pass_on_requests(state: SchedulerState, workflow: TrackedWorkflow) -> None:
    """Have what waited for a workflow to be loaded be carried out next."""
    state.follow_ups += workflow.requests
    workflow.requests = ()


def _build(state: SchedulerState, workflow: TrackedWorkflow, loaded: Loaded, turn: Turn) -> None:
    """Put a workflow into memory and let it go on from where its history ends, if it is to."""
    record, admission = loaded.record, state.admission
    if record.recovery_attempts > 0 and not workflow.on_trial and not workflow.in_flight:
        _suspect_late(state, workflow, record.recovery_attempts)
        return
    if record.recovery_attempts == 0:  # Whoever had it go on since has cleared it.
        admission.passed(workflow)
    if loaded.orphan_of is not None and not workflow.requests:
        workflow.requests = [cancel_orphan(state.codec, workflow.id, loaded.orphan_of, turn.now)]
    until = _rests_until(state, workflow, record)
    if until is not None:
        _leave_at_rest(state, workflow, record, until, turn)
        return
    info = info_of(record)
    before = record.reason if record.status is WorkflowStatus.STALLED else None
    if admission.is_spent(workflow):
        stall(state, workflow, info, admission.too_many(record.recovery_attempts), turn, before=before)
        return
    try:
        live = state.driver.rebuild(loaded)
        children = load_children(state, live, turn.now)
    except StorageError as error:
        if not isinstance(error, DamagedRowError):
            raise
        stall(state, workflow, info, stall_reason(error), turn, before=before)
    except BaseException as error:  # whatever it is, it is one workflow's
        stall(state, workflow, info, stall_reason(error), turn, before=before)
    else:
        workflow.live = live
        live.touched = turn.monotonic
        state.workflows.move(workflow, Phase.LIVE)
        state.timers.wakes(info.workflow_id, info.run, live.waits())
        _resume(state, workflow, live, loaded, children, turn)
        _pass_on_requests(state, workflow)


def _suspect_late(state: SchedulerState, workflow: TrackedWorkflow, recovery_attempts: int) -> None:
    """Have a workflow wait for its admission that turns out to have a count."""
    workflow.recovery_attempts = recovery_attempts
    state.workflows.move(workflow, Phase.ADMISSION)
    state.admission.add(workflow)


def _rests_until(state: SchedulerState, workflow: TrackedWorkflow, record: WorkflowRecord) -> Micros | None:
    """Return until when a workflow needs no memory; None where it does."""
    if record.status.ended:
        return FOREVER
    begun = record.started_at is not None
    if record.status is WorkflowStatus.SUSPENDED:
        cancelled = any(waiting.request.kind is RequestKind.CANCEL for waiting in workflow.requests)
        # To be cancelled it has to be in memory.
        return None if begun and cancelled else FOREVER
    if not begun and record.run == 1 and state.starts_later(record.id, record.starts_at):
        return record.starts_at
    return None


def _leave_at_rest(
    state: SchedulerState, workflow: TrackedWorkflow, record: WorkflowRecord, until: Micros, turn: Turn
) -> None:
    """Leave a workflow on disk that turns out to rest: nothing of it is at work that could take the process down."""
    _pass_on_requests(state, workflow)
    if not record.status.ended:
        state.wakeups.note(workflow.id, until)
        if record.wake_at != until or workflow.on_trial:
            change = turn.change(workflow.id, record.run)
            change.wake_at, change.rests = until, True
            if workflow.on_trial:
                change.recovery_attempts = 0
            return
    state.release(workflow)


def _resume(
    state: SchedulerState, workflow: TrackedWorkflow, live: LiveWorkflow, loaded: Loaded, children: Children, turn: Turn
) -> None:
    """Let a workflow that was built go on, or begin, or end again."""
    record = loaded.record
    if record.status is WorkflowStatus.SUSPENDED and live.execution.end is None:
        # It is in memory only to be cancelled.
        live.recorded = loaded.recorded
        return
    if record.status is not WorkflowStatus.PROCESSING:
        live.status = WorkflowStatus.PROCESSING
        change = turn.change(record.id, record.run)
        change.status, change.wake_at = WorkflowStatus.PROCESSING, None  # it may have rested forever
    if record.started_at is None:
        set_deadline(state, live)
        apply(state, workflow, Started(turn.now), turn, turn.change(record.id, record.run))
    elif live.execution.end is not None:
        # It went back, or was forked, to a step whose turn ended the workflow too, and so it does again.
        note_end(live, live.execution.end, turn.change(record.id, record.run))
    else:
        resume_open_steps(state, workflow, loaded.recorded, children, turn)
        if workflow.live is live and workflow.on_trial and not workflow.in_flight:
            until = rests_until(live)
            if until is not None and until > turn.now:
                # It only waits, and cannot take the process down.
                turn.change(record.id, record.run).recovery_attempts = 0


class Children(NamedTuple):
    """The children of a run as they stand on disk."""

    #: The steps whose children are there.
    begun: frozenset[int] = frozenset()
    #: The ends of those that have ended, as the parent receives them, in the order in which they ended.
    ends: Sequence[StepEnded] = ()


def load_children(state: SchedulerState, live: LiveWorkflow, now: Micros) -> Children:
    """Return the children of a workflow that waits for any.

    Raises:
        DamagedRowError: The row of one of them is damaged.
        StorageError: They cannot be read.
    """
    leaves = [leaf for leaf in live.execution.open.values() if leaf.step.kind is StepKind.CHILD]
    if not leaves:
        return Children()
    info = live.info
    ended = state.store.ended_children(info.workflow_id, info.run)
    unfinished = frozenset(state.store.open_children(info.workflow_id, info.run))
    open_ones = [leaf for leaf in leaves if child_id(info, leaf) in unfinished and _is_its_own(state, info, leaf)]
    steps = [leaf.step.number for leaf in open_ones] + [child.parent.step for child in ended if child.parent]
    ends = [
        StepEnded(
            child.parent.step,
            outcome_for_parent(state.codec, child.id, child.status, child.outcome, child.reason),
            now,
        )
        for child in ended
        if child.parent is not None
    ]
    return Children(frozenset(steps), ends)


def _is_its_own(state: SchedulerState, info: WorkflowInfo, leaf: Leaf) -> bool:
    """Return False if the child of a step, by its id, is that of another step of the run with the same given id."""
    if not has_given_id(leaf):
        return True
    there = state.store.brief(child_id(info, leaf))
    return there is None or there.parent is None or there.parent.step == leaf.step.number


def resume_open_steps(
    state: SchedulerState, workflow: TrackedWorkflow, recorded: Sequence[StepEnded], children: Children, turn: Turn
) -> None:
    """Have what is open begin, and give the workflow what came meanwhile."""
    live = workflow.live
    assert live is not None
    info, waiting = live.info, live.execution.open
    set_deadline(state, live)
    came = {event.step: event for event in recorded if event.step in waiting}
    leaves = list(waiting.values())
    # What was issued in this very turn begins when it is on disk.
    fresh = turn.issued_by(info.workflow_id)
    steps = [leaf.step for leaf in leaves if leaf.step.number not in came and leaf.step.number not in fresh]
    dispatch(state, workflow, live, steps, turn, resumes=turn.resumes(info.workflow_id))
    parents = [leaf for leaf in leaves if leaf.step.kind is StepKind.CHILD and leaf.step.number not in fresh]
    for leaf in parents:
        # A fork has begun none itself.
        if leaf.step.number not in children.begun:
            begin_child(state, live, leaf.step, turn, turn.change(info.workflow_id, info.run))
    events = [*came.values(), *children.ends]
    if events or live.signals is not None:
        change = turn.change(info.workflow_id, info.run)
        for event in events:
            if event.step in waiting and not apply(state, workflow, event, turn, change):
                return
        if not receive(state, workflow, turn, change):
            return
    for leaf in parents:
        if leaf.cancelled and goes_with_parent(leaf) and leaf.step.number in waiting:
            state.follow_ups.append(cancel_by_parent(state.codec, info, leaf, turn.now))


def goes_with_parent(leaf: Leaf) -> bool:
    """Return True if a child is asked to end once its parent no longer waits for it."""
    return invocation_of(leaf).options.on_parent_end == "cancel"


def set_deadline(state: SchedulerState, live: LiveWorkflow) -> None:
    """Have a workflow's time run out when it does."""
    if live.deadline_at is not None and live.cancelled is None:
        state.timers.set(Timer(live.deadline_at, live.info.workflow_id, live.info.run, DEADLINE))


# ---------------------------------------------------------------------- out of memory


def let_rest(state: SchedulerState, turn: Turn) -> None:
    """Note until when workflows rest, and choose those that leave: from time to time, or while memory is wanted."""
    is_due = turn.monotonic >= state.next_look
    if is_due:
        state.next_look = turn.monotonic + LOOK_INTERVAL
        _note_rest(state, turn)
    if is_due or len(state.workflows.live) + len(turn.created) > state.max_live:
        _choose_leaving(state, turn)


def _note_rest(state: SchedulerState, turn: Turn) -> None:
    """Have the rows of workflows that have waited for a while say until when: no session loads them before."""
    active = state.workflows.active
    due = list(islice(takewhile(lambda each: each[1] + REST <= turn.monotonic, active.items()), LOOKS))
    expecting = state.expecting if due else ()
    for workflow_id, _ in due:
        if workflow_id in expecting or turn.changed(workflow_id) is not None:
            # Perhaps in the next turn.
            continue
        del active[workflow_id]
        workflow = state.workflows.get(workflow_id)
        live = None if workflow is None else workflow.live
        if workflow is None or live is None:
            continue
        if live.touched + REST > turn.monotonic:
            active[workflow_id] = live.touched
            continue
        until = _may_rest_until(workflow, turn)
        if until is not None and until > turn.now + REST and until != live.wake_at:
            turn.change(workflow_id, live.info.run).wake_at = until


def _may_rest_until(workflow: TrackedWorkflow, turn: Turn) -> Micros | None:
    """Return until when a workflow rests, where nothing of it is at work or changes in this turn."""
    live = workflow.live
    if live is None or workflow.in_flight or workflow.on_trial or turn.changed(workflow.id) is not None:
        return None
    return rests_until(live)


def _choose_leaving(state: SchedulerState, turn: Turn) -> None:
    """Choose the workflows that leave memory with this turn: those that wait longest, while they are too many.

    Their order is put right when one comes to the front in which something happened meanwhile, as the clock algorithm
    of virtual memory does: to keep it right at each event would cost each step.
    """
    live = state.workflows.live
    excess = len(live) + len(turn.created) - state.max_live
    looks, expecting = max(excess, 0) + LOOKS, state.expecting
    may_stay = LOOKS if excess <= 0 else STAYING + 2 * (len(turn.units) + len(turn.created))
    behind: list[tuple[TrackedWorkflow, Micros]] = []
    for workflow in live.values():
        placed_at, touched = (0, 0) if workflow.live is None else (workflow.live.placed_at, workflow.live.touched)
        is_wanted = excess > len(turn.leaving)
        if looks <= 0 or may_stay <= 0 or not (is_wanted or placed_at + IDLE <= turn.monotonic):
            break
        looks -= 1
        if touched > placed_at and (is_wanted or touched + IDLE > turn.monotonic):
            behind.append((workflow, touched))
        elif workflow.id in expecting or not _leave(state, workflow, turn, at_least=0 if is_wanted else IDLE):
            may_stay -= 1
            # It is looked at again once as much time has passed.
            behind.append((workflow, turn.monotonic))
    for workflow, placed_at in behind:
        state.workflows.postpone(workflow, placed_at)


def _leave(state: SchedulerState, workflow: TrackedWorkflow, turn: Turn, at_least: Micros) -> bool:
    """Have a workflow leave with this turn, if it may and then rests for at least so long."""
    live = workflow.live
    if live is None:
        return False
    worth = max(live.execution.next_step - FEW_STEPS, 0) * PER_STEP
    if live.touched + worth > turn.monotonic or state.timers.keeps(workflow.id, live.info.run, live.waits()):
        return False
    until = _may_rest_until(workflow, turn)
    if until is None or until <= turn.now + max(worth, at_least):
        return False
    if not live.execution.closes_silently(gc.get_referents):
        return False
    if live.wake_at != until:
        turn.change(workflow.id, live.info.run).wake_at = until
    turn.leaving.append(workflow)
    return True


def rests_until(live: LiveWorkflow) -> Micros | None:
    """Return until when a workflow waits whose attempts are over; None where it does not wait."""
    if live.execution.over:
        return None
    if live.status is WorkflowStatus.SUSPENDED:
        return FOREVER
    until = FOREVER if live.deadline_at is None or live.cancelled is not None else live.deadline_at
    for number, leaf in live.execution.open.items():
        due_at = leaf.step.due_at
        if leaf.step.kind is StepKind.ACTIVITY:
            following = live.open_attempts.get(number)
            due_at = following.due_at if following is not None else None
            if due_at is None:
                return None
        elif leaf.cancelled and leaf.step.kind is StepKind.CHILD and goes_with_parent(leaf):
            # Whoever loads it asks the child to end, which may not have heard of it.
            return None
        if due_at is not None and due_at < until:
            until = due_at
    return until


def close_leaving(state: SchedulerState, turn: Turn) -> None:
    """Close the generators of those that leave, once that is on disk."""
    for workflow in turn.leaving:
        live = workflow.live
        if workflow.phase is Phase.LIVE and live is not None:
            until = rests_until(live)
            state.drop(workflow)
            state.release(workflow)
            if live.status is WorkflowStatus.PROCESSING and until is not None:
                state.wakeups.note(workflow.id, until)


# ---------------------------------------------------------------------- at a clean stop


def settle_at_stop(state: SchedulerState) -> None:
    """Set counts back, and write of all that rest until when.

    Raises:
        StorageError: The disk failed.
    """
    checkpoints = []
    # For these something is on its way, which the next session has to look for.
    expecting = state.expecting
    for phase in Phase:
        for workflow in state.workflows.by_phase[phase].values():
            checkpoint = Checkpoint(workflow.id)
            if state.admission.is_counted(workflow):
                checkpoint.recovery_attempts = 0
            live = workflow.live
            at_work = live is None or workflow.in_flight or workflow.id in expecting
            until = None if live is None or at_work else rests_until(live)
            if live is not None and until is not None and until != live.wake_at:
                checkpoint.wake_at = until
            if not checkpoint.empty:
                checkpoints.append(checkpoint)
    if checkpoints:
        state.store.commit(checkpoints)
