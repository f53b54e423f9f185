"""Invariants of a database file: they hold whenever one looks, and each has a query that finds what breaks it."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

#: A workflow that is under way: nobody paused it, and it did not stall. (A damaged or ended one is none.)
_UNDER_WAY = "w.status = 'processing' and w.wake_at is not null"
#: Its open steps.
_OPEN_STEPS = """
select w.id from workflows as w join activity_executions as step on step.workflow_id = w.id and step.run = w.run
"""


class Invariant(NamedTuple):
    """Something that always holds."""

    name: str
    #: What holds, in a sentence.
    sentence: str
    #: Selects what breaks it: the workflow's id first.
    query: str


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "known statuses",
        "A workflow has one of the six statuses, and a step one of its four.",
        """
select id from workflows
where status not in ('processing', 'done', 'failed', 'cancelled', 'suspended', 'stalled')
union all
select workflow_id from activity_executions where status not in ('scheduled', 'done', 'failed', 'cancelled')
""",
    ),
    Invariant(
        "an end has its time",
        "A workflow has a time of its end if it has ended, and only then.",
        "select id from workflows where (status in ('done', 'failed', 'cancelled')) <> (finished_at is not null)",
    ),
    Invariant(
        "an end has its outcome",
        "What is done has a value and no failure, what failed or was cancelled has a failure, and the others neither.",
        """
select id from workflows
where (status = 'done') <> (output is not null and error is null and error_type is null)
   or (status in ('failed', 'cancelled')) <> (error_type is not null)
""",
    ),
    Invariant(
        "a stall has its reason",
        "A stalled workflow says why.",
        "select id from workflows where status = 'stalled' and reason is null",
    ),
    Invariant(
        "a run that began",
        "A workflow whose run has not begun has no step.",
        "select id from workflows where started_at is null and id in (select workflow_id from activity_executions)",
    ),
    Invariant(
        "seeds",
        "A seed has 16 bytes, and 24 more for each time that it was forked.",
        "select id from workflows where length(seed) < 16 or (length(seed) - 16) % 24 <> 0",
    ),
    Invariant(
        "what was submitted is kept",
        "Of a later run it is known what was submitted at first: both name and arguments, or neither.",
        "select id from workflows where (first_name is null) <> (first_input is null)",
    ),
    Invariant(
        "children have parents",
        "A child's parent is there, in the run that started it or in a later one.",
        """
select id from workflows as child
where parent is not null
  and not exists (select 1 from workflows as w where w.id = child.parent and w.run >= child.parent_run)
""",
    ),
    Invariant(
        "steps belong to the run",
        "Every step belongs to a workflow that is there, and to the run that this is in.",
        """
select workflow_id from activity_executions as step
where not exists (select 1 from workflows as w where w.id = step.workflow_id and w.run = step.run)
""",
    ),
    Invariant(
        "steps without a gap",
        "The steps of a run are numbered from 0, in the order issued.",
        """
select workflow_id from activity_executions group by workflow_id, run
having count(*) <> max(step) + 1 or min(step) <> 0
""",
    ),
    Invariant(
        "one event at each place",
        "The events of a run are numbered from 1, without a gap, and nothing is applied twice.",
        """
select workflow_id from (
    select workflow_id, run, applied from activity_executions where applied is not null
    union all
    select workflow_id, run, applied from workflow_inputs where applied is not null
) group by workflow_id, run
having count(*) <> max(applied) or count(*) <> count(distinct applied) or min(applied) <> 1
""",
    ),
    Invariant(
        "what was applied has ended",
        "A step whose outcome was applied has one, and was applied after the event that led to the step.",
        """
select workflow_id from activity_executions
where applied is not null and (status not in ('done', 'failed') or finished_at is null or applied <= turn)
""",
    ),
    Invariant(
        "outcomes",
        "A step that is done has a value, one that failed has a failure, and one that was cancelled has neither.",
        """
select workflow_id from activity_executions
where (status = 'done' and (output is null or error_type is not null))
   or (status = 'failed' and error_type is null)
   or (status = 'cancelled' and (output is not null or error_type is not null))
   or (status = 'scheduled' and output is not null)
""",
    ),
    Invariant(
        "what was dropped was cancelled",
        "A step is cancelled if the workflow ceased to wait for it, which was at the event that led to it or later.",
        """
select workflow_id from activity_executions
where (status = 'cancelled') <> (dropped is not null) or dropped < turn or (dropped is not null and applied is not null)
""",
    ),
    Invariant(
        "nothing is open at the end",
        "A workflow that has ended waits for no step.",
        """
