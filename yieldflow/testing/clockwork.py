"""Virtual time: which timers a stepped workflow has, and what its attempts come to as time goes by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from .. import workers
from .._core.commands import Command
from .._core.definitions import ActivityInvocation, Invocation
from .._core.errors import ActivityTimeoutError, CommandError
from .._core.execution import Execution
from .._core.history import Codec, Micros, Outcome, in_micros
from .._core.nodes import Leaf
from .._core.retry import may_retry, next_delay
from ..scheduler.attempts import jitter as chance
from ..scheduler.attempts import limits_of
from ..scheduler.timers import DEADLINE
from .past import Attempt, Past


class Timer(NamedTuple):
    """A moment at which something happens by itself."""

    due_at: Micros
    #: The step that sleeps, is tried again or runs out of time; `DEADLINE` for the end of the workflow's own time.
    step: int


def timers(past: Past, execution: Execution) -> Iterator[Timer]:
    """Every moment that a workflow waits for."""
    if execution.over:
        return
    closed = {event.step for event in past.recorded}
    for number, leaf in execution.open.items():
        if number in closed:
            continue
        attempt = past.attempts.get(number)
        if attempt is not None and attempt.begun:
            yield from (Timer(moment, number) for moment, _, _ in limits(past, leaf, attempt))
        elif past.suspended:
            continue
        elif attempt is not None:
            yield Timer(attempt.due_at, number)
        elif leaf.step.due_at is not None:
            yield Timer(leaf.step.due_at, number)
    if past.deadline_at is not None and past.cancelled is None and not past.suspended:
        yield Timer(past.deadline_at, DEADLINE)


def limits(past: Past, leaf: Leaf, attempt: Attempt) -> Iterator[tuple[Micros, str, bool]]:
    """The moments at which an attempt under way is out of time: what is said then, and whether that is final.

    It was begun by a worker at once, and sends its heartbeats: nothing else is known of it.
    """
    options = replace(_command(leaf).options, heartbeat_timeout=None, schedule_to_start_timeout=None)
    if options.timed:
        made = _made(past, leaf, attempt)
        made.options = options
        yield from limits_of(made, attempt.due_at)


def all_limits(past: Past, leaf: Leaf, attempt: Attempt) -> list[tuple[Micros, str, bool]]:
    """The same, those included that are reached only where no worker is there, or no heartbeat comes."""
    made = _made(past, leaf, attempt)
    found = list(limits_of(made, attempt.due_at))
    made.begun_at = None
    return found or list(limits_of(made, attempt.due_at))


class Verdict(NamedTuple):
    """What becomes of an activity of which an attempt failed."""

    outcome: Outcome
    #: The attempt that follows; None where the failure is the activity's.
    following: Attempt | None


def after_failure(
    past: Past, leaf: Leaf, error: BaseException, now: Micros, codec: Codec, *, final: bool = False
) -> Verdict:
    """What follows where an attempt at an activity fails, by its retry policy and its time limit."""
    attempt, policy = past.attempts[leaf.step.number], _command(leaf).options.retry
    # What a function given as `non_retryable` raises is a fault of the test's, or of that function.
    may_retry(policy, error)
    ending = workers.failed(error, _command(leaf).definition, policy, codec)
    if final or leaf.cancelled or not ending.retryable:
        return Verdict(ending.outcome, None)
    delay = next_delay(policy, attempt.number, ending.retry_after, chance(_made(past, leaf, attempt)))
    due_at = now if delay is None else now + in_micros(delay)
    deadline_at = _deadline(leaf, attempt)
    if delay is None or (deadline_at is not None and due_at >= deadline_at):
        return Verdict(ending.outcome, None)
    return Verdict(ending.outcome, Attempt(attempt.number + 1, due_at, False, attempt.counted_from))


def out_of_time(past: Past, leaf: Leaf) -> tuple[Micros, ActivityTimeoutError, bool]:
    """When an attempt that takes for ever is given up: the moment, the error, and whether no other may follow.

    Raises:
        CommandError: The activity may take any time.
    """
    command, attempt = _command(leaf), past.attempts[leaf.step.number]
    found = all_limits(past, leaf, attempt)
    if not found:
        raise no_limit(command)
    moment, message, is_final = min(found)
    return moment, timeout_error(attempt, command.name, message), is_final


def no_limit(command: Command[Any]) -> CommandError:
    """What is said of a command that may take any time."""
    if not isinstance(command, Invocation):
        return CommandError(f"{command} cannot time out. In the workflow, write:\n    wait_for({command}, 60)")
    return CommandError(
        f"{command} may take any time, so it cannot time out. Give it a limit, with @{command.definition.kind}"
        f"(timeout=...) or {command.name}(...).with_options(timeout=...)"
    )


def timeout_error(attempt: Attempt, name: str, message: str) -> ActivityTimeoutError:
    """What an attempt fails with whose time ran out."""
    return ActivityTimeoutError(f"attempt {attempt.number} at activity {name!r} {message}")


def _command(leaf: Leaf) -> ActivityInvocation[object]:
    assert isinstance(leaf.command, ActivityInvocation)
    return leaf.command


def _made(past: Past, leaf: Leaf, attempt: Attempt) -> workers.Attempt:
    """The attempt as the engine's own rules look at it."""
    command, step = _command(leaf), leaf.step
    key = past.info.workflow_id, past.info.run, step.number
    made = workers.Attempt(key, attempt.number, command.definition, step.input, command.options, past.seed, step.turn)
    made.begun_at = made.dispatched_at = attempt.due_at
    made.deadline_at = _deadline(leaf, attempt)
    return made


def _deadline(leaf: Leaf, attempt: Attempt) -> Micros | None:
    """When all attempts at an activity are to be over, where that is limited."""
    total = _command(leaf).options.schedule_to_close_timeout
    return None if total is None else attempt.counted_from + in_micros(total)
