"""A database file that is open: transactions on it, and what is told and done where one fails.

A call passes three layers. `Database._read` and `Database._write` choose the connection, and know what a full disk
needs. `Database._translate_errors` turns errors of SQLite into ours, and refuses all work once the file is lost.
`Database._transact` begins and ends the transaction, and begins again while another connection holds the lock.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Literal, TypeAlias, TypeVar

from .._core.errors import DatabaseInUseError, DatabaseLostError, DatabaseOpenError, RefusedValueError, StorageError
from . import connections
from .file_guard import Presence
from .ownership import Ownership
from .reserve import Reserve
from .row_checks import tolerantly
from .schema import SCHEMA_VERSION

T = TypeVar("T")

#: Statements to be carried out in a transaction.
Work: TypeAlias = Callable[[sqlite3.Connection], T]

#: The beginning of a transaction: by the first read, or with the lock of whoever writes.
BEGIN = {"reading": "begin deferred", "writing": "begin immediate"}

#: SQLite works, but this value or row cannot be stored.
REFUSALS = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError)


class Database:
    """A prepared database file, open by two connections: the scheduler's thread has one, all others share the other.

    Args:
        path: The file.
        durability: ``"full"``: what is committed outlives a loss of power. ``"normal"``: a loss of power may take
            the latest commits, though never half of one; a killed process loses nothing either way.
        busy_timeout: How long to wait for a program that holds the database's lock, in seconds.
        create: Whether the file is made where there is none, readable by its owner only.

    Raises:
        DatabaseOpenError: The file cannot be used; the message says why and what to do. It was not changed.

    Any method raises `DatabaseLostError` once the file was deleted, moved, replaced or damaged.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        durability: Literal["full", "normal"] = "full",
        *,
        busy_timeout: float = 5.0,
        create: bool = True,
    ) -> None:
        if durability not in ("full", "normal"):
            raise ValueError(f"durability is 'full' or 'normal', not {durability!r}")
        self.path = connections.resolve(path)
        self._busy_timeout = busy_timeout
        _refuse_after_fork(self.path)
        connections.prepare(self.path, busy_timeout, lambda: _unowned(self.path), create=create)
        #: The connection of the scheduler's thread, and that of all others, which the lock guards.
        self._writer = connections.connect(self.path, durability, busy_timeout)
        try:
            self._reader = connections.connect(self.path, durability, busy_timeout)
        except BaseException:
            self._writer.close()
            raise
        try:
            self._presence = Presence(self.path)
        except OSError as error:
            self._reader.close()
            self._writer.close()
            raise DatabaseOpenError(f"{self.path}: was deleted while it was opened: {error}") from error
        self._reserve = Reserve(os.path.dirname(self.path))
        #: Why nothing more is read or written.
        self._lost: str | None = None
        self._lock = threading.Lock()
        _open[id(self)] = self.path, os.getpid()
        # A store that was not closed is closed with its object; at the exit of the interpreter it is left alone.
        self._forget = weakref.finalize(self, _close_all, id(self), (self._reader, self._writer), self._reserve)
        self._forget.atexit = False
        #: The disk was full when something was last to be written, and the log could not be begun anew.
        self._full = False

    def guard(self, lock: str) -> None:
        """From here on take the database for lost, too, where the owner's lock file, which is held, is not there.

        The owner also holds back some room, for when the disk is full.
        """
        self._presence.guard(lock)
        if not self._reserve.hold():
            with self._lock:
                connections.keep_log_short(self._reader)
            connections.keep_log_short(self._writer)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        try:
            with self._lock:
                if self._forget.alive:
                    self._check_before_closing()
                self._presence.log.close()
                self._reserve.release()
                self._reader.close()
                self._writer.close()
                self._forget()
        except sqlite3.Error as error:
            raise StorageError(f"{self.path}: {error}{connections.advice(error)}") from error

    # ------------------------------------------------------------------ transactions

    def _read(self, question: Work[T], *, by_scheduler: bool = False) -> T:
        """Return what ``question`` finds. All that it reads is of one moment."""
        connection, lock = self._connection(by_scheduler)
        with lock, self._translate_errors():
            return self._transact(connection, "reading", lambda connection: tolerantly(connection, question))

    def _write(self, work: Work[T], *, by_scheduler: bool = False, is_told: bool = True, makes_room: bool = False) -> T:
        """Carry out ``work``: all of it, or nothing after any error.

        Args:
            work: The work; it may be carried out a second time, after the first was undone.
            by_scheduler: The caller is the scheduler's thread.
            is_told: Somebody waits to hear that it is written, so that the file has to be there after it.
            makes_room: There is more room in the file after it, so that on a full disk it may take what is held back.
        """
        connection, lock = self._connection(by_scheduler)
        with lock, self._translate_errors(writes=True, is_told=is_told):
            # First, so that the log does not take what room there is now.
            self._full = self._full and not self._empty_log(connection)
            try:
                return self._transact(connection, "writing", work)
            except sqlite3.Error as error:
                if not connections.is_full(error):
                    raise
                connections.keep_log_short(connection)
                released = makes_room and self._reserve.release()
                self._full = not self._empty_log(connection)
                try:
                    if self._full and not released:
                        raise
                    return self._transact(connection, "writing", work)
                finally:
                    if released:
                        self._reserve.hold()

    def _outside(self, work: Callable[[], None]) -> None:
        """Carry out ``work``, which opens the file by itself, when no other connection holds the lock."""
        with self._translate_errors(writes=True, is_told=True):
            self._retry_busy(work)

    def _shorten_log(self) -> None:
        """Give the log's room back to the disk, where nobody reads in it now."""
        with self._lock, self._translate_errors():
            self._empty_log(self._reader)

    def _data_version(self) -> int:
        """Return a number that changes when another connection has written, and see that the file is there."""
        with self._translate_errors(is_told=True):
            version: int = self._retry_busy(lambda: self._writer.execute("pragma data_version").fetchone()[0])
            return version

    def _check_schema_version(self) -> None:
        """See that the file has the version still that this library writes.

        Raises:
            DatabaseLostError: Another yieldflow has changed it.
        """
        with self._translate_errors():
            version = self._retry_busy(lambda: self._writer.execute("pragma user_version").fetchone()[0])
            if version != SCHEMA_VERSION:
                raise DatabaseLostError(
                    f"{self.path}: was brought to version {version} by another yieldflow while it was in use here, "
                    f"where version {SCHEMA_VERSION} is written, so nothing more is: go on with that yieldflow alone"
                )

    def _connection(self, by_scheduler: bool) -> tuple[sqlite3.Connection, AbstractContextManager[object]]:
        return (self._writer, _NO_LOCK) if by_scheduler else (self._reader, self._lock)

    def _transact(self, connection: sqlite3.Connection, kind: str, work: Work[T]) -> T:
        """Carry out ``work`` in a transaction, which is rolled back after any error."""

        def once() -> T:
            try:
                connection.execute(BEGIN[kind])
                result = work(connection)
                connection.execute("commit")
            except BaseException as error:
                _roll_back(connection)
                if isinstance(error, RefusedValueError):
                    raise RefusedValueError(f"{self.path}: {error}") from None
                if isinstance(error, REFUSALS) or _is_binding(error):
                    raise RefusedValueError(f"{self.path}: a value cannot be stored: {error}") from error
                raise
            return result

        return self._retry_busy(once)

    def _retry_busy(self, call: Callable[[], T]) -> T:
        """Run ``call``, and again while another connection holds the lock."""
        return connections.retry_busy(self._busy_timeout, call)

    def _empty_log(self, connection: sqlite3.Connection) -> bool:
        """Move all of the log into the file, so that it is begun anew, and return whether that could be done.

        SQLite does so once the log is long: it may be the log that fills a small disk, and it gives nothing back.
        """
        with suppress(sqlite3.Error):
            # Emptied, and not cut off to a length, which could not be told from damage.
            _, pages, moved = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
            return bool(pages == moved)
        return False

    # ------------------------------------------------------------------ errors, and a file that is lost

    @contextmanager
    def _translate_errors(self, *, writes: bool = False, is_told: bool = False) -> Iterator[None]:
        """Raise errors of SQLite as ours. Where the file is lost, nothing is done, and nothing done is believed."""
        if self._lost is not None:
            raise DatabaseLostError(self._lost)
        try:
            if writes:
                self._presence.check_log()
            try:
                yield
            except sqlite3.Error as error:
                if connections.is_damage(error):
                    raise self._presence.damage(str(error)) from error
                # One of Python's own, of a connection that is closed, tells nothing of the file.
                if not isinstance(error, sqlite3.ProgrammingError):
                    self._presence.check()
                what = "nothing was written: " if writes else ""
                raise StorageError(f"{self.path}: {what}{error}{connections.advice(error)}") from error
            if is_told:
                self._presence.check()
            else:
                self._presence.check_now_and_then()
        except DatabaseLostError as lost:
            self._give_up(str(lost))
            raise

    def _give_up(self, why: str) -> None:
        """From here on read and write nothing, but for what has to be where the file is now."""
        self._lost = why
        with suppress(sqlite3.Error):
            if self._presence.damaged:
                self._leave_alone()
            elif self._presence.moved:
                # The log belongs to the file that is elsewhere, and would do harm to another in its place.
                self._writer.execute("pragma wal_checkpoint(truncate)")

    def _check_before_closing(self) -> None:
        """See that what SQLite moves into the file when it is closed belongs there."""
        if self._lost is None:
            try:
                self._presence.check()
            except DatabaseLostError as lost:
                self._give_up(str(lost))
        elif self._presence.damaged:
            # Once more: a statement that was under way in another thread may have undone it.
            self._leave_alone()

    def _leave_alone(self) -> None:
        """Have what was damaged stay as it is when it is closed."""
        connections.leave_alone(self._reader)
        connections.leave_alone(self._writer)


