"""`Filter`: the workflows to be listed, and their order."""

from __future__ import annotations

from dataclasses import dataclass

from ._core.history import Micros, WorkflowStatus


@dataclass(frozen=True, slots=True)
class Filter:
    """The workflows to be listed, and their order."""

    name: str | None = None
    #: Any of these.
    statuses: frozenset[WorkflowStatus] | None = None
    id_prefix: str | None = None
    #: The parent's id.
    parent: str | None = None
    #: Created at or after this time,
    created_from: Micros | None = None
    #: and before this.
    created_before: Micros | None = None
    oldest_first: bool = False
    #: At most so many.
    limit: int | None = None
    #: Only what comes behind this workflow in the order asked for: the last one of the page before.
    after: str | None = None


#: All workflows, newest first.
EVERYTHING = Filter()
