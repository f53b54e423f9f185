"""The limits of attempts, and their heartbeats, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import CODEC, SECOND, START, Host
from tests.support.flaky import CALM, Flaky, failing, hosted, numbers, step_of
from yieldflow import ActivityError, ActivityTimeoutError, Flow, RetryPolicy, activity, gather, wait_signal, workflow
from yieldflow.store import Checkpoint, RequestKind
from yieldflow.workers import Attempt, perform

LAB = Flaky()
one = LAB.one
ONCE = RetryPolicy(maximum_attempts=1)


@activity(registry=LAB.registry, timeout=5)
def single(label: str) -> str:
    return label.upper()


@workflow(registry=LAB.registry)
def seen(label: str) -> Flow[str]:
    """Catches what comes of an activity that is not tried again."""
    try:
        return (yield from single(label))
    except TimeoutError as error:
        return f"{type(error).__name__}: {error}"


@activity(registry=LAB.registry, timeout=5, max_concurrent=1)
def alone(label: str) -> str:
    return label.upper()


@workflow(registry=LAB.registry)
def beside_a_signal() -> Flow[list[object]]:
    return list((yield from gather(LAB.call("a", timeout=5), wait_signal("s"))))


@workflow(registry=LAB.registry)
def lonely(label: str) -> Flow[str]:
    return (yield from alone(label))


@workflow(registry=LAB.registry)
def two(*labels: str) -> Flow[list[str]]:
    return (yield from gather(*map(single, labels)))


@pytest.fixture(params=["memory", "sqlite"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    LAB.reset()
    with hosted(request.param, tmp_path, LAB) as made:
        yield made


def in_progress(host: Host, **options: Any) -> Attempt:
    """A workflow "w" with an attempt at an activity of these options, which a worker begins at once."""
    host.submit(one(**options), "w")
    return host.begin()


def error_of(host: Host) -> str:
    return (host.record("w").current or (None,) * 4)[2] or ""


# ---------------------------------------------------------------------- timeout


def test_an_attempt_that_takes_too_long_has_failed(host: Host) -> None:
    """After `timeout` from its begin, to the microsecond; a retry follows, and whoever runs it is told."""
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
    """And the last one's timeout is the activity's failure."""
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
    """What comes of an attempt whose time ran out changes nothing: not while the next waits, nor while that runs."""
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
    """What has arrived is taken in before time runs out."""
    attempt = in_progress(host, timeout=5, retry=ONCE)
    host.now += 5 * SECOND
    host.settle(perform(attempt, CODEC))
    assert host.output("w") == "A"
    assert host.desk.abandoned == []


def test_a_failure_that_comes_with_the_timeout_counts_once(host: Host) -> None:
    """One attempt failed, not two."""
    attempt = in_progress(host, timeout=5)
    host.now += 5 * SECOND
    failing(host, attempt, "itself")
    assert (step_of(host).attempt, error_of(host)) == (2, "ValueError: itself")


def test_results_and_timeouts_of_a_suspended_workflow(host: Host) -> None:
    """Of both in one turn, the result counts, and is there once it goes on."""
    attempt = in_progress(host, timeout=5, retry=ONCE)
    host.ask("w", RequestKind.SUSPEND)
    host.now += 5 * SECOND
    host.settle(perform(attempt, CODEC))
    host.ask("w", RequestKind.RESUME)
    assert host.output("w") == "A"


def test_a_timeout_that_met_a_failing_disk_counts_before_a_late_result(host: Host) -> None:
    """The timeout is tried again with the next turn; a result that comes by then is dropped, and stalls nobody."""
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
    """It counts once, however often it has to be written."""
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
    """A workflow that is being built anew hears of it when it is there."""
    attempt = in_progress(host, timeout=5, retry=ONCE)
    host.store.failing_commits, host.store.failing_loads = 1, 4
    host.beat(attempt, "makes a commit")
    host.advance(5)
    for _ in range(200):
        host.advance(0.1)
    assert "took longer than its timeout" in str(host.output("w"))


def test_a_timeout_of_a_suspended_workflow(host: Host) -> None:
    """Time runs for what is under way; the retry that follows is begun once the workflow goes on."""
    in_progress(host, timeout=5)
    host.ask("w", RequestKind.SUSPEND)
    host.advance(5)
    assert (host.status("w"), step_of(host).attempt) == ("suspended", 2)
    host.advance(3600)
    assert numbers(host) == []
    host.ask("w", RequestKind.RESUME)
    assert numbers(host) == [("a", 2)]


def test_a_timeout_of_a_stalled_workflow(host: Host) -> None:
    """It is on disk, and the retry begins once the workflow goes on."""
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
    """The workflow stalls and hears of the timeout once it goes on; whoever makes the attempt is replaced at once."""
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
    """It fails at once and for good, whatever the policy: another attempt would wait behind the same others."""
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
    """The wait for the retry's time is no wait for a worker."""
    failing(host, in_progress(host, schedule_to_start_timeout=3, retry=RetryPolicy(60, jitter=False)))
    host.advance(60)
    host.advance(2)
    host.end(host.begin())
    assert host.output("w") == "A"


