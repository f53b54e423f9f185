"""Between rows and values: how a failure, a text and a step stand in the tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeAlias

from .._core.errors import DamagedRowError
from .._core.history import (
    CancelRequested,
    Event,
    Failure,
    History,
    Micros,
    OnParentEnd,
    Outcome,
    Payload,
    Signal,
    Started,
    Step,
    StepEnded,
    StepKind,
    StepStatus,
    WorkflowStatus,
)
from ..store import Current, Loaded, OpenAttempt, Parent, Request, RequestKind, StepRecord, Submission, WorkflowRecord

#: A row as sqlite3 gives it. Which types its columns have is known to the statement that selects them.
Row: TypeAlias = tuple[Any, ...]

#: Text that people read; as bytes where it cannot be written in UTF-8.
StoredText: TypeAlias = str | bytes

# A dictionary finds a member in a fraction of the time that the enum's call takes.
WORKFLOW_STATUSES = {status.value: status for status in WorkflowStatus}
STEP_STATUSES = {status.value: status for status in StepStatus}
STEP_KINDS = {kind.value: kind for kind in StepKind}
REQUEST_KINDS = {kind.value: kind for kind in RequestKind}
#: In the column `on_parent_end`: it was "cancel", and the child was rewound when its parent no longer waited for it.
RELEASED = "released"
ON_PARENT_END: dict[str, OnParentEnd] = {
    "cancel": "cancel",
    "wait": "wait",
    "abandon": "abandon",
    RELEASED: "abandon",
}


def stored_text(text: str) -> StoredText:
    """``text`` for a column that people read, with lone surrogates (of file names that are no UTF-8) kept."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def restored_text(text: StoredText) -> str:
    """What `stored_text` was given."""
    return text if isinstance(text, str) else text.decode("utf-8", "surrogatepass")


def failure_columns(failure: Failure) -> tuple[Payload | None, StoredText, StoredText, StoredText]:
    """``failure`` as output, error, error_type and error_traceback."""
    shown = failure.type_name.removeprefix("builtins.")
    return (
        failure.exception,
        stored_text(f"{shown}: {failure.message}" if failure.message else shown),
        stored_text(failure.type_name),
        stored_text(failure.traceback),
    )


def outcome_columns(
    outcome: Outcome | None,
) -> tuple[Payload | None, StoredText | None, StoredText | None, StoredText | None]:
    """``outcome`` as output, error, error_type and error_traceback."""
    if isinstance(outcome, Failure):
        return failure_columns(outcome)
    return outcome, None, None, None


def outcome(
    output: Payload | None, error: StoredText | None, kind: StoredText | None, trace: StoredText | None
) -> Outcome | None:
    """The `Outcome` that the four columns hold; None where they hold none."""
    if kind is None or error is None:
        return output
    type_name = restored_text(kind)
    shown = type_name.removeprefix("builtins.")
    # What follows the type is ": " and the message, or nothing where there is no message.
    return Failure(type_name, restored_text(error)[len(shown) + 2 :], restored_text(trace or ""), output)


def workflow_row(new: Submission, started_at: Micros | None) -> Row:
    """The row that `INSERT_WORKFLOW` takes."""
    return new.workflow_id, new.name, new.created_at, new.starts_at, started_at, new.seed, new.input


def wide_row(new: Submission, started_at: Micros | None) -> Row:
    """The row that `INSERT_SUBMISSION` takes."""
    return (
        *workflow_row(new, started_at),
        new.version and stored_text(new.version),
        new.deadline_at,
        *(new.parent or (None, None, None, None)),
    )


def signal_row(workflow_id: str, signal: Signal) -> Row:
    """The row that `INSERT_SIGNAL` takes."""
    return workflow_id, signal.number, stored_text(signal.name), signal.at, signal.payload


def quoted(names: Iterable[str]) -> str:
    """``names`` as the inside of a JSON list."""
    return ", ".join(json.dumps(name) for name in names)


def workflow_status(workflow_id: str, text: str) -> WorkflowStatus:
    """The status that ``text`` is; `DamagedRowError` where it is none."""
    status = WORKFLOW_STATUSES.get(text)
    if status is None:
        raise DamagedRowError(f"the row of workflow {workflow_id!r} is damaged: there is no status {text!r}")
    return status


def workflow_record(row: Row) -> WorkflowRecord:
    """The record of a row that `SELECT_WORKFLOWS` gave."""
    return WorkflowRecord(
        id=row[0],
        name=row[1],
        status=workflow_status(row[0], row[2]),
        run=row[3],
        seed=row[4],
        input=row[5],
        submitted=(row[1], row[5]) if row[24] is None else (row[24], row[25]),
        progress=row[6],
        outcome=outcome(row[7], row[8], row[9], row[10]),
        reason=None if row[11] is None else restored_text(row[11]),
        parent=None if row[17] is None else _parent(row[0], *row[17:21]),
        version=row[21] and restored_text(row[21]),
        deadline_at=row[22],
        created_at=row[12],
        starts_at=row[13],
        started_at=row[14],
        finished_at=row[15],
        recovery_attempts=row[16],
        step=row[26],
        updated_at=max(row[12], row[14] or 0, row[15] or 0, row[27] or 0),
        current=None if row[28] is None else _current(*row[28:33]),
    )


