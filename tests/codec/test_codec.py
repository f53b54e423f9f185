"""What goes into a database comes out of it as it was, or is refused by name."""

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
from yieldflow._core.errors import ActivityError, Cancelled, EncodingError, WorkflowCancelledError
from yieldflow._core.history import Codec, Failure
from yieldflow.codec import JsonCodec, PickleCodec, codec_named, preview

ROOT = Path(yieldflow.__file__).parent.parent
BOTH = pytest.mark.parametrize("codec", [PickleCodec(), JsonCodec()], ids=["pickle", "json"])


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
class Order:
    number: int
    handle: object = None


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


def nested(depth: int) -> object:
    value: object = []
    for _ in range(depth - 1):
        value = [value]
    return value


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
    """What has no module to be found in, such as a lambda or a local class, is stored by value."""

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
    """Who stores plain data only never loads the machinery of pickles."""
    code = "import sys, yieldflow.codec; yieldflow.codec.PickleCodec().encode([1]); print(*sys.modules)"

    assert {"pickle", "cloudpickle"}.isdisjoint(run_python("-c", code).split())


# ---------------------------------------------------------------------- what cannot be stored


class OwnInit(Exception):
    """An exception whose `__init__` does not take what it passes on."""

    def __init__(self, order: int, reason: str) -> None:
        super().__init__(f"order {order}: {reason}")


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
    """What can no longer be read back says why, and which module or class is missing."""
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


# ---------------------------------------------------------------------- failures


class Declined(Exception):
    """A plain exception of a user's own."""


class Broken(Exception):
    """An exception whose every method fails."""

    def __str__(self) -> str:
        raise KeyboardInterrupt

    __repr__ = __str__

    def __reduce__(self) -> str:
        raise SystemExit

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]  # broken on purpose
        raise GeneratorExit


class Frozen(Exception):
    """An exception that lets nobody set an attribute."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


class Advising(Exception):
    """An exception that comes with a note."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.add_note("ask the bank")


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """``error`` as it is where it was caught, with a traceback."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def revived(codec: Codec, error: BaseException) -> BaseException:
    return codec.decode_failure(codec.encode_failure(error), ActivityError)


PLAIN: list[BaseException] = [
    ValueError("no such order"),
    ValueError(),
    ValueError("a", 2, [None]),
    KeyError("x"),
    ZeroDivisionError("division by zero"),
    TimeoutError("late"),
    FileNotFoundError(2, "No such file or directory", "a.txt"),
    OSError(2, "No such file or directory", "a.txt", None, "b.txt"),
    PermissionError(13, "Permission denied"),
    OSError("odd"),
    UnicodeEncodeError("ascii", "é", 0, 1, "not in range"),
    ActivityError("no funds", "shop.errors.Declined", "Traceback ...\n"),
    WorkflowCancelledError("by the operator"),
    EncodingError("cannot store it"),
    Cancelled(),
    Cancelled("gone"),
]


@BOTH
@pytest.mark.parametrize("error", PLAIN, ids=repr)
def test_built_in_exceptions_come_back_as_they_were(codec: Codec, error: BaseException) -> None:
    """`except KeyError` catches a KeyError on every run, with the text it had; in the database it is readable."""
    failure = codec.encode_failure(raised(error))
    again = codec.decode_failure(failure, ActivityError)

    assert isinstance(failure.exception, str)
    assert failure.message == str(error)
    assert (type(again), str(again), again.args) == (type(error), str(error), error.args)
    assert {**vars(again), "__notes__": None} == {**vars(error), "__notes__": None}


def test_a_huge_message_is_cut() -> None:
    """Of a message of many millions the beginning and the end are kept, and what is left out is said."""
    codec = JsonCodec()
    message = "the beginning" + "x" * 100_000_000 + "the end"
    failure = codec.encode_failure(raised(ValueError(message)))
    again = codec.decode_failure(failure, ActivityError)

    assert failure.message.startswith("the beginning")
    assert failure.message.endswith("the end")
    assert f"({len(message) - 1_000_000:,} characters are left out here)" in failure.message
    assert "characters are left out here" in failure.traceback
    assert max(len(failure.message), len(failure.traceback)) < 1_000_100
    assert failure.exception is None
    assert isinstance(again, ActivityError)
    assert again.message == failure.message


def test_a_long_message_is_kept_whole_in_the_exception() -> None:
    """An exception of a few megabytes is built again as it was, though the text that people see of it is cut."""
    error = ValueError("x" * 2_000_000)
    failure = PickleCodec().encode_failure(error)

    assert len(failure.message) < 1_000_100
    assert str(PickleCodec().decode_failure(failure, ActivityError)) == str(error)


def test_failures_read_as_python_prints_them() -> None:
    """The type has its module, and `KeyError('x')` keeps the quotes that `str` gives it."""
    failure = PickleCodec().encode_failure(KeyError("x"))

    assert failure == Failure("builtins.KeyError", "'x'", "", '["x"]')
    assert failure.summary == "KeyError: 'x'"
    assert PickleCodec().encode_failure(Declined("no")).type_name == f"{__name__}.Declined"


PICKLED: list[Exception] = [
    Declined("no", 3),
    ValueError((1, 2)),
    ValueError(Order(1)),
    UnicodeDecodeError("ascii", b"\xff", 0, 1, "not in range"),
    ExceptionGroup("both", [ValueError(1), Declined(2)]),
    ImportError("no shop", name="shop"),
    Frozen("ice"),
]


@pytest.mark.parametrize("error", PICKLED, ids=repr)
def test_other_exceptions_come_back_as_their_own_type(error: Exception) -> None:
    """`except Declined` catches the user's own exception, with its arguments and text."""
    again = revived(PickleCodec(), raised(error))

    assert type(again) is type(error)
    assert (str(again), repr(again)) == (str(error), repr(error))
    assert getattr(again, "name", None) == getattr(error, "name", None)


