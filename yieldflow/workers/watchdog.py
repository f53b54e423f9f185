"""What warns of an async activity that blocks, while which all the others stand still."""

from __future__ import annotations

import asyncio
import threading

from ..log import LOOK, TOO_LONG, logger, stack_of


class Watchdog:
    """Asks an event loop again and again whether it goes round.

    Args:
        loop: The loop.
        thread: The thread that runs it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
        self._loop = loop
        self._thread = thread
        self._answered = True
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="yieldflow-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def _watch(self) -> None:
        looks = 0
        while not self._over.wait(LOOK):
            if self._answered:
                looks, self._answered = 0, False
                try:
                    self._loop.call_soon_threadsafe(self._answer)
                except RuntimeError:
                    # It is closed.
                    return
                continue
            looks += 1
            if looks == TOO_LONG:
                self._warn()

    def _answer(self) -> None:
        self._answered = True

    def _warn(self) -> None:
        logger.warning(
            "an async activity has kept the event loop for over a second, and all others wait: await what blocks, as "
            "in `await asyncio.to_thread(...)`, or make it a plain activity. It is here:\n%s",
            stack_of(self._thread),
        )