def test_what_no_worker_began_is_begun_by_none(host: Host) -> None:
    """A worker that comes while the timeout is being written is told that nobody waits any more."""
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
    """What is under way then fails for good."""
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
    """It is not waited for: the activity fails at once, as the last attempt did."""
    failing(host, in_progress(host, schedule_to_close_timeout=1), "the reason")
    assert (host.output("w"), step_of(host).attempt) == ("ValueError: the reason", 1)


def test_a_wait_that_was_asked_for_is_too_long(host: Host) -> None:
    """The same for `retry_after`."""
    error = ActivityError("busy", retry_after=3600)
    failing(host, in_progress(host, schedule_to_close_timeout=600), error)
    assert host.output("w") == "busy True 3600"


def test_a_timed_out_attempt_too_late_for_another(host: Host) -> None:
    """It fails as the last attempt did: with what timed out."""
    in_progress(host, timeout=5, schedule_to_close_timeout=6)
    host.advance(5)
    assert "attempt 1 at activity 'flaky' took longer than its timeout of 5 s" in str(host.output("w"))


def test_suspended_time_does_not_count(host: Host) -> None:
    """A workflow that goes on after an hour makes its retry, in memory as out of it."""
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
    """An activity that is never begun fails in the end."""
    host.submit(one(schedule_to_close_timeout=10), "w")
    host.advance(10)
    assert "schedule_to_close_timeout of 10 s" in str(host.output("w"))


# ---------------------------------------------------------------------- heartbeat_timeout


def test_silence(host: Host) -> None:
    """An attempt that sends no heartbeat for `heartbeat_timeout` has failed, and a retry follows."""
    attempt = in_progress(host, heartbeat_timeout=2)
    for _ in range(5):
        host.advance(1.9)
        host.beat(attempt)
    host.advance(1.999)
    assert step_of(host).attempt == 1
    host.advance(0.001)
    assert step_of(host).attempt == 2
    assert "sent no heartbeat for longer than its heartbeat_timeout of 2 s" in error_of(host)
    assert host.desk.abandoned == [attempt]


def test_silence_from_the_beginning(host: Host) -> None:
    """It counts from when a worker began; what waits for one need not live."""
    host.submit(one(heartbeat_timeout=2), "w")
    host.advance(17)
    host.begin()
    host.advance(1.9)
    assert step_of(host).attempt == 1
    host.advance(0.1)
    assert step_of(host).attempt == 2


def test_the_first_limit_counts(host: Host) -> None:
    """Of several, the one that comes first, and each attempt anew."""
    attempt = in_progress(host, timeout=5, heartbeat_timeout=2, schedule_to_close_timeout=20)
    for _ in range(4):
        host.advance(1)
        host.beat(attempt)
    host.advance(1)
    assert "timeout of 5 s" in error_of(host)
    host.advance(1)
    host.begin()
    host.advance(2)
    assert "heartbeat_timeout of 2 s" in error_of(host)
    host.advance(2)
    attempt = host.begin()
    for _ in range(9):
        host.advance(0.5)
        host.beat(attempt)
    host.advance(0.5)
    assert step_of(host).attempt == 4
    host.advance(4)
    attempt = host.begin()
    host.advance(1)
    assert "attempt 4 at activity 'flaky' was under way when the schedule_to_close" in str(host.output("w"))


# ---------------------------------------------------------------------- heartbeats on disk


def details_of(host: Host) -> object:
    stored = step_of(host).heartbeat
    return None if stored is None else CODEC.decode(stored)


