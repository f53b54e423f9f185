"""The tables of a file, and how a file of an older version becomes one of this version.

One SQLite database in WAL mode; read it with any SQLite tool. A moment is an INTEGER of microseconds since 1970-01-01
UTC: ``datetime(created_at / 1e6, 'unixepoch')`` shows it. A value is JSON text where that gives back exactly the same
value, else a pickle (a BLOB). A failure stands in four columns: ``error`` holds type and message in one line,
``error_type`` and ``error_traceback`` what their names say, and ``output`` what the exception is built from again,
where that is possible. ``PRAGMA user_version`` is the version of the schema.

The tables, with the columns to know:

workflows: one row for each workflow
    id, name, status, run, input, output, error, error_traceback, reason, created_at, started_at, finished_at, wake_at
    (of an unfinished one: when it is due, null while it is in memory, and the largest integer where only a message
    wakes it)
activity_executions: one row for each step
    workflow_id, run, step, kind, name, status, attempt, input, output, error (of an open step: of the attempt before),
    source (file:line), applied (its place in the order applied), due_at (of a sleep or of the next attempt), heartbeat,
    begun_at and worker (when an attempt began, and on which worker: written with its end, or once it has run for over
    a second)
workflow_inputs: one row for each cancellation, and for each request of a client that is not carried out yet
    workflow_id, kind, applied
signals: one row for each signal
    workflow_id, number, name, payload, received (null while it waits)
meta: facts of the file
    its row `owner` says who started it last, and with which codec

Beside the file are SQLite's own ``-wal`` and ``-shm`` (at times ``-journal``), and ``-lock``, which holds the owner's
lock and nothing else. Copy a database with ``sqlite3 pipeline.db ".backup copy.db"``.
"""

from __future__ import annotations

from ..store import FOREVER

# All SQL that creates anything is here. Wide columns stand last, so that a scan of the narrow ones need not follow a
# long row to its overflow pages.

#: In the column `on_parent_end`: it was "cancel", and the child was rewound when its parent no longer waited for it.
RELEASED = "released"

#: Marks a file as yieldflow's, in SQLite's header: the bytes "yfdb".
APPLICATION_ID = int.from_bytes(b"yfdb", "big")

# `number` orders workflows with equal times, and survives VACUUM, as a bare rowid might not.
CREATE_WORKFLOWS = """
create table workflows (
    number integer primary key,          -- the order in which workflows were added
    id text not null unique,
    name text not null,
    status text not null,                -- processing, done, failed, cancelled, suspended, stalled
    run integer not null default 1,      -- counts the runs under this id
    recovery_attempts integer not null default 0,
    created_at integer not null,
    starts_at integer,                   -- when it is to start, where not at once
    started_at integer,                  -- when its first turn was driven
    finished_at integer,
    parent text,                         -- of a child: the id of the workflow that yielded it
    parent_step integer,                 -- and the step that waits for it
    seed blob not null,                  -- what uuid4() and random() of the run derive from
    reason text,                         -- why it is stalled
    input text not null,                 -- the arguments by name
    progress text,                       -- the latest value of set_progress()
    output text,                         -- what it returned, or what its exception is built from again
    error text,                          -- of a failure: type and message
    error_type text,
    error_traceback text
)
"""

#: The condition for workflows that have not ended, in version 1.
_UNFINISHED_1 = "status <> 'done' and status <> 'failed' and status <> 'cancelled'"

# One index serves recovery, which reads all unfinished workflows, and arrivals, which are those not started yet.
# It holds nothing of the workflows that have ended, however many those are.
CREATE_UNFINISHED_1 = f"create index workflows_unfinished on workflows (started_at) where {_UNFINISHED_1}"

# With a rowid, new rows are appended and only the narrow key goes to a random place: in a file of many workflows half
# the time of `without rowid`, where each new row makes SQLite rewrite another page of wide rows.
# There is no further index: it would cost at every step, and recovery has to read these rows anyhow.
CREATE_ACTIVITY_EXECUTIONS = """
create table activity_executions (
    workflow_id text not null,
    run integer not null,
    step integer not null,               -- in the order issued, from 0
    kind text not null,                  -- activity, sleep
    name text not null,
    status text not null,                -- scheduled, done, failed, cancelled
    attempt integer not null default 1,
    turn integer not null,               -- how many events had been applied before the one that led to it
    applied integer,                     -- the place of its outcome in the order applied, from 1
    due_at integer,                      -- when a sleep ends
    scheduled_at integer not null,
    finished_at integer,
    source text not null,                -- file:line of the yield
    input text not null,                 -- the arguments by name
    output text,                         -- its value, or what its exception is built from again
    error text,                          -- of a failure: type and message
    error_type text,
    error_traceback text,
    primary key (workflow_id, run, step)
)
"""

