"""Activities one after the other: what the workflow receives, live and after a crash."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from yieldflow import Flow, Registry, activity, sleep, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def fetch(key: str) -> Any:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
def store(value: Any, key: str = "there") -> None:
    raise AssertionError("a stepper runs no activity")


@workflow(registry=registry)
def copy_value(key: str) -> Flow[str]:
    value = yield from fetch(key)
    yield from store(value, key="copy")
    return f"{value} copied"


@workflow(registry=registry)
def five_times() -> Flow[list[Any]]:
    values = []
    for _ in range(5):
        value = yield fetch("same")
        values.append(value)
    return values


@workflow(registry=registry)
def describe_value() -> Flow[tuple[str, str]]:
    """Tells what it saw, and what it saw on a second look after a step."""
    value = yield from fetch("value")
    first = repr(value)
    yield from sleep(1)
    return first, repr(value)


@workflow(registry=registry)
def hand_on() -> Flow[Any]:
    value = yield from fetch("value")
    yield from sleep(1)
    return value


# ---------------------------------------------------------------------- in sequence


def test_a_workflow_goes_from_activity_to_activity() -> None:
    """A result comes out of one yield and goes as an argument into the next."""
    flow = Stepper(copy_value("k"))
    assert flow.pending == [fetch("k")]

    flow.resolve("payload")
    assert flow.pending == [store("payload", "copy")]

    flow.resolve(None)
    assert (flow.done, flow.result, flow.pending) == (True, "payload copied", [])


def test_plain_yield_and_yield_from_do_the_same() -> None:
    """`yield command` and `yield from command` differ for type checkers only."""

    @workflow(registry=registry)
    def plain() -> Flow[Any]:
        value = yield fetch("k")
        return value

    @workflow(registry=registry)
    def delegating() -> Flow[Any]:
        return (yield from fetch("k"))

    results = []
    for definition in (plain, delegating):
        flow = Stepper(definition())
        flow.resolve(5)
        results.append(flow.result)

    assert results == [5, 5]


def test_a_command_may_be_kept_and_yielded_more_than_once() -> None:
    """A command is a value: each yield of it is a step of its own."""

    @workflow(registry=registry)
    def again() -> Flow[list[Any]]:
        command = fetch("k")
        first = yield from command
        second = yield from command
        return [first, second]

    flow = Stepper(again())
    flow.resolve(1)
    flow.resolve(2)

    assert flow.result == [1, 2]


def test_a_workflow_may_end_without_a_step() -> None:
    """A workflow that never reaches a yield is done at once."""

    @workflow(registry=registry)
    def shortcut(wait: bool) -> Flow[str]:
        if wait:
            yield from sleep(1)
        return "at once"

    assert Stepper(shortcut(False)).result == "at once"


def test_a_workflow_without_a_return_gives_none() -> None:
    """A workflow that returns nothing has None for its result."""

    @workflow(registry=registry)
    def silent() -> Flow[None]:
        yield from sleep(1)

    flow = Stepper(silent())
    flow.resolve()

    assert (flow.done, flow.result) == (True, None)


# ---------------------------------------------------------------------- values


@pytest.mark.parametrize("crashes", [False, True], ids=["live", "with crashes"])
def test_a_loop_gets_a_value_of_its_own_each_time(crashes: bool) -> None:
    """Five calls of one activity with the same arguments are five steps with five results, also when resumed."""
    flow = Stepper(five_times())
    for number in range(5):
        flow.resolve(number)
        if crashes:
            flow.crash()

    assert flow.result == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("value", [0, 0.0, False, "", [], {}, None, b"", (), set()], ids=repr)
def test_an_empty_value_is_remembered_as_itself(value: Any) -> None:
    """0, False, "", [] and the like are values: a resumed workflow sees them, and not None."""
    flow = Stepper(hand_on())
    flow.resolve(value)
    flow.crash()
    flow.resolve()

    assert (type(flow.result), flow.result) == (type(value), value)


@pytest.mark.parametrize(
    "value",
    [
        ("a", 1),
        [("a", 1)],
        {1: "one", 2: "two"},
        {"nested": {3: (4, 5)}},
        {1, 2},
        b"bytes",
        1.0,
        10**30,
        float("inf"),
        datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
        date(2026, 1, 2),
        timedelta(seconds=1),
        UUID(int=7),
        "snow \N{SNOWMAN}",
    ],
    ids=repr,
)
def test_the_first_run_sees_exactly_what_a_replay_sees(value: Any) -> None:
    """Tuples stay tuples and int keys stay ints, before a crash as after it."""
    live = Stepper(describe_value())
    live.resolve(value)
    live.resolve()
    resumed = Stepper(describe_value())
    resumed.resolve(value)
    resumed.crash()
    resumed.resolve()

    assert live.result == resumed.result == (repr(value), repr(value))


def test_a_result_is_not_shared_with_whoever_gave_it() -> None:
    """Changing an object after handing it over changes nothing inside the workflow."""
    given = {"rows": [1, 2]}
    flow = Stepper(hand_on())
    flow.resolve(given)
    given["rows"].append(3)
    flow.resolve()

    assert flow.result == {"rows": [1, 2]}


def test_what_a_workflow_returned_is_not_shared_either() -> None:
    """Each look at the result gives a value of its own."""
    flow = Stepper(hand_on())
    flow.resolve([1, 2])
    flow.resolve()
    flow.result.append(3)

    assert flow.result == [1, 2]


def test_arguments_are_not_shared_with_the_caller() -> None:
    """A workflow works on its arguments as they were when it was submitted."""

    @workflow(registry=registry)
    def later(rows: list[int]) -> Flow[list[int]]:
        yield from sleep(1)
        return rows

    rows = [1, 2]
    flow = Stepper(later(rows))
    rows.append(3)
    flow.resolve()

    assert flow.result == [1, 2]


def test_a_workflow_may_change_what_it_received() -> None:
    """A value that the workflow changes in place is changed the same way after a crash, and not twice."""

    @workflow(registry=registry)
    def adding(rows: list[int]) -> Flow[list[int]]:
        more: list[int] = yield from fetch("more")
        rows.extend(more)
        more.clear()
        yield from sleep(1)
        return rows + more

    flow = Stepper(adding([1]))
    flow.resolve([2, 3])
    flow.crash()
    flow.crash()
    flow.resolve()

    assert flow.result == [1, 2, 3]


def test_an_argument_is_stored_as_it_was_at_the_yield() -> None:
    """An argument that the workflow changes after the yield is compared as it was then: no mismatch follows."""

    @workflow(registry=registry)
    def reusing() -> Flow[int]:
        rows = [1]
        yield from store(rows)
        rows.append(2)
        yield from store(rows)
        return len(rows)

    flow = Stepper(reusing())
    flow.resolve()
    flow.crash()
    flow.resolve()
    flow.crash()

    assert flow.result == 2