_NO_LOCK = nullcontext()

#: The databases that are open, as file and process. A forked child finds its parent's here.
_open: dict[int, tuple[str, int]] = {}


def _close_all(key: int, connections: Sequence[sqlite3.Connection], reserve: Reserve) -> None:
    _open.pop(key, None)
    reserve.release()
    for connection in connections:
        with suppress(sqlite3.Error):
            connection.close()


@contextmanager
def _unowned(path: str) -> Iterator[None]:
    """Keep others from owning a file, which is to be migrated.

    Raises:
        DatabaseOpenError: It has an owner, who would go on writing as an older version does.
    """
    lock = Ownership(path)
    try:
        lock.acquire()
    except DatabaseInUseError as error:
        raise DatabaseOpenError(
            f"{path}: was made by an older yieldflow, and is not brought to this version while its owner runs: stop "
            f"that first, or use the same yieldflow as it does. {error}"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _refuse_after_fork(path: str) -> None:
    """Refuse a file that the parent had open when it forked this process.

    SQLite's memory came along and says that this process holds the parent's locks, which it does not. It would write
    without them, and what it wrote would be lost.
    """
    if any(opened == path and process != os.getpid() for opened, process in list(_open.values())):
        raise DatabaseOpenError(
            f"{path}: was open when this process was forked, and SQLite's locks do not pass through a fork: begin the "
            'process anew instead, as multiprocessing.get_context("spawn") does'
        )


def _is_binding(error: BaseException) -> bool:
    """Tell a value of no type of SQLite's from defects of ours: both are a `ProgrammingError`, and the text differs."""
    return isinstance(error, sqlite3.Error) and "binding parameter" in str(error)


def _roll_back(connection: sqlite3.Connection) -> None:
    try:
        if connection.in_transaction:
            connection.execute("rollback")
    except sqlite3.Error:
        pass  # The error that led here is the one to report.
