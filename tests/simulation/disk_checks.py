"""Checks of the disk: after each step what changed, after each crash all, and in the end the histories too."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence

from tests.support.engine import CODEC
from tests.support.invariants import INVARIANTS, broken
from yieldflow._core.context import WorkflowInfo
from yieldflow._core.execution import Execution
from yieldflow._core.history import (
    SEED_LENGTH,
    CancelRequested,
    Failure,
    History,
    Outcome,
    StepEnded,
    StepKind,
    StepStatus,
    WorkflowStatus,
)
from yieldflow.sqlite import SqliteStore
from yieldflow.store import Loaded, StepRecord, Store, WorkflowRecord

from .books import NOTE, ROW, STEP, Books, FlowNote, Sent
from .delivery_checks import TERMINATED, check_settled
from .deployed_code import LATE, Code
from .engine_internals import reader_of
from .liveness_checks import check_wake_at
from .plan import HARMLESS, Plan, purges
from .promises import Promise, Violation

#: The bytes that a fork adds to a seed: a place and a seed.
_FORKED = 8 + SEED_LENGTH

WORKFLOW_RULES: dict[str, Callable[[WorkflowRecord], bool]] = {
    "an end has its time": lambda row: row.status.ended == (row.finished_at is not None),
    "an end has its outcome": lambda row: (
        isinstance(row.outcome, Failure)
        if row.status in (WorkflowStatus.FAILED, WorkflowStatus.CANCELLED)
        else (row.outcome is not None) == (row.status is WorkflowStatus.DONE)
    ),
    "a stall has its reason": lambda row: row.status is not WorkflowStatus.STALLED or row.reason is not None,
    "seeds": lambda row: len(row.seed) >= SEED_LENGTH and (len(row.seed) - SEED_LENGTH) % _FORKED == 0,
}

STEP_RULES: dict[str, Callable[[StepRecord], bool]] = {
    "what was applied has ended": lambda step: (
        step.applied is None
        or (
            step.status in (StepStatus.DONE, StepStatus.FAILED)
            and step.finished_at is not None
            and step.applied > step.turn
        )
    ),
    "outcomes": lambda step: (
        isinstance(step.outcome, Failure)
        if step.status is StepStatus.FAILED
        else (step.outcome is not None) == (step.status is StepStatus.DONE)
    ),
    "what was dropped was cancelled": lambda step: (
        (step.dropped is not None) == (step.status is StepStatus.CANCELLED)
        and (step.dropped is None or (step.dropped >= step.turn and step.applied is None))
    ),
    "attempts": lambda step: (
        step.attempt == 1 or (step.attempt > 1 and step.kind is StepKind.ACTIVITY and step.due_at is not None)
    ),
    "sleeps have an end": lambda step: step.kind is not StepKind.SLEEP or step.due_at is not None,
}

#: Rules for a workflow with its steps and its history.
RUN_RULES: dict[str, Callable[[WorkflowRecord, Sequence[StepRecord], History], bool]] = {
    "a run that began": lambda row, steps, history: row.started_at is not None or not steps,
    "steps without a gap": lambda row, steps, history: [step.step for step in steps] == list(range(len(steps))),
    "one event at each place": lambda row, steps, history: _are_at_their_places(steps, history),
    "nothing is open at the end": lambda row, steps, history: (
        not row.status.ended or all(step.status is not StepStatus.SCHEDULED for step in steps)
    ),
}

#: The invariants that need no check here, each with the reason.
ELSEWHERE = {
    "known statuses": "a status is a member of its enum",
    "what was submitted is kept": "name and arguments are one value",
    "children have parents": "the ledger looks, which knows all workflows",
    "steps belong to the run": "a store is asked for those of the run",
    "signals belong to workflows": "a store is asked for those of a workflow",
    "signals are received by steps": "the ledger looks as they are received",
    "signals are received in order": "the ledger looks as they are received",
    "one signal for each wait": "the ledger looks as they are received",
    **dict.fromkeys(
        (
            "what has ended rests forever",
            "what begins is awake",
            "what is at work is awake",
            "a sleeper wakes when it is due",
            "what came wakes",
        ),
        "`check_wake_at` looks, which knows all workflows",
    ),
}


def unsound(row: WorkflowRecord, steps: Sequence[StepRecord], history: History) -> list[str]:
    """Return the names of the invariants that a workflow's rows break."""
    found = [name for name, holds in WORKFLOW_RULES.items() if not holds(row)]
    found += [name for name, holds in STEP_RULES.items() if not all(map(holds, steps))]
    return found + [name for name, holds in RUN_RULES.items() if not holds(row, steps, history)]


