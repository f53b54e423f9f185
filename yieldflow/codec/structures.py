"""Takes instances of structured classes apart into their fields, and builds them again."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from enum import Enum
from typing import Any

from .._core.errors import EncodingError
from .safe_repr import error_line, is_interrupt, type_name


class Structure:
    """A class whose instances are stored as their fields.

    Args:
        kind: The class.
        names: Its fields, in order.
        state: Returns the state of an instance by name: its fields, and whatever else it has.
    """

    def __init__(self, kind: type, names: tuple[str, ...], state: Callable[[Any], dict[str, object] | None]) -> None:
        self.kind = kind
        self.names = names
        self._state = state

    def take(self, value: object) -> dict[str, object] | None:
        """Return the fields of ``value`` by name; None where they would not build its equal.

        The dict may be the instance's own: it is not to be changed.
        """
        state = self._state(value)
        return state if state is not None and tuple(state) == self.names else None

    def build(self, fields: dict[str, object]) -> object:
        """Build an instance through the constructor or the validation of its class.

        Raises:
            EncodingError: The class has other fields now, or refuses these; the message names the field and both sides.
        """
        try:
            return self.kind(**fields)
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise EncodingError(f"cannot build a {type_name(self.kind)}: {error_line(error)}") from error


@functools.cache
def structure_of(kind: type) -> Structure | None:
    """Return the structure of a class; None where it has none, or instances with more state than fields."""
    if dataclasses.is_dataclass(kind):
        return Structure(kind, tuple(field.name for field in dataclasses.fields(kind)), vars)
    if issubclass(kind, tuple) and isinstance(names := getattr(kind, "_fields", None), tuple):
        return Structure(kind, names, lambda value: dict(zip(names, value, strict=True)))
    return None


def enum_name(member: Enum) -> str | None:
    """Return the name that leads to an enum's member again; None where there is none."""
    return member.name


def enum_member(kind: type[Enum], name: str) -> Enum:
    """Return the member of that name.

    Raises:
        EncodingError: The enum has none now; the message says which it has.
    """
    try:
        return kind[name]
    except KeyError:
        there = ", ".join(kind.__members__)
        raise EncodingError(f"{type_name(kind)} has no member {name!r} any more; it has {there}") from None
