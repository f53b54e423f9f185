"""One file from its first process to its last."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.programs import crowd
from tests.support.programs.launch import WAIT, Program
from yieldflow import Orchestrator, WorkflowCancelledError

from .books import Books, Broken

#: Seconds that a process lives on average, once it is at work.
LIFE = 0.3
#: Seconds after which it is dead, at the latest, where it was told to stop: about as long as a stop takes.
STOP = 0.05
#: Seconds after which the last process has failed, which brings all to its end that was left.
PATIENCE = 5 * WAIT


@dataclass
class Figures:
    """The sum of rounds."""

    kills: int = 0
    #: Kills that left workflows unfinished, so that the next process had to go on.
    restarts: int = 0
    workflows: int = 0
    effects: int = 0
    repeated: int = 0
    checkpoints: int = 0
    acknowledged: int = 0
    checked: Counter[str] = field(default_factory=Counter)

    def add(self, other: Figures) -> None:
        """Add those of another round."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def run(folder: Path, kills: int, seed: int) -> Figures:
    """Kill the crowd so many times, let it end, and look at everything.

    Args:
        folder: An empty folder.
        kills: How often it is killed, at most `crowd.MAX_RECOVERY_ATTEMPTS` less one.
        seed: Draws the moments.

    Raises:
        Broken: A promise was broken.
    """
    chance, database = random.Random(seed), folder / "crowd.db"
    books, figures = Books(database, folder), Figures()
    for life in range(kills):
        _live_and_die(database, folder, life, chance)
        books.compare()
        figures.kills += 1
        figures.restarts += bool(books.disk.unfinished)
    with Program("crowd", database, folder, -1) as last:
        if last.end(PATIENCE) != 0:
            raise Broken(f"the last process failed: {last.complaints}")
    books.compare()
    _check_ends(books, database)
    figures.workflows, figures.effects = len(books.disk.workflows), len(books.effects)
    figures.repeated, figures.checked = books.repeated, books.checked
    figures.checkpoints = sum(step.applied is not None for step in books.disk.steps.values())
    figures.acknowledged = sum(len(books.acknowledged(call)) for call in ("submit", "signal", "cancel"))
    return figures


def _live_and_die(database: Path, folder: Path, life: int, chance: random.Random) -> None:
    """Run the crowd and kill it: mostly when it is at work, sometimes while it still begins or already stops."""
    with Program("crowd", database, folder, life) as program:
        if chance.random() < 0.85:
            program.line()
        if life == 0:
            # However slow the machine is, there is something to go on with.
            while program.line() != "at work":
                pass
        runs_on = program.runs_on(min(chance.expovariate(1 / LIFE), 5 * LIFE))
        if runs_on and chance.random() < 0.15:
            program.tell("stop")
            runs_on = program.runs_on(chance.uniform(0, STOP))
        if not runs_on:
            program.end()
            raise Broken(f"it ended by itself: {program.complaints}")
        # Waits until its worker processes have ended too, since they hold the same stdout.
        program.kill()


def _check_ends(books: Books, database: Path) -> None:
    """Look at a file in which everything has ended."""
    books.checked["the ends of all workflows"] += 1
    with closing(sqlite3.connect(database)) as connection:
        left = [(what, connection.execute(query).fetchall()) for what, query in _LEFT.items()]
    wrong = [f"{what}: {rows[:5]}" for what, rows in left if rows]
    wrong += [f"{path.name} is left behind" for path in database.parent.iterdir() if path.suffix not in _FILES]
    orchestrator = Orchestrator(database, registry=crowd.registry)
    wrong += [*_wrong_results(orchestrator), *_wrong_signals(orchestrator, books)]
    orchestrator.stop()
    if wrong:
        raise Broken("at the end: " + "; ".join(wrong[:10]))


#: What nothing may be left of.
_LEFT = {
    "workflows that have not ended": "select id, status, reason from workflows where status not in"
    " ('done', 'failed', 'cancelled')",
    "workflows that are blamed for a kill": "select id from workflows where recovery_attempts > 0",
    "open steps": "select workflow_id, step from activity_executions where status = 'scheduled'",
    "requests": "select * from workflow_inputs where applied is null",
    "cancelled without cleanup": "select id from workflows as w where name = 'guarded' and exists (select 1 from"
    " activity_executions where workflow_id = w.id) and not exists (select 1 from activity_executions where"
    " workflow_id = w.id and name = 'undo' and status = 'done')",
}
#: The database, its lock, the copy of the books, and what they compare.
_FILES = ("", ".db", ".db-lock")


def _wrong_results(orchestrator: Orchestrator) -> Iterator[str]:
    for entry in orchestrator.list_workflows():
        kind = entry["id"].rpartition("-")[2]
        if kind in crowd.KINDS and entry["parent"] is None:
            result, expected = orchestrator.handle(entry["id"]).result(0), crowd.KINDS[kind][1]
            if result != expected:
                yield f"{entry['id']} returned {result}, not {expected}"
        elif kind == "guarded":
            with suppress(WorkflowCancelledError):
                yield f"{entry['id']} was cancelled, and returned {orchestrator.handle(entry['id']).result(0)}"


def _wrong_signals(orchestrator: Orchestrator, books: Books) -> Iterator[str]:
    for listening in crowd.LISTENERS:
        heard: list[int] = orchestrator.handle(listening).result(0)
        missed = {int(number) for workflow_id, number in books.acknowledged("signal") if workflow_id == listening}
        missed -= set(heard)
        if heard != sorted(set(heard)) or missed:
            yield f"{listening} received {heard}, and not {missed}"
