"""Values and failures to payloads and back.

A value that comes back from JSON exactly as it was, types and all, is stored as JSON text, so that a person can read
the database. `PickleCodec` stores anything else as pickle bytes; `JsonCodec` refuses it. Whatever only looks at a
payload takes `preview`, which never unpickles.

A failure is stored as text, and beside it what its exception is built from again: for a built-in exception or one of
yieldflow's own the JSON list of its arguments, for any other a pickle.
"""

from __future__ import annotations

import builtins
import functools
import io
import json
import os
import re
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple, TypeAlias, TypeVar

from ._core import errors
from ._core.errors import Cancelled, EncodingError
from ._core.history import Codec, Failure, Payload

T = TypeVar("T")
_Parts: TypeAlias = Callable[[object], Iterator[tuple[str, object]]]

# ---------------------------------------------------------------------- words


def _attempt(make: Callable[[], T], otherwise: T) -> T:
    """What ``make`` returns, or ``otherwise`` where the code of a value gets in the way, by whatever it raises."""
    try:
        return make()
    except BaseException:
        return otherwise


def _type_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _line(error: BaseException) -> str:
    """Type and message, as the last line of a traceback has them."""
    message = _attempt(lambda: str(error), "")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _short(value: object) -> str:
    text = _attempt(lambda: repr(value), f"<{type(value).__name__}>")
    return text if len(text) <= 60 else f"{text[:40]}...{text[-15:]}"


# ---------------------------------------------------------------------- JSON

#: Fixed, rather than whatever the stack leaves, so that how a value is stored depends on the value alone.
_MAX_DEPTH = 100
#: The default limit of Python's conversion between int and str: a process with that default must read what we write.
_MAX_DIGITS = 4300
_LARGEST_INT = 10**_MAX_DIGITS
_LEAST_INT = -_LARGEST_INT
#: How often over the text may repeat what the value holds once; more would hang the thread that writes it.
_MAX_SHARING = 1_000_000

