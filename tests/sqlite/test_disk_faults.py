"""The disk fills up, may not be written, or is locked by others: nothing is lost, and all goes on when that is over."""

from __future__ import annotations

import logging
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partialmethod
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.power.drive import Drive
from tests.power.vfs import DriveVFS, connecting
from tests.support.programs.launch import WAIT, Program
from tests.support.storage import over, submission
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    ResultTimeoutError,
    StorageError,
    StorageTrouble,
    activity,
    workflow,
)
from yieldflow.orchestrator.selection import purge
from yieldflow.sqlite import SqliteStore

#: What needs another page of the file.
LONG = "x" * 20_000


class Disk:
    """The faults that a test brings upon the connections of a file.

    Args:
        path: The file.
        connect: Opens a connection.
    """

    def __init__(self, path: Path, connect: Callable[..., sqlite3.Connection]) -> None:
        self._path = path
        self._connect = connect
        self._connections: list[sqlite3.Connection] = []
        self._other: sqlite3.Connection | None = None
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        """A connection of the engine's."""
        self._connections.append(self._connect(*arguments, **options))
        return self._connections[-1]

    def fill(self) -> None:
        """No page may be added."""
        self._all(lambda connection: f"pragma max_page_count = {connection.execute('pragma page_count').fetchone()[0]}")

    def free(self) -> None:
        """There is room again."""
        self._all(lambda connection: "pragma max_page_count = 1000000")

    def limit(self) -> None:
        """The system itself lets no file of this process grow beyond what the log is now."""
        size = os.path.getsize(f"{self._path}-wal")
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, self._limits[1]))

    def unlimit(self) -> None:
        """It lets them again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)

    def forbid(self) -> None:
        """Nothing may be written."""
        self._all(lambda connection: "pragma query_only = on")

    def allow(self) -> None:
        """It may again."""
        self._all(lambda connection: "pragma query_only = off")

    def lock(self) -> None:
        """Another program takes the lock."""
        self._other = self._connect(self._path, isolation_level=None, check_same_thread=False)
        self._other.execute("begin exclusive")

    def unlock(self) -> None:
        """It lets go."""
        assert self._other is not None
        self._other.close()

    def _all(self, pragma: Callable[[sqlite3.Connection], str]) -> None:
        for connection in self._connections:
            with suppress(sqlite3.ProgrammingError):  # It is closed.
                connection.execute(pragma(connection))


#: How a fault comes and goes, and what is heard of it.
FAULTS: dict[str, tuple[Callable[[Disk], None], Callable[[Disk], None], str]] = {
    "full": (Disk.fill, Disk.free, "database or disk is full"),
    "limited": (Disk.limit, Disk.unlimit, "disk I/O error"),
    "read-only": (Disk.forbid, Disk.allow, "attempt to write a readonly database"),
    "locked": (Disk.lock, Disk.unlock, "database is locked: another program holds its lock: wait for it, or end it"),
}


class Shop:
    """A workflow whose activity ends when the test says so, and how often that was run."""

    def __init__(self, registry: Registry) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.runs: Counter[str] = Counter()

        @activity(registry=registry)
        def work(text: str) -> str:
            self.runs[text] += 1
            if text == "held":
                self.begun.set()
                self.go_on.wait(WAIT)
            return LONG

        @workflow(registry=registry)
        def working(text: str) -> Flow[list[int]]:
            lengths = []
            for label in (text, "then"):
                lengths.append(len((yield from work(label))))
            return lengths

        self.working = working


@pytest.fixture
def disk(database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk(database, sqlite3.connect)
    monkeypatch.setattr(sqlite3, "connect", made.connect)
    # The engine waits for a lock for a moment only.
    monkeypatch.setattr(SqliteStore, "__init__", partialmethod(SqliteStore.__init__, busy_timeout=0.01))
    yield made
    made.unlimit()


def trouble_of(orchestrator: Orchestrator) -> StorageTrouble:
    """Return the trouble with the disk, once a workflow waits for it."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        trouble = orchestrator.health().storage
        if trouble is not None and trouble.waiting:
            return trouble
        time.sleep(0.001)
    raise AssertionError("nothing waits for the disk")


