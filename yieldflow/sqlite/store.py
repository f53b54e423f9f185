"""`SqliteStore`: workflows in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal

from .._core.errors import DatabaseOpenError, RefusedValueError, StorageError
from .._core.history import Micros, WorkflowStatus
from ..store import (
    EVERYTHING,
    Arrivals,
    Checkpoint,
    Filter,
    Loaded,
    Pending,
    Request,
    Rewind,
    StepRecord,
    Submission,
    WorkflowRecord,
    taken,
)
from . import changing, listing, opening, reading, writing
from .rows import step_record, stored_text, workflow_record

SELECT_TAKEN = "select 1 from workflows where id = ?"


class SqliteStore:
    """A `Store` in one SQLite file.

    Args:
        path: The file; it is created where there is none, readable by its owner only.
        durability: ``"full"``: what is committed outlives a loss of power. ``"normal"``: a loss of power may take
            the latest commits, though never half of one; a killed process loses nothing either way.
        busy_timeout: How long to wait for a program that holds the database's lock, in seconds.

    Raises:
        DatabaseOpenError: The file cannot be used; the message says why and what to do. It was not changed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        durability: Literal["full", "normal"] = "full",
        *,
        busy_timeout: float = 5.0,
    ) -> None:
        if durability not in ("full", "normal"):
            raise ValueError(f"durability is 'full' or 'normal', not {durability!r}")
        self.path = opening.resolve(path)
        _refuse_after_fork(self.path)
        opening.prepare(self.path, busy_timeout)
        #: The scheduler's thread uses the one, all others the other, which the lock guards.
        self._writer = opening.connect(self.path, durability, busy_timeout)
        try:
            self._reader = opening.connect(self.path, durability, busy_timeout)
        except BaseException:
            self._writer.close()
            raise
        self._lock = threading.Lock()
        _open[id(self)] = self.path, os.getpid()
        # A store that nobody closed is closed when it is let go of; at the exit of the interpreter it is left alone.
        self._forget = weakref.finalize(self, _let_go, id(self), (self._reader, self._writer))
        self._forget.atexit = False
        #: What `PRAGMA data_version` said when `arrivals` last looked.
        self._seen_version: int | None = None
        #: Number, id and seed of the last workflow that `arrivals` told of.
        self._last_told: tuple[int, str, bytes] = (0, "", b"")

    # ------------------------------------------------------------------ the scheduler's

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write all checkpoints in one transaction, durably."""
        self._write(self._writer, writing.committed(checkpoints))

    def load(self, workflow_id: str) -> Loaded | None:
        """All that a workflow is built from, of its current run; None where there is no such workflow."""
        # A client may rewind it meanwhile: what is read is all of one moment.
        with self._transaction(self._writer, "deferred"):
            return reading.load(self._writer, workflow_id)

    def unfinished(self) -> list[Pending]:
        """Every workflow that has not ended, oldest first."""
        with self._transaction(self._writer, "deferred"):
            return reading.unfinished(self._writer)

    def arrivals(self) -> Arrivals:
        """What clients added since the last call, and what was asked and not carried out yet."""
        with self._translated():
            version: int = self._writer.execute("pragma data_version").fetchone()[0]
            if version == self._seen_version:
                return Arrivals([], [])
        with self._transaction(self._writer, "deferred"):
            # Only what came since the last look: many may be waiting for a start that is far off. Where the last one
            # was deleted, its number may be another's by now, and there is nothing to go by.
            known = self._writer.execute(reading.SELECT_ANCHOR, self._last_told).fetchone() is not None
            found = self._writer.execute(reading.SELECT_ARRIVALS, (self._last_told[0] if known else 0,)).fetchall()
            requests = reading.requests(self._writer)
        self._seen_version = version
        if found:
            self._last_told = max((number, workflow_id, seed) for workflow_id, number, seed in found)
        return Arrivals([row[0] for row in found], requests)

    def ended_children(self, workflow_id: str, run: int) -> list[WorkflowRecord]:
        """The children of a run that have ended, in the order in which they did."""
        with self._translated():
            rows = self._writer.execute(reading.SELECT_ENDED_CHILDREN, (stored_text(workflow_id), run)).fetchall()
        return [workflow_record(row) for row in rows]

    def open_children(self, workflow_id: str, run: int) -> list[str]:
        """The ids of those that have not."""
        with self._translated():
            rows = self._writer.execute(reading.SELECT_OPEN_CHILDREN, (stored_text(workflow_id), run)).fetchall()
        return [row[0] for row in rows]

    # ------------------------------------------------------------------ anyone's

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Add workflows as a client: all or none, for the owner to find by `arrivals`."""
        with self._lock:
            self._write(self._reader, writing.submitted(submissions))

    def ask(self, requests: Sequence[Request]) -> None:
        """Ask something of workflows as a client, for the owner to find by `arrivals`: all or none."""
        with self._lock, self._transaction(self._reader):
            changing.ask(self._reader, requests)

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
        goal = Rewind(workflow_id, run, place, reapply)
        with self._lock, self._transaction(self._reader):
            changing.rewind(self._reader, goal, at=at, children=children, undone=undone)

    def fork(self, workflow_id: str, run: int, place: int, new: Submission) -> None:
        """Add a workflow that is a copy of another as it stood before the event at ``place``."""
        with self._lock, self._transaction(self._reader):
            changing.fork(self._reader, workflow_id, run, place, new)

    def delete(self, workflow_ids: Sequence[str]) -> int:
        """Delete ended workflows with all that is theirs, and their descendants; how many were deleted."""
        with self._lock, self._transaction(self._reader):
            return changing.delete(self._reader, workflow_ids)

    def record(self, workflow_id: str) -> WorkflowRecord | None:
        """A workflow's row; None where there is no such workflow."""
        with self._lock, self._translated():
            row = self._reader.execute(reading.SELECT_WORKFLOW, (stored_text(workflow_id),)).fetchone()
        return None if row is None else workflow_record(row)

    def records(self, which: Filter = EVERYTHING) -> list[WorkflowRecord]:
        """The rows of the workflows asked for, in the order asked for."""
        with self._lock, self._translated():
            rows = listing.listed(self._reader, which)
        return [workflow_record(row) for row in rows]

    def purgeable(self, before: Micros | None, statuses: frozenset[WorkflowStatus]) -> list[str]:
        """Workflows that ended so, before that time (None: at any), and that no parent may wait for."""
        with self._lock, self._translated():
            return listing.purgeable(self._reader, before, statuses)

    def snapshot(self, workflow_id: str) -> Loaded | None:
        """The same as `load`, for any thread."""
        with self._lock, self._transaction(self._reader, "deferred"):
            return reading.load(self._reader, workflow_id)

    def steps(self, workflow_id: str) -> list[StepRecord]:
        """The steps of a workflow's current run, by number."""
        with self._lock, self._translated():
            rows = self._reader.execute(reading.SELECT_STEPS, (stored_text(workflow_id), None)).fetchall()
        return [step_record(row) for row in rows]

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        with self._lock, self._translated():
            self._reader.close()
            self._writer.close()
            self._forget()

    # ------------------------------------------------------------------ transactions, and what goes wrong

    def _write(self, connection: sqlite3.Connection, writes: writing.Writes) -> None:
        """Carry out statements in one transaction; after any error nothing is written."""
        try:
            with self._transaction(connection):
                for statement, rows in writes:
                    if rows:
                        changed = writing.carry_out(connection, statement, rows)
                        if changed != len(rows) and statement not in writing.LENIENT:
                            raise RefusedValueError(
                                f"{self.path}: {len(rows) - changed} of the workflows or steps to be changed are not "
                                "there or have ended already: was a row changed by hand?"
                            )
        except RefusedValueError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                new = [row[0] for statement, rows in writes if statement in writing.CREATING for row in rows]
                with self._translated():
                    _check_taken(connection, new)
            raise

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection, kind: str = "immediate") -> Iterator[None]:
        """What is done in it is written whole, or not at all after any error; what is read is of one moment."""
        try:
            connection.execute(f"begin {kind}")
            yield
            connection.execute("commit")
        except BaseException as error:
            _roll_back(connection)
            if isinstance(error, _REFUSALS) or (isinstance(error, sqlite3.Error) and "binding parameter" in str(error)):
                raise RefusedValueError(f"{self.path}: a value cannot be stored: {error}") from error
            if isinstance(error, sqlite3.Error):
                what = "nothing was written: " if kind == "immediate" else ""
                raise StorageError(f"{self.path}: {what}{error}{opening.advice(error)}") from error
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(f"{self.path}: {error}{opening.advice(error)}") from error


