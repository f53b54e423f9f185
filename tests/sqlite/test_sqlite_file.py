"""What holds for the SQLite file: what it looks like, when it is refused, and what happens where SQLite fails."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import stat
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.launch import WAIT, Program
from tests.support.storage import arrived, checkpoint
from yieldflow._core.errors import DamagedRowError, DatabaseOpenError, RefusedValueError, StorageError
from yieldflow._core.history import (
    ENDED,
    CancelRequested,
    Failure,
    Signal,
    Started,
    Step,
    StepEnded,
    StepKind,
    WorkflowStatus,
)
from yieldflow.filter import Filter
from yieldflow.sqlite import SqliteStore, connections, listing, schema, statements
from yieldflow.store import (
    Checkpoint,
    Current,
    Found,
    OpenAttempt,
    Parent,
    Request,
    RequestKind,
    Retried,
    Sleeper,
    Submission,
)

FAILURE = Failure("builtins.ValueError", "no such order", "Traceback ...", b"\x80")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path, busy_timeout=0.01)) as made:
        yield made


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


# ---------------------------------------------------------------------- refused, and left as it was


def foreign(path: Path, *statements: str) -> None:
    with connect(path) as database:
        for statement in statements:
            database.execute(statement)


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
    """What is not ours is refused by name with what is wrong, and stays as it was, byte for byte."""
    make, message = REFUSED[kind]
    make(path)
    before = contents(path.parent)
    names = sorted(os.listdir(path.parent))

    with pytest.raises(DatabaseOpenError, match=message) as caught:
        SqliteStore(path)

    assert str(path) in str(caught.value)
    assert contents(path.parent) == before
    assert sorted(os.listdir(path.parent)) == names


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
    """The last to close a file moves the log into it, and takes the log away: who opens it meanwhile is not refused."""
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
    """Of two that switch a new file to WAL, SQLite sends one away at once: that one tries again, up to its timeout."""
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
    """SQLite looks ten times a second at a lock that many take in turn, and may never find it free: so we look, too."""
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


# ---------------------------------------------------------------------- creating and migrating


def test_a_file_whose_making_was_cut_short_is_made_anew(tmp_path: Path, path: Path) -> None:
    """Killed, or without power, in the midst of making the file, one leaves half of it: the next one makes it whole."""
    with connect(tmp_path / "inner") as database:
        # Pages that have no room in memory are written before the end of the transaction.
        for statement in ("pragma cache_size = 1", "begin", *schema.MIGRATIONS[1], *schema.MIGRATIONS[2]):
            database.execute(statement)
        for suffix in ("", "-journal"):
            Path(f"{path}{suffix}").write_bytes((tmp_path / f"inner{suffix}").read_bytes())
    assert path.stat().st_size > 0

    with closing(SqliteStore(path)) as store:
        store.submit([submission("w")])
        assert ids(store) == ["w"]


def test_several_processes_may_create_the_file_at_once(path: Path) -> None:
    """Processes that open one new file at the same moment all get the same store."""
    programs = [Program("stores", path) for _ in range(6)]
    try:
        assert [program.line() for program in programs] == ["ready"] * 6
        for number, program in enumerate(programs):
            program.tell(f"submit: {number}")
        assert [program.line() for program in programs] == ["submitted"] * 6
    finally:
        for program in programs:
            program.kill()

    with closing(SqliteStore(path)) as store:
        assert ids(store) == list("012345")


def test_a_left_log_does_not_keep_a_file_out_of_wal_mode(path: Path) -> None:
    """What a loss of power may leave, a log beside a file whose switch to WAL was undone, is switched again."""
    SqliteStore(path).close()
    with connect(path) as database:
        database.execute("pragma journal_mode = delete")
    Path(f"{path}-wal").write_bytes(bytes(32))

    with closing(SqliteStore(path)) as store:
        store.submit([submission("w")])
        with connect(path) as database:
            assert database.execute("pragma journal_mode").fetchone() == ("wal",)


def shape(path: Path) -> list[tuple[object, ...]]:
    with connect(path) as database:
        return database.execute("select type, name, sql from sqlite_master order by name").fetchall()


def test_an_empty_file_becomes_a_new_one(tmp_path: Path, path: Path) -> None:
    """A file without content, as one is left that was just made, is once opened the same as a new one."""
    path.touch()
    for each in (path, tmp_path / "new.db"):
        SqliteStore(each).close()

    assert shape(path) == shape(tmp_path / "new.db")
    with connect(path) as database:
        assert database.execute("pragma user_version").fetchone() == (schema.SCHEMA_VERSION,)
        assert database.execute("pragma application_id").fetchone() == (schema.APPLICATION_ID,)


#: Rows as version 1 wrote them: a workflow that runs, one that failed with a sibling dropped, one that waits to start.
WORKFLOWS_1 = """
insert into workflows (id, name, status, recovery_attempts, created_at, starts_at, started_at, finished_at, seed, input,
                       output, error, error_type, error_traceback)
