"""Gives free pages of a file back to the disk. What is deleted leaves them in the file, where new rows take them.

A file whose `auto_vacuum` is incremental knows of each page where it is referred to. So pages from its end can take the
places of free ones, a few at a time. Any other file has to be copied whole once, and is incremental then.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from .connections import SET_INCREMENTAL, uri

#: Pages that are given back in one transaction, which takes a few milliseconds.
STEP = 100


def size(connection: sqlite3.Connection) -> int:
    """Return the size of the file, in bytes, once its log is moved into it."""
    pages: int = connection.execute("pragma page_count").fetchone()[0]
    length: int = connection.execute("pragma page_size").fetchone()[0]
    return pages * length


def must_be_copied(connection: sqlite3.Connection) -> bool:
    """Return True for a file that gives back no page by itself."""
    return bool(connection.execute("pragma auto_vacuum").fetchone()[0] == 0)


def step(connection: sqlite3.Connection) -> bool:
    """Give some pages back, and return whether there are more."""
    for _ in range(STEP):
        # Python's module carries out a single page of each such statement, whatever it says.
        connection.execute("pragma incremental_vacuum(1)")
    return bool(connection.execute("pragma freelist_count").fetchone()[0])


def copy(path: str, busy_timeout: float) -> None:
    """Have SQLite copy the file, without what is free, and put the copy in its place through the log."""
    # A connection of its own: those of a store would keep the copy in memory.
    with closing(sqlite3.connect(uri(path, "mode=rw"), uri=True, isolation_level=None, timeout=busy_timeout)) as own:
        own.execute("pragma journal_size_limit = -1")
        own.execute(SET_INCREMENTAL)
        own.execute("vacuum")
        own.execute("pragma wal_checkpoint(truncate)").fetchall()
