"""Writes a value as JSON text with tags at its leaves, and reads it back.

What JSON says exactly stands as itself, and such a text has no mark. Anything else is a tag (see `tags`): an object
whose first key begins with `$`. A text that holds one begins with a space, the mark: without it, an object with such a
key is plain data, as older versions wrote it. A dict with such a key, or with one that is no plain text, is written as
pairs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from typing import Any, Protocol, TypeAlias

from .._core.errors import EncodingError
from . import tags
from .diagnostics import Refused, check_shape
from .safe_repr import error_line, is_interrupt, short_repr
from .tags import Body

#: The levels of lists, dicts and others that are written as such. Fixed, rather than whatever the stack leaves, so that
#: how a value is stored depends on the value alone.
MAX_DEPTH = 100
#: The default limit of Python's conversion between int and str: a process with that default must read what we write.
MAX_DIGITS = 4300
_LARGEST_INT = 10**MAX_DIGITS
#: Up to here no thought of that limit is needed.
_SMALL = 1 << 62
_LEAST_SMALL = -_SMALL
#: The containers that are written without a look whether the value holds them once or over and over.
_MANY = 1_000_000
#: The containers that are written where the value holds them over and over; more would take minutes.
_MOST = 10_000_000

#: The first character of a text that holds tags.
MARK = " "
#: Where a text holds a tag. Within a string, the quotation mark would have a backslash before it.
_TAG = '{"$'
#: Where a text may hold a key that begins with `$`.
_DOLLAR = '"$'

_ATOMS = frozenset({str, int, bool, type(None)})


class Unusual(Exception):
    """A value is nested deeply, or holds a part in very many places: it may contain itself."""


class Written(str):
    """A part of a text that is written already, without the mark."""


class Leaves(Protocol):
    """Writes values for which JSON has nothing, nor `tags`."""

    def body(self, value: Any) -> Body:
        """Return the object that is written for ``value``; `Refused` where it cannot be stored."""

    def pickled(self, value: Any) -> Body:
        """Return the object for a value that is nested too deeply for JSON."""


class _Writing:
    """The state while one value is written.

    Args:
        leaves: Writes what has no tag.
        left: The containers that may still be written before a look at how they hang together; None: no such limit.
    """

    __slots__ = ("leaves", "left")

    def __init__(self, leaves: Leaves, left: int | None) -> None:
        self.leaves = leaves
        self.left = left

    def enter(self, value: object, depth: int) -> Body | None:
        """Count a container; the object to write in its place where it is nested too deeply."""
        if self.left is None:
            return self.leaves.pickled(value) if depth >= MAX_DEPTH else None
        self.left -= 1
        if depth >= MAX_DEPTH or not self.left:
            raise Unusual
        return None


# ---------------------------------------------------------------------- plain data, at the speed of C


def _c_writer() -> Callable[[object], str]:
    plain = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    # `JSONEncoder.encode` makes one of these for every call, which costs more than to write a small value.
    chunks = make(None, plain.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_write = _c_writer()
_quote: Callable[[str], str] = json.encoder.encode_basestring


#: How JSON writes what Python has once.
_CONSTANTS = {None: "null", True: "true", False: "false"}


def _simple(value: dict[Any, Any]) -> str | None:
    """Write a dict of text, numbers and constants as `_write` does, while it is checked; None for any other.

    Most arguments are such dicts.
    """
    parts: list[str] = []
    for key, item in value.items():
        kind = type(item)
        if type(key) is not str:
            return None
        if kind is str:
            parts.append(f"{_quote(key)}:{_quote(item)}")
        elif kind is int and _LEAST_SMALL < item < _SMALL:
            parts.append(f"{_quote(key)}:{item}")
        elif kind is bool or item is None:
            parts.append(f"{_quote(key)}:{_CONSTANTS[item]}")
        elif kind is float and item - item == 0.0:
            parts.append(f"{_quote(key)}:{item!r}")
        else:
            return None
    return f"{{{','.join(parts)}}}"


def _plain_writer(value: Any) -> Callable[[object], str] | None:
    """Return what writes ``value``; None where JSON lacks a type in it. What a writer refuses itself is left to it."""
    level: list[Any] = [value]
    depth = 0
    is_even = True
    while level and depth < MAX_DEPTH and len(level) <= _MANY:
        depth += 1
        deeper: list[Any] = []
        for part in level:
            items = part
            if type(part) is dict:
                for key in part:
                    if type(key) is not str:
                        return None
                items = part.values()
            elif type(part) is not list:
                return None
            for item in items:
                kind = type(item)
                if kind is float:
                    # msgspec writes 1e16 for 1e+16, and null for a nan.
                    is_even = is_even and (1e-4 <= item < 1e16 or -1e16 < item <= -1e-4 or item == 0.0)
                elif kind not in _ATOMS:
                    deeper.append(item)
        level = deeper
    return None if level else _fastest_writer() if is_even else _write


@cache
def _fastest_writer() -> Callable[[object], str]:
    """Return what writes nested plain data fastest: msgspec where it is installed. The text is the same either way."""
    try:
        encode: Callable[[object], bytes] = import_module("msgspec.json").encode
    except ImportError:
        return _write
    return lambda value: encode(value).decode()


def _writes_long_ints() -> bool:
    """True where this process may write an int that one with Python's own limit cannot read."""
    return not 0 < sys.get_int_max_str_digits() <= MAX_DIGITS


