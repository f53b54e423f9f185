"""Warns of signals that nobody has taken for long: their name may be a slip, and no code of the workflow wait for it.

The signals that wait in the store are looked through in small pages, one after the other and then from the beginning:
no look costs more where there are many, and to send or to take one costs nothing.
"""

from __future__ import annotations

from .._core.errors import DatabaseLostError, StorageError
from .._core.history import Micros, to_datetime
from ..log import logger
from ..store import Store, UntakenSignal

#: After so long a signal is told of.
LONG: Micros = 3_600_000_000
#: A page is read at every so many-th look; looks are about a second apart.
EVERY = 10
#: So many signals are a page.
PAGE = 1_000
#: So many are listed in one warning, and the others are counted.
LISTED = 20
#: So many are remembered as told of. Those beyond are not told of.
REMEMBERED = 10_000


class UntakenSignalsWatch:
    """Looks through the signals that wait, page by page."""

    def __init__(self) -> None:
        self._looks = 0
        #: Where the next page begins.
        self._after = ("", 0)
        #: Workflows and names of what was told of.
        self._told: set[tuple[str, str]] = set()

    def look(self, store: Store, now: Micros) -> None:
        """Look at the next page if it is time for that, and warn of what is found.

        Raises:
            DatabaseLostError: The file is no longer there.
        """
        self._looks = (self._looks + 1) % EVERY
        if self._looks:
            return
        try:
            page = store.untaken_signals(self._after, PAGE)
        except DatabaseLostError:
            raise
        except StorageError:
            # Whoever needs the disk tells of that.
            return
        self._after = page[-1][:2] if len(page) == PAGE else ("", 0)
        self._warn([signal for signal in page if signal.is_live and signal.sent_at + LONG <= now])

    def _warn(self, signals: list[UntakenSignal]) -> None:
        new = {(signal.workflow_id, signal.name): signal for signal in reversed(signals)}
        found = [signal for key, signal in reversed(new.items()) if key not in self._told]
        if not found or len(self._told) + len(found) > REMEMBERED:
            return
        self._told.update((signal.workflow_id, signal.name) for signal in found)
        lines = [
            f"  {name!r} for workflow {workflow_id}, since {to_datetime(sent_at):%Y-%m-%d %H:%M:%S} UTC"
            for workflow_id, _, name, sent_at, _ in found[:LISTED]
        ]
        if len(found) > LISTED:
            lines.append(f"  and {len(found) - LISTED} others")
        logger.warning(
            "signals that nobody has taken for over an hour. Does the workflow wait for that name? "
            "describe().buffered_signals lists what a workflow has not taken:\n%s",
            "\n".join(lines),
        )
