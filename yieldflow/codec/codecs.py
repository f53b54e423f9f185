"""`PickleCodec` and `JsonCodec`: encode values and failures as payloads, and decode them.

A payload is JSON text, with tags where JSON has no type for a value (see `json_text`). What has no tag, `PickleCodec`
pickles at its leaf, and `JsonCodec` refuses. A failure is stored as text, and beside it the means to build its
exception again: the list of its arguments if it is a built-in exception or yieldflow's own, else the exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar

from .._core.commands import Bare
from .._core.errors import EncodingError
from .._core.history import Codec, Failure, Payload
from .._core.registry import Registry, default_registry
from .comparing import same_payload
from .diagnostics import PLAIN_DATA, Refused, advice
from .exceptions import PLAIN_EXCEPTIONS, build_exception, copies_itself, parts_of
from .failures import read_exception, texts_of, write_exception
from .json_text import MARK, MAX_DEPTH, from_json, reader, to_text
from .pickles import from_leaf, from_pickle, pickled
from .references import ClassFinder
from .safe_repr import error_line, guarded, short_repr, type_name
from .structures import enum_member, enum_name, structure_of
from .tags import Body


class _TaggedJson:
    """Base of both codecs, which differ in one thing: what they do about a value that has no tag.

    Args:
        finder: Finds the classes that values name.
    """

    #: What ``Orchestrator(codec=...)`` calls it.
    _name: ClassVar[str]

    def __init__(self, finder: ClassFinder | None = None) -> None:
        self._pickles = self._name == "pickle"
        self._finder = finder or ClassFinder(default_registry, closed=not self._pickles)
        self._read = reader(self._revive)

    def __reduce__(self) -> tuple[object, ...]:
        # To a worker process.
        return type(self), (self._finder,)

    def encode(self, value: object) -> Payload:
        """Encode ``value`` as JSON text.

        Raises:
            EncodingError: It cannot be stored; the message names the part of it and what to pass instead.
        """
        try:
            return to_text(value, self)
        except Refused as refused:
            raise refused.error("" if self._pickles else ', or use codec="pickle"') from refused.__cause__

    def decode(self, payload: Payload) -> object:
        """Make a new value from ``payload``.

        Raises:
            EncodingError: The payload is damaged, names a module or class that is not there, or holds a pickle and this
                codec reads none.
        """
        if isinstance(payload, str):
            return self._read(payload)
        if self._pickles:
            return from_pickle(payload)
        raise _no_pickles(f"a pickle of {len(payload)} bytes is stored")

    def body(self, value: Any) -> Body:
        """Return the object that is written for a value that has no tag of its own.

        Raises:
            Refused: It cannot be stored.
        """
        kind: type = type(value)
        try:
            structure = structure_of(kind)
            if structure is not None:
                fields = structure.take(value)
                return self.pickled(value) if fields is None else {"$object": self._finder.reference(kind), **fields}
            if isinstance(value, Enum):
                name = enum_name(value)
                return self.pickled(value) if name is None else {"$enum": self._finder.reference(kind), "name": name}
            if isinstance(value, BaseException):
                parts = None if copies_itself(kind) else parts_of(value)
                # As a value it is built as any other is: by its constructor.
                is_built = parts is not None and parts.calls_init
                return parts.body(self.reference(kind)) if parts is not None and is_built else self.pickled(value)
            return self.pickled(value)
        except EncodingError as error:
            raise Refused(value, str(error), None) from error

    def reference(self, kind: type) -> str:
        """Return the reference by which `decode` finds a class again.

        Raises:
            EncodingError: There is none; the message says what to do.
        """
        is_plain = PLAIN_EXCEPTIONS.get(type_name(kind)) is kind
        return f"{kind.__module__}:{kind.__qualname__}" if is_plain else self._finder.reference(kind)

    def pickled(self, value: object) -> Body:
        """Return the object for a value that has no tag: its pickle.

        Raises:
            Refused: It cannot be pickled, or this codec pickles nothing.
        """
        if self._pickles:
            return pickled(value, self._finder)
        if type(value) in (dict, list, set, frozenset):
            raise Refused(value, f" that is nested more than {MAX_DEPTH} levels deep", "a flatter one")
        raise Refused(value, "", advice(value) or PLAIN_DATA)

    def _revive(self, tag: str, body: Body) -> object:
        if tag == "$object":
            fields = {**body}
            kind: Any = self._finder.find(fields.pop("$object"))
            structure = structure_of(kind) if isinstance(kind, type) else None
            if structure is None:
                raise EncodingError(f"an instance of {body[tag]!r} is stored by its fields, and that has none now")
            return structure.build(fields)
        if tag == "$enum":
            kind = self._finder.find(body[tag])
            if not isinstance(kind, type) or not issubclass(kind, Enum):
                raise EncodingError(f"a member of the enum {body[tag]!r} is stored, and that is no enum now")
            return enum_member(kind, body["name"])
        if tag == "$exception":
            return build_exception(body, self._finder)
        if tag == "$pickle":
            if self._pickles:
                return from_leaf(body, self._finder)
            raise _no_pickles(f"a pickled {body.get('type')} is stored")
        raise EncodingError(f"the tag {tag!r} is stored, and this version knows none such: was it a newer one?")

    def same(self, recorded: Payload, new: Payload, defaults: Mapping[str, object]) -> bool:
        """Tell whether both payloads are of the same value; see `comparing.same_payload`.

        Raises:
            EncodingError: One of them cannot be read.
        """
        return same_payload(recorded, new, defaults, self)

    def encode_failure(self, error: BaseException) -> Failure:
        """Record ``error`` as a failure. Never raises, whatever the exception's own code does, and leaves it as it is.

        A message or a traceback of over a million characters loses its middle, and an exception of over a hundred
        million bytes is not kept.
        """
        return Failure(*texts_of(error), guarded(lambda: write_exception(error, self), None))

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
                error = read_exception(failure.type_name, failure.exception, self)
            except Exception as reason:
                raise EncodingError(f"cannot build the {failure.type_name} again: {error_line(reason)}") from reason
        # Not by `add_note`, which fails where an exception's class forbids to set attributes.
        vars(error).pop("__notes__", None)
        if failure.traceback:
            vars(error)["__notes__"] = [f"Traceback where it was raised:\n{failure.traceback.rstrip()}"]
        return error


class PickleCodec(_TaggedJson):
    """JSON text, with a pickle at each leaf that nothing else can say."""

    _name = "pickle"


class JsonCodec(_TaggedJson):
    """JSON text without pickles: refuses to write one, and to read one. It imports nothing by a stored name."""

    _name = "json"


def _no_pickles(stored: str) -> EncodingError:
    remedy = 'if you trust the database, open it with codec="pickle"'
    return EncodingError(f'{stored}, and codec="json" reads none; {remedy}')


def codec_named(name: str, registry: Registry = default_registry) -> Codec:
    """Return the codec that ``Orchestrator(codec=name)`` asks for: ``"pickle"`` or ``"json"``.

    Args:
        name: The codec's name.
        registry: The registry that knows the classes that values name.

    Raises:
        ValueError: There is no codec of that name.
    """
    codecs = {"pickle": PickleCodec, "json": JsonCodec}
    if not isinstance(name, str) or name not in codecs:
        raise ValueError(f'there is no codec {short_repr(name)}: use codec="pickle" or codec="json"')
    return codecs[name](ClassFinder(registry, closed=name == "json"))


def preview(payload: Payload) -> object:
    """Return ``payload`` for display, as `json.loads` reads it: tags show as they stand, and nothing is loaded.

    A payload of an older version that is a pickle shows as its size.
    """
    if isinstance(payload, bytes):
        return f"<pickled, {len(payload)} bytes>"
    damaged: object = f"<damaged, {len(payload)} characters>"
    return guarded(lambda: from_json(payload), damaged)


def short_preview(payload: Payload) -> object:
    """Return ``payload`` as `preview` does, with the `repr` that stands beside a pickle in place of the pickle.

    It is for messages and pictures that are cut, where a pickle would hide all behind it.
    """
    shown = preview(payload)
    return _without_pickles(shown) if isinstance(payload, str) and payload.startswith(MARK) else shown


def _without_pickles(shown: Any) -> object:
    if isinstance(shown, list):
        return [_without_pickles(part) for part in shown]
    if not isinstance(shown, dict):
        return shown
    if "$pickle" in shown:
        return Bare(shown.get("repr") or f"<{shown.get('type')}>")
    return {name: _without_pickles(part) for name, part in shown.items()}
