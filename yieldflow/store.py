"""What the scheduler and the orchestrator ask of storage.

A `Checkpoint` is all that one turn changes of one workflow. `Store.commit` takes the checkpoints of a turn and writes
all of them or none. `yieldflow.memory` keeps them in dictionaries, `yieldflow.sqlite` in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ._core.history import Event, History, Micros, Outcome, Payload, Step, StepKind, StepStatus, WorkflowStatus


class Submission(NamedTuple):
    """A workflow to be put on disk."""

    workflow_id: str
    name: str
    #: The arguments by name.
    input: Payload
    #: 128 random bits: what `uuid4` and `random` of the run derive from.
    seed: bytes
    created_at: Micros
    #: When it is to start, where not at once.
    starts_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """A workflow as it stands on disk."""

    id: str
    name: str
    status: WorkflowStatus
    run: int
    seed: bytes
    input: Payload
    #: The value that it returned, or the failure that ended it.
    outcome: Outcome | None
    #: Why it is stalled.
    reason: str | None
    progress: Payload | None
    #: The parent's id, where it is a child.
    parent: str | None
    created_at: Micros
    starts_at: Micros | None
    started_at: Micros | None
    finished_at: Micros | None
    #: When anything of it last changed.
    updated_at: Micros
    #: How many outcomes were applied.
    step: int
    #: The name of the open activity with the lowest step number.
    current_activity: str | None
    #: Sessions in a row that took this workflow up and ended without a checkpoint of it.
    recovery_attempts: int


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
    due_at: Micros | None
    scheduled_at: Micros
    finished_at: Micros | None


class Pending(NamedTuple):
    """What a new session must know of an unfinished workflow, without building it."""

    workflow_id: str
    status: WorkflowStatus
    run: int
    #: When it is to start; None where it has started, or is to start at once.
    starts_at: Micros | None
    started: bool
    #: Whether a step other than a sleep is open, or nothing at all is.
    active: bool
    #: Its open sleeps: (step, due).
    sleeps: Sequence[tuple[int, Micros]]
    recovery_attempts: int


@dataclass(slots=True)
class Checkpoint:
    """What one turn changes of one workflow. A field left as it is changes nothing."""

    workflow_id: str
    run: int = 1
    #: The workflow is new: its row is inserted.
    created: Submission | None = None
    #: The time of the turn: of all below.
    at: Micros = 0
    #: What was applied, in this order, and the place of the first of them; that of a run's start is 0.
    events: Sequence[Event] = ()
    place: int = 0
    #: Steps issued.
    issued: Sequence[Step] = ()
    #: Steps that the workflow no longer waits for.
    cancelled: Sequence[int] = ()
    status: WorkflowStatus | None = None
    #: With a status that ends the workflow: how it ended. With done it is a value.
    outcome: Outcome | None = None
    #: With the status stalled: why.
    reason: str | None = None
    recovery_attempts: int | None = None

    @property
    def started_at(self) -> Micros | None:
        """When the run's first turn was driven, if in this one."""
        return self.events[0].at if self.events and self.place == 0 else None

    @property
    def finished_at(self) -> Micros | None:
        """When the workflow ended, if in this turn."""
        return self.at if self.status is not None and self.status.ended else None


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
            RefusedValueError: A value cannot be written by this store. Nothing was written.
            StorageError: The medium failed. Nothing was written.
        """

    def load(self, workflow_id: str) -> tuple[WorkflowRecord, History] | None:
        """A workflow's row and the history of its current run; None where there is no such workflow.

        Raises:
            DamagedRowError: A row of it cannot be read as what it should be.
            StorageError: The medium failed.
        """

    def unfinished(self) -> list[Pending]:
        """Every workflow that has not ended, oldest first."""

    def arrivals(self) -> list[str]:
        """Ids of workflows that clients added since the last call and that no turn has driven yet, oldest first.

        Costs a glance where nothing was written by others since. The first call tells of all, whoever added them.
        """

    # ------------------------------------------------------------------ anyone's

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Add workflows as a client: all or none, for the owner to find by `arrivals`.

        Raises:
            WorkflowAlreadyExistsError: An id is taken. Nothing was written.
        """

    def record(self, workflow_id: str) -> WorkflowRecord | None:
        """A workflow's row; None where there is no such workflow."""

    def records(self, name: str | None = None) -> list[WorkflowRecord]:
        """The rows of all workflows, or of those of one name, newest first."""

    def steps(self, workflow_id: str) -> list[StepRecord]:
        """The steps of a workflow's current run, by number."""

    def close(self) -> None:
        """Let go of everything; a second call does nothing."""
