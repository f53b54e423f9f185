"""Structured classes: promises about how their instances are stored and read back."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import pytest

from tests.support.modules import Define, define
from tests.support.structured import (
    CLASSES,
    MEMBERS,
    PICKLED,
    READABLE,
    Customer,
    Growing,
    Item,
    Open,
    Order,
    Point,
    with_attribute,
)
from yieldflow import Registry
from yieldflow._core.errors import EncodingError
from yieldflow.codec import codec_named, preview

__all__ = ["define"]

REGISTRY = Registry()
REGISTRY.types(*CLASSES)
BOTH = pytest.mark.parametrize("name", ["pickle", "json"])
CODEC = codec_named("pickle", REGISTRY)


def state(value: Any) -> dict[str, object]:
    """Everything that an instance holds, but for the brackets that a generic class was called with."""
    held = {**getattr(value, "__dict__", {})}
    held.pop("__orig_class__", None)
    for field in dataclasses.fields(value) if dataclasses.is_dataclass(value) else ():
        # The default of a field that is no argument may be the class's own attribute.
        held[field.name] = getattr(value, field.name, None)
    private = ("__pydantic_extra__", "__pydantic_private__", "__pydantic_fields_set__")
    return {**held, **{name: getattr(value, name) for name in private if hasattr(value, name)}}


@BOTH
@pytest.mark.parametrize("value", READABLE, ids=lambda value: type(value).__name__)
def test_structured_values_come_back_exactly_and_can_be_read(value: object, name: str) -> None:
    """An instance of a structured class is stored by its fields, and comes back with the same type and state."""
    codec = codec_named(name, REGISTRY)
    text = codec.encode(value)
    again = codec.decode(text)

    assert "$pickle" not in str(text)
    assert type(again) is type(value)
    assert again == value
    assert state(again) == state(value)
    assert repr(again) == repr(value)
    assert codec.encode(again) == text


@pytest.mark.parametrize("value", PICKLED, ids=lambda value: type(value).__name__)
def test_what_fields_do_not_say_is_pickled(value: Any) -> None:
    """An instance with more than its fields, or one that its constructor would change, is pickled, and is as it was."""
    before = repr(vars(value))
    text = CODEC.encode([value])
    again: Any = CODEC.decode(text)[0]  # type: ignore[index]  # a list

    assert '"$pickle"' in str(text)
    assert type(again) is type(value)
    assert repr(vars(again)) == repr(vars(value)) == before
    with pytest.raises(EncodingError):
        codec_named("json", REGISTRY).encode([value])


def test_what_would_be_lost_is_refused() -> None:
    """A Struct with attributes beyond its fields is refused, since msgspec's own pickles lose them."""
    with pytest.raises(EncodingError, match=r"support\.structured\.Open has attributes beyond its fields \(extra\)"):
        CODEC.encode(with_attribute(Open("a")))


def test_fields_stand_beside_the_class() -> None:
    """The stored text has the class first, and its fields beside it under their names."""
    shown = preview(CODEC.encode(Order([Item("a", 2)], "soon")))

    items = [{"$object": f"{Item.__module__}:Item", "sku": "a", "count": 2}]
    assert shown == {"$object": f"{Order.__module__}:Order", "items": items, "note": "soon", "state": "new"}
    assert CODEC.encode(Point(1)) == f' {{"$object":"{Point.__module__}:Point","x":1,"y":0}}'


def test_storing_leaves_a_value_as_it_is() -> None:
    """A constructor that changes the list it is given does not get the user's own list when its instance is stored."""
    value = Growing([7])
    CODEC.encode(value)

    assert value.items == [7, 1]


def test_a_model_knows_which_fields_it_was_given() -> None:
    """What pydantic keeps beside the fields comes back: which of them were given, and the private attributes."""
    value = Customer(name="ann")
    value._visits = 4
    again: Any = CODEC.decode(CODEC.encode(value))

    assert again.model_fields_set == {"name"}
    assert again._visits == 4
    assert again.model_dump(exclude_unset=True) == {"name": "ann"}


def test_an_error_names_the_path_to_a_field() -> None:
    """A field that cannot be stored is named with the way to it."""
    with pytest.raises(EncodingError, match=r"at \.items\[0\]\.sku: a generator"):
        CODEC.encode(Order([Item(iter_of_text())]))


def iter_of_text() -> Any:
    yield "a"


# ---------------------------------------------------------------------- enums


@BOTH
@pytest.mark.parametrize(("member", "name_of_it"), MEMBERS, ids=str)
def test_members_of_enums_are_stored_by_name(member: enum.Enum, name_of_it: str, name: str) -> None:
    """A member of an enum is the very member again; a combination of flags is stored by their names."""
    codec = codec_named(name, REGISTRY)
    text = codec.encode([member])

    assert preview(text) == [{"$enum": f"{type(member).__module__}:{type(member).__name__}", "name": name_of_it}]
    assert codec.decode(text)[0] is member  # type: ignore[index]  # a list


def test_a_member_that_is_gone_is_named(define: Define) -> None:
    """Where an enum lost a member, the error says which, and which there are; another name for a member will do."""
    shop = define("import enum\nclass Color(enum.Enum):\n    RED = 1\n    BLUE = 2\n")
    text = CODEC.encode(shop.Color.RED)
    define("import enum\nclass Color(enum.Enum):\n    CRIMSON = 1\n    BLUE = 2\n")

    with pytest.raises(EncodingError, match=r"shop\.Color has no member 'RED'.* now has CRIMSON, BLUE"):
        CODEC.decode(text)

    shop = define("import enum\nclass Color(enum.Enum):\n    CRIMSON = 1\n    BLUE = 2\n    RED = 1\n")
    assert CODEC.decode(text) is shop.Color.CRIMSON


