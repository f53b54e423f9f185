"""Workflows with a past, for tests that go back in it, copy it or delete it."""

from __future__ import annotations

from tests.support.storage import (
    FAILURE,
    act,
    begun,
    checkpoint,
    ended,
    nap,
    signal,
    wait,
)
from yieldflow._core.history import CancelRequested, History, WorkflowStatus
from yieldflow.store import Store

NOTHING = History([], [])


def lived(store: Store, status: WorkflowStatus = WorkflowStatus.FAILED, workflow_id: str = "w") -> None:
    """A workflow with one event of each kind, ended.

    At 1 step 0 ended, at 2 a signal came for step 1 and step 2 was dropped, at 3 it was asked to end, at 4 step 4
    failed. Steps 3 to 5 were issued by the events 1, 3 and 4. Two signals were not received.
    """
    store.commit([begun(workflow_id, 1000, act(0), wait(1), nap(2, 9000), starts_at=1, deadline_at=8000, version="2")])
    store.commit(
        [
            checkpoint(workflow_id, place=1, events=[ended(0, 1100, "0", 3)], issued=[wait(3, "b", turn=1)], at=1100),
        ]
    )
    sent = [signal(1), signal(2, "b"), signal(3)]
    store.commit([checkpoint(workflow_id, signals=sent, patches=["p"], progress='"half"')])
    second = [ended(1, 1200)]
    store.commit([checkpoint(workflow_id, place=2, events=second, received=[(1, 2)], cancelled=[(2, 2)], at=1200)])
    wanted = CancelRequested(1300, "enough")
    store.commit([checkpoint(workflow_id, place=3, events=[wanted], issued=[act(4, "undo", turn=3)], at=1300)])
    last = checkpoint(workflow_id, place=4, events=[ended(4, 1400, FAILURE, 2)], issued=[act(5, turn=4)], at=1400)
    last.status, last.recovery_attempts = status, 3
    last.outcome = "1" if status is WorkflowStatus.DONE else FAILURE
    last.reason = "mismatch" if status is WorkflowStatus.STALLED else None
    store.commit([last])
