"""Rows that were changed by hand, or lost some bits: one workflow is affected at most, and says so."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.damage import COLUMNS, DAMAGES, REGISTRY, Broken, Damage, chain, check, inflict, prepare
from tests.support.programs.launch import WAIT
from yieldflow import DamagedRowError, Orchestrator


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The undamaged file."""
    return prepare(tmp_path_factory.mktemp("damage"))


@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(DAMAGES)
def test_damage_to_a_row_is_its_workflow_s_alone(whole: Path, damage: Damage) -> None:
    """Whatever stands in whatever column, all other workflows go on and end as they would, and all looks show them."""
    check(whole, damage)


@pytest.mark.slow
@settings(
    max_examples=500,
    derandomize=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(DAMAGES)
def test_other_damage_is_its_workflow_s_alone(whole: Path, damage: Damage) -> None:
    """The same, for damage that is another in every run."""
    check(whole, damage)


def test_a_child_that_lost_its_parent(whole: Path) -> None:
    """It goes on by itself, and its parent stalls, with a word on what to do."""
    assert check(whole, Damage("workflows", "parent", 11, None))


def test_a_child_that_lost_its_id(whole: Path) -> None:
    """An id that is no text is its workflow's and its parent's affair alone."""
    assert check(whole, Damage("workflows", "id", 11, Broken(b"\xff")))


@pytest.mark.parametrize("column", COLUMNS["signals"].split())
@pytest.mark.parametrize("value", [b"\xff", Broken(b"\xff"), 1 << 62], ids=["bytes", "text", "number"])
def test_a_damaged_signal_hinders_nobody(whole: Path, column: str, value: Any) -> None:
    """A signal that cannot be read is not among those that wait, and all others are."""
    check(whole, Damage("signals", column, 1, value))


@pytest.mark.parametrize("row", [-1, -2], ids=["the last", "the one before"])
@pytest.mark.parametrize("column", COLUMNS["workflow_inputs"].split())
def test_a_damaged_request_hinders_nobody(whole: Path, column: str, row: int) -> None:
    """A client's request that cannot be read is passed over, and all other requests are carried out."""
    check(whole, Damage("workflow_inputs", column, row, Broken(b"\xff")))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("created_at", "soon", "column created_at holds 'soon', where a time in whole microseconds since 1970 belongs"),
        ("created_at", 1 << 62, f"column created_at holds {1 << 62}, where a time"),
        ("run", -1, "column run holds -1, where a whole number from 1 on belongs"),
        ("name", Broken(b"\xff"), r"column name holds text that is no UTF-8, b'\xff', where text belongs"),
        ("status", "lost", "there is no status 'lost'"),
    ],
)
def test_damage_is_named(whole: Path, tmp_path: Path, column: str, value: int | str, said: str) -> None:
    """A listing shows a damaged workflow as stalled, with its row, column and value; a handle of it is refused so."""
    path = tmp_path / "named.db"
    path.write_bytes(whole.read_bytes())
    assert inflict(path, Damage("workflows", column, 3, value)) == {"other"}
    client = Orchestrator(path)
    try:
        entry = next(entry for entry in client.list_workflows() if entry["id"] == "other")
        with pytest.raises(DamagedRowError) as caught:
            client.handle("other")
    finally:
        client.stop()

    assert entry["status"] == "stalled"
    assert f"the row of workflow 'other' in table workflows is damaged: {said}" in entry["reason"]
    assert str(caught.value) == entry["reason"]


def test_once_put_right_it_goes_on(whole: Path, tmp_path: Path) -> None:
    """A workflow that is set aside for a damaged row goes on with `resume()`, once the row is as it was."""
    path = tmp_path / "mended.db"
    path.write_bytes(whole.read_bytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as vandal:
        (before,) = vandal.execute("select seed from workflows where id = 'new'").fetchone()
        vandal.execute("update workflows set seed = 7 where id = 'new'")
        with Orchestrator(path, registry=REGISTRY) as orchestrator:
            orchestrator.run(chain("beside it"))
            with pytest.raises(DamagedRowError):
                orchestrator.handle("new")
            vandal.execute("update workflows set seed = ? where id = 'new'", (before,))
            handle = orchestrator.handle("new")
            handle.resume()
            assert handle.result(WAIT) == handle.describe().output


def test_the_parent_of_a_damaged_child_can_be_terminated(whole: Path, tmp_path: Path) -> None:
    """Whose child is set aside for a damaged row waits for it, and can be terminated; the child stays as it is."""
    path = tmp_path / "parent.db"
    path.write_bytes(whole.read_bytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as vandal:
        vandal.execute("update workflows set seed = 7 where parent = 'parent'")
    with Orchestrator(path, registry=REGISTRY) as orchestrator:
        orchestrator.run(chain("beside it"))
        handle = orchestrator.handle("parent")
        handle.terminate()
        (child,) = orchestrator.list_workflows(parent="parent")
        status = orchestrator.get_workflow_status("parent")["status"]

    assert status == "cancelled"
    assert "damaged: column seed holds 7" in child["reason"]


#: Of each table, a workflow with a row in it, the condition on the row, and the columns that no history reads.
ROWS = [
    ("workflows", "other", "id = 'other'", "id"),
    ("activity_executions", "open", "workflow_id = 'open' and step = 0", "workflow_id run"),
    # The one that the listing tells of, too.
    ("activity_executions", "open", "workflow_id = 'open' and step = 1", "workflow_id run"),
    ("workflow_inputs", "cancelled", "workflow_id = 'cancelled'", "workflow_id number run kind name"),
    ("signals", "listens", "workflow_id = 'listens' and received is null", "workflow_id received"),
]


@pytest.mark.parametrize(
    ("table", "workflow_id", "row", "column"),
    [
        (table, workflow_id, row, column)
        for table, workflow_id, row, unread in ROWS
        for column in COLUMNS[table].split()
        if column not in unread.split()
    ],
)
def test_damage_is_seen_in_every_column(
    whole: Path, tmp_path: Path, table: str, workflow_id: str, row: str, column: str
) -> None:
    """A value that no column may hold is refused with the name of the column, before it gets any further."""
    change = f"update {table} set {column} = cast(x'ff' as text) where {row}"
    with pytest.raises(
        DamagedRowError, match=rf"damaged: column .*\b{column}\b.* holds text that is no UTF-8, b'\\xff'"
    ):
        read_history(whole, tmp_path, change, workflow_id)


def test_a_lost_row_is_seen(whole: Path, tmp_path: Path) -> None:
    """Rows that are sound, one by one, and do not fit together are damage too, and the message tells what to do."""
    with pytest.raises(DamagedRowError, match=r"workflow 'open' .*damaged: .*restore a backup of the file"):
        read_history(whole, tmp_path, "delete from activity_executions where workflow_id = 'open' and step = 0", "open")


def read_history(whole: Path, folder: Path, change: str, workflow_id: str) -> None:
    """Read a history in a copy of the file with a change made by hand."""
    path = folder / "changed.db"
    path.write_bytes(whole.read_bytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as vandal:
        assert vandal.execute(change).rowcount == 1
    client = Orchestrator(path)
    try:
        client.handle(workflow_id).history()
    finally:
        client.stop()