def _are_at_their_places(steps: Sequence[StepRecord], history: History) -> bool:
    """Return whether each step that was applied is at its place; all other places are cancellations."""
    places = {step.applied: step.step for step in steps if step.applied is not None}
    for place, event in enumerate(history.events):
        if isinstance(event, StepEnded) and places.pop(place, None) != event.step:
            return False
    return not places


def compare_changed(books: Books, store: Store) -> None:
    """Compare the workflows that were written since the last time."""
    if books.changed:
        _compare(books, store, sorted(books.changed))


def compare_all(books: Books, store: Store) -> None:
    """Compare all workflows."""
    there = {record.id for record in store.records()}
    books.check(Promise.SUBMISSIONS, books.acknowledged <= there, books.acknowledged - there, "is gone")
    books.check(Promise.SAME, there == set(books.flows), sorted(there ^ set(books.flows)))
    _compare(books, store, sorted(there))


def _compare(books: Books, store: Store, workflow_ids: Iterable[str]) -> None:
    for workflow_id in workflow_ids:
        flow, loaded = books.flows.get(workflow_id), store.snapshot(workflow_id)
        books.check(
            Promise.SAME, (flow is None) == (loaded is None), workflow_id, "is there, or not:", loaded is not None
        )
        if flow is not None and loaded is not None:
            _compare_flow(books, flow, loaded, store.steps(workflow_id))
    _compare_wake_at(books, store, set(workflow_ids))
    if isinstance(store, SqliteStore):
        check_file(books, store)
    books.changed.clear()


def _compare_wake_at(books: Books, store: Store, workflow_ids: set[str]) -> None:
    """Check when the rows of workflows are due, with those of their parents and children."""
    for id, flow in books.flows.items():
        parent = flow.row.parent
        if parent is not None and {id, parent.workflow_id} & workflow_ids:
            workflow_ids |= {id, parent.workflow_id}
    for workflow_id in sorted(workflow_ids & books.flows.keys()):
        record = store.record(workflow_id)
        assert record is not None
        check_wake_at(books, workflow_id, books.flows[workflow_id], record.wake_at)


def _compare_flow(books: Books, flow: FlowNote, loaded: Loaded, steps: list[StepRecord]) -> None:
    row, id, history = loaded.record, loaded.record.id, loaded.history
    noted = flow.status, flow.run, flow.outcome, flow.reason, len(flow.steps), flow.row.patches
    there = row.status, row.run, row.outcome, row.reason, len(steps), history.patches
    books.check(Promise.SAME, there == noted, id, there, noted)
    books.check(Promise.SAME, ROW(row) == ROW(flow.row), id, ROW(row), ROW(flow.row))
    books.check(Promise.SAME, history.events == flow.events, id, history.events, flow.events)
    for step in steps:
        note = flow.steps[step.step]
        if STEP(step) != NOTE(note) or (step.due_at or 0) != note.due_at:
            raise Violation(Promise.ONCE, f"{id} step {step.step}: {step} {note}")
    books.checked[Promise.ONCE] += len(steps)
    waiting = [
        (number, note.name, note.payload) for number, note in sorted(flow.signals.items()) if note.received is None
    ]
    kept = [(signal.number, signal.name, signal.payload) for signal in loaded.signals]
    books.check(Promise.SIGNALS, kept == waiting, id, "has signals", kept, "and should have", waiting)
    parent = books.flows.get(row.parent.workflow_id) if row.parent is not None else None
    orphaned = row.parent is not None and (parent is None or parent.run < row.parent.run)
    books.check(Promise.ROWS, not orphaned, id, "has no parent:", row.parent)
    found = unsound(row, steps, loaded.history)
    books.check(Promise.ROWS, not found, id, *found)


