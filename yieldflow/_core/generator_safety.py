"""Tells whether closing a suspended generator would run any code of the user's.

Closing a generator raises `GeneratorExit` at its ``yield``. Which handler that meets stands in the code's exception
table (CPython 3.11 and later). A handler of the user's, for an ``except``, a ``finally`` or a ``with``, begins by
putting the exception on the stack (PUSH_EXC_INFO). The compiler's own do not: they tidy up and raise it again, from
where the search goes on. So the instructions of a handler are read, and only those known to run nothing are passed.

The rule for the handlers of the user's:

- A ``finally`` and a ``with`` run code.
- A ``try`` with ``except`` runs nothing if each of its clauses is passed. A clause is passed if after ``except`` stands
  a name, an attribute of a module, or a tuple of these, and what they mean now is exception classes (where the name
  stands alone, a tuple of classes too) that do not catch a `GeneratorExit`: so ``except WaitTimeoutError``,
  ``except (Cancelled, errors.Refused)`` and ``except Exception`` are passed, ``except BaseException`` and a bare
  ``except`` are not.
- A name is looked up where Python would: among the globals and built-ins of the frame, or in the closure of its
  function. A local variable is not looked up: before 3.13 to ask a frame for these changes it. So such a clause counts
  as one that runs code, and so do ``except*``, a call, an attribute of anything but a module, and an exception class
  with a metaclass of its own.
"""

from __future__ import annotations

import dis
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from types import CellType, CodeType, FrameType, FunctionType, GeneratorType, ModuleType, NoneType
from typing import Any, NamedTuple, TypeAlias

#: What an object refers to directly, for a generator with what its frame holds.
Referents: TypeAlias = Callable[[object], Iterable[object]]

#: What the compiler's own handlers do before they raise the exception again: around the body of an ``except``, to leave
#: it and to delete the name after ``as``. A handler of the user's begins with none of these.
TIDYING = {"COPY", "DELETE_FAST", "EXTENDED_ARG", "LOAD_CONST", "POP_EXCEPT", "STORE_FAST"}
#: The end of such a handler. CLEANUP_THROW, of a ``yield from``, lets nothing but a StopIteration pass.
RAISING_AGAIN = {"CLEANUP_THROW", "RERAISE"}
#: After these the next instruction is reached by a jump only.
LEAVING = {
    "JUMP_BACKWARD",
    "JUMP_BACKWARD_NO_INTERRUPT",
    "JUMP_FORWARD",
    "RAISE_VARARGS",
    "RERAISE",
    "RETURN_CONST",
    "RETURN_VALUE",
}
JUMPS = {*dis.hasjrel, *dis.hasjabs}
#: The jumps over the body of an ``except`` whose expression does not match: by the name that 3.11 has, and later ones.
JUMPS_OVER_BODY = {"POP_JUMP_FORWARD_IF_FALSE", "POP_JUMP_IF_FALSE"}

#: Iterators of the standard library that hold other iterators.
WRAPPERS = {enumerate, filter, map, zip, *(kind for kind in vars(itertools).values() if isinstance(kind, type))}
#: What ``iter(function, sentinel)`` makes: it may call anything.
CALLING = type(iter(int, 1))
#: Most of what a frame holds. That they are no iterators is not worth asking each time.
INERT = {bool, bytes, dict, float, int, list, str, tuple, CodeType, FrameType, FunctionType, NoneType}

#: How many codes' tables are kept decoded.
CACHED_CODES = 1024


class Entry(NamedTuple):
    """One line of an exception table, in bytes of code."""

    start: int
    end: int
    handler: int
    #: The height of the value stack when the handler begins, the exception not counted.
    depth: int


class Caught(NamedTuple):
    """One expression after ``except``: a name, and the attributes that are taken of it."""

    names: tuple[str, ...]
    #: The name belongs to a function around this one. Otherwise it is a global or built-in one.
    is_free: bool
    #: It stands alone after the ``except``, not in a tuple: only then it may mean a tuple.
    is_alone: bool


class Suspension(NamedTuple):
    """A ``yield`` at which closing runs nothing if none of the expressions catches a `GeneratorExit`."""

    #: The height of the value stack; -1 where it is unknown.
    depth: int
    caught: tuple[Caught, ...]


