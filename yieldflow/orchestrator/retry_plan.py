"""`RetryPlan`: everything that a retry changes, in the workflow and in its children, decided before any of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..filter import Filter
from ..store import Rewind, WorkflowRecord
from .gateway import Gateway
from .retry_point import children_of_retry, did_something, refuse_to_undo, retry_position


@dataclass(slots=True)
class RetryPlan:
    """The workflows that go back, and the children that are deleted."""

    #: The workflow that is retried, followed by the children that are retried with it.
    rewinds: list[Rewind] = field(default_factory=list)
    #: The ids of children that are deleted.
    deleted: list[str] = field(default_factory=list)

    def add(self, gateway: Gateway, workflow_id: str, from_step: int | None) -> None:
        """Add a workflow and its children.

        Raises:
            RetryRefusedError, WorkflowNotEndedError, WorkflowNotFoundError: It cannot be retried.
            ValueError: It has no such step.
        """
        loaded = gateway.snapshot(workflow_id)
        position, reapply = retry_position(loaded, from_step)
        run = loaded.record.run
        self.rewinds.append(Rewind(workflow_id, run, position, reapply))
        children = gateway.query(lambda store: store.records(Filter(parent=workflow_id)))
        if not children:
            return
        steps = gateway.query(lambda store: store.steps(workflow_id))
        retried, deleted = children_of_retry(run, position, steps, children)
        if from_step is None:
            lost = [
                child.parent.step
                for child in deleted
                if child.parent and child.status.ended and _loses_work(gateway, child)
            ]
            refuse_to_undo(loaded, position, sorted(lost))
        self.deleted += [child.id for child in deleted]
        for child in retried:
            self.add(gateway, child.id, None)

    def carry_out(self, gateway: Gateway) -> None:
        """Write the whole plan in one transaction.

        Raises:
            WorkflowNotEndedError, WorkflowNotFoundError: A workflow has changed since it was planned.
        """
        (workflow_id, run, position, reapply), *children = self.rewinds
        now = gateway.now()
        gateway.query(
            lambda store: store.rewind(
                workflow_id, run, position, reapply=reapply, at=now, children=children, undone=self.deleted
            )
        )
        gateway.nudge()


def plan_retry(gateway: Gateway, workflow_id: str, from_step: int | None) -> RetryPlan:
    """Decide everything that a retry changes. Nothing is written, so nothing has changed where it is refused.

    Raises:
        RetryRefusedError, WorkflowNotEndedError, WorkflowNotFoundError: The workflow or a child cannot be retried.
        ValueError: It has no such step.
    """
    plan = RetryPlan()
    plan.add(gateway, workflow_id, from_step)
    return plan


def _loses_work(gateway: Gateway, record: WorkflowRecord) -> bool:
    """Return True if deleting a workflow with its children would lose anything that was done."""
    if did_something(gateway.snapshot(record.id)):
        return True
    children = gateway.query(lambda store: store.records(Filter(parent=record.id)))
    return any(_loses_work(gateway, child) for child in children)