values ('runs', 'order', 'processing', 2, 1000, null, 1000, null, x'01', '{"a": 1}', null, null, null, null),
       ('over', 'order', 'failed', 0, 2000, null, 2000, 2300, x'02', '{}',
        x'80', 'ValueError: no', 'builtins.ValueError', 'T'),
       ('later', 'other', 'processing', 0, 3000, 9000, null, null, x'03', '{}', null, null, null, null)
"""
STEPS_1 = """
insert into activity_executions (workflow_id, run, step, kind, name, status, attempt, turn, applied, due_at,
                                 scheduled_at, finished_at, source, input, output, error, error_type, error_traceback)
values ('runs', 1, 0, 'activity', 'a', 'done', 1, 0, 1, null, 1000, 1100, 'f.py:1', '[]', '17', null, null, null),
       ('runs', 1, 1, 'sleep', 'sleep', 'scheduled', 1, 1, null, 9000, 1100, null, 'f.py:2', '[]',
        null, null, null, null),
       ('over', 1, 0, 'activity', 'a', 'done', 1, 0, 1, null, 2000, 2100, 'f.py:1', '[]', '17', null, null, null),
       ('over', 1, 1, 'activity', 'b', 'failed', 3, 1, 2, null, 2100, 2200, 'f.py:2', '[]',
        null, 'ValueError: no', 'builtins.ValueError', 'T'),
       ('over', 1, 2, 'activity', 'b', 'cancelled', 1, 1, null, null, 2100, 2200, 'f.py:2', '[]',
        null, null, null, null),
       ('over', 1, 3, 'activity', 'undo', 'done', 1, 2, 3, null, 2200, 2300, 'f.py:3', '[]', '1', null, null, null)
"""


def test_an_older_file_keeps_all_that_is_in_it(path: Path) -> None:
    """Workflows of a file of version 1 are what they were, go on, and may be taken back to before a failure."""
    foreign(path, *schema.MIGRATIONS[1], WORKFLOWS_1, STEPS_1, "pragma user_version = 1")
    with closing(SqliteStore(path)) as store:
        runs, over = store.load("runs"), store.load("over")
        awake = [each.workflow_id for each in store.pending(0, 9)]
        resting = [(each.workflow_id, each.wake_at) for each in store.sleepers((0, 0), 9000, 9)]
        assert runs is not None
        assert over is not None
        assert (runs.record.input, runs.record.recovery_attempts, runs.record.submitted[0]) == ('{"a": 1}', 2, "order")
        assert runs.history.events == [Started(1000), StepEnded(0, "17", 1100)]
        assert over.record.outcome == Failure("builtins.ValueError", "no", "T", b"\x80")
        assert over.history.events[1:3] == [
            StepEnded(0, "17", 2100),
            StepEnded(1, Failure("builtins.ValueError", "no", "T", None), 2200, 3),
        ]
        assert over.history.dropped == {2}
        assert ids(store) == ["later", "over", "runs"]
        assert (awake, resting) == (["runs"], [("later", 9000)])
        store.rewind("over", 1, 2, reapply=False, at=5000)
        assert [(step.step, step.status) for step in store.steps("over")] == [
            (0, "done"),
            (1, "scheduled"),
            (2, "scheduled"),
        ]


def test_a_step_dropped_earlier_stays_dropped(path: Path) -> None:
    """Of a file of version 1, what was dropped before the event that one goes back to is not begun again."""
    foreign(path, *schema.MIGRATIONS[1], WORKFLOWS_1, STEPS_1, "pragma user_version = 1")
    with closing(SqliteStore(path)) as store:
        store.rewind("over", 1, 3, reapply=False, at=5000)
        assert [step.status for step in store.steps("over")] == ["done", "failed", "cancelled", "scheduled"]


@pytest.mark.parametrize("output", [b"\x80", "[1, ", '"no"', '["two", "arguments"]', '["m", null, "", true, null]'])
def test_a_failure_that_is_not_of_the_old_form_is_kept(path: Path, output: bytes | str) -> None:
    """Of a file of version 2, an error that is a pickle, damaged, or of today's form, is not touched."""
    statements = [statement for number in (1, 2) for statement in schema.MIGRATIONS[number]]
    foreign(path, *statements, WORKFLOWS_1, "pragma user_version = 2")
    kind = "yieldflow._core.errors.ActivityError"
    with connect(path) as database:
        database.execute("update workflows set error_type = ?, output = ? where id = 'over'", (kind, output))
    SqliteStore(path).close()

    with connect(path) as database:
        assert database.execute("select output from workflows where id = 'over'").fetchone() == (output,)