def closes_silently(generator: GeneratorType[Any, Any, Any], referents: Referents | None = None) -> bool:
    """Tell whether closing a generator that is not running would run no code of the user's.

    That is so where neither it, nor a generator that it delegates to by ``yield from``, that it loops over, or that it
    holds in a local variable, is suspended where a ``finally``, a ``with``, or an ``except`` that may catch a
    `GeneratorExit` would see it; the module says which may. The body of an ``except`` or of a ``finally`` is outside
    its own ``try``. The answer False is always safe: it is given too where an iterator is held whose insides are
    unknown, and where the interpreter is not a CPython that is understood. The answer True holds until the generator
    goes on, or a name after an ``except`` gets another meaning.

    Not promised: objects' ``__del__`` and the callbacks of weak references, which may run whenever a generator is
    dropped, and generators inside of other objects (in a list, an attribute, an exception).

    Args:
        generator: Suspended, not yet begun, or ended.
        referents: What an object refers to directly: `gc.get_referents`, which the host hands in. Without it the
            iterators of ``for`` loops, the values of unfinished expressions (``total += yield ...``) and the closure
            cannot be seen, so a generator that has any of the first two where it is suspended, or needs the third for
            the name after an ``except``, counts as not silent.

    Returns:
        True where nothing of the user's would run.

    Example:
        >>> def plain():
        ...     yield 1
        >>> def guarded():
        ...     try:
        ...         yield 1
        ...     finally:
        ...         print("released")
        >>> started = plain(), guarded()
        >>> [next(generator) for generator in started]
        [1, 1]
        >>> [closes_silently(generator) for generator in started]
        [True, False]
        >>> started[1].close()
        released
    """
    if sys.implementation.name != "cpython":
        return False
    seen = set()
    pending: list[object] = [generator]
    while pending:
        held = pending.pop()
        if id(held) in seen:
            continue
        seen.add(id(held))
        inside = _inside(held, referents)
        if inside is None:
            return False
        pending.extend(inside)
    return True


def _inside(held: object, referents: Referents | None) -> Iterable[object] | None:
    """Return what is closed along with ``held``; None where that may run code of the user's."""
    kind = type(held)
    if kind in INERT:
        return ()
    if type(held) is GeneratorType:
        return _inside_generator(held, referents)
    if kind in WRAPPERS or kind is CellType:
        if referents is None:
            return None
        # Several iterators are held in a tuple.
        parts = referents(held)
        return [one for part in parts for one in (part if type(part) is tuple else (part,))]
    if issubclass(kind, (Coroutine, AsyncIterator)) or kind is CALLING:
        return None
    # Those of the other built-in types hold values only.
    return None if issubclass(kind, Iterator) and kind.__module__ != "builtins" else ()


def _inside_generator(generator: GeneratorType[Any, Any, Any], referents: Referents | None) -> Iterable[object] | None:
    frame = generator.gi_frame
    if frame is None:
        return ()
    if generator.gi_running:
        return None
    delegate = generator.gi_yieldfrom
    if generator.gi_suspended:
        suspension = _silent_yields(generator.gi_code).get(frame.f_lasti)
        # The stack holds what it yields itself, and what it delegates to.
        if suspension is None or (referents is None and suspension.depth != (1 if delegate is None else 2)):
            return None
        if not all(_is_passed(caught, generator, frame, referents) for caught in suspension.caught):
            return None
    return (*(frame.f_locals.values() if referents is None else referents(generator)), delegate)


# ---------------------------------------------------------------------- what an `except` means


def _is_passed(
    caught: Caught, generator: GeneratorType[Any, Any, Any], frame: FrameType, referents: Referents | None
) -> bool:
    """Tell whether a `GeneratorExit` is known to pass an expression after ``except``, and nothing to run for it."""
    first, *attributes = caught.names
    value = _free_value(first, generator, referents) if caught.is_free else _global_value(first, frame)
    for name in attributes:
        if type(value) is not ModuleType:
            return False
        value = vars(value).get(name)
    kinds = value if caught.is_alone and type(value) is tuple else (value,)
    return all(
        # A metaclass could have `issubclass` run its code.
        type(kind) is type and issubclass(kind, BaseException) and not issubclass(GeneratorExit, kind)
        for kind in kinds
    )


