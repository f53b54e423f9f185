"""Every statement that reads or changes workflows, by name; `schema` makes the tables, `listing` composes filters.

What users give is always a parameter. Values that are none are constants of this package.
"""

from __future__ import annotations

from .._core.history import WorkflowStatus
from ..store import FOREVER, statuses_before
from .schema import NOT_DONE, RELEASED, STALLED, UNFINISHED

# ---------------------------------------------------------------------- reading a workflow

# Facts derived from the steps stand last: how many outcomes were applied, when one last changed, and which activity
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
SELECT_UNTAKEN_SIGNALS = """
select s.workflow_id, s.number, s.name, s.sent_at, w.status = 'processing' and w.started_at is not null
from signals as s indexed by signals_waiting left join workflows as w on w.id = s.workflow_id
where s.received is null and (s.workflow_id, s.number) > (?, ?)
order by s.workflow_id, s.number limit ?
"""
SELECT_BUFFERED_SIGNALS = """
select name, count(*), min(sent_at) from signals indexed by signals_waiting
where workflow_id = ? and received is null
group by name order by 3, 1
"""
SELECT_LAST_SIGNAL = "select ifnull(max(number), 0), ? from signals where workflow_id = ?"

SELECT_BRIEF = """
select id, name, status, run, started_at, starts_at, recovery_attempts, wake_at, parent, parent_run, parent_step,
       on_parent_end
from workflows where id = ?
"""
SELECT_AWAITED = """
select id from workflows where id in (select value from json_each(?)) and status in ('processing', 'suspended')
"""
# A child that is to end with its parent, and was not told to.
SELECT_ENDED_PARENT = f"select id from workflows where id = ? and not ({UNFINISHED})"

# ---------------------------------------------------------------------- by the index of unfinished workflows

SELECT_PENDING = f"""
select number, id, recovery_attempts from workflows indexed by workflows_wake_at
where {UNFINISHED} and wake_at is null and number > ? and (recovery_attempts is not 0) = ?
order by number
"""
# A value that is no number stands behind all numbers in the index.
SELECT_DAMAGED = f"""
select number, id, recovery_attempts from workflows indexed by workflows_wake_at
where {UNFINISHED} and wake_at > {FOREVER} and number > ? and (recovery_attempts is not 0) = ?
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

_SELECT_ARRIVALS = "select id, wake_at from workflows {by} where status = 'processing' and started_at is null"
# By number: each workflow is looked at once.
SELECT_ARRIVALS = _SELECT_ARRIVALS.format(by="") + " and number > ? order by number"
SELECT_ALL_ARRIVALS = _SELECT_ARRIVALS.format(by="indexed by workflows_wake_at") + f" and {NOT_DONE} order by number"
SELECT_LAST = "select number, id, seed from workflows order by number desc limit 1"
SELECT_ANCHOR = "select 1 from workflows where number = ? and id = ? and seed = ?"
SELECT_REQUESTS = """
select number, workflow_id, kind, received_at, name, payload from workflow_inputs where applied is null order by number
"""

SELECT_STALLED = f"select id from workflows where {STALLED} order by number"
SELECT_STALLED_OF = f"select id from workflows where {STALLED} and name = ? order by number"

SELECT_ENDED_CHILDREN = f"""
{SELECT_WORKFLOWS}
where w.parent = ? and w.parent_run = ? and not (w.status <> 'done' and w.status > 'failed')
order by w.finished_at, w.number
"""
SELECT_OPEN_CHILDREN = f"""
select id from workflows where parent = ? and parent_run = ? and {UNFINISHED} order by created_at, number
"""

# ---------------------------------------------------------------------- writing checkpoints

# The common changes have statements of their own: to bind a parameter costs as much as to write it, and None far more.
INSERT_WORKFLOW = """
insert into workflows (id, name, status, created_at, started_at, wake_at, seed, input)
values (?, ?, 'processing', ?, ?, null, ?, ?)
"""
INSERT_RESTING = """
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
# The same for a step of which no beginning is known.
END_PLAIN_STEP = """
update activity_executions set status = 'done', output = ?, finished_at = ?, attempt = 1, applied = ?, begun_at = null,
                               worker = null
where workflow_id = ? and run = ? and step = ? and applied is null
"""
FAIL_STEP = """
update activity_executions set status = 'failed', output = ?, error = ?, error_type = ?, error_traceback = ?,
                               finished_at = ?, attempt = ?, applied = ?, begun_at = ?, worker = ?
where workflow_id = ? and run = ? and step = ? and applied is null
"""
# The failure of the attempt before is cleared.
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

#: Statements that may find nothing to change: whoever deletes a workflow takes its requests along, for one.
LENIENT = frozenset(
    {
        *(SET_HEARTBEAT, SET_BEGUN, DELETE_REQUEST, DELETE_STEPS, DELETE_APPLIED, DELETE_RECEIVED),
        *(WAKE, WAKE_ORPHANS),
    }
)
#: Statements whose rows begin with the id of a new workflow.
CREATING = frozenset({INSERT_WORKFLOW, INSERT_RESTING, INSERT_SUBMISSION})

#: So many rows are inserted by one statement, as far as they go: a quarter of what a row costs is the statement's.
BLOCK = 20
#: The statements that do so, by those for one row.
BLOCKS = {
    insert: insert.rstrip() + f", {insert.partition('values')[2].strip()}" * (BLOCK - 1)
    for insert in (INSERT_WORKFLOW, INSERT_RESTING, INSERT_SUBMISSION, INSERT_ACTIVITY, INSERT_STEP)
}

#: The statements that only some checkpoints need, in the order in which they have to be carried out.
RARE = (
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
STATEMENTS = {
    statement: statement
    for statement in (
        *(INSERT_WORKFLOW, INSERT_RESTING, INSERT_SUBMISSION, START_WORKFLOW, SET_WAKE_AT, COUNT_RECOVERY),
        *(COMPLETE_WORKFLOW, *CHANGE_STATUS.values()),
        *(INSERT_ACTIVITY, INSERT_STEP, END_STEP, END_PLAIN_STEP, END_LATER_ATTEMPT, FAIL_STEP, INSERT_CANCEL, *RARE),
    )
}

# ---------------------------------------------------------------------- what clients change

SELECT_STATUS = "select status, run from workflows where id = ?"
# A later run of the parent does not wait for it.
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
# The outcome that gave a signal to the workflow is not kept: the signal waits again.
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
