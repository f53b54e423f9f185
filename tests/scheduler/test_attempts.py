"""Activities that fail are retried: when they are due, in order, as the same attempt after a crash."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.engine import SECOND, START, Host, history
from tests.support.flaky import Flaky, label_of, numbers, step_of
from yieldflow import (
    ActivityError,
    Flow,
    Orchestrator,
    Registry,
    RetryPolicy,
    activity,
    activity_context,
    continue_as_new,
    gather,
    workflow,
)
from yieldflow.store import Current

LAB = Flaky()
one, flaky = LAB.one, LAB.flaky


@workflow(registry=LAB.registry)
def fan(*labels: str) -> Flow[list[str]]:
    return (yield from gather(*map(flaky, labels)))


@workflow(registry=LAB.registry)
def chain(*labels: str) -> Flow[list[str]]:
    results = []
    for label in labels:
        try:
            results.append((yield from flaky(label)))
        except ValueError as error:
            results.append(str(error))
    return results


@workflow(registry=LAB.registry)
def runs(number: int) -> Flow[str]:
    yield flaky("a")
    if number == 1:
        return (yield from continue_as_new(runs(2)))
    return "over"


# ---------------------------------------------------------------------- tried again


def test_a_failed_attempt_is_tried_again(host: Host) -> None:
    """A failed attempt is retried one second later, then two, then four, until it succeeds."""
    LAB.fails("a", "no", "still no", "never")
    host.submit(one(), "w")
    for wait in (1, 2, 4):
        host.work_off()
        assert host.tasks == []
        host.advance(wait - 0.000001)
        assert host.tasks == []
        host.advance(0.000001)
        assert len(host.tasks) == 1
    host.work_off()
    assert host.output("w") == "A"
    assert step_of(host).attempt == 4
    assert len(LAB.performed) == 4


def test_without_a_policy_the_first_failure_is_the_activitys(host: Host) -> None:
    """Nothing is tried again unless asked for, not even where the failure asks for it."""

    @workflow(registry=LAB.registry)
    def plain() -> Flow[str]:
        return (yield from LAB.fail("a"))

    host.submit(plain(), "w")
    host.work_off()
    assert (host.status("w"), host.output("w")) == ("failed", "ValueError: a")


def test_the_last_failure_is_the_activitys(host: Host) -> None:
    """After `maximum_attempts` the workflow gets the last attempt's exception, and the row says which that was."""
    LAB.fails("a", "first", "second", "third", "fourth")
    host.submit(one(retry=RetryPolicy(maximum_attempts=3, jitter=False)), "w")
    host.finish()
    assert host.output("w") == "ValueError: third"
    step = step_of(host)
    assert (step.attempt, step.status, step.last_failure) == (3, "failed", None)


def test_what_forbids_another_attempt(host: Host) -> None:
    """`non_retryable` and `ActivityError(retryable=False)` are final at once, and arrive as they are."""
    LAB.fails("a", KeyError("x"))
    LAB.fails("b", ActivityError("expired", retryable=False, retry_after=7))
    host.submit(one("a", retry=RetryPolicy(non_retryable=LookupError)), "a")
    host.submit(one("b"), "b")
    host.work_off()
    assert host.output("a") == "KeyError: 'x'"
    assert host.output("b") == "expired False 7"


@pytest.mark.parametrize("after", [30, 30.0, timedelta(seconds=30)])
def test_a_failure_says_when(host: Host, after: float) -> None:
    """`retry_after` takes the place of the policy's wait, and the next wait is the policy's again."""
    LAB.fails("a", ActivityError("busy", retry_after=after), "no")
    host.submit(one(), "w")
    host.work_off()
    assert step_of(host).due_at == START + 30 * SECOND
    host.advance(30)
    host.work_off()
    assert step_of(host).due_at == START + 32 * SECOND


def test_a_failure_asks_for_another_attempt_at_once(host: Host) -> None:
    """`retry_after=0` retries at once, without an endless turn."""
    LAB.fails("a", ActivityError("again", retry_after=0), ActivityError("again", retry_after=0))
    host.submit(one(), "w")
    host.work_off()
    assert (host.output("w"), step_of(host).attempt, host.now) == ("A", 3, START)


@pytest.mark.parametrize("after", [float("inf"), 10**400])
def test_a_failure_asks_for_ever(host: Host, after: float) -> None:
    """A `retry_after` longer than any clock becomes a wait of a hundred years, and breaks nothing."""
    LAB.fails("a", ActivityError("never again", retry_after=after))
    host.submit(one(), "w")
    host.work_off()
    assert host.status("w") == "processing"
    assert step_of(host).due_at == START + 36525 * 86400 * SECOND


