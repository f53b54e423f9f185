"""Opening a database file: whether it may be used, with which settings, and at which version of the schema.

A file that is refused is left as it was, byte for byte. So nothing is opened for writing before it is known to be
ours, and the mark that says so is in the main file from its first transaction on, never only in the WAL.

The database file is opened by SQLite alone. Closing any other descriptor of it would drop the locks that SQLite
holds for this process.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from urllib.parse import quote

from .._core.errors import DatabaseOpenError
from .schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION

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
    return os.path.realpath(name)


def uri(path: str, options: str) -> str:
    """``path`` as an SQLite URI; every character that means something in a URI is quoted."""
    return f"file:{quote(os.fsencode(path))}?{options}"


def prepare(path: str, busy_timeout: float) -> None:
    """See that ``path`` is a yieldflow database of this version: refuse, create or migrate it.

    Raises:
        DatabaseOpenError: It cannot be used. It was not changed.
    """
    with _preparing:
        _check_place(path)
        if os.path.exists(path):
            _check_content(path)
        else:
            _create_empty(path)
        try:
            connection = sqlite3.connect(uri(path, "mode=rw"), uri=True, isolation_level=None, timeout=busy_timeout)
            try:
                _migrate(connection, path)
                _use_wal(connection, busy_timeout)
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise DatabaseOpenError(f"{path}: cannot be opened: {error}{advice(error)}") from error


def unmigrated(path: str, folder: str, busy_timeout: float = 5.0) -> str:
    """What to open in order to read ``path`` and leave it as it is: a copy in ``folder`` where the schema is older.

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
            if _pragma(source, "user_version") >= SCHEMA_VERSION:
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
            uri(path, "mode=rw"), uri=True, isolation_level=None, timeout=busy_timeout, check_same_thread=False
        )
        try:
            connection.execute(f"pragma synchronous = {durability}")
            if durability == "full":
                # On macOS alone this differs: there, a plain fsync stops at the drive's cache.
                connection.execute("pragma fullfsync = on")
                connection.execute("pragma checkpoint_fullfsync = on")
            connection.execute("pragma temp_store = memory")
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
    if os.path.getsize(path) == 0:
        return
    try:
        connection = sqlite3.connect(uri(path, "mode=ro&immutable=1"), uri=True, isolation_level=None)
        try:
            mark = _pragma(connection, "application_id")
            version = _pragma(connection, "user_version")
        finally:
            connection.close()
    except sqlite3.Error as error:
        if os.path.exists(f"{path}-wal"):
            # A process may have been killed while it moved the log into the file: only both together tell.
            return
        raise DatabaseOpenError(
            f"{path}: is not an SQLite database ({error}): choose another path, or move the file away"
        ) from error
    if mark != APPLICATION_ID:
        raise DatabaseOpenError(
            f"{path}: is an SQLite database of another program: choose another path, or move the file away"
        )
    _check_version(path, version)


def _check_version(path: str, version: int) -> None:
    if version > SCHEMA_VERSION:
        raise DatabaseOpenError(
            f"{path}: was written by a newer yieldflow (schema version {version}; this one knows versions up to "
            f"{SCHEMA_VERSION}): upgrade yieldflow-durable"
        )


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the schema to this version, in one transaction. Safe where several processes do so at once."""
    if _pragma(connection, "user_version") == SCHEMA_VERSION:
        return
    connection.execute("begin immediate")
    try:
        # Only now is it certain that nobody else writes: what was seen before may have changed.
        version = _pragma(connection, "user_version")
        _check_version(path, version)
        if version == 0 and connection.execute("select 1 from sqlite_master").fetchone():
            raise DatabaseOpenError(
                f"{path}: is an SQLite database of another program: choose another path, or move the file away"
            )
        for number in range(version + 1, SCHEMA_VERSION + 1):
            for statement in MIGRATIONS[number]:
                connection.execute(statement)
            connection.execute(f"pragma user_version = {number}")
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _use_wal(connection: sqlite3.Connection, busy_timeout: float) -> None:
    """Switch to WAL. SQLite does not wait for others here, so the waiting is done by hand."""
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
        time.sleep(0.005)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value = connection.execute(f"pragma {name}").fetchone()[0]
    assert isinstance(value, int)
    return value


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the lock that was wanted."""
    # The low byte is the kind of error; the rest, where it is set, says more of it. Python's own errors have no code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def advice(error: sqlite3.Error) -> str:
    """What to do about ``error``, to be put after it."""
    return ": another program holds its lock: wait for it, or end it" if is_busy(error) else ""
