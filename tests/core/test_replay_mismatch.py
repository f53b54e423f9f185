"""Code that changed under a workflow: what is noticed on replay, and what is not taken amiss."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from yieldflow import Flow, Registry, ReplayMismatchError, activity, gather, now, sleep, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def charge(order: Any, cents: Any = 500) -> Any:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
def ship(order: str) -> Any:
    raise AssertionError("a stepper runs no activity")


class Deployment:
    """A workflow whose code can be exchanged while it is in flight, and the stepper that drives it."""

    def __init__(self, old: Callable[[], Flow[Any]], *outcomes: Any) -> None:
        self._code = old

        @workflow(registry=registry)
        def selling() -> Flow[Any]:
            return (yield from self._code())

        self.flow = Stepper(selling())
        for outcome in outcomes:
            self.flow.resolve(self.flow.pending[0], outcome)

    def crash_on(self, code: Callable[[], Flow[Any]]) -> None:
        """Deploy ``code``, and restart."""
        self._code = code
        self.flow.crash()

    def mismatch_on(self, code: Callable[[], Flow[Any]]) -> str:
        """The same, where the new code does not fit: what is said."""
        with pytest.raises(ReplayMismatchError) as caught:
            self.crash_on(code)
        return str(caught.value)


def line_of(function: Callable[..., Any], text: str) -> str:
    """``file:line`` of the one line of ``function`` that holds ``text``."""
    lines, first = inspect.getsourcelines(function)
    (number,) = [first + offset for offset, line in enumerate(lines) if text in line]
    return f"{__file__}:{number}"


def reference() -> Flow[str]:
    yield from charge("o-1", 500)
    yield from sleep(60)
    yield from ship("o-1")
    return "shipped"


# ---------------------------------------------------------------------- what is noticed


def other_activity() -> Flow[str]:
    yield from ship("o-1")
    yield from sleep(60)
    return "shipped"


def other_argument() -> Flow[str]:
    yield from charge("o-1", 600)
    yield from sleep(60)
    return "shipped"


def other_kind() -> Flow[str]:
    yield from sleep(60)
    yield from sleep(60)
    return "shipped"


def other_length() -> Flow[str]:
    yield from charge("o-1", 500)
    yield from sleep(61)
    return "shipped"


def one_more() -> Flow[str]:
    yield from gather(charge("o-1", 500), ship("o-0"))
    yield from sleep(60)
    return "shipped"


def ends_early() -> Flow[str]:
    yield from charge("o-1", 500)
    return "shipped"


def ends_at_once() -> Flow[str]:
    yield from ()
    return "shipped"


def raises_early() -> Flow[str]:
    yield from charge("o-1", 500)
    raise ValueError("out of stock")


def issued_earlier() -> Flow[str]:
    yield from gather(charge("o-1", 500), sleep(60))
    return "shipped"


@pytest.mark.parametrize(
    ("new", "step", "recorded", "yielded", "hint"),
    [
        (other_activity, 0, "activity charge(order='o-1', cents=500)", "activity ship(order='o-1')", ""),
        (other_argument, 0, "activity charge(order='o-1', cents=500)", "activity charge(order='o-1', cents=600)", ""),
        (other_kind, 0, "activity charge(order='o-1', cents=500)", "sleep(seconds=60.0)", ""),
        (other_length, 1, "sleep(seconds=60.0)", "sleep(seconds=61.0)", ""),
        (
            one_more,
            1,
            "sleep(seconds=60.0)",
            "activity ship(order='o-0')",
            "It was recorded after outcome 1, and came after outcome 0 (0: the start).",
        ),
        (
            issued_earlier,
            1,
            "sleep(seconds=60.0)",
            "sleep(seconds=60.0)",
            "It was recorded after outcome 1, and came after outcome 0 (0: the start).",
        ),
        (ends_early, 1, "sleep(seconds=60.0)", "nothing", "The workflow ended here."),
        (ends_at_once, 0, "activity charge(order='o-1', cents=500)", "nothing", "The workflow ended here."),
        (raises_early, 1, "sleep(seconds=60.0)", "nothing", "The workflow ended here."),
    ],
)
def test_a_change_of_what_is_recorded_is_noticed(
    new: Callable[[], Flow[str]], step: int, recorded: str, yielded: str, hint: str
) -> None:
    """Another activity, argument, kind or length, a step more, less, earlier: each is a mismatch with both sides."""
    message = Deployment(reference, "receipt").mismatch_on(new)
    lines = message.splitlines()

    assert lines[0] == f"workflow 'selling' (stepped) no longer does what its history records, at step {step}:"
    assert lines[1].startswith(f"  recorded: {recorded}")
    assert lines[2].startswith(f"  yielded:  {yielded}")
    assert lines[3:-1] == ([f"  {hint}"] if hint else [])
    assert lines[-1].startswith("Bring the recorded order of steps back")


def test_both_sides_are_shown_with_their_lines() -> None:
    """The message leads to the line that yielded when it was recorded, and to the one that yields now."""
    message = Deployment(reference, "receipt").mismatch_on(other_argument)

    assert f"recorded: activity charge(order='o-1', cents=500) at {line_of(reference, 'charge')}" in message
    assert f"yielded:  activity charge(order='o-1', cents=600) at {line_of(other_argument, 'charge')}" in message


def test_the_line_is_that_of_the_innermost_helper() -> None:
    """Of a step in a helper, by `yield` or by `yield from`, the line shown is the helper's."""

    def paying(cents: int) -> Flow[None]:
        yield from charge("o-1", cents)

    def through_both(cents: int) -> Flow[None]:
        yield paying(cents)

    def old() -> Flow[None]:
        yield through_both(500)

    def new() -> Flow[None]:
        yield from through_both(600)

    message = Deployment(old).mismatch_on(new)

    assert message.count(line_of(paying, "yield from charge")) == 2


