"""Reads how structured classes keep and take their fields: dataclasses, named tuples, and those of attrs, msgspec and
pydantic, which are looked at only where the program has imported them.
"""

from __future__ import annotations

import copyreg
import dataclasses
import sys
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any, NamedTuple

from .._core.errors import EncodingError
from .safe_repr import type_name

#: The methods by which a class pickles its instances in a way of its own.
_PICKLING = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__")
#: The libraries whose methods do what their classes' fields say.
_LIBRARIES = {"attr", "collections", "dataclasses", "msgspec", "pydantic", "typing"}
#: The bit that the flags of a class have which a program made, and of no built-in one (`Py_TPFLAGS_HEAPTYPE`).
HEAP_TYPE = 1 << 9
#: The attribute in which `Box[int](5)` keeps its brackets, which tell nobody anything.
_BRACKETS = {"__orig_class__"}
_NONE: dict[str, object] = {}
#: Keys beside the fields of a pydantic model: its private attributes, and the fields that were not given to it.
_PRIVATE, _UNSET = "$private", "$unset"


class Field(NamedTuple):
    """A field of a structured class."""

    #: The constructor's argument; None where it takes none for this field.
    argument: str | None
    has_default: bool


class Shape:
    """A class that keeps its fields as attributes, and takes them by keyword.

    Args:
        kind: The class.
        fields: Its fields by name, in order.
        drops_unknown: True where the class says that fields which it does not have are to be ignored.
    """

    def __init__(self, kind: type, fields: dict[str, Field], drops_unknown: bool = False) -> None:
        self.kind = kind
        self.fields = fields
        self.drops_unknown = drops_unknown
        self._names = tuple(fields)
        self._all = frozenset(fields)
        self._others = {name for name, field in fields.items() if field.argument is None}
        #: True where each field is an argument of its own name.
        self.is_direct = all(field.argument == name for name, field in fields.items())
        #: True where the constructor is known to put the fields into the instance as they are.
        self.is_sure = _is_sure(kind, fields)

    def state(self, value: object) -> dict[str, Any] | None:
        """Return the fields of an instance, maybe its own dict; None where it lacks one, or has other attributes."""
        own = getattr(value, "__dict__", None)
        if own is not None:
            if tuple(own) == self._names:
                return own  # type: ignore[no-any-return]  # `__dict__` is a dict
            if not own.keys() - _BRACKETS <= self._all:
                self._note_others(own)
                return None
        state: dict[str, Any] = {}
        for name in self._names:
            try:
                state[name] = getattr(value, name)
            except AttributeError:
                if name not in self._others:
                    return None
        return state

    def _note_others(self, own: Mapping[str, object]) -> None:
        """Take note of attributes that are no fields: a pickle keeps them."""

    def make(self, fields: Mapping[str, Any]) -> object:
        """Build an instance of those fields, all known ones. Raises whatever the class raises."""
        if self.is_direct:
            return self.kind(**fields)
        arguments = {
            argument: fields[name] for name, (argument, _) in self.fields.items() if argument and name in fields
        }
        made = self.kind(**arguments)
        for name in self._others & fields.keys():
            object.__setattr__(made, name, fields[name])
        return made

    def unknown(self, fields: Mapping[str, object]) -> list[str]:
        """List the stored fields that the class does not have."""
        return [name for name in fields if name not in self.fields]


class StructShape(Shape):
    """A Struct of msgspec, whose pickles lose the attributes beyond its fields."""

    def _note_others(self, own: Mapping[str, object]) -> None:
        raise EncodingError(
            f"an instance of {type_name(self.kind)} has attributes beyond its fields ({', '.join(own)}), and msgspec "
            "pickles none of them: make them fields"
        )


class TupleShape(Shape):
    """A named tuple."""

    def state(self, value: Any) -> dict[str, Any] | None:
        if len(value) != len(self._names) or getattr(value, "__dict__", _NONE).keys() - _BRACKETS:
            return None
        return dict(zip(self._names, value, strict=True))