#: What version 2 can say beside: a child of a later run, versions, deadlines, patches, requests, signals.
WORKFLOWS_2 = """
insert into workflows (id, name, status, run, created_at, started_at, finished_at, seed, input, parent, parent_step,
                       parent_run, on_parent_end, deadline_at, version, first_name, first_input, patches)
values ('fresh', 'order', 'processing', 3, 1000, 1000, null, x'01', '{}', null, null, null, null, 99000, 'v2',
        'first', '[]', '["new"]'),
       ('child', 'other', 'failed', 1, 1100, 1100, 1200, x'02', '{}', 'fresh', 0, 3, 'wait', null, null, null, null,
        null)
"""
STEPS_2 = """
insert into activity_executions (workflow_id, run, step, kind, name, status, attempt, turn, applied, dropped, due_at,
                                 scheduled_at, finished_at, source, input, output)
values ('fresh', 3, 0, 'child', 'other', 'scheduled', 1, 0, null, null, null, 1000, null, 'f.py:1', '[]', null),
       ('fresh', 3, 1, 'activity', 'a', 'scheduled', 1, 0, null, null, null, 1000, null, 'f.py:2', '[]', null),
       ('fresh', 3, 2, 'sleep', 'sleep', 'cancelled', 1, 0, null, 0, 5000, 1000, 1000, 'f.py:2', '[]', null),
       ('child', 1, 0, 'activity', 'a', 'done', 1, 0, 1, null, null, 1100, 1150, 'f.py:9', '[]', x'80')
"""
INPUTS_2 = """
insert into workflow_inputs (workflow_id, run, kind, received_at, applied, name, timeout, payload)
values ('fresh', null, 'signal', 1300, null, 'paid', null, '1'), ('child', 1, 'cancel', 1120, 2, null, 1.5, 'why')
"""
SIGNALS_2 = """
insert into signals (workflow_id, number, name, sent_at, received, payload)
values ('fresh', 1, 'a', 1200, 1, '1'), ('fresh', 2, 'a', 1201, null, '2')
"""


