"""`@activity` and `@workflow` in all their forms, what they refuse, and the registry that they fill."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from yieldflow import (
    Activity,
    CommandError,
    DuplicateDefinitionError,
    Flow,
    Registry,
    UnknownWorkflowError,
    Workflow,
    activity,
    default_registry,
    workflow,
)
from yieldflow.testing import Stepper

# ---------------------------------------------------------------------- the forms of the decorators


def add_one(number: int) -> int:
    """Adds one."""
    return number + 1


def add_up(number: int) -> Flow[int]:
    yield from ()
    return number


def test_bare_decorators_take_the_functions_name() -> None:
    """`@activity` and `@workflow` without anything take the name of the function and the default registry."""

    @activity
    def bare_activity() -> None: ...

    @workflow
    def bare_workflow() -> Flow[None]:
        yield from ()

    assert (bare_activity.name, bare_workflow.name) == ("bare_activity", "bare_workflow")
    assert default_registry.activities["bare_activity"] is bare_activity
    assert default_registry.workflows["bare_workflow"] is bare_workflow


def test_empty_parentheses_change_nothing() -> None:
    """`@activity()` and `@workflow()` are the same as without parentheses."""

    @activity()
    def with_parentheses() -> None: ...

    @workflow()
    def flow_with_parentheses() -> Flow[None]:
        yield from ()

    assert default_registry.activities["with_parentheses"] is with_parentheses
    assert default_registry.workflows["flow_with_parentheses"] is flow_with_parentheses


@pytest.mark.parametrize("decorator", [activity, workflow])
def test_a_name_can_be_given(decorator: Any) -> None:
    """The name comes first or as `name=`, in the decorator or beside the function."""
    registry = Registry()
    function = add_one if decorator is activity else add_up

    named = [
        decorator("first", registry=registry)(function),
        decorator(name="second", registry=registry)(function),
        decorator(function, name="third", registry=registry),
    ]

    assert [definition.name for definition in named] == ["first", "second", "third"]
    assert {"first", "second", "third"} == set(registry.activities) | set(registry.workflows)


def test_two_names_are_refused() -> None:
    """Giving a name twice is an error that shows both."""
    with pytest.raises(TypeError, match="two names were given, 'first' and 'second': leave one out"):
        activity("first", name="second")


def test_another_registry_takes_the_definition() -> None:
    """With `registry=`, the definition is in that registry and not in the default one."""
    registry = Registry()

    @activity(registry=registry)
    def kept_elsewhere() -> None: ...

    assert registry.activities["kept_elsewhere"] is kept_elsewhere
    assert "kept_elsewhere" not in default_registry.activities


def test_a_definition_keeps_the_functions_documentation() -> None:
    """help() and other tools see the docstring, the module and the signature of the function."""
    definition = activity(add_one, registry=Registry())

    assert definition.__doc__ == "Adds one."
    assert definition.__module__ == __name__
    assert inspect.signature(definition) == inspect.signature(add_one)
    assert definition.fn is add_one


def test_a_lambda_needs_a_name() -> None:
    """A lambda could not be found again under its own name, so one must be given."""
    with pytest.raises(TypeError, match=r"a lambda has no name .* activity\(lambda \.\.\., name='\.\.\.'\)"):
        activity(lambda number: number)

    assert activity(lambda number: number * 2, name="double", registry=Registry()).fn(4) == 8


@pytest.mark.parametrize("name", ["", 5])
def test_a_name_is_a_string_with_something_in_it(name: Any) -> None:
    """A name that is empty or no string is refused with the remedy."""
    with pytest.raises(TypeError, match=r"the activity's name is a non-empty string, not .*: give one with name="):
        activity(name=name)(add_one)


@pytest.mark.parametrize(
    "name_it",
    [
        lambda name: activity(name=name)(add_one),
        lambda name: workflow(name=name)(add_up),
        lambda name: workflow(add_up, registry=Registry())(1).with_options(workflow_id=name),
    ],
    ids=["an activity", "a workflow", "a child"],
)
def test_a_name_that_is_no_text_is_refused(name_it: Callable[[str], object]) -> None:
    """Half a surrogate pair, which no database stores, is refused where the name is given, and not at the first use."""
    with pytest.raises(ValueError, match="holds half a surrogate pair"):
        name_it("\ud800")


def test_a_callable_without_a_name_needs_one() -> None:
    """A partial function has no name of its own; with one given it is an activity like any other."""
    partial = functools.partial(add_one, 5)

    with pytest.raises(TypeError, match="give one with name="):
        activity(partial)

    assert activity(partial, name="six", registry=Registry()).fn() == 6


def test_only_callables_can_be_decorated() -> None:
    """Decorating what is no function is refused."""
    with pytest.raises(TypeError, match="@workflow takes a function, not 5"):
        workflow(5)  # type: ignore[call-overload]  # what is refused


def test_a_function_that_hides_its_arguments_is_refused() -> None:
    """A built-in without a signature cannot bind arguments by name: it is to be wrapped."""
    with pytest.raises(TypeError, match="activity 'max' does not tell which arguments it takes"):
        activity(max, registry=Registry())


# ---------------------------------------------------------------------- methods


class Bank:
    fee = 3

    def charge(self, cents: int) -> int:
        return cents + self.fee

    @classmethod
    def usual(cls, cents: int) -> int:
        return cents + cls.fee

    @staticmethod
    def rounded(cents: int) -> int:
        return cents // 100 * 100


def test_a_method_is_refused_in_its_class() -> None:
    """`self` is never stored: decorating a method in its class is an error that shows how to decorate a bound one."""
    with pytest.raises(TypeError) as caught:

        class _Shop:
            @activity(registry=Registry())
            def sell(self, thing: str) -> None: ...

    assert "_Shop.sell is a method, and 'self' is never a stored argument" in str(caught.value)
    assert "activity(instance.sell, name='sell')" in str(caught.value)


def test_a_class_method_is_refused_in_its_class() -> None:
    """The same for a class method, with its own remedy."""
    with pytest.raises(TypeError) as caught:

        class _Shop:
            @activity(registry=Registry())
            @classmethod
            def sell(cls, thing: str) -> None: ...

    assert "_Shop.sell is a method, and 'cls' is never a stored argument" in str(caught.value)
    assert "activity(Class.sell, name='sell')" in str(caught.value)


def test_bound_methods_are_accepted() -> None:
    """The method of an instance or class is an activity: it works on its own object, which is no argument."""
    registry = Registry()
    charge = activity(Bank().charge, name="charge", registry=registry)
    usual = activity(Bank.usual, registry=registry)
    rounded = activity(Bank.rounded, registry=registry)

    assert [charge.fn(100), usual.fn(100), rounded.fn(150)] == [103, 103, 100]
    assert dict(charge(100).arguments) == {"cents": 100}


def shape_of(cls: str) -> str:
    return cls


def test_a_function_may_call_its_argument_as_methods_do() -> None:
    """A function of a module is no method, whatever its first parameter is called."""
    assert dict(activity(shape_of, registry=Registry())("square").arguments) == {"cls": "square"}


def test_a_local_function_may_call_its_argument_self() -> None:
    """A function inside a function is no method, whatever its first parameter is called."""

    def shape(cls: str) -> str:
        return cls

    assert activity(shape, registry=Registry())("square") == activity(shape, registry=Registry())(cls="square")


# ---------------------------------------------------------------------- functions of the wrong kind


async def coroutine_function() -> None: ...


async def async_generator_function() -> AsyncIterator[int]:
    yield 1


def generator_function() -> Iterator[int]:
    yield 1


def wrapping(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    "function", [coroutine_function, wrapping(coroutine_function), functools.partial(coroutine_function)]
)
def test_an_async_function_is_an_activity_of_the_event_loop(function: Any) -> None:
    """An async function is an activity like any other, and runs on the event loop, and nowhere else."""
    assert activity(function, name="async", registry=Registry()).options.executor == "async"
    with pytest.raises(ValueError, match=r"async function, which runs on the event loop: make it a plain `def`"):
        activity(function, name="async in a process", registry=Registry(), executor="process")


def test_a_plain_function_is_none_of_the_event_loop() -> None:
    """`executor="async"` asks for an async function."""
    with pytest.raises(ValueError, match="is a plain function: write `async def`"):
        activity(lambda: None, name="plain", registry=Registry(), executor="async")


def test_an_async_generator_is_no_activity() -> None:
    """A generator function is refused as an activity, async or not."""
    with pytest.raises(TypeError, match="contains a yield: return a list instead"):
        activity(async_generator_function, registry=Registry())


@pytest.mark.parametrize("function", [generator_function, wrapping(generator_function)])
def test_a_generator_function_is_no_activity(function: Any) -> None:
    """An activity does not yield: a generator function is refused with what to write instead."""
    with pytest.raises(TypeError, match="contains a yield: return a list instead, or make it a workflow"):
        activity(function, registry=Registry())


def test_a_workflow_without_a_yield_is_refused() -> None:
    """A function that yields nothing is no workflow: it is refused with what to write instead."""
    with pytest.raises(TypeError, match=r"'add_one' contains no yield.*make it an activity with @activity"):
        workflow(add_one, registry=Registry())  # type: ignore[arg-type]  # what is refused


@pytest.mark.parametrize("function", [coroutine_function, async_generator_function])
def test_an_async_function_is_no_workflow(function: Any) -> None:
    """A workflow is a plain generator: an async function is refused with what to write instead."""
    with pytest.raises(TypeError, match="is an async function: write a plain `def`, and `yield` where it awaits"):
        workflow(function, registry=Registry())


def test_a_wrapped_generator_function_can_be_a_workflow() -> None:
    """A workflow may have decorators of its own below `@workflow`."""
    assert isinstance(workflow(wrapping(add_up), registry=Registry()), Workflow)


@pytest.mark.parametrize("raised", [ValueError("no such shop"), TypeError("no shop at all")], ids=repr)
def test_what_a_decorator_of_a_workflow_raises_fails_it(raised: Exception) -> None:
    """An error of a decorator below `@workflow` is the workflow's own: no defect of ours, no changed parameter."""

    def checking(function: Callable[..., Flow[int]]) -> Callable[..., Flow[int]]:
        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Flow[int]:
            raise raised

        return checked

    flow = Stepper(workflow(checking(add_up), registry=Registry())(1))

    assert flow.failed
    assert repr(flow.exception) == repr(raised)


