"""`Inbox`: a queue that many threads fill and one empties, whose waits never last longer than their timeout.

`queue.SimpleQueue` does not keep to that before Python 3.13: if the time runs out right after its `get` has looked,
since the thread was held up there or a signal came, it waits for the next item, however long that takes.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue without bounds. Any thread may put items in, and one at a time may take them out."""

    __slots__ = ("_bell", "_items")

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        #: Free once an item was put in: `take` waits by acquiring it.
        self._bell = threading.Lock()
        self._bell.acquire()

    def __len__(self) -> int:
        """The number of items that are there."""
        return len(self._items)

    def put(self, item: T) -> None:
        """Append ``item``."""
        self._items.append(item)
        if self._bell.locked():
            try:
                self._bell.release()
            except RuntimeError:
                # Another thread has rung meanwhile.
                return

    def take(self, timeout: float, most: int) -> list[T]:
        """Take out the items that are there, in the order put in; if there are none, wait for some.

        Args:
            timeout: Seconds to wait; there is no wait unless it is more than 0.
            most: How many items to take, at most.

        Returns:
            The items. The list may be empty, also before the time is over.
        """
        items = self._items
        if items or timeout <= 0:
            # These items rang, and must not ring once more.
            self._bell.acquire(blocking=False)
        else:
            self._bell.acquire(timeout=timeout)
        taken: list[T] = []
        while items and len(taken) < most:
            taken.append(items.popleft())
        return taken
