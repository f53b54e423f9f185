"""Tells if two definitions under one name are one, seen again: the name on disk finds only the later of them.

Seen again is what comes of one `def`: of one qualified name in one module, or in one file, which a program may load
under two names (`__main__` and its own, by ``python -m``, uvicorn or a circular import). It may be loaded anew, by a
reload or in a notebook, and its code may have been changed by then: the later one counts, and either may be used.

Two definitions are two functions; and also what one `def` makes twice in one load, in a factory, a loop or a decorator,
where the two hold unequal values: in closures, defaults or the object of a method. A difference that cannot be shown
does not count, as that between arrays, or of objects whose class was loaded anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any, TypeAlias, TypeVar

from .commands import show
from .origin import Function, closure_of
from .signatures import Definition

T = TypeVar("T")

#: Values to be compared, with the name under which each of two things holds its own.
_Held: TypeAlias = Iterator[tuple[str, object, object]]
#: The pairs that are compared already: they may hold each other.
_Seen: TypeAlias = set[tuple[int, int]]
#: So many pairs are compared.
_MOST_PAIRS = 1_000


def difference(one: Definition[..., Any], other: Definition[..., Any]) -> str | None:
    """Tell by what two definitions differ that share a name; None where they are one, seen again."""
    try:
        return _definitions("the function", one, other, set())
    except Exception:
        # It is code of the user's that is asked for what is compared.
        return None


def find(known: Mapping[Definition[..., Any], T], definition: Definition[..., Any]) -> T | None:
    """Return what there is for a definition, or for the same one, seen again; None where there is nothing."""
    found = known.get(definition)
    if found is not None:
        return found
    return next((known[one] for one in known if one.name == definition.name and not difference(one, definition)), None)


def of_one_source(one: Definition[..., Any], other: Definition[..., Any]) -> bool:
    """Tell if both come of one `def`, or of two that were loaded together, so that neither was to replace the other."""
    return _beside(one, other) or _at_one_place(*_compared(one, other))


def _definitions(name: str, one: Definition[..., Any], other: Definition[..., Any], seen: _Seen) -> str | None:
    a, b = _compared(one, other)
    if (one.kind, one.name) != (other.kind, other.name) or _beside(one, other) or not _at_one_place(a, b):
        return f"{name} is {one.place} in the one, and {other.place} in the other"
    is_one_load = a is None or b is None or _in_one_load(a, b)
    return _values(name, one.fn, other.fn, seen) if is_one_load else None


def _compared(one: Definition[..., Any], other: Definition[..., Any]) -> tuple[Function | None, Function | None]:
    """Return the functions by which two definitions are compared: what was found for one has to be found for both."""
    a, b = one.origin, other.origin
    return (a.function, b.function) if a.within and b.within else (a.outermost, b.outermost)


def _beside(one: Definition[..., Any], other: Definition[..., Any]) -> bool:
    """Tell if they come of two `def` statements that were loaded together."""
    a, b = one.origin, other.origin
    if a.function is None or b.function is None or a.within is None or a.within is not b.within:
        return False
    return a.function.__code__ is not b.function.__code__


def _at_one_place(one: object, other: object) -> bool:
    """Tell if two functions, or classes, have one qualified name in one module or file."""
    if getattr(one, "__qualname__", None) != getattr(other, "__qualname__", None):
        return False
    if getattr(one, "__module__", None) == getattr(other, "__module__", None):
        return True
    if not (isinstance(one, FunctionType) and isinstance(other, FunctionType)) or one.__globals__ is other.__globals__:
        return False
    a, b = one.__code__, other.__code__
    # A script that was started by a symlink has another path under its own name.
    is_main = "__main__" in (one.__module__, other.__module__)
    return (a.co_filename == b.co_filename and a.co_filename[:1] != "<") or (is_main and a == b)


def _in_one_load(one: Function, other: Function) -> bool:
    """Tell if one `def` made both, and its module was not loaded anew between."""
    return one.__code__ is other.__code__ and one.__globals__ is other.__globals__


def _values(name: str, one: Any, other: Any, seen: _Seen) -> str | None:
    """Tell by what two values differ that are held under ``name``."""
    if one is other or (id(one), id(other)) in seen or len(seen) == _MOST_PAIRS:
        return None
    seen.add((id(one), id(other)))
    if isinstance(one, Definition) and isinstance(other, Definition):
        return _definitions(name, one, other, seen)
    if type(one) is not type(other):
        differ = not _at_one_place(type(one), type(other))
    else:
        held = _held(name, one, other)
        if held is not None:
            return next((found for pair in held if (found := _values(*pair, seen)) is not None), None)
        differ = _differ(one, other)
    return f"{name} is {show(one, 60)} in the one, and {show(other, 60)} in the other" if differ else None


def _held(name: str, one: Any, other: Any) -> _Held | None:
    """Yield what two values of one type consist of; None where they are compared as a whole."""
    if isinstance(one, FunctionType):
        return _common(_held_by_function(one), _held_by_function(other)) if _in_one_load(one, other) else None
    if isinstance(one, MethodType):
        return iter([(name, one.__func__, other.__func__), ("self", one.__self__, other.__self__)])
    if isinstance(one, partial):
        return iter([(name, one.func, other.func), (name, one.args, other.args), (name, one.keywords, other.keywords)])
    if isinstance(one, (list, tuple)):
        return ((name, *pair) for pair in zip(one, other, strict=True)) if len(one) == len(other) else None
    if isinstance(one, dict):
        return _common(one, other) if one.keys() == other.keys() else None
    equality: object = type(one).__eq__
    if equality is object.__eq__ and hasattr(one, "__dict__") and not isinstance(one, type):
        return _common(vars(one), vars(other))
    return None


def _held_by_function(function: FunctionType) -> dict[str, object]:
    code, defaults = function.__code__, function.__defaults__ or ()
    named = zip(code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True)
    return {**dict(named), **(function.__kwdefaults__ or {}), **closure_of(function)}


def _common(ones: Mapping[Any, object], others: Mapping[Any, object]) -> _Held:
    return ((str(key), ones[key], others[key]) for key in list(ones) if key in others)


def _differ(one: Any, other: Any) -> bool:
    """Tell if two values of one type, which are compared as a whole, are seen to differ."""
    if isinstance(one, FunctionType):
        a, b = one.__code__, other.__code__
        # All the lambdas of a module have one name.
        is_lambda = one.__name__ == "<lambda>" and (a.co_code, a.co_names, a.co_consts) != (
            b.co_code,
            b.co_names,
            b.co_consts,
        )
        return is_lambda or not _at_one_place(one, other)
    if isinstance(one, type):
        return not _at_one_place(one, other)
    try:
        return bool(one != other)
    except Exception:
        # As arrays, which have no single answer.
        return False
