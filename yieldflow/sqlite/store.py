"""`SqliteStore`: workflows in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from .._core.errors import DatabaseOpenError, RefusedValueError, StorageError, WorkflowAlreadyExistsError
from .._core.history import Failure, History, Micros, Started, WorkflowStatus
from ..store import Checkpoint, Pending, StepRecord, Submission, WorkflowRecord
from . import opening
from .rows import (
    WORKFLOW_STATUSES,
    Row,
    failure_columns,
    history,
    outcome_columns,
    step_record,
    stored_text,
    workflow_record,
    workflow_row,
)
from .schema import UNFINISHED

# ---------------------------------------------------------------------- writing

# What every workflow and step goes through has statements of its own: to bind a parameter costs as much as to write it.
INSERT_WORKFLOW = """
insert into workflows (id, name, status, created_at, starts_at, started_at, seed, input)
values (?, ?, 'processing', ?, ?, ?, ?, ?)
"""
START_WORKFLOW = "update workflows set started_at = ?, run = ? where id = ?"
COMPLETE_WORKFLOW = """
update workflows set status = 'done', reason = null, finished_at = ?, output = ?, error = null, error_type = null,
                     error_traceback = null
where id = ?
"""
CHANGE_STATUS = """
update workflows set status = ?, reason = ?, finished_at = ?, output = ?, error = ?, error_type = ?,
                     error_traceback = ?
where id = ?
"""
COUNT_RECOVERY = "update workflows set recovery_attempts = ? where id = ?"

INSERT_STEP = """
insert into activity_executions (workflow_id, run, step, kind, name, status, turn, due_at, scheduled_at, source, input)
values (?, ?, ?, ?, ?, 'scheduled', ?, ?, ?, ?, ?)
"""
# An outcome is applied once: a step that has ended is not found, and the checkpoint refused.
END_STEP = """
update activity_executions set status = 'done', output = ?, finished_at = ?, attempt = ?, applied = ?
where workflow_id = ? and run = ? and step = ? and applied is null
"""
FAIL_STEP = """
update activity_executions set status = 'failed', output = ?, error = ?, error_type = ?, error_traceback = ?,
                               finished_at = ?, attempt = ?, applied = ?
where workflow_id = ? and run = ? and step = ? and applied is null
"""
CANCEL_STEP = """
update activity_executions set status = 'cancelled', finished_at = ?
where workflow_id = ? and run = ? and step = ? and applied is null and status <> 'cancelled'
"""

# ---------------------------------------------------------------------- reading

# What is derived from the steps: how many outcomes were applied, when one last changed, which activity is awaited.
SELECT_WORKFLOWS = """
select id, name, status, run, seed, input, progress, output, error, error_type, error_traceback, reason, parent,
       created_at, starts_at, started_at, finished_at, recovery_attempts,
       (select count(applied) from activity_executions as s where s.workflow_id = w.id and s.run = w.run),
       (select max(max(scheduled_at, ifnull(finished_at, 0))) from activity_executions as s
        where s.workflow_id = w.id and s.run = w.run),
       (select s.name from activity_executions as s
        where s.workflow_id = w.id and s.run = w.run and s.status = 'scheduled' and s.kind = 'activity'
        order by s.step limit 1)
from workflows as w
"""
SELECT_WORKFLOW = SELECT_WORKFLOWS + "where id = ?"
SELECT_ALL = SELECT_WORKFLOWS + "order by created_at desc, number desc"
SELECT_NAMED = SELECT_WORKFLOWS + "where name = ? order by created_at desc, number desc"

SELECT_STEPS = """
select step, kind, name, status, attempt, turn, applied, due_at, scheduled_at, finished_at, source, input,
       output, error, error_type, error_traceback
