"""Tells whether closing a suspended generator would run any code of the user's.

Closing a generator raises `GeneratorExit` at its ``yield``. Which handler that meets stands in the code's exception
table (CPython 3.11 and later). A handler of the user's, for an ``except``, a ``finally`` or a ``with``, begins by
putting the exception on the stack (PUSH_EXC_INFO). The compiler's own do not: they tidy up and raise it again, from
where the search goes on. So the instructions of a handler are read, and only those known to run nothing are passed.
"""

from __future__ import annotations

import dis
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from types import CellType, CodeType, FrameType, FunctionType, GeneratorType, NoneType
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


def closes_silently(generator: GeneratorType[Any, Any, Any], referents: Referents | None = None) -> bool:
    """Tell whether closing a generator that is not running would run no code of the user's.

    That is so where neither it, nor a generator that it delegates to by ``yield from``, that it loops over, or that it
    holds in a local variable, is suspended where an ``except``, a ``finally`` or a ``with`` would see it. The body of
    an ``except`` or of a ``finally`` is outside its own ``try``. The answer False is always safe: it is given too where
    an iterator is held whose insides are unknown, and where the interpreter is not a CPython that is understood.

    Not promised: objects' ``__del__`` and the callbacks of weak references, which may run whenever a generator is
    dropped, and generators inside of other objects (in a list, an attribute, an exception).

    Args:
        generator: Suspended, not yet begun, or ended.
        referents: What an object refers to directly: `gc.get_referents`, which the host hands in. Without it the
            iterators of ``for`` loops and the values of unfinished expressions (``total += yield ...``) cannot be seen,
            so a generator that has any of these where it is suspended counts as not silent.

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
        depth = _silent_yields(generator.gi_code).get(frame.f_lasti)
        # The stack holds what it yields itself, and what it delegates to.
        if depth is None or (referents is None and depth != (1 if delegate is None else 2)):
            return None
    return (*(frame.f_locals.values() if referents is None else referents(generator)), delegate)


# ---------------------------------------------------------------------- the code

#: Decoding takes much longer than the rest. By identity, since equal codes may differ in their tables: each value holds
#: its code, so that the number is not given to another.
_decoded: dict[int, tuple[CodeType, dict[int, int]]] = {}


def _silent_yields(code: CodeType) -> dict[int, int]:
    """The height of the value stack at each ``yield`` where closing runs nothing; -1 where it is unknown.

    By both offsets that an interpreter may give for it: of the YIELD_VALUE, and of the RESUME that follows.
    """
    known = _decoded.get(id(code))
    if known is not None:
        return known[1]
    silent = {}
    try:
        entries = list(_entries(code))
        for offset, depth in _yields(code, entries):
            if _is_unseen(code.co_code, entries, offset):
                silent[offset] = silent[offset + 2] = depth
    except (IndexError, ValueError):
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


def _is_unseen(instructions: bytes, entries: list[Entry], offset: int) -> bool:
    """Tell whether a `GeneratorExit` raised there leaves the code without meeting a handler of the user's."""
    met = set()
    while True:
        handler = next((entry.handler for entry in entries if entry.start <= offset < entry.end), None)
        if handler is None:
            return True
        if handler in met:
            return False
        met.add(handler)
        offset = handler
        while dis.opname[instructions[offset]] not in RAISING_AGAIN:
            if dis.opname[instructions[offset]] not in TIDYING and instructions[offset : offset + 2] != TURNING_STOPS:
                return False
            offset += 2


def _yields(code: CodeType, entries: list[Entry]) -> Iterator[tuple[int, int]]:
    """The offset of each ``yield``, and the height of the value stack there; -1 where it is unknown.

    One look at each instruction in order: what only a jump from further down leads to is unknown.
    """
    heights = {entry.handler: entry.depth + 1 for entry in entries}
    height: int | None = None
    for instruction in dis.get_instructions(code):
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
