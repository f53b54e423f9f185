"""Conversion between rows and values: failures, texts, steps and workflows as they stand in the tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TypeAlias

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
    dropped_before,
)
from ..store import (
    UNCHANGED,
    Current,
    Loaded,
    OpenAttempt,
    Parent,
    Request,
    RequestKind,
    StepRecord,
    Submission,
    WorkflowBrief,
    WorkflowRecord,
)
from .row_checks import ANY_TEXT, BYTES, FROM_ONE, NUMBER, PAYLOAD, SECONDS, TEXT, TIME, WAKE_AT, Columns, Row, shown
from .schema import RELEASED

#: Text that people read; as bytes where it cannot be written in UTF-8.
StoredText: TypeAlias = str | bytes

# A dictionary finds a member in a fraction of the time that the enum's call takes.
WORKFLOW_STATUSES = {status.value: status for status in WorkflowStatus}
STEP_STATUSES = {status.value: status for status in StepStatus}
STEP_KINDS = {kind.value: kind for kind in StepKind}
REQUEST_KINDS = {kind.value: kind for kind in RequestKind}
ON_PARENT_END: dict[str, OnParentEnd] = {
    "cancel": "cancel",
    "wait": "wait",
    "abandon": "abandon",
    RELEASED: "abandon",
}

#: The columns of `SELECT_WORKFLOWS`.
WORKFLOW = Columns(
    "workflows",
    lambda row: f"workflow {shown(row[0])}",
    id=TEXT,
    name=TEXT,
    status=TEXT,
    run=FROM_ONE,
    seed=BYTES,
    input=PAYLOAD,
    progress=PAYLOAD.or_null,
    output=PAYLOAD.or_null,
    error=ANY_TEXT.or_null,
    error_type=ANY_TEXT.or_null,
    error_traceback=ANY_TEXT.or_null,
    reason=ANY_TEXT.or_null,
    created_at=TIME,
    starts_at=TIME.or_null,
    started_at=TIME.or_null,
    finished_at=TIME.or_null,
    recovery_attempts=NUMBER,
    parent=TEXT.or_null,
    parent_run=FROM_ONE.or_null,
    parent_step=NUMBER.or_null,
    on_parent_end=TEXT.or_null,
    version=ANY_TEXT.or_null,
    deadline_at=TIME.or_null,
    patches=TEXT.or_null,
    first_name=TEXT.or_null,
    first_input=PAYLOAD.or_null,
    applied_steps=NUMBER,
    **{
        # As one finds them in the file: they are columns of `activity_executions`.
        "scheduled_at or finished_at of its steps": TIME.or_null,
        "name of its current activity": TEXT.or_null,
        "attempt of its current activity": FROM_ONE.or_null,
        "error of its current activity": ANY_TEXT.or_null,
        "error_type of its current activity": ANY_TEXT.or_null,
        "due_at of its current activity": TIME.or_null,
    },
    wake_at=WAKE_AT.or_null,
)
#: The columns of `SELECT_BRIEF`.
BRIEF = Columns(
    "workflows",
    lambda row: f"workflow {shown(row[0])}",
    id=TEXT,
    name=TEXT,
    status=TEXT,
    run=FROM_ONE,
    started_at=TIME.or_null,
    starts_at=TIME.or_null,
    recovery_attempts=NUMBER,
    wake_at=WAKE_AT.or_null,
    parent=TEXT.or_null,
    parent_run=FROM_ONE.or_null,
    parent_step=NUMBER.or_null,
    on_parent_end=TEXT.or_null,
)
#: The columns of `SELECT_STEPS`.
STEP = Columns(
    "activity_executions",
    lambda row: f"step {shown(row[0])} ({row[2]}) of workflow {shown(row[21])}",
    step=NUMBER,
    kind=TEXT,
    name=TEXT,
    status=TEXT,
    attempt=FROM_ONE,
    turn=NUMBER,
    applied=FROM_ONE.or_null,
    due_at=TIME.or_null,
    scheduled_at=TIME,
    finished_at=TIME.or_null,
    source=ANY_TEXT,
    input=PAYLOAD,
    output=PAYLOAD.or_null,
    error=ANY_TEXT.or_null,
    error_type=ANY_TEXT.or_null,
    error_traceback=ANY_TEXT.or_null,
    dropped=NUMBER.or_null,
    heartbeat=PAYLOAD.or_null,
    counted_from=TIME.or_null,
    begun_at=TIME.or_null,
    worker=ANY_TEXT.or_null,
    workflow_id=TEXT,
)
#: The columns of `SELECT_APPLIED`.
APPLIED = Columns(
    "workflow_inputs",
    lambda row: f"a cancellation of workflow {shown(row[4])}",
    applied=FROM_ONE,
    received_at=TIME,
    payload=ANY_TEXT.or_null,
    timeout=SECONDS.or_null,
    workflow_id=TEXT,
)
#: The columns of `SELECT_SIGNALS`.
SIGNAL = Columns(
    "signals",
    lambda row: f"signal {shown(row[0])} of workflow {shown(row[4])}",
    number=FROM_ONE,
    name=ANY_TEXT,
    payload=PAYLOAD,
    sent_at=TIME,
    workflow_id=TEXT,
)
#: The columns of `SELECT_LAST_SIGNAL`.
LAST_SIGNAL = Columns("signals", lambda row: f"a signal of workflow {shown(row[1])}", number=NUMBER, workflow_id=TEXT)
#: The columns of `SELECT_REQUESTS`.
REQUEST = Columns(
    "workflow_inputs",
    lambda row: f"request {row[0]}",
    number=FROM_ONE,
    workflow_id=TEXT,
    kind=TEXT,
    received_at=TIME,
    name=ANY_TEXT.or_null,
    payload=PAYLOAD.or_null,
)


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
    """Return the text that `stored_text` was given."""
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


def workflow_row(new: Submission, started_at: Micros | None = None, wake_at: Micros | None = UNCHANGED) -> Row:
    """The row that `INSERT_RESTING` takes; without a ``wake_at`` of its own the workflow rests until it starts."""
    if wake_at == UNCHANGED:
        wake_at = new.starts_at
    return new.workflow_id, new.name, new.created_at, new.starts_at, started_at, wake_at, new.seed, new.input


def wide_row(new: Submission, started_at: Micros | None = None, wake_at: Micros | None = UNCHANGED) -> Row:
    """The row that `INSERT_SUBMISSION` takes."""
    return (
        *workflow_row(new, started_at, wake_at),
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


def workflow_record(row: Row) -> WorkflowRecord:
    """The record of a row that `SELECT_WORKFLOWS` gave.

    Raises:
        DamagedRowError: It holds what does not belong there.
    """
    WORKFLOW.check(row)
    return WorkflowRecord(
        id=row[0],
        name=row[1],
        status=_status(WORKFLOW, row),
        run=row[3],
        seed=row[4],
        input=row[5],
        submitted=(row[1], row[5]) if row[24] is None else (row[24], row[25]),
        progress=row[6],
        outcome=outcome(row[7], row[8], row[9], row[10]),
        reason=None if row[11] is None else restored_text(row[11]),
        parent=_parent(WORKFLOW, row, 17),
        version=None if row[21] is None else restored_text(row[21]),
        deadline_at=row[22],
        created_at=row[12],
        starts_at=row[13],
        started_at=row[14],
        finished_at=row[15],
        recovery_attempts=row[16],
        step=row[26],
        updated_at=max(row[12], row[14] or 0, row[15] or 0, row[27] or 0),
        current=None if row[28] is None else _current(*row[28:33]),
        wake_at=row[33],
    )


def legible_record(row: Row) -> WorkflowRecord:
    """The same; of a damaged row, what can be read of it, as a stalled workflow with the damage as its reason."""
    try:
        return workflow_record(row)
    except DamagedRowError as error:
        created_at = row[12] if TIME.fits(row[12]) else 0
        input = row[5] if PAYLOAD.fits(row[5]) else b""
        name = row[1] if isinstance(row[1], str) else shown(row[1])
        return WorkflowRecord(
            id=row[0] if isinstance(row[0], str) else shown(row[0]),
            name=name,
            status=WorkflowStatus.STALLED,
            run=row[3] if FROM_ONE.fits(row[3]) else 1,
            seed=b"",
            input=input,
            submitted=(name, input),
            progress=None,
            outcome=None,
            reason=str(error),
            parent=None,
            version=None,
            deadline_at=None,
            created_at=created_at,
            starts_at=None,
            started_at=None,
            finished_at=None,
            recovery_attempts=0,
            step=0,
            updated_at=created_at,
            current=None,
            wake_at=None,
            damaged=True,
        )


def _current(
    name: str, attempt: int, error: StoredText | None, kind: StoredText | None, due_at: Micros | None
) -> Current:
    failure = outcome(None, error, kind, None)
    return Current(name, attempt, failure.summary if isinstance(failure, Failure) else None, due_at)


def workflow_brief(row: Row) -> WorkflowBrief:
    """The value of a row that `SELECT_BRIEF` gave.

    Raises:
        DamagedRowError: It holds what does not belong there.
    """
    BRIEF.check(row)
    return WorkflowBrief(
        workflow_id=row[0],
        name=row[1],
        status=_status(BRIEF, row),
        run=row[3],
        started=row[4] is not None,
        starts_at=row[5],
        recovery_attempts=row[6],
        wake_at=row[7],
        parent=_parent(BRIEF, row, 8),
    )


def _status(columns: Columns, row: Row) -> WorkflowStatus:
    """The status in a row of `workflows`, which is the third of the columns."""
    status = WORKFLOW_STATUSES.get(row[2])
    if status is None:
        raise columns.damaged(row, f"there is no status {row[2]!r}")
    return status


def _parent(columns: Columns, row: Row, place: int) -> Parent | None:
    """The parent in a row of `workflows`: four columns from ``place`` on."""
    parent, run, step, named = row[place : place + 4]
    if parent is None:
        return None
    on_parent_end = ON_PARENT_END.get(named)
    if on_parent_end is None:
        raise columns.damaged(row, f"nothing is called {named!r} that becomes of a child")
    if run is None or step is None:
        raise columns.damaged(row, "it has a parent, and no step of it")
    return Parent(parent, run, step, on_parent_end)


def request(row: Row) -> Request:
    """The request of a row that `SELECT_REQUESTS` gave.

    Raises:
        DamagedRowError: It holds what does not belong there.
    """
    REQUEST.check(row)
    number, workflow_id, kind, at, name, payload = row
    if kind not in REQUEST_KINDS:
        raise REQUEST.damaged(row, f"there is no kind {kind!r}")
    return Request(workflow_id, REQUEST_KINDS[kind], at, None if name is None else restored_text(name), payload, number)


def step_record(row: Row) -> StepRecord:
    """The record of a row that `SELECT_STEPS` gave.

    Raises:
        DamagedRowError: It holds what does not belong there.
    """
    kind, status = _words(row)
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
        begun_at=row[19],
        worker=None if row[20] is None else restored_text(row[20]),
    )


def _words(row: Row) -> tuple[StepKind, StepStatus]:
    """Kind and status of a step, the row of which is looked at in all its columns."""
    STEP.check(row)
    try:
        return STEP_KINDS[row[1]], STEP_STATUSES[row[3]]
    except KeyError as error:
        raise STEP.damaged(row, f"there is no kind or status {error}") from None


def loaded(
    row: Row,
    record: WorkflowRecord,
    steps: Iterable[Row],
    inputs: Iterable[Row],
    signals: Iterable[Row],
    last: Row,
    orphan_of: str | None,
) -> Loaded:
    """All of a workflow: its row and the record of it, and the rows of the statements that follow in `reading`.

    Raises:
        DamagedRowError: One of them holds what does not belong there, or they do not fit together.
    """
    issued: list[Step] = []
    placed: list[tuple[int, Event]] = []
    recorded: list[StepEnded] = []
    dropped: dict[int, int] = {}
    attempts: dict[int, OpenAttempt] = {}
    for step in steps:
        kind, status = _words(step)
        number, _, name, _, attempt, turn, applied, due_at, scheduled_at, failed_at, source, arguments = step[:12]
        is_activity = kind is StepKind.ACTIVITY
        # That of an activity is no part of what was asked for.
        ends_at = None if is_activity else due_at
        issued.append(Step(number, kind, name, arguments, turn, restored_text(source), ends_at))
        if applied is not None:
            placed.append((applied, _ended(step, attempt)))
        elif status is StepStatus.CANCELLED:
            dropped[number] = step[16] or 0
        elif status is not StepStatus.SCHEDULED:
            recorded.append(_ended(step, attempt))
        elif is_activity:
            attempts[number] = OpenAttempt(
                attempt, due_at, step[17], max(scheduled_at, failed_at or 0, due_at or 0), step[18] or scheduled_at
            )
    for input in inputs:
        APPLIED.check(input)
        applied, at, reason, timeout, _ = input
        placed.append((applied, CancelRequested(at, None if reason is None else restored_text(reason), timeout)))
    placed.sort(key=lambda pair: pair[0])
    recorded.sort(key=lambda event: event.at)
    events: list[Event] = [] if record.started_at is None else [Started(record.started_at)]
    events += [event for _, event in placed]
    history = History(events, issued, _patches(row), dropped_before(len(events), dropped))
    if [place for place, _ in placed] != list(range(1, len(placed) + 1)):
        raise WORKFLOW.damaged(row, "the places in which its outcomes were applied are not 1, 2, 3, ...")
    LAST_SIGNAL.check(last)
    return Loaded(record, history, recorded, [_signal(signal) for signal in signals], last[0], attempts, orphan_of)


def _patches(row: Row) -> frozenset[str]:
    try:
        names = [] if row[23] is None else json.loads(row[23])
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return frozenset(names)
    except (ValueError, RecursionError):
        pass
    raise WORKFLOW.damaged(row, f"column patches holds {shown(row[23])}, where a list of names belongs")


def _signal(row: Row) -> Signal:
    SIGNAL.check(row)
    number, name, payload, at, _ = row
    return Signal(number, restored_text(name), payload, at)


def _ended(row: Row, attempt: int) -> StepEnded:
    value = outcome(row[12], row[13], row[14], row[15])
    if value is None or row[9] is None:
        raise STEP.damaged(row, "it ended, and holds no outcome or no time")
    return StepEnded(row[0], value, row[9], attempt)
