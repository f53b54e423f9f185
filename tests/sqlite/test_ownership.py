"""One owner for one database file: who gets it, who is told what, and when it is free again."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.launch import WAIT, Program
from yieldflow._core.errors import DatabaseInUseError, DatabaseOpenError
from yieldflow.sqlite import Ownership, SqliteStore
from yieldflow.store import Submission


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "größe & 100% ?.db"
    SqliteStore(path).close()
    return path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process waits for no owner, since none goes by itself; others wait as long as they do."""
    monkeypatch.setattr("yieldflow.sqlite.ownership.PATIENCE", 0)


@pytest.fixture
def program(path: Path) -> Iterator[Program]:
    """Another process, which does what it is told."""
    with Program("stores", path) as program:
        assert program.line() == "ready"
        yield program


def answer(program: Program, order: str) -> str:
    program.tell(order)
    return program.line()


def is_free(path: Path) -> bool:
    """Tell whether the file can be owned; it is free again afterwards."""
    ownership = Ownership(path)
    try:
        ownership.acquire()
    except DatabaseInUseError:
        return False
    ownership.release()
    return True


# ---------------------------------------------------------------------- one at a time


def test_the_second_is_told_who_the_first_is(path: Path, program: Program) -> None:
    """While one process owns the file another is refused, with the owner's process and what to do instead."""
    assert answer(program, "own") == "owner"

    with pytest.raises(DatabaseInUseError) as caught:
        Ownership(path).acquire()

    message = str(caught.value)
    assert str(path) in message
    assert f"process {program.pid} on " in message
    assert "(since 20" in message
    assert "without starting it, as a client" in message


@pytest.mark.parametrize("note", ["", "null", "[]", "{}", "[" * 100_000, b"\xff", 5])
def test_a_damaged_note_of_the_owner_hinders_nobody(path: Path, note: str | bytes | int) -> None:
    """Whatever became of the note of who the owner is, the lock is what counts, and a second one is refused."""
    first = Ownership(path)
    first.acquire()
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as vandal:
            vandal.execute("update meta set value = cast(? as text)", (note,))
        with pytest.raises(DatabaseInUseError, match="another process has an orchestrator started"):
            Ownership(path).acquire()
    finally:
        first.release()


def test_two_in_one_process_are_told_apart(path: Path, program: Program) -> None:
    """Two orchestrators of one process exclude each other as those of two processes do."""
    first, second = Ownership(path), Ownership(path)
    first.acquire()
    try:
        with pytest.raises(DatabaseInUseError, match=f"process {os.getpid()} on "):
            second.acquire()
        # That the second closed its file again must not have given up what the first holds.
        assert answer(program, "own").startswith("DatabaseInUseError")
    finally:
        first.release()

    second.acquire()
    second.release()
    assert answer(program, "own") == "owner"


def test_acquiring_and_releasing_twice_does_no_harm(path: Path, program: Program) -> None:
    """The owner may ask again; who owns nothing may release."""
    ownership = Ownership(path)
    ownership.release()
    ownership.acquire()
    ownership.acquire()
    still = answer(program, "own")
    ownership.release()
    ownership.release()

    assert still.startswith("DatabaseInUseError")
    assert answer(program, "own") == "owner"
    assert answer(program, "release") == "released"
    assert is_free(path)


def test_every_file_has_its_own_owner(path: Path, tmp_path: Path, program: Program) -> None:
    """The owner of one file does not hinder the owner of another beside it."""
    assert answer(program, "own") == "owner"

    assert is_free(tmp_path / "other.db")


def test_of_many_at_once_exactly_one_wins(path: Path) -> None:
    """Many processes want the file at the same moment, and one gets it: never two, and never none."""
    programs = [Program("stores", path) for _ in range(5)]
    try:
        assert [program.line() for program in programs] == ["ready"] * 5
        for _ in range(3):
            for program in programs:
                program.tell("own")
            said = [program.line().partition(":")[0] for program in programs]
            assert sorted(said) == ["DatabaseInUseError"] * 4 + ["owner"]
            assert answer(programs[said.index("owner")], "release") == "released"
    finally:
        for program in programs:
            program.kill()


