"""The SQLite file as others see it: any tool reads it, its owner alone may, and closing leaves nothing behind."""

from __future__ import annotations

import gc
import os
import stat
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.sqlite.files import FAILURE, begun, connect, contents, ids, submission
from tests.support.programs.launch import Program
from yieldflow._core.errors import StorageError
from yieldflow._core.history import (
    ENDED,
    StepEnded,
    WorkflowStatus,
)
from yieldflow.sqlite import Ownership, SqliteStore
from yieldflow.store import (
    Request,
    RequestKind,
)

# ---------------------------------------------------------------------- the file, as others see it


def test_people_can_read_the_file(path: Path, store: SqliteStore) -> None:
    """Any SQLite tool shows workflows, steps and failures as plain columns: JSON as text, pickles as blobs."""
    whole = begun("w")
    whole.events = [*whole.events, StepEnded(0, FAILURE, 1002)]
    whole.status, whole.outcome, whole.at = WorkflowStatus.DONE, '{"total": "10 €"}', 1003
    store.commit([whole])

    with connect(path) as database:
        workflow = database.execute("select id, name, status, input, output, error, created_at from workflows")
        assert workflow.fetchall() == [("w", "order", "done", '{"number": 1}', '{"total": "10 €"}', None, 1000)]
        step = database.execute(
            "select workflow_id, run, step, kind, name, status, error, error_type, error_traceback, typeof(output), "
            "applied, source, typeof(finished_at) from activity_executions"
        )
        failure = ("ValueError: no such order", "builtins.ValueError")
        assert step.fetchall() == [
            ("w", 1, 0, "activity", "charge", "failed", *failure, "Traceback ...", "blob", 1, "shop.py:7", "integer")
        ]
        assert database.execute("pragma journal_mode").fetchone() == ("wal",)
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_only_the_owner_may_read_the_file(path: Path) -> None:
    """The file and those beside it are readable by the user alone, whatever the umask."""
    before = os.umask(0)
    try:
        with closing(SqliteStore(path)) as store:
            store.submit([submission("w")])
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    finally:
        os.umask(before)

    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


@pytest.mark.parametrize(
    "name", ["with space.db", "größe 😀.db", "50%25 a?b=c#d&e.db", ":memory: no.db", "file:x", "'\".db"]
)
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    """The file has the name that was given, whatever characters are in it."""
    with closing(SqliteStore(tmp_path / name)) as store:
        store.submit([submission("w")])
    with closing(SqliteStore(str(tmp_path / name))) as store:
        assert ids(store) == ["w"]

    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_symlink_is_the_file_that_it_leads_to(tmp_path: Path, path: Path) -> None:
    """A store opened by a symlink is the store of the file, and keeps its companions beside that."""
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(path)
    with closing(SqliteStore(link)) as by_link:
        by_link.submit([submission("w")])
        assert list(link.parent.iterdir()) == [link]
        with closing(SqliteStore(path)) as by_name:
            assert ids(by_name) == ["w"]


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    """A file of length 0, such as a temporary file, is taken."""
    path.touch()
    with closing(SqliteStore(path)) as store:
        store.submit([submission("w")])
        assert ids(store) == ["w"]


def test_durability_is_one_of_two(path: Path) -> None:
    """A misspelt durability is an error, and no file is made."""
    with pytest.raises(ValueError, match="'full' or 'normal', not 'ful'"):
        SqliteStore(path, "ful")  # type: ignore[arg-type]  # The mistake under test.

    assert contents(path.parent) == {}


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_what_was_committed_outlives_a_kill(path: Path, durability: str) -> None:
    """A process that is killed leaves everything that it had committed."""
    with Program("stores", path) as program:
        for order in ("submit: a", "submit: b"):
            program.tell(order)
        assert [program.line() for _ in range(3)] == ["ready", "submitted", "submitted"]
        program.kill()

    with closing(SqliteStore(path)) as store:
        assert ids(store) == ["a", "b"]


# ---------------------------------------------------------------------- where SQLite fails


def test_a_closed_store_says_so(store: SqliteStore) -> None:
    """After `close` every call is a clear error."""
    store.close()
    calls: list[Callable[[], object]] = [
        lambda: store.commit([begun("w")]),
        lambda: store.submit([submission("w")]),
        lambda: store.load("w"),
        lambda: store.record("w"),
        lambda: store.snapshot("w"),
        lambda: store.ask([Request("w", RequestKind.RESUME, 1)]),
        lambda: store.rewind("w", 1, 1, reapply=False, at=1),
        lambda: store.fork("w", 1, 1, submission("v")),
        lambda: store.delete(["w"]),
        lambda: store.purgeable(None, ENDED),
        lambda: store.ended_children("w", 1),
        lambda: store.open_children("w", 1),
        store.records,
        lambda: store.pending(0, 1, counted=False),
        lambda: store.sleepers((0, 0), 1, 1),
        lambda: store.brief("w"),
        store.wake_stalled,
        store.arrivals,
    ]
    for call in calls:
        with pytest.raises(StorageError, match="closed"):
            call()


def test_opening_a_second_time_drops_no_lock(path: Path, store: SqliteStore) -> None:
    """Opening and closing the file again in the same process leaves SQLite's locks as they are."""
    with Program("stores", path) as program, connect(path) as holder:
        holder.execute("begin immediate")
        SqliteStore(path).close()
        program.tell("lock")
        assert [program.line(), program.line()] == ["ready", "database is locked"]


@pytest.mark.parametrize("is_owner", [False, True])
def test_a_store_that_nobody_closed_is_closed_when_it_is_let_go_of(path: Path, is_owner: bool) -> None:
    """A store that was never closed leaves no open file behind, and no warning."""
    lock = Ownership(path)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        forgotten = SqliteStore(path)
        forgotten.submit([submission("w")])
        if is_owner:
            lock.acquire()
            forgotten.guard(lock.lock)
        del forgotten
        gc.collect()
    assert [str(warning.message) for warning in heard if issubclass(warning.category, ResourceWarning)] == []
    assert not path.with_name(path.name + "-wal").exists()
    lock.release()