def check_file(books: Books, store: SqliteStore) -> None:
    """Check the file with SQLite's integrity check and with the invariants."""
    found = reader_of(store).execute("pragma integrity_check").fetchall()
    books.check(Promise.INTEGRITY, found == [("ok",)], found)
    books.checked[Promise.ROWS] += len(INVARIANTS)
    for invariant, workflow_id in broken(reader_of(store)):
        books.check(Promise.ROWS, False, f"{workflow_id}: {invariant.name}: {invariant.sentence}")


#: The end of a workflow.
End = tuple[WorkflowStatus, object]


def check_end(books: Books, store: Store, plan: Plan, code: Code, terminated: Collection[str]) -> dict[str, End]:
    """Check the disk, all requests, the order of signals, and every history; return the ends of the plan's workflows.

    Args:
        books: What the disk is held against.
        store: The disk.
        plan: What was simulated.
        code: The code that replays the histories.
        terminated: The workflows that clients terminated.
    """
    compare_all(books, store)
    check_settled(books)
    check_order(books)
    for workflow_id in books.flows:
        loaded = store.snapshot(workflow_id)
        if loaded is not None and loaded.record.status.ended:
            if loaded.record.reason == TERMINATED:
                books.check(Promise.CLEANUP, workflow_id in terminated, workflow_id, "was not to be terminated")
            check_replay(books, code, loaded)
    records = [store.record(flow.id) for flow in plan.flows]
    return {record.id: (record.status, _summary(record.outcome)) for record in records if record is not None}


def check_replay(books: Books, code: Code, loaded: Loaded) -> None:
    """Check that a replay of an ended workflow comes to the end that is on disk."""
    record = loaded.record
    info = WorkflowInfo(record.id, record.name, record.run, record.parent and record.parent.workflow_id)
    arguments = CODEC.decode(record.input)
    assert isinstance(arguments, dict)
    if record.status is WorkflowStatus.CANCELLED and not _asked(loaded):
        # It was terminated or never began: neither its code nor its cleanup ran.
        return
    code.due.clear()
    code.cleaned.clear()
    definition = code.late if record.name == LATE else code.program
    execution = Execution(definition, arguments, info, record.seed, CODEC, loaded.history)
    try:
        execution.replay()
        end = execution.end
        books.check(Promise.REPLAY, end is not None and end.status is record.status, record.id, end)
        assert end is not None
        books.check(Promise.REPLAY, _summary(end.outcome) == _summary(record.outcome), record.id, end, record.outcome)
        books.check(Promise.CLEANUP, sorted(code.due) == sorted(code.cleaned), record.id, code.due, code.cleaned)
    except Exception as error:
        books.check(Promise.REPLAY, isinstance(error, AssertionError), record.id, error)
        raise
    finally:
        execution.close()


def _asked(loaded: Loaded) -> bool:
    asked = any(isinstance(event, CancelRequested) for event in loaded.history.events)
    return asked and loaded.record.reason != TERMINATED


def _summary(outcome: Outcome | None) -> object:
    return outcome.summary if isinstance(outcome, Failure) else outcome


def check_order(books: Books) -> None:
    """Check that a signal sent after the answer to another was stored after it."""
    by_flow: dict[str, list[Sent]] = {}
    for sent in books.sent:
        by_flow.setdefault(sent.workflow_id, []).append(sent)
    for workflow_id, all_sent in by_flow.items():
        places = {payload: place for place, (id, payload) in enumerate(books.kept) if id == workflow_id}
        for one in all_sent:
            for other in all_sent:
                if one.acknowledged_at < other.sent_at and one.payload in places and other.payload in places:
                    in_order = places[one.payload] < places[other.payload]
                    books.check(Promise.RECEIVED, in_order, workflow_id, one.payload, "and", other.payload)


def without_numbers(end: End) -> End:
    """Return an end without the numbers of signals, which depend on how often a signal was repeated."""
    return end[0], re.sub(r'(\[\\*"s\d+\\*"),\d+\]', r"\1]", str(end[1]))


def steady_flows(plan: Plan) -> set[str]:
    """Return the workflows whose end depends neither on faults nor on clients."""
    if any(map(purges, plan.calls)):
        return set()
    meddled = {call.workflow for call in plan.calls if call.kind not in HARMLESS or call.timeout is not None}
    return {flow.id for flow in plan.flows if flow.steady} - meddled
