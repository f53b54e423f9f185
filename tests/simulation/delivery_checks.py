"""Checks of what reaches a workflow: requests, signals, the ends of children, and what its code sees.

A request is carried out once or refused; nothing ends or pauses without a cause. A signal is kept once, received once
and in order, and brings what it carries. A parent is given the ends of its children as they were.
"""

from __future__ import annotations

from typing import Any

from tests.support.engine import CODEC, SECOND
from yieldflow._core.history import (
    CancelRequested,
    Failure,
    Micros,
    Outcome,
    Signal,
    StepEnded,
    StepKind,
    WorkflowStatus,
    to_datetime,
)
from yieldflow.store import Checkpoint, Request, RequestKind

from .books import Books, ChildEnd, FlowNote, SignalNote, Status, StepNote
from .promises import Promise

#: The reason of a workflow that was terminated.
TERMINATED = "terminated"
#: The statuses in which no outcome is applied.
PAUSED = (Status.SUSPENDED, Status.STALLED)


def check_pause(books: Books, flow: FlowNote, checkpoint: Checkpoint) -> None:
    """A workflow that is suspended or stalled goes on only with a new status."""
    if flow.status not in PAUSED:
        return
    goes_on = bool(checkpoint.events or checkpoint.issued or checkpoint.children or checkpoint.received)
    allowed = checkpoint.status is not None
    books.check(Promise.PAUSED, allowed or not goes_on, checkpoint.workflow_id, "goes on, and is", flow.status)
    if goes_on:
        flow.since = books.passed()


# ---------------------------------------------------------------------- requests


def check_handled(books: Books, flow: FlowNote, checkpoint: Checkpoint, before: WorkflowStatus) -> None:
    """Check that requests found on disk are carried out, or refused by an ended or stalled workflow."""
    id = checkpoint.workflow_id
    for number in checkpoint.handled:
        books.check(Promise.REQUESTS, number not in books.handled, id, "request", number, "is carried out twice")
        books.handled.add(number)
        request = books.requests.get(number)
        if request is None or before.ended:
            continue
        # A stalled workflow that has gone back since refuses the requests made before.
        stalled = Status.STALLED in (before, flow.status) or flow.to_resume
        if request.kind is RequestKind.RESUME:
            flow.to_resume = False
        if stalled and request.kind in (RequestKind.CANCEL, RequestKind.SUSPEND):
            continue
        books.check(Promise.REQUESTS, is_done(books, flow, request), "request", request, "is ignored")


def check_done(books: Books, request: Request) -> None:
    """Check that a request is carried out as its caller is told so."""
    flow = books.flows.get(request.workflow_id)
    done = flow is not None and is_done(books, flow, request)
    books.check(Promise.REQUESTS, done, "request", request, "is said to be carried out, and is not")


def is_done(books: Books, flow: FlowNote, request: Request) -> bool:
    """Return whether a workflow is as a request wants it, or changed once more in the same turn."""
    if request.kind is RequestKind.SIGNAL:
        return books.kept[request.workflow_id, request.payload or ""] == 1
    if request.kind is RequestKind.CANCEL:
        # The run may have ended with that.
        before = flow.run - 1 if flow.applied == 0 else flow.run
        return flow.status.ended or flow.cancelled_in in (before, flow.run)
    if request.kind is RequestKind.TERMINATE:
        return flow.status is Status.CANCELLED
    pause = request.kind is RequestKind.SUSPEND
    changed = flow.settled_in == books.turn
    return changed or flow.status.ended or (flow.status is Status.SUSPENDED) is pause


def check_settled(books: Books) -> None:
    """Check at the end that every request was carried out or refused."""
    for number, request in books.requests.items():
        books.check(Promise.REQUESTS, number in books.handled, "request", request, "is not carried out")
    for request, count in books.left.items():
        books.check(Promise.REQUESTS, count <= 0, "request", request, "is never found")


# ---------------------------------------------------------------------- causes of an end


