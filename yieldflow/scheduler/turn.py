"""What goes into a turn of the scheduler, what it gathers, and what is told after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

from .._core.errors import WorkflowStalledError
from .._core.history import Micros, Outcome, WorkflowStatus
from .._core.rare import Rare
from ..store import Checkpoint, Request, Submission, id_taken_error
from ..workers import Attempt, Completed, Key

T = TypeVar("T")

#: Hears that something is settled: None once it is on disk, or what went wrong.
Reply: TypeAlias = Callable[[Exception | None], None]


class Submit(NamedTuple):
    """A caller wants workflows put on disk, all or none."""

    submissions: Sequence[Submission]
    reply: Reply


class RequestReceived(NamedTuple):
    """A caller asks something of a workflow."""

    request: Request
    reply: Reply


class Registered(NamedTuple):
    """A workflow was registered under this name: those that stalled may go on."""

    name: str


class Poll(NamedTuple):
    """Others wrote to the store: look now rather than at the next glance."""


class HeartbeatReceived(NamedTuple):
    """An attempt that nobody looks after has sent a heartbeat."""

    attempt: Attempt


class ChildCommitted(NamedTuple):
    """A child is on disk, and is to start."""

    submission: Submission


class ChildEnded(NamedTuple):
    """A child of a workflow has ended."""

    #: The parent's id, its run, and its step.
    key: Key
    child_id: str
    status: WorkflowStatus
    outcome: Outcome | None
    reason: str | None = None


#: What the inbox holds.
Message: TypeAlias = Submit | RequestReceived | Registered | Poll | HeartbeatReceived | Completed
#: What may have to wait for another turn.
Postponed: TypeAlias = Completed | RequestReceived | ChildCommitted | ChildEnded


def no_reply(error: Exception | None) -> None:
    """The reply to what nobody waits for."""


class Ended(NamedTuple):
    """What is told of a workflow that ended or stalled, once that is on disk."""

    workflow_id: str
    status: WorkflowStatus
    outcome: Outcome | None = None
    #: Why it stalled, or was cancelled.
    reason: str | None = None


def extended(some: Sequence[T], more: Sequence[T]) -> Sequence[T]:
    """Both, one behind the other. Where ``some`` is a list, it grows: a turn of many changes stays linear."""
    if isinstance(some, list):
        some += more
        return some
    return [*some, *more]


class Change(Checkpoint):
    """What a turn changes of one workflow, with what stands behind it and what follows from it."""

    __slots__ = ("causes",)

    #: Steps that are to be ended: nobody but the workflow waits for them any more.
    cancelling = Rare[Sequence[int]](())
    #: What follows for other workflows, once it is on disk.
    after = Rare[Sequence[Postponed]](())

    def __init__(self, workflow_id: str, run: int, created: Submission | None, at: Micros) -> None:
        Checkpoint.__init__(self, workflow_id, run, created, at)
        #: The messages behind it, kept to be tried again if the commit fails.
        self.causes: Sequence[Completed | RequestReceived] = ()

    @property
    def changes(self) -> Sequence[Change]:
        """It alone."""
        return (self,)

    def answers(self, error: Exception | None) -> list[tuple[Reply, Exception | None]]:
        """What the callers are to hear once it is on disk, or has failed with ``error``."""
        return [(cause.reply, error) for cause in self.causes if isinstance(cause, RequestReceived)]


class Creation:
    """The workflows of one submission: all of them are put on disk, or none."""

    __slots__ = ("changes", "rivals", "submit")

    def __init__(self, submit: Submit) -> None:
        self.submit = submit
        self.changes: list[Change] = []
        #: Later submissions of the turn that want an id of this one, and which.
        self.rivals: tuple[tuple[Submit, str], ...] = ()

    def answers(self, error: Exception | None) -> list[tuple[Reply, Exception | None]]:
        """What the callers are to hear once it is on disk, or has failed with ``error``."""
        return [(self.submit.reply, error), *((rival.reply, error or id_taken_error(id)) for rival, id in self.rivals)]


#: What stands or falls together in a commit.
Unit: TypeAlias = Change | Creation


def cannot_clean_up(workflow_id: str) -> WorkflowStalledError:
    """What somebody is told who asks a stalled workflow to end or to pause."""
    return WorkflowStalledError(
        f"workflow {workflow_id} is stalled, so its code cannot run to clean up: put the code right and call "
        "retry(), or end it without cleanup by terminate()"
    )


class Turn:
    """What a turn has gathered so far."""

    __slots__ = ("_by_workflow", "abandoned", "attempts", "born", "mark", "now", "replies", "units")

    def __init__(self, now: Micros) -> None:
        self.now = now
        #: What an attempt is marked with of which an end was taken in. (The turn itself would be a circle, which only
        #: the garbage collector could clear away.)
        self.mark = object()
        self.units: list[Unit] = []
        #: What is on disk and to be begun once the turn is over.
        self.attempts: list[Attempt] = []
        #: What may be running, and nobody waits for any more; and whether its time ran out.
        self.abandoned: list[tuple[Attempt, bool]] = []
        #: Answers that wait until the turn is over.
        self.replies: list[tuple[Reply, Exception | None]] = []
        #: Ids of workflows that are new in this turn.
        self.born: set[str] = set()
        self._by_workflow: dict[str, Change] = {}

    def change(self, workflow_id: str, run: int = 0) -> Change:
        """What changes of a workflow that is on disk already; ``run`` may be left out where that asks for none."""
        found = self._by_workflow.get(workflow_id)
        if found is None:
            found = self._by_workflow[workflow_id] = Change(workflow_id, run, None, self.now)
            self.units.append(found)
        elif run:
            found.run = run
        return found

    def is_last_of(self, workflow_id: str) -> bool:
        """Whether the workflow ends with this turn."""
        change = self._by_workflow.get(workflow_id)
        return change is not None and change.status is not None and change.status.ended

    def resumes(self, workflow_id: str) -> bool:
        """Whether the workflow goes on with this turn that was suspended or stalled."""
        change = self._by_workflow.get(workflow_id)
        return change is not None and change.status is WorkflowStatus.PROCESSING

    def issued_by(self, workflow_id: str) -> set[int]:
        """The steps that a workflow has issued in this turn so far."""
        change = self._by_workflow.get(workflow_id)
        return set() if change is None else {step.number for step in change.issued}

    def creating(self, workflow_id: str) -> Creation | None:
        """What of this turn makes a workflow."""
        new = (unit for unit in self.units if isinstance(unit, Creation))
        return next((unit for unit in new if any(one.workflow_id == workflow_id for one in unit.changes)), None)

    def creation(self, submit: Submit) -> Creation:
        """What makes workflows that are new."""
        creation = Creation(submit)
        self.units.append(creation)
        return creation
