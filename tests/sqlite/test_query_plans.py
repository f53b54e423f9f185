"""Queries go by an index, so that each costs what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sqlite.files import begun, connect
from tests.support.storage import checkpoint
from yieldflow._core.errors import DamagedRowError
from yieldflow._core.history import (
    WorkflowStatus,
)
from yieldflow.filter import Filter
from yieldflow.sqlite import SqliteStore, listing, statements
from yieldflow.store import (
    Found,
    Sleeper,
)


def plan(path: Path, statement: str, parameters: Sequence[object]) -> list[str]:
    """SQLite's plan for finding the rows, line by line."""
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
    "arrivals after a deletion": (statements.SELECT_ALL_ARRIVALS, (), "workflows_wake_at"),
    "must be in memory": (statements.SELECT_PENDING, (5, 0), "workflows_wake_at (wake_at=? AND rowid>?)"),
    "a damaged moment": (statements.SELECT_DAMAGED, (5, 0), "workflows_wake_at (wake_at>?"),
    "sleepers of a moment": (statements.SELECT_SLEEPERS_OF, (5, 5, 9), "workflows_wake_at (wake_at=? AND rowid>?"),
    "sleepers": (statements.SELECT_SLEEPERS, (5, 9), "workflows_wake_at (wake_at>? AND wake_at<?)"),
    "a brief": (statements.SELECT_BRIEF, ("w",), "sqlite_autoindex_workflows_1 (id=?)"),
    "what is waited for": (statements.SELECT_AWAITED, ('["w"]',), "sqlite_autoindex_workflows_1 (id=?)"),
    "an orphan's parent": (statements.SELECT_ENDED_PARENT, ("w",), "sqlite_autoindex_workflows_1 (id=?)"),
    "orphans": (statements.WAKE_ORPHANS, ("w", 1), "workflows_by_parent (parent=? AND parent_run=?)"),
    "the stalled": (statements.WAKE_STALLED, (), "workflows_stalled"),
    "the stalled of a name": (statements.WAKE_STALLED_OF, ("order",), "workflows_stalled (name=?)"),
    "requests": (statements.SELECT_REQUESTS, (), "workflow_requests"),
    "signals that nobody took": (
        statements.SELECT_UNTAKEN_SIGNALS,
        ("w", 1, 10),
        "signals_waiting ((workflow_id,number)>(?,?))",
    ),
    "a workflow's signals by name": (
        statements.SELECT_BUFFERED_SIGNALS,
        ("w",),
        "signals_waiting (workflow_id=?)",
    ),
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
    scans = [step for step in steps if step.startswith("SCAN") and "json_each" not in step]
    assert [step for step in scans if "USING" not in step] == []


@pytest.mark.parametrize("name", ["must be in memory", "sleepers of a moment", "sleepers", "arrivals"])
def test_pages_come_without_sorting(path: Path, store: SqliteStore, name: str) -> None:
    """A page costs what is on it, however many workflows rest: the index gives the order."""
    statement, parameters, _ = READINGS[name]

    assert [step for step in plan(path, statement, parameters) if "TEMP B-TREE" in step] == []


@pytest.mark.parametrize("damage", ["'soon'", "x'ff'", "1e300"])
def test_a_damaged_moment_is_found_and_told(path: Path, store: SqliteStore, damage: str) -> None:
    """A workflow whose time to wake is damaged is found like those that must be in memory, and its column is named."""
    store.commit([begun("before"), begun("w"), begun("behind")])
    with connect(path) as database:
        database.execute(f"update workflows set wake_at = {damage} where id = 'w'")

    assert [found.workflow_id for found in store.pending(0, 2, counted=False)] == ["before", "w"]
    assert [found.workflow_id for found in store.pending(2, 2, counted=False)] == ["behind"]
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

    assert store.pending(0, 1, counted=True) == [Found(2, "b", 0)]
    assert store.sleepers((0, 0), 9000, 1) == [Sleeper(5000, 4, "d")]


@pytest.mark.parametrize("column", ["input", "seed", "output", "version", "created_at"])
def test_a_brief_minds_no_other_column(path: Path, store: SqliteStore, column: str) -> None:
    """Damage in a column that the scheduler does not need of a workflow out of memory does not keep it from ending."""
    store.commit([begun("w")])
    with connect(path) as database:
        database.execute(f"update workflows set {column} = cast(x'ff' as text)")
    found = store.brief("w")

    assert found is not None
    assert (found.status, found.run) == ("processing", 1)