def test_attributes_of_an_exception_come_back() -> None:
    """What was set on an exception is there when it is raised again."""
    error = ValueError("x")
    vars(error)["order"] = 3

    assert vars(revived(PickleCodec(), error)) == {"order": 3}


class Stop(StopIteration):
    pass


def local_exception() -> Exception:
    class Inner(Exception):
        pass

    return Inner("inner")


def with_lock() -> Exception:
    error = Declined("locked")
    vars(error)["lock"] = threading.Lock()
    return error


def in_a_circle() -> Exception:
    error, other = Declined("a"), Declined("b")
    error.__cause__, other.__cause__ = other, error
    error.args = (error,)
    return error


def test_an_exception_with_an_init_of_its_own_comes_back() -> None:
    """Its `__init__` is not called again, since what that wants is not what the exception keeps."""
    again = revived(PickleCodec(), raised(OwnInit(1, "no funds")))

    assert type(again) is OwnInit
    assert (str(again), again.args) == ("order 1: no funds", ("order 1: no funds",))


LOST: list[BaseException] = [
    StopIteration(1),
    Stop(1),
    StopAsyncIteration(),
    GeneratorExit(),
    SystemExit(3),
    KeyboardInterrupt(),
    BaseException("bare"),
    Broken(),
    local_exception(),
    with_lock(),
    ValueError(object()),
]


@BOTH
@pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
def test_what_cannot_be_raised_again_arrives_as_an_activity_error(codec: Codec, error: BaseException) -> None:
    """It is found out when the failure is recorded, so that the first run and every replay see the same."""
    failure = codec.encode_failure(raised(error))
    again = codec.decode_failure(failure, ActivityError)

    assert failure.exception is None
    assert isinstance(again, ActivityError)
    assert (again.type_name, again.message, again.traceback) == failure[:3]
    assert failure.type_name == f"{type(error).__module__}.{type(error).__qualname__}"


def test_the_json_codec_keeps_what_it_knows_of_other_exceptions() -> None:
    """Without pickles, a user's own exception arrives as an ActivityError that names it."""
    again = revived(JsonCodec(), raised(Declined("no funds")))

    assert isinstance(again, ActivityError)
    assert str(again) == f"{__name__}.Declined: no funds"
    assert "raised(Declined" not in again.traceback
    assert "in raised" in again.traceback


STRANGE: list[BaseException] = [
    Broken(),
    in_a_circle(),
    with_lock(),
    ValueError("\ud800 \0 é"),
    ValueError("x" * 1_000_000),
    ValueError(10**5000),
    ValueError(nested(100_000)),
    ExceptionGroup("g", [Broken(), in_a_circle()]),
    type("Odd", (Exception,), {"__module__": None, "__qualname__": "\ud800"})("odd"),
]


@BOTH
@pytest.mark.parametrize("error", STRANGE, ids=lambda error: ascii(type(error).__name__))
def test_no_exception_gets_in_the_way_of_its_own_record(codec: Codec, error: BaseException) -> None:
    """Whatever an activity raises ends as a failure that any database takes, and that can be raised again."""
    failure = codec.encode_failure(raised(error))

    assert [text.encode().decode() for text in failure[:3]] == list(failure[:3])
    assert isinstance(codec.decode_failure(failure, ActivityError), Exception)


def test_a_broken_str_leaves_type_and_place() -> None:
    """An exception that cannot even be printed is recorded by its type, and the recording says why there is no text."""
    failure = PickleCodec().encode_failure(Broken())

    assert failure.summary == f"{__name__}.Broken: <its __str__ failed>"


