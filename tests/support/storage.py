"""Shared by the tests of the stores: both stores, what is written to them, and all that can be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.files import new_store
from yieldflow._core.history import (
    ENDED,
    Failure,
    History,
    Micros,
    Outcome,
    Payload,
    Signal,
    Started,
    Step,
    StepEnded,
    StepKind,
    WorkflowStatus,
)
from yieldflow.filter import Filter
from yieldflow.store import (
    FOREVER,
    Checkpoint,
    Loaded,
    Parent,
    Request,
    RequestKind,
    StepRecord,
    Store,
    Submission,
    WorkflowRecord,
)
from yieldflow.testing.memory import MemoryStore

FAILURE = Failure("builtins.ValueError", "no such order", "Traceback ...\nValueError: no such order", '{"args": []}')

#: What a payload may be: nothing of it may be taken for a number, cut at a NUL, or turned from bytes to text.
PAYLOADS: list[Payload] = [
    "",
    "null",
    "17",
    "1e400",
    "  007 ",
    '{"name": "Zoë", "smile": "😀"}',
    "no JSON at all \0 with a NUL",
    "\x7f\x85\u2028\ufeff",
    "x" * 100_000,
    b"",
    b"plain",
    bytes(range(256)),
    b"\x00" * 50_000,
]

STORES = ["memory", "sqlite"]


def make_store(kind: str, folder: Path) -> Store:
    """A new, empty store of a kind."""
    return MemoryStore() if kind == "memory" else new_store(folder / "store.db")


# ---------------------------------------------------------------------- what is written


def submission(workflow_id: str = "w", at: Micros = 1000, **other: Any) -> Submission:
    return Submission(workflow_id, **{"name": "order", "input": "{}", "seed": b"seed", "created_at": at, **other})


def checkpoint(workflow_id: str, run: int = 1, **fields: Any) -> Checkpoint:
    """A checkpoint with these fields."""
    made = Checkpoint(workflow_id, run)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def begun(workflow_id: str = "w", at: Micros = 1000, *steps: Step, **other: Any) -> Checkpoint:
    """A workflow that is created, started, and has issued ``steps``."""
    new = submission(workflow_id, at, **other)
    return checkpoint(workflow_id, created=new, events=[Started(at)], issued=list(steps), at=at)


def over(workflow_id: str, status: WorkflowStatus = WorkflowStatus.DONE, at: Micros = 2000, **other: Any) -> Checkpoint:
    """The end of a workflow."""
    outcome: Outcome = "1" if status is WorkflowStatus.DONE else FAILURE
    return checkpoint(workflow_id, status=status, outcome=outcome, at=at, **other)


def act(number: int, name: str = "charge", turn: int = 0, **other: Any) -> Step:
    return Step(number, StepKind.ACTIVITY, name, **{"input": "[1]", "turn": turn, "source": "shop.py:7", **other})


def nap(number: int, due_at: Micros, turn: int = 0) -> Step:
    return Step(number, StepKind.SLEEP, "sleep", "[1]", turn, "shop.py:8", due_at)


def wait(number: int, name: str = "paid", turn: int = 0, kind: StepKind = StepKind.WAIT_SIGNAL) -> Step:
    return Step(number, kind, name, "[]", turn, "shop.py:9")


def ended(step: int, at: Micros, outcome: Outcome = "17", attempt: int = 1) -> StepEnded:
    return StepEnded(step, outcome, at, attempt)


def signal(number: int, name: str = "paid", payload: Payload = '"eur"', at: Micros = 1200) -> Signal:
    return Signal(number, name, payload, at)


def child(
    workflow_id: str, step: int = 0, *, of: str = "w", run: int = 1, at: Micros = 1000, **other: Any
) -> Submission:
    return submission(workflow_id, at, parent=Parent(of, run, step), **other)


def asked(workflow_id: str = "w", kind: RequestKind = RequestKind.SUSPEND, at: Micros = 1500, **other: Any) -> Request:
    return Request(workflow_id, kind, at, **other)


# ---------------------------------------------------------------------- what is read


def seen(store: Store, *ids: str) -> list[object]:
    """All that can be read of a store."""
    return [
        store.records(),
        # Numbers are a store's own.
        [found[1:] for counted in (False, True) for found in store.pending(0, 100, counted=counted)],
        [(sleeper.wake_at, sleeper.workflow_id) for sleeper in store.sleepers((0, 0), FOREVER - 1, 100)],
        *(
            (
                store.brief(each),
                store.load(each),
                store.snapshot(each),
                store.record(each),
                store.steps(each),
                *((store.ended_children(each, run), store.open_children(each, run)) for run in (1, 2)),
            )
            for each in ids
        ),
    ]


def record_of(store: Store, workflow_id: str = "w") -> WorkflowRecord:
    found = store.record(workflow_id)
    assert found is not None
    return found


def loaded(store: Store, workflow_id: str = "w") -> Loaded:
    found = store.load(workflow_id)
    assert found is not None
    return found


def history_of(store: Store, workflow_id: str = "w") -> History:
    return loaded(store, workflow_id).history


def step_of(store: Store, number: int, workflow_id: str = "w") -> StepRecord:
    return next(step for step in store.steps(workflow_id) if step.step == number)


def told(requests: Sequence[Request]) -> list[tuple[str, str]]:
    """The requests, each as its workflow and what it asks."""
    return [(request.workflow_id, request.kind.value) for request in requests]


def arrived(store: Store) -> list[str]:
    """The ids of the workflows that a look finds."""
    return [workflow_id for workflow_id, _ in store.arrivals().workflows]


def awake(store: Store) -> list[str]:
    """The ids of the workflows that must be in memory, in the order added."""
    return [found.workflow_id for found in store.pending(0, 1000, counted=False)]


def unfinished(store: Store) -> list[str]:
    """The ids of the workflows that have not ended."""
    return ids(store, statuses=frozenset(WorkflowStatus) - ENDED)


def orphans(store: Store, *workflow_ids: str) -> dict[str, str | None]:
    """For each workflow, the parent with which it was to end and that has ended."""
    return {each: loaded(store, each).orphan_of for each in workflow_ids}


def ids(store: Store, **which: Any) -> list[str]:
    """The ids that a filter gives."""
    return [record.id for record in store.records(Filter(**which))]
