"""`SqliteStore`: workflows in one SQLite file."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Literal

from .._core.history import Micros, WorkflowStatus
from ..filter import EVERYTHING, Filter
from ..store import (
    Arrivals,
    BufferedSignals,
    Checkpoint,
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
from . import listing, reading, rewind, vacuum, writing
from .database import Database

#: The submission that a checkpoint puts on disk; None for most.
_created = attrgetter("created")


class SqliteStore(Database):
    """A `Store` in one SQLite file. See `Database` for its arguments, and what any call may raise."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        durability: Literal["full", "normal"] = "full",
        *,
        busy_timeout: float = 5.0,
        create: bool = True,
    ) -> None:
        super().__init__(path, durability, busy_timeout=busy_timeout, create=create)
        #: The `_data_version` when `arrivals` last looked.
        self._seen_version: int | None = None
        #: The last workflow that was there when `arrivals` last looked, or the store was opened.
        try:
            last = self._read(reading.last_workflow)
        except BaseException:
            self.close()
            raise
        self._last_seen = last

    # ------------------------------------------------------------------ the scheduler's

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write all checkpoints in one transaction, durably."""
        is_told = any(map(_created, checkpoints))
        writes = writing.committed(checkpoints)
        self._write(lambda connection: writing.write(connection, writes), by_scheduler=True, is_told=is_told)

    def load(self, workflow_id: str) -> Loaded | None:
        """All that a workflow is built from, of its current run; None where there is no such workflow."""
        return self._read(lambda connection: reading.load(connection, workflow_id), by_scheduler=True)

    def brief(self, workflow_id: str) -> WorkflowBrief | None:
        """Read the row of a workflow, and none of its steps; None where there is no such workflow."""
        return self._read(lambda connection: reading.brief(connection, workflow_id), by_scheduler=True)

    def pending(self, after: int, limit: int, *, counted: bool) -> list[Found]:
        """Unfinished workflows that must be in memory, by number, of numbers above ``after``."""
        return self._read(lambda connection: reading.pending(connection, after, limit, counted), by_scheduler=True)

    def sleepers(self, after: tuple[Micros, int], until: Micros, limit: int) -> list[Sleeper]:
        """Workflows that rest until a moment no later than ``until``, from behind ``after`` on, soonest first."""
        return self._read(lambda connection: reading.sleepers(connection, after, until, limit), by_scheduler=True)

    def untaken_signals(self, after: tuple[str, int], limit: int) -> list[UntakenSignal]:
        """Signals that were not received, from behind ``after`` on."""
        return self._read(lambda connection: reading.untaken_signals(connection, after, limit), by_scheduler=True)

    def wake_stalled(self, name: str | None = None) -> list[str]:
        """Have stalled workflows, of that name or all, be in memory, to be tried again; return their ids."""
        found = self._read(lambda connection: reading.stalled(connection, name), by_scheduler=True)
        if found:
            self._write(lambda connection: writing.wake_stalled(connection, name), by_scheduler=True, is_told=False)
        return found

    def arrivals(self) -> Arrivals:
        """Find what clients added since the last call, and what was asked and not carried out yet."""
        if self._presence.log.is_quiet:
            return Arrivals([], [])
        version = self._data_version()
        if version == self._seen_version:
            return Arrivals([], [])
        self._check_schema_version()
        # Only what came since the last look: many may be waiting for a start that is far off.
        last = self._last_seen
        look = self._read(lambda connection: reading.arrivals(connection, last), by_scheduler=True)
        self._seen_version, self._last_seen = version, look.last
        return look.arrivals

    def ended_children(self, workflow_id: str, run: int) -> list[WorkflowRecord]:
        """The children of a run that have ended, in the order in which they did."""
        return self._read(lambda connection: reading.ended_children(connection, workflow_id, run), by_scheduler=True)

    def open_children(self, workflow_id: str, run: int) -> list[str]:
        """The ids of those that have not."""
        return self._read(lambda connection: reading.open_children(connection, workflow_id, run), by_scheduler=True)

    # ------------------------------------------------------------------ anyone's

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Add workflows as a client: all or none, for the owner to find by `arrivals`."""
        self._write(lambda connection: writing.write(connection, writing.submitted(submissions)))

    def ask(self, requests: Sequence[Request]) -> None:
        """Ask something of workflows as a client, for the owner to find by `arrivals`: all or none."""
        self._write(lambda connection: rewind.ask(connection, requests))

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
        """Have a workflow that failed, was cancelled or stalled, and children of it, go on from before an event."""
        goal = Rewind(workflow_id, run, place, reapply)
        self._write(lambda connection: rewind.rewind(connection, goal, at=at, children=children, undone=undone))

    def fork(self, workflow_id: str, run: int, place: int, new: Submission) -> None:
        """Add a workflow that is a copy of another as it stood before the event at ``place``."""
        self._write(lambda connection: rewind.fork(connection, workflow_id, run, place, new))

    def delete(self, workflow_ids: Sequence[str]) -> int:
        """Delete ended workflows with all that is theirs, and their descendants, and return how many."""
        return self._write(lambda connection: rewind.delete(connection, workflow_ids), makes_room=True)

    def vacuum(self) -> int:
        """Give the room of what was deleted back to the disk; how many bytes the file has become smaller."""
        before, must_be_copied = self._read(
            lambda connection: (vacuum.size(connection), vacuum.must_be_copied(connection))
        )
        if must_be_copied:
            self._outside(lambda: vacuum.copy(self.path, self._busy_timeout))
        else:
            began = time.monotonic()
            while self._write(vacuum.step, makes_room=True):
                # Whoever else writes comes to his turn.
                time.sleep(time.monotonic() - began)
                began = time.monotonic()
        self._shorten_log()
        return max(0, before - self._read(vacuum.size))

    def record(self, workflow_id: str) -> WorkflowRecord | None:
        """A workflow's row; None where there is no such workflow."""
        return self._read(lambda connection: reading.record(connection, workflow_id))

    def ended(self, workflow_ids: Collection[str], since: object) -> tuple[object, Collection[str]]:
        """Those of the workflows that have ended, stalled or gone; none where nothing was written since."""
        return self._read(lambda connection: reading.ended(connection, workflow_ids, since))

    def records(self, which: Filter = EVERYTHING) -> list[WorkflowRecord]:
        """The rows of the workflows asked for, in the order asked for."""
        return self._read(lambda connection: listing.listed(connection, which))

    def purgeable(self, before: Micros | None, statuses: frozenset[WorkflowStatus]) -> list[str]:
        """Workflows that ended so, before that time (None: at any), and that no parent may wait for."""
        return self._read(lambda connection: listing.purgeable(connection, before, statuses))

    def snapshot(self, workflow_id: str) -> Loaded | None:
        """The same as `load`, for any thread."""
        return self._read(lambda connection: reading.load(connection, workflow_id))

    def steps(self, workflow_id: str) -> list[StepRecord]:
        """The steps of a workflow's current run, by number."""
        return self._read(lambda connection: reading.steps(connection, workflow_id))

    def buffered_signals(self, workflow_id: str) -> list[BufferedSignals]:
        """The signals that a workflow has not received, by name."""
        return self._read(lambda connection: reading.buffered_signals(connection, workflow_id))
