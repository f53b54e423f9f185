"""What the scheduler and the orchestrator ask of storage.

A `Checkpoint` is all that one turn changes of one workflow. `Store.commit` takes the checkpoints of a turn and writes
all of them or none. `yieldflow.memory` keeps them in dictionaries, `yieldflow.sqlite` in a file.

Whoever is not the owner (a client in another process, say) changes nothing of a workflow that lives: it leaves a
`Request`, which the owner finds by `arrivals` and carries out. Anybody may rewind, fork or delete what has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol

from ._core.errors import RetryRefusedError, WorkflowAlreadyExistsError, WorkflowNotEndedError
from ._core.history import (
    TRANSITIONS,
    Event,
    Failure,
    History,
    Micros,
    OnParentEnd,
    Outcome,
    Payload,
    Signal,
    Started,
    Step,
    StepEnded,
    StepKind,
    StepStatus,
    WorkflowStatus,
)
from ._core.rare import NONE, Rare, RareFields
from .filter import EVERYTHING, Filter

#: In `Checkpoint.wake_at` and on disk: only a message wakes the workflow.
FOREVER: Micros = 2**63 - 1
#: In `Checkpoint.wake_at`: it stays as it is.
UNCHANGED: Micros = -1


class Parent(NamedTuple):
    """Whose child a workflow is."""

    workflow_id: str
    run: int
    #: The parent's step that waits for it.
    step: int
    on_parent_end: OnParentEnd = "cancel"


class Submission(NamedTuple):
    """A workflow to be put on disk."""

    workflow_id: str
    name: str
    #: The arguments by name.
    input: Payload
    #: What `uuid4` and `random` of the run derive from: see `seed_at`.
    seed: bytes
    created_at: Micros
    #: When it is to start, where not at once.
    starts_at: Micros | None = None
    #: When it is cancelled if it has not ended by then.
    deadline_at: Micros | None = None
    #: The version of its code.
    version: str | None = None
    parent: Parent | None = None
    #: Signals that are there from the beginning.
    signals: Sequence[Signal] = ()


class RequestKind(StrEnum):
    """What may be asked of a workflow that has not ended."""

    #: The payload is that of the signal, `Request.name` its name.
    SIGNAL = "signal"
    #: End, with cleanup; the payload is the reason, as text.
    CANCEL = "cancel"
    #: End without cleanup; the payload is the reason, as text.
    TERMINATE = "terminate"
    SUSPEND = "suspend"
    #: Go on: from a suspension, or after `Store.rewind` and `Store.fork`.
    RESUME = "resume"


class Request(NamedTuple):
    """Something asked of a workflow."""

    workflow_id: str
    kind: RequestKind
    at: Micros
    name: str | None = None
    payload: Payload | None = None
    #: Its number on disk, where a client left it there.
    number: int | None = None


class Arrivals(NamedTuple):
    """What others wrote since the last look."""

    #: Workflows that no turn has driven yet, in the order added: (id, `wake_at`).
    workflows: list[tuple[str, Micros | None]]
    #: Everything asked and not carried out yet, in the order asked.
    requests: list[Request]


class Current(NamedTuple):
    """The activity that a workflow waits for."""

    name: str
    attempt: int
    #: Type and message of the last attempt's failure.
    last_error: str | None = None
    #: When the attempt is, or was, due; None for the first one.
    due_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """A workflow as it stands on disk."""

    id: str
    name: str
    status: WorkflowStatus
    run: int
    seed: bytes
    input: Payload
    #: Name and arguments that it was submitted with: those of its first run.
    submitted: tuple[str, Payload]
    #: The value that it returned, or the failure that ended it.
    outcome: Outcome | None
    #: Why it is stalled.
    reason: str | None
    progress: Payload | None
    parent: Parent | None
    #: The version of the code that it was submitted with.
    version: str | None
    #: When it is cancelled if it has not ended by then.
    deadline_at: Micros | None
    created_at: Micros
    starts_at: Micros | None
    started_at: Micros | None
    finished_at: Micros | None
    #: When anything of it last changed.
    updated_at: Micros
    #: How many outcomes were applied.
    step: int
    #: The open activity with the lowest step number.
    current: Current | None
    #: Sessions in a row that took this workflow up and ended without a checkpoint of it.
    recovery_attempts: int
    #: Of an unfinished one: None while it must be in memory, a moment until which it rests, or `FOREVER`.
    wake_at: Micros | None = None
    #: Its row is damaged: this is what can be read of it, and `reason` says what is wrong.
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step as it stands on disk."""

    step: int
    kind: StepKind
    name: str
    status: StepStatus
    attempt: int
    input: Payload
    outcome: Outcome | None
    source: str
    #: How many events had been applied before the one that led to this step.
    turn: int
    #: The place of its outcome in the order applied, from 1; None while it is not applied.
    applied: int | None
    #: Of a cancelled step: the place of the event with which the workflow ceased to wait for it.
    dropped: int | None
    #: When a sleep ends, or the next attempt at an activity is, or was, due.
    due_at: Micros | None
    scheduled_at: Micros
    finished_at: Micros | None
    #: Of an open activity: why its last attempt failed, and when.
    last_failure: Failure | None = None
    failed_at: Micros | None = None
    #: The details of the last heartbeat.
    heartbeat: Payload | None = None
    #: Of an activity that is past its first attempt: see `OpenAttempt.counted_from`.
    counted_from: Micros | None = None
    #: When the attempt that ended last began, or one that has run for long, and on which worker.
    begun_at: Micros | None = None
    worker: str | None = None


