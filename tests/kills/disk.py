"""The files that a kill has left, read from a copy, so that recovery meets them as they were left."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.support.files import copy_as_left
from tests.support.invariants import INVARIANTS, broken

ENDED = ("done", "failed", "cancelled")


class Effect(NamedTuple):
    """One attempt at an activity that did something."""

    workflow_id: str
    run: int
    step: int
    attempt: int


class Workflow(NamedTuple):
    """The part of a workflow's row that is compared."""

    name: str
    status: str
    run: int


class Step(NamedTuple):
    """The part of a step's row that must not change once it has ended."""

    kind: str
    name: str
    status: str
    attempt: int
    applied: int | None
    output: str | bytes | None
    error: str | None


@dataclass(frozen=True)
class Disk:
    """The contents of a file."""

    workflows: dict[str, Workflow] = field(default_factory=dict)
    #: By workflow, run and step.
    steps: dict[tuple[str, int, int], Step] = field(default_factory=dict)
    #: Workflow and stored payload of each signal, received or not.
    signals: set[tuple[str, str]] = field(default_factory=set)
    #: The workflows that were cancelled, or that somebody has asked to cancel.
    cancelled: set[str] = field(default_factory=set)
    #: What SQLite and our invariants have to say against the file.
    complaints: list[str] = field(default_factory=list)
    #: How many invariants were looked at.
    invariants: int = 0

    @property
    def unfinished(self) -> list[str]:
        """The workflows that have not ended."""
        return [workflow_id for workflow_id, workflow in self.workflows.items() if workflow.status not in ENDED]

    def knows(self, effect: Effect) -> bool:
        """Return whether the attempt was on disk before it was made."""
        workflow, step = self.workflows.get(effect.workflow_id), self.steps.get(effect[:3])
        if workflow is not None and workflow.run > effect.run:
            return True
        return step is not None and step.attempt >= effect.attempt

    def settled(self, effect: Effect) -> bool:
        """Return whether the attempt's outcome is checkpointed or no longer wanted."""
        workflow, step = self.workflows.get(effect.workflow_id), self.steps.get(effect[:3])
        if workflow is not None and (workflow.run > effect.run or workflow.status in ENDED):
            return True
        return step is not None and (step.status != "scheduled" or step.attempt > effect.attempt)

    def attempts(self) -> list[Effect]:
        """All attempts that must have been made."""
        made = []
        for key, step in self.steps.items():
            if step.kind == "activity" and step.status != "cancelled":
                over = step.attempt if step.status in ("done", "failed") else step.attempt - 1
                made += [Effect(*key, attempt) for attempt in range(1, over + 1)]
        return made


def look(database: Path, folder: Path) -> Disk:
    """Copy the file into a folder, and read it."""
    copy = folder / "copy.db"
    copy_as_left(database, copy)
    if not copy.exists():
        return Disk()
    with closing(sqlite3.connect(copy)) as connection:
        if not connection.execute("pragma user_version").fetchone()[0]:
            return Disk()
        return _read(connection)


def _read(connection: sqlite3.Connection) -> Disk:
    steps = connection.execute(
        "select workflow_id, run, step, kind, name, status, attempt, applied, output, error from activity_executions"
    )
    signals = connection.execute(
        "select workflow_id, payload from signals"
        " union all select workflow_id, payload from workflow_inputs where kind = 'signal'"
    )
    cancelled = connection.execute(
        "select id from workflows where status = 'cancelled'"
        " union all select workflow_id from workflow_inputs where kind = 'cancel'"
    )
    complaints = [row[0] for row in connection.execute("pragma integrity_check") if row[0] != "ok"]
    complaints += [f"{invariant.sentence} Not so: {found}" for invariant, found in broken(connection)]
    return Disk(
        {row[0]: Workflow(*row[1:]) for row in connection.execute("select id, name, status, run from workflows")},
        {row[:3]: Step(*row[3:]) for row in steps},
        set(signals),
        {workflow_id for (workflow_id,) in cancelled},
        complaints,
        1 + len(INVARIANTS),
    )
