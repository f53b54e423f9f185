"""Who waits for the end of a workflow, and how they hear of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from weakref import WeakValueDictionary

from .turn import Ended


class Watch:
    """The news of one workflow, shared by all who hold a handle of it."""

    __slots__ = ("__weakref__", "_calls", "_lock", "ended")

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._calls: list[Callable[[], None]] = []
        #: The last news; a stalled workflow may go on after it.
        self.ended: Ended | None = None

    def call(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called at the next news, from another thread, or now if the end is known."""
        with self._lock:
            if self.ended is None:
                self._calls.append(callback)
                return
        callback()

    def forget(self, callback: Callable[[], None]) -> None:
        """Do not call ``callback`` any more."""
        with self._lock:
            if callback in self._calls:
                self._calls.remove(callback)

    def clear(self) -> None:
        """Old news are no news: what was told has been overtaken."""
        with self._lock:
            self.ended = None

    def take_calls(self) -> list[Callable[[], None]]:
        """The callbacks to be called, each once; the lock is held by the caller."""
        calls, self._calls = self._calls, []
        return calls


class Watches:
    """The watches of one orchestrator, by workflow. Those that nobody holds vanish."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_id: WeakValueDictionary[str, Watch] = WeakValueDictionary()

    def of(self, workflow_id: str) -> Watch:
        """The watch of a workflow."""
        with self._lock:
            watch = self._by_id.get(workflow_id)
            if watch is None:
                watch = self._by_id[workflow_id] = Watch(self._lock)
            return watch

    def tell(self, news: Iterable[Ended]) -> None:
        """Pass on what has been committed."""
        calls: list[Callable[[], None]] = []
        with self._lock:
            for ended in news:
                watch = self._by_id.get(ended.workflow_id)
                if watch is not None:
                    watch.ended = ended
                    calls += watch.take_calls()
        for call in calls:
            call()

    def wake_all(self) -> None:
        """Have everybody look again, since nobody will tell them any more."""
        with self._lock:
            calls = [call for watch in list(self._by_id.values()) for call in watch.take_calls()]
        for call in calls:
            call()