@pytest.mark.parametrize("fault", FAULTS)
def test_the_engine_goes_on_when_the_disk_does(
    database: Path, registry: Registry, disk: Disk, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """While nothing can be written callers hear of it, results are kept, `health` tells; and then all goes on."""
    comes, goes, message = FAULTS[fault]
    shop, began = Shop(registry), datetime.now(UTC)
    caplog.set_level(logging.INFO, "yieldflow")
    with Orchestrator(database, registry=registry) as orchestrator:
        handle = orchestrator.submit(shop.working("held"))
        assert shop.begun.wait(WAIT)
        assert orchestrator.health().storage is None
        comes(disk)
        for call in (lambda: orchestrator.submit(shop.working(LONG)), lambda: handle.signal("note", LONG)):
            with pytest.raises(StorageError, match=message):
                call()
        shop.go_on.set()

        trouble = trouble_of(orchestrator)

        assert message in trouble.error
        assert str(database) in trouble.error
        assert (trouble.writable, trouble.waiting) == (False, 1)
        assert trouble.failures >= 1
        assert began <= trouble.since <= trouble.latest <= datetime.now(UTC)
        assert orchestrator.get_workflow_status(handle.id)["current_activity"] == "work"
        goes(disk)
        assert handle.result(timeout=WAIT) == [len(LONG)] * 2
        assert orchestrator.run(shop.working("late")) == [len(LONG)] * 2
        assert orchestrator.health().storage is None
        assert [row["status"] for row in orchestrator.list_workflows()] == ["done"] * 2

    assert shop.runs == {"held": 1, "late": 1, "then": 2}
    told = [record.getMessage() for record in caplog.records if "the disk works again" in record.getMessage()]
    assert len(told) == 1
    assert any(message in record.getMessage() and record.levelno == logging.ERROR for record in caplog.records)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_client_hears_at_once(database: Path, registry: Registry, disk: Disk, fault: str) -> None:
    """A client's call is refused while nothing can be written, and may be made again."""
    comes, goes, message = FAULTS[fault]
    shop, client = Shop(registry), Orchestrator(database, registry=registry)
    client.submit(shop.working("first"))
    comes(disk)
    with pytest.raises(StorageError, match=message):
        client.submit(shop.working(LONG))
    goes(disk)
    client.submit(shop.working(LONG), workflow_id="second")

    assert [row["id"] for row in client.list_workflows(limit=1)] == ["second"]
    assert len(client.list_workflows()) == 2
    client.stop()


def test_one_may_start_while_the_database_is_locked(database: Path, registry: Registry, disk: Disk) -> None:
    """Unfinished workflows go on once the other program lets go, and `health` says what they wait for."""
    shop = Shop(registry)
    client = Orchestrator(database, registry=registry)
    handle = client.submit(shop.working("first"))
    client.stop()
    disk.lock()
    with Orchestrator(database, registry=registry) as orchestrator:
        with pytest.raises(StorageError, match="another program holds its lock"):
            orchestrator.submit(shop.working("second"))
        storage = orchestrator.health().storage
        assert storage is not None
        assert "another program holds its lock" in storage.error
        disk.unlock()
        assert orchestrator.handle(handle.id).result(timeout=WAIT) == [len(LONG)] * 2


def submitted_until_full(store: SqliteStore) -> int:
    """Submit large workflows until the disk is full, and return how many there are."""
    for number in range(1000):
        try:
            store.submit([submission(f"large {number}", input=f'"{LONG}"')])
        except StorageError:
            return number
    raise AssertionError("there is no end of the room")


def test_a_disk_that_the_log_itself_fills(tmp_path: Path) -> None:
    """The log leaves room for the file: all goes on where that is small, and once others free some of it."""
    drive = Drive({}, Random(0))
    vfs = DriveVFS(drive)
    with connecting(1000, lambda statement: statement):
        store = SqliteStore(tmp_path / "store.db")
    try:
        drive.capacity = 1_000_000
        for number in range(300):
            store.submit([submission(f"on a small disk {number}")])
        written = submitted_until_full(store)
        with pytest.raises(StorageError, match="nothing was written: database or disk is full"):
            store.submit([submission("one more", input=f'"{LONG}"')])
        drive.capacity += 500_000
        for number in range(300):
            store.submit([submission(f"after that {number}")])
        assert len(store.records()) == 600 + written
    finally:
        drive.capacity = sys.maxsize
        store.close()
        vfs.unregister()


def test_what_is_deleted_takes_little_of_the_log(tmp_path: Path) -> None:
    """Megabytes of results are deleted by a few pages: the log does not grow by what is no longer there."""
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        store.submit([submission(f"large {number}", input=f'"{"x" * 500_000}"') for number in range(10)])
        store.commit([over(f"large {number}") for number in range(10)])
        with closing(sqlite3.connect(tmp_path / "store.db")) as other:
            other.execute("pragma wal_checkpoint(truncate)").fetchall()
        assert store.delete([f"large {number}" for number in range(10)]) == 10
        assert os.path.getsize(tmp_path / "store.db-wal") < 200_000


class SmallReserve:
    """Stands in for the room that an owner holds back, on a simulated drive."""

    def __init__(self, drive: Drive, size: int) -> None:
        self._drive = drive
        self._held = size

    def hold(self) -> bool:
        self._held = (self._drive.capacity - self._drive.used) // 4
        self._drive.capacity -= self._held
        return False

    def release(self) -> bool:
        self._drive.capacity += self._held
        self._held = 0
        return True


def test_a_purge_on_a_disk_without_a_free_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little is held back, workflows are deleted in batches that fit, until all go on as before."""
    drive = Drive({}, Random(0))
    vfs = DriveVFS(drive)
    with connecting(1000, lambda statement: statement):
        store = SqliteStore(tmp_path / "store.db")
    try:
        ids = [f"small {number}" for number in range(500)]
        store.submit([submission(each, input=f'"{"x" * 1500}"') for each in ids])
        store.commit([over(each) for each in ids[::2]])
        store._reader.execute("pragma wal_checkpoint(truncate)").fetchall()
        drive.capacity = drive.used
        monkeypatch.setattr(store, "_reserve", SmallReserve(drive, 300_000))
        with pytest.raises(StorageError, match=r"disk is full: free some room, or purge\(\)"):
            store.submit([submission("another")])

        # Each page of the file keeps something, and is written anew.
        assert purge(ids[::2], store.delete) == 250
        store.submit([submission("another")])
    finally:
        drive.capacity = sys.maxsize
        store.close()
        vfs.unregister()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave not a byte on the disk."""
    with suppress(OSError), open(folder / "filling", "ab", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass


@pytest.mark.parametrize("filled_by", ["the log", "others"])
@pytest.mark.parametrize("call", ["purge", "delete"])
def test_an_owner_makes_room_on_a_real_disk(small_disk: Path, registry: Registry, filled_by: str, call: str) -> None:
    """On a disk that is full to the last byte, ended workflows can be deleted, and then all goes on."""
    shop = Shop(registry)
    with Orchestrator(small_disk / "workflows.db", registry=registry) as orchestrator:
        ended = [orchestrator.submit(shop.working(LONG)) for _ in range(10)]
        assert [handle.result(WAIT) for handle in ended] == [[len(LONG)] * 2] * 10
        if filled_by == "others":
            with closing(sqlite3.connect(small_disk / "workflows.db")) as other:
                other.execute("pragma wal_checkpoint(truncate)").fetchall()
        else:
            with suppress(StorageError):
                while True:
                    orchestrator.submit(shop.working(LONG), delay=1000)
        fill(small_disk)
        with pytest.raises(StorageError, match="disk is full"):
            orchestrator.submit(shop.working(LONG))

        deleted = orchestrator.purge() if call == "purge" else orchestrator.delete([handle.id for handle in ended])
        assert deleted == 10
        assert orchestrator.vacuum() > 0
        assert orchestrator.run(shop.working("late")) == [len(LONG)] * 2


@pytest.mark.slow
def test_another_program_holds_the_lock_for_long(database: Path, registry: Registry) -> None:
    """All waits, callers hear of the lock after some seconds, and everything goes on when it is gone."""
    shop = Shop(registry)
    with Orchestrator(database, registry=registry) as orchestrator, Program("stores", database) as other:
        handle = orchestrator.submit(shop.working("held"))
        assert shop.begun.wait(WAIT)
        other.tell("hold")
        assert [other.line(), other.line()] == ["ready", "held"]
        shop.go_on.set()
        with pytest.raises(StorageError, match="another program holds its lock"):
            orchestrator.submit(shop.working("late"))
        with pytest.raises(ResultTimeoutError):
            handle.result(timeout=10)
        trouble = orchestrator.health().storage
        assert trouble is not None
        assert trouble.writable is False
        other.tell("let go")
        assert other.line() == "let go"
        assert handle.result(timeout=WAIT) == [len(LONG)] * 2

    assert shop.runs == {"held": 1, "then": 1}
