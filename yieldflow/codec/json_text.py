"""Writes JSON text for values that come back from it exactly as they were, and reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from .._core.errors import EncodingError
from .safe_repr import error_line

#: Fixed, rather than whatever the stack leaves, so that how a value is stored depends on the value alone.
MAX_DEPTH = 100
#: The default limit of Python's conversion between int and str: a process with that default must read what we write.
MAX_DIGITS = 4300
_LARGEST_INT = 10**MAX_DIGITS
_LEAST_INT = -_LARGEST_INT
#: Up to here no thought of that limit is needed.
_SMALL = 1 << 62
_LEAST_SMALL = -_SMALL
#: The number of times that the text may repeat a part that the value holds once; more would hang the writing thread.
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
_quote: Callable[[str], str] = json.encoder.encode_basestring
_write_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_DECODER = json.JSONDecoder()
#: The function that `decode` calls once it has looked for white space, of which we write none.
_scan: Callable[[str, int], tuple[object, int]] = _DECODER.scan_once  # type: ignore[attr-defined]  # not in typeshed


def _simple(value: dict[Any, Any]) -> str | None:
    """Write a dict of text and small numbers as `_write` does, while it is checked; None for any other.

    Most arguments are such dicts.
    """
    parts: list[str] = []
    for key, item in value.items():
        kind = type(item)
        if type(key) is not str:
            return None
        if kind is int and _LEAST_SMALL < item < _SMALL:
            parts.append(f"{_quote(key)}:{item}")
        elif kind is str:
            parts.append(f"{_quote(key)}:{_quote(item)}")
        else:
            return None
    return f"{{{','.join(parts)}}}"


def _is_flat(value: object) -> bool:
    """True where ``value`` is plainly exact: an atom or a small number, or a dict of such. Most values are."""
    if type(value) is not dict:
        return type(value) in _ATOMS or (type(value) is int and _LEAST_SMALL < value < _SMALL)
    for key, item in value.items():
        kind = type(item)
        if type(key) is not str or (kind not in _ATOMS and (kind is not int or not _LEAST_SMALL < item < _SMALL)):
            return False
    return True


def _is_exact(value: object) -> bool:
    """True where JSON has every type in ``value``. A nan or infinity is left to the writer, which refuses it."""
    level = _containers_in(value if type(value) is dict or type(value) is list else (value,))
    sharing = 1.0
    for _ in range(MAX_DEPTH):
        if not level:
            return level is not None
        # One container in many places is looked at once a level, else a small cycle or diamond would take for ever.
        distinct = {id(part): part for part in level}
        sharing *= len(level) / len(distinct)
        if sharing > _MAX_SHARING:
            return False
        level = []
        for container in distinct.values():
            inside = _containers_in(container)
            if inside is None:
                return False
            level += inside
    return False


def _containers_in(container: Any) -> list[Any] | None:
    """Collect the lists and dicts directly in ``container``; None where it holds a value that JSON has no type for."""
    found = []
    items = container
    if type(container) is dict:
        for key in container:
            if type(key) is not str:
                return None
        items = container.values()
    for item in items:
        kind = type(item)
        if kind is dict or kind is list:
            found.append(item)
        elif kind not in _ATOMS and (kind is not int or not _LEAST_INT < item < _LARGEST_INT):
            return None
    return found


def to_json(value: object) -> str | None:
    """Return the text that reads back as exactly ``value``; None where there is none."""
    if type(value) is int and _LEAST_SMALL < value < _SMALL:
        return str(value)
    text = ""
    try:
        simple = _simple(value) if type(value) is dict else None
        if simple is None and not _is_flat(value) and not _is_exact(value):
            return None
        text = _write(value) if simple is None else simple
        if not text.isascii():
            text.encode()
        return text
    except UnicodeEncodeError:
        # SQLite refuses a lone surrogate, so it is escaped.
        return None if _SURROGATE_PAIR.search(text) else _write_ascii(value)
    except (ValueError, TypeError, RuntimeError):
        # A nan; an int in a process with a lower limit; a value that another thread changes; no stack left.
        return None


def from_json(text: str) -> object:
    """Make a new value from ``text``; `EncodingError` where it is damaged."""
    try:
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except StopIteration:
        pass  # `decode` says what is wrong.
    except (ValueError, RecursionError) as error:
        raise EncodingError(f"the stored JSON text is damaged: {error_line(error)}") from error
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise EncodingError(f"the stored JSON text is damaged: {error_line(error)}") from error
