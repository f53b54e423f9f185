"""Finds the classes that stand in annotations: those of workflows and activities, and of the fields of such classes."""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from .._core.origin import closure_of
from .._core.signatures import Definition
from .safe_repr import guarded
from .structures import structure_of


def classes_in(annotations: Iterable[object]) -> list[type]:
    """List the structured classes and enums in annotations, and in the fields of those classes."""
    found: dict[type, None] = {}
    seen: set[int] = set()
    # It grows meanwhile.
    pending = list(annotations)
    for one in pending:
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, type) and issubclass(one, Enum):
            found[one] = None
        elif isinstance(one, type) and structure_of(one) is not None:
            found[one] = None
            pending += hints_of(one).values()
        elif typing.is_typeddict(one):
            pending += hints_of(one).values()  # type: ignore[arg-type]  # a class, too
        pending += _inside(one)
    return list(found)


def _inside(annotation: Any) -> list[object]:
    """List what an annotation is made of: ``list[Order] | None`` of two, and ``list[Order]`` of two again."""
    if isinstance(annotation, (list, tuple)):
        # The arguments of a Callable.
        return list(annotation)
    inside = [typing.get_origin(annotation), *typing.get_args(annotation)]
    if isinstance(annotation, typing.NewType):
        inside.append(annotation.__supertype__)
    if isinstance(annotation, typing.TypeVar):
        inside += [annotation.__bound__, *annotation.__constraints__]
    if isinstance(annotation, Enum):
        # In a Literal.
        inside.append(type(annotation))
    if type(annotation).__name__ == "TypeAliasType":
        # The value of a `type` statement is computed where it is asked for.
        inside.append(guarded(lambda: annotation.__value__, None))
    return inside


def annotations_of(definition: Definition[..., Any]) -> list[object]:
    """List the annotations of a definition's arguments and result, those that are strings as what they mean now.

    An annotation is left out whose names are not there, as those imported for type checkers only.
    """
    signature = definition.signature
    written = [one.annotation for one in signature.parameters.values()] + [signature.return_annotation]
    fn: Any = inspect.unwrap(definition.fn)
    while isinstance(fn, functools.partial):
        fn = inspect.unwrap(fn.func)
    fn = getattr(fn, "__func__", fn)
    names = getattr(fn, "__globals__", None) or vars(sys.modules.get(definition.__module__, typing))
    closure = closure_of(fn) if inspect.isfunction(fn) else {}
    resolved = (_resolved(one, {**names, **closure}) for one in written if one is not signature.empty)
    return [one for one in resolved if one is not None]


def hints_of(kind: type) -> dict[str, object]:
    """Return the annotations of a class's fields by name, those that are strings as what they mean now."""
    model_fields = getattr(kind, "__pydantic_fields__", None)
    if isinstance(model_fields, dict):
        return {name: field.annotation for name, field in model_fields.items()}
    hints: dict[str, object] = {}
    for one in reversed(kind.__mro__):
        names = {**vars(sys.modules.get(one.__module__, typing)), **vars(one), one.__name__: one}
        for name, annotation in inspect.get_annotations(one).items():
            resolved = _resolved(annotation, names)
            if resolved is not None:
                hints[name] = resolved
    return hints


def _resolved(annotation: object, names: Mapping[str, Any]) -> object:
    """Return what an annotation means, with the strings inside of it; None where that is not known."""
    if isinstance(annotation, type):
        return annotation
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(holder, dict(names), include_extras=True)["it"]
    except Exception:
        return None
