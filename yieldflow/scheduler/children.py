"""Children and next runs, as they are put on disk; and what their rows say of their ends."""

from __future__ import annotations

from .._core.children import cancelled_outcome, child_id, child_of, derived_id, next_run_seed
from .._core.context import WorkflowInfo
from .._core.history import Codec, Continuation, Micros, Outcome, WorkflowStatus, in_micros
from .._core.nodes import Leaf
from .._core.registry import Registry
from ..history_checks import end_of
from ..store import Continued, Parent, Request, RequestKind, Submission
from .messages import RequestReceived, no_reply


def has_derived_id(new: Submission) -> bool:
    """Tell whether a new child's id is made of its parent's, so that no other workflow has it."""
    return new.parent is not None and new.workflow_id == derived_id(*new.parent[:3])


def submission_of(info: WorkflowInfo, seed: bytes, leaf: Leaf, now: Micros) -> Submission:
    """Make the submission of the child that a step starts."""
    child = child_of(info, seed, leaf)
    return Submission(
        child.workflow_id,
        child.name,
        child.input,
        child.seed,
        now,
        deadline_at=None if child.timeout is None else now + in_micros(child.timeout),
        version=child.version,
        parent=Parent(info.workflow_id, info.run, leaf.step.number, child.on_parent_end),
    )


def next_run(info: WorkflowInfo, seed: bytes, continuation: Continuation, registry: Registry) -> Continued:
    """Make the run that follows one which continues as new."""
    definition = registry.workflows.get(continuation.name)
    version = None if definition is None else definition.version
    return Continued(continuation.name, continuation.input, next_run_seed(info, seed), version)


def outcome_for_parent(
    codec: Codec, child: str, status: WorkflowStatus, outcome: Outcome | None, reason: str | None
) -> Outcome:
    """Make the outcome of the parent's step out of a child's end.

    Raises:
        DamagedRowError: The child returned or failed, and its row does not say how.
    """
    if status is WorkflowStatus.CANCELLED:
        return cancelled_outcome(codec, child, reason)
    return end_of(child, status, outcome)


def cancel_by_parent(codec: Codec, info: WorkflowInfo, leaf: Leaf, now: Micros) -> RequestReceived:
    """Return the request of a parent that no longer waits for a child."""
    reason = codec.encode(f"its parent {info.workflow_id} no longer waits for it")
    return RequestReceived(Request(child_id(info, leaf), RequestKind.CANCEL, now, payload=reason), no_reply)


def cancel_orphan(codec: Codec, workflow_id: str, parent: str, now: Micros) -> RequestReceived:
    """Return the request to end of a workflow whose parent was terminated."""
    reason = codec.encode(f"its parent {parent} was terminated")
    return RequestReceived(Request(workflow_id, RequestKind.CANCEL, now, payload=reason), no_reply)