#: The stores that are open, as file and process. A forked child finds its parent's here.
_open: dict[int, tuple[str, int]] = {}


def _let_go(key: int, connections: Sequence[sqlite3.Connection]) -> None:
    _open.pop(key, None)
    for connection in connections:
        with suppress(sqlite3.Error):
            connection.close()


def _refuse_after_fork(path: str) -> None:
    """Refuse a file that the parent had open when it forked this process.

    SQLite's memory came along and says that this process holds the parent's locks, which it does not. It would write
    without them, and what it wrote would be lost.
    """
    if any(opened == path and process != os.getpid() for opened, process in list(_open.values())):
        raise DatabaseOpenError(
            f"{path}: was open when this process was forked, and SQLite's locks do not pass through a fork: begin the "
            'process anew instead, as multiprocessing.get_context("spawn") does'
        )


#: SQLite works, but this value or row cannot be stored. (That a type is none of SQLite's comes as a `ProgrammingError`,
#: as do defects of ours, and is told from them by its text alone.)
_REFUSALS = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError)


def _roll_back(connection: sqlite3.Connection) -> None:
    try:
        if connection.in_transaction:
            connection.execute("rollback")
    except sqlite3.Error:
        pass  # The error that led here is the one to report.


def _check_taken(connection: sqlite3.Connection, new_ids: Sequence[str]) -> None:
    """Raise `WorkflowAlreadyExistsError` where one of the ids is taken, by a row or by another of them."""
    seen: set[str] = set()
    for workflow_id in new_ids:
        if workflow_id in seen or connection.execute(SELECT_TAKEN, (stored_text(workflow_id),)).fetchone():
            raise taken(workflow_id)
        seen.add(workflow_id)
