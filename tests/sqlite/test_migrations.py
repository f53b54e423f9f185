"""Creating the file, and bringing files of earlier versions up to date."""

from __future__ import annotations

from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from tests.sqlite.files import connect, foreign, ids, shape, submission
from tests.support.programs.launch import Program
from tests.support.storage import checkpoint
from yieldflow._core.errors import DatabaseOpenError
from yieldflow._core.history import (
    CancelRequested,
    Failure,
    Started,
    StepEnded,
)
from yieldflow.sqlite import SqliteStore, connections, schema
from yieldflow.store import (
    Current,
    OpenAttempt,
    Parent,
    Retried,
)


def test_a_file_whose_making_was_cut_short_is_made_anew(tmp_path: Path, path: Path) -> None:
    """A file that is half made, after a kill or a loss of power, is made whole by the next store that opens it."""
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
    """A file whose switch to WAL was undone by a loss of power, with a log left beside it, is switched again."""
    SqliteStore(path).close()
    with connect(path) as database:
        database.execute("pragma journal_mode = delete")
    Path(f"{path}-wal").write_bytes(bytes(32))

    with closing(SqliteStore(path)) as store:
        store.submit([submission("w")])
        with connect(path) as database:
            assert database.execute("pragma journal_mode").fetchone() == ("wal",)


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
        awake = [each.workflow_id for each in store.pending(0, 9, counted=True)]
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
    """Going back in a file of version 1 does not begin again what was dropped before that event."""
    foreign(path, *schema.MIGRATIONS[1], WORKFLOWS_1, STEPS_1, "pragma user_version = 1")
    with closing(SqliteStore(path)) as store:
        store.rewind("over", 1, 3, reapply=False, at=5000)
        assert [step.status for step in store.steps("over")] == ["done", "failed", "cancelled", "scheduled"]


@pytest.mark.parametrize("output", [b"\x80", "[1, ", '"no"', '["two", "arguments"]', '["m", null, "", true, null]'])
def test_a_failure_that_is_not_of_the_old_form_is_kept(path: Path, output: bytes | str) -> None:
    """A migration from version 2 does not touch errors that are pickles, damaged, or of today's form."""
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
