"""Heartbeats: silence fails an attempt, and details reach the disk and the next attempt."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.support.engine import CODEC, SECOND, START, Host
from tests.support.flaky import CALM, Flaky, failing, numbers, step_of
from yieldflow import Flow, RetryPolicy, activity, gather, workflow
from yieldflow.store import Checkpoint, RequestKind
from yieldflow.workers import Attempt

LAB = Flaky()
one = LAB.one


@activity(registry=LAB.registry, timeout=5)
def single(label: str) -> str:
    return label.upper()


@workflow(registry=LAB.registry)
def two(*labels: str) -> Flow[list[str]]:
    return (yield from gather(*map(single, labels)))


def in_progress(host: Host, **options: Any) -> Attempt:
    """A workflow "w" with an attempt at an activity of these options, which a worker begins at once."""
    host.submit(one(**options), "w")
    return host.begin()


def error_of(host: Host) -> str:
    return (host.record("w").current or (None,) * 4)[2] or ""


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
    """`heartbeat_timeout` counts from when a worker began; an attempt in the queue needs no heartbeat."""
    host.submit(one(heartbeat_timeout=2), "w")
    host.advance(17)
    host.begin()
    host.advance(1.9)
    assert step_of(host).attempt == 1
    host.advance(0.1)
    assert step_of(host).attempt == 2


def test_the_first_limit_counts(host: Host) -> None:
    """The earliest limit counts, for each attempt anew."""
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
    """Return a list that grows with each write of details: second and details."""
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
    """The latest details are on disk within a second, with at most one write a second for each attempt."""
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
    """The next attempt finds the last details of the one before, even those not on disk yet, which are then."""
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
    """After a crash, the repeated attempt finds the details of its last heartbeat."""
    host.beat(in_progress(host), {"row": 17})
    host.restart()
    assert CODEC.decode(host.begin().details or "") == {"row": 17}


def test_details_of_a_timed_out_attempt(host: Host) -> None:
    """The details of a timed-out attempt are there for the next one; its later heartbeats are dropped."""
    late = in_progress(host, timeout=5)
    host.beat(late, "on time")
    host.advance(5)
    host.beat(late, "late")
    host.advance(5)
    assert details_of(host) == "on time"
    assert CODEC.decode(host.begin().details or "") == "on time"


def test_a_heartbeat_of_an_attempt_that_is_over_is_dropped(host: Host) -> None:
    """An attempt that lives on after its time is over writes nothing by its first heartbeat."""
    attempt = in_progress(host, timeout=5, retry=RetryPolicy(maximum_attempts=1))
    host.advance(5)
    commits = len(host.store.commits)
    host.beat(attempt, "late")
    assert (details_of(host), len(host.store.commits)) == (None, commits)


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
    """A heartbeat after the clock was set back is written once the clock has caught up."""
    attempt = in_progress(host)
    host.beat(attempt, "before")
    host.advance(-3600)
    host.beat(attempt, "after")
    host.advance(3600 + 1)
    assert details_of(host) == "after"


def test_nothing_is_looked_after_once_it_is_over(host: Host) -> None:
    """An ended attempt leaves no timer behind."""
    attempt = in_progress(host, timeout=60, heartbeat_timeout=60)
    host.beat(attempt, 1)
    host.end(attempt)
    assert host.scheduler._state.timers._live == {}
    assert host.scheduler.load == (0, 0)


def test_heartbeats_of_a_suspended_workflow(host: Host) -> None:
    """Heartbeats of a suspended workflow are written, and nothing else happens."""
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
