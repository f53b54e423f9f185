"""Checks the arguments by which callers select workflows, to list them, to delete them or to purge them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeAlias

from .._core.commands import seconds_of, show
from .._core.errors import StorageError, WorkflowNotEndedError, WorkflowNotFoundError
from .._core.history import ENDED, EPOCH, Micros, WorkflowStatus, to_micros
from ..filter import Filter
from .submissions import is_text

#: The statuses that `list_workflows` and `purge` accept: one, several, or None for any.
Statuses: TypeAlias = WorkflowStatus | str | Iterable[WorkflowStatus | str] | None

#: More workflows than any file holds.
MOST = 1 << 62

#: The number of workflows that are deleted in one transaction; and from a failure on, as of a disk with little room.
BATCHES = (500, 25, 1)


def make_filter(
    *,
    name: str | None,
    status: Statuses,
    id_prefix: str | None,
    parent: str | None,
    created_after: datetime | None,
    created_before: datetime | None,
    oldest_first: bool,
    limit: int | None,
    after: str | None,
) -> Filter | None:
    """Make a filter of the arguments of `Orchestrator.list_workflows`; None where no workflow can match.

    Raises:
        TypeError, ValueError: An argument is wrong; the message says which.
    """
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool)):
        raise TypeError(f"limit is a whole number, not {show(limit)}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is at least 1, not {show(limit)}")
    texts = {"name": name, "id_prefix": id_prefix, "parent": parent, "after": after}
    for what, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise TypeError(f"{what} is a string, not {show(text)}")
    if not all(text is None or is_text(text) for text in texts.values()):
        return None
    return Filter(
        name=name,
        statuses=statuses_of(status),
        id_prefix=id_prefix,
        parent=parent,
        created_from=_moment("created_after", created_after),
        created_before=_moment("created_before", created_before),
        oldest_first=bool(oldest_first),
        limit=limit if limit is None else min(limit, MOST),
        after=after,
    )


def statuses_of(given: Statuses) -> frozenset[WorkflowStatus] | None:
    """Return the statuses that were given, one or several; None for any.

    Raises:
        TypeError, ValueError: There is no such status; the message names those that there are.
    """
    if given is None:
        return None
    known = {status.value: status for status in WorkflowStatus}
    there = f"there are {', '.join(map(repr, known))}"
    if not isinstance(given, Iterable):
        raise TypeError(f"status is one or several of the statuses, not {show(given)}: {there}")
    several = [given] if isinstance(given, str) else list(given)
    for one in several:
        if not isinstance(one, str) or one not in known:
            raise ValueError(f"there is no status {show(one)}: {there}")
    return frozenset(known[one] for one in several)


def purge_bounds(
    older_than: float | timedelta | None, status: Statuses, now: Micros
) -> tuple[Micros | None, frozenset[WorkflowStatus]]:
    """Check the arguments of `Orchestrator.purge`.

    Returns:
        The time before which a workflow must have ended to be purged, None for any, and the statuses that it may have.

    Raises:
        TypeError, ValueError: An argument is wrong; the message says which.
    """
    statuses = statuses_of(status)
    if statuses is not None and not statuses <= ENDED:
        wrong = ", ".join(sorted(statuses - ENDED))
        raise ValueError(f"only ended workflows can be purged (done, failed, cancelled), not those that are {wrong}")
    ended = ENDED if statuses is None else statuses
    if older_than is None:
        return None, ended
    seconds = seconds_of("older_than", older_than)
    if not seconds >= 0:
        raise ValueError(f"older_than is 0 or more, not {show(older_than)}")
    # Nothing is older than the epoch.
    return now - int(min(seconds * 1e6, now)), ended


def ids_of(given: str | Iterable[str]) -> list[str]:
    """Return the ids that were given, one or several.

    Raises:
        TypeError: They are no ids.
    """
    if isinstance(given, (bytes, bytearray)) or not isinstance(given, Iterable):
        raise TypeError(f"delete() takes one workflow id or several, not {show(given)}")
    ids = [given] if isinstance(given, str) else list(given)
    for one in ids:
        if not isinstance(one, str):
            raise TypeError(f"a workflow id is a string, not {show(one)}")
    return ids


def purge(workflow_ids: Sequence[str], delete: Callable[[Sequence[str]], int]) -> int:
    """Delete the workflows that can be deleted, many in one transaction, and return their number."""
    deleted, left, batch, *smaller = 0, list(workflow_ids), *BATCHES
    while left:
        some = left[:batch]
        try:
            deleted += delete(some)
        except (WorkflowNotEndedError, WorkflowNotFoundError):
            # One has an unfinished descendant, or was deleted with its parent: go on with the others one by one.
            for workflow_id in some:
                with suppress(WorkflowNotEndedError, WorkflowNotFoundError):
                    deleted += delete([workflow_id])
        except StorageError:
            if not smaller:
                raise
            batch = smaller.pop(0)
            continue
        del left[:batch]
    return deleted


def _moment(what: str, given: datetime | None) -> Micros | None:
    """Return the time of the argument called ``what``, which must have a time zone."""
    if given is None:
        return None
    if not isinstance(given, datetime):
        raise TypeError(f"{what} is a datetime, not {show(given)}")
    if given.utcoffset() is None:
        raise ValueError(f"{what} has no time zone: write datetime(..., tzinfo=UTC), or {what}=moment.astimezone()")
    return to_micros(given - EPOCH)
