"""What the ledger says of what is asked of workflows: it is carried out once, or refused, and nothing ends or pauses
without being asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.engine import CODEC, SECOND
from yieldflow._core.history import CancelRequested, WorkflowStatus
from yieldflow.store import Checkpoint, Request, RequestKind

from .notes import FlowNote
from .promises import Promise

if TYPE_CHECKING:
    from .ledger import Ledger

Status = WorkflowStatus

#: The reason of a workflow that was terminated.
TERMINATED = "terminated"
#: The statuses in which nothing is applied.
PAUSED = (Status.SUSPENDED, Status.STALLED)


def check_pause(ledger: Ledger, flow: FlowNote, checkpoint: Checkpoint) -> None:
    """A workflow that is suspended or stalled goes on only with a new status."""
    if flow.status not in PAUSED:
        return
    goes_on = bool(checkpoint.events or checkpoint.issued or checkpoint.children or checkpoint.received)
    allowed = checkpoint.status is not None
    ledger.check(Promise.PAUSED, allowed or not goes_on, checkpoint.workflow_id, "goes on, and is", flow.status)
    if goes_on:
        flow.since = checkpoint.at


# ---------------------------------------------------------------------- what is carried out


def handle(ledger: Ledger, flow: FlowNote, checkpoint: Checkpoint, before: WorkflowStatus) -> None:
    """What clients left on disk is carried out, or refused since the workflow has ended or is stalled."""
    id = checkpoint.workflow_id
    for number in checkpoint.handled:
        ledger.check(Promise.REQUESTS, number not in ledger.handled, id, "request", number, "is carried out twice")
        ledger.handled.add(number)
        request = ledger.requests.get(number)
        if request is None or before.ended:
            continue
        # Of one that was stalled and has gone back since, what was asked before is refused.
        stalled = Status.STALLED in (before, flow.status) or flow.to_resume
        if request.kind is RequestKind.RESUME:
            flow.to_resume = False
        if stalled and request.kind in (RequestKind.CANCEL, RequestKind.SUSPEND):
            continue
        ledger.check(Promise.REQUESTS, is_done(ledger, flow, request), "request", request, "is ignored")


def check_done(ledger: Ledger, request: Request) -> None:
    """What a caller is told to be done is done."""
    flow = ledger.flows.get(request.workflow_id)
    done = flow is not None and is_done(ledger, flow, request)
    ledger.check(Promise.REQUESTS, done, "request", request, "is said to be carried out, and is not")


def is_done(ledger: Ledger, flow: FlowNote, request: Request) -> bool:
    """Whether a workflow has what a request brings, or is as it wants it, or became something else in the same turn."""
    if request.kind is RequestKind.SIGNAL:
        return ledger.kept[request.workflow_id, request.payload or ""] == 1
    if request.kind is RequestKind.CANCEL:
        # The run may have been over with that.
        before = flow.run - 1 if flow.applied == 0 else flow.run
        return flow.status.ended or flow.cancelled_in in (before, flow.run)
    if request.kind is RequestKind.TERMINATE:
        return flow.status is Status.CANCELLED
    pause = request.kind is RequestKind.SUSPEND
    changed = flow.settled_in == ledger.turn
    return changed or flow.status.ended or (flow.status is Status.SUSPENDED) is pause


# ---------------------------------------------------------------------- why something ends


def check_cancel(ledger: Ledger, flow: FlowNote, id: str, event: CancelRequested) -> None:
    """A workflow is asked to end: by somebody, or since its time has run out."""
    ledger.check(Promise.CANCELS, not flow.cancelled, id, "is asked to end once more")
    flow.cancelled_in = flow.run
    row = flow.row
    if event.timeout is None:
        ledger.check(Promise.CANCELS, _has_cause(ledger, flow, id, event.reason), id, "is cancelled:", event.reason)
        return
    deadline = row.deadline_at
    given = None if deadline is None else (deadline - (row.starts_at or row.created_at)) / SECOND
    ledger.check(Promise.DEADLINES, given == event.timeout, id, "had", given, "s, not", event.timeout)
    assert deadline is not None
    ledger.check(Promise.DEADLINES, event.at >= deadline, id, "is out of time at", event.at, "not", deadline)
    ledger.check_on_time(flow, event.at, deadline, id, "is out of time")


def check_end(ledger: Ledger, flow: FlowNote, checkpoint: Checkpoint) -> None:
    """A workflow has ended: what was cancelled had been asked to end, or had a cause to end at once."""
    ledger.over.add((checkpoint.workflow_id, flow.run))
    if flow.status is not Status.CANCELLED:
        return
    id, reason = checkpoint.workflow_id, checkpoint.reason
    # Only what has not begun, or is terminated, ends without a chance to clean up.
    at_once = reason == TERMINATED or flow.applied == 0
    caused = flow.cancelled or (at_once and _has_cause(ledger, flow, id, reason))
    ledger.check(Promise.CANCELS, caused, id, "ends as cancelled:", reason)
    if reason == TERMINATED:
        flow.terminated_at = checkpoint.at


def _has_cause(ledger: Ledger, flow: FlowNote, id: str, reason: str | None) -> bool:
    """Whether a client called for it, or a parent whose child ends with it."""
    called, parent = ledger.called.get(id, ()), flow.row.parent
    if (RequestKind.CANCEL, CODEC.encode(reason)) in called:
        return True
    if reason == TERMINATED:
        return (RequestKind.TERMINATE, None) in called
    # One that has gone back meanwhile may have been asked before that.
    if parent is None or (parent.on_parent_end != "cancel" and not flow.row.released):
        return False
    if reason == f"its parent {parent.workflow_id} was terminated":
        # Or it ended otherwise, and the next session finds a child that had gone back by itself.
        return any(id == parent.workflow_id and run >= parent.run for id, run in ledger.over)
    return reason == f"its parent {parent.workflow_id} no longer waits for it"
