"""Helper generators: parts of a workflow in functions of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from yieldflow import CommandError, Flow, Registry, activity, gather, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def fetch(key: Any) -> Any:
    raise AssertionError("a stepper runs no activity")


def pair(key: str) -> Flow[tuple[Any, Any]]:
    first = yield from fetch(f"{key}1")
    second = yield from fetch(f"{key}2")
    return first, second


def nothing() -> Flow[str]:
    yield from ()
    return "nothing to do"


def by_yield(make: Callable[[], Flow[Any]]) -> Flow[Any]:
    value = yield make()
    return value


def by_yield_from(make: Callable[[], Flow[Any]]) -> Flow[Any]:
    return (yield from make())


both_ways = pytest.mark.parametrize("way", [by_yield, by_yield_from])


def stepper(body: Callable[[], Flow[Any]]) -> Stepper[Any]:
    """A workflow with that body."""

    @workflow(registry=registry)
    def with_body() -> Flow[Any]:
        return (yield from body())

    return Stepper(with_body(), replay=False)


# ---------------------------------------------------------------------- values and failures


@both_ways
def test_a_helper_is_a_part_of_the_workflow(way: Any) -> None:
    """`yield helper()` and `yield from helper()` both run the helper's steps and give what it returns."""
    flow = stepper(lambda: way(lambda: pair("k")))
    flow.resolve(fetch("k1"), 1)
    flow.crash()
    flow.resolve(fetch("k2"), 2)

    assert flow.result == (1, 2)


@both_ways
def test_a_helper_without_a_step_gives_its_value_at_once(way: Any) -> None:
    """A helper that reaches no yield is no step."""
    assert stepper(lambda: way(nothing)).result == "nothing to do"


@both_ways
def test_helpers_nest_in_every_mixture(way: Any) -> None:
    """A helper may use helpers, by yield inside yield from and the other way round."""
    flow = stepper(lambda: way(lambda: by_yield(lambda: by_yield_from(lambda: way(lambda: pair("k"))))))
    flow.resolve(fetch("k1"), 1)
    flow.resolve(fetch("k2"), 2)

    assert flow.result == (1, 2)


@both_ways
def test_a_failure_passes_through_helpers(way: Any) -> None:
    """An activity's failure goes up from helper to helper, and each may catch it."""

    def forgiving() -> Flow[str]:
        try:
            yield way(lambda: pair("k"))
        except ValueError as error:
            return f"caught {error}"
        return "never"

    flow = stepper(forgiving)
    flow.resolve(fetch("k1"), 1)
    flow.fail(fetch("k2"), ValueError("lost"))

    assert flow.result == "caught lost"


@both_ways
def test_a_helpers_own_error_arrives_where_it_was_yielded(way: Any) -> None:
    """An exception raised by a helper's code is raised at the yield of that helper, as the very same type."""

    def broken() -> Flow[None]:
        yield from fetch("k")
        raise LookupError("broken helper")

    def forgiving() -> Flow[str]:
        try:
            yield way(broken)
        except LookupError:
            yield from fetch("again")
        return "went on"

    flow = stepper(forgiving)
    flow.resolve(fetch("k"), None)
    flow.crash()
    flow.resolve(fetch("again"), None)

    assert flow.result == "went on"


@both_ways
def test_finally_in_helpers_runs_from_the_inside_out(way: Any) -> None:
    """When a failure passes, the `finally` of the inner helper comes first, and may take steps of its own."""
    order: list[str] = []

    def inner() -> Flow[None]:
        try:
            yield from fetch("work")
        finally:
            yield from fetch("inner cleanup")
            order.append("inner")

    def outer() -> Flow[None]:
        try:
            yield way(inner)
        finally:
            order.append("outer")

    flow = stepper(outer)
    flow.fail(fetch("work"), ValueError("lost"))
    flow.resolve(fetch("inner cleanup"), None)

    assert order == ["inner", "outer"]
    assert isinstance(flow.exception, ValueError)


def test_a_helper_shares_the_objects_of_its_workflow() -> None:
    """A helper receives live objects of the workflow and may change them: only steps go through the codec."""

    def append(rows: list[int]) -> Flow[None]:
        rows.append((yield fetch("row")))

    def collecting() -> Flow[list[int]]:
        rows: list[int] = []
        yield append(rows)
        yield from append(rows)
        return rows

    flow = stepper(collecting)
    flow.resolve(1)
    flow.crash()
    flow.resolve(2)

    assert flow.result == [1, 2]


# ---------------------------------------------------------------------- deep


def down(levels: int) -> Flow[Any]:
    """A helper in a helper in a helper..."""
    if levels == 0:
        return (yield from fetch("bottom"))
    value = yield down(levels - 1)
    return value + 1


def test_helpers_nest_a_thousand_deep() -> None:
    """A recursion of a thousand helpers works: they do not lie on Python's stack."""
    flow = stepper(lambda: down(1000))
    flow.resolve(0)
    flow.crash()

    assert flow.result == 1000


def test_a_failure_passes_through_a_thousand_helpers() -> None:
    """A failure at the bottom of a thousand helpers reaches the workflow."""
    flow = stepper(lambda: down(1000))
    flow.fail(ValueError("bottom"))

    assert isinstance(flow.exception, ValueError)


def test_a_helper_that_calls_itself_without_an_end_fails() -> None:
    """An endless recursion of helpers is a RecursionError that names the helper, and does not take all memory."""

    def endless() -> Flow[Any]:
        yield endless()

    error = stepper(endless).exception

    assert isinstance(error, RecursionError)
    assert "endless was yielded inside of 20,000 helpers that yielded one another" in str(error)


# ---------------------------------------------------------------------- generators used up


def test_a_generator_already_started_is_refused() -> None:
    """A generator that has run before is an error at the yield: its first part would be missing."""

    def two_parts() -> Flow[Any]:
        yield from "a"  # type: ignore[misc]  # not driven by a workflow
        return (yield from fetch("k"))

    def using_up() -> Flow[Any]:
        helper = two_parts()
        next(helper)
        return (yield helper)

    flow = stepper(using_up)

    with pytest.raises(CommandError, match=r"two_parts was already started.*call its function again"):
        _ = flow.result


def test_a_generator_is_good_for_one_use() -> None:
    """Yielding the same generator a second time is an error, which the workflow may catch."""

    def twice() -> Flow[str]:
        helper = nothing()
        yield helper
        try:
            yield helper
        except CommandError:
            return "refused"
        return "taken"

    assert stepper(twice).result == "refused"


def test_one_generator_cannot_be_two_branches() -> None:
    """The same generator twice in a gather is an error: its steps would be torn between two branches."""

    def torn() -> Flow[Any]:
        helper = pair("k")
        return (yield gather(helper, helper))

    flow = stepper(torn)

    with pytest.raises(CommandError, match="generator pair was already started"):
        _ = flow.result


def test_a_branch_of_a_gather_is_not_yielded_elsewhere_too() -> None:
    """A generator that one gather has taken is refused in another branch, before it has run as well as after."""

    def yielding(helper: Flow[Any]) -> Flow[str]:
        try:
            yield helper
        except CommandError:
            return "refused"
        return "taken"

    def sharing() -> Flow[Any]:
        helper = pair("k")
        return (yield gather(yielding(helper), gather(helper)))

    flow = stepper(sharing)
    flow.resolve(fetch("k1"), 1)
    flow.resolve(fetch("k2"), 2)

    assert flow.result == ["refused", [(1, 2)]]