class Rewind(NamedTuple):
    """How far a workflow is to go back: see `Store.rewind`."""

    workflow_id: str
    run: int
    #: The place of the first event to be undone,
    place: int
    #: and whether its outcome stays recorded, to be applied again.
    reapply: bool


class Pending(NamedTuple):
    """What a new session must know of an unfinished workflow, without building it."""

    workflow_id: str
    status: WorkflowStatus
    run: int
    #: When it is to start; None where it has started, or is to start at once.
    starts_at: Micros | None
    started: bool
    #: Whether something other than time and signals is waited for, or nothing at all is.
    active: bool
    #: Its open sleeps: (step, due).
    sleeps: Sequence[tuple[int, Micros]]
    recovery_attempts: int
    deadline_at: Micros | None = None
    #: The parent with which it was to end, where that has ended: it was terminated, and the process died before its
    #: children were asked to. None of a child that was rewound since its parent ended.
    orphan_of: str | None = None


class WorkflowBrief(NamedTuple):
    """The row of a workflow as the scheduler asks for it while it is not in memory: no step of it is looked at."""

    workflow_id: str
    name: str
    status: WorkflowStatus
    run: int
    #: Its first turn was driven.
    started: bool
    starts_at: Micros | None
    recovery_attempts: int
    wake_at: Micros | None
    parent: Parent | None


class Found(NamedTuple):
    """A workflow that must be in memory, found at the start of a session."""

    #: That of its row: the next page follows it.
    number: int
    workflow_id: str
    recovery_attempts: int


class Sleeper(NamedTuple):
    """A workflow that rests until a moment."""

    wake_at: Micros
    #: That of its row: the next page follows (wake_at, number).
    number: int
    workflow_id: str


class OpenAttempt(NamedTuple):
    """How far an open activity is."""

    #: Which attempt it is at, from 1.
    number: int
    #: When that is due; None for the first one, which is due at once.
    due_at: Micros | None = None
    #: The details of the last heartbeat.
    details: Payload | None = None
    #: Until when its life is known: the latest time that its row has.
    known_until: Micros = 0
    #: From when on the time of all attempts is counted: when the step was issued, or later by as much as did not count.
    counted_from: Micros | None = None


class Loaded(NamedTuple):
    """Everything that a workflow is built from."""

    record: WorkflowRecord
    history: History
    #: Outcomes that are on disk and were not applied, in the order in which they came.
    recorded: Sequence[StepEnded] = ()
    #: Signals that it has not received, in order.
    signals: Sequence[Signal] = ()
    #: The highest number that a signal of it has on disk, received or not; 0 where there is none.
    last_signal: int = 0
    #: The open activities of which something is on disk, by step.
    attempts: Mapping[int, OpenAttempt] = MappingProxyType({})
    #: The parent with which it was to end, where that has ended. None of a child that was rewound since then.
    orphan_of: str | None = None


class Retried(NamedTuple):
    """An attempt that failed and is followed by another."""

    step: int
    failure: Failure
    #: When it failed.
    at: Micros
    #: Which one follows, and when.
    following: OpenAttempt


