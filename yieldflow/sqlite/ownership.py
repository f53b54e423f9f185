"""`Ownership`: one started orchestrator for one database file."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from contextlib import closing
from datetime import datetime, timezone

from .._core.errors import DatabaseInUseError, DatabaseOpenError
from .opening import resolve, uri

READ_OWNER = "select value from meta where key = 'owner'"
WRITE_OWNER = "insert or replace into meta (key, value) values ('owner', ?)"

#: How long to try, in seconds. Of two that try at the same moment, the first to back off lets the other win.
PATIENCE = 0.25


class Ownership:
    """The right to drive the workflows of one database file, held from `acquire` to `release`.

    It is an exclusive transaction on an empty SQLite file beside the database, ``<database>-lock``. The operating
    system keeps the lock for this process alone: it goes when the process dies, however it dies, and no child
    inherits it. The database file itself is never locked, so that clients go on reading and writing.

    Args:
        path: The database file. All names that lead to it through symlinks share one lock.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = resolve(path)
        self._held: sqlite3.Connection | None = None

    def acquire(self) -> None:
        """Become the owner; where this object is that already, do nothing.

        Raises:
            DatabaseInUseError: Another has it: the message names it.
            DatabaseOpenError: The file has several hard links, or the lock file cannot be used.
        """
        if self._held is not None:
            return
        self._refuse_hard_links()
        lock = f"{self.path}-lock"
        try:
            connection = sqlite3.connect(
                uri(lock, "mode=rwc"), uri=True, isolation_level=None, timeout=PATIENCE, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise DatabaseOpenError(f"{lock}: the lock file cannot be opened: {error}") from error
        try:
            connection.execute("begin exclusive")
        except sqlite3.Error as error:
            connection.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise DatabaseInUseError(
                    f"{self.path}: {self._owner()} has an orchestrator started on this file: stop that one, or use "
                    "this one without starting it, as a client"
                ) from None
            raise DatabaseOpenError(
                f"{lock}: the lock file cannot be used: {error}: remove it if it is not yieldflow's"
            ) from error
        self._held = connection
        self._sign()

    def release(self) -> None:
        """Stop being the owner; a second call does nothing."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def _refuse_hard_links(self) -> None:
        try:
            links = os.stat(self.path).st_nlink
        except OSError:
            return
        if links > 1:
            raise DatabaseOpenError(
                f"{self.path}: the file has {links} names (hard links), and under each it would seem to be without "
                "an owner: keep one of them, and make the others symlinks"
            )

    def _sign(self) -> None:
        """Write down who owns the file, for the message that a second one gets."""
        me = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        try:
            with closing(sqlite3.connect(uri(self.path, "mode=rw"), uri=True, isolation_level=None)) as database:
                database.execute(WRITE_OWNER, (json.dumps(me),))
        except sqlite3.Error:
            pass  # The lock is what counts. Without the note the message only says less.

    def _owner(self) -> str:
        try:
            with closing(sqlite3.connect(uri(self.path, "mode=ro"), uri=True, isolation_level=None)) as database:
                note = json.loads(database.execute(READ_OWNER).fetchone()[0])
            return f"process {note['pid']} on {note['host']} (since {note['since']})"
        except (sqlite3.Error, ValueError, TypeError, KeyError):
            return "another process"
