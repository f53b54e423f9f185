"""The values that change what is stored: a `Checkpoint` is all that one turn changes of one workflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .._core.errors import RetryRefusedError, WorkflowAlreadyExistsError, WorkflowNotEndedError
from .._core.history import (
    TRANSITIONS,
    Event,
    Failure,
    Micros,
    Outcome,
    Payload,
    Signal,
    Started,
    Step,
    StepEnded,
    WorkflowStatus,
)
from .rare_fields import NONE, Rare, RareFields
from .records import OpenAttempt, Submission

#: In `Checkpoint.wake_at`: it stays as it is.
UNCHANGED: Micros = -1


class Retried(NamedTuple):
    """An attempt that failed and is followed by another."""

    step: int
    failure: Failure
    #: When it failed.
    at: Micros
    #: The attempt that follows, and when.
    following: OpenAttempt


class Continued(NamedTuple):
    """The next run of a workflow."""

    name: str
    input: Payload
    seed: bytes
    version: str | None = None


class Checkpoint:
    """The changes of one turn to one workflow. A field left as it is changes nothing.

    Args:
        workflow_id: The workflow.
        run: Its run.
        created: The workflow is new: its row is inserted.
        at: The time of the turn: of all that is changed.
        recovery_attempts: The new count; None leaves it as it is.
    """

    __slots__ = (
        "at",
        "begun_by",
        "created",
        "events",
        "issued",
        "outcome",
        "place",
        "rare",
        "reason",
        "recovery_attempts",
        "run",
        "status",
        "wake_at",
        "workflow_id",
    )

    #: Steps that the workflow no longer waits for: (step, place of the event with which it ceased to).
    cancelled = Rare[Sequence[tuple[int, int]]](())
    #: Outcomes to be kept for later, since the workflow cannot receive them now.
    recorded = Rare[Sequence[StepEnded]](())
    #: Attempts that failed, and are followed by others.
    retried = Rare[Sequence[Retried]](())
    #: Heartbeats: (step, details).
    heartbeats = Rare[Sequence[tuple[int, Payload]]](())
    #: Attempts that run on: (step, when they began, on which worker). A step that is not open is passed over.
    begun = Rare[Sequence[tuple[int, Micros, str]]](())
    #: Workflows that it starts: they are put on disk with it.
    children = Rare[Sequence[Submission]](())
    #: Signals to be kept (one with the number 0 gets the next that is free),
    signals = Rare[Sequence[Signal]](())
    #: and those that it received: (number, place of the event that gave it to the workflow).
    received = Rare[Sequence[tuple[int, int]]](())
    #: Numbers of requests that were carried out.
    handled = Rare[Sequence[int]](())
    progress = Rare[Payload | None](None)
    #: Names for which `patched` was True for the first time.
    patches = Rare[Sequence[str]](())
    #: The run is over and this one begins: the steps, inputs and patches of the old one are deleted, the signals stay.
    #: `run` is the old one's number.
    continued = Rare[Continued | None](None)
    #: Workflows that this one wakes, after all that the commit changes: those that are processing, and have started,
    #: must be in memory from now on. Others, and what is not there, stay as they are.
    wakes = Rare[Sequence[str]](())
    #: With an end: the children of this run that were to end with it must be in memory, whatever their status, so that
    #: the next session finds them although this one may not come to ask them to end.
    orphans = Rare[bool](False)

    def __init__(
        self,
        workflow_id: str,
        run: int = 1,
        created: Submission | None = None,
        at: Micros = 0,
        recovery_attempts: int | None = None,
    ) -> None:
        self.workflow_id = workflow_id
        self.run = run
        self.created = created
        self.at = at
        #: The events that were applied, in this order, and the place of the first of them; that of a run's start is 0.
        self.events: Sequence[Event] = ()
        self.place = 0
        #: Steps issued.
        self.issued: Sequence[Step] = ()
        self.status: WorkflowStatus | None = None
        #: With a status that ends the workflow: how it ended. With done it is a value.
        self.outcome: Outcome | None = None
        #: With the status stalled: why.
        self.reason: str | None = None
        self.recovery_attempts = recovery_attempts
        #: The new `WorkflowRecord.wake_at`. Without one, a created workflow has its `starts_at`; one that ends has
        #: `FOREVER`, and one that is continued None, whatever is said here.
        self.wake_at: Micros | None = UNCHANGED
        #: By step, when each attempt that ends with this checkpoint began, and on which worker.
        self.begun_by: dict[int, tuple[Micros, str]] = {}
        self.rare: RareFields = NONE

    @property
    def started_at(self) -> Micros | None:
        """The time of the run's first turn, if it is this one."""
        first = self.events[0] if self.events and self.place == 0 else None
        return first.at if isinstance(first, Started) else None

    @property
    def finished_at(self) -> Micros | None:
        """The time of the workflow's end, if it is in this turn."""
        return self.at if self.status is not None and self.status.ended else None

    @property
    def empty(self) -> bool:
        """True if the workflow stays as it is: at most, requests were carried out, and others are woken."""
        common = (self.created, self.status, self.recovery_attempts, self.wake_at)
        return (
            common == (None, None, None, UNCHANGED)
            and not (self.events or self.issued)
            and not any(value for name, value in self.rare.items() if name not in ("handled", "wakes"))
        )


def statuses_before(after: WorkflowStatus) -> frozenset[WorkflowStatus]:
    """The statuses that a checkpoint may change to ``after``, by the table of transitions.

    A turn may have a workflow go on and come to another status at once, so that a stalled one is found done. What has
    ended changes by no checkpoint: it is rewound by `Store.rewind`.
    """
    processing = WorkflowStatus.PROCESSING
    by_way_of_processing = {processing, *TRANSITIONS[processing]}
    return frozenset(
        before
        for before, following in TRANSITIONS.items()
        if not before.ended
        and (after in {before, *following} or (processing in following and after in by_way_of_processing))
    )


#: The statuses from which `Store.rewind` has a workflow go on. (What is suspended is resumed.)
REWINDABLE = frozenset(
    before
    for before, following in TRANSITIONS.items()
    if WorkflowStatus.PROCESSING in following and before is not WorkflowStatus.SUSPENDED
)


def check_rewindable(workflow_id: str, status: str) -> None:
    """See that a workflow of this status may go back, by the table of transitions.

    Raises:
        WorkflowNotEndedError: It is under way, or suspended.
        RetryRefusedError: It is done.
    """
    if status == WorkflowStatus.DONE:
        raise RetryRefusedError(f"workflow {workflow_id} is done by now: only one that failed can go back")
    if status not in REWINDABLE:
        raise WorkflowNotEndedError(
            f"workflow {workflow_id} is {status}: only one that failed, was cancelled or stalled can go back"
        )


def id_taken_error(workflow_id: str) -> WorkflowAlreadyExistsError:
    """Return the error for a workflow whose id another one has."""
    return WorkflowAlreadyExistsError(f"there is a workflow with the id {workflow_id!r} already")
