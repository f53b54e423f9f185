"""Deleting workflows, on each store: all that belongs to them goes, and no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.store.pasts import NOTHING, lived
from tests.support.storage import (
    act,
    arrived,
    asked,
    begun,
    checkpoint,
    child,
    ids,
    loaded,
    over,
    record_of,
    seen,
    signal,
    submission,
)
from yieldflow._core.errors import (
    WorkflowNotEndedError,
    WorkflowNotFoundError,
)
from yieldflow._core.history import CancelRequested, Started, Step, StepKind, WorkflowStatus
from yieldflow.store import Arrivals, Continued, Loaded, Store

EVERY_END = frozenset({WorkflowStatus.DONE, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED})

# ---------------------------------------------------------------------- deleting


def family(store: Store) -> None:
    """A workflow with a child, a grandchild and a child of a later run, all ended, and one of a similar id."""
    store.commit([begun("w", 1000, act(0)), begun("w2", 1000, act(0), signals=[signal(1)])])
    grandchild = child("c/g", of="c")
    store.commit([checkpoint("w", children=[child("c", signals=[signal(1)]), child("late", run=2)])])
    store.commit([checkpoint("c", children=[grandchild])])
    for each in ("c/g", "late", "c"):
        store.commit([checkpoint(each, events=[Started(1100), CancelRequested(1100)], issued=[act(0)], at=1100)])
        store.commit([over(each, WorkflowStatus.FAILED)])
    store.commit([over("w")])


def test_a_deleted_workflow_leaves_nothing(store: Store) -> None:
    """With a workflow go its steps, signals, events and requests; who gets its id has no past."""
    lived(store)
    store.rewind("w", 1, 2, reapply=False, at=5000)
    store.commit([over("w", WorkflowStatus.CANCELLED)])
    store.delete(["w"])
    store.submit([submission()])

    assert store.arrivals() == Arrivals([("w", None)], [])
    assert loaded(store) == Loaded(record_of(store), NOTHING, [], [])
    assert (record_of(store).step, record_of(store).updated_at) == (0, 1000)


def test_descendants_are_deleted_too(store: Store) -> None:
    """Children, grandchildren and children of other runs go with a workflow, and are counted; others stay."""
    family(store)
    other = loaded(store, "w2")
    deleted = store.delete(["w", "c", "w"])

    assert deleted == 4
    assert ids(store) == ["w2"]
    assert loaded(store, "w2") == other
    again = ["w", "c", "c/g", "late"]
    store.submit([submission(each) for each in again])
    for each in again:
        found = loaded(store, each)
        assert (found.history, found.signals, found.last_signal) == (NOTHING, [], 0)
    assert store.ended_children("w", 1) == []


def test_what_lives_is_not_deleted(store: Store) -> None:
    """Nothing is deleted if a workflow, a descendant, or the parent that waits for one of them has not ended."""
    family(store)
    store.commit([begun("alive"), begun("p"), begun("over")])
    store.commit([over("over"), checkpoint("p", children=[child("awaited", of="p")])])
    store.commit([over("awaited")])
    attempts: list[tuple[list[str], type[Exception], str]] = [
        (["w", "none"], WorkflowNotFoundError, "'none'"),
        (["w", "alive"], WorkflowNotEndedError, "alive"),
        (["w", "awaited"], WorkflowNotEndedError, "p is processing|parent has not ended"),
    ]
    for wanted, error, named in attempts:
        before = seen(store, *ids(store))
        with pytest.raises(error, match=named):
            store.delete(wanted)
        assert seen(store, *ids(store)) == before
    store.commit([checkpoint("over", children=[child("late child", of="over")])])
    with pytest.raises(WorkflowNotEndedError, match="late child"):
        store.delete(["w", "over"])
    assert "w" in ids(store)


def test_children_of_an_earlier_run_may_go(store: Store) -> None:
    """Children of an earlier run may be deleted while the workflow lives on: it does not wait for them."""
    store.commit([begun("w"), begun("awaited")])
    store.commit([checkpoint("w", children=[child("c1"), child("c2"), child("alive")])])
    store.commit([over(each, WorkflowStatus.DONE, 2000) for each in ("c1", "c2")])
    before = store.purgeable(None, EVERY_END)
    store.commit([checkpoint("w", continued=Continued("order", "{}", b""))])
    store.commit([checkpoint("w", run=2, children=[child("new", run=2)])])
    store.commit([over("new", WorkflowStatus.DONE, 2000)])

    assert before == []
    assert store.purgeable(None, EVERY_END) == ["c1", "c2"]
    assert store.delete(["c1"]) == 1
    for refused in ("alive", "new"):
        with pytest.raises(WorkflowNotEndedError):
            store.delete(["c2", refused])
    assert ids(store, parent="w") == ["new", "alive", "c2"]


def test_what_is_submitted_after_a_deletion_arrives(store: Store) -> None:
    """The owner finds what comes after workflows were deleted, though the places of those were taken over."""
    store.submit([submission("a"), submission("b")])
    first = arrived(store)
    store.commit([over("b", WorkflowStatus.CANCELLED)])
    store.delete(["b"])
    store.submit([submission("b", seed=b"other"), submission("c")])
    second = arrived(store)
    store.commit([over(each, WorkflowStatus.CANCELLED) for each in "abc"])
    store.delete(["a", "b", "c"])
    store.submit([submission("d")])
    third = arrived(store)

    assert first == ["a", "b"]
    assert [each for each in second if each != "a"] == ["b", "c"]
    assert third == ["d"]


def test_what_may_be_purged_is_told(store: Store) -> None:
    """Asked for what ended so before a time, a store names those, oldest first, and no child still awaited."""
    store.commit(
        [begun("done", 1000), begun("failed", 900), begun("alive", 800), begun("parent", 700), begun("p", 600)]
    )
    store.commit(
        [
            checkpoint("parent", children=[child("awaited", of="parent")]),
            checkpoint("p", children=[child("orphan", of="p")]),
        ]
    )
    ends = [("done", WorkflowStatus.DONE), ("failed", WorkflowStatus.FAILED), ("p", WorkflowStatus.CANCELLED)]
    store.commit([over(each, status, 2000) for each, status in ends])
    store.commit([over(each, WorkflowStatus.DONE, 3000) for each in ("awaited", "orphan")])

    assert store.purgeable(None, EVERY_END) == ["p", "failed", "done", "orphan"]
    assert store.purgeable(3000, EVERY_END) == ["p", "failed", "done"]
    assert store.purgeable(2000, EVERY_END) == []
    assert store.purgeable(None, frozenset({WorkflowStatus.FAILED, WorkflowStatus.CANCELLED})) == ["p", "failed"]
    assert store.purgeable(None, frozenset({WorkflowStatus.DONE, WorkflowStatus.PROCESSING})) == ["done", "orphan"]
    assert store.purgeable(None, frozenset()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.ask([asked()]),
        lambda store: store.fork("w", 1, 1, submission("copy")),
        lambda store: store.snapshot("w"),
    ],
    ids=["ask", "fork", "snapshot"],
)
def test_clients_leave_what_lives_alone(store: Store, change: Callable[[Store], object]) -> None:
    """Asking, copying and looking change nothing of the workflow itself."""
    store.commit([begun("w", 1000, act(0), Step(1, StepKind.CHILD, "order", "{}", 0, "shop.py:3"))])
    before = loaded(store)
    change(store)

    assert loaded(store) == before == store.snapshot("w")
