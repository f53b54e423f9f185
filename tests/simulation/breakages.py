"""Deliberate breakages of the engine, each of which the simulator has to find. Nothing of them is in the package.

Each is a patch of one place, as a careless change might make it; the guards behind it are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.support.engine import SECOND
from yieldflow import StorageError
from yieldflow._core import execution
from yieldflow._core.definitions import ActivityInvocation
from yieldflow._core.errors import WorkflowNotEndedError
from yieldflow._core.execution import Advance
from yieldflow._core.history import (
    CancelRequested,
    Codec,
    Micros,
    Outcome,
    Signal,
    StepEnded,
    WorkflowStatus,
    to_datetime,
)
from yieldflow._core.nodes import Leaf
from yieldflow._core.retry import next_delay
from yieldflow._core.steps import Steps
from yieldflow.memory import MemoryStore
from yieldflow.memory import rows as memory_rows
from yieldflow.memory import store as memory_store
from yieldflow.orchestrator import handle, retry_plan
from yieldflow.scheduler import (
    applying,
    attempts,
    children,
    committing,
    dispatching,
    eviction,
    limits,
    live,
    requests,
    residency,
    scheduler,
)
from yieldflow.scheduler.live import LiveWorkflow, LiveWorkflows
from yieldflow.scheduler.scheduler import Scheduler
from yieldflow.scheduler.state import State
from yieldflow.scheduler.timers import Timer, Timers
from yieldflow.scheduler.turn import Change, Registered, Submit, Turn, Unit
from yieldflow.sqlite import writing
from yieldflow.sqlite.row_checks import Row
from yieldflow.sqlite.rows import wide_row
from yieldflow.store import Arrivals, Checkpoint, Loaded, OpenAttempt, Request, RequestKind, StepRecord, Submission
from yieldflow.workers import Attempt, Completed
from yieldflow.workers import attempt as workers_attempt


def dispatch_before_commit(patch: pytest.MonkeyPatch) -> None:
    """Activities are handed to the workers before the transaction that records them."""

    def commit(state: State, units: list[Unit], turn: Turn) -> None:
        for change in (change for unit in units for change in unit.changes):
            resident = state.residents.get(change.workflow_id)
            if resident is not None:
                dispatching.dispatch(state, resident, change.issued, turn)
        for attempt in turn.attempts:
            state.workers.submit(attempt)
        turn.attempts.clear()
        committing.commit(state, units, turn)

    patch.setattr(scheduler, "commit", commit)


def answer_before_commit(patch: pytest.MonkeyPatch) -> None:
    """A submitter hears that the workflow is on disk before it is."""
    submit = Scheduler._submit

    def hasty(self: Scheduler, message: Submit, turn: Turn) -> None:
        message.reply(None)
        submit(self, message._replace(reply=lambda error: None), turn)

    patch.setattr(Scheduler, "_submit", hasty)


def outcome_applied_twice(patch: pytest.MonkeyPatch) -> None:
    """A checkpoint applies the outcome of an activity that is tried again twice."""
    apply = applying._apply_one

    def twice(state: State, resident: LiveWorkflow, event: Any, turn: Turn, change: Change, **rest: Any) -> bool:
        applied = apply(state, resident, event, turn, change, **rest)
        if applied and isinstance(event, StepEnded) and event.attempt > 1:
            change.events = [*change.events, event]
        return applied

    patch.setattr(applying, "_apply_one", twice)


def lost_timer(patch: pytest.MonkeyPatch) -> None:
    """Of several timers that are due at once only the first goes off."""
    due = Timers.due

    def first(self: Timers, now: Micros) -> list[Timer]:
        return due(self, now)[:1]

    patch.setattr(Timers, "due", first)


def signal_consumed_again(patch: pytest.MonkeyPatch) -> None:
    """What is built again finds the signals that it has received among those that wait."""

    def waiting(self: MemoryStore, workflow_id: str) -> list[Signal]:
        signals = self._signals.get(workflow_id, {})
        return [signals[number].signal for number in sorted(signals)]

    patch.setattr(MemoryStore, "_waiting", waiting)


def retry_counter_reset(patch: pytest.MonkeyPatch) -> None:
    """What is built again begins its open activities at the first attempt."""
    rebuild = LiveWorkflows.rebuild

    def forgetful(self: LiveWorkflows, loaded: Loaded) -> LiveWorkflow:
        resident = rebuild(self, loaded)
        resident.attempts = {}
        return resident

    patch.setattr(LiveWorkflows, "rebuild", forgetful)


def late_result_let_in(patch: pytest.MonkeyPatch) -> None:
    """What an attempt returns after its time is taken for the outcome of the one that followed."""
    complete = Scheduler._complete

    def trusting(self: Scheduler, completed: Completed, turn: Turn) -> None:
        self._state.under_way.setdefault(completed.attempt.key, completed.attempt)
        complete(self, completed, turn)

    patch.setattr(Scheduler, "_complete", trusting)


def cleanup_skipped(patch: pytest.MonkeyPatch) -> None:
    """To cancel a workflow ends it without its code."""
    patch.setitem(requests._CARRY_OUT, RequestKind.CANCEL, requests._terminate)


def ids_reused_after_a_fork(patch: pytest.MonkeyPatch) -> None:
    """A fork goes on with the seed of the original."""
    patch.setattr(handle, "reseeded", lambda seed, turn, new: seed)


def outcomes_lost_with_the_disk(patch: pytest.MonkeyPatch) -> None:
    """What had arrived is forgotten if its commit fails."""
    failed = committing._failed

    def forgetful(state: State, units: list[Unit], error: StorageError, turn: Turn) -> None:
        for change in (unit for unit in units if isinstance(unit, Change)):
            change.causes = [cause for cause in change.causes if not isinstance(cause, Completed)]
        failed(state, units, error, turn)

    patch.setattr(committing, "_failed", forgetful)


def memory_kept_after_a_failed_commit(patch: pytest.MonkeyPatch) -> None:
    """If a commit fails, what is in memory is taken for right."""
    patch.setattr(committing, "_undo", lambda state, unit: None)


def evicted_at_work(patch: pytest.MonkeyPatch) -> None:
    """A workflow may leave memory while its activities are under way."""
    patch.setattr(eviction, "_is_patient", lambda *given: True)


def signals_of_the_suspended_lost(patch: pytest.MonkeyPatch) -> None:
    """Of what came while a workflow was not in memory, only the last is kept."""
    sort = LiveWorkflows._sort_mail

    def last(self: LiveWorkflows, resident: LiveWorkflow, loaded: Loaded) -> None:
        sort(self, resident, loaded._replace(signals=loaded.signals[-1:]))

    patch.setattr(live.LiveWorkflows, "_sort_mail", last)


def registration_unheard(patch: pytest.MonkeyPatch) -> None:
    """Nobody is told that code which was missing is registered."""
    take_in = Scheduler._take_in

    def deaf(self: Scheduler, message: Any, turn: Turn) -> None:
        if not isinstance(message, Registered):
            take_in(self, message, turn)

    patch.setattr(Scheduler, "_take_in", deaf)


def heartbeats_forgotten(patch: pytest.MonkeyPatch) -> None:
    """An attempt that follows another is not given what that said last."""
    follow = attempts.follow

    def forgetful(state: State, resident: LiveWorkflow, step: int, following: OpenAttempt) -> None:
        follow(state, resident, step, following._replace(details=None))

    patch.setattr(committing, "follow", forgetful)


def request_never_found(patch: pytest.MonkeyPatch) -> None:
    """Of what clients ask between two looks only the first is found."""
    arrivals = MemoryStore.arrivals

    def first(self: MemoryStore) -> Arrivals:
        found = arrivals(self)
        return found._replace(requests=found.requests[:1])

    patch.setattr(MemoryStore, "arrivals", first)


def submitted_piece_by_piece(patch: pytest.MonkeyPatch) -> None:
    """A client's workflows are put on disk one after the other, and not all together."""
    submit = MemoryStore.submit

    def piecemeal(self: MemoryStore, submissions: Sequence[Submission]) -> None:
        for new in submissions:
            submit(self, [new])

    patch.setattr(MemoryStore, "submit", piecemeal)


