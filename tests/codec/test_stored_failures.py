"""Failures come out of a database as the exceptions that went in, as far as those can be raised again."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from tests.support.values import BOTH, Order, OwnInit, nested
from yieldflow import Registry
from yieldflow._core.errors import ActivityError, Cancelled, EncodingError, WorkflowCancelledError
from yieldflow._core.history import Codec, Failure
from yieldflow.codec import JsonCodec, PickleCodec, codec_named, preview
from yieldflow.codec.failures import rebuild


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
    """An exception on which no attribute can be set."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


class Advising(Exception):
    """An exception that comes with a note."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.add_note("ask the bank")


class KeywordOnlyMade(Exception):
    """Cannot even be made without its keyword."""

    def __new__(cls, *, order: int) -> KeywordOnlyMade:
        return super().__new__(cls, order)

    def __init__(self, *, order: int) -> None:
        super().__init__(order, threading.Lock())


class Rebuilt:
    """Pickled as older versions pickled an exception past its `__init__`."""

    def __init__(self, *parts: object) -> None:
        self.parts = parts

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, self.parts


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


def test_while_another_thread_imports_a_module_of_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is half imported has no class yet: an exception keeps its type nevertheless."""
    monkeypatch.setitem(sys.modules, "decimal", ModuleType("decimal"))
    codec = codec_named("pickle")

    assert type(codec.decode_failure(codec.encode_failure(Declined("no")), ActivityError)) is Declined
    assert type(codec.decode(codec.encode(Order(1)))) is Order


def test_a_huge_message_is_cut() -> None:
    """A message of many millions keeps its beginning and its end, and says how much is left out."""
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
    """Attributes that were set on an exception are there when it is raised again."""
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


# ---------------------------------------------------------------------- exceptions that hold others


class KeywordOnly(Exception):
    """Its constructor cannot be called with the arguments that it keeps."""

    def __init__(self, *, order: int) -> None:
        super().__init__(f"order {order} is refused")
        self.order = order


class Holding(Exception):
    """Keeps another exception, as an attribute or an argument."""

    def __init__(self, message: str, held: object) -> None:
        super().__init__(message, held)
        self.held = held

    def __str__(self) -> str:
        return str(self.args[0])


class TwiceHolding(Holding):
    """The same, and keeps it in a list too."""

    def __init__(self, message: str, held: object) -> None:
        super().__init__(message, held)
        self.all = [held]


class Choosy(Holding):
    """Takes exceptions of one kind only."""

    def __init__(self, message: str, held: object) -> None:
        assert not isinstance(held, ActivityError)
        super().__init__(message, held)


@dataclass
class Line:
    """A value that holds an exception."""

    error: object


def test_a_set_in_an_exception_comes_back() -> None:
    """An exception keeps its type though its text names the members of a set in another order."""
    for size in range(1, 60):
        error = KeyError({f"{number} of {size}" for number in range(size)})
        again = revived(PickleCodec(), error)
        assert (type(again), again.args) == (KeyError, error.args)


def test_an_exception_with_keyword_only_arguments_comes_back() -> None:
    """It is built without a call of its `__init__`, by itself and in a group, and has its attributes."""
    codec = PickleCodec()
    alone = revived(codec, raised(KeywordOnly(order=7)))
    group = revived(codec, raised(ExceptionGroup("both", [ValueError("x"), KeywordOnly(order=7)])))

    assert isinstance(group, ExceptionGroup)
    for again in (alone, group.exceptions[1]):
        assert isinstance(again, KeywordOnly)
        assert (again.order, str(again)) == (7, "order 7 is refused")


BUILDABLE_BUT_FOR_ONE: list[tuple[Exception, Callable[[Any], object]]] = [
    (ExceptionGroup("g", [ValueError(1), local_exception(), Declined(2)]), lambda group: group.exceptions[1]),
    (
        ExceptionGroup("g", [ValueError(1), ExceptionGroup("inner", [Declined(2), local_exception()])]),
        lambda group: group.exceptions[1].exceptions[1],
    ),
    (Holding("no funds", local_exception()), lambda error: error.held),
    (Holding("no funds", {"all": [(local_exception(),)]}), lambda error: error.held["all"][0][0]),
    (Holding("no funds", Line(local_exception())), lambda error: error.held.error),
    (Holding("no funds", with_lock()), lambda error: error.held),
    (Holding("no funds", KeywordOnlyMade(order=1)), lambda error: error.held),
    (Choosy("no funds", local_exception()), lambda error: error.held),
    (ValueError("no funds", local_exception()), lambda error: error.args[1]),
]


HOLDERS = [
    "group",
    "group in a group",
    "attribute",
    "deep",
    "dataclass",
    "lock",
    "no constructor",
    "choosy",
    "argument",
]


@pytest.mark.parametrize(("error", "member"), BUILDABLE_BUT_FOR_ONE, ids=HOLDERS)
def test_an_exception_keeps_its_type_if_one_that_it_holds_cannot_be_built(
    error: Exception, member: Callable[[Any], object]
) -> None:
    """`except` catches it as ever; in place of the member there is the `ActivityError` that it would be by itself."""
    codec = PickleCodec()
    again = revived(codec, raised(error))
    lost = member(error)
    replaced = member(again)

    assert type(again) is type(error)
    assert isinstance(lost, BaseException)
    assert isinstance(replaced, ActivityError)
    assert str(replaced) == str(revived(codec, lost))
    assert not isinstance(member(error), ActivityError)


