"""Reading workflows: what the scheduler asks, and what the row of a workflow says."""

from __future__ import annotations

import sqlite3

from .._core.history import Micros, WorkflowStatus
from ..store import Loaded, Pending, Request
from .rows import REQUEST_KINDS, WORKFLOW_STATUSES, loaded, request, stored_text
from .schema import UNFINISHED

# What is derived from the steps stands last: how many outcomes were applied, when one last changed, and which activity
# is awaited.
_COLUMNS = """
select w.id, w.name, w.status, w.run, w.seed, w.input, w.progress, w.output, w.error, w.error_type, w.error_traceback,
       w.reason, w.created_at, w.starts_at, w.started_at, w.finished_at, w.recovery_attempts, w.parent, w.parent_run,
       w.parent_step, w.on_parent_end, w.version, w.deadline_at, w.patches, w.first_name, w.first_input,
       (select count(applied) from activity_executions as s where s.workflow_id = w.id and s.run = w.run),
       (select max(max(scheduled_at, ifnull(finished_at, 0))) from activity_executions as s
        where s.workflow_id = w.id and s.run = w.run),
       c.name, c.attempt, c.error, c.error_type, c.due_at
"""
# One look for all that is told of it.
_CURRENT = """
left join activity_executions as c
  on c.workflow_id = w.id and c.run = w.run
 and c.step = (select s.step from activity_executions as s
               where s.workflow_id = w.id and s.run = w.run and s.status = 'scheduled' and s.kind = 'activity'
               order by s.step limit 1)
"""


def selecting(index: str | None = None) -> str:
    """The statement that reads workflows, by an index where one is named; what follows may say which, of ``w``."""
    by = "" if index is None else f" indexed by {index}"
    return f"{_COLUMNS}from workflows as w{by}{_CURRENT}"


SELECT_WORKFLOWS = selecting()
SELECT_WORKFLOW = SELECT_WORKFLOWS + "where w.id = ?"

SELECT_STEPS = """
select step, kind, name, status, attempt, turn, applied, due_at, scheduled_at, finished_at, source, input,
       output, error, error_type, error_traceback, dropped, heartbeat, counted_from
from activity_executions
where workflow_id = ? and run = ifnull(?, (select run from workflows where id = workflow_id))
order by step
"""
SELECT_APPLIED = """
select applied, received_at, payload, timeout from workflow_inputs
where workflow_id = ? and run = ? and applied is not null
"""
SELECT_SIGNALS = """
select number, name, payload, sent_at from signals indexed by signals_waiting
where workflow_id = ? and received is null
order by number
"""
SELECT_LAST_SIGNAL = "select ifnull(max(number), 0) from signals where workflow_id = ?"

# Left to itself SQLite takes the index that gives the order, which knows every workflow that ever was.
SELECT_UNFINISHED = f"""
select id, status, run, starts_at, started_at, recovery_attempts, deadline_at,
       exists (select 1 from signals as s indexed by signals_waiting
               where s.workflow_id = w.id and s.received is null),
       (select p.id from workflows as p where p.id = w.parent and w.on_parent_end = 'cancel' and not (p.{UNFINISHED}))
from workflows as w indexed by workflows_not_done
where {UNFINISHED}
order by created_at, number
"""
# `cross join` has SQLite begin with the workflows, of which the index knows those that are not done.
SELECT_OPEN_STEPS = f"""
select id, step, due_at, kind, s.status
from (select id, run from workflows indexed by workflows_not_done where {UNFINISHED}) as w
cross join activity_executions as s on s.workflow_id = w.id and s.run = w.run
where s.applied is null and s.status <> 'cancelled'
"""

SELECT_ARRIVALS = f"""
select id, number, seed from workflows indexed by workflows_not_done
where {UNFINISHED} and started_at is null and status = 'processing' and number > ?
order by created_at, number
"""
SELECT_ANCHOR = "select 1 from workflows where number = ? and id = ? and seed = ?"
SELECT_REQUESTS = """
select number, workflow_id, kind, received_at, name, payload from workflow_inputs where applied is null order by number
"""

SELECT_ENDED_CHILDREN = f"""
{SELECT_WORKFLOWS}
where w.parent = ? and w.parent_run = ? and not (w.status <> 'done' and w.status > 'failed')
order by w.finished_at, w.number
"""
SELECT_OPEN_CHILDREN = f"""
select id from workflows where parent = ? and parent_run = ? and {UNFINISHED} order by created_at, number
"""


def load(connection: sqlite3.Connection, workflow_id: str) -> Loaded | None:
    """All that a workflow is built from; None where there is no such workflow."""
    row = connection.execute(SELECT_WORKFLOW, (stored_text(workflow_id),)).fetchone()
    if row is None:
        return None
    run = row[3]
    return loaded(
        row,
        connection.execute(SELECT_STEPS, (workflow_id, run)),
        connection.execute(SELECT_APPLIED, (workflow_id, run)),
        connection.execute(SELECT_SIGNALS, (workflow_id,)),
        connection.execute(SELECT_LAST_SIGNAL, (workflow_id,)).fetchone()[0],
    )


def unfinished(connection: sqlite3.Connection) -> list[Pending]:
    """Every workflow that has not ended, oldest first."""
    sleeps: dict[str, list[tuple[int, Micros]]] = {}
    busy: set[str] = set()
    listening: set[str] = set()
    for workflow_id, step, due_at, kind, status in connection.execute(SELECT_OPEN_STEPS):
        if status != "scheduled":
            # Its outcome is on disk, to be applied.
            busy.add(workflow_id)
        elif due_at is not None:
            sleeps.setdefault(workflow_id, []).append((step, due_at))
        elif kind == "wait_signal":
            listening.add(workflow_id)
        else:
            busy.add(workflow_id)
    found: list[Pending] = []
    for workflow_id, status, run, starts_at, started_at, attempts, deadline_at, mail, orphan_of in connection.execute(
        SELECT_UNFINISHED
    ):
        waits = workflow_id in sleeps or workflow_id in listening
        active = workflow_id in busy or not waits or (bool(mail) and workflow_id in listening)
        found.append(
            Pending(
                workflow_id=workflow_id,
                # A damaged row keeps nobody else from going on: `load` tells what is wrong with it.
                status=WORKFLOW_STATUSES.get(status, WorkflowStatus.STALLED),
                run=run,
                starts_at=None if started_at is not None else starts_at,
                started=started_at is not None,
                active=started_at is not None and active,
                sleeps=sleeps.get(workflow_id, ()),
                recovery_attempts=attempts,
                deadline_at=deadline_at,
                orphan_of=orphan_of,
            )
        )
    return found


def requests(connection: sqlite3.Connection) -> list[Request]:
    """Everything asked and not carried out yet; what is damaged keeps nothing else from being found."""
    return [request(row) for row in connection.execute(SELECT_REQUESTS) if row[2] in REQUEST_KINDS]
