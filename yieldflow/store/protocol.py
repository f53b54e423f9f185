"""`Store`: everything that the scheduler and the orchestrator ask of storage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from .._core.history import Micros, WorkflowStatus
from ..filter import EVERYTHING, Filter
from .checkpoint import Checkpoint
from .records import (
    Arrivals,
    BufferedSignals,
    Found,
    Loaded,
    Request,
    Rewind,
    Sleeper,
    StepRecord,
    Submission,
    UntakenSignal,
    WorkflowBrief,
    WorkflowRecord,
)


class Store(Protocol):
    """A place where workflows are kept.

    The scheduler's thread calls the methods of the first group; any thread may call those of the second.
    All raise `StorageError` where the medium fails.
    """

    # ------------------------------------------------------------------ the scheduler's

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write all checkpoints in one transaction, durably: at most one of each workflow.

        Raises:
            WorkflowAlreadyExistsError: A new workflow's id is taken. Nothing was written.
            RefusedValueError: A value cannot be written by this store, or a status may not follow that on disk. Nothing
                was written.
            StorageError: The medium failed. Nothing was written.
        """

    def load(self, workflow_id: str) -> Loaded | None:
        """All that a workflow is built from, of its current run; None where there is no such workflow.

        Raises:
            DamagedRowError: A row of it cannot be read as what it should be.
            StorageError: The medium failed.
        """

    def brief(self, workflow_id: str) -> WorkflowBrief | None:
        """Read the row of a workflow, and none of its steps; None where there is no such workflow.

        Raises:
            DamagedRowError: One of these columns cannot be read as what it should be.
        """

    def pending(self, after: int, limit: int, *, counted: bool) -> list[Found]:
        """Unfinished workflows that must be in memory: at most ``limit``, by number, of numbers above ``after``.

        Those with a count of recoveries (``counted``), or those without one. One whose row is damaged is told of, too:
        `load` says what is wrong with it.
        """

    def sleepers(self, after: tuple[Micros, int], until: Micros, limit: int) -> list[Sleeper]:
        """Workflows that rest until a moment no later than ``until``, which is before `FOREVER`, soonest first.

        Args:
            after: The (wake_at, number) that they are behind.
            until: The last moment.
            limit: At most so many.
        """

    def untaken_signals(self, after: tuple[str, int], limit: int) -> list[UntakenSignal]:
        """Signals that were not received: at most ``limit``, from behind the (workflow_id, number) ``after`` on."""

    def wake_stalled(self, name: str | None = None) -> list[str]:
        """Have stalled workflows, of that name or all, be in memory, to be tried again; return their ids."""

    def arrivals(self) -> Arrivals:
        """Find what clients added since the last call. Requests are told of until a commit says that they are handled.

        Costs a glance where nothing was written by others since. `pending` and `sleepers` tell of those that were there
        when the store was opened; a call after workflows were deleted may tell of these, too.
        """

    def ended_children(self, workflow_id: str, run: int) -> list[WorkflowRecord]:
        """The children of a run that have ended, in the order in which they did."""

    def open_children(self, workflow_id: str, run: int) -> list[str]:
        """The ids of those that have not."""

    # ------------------------------------------------------------------ anyone's

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Add workflows as a client: all or none, for the owner to find by `arrivals`.

        Raises:
            WorkflowAlreadyExistsError: An id is taken. Nothing was written.
        """

    def ask(self, requests: Sequence[Request]) -> None:
        """Ask something of workflows as a client, for the owner to find by `arrivals`: all or none.

        Raises:
            WorkflowNotFoundError: There is no such workflow. Nothing was written.
            WorkflowEndedError: It has ended. Nothing was written.
        """

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
        """Have a workflow that failed, was cancelled or stalled go on from before the event at ``place``.

        A request to resume is left for the owner. What was applied from there on is undone: steps issued because of it
        are deleted, outcomes applied then are forgotten (their steps are open again; signals received go back among
        those that wait, in the order received), steps dropped then are open again, requests applied then are forgotten.
        With ``reapply`` the outcome at ``place`` itself stays recorded, to be applied again (unless it was a signal:
        that waits again). The outcome of the workflow, its reason and its deadline are cleared, and its recovery
        attempts are counted anew.

        In the same transaction ``children``, each behind its parent, go back in the same way, and ``undone``, children
        that are to be started anew, are deleted with their descendants. What goes back while its parent does not wait
        for it no longer ends with that, until the parent goes back too.

        Raises:
            WorkflowNotFoundError: There is no such workflow. Nothing was changed.
            WorkflowNotEndedError: A workflow that is to go back is neither ended nor stalled, or is in another run by
                now; or a workflow that is to be deleted has not ended. Nothing was changed.
            RetryRefusedError: A workflow that is to go back is done. Nothing was changed.
        """

    def fork(self, workflow_id: str, run: int, place: int, new: Submission) -> None:
        """Add a workflow that is a copy of another as it stood before the event at ``place``, and a request to resume.

        ``new`` gives id, name, input, seed, version and time; where ``place`` is 0, nothing but the signals is copied
        and it starts anew, as its first run; the run's number is kept otherwise. Steps open then are open in the copy,
        and so are those whose outcome was recorded and not applied. Signals received later are among those that wait
        in the copy, before those that still wait in the original. The copy has no parent and no progress.

        Raises:
            WorkflowNotFoundError: There is no such workflow, or it is in another run by now.
            WorkflowAlreadyExistsError: The id of the copy is taken.
        """

    def delete(self, workflow_ids: Sequence[str]) -> int:
        """Delete ended workflows with all that is theirs, and their descendants; how many were deleted.

        Raises:
            WorkflowNotFoundError: One is not there. Nothing was deleted.
            WorkflowNotEndedError: One, or a descendant, has not ended; or the run of the parent that started one has
                not, and may not have received its result yet. Nothing was deleted.
        """

    def vacuum(self) -> int:
        """Give the room of what was deleted back to the medium; how many bytes the store has become smaller.

        Raises:
            StorageError: The medium failed. Nothing is lost.
        """

    def purgeable(self, before: Micros | None, statuses: frozenset[WorkflowStatus]) -> list[str]:
        """Workflows that ended so, before that time (None: at any), and that no parent may wait for.

        A parent waits for none once it has ended, is gone, or is in another run.
        """

    def snapshot(self, workflow_id: str) -> Loaded | None:
        """The same as `load`, for any thread."""

    def record(self, workflow_id: str) -> WorkflowRecord | None:
        """A workflow's row; None where there is no such workflow."""

    def ended(self, workflow_ids: Collection[str], since: object) -> tuple[object, Collection[str]]:
        """Those of the workflows that have ended, stalled or gone; none, at a glance, where nothing was written since.

        Args:
            workflow_ids: Their ids.
            since: The first part of what the last call returned; None at the first.

        Returns:
            A mark for the next call, and the ids.
        """

    def records(self, which: Filter = EVERYTHING) -> list[WorkflowRecord]:
        """The rows of the workflows asked for, in the order asked for.

        Raises:
            WorkflowNotFoundError: The workflow that a page is to follow is not there any more.
        """

    def steps(self, workflow_id: str) -> list[StepRecord]:
        """The steps of a workflow's current run, by number."""

    def buffered_signals(self, workflow_id: str) -> list[BufferedSignals]:
        """The signals that a workflow has not received, by name."""

    def close(self) -> None:
        """Close the store; a second call does nothing."""
