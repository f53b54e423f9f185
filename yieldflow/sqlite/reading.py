"""Reading workflows: the scheduler's questions, and the row of a workflow."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from contextlib import suppress
from itertools import chain, islice
from typing import NamedTuple, TypeAlias

from .._core.errors import DamagedRowError
from .._core.history import Micros
from ..store import (
    Arrivals,
    BufferedSignals,
    Found,
    Loaded,
    Request,
    Sleeper,
    StepRecord,
    UntakenSignal,
    WorkflowBrief,
    WorkflowRecord,
)
from . import statements as sql
from .row_checks import ANY_TEXT, TIME
from .rows import loaded, request, restored_text, step_record, stored_text, workflow_brief, workflow_record


def load(connection: sqlite3.Connection, workflow_id: str) -> Loaded | None:
    """All that a workflow is built from; None where there is no such workflow."""
    row = connection.execute(sql.SELECT_WORKFLOW, (stored_text(workflow_id),)).fetchone()
    if row is None:
        return None
    record = workflow_record(row)
    run = record.run
    parent, orphan_of = record.parent, None
    if parent is not None and parent.on_parent_end == "cancel":
        ended = connection.execute(sql.SELECT_ENDED_PARENT, (parent.workflow_id,)).fetchone()
        orphan_of = None if ended is None else parent.workflow_id
    return loaded(
        row,
        record,
        connection.execute(sql.SELECT_STEPS, (workflow_id, run)),
        connection.execute(sql.SELECT_APPLIED, (workflow_id, run)),
        connection.execute(sql.SELECT_SIGNALS, (workflow_id,)),
        connection.execute(sql.SELECT_LAST_SIGNAL, (workflow_id, workflow_id)).fetchone(),
        orphan_of,
    )


def brief(connection: sqlite3.Connection, workflow_id: str) -> WorkflowBrief | None:
    """The row of a workflow, and none of its steps; None where there is no such workflow."""
    row = connection.execute(sql.SELECT_BRIEF, (stored_text(workflow_id),)).fetchone()
    return None if row is None else workflow_brief(row)


def pending(connection: sqlite3.Connection, after: int, limit: int, counted: bool) -> list[Found]:
    """Unfinished workflows that must be in memory, of numbers above ``after``; and those with a damaged `wake_at`."""
    found: list[Found] = []
    for statement in sql.SELECTS_PENDING:
        # A row that cannot be asked for by its id is passed over, and so may not count.
        legible = (row for row in connection.execute(statement, (after, counted)) if isinstance(row[1], str))
        found += [Found(number, id, count if type(count) is int else 0) for number, id, count in islice(legible, limit)]
    return sorted(found)[:limit]


def sleepers(connection: sqlite3.Connection, after: tuple[Micros, int], until: Micros, limit: int) -> list[Sleeper]:
    """Workflows that rest until a moment no later than ``until``, from behind (wake_at, number) on, soonest first."""
    found = chain(
        connection.execute(sql.SELECT_SLEEPERS_OF, (*after, until)),
        connection.execute(sql.SELECT_SLEEPERS, (after[0], until)),
    )
    return list(islice((Sleeper(*row) for row in found if isinstance(row[2], str)), limit))


#: Number, id and seed of a workflow, by which its row is known again: a number may be used twice.
Anchor: TypeAlias = tuple[int, str, bytes]


class Look(NamedTuple):
    """The result of `arrivals`."""

    #: The last workflow that was there.
    last: Anchor
    arrivals: Arrivals


def last_workflow(connection: sqlite3.Connection) -> Anchor:
    """The workflow that was added last."""
    number, workflow_id, seed = connection.execute(sql.SELECT_LAST).fetchone() or (0, "", b"")
    if isinstance(workflow_id, str) and isinstance(seed, bytes):
        return number, workflow_id, seed
    # Its row is damaged, so nothing would be known by it.
    return 0, "", b""


def arrivals(connection: sqlite3.Connection, last: Anchor) -> Look:
    """Find workflows that no turn has driven, and all that is asked and not carried out yet.

    Args:
        last: The last workflow that was there before. Only those behind it are told of. Where it was deleted, its
            number may be another's by now, and there is nothing to go by: then all are.
    """
    number = last[0]
    known = number == 0 or connection.execute(sql.SELECT_ANCHOR, last).fetchone() is not None
    statement, given = (sql.SELECT_ARRIVALS, (number,)) if known else (sql.SELECT_ALL_ARRIVALS, ())
    found = connection.execute(statement, given)
    # A row that cannot be asked for by its id is passed over. To load one says what else is wrong with it.
    workflows = [(id, at if isinstance(at, int) else None) for id, at in found if isinstance(id, str)]
    return Look(last_workflow(connection), Arrivals(workflows, _requests(connection)))


def _requests(connection: sqlite3.Connection) -> list[Request]:
    """Everything asked and not carried out yet; what is damaged keeps nothing else from being found."""
    found = []
    for row in connection.execute(sql.SELECT_REQUESTS):
        with suppress(DamagedRowError):
            found.append(request(row))
    return found


def ended_children(connection: sqlite3.Connection, workflow_id: str, run: int) -> list[WorkflowRecord]:
    """The children of a run that have ended, in the order in which they did."""
    rows = connection.execute(sql.SELECT_ENDED_CHILDREN, (stored_text(workflow_id), run))
    return [workflow_record(row) for row in rows]


def open_children(connection: sqlite3.Connection, workflow_id: str, run: int) -> list[str]:
    """The ids of those that have not."""
    rows = connection.execute(sql.SELECT_OPEN_CHILDREN, (stored_text(workflow_id), run))
    return [row[0] for row in rows if isinstance(row[0], str)]


def record(connection: sqlite3.Connection, workflow_id: str) -> WorkflowRecord | None:
    """A workflow's row; None where there is no such workflow."""
    row = connection.execute(sql.SELECT_WORKFLOW, (stored_text(workflow_id),)).fetchone()
    return None if row is None else workflow_record(row)


