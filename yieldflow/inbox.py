"""`Inbox`: what many threads put in and one takes out, which waits no longer than it means to.

`queue.SimpleQueue` does not keep to that before Python 3.13: where the time runs out just after it was looked at, since
the thread was held up there or a signal came, its `get` waits until something is put in, if need be for ever.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue without bounds. Any thread may put something in, and one at a time may take it out."""

    __slots__ = ("_bell", "_items")

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        #: Free once something was put in: whoever takes it out waits by holding it.
        self._bell = threading.Lock()
        self._bell.acquire()

    def put(self, item: T) -> None:
        """Put ``item`` behind what is there."""
        self._items.append(item)
        if self._bell.locked():
            try:
                self._bell.release()
            except RuntimeError:
                # Another thread has rung meanwhile.
                return

    def take(self, timeout: float, most: int) -> list[T]:
        """Take out what is there, in the order put in; where nothing is, wait for something.

        Args:
            timeout: Seconds to wait; nothing is waited for where it is not more than 0.
            most: How many items to take.

        Returns:
            The items. There may be none, before the time is over as well.
        """
        items = self._items
        if items or timeout <= 0:
            # What rang for these is not to ring once more.
            self._bell.acquire(blocking=False)
        else:
            self._bell.acquire(timeout=timeout)
        taken: list[T] = []
        while items and len(taken) < most:
            taken.append(items.popleft())
        return taken
