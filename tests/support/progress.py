"""The progress of a long run, on a terminal."""

from __future__ import annotations

import sys
import time

#: Seconds between two looks.
OFTEN = 0.1
WIDTH = 30


class Bar:
    """A progress bar on stderr, where that is a terminal; nothing elsewhere.

    Args:
        whole: How much there is to do.
    """

    def __init__(self, whole: int) -> None:
        self._whole = whole
        self._shown = sys.stderr.isatty()
        self._next = 0.0
        #: Whether the bar stands in the line that is written to.
        self._open = False

    def show(self, done: int, note: str = "") -> None:
        """Show how much is done, now and then."""
        if not self._shown or (time.monotonic() < self._next and done < self._whole):
            return
        self._next = time.monotonic() + OFTEN
        filled = WIDTH * done // self._whole
        bar = "█" * filled + "░" * (WIDTH - filled)
        print(f"\r{bar} {done:,}/{self._whole:,}  {note} ", end="", file=sys.stderr)
        self._open = True
        if done == self._whole:
            self.end()

    def end(self) -> None:
        """Go on in the next line, also where not all is done."""
        if self._open:
            print(file=sys.stderr)
        self._open = False
