"""A failure of SQLite leaves nothing half written, and the error says if it was the disk, a value or a row."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.sqlite.files import FAILURE, begun, connect, ids, submission
from tests.support.programs.launch import Program
from tests.support.storage import checkpoint
from yieldflow._core.errors import RefusedValueError, StorageError
from yieldflow._core.history import (
    CancelRequested,
    Signal,
    StepEnded,
    WorkflowStatus,
)
from yieldflow.sqlite import SqliteStore
from yieldflow.store import (
    Checkpoint,
    Parent,
    Request,
    RequestKind,
)


def test_a_client_s_change_is_whole_or_nothing(path: Path, store: SqliteStore) -> None:
    """A failure of SQLite in the middle of going back, copying, asking or deleting leaves nothing written."""
    whole = begun("w")
    whole.events = [*whole.events, StepEnded(0, "1", 1002), CancelRequested(1003)]
    whole.signals, whole.received = [Signal(1, "a", "1", 1000)], [(1, 2)]
    whole.status, whole.outcome = WorkflowStatus.FAILED, FAILURE
    store.commit([whole, begun("v")])
    before = [store.load("w"), store.records()]
    changes: list[Callable[[], object]] = [
        lambda: store.rewind("w", 1, 1, reapply=False, at=1),
        lambda: store.fork("w", 1, 2, submission("copy")),
        lambda: store.ask([Request("v", RequestKind.RESUME, 1), Request("v", RequestKind.SUSPEND, 1)]),
        lambda: store.delete(["w"]),
    ]
    with connect(path) as database:
        database.execute(
            "create trigger no_request before insert on workflow_inputs when new.applied is null "
            "begin select raise(abort, 'a test says no'); end"
        )
        database.execute(
            "create trigger no_signal before delete on signals begin select raise(abort, 'a test says no'); end"
        )
        for change in changes:
            with pytest.raises(StorageError, match="a test says no"):
                change()
            assert [store.load("w"), store.records()] == before
        assert database.execute("select count(*) from workflow_inputs").fetchone() == (1,)
        database.execute("begin immediate")
        for change in changes:
            with pytest.raises(StorageError, match="nothing was written: database is locked"):
                change()


def test_a_client_s_value_that_sqlite_refuses_is_named(store: SqliteStore) -> None:
    """A request, copy or child with a value that cannot be stored is no broken disk, and nothing is written."""
    store.commit([begun("w")])
    parent = Parent("w", 1, 2**63)
    refused: list[Callable[[], object]] = [
        lambda: store.ask([Request("w", RequestKind.SIGNAL, 1, "a", "\ud800")]),
        lambda: store.fork("w", 1, 1, submission("\ud800")),
        lambda: store.submit([submission("v")._replace(parent=parent)]),
        lambda: store.commit([checkpoint("w", signals=[Signal(1, "a", "\ud800", 1)])]),
    ]
    for change in refused:
        with pytest.raises(RefusedValueError, match="cannot be stored"):
            change()

    assert ids(store) == ["w"]
    assert store.arrivals().requests == []


def test_a_locked_database_is_the_storage_s_error(path: Path, store: SqliteStore) -> None:
    """While another program holds the lock nothing is written; the same commit succeeds when it lets go."""
    batch = [begun("a"), begun("b")]
    with connect(path) as other:
        other.execute("begin immediate")
        with pytest.raises(StorageError, match="locked: another program holds its lock") as on_commit:
            store.commit(batch)
        with pytest.raises(StorageError, match="locked") as on_submit:
            store.submit([submission("c")])
        assert store.records() == []
        other.execute("rollback")

    assert str(path) in str(on_commit.value)
    assert isinstance(on_submit.value.__cause__, sqlite3.OperationalError)
    store.commit(batch)
    store.submit([submission("c")])
    assert ids(store) == ["a", "b", "c"]


def test_a_full_disk_loses_nothing(path: Path) -> None:
    """A commit that the disk has no room for is refused whole; the store goes on when there is room again."""
    with Program("stores", path) as program:
        for order in ("submit: a", "fill disk", "submit: b", "free disk", "submit: c"):
            program.tell(order)
        said = [program.line() for _ in range(6)]
        program.kill()

    assert [line.partition(":")[0] for line in said] == [
        "ready",
        "submitted",
        "full",
        "StorageError",
        "free",
        "submitted",
    ]
    assert str(path) in said[3]
    with closing(SqliteStore(path)) as store:
        assert ids(store) == ["a", "c"]


@pytest.mark.parametrize(
    "refused",
    [
        begun("b", due_at=2**63),
        begun("b", text="\ud800"),
        begun("b", text=None),  # type: ignore[arg-type]  # What a defect might pass.
        begun("b", text=object()),  # type: ignore[arg-type]
        begun("\ud800"),
    ],
    ids=["a huge number", "a surrogate", "nothing", "no payload", "a surrogate as id"],
)
def test_a_value_that_sqlite_refuses_is_not_the_disk_s_fault(
    path: Path, store: SqliteStore, refused: Checkpoint
) -> None:
    """A value that SQLite cannot store is no broken disk: nothing of the batch is written, and the store goes on."""
    with pytest.raises(RefusedValueError, match="cannot be stored") as caught:
        store.commit([begun("a"), refused])

    assert str(path) in str(caught.value)
    assert store.records() == []
    store.commit([begun("a")])
    assert ids(store) == ["a"]


def test_a_value_too_long_for_sqlite_is_not_the_disk_s_fault(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value longer than SQLite takes (here by a lowered limit) is refused as other values are."""
    real = sqlite3.connect

    def limited(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*arguments, **options)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
        return connection

    monkeypatch.setattr(sqlite3, "connect", limited)
    with closing(SqliteStore(path)) as store:
        with pytest.raises(RefusedValueError, match="cannot be stored: string or blob too big"):
            store.commit([begun("a"), begun("b", text="x" * 20_000)])
        store.commit([begun("a"), begun("b", text="x" * 5_000)])

        assert ids(store) == ["a", "b"]


