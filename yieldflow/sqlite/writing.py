"""The statements that put checkpoints and submissions on disk, and the rows that they take."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from .._core.errors import RefusedValueError
from .._core.history import CancelRequested, Failure, Micros, StepEnded, StepKind, StepStatus, WorkflowStatus
from ..store import UNCHANGED, Checkpoint, Submission, id_taken_error
from . import statements as sql
from .row_checks import Row
from .rows import (
    failure_columns,
    outcome_columns,
    quoted,
    signal_row,
    stored_text,
    wide_row,
    workflow_row,
)

#: A statement and the rows that it is carried out with, in the order to be carried out.
Writes: TypeAlias = list[tuple[str, list[Row]]]
#: A new workflow, when its first turn was driven, and when it wakes.
New: TypeAlias = tuple[Submission, Micros | None, Micros | None]

#: When an attempt began, and on which worker, where that is not known.
UNKNOWN: Row = (None, None)

# Kept here, since to ask the enum for a member is a call, and this one is asked for at every step.
_ACTIVITY = StepKind.ACTIVITY


def write(connection: sqlite3.Connection, writes: Writes) -> None:
    """Carry out statements with their rows, in a transaction that the caller rolls back where this raises.

    Raises:
        WorkflowAlreadyExistsError: The id of a new workflow is taken.
        RefusedValueError: What is to be changed is not there, or has changed already.
    """
    for statement, rows in writes:
        if not rows:
            continue
        changed = _carry_out(connection, statement, rows)
        if changed != len(rows) and statement not in sql.LENIENT:
            raise RefusedValueError(
                f"{len(rows) - changed} of the workflows or steps to be changed are not there or have ended "
                "already: was a row changed by hand?"
            )


def _carry_out(connection: sqlite3.Connection, statement: str, rows: list[Row]) -> int:
    """Carry out a statement with its rows, in their order, and return how many rows of the database were changed."""
    if statement in sql.CREATING:
        return insert_workflows(connection, statement, rows)
    if len(rows) < sql.BLOCK or statement not in sql.BLOCKS:
        return connection.executemany(sql.STATEMENTS[statement], rows).rowcount
    blocks, rest = _in_blocks(rows)
    changed = connection.executemany(sql.BLOCKS[statement], blocks).rowcount
    return changed + connection.executemany(sql.STATEMENTS[statement], rest).rowcount if rest else changed


def _in_blocks(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows for the statement that takes a block at once, and the rest."""
    whole = len(rows) - len(rows) % sql.BLOCK
    ends = range(sql.BLOCK, whole + 1, sql.BLOCK)
    return [tuple(chain.from_iterable(rows[end - sql.BLOCK : end])) for end in ends], rows[whole:]


def insert_workflows(connection: sqlite3.Connection, statement: str, rows: list[Row]) -> int:
    """Add workflows, and return how many.

    Raises:
        WorkflowAlreadyExistsError: An id is taken, by a workflow that is there or by another of these.
    """
    inserted = 0

    def counted(parts: list[Row], size: int) -> Iterator[Row]:
        nonlocal inserted
        for part in parts:
            yield part
            inserted += size

    blocks, rest = _in_blocks(rows)
    try:
        connection.executemany(sql.BLOCKS[statement], counted(blocks, sql.BLOCK))
        connection.executemany(sql.STATEMENTS[statement], counted(rest, 1))
    except sqlite3.IntegrityError:
        # One by one from there on: of a block SQLite does not say which of its rows it refused.
        for row in rows[inserted:]:
            _insert_workflow(connection, statement, row)
        raise
    return inserted


def _insert_workflow(connection: sqlite3.Connection, statement: str, row: Row) -> None:
    try:
        connection.execute(sql.STATEMENTS[statement], row)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            raise id_taken_error(row[0]) from None
        raise


def wake_stalled(connection: sqlite3.Connection, name: str | None) -> None:
    """Have stalled workflows, of that name or all, be in memory."""
    if name is None:
        connection.execute(sql.WAKE_STALLED)
    else:
        connection.execute(sql.WAKE_STALLED_OF, (stored_text(name),))


def submitted(submissions: Sequence[Submission]) -> Writes:
    """Return the statements that add workflows that no turn has driven."""
    return _inserts([(new, None, UNCHANGED) for new in submissions])


