"""Database files: new ones, and such as a killed process leaves, with what is in the log, and nobody closed."""

from __future__ import annotations

import functools
import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from yieldflow.sqlite import SqliteStore


def new_store(database: Path) -> SqliteStore:
    """A store on a new file; a copy of an empty one, since to make that takes several times as long as to open it."""
    with database.open("xb") as file:
        file.write(_empty())
    return SqliteStore(database, "normal")


@functools.cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        database = Path(folder) / "empty.db"
        SqliteStore(database, "normal").close()
        return database.read_bytes()


def copy_as_left(database: Path, copy: Path) -> None:
    """Copy a database and its log over what stands there: whoever opens it finds what a kill would leave."""
    for suffix in ("", "-wal", "-shm"):
        here, there = Path(f"{database}{suffix}"), Path(f"{copy}{suffix}")
        there.unlink(missing_ok=True)
        # The shared memory dies with the last process.
        if suffix != "-shm" and here.exists():
            shutil.copyfile(here, there)


def rows_of(database: Path) -> dict[str, list[Any]]:
    """All rows of all tables."""
    connection = sqlite3.connect(database)
    try:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        return {table: connection.execute(f"select * from {table}").fetchall() for table in tables}
    finally:
        connection.close()
