"""`gather`: several things at once."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from yieldflow import Command, Flow, Registry, activity, gather, info, now, sleep, uuid4, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def fetch(key: Any) -> Any:
    raise AssertionError("a stepper runs no activity")


def branch(key: str) -> Flow[str]:
    """Two steps, one after the other."""
    first = yield from fetch(f"{key}1")
    second = yield from fetch(f"{key}2")
    return f"{first}{second}"


@workflow(registry=registry)
def gathering(keys: list[Any], limit: int | None = None) -> Flow[list[Any]]:
    return (yield from gather(*(fetch(key) for key in keys), limit=limit))


def keys_of(flow: Stepper[Any]) -> list[Any]:
    """The keys of what is pending."""
    return [command.arguments["key"] for command in flow.pending]  # type: ignore[attr-defined]  # all are invocations


# ---------------------------------------------------------------------- results


def test_an_empty_gather_is_an_empty_list_at_once() -> None:
    """`gather()` of nothing waits for nothing and gives []."""
    flow = Stepper(gathering([]))

    assert (flow.done, flow.result) == (True, [])


def test_a_gather_of_one_is_a_list_of_one() -> None:
    """A single member still gives a list."""
    flow = Stepper(gathering(["a"]))
    flow.resolve(1)

    assert flow.result == [1]


@pytest.mark.parametrize("order", list(permutations("abc")), ids="".join)
def test_results_come_in_the_order_of_the_arguments(order: tuple[str, ...]) -> None:
    """Whichever ends first, the list is in the order in which the commands were given."""
    flow = Stepper(gathering(["a", "b", "c"]))
    assert flow.pending == [fetch("a"), fetch("b"), fetch("c")]

    for key in order:
        assert not flow.done
        flow.resolve(fetch(key), key.upper())

    assert flow.result == ["A", "B", "C"]


def test_a_gather_takes_everything_that_can_be_yielded() -> None:
    """Activities, sleeps, helpers, gathers and what resumes at once may be mixed."""

    @workflow(registry=registry)
    def mixing() -> Flow[list[Any]]:
        results: Any = yield gather(fetch("a"), sleep(5), branch("b"), gather(fetch("c"), info()), gather(), now())
        results[3][1] = results[3][1].name
        return results[:5]  # type: ignore[no-any-return]  # plain yield is typed Any

    flow = Stepper(mixing())
    assert flow.pending == [fetch("a"), sleep(5), fetch("c"), fetch("b1")]

    flow.resolve(sleep(5))
    flow.resolve(fetch("c"), 3)
    flow.resolve(fetch("b1"), "x")
    flow.resolve(fetch("a"), 1)
    flow.resolve(fetch("b2"), "y")
    assert flow.result == [1, None, "xy", [3, "mixing"], []]


def test_the_same_invocation_twice_is_two_steps() -> None:
    """Equal commands in one gather run both, and each has its own result."""
    flow = Stepper(gathering(["a", "a"]))
    assert flow.pending == [fetch("a"), fetch("a")]

    flow.resolve(fetch("a"), "first")
    assert flow.pending == [fetch("a")]

    flow.resolve(fetch("a"), "second")
    assert flow.result == ["first", "second"]


def test_the_same_command_twice_is_two_steps_too() -> None:
    """The very same command object may be in a gather more than once."""

    @workflow(registry=registry)
    def doubling() -> Flow[Any]:
        command = fetch("a")
        return (yield from gather(command, command))

    flow = Stepper(doubling())
    flow.resolve(fetch("a"), 1)
    flow.resolve(fetch("a"), 2)

    assert flow.result == [1, 2]


def test_a_gather_can_be_made_first_and_yielded_later() -> None:
    """A gather is a value: nothing in it begins before the yield, and each yield begins it anew."""

    @workflow(registry=registry)
    def later() -> Flow[Any]:
        both = gather(fetch("a"), fetch("b"))
        yield from sleep(1)
        first = yield from both
        second = yield from both
        return [*first, *second]

    flow = Stepper(later())
    assert flow.pending == [sleep(1)]

    flow.resolve()
    for number in range(4):
        flow.resolve(flow.pending[0], number)
    assert flow.result == [0, 1, 2, 3]


# ---------------------------------------------------------------------- branches


@pytest.mark.parametrize("order", sorted(set(permutations("aabb"))), ids="".join)
def test_branches_run_side_by_side(order: tuple[str, ...]) -> None:
    """Helpers in a gather are branches: each goes on as soon as its own step has ended."""

    @workflow(registry=registry)
    def side_by_side() -> Flow[Any]:
        return (yield from gather(branch("a"), branch("b")))

    flow = Stepper(side_by_side())
    for key in order:
        (command,) = [one for one in keys_of(flow) if one.startswith(key)]
        flow.resolve(fetch(command), command)
        flow.crash()

    assert flow.result == ["a1a2", "b1b2"]


def test_a_branch_catches_its_own_failures() -> None:
    """A failure that a branch catches stays in that branch."""

    def forgiving(key: str) -> Flow[str]:
        try:
            return (yield from fetch(key))  # type: ignore[no-any-return]  # an activity of Any
        except ValueError:
            return "default"

    @workflow(registry=registry)
    def robust() -> Flow[Any]:
        return (yield from gather(forgiving("a"), forgiving("b"), fetch("c")))

    flow = Stepper(robust())
    flow.fail(fetch("a"), ValueError("lost"))
    assert flow.pending == [fetch("c"), fetch("b")]

    flow.resolve(fetch("b"), "B")
    flow.resolve(fetch("c"), "C")
    assert flow.result == ["default", "B", "C"]


def test_branches_share_what_the_workflow_lends_them() -> None:
    """Branches are code of one workflow: they see each other's changes, in the order in which steps ended."""

    @workflow(registry=registry)
    def racing() -> Flow[list[str]]:
        seen: list[str] = []

        def note(key: str) -> Flow[None]:
            seen.append((yield fetch(key)))

        yield gather(note("a"), note("b"))
        return seen

    flow = Stepper(racing(), replay=False)
    flow.resolve(fetch("b"), "B")
    flow.resolve(fetch("a"), "A")
    flow.crash()

    assert flow.result == ["B", "A"]


