"""A workflow in a file, and looks at the file past the store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.storage import checkpoint
from yieldflow._core.history import (
    Failure,
    Started,
    Step,
    StepKind,
)
from yieldflow.sqlite import SqliteStore
from yieldflow.store import (
    Checkpoint,
    Submission,
)

FAILURE = Failure("builtins.ValueError", "no such order", "Traceback ...", b"\x80")


def submission(workflow_id: str) -> Submission:
    return Submission(workflow_id, "order", '{"number": 1}', b"seed", 1000)


def begun(workflow_id: str, due_at: int | None = None, source: str = "shop.py:7", text: str = "[]") -> Checkpoint:
    kind = StepKind.ACTIVITY if due_at is None else StepKind.SLEEP
    step = Step(0, kind, "charge", text, 0, source, due_at)
    return checkpoint(workflow_id, created=submission(workflow_id), at=1000, events=[Started(1000)], issued=[step])


def connect(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None, timeout=0))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, byte for byte."""
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}


def ids(store: SqliteStore) -> list[str]:
    return sorted(record.id for record in store.records())


def foreign(path: Path, *statements: str) -> None:
    with connect(path) as database:
        for statement in statements:
            database.execute(statement)


def shape(path: Path) -> list[tuple[object, ...]]:
    with connect(path) as database:
        return database.execute("select type, name, sql from sqlite_master order by name").fetchall()
