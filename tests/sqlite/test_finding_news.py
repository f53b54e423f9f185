"""The owner of a file finds what clients wrote, at its next look."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.sqlite.files import connect, submission
from tests.support.programs.launch import WAIT, Program
from tests.support.storage import arrived
from yieldflow.sqlite import SqliteStore


@pytest.fixture
def client(path: Path, store: SqliteStore) -> Iterator[SqliteStore]:
    """Another store on the same file, whose owner has looked at a log that was not written to for an hour."""
    log = path.with_name(f"{path.name}-wal")
    with closing(SqliteStore(path)) as client:
        client.submit([submission(f"before {number}") for number in range(500)])
        with connect(path) as connection:  # from here on writes go to the start of the log, which keeps its size
            connection.execute("pragma wal_checkpoint(restart)")
        an_hour_ago = time.time() - 3600
        os.utime(log, (an_hour_ago, an_hour_ago))
        assert [len(arrived(store)) for _ in range(3)] == [500, 0, 0]
        yield client


def test_after_a_long_quiet_the_next_look_finds_what_came(store: SqliteStore, client: SqliteStore) -> None:
    """However long nobody wrote: a submission is found by the look that follows it."""
    client.submit([submission("later")])
    assert arrived(store) == ["later"]


def test_writes_of_the_same_moment_are_all_found(path: Path, store: SqliteStore, client: SqliteStore) -> None:
    """Writes that a file system cannot tell apart by their time are each found by the look that follows."""
    moment = time.time_ns() + 3600 * 10**9
    for number in range(3):
        client.submit([submission(f"w{number}")])
        os.utime(path.with_name(f"{path.name}-wal"), ns=(moment, moment))
        assert arrived(store) == [f"w{number}"]


def test_a_file_system_without_times_delays_and_loses_nothing(
    path: Path, store: SqliteStore, client: SqliteStore
) -> None:
    """A write that leaves the log with the size and time that it had is found, if a little later."""
    log = path.with_name(f"{path.name}-wal")
    before = os.stat(log)
    client.submit([submission("later")])
    os.utime(log, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert log.stat().st_size == before.st_size
    found: list[str] = []
    until = time.monotonic() + WAIT
    while not found and time.monotonic() < until:
        found = arrived(store)
    assert found == ["later"]


def test_another_process_s_submission_arrives(path: Path, store: SqliteStore) -> None:
    """A submission of a client in another process is found at the next look, once."""
    assert arrived(store) == []
    with Program("stores", path) as program:
        program.tell("submit: theirs")
        assert [program.line(), program.line()] == ["ready", "submitted"]
        found = [arrived(store), arrived(store)]
        program.kill()

    assert found == [["theirs"], []]
