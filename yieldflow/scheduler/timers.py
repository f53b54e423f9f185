"""The timers of the workflows in memory, and the moments at which those that rest on disk are due."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from .._core.history import Micros
from ..clock import Reading
from ..store import FOREVER, Store

#: Later than any time that can be waited for.
NEVER: Micros = 1 << 62

#: Earlier than any timer is due.
NO_TIMERS = Reading.same(-2)
#: The system's clock was set where it is off by more than this, all at once.
JUMP: Micros = 100_000

#: What a timer is for, where it is for no step: the end of the time that a workflow was given,
DEADLINE = -2
#: and the moment at which a workflow that rests on disk is to be loaded.
WAKE = -3

#: What a timer is for: workflow, run and step.
TimerKey: TypeAlias = tuple[str, int, int]

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
    #: True where a point in time is waited for, and no time is to pass.
    is_point: bool = False

    @property
    def key(self) -> TimerKey:
        """The thing that it is for."""
        return self[1:4]


class Timers:
    """All timers, the next due first; of equals, the first that was set. Each goes by one clock that nobody sets."""

    def __init__(self) -> None:
        self._heap: list[tuple[Micros, int, Timer]] = []
        #: Those that are still waited for: when they were set.
        self._live: dict[TimerKey, int] = {}
        self._count = 0
        #: When the next one is due; without any, a time that does not come.
        self.next_due: Micros = NEVER

    def set(self, timer: Timer, moment: Micros | None = None) -> None:
        """Add a timer, in the place of an earlier one for the same thing; ``moment`` is when it goes off."""
        self._count += 1
        self._live[timer[1:4]] = self._count
        heapq.heappush(self._heap, (self.moment_of(timer) if moment is None else moment, self._count, timer))
        self._clear_out()
        self.next_due = self._heap[0][0]

    def moment_of(self, timer: Timer) -> Micros:
        """Return when a timer is due, by the clock that they go by."""
        return timer.due_at

    def forget(self, workflow_id: str, run: int, step: int) -> None:
        """Take a timer out, if it is there."""
        self._live.pop((workflow_id, run, step), None)
        self._clear_out()

    def due(self, now: Micros) -> list[tuple[Micros, Timer]]:
        """Take out those that are due by ``now``, in order, each with how long it still had: 0, or less."""
        due: list[tuple[Micros, Timer]] = []
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if self._is_live(entry):
                del self._live[entry[2][1:4]]
                due.append((entry[0] - now, entry[2]))
        self.next_due = self._heap[0][0] if self._heap else NEVER
        return due

    def _clear_out(self) -> None:
        """Drop those that were forgotten or replaced, where they are too many."""
        if len(self._heap) > 2 * len(self._live) + FEW:
            self._replace([entry for entry in self._heap if self._is_live(entry)])

    def _replace(self, timers: list[tuple[Micros, int, Timer]]) -> None:
        """Have these be all timers."""
        heapq.heapify(timers)
        self._heap = timers
        self.next_due = timers[0][0] if timers else NEVER

    def _is_live(self, entry: tuple[Micros, int, Timer]) -> bool:
        return self._live.get(entry[2][1:4]) == entry[1]


class DurableTimers(Timers):
    """The timers of points in time that are on disk, where they are written by the system's clock.

    That clock may be set, and a sleep is to last as long as it was told: so it goes by `Clock.boottime`, from its
    beginning or from when this process learnt of it. What is set while the system's clock jumps keeps its moment, also
    where its workflow is built again since. Only what waits for a point in time goes by the system's clock further on,
    and what rests on disk is looked at at the earlier of both moments.
    """

    def __init__(self) -> None:
        super().__init__()
        #: Add this to a time of the system's clock for that of the other.
        self._ahead: Micros = 0
        self.now: Micros = 0
        #: The timers that were set when the system's clock was last set: their `due_at`, and their moment.
        self._kept: dict[TimerKey, tuple[Micros, Micros]] = {}
        #: The same of the workflows that were last suspended.
        self._paused: dict[TimerKey, tuple[Micros, Micros]] = {}

    def look(self, reading: Reading) -> bool:
        """Take in the time, and how far the clocks are from each other; tell whether one was set."""
        self.now, ahead = reading.boottime, reading.boottime - reading.now
        is_set = abs(ahead - self._ahead) > JUMP
        if is_set:
            self._jump(ahead)
        self._ahead = ahead
        return is_set

    def moment_of(self, timer: Timer) -> Micros:
        """Return when a timer is due, by the clock that they go by."""
        due_at, moment = self._kept.get(timer.key, (None, 0)) if self._kept else (None, 0)
        return moment if due_at == timer.due_at and not timer.is_point else timer.due_at + self._ahead

    def pauses(self, workflow_id: str, run: int, waits: Iterable[tuple[int, Micros | None]]) -> None:
        """Remember the moments of what a workflow waits for that is suspended, if it goes on in this session."""
        for step, due_at in waits:
            if due_at is not None:
                moment = self.moment_of(Timer(due_at, workflow_id, run, step))
                self._paused[workflow_id, run, step] = due_at, moment
        while len(self._paused) > PAGE:
            del self._paused[next(iter(self._paused))]

    def wakes(self, workflow_id: str, run: int, waits: Iterable[tuple[int, Micros | None]]) -> None:
        """Have what a workflow waits for that rested, or was suspended, keep its moment, where that was for it.

        Args:
            workflow_id: The workflow.
            run: Its run.
            waits: The steps that wait for a time, each with that.
        """
        kept = self._kept.pop((workflow_id, 0, WAKE), None) if self._kept else None
        for step, due_at in waits if kept is not None or self._paused else ():
            paused = self._paused.pop((workflow_id, run, step), None)
            if paused is not None:
                self.keep((workflow_id, run, step), *paused)
            elif kept is not None and due_at == kept[0]:
                self._kept[workflow_id, run, step] = kept

    def has_come(self, timer: Timer) -> bool:
        """Tell whether a timer that was not set would be due."""
        return self.moment_of(timer) <= self.now

    def keeps(self, workflow_id: str, run: int, waits: Iterable[tuple[int, Micros | None]]) -> bool:
        """Tell whether a workflow is due at another moment than its row would say, since the clock was set."""
        if not self._kept:
            return False
        return any(self._kept.get((workflow_id, run, step), (0, 0))[1] > self.now for step, _ in waits)

    def keep(self, key: TimerKey, due_at: Micros, moment: Micros) -> None:
        """Have what is due at ``due_at`` keep a moment that was found before, if the clock was set since."""
        if abs(due_at + self._ahead - moment) > JUMP:
            self._kept[key] = due_at, moment

    def set_at_rest(self, timer: Timer) -> None:
        """Have a workflow on disk be looked at at the earlier of both moments."""
        self.set(timer, min(self.moment_of(timer), timer.due_at + self._ahead))

    def _jump(self, ahead: Micros) -> None:
        """Have the timers keep their moments, but for those of points in time."""
        self._kept = {key: kept for key, kept in self._kept.items() if kept[1] > self.now}
        heap: list[tuple[Micros, int, Timer]] = []
        for entry in self._heap:
            moment, count, timer = entry
            if not self._is_live(entry):
                continue
            if timer.is_point:
                moment = timer.due_at + ahead
            else:
                # That of one on disk may be earlier than what was kept before.
                kept = self._kept.get(timer.key, (None, 0))
                moment = kept[1] if kept[0] == timer.due_at else moment
                self._kept[timer.key] = timer.due_at, moment
                if timer.step == WAKE:
                    moment = min(moment, timer.due_at + ahead)
            heap.append((moment, count, timer))
        self._replace(heap)


class Wakeups:
    """When the workflows that rest on disk are due: those of a window are known ahead, however many rest behind it.

    Args:
        timers: The timers that wake them.
    """

    def __init__(self, timers: DurableTimers) -> None:
        self._timers = timers
        #: Up to here, by wake_at and number, everything that rests has a timer.
        self._end: tuple[Micros, int] = (-1, -1)
        #: When the next one behind that is due, as far as is known, by the clock of the timers.
        self.next_page: Micros = -1
        #: Of those that this process saw go to rest behind that, the last: until when, and the moment of that.
        self._noted: dict[str, tuple[Micros, Micros]] = {}

    def begin(self, now: Micros) -> None:
        """Note that all that is due by ``now``, by the system's clock, is known."""
        self._end = now, FOREVER
        self.next_page = self._timers.now

    def look_again(self) -> None:
        """Have the next be looked for at once: the system's clock was set, perhaps past a point in time."""
        self.next_page = self._timers.now

    def note(self, workflow_id: str, wake_at: Micros) -> None:
        """Note until when a workflow rests, once that is on disk."""
        if wake_at >= FOREVER:
            return
        timer = Timer(wake_at, workflow_id, 0, WAKE)
        if wake_at <= self._end[0]:
            self._timers.set(timer)
            return
        moment = self._timers.moment_of(timer)
        self.next_page = min(self.next_page, moment)
        self._noted[workflow_id] = wake_at, moment
        if len(self._noted) > PAGE:
            del self._noted[next(iter(self._noted))]

    def forget(self, workflow_id: str) -> None:
        """Wake a workflow no more that rested, but have what it waits for keep its moment."""
        self._recall(workflow_id)
        self._timers.forget(workflow_id, 0, WAKE)

    def _recall(self, workflow_id: str) -> None:
        noted = self._noted.pop(workflow_id, None)
        if noted is not None:
            self._timers.keep((workflow_id, 0, WAKE), *noted)

    def read_ahead(self, store: Store, loading: int = 0) -> None:
        """Learn of those that are due next, where those that are known are over.

        Args:
            store: Where they rest.
            loading: So many wait to be loaded. Where they are a page, others rest on: many may be due at one moment.

        Raises:
            StorageError: They cannot be read.
        """
        if self._timers.now < self.next_page:
            return
        if loading >= PAGE:
            self.next_page = self._timers.now + HOLD
            return
        page = store.sleepers(self._end, NEVER, PAGE)
        for sleeper in page:
            self._recall(sleeper.workflow_id)
            self._timers.set_at_rest(Timer(sleeper.wake_at, sleeper.workflow_id, 0, WAKE))
        if page:
            self._end = page[-1].wake_at, page[-1].number
        # Behind the last of a full page others may be, which are due no earlier.
        self.next_page = self._moment(self._end[0]) if len(page) == PAGE else NEVER

    def _moment(self, wake_at: Micros) -> Micros:
        return self._timers.moment_of(Timer(wake_at, "", 0, WAKE))
