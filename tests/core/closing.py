"""The truth about closing a suspended generator, which the product's answer is held against.

A shape is a generator function that notes in ``ran`` whatever of the user's code a close could run: closing it and
looking at ``ran`` tells the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from types import GeneratorType, coroutine
from typing import Any, TypeAlias

from yieldflow._core.generator_safety import closes_silently

Ran: TypeAlias = list[str]
Body: TypeAlias = Generator[Any, Any, Any]
Shape: TypeAlias = Callable[[Ran], Iterator[object]]

#: No shape waits more often.
MOST_YIELDS = 40

# ---------------------------------------------------------------------- what shapes are made of


class Guard:
    def __init__(self, ran: Ran) -> None:
        self._ran = ran

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._ran.append("__exit__")


class Pages:
    """An iterator whose insides nobody can know."""

    def __init__(self, ran: Ran) -> None:
        self._inside = guarded(ran)

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        return next(self._inside)


def seen(ran: Ran, kind: type[Exception] = ValueError) -> type[Exception]:
    """An expression for after ``except``: evaluating it is user code."""
    ran.append("except")
    return kind


def plain() -> Generator[int, Any, None]:
    yield 1
    yield 2


def guarded(ran: Ran) -> Generator[int, Any, None]:
    try:
        yield 1
        yield 2
    finally:
        ran.append("finally")


@coroutine
def tick() -> Generator[object, Any, None]:
    yield 1


async def guarded_coroutine(ran: Ran) -> None:
    try:
        await tick()
    finally:
        ran.append("finally")


def started(generator: Generator[int, Any, None]) -> Generator[int, Any, None]:
    next(generator)
    return generator


def advanced(shape: Shape, yields: int) -> tuple[Body, Ran] | None:
    """A generator of that shape at its ``yield`` of that number; None where it ends before."""
    ran: Ran = []
    generator = shape(ran)
    assert isinstance(generator, GeneratorType)
    try:
        next(generator)
        for _ in range(yields):
            # An iterator that is no generator can be sent nothing.
            generator.send(1 if isinstance(generator.gi_yieldfrom, GeneratorType | None) else None)
    except (StopIteration, ValueError):
        return None
    return generator, ran


def close_runs_code(generator: Body, ran: Ran) -> bool:
    """Close it, and tell the truth."""
    before = len(ran)
    raised = False
    for _ in range(MOST_YIELDS):
        try:
            generator.close()
            break
        except (AttributeError, NameError, RuntimeError, TypeError, ValueError, BaseExceptionGroup):
            # It yielded once more, what stands after `except` cannot be evaluated, or another exception was raised.
            raised = True
    return raised or len(ran) > before


def truths(shape: Shape) -> list[bool]:
    """Tell for each ``yield`` whether closing there is silent."""
    all_suspended = (advanced(shape, yields) for yields in range(MOST_YIELDS))
    return [not close_runs_code(*suspended) for suspended in all_suspended if suspended is not None]


# ---------------------------------------------------------------------- the answer


def silent(generator: Body, *referents: Any) -> bool:
    assert isinstance(generator, GeneratorType)
    return closes_silently(generator, *referents)


def answers(shape: Shape, *referents: Any) -> list[bool]:
    """The answer at each ``yield``, after it was held against the truth: a wrong yes fails here."""
    found = []
    for number in range(MOST_YIELDS):
        at_yield = advanced(shape, number)
        if at_yield is None:
            break
        found.append(silent(at_yield[0], *referents))
        assert not (close_runs_code(*at_yield) and found[-1]), f"not silent at yield {number}"
    return found


def built(source: str) -> Shape:
    """The generator function ``shape`` of a source."""
    names: dict[str, Any] = dict(globals())
    exec(source, names)
    shape: Shape = names["shape"]
    return shape
