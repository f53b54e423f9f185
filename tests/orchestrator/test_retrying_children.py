"""`retry` of workflows that have children, and of the children."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import (
    WAIT,
    Declined,
    Works,
    failed,
    until,
    until_waiting,
)
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    RetryRefusedError,
    WorkflowCancelledError,
    WorkflowNotEndedError,
    WorkflowStatus,
    YieldflowError,
    gather,
    start,
    wait_signal,
    workflow,
)
from yieldflow._core.history import OnParentEnd


def test_a_failed_child_is_retried_with_its_parent(
    orchestrator: Orchestrator, registry: Registry, works: Works, trip: Any
) -> None:
    """If a child's failure ended the parent, retry() of the parent has the child go on from where it failed."""

    @workflow(registry=registry)
    def middle() -> Flow[Any]:
        return (yield from trip())

    @workflow(registry=registry)
    def listener() -> Flow[object]:
        return (yield from wait_signal("go"))

    @workflow(registry=registry)
    def parent() -> Flow[object]:
        return (yield from gather(middle(), wait_signal("go"), listener().with_options(workflow_id="listener")))

    works.broken.add("car")
    handle = failed(orchestrator, parent())
    works.broken.clear()
    handle.retry()
    handle.signal("go", "on")
    orchestrator.handle("listener").signal("go", "too")

    assert handle.result(WAIT) == [["flight", "hotel", "car"], "on", "too"]
    assert works.done == ["flight", "hotel", "car"]


def test_a_cancelled_child_is_retried_with_its_parent(orchestrator: Orchestrator, registry: Registry) -> None:
    """Children that were cancelled with their parent go on with it."""

    @workflow(registry=registry)
    def child() -> Flow[object]:
        return (yield from wait_signal("go"))

    @workflow(registry=registry)
    def parent() -> Flow[list[object]]:
        return (yield from gather(*(child().with_options(workflow_id=name) for name in "ab")))

    handle = orchestrator.submit(parent())
    until(lambda: len(orchestrator.list_workflows(parent=handle.id)) == 2)
    orchestrator.handle("a").signal("go", 1)
    orchestrator.handle("a").result(WAIT)
    handle.cancel()
    with pytest.raises(WorkflowCancelledError):
        handle.result(WAIT)
    handle.retry()
    orchestrator.handle("b").signal("go", 2)

    assert handle.result(WAIT) == [1, 2]


def test_a_child_that_was_retried_by_itself(
    orchestrator: Orchestrator, registry: Registry, works: Works, trip: Any
) -> None:
    """A child can be retried without its parent, which receives the child's new result once it is retried too."""

    @workflow(registry=registry)
    def parent() -> Flow[object]:
        return (yield from trip().with_options(workflow_id="child"))

    works.broken.add("car")
    handle = failed(orchestrator, parent())
    works.broken.clear()
    orchestrator.handle("child").retry()
    assert orchestrator.handle("child").result(WAIT) == ["flight", "hotel", "car"]
    handle.retry()

    assert handle.result(WAIT) == ["flight", "hotel", "car"]
    assert works.done == ["flight", "hotel", "car"]


def test_a_child_that_compensated(orchestrator: Orchestrator, registry: Registry, works: Works, trip: Any) -> None:
    """If the failed child completed steps after its failure, the parent's retry() is refused and names the child."""

    @workflow(registry=registry)
    def parent() -> Flow[object]:
        return (yield from trip(compensate=True).with_options(workflow_id="child"))

    works.broken.add("car")
    handle = failed(orchestrator, parent())
    works.broken.clear()
    with pytest.raises(RetryRefusedError, match=r"workflow child cannot be retried as it is"):
        handle.retry()
    assert handle.describe().status is WorkflowStatus.FAILED
    orchestrator.handle("child").retry(from_step=0)
    orchestrator.handle("child").result(WAIT)
    handle.retry()

    assert handle.result(WAIT) == ["flight", "hotel", "car"]


def test_a_child_that_was_retried_by_itself_outlives_a_restart(
    database: Path, registry: Registry, works: Works
) -> None:
    """A child that goes on by itself, since it was retried after its parent had ended, goes on at the next start."""

    @workflow(registry=registry)
    def child() -> Flow[object]:
        yield works.do("work")
        return (yield from wait_signal("go"))

    @workflow(registry=registry)
    def parent() -> Flow[str]:
        with suppress(Declined):
            yield child().with_options(workflow_id="child")
        return "without it"

    works.broken.add("work")
    with Orchestrator(database, registry=registry) as orchestrator:
        assert orchestrator.submit(parent()).result(WAIT) == "without it"
        works.broken.clear()
        handle = orchestrator.handle("child")
        handle.retry()
        until_waiting(handle, "go")
    with Orchestrator(database, registry=registry) as orchestrator:
        orchestrator.handle("child").signal("go", "on")

        assert orchestrator.handle("child").result(WAIT) == "on"


def test_a_refused_retry_changes_nothing(database: Path, registry: Registry, works: Works, trip: Any) -> None:
    """If one child cannot be retried, no other is, and the children that would be started anew are not deleted."""

    @workflow(registry=registry)
    def later() -> Flow[str]:
        return (yield from works.do("later"))

    @workflow(registry=registry)
    def parent() -> Flow[None]:
        names = {"plain": trip(), "compensates": trip(compensate=True)}
        yield gather(*(one.with_options(workflow_id=name) for name, one in names.items()), return_exceptions=True)
        yield later().with_options(workflow_id="later")
        raise ValueError("falls over")

    works.broken.add("car")
    with Orchestrator(database, registry=registry) as orchestrator:
        handle = failed(orchestrator, parent(), ValueError)
        before = orchestrator.list_workflows()
        works.broken.clear()
        # Either child may have ended first: from there on both are undone.
        first = min(handle.history()[:2], key=lambda step: step.applied or 0).step
        with pytest.raises(RetryRefusedError, match="workflow compensates cannot be retried"):
            handle.retry(from_step=first)

        assert orchestrator.list_workflows() == before
    with Orchestrator(database, registry=registry) as orchestrator:
        assert orchestrator.list_workflows() == before


