"""`submit`, `submit_many`, `run` and `invoke_workflow`: arguments, refusals and promises."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.shop import (
    WAIT,
    add,
    greet,
    in_threads,
    shop,
    total,
)
from tests.support.values import Array, Handle
from yieldflow import (
    EncodingError,
    Flow,
    Orchestrator,
    Registry,
    UnknownWorkflowError,
    WorkflowAlreadyExistsError,
    WorkflowNotFoundError,
    WorkflowStatus,
    activity,
    now,
    workflow,
)


def test_run_submits_and_waits(store: Orchestrator) -> None:
    """`run` returns what the workflow returns."""
    assert store.run(total(7, count=1)) == 7


@pytest.mark.parametrize("again", [total(1, 3), total(1), total(count=3, start=1)], ids=repr)
def test_the_same_id_and_invocation_attaches(store: Orchestrator, again: Any) -> None:
    """An id given twice with equal arguments, however written, is one workflow; also after its end."""
    first = store.submit(total(1), workflow_id="sum")
    second = store.submit(again, workflow_id="sum")
    assert (first.id, first.result(WAIT), second.id, second.result(WAIT)) == ("sum", 4, "sum", 4)

    third = store.submit(again, workflow_id="sum")

    assert third.result(WAIT) == 4
    assert len(store.list_workflows()) == 1


@pytest.mark.parametrize("other", [total(2), total(1, count=4), greet("Ada")], ids=repr)
def test_the_same_id_and_another_invocation_is_refused(store: Orchestrator, other: Any) -> None:
    """An id that belongs to another invocation is refused, and the error shows that one."""
    store.submit(total(1), workflow_id="sum").result(WAIT)

    with pytest.raises(WorkflowAlreadyExistsError, match=r"'sum' belongs to another invocation: total.*'start': 1"):
        store.submit(other, workflow_id="sum")

    assert store.handle("sum").result(WAIT) == 4


@pytest.mark.parametrize("kind", [Handle, Array])
def test_an_object_that_differs_is_another_invocation(
    orchestrator: Orchestrator, registry: Registry, kind: Any
) -> None:
    """An id is refused to an array, or an object without `__eq__`, that differs from the one first submitted."""

    @workflow(registry=registry)
    def measure(sample: Any, unit: str = "mm") -> Flow[int]:
        yield from now()
        return int(sample[0].number)

    orchestrator.submit(measure([kind(1)]), workflow_id="sample").result(WAIT)

    with pytest.raises(WorkflowAlreadyExistsError, match="'sample' belongs to another invocation"):
        orchestrator.submit(measure([kind(2)]), workflow_id="sample")
    assert orchestrator.submit(measure([kind(1)], unit="mm"), workflow_id="sample").result(WAIT) == 1


def test_one_id_from_many_threads_at_once_runs_once(orchestrator: Orchestrator, registry: Registry) -> None:
    """However many threads submit one id together, the workflow runs once, and all of them get its result."""
    ran: list[int] = []

    @activity(registry=registry)
    def work() -> int:
        ran.append(1)
        return len(ran)

    @workflow(registry=registry)
    def job() -> Flow[int]:
        return (yield from work())

    results = in_threads(16, lambda _: orchestrator.submit(job(), workflow_id="only").result(WAIT))

    assert results == [1] * 16
    assert ran == [1]


def test_one_id_for_many_invocations_goes_to_one(store: Orchestrator) -> None:
    """If different invocations want one id at the same time, one gets it, and the others are refused."""
    results = in_threads(8, lambda number: store.submit(total(number, 1), workflow_id="only").result(WAIT))

    refused = [result for result in results if isinstance(result, WorkflowAlreadyExistsError)]
    [won] = [result for result in results if result not in refused]
    assert len(refused) == 7
    assert results[won] == won
    assert store.handle("only").result(WAIT) == won


def test_a_delayed_workflow_waits(database: Path) -> None:
    """A workflow with a delay is on disk and not started, also after a restart, and its status says until when."""
    with Orchestrator(database, registry=shop) as orchestrator:
        handle = orchestrator.submit(total(1), workflow_id="later", delay=timedelta(hours=1))
        assert handle.describe().starts_at == handle.describe().created_at + timedelta(hours=1)

    with Orchestrator(database, registry=shop) as orchestrator:
        orchestrator.submit(total(2)).result(WAIT)
        described = orchestrator.handle("later").describe()

    assert (described.status, described.started_at, described.step) == (WorkflowStatus.PROCESSING, None, 0)


def test_a_delayed_workflow_starts_when_it_is_due(orchestrator: Orchestrator, registry: Registry) -> None:
    """A delay in seconds passes, and then the workflow runs, not before it is due."""

    @workflow(registry=registry)
    def moment() -> Flow[datetime]:
        return (yield from now())

    handle = orchestrator.submit(moment(), delay=0.05)
    started = handle.result(WAIT)

    starts_at = handle.describe().starts_at
    assert starts_at is not None
    assert started >= starts_at


@pytest.mark.parametrize("delay", [-1, timedelta(seconds=-1), float("nan"), float("inf"), 1e30, timedelta.max])
def test_an_impossible_delay_is_a_value_error(store: Orchestrator, delay: Any) -> None:
    """A delay that is negative, not finite or beyond the calendar is refused; nothing is written."""
    with pytest.raises(ValueError, match="delay"):
        store.submit(total(1), delay=delay)

    assert store.list_workflows() == []


@pytest.mark.parametrize("delay", ["1", True, date(2026, 1, 1)])
def test_a_delay_of_another_type_is_a_type_error(store: Orchestrator, delay: Any) -> None:
    """A delay is seconds or a `timedelta`."""
    with pytest.raises(TypeError, match="delay takes seconds or a timedelta"):
        store.submit(total(1), delay=delay)


def test_submit_many(store: Orchestrator) -> None:
    """`submit_many` takes any iterable and returns the handles in its order; of nothing it makes nothing.

    The ids ascend in that order too, so that what lies side by side in time does in the file.
    """
    handles = store.submit_many(total(number, count=1) for number in range(50))
    ids = [handle.id for handle in handles]

    assert ids == sorted(set(ids))
    assert all(UUID(id).version == 7 for id in ids)

    assert [handle.result(WAIT) for handle in handles] == list(range(50))
    assert store.submit_many([]) == []
    assert len(store.list_workflows()) == 50


def test_submit_many_is_all_or_nothing(store: Orchestrator) -> None:
    """If one of many workflows cannot be stored, none is."""
    calls: list[Any] = [total(1), greet(threading.Lock())]  # type: ignore[arg-type]  # what cannot be stored

    with pytest.raises(EncodingError, match=r"an argument of workflow 'greet'.*\['name'\].*lock"):
        store.submit_many(calls)

    assert store.list_workflows() == []


@pytest.mark.parametrize(
    ("workflow_id", "error"), [("", TypeError), (5, TypeError), (b"id", TypeError), ("half \ud800", ValueError)]
)
def test_what_cannot_be_an_id(store: Orchestrator, workflow_id: Any, error: type[Exception]) -> None:
    """A workflow id is a non-empty string that can be stored; under anything else nothing is found."""
    with pytest.raises(error, match="workflow id"):
        store.submit(total(1), workflow_id=workflow_id)
    with pytest.raises(WorkflowNotFoundError):
        store.get_workflow_status(workflow_id)

    assert store.list_workflows() == []


@pytest.mark.parametrize(
    "workflow_id", ["a b/c?d#e", "'; drop table workflows; --", "\0", "äö\U0001f600", "x" * 10_000]
)
def test_any_text_is_an_id(store: Orchestrator, workflow_id: str) -> None:
    """A workflow id may be any text."""
    assert store.submit(total(1), workflow_id=workflow_id).result(WAIT) == 4
    assert [entry["id"] for entry in store.list_workflows()] == [workflow_id]


def _generator() -> Flow[int]:
    return (yield from add(1, 2))


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (total, r"submit\(total\(\.\.\.\)\)"),
        (add, "a workflow called with its arguments"),
        (add(1, 2), "only a workflow can be submitted: write a workflow that yields it"),
        (_generator(), "a workflow called with its arguments"),
        (5, "a workflow called with its arguments"),
        ("total", "a workflow called with its arguments"),
        (None, "a workflow called with its arguments"),
    ],
)
def test_what_cannot_be_submitted_is_refused_with_the_remedy(store: Orchestrator, given: Any, remedy: str) -> None:
    """`submit` of anything but a workflow called with its arguments says what to write."""
    for call in (store.submit, store.run, lambda given: store.submit_many([given])):
        with pytest.raises(TypeError, match=remedy):
            call(given)

    assert store.list_workflows() == []


def test_a_workflow_of_another_registry_is_refused(orchestrator: Orchestrator) -> None:
    """A workflow that this orchestrator could not find again after a restart is refused at once."""
    with pytest.raises(UnknownWorkflowError, match="'total'"):
        orchestrator.submit(total(1))