def written(host: Host, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    """When which details are put on disk, from here on."""
    found: list[tuple[float, Any]] = []
    commit = host.store.inner.commit

    def note(checkpoints: list[Checkpoint]) -> None:
        commit(checkpoints)
        for checkpoint in checkpoints:
            found.extend(((host.now - START) / SECOND, CODEC.decode(details)) for _, details in checkpoint.heartbeats)

    monkeypatch.setattr(host.store.inner, "commit", note)
    return found


OPTIONS: list[dict[str, float]] = [
    {},
    {"heartbeat_timeout": 0.5},
    {"timeout": 0.7},
    {"heartbeat_timeout": 0.35, "schedule_to_close_timeout": 9.9},
]


@pytest.mark.parametrize("options", OPTIONS, ids=[" ".join(each) or "no limits" for each in OPTIONS])
@pytest.mark.parametrize("every", [0.01, 0.3, 0.999, 1.0, 1.7])
def test_heartbeats_reach_the_disk(
    host: Host, options: dict[str, float], every: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest within a second, and at most one a second for each attempt, whatever limits are looked after."""
    commits = written(host, monkeypatch)
    attempt = in_progress(host, **options)
    sent: list[tuple[float, int]] = []
    for number in range(int(5 / every)):
        if host.desk.abandoned:
            break
        host.beat(attempt, number)
        sent.append(((host.now - START) / SECOND, number))
        for _ in range(round(every / 0.01)):
            host.advance(0.01)
            if attempt.begun_at is not None and "timeout" in options:
                attempt.begun_at = host.now
    times = [moment for moment, _ in commits]
    assert all(later - earlier >= 1 - 1e-9 for earlier, later in pairwise(times))
    numbers = [number for _, number in commits]
    assert numbers == sorted(numbers)
    end = (host.now - START) / SECOND
    for moment, number in sent:
        if moment + 1.01 <= end and not host.desk.abandoned:
            assert any(at <= moment + 1.01 and there >= number for at, there in commits)


def test_the_next_attempt_finds_the_last_details(host: Host) -> None:
    """Those of the attempt before, also where the last of them were not on disk yet; and those are on disk then."""
    attempt = in_progress(host)
    assert attempt.details is None
    host.beat(attempt, 1)
    host.beat(attempt, 2)
    assert details_of(host) == 1
    failing(host, attempt)
    assert details_of(host) == 2
    host.advance(1)
    second = host.begin()
    assert CODEC.decode(second.details or "") == 2
    failing(host, second)
    host.advance(2)
    assert CODEC.decode(host.begin().details or "") == 2


def test_details_outlive_a_crash(host: Host) -> None:
    """Whoever makes the attempt again finds what it had said of itself."""
    host.beat(in_progress(host), {"row": 17})
    host.restart()
    assert CODEC.decode(host.begin().details or "") == {"row": 17}


def test_details_of_a_timed_out_attempt(host: Host) -> None:
    """They are there for the next one; what it still says then is not listened to."""
    late = in_progress(host, timeout=5)
    host.beat(late, "on time")
    host.advance(5)
    host.beat(late, "late")
    host.advance(5)
    assert details_of(host) == "on time"
    assert CODEC.decode(host.begin().details or "") == "on time"


def test_heartbeats_of_a_failing_disk(host: Host) -> None:
    """A heartbeat that could not be written is written when the disk works, and the attempt is not made again."""
    attempt = in_progress(host)
    host.store.failing_commits = 2
    host.beat(attempt, "kept")
    assert details_of(host) is None
    for _ in range(30):
        host.advance(0.1)
    assert (details_of(host), numbers(host)) == ("kept", [])
    host.end(attempt)
    assert host.output("w") == "A"


def test_a_heartbeat_after_the_clock_was_set_back(host: Host) -> None:
    """It is written once the clock has caught up."""
    attempt = in_progress(host)
    host.beat(attempt, "before")
    host.advance(-3600)
    host.beat(attempt, "after")
    host.advance(3600 + 1)
    assert details_of(host) == "after"


def test_nothing_is_looked_after_once_it_is_over(host: Host) -> None:
    """No timer is left of an attempt that has ended."""
    attempt = in_progress(host, timeout=60, heartbeat_timeout=60)
    host.beat(attempt, 1)
    host.end(attempt)
    assert host.scheduler._state.timers._live == {}
    assert host.scheduler.load == (0, 0)


def test_heartbeats_of_a_suspended_workflow(host: Host) -> None:
    """They are written, and nothing else happens."""
    attempt = in_progress(host)
    host.ask("w", RequestKind.SUSPEND)
    host.beat(attempt, "still here")
    assert (details_of(host), host.status("w")) == ("still here", "suspended")


def test_two_attempts_have_two_clocks(host: Host) -> None:
    """Each attempt has its own limits, also in one workflow."""
    host.submit(two("a", "b"), "w")
    first = host.begin("a")
    host.advance(3)
    second = host.begin("b")
    host.end(first)
    host.advance(4.9)
    assert not second.cancelled
    host.advance(0.1)
    assert second.cancelled
    assert "took longer" in str(host.output("w"))


def test_policy_used_by_these_tests() -> None:
    """The waits are as the tests above say."""
    assert [CALM.interval(number, 0.5) for number in (1, 2, 3)] == [1, 2, 4]


def test_a_timeout_may_be_final(host: Host) -> None:
    """`non_retryable` is asked about a timeout as about any failure."""
    in_progress(host, timeout=5, retry=RetryPolicy(non_retryable=TimeoutError))
    host.advance(5)
    assert (step_of(host).attempt, host.status("w")) == (1, "failed")
