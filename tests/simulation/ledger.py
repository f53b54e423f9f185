"""The books of the simulation, kept from outside: what is on disk, what was acknowledged, and what was done.

Each commit that succeeded is entered, and whatever the engine does is held against what was entered before. What does
not fit is a `Violation`, which names the promise that was broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from yieldflow._core.history import (
    CancelRequested,
    Event,
    Failure,
    Micros,
    Outcome,
    Payload,
    Started,
    StepEnded,
    StepKind,
    WorkflowStatus,
    check_transition,
)
from yieldflow.store import Arrivals, Checkpoint, Request, RequestKind, Retried, Store, Submission
from yieldflow.workers import Attempt, Key

Status = WorkflowStatus

#: Ids that are the same in two places, where that is not meant.
IDS = "what a fork draws is its own"

#: The reasons for which a workflow may stall here, by what they say.
STALLS = ("a value cannot be stored: too big", "times in a row the process died")

# The promises, in the order of the README.
ORDER = "a checkpoint goes on where the one before it ended"
ONCE = "an applied outcome never changes and is never applied twice"
EFFECTS = "an activity's effect happens at least once, and never again after its checkpoint"
COMMITTED_FIRST = "nothing leaves before its commit"
IN_TIME = "nothing comes before its time"
LANES = "of an activity no more attempts run at once than its max_concurrent"
ATTEMPTS = "attempts are counted on disk, and none but the last one is heard"
SUBMISSIONS = "an acknowledged submission is never lost"
SIGNALS = "an acknowledged signal is never lost, and kept once"
RECEIVED = "signals are received once and in the order sent"
REQUESTS = "what a client asked is carried out once"
STALLED = "a workflow stalls only for a reason that the world gave"
SAME = "the disk holds what was committed, and nothing else"


class Violation(AssertionError):
    """A promise that was broken.

    Args:
        promise: Which.
        what: How it was.
    """

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


@dataclass(slots=True)
class StepNote:
    """A step."""

    kind: StepKind
    name: str
    turn: int
    #: When a sleep ends, or the next attempt is due.
    due_at: Micros = 0
    attempt: int = 1
    #: What was recorded or applied.
    outcome: Outcome | None = None
    applied: int | None = None
    dropped: int | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing of it is to begin any more."""
        return self.outcome is not None or self.dropped is not None


@dataclass(slots=True)
class SignalNote:
    """A signal that is kept."""

    name: str
    payload: Payload
    received: int | None = None


@dataclass(slots=True)
class FlowNote:
    """A workflow."""

    status: WorkflowStatus = Status.PROCESSING
    run: int = 1
    #: How many events were applied in the run.
    applied: int = 0
    steps: dict[int, StepNote] = field(default_factory=dict)
    signals: dict[int, SignalNote] = field(default_factory=dict)
    #: Whether it ended without cleaning up, since somebody terminated it.
    terminated: bool = False


class Sent(NamedTuple):
    """A signal on its way."""

    workflow_id: str
    payload: Payload
    sent_at: int
    #: When its sender heard that it is on disk.
    acknowledged_at: int


