"""The disk: a store that fails, refuses and takes the process down where the plan says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.engine import Crash, WatchedStore
from yieldflow import StorageError
from yieldflow._core.errors import RefusedValueError
from yieldflow.sqlite import SqliteStore
from yieldflow.store import Arrivals, Checkpoint, Loaded, Store

from .broken import broken, left_by
from .ledger import Ledger
from .plan import AT_COMMIT, Fault

#: What a broken disk says.
BROKEN = {"disk full": "database or disk is full", "I/O error": "disk I/O error", "locked": "database is locked"}


class Disk(WatchedStore):
    """A store with faults, whose commits are entered in the ledger.

    Args:
        inner: Where things are really kept.
        ledger: Told of each commit, and asked whether it may be.
        faults: Those at commits.
    """

    def __init__(self, inner: Store, ledger: Ledger, faults: Sequence[Fault]) -> None:
        super().__init__(inner)
        self.ledger = ledger
        self.tried = 0
        self.committed = 0
        #: Whether somebody wrote what the owner has not found yet.
        self.unseen = False
        #: Whether anything fails at all.
        self.healed = False
        #: How often each kind of fault came.
        self.injected: Counter[str] = Counter()
        self._faults: dict[int, list[Fault]] = {}
        self._generations = 0
        self._broken: tuple[str, int] = ("", 0)
        self._refused: tuple[str, int] = ("", 0)
        for fault in faults:
            if fault.kind in AT_COMMIT:
                self._faults.setdefault(fault.at, []).append(fault)

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
        """What is due: a crash before a failure."""
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
        # To be counted or stalled is no value of the workflow's.
        if times and any(one.workflow_id == workflow_id and (one.events or one.issued) for one in checkpoints):
            if len(checkpoints) == 1:
                self._refused = workflow_id, times - 1
            raise RefusedValueError("a value cannot be stored: too big")

    def _die_during(self, checkpoints: Sequence[Checkpoint], size: int) -> None:
        """Write some of it; the process dies before the rest."""
        if isinstance(self.inner, SqliteStore):
            try:
                with broken(self.inner, "I/O error", size):
                    self.inner.commit(checkpoints)
            except StorageError:
                raise Crash from None
            # It was done before SQLite asked.
            self._committed(checkpoints)
        raise Crash

    def _break(self, kind: str, checkpoints: Sequence[Checkpoint]) -> None:
        """Fail, if it can be as SQLite does."""
        if isinstance(self.inner, SqliteStore):
            with broken(self.inner, kind):
                self.inner.commit(checkpoints)
            self._committed(checkpoints)
        else:
            raise StorageError(BROKEN[kind])

    def _committed(self, checkpoints: Sequence[Checkpoint]) -> None:
        self.committed += 1
        self.ledger.committed(checkpoints)

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
        """From here on nothing fails."""
        self.healed = True
        self.failing_looks = 0

    def die(self) -> None:
        """The process is killed: the next one opens what it left."""
        if isinstance(self.inner, SqliteStore):
            self._generations += 1
            self.inner = left_by(self.inner, self._generations)
        else:
            super().reopen()

    def reopen(self) -> None:
        """Close it, and open it anew."""
        if isinstance(self.inner, SqliteStore):
            self.inner.close()
            self.inner = SqliteStore(self.inner.path, "normal", busy_timeout=0)
        else:
            super().reopen()