def test_jitter_is_the_same_however_often_it_is_asked(host: Host) -> None:
    """Jittered waits differ between steps and attempts, and lie between half the interval and all of it."""
    for step in range(40):
        LAB.fails(f"{step}", "no")
    host.submit(fan(*map(str, range(40))), "w")
    for _ in range(40):
        host.turn(host.do())
    dues = [step.due_at or 0 for step in host.store.steps("w")]
    assert dues == [START + SECOND] * 40


def test_jittered_waits(host: Host) -> None:
    """With jitter, many that failed at once come back spread over half the interval."""

    @workflow(registry=LAB.registry)
    def spread() -> Flow[list[str]]:
        return (yield from gather(*(LAB.call(str(number), retry=RetryPolicy()) for number in range(40))))

    for number in range(40):
        LAB.fails(str(number), "no")
    host.submit(spread(), "w")
    host.work_off()
    waits = [((step.due_at or 0) - START) / SECOND for step in host.store.steps("w")]
    assert all(0.5 <= wait <= 1 for wait in waits)
    assert len(set(waits)) == 40


# ---------------------------------------------------------------------- on disk


def test_where_an_attempt_stands_is_on_disk(host: Host) -> None:
    """While a retry waits, the row has its number, when it is due, and why the last attempt failed, and when."""
    LAB.fails("a", "no such order")
    host.submit(one(), "w")
    host.advance(5)
    host.work_off()
    step = step_of(host)
    assert (step.status, step.attempt, step.due_at) == ("scheduled", 2, START + 6 * SECOND)
    assert (step.failed_at, step.finished_at, step.outcome) == (START + 5 * SECOND, None, None)
    assert step.last_failure is not None
    assert step.last_failure.summary == "ValueError: no such order"
    assert "ValueError: no such order" in step.last_failure.traceback
    assert host.record("w").current == Current("flaky", 2, "ValueError: no such order", START + 6 * SECOND)
    assert host.record("w").updated_at == START + 5 * SECOND


def test_nothing_of_earlier_failures_is_left_in_an_outcome(host: Host) -> None:
    """A step that succeeded in the end shows no error."""
    LAB.fails("a", "no")
    host.submit(one(), "w")
    host.finish()
    step = step_of(host)
    assert (step.status, step.outcome, step.last_failure, step.failed_at) == ("done", '"A"', None, None)
    assert step.finished_at == host.now


def test_a_waiting_retry_holds_no_worker(host: Host) -> None:
    """While a retry waits, no attempt is handed to the workers."""
    LAB.fails("a", ActivityError("busy", retry_after=3600))
    host.submit(one(), "w")
    host.work_off()
    host.advance(3599)
    assert (host.tasks, host.desk.abandoned) == ([], [])
    assert host.scheduler.load == (0, 0)  # what a leak would show first


def test_attempts_of_a_crash_are_made_again_under_the_same_number(host: Host) -> None:
    """An attempt under way in a crash is made again under the same number: a crash is no failure of it."""
    LAB.fails("a", "no")
    host.submit(one(retry=RetryPolicy(maximum_attempts=2, jitter=False)), "w")
    for _ in range(3):
        host.restart()
        assert numbers(host) == [("a", 1)]
    host.work_off()
    for _ in range(3):
        host.restart()
        assert numbers(host) == []
    host.advance(1)
    for _ in range(3):
        host.begin()
        host.restart()
        assert numbers(host) == [("a", 2)]
    host.work_off()
    assert (host.output("w"), step_of(host).attempt) == ("A", 2)


def test_an_hour_of_downtime_loses_no_attempt(host: Host) -> None:
    """A retry that came due while nothing ran is made at the start, and the next wait is as long as it would be."""
    LAB.fails("a", "no", "no", "no")
    host.submit(one(), "w")
    host.work_off()
    host.advance(1)
    host.work_off()
    assert step_of(host).due_at == START + 3 * SECOND
    host.now += 3600 * SECOND
    host.restart()
    assert numbers(host) == [("a", 3)]
    host.work_off()
    assert step_of(host).due_at == host.now + 4 * SECOND


def test_downtime_makes_no_due_retry_fail(host: Host) -> None:
    """Downtime does not count for `schedule_to_close_timeout`, however often it happens."""
    LAB.fails("a", *["no"] * 4)
    policy = RetryPolicy(4, 1, jitter=False)
    host.submit(one(retry=policy, schedule_to_close_timeout=30), "w")
    host.work_off()
    for attempt in (2, 3, 4):
        host.now += 3600 * SECOND
        host.restart()
        assert numbers(host) == [("a", attempt)]
        host.advance(1)
        host.work_off()
        assert (host.status("w"), step_of(host).attempt) == ("processing", attempt + 1)
    host.advance(4)
    host.work_off()
    assert host.output("w") == "A"


def test_time_before_the_downtime_still_counts(host: Host) -> None:
    """An activity has its time once: what was used of it before a crash is not given again."""
    LAB.fails("a", *["no"] * 9)
    policy = RetryPolicy(10, 1, jitter=False)
    host.submit(one(retry=policy, schedule_to_close_timeout=35), "w")
    host.work_off()
    for _ in range(3):
        host.now += 3600 * SECOND
        host.restart()
        host.work_off()
    assert (host.output("w"), step_of(host).attempt) == ("ValueError: no", 4)