def payload_of_another_signal(patch: pytest.MonkeyPatch) -> None:
    """What is built again mixes up what its signals carry."""
    sort = LiveWorkflows._sort_mail

    def mixed(self: LiveWorkflows, resident: LiveWorkflow, loaded: Loaded) -> None:
        signals = [*loaded.signals]
        payloads = [signal.payload for signal in reversed(signals)]
        mixed_up = [signal._replace(payload=payload) for signal, payload in zip(signals, payloads, strict=True)]
        sort(self, resident, loaded._replace(signals=mixed_up))

    patch.setattr(LiveWorkflows, "_sort_mail", mixed)


def request_ignored(kind: RequestKind) -> Callable[[pytest.MonkeyPatch], None]:
    """Requests of a kind are acknowledged, and nothing is done."""

    def ignored(patch: pytest.MonkeyPatch) -> None:
        patch.setitem(requests._CARRY_OUT, kind, nothing)

    def nothing(state: State, request: Request, resident: LiveWorkflow | None, turn: Turn, change: Change) -> None:
        if resident is not None and kind is RequestKind.CANCEL:
            resident.cancelled = CancelRequested(turn.now)

    ignored.__name__ = f"{kind}_ignored"
    return ignored


def suspended_in_name_only(patch: pytest.MonkeyPatch) -> None:
    """A workflow that is suspended goes on as long as it is in memory."""
    suspend = requests._suspend

    def merely(state: State, request: Request, resident: LiveWorkflow | None, turn: Turn, change: Change) -> None:
        suspend(state, request, resident, turn, change)
        if resident is not None:
            resident.status = WorkflowStatus.PROCESSING

    patch.setitem(requests._CARRY_OUT, RequestKind.SUSPEND, merely)


