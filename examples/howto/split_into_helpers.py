"""Split a workflow into helpers: plain generator functions, without a decorator.

A helper's steps are the workflow's, as if its lines stood there. `yield from helper(...)` and `yield helper(...)` do
the same; the first is typed.
"""

from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, activity, workflow


@activity
def charge(order: str, cents: int) -> str:
    return f"{order}: {cents}"


def charge_twice(order_id: str) -> Flow[list[str]]:
    first = yield from charge(order_id, 100)
    second = yield from charge(order_id, 200)
    return [first, second]


@workflow
def two_charges(order_id: str) -> Flow[list[str]]:
    receipts = yield from charge_twice(order_id)  # list[str] to a type checker
    same = yield charge_twice(order_id)  # Any to a type checker
    assert same == receipts
    return receipts


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/shop.db") as orchestrator:
    handle = orchestrator.submit(two_charges("o-1"))
    assert handle.result(timeout=30) == ["o-1: 100", "o-1: 200"]
    assert [step.name for step in handle.history()] == ["charge"] * 4
