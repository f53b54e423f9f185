"""The store that keeps everything in memory: for tests and simulation, where no file is wanted."""

from __future__ import annotations

__tracebackhide__ = True

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from ..._core.errors import (
    RefusedValueError,
    WorkflowEndedError,
    WorkflowNotEndedError,
    WorkflowNotFoundError,
)
from ..._core.history import (
    CancelRequested,
    Micros,
    Signal,
    StepEnded,
    StepStatus,
    WorkflowStatus,
)
from ...filter import EVERYTHING, Filter
from ...store import (
    FOREVER,
    UNCHANGED,
    Arrivals,
    Checkpoint,
    Continued,
    Found,
    Loaded,
    Request,
    RequestKind,
    Rewind,
    Sleeper,
    StepRecord,
    Submission,
    WorkflowBrief,
    WorkflowRecord,
    check_rewindable,
    id_taken_error,
    statuses_before,
)
from .rows import (
    Kept,
    before_place,
    brief,
    copied_step,
    dropped_step,
    ended_step,
    ends_with_parent,
    is_open,
    is_wanted,
    loaded,
    new_step,
    new_workflow,
    orphan_of,
    retried_step,
    returned,
    rewound_step,
    rewound_workflow,
    with_beginning,
)
from .tables import Tables


class MemoryStore(Tables):
    """A `Store` without a file.

    It lives as long as the object: `close` keeps what is in it, so that a second session can be tried on it as on a
    file. Nothing is shared with the caller but immutable values.
    """

    # ------------------------------------------------------------------ the scheduler's

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write all checkpoints, or none where one is refused."""
        with self._transaction():
            for checkpoint in checkpoints:
                if checkpoint.created is not None:
                    self._create(checkpoint.created, checkpoint.wake_at)
                for child in checkpoint.children:
                    self._create(child)
            for checkpoint in checkpoints:
                self._apply(checkpoint)
            # Behind every change of a status, and of when a workflow wakes.
            for checkpoint in checkpoints:
                if checkpoint.rare:
                    self._wake_others(checkpoint)

    def load(self, workflow_id: str) -> Loaded | None:
        """All that a workflow is built from, of its current run; None where there is no such workflow."""
        with self._lock:
            if workflow_id not in self._workflows:
                return None
            record = self._record(workflow_id)
            return loaded(
                record,
                self._sorted_steps(record),
                self._cancels.get(workflow_id, {}),
                self._patches.get(workflow_id, frozenset()),
                self._waiting(workflow_id),
                max(self._signals.get(workflow_id, ()), default=0),
                orphan_of(record, self._parent_of(record)),
            )

    def brief(self, workflow_id: str) -> WorkflowBrief | None:
        """Read the row of a workflow, and none of its steps; None where there is no such workflow."""
        with self._lock:
            row = self._workflows.get(workflow_id)
            return None if row is None else brief(row)

    def pending(self, after: int, limit: int, *, counted: bool) -> list[Found]:
        """Unfinished workflows that must be in memory, by number, of numbers above ``after``."""
        with self._lock:
            found = (
                Found(self._numbers[row.id], row.id, row.recovery_attempts)
                for row in self._workflows.values()
                if row.wake_at is None and not row.status.ended and (row.recovery_attempts != 0) is counted
            )
            return sorted(each for each in found if each.number > after)[:limit]

    def sleepers(self, after: tuple[Micros, int], until: Micros, limit: int) -> list[Sleeper]:
        """Workflows that rest until a moment no later than ``until``, from behind ``after`` on, soonest first."""
        with self._lock:
            found = (
                Sleeper(row.wake_at, self._numbers[row.id], row.id)
                for row in self._workflows.values()
                if row.wake_at is not None and row.wake_at <= until and not row.status.ended
            )
            return sorted(each for each in found if each[:2] > after)[:limit]

    def wake_stalled(self, name: str | None = None) -> list[str]:
        """Have stalled workflows, of that name or all, be in memory, to be tried again; return their ids."""
        with self._transaction():
            rows = [row for row in self._workflows.values() if row.status is WorkflowStatus.STALLED]
            found = [row for row in rows if name in (None, row.name)]
            for row in found:
                self._put(self._workflows, row.id, replace(row, wake_at=None))
        return [row.id for row in found]

    def arrivals(self) -> Arrivals:
        """Find what clients added since the last call, and what was asked and not carried out yet."""
        with self._lock:
            if not self._others_wrote:
                return Arrivals([], [])
            self._others_wrote = False
            waiting = (row for row in self._workflows.values() if row.started_at is None)
            found = [(row.id, row.wake_at) for row in waiting if row.status is WorkflowStatus.PROCESSING]
            new = [(workflow_id, wake_at) for workflow_id, wake_at in found if workflow_id not in self._told_of]
            self._told_of.update(workflow_id for workflow_id, _ in new)
            return Arrivals(new, [self._requests[number] for number in sorted(self._requests)])

    def ended_children(self, workflow_id: str, run: int) -> list[WorkflowRecord]:
        """The children of a run that have ended, in the order in which they did."""
        with self._lock:
            found = [self._record(row.id) for row in self._children(workflow_id, run) if row.status.ended]
        return sorted(found, key=lambda record: record.finished_at or 0)

    def open_children(self, workflow_id: str, run: int) -> list[str]:
        """The ids of those that have not."""
        with self._lock:
            rows = sorted(self._children(workflow_id, run), key=lambda row: row.created_at)
            return [row.id for row in rows if not row.status.ended]

    # ------------------------------------------------------------------ anyone's

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Add workflows as a client: all or none."""
        with self._transaction(by_client=True):
            for submission in submissions:
                self._create(submission)

    def ask(self, requests: Sequence[Request]) -> None:
        """Ask something of workflows as a client, for the owner to find by `arrivals`: all or none."""
        with self._transaction(by_client=True):
            for request in requests:
                status = self._found(request.workflow_id).status
                if status.ended:
                    raise WorkflowEndedError(
                        f"workflow {request.workflow_id} has ended ({status}): it takes no {request.kind} any more"
                    )
            for request in requests:
                self._leave(request)

    def rewind(
        self,
        workflow_id: str,
        run: int,
        place: int,
        *,
        reapply: bool,
        at: Micros,
        children: Sequence[Rewind] = (),
        undone: Sequence[str] = (),
    ) -> None:
        """Have an ended or stalled workflow, and children of it, go on from before an event."""
        with self._transaction(by_client=True):
            for goal in (Rewind(workflow_id, run, place, reapply), *children):
                self._go_back(goal)
                self._leave(Request(goal.workflow_id, RequestKind.RESUME, at))
            doomed = self._with_descendants(undone)
            for row in doomed.values():
                if not row.status.ended:
                    raise WorkflowNotEndedError(
                        f"workflow {workflow_id} cannot go back before the start of a child that still runs: "
                        f"workflow {row.id} is {row.status}"
                    )
            self._forget(doomed)

    def fork(self, workflow_id: str, run: int, place: int, new: Submission) -> None:
        """Add a workflow that is a copy of another as it stood before the event at ``place``."""
        with self._transaction(by_client=True):
            row, copy = self._found(workflow_id), new.workflow_id
            if row.run != run:
                raise WorkflowNotFoundError(f"workflow {workflow_id} is in run {row.run} by now: run {run} is not kept")
            self._create(new._replace(parent=None, signals=()), wake_at=None)
            if place > 0:
                made = replace(self._workflows[copy], run=run, started_at=row.started_at)
                self._put(self._workflows, copy, made)
                steps = self._steps.get((workflow_id, run), {})
                copied = {number: copied_step(step, place) for number, step in steps.items() if step.turn < place}
                self._put(self._steps, (copy, run), copied)
                self._put(self._cancels, copy, before_place(self._cancels.get(workflow_id, {}), place))
                self._put(self._patches, copy, self._patches.get(workflow_id, frozenset()))
            self._put(self._signals, copy, returned(self._signals.get(workflow_id, {}), place))
            self._leave(Request(copy, RequestKind.RESUME, new.created_at))

    def delete(self, workflow_ids: Sequence[str]) -> int:
        """Delete ended workflows with all that is theirs, and their descendants; how many were deleted."""
        with self._transaction(by_client=True):
            doomed = self._with_descendants(workflow_ids)
            for row in doomed.values():
                if not row.status.ended or (row.id in workflow_ids and self._awaited(row)):
                    raise WorkflowNotEndedError(
                        f"workflow {row.id} or its parent has not ended: it can be deleted once both have"
                    )
            self._forget(doomed)
            return len(doomed)

    def record(self, workflow_id: str) -> WorkflowRecord | None:
        """A workflow's row; None where there is no such workflow."""
        with self._lock:
            return self._record(workflow_id) if workflow_id in self._workflows else None

    def records(self, which: Filter = EVERYTHING) -> list[WorkflowRecord]:
        """The rows of the workflows asked for, in the order asked for."""
        with self._lock:
            rows = self._oldest_first()
            if not which.oldest_first:
                rows.reverse()
            if which.after is not None:
                ids = [row.id for row in rows]
                if which.after not in ids:
                    raise WorkflowNotFoundError(
                        f"there is no workflow {which.after!r} any more, that the page would follow"
                    )
                rows = rows[ids.index(which.after) + 1 :]
            found = [row for row in rows if is_wanted(row, which)]
            limit = len(found) if which.limit is None else max(which.limit, 0)
            return [self._record(row.id) for row in found[:limit]]

    def vacuum(self) -> int:
        """Do nothing: the memory of what was deleted is free."""
        return 0

    def purgeable(self, before: Micros | None, statuses: frozenset[WorkflowStatus]) -> list[str]:
        """Workflows that ended so, before that time (None: at any), and that no parent may wait for."""
        with self._lock:
            ended = [row for row in self._oldest_first() if row.status.ended and row.status in statuses]
            old = [row for row in ended if before is None or (row.finished_at or 0) < before]
            return [row.id for row in old if not self._awaited(row)]

    def ended(self, workflow_ids: Collection[str], since: object) -> tuple[object, Collection[str]]:
        """Those of the workflows that have ended, stalled or gone."""
        with self._lock:
            found = {each: self._workflows.get(each) for each in workflow_ids}
        waited = WorkflowStatus.PROCESSING, WorkflowStatus.SUSPENDED
        return None, {each for each, row in found.items() if row is None or row.status not in waited}

    def snapshot(self, workflow_id: str) -> Loaded | None:
        """The same as `load`, for any thread."""
        return self.load(workflow_id)

    def steps(self, workflow_id: str) -> list[StepRecord]:
        """The steps of a workflow's current run, by number."""
        with self._lock:
            row = self._workflows.get(workflow_id)
            return [] if row is None else self._sorted_steps(row)

    def close(self) -> None:
        """Do nothing: what was written stays, for the next session."""

    # ------------------------------------------------------------------ writing

    def _go_back(self, goal: Rewind) -> None:
        workflow_id, run, place, reapply = goal
        row = self._found(workflow_id)
        if row.run != run:
            raise WorkflowNotEndedError(f"workflow {workflow_id} is in run {row.run} by now, not in run {run}")
        check_rewindable(workflow_id, row.status)
        steps = self._steps.get((workflow_id, run), {})
        kept = {number: rewound_step(step, place, reapply) for number, step in steps.items() if step.turn < place}
        self._put(self._steps, (workflow_id, run), kept)
        self._put(self._signals, workflow_id, returned(self._signals.get(workflow_id, {}), place))
        self._put(self._cancels, workflow_id, before_place(self._cancels.get(workflow_id, {}), place))
        again = rewound_workflow(row, place, self._parent_of(row))
        self._put(self._workflows, workflow_id, again)
        if row.parent is not None and again.parent != row.parent:
            self._put(self._released, workflow_id, row.parent)
        for child in self._children(workflow_id, run):
            if child.id in self._released:
                self._put(self._workflows, child.id, replace(child, parent=self._released[child.id]))

    def _forget(self, doomed: dict[str, WorkflowRecord]) -> None:
        """Delete all of these workflows; nothing may fail after it."""
        for workflow_id in doomed:
            del self._workflows[workflow_id]
            del self._numbers[workflow_id]
            self._signals.pop(workflow_id, None)
            self._cancels.pop(workflow_id, None)
            self._patches.pop(workflow_id, None)
            self._released.pop(workflow_id, None)
            self._told_of.discard(workflow_id)
        self._steps = {key: steps for key, steps in self._steps.items() if key[0] not in doomed}
        self._requests = {
            number: request for number, request in self._requests.items() if request.workflow_id not in doomed
        }

    def _leave(self, request: Request) -> None:
        self._last_request += 1
        self._put(self._requests, self._last_request, request._replace(number=self._last_request))

    def _create(self, new: Submission, wake_at: Micros | None = UNCHANGED) -> None:
        if new.workflow_id in self._workflows:
            raise id_taken_error(new.workflow_id)
        self._last_number += 1
        self._put(self._numbers, new.workflow_id, self._last_number)
        self._put(self._workflows, new.workflow_id, new_workflow(new, wake_at))
        for signal in new.signals:
            self._keep(new.workflow_id, signal)

    def _apply(self, checkpoint: Checkpoint) -> None:
        workflow_id = checkpoint.workflow_id
        for number in checkpoint.handled:
            if number in self._requests:
                self._undo.append((self._requests, number, self._requests.pop(number)))
        if workflow_id not in self._workflows:
            if checkpoint.empty:
                return
            raise RefusedValueError(f"there is no workflow with the id {workflow_id!r}")
        self._change(checkpoint)
        steps = self._steps.setdefault((workflow_id, checkpoint.run), {})
        self._issue(checkpoint, steps)
        self._apply_events(checkpoint, steps)
        if checkpoint.rare:
            self._change_open_steps(checkpoint, steps)
            self._change_signals(checkpoint)
        if checkpoint.continued is not None:
            self._continue(checkpoint, checkpoint.continued)

    def _issue(self, checkpoint: Checkpoint, steps: dict[int, StepRecord]) -> None:
        for new in checkpoint.issued:
            if new.number in steps:
                raise RefusedValueError(f"step {new.number} of workflow {checkpoint.workflow_id!r} is there already")
            self._put(steps, new.number, new_step(new, checkpoint.at))

    def _apply_events(self, checkpoint: Checkpoint, steps: dict[int, StepRecord]) -> None:
        workflow_id = checkpoint.workflow_id
        for place, event in enumerate(checkpoint.events, checkpoint.place):
            if isinstance(event, StepEnded):
                step = steps.get(event.step)
                if step is None or step.applied is not None:
                    raise self._not_open(workflow_id, event.step)
                self._put(steps, step.step, ended_step(step, event, place, checkpoint.begun_by.get(step.step)))
            elif isinstance(event, CancelRequested):
                self._put(self._cancels.setdefault(workflow_id, {}), place, event)

    def _change_open_steps(self, checkpoint: Checkpoint, steps: dict[int, StepRecord]) -> None:
        """Change steps whose outcome is not applied: what is refused where they are not open, and what is not."""
        workflow_id, begun_by = checkpoint.workflow_id, checkpoint.begun_by
        for number, place in checkpoint.cancelled:
            self._put(steps, number, dropped_step(self._open_step(workflow_id, steps, number), place, checkpoint.at))
        for retried in checkpoint.retried:
            number = retried.step
            if not _is_scheduled(steps, number):
                raise self._not_open(workflow_id, number)
            self._put(steps, number, retried_step(steps[number], retried, begun_by.get(number)))
        for number, details in checkpoint.heartbeats:
            if _is_scheduled(steps, number):
                self._put(steps, number, replace(steps[number], heartbeat=details))
        for number, begun_at, worker in checkpoint.begun:
            if _is_scheduled(steps, number):
                self._put(steps, number, with_beginning(steps[number], (begun_at, worker)))
        for event in checkpoint.recorded:
            step = self._open_step(workflow_id, steps, event.step)
            self._put(steps, event.step, ended_step(step, event, None, begun_by.get(event.step)))

    def _change_signals(self, checkpoint: Checkpoint) -> None:
        workflow_id = checkpoint.workflow_id
        for signal in checkpoint.signals:
            self._keep(workflow_id, signal)
        for number, place in checkpoint.received:
            kept = self._signals.get(workflow_id, {}).get(number)
            if kept is None or kept.received is not None:
                raise RefusedValueError(f"signal {number} of workflow {workflow_id!r} is not there, or was received")
            self._put(self._signals[workflow_id], number, kept._replace(received=place))

    def _open_step(self, workflow_id: str, steps: dict[int, StepRecord], number: int) -> StepRecord:
        step = steps.get(number)
        if step is None or not is_open(step):
            raise self._not_open(workflow_id, number)
        return step

    def _not_open(self, workflow_id: str, number: int) -> RefusedValueError:
        return RefusedValueError(f"step {number} of workflow {workflow_id!r} is not there, or has ended")

    def _keep(self, workflow_id: str, signal: Signal) -> None:
        signals = self._signals.setdefault(workflow_id, {})
        number = signal.number or max(signals, default=0) + 1
        if number in signals:
            raise RefusedValueError(f"signal {number} of workflow {workflow_id!r} is there already")
        self._put(signals, number, Kept(signal._replace(number=number)))

    def _change(self, checkpoint: Checkpoint) -> None:
        row, status = self._workflows[checkpoint.workflow_id], checkpoint.status
        changes: dict[str, Any] = {}
        if checkpoint.started_at is not None:
            changes.update(started_at=checkpoint.started_at, run=checkpoint.run)
        if checkpoint.wake_at != UNCHANGED:
            changes["wake_at"] = checkpoint.wake_at
        if status is not None:
            _check_status(row, status)
            changes.update(
                status=status,
                outcome=checkpoint.outcome,
                finished_at=checkpoint.finished_at,
                reason=checkpoint.reason,
            )
            if status.ended:
                changes["wake_at"] = FOREVER
        if checkpoint.recovery_attempts is not None:
            changes["recovery_attempts"] = checkpoint.recovery_attempts
        if checkpoint.progress is not None:
            changes["progress"] = checkpoint.progress
        if checkpoint.patches:
            self._put(self._patches, row.id, self._patches.get(row.id, frozenset()).union(checkpoint.patches))
        if changes:
            # One copy, since there is a change of each workflow in each commit of it.
            self._put(self._workflows, row.id, replace(row, **changes))

    def _wake_others(self, checkpoint: Checkpoint) -> None:
        """Have be in memory whom a checkpoint wakes, and the children that it leaves behind."""
        rows = [self._workflows[other] for other in checkpoint.wakes if other in self._workflows]
        awake = [row for row in rows if row.status is WorkflowStatus.PROCESSING and row.started_at is not None]
        if checkpoint.orphans:
            children = self._children(checkpoint.workflow_id, checkpoint.run)
            awake += [row for row in children if not row.status.ended and ends_with_parent(row)]
        for row in awake:
            self._put(self._workflows, row.id, replace(row, wake_at=None))

    def _continue(self, checkpoint: Checkpoint, following: Continued) -> None:
        workflow_id, run = checkpoint.workflow_id, checkpoint.run
        row = self._workflows[workflow_id]
        if row.run != run:
            raise RefusedValueError(f"workflow {workflow_id!r} is in run {row.run}, not in run {run}")
        _check_status(row, WorkflowStatus.PROCESSING)
        for old in [key for key in self._steps if key[0] == workflow_id]:
            self._put(self._steps, old, {})
        waiting = {number: kept for number, kept in self._signals.get(workflow_id, {}).items() if kept.received is None}
        self._put(self._signals, workflow_id, waiting)
        self._put(self._cancels, workflow_id, {})
        self._put(self._patches, workflow_id, frozenset())
        row = replace(
            row,
            name=following.name,
            input=following.input,
            seed=following.seed,
            version=following.version,
            run=run + 1,
            status=WorkflowStatus.PROCESSING,
            outcome=None,
            reason=None,
            started_at=None,
            finished_at=None,
            wake_at=None,
        )
        self._put(self._workflows, workflow_id, row)


def _check_status(row: WorkflowRecord, after: WorkflowStatus) -> None:
    if row.status not in statuses_before(after):
        raise RefusedValueError(f"workflow {row.id!r} is {row.status}, and may not become {after}")


def _is_scheduled(steps: dict[int, StepRecord], number: int) -> bool:
    return number in steps and steps[number].status is StepStatus.SCHEDULED
