"""What clients change of workflows that have ended or stalled, and what they ask of others. Each in a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from .._core.errors import (
    WorkflowEndedError,
    WorkflowNotEndedError,
    WorkflowNotFoundError,
)
from .._core.history import ENDED, Micros
from ..store import Request, RequestKind, Rewind, Submission, check_rewindable, id_taken_error
from .row_checks import Row
from .rows import RELEASED, stored_text, wide_row
from .schema import UNFINISHED
from .writing import INSERT_SUBMISSION

SELECT_STATUS = "select status, run from workflows where id = ?"
# Of an earlier run of its parent nobody waits for it any more.
SELECT_PARENT = """
select p.id, p.status from workflows as w join workflows as p on p.id = w.parent
where w.id = ? and not p.run > w.parent_run
"""
SELECT_CHILDREN = "select id, status from workflows where parent = ?"

INSERT_REQUEST = """
insert into workflow_inputs (workflow_id, kind, received_at, name, payload) values (?, ?, ?, ?, ?)
"""

# ---------------------------------------------------------------------- rewinding

DELETE_LATER_STEPS = "delete from activity_executions where workflow_id = ? and run = ? and turn >= ?"
# What gave a signal to the workflow is not kept: the signal waits again.
KEEP_RECORDED = """
update activity_executions set applied = null
where workflow_id = ? and run = ? and applied = ? and kind <> 'wait_signal' and kind <> 'take_signals'
"""
REOPEN_STEPS = """
update activity_executions
set status = 'scheduled', attempt = 1, applied = null, dropped = null, finished_at = null, output = null, error = null,
    error_type = null, error_traceback = null, heartbeat = null, counted_from = null,
    begun_at = null, worker = null,
    due_at = case when kind <> 'activity' then due_at end
where workflow_id = :id and run = :run and (applied >= :place or dropped >= :place)
"""
RETURN_SIGNALS = "update signals set received = null where workflow_id = ? and received >= ?"
FORGET_APPLIED = "delete from workflow_inputs where workflow_id = ? and applied >= ?"
REOPEN_WORKFLOW = """
update workflows
set status = 'processing', reason = null, output = null, error = null, error_type = null, error_traceback = null,
    wake_at = null, finished_at = null, deadline_at = null, recovery_attempts = 0,
    started_at = case when :place > 0 then started_at end
where id = :id
"""

# It ends with its parent as it was to once that waits for it again.
RELEASE_FROM_PARENT = f"""
update workflows set on_parent_end = '{RELEASED}'
where id = ? and on_parent_end = 'cancel'
  and exists (select 1 from workflows as p
              where p.id = workflows.parent and (not (p.{UNFINISHED}) or p.run > workflows.parent_run))
"""
BIND_CHILDREN = f"""
update workflows set on_parent_end = 'cancel' where parent = ? and parent_run = ? and on_parent_end = '{RELEASED}'
"""

# ---------------------------------------------------------------------- forking

COPY_WORKFLOW = """
update workflows set (run, started_at, patches) = (select run, started_at, patches from workflows where id = :id)
where id = :copy
"""
# A step has kept what became of it before the place, and is open otherwise.
COPY_STEPS = """
insert into activity_executions (workflow_id, run, step, kind, name, turn, due_at, scheduled_at, source, input, status,
                                 attempt, applied, dropped, finished_at, output, error, error_type, error_traceback,
                                 begun_at, worker)
select :copy, run, step, kind, name, turn, case when kind <> 'activity' then due_at end, scheduled_at, source, input,
       'scheduled', 1, null, null, null, null, null, null, null, null, null
from activity_executions
where workflow_id = :id and run = :run and turn < :place
  and (applied >= :place or dropped >= :place or (applied is null and status <> 'cancelled'))
union all
select :copy, run, step, kind, name, turn, due_at, scheduled_at, source, input, status,
       attempt, applied, dropped, finished_at, output, error, error_type, error_traceback, begun_at, worker
from activity_executions
where workflow_id = :id and run = :run and turn < :place
  and (applied < :place or (status = 'cancelled' and dropped < :place))
