"""The one thread's work: a turn takes what has arrived and the time, and leaves a commit and what follows from it.

Theory of operation. `Scheduler.turn` does, in this order:

1. load workflows that are to be in memory and are not (`residency`);
2. apply each message of the inbox, and each timer that is due, to its workflow (`applying`, `requests`);
3. write one transaction with all that changed (`committing`);
4. only then dispatch activities, answer callers, and tell who waits for an end (`attempts`).

A turn is a function of (inbox, time): store and workers are handed in, and nothing here knows of a thread. If the
transaction fails, what is in memory is wrong and the disk is right: the workflows of the turn are dropped, to be loaded
again by replay, and the outcomes that had arrived are kept for a later turn. `lifecycle` says which workflows the
scheduler knows at all, and in which phases they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter

from .._core.errors import DamagedRowError, StorageError
from .._core.history import Codec, Failure, Micros, StepEnded, WorkflowStatus
from .._core.registry import Registry
from ..clock import Reading
from ..store import Store
from ..tracing import Tracing
from ..workers import Attempt, Completed, Workers
from .applying import apply
from .attempts import (
    arm_timeout,
    check_timeouts,
    decide_retry,
    forget,
    is_stale,
    record_heartbeat,
    record_long_running,
    release_slot,
)
from .children import outcome_for_parent
from .committing import commit
from .hooks import DEFAULT, Hooks
from .lifecycle import Phase, TrackedWorkflow
from .live import LiveWorkflow
from .messages import (
    ChildCommitted,
    ChildEnded,
    Ended,
    FollowUp,
    HeartbeatReceived,
    Message,
    Poll,
    Registered,
    RequestReceived,
    StepResolved,
    Submit,
    no_reply,
)
from .requests import handle
from .residency import (
    close_leaving,
    find_unfinished,
    let_rest,
    load_pending,
    settle_at_stop,
)
from .state import Limits, SchedulerState
from .storage_backoff import Trouble
from .submitting import begin_committed, submit
from .timers import WAKE, Timer
from .turn import Change, Turn, extended
from .waits import wait_is_over

#: How often the store is asked whether clients wrote: well within the 50 ms in which the owner is to notice.
POLL_INTERVAL: Micros = 35_000
#: How often is looked for attempts that run for long, and for what waits for long.
LONG_RUNNING_INTERVAL: Micros = 1_000_000

# Kept here, since to ask an enum for a member takes ten times as long as a name, and each outcome asks.
_PROCESSING, _LOADING = WorkflowStatus.PROCESSING, Phase.LOADING
#: Makes a named tuple in half the time that its own call takes.
_tuple = tuple.__new__


class Scheduler:
    """Drives all workflows of one store.

    Args:
        store: Where they are kept.
        workers: Where activities run; their outcomes come back as messages.
        codec: How values are stored.
        registry: Where workflows are found by name.
        tell: Called after each commit with the workflows that ended or stalled in it.
        limits: How much there may be at once.
        tracing: Hears of starts and ends.
        hooks: What a host does otherwise than the orchestrator.
    """

    def __init__(
        self,
        store: Store,
        workers: Workers,
        codec: Codec,
        registry: Registry,
        tell: Callable[[list[Ended]], None],
        *,
        limits: Limits = Limits(),  # noqa: B008  # immutable
        tracing: Tracing | None = None,
        hooks: Hooks = DEFAULT,
    ) -> None:
        self._state = SchedulerState(store, workers, codec, registry, tell, limits, tracing, hooks)
        self._next_poll: Micros = 0
        self._next_long_running: Micros = 0
        #: Up to when timers were due that did not go off in the turn before, since something was to come first.
        self._held_back: Reading | None = None
        #: How many registrations were taken in.
        self.registrations = 0

    # ------------------------------------------------------------------ the verbs

    def recover(self, now: Reading) -> None:
        """Learn of every workflow that is at work or due; the next turns load them.

        Raises:
            StorageError: The store cannot be read.
        """
        self._state.timers.look(now)
        find_unfinished(self._state, now.now)

    def turn(self, inbox: Iterable[Message], now: Reading, *, until: Reading | None = None) -> None:
        """Take in what has arrived by ``now``, commit, dispatch.

        Args:
            inbox: The messages.
            now: The time.
            until: Timers go off that were due by then, ``now`` if left out: see `Intake`.
        """
        state, turn = self._state, Turn(now)
        if state.timers.look(now):
            state.wakeups.look_again()
        state.latest = now.monotonic
        until = now if until is None else until
        # What a client wrote before a timer was due comes before that.
        if now.monotonic >= self._next_poll or state.is_timer_due(until):
            self._poll(turn)
        if state.waits_to_go_on and now.monotonic >= state.storage_backoff.until:
            load_pending(state, turn)
            follow_ups, state.follow_ups = state.follow_ups, []
            for message in follow_ups:
                self._follow_up(message, turn)
        for arrived in inbox:
            if isinstance(arrived, Completed):
                self._complete(arrived, turn)
            else:
                self._take_in(arrived, turn)
        if state.is_timer_due(until):
            self._go_off(until, turn)
        if now.monotonic >= self._next_long_running:
            self._next_long_running = now.monotonic + LONG_RUNNING_INTERVAL
            self._look_around(turn)
        self._finish(turn)

    def _look_around(self, turn: Turn) -> None:
        """Look for what goes on, or waits, for long."""
        state = self._state
        if state.in_flight:
            record_long_running(state, turn)
        if state.hooks.warns_of_waits:
            state.standstill.look(state.unclaimed, state.workers, turn.time_of, state.limiter.is_in_line)
            state.untaken_signals.look(state.store, turn.now)

    def _finish(self, turn: Turn) -> None:
        """Write the turn, and have all leave that waited for that."""
        state = self._state
        let_rest(state, turn)
        if turn.units:
            try:
                commit(state, turn.units, turn)
            except BaseException:
                # Nothing goes on in this session, which does not track the new ones yet.
                turn.close_created()
                raise
        if turn.leaving:
            close_leaving(state, turn)
        # Last, since from here on the workers' threads compete with this one.
        for attempt in turn.attempts:
            state.workers.submit(attempt)
        for attempt, timed_out in turn.abandoned:
            state.workers.abandon(attempt, timed_out)
        for reply, error in turn.replies:
            reply(error)

    def due_in(self, now: Reading) -> Micros:
        """The time until the next turn is due, if nothing arrives; less than 0 where it should have been."""
        state = self._state
        due_in = min(self._next_poll - now.monotonic, self.timer_due_in(now))
        return min(due_in, state.storage_backoff.until - now.monotonic) if state.waits_to_go_on else due_in

    def timer_due_in(self, now: Reading) -> Micros:
        """The time until the next timer is due; without any, one that is never over. Any thread may ask."""
        return self._state.timer_due_in(now)

    @property
    def has_follow_ups(self) -> bool:
        """True where the next turn has something to do without any message or timer."""
        return self._state.waits_to_go_on

    @property
    def dispatching(self) -> bool:
        """False once nothing more is to begin."""
        return self._state.dispatching

    @dispatching.setter
    def dispatching(self, value: bool) -> None:
        self._state.dispatching = value

    @property
    def driven(self) -> tuple[int, str] | None:
        """The workflow that is driven now, for a watchdog: a number for each drive, and its id."""
        driver = self._state.driver
        info = driver.driven
        return None if info is None else (driver.drives, info.workflow_id)

    @property
    def load(self) -> tuple[int, int]:
        """The number of attempts in flight, and of those among them that no worker has begun. Any thread may ask."""
        return self._state.in_flight, len(self._state.unclaimed)

    @property
    def trouble(self) -> tuple[Trouble | None, int]:
        """The trouble with the disk, and the number of workflows that wait for it. Any thread may ask."""
        return self._state.storage_backoff.trouble, len(self._state.workflows.loading)

    def live(self, workflow_id: str) -> LiveWorkflow | None:
        """Return a workflow's generator and what goes with it; None where it is not in memory."""
        workflow = self._state.workflows.get(workflow_id)
        return workflow.live if workflow is not None else None

    def wants(self, attempt: Attempt) -> bool:
        """Tell whether a dispatched attempt is to begin. A worker's thread asks, once, and begins it if so."""
        return self._state.unclaimed.pop(attempt, False)

    def is_loading(self, workflow_id: str) -> bool:
        """Tell whether a workflow is on its way into memory: if stalled, it is tried again. Any thread may ask."""
        workflow = self._state.workflows.get(workflow_id)
        return workflow is not None and workflow.phase in (Phase.LOADING, Phase.ADMISSION)

    def settle_counts(self) -> None:
        """At a clean stop: nobody is to blame for what is unfinished, and what rests need not be loaded at once."""
        settle_at_stop(self._state)

    def replace_store(self, store: Store) -> None:
        """Go on with another store."""
        self._state.store = store

    def close(self) -> None:
        """Close every generator."""
        for members in self._state.workflows.by_phase.values():
            for workflow in members.values():
                if workflow.live is not None:
                    workflow.live.execution.close()
                    workflow.live = None

    # ------------------------------------------------------------------ messages

    def _poll(self, turn: Turn) -> StorageError | None:
        """Find what clients wrote, and what is due next on disk; or what went wrong."""
        state = self._state
        self._next_poll = turn.monotonic + POLL_INTERVAL
        try:
            # First, since it may be asked again: arrivals are told of once. Those that were held back come before.
            if not self._held_back:
                state.wakeups.read_ahead(state.store, len(state.workflows.loading))
            arrivals = state.store.arrivals()
        except StorageError as error:
            state.storage_backoff.failed(error, turn.reading, reading=True)
            self._next_poll = state.storage_backoff.until
            pause = self._next_poll - turn.monotonic
            state.wakeups.next_page = max(state.wakeups.next_page, turn.reading.boottime + pause)
            return error
        if not state.waits_to_go_on:
            state.storage_backoff.readable()
        for workflow_id, wake_at in arrivals.workflows:
            if wake_at is not None and wake_at > turn.now:
                state.wakeups.note(workflow_id, wake_at)
            elif workflow_id not in state.workflows and not (wake_at is None and state.admission.backlog.unread):
                # What the backlog has may be very much, left while no process ran: it is found there.
                state.wake(workflow_id)
        for request in arrivals.requests:
            if request.number is not None and request.number not in state.requests_taken_in:
                state.requests_taken_in.add(request.number)
                state.follow_ups.append(RequestReceived(request, no_reply))
        return None

    def _take_in(
        self, message: Submit | RequestReceived | Registered | Poll | HeartbeatReceived | StepResolved, turn: Turn
    ) -> None:
        if isinstance(message, Submit):
            submit(self._state, message, turn)
        elif isinstance(message, RequestReceived):
            self._ask(message, turn)
        elif isinstance(message, Registered):
            self._retry_stalled(message, turn)
        elif isinstance(message, Poll):
            self._poll(turn)
        elif isinstance(message, StepResolved):
            self._resolve(message, turn)
        else:
            self._note_heartbeat(message.attempt, turn)

    def _ask(self, message: RequestReceived, turn: Turn) -> None:
        """Carry out what is asked, behind what clients asked of the same workflow before."""
        problem = self._poll(turn)
        workflow_id, queued = message.request.workflow_id, self._state.follow_ups
        if problem is not None:
            # It is not known what it would be behind.
            turn.replies.append((message.reply, problem))
        elif any(isinstance(one, RequestReceived) and one.request.workflow_id == workflow_id for one in queued):
            queued.append(message)
        else:
            handle(self._state, message, turn)

    def _retry_stalled(self, message: Registered, turn: Turn) -> None:
        """Try those again that stalled before a workflow of that name was registered."""
        state = self._state
        try:
            found = state.store.wake_stalled(message.name)
        except StorageError as error:
            state.storage_backoff.failed(error, turn.reading)
            state.follow_ups.append(message)
            return
        for workflow_id in found:
            state.wake(workflow_id)
        self.registrations += 1

    def _follow_up(self, message: FollowUp, turn: Turn) -> None:
        if isinstance(message, Completed):
            self._complete(message, turn)
        elif isinstance(message, RequestReceived):
            handle(self._state, message, turn)
        elif isinstance(message, ChildCommitted):
            begin_committed(self._state, message.submission, turn)
        elif isinstance(message, Registered):
            self._retry_stalled(message, turn)
        else:
            self._end_child(message, turn)

    # ------------------------------------------------------------------ what workflows waited for

    def _complete(self, completed: Completed, turn: Turn) -> None:
        """Apply an activity's outcome, unless nobody waits for it any more."""
        state, (attempt, outcome, _, _, timed_out) = self._state, completed
        # One whose time ran out gives its place away once that is on disk.
        if attempt.options.max_concurrent is not None and not timed_out:
            turn.attempts += state.limiter.leave(attempt)
        key = attempt.key
        workflow_id, run, step = key
        workflow = state.workflows.get(workflow_id)
        if workflow is None or workflow.in_flight.get(key) is not attempt or attempt.settled_in is turn.mark:
            return
        if workflow.phase is _LOADING:
            state.follow_ups.append(completed)
            return
        change = turn.change(workflow_id, run)
        change.triggers = extended(change.triggers, (completed,)) if change.triggers else (completed,)
        attempt.settled_in = turn.mark
        live = workflow.live
        if live is not None:
            leaf = live.execution.open.get(step)
            is_of_this_step = leaf is not None and leaf.step is attempt.issued and not attempt.cancelled
            if not is_of_this_step and not self._is_expected(workflow, live, completed, turn, change):
                return
        if type(outcome) is Failure and not turn.ends(workflow_id) and decide_retry(workflow, completed, turn, change):
            return
        if attempt.begun_at is not None:
            change.begun_by[step] = attempt.begun_at + turn.ahead, attempt.worker or ""
        event = _tuple(StepEnded, (step, outcome, turn.now, attempt.number))
        if live is not None and live.status is _PROCESSING and not live.open_attempts:
            apply(state, workflow, event, turn, change)
        else:
            self._end_step(workflow, event, turn, change)

    def _resolve(self, resolved: StepResolved, turn: Turn) -> None:
        """Have a step end as its host says; a workflow that rests on disk is loaded for that."""
        (workflow_id, run, step), outcome, attempt = resolved
        event, change = StepEnded(step, outcome, turn.now, attempt), turn.change(workflow_id, run)
        workflow = self._state.workflows.get(workflow_id)
        self._end_step(workflow, event, turn, change)
        if workflow is None:
            self._state.wake(workflow_id)

    def _end_step(self, workflow: TrackedWorkflow | None, event: StepEnded, turn: Turn, change: Change) -> None:
        """Give a workflow the outcome of a step, or keep it until the workflow can receive it."""
        live = None if workflow is None else workflow.live
        if live is not None and live.open_attempts:
            live.open_attempts.pop(event.step, None)
        if workflow is not None and live is not None and live.status is _PROCESSING:
            apply(self._state, workflow, event, turn, change)
        elif not turn.ends(change.workflow_id):
            change.recorded = extended(change.recorded, [event])
            if live is not None:
                live.recorded = extended(live.recorded, (event,))

    def _is_expected(
        self, workflow: TrackedWorkflow, live: LiveWorkflow, completed: Completed, turn: Turn, change: Change
    ) -> bool:
        """Tell whether a workflow still waits for an attempt."""
        attempt, execution = completed.attempt, live.execution
        step = attempt.key[2]
        leaf = execution.open.get(step)
        unwritten = change.issued[0].number if change.issued else execution.next_step
        if step >= unwritten or (leaf is not None and is_stale(attempt, live, leaf)):
            # It was kept, or under way, while its workflow was stalled, which went back to before the step since.
            if completed.timed_out:
                release_slot(self._state, attempt, turn, timed_out=True)
            forget(self._state, workflow, attempt)
            return False
        # Where it was cancelled in this turn, it is too late only if that is committed.
        return leaf is not None

    def _note_heartbeat(self, attempt: Attempt, turn: Turn) -> None:
        """Have an attempt's heartbeat be written, and look for further ones from now on."""
        workflow = self._state.workflows.get(attempt.workflow_id)
        if workflow is not None and workflow.in_flight.get(attempt.key) is attempt:
            record_heartbeat(attempt, turn)
            arm_timeout(self._state, attempt, turn.monotonic)

    def _end_child(self, ended: ChildEnded, turn: Turn) -> None:
        """Give a child's end to its parent; a parent out of memory finds it when it is loaded."""
        state, (workflow_id, run, step) = self._state, ended.key
        workflow = state.workflows.get(workflow_id)
        if workflow is None or workflow.phase is Phase.DRAINING:
            self._wake_parent(ended, turn)
            return
        live = workflow.live
        if live is None or live.info.run != run or live.status is not _PROCESSING:
            return
        if step in live.execution.open:
            outcome = outcome_for_parent(state.codec, ended.child_id, ended.status, ended.outcome, ended.reason)
            apply(state, workflow, StepEnded(step, outcome, turn.now), turn, turn.change(workflow_id, run))

    def _wake_parent(self, ended: ChildEnded, turn: Turn) -> None:
        """Have a parent be loaded that waits outside memory for a child that has ended."""
        state, workflow_id = self._state, ended.key[0]
        try:
            brief = state.store.brief(workflow_id)
        except DamagedRowError:
            # It stalls when it is loaded, which says why.
            state.wake(workflow_id)
            return
        except StorageError as error:
            state.storage_backoff.failed(error, turn.reading, reading=True)
            state.follow_ups.append(ended)
            return
        # In another run, too: the child's commit has had its row say that it must be in memory.
        if brief is not None and brief.status is _PROCESSING and state.find(brief) is None:
            state.wake(workflow_id, brief.recovery_attempts)

    # ------------------------------------------------------------------ time

    def _go_off(self, until: Reading, turn: Turn) -> None:
        """Have the timers go off that were due by then; what else changes in this turn comes first, with what follows.

        An outcome may be the end of a child, of which its parent hears in the next turn. There they go off in any case.
        """
        state = self._state
        held_back, self._held_back = self._held_back, None
        if held_back is None and (turn.units or state.follow_ups):
            self._held_back = until
            return
        # What is due since then may have been overtaken by what came meanwhile.
        until = held_back or until
        limits, timers = state.limits.due(until.monotonic), state.timers.due(until.boottime)
        due = [(left, self._check_limit, limit) for left, limit in limits]
        due += [(left, self._fire, timer) for left, timer in timers]
        for _, let_come, timer in sorted(due, key=itemgetter(0)) if limits else due:
            let_come(timer, turn)

    def _check_limit(self, timer: Timer, turn: Turn) -> None:
        """Have an attempt fail that is out of time."""
        workflow = self._state.workflows.get(timer.workflow_id)
        attempt = None if workflow is None else workflow.in_flight.get(timer.key)
        completed = None if attempt is None else check_timeouts(self._state, attempt, turn)
        if completed is not None:
            self._complete(completed, turn)

    def _fire(self, timer: Timer, turn: Turn) -> None:
        """Let come what was waited for: a sleep ends, a workflow's time runs out, or one on disk is due."""
        state, workflow_id, step = self._state, timer.workflow_id, timer.step
        workflow = state.workflows.get(workflow_id)
        if step == WAKE:
            if workflow_id in turn.created:
                # The one that is due may have been deleted, or the one that is submitted in this turn be refused.
                state.timers.set(timer)
            else:
                state.wake(workflow_id)
            return
        if workflow is not None and timer.key not in workflow.in_flight:
            wait_is_over(state, workflow, timer, turn)
