"""New workflows are put on disk with their first turn: all of one submission, or none."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.context import WorkflowInfo
from .._core.errors import EncodingError, UnknownWorkflowError
from .._core.history import Started
from ..store import Submission, id_taken_error
from .applying import apply, stall
from .lifecycle import Phase, TrackedWorkflow
from .live import stall_reason
from .messages import Submit
from .residency import set_deadline
from .state import SchedulerState
from .turn import Change, Turn


def submit(state: SchedulerState, message: Submit, turn: Turn) -> None:
    """Create workflows, and drive those that start at once; while a recovery goes on, once they are on disk."""
    wanted = _first_taken(state, message.submissions, turn)
    if wanted is not None:
        first = turn.creating(wanted)
        if first is not None:
            first.rivals += ((message, wanted),)
        else:
            turn.replies.append((message.reply, id_taken_error(wanted)))
        return
    creation = turn.creation(message)
    started, recovering = Started(turn.now), not state.admission.over
    for new in message.submissions:
        change = Change(new.workflow_id, 1, new, turn.now)
        creation.changes.append(change)
        turn.created.add(new.workflow_id)
        if new.starts_at is not None and new.starts_at > turn.now:
            continue
        workflow = change.workflow = TrackedWorkflow(new.workflow_id)
        if not recovering and _begin(state, workflow, new, turn, change):
            apply(state, workflow, started, turn, change)


def _first_taken(state: SchedulerState, submissions: Sequence[Submission], turn: Turn) -> str | None:
    """Return the first id that is taken in memory; whether one is taken on disk, the insertion tells."""
    seen: set[str] = set()
    for new in submissions:
        id = new.workflow_id
        if id in seen or id in state.workflows or id in turn.created:
            return id
        seen.add(id)
    return None


def begin_committed(state: SchedulerState, new: Submission, turn: Turn) -> None:
    """Start a workflow that was put on disk and not driven yet."""
    workflow = state.workflows.get(new.workflow_id)
    if workflow is None or workflow.phase is not Phase.CREATED or workflow.live is not None:
        return
    if new.starts_at is not None and state.starts_later(workflow.id, new.starts_at):
        # The clock was set back since it was submitted.
        state.wakeups.note(workflow.id, new.starts_at)
        state.release(workflow)
        return
    change = turn.change(new.workflow_id, 1)
    if change.status is None and _begin(state, workflow, new, turn, change):
        assert workflow.live is not None
        set_deadline(state, workflow.live)
        apply(state, workflow, Started(turn.now), turn, change)


def _begin(state: SchedulerState, workflow: TrackedWorkflow, new: Submission, turn: Turn, change: Change) -> bool:
    """Build a new workflow; False where it stalls at once."""
    try:
        workflow.live = state.driver.begin(new)
    except (UnknownWorkflowError, EncodingError) as error:
        info = WorkflowInfo(new.workflow_id, new.name, 1)
        stall(state, workflow, info, stall_reason(error), turn, change)
        return False
    return True
