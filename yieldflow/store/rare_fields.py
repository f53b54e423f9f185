"""Fields that few objects of a class have, so that the many need not be given them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar, overload

T = TypeVar("T")

#: The rare fields that an object has, by name.
RareFields: TypeAlias = Mapping[str, Any]
#: Those of most objects.
NONE: RareFields = MappingProxyType({})


class HasRare(Protocol):
    """An object with one slot for all of its rare fields."""

    rare: RareFields


class Rare(Generic[T]):
    """A rare field, in the body of a class. ``if thing.rare:`` is enough to know that there is none to look at.

    Args:
        default: Its value where it was never set.
    """

    def __init__(self, default: T) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, thing: None, owner: type) -> Self: ...
    @overload
    def __get__(self, thing: HasRare, owner: type) -> T: ...
    def __get__(self, thing: HasRare | None, owner: type) -> Self | T:
        if thing is None:
            return self
        found: T = thing.rare.get(self._name, self._default)
        return found

    def __set__(self, thing: HasRare, value: T) -> None:
        thing.rare = {**thing.rare, self._name: value}
