"""Cancel, pause or end a workflow.

`cancel` throws `Cancelled` at the workflow's `yield`, so that it may clean up. `terminate` ends it at once.

More: `python -m yieldflow docs cancellation`
"""

import logging
from datetime import timedelta
from tempfile import TemporaryDirectory

from yieldflow import Cancelled, Flow, Orchestrator, WorkflowCancelledError, activity, sleep, workflow

refunded: list[str] = []


@activity
def refund(order: str) -> None:
    refunded.append(order)


@workflow
def careful(order_id: str) -> Flow[None]:
    try:
        yield from sleep(timedelta(days=30))
    except Cancelled:
        yield from refund(order_id)  # cleaning up may take steps
        raise


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/shop.db") as orchestrator:
    logging.getLogger("yieldflow").setLevel(logging.CRITICAL)  # each cancelled workflow is a line there

    handle = orchestrator.submit(careful("o-1"))
    handle.suspend()  # outcomes are recorded, and applied later
    assert handle.describe().status == "suspended"
    handle.resume()
    handle.cancel("the customer changed their mind")  # wakes a sleeper at once
    try:
        handle.result(timeout=30)
    except WorkflowCancelledError as error:
        assert "the customer changed their mind" in str(error)
    else:
        raise AssertionError("it was to be cancelled")
    assert refunded == ["o-1"]

    other = orchestrator.submit(careful("o-2"))
    other.terminate()
    assert other.describe().status == "cancelled"
    assert refunded == ["o-1"]  # no cleanup
