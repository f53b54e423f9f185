"""Invocations, made by calling an activity or a workflow: values that can be compared, shown, kept and sent on."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any
from unittest.mock import ANY

import pytest

from tests.support.values import Array, Handle
from yieldflow import Activity, CommandError, EncodingError, Flow, Registry, activity, gather, now, sleep, workflow
from yieldflow.codec import codec_named
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def charge(order: str, cents: int = 500) -> str:
    raise AssertionError("calling an activity runs nothing")


@activity(registry=registry)
def refund(order: str, cents: int = 500) -> str:
    raise AssertionError("calling an activity runs nothing")


@activity(name="ship", registry=registry)
def send_parcel(order: str) -> str:
    raise AssertionError("calling an activity runs nothing")


@activity(registry=registry)
def total(rows: list[Any]) -> int:
    raise AssertionError("calling an activity runs nothing")


@workflow(name="charge", registry=registry)
def charging(order: str, cents: int = 500) -> Flow[str]:
    return (yield from charge(order, cents))


@activity(registry=registry)
def collect(first: Any, /, second: Any = 2, *rest: Any, flag: Any = None, **more: Any) -> list[Any]:
    return [first, second, rest, flag, more]


@workflow(registry=registry)
def collecting(first: Any, /, second: Any = 2, *rest: Any, flag: Any = None, **more: Any) -> Flow[list[Any]]:
    yield from ()
    return [first, second, rest, flag, more]


#: Ways to call `collect` and `collecting`, and what the function is to receive.
CALLS = {
    "positional": (collect(1), collecting(1), [1, 2, (), None, {}]),
    "a default overridden": (collect(1, 3), collecting(1, 3), [1, 3, (), None, {}]),
    "by keyword": (collect(1, second=3), collecting(1, second=3), [1, 3, (), None, {}]),
    "more positional": (collect(1, 3, 4, 5), collecting(1, 3, 4, 5), [1, 3, (4, 5), None, {}]),
    "keyword-only": (collect(1, flag=True), collecting(1, flag=True), [1, 2, (), True, {}]),
    "more keywords": (collect(1, a=3, b=4), collecting(1, a=3, b=4), [1, 2, (), None, {"a": 3, "b": 4}]),
    "a keyword like a positional one": (
        collect(1, first=3),
        collecting(1, first=3),
        [1, 2, (), None, {"first": 3}],
    ),
    "a keyword named self": (
        collect(1, self=3),
        collecting(1, self=3),
        [1, 2, (), None, {"self": 3}],
    ),
    "everything": (
        collect(1, 3, 4, flag=5, more=6),
        collecting(1, 3, 4, flag=5, more=6),
        [1, 3, (4,), 5, {"more": 6}],
    ),
}

# ---------------------------------------------------------------------- equality


def test_positional_and_keyword_arguments_make_the_same_invocation() -> None:
    """Positional or keyword does not matter: an invocation is a function with its arguments."""
    assert charge("o-1", 700) == charge(order="o-1", cents=700)
    assert charge("o-1", cents=700) == charge(cents=700, order="o-1")


def test_a_default_left_out_equals_the_default_given() -> None:
    """An argument that is left out is the default, so both ways to write it are equal."""
    assert charge("o-1") == charge("o-1", 500)
    assert collect(1) == collect(1, 2, flag=None)


def test_other_arguments_make_another_invocation() -> None:
    """Invocations with different arguments are different."""
    assert charge("o-1") != charge("o-2")
    assert charge("o-1") != charge("o-1", 501)
    assert collect(1, 2, 3) != collect(1, 2)
    assert collect(1) != collect(1, extra=1)


def test_another_function_makes_another_invocation() -> None:
    """Invocations of two activities differ though the arguments are the same."""
    assert charge("o-1") != refund("o-1")


def test_an_activity_and_a_workflow_of_one_name_differ() -> None:
    """An activity and a workflow may have the same name; their invocations are not equal."""
    assert charge("o-1") != charging("o-1")


@pytest.mark.parametrize("kind", [Handle, Array])
def test_arguments_without_equality_are_compared_by_their_parts(kind: Any) -> None:
    """Arrays, and objects without `__eq__`, are equal as arguments if they hold the same; comparing never raises."""
    assert total([kind(1), {"by": kind(2)}]) == total([kind(1), {"by": kind(2)}])
    assert total([kind(1), {"by": kind(2)}]) != total([kind(1), {"by": kind(3)}])
    assert total(kind(1)) != total([kind(1)])


def test_a_placeholder_equals_what_it_stands_for() -> None:
    """`unittest.mock.ANY` as an argument, or in one, is equal to whatever is there."""
    assert charge(ANY, 500) == charge("o-1", 500)
    assert total([ANY, Array(1)]) == total([2, Array(1)])
    assert charge(ANY, 500) != charge("o-1", 501)


def test_an_invocation_equals_nothing_else() -> None:
    """Comparing an invocation with another kind of value is False, not an error."""
    assert charge("o-1") != "charge"
    assert charge("o-1") != ("charge", {"order": "o-1"})


def test_equal_invocations_have_one_hash() -> None:
    """Invocations can be members of a set, those with unhashable arguments too."""
    assert {charge("o-1"), charge(order="o-1", cents=500), charge("o-2")} == {charge("o-2"), charge("o-1")}
    assert len({total([1, 2]), total([1, 2]), total([3])}) == 2


# ---------------------------------------------------------------------- immutable, and shown


def test_an_invocation_cannot_be_changed() -> None:
    """An invocation is a value: its parts can be read and not set, nor can its arguments."""
    invocation = charge("o-1", 700)

    with pytest.raises(AttributeError, match=r"immutable: make another by calling charge\(\.\.\.\)"):
        invocation.arguments = {"order": "o-2"}  # type: ignore[misc]  # what is refused
    with pytest.raises(AttributeError, match="immutable"):
        del invocation.definition
    with pytest.raises(TypeError):
        invocation.arguments["order"] = "o-2"  # type: ignore[index]  # what is refused

    assert (invocation.name, dict(invocation.arguments)) == ("charge", {"order": "o-1", "cents": 700})


def test_an_invocation_shows_the_call() -> None:
    """An invocation is printed as the call that made it, with the names of the arguments."""
    assert repr(charge("o-1", 700)) == "charge(order='o-1', cents=700)"
    assert repr(send_parcel("o-1")) == "ship(order='o-1')"
    assert repr(charging("o-1")) == "charge(order='o-1')"


def test_long_arguments_are_cut_when_shown() -> None:
    """An invocation with a large argument still fits into a line of a log."""
    shown = repr(charge("x" * 10_000))

    assert len(shown) < 250
    assert shown.startswith("charge(order='xxx")


def test_an_argument_that_cannot_be_shown_does_not_get_in_the_way() -> None:
    """An argument whose own repr() raises is shown by its type."""

    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert repr(collect(Shy())) == "collect(first=<Shy>)"


# ---------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("args", "kwargs", "complaint"),
    [
        ((), {}, "missing a required argument: 'order'"),
        (("o-1", 1, 2), {}, "too many positional arguments"),
        (("o-1",), {"cent": 1}, "got an unexpected keyword argument 'cent'. Did you mean 'cents' instead of 'cent'?"),
        (("o-1",), {"order": "o-2"}, "multiple values for argument 'order'"),
    ],
)
@pytest.mark.parametrize("definition", [charge, charging])
def test_a_wrong_argument_is_refused_at_the_call(
    definition: Any, args: tuple[Any, ...], kwargs: dict[str, Any], complaint: str
) -> None:
    """A call that does not fit is a TypeError where it is written, naming the function and what it takes."""
    with pytest.raises(TypeError) as caught:
        definition(*args, **kwargs)

    assert str(caught.value) == f"{definition.kind} charge(order: str, cents: int = 500): {complaint}"


@pytest.mark.parametrize("call", CALLS)
def test_an_activity_receives_its_arguments_as_they_were_passed(call: str) -> None:
    """Positional-only, keyword-only, *args and **kwargs arrive in the function as in a plain call."""
    invocation, _, received = CALLS[call]

    assert invocation.definition.call(invocation.arguments) == received


@pytest.mark.parametrize("call", CALLS)
def test_a_workflow_receives_its_arguments_as_they_were_passed(call: str) -> None:
    """The same for a workflow, after its arguments have been stored and read back."""
    _, invocation, received = CALLS[call]

    assert Stepper(invocation).result == received


def test_arguments_are_plain_data_where_they_were_passed_as_such() -> None:
    """The arguments of *args are kept as a list and those of **kwargs as a dict, so that they stay readable on disk."""
    assert dict(collect(1, 2, 3, 4, a=5).arguments) == {"first": 1, "second": 2, "rest": [3, 4], "more": {"a": 5}}


def test_arguments_before_more_positional_ones_may_gain_a_default() -> None:
    """Arguments stored before a parameter with a default was added still arrive, those of *args too."""

    def total_of(first: int, added: int = 7, *rest: int) -> tuple[int, int, tuple[int, ...]]:
        return first, added, rest

    assert Activity(total_of).call({"first": 1, "rest": [5, 6]}) == (1, 7, (5, 6))


def test_an_argument_that_the_function_no_longer_takes_is_named() -> None:
    """Stored arguments that a changed function does not take are a TypeError that names the argument."""
    with pytest.raises(TypeError, match=r"collect\(.*: got an unexpected argument 'third'"):
        collect.call({"first": 1, "third": 3})


# ---------------------------------------------------------------------- not to be tested or iterated

CAPTURED: Any = charge("o-1")


def use_as_condition() -> None:
    if CAPTURED:
        pass


def use_in_for() -> None:
    for _ in CAPTURED:
        pass


def use_in_list() -> None:
    list(CAPTURED)


def unpack_one() -> None:
    (_one,) = CAPTURED


def unpack_two() -> None:
    _one, _two = CAPTURED


def use_in_star() -> None:
    print(*CAPTURED)


def use_in_body() -> None:
    for row in CAPTURED:
        print(row.name)


def look_inside() -> None:
    _found = "o-1" in CAPTURED


def test_a_command_has_no_truth_value() -> None:
    """`if charge(...):` is an error that says to yield first."""
    with pytest.raises(CommandError) as caught:
        use_as_condition()

    assert "charge(order='o-1') has no truth value" in str(caught.value)
    assert "if (yield from charge(order='o-1')): ..." in str(caught.value)


@pytest.mark.parametrize(
    "use", [use_in_for, use_in_list, unpack_one, unpack_two, use_in_star, use_in_body, look_inside]
)
def test_a_command_is_iterated_by_yield_from_alone(use: Any) -> None:
    """A loop over a command, list() of it, and unpacking it are errors that show the line to write."""
    with pytest.raises(CommandError) as caught:
        use()

    assert "charge(order='o-1') was iterated, which only `yield from` may do" in str(caught.value)
    assert "value = yield from charge(order='o-1')" in str(caught.value)


def test_inside_a_workflow_the_mistake_is_reported_at_its_line() -> None:
    """A condition on a command in a workflow fails the workflow with the remedy, and not with something later."""

    @workflow(registry=registry)
    def careless() -> Flow[str]:
        if charge("o-1"):
            return (yield from charge("o-2"))
        return "never"

    flow = Stepper(careless())

    with pytest.raises(CommandError, match="has no truth value"):
        _ = flow.result


def test_unpacking_inside_a_workflow_is_reported_too() -> None:
    """Unpacking a command in a workflow fails the workflow with the remedy."""

    @workflow(registry=registry)
    def careless() -> Flow[Any]:
        first, second = charge("o-1")
        yield charge("o-2")
        return first, second

    flow = Stepper(careless())

    with pytest.raises(CommandError, match="only `yield from` may do"):
        _ = flow.result


# ---------------------------------------------------------------------- copies


class Bank:
    def charge(self, order: str) -> str:
        raise AssertionError("calling an activity runs nothing")


bank_charge = activity(Bank().charge, name="bank_charge", registry=registry)
double = activity(lambda number: number * 2, name="double", registry=registry)


@pytest.mark.parametrize(
    "definition", [charge, charging, send_parcel, bank_charge, double], ids=lambda definition: repr(definition.name)
)
def test_a_definition_is_pickled_by_reference(definition: Any) -> None:
    """A module-level activity or workflow, also renamed, bound or a lambda, is itself when unpickled."""
    assert pickle.loads(pickle.dumps(definition)) is definition


@pytest.mark.parametrize("command", [charge("o-1", 700), sleep(60), gather(charge("o-1", 1)), now()], ids=repr)
def test_a_command_is_never_stored(command: Any) -> None:
    """A command that was never yielded has no value yet: storing it in place of one is refused, and it is named."""
    with pytest.raises(CommandError, match=rf"^{re.escape(repr(command))} was made and never yielded$"):
        pickle.dumps(command)


def test_copies_are_equal() -> None:
    """Copying an invocation, also deeply, makes an equal one of the same activity."""
    assert copy.copy(total([1])) == total([1])
    assert copy.deepcopy(total([1])) == total([1])
    assert copy.deepcopy(total([1])).definition is total


def test_a_definition_shows_where_it_is_defined() -> None:
    """An activity or workflow is printed with its kind, qualified name, file and line."""
    assert repr(charge).startswith(f"<activity {__name__}.charge ({__file__}:")
    assert repr(charging).startswith(f"<workflow {__name__}.charging ({__file__}:")


def test_the_plain_function_stays_at_hand() -> None:
    """`.fn` is the function itself, to be called and tested like any other."""
    assert collect.fn(1, 3) == [1, 3, (), None, {}]


def test_a_host_encodes_the_arguments_of_a_call() -> None:
    """The payload holds what was given, by parameter, whichever way it was given; defaults are left out."""
    codec = codec_named("json")

    assert codec.decode(charge("o-1", 1).encode_arguments(codec)) == {"order": "o-1", "cents": 1}
    assert charge("o-1", 1).encode_arguments(codec) == charge(cents=1, order="o-1").encode_arguments(codec)


def test_an_argument_that_cannot_be_stored_names_the_call() -> None:
    """Whoever encodes the call, the message says of which activity or workflow the argument is."""
    with pytest.raises(EncodingError, match="an argument of activity 'collect': "):
        collect(object()).encode_arguments(codec_named("json"))
