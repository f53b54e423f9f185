"""`wait_for`: a command with a limit of time. Each workflow is also replayed from every prefix of its history."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.core.driver import SECOND, START, Drive, careful, clean_up, fetch, pay
from yieldflow import (
    Cancelled,
    Command,
    CommandError,
    Flow,
    StepKind,
    WaitTimeoutError,
    YieldflowError,
    gather,
    now,
    race,
    sleep,
    start,
    wait_for,
)


def waiting(member: Any, timeout: Any = 5) -> Callable[[], Flow[Any]]:
    """A workflow that waits for ``member``, a command or a function that makes a branch, and tells of a timeout."""

    def body() -> Flow[Any]:
        try:
            return (yield wait_for(member() if callable(member) else member, timeout))
        except WaitTimeoutError:
            return "timed out"

    return body


# ---------------------------------------------------------------------- in time, and too late


def test_what_comes_in_time_is_the_value(drive: Drive) -> None:
    """The command's value is what wait_for resumes with; the timer is no longer waited for."""
    run = drive(waiting(fetch("a")))
    assert sorted(run.pending) == ["fetch a", "sleep 5"]

    run.resolve("fetch a", "A")
    assert (run.result, run.pending, run.dropped_by_last()) == ("A", [], ["sleep 5"])


def test_what_comes_too_late_is_cancelled(drive: Drive) -> None:
    """When the time is up, the command is no longer waited for, and WaitTimeoutError is raised."""
    run = drive(waiting(fetch("a")))
    run.resolve("sleep 5")

    assert (run.result, run.pending, run.dropped_by_last()) == ("timed out", [], ["fetch a"])


@pytest.mark.parametrize(
    ("member", "name"),
    [(fetch("a"), "fetch(key='a')"), (lambda: careful("b"), "careful"), (gather(fetch("a")), "gather(fetch(key='a'))")],
    ids=["activity", "helper", "gather"],
)
def test_the_message_names_the_command_and_the_seconds(drive: Drive, member: Any, name: str) -> None:
    """The error names the command that did not end, and the time that it had."""

    def body() -> Flow[Any]:
        return (yield wait_for(member() if callable(member) else member, 2.5))

    run = drive(body)
    run.resolve("sleep 2.5")
    if run.pending:
        run.resolve("clean_up b")

    assert run.failure.startswith("WaitTimeoutError: ")
    assert name in run.failure
    assert "2.5" in run.failure


def test_the_timeout_is_a_timeout_error() -> None:
    """`except TimeoutError` and `except YieldflowError` catch it."""
    assert issubclass(WaitTimeoutError, TimeoutError)
    assert issubclass(WaitTimeoutError, YieldflowError)


def test_the_commands_own_failure_is_raised(drive: Drive) -> None:
    """A failure that comes in time is the command's own, also where it is a timeout of its own."""
    run = drive(waiting(fetch("a")))
    run.fail("fetch a", TimeoutError("the shop did not answer"))

    assert run.failure == "TimeoutError: the shop did not answer"
    assert type(run.error) is TimeoutError
    assert run.dropped_by_last() == ["sleep 5"]


def test_the_timer_is_a_sleep(drive: Drive) -> None:
    """The limit is recorded as a sleep, due so many seconds after the event that led to it."""

    def body() -> Flow[Any]:
        yield from sleep(10)
        return (yield from wait_for(fetch("a"), timedelta(minutes=2)))

    run = drive(body)
    run.resolve("sleep 10")
    (timer,) = [step for step in run.told[-1].issued if step.kind is StepKind.SLEEP]

    assert (timer.name, run.shown(timer), timer.due_at) == ("sleep", "sleep 120", START + 130 * SECOND)


# ---------------------------------------------------------------------- limits


@pytest.mark.parametrize("timeout", [0, 0.0, timedelta(0), -1, timedelta(seconds=-5)], ids=str)
def test_with_no_time_at_all_what_is_there_is_given(drive: Drive, timeout: Any) -> None:
    """A limit of 0, or a time that is past, gives what needs no waiting."""
    assert drive(waiting(gather(), timeout)).result == []


