"""Which of the workflows that a session found unfinished may be taken up now.

A workflow may take the process down with it, in its own code or in an activity, and again at each restart. So each
recovered workflow is on probation until its first checkpoint of the session, and before it is taken up, that it is
being taken up is written down (`recovery_attempts`, one more each time). Progress or a clean stop sets the count back
to 0. A count that reaches the maximum means: that many sessions in a row took it up and died, and it was never seen to
get anywhere.

Bystanders must not be counted with the culprit. So the more often a workflow was there, the fewer others that were
there too are taken up beside it, those that were there least often first: with a count of 0 all at once; from 1 on,
only as many as there are workers, so that each of them really runs; from half the maximum on, each alone. A bystander
alone makes progress; the culprit is found alone, though others may have to wait for one that is slow. Those with a
count of 0 are not held up by it, and nobody is blamed for what one of them does: it is counted itself then, and comes
first, without the others, the next time. Where the maximum is 1, there is no second time, and all are taken up one by
one. A workflow that has reached the maximum is parked without being built, and waits for nobody.

A new workflow that comes meanwhile is put on disk before its code is run, so that it can be counted too.

Nobody is held up for longer than `TRIAL`: what is at work for so long without a checkpoint may be waiting for the very
one that waits for it.
"""

from __future__ import annotations

import heapq

from .._core.history import Micros

#: For how long a workflow on trial may hold up others.
TRIAL: Micros = 300_000_000


class AdmissionControl:
    """The recovered workflows that have made no checkpoint in this session.

    Args:
        workers: How many activities run at once.
        maximum: The count at which a workflow is parked.
    """

    def __init__(self, workers: int, maximum: int) -> None:
        self._workers = workers
        self._maximum = maximum
        #: (rank, order of arrival, id, count): those counted least come first, but for those that are to be parked.
        self._waiting: list[tuple[int, int, str, int]] = []
        self._arrivals = 0
        #: From this count on, each is taken up alone.
        self._alone_from = maximum // 2
        #: Those taken up, with the count they had before.
        self._taken: dict[str, int] = {}
        #: Of them, those beside which others are not taken up at will, and until when.
        self._suspects: dict[str, tuple[int, Micros]] = {}
        self._known: set[str] = set()

    def waits(self, workflow_id: str) -> bool:
        """Whether a workflow waits here, and was not taken up yet."""
        return workflow_id in self._known and workflow_id not in self._taken

    @property
    def over(self) -> bool:
        """Whether nothing waits here and nothing is on probation."""
        return not self._known

    def add(self, workflow_id: str, count: int) -> None:
        """Have a workflow wait for its turn; ``count`` as it is on disk."""
        rank = count if count < self._maximum else -1
        heapq.heappush(self._waiting, (rank, self._arrivals, workflow_id, count))
        self._arrivals += 1
        self._known.add(workflow_id)

    def ready(self, now: Micros) -> bool:
        """Whether `admit` would return any."""
        return bool(self._waiting) and self._may_follow(self._waiting[0][3], now)

    def admit(self, now: Micros) -> list[tuple[str, int]]:
        """The workflows to be taken up now, each with its count; from here on they are on probation."""
        admitted: list[tuple[str, int]] = []
        while self.ready(now):
            _, _, workflow_id, count = heapq.heappop(self._waiting)
            admitted.append((workflow_id, count))
            self._taken[workflow_id] = count
            if self._is_suspect(count):
                self._suspects[workflow_id] = (count, now + TRIAL)
        return admitted

    def _is_suspect(self, count: int) -> bool:
        return (count > 0 or self._alone_from == 0) and count < self._maximum

    def _may_follow(self, count: int, now: Micros) -> bool:
        if not self._is_suspect(count):
            return True
        beside = [there for there, until in self._suspects.values() if until > now]
        if max([count, *beside]) >= self._alone_from:
            return not beside
        return len(beside) < self._workers

    def on_trial(self, workflow_id: str) -> bool:
        """Whether a workflow was taken up and has not passed."""
        return workflow_id in self._taken

    def spent(self, workflow_id: str) -> bool:
        """Whether a workflow on trial has used up its attempts, and is to be parked."""
        return self._taken.get(workflow_id, 0) >= self._maximum

    def too_many(self, count: int) -> str:
        """Why a workflow of that count is parked, and what to do."""
        return (
            f"{count} times in a row the process died while this workflow was at work, and it got nowhere. Find out "
            "what its open steps do to the process; to let it go on, start with a larger max_recovery_attempts "
            f"(now {self._maximum})."
        )

    def passed(self, workflow_id: str) -> None:
        """Note that a workflow made progress, or cannot go on for another reason, and that this is on disk."""
        if self._taken.pop(workflow_id, None) is not None:
            self._suspects.pop(workflow_id, None)
            self._known.discard(workflow_id)

    def counted(self) -> list[str]:
        """What a clean stop sets back: every workflow with a count on disk, but for those that are parked."""
        waiting = [workflow_id for _, _, workflow_id, count in self._waiting if 0 < count < self._maximum]
        return [workflow_id for workflow_id, count in self._taken.items() if count < self._maximum] + waiting
