"""Make a test of a real run: save its history, and replay it under the code of the day.

The history is JSON that a person can read. What `replay` returns is a stepper that can go on from there; where the
code does something else than the history, it raises `ReplayMismatchError`.

More: `python -m yieldflow docs replay`
"""

from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, Registry, ReplayMismatchError, activity, workflow
from yieldflow.testing import WorkflowHistory, replay


@activity
def charge(order: str, cents: int) -> str:
    return f"{order}: {cents}"


@workflow
def order(order_id: str) -> Flow[str]:
    return (yield from charge(order_id, 100))


@workflow("order", registry=Registry())  # as it was changed since
def dearer_order(order_id: str) -> Flow[str]:
    return (yield from charge(order_id, 200))


with TemporaryDirectory() as folder:
    with Orchestrator(f"{folder}/shop.db") as orchestrator:
        handle = orchestrator.submit(order("o-1"))
        handle.result(timeout=30)
        handle.history().save(f"{folder}/o-1.json")

    history = WorkflowHistory.load(f"{folder}/o-1.json")

assert replay(order, history).result == "o-1: 100"
try:
    replay(dearer_order, history)
except ReplayMismatchError as error:
    assert (error.step, "cents=100" in error.recorded, "cents=200" in error.yielded) == (0, True, True)
else:
    raise AssertionError("it does something else")