def _is_utf8(text: str) -> bool:
    """True where UTF-8 has ``text``: it has no surrogates, which a database refuses."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return True


def _plain(value: object) -> str | None:
    """Write ``value`` as JSON that needs no tag; None where it may need one."""
    try:
        kind = type(value)
        write = _write if kind in _ATOMS or kind is float else _plain_writer(value)
        if write is None:
            return None
        text = write(value)
        is_readable = len(text) <= MAX_DIGITS or not _writes_long_ints()
        return text if is_readable and _is_utf8(text) else None
    except (ValueError, TypeError, RuntimeError):
        # A nan, a surrogate, an int of many digits, a value that another thread changes, no stack left.
        return None


# ---------------------------------------------------------------------- values with tags


_Writer: TypeAlias = Callable[[Any, int, _Writing], str]


class _Writers(dict[type, _Writer]):
    """The functions that write values, by type. A type that has a tag is found when it comes first."""

    def __missing__(self, kind: type) -> _Writer:
        make = tags.writer_of(kind)
        if make is None:
            return _write_leaf
        write = self[kind] = partial(_write_tagged, make)
        return write


def _write_tagged(make: Callable[[Any], Body | None], value: Any, depth: int, writing: _Writing) -> str:
    body = make(value)
    return _write_leaf(value, depth, writing) if body is None else _write_object(body, depth, writing)


def _write_leaf(value: Any, depth: int, writing: _Writing) -> str:
    return _write_object(writing.enter(value, depth) or writing.leaves.body(value), depth, writing)


_WRITERS = _Writers()


def _write_object(body: Body, depth: int, writing: _Writing) -> str:
    parts: list[str] = []
    name = ""
    below = depth + 1
    try:
        for name, item in body.items():
            if type(item) is str and item.isascii():
                parts.append(f"{_quote(name)}:{_quote(item)}")
            else:
                parts.append(f"{_quote(name)}:{_WRITERS[type(item)](item, below, writing)}")
    except Refused as refused:
        if not name.startswith("$"):
            refused.steps.append(f".{name}")
        raise
    return f"{{{','.join(parts)}}}"


def _write_str(value: str, depth: int, writing: _Writing) -> str:
    if _is_utf8(value):
        return _quote(value)
    return _write_object({"$str": value.encode("unicode_escape").decode()}, depth, writing)


def _write_int(value: int, depth: int, writing: _Writing) -> str:
    if _LEAST_SMALL < value < _SMALL:
        return str(value)
    if -_LARGEST_INT < value < _LARGEST_INT:
        try:
            return str(value)
        except ValueError:
            pass  # This process has a lower limit.
    return _write_object({"$int": hex(value)}, depth, writing)


def _write_float(value: float, depth: int, writing: _Writing) -> str:
    # Infinity minus itself is a nan.
    return repr(value) if value - value == 0.0 else _write_object(tags.odd_float(value), depth, writing)


def _write_list(value: Sequence[Any], depth: int, writing: _Writing) -> str:
    odd = writing.enter(value, depth)
    if odd is not None:
        return _write_object(odd, depth, writing)
    parts: list[str] = []
    try:
        for item in value:
            # One by one: the number of parts tells the place of an error.
            parts.append(_WRITERS[type(item)](item, depth + 1, writing))
    except Refused as refused:
        refused.steps.append(f"[{len(parts)}]")
        raise
    return f"[{','.join(parts)}]"


def _write_dict(value: dict[Any, Any], depth: int, writing: _Writing) -> str:
    odd = writing.enter(value, depth)
    if odd is not None:
        return _write_object(odd, depth, writing)
    parts: list[str] = []
    key: Any = None
    try:
        for key, item in value.items():
            if type(key) is not str or key[:1] == "$" or not _is_utf8(key):
                return _write_pairs(value, depth, writing)
            parts.append(f"{_quote(key)}:{_WRITERS[type(item)](item, depth + 1, writing)}")
    except Refused as refused:
        if key is not refused.part:
            refused.steps.append(f"[{short_repr(key)}]")
        raise
    return f"{{{','.join(parts)}}}"


def _write_pairs(value: dict[Any, Any], depth: int, writing: _Writing) -> str:
    parts: list[str] = []
    step = ""
    try:
        for key, item in value.items():
            step = " (a key)"
            written = _WRITERS[type(key)](key, depth + 3, writing)
            step = f"[{short_repr(key)}]"
            parts.append(f"[{written},{_WRITERS[type(item)](item, depth + 3, writing)}]")
    except Refused as refused:
        refused.steps.append(step)
        raise
    return f'{{"$dict":[{",".join(parts)}]}}'


def _write_set(value: set[Any] | frozenset[Any], depth: int, writing: _Writing) -> str:
    odd = writing.enter(value, depth)
    if odd is not None:
        return _write_object(odd, depth, writing)
    try:
        # Sorted, so that the text does not depend on the seed of the hashes.
        parts = sorted(_WRITERS[type(item)](item, depth + 2, writing) for item in value)
    except Refused as refused:
        refused.steps.append(" (an element)")
        raise
    return f'{{"${type(value).__name__}":[{",".join(parts)}]}}'


_WRITERS.update(
    {
        str: _write_str,
        int: _write_int,
        float: _write_float,
        bool: lambda value, depth, writing: "true" if value else "false",
        type(None): lambda value, depth, writing: "null",
        list: _write_list,
        dict: _write_dict,
        set: _write_set,
        frozenset: _write_set,
        Written: lambda value, depth, writing: value,
    }
)


# ---------------------------------------------------------------------- to and from text


def to_text(value: Any, leaves: Leaves) -> str:
    """Return the text that reads back as ``value``.

    Raises:
        Refused: A part of it cannot be stored.
    """
    kind = type(value)
    if kind is int and _LEAST_SMALL < value < _SMALL:
        return str(value)
    text = None
    try:
        if kind is dict:
            text = _simple(value)
            if text is not None and "$" not in text and text.isascii():
                return text
        if text is None or not _is_utf8(text):
            text = _plain(value)
        if text is None or ("$" in text and _DOLLAR in text):
            text = _tagged(value, leaves)
    except RecursionError:
        raise Refused(value, " that is nested too deeply", "a flatter one") from None
    except RuntimeError as error:
        raise Refused(value, f" that changes while it is stored ({error_line(error)})", "a copy") from error
    return text


def _tagged(value: object, leaves: Leaves) -> str:
    """Write a value that may need tags."""
    try:
        text = _WRITERS[type(value)](value, 0, _Writing(leaves, _MANY))
    except Unusual:
        check_shape(value, _MOST)
        text = _WRITERS[type(value)](value, 0, _Writing(leaves, None))
    return MARK + text if _TAG in text else text


_Scan: TypeAlias = Callable[[str, int], tuple[object, int]]
_PLAIN = json.JSONDecoder()
_scan_plain: _Scan = _PLAIN.scan_once  # type: ignore[attr-defined]  # not in typeshed


def _hook(revive: Callable[[str, Body], object]) -> Callable[[Body], object]:
    def read_object(fields: Body) -> object:
        for first in fields:
            if first[:1] == "$":
                read = tags.READERS.get(first)
                return revive(first, fields) if read is None else read(fields)
            break
        return fields

    return read_object


def reader(revive: Callable[[str, Body], object]) -> Callable[[str], object]:
    """Return a function that makes a new value from a text.

    Args:
        revive: Makes the value of a tag that `tags` does not have from the tag and its object.
    """

    tagged = json.JSONDecoder(object_hook=_hook(revive))
    #: The functions that `decode` calls once it has looked for white space, of which we write none.
    scan_tagged: _Scan = tagged.scan_once  # type: ignore[attr-defined]  # not in typeshed

    def read(text: str) -> object:
        try:
            try:
                value, end = _scan_plain(text, 0)
            except StopIteration:
                if text[:1] != MARK:
                    raise
                value, end = scan_tagged(text, 1)
            if end == len(text):
                return value
        except StopIteration:
            pass  # `decode` says what is wrong.
        except EncodingError:
            raise
        except BaseException as error:
            raise _damage(error) from error
        return _decoded(tagged if text[:1] == MARK else _PLAIN, text)

    return read


def _decoded(decoder: json.JSONDecoder, text: str) -> object:
    """Read a text that was not read to its end, to learn what is wrong with it."""
    try:
        return decoder.decode(text)
    except EncodingError:
        raise
    except BaseException as error:
        raise _damage(error) from error


def _damage(error: BaseException) -> EncodingError:
    if is_interrupt(error):
        raise error
    return EncodingError(f"the stored JSON text is damaged: {error_line(error)}")


def from_json(text: str) -> object:
    """Return what the JSON of ``text`` says, with tags as they stand there; `EncodingError` where it is damaged."""
    return _decoded(_PLAIN, text)
