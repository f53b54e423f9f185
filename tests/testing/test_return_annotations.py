"""What a stepper says of a value that the activity could not have returned, by its annotation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Protocol, TypedDict, TypeVar

import pytest

from yieldflow import CommandError, Flow, Registry, activity, workflow
from yieldflow.testing import Stepper
from yieldflow.testing.checking import misfit

registry = Registry()
T = TypeVar("T")
Cents = NewType("Cents", int)


class Address(TypedDict):
    street: str
    number: NotRequired[int]


@dataclass
class Parcel:
    weight: float
    to: Address


class Point(NamedTuple):
    x: int
    y: int


class Speaks(Protocol):
    def speak(self) -> str: ...


def returns(annotation: object) -> Any:
    def made() -> None:
        raise AssertionError("a stepper runs no activity")

    made.__annotations__["return"] = annotation
    return activity(made, registry=registry)


HOME: Address = {"street": "Main Street"}

FITTING: list[tuple[object, object]] = [
    (str, "x"),
    (int, 5),
    (int, True),
    (float, 3),
    (float, 3.5),
    (complex, 3),
    (None, None),
    (Any, object),
    (object, None),
    (str | None, None),
    (int | str, "x"),
    (list[int], [1, 2]),
    (list[int], []),
    (dict[str, int], {"a": 1}),
    (dict[str, list[int | None]], {"a": [1, None]}),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (tuple[int, ...], ()),
    (set[str], {"a"}),
    (Sequence[int], [1]),
    (Sequence[int], (1, 2)),
    (Mapping[str, int], {"a": 1}),
    (Iterable[int], [1]),
    (Literal["a", "b"], "b"),
    (Address, {"street": "Main Street"}),
    (Address, {"street": "Main Street", "number": 5}),
    (Parcel, Parcel(1, HOME)),
    (Point, Point(1, 2)),
    (Cents, 5),
    (Annotated[int, "cents"], 5),
    # Of these nothing is known.
    (T, "x"),
    (Speaks, 5),
    (Callable[[], int], print),
    (type[int], int),
    ("NoSuchType", 5),
    ("str | NoSuchType", 5),
]

WRONG: list[tuple[object, object, str]] = [
    (str, 3.5, "returns str, and 3.5 is a float"),
    (str, None, "returns str, and None is not"),
    (int, "5", "returns int, and '5' is a str"),
    (bool, 1, "returns bool, and 1 is a int"),
    (None, 5, "returns None, and 5 is a int"),
    (str | None, 5, "returns str | None, and 5 is a int"),
    (list[int], (1, 2), "returns list[int], and (1, 2) is a tuple"),
    (list[int], [1, "2"], "(its [1] is a str, and not int)"),
    (dict[str, int], {"a": None}, "(its ['a'] is not, and not int)"),
    (dict[str, int], {1: 1}, "(its key 1 is a int, and not str)"),
    (tuple[int, str], (1,), "returns tuple[int, str], and (1,) is a tuple"),
    (tuple[int, ...], (1, "2"), "(its [1] is a str, and not int)"),
    (set[str], {1}, "(its [0] is a int, and not str)"),
    (Sequence[int], {1}, "is a set"),
    (Mapping[str, int], [], "is a list"),
    (Literal["a", "b"], "c", "'c' is a str"),
    (Literal[1], True, "True is a bool"),
    (Address, {"stret": "Main Street"}, "returns Address, and {'stret': 'Main Street'} is a dict"),
    (Address, {}, "returns Address, and {} is a dict"),
    (Address, {"street": 5}, "(its ['street'] is a int, and not str)"),
    (Parcel, {"weight": 1}, "returns Parcel, and {'weight': 1} is a dict"),
    (Parcel, Parcel("heavy", HOME), "(its .weight is a str, and not float)"),  # type: ignore[arg-type]  # what is told
    (Parcel, Parcel(1, {"street": 5}), "(its .to['street'] is a int, and not str)"),  # type: ignore[typeddict-item]
    (Cents, "5", "is a str"),
]


@pytest.mark.parametrize(("annotation", "value"), FITTING, ids=str)
def test_what_fits_is_taken(annotation: object, value: object) -> None:
    """A value of the annotated type is taken, and any value where nothing is known of the annotation."""
    assert misfit(returns(annotation), value) is None


@pytest.mark.parametrize(("annotation", "value", "told"), WRONG, ids=str)
def test_what_does_not_fit_is_told(annotation: object, value: object, told: str) -> None:
    """The message has the annotated type, the value, and what in it is of another type."""
    assert told in (misfit(returns(annotation), value) or "")


# ---------------------------------------------------------------------- in a stepper


@activity(registry=registry)
def charge(order: str) -> str:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
async def fetch(url: str) -> bytes:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
def unknown(url):  # type: ignore[no-untyped-def]  # of which nothing is known
    raise AssertionError("a stepper runs no activity")


@workflow(registry=registry)
def child() -> Flow[int]:
    yield from charge("o-1")
    return 5


def waiting_for(command: Any) -> Stepper[Any]:
    @workflow(registry=registry)
    def waiting() -> Flow[Any]:
        return (yield from command)

    return Stepper(waiting())


def test_a_stepper_refuses_what_the_activity_does_not_return() -> None:
    """resolve() says both types and where the annotation is; the command stays pending."""
    flow = waiting_for(charge("o-1"))

    with pytest.raises(
        CommandError, match=r"charge returns str, and 3\.5 is a float\. Resolve it with .*test_return_annotations"
    ):
        flow.resolve(3.5)
    assert flow.pending == [charge("o-1")]


def test_of_an_async_activity_what_is_awaited_counts() -> None:
    """An async def is annotated with what it gives when it is awaited."""
    waiting_for(fetch("http://x")).resolve(b"page")
    with pytest.raises(CommandError, match="fetch returns bytes, and 'page' is a str"):
        waiting_for(fetch("http://x")).resolve("page")


def test_a_child_returns_what_its_flow_says() -> None:
    """Of a workflow annotated Flow[int], an int is returned."""
    waiting_for(child()).resolve(5)
    with pytest.raises(CommandError, match="child returns int, and '5' is a str"):
        waiting_for(child()).resolve("5")


def test_what_is_not_annotated_is_not_checked() -> None:
    """An activity without annotations returns anything."""
    waiting_for(unknown("x")).resolve(object)