def _current(
    name: str, attempt: int, error: StoredText | None, kind: StoredText | None, due_at: Micros | None
) -> Current:
    failure = outcome(None, error, kind, None)
    return Current(name, attempt, failure.summary if isinstance(failure, Failure) else None, due_at)


def _parent(workflow_id: str, parent_id: str, run: int, step: int, at_end: str) -> Parent:
    on_parent_end = ON_PARENT_END.get(at_end)
    if on_parent_end is None:
        raise DamagedRowError(f"the row of workflow {workflow_id!r} is damaged: nothing is called {at_end!r}")
    return Parent(parent_id, run, step, on_parent_end)


def request(row: Row) -> Request:
    """The request of a row that `SELECT_REQUESTS` gave."""
    number, workflow_id, kind, at, name, payload = row
    return Request(workflow_id, REQUEST_KINDS[kind], at, name and restored_text(name), payload, number)


def step_record(row: Row) -> StepRecord:
    """The record of a row that `SELECT_STEPS` gave."""
    try:
        kind, status = STEP_KINDS[row[1]], STEP_STATUSES[row[3]]
    except KeyError as error:
        raise _damaged_step(row, f"there is no kind or status {error}") from None
    value = outcome(row[12], row[13], row[14], row[15])
    is_open = status is StepStatus.SCHEDULED
    return StepRecord(
        step=row[0],
        kind=kind,
        name=row[2],
        status=status,
        attempt=row[4],
        turn=row[5],
        applied=row[6],
        dropped=row[16],
        due_at=row[7],
        scheduled_at=row[8],
        finished_at=None if is_open else row[9],
        source=restored_text(row[10]),
        input=row[11],
        outcome=None if is_open else value,
        last_failure=value if is_open and isinstance(value, Failure) else None,
        failed_at=row[9] if is_open else None,
        heartbeat=row[17],
        counted_from=row[18],
    )


def loaded(row: Row, steps: Iterable[Row], inputs: Iterable[Row], signals: Iterable[Row], last_signal: int) -> Loaded:
    """All of a workflow, of the rows of `SELECT_WORKFLOW`, `SELECT_STEPS`, `SELECT_APPLIED` and `SELECT_SIGNALS`."""
    record = workflow_record(row)
    issued: list[Step] = []
    placed: list[tuple[int, Event]] = []
    recorded: list[StepEnded] = []
    dropped: set[int] = set()
    attempts: dict[int, OpenAttempt] = {}
    for step in steps:
        number, kind_name, name, status, attempt, turn, applied, due_at, scheduled_at, failed_at, source, arguments = (
            step[:12]
        )
        kind = STEP_KINDS.get(kind_name)
        if kind is None:
            raise _damaged_step(step, f"there is no kind {kind_name!r}")
        is_activity = kind is StepKind.ACTIVITY
        # That of an activity is no part of what was asked for.
        ends_at = None if is_activity else due_at
        issued.append(Step(number, kind, name, arguments, turn, restored_text(source), ends_at))
        if applied is not None:
            placed.append((applied, _ended(step, attempt)))
        elif status == "cancelled":
            dropped.add(number)
        elif status != "scheduled":
            recorded.append(_ended(step, attempt))
        elif is_activity:
            attempts[number] = OpenAttempt(
                attempt, due_at, step[17], max(scheduled_at, failed_at or 0, due_at or 0), step[18] or scheduled_at
            )
    for applied, at, reason, timeout in inputs:
        placed.append((applied, CancelRequested(at, None if reason is None else restored_text(reason), timeout)))
    placed.sort(key=lambda pair: pair[0])
    recorded.sort(key=lambda event: event.at)
    events: list[Event] = [] if record.started_at is None else [Started(record.started_at)]
    events += [event for _, event in placed]
    patches = frozenset() if row[23] is None else frozenset(json.loads(row[23]))
    waiting = [Signal(number, restored_text(name), payload, at) for number, name, payload, at in signals]
    return Loaded(
        record, History(events, issued, patches, frozenset(dropped)), recorded, waiting, last_signal, attempts
    )


def _ended(row: Row, attempt: int) -> StepEnded:
    value = outcome(row[12], row[13], row[14], row[15])
    if value is None or row[9] is None:
        raise _damaged_step(row, "it ended, and holds no outcome or no time")
    return StepEnded(row[0], value, row[9], attempt)


def _damaged_step(row: Row, why: str) -> DamagedRowError:
    return DamagedRowError(f"the row of step {row[0]} ({row[2]}) is damaged: {why}")
