"""The logger that yieldflow itself uses."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from contextlib import suppress
from typing import Any


class Notices:
    """The logger ``yieldflow``; a handler of the user's that raises does no harm to what is being told of."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("yieldflow")

    def log(self, level: int, message: str, *values: object, **more: Any) -> None:
        """Log a message, as `logging.Logger.log` does."""
        # `logging` itself swallows what its own handlers raise; not every handler is so kind.
        with suppress(Exception):
            self._logger.log(level, message, *values, stacklevel=3, **more)

    def info(self, message: str, *values: object) -> None:
        """Log what is as it should be."""
        self.log(logging.INFO, message, *values)

    def warning(self, message: str, *values: object) -> None:
        """Log what may be worth a look."""
        self.log(logging.WARNING, message, *values)

    def error(self, message: str, *values: object, **more: Any) -> None:
        """Log what needs a look."""
        self.log(logging.ERROR, message, *values, **more)

    def critical(self, message: str, *values: object, **more: Any) -> None:
        """Log what stops everything."""
        self.log(logging.CRITICAL, message, *values, **more)


#: Used by all modules.
logger = Notices()


#: Seconds between two looks of a watchdog at a thread, and the number of looks after which it is blocked.
LOOK = 0.25
TOO_LONG = 4


def stack_of(thread: threading.Thread) -> str:
    """Show where a thread is now, for a warning that it is blocked."""
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame is not None else "unknown\n"
