"""What the books of the simulation say of a workflow, a step and a signal."""

from __future__ import annotations

from dataclasses import dataclass, field
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

from .columns import RowNote

Status = WorkflowStatus


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
    #: Of the last heartbeat that is on disk.
    details: Payload | None = None
    input: Payload = ""
    source: str = ""
    scheduled_at: Micros = 0
    #: When it ended; and of the attempt before that which it is at, when that failed, and how.
    finished_at: Micros | None = None
    failed_at: Micros | None = None
    last_failure: Failure | None = None
    #: From when on the time of all attempts is counted, as it is on disk.
    counted_from: Micros | None = None
    #: By a clock that is never set back: when it might begin.
    ready_at: Micros = 0
    #: The place of an event by then it was cancelled, if its end is still waited for.
    cancelling: int | None = None

    def ends(self, outcome: Outcome | None, at: Micros) -> None:
        """It has ended; without an outcome, it was dropped."""
        self.outcome, self.finished_at = outcome, at
        self.last_failure = self.failed_at = None

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

    row: RowNote
    status: WorkflowStatus = Status.PROCESSING
    run: int = 1
    #: How many events were applied in the run,
    applied: int = 0
    #: and which.
    events: list[Event] = field(default_factory=list)
    steps: dict[int, StepNote] = field(default_factory=dict)
    signals: dict[int, SignalNote] = field(default_factory=dict)
    outcome: Outcome | None = None
    #: Why it is stalled.
    reason: str | None = None
    #: When it ended without cleaning up, since somebody terminated it.
    terminated_at: Micros | None = None
    #: Since when it could go on, for all that is known.
    since: Micros = 0
    #: The turn in which it got its status.
    settled_in: int = 0
    #: The latest run that was asked to end.
    cancelled_in: int = 0
    #: What `now()` gave to its code last.
    now: Micros = 0
    #: Whether it went back or was copied, and the owner has not heard of that yet.
    to_resume: bool = False

    @property
    def cancelled(self) -> bool:
        """Whether its run was asked to end."""
        return self.cancelled_in == self.run

    def goes_on(self, at: Micros) -> None:
        """It went back, or was copied: it goes on once the owner has found that."""
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


class Gone(NamedTuple):
    """The key of an activity whose workflow was deleted: equal to none of those that follow."""

    workflow_id: str
    run: int
    step: int
    deleted: bool = True
