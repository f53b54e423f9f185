"""The tables of the store in memory: what is looked up in them, and transactions that are undone where they fail."""

from __future__ import annotations

__tracebackhide__ = True

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..._core.errors import WorkflowNotFoundError
from ..._core.history import CancelRequested, Micros, Signal, WorkflowStatus
from ...store import BufferedSignals, Parent, Request, StepRecord, UntakenSignal, WorkflowRecord
from .rows import Kept, derived, is_of_earlier_run


class Tables:
    """Workflows with their steps, signals, events and requests. The lock guards all of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workflows: dict[str, WorkflowRecord] = {}
        #: By workflow: numbers in the order added.
        self._numbers: dict[str, int] = {}
        #: By workflow and run, then by number.
        self._steps: dict[tuple[str, int], dict[int, StepRecord]] = {}
        #: By workflow, then by number.
        self._signals: dict[str, dict[int, Kept]] = {}
        #: By workflow, then by place.
        self._cancels: dict[str, dict[int, CancelRequested]] = {}
        self._patches: dict[str, frozenset[str]] = {}
        self._requests: dict[int, Request] = {}
        self._last_request = self._last_number = 0
        #: To be put back where a change fails: the table, the key, and the value before (None where none was).
        self._undo: list[tuple[dict[Any, Any], object, object | None]] = []
        self._others_wrote = True
        #: The parents of children that were rewound by themselves, with which these were to end.
        self._released: dict[str, Parent] = {}
        #: The workflows that `arrivals` told of.
        self._told_of: set[str] = set()

    # ------------------------------------------------------------------ reading

    def _found(self, workflow_id: str) -> WorkflowRecord:
        row = self._workflows.get(workflow_id)
        if row is None:
            raise WorkflowNotFoundError(f"there is no workflow with the id {workflow_id!r}")
        return row

    def _oldest_first(self) -> list[WorkflowRecord]:
        # The sort is stable and the dictionary keeps the order of insertion, which settles equal times.
        return sorted(self._workflows.values(), key=lambda record: record.created_at)

    def _children(self, workflow_id: str, run: int) -> list[WorkflowRecord]:
        parents = ((row, row.parent) for row in self._workflows.values())
        return [row for row, parent in parents if parent is not None and parent[:2] == (workflow_id, run)]

    def _parent_of(self, row: WorkflowRecord) -> WorkflowRecord | None:
        return None if row.parent is None else self._workflows.get(row.parent.workflow_id)

    def _awaited(self, row: WorkflowRecord) -> bool:
        """Return whether the run that started a workflow has not ended."""
        parent = self._parent_of(row)
        return parent is not None and not parent.status.ended and not is_of_earlier_run(row, parent)

    def _with_descendants(self, workflow_ids: Sequence[str]) -> dict[str, WorkflowRecord]:
        found = {workflow_id: self._found(workflow_id) for workflow_id in workflow_ids}
        children: dict[str, list[WorkflowRecord]] = {}
        for row in self._workflows.values():
            if row.parent is not None:
                children.setdefault(row.parent.workflow_id, []).append(row)
        generation = list(found)
        while generation:
            born = [child for parent in generation for child in children.get(parent, ())]
            generation = [child.id for child in born if child.id not in found]
            found.update((child.id, child) for child in born)
        return found

    def _sorted_steps(self, record: WorkflowRecord) -> list[StepRecord]:
        steps = self._steps.get((record.id, record.run), {})
        return [steps[number] for number in sorted(steps)]

    def _record(self, workflow_id: str) -> WorkflowRecord:
        """The row with what is derived when read."""
        row = self._workflows[workflow_id]
        return derived(row, self._sorted_steps(row))

    def _waiting(self, workflow_id: str) -> list[Signal]:
        signals = self._signals.get(workflow_id, {})
        return [signals[number].signal for number in sorted(signals) if signals[number].received is None]

    def untaken_signals(self, after: tuple[str, int], limit: int) -> list[UntakenSignal]:
        """Signals that were not received, from behind ``after`` on."""
        with self._lock:
            untaken = [
                UntakenSignal(workflow_id, signal.number, signal.name, signal.at, self._is_live(workflow_id))
                for workflow_id in self._signals
                for signal in self._waiting(workflow_id)
            ]
        return sorted(signal for signal in untaken if signal[:2] > after)[:limit]

    def _is_live(self, workflow_id: str) -> bool:
        row = self._workflows[workflow_id]
        return row.status is WorkflowStatus.PROCESSING and row.started_at is not None

    def buffered_signals(self, workflow_id: str) -> list[BufferedSignals]:
        """The signals that a workflow has not received, by name."""
        with self._lock:
            moments: dict[str, list[Micros]] = {}
            for signal in self._waiting(workflow_id):
                moments.setdefault(signal.name, []).append(signal.at)
        return sorted(
            (BufferedSignals(name, len(at), min(at)) for name, at in moments.items()),
            key=lambda signals: (signals.since, signals.name),
        )

    # ------------------------------------------------------------------ writing

    @contextmanager
    def _transaction(self, by_client: bool = False) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except BaseException:
                self._roll_back()
                raise
            self._undo.clear()
            self._others_wrote = self._others_wrote or by_client

    def _put(self, table: dict[Any, Any], key: object, value: object) -> None:
        self._undo.append((table, key, table.get(key)))
        table[key] = value

    def _roll_back(self) -> None:
        for table, key, value in reversed(self._undo):
            if value is None:
                del table[key]
            else:
                table[key] = value
        self._undo.clear()
