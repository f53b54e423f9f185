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
from yieldflow import Flow, continue_as_new, gather, race, sleep, wait_signal, workflow
from yieldflow._core.errors import DamagedRowError
from yieldflow.sqlite import SqliteStore
from yieldflow.sqlite.invariants import INVARIANTS, broken
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
}


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
    connection.execute(DAMAGE[name])
    found = [invariant.name for invariant, _ in broken(connection)]
    connection.rollback()
    assert name in found


@pytest.mark.parametrize("name", [*WORKFLOW_RULES, *STEP_RULES, *RUN_RULES])
def test_simulation_asks_the_same_of_rows(file: Path, tmp_path: Path, name: str) -> None:
    """What the simulation asks of a workflow's rows after every commit finds the same damage."""
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
