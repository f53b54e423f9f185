"""Files that are refused, and stay as they were: foreign, newer, locked, in a forked child, or not allowed."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.sqlite.files import begun, connect, contents, foreign, shape, submission
from tests.support.programs.launch import WAIT, Program
from yieldflow._core.errors import DatabaseOpenError, StorageError
from yieldflow.sqlite import SqliteStore, schema


def foreign_in_use(path: Path, *statements: str) -> None:
    """A database of another program, whose latest rows are still in the WAL of a process that was killed."""
    inner = path.with_name("inner.db")
    with connect(inner) as database:
        rest = ("pragma journal_mode = wal", "create table notes (text)", "insert into notes values ('x')")
        for statement in (*statements, *rest):
            database.execute(statement)
        for suffix in ("", "-wal"):
            Path(f"{path}{suffix}").write_bytes(Path(f"{inner}{suffix}").read_bytes())
    inner.unlink()


NEWER = (f"pragma application_id = {schema.APPLICATION_ID}", "pragma user_version = 99")

UPGRADE = f"schema version 99; this one knows versions up to {schema.SCHEMA_VERSION}.*: upgrade yieldflow-durable"

REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("id,name\n1,me\n" * 100), "is not an SQLite database"),
    "a short text": (lambda path: path.write_text("notes"), "is not an SQLite database"),
    "zeros": (lambda path: path.write_bytes(bytes(8192)), "is not an SQLite database"),
    "another program's": (lambda path: foreign(path, "create table notes (text)"), "of another program"),
    "another program's, marked": (
        lambda path: foreign(path, "pragma application_id = 1", "create table workflows (id)"),
        "of another program",
    ),
    "another program's, in WAL": (
        lambda path: foreign(path, "pragma journal_mode = wal", "create table notes (text)"),
        "of another program",
    ),
    "another program's, with a WAL left": (foreign_in_use, "of another program"),
    "another program's, empty": (lambda path: foreign(path, "pragma journal_mode = wal"), "of another program"),
    "newer": (lambda path: foreign(path, *NEWER), UPGRADE),
    "newer, with a WAL left": (lambda path: foreign_in_use(path, *NEWER), UPGRADE),
    "a directory": (lambda path: path.mkdir(), "is a directory: give the path of a file in it"),
    "a pipe": (lambda path: os.mkfifo(path), "is not a regular file"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_store_is_refused_and_left_alone(path: Path, kind: str) -> None:
    """A file that is no store is refused by name with what is wrong, and stays as it was, byte for byte."""
    make, message = REFUSED[kind]
    make(path)
    before = contents(path.parent)
    names = sorted(os.listdir(path.parent))

    with pytest.raises(DatabaseOpenError, match=message) as caught:
        SqliteStore(path)

    assert str(path) in str(caught.value)
    assert contents(path.parent) == before
    assert sorted(os.listdir(path.parent)) == names


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", ["a symlink", "no regular file"])
def test_what_was_planted_beside_a_file_is_refused(path: Path, suffix: str, kind: str) -> None:
    """SQLite would write through a symlink in place of a file of its own, and wait for ever at a pipe: it is named."""
    SqliteStore(path).close()
    beside, other = Path(f"{path}{suffix}"), path.with_name("other")
    other.write_text("notes")
    beside.symlink_to(other) if kind == "a symlink" else os.mkfifo(beside)

    with pytest.raises(DatabaseOpenError, match=f"{suffix}: is {kind}, where SQLite keeps a file of its own: remove"):
        SqliteStore(path)
    assert other.read_text() == "notes"
    beside.unlink()
    SqliteStore(path).close()


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    """A path into a directory that is not there is refused with the directory's name; none is made."""
    with pytest.raises(DatabaseOpenError, match=r"there is no directory .*/missing: create it, or mend the path"):
        SqliteStore(tmp_path / "missing" / "store.db")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [":memory:", "", "a\0b"])
def test_what_names_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A database in memory, or of no name, would lose everything: it is refused with a word on what to do."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatabaseOpenError, match=r"give the path of one|mend the path"):
        SqliteStore(name)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
@pytest.mark.parametrize(("forbidden", "mode"), [("store.db", 0o400), ("store.db", 0o200), (".", 0o500)])
def test_a_missing_permission_is_named(path: Path, forbidden: str, mode: int) -> None:
    """A file or directory that may not be written is refused with what is missing."""
    SqliteStore(path).close()
    before = contents(path.parent)
    (path.parent / forbidden).chmod(mode)
    try:
        with pytest.raises(DatabaseOpenError, match=r"you may not .*: give yourself the permission"):
            SqliteStore(path)
    finally:
        (path.parent / forbidden).chmod(0o700)

    assert contents(path.parent) == before


