"""What may not be yielded, and what to write instead."""

from __future__ import annotations

import inspect
from types import GeneratorType

from .commands import Command, show
from .definitions import Definition


def refusal(yielded: object) -> str:
    """Why ``yielded`` is refused, with the line to write in its place."""
    if isinstance(yielded, Definition):
        return (
            f"{yielded.kind} {yielded.name!r} was yielded without being called. Write:\n    yield {yielded.name}(...)"
        )
    if isinstance(yielded, (list, tuple, set)) and any(isinstance(item, (Command, GeneratorType)) for item in yielded):
        return (
            f"a {type(yielded).__name__} of commands was yielded. Write:\n    results = yield gather(*commands)\n"
            "or, to go on with the first of them:\n    index, value = yield race(*commands)"
        )
    if inspect.isgeneratorfunction(yielded):
        return (
            f"generator function {yielded.__name__} was yielded without being called. Write:\n"
            f"    value = yield from {yielded.__name__}(...)"
        )
    if callable(yielded) and hasattr(yielded, "__name__"):
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
