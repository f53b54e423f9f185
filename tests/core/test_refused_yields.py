"""Values that may not be yielded: each is an error at its line that says what to write instead."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from yieldflow import CommandError, Flow, Registry, activity, gather, now, sleep, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def fetch(key: str) -> Any:
    raise AssertionError("a stepper runs no activity")


@workflow(registry=registry)
def other(key: str) -> Flow[str]:
    return (yield from fetch(key))  # type: ignore[no-any-return]  # an activity of Any


def plain_function(key: str) -> str:
    return key


async def coroutine_function() -> None: ...


class Shy:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def coroutine() -> Any:
    made = coroutine_function()
    # Closed, so that Python does not complain that nobody awaited it.
    made.close()
    return made


#: What is yielded, and what the error says.
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "an activity not called": (
        lambda: fetch,
        "activity 'fetch' was yielded without being called. Write:\n    yield fetch(...)",
    ),
    "a workflow not called": (
        lambda: other,
        "workflow 'other' was yielded without being called. Write:\n    yield other(...)",
    ),
    "a list of commands": (
        lambda: [fetch("a"), fetch("b")],
        "a list of commands was yielded. Write:\n    results = yield gather(*commands)\n"
        "or, to go on with the first of them:\n    index, value = yield race(*commands)",
    ),
    "a tuple of commands": (
        lambda: (fetch("a"), sleep(1)),
        "a tuple of commands was yielded. Write:\n    results = yield gather(*commands)",
    ),
    "a generator expression": (
        lambda: (fetch(key) for key in "ab"),
        "a generator expression was yielded, which has no way to take results. Write:\n"
        "    results = yield gather(*(... for ... in ...))",
    ),
    "a function": (
        lambda: plain_function,
        "function plain_function was yielded. Make it an activity with @activity and write:\n"
        "    yield plain_function(...)",
    ),
    "a function that makes a command": (
        lambda: now,
        "now was yielded without being called. Write:\n    yield now(...)",
    ),
    "a coroutine": (
        coroutine,
        "coroutine_function is awaitable, and a workflow awaits nothing. Run it inside an activity, and yield that.",
    ),
    "a number": (
        lambda: 5,
        "5 was yielded, which is no command. Yield an activity or a workflow called with its arguments, sleep(...), "
        "gather(...), race(...), start(...) or a helper generator; to hand a value on, return it.",
    ),
    "nothing": (lambda: None, "None was yielded, which is no command."),
    "an empty list": (list, "[] was yielded, which is no command."),
    "a string": (lambda: "fetch", "'fetch' was yielded, which is no command."),
    "what cannot be shown": (Shy, "<Shy> was yielded, which is no command."),
}


def stepper(make: Callable[[], Any], way: str) -> Stepper[str]:
    """A workflow that yields what ``make`` returns, and catches the refusal if told so."""

    @workflow(registry=registry)
    def careless(how: str) -> Flow[str]:
        try:
            if how == "in a gather":
                yield gather(fetch("beside"), make())
            elif how == "in a branch":
                yield gather(yielding(make))
            elif how == "in a helper":
                yield yielding(make)
            else:
                yield make()
        except CommandError as error:
            if how == "uncaught":
                raise
            yield sleep(1)
            return str(error)
        return "taken"

    return Stepper(careless(way))


def yielding(make: Callable[[], Any]) -> Flow[None]:
    yield make()


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("way", ["directly", "in a helper", "in a gather", "in a branch"])
def test_what_is_no_command_is_refused_at_the_yield(what: str, way: str) -> None:
    """The error is raised at the line that yielded, says what to write instead, and can be caught."""
    make, message = REFUSED[what]
    flow = stepper(make, way)
    assert flow.pending == [sleep(1)]

    flow.crash()
    flow.resolve()
    assert flow.result.startswith(message)


def test_an_uncaught_refusal_shows_the_line() -> None:
    """The traceback of the refusal ends at the line that yielded."""
    make, _ = REFUSED["a number"]
    error = stepper(make, "uncaught").exception

    assert isinstance(error, CommandError)
    lines, first = inspect.getsourcelines(stepper)
    yields = first + next(number for number, line in enumerate(lines) if line.strip() == "yield make()")
    assert f'test_refused_yields.py", line {yields}, in careless' in error.__notes__[0]


def test_an_awaitable_object_is_refused_by_its_type() -> None:
    """A future, a task and the like are refused as coroutines are."""
    loop = asyncio.new_event_loop()
    try:
        error = stepper(loop.create_future, "uncaught").exception
    finally:
        loop.close()

    assert str(error).startswith("Future is awaitable, and a workflow awaits nothing.")


def test_yield_from_a_list_of_commands_says_what_to_write() -> None:
    """`yield from [...]` fails as Python has it, since a list takes no results; a note has the line to write."""

    @workflow(registry=registry)
    def careless() -> Flow[Any]:
        yield from [fetch("a"), fetch("b")]

    flow = Stepper(careless())
    flow.resolve(fetch("a"), "result")

    assert isinstance(flow.exception, AttributeError)
    assert any("results = yield gather(*commands)" in note for note in flow.exception.__notes__)


def test_a_refused_list_counts_as_told() -> None:
    """The commands in a refused list are not reported a second time as never yielded."""
    flow = stepper(lambda: [fetch("a"), fetch("b")], "directly")
    flow.resolve()

    assert flow.result.startswith("a list of commands was yielded")


def test_after_a_refusal_the_workflow_goes_on() -> None:
    """A refused yield is no step: the next command has its place."""

    @workflow(registry=registry)
    def recovering() -> Flow[Any]:
        with suppress(CommandError):
            yield 5  # type: ignore[misc]  # the mistake
        return (yield from fetch("a"))

    flow = Stepper(recovering())
    flow.resolve("A")
    flow.crash()

    assert flow.result == "A"
