"""Values come out of a database as they went in, or are refused by name."""

from __future__ import annotations

import enum
import json
import math
import os
import pickle
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import yieldflow
from tests.support.values import BOTH, Order, OwnInit, nested
from yieldflow._core.errors import ActivityError, EncodingError
from yieldflow._core.history import Codec, Failure
from yieldflow._core.registry import default_registry
from yieldflow.codec import JsonCodec, PickleCodec, codec_named, preview

ROOT = Path(yieldflow.__file__).parent.parent


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class Name(str):
    pass


class Point(NamedTuple):
    x: object
    y: object


@dataclass
class Line:
    sku: str
    price: object


@dataclass(slots=True)
class Slotted:
    lock: object


default_registry.types(Color, Level, Point, Line, Slotted)


class Node:
    """One of a family that know each other."""

    def __init__(self, parent: Node | None = None) -> None:
        self.parent = parent
        self.children: list[Node] = []


class Wilful:
    """Does what it is told when it is pickled."""

    def __init__(self, reduce: Callable[[], object]) -> None:
        self.reduce = reduce

    def __reduce__(self) -> str:
        return str(self.reduce())


class Moody(tzinfo):
    """A zone that is found by no name, and tells no offset."""

    key = "Europe/Berlin"

    def utcoffset(self, at: datetime | None) -> timedelta:
        raise OSError("no offset today")

    dst = tzname = utcoffset  # type: ignore[assignment]  # never called

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moody)

    __hash__ = tzinfo.__hash__


class Touch:
    """Its pickle creates a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def cycle() -> dict[str, object]:
    value: dict[str, object] = {}
    value["self"] = value
    return value


def cycle_of_lists() -> list[object]:
    value: list[object] = []
    value.append([value])
    return value


def alike(a: object, b: object) -> bool:
    """Equal, with the same types all the way down, and the same order of keys."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict) and isinstance(b, dict):
        return alike(list(a.items()), list(b.items()))
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return struct.pack(">d", a) == struct.pack(">d", b)
    if isinstance(a, (complex, Decimal, datetime, time, UUID)):
        # `==` sees neither the sign of a zero, nor a nan's own kind, nor a fold, nor whether a UUID is safe.
        return pickle.dumps(a) == pickle.dumps(b)
    return a == b or pickle.dumps(a) == pickle.dumps(b)


# ---------------------------------------------------------------------- values

numbers = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


def values(text: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    return st.recursive(numbers | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner))


@BOTH
@given(value=values(st.text().filter(lambda text: not text.startswith("$"))))
def test_plain_data_is_readable_and_comes_back_exactly(codec: Codec, value: object) -> None:
    """Numbers, text, lists and dicts are JSON text in the database, and come back as they were, types and all."""
    payload = codec.encode(value)

    assert isinstance(payload, str)
    assert alike(codec.decode(payload), value)
    assert alike(preview(payload), value)


@given(value=values(st.text(st.characters())))
def test_any_text_can_be_stored(value: object) -> None:
    """Surrogates, which UTF-8 does not have, come back too, and never reach the database bare."""
    payload = JsonCodec().encode(value)

    assert isinstance(payload, str)
    assert payload.encode()
    assert alike(JsonCodec().decode(payload), value)


READABLE: list[tuple[object, str]] = [
    ({"value": 3}, '{"value":3}'),
    ({"name": "Zoë 🐈", "nul": "\0"}, '{"name":"Zoë 🐈","nul":"\\u0000"}'),
    ([True, 1, 1.0, -0.0, 1e300], "[true,1,1.0,-0.0,1e+300]"),
    ({"": [], "none": None}, '{"":[],"none":null}'),
    (-(10**4299), "-1" + "0" * 4299),
    (nested(100), "[" * 100 + "]" * 100),
]


@BOTH
@pytest.mark.parametrize(("value", "text"), READABLE, ids=[text[:30] for _, text in READABLE])
def test_how_plain_data_reads(codec: Codec, value: object, text: str) -> None:
    """Somebody who opens the database with another tool reads compact JSON, with letters as letters."""
    assert codec.encode(value) == text
    assert alike(codec.decode(text), value)


