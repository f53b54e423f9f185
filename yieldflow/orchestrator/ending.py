"""`Ending`: the end that is asked of a session, and the wait for it."""

from __future__ import annotations

import math
import threading
import time

from ..inbox import Inbox

#: Seconds after which a thread that waits wakes for a moment, so that Python can handle a signal there.
WAKE_INTERVAL = 0.5


def wait_until_set(event: threading.Event, timeout: float = math.inf) -> bool:
    """Wait until ``event`` is set, and return True; or False after ``timeout`` seconds.

    A signal that the system gave to another thread, or that came right before the wait, does not end it. Without the
    short breaks the main thread would not react to Ctrl-C.
    """
    until = time.monotonic() + timeout
    while not event.wait(min(WAKE_INTERVAL, max(0.0, until - time.monotonic()))):
        if time.monotonic() >= until:
            return False
    return True


class Ending:
    """The end of a session: by when it is asked for, and when it has come. A signal handler may call any of it."""

    def __init__(self) -> None:
        #: Wakes the session's thread, and leaves no lock behind where a signal interrupts it.
        self._bell: Inbox[None] = Inbox()
        self._deadlines: list[float] = []
        #: Set once nothing of the session is left.
        self.over = threading.Event()
        #: True once a signal handler asked, which could not wait.
        self.unattended = False

    def ask(self, timeout: float | None) -> None:
        """Ask for the end: running activities are given ``timeout`` seconds from now, at most; None for any time."""
        self._deadlines.append(math.inf if timeout is None else time.monotonic() + timeout)
        self._bell.put(None)

    @property
    def asked(self) -> bool:
        """True once it was asked for."""
        return bool(self._deadlines)

    @property
    def deadline(self) -> float:
        """The time, by ``time.monotonic()``, until which running activities are waited for: the earliest asked for."""
        return min(self._deadlines, default=math.inf)

    def wait_until_asked(self, timeout: float) -> bool:
        """Return True once it was asked for; False after ``timeout`` seconds."""
        self._bell.take(timeout, 1)
        return self.asked
