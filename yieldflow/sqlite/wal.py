"""The log beside a database, ``<database>-wal``, as a file: was it written to, and by SQLite alone?"""

from __future__ import annotations

import os
import struct
import time
import weakref

#: Seconds after which a log is taken for written to, whatever its time tells.
ANYWAY = 0.25
#: Nanoseconds within which a file system may give two writes the same time.
GRAIN = 2_000_000_000
#: Bytes with which a log begins, and bytes with which each of its frames does, in front of a page.
HEAD, FRAME_HEAD = 32, 24
#: Looks at the head of a log that is wrong, a millisecond apart: another process may be writing it.
LOOKS = 20


class Log:
    """The log of a database that SQLite has open.

    Args:
        path: The log's path.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        # SQLite holds no lock on its log, so that to close it drops none.
        self._file: int | None = os.open(path, os.O_RDONLY)
        self._close = weakref.finalize(self, os.close, self._file)
        self._close.atexit = False
        #: Its state when it was last looked at, where a later write cannot leave it the same.
        self._state: tuple[int, int, int] | None = None
        self._asked_at = 0.0
        #: Its beginning when it was last looked into, and how many bytes were committed under that by then.
        self._begun: tuple[bytes, int] = (b"", 0)

    @property
    def is_quiet(self) -> bool:
        """True if nothing was written since this was last asked, as far as the log tells by itself; now and then False.

        It spares whoever asks all day the several times dearer question to SQLite.
        """
        try:
            found = os.stat(self.path)
        except OSError:
            return False
        state, moment = (found.st_ino, found.st_size, found.st_mtime_ns), time.monotonic()
        if state == self._state and moment - self._asked_at < ANYWAY:
            return True
        settled = time.time_ns() - found.st_mtime_ns > GRAIN
        self._state, self._asked_at = state if settled else None, moment
        return False

    @property
    def is_shorter(self) -> bool:
        """True if it is shorter than what was committed when it was last looked into; False once it is closed."""
        # Not by `os.stat`: to ask for the time of a file makes the next write to it take a tenth longer.
        return self._file is not None and os.lseek(self._file, 0, os.SEEK_END) < self._begun[1]

    def is_sound(self) -> bool:
        """Return whether it begins as SQLite begins one, and holds all that was committed; True once it is closed.

        SQLite ignores all that stands behind another beginning when the database is opened the next time. Where a
        connection has a `journal_size_limit`, SQLite itself cuts off what is out of date.
        """
        for _ in range(LOOKS):
            file = self._file
            if file is None:
                return True
            head, size = _beginning(file)
            begun, committed = self._begun
            if head != begun:
                committed = 0
            if size >= committed and (head == begun or not head or _is_head(head)):
                self._begun = head, _committed(file, head, committed, size)
                return True
            time.sleep(0.001)
        return False

    def close(self) -> None:
        """Close it; a second call does nothing."""
        self._file = None
        self._close()


def _beginning(file: int) -> tuple[bytes, int]:
    """The head of a log, and the size of the log that has it."""
    # By `os.pread`, since a file has one position for all threads.
    head, before, size = os.pread(file, HEAD, 0), None, 0
    while head != before:
        size = os.lseek(file, 0, os.SEEK_END)
        before, head = head, os.pread(file, HEAD, 0)
    return head, size


def _committed(file: int, head: bytes, known: int, size: int) -> int:
    """Return how many bytes of a log of that size are committed, given how many are known to be.

    Frames that bear the mark of the log's head come first, and behind them what is out of date.
    """
    if not head:
        return 0
    mark, length = head[16:24], FRAME_HEAD + int.from_bytes(head[8:12], "big")
    first = max(0, known - HEAD) // length
    # In ever longer strides, and then by halves: what was written since may be long.
    below, stride = first, 1
    while os.pread(file, 8, HEAD + (first + stride - 1) * length + 8) == mark:
        below, stride = first + stride, 2 * stride
    above = first + stride
    while above - below > 1:
        middle = (below + above) // 2
        if os.pread(file, 8, HEAD + (middle - 1) * length + 8) == mark:
            below = middle
        else:
            above = middle
    # The last frame of a transaction tells how many pages the database has. Without it, one is under way; and of one
    # that a full disk cut short that frame's head may be there, and not its page.
    end = HEAD + below * length
    ended = below > first and end <= size and any(os.pread(file, 4, end - length + 4))
    return end if ended else max(known, HEAD)


def _is_head(head: bytes) -> bool:
    """Return whether a log may begin so: its checksum is that of SQLite's file format."""
    if len(head) < HEAD or head[:3] != b"\x37\x7f\x06":
        return False
    first = second = 0
    numbers = struct.unpack(">6I" if head[3] & 1 else "<6I", head[:24])
    for one, other in zip(numbers[::2], numbers[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return (first, second) == struct.unpack(">2I", head[24:])
