"""Who waits for the end of a workflow, and how they hear of it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import TypeAlias
from weakref import ReferenceType

from .._core.commands import seconds_of
from .._core.history import WorkflowStatus
from ..scheduler.messages import Ended
from ..workers import lend

#: Looks at a workflow until it has ended: yields for how many seconds, at most, news may be waited for before the next
#: look, or None for as long as it takes.
Looks: TypeAlias = Generator[float | None, None, Ended]

#: Seconds after which a thread that waits is awake for a moment, so that Python can handle a signal there.
SPELL = 0.5
#: So many watches that have vanished are not worth clearing out.
FEW = 64


class Watch:
    """The news of one workflow, shared by all who hold a handle of it."""

    __slots__ = ("__weakref__", "_calls", "_lock", "ended")

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._calls: list[Callable[[], None]] = []
        #: The last news; a workflow that is not done may go on after it.
        self.ended: Ended | None = None

    @property
    def end(self) -> Ended | None:
        """That the workflow is done, if that was told. Of any other end only the disk knows whether it still holds."""
        ended = self.ended
        return ended if ended is not None and ended.status is WorkflowStatus.DONE else None

    @contextmanager
    def listening(self, callback: Callable[[], None]) -> Iterator[None]:
        """While the body runs, have ``callback`` called at all news, from another thread."""
        # Without the lock: each is one step, and the garbage collector may come to the second on any thread.
        self._calls.append(callback)
        try:
            yield
        finally:
            self._calls.remove(callback)

    def clear(self) -> None:
        """Old news are no news: what was told has been overtaken."""
        with self._lock:
            self.ended = None

    @property
    def calls(self) -> list[Callable[[], None]]:
        """The callbacks to be called; the lock is held by the caller."""
        return list(self._calls)


class Watches:
    """The watches of one orchestrator, by workflow. Those that nobody holds vanish."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # A `WeakValueDictionary` of them would take as long for each as all else that a handle costs.
        self._by_id: dict[str, ReferenceType[Watch]] = {}
        #: From this many on, those that have vanished are cleared out.
        self._many = FEW

    def of(self, workflow_id: str) -> Watch:
        """The watch of a workflow."""
        with self._lock:
            watch = self._find(workflow_id)
            if watch is None:
                if len(self._by_id) >= self._many:
                    self._by_id = {id: there for id, there in self._by_id.items() if there() is not None}
                    self._many = 2 * len(self._by_id) + FEW
                watch = Watch(self._lock)
                self._by_id[workflow_id] = ReferenceType(watch)
            return watch

    def _find(self, workflow_id: str) -> Watch | None:
        """The watch of a workflow, where somebody holds it; the lock is held by the caller."""
        there = self._by_id.get(workflow_id)
        return None if there is None else there()

    def tell(self, news: Iterable[Ended]) -> None:
        """Pass on what has been committed."""
        calls: list[Callable[[], None]] = []
        with self._lock:
            for ended in news:
                watch = self._find(ended.workflow_id)
                if watch is not None:
                    watch.ended = ended
                    calls += watch.calls
        for call in calls:
            call()

    def wake_all(self) -> None:
        """Have everybody look again, since nobody will tell them any more."""
        with self._lock:
            held = [watch for there in self._by_id.values() if (watch := there()) is not None]
            calls = [call for watch in held for call in watch.calls]
        for call in calls:
            call()


def seconds_to_wait(call: str, timeout: float | timedelta | None) -> float | None:
    """A caller's timeout in seconds; None for as long as it takes.

    Raises:
        TypeError: It is neither a number nor a `timedelta`.
        ValueError: It is no length of time.
    """
    if timeout is None:
        return None
    seconds = seconds_of(f"{call}(timeout=...)", timeout)
    if math.isnan(seconds):
        raise ValueError(f"{call}(timeout=...) takes seconds or a timedelta, not {timeout!r}")
    return seconds


# In both of the following the order is: be ready to be told, then look, then wait. So no news is missed.


def wait(watch: Watch, looks: Looks, timeout: float | None) -> Ended | None:
    """Wait for the end of a workflow; None where it has not ended within ``timeout`` seconds."""
    if watch.end is not None:
        return watch.end
    deadline = None if timeout is None else time.monotonic() + timeout
    told = threading.Event()
    with watch.listening(told.set), ExitStack() as waiting:
        lent = False
        while True:
            told.clear()
            try:
                patience = next(looks)
            except StopIteration as found:
                ended: Ended = found.value
                return ended
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                patience = left if patience is None else min(left, patience)
            if not lent:
                lent = True
                waiting.enter_context(lend(told.set))
            _listen(told, patience)


def _listen(told: threading.Event, patience: float | None) -> None:
    """Wait for news, for so many seconds or for as long as it takes.

    A signal that the system gave to another thread, or that came right before the wait, does not end it. Without a
    break the main thread would not hear of a Ctrl-C.
    """
    until = math.inf if patience is None else time.monotonic() + patience
    while not told.wait(min(SPELL, max(0.0, until - time.monotonic()))) and time.monotonic() < until:
        pass


async def wait_async(watch: Watch, looks: Looks) -> Ended:
    """Wait for the end of a workflow from a coroutine, without holding a thread."""
    import asyncio

    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def tell() -> None:
        # Where the loop is closed, nobody waits in it any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(told.set)

    with watch.listening(tell), lend(tell):
        while True:
            told.clear()
            try:
                patience = next(looks)
            except StopIteration as found:
                ended: Ended = found.value
                return ended
            with suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), patience)
