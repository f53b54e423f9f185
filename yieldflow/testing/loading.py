"""A stepped workflow as it would be loaded from disk, and one that goes on from what was loaded."""

from __future__ import annotations

from typing import Any

from .._core.context import WorkflowInfo
from .._core.definitions import Workflow
from .._core.history import CancelRequested, WorkflowStatus
from ..orchestrator.descriptions import describe_step
from ..orchestrator.history_json import bare_record
from ..orchestrator.workflow_history import WorkflowHistory, step_records
from ..store import Loaded, OpenAttempt
from .past import Attempt, Past
from .run import Run


def loaded(run: Run) -> Loaded:
    """What a store would load of a stepped workflow."""
    past, end = run.past, run.execution.end
    began = past.events[0].at if past.events else run.family.now
    record = bare_record(
        past.info.workflow_id, past.info.name, past.info.run, past.seed, past.input, run.status,
        past.definition.version, began, run.family.now, len(past.events), None if end is None else end.outcome,
    )  # fmt: skip
    attempts = {
        step: OpenAttempt(attempt.number, attempt.due_at, None, attempt.due_at, attempt.counted_from)
        for step, attempt in past.attempts.items()
        if attempt.number > 1
    }
    return Loaded(record, past.history, tuple(past.recorded), tuple(past.signals), past.last_signal, attempts)


def history_of(run: Run) -> WorkflowHistory:
    """The history of a stepped workflow."""
    there = loaded(run)
    failures = {one.step: one.failure for one in run.past.failed}
    return WorkflowHistory([describe_step(record) for record in step_records(there, failures)], there)


def past_of(definition: Workflow[..., Any], there: Loaded) -> Past:
    """What a stepped workflow goes on from, out of what was loaded."""
    record, history = there.record, there.history
    info = WorkflowInfo(record.id, definition.name, record.run, record.parent and record.parent.workflow_id)
    past = Past(definition, info, record.input, record.seed)
    past.events, past.steps = list(history.events), list(history.steps)
    past.patches = set(history.patches)
    # With which event each was dropped is not recorded: whoever replays the events sees it.
    past.dropped = dict.fromkeys(history.dropped, 0)
    past.recorded, past.signals, past.last_signal = list(there.recorded), list(there.signals), there.last_signal
    past.receives = True
    last = past.events[-1].at if past.events else 0
    for step, attempt in there.attempts.items():
        due_at = attempt.due_at or last
        past.attempts[step] = Attempt(attempt.number, due_at, due_at <= last, attempt.counted_from or last)
    past.suspended = record.status is WorkflowStatus.SUSPENDED
    past.progress = record.progress
    past.cancelled = next((event for event in past.events if isinstance(event, CancelRequested)), None)
    past.deadline_at = record.deadline_at
    if record.deadline_at is not None:
        past.timeout = (record.deadline_at - (record.starts_at or record.created_at)) / 1e6
    return past