def test_a_failure_that_is_no_outcome_enters_no_workflow(host: Host) -> None:
    """With any number of retries the history is the same as without, and so is what a replay makes of it."""
    host.submit(chain("a", "b", "c"), "plain")
    host.finish()
    for label, count in (("a", 3), ("b", 1), ("c", 5)):
        LAB.fails(label, *["no"] * count)
    host.submit(chain("a", "b", "c"), "w")
    while host.status("w") == "processing":
        host.work_off()
        host.restart()
        host.advance(1)
    assert host.output("w") == ["A", "B", "C"]
    assert history(host.store, "w") == history(host.store, "plain")
    loaded = host.store.load("w")
    assert loaded is not None
    assert [step.due_at for step in loaded.history.steps] == [None] * 3


def test_waiting_attempts_go_in_the_order_in_which_they_came_due(host: Host) -> None:
    """Retries are made in the order in which they came due, even if all came due while no process ran."""
    order = [5, 2, 4, 1, 3]
    for wait in order:
        LAB.fails(str(wait), ActivityError("busy", retry_after=wait), ActivityError("busy", retry_after=wait))
    for wait in order:
        host.submit(one(str(wait)), f"w{wait}")
    host.work_off()
    host.advance(10)
    assert [label_of(attempt) for attempt in host.tasks] == ["1", "2", "3", "4", "5"]
    host.work_off()
    host.now += 3600 * SECOND
    host.restart()
    host.settle()
    assert [label_of(attempt) for attempt in host.tasks] == ["1", "2", "3", "4", "5"]


def test_each_run_counts_its_own_attempts(host: Host) -> None:
    """Each run counts its own attempts, from the first."""
    LAB.fails("a", "no", "no", "no")
    host.submit(runs(1), "w")
    while host.record("w").run == 1:
        host.advance(1)
        host.work_off()
    assert (step_of(host).attempt, step_of(host).status) == (1, "done")
    assert host.output("w") == "over"


# ---------------------------------------------------------------------- the idempotency key


def test_the_idempotency_key(host: Host) -> None:
    """The idempotency key is the same over attempts and crashes, and another for each step, run and workflow."""
    LAB.fails("a", "no", "no")
    keys: dict[tuple[str, int, int, str], set[str]] = {}

    def note(attempt: object) -> None:
        info = attempt.info  # type: ignore[attr-defined]  # of Attempt
        keys.setdefault((info.workflow_id, info.run, info.step, label_of(attempt)), set()).add(info.idempotency_key)  # type: ignore[arg-type]

    host.on_dispatch = note
    host.submit(runs(1), "w")
    host.submit(chain("a", "b"), "v")
    for _ in range(4):
        host.restart()
        host.work_off()
        host.advance(4)
    host.finish()
    assert sorted(keys) == [("v", 1, 0, "a"), ("v", 1, 1, "b"), ("w", 1, 0, "a"), ("w", 2, 0, "a")]
    assert all(len(each) == 1 for each in keys.values())
    assert len(set.union(*keys.values())) == 4


def test_the_idempotency_key_of_something_else(orchestrator: Orchestrator, registry: Registry) -> None:
    """After a retry from an earlier step, a step that asks for something else has another key."""
    names = iter(["alice", "bob"])
    keys: dict[str, str] = {}

    @activity(registry=registry)
    def look_up() -> str:
        return next(names)

    @activity(registry=registry)
    def charge(who: str) -> str:
        keys[who] = activity_context().idempotency_key
        if who == "alice":
            raise ValueError("no funds")
        return who

    @workflow(registry=registry)
    def order() -> Flow[str]:
        return (yield from charge((yield from look_up())))

    handle = orchestrator.submit(order())
    with pytest.raises(ValueError, match="no funds"):
        handle.result(60)
    handle.retry(from_step=0)
    assert handle.result(60) == "bob"
    assert keys["alice"] != keys["bob"]


# ---------------------------------------------------------------------- a disk that fails


def test_a_failed_commit_loses_and_doubles_nothing(host: Host) -> None:
    """If a retry cannot be recorded, its failed attempt is not repeated, and counts once when the disk works."""
    LAB.fails("a", "no")
    host.submit(one(retry=RetryPolicy(maximum_attempts=2, jitter=False)), "w")
    host.store.failing_commits = 3
    host.settle(host.do())
    assert step_of(host).attempt == 1
    for _ in range(20):
        host.advance(0.05)
    assert (host.store.failing_commits, numbers(host)) == (0, [])
    assert step_of(host).attempt == 2
    host.finish()
    assert (host.output("w"), len(LAB.performed)) == ("A", 2)