def delay_ignored(patch: pytest.MonkeyPatch) -> None:
    """What a client submits with a delay starts at once."""
    build = residency._build

    def hasty(state: State, loaded: Loaded, turn: Turn) -> None:
        build(state, loaded._replace(record=replace(loaded.record, starts_at=None)), turn)

    patch.setattr(residency, "_build", hasty)


def deadline_two_seconds_early(patch: pytest.MonkeyPatch) -> None:
    """A workflow's time runs out before it is over."""
    limit = LiveWorkflow.limit

    def shorter(self: LiveWorkflow, deadline_at: Micros | None, begins_at: Micros) -> None:
        limit(self, deadline_at and deadline_at - 2 * SECOND, begins_at - 2 * SECOND)

    patch.setattr(LiveWorkflow, "limit", shorter)


def deadline_lost_on_rebuild(patch: pytest.MonkeyPatch) -> None:
    """What is built again, to go on or to begin its next run, has all the time in the world."""
    rebuild = LiveWorkflows.rebuild

    def timeless(self: LiveWorkflows, loaded: Loaded) -> LiveWorkflow:
        resident = rebuild(self, loaded)
        resident.deadline_at = None
        return resident

    patch.setattr(LiveWorkflows, "rebuild", timeless)


def cancelled_child_returns_nothing(patch: pytest.MonkeyPatch) -> None:
    """A child that was cancelled is to its parent one that returned None."""
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
    """Whoever waits for a workflow's end is never told."""
    make = State.__init__

    def silent(self: State, *given: Any, **named: Any) -> None:
        make(self, *given, **named)
        self.tell = lambda news: None

    patch.setattr(State, "__init__", silent)


def asker_unanswered(patch: pytest.MonkeyPatch) -> None:
    """Whoever asks for what cannot be written now is not told so."""
    patch.setattr(Change, "answers", lambda self, error: [])


def timers_seven_seconds_late(patch: pytest.MonkeyPatch) -> None:
    """Everything that waits for time waits too long."""
    due, next_due = Timers.due, vars(Timers)["next_due"].fget
    patch.setattr(Timers, "due", lambda self, now: due(self, now - 7 * SECOND))
    patch.setattr(Timers, "next_due", property(lambda self: next_due(self) + 7 * SECOND))


def code_is_told_another_time(patch: pytest.MonkeyPatch) -> None:
    """`now()` is a second ahead, in every replay too."""
    patch.setattr(execution, "to_datetime", lambda moment: to_datetime(moment + SECOND))


def progress_lost(patch: pytest.MonkeyPatch) -> None:
    """What a workflow says of its progress is not written."""
    note = applying._note_rare

    def silent(state: State, resident: LiveWorkflow, advance: Advance, turn: Turn, change: Change) -> None:
        advance.progress = None
        note(state, resident, advance, turn, change)

    patch.setattr(applying, "_note_rare", silent)


def fork_copies_one_event_more(patch: pytest.MonkeyPatch) -> None:
    """A copy has received what came after its step was issued."""
    fork = MemoryStore.fork

    def further(self: MemoryStore, workflow_id: str, run: int, place: int, new: Submission) -> None:
        fork(self, workflow_id, run, place + 1, new)

    patch.setattr(MemoryStore, "fork", further)


def retry_keeps_the_outcome(patch: pytest.MonkeyPatch) -> None:
    """The outcome from which a workflow goes back stays recorded, whether that is asked for or not."""

    def stale(step: StepRecord, place: int, reapply: bool) -> StepRecord:
        return memory_rows.rewound_step(step, place, True)

    patch.setattr(memory_store, "rewound_step", stale)


def retry_undoes_everything(patch: pytest.MonkeyPatch) -> None:
    """A retry begins from the beginning."""
    patch.setattr(retry_plan, "retry_position", lambda loaded, from_step: (min(1, len(loaded.history.events)), False))


