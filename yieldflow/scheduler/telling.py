"""What a tracer is told of a commit."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.context import WorkflowInfo
from .._core.errors import StorageError
from .._core.history import Failure, WorkflowStatus
from ..store import Checkpoint
from ..tracing import Tracing
from ..workers import Completed
from .state import State
from .turn import Unit


def trace(state: State, tracing: Tracing, units: Sequence[Unit]) -> None:
    """Tell of the runs that began and ended, and of the attempts whose time ran out."""
    for change in (change for unit in units for change in unit.changes):
        for cause in change.causes:
            if isinstance(cause, Completed) and cause.timed_out:
                tracing.completed(cause)
        status = change.status
        has_ended = change.continued is not None or (status is not None and status.ended)
        if change.started_at is None and not has_ended:
            continue
        info = _info(state, change)
        if change.started_at is not None:
            tracing.started(info)
        if has_ended:
            tracing.ended(info, status or WorkflowStatus.PROCESSING, _error(change))


def _info(state: State, checkpoint: Checkpoint) -> WorkflowInfo:
    resident = state.residents.get(checkpoint.workflow_id)
    if resident is not None:
        return resident.info
    try:
        record = state.store.record(checkpoint.workflow_id)
    except StorageError:
        record = None
    if record is None:
        return WorkflowInfo(checkpoint.workflow_id, "unknown", checkpoint.run)
    return WorkflowInfo(record.id, record.name, record.run, record.parent and record.parent.workflow_id)


def _error(checkpoint: Checkpoint) -> str | None:
    if checkpoint.reason is not None or checkpoint.status is WorkflowStatus.CANCELLED:
        return checkpoint.reason
    return checkpoint.outcome.summary if isinstance(checkpoint.outcome, Failure) else None
