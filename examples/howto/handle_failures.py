"""Handle a failure: catch it in the workflow, or see it from outside.

A workflow gets the activity's own exception. That it caught it is remembered: a replay takes the same branch. What it
does not catch fails it.

`python -m yieldflow docs values` tells which exceptions arrive as `ActivityError`.
"""

import logging
from tempfile import TemporaryDirectory

from yieldflow import ActivityError, Flow, Orchestrator, activity, workflow


@activity
def charge(order: str, cents: int) -> str:
    if cents > 1000:
        raise ConnectionError("bank not reached")
    return f"receipt-{order}"


@activity
def leave() -> None:
    raise SystemExit(3)  # ends no process: it is a failed attempt like any other


@workflow
def order(order_id: str, cents: int) -> Flow[str]:
    try:
        return (yield from charge(order_id, cents))
    except ConnectionError as error:
        return f"failed: {error}"


@workflow
def careless(order_id: str) -> Flow[str]:
    try:
        yield from leave()
    except ActivityError as error:
        assert error.type_name == "builtins.SystemExit"
    return (yield from charge(order_id, 5000))  # what a workflow does not catch fails it


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/shop.db") as orchestrator:
    assert orchestrator.run(order("o-1", 500)) == "receipt-o-1"
    assert orchestrator.run(order("o-1", 5000)) == "failed: bank not reached"

    logging.getLogger("yieldflow").setLevel(logging.CRITICAL)  # each workflow that fails is a warning there
    handle = orchestrator.submit(careless("o-2"))
    try:
        handle.result(timeout=30)
    except ConnectionError:
        status = orchestrator.get_workflow_status(handle.id)
        assert status["error_message"] == "ConnectionError: bank not reached"
        assert "in charge" in status["error_traceback"]
    else:
        raise AssertionError("it was to fail")
