"""The failure of a task reaches whoever yields it, and else fails the workflow. Each is replayed from every prefix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.driver import Drive, fetch
from tests.core.small_workflows import failing
from yieldflow import (
    Flow,
    Task,
    gather,
    now,
    race,
    sleep,
    start,
    wait_for,
)


def test_a_failure_is_raised_at_each_yield(drive: Drive) -> None:
    """A task that failed raises its exception as often as it is yielded, also long after."""

    def body() -> Flow[list[str]]:
        task = yield from start(fetch("a"))
        seen = []
        for _ in range(3):
            try:
                yield from task
            except ValueError as error:
                seen.append(str(error))
            yield from sleep(1)
        return seen

    run = drive(body)
    run.fail("fetch a")
    for _ in range(3):
        run.resolve("sleep 1")

    assert run.result == ["fetch a lost"] * 3


def test_a_failure_reaches_every_waiter(drive: Drive) -> None:
    """Two branches that wait for one task both see its failure."""

    def waiting(task: Task[None], key: str) -> Flow[str]:
        try:
            yield from task
        except ValueError as error:
            return f"{key}: {error}"
        return key

    def body() -> Flow[Any]:
        task = yield from start(failing("t"))
        return (yield from gather(waiting(task, "a"), waiting(task, "b")))

    run = drive(body)
    run.resolve("fetch t")

    assert run.result == ["a: t failed", "b: t failed"]


def test_a_failure_that_nobody_saw_fails_the_workflow(drive: Drive) -> None:
    """A workflow that returns though one of its tasks failed unseen fails with that exception."""

    def body() -> Flow[str]:
        yield from start(failing("t"))
        yield from fetch("a")
        return "fine"

    run = drive(body)
    run.resolve("fetch t")
    assert (run.status, run.pending) == ("processing", ["fetch a"])

    run.resolve("fetch a")
    assert run.failure == "ValueError: t failed"


class Hidden(Exception):
    """An exception that does not show its attributes."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]  # what an odd class does
        raise RuntimeError("hidden")


def with_odd_notes() -> Exception:
    error = ValueError("odd notes")
    error.__notes__ = "no list"  # type: ignore[assignment]  # what Python does not prevent
    return error


@pytest.mark.parametrize("make", [with_odd_notes, Hidden], ids=lambda make: make.__name__)
def test_a_failure_that_takes_no_note_fails_the_workflow_all_the_same(
    drive: Drive, make: Callable[[], Exception]
) -> None:
    """A failure of any class, with any notes, fails the workflow as itself: at worst it goes without our note."""

    def odd() -> Flow[None]:
        yield from fetch("a")
        raise make()

    def body() -> Flow[None]:
        yield start(odd())

    run = drive(body)
    run.resolve("fetch a", None)

    assert type(make()).__name__ in run.failure


def test_a_failure_after_the_return_fails_the_workflow(drive: Drive) -> None:
    """A workflow that has returned waits for its tasks, and fails if one of them fails then."""

    def body() -> Flow[str]:
        yield from start(fetch("t"))
        return "fine"

    run = drive(body)
    assert (run.status, run.execution.over) == ("processing", False)

    run.fail("fetch t", KeyError("t"))
    assert run.failure == "KeyError: 't'"


def test_of_several_unseen_failures_the_first_is_raised(drive: Drive) -> None:
    """The first to fail is raised; the others are notes on it."""

    def body() -> Flow[str]:
        for key in "abc":
            yield from start(fetch(key))
        return "fine"

    def outer() -> Flow[Any]:
        try:
            yield from gather(body())
        except ValueError as error:
            return [str(error), *error.__notes__]

    run = drive(outer)
    run.fail("fetch b")
    assert run.status == "processing"

    run.fail("fetch a")
    run.resolve("fetch c")
    assert run.result[0] == "fetch b lost"
    assert any("fetch a lost" in note for note in run.result[1:])


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_a_failure_that_was_seen_fails_nobody(drive: Drive, late: bool) -> None:
    """A task that was yielded and whose failure was caught is done with, whichever came first."""

    def body() -> Flow[str]:
        task = yield from start(failing("t"))
        yield from fetch("a")
        try:
            yield from task
        except ValueError as error:
            return f"caught {error}"
        return "fine"

    run = drive(body)
    for step in ["fetch a", "fetch t"] if late else ["fetch t", "fetch a"]:
        run.resolve(step)

    assert run.result == "caught t failed"