CREATE_WORKFLOW_INPUTS_1 = """
create table workflow_inputs (           -- what is applied to a workflow and is no step's outcome: a cancellation, ...
    workflow_id text not null,
    run integer not null,
    number integer not null,             -- in the order received, from 1
    kind text not null,
    received_at integer not null,
    applied integer,                     -- its place in the order applied; null while it is not applied
    payload text,
    primary key (workflow_id, run, number)
) without rowid
"""

CREATE_SIGNALS_1 = """
create table signals (                   -- signals that no workflow has received yet
    workflow_id text not null,
    number integer not null,             -- in the order sent, from 1
    name text not null,
    sent_at integer not null,
    payload text not null,
    primary key (workflow_id, number)
) without rowid
"""

CREATE_META = """
create table meta (                      -- facts of the whole file: who owns it
    key text primary key,
    value text not null
) without rowid
"""

# ---------------------------------------------------------------------- version 2

#: The condition of the index of unfinished workflows. SQLite uses the index only for queries that repeat it word for
#: word. It is judged at each row written, so it is a short one.
NOT_DONE = "status <> 'done'"
#: Processing, stalled and suspended come behind "failed", and "cancelled" before it.
UNFINISHED = f"{NOT_DONE} and status > 'failed'"

CREATE_NOT_DONE_2 = f"create index workflows_not_done on workflows (started_at) where {NOT_DONE}"

# Listing goes by this one, in the order asked for: the rowid, `number`, stands at the end of every entry. It costs a
# fiftieth of what a workflow of three steps writes; so would another, by name or by status, or a wider one.
CREATE_BY_TIME = "create index workflows_by_time on workflows (created_at)"

# A parent may have had many runs, and asks for the children of one.
CREATE_BY_PARENT = "create index workflows_by_parent on workflows (parent, parent_run) where parent is not null"

# Version 1 did not note at which event a step was dropped: it was the last one of its turn. Many steps of a gather are
# dropped in one turn, so each turn is looked up once.
FIND_DROPPED = (
    """
create temp table turns (
    workflow_id text, run integer, finished_at integer, place integer,
    primary key (workflow_id, run, finished_at)
) without rowid
""",
    """
insert into turns
select workflow_id, run, finished_at,
       (select max(applied) from activity_executions as s
        where s.workflow_id = t.workflow_id and s.run = t.run and s.finished_at <= t.finished_at)
from (select distinct workflow_id, run, finished_at from activity_executions where status = 'cancelled') as t
""",
    """
update activity_executions
set dropped = ifnull((select place from turns as t
                      where t.workflow_id = activity_executions.workflow_id and t.run = activity_executions.run
                        and t.finished_at = activity_executions.finished_at), 0)
where status = 'cancelled'
""",
    "drop table turns",
)

# Clients write requests here; a number is never used twice, since the owner knows them by it.
CREATE_WORKFLOW_INPUTS = """
create table workflow_inputs (
    number integer primary key autoincrement,
    workflow_id text not null,
    run integer,                         -- where it was applied
    kind text not null,                  -- signal, cancel, terminate, suspend, resume
    received_at integer not null,
    applied integer,                     -- its place in the order applied; null of a request not carried out yet
    name text,                           -- of a signal
    timeout real,                        -- the seconds that the workflow had, where it was cancelled for that
    payload text                         -- of a signal, or the reason
)
"""
CREATE_REQUESTS = "create index workflow_requests on workflow_inputs (number) where applied is null"
CREATE_INPUTS_OF = "create index workflow_inputs_of on workflow_inputs (workflow_id)"

# What was received stays until the run is over: who goes back to an earlier event receives it again.
CREATE_SIGNALS = """
create table signals (
    workflow_id text not null,
    number integer not null,             -- in the order sent, from 1
    name text not null,
    sent_at integer not null,
    received integer,                    -- the place of the event that gave it to the workflow; null while it waits
    payload text not null,
    primary key (workflow_id, number)
) without rowid
"""
CREATE_WAITING_SIGNALS = "create index signals_waiting on signals (workflow_id, number) where received is null"

