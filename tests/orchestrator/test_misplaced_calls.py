"""Calls from where they can only wait for themselves."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.shop import (
    WAIT,
    greet,
    total,
)
from yieldflow import (
    Flow,
    MisplacedCallError,
    Orchestrator,
    Registry,
    WorkflowHandle,
    now,
    workflow,
)

MISPLACED: dict[str, Callable[[Orchestrator, WorkflowHandle[Any]], object]] = {
    "submit": lambda orchestrator, handle: orchestrator.submit(total(1)),
    "submit_many": lambda orchestrator, handle: orchestrator.submit_many([]),
    "run": lambda orchestrator, handle: orchestrator.run(total(1)),
    "invoke_workflow": lambda orchestrator, handle: orchestrator.invoke_workflow("greet", name="Ada"),
    "result": lambda orchestrator, handle: handle.result(),
    "await": lambda orchestrator, handle: handle.__await__().send(None),
    "describe": lambda orchestrator, handle: handle.describe(),
    "history": lambda orchestrator, handle: handle.history(),
    "handle": lambda orchestrator, handle: orchestrator.handle(handle.id),
    "get_workflow_status": lambda orchestrator, handle: orchestrator.get_workflow_status(handle.id),
    "list_workflows": lambda orchestrator, handle: orchestrator.list_workflows(),
    "delete": lambda orchestrator, handle: orchestrator.delete(handle.id),
    "purge": lambda orchestrator, handle: orchestrator.purge(),
    "vacuum": lambda orchestrator, handle: orchestrator.vacuum(),
    "check_replay": lambda orchestrator, handle: orchestrator.check_replay(),
    "signal": lambda orchestrator, handle: handle.signal("news"),
    "cancel": lambda orchestrator, handle: handle.cancel(),
    "terminate": lambda orchestrator, handle: handle.terminate(),
    "suspend": lambda orchestrator, handle: handle.suspend(),
    "resume": lambda orchestrator, handle: handle.resume(),
    "retry": lambda orchestrator, handle: handle.retry(),
    "fork": lambda orchestrator, handle: handle.fork(0),
    "run_until_signalled": lambda orchestrator, handle: orchestrator.run_until_signalled(),
    "start": lambda orchestrator, handle: orchestrator.start(),
    "stop": lambda orchestrator, handle: orchestrator.stop(),
}


def test_every_call_is_tried() -> None:
    """The list of calls is complete: only `health` may be called anywhere."""
    public = {name for kind in (Orchestrator, WorkflowHandle) for name in vars(kind) if not name.startswith("_")}

    assert {*MISPLACED, "health", "id"} == {*public, "await"}


@pytest.mark.parametrize("call", MISPLACED)
def test_a_workflow_may_not_call_the_orchestrator(orchestrator: Orchestrator, registry: Registry, call: str) -> None:
    """Inside workflow code each call of the orchestrator raises at its line, says so, and the workflow may catch it."""
    misplaced = MISPLACED[call]
    registry.add(total)
    registry.add(greet)
    ended = orchestrator.submit(greet("Ada"))
    assert ended.result(WAIT) == "hello Ada from greet"

    @workflow(registry=registry)
    def meddle() -> Flow[tuple[str, list[str]]]:
        yield from now()
        try:
            misplaced(orchestrator, ended)
        except MisplacedCallError as error:
            return str(error), [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        return "nothing", ["was raised"]

    message, frames = orchestrator.submit(meddle()).result(WAIT)

    assert frames[:2] == ["meddle", "<lambda>"]
    named = {"invoke_workflow": "submit()", "run": "submit()", "await": "await"}.get(call, f"{call}()")
    assert message.startswith(f"{named} was called inside workflow 'meddle'")
    assert "Call it in an activity, and yield that" in message
    assert {entry["name"] for entry in orchestrator.list_workflows()} == {"greet", "meddle"}