def committed(checkpoints: Sequence[Checkpoint]) -> Writes:
    """Return the statements that carry out checkpoints."""
    created: list[New] = []
    started: list[Row] = []
    changed: list[Checkpoint] = []
    rare: list[Checkpoint] = []
    for checkpoint in checkpoints:
        if checkpoint.created is not None:
            created.append((checkpoint.created, checkpoint.started_at, checkpoint.wake_at))
        elif checkpoint.place == 0 and checkpoint.started_at is not None:
            started.append((checkpoint.started_at, checkpoint.run, checkpoint.workflow_id))
        if checkpoint.rare:
            rare.append(checkpoint)
            created += [(child, None, UNCHANGED) for child in checkpoint.children]
        if checkpoint.status is not None or checkpoint.recovery_attempts is not None or checkpoint.wake_at != UNCHANGED:
            changed.append(checkpoint)
    return [
        *(_inserts(created) if created else ()),
        (sql.START_WORKFLOW, started),
        *_steps(checkpoints),
        *_events(checkpoints),
        *(_statuses(changed) if changed else ()),
        *(_rare(rare) if rare else ()),
    ]


def _steps(checkpoints: Sequence[Checkpoint]) -> Writes:
    """Return the statements that add the steps that were issued."""
    activities: list[Row] = []
    others: list[Row] = []
    for checkpoint in checkpoints:
        workflow_id, run, at = checkpoint.workflow_id, checkpoint.run, checkpoint.at
        for number, kind, name, arguments, turn, source, due_at in checkpoint.issued:
            where = source if source.isascii() else stored_text(source)
            if kind is _ACTIVITY:
                activities.append((workflow_id, run, number, name, turn, at, where, arguments))
            else:
                others.append((workflow_id, run, number, kind.value, name, turn, due_at, at, where, arguments))
    return [(sql.INSERT_ACTIVITY, activities), (sql.INSERT_STEP, others)]


def _events(checkpoints: Sequence[Checkpoint]) -> Writes:
    """Return the statements for the events that were applied."""
    ended: list[Row] = []
    others: dict[str, list[Row]] = {}
    for checkpoint in checkpoints:
        workflow_id, run, begun_by, place = (
            checkpoint.workflow_id,
            checkpoint.run,
            checkpoint.begun_by,
            checkpoint.place,
        )
        for event in checkpoint.events:
            if type(event) is StepEnded:
                number, outcome, at, attempt = event
                if attempt == 1 and number in begun_by and type(outcome) is not Failure:
                    # Nearly all are such.
                    began, worker = begun_by[number]
                    shown = worker if worker.isascii() else stored_text(worker)
                    ended.append((outcome, at, place, began, shown, workflow_id, run, number))
                else:
                    statement, row = _other_end(event, place, begun_by.get(number))
                    others.setdefault(statement, []).append((*row, workflow_id, run, number))
            elif isinstance(event, CancelRequested):
                reason = event.reason and stored_text(event.reason)
                row = workflow_id, run, event.at, place, event.timeout, reason
                others.setdefault(sql.INSERT_CANCEL, []).append(row)
            place += 1
    return [(sql.END_STEP, ended), *others.items()]


def _other_end(event: StepEnded, place: int, begun: tuple[Micros, str] | None) -> tuple[str, Row]:
    """Return the statement, and what of its row is not the step, for an end that is not as nearly all are."""
    _, outcome, at, attempt = event
    if isinstance(outcome, Failure):
        return sql.FAIL_STEP, (*failure_columns(outcome), at, attempt, place, *_beginning(begun))
    if attempt > 1:
        return sql.END_LATER_ATTEMPT, (outcome, at, attempt, place, *_beginning(begun))
    return sql.END_PLAIN_STEP, (outcome, at, place)


def _beginning(begun: tuple[Micros, str] | None) -> Row:
    """Return when an attempt that ends began, and on which worker, as columns."""
    if begun is None or begun[1].isascii():
        return begun or UNKNOWN
    return begun[0], stored_text(begun[1])


def _inserts(created: list[New]) -> Writes:
    """Return the statements that add workflows: one for all of them, since the order in which they are added shows."""
    wide = [
        new
        for new, _, _ in created
        if new.parent is not None or new.version is not None or new.deadline_at is not None or new.signals
    ]
    if not wide and all(new.starts_at is None and wake_at in (None, UNCHANGED) for new, _, wake_at in created):
        return [
            (
                sql.INSERT_WORKFLOW,
                [(new.workflow_id, new.name, new.created_at, at, new.seed, new.input) for new, at, _ in created],
            )
        ]
    if not wide:
        return [(sql.INSERT_RESTING, [workflow_row(*each) for each in created])]
    signals = [signal_row(new.workflow_id, signal) for new in wide for signal in new.signals]
    rows = [wide_row(*each) for each in created]
    return [(sql.INSERT_SUBMISSION, rows), (sql.INSERT_SIGNAL, signals)]


