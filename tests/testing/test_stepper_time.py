"""Virtual time in a stepper: sleeps, attempts and their retries, time limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.stepper_shop import charge, order, parcel, registry, ship
from yieldflow import (
    ActivityError,
    ActivityTimeoutError,
    CommandError,
    Flow,
    RetryPolicy,
    WorkflowTimeoutError,
    activity,
    gather,
    now,
    sleep,
    wait_for,
    wait_signal,
    workflow,
)
from yieldflow.testing import Stepper

START = datetime(2026, 1, 1, tzinfo=UTC)


@activity(registry=registry, schedule_to_close_timeout=10, retry=RetryPolicy(initial_interval=8, jitter=False))
def bounded() -> None:
    raise AssertionError("a stepper runs no activity")


@workflow(registry=registry)
def shipping() -> Flow[str]:
    return (yield from ship("o-1"))


@workflow(registry=registry)
def sleeping() -> Flow[list[datetime]]:
    times = []
    for seconds in (20, 60):
        yield from sleep(seconds)
        times.append((yield from now()))
    return times


@workflow(registry=registry, timeout=100)
def hurried() -> Flow[str]:
    yield from sleep(1000)
    return "late"


# ---------------------------------------------------------------------- sleeps


def test_sleeps_end_as_time_passes() -> None:
    """advance(seconds) ends each sleep at its own time, also one that begins meanwhile."""
    flow = Stepper(sleeping())
    flow.advance(100)

    assert flow.result == [START + timedelta(seconds=20), START + timedelta(seconds=80)]
    assert flow.now == START + timedelta(seconds=100)


def test_a_sleep_that_is_not_over_goes_on() -> None:
    """Before its time a sleep is pending."""
    flow = Stepper(sleeping())
    flow.advance(timedelta(seconds=19.999999))
    assert flow.pending == [sleep(20)]

    flow.advance(0.000001)
    assert flow.pending == [sleep(60)]


def test_time_goes_to_the_next_timer() -> None:
    """advance_to_next_timer() passes exactly the time until something happens by itself; next_timer says when."""
    flow = Stepper(sleeping())
    assert flow.next_timer == START + timedelta(seconds=20)
    flow.advance_to_next_timer()

    assert (flow.now, flow.pending) == (START + timedelta(seconds=20), [sleep(60)])


def test_without_a_timer_there_is_nothing_to_go_to() -> None:
    """Where nothing happens by itself, advance_to_next_timer() says what is waited for instead."""
    flow = Stepper(order("o-1", 5))

    assert flow.next_timer is None
    with pytest.raises(CommandError, match=r"order has not ended: it waits for \[charge\(.*\], and no timer is set"):
        flow.advance_to_next_timer()


def test_the_start_can_be_chosen() -> None:
    """A workflow that asks for the time can be started at any."""
    start = datetime(2030, 5, 17, 12, tzinfo=UTC)

    assert Stepper(sleeping(), start=start).now == start
    with pytest.raises(ValueError, match="has no time zone"):
        Stepper(sleeping(), start=datetime(2030, 5, 17))  # noqa: DTZ001  # what is refused


@pytest.mark.parametrize("wrong", [-1, float("inf"), float("nan")])
def test_time_goes_forwards(wrong: float) -> None:
    """advance() takes seconds, 0 or more."""
    with pytest.raises(ValueError, match="0 seconds to a hundred years"):
        Stepper(sleeping()).advance(wrong)


def test_sleeping_for_no_time_for_ever_is_told() -> None:
    """A workflow that sleeps for 0 seconds again and again does not hang the test."""

    @workflow(registry=registry)
    def spinning() -> Flow[None]:
        while True:
            yield from sleep(0)

    with pytest.raises(CommandError, match="spinning sleeps for 0 seconds again and again"):
        Stepper(spinning(), replay=False).advance(1)


# ---------------------------------------------------------------------- attempts


def test_a_failed_attempt_is_followed_by_another() -> None:
    """fail() ends one attempt: by its policy the activity waits for the next one, and the workflow hears nothing."""
    flow = Stepper(shipping())
    flow.fail(ConnectionError("down"))
    assert flow.pending == [ship("o-1")]
    assert str(flow.pending) == "[ship(order='o-1') <attempt 2 in 1 s>]"

    flow.advance(1)
    assert str(flow.pending) == "[ship(order='o-1') <attempt 2>]"
    flow.resolve("parcel")
    assert (flow.result, flow.history[0].attempt) == ("parcel", 2)


def test_an_attempt_that_is_not_due_cannot_end() -> None:
    """While an activity waits for its next attempt it neither ends nor fails: the error says how to bring that."""
    flow = Stepper(shipping())
    flow.fail(ConnectionError("down"))

    with pytest.raises(CommandError, match=r"due in 1 s\. Write first:\n    advance\(1\)"):
        flow.resolve("parcel")
    with pytest.raises(CommandError, match=r"waits for its attempt 2"):
        flow.fail(ConnectionError("down"))


def test_the_last_attempt_fails_the_activity() -> None:
    """After as many attempts as the policy allows, the workflow gets the last one's exception."""
    flow = Stepper(shipping())
    for number in (1, 2):
        flow.fail(ConnectionError(f"down {number}"))
        flow.advance_to_next_timer()
    flow.fail(ConnectionError("down 3"))

    assert (flow.now - START, str(flow.exception)) == (timedelta(seconds=3), "down 3")