from activity_executions
where workflow_id = ? and run = ifnull(?, (select run from workflows where id = workflow_id))
order by step
"""

SELECT_UNFINISHED = f"""
select id, status, run, starts_at, started_at, recovery_attempts from workflows
where {UNFINISHED}
order by created_at, number
"""
# `cross join` has SQLite begin with the workflows, of which the index knows the unfinished ones.
SELECT_OPEN_STEPS = f"""
select id, step, due_at
from (select id, run from workflows where {UNFINISHED}) as w
cross join activity_executions as s on s.workflow_id = w.id and s.run = w.run
where s.applied is null and s.status <> 'cancelled'
"""
SELECT_ARRIVALS = f"""
select id, number from workflows
where {UNFINISHED} and started_at is null and status = 'processing' and number > ?
order by created_at, number
"""
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
        self._forget = weakref.finalize(self, _open.pop, id(self), None)
        #: What `PRAGMA data_version` said when `arrivals` last looked.
        self._seen_version: int | None = None
        #: The `number` of the last workflow that `arrivals` told of.
        self._seen_number = 0

    # ------------------------------------------------------------------ the scheduler's

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write all checkpoints in one transaction, durably."""
        self._write(self._writer, _writes(checkpoints))

    def load(self, workflow_id: str) -> tuple[WorkflowRecord, History] | None:
        """A workflow's row and the history of its current run; None where there is no such workflow."""
        with self._translated():
            row = self._writer.execute(SELECT_WORKFLOW, (stored_text(workflow_id),)).fetchone()
            if row is None:
                return None
            record = workflow_record(row)
            return record, history(record.started_at, self._writer.execute(SELECT_STEPS, (workflow_id, record.run)))

    def unfinished(self) -> list[Pending]:
        """Every workflow that has not ended, oldest first."""
        with self._translated():
            sleeps: dict[str, list[tuple[int, Micros]]] = {}
            busy: set[str] = set()
            for workflow_id, step, due_at in self._writer.execute(SELECT_OPEN_STEPS):
                if due_at is None:
                    busy.add(workflow_id)
                else:
                    sleeps.setdefault(workflow_id, []).append((step, due_at))
            return [
                Pending(
                    workflow_id=workflow_id,
                    # A damaged row keeps nobody else from going on: `load` tells what is wrong with it.
                    status=WORKFLOW_STATUSES.get(status, WorkflowStatus.STALLED),
                    run=run,
                    starts_at=None if started_at is not None else starts_at,
                    started=started_at is not None,
                    active=started_at is not None and (workflow_id in busy or workflow_id not in sleeps),
                    sleeps=sleeps.get(workflow_id, ()),
                    recovery_attempts=recovery_attempts,
                )
                for workflow_id, status, run, starts_at, started_at, recovery_attempts in self._writer.execute(
                    SELECT_UNFINISHED
                )
            ]

    def arrivals(self) -> list[str]:
        """Ids of workflows that no turn has driven yet and that came since the last call, oldest first."""
        with self._translated():
            version: int = self._writer.execute("pragma data_version").fetchone()[0]
            if version == self._seen_version:
                return []
            # Only what came since the last look: many may be waiting for a start that is far off.
            found = self._writer.execute(SELECT_ARRIVALS, (self._seen_number,)).fetchall()
            self._seen_version = version
            self._seen_number = max((number for _, number in found), default=self._seen_number)
            return [row[0] for row in found]

    # ------------------------------------------------------------------ anyone's

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Add workflows as a client: all or none, for the owner to find by `arrivals`."""
        with self._lock:
            self._write(self._reader, [(INSERT_WORKFLOW, [workflow_row(new, None) for new in submissions])])

    def record(self, workflow_id: str) -> WorkflowRecord | None:
        """A workflow's row; None where there is no such workflow."""
        with self._lock, self._translated():
            row = self._reader.execute(SELECT_WORKFLOW, (stored_text(workflow_id),)).fetchone()
        return None if row is None else workflow_record(row)

    def records(self, name: str | None = None) -> list[WorkflowRecord]:
        """The rows of all workflows, or of those of one name, newest first."""
        with self._lock, self._translated():
            if name is None:
                rows = self._reader.execute(SELECT_ALL).fetchall()
            else:
                rows = self._reader.execute(SELECT_NAMED, (stored_text(name),)).fetchall()
        return [workflow_record(row) for row in rows]

    def steps(self, workflow_id: str) -> list[StepRecord]:
        """The steps of a workflow's current run, by number."""
        with self._lock, self._translated():
            rows = self._reader.execute(SELECT_STEPS, (stored_text(workflow_id), None)).fetchall()
        return [step_record(row) for row in rows]

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        with self._lock, self._translated():
            self._reader.close()
            self._writer.close()
            self._forget()

    # ------------------------------------------------------------------ transactions, and what goes wrong

    def _write(self, connection: sqlite3.Connection, writes: Sequence[tuple[str, list[Row]]]) -> None:
        """Carry out statements in one transaction; after any error nothing is written."""
        try:
            connection.execute("begin immediate")
            for statement, rows in writes:
                if rows:
                    changed = connection.executemany(statement, rows).rowcount
                    if changed != len(rows):
                        raise RefusedValueError(
                            f"{self.path}: {len(rows) - changed} of the workflows or steps to be changed are not there "
                            "or have ended already: was a row changed by hand?"
                        )
            connection.execute("commit")
        except BaseException as error:
            _roll_back(connection)
            if isinstance(error, sqlite3.IntegrityError):
                with self._translated():
                    _check_taken(connection, [row[0] for row in dict(writes)[INSERT_WORKFLOW]])
            if isinstance(error, _REFUSALS) or "binding parameter" in str(error):
                raise RefusedValueError(f"{self.path}: a value cannot be stored: {error}") from error
            if isinstance(error, sqlite3.Error):
                raise StorageError(f"{self.path}: nothing was written: {error}{opening.advice(error)}") from error
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(f"{self.path}: {error}{opening.advice(error)}") from error