TAGGED: list[tuple[object, str]] = [
    ((1, "a"), '{"$tuple":[1,"a"]}'),
    ({"total": Decimal("12.50")}, '{"total":{"$decimal":"12.50"}}'),
    (Decimal("-sNaN123"), '{"$decimal":"-sNaN123"}'),
    (datetime(2026, 11, 1, 1, 30, tzinfo=UTC), '{"$datetime":"2026-11-01T01:30:00+00:00"}'),
    (datetime.fromisoformat("2026-11-01T01:30:00.000005"), '{"$datetime":"2026-11-01T01:30:00.000005"}'),
    (
        datetime(2026, 11, 1, 1, 30, fold=1, tzinfo=ZoneInfo("America/New_York")),
        '{"$datetime":"2026-11-01T01:30:00-05:00","fold":1,"zone":"America/New_York"}',
    ),
    (
        datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
        '{"$datetime":"2026-11-01T00:00:00+01:00","tzname":"CET"}',
    ),
    (date(2026, 11, 1), '{"$date":"2026-11-01"}'),
    (time(9, 30, fold=1), '{"$time":"09:30:00","fold":1}'),
    (time(9, 30, tzinfo=ZoneInfo("Europe/Berlin")), '{"$time":"09:30:00","zone":"Europe/Berlin"}'),
    (timedelta(days=1, seconds=5, microseconds=7), '{"$timedelta":"P1DT5.000007S"}'),
    (timedelta(seconds=-1), '{"$timedelta":"-P0DT1S"}'),
    (timedelta.min, '{"$timedelta":"-P999999999DT0S"}'),
    (UUID(int=1), '{"$uuid":"00000000-0000-0000-0000-000000000001"}'),
    (UUID(int=1, is_safe=SafeUUID.safe), '{"$uuid":"00000000-0000-0000-0000-000000000001","is_safe":0}'),
    (b"\0\xff", '{"$bytes":"AP8="}'),
    ({"b", "a"}, '{"$set":["a","b"]}'),
    (frozenset({(2,), (1,)}), '{"$frozenset":[{"$tuple":[1]},{"$tuple":[2]}]}'),
    ({1: "a", (2, 3): None}, '{"$dict":[[1,"a"],[{"$tuple":[2,3]},null]]}'),
    ({True: 1, "b": 2}, '{"$dict":[[true,1],["b",2]]}'),
    ({"$decimal": "12.50"}, '{"$dict":[["$decimal","12.50"]]}'),
    ({"a": 1, "$b": 2}, '{"$dict":[["a",1],["$b",2]]}'),
    (math.nan, '{"$float":"nan"}'),
    (-math.inf, '{"$float":"-inf"}'),
    (struct.unpack(">d", bytes.fromhex("7ff8000000000001"))[0], '{"$float":"7ff8000000000001"}'),
    (-(10**4300), f'{{"$int":"{hex(-(10**4300))}"}}'),
    ("\ud83d\ude00 \ud800 é", '{"$str":"\\\\ud83d\\\\ude00 \\\\ud800 \\\\xe9"}'),
    ({"\ud800": 1}, '{"$dict":[[{"$str":"\\\\ud800"},1]]}'),
    (complex(-0.0, math.inf), '{"$complex":[-0.0,{"$float":"inf"}]}'),
    (range(5, 0, -1), '{"$range":[5,0,-1]}'),
    (Path("shop") / "a.txt", '{"$path":"shop/a.txt"}'),
    (PurePosixPath("/a"), '{"$path":"/a","kind":"PurePosixPath"}'),
    (PureWindowsPath("c:/a"), '{"$path":"c:\\\\a","kind":"PureWindowsPath"}'),
    (Color.RED, f'{{"$enum":"{__name__}:Color","name":"RED"}}'),
    (Level.HIGH, f'{{"$enum":"{__name__}:Level","name":"HIGH"}}'),
    (Point(1, (2,)), f'{{"$object":"{__name__}:Point","x":1,"y":{{"$tuple":[2]}}}}'),
    (Line("sku", Decimal(2)), f'{{"$object":"{__name__}:Line","sku":"sku","price":{{"$decimal":"2"}}}}'),
]


@BOTH
@pytest.mark.parametrize(("value", "text"), TAGGED, ids=[text[:60] for _, text in TAGGED])
def test_how_tagged_values_read(codec: Codec, value: object, text: str) -> None:
    """What JSON has no type for is a tag at its leaf, behind a mark, and comes back with its type, also as a part."""
    parts = {"rows": [0, {"value": value}]}

    assert codec.encode(value) == f" {text}"
    assert alike(codec.decode(f" {text}"), value)
    assert codec.encode(parts) == f' {{"rows":[0,{{"value":{text}}}]}}'
    assert alike(codec.decode(codec.encode(parts)), parts)
    assert preview(codec.encode(value)) == json.loads(text)


