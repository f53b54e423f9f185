"""The policy by which workflows that a session finds unfinished are let into memory.

A workflow may take the process down with it, in its own code, by a stored value, or in an activity, and again at each
restart. So each recovered workflow is on trial until its first checkpoint of the session, or until it is found that
nothing of it is at work. That it is about to be loaded is written down before (`recovery_attempts`, one more each
time). Progress or a clean stop sets the count back to 0. A count that reaches the maximum means: that many sessions in
a row loaded it and died, and it was never seen to get anywhere.

Bystanders must not be counted with the culprit. So recovered workflows are let in by slices, and no more of them than
make a slice wait for a worker at any time: the suspects of a crash are the slice that was being loaded, those that
waited for a worker, and those that were with one; however many others wait to be let in, they are not counted. And the
more often a workflow was there, the fewer others that were there too are let in beside it, those that were there least
often first: with a count of 0 slice by slice; from 1 on, only as many as there are workers, so that each of them really
runs; from half the maximum on, each alone. A bystander alone makes progress; the culprit is found alone, though others
may have to wait for a slow bystander. Those with a count of 0 are not held up by it, and if one of them ends the
process, no other is blamed: it is counted itself then, and comes first, without the others, the next time. Where the
maximum is 1, there is no second time, and all are let in one by one. A workflow that has reached the maximum is parked
without being built, and waits for no other.

Those with a count, which are few, are all known from the start. The others are read from the backlog slice by slice, as
there is room, and no workflow with a count is let in before the last of these was.

A new workflow that comes meanwhile is put on disk before its code is run, so that it can be counted too.

No workflow is held up for longer than `TRIAL`: a workflow that is at work for so long without a checkpoint may be
waiting for the very workflow that it holds up.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container

from .._core.history import Micros
from ..workers import Attempt
from .backlog import Backlog
from .lifecycle import Phase, TrackedWorkflow

#: For how long a workflow on trial may hold up others.
TRIAL: Micros = 300_000_000
#: So many are let in at once, and so many on trial wait for a worker at most.
SLICE = 128


class AdmissionControl:
    """Says which of the workflows in the phase of admission may be loaded, and which are on trial.

    Args:
        workers: How many activities run at once.
        maximum: The count at which a workflow is parked.
        unclaimed: The attempts that no worker has begun.
        is_full: Tells whether so many are in memory that no more of the backlog is to be read.
    """

    def __init__(
        self, workers: int, maximum: int, unclaimed: Container[Attempt], is_full: Callable[[], bool] = lambda: False
    ) -> None:
        self._workers = workers
        self.maximum = maximum
        self._unclaimed = unclaimed
        self._is_full = is_full
        #: Those without a count that are still to be read.
        self.backlog = Backlog()
        #: (rank, order of arrival, workflow): those counted least come first, but for those that are to be parked.
        self._waiting: list[tuple[int, int, TrackedWorkflow]] = []
        self._arrivals = 0
        #: From this count on, each is let in alone.
        self._alone_from = maximum // 2
        #: Those on trial.
        self._trials: dict[str, TrackedWorkflow] = {}
        #: Those on trial beside which others are not let in at will: their count, and until when.
        self._suspects: dict[str, tuple[int, Micros]] = {}

    @property
    def over(self) -> bool:
        """True where nothing waits to be let in and nothing is on trial."""
        return not self._trials and not self._first() and self.backlog.over

    @property
    def room(self) -> int:
        """The number that may be let in now, so that few of those on trial only wait for a worker: all are suspects."""
        flying = (workflow.in_flight.values() for workflow in self._trials.values())
        return SLICE - sum(any(attempt in self._unclaimed for attempt in attempts) for attempts in flying)

    def add(self, workflow: TrackedWorkflow) -> None:
        """Have a workflow in the phase of admission wait until it is let in."""
        count = workflow.recovery_attempts
        rank = count if count < self.maximum else -1
        heapq.heappush(self._waiting, (rank, self._arrivals, workflow))
        self._arrivals += 1

    def _first(self) -> TrackedWorkflow | None:
        """Return the workflow that is let in next; those that were ended meanwhile are passed over."""
        while self._waiting and self._waiting[0][2].phase is not Phase.ADMISSION:
            heapq.heappop(self._waiting)
        return self._waiting[0][2] if self._waiting else None

    @property
    def wants_more(self) -> bool:
        """True where a page of the backlog is to be read next, and added here."""
        if self.backlog.over or self._is_full():
            return False
        first = self._first()
        return (first is None or 0 < first.recovery_attempts < self.maximum) and self.room > 0

    def ready(self, now: Micros) -> bool:
        """Tell whether a page of the backlog is to be read, or `admit` would return any."""
        if self.backlog.over and not self._waiting:
            # As nearly always: this is asked twice a turn.
            return False
        if self.wants_more:
            return True
        first = self._first()
        return first is not None and self._may_follow(first.recovery_attempts, now) and self.room > 0

    def admit(self, now: Micros) -> list[TrackedWorkflow]:
        """Let in a slice of what may be loaded now; from here on they are on trial."""
        admitted: list[TrackedWorkflow] = []
        room = self.room if self._first() else 0
        while len(admitted) < room and (first := self._first()) and self._may_follow(first.recovery_attempts, now):
            workflow = heapq.heappop(self._waiting)[2]
            admitted.append(workflow)
            workflow.on_trial = True
            self._trials[workflow.id] = workflow
            if self._is_suspect(workflow.recovery_attempts):
                self._suspects[workflow.id] = (workflow.recovery_attempts, now + TRIAL)
        return admitted

    def _is_suspect(self, count: int) -> bool:
        return (count > 0 or self._alone_from == 0) and count < self.maximum

    def _may_follow(self, count: int, now: Micros) -> bool:
        if not self._is_suspect(count):
            return True
        if count > 0 and not self.backlog.over:
            return False
        beside = [there for there, until in self._suspects.values() if until > now]
        if max([count, *beside]) >= self._alone_from:
            return not beside
        return len(beside) < self._workers

    def is_spent(self, workflow: TrackedWorkflow) -> bool:
        """Tell whether a workflow on trial has used up its attempts, and is to be parked."""
        return workflow.on_trial and workflow.recovery_attempts >= self.maximum

    def too_many(self, count: int) -> str:
        """Say why a workflow of that count is parked, and what to do."""
        return (
            f"{count} times in a row the process died while this workflow was at work, and it got nowhere. Find out "
            "what its open steps do to the process; to let it go on, start with a larger max_recovery_attempts "
            f"(now {self.maximum})."
        )

    def passed(self, workflow: TrackedWorkflow) -> None:
        """Note that a workflow made progress, or cannot go on for another reason, and that this is on disk."""
        if workflow.on_trial:
            workflow.on_trial = False
            del self._trials[workflow.id]
            self._suspects.pop(workflow.id, None)
        workflow.recovery_attempts = 0

    def postpone(self, workflow: TrackedWorkflow) -> None:
        """Have a workflow that was let in wait again: that it was is not on disk."""
        count = workflow.recovery_attempts
        self.passed(workflow)
        workflow.recovery_attempts = count
        self.add(workflow)

    def is_counted(self, workflow: TrackedWorkflow) -> bool:
        """Tell whether a clean stop sets the count on disk back to 0: there is one, and the workflow is not parked."""
        waits = workflow.phase is Phase.ADMISSION and workflow.recovery_attempts > 0
        return (workflow.on_trial or waits) and workflow.recovery_attempts < self.maximum
