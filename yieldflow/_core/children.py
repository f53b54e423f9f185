"""Children: the ids, seeds and limits that a host starts them with, and their ends as their parents see them.

The next run of a workflow that continues as new is a kind of child too: its seed derives from that of the run before.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from .context import WorkflowInfo
from .definitions import WorkflowInvocation
from .errors import WorkflowCancelledError
from .history import SEED_LENGTH, Codec, Failure, OnParentEnd, Payload, seed_at
from .nodes import Leaf

#: A turn that comes after all others.
_LAST_TURN = 1 << 62


class Child(NamedTuple):
    """A workflow to be started, as its parent's step describes it."""

    workflow_id: str
    #: True where the parent chose the id; another workflow may have it then.
    has_given_id: bool
    name: str
    #: The arguments by name.
    input: Payload
    seed: bytes
    #: Seconds that it may take; None for any time.
    timeout: float | None
    #: The version of its code.
    version: str | None
    on_parent_end: OnParentEnd


def child_of(info: WorkflowInfo, seed: bytes, leaf: Leaf) -> Child:
    """Describe the child that a step starts: the same however often it is asked.

    Args:
        info: The parent.
        seed: That of the parent's run.
        leaf: The parent's step.
    """
    invocation, step = invocation_of(leaf), leaf.step
    options = invocation.options
    return Child(
        child_id(info, leaf),
        has_given_id(leaf),
        step.name,
        step.input,
        _derived_seed(seed, f"child {info.run} {step.number}"),
        options.timeout,
        invocation.definition.version,
        options.on_parent_end,
    )


def child_id(info: WorkflowInfo, leaf: Leaf) -> str:
    """Return the id of a step's child: as it was given, or made of the parent's id, its run and the step."""
    return invocation_of(leaf).options.workflow_id or derived_id(info.workflow_id, info.run, leaf.step.number)


def derived_id(parent: str, run: int, step: int) -> str:
    """Make the id of a child to which none was given."""
    return f"{parent}:{run}:{step}"


def has_given_id(leaf: Leaf) -> bool:
    """Tell whether the parent chose the child's id."""
    return invocation_of(leaf).options.workflow_id is not None


def invocation_of(leaf: Leaf) -> WorkflowInvocation[object]:
    """Return the child's workflow with its arguments and options."""
    command = leaf.command
    assert isinstance(command, WorkflowInvocation)
    return command


def next_run_seed(info: WorkflowInfo, seed: bytes) -> bytes:
    """Derive the seed of the run that follows the one which ``info`` and ``seed`` belong to."""
    return _derived_seed(seed, f"run {info.run + 1}")


def _derived_seed(seed: bytes, what: str) -> bytes:
    """Derive a seed for something that a run starts: the same however often it is started."""
    return blake2b(what.encode(), key=seed_at(seed, _LAST_TURN), digest_size=SEED_LENGTH).digest()


def cancelled_outcome(codec: Codec, child: str, reason: str | None) -> Failure:
    """Make the outcome of the step whose child was cancelled. One that returned or failed ends its step as it ended."""
    because = f": {reason}" if reason else ""
    return codec.encode_failure(WorkflowCancelledError(f"child {child} was cancelled{because}"))