# ---------------------------------------------------------------------- classes that change

#: The beginning of a class of each kind, to which fields are added.
KINDS = {
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass Order:\n",
    "slots": "from dataclasses import dataclass\n@dataclass(frozen=True, slots=True, kw_only=True)\nclass Order:\n",
    "named tuple": "from typing import NamedTuple\nclass Order(NamedTuple):\n",
    "attrs": "import attrs\n@attrs.define\nclass Order:\n",
    "msgspec": "import msgspec\nclass Order(msgspec.Struct, forbid_unknown_fields=True):\n",
    "pydantic": "import pydantic\nclass Order(pydantic.BaseModel, extra='forbid'):\n",
}
#: Those that drop what they do not know.
DROPPING = {
    "msgspec": "import msgspec\nclass Order(msgspec.Struct):\n",
    "pydantic": "import pydantic\nclass Order(pydantic.BaseModel):\n",
}
#: A field whose default is another one each time.
RANDOM = {
    "dataclass": "    key: str = __import__('dataclasses').field(default_factory=MAKE)\n",
    "attrs": "    key: str = attrs.field(factory=MAKE)\n",
    "msgspec": "    key: str = msgspec.field(default_factory=MAKE)\n",
    "pydantic": "    key: str = pydantic.Field(default_factory=MAKE)\n",
}
MAKE = "lambda: __import__('uuid').uuid4().hex"
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


def refusal(define: Define, kind: str, stored: str, now: str) -> str:
    """Store an instance of `Order`, change the fields of the class, and return the error of reading it."""
    text = CODEC.encode(define(KINDS[kind] + stored).Order(id="o-1"))
    define(KINDS[kind] + now)
    with pytest.raises(EncodingError) as caught:
        CODEC.decode(text)
    return str(caught.value)


@EVERY_KIND
def test_a_new_field_has_its_default(define: Define, kind: str) -> None:
    """A field with a default that was added since an instance was stored is there when it is read."""
    text = CODEC.encode(define(f"{KINDS[kind]}    id: str\n").Order(id="o-1"))
    shop = define(f"{KINDS[kind]}    id: str\n    cents: int = 5\n")

    assert CODEC.decode(text) == shop.Order(id="o-1", cents=5)


@EVERY_KIND
def test_a_new_field_without_a_default_is_named(define: Define, kind: str) -> None:
    """A field without a default that was added is an error, with the fields that are stored and those of the class."""
    stored, now = "    id: str\n    note: str = ''\n", "    id: str\n    cents: int\n    note: str = ''\n"
    told = refusal(define, kind, stored, now)

    assert "shop.Order has a field 'cents' without a default" in told
    assert "fields id, note, and the class now has id, cents, note; give it one" in told


@EVERY_KIND
def test_a_field_that_is_gone_is_named(define: Define, kind: str) -> None:
    """A stored field that the class lost is an error that names it, with both sides."""
    told = refusal(define, kind, "    id: str\n    cents: int = 5\n", "    id: str\n    amount: int = 5\n")

    assert "shop.Order has no field 'cents'" in told
    assert "fields id, cents, and the class now has id, amount" in told


@pytest.mark.parametrize("kind", DROPPING)
def test_a_field_that_is_gone_is_dropped_where_the_class_says_so(define: Define, kind: str) -> None:
    """A class that ignores unknown fields drops those that it lost."""
    text = CODEC.encode(define(f"{DROPPING[kind]}    id: str\n    cents: int = 5\n").Order(id="o-1"))
    shop = define(f"{DROPPING[kind]}    id: str\n")

    assert CODEC.decode(text) == shop.Order(id="o-1")


@pytest.mark.parametrize("kind", RANDOM)
def test_a_default_that_is_another_one_each_time_is_refused(define: Define, kind: str) -> None:
    """A new field whose default differs each time is an error: a replay would see another value."""
    text = CODEC.encode(define(f"{KINDS[kind]}    id: str\n").Order(id="o-1"))
    define(f"{KINDS[kind]}    id: str\n{RANDOM[kind].replace('MAKE', MAKE)}")

    with pytest.raises(EncodingError, match=r"shop\.Order has a new field 'key', whose default is another one each"):
        CODEC.decode(text)


def test_what_validation_refuses_is_named(define: Define) -> None:
    """What the class no longer takes is an error with the class, the field, and what is stored."""
    text = CODEC.encode(define(f"{KINDS['pydantic']}    id: str\n").Order(id="o-1"))
    define(f"{KINDS['pydantic']}    id: int\n")

    with pytest.raises(EncodingError, match=r"(?s)shop\.Order refuses the stored fields \(id='o-1'\).*valid integer"):
        CODEC.decode(text)


def test_a_class_that_became_plain_is_named(define: Define) -> None:
    """A class that has no fields any more is an error that names it."""
    text = CODEC.encode(define(f"{KINDS['dataclass']}    id: str\n").Order(id="o-1"))
    define("class Order: pass\n")

    with pytest.raises(EncodingError, match="'shop:Order'"):
        CODEC.decode(text)