class ModelShape(Shape):
    """A pydantic model: its fields are validated. What beside them makes it equal to another is kept too."""

    kind: Any

    def __init__(self, kind: Any) -> None:
        fields = {name: Field(name, not field.is_required()) for name, field in kind.__pydantic_fields__.items()}
        super().__init__(kind, fields)
        self.is_direct = False
        # Its validation may change what it is given.
        self.is_sure = False
        self._extra = kind.model_config.get("extra") or "ignore"
        self.drops_unknown = self._extra == "ignore"
        self._validate: Callable[..., Any] = kind.__pydantic_validator__.validate_python
        self._is_root = bool(getattr(kind, "__pydantic_root_model__", False))

    def state(self, value: Any) -> dict[str, Any] | None:
        own: dict[str, Any] = value.__dict__
        if own.keys() != self._all:
            return None
        state = own if tuple(own) == self._names else {name: own[name] for name in self._names}
        extra, private = value.__pydantic_extra__, value.__pydantic_private__
        if extra:
            if any(name[:1] == "$" for name in extra):
                return None
            state = {**state, **extra}
        if not state.keys() <= value.__pydantic_fields_set__:
            state = {**state, _UNSET: [name for name in state if name not in value.__pydantic_fields_set__]}
        if private:
            state = {**state, _PRIVATE: {name: kept for name, kept in private.items() if _is_defined(kept)}}
        return state

    def make(self, fields: Mapping[str, Any]) -> object:
        unset, private = fields.get(_UNSET), fields.get(_PRIVATE)
        if unset or private:
            fields = {name: field for name, field in fields.items() if name not in (_UNSET, _PRIVATE)}
        # By their names: what comes from outside may have others.
        is_root = self._is_root
        made = self._validate(fields["root"]) if is_root else self._validate(fields, by_name=True, by_alias=False)
        if unset:
            made.__pydantic_fields_set__.difference_update(unset)
        if private:
            known = self.kind.__private_attributes__
            made.__pydantic_private__.update({name: kept for name, kept in private.items() if name in known})
        return made

    def unknown(self, fields: Mapping[str, Any]) -> list[str]:
        if fields.keys() <= self._all:
            return []
        private = [name for name in fields.get(_PRIVATE, ()) if name not in self.kind.__private_attributes__]
        known = super().unknown(fields) if self._extra != "allow" else []
        return [name for name in known if name not in (_UNSET, _PRIVATE)] + private


def _is_defined(kept: object) -> bool:
    """Tell a value from pydantic's mark of an attribute that has none."""
    return type(kept).__name__ != "PydanticUndefinedType"


# ---------------------------------------------------------------------- the classes


def shape_of(kind: Any) -> Shape | None:
    """Return how instances of a class are taken apart and built; None where it is not structured.

    So is one that pickles its instances in a way of its own, or whose instances have more state than fields.
    """
    if kind in copyreg.dispatch_table or any(_is_own(kind, name) for name in _PICKLING):
        return None
    if issubclass(kind, tuple):
        return _named_tuple(kind)
    if _is_of("pydantic", "BaseModel", kind):
        kind.__pydantic_complete__ or kind.model_rebuild()
        return ModelShape(kind)
    if _is_of("msgspec", "Struct", kind):
        return _struct(kind)
    if hasattr(kind, "__attrs_attrs__"):
        nothing = sys.modules["attr"].NOTHING
        fields = {
            one.name: Field(one.alias if one.init else None, one.default is not nothing) for one in kind.__attrs_attrs__
        }
    elif dataclasses.is_dataclass(kind):
        missing = dataclasses.MISSING
        fields = {
            one.name: Field(one.name if one.init else None, (one.default, one.default_factory) != (missing, missing))
            for one in dataclasses.fields(kind)
        }
    else:
        return None
    if _has_more(kind, fields):
        return None
    # A dataclass of pydantic's has a configuration.
    config = getattr(kind, "__pydantic_config__", None)
    return Shape(kind, fields, isinstance(config, dict) and config.get("extra", "ignore") == "ignore")


