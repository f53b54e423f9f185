"""How often a workflow was taken up by sessions that died before it got anywhere: what is counted, and what follows."""

from __future__ import annotations

from collections.abc import Callable

from yieldflow._core.history import WorkflowStatus
from yieldflow.store import Checkpoint

#: Why a workflow is parked.
PARKED = "times in a row the process died"


class Recoveries:
    """The counts of all workflows, as they change.

    Args:
        check: Has something hold.
    """

    def __init__(self, check: Callable[..., None]) -> None:
        self._check = check
        #: The count at which a workflow is parked.
        self._most = 0
        self._sessions = 0
        #: Those of which something was committed in this session, and of them those that were counted.
        self._touched: set[str] = set()
        self._counted: set[str] = set()

    def begin_session(self, most: int) -> None:
        """Another process takes up what it finds."""
        self._most = most
        self._sessions += 1
        self._touched.clear()
        self._counted.clear()

    def touch(self, workflow_id: str) -> None:
        """A client had a workflow go back, whose count is another since."""
        self._touched.add(workflow_id)

    def enter(self, checkpoint: Checkpoint, before: int) -> None:
        """A checkpoint was committed of a workflow with that count."""
        id, count = checkpoint.workflow_id, checkpoint.recovery_attempts
        # One that waits to be taken up may have been resumed meanwhile: then it is counted by what it had at the start.
        if count and id not in self._touched:
            self._check(self._sessions > 1 and count == before + 1, id, "is counted", count, "after", before)
            self._check(before < self._most, id, "is taken up again after", before, "of", self._most)
        self._touched.add(id)
        if count:
            self._counted.add(id)
        if checkpoint.events and id in self._counted:
            self._check(count == 0 or (count is None and before == 0), id, "got somewhere, and keeps", before)
        if checkpoint.status is WorkflowStatus.STALLED and PARKED in (checkpoint.reason or ""):
            self._check(before == self._most, id, "is parked after", before, "of", self._most)
