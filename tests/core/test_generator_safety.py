"""Suspended generators that can be closed unnoticed: each answer is compared with what closing really does."""

from __future__ import annotations

import dis
import gc
import random
import sys
import textwrap
from collections.abc import Generator, Iterator
from itertools import count, islice
from typing import Any

import pytest

from tests.core import suspended_generators
from tests.core.closing import (
    MOST_YIELDS,
    Body,
    Guard,
    Ran,
    Shape,
    answers,
    built,
    close_runs_code,
    guarded,
    plain,
    silent,
    started,
    truths,
)
from yieldflow import sleep

#: Each with the answers that `gc.get_referents` makes possible, one for each ``yield`` reached.
SHAPES: list[tuple[Shape, list[bool]]] = [
    (suspended_generators.in_a_row, [True, True]),
    (suspended_generators.around_a_try, [True, False, True]),
    (suspended_generators.try_except, [False, True, True]),
    (suspended_generators.in_an_except, [True, True, True]),
    (suspended_generators.in_a_named_except, [True, True]),
    (suspended_generators.in_an_except_with_a_finally, [False]),
    (suspended_generators.in_a_second_except, [True]),
    (suspended_generators.in_a_finally, [True]),
    (suspended_generators.in_a_finally_on_the_way_out, [True]),
    (suspended_generators.in_a_finally_in_a_try, [False]),
    (suspended_generators.in_an_else, [True]),
    (suspended_generators.in_an_else_with_a_finally, [False]),
    (suspended_generators.except_base, [False]),
    (suspended_generators.swallowing, [False] * MOST_YIELDS),
    (suspended_generators.in_a_with, [True, False, True]),
    (suspended_generators.in_nested_withs, [False, False, True]),
    (suspended_generators.in_a_context_manager, [False, True]),
    (suspended_generators.loop_in_a_try, [False, False]),
    (suspended_generators.try_in_a_loop, [True, False, True, True]),
    (suspended_generators.try_in_a_while, [False, True]),
    (suspended_generators.returning_through_a_finally, [False, True, True]),
    (suspended_generators.in_a_match, [True, True]),
    (suspended_generators.with_a_walrus, [True] * 5),
    (suspended_generators.beside_comprehensions, [True] * 3),
    (suspended_generators.comprehension_in_a_try, [False, False]),
    (suspended_generators.unfinished_expressions, [True] * 5),
    (suspended_generators.by_yield_from, [True, True, False, False, True]),
    (suspended_generators.yield_from_in_a_try, [False, False]),
    (suspended_generators.yield_from_in_an_except, [True, True]),
    (suspended_generators.yield_from_in_a_with, [False, False]),
    (suspended_generators.far_down, [True, True, False, False, True]),
    (suspended_generators.by_yield_from_a_list, [True, True]),
    (suspended_generators.by_yield_from_an_unknown_iterator, [False, False]),
    (suspended_generators.over_plain_values, [True] * 3),
    (suspended_generators.over_generators, [True, True, True, True, False, False, True]),
    (suspended_generators.over_wrapped_generators, [True, True, False, False, True, False, False, False, False]),
    (suspended_generators.over_generators_after_an_except, [False, False]),
    (suspended_generators.over_an_unknown_iterator, [False, False]),
    (suspended_generators.holding_a_plain_one, [True, True]),
    (suspended_generators.holding_a_guarded_one, [True, False, True]),
    (suspended_generators.holding_one_for_a_closure, [False]),
    (suspended_generators.by_a_coroutine, [False]),
    (suspended_generators.holding_a_coroutine, [False]),
    (suspended_generators.holding_an_async_generator, [False, True]),
    (suspended_generators.holding_itself, [True, True]),
]
NAMES = [shape.__name__ for shape, _ in SHAPES]


# ---------------------------------------------------------------------- shapes


@pytest.mark.parametrize(("shape", "expected"), SHAPES, ids=NAMES)
def test_the_answer_is_what_closing_does(shape: Shape, expected: list[bool]) -> None:
    """A generator that waits where no `try` or `with` would run code can be dropped, and another one stays."""
    assert answers(shape, gc.get_referents) == expected
    assert truths(shape) == expected


@pytest.mark.parametrize("shape", [shape for shape, _ in SHAPES], ids=NAMES)
def test_without_a_look_into_the_frame_no_more_can_be_dropped(shape: Shape) -> None:
    """Without knowing what a frame holds, some generators stay that could go, and none is dropped that should stay."""
    pairs = zip(answers(shape), answers(shape, gc.get_referents), strict=True)

    assert (True, False) not in pairs


@pytest.mark.parametrize(
    "shape",
    [
        suspended_generators.in_a_row,
        suspended_generators.around_a_try,
        suspended_generators.in_a_with,
        suspended_generators.try_in_a_while,
        suspended_generators.by_yield_from,
        suspended_generators.holding_a_guarded_one,
    ],
)
def test_a_plain_sequence_needs_no_look_into_the_frame(shape: Shape) -> None:
    """A workflow that goes from step to step, or round a `while`, can be dropped whatever the host can see."""
    assert answers(shape) == truths(shape)


