"""Deliberate breakages outside of the scheduler: of the core, the workers, the handles and the stores.

Like those of the scheduler in `breakages`, each patches one place, and the simulation has to find it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any

import pytest

from tests.support.engine import SECOND
from yieldflow._core import execution
from yieldflow._core.definitions import ActivityInvocation
from yieldflow._core.errors import WorkflowNotEndedError
from yieldflow._core.execution import Execution
from yieldflow._core.history import (
    Signal,
    to_datetime,
)
from yieldflow._core.nodes import Leaf
from yieldflow._core.steps import Steps
from yieldflow._core.tree import Tree
from yieldflow.orchestrator import handle, retry_plan
from yieldflow.sqlite import statements, writing
from yieldflow.sqlite.row_checks import Row
from yieldflow.sqlite.rows import wide_row
from yieldflow.store import Arrivals, Checkpoint, StepRecord, Submission
from yieldflow.testing.memory import MemoryStore
from yieldflow.testing.memory import rows as memory_rows
from yieldflow.testing.memory import store as memory_store
from yieldflow.workers import attempt as workers_attempt


def signal_consumed_again(patch: pytest.MonkeyPatch) -> None:
    """A workflow that is loaded again finds signals that it has received among those still waiting."""

    def waiting(self: MemoryStore, workflow_id: str) -> list[Signal]:
        signals = self._signals.get(workflow_id, {})
        return [signals[number].signal for number in sorted(signals)]

    patch.setattr(MemoryStore, "_waiting", waiting)


def ids_reused_after_a_fork(patch: pytest.MonkeyPatch) -> None:
    """A fork goes on with the seed of the original."""
    patch.setattr(handle, "reseeded", lambda seed, turn, new: seed)


def request_never_found(patch: pytest.MonkeyPatch) -> None:
    """Only the first request is found that clients wrote between two polls."""
    arrivals = MemoryStore.arrivals

    def first(self: MemoryStore) -> Arrivals:
        found = arrivals(self)
        return found._replace(requests=found.requests[:1])

    patch.setattr(MemoryStore, "arrivals", first)


def submitted_piece_by_piece(patch: pytest.MonkeyPatch) -> None:
    """A client's workflows are put on disk one after the other, and not all together."""
    submit = MemoryStore.submit

    def piecemeal(self: MemoryStore, submissions: Sequence[Submission]) -> None:
        for new in submissions:
            submit(self, [new])

    patch.setattr(MemoryStore, "submit", piecemeal)


def code_is_told_another_time(patch: pytest.MonkeyPatch) -> None:
    """`now()` is a second ahead, in every replay too."""
    patch.setattr(execution, "to_datetime", lambda moment: to_datetime(moment + SECOND))


def fork_copies_one_event_more(patch: pytest.MonkeyPatch) -> None:
    """A copy has received the event after the one at which it forks."""
    fork = MemoryStore.fork

    def further(self: MemoryStore, workflow_id: str, run: int, place: int, new: Submission) -> None:
        fork(self, workflow_id, run, place + 1, new)

    patch.setattr(MemoryStore, "fork", further)


def retry_keeps_the_outcome(patch: pytest.MonkeyPatch) -> None:
    """The outcome from which a workflow goes back stays recorded, even if it is not to be applied again."""

    def stale(step: StepRecord, place: int, reapply: bool) -> StepRecord:
        return memory_rows.rewound_step(step, place, True)

    patch.setattr(memory_store, "rewound_step", stale)


def retry_undoes_everything(patch: pytest.MonkeyPatch) -> None:
    """A retry begins from the beginning."""
    patch.setattr(retry_plan, "retry_position", lambda loaded, from_step: (min(1, len(loaded.history.events)), False))


def delete_takes_live_descendants(patch: pytest.MonkeyPatch) -> None:
    """A deletion checks only the workflows that were named, and not their descendants."""

    def delete(self: MemoryStore, workflow_ids: Sequence[str]) -> int:
        with self._transaction(by_client=True):
            for workflow_id in workflow_ids:
                row = self._found(workflow_id)
                if not row.status.ended or self._awaited(row):
                    raise WorkflowNotEndedError(workflow_id)
            doomed = self._with_descendants(workflow_ids)
            self._forget(doomed)
            return len(doomed)

    patch.setattr(MemoryStore, "delete", delete)


def delete_takes_awaited_children(patch: pytest.MonkeyPatch) -> None:
    """A child is deleted before its parent has received how it ended."""
    patch.setattr(MemoryStore, "_awaited", lambda self, row: False)


def final_failures_retried(patch: pytest.MonkeyPatch) -> None:
    """Every failure is retried."""
    patch.setattr(workers_attempt, "may_retry", lambda policy, error: policy is not None)


def wait_on_cancel_ignored(patch: pytest.MonkeyPatch) -> None:
    """Every activity under way is abandoned when it is cancelled."""
    stays = Steps._stays

    def abandoned(self: Steps, leaf: Leaf) -> bool:
        return not isinstance(leaf.command, ActivityInvocation) and stays(self, leaf)

    patch.setattr(Steps, "_stays", abandoned)


def one_context_for_all(patch: pytest.MonkeyPatch) -> None:
    """All workflows share their context variables."""
    shared = Context()
    patch.setattr(execution, "Context", lambda: shared)


def one_context_for_all_branches(patch: pytest.MonkeyPatch) -> None:
    """The branches of a workflow share their context variables."""
    patch.setattr(Tree, "_copied_context", lambda self, yielder: None)


def closed_in_another_context(patch: pytest.MonkeyPatch) -> None:
    """A workflow that leaves memory cleans up in the context of the scheduler."""
    patch.setattr(Execution, "close", Execution._close)


# ---------------------------------------------------------------------- of the file


def deadline_written_wrong(patch: pytest.MonkeyPatch) -> None:
    """A deadline is a microsecond later in the file."""

    def late(new: Submission, *rest: Any) -> Row:
        return wide_row(new._replace(deadline_at=new.deadline_at and new.deadline_at + 1), *rest)

    patch.setattr(writing, "wide_row", late)


def progress_not_written(patch: pytest.MonkeyPatch) -> None:
    """The file knows nothing of a workflow's progress."""
    rare, skipped = writing._rare, statements.SET_PROGRESS
    patch.setattr(writing, "_rare", lambda checkpoints: [one for one in rare(checkpoints) if one[0] is not skipped])


def counted_from_forgotten(patch: pytest.MonkeyPatch) -> None:
    """From when on the time of all attempts is counted is not in the file."""
    rare = writing._rare

    def forgetful(checkpoints: Sequence[Checkpoint]) -> writing.Writes:
        return [
            (what, [(*row[:7], None, *row[8:]) for row in rows] if what is statements.RETRY_STEP else rows)
            for what, rows in rare(checkpoints)
        ]

    patch.setattr(writing, "_rare", forgetful)


BREAKAGES_ELSEWHERE: list[Callable[[pytest.MonkeyPatch], None]] = [
    signal_consumed_again,
    ids_reused_after_a_fork,
    request_never_found,
    submitted_piece_by_piece,
    code_is_told_another_time,
    fork_copies_one_event_more,
    retry_keeps_the_outcome,
    retry_undoes_everything,
    delete_takes_live_descendants,
    delete_takes_awaited_children,
    final_failures_retried,
    wait_on_cancel_ignored,
    one_context_for_all,
    one_context_for_all_branches,
    closed_in_another_context,
]

#: Found only on SQLite.
BREAKAGES_OF_FILE: list[Callable[[pytest.MonkeyPatch], None]] = [
    deadline_written_wrong,
    progress_not_written,
    counted_from_forgotten,
]
