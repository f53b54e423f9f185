"""Changes by clients: to go back, copy and delete, and requests to the owner. Each runs in a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from .._core.errors import (
    WorkflowEndedError,
    WorkflowNotEndedError,
    WorkflowNotFoundError,
)
from .._core.history import ENDED, Micros
from ..store import Request, RequestKind, Rewind, Submission, check_rewindable
from . import statements as sql
from .row_checks import Row
from .rows import stored_text, wide_row
from .writing import insert_workflows


def ask(connection: sqlite3.Connection, requests: Sequence[Request]) -> None:
    """Leave requests for the owner."""
    for request in requests:
        status, _ = _status(connection, request.workflow_id)
        if status in ENDED:
            raise WorkflowEndedError(f"workflow {request.workflow_id} has ended ({status}): it takes nothing any more")
    connection.executemany(sql.INSERT_REQUEST, [_request_row(request) for request in requests])


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
        connection.execute(sql.KEEP_RECORDED, (workflow_id, run, place))
    connection.execute(sql.DELETE_LATER_STEPS, (workflow_id, run, place))
    connection.execute(sql.REOPEN_STEPS, {"id": workflow_id, "run": run, "place": place})
    connection.execute(sql.RETURN_SIGNALS, (workflow_id, place))
    connection.execute(sql.FORGET_APPLIED, (workflow_id, place))
    connection.execute(sql.REOPEN_WORKFLOW, {"id": workflow_id, "place": place})
    connection.execute(sql.RELEASE_FROM_PARENT, (workflow_id,))
    connection.execute(sql.BIND_CHILDREN, (workflow_id, run))


def fork(connection: sqlite3.Connection, workflow_id: str, run: int, place: int, new: Submission) -> None:
    """Add a copy of a workflow as it stood before the event at ``place``."""
    _, current = _status(connection, workflow_id)
    if current != run:
        raise WorkflowNotFoundError(f"workflow {workflow_id} is in run {current} by now: run {run} is not kept")
    copy = new.workflow_id
    given = {"copy": copy, "id": workflow_id, "run": run, "place": place}
    insert_workflows(connection, sql.INSERT_SUBMISSION, [wide_row(new._replace(parent=None), wake_at=None)])
    if place > 0:
        connection.execute(sql.COPY_WORKFLOW, given)
        connection.execute(sql.COPY_STEPS, given)
        connection.execute(sql.COPY_APPLIED, given)
    connection.execute(sql.COPY_SIGNALS, given)
    _resume(connection, copy, new.created_at)


def delete(connection: sqlite3.Connection, workflow_ids: Sequence[str]) -> int:
    """Delete ended workflows and their descendants; how many were deleted."""
    for child in workflow_ids:
        for parent in connection.execute(sql.SELECT_PARENT, (stored_text(child),)).fetchall():
            _check_ended(*parent)
    return _delete(connection, workflow_ids)


def _delete(connection: sqlite3.Connection, workflow_ids: Sequence[str]) -> int:
    """Delete them, whether their parents have ended or not."""
    doomed = {workflow_id: _status(connection, workflow_id)[0] for workflow_id in workflow_ids}
    generation = list(doomed)
    while generation:
        children = [row for parent in generation for row in connection.execute(sql.SELECT_CHILDREN, (parent,))]
        generation = [child for child, _ in children if child not in doomed]
        doomed.update(children)
    for workflow_id, status in doomed.items():
        _check_ended(workflow_id, status)
    for statement in sql.DELETE_ALL:
        connection.executemany(statement, [(workflow_id,) for workflow_id in doomed])
    return len(doomed)


def _check_ended(workflow_id: str, status: str) -> None:
    if status not in ENDED:
        raise WorkflowNotEndedError(
            f"workflow {workflow_id} is {status}: it and its children can be deleted once it has ended"
        )


def _status(connection: sqlite3.Connection, workflow_id: str) -> tuple[str, int]:
    """Status and run of a workflow."""
    row: Row | None = connection.execute(sql.SELECT_STATUS, (stored_text(workflow_id),)).fetchone()
    if row is None:
        raise WorkflowNotFoundError(f"there is no workflow with the id {workflow_id!r}")
    return row[0], row[1]


def _request_row(request: Request) -> Row:
    name = None if request.name is None else stored_text(request.name)
    return request.workflow_id, request.kind.value, request.at, name, request.payload


def _resume(connection: sqlite3.Connection, workflow_id: str, at: Micros) -> None:
    connection.execute(sql.INSERT_REQUEST, _request_row(Request(workflow_id, RequestKind.RESUME, at)))