# ---------------------------------------------------------------------- version 3

# While a step is open, its columns tell of the attempt before: `error`, `error_type` and `error_traceback` why it
# failed, `finished_at` when; `attempt` is the one that is under way or to follow, and `due_at` when it is due.
# The time of all attempts counts from the step's `scheduled_at`; or from this, later by as long as nothing ran.
ADD_COUNTED_FROM = "alter table activity_executions add column counted_from integer"
ADD_HEARTBEAT = "alter table activity_executions add column heartbeat text"  # the details of the last heartbeat

# An ActivityError was once built from its type, its message and its traceback. Today the message comes first, and there
# are five arguments. What is no JSON stays as it is: pickles, and damage.
TURN_ARGUMENTS = """set output = json_extract(output, '$[1]', '$[0]', '$[2]')
where error_type = 'yieldflow._core.errors.ActivityError'
  and case when typeof(output) = 'text' and json_valid(output) then json_array_length(output) end = 3
"""
TURN_ERRORS = (f"update workflows {TURN_ARGUMENTS}", f"update activity_executions {TURN_ARGUMENTS}")

# ---------------------------------------------------------------------- version 4

# For an unfinished workflow: null while it must be in memory; the moment until which it rests; or the largest integer,
# where only a message wakes it. Rows that are there have that, by its default: they are not written anew.
ADD_WAKE_AT = f"alter table workflows add column wake_at integer default {FOREVER}"
SET_WAKE_AT = """
update workflows indexed by workflows_not_done set wake_at = case when started_at is null then starts_at end
where status <> 'done' and status = 'processing'
"""
# When an attempt began, and on which worker. It is written with the attempt's end, and before only where it is long.
ADD_BEGUN_AT = "alter table activity_executions add column begun_at integer"
ADD_WORKER = "alter table activity_executions add column worker text"

# One index serves the start of a session, which reads those that must be in memory, the clock, and whoever looks for
# the few workflows that failed among many that are done. It holds none of those that are done.
CREATE_BY_WAKE_AT = f"create index workflows_wake_at on workflows (wake_at) where {NOT_DONE}"
# A registration wakes what stalled for want of it.
STALLED = "status = 'stalled'"
CREATE_STALLED = f"create index workflows_stalled on workflows (name) where {STALLED}"

#: The statements that lead to each version from the one before; version 0 is an empty file. What has been released
#: is never changed, only followed by another version.
MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        CREATE_WORKFLOWS,
        CREATE_UNFINISHED_1,
        CREATE_ACTIVITY_EXECUTIONS,
        CREATE_WORKFLOW_INPUTS_1,
        CREATE_SIGNALS_1,
        CREATE_META,
        f"pragma application_id = {APPLICATION_ID}",
    ),
    2: (
        "alter table workflows add column parent_run integer",  # of a child: the run of its parent,
        "alter table workflows add column on_parent_end text",  # and what becomes of it when that ends
        "alter table workflows add column deadline_at integer",  # when it is cancelled if it has not ended by then
        "alter table workflows add column version text",  # of its code
        "alter table workflows add column first_name text",  # of a later run: what was submitted
        "alter table workflows add column first_input text",
        "alter table workflows add column patches text",  # the names for which patched() was True: a JSON list
        "drop index workflows_unfinished",
        CREATE_NOT_DONE_2,
        CREATE_BY_TIME,
        CREATE_BY_PARENT,
        # of a cancelled step: the place of the event with which the workflow ceased to wait for it
        "alter table activity_executions add column dropped integer",
        *FIND_DROPPED,
        "drop table workflow_inputs",
        CREATE_WORKFLOW_INPUTS,
        CREATE_REQUESTS,
        CREATE_INPUTS_OF,
        "drop table signals",
        CREATE_SIGNALS,
        CREATE_WAITING_SIGNALS,
    ),
    3: (ADD_COUNTED_FROM, ADD_HEARTBEAT, *TURN_ERRORS),
    4: (
        ADD_WAKE_AT,
        ADD_BEGUN_AT,
        ADD_WORKER,
        SET_WAKE_AT,
        "drop index workflows_not_done",
        CREATE_BY_WAKE_AT,
        CREATE_STALLED,
    ),
}

#: The version that this library writes; the file keeps its own in ``PRAGMA user_version``.
SCHEMA_VERSION = max(MIGRATIONS)
