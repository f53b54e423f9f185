"""Seeds of the simulation on a drive that loses its power where they kill the process."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Literal, TypeVar

from tests.simulation.disk_checks import check_file
from tests.simulation.faulty_store import FaultyStore
from tests.simulation.ledger import Ledger
from tests.simulation.plan import Fault, Plan, plan_of
from tests.simulation.promises import Promise, Violation
from tests.simulation.seeds import Report, compared, live
from tests.support.engine import Crash
from yieldflow import DatabaseLostError, StorageError
from yieldflow._core.errors import YieldflowError
from yieldflow.sqlite import SqliteStore
from yieldflow.store import Checkpoint, Store

from .drive import Drive
from .vfs import DriveVFS, connecting

T = TypeVar("T")

#: Moments at which the power goes.
LOSSES = ["crash before", "crash during", "crash during", "crash during", "crash after", "crash between"]
#: How far into a commit: in operations of the drive.
OPERATIONS = [1, 2, 3, 4, 5, 7, 10, 20]
#: How often the power goes again while the file is opened.
AGAIN = 0.3
#: How long the log grows before it is moved into the file, in pages: SQLite's own 1000 hardly ever comes here.
LOG_PAGES = [2, 5, 20, 1000]
FILE = "power.db"
#: Among the faults injected: how often the power went.
LOSS = "loss of power"
TABLES = ["workflows", "activity_executions", "workflow_inputs", "signals", "meta"]


def unchanged(statement: str) -> str:
    """No breakage."""
    return statement


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings of the engine on its drive."""

    durability: Literal["full", "normal"] = "full"
    #: Whether the drive says of a sync that it was done, and does nothing.
    lies: bool = False
    #: What is done to each statement of the store before it is carried out.
    breakage: Callable[[str], str] = unchanged


def plan_with_losses(seed: int) -> Plan:
    """The workflows and clients of a seed of the simulation, with losses of power among its faults."""
    plan, random = plan_of(seed), Random(f"power {seed}")
    faults = [*plan.faults]
    last = random.choice([5, 20, 40])
    for _ in range(random.choice([2, 4, 8])):
        at = random.randint(1, last)
        faults.append(Fault(random.choice(LOSSES), at, random.choice(OPERATIONS)))
        if random.random() < 0.2:
            # The commit before it fails.
            faults.append(Fault("I/O error", at - 1))
    return replace(plan, faults=tuple(faults), recoveries=1000)


#: As users have it.
FULL = Setup()


