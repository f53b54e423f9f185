"""The time limits of activities, in virtual time: each counts from its own moment, and fails an attempt once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine import CODEC, SECOND, Host
from tests.support.flaky import Flaky, failing, numbers, step_of
from yieldflow import ActivityError, ActivityTimeoutError, Flow, RetryPolicy, activity, gather, wait_signal, workflow
from yieldflow.store import RequestKind
from yieldflow.workers import Attempt, perform

LAB = Flaky()
one = LAB.one
ONCE = RetryPolicy(maximum_attempts=1)


@activity(registry=LAB.registry, timeout=5)
def single(label: str) -> str:
    return label.upper()


@workflow(registry=LAB.registry)
def seen(label: str) -> Flow[str]:
    """Catch the failure of an activity that is not retried."""
    try:
        return (yield from single(label))
    except TimeoutError as error:
        return f"{type(error).__name__}: {error}"


@activity(registry=LAB.registry, timeout=5, max_concurrent=1)
def alone(label: str) -> str:
    return label.upper()


@workflow(registry=LAB.registry)
def lonely(label: str) -> Flow[str]:
    return (yield from alone(label))


@workflow(registry=LAB.registry)
def two(*labels: str) -> Flow[list[str]]:
    return (yield from gather(*map(single, labels)))


@workflow(registry=LAB.registry)
def beside_a_signal() -> Flow[list[object]]:
    return list((yield from gather(LAB.call("a", timeout=5), wait_signal("s"))))


def in_progress(host: Host, **options: Any) -> Attempt:
    """A workflow "w" with an attempt at an activity of these options, which a worker begins at once."""
    host.submit(one(**options), "w")
    return host.begin()


def error_of(host: Host) -> str:
    return (host.record("w").current or (None,) * 4)[2] or ""


# ---------------------------------------------------------------------- timeout


def test_an_attempt_that_takes_too_long_has_failed(host: Host) -> None:
    """An attempt fails `timeout` after its begin, to the microsecond; a retry follows, and the worker is told."""
    attempt = in_progress(host, timeout=5)
    host.advance(5 - 0.000001)
    assert (step_of(host).attempt, host.desk.abandoned, attempt.cancelled) == (1, [], False)
    host.advance(0.000001)
    assert (step_of(host).attempt, host.desk.abandoned, attempt.cancelled) == (2, [attempt], True)
    assert error_of(host) == "ActivityTimeoutError: attempt 1 at activity 'flaky' took longer than its timeout of 5 s"
    host.advance(1)
    assert numbers(host) == [("a", 2)]


def test_without_a_policy_a_timeout_is_the_activitys(host: Host) -> None:
    """The workflow catches `ActivityTimeoutError`, a `TimeoutError`, with which limit it was."""
    host.submit(seen("a"), "w")
    host.begin()
    host.advance(5)
    assert host.output("w") == (
        "ActivityTimeoutError: attempt 1 at activity 'single' took longer than its timeout of 5 s"
    )
    assert issubclass(ActivityTimeoutError, TimeoutError)


def test_time_in_the_queue_is_no_time_of_the_attempt(host: Host) -> None:
    """`timeout` counts from when a worker begins it, however late and however often that was looked at."""
    host.submit(one(timeout=5), "w")
    host.advance(23)
    attempt = host.begin()
    host.advance(4.999)
    assert not attempt.cancelled
    host.advance(0.001)
    assert attempt.cancelled


def test_each_attempt_has_its_own_time(host: Host) -> None:
    """Each attempt has its own `timeout`, and the last one's is the activity's failure."""
    in_progress(host, timeout=5, retry=RetryPolicy(maximum_attempts=2, jitter=False))
    host.advance(5)
    host.advance(1)
    host.advance(3)
    host.begin()
    host.advance(4.9)
    assert host.status("w") == "processing"
    host.advance(0.1)
    assert "attempt 2 at activity 'flaky' took longer" in str(host.output("w"))
    assert step_of(host).attempt == 2


def test_a_late_result_is_dropped(host: Host) -> None:
    """The late result of a timed-out attempt changes nothing, before the next attempt or while it runs."""
    late = in_progress(host, timeout=5)
    host.advance(5)
    host.settle(perform(late, CODEC))
    assert (host.status("w"), step_of(host).attempt) == ("processing", 2)
    host.advance(1)
    second = host.begin()
    host.settle(perform(late, CODEC))
    failing(host, late)
    assert (host.status("w"), step_of(host).attempt) == ("processing", 2)
    host.end(second)
    assert (host.output("w"), step_of(host).attempt) == ("A", 2)


def test_a_result_that_comes_with_the_timeout_counts(host: Host) -> None:
    """A result that arrives in the turn of the timeout counts."""
    attempt = in_progress(host, timeout=5, retry=ONCE)
    host.now += 5 * SECOND
    host.settle(perform(attempt, CODEC))
    assert host.output("w") == "A"
    assert host.desk.abandoned == []


def test_a_failure_that_comes_with_the_timeout_counts_once(host: Host) -> None:
    """A failure that arrives in the turn of the timeout counts as one failed attempt, not two."""
    attempt = in_progress(host, timeout=5)
    host.now += 5 * SECOND
    failing(host, attempt, "itself")
    assert (step_of(host).attempt, error_of(host)) == (2, "ValueError: itself")


def test_results_and_timeouts_of_a_suspended_workflow(host: Host) -> None:
    """If result and timeout meet in one turn while the workflow is suspended, the result counts when it goes on."""
    attempt = in_progress(host, timeout=5, retry=ONCE)
    host.ask("w", RequestKind.SUSPEND)
    host.now += 5 * SECOND
    host.settle(perform(attempt, CODEC))
    host.ask("w", RequestKind.RESUME)
    assert host.output("w") == "A"


def test_a_timeout_that_met_a_failing_disk_counts_before_a_late_result(host: Host) -> None:
    """A timeout that met a failing disk is written in the next turn; a result arriving by then is dropped."""
    attempt = in_progress(host, timeout=5)
    host.store.failing_commits = 1
    host.advance(5)
    assert step_of(host).attempt == 1
    host.now += SECOND
    host.settle(perform(attempt, CODEC))
    assert (host.status("w"), step_of(host).attempt) == ("processing", 2)
    host.finish()
    assert (host.output("w"), step_of(host).attempt) == ("A", 2)


@pytest.mark.parametrize("failures", [1, 2, 5])
def test_a_timeout_meets_a_failing_disk(host: Host, failures: int) -> None:
    """A timeout counts once, however often it has to be written."""
    in_progress(host, timeout=5, retry=RetryPolicy(1, 1, maximum_attempts=2, jitter=False))
    host.store.failing_commits = failures
    host.advance(5)
    for _ in range(100):
        host.advance(0.1)
    assert (host.store.failing_commits, step_of(host).attempt) == (0, 2)
    assert numbers(host) == [("a", 2)]
    host.work_off()
    assert host.output("w") == "A"


def test_a_timeout_while_the_disk_cannot_be_read(host: Host) -> None:
    """A workflow that cannot be loaded at the moment hears of a timeout once it is loaded."""
    attempt = in_progress(host, timeout=5, retry=ONCE)
    host.store.failing_commits, host.store.failing_loads = 1, 4
    host.beat(attempt, "makes a commit")
    host.advance(5)
    for _ in range(200):
        host.advance(0.1)
    assert "took longer than its timeout" in str(host.output("w"))


def test_a_timeout_of_a_suspended_workflow(host: Host) -> None:
    """An attempt of a suspended workflow may time out; its retry begins once the workflow goes on."""
    in_progress(host, timeout=5)
    host.ask("w", RequestKind.SUSPEND)
    host.advance(5)
    assert (host.status("w"), step_of(host).attempt) == ("suspended", 2)
    host.advance(3600)
    assert numbers(host) == []
    host.ask("w", RequestKind.RESUME)
    assert numbers(host) == [("a", 2)]


def test_a_timeout_of_a_stalled_workflow(host: Host) -> None:
    """The timeout of a stalled workflow's attempt is on disk, and its retry begins once the workflow goes on."""
    host.submit(beside_a_signal(), "w")
    host.begin()
    host.store.refused.add("w")
    host.ask("w", RequestKind.SIGNAL, "refused", "s")
    host.store.refused.clear()
    assert host.status("w") == "stalled"
    host.advance(5)
    assert step_of(host).attempt == 2
    host.advance(10)
    assert numbers(host) == []
    host.ask("w", RequestKind.RESUME)
    assert numbers(host) == [("a", 2)]


