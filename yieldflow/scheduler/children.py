"""What a parent starts and what comes back to it; and the next run of a workflow, which is a kind of child too."""

from __future__ import annotations

from datetime import timedelta
from hashlib import blake2b

from .._core.context import WorkflowInfo
from .._core.definitions import WorkflowInvocation
from .._core.errors import WorkflowCancelledError
from .._core.history import SEED_LENGTH, Codec, Continuation, Micros, Outcome, WorkflowStatus, seed_at, to_micros
from .._core.nodes import Leaf
from .._core.registry import Registry
from ..history_checks import end_of
from ..store import Continued, Parent, Request, RequestKind, Submission
from .messages import RequestReceived, no_reply


def child_id(info: WorkflowInfo, leaf: Leaf) -> str:
    """The id of the child that a step starts: the one given, or one made of the parent's id, its run and the step."""
    return invocation_of(leaf).options.workflow_id or derived_id(info.workflow_id, info.run, leaf.step.number)


def derived_id(parent: str, run: int, step: int) -> str:
    """The id of a child to which none was given."""
    return f"{parent}:{run}:{step}"


def has_given_id(new: Submission) -> bool:
    """Whether a new child's id is not made of its parent's."""
    return new.parent is not None and new.workflow_id != derived_id(*new.parent[:3])


def is_given(leaf: Leaf) -> bool:
    """Whether the child's id was given."""
    return invocation_of(leaf).options.workflow_id is not None


def invocation_of(leaf: Leaf) -> WorkflowInvocation[object]:
    """The child's workflow with its arguments and options."""
    command = leaf.command
    assert isinstance(command, WorkflowInvocation)
    return command


def child_of(info: WorkflowInfo, seed: bytes, leaf: Leaf, now: Micros) -> Submission:
    """The child that a step starts, as it is put on disk."""
    invocation, step = invocation_of(leaf), leaf.step
    options = invocation.options
    return Submission(
        child_id(info, leaf),
        step.name,
        step.input,
        derived(seed, f"child {info.run} {step.number}"),
        now,
        deadline_at=None if options.timeout is None else now + to_micros(timedelta(seconds=options.timeout)),
        version=invocation.definition.version,
        parent=Parent(info.workflow_id, info.run, step.number, options.on_parent_end),
    )


def next_run(info: WorkflowInfo, seed: bytes, continuation: Continuation, registry: Registry) -> Continued:
    """The run that follows one which continues as new."""
    definition = registry.workflows.get(continuation.name)
    version = None if definition is None else definition.version
    return Continued(continuation.name, continuation.input, derived(seed, f"run {info.run + 1}"), version)


def derived(seed: bytes, what: str) -> bytes:
    """A seed for something that a run starts: the same however often it is started."""
    return blake2b(what.encode(), key=seed_at(seed, 1 << 62), digest_size=SEED_LENGTH).digest()


def outcome_for_parent(
    codec: Codec, child: str, status: WorkflowStatus, outcome: Outcome | None, reason: str | None
) -> Outcome:
    """What a child's end is to its parent: its value, its failure, or that it was cancelled."""
    if status is WorkflowStatus.CANCELLED:
        because = f": {reason}" if reason else ""
        return codec.encode_failure(WorkflowCancelledError(f"child {child} was cancelled{because}"))
    return end_of(child, status, outcome)


def cancel_by_parent(codec: Codec, info: WorkflowInfo, leaf: Leaf, now: Micros) -> RequestReceived:
    """Return the request of a parent that no longer waits for a child."""
    reason = codec.encode(f"its parent {info.workflow_id} no longer waits for it")
    return RequestReceived(Request(child_id(info, leaf), RequestKind.CANCEL, now, payload=reason), no_reply)


def cancel_orphan(codec: Codec, workflow_id: str, parent: str, now: Micros) -> RequestReceived:
    """Return the request to end of a workflow whose parent was terminated."""
    reason = codec.encode(f"its parent {parent} was terminated")
    return RequestReceived(Request(workflow_id, RequestKind.CANCEL, now, payload=reason), no_reply)
