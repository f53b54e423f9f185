"""A drive that loses its power: synced writes survive, and of the rest whatever chance leaves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from random import Random
from typing import NamedTuple

#: What is written whole or not at all, in bytes. SQLite's pages and frames are larger, and do not begin at a multiple.
SECTOR = 512
#: How much of what was not synced survives.
SHARES = [0.0, 0.1, 0.5, 0.9, 1.0]


class Change(NamedTuple):
    """A piece of a write that no sync has followed; without data, the file was given another size."""

    offset: int
    data: bytes | None = None


class File:
    """A file: what is surely there, and what was done to it since.

    Args:
        content: What is surely there.
    """

    def __init__(self, content: bytes = b"") -> None:
        self.durable = bytearray(content)
        self.size = len(content)
        self.pending: list[Change] = []

    def write(self, offset: int, data: bytes) -> None:
        """Data was written, and may stay in the drive's memory for long."""
        if offset + len(data) > self.size:
            self.resize(offset + len(data))
        done = 0
        while done < len(data):
            end = min(len(data), done + SECTOR - (offset + done) % SECTOR)
            self.pending.append(Change(offset + done, data[done:end]))
            done = end

    def resize(self, size: int) -> None:
        """The file was cut off, or made longer."""
        self.size = size
        self.pending.append(Change(size))

    def sync(self, arrives: Callable[[], bool] = lambda: True) -> None:
        """All that was done is surely there; where the sync fails, only what arrives, and the rest never will be."""
        self.durable = bytearray(self.left_with(arrives))
        self.pending.clear()

    def left_with(self, survives: Callable[[], bool]) -> bytes:
        """Return the contents that are left if each change survives or not by chance."""
        content = bytearray(self.durable)
        for offset, data in self.pending:
            if not survives():
                continue
            if data is None:
                del content[offset:]
                content.extend(bytes(offset - len(content)))
            else:
                content.extend(bytes(max(offset - len(content), 0)))
                content[offset : offset + len(data)] = data
        return bytes(content)


class Drive:
    """A drive with one folder.

    Args:
        files: What is surely there.
        random: Chance.
        lies: Whether it says of a sync that it was done, and does nothing.
    """

    def __init__(self, files: dict[str, bytes], random: Random, lies: bool = False) -> None:
        #: The files that the folder surely has,
        self._durable = {name: File(content) for name, content in files.items()}
        #: those that it has now,
        self._now = dict(self._durable)
        #: and what was done to it since: a name, and the file made; None where it was deleted.
        self._pending: list[tuple[str, File | None]] = []
        self._lies = lies
        #: How many of the next syncs fail.
        self.failing_syncs = 0
        #: How many bytes it holds.
        self.capacity = sys.maxsize
        #: How much was done to the drive.
        self.done = 0
        #: When a loss is due: how much will have been done by then.
        self._due: int | None = None
        self._random = random
        #: What the loss left, once it came.
        self.left: dict[str, bytes] | None = None

    def lose_in(self, operations: int) -> None:
        """Have the power go after so many further operations."""
        self._due = self.done + operations

    def stay_on(self) -> None:
        """Have the power not go after all."""
        self._due = self.left = None

    def lose(self) -> dict[str, bytes]:
        """Lose the power; return the drive that is left."""
        share = self._random.choice(SHARES)

        def survives() -> bool:
            return self._random.random() < share

        folder = dict(self._durable)
        for name, file in self._pending:
            if survives():
                if file is None:
                    folder.pop(name, None)
                else:
                    folder[name] = file
        return {name: file.left_with(survives) for name, file in sorted(folder.items())}

    # ------------------------------------------------------------------ what is done to it

    def open(self, name: str) -> None:
        """A file is used, and made where there is none."""
        if name not in self._now:
            self._now[name] = File()
            self._pending.append((name, self._now[name]))
            self._count()

    @property
    def used(self) -> int:
        """Return the bytes in use."""
        return sum(file.size for file in self._now.values())

    def has_room(self, name: str, size: int) -> bool:
        """Return whether a file may become as large as that."""
        return self.used + max(0, size - self._now[name].size) <= self.capacity

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write into a file."""
        self._now[name].write(offset, data)
        self._count()

    def resize(self, name: str, size: int) -> None:
        """Give a file another size."""
        self._now[name].resize(size)
        self._count()

    def sync(self, name: str, folder: bool) -> bool:
        """Have what was written to a file be there, and what was done to the folder too, where that is asked for.

        False where that failed. The system takes what it could not write for written, as Linux does.
        """
        self._count()
        if self.failing_syncs:
            self.failing_syncs -= 1
            self._now[name].sync(lambda: self._random.random() < 0.5)
            return False
        if not self._lies:
            self._now[name].sync()
            if folder:
                self._sync_folder()
        return True

    def delete(self, name: str, folder: bool) -> None:
        """Delete a file."""
        if self._now.pop(name, None) is not None:
            self._pending.append((name, None))
            if folder and not self._lies:
                self._sync_folder()
            self._count()

    def _sync_folder(self) -> None:
        self._durable = dict(self._now)
        self._pending.clear()

    def _count(self) -> None:
        self.done += 1
        if self.done == self._due:
            self.left = self.lose()
