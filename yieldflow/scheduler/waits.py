"""The end of a wait of a workflow in memory: for a moment, for its next attempt, or for the end of its own time."""

from __future__ import annotations

from .._core.definitions import ActivityInvocation
from .._core.history import CancelRequested, StepEnded, WorkflowStatus
from .applying import apply, apply_cancel
from .attempts import begin_attempt
from .lifecycle import TrackedWorkflow
from .live import LiveWorkflow
from .state import SchedulerState
from .timers import DEADLINE, Timer
from .turn import Turn


def wait_is_over(state: SchedulerState, workflow: TrackedWorkflow, timer: Timer, turn: Turn) -> None:
    """Let come what a workflow waited for, where it still does."""
    live = workflow.live
    if live is None or live.info.run != timer.run or live.status is not WorkflowStatus.PROCESSING:
        return
    if timer.step == DEADLINE:
        _end_in_time(state, workflow, live, timer, turn)
    else:
        _end_step(state, workflow, live, timer, turn)


def _end_step(state: SchedulerState, workflow: TrackedWorkflow, live: LiveWorkflow, timer: Timer, turn: Turn) -> None:
    """Let a sleep end, or the next attempt at an activity begin."""
    workflow_id, step = timer.workflow_id, timer.step
    leaf = live.execution.open.get(step)
    if leaf is not None and isinstance(leaf.command, ActivityInvocation):
        if turn.resumes(workflow_id):
            # Nothing begins before it is on disk that the workflow goes on.
            state.timers.set(timer)
        elif state.dispatching and not leaf.cancelled:
            # One that is cancelled is ended once that is on disk.
            begin_attempt(state, workflow, live, leaf, turn)
    elif leaf is not None and timer.is_point and turn.now < timer.due_at:
        # The clock was set back since.
        state.timers.set(timer)
    elif leaf is not None and leaf.step.due_at == timer.due_at:
        event = StepEnded(step, state.nothing, turn.now)
        apply(state, workflow, event, turn, turn.change(workflow_id, timer.run))


def _end_in_time(
    state: SchedulerState, workflow: TrackedWorkflow, live: LiveWorkflow, timer: Timer, turn: Turn
) -> None:
    """Have a workflow end whose time is over."""
    # The time that it was given may have been another when the timer was set.
    in_force = live.deadline_at == timer.due_at
    if in_force and live.cancelled is None and not live.execution.over:
        out_of_time = CancelRequested(turn.now, None, live.timeout)
        apply_cancel(state, workflow, out_of_time, turn, turn.change(workflow.id, timer.run))
