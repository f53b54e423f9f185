"""Files that code of every schema version so far wrote: what was unfinished in them goes on, and to its right end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import older
from tests.older.left import PERFORMED, REGISTRY, make
from tests.support.invariants import broken
from yieldflow import DatabaseLostError, DatabaseOpenError, Orchestrator, WorkflowHandle, WorkflowHistory
from yieldflow.sqlite import Ownership, SqliteStore, schema
from yieldflow.testing import replay


class Old:
    """A file as it was left.

    Args:
        path: Where it is made.
        version: That of its schema.
        codec: What its values were stored by.
    """

    def __init__(self, path: Path, version: int, codec: older.Codec) -> None:
        self.path = path
        self.version = version
        self.left = older.workflows(version, codec)
        self.codec: older.Codec = codec
        written = Path(older.__file__).parent / f"version_{version}_{codec}.sql"
        with closing(sqlite3.connect(path)) as database:
            database.execute("pragma journal_mode = wal")
            database.executescript(written.read_text(encoding="utf-8"))

    def replay(self, orchestrator: Orchestrator) -> None:
        """Replay all histories, as they are and as they are read from JSON."""
        for id, left in self.left.items():
            history = orchestrator.handle(id).history()
            for each in (history, WorkflowHistory.from_json(history.to_json())):
                replay(left.invocation.definition, each, codec=self.codec)


FILES = [(version, codec) for version in range(1, schema.SCHEMA_VERSION + 1) for codec in older.CODECS]


@pytest.fixture(params=FILES, ids=[f"{version}-{codec}" for version, codec in FILES])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    PERFORMED.clear()
    return Old(tmp_path / "old.db", *request.param)


@pytest.fixture
def client(old: Old) -> Iterator[Orchestrator]:
    """Today's code on the file, not started."""
    orchestrator = Orchestrator(old.path, registry=REGISTRY, codec=old.codec, durability="normal")
    yield orchestrator
    orchestrator.stop()


@pytest.fixture
def started(client: Orchestrator) -> Orchestrator:
    """The same, started."""
    client.start()
    return client


def end_of(handle: WorkflowHandle[object]) -> object:
    """The value that a workflow returned; or, in a line, how it ended."""
    try:
        return handle.result(timeout=60)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def ask(path: Path, query: str) -> list[tuple[object, ...]]:
    """The rows that a query finds in a file."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def test_all_go_on(old: Old, started: Orchestrator) -> None:
    """Every workflow comes to its right end, and no activity whose outcome was on disk is performed again."""
    for id, left in old.left.items():
        make(left.last_calls, started, id)
    ends = {id: end_of(started.handle(id)) for id in old.left}
    old.replay(started)
    started.stop()

    assert ends == {id: left.error or left.output for id, left in old.left.items()}
    assert sorted(PERFORMED) == sorted(label for left in old.left.values() for label in left.under_way + left.to_do)
    with closing(sqlite3.connect(old.path)) as database:
        assert broken(database) == []
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_what_failed_may_be_retried(old: Old, started: Orchestrator) -> None:
    """A workflow that failed under earlier code runs again from the failed step, with the steps dropped then."""
    failed = [id for id, left in old.left.items() if left.status == "failed"]
    for id in failed:
        started.handle(id).retry()

    assert {id: end_of(started.handle(id)) for id in failed} == {id: old.left[id].error for id in failed}
    assert {"refused/1", "odd/1"} <= set(PERFORMED)


def test_a_client_reads_it(old: Old, client: Orchestrator) -> None:
    """A client finds every workflow as it was left, with its history, and performs nothing."""
    found = {row["id"]: row["status"] for row in client.list_workflows() if row["id"] in old.left}

    assert found == {id: left.status for id, left in old.left.items()}
    assert {id: str(client.handle(id).describe().status) for id in old.left} == found
    assert client.handle("caught").describe().current_activity == "hang"
    old.replay(client)
    assert PERFORMED == []


def test_is_brought_up_to_date(old: Old, tmp_path: Path) -> None:
    """Once it is opened, by whomever, it is of today's version, and made as a new one is."""
    SqliteStore(old.path).close()
    SqliteStore(tmp_path / "new.db").close()

    shapes, marks = "select type, name, trim(sql, char(10)) from sqlite_master order by name", "pragma application_id"
    for question in (shapes, marks, "pragma user_version"):
        assert ask(old.path, question) == ask(tmp_path / "new.db", question)


def test_who_must_be_in_memory_is_known(old: Old) -> None:
    """Unfinished workflows of an old file are loaded, delayed ones rest until they start, others until woken."""
    if old.version >= 4:
        pytest.skip("it says so itself")
    SqliteStore(old.path).close()
    awake = "case when status <> 'processing' then 9223372036854775807 when started_at is null then starts_at end"

    assert ask(old.path, f"select id, wake_at from workflows where wake_at is not ({awake})") == []
    assert ask(old.path, "select count(*) from workflows where wake_at is null") != [(0,)]


def test_is_checked_as_it_stands(old: Old, client: Orchestrator) -> None:
    """Before a file is brought up to date, all that is unfinished in it is found to replay; it stays as it is."""
    before = old.path.read_bytes()
    report = client.check_replay()

    assert report.problems == ()
    assert report.checked >= sum(left.status in ("processing", "suspended", "stalled") for left in old.left.values())
    assert old.path.read_bytes() == before


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        version: int = database.execute("pragma user_version").fetchone()[0]
        return version


def test_is_left_as_it_is_while_it_has_an_owner(old: Old) -> None:
    """A client does not change a file under an owner that runs an older version: it says so, and the file stays."""
    if old.version == schema.SCHEMA_VERSION:
        pytest.skip("it is of this version already")
    owner = Ownership(old.path)
    owner.acquire()
    with pytest.raises(DatabaseOpenError, match="while its owner runs"):
        SqliteStore(old.path, "normal")
    assert version_of(old.path) == old.version
    owner.release()
    SqliteStore(old.path, "normal").close()
    assert version_of(old.path) == schema.SCHEMA_VERSION


def test_an_owner_stops_when_the_version_changes_under_it(tmp_path: Path) -> None:
    """Whoever owns a file that another yieldflow brings to its version writes nothing more, and says why."""
    with closing(SqliteStore(tmp_path / "new.db", "normal")) as store:
        store.arrivals()
        with closing(sqlite3.connect(store.path)) as newer:
            newer.execute(f"pragma user_version = {schema.SCHEMA_VERSION + 1}")
        with pytest.raises(DatabaseLostError, match=f"was brought to version {schema.SCHEMA_VERSION + 1}"):
            store.arrivals()
        with pytest.raises(DatabaseLostError, match="go on with that yieldflow alone"):
            store.commit([])
