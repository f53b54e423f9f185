"""Generator functions that suspend in all sorts of places.

A shape notes in ``ran`` whatever of the user's code a close could run.
"""

# The plainer ways to write these would be other shapes.
# ruff: noqa: C416, PT017, UP028

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from types import coroutine
from typing import Any

from tests.core.closing import Guard, Pages, Ran, guarded, guarded_coroutine, plain, seen, started


def in_a_row(ran: Ran) -> Iterator[int]:
    yield 1
    yield 2


def around_a_try(ran: Ran) -> Iterator[int]:
    yield 1
    try:
        yield 2
    finally:
        ran.append("finally")
    yield 3


def try_except(ran: Ran) -> Iterator[int]:
    try:
        yield 1
    except seen(ran):
        yield 2
    else:
        yield 3
    yield 4


def in_an_except(ran: Ran) -> Iterator[int]:
    try:
        raise ValueError
    except seen(ran):
        yield 1
        yield 2
    yield 3


def in_a_named_except(ran: Ran) -> Iterator[int]:
    try:
        raise ValueError
    except seen(ran) as error:
        yield 1
        assert error
    yield 2


def in_an_except_with_a_finally(ran: Ran) -> Iterator[int]:
    try:
        raise ValueError
    except seen(ran):
        yield 1
    finally:
        ran.append("finally")


def in_a_second_except(ran: Ran) -> Iterator[int]:
    try:
        raise ValueError
    except seen(ran, KeyError):
        yield 1
    except seen(ran):
        yield 2


def in_a_finally(ran: Ran) -> Iterator[int]:
    try:
        ran.append("try")
    finally:
        yield 1
        ran.append("finally")


def in_a_finally_on_the_way_out(ran: Ran) -> Iterator[int]:
    try:
        raise ValueError
    finally:
        yield 1
        ran.append("finally")


def in_a_finally_in_a_try(ran: Ran) -> Iterator[int]:
    try:
        try:
            ran.append("try")
        finally:
            yield 1
    finally:
        ran.append("finally")


def in_an_else(ran: Ran) -> Iterator[int]:
    try:
        ran.append("try")
    except seen(ran):
        ran.append("except")
    else:
        yield 1


def in_an_else_with_a_finally(ran: Ran) -> Iterator[int]:
    try:
        ran.append("try")
    except seen(ran):
        ran.append("except")
    else:
        yield 1
    finally:
        ran.append("finally")


def except_base(ran: Ran) -> Iterator[int]:
    try:
        yield 1
    except BaseException:
        ran.append("except")
        raise


def swallowing(ran: Ran) -> Iterator[int]:
    while True:
        try:
            yield 1
        except GeneratorExit:
            ran.append("swallowed")
            return


def in_a_with(ran: Ran) -> Iterator[int]:
    yield 1
    with Guard(ran):
        yield 2
    yield 3


def in_nested_withs(ran: Ran) -> Iterator[int]:
    with Guard(ran):
        with Guard(ran), Guard(ran):
            yield 1
        yield 2
    yield 3


def in_a_context_manager(ran: Ran) -> Iterator[int]:
    @contextmanager
    def managed() -> Iterator[None]:
        try:
            yield
        finally:
            ran.append("managed")

    with managed():
        yield 1
    yield 2


def loop_in_a_try(ran: Ran) -> Iterator[int]:
    try:
        for number in range(2):
            yield number
    finally:
        ran.append("finally")


def try_in_a_loop(ran: Ran) -> Iterator[int]:
    for number in range(2):
        yield number
        try:
            ran.append("try")
            if number:
                continue
            yield number
        except seen(ran):
            break
        yield number


def try_in_a_while(ran: Ran) -> Iterator[int]:
    left = 2
    while left := left - 1:
        try:
            yield 1
        finally:
            ran.append("finally")
        yield 2


def returning_through_a_finally(ran: Ran) -> Iterator[int]:
    for _ in range(3):
        try:
            if ran:
                return
            yield 1
        finally:
            yield 2
            ran.append("finally")


def in_a_match(ran: Ran) -> Generator[int, Any, None]:
    match {"kind": (yield 1)}:
        case {"kind": 1, **rest}:
            yield len(rest)
        case _:
            ran.append("other")


