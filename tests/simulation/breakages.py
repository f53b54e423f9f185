"""Deliberate breakages of the scheduler, each of which the simulation has to find. None of them is in the package.

Each patches one place, as a careless change might; the guards behind it stay as they are. The breakages of all other
packages are in `breakages_elsewhere`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.engine import SECOND
from yieldflow import StorageError
from yieldflow._core.execution import Advance
from yieldflow._core.history import CancelRequested, Codec, Micros, Outcome, StepEnded, WorkflowStatus
from yieldflow._core.retry import next_delay
from yieldflow.scheduler import applying, attempts, children, committing, requests, residency, scheduler, submitting
from yieldflow.scheduler.intake import Batch, Intake
from yieldflow.scheduler.lifecycle import TrackedWorkflow
from yieldflow.scheduler.live import Driver, LiveWorkflow
from yieldflow.scheduler.messages import Ended, Registered, RequestReceived, Submit
from yieldflow.scheduler.scheduler import Scheduler
from yieldflow.scheduler.state import SchedulerState
from yieldflow.scheduler.timers import DurableTimers, Timer, Timers
from yieldflow.scheduler.turn import Change, Turn, Unit, changes_of
from yieldflow.store import FOREVER, Arrivals, Loaded, OpenAttempt, Request, RequestKind, WorkflowRecord
from yieldflow.testing.memory import MemoryStore
from yieldflow.workers import Attempt, Completed


def dispatch_before_commit(patch: pytest.MonkeyPatch) -> None:
    """Activities are handed to the workers before the transaction that records them."""

    def commit(state: SchedulerState, units: list[Unit], turn: Turn) -> None:
        for change in changes_of(units):
            workflow = change.workflow or state.workflows.get(change.workflow_id)
            if workflow is not None and workflow.live is not None:
                attempts.dispatch(state, workflow, workflow.live, change.issued, turn, resumes=False)
        for attempt in turn.attempts:
            state.workers.submit(attempt)
        turn.attempts.clear()
        committing.commit(state, units, turn)

    patch.setattr(scheduler, "commit", commit)


def answer_before_commit(patch: pytest.MonkeyPatch) -> None:
    """A submitter hears that the workflow is on disk before it is."""

    def hasty(state: SchedulerState, message: Submit, turn: Turn) -> None:
        message.reply(None)
        submitting.submit(state, message._replace(reply=lambda error: None), turn)

    patch.setattr(scheduler, "submit", hasty)


def outcome_applied_twice(patch: pytest.MonkeyPatch) -> None:
    """A checkpoint applies the outcome of an activity that was retried twice."""
    apply = applying._apply_one

    def twice(
        state: SchedulerState,
        workflow: TrackedWorkflow,
        live: LiveWorkflow,
        event: Any,
        turn: Turn,
        change: Change,
        **rest: Any,
    ) -> bool:
        applied = apply(state, workflow, live, event, turn, change, **rest)
        if applied and isinstance(event, StepEnded) and event.attempt > 1:
            change.events = [*change.events, event]
        return applied

    patch.setattr(applying, "_apply_one", twice)


def lost_timer(patch: pytest.MonkeyPatch) -> None:
    """Only the first goes off of several timers due at once."""
    due = Timers.due

    def first(self: Timers, now: Micros) -> list[tuple[Micros, Timer]]:
        return due(self, now)[:1]

    patch.setattr(Timers, "due", first)


def retry_counter_reset(patch: pytest.MonkeyPatch) -> None:
    """A workflow that is loaded again begins its open activities at the first attempt."""
    rebuild = Driver.rebuild

    def forgetful(self: Driver, loaded: Loaded) -> LiveWorkflow:
        live = rebuild(self, loaded)
        live.open_attempts = {}
        return live

    patch.setattr(Driver, "rebuild", forgetful)


def late_result_let_in(patch: pytest.MonkeyPatch) -> None:
    """The result of an attempt whose time is over is taken for the outcome of the attempt that followed."""
    complete = Scheduler._complete

    def trusting(self: Scheduler, completed: Completed, turn: Turn) -> None:
        attempt, state = completed.attempt, self._state
        workflow = state.workflows.get(attempt.workflow_id)
        if workflow is not None and attempt.key not in workflow.in_flight:
            workflow.in_flight[attempt.key] = attempt
            state.in_flight += 1
        complete(self, completed, turn)

    patch.setattr(Scheduler, "_complete", trusting)


def cleanup_skipped(patch: pytest.MonkeyPatch) -> None:
    """A cancelled workflow ends without its code."""

    def abrupt(
        state: SchedulerState,
        request: Request,
        workflow: TrackedWorkflow,
        live: LiveWorkflow,
        turn: Turn,
        change: Change,
    ) -> None:
        requests._terminate(state, request, live, turn, change)
        live.cancelled = CancelRequested(turn.now)

    patch.setattr(requests, "_cancel", abrupt)


def outcomes_lost_with_the_disk(patch: pytest.MonkeyPatch) -> None:
    """Outcomes that had arrived are forgotten if their commit fails."""
    failed = committing._failed

    def forgetful(state: SchedulerState, units: list[Unit], error: StorageError, turn: Turn) -> None:
        for change in (unit for unit in units if isinstance(unit, Change)):
            change.triggers = [trigger for trigger in change.triggers if not isinstance(trigger, Completed)]
        failed(state, units, error, turn)

    patch.setattr(committing, "_failed", forgetful)


def memory_kept_after_a_failed_commit(patch: pytest.MonkeyPatch) -> None:
    """Memory is taken for right after a commit that failed."""
    patch.setattr(committing, "_undo", lambda state, change: None)


def evicted_at_work(patch: pytest.MonkeyPatch) -> None:
    """A workflow may leave memory while its activities are under way."""

    def careless(workflow: TrackedWorkflow, turn: Turn) -> Micros | None:
        live = workflow.live
        is_idle = live is not None and not live.execution.over and turn.changed(workflow.id) is None
        return FOREVER if is_idle else None

    patch.setattr(residency, "_may_rest_until", careless)


def signals_of_the_suspended_lost(patch: pytest.MonkeyPatch) -> None:
    """Only the last signal is kept that came while a workflow was not in memory."""
    match = Driver._match_signals

    def last(self: Driver, live: LiveWorkflow, loaded: Loaded) -> None:
        match(self, live, loaded._replace(signals=loaded.signals[-1:]))

    patch.setattr(Driver, "_match_signals", last)


def registration_unheard(patch: pytest.MonkeyPatch) -> None:
    """The scheduler does not hear that code which was missing is registered."""
    take_in = Scheduler._take_in

    def deaf(self: Scheduler, message: Any, turn: Turn) -> None:
        if not isinstance(message, Registered):
            take_in(self, message, turn)

    patch.setattr(Scheduler, "_take_in", deaf)


def heartbeats_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A retried attempt is not given the details of the last heartbeat."""
    schedule = attempts.schedule_retry

    def forgetful(state: SchedulerState, live: LiveWorkflow, step: int, following: OpenAttempt) -> None:
        schedule(state, live, step, following._replace(details=None))

    patch.setattr(committing, "schedule_retry", forgetful)


