"""Reads a pickle with code in it, in a process that may die of it: `stored_code` starts it.

Bytecode of another Python often loads without a word, and crashes the interpreter only when it is called. So first all
bytecode is looked through, while nothing is built: bytecode has no mark of its version, but that of another Python has
instructions that this one does not know, or something else than zeros where this one keeps its caches.
"""

from __future__ import annotations

import dis
import io
import json
import opcode
import os
import pickle
import sys
from contextlib import suppress
from typing import Any

#: The number of arguments of a code object, and the place of its bytecode among them.
_ARGUMENTS, _BYTECODE, _CONSTANTS = 18, 6, 7
_NAMES = {number: name for name, number in dis.opmap.items() if 0 < number < 256}
#: The number of words for the cache behind each instruction.
_entries: Any = getattr(opcode, "_inline_cache_entries", {})
_CACHES: dict[str, int] = _entries if isinstance(_entries, dict) else dict(zip(dis.opname, _entries, strict=False))
_TAKE_CONSTANT, _JUMP = frozenset(dis.hasconst), frozenset(dis.hasjrel)
#: The beginnings of the names of instructions that may be the last.
_LAST = ("RETURN", "RAISE", "RERAISE", "JUMP", "INTERPRETER_EXIT")


def main() -> None:
    """Read the pickle from the standard input; exit code 0 if that does no harm, whatever it raises.

    The arguments are the exit code for bytecode that is not this Python's, and `sys.path` as JSON.
    """
    foreign, sys.path[:] = int(sys.argv[1]), json.loads(sys.argv[2])
    data = sys.stdin.buffer.read()
    if has_foreign_code(data):
        os._exit(foreign)
    try:
        pickle.loads(data)
    finally:
        # Not by an exception, nor with what the code that was imported would do at the exit.
        os._exit(0)


def has_foreign_code(data: bytes) -> bool:
    """Tell whether a pickle has bytecode in it that is not this Python's; nothing that it names is imported."""
    reader = _CodeReader(io.BytesIO(data))
    with suppress(Exception):  # damaged: to load it says so
        reader.load()
    return any(not is_own(bytecode, constants) for bytecode, constants in reader.found)


class _Anything(type):
    """The class of `_StandIn`, which does what it is told, and comes to nothing."""

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        return cls

    def __setitem__(cls, key: object, value: object) -> None:
        pass


class _StandIn(metaclass=_Anything):
    """Stands for whatever a pickle names, and for whatever that would build."""

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        return cls

    @classmethod
    def take(cls, *given: object) -> None:
        """Do nothing with a state or an element."""

    __setstate__ = append = extend = add = update = take


class _CodeReader(pickle.Unpickler):
    """Collects the bytecode in a pickle, and builds nothing."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        #: Each bytecode, with the number of its constants.
        self.found: list[tuple[bytes, int]] = []

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name."""
        if name == "_builtin_type":
            return lambda wanted: self._take_code if wanted == "CodeType" else _StandIn
        return self._take_code if name in ("CodeType", "code") else _StandIn

    def _take_code(self, *arguments: Any) -> Any:
        if len(arguments) == _ARGUMENTS:
            self.found.append((arguments[_BYTECODE], len(arguments[_CONSTANTS])))
        else:
            self.found.append((b"", 0))
        return _StandIn


def is_own(bytecode: bytes, constants: int) -> bool:
    """Tell whether bytecode may be this Python's.

    Args:
        bytecode: That of one function.
        constants: The number of its constants.
    """
    if len(bytecode) % 2:
        return False
    starts: set[int] = set()
    targets: list[int] = []
    has_resume, place, argument, name = False, 0, 0, ""
    while place < len(bytecode):
        if name != "EXTENDED_ARG":
            starts.add(place)
            argument = 0
        number = bytecode[place]
        name = _NAMES.get(number, "")
        argument = argument << 8 | bytecode[place + 1]
        behind = place + 2 + 2 * _CACHES.get(name, 0)
        if not name or any(bytecode[place + 2 : behind]) or (number in _TAKE_CONSTANT and argument >= constants):
            return False
        if number in _JUMP:
            targets.append(behind - 2 * argument if "BACKWARD" in name else behind + 2 * argument)
        has_resume |= name == "RESUME"
        place = behind
    return has_resume and name.startswith(_LAST) and starts.issuperset(targets) and place == len(bytecode)


if __name__ == "__main__":
    main()
