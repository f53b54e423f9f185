"""Enters each commit in the books, and holds whatever the engine does against them.

Every commit that succeeded is entered. Whatever does not fit what was entered before is a `Violation`, which names the
promise that was broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set

from tests.support.engine import NOTICED
from yieldflow._core.history import (
    CancelRequested,
    Event,
    Failure,
    Outcome,
    Started,
    StepEnded,
    StepKind,
    WorkflowStatus,
    check_transition,
)
from yieldflow.store import Arrivals, Checkpoint, Request, Retried, Submission
from yieldflow.workers import Attempt

from . import delivery_checks, liveness_checks
from .books import STALLS, Books, FlowNote, Gone, RowNote, Sent, Status, StepNote
from .promises import Promise


def _entered_by(checkpoint: Checkpoint) -> set[int]:
    """Return the steps of which a checkpoint enters an outcome that it does not apply."""
    return {retried.step for retried in checkpoint.retried} | {event.step for event in checkpoint.recorded}


class Ledger(Books):
    """The books, with what is entered in them."""

    # ------------------------------------------------------------------ commits

    def committed(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Enter a commit that succeeded."""
        created = {id(one.created) for one in checkpoints}
        for together in self.together:
            count = sum(id(new) in created for new in together)
            self.check(
                Promise.SUBMISSIONS, count in (0, len(together)), "only", count, "of", len(together), "are put on disk"
            )
        for checkpoint in checkpoints:
            self.trace("commit", checkpoint)
            if checkpoint.created is not None:
                asked = any(checkpoint.created in together for together in self.together)
                self.check(Promise.SUBMISSIONS, asked, checkpoint.created, "is not what was submitted")
                self.created(checkpoint.created)
            flow = self.flows.get(checkpoint.workflow_id)
            self.changed.add(checkpoint.workflow_id)
            if flow is not None:
                self._enter(flow, checkpoint)
            for child in checkpoint.children:
                self.created(child)

    def created(self, new: Submission) -> None:
        """Enter a new workflow."""
        self.check(Promise.SUBMISSIONS, new.workflow_id not in self.flows, new.workflow_id, "was put on disk twice")
        flow = self.flows[new.workflow_id] = FlowNote(RowNote.of(new), since=self.passed() + NOTICED)
        for signal in new.signals:
            delivery_checks.keep_signal(self, flow, new.workflow_id, signal)
        self.changed.add(new.workflow_id)

    def _enter(self, flow: FlowNote, checkpoint: Checkpoint) -> None:
        id, before = checkpoint.workflow_id, flow.status
        if checkpoint.started_at is not None:
            flow.run = checkpoint.run
        delivery_checks.check_pause(self, flow, checkpoint)
        for signal in checkpoint.signals:
            delivery_checks.keep_signal(self, flow, id, signal)
        if checkpoint.events or checkpoint.issued:
            self.check(Promise.ORDER, not flow.status.ended, id, "goes on after its end")
            self.check(Promise.ORDER, checkpoint.place == flow.applied and checkpoint.run == flow.run, id, flow.applied)
        for step in checkpoint.issued:
            self.check(Promise.ORDER, step.number == len(flow.steps), id, "issues step", step.number)
            note = StepNote(step.kind, step.name, step.turn, step.due_at or 0)
            note.input, note.source, note.scheduled_at = step.input, step.source, checkpoint.at
            note.ready_at, note.issued_at = self.attempts.elapsed(), self.passed()
            liveness_checks.check_length(self, checkpoint, step)
            flow.steps[step.number] = note
        # The scheduler keeps this beside a checkpoint and does not say to which event it belongs.
        for number in getattr(checkpoint, "cancelling", ()):
            # Which of several events led to it is not told: what goes back to between them may not have cancelled yet.
            flow.steps[number].cancelling = checkpoint.place + max(len(checkpoint.events), 1) - 1
        delivery_checks.check_seen(self, flow, checkpoint)
        for place, event in enumerate(checkpoint.events, checkpoint.place):
            self._apply(flow, checkpoint, place, event)
        for number, place in checkpoint.cancelled:
            note = flow.steps[number]
            self.check(Promise.ONCE, note.applied is None and note.dropped is None, id, "drops step", number)
            # A terminated workflow drops all steps, behind its last event.
            waited_for = place < flow.applied and self.attempts.is_waited_for((id, flow.run, number))
            self.check(Promise.WAITED_FOR, not waited_for, id, "drops step", number, "which is under way")
            note.dropped = place
            note.ends(None, checkpoint.at)
        for retried in checkpoint.retried:
            self._retry(flow, id, retried)
        for number, details in checkpoint.heartbeats:
            if number in flow.steps and not flow.steps[number].ended:
                flow.steps[number].details = details
        # The attempt that was to follow may be given up in the same turn.
        for event in checkpoint.recorded:
            self._record(flow, id, event)
        delivery_checks.receive_signals(self, flow, checkpoint)
        self._change(flow, checkpoint)
        delivery_checks.check_handled(self, flow, checkpoint, before)
        self.recoveries.enter(checkpoint, flow.row.recovery_attempts)
        flow.row.enter(checkpoint)
        if checkpoint.continued is not None:
            flow.run, flow.applied, flow.events, flow.steps = flow.run + 1, 0, [], {}
            flow.outcome, flow.now = None, 0
            flow.signals = {number: note for number, note in flow.signals.items() if note.received is None}

    def _apply(self, flow: FlowNote, checkpoint: Checkpoint, place: int, event: Event) -> None:
        id = checkpoint.workflow_id
        flow.applied += 1
        flow.events.append(event)
        flow.now = max(flow.now, event.at)
        if isinstance(event, Started):
            self.check(Promise.ORDER, place == 0, id, "starts at place", place)
            liveness_checks.check_start(self, flow, id, event)
        if isinstance(event, CancelRequested):
            delivery_checks.check_cancel(self, flow, id, event)
        if not isinstance(event, StepEnded):
            return
        liveness_checks.check_not_overdue(self, flow, id)
        note = flow.steps.get(event.step)
        self.check(
            Promise.ONCE, note is not None and note.applied is None and note.dropped is None, id, "step", event.step
        )
        assert note is not None
        self.check(
            Promise.ONCE, note.outcome in (None, event.outcome), id, "step", event.step, "has another outcome now"
        )
        self._check_outcome(flow, id, note, event)
        if note.kind is StepKind.SLEEP:
            liveness_checks.check_sleep(self, flow, id, event.step, note)
            moment = self.moment_of(id, flow.run, event.step, note.due_at)
            liveness_checks.check_not_overtaken(self, flow, id, moment, _entered_by(checkpoint))
        elif note.kind is StepKind.CHILD:
            delivery_checks.check_child_outcome(self, flow, id, note, event)
        elif note.kind is not StepKind.ACTIVITY:
            delivery_checks.check_brought(self, flow, checkpoint, note, place, event)
        note.applied = place
        note.ends(event.outcome, event.at)

    def _record(self, flow: FlowNote, id: str, event: StepEnded) -> None:
        note = flow.steps[event.step]
        self.check(Promise.ONCE, note.applied is None and note.dropped is None, id, "records step", event.step)
        self.check(
            Promise.ONCE, note.outcome in (None, event.outcome), id, "step", event.step, "has another outcome now"
        )
        self._check_outcome(flow, id, note, event)
        if note.kind is StepKind.CHILD:
            delivery_checks.check_child_outcome(self, flow, id, note, event)
        note.ends(event.outcome, event.at)

    def _check_outcome(self, flow: FlowNote, id: str, note: StepNote, event: StepEnded) -> None:
        """Check that an outcome belongs to the present attempt of its step, and that a success was really made."""
        if note.kind is not StepKind.ACTIVITY:
            return
        self.check(
            Promise.ATTEMPTS, note.attempt == event.attempt, id, f"step {event.step}: {event.attempt}, {note.attempt}"
        )
        if not isinstance(event.outcome, Failure):
            made = self.effects.get((id, flow.run, event.step), {}).get(event.attempt, ())
            self.check(Promise.EFFECTS, event.outcome in made, id, "step", event.step, "was never done")
        elif note.outcome is None:
            self.attempts.check_given_up((id, flow.run, event.step), note, event.outcome)

    def _retry(self, flow: FlowNote, id: str, retried: Retried) -> None:
        note, number = flow.steps[retried.step], retried.following.number
        self.check(
            Promise.ATTEMPTS, not note.ended and number == note.attempt + 1, id, f"step {retried.step}: {number}"
        )
        before = self.last_begun.get((id, flow.run, retried.step))
        said = note.details
        if before is not None and before.number == note.attempt:
            said = before.details if before.beat is None else before.beat[0]
        self.attempts.check_retried((id, flow.run, retried.step), note, retried)
        note.ready_at = self.attempts.elapsed() + (retried.following.due_at or 0) - retried.at
        details = retried.following.details
        self.check(Promise.DETAILS, details == said, id, f"step {retried.step}:", details, said)
        note.attempt, note.due_at, note.details = number, retried.following.due_at or 0, details
        # It is shown to people, and never raised again.
        note.failed_at, note.last_failure = retried.at, retried.failure._replace(exception=None)
        note.counted_from = retried.following.counted_from

    def _change(self, flow: FlowNote, checkpoint: Checkpoint) -> None:
        id, status = checkpoint.workflow_id, checkpoint.status
        if status is Status.STALLED:
            reason = checkpoint.reason or ""
            self.check(Promise.STALLED, any(known in reason for known in STALLS), id, "is stalled:", reason)
        if status is not None:
            # A resumed workflow may end in the same turn.
            if status is not flow.status and flow.status.ended:
                check_transition(flow.status, status)
            flow.status, flow.outcome, flow.reason = status, checkpoint.outcome, checkpoint.reason
            flow.settled_in = self.turn
        if status is Status.PROCESSING:
            flow.since = self.passed()
        if checkpoint.recovery_attempts:
            # It waited until others had proved harmless.
            flow.since = self.passed()
        if status is not None and status.ended:
            self.untold[id] = status, checkpoint.outcome
            delivery_checks.check_end(self, flow, checkpoint)
            delivery_checks.note_child_end(self, flow, id)
            left = [number for number, note in flow.steps.items() if note.applied is None and note.dropped is None]
            self.check(
                Promise.ORDER, all(flow.steps[number].outcome for number in left), id, "ends, and left open:", left
            )

    def calls(self, request: Request) -> None:
        """Enter that a client is about to send a request, to the owner or to the store."""
        self.called.setdefault(request.workflow_id, set()).add((request.kind, request.payload))

    def asked(self, requests: Sequence[Request]) -> None:
        """Enter requests that a client left on disk."""
        self.left.update(requests)

    def found(self, arrivals: Arrivals) -> None:
        """Enter the requests of clients that the engine finds."""
        for request in arrivals.requests:
            assert request.number is not None
            if request.number not in self.requests:
                self.left[request._replace(number=None)] -= 1
            self.requests[request.number] = request

    # ------------------------------------------------------------------ dispatches, answers and ends

    def leaves(self, attempt: Attempt) -> None:
        """Check that the step of a dispatched attempt is on disk, unless the attempt is cancelled."""
        id, run, step = attempt.key
        flow = self.flows.get(id)
        note = flow.steps.get(step) if flow is not None and flow.run == run else None
        there = note is not None and note.name == attempt.definition.name
        self.check(Promise.COMMITTED_FIRST, there or attempt.cancelled, attempt)
        if flow is not None and note is not None and not attempt.cancelled:
            policy = attempt.options.retry
            most = policy.maximum_attempts if policy is not None else 1
            self.check(Promise.ATTEMPTS, most is None or attempt.number <= most, attempt, "of", most)
            moment = self.moment_of(id, run, step, note.due_at)
            self.check_in_time(Promise.IN_TIME, flow, moment, attempt, "is made")

    def dispatched(self, attempt: Attempt) -> None:
        """Enter a dispatch."""
        if self._is_undone(attempt):
            return
        self.leaves(attempt)
        if not attempt.cancelled:
            self.attempts.dispatched(attempt, self.flows[attempt.workflow_id].steps[attempt.step])

    def begins(self, attempt: Attempt) -> None:
        """Enter that a worker begins an attempt, which must be the attempt that its step waits for."""
        if self._is_undone(attempt):
            return
        self.leaves(attempt)
        flow = self.flows[attempt.workflow_id]
        note = flow.steps[attempt.step]
        self.check(
            Promise.EFFECTS, not note.ended and not flow.status.ended, attempt, "is made though its step has ended"
        )
        self.check(
            Promise.ATTEMPTS, note.attempt == attempt.number, attempt, "is made, and the disk is at", note.attempt
        )
        self.check(
            Promise.DETAILS, note.details == attempt.details, attempt, "is given", attempt.details, "not", note.details
        )
        self.last_begun[attempt.key] = attempt
        self.attempts.begun(attempt)

    def _is_undone(self, attempt: Attempt) -> bool:
        """Return whether a client, by a retry of a stalled workflow, has undone the step that asked for an attempt."""
        if attempt.workflow_id not in self.attempts.went_back:
            return False
        flow = self.flows.get(attempt.workflow_id)
        note = flow.steps.get(attempt.step) if flow is not None else None
        asked = attempt.definition.name, attempt.input, attempt.number
        return note is None or asked != (note.name, note.input, note.attempt)

    def beside(self, attempt: Attempt, running: Iterable[Attempt]) -> None:
        """Check the limit of attempts that run at once."""
        limit = attempt.options.max_concurrent
        if limit is not None:
            count = sum(one.definition.name == attempt.definition.name for one in running)
            self.check(Promise.LANES, count <= limit, attempt, "is one of", count)

    def drawn(self, attempt: Attempt) -> None:
        """Check that no other step has an attempt's idempotency key, unless a fork copied it."""
        key = attempt.info.idempotency_key
        first = self.keys.setdefault(key, attempt.key)
        # Either may be the copy; the original may have gone back since, and come to the step in another turn.
        turn = min(attempt.turn, self.drawn_in.setdefault(key, attempt.turn))
        copied = any(turn < self.forked_at.get(id, 0) for id in (first[0], attempt.workflow_id))
        self.check(Promise.IDS, first == attempt.key or copied, attempt, "has the key of", first)

    def done(self, attempt: Attempt, outcome: Outcome) -> None:
        """Enter the effect of an attempt."""
        self.effects.setdefault(attempt.key, {}).setdefault(attempt.number, []).append(outcome)

    def acknowledge(self, workflow_id: str) -> None:
        """Check that a workflow is on disk as its submitter hears so."""
        self.check(Promise.SUBMISSIONS, workflow_id in self.flows, workflow_id, "is acknowledged, and not on disk")
        self.acknowledged.add(workflow_id)

    def acknowledge_signal(self, sent: Sent, outside: bool) -> None:
        """Check that a signal is on disk as its sender hears so; `outside` means that only the request must be."""
        self.sent.append(sent)
        self.acknowledged_at[sent.payload] = self.passed()
        if not outside:
            count = self.kept[sent.workflow_id, sent.payload]
            self.check(
                Promise.SIGNALS, count == 1, sent.workflow_id, "acknowledged signal", sent.payload, count, "times"
            )

    def told(self, workflow_id: str, status: WorkflowStatus, outcome: Outcome | None) -> None:
        """Check that a workflow has ended as its waiters are told."""
        flow = self.flows.get(workflow_id)
        known = flow is not None and flow.status is status
        self.check(Promise.COMMITTED_FIRST, known, workflow_id, "is told to be", status)
        if status.ended:
            committed = self.untold.pop(workflow_id, None)
            self.check(Promise.ANSWERS, committed == (status, outcome), workflow_id, "is told as", status, outcome)

    def turn_is_over(self) -> None:
        """Check that every end was told in the turn that brought it."""
        self.check(Promise.ANSWERS, not self.untold, "nobody is told of the end of", *self.untold)

    def acknowledge_request(self, request: Request) -> None:
        """Check that a request is carried out as its sender hears so."""
        delivery_checks.check_done(self, request)

    # ------------------------------------------------------------------ clients who delete

    def forget(self, workflow_ids: Set[str]) -> None:
        """Enter that workflows were deleted, with their requests."""
        for workflow_id in workflow_ids:
            del self.flows[workflow_id]
        self.changed |= workflow_ids
        self.acknowledged -= workflow_ids
        self.requests = {number: one for number, one in self.requests.items() if one.workflow_id not in workflow_ids}
        self.left = Counter({one: left for one, left in self.left.items() if one.workflow_id not in workflow_ids})
        self.effects = {key: made for key, made in self.effects.items() if key[0] not in workflow_ids}
        self.attempts.forget(workflow_ids)

    def deleted(self, workflow_ids: Set[str]) -> None:
        """Enter that clients deleted workflows: the next with such an id must draw keys of its own."""
        self.keys = {drawn: Gone(*first) if first[0] in workflow_ids else first for drawn, first in self.keys.items()}