def test_a_file_of_version_2_keeps_all_that_is_in_it(path: Path) -> None:
    """Everything that was there before attempts were is there, and an open activity is at its first attempt."""
    statements = [statement for number in (1, 2) for statement in schema.MIGRATIONS[number]]
    foreign(path, *statements, WORKFLOWS_2, STEPS_2, INPUTS_2, SIGNALS_2, "pragma user_version = 2")
    with closing(SqliteStore(path)) as store:
        fresh, child = store.load("fresh"), store.load("child")
        assert fresh is not None
        assert child is not None
        record = fresh.record
        assert (record.run, record.deadline_at, record.version, record.submitted) == (3, 99000, "v2", ("first", "[]"))
        assert (list(fresh.history.patches), list(fresh.history.dropped)) == (["new"], [2])
        assert [(step.number, step.due_at) for step in fresh.history.steps] == [(0, None), (1, None), (2, 5000)]
        assert [signal.number for signal in fresh.signals] == [2]
        assert fresh.attempts == {1: OpenAttempt(1, None, None, 1000, 1000)}
        assert record.current == Current("a", 1)
        assert child.record.parent == Parent("fresh", 3, 0, "wait")
        assert child.history.events[1:] == [StepEnded(0, b"\x80", 1150), CancelRequested(1120, "why", 1.5)]
        assert [(each.name, each.payload) for each in store.arrivals().requests] == [("paid", "1")]
        no = Failure("builtins.ValueError", "no", "T", None)
        following = OpenAttempt(2, 2000, '"row"', counted_from=1000)
        store.commit([checkpoint("fresh", 3, retried=[Retried(1, no, 1500, following)])])
        assert [step.attempt for step in store.steps("fresh")] == [1, 2, 1]


RELEASED = {
    1: "7f3bcc6788d28f5cb00899b6cd304efbdce541f5d54c283c65b41d3eadb58123",
    2: "6691eae59d4060b462d85cf5c3339fcf6ddb075fbe444585a66eefc21123634f",
}


