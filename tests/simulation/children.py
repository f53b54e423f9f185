"""What the ledger says of children: how they ended is what their parent is given, and some end with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from yieldflow._core.history import Failure, Micros, Outcome, StepEnded, WorkflowStatus

from .notes import FlowNote, StepNote
from .promises import Promise

if TYPE_CHECKING:
    from .ledger import Ledger


class ChildEnd(NamedTuple):
    """How a child ended."""

    id: str
    status: WorkflowStatus
    outcome: Outcome | None
    reason: str | None


def note_end(ledger: Ledger, flow: FlowNote, id: str) -> None:
    """A workflow has ended, which may be a child."""
    parent = flow.row.parent
    if parent is not None:
        end = ChildEnd(id, flow.status, flow.outcome, flow.reason)
        ledger.ends.setdefault(parent[:3], []).append(end)


def check_outcome(ledger: Ledger, flow: FlowNote, id: str, note: StepNote, event: StepEnded) -> None:
    """What a parent is given is how its child ended; or that there is none, since another workflow has its id."""
    if note.outcome is not None:
        return
    key = id, flow.run, event.step
    ends = ledger.ends.get(key, ())
    fits = any(_is_told(end, event.outcome) for end in ends) or (
        child_of(ledger, *key) is None and _is_refusal(event.outcome)
    )
    ledger.check(Promise.CHILDREN, fits, id, "step", event.step, "is given", event.outcome, "and not one of", ends)


def child_of(ledger: Ledger, id: str, run: int, step: int) -> FlowNote | None:
    """The child that a step started."""
    found = (flow for flow in ledger.flows.values() if flow.row.parent and flow.row.parent[:3] == (id, run, step))
    return next(found, None)


def _is_refusal(outcome: Outcome) -> bool:
    return isinstance(outcome, Failure) and outcome.summary.startswith("WorkflowAlreadyExistsError: ")


def _is_told(end: ChildEnd, outcome: Outcome) -> bool:
    """Whether an outcome says how a child ended."""
    if end.status is not WorkflowStatus.CANCELLED:
        return end.outcome == outcome
    why = f": {end.reason}" if end.reason else ""
    expected = f"WorkflowCancelledError: child {end.id} was cancelled{why}"
    return isinstance(outcome, Failure) and outcome.summary == expected


def orphaned_at(ledger: Ledger, flow: FlowNote) -> Micros | None:
    """When the parent was terminated with which a workflow is to end."""
    parent = flow.row.parent
    if parent is None or parent.on_parent_end != "cancel":
        return None
    above = ledger.flows.get(parent.workflow_id)
    return above.terminated_at if above is not None and above.run == parent.run else None