def check_cancel(books: Books, flow: FlowNote, id: str, event: CancelRequested) -> None:
    """Check that a cancellation has a cause: a client, a parent, or a deadline that has passed."""
    books.check(Promise.CANCELS, not flow.cancelled, id, "is asked to end once more")
    flow.cancelled_in = flow.run
    row = flow.row
    if event.timeout is None:
        books.check(Promise.CANCELS, _has_cause(books, flow, id, event.reason), id, "is cancelled:", event.reason)
        return
    deadline = row.deadline_at
    given = None if deadline is None else (deadline - (row.starts_at or row.created_at)) / SECOND
    books.check(Promise.DEADLINES, given == event.timeout, id, "had", given, "s, not", event.timeout)
    assert deadline is not None
    moment = books.moment_of(id, flow.run, "deadline", deadline)
    books.check_in_time(Promise.DEADLINES, flow, moment, id, "is out of time")
    books.check_on_time(flow, moment, id, "is out of time")


def check_end(books: Books, flow: FlowNote, checkpoint: Checkpoint) -> None:
    """Enter the end of a workflow; a cancelled one was asked to end, or had a cause to end at once."""
    books.over.add((checkpoint.workflow_id, flow.run))
    if flow.status is not Status.CANCELLED:
        return
    id, reason = checkpoint.workflow_id, checkpoint.reason
    # Only a workflow that has not begun or is terminated ends without a chance to clean up.
    at_once = reason == TERMINATED or flow.applied == 0
    caused = flow.cancelled or (at_once and _has_cause(books, flow, id, reason))
    books.check(Promise.CANCELS, caused, id, "ends as cancelled:", reason)
    if reason == TERMINATED:
        flow.terminated_at = books.passed()


def _has_cause(books: Books, flow: FlowNote, id: str, reason: str | None) -> bool:
    """Return whether a client or the end of the parent caused a cancellation."""
    called, parent = books.called.get(id, ()), flow.row.parent
    if (RequestKind.CANCEL, CODEC.encode(reason)) in called:
        return True
    if reason == TERMINATED:
        return (RequestKind.TERMINATE, None) in called
    # A workflow that has gone back may have been asked before that.
    if parent is None or (parent.on_parent_end != "cancel" and not flow.row.released):
        return False
    if reason == f"its parent {parent.workflow_id} was terminated":
        # The parent may have ended otherwise, and the next session finds a child that had gone back by itself.
        return any(id == parent.workflow_id and run >= parent.run for id, run in books.over)
    return reason == f"its parent {parent.workflow_id} no longer waits for it"


def keep_signal(books: Books, flow: FlowNote, id: str, signal: Signal) -> None:
    """Enter that a signal is on disk."""
    number = signal.number or max(flow.signals, default=0) + 1
    books.check(Promise.SIGNALS, number == max(flow.signals, default=number - 1) + 1, id, "signal", number)
    flow.signals[number] = SignalNote(signal.name, signal.payload)
    books.kept[id, signal.payload] += 1
    books.check(Promise.SIGNALS, books.kept[id, signal.payload] == 1, id, "keeps signal", signal.payload, "twice")


def receive_signals(books: Books, flow: FlowNote, checkpoint: Checkpoint) -> None:
    """Check that signals are received in order, each by a step that waited for it."""
    id = checkpoint.workflow_id
    for number, place in checkpoint.received:
        note = flow.signals[number]
        earlier = [one for other, one in flow.signals.items() if other < number and one.name == note.name]
        in_order = all(one.received is not None for one in earlier)
        books.check(Promise.RECEIVED, note.received is None and in_order, id, "receives signal", number)
        note.received = place
        books.check(Promise.RECEIVED, _is_received_by_step(flow, note), id, "no step receives signal", number)


def _is_received_by_step(flow: FlowNote, signal: SignalNote) -> bool:
    """Return whether a step waiting for that name received the signal, alone unless the step takes all."""
    place = signal.received
    step = next((step for step in flow.steps.values() if step.applied == place and step.name == signal.name), None)
    if step is None or step.kind not in (StepKind.WAIT_SIGNAL, StepKind.TAKE_SIGNALS):
        return False
    together = sum(other.received == place for other in flow.signals.values())
    return together == 1 or step.kind is StepKind.TAKE_SIGNALS