def test_a_damaged_row_is_named(path: Path, store: SqliteStore) -> None:
    """A row with what yieldflow never wrote is an error that names it, not a wrong answer."""
    store.commit([begun("w")])
    with connect(path) as database:
        database.execute("update activity_executions set kind = 'magic'")
        for read in (store.load, store.steps):
            with pytest.raises(StorageError, match=r"step 0 \(charge\) of workflow 'w' .* is damaged.*'magic'"):
                read("w")
        database.execute("update activity_executions set kind = 'activity', applied = 1, output = null")
        with pytest.raises(StorageError, match=r"step 0 \(charge\) .* is damaged"):
            store.load("w")
        database.execute("update workflows set status = 'running'")
        with pytest.raises(StorageError, match="'w' in table workflows is damaged: there is no status 'running'"):
            store.load("w")


def test_damage_to_one_workflow_is_nobody_else_s(path: Path, store: SqliteStore) -> None:
    """A row with an unknown word keeps others from nothing, and is named when it is read."""
    store.commit([begun("w"), checkpoint("c", created=submission("c")._replace(parent=Parent("w", 1, 0)))])
    store.ask([Request("w", RequestKind.RESUME, 1), Request("w", RequestKind.SUSPEND, 1)])
    with connect(path) as database:
        database.execute("update workflow_inputs set kind = 'magic' where kind = 'resume'")
        assert [request.kind for request in store.arrivals().requests] == ["suspend"]
        database.execute("update workflows set on_parent_end = 'magic' where id = 'c'")
        with pytest.raises(StorageError, match=r"'c' .* is damaged.*'magic'"):
            store.load("c")
        database.execute("update activity_executions set status = 'done'")
        with pytest.raises(StorageError, match=r"step 0 \(charge\) .* is damaged.*holds no outcome"):
            store.load("w")
    assert [found.workflow_id for found in store.pending(0, 9, counted=False)] == ["w", "c"]
