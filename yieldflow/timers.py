"""What is to happen at a time: sleeps that end, delayed workflows that start, a disk that is tried again."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from ._core.history import Micros, WorkflowStatus
from .notices import logger
from .store import Pending

#: The pause after the disk failed; it doubles each time, up to the longest.
FIRST_PAUSE: Micros = 50_000
LONGEST_PAUSE: Micros = 5_000_000


#: Later than any time that can be waited for.
NEVER: Micros = 1 << 62


class Timer(NamedTuple):
    """A sleep that ends, or, with no step, a workflow that is to start."""

    due_at: Micros
    workflow_id: str
    run: int
    step: int | None


def timers_of(pending: Pending, now: Micros) -> list[Timer]:
    """What a recovered workflow waits for, where that is nothing but time; empty where it is to go on now."""
    if pending.status is not WorkflowStatus.PROCESSING or pending.active:
        return []
    if pending.started:
        return [Timer(due_at, pending.workflow_id, pending.run, step) for step, due_at in pending.sleeps]
    if pending.starts_at is not None and pending.starts_at > now:
        return [Timer(pending.starts_at, pending.workflow_id, pending.run, None)]
    return []


class Timers:
    """All timers, the next due first; of equals, the one that was set first.

    Nothing is ever taken out early: whoever takes one asks whether it is still waited for.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[Micros, int, Timer]] = []
        self._count = 0

    @property
    def next_due(self) -> Micros:
        """When the next one is due; without any, a time that does not come."""
        return self._heap[0][0] if self._heap else NEVER

    def set(self, timer: Timer) -> None:
        """Add a timer."""
        self._count += 1
        heapq.heappush(self._heap, (timer.due_at, self._count, timer))

    def due(self, now: Micros) -> list[Timer]:
        """Take out those that are due by ``now``, in order."""
        taken: list[Timer] = []
        while self._heap and self._heap[0][0] <= now:
            taken.append(heapq.heappop(self._heap)[2])
        return taken


class BackOff:
    """How long a disk that failed is left alone."""

    def __init__(self) -> None:
        self._pause: Micros = 0
        #: When it may be tried again.
        self.until: Micros = 0

    def failed(self, error: Exception, now: Micros) -> None:
        """Wait, twice as long as the last time."""
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self.until = now + self._pause
        logger.error("%s; trying again in %.2f s, nothing is lost", error, self._pause / 1e6)

    def worked(self) -> None:
        """Begin with the shortest pause the next time."""
        self._pause = 0
