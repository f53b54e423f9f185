"""The kinds of values beyond JSON's own: each is written as an object whose first key is its tag.

A tag's object holds plain data, or values that are tagged in their turn: `{"$decimal": "12.50"}`,
`{"$tuple": [1, {"$decimal": "2"}]}`. Its further keys say what else there is to the value.
"""

from __future__ import annotations

import re
import struct
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, TypeAlias
from uuid import UUID, SafeUUID

from .safe_repr import guarded, type_name

#: The object that is written for a value. The first key is the tag.
Body: TypeAlias = dict[str, Any]

_DURATION = re.compile(r"(-?)P(\d+)DT(\d+)(?:\.(\d{6}))?S")


# ---------------------------------------------------------------------- numbers and text


#: The usual nans. Any other is written as its bits.
_NANS = {"7ff8000000000000": "nan", "fff8000000000000": "-nan"}


def odd_float(value: float) -> Body:
    """Write a float that JSON does not have: a nan or an infinity."""
    bits = struct.pack(">d", value).hex()
    return {"$float": str(value) if value == value else _NANS.get(bits, bits)}


def _read_float(body: Body) -> float:
    text: str = body["$float"]
    return struct.unpack(">d", bytes.fromhex(text))[0] if len(text) == 16 else float(text)


def _complex(value: complex) -> Body:
    return {"$complex": [value.real, value.imag]}


# ---------------------------------------------------------------------- times


def _zone_of(value: datetime | time) -> Body | None:
    """Say what ISO 8601 does not: a time's fold, and its zone's name. None for a zone that is found by no name."""
    zone = value.tzinfo
    body: Body = {"fold": value.fold} if value.fold else {}
    if zone is None or zone is UTC:
        return body
    if type(zone) is timezone:
        for name in zone.__getinitargs__()[1:]:  # type: ignore[attr-defined]  # not in typeshed
            body["tzname"] = name
        return body
    key = zone.key if type_name(type(zone)) == "zoneinfo.ZoneInfo" else None  # type: ignore[attr-defined]  # it has one
    return {**body, "zone": key} if guarded(lambda: _found_zone(key), None) is zone else None


def _found_zone(key: Any) -> tzinfo:
    from zoneinfo import ZoneInfo

    return ZoneInfo(key)


def _datetime(value: datetime) -> Body | None:
    zone = _zone_of(value)
    return None if zone is None else {"$datetime": value.isoformat(), **zone}


def _time(value: time) -> Body | None:
    zone = _zone_of(value)
    return None if zone is None else {"$time": value.isoformat(), **zone}


def _zoned(value: Any, body: Body) -> Any:
    if len(body) == 1:
        return value
    zone: tzinfo | None = value.tzinfo
    if "zone" in body:
        zone = _found_zone(body["zone"])
    elif "tzname" in body:
        zone = timezone(zone.utcoffset(None), body["tzname"])  # type: ignore[union-attr, arg-type]  # the text has one
    return value.replace(tzinfo=zone, fold=body.get("fold", 0))


def _timedelta(value: timedelta) -> Body:
    """Write a duration as ISO 8601 has it, in days and seconds."""
    sign, value = ("-", -value) if value.days < 0 else ("", value)
    fraction = f".{value.microseconds:06}" if value.microseconds else ""
    return {"$timedelta": f"{sign}P{value.days}DT{value.seconds}{fraction}S"}


def _read_timedelta(body: Body) -> timedelta:
    found = _DURATION.fullmatch(body["$timedelta"])
    if found is None:
        raise ValueError(f"{body['$timedelta']!r} is no duration")
    sign, days, seconds, micros = found.groups()
    value = timedelta(int(days), int(seconds), int(micros or 0))
    return -value if sign else value


# ---------------------------------------------------------------------- identifiers and paths


def _uuid(value: UUID) -> Body:
    body: Body = {"$uuid": str(value)}
    if value.is_safe is not SafeUUID.unknown:
        body["is_safe"] = value.is_safe.value
    return body


_KINDS_OF_PATHS = {"PurePosixPath": PurePosixPath, "PureWindowsPath": PureWindowsPath}


def _path(value: PurePath) -> Body:
    name = type(value).__name__
    return {"$path": str(value), "kind": name} if name in _KINDS_OF_PATHS else {"$path": str(value)}


def _read_path(body: Body) -> PurePath:
    return _KINDS_OF_PATHS[body["kind"]](body["$path"]) if "kind" in body else Path(body["$path"])


# ---------------------------------------------------------------------- the tables


#: How a value of exactly that type is written; None where this one value has no tag.
WRITERS: dict[type, Callable[[Any], Body | None]] = {
    complex: _complex,
    range: lambda value: {"$range": [value.start, value.stop, value.step]},
    bytes: lambda value: {"$bytes": b64encode(value).decode()},
    tuple: lambda value: {"$tuple": list(value)},
    datetime: _datetime,
    date: lambda value: {"$date": value.isoformat()},
    time: _time,
    timedelta: _timedelta,
    UUID: _uuid,
    PurePosixPath: _path,
    PureWindowsPath: _path,
    type(Path()): _path,
}

#: How an object is read that begins with that tag, whose values have been read already.
READERS: dict[str, Callable[[Body], object]] = {
    "$float": _read_float,
    "$int": lambda body: int(body["$int"], 16),
    "$str": lambda body: body["$str"].encode().decode("unicode_escape"),
    "$complex": lambda body: complex(*body["$complex"]),
    "$range": lambda body: range(*body["$range"]),
    "$bytes": lambda body: b64decode(body["$bytes"], validate=True),
    "$tuple": lambda body: tuple(body["$tuple"]),
    "$set": lambda body: set(body["$set"]),
    "$frozenset": lambda body: frozenset(body["$frozenset"]),
    "$dict": lambda body: dict(body["$dict"]),
    "$decimal": lambda body: _decimal_type()(body["$decimal"]),
    "$datetime": lambda body: _zoned(datetime.fromisoformat(body["$datetime"]), body),
    "$date": lambda body: date.fromisoformat(body["$date"]),
    "$time": lambda body: _zoned(time.fromisoformat(body["$time"]), body),
    "$timedelta": _read_timedelta,
    "$uuid": lambda body: UUID(body["$uuid"], is_safe=SafeUUID(body.get("is_safe"))),
    "$path": _read_path,
}


def _decimal_type() -> Any:
    from decimal import Decimal

    return Decimal


def writer_of(kind: type) -> Callable[[Any], Body | None] | None:
    """Find how values of exactly ``kind`` are written; None where there is no tag for them."""
    # Another thread may be importing the module: then it has no such class yet.
    if kind is getattr(sys.modules.get("decimal"), "Decimal", None):
        return lambda value: {"$decimal": str(value)}
    return WRITERS.get(kind)
