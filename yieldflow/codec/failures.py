"""Records failures: their texts, and beside them that of which the exception is built again, if it can be."""

from __future__ import annotations

import json
import os
import traceback
from typing import Protocol

from .._core.errors import ActivityError, EncodingError
from .._core.history import Payload
from .diagnostics import Refused
from .exceptions import PLAIN_EXCEPTIONS, ExceptionParts, copies_itself, may_be_raised, parts_of, says_the_same
from .json_text import MARK, Leaves, Written, to_text
from .safe_repr import escape_surrogates, guarded, type_name
from .tags import Body

_OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


#: The longest message or traceback that is kept, in characters: no person reads more.
LONGEST_TEXT = 1_000_000
#: The number of exceptions in one that are kept: they may hold each other in many places.
MOST_EXCEPTIONS = 1_000
#: The largest exception that is kept, in bytes: a row of SQLite holds a billion.
LARGEST_EXCEPTION = 100_000_000


def shorten(text: str) -> str:
    """Return ``text``; where it is too long, its beginning and its end, with the number of characters left out."""
    left_out = len(text) - LONGEST_TEXT
    if left_out <= 0:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]} ... ({left_out:,} characters are left out here) ... {text[-half:]}"


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


class ExceptionCodec(Leaves, Protocol):
    """A codec, as far as exceptions need it."""

    def decode(self, payload: Payload) -> object:
        """Make a new value from ``payload``."""

    def reference(self, kind: type) -> str:
        """Return the reference by which a class is found again; `EncodingError` where there is none."""


def texts_of(error: BaseException) -> tuple[str, str, str]:
    """Return the name of its type, its message and its traceback, whatever the exception's own code does."""
    return (
        guarded(lambda: shorten(escape_surrogates(type_name(type(error)))), "<an exception without a name>"),
        guarded(lambda: shorten(escape_surrogates(str(error))), "<its __str__ failed>"),
        guarded(lambda: shorten(traceback_of(error)), ""),
    )


def write_exception(error: BaseException, codec: ExceptionCodec) -> Payload | None:
    """Return that of which ``error`` is built again; None where it cannot be, or may not be raised.

    It is the list of its arguments where a built-in exception needs no more, else the exception itself, without its
    notes. An exception in it (a member of a group, say) that cannot be built again is replaced by the `ActivityError`
    that it would have been by itself.

    Args:
        error: The exception, which stays as it is.
        codec: The codec.
    """
    if not may_be_raised(type(error)):
        return None
    payload = _written(error, codec, calls_init=True) or _written(error, codec, calls_init=False)
    return None if payload is None or len(payload) > LARGEST_EXCEPTION else payload


def read_exception(name: str, payload: Payload, codec: ExceptionCodec) -> BaseException:
    """Build the exception of which `write_exception`, or an older version, made ``payload``.

    Raises:
        Exception: That cannot be done.
    """
    decoded = codec.decode(payload)
    if isinstance(decoded, list):
        if name not in PLAIN_EXCEPTIONS:
            raise EncodingError("only a built-in exception can be built from a list of its arguments")
        return PLAIN_EXCEPTIONS[name](*decoded)
    if not isinstance(decoded, BaseException):
        raise EncodingError(f"a {type_name(type(decoded))} is stored")
    return decoded


def _written(error: BaseException, codec: ExceptionCodec, *, calls_init: bool) -> Payload | None:
    """Write ``error`` and read it, since its class may refuse what replaces an exception in it."""
    writer = _Writer(codec, calls_init)
    payload = guarded(lambda: writer.text(error), None)
    if payload is None:
        return None
    again = guarded(lambda: read_exception(type_name(type(error)), payload, codec), None)
    is_same = type(again) is type(error) and (writer.has_replaced or says_the_same(again, error))
    return payload if is_same else None


class _Writer:
    """Writes an exception and those in it.

    Args:
        codec: Writes all else.
        calls_init: False to pass by the `__init__` of their classes.
    """

    def __init__(self, codec: ExceptionCodec, calls_init: bool) -> None:
        self._codec = codec
        self._calls_init = calls_init
        self.has_replaced = False
        self._left = MOST_EXCEPTIONS
        #: The ids of those that are being written: they may hold each other.
        self._open: set[int] = set()

    def text(self, error: BaseException) -> Payload:
        """Return the text for the exception itself; `Refused` where it cannot be built again."""
        kind = type(error)
        if PLAIN_EXCEPTIONS.get(type_name(kind)) is kind:
            parts = self._parts(error)
            if parts.calls_init and not parts.attributes:
                self._open.add(id(error))
                return to_text(list(parts.args), self)
        return to_text(error, self)

    def body(self, value: object) -> Body:
        """Return the object that is written for a value that has no tag of its own."""
        if not isinstance(value, BaseException):
            return self._codec.body(value)
        if not self._open:
            return self._whole(value)
        try:
            return self._whole(value)
        except (EncodingError, Refused, RecursionError):
            self.has_replaced = True
            name, message, traceback = texts_of(value)
            told = ActivityError(message, name, traceback)
            return ExceptionParts(told.args, {}, calls_init=True).body(self._codec.reference(ActivityError))

    def pickled(self, value: object) -> Body:
        """Return the object for a value that is nested too deeply for JSON."""
        return self._codec.pickled(value)

    def _whole(self, error: BaseException) -> Body:
        self._left -= 1
        if id(error) in self._open or self._left < 0:
            raise Refused(error, " that is held over and over", "another")
        self._open.add(id(error))
        try:
            body = guarded(lambda: self._own_pickle(error), None) or self._parts(error).body(
                self._codec.reference(type(error))
            )
            # Each is written here, so that what cannot be stored is laid to this exception.
            return {name: Written(to_text(part, self).removeprefix(MARK)) for name, part in body.items()}
        finally:
            self._open.remove(id(error))

    def _parts(self, error: BaseException) -> ExceptionParts:
        parts = parts_of(error, with_notes=False, calls_init=self._calls_init)
        if parts is None:
            raise Refused(error, " that cannot be built again", "another")
        return parts

    def _own_pickle(self, error: BaseException) -> Body | None:
        """Pickle an exception in the way of its own class; None where it has none, or the text comes back changed."""
        if not copies_itself(type(error)):
            return None
        body = self._codec.pickled(error)
        again = self._codec.decode(MARK + json.dumps(body))
        if type(again) is not type(error) or not says_the_same(again, error):
            return None
        return body if vars(again).pop("__notes__", None) is None else self._codec.pickled(again)


def rebuild(kind: type[BaseException], args: tuple[object, ...], state: dict[str, object]) -> BaseException:
    """Build an exception with these arguments and attributes, without a call of its ``__init__``.

    Pickles of older versions name this function by its path.
    """
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(state)
    return error
