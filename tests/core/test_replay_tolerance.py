"""Code that changed under a workflow: what replay does not take amiss."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.core.deployment import Deployment, charge, reference, registry
from tests.support.values import Array
from tests.support.values import Handle as Plain
from yieldflow import Flow, activity, gather, now, sleep
from yieldflow.log import logger


def test_code_that_has_not_run_yet_may_change() -> None:
    """Code after the last recorded outcome is free to change: the workflow takes the new way."""

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
    """Writing out a default argument makes no difference on replay either."""

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


class Raising(Plain):
    """Cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise TypeError("not comparable")

    __hash__ = None  # type: ignore[assignment]  # not hashable either


class RaisingKey(Raising):
    """The same, but it can be a key."""

    def __hash__(self) -> int:  # type: ignore[override]  # hashable, unlike its base
        return 7


class Linked(Plain):
    """Refers to itself."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.itself = self


class Labelled(Plain):
    """Holds a set, whose order differs with the order in which it was filled."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.labels = {number * 8, 8, 0}


class Slotted:
    """Keeps its state elsewhere than in a `__dict__`."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


@dataclass
class Holding:
    """Compares by value, and holds what does not."""

    label: str
    inside: Any


WITHOUT_EQUALITY = pytest.mark.parametrize("kind", [Plain, Raising, Array, Linked, Labelled, Slotted])
PLACES = pytest.mark.parametrize(
    "put",
    [
        lambda value: value,
        lambda value: [value],
        lambda value: {"key": (1, value)},
        lambda value: Holding("same", value),
        lambda value: Plain(value),
    ],
    ids=["bare", "in a list", "in a tuple in a dict", "in a dataclass", "in another object"],
)


@WITHOUT_EQUALITY
@PLACES
def test_an_object_without_equality_is_the_same_if_its_parts_are(kind: Any, put: Callable[[Any], Any]) -> None:
    """An object that is made of the same parts replays, although `==` says False, raises, or gives no bool."""

    def body() -> Flow[Any]:
        return (yield from charge(put(kind(1))))

    Deployment(body).crash_on(body)


@WITHOUT_EQUALITY
@PLACES
def test_an_object_without_equality_that_differs_is_seen(kind: Any, put: Callable[[Any], Any]) -> None:
    """A changed array, or object without `__eq__`, is a mismatch as any other changed argument."""
    old = with_definition(lambda: charge(put(kind(1))))
    new = with_definition(lambda: charge(put(kind(2))))

    assert "recorded: activity charge(order=" in Deployment(old).mismatch_on(new)


@pytest.mark.parametrize(
    "put",
    [lambda value: {value}, lambda value: frozenset([value]), lambda value: {value: 1}],
    ids=["in a set", "in a frozenset", "as a key"],
)
@pytest.mark.parametrize("kind", [Plain, RaisingKey])
def test_members_of_sets_and_keys_are_compared_by_their_parts(kind: Any, put: Callable[[Any], Any]) -> None:
    """The same for objects in a set, and for the keys of a dict."""
    old = with_definition(lambda: charge(put(kind(1))))

    Deployment(old).crash_on(with_definition(lambda: charge(put(kind(1)))))
    assert "recorded: activity charge(order=" in Deployment(old).mismatch_on(
        with_definition(lambda: charge(put(kind(2))))
    )


def test_members_of_a_set_have_one_partner_each() -> None:
    """Two equal members of one set are not both found in a single member of another."""
    old = with_definition(lambda: charge({Plain(1), Plain(1), Plain(2)}))

    Deployment(old).crash_on(with_definition(lambda: charge({Plain(2), Plain(1), Plain(1)})))
    Deployment(old).mismatch_on(with_definition(lambda: charge({Plain(2), Plain(2), Plain(1)})))


def test_a_nan_is_the_same_as_a_nan() -> None:
    """A nan replays wherever it stands, and is not taken for a number."""
    old = with_definition(lambda: charge([float("nan"), complex(1, float("nan"))]))

    Deployment(old).crash_on(with_definition(lambda: charge([float("nan"), complex(1, float("nan"))])))
    Deployment(old).mismatch_on(with_definition(lambda: charge([0.0, complex(1, float("nan"))])))


class Token(Plain):
    """Another one each time it is read."""

    _made = itertools.count()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, drawn=next(self._made))


class AnotherToken(Token):
    """For one test alone, since a type is logged once."""


@PLACES
def test_what_cannot_be_told_apart_counts_as_the_same(put: Callable[[Any], Any]) -> None:
    """An object that is another one each time it is read from its row never stalls a workflow."""
    old = with_definition(lambda: charge(put(Token(1))))
    new = with_definition(lambda: charge(put(Token(2))))

    Deployment(old).crash_on(new)


def test_what_stands_beside_it_is_compared() -> None:
    """Beside what cannot be told apart, a difference that can be seen is a mismatch."""
    old = with_definition(lambda: charge([Token(1), {"label": "one"}]))
    new = with_definition(lambda: charge([Token(1), {"label": "two"}]))

    assert "recorded: activity charge(order=" in Deployment(old).mismatch_on(new)

    inside = with_definition(lambda: charge(Holding("one", Token(1))))
    assert "label='two'" in Deployment(inside).mismatch_on(with_definition(lambda: charge(Holding("two", Token(1)))))


def test_what_cannot_be_told_apart_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log names its type, once, with what to do about it."""
    deployment = Deployment(with_definition(lambda: charge(AnotherToken(1))))
    deployment.crash_on(with_definition(lambda: charge(AnotherToken(2))))
    deployment.crash_on(with_definition(lambda: charge(AnotherToken(3))))
    logger.flush()

    [told] = [record.getMessage() for record in caplog.records if "AnotherToken" in record.getMessage()]
    assert "Give the class an __eq__" in told


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Holding("one", Plain(1)), Holding("two", Plain(1))),
        ([Plain(1)], [Plain(1), Plain(2)]),
        ({1, 2}, {1, 3}),
        ({Plain(1), Plain(2)}, {Plain(1)}),
        ({"a": Plain(1)}, {"b": Plain(1)}),
        ((1, 2), [1, 2]),
        (1, "1"),
    ],
    ids=["a field", "a length", "a set", "the size of a set", "a key", "a type", "a number and its text"],
)
def test_what_can_be_compared_is(before: Any, after: Any) -> None:
    """Beside what cannot be compared, a difference that can be seen is a mismatch."""
    old, new = with_definition(lambda: charge(before)), with_definition(lambda: charge(after))

    assert "recorded: activity charge(order=" in Deployment(old).mismatch_on(new)


@pytest.mark.parametrize(
    ("before", "after"),
    [({"a": 1, "b": 2}, {"b": 2, "a": 1}), (1, 1.0), ([True], [1]), (1 << 70, float(1 << 70))],
    ids=["the order of keys", "an int and a float", "a bool and an int", "a large number"],
)
def test_equal_values_stored_differently_are_the_same(before: Any, after: Any) -> None:
    """Arguments are compared as values: what is equal in Python makes no mismatch."""
    Deployment(with_definition(lambda: charge(before))).crash_on(with_definition(lambda: charge(after)))
