"""Whether the unfinished workflows of a file replay under the code that is registered here."""

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
    """A workflow that this code could not go on with."""

    workflow_id: str
    name: str
    status: WorkflowStatus
    #: What stands in the way, as it would be the reason of its stalling.
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.workflow_id}, {self.status}): {self.reason}"


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What `Orchestrator.check_replay` found."""

    #: How many workflows were replayed.
    checked: int
    problems: tuple[ReplayProblem, ...]

    @property
    def ok(self) -> bool:
        """Whether all of them replay."""
        return not self.problems

    def __str__(self) -> str:
        bad = len(self.problems)
        head = f"{self.checked - bad} of {self.checked} unfinished workflows replay under this code"
        head += f"; {bad} do not:" if bad > 1 else "; one does not:" if bad else ""
        return "\n\n".join([head, *map(str, self.problems)])


def check_replay(path: str, registry: Registry, codec: Codec) -> ReplayReport:
    """Replay every unfinished workflow of a file, and let go of it again; nothing is written.

    A file of an older version is not brought up to date, since its owner may be running still: a copy of it is.

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
    """Replay one workflow; what stands in the way, if anything does."""
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
