"""`Ownership`: one started orchestrator for one database file."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
from contextlib import closing, suppress
from datetime import UTC, datetime

from .._core.errors import DatabaseInUseError, DatabaseOpenError
from .connections import is_busy, refuse_hard_links, resolve, uri

READ_OWNER = "select value from meta where key = 'owner'"
WRITE_OWNER = "insert or replace into meta (key, value) values ('owner', ?)"

#: Seconds for which to try. Among two that try at the same moment, the first to back off lets the other win.
PATIENCE = 0.25


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
        try:
            connection = sqlite3.connect(
                uri(self.lock, "mode=rwc"), uri=True, isolation_level=None, timeout=PATIENCE, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise DatabaseOpenError(f"{self.lock}: the lock file cannot be opened: {error}") from error
        try:
            # Nothing is ever written, so no journal is needed, and none stays behind where the process is killed.
            connection.execute("pragma journal_mode = memory")
            connection.execute("begin exclusive")
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
        self._held, self._holder = connection, os.getpid()
        with suppress(OSError):
            # Whoever may read a file may lock it, so the lock file is as private as the database.
            os.chmod(self.lock, stat.S_IMODE(os.stat(self.path).st_mode))
        self._sign()

    def taken(self) -> bool:
        """Return whether the file has an owner now."""
        if self._held is not None:
            return True
        if not os.path.exists(self.lock):
            return False
        with closing(sqlite3.connect(uri(self.lock, "mode=rw"), uri=True, isolation_level=None, timeout=0)) as lock:
            try:
                lock.execute("begin exclusive")
            except sqlite3.Error:
                return True
            return False

    def release(self) -> None:
        """Stop being the owner; a second call does nothing."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def _sign(self) -> None:
        """Write down who owns the file, for the message that a second one gets, and with which codec."""
        me = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "codec": self._codec,
        }
        # The lock is what counts. Without the note the message only says less.
        with suppress(sqlite3.Error), closing(self._database("rw")) as database:
            database.execute(WRITE_OWNER, (json.dumps(me),))

    def _owner(self) -> str:
        try:
            with closing(self._database("ro")) as database:
                note = _note(database)
            return f"process {note['pid']} on {note['host']} (since {note['since']})"
        except _UNREADABLE:
            return "another process"

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
