"""Asking things of values whose own code may do anything, and saying what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def attempt(make: Callable[[], T], otherwise: T) -> T:
    """What ``make`` returns, or ``otherwise`` where the code of a value gets in the way, by whatever it raises."""
    try:
        return make()
    except BaseException:
        return otherwise


def type_name(kind: type) -> str:
    """Module and qualified name: ``builtins.ValueError``."""
    return f"{kind.__module__}.{kind.__qualname__}"


def line(error: BaseException) -> str:
    """Type and message, as the last line of a traceback has them."""
    message = attempt(lambda: str(error), "")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def short(value: object) -> str:
    """The ``repr()``, cut to sixty characters."""
    text = attempt(lambda: repr(value), f"<{type(value).__name__}>")
    return text if len(text) <= 60 else f"{text[:40]}...{text[-15:]}"
