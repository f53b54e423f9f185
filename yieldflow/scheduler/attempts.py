"""Attempts at activities: they begin when they are due, and are followed by others where they fail."""

from __future__ import annotations

from hashlib import blake2b

from .._core.definitions import ActivityInvocation
from .._core.history import Failure, Micros, WorkflowStatus, in_micros, seed_at
from .._core.nodes import Leaf
from .._core.retry import next_delay
from .._core.steps import unbegun_outcome
from ..store import OpenAttempt, Retried
from ..workers import Attempt, Completed, Key
from .limits import watch
from .live import LiveWorkflow
from .state import State
from .timers import Timer
from .turn import Change, Turn, extended

# ---------------------------------------------------------------------- they begin


def begin(
    state: State, resident: LiveWorkflow, leaf: Leaf, command: ActivityInvocation[object], key: Key, turn: Turn
) -> None:
    """Have the attempt that an activity is at begin; or, where it is not due yet, wait until it is."""
    step, now = leaf.step, turn.now
    attempt = Attempt(key, 1, command.definition, step.input, command.options, resident.seed, step.turn)
    there = resident.attempts.get(step.number) if resident.attempts else None
    # That its workflow goes on is on disk with the next turn.
    resumes = turn.resumes(key[0])
    if there is None and resumes:
        there = resident.attempts[step.number] = OpenAttempt(1)
    if there is not None:
        waits = resumes or (there.due_at is not None and there.due_at > now)
        if waits and not leaf.cancelled:
            state.timers.set(Timer(there.due_at or now, *key))
            return
        attempt.number, attempt.details = there.number, there.details
    state.under_way[key] = attempt
    if leaf.cancelled:
        state.timers.forget(*key)
        end_cancelled(state, attempt)
        return
    state.queued[key] = attempt
    options = attempt.options
    if options.timed:
        attempt.dispatched_at = now
        if options.schedule_to_close_timeout is not None:
            attempt.deadline_at = _counted_from(there, now) + in_micros(options.schedule_to_close_timeout)
        watch(state, attempt, now)
    if options.max_concurrent is None or state.lanes.enter(attempt, options.max_concurrent):
        turn.attempts.append(attempt)


def abandon(state: State, attempt: Attempt, turn: Turn, *, timed_out: bool) -> None:
    """Nobody waits for an attempt any more: one that has not begun never will, and the others are told."""
    attempt.cancelled = True
    state.under_way.pop(attempt.key, None)
    release_slot(state, attempt, turn, timed_out=timed_out)


def release_slot(state: State, attempt: Attempt, turn: Turn, *, timed_out: bool) -> None:
    """Have others do without what an attempt takes up: a worker, and a place under max_concurrent."""
    begun = state.queued.pop(attempt.key, None) is None
    if begun:
        turn.abandoned.append((attempt, timed_out))
    # One that was cancelled while it ran keeps its place until it has ended.
    if timed_out or not begun:
        turn.attempts += state.lanes.leave(attempt)


def end_cancelled(state: State, attempt: Attempt) -> None:
    """An activity that never began ends as cancelled."""
    attempt.cancelled = True
    state.again.append(Completed(attempt, unbegun_outcome(state.codec), retryable=False))


def _counted_from(there: OpenAttempt | None, now: Micros) -> Micros:
    """From when on the time of all attempts is counted, of which one begins now.

    Nobody knows how long no orchestrator was started, or the workflow suspended, since it was due. So that does not
    count. That an hour without a process makes no retry fail is worth more than the time for which an attempt was under
    way that was lost with the process.
    """
    if there is None or there.counted_from is None:
        return now
    return there.counted_from + max(0, now - there.known_until)


# ---------------------------------------------------------------------- they are followed by others


def retry(state: State, resident: LiveWorkflow | None, completed: Completed, turn: Turn, change: Change) -> bool:
    """Have an attempt that failed be followed by another; False where its failure is the activity's."""
    attempt, failure = completed.attempt, completed.outcome
    step, options = attempt.step, attempt.options
    leaf = resident.execution.open.get(step) if resident is not None else None
    is_final = not completed.retryable or attempt.cancelled or (leaf is not None and leaf.cancelled)
    if is_final or not isinstance(failure, Failure):
        return False
    delay = next_delay(options.retry, attempt.number, completed.retry_after, chance(attempt))
    if delay is None:
        return False
    due_at = turn.now + in_micros(delay)
    if attempt.deadline_at is not None and due_at >= attempt.deadline_at:
        return False
    details = attempt.details if attempt.beat is None else attempt.beat[0]
    counted_from = attempt.deadline_at and attempt.deadline_at - in_micros(options.schedule_to_close_timeout or 0)
    following = OpenAttempt(attempt.number + 1, due_at, details, due_at, counted_from)
    change.retried = extended(change.retried, [Retried(step, failure, turn.now, following)])
    if state.probation.on_trial(attempt.workflow_id):
        # The process outlived the attempt.
        change.recovery_attempts = 0
    return True


def follow(state: State, resident: LiveWorkflow, step: int, following: OpenAttempt) -> None:
    """Wait for the attempt that follows one whose failure is on disk."""
    resident.attempts[step] = following
    if resident.status is WorkflowStatus.PROCESSING and following.due_at is not None:
        state.timers.set(Timer(following.due_at, resident.info.workflow_id, resident.info.run, step))


def chance(attempt: Attempt) -> float:
    """What the jitter of the next wait goes by: the same however often it is asked."""
    _, run, step = attempt.key
    what = f"retry {run} {step} {attempt.number}"
    digest = blake2b(what.encode(), key=seed_at(attempt.seed, attempt.turn), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
