"""Starting by name, and looking: statuses and listings."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.support.shop import (
    WAIT,
    Gate,
    total,
)
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    UnknownWorkflowError,
    WorkflowNotFoundError,
    activity,
    gather,
    workflow,
)


def test_invoke_workflow_by_name(store: Orchestrator) -> None:
    """`invoke_workflow` takes a name and keyword arguments, and returns the id of a workflow that runs."""
    workflow_id = store.invoke_workflow("total", start=5, count=2)

    assert store.handle(workflow_id).result(WAIT) == 6


def test_invoke_workflow_with_a_parameter_called_name(store: Orchestrator) -> None:
    """A workflow's parameter may be called `name`."""
    workflow_id = store.invoke_workflow("greet", name="Ada")

    assert store.handle(workflow_id).result(WAIT) == "hello Ada from greet"


def test_an_unknown_name_is_told_with_the_nearest(store: Orchestrator) -> None:
    """A name that nobody registered is refused with the nearest one and all that there are; nothing is written."""
    with pytest.raises(UnknownWorkflowError, match=r"'totel'.*Did you mean 'total'\?.*'greet', 'nap', 'total'"):
        store.invoke_workflow("totel", start=1)

    assert store.list_workflows() == []


@pytest.mark.parametrize("arguments", [{}, {"start": 1, "begin": 2}, {"count": 1}])
def test_wrong_arguments_of_a_workflow(store: Orchestrator, arguments: dict[str, int]) -> None:
    """Arguments that do not fit the workflow are a `TypeError` that shows its signature; nothing is written."""
    with pytest.raises(TypeError, match=r"workflow total\(start: int, count: int = 3\)"):
        store.invoke_workflow("total", **arguments)

    assert store.list_workflows() == []


def test_the_status_of_a_workflow_that_is_done(store: Orchestrator) -> None:
    """`get_workflow_status` has the promised keys, and its times are ISO 8601 in UTC."""
    handle = store.submit(total(1))
    handle.result(WAIT)

    status = store.get_workflow_status(handle.id)

    assert {key: status[key] for key in ("id", "name", "status", "current_activity", "error_message", "output")} == {
        "id": handle.id,
        "name": "total",
        "status": "done",
        "current_activity": None,
        "error_message": None,
        "output": 4,
    }
    assert (type(status["status"]), status["input"], status["step"]) == (str, {"start": 1}, 3)
    times = [datetime.fromisoformat(status[key]) for key in ("created_at", "started_at", "finished_at", "updated_at")]
    assert [moment.utcoffset() for moment in times] == [timedelta(0)] * 4
    assert times == sorted(times)


def test_the_current_activity(orchestrator: Orchestrator, registry: Registry, gate: Gate) -> None:
    """While an activity runs, the status names it; of several, the first."""

    @activity(registry=registry)
    def prepare() -> None: ...

    @activity(registry=registry)
    def hold(number: int) -> None:
        gate.pass_through()

    @activity(registry=registry)
    def later() -> None: ...

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield prepare()
        yield gather(hold(1), later(), hold(2))

    handle = orchestrator.submit(job())
    gate.await_entry()
    gate.await_entry()
    while_held = orchestrator.get_workflow_status(handle.id)
    gate.open()
    handle.result(WAIT)

    assert (while_held["status"], while_held["current_activity"], while_held["output"]) == ("processing", "hold", None)
    assert orchestrator.get_workflow_status(handle.id)["current_activity"] is None


def test_the_status_of_a_workflow_that_failed(orchestrator: Orchestrator, registry: Registry) -> None:
    """`error_message` holds type and message, and the traceback with the user's line is kept too."""

    @activity(registry=registry)
    def find(order: str) -> None:
        raise LookupError(f"no order {order}")

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield find("o-1")

    handle = orchestrator.submit(job())
    with pytest.raises(LookupError):
        handle.result(WAIT)
    status = orchestrator.get_workflow_status(handle.id)

    assert (status["status"], status["error_message"]) == ("failed", "LookupError: no order o-1")
    assert 'raise LookupError(f"no order {order}")' in status["error_traceback"]
    assert 'yield find("o-1")' in status["error_traceback"]


def test_an_unknown_id(store: Orchestrator) -> None:
    """An id that is not in the file is a `WorkflowNotFoundError` that names it."""
    with pytest.raises(WorkflowNotFoundError, match="'nobody'"):
        store.get_workflow_status("nobody")
    with pytest.raises(WorkflowNotFoundError, match="'nobody'"):
        store.handle("nobody")
