"""Send a message to a workflow, and show how far it is: signals and progress.

A signal may come from anywhere, another process or an activity, and at any time, also before the workflow waits for
it or while it does not run.

More: `python -m yieldflow docs WorkflowHandle.signal`
"""

from datetime import timedelta
from tempfile import TemporaryDirectory

from yieldflow import (
    Flow,
    Orchestrator,
    WorkflowEndedError,
    set_progress,
    take_signals,
    wait_for,
    wait_signal,
    workflow,
)


@workflow
def approval(document: str) -> Flow[str]:
    yield from set_progress(f"{document} waits for approval")  # shows in the status
    answer = yield from wait_for(wait_signal("approve"), timeout=timedelta(days=3))  # else a WaitTimeoutError
    notes = yield from take_signals("note")  # what is there, without waiting
    return f"approved by {answer['by']} with {len(notes)} notes"


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/office.db") as orchestrator:
    # Start and signal in one commit; a workflow that has this id already would be sent the signal.
    handle = orchestrator.submit(approval("contract"), workflow_id="contract", signal=("note", "read page 3"))
    handle.signal("note", "and page 4")

    waits = {(step.kind, step.name) for step in handle.describe().waiting_for}  # also .source and .since
    assert waits == {("wait_signal", "approve"), ("sleep", "sleep")}
    assert handle.describe().progress == "contract waits for approval"

    handle.signal("approve", {"by": "ann"})
    assert handle.result(timeout=30) == "approved by ann with 2 notes"
    try:
        handle.signal("note", "too late")
    except WorkflowEndedError:
        pass
    else:
        raise AssertionError("it has ended")