_ATOMS = frozenset({str, float, bool, type(None)})
#: Python keeps these two apart; read from JSON they become one character.
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def _writer() -> Callable[[object], str]:
    plain = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    # `JSONEncoder.encode` makes one of these for every call, which costs more than to write a small value.
    chunks = make(None, plain.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_write = _writer()
_write_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_DECODER = json.JSONDecoder()


def _is_exact(value: object) -> bool:
    """Whether JSON has every type in ``value``. A nan or infinity is left to the writer, which refuses it."""
    level: list[Any] = [value] if type(value) is dict or type(value) is list else [(value,)]
    sharing = 1.0
    for _ in range(_MAX_DEPTH):
        deeper: list[Any] = []
        for container in level:
            inside = _containers_in(container)
            if inside is None:
                return False
            deeper += inside
        if not deeper:
            return True
        # One container in many places is looked at once a level, else a small cycle or diamond would take for ever.
        distinct = {id(part): part for part in deeper}
        sharing *= len(deeper) / len(distinct)
        if sharing > _MAX_SHARING:
            return False
        level = list(distinct.values())
    return False


def _containers_in(container: Any) -> list[Any] | None:
    """The lists and dicts directly in ``container``; None where it holds what JSON has no type for."""
    found = []
    items = container
    if type(container) is dict:
        for key in container:
            if type(key) is not str:
                return None
        items = container.values()
    for item in items:
        kind = type(item)
        if kind in _ATOMS:
            continue
        if kind is int:
            if not _LEAST_INT < item < _LARGEST_INT:
                return None
        elif kind is dict or kind is list:
            found.append(item)
        else:
            return None
    return found


def _to_json(value: object) -> str | None:
    """The text that reads back as exactly ``value``; None where there is none."""
    text = ""
    try:
        if not _is_exact(value):
            return None
        text = _write(value)
        if not text.isascii():
            text.encode()
        return text
    except UnicodeEncodeError:
        # SQLite refuses a lone surrogate, so it is escaped.
        return None if _SURROGATE_PAIR.search(text) else _write_ascii(value)
    except (ValueError, TypeError, RuntimeError):
        # A nan; an int in a process with a lower limit; a value that another thread changes; no stack left.
        return None


def _from_json(text: str) -> object:
    try:
        value, end = _DECODER.raw_decode(text)
        return value if end == len(text) else _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise EncodingError(f"the stored JSON text is damaged: {_line(error)}") from error


# ---------------------------------------------------------------------- pickle


class _LoadError(Exception):
    """A value was pickled, and cannot be loaded again; the cause says why."""


def _has_reference(thing: type | FunctionType) -> bool:
    """Whether module and qualified name lead to ``thing`` itself."""
    try:
        found: object = sys.modules[thing.__module__]
        for name in thing.__qualname__.split("."):
            found = getattr(found, name)
    except Exception:
        return False
    return found is thing


@functools.cache
def _by_value_pickler() -> Any:
    import cloudpickle  # type: ignore[import-untyped]  # it ships no types

    class ByValuePickler(cloudpickle.Pickler):  # type: ignore[misc]  # an untyped base
        """Takes by value what has no reference, and nothing else."""

        def reducer_override(self, obj: Any) -> Any:
            # cloudpickle takes what lies in `__main__` by value, which would be another class after a restart.
            if isinstance(obj, (type, FunctionType)) and _has_reference(obj):
                return NotImplemented
            # cloudpickle would store a file's whole contents, and bytes for a memoryview. Python refuses both.
            if type(obj) in (io.TextIOWrapper, memoryview):
                return obj.__reduce_ex__(5)
            return super().reducer_override(obj)

    return ByValuePickler


def _to_pickle(value: object) -> tuple[bytes, object]:
    """``value`` pickled, and as it was loaded again. Raises whatever the value's classes raise, or `_LoadError`."""
    import pickle

    try:
        data = pickle.dumps(value, protocol=5)
    except RecursionError:
        raise
    except Exception:
        file = io.BytesIO()
        _by_value_pickler()(file, protocol=5).dump(value)
        data = file.getvalue()
    try:
        return data, pickle.loads(data)
    except Exception as error:
        raise _LoadError(_line(error)) from error


def _from_pickle(data: bytes) -> object:
    import pickle

    try:
        return pickle.loads(data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        missing = isinstance(error, (ImportError, AttributeError))
        remedy = "; put back the module or class that it names, under its old name" if missing else ""
        raise EncodingError(f"cannot read the stored value back: {_line(error)}{remedy}") from error


# ---------------------------------------------------------------------- what is to blame


class _Culprit(NamedTuple):
    """The part of a value that cannot be stored."""

    #: How to reach it from the value: ``['rows'][3].handle``.
    path: str
    part: object
    #: What is wrong with it and what to pass, to follow its type in a sentence, and to be followed by "instead".
    trouble: str


_PLAIN_DATA = "plain data (numbers, strings, lists, dicts)"
#: What to pass instead of a handle on something outside the value, which is never looked into.
_FOR_HANDLES = {
    "_io._IOBase": "its contents or its path",
    "_socket.socket": "its address, and connect where it is used,",
    "_thread.lock": "the data that it guards",
    "_thread.RLock": "the data that it guards",
    "threading.Condition": "the data that it guards",
    "threading.Event": "its is_set()",
    "threading.Thread": "the data that it works on",
    "builtins.generator": "a list of what it yields, or yield it if it is a helper of the workflow,",
    "builtins.async_generator": "a list of what it yields",
    "builtins.coroutine": "what it returns when awaited",
    "builtins.memoryview": "bytes(...) of it",
    "sqlite3.Connection": "the path of its database",
    "sqlite3.Cursor": "its fetchall()",
    "concurrent.futures._base.Future": "its result()",
    "_asyncio.Future": "what it returns when awaited",
}
#: What to pass instead of anything else, by the type or its nearest base.
_FOR_OTHERS = {
    "enum.Enum": "its value",
    "builtins.tuple": "a list",
    "builtins.set": "a sorted list",
    "builtins.frozenset": "a sorted list",
    "builtins.dict": "a plain dict",
    "builtins.list": "a plain list",
    "builtins.bytes": "its hex()",
    "builtins.str": "a plain str, without surrogates that stand in pairs,",
    "builtins.int": f"a plain int, of up to {_MAX_DIGITS} digits, or its hex()",
    "builtins.float": "a plain, finite float, or None,",
    "datetime.date": "its isoformat()",
    "datetime.time": "its isoformat()",
    "datetime.timedelta": "its total_seconds()",
    "decimal.Decimal": "its str()",
    "uuid.UUID": "its str()",
}


def _advice(part: object, *tables: dict[str, str]) -> str | None:
    names = [_type_name(base) for base in type(part).__mro__]
    return next((table[name] for table in tables for name in names if name in table), None)


def _refusal(value: object, trouble_of: Callable[[object], str | None], parts: _Parts, remedy: str) -> EncodingError:
    """The error that names the part of ``value`` that cannot be stored."""
    whole = _Culprit("", value, trouble_of(value) or " that changes while it is stored; pass a copy")
    seen = {id(value): whole}
    culprit = _attempt(lambda: _smallest(whole, trouble_of, parts, seen), None)
    # Where all failing parts lead back to one another, the first of them tells most.
    path, part, trouble = culprit or [*seen.values(), whole][1]
    place = f" at {path}" if len(path) <= 200 else f" at {path[:100]} ... {path[-90:]}"
    name = _type_name(type(part)).removeprefix("builtins.")
    article = "an" if name[0] in "aeiouAEIOU" else "a"
    return EncodingError(f"cannot store the value{place if path else ''}: {article} {name}{trouble} instead{remedy}")


def _smallest(
    culprit: _Culprit, trouble_of: Callable[[object], str | None], parts: _Parts, seen: dict[int, _Culprit]
) -> _Culprit | None:
    """The part of ``culprit`` that fails although all its own parts are fine; None where all lead back to ``seen``.

    ``seen`` are the parts known to fail. Their number is bounded: each of many parts that refer to one another takes
    as long as the whole.
    """
    is_smallest = True
    for step, part in parts(culprit.part):
        if id(part) not in seen:
            trouble = trouble_of(part)
            if trouble is None:
                continue
            found = seen[id(part)] = _Culprit(culprit.path + step, part, trouble)
            deeper = _smallest(found, trouble_of, parts, seen) if len(seen) < 100 else found
            if deeper is not None:
                return deeper
        is_smallest = False
    return culprit if is_smallest else None


def _pickle_trouble(part: object) -> str | None:
    """What to say of ``part``; None where it can be pickled."""
    try:
        _to_pickle(part)
    except KeyboardInterrupt:
        raise
    except RecursionError:
        return " that is nested too deeply; pass a flatter one"
    except _LoadError as error:
        return f" that can be pickled, but not loaded again ({error}); mend its __reduce__, or pass {_PLAIN_DATA}"
    except BaseException as error:
        return f" ({_line(error)}); pass {_advice(part, _FOR_HANDLES, _FOR_OTHERS) or _PLAIN_DATA}"
    return None


def _json_trouble(part: object) -> str | None:
    """What to say of ``part``; None where it has a JSON text."""
    if _to_json(part) is not None:
        return None
    if type(part) is not dict and type(part) is not list:
        return f" ({_short(part)}); pass {_advice(part, _FOR_HANDLES, _FOR_OTHERS) or _PLAIN_DATA}"
    for key in part if isinstance(part, dict) else ():
        if type(key) is not str or _to_json(key) is None:
            return f" with the key {_short(key)}; pass one with plain strings for keys"
    return f" that contains itself, or is nested more than {_MAX_DEPTH} levels deep; pass a flatter one"


def _pickle_parts(value: object) -> Iterator[tuple[str, object]]:
    """What ``value`` is made of, and how each part is reached."""
    if isinstance(value, (type, FunctionType, ModuleType)) or _advice(value, _FOR_HANDLES):
        return
    if isinstance(value, dict):
        yield from ((f"[{_short(key)}]", item) for key, item in dict.items(value))
    elif isinstance(value, (list, tuple)):
        names = getattr(value, "_fields", None)
        yield from ((f".{names[i]}" if names else f"[{i}]", item) for i, item in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((" (an element)", item) for item in value)
    elif isinstance(value, BaseException):
        yield ".args", value.args
    state = object.__getstate__(value)
    for attributes in state if isinstance(state, tuple) else (state,):
        yield from ((f".{name}", item) for name, item in (attributes or {}).items())


def _json_parts(value: object) -> Iterator[tuple[str, object]]:
    return _pickle_parts(value) if type(value) is dict or type(value) is list else iter(())


# ---------------------------------------------------------------------- failures

#: A traceback is for people: of a longer one, beginning and end are kept.
_MAX_TRACEBACK = 200_000
_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


def _may_be_raised(kind: type[BaseException]) -> bool:
    """Whether an exception of that kind may be thrown into a workflow: not one that Python itself acts upon."""
    if kind is Cancelled:
        return True
    return issubclass(kind, Exception) and not issubclass(kind, (StopIteration, StopAsyncIteration))


#: The exceptions that are built again from their arguments: looked up here and nowhere else, so that reading JSON
#: never imports or calls what a database names.
_PLAIN_EXCEPTIONS: dict[str, type[BaseException]] = {
    _type_name(kind): kind
    for kind in (*vars(builtins).values(), *vars(errors).values())
    if isinstance(kind, type) and issubclass(kind, BaseException) and _may_be_raised(kind)
}


def _storable(text: str) -> str:
    """``text`` as an exact str that SQLite takes: lone surrogates are escaped."""
    return str.encode(text, "utf-8", "backslashreplace").decode()


def _message(error: BaseException) -> str:
    return _attempt(lambda: _storable(str(error)), "<its __str__ failed>")


def _traceback(error: BaseException) -> str:
    """The traceback with causes and notes, without yieldflow's own frames; empty where there is nothing to tell."""
    shown = traceback.TracebackException.from_exception(error, compact=True)
    chain: list[traceback.TracebackException | None] = [shown]
    for link in chain:
        if link is not None:
            link.stack[:] = [frame for frame in link.stack if not frame.filename.startswith(_OWN_FOLDER)]
            chain += [link.__cause__, link.__context__, *(link.exceptions or ())]
    text = _storable("".join(shown.format()))
    # A lone line says no more than type and message do.
    if "\n" not in text.rstrip("\n"):
        return ""
    if len(text) <= _MAX_TRACEBACK:
        return text
    half = _MAX_TRACEBACK // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _rebuild(kind: type[BaseException], arguments: object) -> BaseException:
    if not isinstance(arguments, (list, tuple)):
        raise TypeError(f"its arguments are no list but {_short(arguments)}")
    error = kind(*arguments)
    if type(error) is not kind:
        raise TypeError(f"its arguments make a {_type_name(type(error))}")
    return error


def _plain_arguments(error: BaseException) -> str | None:
    """The arguments that build a plain exception again, as JSON text; None where that loses anything."""
    kind = type(error)
    if _PLAIN_EXCEPTIONS.get(_type_name(kind)) is not kind:
        return None
    # More than `args`: an OSError's file names are here only.
    arguments = error.__reduce__()[1]
    again = _rebuild(kind, arguments)
    is_same = str(again) == str(error) and vars(again) == {**vars(error), **vars(again)}
    return _to_json(list(arguments)) if is_same and vars(error).keys() - vars(again) <= {"__notes__"} else None


def _pickled_exception(error: BaseException) -> bytes | None:
    """``error`` without its notes as a pickle that makes an exception of the same type and text."""
    # One by value would be another class after a restart, so that an `except` would catch it live, and not on replay.
    if not _has_reference(type(error)):
        return None
    data, again = _to_pickle(error)
    if not isinstance(again, BaseException):
        return None
    if vars(again).pop("__notes__", None) is not None:
        data, again = _to_pickle(again)
    return data if type(again) is type(error) and str(again) == str(error) else None


# ---------------------------------------------------------------------- the codecs


class _JsonFirst(ABC):
    """What both codecs share; they differ in what JSON cannot hold."""

    def encode(self, value: object) -> Payload:
        """``value`` as JSON text where that is exact.

        Raises:
            EncodingError: It cannot be stored; the message names the part of it and what to pass instead.
        """
        text = _to_json(value)
        return self._encode_inexact(value) if text is None else text

    def decode(self, payload: Payload) -> object:
        """A new value from ``payload``.

        Raises:
            EncodingError: The payload is damaged, or names a module or class that is not there.
        """
        return _from_json(payload) if isinstance(payload, str) else self._decode_bytes(payload)

    def encode_failure(self, error: BaseException) -> Failure:
        """``error`` as a failure. Never raises, whatever the exception's own code does, and leaves it as it is."""
        name = _attempt(lambda: _storable(_type_name(type(error))), "<an exception without a name>")
        text = _attempt(lambda: _traceback(error), "")
        return Failure(name, _message(error), text, _attempt(lambda: self._encode_exception(error), None))

    def decode_failure(self, failure: Failure, otherwise: type[BaseException]) -> BaseException:
        """The exception that ``failure`` records, with the recorded traceback as its only note.

        Where no exception was kept: ``otherwise(type_name, message, traceback)``, with the same note.

        Raises:
            EncodingError: One was kept and cannot be built again.
        """
        if failure.exception is None:
            error = otherwise(failure.type_name, failure.message, failure.traceback)
        else:
            try:
                error = self._decode_exception(failure.type_name, failure.exception)
            except Exception as reason:
                why = str(reason) if isinstance(reason, EncodingError) else _line(reason)
                raise EncodingError(f"cannot build the recorded {failure.type_name} again: {why}") from reason
        # Past `add_note`, which an exception that forbids setting attributes refuses.
        vars(error)["__notes__"] = notes = []
        if failure.traceback:
            notes.append(f"Traceback where it was raised:\n{failure.traceback.rstrip()}")
        return error

    def _encode_exception(self, error: BaseException) -> Payload | None:
        if not _may_be_raised(type(error)):
            return None
        text = _attempt(lambda: _plain_arguments(error), None)
        # An ImportError keeps the module's name beside its arguments.
        if text is None or isinstance(error, ImportError):
            return _attempt(lambda: self._encode_odd_exception(error), None) or text
        return text

    def _decode_exception(self, type_name: str, payload: Payload) -> BaseException:
        if isinstance(payload, str):
            if type_name not in _PLAIN_EXCEPTIONS:
                raise EncodingError("it is neither built in nor one of yieldflow's own")
            return _rebuild(_PLAIN_EXCEPTIONS[type_name], _from_json(payload))
        error = self._decode_bytes(payload)
        if not isinstance(error, BaseException):
            raise EncodingError(f"the pickle holds a {_type_name(type(error))}")
        return error

    @abstractmethod
    def _encode_inexact(self, value: object) -> Payload: ...

    @abstractmethod
    def _decode_bytes(self, data: bytes) -> object: ...

    @abstractmethod
    def _encode_odd_exception(self, error: BaseException) -> Payload | None: ...


class PickleCodec(_JsonFirst):
    """JSON text where that is exact, else a pickle: the default.

    Module-level classes and functions are pickled by reference, those of the script itself too; what has no reference,
    such as a lambda, by value.
    """

    def _encode_inexact(self, value: object) -> Payload:
        try:
            return _to_pickle(value)[0]
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise _refusal(value, _pickle_trouble, _pickle_parts, "") from error

    def _decode_bytes(self, data: bytes) -> object:
        return _from_pickle(data)

    def _encode_odd_exception(self, error: BaseException) -> Payload | None:
        return _pickled_exception(error)


class JsonCodec(_JsonFirst):
    """JSON text only: refuses to write a pickle, and to read one."""

    def _encode_inexact(self, value: object) -> Payload:
        raise _refusal(value, _json_trouble, _json_parts, ', or use codec="pickle"')

    def _decode_bytes(self, data: bytes) -> object:
        remedy = 'if you trust the database, open it with codec="pickle"'
        raise EncodingError(f'a pickle of {len(data)} bytes is stored, and codec="json" reads none; {remedy}')

    def _encode_odd_exception(self, error: BaseException) -> Payload | None:
        return None


def codec_named(name: str) -> Codec:
    """The codec that ``Orchestrator(codec=name)`` asks for: ``"pickle"`` or ``"json"``.

    Raises:
        ValueError: There is none of that name.
    """
    if name == "pickle":
        return PickleCodec()
    if name == "json":
        return JsonCodec()
    raise ValueError(f'there is no codec {name!r}: use codec="pickle" or codec="json"')


def preview(payload: Payload) -> object:
    """``payload`` for those who only look: the value of JSON text; of a pickle, which is not loaded, its size."""
    if not isinstance(payload, str):
        return f"<pickled, {len(payload)} bytes>"
    try:
        return _from_json(payload)
    except EncodingError:
        return f"<damaged, {len(payload)} characters>"
