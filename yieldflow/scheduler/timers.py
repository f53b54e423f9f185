"""The timers of the workflows in memory, and the moments at which those that rest on disk are due."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from .._core.history import Micros
from ..store import FOREVER, Store

#: Later than any time that can be waited for.
NEVER: Micros = 1 << 62

#: Earlier than any timer is due.
NO_TIMERS: Micros = -2

#: What a timer is for, where it is for no step: the end of the time that a workflow was given,
DEADLINE = -2
#: and the moment at which a workflow that rests on disk is to be loaded.
WAKE = -3

#: So many forgotten timers are not worth clearing out.
FEW = 64
#: So many of those that rest are known ahead,
PAGE = 1_000
#: and after so long the next are looked for, where that many wait to be loaded.
HOLD: Micros = 20_000


class Timer(NamedTuple):
    """A moment that a workflow waits for."""

    due_at: Micros
    workflow_id: str
    run: int
    #: The step that sleeps; or `DEADLINE` or `WAKE`.
    step: int


class Timers:
    """All timers, the next due first; of equals, the first that was set."""

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
        """Add a timer, in the place of an earlier one for the same thing."""
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
        due: list[Timer] = []
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if self._is_live(entry):
                del self._live[entry[2][1:]]
                due.append(entry[2])
        return due

    def _clear_out(self) -> None:
        """Drop those that were forgotten or replaced, where they are too many."""
        if len(self._heap) > 2 * len(self._live) + FEW:
            self._heap = [entry for entry in self._heap if self._is_live(entry)]
            heapq.heapify(self._heap)

    def _is_live(self, entry: tuple[Micros, int, Timer]) -> bool:
        return self._live.get(entry[2][1:]) == entry[1]


class Wakeups:
    """When the workflows that rest on disk are due: those of a window are known ahead, however many rest behind it.

    Args:
        timers: The timers that wake them.
    """

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        #: Up to here, by wake_at and number, everything that rests has a timer.
        self._end: tuple[Micros, int] = (-1, -1)
        #: When the next one behind that is due, as far as is known.
        self.next_page: Micros = -1

    def begin(self, now: Micros) -> None:
        """Note that all that is due by ``now`` is known."""
        self._end = now, FOREVER
        self.next_page = now

    def note(self, workflow_id: str, wake_at: Micros) -> None:
        """Note until when a workflow rests, once that is on disk."""
        if wake_at >= FOREVER:
            return
        if wake_at <= self._end[0]:
            self._timers.set(Timer(wake_at, workflow_id, 0, WAKE))
        else:
            self.next_page = min(self.next_page, wake_at)

    def read_ahead(self, store: Store, now: Micros, loading: int = 0) -> None:
        """Learn of those that are due next, where those that are known are over.

        Args:
            store: Where they rest.
            now: The time.
            loading: So many wait to be loaded. Where they are a page, others rest on: many may be due at one moment.

        Raises:
            StorageError: They cannot be read.
        """
        if now < self.next_page:
            return
        if loading >= PAGE:
            self.next_page = now + HOLD
            return
        page = store.sleepers(self._end, NEVER, PAGE)
        for sleeper in page:
            self._timers.set(Timer(sleeper.wake_at, sleeper.workflow_id, 0, WAKE))
        if page:
            self._end = page[-1].wake_at, page[-1].number
        # Behind the last of a full page others may be, which are due no earlier.
        self.next_page = self._end[0] if len(page) == PAGE else NEVER
