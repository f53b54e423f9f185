"""The one thread's work: a turn takes what has arrived and the time, and leaves a commit and what follows from it.

Theory of operation. `Scheduler.turn` does, in this order:

1. build workflows that are to go on and are not in memory (`taking_up`);
2. apply each message of the inbox, and each timer that is due, to its workflow (`applying`, `requests`);
3. write one transaction with all that changed (`committing`);
4. only then dispatch activities, answer callers, and tell who waits for an end (`dispatching`).

A turn is a function of (inbox, time): store and workers are handed in, and nothing here knows of a thread. If the
transaction fails, what is in memory is wrong and the disk is right: the workflows of the turn are dropped, to be built
again by replay, and the outcomes that had arrived are kept for a later turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .._core.context import WorkflowInfo
from .._core.errors import EncodingError, StorageError, UnknownWorkflowError
from .._core.history import CancelRequested, Codec, Failure, Micros, Started, StepEnded, WorkflowStatus
from .._core.registry import Registry
from ..store import Checkpoint, Store, Submission, id_taken_error
from ..tracing import Tracing
from ..workers import Attempt, Completed, Workers
from .applying import apply, stall
from .attempts import release_slot, retry
from .children import outcome_for_parent
from .committing import commit
from .dispatching import dispatch, is_of_another_step
from .eviction import Eviction
from .limits import look, note_beats, watch
from .live import LiveWorkflow, stall_reason
from .requests import handle
from .residency import load_pending, register_recovered, set_deadline
from .state import State
from .timers import DEADLINE, Timer, Trouble
from .turn import (
    Change,
    ChildCommitted,
    ChildEnded,
    Ended,
    HeartbeatReceived,
    Message,
    Poll,
    Postponed,
    Registered,
    RequestReceived,
    Submit,
    Turn,
    extended,
    no_reply,
)

#: How often the store is asked whether clients wrote: well within the 50 ms in which the owner is to notice.
GLANCE: Micros = 35_000

# Kept here, since to ask the enum for a member is a call, and this one is asked for at every outcome.
_PROCESSING = WorkflowStatus.PROCESSING
#: What a named tuple's own call comes to, in half the time.
_tuple = tuple.__new__


class Scheduler:
    """Drives all workflows of one store.

    Args:
        store: Where they are kept.
        workers: Where activities run; their outcomes come back as messages.
        codec: How values are stored.
        registry: Where workflows are found by name.
        tell: Called after each commit with the workflows that ended or stalled in it.
        max_workers: How many activities run at once.
        max_recovery_attempts: How often in a row a workflow may be recovered without getting anywhere.
        tracing: Who is told of starts and ends; None for nobody.
    """

    def __init__(
        self,
        store: Store,
        workers: Workers,
        codec: Codec,
        registry: Registry,
        tell: Callable[[list[Ended]], None],
        *,
        max_workers: int = 5,
        max_recovery_attempts: int = 10,
        tracing: Tracing | None = None,
    ) -> None:
        self._state = State(store, workers, codec, registry, tell, max_workers, max_recovery_attempts, tracing)
        self._nothing = codec.encode(None)
        self._eviction = Eviction()
        self._glance_at: Micros = 0
        #: How many registrations were taken in.
        self.registrations = 0

    # ------------------------------------------------------------------ the verbs

    def recover(self, now: Micros) -> None:
        """Learn of every unfinished workflow; the next turns take them up.

        Raises:
            StorageError: The store cannot be read.
        """
        for pending in self._state.store.unfinished():
            register_recovered(self._state, pending, now)

    def turn(self, inbox: Iterable[Message], now: Micros) -> None:
        """Take in what has arrived by ``now``, commit, dispatch."""
        state, turn = self._state, Turn(now)
        if now < state.latest:
            # The clock was set back: what was due soon is not to wait until that time comes again.
            self._glance_at = state.back_off.until = now
        state.latest = now
        if now >= self._glance_at:
            self._glance(turn)
        if state.waits_to_go_on and now >= state.back_off.until:
            load_pending(state, turn)
            again, state.again = state.again, []
            for postponed in again:
                self._go_on_with(postponed, turn)
        for message in inbox:
            if isinstance(message, Completed):
                self._complete(message, turn)
            else:
                self._take_in(message, turn)
        for timer in state.timers.due(now):
            self._fire(timer, turn)
        if turn.units:
            commit(state, turn.units, turn)
        # Last, since from here on the workers' threads compete with this one.
        for attempt in turn.attempts:
            state.workers.submit(attempt)
        for attempt, timed_out in turn.abandoned:
            state.workers.abandon(attempt, timed_out)
        for reply, error in turn.replies:
            reply(error)
        self._eviction.sweep(state, now)

    def next_due(self) -> Micros:
        """When the next turn is due if nothing arrives."""
        state = self._state
        due = min(self._glance_at, state.timers.next_due)
        return min(due, state.back_off.until) if state.waits_to_go_on else due

    @property
    def next_timer(self) -> Micros:
        """When the next timer is due; without any, a time that does not come. Any thread may ask."""
        return self._state.timers.next_due

    @property
    def dispatching(self) -> bool:
        """False once nothing more is to begin."""
        return self._state.dispatching

    @dispatching.setter
    def dispatching(self, value: bool) -> None:
        self._state.dispatching = value

    @property
    def driven(self) -> tuple[int, str] | None:
        """What is being driven now, for a watchdog: a number for each drive, and the workflow's id."""
        return self._state.residents.driven

    @property
    def load(self) -> tuple[int, int]:
        """How many attempts are under way, and how many of them no worker has begun. Any thread may ask."""
        return len(self._state.under_way), len(self._state.queued)

    @property
    def trouble(self) -> tuple[Trouble | None, int]:
        """What is wrong with the disk, and how many workflows wait for it. Any thread may ask."""
        return self._state.back_off.trouble, len(self._state.to_build)

    def wants(self, attempt: Attempt) -> bool:
        """Whether a dispatched attempt is to begin. A worker's thread asks, once, and begins it if so."""
        queued = self._state.queued
        return queued.get(attempt.key) is attempt and queued.pop(attempt.key, None) is attempt

    def has_stalled(self, workflow_id: str) -> bool:
        """Whether a workflow was tried in this session and cannot go on. Any thread may ask."""
        return workflow_id in self._state.stalled

    def settle_counts(self) -> None:
        """At a clean stop: nobody is to blame for what is unfinished."""
        state = self._state
        counted = [*state.probation.counted(), *(found for found, count in state.dormant.items() if count)]
        checkpoints = [Checkpoint(workflow_id, recovery_attempts=0) for workflow_id in counted]
        if checkpoints:
            state.store.commit(checkpoints)

    def close(self) -> None:
        """Let go of every generator."""
        self._state.residents.close()

    # ------------------------------------------------------------------ messages

    def _glance(self, turn: Turn) -> StorageError | None:
        """Find what clients wrote; or what went wrong."""
        state = self._state
        self._glance_at = turn.now + GLANCE
        try:
            arrivals = state.store.arrivals()
        except StorageError as error:
            state.back_off.failed(error, turn.now, reading=True)
            self._glance_at = state.back_off.until
            return error
        if not state.waits_to_go_on:
            state.back_off.readable()
        for workflow_id, _ in arrivals.workflows:
            if workflow_id not in state.known:
                state.known.add(workflow_id)
                state.to_build[workflow_id] = None
        for request in arrivals.requests:
            if request.number is not None and request.number not in state.taken_in:
                state.taken_in.add(request.number)
                state.again.append(RequestReceived(request, no_reply))
        return None

    def _take_in(self, message: Submit | RequestReceived | Registered | Poll | HeartbeatReceived, turn: Turn) -> None:
        if isinstance(message, Submit):
            self._submit(message, turn)
        elif isinstance(message, RequestReceived):
            self._ask(message, turn)
        elif isinstance(message, Poll):
            self._glance(turn)
        elif isinstance(message, HeartbeatReceived):
            self._note(message.attempt, turn)
        else:
            for workflow_id in self._state.stalled.waiting_for(message.name):
                self._state.again += self._state.stalled.release(workflow_id)
                self._state.to_build[workflow_id] = None
            self.registrations += 1

    def _ask(self, message: RequestReceived, turn: Turn) -> None:
        """Carry out what is asked, behind what clients asked of the same workflow before."""
        problem = self._glance(turn)
        workflow_id = message.request.workflow_id
        if problem is not None:
            # It is not known what it would be behind.
            turn.replies.append((message.reply, problem))
        elif any(
            isinstance(one, RequestReceived) and one.request.workflow_id == workflow_id for one in self._state.again
        ):
            self._state.again.append(message)
        else:
            handle(self._state, message, turn)

    def _go_on_with(self, postponed: Postponed, turn: Turn) -> None:
        if isinstance(postponed, Completed):
            self._complete(postponed, turn)
        elif isinstance(postponed, RequestReceived):
            handle(self._state, postponed, turn)
        elif isinstance(postponed, ChildCommitted):
            self._begin_child(postponed.submission, turn)
        else:
            self._end_child(postponed, turn)

    # ------------------------------------------------------------------ new workflows

    def _submit(self, submit: Submit, turn: Turn) -> None:
        state = self._state
        wanted = self._first_taken(submit.submissions, turn)
        if wanted is not None:
            first = turn.creating(wanted)
            if first is not None:
                first.rivals += ((submit, wanted),)
            else:
                turn.replies.append((submit.reply, id_taken_error(wanted)))
            return
        creation = turn.creation(submit)
        started, held = Started(turn.now), not state.probation.over
        for new in submit.submissions:
            change = Change(new.workflow_id, 1, new, turn.now)
            creation.changes.append(change)
            state.known.add(new.workflow_id)
            turn.born.add(new.workflow_id)
            if held or (new.starts_at is not None and new.starts_at > turn.now):
                state.delayed.add(new.workflow_id)
                continue
            resident = self._admit(new, turn, change)
            if resident is not None:
                apply(state, resident, started, turn, change)

    def _first_taken(self, submissions: Sequence[Submission], turn: Turn) -> str | None:
        """The first id that another workflow has, or another of the same submissions."""
        seen: set[str] = set()
        for new in submissions:
            id = new.workflow_id
            if id in seen or id in self._state.known or id in turn.born:
                return id
            seen.add(id)
        return None

    def _begin_child(self, new: Submission, turn: Turn) -> None:
        """Start a workflow that its parent has put on disk."""
        state, workflow_id = self._state, new.workflow_id
        if workflow_id in state.residents or workflow_id in state.to_build or workflow_id not in state.known:
            return
        if workflow_id in state.suspended:
            return
        change = turn.change(workflow_id, 1)
        resident = self._admit(new, turn, change)
        if resident is not None:
            apply(state, resident, Started(turn.now), turn, change)

    def _admit(self, new: Submission, turn: Turn, change: Change) -> LiveWorkflow | None:
        """Take a new workflow into memory; None where it stalls at once."""
        try:
            resident = self._state.residents.admit(new)
        except (UnknownWorkflowError, EncodingError) as error:
            stall(self._state, WorkflowInfo(new.workflow_id, new.name, 1), stall_reason(error), turn, change)
            return None
        if resident.deadline_at is not None:
            set_deadline(self._state, resident)
        return resident

    # ------------------------------------------------------------------ what workflows waited for

    def _complete(self, completed: Completed, turn: Turn) -> None:
        """Apply an activity's outcome, unless nobody waits for it any more."""
        state, (attempt, outcome, _, _, timed_out) = self._state, completed
        # One whose time ran out gives its place away once that is on disk.
        if attempt.options.max_concurrent is not None and not timed_out:
            turn.attempts += state.lanes.leave(attempt)
        if state.under_way.get(attempt.key) is not attempt or attempt.settled_in is turn.mark:
            return
        workflow_id, run, step = attempt.key
        if workflow_id in state.to_build:
            state.again.append(completed)
            return
        resident = state.residents.get(workflow_id)
        change = turn.change(workflow_id, run)
        change.causes = extended(change.causes, (completed,)) if change.causes else (completed,)
        attempt.settled_in = turn.mark
        if resident is not None:
            leaf = resident.execution.open.get(step)
            unwritten = change.issued[0].number if change.issued else resident.execution.next_step
            if step >= unwritten or (leaf is not None and is_of_another_step(attempt, resident, leaf)):
                # It was kept, or under way, while its workflow was stalled, which went back to before the step since.
                state.under_way.pop(attempt.key)
                if timed_out:
                    release_slot(state, attempt, turn, timed_out=True)
                return
            if leaf is None:
                # Cancelled in this turn: too late only if that is committed.
                return
        may_follow = isinstance(outcome, Failure) and not turn.is_last_of(workflow_id)
        if may_follow and retry(state, resident, completed, turn, change):
            return
        event = _tuple(StepEnded, (step, outcome, turn.now, attempt.number))
        if resident is not None:
            if resident.attempts:
                resident.attempts.pop(step, None)
            if resident.status is _PROCESSING:
                apply(state, resident, event, turn, change)
                return
        if turn.is_last_of(workflow_id):
            return
        change.recorded = extended(change.recorded, [event])
        if resident is not None:
            resident.recorded = extended(resident.recorded, (event,))

    def _note(self, attempt: Attempt, turn: Turn) -> None:
        """Have an attempt's heartbeat be written, and look for further ones from now on."""
        if self._state.under_way.get(attempt.key) is attempt:
            note_beats(attempt, turn)
            watch(self._state, attempt, turn.now)

    def _end_child(self, ended: ChildEnded, turn: Turn) -> None:
        """Give a child's end to its parent; one that is not in memory finds it when it is built."""
        state, (workflow_id, run, step) = self._state, ended.key
        resident = state.residents.get(workflow_id)
        if resident is None:
            if workflow_id in state.dormant:
                state.wake(workflow_id)
            return
        goes_on = resident.info.run == run and resident.status is _PROCESSING
        if goes_on and step in resident.execution.open:
            outcome = outcome_for_parent(state.codec, ended.child_id, ended.status, ended.outcome, ended.reason)
            apply(state, resident, StepEnded(step, outcome, turn.now), turn, turn.change(workflow_id, run))

    def _fire(self, timer: Timer, turn: Turn) -> None:
        """Let what was waited for come: a sleep ends, time runs out, or a workflow not in memory is to go on."""
        state, workflow_id, step = self._state, timer.workflow_id, timer.step
        attempt = state.under_way.get((workflow_id, timer.run, step))
        if attempt is not None:
            completed = look(state, attempt, turn)
            if completed is not None:
                self._complete(completed, turn)
            return
        if workflow_id in state.dormant or workflow_id in state.delayed:
            state.wake(workflow_id)
            return
        resident = state.residents.get(workflow_id)
        if resident is None or resident.info.run != timer.run or resident.status is not _PROCESSING:
            return
        if step == DEADLINE:
            if workflow_id in turn.born:
                # It is put on disk with this turn, and may be refused: then no other of that id is to be ended.
                state.timers.set(timer)
                return
            # The time that it was given may have been another when the timer was set.
            in_force = resident.deadline_at == timer.due_at
            if in_force and resident.cancelled is None and not resident.execution.over:
                out_of_time = CancelRequested(turn.now, None, resident.timeout)
                apply(state, resident, out_of_time, turn, turn.change(workflow_id, timer.run))
            return
        leaf = resident.execution.open.get(step)
        if leaf is not None and leaf.definition is not None:
            # One that is cancelled is ended once that is on disk.
            if not leaf.cancelled:
                dispatch(state, resident, [leaf.step], turn)
        elif leaf is not None and leaf.step.due_at == timer.due_at:
            apply(state, resident, StepEnded(step, self._nothing, turn.now), turn, turn.change(workflow_id, timer.run))
