"""The errors for what may not be yielded, or not in that way, with what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import GeneratorType
from typing import Any

from .commands import Command, show
from .definitions import Definition

#: How deep helpers that yield one another may be nested: a helper that calls itself for ever would take all memory.
DEEPEST = 20_000


def refusal(yielded: object) -> str:
    """Say why ``yielded`` is refused, with the line to write in its place."""
    if isinstance(yielded, Definition):
        return (
            f"{yielded.kind} {yielded.name!r} was yielded without being called. Write:\n    yield {yielded.name}(...)"
        )
    if isinstance(yielded, (list, tuple, set)) and any(isinstance(item, (Command, GeneratorType)) for item in yielded):
        return (
            f"a {type(yielded).__name__} of commands was yielded. Write:\n    results = yield gather(*commands)\n"
            "or, to go on with the first of them:\n    index, value = yield race(*commands)"
        )
    if isinstance(yielded, GeneratorType) and is_expression(yielded):
        return (
            "a generator expression was yielded, which has no way to take results. Write:\n"
            "    results = yield gather(*(... for ... in ...))"
        )
    if isinstance(yielded, GeneratorType):
        return (
            f"generator {yielded.__qualname__} was already started: a generator runs once, so call its function again "
            "for each use"
        )
    if inspect.isgeneratorfunction(yielded):
        return (
            f"generator function {yielded.__name__} was yielded without being called. Write:\n"
            f"    value = yield from {yielded.__name__}(...)"
        )
    if callable(yielded) and hasattr(yielded, "__name__"):
        if str(getattr(yielded, "__module__", "")).startswith(f"{__package__}."):
            return f"{yielded.__name__} was yielded without being called. Write:\n    yield {yielded.__name__}(...)"
        return (
            f"function {yielded.__name__} was yielded. Make it an activity with @activity and write:\n"
            f"    yield {yielded.__name__}(...)"
        )
    if hasattr(yielded, "__await__"):
        name = getattr(yielded, "__qualname__", type(yielded).__name__)
        return f"{name} is awaitable, and a workflow awaits nothing. Run it inside an activity, and yield that."
    return (
        f"{show(yielded)} was yielded, which is no command. Yield an activity or a workflow called with its arguments, "
        "sleep(...), gather(...), race(...), start(...) or a helper generator; to hand a value on, return it."
    )


def is_expression(body: GeneratorType[Any, Any, Any]) -> bool:
    """Tell whether a generator comes of ``(... for ... in ...)``: its yields get no results, so it is no helper."""
    return body.gi_code.co_name == "<genexpr>"


def too_deep(helper: GeneratorType[Any, Any, Any]) -> RecursionError:
    """Make the error that says why ``helper`` is not entered."""
    return RecursionError(
        f"{helper.__qualname__} was yielded inside of {DEEPEST:,} helpers that yielded one another: "
        "is there one that calls itself without an end?"
    )


def note_slip(error: BaseException, thrown: BaseException | None) -> None:
    """Note on Python's own error about ``yield from`` over a list of commands what to write instead.

    Args:
        error: What the workflow raised.
        thrown: What was thrown into it: if it is the same, it was raised elsewhere.
    """
    if error is thrown or type(error) is not AttributeError:
        return
    if error.name == "send" and isinstance(error.obj, Iterator):
        error.add_note(
            "`yield from` goes through a list, but has no way to hand on results. Write:\n"
            "    results = yield gather(*commands)",
        )


def no_generator(name: str, made: object) -> str:
    """Say what is wrong with a workflow whose call made no generator."""
    return (
        f"a call of workflow {name!r} made {show(made)}, which is no generator: "
        "a decorator under @workflow hands back what the function that it wraps does"
    )


def failing(error: BaseException) -> Any:
    """Make the generator of a workflow that fails before it has its own."""
    raise error
    yield