def payload_of_another_signal(patch: pytest.MonkeyPatch) -> None:
    """A workflow that is loaded again mixes up the payloads of its signals."""
    match = Driver._match_signals

    def mixed(self: Driver, live: LiveWorkflow, loaded: Loaded) -> None:
        signals = [*loaded.signals]
        payloads = [signal.payload for signal in reversed(signals)]
        mixed_up = [signal._replace(payload=payload) for signal, payload in zip(signals, payloads, strict=True)]
        match(self, live, loaded._replace(signals=mixed_up))

    patch.setattr(Driver, "_match_signals", mixed)


def request_ignored(kind: RequestKind) -> Callable[[pytest.MonkeyPatch], None]:
    """Requests of a kind are acknowledged and ignored."""

    def ignored(patch: pytest.MonkeyPatch) -> None:
        ask_live, ask_row = requests._ask_live, requests._ask_row

        def deaf(
            state: SchedulerState, message: RequestReceived, workflow: TrackedWorkflow, live: LiveWorkflow, turn: Turn
        ) -> None:
            if message.request.kind is kind:
                requests._done(message, turn.change(workflow.id, live.info.run))
            else:
                ask_live(state, message, workflow, live, turn)

        def deaf_on_disk(state: SchedulerState, message: RequestReceived, turn: Turn) -> None:
            brief = state.store.brief(message.request.workflow_id)
            if message.request.kind is kind and brief is not None and not brief.status.ended:
                requests._done(message, turn.change(brief.workflow_id, brief.run))
            else:
                ask_row(state, message, turn)

        patch.setattr(requests, "_ask_live", deaf)
        patch.setattr(requests, "_ask_row", deaf_on_disk)

    ignored.__name__ = f"{kind}_ignored"
    return ignored


