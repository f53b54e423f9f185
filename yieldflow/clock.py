"""The clocks: the system's says which time it is, and two others, which nobody sets, how long something took.

A point in time (when something happened, when a workflow is to go on) is written by the system's clock, which is set
forward and back. Whatever has a length is measured by the others: the limits of attempts by `Clock.monotonic`, which
stands still while the machine sleeps, as the attempts do; and the sleeps of workflows by `Clock.boottime`.
"""

from __future__ import annotations

import sys
import time
from typing import NamedTuple

from ._core.history import Micros


class Reading(NamedTuple):
    """One look at all clocks."""

    now: Micros
    monotonic: Micros
    boottime: Micros

    @classmethod
    def same(cls, moment: Micros) -> Reading:
        """Return a reading of clocks that all show the same: in a test time is nothing but a number."""
        return cls(moment, moment, moment)


#: Makes a named tuple in half the time that its own call takes.
_tuple = tuple.__new__

if hasattr(time, "CLOCK_BOOTTIME"):
    _BOOTTIME: int | None = time.CLOCK_BOOTTIME
elif sys.platform == "darwin":
    # There this one goes on while the machine sleeps, and `time.monotonic` does not.
    _BOOTTIME = time.CLOCK_MONOTONIC
else:
    _BOOTTIME = None


class Clock:
    """The clocks of this machine. A test hands over another."""

    def now(self) -> Micros:
        """Return the present, by the system's clock."""
        return time.time_ns() // 1000

    def monotonic(self) -> Micros:
        """Return the time that passed while the machine was awake, since some moment."""
        return time.monotonic_ns() // 1000

    def boottime(self) -> Micros:
        """Return the time that passed, also while the machine slept, since some moment."""
        return self.monotonic() if _BOOTTIME is None else time.clock_gettime_ns(_BOOTTIME) // 1000

    def read(self) -> Reading:
        """Look at all clocks."""
        return _tuple(Reading, (self.now(), self.monotonic(), self.boottime()))
