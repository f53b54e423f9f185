"""Tells whether a submission attaches to a workflow that has its id already."""

from __future__ import annotations

from typing import Any

from .._core.definitions import WorkflowInvocation
from .._core.errors import WorkflowAlreadyExistsError
from ..store import Submission
from .descriptions import describe_workflow
from .gateway import Gateway
from .submissions import same_invocation


def may_attach(gateway: Gateway, submission: Submission, invocation: WorkflowInvocation[Any]) -> bool:
    """Return True if a workflow of the same invocation has the id already.

    Raises:
        WorkflowAlreadyExistsError: A workflow of another invocation has it.
    """
    record = gateway.query(lambda store: store.record(submission.workflow_id))
    if record is None:
        return False
    if not same_invocation(record, submission, invocation.definition, gateway.codec):
        there = describe_workflow(record)
        raise WorkflowAlreadyExistsError(
            f"workflow id {there.id!r} belongs to another invocation: {there.name} with {there.input}, "
            f"{there.status}. Choose another id, or submit the same invocation to attach to it."
        )
    return True
