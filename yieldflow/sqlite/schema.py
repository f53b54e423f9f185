"""The tables, and how a file of an older version becomes one of this version. All SQL that creates anything is here.

The file is meant to be read with any SQLite tool. JSON payloads are TEXT, pickles are BLOBs; a moment is an INTEGER of
microseconds since 1970-01-01 UTC (``datetime(created_at / 1e6, 'unixepoch')`` shows it). Of a failure, ``error``
holds type and message in one line, and ``error_type`` and ``error_traceback`` what their names say; ``output`` then
holds what the exception is built from again, where that is possible.

Wide columns stand last, so that a scan of the narrow ones need not follow a long row to its overflow pages.
"""

from __future__ import annotations

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

#: The condition of the index below. SQLite uses the index only for queries that repeat it word for word. Spelled
#: with `not in` it would build a list anew for each row written, which a quarter of a commit's time went into.
UNFINISHED = "status <> 'done' and status <> 'failed' and status <> 'cancelled'"

# One index serves recovery, which reads all unfinished workflows, and arrivals, which are those not started yet.
# It holds nothing of the workflows that have ended, however many those are.
CREATE_UNFINISHED = f"create index workflows_unfinished on workflows (started_at) where {UNFINISHED}"

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

CREATE_WORKFLOW_INPUTS = """
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

CREATE_SIGNALS = """
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

#: The statements that lead to each version from the one before; version 0 is an empty file. What has been released
#: is never changed, only followed by another version.
MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        CREATE_WORKFLOWS,
        CREATE_UNFINISHED,
        CREATE_ACTIVITY_EXECUTIONS,
        CREATE_WORKFLOW_INPUTS,
        CREATE_SIGNALS,
        CREATE_META,
        f"pragma application_id = {APPLICATION_ID}",
    ),
}

#: The version that this library writes; the file keeps its own in ``PRAGMA user_version``.
SCHEMA_VERSION = max(MIGRATIONS)