def _global_value(name: str, frame: FrameType) -> object:
    """Return what a global or built-in name means; None where it means nothing."""
    for names in (frame.f_globals, frame.f_builtins):
        if type(names) is not dict:
            # To look it up may run code.
            return None
        if name in names:
            value: object = names[name]
            return value
    return None


def _free_value(name: str, generator: GeneratorType[Any, Any, Any], referents: Referents | None) -> object:
    """Return what a name of a function around this one means; None where that is unknown."""
    code = generator.gi_code
    held = referents(generator) if referents is not None else ()
    functions = [one for one in held if type(one) is FunctionType and one.__code__ is code]
    if len(functions) != 1:
        # Its own function has another code by now, or it holds another function of the same code.
        return None
    cells = dict(zip(code.co_freevars, functions[0].__closure__ or (), strict=True))
    try:
        value: object = cells[name].cell_contents
    except ValueError:
        # The cell is empty.
        return None
    return value


# ---------------------------------------------------------------------- the code

#: Decoding takes much longer than the rest. By identity, since equal codes may differ in their tables: each value holds
#: its code, so that the number is not given to another.
_decoded: dict[int, tuple[CodeType, dict[int, Suspension]]] = {}


def _silent_yields(code: CodeType) -> dict[int, Suspension]:
    """Each ``yield`` where closing may run nothing.

    By both offsets that an interpreter may give for it: of the YIELD_VALUE, and of the RESUME that follows.
    """
    known = _decoded.get(id(code))
    if known is not None:
        return known[1]
    try:
        silent = _Disassembly(code).silent_yields()
    except (IndexError, KeyError, ValueError):
        silent = {}
    if len(_decoded) >= CACHED_CODES:
        _decoded.clear()
    _decoded[id(code)] = code, silent
    return silent


def _entries(code: CodeType) -> Iterator[Entry]:
    """Decode the exception table: for each entry the start, the length, the handler and the depth.

    The first three count in units of two bytes; the depth is doubled, plus one where the offset is pushed too.

    Raises:
        ValueError: This is not such a table.
        IndexError: The same: it ends too early.
    """
    numbers = list(_numbers(code.co_exceptiontable))
    for first in range(0, len(numbers), 4):
        if [begins for begins, _ in numbers[first : first + 4]] != [True, False, False, False]:
            raise ValueError("an entry of an exception table is four numbers")
        start, length, handler, depth = (number for _, number in numbers[first : first + 4])
        if max(start + length, handler + 1) * 2 > len(code.co_code):
            raise ValueError("an entry of an exception table leads out of the code")
        yield Entry(start * 2, (start + length) * 2, handler * 2, (depth >> 1) + (depth & 1))


def _numbers(table: bytes) -> Iterator[tuple[bool, int]]:
    """Each number of an exception table, and whether an entry begins with it.

    A number is written in groups of six bits, the highest first. Bit 6 says that a group follows, bit 7 marks the
    first byte of an entry.
    """
    at = 0
    while at < len(table):
        begins, number = bool(table[at] & 128), table[at] & 63
        while table[at] & 64:
            at += 1
            number = number << 6 | table[at] & 63
            if table[at] & 128:
                raise ValueError("an entry of an exception table begins within a number")
        at += 1
        yield begins, number


