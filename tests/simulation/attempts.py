"""Checks of repetition: the attempts at activities, and how often a workflow was recovered without getting anywhere.

How long an attempt took is measured by a clock that nobody sets, and that stands still while the machine sleeps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from typing import NamedTuple, Protocol

from tests.support.engine import SECOND
from yieldflow._core.history import Failure, Micros, Outcome, WorkflowStatus
from yieldflow._core.retry import RetryPolicy
from yieldflow.clock import Clock
from yieldflow.store import Checkpoint, Retried
from yieldflow.workers import Attempt, Key

#: The limit that was reached, in the message of a failure.
LIMIT = re.compile(r"(\w*timeout) of ([\d.]+) s")
#: The limits after which no attempt follows.
FINAL = ("schedule_to_start_timeout", "schedule_to_close_timeout")
#: The microseconds lost by rounding.
ROUNDED: Micros = 2


class Raised(NamedTuple):
    """An attempt that failed by itself."""

    failure: Outcome
    #: No attempt may follow.
    final: bool
    #: Otherwise, the seconds after which it asks for the next.
    asked: float | None


class Begun:
    """An attempt that a worker has begun in this session."""

    __slots__ = ("attempt", "begun_at", "delivered_at", "ended_at", "heard_at", "silence")

    def __init__(self, attempt: Attempt, at: Micros) -> None:
        self.attempt = attempt
        self.begun_at = self.heard_at = at
        #: When it ended by itself, and when that was by the clock that does not stand still.
        self.ended_at: Micros | None = None
        self.delivered_at: Micros = 0
        #: The longest pause between two heartbeats.
        self.silence: Micros = 0


class Open(Protocol):
    """The part of a step's note that attempts are checked against."""

    attempt: int
    due_at: Micros
    scheduled_at: Micros
    failed_at: Micros | None
    counted_from: Micros | None
    ready_at: Micros
    cancelling: int | None


