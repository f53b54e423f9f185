"""The makings of the pytest plugin's fixtures, without pytest."""

from __future__ import annotations

__tracebackhide__ = True

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from .._core.commands import length_of
from .._core.history import Micros, WorkflowStatus, in_micros
from ..clock import Clock as SystemClock
from ..log import logger
from ..orchestrator.orchestrator import Orchestrator
from ..orchestrator.session import Session
from ..scheduler.hooks import ENDED_BADLY
from .memory import MemoryStore

#: Seconds for which `Clock.advance` waits at most until no activity runs, each time.
PATIENCE = 1.0


class Clock(SystemClock):
    """A clock for an orchestrator: it goes as the system's does, and can be moved on."""

    def __init__(self) -> None:
        self._ahead: Micros = 0
        self._session: Callable[[], Session | None] = lambda: None

    def now(self) -> Micros:
        """The present: as much later as was asked for."""
        return super().now() + self._ahead

    def monotonic(self) -> Micros:
        """The time that passed, with what was asked for."""
        return super().monotonic() + self._ahead

    def boottime(self) -> Micros:
        """The same."""
        return super().boottime() + self._ahead

    def drives(self, session: Callable[[], Session | None]) -> None:
        """Say whose clock it is."""
        self._session = session

    def advance(self, duration: float | timedelta) -> None:
        """Move time on, with all that happens meanwhile, in order: sleeps end, retries begin, time runs out.

        Before and after each of these it waits until no activity runs, so that what was submitted has come to where it
        waits; for a second at most, where an activity goes on for longer.

        Args:
            duration: Seconds, or a `timedelta`; 0 or more, at most a hundred years.

        Raises:
            TypeError: ``duration`` is neither.
            ValueError: It is negative, not finite, or too long.

        Example:
            >>> def test_reminder(orchestrator, yieldflow_clock):
            ...     handle = orchestrator.submit(reminder())
            ...     yieldflow_clock.advance(timedelta(days=30))
            ...     assert handle.result(timeout=5) == "reminded"
        """
        seconds = length_of("advance()", duration)
        goal = self.monotonic() + in_micros(seconds)
        while True:
            session = self._come_to_rest()
            left = goal - self.monotonic()
            step = left if session is None else min(session.timer_due_in, left)
            self._ahead += max(step, 0)
            if self.monotonic() >= goal:
                self._come_to_rest()
                return

    def _come_to_rest(self) -> Session | None:
        """Wait until no activity runs."""
        began = time.monotonic()
        while (session := self._session()) is not None:
            # A request is answered behind all that arrived before it, and what that leads to at once.
            for _ in range(2):
                session.submit([])
            health = session.health()
            if not health.running + health.waiting or time.monotonic() - began > PATIENCE:
                return session
            time.sleep(0.001)
        return None


class _Kept(MemoryStore):
    """A store in memory that is found under a path, whose lock is taken."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def guard(self, lock: str) -> None:
        """Do nothing: no other process can own a store in memory."""


def begin(path: Path, store: str, now: Clock) -> Orchestrator:
    """A started orchestrator.

    Args:
        path: The file.
        store: ``"sqlite"``, or ``"memory"``: then nothing but the lock is in a file.
        now: Its clock.
    """
    made = Orchestrator(path)
    gateway = made._gateway
    gateway.settings = replace(gateway.settings, clock=now, given_store=_Kept(str(path)) if store == "memory" else None)
    now.drives(lambda: gateway.session)
    made.start()
    return made


def stalled(orchestrator: Orchestrator) -> list[str]:
    """The workflows that cannot go on, with the reason of each."""
    rows = orchestrator.list_workflows(status=WorkflowStatus.STALLED)
    return [f"{row['name']} ({row['id']}): {row['reason']}" for row in rows]


@contextmanager
def warnings_of_ours() -> Iterator[list[logging.LogRecord]]:
    """The warnings that yieldflow logs while the body runs, but for those that tell of a workflow that failed."""
    found: list[logging.LogRecord] = []

    class Collecting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.msg != ENDED_BADLY:
                found.append(record)

    ours, handler = logging.getLogger("yieldflow"), Collecting(logging.WARNING)
    logger.flush()
    ours.addHandler(handler)
    try:
        yield found
        logger.flush()
    finally:
        ours.removeHandler(handler)