def test_a_timeout_that_the_store_refuses(host: Host) -> None:
    """A workflow whose timeout the store refuses stalls, and hears of it later; the worker is replaced at once."""
    host.submit(lonely("a"), "w")
    attempt = host.begin()
    host.submit(lonely("b"), "other")
    assert numbers(host) == []
    host.store.refused.add("w")
    host.advance(5)
    assert (host.status("w"), host.desk.abandoned) == ("stalled", [attempt])
    assert numbers(host) == [("b", 1)]
    host.store.refused.clear()
    host.ask("w", RequestKind.RESUME)
    assert "took longer than its timeout" in str(host.output("w"))


# ---------------------------------------------------------------------- schedule_to_start_timeout


def test_no_worker_in_time(host: Host) -> None:
    """An attempt that no worker begins in time fails for good, whatever the policy: the next would wait as well."""
    host.submit(one(schedule_to_start_timeout=3), "w")
    (attempt,) = host.tasks
    host.advance(2.999)
    assert host.status("w") == "processing"
    host.advance(0.001)
    assert str(host.output("w")) == (
        "ActivityTimeoutError: attempt 1 at activity 'flaky' was begun by no worker within its "
        "schedule_to_start_timeout of 3 s"
    )
    assert not host.scheduler.wants(attempt)
    assert step_of(host).attempt == 1