class PoweredDisk(FaultyStore):
    """A disk on a drive: where the process dies, the power goes.

    Args:
        folder: Where the files are.
        setup: How the engine stands on the drive.
        plan: What is to happen.
        ledger: As for `FaultyStore`.
    """

    def __init__(self, folder: Path, setup: Setup, plan: Plan, ledger: Ledger) -> None:
        self._path = folder / FILE
        self._setup = setup
        self._random = Random(f"drive {plan.seed}")
        self._log_pages = self._random.choice(LOG_PAGES)
        #: The commit in whose midst the power went, and what the file holds without it and with it.
        self._under_way: tuple[Sequence[Checkpoint], object, object] | None = None
        #: The last commit, where its sync failed: the system may have written it all the same.
        self._unsure: Sequence[Checkpoint] | None = None
        self._vfs: DriveVFS | None = None
        self.ledger = ledger
        self.losses = 0
        super().__init__(self._switch_on({}), ledger, plan.faults)

    # ------------------------------------------------------------------ switching on and off

    def _switch_on(self, files: dict[str, bytes]) -> SqliteStore:
        """Open what is on the drive. At times the power goes again while the file is made, or brought up to date."""
        while True:
            write_files(self._path, files)
            self._drive = Drive(files, self._random, self._setup.lies)
            self._vfs = DriveVFS(self._drive)
            if self._random.random() < AGAIN:
                self._drive.lose_in(self._random.choice(OPERATIONS))
            store = self._open()
            if self._drive.left is None:
                self._drive.stay_on()
                return store
            before, files = contents(store), self._drive.left
            self.losses += 1
            self._switch_off(store)
            self._look(files, before)

    def _connecting(self) -> AbstractContextManager[None]:
        return connecting(self._log_pages, self._setup.breakage)

    def _open(self) -> SqliteStore:
        with self._connecting():
            return SqliteStore(self._path, self._setup.durability, busy_timeout=0)

    def _switch_off(self, store: Store) -> None:
        store.close()
        if self._vfs is not None:
            self._vfs.unregister()
            self._vfs = None

    def close(self) -> None:
        self._switch_off(self.inner)

    def reopen(self) -> None:
        self.inner.close()
        self.inner = self._open()

    # ------------------------------------------------------------------ losses

    def _die_during(self, checkpoints: Sequence[Checkpoint], size: int) -> None:
        """Lose the power in the midst of a commit that is never acknowledged."""
        before = contents(self.inner)
        self._drive.lose_in(size)
        try:
            self.inner.commit(checkpoints)
        except YieldflowError:
            # It was refused, and nobody lost anything yet.
            self._drive.stay_on()
            raise
        self._under_way = checkpoints, before, contents(self.inner)
        raise Crash

    def _break(self, kind: str, checkpoints: Sequence[Checkpoint]) -> None:
        """Fail; an error is one of the drive's, at the next sync."""
        if kind != "I/O error":
            with self._connecting():
                super()._break(kind, checkpoints)
            return
        self._unsure = checkpoints
        self._drive.failing_syncs = 1
        try:
            self.inner.commit(checkpoints)
        finally:
            self._drive.failing_syncs = 0
        self._committed(checkpoints)

    def _fail(self, fault: Fault, write: Callable[[], T]) -> T:
        # Whoever holds the lock has to be of the same SQLite: another one in the process would undo its locks.
        with self._connecting():
            return super()._fail(fault, write)

    def _committed(self, checkpoints: Sequence[Checkpoint]) -> None:
        self._unsure = None
        super()._committed(checkpoints)

    def die(self) -> None:
        """The power goes, and comes back. In the end, when nothing fails any more, it is only the process that dies."""
        if self._vfs is None:
            left, before = files_of(self._path), contents(self.inner)
        else:
            self.losses += 1
            left = self._drive.lose() if self._drive.left is None else self._drive.left
            before = contents(self.inner) if self._under_way is None else self._under_way[1]
        self._switch_off(self.inner)
        self._look(left, before)
        self.inner = opened_plainly(self._path, left) if self.healed else self._switch_on(left)

    def _look(self, left: dict[str, bytes], before: object) -> None:
        """Hold what is left against what was acknowledged."""
        under_way, self._under_way = self._under_way, None
        try:
            with closing(opened_plainly(self._path, left)) as store:
                check_file(self.ledger, store)
                found = contents(store)
        except (StorageError, DatabaseLostError, sqlite3.Error) as error:
            raise Violation(Promise.INTEGRITY, str(error)) from error
        written = None
        if found != before:
            # A failed write is checked when the ledger is compared with the disk.
            written = under_way[0] if under_way is not None and found == under_way[2] else self._unsure
        self.ledger.check(
            Promise.POWER, found == before or written is not None, "the rows are not those that were there"
        )
        if written is not None:
            self._committed(written)


def files_of(path: Path) -> dict[str, bytes]:
    """Return the files that a killed process leaves."""
    return {each.name: each.read_bytes() for each in path.parent.glob(f"{path.name}*") if not each.match("*-shm")}


def write_files(path: Path, files: dict[str, bytes]) -> None:
    """Have these files be in the folder, and nothing else."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    for name, content in files.items():
        path.with_name(name).write_bytes(content)


def opened_plainly(path: Path, files: dict[str, bytes]) -> SqliteStore:
    """The files, as users open them."""
    write_files(path, files)
    return SqliteStore(path, busy_timeout=0)


def contents(store: Any) -> object:
    """All rows."""
    return [sorted(store._reader.execute(f"select * from {table}").fetchall(), key=repr) for table in TABLES]


def run(seed: int, folder: Path, setup: Setup = FULL) -> Report:
    """Run a seed; how often the power went stands among the faults injected."""
    plan = plan_with_losses(seed)
    made: list[PoweredDisk] = []

    def make(ledger: Ledger) -> PoweredDisk:
        made.append(PoweredDisk(folder, setup, plan, ledger))
        return made[0]

    try:
        report = compared(live(plan, make))
    except Violation as violation:
        # The file was not even made.
        report = Report(plan, violation)
    report.injected[LOSS] = sum(disk.losses for disk in made)
    return report
