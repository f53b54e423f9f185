"""Holds the disk against the books: after each step what changed, and after each crash and at the end all."""

from __future__ import annotations

from collections.abc import Iterable

from yieldflow.sqlite import SqliteStore
from yieldflow.sqlite.invariants import INVARIANTS, broken
from yieldflow.store import Loaded, StepRecord, Store

from .columns import NOTE, ROW, STEP
from .ledger import Ledger
from .notes import FlowNote
from .promises import Promise, Violation
from .rows import unsound


def compare_changed(ledger: Ledger, store: Store) -> None:
    """Look at what was written since the last time."""
    if ledger.changed:
        _compare(ledger, store, sorted(ledger.changed))


def compare_all(ledger: Ledger, store: Store) -> None:
    """Look at everything."""
    there = {record.id for record in store.records()}
    ledger.check(Promise.SUBMISSIONS, ledger.acknowledged <= there, ledger.acknowledged - there, "is gone")
    ledger.check(Promise.SAME, there == set(ledger.flows), sorted(there ^ set(ledger.flows)))
    _compare(ledger, store, sorted(there))


def _compare(ledger: Ledger, store: Store, workflow_ids: Iterable[str]) -> None:
    for workflow_id in workflow_ids:
        flow, loaded = ledger.flows.get(workflow_id), store.snapshot(workflow_id)
        ledger.check(
            Promise.SAME, (flow is None) == (loaded is None), workflow_id, "is there, or not:", loaded is not None
        )
        if flow is not None and loaded is not None:
            _compare_flow(ledger, flow, loaded, store.steps(workflow_id))
    if isinstance(store, SqliteStore):
        check_file(ledger, store)
    ledger.changed.clear()


def _compare_flow(ledger: Ledger, flow: FlowNote, loaded: Loaded, steps: list[StepRecord]) -> None:
    row, id, history = loaded.record, loaded.record.id, loaded.history
    noted = flow.status, flow.run, flow.outcome, flow.reason, len(flow.steps), flow.row.patches
    there = row.status, row.run, row.outcome, row.reason, len(steps), history.patches
    ledger.check(Promise.SAME, there == noted, id, there, noted)
    ledger.check(Promise.SAME, ROW(row) == ROW(flow.row), id, ROW(row), ROW(flow.row))
    ledger.check(Promise.SAME, history.events == flow.events, id, history.events, flow.events)
    for step in steps:
        note = flow.steps[step.step]
        if STEP(step) != NOTE(note) or (step.due_at or 0) != note.due_at:
            raise Violation(Promise.ONCE, f"{id} step {step.step}: {step} {note}")
    ledger.checked[Promise.ONCE] += len(steps)
    waiting = [
        (number, note.name, note.payload) for number, note in sorted(flow.signals.items()) if note.received is None
    ]
    kept = [(signal.number, signal.name, signal.payload) for signal in loaded.signals]
    ledger.check(Promise.SIGNALS, kept == waiting, id, "has signals", kept, "and should have", waiting)
    parent = ledger.flows.get(row.parent.workflow_id) if row.parent is not None else None
    orphaned = row.parent is not None and (parent is None or parent.run < row.parent.run)
    ledger.check(Promise.ROWS, not orphaned, id, "has no parent:", row.parent)
    found = unsound(row, steps, loaded.history)
    ledger.check(Promise.ROWS, not found, id, *found)


def check_file(ledger: Ledger, store: SqliteStore) -> None:
    """Look at the file with SQLite's eyes, and with ours."""
    found = store._reader.execute("pragma integrity_check").fetchall()
    ledger.check(Promise.INTEGRITY, found == [("ok",)], found)
    ledger.checked[Promise.ROWS] += len(INVARIANTS)
    for invariant, workflow_id in broken(store._reader):
        ledger.check(Promise.ROWS, False, f"{workflow_id}: {invariant.name}: {invariant.sentence}")
