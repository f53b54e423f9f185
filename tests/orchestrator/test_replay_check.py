"""`check_replay`: would the unfinished workflows go on under this code?"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.files import rows_of
from tests.support.programs import desk
from tests.support.programs.launch import Program
from tests.support.shop import WAIT, until, until_waiting
from yieldflow import (
    DatabaseOpenError,
    Flow,
    Orchestrator,
    Registry,
    WorkflowStatus,
    activity,
    gather,
    now,
    patched,
    random,
    set_progress,
    sleep,
    uuid4,
    wait_signal,
    workflow,
)
from yieldflow.sqlite.schema import MIGRATIONS


class Code:
    """One state of a program's code, and what its activities did.

    Args:
        labels: The activities that its workflow yields, one after another, before it waits for a signal.
        version: What the code calls itself.
    """

    def __init__(self, *labels: str, version: str | None = None) -> None:
        self.registry = registry = Registry()
        self.ran: list[str] = []

        @activity(registry=registry)
        def act(label: str) -> str:
            self.ran.append(label)
            return label

        @workflow(registry=registry, version=version)
        def job() -> Flow[str]:
            for label in labels:
                yield act(label)
            yield wait_signal("go")
            return (yield from act("last"))

        @workflow(registry=registry)
        def mixed() -> Flow[list[Any]]:
            yield set_progress("begun")
            drawn = [(yield from uuid4()), (yield from random()), (yield from now()), (yield from patched("change"))]
            yield gather(act("a"), sleep(0), job().with_options(workflow_id="child"), wait_signal("go"))
            return drawn

        self.job = job
        self.mixed = mixed


@pytest.fixture
def written(database: Path) -> Code:
    """The code by which the file was written; in it: one waits, one is suspended, one is done, one not started."""
    code = Code("a", "b", version="1")
    with Orchestrator(database, registry=code.registry) as orchestrator:
        orchestrator.submit(code.job(), workflow_id="done", signal=("go", None)).result(WAIT)
        for workflow_id in ("waits", "suspended"):
            until_waiting(orchestrator.submit(code.job(), workflow_id=workflow_id), "go")
        orchestrator.handle("suspended").suspend()
        orchestrator.submit(code.job(), workflow_id="delayed", delay=timedelta(days=1))
    code.ran.clear()
    return code


def test_all_replay(database: Path, written: Code) -> None:
    """Under the code that wrote them all unfinished workflows replay; nothing is run or written."""
    before = rows_of(database)
    report = Orchestrator(database, registry=written.registry).check_replay()

    assert (report.ok, report.checked, report.problems) == (True, 3, ())
    assert str(report) == "3 of 3 unfinished workflows replay under this code"
    assert rows_of(database) == before
    assert written.ran == []


def test_everything_that_a_workflow_may_do_replays(database: Path) -> None:
    """Branches, children, signals, patches and what is drawn at random replay as well."""
    code = Code("a")
    with Orchestrator(database, registry=code.registry) as orchestrator:
        handle = orchestrator.submit(code.mixed())
        until_waiting(orchestrator.submit(code.job(), workflow_id="other"), "go")
        until(lambda: orchestrator.list_workflows(parent=handle.id))
        until_waiting(orchestrator.handle("child"), "go")
        orchestrator.handle("child").signal("unexpected")
    before = rows_of(database)

    assert str(Orchestrator(database, registry=Code("a").registry).check_replay()).startswith("3 of 3")
    assert rows_of(database) == before


def test_code_that_changed(database: Path, written: Code) -> None:
    """Under other code, each workflow that it does not fit is a problem, with both sides and both versions."""
    before = rows_of(database)
    report = Orchestrator(database, registry=Code("a", "c", version="2").registry).check_replay()

    assert (report.ok, report.checked) == (False, 3)
    assert [(problem.workflow_id, problem.name, problem.status) for problem in report.problems] == [
        ("waits", "job", WorkflowStatus.PROCESSING),
        ("suspended", "job", WorkflowStatus.SUSPENDED),
    ]
    reason = report.problems[0].reason
    for part in ("act(label='b')", "act(label='c')", f"{__file__}:", "version '1'", "version '2'"):
        assert part in reason
    text = str(report)
    assert text.startswith("1 of 3 unfinished workflows replay under this code; 2 do not:\n")
    assert "2 of job alike (waits, suspended). The first, processing: " in text
    assert rows_of(database) == before


def test_code_that_is_missing(database: Path, written: Code) -> None:
    """A workflow whose code is not registered is a problem, also if it has not started."""
    report = Orchestrator(database, registry=Registry()).check_replay()

    assert [problem.workflow_id for problem in report.problems] == ["waits", "suspended", "delayed"]
    assert all("no workflow named 'job' is registered" in problem.reason for problem in report.problems)


def test_the_same_problem_as_when_it_runs(database: Path, written: Code) -> None:
    """The reported problem is the reason for which the workflow would stall; stalled workflows are checked too."""
    changed = Code("a", "c")
    report = Orchestrator(database, registry=changed.registry).check_replay()
    with Orchestrator(database, registry=changed.registry) as orchestrator:
        handle = orchestrator.handle("waits")
        handle.signal("go")
        until(lambda: handle.describe().status is WorkflowStatus.STALLED)
        assert handle.describe().reason == report.problems[0].reason
    again = Orchestrator(database, registry=changed.registry).check_replay()
    mended = Orchestrator(database, registry=written.registry).check_replay()

    assert [problem.status for problem in again.problems] == [WorkflowStatus.STALLED, WorkflowStatus.SUSPENDED]
    assert mended.ok


def test_a_started_orchestrator_checks_too(database: Path, written: Code) -> None:
    """It may be asked of a started orchestrator, whose workflows go on undisturbed."""
    with Orchestrator(database, registry=written.registry) as orchestrator:
        assert orchestrator.check_replay().ok
        handle = orchestrator.handle("waits")
        handle.signal("go")
        assert handle.result(WAIT) == "last"
        assert orchestrator.check_replay().checked == 2


def test_another_process_owns_the_file(database: Path) -> None:
    """A file that another process owns is checked while its workflows wait, and nothing is disturbed."""
    client = Orchestrator(database, registry=desk.registry)
    with Program("desk", database) as running:
        assert running.line() == "started"
        handle = client.submit(desk.approval(2), signal=("approve", 1))
        until(lambda: handle.describe().step == 1)
        before = rows_of(database)
        assert client.check_replay().ok
        assert not Orchestrator(database, registry=Registry()).check_replay().ok
        assert rows_of(database) == before
        handle.signal("approve", 2)
        assert handle.result(WAIT) == [1, 2]
    client.stop()


#: A workflow that waits, as version 1 of the schema wrote it.
WAITING_1 = (
    "insert into workflows (id, name, status, created_at, started_at, seed, input) values "
    "('w', 'job', 'processing', 1, 2, zeroblob(16), '{}')",
    "insert into activity_executions (workflow_id, run, step, kind, name, status, turn, scheduled_at, source, input) "
    "values ('w', 1, 0, 'activity', 'act', 'scheduled', 0, 2, 'shop.py:3', '{\"label\": \"a\"}')",
)


@pytest.mark.parametrize("owned", [False, True])
def test_a_file_of_an_older_version_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owned: bool) -> None:
    """A file that an older yieldflow owns is checked as it stands and not brought up to date; no copy of it stays."""
    database, scratch = tmp_path / "old.db", tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with closing(sqlite3.connect(database, isolation_level=None)) as owner:
        for statement in (*MIGRATIONS[1], "pragma user_version = 1", "pragma journal_mode = wal", *WAITING_1):
            owner.execute(statement)
        if not owned:
            owner.close()
        content = database.read_bytes()
        fits = Orchestrator(database, registry=Code("a").registry).check_replay()
        other = Orchestrator(database, registry=Code("b").registry).check_replay()

        assert (fits.checked, fits.problems) == (1, ())
        assert [problem.workflow_id for problem in other.problems] == ["w"]
        assert database.read_bytes() == content
        if owned:
            owner.execute("update workflows set status = 'done', output = '1'")
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (1,)
    assert list(scratch.iterdir()) == []


def test_an_empty_file(database: Path) -> None:
    """A file without unfinished workflows is fine."""
    with Orchestrator(database, registry=Registry()):
        pass

    report = Orchestrator(database, registry=Registry()).check_replay()

    assert (report.ok, report.checked) == (True, 0)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A wrong path is an error, and no file is made of it."""
    with pytest.raises(DatabaseOpenError, match=r"none\.db: does not exist"):
        Orchestrator(tmp_path / "none.db", registry=Registry()).check_replay()

    assert list(tmp_path.iterdir()) == []