def suspended_in_name_only(patch: pytest.MonkeyPatch) -> None:
    """A suspended workflow stays in memory, and goes on there."""
    ask_live, settle_status = requests._ask_live, committing._settle_status

    def merely(
        state: SchedulerState, message: RequestReceived, workflow: TrackedWorkflow, live: LiveWorkflow, turn: Turn
    ) -> None:
        ask_live(state, message, workflow, live, turn)
        if message.request.kind is RequestKind.SUSPEND:
            live.status = WorkflowStatus.PROCESSING

    def stay(state: SchedulerState, change: Change, status: WorkflowStatus, turn: Turn, ended: list[Ended]) -> None:
        if status is not WorkflowStatus.SUSPENDED:
            settle_status(state, change, status, turn, ended)

    patch.setattr(requests, "_ask_live", merely)
    patch.setattr(committing, "_settle_status", stay)


def delay_ignored(patch: pytest.MonkeyPatch) -> None:
    """A workflow that a client submits with a delay starts at once."""
    arrivals, rests_until = MemoryStore.arrivals, residency._rests_until

    def prompt(self: MemoryStore) -> Arrivals:
        found = arrivals(self)
        return found._replace(workflows=[(workflow_id, None) for workflow_id, _ in found.workflows])

    def hasty(state: SchedulerState, workflow: TrackedWorkflow, record: WorkflowRecord) -> Micros | None:
        return rests_until(state, workflow, replace(record, starts_at=None))

    patch.setattr(MemoryStore, "arrivals", prompt)
    patch.setattr(residency, "_rests_until", hasty)


def deadline_two_seconds_early(patch: pytest.MonkeyPatch) -> None:
    """A workflow's time runs out two seconds early."""
    limit = LiveWorkflow.limit

    def shorter(self: LiveWorkflow, deadline_at: Micros | None, begins_at: Micros) -> None:
        limit(self, deadline_at and deadline_at - 2 * SECOND, begins_at - 2 * SECOND)

    patch.setattr(LiveWorkflow, "limit", shorter)


def deadline_lost_on_rebuild(patch: pytest.MonkeyPatch) -> None:
    """A workflow that is loaded again, or begins its next run, has no deadline."""
    rebuild = Driver.rebuild

    def timeless(self: Driver, loaded: Loaded) -> LiveWorkflow:
        live = rebuild(self, loaded)
        live.deadline_at = None
        return live

    patch.setattr(Driver, "rebuild", timeless)


def cancelled_child_returns_nothing(patch: pytest.MonkeyPatch) -> None:
    """A parent is told that its cancelled child returned None."""
    outcome_for_parent = children.outcome_for_parent

    def mild(codec: Codec, child: str, status: WorkflowStatus, outcome: Outcome | None, reason: str | None) -> Outcome:
        if status is WorkflowStatus.CANCELLED:
            return codec.encode(None)
        return outcome_for_parent(codec, child, status, outcome, reason)

    for module in (scheduler, residency):
        patch.setattr(module, "outcome_for_parent", mild)


def end_of_a_child_unheard(patch: pytest.MonkeyPatch) -> None:
    """A parent in memory does not hear that its child has ended."""
    patch.setattr(Scheduler, "_end_child", lambda *given: None)


def nobody_told(patch: pytest.MonkeyPatch) -> None:
    """The end of a workflow is told to nobody who waits for it."""
    make = SchedulerState.__init__

    def silent(self: SchedulerState, *given: Any, **named: Any) -> None:
        make(self, *given, **named)
        self.tell = lambda news: None

    patch.setattr(SchedulerState, "__init__", silent)


def asker_unanswered(patch: pytest.MonkeyPatch) -> None:
    """A request that cannot be written now is never answered."""
    patch.setattr(Change, "answers", lambda self, error: [])


def timers_seven_seconds_late(patch: pytest.MonkeyPatch) -> None:
    """All timers go off seven seconds late."""
    of_limits, of_durable = Timers.moment_of, DurableTimers.moment_of
    patch.setattr(Timers, "moment_of", lambda self, timer: of_limits(self, timer) + 7 * SECOND)
    patch.setattr(DurableTimers, "moment_of", lambda self, timer: of_durable(self, timer) + 7 * SECOND)


