"""What was deleted is given back to the disk, beside all that goes on."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.sqlite.files import connect
from tests.support.storage import over, submission
from yieldflow import DatabaseOpenError, Flow, Orchestrator, Registry, StorageError, activity, workflow
from yieldflow.__main__ import main
from yieldflow.sqlite import SqliteStore, schema

LARGE = "x" * 20_000
registry = Registry()


@activity(registry=registry)
def page(number: int) -> str:
    return f"{number}{LARGE}"


@workflow(registry=registry)
def report(number: int) -> Flow[int]:
    return len((yield from page(number)))


def make_older(path: Path) -> None:
    """Have the file be as a yieldflow made it that could give nothing back."""
    with connect(path) as database:
        for statement in (*schema.MIGRATIONS[1], *(each for n in (2, 3, 4) for each in schema.MIGRATIONS[n])):
            database.execute(statement)
        database.execute(f"pragma user_version = {schema.SCHEMA_VERSION}")


@pytest.fixture(params=["new", "older"])
def store(request: pytest.FixtureRequest, path: Path) -> Iterator[SqliteStore]:
    """Two of three workflows, each of some pages, were deleted, from everywhere in the file."""
    if request.param == "older":
        make_older(path)
    with closing(SqliteStore(path)) as store:
        ids = [f"w{number}" for number in range(150)]
        store.submit([submission(each, input=f'"{LARGE}"') for each in ids])
        store.commit([over(each) for each in ids])
        assert store.delete([each for number, each in enumerate(ids) if number % 3]) == 100
        yield store


def pragma(path: Path, name: str) -> object:
    with connect(path) as database:
        return database.execute(f"pragma {name}").fetchone()[0]


def test_what_was_deleted_goes_back_to_the_disk(path: Path, store: SqliteStore) -> None:
    """The file becomes smaller by as much as is told, and what is left in it is as it was, also in an older file."""
    before, left = store.records(), os.path.getsize(path) + os.path.getsize(f"{path}-wal")
    given_back = store.vacuum()

    assert 2_000_000 < given_back < 2_500_000
    assert os.path.getsize(f"{path}-wal") == 0
    assert left - os.path.getsize(path) >= given_back
    assert store.records() == before
    assert pragma(path, "freelist_count") == 0
    assert pragma(path, "integrity_check") == "ok"
    assert store.vacuum() == 0


def test_a_file_is_copied_once_at_most(path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """From then on an older file, like a new one, gives pages back a few at a time."""
    store.vacuum()
    monkeypatch.setattr("yieldflow.sqlite.vacuum.copy", None)
    assert store.delete(["w0", "w3", "w6"]) == 3
    assert store.vacuum() > 50_000
    assert pragma(path, "auto_vacuum") == 2


def test_others_write_between_two_steps(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are given back a few at a time, and whoever else writes comes to his turn in between."""
    with closing(SqliteStore(path)) as store, connect(path) as other:
        ids = [f"w{number}" for number in range(300)]
        store.submit([submission(each, input=f'"{LARGE}"') for each in ids])
        store.commit([over(each) for each in ids])
        store.delete(ids[:200])
        other.execute("pragma wal_checkpoint(truncate)").fetchall()
        pauses: list[str] = []

        def submit_one(seconds: float) -> None:
            pauses.append(f"meanwhile {len(pauses)}")
            other.execute("begin immediate")
            other.execute("insert into meta values (?, '')", (pauses[-1],))
            other.execute("commit")

        monkeypatch.setattr("time.sleep", submit_one)
        store.vacuum()
        monkeypatch.undo()
        assert len(pauses) >= 5
        assert other.execute("select count(*) from meta").fetchone()[0] == len(pauses)
        assert pragma(path, "integrity_check") == "ok"


@pytest.mark.parametrize("age", ["new", "older"])
def test_an_owner_goes_on_meanwhile(path: Path, age: str) -> None:
    """A client vacuums the file while its owner runs workflows in it: neither is disturbed."""
    if age == "older":
        make_older(path)
    with Orchestrator(path, registry=registry) as owner:
        for number in range(30):
            owner.run(report(number))
        assert owner.purge() == 30
        handles = owner.submit_many(report(number) for number in range(20))
        client = Orchestrator(path, registry=registry)
        assert client.vacuum() > 0
        client.stop()
        assert [handle.result(60) for handle in handles] == [len(LARGE) + len(str(number)) for number in range(20)]
        assert owner.run(report(7)) == len(LARGE) + 1
        assert owner.health().failure is None
    assert pragma(path, "integrity_check") == "ok"


def test_another_program_s_lock_is_told_of(path: Path) -> None:
    """Where another program keeps the lock, a vacuum says so, and changes nothing."""
    make_older(path)
    with closing(SqliteStore(path, busy_timeout=0.01)) as store, closing(sqlite3.connect(path)) as other:
        other.execute("begin immediate")
        with pytest.raises(StorageError, match="another program holds its lock"):
            store.vacuum()
    assert pragma(path, "auto_vacuum") == 0


def test_a_new_file_is_made_in_one_transaction(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is on disk of a file whose making was cut short: it is begun anew, as one that gives pages back."""
    monkeypatch.setitem(schema.MIGRATIONS, 4, ("nonsense",))
    with pytest.raises(DatabaseOpenError):
        SqliteStore(path)
    assert path.stat().st_size == 0
    monkeypatch.undo()
    SqliteStore(path).close()
    assert pragma(path, "auto_vacuum") == 2


def test_the_command(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m yieldflow vacuum FILE` tells what was given back, and makes no file where there is none."""
    with Orchestrator(path, registry=registry) as owner:
        for number in range(10):
            owner.run(report(number))
        owner.purge()
    size = os.path.getsize(path)

    assert main(["vacuum", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: {size - os.path.getsize(path)} bytes smaller\n"
    assert main(["vacuum", str(path) + "x"]) == 2
    assert "does not exist: mend the path" in capsys.readouterr().err
    assert not os.path.exists(f"{path}x")
    path.write_text("notes")
    assert main(["vacuum", str(path)]) == 2
    assert "is not an SQLite database" in capsys.readouterr().err