#: The stores that are open, as file and process. A forked child finds its parent's here.
_open: dict[int, tuple[str, int]] = {}


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
            raise WorkflowAlreadyExistsError(f"there is a workflow with the id {workflow_id!r} already")
        seen.add(workflow_id)


def _writes(checkpoints: Sequence[Checkpoint]) -> list[tuple[str, list[Row]]]:
    """The statements of a commit with their rows, in the order in which they have to be carried out."""
    created: list[Row] = []
    started: list[Row] = []
    completed: list[Row] = []
    statuses: list[Row] = []
    recovered: list[Row] = []
    issued: list[Row] = []
    ended: list[Row] = []
    failed: list[Row] = []
    cancelled: list[Row] = []
    for checkpoint in checkpoints:
        workflow_id, run, at, place = checkpoint.workflow_id, checkpoint.run, checkpoint.at, checkpoint.place
        if checkpoint.created is not None:
            created.append(workflow_row(checkpoint.created, checkpoint.started_at))
        elif place == 0 and checkpoint.events:
            started.append((checkpoint.events[0].at, run, workflow_id))
        if checkpoint.status is WorkflowStatus.DONE:
            completed.append((at, checkpoint.outcome, workflow_id))
        elif checkpoint.status is not None:
            reason = None if checkpoint.reason is None else stored_text(checkpoint.reason)
            columns = outcome_columns(checkpoint.outcome)
            statuses.append((checkpoint.status.value, reason, checkpoint.finished_at, *columns, workflow_id))
        if checkpoint.recovery_attempts is not None:
            recovered.append((checkpoint.recovery_attempts, workflow_id))
        for order, event in enumerate(checkpoint.events, place):
            if isinstance(event, Started):
                continue
            number, outcome, ended_at, attempt = event
            if isinstance(outcome, Failure):
                failed.append((*failure_columns(outcome), ended_at, attempt, order, workflow_id, run, number))
            else:
                ended.append((outcome, ended_at, attempt, order, workflow_id, run, number))
        for number, kind, name, arguments, turn, source, due_at in checkpoint.issued:
            where = source if source.isascii() else stored_text(source)
            issued.append((workflow_id, run, number, kind.value, name, turn, due_at, at, where, arguments))
        for number in checkpoint.cancelled:
            cancelled.append((at, workflow_id, run, number))
    return [
        (INSERT_WORKFLOW, created),
        (START_WORKFLOW, started),
        (INSERT_STEP, issued),
        (END_STEP, ended),
        (FAIL_STEP, failed),
        (CANCEL_STEP, cancelled),
        (COMPLETE_WORKFLOW, completed),
        (CHANGE_STATUS, statuses),
        (COUNT_RECOVERY, recovered),
    ]
