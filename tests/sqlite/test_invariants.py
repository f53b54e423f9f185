"""The invariants of the file: they hold in a file that was written by us, and each finds what breaks it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.simulation.disk_checks import ELSEWHERE, RUN_RULES, STEP_RULES, WORKFLOW_RULES, unsound
from tests.support.engine import Host, Lab, open_store
from tests.support.invariants import INVARIANTS, broken
from yieldflow import Flow, continue_as_new, gather, race, sleep, wait_signal, workflow
from yieldflow._core.errors import DamagedRowError
from yieldflow.sqlite import SqliteStore
from yieldflow.store import RequestKind

LAB = Lab()


@workflow(registry=LAB.registry)
def leaf() -> Flow[str]:
    return (yield from LAB.work("leaf"))


@workflow(registry=LAB.registry)
def parent() -> Flow[object]:
    first = yield from race(LAB.work("won"), sleep(60))
    yield gather(wait_signal("a"), wait_signal("a"))
    return [first, (yield from leaf())]


@workflow(registry=LAB.registry)
def fails() -> Flow[None]:
    yield LAB.fail("at once")


@workflow(registry=LAB.registry)
def loop(turns: int) -> Flow[None]:
    yield LAB.work(f"turn {turns}")
    if turns:
        yield continue_as_new(loop(turns - 1))
    yield sleep(3600)


#: A workflow "w" that nothing wrote but a test, and what may be there beside it.
ROW = (
    "insert into workflows (id, name, status, created_at, started_at, seed, input, wake_at) "
    "values ('w', 'w', 'processing', 1, {started_at}, zeroblob(16), '[]', {wake_at});"
)
LATER = ROW.format(wake_at="{wake_at}", started_at="null") + "update workflows set starts_at = 9000 where id = 'w';"
TIMED = ROW.format(wake_at="{wake_at}", started_at=1) + "update workflows set deadline_at = 7000 where id = 'w';"
PAUSED = (
    ROW.format(wake_at=9223372036854775807, started_at=1) + "update workflows set status = 'suspended' where id = 'w';"
)
STEP = (
    "insert into activity_executions (workflow_id, run, step, kind, name, status, turn, due_at, scheduled_at, source, "
    "input) values ('w', 1, 0, '{kind}', 'a', 'scheduled', 0, {due_at}, 1, '', '[]');"
)
AGAIN = STEP.format(kind="activity", due_at="{due_at}") + (
    "update activity_executions set attempt = 2 where workflow_id = 'w';"
)
ENDED_STEP = STEP.format(kind="activity", due_at="null") + (
    "update activity_executions set status = 'done', output = '1', finished_at = 2 where workflow_id = 'w';"
)
CHILD_STEP = STEP.format(kind="child", due_at="null")
CHILD = (
    "insert into workflows (id, name, status, created_at, started_at, finished_at, seed, input, output, parent, "
    "parent_run, parent_step) values ('c', 'c', '{}', 1, 1, 2, zeroblob(16), '[]', '1', 'w', 1, 0);"
)
CANCEL = "insert into workflow_inputs (workflow_id, run, kind, received_at, applied) values ('w', 1, 'cancel', 1, 1);"
SLEEPER, AT_WORK, CAME = "a sleeper wakes when it is due", "what is at work is awake", "what came wakes"

#: For each invariant, what breaks it.
DAMAGE = {
    "known statuses": "update workflows set status = 'waiting' where id = 'parent'",
    "an end has its time": "update workflows set finished_at = null where id = 'parent'",
    "an end has its outcome": "update workflows set output = null where id = 'parent'",
    "a stall has its reason": "update workflows set status = 'stalled', finished_at = null where id = 'fails'",
    "a run that began": "update workflows set started_at = null where id = 'loop'",
    "seeds": "update workflows set seed = x'00' where id = 'loop'",
    "what was submitted is kept": "update workflows set first_input = null where id = 'loop'",
    "children have parents": "update workflows set parent_run = 2 where parent = 'parent'",
    "steps belong to the run": "update workflows set run = run + 1 where id = 'loop'",
    "steps without a gap": "delete from activity_executions where workflow_id = 'parent' and step = 1",
    "one event at each place": "update activity_executions set applied = 1 where applied = 2",
    "what was applied has ended": "update activity_executions set turn = applied where applied = 2",
    "outcomes": "update activity_executions set output = '1' where status = 'cancelled'",
    "what was dropped was cancelled": "update activity_executions set dropped = null where status = 'cancelled'",
    "nothing is open at the end": "update activity_executions set status = 'scheduled' where workflow_id = 'fails'",
    "attempts": "update activity_executions set attempt = 2 where kind = 'activity'",
    "sleeps have an end": "update activity_executions set due_at = null where kind = 'sleep'",
    "signals belong to workflows": "update signals set workflow_id = 'nobody'",
    "signals are received by steps": "update signals set received = 1 where received is not null",
    "signals are received in order": "update signals set received = null where number = 1",
    "one signal for each wait": "update signals set received = (select min(received) from signals)",
    "what has ended rests forever": "update workflows set wake_at = null where id = 'parent'",
    "what begins is awake": ROW.format(wake_at=5000, started_at="null"),
    "what is at work is awake": ROW.format(wake_at=5000, started_at=1) + STEP.format(kind="activity", due_at="null"),
    "a sleeper wakes when it is due": ROW.format(wake_at=5000, started_at=1) + STEP.format(kind="sleep", due_at=4999),
    "what came wakes": ROW.format(wake_at=5000, started_at=1)
    + STEP.format(kind="wait_signal", due_at="null")
    + "insert into signals (workflow_id, number, name, sent_at, payload) values ('w', 1, 'a', 1, '1');",
}

#: Rows by hand of a workflow that rests, and the invariant that they break; None where it may rest so.
RESTING: list[tuple[str, str, str | None]] = [
    ("until its sleep is over", ROW.format(wake_at=5000, started_at=1) + STEP.format(kind="sleep", due_at=5000), None),
    ("longer", ROW.format(wake_at=5001, started_at=1) + STEP.format(kind="sleep", due_at=5000), SLEEPER),
    ("awake with a sleep", ROW.format(wake_at="null", started_at=1) + STEP.format(kind="sleep", due_at=1), None),
    ("until it starts", LATER.format(wake_at=9000), None),
    ("beyond its start", LATER.format(wake_at=9001), "what begins is awake"),
    ("until its time is over", TIMED.format(wake_at=7000), None),
    ("beyond its time", TIMED.format(wake_at=7001), SLEEPER),
    ("beyond its time, when it is cancelled", TIMED.format(wake_at=7001) + CANCEL, None),
    ("until the next attempt", ROW.format(wake_at=5000, started_at=1) + AGAIN.format(due_at=5000), None),
    ("beyond the next attempt", ROW.format(wake_at=5001, started_at=1) + AGAIN.format(due_at=5000), AT_WORK),
    ("while it is paused", PAUSED + STEP.format(kind="activity", due_at="null"), None),
    ("with an outcome", ROW.format(wake_at=5000, started_at=1) + ENDED_STEP, CAME),
    ("with a child at work", ROW.format(wake_at=5000, started_at=1) + CHILD_STEP + CHILD.format("processing"), None),
    ("with a child that ended", ROW.format(wake_at=5000, started_at=1) + CHILD_STEP + CHILD.format("done"), CAME),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in which there is something of everything."""
    folder = tmp_path_factory.mktemp("invariants")
    with open_store("sqlite", folder, "whole.db") as store:
        host = Host(store, LAB.registry)
        for invocation in (parent(), fails(), loop(2)):
            host.submit(invocation, invocation.name)
        host.work_off()
        for payload in (1, 2, 3):
            host.signal("parent", "a", payload)
        host.work_off()
        host.submit(loop(0), "stopped")
        host.ask("stopped", RequestKind.CANCEL)
        host.close()
    return folder / "whole.db"


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file)) as opened:
        yield opened