class Continued(NamedTuple):
    """The next run of a workflow."""

    name: str
    input: Payload
    seed: bytes
    version: str | None = None


#: Nothing is known of any attempt.
_NO_ATTEMPTS: Mapping[int, tuple[Micros, str]] = MappingProxyType({})


class Checkpoint:
    """What one turn changes of one workflow. A field left as it is changes nothing.

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
        #: What was applied, in this order, and the place of the first of them; that of a run's start is 0.
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
        #: Of attempts that end with this checkpoint: when they began, and on which worker, by step.
        self.begun_by: Mapping[int, tuple[Micros, str]] = _NO_ATTEMPTS
        self.rare: RareFields = NONE

    @property
    def started_at(self) -> Micros | None:
        """When the run's first turn was driven, if in this one."""
        first = self.events[0] if self.events and self.place == 0 else None
        return first.at if isinstance(first, Started) else None

    @property
    def finished_at(self) -> Micros | None:
        """When the workflow ended, if in this turn."""
        return self.at if self.status is not None and self.status.ended else None

    @property
    def empty(self) -> bool:
        """Whether it changes nothing of the workflow: at most, requests were carried out."""
        common = (self.created, self.status, self.recovery_attempts, self.wake_at)
        return (
            common == (None, None, None, UNCHANGED)
            and not (self.events or self.issued)
            and not any(value for name, value in self.rare.items() if name != "handled")
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


def check_rewindable(workflow_id: str, status: str) -> None:
    """See that a workflow of this status may go back, by the table of transitions.

    Raises:
        WorkflowNotEndedError: It is under way, or suspended.
        RetryRefusedError: It is done.
    """
    if status == WorkflowStatus.DONE:
        raise RetryRefusedError(f"workflow {workflow_id} is done by now: only one that failed can go back")
    if status == WorkflowStatus.SUSPENDED or WorkflowStatus.PROCESSING not in TRANSITIONS[WorkflowStatus(status)]:
        raise WorkflowNotEndedError(
            f"workflow {workflow_id} is {status}: only one that failed, was cancelled or stalled can go back"
        )


def id_taken_error(workflow_id: str) -> WorkflowAlreadyExistsError:
    """What whoever adds a workflow is told where another has its id."""
    return WorkflowAlreadyExistsError(f"there is a workflow with the id {workflow_id!r} already")


class Store(Protocol):
    """Where workflows are kept.

    The scheduler's thread calls the methods of the first group; any thread may call those of the second.
    All raise `StorageError` where the medium fails.
    """

    # ------------------------------------------------------------------ the scheduler's

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write all checkpoints in one transaction, durably: at most one of each workflow.

        Raises:
            WorkflowAlreadyExistsError: A new workflow's id is taken. Nothing was written.
            RefusedValueError: A value cannot be written by this store, or a status may not follow that on disk. Nothing
                was written.
            StorageError: The medium failed. Nothing was written.
        """

    def load(self, workflow_id: str) -> Loaded | None:
        """All that a workflow is built from, of its current run; None where there is no such workflow.

        Raises:
            DamagedRowError: A row of it cannot be read as what it should be.
            StorageError: The medium failed.
        """

    def unfinished(self) -> list[Pending]:
        """Every workflow that has not ended, oldest first."""

    def brief(self, workflow_id: str) -> WorkflowBrief | None:
        """Read the row of a workflow, and none of its steps; None where there is no such workflow.

        Raises:
            DamagedRowError: One of these columns cannot be read as what it should be.
        """

    def pending(self, after: int, limit: int) -> list[Found]:
        """Unfinished workflows that must be in memory: at most ``limit``, by number, of numbers above ``after``.

        One whose row is damaged is told of, too: `load` says what is wrong with it.
        """

    def sleepers(self, after: tuple[Micros, int], until: Micros, limit: int) -> list[Sleeper]:
        """Workflows that rest until a moment no later than ``until``, which is before `FOREVER`, soonest first.

        Args:
            after: The (wake_at, number) that they are behind.
            until: The last moment.
            limit: At most so many.
        """

    def wake_stalled(self, name: str | None = None) -> list[str]:
        """Have stalled workflows, of that name or all, be in memory, to be tried again; their ids."""

    def arrivals(self) -> Arrivals:
        """What clients added since the last call. Requests are told of until a commit says that they are handled.

        Costs a glance where nothing was written by others since. The first call tells of all that start at once,
        whoever added them, and a call after workflows were deleted may tell of all. `sleepers` tells of those that
        start later and were there when the store was opened.
        """

    def ended_children(self, workflow_id: str, run: int) -> list[WorkflowRecord]:
        """The children of a run that have ended, in the order in which they did."""

    def open_children(self, workflow_id: str, run: int) -> list[str]:
        """The ids of those that have not."""

    # ------------------------------------------------------------------ anyone's

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Add workflows as a client: all or none, for the owner to find by `arrivals`.

        Raises:
            WorkflowAlreadyExistsError: An id is taken. Nothing was written.
        """

    def ask(self, requests: Sequence[Request]) -> None:
        """Ask something of workflows as a client, for the owner to find by `arrivals`: all or none.

        Raises:
            WorkflowNotFoundError: There is no such workflow. Nothing was written.
            WorkflowEndedError: It has ended. Nothing was written.
        """

    def rewind(
        self,
        workflow_id: str,
        run: int,
        place: int,
        *,
        reapply: bool,
        at: Micros,
        children: Sequence[Rewind] = (),
        undone: Sequence[str] = (),
    ) -> None:
        """Have a workflow that failed, was cancelled or stalled go on from before the event at ``place``.

        A request to resume is left for the owner. What was applied from there on is undone: steps issued because of it
        are deleted, outcomes applied then are forgotten (their steps are open again; signals received go back among
        those that wait, in the order received), steps dropped then are open again, requests applied then are forgotten.
        With ``reapply`` the outcome at ``place`` itself stays recorded, to be applied again (unless it was a signal:
        that waits again). The outcome of the workflow, its reason and its deadline are cleared, and its recovery
        attempts are counted anew.

        In the same transaction ``children``, each behind its parent, go back in the same way, and ``undone``, children
        that are to be started anew, are deleted with their descendants. What goes back while its parent does not wait
        for it no longer ends with that, until the parent goes back too.

        Raises:
            WorkflowNotFoundError: There is no such workflow. Nothing was changed.
            WorkflowNotEndedError: One that is to go back is neither ended nor stalled, or is in another run by now; or
                one that is to be deleted has not ended. Nothing was changed.
            RetryRefusedError: One that is to go back is done. Nothing was changed.
        """

    def fork(self, workflow_id: str, run: int, place: int, new: Submission) -> None:
        """Add a workflow that is a copy of another as it stood before the event at ``place``, and a request to resume.

        ``new`` gives id, name, input, seed, version and time; where ``place`` is 0, nothing but the signals is copied
        and it starts anew, as its first run; the run's number is kept otherwise. Steps open then are open in the copy,
        and so are those whose outcome was recorded and not applied. Signals received later are among those that wait
        in the copy, before those that still wait in the original. The copy has no parent and no progress.

        Raises:
            WorkflowNotFoundError: There is no such workflow, or it is in another run by now.
            WorkflowAlreadyExistsError: The id of the copy is taken.
        """

    def delete(self, workflow_ids: Sequence[str]) -> int:
        """Delete ended workflows with all that is theirs, and their descendants; how many were deleted.

        Raises:
            WorkflowNotFoundError: One is not there. Nothing was deleted.
            WorkflowNotEndedError: One, or a descendant, has not ended; or the run of the parent that started one has
                not, and may not have received its result yet. Nothing was deleted.
        """

    def purgeable(self, before: Micros | None, statuses: frozenset[WorkflowStatus]) -> list[str]:
        """Workflows that ended so, before that time (None: at any), and that no parent may wait for.

        A parent waits for none once it has ended, is gone, or is in another run.
        """

    def snapshot(self, workflow_id: str) -> Loaded | None:
        """The same as `load`, for any thread."""

    def record(self, workflow_id: str) -> WorkflowRecord | None:
        """A workflow's row; None where there is no such workflow."""

    def records(self, which: Filter = EVERYTHING) -> list[WorkflowRecord]:
        """The rows of the workflows asked for, in the order asked for.

        Raises:
            WorkflowNotFoundError: The workflow that a page is to follow is not there any more.
        """

    def steps(self, workflow_id: str) -> list[StepRecord]:
        """The steps of a workflow's current run, by number."""

    def close(self) -> None:
        """Let go of everything; a second call does nothing."""
