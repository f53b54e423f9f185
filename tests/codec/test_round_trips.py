"""Nested mixtures of every kind of value come back as they went in."""

from __future__ import annotations

import enum
import json
import math
import pickle
import struct
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from fractions import Fraction
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yieldflow import Registry
from yieldflow._core.errors import EncodingError
from yieldflow._core.history import Codec
from yieldflow.codec import MARK, codec_named, preview


class Color(enum.Enum):
    RED = 1
    BLUE = "b"


class Permission(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Name(str):
    """A text of a kind of its own."""


class Count(int):
    """A number of a kind of its own."""


class Point(NamedTuple):
    x: object
    y: object


@dataclass
class Line:
    sku: object
    price: object = None


@dataclass(frozen=True)
class Frozen:
    value: object


registry = Registry()
registry.types(Color, Permission, Point, Line, Frozen)
PICKLE, JSON = codec_named("pickle", registry), codec_named("json", registry)


def alike(a: Any, b: Any) -> bool:
    """Equal, with the same types all the way down, the same order of keys, and the same bits of a nan."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack(">d", a) == struct.pack(">d", b)
    if isinstance(a, complex):
        return alike((a.real, a.imag), (b.real, b.imag))
    if isinstance(a, (set, frozenset)):
        return len(a) == len(b) and all(any(alike(one, other) for other in b) for one in a)
    if isinstance(a, dict):
        return getattr(a, "default_factory", None) is getattr(b, "default_factory", None) and (
            len(a) == len(b) and all(map(alike, a, b)) and all(map(alike, a.values(), b.values()))
        )
    if isinstance(a, (list, tuple, deque)):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, (Line, Frozen)):
        return alike(vars(a), vars(b))
    if isinstance(a, PurePath):
        return str(a) == str(b)
    # `==` sees neither a fold, nor the name of a zone, nor whether a UUID is safe.
    return pickle.dumps(a) == pickle.dumps(b)


TEXT = st.text(st.characters()) | st.sampled_from(["$decimal", "$object", '{"$x"', " ", "\ud83d\ude00", "\\ud800"])
ZONES = st.none() | st.sampled_from(
    [ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("UTC"), UTC,
     timezone(timedelta(hours=1), "CET"), timezone(timedelta(seconds=-3661, microseconds=5))]
)  # fmt: skip
DATETIMES = st.datetimes(timezones=ZONES) | st.datetimes().map(lambda at: at.replace(fold=1))
TIMES = st.times(timezones=ZONES)
UUIDS = st.uuids() | st.uuids().map(lambda one: UUID(int=one.int, is_safe=SafeUUID.safe))
PATHS = st.sampled_from([Path("a/b"), Path(), PurePosixPath("//a"), PureWindowsPath("c:\\a"), Path("\udcff")])
#: A signaling nan cannot be hashed.
DECIMALS = st.decimals().filter(lambda number: not number.is_snan())
LONG = st.sampled_from([4299, 4300, 5000]).map(lambda digits: -(10**digits))
EDGES = st.sampled_from([1 << 62, -(1 << 62), 0.0, -0.0, -math.nan])
NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | DECIMALS | st.complex_numbers() | LONG | EDGES
#: Hashable, and said by a tag.
ATOMS = (
    NUMBERS | TEXT | st.binary() | DATETIMES | TIMES | st.dates() | st.timedeltas() | UUIDS | PATHS
    | st.sampled_from([Color.RED, Color.BLUE, Permission.READ, Permission.READ | Permission.WRITE, Permission(0)])
    | st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3))
)  # fmt: skip
#: What only a pickle says.
ODD = st.sampled_from(
    [Fraction(1, 3), OrderedDict(b=1, a=2), Counter("aab"), deque([1], maxlen=3), bytearray(b"\0x"), Name("n"),
     Count(3), defaultdict(list, a=[1]), print, Line, json.dumps]
)  # fmt: skip


def hashable(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4).map(tuple)
            | st.frozensets(inner, max_size=4)
            | st.builds(Point, inner, inner)
            | st.builds(Frozen, inner)
        ),
        max_leaves=5,
    )


def values(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves | hashable(ATOMS),
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.lists(inner, max_size=5).map(tuple)
            | st.dictionaries(TEXT, inner, max_size=5)
            | st.dictionaries(hashable(ATOMS), inner, max_size=4)
            | st.sets(hashable(ATOMS), max_size=4)
            | st.builds(Point, inner, inner)
            | st.builds(Line, inner, inner)
        ),
        max_leaves=20,
    )


def check_round_trip(codec: Codec, value: object) -> None:
    payload = codec.encode(value)

    assert isinstance(payload, str)
    assert payload.encode()
    assert payload.startswith(MARK) == ('{"$' in payload)
    assert alike(codec.decode(payload), value)
    assert preview(payload) == json.loads(payload) or "NaN" in payload
    assert alike(codec.decode(codec.encode([value]) or ""), [value])


@given(value=values(ATOMS))
def test_mixtures_come_back_under_both_codecs(value: object) -> None:
    """Whatever is made of tagged kinds, in whatever nesting, comes back with its types, and the text is JSON."""
    check_round_trip(PICKLE, value)
    check_round_trip(JSON, value)

    assert PICKLE.encode(value) == JSON.encode(value)


@given(value=values(ODD))
def test_mixtures_with_what_only_a_pickle_says_come_back(value: object) -> None:
    """A leaf that only a pickle says keeps its type too, wherever it stands."""
    check_round_trip(PICKLE, value)


@given(value=values(ATOMS))
def test_equal_texts_are_written_of_what_was_read(value: object) -> None:
    """A value that was read and is written again has the same text: so it is recognised."""
    payload = PICKLE.encode(value)

    assert PICKLE.encode(PICKLE.decode(payload)) == payload
    assert PICKLE.encode(pickle.loads(pickle.dumps(value))) == payload


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)


@given(value=PLAIN)
def test_plain_data_has_one_text_whatever_is_installed(value: object) -> None:
    """Nested plain data is written by msgspec where that is installed, and the text is what `json` writes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    assert PICKLE.encode(value) == text or '"$' in text


PIECES = [*'{}[]":,$ \0e-.tfn', '{"$tuple":', '{"$set":', '{"$dict":[', '"$int"', '"$pickle"']


@given(payload=st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_read_or_refused(payload: str) -> None:
    """A text that nobody wrote is read as JSON, or refused as damaged: nothing else is raised."""
    for codec in (PICKLE, JSON):
        try:
            codec.decode(payload)
        except EncodingError:
            continue


BROKEN = [
    '{"$decimal":"x"}', '{"$datetime":"2026"}', '{"$datetime":"2026-11-01","zone":"No/Where"}',
    '{"$uuid":"1"}', '{"$bytes":"*"}', '{"$set":[[]]}', '{"$set":3}', '{"$dict":[[1]]}', '{"$dict":[[[],1]]}',
    '{"$int":"z"}', '{"$str":"\\\\x"}', '{"$float":"zz"}', '{"$range":[0,1,0]}', '{"$path":1}',
    '{"$path":"a","kind":"Path"}', '{"$timedelta":"P1D"}', '{"$tuple":3}', '{"$pickle":"AAAA","type":"x.Y"}',
    '{"$pickle":3}', '{"$object":"no_such_module:Order"}', '{"$object":3}', '{"$object":"json:dumps","a":1}',
    '{"$enum":"json:dumps","name":"A"}', '{"$enum":"enum:Enum"}', '{"$new":1}', '{"$object":"tests"}', '{"$enum":1}',
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_a_tag_that_cannot_be_read_is_refused(text: str) -> None:
    """A tag that was damaged, or that a newer version wrote, is an EncodingError wherever it stands."""
    for codec in (PICKLE, JSON):
        with pytest.raises(EncodingError):
            codec.decode(f" {text}")
        with pytest.raises(EncodingError):
            codec.decode(f' {{"rows":[{text}]}}')


def test_reading_names_nothing_to_import_under_the_json_codec() -> None:
    """With codec="json" a class that a text names is not imported, and no code of a text runs."""
    sys.modules.pop("this", None)
    for text in ('{"$object":"this:Order"}', '{"$enum":"this:Order","name":"A"}', '{"$pickle":"Y3RoaXMKT3JkZXIKLg=="}'):
        with pytest.raises(EncodingError):
            JSON.decode(f" {text}")
        preview(f" {text}")

    assert "this" not in sys.modules


@pytest.mark.parametrize("kind", [list, tuple, dict, Line, Point, set])
@pytest.mark.parametrize("depth", [10, 99, 100, 101, 150])
def test_depth_alone_decides_what_is_pickled(kind: Any, depth: int) -> None:
    """A value that is nested more deeply than JSON is written goes on as a pickle there, and comes back whole."""
    makers: dict[Any, Any] = {dict: lambda one: {1: one}, Point: lambda one: Point(one, 1), set: lambda one: {one}}
    value: Any = Frozen(1)
    for _ in range(depth):
        value = makers.get(kind, lambda one: [one] if kind is list else (one,) if kind is tuple else Line(one))(value)
        if kind is set:
            value = Frozen(frozenset(value))
    payload = PICKLE.encode(value)
    again = PICKLE.decode(payload)

    assert type(again) is type(value)
    assert again == value
    assert PICKLE.encode(again) == payload


@pytest.mark.slow
def test_a_wide_value_is_no_cycle() -> None:
    """A value of over a million parts is stored, and one part that it holds very often is written as often."""
    part = [1]
    value = [[[part] * 1000] * 1100, ({"a": 1},)]

    assert PICKLE.decode(PICKLE.encode(value)) == value