def test_recording_a_failure_leaves_the_exception_as_it_is() -> None:
    """Who still holds the exception finds notes, causes and traceback untouched."""
    cause = KeyError("k")
    error = raised(Declined("no"), cause)
    error.add_note("a note")
    traceback = error.__traceback__
    PickleCodec().encode_failure(error)

    assert vars(error) == {"__notes__": ["a note"]}
    assert error.__cause__ is cause
    assert error.__traceback__ is traceback


@BOTH
def test_the_traceback_comes_back_as_the_only_note(codec: Codec) -> None:
    """Causes, notes and lines of code are kept as text, and shown with the exception where it is raised again."""
    error = raised(ValueError("no"), raised(KeyError("k")))
    error.add_note("a note")
    failure = codec.encode_failure(error)
    again = codec.decode_failure(failure, ActivityError)

    assert again.__notes__ == [f"Traceback where it was raised:\n{failure.traceback.rstrip()}"]
    assert "KeyError: 'k'" in failure.traceback
    assert "raise error from cause" in failure.traceback
    assert failure.traceback.endswith("ValueError: no\na note\n")
    assert (again.__cause__, again.__context__, again.__traceback__) == (None, None, None)


def test_a_failure_passed_on_has_one_note_still() -> None:
    """An exception that passes through several workflows tells of each, and does not gather notes."""
    codec = PickleCodec()
    again = revived(codec, raised(revived(codec, raised(Declined("no")))))

    assert len(again.__notes__) == 1
    assert again.__notes__[0].count("Traceback where it was raised:") == 2


def test_no_note_where_there_is_no_traceback() -> None:
    """An exception that was never raised comes back without a note."""
    assert not hasattr(revived(PickleCodec(), Declined("no")), "__notes__")
    assert not hasattr(revived(JsonCodec(), KeyError("no")), "__notes__")


def test_the_notes_of_an_exception_live_on_in_the_traceback_only() -> None:
    """Notes are told once: what the exception is built from again does not have them."""
    built_in, own = raised(ValueError("no")), raised(Declined("no"))
    built_in.add_note("first note")
    own.add_note("second note")
    codec = PickleCodec()
    failure = codec.encode_failure(own)
    untraced = codec.encode_failure(Advising("no"))._replace(traceback="")

    assert codec.encode_failure(built_in).exception == '["no"]'
    assert isinstance(failure.exception, bytes)
    assert b"second note" not in failure.exception
    assert "second note" in failure.traceback
    assert len(revived(codec, raised(Advising("no"))).__notes__) == 1
    assert not hasattr(codec.decode_failure(untraced, ActivityError), "__notes__")


def test_our_own_frames_are_left_out() -> None:
    """A traceback shows the user's lines, not the library's."""
    with pytest.raises(EncodingError) as refusal:
        PickleCodec().encode(threading.Lock())
    text = PickleCodec().encode_failure(refusal.value).traceback

    assert os.path.join("yieldflow", "codec.py") not in text
    assert "PickleCodec().encode(threading.Lock())" in text


UNBUILDABLE = [
    Failure("this.Thing", "", "", '["x"]'),
    Failure("os.system", "", "", '["true"]'),
    Failure("builtins.SystemExit", "", "", "[3]"),
    Failure("builtins.UnicodeEncodeError", "", "", '["x"]'),
    Failure("builtins.ValueError", "", "", '{"x":1}'),
    Failure("builtins.ValueError", "", "", '["x"'),
    Failure("builtins.ValueError", "", "", pickle.dumps("no exception")),
    Failure("shop.Declined", "", "", b"cno_such_module\nDeclined\n."),
]


@pytest.mark.parametrize("failure", UNBUILDABLE, ids=repr)
def test_a_failure_that_was_kept_and_is_lost_is_an_error(failure: Failure) -> None:
    """Where the exception can no longer be built, the error names it: no other is put in its place."""
    with pytest.raises(EncodingError, match=f"cannot build the {failure.type_name} again"):
        PickleCodec().decode_failure(failure, ActivityError)


def test_reading_json_never_imports_what_it_names() -> None:
    """A type name in the database is looked up among the known exceptions, and nowhere else."""
    sys.modules.pop("this", None)
    with pytest.raises(EncodingError):
        JsonCodec().decode_failure(UNBUILDABLE[0], ActivityError)

    assert "this" not in sys.modules


@BOTH
@pytest.mark.parametrize("error", [ValueError("x"), Declined("y"), SystemExit(1)], ids=repr)
def test_the_same_failure_is_raised_each_time(codec: Codec, error: BaseException) -> None:
    """A second replay meets the very exception that the first one met."""
    failure = codec.encode_failure(raised(error))
    one, other = [codec.decode_failure(failure, ActivityError) for _ in range(2)]

    assert (type(one), one.args, one.__notes__) == (type(other), other.args, other.__notes__)
    assert one is not other