def test_an_activity_without_a_policy_fails_at_once() -> None:
    """Without a retry policy there is one attempt."""
    flow = Stepper(order("o-1", 5))
    flow.fail(charge("o-1", 5), ConnectionError("down"))

    assert flow.failed


def test_a_failure_may_say_what_follows() -> None:
    """ActivityError(retryable=False) is final, and retry_after is the time of the next attempt, as in the engine."""
    final, later = Stepper(shipping()), Stepper(shipping())
    final.fail(ActivityError("expired", retryable=False))
    later.fail(ActivityError("busy", retry_after=30))

    assert final.failed
    assert later.next_timer == START + timedelta(seconds=30)


# ---------------------------------------------------------------------- time limits


def test_an_attempt_can_time_out() -> None:
    """time_out() lets an attempt take longer than its timeout: time moves on, and the retry policy applies."""
    flow = Stepper(shipping())
    flow.time_out(ship("o-1"))
    assert (flow.now - START, str(flow.pending)) == (timedelta(seconds=5), "[ship(order='o-1') <attempt 2 in 1 s>]")

    flow.advance(1)
    flow.time_out()
    flow.advance(2)
    flow.time_out()
    assert isinstance(flow.exception, ActivityTimeoutError)
    assert str(flow.exception) == "attempt 3 at activity 'ship' took longer than its timeout of 5 s"


def test_time_that_passes_times_out_what_is_under_way() -> None:
    """Where a test lets more time pass than an attempt may take, that attempt has failed, as in the engine."""
    flow = Stepper(shipping())
    flow.advance(5)

    assert str(flow.pending) == "[ship(order='o-1') <attempt 2 in 1 s>]"


def test_what_may_take_any_time_cannot_time_out() -> None:
    """An activity without a limit, or a signal, cannot time out: the error says how to limit it."""
    flow = Stepper(order("o-1", 5))
    with pytest.raises(CommandError, match=r"may take any time, so it cannot time out\. Give it a limit"):
        flow.time_out(charge("o-1", 5))

    flow.resolve("receipt")
    with pytest.raises(CommandError, match=r"wait_for\(wait_signal\('approve'\), 60\)"):
        flow.time_out(wait_signal("approve"))


def test_all_attempts_together_may_be_limited() -> None:
    """Past the schedule_to_close_timeout there is no other attempt."""

    @workflow(registry=registry)
    def limited() -> Flow[None]:
        yield from bounded()

    flow = Stepper(limited())
    flow.fail(ConnectionError("once"))
    flow.advance(8)
    flow.fail(ConnectionError("twice"))

    assert str(flow.exception) == "twice"


def test_a_workflow_has_its_own_time_limit() -> None:
    """A workflow that takes longer than its timeout is cancelled, and fails with WorkflowTimeoutError."""
    flow = Stepper(hurried())
    flow.advance_to_next_timer()

    assert (flow.failed, flow.now - START) == (True, timedelta(seconds=100))
    assert isinstance(flow.exception, WorkflowTimeoutError)


def test_a_child_can_time_out() -> None:
    """A child that was given a timeout fails in its parent with WorkflowTimeoutError."""

    @workflow(registry=registry)
    def parent() -> Flow[str]:
        return (yield from parcel("o-1").with_options(timeout=60))

    flow = Stepper(parent())
    flow.time_out()
    assert isinstance(flow.exception, WorkflowTimeoutError)


def test_wait_for_is_a_race_with_time() -> None:
    """wait_for(command, seconds) shows the command and a sleep; past that, WaitTimeoutError."""

    @workflow(registry=registry)
    def waiting() -> Flow[Any]:
        return (yield from gather(wait_for(wait_signal("go"), 30), charge("o-1", 5)))

    flow = Stepper(waiting())
    assert flow.pending == [wait_signal("go"), sleep(30), charge("o-1", 5)]
    flow.advance(30)
    assert "did not come within 30 s" in str(flow.exception)