def test_a_decorator_of_a_workflow_that_makes_no_generator_is_told() -> None:
    """A workflow whose inner decorator hands back something other than a generator fails and says so."""

    def forgetful(function: Callable[..., Flow[int]]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> None:
            function(*args, **kwargs)

        return wrapper

    flow = Stepper(workflow(forgetful(add_up), registry=Registry())(1))

    assert isinstance(flow.exception, CommandError)
    assert "a call of workflow 'add_up' made None, which is no generator" in str(flow.exception)


# ---------------------------------------------------------------------- the registry


def make(qualified: str, module: str = "shop") -> Activity[[], None]:
    """An activity called "charge" that claims to be defined as ``module.qualified``."""

    def charge() -> None: ...

    charge.__qualname__, charge.__module__ = qualified, module
    return Activity(charge, "charge")


def test_two_definitions_of_one_name_are_refused() -> None:
    """A second activity under one name is an error that names both places, with file and line, and changes nothing."""
    registry = Registry()
    first, second = make("charge", "shop"), make("charge", "bank")
    registry.add(first)

    with pytest.raises(DuplicateDefinitionError) as caught:
        registry.add(second)

    assert f"two definitions of activity 'charge': {first.place} and {second.place}." in str(caught.value)
    assert first.place.startswith(f"shop.charge ({__file__}:")
    assert "@activity(name='...')" in str(caught.value)
    assert registry.activities["charge"] is first


def test_two_functions_of_one_module_are_refused_under_one_name() -> None:
    """Within one module, too, a name given to two functions is an error."""
    registry = Registry()
    registry.add(make("charge"))

    with pytest.raises(DuplicateDefinitionError, match=r"shop\.charge .* and shop\.charge_again "):
        registry.add(make("charge_again"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("charge", "charge"),
        ("test.<locals>.charge", "charge"),
        ("charge", "test.<locals>.charge"),
        ("one.<locals>.charge", "two.<locals>.charge"),
    ],
    ids=["a reload", "a local first", "a local last", "two locals"],
)
def test_the_same_and_the_short_lived_are_replaced(first: str, second: str) -> None:
    """A reload or a notebook cell defines a name anew, and a local function gives way to the next of that name."""
    registry = Registry()
    registry.add(make(first))
    latest = make(second)
    registry.add(latest)

    assert registry.activities["charge"] is latest


def test_an_activity_and_a_workflow_may_share_a_name() -> None:
    """Names of activities and of workflows do not get in each other's way."""
    registry = Registry()
    registry.add(Activity(add_one, "add"))
    registry.add(Workflow(add_up, "add"))

    assert (registry.activities["add"].fn, registry.workflow("add").fn) == (add_one, add_up)


def test_an_unknown_workflow_names_those_that_there_are() -> None:
    """Asking for an unregistered workflow lists the registered names and points at the nearest."""
    registry = Registry()
    for name in ("pipeline", "nightly", "report"):
        registry.add(Workflow(add_up, name))

    with pytest.raises(UnknownWorkflowError) as caught:
        registry.workflow("pipelin")

    assert str(caught.value) == (
        "no workflow named 'pipelin' is registered. Did you mean 'pipeline'? "
        "Registered: 'nightly', 'pipeline', 'report'. Import the module that defines it."
    )


def test_an_unknown_workflow_like_no_other_gets_no_guess() -> None:
    """A name that resembles no registered one gets no suggestion; without any registered, the message says so."""
    registry = Registry()

    with pytest.raises(UnknownWorkflowError, match=r"'order' is registered\. Registered: none\."):
        registry.workflow("order")

    registry.add(Workflow(add_up, "nightly"))
    with pytest.raises(UnknownWorkflowError, match=r"'order' is registered\. Registered: 'nightly'\."):
        registry.workflow("order")


def test_a_registry_is_read_only_but_for_adding() -> None:
    """The mappings of a registry show what is there, and cannot be written to."""
    registry = Registry()

    with pytest.raises(TypeError):
        registry.workflows["order"] = Workflow(add_up)  # type: ignore[index]  # what is refused


def test_a_registration_is_told_to_those_who_wait_for_it() -> None:
    """A subscriber hears the name of each workflow registered from then on, until the subscription is ended."""
    registry = Registry()
    heard: list[str] = []
    registry.add(Workflow(add_up, "before"))

    end = registry.subscribe(heard.append)
    registry.add(Workflow(add_up, "meanwhile"))
    registry.add(Activity(add_one, "no workflow"))
    end()
    registry.add(Workflow(add_up, "after"))
    end()

    assert heard == ["meanwhile"]
