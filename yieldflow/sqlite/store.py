"""`SqliteStore`: workflows in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal, TypeVar

from .._core.errors import DatabaseLostError, DatabaseOpenError, RefusedValueError, StorageError
from .._core.history import Micros, WorkflowStatus
from ..filter import EVERYTHING, Filter
from ..store import (
    Arrivals,
    Checkpoint,
    Found,
    Loaded,
    Pending,
    Request,
    Rewind,
    Sleeper,
    StepRecord,
    Submission,
    WorkflowBrief,
    WorkflowRecord,
    id_taken_error,
)
from . import connections, listing, reading, rewind, writing
from .file_guard import Presence
from .row_checks import tolerantly
from .rows import stored_text

T = TypeVar("T")

#: How a transaction begins: with the lock of whoever writes, or by the first look.
BEGIN = {"immediate": "begin immediate", "deferred": "begin deferred"}

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

    Any method raises `DatabaseLostError` once the file was deleted, moved, replaced or damaged.
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
        self.path = connections.resolve(path)
        self._busy_timeout = busy_timeout
        _refuse_after_fork(self.path)
        connections.prepare(self.path, busy_timeout)
        #: The scheduler's thread uses the one, all others the other, which the lock guards.
        self._writer = connections.connect(self.path, durability, busy_timeout)
        try:
            self._reader = connections.connect(self.path, durability, busy_timeout)
        except BaseException:
            self._writer.close()
            raise
        try:
            self._presence = Presence(self.path)
        except OSError as error:
            self._reader.close()
            self._writer.close()
            raise DatabaseOpenError(f"{self.path}: was deleted while it was opened: {error}") from error
        #: Why nothing more is read or written.
        self._lost: str | None = None
        self._lock = threading.Lock()
        _open[id(self)] = self.path, os.getpid()
        # A store that nobody closed is closed when it is let go of; at the exit of the interpreter it is left alone.
        self._forget = weakref.finalize(self, _let_go, id(self), (self._reader, self._writer))
        self._forget.atexit = False
        #: Whether the disk was full when something was last to be written, and the log could not be begun anew.
        self._full = False
        #: What `PRAGMA data_version` said when `arrivals` last looked.
        self._seen_version: int | None = None
        #: The last workflow that was there when `arrivals` last looked, or the store was opened.
        self._last_seen = self._ask(self._reader, reading.last_workflow)

    # ------------------------------------------------------------------ the scheduler's

    def guard(self, lock: str) -> None:
        """From here on take the store for lost, too, where the owner's lock file, which is held, is not there."""
        self._presence.guard(lock)

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Write all checkpoints in one transaction, durably."""
        told = any(checkpoint.created is not None for checkpoint in checkpoints)
        self._write(self._writer, writing.committed(checkpoints), told)

    def load(self, workflow_id: str) -> Loaded | None:
        """All that a workflow is built from, of its current run; None where there is no such workflow."""
        # A client may rewind it meanwhile: what is read is all of one moment.
        return self._at_one_moment(self._writer, lambda connection: reading.load(connection, workflow_id))

    def unfinished(self) -> list[Pending]:
        """Every workflow that has not ended, oldest first."""
        return self._at_one_moment(self._writer, reading.unfinished)

    def brief(self, workflow_id: str) -> WorkflowBrief | None:
        """Read the row of a workflow, and none of its steps; None where there is no such workflow."""
        return self._ask(self._writer, lambda connection: reading.brief(connection, workflow_id))

    def pending(self, after: int, limit: int) -> list[Found]:
        """Unfinished workflows that must be in memory, by number, of numbers above ``after``."""
        return self._at_one_moment(self._writer, lambda connection: reading.pending(connection, after, limit))

    def sleepers(self, after: tuple[Micros, int], until: Micros, limit: int) -> list[Sleeper]:
        """Workflows that rest until a moment no later than ``until``, from behind ``after`` on, soonest first."""
        return self._at_one_moment(self._writer, lambda connection: reading.sleepers(connection, after, until, limit))

    def wake_stalled(self, name: str | None = None) -> list[str]:
        """Have stalled workflows, of that name or all, be in memory, to be tried again; return their ids."""
        found = self._ask(self._writer, lambda connection: reading.stalled(connection, name))
        if found:
            self._write(self._writer, writing.woken_stalled(name), told=False)
        return found

    def arrivals(self) -> Arrivals:
        """What clients added since the last call, and what was asked and not carried out yet."""
        if self._presence.log.is_quiet:
            return Arrivals([], [])
        with self._translated():
            version: int = self._patiently(lambda: self._writer.execute("pragma data_version").fetchone()[0])
            self._presence.check()
            if version == self._seen_version:
                return Arrivals([], [])
        # Only what came since the last look: many may be waiting for a start that is far off.
        first = self._seen_version is None
        look = self._at_one_moment(
            self._writer, lambda connection: reading.arrivals(connection, self._last_seen, first)
        )
        self._seen_version, self._last_seen = version, look.last
        return look.arrivals

    def ended_children(self, workflow_id: str, run: int) -> list[WorkflowRecord]:
        """The children of a run that have ended, in the order in which they did."""
        return self._ask(self._writer, lambda connection: reading.ended_children(connection, workflow_id, run))

    def open_children(self, workflow_id: str, run: int) -> list[str]:
        """The ids of those that have not."""
        return self._ask(self._writer, lambda connection: reading.open_children(connection, workflow_id, run))

    # ------------------------------------------------------------------ anyone's

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Add workflows as a client: all or none, for the owner to find by `arrivals`."""
        with self._lock:
            self._write(self._reader, writing.submitted(submissions))

    def ask(self, requests: Sequence[Request]) -> None:
        """Ask something of workflows as a client, for the owner to find by `arrivals`: all or none."""
        with self._lock, self._transaction(self._reader):
            rewind.ask(self._reader, requests)

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
            rewind.rewind(self._reader, goal, at=at, children=children, undone=undone)

    def fork(self, workflow_id: str, run: int, place: int, new: Submission) -> None:
        """Add a workflow that is a copy of another as it stood before the event at ``place``."""
        with self._lock, self._transaction(self._reader):
            rewind.fork(self._reader, workflow_id, run, place, new)

    def delete(self, workflow_ids: Sequence[str]) -> int:
        """Delete ended workflows with all that is theirs, and their descendants; how many were deleted."""
        with self._lock, self._transaction(self._reader):
            return rewind.delete(self._reader, workflow_ids)

    def record(self, workflow_id: str) -> WorkflowRecord | None:
        """A workflow's row; None where there is no such workflow."""
        with self._lock:
            return self._ask(self._reader, lambda connection: reading.record(connection, workflow_id))

    def records(self, which: Filter = EVERYTHING) -> list[WorkflowRecord]:
        """The rows of the workflows asked for, in the order asked for."""
        with self._lock:
            return self._ask(self._reader, lambda connection: listing.listed(connection, which))

    def purgeable(self, before: Micros | None, statuses: frozenset[WorkflowStatus]) -> list[str]:
        """Workflows that ended so, before that time (None: at any), and that no parent may wait for."""
        with self._lock:
            return self._ask(self._reader, lambda connection: listing.purgeable(connection, before, statuses))

    def snapshot(self, workflow_id: str) -> Loaded | None:
        """The same as `load`, for any thread."""
        with self._lock:
            return self._at_one_moment(self._reader, lambda connection: reading.load(connection, workflow_id))

    def steps(self, workflow_id: str) -> list[StepRecord]:
        """The steps of a workflow's current run, by number."""
        with self._lock:
            return self._ask(self._reader, lambda connection: reading.steps(connection, workflow_id))

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        try:
            with self._lock:
                if self._forget.alive:
                    self._look_for_the_last_time()
                self._presence.log.close()
                self._reader.close()
                self._writer.close()
                self._forget()
        except sqlite3.Error as error:
            raise StorageError(f"{self.path}: {error}{connections.advice(error)}") from error

    # ------------------------------------------------------------------ transactions, and what goes wrong

    def _ask(self, connection: sqlite3.Connection, question: Callable[[sqlite3.Connection], T]) -> T:
        """What a question of one statement finds."""
        with self._translated():
            return self._patiently(lambda: tolerantly(connection, question))

    def _at_one_moment(self, connection: sqlite3.Connection, question: Callable[[sqlite3.Connection], T]) -> T:
        """What a question of several statements finds, all of one moment."""

        def look() -> T:
            with self._bracketed(connection, "deferred"):
                return tolerantly(connection, question)

        with self._translated():
            return self._patiently(look)

    def _write(self, connection: sqlite3.Connection, writes: writing.Writes, told: bool = True) -> None:
        """Carry out statements in one transaction; after any error nothing is written. ``told``: does anybody wait?"""
        # First, so that the log does not take what room there is now.
        self._full = self._full and not self._moves_log(connection)
        try:
            self._carry_out(connection, writes, told)
        except StorageError as error:
            if not connections.is_full(error.__cause__):
                raise
            connections.keep_log_short(connection)
            self._full = not self._moves_log(connection)
            if self._full:
                raise
            self._carry_out(connection, writes, told)

    def _moves_log(self, connection: sqlite3.Connection) -> bool:
        """Whether all of the log is in the file now, so that it is begun anew, and a full disk has room for it again.

        SQLite does so once the log is long: it may be the log that fills a small disk, and it gives nothing back.
        """
        with suppress(sqlite3.Error):
            # Emptied, and not cut off to a length: of that nobody could tell whether it was SQLite.
            _, pages, moved = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
            return bool(pages == moved)
        return False

    def _carry_out(self, connection: sqlite3.Connection, writes: writing.Writes, told: bool) -> None:
        try:
            with self._transaction(connection, told=told):
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
                    self._patiently(lambda: _check_taken(connection, new))
            raise

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection, *, told: bool = True) -> Iterator[None]:
        """What is done in it is written whole, or not at all after any error."""
        with self._translated(True, told), self._bracketed(connection, "immediate"):
            yield

    @contextmanager
    def _bracketed(self, connection: sqlite3.Connection, kind: str) -> Iterator[None]:
        """Begin and end a transaction."""
        try:
            self._patiently(lambda: connection.execute(BEGIN[kind]))
            yield
            connection.execute("commit")
        except BaseException as error:
            _roll_back(connection)
            if isinstance(error, _REFUSALS) or _is_binding(error):
                raise RefusedValueError(f"{self.path}: a value cannot be stored: {error}") from error
            raise

    def _patiently(self, call: Callable[[], T]) -> T:
        """What a call comes to, once no other connection's lock is in its way."""
        return connections.patiently(self._busy_timeout, call)

    @contextmanager
    def _translated(self, writes: bool = False, told: bool = False) -> Iterator[None]:
        """Errors of SQLite are told as ours. Where the file is lost, nothing is done, and nothing done is believed."""
        if self._lost is not None:
            raise DatabaseLostError(self._lost)
        try:
            if writes:
                self._presence.check_log()
            try:
                yield
            except sqlite3.Error as error:
                if connections.is_damage(error):
                    raise self._presence.damage(str(error)) from error
                # One of Python's own, of a connection that is closed, tells nothing of the file.
                if not isinstance(error, sqlite3.ProgrammingError):
                    self._presence.check()
                what = "nothing was written: " if writes else ""
                raise StorageError(f"{self.path}: {what}{error}{connections.advice(error)}") from error
            if told:
                self._presence.check()
            else:
                self._presence.check_now_and_then()
        except DatabaseLostError as lost:
            self._give_up(str(lost))
            raise

    def _give_up(self, why: str) -> None:
        """From here on nothing is read or written, but for what has to be where the file is now."""
        self._lost = why
        with suppress(sqlite3.Error):
            if self._presence.damaged:
                self._leave_alone()
            elif self._presence.moved:
                # The log belongs to the file that is elsewhere, and would do harm to another in its place.
                self._writer.execute("pragma wal_checkpoint(truncate)")

    def _look_for_the_last_time(self) -> None:
        """See that what SQLite moves into the file when it is closed belongs there."""
        if self._lost is None:
            try:
                self._presence.check()
            except DatabaseLostError as lost:
                self._give_up(str(lost))
        elif self._presence.damaged:
            # Once more: a statement that was under way in another thread may have undone it.
            self._leave_alone()

    def _leave_alone(self) -> None:
        """Have what was damaged stay as it is when it is closed."""
        connections.leave_alone(self._reader)
        connections.leave_alone(self._writer)


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


#: SQLite works, but this value or row cannot be stored.
_REFUSALS = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError)


def _is_binding(error: BaseException) -> bool:
    """Whether a value is of no type of SQLite's: a `ProgrammingError`, told from defects of ours by its text alone."""
    return isinstance(error, sqlite3.Error) and "binding parameter" in str(error)


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
            raise id_taken_error(workflow_id)
        seen.add(workflow_id)