def test_an_outcome_that_nobody_waits_for_any_more_is_noticed() -> None:
    """Code that ends before a recorded outcome is a mismatch, and not a workflow that is done."""

    def old() -> Flow[None]:
        yield from gather(charge("o-1"), ship("o-1"))
        yield from sleep(1)

    message = Deployment(old, "receipt", "parcel").mismatch_on(ends_at_once)

    assert "recorded: activity charge(order='o-1')" in message
    assert "yielded:  nothing" in message


def test_an_outcome_of_a_cancelled_step_is_noticed() -> None:
    """Code that cancels a step whose outcome is recorded is a mismatch that says so."""

    def old() -> Flow[Any]:
        return (yield from gather(charge("o-1"), ship("o-1"), sleep(60), return_exceptions=True))

    def new() -> Flow[Any]:
        try:
            return (yield from gather(charge("o-1"), ship("o-1"), sleep(60)))
        except ValueError:
            return "failed"

    deployment = Deployment(old)
    deployment.flow.fail(charge("o-1"), ValueError("declined"))
    deployment.flow.resolve(ship("o-1"), "parcel")
    message = deployment.mismatch_on(new)

    assert "at step 1:" in message
    assert "recorded: activity ship(order='o-1')" in message
    assert "Outcome 2 is that of this step. The workflow ended before it." in message


def test_swapped_members_of_a_gather_are_noticed() -> None:
    """The order of the members of a gather is recorded as well."""

    def old() -> Flow[Any]:
        return (yield from gather(charge("o-1"), ship("o-1")))

    def new() -> Flow[Any]:
        return (yield from gather(ship("o-1"), charge("o-1")))

    message = Deployment(old).mismatch_on(new)

    assert "recorded: activity charge(order='o-1')" in message
    assert "yielded:  activity ship(order='o-1')" in message


def test_a_removed_member_of_a_gather_is_noticed() -> None:
    """A gather that lost its last member does not match."""

    def old() -> Flow[Any]:
        return (yield from gather(charge("o-1"), ship("o-1")))

    def new() -> Flow[Any]:
        return (yield from gather(charge("o-1")))

    message = Deployment(old).mismatch_on(new)

    assert "recorded: activity ship(order='o-1')" in message
    assert "yielded:  nothing" in message
    assert "Nothing was yielded here." in message