@pytest.mark.parametrize("version", RELEASED)
def test_what_was_released_is_not_changed(version: int) -> None:
    """The statements of earlier versions are those that files out there were written with."""
    text = "\0".join(schema.MIGRATIONS[version])

    assert sha256(text.encode()).hexdigest() == RELEASED[version]


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be brought up to date stays at its version, with its data."""
    with closing(SqliteStore(path)) as store:
        store.submit([submission("w")])
    before = shape(path)
    newer = schema.SCHEMA_VERSION + 1
    monkeypatch.setitem(schema.MIGRATIONS, newer, ("create table further (a)", "create table workflows (a)"))
    monkeypatch.setattr(connections, "SCHEMA_VERSION", newer)

    with pytest.raises(DatabaseOpenError, match="workflows already exists"):
        SqliteStore(path)
    monkeypatch.undo()

    assert shape(path) == before
    with closing(SqliteStore(path)) as store:
        assert ids(store) == ["w"]


# ---------------------------------------------------------------------- going by indexes


def plan(path: Path, statement: str, parameters: Sequence[object]) -> list[str]:
    """What SQLite says of how it will find the rows."""
    with connect(path) as database:
        return [row[3] for row in database.execute(f"explain query plan {statement}", parameters)]


def any_of(*statuses: WorkflowStatus) -> frozenset[WorkflowStatus]:
    return frozenset(statuses)


#: What is asked, the index that is to serve it, and whether that gives the order too.
LISTINGS: dict[str, tuple[Filter, str, bool]] = {
    "everything": (Filter(limit=10), "workflows_by_time", True),
    "oldest first": (Filter(oldest_first=True), "workflows_by_time", True),
    "a time": (Filter(created_from=5, created_before=9), "workflows_by_time (created_at>? AND created_at<?)", True),
    "a name": (Filter(name="order", limit=10), "workflows_by_time", True),
    "done": (Filter(statuses=any_of(WorkflowStatus.DONE), limit=10), "workflows_by_time", True),
    "failed": (Filter(statuses=any_of(WorkflowStatus.FAILED), limit=10), "workflows_wake_at", False),
    "failed or cancelled": (
        Filter(statuses=any_of(WorkflowStatus.FAILED, WorkflowStatus.CANCELLED)),
        "workflows_wake_at",
        False,
    ),
    "under way": (Filter(statuses=any_of(WorkflowStatus.PROCESSING)), "workflows_wake_at", False),
    "a prefix": (Filter(id_prefix="order-"), "sqlite_autoindex_workflows_1 (id>? AND id<?)", False),
    "children": (Filter(parent="w", limit=10), "workflows_by_parent (parent=?)", False),
}


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("after", [None, (5, 1)], ids=["first page", "later page"])
@pytest.mark.parametrize("name", LISTINGS)
def test_listing_goes_by_an_index(
    path: Path, store: SqliteStore, name: str, after: tuple[int, int] | None, oldest_first: bool
) -> None:
    """However workflows are listed, an index finds them; where it can give the order, nothing is sorted."""
    which, index, in_order = LISTINGS[name]
    asked = listing.query(replace(which, oldest_first=oldest_first), after)
    steps = plan(path, asked.statement, asked.parameters)
    found = [step for step in steps if index.split(" ")[0] in step]

    assert len(found) == 1
    assert "workflows" in found[0]
    if after is None:
        assert index in found[0]
    elif in_order:
        assert "created_at" in found[0]
    assert [step for step in steps if step.startswith("SCAN") and "USING" not in step] == []
    if in_order:
        assert [step for step in steps if "TEMP B-TREE" in step] == []


READINGS: dict[str, tuple[str, Sequence[object], str]] = {
    "arrivals": (statements.SELECT_ARRIVALS, (5,), "USING INTEGER PRIMARY KEY (rowid>?)"),
    "arrivals before": (statements.SELECT_WAITING_ARRIVALS, (5,), "workflows_wake_at (wake_at=? AND rowid<?)"),
    "arrivals after a deletion": (statements.SELECT_ALL_ARRIVALS, (), "workflows_wake_at"),
    "must be in memory": (statements.SELECT_PENDING, (5,), "workflows_wake_at (wake_at=? AND rowid>?)"),
    "a damaged moment": (statements.SELECT_DAMAGED, (5,), "workflows_wake_at (wake_at>?"),
    "sleepers of a moment": (statements.SELECT_SLEEPERS_OF, (5, 5, 9), "workflows_wake_at (wake_at=? AND rowid>?"),
    "sleepers": (statements.SELECT_SLEEPERS, (5, 9), "workflows_wake_at (wake_at>? AND wake_at<?)"),
    "a brief": (statements.SELECT_BRIEF, ("w",), "sqlite_autoindex_workflows_1 (id=?)"),
    "an orphan's parent": (statements.SELECT_ENDED_PARENT, ("w",), "sqlite_autoindex_workflows_1 (id=?)"),
    "orphans": (statements.WAKE_ORPHANS, ("w", 1), "workflows_by_parent (parent=? AND parent_run=?)"),
    "the stalled": (statements.WAKE_STALLED, (), "workflows_stalled"),
    "the stalled of a name": (statements.WAKE_STALLED_OF, ("order",), "workflows_stalled (name=?)"),
    "requests": (statements.SELECT_REQUESTS, (), "workflow_requests"),
    "a workflow's signals": (statements.SELECT_SIGNALS, ("w",), "signals_waiting (workflow_id=?)"),
    "a workflow's events": (statements.SELECT_APPLIED, ("w", 1), "workflow_inputs_of (workflow_id=?)"),
    "ended children": (
        statements.SELECT_ENDED_CHILDREN,
        ("w", 1),
        "workflows_by_parent (parent=? AND parent_run=?)",
    ),
    "open children": (statements.SELECT_OPEN_CHILDREN, ("w", 1), "workflows_by_parent (parent=? AND parent_run=?)"),
    "descendants": (statements.SELECT_CHILDREN, ("w",), "workflows_by_parent (parent=?)"),
}


@pytest.mark.parametrize("name", READINGS)
def test_what_the_owner_asks_goes_by_an_index(path: Path, store: SqliteStore, name: str) -> None:
    """Recovery, looking for news and building a workflow read what they need and not the whole file."""
    statement, parameters, index = READINGS[name]
    steps = plan(path, statement, parameters)

    assert [step for step in steps if index in step]
    assert [step for step in steps if step.startswith("SCAN") and "USING" not in step] == []


@pytest.mark.parametrize("name", ["must be in memory", "sleepers of a moment", "sleepers", "arrivals"])
def test_pages_come_without_sorting(path: Path, store: SqliteStore, name: str) -> None:
    """A page costs what is on it, however many workflows rest: the index gives the order."""
    statement, parameters, _ = READINGS[name]

    assert [step for step in plan(path, statement, parameters) if "TEMP B-TREE" in step] == []


@pytest.mark.parametrize("damage", ["'soon'", "x'ff'", "1e300"])
def test_a_damaged_moment_is_found_and_told(path: Path, store: SqliteStore, damage: str) -> None:
    """A workflow of which nobody can say when it wakes is found like those that must be in memory, and named so."""
    store.commit([begun("before"), begun("w"), begun("behind")])
    with connect(path) as database:
        database.execute(f"update workflows set wake_at = {damage} where id = 'w'")

    assert [found.workflow_id for found in store.pending(0, 2)] == ["before", "w"]
    assert [found.workflow_id for found in store.pending(2, 2)] == ["behind"]
    for read in (store.load, store.record, store.brief):
        with pytest.raises(DamagedRowError, match="column wake_at holds"):
            read("w")


def test_a_page_passes_over_what_has_no_id(path: Path, store: SqliteStore) -> None:
    """A row that cannot be asked for by its id takes no place of another's, and a damaged count is none."""
    store.commit([begun(each) for each in ("a", "b", "c", "d")])
    store.commit([checkpoint(each, wake_at=5000) for each in "cd"])
    with connect(path) as database:
        database.execute("update workflows set id = cast(x'ff' as text) where id = 'a'")
        database.execute("update workflows set recovery_attempts = 'often' where id = 'b'")
        database.execute("update workflows set id = x'00' where id = 'c'")

    assert store.pending(0, 1) == [Found(2, "b", 0)]
    assert store.sleepers((0, 0), 9000, 1) == [Sleeper(5000, 4, "d")]


