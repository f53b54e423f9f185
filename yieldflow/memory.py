"""The store that keeps everything in memory: for tests and simulation, where no file is wanted."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ._core.errors import RefusedValueError, WorkflowAlreadyExistsError
from ._core.history import (
    Event,
    Failure,
    History,
    Micros,
    Started,
    Step,
    StepEnded,
    StepKind,
    StepStatus,
    WorkflowStatus,
)
from .store import Checkpoint, Pending, StepRecord, Submission, WorkflowRecord


class MemoryStore:
    """A `Store` without a file.

    It lives as long as the object: `close` keeps what is in it, so that a second session can be tried on it as on a
    file. Nothing is shared with the caller but immutable values.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workflows: dict[str, WorkflowRecord] = {}
        #: By workflow, run and number.
        self._steps: dict[tuple[str, int], dict[int, StepRecord]] = {}
        #: What a failing commit has to put back: the table, the key, and the value before (None where none was).
        self._undo: list[tuple[dict[Any, Any], object, object | None]] = []
        self._others_wrote = True
        #: What `arrivals` told of.
        self._told_of: set[str] = set()

    # ------------------------------------------------------------------ the scheduler's

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write all checkpoints, or none where one is refused."""
        with self._lock:
            try:
                for checkpoint in checkpoints:
                    self._apply(checkpoint)
            except BaseException:
                self._roll_back()
                raise
            self._undo.clear()

    def load(self, workflow_id: str) -> tuple[WorkflowRecord, History] | None:
        """A workflow's row and the history of its current run; None where there is no such workflow."""
        with self._lock:
            if workflow_id not in self._workflows:
                return None
            record = self._record(workflow_id)
            steps = self._sorted_steps(record)
        events: list[Event] = [] if record.started_at is None else [Started(record.started_at)]
        events += _ended(steps)
        return record, History(events, [_issued(step) for step in steps])

    def unfinished(self) -> list[Pending]:
        """Every workflow that has not ended, oldest first."""
        with self._lock:
            return [self._pending(record) for record in self._oldest_first() if not record.status.ended]

    def arrivals(self) -> list[str]:
        """Ids of workflows that no turn has driven yet and that came since the last call, oldest first."""
        with self._lock:
            if not self._others_wrote:
                return []
            self._others_wrote = False
            waiting = (record for record in self._oldest_first() if record.started_at is None)
            found = [record.id for record in waiting if record.status is WorkflowStatus.PROCESSING]
            new = [workflow_id for workflow_id in found if workflow_id not in self._told_of]
            self._told_of.update(new)
            return new

    # ------------------------------------------------------------------ anyone's

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Add workflows as a client: all or none."""
        with self._lock:
            try:
                for submission in submissions:
                    self._create(submission)
            except BaseException:
                self._roll_back()
                raise
            self._undo.clear()
            self._others_wrote = True

    def record(self, workflow_id: str) -> WorkflowRecord | None:
        """A workflow's row; None where there is no such workflow."""
        with self._lock:
            return self._record(workflow_id) if workflow_id in self._workflows else None

    def records(self, name: str | None = None) -> list[WorkflowRecord]:
        """The rows of all workflows, or of those of one name, newest first."""
        with self._lock:
            rows = reversed(self._oldest_first())
            return [self._record(row.id) for row in rows if name is None or row.name == name]

    def steps(self, workflow_id: str) -> list[StepRecord]:
        """The steps of a workflow's current run, by number."""
        with self._lock:
            row = self._workflows.get(workflow_id)
            return [] if row is None else self._sorted_steps(row)

    def close(self) -> None:
        """Nothing to let go of: what was written stays."""

    # ------------------------------------------------------------------ reading

    def _oldest_first(self) -> list[WorkflowRecord]:
        # The sort is stable and the dictionary keeps the order of insertion, which settles equal times.
        return sorted(self._workflows.values(), key=lambda record: record.created_at)

    def _sorted_steps(self, record: WorkflowRecord) -> list[StepRecord]:
        steps = self._steps.get((record.id, record.run), {})
        return [steps[number] for number in sorted(steps)]

    def _record(self, workflow_id: str) -> WorkflowRecord:
        """The row with what is derived when read."""
        row = self._workflows[workflow_id]
        steps = self._sorted_steps(row)
        times = [row.created_at, row.started_at, row.finished_at]
        times += [moment for step in steps for moment in (step.scheduled_at, step.finished_at)]
        activities = (step.name for step in steps if _open(step) and step.kind is StepKind.ACTIVITY)
        return replace(
            row,
            updated_at=max(moment for moment in times if moment is not None),
            step=sum(step.applied is not None for step in steps),
            current_activity=next(activities, None),
        )

    def _pending(self, row: WorkflowRecord) -> Pending:
        waiting = [step for step in self._sorted_steps(row) if _open(step)]
        sleeps = [(step.step, step.due_at) for step in waiting if step.due_at is not None]
        started = row.started_at is not None
        return Pending(
            workflow_id=row.id,
            status=row.status,
            run=row.run,
            starts_at=None if started else row.starts_at,
            started=started,
            active=started and (not waiting or len(sleeps) < len(waiting)),
            sleeps=sleeps,
            recovery_attempts=row.recovery_attempts,
        )

    # ------------------------------------------------------------------ writing

    def _put(self, table: dict[Any, Any], key: object, value: object) -> None:
        self._undo.append((table, key, table.get(key)))
        table[key] = value

    def _roll_back(self) -> None:
        for table, key, before in reversed(self._undo):
            if before is None:
                del table[key]
            else:
                table[key] = before
        self._undo.clear()

    def _apply(self, checkpoint: Checkpoint) -> None:
        if checkpoint.created is not None:
            self._create(checkpoint.created)
        self._change(checkpoint)
        key = checkpoint.workflow_id, checkpoint.run
        if key not in self._steps:
            self._put(self._steps, key, {})
        steps = self._steps[key]
        for step in checkpoint.issued:
            if step.number in steps:
                raise RefusedValueError(f"step {step.number} of workflow {checkpoint.workflow_id!r} is there already")
            self._put(steps, step.number, _new_step(step, checkpoint.at))
        for place, event in enumerate(checkpoint.events, checkpoint.place):
            if isinstance(event, Started):
                continue
            before = steps.get(event.step)
            if before is None or before.applied is not None:
                raise RefusedValueError(
                    f"step {event.step} of workflow {checkpoint.workflow_id!r} is not there, or has ended"
                )
            self._put(steps, before.step, _ended_step(before, event, place))
        for number in checkpoint.cancelled:
            if number not in steps or not _open(steps[number]):
                raise RefusedValueError(
                    f"step {number} of workflow {checkpoint.workflow_id!r} is not there, or has ended"
                )
            cancelled = replace(steps[number], status=StepStatus.CANCELLED, finished_at=checkpoint.at)
            self._put(steps, number, cancelled)

    def _create(self, new: Submission) -> None:
        if new.workflow_id in self._workflows:
            raise WorkflowAlreadyExistsError(f"there is a workflow with the id {new.workflow_id!r} already")
        record = WorkflowRecord(
            id=new.workflow_id,
            name=new.name,
            status=WorkflowStatus.PROCESSING,
            run=1,
            seed=new.seed,
            input=new.input,
            outcome=None,
            reason=None,
            progress=None,
            parent=None,
            created_at=new.created_at,
            starts_at=new.starts_at,
            started_at=None,
            finished_at=None,
            updated_at=new.created_at,
            step=0,
            current_activity=None,
            recovery_attempts=0,
        )
        self._put(self._workflows, new.workflow_id, record)

    def _change(self, checkpoint: Checkpoint) -> None:
        row = self._workflows.get(checkpoint.workflow_id)
        if row is None:
            raise RefusedValueError(f"there is no workflow with the id {checkpoint.workflow_id!r}")
        if checkpoint.started_at is not None:
            row = replace(row, started_at=checkpoint.started_at, run=checkpoint.run)
        if checkpoint.status is not None:
            row = replace(
                row,
                status=checkpoint.status,
                outcome=checkpoint.outcome,
                finished_at=checkpoint.finished_at,
                reason=checkpoint.reason,
            )
        if checkpoint.recovery_attempts is not None:
            row = replace(row, recovery_attempts=checkpoint.recovery_attempts)
        self._put(self._workflows, row.id, row)