def delete_takes_live_descendants(patch: pytest.MonkeyPatch) -> None:
    """Of what is deleted only those that were named are looked at."""

    def delete(self: MemoryStore, workflow_ids: Sequence[str]) -> int:
        with self._transaction(by_client=True):
            for workflow_id in workflow_ids:
                row = self._found(workflow_id)
                if not row.status.ended or self._awaited(row):
                    raise WorkflowNotEndedError(workflow_id)
            doomed = self._with_descendants(workflow_ids)
            self._forget(doomed)
            return len(doomed)

    patch.setattr(MemoryStore, "delete", delete)


def delete_takes_awaited_children(patch: pytest.MonkeyPatch) -> None:
    """A child is deleted before its parent has received how it ended."""
    patch.setattr(MemoryStore, "_awaited", lambda self, row: False)


def time_runs_out_early(patch: pytest.MonkeyPatch) -> None:
    """An attempt has a third of the time that its timeout gives it."""
    limits_of = limits.limits_of

    def early(attempt: Attempt, now: Micros) -> Iterator[tuple[Micros, str, bool]]:
        for moment, what, is_final in limits_of(attempt, now):
            begun_at = attempt.begun_at or now
            yield begun_at + (moment - begun_at) // 3 if "its timeout" in what else moment, what, is_final

    patch.setattr(limits, "limits_of", early)


def final_failures_retried(patch: pytest.MonkeyPatch) -> None:
    """Whatever fails is tried again."""
    patch.setattr(workers_attempt, "may_retry", lambda policy, error: policy is not None)


def retry_after_ignored(patch: pytest.MonkeyPatch) -> None:
    """What a failure asks for is not heard."""
    patch.setattr(
        attempts, "next_delay", lambda policy, number, asked, chance: next_delay(policy, number, None, chance)
    )


def wait_on_cancel_ignored(patch: pytest.MonkeyPatch) -> None:
    """Every activity under way is abandoned when it is cancelled."""
    stays = Steps._stays

    def abandoned(self: Steps, leaf: Leaf) -> bool:
        return not isinstance(leaf.command, ActivityInvocation) and stays(self, leaf)

    patch.setattr(Steps, "_stays", abandoned)


# ---------------------------------------------------------------------- of the file


def deadline_written_wrong(patch: pytest.MonkeyPatch) -> None:
    """A deadline is a microsecond later in the file."""

    def late(new: Submission, started_at: Micros | None) -> Row:
        return wide_row(new._replace(deadline_at=new.deadline_at and new.deadline_at + 1), started_at)

    patch.setattr(writing, "wide_row", late)


def progress_not_written(patch: pytest.MonkeyPatch) -> None:
    """The file knows nothing of a workflow's progress."""
    rare, skipped = writing._rare, writing.SET_PROGRESS
    patch.setattr(writing, "_rare", lambda checkpoints: [one for one in rare(checkpoints) if one[0] is not skipped])


def counted_from_forgotten(patch: pytest.MonkeyPatch) -> None:
    """From when on the time of all attempts is counted is not in the file."""
    rare = writing._rare

    def forgetful(checkpoints: Sequence[Checkpoint]) -> writing.Writes:
        return [
            (what, [(*row[:7], None, *row[8:]) for row in rows] if what is writing.RETRY_STEP else rows)
            for what, rows in rare(checkpoints)
        ]

    patch.setattr(writing, "_rare", forgetful)


BREAKAGES_OF_THE_FILE: list[Callable[[pytest.MonkeyPatch], None]] = [
    deadline_written_wrong,
    progress_not_written,
    counted_from_forgotten,
]

BREAKAGES: list[Callable[[pytest.MonkeyPatch], None]] = [
    dispatch_before_commit,
    answer_before_commit,
    outcome_applied_twice,
    lost_timer,
    signal_consumed_again,
    retry_counter_reset,
    late_result_let_in,
    cleanup_skipped,
    ids_reused_after_a_fork,
    outcomes_lost_with_the_disk,
    memory_kept_after_a_failed_commit,
    evicted_at_work,
    signals_of_the_suspended_lost,
    registration_unheard,
    heartbeats_forgotten,
    request_never_found,
    submitted_piece_by_piece,
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
    code_is_told_another_time,
    progress_lost,
    fork_copies_one_event_more,
    retry_keeps_the_outcome,
    retry_undoes_everything,
    delete_takes_live_descendants,
    delete_takes_awaited_children,
    time_runs_out_early,
    final_failures_retried,
    retry_after_ignored,
    wait_on_cancel_ignored,
]