@pytest.mark.parametrize("value", [value for value, _ in TAGGED], ids=[text[:60] for _, text in TAGGED])
def test_without_a_mark_a_tag_is_plain_data(value: object) -> None:
    """What an older version stored, such as a dict with a key "$decimal", is read as it was."""
    text = PickleCodec().encode(value)

    assert isinstance(text, str)
    assert PickleCodec().decode(text[1:]) == json.loads(text)


PICKLED: list[tuple[object, str]] = [
    (OrderedDict(a=1), "a collections.OrderedDict; pass a plain dict"),
    (Counter("aab"), "a collections.Counter; pass a plain dict"),
    (defaultdict(list, a=[1]), "a collections.defaultdict; pass a plain dict"),
    (Name("x"), "Name; pass a plain str"),
    (Node(), "Node; pass plain data"),
    (bytearray(b"x"), "a bytearray; pass bytes"),
    (print, "a builtin_function_or_method; pass plain data"),
    (Fraction(1, 3), "a fractions.Fraction; pass plain data"),
    (deque([1], maxlen=2), "a collections.deque; pass plain data"),
    (nested(101), "a list that is nested more than 100 levels deep; pass a flatter one"),
    (datetime(2026, 11, 1, tzinfo=ZoneInfo.no_cache("Europe/Berlin")), "a datetime.datetime; pass plain data"),
    (time(9, tzinfo=Moody()), "a datetime.time; pass plain data"),
]


@pytest.mark.parametrize(("value", "_"), PICKLED, ids=[message for _, message in PICKLED])
def test_what_has_no_tag_is_pickled_where_it_stands(value: object, _: str) -> None:
    """One odd part hides itself only: a person reads all that is around it, and its type and repr."""
    codec = PickleCodec()
    payload = codec.encode({"id": "o-1", "odd": value})
    shown = preview(payload)

    assert alike(codec.decode(payload), {"id": "o-1", "odd": value})
    assert isinstance(shown, dict)
    assert shown["id"] == "o-1"


def test_the_repr_beside_a_pickle_is_short_and_the_same_each_time() -> None:
    """A pickle's type and repr say what it is. The repr is cut, and has no address: equal values read alike."""
    shown = preview(PickleCodec().encode([Counter({"key": "x" * 300}), threading.Event]))

    assert isinstance(shown, list)
    assert [set(leaf) for leaf in shown] == [{"$pickle", "type", "repr"}] * 2
    assert shown[0]["type"] == "collections.Counter"
    assert shown[0]["repr"] == ("Counter({'key': '" + "x" * 300)[:200]
    assert shown[1]["repr"] == "<class 'threading.Event'>"
    assert preview(PickleCodec().encode(Node()))["repr"].endswith("Node object>")  # type: ignore[index]  # a dict


@pytest.mark.parametrize(("value", "message"), PICKLED, ids=[message for _, message in PICKLED])
def test_the_json_codec_says_what_it_refuses(value: object, message: str) -> None:
    """The JSON codec never stores something slightly different: it names the part, its type, and the way out."""
    with pytest.raises(EncodingError) as refusal:
        JsonCodec().encode({"rows": [0, {"value": value}]})

    assert str(refusal.value).startswith("cannot store the value at ['rows'][1]['value']")
    assert message in str(refusal.value)
    assert str(refusal.value).endswith('instead, or use codec="pickle"')


def knot() -> Line:
    line = Line("sku", [])
    line.price = ({"line": line},)
    return line


CYCLES: list[tuple[object, str, str]] = [
    ({"tree": cycle()}, " at ['tree']", "a dict that contains itself, at ['tree']['self']; pass"),
    ([knot()], " at [0]", "Line that contains itself, at [0].price[0]['line']; pass"),
    ([1, cycle_of_lists()], " at [1]", "a list that contains itself, at [1][0][0]"),
]


@BOTH
@pytest.mark.parametrize(("value", "place", "message"), CYCLES, ids=[message for _, _, message in CYCLES])
def test_a_cycle_is_refused_with_the_path_to_it(codec: Codec, value: object, place: str, message: str) -> None:
    """A value that contains itself has no text: the error says where it is, and where it is met again."""
    with pytest.raises(EncodingError) as refusal:
        codec.encode(value)

    assert str(refusal.value).startswith(f"cannot store the value{place}: ")
    assert message in str(refusal.value)


