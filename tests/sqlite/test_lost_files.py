"""The file is deleted, moved, replaced, cut off or written over while it is open: a clear stop, and no false answer."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.support.shop import until, until_waiting
from yieldflow import DatabaseLostError, Flow, Orchestrator, Registry, WorkflowHandle, activity, wait_signal, workflow
from yieldflow.sqlite import file_guard
from yieldflow.sqlite.wal import Log

registry = Registry()


@activity(registry=registry)
def label(text: str) -> str:
    return text.upper()


@workflow(registry=registry)
def labelled(text: str) -> Flow[str]:
    return (yield from label(text))


@workflow(registry=registry)
def waiting(text: str) -> Flow[str]:
    first = yield from label(text)
    return f"{first} {(yield wait_signal('go'))}"


def elsewhere(code: str, path: Path) -> None:
    """Do something to the file in another process, which is no friend of SQLite's."""
    subprocess.run([sys.executable, "-c", f"import os, sys; path = sys.argv[1]; {code}", str(path)], check=True)


def replace(path: Path) -> None:
    shutil.copyfile(path, path.with_name("copy.db"))
    os.replace(path.with_name("copy.db"), path)


#: What somebody does, and what is told of it.
GONE: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (lambda path: path.unlink(), "workflows.db: was deleted or moved"),
    "moved": (lambda path: path.rename(path.with_name("elsewhere.db")), "workflows.db: was deleted or moved"),
    "moved with its folder": (
        lambda path: path.parent.rename(f"{path.parent}-2"),
        "workflows.db: was deleted or moved",
    ),
    "replaced": (replace, "workflows.db: was replaced by another file"),
    "without its log": (lambda path: Path(f"{path}-wal").unlink(), "workflows.db-wal: was deleted or moved"),
    "without its shared memory": (lambda path: Path(f"{path}-shm").unlink(), "workflows.db-shm: was deleted or moved"),
    "without its lock": (lambda path: Path(f"{path}-lock").unlink(), "workflows.db-lock: was deleted or moved"),
}
OTHER = "import sqlite3; sqlite3.connect('other.db').execute('create table notes (text)'); "
DAMAGED: dict[str, str] = {
    "emptied": "os.truncate(path, 0)",
    "cut off": "os.truncate(path, 4096 * 2)",
    "overwritten by text": "open(path, 'r+b').write(b'notes of mine' * 10_000)",
    "overwritten by another database": OTHER + "open(path, 'wb').write(open('other.db', 'rb').read())",
}