def _named_tuple(kind: Any) -> Shape | None:
    names, defaults = getattr(kind, "_fields", None), getattr(kind, "_field_defaults", None)
    if not isinstance(names, tuple) or not isinstance(defaults, dict):
        return None
    return TupleShape(kind, {name: Field(name, name in defaults) for name in names})


def _struct(kind: Any) -> Shape | None:
    names, defaults = kind.__struct_fields__, kind.__struct_defaults__
    nothing = sys.modules["msgspec"].NODEFAULT
    # The defaults are those of the last fields.
    values = [nothing] * (len(names) - len(defaults)) + list(defaults)
    fields = {name: Field(name, value is not nothing) for name, value in zip(names, values, strict=True)}
    drops_unknown = not kind.__struct_config__.forbid_unknown_fields
    return None if _has_more(kind, fields) else StructShape(kind, fields, drops_unknown)


def _is_of(library: str, base: str, kind: type) -> bool:
    """Tell whether a class is derived from that of a library, which the program has imported then."""
    found = getattr(sys.modules.get(library), base, None)
    return found is not None and issubclass(kind, found)


# ---------------------------------------------------------------------- the user's own methods


def _is_own(kind: type, name: str) -> bool:
    """True where a method is the user's, and neither Python's nor made by the library of the class."""
    method = getattr(kind, name, None)
    method = getattr(method, "__func__", method)
    if not isinstance(method, FunctionType):
        return False
    library = str(method.__globals__.get("__name__")).partition(".")[0]
    return library not in _LIBRARIES and library[:11] != "namedtuple_" and not _is_generated(method.__code__)


def _is_generated(code: CodeType) -> bool:
    return code.co_qualname.startswith("__create_fn__.") or code.co_filename.startswith("<attrs generated")


def _has_more(kind: type, fields: Mapping[str, Field]) -> bool:
    """True where instances have state that is no field: that of a built-in class, or a slot."""
    for one in kind.__mro__[:-1]:
        if one.__module__.startswith("msgspec."):
            continue
        if not one.__flags__ & HEAP_TYPE:
            return True
        if any(type(slot) is MemberDescriptorType and name not in fields for name, slot in vars(one).items()):
            return True
    return False


def _is_sure(kind: type, fields: Mapping[str, Field]) -> bool:
    """True where nothing of the user's stands between the arguments and the fields."""
    hooks = ("__new__", "__setattr__", "__getattribute__", "__post_init__", "__attrs_post_init__", "__attrs_pre_init__")
    if any(_is_own(kind, name) for name in hooks) or _is_own(type(kind), "__call__"):
        return False
    converts = any(one.converter or one.validator for one in getattr(kind, "__attrs_attrs__", ()))
    return not converts and _takes_fields(kind, fields) and not any(_is_computed(kind, name) for name in fields)


def _takes_fields(kind: Any, fields: Mapping[str, Field]) -> bool:
    """True where the constructor is one made for the fields."""
    init = kind.__init__
    if not isinstance(init, FunctionType):
        # Those of a named tuple and of a Struct are not in Python.
        return True
    code = init.__code__
    arguments = set(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])
    return _is_generated(code) and arguments == {field.argument for field in fields.values() if field.argument}


def _is_computed(kind: type, name: str) -> bool:
    """True where reading or setting an attribute runs code: a property, say."""
    found = next((vars(one)[name] for one in kind.__mro__ if name in vars(one)), None)
    is_plain = isinstance(found, (MemberDescriptorType, GetSetDescriptorType)) or issubclass(kind, tuple)
    return not is_plain and hasattr(type(found), "__set__")