def check_brought(
    books: Books, flow: FlowNote, checkpoint: Checkpoint, step: StepNote, place: int, event: StepEnded
) -> None:
    """Check that the outcome of a step is the payload of its signals, and that a step taking all leaves none."""
    received = dict(checkpoint.received)
    payloads = [flow.signals[number].payload for number, at in checkpoint.received if at == place]
    if step.kind is StepKind.WAIT_SIGNAL:
        brought = payloads[0] if payloads else None
    else:
        brought = CODEC.encode([CODEC.decode(payload) for payload in payloads])
        fresh = {signal.payload for signal in checkpoint.signals}
        left = [
            one.payload
            for number, one in flow.signals.items()
            if one.name == step.name and one.received is None and received.get(number, place + 1) > place
        ]
        books.check(Promise.BROUGHT, fresh.issuperset(left), checkpoint.workflow_id, "does not take", left)
    books.check(
        Promise.BROUGHT, event.outcome == brought, checkpoint.workflow_id, "is given", event.outcome, "not", brought
    )


def note_child_end(books: Books, flow: FlowNote, id: str) -> None:
    """Enter the end of a child; nothing for a workflow without a parent."""
    parent = flow.row.parent
    if parent is not None:
        end = ChildEnd(id, flow.status, flow.outcome, flow.reason)
        books.ends.setdefault(parent[:3], []).append(end)


def check_child_outcome(books: Books, flow: FlowNote, id: str, note: StepNote, event: StepEnded) -> None:
    """Check that a parent is given the end of its child, or that another workflow has the child's id."""
    if note.outcome is not None:
        return
    key = id, flow.run, event.step
    ends = books.ends.get(key, ())
    fits = any(_is_told(end, event.outcome) for end in ends) or (
        child_of(books, *key) is None and _is_refusal(event.outcome)
    )
    books.check(Promise.CHILDREN, fits, id, "step", event.step, "is given", event.outcome, "and not one of", ends)


def child_of(books: Books, id: str, run: int, step: int) -> FlowNote | None:
    """Return the child that a step started."""
    found = (flow for flow in books.flows.values() if flow.row.parent and flow.row.parent[:3] == (id, run, step))
    return next(found, None)


def _is_refusal(outcome: Outcome) -> bool:
    return isinstance(outcome, Failure) and outcome.summary.startswith("WorkflowAlreadyExistsError: ")


def _is_told(end: ChildEnd, outcome: Outcome) -> bool:
    """Return whether an outcome matches the end of a child."""
    if end.status is not WorkflowStatus.CANCELLED:
        return end.outcome == outcome
    why = f": {end.reason}" if end.reason else ""
    expected = f"WorkflowCancelledError: child {end.id} was cancelled{why}"
    return isinstance(outcome, Failure) and outcome.summary == expected


def orphaned_at(books: Books, flow: FlowNote) -> Micros | None:
    """Return when the parent was terminated with which a workflow must end; None if it was not."""
    parent = flow.row.parent
    if parent is None or parent.on_parent_end != "cancel":
        return None
    above = books.flows.get(parent.workflow_id)
    return above.terminated_at if above is not None and above.run == parent.run else None


#: Part of the input of a step that stores what code saw.
SEEN = '"seen":['


def check_seen(books: Books, flow: FlowNote, checkpoint: Checkpoint) -> None:
    """Check what code saw in a turn: the time, that it is new, and the progress that it set right before."""
    id, last = checkpoint.workflow_id, None
    for step in checkpoint.issued:
        if not isinstance(step.input, str) or SEEN not in step.input or step.kind != "activity":
            continue
        given: Any = CODEC.decode(step.input)
        last, (moment, _, _, is_new) = CODEC.encode(given["number"]), given["seen"]
        led = checkpoint.events[: step.turn - checkpoint.place + 1]
        now = to_datetime(max([flow.now, *(event.at for event in led)])).isoformat()
        books.check(Promise.SEEN, moment == now, id, "step", step.number, "sees", moment, "not", now)
        books.check(Promise.SEEN, is_new is True, id, "step", step.number, "is not said to be new")
    if last is not None:
        books.check(Promise.SEEN, checkpoint.progress == last, id, "is at", last, "not", checkpoint.progress)
