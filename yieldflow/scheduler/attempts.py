"""The whole life of an attempt at an activity: it begins, is watched, is given up, and is followed by another.

One timer stands for the first of its limits. A worker sets the time at which it begins an attempt, and that of each
heartbeat, and tells nobody: a timer that finds them later than it thought is set anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from .._core.commands import SleepUntil, show_seconds
from .._core.definitions import ActivityInvocation
from .._core.errors import ActivityTimeoutError
from .._core.history import Failure, Micros, Step, StepKind, WorkflowStatus, in_micros, seed_at
from .._core.nodes import Leaf
from .._core.retry import next_delay
from .._core.steps import unbegun_outcome
from ..store import OpenAttempt, Retried
from ..workers import Attempt, Completed, failed
from .children import cancel_by_parent
from .lifecycle import Phase, TrackedWorkflow
from .live import LiveWorkflow
from .state import SchedulerState
from .timers import Timer
from .turn import Change, Turn, extended

#: How often the heartbeats of an attempt are written.
HEARTBEAT_INTERVAL: Micros = 1_000_000
#: When an attempt began is written by itself once it has run for so long, and else with its end.
LONG: Micros = 1_000_000
# Kept here, since to ask an enum for a member takes ten times as long as a name.
_DRAINING = Phase.DRAINING

# ---------------------------------------------------------------------- it begins


def dispatch(
    state: SchedulerState,
    workflow: TrackedWorkflow,
    live: LiveWorkflow,
    steps: Iterable[Step],
    turn: Turn,
    *,
    resumes: bool,
) -> None:
    """Have steps that are on disk begin, where they are still waited for; ``resumes``: that it goes on is no sooner."""
    waiting = live.execution.open
    for step in steps:
        leaf = waiting.get(step.number)
        if leaf is None or (workflow.in_flight and _is_in_flight(state, workflow, live, leaf, turn)):
            continue
        command = leaf.command
        if isinstance(command, ActivityInvocation):
            if not state.dispatching:
                continue
            # That a workflow goes on is on disk with the next turn; and those that came due while nothing ran are begun
            # in the order in which they did.
            due_at = turn.now if resumes else None
            if live.open_attempts:
                there = live.open_attempts.get(step.number)
                due_at = there.due_at if there is not None and there.due_at is not None else due_at
            if due_at is None or leaf.cancelled:
                begin_attempt(state, workflow, live, leaf, turn)
            else:
                state.timers.set(Timer(due_at, workflow.id, live.info.run, step.number))
        elif step.kind is StepKind.SLEEP:
            is_point = isinstance(command, SleepUntil)
            state.timers.set(Timer(step.due_at or 0, workflow.id, live.info.run, step.number, is_point))


def _is_in_flight(state: SchedulerState, workflow: TrackedWorkflow, live: LiveWorkflow, leaf: Leaf, turn: Turn) -> bool:
    """Tell whether an attempt at a step is still under way; its timeout was not watched while the workflow was away."""
    attempt = workflow.in_flight.get((workflow.id, live.info.run, leaf.step.number))
    if attempt is None:
        return False
    if is_stale(attempt, live, leaf):
        abandon(state, workflow, attempt, turn, timed_out=False)
        return False
    arm_timeout(state, attempt, turn.monotonic)
    return True


def begin_attempt(state: SchedulerState, workflow: TrackedWorkflow, live: LiveWorkflow, leaf: Leaf, turn: Turn) -> None:
    """Begin the attempt that an activity is at."""
    step, command = leaf.step, leaf.command
    assert isinstance(command, ActivityInvocation)
    key, options = (workflow.id, live.info.run, step.number), command.options
    attempt = Attempt(key, 1, command.definition, step.input, options, live.seed, step.turn, step)
    there = live.open_attempts.get(step.number) if live.open_attempts else None
    if there is not None:
        attempt.number, attempt.details = there.number, there.details
    workflow.in_flight[key] = attempt
    state.in_flight += 1
    if leaf.cancelled:
        state.timers.forget(*key)
        _end_cancelled(state, attempt)
        return
    state.unclaimed[attempt] = True
    if options.timed:
        _limit(state, attempt, there, turn.monotonic)
    limit = options.max_concurrent
    if limit is None or not state.hooks.limits_concurrency or state.limiter.enter(attempt, limit):
        turn.attempts.append(attempt)


def _limit(state: SchedulerState, attempt: Attempt, there: OpenAttempt | None, now: Micros) -> None:
    """Have the time of an attempt run from now on."""
    total = attempt.options.schedule_to_close_timeout
    attempt.dispatched_at = now
    if total is not None:
        attempt.deadline_at = now - _used_up(there) + in_micros(total)
    arm_timeout(state, attempt, now)


def _used_up(there: OpenAttempt | None) -> Micros:
    """Return how much of the time of all attempts is used up, for an attempt that begins now.

    Nobody knows how long no orchestrator was started, or the workflow suspended, since it was due. So that does not
    count. That an hour without a process makes no retry fail is worth more than the time for which an attempt was under
    way that was lost with the process.
    """
    if there is None or there.counted_from is None:
        return 0
    known_until = there.known_until if there.due_at is None else there.due_at
    return max(0, known_until - there.counted_from)


# ---------------------------------------------------------------------- it is watched


def arm_timeout(state: SchedulerState, attempt: Attempt, now: Micros) -> None:
    """Set the timer of an attempt to when its first limit may be reached, or its heartbeats are to be written."""
    moments = [moment for moment, _, _ in limits_of(attempt, now)]
    if attempt.watched:
        moments.append(attempt.written_at + HEARTBEAT_INTERVAL)
    if moments:
        state.limits.set(Timer(min(moments), *attempt.key))


def check_timeouts(state: SchedulerState, attempt: Attempt, turn: Turn) -> Completed | None:
    """Return the end of an attempt that is out of time; else set its timer anew, unless it has ended."""
    if attempt.ended:
        return None
    now, waits = turn.monotonic, attempt.begun_at is None
    for moment, message, is_final in limits_of(attempt, now):
        if moment <= now and not (waits and _was_begun(state, attempt)):
            name, options = attempt.definition.name, attempt.options
            error = ActivityTimeoutError(f"attempt {attempt.number} at activity {name!r} {message}")
            ending = failed(error, attempt.definition, options.retry, state.codec)
            return Completed(attempt, ending.outcome, ending.retryable and not is_final, timed_out=True)
    if attempt.watched:
        record_heartbeat(attempt, turn)
    arm_timeout(state, attempt, now)
    return None


def _was_begun(state: SchedulerState, attempt: Attempt) -> bool:
    """Tell whether a worker has begun the attempt after all. If not, none will any more."""
    return not state.unclaimed.pop(attempt, False) and attempt.begun_at is not None


def record_heartbeat(attempt: Attempt, turn: Turn) -> None:
    """Have the latest details of an attempt be written; where there are none, it says itself when there are."""
    if turn.monotonic < attempt.written_at + HEARTBEAT_INTERVAL:
        return
    if attempt.beat is attempt.written:
        attempt.watched = False
        # A heartbeat that came just before was silent, since it was looked for.
        if attempt.beat is attempt.written:
            return
        attempt.watched = True
    workflow_id, run, step = attempt.key
    attempt.written, attempt.written_at = attempt.beat, turn.monotonic
    if attempt.written is not None:
        change = turn.change(workflow_id, run)
        change.heartbeats = extended(change.heartbeats, [(step, attempt.written[0])])


def record_long_running(state: SchedulerState, turn: Turn) -> None:
    """Have it be written when the attempts began that run for long."""
    for phase in (Phase.LIVE, Phase.DRAINING):
        for workflow in state.workflows.by_phase[phase].values():
            for attempt in workflow.in_flight.values():
                begun_at = attempt.begun_at
                if begun_at is not None and not attempt.begin_recorded and begun_at + LONG <= turn.monotonic:
                    attempt.begin_recorded = True
                    workflow_id, run, step = attempt.key
                    change = turn.change(workflow_id, run)
                    change.begun = extended(change.begun, [(step, turn.time_of(begun_at), attempt.worker or "")])


def limits_of(attempt: Attempt, now: Micros) -> Iterator[tuple[Micros, str, bool]]:
    """Yield the moments at which an attempt is out of time, or may be: what is said then, and whether that is final."""
    options, begun_at = attempt.options, attempt.begun_at
    if attempt.deadline_at is not None:
        total = _shown(options.schedule_to_close_timeout)
        yield attempt.deadline_at, f"was under way when the schedule_to_close_timeout of {total} was over", True
    if options.schedule_to_start_timeout is not None and begun_at is None:
        limit = options.schedule_to_start_timeout
        moment = attempt.dispatched_at + in_micros(limit)
        yield moment, f"was begun by no worker within its schedule_to_start_timeout of {_shown(limit)}", True
    if options.timeout is not None:
        # While it has not begun nothing is over, but it may begin right now.
        moment = (now + 1 if begun_at is None else begun_at) + in_micros(options.timeout)
        yield moment, f"took longer than its timeout of {_shown(options.timeout)}", False
    if options.heartbeat_timeout is not None:
        last = attempt.beat[1] if attempt.beat is not None else begun_at
        limit = options.heartbeat_timeout
        moment = (now + 1 if last is None else last) + in_micros(limit)
        yield moment, f"sent no heartbeat for longer than its heartbeat_timeout of {_shown(limit)}", False


def _shown(seconds: float | None) -> str:
    return f"{show_seconds(seconds or 0.0)} s"


# ---------------------------------------------------------------------- it is over, or given up


def forget(state: SchedulerState, workflow: TrackedWorkflow, attempt: Attempt) -> None:
    """Expect nothing more of an attempt, whose outcome is on disk, or for which nobody waits."""
    in_flight, key = workflow.in_flight, attempt.key
    if attempt.begun_at is None:
        # No worker has taken it out.
        state.unclaimed.pop(attempt, None)
    if in_flight.get(key) is attempt:
        del in_flight[key]
        if attempt.options.timed or attempt.watched:
            state.limits.forget(*key)
        state.in_flight -= 1
        if not in_flight and workflow.phase is _DRAINING:
            state.release(workflow)


def abandon(state: SchedulerState, workflow: TrackedWorkflow, attempt: Attempt, turn: Turn, *, timed_out: bool) -> None:
    """Give up an attempt: it never begins if it has not, and else is told."""
    attempt.cancelled = True
    release_slot(state, attempt, turn, timed_out=timed_out)
    forget(state, workflow, attempt)


def release_slot(state: SchedulerState, attempt: Attempt, turn: Turn, *, timed_out: bool) -> None:
    """Free the worker and the concurrency slot that an attempt holds."""
    begun = not state.unclaimed.pop(attempt, False)
    if begun:
        turn.abandoned.append((attempt, timed_out))
    # One that was cancelled while it ran keeps its place until it has ended.
    if timed_out or not begun:
        turn.attempts += state.limiter.leave(attempt)


def _end_cancelled(state: SchedulerState, attempt: Attempt) -> None:
    """End an activity as cancelled that never began."""
    attempt.cancelled = True
    state.follow_ups.append(Completed(attempt, unbegun_outcome(state.codec), retryable=False))


def cancel_step(state: SchedulerState, workflow: TrackedWorkflow, run: int, number: int, turn: Turn) -> None:
    """End a step that its workflow still waits for: a child is asked to, an activity that has not begun never will."""
    live = workflow.live
    leaf = live.execution.open.get(number) if live is not None else None
    if live is None or leaf is None:
        return
    key = (workflow.id, run, number)
    if leaf.step.kind is StepKind.CHILD:
        state.follow_ups.append(cancel_by_parent(state.codec, live.info, leaf, turn.now))
    elif (attempt := workflow.in_flight.get(key)) is not None:
        attempt.cancelled = True
        if state.unclaimed.pop(attempt, False):
            turn.attempts += state.limiter.leave(attempt)
            _end_cancelled(state, attempt)
        else:
            # Its end is waited for, and whoever runs it elsewhere is to let it know.
            turn.abandoned.append((attempt, False))
    elif isinstance(leaf.command, ActivityInvocation):
        # It waits for its next attempt, which there will not be, or went on in this very turn and has not begun.
        begin_attempt(state, workflow, live, leaf, turn)


def is_stale(attempt: Attempt, live: LiveWorkflow, leaf: Leaf) -> bool:
    """Tell whether an attempt in flight belongs to another step, which had the number of this one before a rewind."""
    step = leaf.step
    if attempt.input is step.input and attempt.definition is leaf.definition and attempt.number == 1:
        # Nearly always it is the first, made from this very step.
        return attempt.cancelled > leaf.cancelled
    there = live.open_attempts.get(step.number)
    other = (attempt.definition.name, attempt.input) != (step.name, step.input) or step.kind is not StepKind.ACTIVITY
    # The same may have been asked for again, or was cancelled by what is undone: it is tried anew.
    return other or attempt.number != (there.number if there is not None else 1) or attempt.cancelled > leaf.cancelled


# ---------------------------------------------------------------------- another follows


def decide_retry(workflow: TrackedWorkflow, completed: Completed, turn: Turn, change: Change) -> bool:
    """Have an attempt that failed be followed by another; False where its failure is the activity's."""
    attempt, failure = completed.attempt, completed.outcome
    step, options = attempt.step, attempt.options
    leaf = workflow.live.execution.open.get(step) if workflow.live is not None else None
    is_final = not completed.retryable or attempt.cancelled or (leaf is not None and leaf.cancelled)
    if is_final or not isinstance(failure, Failure):
        return False
    delay = next_delay(options.retry, attempt.number, completed.retry_after, jitter(attempt))
    if delay is None:
        return False
    due_at, counted_from = turn.now + in_micros(delay), None
    if attempt.deadline_at is not None:
        if turn.monotonic + in_micros(delay) >= attempt.deadline_at:
            return False
        counted_from = turn.time_of(attempt.deadline_at - in_micros(options.schedule_to_close_timeout or 0))
    details = attempt.details if attempt.beat is None else attempt.beat[0]
    following = OpenAttempt(attempt.number + 1, due_at, details, due_at, counted_from)
    change.retried = extended(change.retried, [Retried(step, failure, turn.now, following)])
    if workflow.on_trial:
        # The process outlived the attempt.
        change.recovery_attempts = 0
    return True


def schedule_retry(state: SchedulerState, live: LiveWorkflow, step: int, following: OpenAttempt) -> None:
    """Wait for the attempt that follows a failure which is on disk."""
    live.open_attempts[step] = following
    if live.status is WorkflowStatus.PROCESSING and following.due_at is not None:
        state.timers.set(Timer(following.due_at, live.info.workflow_id, live.info.run, step))


def jitter(attempt: Attempt) -> float:
    """Return the number, from 0 to 1, by which the wait for the next attempt is spread: the same each time."""
    _, run, step = attempt.key
    name = f"retry {run} {step} {attempt.number}"
    digest = blake2b(name.encode(), key=seed_at(attempt.seed, attempt.turn), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
