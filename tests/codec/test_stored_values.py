"""Values come out of a database as they went in, or are refused by name."""

from __future__ import annotations

import enum
import math
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import yieldflow
from tests.support.values import BOTH, Order, OwnInit, nested
from yieldflow._core.errors import ActivityError, EncodingError
from yieldflow._core.history import Codec, Failure
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


@dataclass(slots=True)
class Slotted:
    lock: object


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


def alike(a: object, b: object) -> bool:
    """Equal, with the same types all the way down, and the same order of keys."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict) and isinstance(b, dict):
        return alike(list(a.items()), list(b.items()))
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return repr(a) == repr(b)
    return a == b


# ---------------------------------------------------------------------- values

numbers = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


def values(text: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    return st.recursive(numbers | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner))


@BOTH
@given(value=values(st.text()))
def test_plain_data_is_readable_and_comes_back_exactly(codec: Codec, value: object) -> None:
    """Numbers, text, lists and dicts are JSON text in the database, and come back as they were, types and all."""
    payload = codec.encode(value)

    assert isinstance(payload, str)
    assert alike(codec.decode(payload), value)
    assert alike(preview(payload), value)


@given(value=values(st.text(st.characters())))
def test_any_text_can_be_stored(value: object) -> None:
    """Surrogates, which UTF-8 does not have, come back too, and never reach the database bare."""
    payload = PickleCodec().encode(value)

    assert isinstance(payload, bytes) or payload.encode()
    assert alike(PickleCodec().decode(payload), value)


READABLE: list[tuple[object, str]] = [
    ({"value": 3}, '{"value":3}'),
    ({"name": "Zoë 🐈", "nul": "\0"}, '{"name":"Zoë 🐈","nul":"\\u0000"}'),
    ([True, 1, 1.0, -0.0, 1e300], "[true,1,1.0,-0.0,1e+300]"),
    ({"": [], "none": None}, '{"":[],"none":null}'),
    ("\ud800 alone", '"\\ud800 alone"'),
    (-(10**4299), "-1" + "0" * 4299),
    (nested(100), "[" * 100 + "]" * 100),
]


@BOTH
@pytest.mark.parametrize(("value", "text"), READABLE, ids=[text[:30] for _, text in READABLE])
def test_how_plain_data_reads(codec: Codec, value: object, text: str) -> None:
    """Somebody who opens the database with another tool reads compact JSON, with letters as letters."""
    assert codec.encode(value) == text
    assert alike(codec.decode(text), value)


NOT_JSON: list[tuple[object, str]] = [
    ((1, 2), "a tuple; pass a list"),
    ({1: "a"}, "a dict with the key 1; pass one with plain strings for keys"),
    ({True: 1}, "a dict with the key True"),
    ({Name("a"): 1}, "a dict with the key 'a'"),
    (b"\0\xff", "a bytes; pass its hex()"),
    ({1, 2}, "a set; pass a sorted list"),
    (frozenset({1}), "a frozenset; pass a sorted list"),
    (datetime(2026, 11, 1, tzinfo=UTC), "a datetime.datetime; pass its isoformat()"),
    (date(2026, 11, 1), "a datetime.date; pass its isoformat()"),
    (timedelta(seconds=1), "a datetime.timedelta; pass its total_seconds()"),
    (Decimal("1.10"), "a decimal.Decimal; pass its str()"),
    (UUID(int=1), "an uuid.UUID; pass its str()"),
    (Order(1), "Order; pass plain data"),
    (Point(1, 2), "Point; pass a list"),
    (OrderedDict(a=1), "a collections.OrderedDict; pass a plain dict"),
    (Name("x"), "Name; pass a plain str"),
    (Level.HIGH, "Level; pass a plain int"),
    (Color.RED, "Color; pass its value"),
    (math.nan, "a float (nan); pass a plain, finite float, or None,"),
    (-math.inf, "a float (-inf)"),
    (10**4300, "an int; pass a plain int, of up to 4300 digits"),
    ("\ud83d\ude00", "a str; pass a plain str, without surrogates"),
    ({"\ud83d\ude00": 1}, "a dict with the key"),
    (nested(101), "a list that contains itself, or is nested more than 100 levels deep"),
    (print, "a builtin_function_or_method; pass plain data"),
]


@pytest.mark.parametrize("value", [value for value, _ in NOT_JSON], ids=[message for _, message in NOT_JSON])
def test_what_json_would_change_comes_back_unchanged(value: object) -> None:
    """A tuple comes back as a tuple and an int key as an int, on the first run and on every later one."""
    codec = PickleCodec()
    payload = codec.encode({"value": value})

    assert isinstance(payload, bytes)
    assert alike(codec.decode(payload), {"value": value})


@pytest.mark.parametrize(("value", "message"), NOT_JSON, ids=[message for _, message in NOT_JSON])
def test_the_json_codec_says_what_it_refuses(value: object, message: str) -> None:
    """The JSON codec never stores something slightly different: it names the part, its type, and the way out."""
    with pytest.raises(EncodingError) as refusal:
        JsonCodec().encode({"rows": [0, {"value": value}]})

    assert str(refusal.value).startswith("cannot store the value at ['rows'][1]['value']: ")
    assert message in str(refusal.value)
    assert str(refusal.value).endswith('instead, or use codec="pickle"')


def test_a_value_that_contains_itself_comes_back_so() -> None:
    """A cycle is stored as what it is; JSON, which has none, refuses it."""
    again = PickleCodec().decode(PickleCodec().encode(cycle()))

    assert isinstance(again, dict)
    assert again["self"] is again
    with pytest.raises(EncodingError, match=r"at \['tree'\]: a dict that contains itself"):
        JsonCodec().encode({"tree": cycle()})


def test_a_value_that_repeats_itself_without_end_is_stored_small() -> None:
    """Sixty lists that each hold the next one twice do not become a text of 2 to the 60 parts."""
    value: list[object] = []
    for _ in range(60):
        value = [value, value]

    assert len(PickleCodec().encode(value)) < 1000


@pytest.mark.parametrize(("limit", "digits"), [(0, 5000), (640, 1000)])
def test_numbers_of_any_length_come_back_whatever_the_process_allows(limit: int, digits: int) -> None:
    """A process with another limit for long ints stores nothing that one with Python's own limit cannot read."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(limit)
    try:
        payload = PickleCodec().encode(10**digits)
    finally:
        sys.set_int_max_str_digits(before)

    assert isinstance(payload, bytes)
    assert PickleCodec().decode(payload) == 10**digits


def test_functions_and_classes_without_a_name_of_their_own_come_back() -> None:
    """Functions and classes that no module has, such as a lambda or a local class, are stored by value."""

    @dataclass
    class Local:
        number: int

    codec = PickleCodec()
    value = codec.decode(codec.encode({"double": lambda x: 2 * x, "local": Local(3)}))

    assert isinstance(value, dict)
    assert value["double"](21) == 42
    assert value["local"].number == 3


SCRIPT = """
import sys
from pathlib import Path
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
    # The lambda has no reference, and yet what it refers to has.
    values.write_bytes(codec.encode([Order(), find, lambda order: isinstance(order, Order)]))
    failures.write_bytes(codec.encode_failure(Declined("no")).exception)
else:
    order, function, rule = codec.decode(values.read_bytes())
    error = codec.decode_failure(Failure("__main__.Declined", "no", "", failures.read_bytes()), ActivityError)
    print(isinstance(order, Order), function is find, rule(order), isinstance(error, Declined))
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
