"""Takes exceptions apart for storage, and builds those again that can be."""

from __future__ import annotations

import builtins
import os
import traceback

from .._core import errors
from .._core.errors import Cancelled
from .._core.history import Codec, Payload
from .safe_repr import guarded, type_name

_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def may_be_raised(kind: type[BaseException]) -> bool:
    """True where an exception of that kind may be thrown into a workflow: Python itself must not act upon it."""
    stops = (StopIteration, StopAsyncIteration)
    return kind is Cancelled or (issubclass(kind, Exception) and not issubclass(kind, stops))


#: The exceptions that are built again from their arguments: looked up here and nowhere else, so that reading JSON
#: never imports or calls anything that a database names.
PLAIN_EXCEPTIONS: dict[str, type[BaseException]] = {
    type_name(kind): kind
    for kind in (*vars(builtins).values(), *vars(errors).values())
    if isinstance(kind, type) and issubclass(kind, BaseException) and may_be_raised(kind)
}


#: The longest message or traceback that is kept, in characters: no person reads more.
LONGEST_TEXT = 1_000_000
#: The largest exception that is kept, in bytes: a row of SQLite holds a billion.
LARGEST_EXCEPTION = 100_000_000


def shorten(text: str) -> str:
    """Return ``text``; where it is too long, its beginning and its end, with the number of characters left out."""
    left_out = len(text) - LONGEST_TEXT
    if left_out <= 0:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]} ... ({left_out:,} characters are left out here) ... {text[-half:]}"


def escape_surrogates(text: str) -> str:
    """Return ``text`` as an exact str that UTF-8 has: lone surrogates are escaped."""
    return str.encode(text, "utf-8", "backslashreplace").decode()


def traceback_of(error: BaseException) -> str:
    """Format the traceback with causes and notes, without yieldflow's own frames; empty where it says nothing."""
    shown = traceback.TracebackException.from_exception(error, compact=True)
    chain: list[traceback.TracebackException | None] = [shown]
    for link in chain:
        if link is not None:
            link.stack[:] = [frame for frame in link.stack if not frame.filename.startswith(_OWN_FOLDER)]
            chain += [link.__cause__, link.__context__, *(link.exceptions or ())]
    text = escape_surrogates("".join(shown.format()))
    # A lone line says no more than type and message do.
    return text if "\n" in text.rstrip("\n") else ""


def plain_arguments(error: BaseException, codec: Codec) -> Payload | None:
    """Encode the arguments that build a plain exception again; None where they would build another."""
    kind = type(error)
    if PLAIN_EXCEPTIONS.get(type_name(kind)) is not kind:
        return None
    # More than `args`: an OSError's file names are here only.
    payload = codec.encode(list(error.__reduce__()[1]))
    again = kind(*codec.decode(payload))  # type: ignore[misc]  # encoded from a list
    kept = {name: value for name, value in vars(error).items() if name != "__notes__"}
    return payload if str(again) == str(error) and vars(again) == kept else None


def whole_exception(error: BaseException, codec: Codec) -> Payload | None:
    """Encode ``error`` without its notes, so that it comes back with the same type and text; None where it cannot."""
    return _encoded(error, error, codec) or _encoded(_ByState(error), error, codec)


def _encoded(stored: object, error: BaseException, codec: Codec) -> Payload | None:
    """Encode ``stored``, which is to come back as an exception like ``error``; None where it does not."""
    payload = guarded(lambda: codec.encode(stored), None)
    again = None if payload is None else codec.decode(payload)
    if not isinstance(again, BaseException):
        return None
    if vars(again).pop("__notes__", None) is not None:
        payload = codec.encode(again)
    return payload if type(again) is type(error) and str(again) == str(error) else None


class _ByState:
    """An exception stored past its ``__init__``, which may want other arguments than the exception keeps."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> tuple[object, ...]:
        kept = {name: value for name, value in vars(self._error).items() if name != "__notes__"}
        return rebuild, (type(self._error), self._error.args, kept)


def rebuild(kind: type[BaseException], args: tuple[object, ...], state: dict[str, object]) -> BaseException:
    """Build an exception with these arguments and attributes, without a call of its ``__init__``.

    Stored pickles name this function by its path.
    """
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(state)
    return error