# ---------------------------------------------------------------------- what is not known stays

CAUTIOUS = {
    "a group of exceptions": """
        def shape(ran):
            try:
                raise ExceptionGroup("two", [ValueError(), KeyError()])
            except* ValueError:
                yield 1
            except* seen(ran, KeyError):
                yield 2
    """,
    "the name after `as` is a global one": """
        def shape(ran):
            global error
            try:
                raise ValueError
            except ValueError as error:
                yield 1
    """,
    "the name after `as` belongs to a closure": """
        def shape(ran):
            try:
                raise ValueError
            except ValueError as error:
                kept = lambda: error
                yield 1
    """,
    "a user's iterator": """
        def shape(ran):
            kept = Pages(ran)
            yield 1
    """,
    "an iterator that calls something": """
        def shape(ran):
            kept = iter(started(guarded(ran)).__next__, None)
            yield 1
    """,
}


@pytest.mark.parametrize("source", CAUTIOUS.values(), ids=CAUTIOUS)
def test_what_is_not_understood_counts_as_not_silent(source: str) -> None:
    """In doubt a generator stays in memory."""
    shape = built(textwrap.dedent(source))

    assert not any(answers(shape, gc.get_referents))


def test_another_interpreter_is_not_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an interpreter that is not CPython every generator stays in memory."""
    generator = plain()
    next(generator)
    assert silent(generator)

    monkeypatch.setattr(sys.implementation, "name", "another")

    assert not silent(generator)


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(b"\x00\x01\x02\x00", id="no entry begins"),
        pytest.param(b"\x80\x81\x82\x80", id="each number begins an entry"),
        pytest.param(b"\x80\x01", id="an entry is cut off"),
        pytest.param(b"\x80\x01\x41", id="a number is cut off"),
        pytest.param(b"\x80\x01\x40\x81\x00", id="an entry begins within a number"),
        pytest.param(b"\x80\x01\x7f\x7f\x3f\x00", id="a handler outside of the code"),
        pytest.param(b"\x80\x7f\x7f\x3f\x01\x00", id="an end outside of the code"),
    ],
)
def test_an_unknown_format_is_not_understood(table: bytes) -> None:
    """A generator whose exception table has an unknown format stays in memory."""

    def shape() -> Body:
        yield 1

    shape.__code__ = shape.__code__.replace(co_exceptiontable=table)
    generator = shape()
    next(generator)
    found = silent(generator)
    # Closing would send the interpreter through that table.
    assert next(generator, None) is None

    assert not found


def test_a_handler_that_never_ends_is_not_understood() -> None:
    """A generator whose exception table leads round in a circle stays in memory."""

    def shape() -> Body:
        yield 1
        try:
            next(iter([2]))
        except ValueError:
            yield 2

    code = shape.__code__
    tidying = next(at.offset for at in dis.get_instructions(code) if at.opname == "COPY")
    numbers = [0, len(code.co_code) // 2, tidying // 2, 0]
    table = bytearray(part for number in numbers for part in (number >> 6 | 64, number & 63))
    table[0] |= 128
    shape.__code__ = code.replace(co_exceptiontable=bytes(table))
    generator = shape()
    next(generator)
    found = silent(generator)
    assert next(generator, None) is None

    assert not found


# ---------------------------------------------------------------------- other states than suspended


def test_a_generator_that_has_not_begun_is_silent() -> None:
    """Nothing of a generator runs when it is closed before its first step, not even what stands in a `try`."""
    ran: Ran = []
    generator = guarded(ran)

    assert silent(generator)
    assert silent(generator, gc.get_referents)
    assert not close_runs_code(generator, ran)


@pytest.mark.parametrize("referents", [(), (gc.get_referents,)], ids=["unseen", "seen"])
def test_an_argument_is_closed_with_the_generator(referents: tuple[Any, ...]) -> None:
    """A generator that was handed to a workflow or helper counts, before the first step too."""

    def helper(inner: Generator[int, Any, None]) -> Generator[int, Any, None]:
        yield from inner

    ran: Ran = []
    generator = helper(started(guarded(ran)))

    assert not silent(generator, *referents)
    del generator
    assert ran == ["finally"]


def test_a_generator_that_ended_is_silent() -> None:
    """A generator that has ended can be dropped, however it was guarded."""
    generator = guarded([])
    assert list(generator) == [1, 2]

    assert silent(generator)
    assert silent(generator, gc.get_referents)


def test_a_running_generator_is_not_silent() -> None:
    """A generator that asks from within, while it runs, is not dropped."""
    found = []

    def asking() -> Generator[None, Any, None]:
        found.append(silent(generator))
        yield

    generator = asking()
    next(generator)

    assert found == [False]


def test_an_object_that_dies_with_a_generator_is_no_reason_to_keep_it() -> None:
    """`__del__` may run when a generator is dropped: that is no promise."""
    ran: Ran = []

    class Loud:
        def __del__(self) -> None:
            ran.append("__del__")

    def holding() -> Generator[int, Any, None]:
        kept = Loud()
        yield 1
        assert kept

    generator = holding()
    next(generator)

    assert silent(generator, gc.get_referents)
    assert close_runs_code(generator, ran)


def test_a_command_is_waited_for_in_silence() -> None:
    """`yield from sleep(1)` is as good as `yield sleep(1)`: the library's own generator has nothing to clean up."""

    def waiting(ran: Ran) -> Generator[Any, Any, None]:
        yield from sleep(1)

    def waiting_guarded(ran: Ran) -> Generator[Any, Any, None]:
        with Guard(ran):
            yield from sleep(1)

    for shape, expected in (waiting, True), (waiting_guarded, False):
        ran: Ran = []
        generator = shape(ran)
        next(generator)
        assert silent(generator) is expected
        assert silent(generator, gc.get_referents) is expected
        assert close_runs_code(generator, ran) is not expected


