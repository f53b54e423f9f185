"""Very many at once: what it costs grows with their number, and no faster.

The cost is counted in lines of the core that run, not in time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from tests.core.driver import Body, Driver, fetch
from yieldflow import Flow, cancel, gather, race, sleep, start, wait_for
from yieldflow._core import execution


class Counter:
    """Counts the lines of the core that run."""

    def __init__(self) -> None:
        self.lines = 0
        self._folder = execution.__file__.removesuffix("execution.py")

    def of(self, action: Callable[[], object]) -> int:
        """The number of lines of the core that ``action`` runs."""
        before = sys.gettrace()
        sys.settrace(self._call)
        try:
            action()
        finally:
            sys.settrace(before)
        return self.lines

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(self._folder) else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        self.lines += event == "line"
        return self._line


def all_end(run: Driver) -> None:
    """Each step that is pending ends, one after the other."""
    for number in list(run.execution.open):
        run.resolve(number)


def first_ends(run: Driver) -> None:
    run.resolve(0)


def one_after_the_other(run: Driver) -> None:
    """Each step ends when it is the only one."""
    while run.execution.open:
        run.resolve(next(iter(run.execution.open)))


def first_fails(run: Driver) -> None:
    run.fail(0)


def is_cancelled(run: Driver) -> None:
    run.cancel()


def branch(number: int) -> Flow[None]:
    yield from fetch(number)


def gathering(size: int) -> Flow[Any]:
    return len((yield from gather(*map(fetch, range(size)))))


def limited(size: int) -> Flow[Any]:
    return len((yield from gather(*(gather() for _ in range(size)), fetch("last"), limit=3)))


def of_branches(size: int) -> Flow[Any]:
    return len((yield from gather(*map(branch, range(size)))))


def racing(size: int) -> Flow[Any]:
    return (yield from race(*map(fetch, range(size))))


def racing_branches(size: int) -> Flow[Any]:
    return (yield from race(*map(branch, range(size))))


def with_limits_of_time(size: int) -> Flow[Any]:
    return len((yield from gather(*(wait_for(fetch(number), 5) for number in range(size)))))


def with_tasks(size: int) -> Flow[Any]:
    tasks = []
    for number in range(size):
        tasks.append((yield from start(branch(number))))
    yield from gather(*tasks)


def with_tasks_left_alone(size: int) -> Flow[Any]:
    for number in range(size):
        yield from start(fetch(number))


def with_one_task(size: int) -> Flow[Any]:
    task = yield from start(fetch("t"))
    yield from gather(*(task for _ in range(size)))


def with_a_busy_task(size: int) -> Flow[Any]:
    """One task that many wait for, and that waits for many others itself, one after the other."""

    def busy() -> Flow[None]:
        for number in range(size):
            task = yield from start(fetch(number))
            yield from task

    task = yield from start(busy())
    yield from gather(*(task for _ in range(size)))


def with_cancelled_tasks(size: int) -> Flow[Any]:
    tasks = []
    for number in range(size):
        tasks.append((yield from start(branch(number))))
    yield from fetch("last")
    for task in tasks:
        yield from cancel(task)


def nested(size: int) -> Flow[Any]:
    below: Any = fetch("bottom")
    for level in range(size):
        below = gather(race(below, sleep(5)) if level % 2 else below)
    yield below


@pytest.mark.parametrize(
    ("body", "action"),
    [
        (gathering, all_end),
        (gathering, first_fails),
        (gathering, is_cancelled),
        (limited, all_end),
        (of_branches, all_end),
        (of_branches, first_fails),
        (racing, first_ends),
        (racing_branches, first_ends),
        (racing_branches, is_cancelled),
        (with_limits_of_time, first_fails),
        (with_limits_of_time, is_cancelled),
        (with_tasks, all_end),
        (with_tasks, first_fails),
        (with_tasks, is_cancelled),
        (with_tasks_left_alone, all_end),
        (with_tasks_left_alone, is_cancelled),
        (with_one_task, first_ends),
        (with_one_task, first_fails),
        (with_a_busy_task, one_after_the_other),
        (with_cancelled_tasks, first_ends),
        (nested, first_ends),
        (nested, is_cancelled),
    ],
    ids=lambda function: function.__name__,
)
def test_the_cost_grows_with_the_number(body: Callable[[int], Flow[Any]], action: Callable[[Driver], None]) -> None:
    """Twice as many members, branches, tasks, waiters or levels cost twice as much, from the start to the end."""

    def cost(size: int) -> int:
        lived: list[Driver] = []

        def live() -> None:
            lived.append(Driver(lambda: body(size)))
            action(lived[0])

        spent = Counter().of(live)
        assert lived[0].execution.over
        lived[0].close()
        return spent

    small, large = cost(100), cost(200)

    assert large < 2.2 * small


def life_of(body: Body, action: Callable[[Driver], None]) -> Driver:
    """A workflow after ``action``, replayed once."""
    run = Driver(body)
    action(run)
    run.crash()
    run.close()
    return run


@pytest.mark.slow
def test_a_gather_of_a_hundred_thousand() -> None:
    """A hundred thousand steps at once end one after the other, and the workflow replays."""
    assert life_of(lambda: gathering(100_000), all_end).result == 100_000


@pytest.mark.slow
def test_a_gather_of_a_hundred_thousand_that_fails() -> None:
    """One failure lets go of a hundred thousand steps."""
    run = life_of(lambda: gathering(100_000), first_fails)

    assert (run.status, len(run.told[-1].cancelled), run.pending) == ("failed", 99_999, [])


@pytest.mark.slow
def test_a_race_of_a_hundred_thousand() -> None:
    """One winner lets go of a hundred thousand steps."""
    run = life_of(lambda: racing(100_000), first_ends)

    assert (run.result, len(run.told[-1].cancelled), run.pending) == ((0, None), 99_999, [])
