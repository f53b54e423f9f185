"""Which of the workflows that a session found unfinished may be taken up now.

A workflow may take the process down with it, in its own code or in an activity, and again at each restart. So each
recovered workflow is on probation until its first checkpoint of the session, and before it is taken up, that it is
being taken up is written down (`recovery_attempts`, one more each time). Progress or a clean stop sets the count back
to 0. A count that reaches the maximum means: that many sessions in a row took it up and died, and it was never seen to
get anywhere.

Bystanders must not be counted with the culprit. So the more often a workflow was there, the fewer are taken up beside
it: with a count of 0 all at once; from 1 on, only as many as there are workers, so that each of them really runs; from
half the maximum on, each alone. A bystander alone makes progress; the culprit is found alone.
"""

from __future__ import annotations

import heapq


class Probation:
    """The recovered workflows that have made no checkpoint in this session.

    Args:
        workers: How many activities run at once.
        maximum: The count at which a workflow is parked.
    """

    def __init__(self, workers: int, maximum: int) -> None:
        self._workers = workers
        self._maximum = maximum
        #: (count, order of arrival, id): those counted least come first.
        self._waiting: list[tuple[int, int, str]] = []
        self._arrivals = 0
        #: Those taken up, with the count they had before.
        self._taken: dict[str, int] = {}
        self._known: set[str] = set()

    def holds(self, workflow_id: str) -> bool:
        """Whether a workflow waits here or is on probation."""
        return workflow_id in self._known

    def add(self, workflow_id: str, count: int) -> None:
        """Have a workflow wait for its turn; ``count`` as it is on disk."""
        heapq.heappush(self._waiting, (count, self._arrivals, workflow_id))
        self._arrivals += 1
        self._known.add(workflow_id)

    @property
    def ready(self) -> bool:
        """Whether `admit` would return any."""
        return bool(self._waiting) and self._may_follow(self._waiting[0][0])

    def admit(self) -> list[tuple[str, int]]:
        """The workflows to be taken up now, each with its count; from here on they are on probation."""
        admitted: list[tuple[str, int]] = []
        while self.ready:
            count, _, workflow_id = heapq.heappop(self._waiting)
            admitted.append((workflow_id, count))
            self._taken[workflow_id] = count
        return admitted

    def _may_follow(self, count: int) -> bool:
        if count == 0:
            return True
        suspects = [taken for taken in self._taken.values() if taken > 0]
        if 2 * max([count, *suspects]) >= self._maximum:
            return not suspects
        return len(suspects) < self._workers

    def passed(self, workflow_id: str) -> bool:
        """Note that a workflow made progress or was parked; True where it had been on probation."""
        if self._taken.pop(workflow_id, None) is None:
            return False
        self._known.discard(workflow_id)
        return True

    def counted(self) -> list[str]:
        """Every workflow whose count on disk is not 0: what a clean stop sets back."""
        return [*self._taken, *(workflow_id for count, _, workflow_id in self._waiting if count)]
