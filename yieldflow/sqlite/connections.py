"""Opening a database file: its checks, its settings, and the migration to this version of the schema.

A file that is refused is left as it was, byte for byte. So nothing is opened for writing before it is known to be
ours, and the mark that says so is in the main file from its first transaction on, never only in the WAL.

The database file is opened by SQLite alone. Closing any other descriptor of it would drop the locks that SQLite
holds for this process.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from typing import TypeVar
from urllib.parse import quote

from .._core.errors import DatabaseOpenError
from .schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION

T = TypeVar("T")

#: Seconds for which SQLite itself waits for a lock. It looks ever more rarely, at last ten times a second: where others
#: take the lock in turn without a pause, it may find it taken each time. The rest is waited for by `retry_busy`.
AT_ONCE = 0.02
#: The durability of a commit.
SYNCHRONOUS = {"full": "pragma synchronous = full", "normal": "pragma synchronous = normal"}
READ_MARK = "pragma application_id"
READ_VERSION = "pragma user_version"
WRITE_VERSION = {number: f"pragma user_version = {number}" for number in range(1, SCHEMA_VERSION + 1)}

#: Lets a file give back free pages, a few at a time. It is for the first transaction of a file, or for VACUUM.
SET_INCREMENTAL = "pragma auto_vacuum = incremental"

#: The first bytes of a rollback journal that holds anything.
JOURNAL = bytes.fromhex("d9d505f920a163d7")

# Making a file means closing a descriptor of it, which must not happen while another thread has it open by SQLite.
_preparing = threading.Lock()


def resolve(path: str | os.PathLike[str]) -> str:
    """The absolute path of the file that ``path`` names, through all symlinks, so that one file has one name."""
    name = os.fsdecode(path)
    if not name or name == ":memory:":
        raise DatabaseOpenError(
            f"{name!r} names no file: durable workflows are kept in a file, so give the path of one "
            "(a temporary file in tests)"
        )
    if "\0" in name:
        raise DatabaseOpenError(f"{name!r} holds a NUL character, which no file name can: mend the path")
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        encoding = sys.getfilesystemencoding()
        raise DatabaseOpenError(
            f"{name!a} is no file name in this process, whose encoding of file names is {encoding} ({error.reason}): "
            "run it with a locale in UTF-8 (LC_ALL=C.UTF-8) or with PYTHONUTF8=1, or mend the path"
        ) from None
    return os.path.realpath(name)


def refuse_hard_links(path: str) -> None:
    """Refuse a file that has several names: under each, SQLite would keep another log, and nobody would see the owner.

    Raises:
        DatabaseOpenError: It has.
    """
    try:
        links = os.stat(path).st_nlink
    except OSError:
        return
    if links > 1:
        raise DatabaseOpenError(
            f"{path}: the file has {links} names (hard links), and under each it would seem to be another database, "
            "without an owner: keep one of them, and make the others symlinks"
        )


def other_kind(found: os.stat_result) -> str | None:
    """Return why a file beside the database, by its `os.lstat`, cannot be used by SQLite; None if it may be."""
    if stat.S_ISLNK(found.st_mode):
        return "a symlink"
    return None if stat.S_ISREG(found.st_mode) else "no regular file"


def uri(path: str, options: str) -> str:
    """``path`` as an SQLite URI; every character that means something in a URI is quoted."""
    return f"file:{quote(os.fsencode(path))}?{options}"


def prepare(
    path: str, busy_timeout: float, unowned: Callable[[], AbstractContextManager[None]], *, create: bool
) -> None:
    """See that ``path`` is a yieldflow database of this version: refuse, create or migrate it.

    Args:
        path: The file.
        busy_timeout: For how long to wait for another program's lock, in seconds.
        unowned: Sees that the file has no owner, and gets none meanwhile: only then it is migrated.
        create: True to make the file where there is none; else that is refused.

    Raises:
        DatabaseOpenError: It cannot be used. It was not changed.
    """
    with _preparing:
        _check_place(path)
        if create and not os.path.exists(path):
            _create_empty(path)
        _check_content(path)
        try:
            connection = sqlite3.connect(uri(path, "mode=rw"), uri=True, isolation_level=None, timeout=busy_timeout)
            try:
                version = _version(connection)
                with unowned() if 0 < version < SCHEMA_VERSION else nullcontext():
                    _migrate(connection, path)
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise DatabaseOpenError(f"{path}: cannot be opened: {error}{advice(error)}") from error


def unmigrated(path: str, folder: str, busy_timeout: float = 5.0) -> str:
    """Return the file to open in order to leave ``path`` as it is: a copy in ``folder`` where the schema is older.

    Raises:
        DatabaseOpenError: It cannot be used.
    """
    path = resolve(path)
    _check_place(path)
    _check_content(path)
    copy = os.path.join(folder, os.path.basename(path))
    try:
        with closing(
            sqlite3.connect(uri(path, "mode=rw"), uri=True, isolation_level=None, timeout=busy_timeout)
        ) as source:
            if _version(source) >= SCHEMA_VERSION:
                return path
            with closing(sqlite3.connect(uri(copy, "mode=rwc"), uri=True, isolation_level=None)) as target:
                source.backup(target)
    except sqlite3.Error as error:
        raise DatabaseOpenError(f"{path}: cannot be read: {error}{advice(error)}") from error
    return copy


def connect(path: str, durability: str, busy_timeout: float) -> sqlite3.Connection:
    """A connection to a prepared database, usable from any thread, one at a time.

    Raises:
        DatabaseOpenError: There can be none now.
    """
    try:
        connection = sqlite3.connect(
            uri(path, "mode=rw"),
            uri=True,
            isolation_level=None,
            timeout=min(busy_timeout, AT_ONCE),
            check_same_thread=False,
        )
        try:
            connection.execute(SYNCHRONOUS[durability])
            if durability == "full":
                # On macOS alone this differs: there, a plain fsync stops at the drive's cache.
                connection.execute("pragma fullfsync = on")
                connection.execute("pragma checkpoint_fullfsync = on")
            connection.execute("pragma temp_store = memory")
            # Pages that become free are not overwritten with zeros, which takes as much of the log as they do.
            connection.execute("pragma secure_delete = fast")
            # The SQLite of macOS has a limit, and cuts its log off to that, which looks like damage.
            connection.execute("pragma journal_size_limit = -1")
            retry_busy(busy_timeout, lambda: _use_wal(connection))
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise DatabaseOpenError(f"{path}: cannot be opened: {error}{advice(error)}") from error
    return connection


def _check_place(path: str) -> None:
    folder = os.path.dirname(path)
    if os.path.isdir(path):
        raise DatabaseOpenError(f"{path}: is a directory: give the path of a file in it")
    if not os.path.isdir(folder):
        raise DatabaseOpenError(f"{path}: there is no directory {folder}: create it, or mend the path")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DatabaseOpenError(
            f"{path}: you may not write to the directory {folder}, where SQLite keeps files beside the database: "
            "give yourself the permission, or choose another place"
        )
    if os.path.exists(path):
        if not os.path.isfile(path):
            raise DatabaseOpenError(f"{path}: is not a regular file: choose another path")
        if not os.access(path, os.R_OK | os.W_OK):
            raise DatabaseOpenError(
                f"{path}: you may not read and write this file: give yourself the permission, or choose another"
            )
        refuse_hard_links(path)
    _check_beside(path)


def _check_beside(path: str) -> None:
    """Refuse a file beside which SQLite cannot have its own."""
    for name in (f"{path}-wal", f"{path}-shm", f"{path}-journal"):
        try:
            other = other_kind(os.lstat(name))
        except FileNotFoundError:
            continue
        except OSError as error:
            # A name that is too long, say.
            raise DatabaseOpenError(f"{name}: there can be no such file: {error.strerror}: mend the path") from error
        if other is not None:
            raise DatabaseOpenError(f"{name}: is {other}, where SQLite keeps a file of its own: remove it")


def _create_empty(path: str) -> None:
    """Make the file, readable by its owner only; SQLite gives the files beside it the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass  # Another process was first.
    except OSError as error:
        raise DatabaseOpenError(f"{path}: cannot be created: {error.strerror}") from error