def test_an_owned_file_is_free_for_clients(path: Path, program: Program) -> None:
    """Ownership locks nothing that clients need: they read and submit meanwhile."""
    assert answer(program, "own") == "owner"

    with closing(SqliteStore(path, busy_timeout=0)) as client:
        client.submit([Submission("w", "order", "{}", b"", 1)])
        assert [record.id for record in client.records()] == ["w"]


# ---------------------------------------------------------------------- it dies with the process, and with that alone


def test_a_killed_owner_owns_nothing(path: Path, program: Program) -> None:
    """When the owner is killed the file is free at once, and nothing but the empty lock file is left of it."""
    assert answer(program, "own") == "owner"
    assert not is_free(path)
    program.kill()

    assert is_free(path)
    lock = path.with_name(f"{path.name}-lock")
    assert sorted(path.parent.iterdir()) == [path, lock]
    assert lock.read_bytes() == b""


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_a_child_that_outlives_the_owner_owns_nothing(path: Path, program: Program, how: str) -> None:
    """A child, forked or spawned with all its parent's files, does not keep the file when the parent is killed."""
    assert answer(program, "own") == "owner"
    child = int(answer(program, how).removeprefix("child "))
    try:
        assert not is_free(path)
        os.kill(program.pid, signal.SIGKILL)
        assert not program.runs_on(WAIT)

        assert is_free(path)
        assert answer(program, "lock") == "free"  # So says the child.
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_forked_child_can_neither_claim_nor_release(path: Path, program: Program) -> None:
    """In a forked child the ownership that it was left with is worth nothing, and its parent's goes on."""
    assert answer(program, "own") == "owner"
    child = int(answer(program, "fork").removeprefix("child "))
    try:
        assert answer(program, "own").startswith(f"DatabaseInUseError: {path}: process {program.pid} on ")
        assert answer(program, "release") == "released"
        assert not is_free(path)
    finally:
        os.kill(child, signal.SIGKILL)


# ---------------------------------------------------------------------- one file, several names


def test_symlinks_lead_to_one_owner(path: Path, tmp_path: Path, program: Program) -> None:
    """By a symlink to the file, or through a symlink to its directory, it is the same file with the same owner."""
    (tmp_path / "link.db").symlink_to(path)
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    names = [tmp_path / "link.db", tmp_path / "folder" / path.name, tmp_path / "folder" / "folder" / "link.db"]
    before = [is_free(name) for name in names]
    assert answer(program, "own") == "owner"

    assert before == [True, True, True]
    assert [is_free(name) for name in names] == [False, False, False]


