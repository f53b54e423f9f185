"""Listing workflows: a filter made into a query that goes by an index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from .._core.errors import WorkflowNotFoundError
from .._core.history import ENDED, Micros, WorkflowStatus
from ..filter import Filter
from ..store import WorkflowRecord
from .row_checks import FROM_ONE, TEXT, TIME, Columns, Row, shown
from .rows import legible_record, stored_text
from .schema import NOT_DONE, UNFINISHED
from .statements import SELECT_WORKFLOWS, selecting

SELECT_PLACE = "select created_at, number from workflows where id = ?"
#: Its columns, and the id.
PLACE = Columns("workflows", lambda row: f"workflow {shown(row[2])}", created_at=TIME, number=FROM_ONE, id=TEXT)

#: The indexes that workflows are listed by: that of parents, of ids, of those not done, and of times, which alone gives
#: the order asked for.
BY_PARENT, BY_ID = "workflows_by_parent", "sqlite_autoindex_workflows_1"
NOT_DONE_FIRST, BY_TIME = "workflows_wake_at", "workflows_by_time"
INDEXES = (BY_PARENT, BY_ID, NOT_DONE_FIRST, BY_TIME)
SELECTING = {index: f"{selecting(index)}where true" for index in INDEXES}
#: Rows that have to be sorted are sorted by number alone, before anything is derived from the steps.
SELECTING_SORTED = {
    index: f"{SELECT_WORKFLOWS}where w.number in (select w.number from workflows as w indexed by {index} where true"
    for index in INDEXES
}
#: By how many statuses there are.
ONE_OF = {many: f" and w.status in ({', '.join('?' * many)})" for many in range(1, len(WorkflowStatus) + 1)}
#: By whether the oldest come first. The first half is for the index, which knows nothing of pairs.
FOLLOWING = {
    True: " and w.created_at >= ? and (w.created_at > ? or w.number > ?)",
    False: " and w.created_at <= ? and (w.created_at < ? or w.number < ?)",
}
ORDER = {
    True: " order by w.created_at asc, w.number asc",
    False: " order by w.created_at desc, w.number desc",
}

SELECT_ENDED = {index: f"select id from workflows as w indexed by {index} where true" for index in INDEXES}
UNATTENDED = f"""
  and finished_at < ifnull(?, {2**63 - 1})
  and (parent is null
       or not exists (select 1 from workflows as p
                      where p.id = w.parent and p.{UNFINISHED} and not p.run > w.parent_run))
order by created_at, number
"""


class Query:
    """A statement put together of constants, with the values of its parameters."""

    def __init__(self) -> None:
        self.statement = ""
        self.parameters: list[object] = []

    def add(self, text: str, *values: object) -> None:
        """Add a part of the statement, and the values of the parameters in it."""
        self.statement += text
        self.parameters += values

    def rows(self, connection: sqlite3.Connection) -> Iterator[Row]:
        """Return the rows that it finds."""
        return iter(connection.execute(self.statement, self.parameters))


def listed(connection: sqlite3.Connection, which: Filter) -> list[WorkflowRecord]:
    """The workflows asked for, in the order asked for; of one with a damaged row, what can be read.

    Raises:
        WorkflowNotFoundError: There is no ``which.after``.
    """
    after = None
    if which.after is not None:
        after = connection.execute(SELECT_PLACE, (stored_text(which.after),)).fetchone()
        if after is None:
            raise WorkflowNotFoundError(f"there is no workflow {which.after!r} any more, that the page would follow")
        PLACE.check((*after, which.after))
    if which.statuses is not None and not which.statuses:
        # SQLite sees through `in ()`, and has no use for the index that it is told to use.
        return []
    return [legible_record(row) for row in query(which, after).rows(connection)]


def purgeable(connection: sqlite3.Connection, before: Micros | None, statuses: frozenset[WorkflowStatus]) -> list[str]:
    """Workflows that ended so before that time, and that no parent may wait for, oldest first."""
    ends = statuses & ENDED
    if not ends:
        return []
    asked = Query()
    asked.add(SELECT_ENDED[_index(Filter(statuses=ends))])
    _add_statuses(asked, ends)
    asked.add(UNATTENDED, before)
    return [row[0] for row in asked.rows(connection) if isinstance(row[0], str)]


def query(which: Filter, after: tuple[int, int] | None = None) -> Query:
    """Return the query for the workflows asked for.

    Args:
        which: What is asked for.
        after: Time of creation and number of the workflow that the list is to follow.
    """
    index, asked = _index(which), Query()
    asked.add(SELECTING[index] if index == BY_TIME else SELECTING_SORTED[index])
    if which.parent is not None:
        asked.add(" and w.parent = ?", stored_text(which.parent))
    if which.name is not None:
        asked.add(" and w.name = ?", stored_text(which.name))
    if which.statuses is not None:
        _add_statuses(asked, which.statuses)
    if which.id_prefix:
        asked.add(" and w.id >= ?", stored_text(which.id_prefix))
        end = _end(which.id_prefix)
        if end is not None:
            asked.add(" and w.id < ?", end)
    if which.created_from is not None:
        asked.add(" and w.created_at >= ?", which.created_from)
    if which.created_before is not None:
        asked.add(" and w.created_at < ?", which.created_before)
    if after is not None:
        asked.add(FOLLOWING[which.oldest_first], after[0], *after)
    asked.add(ORDER[which.oldest_first])
    asked.add(" limit ?", -1 if which.limit is None else max(which.limit, 0))
    if index != BY_TIME:
        asked.add(")")
        asked.add(ORDER[which.oldest_first])
    return asked


def _add_statuses(asked: Query, statuses: frozenset[WorkflowStatus]) -> None:
    """Add the condition, with that of the partial index where it holds."""
    asked.add(ONE_OF[len(statuses)], *sorted(status.value for status in statuses))
    if WorkflowStatus.DONE not in statuses:
        asked.add(f" and w.{NOT_DONE}")


def _index(which: Filter) -> str:
    """The index that leaves the least to look through."""
    if which.parent is not None:
        return BY_PARENT
    if which.id_prefix:
        return BY_ID
    if which.statuses and WorkflowStatus.DONE not in which.statuses:
        return NOT_DONE_FIRST
    return BY_TIME


def _end(prefix: str) -> str | bytes | None:
    """The first text behind all that begin with ``prefix``, as SQLite compares; None where there is none."""
    last = prefix.rstrip("\U0010ffff")
    if not last:
        return None
    following = ord(last[-1]) + 1
    # Halves of surrogate pairs are no text.
    return stored_text(last[:-1] + chr(0xE000 if following == 0xD800 else following))