@pytest.mark.parametrize("refused", ["parent", "child"])
def test_a_retry_that_breaks_off_changes_nothing(
    database: Path, registry: Registry, works: Works, trip: Any, refused: str
) -> None:
    """If a retry breaks off, at the parent or at a child, neither is retried: none goes on without the other."""

    @workflow(registry=registry)
    def parent() -> Flow[object]:
        return (yield from trip().with_options(workflow_id="child"))

    works.broken.add("car")
    with Orchestrator(database, registry=registry) as orchestrator:
        handle = orchestrator.submit(parent(), workflow_id="parent")
        with pytest.raises(Declined):
            handle.result(WAIT)
        works.broken.clear()
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(
                f"create trigger refusal before update of status on workflows when new.id = '{refused}' "
                "begin select raise(abort, 'as the test wants it'); end"
            )
        with pytest.raises(YieldflowError, match="as the test wants it"):
            handle.retry()
        assert {entry["id"]: entry["status"] for entry in orchestrator.list_workflows()} == {
            "parent": "failed",
            "child": "failed",
        }
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("drop trigger refusal")
        handle.retry()

        assert handle.result(WAIT) == ["flight", "hotel", "car"]


def test_a_parent_goes_back_before_its_child(orchestrator: Orchestrator, registry: Registry, works: Works) -> None:
    """A parent that goes back to a step before that which started a child starts another in its place."""

    @workflow(registry=registry)
    def child() -> Flow[str]:
        return (yield from works.do("child"))

    @workflow(registry=registry)
    def parent() -> Flow[str]:
        first = yield from works.do("first")
        second = yield from child()
        return f"{first} {second} " + (yield from works.do("last"))

    works.broken.add("last")
    handle = failed(orchestrator, parent())
    works.broken.clear()
    handle.retry(from_step=0)

    assert handle.result(WAIT) == "first child last"
    assert works.done == ["first", "child", "first", "child", "last"]
    assert len(orchestrator.list_workflows(parent=handle.id)) == 1


def test_a_parent_does_not_go_back_before_a_child_that_runs(
    orchestrator: Orchestrator, registry: Registry, works: Works
) -> None:
    """A child that was left running is not deleted: the parent's retry names it, and can be done once it has ended."""

    @workflow(registry=registry)
    def child() -> Flow[object]:
        return (yield from wait_signal("go"))

    @workflow(registry=registry)
    def parent() -> Flow[str]:
        yield works.do("first")
        yield start(child().with_options(workflow_id="child", on_parent_end="abandon"))
        return (yield from works.do("last"))

    works.broken.add("last")
    handle = failed(orchestrator, parent())
    works.broken.clear()
    with pytest.raises(WorkflowNotEndedError, match=rf"{handle.id} cannot go back.*child.* child is processing"):
        handle.retry(from_step=0)
    orchestrator.handle("child").terminate()
    handle.retry(from_step=0)
    until(lambda: works.done == ["first", "first", "last"])
    orchestrator.handle("child").signal("go")

    assert handle.result(WAIT) == "last"


@pytest.mark.parametrize("on_parent_end", ["abandon", "wait"])
def test_a_child_that_ended_after_its_parent_was_terminated(
    orchestrator: Orchestrator, registry: Registry, works: Works, on_parent_end: OnParentEnd
) -> None:
    """The child's work is not done again: the parent goes on with its result."""

    @workflow(registry=registry)
    def child() -> Flow[str]:
        yield wait_signal("go")
        return (yield from works.do("flight"))

    @workflow(registry=registry)
    def parent() -> Flow[str]:
        return (yield from child().with_options(workflow_id="child", on_parent_end=on_parent_end))

    handle = orchestrator.submit(parent())
    until_waiting(handle, "child")
    handle.terminate()
    with pytest.raises(WorkflowCancelledError):
        handle.result(WAIT)
    orchestrator.handle("child").signal("go")
    orchestrator.handle("child").result(WAIT)
    handle.retry()

    assert handle.result(WAIT) == "flight"
    assert works.done == ["flight"]


@pytest.mark.parametrize("fails", [False, True])
def test_a_child_that_was_begun_after_the_failure_and_outlived_its_parent(
    orchestrator: Orchestrator, registry: Registry, works: Works, fails: bool
) -> None:
    """It is not undone without a word, whether it is done or failed after it did something: retry() refuses."""

    @workflow(registry=registry)
    def child() -> Flow[None]:
        yield wait_signal("go")
        yield works.do("refund")
        if fails:
            yield works.do("letter")

    @workflow(registry=registry)
    def parent() -> Flow[None]:
        try:
            yield works.do("car")
        except Declined:
            yield start(child().with_options(workflow_id="child", on_parent_end="abandon"))
            with suppress(Declined):
                yield works.do("call")
            raise

    works.broken |= {"car", "call", "letter"}
    handle = failed(orchestrator, parent())
    orchestrator.handle("child").signal("go")
    with suppress(Declined):
        orchestrator.handle("child").result(WAIT)
    works.broken.clear()
    with pytest.raises(RetryRefusedError, match=r"after step 0 \(do\) failed.*: 1 \(child\)\..*retry\(from_step=0\)"):
        handle.retry()
    assert orchestrator.handle("child").describe().status.ended
    handle.retry(from_step=0)

    assert handle.result(WAIT) is None
    assert works.done == ["refund", "car"]