def with_a_walrus(ran: Ran) -> Generator[int, Any, None]:
    while (answer := (yield 1)) and len(ran) < 2:
        ran.append(answer)
        yield 2


def beside_comprehensions(ran: Ran) -> Generator[object, Any, None]:
    numbers = [number for number in [1, (yield 1)] if number]
    yield {number: [other for other in numbers] for number in numbers}
    yield sum(number for number in numbers)


def comprehension_in_a_try(ran: Ran) -> Generator[object, Any, None]:
    try:
        yield [number for number in [1, (yield 1)] if number]
    finally:
        ran.append("finally")


def unfinished_expressions(ran: Ran) -> Generator[int, Any, None]:
    total = len(ran)
    total += yield 1
    parts = [total, (yield 2), f"{total}{(yield 3)}"]
    parts.append((yield 4))
    parts[0] = yield 5


def by_yield_from(ran: Ran) -> Iterator[int]:
    yield from plain()
    yield from guarded(ran)
    yield 3


def yield_from_in_a_try(ran: Ran) -> Iterator[int]:
    try:
        yield from plain()
    except seen(ran):
        yield 3


def yield_from_in_an_except(ran: Ran) -> Iterator[int]:
    try:
        raise ValueError
    except seen(ran):
        yield from plain()


def yield_from_in_a_with(ran: Ran) -> Iterator[int]:
    with Guard(ran):
        yield from plain()


def far_down(ran: Ran) -> Iterator[int]:
    def down(depth: int) -> Iterator[int]:
        yield from (down(depth - 1) if depth else by_yield_from(ran))

    yield from down(200)


def by_yield_from_a_list(ran: Ran) -> Iterator[int]:
    yield from [1, 2]


def by_yield_from_an_unknown_iterator(ran: Ran) -> Iterator[int]:
    yield from Pages(ran)


def over_plain_values(ran: Ran) -> Iterator[object]:
    for number in range(2):
        for name in ["a"]:
            for key in {"k": 1}.items():
                yield number, name, key
    for character in "é":
        yield character


def over_generators(ran: Ran) -> Iterator[int]:
    yield from (number for number in plain())
    for number in plain():
        yield number
    for number in guarded(ran):
        yield number
    yield 0


def over_wrapped_generators(ran: Ran) -> Iterator[object]:
    for pair in zip(enumerate(plain()), "ab", strict=True):
        yield pair
    for other in zip("ab", enumerate(guarded(ran)), strict=True):
        yield other
    for number in islice(chain([0], filter(None, map(int, guarded(ran)))), 3):
        yield number
    for counted in (counted for counted in enumerate(guarded(ran))):
        yield counted


def over_generators_after_an_except(ran: Ran) -> Iterator[int]:
    try:
        raise ValueError
    except seen(ran):
        ran.append("raised")
    for number in guarded(ran):
        yield number


def over_an_unknown_iterator(ran: Ran) -> Iterator[int]:
    for number in Pages(ran):
        yield number


def holding_a_plain_one(ran: Ran) -> Iterator[object]:
    kept = started(plain())
    yield 1
    yield next(kept)


def holding_a_guarded_one(ran: Ran) -> Iterator[object]:
    kept = guarded(ran)
    yield 1
    next(kept)
    yield 2
    kept = plain()
    yield 3


def holding_one_for_a_closure(ran: Ran) -> Iterator[object]:
    kept = started(guarded(ran))

    def closure() -> object:
        return kept

    yield 1
    assert closure()


def by_a_coroutine(ran: Ran) -> Iterator[object]:
    @coroutine
    def awaiting() -> Generator[object, Any, None]:
        yield from guarded_coroutine(ran)

    yield from awaiting()


def holding_a_coroutine(ran: Ran) -> Iterator[object]:
    kept = guarded_coroutine(ran)
    kept.send(None)
    yield 1
    kept.close()


def holding_an_async_generator(ran: Ran) -> Iterator[object]:
    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ran.append("finally")

    kept = numbers()
    with suppress(StopIteration):
        anext(kept).__await__().send(None)
    yield 1
    del kept
    ran.clear()
    yield 2


def holding_itself(ran: Ran) -> Iterator[object]:
    def inner() -> Iterator[object]:
        yield own
        yield own

    own = inner()
    yield from own
