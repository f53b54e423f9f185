"""Requests of clients, on each store: told of until they are handled."""

from __future__ import annotations

import pytest

from tests.support.storage import (
    asked,
    begun,
    checkpoint,
    over,
    submission,
    told,
)
from yieldflow._core.errors import (
    WorkflowAlreadyExistsError,
    WorkflowEndedError,
    WorkflowNotFoundError,
)
from yieldflow._core.history import WorkflowStatus
from yieldflow.store import Arrivals, RequestKind, Store


def test_requests_arrive_as_they_were_asked(store: Store) -> None:
    """A client's requests are found with all that they say, in the order asked, also after the owner wrote."""
    store.commit([begun("w"), begun("v")])
    requests = [
        asked("v", RequestKind.CANCEL, 1500, payload='"why \\ud800"'),
        asked("w", RequestKind.SIGNAL, 1400, name="größe \udcff", payload=b"\x80"),
        *(asked("w", kind, 1600) for kind in RequestKind),
    ]
    store.ask(requests[:1])
    store.ask(requests[1:])
    found = store.arrivals()

    assert [request._replace(number=None) for request in found.requests] == requests
    numbers = [request.number for request in found.requests]
    assert numbers == sorted(set(numbers), key=lambda number: number or 0)


def test_requests_are_told_of_until_they_are_handled(store: Store) -> None:
    """A request is told of at each look that finds news, until a commit says that it was carried out."""
    store.commit([begun("w")])
    store.arrivals()
    store.ask([asked("w", RequestKind.SUSPEND), asked("w", RequestKind.RESUME)])
    first = store.arrivals()
    nothing_new = store.arrivals()
    store.commit([checkpoint("w", handled=[first.requests[0].number or 0])])
    store.submit([submission("v")])
    second = store.arrivals()
    store.commit([checkpoint("w", handled=[request.number or 0 for request in second.requests])])
    store.ask([asked("v")])
    third = store.arrivals()

    assert (told(first.requests), nothing_new) == ([("w", "suspend"), ("w", "resume")], Arrivals([], []))
    assert (second.workflows, told(second.requests)) == ([("v", None)], [("w", "resume")])
    assert told(third.requests) == [("v", "suspend")]
    assert third.requests[0].number not in [request.number for request in first.requests]


def test_what_cannot_be_asked_is_not_left(store: Store) -> None:
    """Requests are left together or not at all: one for a missing or ended workflow refuses them all."""
    store.commit([begun("w"), begun("over")])
    store.commit([over("over", WorkflowStatus.FAILED)])
    store.arrivals()

    with pytest.raises(WorkflowNotFoundError, match="'none'"):
        store.ask([asked("w"), asked("none")])
    with pytest.raises(WorkflowEndedError, match=r"over has ended \(failed\)"):
        store.ask([asked("w"), asked("over")])
    store.submit([submission("v")])
    assert store.arrivals() == Arrivals([("v", None)], [])


def test_to_handle_what_is_gone_does_no_harm(store: Store) -> None:
    """A request whose workflow was deleted with it, or that was handled before, may be said to be handled."""
    store.commit([begun("w"), begun("gone")])
    store.ask([asked("w"), asked("gone")])
    numbers = [request.number or 0 for request in store.arrivals().requests]
    store.commit([over("gone", WorkflowStatus.CANCELLED)])
    store.delete(["gone"])

    store.commit([checkpoint("gone", handled=numbers[1:]), checkpoint("w", handled=numbers)])
    store.commit([checkpoint("w", handled=numbers)])
    store.submit([submission("v")])
    assert store.arrivals() == Arrivals([("v", None)], [])


def test_a_handled_request_comes_back_where_its_commit_fails(store: Store) -> None:
    """A commit that is refused handles nothing: the request is told of as before, in its old place."""
    store.commit([begun("w")])
    store.ask([asked("w", RequestKind.SUSPEND), asked("w", RequestKind.RESUME)])
    number = store.arrivals().requests[0].number or 0
    with pytest.raises(WorkflowAlreadyExistsError):
        store.commit([checkpoint("w", handled=[number]), begun("v"), begun("v")])
    store.submit([submission("v")])

    assert told(store.arrivals().requests) == [("w", "suspend"), ("w", "resume")]
