"""The promises that the simulation holds the engine to."""

from __future__ import annotations

from enum import StrEnum


class Promise(StrEnum):
    """A promise, by name."""

    # Acknowledged calls
    SUBMISSIONS = "an acknowledged submission is never lost"
    SIGNALS = "an acknowledged signal is never lost, and kept once"
    RECEIVED = "signals are received once and in the order sent"
    BROUGHT = "a workflow is given what the signals carry that it receives, and all that are there"
    REQUESTS = "what a client asked is carried out once"
    ANSWERS = "every call is answered, and every end is told once"
    # Workflows
    ORDER = "a checkpoint goes on where the one before it ended"
    ONCE = "an applied outcome never changes and is never applied twice"
    REPLAY = "a history leads to the same steps and the same end again"
    CANCELS = "what is asked to end is told so, or ends, and nothing is that had no cause"
    DEADLINES = "a workflow's time runs out when it does"
    CLEANUP = "the cleanup of a cancelled workflow runs"
    PAUSED = "what is suspended or stalled goes on only when it is resumed or is to end"
    CHILDREN = "a parent is given the ends of its children as they were"
    SEEN = "code sees the time of what led to it, and what it says of its progress is kept"
    CONTEXTS = "code finds in its context variables what it has set itself, and nothing else"
    BACK = "a retry and a fork leave what was before their place, and nothing that came since"
    GONE = "what is deleted has ended, nobody waits for it, and nothing else goes"
    TWIN = "what goes wrong changes no outcome"
    IDS = "a fork draws what is its own, and so does whoever has an id again"
    STALLED = "a workflow stalls only for a reason that the world gave"
    RECOVERIES = "a recovery that got nowhere is counted once, and a workflow parked after as many as are allowed"
    PHASES = "a workflow is in one phase, and its generator in memory in the right one only"
    WAKES = "the row of a workflow is due by the moment at which it must be loaded"
    CACHE = "a generator in memory was given what the disk says was applied, and nothing else"
    FORGOTTEN = "nothing is kept in memory of workflows that have ended"
    ENDS = "every workflow comes to its end once nothing goes wrong any more"
    # Activities
    EFFECTS = "an activity's effect happens at least once, and never again after its checkpoint"
    ATTEMPTS = "attempts are counted on disk, and none but the last one is heard"
    REASONS = "an attempt that failed did so, or its time was over; one follows where, and when, the options say so"
    WAITED_FOR = "an activity under way is not dropped that is to be waited for"
    DETAILS = "an attempt is given what the heartbeat before it said last"
    LANES = "of an activity no more attempts run at once than its max_concurrent"
    IN_TIME = "nothing comes before its time"
    OVERTAKEN = "no time limit and no sleep ends before what came first"
    PUNCTUAL = "where nothing goes wrong, nothing comes after its time"
    # The disk
    COMMITTED_FIRST = "nothing leaves before its commit"
    SAME = "the disk holds what was committed, and nothing else"
    POWER = "what was acknowledged is there after a loss of power, and of what was under way all or nothing"
    ROWS = "the rows fit together"
    INTEGRITY = "the file is whole"
    DEFECT = "the scheduler survives whatever happens"


class Violation(AssertionError):
    """A promise that was broken.

    Args:
        promise: The broken promise.
        what: The observation.
    """

    def __init__(self, promise: Promise, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise
