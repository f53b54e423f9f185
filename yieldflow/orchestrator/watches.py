"""Tells those who wait for a workflow that it has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from weakref import ReferenceType

from .._core.history import WorkflowStatus
from ..scheduler.messages import Ended

#: While no more watches than this have vanished, they are not cleared out.
FEW = 64


class Watch:
    """The last announced end of one workflow, and the callbacks of those who wait for it.

    All handles of the workflow share it.
    """

    __slots__ = ("__weakref__", "_callbacks", "_lock", "latest")

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._callbacks: list[Callable[[], None]] = []
        #: The end announced last. Unless that is "done", the workflow may have gone on since.
        self.latest: Ended | None = None

    @property
    def done(self) -> Ended | None:
        """The announced end, if the workflow is done. Only the disk knows whether any other end still holds."""
        latest = self.latest
        return latest if latest is not None and latest.status is WorkflowStatus.DONE else None

    @contextmanager
    def notifying(self, callback: Callable[[], None]) -> Iterator[None]:
        """While the body runs, have ``callback`` called at every announcement, from another thread."""
        # Without the lock, since the garbage collector may run the removal on any thread: each is one atomic step.
        self._callbacks.append(callback)
        try:
            yield
        finally:
            self._callbacks.remove(callback)

    def clear(self) -> None:
        """Forget the announced end, which may have been overtaken."""
        with self._lock:
            self.latest = None

    @property
    def callbacks(self) -> list[Callable[[], None]]:
        """The callbacks to be called; the caller holds the lock."""
        return list(self._callbacks)


class Watches:
    """The watches of one orchestrator, by workflow. A watch vanishes when nothing holds it any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Not a `WeakValueDictionary`: that would take as long for each handle as everything else about it.
        self._by_id: dict[str, ReferenceType[Watch]] = {}
        #: When there are this many, those that have vanished are cleared out.
        self._many = FEW

    def __len__(self) -> int:
        """Count the watches, with those that have vanished and are not cleared out yet."""
        return len(self._by_id)

    def of(self, workflow_id: str) -> Watch:
        """Return the watch of a workflow; the first to ask makes it."""
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
        """Return the watch of a workflow, if something holds it; the caller holds the lock."""
        there = self._by_id.get(workflow_id)
        return None if there is None else there()

    def announce(self, ends: Iterable[Ended]) -> None:
        """Pass on ends that are on disk, and wake those who wait for them."""
        callbacks: list[Callable[[], None]] = []
        with self._lock:
            for ended in ends:
                watch = self._find(ended.workflow_id)
                if watch is not None:
                    watch.latest = ended
                    callbacks += watch.callbacks
        for callback in callbacks:
            callback()

    def wake_all(self) -> None:
        """Wake everyone who waits, to look at the disk: no more ends are announced."""
        with self._lock:
            held = [watch for there in self._by_id.values() if (watch := there()) is not None]
            callbacks = [callback for watch in held for callback in watch.callbacks]
        for callback in callbacks:
            callback()
