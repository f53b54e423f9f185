"""Compares values: by their equality, and where they have none, by the parts that a pickle of them would hold."""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Iterable, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, TypeAlias

#: Asked about two objects that differ: True where they are to be taken as equal nevertheless.
Excuse: TypeAlias = Callable[[object, object], bool]

#: Types whose own equality says all, but of a nan.
_ATOMS = frozenset({str, bytes, int, bool, float, complex, type(None)})
#: Each of them is equal to itself alone.
_NAMED = (type, FunctionType, BuiltinFunctionType, ModuleType)
#: The largest number of members of two sets that are compared each with each.
_MOST_MEMBERS = 100


def same_value(one: object, other: object, excuse: Excuse | None = None) -> bool:
    """Tell whether two values are the same. Never raises.

    They are where ``==`` says True. Where it says something else, is no bool (as of two arrays), raises, or is mere
    identity, two values of one type are the same if all that they are made of is.

    Args:
        one: A value.
        other: Another.
        excuse: Asked about each two objects in them that differ.
    """
    try:
        return _Comparison(excuse).same(one, other)
    except RecursionError:
        # What differs lies deeper than Python goes.
        return False


class _Comparison:
    """One comparison, which remembers what it has compared: objects may refer to one another."""

    def __init__(self, excuse: Excuse | None) -> None:
        self._excuse = excuse
        #: By both ids: the answer, which is taken to be True while it is looked for, and what keeps the ids from being
        #: used again.
        self._known: dict[tuple[int, int], tuple[bool, object, object]] = {}

    def same(self, one: object, other: object) -> bool:
        if _equal(one, other):
            return True
        kind = type(one)
        if kind is not type(other):
            return False
        if kind in _ATOMS:
            # A nan is not equal to itself.
            return kind in (float, complex) and repr(one) == repr(other)
        pair = (id(one), id(other))
        known = self._known.get(pair)
        if known is None:
            self._known[pair] = True, one, other
            known = self._known[pair] = self._same_parts(one, other), one, other
        return known[0]

    def _same_parts(self, one: Any, other: Any) -> bool:
        kind = type(one)
        if kind is list or kind is tuple:
            return len(one) == len(other) and all(map(self.same, one, other))
        if kind is dict:
            return self._same_items(one, other)
        if kind is set or kind is frozenset:
            return self._same_members(_without(one, other), _without(other, one))
        mine, theirs = _parts(one), _parts(other)
        if mine is not None and theirs is not None and self.same(mine, theirs):
            return True
        return self._excuse is not None and self._excuse(one, other)

    def _same_items(self, one: dict[Any, Any], other: dict[Any, Any]) -> bool:
        shared = [key for key in one if _holds(other, key)]
        if len(one) != len(other) or not all(self.same(one[key], other[key]) for key in shared):
            return False
        mine, theirs = _without(one, other), _without(other, one)
        return self._same_members([(key, one[key]) for key in mine], [(key, other[key]) for key in theirs])

    def _same_members(self, some: Iterable[object], others: Iterable[object]) -> bool:
        """Tell whether each of ``some`` has a partner of its own among ``others``, in whatever order."""
        left, right = list(some), list(others)
        if len(left) != len(right) or len(left) > _MOST_MEMBERS:
            return False
        for item in left:
            partner = next((at for at, there in enumerate(right) if self.same(item, there)), None)
            if partner is None:
                return False
            del right[partner]
        return True


def _equal(one: object, other: object) -> bool:
    try:
        return (one == other) is True
    except BaseException:  # the values' own
        return False


def _holds(container: Mapping[Any, Any] | set[Any] | frozenset[Any], item: object) -> bool:
    try:
        return item in container
    except BaseException:  # the value's own
        return False


def _without(some: Any, others: Any) -> list[Any]:
    return [item for item in some if not _holds(others, item)]


def _parts(value: object) -> object:
    """Return that from which a copy of ``value`` would be made, as `copy` and `pickle` do; None where it has none."""
    if isinstance(value, _NAMED):
        return None
    try:
        reduce = copyreg.dispatch_table.get(type(value))
        made = value.__reduce_ex__(4) if reduce is None else reduce(value)
        if isinstance(made, str):
            return made
        # Behind function, arguments and state there are iterators of items.
        return (*made[:3], *(None if items is None else list(items) for items in made[3:5]), *made[5:])
    except BaseException:  # the value's own
        return None
