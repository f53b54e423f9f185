"""`RetryPlan`: everything that a retry changes, in the workflow and in its children, decided before any of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from .._core.history import Micros
from ..filter import Filter
from ..store import Loaded, Rewind, StepRecord, Store, WorkflowRecord
from .retry_point import children_of_retry, did_something, refuse_to_undo, retry_position

T = TypeVar("T")


class Reader(Protocol):
    """Reads workflows, as a `Gateway` does."""

    def snapshot(self, workflow_id: str) -> Loaded:
        """Read everything that a workflow is built from."""

    def query(self, question: Callable[[Any], T]) -> T:
        """Call ``question`` with the store."""


@dataclass(slots=True)
class RetryPlan:
    """The workflows that go back, and the children that are deleted."""

    #: The workflow that is retried, followed by the children that are retried with it.
    rewinds: list[Rewind] = field(default_factory=list)
    #: The ids of children that are deleted.
    deleted: list[str] = field(default_factory=list)

    def write(self, store: Store, now: Micros) -> None:
        """Carry the plan out, in one transaction.

        Raises:
            WorkflowNotEndedError, WorkflowNotFoundError: A workflow has changed since it was planned.
        """
        (workflow_id, run, position, reapply), *children = self.rewinds
        store.rewind(workflow_id, run, position, reapply=reapply, at=now, children=children, undone=self.deleted)


def plan_retry(reader: Reader, workflow_id: str, from_step: int | None) -> RetryPlan:
    """Decide everything that a retry changes. Nothing is written, so nothing has changed where it is refused.

    Raises:
        RetryRefusedError, WorkflowNotEndedError, WorkflowNotFoundError: The workflow or a child cannot be retried.
        TypeError, ValueError: It has no such step.
    """
    plan = RetryPlan()
    _add(plan, reader, workflow_id, from_step)
    return plan


def _add(plan: RetryPlan, reader: Reader, workflow_id: str, from_step: int | None) -> None:
    """Add a workflow and its children to a plan."""
    loaded = reader.snapshot(workflow_id)
    position, reapply = retry_position(loaded, from_step)
    run = loaded.record.run
    plan.rewinds.append(Rewind(workflow_id, run, position, reapply))
    children = _children(reader, workflow_id)
    if not children:
        return
    steps: list[StepRecord] = reader.query(lambda store: store.steps(workflow_id))
    retried, deleted = children_of_retry(run, position, steps, children)
    if from_step is None:
        lost = [
            child.parent.step
            for child in deleted
            if child.parent and child.status.ended and _loses_work(reader, child.id)
        ]
        refuse_to_undo(loaded, position, sorted(lost))
    plan.deleted += [child.id for child in deleted]
    for child in retried:
        _add(plan, reader, child.id, None)


def _loses_work(reader: Reader, workflow_id: str) -> bool:
    """Return True if deleting a workflow with its children would lose anything that was done."""
    return did_something(reader.snapshot(workflow_id)) or any(
        _loses_work(reader, child.id) for child in _children(reader, workflow_id)
    )


def _children(reader: Reader, workflow_id: str) -> list[WorkflowRecord]:
    children: list[WorkflowRecord] = reader.query(lambda store: store.records(Filter(parent=workflow_id)))
    return children
