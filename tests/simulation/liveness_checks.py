"""Checks of time: nothing comes too early, nothing too late unless something went wrong, and nothing is forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Set

from tests.support.engine import CODEC
from yieldflow._core.history import Micros, Started, Step, StepKind, in_micros
from yieldflow.store import Checkpoint, RequestKind
from yieldflow.workers import Attempt

from .books import UNREGISTERED, Books, FlowNote, Status, StepNote
from .delivery_checks import PAUSED, child_of, orphaned_at
from .promises import Promise

#: The `wake_at` of a workflow that only a message wakes.
FOREVER: Micros = 2**63 - 1


def check_start(books: Books, flow: FlowNote, id: str, event: Started) -> None:
    """Check that a workflow starts when its submitter said, or at once."""
    starts_at = flow.row.starts_at
    if flow.run == 1:
        moment = 0 if starts_at is None else books.moment_of(id, 1, "start", starts_at)
        books.check_in_time(Promise.IN_TIME, flow, moment, id, "starts")
        books.check_on_time(flow, moment, id, "starts")


def check_length(books: Books, checkpoint: Checkpoint, step: Step) -> None:
    """Check that a sleep is as long as it was told, from the time of what led to it."""
    if step.name == "sleep":
        began_at, given = checkpoint.events[step.turn - checkpoint.place].at, CODEC.decode(step.input)
        assert isinstance(given, dict)
        right = step.due_at == began_at + in_micros(given["seconds"])
        books.check(Promise.PUNCTUAL, right, checkpoint.workflow_id, step, "begins at", began_at)


def check_sleep(books: Books, flow: FlowNote, id: str, number: int, note: StepNote) -> None:
    """Check that a sleep ends when its time is over."""
    moment = books.moment_of(id, flow.run, number, note.due_at)
    books.check_in_time(Promise.IN_TIME, flow, moment, id, "sleep", number, "ends")
    books.check_on_time(flow, max(moment, note.issued_at), id, "sleep", number, "ends")


def check_not_overtaken(books: Books, flow: FlowNote, id: str, moment: Micros, entered: Set[int]) -> None:
    """Check that a time limit or a sleep which ends leaves no outcome and no signal behind that came before it.

    Args:
        books: The books.
        flow: The workflow.
        id: Its id.
        moment: When it was due, as time passes.
        entered: The steps of which the same checkpoint enters an outcome otherwise.
    """
    if flow.uncertain:
        return
    for step, attempt in books.attempts.on_their_way(id, flow.run, moment).items():
        note = flow.steps.get(step)
        is_awaited = note is not None and not note.ended and note.attempt == attempt.number and step not in entered
        overtaken = is_awaited and not attempt.cancelled and id not in books.attempts.went_back
        books.check(Promise.OVERTAKEN, not overtaken, attempt, "ended before", id, "was out of time")
    if books.unreadable:
        return
    waiting = {note.name for note in flow.steps.values() if note.kind is StepKind.WAIT_SIGNAL and not note.ended}
    for request in [*books.left.elements(), *books.requests.values()]:
        if request.workflow_id == id and request.kind is RequestKind.SIGNAL and request.name in waiting:
            came_at = books.acknowledged_at.get(request.payload or "")
            overtaken = came_at is not None and came_at < moment and request.number not in books.handled
            books.check(Promise.OVERTAKEN, not overtaken, request, "came before", id, "was out of time")


def check_dispatched(books: Books, attempt: Attempt) -> None:
    """Check that an attempt is dispatched when due, unless max_concurrent holds it back."""
    flow = books.flows.get(attempt.workflow_id)
    note = flow.steps.get(attempt.step) if flow is not None and flow.run == attempt.key[1] else None
    if flow is None or note is None or attempt.cancelled or attempt.options.max_concurrent is not None:
        return
    rests = flow.status in PAUSED and flow.settled_in < books.turn
    books.check(Promise.PAUSED, not rests, attempt, "is handed over, and its workflow is", flow.status)
    moment = books.moment_of(*attempt.key, note.due_at) if note.due_at else 0
    books.check_on_time(flow, max(moment, note.issued_at), attempt, "is handed over")


def check_not_overdue(books: Books, flow: FlowNote, id: str) -> None:
    """Check that a workflow does not go on after it should have been asked to end."""
    due = ends_by(books, flow, id)
    if due is not None:
        books.check_on_time(flow, due, id, "goes on, and was to be asked to end")


def ends_by(books: Books, flow: FlowNote, id: str) -> Micros | None:
    """Return when a workflow must be asked to end, by its deadline or its parent; None if never or if it was."""
    deadline = flow.row.deadline_at
    if flow.cancelled or (deadline is None and flow.row.parent is None):
        return None
    moments = (
        None if deadline is None else books.moment_of(id, flow.run, "deadline", deadline),
        orphaned_at(books, flow),
    )
    return min((moment for moment in moments if moment is not None), default=None)


def check_wake_at(books: Books, id: str, flow: FlowNote, wake_at: Micros | None) -> None:
    """Check that the row of a workflow says a moment by which it is loaded in time, whatever process looks.

    Args:
        books: The books.
        id: The workflow.
        flow: Its note.
        wake_at: The moment in its row; None where it must be in memory.
    """
    if flow.status.ended:
        books.check(Promise.WAKES, wake_at == FOREVER, id, "has ended, and is due at", wake_at)
        return
    due_at = must_load_by(books, id, flow)
    books.check(Promise.WAKES, wake_at is None or wake_at <= due_at, id, "rests until", wake_at, "not", due_at)


def must_load_by(books: Books, id: str, flow: FlowNote) -> Micros:
    """Return the moment by which an unfinished workflow must be loaded without any message; 0 for at once."""
    if flow.status is Status.STALLED:
        return FOREVER
    if orphaned_at(books, flow) is not None and not flow.cancelled:
        return 0
    if flow.status is Status.SUSPENDED:
        return FOREVER
    if flow.row.started_at is None:
        return flow.row.starts_at or 0
    moments = [_due_at(books, id, flow, number, step) for number, step in flow.steps.items() if step.is_open]
    if flow.row.deadline_at is not None and not flow.cancelled:
        moments.append(flow.row.deadline_at)
    return min(moments, default=FOREVER)


def _due_at(books: Books, id: str, flow: FlowNote, number: int, step: StepNote) -> Micros:
    """Return the moment at which an open step needs its workflow in memory; `FOREVER` where it waits for a message."""
    if step.outcome is not None or step.kind is StepKind.TAKE_SIGNALS:
        return 0
    if step.kind is StepKind.WAIT_SIGNAL:
        is_there = any(one.received is None and one.name == step.name for one in flow.signals.values())
        return 0 if is_there else FOREVER
    if step.kind is StepKind.CHILD:
        child = child_of(books, id, flow.run, number)
        return 0 if child is None or child.status.ended or _must_be_cancelled(step, child) else FOREVER
    return step.due_at


def _must_be_cancelled(step: StepNote, child: FlowNote) -> bool:
    """Return whether a child is still to be asked to end, since its parent no longer waits for it."""
    parent = child.row.parent
    return (
        step.cancelling is not None and not child.cancelled and parent is not None and parent.on_parent_end == "cancel"
    )


def check_waits(books: Books, id: str, flow: FlowNote, registered: bool) -> None:
    """Check that a workflow waits only for clients, once nothing else is to come.

    Args:
        books: The books.
        id: The workflow.
        flow: Its note.
        registered: All code is registered.
    """
    forgotten: list[str] = []
    if flow.status is Status.PROCESSING:
        forgotten += _forgotten(books, id, flow)
        if flow.row.deadline_at is not None and not flow.cancelled:
            forgotten.append("its time")
    elif flow.status is Status.STALLED and registered and UNREGISTERED in (flow.reason or ""):
        forgotten.append("code that is there")
    if flow.status in (Status.PROCESSING, Status.SUSPENDED) and not flow.cancelled and orphaned_at(books, flow):
        forgotten.append("its parent's end")
    books.check(Promise.ENDS, not forgotten, id, "is forgotten", flow.status, forgotten)


def _forgotten(books: Books, id: str, flow: FlowNote) -> Iterator[str]:
    """Yield what a workflow waits for in vain."""
    if not flow.steps:
        yield "its start"
    signals = {signal.name for signal in flow.signals.values() if signal.received is None}
    for number, step in flow.steps.items():
        if step.ended:
            continue
        if step.kind in (StepKind.ACTIVITY, StepKind.SLEEP, StepKind.TAKE_SIGNALS):
            yield f"{step.kind} {number}"
        elif step.kind is StepKind.WAIT_SIGNAL and step.name in signals:
            yield f"signal {step.name}, which is there"
        elif step.kind is StepKind.CHILD:
            child = child_of(books, id, flow.run, number)
            if child is None or child.status.ended:
                yield f"child {number}, which has ended"
