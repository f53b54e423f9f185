"""Reading workflows: what the scheduler asks, and what the row of a workflow says."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from .._core.errors import DamagedRowError
from .._core.history import Micros, WorkflowStatus
from ..store import Loaded, Pending, Request, StepRecord, WorkflowRecord
from .row_checks import ANYTHING, TEXT, WHOLE, Columns, Row, shown
from .rows import WORKFLOW_STATUSES, loaded, request, step_record, stored_text, workflow_record
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
       output, error, error_type, error_traceback, dropped, heartbeat, counted_from, workflow_id
from activity_executions
where workflow_id = ? and run = ifnull(?, (select run from workflows where id = workflow_id))
order by step
"""
SELECT_APPLIED = """
select applied, received_at, payload, timeout, workflow_id from workflow_inputs
where workflow_id = ? and run = ? and applied is not null
"""
SELECT_SIGNALS = """
select number, name, payload, sent_at, workflow_id from signals indexed by signals_waiting
where workflow_id = ? and received is null
order by number
"""
SELECT_LAST_SIGNAL = "select ifnull(max(number), 0), ? from signals where workflow_id = ?"

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


#: What `SELECT_UNFINISHED` gives. Here it is enough that numbers are numbers: `load` knows their bounds.
PENDING = Columns(
    "workflows",
    lambda row: f"workflow {shown(row[0])}",
    id=TEXT,
    status=ANYTHING,
    run=WHOLE,
    starts_at=WHOLE.or_null,
    started_at=WHOLE.or_null,
    recovery_attempts=WHOLE,
    deadline_at=WHOLE.or_null,
    mail=WHOLE,
    orphan_of=TEXT.or_null,
)


def load(connection: sqlite3.Connection, workflow_id: str) -> Loaded | None:
    """All that a workflow is built from; None where there is no such workflow."""
    row = connection.execute(SELECT_WORKFLOW, (stored_text(workflow_id),)).fetchone()
    if row is None:
        return None
    record = workflow_record(row)
    run = record.run
    return loaded(
        row,
        record,
        connection.execute(SELECT_STEPS, (workflow_id, run)),
        connection.execute(SELECT_APPLIED, (workflow_id, run)),
        connection.execute(SELECT_SIGNALS, (workflow_id,)),
        connection.execute(SELECT_LAST_SIGNAL, (workflow_id, workflow_id)).fetchone(),
    )


def unfinished(connection: sqlite3.Connection) -> list[Pending]:
    """Every workflow that has not ended, oldest first.

    A damaged row keeps nobody else from going on: `load` tells what is wrong with it. One that cannot even be asked
    for by its id is passed over.
    """
    sleeps: dict[str, list[tuple[int, Micros]]] = {}
    busy: set[str] = set()
    listening: set[str] = set()
    for workflow_id, step, due_at, kind, status in connection.execute(SELECT_OPEN_STEPS):
        if status != "scheduled":
            # Its outcome is on disk, to be applied.
            busy.add(workflow_id)
        elif type(due_at) is int and type(step) is int:
            sleeps.setdefault(workflow_id, []).append((step, due_at))
        elif kind == "wait_signal" and due_at is None:
            listening.add(workflow_id)
        else:
            busy.add(workflow_id)
    found: list[Pending] = []
    for row in connection.execute(SELECT_UNFINISHED):
        workflow_id, status, run, starts_at, started_at, attempts, deadline_at, mail, orphan_of = row
        try:
            PENDING.check(row)
        except DamagedRowError:
            if isinstance(workflow_id, str):
                found.append(_damaged(workflow_id))
            continue
        waits = workflow_id in sleeps or workflow_id in listening
        active = workflow_id in busy or not waits or (bool(mail) and workflow_id in listening)
        found.append(
            Pending(
                workflow_id=workflow_id,
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


def _damaged(workflow_id: str) -> Pending:
    """What has a workflow be built at once, to find what is wrong with its row."""
    return Pending(
        workflow_id, WorkflowStatus.STALLED, 1, None, started=True, active=True, sleeps=(), recovery_attempts=0
    )


def arrivals(connection: sqlite3.Connection, last: tuple[int, str, bytes]) -> tuple[list[Row], list[Request]]:
    """Workflows that no turn has driven, as id, number and seed, and all that is asked and not carried out yet.

    Args:
        last: Number, id and seed of a workflow: only those behind it are told of. Where it was deleted, its number may
            be another's by now, and there is nothing to go by: then all are.
    """
    known = connection.execute(SELECT_ANCHOR, last).fetchone() is not None
    found = connection.execute(SELECT_ARRIVALS, (last[0] if known else 0,))
    # One that cannot be asked for by its id is passed over.
    return [row for row in found if isinstance(row[0], str)], _requests(connection)


def _requests(connection: sqlite3.Connection) -> list[Request]:
    """Everything asked and not carried out yet; what is damaged keeps nothing else from being found."""
    found = []
    for row in connection.execute(SELECT_REQUESTS):
        with suppress(DamagedRowError):
            found.append(request(row))
    return found


def ended_children(connection: sqlite3.Connection, workflow_id: str, run: int) -> list[WorkflowRecord]:
    """The children of a run that have ended, in the order in which they did."""
    rows = connection.execute(SELECT_ENDED_CHILDREN, (stored_text(workflow_id), run))
    return [workflow_record(row) for row in rows]


def open_children(connection: sqlite3.Connection, workflow_id: str, run: int) -> list[str]:
    """The ids of those that have not."""
    rows = connection.execute(SELECT_OPEN_CHILDREN, (stored_text(workflow_id), run))
    return [row[0] for row in rows if isinstance(row[0], str)]


def record(connection: sqlite3.Connection, workflow_id: str) -> WorkflowRecord | None:
    """A workflow's row; None where there is no such workflow."""
    row = connection.execute(SELECT_WORKFLOW, (stored_text(workflow_id),)).fetchone()
    return None if row is None else workflow_record(row)


def steps(connection: sqlite3.Connection, workflow_id: str) -> list[StepRecord]:
    """The steps of a workflow's current run, by number."""
    return [step_record(row) for row in connection.execute(SELECT_STEPS, (stored_text(workflow_id), None))]