"""
COPY_SIGNALS = """
insert into signals (workflow_id, number, name, sent_at, received, payload)
select :copy, number, name, sent_at, case when received < :place then received end, payload from signals
where workflow_id = :id
"""
COPY_APPLIED = """
insert into workflow_inputs (workflow_id, run, kind, received_at, applied, name, timeout, payload)
select :copy, run, kind, received_at, applied, name, timeout, payload from workflow_inputs
where workflow_id = :id and applied < :place
"""

# ---------------------------------------------------------------------- deleting

DELETE_ALL = (
    "delete from workflows where id = ?",
    "delete from activity_executions where workflow_id = ?",
    "delete from workflow_inputs where workflow_id = ?",
    "delete from signals where workflow_id = ?",
)


def ask(connection: sqlite3.Connection, requests: Sequence[Request]) -> None:
    """Leave requests for the owner."""
    for request in requests:
        status, _ = _status(connection, request.workflow_id)
        if status in ENDED:
            raise WorkflowEndedError(f"workflow {request.workflow_id} has ended ({status}): it takes nothing any more")
    connection.executemany(INSERT_REQUEST, [_request_row(request) for request in requests])


def rewind(
    connection: sqlite3.Connection, goal: Rewind, *, at: Micros, children: Sequence[Rewind], undone: Sequence[str]
) -> None:
    """Have a workflow, and children of it, go on from before an event."""
    for each in (goal, *children):
        _go_back(connection, each)
        _resume(connection, each.workflow_id, at)
    try:
        _delete(connection, undone)
    except WorkflowNotEndedError as error:
        raise WorkflowNotEndedError(
            f"workflow {goal.workflow_id} cannot go back before the start of a child that still runs: {error}"
        ) from None


def _go_back(connection: sqlite3.Connection, goal: Rewind) -> None:
    workflow_id, run, place, reapply = goal
    status, current = _status(connection, workflow_id)
    if current != run:
        raise WorkflowNotEndedError(f"workflow {workflow_id} is in run {current} by now, not in run {run}")
    check_rewindable(workflow_id, status)
    if reapply:
        connection.execute(KEEP_RECORDED, (workflow_id, run, place))
    connection.execute(DELETE_LATER_STEPS, (workflow_id, run, place))
    connection.execute(REOPEN_STEPS, {"id": workflow_id, "run": run, "place": place})
    connection.execute(RETURN_SIGNALS, (workflow_id, place))
    connection.execute(FORGET_APPLIED, (workflow_id, place))
    connection.execute(REOPEN_WORKFLOW, {"id": workflow_id, "place": place})
    connection.execute(RELEASE_FROM_PARENT, (workflow_id,))
    connection.execute(BIND_CHILDREN, (workflow_id, run))


def fork(connection: sqlite3.Connection, workflow_id: str, run: int, place: int, new: Submission) -> None:
    """Add a copy of a workflow as it stood before the event at ``place``."""
    _, current = _status(connection, workflow_id)
    if current != run:
        raise WorkflowNotFoundError(f"workflow {workflow_id} is in run {current} by now: run {run} is not kept")
    if connection.execute(SELECT_STATUS, (stored_text(new.workflow_id),)).fetchone():
        raise id_taken_error(new.workflow_id)
    copy = new.workflow_id
    given = {"copy": copy, "id": workflow_id, "run": run, "place": place}
    connection.execute(INSERT_SUBMISSION, wide_row(new._replace(parent=None), wake_at=None))
    if place > 0:
        connection.execute(COPY_WORKFLOW, given)
        connection.execute(COPY_STEPS, given)
        connection.execute(COPY_APPLIED, given)
    connection.execute(COPY_SIGNALS, given)
    _resume(connection, copy, new.created_at)


def delete(connection: sqlite3.Connection, workflow_ids: Sequence[str]) -> int:
    """Delete ended workflows and their descendants; how many were deleted."""
    for child in workflow_ids:
        for parent in connection.execute(SELECT_PARENT, (stored_text(child),)).fetchall():
            _check_ended(*parent)
    return _delete(connection, workflow_ids)


def _delete(connection: sqlite3.Connection, workflow_ids: Sequence[str]) -> int:
    """Delete them, whether their parents have ended or not."""
    doomed = {workflow_id: _status(connection, workflow_id)[0] for workflow_id in workflow_ids}
    generation = list(doomed)
    while generation:
        children = [row for parent in generation for row in connection.execute(SELECT_CHILDREN, (parent,))]
        generation = [child for child, _ in children if child not in doomed]
        doomed.update(children)
    for workflow_id, status in doomed.items():
        _check_ended(workflow_id, status)
    for statement in DELETE_ALL:
        connection.executemany(statement, [(workflow_id,) for workflow_id in doomed])
    return len(doomed)


def _check_ended(workflow_id: str, status: str) -> None:
    if status not in ENDED:
        raise WorkflowNotEndedError(
            f"workflow {workflow_id} is {status}: it and its children can be deleted once it has ended"
        )


def _status(connection: sqlite3.Connection, workflow_id: str) -> tuple[str, int]:
    """Status and run of a workflow."""
    row: Row | None = connection.execute(SELECT_STATUS, (stored_text(workflow_id),)).fetchone()
    if row is None:
        raise WorkflowNotFoundError(f"there is no workflow with the id {workflow_id!r}")
    return row[0], row[1]


def _request_row(request: Request) -> Row:
    name = None if request.name is None else stored_text(request.name)
    return request.workflow_id, request.kind.value, request.at, name, request.payload


def _resume(connection: sqlite3.Connection, workflow_id: str, at: Micros) -> None:
    connection.execute(INSERT_REQUEST, _request_row(Request(workflow_id, RequestKind.RESUME, at)))
