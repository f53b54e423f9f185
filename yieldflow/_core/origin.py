"""The `def` in the source that a definition comes of, beneath the decorators that stand over it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any, NamedTuple, TypeAlias

#: So many functions are looked at beneath a decorator.
_MOST_LAYERS = 100


#: A `FunctionType`, which mypy takes for the method of whatever has it as an attribute.
Function: TypeAlias = Any


class Origin(NamedTuple):
    """The `def` that a definition comes of, as far as it can be found."""

    #: The function that was decorated; None where none was found, as in an object that can be called.
    function: Function | None
    #: The function that is called: the same, or the one that a decorator put around it.
    outermost: Function | None = None
    #: The code that has the `def` in it: that of a module, a cell or a function. None where it was not found.
    within: CodeType | None = None


def origin_of(fn: Callable[..., Any]) -> Origin:
    """Find the `def` over which the decorators stand that are at work: it is in the code of one of their callers.

    A decorator without `functools.wraps` hides the function that it is given in the closure of its own.
    """
    layers = {id(layer.__code__): layer for layer in _layers(fn)}
    outermost = next(iter(layers.values()), None)
    found: Origin | None = None
    frame: FrameType | None = sys._getframe(1)
    while layers and frame is not None:
        there = layers.keys() & map(id, frame.f_code.co_consts)
        for key in [key for key in layers if key in there]:
            layer = layers.pop(key)
            if found is None or _is_being_decorated(layer, frame):
                found = Origin(layer, outermost, frame.f_code)
        frame = frame.f_back
    return found or Origin(outermost, outermost)


def _is_being_decorated(function: FunctionType, frame: FrameType) -> bool:
    """Tell if the decorators of a function have not all returned: its name is set then."""
    try:
        return frame.f_locals[function.__name__] is not function
    except Exception:
        # The names of a class may be kept in whatever its metaclass has made for them.
        return True


def _layers(fn: Callable[..., Any]) -> Iterator[FunctionType]:
    """Yield the function, and those that it holds in its closure, from the outermost inwards."""
    pending: list[Any] = [inspect.unwrap(fn)]
    seen: set[int] = set()
    # It grows meanwhile.
    for one in pending:
        kind = type(one)
        # By the type, since a lazy object, say, may do anything when it is asked for its own class.
        if issubclass(kind, (partial, MethodType)):
            pending.append(one.func if issubclass(kind, partial) else one.__func__)
        elif kind is FunctionType and id(one) not in seen and len(seen) < _MOST_LAYERS:
            seen.add(id(one))
            yield one
            pending += closure_of(one).values()


def closure_of(function: FunctionType) -> dict[str, object]:
    """Return what a function takes from the one around it, by name, without what that has not set yet."""
    held: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):
            held[name] = cell.cell_contents
    return held