class Ledger:
    """What is true, whatever the engine believes."""

    def __init__(self) -> None:
        self.flows: dict[str, FlowNote] = {}
        #: How often each promise was looked at.
        self.checked: Counter[str] = Counter()
        #: What the attempts at an activity led to, by the attempt's number.
        self.effects: dict[Key, dict[int, list[Outcome]]] = {}
        #: The latest time that the engine has seen.
        self.latest: Micros = 0
        self.requests: dict[int, Request] = {}
        self.handled: set[int] = set()
        self.sent: list[Sent] = []
        #: Whose idempotency key it is; and from which event on a fork draws its own.
        self.keys: dict[str, Key] = {}
        self.forked_at: dict[str, int] = {}
        self.acknowledged: set[str] = set()
        #: Every signal that was ever kept.
        self.kept: Counter[tuple[str, Payload]] = Counter()
        #: Told of all that is worth a line of the trace.
        self.trace: Callable[..., None] = lambda *what: None

    def check(self, promise: str, holds: bool, *what: object) -> None:
        """Have a promise hold."""
        self.checked[promise] += 1
        if not holds:
            raise Violation(promise, " ".join(map(str, what)))

    # ------------------------------------------------------------------ commits

    def committed(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Enter a commit that succeeded."""
        for checkpoint in checkpoints:
            self.trace("commit", checkpoint)
            if checkpoint.created is not None:
                self.created(checkpoint.created)
            flow = self.flows.get(checkpoint.workflow_id)
            if flow is not None:
                self._enter(flow, checkpoint)
            for child in checkpoint.children:
                self.created(child)

    def created(self, new: Submission) -> None:
        """Enter a new workflow."""
        self.check(SUBMISSIONS, new.workflow_id not in self.flows, new.workflow_id, "was put on disk twice")
        self.flows[new.workflow_id] = FlowNote()

    def _enter(self, flow: FlowNote, checkpoint: Checkpoint) -> None:
        id = checkpoint.workflow_id
        if checkpoint.started_at is not None:
            flow.run = checkpoint.run
        if checkpoint.events or checkpoint.issued:
            self.check(ORDER, not flow.status.ended, id, "goes on after its end")
            self.check(ORDER, checkpoint.place == flow.applied and checkpoint.run == flow.run, id, flow.applied)
        for step in checkpoint.issued:
            self.check(ORDER, step.number == len(flow.steps), id, "issues step", step.number)
            flow.steps[step.number] = StepNote(step.kind, step.name, step.turn, step.due_at or 0)
        for place, event in enumerate(checkpoint.events, checkpoint.place):
            self._apply(flow, id, place, event)
        for number, place in checkpoint.cancelled:
            note = flow.steps[number]
            self.check(ONCE, note.applied is None and note.dropped is None, id, "drops step", number)
            note.dropped, note.outcome = place, None
        for retried in checkpoint.retried:
            self._retry(flow, id, retried)
        # The attempt that was to follow may be given up in the same turn.
        for event in checkpoint.recorded:
            self._record(flow, id, event)
        self._signals(flow, checkpoint)
        self._handle(flow, checkpoint)
        self._change(flow, checkpoint)

    def _apply(self, flow: FlowNote, id: str, place: int, event: Event) -> None:
        flow.applied += 1
        if isinstance(event, Started):
            self.check(ORDER, place == 0, id, "starts at place", place)
        if not isinstance(event, StepEnded):
            return
        note = flow.steps.get(event.step)
        self.check(ONCE, note is not None and note.applied is None and note.dropped is None, id, "step", event.step)
        assert note is not None
        self.check(ONCE, note.outcome in (None, event.outcome), id, "step", event.step, "has another outcome now")
        self._heard(flow, id, note, event)
        if note.kind is StepKind.SLEEP:
            self.check(IN_TIME, event.at >= note.due_at, id, "sleep", event.step, "ends at", event.at)
        note.outcome, note.applied = event.outcome, place

    def _record(self, flow: FlowNote, id: str, event: StepEnded) -> None:
        note = flow.steps[event.step]
        self.check(ONCE, note.applied is None and note.dropped is None, id, "records step", event.step)
        self.check(ONCE, note.outcome in (None, event.outcome), id, "step", event.step, "has another outcome now")
        self._heard(flow, id, note, event)
        note.outcome = event.outcome

    def _heard(self, flow: FlowNote, id: str, note: StepNote, event: StepEnded) -> None:
        """An outcome is that of the attempt which the step is at; what succeeded was done."""
        if note.kind is not StepKind.ACTIVITY:
            return
        self.check(ATTEMPTS, note.attempt == event.attempt, id, f"step {event.step}: {event.attempt}, {note.attempt}")
        if not isinstance(event.outcome, Failure):
            made = self.effects.get((id, flow.run, event.step), {}).get(event.attempt, ())
            self.check(EFFECTS, event.outcome in made, id, "step", event.step, "was never done")

    def _retry(self, flow: FlowNote, id: str, retried: Retried) -> None:
        note, number = flow.steps[retried.step], retried.following.number
        self.check(ATTEMPTS, not note.ended and number == note.attempt + 1, id, f"step {retried.step}: {number}")
        note.attempt, note.due_at = number, retried.following.due_at or 0

    def _signals(self, flow: FlowNote, checkpoint: Checkpoint) -> None:
        id = checkpoint.workflow_id
        for signal in checkpoint.signals:
            number = signal.number or max(flow.signals, default=0) + 1
            self.check(SIGNALS, number == max(flow.signals, default=number - 1) + 1, id, "signal", number)
            flow.signals[number] = SignalNote(signal.name, signal.payload)
            self.kept[id, signal.payload] += 1
            self.check(SIGNALS, self.kept[id, signal.payload] == 1, id, "keeps signal", signal.payload, "twice")
        for number, place in checkpoint.received:
            note = flow.signals[number]
            earlier = [one for other, one in flow.signals.items() if other < number and one.name == note.name]
            in_order = all(one.received is not None for one in earlier)
            self.check(RECEIVED, note.received is None and in_order, id, "receives signal", number)
            note.received = place

    def _handle(self, flow: FlowNote, checkpoint: Checkpoint) -> None:
        id = checkpoint.workflow_id
        for number in checkpoint.handled:
            self.check(REQUESTS, number not in self.handled, id, "request", number, "is carried out twice")
            self.handled.add(number)
            request = self.requests.get(number)
            if request is not None and request.kind is RequestKind.SIGNAL and not flow.status.ended:
                payload = request.payload or ""
                self.check(SIGNALS, self.kept[id, payload] == 1, id, "does not keep signal", payload)

    def _change(self, flow: FlowNote, checkpoint: Checkpoint) -> None:
        id, status = checkpoint.workflow_id, checkpoint.status
        if status is Status.STALLED:
            reason = checkpoint.reason or ""
            self.check(STALLED, any(known in reason for known in STALLS), id, "is stalled:", reason)
        if status is not None:
            # What goes on may end in the same turn.
            if status is not flow.status and flow.status.ended:
                check_transition(flow.status, status)
            flow.status = status
            cancelled = any(isinstance(event, CancelRequested) for event in checkpoint.events)
            started = flow.applied > 0
            flow.terminated = status is Status.CANCELLED and started and not checkpoint.events and not cancelled
        if status is not None and status.ended:
            left = [number for number, note in flow.steps.items() if note.applied is None and note.dropped is None]
            self.check(ORDER, all(flow.steps[number].outcome for number in left), id, "ends, and left open:", left)
        if checkpoint.continued is not None:
            flow.run, flow.applied, flow.steps = flow.run + 1, 0, {}
            flow.signals = {number: note for number, note in flow.signals.items() if note.received is None}

    def found(self, arrivals: Arrivals) -> None:
        """Enter what the engine finds that clients wrote."""
        for request in arrivals.requests:
            assert request.number is not None
            self.requests[request.number] = request

    # ------------------------------------------------------------------ what leaves

    def leaves(self, attempt: Attempt) -> None:
        """An attempt is handed to the workers: its step is on disk, unless it is not to begin any more."""
        id, run, step = attempt.key
        flow = self.flows.get(id)
        note = flow.steps.get(step) if flow is not None and flow.run == run else None
        there = note is not None and note.name == attempt.definition.name
        self.check(COMMITTED_FIRST, there or attempt.cancelled, attempt)
        if note is not None and not attempt.cancelled:
            policy = attempt.options.retry
            most = policy.maximum_attempts if policy is not None else 1
            self.check(ATTEMPTS, most is None or attempt.number <= most, attempt, "of", most)
            # It may have waited in line while the clock was set back.
            self.check(IN_TIME, self.latest >= note.due_at, attempt, "is made before", note.due_at)

    def begins(self, attempt: Attempt) -> None:
        """A worker begins an attempt: it is the one that its step waits for."""
        self.leaves(attempt)
        flow = self.flows[attempt.workflow_id]
        note = flow.steps[attempt.step]
        self.check(EFFECTS, not note.ended and not flow.status.ended, attempt, "is made though its step has ended")
        self.check(ATTEMPTS, note.attempt == attempt.number, attempt, "is made, and the disk is at", note.attempt)

    def beside(self, attempt: Attempt, running: Iterable[Attempt]) -> None:
        """An attempt runs beside others."""
        limit = attempt.options.max_concurrent
        if limit is not None:
            count = sum(one.definition.name == attempt.definition.name for one in running)
            self.check(LANES, count <= limit, attempt, "is one of", count)

    def drawn(self, attempt: Attempt) -> None:
        """An attempt has an idempotency key: that of no other step, but for what a fork copied."""
        key = attempt.info.idempotency_key
        first = self.keys.setdefault(key, attempt.key)
        copied = any(attempt.turn < self.forked_at.get(id, 0) for id in (first[0], attempt.workflow_id))
        self.check(IDS, first == attempt.key or copied, attempt, "has the key of", first)

    def done(self, attempt: Attempt, outcome: Outcome) -> None:
        """An attempt had its effect."""
        self.effects.setdefault(attempt.key, {}).setdefault(attempt.number, []).append(outcome)

    def acknowledge(self, workflow_id: str) -> None:
        """A submitter hears that the workflow is on disk."""
        self.check(SUBMISSIONS, workflow_id in self.flows, workflow_id, "is acknowledged, and not on disk")
        self.acknowledged.add(workflow_id)

    def acknowledge_signal(self, sent: Sent, outside: bool) -> None:
        """The sender of a signal hears that it is on disk, or that a client's request is."""
        self.sent.append(sent)
        if not outside:
            count = self.kept[sent.workflow_id, sent.payload]
            self.check(SIGNALS, count == 1, sent.workflow_id, "acknowledged signal", sent.payload, count, "times")

    def told(self, workflow_id: str, status: WorkflowStatus) -> None:
        """Somebody hears how a workflow ended."""
        flow = self.flows.get(workflow_id)
        known = flow is not None and flow.status is status
        self.check(COMMITTED_FIRST, known, workflow_id, "is told to be", status)

    # ------------------------------------------------------------------ looking at the disk

    def reread(self, store: Store, workflow_id: str) -> None:
        """Take over what a client changed of a workflow that had ended, or copied."""
        record = store.record(workflow_id)
        loaded = store.snapshot(workflow_id)
        if record is None or loaded is None:
            self.flows.pop(workflow_id, None)
            self.acknowledged.discard(workflow_id)
            # Its requests went with it.
            self.requests = {number: one for number, one in self.requests.items() if one.workflow_id != workflow_id}
            self.effects = {key: made for key, made in self.effects.items() if key[0] != workflow_id}
            return
        before = self.flows.get(workflow_id, FlowNote()).signals
        flow = self.flows[workflow_id] = FlowNote(record.status, record.run, len(loaded.history.events))
        flow.signals = before or {number: SignalNote("", "", 0) for number in range(1, loaded.last_signal + 1)}
        for row in store.steps(workflow_id):
            note = StepNote(row.kind, row.name, row.turn, row.due_at or 0, row.attempt)
            note.outcome, note.applied, note.dropped = row.outcome, row.applied, row.dropped
            flow.steps[row.step] = note
        for signal in loaded.signals:
            flow.signals[signal.number] = SignalNote(signal.name, signal.payload)

    def compare(self, store: Store) -> None:
        """Hold everything on disk against what was entered."""
        records = store.records()
        there = {record.id for record in records}
        self.check(SUBMISSIONS, self.acknowledged <= there, self.acknowledged - there, "is gone")
        self.check(SAME, there == set(self.flows), sorted(there ^ set(self.flows)))
        for record in records:
            flow = self.flows[record.id]
            row = (record.status, record.run, record.step)
            self.check(SAME, row[:2] == (flow.status, flow.run), record.id, *row, flow.status, flow.run)
            for step in store.steps(record.id):
                note = flow.steps.get(step.step)
                self.check(SAME, note is not None and note.kind is step.kind, record.id, "step", step.step)
                assert note is not None
                ends = (step.outcome if note.ended else None, step.applied, step.dropped, step.attempt)
                noted = (note.outcome, note.applied, note.dropped, note.attempt)
                self.check(ONCE, ends == noted, record.id, "step", step.step, ends, noted)

    def settle_requests(self) -> None:
        """At the end: everything that clients asked was carried out, or refused."""
        for number, request in self.requests.items():
            self.check(REQUESTS, number in self.handled, "request", request, "is not carried out")
