"""Activities of which only so many may be under way at once: the others wait in line, so that no worker waits."""

from __future__ import annotations

from collections import deque

from ..workers import Attempt


class _Lane:
    """The attempts at one activity."""

    __slots__ = ("begun", "waiting")

    def __init__(self) -> None:
        #: Those that were handed to the workers.
        self.begun: set[Attempt] = set()
        self.waiting: deque[Attempt] = deque()


class ConcurrencyLimiter:
    """All activities with a ``max_concurrent``, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, _Lane] = {}

    def enter(self, attempt: Attempt, limit: int) -> bool:
        """Let an attempt go to the workers, and return True; or return False, and put it in line."""
        lane = self._by_name.setdefault(attempt.definition.name, _Lane())
        if len(lane.begun) < limit:
            lane.begun.add(attempt)
            return True
        lane.waiting.append(attempt)
        return False

    def is_in_line(self, attempt: Attempt) -> bool:
        """Tell whether an attempt waits for others at the same activity, and for no worker."""
        lane = None if attempt.options.max_concurrent is None else self._by_name.get(attempt.definition.name)
        return lane is not None and attempt not in lane.begun

    def leave(self, attempt: Attempt) -> list[Attempt]:
        """An attempt takes up no place any more, if it did; those that may go to the workers now, in order."""
        limit, lane = attempt.options.max_concurrent, self._by_name.get(attempt.definition.name)
        if limit is None or lane is None or attempt not in lane.begun:
            return []
        lane.begun.discard(attempt)
        following: list[Attempt] = []
        while lane.waiting and len(lane.begun) < limit:
            following.append(lane.waiting.popleft())
            if following[-1].cancelled:
                following.pop()
            else:
                lane.begun.add(following[-1])
        if not lane.begun:
            del self._by_name[attempt.definition.name]
        return following