def test_a_relative_path_is_the_same_file(path: Path, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path from the current directory has the owner that the whole path has, also after a change of directory."""
    monkeypatch.chdir(path.parent)
    ownership = Ownership(path.name)
    monkeypatch.chdir("/")
    ownership.acquire()
    said = answer(program, "own")
    ownership.release()

    assert said.startswith(f"DatabaseInUseError: {path}: ")


def test_hard_links_are_refused(path: Path, tmp_path: Path) -> None:
    """A file with two hard links could have two owners: it is refused under both names, and no lock is left."""
    (tmp_path / "twin.db").hardlink_to(path)
    before = sorted(tmp_path.iterdir())
    for name in (path, tmp_path / "twin.db"):
        with pytest.raises(DatabaseOpenError, match=r"has 2 names \(hard links\).*: keep one of them"):
            Ownership(name).acquire()
    assert sorted(tmp_path.iterdir()) == before

    (tmp_path / "twin.db").unlink()
    assert is_free(path)


# ---------------------------------------------------------------------- the lock file


def test_a_foreign_lock_file_is_refused(path: Path) -> None:
    """Something else under the lock file's name is named, and is not touched."""
    lock = path.with_name(f"{path.name}-lock")
    lock.write_text("notes of somebody, long enough to be looked at. " * 50)
    before = lock.read_bytes()
    with pytest.raises(DatabaseOpenError, match="lock file cannot be used: file is not a database") as caught:
        Ownership(path).acquire()
    assert str(lock) in str(caught.value)
    assert lock.read_bytes() == before

    lock.unlink()
    lock.mkdir()
    with pytest.raises(DatabaseOpenError, match="lock file cannot be opened"):
        Ownership(path).acquire()


def test_the_lock_file_is_as_private_as_the_database(path: Path) -> None:
    """A user who may not use the database cannot hold its lock either."""
    before = os.umask(0)
    try:
        assert is_free(path)
    finally:
        os.umask(before)

    assert path.with_name(f"{path.name}-lock").stat().st_mode == path.stat().st_mode


def test_the_lock_file_is_private_from_its_first_moment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When SQLite opens the lock file it has the mode of the database already: at no time may others lock it."""
    modes = []
    connect = sqlite3.connect

    def look_first(name: str, **options: Any) -> Any:
        if "-lock?" in name:
            lock = path.with_name(f"{path.name}-lock")
            modes.append(stat.S_IMODE(lock.stat().st_mode) if lock.exists() else None)
        return connect(name, **options)

    monkeypatch.setattr(sqlite3, "connect", look_first)
    before = os.umask(0)
    try:
        assert is_free(path)
    finally:
        os.umask(before)
    assert modes == [0o600]


@pytest.mark.parametrize("planted", ["to nothing", "to a file", "to the database"])
def test_a_symlink_in_place_of_the_lock_file_is_not_followed(path: Path, tmp_path: Path, planted: str) -> None:
    """A symlink that somebody planted is refused by its name, and what it leads to is neither made nor touched."""
    lock, other = path.with_name(f"{path.name}-lock"), tmp_path / "other"
    if planted == "to a file":
        other.touch(mode=0o644)
    lock.symlink_to(path if planted == "to the database" else other)
    before = {each: each.lstat() for each in tmp_path.iterdir()}

    with pytest.raises(DatabaseOpenError, match="-lock: the lock file cannot be opened: it is a symlink: remove it"):
        Ownership(path).acquire()
    assert not Ownership(path).taken()
    assert {each: each.lstat() for each in tmp_path.iterdir()} == before


def test_a_lock_file_that_is_exchanged_while_it_is_opened_is_not_trusted(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on a file that came between the look and the opening is none."""
    lock, connect = path.with_name(f"{path.name}-lock"), sqlite3.connect
    assert is_free(path)

    def exchange_first(name: str, **options: Any) -> Any:
        if "-lock?" in name:
            lock.unlink()
            lock.touch()
        return connect(name, **options)

    monkeypatch.setattr(sqlite3, "connect", exchange_first)
    with pytest.raises(DatabaseOpenError, match="was replaced while it was opened"):
        Ownership(path).acquire()
    monkeypatch.undo()
    assert is_free(path)


def test_who_may_only_read_the_lock_file_owns_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite lets everybody have a lock for writing on a file that may only be read: two would own the database."""
    assert is_free(path)
    access = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda name, mode: access(name, mode) and not (str(name).endswith("-lock") and mode & os.W_OK),
    )
    with pytest.raises(DatabaseOpenError, match="may not read and write the lock file: give it the user and the mode"):
        Ownership(path).acquire()


def test_those_who_look_for_an_owner_see_none_in_each_other(path: Path) -> None:
    """Whether a file has an owner is asked by many at a time, and none of them is taken for it."""
    assert is_free(path)
    with closing(sqlite3.connect(path.with_name(f"{path.name}-lock"), isolation_level=None)) as looking:
        looking.execute("begin")
        looking.execute("select * from sqlite_master").fetchall()  # as another does that looks
        assert not Ownership(path).taken()


def test_only_sqlite_opens_the_files_of_a_database_in_use(path: Path) -> None:
    """To close any other descriptor of the database, its shared memory or its lock would drop the owner's locks."""
    with Program("opens", path) as program:
        opened = set(iter(program.line, "end"))
        assert program.end() == 0

    name = path.name
    assert opened <= {f"makes {name}-lock", f"reads {name}-wal", f"reads {name}-journal"}
    assert f"reads {name}-wal" in opened


def test_a_busy_database_does_not_keep_its_owner_away(path: Path) -> None:
    """Another program that holds the database's own lock hinders nobody from owning it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")

        assert is_free(path)
