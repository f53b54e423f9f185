"""`start`, `Task` and `cancel`: commands that go on in the background. Each workflow is replayed from every prefix."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from tests.core.driver import Drive, careful, clean_up, fetch, ship, two_steps
from yieldflow import (
    CommandError,
    Flow,
    Task,
    cancel,
    gather,
    now,
    race,
    sleep,
    start,
    wait_for,
)

# ---------------------------------------------------------------------- starting and waiting


def test_start_resumes_at_once(drive: Drive) -> None:
    """A started command goes on in the background: the workflow has a task, and issues its next step at once."""

    def body() -> Flow[Any]:
        task = yield from start(fetch("a"))
        value = yield from fetch("b")
        return [isinstance(task, Task), value, (yield from task)]

    run = drive(body)
    assert run.pending == ["fetch a", "fetch b"]

    run.resolve("fetch b", "B")
    assert run.pending == ["fetch a"]

    run.resolve("fetch a", "A")
    assert run.result == [True, "B", "A"]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_task_may_end_before_it_is_waited_for(drive: Drive, order: str) -> None:
    """Yielding a task gives its value, also where it ended before the yield."""

    def body() -> Flow[Any]:
        task = yield start(two_steps("a"))
        first = yield fetch("b")
        return [first, (yield task)]

    run = drive(body)
    run.resolve("fetch a1", "x")
    for key in order:
        run.resolve("fetch a2" if key == "a" else "fetch b", key)

    assert run.result == ["b", "xa"]


STARTABLE: dict[str, tuple[Callable[[], Any], dict[str, Any], Any]] = {
    "an activity": (lambda: fetch("a"), {"fetch a": "A"}, "A"),
    "a sleep": (lambda: sleep(5), {"sleep 5": None}, None),
    "a helper": (lambda: two_steps("a"), {"fetch a1": "x", "fetch a2": "y"}, "xy"),
    "a gather": (lambda: gather(fetch("a"), fetch("b")), {"fetch b": "B", "fetch a": "A"}, ["A", "B"]),
    "an empty gather": (lambda: gather(), {}, []),
    "a race": (lambda: race(fetch("a"), fetch("b")), {"fetch b": "B"}, (1, "B")),
    "a wait": (lambda: wait_for(fetch("a"), 5), {"fetch a": "A"}, "A"),
    "a child": (lambda: ship("o-1"), {"child ship o-1": "shipped"}, "shipped"),
}


@pytest.mark.parametrize("what", STARTABLE)
def test_everything_that_can_be_yielded_can_be_started(drive: Drive, what: str) -> None:
    """A task gives what its command gives, each time that it is yielded."""
    make, outcomes, expected = STARTABLE[what]

    def body() -> Flow[Any]:
        task: Task[Any] = yield start(make())
        return [(yield task), (yield from task)]

    run = drive(body)
    for step, value in outcomes.items():
        run.resolve(step, value)

    assert run.result == [expected, expected]


def test_what_resumes_at_once_can_be_started(drive: Drive) -> None:
    """A task of now() has ended as soon as it is started."""

    def body() -> Flow[bool]:
        task = yield from start(now())
        return (yield from task) == (yield from now())

    run = drive(body)

    assert (run.result, run.steps) == (True, [])


def test_a_task_is_waited_for_as_often_as_you_like(drive: Drive) -> None:
    """Two branches wait for one task, before it ends and after."""

    def waiting(task: Task[str], key: str) -> Flow[Any]:
        first = yield from task
        yield from fetch(key)
        return [key, first, (yield from task)]

    def body() -> Flow[Any]:
        task = yield from start(two_steps("t"))
        return (yield from gather(waiting(task, "a"), waiting(task, "b"), task, task))

    run = drive(body)
    run.resolve("fetch t1", "x")
    run.resolve("fetch t2", "y")
    assert run.pending == ["fetch a", "fetch b"]

    run.resolve("fetch b")
    run.resolve("fetch a")
    assert run.result == [["a", "xy", "xy"], ["b", "xy", "xy"], "xy", "xy"]


def test_waiters_go_on_in_the_order_in_which_they_came(drive: Drive) -> None:
    """Several branches that wait for one task are driven first in, first out."""
    journal: list[str] = []

    def waiting(task: Task[Any], key: str) -> Flow[None]:
        yield from task
        journal.append(key)

    def body() -> Flow[Any]:
        task = yield from start(fetch("t"))
        yield gather(*(waiting(task, key) for key in "abcd"))

    run = drive(body, replayed=False)
    run.resolve("fetch t")

    assert journal == ["a", "b", "c", "d"]


def test_a_started_helper_begins_after_its_starter_waits(drive: Drive) -> None:
    """start() runs no line of the helper: the starter goes on first, up to its next wait."""
    journal: list[str] = []

    def helper() -> Flow[None]:
        journal.append("helper")
        yield from fetch("h")

    def body() -> Flow[None]:
        yield from start(helper())
        journal.append("starter")
        yield from fetch("s")

    run = drive(body, replayed=False)

    assert (journal, run.pending) == (["starter", "helper"], ["fetch s", "fetch h"])


def test_the_same_command_started_twice_is_two_steps(drive: Drive) -> None:
    """Each start is a task of its own."""

    def body() -> Flow[Any]:
        command = fetch("a")
        tasks = [(yield from start(command)), (yield from start(command))]
        return (yield from gather(*tasks))

    run = drive(body)
    assert run.pending == ["fetch a", "fetch a"]

    run.resolve(1, "second")
    run.resolve(0, "first")
    assert run.result == ["first", "second"]


def test_a_task_in_a_race_goes_on_though_it_loses(drive: Drive) -> None:
    """A race cancels only what it began itself: a task that loses is still under way."""

    def body() -> Flow[Any]:
        task = yield from start(two_steps("a"))
        first = yield from race(task, sleep(5))
        return [first, (yield from task)]

    run = drive(body)
    run.resolve("sleep 5")
    assert run.pending == ["fetch a1"]

    run.resolve("fetch a1", "x")
    run.resolve("fetch a2", "y")
    assert run.result == [(1, None), "xy"]


def test_a_task_wins_a_race(drive: Drive) -> None:
    """A task that ends first wins; a task that has ended wins at once, and members after it do not begin."""

    def body() -> Flow[Any]:
        task = yield from start(fetch("a"))
        first = yield from race(sleep(5), task)
        return [first, (yield from race(task, fetch("never"))), (yield from race(task, task))]

    run = drive(body)
    run.resolve("fetch a", "A")

    assert run.result == [(1, "A"), (0, "A"), (0, "A")]
    assert [run.shown(step) for step in run.steps] == ["fetch a", "sleep 5"]


def test_a_task_goes_on_though_its_wait_times_out(drive: Drive) -> None:
    """wait_for does not cancel a task that was started outside it."""

    def body() -> Flow[Any]:
        task = yield from start(fetch("a"))
        with suppress(TimeoutError):
            yield from wait_for(task, 5)
        return (yield from task)

    run = drive(body)
    run.resolve("sleep 5")
    assert run.pending == ["fetch a"]

    run.resolve("fetch a", "A")
    assert run.result == "A"


def test_a_task_goes_on_though_a_gather_with_it_fails(drive: Drive) -> None:
    """A gather that fails cancels its other members, and leaves tasks alone."""

    def body() -> Flow[Any]:
        task = yield from start(fetch("a"))
        try:
            yield from gather(task, fetch("b"), careful("c"))
        except ValueError:
            yield from sleep(1)
        return (yield from task)

    run = drive(body)
    run.fail("fetch b")
    run.resolve("clean_up c")
    assert run.pending == ["fetch a", "sleep 1"]

    run.resolve("sleep 1")
    run.resolve("fetch a", "A")
    assert run.result == "A"


def test_two_branches_wait_and_one_is_cancelled(drive: Drive) -> None:
    """Two branches wait for a task and one is cancelled: the other still gets the value."""

    def waiting(task: Task[str]) -> Flow[str]:
        return (yield from task)

    def body() -> Flow[Any]:
        task: Task[Any] = yield start(fetch("t"))
        return (yield from gather(race(waiting(task), sleep(1)), waiting(task)))

    run = drive(body)
    run.resolve("sleep 1")
    run.resolve("fetch t", "T")

    assert run.result == [(1, None), "T"]


def test_a_task_in_a_limited_gather_holds_its_place(drive: Drive) -> None:
    """In a limited gather a task takes a place until it has ended."""

    def body() -> Flow[Any]:
        task = yield from start(fetch("t"))
        return (yield from gather(task, fetch("a"), task, fetch("b"), limit=1))

    run = drive(body)
    assert run.pending == ["fetch t"]

    run.resolve("fetch t", "T")
    assert run.pending == ["fetch a"]

    run.resolve("fetch a", "A")
    run.resolve("fetch b", "B")
    assert run.result == ["T", "A", "T", "B"]


# ---------------------------------------------------------------------- refusals


def test_a_task_cannot_be_started(drive: Drive) -> None:
    """start(task) is refused: a task is under way already, so the remedy is to yield it."""

    def body() -> Flow[str]:
        task = yield from start(fetch("a"))
        try:
            yield start(task)
        except CommandError as error:
            yield from task
            return str(error)
        return "taken"

    run = drive(body)
    run.resolve("fetch a")

    assert "yield" in run.result


@pytest.mark.parametrize("what", [fetch("a"), 5, None, fetch], ids=["a command", "a number", "None", "a definition"])
def test_only_tasks_can_be_cancelled(what: Any) -> None:
    """cancel() of anything but a task is a TypeError at the call that says what it takes."""
    with pytest.raises(TypeError, match=r"cancel\("):
        cancel(what)


@pytest.mark.parametrize("use", ["yielded", "cancelled", "gathered", "raced"])
def test_a_task_of_another_workflow_is_refused(drive: Drive, use: str) -> None:
    """A task that came from elsewhere is refused at the yield, and the workflow that it is of is not disturbed."""
    leaked: list[Task[Any]] = []

    def leaking() -> Flow[Any]:
        task = yield from start(fetch("a"))
        leaked.append(task)
        return (yield from task)

    def body() -> Flow[str]:
        ways: dict[str, Callable[[], Any]] = {
            "yielded": lambda: leaked[0],
            "cancelled": lambda: cancel(leaked[0]),
            "gathered": lambda: gather(leaked[0]),
            "raced": lambda: race(leaked[0], sleep(1)),
        }
        try:
            yield ways[use]()
        except CommandError as error:
            return str(error)
        return "taken"

    first = drive(leaking, replayed=False)
    second = drive(body, replayed=False)
    assert "task" in second.result.lower()

    first.resolve("fetch a", "A")
    assert first.result == "A"


@pytest.mark.parametrize("way", ["an argument", "a result"])
def test_a_task_cannot_be_stored(drive: Drive, way: str) -> None:
    """A task as an argument of an activity or as a result is refused, with a message that speaks of a task."""

    def body() -> Flow[Any]:
        task = yield from start(fetch("a"))
        yield from task
        if way == "a result":
            return task
        yield from clean_up(task)

    run = drive(body)
    run.resolve("fetch a")

    assert run.status == "failed"
    assert "task" in run.failure.lower()
    assert "never yielded" not in run.failure


def test_a_start_never_yielded_is_reported_once(drive: Drive) -> None:
    """start() and cancel() that are made and forgotten are told; what they hold counts as used by them."""

    def body() -> Flow[None]:
        task = yield from start(sleep(1))
        start(fetch("a"))
        cancel(task)
        yield from task

    run = drive(body, replayed=False)
    told = [command for command, _ in run.advance.unyielded]

    assert len(told) == 2
    assert told[0].startswith("start(fetch(key='a'))")
    assert told[1].startswith("cancel(")


def test_a_task_has_no_truth_value(drive: Drive) -> None:
    """`if task:` says nothing of whether the task has ended: the error says so, and what to write."""

    def body() -> Flow[str]:
        task = yield from start(fetch("t"))
        return "over" if task else "under way"

    failure = drive(body).failure

    assert "has no truth value, and does not tell whether it has ended" in failure
    assert "if (yield from task): ..." in failure


def test_a_task_that_nobody_yields_is_no_slip(drive: Drive) -> None:
    """A task need not be yielded: it is not reported as a command that was forgotten."""

    def body() -> Flow[None]:
        yield from start(sleep(1))
        yield from sleep(2)

    run = drive(body, replayed=False)
    run.resolve("sleep 2")
    assert not run.advance.unyielded

    run.resolve("sleep 1")
    assert (run.result, list(run.advance.unyielded)) == (None, [])


def test_a_started_generator_cannot_be_started_again(drive: Drive) -> None:
    """One generator cannot be two tasks."""

    def body() -> Flow[Any]:
        helper = two_steps("a")
        task = yield start(helper)
        yield start(helper)
        return (yield task)

    run = drive(body)
    for step in list(run.pending):
        run.resolve(step)

    assert "was already started" in run.failure


# ---------------------------------------------------------------------- many


def test_ten_thousand_tasks(drive: Drive) -> None:
    """A workflow may have very many tasks, and waits for each of them."""

    def body() -> Flow[int]:
        tasks = []
        for number in range(10_000):
            tasks.append((yield from start(fetch(number))))
        return len((yield from gather(*tasks)))

    run = drive(body, replayed=False)
    for number in range(10_000):
        run.resolve(number)

    assert run.result == 10_000


def test_ten_thousand_wait_for_one_task(drive: Drive) -> None:
    """A task may have very many waiters, and each hears of its end."""

    def body() -> Flow[int]:
        task = yield from start(fetch("t"))
        return sum((yield from gather(*(task for _ in range(10_000)))))

    run = drive(body, replayed=False)
    run.resolve("fetch t", 1)

    assert run.result == 10_000


@pytest.mark.parametrize("levels", [100, 1000])
def test_tasks_nest_deeply(drive: Drive, levels: int) -> None:
    """A task that starts a task, and so on, comes back with its value."""

    def down(level: int) -> Flow[int]:
        if not level:
            return (yield from fetch("bottom"))  # type: ignore[no-any-return]  # an activity of Any
        task = yield from start(down(level - 1))
        return 1 + (yield from task)

    run = drive(lambda: down(levels))
    run.resolve("fetch bottom", 0)

    assert run.result == levels