def ended(connection: sqlite3.Connection, workflow_ids: Collection[str], since: object) -> tuple[object, set[str]]:
    """Those of the workflows that have ended, stalled or gone; none where nothing was written since."""
    # By others, and by this connection itself.
    mark = connection.execute("pragma data_version").fetchone()[0], connection.total_changes
    if mark == since:
        return mark, set()
    rows = connection.execute(sql.SELECT_AWAITED, (json.dumps(list(workflow_ids)),))
    return mark, set(workflow_ids).difference(row[0] for row in rows)


def steps(connection: sqlite3.Connection, workflow_id: str) -> list[StepRecord]:
    """The steps of a workflow's current run, by number."""
    return [step_record(row) for row in connection.execute(sql.SELECT_STEPS, (stored_text(workflow_id), None))]


def untaken_signals(connection: sqlite3.Connection, after: tuple[str, int], limit: int) -> list[UntakenSignal]:
    """Signals that were not received, in pages. A damaged row is passed over."""
    workflow_id, number = after
    rows = connection.execute(sql.SELECT_UNTAKEN_SIGNALS, (stored_text(workflow_id), number, limit))
    return [
        UntakenSignal(id, number, restored_text(name), sent_at, bool(is_live))
        for id, number, name, sent_at, is_live in rows
        if isinstance(id, str) and isinstance(number, int) and ANY_TEXT.fits(name) and TIME.fits(sent_at)
    ]


def buffered_signals(connection: sqlite3.Connection, workflow_id: str) -> list[BufferedSignals]:
    """The signals that a workflow has not received, by name. A damaged row is passed over."""
    rows = connection.execute(sql.SELECT_BUFFERED_SIGNALS, (stored_text(workflow_id),))
    return [
        BufferedSignals(restored_text(name), count, since)
        for name, count, since in rows
        if ANY_TEXT.fits(name) and TIME.fits(since)
    ]


def stalled(connection: sqlite3.Connection, name: str | None) -> list[str]:
    """Return the ids of the workflows that are stalled, of that name or all."""
    if name is None:
        rows = connection.execute(sql.SELECT_STALLED)
    else:
        rows = connection.execute(sql.SELECT_STALLED_OF, (stored_text(name),))
    return [row[0] for row in rows if isinstance(row[0], str)]