def test_branches_that_can_go_on_are_driven_in_turn() -> None:
    """Several branches that begin at once begin in the order given, each up to its first wait."""
    order: list[str] = []

    def begin(key: str) -> Flow[None]:
        order.append(f"{key} begins")
        yield from now()
        order.append(f"{key} goes on")
        yield from fetch(key)

    @workflow(registry=registry)
    def starting() -> Flow[None]:
        yield gather(begin("a"), begin("b"))

    Stepper(starting(), replay=False)

    assert order == ["a begins", "a goes on", "b begins", "b goes on"]


def test_what_resumes_at_once_is_no_step_in_a_gather() -> None:
    """A gather of nothing but now(), uuid4() and the like is complete at once."""

    @workflow(registry=registry)
    def instants() -> Flow[bool]:
        one, other, moment = yield gather(uuid4(), uuid4(), now())
        return one != other and moment == (yield now())  # type: ignore[no-any-return]  # plain yield is typed Any

    flow = Stepper(instants())

    assert (flow.result, flow.pending) == (True, [])


# ---------------------------------------------------------------------- large and deep


def test_ten_thousand_at_once() -> None:
    """A gather of ten thousand has ten thousand commands pending at once, and all their results in order."""
    flow = Stepper(gathering(list(range(10_000))))
    assert keys_of(flow) == list(range(10_000))

    for number in range(10_000):
        flow.resolve(fetch(number), -number)
    assert flow.result == [-number for number in range(10_000)]