def test_problems_that_are_alike_are_shown_once(database: Path) -> None:
    """Thirty workflows that a change would stall at the same place make one text, with their number and some ids."""

    def code(*, changed: bool) -> Any:
        registry = Registry()

        @activity(registry=registry)
        def act(label: str) -> None:
            pass

        @workflow(registry=registry)
        def job(label: str) -> Flow[None]:
            yield act(f"other {label}" if changed else label)
            yield wait_signal("go")

        @workflow(registry=registry)
        def gone() -> Flow[None]:
            yield wait_signal("go")

        return registry, job, gone

    registry, job, gone = code(changed=False)
    with Orchestrator(database, registry=registry) as orchestrator:
        for number in range(30):
            until_waiting(orchestrator.submit(job(f"(label {number})"), workflow_id=f"job-{number}"), "go")
        until_waiting(orchestrator.submit(gone(), workflow_id="lone"), "go")
    other, *_ = code(changed=True)
    report = Orchestrator(database, registry=other).check_replay()

    assert [problem.workflow_id for problem in report.problems] == [f"job-{number}" for number in range(30)]
    text = str(report)
    assert text.startswith("1 of 31 unfinished workflows replay under this code; 30 do not:\n")
    assert "30 of job alike (job-0, job-1, job-2, and 27 more). The first, processing: " in text
    assert text.count("recorded:") == 1
