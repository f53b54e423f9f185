"""A workflow's code runs on the scheduler's thread, in the workflow's own context, from its first line to its last."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import pytest

from tests.support.shop import WAIT, Gate
from yieldflow import Flow, Orchestrator, Registry, WorkflowStatus, activity, sleep, wait_signal, workflow

customer: ContextVar[str] = ContextVar("customer", default="none")
#: Where the code ran, each time: the thread, and the customer that it found there.
Places = list[tuple[str, str, str]]


@pytest.fixture
def places() -> Places:
    return []


@contextmanager
def serving(name: str, places: Places) -> Iterator[None]:
    """Sets the customer, and notes where it does so and where it is left again."""
    places.append(("entered", threading.current_thread().name, customer.get()))
    token = customer.set(name)
    # It can be released only by the thread that has it.
    lock = threading.RLock()
    lock.acquire()
    try:
        yield
    finally:
        lock.release()
        places.append(("left", threading.current_thread().name, customer.get()))
        customer.reset(token)


def test_stop_leaves_what_with_entered_where_it_was_entered(database: Path, registry: Registry, places: Places) -> None:
    """At `stop` a workflow leaves its `with` on the scheduler's thread, and its caller's variables stay as they are."""

    @workflow(registry=registry)
    def serves(name: str) -> Flow[None]:
        with serving(name, places):
            yield wait_signal("go")

    token = customer.set("the caller")
    try:
        orchestrator = Orchestrator(database, registry=registry)
        with orchestrator:
            for name in ("ann", "bob"):
                orchestrator.submit(serves(name))
        assert customer.get() == "the caller"
    finally:
        customer.reset(token)

    thread = "yieldflow-scheduler"
    assert places[:2] == [("entered", thread, "none")] * 2
    assert sorted(places[2:]) == [("left", thread, "ann"), ("left", thread, "bob")]


def test_what_is_closed_at_stop_is_on_disk_as_it_rests(database: Path, registry: Registry, places: Places) -> None:
    """A workflow that was closed within `with` at a stop goes on from there at the next start, and leaves it once."""

    @workflow(registry=registry)
    def serves() -> Flow[str]:
        with serving("ann", places):
            yield wait_signal("go")
            return customer.get()

    orchestrator = Orchestrator(database, registry=registry)
    with orchestrator:
        handle = orchestrator.submit(serves())
    with orchestrator:
        handle.signal("go")
        assert handle.result(WAIT) == "ann"

    assert [what for what, _, _ in places] == ["entered", "left"] * 2
    assert handle.describe().status is WorkflowStatus.DONE


def test_a_stop_closes_workflows_also_if_their_code_asks_for_much(
    database: Path, registry: Registry, places: Places
) -> None:
    """Code that calls the orchestrator, or raises, while it is closed at a stop neither hinders nor ends that."""

    @workflow(registry=registry)
    def demands() -> Flow[None]:
        try:
            yield sleep(3600)
        finally:
            places.append(("asks", "", ""))
            handle.signal("go")
            places.append(("was answered", "", ""))

    @workflow(registry=registry)
    def exits() -> Flow[None]:
        try:
            yield sleep(3600)
        finally:
            places.append(("exits", "", ""))
            raise SystemExit(1)

    orchestrator = Orchestrator(database, registry=registry)
    with orchestrator:
        handle = orchestrator.submit(demands())
        orchestrator.submit(exits())

    assert sorted(what for what, _, _ in places) == ["asks", "exits"]


def test_no_variable_of_a_workflow_reaches_another(database: Path, registry: Registry, gate: Gate) -> None:
    """Workflows in turn on the scheduler's thread, their activities and who submits them share no context variables."""

    @activity(registry=registry)
    def looks() -> str:
        return customer.get()

    @workflow(registry=registry)
    def serves(name: str) -> Flow[list[str]]:
        seen = [customer.get()]
        customer.set(name)
        seen.append((yield looks()))
        return [*seen, customer.get()]

    customer.set("the caller")
    names = [f"customer {number}" for number in range(20)]
    with Orchestrator(database, registry=registry, max_workers=2) as orchestrator:
        handles = [orchestrator.submit(serves(name)) for name in names]
        saw = [handle.result(WAIT) for handle in handles]

    assert saw == [["none", "none", name] for name in names]
    assert customer.get() == "the caller"