@pytest.mark.parametrize("timeout", [0, 0.0, timedelta(0), -1, timedelta(seconds=-5)], ids=str)
def test_with_no_time_at_all_the_rest_times_out(drive: Drive, timeout: Any) -> None:
    """A limit of 0, or a time that is past, leaves a command no more than the turn that it is begun in."""
    run = drive(waiting(fetch("a"), timeout))
    (timer,) = [step for step in run.steps if step.kind is StepKind.SLEEP]
    assert timer.due_at is not None
    assert timer.due_at <= START

    run.resolve(timer.number)
    assert (run.result, run.pending) == ("timed out", [])


def test_with_no_time_at_all_an_ended_task_is_given(drive: Drive) -> None:
    """wait_for(task, 0) asks whether a task has ended."""

    def body() -> Flow[Any]:
        task = yield from start(fetch("a"))
        try:
            early = yield from wait_for(task, 0)
        except WaitTimeoutError:
            early = "not yet"
        yield from task
        return [early, (yield from wait_for(task, 0))]

    run = drive(body)
    run.resolve("sleep 0")
    assert run.pending == ["fetch a"]

    run.resolve("fetch a", "A")
    assert run.result == ["not yet", "A"]


@pytest.mark.parametrize("timeout", ["5", None, True, 5j, [5]], ids=repr)
def test_a_timeout_is_seconds_or_a_timedelta(timeout: Any) -> None:
    """Anything else is a TypeError at the call that says what is taken."""
    with pytest.raises(TypeError, match=r"wait_for\(.*seconds"):
        wait_for(fetch("a"), timeout)


@pytest.mark.parametrize("timeout", [math.inf, math.nan, timedelta(days=50_000)], ids=str)
def test_a_timeout_is_finite(timeout: Any) -> None:
    """A limit that is no time, or longer than any sleep, is a ValueError at the call."""
    with pytest.raises(ValueError, match=r"wait_for\("):
        wait_for(fetch("a"), timeout)


def test_what_needs_no_waiting_is_no_step(drive: Drive) -> None:
    """A command that completes at once leaves no timer behind."""
    run = drive(waiting(now()))

    assert (run.pending, run.status) == ([], "done")


# ---------------------------------------------------------------------- cleanup


def test_cleanup_is_waited_for_before_the_timeout_is_raised(drive: Drive) -> None:
    """A branch that ran out of time cleans up, steps and all; then WaitTimeoutError is raised."""
    run = drive(waiting(lambda: careful("a")))
    run.resolve("sleep 5")
    assert (run.pending, run.status) == (["clean_up a"], "processing")

    run.resolve("clean_up a")
    assert run.result == "timed out"


def test_a_failure_of_cleanup_does_not_vanish(drive: Drive) -> None:
    """A cleanup that fails after a timeout shows in the error that is raised."""

    def body() -> Flow[str]:
        try:
            yield from wait_for(careful("a"), 5)
        except Exception as error:
            return "\n".join([repr(error), repr(error.__cause__), *getattr(error, "__notes__", ())])
        return "nothing was raised"

    run = drive(body)
    run.resolve("sleep 5")
    run.fail("clean_up a", ConnectionError("cleanup lost"))

    assert "cleanup lost" in run.result


def test_an_activity_that_must_be_waited_for_delays_the_timeout(drive: Drive) -> None:
    """An activity with on_cancel="wait" that runs out of time is told to end and waited for; its outcome is dropped."""
    run = drive(waiting(pay("a")))
    run.resolve("sleep 5")
    assert (run.pending, run.cancelling_by_last()) == (["pay a"], ["pay a"])

    run.resolve("pay a", "receipt")
    assert run.result == "timed out"


def test_a_branch_that_survives_its_cancellation_timed_out_all_the_same(drive: Drive) -> None:
    """The value that a branch returns after its time was up is dropped."""

    def stubborn() -> Flow[str]:
        try:
            yield from fetch("a")
        except Cancelled:
            yield from fetch("a after all")
        return "survived"

    run = drive(waiting(stubborn))
    run.resolve("sleep 5")
    run.resolve("fetch a after all")

    assert run.result == "timed out"


def test_a_wait_that_is_cancelled_is_no_timeout(drive: Drive) -> None:
    """A branch in wait_for that loses a race gets `Cancelled`, not WaitTimeoutError."""
    seen: list[str] = []

    def patient() -> Flow[None]:
        try:
            yield from wait_for(fetch("b"), 60)
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    def body() -> Flow[Any]:
        return (yield from race(fetch("a"), patient()))

    run = drive(body, replayed=False)
    run.resolve("fetch a", "A")

    assert (run.result, seen, run.pending) == ((0, "A"), ["Cancelled"], [])


