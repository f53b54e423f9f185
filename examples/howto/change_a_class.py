"""Change a class whose instances are stored in workflows under way.

A new field with a default has it. `Registry.renamed` tells which class took the place of one that was moved. What
cannot be read stalls its workflow, which goes on once the class is put right.

More: `python -m yieldflow docs classes`
"""

from dataclasses import dataclass
from decimal import Decimal
from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, Registry, wait_signal, workflow


@dataclass
class Order:  # the class of last week
    id: str
    total: Decimal


@dataclass
class Purchase:  # the class of today, which took its place
    id: str
    total: Decimal
    currency: str = "CHF"


old, new = Registry(), Registry()  # the program of last week, and that of today


@workflow("buy", registry=old)
def buy_last_week(order: Order) -> Flow[str]:
    yield from wait_signal("paid")
    return f"{order.id}: {order.total}"


@workflow("buy", registry=new)
def buy(order: Purchase) -> Flow[str]:
    yield from wait_signal("paid")
    return f"{order.id}: {order.total} {order.currency}"


new.renamed("change_a_class:Order", Purchase)  # this file's own name, also where it is the main one

with TemporaryDirectory() as folder:
    path = f"{folder}/shop.db"
    with Orchestrator(path, registry=old) as orchestrator:
        handle = orchestrator.submit(buy_last_week(Order("o-1", Decimal("12.50"))), workflow_id="o-1")
        stored = {"$object": "change_a_class:Order", "id": "o-1", "total": {"$decimal": "12.50"}}
        assert handle.describe().input == {"order": stored}

    with Orchestrator(path, registry=new) as orchestrator:
        assert orchestrator.check_replay().ok
        orchestrator.handle("o-1").signal("paid")
        assert orchestrator.handle("o-1").result(timeout=30) == "o-1: 12.50 CHF"
