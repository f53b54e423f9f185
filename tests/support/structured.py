"""Structured classes of every library, for the tests of how they are stored."""

from __future__ import annotations

import collections
import copyreg
import enum
import uuid
from dataclasses import InitVar, dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import attrs
import msgspec
import pydantic

T = TypeVar("T")

# ---------------------------------------------------------------------- dataclasses


@dataclass
class Item:
    sku: str
    count: int = 1


@dataclass
class Order:
    items: list[Item]
    note: str | None = None
    #: Not an argument, and set later.
    state: str = field(default="new", init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    sku: str
    count: int = 1


@dataclass
class Special(Item):
    discount: float = 0.5


@dataclass
class Box(Generic[T]):
    inside: T


@dataclass
class Area:
    """Computes a field from others."""

    width: int
    height: int
    area: int = field(init=False)

    def __post_init__(self) -> None:
        self.area = self.width * self.height


@dataclass
class Scaled:
    """Takes an argument that is no field, by default."""

    size: int
    factor: InitVar[int] = 1

    def __post_init__(self, factor: int) -> None:
        self.size *= factor


@dataclass
class Unset:
    """Leaves a field without a value."""

    name: str
    late: str = field(init=False, repr=False, compare=False)


@dataclass
class Growing:
    """Changes the list that it is given, each time."""

    items: list[int]

    def __post_init__(self) -> None:
        self.items.append(len(self.items))


@dataclass
class Taxed:
    """Makes another number of the one that it is given."""

    price: float

    def __post_init__(self) -> None:
        self.price *= 1.2


@dataclass
class NeedsMore:
    size: int
    factor: InitVar[int]

    def __post_init__(self, factor: int) -> None:
        self.size *= factor


@dataclass
class Reduced:
    """Pickles itself in a way of its own."""

    size: int

    def __reduce__(self) -> tuple[Any, ...]:
        return Reduced, (self.size,)


@dataclass
class Registered:
    """Is pickled in a way that was told to `copyreg`."""

    size: int


copyreg.pickle(Registered, lambda value: (Registered, (value.size,)))


@dataclass
class Listed(list[int]):
    """Is a list, and has a field beside its elements."""

    name: str = ""


# ---------------------------------------------------------------------- named tuples


class Point(NamedTuple):
    x: Any
    y: Any = 0


class Twin(NamedTuple, Generic[T]):
    one: T
    other: T


Pair = collections.namedtuple("Pair", "left right")


class Labelled(Pair):
    """A named tuple that has room for more attributes."""


class Ordered(Pair):
    """A named tuple with a constructor of its own."""

    __slots__ = ()

    def __new__(cls, left: Any, right: Any) -> Ordered:
        return super().__new__(cls, *sorted((left, right)))


# ---------------------------------------------------------------------- attrs


@attrs.define
class Account:
    _owner: str
    balance: int = attrs.field(default=0, alias="opening")
    closed: bool = attrs.field(default=False, init=False)


@attrs.frozen
class Converted:
    count: int = attrs.field(converter=int)
    names: list[str] = attrs.field(factory=list, validator=attrs.validators.instance_of(list))


@attrs.define(slots=False)
class Roomy:
    name: str


# ---------------------------------------------------------------------- msgspec


class Event(msgspec.Struct, tag="event", rename="camel"):
    event_name: str
    details: list[int] = []


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    first: int = 1
    second: int


class Open(msgspec.Struct, dict=True):
    name: str


# ---------------------------------------------------------------------- pydantic


class Customer(pydantic.BaseModel):
    name: str
    id: uuid.UUID = pydantic.Field(default_factory=uuid.uuid4)
    tags: list[str] = pydantic.Field(default=[], alias="labels")
    _visits: int = pydantic.PrivateAttr(default=0)


class Extended(pydantic.BaseModel, extra="allow"):
    name: str


class Tree(pydantic.BaseModel, frozen=True):
    name: str
    children: tuple[Tree, ...] = ()


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Checked(pydantic.BaseModel, strict=True):
    price: float

    @pydantic.field_validator("price")
    @classmethod
    def _positive(cls, price: float) -> float:
        if price <= 0:
            raise ValueError("a price is positive")
        return price


class Doubling(pydantic.BaseModel):
    price: int

    @pydantic.field_validator("price")
    @classmethod
    def _double(cls, price: int) -> int:
        return price * 2


class Page(pydantic.BaseModel, Generic[T]):
    rows: list[T]


@pydantic.dataclasses.dataclass
class Validated:
    count: int


# ---------------------------------------------------------------------- enums


class Color(enum.Enum):
    RED = "r"
    GREEN = "g"
    #: Another name of the same.
    LIME = "g"  # noqa: PIE796  # that is the point


class Level(enum.IntEnum):
    HIGH = 3


class Size(enum.StrEnum):
    SMALL = "s"


class Access(enum.Flag):
    READ = 1
    WRITE = 2
    ALL = 3


class Bits(enum.IntFlag):
    LOW = 1


def labelled(extra: object) -> Labelled:
    value = Labelled(1, 2)
    value.extra = extra  # type: ignore[attr-defined]  # it has room
    return value


def with_attribute(value: Any) -> Any:
    """Give an instance an attribute that is no field."""
    value.extra = 1
    return value


def changed(value: Any, **fields: object) -> Any:
    """Set fields of an instance."""
    for name, given in fields.items():
        setattr(value, name, given)
    return value


#: Values that are stored by their fields, and read back exactly.
READABLE: list[Any] = [
    Order([Item("a", 2), Special("b")], "soon"),
    changed(Order([]), state="paid"),
    Frozen(sku="a"),
    Special("a", 2, 0.25),
    Box(5),
    Box[int](5),
    Box(Box((1, 2))),
    Area(2, 3),
    changed(Area(2, 3), area=7),
    Scaled(2),
    Unset("a"),
    Point(1),
    Point([1], Point(2, 3)),
    Pair(1, "a"),
    Labelled(1, 2),
    Ordered(2, 1),
    Twin(1, 2),
    Twin[int](1, 2),
    Account("ann", 5),
    changed(Account("ann"), closed=True),
    Converted("5", ["a"]),
    Roomy("a"),
    Event("paid", [1]),
    Strict(second=2),
    Open("a"),
    Customer(name="ann"),
    changed(Customer(name="ann", labels=["a"]), _visits=3),
    Extended.model_validate({"name": "a", "more": [1], "fewer": None}),
    Tree(name="a", children=(Tree(name="b"),)),
    Numbers([1, 2]),
    Checked(price=1.5),
    Page[Any](rows=[1]),
    Page(rows=[Customer(name="a")]),
    Validated(3),
    Box(0.0),
    Box(-0.0),
    Customer.model_construct(name="a"),
]

#: Values whose fields would not build their equal: with attributes beyond them, or a constructor that changes them.
PICKLED: list[Any] = [
    with_attribute(Item("a")),
    labelled(1),
    with_attribute(Roomy("a")),
    Growing([5]),
    Taxed(1.0),
    NeedsMore(2, 3),
    Reduced(1),
    Registered(1),
    changed(Listed("a"), name="b"),
    changed(Customer(name="a"), name=5),
    Doubling(price=1),
    changed(Checked(price=1.0), price=-1.0),
]

#: Members of enums, each with the name under which it is stored.
MEMBERS: list[tuple[enum.Enum, str]] = [
    (Color.RED, "RED"),
    (Color.LIME, "GREEN"),
    (Level.HIGH, "HIGH"),
    (Size.SMALL, "SMALL"),
    (Access.READ, "READ"),
    (Access.ALL, "ALL"),
    (Access(0), "0"),
    (Bits(5), "LOW|4"),
    (Bits(0), "0"),
]

#: All of those classes.
CLASSES: list[type] = [
    *{type(value) for value in [*READABLE, *(member for member, _ in MEMBERS)]},
    Item,
]