def _open(step: StepRecord) -> bool:
    """Whether the workflow has still to receive the step's outcome."""
    return step.applied is None and step.status is not StepStatus.CANCELLED


def _new_step(step: Step, at: Micros) -> StepRecord:
    return StepRecord(
        step=step.number,
        kind=step.kind,
        name=step.name,
        status=StepStatus.SCHEDULED,
        attempt=1,
        input=step.input,
        outcome=None,
        source=step.source,
        turn=step.turn,
        applied=None,
        due_at=step.due_at,
        scheduled_at=at,
        finished_at=None,
    )


def _ended_step(before: StepRecord, event: StepEnded, place: int) -> StepRecord:
    return replace(
        before,
        status=StepStatus.FAILED if isinstance(event.outcome, Failure) else StepStatus.DONE,
        attempt=event.attempt,
        outcome=event.outcome,
        applied=place,
        finished_at=event.at,
    )


def _issued(step: StepRecord) -> Step:
    return Step(step.step, step.kind, step.name, step.input, step.turn, step.source, step.due_at)


def _ended(steps: list[StepRecord]) -> list[StepEnded]:
    """The events that ``steps`` hold, in the order applied."""
    events = [
        (step.applied, StepEnded(step.step, step.outcome, step.finished_at, step.attempt))
        for step in steps
        if step.applied is not None and step.outcome is not None and step.finished_at is not None
    ]
    events.sort(key=lambda pair: pair[0])
    return [event for _, event in events]
