"""A guard over the files of an open database: they have to stay those that were opened.

SQLite goes on with a file that has no name any more. What it writes then is gone with the process, so no caller is told
that something was written before the files were checked. Where no caller waits, they are checked now and then.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing

from .._core.errors import DatabaseLostError
from .connections import is_damage, uri
from .schema import APPLICATION_ID
from .wal import Log

#: Seconds between two checks where no caller waits.
LATELY = 0.025
#: Seconds for which the header has to look wrong: while another process moves the log into the file, it may.
SUSPICION = 1.0
#: The problem of a log that is not as SQLite wrote it.
DAMAGED_LOG = "its log was cut off or overwritten"
#: The remedy for a lost lock file.
SEE_OTHERS = "see that no other orchestrator has the database started, as one may have been started meanwhile"


class Presence:
    """The database file and those beside it, as they were opened.

    Args:
        path: The database file. It is open by SQLite, and so are its log and its shared memory.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        #: It is of use until it is closed.
        self.log = Log(f"{path}-wal")
        self._beside = (self.log.path, f"{path}-shm")
        self._identities = {name: _identity(os.stat(name)) for name in (path, *self._beside)}
        #: The owner's lock file, where this process is the owner.
        self._lock: str | None = None
        #: When it was last written to, and its size.
        self._state: tuple[int, int] | None = None
        self._suspicious_since: float | None = None
        self._checked_at = 0.0
        #: Another program has written to the database.
        self.damaged = False

    def guard(self, lock: str) -> None:
        """From here on see that the owner's lock file is there, too: without it a second owner could start.

        Args:
            lock: The file. The lock is held.

        Raises:
            DatabaseLostError: It is gone already.
        """
        try:
            found = os.stat(lock)
        except OSError:
            raise self._lost(lock, "was deleted or moved", SEE_OTHERS) from None
        # In this order: other threads look for it as soon as it is named.
        self._identities[lock] = _identity(found)
        self._lock = lock

    @property
    def moved(self) -> bool:
        """The path no longer names the database."""
        try:
            self._find(self._path)
        except DatabaseLostError:
            return True
        return False

    def check_now_and_then(self) -> None:
        """The same as `check`, unless it was done just now."""
        if time.monotonic() - self._checked_at >= LATELY:
            self.check()

    def check(self) -> None:
        """See that all files are there, and that only SQLite has written to the database.

        Raises:
            DatabaseLostError: They are not, or another program has.
        """
        self._checked_at = time.monotonic()
        found = self._find(self._path)
        for name in self._beside:
            self._find(name)
        if self._lock is not None:
            self._find(self._lock)
        if not self.log.is_sound():
            raise self.damage(DAMAGED_LOG)
        if found is not None and (found.st_mtime_ns, found.st_size) != self._state:
            self._look_into((found.st_mtime_ns, found.st_size))

    def check_log(self) -> None:
        """See, before anything is written, that the log has not become shorter: it is longer again after that.

        Raises:
            DatabaseLostError: Somebody cut it off.
        """
        if self.log.is_shorter and not self.log.is_sound():
            raise self.damage(DAMAGED_LOG)

    def _find(self, name: str) -> os.stat_result | None:
        """A file as it is now; None where it cannot be looked at, which does not say that it is gone."""
        try:
            found = os.stat(name)
        except (FileNotFoundError, NotADirectoryError):
            raise self._lost(name, "was deleted or moved", "put it back") from None
        except OSError:
            return None
        if _identity(found) != self._identities[name]:
            raise self._lost(name, "was replaced by another file", "see which of the two is the right one")
        return found

    def _lost(self, name: str, what: str, remedy: str) -> DatabaseLostError:
        if name == self._lock:
            remedy = SEE_OTHERS
        return DatabaseLostError(
            f"{name}: {what} while the database was open, so nothing more is read or written: stop, {remedy}, and "
            "start again"
        )

    def _look_into(self, state: tuple[int, int]) -> None:
        """Find out whether SQLite wrote to the file, or another program did."""
        if header_is_ours(self._path):
            self._state, self._suspicious_since = state, None
        elif self._suspicious_since is None:
            self._suspicious_since = time.monotonic()
        elif time.monotonic() - self._suspicious_since >= SUSPICION:
            self._suspicious_since = None
            problem = problem_of(self._path)
            if problem is not None:
                raise self.damage(problem)

    def damage(self, problem: str) -> DatabaseLostError:
        """Note that the content is no longer what SQLite wrote; what is to be told of it."""
        self.damaged = True
        # The log would be taken for that of whatever is put into the place of the file.
        return DatabaseLostError(
            f"{self._path}: was overwritten or damaged while it was open ({problem}), so nothing more is read or "
            "written, and the file is left as it is: stop, move it away together with the -wal and -shm beside it, "
            "restore a backup or what `sqlite3 FILE .recover` finds there, and start again"
        )


def header_is_ours(path: str) -> bool:
    """Return whether the file by itself, without its log, begins as a database of ours does and is long enough.

    So it is taken to where it cannot be opened: that says nothing of what it holds.
    """
    try:
        with closing(sqlite3.connect(uri(path, "mode=ro&immutable=1"), uri=True, isolation_level=None)) as connection:
            mark = connection.execute("pragma application_id").fetchone()[0]
    except sqlite3.Error as error:
        return not is_damage(error)
    return bool(mark == APPLICATION_ID)


def problem_of(path: str) -> str | None:
    """Return what is wrong with the database and its log, as SQLite sees it; None where nothing is known to be."""
    try:
        with closing(sqlite3.connect(uri(path, "mode=rw"), uri=True, isolation_level=None)) as connection:
            if connection.execute("pragma application_id").fetchone()[0] != APPLICATION_ID:
                return "it is no database of yieldflow any more"
            found: str = connection.execute("pragma quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        return str(error) if is_damage(error) else None
    return None if found == "ok" else found


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