def progress_lost(patch: pytest.MonkeyPatch) -> None:
    """The progress that a workflow sets is not written."""
    note = applying._note_rare

    def silent(
        state: SchedulerState,
        workflow: TrackedWorkflow,
        live: LiveWorkflow,
        advance: Advance,
        turn: Turn,
        change: Change,
    ) -> None:
        advance.progress = None
        note(state, workflow, live, advance, turn, change)

    patch.setattr(applying, "_note_rare", silent)


def time_runs_out_early(patch: pytest.MonkeyPatch) -> None:
    """An attempt has a third of the time that its timeout gives it."""
    limits_of = attempts.limits_of

    def early(attempt: Attempt, now: Micros) -> Iterator[tuple[Micros, str, bool]]:
        for moment, what, is_final in limits_of(attempt, now):
            begun_at = attempt.begun_at or now
            yield begun_at + (moment - begun_at) // 3 if "its timeout" in what else moment, what, is_final

    patch.setattr(attempts, "limits_of", early)


def retry_after_ignored(patch: pytest.MonkeyPatch) -> None:
    """The pause that a failure asks for is ignored."""
    patch.setattr(
        attempts, "next_delay", lambda policy, number, asked, chance: next_delay(policy, number, None, chance)
    )


def abandoned_attempt_kept(patch: pytest.MonkeyPatch) -> None:
    """An attempt that was abandoned stays among those in flight."""

    def keep(
        state: SchedulerState, workflow: TrackedWorkflow, attempt: Attempt, turn: Turn, *, timed_out: bool
    ) -> None:
        attempts.abandon(state, workflow, attempt, turn, timed_out=timed_out)
        workflow.in_flight[attempt.key] = attempt
        state.in_flight += 1

    patch.setattr(committing, "abandon", keep)


def timers_overtake_messages(patch: pytest.MonkeyPatch) -> None:
    """Timers go off that are due, whatever waits in the inbox."""
    take = Intake.take

    def hasty(self: Intake, timeout: float) -> Batch:
        batch = take(self, timeout)
        return batch._replace(until=batch.now)

    patch.setattr(Intake, "take", hasty)


def ended_attempts_time_out(patch: pytest.MonkeyPatch) -> None:
    """An attempt whose outcome is on its way is out of time all the same."""
    check_timeouts = attempts.check_timeouts

    def blind(state: SchedulerState, attempt: Attempt, turn: Turn) -> Completed | None:
        attempt.ended = False
        return check_timeouts(state, attempt, turn)

    timers_overtake_messages(patch)
    patch.setattr(scheduler, "check_timeouts", blind)


def timers_overtake_clients(patch: pytest.MonkeyPatch) -> None:
    """What clients wrote is found at a poll only, though a timer is due."""
    poll = Scheduler._poll

    def rarely(self: Scheduler, turn: Turn) -> StorageError | None:
        return poll(self, turn) if turn.monotonic >= self._next_poll else None

    patch.setattr(Scheduler, "_poll", rarely)


BREAKAGES: list[Callable[[pytest.MonkeyPatch], None]] = [
    dispatch_before_commit,
    answer_before_commit,
    outcome_applied_twice,
    lost_timer,
    retry_counter_reset,
    late_result_let_in,
    cleanup_skipped,
    outcomes_lost_with_the_disk,
    memory_kept_after_a_failed_commit,
    evicted_at_work,
    signals_of_the_suspended_lost,
    registration_unheard,
    heartbeats_forgotten,
    payload_of_another_signal,
    request_ignored(RequestKind.CANCEL),
    request_ignored(RequestKind.TERMINATE),
    request_ignored(RequestKind.SUSPEND),
    request_ignored(RequestKind.RESUME),
    suspended_in_name_only,
    delay_ignored,
    deadline_two_seconds_early,
    deadline_lost_on_rebuild,
    cancelled_child_returns_nothing,
    end_of_a_child_unheard,
    nobody_told,
    asker_unanswered,
    timers_seven_seconds_late,
    progress_lost,
    time_runs_out_early,
    retry_after_ignored,
    abandoned_attempt_kept,
    timers_overtake_messages,
    ended_attempts_time_out,
    timers_overtake_clients,
]
