"""What the ledger says of time: nothing comes too early; and, where nothing goes wrong, nothing too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yieldflow._core.history import Micros, Started, StepEnded
from yieldflow.workers import Attempt

from .asking import PAUSED
from .children import orphaned_at
from .notes import FlowNote, StepNote
from .promises import Promise

if TYPE_CHECKING:
    from .ledger import Ledger


def check_start(ledger: Ledger, flow: FlowNote, id: str, event: Started) -> None:
    """A workflow starts when its submitter said, and else at once."""
    starts_at = flow.row.starts_at or 0
    if flow.run == 1:
        ledger.check(Promise.IN_TIME, event.at >= starts_at, id, "starts at", event.at, "not", starts_at)
        ledger.check_on_time(flow, event.at, starts_at, id, "starts")


def check_sleep(ledger: Ledger, flow: FlowNote, id: str, note: StepNote, event: StepEnded) -> None:
    """A sleep ends when it is over."""
    ledger.check(Promise.IN_TIME, event.at >= note.due_at, id, "sleep", event.step, "ends at", event.at)
    ledger.check_on_time(flow, event.at, max(note.due_at, note.scheduled_at), id, "sleep", event.step, "ends")


def check_handed_over(ledger: Ledger, attempt: Attempt) -> None:
    """An attempt is handed to the workers when it is due, unless it waits in line for others of its name."""
    flow = ledger.flows.get(attempt.workflow_id)
    note = flow.steps.get(attempt.step) if flow is not None and flow.run == attempt.key[1] else None
    if flow is None or note is None or attempt.cancelled or attempt.options.max_concurrent is not None:
        return
    rests = flow.status in PAUSED and flow.settled_in < ledger.turn
    ledger.check(Promise.PAUSED, not rests, attempt, "is handed over, and its workflow is", flow.status)
    ledger.check_on_time(flow, ledger.wall(), max(note.due_at, note.scheduled_at), attempt, "is handed over")


def check_not_overdue(ledger: Ledger, flow: FlowNote, id: str, at: Micros) -> None:
    """Nothing more happens in a workflow that should have been asked to end before."""
    due = ends_by(ledger, flow)
    if due is not None:
        ledger.check_on_time(flow, at, due, id, "goes on, and was to be asked to end")


def ends_by(ledger: Ledger, flow: FlowNote) -> Micros | None:
    """When a workflow that was not asked to end is to be: its time is over then, or its parent was terminated."""
    if flow.cancelled or (flow.row.deadline_at is None and flow.row.parent is None):
        return None
    moments = flow.row.deadline_at, orphaned_at(ledger, flow)
    return min((moment for moment in moments if moment is not None), default=None)