def _statuses(checkpoints: Sequence[Checkpoint]) -> Writes:
    """Return the statements for statuses, recovery counts, and when workflows wake."""
    done = WorkflowStatus.DONE
    completed: list[Row] = [(each.at, each.outcome, each.workflow_id) for each in checkpoints if each.status is done]
    statuses: dict[str, list[Row]] = {}
    for each in checkpoints:
        if each.status is not None and each.status is not done:
            reason = None if each.reason is None else stored_text(each.reason)
            row = reason, each.finished_at, *outcome_columns(each.outcome), each.workflow_id
            statuses.setdefault(sql.CHANGE_STATUS[each.status], []).append(row)
    recovered: list[Row] = [
        (each.recovery_attempts, each.workflow_id) for each in checkpoints if each.recovery_attempts is not None
    ]
    rested: list[Row] = [
        (each.wake_at, each.workflow_id) for each in checkpoints if each.wake_at != UNCHANGED and each.created is None
    ]
    # Behind that of when they wake: what ends rests forever.
    return [
        (sql.SET_WAKE_AT, rested),
        (sql.COMPLETE_WORKFLOW, completed),
        *statuses.items(),
        (sql.COUNT_RECOVERY, recovered),
    ]


def _rare(checkpoints: Sequence[Checkpoint]) -> Writes:
    """Return the statements that only some checkpoints need, which are these."""
    writes: dict[str, list[Row]] = {statement: [] for statement in sql.RARE}
    for checkpoint in checkpoints:
        _add_steps(checkpoint, writes)
        _add_messages(checkpoint, writes)
        _add_changes(checkpoint, writes)
    return list(writes.items())


def _add_steps(checkpoint: Checkpoint, writes: dict[str, list[Row]]) -> None:
    """Add the rows for steps that did not end, or whose outcome is kept for later."""
    workflow_id, run, begun_by = checkpoint.workflow_id, checkpoint.run, checkpoint.begun_by
    for number, dropped in checkpoint.cancelled:
        writes[sql.CANCEL_STEP].append((checkpoint.at, dropped, workflow_id, run, number))
    for number, failure, at, following in checkpoint.retried:
        _, error, kind, trace = failure_columns(failure)
        next_one = following.number, following.due_at, following.details, following.counted_from
        begun = _beginning(begun_by.get(number))
        writes[sql.RETRY_STEP].append((error, kind, trace, at, *next_one, *begun, workflow_id, run, number))
    for number, details in checkpoint.heartbeats:
        writes[sql.SET_HEARTBEAT].append((details, workflow_id, run, number))
    for number, begun_at, worker in checkpoint.begun:
        writes[sql.SET_BEGUN].append((begun_at, stored_text(worker), workflow_id, run, number))
    for number, outcome, at, attempt in checkpoint.recorded:
        status = StepStatus.FAILED if isinstance(outcome, Failure) else StepStatus.DONE
        row = status.value, *outcome_columns(outcome), at, attempt, *_beginning(begun_by.get(number))
        writes[sql.RECORD_OUTCOME].append((*row, workflow_id, run, number))


def _add_messages(checkpoint: Checkpoint, writes: dict[str, list[Row]]) -> None:
    """Add the rows for signals and requests, and for whom the checkpoint wakes."""
    workflow_id = checkpoint.workflow_id
    writes[sql.INSERT_SIGNAL] += [signal_row(workflow_id, signal) for signal in checkpoint.signals]
    writes[sql.RECEIVE_SIGNAL] += [(place, workflow_id, number) for number, place in checkpoint.received]
    writes[sql.DELETE_REQUEST] += [(number,) for number in checkpoint.handled]
    writes[sql.WAKE] += [(other,) for other in checkpoint.wakes]
    if checkpoint.orphans:
        writes[sql.WAKE_ORPHANS].append((workflow_id, checkpoint.run))


def _add_changes(checkpoint: Checkpoint, writes: dict[str, list[Row]]) -> None:
    """Add the rows for progress, patches, and the next run."""
    workflow_id = checkpoint.workflow_id
    if checkpoint.progress is not None:
        writes[sql.SET_PROGRESS].append((checkpoint.progress, workflow_id))
    if checkpoint.patches:
        writes[sql.ADD_PATCHES].append((quoted(checkpoint.patches), workflow_id))
    if checkpoint.continued is not None:
        name, arguments, seed, version = checkpoint.continued
        for statement in (sql.DELETE_STEPS, sql.DELETE_APPLIED, sql.DELETE_RECEIVED):
            writes[statement].append((workflow_id,))
        next_run = name, arguments, seed, version and stored_text(version)
        writes[sql.CONTINUE_WORKFLOW].append((*next_run, workflow_id, checkpoint.run))