# ---------------------------------------------------------------------- nested


def test_the_inner_limit_is_the_shorter_one(drive: Drive) -> None:
    """The timeout of an inner wait_for passes through the outer one, as the failure of what that waits for."""

    def body() -> Flow[Any]:
        return (yield from wait_for(wait_for(fetch("a"), 2), 60))

    run = drive(body)
    assert sorted(run.pending) == ["fetch a", "sleep 2", "sleep 60"]

    run.resolve("sleep 2")
    assert (run.pending, run.failure.startswith("WaitTimeoutError: ")) == ([], True)
    assert "fetch(key='a')" in run.failure
    assert "2" in run.failure
    assert "60" not in run.failure


def test_the_outer_limit_is_the_shorter_one(drive: Drive) -> None:
    """An outer limit cancels the inner wait with its timer."""

    def body() -> Flow[Any]:
        return (yield from wait_for(wait_for(fetch("a"), 60), 2))

    run = drive(body)
    run.resolve("sleep 2")

    assert run.pending == []
    assert run.failure.startswith("WaitTimeoutError: ")


def test_a_branch_may_catch_its_own_timeout(drive: Drive) -> None:
    """Several attempts, each with its limit, inside a gather."""

    def attempts(key: str) -> Flow[str]:
        for attempt in (1, 2):
            try:
                return (yield from wait_for(fetch(f"{key}{attempt}"), attempt))  # type: ignore[no-any-return]  # of Any
            except WaitTimeoutError:
                continue
        return "gave up"

    def body() -> Flow[Any]:
        return (yield from gather(attempts("a"), attempts("b")))

    run = drive(body)
    run.resolve("sleep 1")
    run.resolve("sleep 1")
    assert sorted(run.pending) == ["fetch a2", "fetch b2", "sleep 2", "sleep 2"]

    run.resolve("fetch b2", "B")
    run.resolve("sleep 2")
    assert run.result == ["gave up", "B"]


def test_waits_nest_deeply(drive: Drive) -> None:
    """Hundreds of limits around one command: all timers go when it ends."""

    def body() -> Flow[Any]:
        command: Command[Any] = fetch("bottom")
        for level in range(300):
            command = wait_for(command, 10_000 - level)
        return (yield from command)

    run = drive(body, replayed=False)
    assert len(run.pending) == 301

    run.resolve("fetch bottom", "reached")
    assert (run.result, run.pending) == ("reached", [])


def test_the_deepest_limit_of_many(drive: Drive) -> None:
    """Hundreds of limits are nested, and the middle one fires: all below it is cancelled, and the error comes up."""

    def body() -> Flow[Any]:
        command: Command[Any] = fetch("bottom")
        for level in range(300):
            command = wait_for(command, 10_000 - level)
        return (yield from command)

    run = drive(body, replayed=False)
    run.resolve("sleep 9850")

    assert run.failure.startswith("WaitTimeoutError: ")
    assert run.pending == []


# ---------------------------------------------------------------------- slips


def test_a_wait_never_yielded_is_reported_once(drive: Drive) -> None:
    """wait_for that is made and forgotten is told; what it was to wait for counts as used by it."""

    def body() -> Flow[None]:
        wait_for(fetch("a"), 5)
        yield from clean_up("b")

    run = drive(body, replayed=False)

    assert len(run.advance.unyielded) == 1
    assert run.advance.unyielded[0][0].startswith("wait_for(fetch(key='a')")


def test_what_is_no_command_is_refused(drive: Drive) -> None:
    """Waiting for what cannot be waited for is refused with the remedy, and no timer is left."""

    def body() -> Flow[str]:
        try:
            yield wait_for(5, 1)  # type: ignore[arg-type]  # the mistake
        except CommandError as error:
            return str(error)
        return "taken"

    run = drive(body)

    assert run.result.startswith("5 was yielded, which is no command.")
    assert run.pending == []


def test_waits_are_equal_by_value() -> None:
    """The same command with the same limit is the same wait."""
    assert wait_for(fetch("a"), 60) == wait_for(fetch("a"), timedelta(minutes=1)) != wait_for(fetch("a"), 61)
