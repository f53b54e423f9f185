"""A disk that failed is left alone for a while, ever longer."""

from __future__ import annotations

from typing import NamedTuple

from .._core.errors import DatabaseLostError
from .._core.history import Micros
from ..clock import Reading
from ..log import logger

#: The pause after the disk failed; it doubles each time, up to the longest.
FIRST_PAUSE: Micros = 50_000
LONGEST_PAUSE: Micros = 5_000_000


class Trouble(NamedTuple):
    """The failures of the disk since it last worked."""

    #: The last error of the disk.
    error: str
    #: When it failed first, and when last,
    since: Micros
    latest: Micros
    #: how often,
    failures: int
    #: and whether no commit was among that.
    writable: bool


class StorageBackoff:
    """Says when a disk that failed may be tried again."""

    def __init__(self) -> None:
        self._pause: Micros = 0
        #: None where it works. Any thread may look.
        self.trouble: Trouble | None = None
        #: When it may be tried again, by the clock that nobody sets.
        self.until: Micros = 0

    def failed(self, error: Exception, at: Reading, *, reading: bool = False) -> None:
        """Wait, twice as long as the last time.

        Raises:
            DatabaseLostError: The error is that: nothing is to be tried again.
        """
        if isinstance(error, DatabaseLostError):
            raise error
        now = at.now
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self.until = at.monotonic + self._pause
        before = self.trouble or Trouble("", now, now, 0, True)
        self.trouble = Trouble(str(error), before.since, now, before.failures + 1, before.writable and reading)
        logger.error("%s; trying again in %.2f s, nothing is lost", error, self._pause / 1e6)

    def readable(self) -> None:
        """Note that it can be read, and nothing waits for it: where nothing else was wrong, nothing is now."""
        if self.trouble is not None and self.trouble.writable:
            self.worked()

    def worked(self) -> None:
        """Begin with the shortest pause the next time."""
        self._pause = 0
        if self.trouble is not None:
            logger.info("the disk works again, after %d failures", self.trouble.failures)
            self.trouble = None
