"""Names and shows values whose own code may raise, or do anything else."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident, main_thread
from typing import TypeVar

T = TypeVar("T")


def guarded(make: Callable[[], T], otherwise: T) -> T:
    """Return the result of ``make``, or ``otherwise`` if the code of a value raises, whatever that is."""
    try:
        return make()
    except BaseException:
        return otherwise


def is_interrupt(error: BaseException) -> bool:
    """Return True for a Ctrl-C, which is raised in the main thread alone; whatever else is raised is a value's own."""
    return isinstance(error, KeyboardInterrupt) and get_ident() == main_thread().ident


def escape_surrogates(text: str) -> str:
    """Return ``text`` as an exact str that UTF-8 has: lone surrogates are escaped."""
    return str.encode(text, "utf-8", "backslashreplace").decode()


def type_name(kind: type) -> str:
    """Return module and qualified name: ``builtins.ValueError``."""
    return f"{kind.__module__}.{kind.__qualname__}"


def error_line(error: BaseException) -> str:
    """Return type and message, as the last line of a traceback has them."""
    message = guarded(lambda: str(error), "")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def short_repr(value: object) -> str:
    """Return the ``repr()``, cut to sixty characters."""
    text = guarded(lambda: repr(value), f"<{type(value).__name__}>")
    return text if len(text) <= 60 else f"{text[:40]}...{text[-15:]}"