def test_a_step_moved_to_a_later_turn_is_noticed() -> None:
    """What was issued at once and now comes after another outcome is a mismatch, though the steps are the same."""

    def old() -> Flow[Any]:
        return (yield from gather(charge("o-1"), ship("o-1")))

    def new() -> Flow[Any]:
        yield from charge("o-1")
        yield from ship("o-1")

    message = Deployment(old, "receipt", "parcel").mismatch_on(new)

    assert "recorded: activity ship(order='o-1')" in message
    assert "yielded:  nothing" in message


def test_arguments_that_are_pickled_are_shown_too() -> None:
    """Where arguments are no JSON, the message shows them all the same."""

    def old() -> Flow[Any]:
        return (yield from charge(("o-1", 1)))

    def new() -> Flow[Any]:
        return (yield from charge(("o-1", 2)))

    message = Deployment(old).mismatch_on(new)

    assert "recorded: activity charge(order=('o-1', 1))" in message
    assert "yielded:  activity charge(order=('o-1', 2))" in message


def test_arguments_that_the_workflow_no_longer_takes_are_noticed() -> None:
    """A workflow whose parameter was renamed does not match those in flight, and the message says what to do."""
    local = Registry()

    @workflow(registry=local)
    def greeting(name: str) -> Flow[str]:
        yield from sleep(1)
        return f"hello {name}"

    flow = Stepper(greeting("world"))

    def renamed(who: str) -> Flow[str]:
        yield from sleep(1)
        return f"hello {who}"

    greeting.fn = renamed  # type: ignore[assignment]  # what a careless change of the code does
    with pytest.raises(ReplayMismatchError, match="no longer takes the arguments that it was submitted with"):
        flow.crash()


# ---------------------------------------------------------------------- nothing is lost


def test_a_mismatch_ends_when_the_code_is_put_right() -> None:
    """After a mismatch the workflow is where it was: with the right code it goes on to its end."""
    deployment = Deployment(reference, "receipt")
    deployment.mismatch_on(other_argument)
    deployment.mismatch_on(ends_early)
    deployment.crash_on(reference)
    assert deployment.flow.pending == [sleep(60)]

    deployment.flow.resolve()
    deployment.flow.resolve("parcel")
    assert deployment.flow.result == "shipped"


def test_a_mismatch_cannot_be_caught_by_the_workflow() -> None:
    """A workflow that catches everything does not swallow a mismatch: it is no error of its own."""

    def greedy() -> Flow[str]:
        try:
            yield from charge("o-1", 600)
        except BaseException:
            yield from sleep(60)
        return "swallowed"

    assert "cents=600" in Deployment(reference, "receipt").mismatch_on(greedy)


# ---------------------------------------------------------------------- what is not taken amiss


def test_code_that_has_not_run_yet_may_change() -> None:
    """What comes after the last recorded outcome is free: the workflow takes the new way."""

    def new() -> Flow[str]:
        yield from charge("o-1", 500)
        yield from sleep(60)
        yield from charge("o-1", 1)
        return "charged again"

    deployment = Deployment(reference, "receipt")
    deployment.crash_on(new)
    deployment.flow.resolve()
    assert deployment.flow.pending == [charge("o-1", 1)]


def test_steps_may_move_between_helpers_and_lines() -> None:
    """Rearranging code without changing the order of steps is no mismatch."""

    def pay() -> Flow[None]:
        yield from now()
        yield charge(cents=500, order="o-1")

    def rearranged() -> Flow[str]:
        yield pay()
        yield from gather(sleep(60))
        return "rearranged"

    deployment = Deployment(reference, "receipt")
    deployment.crash_on(rearranged)

    assert deployment.flow.pending == [sleep(60)]


def test_a_default_written_out_is_the_same() -> None:
    """Whether an argument is the default or left out makes no difference on replay either."""

    def old() -> Flow[Any]:
        return (yield from charge("o-1"))

    def new() -> Flow[Any]:
        return (yield from charge("o-1", 500))

    Deployment(old).crash_on(new)
    Deployment(new).crash_on(old)


