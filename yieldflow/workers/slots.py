"""The places of activities that keep none of the pool's threads: nothing is lent while one waits for a workflow."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .attempt import Attempt, Engine
from .context import ActivityContext, context_of


class Wakes:
    """What wakes the activities of one pool that wait for workflows."""

    def __init__(self) -> None:
        # The garbage collector may end a wait on a thread that holds it.
        self._lock = threading.RLock()
        self._wakes: dict[Callable[[], None], None] = {}
        #: Whether the pool stops. Never taken back.
        self.stopping = False

    def stop(self) -> None:
        """Have all who wait look up, and find that the pool stops; also those who begin to wait later."""
        with self._lock:
            self.stopping = True
            wakes = list(self._wakes)
        for wake in wakes:
            wake()

    def begin(self, wake: Callable[[], None]) -> None:
        """Somebody waits."""
        with self._lock:
            self._wakes[wake] = None
            stopping = self.stopping
        if stopping:
            wake()

    def end(self, wake: Callable[[], None]) -> None:
        """That is over."""
        with self._lock:
            self._wakes.pop(wake, None)


class LonePlace:
    """Where one attempt runs, in this process.

    Args:
        attempt: The attempt.
        engine: What it runs for.
        waits: What wakes it.
        loop_thread: The thread of the event loop that it runs on, if on one.
    """

    __slots__ = ("_attempt", "_loop_thread", "engine", "interrupted_once", "over", "waits")

    def __init__(self, attempt: Attempt, engine: Engine, waits: Wakes, loop_thread: int | None = None) -> None:
        self._attempt = attempt
        self.engine = engine
        self.waits = waits
        self._loop_thread = loop_thread
        #: Whether it was told to wait no longer, since the pool stops.
        self.interrupted_once = False
        #: Whether it has ended. What it left behind, such as a task, is no attempt any more.
        self.over = False

    @property
    def context(self) -> ActivityContext | None:
        """That of the attempt, until it is over."""
        return None if self.over else context_of(self._attempt, self.engine)

    @property
    def on_event_loop(self) -> bool:
        """Whether the calling thread is the loop's: `asyncio.to_thread` takes the place along to another one."""
        return threading.get_ident() == self._loop_thread

    def interrupted(self) -> bool:
        """Whether it is to give up waiting."""
        if self.waits.stopping:
            self.interrupted_once = True
        return self.waits.stopping
