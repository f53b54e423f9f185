"""Database files: new ones, and such as a killed process leaves, with what is in the log, and nobody closed."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

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
