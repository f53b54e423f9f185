"""What of an exception is stored, and which exceptions can be built again."""

from __future__ import annotations

import builtins
import os
import traceback

from .._core import errors
from .._core.errors import Cancelled
from .guarded import type_name
from .json_text import to_json
from .pickles import has_reference, to_pickle

_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def may_be_raised(kind: type[BaseException]) -> bool:
    """Whether an exception of that kind may be thrown into a workflow: not one that Python itself acts upon."""
    stops = (StopIteration, StopAsyncIteration)
    return kind is Cancelled or (issubclass(kind, Exception) and not issubclass(kind, stops))


#: The exceptions that are built again from their arguments: looked up here and nowhere else, so that reading JSON
#: never imports or calls what a database names.
PLAIN_EXCEPTIONS: dict[str, type[BaseException]] = {
    type_name(kind): kind
    for kind in (*vars(builtins).values(), *vars(errors).values())
    if isinstance(kind, type) and issubclass(kind, BaseException) and may_be_raised(kind)
}


def storable(text: str) -> str:
    """``text`` as an exact str that SQLite takes: lone surrogates are escaped."""
    return str.encode(text, "utf-8", "backslashreplace").decode()


def traceback_of(error: BaseException) -> str:
    """The traceback with causes and notes, without yieldflow's own frames; empty where there is nothing to tell."""
    shown = traceback.TracebackException.from_exception(error, compact=True)
    chain: list[traceback.TracebackException | None] = [shown]
    for link in chain:
        if link is not None:
            link.stack[:] = [frame for frame in link.stack if not frame.filename.startswith(_OWN_FOLDER)]
            chain += [link.__cause__, link.__context__, *(link.exceptions or ())]
    text = storable("".join(shown.format()))
    # A lone line says no more than type and message do.
    return text if "\n" in text.rstrip("\n") else ""


def plain_arguments(error: BaseException) -> str | None:
    """The arguments that build a plain exception again, as JSON text; None where another would come of it."""
    kind = type(error)
    if PLAIN_EXCEPTIONS.get(type_name(kind)) is not kind:
        return None
    # More than `args`: an OSError's file names are here only.
    arguments = error.__reduce__()[1]
    again = kind(*arguments)
    kept = {name: value for name, value in vars(error).items() if name != "__notes__"}
    is_same = str(again) == str(error) and vars(again) == kept
    return to_json(list(arguments)) if is_same else None


def pickled_exception(error: BaseException) -> bytes | None:
    """``error`` without its notes as a pickle that makes an exception of the same type and text."""
    # One by value would be another class after a restart, so that an `except` would catch it live, and not on replay.
    if not has_reference(type(error)):
        return None
    data, again = to_pickle(error)
    if not isinstance(again, BaseException):
        return None
    if vars(again).pop("__notes__", None) is not None:
        data, again = to_pickle(again)
    return data if type(again) is type(error) and str(again) == str(error) else None