@BOTH
def test_a_value_that_repeats_itself_without_end_is_refused(codec: Codec) -> None:
    """Sixty lists that each hold the next one twice do not become a text of 2 to the 60 parts."""
    value: list[object] = []
    for _ in range(60):
        value = [value, value]

    with pytest.raises(EncodingError, match="a dict that holds 62 parts over and over"):
        codec.encode({"value": value})


@BOTH
def test_a_value_in_two_places_becomes_two(codec: Codec) -> None:
    """What a value shares comes back as two equal parts, and no change of one reaches the other."""
    line = Line("sku", [])
    parts: Any = codec.decode(codec.encode((line, line)))
    one, other = parts

    assert one == other == line
    assert one is not other
    assert one.price is not other.price


@pytest.mark.parametrize(("limit", "digits"), [(0, 5000), (640, 1000)])
def test_numbers_of_any_length_come_back_whatever_the_process_allows(limit: int, digits: int) -> None:
    """A process with another limit for long ints stores nothing that one with Python's own limit cannot read."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(limit)
    try:
        payloads = [JsonCodec().encode(value) for value in (10**digits, {"a": [10**digits]})]
    finally:
        sys.set_int_max_str_digits(before)

    assert [JsonCodec().decode(payload) for payload in payloads] == [10**digits, {"a": [10**digits]}]


def local() -> tuple[object, ...]:
    @dataclass
    class Local:
        number: int

    return Local(3), Local, lambda x: 2 * x


@pytest.mark.parametrize("number", range(3), ids=["an instance", "a class", "a lambda"])
def test_nothing_is_stored_by_value(number: int) -> None:
    """What no module has under its own name would be another thing after a restart: it is refused with what to do."""
    with pytest.raises(EncodingError, match=r"at \['rule'\]: .*top level of a module"):
        PickleCodec().encode({"rule": local()[number]})


SCRIPT = """
import sys
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from yieldflow.codec import PickleCodec
from yieldflow._core.errors import ActivityError
from yieldflow._core.history import Failure

class Order:
    pass

class Declined(Exception):
    pass

def find(order):
    return order

codec, values, failures = PickleCodec(), Path(sys.argv[1]), Path(sys.argv[2])
if not values.exists():
    values.write_text(codec.encode([Order(), find, Order]))
    failures.write_text(codec.encode_failure(Declined("no")).exception)
else:
    order, function, kind = codec.decode(values.read_text())
    error = codec.decode_failure(Failure("__main__.Declined", "no", "", failures.read_text()), ActivityError)
    print(isinstance(order, Order), function is find, kind is Order, isinstance(error, Declined))
"""


def run_python(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *arguments], env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_classes_of_the_script_itself_hold_after_a_restart(tmp_path: Path) -> None:
    """`isinstance` and `except` work on what an earlier process of the same script stored."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    arguments = [str(script), str(tmp_path / "values"), str(tmp_path / "failures")]

    assert run_python(*arguments) == ""
    assert run_python(*arguments) == "True True True True"


def test_import_is_light() -> None:
    """A program that stores plain data only never loads the machinery of pickles."""
    code = "import sys, yieldflow.codec; yieldflow.codec.PickleCodec().encode([1]); print(*sys.modules)"

    assert {"pickle", "cloudpickle"}.isdisjoint(run_python("-c", code).split())


# ---------------------------------------------------------------------- what cannot be stored


def leave() -> None:
    raise SystemExit(3)


def family() -> Node:
    """A parent with a lock, and children that know it: each of them leads to the lock."""
    parent = Node()
    parent.children = [Node(parent), Node(parent)]
    vars(parent)["lock"] = threading.Lock()
    return parent


UNPICKLABLE: list[tuple[object, str, str]] = [
    (threading.Lock(), "", "a _thread.lock (TypeError: cannot pickle '_thread.lock' object); pass the data"),
    ({"a": [0, threading.Lock()]}, " at ['a'][1]", "a _thread.lock"),
    ((0, (1, threading.RLock())), " at [1][1]", "a _thread.RLock"),
    ({"tags": {threading.Lock()}}, " at ['tags'] (an element)", "a _thread.lock"),
    (Point(1, Order(2, threading.Lock())), " at .y.handle", "a _thread.lock"),
    (Slotted(threading.Lock()), " at .lock", "a _thread.lock"),
    (ValueError(threading.Lock()), " at .args[0]", "a _thread.lock"),
    ([family()], " at [0].lock", "a _thread.lock"),
    ({"items": (item for item in "ab")}, " at ['items']", "a generator (TypeError: cannot pickle 'generator' object)"),
    ({"items": (item for item in "ab")}, " at ['items']", "pass a list of what it yields"),
    ({"error": OwnInit(1, "no")}, " at ['error']", "it was pickled, but cannot be loaded again: TypeError"),
    ({"leaves": Wilful(leave)}, " at ['leaves']", "Wilful (SystemExit: 3); pass plain data"),
    ({"text": memoryview(b"x")}, " at ['text']", "a memoryview"),
    (
        {"rows": {1: 2}.items()},
        " at ['rows']",
        "a dict_items (TypeError: cannot pickle 'dict_items' object); pass a list of",
    ),
    ([math], " at [0]", "a module (TypeError: cannot pickle 'module' object); pass its name instead"),
    ({threading.Lock(): 1}, " (a key): ", "a _thread.lock"),
    ({(1, threading.Lock())}, " (an element)[1]: ", "a _thread.lock"),
    (nested(100_000), " at [0][0]", "a list that is nested too deeply; pass a flatter one instead"),
]


