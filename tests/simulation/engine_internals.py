"""The only module of the simulation, beside the breakages, that touches private names of the package.

The world asks here when the scheduler wants its next turn and whether it still recovers workflows, and has it drop
idle generators. The disk reaches the stores' connections here to make them fail.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from yieldflow import StorageError
from yieldflow._core.history import Micros
from yieldflow.clock import Reading
from yieldflow.scheduler import residency
from yieldflow.scheduler.scheduler import POLL_INTERVAL, Scheduler
from yieldflow.scheduler.storage_backoff import LONGEST_PAUSE
from yieldflow.scheduler.timers import NEVER
from yieldflow.scheduler.turn import Turn
from yieldflow.sqlite import SqliteStore
from yieldflow.testing.memory import MemoryStore

__all__ = ["LONGEST_PAUSE", "NEVER", "POLL_INTERVAL"]

# ---------------------------------------------------------------------- the scheduler


def is_recovering(scheduler: Scheduler) -> bool:
    """Return whether workflows that were found at the start of the session still wait to be loaded."""
    return not scheduler._state.admission.over


def read_backlog_by(scheduler: Scheduler, page: int) -> None:
    """Have what is left by the session before be read in pages of so many workflows."""
    scheduler._state.admission.backlog.page = page


def next_turn_in(scheduler: Scheduler, now: Reading, has_arrivals: bool) -> Micros:
    """Return how long it is until the scheduler wants its next turn.

    Args:
        scheduler: The session's.
        now: The time.
        has_arrivals: Whether a client wrote something to the store. Polls that would find nothing are left out.
    """
    state = scheduler._state
    due_in = scheduler.timer_due_in(now)
    if has_arrivals:
        due_in = min(due_in, scheduler._next_poll - now.monotonic)
    return min(due_in, state.storage_backoff.until - now.monotonic) if state.waits_to_go_on else due_in


def is_disk_left_alone(scheduler: Scheduler, now: Micros) -> bool:
    """Return whether what clients asked waits until the disk is tried again."""
    return now < scheduler._state.storage_backoff.until


def evict_idle(scheduler: Scheduler, now: Reading) -> None:
    """Drop all generators from memory that may be dropped, as if they had been idle for long."""
    before, residency.IDLE = residency.IDLE, 0
    scheduler._state.next_look = now.monotonic
    try:
        scheduler._finish(Turn(now))
    finally:
        residency.IDLE = before


def kept_by(scheduler: Scheduler) -> dict[str, object]:
    """Return all that a session keeps of workflows; nothing once all have ended."""
    state = scheduler._state
    kept = {
        "tracked": state.workflows._by_id,
        "in flight": state.in_flight,
        "in the queue": state.unclaimed,
        "held back by max_concurrent": state.limiter._by_name,
        "timers": state.timers._live,
        "limits of attempts": state.limits._live,
    }
    return {name: found for name, found in kept.items() if found}


def places_in_memory(scheduler: Scheduler) -> dict[str, tuple[int, int]]:
    """Return for each generator in memory which run it is of, and how many events it was given."""
    live = ((each.id, each.live) for each in scheduler._state.workflows.live.values())
    return {workflow_id: (one.info.run, one.execution.applied) for workflow_id, one in live if one is not None}


def phase_errors(scheduler: Scheduler) -> list[str]:
    """Return the workflows that are in two phases, in none, or in another than they say."""
    workflows: Any = scheduler._state.workflows
    errors, places = [], dict[str, str]()
    for phase, there in workflows.by_phase.items():
        for workflow_id, workflow in there.items():
            if workflow_id in places:
                errors.append(f"{workflow_id} is {places[workflow_id]} and {phase}")
            places[workflow_id] = phase
            if workflow.phase is not phase or workflows.get(workflow_id) is not workflow:
                errors.append(f"{workflow_id} is {phase} and says {workflow.phase}")
            if (workflow.live is not None) != (phase == "live"):
                errors.append(f"{workflow_id} is {phase} and {'has' if workflow.live else 'has no'} generator")
    return errors + [f"{workflow_id} is in no phase" for workflow_id in workflows._by_id.keys() - places.keys()]


# ---------------------------------------------------------------------- the stores


def reader_of(store: SqliteStore) -> sqlite3.Connection:
    """Return the connection through which clients read and write."""
    return store._reader


def writer_of(store: SqliteStore) -> sqlite3.Connection:
    """Return the connection through which the scheduler commits."""
    return store._writer


@contextmanager
def failing_after(store: MemoryStore, rows: int) -> Iterator[None]:
    """Have every write fail after so many rows."""
    left = iter(range(rows))

    def put(*given: Any) -> None:
        if next(left, None) is None:
            raise StorageError("database or disk is full")
        MemoryStore._put(store, *given)

    vars(store)["_put"] = put
    try:
        yield
    finally:
        del vars(store)["_put"]