def test_a_file_that_another_program_begins_is_refused(path: Path) -> None:
    """A new file on which another program holds the lock is refused, with what to do, and is left to that program."""
    with connect(path) as other:
        other.execute("begin exclusive")
        with pytest.raises(DatabaseOpenError, match="another program holds its lock"):
            SqliteStore(path, busy_timeout=0.01)
        other.execute("create table notes (text)")
        other.execute("commit")

    with pytest.raises(DatabaseOpenError, match="of another program"):
        SqliteStore(path)


def test_a_file_that_another_program_fills_meanwhile_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file was empty a moment ago, and another program was quicker, the file is that program's."""
    real = sqlite3.connect

    def overtaken(*arguments: Any, **options: Any) -> sqlite3.Connection:
        monkeypatch.undo()
        foreign(path, "create table notes (text)")
        connection: sqlite3.Connection = real(*arguments, **options)
        return connection

    path.touch()
    monkeypatch.setattr(sqlite3, "connect", overtaken)
    with pytest.raises(DatabaseOpenError, match="of another program"):
        SqliteStore(path)

    assert [row[1] for row in shape(path)] == ["notes"]


def test_a_file_that_its_last_user_just_closes_is_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a file is not refused while its last user closes it, which moves the log into the file."""
    SqliteStore(path).close()
    real, whole = sqlite3.connect, path.read_bytes()

    class LooksMeanwhile(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            try:
                return super().execute(sql, parameters)
            except sqlite3.DatabaseError:
                path.write_bytes(whole)
                raise

    path.write_bytes(whole[:4096])
    monkeypatch.setattr(
        sqlite3, "connect", lambda *arguments, **options: real(*arguments, factory=LooksMeanwhile, **options)
    )
    with closing(SqliteStore(path)) as store:
        assert store.records() == []


def test_opening_waits_where_sqlite_does_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stores switch a new file to WAL, and SQLite turns one away at once: it tries again, up to its timeout."""
    real, waits = sqlite3.connect, [0.0]

    class SentAway(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if "journal_mode = wal" in sql and len(waits) < 3:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error
            return super().execute(sql, parameters)

    monkeypatch.setattr(sqlite3, "connect", lambda *arguments, **options: real(*arguments, factory=SentAway, **options))
    monkeypatch.setattr(time, "sleep", waits.append)
    with pytest.raises(DatabaseOpenError, match="another program holds its lock"):
        SqliteStore(path, busy_timeout=0)
    with closing(SqliteStore(path)) as store:
        assert store.records() == []

    assert len(waits) == 3


@pytest.mark.parametrize("call", ["submit", "commit", "records", "load", "arrivals"])
def test_who_is_sent_away_asks_again(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A lock that many take in turn is had in the end: the store asks more often than SQLite's ten times a second."""
    sent_away = 0

    class Crowded(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            nonlocal sent_away
            if sent_away:
                sent_away -= 1
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error
            return super().execute(sql, parameters)

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *arguments, **options: real(*arguments, factory=Crowded, **options))
    with (
        closing(SqliteStore(path, busy_timeout=WAIT)) as store,
        closing(SqliteStore(path, busy_timeout=0)) as impatient,
    ):
        calls: dict[str, Callable[[SqliteStore], object]] = {
            "submit": lambda one: one.submit([submission(f"by {id(one)}")]),
            "commit": lambda one: one.commit([begun(f"by {id(one)}")]),
            "records": lambda one: one.records(),
            "load": lambda one: one.load("w"),
            "arrivals": lambda one: one.arrivals(),
        }
        sent_away = 3
        calls[call](store)
        sent_away = 3
        with pytest.raises(StorageError, match="another program holds its lock"):
            calls[call](impatient)
        sent_away = 0


def test_a_forked_child_is_refused_the_file(path: Path) -> None:
    """In a child forked while the file was open it is refused, since its writes would be lost; the parent goes on."""
    with Program("stores", path) as program:
        program.tell("submit: parent's")
        program.tell("fork")
        program.tell("open")
        said = [program.line() for _ in range(4)]
        os.kill(int(said[2].removeprefix("child ")), signal.SIGKILL)

    assert said[1] == "submitted"
    assert said[3].startswith("DatabaseOpenError: ")
    assert 'multiprocessing.get_context("spawn")' in said[3]


def test_a_forked_child_may_open_what_was_closed(path: Path) -> None:
    """A child forked after the file was closed may open it."""
    with Program("stores", path) as program:
        for order in ("open", "close", "fork", "submit: child's"):
            program.tell(order)
        said = [program.line() for _ in range(5)]
        os.kill(int(said[3].removeprefix("child ")), signal.SIGKILL)

    assert said[4] == "submitted"
