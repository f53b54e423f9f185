"""A turn as it gathers: the changes that go to disk together, and what is done once they are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from .._core.history import Micros, WorkflowStatus
from ..clock import Reading
from ..store import Checkpoint, Parent, id_taken_error
from ..store.rare_fields import Rare
from ..workers import Attempt, Completed
from .lifecycle import TrackedWorkflow
from .messages import FollowUp, Reply, RequestReceived, Submit

T = TypeVar("T")


def extended(some: Sequence[T], more: Sequence[T]) -> Sequence[T]:
    """Return both, one behind the other. Where ``some`` is a list, it grows: a turn of many changes stays linear."""
    if isinstance(some, list):
        some += more
        return some
    return [*some, *more]


class Change(Checkpoint):
    """The changes that a turn makes to one workflow, with the messages behind them and what follows from them."""

    #: The messages that led to it, kept to be tried again if the commit fails.
    triggers: Sequence[Completed | RequestReceived] = ()
    #: The workflow, where it is tracked, or will be once this is on disk.
    workflow: TrackedWorkflow | None = None
    #: Steps that are to be ended: only their workflow still waits for them.
    cancelling = Rare[Sequence[int]](())
    #: Where it ends out of memory: who waits for it.
    parent = Rare[Parent | None](None)
    #: What follows for other workflows, once it is on disk.
    follow_ups = Rare[Sequence[FollowUp]](())
    #: It was to be loaded, and turns out to rest on disk.
    rests = Rare[bool](False)
    #: Why it is stalled still, where it was tried again and that is on disk already.
    still_stalled = Rare[str | None](None)

    @property
    def changes_status(self) -> bool:
        """True where the workflow has another status, or begins another run, once this is on disk."""
        return self.status is not None or (bool(self.rare) and self.continued is not None)

    def answers(self, error: Exception | None) -> list[tuple[Reply, Exception | None]]:
        """Return the answers to the callers once it is on disk, or has failed with ``error``."""
        return [(trigger.reply, error) for trigger in self.triggers if isinstance(trigger, RequestReceived)]


class Creation:
    """The workflows of one submission: all of them are put on disk, or none."""

    __slots__ = ("changes", "rivals", "submit")

    def __init__(self, submit: Submit) -> None:
        self.submit = submit
        self.changes: list[Change] = []
        #: Later submissions of the turn that want an id of this one, and which.
        self.rivals: tuple[tuple[Submit, str], ...] = ()

    def answers(self, error: Exception | None) -> list[tuple[Reply, Exception | None]]:
        """Return the answers to the callers once it is on disk, or has failed with ``error``."""
        return [(self.submit.reply, error), *((rival.reply, error or id_taken_error(id)) for rival, id in self.rivals)]


#: What stands or falls together in a commit.
Unit: TypeAlias = Change | Creation


def changes_of(units: Sequence[Unit]) -> list[Change]:
    """Return all changes of units, in their order."""
    found: list[Change] = []
    for unit in units:
        if isinstance(unit, Creation):
            found += unit.changes
        else:
            found.append(unit)
    return found


class Turn:
    """All that a turn has gathered so far, to be committed and then carried out."""

    __slots__ = (
        "_by_workflow",
        "abandoned",
        "ahead",
        "attempts",
        "created",
        "leaving",
        "mark",
        "monotonic",
        "now",
        "reading",
        "replies",
        "units",
    )

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        #: The time by the system's clock, and by the one that measures how long something took.
        self.now, self.monotonic, _ = reading
        #: Add this to a moment for its time by the system's clock, as that goes now.
        self.ahead = self.now - self.monotonic
        #: Set on each attempt of which an end was taken in. (The turn itself would be a circle, which only the garbage
        #: collector could clear away.)
        self.mark = object()
        self.units: list[Unit] = []
        #: Attempts that are on disk, and are handed to the workers once the turn is over.
        self.attempts: list[Attempt] = []
        #: Attempts that may be running, and for which nobody waits any more; and whether their time ran out.
        self.abandoned: list[tuple[Attempt, bool]] = []
        #: Answers that wait until the turn is over.
        self.replies: list[tuple[Reply, Exception | None]] = []
        #: Ids of workflows that are new in this turn.
        self.created: set[str] = set()
        #: Workflows that leave memory once the turn is on disk.
        self.leaving: list[TrackedWorkflow] = []
        self._by_workflow: dict[str, Change] = {}

    def change(self, workflow_id: str, run: int = 0) -> Change:
        """Return the change of a workflow that is on disk; ``run`` may be left out where nothing in it needs one."""
        found = self._by_workflow.get(workflow_id)
        if found is None:
            found = self._by_workflow[workflow_id] = Change(workflow_id, run, None, self.now)
            self.units.append(found)
        elif run:
            found.run = run
        return found

    def time_of(self, moment: Micros) -> Micros:
        """Return the time of a moment by the system's clock, as that goes now."""
        return moment + self.ahead

    def changed(self, workflow_id: str) -> Change | None:
        """Return the change of a workflow; None where nothing of it has changed so far."""
        return self._by_workflow.get(workflow_id)

    def changes_status_of(self, workflow_id: str) -> bool:
        """Tell whether a workflow has another status, or begins another run, once this turn is on disk."""
        change = self._by_workflow.get(workflow_id)
        return change is not None and change.changes_status

    def ends(self, workflow_id: str) -> bool:
        """Tell whether a workflow ends with this turn."""
        change = self._by_workflow.get(workflow_id)
        return change is not None and change.status is not None and change.status.ended

    def resumes(self, workflow_id: str) -> bool:
        """Tell whether a workflow that was suspended or stalled goes on with this turn."""
        change = self._by_workflow.get(workflow_id)
        return change is not None and change.status is WorkflowStatus.PROCESSING

    def issued_by(self, workflow_id: str) -> set[int]:
        """Return the steps that a workflow has issued in this turn so far."""
        change = self._by_workflow.get(workflow_id)
        return set() if change is None else {step.number for step in change.issued}

    def close_created(self) -> None:
        """Close the generators of workflows that are new in this turn."""
        for change in (change for unit in self.units if isinstance(unit, Creation) for change in unit.changes):
            if change.workflow is not None and change.workflow.live is not None:
                change.workflow.live.execution.close()

    def creating(self, workflow_id: str) -> Creation | None:
        """Return the creation of a workflow in this turn."""
        new = (unit for unit in self.units if isinstance(unit, Creation))
        return next((unit for unit in new if any(one.workflow_id == workflow_id for one in unit.changes)), None)

    def creation(self, submit: Submit) -> Creation:
        """Begin the creation of workflows."""
        creation = Creation(submit)
        self.units.append(creation)
        return creation
