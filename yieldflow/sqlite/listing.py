"""Listing workflows: a filter made into a query that goes by an index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from .._core.errors import WorkflowNotFoundError
from .._core.history import ENDED, Micros, WorkflowStatus
from ..store import Filter
from .reading import SELECT_WORKFLOWS, selecting
from .rows import Row, stored_text
from .schema import NOT_DONE, UNFINISHED

SELECT_PLACE = "select created_at, number from workflows where id = ?"

SELECT_PURGEABLE = f"""
select id from workflows as w indexed by {{index}}
where {{condition}} and finished_at < ifnull(?, {2**63 - 1})
  and (parent is null
       or not exists (select 1 from workflows as p
                      where p.id = w.parent and p.{UNFINISHED} and not p.run > w.parent_run))
order by created_at, number
"""


def listed(connection: sqlite3.Connection, which: Filter) -> list[Row]:
    """The rows of the workflows asked for, in the order asked for.

    Raises:
        WorkflowNotFoundError: There is no ``which.after``.
    """
    after = None
    if which.after is not None:
        after = connection.execute(SELECT_PLACE, (stored_text(which.after),)).fetchone()
        if after is None:
            raise WorkflowNotFoundError(f"there is no workflow {which.after!r} any more, that the page would follow")
    if which.statuses is not None and not which.statuses:
        # SQLite sees through `in ()`, and has no use for the index that it is told to use.
        return []
    return connection.execute(*query(which, after)).fetchall()


def purgeable(connection: sqlite3.Connection, before: Micros | None, statuses: frozenset[WorkflowStatus]) -> list[str]:
    """Workflows that ended so before that time, and that no parent may wait for, oldest first."""
    ends = statuses & ENDED
    if not ends:
        return []
    statement = SELECT_PURGEABLE.format(index=_index(Filter(statuses=ends))[0], condition=_any_of(ends))
    return [row[0] for row in connection.execute(statement, (before,))]


def query(which: Filter, after: tuple[int, int] | None = None) -> tuple[str, list[object]]:
    """The statement that lists the workflows asked for, with its parameters.

    Args:
        which: What is asked for.
        after: Time of creation and number of the workflow that the list is to follow.
    """
    index, in_order = _index(which)
    terms: list[str] = []
    parameters: list[object] = []

    def add(term: str, *values: object) -> None:
        terms.append(term)
        parameters.extend(values)

    if which.parent is not None:
        add("w.parent = ?", stored_text(which.parent))
    if which.name is not None:
        add("w.name = ?", stored_text(which.name))
    if which.statuses is not None:
        add(_any_of(which.statuses))
    if which.id_prefix:
        add("w.id >= ?", stored_text(which.id_prefix))
        end = _end(which.id_prefix)
        if end is not None:
            add("w.id < ?", end)
    if which.created_from is not None:
        add("w.created_at >= ?", which.created_from)
    if which.created_before is not None:
        add("w.created_at < ?", which.created_before)
    if after is not None:
        # The first half is for the index, which knows nothing of pairs.
        sign = ">" if which.oldest_first else "<"
        add(f"w.created_at {sign}= ? and (w.created_at {sign} ? or w.number {sign} ?)", after[0], *after)
    direction = "asc" if which.oldest_first else "desc"
    order = f"order by w.created_at {direction}, w.number {direction}"
    rest = f"where {' and '.join(terms) or 'true'} {order} limit {_limit(which)}"
    if in_order:
        return f"{selecting(index)}{rest}", parameters
    # What has to be sorted is sorted by number alone, before anything is derived from the steps.
    numbers = f"select w.number from workflows as w indexed by {index} {rest}"
    return f"{SELECT_WORKFLOWS}where w.number in ({numbers}) {order}", parameters


def _index(which: Filter) -> tuple[str, bool]:
    """The index that leaves the least to look through, and whether it gives the order asked for."""
    if which.parent is not None:
        return "workflows_by_parent", False
    if which.id_prefix:
        return "sqlite_autoindex_workflows_1", False
    if which.statuses and WorkflowStatus.DONE not in which.statuses:
        return "workflows_not_done", False
    return "workflows_by_time", True


def _any_of(statuses: Iterable[WorkflowStatus]) -> str:
    """The condition, with that of the partial index where it holds."""
    wanted = frozenset(statuses)
    term = f"w.status in ({', '.join(repr(status.value) for status in sorted(wanted))})"
    return term if WorkflowStatus.DONE in wanted else f"{term} and w.{NOT_DONE}"


def _end(prefix: str) -> str | bytes | None:
    """The first text behind all that begin with ``prefix``, as SQLite compares; None where there is none."""
    last = prefix.rstrip("\U0010ffff")
    if not last:
        return None
    following = ord(last[-1]) + 1
    # Halves of surrogate pairs are no text.
    return stored_text(last[:-1] + chr(0xE000 if following == 0xD800 else following))


def _limit(which: Filter) -> int:
    return -1 if which.limit is None else max(which.limit, 0)
