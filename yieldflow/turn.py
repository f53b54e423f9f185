"""What goes into a turn of the scheduler, what it gathers, and what is told after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from ._core.errors import WorkflowAlreadyExistsError
from ._core.history import Micros, Outcome, WorkflowStatus
from .store import Checkpoint, Submission
from .workers import Completed, Task


class Submit(NamedTuple):
    """A caller wants workflows put on disk, all or none."""

    submissions: Sequence[Submission]
    #: Called when it is settled: with None once they are on disk, or with what went wrong.
    reply: Callable[[Exception | None], None]


class Registered(NamedTuple):
    """A workflow was registered under this name: those that stalled may go on."""

    name: str


#: What the inbox holds.
Message: TypeAlias = Submit | Registered | Completed


class Ended(NamedTuple):
    """What is told of a workflow that ended or stalled, once that is on disk."""

    workflow_id: str
    status: WorkflowStatus
    outcome: Outcome | None = None
    #: Why it stalled.
    reason: str | None = None


class Unit:
    """What stands or falls together in a commit: the changes of one workflow, or one submission."""

    __slots__ = ("causes", "checkpoints", "rivals", "submit")

    def __init__(self, checkpoints: list[Checkpoint], submit: Submit | None = None) -> None:
        self.checkpoints = checkpoints
        #: The outcomes behind the changes, kept to be tried again if the commit fails.
        self.causes: list[Completed] = []
        self.submit = submit
        #: Later submissions of the turn that want an id of this one, and which.
        self.rivals: tuple[tuple[Submit, str], ...] = ()

    def answers(self, error: Exception | None) -> list[tuple[Submit, Exception | None]]:
        """What the submitters are to hear once the unit is on disk, or has failed with ``error``."""
        if self.submit is None:
            return []
        return [(self.submit, error), *((rival, error or taken(wanted)) for rival, wanted in self.rivals)]


def taken(workflow_id: str) -> WorkflowAlreadyExistsError:
    """What a submitter is told whose id another workflow has."""
    return WorkflowAlreadyExistsError(f"there is a workflow with the id {workflow_id!r} already")


class Turn:
    """What a turn has gathered so far."""

    __slots__ = ("_by_workflow", "now", "replies", "tasks", "units")

    def __init__(self, now: Micros) -> None:
        self.now = now
        self.units: list[Unit] = []
        #: What is on disk and to be begun once the turn is over.
        self.tasks: list[Task] = []
        #: Answers that wait until the turn is over.
        self.replies: list[tuple[Submit, Exception | None]] = []
        self._by_workflow: dict[str, Unit] = {}

    def unit(self, workflow_id: str, run: int) -> Unit:
        """The unit of a workflow that is on disk already; its checkpoint is the first."""
        found = self._by_workflow.get(workflow_id)
        if found is None:
            found = Unit([Checkpoint(workflow_id, run, None, self.now)])
            self._by_workflow[workflow_id] = found
            self.units.append(found)
        return found

    def creating(self, workflow_id: str) -> Unit | None:
        """The unit of this turn in which a workflow is new."""
        new = (unit for unit in self.units if unit.submit is not None)
        return next((unit for unit in new if any(one.workflow_id == workflow_id for one in unit.checkpoints)), None)

    def submission(self, submit: Submit) -> Unit:
        """A unit for workflows that are new."""
        unit = Unit([], submit)
        self.units.append(unit)
        return unit
