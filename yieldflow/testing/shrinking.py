"""A schedule under which something goes wrong, made as short as can be found in a while: delta debugging."""

from __future__ import annotations

__tracebackhide__ = True

from .moves import CRASH, Do, Key, Option
from .schedules import Choose, Schedule, Setting, play

#: So many schedules are tried.
MOST_TRIES = 500


def shrunk(setting: Setting, failing: Schedule) -> Schedule:
    """The shortest schedule found under which the same goes wrong.

    What is left out of a schedule is no hole in it: what would happen in order happens there.

    Args:
        setting: The workflow with all that is given for it.
        failing: The schedule.
    """
    best = failing
    wanted = [one.key for one in failing.done]
    tries = 0

    def fails(keys: list[Key]) -> bool:
        nonlocal best, tries
        tries += 1
        tried = play(setting, _following(keys))
        if not _same(tried, failing) or len(tried.done) > len(best.done):
            return False
        best = tried
        return True

    calm = [key for key in wanted if key[0] is not Do.CRASH]
    if len(calm) < len(wanted) and fails(calm):
        wanted = calm
    size = max(1, len(wanted) // 2)
    while wanted and tries < MOST_TRIES:
        before = len(wanted)
        place = 0
        while place < len(wanted) and tries < MOST_TRIES:
            fewer = wanted[:place] + wanted[place + size :]
            if fails(fewer):
                wanted = fewer
            else:
                place += size
        if size == 1 and len(wanted) == before:
            break
        size = max(1, size // 2)
    return best


def _same(tried: Schedule, failing: Schedule) -> bool:
    """Return True if the same kind of thing goes wrong, at an ending or before it."""
    return type(tried.error) is type(failing.error) and (tried.ending is None) == (failing.ending is None)


def _following(keys: list[Key]) -> Choose:
    """Chooses what is wanted as soon as it can happen, one after the other, and what is in order meanwhile."""
    ahead = keys[::-1]

    def choose(options: list[Option], place: int) -> int | None:
        if not ahead:
            return 0
        if ahead[-1] == CRASH.key:
            ahead.pop()
            return None
        for number, option in enumerate(options):
            if option.key == ahead[-1]:
                ahead.pop()
                return number
        return 0

    return choose
