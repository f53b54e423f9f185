"""A branch or workflow that ends waits for its tasks, or cancels them. Each is replayed from every prefix."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.driver import Drive, careful, fetch, two_steps
from tests.core.small_workflows import failing
from yieldflow import (
    Flow,
    Task,
    gather,
    race,
    sleep,
    start,
)


def test_a_workflow_that_returns_waits_for_its_tasks(drive: Drive) -> None:
    """The result of a workflow comes when its tasks have ended, with all their steps."""

    def body() -> Flow[str]:
        yield from start(two_steps("a"))
        yield from start(sleep(5))
        return "returned"

    run = drive(body)
    run.resolve("fetch a1", "x")
    run.resolve("fetch a2", "y")
    assert (run.status, run.execution.over, run.execution.end) == ("processing", False, None)

    run.resolve("sleep 5")
    assert (run.result, run.execution.over) == ("returned", True)


def test_a_branch_that_returns_waits_for_its_tasks(drive: Drive) -> None:
    """A branch has ended for its gather only when the tasks that it started have."""

    def branch() -> Flow[str]:
        yield from start(fetch("t"))
        return (yield from fetch("b"))  # type: ignore[no-any-return]  # an activity of Any

    def body() -> Flow[Any]:
        first = yield from race(branch(), sleep(60))
        yield from fetch("after")
        return first

    run = drive(body)
    run.resolve("fetch b", "B")
    assert sorted(run.pending) == ["fetch t", "sleep 60"]

    run.resolve("fetch t")
    assert run.pending == ["fetch after"]

    run.resolve("fetch after")
    assert run.result == (0, "B")


@pytest.mark.parametrize("delegated", [False, True], ids=["yield", "yield from"])
def test_a_helper_is_no_branch(drive: Drive, delegated: bool) -> None:
    """A helper that is simply yielded returns at once: its tasks belong to the branch that runs it."""

    def helper() -> Flow[Task[Any]]:
        return (yield from start(fetch("t")))

    def body() -> Flow[Any]:
        task = (yield from helper()) if delegated else (yield helper())
        yield from fetch("a")
        return (yield task)

    run = drive(body)
    assert run.pending == ["fetch t", "fetch a"]

    run.resolve("fetch a")
    run.resolve("fetch t", "T")
    assert run.result == "T"


def test_a_branch_hands_its_task_on(drive: Drive) -> None:
    """A task outlives the branch that started it: who has it can still ask for its value."""

    def branch() -> Flow[Task[Any]]:
        return (yield from start(fetch("t")))

    def body() -> Flow[Any]:
        (task,) = yield from gather(branch())
        return (yield from task)

    run = drive(body)
    run.resolve("fetch t", "T")

    assert run.result == "T"


def test_an_unseen_failure_fails_the_branch_that_started_it(drive: Drive) -> None:
    """The failure comes out of the branch, where the workflow may catch it."""

    def branch() -> Flow[str]:
        yield from start(failing("t"))
        return "fine"

    def body() -> Flow[Any]:
        results = yield from gather(branch(), fetch("a"), return_exceptions=True)
        return [repr(one) for one in results]

    run = drive(body)
    run.resolve("fetch t")
    run.resolve("fetch a", "A")

    assert run.result == ["ValueError('t failed')", "'A'"]


def test_a_workflow_that_raises_cancels_its_tasks(drive: Drive) -> None:
    """A workflow that fails lets its tasks clean up, and then ends with its own exception."""

    def body() -> Flow[None]:
        yield from start(careful("t"))
        yield from start(sleep(60))
        yield from fetch("a")

    run = drive(body)
    run.fail("fetch a", KeyError("a"))
    assert (run.status, run.pending, run.execution.over) == ("processing", ["clean_up t"], False)

    run.resolve("clean_up t")
    assert run.failure == "KeyError: 'a'"


def test_a_branch_that_raises_cancels_its_tasks(drive: Drive) -> None:
    """The gather hears of the failure when the branch's tasks have cleaned up."""

    def branch() -> Flow[None]:
        yield from start(careful("t"))
        yield from fetch("b")

    def body() -> Flow[Any]:
        try:
            yield from gather(branch(), fetch("c"))
        except ValueError as error:
            return f"caught {error}"

    run = drive(body)
    run.fail("fetch b")
    assert sorted(run.pending) == ["clean_up t", "fetch c"]

    run.resolve("clean_up t")
    assert (run.result, run.pending) == ("caught fetch b lost", [])


def test_a_branch_that_is_cancelled_cancels_its_tasks(drive: Drive) -> None:
    """Losing a race reaches the tasks that the branch started, and waits for their cleanup."""

    def branch() -> Flow[None]:
        yield from start(careful("t"))
        yield from fetch("b")

    def body() -> Flow[Any]:
        return (yield from race(fetch("a"), branch()))

    run = drive(body)
    run.resolve("fetch a", "A")
    assert (run.pending, run.status) == (["clean_up t"], "processing")

    run.resolve("clean_up t")
    assert run.result == (0, "A")


def test_a_branch_that_waits_for_its_tasks_can_be_cancelled(drive: Drive) -> None:
    """A branch that has returned and waits only for its tasks is cancelled by way of them."""

    def branch() -> Flow[str]:
        yield from start(careful("t"))
        return "returned"

    def body() -> Flow[Any]:
        return (yield from race(fetch("a"), branch()))

    run = drive(body)
    run.resolve("fetch a", "A")
    assert (run.pending, run.dropped_by_last()) == (["clean_up t"], ["fetch t"])

    run.resolve("clean_up t")
    assert run.result == (0, "A")


def test_a_task_waits_for_its_own_tasks(drive: Drive) -> None:
    """A started helper is a branch: it has ended when the tasks that it started have."""

    def outer() -> Flow[str]:
        yield from start(fetch("inner"))
        return "outer"

    def body() -> Flow[Any]:
        task = yield from start(outer())
        return (yield from task)

    run = drive(body)
    assert (run.pending, run.status) == (["fetch inner"], "processing")

    run.resolve("fetch inner")
    assert run.result == "outer"
