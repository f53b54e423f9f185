"""`PickleCodec` and `JsonCodec`: values and failures to payloads and back.

What comes back from JSON exactly as it was is stored as JSON text, so that a person can read the database. The rest
`PickleCodec` pickles and `JsonCodec` refuses. Beside the text of a failure stands what its exception is built from: for
a built-in exception, or one of yieldflow's own, the JSON list of its arguments; for any other a pickle.
"""

from __future__ import annotations

from typing import ClassVar

from .._core.errors import EncodingError
from .._core.history import Codec, Failure, Payload
from .diagnostics import json_trouble, pickle_trouble, refusal
from .failures import (
    LARGEST_EXCEPTION,
    PLAIN_EXCEPTIONS,
    cut,
    may_be_raised,
    pickled_exception,
    plain_arguments,
    storable,
    traceback_of,
)
from .json_text import from_json, to_json
from .pickles import from_pickle, to_pickle
from .safe_repr import attempt, line, type_name


class _JsonFirst:
    """What both codecs share; they differ in whether there are pickles."""

    _pickles: ClassVar[bool]

    def encode(self, value: object) -> Payload:
        """``value`` as a payload: JSON text where that is exact.

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
        except (Exception, SystemExit) as error:
            raise refusal(value, pickle_trouble) from error

    def decode(self, payload: Payload) -> object:
        """A new value from ``payload``.

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
        """``error`` as a failure. Never raises, whatever the exception's own code does, and leaves it as it is.

        Of a message or a traceback of over a million characters, the middle is left out, and an exception of over a
        hundred million bytes is not kept.
        """
        return Failure(
            attempt(lambda: cut(storable(type_name(type(error)))), "<an exception without a name>"),
            attempt(lambda: cut(storable(str(error))), "<its __str__ failed>"),
            attempt(lambda: cut(traceback_of(error)), ""),
            self._kept(error),
        )

    def decode_failure(self, failure: Failure, otherwise: type[BaseException]) -> BaseException:
        """The exception that ``failure`` records, with the recorded traceback as its only note.

        Where no exception was kept: ``otherwise(message, type_name, traceback)``, with the same note.

        Raises:
            EncodingError: One was kept and cannot be built again.
        """
        if failure.exception is None:
            error = otherwise(failure.message, failure.type_name, failure.traceback)
        else:
            try:
                error = self._decode_exception(failure.type_name, failure.exception)
            except Exception as reason:
                raise EncodingError(f"cannot build the {failure.type_name} again: {line(reason)}") from reason
        # Past `add_note`, which fails where an exception's class forbids to set attributes.
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
        text = attempt(lambda: plain_arguments(error), None)
        # An ImportError keeps the module's name beside its arguments.
        if self._pickles and (text is None or isinstance(error, ImportError)):
            return attempt(lambda: pickled_exception(error), None) or text
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
    """The codec that ``Orchestrator(codec=name)`` asks for: ``"pickle"`` or ``"json"``.

    Raises:
        ValueError: There is none of that name.
    """
    codecs: dict[str, Codec] = {"pickle": PickleCodec(), "json": JsonCodec()}
    if name not in codecs:
        raise ValueError(f'there is no codec {name!r}: use codec="pickle" or codec="json"')
    return codecs[name]


def preview(payload: Payload) -> object:
    """``payload`` for those who only look: the value of JSON text; of a pickle, which is not loaded, its size."""
    if isinstance(payload, bytes):
        return f"<pickled, {len(payload)} bytes>"
    damaged: object = f"<damaged, {len(payload)} characters>"
    return attempt(lambda: from_json(payload), damaged)
