"""Between rows and values: how a failure, a text and a step stand in the tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from .._core.errors import DamagedRowError
from .._core.history import (
    Event,
    Failure,
    History,
    Micros,
    Outcome,
    Payload,
    Started,
    Step,
    StepEnded,
    StepKind,
    StepStatus,
    WorkflowStatus,
)
from ..store import StepRecord, Submission, WorkflowRecord

#: A row as sqlite3 gives it. Which types its columns have is known to the statement that selects them.
Row: TypeAlias = tuple[Any, ...]

#: Text that people read; as bytes where it cannot be written in UTF-8.
StoredText: TypeAlias = str | bytes

# A dictionary finds a member in a fraction of the time that the enum's call takes.
WORKFLOW_STATUSES = {status.value: status for status in WorkflowStatus}
STEP_STATUSES = {status.value: status for status in StepStatus}
STEP_KINDS = {kind.value: kind for kind in StepKind}


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
        progress=row[6],
        outcome=outcome(row[7], row[8], row[9], row[10]),
        reason=None if row[11] is None else restored_text(row[11]),
        parent=row[12],
        created_at=row[13],
        starts_at=row[14],
        started_at=row[15],
        finished_at=row[16],
        recovery_attempts=row[17],
        step=row[18],
        updated_at=max(row[13], row[15] or 0, row[16] or 0, row[19] or 0),
        current_activity=row[20],
    )


def step_record(row: Row) -> StepRecord:
    """The record of a row that `SELECT_STEPS` gave."""
    try:
        kind, status = STEP_KINDS[row[1]], STEP_STATUSES[row[3]]
    except KeyError as error:
        raise _damaged_step(row, f"there is no kind or status {error}") from None
    return StepRecord(
        step=row[0],
        kind=kind,
        name=row[2],
        status=status,
        attempt=row[4],
        turn=row[5],
        applied=row[6],
        due_at=row[7],
        scheduled_at=row[8],
        finished_at=row[9],
        source=restored_text(row[10]),
        input=row[11],
        outcome=outcome(row[12], row[13], row[14], row[15]),
    )


def history(started_at: Micros | None, rows: Iterable[Row]) -> History:
    """The history of a run, of the rows that `SELECT_STEPS` gave."""
    steps: list[Step] = []
    ended: list[tuple[int, StepEnded]] = []
    for row in rows:
        number, kind_name, name, _, attempt, turn, applied, due_at, _, finished_at, source, arguments = row[:12]
        kind = STEP_KINDS.get(kind_name)
        if kind is None:
            raise _damaged_step(row, f"there is no kind {kind_name!r}")
        steps.append(Step(number, kind, name, arguments, turn, restored_text(source), due_at))
        if applied is not None:
            value = outcome(row[12], row[13], row[14], row[15])
            if value is None or finished_at is None:
                raise _damaged_step(row, "it ended, and holds no outcome or no time")
            ended.append((applied, StepEnded(number, value, finished_at, attempt)))
    ended.sort(key=lambda pair: pair[0])
    events: list[Event] = [] if started_at is None else [Started(started_at)]
    events += [event for _, event in ended]
    return History(events, steps)


def _damaged_step(row: Row, why: str) -> DamagedRowError:
    return DamagedRowError(f"the row of step {row[0]} ({row[2]}) is damaged: {why}")