@pytest.mark.parametrize(
    ("value", "place", "message"), UNPICKLABLE, ids=[f"{at} {text}" for _, at, text in UNPICKLABLE]
)
def test_what_cannot_be_stored_is_named(value: object, place: str, message: str) -> None:
    """The error says which part of the value it is, where that is, why, and what to pass instead."""
    with pytest.raises(EncodingError) as refusal:
        PickleCodec().encode(value)

    assert str(refusal.value).startswith(f"cannot store the value{place}")
    assert message in str(refusal.value)
    assert str(refusal.value).endswith("instead")


@BOTH
def test_files_and_sockets_are_named(codec: Codec) -> None:
    """An open file is refused, rather than stored with all its contents."""
    with open(__file__) as file, socket.socket() as connection:
        with pytest.raises(EncodingError, match=r"at \['a'\]: a _io.TextIOWrapper.*; pass its contents or its path"):
            codec.encode({"a": file})
        with pytest.raises(EncodingError, match=r"at \['a'\]: a socket.socket.*; pass its address"):
            codec.encode({"a": connection})


# ---------------------------------------------------------------------- payloads that cannot be read


DAMAGED: list[tuple[str | bytes, str]] = [
    ("", "the stored JSON text is damaged"),
    ('{"a":', "the stored JSON text is damaged"),
    ("[1] 2", "the stored JSON text is damaged"),
    ("[" * 100_000, "the stored JSON text is damaged"),
    (b"", "cannot read the stored value back"),
    (b"\x80\x05}", "cannot read the stored value back"),
    (b"cno_such_module\nThing\n.", "No module named 'no_such_module'; put back the module or class"),
    (b"cdecimal\nNoSuchClass\n.", "NoSuchClass.*put back the module or class"),
    (b"csys\nexit\n(I3\ntR.", "SystemExit: 3"),
]


@pytest.mark.parametrize(("payload", "message"), DAMAGED, ids=[f"{payload!r:.30}" for payload, _ in DAMAGED])
def test_a_damaged_payload_is_reported(payload: str | bytes, message: str) -> None:
    """A payload that cannot be read back any more says why, and which module or class is missing."""
    with pytest.raises(EncodingError, match=message) as damage:
        PickleCodec().decode(payload)

    assert damage.value.__cause__ is not None


def test_the_json_codec_never_runs_a_pickle(tmp_path: Path) -> None:
    """With the JSON codec, a database from elsewhere cannot run code: neither as a value nor as a failure."""
    path = tmp_path / "touched"
    payload = pickle.dumps(Touch(path))

    with pytest.raises(EncodingError, match='codec="json" reads none'):
        JsonCodec().decode(payload)
    with pytest.raises(EncodingError, match='codec="json" reads none'):
        JsonCodec().decode_failure(Failure("builtins.ValueError", "", "", payload), ActivityError)
    assert preview(payload) == f"<pickled, {len(payload)} bytes>"
    assert not path.exists()


def test_who_only_looks_is_never_disturbed() -> None:
    """A listing shows JSON as values, and goes on where something is damaged."""
    assert preview('{"a":[1]}') == {"a": [1]}
    assert preview('{"a":') == "<damaged, 5 characters>"


def test_codecs_have_names() -> None:
    """The two codecs are found by name, and a slip says which there are."""
    assert isinstance(codec_named("pickle"), PickleCodec)
    assert isinstance(codec_named("json"), JsonCodec)
    with pytest.raises(ValueError, match=r"no codec 'yaml': use codec=\"pickle\" or codec=\"json\""):
        codec_named("yaml")