# ---------------------------------------------------------------------- what code may look like


def test_long_functions_are_read_to_the_end() -> None:
    """A function may have hundreds of names and thousands of lines."""
    many = "\n".join(f"    name{number} = {number + 1000} + len(ran)" for number in range(3000))
    shape = built(
        "def shape(ran):\n    yield 1\n    try:\n        yield 2\n    finally:\n        ran.append('finally')\n"
        f"{many}\n"
        "    try:\n        raise ValueError\n    except seen(ran) as error:\n        yield 3\n    yield 4\n"
        "    with Guard(ran):\n        yield from plain()\n    yield 5"
    )

    assert answers(shape, gc.get_referents) == truths(shape) == [True, False, True, True, False, False, True]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with 3.12")
def test_functions_with_type_parameters() -> None:
    """`def helper[T](...)` is a generator function like any other."""
    shape = built(
        "def shape[T](ran: list[T]):\n    yield 1\n    try:\n        yield [x for x in [1, (yield 2)]]\n"
        "    finally:\n        ran.append('finally')\n    [yielded for yielded in [1, (yield 3)]]\n    yield 4"
    )

    assert answers(shape, gc.get_referents) == truths(shape) == [True, False, False, True, True]


def test_code_that_comes_and_goes() -> None:
    """A definition that takes the place of another (a reload, a notebook cell) is not taken for it."""
    sources = [
        "def shape(ran):\n    yield 1",
        "def shape(ran):\n    try: yield 1\n    finally: ran.append('finally')",
    ]
    found = [answers(built(sources[number % 2])) for number in range(3000)]

    assert found == [[True], [False]] * 1500


# ---------------------------------------------------------------------- random shapes

SIMPLE = [
    "yield 1",
    "held = yield 1",
    "total += yield 1",
    "parts = [total, (yield 1), f'{total}{(yield 2)}']",
    "yield from plain()",
    "yield from guarded(ran)",
    "kept = started(plain())",
    "kept = started(guarded(ran))",
    "kept = enumerate(started(guarded(ran)))",
    "kept = None",
    "raise ValueError",
    "if total > 2: return",
]
FINALLY = "finally:\n    ran.append('finally')"
#: Each opens one block or several.
BLOCKS = [
    ["for _ in range(2):"],
    ["for _ in plain():"],
    ["for _ in guarded(ran):"],
    ["for _ in zip(plain(), guarded(ran)):"],
    ["for _ in [number for number in range(2)]:", "else:"],
    ["with Guard(ran):"],
    ["if total:", "else:"],
    ["try:", FINALLY],
    ["try:", "except seen(ran):"],
    ["try:", "except seen(ran) as error:"],
    ["try:", "except seen(ran):", "else:", FINALLY],
    ["try:", "except seen(ran, KeyError):", "except seen(ran) as error:"],
    ["try:", "except ValueError:"],
    ["try:", "except KeyError:", "except (OSError, ValueError) as error:", "else:"],
    ["try:", "except KeyError:", "except BaseException:\n    ran.append('except')"],
    ["try:", "except Exception:", FINALLY],
]


def block(draw: random.Random, depth: int) -> str:
    """Some statements, nested."""
    lines = []
    for _ in range(draw.randint(1, 3)):
        if depth and draw.random() < 0.6:
            for opening in draw.choice(BLOCKS):
                lines += [opening, textwrap.indent(block(draw, depth - 1), "    ")]
        else:
            lines.append(draw.choice(SIMPLE))
    return "\n".join(lines)


def programs() -> Iterator[str]:
    """Programs from some lines to some pages: longer ones cost much, and say no more."""
    for seed in count():
        body = block(random.Random(seed), 4)
        if 5 <= body.count("\n") <= 150:
            yield f"def shape(ran):\n    total = 0\n    yield 0\n{textwrap.indent(body, '    ')}\n    yield 9"


def test_the_answer_is_right_for_any_program() -> None:
    """However loops, `try`, `with` and delegation are nested: the answer is what closing does."""
    for source in islice(programs(), 200):
        shape = built(source)
        expected = truths(shape)

        assert answers(shape, gc.get_referents) == expected, source
        assert len(answers(shape)) == len(expected), source
