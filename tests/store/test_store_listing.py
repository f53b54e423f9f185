"""Listing workflows by filter, order and page, tried on each store."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.files import new_store
from tests.support.storage import act, begun, checkpoint, child, ids, over, record_of, submission
from yieldflow._core.errors import WorkflowNotFoundError
from yieldflow._core.history import WorkflowStatus
from yieldflow.filter import EVERYTHING, Filter
from yieldflow.store import Current, Store
from yieldflow.testing.memory import MemoryStore


def test_listing_is_newest_first(store: Store) -> None:
    """Workflows are listed newest first; of those made at the same moment, the later added comes first."""
    store.submit([submission("b", 2000), submission("c", 2000, version="2"), submission("a", 2000)])
    store.commit([begun("early", 1000), begun("late", 3000), begun("d", 2000)])

    assert ids(store) == ["late", "d", "a", "c", "b", "early"]
    assert ids(store, oldest_first=True) == ["early", "b", "c", "a", "d", "late"]
    assert store.records() == store.records(EVERYTHING)


def test_a_listing_is_of_the_name_asked_for(store: Store) -> None:
    """Only workflows of that very name are listed."""
    store.commit([begun("a", 1000), begun("b", 2000, name="other"), begun("c", 3000), begun("d", 1500, name="Order")])

    assert ids(store, name="order") == ["c", "a"]
    assert ids(store, name="other", oldest_first=True) == ["b"]
    assert ids(store, name="no \udcff such") == []


def stages(store: Store) -> None:
    """A workflow of each status, the later in the alphabet the older, and a second that is done."""
    for at, status in zip(range(6000, 0, -1000), sorted(WorkflowStatus), strict=True):
        store.commit([begun(status.value, at)])
        if status is not WorkflowStatus.PROCESSING:
            store.commit([over(status.value, status)])
    store.commit([begun("done too", 4500)])
    store.commit([over("done too")])


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize(
    "statuses",
    [
        "processing",
        "done",
        "failed",
        "cancelled",
        "suspended",
        "stalled",
        "processing stalled suspended",
        "cancelled failed",
        "cancelled suspended",
        "done processing",
        "",
        "cancelled done failed processing stalled suspended",
    ],
)
def test_a_listing_is_of_the_statuses_asked_for(store: Store, statuses: str, oldest_first: bool) -> None:
    """Any of the statuses that were asked for, in the order of all; of none, there is nothing."""
    stages(store)
    wanted = frozenset(map(WorkflowStatus, statuses.split()))
    expected = [each for each in ids(store, oldest_first=oldest_first) if record_of(store, each).status in wanted]

    assert ids(store, statuses=wanted, oldest_first=oldest_first) == expected
    assert len(expected) == len(wanted) + (WorkflowStatus.DONE in wanted)


ODD_IDS = [
    "order-1",
    "order-10",
    "order-2",
    "order",
    "ordes",
    "Order-1",
    "order-\U0010ffff",
    "order-\U0010ffffx",
    "\ud7ff1",
    "\ue000",
    "%",
    "*",
    "order-*",
    "\U0010ffff",
    "größe",
    "a\0b",
]


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "order",
        "order-1",
        "order-\U0010ffff",
        "\U0010ffff",
        "\ud7ff",
        "%",
        "*",
        "order-*",
        "grö",
        "a\0",
        "\ud800",
        "x",
    ],
    ids=ascii,
)
def test_a_prefix_is_taken_literally(store: Store, prefix: str) -> None:
    """Ids that begin with the prefix are listed, whatever characters are in it, and no others."""
    store.submit([submission(each, 1000 + number) for number, each in enumerate(ODD_IDS)])

    assert ids(store, id_prefix=prefix, oldest_first=True) == [each for each in ODD_IDS if each.startswith(prefix)]


def test_a_listing_is_of_a_parent_s_children(store: Store) -> None:
    """The children of a workflow, of all its runs, newest first; grandchildren are not among them."""
    store.commit([begun("w"), begun("x")])
    store.commit([checkpoint("w", children=[child("a"), child("b", run=2), child("c")])])
    store.commit([checkpoint("a", children=[child("g", of="a")]), checkpoint("x", children=[child("y", of="x")])])

    assert ids(store, parent="w") == ["c", "b", "a"]
    assert ids(store, parent="w", id_prefix="b") == ["b"]
    assert ids(store, parent="none \udcff") == []


def test_a_listing_is_of_the_time_asked_for(store: Store) -> None:
    """From the one moment on, and before the other."""
    store.submit([submission(f"{at}", at) for at in (1000, 2000, 3000, 4000)])

    assert ids(store, created_from=2000) == ["4000", "3000", "2000"]
    assert ids(store, created_before=3000) == ["2000", "1000"]
    assert ids(store, created_from=2000, created_before=4000, oldest_first=True) == ["2000", "3000"]
    assert ids(store, created_from=2001, created_before=3000) == []


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("which", [{}, {"name": "order"}, {"id_prefix": "w"}, {"parent": "p"}], ids=str)
def test_pages_tell_everything_once(store: Store, which: dict[str, Any], oldest_first: bool) -> None:
    """Page by page, each behind the last one of the page before, every workflow is listed once, in order."""
    store.commit([begun("p", 1)])
    made = [child(f"w{number}", of="p")._replace(created_at=1000 + number // 3) for number in range(10)]
    store.submit([made[number] for number in (3, 9, 1, 0, 2, 8, 7, 4, 6, 5)])
    everything = ids(store, oldest_first=oldest_first, **which)

    for size in (1, 2, 3, 100):
        pages, page = [], ids(store, limit=size, oldest_first=oldest_first, **which)
        while page:
            pages += page
            page = ids(store, limit=size, after=page[-1], oldest_first=oldest_first, **which)
        assert pages == everything
    assert len(everything) == (10 if which.keys() & {"parent", "id_prefix"} else 11)
    assert ids(store, limit=0) == []


def test_a_page_may_follow_what_is_not_in_the_list(store: Store) -> None:
    """The workflow that a page is to follow need not pass the filter: it may have changed."""
    store.submit([submission(each, 1000, name=each[0]) for each in ("a1", "b1", "a2", "b2")])

    assert ids(store, name="a", after="b2") == ["a2", "a1"]
    assert ids(store, name="a", after="b1", oldest_first=True) == ["a2"]


def test_a_page_behind_a_deleted_workflow_is_refused(store: Store) -> None:
    """A page after a deleted workflow is refused by name, since its place is not known any more."""
    store.commit([begun("w"), begun("gone")])
    store.commit([over("gone")])
    store.delete(["gone"])

    with pytest.raises(WorkflowNotFoundError, match="'gone' any more"):
        store.records(Filter(after="gone"))


def test_what_is_derived_is_in_every_listing(store: Store) -> None:
    """Whichever way a workflow is found, its record says the same."""
    store.commit([begun("w", 1000, act(0, "first")), checkpoint("c", created=child("c", of="w"))])
    record = replace(record_of(store), current=Current("first", 1))

    for which in (Filter(name="order", oldest_first=True), Filter(id_prefix="w"), Filter(oldest_first=True, limit=1)):
        assert store.records(which)[0] == record
    assert store.records(Filter(parent="w")) == [record_of(store, "c")]


FILTERS = st.builds(
    Filter,
    name=st.sampled_from([None, None, "a", "b"]),
    statuses=st.one_of(st.none(), st.frozensets(st.sampled_from(WorkflowStatus))),
    id_prefix=st.sampled_from([None, "", "w", "w1", "x"]),
    parent=st.sampled_from([None, None, "w0", "w1"]),
    created_from=st.one_of(st.none(), st.integers(1000, 1004)),
    created_before=st.one_of(st.none(), st.integers(1000, 1004)),
    oldest_first=st.booleans(),
    limit=st.one_of(st.none(), st.integers(0, 5)),
    after=st.sampled_from([None, "w2", "w5", "w11"]),
)

ROWS = st.lists(
    st.tuples(
        st.integers(1000, 1004),
        st.sampled_from("ab"),
        st.sampled_from(WorkflowStatus),
        st.sampled_from([None, "w0", "w1"]),
    ),
    min_size=12,
    max_size=20,
)


@settings(max_examples=50)
@given(ROWS, st.lists(FILTERS, min_size=1, max_size=20))
def test_all_stores_list_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, str, WorkflowStatus, str | None]],
    filters: list[Filter],
) -> None:
    """Whatever is asked for of whatever workflows: where they are kept makes no difference."""
    memory, file = MemoryStore(), new_store(tmp_path_factory.mktemp("list") / "store.db")
    with closing(file):
        for store in (memory, file):
            for number, (at, name, status, parent) in enumerate(rows):
                new = submission(f"w{number}", at, name=name)
                new = new if parent is None else child(new.workflow_id, of=parent, name=name)._replace(created_at=at)
                store.commit([checkpoint(new.workflow_id, created=new, status=status, at=2000)])
        for which in filters:
            assert memory.records(which) == file.records(which)
