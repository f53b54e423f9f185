"""`PickleCodec` and `JsonCodec`: encode values and failures as payloads, and decode them.

A value that JSON gives back exactly is stored as JSON text, so that a person can read the database. `PickleCodec`
pickles all others, and `JsonCodec` refuses them. A failure is stored as text, and beside it the means to build its
exception again: the JSON list of its arguments if it is a built-in exception or yieldflow's own, else a pickle.
"""

from __future__ import annotations

from typing import ClassVar

from .._core.errors import EncodingError
from .._core.history import Codec, Failure, Payload
from .diagnostics import json_trouble, pickle_trouble, refusal
from .failures import (
    LARGEST_EXCEPTION,
    PLAIN_EXCEPTIONS,
    escape_surrogates,
    may_be_raised,
    pickled_exception,
    plain_arguments,
    shorten,
    traceback_of,
)
from .json_text import from_json, to_json
from .pickles import from_pickle, to_pickle
from .safe_repr import error_line, guarded, is_interrupt, short_repr, type_name


class _JsonFirst:
    """Base of both codecs, which differ in one thing: whether they pickle."""

    _pickles: ClassVar[bool]

    def encode(self, value: object) -> Payload:
        """Encode ``value``: as JSON text where that is exact.

        Raises:
            EncodingError: It cannot be stored; the message names the part of it and what to pass instead.
        """
        text = to_json(value)
        if text is not None:
            return text
        if not self._pickles:
            raise refusal(value, json_trouble, ', or use codec="pickle"')
        try:
            return to_pickle(value)[0]
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise refusal(value, pickle_trouble) from error

    def decode(self, payload: Payload) -> object:
        """Make a new value from ``payload``.

        Raises:
            EncodingError: The payload is damaged, names a module or class that is not there, or is a pickle that this
                codec refuses.
        """
        if isinstance(payload, str):
            return from_json(payload)
        if self._pickles:
            return from_pickle(payload)
        remedy = 'if you trust the database, open it with codec="pickle"'
        raise EncodingError(f'a pickle of {len(payload)} bytes is stored, and codec="json" reads none; {remedy}')

    def encode_failure(self, error: BaseException) -> Failure:
        """Record ``error`` as a failure. Never raises, whatever the exception's own code does, and leaves it as it is.

        A message or a traceback of over a million characters loses its middle, and an exception of over a hundred
        million bytes is not kept.
        """
        return Failure(
            guarded(lambda: shorten(escape_surrogates(type_name(type(error)))), "<an exception without a name>"),
            guarded(lambda: shorten(escape_surrogates(str(error))), "<its __str__ failed>"),
            guarded(lambda: shorten(traceback_of(error)), ""),
            self._kept(error),
        )

    def decode_failure(self, failure: Failure, otherwise: type[BaseException]) -> BaseException:
        """Build the exception that ``failure`` records, with the recorded traceback as its only note.

        Where no exception was kept, it is ``otherwise(message, type_name, traceback)``, with the same note.

        Raises:
            EncodingError: An exception was kept, and cannot be built again.
        """
        if failure.exception is None:
            error = otherwise(failure.message, failure.type_name, failure.traceback)
        else:
            try:
                error = self._decode_exception(failure.type_name, failure.exception)
            except Exception as reason:
                raise EncodingError(f"cannot build the {failure.type_name} again: {error_line(reason)}") from reason
        # Not by `add_note`, which fails where an exception's class forbids to set attributes.
        vars(error).pop("__notes__", None)
        if failure.traceback:
            vars(error)["__notes__"] = [f"Traceback where it was raised:\n{failure.traceback.rstrip()}"]
        return error

    def _kept(self, error: BaseException) -> Payload | None:
        payload = self._encode_exception(error)
        return None if payload is not None and len(payload) > LARGEST_EXCEPTION else payload

    def _encode_exception(self, error: BaseException) -> Payload | None:
        if not may_be_raised(type(error)):
            return None
        text = guarded(lambda: plain_arguments(error), None)
        # An ImportError keeps the module's name beside its arguments.
        if self._pickles and (text is None or isinstance(error, ImportError)):
            return guarded(lambda: pickled_exception(error), None) or text
        return text

    def _decode_exception(self, name: str, payload: Payload) -> BaseException:
        decoded = self.decode(payload)
        if isinstance(payload, str):
            if name not in PLAIN_EXCEPTIONS or not isinstance(decoded, list):
                raise EncodingError("only a built-in exception can be built from JSON, and only from a list")
            return PLAIN_EXCEPTIONS[name](*decoded)
        if not isinstance(decoded, BaseException):
            raise EncodingError(f"the pickle holds a {type_name(type(decoded))}")
        return decoded


class PickleCodec(_JsonFirst):
    """JSON text where that is exact, else a pickle: by reference, and by value only what has none, such as a lambda."""

    _pickles = True


class JsonCodec(_JsonFirst):
    """JSON text only: refuses to write a pickle, and to read one."""

    _pickles = False


def codec_named(name: str) -> Codec:
    """Return the codec that ``Orchestrator(codec=name)`` asks for: ``"pickle"`` or ``"json"``.

    Raises:
        ValueError: There is no codec of that name.
    """
    codecs: dict[str, Codec] = {"pickle": PickleCodec(), "json": JsonCodec()}
    if not isinstance(name, str) or name not in codecs:
        raise ValueError(f'there is no codec {short_repr(name)}: use codec="pickle" or codec="json"')
    return codecs[name]


def preview(payload: Payload) -> object:
    """Return ``payload`` for display: the value of JSON text, or the size of a pickle, which is not loaded."""
    if isinstance(payload, bytes):
        return f"<pickled, {len(payload)} bytes>"
    damaged: object = f"<damaged, {len(payload)} characters>"
    return guarded(lambda: from_json(payload), damaged)
