"""Two stored values are compared, whichever version wrote them."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from tests.support.values import BOTH, Array, Handle, Order
from yieldflow import EncodingError, Registry
from yieldflow._core.history import Codec
from yieldflow.codec import JsonCodec, PickleCodec, codec_named


class Point(NamedTuple):
    x: int
    y: object


@dataclass
class Moved:
    """The class that took the place of another."""

    number: int
    handle: object = None
    #: A field that instances of before do not have.
    added: list[int] = field(default_factory=list)


def same(codec: Codec, recorded: str | bytes, new: object, **defaults: object) -> bool:
    return codec.same(recorded, codec.encode(new), defaults)


VALUES: list[object] = [
    {"order": "o-1", "cents": 500},
    {"total": Decimal("12.50"), "at": datetime(2026, 11, 1, tzinfo=UTC)},
    {"rows": [(1, 2), {3, 4}, {5: "five"}, b"x", float("nan")]},
    {"order": Order(1, [Order(2)]), "point": Point(1, Decimal(2))},
]


@BOTH
@pytest.mark.parametrize("value", VALUES, ids=lambda value: next(iter(value)))
def test_a_value_is_the_same_as_itself(codec: Codec, value: dict[str, object]) -> None:
    """What is encoded twice is the same, and is not once a part of it is another."""
    if isinstance(codec, JsonCodec):
        registry = Registry()
        registry.types(Order, Point)
        codec = codec_named("json", registry)

    assert same(codec, codec.encode(value), value)
    assert same(codec, codec.encode(value), dict(reversed(value.items())))
    assert not same(codec, codec.encode(value), {**value, next(iter(value)): "another"})


@pytest.mark.parametrize("value", [*VALUES, {"handle": Handle(1)}, {"array": Array(1)}])
def test_a_pickle_of_an_older_version_is_the_same_as_todays_text(value: dict[str, Any]) -> None:
    """Workflows that were recorded by an older version go on: what it pickled whole is compared with today's text."""
    assert same(PickleCodec(), pickle.dumps(value), value)
    assert not same(PickleCodec(), pickle.dumps(value), {**value, "more": 1})


@pytest.mark.parametrize("kind", [Handle, Array])
def test_an_older_pickle_that_differs_is_seen(kind: Any) -> None:
    """An object without an equality that differs from what an older version pickled is another value."""
    assert not same(PickleCodec(), pickle.dumps({"part": [kind(1)]}), {"part": [kind(2)]})


def test_a_class_that_moved_is_the_same() -> None:
    """Arguments that were recorded of a class's former name, without a field that it has now, are those of today."""
    registry = Registry()
    registry.renamed(f"{Order.__module__}:Order", Moved)
    recorded = PickleCodec().encode({"order": Order(1)})

    assert same(codec_named("pickle", registry), recorded, {"order": Moved(1)})
    assert not same(codec_named("pickle", registry), recorded, {"order": Moved(1, added=[2])})


def test_defaults_stand_for_what_is_left_out() -> None:
    """An argument that either side leaves out has its default, which need not be one that can be stored."""
    codec = PickleCodec()
    nobody = object()

    assert same(codec, codec.encode({"order": 1}), {"order": 1, "unit": "mm"}, unit="mm", lock=nobody)
    assert same(codec, codec.encode({"order": 1, "unit": "mm"}), {"order": 1}, unit="mm", client=lambda: None)
    assert not same(codec, codec.encode({"order": 1}), {"order": 1, "unit": "m"}, unit="mm", lock=nobody)


def test_what_cannot_be_read_is_an_error() -> None:
    """Nothing is told of a value that cannot be read back."""
    with pytest.raises(EncodingError):
        same(PickleCodec(), b"cno_such_module\nThing\n.", {})
