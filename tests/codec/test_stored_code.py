"""Functions and classes that an older version stored by value are tried in a process of their own, and then read."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, ModuleType

import cloudpickle  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.support.stored_code import FOREIGN
from yieldflow import EncodingError
from yieldflow.codec import PickleCodec
from yieldflow.codec.stored_code_trial import is_own


class Call:
    """Its pickle calls a function when it is loaded."""

    def __init__(self, function: Callable[..., object], *args: object) -> None:
        self.reduced = function, args

    def __reduce__(self) -> tuple[object, ...]:
        return self.reduced


def note(path: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write("read\n")


def by_value(*beside: object) -> bytes:
    """A list with a lambda, as an older version stored it."""
    number = 2
    data: bytes = cloudpickle.dumps([lambda x: number * x, *beside], protocol=5)
    return data


def test_code_of_this_python_is_read() -> None:
    """A function that this Python stored by value comes back, and does what it did."""
    value = PickleCodec().decode(by_value())

    assert isinstance(value, list)
    assert value[0](21) == 42


def test_code_of_another_python_is_refused() -> None:
    """A function whose bytecode another Python wrote is not read: it would crash the interpreter when it is called."""
    with pytest.raises(EncodingError, match=r"its bytecode is not that of Python 3\.\d+; let the workflow come to its"):
        PickleCodec().decode(FOREIGN)


def test_what_kills_the_process_that_reads_it_is_refused() -> None:
    """A value at whose loading an interpreter dies is refused, every time, and this process lives."""
    data = by_value(Call(os.abort))
    for _ in range(2):
        with pytest.raises(EncodingError, match=r"a process of its own that read it died"):
            PickleCodec().decode(data)


def test_a_process_for_each_distinct_value(tmp_path: Path) -> None:
    """A value is tried once, however often it is read, and another one once more."""
    for name in ("a", "b"):
        data = by_value(Call(note, str(tmp_path / name)))
        for _ in range(3):
            PickleCodec().decode(data)

        assert (tmp_path / name).read_text() == "read\n" * (1 + 3)


def test_what_only_this_process_can_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytecode of another Python is found also behind a class that only this process has, as of its main script."""
    module = ModuleType("only_here")
    monkeypatch.setitem(sys.modules, "only_here", module)
    vars(module)["Thing"] = Call
    # A pair: an instance of the class, and the function.
    data = b"\x80\x05conly_here\nThing\n(\x8c\x01xtR" + FOREIGN[11:-1] + b"\x86."

    with pytest.raises(EncodingError, match="its bytecode is not that of Python"):
        PickleCodec().decode(data)


def test_no_process_for_other_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a pickle with code in it is tried: any other is read at once, also where a text of it speaks of that."""
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    value = {"cloudpickle is a library", ("cloudpickle",)}

    assert PickleCodec().decode(pickle.dumps(value)) == value


def test_where_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that cannot be tried is not read, and is tried again the next time."""
    data = by_value("cannot be tried")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/no/such/python")
        with pytest.raises(EncodingError, match="FileNotFoundError"):
            PickleCodec().decode(data)

    assert isinstance(PickleCodec().decode(data), list)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


OWN = ["argparse", "asyncio.base_events", "dataclasses", "pickle", "typing", "yieldflow.log"]


@pytest.mark.parametrize("module", OWN)
def test_this_pythons_own_bytecode_is_never_refused(module: str) -> None:
    """Whatever this Python compiles is taken for its own: branches, loops, generators, coroutines, classes."""
    path = importlib.import_module(module).__file__
    assert path is not None
    codes = list(_codes(compile(Path(path).read_bytes(), path, "exec")))

    assert [code.co_qualname for code in codes if not is_own(code.co_code, len(code.co_consts))] == []
    assert len(codes) > 10
