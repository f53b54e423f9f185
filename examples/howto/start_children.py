"""Let a workflow start others: children, each a workflow of its own with its own history.

A child's failure reaches its parent as its own exception. ``on_parent_end`` says what becomes of a child that still
runs when the parent ends.

More: `python -m yieldflow docs WorkflowInvocation.with_options`
"""

from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, WorkflowAlreadyExistsError, activity, gather, workflow


@activity
def pack(number: int) -> str:
    return f"packed {number}"


@workflow
def parcel(number: int) -> Flow[str]:
    return (yield from pack(number))


@workflow
def shipment(parcels: int) -> Flow[list[str]]:
    first = yield from parcel(0)  # a child
    rest = yield from gather(*(parcel(number) for number in range(1, parcels)))
    named = yield from parcel(99).with_options(workflow_id="parcel-99", on_parent_end="abandon", timeout=60)
    try:
        yield from parcel(99).with_options(workflow_id="parcel-99")
    except WorkflowAlreadyExistsError:
        return [first, *rest, named]
    raise AssertionError("the id is in use")


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/shop.db") as orchestrator:
    handle = orchestrator.submit(shipment(3))
    assert handle.result(timeout=30) == ["packed 0", "packed 1", "packed 2", "packed 99"]
    children = orchestrator.list_workflows(parent=handle.id)
    assert {child["name"] for child in children} == {"parcel"}
    assert "parcel-99" in {child["id"] for child in children}