def test_the_others_of_a_group_are_themselves() -> None:
    """Beside a member that cannot be built again, the others keep type, arguments and order."""
    group = raised(ExceptionGroup("g", [KeyError("k"), local_exception(), Declined(1, {2})]))
    again = revived(PickleCodec(), group)

    assert isinstance(again, ExceptionGroup)
    assert [type(one) for one in again.exceptions] == [KeyError, ActivityError, Declined]
    assert again.exceptions[2].args == (1, {2})


def test_exceptions_that_hold_each_other_are_recorded() -> None:
    """The second time that one is met, there is an `ActivityError` in its place, and no end is sought."""
    one, other = Holding("one", None), Holding("other", None)
    one.held, other.held = other, one
    again = revived(PickleCodec(), one)

    assert isinstance(again, Holding)
    assert isinstance(again.held, Holding)
    assert isinstance(again.held.held, ActivityError)


@pytest.mark.parametrize("kind", [Holding, TwiceHolding])
def test_a_long_chain_of_exceptions_is_recorded(kind: type[Holding]) -> None:
    """Each exception in another is written once; where their class keeps each twice, the text has its bounds too."""
    error: Exception = Declined("innermost")
    for number in range(40):
        error = kind(str(number), error)
    again: Any = revived(PickleCodec(), error)
    assert type(again) is kind
    while isinstance(again, Holding):
        again = again.held

    assert type(again) is Declined


def test_an_exception_reads_as_its_class_and_what_it_holds() -> None:
    """A failure's exception is JSON: its class, arguments, and attributes by name."""
    failure = PickleCodec().encode_failure(Holding("no funds", Decimal("12.50")))
    group = PickleCodec().encode_failure(ExceptionGroup("g", [KeyError("k"), KeywordOnly(order=7)]))
    money = {"$decimal": "12.50"}

    assert preview(failure.exception or "") == {
        "$exception": f"{__name__}:Holding", "args": ["no funds", money], "held": money,
    }  # fmt: skip
    assert preview(group.exception or "") == [
        "g",
        [
            {"$exception": "builtins:KeyError", "args": ["k"]},
            {"$exception": f"{__name__}:KeywordOnly", "args": ["order 7 is refused"], "$init": False, "order": 7},
        ],
    ]


class Reducing(Exception):
    """Says itself how it is pickled."""

    def __init__(self, order: int, text: str) -> None:
        super().__init__(text)
        self.order = order

    def __reduce__(self) -> tuple[Any, ...]:
        return Reducing, (self.order, str(self))


def test_an_exception_that_is_pickled_in_a_way_of_its_own_comes_back() -> None:
    """Where its class has a `__reduce__`, that is asked, as `pickle` and `copy` do."""
    again = revived(PickleCodec(), raised(ExceptionGroup("g", [Reducing(3, "no funds")])))

    assert isinstance(again, ExceptionGroup)
    [member] = again.exceptions
    assert isinstance(member, Reducing)
    assert (member.order, str(member)) == (3, "no funds")


def test_the_json_codec_builds_the_exceptions_that_the_registry_knows() -> None:
    """Without pickles, an exception is built again if it is built-in, yieldflow's own, or named with `types`."""
    registry = Registry()
    registry.types(Holding)
    codec = codec_named("json", registry)
    again = revived(codec, raised(Holding("no funds", ExceptionGroup("g", [OSError(2, "gone", "a.txt"), Declined()]))))

    assert isinstance(again, Holding)
    assert isinstance(again.held, ExceptionGroup)
    known, unknown = again.held.exceptions
    assert (type(known), str(known)) == (FileNotFoundError, "[Errno 2] gone: 'a.txt'")
    assert (type(unknown), str(unknown)) == (ActivityError, f"{__name__}.Declined")


@BOTH
def test_an_exception_is_a_value_too(codec: Codec) -> None:
    """What `gather(return_exceptions=True)` gave can be an argument or a result, and is read as in a failure."""
    results = [1, ValueError("x"), ExceptionGroup("g", [KeyError("k")]), OSError(2, "gone", "a.txt")]
    again: Any = codec.decode(codec.encode(results))

    assert again[0] == 1
    assert [repr(one) for one in again] == [repr(one) for one in results]
    assert str(again[3]) == str(results[3])
    assert preview(codec.encode(results[1])) == {"$exception": "builtins:ValueError", "args": ["x"]}


OLDER: list[tuple[str, str | bytes, Exception]] = [
    ("builtins.ValueError", '["x",{"$decimal":"1"}]', ValueError("x", {"$decimal": "1"})),
    (f"{__name__}.Declined", pickle.dumps(Declined("x")), Declined("x")),
    (
        f"{__name__}.KeywordOnly",
        pickle.dumps(Rebuilt(KeywordOnly, ("order 7 is refused",), {"order": 7})),
        KeywordOnly(order=7),
    ),
]


@pytest.mark.parametrize(("name", "payload", "error"), OLDER, ids=["arguments", "a pickle", "a pickle by state"])
def test_an_exception_that_an_older_version_stored_is_read(name: str, payload: str | bytes, error: Exception) -> None:
    """Lists of arguments, and pickles of both kinds, are read as they were."""
    again = PickleCodec().decode_failure(Failure(name, "", "", payload), ActivityError)

    assert (type(again), again.args, vars(again)) == (type(error), error.args, vars(error))


# ---------------------------------------------------------------------- what is lost


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
    """Recording an exception changes neither its notes nor its causes nor its traceback."""
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
    assert isinstance(preview(failure.exception or ""), dict)
    assert "second note" not in str(codec.decode(failure.exception or ""))
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
    """If the exception can no longer be built, an error names it: no other is put in its place."""
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
