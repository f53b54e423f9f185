"""The messages that a turn of the scheduler takes in, what it puts off to the next turn, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from .._core.history import Outcome, WorkflowStatus
from ..store import Request, Submission
from ..workers import Attempt, Completed, Key

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
    """Others wrote to the store: look now rather than at the next poll."""


class HeartbeatReceived(NamedTuple):
    """An attempt whose heartbeats nobody looks for has sent one."""

    attempt: Attempt


class StepResolved(NamedTuple):
    """An open step has ended that the scheduler does not carry out itself: a child of another host, say."""

    key: Key
    outcome: Outcome
    #: The number of the attempt, of an activity.
    attempt: int = 1


class ChildCommitted(NamedTuple):
    """A workflow is on disk that was not driven yet: a child, or a workflow submitted during a recovery."""

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
Message: TypeAlias = Submit | RequestReceived | Registered | Poll | HeartbeatReceived | StepResolved | Completed
#: What one turn leaves for the next.
FollowUp: TypeAlias = Completed | RequestReceived | Registered | ChildCommitted | ChildEnded


def recipient(message: FollowUp) -> str | None:
    """Return the id of the workflow that a follow-up is for, if it is for a single one."""
    if isinstance(message, Completed):
        return message.attempt.workflow_id
    if isinstance(message, RequestReceived):
        return message.request.workflow_id
    if isinstance(message, ChildCommitted):
        return message.submission.workflow_id
    return message.key[0] if isinstance(message, ChildEnded) else None


def no_reply(error: Exception | None) -> None:
    """Do nothing: the reply to a request for which nobody waits."""


class Ended(NamedTuple):
    """The news that a workflow ended or stalled, once that is on disk."""

    workflow_id: str
    status: WorkflowStatus
    outcome: Outcome | None = None
    #: Why it stalled, or was cancelled.
    reason: str | None = None
