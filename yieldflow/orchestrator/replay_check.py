"""Replays the unfinished workflows of a file under the code that is registered here: `Orchestrator.check_replay`."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass

from .._core.errors import DatabaseOpenError
from .._core.history import Codec, WorkflowStatus
from .._core.registry import Registry
from ..filter import Filter
from ..scheduler.live import Driver, stall_reason
from ..store import Store, WorkflowRecord

#: The statuses of workflows that have still to go on.
UNFINISHED = frozenset({WorkflowStatus.PROCESSING, WorkflowStatus.SUSPENDED, WorkflowStatus.STALLED})


@dataclass(frozen=True, slots=True)
class ReplayProblem:
    """A workflow that would stall under this code, as `ReplayReport.problems` lists it.

    ``str(problem)`` is a text for people, with everything in it.

    Example:
        >>> for problem in orchestrator.check_replay().problems:
        ...     print(problem.workflow_id, problem.reason)
    """

    #: The workflow's id.
    workflow_id: str
    #: The name that the workflow is registered under.
    name: str
    #: Its status now.
    status: WorkflowStatus
    #: The reason for which it would stall, with the recorded and the yielded command.
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.workflow_id}, {self.status}): {self.reason}"


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """The findings of `Orchestrator.check_replay`.

    ``str(report)`` is a text for people, with every problem in it.

    Example:
        >>> report = Orchestrator("shop.db").check_replay()
        >>> assert report.ok, report
    """

    #: The number of workflows that were replayed.
    checked: int
    #: The workflows that would stall, the oldest first.
    problems: tuple[ReplayProblem, ...]

    @property
    def ok(self) -> bool:
        """True if every workflow replays."""
        return not self.problems

    def __str__(self) -> str:
        bad = len(self.problems)
        head = f"{self.checked - bad} of {self.checked} unfinished workflows replay under this code"
        head += f"; {bad} do not:" if bad > 1 else "; one does not:" if bad else ""
        return "\n\n".join([head, *map(str, self.problems)])


def check_replay(path: str, registry: Registry, codec: Codec) -> ReplayReport:
    """Replay every unfinished workflow of a file, one after the other; nothing is written.

    A file of an older version is not migrated, since its owner may still be running: a copy of it is.

    Raises:
        DatabaseOpenError: There is no such file, or it cannot be used.
    """
    if not os.path.exists(path):
        raise DatabaseOpenError(f"{path}: does not exist, so there is nothing to replay: mend the path")
    from tempfile import TemporaryDirectory

    from ..sqlite import SqliteStore
    from ..sqlite.connections import unmigrated

    with TemporaryDirectory(prefix="yieldflow-") as folder, closing(SqliteStore(unmigrated(path, folder))) as store:
        found = store.records(Filter(statuses=UNFINISHED, oldest_first=True))
        problems = [problem for record in found for problem in _replay(store, record, registry, codec)]
    return ReplayReport(len(found), tuple(problems))


def _replay(store: Store, record: WorkflowRecord, registry: Registry, codec: Codec) -> list[ReplayProblem]:
    """Replay one workflow, and return the problem, if there is one."""
    if record.damaged:
        return [ReplayProblem(record.id, record.name, record.status, record.reason or "")]
    try:
        loaded = store.load(record.id)
        if loaded is not None:
            Driver(codec, registry).rebuild(loaded).execution.close()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever it is, it is one workflow's
        return [ReplayProblem(record.id, record.name, record.status, stall_reason(error))]
    return []
