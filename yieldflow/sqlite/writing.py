"""The statements that put checkpoints and submissions on disk, and the rows that they take."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple, TypeAlias

from .._core.history import ENDED, CancelRequested, Failure, Micros, StepEnded, StepKind, StepStatus, WorkflowStatus
from ..store import FOREVER, UNCHANGED, Checkpoint, Submission, statuses_before
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
from .schema import STALLED, UNFINISHED

#: A statement and the rows that it is carried out with, in the order to be carried out.
Writes: TypeAlias = list[tuple[str, list[Row]]]
#: A new workflow, when its first turn was driven, and when it wakes.
New: TypeAlias = tuple[Submission, Micros | None, Micros | None]

#: When an attempt began, and on which worker, where that is not known.
UNKNOWN: Row = (None, None)

# What every workflow and step goes through has statements of its own: to bind a parameter costs as much as to write it.
INSERT_WORKFLOW = """
insert into workflows (id, name, status, created_at, starts_at, started_at, wake_at, seed, input)
values (?, ?, 'processing', ?, ?, ?, ?, ?, ?)
"""
INSERT_SUBMISSION = """
insert into workflows (id, name, status, created_at, starts_at, started_at, wake_at, seed, input, version, deadline_at,
                       parent, parent_run, parent_step, on_parent_end)
