"""Takes instances of structured classes apart into their fields, and builds them again: exactly, or not at all.

Where the class is known to put its fields into the instance as they are, that is decided once. Else, say with a
``__post_init__`` or validation, each instance is built again from copies of its fields, and compared.
"""

from __future__ import annotations

import copy
import functools
import operator
from collections.abc import Callable, Mapping
from enum import Enum, Flag
from typing import Any

from .._core.errors import EncodingError
from .safe_repr import error_line, guarded, is_interrupt, short_repr, type_name
from .shapes import Shape, shape_of

#: The types of values that nobody can change, and that are the same where they are equal.
_ATOMS = frozenset({str, int, bool, float, bytes, type(None)})


class Structure:
    """A class whose instances are stored as their fields."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._kind: Any = shape.kind
        self._count = len(shape.fields) if shape.is_direct and shape.is_sure else -1

    def take(self, value: object) -> dict[str, object] | None:
        """Return the fields of ``value`` by name; None where they would not build its equal.

        The dict may be the instance's own: it is not to be changed. Beside the fields it may have keys that begin with
        ``$``, for `build`.

        Raises:
            EncodingError: It has more than its fields, and a pickle would lose that.
        """
        shape = self.shape
        if shape.is_sure:
            return shape.state(value)
        try:
            state = shape.state(value)
            return state if state is not None and self._comes_back(state) else None
        except EncodingError:
            raise
        except BaseException as error:
            if is_interrupt(error):
                raise
            return None

    def _comes_back(self, state: dict[str, Any]) -> bool:
        """Tell whether an instance that is built of these fields has them."""
        try:
            kinds = list(map(type, state.values()))
            is_plain = _ATOMS.issuperset(kinds)
            again = self.shape.make(state if is_plain else _copied(state))
            found = self.shape.state(again) if type(again) is self._kind else None
            if not is_plain or found is None:
                return found is not None and _same(state, found)
            is_same = state == found and kinds == list(map(type, found.values()))
            # The minus before a zero shows there only.
            return is_same and (0.0 not in state.values() or repr(state) == repr(found))
        except RecursionError:
            # It holds itself, say: the writer finds where.
            return True

    def build(self, fields: dict[str, object]) -> object:
        """Build an instance through the constructor or the validation of its class.

        Raises:
            EncodingError: The class has other fields now, or refuses these; the message names the field and both sides.
        """
        if len(fields) == self._count:
            try:
                return self._kind(**fields)
            except Exception:
                return self._build_older(fields)
        if fields.keys() == self.shape.fields.keys():
            return self._make(fields)
        return self._build_older(fields)

    def _build_older(self, fields: dict[str, object]) -> object:
        """Build an instance that was stored with other fields, maybe."""
        shape = self.shape
        unknown = shape.unknown(fields)
        if unknown and not shape.drops_unknown:
            raise EncodingError(self._differs(f"has no field {unknown[0]!r}", fields, "put it back under that name"))
        known = {name: field for name, field in fields.items() if name not in unknown}
        missing = [name for name in shape.fields if name not in known]
        for name in missing:
            argument, has_default = shape.fields[name]
            if argument is not None and not has_default:
                raise EncodingError(self._differs(f"has a field {name!r} without a default", fields, "give it one"))
        made = self._make(known)
        if missing:
            self._check_defaults(missing, made, self._make(known))
        return made

    def _differs(self, how: str, fields: Mapping[str, object], remedy: str) -> str:
        stored = ", ".join(name for name in fields if name[:1] != "$") or "none"
        return (
            f"{type_name(self._kind)} {how}: stored is an instance with the fields {stored}, and the class now has "
            f"{', '.join(self.shape.fields) or 'none'}; {remedy}"
        )

    def _make(self, fields: dict[str, object]) -> object:
        try:
            made = self.shape.make(fields)
        except BaseException as error:
            if is_interrupt(error):
                raise
            shown = ", ".join(f"{name}={short_repr(field)}" for name, field in fields.items())
            raise EncodingError(
                f"{type_name(self._kind)} refuses the stored fields ({shown}): {error_line(error)}"
            ) from error
        if type(made) is not self._kind:
            raise EncodingError(f"{type_name(self._kind)} makes a {type_name(type(made))} of what is stored")
        return made

    def _check_defaults(self, missing: list[str], made: object, again: object) -> None:
        """Refuse a default that is another one each time: a replay would see another value than the first run."""
        first, second = self.shape.state(made) or {}, self.shape.state(again) or {}
        for name in missing:
            one, other = first.get(name), second.get(name)
            if not _is_same(one, other):
                raise EncodingError(
                    f"{type_name(self._kind)} has a new field {name!r}, whose default is another one each time "
                    f"({short_repr(one)}, then {short_repr(other)}): give it one that stays the same, such as None"
                )


def _structure_of(kind: type) -> Structure | None:
    shape = guarded(lambda: shape_of(kind), None)
    return None if shape is None else Structure(shape)


#: Returns the structure of a class; None where it has none, or pickles its instances in a way of its own.
structure_of: Callable[[type], Structure | None] = functools.lru_cache(maxsize=1000)(_structure_of)


# ---------------------------------------------------------------------- exactness


def _copied(value: Any) -> Any:
    """Copy what the code of a class could change."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is list or kind is tuple:
        return kind(map(_copied, value))
    if kind is dict:
        return {key: _copied(item) for key, item in value.items()}
    return copy.deepcopy(value)


