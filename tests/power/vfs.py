"""SQLite on a `Drive`: a VFS that tells it what is done to the files, and connections on that for the store."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import apsw

from .drive import Drive

NAME = "yieldflow-drive"
#: Files of which SQLite syncs the folder, too, when they are synced for the first time since they were opened.
NAMED = ("-journal", "-wal")
FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI


class DriveVFS(apsw.VFS):
    """The files are real ones, so that locks and shared memory are; what is done to them is told to the drive.

    Args:
        drive: Told of everything.
    """

    def __init__(self, drive: Drive) -> None:
        super().__init__(NAME, "")
        self._drive = drive

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        file = DriveFile(name, flags, self._drive)
        self._drive.open(file.name)
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self._drive.delete(os.path.basename(filename), syncdir)


class NoRoomError(apsw.FullError):
    """The drive is full."""

    result = extendedresult = apsw.SQLITE_FULL

    def __init__(self, file: str) -> None:
        super().__init__("database or disk is full")
        self.file = file


class DriveFile(apsw.VFSFile):
    """An open file."""

    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], drive: Drive) -> None:
        super().__init__("", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        assert path is not None, "temporary files are kept in memory"
        self.name = os.path.basename(path)
        self._drive = drive
        self._unnamed = self.name.endswith(NAMED)

    def xWrite(self, data: bytes, offset: int) -> None:
        if not self._drive.has_room(self.name, offset + len(data)):
            raise NoRoomError(self.name)
        super().xWrite(data, offset)
        self._drive.write(self.name, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self._drive.resize(self.name, newsize)

    def xSync(self, flags: int) -> None:
        if not self._drive.sync(self.name, self._unnamed):
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
        self._unnamed = False


# ---------------------------------------------------------------------- connections


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors as Python's `sqlite3` does."""
    try:
        yield
    except apsw.ConstraintError as error:
        refused = sqlite3.IntegrityError(str(error))
        refused.sqlite_errorcode = getattr(error, "extendedresult", apsw.SQLITE_CONSTRAINT)
        raise refused from error
    except apsw.Error as error:
        told = sqlite3.OperationalError(str(error))
        told.sqlite_errorcode = getattr(error, "extendedresult", apsw.SQLITE_ERROR)
        raise told from error


class Cursor:
    """The rows of a statement."""

    def __init__(self, cursor: apsw.Cursor, rowcount: int = -1) -> None:
        self._cursor = cursor
        self.rowcount = rowcount

    def fetchone(self) -> Any:
        """The next row; None where there is none."""
        with translated():
            return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        with translated():
            return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


class Connection:
    """The part of `sqlite3.Connection` that the store uses.

    Args:
        inner: The connection on the VFS.
        breakage: What is done to each statement before it is carried out.
    """

    def __init__(self, inner: apsw.Connection, breakage: Callable[[str], str]) -> None:
        self._inner = inner
        self._breakage = breakage

    @property
    def in_transaction(self) -> bool:
        """A transaction is open."""
        return self._inner.in_transaction

    def execute(self, statement: str, values: Any = ()) -> Cursor:
        """Carry out a statement."""
        with translated():
            try:
                return Cursor(self._inner.execute(self._breakage(statement), values))
            except NoRoomError as error:
                # To move the log into the file after a commit is no part of it: SQLite tells nobody that it failed.
                if statement != "commit" or error.file.endswith("-wal"):
                    raise
                return Cursor(self._inner.cursor())

    def executemany(self, statement: str, rows: Iterable[Any]) -> Cursor:
        """Carry out a statement with each of the rows."""
        before = self._inner.total_changes()
        with translated():
            cursor = self._inner.executemany(statement, rows)
        return Cursor(cursor, self._inner.total_changes() - before)

    def set_progress_handler(self, handler: Callable[[], bool] | None, operations: int) -> None:
        """Ask after so many operations whether to stop."""
        self._inner.set_progress_handler(handler, operations or 100)

    def close(self) -> None:
        """Let go of the file."""
        with translated():
            self._inner.close()


@contextmanager
def connecting(log_pages: int, breakage: Callable[[str], str]) -> Iterator[None]:
    """Within it, stores open their connections on the VFS that is registered.

    Args:
        log_pages: How long the log grows before it is moved into the file, in pages.
        breakage: What is done to each statement before it is carried out.
    """

    def connect(name: str, **options: Any) -> Connection:
        with translated():
            inner = apsw.Connection(name, flags=FLAGS, vfs=NAME)
            inner.set_busy_timeout(round(1000 * options.get("timeout", 0)))
            inner.execute(f"pragma wal_autocheckpoint = {log_pages}")
        return Connection(inner, breakage)

    with mock.patch.object(sqlite3, "connect", connect):
        yield