@pytest.mark.parametrize("levels", [1, 100, 1000])
def test_gathers_nest_deeply(levels: int) -> None:
    """A gather in a gather, however deep, gives a list in a list."""

    @workflow(registry=registry)
    def nesting() -> Flow[Any]:
        command: Command[Any] = fetch("bottom")
        for _ in range(levels):
            command = gather(command)
        value = yield command
        depth = 0
        while isinstance(value, list):
            (value,), depth = value, depth + 1
        return [depth, value]

    flow = Stepper(nesting())
    flow.resolve("bottom reached")
    flow.crash()

    assert flow.result == [levels, "bottom reached"]


@pytest.mark.parametrize("levels", [1, 100, 1000])
def test_branches_nest_deeply(levels: int) -> None:
    """A branch whose gather holds a branch, and so on, comes back with its value."""

    def down(level: int) -> Flow[int]:
        if level == 0:
            return (yield from fetch("bottom"))  # type: ignore[no-any-return]  # an activity of Any
        (value,) = yield gather(down(level - 1))
        return value + 1  # type: ignore[no-any-return]  # plain yield is typed Any

    @workflow(registry=registry)
    def nesting() -> Flow[int]:
        return (yield from down(levels))

    flow = Stepper(nesting())
    flow.resolve(0)

    assert flow.result == levels


# ---------------------------------------------------------------------- limit


def test_a_limit_bounds_what_is_under_way() -> None:
    """With limit=2, two commands are pending at any time; as one ends, the next in order begins."""
    flow = Stepper(gathering(["a", "b", "c", "d", "e"], limit=2))
    assert keys_of(flow) == ["a", "b"]

    flow.resolve(fetch("b"), "B")
    assert keys_of(flow) == ["a", "c"]

    flow.crash()
    flow.resolve(fetch("c"), "C")
    assert keys_of(flow) == ["a", "d"]

    flow.resolve(fetch("a"), "A")
    assert keys_of(flow) == ["d", "e"]

    flow.resolve(fetch("e"), "E")
    flow.resolve(fetch("d"), "D")
    assert flow.result == ["A", "B", "C", "D", "E"]


def test_a_limit_counts_branches_as_a_whole() -> None:
    """A branch occupies its place until it has returned, all its steps included."""

    @workflow(registry=registry)
    def limited() -> Flow[Any]:
        return (yield from gather(branch("a"), branch("b"), branch("c"), limit=1))

    flow = Stepper(limited())
    seen = []
    while flow.pending:
        seen.append(keys_of(flow))
        flow.resolve("x")

    assert seen == [["a1"], ["a2"], ["b1"], ["b2"], ["c1"], ["c2"]]
    assert flow.result == ["xx", "xx", "xx"]


def test_a_limit_counts_a_nested_gather_as_one() -> None:
    """A gather inside a limited gather takes one place, however many members it has."""

    @workflow(registry=registry)
    def limited() -> Flow[Any]:
        return (yield gather(gather(fetch("a"), fetch("b")), fetch("c"), limit=1))

    flow = Stepper(limited())
    assert keys_of(flow) == ["a", "b"]

    flow.resolve(fetch("a"), 1)
    assert keys_of(flow) == ["b"]

    flow.resolve(fetch("b"), 2)
    assert keys_of(flow) == ["c"]


def test_what_resumes_at_once_gives_its_place_to_the_next() -> None:
    """Members of a limited gather that need no waiting do not hold up the others."""

    @workflow(registry=registry)
    def limited() -> Flow[Any]:
        results: Any = yield gather(now(), now(), fetch("a"), gather(), fetch("b"), limit=1)
        return results[2:]

    flow = Stepper(limited())
    assert keys_of(flow) == ["a"]

    flow.resolve(1)
    flow.resolve(2)
    assert flow.result == [1, [], 2]


def test_ten_thousand_through_a_narrow_gate() -> None:
    """A limited gather of many members that resume at once comes through: it does not pile up on Python's stack."""

    @workflow(registry=registry)
    def narrow() -> Flow[int]:
        results: Any = yield gather(*(now() for _ in range(10_000)), limit=1)
        return len(results)

    assert Stepper(narrow()).result == 10_000