def with_definition(make: Callable[[], Any]) -> Callable[[], Flow[Any]]:
    """A body that yields the command which ``make`` makes."""

    def body() -> Flow[Any]:
        return (yield from make())

    return body


def test_a_changed_default_does_not_stall() -> None:
    """A new default applies to steps to come; a recorded step that left the argument out still matches."""

    def definition(default: int) -> Any:
        @activity(name="greet", registry=registry)
        def greet(name: str, times: int = default) -> None: ...

        return greet

    old, new = definition(1), definition(2)

    Deployment(with_definition(lambda: old("world"))).crash_on(with_definition(lambda: new("world")))


def test_a_parameter_added_with_a_default_does_not_stall() -> None:
    """An activity may gain a parameter with a default, also given with that value, while workflows are in flight."""

    @activity(name="greet", registry=registry)
    def old(name: str) -> None: ...

    @activity(name="greet", registry=registry)
    def new(name: str, times: int = 1) -> None: ...

    Deployment(with_definition(lambda: old("world"))).crash_on(with_definition(lambda: new("world")))
    Deployment(with_definition(lambda: old("world"))).crash_on(with_definition(lambda: new("world", times=1)))
    message = Deployment(with_definition(lambda: old("world"))).mismatch_on(
        with_definition(lambda: new("world", times=2))
    )
    assert "yielded:  activity greet(name='world', times=2)" in message


class Plain:
    """Compares by identity."""

    def __init__(self, number: int) -> None:
        self.number = number


class Raising(Plain):
    """Cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise TypeError("not comparable")

    __hash__ = None  # type: ignore[assignment]  # not hashable either


class Elementwise(Plain):
    """Compares to something that is no bool, as arrays do."""

    def __eq__(self, other: object) -> Any:
        return ["no", "bool"]

    __hash__ = None  # type: ignore[assignment]  # not hashable either


@dataclass
class Holding:
    """Compares by value, and holds what does not."""

    label: str
    inside: Plain


@pytest.mark.parametrize("kind", [Plain, Raising, Elementwise])
@pytest.mark.parametrize(
    "put",
    [
        lambda value: value,
        lambda value: [value],
        lambda value: {"key": (1, value)},
        lambda value: Holding("same", value),
    ],
    ids=["bare", "in a list", "in a tuple in a dict", "in a dataclass"],
)
def test_what_cannot_be_compared_counts_as_the_same(kind: Any, put: Callable[[Any], Any]) -> None:
    """Of objects without an equality worth the name nothing is known, so they never stall a workflow."""
    old = with_definition(lambda: charge(put(kind(1))))
    new = with_definition(lambda: charge(put(kind(2))))

    Deployment(old).crash_on(new)


@pytest.mark.parametrize("put", [lambda value: {value}, lambda value: frozenset([value]), lambda value: {value: 1}])
def test_members_of_sets_without_equality_count_as_the_same(put: Callable[[Any], Any]) -> None:
    """The same for objects in a set, and as the keys of a dict."""
    old = with_definition(lambda: charge(put(Plain(1))))
    new = with_definition(lambda: charge(put(Plain(2))))

    Deployment(old).crash_on(new)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Holding("one", Plain(1)), Holding("two", Plain(1))),
        ([Plain(1)], [Plain(1), Plain(2)]),
        ({1, 2}, {1, 3}),
        ({"a": Plain(1)}, {"b": Plain(1)}),
        ((1, 2), [1, 2]),
        (1, "1"),
    ],
    ids=["a field", "a length", "a set", "a key", "a type", "a number and its text"],
)
def test_what_can_be_compared_is(before: Any, after: Any) -> None:
    """Beside what cannot be compared, a difference that can be seen is a mismatch."""
    old, new = with_definition(lambda: charge(before)), with_definition(lambda: charge(after))

    assert "recorded: activity charge(order=" in Deployment(old).mismatch_on(new)


def test_equal_values_stored_differently_are_the_same() -> None:
    """Arguments are compared as values: the order of a dict's keys makes no mismatch."""
    old = with_definition(lambda: charge({"a": 1, "b": 2}))
    new = with_definition(lambda: charge({"b": 2, "a": 1}))

    Deployment(old).crash_on(new)
