"""Room on the disk that an owner holds back, so that workflows can be deleted when the disk is full.

To delete takes a few pages of the log. To empty the log before that may take more: pages that are only there go behind
the end of the file.
"""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, suppress
from typing import IO

#: The bytes to hold back: a log that is moved into the file as it should be needs no more.
MOST = 4 << 20
#: The part of what is free, at most.
SHARE = 4


class Reserve:
    """A file without a name, which takes room on the disk. It is gone with the process.

    Args:
        folder: A folder on that disk.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None

    def hold(self) -> bool:
        """Take room, if there is any and none is held; False where a log of the usual length needs more."""
        import tempfile

        with self._lock, suppress(OSError):
            if self._file is not None:
                return True
            disk = os.statvfs(self._folder)
            size = min(MOST, disk.f_bavail * disk.f_frsize // SHARE)
            with ExitStack() as unless_taken:
                file = unless_taken.enter_context(tempfile.TemporaryFile(dir=self._folder, buffering=0))
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                else:
                    file.write(bytes(size))
                self._file = file
                unless_taken.pop_all()
            return size == MOST
        return False

    def release(self) -> bool:
        """Give it back; False where none is held."""
        with self._lock:
            file, self._file = self._file, None
            if file is None:
                return False
            # A forked child may have it open, too.
            with file, suppress(OSError):
                file.truncate(0)
            return True
