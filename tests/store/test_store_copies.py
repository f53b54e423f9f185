"""Copies of workflows, on each store."""

from __future__ import annotations

import pytest

from tests.store.pasts import NOTHING, lived
from tests.support.storage import (
    act,
    arrived,
    begun,
    checkpoint,
    child,
    ended,
    history_of,
    loaded,
    record_of,
    seen,
    signal,
    step_of,
    submission,
    wait,
)
from yieldflow._core.errors import (
    WorkflowAlreadyExistsError,
    WorkflowNotFoundError,
)
from yieldflow._core.history import Started, WorkflowStatus
from yieldflow.store import Continued, Loaded, Request, RequestKind, Store


def test_a_copy_stands_where_the_original_stood(store: Store) -> None:
    """A copy has what was applied before the event, open steps are open in it, and the original stays as it is."""
    lived(store, WorkflowStatus.DONE)
    before = seen(store, "w")
    store.arrivals()
    new = submission("copy", 5000, name="renew", input="[2]", seed=b"other", version="3", deadline_at=9000)
    store.fork("w", 1, 3, new)
    record, found = record_of(store, "copy"), loaded(store, "copy")
    original = history_of(store)

    assert found.history == original._replace(events=original.events[:3], steps=original.steps[:4])
    assert found.signals == [signal(2, "b"), signal(3)]
    assert (record.name, record.input, record.seed, record.version) == ("renew", "[2]", b"other", "3")
    assert (record.created_at, record.started_at, record.deadline_at, record.run) == (5000, 1000, 9000, 1)
    assert (record.status, record.outcome, record.step, record.progress) == ("processing", None, 2, None)
    assert record.submitted == ("renew", "[2]")
    assert [step_of(store, number, "copy") for number in (0, 1, 2)] == store.steps("w")[:3]
    assert [request._replace(number=None) for request in store.arrivals().requests] == [
        Request("copy", RequestKind.RESUME, 5000)
    ]
    assert seen(store, "w")[3:] == before[3:]


def test_what_came_later_is_open_in_the_copy(store: Store) -> None:
    """Outcomes, signals and cancellations from the event on, and outcomes never applied, are not in the copy."""
    lived(store)
    store.commit([begun("late", 1000, act(0), act(1), act(2))])
    store.commit([checkpoint("late", place=1, events=[ended(0, 1100)], recorded=[ended(1, 1200)], cancelled=[(2, 1)])])
    store.fork("w", 1, 1, submission("copy", 5000))
    store.fork("late", 1, 2, submission("late copy", 5000))

    assert history_of(store, "copy").events == [Started(1000)]
    assert loaded(store, "copy").signals == [signal(1), signal(2, "b"), signal(3)]
    assert [(step.status, step.outcome, step.dropped) for step in store.steps("copy")] == [
        ("scheduled", None, None)
    ] * 3
    late = [(step.status, step.outcome) for step in store.steps("late copy")]
    assert late == [("done", "17"), ("scheduled", None), ("cancelled", None)]
    assert loaded(store, "late copy").recorded == []


def test_a_copy_from_the_start_starts_anew(store: Store) -> None:
    """Nothing but the signals is in a copy that stands before the first event, and it is in its first run."""
    lived(store, WorkflowStatus.STALLED)
    store.commit([checkpoint("w", continued=Continued("order", "{}", b"2"))])
    store.commit([checkpoint("w", run=2, events=[Started(2000)], issued=[wait(0)])])
    store.commit([checkpoint("w", run=2, place=1, events=[ended(0, 2100)], received=[(3, 1)], patches=["q"])])
    store.fork("w", 2, 0, submission("copy", 5000))
    store.fork("w", 2, 2, submission("same run", 5000))

    waiting = [signal(2, "b"), signal(3)]
    assert loaded(store, "copy") == Loaded(record_of(store, "copy"), NOTHING, [], waiting, 3)
    assert (record_of(store, "copy").run, record_of(store, "same run").run) == (1, 2)
    assert history_of(store, "same run") == history_of(store)
    assert arrived(store) == ["copy"]


def test_a_copy_is_nobody_s_child(store: Store) -> None:
    """A copy of a child is waited for by nobody: its parent has the original."""
    store.commit([begun("p")])
    store.commit([checkpoint("p", children=[child("c", of="p")])])
    store.fork("c", 1, 0, child("copy", of="p"))

    assert record_of(store, "copy").parent is None
    assert store.open_children("p", 1) == ["c"]


def test_what_cannot_be_copied_is_refused(store: Store) -> None:
    """A workflow that is not there or is in another run by now, and an id that is taken, are refused by name."""
    store.commit([begun("w"), begun("taken")])
    before = seen(store, "w", "taken", "copy")
    store.arrivals()

    for source, run in (("none", 1), ("w", 2)):
        with pytest.raises(WorkflowNotFoundError, match=source):
            store.fork(source, run, 0, submission("copy"))
    with pytest.raises(WorkflowAlreadyExistsError, match="'taken'"):
        store.fork("w", 1, 1, submission("taken"))
    assert seen(store, "w", "taken", "copy") == before
    store.submit([submission("v")])
    assert store.arrivals().requests == []
