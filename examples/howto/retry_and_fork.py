"""Give a failed workflow another chance, or begin a copy of one: retry and fork.

`retry` goes on from the failed step, and keeps what succeeded. `fork` begins a new workflow from the middle of
another.

More: `python -m yieldflow docs WorkflowHandle.retry`
"""

import logging
from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, RetryRefusedError, activity, workflow

bank = {"open": False}
charged: list[str] = []


@activity
def charge(order: str) -> str:
    charged.append(order)
    return f"receipt-{order}"


@activity
def pay(order: str) -> str:
    if not bank["open"]:
        raise ConnectionError("closed")
    return "paid"


@workflow
def purchase(order_id: str) -> Flow[str]:
    receipt = yield from charge(order_id)
    paid = yield from pay(order_id)
    return f"{receipt}, {paid}"


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/shop.db") as orchestrator:
    logging.getLogger("yieldflow").setLevel(logging.CRITICAL)  # each workflow that fails is a warning there
    handle = orchestrator.submit(purchase("o-1"))
    try:
        handle.result(timeout=30)
    except ConnectionError:
        bank["open"] = True
    handle.retry()
    assert handle.result(timeout=30) == "receipt-o-1, paid"
    assert charged == ["o-1"]  # not charged again

    copy = handle.fork(1)  # a new workflow, as this one stood when step 1 was issued
    assert copy.result(timeout=30) == "receipt-o-1, paid"
    assert copy.id != handle.id
    try:
        handle.retry()
    except RetryRefusedError:
        pass  # it is done
    else:
        raise AssertionError("there was nothing to try again")