values (?, ?, 'processing', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
START_WORKFLOW = "update workflows set started_at = ?, run = ? where id = ?"
# A status that may not follow the one on disk is not written, and the checkpoint refused. What is no status at all is
# damage: the workflow is set aside for it.
_MAY_BECOME = {
    status: " and ".join(f"status <> '{other}'" for other in WorkflowStatus if other not in statuses_before(status))
    for status in WorkflowStatus
}
# What is no status at all may be set aside as stalled.
_MAY_BECOME[WorkflowStatus.STALLED] = f"status not in ({', '.join(sorted(repr(ended.value) for ended in ENDED))})"
COMPLETE_WORKFLOW = f"""
update workflows set status = 'done', reason = null, finished_at = ?, output = ?, error = null, error_type = null,
                     error_traceback = null, wake_at = {FOREVER}
where id = ? and {_MAY_BECOME[WorkflowStatus.DONE]}
"""
CHANGE_STATUS: dict[WorkflowStatus, str] = {
    status: f"""
update workflows set status = '{status.value}', reason = ?, finished_at = ?, output = ?, error = ?, error_type = ?,
                     error_traceback = ?{f", wake_at = {FOREVER}" if status.ended else ""}
where id = ? and {_MAY_BECOME[status]}
"""
    for status in WorkflowStatus
    if status is not WorkflowStatus.DONE
}
SET_WAKE_AT = "update workflows set wake_at = ? where id = ?"
WAKE = "update workflows set wake_at = null where id = ? and status = 'processing' and started_at is not null"
WAKE_ORPHANS = f"""
update workflows set wake_at = null where parent = ? and parent_run = ? and on_parent_end = 'cancel' and {UNFINISHED}
"""
WAKE_STALLED = f"update workflows set wake_at = null where {STALLED}"
WAKE_STALLED_OF = f"{WAKE_STALLED} and name = ?"
COUNT_RECOVERY = "update workflows set recovery_attempts = ? where id = ?"
SET_PROGRESS = "update workflows set progress = ? where id = ?"
# The names come as the inside of a JSON list; not every SQLite that Python is built with has functions for JSON.
ADD_PATCHES = """
update workflows
set patches = '[' || ifnull(substr(patches, 2, length(patches) - 2) || ', ', '') || ? || ']'
where id = ?
"""

INSERT_ACTIVITY = """
insert into activity_executions (workflow_id, run, step, kind, name, status, turn, scheduled_at, source, input)
values (?, ?, ?, 'activity', ?, 'scheduled', ?, ?, ?, ?)
"""
INSERT_STEP = """
insert into activity_executions (workflow_id, run, step, kind, name, status, turn, due_at, scheduled_at, source, input)
values (?, ?, ?, ?, ?, 'scheduled', ?, ?, ?, ?, ?)
"""
# An outcome is applied once: a step that has ended is not found, and the checkpoint refused.
END_STEP = """
update activity_executions set status = 'done', output = ?, finished_at = ?, attempt = 1, applied = ?, begun_at = ?,
                               worker = ?
where workflow_id = ? and run = ? and step = ? and applied is null
"""
FAIL_STEP = """
update activity_executions set status = 'failed', output = ?, error = ?, error_type = ?, error_traceback = ?,
                               finished_at = ?, attempt = ?, applied = ?, begun_at = ?, worker = ?
where workflow_id = ? and run = ? and step = ? and applied is null
"""
# What the attempts before left is told no longer.
END_LATER_ATTEMPT = """
update activity_executions set status = 'done', output = ?, finished_at = ?, attempt = ?, applied = ?,
                               begun_at = ?, worker = ?, error = null, error_type = null, error_traceback = null
where workflow_id = ? and run = ? and step = ? and applied is null
"""
RETRY_STEP = """
update activity_executions set error = ?, error_type = ?, error_traceback = ?, finished_at = ?, attempt = ?, due_at = ?,
                               heartbeat = ?, counted_from = ?, begun_at = ?, worker = ?
where workflow_id = ? and run = ? and step = ? and status = 'scheduled'
"""
SET_HEARTBEAT = """
update activity_executions set heartbeat = ? where workflow_id = ? and run = ? and step = ? and status = 'scheduled'
"""
SET_BEGUN = """
update activity_executions set begun_at = ?, worker = ?
where workflow_id = ? and run = ? and step = ? and status = 'scheduled'
"""
# A workflow that stalls at the same outcome again records it again.
RECORD_OUTCOME = """
update activity_executions set status = ?, output = ?, error = ?, error_type = ?, error_traceback = ?,
                               finished_at = ?, attempt = ?, begun_at = ?, worker = ?
where workflow_id = ? and run = ? and step = ? and applied is null and status <> 'cancelled'
"""
CANCEL_STEP = """
update activity_executions set status = 'cancelled', finished_at = ?, dropped = ?, output = null, error = null,
                               error_type = null, error_traceback = null
where workflow_id = ? and run = ? and step = ? and applied is null and status <> 'cancelled'
"""

# Where there is no such workflow nothing is inserted, and the checkpoint refused.
INSERT_SIGNAL = """
insert into signals (workflow_id, number, name, sent_at, payload)
select id, ifnull(nullif(given.number, 0), (select ifnull(max(number), 0) + 1 from signals where workflow_id = id)),
       given.name, sent_at, payload
from (select ? as workflow, ? as number, ? as name, ? as sent_at, ? as payload) as given
join workflows on id = workflow
"""
RECEIVE_SIGNAL = "update signals set received = ? where workflow_id = ? and number = ? and received is null"
INSERT_CANCEL = """
insert into workflow_inputs (workflow_id, run, kind, received_at, applied, timeout, payload)
select id, given.run, 'cancel', received_at, applied, timeout, payload
from (select ? as workflow, ? as run, ? as received_at, ? as applied, ? as timeout, ? as payload) as given
join workflows on id = workflow
"""
DELETE_REQUEST = "delete from workflow_inputs where number = ? and applied is null"

DELETE_STEPS = "delete from activity_executions where workflow_id = ?"
DELETE_APPLIED = "delete from workflow_inputs where workflow_id = ? and applied is not null"
DELETE_RECEIVED = "delete from signals where workflow_id = ? and received is not null"
CONTINUE_WORKFLOW = f"""
update workflows set run = run + 1, status = 'processing', started_at = null, finished_at = null, wake_at = null,
                     patches = null, reason = null, output = null, error = null, error_type = null,
                     error_traceback = null,
                     first_name = ifnull(first_name, name), first_input = ifnull(first_input, input),
                     name = ?, input = ?, seed = ?, version = ?
where id = ? and run = ? and {_MAY_BECOME[WorkflowStatus.PROCESSING]}
"""

# Kept here, since to ask the enum for a member is a call, and this one is asked for at every step.
_ACTIVITY = StepKind.ACTIVITY

#: Statements that may find nothing to change: whoever deletes a workflow takes its requests along, for one.
LENIENT = frozenset(
    {
        *(SET_HEARTBEAT, SET_BEGUN, DELETE_REQUEST, DELETE_STEPS, DELETE_APPLIED, DELETE_RECEIVED),
        *(WAKE, WAKE_ORPHANS, WAKE_STALLED, WAKE_STALLED_OF),
    }
)
#: Statements whose rows begin with the id of a new workflow.
CREATING = frozenset({INSERT_WORKFLOW, INSERT_SUBMISSION})

#: So many rows are inserted by one statement, as far as they go: a quarter of what a row costs is the statement's.
BLOCK = 20
#: The statements that do so, by those for one row.
_BLOCKS = {
    insert: insert.rstrip() + f", {insert.partition('values')[2].strip()}" * (BLOCK - 1)
    for insert in (INSERT_WORKFLOW, INSERT_SUBMISSION, INSERT_ACTIVITY, INSERT_STEP)
}

#: What only some checkpoints have, in the order in which it has to be carried out.
_RARE = (
    CANCEL_STEP,
    RETRY_STEP,
    SET_HEARTBEAT,
    SET_BEGUN,
    INSERT_SIGNAL,
    RECEIVE_SIGNAL,
    DELETE_REQUEST,
    SET_PROGRESS,
    ADD_PATCHES,
    RECORD_OUTCOME,
    DELETE_STEPS,
    DELETE_APPLIED,
    DELETE_RECEIVED,
    CONTINUE_WORKFLOW,
    # Behind every change of a status, and of when a workflow wakes.
    WAKE,
    WAKE_ORPHANS,
)


#: All that is ever carried out: looked up here, so that nothing else can be.
_STATEMENTS = {
    statement: statement
    for statement in (
        *(
            INSERT_WORKFLOW,
            INSERT_SUBMISSION,
            START_WORKFLOW,
            COMPLETE_WORKFLOW,
            *CHANGE_STATUS.values(),
            COUNT_RECOVERY,
        ),
        *(SET_WAKE_AT, WAKE_STALLED, WAKE_STALLED_OF),
        *(INSERT_ACTIVITY, INSERT_STEP, END_STEP, END_LATER_ATTEMPT, FAIL_STEP, INSERT_CANCEL, *_RARE),
    )
}


def carry_out(connection: sqlite3.Connection, statement: str, rows: list[Row]) -> int:
    """Carry out a statement with its rows, in their order; how many rows of the database were changed."""
    changed = 0
    if len(rows) >= BLOCK and statement in _BLOCKS:
        ends = range(BLOCK, len(rows) + 1, BLOCK)
        blocks = [tuple(chain.from_iterable(rows[end - BLOCK : end])) for end in ends]
        changed = connection.executemany(_BLOCKS[statement], blocks).rowcount
        rows = rows[ends[-1] :]
    return changed + connection.executemany(_STATEMENTS[statement], rows).rowcount if rows else changed


def submitted(submissions: Sequence[Submission]) -> Writes:
    """What adds workflows that no turn has driven."""
    return _inserts([(new, None, UNCHANGED) for new in submissions])


def woken_stalled(name: str | None) -> Writes:
    """What has stalled workflows, of that name or all, be in memory."""
    return [(WAKE_STALLED, [()])] if name is None else [(WAKE_STALLED_OF, [(stored_text(name),)])]


def committed(checkpoints: Sequence[Checkpoint]) -> Writes:
    """What carries out checkpoints."""
    created: list[New] = []
    started: list[Row] = []
    activities: list[Row] = []
    others: list[Row] = []
    ends = Ends([], [], [], [])
    changed: list[Checkpoint] = []
    for checkpoint in checkpoints:
        if checkpoint.created is not None:
            created.append((checkpoint.created, checkpoint.started_at, checkpoint.wake_at))
        elif checkpoint.place == 0 and checkpoint.started_at is not None:
            started.append((checkpoint.started_at, checkpoint.run, checkpoint.workflow_id))
        if checkpoint.events:
            _add_events(checkpoint, ends)
        if checkpoint.issued:
            _add_steps(checkpoint, activities, others)
        if checkpoint.rare:
            created += [(child, None, UNCHANGED) for child in checkpoint.children]
        if (checkpoint.status, checkpoint.recovery_attempts, checkpoint.wake_at) != (None, None, UNCHANGED):
            changed.append(checkpoint)
    return [
        *(_inserts(created) if created else ()),
        (START_WORKFLOW, started),
        (INSERT_ACTIVITY, activities),
        (INSERT_STEP, others),
        (END_STEP, ends.first),
        (END_LATER_ATTEMPT, ends.later),
        (FAIL_STEP, ends.failed),
        (INSERT_CANCEL, ends.cancelled),
        *(_statuses(changed) if changed else ()),
        *_rare(checkpoints),
    ]


class Ends(NamedTuple):
    """What was applied to workflows."""

    #: Values of first attempts, and of what is not tried again,
    first: list[Row]
    #: and of later attempts.
    later: list[Row]
    failed: list[Row]
    #: Cancellations of workflows.
    cancelled: list[Row]


def _add_events(checkpoint: Checkpoint, ends: Ends) -> None:
    workflow_id, run, begun_by = checkpoint.workflow_id, checkpoint.run, checkpoint.begun_by
    for place, event in enumerate(checkpoint.events, checkpoint.place):
        if isinstance(event, StepEnded):
            number, outcome, at, attempt = event
            end = place, *(_beginning(begun_by, number) if begun_by else UNKNOWN), workflow_id, run, number
            if isinstance(outcome, Failure):
                ends.failed.append((*failure_columns(outcome), at, attempt, *end))
            elif attempt == 1:
                ends.first.append((outcome, at, *end))
            else:
                ends.later.append((outcome, at, attempt, *end))
        elif isinstance(event, CancelRequested):
            reason = event.reason and stored_text(event.reason)
            ends.cancelled.append((workflow_id, run, event.at, place, event.timeout, reason))


def _beginning(begun_by: Mapping[int, tuple[Micros, str]], step: int) -> Row:
    """When the attempt at a step that ends began, and on which worker."""
    begun = begun_by.get(step)
    return UNKNOWN if begun is None else (begun[0], stored_text(begun[1]))


def _add_steps(checkpoint: Checkpoint, activities: list[Row], others: list[Row]) -> None:
    workflow_id, run, at = checkpoint.workflow_id, checkpoint.run, checkpoint.at
    for number, kind, name, arguments, turn, source, due_at in checkpoint.issued:
        where = source if source.isascii() else stored_text(source)
        if kind is _ACTIVITY:
            activities.append((workflow_id, run, number, name, turn, at, where, arguments))
        else:
            others.append((workflow_id, run, number, kind.value, name, turn, due_at, at, where, arguments))


def _inserts(created: list[New]) -> Writes:
    """What adds workflows: one statement for all, since the order in which they are added shows."""
    wide = [
        new
        for new, _, _ in created
        if new.parent is not None or new.version is not None or new.deadline_at is not None or new.signals
    ]
    if not wide:
        return [(INSERT_WORKFLOW, [workflow_row(*each) for each in created])]
    signals = [signal_row(new.workflow_id, signal) for new in wide for signal in new.signals]
    rows = [wide_row(*each) for each in created]
    return [(INSERT_SUBMISSION, rows), (INSERT_SIGNAL, signals)]


def _statuses(checkpoints: Sequence[Checkpoint]) -> Writes:
    """Where workflows stand from now on, and when they wake."""
    done = WorkflowStatus.DONE
    completed: list[Row] = [(each.at, each.outcome, each.workflow_id) for each in checkpoints if each.status is done]
    statuses: dict[str, list[Row]] = {}
    for each in checkpoints:
        if each.status is not None and each.status is not done:
            reason = None if each.reason is None else stored_text(each.reason)
            row = reason, each.finished_at, *outcome_columns(each.outcome), each.workflow_id
            statuses.setdefault(CHANGE_STATUS[each.status], []).append(row)
    recovered: list[Row] = [
        (each.recovery_attempts, each.workflow_id) for each in checkpoints if each.recovery_attempts is not None
    ]
    rested: list[Row] = [
        (each.wake_at, each.workflow_id) for each in checkpoints if each.wake_at != UNCHANGED and each.created is None
    ]
    # Behind that of when they wake: what ends rests forever.
    return [(SET_WAKE_AT, rested), (COMPLETE_WORKFLOW, completed), *statuses.items(), (COUNT_RECOVERY, recovered)]


def _rare(checkpoints: Sequence[Checkpoint]) -> Writes:
    """What most checkpoints leave alone."""
    found = [each for each in checkpoints if each.rare]
    if not found:
        return []
    writes: dict[str, list[Row]] = {statement: [] for statement in _RARE}
    for checkpoint in found:
        workflow_id, run = checkpoint.workflow_id, checkpoint.run
        writes[CANCEL_STEP] += [
            (checkpoint.at, dropped, workflow_id, run, number) for number, dropped in checkpoint.cancelled
        ]
        for number, failure, at, following in checkpoint.retried:
            _, error, kind, trace = failure_columns(failure)
            next_one = following.number, following.due_at, following.details, following.counted_from
            begun = _beginning(checkpoint.begun_by, number)
            writes[RETRY_STEP].append((error, kind, trace, at, *next_one, *begun, workflow_id, run, number))
        for number, details in checkpoint.heartbeats:
            writes[SET_HEARTBEAT].append((details, workflow_id, run, number))
        for number, begun_at, worker in checkpoint.begun:
            writes[SET_BEGUN].append((begun_at, stored_text(worker), workflow_id, run, number))
        writes[INSERT_SIGNAL] += [signal_row(workflow_id, signal) for signal in checkpoint.signals]
        writes[RECEIVE_SIGNAL] += [(place, workflow_id, number) for number, place in checkpoint.received]
        writes[DELETE_REQUEST] += [(number,) for number in checkpoint.handled]
        if checkpoint.progress is not None:
            writes[SET_PROGRESS].append((checkpoint.progress, workflow_id))
        if checkpoint.patches:
            writes[ADD_PATCHES].append((quoted(checkpoint.patches), workflow_id))
        for number, outcome, at, attempt in checkpoint.recorded:
            status = StepStatus.FAILED if isinstance(outcome, Failure) else StepStatus.DONE
            columns = outcome_columns(outcome)
            begun = _beginning(checkpoint.begun_by, number)
            writes[RECORD_OUTCOME].append((status.value, *columns, at, attempt, *begun, workflow_id, run, number))
        if checkpoint.continued is not None:
            name, arguments, seed, version = checkpoint.continued
            for statement in (DELETE_STEPS, DELETE_APPLIED, DELETE_RECEIVED):
                writes[statement].append((workflow_id,))
            next_run = name, arguments, seed, version and stored_text(version), workflow_id, run
            writes[CONTINUE_WORKFLOW].append(next_run)
        writes[WAKE] += [(other,) for other in checkpoint.wakes]
        if checkpoint.orphans:
            writes[WAKE_ORPHANS].append((workflow_id, run))
    return list(writes.items())
