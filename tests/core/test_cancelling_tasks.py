"""`cancel`: ending a task early. Each workflow is also replayed from every prefix of its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.driver import Drive, careful, fetch, pay, two_steps
from yieldflow import (
    Cancelled,
    CommandError,
    Flow,
    Task,
    TaskCancelledError,
    cancel,
    gather,
    now,
    race,
    sleep,
    start,
)


def test_cancel_resumes_at_once(drive: Drive) -> None:
    """cancel(task) gives None at once; the task cleans up in the background."""

    def body() -> Flow[Any]:
        task = yield from start(careful("t"))
        yield from fetch("a")
        nothing = yield cancel(task)
        yield from fetch("b")
        return nothing

    run = drive(body)
    run.resolve("fetch a")
    assert sorted(run.pending) == ["clean_up t", "fetch b"]

    run.resolve("fetch b")
    assert (run.status, run.pending) == ("processing", ["clean_up t"])

    run.resolve("clean_up t")
    assert run.result is None


def test_a_cancelled_task_raises_where_it_is_yielded(drive: Drive) -> None:
    """Yielding a cancelled task raises TaskCancelledError, once its cleanup is over, and each time."""

    def body() -> Flow[list[str]]:
        task = yield from start(careful("t"))
        yield from fetch("a")
        yield from cancel(task)
        seen = []
        for _ in range(2):
            try:
                yield from task
            except TaskCancelledError as error:
                seen.append(type(error).__name__)
        return seen

    run = drive(body)
    run.resolve("fetch a")
    assert (run.pending, run.status) == (["clean_up t"], "processing")

    run.resolve("clean_up t")
    assert run.result == ["TaskCancelledError"] * 2


def test_who_waits_for_a_task_hears_that_it_was_cancelled(drive: Drive) -> None:
    """A branch that was waiting when another cancels the task gets TaskCancelledError too."""

    def waiting(task: Task[Any]) -> Flow[str]:
        try:
            yield from task
        except TaskCancelledError:
            return "it was cancelled"
        return "it ended"

    def cancelling(task: Task[Any]) -> Flow[None]:
        yield from fetch("a")
        yield from cancel(task)

    def body() -> Flow[Any]:
        task = yield from start(fetch("t"))
        return (yield from gather(waiting(task), cancelling(task)))

    run = drive(body)
    run.resolve("fetch a")

    assert (run.result, run.dropped_by_last()) == (["it was cancelled", None], ["fetch t"])


def test_cancelling_what_has_ended_does_nothing(drive: Drive) -> None:
    """A task that has ended keeps its value, however often it is cancelled then."""

    def body() -> Flow[Any]:
        task = yield from start(fetch("t"))
        yield from task
        yield from cancel(task)
        yield from cancel(task)
        return (yield from task)

    run = drive(body)
    run.resolve("fetch t", "T")

    assert run.result == "T"


def test_cancelling_twice_cancels_once(drive: Drive) -> None:
    """A task that cleans up is not disturbed by being cancelled again."""

    def body() -> Flow[str]:
        task = yield from start(careful("t"))
        yield from fetch("a")
        yield from cancel(task)
        yield from cancel(task)
        yield from fetch("b")
        yield from cancel(task)
        return "done"

    run = drive(body)
    run.resolve("fetch a")
    run.resolve("fetch b")
    assert run.pending == ["clean_up t"]

    run.resolve("clean_up t")
    assert run.result == "done"


def test_a_task_cancelled_before_it_began_runs_no_line(drive: Drive) -> None:
    """A helper that is started and cancelled in one go never begins."""
    begun: list[str] = []

    def helper() -> Flow[None]:
        begun.append("helper")
        yield from fetch("h")

    def body() -> Flow[str]:
        task = yield from start(helper())
        yield from cancel(task)
        try:
            yield from task
        except TaskCancelledError:
            return "cancelled"
        return "ended"

    run = drive(body)

    assert (run.result, begun, run.steps) == ("cancelled", [], [])


def test_a_task_of_one_step_is_cancelled_in_the_turn_that_began_it(drive: Drive) -> None:
    """A step that was issued and cancelled in the same turn comes out as both."""

    def body() -> Flow[None]:
        task = yield from start(fetch("t"))
        yield from cancel(task)

    run = drive(body)

    assert run.issued_by_last() == run.dropped_by_last() == ["fetch t"]
    assert run.result is None


def test_cancelled_tasks_fail_nobody(drive: Drive) -> None:
    """A workflow that cancels its task and never asks for it returns as if nothing were."""

    def body() -> Flow[str]:
        task = yield from start(two_steps("t"))
        yield from fetch("a")
        yield from cancel(task)
        return "fine"

    run = drive(body)
    run.resolve("fetch a")

    assert (run.result, run.pending) == ("fine", [])


def test_a_task_that_survives_its_cancellation_was_cancelled(drive: Drive) -> None:
    """A task that catches `Cancelled` and returns a value was cancelled all the same."""

    def stubborn() -> Flow[str]:
        try:
            yield from fetch("t")
        except Cancelled:
            yield from fetch("t after all")
        return "survived"

    def body() -> Flow[str]:
        task = yield from start(stubborn())
        yield from fetch("a")
        yield from cancel(task)
        try:
            return (yield from task)
        except TaskCancelledError:
            return "cancelled"

    run = drive(body)
    run.resolve("fetch a")
    run.resolve("fetch t after all")

    assert run.result == "cancelled"


def test_a_cancelled_task_may_have_to_be_waited_for(drive: Drive) -> None:
    """cancel(task) of an activity with on_cancel="wait": it is told, and the workflow ends after it."""

    def body() -> Flow[str]:
        task = yield from start(pay("t"))
        yield from fetch("a")
        yield from cancel(task)
        return "fine"

    run = drive(body)
    run.resolve("fetch a")
    assert (run.pending, run.cancelling_by_last(), run.status) == (["pay t"], ["pay t"], "processing")

    run.resolve("pay t", "receipt")
    assert run.result == "fine"


@pytest.mark.parametrize("make", [lambda: careful("t"), lambda: gather(careful("t"), fetch("u"))], ids=["own", "deep"])
def test_a_failed_cleanup_of_a_cancelled_task_is_seen_by_who_asks(drive: Drive, make: Callable[[], Any]) -> None:
    """Yielding a cancelled task whose cleanup failed tells of that failure, also where it is further down."""

    def body() -> Flow[str]:
        task: Task[Any] = yield start(make())
        yield from fetch("a")
        yield from cancel(task)
        try:
            yield from task
        except Exception as error:
            return "\n".join([repr(error), repr(error.__cause__), *getattr(error, "__notes__", ())])
        return "nothing was raised"

    run = drive(body)
    run.resolve("fetch a")
    run.fail("clean_up t", ConnectionError("cleanup lost"))

    assert "cleanup lost" in run.result


def test_a_task_that_was_cancelled_with_its_starter(drive: Drive) -> None:
    """A task whose starter was cancelled raises TaskCancelledError for whoever else waits for it."""

    def starting(shared: list[Task[Any]]) -> Flow[None]:
        shared.append((yield from start(fetch("t"))))
        yield from sleep(60)

    def waiting(shared: list[Task[Any]]) -> Flow[str]:
        yield from now()
        try:
            yield from shared[0]
        except TaskCancelledError:
            return "cancelled"
        return "ended"

    def body() -> Flow[Any]:
        shared: list[Task[Any]] = []
        return (yield from gather(race(fetch("a"), starting(shared)), waiting(shared)))

    run = drive(body)
    run.resolve("fetch a", "A")

    assert run.result == [(0, "A"), "cancelled"]


def test_a_task_may_cancel_itself(drive: Drive) -> None:
    """A task that cancels itself gets `Cancelled` at a yield, and the workflow comes to its end."""
    told: list[str] = []

    def helper(shared: list[Task[None]]) -> Flow[None]:
        try:
            yield from fetch("t")
            yield from cancel(shared[0])
            yield from sleep(60)
        except Cancelled:
            told.append("cancelled")
            raise

    def body() -> Flow[str]:
        shared: list[Task[None]] = []
        shared.append((yield from start(helper(shared))))
        try:
            yield from shared[0]
        except TaskCancelledError:
            return "told"
        return "not told"

    run = drive(body, replayed=False)
    run.resolve("fetch t")

    assert (run.result, told, run.pending) == ("told", ["cancelled"], [])


def test_a_task_cannot_wait_for_itself(drive: Drive) -> None:
    """A task that yields itself would wait for ever: it is refused with an error."""

    def helper(shared: list[Task[None]]) -> Flow[None]:
        yield from fetch("t")
        yield from shared[0]

    def body() -> Flow[None]:
        shared: list[Task[None]] = []
        shared.append((yield from start(helper(shared))))
        yield from shared[0]

    run = drive(body)
    run.resolve("fetch t")

    assert run.status == "failed"
    assert isinstance(run.error, CommandError)


@pytest.mark.parametrize("levels", [100, 1000])
def test_cancelling_tasks_nested_deeply(drive: Drive, levels: int) -> None:
    """Cancelling a task reaches the tasks that it started, however deep, and each is told once."""
    told: list[int] = []

    def down(level: int) -> Flow[None]:
        try:
            if level:
                yield from start(down(level - 1))
            yield from fetch(level)
        except Cancelled:
            told.append(level)
            raise

    def body() -> Flow[str]:
        task = yield from start(down(levels))
        yield from fetch("a")
        yield from cancel(task)
        return "done"

    run = drive(body, replayed=False)
    run.resolve("fetch a")

    assert (run.result, run.pending) == ("done", [])
    assert sorted(told) == list(range(levels + 1))
