"""Reading workflows: what the scheduler asks, and what the row of a workflow says."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from itertools import chain, islice
from typing import NamedTuple, TypeAlias

from .._core.errors import DamagedRowError
from .._core.history import Micros, WorkflowStatus
from ..store import (
    FOREVER,
    Arrivals,
    Found,
    Loaded,
    Pending,
    Request,
    Sleeper,
    StepRecord,
    WorkflowBrief,
    WorkflowRecord,
)
from .row_checks import ANYTHING, TEXT, WHOLE, Columns, shown
from .rows import WORKFLOW_STATUSES, loaded, request, step_record, stored_text, workflow_brief, workflow_record
from .schema import NOT_DONE, STALLED, UNFINISHED

# What is derived from the steps stands last: how many outcomes were applied, when one last changed, and which activity
# is awaited.
_COLUMNS = """
select w.id, w.name, w.status, w.run, w.seed, w.input, w.progress, w.output, w.error, w.error_type, w.error_traceback,
       w.reason, w.created_at, w.starts_at, w.started_at, w.finished_at, w.recovery_attempts, w.parent, w.parent_run,
       w.parent_step, w.on_parent_end, w.version, w.deadline_at, w.patches, w.first_name, w.first_input,
       (select count(applied) from activity_executions as s where s.workflow_id = w.id and s.run = w.run),
       (select max(max(scheduled_at, ifnull(finished_at, 0))) from activity_executions as s
        where s.workflow_id = w.id and s.run = w.run),
       c.name, c.attempt, c.error, c.error_type, c.due_at, w.wake_at
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
       output, error, error_type, error_traceback, dropped, heartbeat, counted_from, begun_at, worker,
       workflow_id
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

SELECT_BRIEF = """
select id, name, status, run, started_at, starts_at, recovery_attempts, wake_at, parent, parent_run, parent_step,
       on_parent_end
from workflows where id = ?
"""
# A child that is to end with its parent, and was not told to.
SELECT_ENDED_PARENT = f"select id from workflows where id = ? and not ({UNFINISHED})"

# ---------------------------------------------------------------------- by the index of unfinished workflows

SELECT_PENDING = f"""
select number, id, recovery_attempts from workflows indexed by workflows_wake_at
where {UNFINISHED} and wake_at is null and number > ?
order by number
"""
# What is no number stands behind all numbers in the index.
SELECT_DAMAGED = f"""
select number, id, recovery_attempts from workflows indexed by workflows_wake_at
where {UNFINISHED} and wake_at > {FOREVER} and number > ?
order by number
"""
SELECTS_PENDING = (SELECT_PENDING, SELECT_DAMAGED)
# Many may rest until one moment. In two statements the index leads to where the page begins.
SELECT_SLEEPERS_OF = f"""
select wake_at, number, id from workflows indexed by workflows_wake_at
where {UNFINISHED} and wake_at = ? and number > ? and wake_at <= ?
order by number
"""
SELECT_SLEEPERS = f"""
select wake_at, number, id from workflows indexed by workflows_wake_at
where {UNFINISHED} and wake_at > ? and wake_at <= ?
order by wake_at, number
"""

# Left to itself SQLite takes the index that gives the order, which knows every workflow that ever was.
SELECT_UNFINISHED = f"""
select id, status, run, starts_at, started_at, recovery_attempts, deadline_at,
       exists (select 1 from signals as s indexed by signals_waiting
               where s.workflow_id = w.id and s.received is null),
       (select p.id from workflows as p where p.id = w.parent and w.on_parent_end = 'cancel' and not (p.{UNFINISHED}))
from workflows as w indexed by workflows_wake_at
where {UNFINISHED}
order by created_at, number
"""
# `cross join` has SQLite begin with the workflows, of which the index knows those that are not done.
SELECT_OPEN_STEPS = f"""
select id, step, due_at, kind, s.status
from (select id, run from workflows indexed by workflows_wake_at where {UNFINISHED}) as w
cross join activity_executions as s on s.workflow_id = w.id and s.run = w.run
where s.applied is null and s.status <> 'cancelled'
"""

_SELECT_ARRIVALS = "select id, wake_at from workflows {by} where status = 'processing' and started_at is null"
# By number: each workflow is looked at once.
SELECT_ARRIVALS = _SELECT_ARRIVALS.format(by="") + " and number > ? order by number"
SELECT_ALL_ARRIVALS = _SELECT_ARRIVALS.format(by="indexed by workflows_wake_at") + f" and {NOT_DONE} order by number"
SELECT_WAITING_ARRIVALS = (
    _SELECT_ARRIVALS.format(by="indexed by workflows_wake_at")
    + f" and {NOT_DONE} and wake_at is null and number <= ? order by number"
)
SELECT_LAST = "select number, id, seed from workflows order by number desc limit 1"
SELECT_ANCHOR = "select 1 from workflows where number = ? and id = ? and seed = ?"
SELECT_REQUESTS = """
select number, workflow_id, kind, received_at, name, payload from workflow_inputs where applied is null order by number
"""