class _Disassembly:
    """A code whose exception table and instructions are read.

    Every method may raise what says that it is not as expected: a ValueError where that is no such table, an IndexError
    or a KeyError where something leads out of the instructions.
    """

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self._entries = list(_entries(code))
        self._instructions = list(dis.get_instructions(code))
        #: Where among the instructions each offset is.
        self._places = {instruction.offset: place for place, instruction in enumerate(self._instructions)}

    def silent_yields(self) -> dict[int, Suspension]:
        silent = {}
        for offset, depth in self._yields():
            caught = self._caught(offset)
            if caught is not None:
                silent[offset] = silent[offset + 2] = Suspension(depth, tuple(caught))
        return silent

    def _caught(self, offset: int) -> list[Caught] | None:
        """Read after which expressions a `GeneratorExit` raised there is handled; None where code runs in any case."""
        caught: list[Caught] = []
        met = set()
        while True:
            handler = next((entry.handler for entry in self._entries if entry.start <= offset < entry.end), None)
            if handler is None:
                return caught
            if handler in met:
                return None
            met.add(handler)
            place = self._places[handler]
            if self._instructions[place].opname == "PUSH_EXC_INFO":
                raising = self._after_clauses(place + 1, caught)
            else:
                raising = self._after_tidying(place)
            if raising is None:
                return None
            offset = self._instructions[raising].offset

    def _after_tidying(self, place: int) -> int | None:
        """Return the place where a handler of the compiler's own raises again; None where it may do something else."""
        while (instruction := self._instructions[place]).opname not in RAISING_AGAIN:
            at = instruction.offset
            if instruction.opname not in TIDYING and self._code.co_code[at : at + 2] != TURNING_STOPS:
                return None
            place += 1
        return place

    def _after_clauses(self, place: int, caught: list[Caught]) -> int | None:
        """Return the place where a ``try`` raises again what no ``except`` matches; None where it may run other code.

        What its clauses catch is added to ``caught``.
        """
        while self._instructions[place].opname != "RERAISE":
            clause: list[Caught] = []
            while (instruction := self._instructions[place]).opname != "CHECK_EXC_MATCH":
                if not self._reads(instruction, clause):
                    return None
                place += 1
            place += 1
            while self._instructions[place].opname == "EXTENDED_ARG":
                place += 1
            jump = self._instructions[place]
            is_one_value = len(clause) == 1 or not any(one.is_alone for one in clause)
            if not is_one_value or jump.opname not in JUMPS_OVER_BODY or jump.argval <= jump.offset:
                return None
            caught += clause
            place = self._places[jump.argval]
        return place

    def _reads(self, instruction: dis.Instruction, clause: list[Caught]) -> bool:
        """Add to a clause what an instruction of its expression reads; tell whether that is understood."""
        name = instruction.argval
        match instruction.opname:
            case "EXTENDED_ARG":
                return True
            case "LOAD_GLOBAL":
                clause.append(Caught((name,), is_free=False, is_alone=True))
                return True
            case "LOAD_DEREF":
                clause.append(Caught((name,), is_free=True, is_alone=True))
                # Otherwise it is its own variable, which a function inside of it reads too.
                return name in self._code.co_freevars
            case "LOAD_ATTR" if clause and clause[-1].is_alone:
                clause[-1] = clause[-1]._replace(names=(*clause[-1].names, name))
                # Of a module as such, not of this module.
                return not hasattr(ModuleType, name)
            case "BUILD_TUPLE" if instruction.arg == len(clause) and all(one.is_alone for one in clause):
                clause[:] = [one._replace(is_alone=False) for one in clause]
                return True
        return False

    def _yields(self) -> Iterator[tuple[int, int]]:
        """The offset of each ``yield``, and the height of the value stack there; -1 where it is unknown.

        One look at each instruction in order: what only a jump from further down leads to is unknown.
        """
        heights = {entry.handler: entry.depth + 1 for entry in self._entries}
        height: int | None = None
        for instruction in self._instructions:
            name, operation, argument = instruction.opname, instruction.opcode, instruction.arg
            # What stands before the first RESUME makes the generator: its place is a matter of the version.
            height = 0 if name == "RESUME" and argument == 0 else heights.get(instruction.offset, height)
            if name == "YIELD_VALUE":
                yield instruction.offset, -1 if height is None else height
            if height is None:
                continue
            if operation in JUMPS:
                heights.setdefault(instruction.argval, height + dis.stack_effect(operation, argument, jump=True))
            height = None if name in LEAVING else height + dis.stack_effect(operation, argument, jump=False)


def _bare() -> Iterator[None]:
    yield


def _turning_stops() -> bytes:
    code = _bare.__code__
    try:
        handlers = [entry.handler for entry in _entries(code)]
    except (AttributeError, IndexError, ValueError):
        # Not an interpreter that is understood: `closes_silently` says so, importing this must work.
        return b""
    found = [code.co_code[at : at + 2] for at in handlers if dis.opname[code.co_code[at]] == "CALL_INTRINSIC_1"]
    return found[0] if found else b""


#: What the compiler puts around the body of every generator from 3.12 on, to turn a StopIteration into a RuntimeError:
#: the instruction with its argument, read off a generator in which there is nothing else. Empty where it puts nothing.
TURNING_STOPS = _turning_stops()
