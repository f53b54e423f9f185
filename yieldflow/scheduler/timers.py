"""What is to happen at a time: sleeps that end, workflows that start or run out of time, a disk that is tried again."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from .._core.history import Micros, WorkflowStatus
from ..log import logger
from ..store import Pending

#: The pause after the disk failed; it doubles each time, up to the longest.
FIRST_PAUSE: Micros = 50_000
LONGEST_PAUSE: Micros = 5_000_000

#: Later than any time that can be waited for.
NEVER: Micros = 1 << 62

#: What a timer is for, where it is for no step: a delayed start, and the end of the time that a workflow was given.
START = -1
DEADLINE = -2

#: So many forgotten timers are not worth clearing out.
FEW = 64


class Timer(NamedTuple):
    """A moment that a workflow waits for."""

    due_at: Micros
    workflow_id: str
    run: int
    #: The step that sleeps; or `START` or `DEADLINE`.
    step: int


def waits_quietly(pending: Pending, now: Micros) -> bool:
    """Whether a recovered workflow waits for nothing but time and signals, and need not be built before they come."""
    if pending.status is not WorkflowStatus.PROCESSING or pending.active:
        return False
    return pending.started or (pending.starts_at is not None and pending.starts_at > now)


def timers_of(pending: Pending) -> list[Timer]:
    """The moments that a workflow which waits quietly waits for."""
    timers = [Timer(due_at, pending.workflow_id, pending.run, step) for step, due_at in pending.sleeps]
    if not pending.started and pending.starts_at is not None:
        timers.append(Timer(pending.starts_at, pending.workflow_id, pending.run, START))
    if pending.deadline_at is not None:
        timers.append(Timer(pending.deadline_at, pending.workflow_id, pending.run, DEADLINE))
    return timers


class Timers:
    """All timers, the next due first; of equals, the one that was set first."""

    def __init__(self) -> None:
        self._heap: list[tuple[Micros, int, Timer]] = []
        #: Those that are still waited for: when they were set.
        self._live: dict[tuple[str, int, int], int] = {}
        self._count = 0

    @property
    def next_due(self) -> Micros:
        """When the next one is due; without any, a time that does not come."""
        return self._heap[0][0] if self._heap else NEVER

    def set(self, timer: Timer) -> None:
        """Add a timer, in the place of one for the same thing."""
        self._count += 1
        self._live[timer[1:]] = self._count
        heapq.heappush(self._heap, (timer.due_at, self._count, timer))
        self._clear_out()

    def forget(self, workflow_id: str, run: int, step: int) -> None:
        """Take a timer out, if it is there."""
        self._live.pop((workflow_id, run, step), None)
        self._clear_out()

    def due(self, now: Micros) -> list[Timer]:
        """Take out those that are due by ``now``, in order."""
        taken: list[Timer] = []
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if self._is_live(entry):
                del self._live[entry[2][1:]]
                taken.append(entry[2])
        return taken

    def _clear_out(self) -> None:
        """Let go of those that were forgotten or replaced, where they are too many."""
        if len(self._heap) > 2 * len(self._live) + FEW:
            self._heap = [entry for entry in self._heap if self._is_live(entry)]
            heapq.heapify(self._heap)

    def _is_live(self, entry: tuple[Micros, int, Timer]) -> bool:
        return self._live.get(entry[2][1:]) == entry[1]


class Trouble(NamedTuple):
    """What is wrong with the disk."""

    #: What it said last.
    error: str
    #: When it failed first, and when last,
    since: Micros
    latest: Micros
    #: how often,
    failures: int
    #: and whether no commit was among that.
    writable: bool


class StorageBackoff:
    """How long a disk that failed is left alone."""

    def __init__(self) -> None:
        self._pause: Micros = 0
        #: None where it works. Any thread may look.
        self.trouble: Trouble | None = None
        #: When it may be tried again.
        self.until: Micros = 0

    def failed(self, error: Exception, now: Micros, *, reading: bool = False) -> None:
        """Wait, twice as long as the last time."""
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self.until = now + self._pause
        before = self.trouble or Trouble("", now, now, 0, True)
        self.trouble = Trouble(str(error), before.since, now, before.failures + 1, before.writable and reading)
        logger.error("%s; trying again in %.2f s, nothing is lost", error, self._pause / 1e6)

    def readable(self) -> None:
        """It can be read, and nothing waits for it: where nothing else was wrong, nothing is now."""
        if self.trouble is not None and self.trouble.writable:
            self.worked()

    def worked(self) -> None:
        """Begin with the shortest pause the next time."""
        self._pause = 0
        if self.trouble is not None:
            logger.info("the disk works again, after %d failures", self.trouble.failures)
            self.trouble = None