select workflow_id from activity_executions as step
join workflows as w on w.id = step.workflow_id
where w.status in ('done', 'failed', 'cancelled') and step.status = 'scheduled'
""",
    ),
    Invariant(
        "attempts",
        "Attempts are counted from 1; only at activities is there more than one, and each further one has its time.",
        """
select workflow_id from activity_executions
where attempt < 1 or (attempt > 1 and (kind <> 'activity' or due_at is null))
""",
    ),
    Invariant(
        "sleeps have an end",
        "A sleep has the time at which it ends.",
        "select workflow_id from activity_executions where kind = 'sleep' and due_at is null",
    ),
    Invariant(
        "signals belong to workflows",
        "Every signal and every request belongs to a workflow that is there.",
        """
select workflow_id from signals where workflow_id not in (select id from workflows)
union all
select workflow_id from workflow_inputs where workflow_id not in (select id from workflows)
""",
    ),
    Invariant(
        "signals are received by steps",
        "What gave a signal to the workflow is the outcome of a step that receives signals.",
        """
select workflow_id from signals
where received is not null and not exists (
    select 1 from activity_executions as step join workflows as w on w.id = step.workflow_id and w.run = step.run
    where step.workflow_id = signals.workflow_id and step.applied = signals.received
      and step.kind in ('wait_signal', 'take_signals') and step.name = signals.name
)
""",
    ),
    Invariant(
        "signals are received in order",
        "Of the signals of one name, those that were sent first are received first.",
        """
select earlier.workflow_id from signals as earlier
join signals as later on later.workflow_id = earlier.workflow_id and later.name = earlier.name
                     and later.number > earlier.number
where later.received is not null and (earlier.received is null or earlier.received > later.received)
""",
    ),
    Invariant(
        "one signal for each wait",
        "A step that waits for a signal receives one; only one that takes all that are there may receive several.",
        """
select signals.workflow_id from signals join activity_executions as step
  on step.workflow_id = signals.workflow_id and step.applied = signals.received and step.kind = 'wait_signal'
join workflows as w on w.id = step.workflow_id and w.run = step.run
group by signals.workflow_id, signals.received having count(*) > 1
""",
    ),
    Invariant(
        "what has ended rests forever",
        "Nothing wakes a workflow that has ended, so its row says so.",
        """
select id from workflows where status in ('done', 'failed', 'cancelled') and wake_at is not 9223372036854775807
""",
    ),
    Invariant(
        "what begins is awake",
        "A workflow that has not started must be in memory, unless it starts later: then it wakes by that time.",
        f"""
select w.id from workflows as w where {_UNDER_WAY} and w.started_at is null
  and not (w.starts_at is not null and w.wake_at <= w.starts_at)
""",
    ),
    Invariant(
        "what is at work is awake",
        "A workflow must be in memory while an activity of it is at work, and wakes when another attempt is due.",
        f"""
{_OPEN_STEPS}
where {_UNDER_WAY} and step.kind = 'activity' and step.status = 'scheduled'
  and not (step.attempt > 1 and step.due_at >= w.wake_at)
""",
    ),
    Invariant(
        "a sleeper wakes when it is due",
        "A workflow rests no longer than until its next sleep, or the time that it was given, is over.",
        f"""
{_OPEN_STEPS}
where {_UNDER_WAY} and step.kind = 'sleep' and step.status = 'scheduled' and step.due_at < w.wake_at
union all
select w.id from workflows as w
where {_UNDER_WAY} and w.deadline_at < w.wake_at
  and not exists (select 1 from workflow_inputs as i
                  where i.workflow_id = w.id and i.run = w.run and i.kind = 'cancel' and i.applied is not null)
""",
    ),
    Invariant(
        "what came wakes",
        "A workflow must be in memory once an outcome, a signal or the end of a child is there for a step that waits.",
        f"""
{_OPEN_STEPS}
where {_UNDER_WAY} and step.status in ('done', 'failed') and step.applied is null
union all
{_OPEN_STEPS}
join signals as s on s.workflow_id = w.id and s.received is null and s.name = step.name
where {_UNDER_WAY} and step.kind = 'wait_signal' and step.status = 'scheduled'
union all
{_OPEN_STEPS}
join workflows as child on child.parent = w.id and child.parent_run = w.run and child.parent_step = step.step
where {_UNDER_WAY} and step.kind = 'child' and step.status = 'scheduled'
  and child.status in ('done', 'failed', 'cancelled')
""",
    ),
)


def broken(connection: sqlite3.Connection) -> list[tuple[Invariant, str]]:
    """The invariants that do not hold in a file, each with the id of a workflow where it does not."""
    found = ((invariant, connection.execute(invariant.query).fetchone()) for invariant in INVARIANTS)
    return [(invariant, row[0]) for invariant, row in found if row is not None]