def _check_content(path: str) -> None:
    """Look at the header without a lock, a WAL or a journal, so that a foreign file stays as it is."""
    try:
        size = os.path.getsize(path)
    except FileNotFoundError:
        raise DatabaseOpenError(
            f"{path}: does not exist: mend the path; start() and submissions make the file where there is none"
        ) from None
    if size == 0 or _begun_in_vain(path):
        return
    try:
        connection = sqlite3.connect(uri(path, "mode=ro&immutable=1"), uri=True, isolation_level=None)
        try:
            mark = connection.execute(READ_MARK).fetchone()[0]
            version = _version(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        # A process may have been killed while it moved the log into the file: only both together tell. One that moves
        # it just now takes the log away at the end, and has made the file longer by then.
        if os.path.exists(f"{path}-wal") or os.path.getsize(path) != size:
            return
        raise DatabaseOpenError(
            f"{path}: is not an SQLite database ({error}): choose another path, or move the file away"
        ) from error
    if mark != APPLICATION_ID:
        raise DatabaseOpenError(
            f"{path}: is an SQLite database of another program: choose another path, or move the file away"
        )
    _check_version(path, version)


def _begun_in_vain(path: str) -> bool:
    """Return whether the first transaction of the file was cut short, so that SQLite makes it an empty one again."""
    try:
        with open(f"{path}-journal", "rb") as journal:
            head = journal.read(20)
    except OSError:
        return False
    # Its last four bytes: how many pages the file had before.
    return head[:8] == JOURNAL and head[16:] == bytes(4)


def _check_version(path: str, version: int) -> None:
    if version > SCHEMA_VERSION:
        raise DatabaseOpenError(
            f"{path}: was written by a newer yieldflow (schema version {version}; this one knows versions up to "
            f"{SCHEMA_VERSION}): upgrade yieldflow-durable"
        )


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the schema to this version, in one transaction. Safe where several processes do so at once."""
    if _version(connection) == SCHEMA_VERSION:
        return
    is_empty = connection.execute("pragma page_count").fetchone()[0] == 0
    connection.execute("begin" if is_empty else "begin immediate")
    try:
        if is_empty:
            # It takes the lock of whoever writes, as the other beginning does, after which it would be too late for it.
            connection.execute(SET_INCREMENTAL)
        # Only now is it certain that nobody else writes: what was seen before may have changed.
        version = _version(connection)
        _check_version(path, version)
        if version == 0 and connection.execute("select 1 from sqlite_master").fetchone():
            raise DatabaseOpenError(
                f"{path}: is an SQLite database of another program: choose another path, or move the file away"
            )
        for number in range(version + 1, SCHEMA_VERSION + 1):
            for statement in MIGRATIONS[number]:
                connection.execute(statement)
            connection.execute(WRITE_VERSION[number])
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait for others here.

    It is done on every connection: after a loss of power, an earlier one may have found only a log, taken the file for
    switched, and left it as it was. Without a log, commits would not outlive the next loss of power.
    """
    mode = connection.execute("pragma journal_mode = wal").fetchone()[0]
    if mode != "wal":
        raise sqlite3.OperationalError(f"its journal mode stays {mode!r}, where it has to be 'wal'")


def retry_busy(busy_timeout: float, call: Callable[[], T]) -> T:
    """Run ``call``, and retry while another connection holds the lock.

    Args:
        busy_timeout: For how long to retry, in seconds.
        call: The call; it changes nothing where a lock is in its way.
    """
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            return call()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
        time.sleep(0.005)


def _version(connection: sqlite3.Connection) -> int:
    version = connection.execute(READ_VERSION).fetchone()[0]
    assert isinstance(version, int)
    return version


def keep_log_short(connection: sqlite3.Connection) -> None:
    """Have the log take a tenth of the room that SQLite gives it, in a connection that met a full disk."""
    connection.execute("pragma wal_autocheckpoint = 100")


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether another connection holds the lock that was wanted."""
    # The low byte is the kind of error; the rest, where it is set, says more of it. Python's own errors have no code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def is_full(error: BaseException | None) -> bool:
    """Return whether there was no room on the disk."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether the file, or its log, holds what SQLite did not write, or less than that."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or code == sqlite3.SQLITE_IOERR_SHORT_READ


def leave_alone(connection: sqlite3.Connection) -> None:
    """Have the file stay as it is when the connection is closed: else SQLite moves the log into it then."""
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
    else:
        # What is interrupted moves nothing. The next statement would undo that, and there is none.
        connection.interrupt()


def advice(error: sqlite3.Error) -> str:
    """Return what to do about ``error``, to be put after its message."""
    if is_full(error):
        return ": free some room, or purge() where the orchestrator is started: it holds some back for that"
    return ": another program holds its lock: wait for it, or end it" if is_busy(error) else ""
