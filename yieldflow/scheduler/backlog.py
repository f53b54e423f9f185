"""The workflows that the last session left at work, or that were due since: a million of them fit in no memory."""

from __future__ import annotations

from .._core.history import Micros
from ..store import Store, WorkflowBrief

#: So many are read at once.
PAGE = 128


class Backlog:
    """Reads the ids of what is left in pages, by the index of unfinished workflows.

    First come those that must be in memory, by number, and then those that rest and are due. Those with a count are not
    among them: they are few, and all known from the start.
    """

    def __init__(self) -> None:
        self.page = PAGE
        #: True once all were read.
        self.over = True
        #: True while nothing of it was read.
        self.unread = False
        #: The last number that was read of those that must be in memory; None once all were.
        self._number: int | None = None
        #: The (wake_at, number) of the last that was read of those that rest.
        self._place: tuple[Micros, int] = (-1, -1)
        #: Those that rest beyond this moment are no part of it.
        self._due_by: Micros = 0

    def begin(self, now: Micros) -> None:
        """Begin to read all that is left at the start of a session."""
        self.over, self.unread, self._number, self._due_by = False, True, 0, now

    def read(self, store: Store) -> list[str]:
        """Return the ids of the next page. Those that came into memory since, for another reason, are among them.

        Raises:
            StorageError: They cannot be read, and are later.
        """
        if self._number is not None:
            found = store.pending(self._number, self.page, counted=False)
            self.unread = False
            self._number = found[-1].number if found else None
            return [each.workflow_id for each in found]
        sleepers = store.sleepers(self._place, self._due_by, self.page)
        if sleepers:
            self._place = sleepers[-1].wake_at, sleepers[-1].number
        self.over = not sleepers
        return [each.workflow_id for each in sleepers]

    def may_hold(self, brief: WorkflowBrief) -> bool:
        """Tell whether a workflow that is not in memory may still be found here; one that was woken since, too."""
        return not self.over and (brief.wake_at is None or brief.wake_at <= self._due_by)
