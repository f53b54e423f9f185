"""Warns where attempts wait for a worker and none begins for long, of the attempts that hold the workers."""

from __future__ import annotations

from collections.abc import Callable, Collection

from .._core.history import Micros, to_datetime
from ..log import logger
from ..workers import Attempt, Occupant, Workers

#: So many looks, about a second apart, find the same attempt waiting longest before it is warned of. Looks are counted
#: and not time, since the clock may be set forward.
TOO_MANY = 60
#: So many further looks come before a next warning: where attempts are long, nothing is amiss.
QUIET = 3600
#: So many attempts are listed at most.
LISTED = 20


class StandstillWatch:
    """Looks now and then for the attempt that waits longest: where it never moves, nothing does."""

    def __init__(self) -> None:
        self._longest: Attempt | None = None
        #: How often that was found.
        self._looks = 0
        self._quiet = 0

    def look(
        self,
        waiting: Collection[Attempt],
        workers: Workers,
        time_of: Callable[[Micros], Micros],
        is_in_line: Callable[[Attempt], bool],
    ) -> None:
        """Look once, and warn if it is time for that.

        Args:
            waiting: The attempts that no worker has begun, those first that wait longest. Other threads take some out.
            workers: The workers.
            time_of: Gives the time of a moment by the system's clock.
            is_in_line: Tells which of them wait for others at the same activity, and not for a worker.
        """
        self._quiet = max(0, self._quiet - 1)
        try:
            longest = next((attempt for attempt in waiting if not is_in_line(attempt)), None)
        except RuntimeError:
            # One was taken out just now, so that things move.
            longest = None
        if longest is None or longest is not self._longest:
            self._longest, self._looks = longest, 0
            return
        self._looks += 1
        if self._looks >= TOO_MANY and not self._quiet:
            self._quiet = QUIET
            _warn(longest, len(waiting), workers.occupants(), time_of)


def _warn(attempt: Attempt, waiting: int, occupants: list[Occupant], time_of: Callable[[Micros], Micros]) -> None:
    occupants.sort(key=lambda occupant: occupant.attempt.begun_at or 0)
    listed = [_line(occupant, time_of) for occupant in occupants[:LISTED]]
    if len(occupants) > LISTED:
        listed.append(f"and {len(occupants) - LISTED} others")
    logger.warning(
        "activity %r of workflow %s has waited for a worker for over a minute, and no attempt before it has begun. "
        "Attempts that wait: %d. health().attempts lists those that hold the workers:\n%s",
        attempt.definition.name, attempt.workflow_id, waiting, "\n".join(listed) or "none",
    )  # fmt: skip


def _line(occupant: Occupant, time_of: Callable[[Micros], Micros]) -> str:
    attempt, since = occupant.attempt, "not begun"
    if attempt.begun_at is not None:
        since = f"since {to_datetime(time_of(attempt.begun_at)):%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"  {attempt.definition.name!r} (attempt {attempt.number}) of workflow {attempt.workflow_id}, step "
        f"{attempt.step}: {occupant.hold}, {since}, on {attempt.worker}"
    )
