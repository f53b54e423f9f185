"""Workflows that wait long leave memory, where dropping their generators runs nobody's code.

A generator suspended inside a ``try`` or ``with`` would run its ``finally`` when it is dropped, so such a workflow
stays. One that has left is built again, by replay, when what it waits for comes up.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

from .._core.history import Micros, Step, StepKind, WorkflowStatus
from .live import LiveWorkflow
from .state import State

#: For how long nothing has happened in a workflow, and nothing is due, before it may leave.
IDLE: Micros = 60_000_000
#: How often all are looked through, and how many at most in one turn.
ROUND: Micros = 10_000_000
LOOKS = 1_000


class Eviction:
    """Looks through the workflows in memory, a few in each turn."""

    def __init__(self) -> None:
        self._next_round: Micros = 0
        #: Those still to be looked at in this round: their ids, so that what ends meanwhile is gone at once.
        self._ahead: Iterator[str] = iter(())

    def sweep(self, state: State, now: Micros) -> None:
        """Let some of those go that may leave."""
        if now < self._next_round:
            return
        for looks, workflow_id in enumerate(self._ahead):
            resident = state.residents.get(workflow_id)
            if resident is not None and _may_leave(state, resident, now):
                _let_go(state, resident)
            if looks == LOOKS:
                return
        self._ahead = iter(list(state.residents))
        self._next_round = now + ROUND


def _may_leave(state: State, resident: LiveWorkflow, now: Micros) -> bool:
    workflow_id, execution = resident.info.workflow_id, resident.execution
    return (
        now - resident.touched >= IDLE
        and not execution.over
        and not state.probation.on_trial(workflow_id)
        and all(_is_patient(state, resident, leaf.step, now) for leaf in execution.open.values())
        and execution.closes_silently(gc.get_referents)
    )


def _is_patient(state: State, resident: LiveWorkflow, step: Step, now: Micros) -> bool:
    """Whether a step may be waited for outside memory: one that is at work may not."""
    due_at = step.due_at
    if step.kind is StepKind.ACTIVITY:
        following = resident.attempts.get(step.number)
        under_way = (resident.info.workflow_id, resident.info.run, step.number) in state.under_way
        if following is None or following.due_at is None or under_way:
            return False
        due_at = following.due_at
    return due_at is None or due_at - now >= IDLE


def _let_go(state: State, resident: LiveWorkflow) -> None:
    workflow_id = resident.info.workflow_id
    state.residents.drop(workflow_id)
    if resident.status is WorkflowStatus.SUSPENDED:
        state.suspended.add(workflow_id)
    else:
        state.dormant[workflow_id] = None
