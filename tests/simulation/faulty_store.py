"""The disk: a store that fails, refuses values and kills the process where the plan says so, and enters every write."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from tests.support.engine import Crash, WatchedStore
from tests.support.files import copy_as_left
from yieldflow import StorageError
from yieldflow._core.errors import RefusedValueError, WorkflowNotEndedError, YieldflowError
from yieldflow._core.history import SEED_LENGTH, Micros, WorkflowStatus
from yieldflow.sqlite import SqliteStore
from yieldflow.store import Arrivals, Checkpoint, Loaded, Request, Rewind, Store, Submission
from yieldflow.testing.memory import MemoryStore

from .disk_checks import compare_all, compare_changed
from .engine_internals import failing_after, reader_of, writer_of
from .ledger import Ledger
from .plan import AT_CLIENTS, AT_COMMIT, Fault
from .promises import Promise
from .rewinds import enter_deletion, enter_fork, enter_rewind, purgeable, why_kept

#: SQLite asks after so many of its operations if it should go on.
OPERATIONS = 20


@contextmanager
def broken(store: SqliteStore, kind: str, size: int = 1, by_client: bool = False) -> Iterator[None]:
    """Have the next commit, or a client's next write, meet a lock, a full disk, or an error in its midst.

    A disk that is full fails only what needs another page.
    """
    writer = reader_of(store) if by_client else writer_of(store)
    if kind == "locked":
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("begin immediate")
            yield
    elif kind == "disk full":
        limit: int = writer.execute("pragma max_page_count").fetchone()[0]
        pages: int = writer.execute("pragma page_count").fetchone()[0]
        writer.execute(f"pragma max_page_count = {pages}")
        try:
            yield
        finally:
            writer.execute(f"pragma max_page_count = {limit}")
    else:
        writer.set_progress_handler(lambda: 1, size * OPERATIONS)
        try:
            yield
        finally:
            writer.set_progress_handler(None, 0)


def left_by(store: SqliteStore, number: int) -> SqliteStore:
    """Return a store on what the next process finds after a kill: the file and its log, never closed."""
    path = Path(store.path)
    copy = path.with_name(f"simulation{number}.db")
    copy_as_left(path, copy)
    store.close()
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return SqliteStore(copy, "normal", busy_timeout=0)


T = TypeVar("T")

#: The message of each failure.
BROKEN = {"disk full": "database or disk is full", "I/O error": "disk I/O error", "locked": "database is locked"}


class ClientDiedError(StorageError):
    """A client died in the midst of its call."""


class FaultyStore(WatchedStore):
    """A store with faults, whose commits and clients' writes are entered in the ledger.

    Args:
        inner: The real store.
        ledger: Each write is entered and checked there.
        faults: The faults of the plan; only those at commits and at clients' writes are used.
    """

    def __init__(self, inner: Store, ledger: Ledger, faults: Sequence[Fault]) -> None:
        super().__init__(inner)
        self.ledger = ledger
        self.tried = 0
        self.committed = 0
        #: A client wrote something that the owner has not found yet.
        self.unseen = False
        #: Nothing fails any more.
        self.healed = False
        #: How often each kind of fault came.
        self.injected: Counter[str] = Counter()
        self._faults: dict[int, list[Fault]] = {}
        self._clients_faults: dict[int, Fault] = {}
        self._writes = 0
        self._generations = 0
        self._broken: tuple[str, int] = ("", 0)
        self._refused: tuple[str, int] = ("", 0)
        for fault in faults:
            if fault.kind in AT_COMMIT:
                self._faults.setdefault(fault.at, []).append(fault)
            elif fault.kind in AT_CLIENTS:
                self._clients_faults[fault.at] = fault

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        self.tried += 1
        fault = None if self.healed else self._next_fault(checkpoints)
        if fault is not None and fault.kind == "crash before":
            raise Crash
        if fault is not None and fault.kind == "crash during":
            self._die_during(checkpoints, fault.size)
        if fault is not None and fault.kind in BROKEN:
            self._break(fault.kind, checkpoints)
            return
        self._refuse(checkpoints)
        self.inner.commit(checkpoints)
        self._committed(checkpoints)
        if fault is not None and fault.kind == "crash after":
            raise Crash

    def _next_fault(self, checkpoints: Sequence[Checkpoint]) -> Fault | None:
        """Return the fault that is due, a crash before a failure."""
        kind, times = self._broken
        crash = None
        for fault in self._faults.pop(self.tried, ()):
            self.injected[fault.kind] += 1
            if fault.kind in BROKEN:
                kind, times = fault.kind, fault.size
            elif fault.kind == "refused value":
                changing = [one.workflow_id for one in checkpoints if one.events or one.issued]
                self._refused = (changing[fault.size % len(changing)] if changing else "", fault.size)
            else:
                crash = fault
        if times and crash is None:
            self._broken = kind, times - 1
            return Fault(kind, self.tried)
        return crash

    def _refuse(self, checkpoints: Sequence[Checkpoint]) -> None:
        workflow_id, times = self._refused
        # A recovery count or a stall is no value of the workflow's.
        if times and any(one.workflow_id == workflow_id and (one.events or one.issued) for one in checkpoints):
            # Submissions of one call cannot be split.
            if len(checkpoints) == 1 or [one.created for one in checkpoints] in self.ledger.together:
                self._refused = workflow_id, times - 1
            raise RefusedValueError("a value cannot be stored: too big")

    def _die_during(self, checkpoints: Sequence[Checkpoint], size: int) -> None:
        """Write some of it; the process dies before the rest."""
        if isinstance(self.inner, SqliteStore):
            before = _dump_after_crash(self.inner.path)
            try:
                with broken(self.inner, "I/O error", size):
                    self.inner.commit(checkpoints)
            except StorageError:
                # The whole commit may be in the log, though SQLite could no longer say so.
                if _dump_after_crash(self.inner.path) != before:
                    self._committed(checkpoints)
                raise Crash from None
            # The commit was over before SQLite asked.
            self._committed(checkpoints)
        raise Crash

    def _break(self, kind: str, checkpoints: Sequence[Checkpoint]) -> None:
        """Fail a commit, on SQLite by its own means."""
        if isinstance(self.inner, SqliteStore):
            with broken(self.inner, kind):
                self.inner.commit(checkpoints)
            self._committed(checkpoints)
        else:
            raise StorageError(BROKEN[kind])

    def _committed(self, checkpoints: Sequence[Checkpoint]) -> None:
        self.committed += 1
        self.ledger.committed(checkpoints)

    # ------------------------------------------------------------------ clients

    def submit(self, submissions: Sequence[Submission]) -> None:
        def enter(_: None) -> None:
            for new in submissions:
                self.ledger.created(new)

        self._write(lambda: self.inner.submit(submissions), enter)

    def ask(self, requests: Sequence[Request]) -> None:
        self._write(lambda: self.inner.ask(requests), lambda _: self.ledger.asked(requests))

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
        def write() -> None:
            self.inner.rewind(workflow_id, run, place, reapply=reapply, at=at, children=children, undone=undone)

        goals = [Rewind(workflow_id, run, place, reapply), *children]
        self._write(write, lambda _: enter_rewind(self.ledger, goals, undone, at))

    def fork(self, workflow_id: str, run: int, place: int, new: Submission) -> None:
        # Everything random in a copy depends on its id alone.
        drawn = blake2b(new.workflow_id.encode(), digest_size=SEED_LENGTH).digest()
        seed = new.seed[:-SEED_LENGTH] + drawn if len(new.seed) > SEED_LENGTH else new.seed
        copy = new._replace(seed=seed)
        self._write(
            lambda: self.inner.fork(workflow_id, run, place, copy),
            lambda _: enter_fork(self.ledger, workflow_id, run, place, copy),
        )

    def delete(self, workflow_ids: Sequence[str]) -> int:
        try:
            return self._write(
                lambda: self.inner.delete(workflow_ids), lambda count: enter_deletion(self.ledger, workflow_ids, count)
            )
        except WorkflowNotEndedError as error:
            self.ledger.check(Promise.GONE, why_kept(self.ledger, workflow_ids) is not None, error)
            raise

    def purgeable(self, before: Micros | None, statuses: frozenset[WorkflowStatus]) -> list[str]:
        found, right = self.inner.purgeable(before, statuses), purgeable(self.ledger, before, statuses)
        self.ledger.check(Promise.GONE, sorted(found) == sorted(right), found, "may be deleted, and not", right)
        return found

    def _write(self, write: Callable[[], T], enter: Callable[[T], None]) -> T:
        """Carry out a client's write, which may fail, or be the last act of the client."""
        self._writes += 1
        fault = None if self.healed else self._clients_faults.pop(self._writes, None)
        dies = fault is not None and fault.kind == "client dies"
        if fault is not None:
            self.injected[fault.kind] += 1
        try:
            written = write() if fault is None or (dies and fault.size % 2) else self._fail(fault, write)
        except YieldflowError:
            # A failed write must leave nothing.
            compare_all(self.ledger, self.inner)
            raise
        enter(written)
        self.unseen = True
        there = {record.id for record in self.inner.records()}
        self.ledger.check(Promise.GONE, there == set(self.ledger.flows), there, "are there and not", *self.ledger.flows)
        compare_changed(self.ledger, self.inner)
        if dies:
            raise ClientDiedError("the client died")
        return written

    def _fail(self, fault: Fault, write: Callable[[], T]) -> T:
        """Fail a client's write, on SQLite by its own means; a client that dies does so in its midst."""
        kind = "I/O error" if fault.kind == "client dies" else [*BROKEN][fault.size % len(BROKEN)]
        if isinstance(self.inner, SqliteStore):
            with broken(self.inner, kind, fault.size, by_client=True):
                return write()
        assert isinstance(self.inner, MemoryStore)
        with failing_after(self.inner, fault.size - 1):
            return write()

    # ------------------------------------------------------------------ reading

    def load(self, workflow_id: str) -> Loaded | None:
        if self.failing_loads and not self.healed:
            self.failing_loads -= 1
            raise StorageError("disk I/O error")
        return self.inner.load(workflow_id)

    def arrivals(self) -> Arrivals:
        found = super().arrivals()
        self.unseen = False
        self.ledger.found(found)
        return found

    def heal(self) -> None:
        """Have nothing fail any more."""
        self.healed = True
        self.failing_looks = 0

    def die(self) -> None:
        """Kill the process, and open what it left."""
        if isinstance(self.inner, SqliteStore):
            self._generations += 1
            self.inner = left_by(self.inner, self._generations)
        else:
            super().reopen()

    def reopen(self) -> None:
        """Close the store and open it anew."""
        if isinstance(self.inner, SqliteStore):
            self.inner.close()
            self.inner = SqliteStore(self.inner.path, "normal", busy_timeout=0)
        else:
            super().reopen()


def _dump_after_crash(path: str) -> list[str]:
    """Return what a process that opens the file after a crash would find, from a copy of file and log."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        copy_as_left(Path(path), copy)
        with closing(sqlite3.connect(copy)) as connection:
            return list(connection.iterdump())
