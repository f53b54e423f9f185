"""Checks that a value that a test gives is one that the activity could have returned, by its annotation.

All is checked that can be told soundly: built-in types, unions, the elements of containers, literals, dataclasses and
typed dictionaries. With any other annotation, any value will do.
"""

from __future__ import annotations

__tracebackhide__ = True

import collections.abc
import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin
from weakref import WeakKeyDictionary

from .._core.commands import show
from .._core.definitions import Activity, Definition

#: The annotations that say nothing.
_ANYTHING: tuple[object, ...] = (Any, object, inspect.Parameter.empty)
#: The kinds of numbers that are taken for others, as type checkers do.
_NUMBERS: dict[type, tuple[type, ...]] = {float: (float, int), complex: (complex, float, int)}
#: The containers whose elements are looked at.
_ELEMENTS = (list, set, frozenset, *vars(collections.abc).values())
#: The types that definitions return, as far as they were found.
_returned: WeakKeyDictionary[Definition[..., Any], Any] = WeakKeyDictionary()
#: Values whose elements are there to be looked at.
_PLAIN = (list, tuple, set, frozenset)


def misfit(definition: Definition[..., Any], value: object) -> str | None:
    """The reason why ``value`` is not what an activity or a workflow returns, by its annotation; None where it may be.

    Args:
        definition: The activity or workflow.
        value: The value that a test has it return.
    """
    annotation = returned_by(definition)
    wrong = next(_wrong(value, annotation, ""), None)
    if wrong is None:
        return None
    where, expected, found = wrong
    inside = f" (its {where.strip()} is {_kind(found)}, and not {_name(expected)})" if where else ""
    return (
        f"{definition.name} returns {_name(annotation)}, and {show(value, 100)} is {_kind(value)}{inside}. "
        f"Resolve it with what it returns, or mend the annotation of {definition.place}"
    )


def _kind(value: object) -> str:
    return "not" if value is None else f"a {type(value).__name__}"


def returned_by(definition: Definition[..., Any]) -> Any:
    """The annotated type of what is returned: of an async function, what is awaited; `Any` where it is not known."""
    found = _returned.get(definition, Any)
    if found is Any:
        # Only what is known is kept: a name may be defined later.
        found = _returned[definition] = _find_returned(definition)
    return found


def _find_returned(definition: Definition[..., Any]) -> Any:
    fn = inspect.unwrap(definition.fn)
    annotation = getattr(fn, "__annotations__", {}).get("return", Any)
    found = _evaluated({"return": annotation}, fn).get("return", Any)
    if isinstance(definition, Activity):
        awaited = get_origin(found) in (collections.abc.Coroutine, collections.abc.Awaitable)
        return get_args(found)[-1] if awaited and get_args(found) else found
    arguments = get_args(found)
    return arguments[2] if get_origin(found) is collections.abc.Generator and len(arguments) == 3 else Any


