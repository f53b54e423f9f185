"""Looks at the file on behalf of all who wait for workflows in a client: one look for all, on one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from ..log import logger

#: Seconds between two looks.
POLL_INTERVAL = 0.02
#: A look is followed by a pause of at least this many times its own length, however many wait.
PAUSE = 9
#: Seconds after which a wait checks that the file has an owner at all.
WARNING_DELAY = 1.0


@dataclass(eq=False, slots=True)
class _Wait:
    workflow_id: str
    since: float = field(default_factory=time.monotonic)
    #: True once it was checked that the file has an owner.
    checked: bool = False


class File(Protocol):
    """The file, as it is looked at here."""

    def ended(self, workflow_ids: Collection[str], since: object) -> tuple[object, Collection[str]]:
        """Return a mark for the next call, and those of the workflows that have ended, stalled or gone."""

    def unattended(self) -> str | None:
        """Return a sentence saying that the file has no owner; None if it has one."""

    @property
    def is_client(self) -> bool:
        """True while ends are not announced in this process."""


class Polling:
    """The waits of a client. While there is one, a thread looks at the file, and wakes whoever is to hear of an end."""

    def __init__(self) -> None:
        # Reentrant, since a signal's handler may wait for a workflow, too.
        self._lock = threading.RLock()
        self._running = False
        #: By the function that wakes each.
        self._waits: dict[Callable[[], None], _Wait] = {}

    @contextmanager
    def waiting(self, workflow_id: str, wake: Callable[[], None]) -> Iterator[None]:
        """While the body waits for a workflow, have ``wake`` called, from another thread, when there is news of it.

        It is called too where the file cannot be read, or ends are announced from now on: then whoever waits looks for
        himself. Nothing is called before `start` was.
        """
        # Without the lock, since the garbage collector may run the removal on any thread: each is one atomic step.
        self._waits[wake] = _Wait(workflow_id)
        try:
            yield
        finally:
            del self._waits[wake]

    def start(self, file: File) -> bool:
        """See that the thread runs; False where the system can start none."""
        with self._lock:
            if not self._running:
                self._running = True
                try:
                    threading.Thread(target=self._run, args=(file,), name="yieldflow-polling", daemon=True).start()
                except RuntimeError:
                    self._running = False
            return self._running

    def _run(self, file: File) -> None:
        mark: object = None
        pause = POLL_INTERVAL
        try:
            while not self._is_over(file):
                time.sleep(pause)
                began, waits = time.monotonic(), self._snapshot()
                mark, ended = file.ended({wait.workflow_id for wait in waits.values()}, mark)
                for wake, wait in waits.items() if ended else ():
                    if wait.workflow_id in ended:
                        wake()
                self._check_owner(file, [wait for wait in waits.values() if not wait.checked])
                pause = max(POLL_INTERVAL, PAUSE * (time.monotonic() - began))
        except BaseException:
            # Whoever waits meets the same error, and has a caller to tell of it.
            time.sleep(pause)
            with self._lock:
                self._running = False
        for wake in self._snapshot():
            wake()

    def _is_over(self, file: File) -> bool:
        """Return True if the thread is to end: whoever comes after that starts another."""
        with self._lock:
            self._running = bool(self._waits) and file.is_client
            return not self._running

    def _snapshot(self) -> dict[Callable[[], None], _Wait]:
        while True:
            try:
                return dict(self._waits)
            except RuntimeError:
                continue  # A wait began or ended meanwhile.

    def _check_owner(self, file: File, unchecked: Sequence[_Wait]) -> None:
        """Warn, once of each wait, where the file has no owner."""
        now = time.monotonic()
        due = [wait for wait in unchecked if now - wait.since >= WARNING_DELAY]
        for wait in due:
            wait.checked = True
        alone = file.unattended() if due else None
        if alone is not None:
            others = f" and {len(due) - 1} more are" if due[1:] else " is"
            logger.warning("%s%s waited for, and %s", due[0].workflow_id, others, alone)
