"""Checks that rows fit together: each may be sound by itself, and yet one be lost or changed by hand."""

from __future__ import annotations

from ._core.errors import DamagedRowError
from ._core.history import Failure, History, Outcome, Started, StepEnded, StepKind, WorkflowStatus
from .store import Loaded


def damaged(what: str, why: str) -> DamagedRowError:
    """Make the error that tells what is wrong with rows, and what to do."""
    return DamagedRowError(
        f"{what} is damaged: {why}; put that right with an SQLite tool, or restore a backup of the file"
    )


def checked(loaded: Loaded) -> Loaded:
    """Return ``loaded`` if its steps and events fit together.

    Raises:
        DamagedRowError: They do not: rows of it were changed by hand, or lost.
    """
    why = malformed(loaded.history)
    if why is not None:
        raise damaged(f"the history of workflow {loaded.record.id!r}", why)
    return loaded


def end_of(workflow_id: str, status: WorkflowStatus, outcome: Outcome | None) -> Outcome:
    """Return the outcome of a workflow that returned or failed.

    Raises:
        DamagedRowError: The row has no outcome that fits its status: columns were changed by hand, or lost.
    """
    if outcome is None or isinstance(outcome, Failure) is (status is WorkflowStatus.DONE):
        raise damaged(f"the row of workflow {workflow_id!r}", f"it is {status}, and its outcome is lost")
    return outcome


def malformed(history: History) -> str | None:
    """Say what is wrong with the form of a history; None where nothing is. Replay tells whether it fits the code."""
    events, steps = history.events, history.steps
    if any(isinstance(event, Started) is not (place == 0) for place, event in enumerate(events)):
        return "the first event, and no other, is the start"
    turn = 0
    for number, step in enumerate(steps):
        if step.number != number:
            return f"step {step.number} stands where step {number} belongs"
        if not turn <= step.turn < len(events):
            return f"step {number} was issued at event {step.turn}, of {len(events)}, and the one before at {turn}"
        if step.kind is StepKind.SLEEP and step.due_at is None:
            return f"step {number} is a sleep without an end"
        turn = step.turn
    ended: set[int] = set()
    for place, event in enumerate(events):
        if isinstance(event, StepEnded):
            if event.step in ended or not 0 <= event.step < len(steps) or steps[event.step].turn >= place:
                return f"event {place} is the end of step {event.step}, which was not open then"
            ended.add(event.step)
    strange = history.dropped.difference(range(len(steps))) | (history.dropped & ended)
    return f"steps {sorted(strange)} were dropped, and were not open" if strange else None