class Attempts:
    """Notes the attempts of all sessions, and checks what the engine says of them.

    Args:
        check: Raises unless something holds.
    """

    def __init__(self, check: Callable[..., None]) -> None:
        self._check = check
        self.clock = Clock()
        #: The failures raised, by step and attempt.
        self._raised: dict[Key, dict[int, list[Raised]]] = {}
        # In this session:
        self._began_at: Micros = 0
        #: The workflows that went back while the engine had attempts of them in memory.
        self.went_back: set[str] = set()
        self._begun: dict[Key, Begun] = {}
        self._running: dict[Key, Attempt] = {}
        #: The earliest and the latest moment from which the time of all attempts may count.
        self._counted: dict[Key, tuple[Attempt, Micros, Micros]] = {}

    def elapsed(self) -> Micros:
        """Return the time that has passed while the machine was awake."""
        return self.clock.monotonic()

    def begin_session(self) -> None:
        """Enter the start of another process, which knows of no running attempt."""
        self._began_at = self.elapsed()
        self._begun.clear()
        self._running.clear()
        self._counted.clear()
        self.went_back.clear()

    # ------------------------------------------------------------------ entered by the workers

    def dispatched(self, attempt: Attempt, note: Open) -> None:
        """Enter a dispatch. The time before it in which no process may have lived does not count."""
        if attempt.options.schedule_to_close_timeout is None:
            return
        latest = earliest = self.elapsed() - used_up(note)
        # It may have waited in the queue while its time went by.
        if attempt.options.max_concurrent is not None:
            earliest = min(latest, self._began_at - used_up(note))
        self._counted[attempt.key] = attempt, earliest, latest

    def begun(self, attempt: Attempt) -> None:
        """Enter that a worker begins an attempt."""
        self._begun[attempt.key] = Begun(attempt, self.elapsed())
        self._running[attempt.key] = attempt

    def beats(self, attempt: Attempt) -> None:
        """Enter a heartbeat."""
        begun = self._begun.get(attempt.key)
        if begun is not None and begun.attempt is attempt:
            now = self.elapsed()
            begun.silence, begun.heard_at = max(begun.silence, now - begun.heard_at), now

    def raised(self, attempt: Attempt, failure: Outcome, final: bool, asked: float | None) -> None:
        """Enter that an attempt failed by itself."""
        made = self._raised.setdefault(attempt.key, {}).setdefault(attempt.number, [])
        made.append(Raised(failure, final, asked))

    def returns(self, attempt: Attempt) -> None:
        """Enter that an attempt ended by itself."""
        begun = self._begun.get(attempt.key)
        if begun is not None and begun.attempt is attempt:
            begun.ended_at, begun.delivered_at = self.elapsed(), self.clock.boottime()
        self.ended(attempt)

    def ended(self, attempt: Attempt) -> None:
        """Enter that an attempt ended, or that its worker was replaced."""
        if self._running.get(attempt.key) is attempt:
            del self._running[attempt.key]

    # ------------------------------------------------------------------ entered by the ledger

    def forget(self, workflow_ids: Set[str]) -> None:
        """Enter that workflows were deleted."""
        known = {*self._raised, *self._begun, *self._running, *self._counted}
        for key in known:
            if key[0] in workflow_ids:
                self.forget_step(key)

    def forget_step(self, key: Key) -> None:
        """Enter that a step is done anew; the outcomes of its earlier attempts are dropped."""
        self._raised.pop(key, None)
        self._begun.pop(key, None)
        self._running.pop(key, None)
        self._counted.pop(key, None)

    def goes_back(self, workflow_id: str) -> None:
        """Enter that a stalled workflow goes back; its running attempts may be abandoned or still be waited for."""
        self.went_back.add(workflow_id)
        for key in [key for key in self._running if key[0] == workflow_id]:
            del self._running[key]

    def is_waited_for(self, key: Key) -> bool:
        """Return whether an attempt is running that must be waited for if it is cancelled."""
        attempt = self._running.get(key)
        return attempt is not None and attempt.options.on_cancel == "wait"

    # ------------------------------------------------------------------ checks of what the engine says

    def on_their_way(self, workflow_id: str, run: int, before: Micros) -> dict[int, Attempt]:
        """Return the attempts of a run that ended by themselves before a moment, by step."""
        return {
            key[2]: begun.attempt
            for key, begun in self._begun.items()
            if key[:2] == (workflow_id, run) and begun.ended_at is not None and begun.delivered_at < before
        }

    def check_retried(self, key: Key, note: Open, retried: Retried) -> None:
        """Check that a failed attempt may be retried, and that the retry is due when it should be."""
        _, failure, at, (_, due_at, _, _, said) = retried
        assert due_at is not None
        raised = self._reason(key, note, failure)
        self._check(not raised.final, key, "is tried again after", failure.summary)
        begun = self._begun[key].attempt
        policy, limit = begun.options.retry, begun.options.schedule_to_close_timeout
        assert policy is not None
        most = policy.maximum_attempts
        self._check(most is None or note.attempt < most, key, "is tried again after attempt", note.attempt, "of", most)
        shortest, longest = waits(policy, note.attempt, raised.asked)
        self._check(shortest <= due_at - at <= longest, key, "waits", due_at - at, "of", shortest, longest)
        if limit is not None:
            _, earliest, latest = self._counted[key]
            ahead = self.clock.now() - self.elapsed()
            right = said is not None and earliest - ROUNDED <= said - ahead <= latest + ROUNDED
            self._check(right, key, "is counted from", said, "and not", earliest + ahead, latest + ahead)
            in_time = due_at - ahead < latest + limit * SECOND + ROUNDED
            self._check(in_time, key, "is tried again after all its time")

    def check_given_up(self, key: Key, note: Open, failure: Failure) -> None:
        """Check that no attempt may follow the failed one."""
        raised = self._reason(key, note, failure)
        begun = self._begun.get(key)
        if raised.final or begun is None or begun.attempt.options.retry is None or note.cancelling is not None:
            return
        policy, limit = begun.attempt.options.retry, begun.attempt.options.schedule_to_close_timeout
        if policy.maximum_attempts is not None and note.attempt >= policy.maximum_attempts:
            return
        _, longest = waits(policy, note.attempt, raised.asked)
        late = limit is not None and self.elapsed() + longest >= self._counted[key][1] + limit * SECOND - ROUNDED
        self._check(late, key, "is given up at attempt", note.attempt, "after", failure.summary)

    def _reason(self, key: Key, note: Open, failure: Failure) -> Raised:
        """Check the reason for which an attempt failed; return it, with what may follow."""
        number = note.attempt
        if failure.type_name.endswith(".Cancelled"):
            running = self._running.get(key)
            self._check(running is None or running.number != number, key, "is cancelled while it runs")
            return Raised(failure, True, None)
        if failure.type_name.endswith(".ActivityTimeoutError"):
            return Raised(failure, self._check_time(key, note, failure), None)
        made = self._raised.get(key, {}).get(number, ())
        found = next((one for one in made if one.failure == failure), None)
        self._check(found is not None, key, "attempt", number, "never raised", failure.summary)
        assert found is not None
        return found

    def _check_time(self, key: Key, note: Open, failure: Failure) -> bool:
        """Check that the time limit named by a failure has passed; return whether no attempt may follow."""
        said = LIMIT.search(failure.message)
        assert said is not None
        limit, seconds = said.group(1), float(said.group(2))
        begun, now = self._begun.get(key), self.elapsed()
        if begun is not None and begun.attempt.number != note.attempt:
            begun = None
        if begun is not None and begun.ended_at is not None:
            # What came of it was on its way from then on.
            now = begun.ended_at
        given = None if begun is None else getattr(begun.attempt.options, limit)
        self._check(given is None or given == seconds, key, failure.message, "and not", given)
        if limit == "schedule_to_close_timeout":
            self._check_total(key, note, now, int(seconds * SECOND))
        elif limit == "schedule_to_start_timeout":
            passed = now - max(note.ready_at, self._began_at)
            self._check(begun is None and passed >= seconds * SECOND, key, passed, failure.message)
        else:
            self._check(begun is not None, key, "was never begun:", failure.message)
            assert begun is not None
            passed = now - begun.begun_at if limit == "timeout" else max(begun.silence, now - begun.heard_at)
            self._check(passed >= seconds * SECOND, key, passed, failure.message)
        return limit in FINAL

    def _check_total(self, key: Key, note: Open, now: Micros, limit: Micros) -> None:
        """Check that the time of all attempts has passed."""
        attempt, earliest, _ = self._counted.get(key, (None, 0, 0))
        if attempt is None or attempt.number != note.attempt:
            earliest = self._began_at - used_up(note)
        self._check(now >= earliest + limit - ROUNDED, key, "is out of time, counted from", earliest)