@pytest.mark.parametrize("column", ["input", "seed", "output", "version", "created_at"])
def test_a_brief_minds_no_other_column(path: Path, store: SqliteStore, column: str) -> None:
    """What the scheduler does not ask of a workflow out of memory keeps nobody from ending it."""
    store.commit([begun("w")])
    with connect(path) as database:
        database.execute(f"update workflows set {column} = cast(x'ff' as text)")
    found = store.brief("w")

    assert found is not None
    assert (found.status, found.run) == ("processing", 1)


# ---------------------------------------------------------------------- where SQLite fails


def test_a_client_s_change_is_whole_or_nothing(path: Path, store: SqliteStore) -> None:
    """Where SQLite fails in the middle of going back, copying, asking or deleting, nothing of it is written."""
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
    """What cannot be stored of a request, a copy or a child is told from a broken disk, and nothing is written."""
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
    """What SQLite cannot store is told from a broken disk, nothing of the batch is written, and the store goes on."""
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
    assert [found.workflow_id for found in store.pending(0, 9)] == ["w", "c"]


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
        lambda: store.pending(0, 1),
        lambda: store.sleepers((0, 0), 1, 1),
        lambda: store.brief("w"),
        store.wake_stalled,
        store.arrivals,
    ]
    for call in calls:
        with pytest.raises(StorageError, match="closed"):
            call()


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
    """What a client in another process submits is found at the next look, once."""
    assert arrived(store) == []
    with Program("stores", path) as program:
        program.tell("submit: theirs")
        assert [program.line(), program.line()] == ["ready", "submitted"]
        found = [arrived(store), arrived(store)]
        program.kill()

    assert found == [["theirs"], []]


def test_opening_a_second_time_drops_no_lock(path: Path, store: SqliteStore) -> None:
    """Opening and closing the file again in the same process leaves SQLite's locks as they are."""
    with Program("stores", path) as program, connect(path) as holder:
        holder.execute("begin immediate")
        SqliteStore(path).close()
        program.tell("lock")
        assert [program.line(), program.line()] == ["ready", "database is locked"]


def test_a_store_that_nobody_closed_is_closed_when_it_is_let_go_of(path: Path) -> None:
    """Who forgets to close a client leaves no open file behind, and no warning."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        forgotten = SqliteStore(path)
        forgotten.submit([submission("w")])
        del forgotten
        gc.collect()
    assert [str(warning.message) for warning in heard if issubclass(warning.category, ResourceWarning)] == []
    assert not path.with_name(path.name + "-wal").exists()