#: The same to SQLite's log, where the latest commits are.
LOG = "path += '-wal'; size = os.path.getsize(path); "
DAMAGED_LOG: dict[str, str] = {
    "emptied": LOG + "os.truncate(path, 0)",
    "cut off": LOG + "os.truncate(path, size // 2)",
    "cut off in its head": LOG + "os.truncate(path, 20)",
    "overwritten": LOG + "open(path, 'r+b').write(b'notes of mine' * 1000)",
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "workflows.db"


@pytest.fixture
def orchestrator(path: Path) -> Iterator[Orchestrator]:
    with Orchestrator(path, registry=registry) as started:
        yield started


class Waiter:
    """Waits for a workflow on a thread of its own."""

    def __init__(self, handle: WorkflowHandle[str]) -> None:
        self.heard: BaseException | None = None
        self._thread = threading.Thread(target=self._wait, args=(handle,))
        self._thread.start()

    def _wait(self, handle: WorkflowHandle[str]) -> None:
        try:
            handle.result()
        except BaseException as error:
            self.heard = error

    def end(self) -> BaseException | None:
        """Wait until it has heard."""
        self._thread.join(60)
        assert not self._thread.is_alive(), "it waits for ever"
        return self.heard


def calls(orchestrator: Orchestrator, handle: WorkflowHandle[str]) -> list[Callable[[], object]]:
    """All that a caller may want."""
    return [
        lambda: orchestrator.submit(labelled("late")),
        lambda: handle.signal("go", "late"),
        lambda: handle.cancel(),
        lambda: handle.result(timeout=60),
        lambda: orchestrator.get_workflow_status(handle.id),
        lambda: orchestrator.list_workflows(),
        handle.history,
    ]


@pytest.mark.parametrize("deed", GONE)
def test_a_file_that_is_gone_is_noticed(
    orchestrator: Orchestrator, path: Path, deed: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Everybody who waits or calls hears which file is gone, the log and `health` say so, and `stop` stops."""
    act, message = GONE[deed]
    handle = orchestrator.submit(waiting("early"))
    waiter = Waiter(handle)
    act(path)

    heard = waiter.end()

    assert isinstance(heard, DatabaseLostError)
    for call in calls(orchestrator, handle):
        with pytest.raises(DatabaseLostError, match=message):
            call()
    assert message in (orchestrator.health().failure or "")
    orchestrator.stop()
    assert orchestrator.health().failure is None
    # By the end of the stop the scheduler's thread has told all that it had to tell.
    critical = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
    assert [message in told for told in critical] == [True]


@pytest.mark.parametrize("deed", ["deleted", "replaced", "without its log"])
@pytest.mark.parametrize("who", ["a client", "the owner"])
@pytest.mark.parametrize("call", ["submit", "signal"])
def test_nothing_is_acknowledged_that_is_in_no_file(path: Path, deed: str, call: str, who: str) -> None:
    """The very next call after the file is gone is refused, be it the owner's or a client's."""
    with Orchestrator(path, registry=registry) as owner:
        client = Orchestrator(path, registry=registry)
        handle = client.submit(waiting("early"))
        caller = {"a client": client, "the owner": owner}[who]
        GONE[deed][0](path)

        with pytest.raises(DatabaseLostError):
            caller.submit(labelled("late")) if call == "submit" else caller.handle(handle.id).signal("go")
        client.stop()


@pytest.mark.parametrize("deed", [deed for deed in GONE if deed not in ("deleted", "replaced")])
def test_what_was_acknowledged_is_in_the_file_wherever_it_is(path: Path, deed: str) -> None:
    """Put back, a file that was moved has all that was acknowledged, and its workflows go on."""
    with Orchestrator(path, registry=registry) as orchestrator:
        handle = orchestrator.submit(waiting("early"), workflow_id="w")
        waiter = Waiter(handle)
        GONE[deed][0](path)
        waiter.end()
    for moved in (path.with_name("elsewhere.db"), Path(f"{path.parent}-2")):
        if moved.exists():
            shutil.rmtree(path.parent, ignore_errors=True) if moved.is_dir() else None
            moved.rename(path if moved.is_file() else path.parent)

    with Orchestrator(path, registry=registry) as orchestrator:
        again = orchestrator.handle("w")
        again.signal("go", "on")
        assert again.result(timeout=60) == "EARLY on"


@pytest.mark.parametrize("call", ["submit", "signal"])
def test_of_two_owners_the_first_acknowledges_nothing(path: Path, call: str) -> None:
    """A replaced lock file lets a second owner start: the first acknowledges nothing more, and clients go on."""
    first, second, client = (Orchestrator(path, registry=registry) for _ in range(3))
    first.start()
    handle = first.submit(waiting("early"))
    # From then on the first has nothing to write, so that they do not both go on with it.
    until_waiting(handle, "go")
    client.list_workflows()
    # At once: the first looks again and again whether its lock file is there.
    path.with_name("new-lock").touch()
    os.replace(path.with_name("new-lock"), f"{path}-lock")
    second.start()
    until(lambda: first.health().failure)
    with pytest.raises(DatabaseLostError, match=r"-lock: was replaced by another file.*may have been started"):
        first.submit(labelled("late")) if call == "submit" else handle.signal("go", "late")
    client.handle(handle.id).signal("go", "on")

    assert second.handle(handle.id).result(timeout=60) == "EARLY on"
    assert client.submit(labelled("later")).result(timeout=60) == "LATER"
    first.stop()
    assert second.run(labelled("last")) == "LAST"
    for one in (second, client):
        one.stop()


def test_a_file_put_in_the_place_is_left_alone(path: Path) -> None:
    """Another database that was put in the place of the file stays what it is, and has no foreign log beside it."""
    backup = path.with_name("backup.db")
    with Orchestrator(backup, registry=registry) as orchestrator:
        orchestrator.run(labelled("of the backup"))
    before = backup.read_bytes()
    with Orchestrator(path, registry=registry) as orchestrator:
        waiter = Waiter(orchestrator.submit(waiting("early")))
        os.replace(backup, path)
        assert isinstance(waiter.end(), DatabaseLostError)

    assert path.read_bytes() == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select output from workflows").fetchall() == [('"OF THE BACKUP"',)]
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("deed", DAMAGED)
def test_a_file_that_was_written_over_is_noticed(
    orchestrator: Orchestrator,
    path: Path,
    deed: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that another program wrote over stops the orchestrator, which says what to do and leaves it alone."""
    # No other process moves a log into this file.
    monkeypatch.setattr("yieldflow.sqlite.file_guard.SUSPICION", 0.1)
    for before in orchestrator.submit_many(labelled(str(number) * 1000) for number in range(100)):
        before.result(timeout=60)
    handle = orchestrator.submit(waiting("early"))
    # From then on nothing is written but by whoever damages the file.
    until_waiting(handle, "go")
    waiter = Waiter(handle)
    elsewhere(DAMAGED[deed], path)
    damaged = path.read_bytes()

    heard = waiter.end()

    assert isinstance(heard, DatabaseLostError)
    assert f"{path}: was overwritten or damaged" in str(heard)
    for call in calls(orchestrator, handle):
        with pytest.raises(DatabaseLostError, match=r"move it away together with the -wal and -shm.*restore a backup"):
            call()
    assert orchestrator.health().failure == str(heard)
    assert path.read_bytes() == damaged
    orchestrator.stop()
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("deed", DAMAGED_LOG)
@pytest.mark.parametrize("who", ["a client", "the owner"])
def test_nothing_is_acknowledged_upon_a_log_that_was_written_over(path: Path, deed: str, who: str) -> None:
    """Commits after damage in the log would be gone with the process: the very next call is refused, the file stays."""
    with Orchestrator(path, registry=registry) as owner:
        client = Orchestrator(path, registry=registry)
        caller = {"a client": client, "the owner": owner}[who]
        # None begins, so that both know how long the log is once they have written to it themselves.
        for each in (*[caller] * 20, owner, client):
            each.submit(labelled("tomorrow"), delay=timedelta(days=1))
        elsewhere(DAMAGED_LOG[deed], path)
        damaged = path.read_bytes()

        with pytest.raises(DatabaseLostError, match=r"workflows\.db: was overwritten or damaged"):
            caller.submit(labelled("late"))
        client.stop()
        owner.stop()
        owner.stop()
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("deed", ["cut off in its head", "overwritten"])
def test_a_log_that_was_written_over_is_not_moved_into_the_file(path: Path, deed: str) -> None:
    """Whoever closes the file right after, and has heard of nothing, leaves it as it is."""
    client = Orchestrator(path, registry=registry)
    client.submit_many(waiting(str(number)) for number in range(20))
    elsewhere(DAMAGED_LOG[deed], path)
    damaged = path.read_bytes()
    client.stop()
    client.stop()

    assert path.read_bytes() == damaged


def test_a_log_that_sqlite_empties_is_no_loss(path: Path) -> None:
    """Another program may have SQLite move the log into the file and empty it: the orchestrator goes on."""
    with Orchestrator(path, registry=registry) as orchestrator, closing(sqlite3.connect(path)) as other:
        for number in range(20):
            assert orchestrator.run(labelled(str(number))) == str(number)
            assert other.execute("pragma wal_checkpoint(truncate)").fetchone()[0] == 0
            assert number % 3 or len(orchestrator.list_workflows()) == number + 1
        assert orchestrator.health().failure is None


def test_a_log_that_sqlite_cuts_off_is_no_loss(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program whose SQLite keeps logs short writes a lot, as VACUUM does: no loss, and all goes on."""
    monkeypatch.setattr(file_guard, "LATELY", 0)  # each call looks at the log
    with Orchestrator(path, registry=registry) as orchestrator, closing(sqlite3.connect(path)) as other:
        other.isolation_level = None
        long = orchestrator.submit_many(labelled(str(number) * 20_000) for number in range(20))
        assert all(handle.result(timeout=60) for handle in long)
        before = os.path.getsize(f"{path}-wal")
        for pragma in ("journal_size_limit = 32768", "cache_size = 10", "wal_checkpoint(restart)"):
            other.execute(f"pragma {pragma}").fetchall()
        other.execute("begin immediate")
        other.execute("insert into meta values ('notes', ?)", ("of mine" * 10_000,))
        # It has begun the log anew by now, and has not cut it yet.
        assert len(orchestrator.list_workflows()) == 20
        assert os.path.getsize(f"{path}-wal") == before
        other.execute("commit")
        assert os.path.getsize(f"{path}-wal") < before

        assert orchestrator.run(labelled("late")) == "LATE"
        assert orchestrator.health().failure is None


@pytest.mark.parametrize("left", ["every frame", "half of the last frame", "all but the last commit"])
def test_a_commit_that_was_cut_off_is_a_loss(path: Path, left: str) -> None:
    """A log that was cut is noticed where a commit is missing, be it cut between two of them."""
    log = Path(f"{path}-wal")
    client = Orchestrator(path, registry=registry)
    client.submit_many(labelled(str(number) * 20_000) for number in range(20))
    with closing(sqlite3.connect(path)) as other:
        other.execute("pragma wal_checkpoint(restart)").fetchall()
    ends = [frames_end(log) for number in range(3) if client.submit(labelled(f"small {number}"))]
    cut = {"every frame": ends[2], "half of the last frame": ends[2] - 2000, "all but the last commit": ends[1]}[left]
    assert 0 < ends[0] < ends[1] < ends[2] < log.stat().st_size
    elsewhere(f"os.truncate(path + '-wal', {cut})", path)

    with nullcontext() if left == "every frame" else pytest.raises(DatabaseLostError, match="its log was cut off"):
        client.submit(labelled("late"))
    client.stop()


def frames_end(log: Path) -> int:
    """Return how many bytes of a log are of its present beginning: behind them stands what is out of date."""
    data = log.read_bytes()
    frame = 24 + int.from_bytes(data[8:12], "big")
    starts = range(32, len(data), frame)
    return next((start for start in starts if data[start + 8 : start + 16] != data[16:24]), len(data))


def test_a_file_that_cannot_be_looked_at_is_no_loss(
    orchestrator: Orchestrator, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The orchestrator goes on where it cannot look at the file, since it may open no more files, say."""

    def connect(*arguments: object, **options: object) -> NoReturn:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(file_guard, "SUSPICION", 0)
    monkeypatch.setattr(sqlite3, "connect", connect)
    for text in ("one", "two", "three"):
        os.utime(path)
        assert orchestrator.run(labelled(text)) == text.upper()
    assert orchestrator.health().failure is None


def test_others_look_while_it_starts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call from another thread in the midst of a start is answered: the lock file is new, and no surprise."""
    orchestrator = Orchestrator(path, registry=registry)
    stat = os.stat
    answers: list[object] = []

    def look_first(name: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if str(name).endswith("-lock") and not answers:
            answers.append("none yet")
            answers[:] = [orchestrator.list_workflows()]
        return stat(name, *arguments, **options)

    monkeypatch.setattr(os, "stat", look_first)
    with orchestrator:
        assert answers == [[]]


def test_a_commit_that_a_full_disk_cut_short_is_no_loss(tmp_path: Path) -> None:
    """The head of a transaction's last frame may be in the log without its page: that was never committed."""
    path, log = tmp_path / "x.db", tmp_path / "x.db-wal"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table t (x)")
        connection.execute("insert into t values (1)")
        cut = log.read_bytes()[:-100]
    log.write_bytes(cut)
    watched = Log(str(log))
    assert [watched.is_sound(), watched.is_sound(), watched.is_shorter] == [True, True, False]
    watched.close()
