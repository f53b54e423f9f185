"""Classes that change under workflows: promises about values that were stored before."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest

from tests.support.modules import Define, define
from tests.support.shop import until
from yieldflow import Orchestrator

__all__ = ["define"]

Codec: TypeAlias = Literal["pickle", "json"]

PROGRAM = """
from dataclasses import dataclass, field
from uuid import uuid4
from yieldflow import Flow, Registry, activity, wait_signal, workflow

registry = Registry()

@dataclass
class Order:
    id: str{fields}

@activity(registry=registry)
def charge(order: Order) -> Order:
    return order

@workflow(registry=registry)
def buy(order: Order) -> Flow[object]:
    charged = yield from charge(order)
    yield from wait_signal("shipped")
    assert type(charged) is Order and charged == order and isinstance(order, Order)
    return charged

{more}
"""


def program(fields: str = "", more: str = "") -> str:
    return PROGRAM.format(fields=fields, more=more)


@pytest.fixture(params=["pickle", "json"])
def codec(request: pytest.FixtureRequest) -> Codec:
    """The codecs, which do the same with structured classes."""
    chosen: Codec = request.param
    return chosen


@pytest.fixture
def database(define: Define, tmp_path: Path, codec: Codec) -> Path:
    """A file in which a workflow waits that holds an order, as an argument and as an outcome."""
    shop, path = define(program(fields="\n    cents: int = 5")), tmp_path / "shop.db"
    with Orchestrator(path, registry=shop.registry, codec=codec) as orchestrator:
        handle = orchestrator.submit(shop.buy(shop.Order("o-1")), workflow_id="w-1")
        until(lambda: handle.describe().step)
    return path


def finished(path: Path, shop: Any, codec: Codec) -> object:
    """Run a program until the workflow has ended; what it returned."""
    with Orchestrator(path, registry=shop.registry, codec=codec) as orchestrator:
        handle = orchestrator.handle("w-1")
        handle.signal("shipped")
        return handle.result(timeout=10)


def test_a_field_with_a_default_is_added_in_flight(define: Define, database: Path, codec: Codec) -> None:
    """A workflow in flight goes on after its class was given a field with a default, and sees the default."""
    shop = define(program(fields="\n    cents: int = 5\n    note: str = 'none'"))

    assert finished(database, shop, codec) == shop.Order("o-1", 5, "none")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("", ["shop.Order has no field 'cents'", "stored is an instance with the fields id, cents", "now has id;"]),
        ("\n    cents: int = 5\n    key: str = field(default_factory=lambda: uuid4().hex)", ["new field 'key'"]),
    ],
    ids=["gone", "random default"],
)
def test_what_cannot_be_read_stalls_and_goes_on(
    define: Define, database: Path, codec: Codec, fields: str, told: list[str]
) -> None:
    """A workflow whose values do not fit its classes stalls, with workflow and field; put right, it goes on."""
    shop = define(program(fields=fields))
    report = Orchestrator(database, registry=shop.registry, codec=codec).check_replay()
    with Orchestrator(database, registry=shop.registry, codec=codec) as orchestrator:
        handle = orchestrator.handle("w-1")
        handle.signal("shipped")
        until(lambda: handle.describe().status == "stalled")
        reason = str(handle.describe().reason)

    assert [part for part in [*told, "the arguments of workflow 'buy'"] if part not in reason] == []
    assert told[0] in str(report)

    shop = define(program(fields="\n    cents: int = 5"))
    with Orchestrator(database, registry=shop.registry, codec=codec) as orchestrator:
        assert orchestrator.handle("w-1").result(timeout=10) == shop.Order("o-1", 5)


def test_a_class_that_moved_is_read_under_its_new_name(define: Define, database: Path, codec: Codec) -> None:
    """`Registry.renamed` lets a workflow in flight go on with the class that took the place of its own."""
    source = program(fields="\n    cents: int = 5", more="registry.renamed('shop:Order', Purchase)")
    shop = define(source.replace("Order", "Purchase").replace("'shop:Purchase'", "'shop:Order'"))

    assert finished(database, shop, codec) == shop.Purchase("o-1", 5)
