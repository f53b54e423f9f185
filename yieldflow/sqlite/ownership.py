"""`Ownership`: one started orchestrator for one database file."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
import threading
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import NamedTuple

from .._core.errors import DatabaseInUseError, DatabaseOpenError
from .connections import is_busy, other_kind, refuse_hard_links, resolve, uri

READ_OWNER = "select value from meta where key = 'owner'"
WRITE_OWNER = "insert or replace into meta (key, value) values ('owner', ?)"

# Making the lock file means closing a descriptor of it, which drops the lock if another thread holds it by then.
_making = threading.Lock()

#: Seconds for which to try. Among two that try at the same moment, the first to back off lets the other win.
PATIENCE = 0.25


class Signature(NamedTuple):
    """The note that the owner of a file leaves in it; each field is None where it cannot be read."""

    pid: int | None
    host: str | None
    since: datetime | None


class Ownership:
    """The right to drive the workflows of one database file, held from `acquire` to `release`.

    It is an exclusive transaction on an empty SQLite file beside the database, ``<database>-lock``. The operating
    system keeps the lock for this process alone: it goes when the process dies, however it dies, and no child
    inherits it. The database file itself is never locked, so that clients go on reading and writing.

    Args:
        path: The database file. All names that lead to it through symlinks share one lock.
        codec: The name of the codec that it is owned with, for `codec_of`.
    """

    def __init__(self, path: str | os.PathLike[str], codec: str | None = None) -> None:
        self.path = resolve(path)
        self._codec = codec
        #: The lock file.
        self.lock = f"{self.path}-lock"
        self._held: sqlite3.Connection | None = None
        self._me = Signature(None, None, None)
        self._holder = 0

    def acquire(self) -> None:
        """Become the owner; where this object is that already, do nothing.

        Raises:
            DatabaseInUseError: Another has it: the message names it.
            DatabaseOpenError: The file has several hard links, or the lock file cannot be used.
        """
        if self._held is not None and self._holder == os.getpid():
            return
        self.release()  # After a fork: what the child was left with is not the lock.
        refuse_hard_links(self.path)
        self._make()
        before = self._look()
        try:
            connection = sqlite3.connect(
                uri(self.lock, "mode=rw"), uri=True, isolation_level=None, timeout=PATIENCE, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise DatabaseOpenError(f"{self.lock}: the lock file cannot be opened: {error}") from error
        try:
            # Nothing is ever written, so no journal is needed, and none stays behind where the process is killed.
            connection.execute("pragma journal_mode = memory")
            connection.execute("begin exclusive")
            if not os.path.samestat(before, self._look()):
                raise DatabaseOpenError(f"{self.lock}: the lock file was replaced while it was opened: start again")
            self._held, self._holder = connection, os.getpid()
        except sqlite3.Error as error:
            connection.close()
            if is_busy(error):
                raise DatabaseInUseError(
                    f"{self.path}: {self._owner()} has an orchestrator started on this file: stop that one, or use "
                    "this one without starting it, as a client"
                ) from None
            raise DatabaseOpenError(
                f"{self.lock}: the lock file cannot be used: {error}: remove it if it is not yieldflow's"
            ) from error
        except BaseException:
            # Closed here: the error may be kept, and would keep the connection with the lock.
            connection.close()
            raise
        self._sign()

    def _make(self) -> None:
        """Make the lock file where there is none, as private as the database: whoever may read a file may lock it."""
        with _making:
            try:
                file = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                return
            except OSError as error:
                raise DatabaseOpenError(f"{self.lock}: the lock file cannot be made: {error.strerror}") from error
            try:
                with suppress(OSError):
                    database = os.stat(self.path)
                    if os.geteuid() == 0:
                        # As SQLite does with its own files: else the database's user could start nothing any more.
                        os.fchown(file, database.st_uid, database.st_gid)
                    os.fchmod(file, stat.S_IMODE(database.st_mode))
            finally:
                os.close(file)

    def _look(self) -> os.stat_result:
        """Return what the system says of the lock file.

        Raises:
            DatabaseOpenError: It is something else, or cannot be locked.
        """
        try:
            found = os.lstat(self.lock)
        except OSError as error:
            raise DatabaseOpenError(f"{self.lock}: the lock file cannot be opened: {error.strerror}") from error
        other = other_kind(found)
        if other is not None:
            raise DatabaseOpenError(f"{self.lock}: the lock file cannot be opened: it is {other}: remove it")
        # SQLite opens what may not be written all the same, and then locks out nobody.
        if not os.access(self.lock, os.R_OK | os.W_OK):
            raise DatabaseOpenError(
                f"{self.lock}: you may not read and write the lock file: give it the user and the mode of the database"
            )
        return found

    def taken(self) -> bool:
        """Return whether the file has an owner now."""
        if self._held is not None:
            return True
        try:
            if other_kind(os.lstat(self.lock)) is not None:
                return False
        except OSError:
            return False
        try:
            # It only reads, so that those who look at the same moment do not take one another for the owner.
            with closing(sqlite3.connect(uri(self.lock, "mode=ro"), uri=True, isolation_level=None, timeout=0)) as lock:
                lock.execute("select 1 from sqlite_master").fetchall()
        except sqlite3.Error as error:
            return is_busy(error)
        return False

    def release(self) -> None:
        """Stop being the owner; a second call does nothing."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def _sign(self) -> None:
        """Write down who owns the file, for the message that a second one gets, and with which codec."""
        since = datetime.now(UTC).replace(microsecond=0)
        self._me = Signature(os.getpid(), socket.gethostname(), since)
        me = {**self._me._asdict(), "since": since.isoformat(), "codec": self._codec}
        # The lock is what counts. Without the note the message only says less.
        with suppress(sqlite3.Error), closing(self._database("rw")) as database:
            database.execute(WRITE_OWNER, (json.dumps(me),))

    def owner(self) -> Signature | None:
        """Return who owns the file now, as far as that is known; None where nobody does."""
        if self._held is not None:
            return self._me
        return self._signature() if self.taken() else None

    def _signature(self) -> Signature:
        try:
            with closing(self._database("ro")) as database:
                note = _note(database)
            pid, host, since = note["pid"], note["host"], datetime.fromisoformat(str(note["since"]))
        except _UNREADABLE:
            return Signature(None, None, None)
        return Signature(pid if isinstance(pid, int) else None, str(host), since)

    def _owner(self) -> str:
        pid, host, since = self._signature()
        if pid is None or since is None:
            return "another process"
        return f"process {pid} on {host} (since {since.isoformat(timespec='seconds')})"

    def _database(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(uri(self.path, f"mode={mode}"), uri=True, isolation_level=None, timeout=PATIENCE)


def codec_of(path: str) -> str | None:
    """Return the name of the codec with which the file was owned last; None where that is not known."""
    try:
        with closing(sqlite3.connect(uri(path, "mode=ro"), uri=True, isolation_level=None)) as database:
            codec = _note(database)["codec"]
        return codec if isinstance(codec, str) else None
    except _UNREADABLE:
        return None


#: Raised where there is no note of an owner, or none that can be read.
_UNREADABLE = (sqlite3.Error, ValueError, TypeError, KeyError, RecursionError)


def _note(database: sqlite3.Connection) -> dict[str, object]:
    note: dict[str, object] = json.loads(database.execute(READ_OWNER).fetchone()[0])
    return note
