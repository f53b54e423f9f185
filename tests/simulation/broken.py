"""Ways in which a store itself fails, in the midst of a transaction too; and what a killed process leaves of a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.files import copy_as_left
from yieldflow import StorageError
from yieldflow.memory import MemoryStore
from yieldflow.sqlite import SqliteStore

#: SQLite asks after so many of its operations whether to go on.
OPERATIONS = 20


@contextmanager
def broken(store: SqliteStore, kind: str, size: int = 1, by_client: bool = False) -> Iterator[None]:
    """The next commit, or a client's next write, meets another program's lock, a full disk, or an error in its midst.

    A disk that is full fails only what needs another page.
    """
    writer = store._reader if by_client else store._writer
    if kind == "locked":
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("begin immediate")
            yield
    elif kind == "disk full":
        limit: int = writer.execute("pragma max_page_count").fetchone()[0]
        pages: int = writer.execute("pragma page_count").fetchone()[0]
        writer.execute(f"pragma max_page_count = {pages}")
        try:
            yield
        finally:
            writer.execute(f"pragma max_page_count = {limit}")
    else:
        writer.set_progress_handler(lambda: 1, size * OPERATIONS)
        try:
            yield
        finally:
            writer.set_progress_handler(None, 0)


@contextmanager
def failing_after(store: MemoryStore, rows: int) -> Iterator[None]:
    """Of what is written now, only so many rows can be."""
    left = iter(range(rows))

    def put(*given: Any) -> None:
        if next(left, None) is None:
            raise StorageError("database or disk is full")
        MemoryStore._put(store, *given)

    vars(store)["_put"] = put
    try:
        yield
    finally:
        del vars(store)["_put"]


def left_by(store: SqliteStore, number: int) -> SqliteStore:
    """What the next process finds after a kill: the file and its log, which nobody closed."""
    path = Path(store.path)
    copy = path.with_name(f"simulation{number}.db")
    copy_as_left(path, copy)
    store.close()
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return SqliteStore(copy, "normal", busy_timeout=0)