def test_a_failure_seen_in_a_list_fails_nobody(drive: Drive) -> None:
    """gather(return_exceptions=True) over tasks sees their failures."""

    def body() -> Flow[list[str]]:
        tasks = []
        for key in "ab":
            tasks.append((yield from start(fetch(key))))
        return [repr(one) for one in (yield from gather(*tasks, return_exceptions=True))]

    run = drive(body)
    run.fail("fetch a")
    run.resolve("fetch b", "B")

    assert run.result == ["ValueError('fetch a lost')", "'B'"]


def test_a_failure_seen_by_another_branch_fails_nobody(drive: Drive) -> None:
    """Whoever yields the task sees its failure, not only the branch that started it."""

    def starting(shared: list[Task[None]]) -> Flow[str]:
        shared.append((yield from start(failing("t"))))
        yield from fetch("a")
        return "starter"

    def looking(shared: list[Task[None]]) -> Flow[str]:
        yield from fetch("b")
        try:
            yield from shared[0]
        except ValueError:
            return "seen"
        return "not seen"

    def body() -> Flow[Any]:
        shared: list[Task[None]] = []
        return (yield from gather(starting(shared), looking(shared)))

    run = drive(body)
    run.resolve("fetch b")
    run.resolve("fetch t")
    run.resolve("fetch a")

    assert run.result == ["starter", "seen"]


def test_a_failure_in_the_turn_in_which_its_branch_ends(drive: Drive) -> None:
    """Two tasks end in one turn and let their branch end: whoever waits sees the failure of the second."""

    def after(shared: Task[Any], error: Exception | None) -> Flow[None]:
        yield from shared
        if error is not None:
            raise error

    def starting(shared: Task[Any], tasks: list[Task[None]]) -> Flow[str]:
        for error in (None, ValueError("failed")):
            tasks.append((yield from start(after(shared, error))))
        return "returned"

    def looking(tasks: list[Task[None]]) -> Flow[str]:
        yield from now()
        try:
            yield from tasks[1]
        except ValueError:
            return "seen"
        return "not seen"

    def body() -> Flow[Any]:
        shared = yield from start(fetch("s"))
        tasks: list[Task[None]] = []
        results = yield from gather(starting(shared, tasks), looking(tasks), return_exceptions=True)
        return [str(one) for one in results]

    run = drive(body)
    run.resolve("fetch s")

    assert run.result == ["returned", "seen"]


def test_tasks_that_wait_for_each_other_are_refused(drive: Drive) -> None:
    """Two tasks that would wait for each other for ever: the second is refused."""

    def waiting(tasks: list[Task[None]], other: int) -> Flow[None]:
        yield from fetch(other)
        yield from tasks[other]

    def body() -> Flow[str]:
        tasks: list[Task[None]] = []
        for other in (1, 0):
            tasks.append((yield from start(waiting(tasks, other))))
        results = yield from gather(*tasks, return_exceptions=True)
        return ", ".join(type(one).__name__ for one in results)

    run = drive(body)
    run.resolve("fetch 1")
    run.resolve("fetch 0")

    assert (run.result, run.pending) == ("CommandError, CommandError", [])


def test_tasks_that_wait_for_each_other_with_a_limit(drive: Drive) -> None:
    """Two tasks may wait for each other if one of them has a limit: they do not wait for ever."""

    def waiting(tasks: list[Task[str]]) -> Flow[str]:
        yield from now()
        return f"got {(yield from tasks[1])}"

    def patient(tasks: list[Task[str]]) -> Flow[str]:
        try:
            return (yield from wait_for(tasks[0], 5))
        except TimeoutError:
            return "nothing"

    def body() -> Flow[Any]:
        tasks: list[Task[str]] = []
        tasks.append((yield from start(waiting(tasks))))
        tasks.append((yield from start(patient(tasks))))
        return (yield from gather(*tasks))

    run = drive(body)
    run.resolve("sleep 5")

    assert run.result == ["got nothing", "nothing"]


def test_who_ceased_to_wait_has_not_seen(drive: Drive) -> None:
    """A branch that waited for a task and was cancelled before it failed did not see the failure."""

    def body() -> Flow[str]:
        task = yield from start(fetch("t"))
        yield from race(task, sleep(1))
        return "fine"

    run = drive(body)
    run.resolve("sleep 1")
    run.fail("fetch t")

    assert run.failure == "ValueError: fetch t lost"


def test_a_task_that_cannot_begin_fails(drive: Drive) -> None:
    """Starting what is no command is refused, at the start or when the task is yielded, and never in silence."""

    def body() -> Flow[Any]:
        yield start(5)  # type: ignore[arg-type]  # the mistake
        return "fine"

    assert "5" in drive(body).failure
