"""The store under a stepper: a store in memory that tells what was written, and that can be copied."""

from __future__ import annotations

__tracebackhide__ = True

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, TypeVar

from .._core.history import CancelRequested, History, Signal, StepStatus, WorkflowStatus
from ..store import Checkpoint, Loaded, OpenAttempt, Retried, StepRecord, WorkflowRecord
from .memory import MemoryStore
from .memory.rows import loaded

T = TypeVar("T")


class StepperStore(MemoryStore):
    """A store in memory whose rows are at hand without what is derived from them."""

    def __init__(self) -> None:
        super().__init__()
        #: The checkpoints of the latest commits, until the host takes them.
        self.written: list[Checkpoint] = []
        #: By workflow, the attempts of its run that failed and were followed by others: a row has only the last.
        self.failed: dict[str, list[Retried]] = {}
        #: By workflow, the run before the current one, with its whole history.
        self.last_run: dict[str, Loaded] = {}

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write all checkpoints, and keep them for the host."""
        for checkpoint in checkpoints:
            if checkpoint.rare:
                failed = self.failed.setdefault(checkpoint.workflow_id, [])
                failed += checkpoint.retried
                if checkpoint.continued is not None:
                    failed.clear()
                    self._keep_run(checkpoint)
        super().commit(checkpoints)
        self.written += checkpoints

    def _keep_run(self, checkpoint: Checkpoint) -> None:
        """Keep a run that ends with a checkpoint, which deletes its steps."""
        loaded = self.snapshot(checkpoint.workflow_id)
        there = loaded.history
        history = History(
            [*there.events, *checkpoint.events],
            [*there.steps, *checkpoint.issued],
            there.patches.union(checkpoint.patches),
            there.dropped.union(step for step, _ in checkpoint.cancelled),
        )
        self.last_run[checkpoint.workflow_id] = loaded._replace(history=history)

    def row(self, workflow_id: str) -> WorkflowRecord:
        """The row of a workflow, as it was written."""
        return self._workflows[workflow_id]

    def snapshot(self, workflow_id: str) -> Loaded:
        """Everything that a workflow is built from that is there, its row without what is derived when read."""
        row = self._workflows[workflow_id]
        return loaded(
            row,
            self._sorted_steps(row),
            self._cancels.get(workflow_id, {}),
            self._patches.get(workflow_id, frozenset()),
            self._waiting(workflow_id),
            max(self._signals.get(workflow_id, ()), default=0),
            None,
        )

    def step(self, workflow_id: str, run: int, number: int) -> StepRecord:
        """The row of a step."""
        return self._steps[workflow_id, run][number]

    def cancel_request(self, workflow_id: str) -> CancelRequested | None:
        """The request to end that a workflow has received; None where it has received none."""
        return next(iter(self._cancels.get(workflow_id, {}).values()), None)

    def waiting_signals(self, workflow_id: str) -> list[Signal]:
        """The signals that a workflow has not received."""
        return self._waiting(workflow_id)

    def put_attempt(self, workflow_id: str, run: int, number: int, attempt: OpenAttempt) -> None:
        """Say how far an open activity is."""
        step = self.step(workflow_id, run, number)
        step = replace(step, attempt=attempt.number, due_at=attempt.due_at, counted_from=attempt.counted_from)
        self._steps[workflow_id, run][number] = replace(step, heartbeat=attempt.details)

    def take_back(self, workflow_id: str) -> None:
        """Undo that a workflow stalled on an outcome that it cannot read: the step is open again."""
        row = self._workflows[workflow_id]
        self._workflows[workflow_id] = replace(row, status=WorkflowStatus.PROCESSING, reason=None, wake_at=None)
        steps = self._steps.get((workflow_id, row.run), {})
        for number, step in steps.items():
            if step.applied is None and step.outcome is not None:
                steps[number] = replace(step, status=StepStatus.SCHEDULED, outcome=None, finished_at=None)

    def query(self, question: Callable[[Any], T]) -> T:
        """The answer to a question, as a gateway gives it."""
        return question(self)

    def copy(self) -> StepperStore:
        """A store with the same rows, and a future of its own."""
        made = StepperStore()
        for name, value in vars(self).items():
            if isinstance(value, dict):
                rows = value.items()
                setattr(made, name, {key: row.copy() if isinstance(row, (dict, list)) else row for key, row in rows})
            elif isinstance(value, (set, int)):
                setattr(made, name, copy(value))
        return made