def test_hold_in_a_file_of_ours(connection: sqlite3.Connection) -> None:
    """They hold in a file in which there are ends, failures, children, signals and later runs."""
    assert broken(connection) == []
    assert connection.execute("select count(distinct status) from workflows").fetchone() == (4,)


@pytest.mark.parametrize("name", [invariant.name for invariant in INVARIANTS])
def test_finds_what_breaks_it(connection: sqlite3.Connection, name: str) -> None:
    """A row that is changed by hand is found by the invariant that says why that is wrong."""
    assert name in found_after(connection, DAMAGE[name])


@pytest.mark.parametrize(("rows", "expected"), [case[1:] for case in RESTING], ids=[case[0] for case in RESTING])
def test_finds_who_rests_and_should_not(connection: sqlite3.Connection, rows: str, expected: str | None) -> None:
    """A workflow may rest until anything of it is due, and not while anything of it is at work or has come."""
    found = found_after(connection, rows)
    of_waking = found & {SLEEPER, AT_WORK, CAME, "what begins is awake"}

    assert of_waking == ({expected} if expected else set())


def found_after(connection: sqlite3.Connection, change: str) -> set[str]:
    """Return the names of the invariants that a change breaks, which is undone then."""
    connection.isolation_level = None
    connection.execute("begin")
    try:
        for statement in change.split(";"):
            connection.execute(statement)
        return {invariant.name for invariant, _ in broken(connection)}
    finally:
        connection.execute("rollback")


@pytest.mark.parametrize("name", [*WORKFLOW_RULES, *STEP_RULES, *RUN_RULES])
def test_simulation_asks_the_same_of_rows(file: Path, tmp_path: Path, name: str) -> None:
    """The simulation's check of a workflow's rows after every commit finds the same damage."""
    damaged = tmp_path / "damaged.db"
    shutil.copyfile(file, damaged)
    with closing(sqlite3.connect(damaged)) as connection, connection:
        connection.execute(DAMAGE[name])
    assert asked_of_rows(file) == set()
    try:
        assert name in asked_of_rows(damaged)
    except DamagedRowError:
        # The store in memory has no such eyes.
        assert name == "one event at each place"


def asked_of_rows(path: Path) -> set[str]:
    """The invariants that do not hold of the rows as the store reads them."""
    with closing(SqliteStore(path)) as store:
        whole = (loaded for record in store.records() if (loaded := store.snapshot(record.id)) is not None)
        return {name for one in whole for name in unsound(one.record, store.steps(one.record.id), one.history)}


def test_simulation_leaves_none_out() -> None:
    """Each invariant is asked by the simulation of rows, or it is said why not."""
    assert {invariant.name for invariant in INVARIANTS} == {*WORKFLOW_RULES, *STEP_RULES, *RUN_RULES, *ELSEWHERE}


def test_each_says_what_it_means() -> None:
    """Each has a name of its own, a sentence, and a query that reads only."""
    assert len({invariant.name for invariant in INVARIANTS}) == len(INVARIANTS) == len(DAMAGE)
    for invariant in INVARIANTS:
        assert invariant.sentence[0].isupper()
        assert invariant.sentence.endswith(".")
        assert invariant.query.split()[0] == "select"
