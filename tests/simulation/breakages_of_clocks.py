"""Deliberate breakages of how time is measured, each of which the simulation has to find.

Like those of the scheduler in `breakages`, each patches one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.support.engine import START
from yieldflow._core import execution
from yieldflow._core.commands import Sleep
from yieldflow._core.history import Micros
from yieldflow._core.nodes import Node
from yieldflow.clock import Reading
from yieldflow.scheduler.messages import Message
from yieldflow.scheduler.scheduler import Scheduler
from yieldflow.scheduler.timers import DurableTimers


def _misread(patch: pytest.MonkeyPatch, misread: Callable[[Reading], Reading]) -> None:
    """Have the scheduler read its clocks wrong."""
    turn, recover = Scheduler.turn, Scheduler.recover

    def wrong(self: Scheduler, inbox: Iterable[Message], now: Reading, *, until: Reading | None = None) -> None:
        turn(self, inbox, misread(now), until=None if until is None else misread(until))

    patch.setattr(Scheduler, "turn", wrong)
    patch.setattr(Scheduler, "recover", lambda self, now: recover(self, misread(now)))


def limits_by_the_systems_clock(patch: pytest.MonkeyPatch) -> None:
    """How long an attempt takes is measured by the system's clock."""
    _misread(patch, lambda reading: reading._replace(monotonic=reading.now - START))


def limits_while_the_machine_sleeps(patch: pytest.MonkeyPatch) -> None:
    """The time in which the machine sleeps counts for attempts."""
    _misread(patch, lambda reading: reading._replace(monotonic=reading.boottime))


def sleeps_by_the_systems_clock(patch: pytest.MonkeyPatch) -> None:
    """A sleep lasts until the system's clock shows its end, however that is set."""
    _misread(patch, lambda reading: reading._replace(boottime=reading.now - START))


def sleeps_longer_by_the_machines(patch: pytest.MonkeyPatch) -> None:
    """The time in which the machine sleeps does not count for sleeps."""
    _misread(patch, lambda reading: reading._replace(boottime=reading.monotonic))


def sleep_from_the_latest_time(patch: pytest.MonkeyPatch) -> None:
    """A sleep is counted from what `now()` gives, which is behind no earlier time, though the clock was set back."""
    begin = execution._BEGIN[Sleep]

    def late(self: Any, command: Sleep, parent: Node, slot: int, yielder: Any) -> object:
        before, self._at = self._at, self._now
        try:
            return begin(self, command, parent, slot, yielder)
        finally:
            self._at = before

    patch.setitem(execution._BEGIN, Sleep, late)


def timers_follow_the_systems_clock(patch: pytest.MonkeyPatch) -> None:
    """Where the system's clock is set, the timers that were set before are set anew by it."""

    def follow(self: DurableTimers, ahead: Micros) -> None:
        self._replace([(timer.due_at + ahead, count, timer) for _, count, timer in self._heap])

    patch.setattr(DurableTimers, "_jump", follow)


BREAKAGES_OF_CLOCKS: list[Callable[[pytest.MonkeyPatch], None]] = [
    limits_by_the_systems_clock,
    limits_while_the_machine_sleeps,
    sleeps_by_the_systems_clock,
    sleeps_longer_by_the_machines,
    sleep_from_the_latest_time,
    timers_follow_the_systems_clock,
]
