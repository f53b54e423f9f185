"""The limits of an attempt that is under way, and its heartbeats.

One timer stands for the first of them. A worker sets the time at which it begins an attempt, and that of each
heartbeat, and tells nobody: a timer that finds them later than it thought is set anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._core.commands import show_seconds
from .._core.errors import ActivityTimeoutError
from .._core.history import Micros, in_micros
from ..workers import Attempt, Completed, failed
from .state import State
from .timers import Timer
from .turn import Turn, extended

#: How often the heartbeats of an attempt are written.
WRITING: Micros = 1_000_000


def watch(state: State, attempt: Attempt, now: Micros) -> None:
    """Have somebody look at an attempt when its first limit may be reached, or its heartbeats are to be written."""
    moments = [moment for moment, _, _ in limits_of(attempt, now)]
    if attempt.watched:
        moments.append(attempt.written_at + WRITING)
    if moments:
        state.timers.set(Timer(min(moments), *attempt.key))


def look(state: State, attempt: Attempt, turn: Turn) -> Completed | None:
    """Look at an attempt: its end, where it is out of time."""
    now, waits = turn.now, attempt.begun_at is None
    for moment, message, is_final in limits_of(attempt, now):
        if moment <= now and not (waits and _was_begun(state, attempt)):
            name, options = attempt.definition.name, attempt.options
            error = ActivityTimeoutError(f"attempt {attempt.number} at activity {name!r} {message}")
            ending = failed(error, attempt.definition, options.retry, state.codec)
            return Completed(attempt, ending.outcome, ending.retryable and not is_final, timed_out=True)
    if attempt.watched:
        note_beats(attempt, turn)
    watch(state, attempt, now)
    return None


def _was_begun(state: State, attempt: Attempt) -> bool:
    """Whether a worker has just begun an attempt that seemed to wait for one; if not, none will any more."""
    return state.queued.pop(attempt.key, None) is None and attempt.begun_at is not None


def note_beats(attempt: Attempt, turn: Turn) -> None:
    """Have the latest details of an attempt be written; where there are none, it says itself when there are."""
    if attempt.written_at <= turn.now < attempt.written_at + WRITING:
        return
    if attempt.beat is attempt.written:
        attempt.watched = False
        # One that came just before was silent, since it was looked for.
        if attempt.beat is attempt.written:
            return
        attempt.watched = True
    workflow_id, run, step = attempt.key
    attempt.written, attempt.written_at = attempt.beat, turn.now
    if attempt.written is not None:
        change = turn.change(workflow_id, run)
        change.heartbeats = extended(change.heartbeats, [(step, attempt.written[0])])


def limits_of(attempt: Attempt, now: Micros) -> Iterator[tuple[Micros, str, bool]]:
    """The moments at which an attempt is out of time, or may be: what is said then, and whether that is final."""
    options, begun_at = attempt.options, attempt.begun_at
    if attempt.deadline_at is not None:
        total = _shown(options.schedule_to_close_timeout)
        yield attempt.deadline_at, f"was under way when the schedule_to_close_timeout of {total} was over", True
    if options.schedule_to_start_timeout is not None and begun_at is None:
        limit = options.schedule_to_start_timeout
        moment = attempt.dispatched_at + in_micros(limit)
        yield moment, f"was begun by no worker within its schedule_to_start_timeout of {_shown(limit)}", True
    if options.timeout is not None:
        # Of one that has not begun nothing is over, but it may begin right now.
        moment = (now + 1 if begun_at is None else begun_at) + in_micros(options.timeout)
        yield moment, f"took longer than its timeout of {_shown(options.timeout)}", False
    if options.heartbeat_timeout is not None:
        last = attempt.beat[1] if attempt.beat is not None else begun_at
        limit = options.heartbeat_timeout
        moment = (now + 1 if last is None else last) + in_micros(limit)
        yield moment, f"sent no heartbeat for longer than its heartbeat_timeout of {_shown(limit)}", False


def _shown(seconds: float | None) -> str:
    return f"{show_seconds(seconds or 0.0)} s"