def _is_same(one: object, other: object) -> bool:
    """Tell whether two values are known to be the same, type and value."""
    return guarded(lambda: _same(one, other), False)


def _same(one: Any, other: Any) -> bool:
    """Tell the same; raises whatever the code of their classes raises."""
    if one is other:
        return True
    kind: Any = type(one)
    if kind is not type(other):
        return False
    if kind in _ATOMS:
        return bool(one == other) if kind is not float else repr(one) == repr(other)
    if kind is list or kind is tuple:
        return len(one) == len(other) and all(map(_same, one, other))
    if kind is dict:
        return len(one) == len(other) and all(map(_same, one.items(), other.items()))
    if kind is set or kind is frozenset:
        there = {item: item for item in other}
        return len(one) == len(there) and all(item in there and _same(item, there[item]) for item in one)
    structure = structure_of(kind)
    state = None if structure is None else structure.shape.state(one)
    if structure is not None and state is not None:
        return _same(state, structure.shape.state(other))
    import pickle

    return pickle.dumps(one, protocol=5) == pickle.dumps(other, protocol=5)


# ---------------------------------------------------------------------- enums


def enum_name(member: Enum) -> str | None:
    """Return the name that leads to an enum's member again; None where there is none.

    A combination of flags is named by them, as ``READ|WRITE``; bits without a name are a number.
    """
    kind: type[Enum] = type(member)
    name: str | None = member._name_
    if isinstance(member, Flag) and name not in kind.__members__:
        name = _flags(member)
    return name if name is not None and guarded(lambda: enum_member(kind, name), None) is member else None


def _flags(member: Flag) -> str:
    """Write a combination of flags, by its bits: the name that Python gives it is another in each version."""
    rest, names = member.value, []
    for one in type(member):
        if one.value & member.value == one.value:
            rest &= ~one.value
            names.append(str(one.name))
    return "|".join([*names, str(rest)] if rest or not names else names)


def enum_member(kind: type[Enum], name: str) -> Enum:
    """Return the member of that name, or that combination of flags.

    Raises:
        EncodingError: The enum has none; the message says which it has.
    """
    try:
        found = kind.__members__.get(name)
        if found is None and issubclass(kind, Flag):
            parts = [int(part) if part.isdecimal() else kind[part].value for part in name.split("|")]
            found = kind(functools.reduce(operator.or_, parts))
        if found is not None:
            return found
    except (KeyError, ValueError):
        pass  # It is said below.
    there = ", ".join(kind.__members__)
    raise EncodingError(
        f"{type_name(kind)} has no member {name!r}: that is what is stored, and the enum now has {there}; put it back, "
        f"if only as another name of the one that took its place"
    )