SELECT_STALLED = f"select id from workflows where {STALLED} and name = ifnull(?, name) order by number"

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
    parent, orphan_of = record.parent, None
    if parent is not None and parent.on_parent_end == "cancel":
        ended = connection.execute(SELECT_ENDED_PARENT, (parent.workflow_id,)).fetchone()
        orphan_of = None if ended is None else parent.workflow_id
    return loaded(
        row,
        record,
        connection.execute(SELECT_STEPS, (workflow_id, run)),
        connection.execute(SELECT_APPLIED, (workflow_id, run)),
        connection.execute(SELECT_SIGNALS, (workflow_id,)),
        connection.execute(SELECT_LAST_SIGNAL, (workflow_id, workflow_id)).fetchone(),
        orphan_of,
    )


def brief(connection: sqlite3.Connection, workflow_id: str) -> WorkflowBrief | None:
    """The row of a workflow, and none of its steps; None where there is no such workflow."""
    row = connection.execute(SELECT_BRIEF, (stored_text(workflow_id),)).fetchone()
    return None if row is None else workflow_brief(row)


def pending(connection: sqlite3.Connection, after: int, limit: int) -> list[Found]:
    """Unfinished workflows that must be in memory, of numbers above ``after``; and those with a damaged `wake_at`."""
    found: list[Found] = []
    for statement in SELECTS_PENDING:
        # A row that cannot be asked for by its id is passed over, and so may not count.
        legible = (row for row in connection.execute(statement, (after,)) if isinstance(row[1], str))
        found += [Found(number, id, count if type(count) is int else 0) for number, id, count in islice(legible, limit)]
    return sorted(found)[:limit]


def sleepers(connection: sqlite3.Connection, after: tuple[Micros, int], until: Micros, limit: int) -> list[Sleeper]:
    """Workflows that rest until a moment no later than ``until``, from behind (wake_at, number) on, soonest first."""
    found = chain(
        connection.execute(SELECT_SLEEPERS_OF, (*after, until)),
        connection.execute(SELECT_SLEEPERS, (after[0], until)),
    )
    return list(islice((Sleeper(*row) for row in found if isinstance(row[2], str)), limit))


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


#: Number, id and seed of a workflow, by which its row is known again: a number may be used twice.
Anchor: TypeAlias = tuple[int, str, bytes]


class Look(NamedTuple):
    """What `arrivals` found."""

    #: The last workflow that was there.
    last: Anchor
    arrivals: Arrivals


def last_workflow(connection: sqlite3.Connection) -> Anchor:
    """The workflow that was added last."""
    number, workflow_id, seed = connection.execute(SELECT_LAST).fetchone() or (0, "", b"")
    if isinstance(workflow_id, str) and isinstance(seed, bytes):
        return number, workflow_id, seed
    # Its row is damaged, so nothing would be known by it.
    return 0, "", b""


def arrivals(connection: sqlite3.Connection, last: Anchor, first: bool) -> Look:
    """Find workflows that no turn has driven, and all that is asked and not carried out yet.

    Args:
        last: The last workflow that was there before. Only those behind it are told of. Where it was deleted, its
            number may be another's by now, and there is nothing to go by: then all are.
        first: Those before it that start at once are told of, too.
    """
    number = last[0]
    known = number == 0 or connection.execute(SELECT_ANCHOR, last).fetchone() is not None
    if not known:
        found = connection.execute(SELECT_ALL_ARRIVALS).fetchall()
    else:
        found = connection.execute(SELECT_WAITING_ARRIVALS, (number,)).fetchall() if first else []
        found += connection.execute(SELECT_ARRIVALS, (number,))
    # One that cannot be asked for by its id is passed over.
    workflows = [(row[0], row[1]) for row in found if isinstance(row[0], str)]
    return Look(last_workflow(connection), Arrivals(workflows, _requests(connection)))


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


def stalled(connection: sqlite3.Connection, name: str | None) -> list[str]:
    """Return the ids of the workflows that are stalled, of that name or all."""
    rows = connection.execute(SELECT_STALLED, (name and stored_text(name),))
    return [row[0] for row in rows if isinstance(row[0], str)]
