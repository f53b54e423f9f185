"""What holds of a workflow's rows after every commit, in any store.

`yieldflow.sqlite.invariants` says it of a file, in queries that read all of it. This reads one workflow, so that it can
be asked after each of thousands of commits a second. The names are the same, and a test holds one against the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from yieldflow._core.history import SEED_LENGTH, Failure, History, StepEnded, StepKind, StepStatus, WorkflowStatus
from yieldflow.store import StepRecord, WorkflowRecord

#: A place and a length.
_FORKED = 8 + SEED_LENGTH

WORKFLOW_RULES: dict[str, Callable[[WorkflowRecord], bool]] = {
    "an end has its time": lambda row: row.status.ended == (row.finished_at is not None),
    "an end has its outcome": lambda row: (
        isinstance(row.outcome, Failure)
        if row.status in (WorkflowStatus.FAILED, WorkflowStatus.CANCELLED)
        else (row.outcome is not None) == (row.status is WorkflowStatus.DONE)
    ),
    "a stall has its reason": lambda row: row.status is not WorkflowStatus.STALLED or row.reason is not None,
    "seeds": lambda row: len(row.seed) >= SEED_LENGTH and (len(row.seed) - SEED_LENGTH) % _FORKED == 0,
}

STEP_RULES: dict[str, Callable[[StepRecord], bool]] = {
    "what was applied has ended": lambda step: (
        step.applied is None
        or (
            step.status in (StepStatus.DONE, StepStatus.FAILED)
            and step.finished_at is not None
            and step.applied > step.turn
        )
    ),
    "outcomes": lambda step: (
        isinstance(step.outcome, Failure)
        if step.status is StepStatus.FAILED
        else (step.outcome is not None) == (step.status is StepStatus.DONE)
    ),
    "what was dropped was cancelled": lambda step: (
        (step.dropped is not None) == (step.status is StepStatus.CANCELLED)
        and (step.dropped is None or (step.dropped >= step.turn and step.applied is None))
    ),
    "attempts": lambda step: (
        step.attempt == 1 or (step.attempt > 1 and step.kind is StepKind.ACTIVITY and step.due_at is not None)
    ),
    "sleeps have an end": lambda step: step.kind is not StepKind.SLEEP or step.due_at is not None,
}

#: Of a workflow, its steps, and its history.
RUN_RULES: dict[str, Callable[[WorkflowRecord, Sequence[StepRecord], History], bool]] = {
    "a run that began": lambda row, steps, history: row.started_at is not None or not steps,
    "steps without a gap": lambda row, steps, history: [step.step for step in steps] == list(range(len(steps))),
    "one event at each place": lambda row, steps, history: _are_at_their_places(steps, history),
    "nothing is open at the end": lambda row, steps, history: (
        not row.status.ended or all(step.status is not StepStatus.SCHEDULED for step in steps)
    ),
}

#: The invariants of which nothing is left to ask here, and why.
ELSEWHERE = {
    "known statuses": "a status is a member of its enum",
    "what was submitted is kept": "name and arguments are one value",
    "children have parents": "the ledger looks, which knows all workflows",
    "steps belong to the run": "a store is asked for those of the run",
    "signals belong to workflows": "a store is asked for those of a workflow",
    "signals are received by steps": "the ledger looks as they are received",
    "signals are received in order": "the ledger looks as they are received",
    "one signal for each wait": "the ledger looks as they are received",
}


def unsound(row: WorkflowRecord, steps: Sequence[StepRecord], history: History) -> list[str]:
    """The names of the invariants that do not hold of a workflow's rows."""
    found = [name for name, holds in WORKFLOW_RULES.items() if not holds(row)]
    found += [name for name, holds in STEP_RULES.items() if not all(map(holds, steps))]
    return found + [name for name, holds in RUN_RULES.items() if not holds(row, steps, history)]


def _are_at_their_places(steps: Sequence[StepRecord], history: History) -> bool:
    """The first event is the start; what is at none of the steps' places is a cancellation."""
    places = {step.applied: step.step for step in steps if step.applied is not None}
    for place, event in enumerate(history.events):
        if isinstance(event, StepEnded) and places.pop(place, None) != event.step:
            return False
    return not places