def test_what_has_begun_in_time_may_take_its_time(host: Host) -> None:
    """`schedule_to_start_timeout` says nothing of an attempt that a worker has begun."""
    attempt = in_progress(host, schedule_to_start_timeout=3)
    host.advance(3600)
    host.end(attempt)
    assert host.output("w") == "A"


def test_each_attempt_may_wait_for_a_worker(host: Host) -> None:
    """The pause before a retry does not count as waiting for a worker."""
    failing(host, in_progress(host, schedule_to_start_timeout=3, retry=RetryPolicy(60, jitter=False)))
    host.advance(60)
    host.advance(2)
    host.end(host.begin())
    assert host.output("w") == "A"


def test_what_no_worker_began_is_begun_by_none(host: Host) -> None:
    """A worker that comes while the timeout is being written is told not to begin."""
    host.submit(one(schedule_to_start_timeout=3), "w")
    (attempt,) = host.tasks
    host.store.failing_commits = 1
    host.advance(3)
    assert host.status("w") == "processing"
    assert not host.scheduler.wants(attempt)
    host.advance(1)
    assert "was begun by no worker" in str(host.output("w"))


# ---------------------------------------------------------------------- schedule_to_close_timeout


def test_all_attempts_together(host: Host) -> None:
    """`schedule_to_close_timeout` limits all attempts together: the one running then fails for good."""
    failing(host, in_progress(host, schedule_to_close_timeout=10))
    host.advance(1)
    attempt = host.begin()
    host.advance(8.999)
    assert host.status("w") == "processing"
    host.advance(0.001)
    assert host.output("w") == (
        "ActivityTimeoutError: attempt 2 at activity 'flaky' was under way when the schedule_to_close_timeout of 10 s "
        "was over"
    )
    assert (step_of(host).attempt, attempt.cancelled, host.desk.abandoned) == (2, True, [attempt])


def test_a_retry_that_would_come_too_late(host: Host) -> None:
    """A retry that would come after all its time is not waited for: the activity fails as its last attempt did."""
    failing(host, in_progress(host, schedule_to_close_timeout=1), "the reason")
    assert (host.output("w"), step_of(host).attempt) == ("ValueError: the reason", 1)


def test_a_wait_that_was_asked_for_is_too_long(host: Host) -> None:
    """A `retry_after` longer than the time left fails the activity at once."""
    error = ActivityError("busy", retry_after=3600)
    failing(host, in_progress(host, schedule_to_close_timeout=600), error)
    assert host.output("w") == "busy True 3600"


def test_a_timed_out_attempt_too_late_for_another(host: Host) -> None:
    """If an attempt times out too late for another, the activity fails with that timeout."""
    in_progress(host, timeout=5, schedule_to_close_timeout=6)
    host.advance(5)
    assert "attempt 1 at activity 'flaky' took longer than its timeout of 5 s" in str(host.output("w"))


def test_suspended_time_does_not_count(host: Host) -> None:
    """Time while a workflow is suspended does not count: after an hour, in memory or out, it makes its retry."""
    failing(host, in_progress(host, schedule_to_close_timeout=10))
    host.ask("w", RequestKind.SUSPEND)
    host.advance(3600)
    host.ask("w", RequestKind.RESUME)
    assert numbers(host) == [("a", 2)]
    attempt = host.begin()
    host.advance(8)
    failing(host, attempt)
    assert host.output("w") == "ValueError: no"


def test_time_in_line_counts(host: Host) -> None:
    """Time in the queue counts: an activity that is never begun fails in the end."""
    host.submit(one(schedule_to_close_timeout=10), "w")
    host.advance(10)
    assert "schedule_to_close_timeout of 10 s" in str(host.output("w"))
