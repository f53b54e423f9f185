"""The books of the simulation: what is on disk, what was acknowledged, and what was done, noted from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from tests.support.engine import SECOND
from yieldflow._core.history import (
    CancelRequested,
    Event,
    Failure,
    Micros,
    Outcome,
    Payload,
    StepKind,
    WorkflowStatus,
)
from yieldflow.clock import Clock
from yieldflow.store import Checkpoint, Parent, Request, RequestKind, Submission
from yieldflow.workers import Attempt, Key

from .attempts import Attempts, Recoveries
from .promises import Promise, Violation

Status = WorkflowStatus

#: The reason of a workflow whose code is not there yet.
UNREGISTERED = "no workflow named 'late' is registered"
#: The reasons for which a workflow may stall, by a part of each.
STALLS = (
    "a value cannot be stored: too big",
    "times in a row the process died",
    UNREGISTERED,
)


#: The columns of a workflow that a `RowNote` has too,
ROW = attrgetter(
    *("name", "input", "submitted", "seed", "version", "parent", "created_at", "starts_at", "deadline_at"),
    *("started_at", "finished_at", "progress", "recovery_attempts"),
)
_STEP = ("kind", "name", "input", "source", "turn", "attempt", "outcome", "applied", "dropped", "scheduled_at")
_LAST = ("finished_at", "failed_at", "last_failure", "counted_from")
#: those of a step, and where a note has them.
STEP = attrgetter(*_STEP, *_LAST, "heartbeat")
NOTE = attrgetter(*_STEP, *_LAST, "details")


@dataclass(slots=True)
class RowNote:
    """The row of a workflow, without status and progress of its run."""

    name: str
    input: Payload
    #: Name and arguments of its first run.
    submitted: tuple[str, Payload]
    seed: bytes
    version: str | None
    parent: Parent | None
    created_at: Micros
    starts_at: Micros | None
    deadline_at: Micros | None
    started_at: Micros | None = None
    finished_at: Micros | None = None
    progress: Payload | None = None
    recovery_attempts: int = 0
    patches: frozenset[str] = frozenset()
    #: It no longer ends with its parent, since it went back while the parent did not wait for it.
    released: bool = False

    @staticmethod
    def of(new: Submission) -> RowNote:
        """Return the row of a new workflow."""
        submitted = new.name, new.input
        return RowNote(
            *(new.name, new.input, submitted, new.seed, new.version, new.parent),
            *(new.created_at, new.starts_at, new.deadline_at),
        )

    def enter(self, checkpoint: Checkpoint) -> None:
        """Enter a checkpoint."""
        if checkpoint.started_at is not None:
            self.started_at = checkpoint.started_at
        if checkpoint.status is not None:
            self.finished_at = checkpoint.finished_at
        if checkpoint.recovery_attempts is not None:
            self.recovery_attempts = checkpoint.recovery_attempts
        if checkpoint.rare:
            self._enter_rare(checkpoint)

    def _enter_rare(self, checkpoint: Checkpoint) -> None:
        if checkpoint.progress is not None:
            self.progress = checkpoint.progress
        if checkpoint.patches:
            self.patches = self.patches.union(checkpoint.patches)
        if checkpoint.continued is not None:
            self.name, self.input, self.seed, self.version = checkpoint.continued
            self.started_at = self.finished_at = None
            self.patches = frozenset()

    def release(self) -> None:
        """Have it no longer end with its parent, if it was to."""
        if self.parent is not None and self.parent.on_parent_end == "cancel":
            self.parent, self.released = self.parent._replace(on_parent_end="abandon"), True

    def bind(self) -> None:
        """Have it end with its parent again, which waits for it once more."""
        if self.parent is not None and self.released:
            self.parent, self.released = self.parent._replace(on_parent_end="cancel"), False


@dataclass(slots=True)
class StepNote:
    """A step."""

    kind: StepKind
    name: str
    turn: int
    #: When a sleep ends, or the next attempt is due.
    due_at: Micros = 0
    attempt: int = 1
    #: The outcome recorded or applied.
    outcome: Outcome | None = None
    applied: int | None = None
    dropped: int | None = None
    #: The details of the last heartbeat on disk.
    details: Payload | None = None
    input: Payload = ""
    source: str = ""
    scheduled_at: Micros = 0
    #: When it ended; when the attempt before the present one failed, and how.
    finished_at: Micros | None = None
    failed_at: Micros | None = None
    last_failure: Failure | None = None
    #: The start of the time of all attempts, as it is on disk.
    counted_from: Micros | None = None
    #: When it might begin, by the clock that stands still while the machine sleeps.
    ready_at: Micros = 0
    #: When it was issued, as time passes.
    issued_at: Micros = 0
    #: The place of the event with which it was cancelled, if its end is still waited for.
    cancelling: int | None = None

    def ends(self, outcome: Outcome | None, at: Micros) -> None:
        """Enter its end; without an outcome, it was dropped."""
        self.outcome, self.finished_at = outcome, at
        self.last_failure = self.failed_at = None

    @property
    def is_open(self) -> bool:
        """It was neither applied nor dropped."""
        return self.applied is None and self.dropped is None

    @property
    def ended(self) -> bool:
        """No attempt of it may begin any more."""
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

    row: RowNote
    status: WorkflowStatus = Status.PROCESSING
    run: int = 1
    #: The number of events applied in the run,
    applied: int = 0
    #: and the events.
    events: list[Event] = field(default_factory=list)
    steps: dict[int, StepNote] = field(default_factory=dict)
    signals: dict[int, SignalNote] = field(default_factory=dict)
    outcome: Outcome | None = None
    #: Why it is stalled.
    reason: str | None = None
    #: When it was terminated, so ended without cleaning up, as time passes.
    terminated_at: Micros | None = None
    #: The earliest moment from which it could go on, as time passes.
    since: Micros = 0
    #: It was not at work when the system's clock was set: from when on a time counts that it waits for is not known.
    uncertain: bool = False
    #: The turn in which it got its status.
    settled_in: int = 0
    #: The latest run that was asked to end.
    cancelled_in: int = 0
    #: The last time that `now()` gave to its code.
    now: Micros = 0
    #: It went back or was copied, and the owner has not found that yet.
    to_resume: bool = False

    @property
    def cancelled(self) -> bool:
        """Its run was asked to end."""
        return self.cancelled_in == self.run

    def goes_on(self, at: Micros) -> None:
        """Enter that it went back or was copied: it goes on once the owner has found that."""
        self.since, self.to_resume = at + SECOND, True
        self.now = max((event.at for event in self.events), default=0)
        self.cancelled_in = self.run if any(isinstance(one, CancelRequested) for one in self.events) else 0


class Sent(NamedTuple):
    """A signal on its way."""

    workflow_id: str
    payload: Payload
    sent_at: int
    #: When its sender heard that it is on disk.
    acknowledged_at: int


class ChildEnd(NamedTuple):
    """The end of a child."""

    id: str
    status: WorkflowStatus
    outcome: Outcome | None
    reason: str | None


class Gone(NamedTuple):
    """The key of an activity whose workflow was deleted: equal to none of those that follow."""

    workflow_id: str
    run: int
    step: int
    deleted: bool = True


class Books:
    """All that is known of the disk, the clients and the workers, whatever the engine believes."""

    def __init__(self) -> None:
        self.flows: dict[str, FlowNote] = {}
        #: The workflows that were written since the disk was last compared.
        self.changed: set[str] = set()
        #: The number of checks of each promise.
        self.checked: Counter[str] = Counter()
        #: The outcomes of an activity's attempts, by their number.
        self.effects: dict[Key, dict[int, list[Outcome]]] = {}
        #: The last attempt that was begun of each activity.
        self.last_begun: dict[Key, Attempt] = {}
        self.recoveries = Recoveries(partial(self.check, Promise.RECOVERIES))
        self.attempts = Attempts(partial(self.check, Promise.REASONS))
        self.clock = Clock()
        #: What was waited for when the system's clock was set: the time, and the moment of it, as time passes.
        self._kept: dict[tuple[str, int, int | str], tuple[Micros, Micros]] = {}
        #: When it was set: a point in time may have been passed over.
        self._set_at: Micros = 0
        self.requests: dict[int, Request] = {}
        self.handled: set[int] = set()
        #: Requests that clients left on disk and the engine has not found, each with a count.
        self.left: Counter[Request] = Counter()
        self.sent: list[Sent] = []
        #: The owner of each idempotency key, and the event from which on a fork draws its own.
        self.keys: dict[str, Key | Gone] = {}
        self.forked_at: dict[str, int] = {}
        #: The turn in which each key was drawn first.
        self.drawn_in: dict[str, int] = {}
        self.acknowledged: set[str] = set()
        #: In this turn the engine cannot know what clients asked.
        self.unreadable = False
        #: When the sender of a signal heard that it is on disk, as time passes.
        self.acknowledged_at: dict[Payload, Micros] = {}
        #: The submissions of each call.
        self.together: list[Sequence[Submission]] = []
        #: Every signal that was ever kept.
        self.kept: Counter[tuple[str, Payload]] = Counter()
        #: Kind and payload of all calls of clients, answered or not, by workflow.
        self.called: dict[str, set[tuple[RequestKind, Payload | None]]] = {}
        #: The runs with which a workflow ended.
        self.over: set[tuple[str, int]] = set()
        #: The ends of children, by the step of the parent that started them.
        self.ends: dict[Key, list[ChildEnd]] = {}
        #: Ends that no waiter was told of yet.
        self.untold: dict[str, tuple[WorkflowStatus, Outcome | None]] = {}
        #: The number of the turn.
        self.turn = 0
        #: Nothing may be late from this moment on; something went wrong shortly before.
        self.calm_from: Micros = 0
        #: The step that a client who retries or forks has named.
        self.named: int | None = None
        #: Adds a line to the trace.
        self.trace: Callable[..., None] = lambda *what: None

    def check(self, promise: Promise, holds: bool, *what: object) -> None:
        """Raise a `Violation` unless a promise holds."""
        self.checked[promise] += 1
        if not holds:
            raise Violation(promise, " ".join(map(str, what)))

    # ------------------------------------------------------------------ time

    def passed(self) -> Micros:
        """Return the time that has passed, whatever the system's clock shows."""
        return self.clock.boottime()

    def moment_of(self, id: str, run: int, what: int | str, due_at: Micros) -> Micros:
        """Return when time will have passed until something is due, by its number or name."""
        there, moment = self._kept.get((id, run, what), (None, 0))
        return moment if there == due_at else due_at - self.clock.now() + self.passed()

    def begin_session(self) -> None:
        """Enter the start of another process, which goes by the system's clock for all that it finds."""
        self._kept.clear()
        for flow in self.flows.values():
            flow.uncertain = False

    def clock_is_set(self, is_live: Callable[[str], bool]) -> None:
        """Enter, right before, that the system's clock is set: what a process saw begin lasts no longer and no less."""
        self._set_at = self.passed()
        for id, flow in self.flows.items():
            if not is_live(id) or flow.status is not Status.PROCESSING:
                flow.uncertain = True
                continue
            waits: dict[int | str, Micros | None] = {
                number: step.due_at
                for number, step in flow.steps.items()
                if step.is_open and step.name != "sleep_until"
            }
            waits["deadline"] = flow.row.deadline_at
            moments = {
                (id, flow.run, what): (due_at, self.moment_of(id, flow.run, what, due_at))
                for what, due_at in waits.items()
                if due_at
            }
            self._kept.update(moments)

    def check_in_time(self, promise: Promise, flow: FlowNote, moment: Micros, *what: object) -> None:
        """Check that something does not come before it is due."""
        self.check(promise, flow.uncertain or self.passed() >= moment, *what, "at", self.passed(), "not", moment)

    def check_on_time(self, flow: FlowNote, moment: Micros, *what: object) -> None:
        """Check that something came when due, or as soon as its workflow could go on and nothing went wrong."""
        latest = max(moment, flow.since, self.calm_from, self._set_at)
        on_time = flow.uncertain or self.passed() <= latest
        self.check(Promise.PUNCTUAL, on_time, *what, "at", self.passed(), "not at", latest)