def used_up(note: Open) -> Micros:
    """Return how much of the time of all attempts the earlier ones have used up."""
    return 0 if note.counted_from is None else note.due_at - note.counted_from


def waits(policy: RetryPolicy, attempt: int, asked: float | None) -> tuple[Micros, Micros]:
    """Return the shortest and longest pause after an attempt; a microsecond is lost by rounding."""
    if asked is not None:
        return int(asked * SECOND), int(asked * SECOND)
    least, most = (policy.interval(attempt, chance) * SECOND for chance in (1, 0))
    return int(least) - 1, int(most) + 1


#: Part of the reason of a workflow that was recovered too often.
PARKED = "times in a row the process died"


class Recoveries:
    """Checks how often each workflow was recovered without getting anywhere.

    Args:
        check: Raises unless something holds.
    """

    def __init__(self, check: Callable[..., None]) -> None:
        self._check = check
        #: The count at which a workflow stalls.
        self._most = 0
        self._sessions = 0
        #: The workflows of which something was committed in this session, and those of them that were counted.
        self._touched: set[str] = set()
        self._counted: set[str] = set()

    def begin_session(self, most: int) -> None:
        """Enter the start of another process, which recovers what it finds."""
        self._most = most
        self._sessions += 1
        self._touched.clear()
        self._counted.clear()

    def touch(self, workflow_id: str) -> None:
        """Enter that a client had a workflow go back, which resets its count."""
        self._touched.add(workflow_id)

    def enter(self, checkpoint: Checkpoint, before: int) -> None:
        """Check a checkpoint of a workflow whose count was `before`."""
        id, count = checkpoint.workflow_id, checkpoint.recovery_attempts
        # A workflow that was resumed while it waited to be loaded is counted from what it had at the start.
        if count and id not in self._touched:
            self._check(self._sessions > 1 and count == before + 1, id, "is counted", count, "after", before)
            self._check(before < self._most, id, "is taken up again after", before, "of", self._most)
        self._touched.add(id)
        if count:
            self._counted.add(id)
        if checkpoint.events and id in self._counted:
            self._check(count == 0 or (count is None and before == 0), id, "got somewhere, and keeps", before)
        if checkpoint.status is WorkflowStatus.STALLED and PARKED in (checkpoint.reason or ""):
            self._check(before == self._most, id, "is parked after", before, "of", self._most)