def _evaluated(annotations: Mapping[str, object], owner: Any) -> dict[str, Any]:
    """Annotations as types; none where they name what cannot be found."""
    names = dict(getattr(owner, "__globals__", {}))
    cells = getattr(owner, "__closure__", None) or ()
    free = getattr(getattr(owner, "__code__", None), "co_freevars", ())
    for name, cell in zip(free, cells, strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:
            continue
    try:
        return typing.get_type_hints(
            types.SimpleNamespace(__annotations__=dict(annotations)), names, include_extras=True
        )
    except Exception:
        return {}


# ---------------------------------------------------------------------- one value and one annotation

#: The place in the value, the type that was expected there, and what is there.
_Wrong = tuple[str, Any, object]


def _wrong(value: object, kind: Any, where: str) -> Iterator[_Wrong]:
    """Yield what is wrong with ``value``, part by part."""
    if kind in _ANYTHING:
        return
    if kind is None or kind is type(None):
        if value is not None:
            yield where, None, value
        return
    if hasattr(kind, "__value__"):
        # A `type` statement made it.
        kind = kind.__value__
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _wrong(value, kind.__origin__, where)
    elif origin is not None:
        yield from _wrong_generic(value, kind, origin, where)
    elif typing.is_typeddict(kind):
        yield from _wrong_typed_dict(value, kind, where)
    elif isinstance(kind, typing.NewType):
        yield from _wrong(value, kind.__supertype__, where)
    elif isinstance(kind, type):
        yield from _wrong_instance(value, kind, where)


def _wrong_generic(value: object, kind: Any, origin: Any, where: str) -> Iterator[_Wrong]:
    choices = get_args(kind)
    if origin in (Union, types.UnionType):
        if not any(_fits(value, one) for one in choices):
            yield where, kind, value
    elif origin is Literal:
        if not any(type(one) is type(value) and one == value for one in choices):
            yield where, kind, value
    else:
        yield from _wrong_container(value, kind, origin, where)


def _fits(value: object, kind: Any) -> bool:
    return next(_wrong(value, kind, ""), None) is None


def _is_instance(value: object, kind: type) -> bool:
    """Return False where ``value`` is certainly no instance of ``kind``."""
    if getattr(kind, "_is_protocol", False):
        return True
    try:
        return isinstance(value, _NUMBERS.get(kind, kind))
    except TypeError:
        return True


def _wrong_instance(value: object, kind: type, where: str) -> Iterator[_Wrong]:
    if not _is_instance(value, kind):
        yield where, kind, value
    elif dataclasses.is_dataclass(kind) and type(value) is kind:
        hints = _evaluated(_annotations(kind), _module_of(kind))
        for field in dataclasses.fields(kind):
            if hasattr(value, field.name):
                yield from _wrong(getattr(value, field.name), hints.get(field.name, Any), f"{where}.{field.name}")


def _wrong_container(value: object, kind: Any, origin: Any, where: str) -> Iterator[_Wrong]:
    if not isinstance(origin, type) or origin is type:
        return
    if not _is_instance(value, origin):
        yield where, kind, value
        return
    arguments = get_args(kind)
    if isinstance(value, tuple) and origin is tuple:
        yield from _wrong_tuple(value, kind, arguments, where)
    elif isinstance(value, dict) and len(arguments) == 2:
        for key, item in value.items():
            yield from _wrong(key, arguments[0], f"{where} key {show(key, 30)}")
            yield from _wrong(item, arguments[1], f"{where}[{show(key, 30)}]")
    elif isinstance(value, _PLAIN) and origin in _ELEMENTS and len(arguments) == 1:
        for place, item in enumerate(value):
            yield from _wrong(item, arguments[0], f"{where}[{place}]")


def _wrong_tuple(value: tuple[object, ...], kind: Any, arguments: tuple[Any, ...], where: str) -> Iterator[_Wrong]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if any(get_origin(one) is typing.Unpack for one in arguments):
        return
    if len(arguments) != len(value):
        yield where, kind, value
        return
    for place, (item, one) in enumerate(zip(value, arguments, strict=True)):
        yield from _wrong(item, one, f"{where}[{place}]")


def _wrong_typed_dict(value: object, kind: Any, where: str) -> Iterator[_Wrong]:
    if not isinstance(value, dict):
        yield where, kind, value
        return
    hints = _evaluated(_annotations(kind), _module_of(kind))
    needed = {name for name in kind.__required_keys__ if get_origin(hints.get(name)) is not NotRequired}
    if (hints and needed - value.keys()) or value.keys() - kind.__annotations__.keys():
        yield where, kind, value
        return
    for name, item in value.items():
        yield from _wrong(item, _required(hints.get(name, Any)), f"{where}[{name!r}]")


def _required(kind: Any) -> Any:
    """The type of a key of a typed dictionary, required or not."""
    return get_args(kind)[0] if get_origin(kind) in (Required, NotRequired) else kind


def _annotations(kind: type) -> dict[str, object]:
    found: dict[str, object] = {}
    for base in reversed(kind.__mro__):
        found.update(inspect.get_annotations(base))
    return found


def _module_of(kind: type) -> object:
    """An object with the globals that a class's annotations are written in."""
    return types.SimpleNamespace(__globals__=vars(sys.modules.get(kind.__module__, types)))


def _name(kind: Any) -> str:
    if kind is None or kind is type(None):
        return "None"
    return kind.__name__ if isinstance(kind, type) and get_origin(kind) is None else str(kind).replace("typing.", "")
