"""Takes in, for a turn, the messages that came, and says up to when its timers may go off.

No timer overtakes what came before it was due. A turn takes in so many messages at most, and many may have come while
it was held up: by a workflow that blocks, or by another program's lock on the file. So a timer goes off only once all
is taken in that was there when it was found to be due. A worker sends an outcome at the end of the attempt, so that the
outcome's place among the messages says as much as its time would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..clock import Clock, Reading
from ..inbox import Inbox
from .messages import Message
from .timers import NO_TIMERS

#: At most so many messages are taken into one turn, so that workers get new tasks while others are committed.
BATCH = 512


class Batch(NamedTuple):
    """The messages of a turn."""

    #: In the order in which they came.
    messages: Sequence[Message]
    #: The time.
    now: Reading
    #: Timers that were due by then may go off.
    until: Reading
    #: True where the scheduler is to stop after these.
    is_last: bool


class Intake:
    """Takes messages out of the inbox, turn by turn.

    Args:
        inbox: What others put in. A None means: stop after what stands before it.
        clock: What tells the time.
        most: So many messages are taken at once, at most.
    """

    def __init__(self, inbox: Inbox[Message | None], clock: Clock, most: int = BATCH) -> None:
        self._inbox = inbox
        self._clock = clock
        self._most = most
        #: So many messages are to be taken in before the timers go off that were due by this moment.
        self._ahead = 0
        self._moment = NO_TIMERS

    def take(self, timeout: float) -> Batch:
        """Take what is there; if there is nothing, wait for something, for ``timeout`` seconds at most."""
        taken = self._inbox.take(timeout, self._most)
        now = self._clock.read()
        if self._ahead:
            self._ahead = max(self._ahead - len(taken), 0)
        else:
            # Counted after the clock was read, so that nothing is missing that came before.
            self._moment, self._ahead = now, len(self._inbox)
        end = taken.index(None) if None in taken else len(taken)
        messages: list[Any] = taken[:end]
        return Batch(messages, now, NO_TIMERS if self._ahead else self._moment, end < len(taken))
