"""The system's clock is set while things go on: what has a length keeps it, and points in time are where they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.engine import SECOND, START, Host
from tests.support.flaky import Flaky, failing, numbers
from tests.support.flows import make_waits
from yieldflow import Flow, RetryPolicy, gather, sleep, sleep_until, wait_signal, workflow
from yieldflow._core.execution import Execution
from yieldflow._core.history import to_datetime
from yieldflow.scheduler import residency
from yieldflow.store import RequestKind

LAB = Flaky()
one = LAB.one
waits = make_waits(LAB)
HOUR = 3600

#: What limits an attempt, by the name of its option.
LIMITS = ["timeout", "heartbeat_timeout", "schedule_to_close_timeout"]


@workflow(registry=LAB.registry)
def naps(*seconds: float) -> Flow[str]:
    for length in seconds:
        yield sleep(length)
    return "rested"


@workflow(registry=LAB.registry)
def until(hours: float) -> Flow[str]:
    yield sleep_until(to_datetime(START) + timedelta(hours=hours))
    return "rested"


@workflow(registry=LAB.registry)
def both(seconds: float) -> Flow[str]:
    yield gather(sleep(seconds), wait_signal("go"))
    return "rested"


@pytest.fixture
def evicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever may leave memory does so at once."""
    monkeypatch.setattr(residency, "IDLE", 0)


def begun(host: Host, **options: Any) -> Any:
    host.submit(one(**options), "w")
    return host.begin()


# ---------------------------------------------------------------------- attempts


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
def test_a_clock_that_is_set_changes_no_limit_of_an_attempt(host: Host, limit: str, set_by: int) -> None:
    """An attempt has the time that it was given, to the microsecond, though the clock is set meanwhile."""
    attempt = begun(host, **{limit: 5})
    host.advance(2)
    host.set_clock(set_by)
    host.settle()
    host.advance(3 - 0.00001)
    assert not attempt.cancelled
    host.advance(0.00001)
    assert attempt.cancelled


@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
def test_a_clock_that_is_set_changes_nothing_of_the_wait_for_a_worker(host: Host, set_by: int) -> None:
    """`schedule_to_start_timeout` counts the time that passes."""
    host.submit(one(schedule_to_start_timeout=5), "w")
    host.set_clock(set_by)
    host.advance(4.999)
    assert host.status("w") == "processing"
    host.advance(0.001)
    assert "was begun by no worker" in str(host.output("w"))


@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
def test_the_time_of_all_attempts_is_what_has_passed(host: Host, set_by: int) -> None:
    """`schedule_to_close_timeout` counts on where the clock was set between two attempts, also after a restart."""
    attempt = begun(host, schedule_to_close_timeout=10, retry=RetryPolicy(1, 1, jitter=False))
    host.advance(3)
    failing(host, attempt)
    host.advance(1)
    host.set_clock(set_by)
    host.settle()
    failing(host, host.begin())
    host.restart()
    host.advance(1 + max(0, -set_by))
    attempt = host.begin()
    host.advance(4.99)
    assert not attempt.cancelled
    host.advance(0.01)
    assert attempt.cancelled


def test_a_machine_that_sleeps_takes_no_time_from_an_attempt(host: Host) -> None:
    """While the machine sleeps the time of an attempt stands still; a workflow that waits goes on as it wakes."""
    attempt = begun(host, timeout=5)
    host.submit(naps(60), "nap")
    host.sleep_machine(HOUR)
    host.settle()
    assert (attempt.cancelled, host.output("nap")) == (False, "rested")
    host.advance(5)
    assert attempt.cancelled


# ---------------------------------------------------------------------- workflows


@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
@pytest.mark.parametrize("kind", [naps, waits, both])
def test_a_sleep_lasts_as_long_as_it_was_told(host: Host, kind: Any, set_by: int) -> None:
    """A sleep or a `wait_for` that a process saw begin ends when that time has passed, however the clock is set."""
    host.submit(kind(100), "w")
    host.signal("w", "other" if kind is waits else "go")
    host.advance(40)
    host.set_clock(set_by)
    host.settle()
    host.advance(59.9)
    assert host.status("w") == "processing"
    host.advance(0.1)
    assert host.status("w") == "done"


@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
def test_a_sleep_keeps_its_length_though_its_workflow_is_built_again(host: Host, set_by: int) -> None:
    """A disk that fails has a workflow built again after the clock was set, and its sleep ends in time all the same."""
    host.submit(both(100), "w")
    host.set_clock(set_by)
    host.settle()
    host.store.failing_commits = 1
    host.signal("w", "go")
    host.advance(1)
    host.signal("w", "go")
    host.advance(98.9)
    assert host.status("w") == "processing"
    host.advance(0.1)
    assert host.status("w") == "done"


def test_a_sleep_that_begins_after_the_clock_was_set_back(host: Host) -> None:
    """It lasts as long as it was told, though `now()` still gives the latest time that was seen."""
    host.submit(naps(10, 60), "w")
    host.set_clock(-HOUR)
    host.advance(10)
    host.advance(59.9)
    assert host.status("w") == "processing"
    host.advance(0.1)
    assert host.output("w") == "rested"


def test_a_point_in_time_goes_by_the_systems_clock(host: Host) -> None:
    """`sleep_until` ends when the system's clock shows that time, and not before."""
    host.submit(until(1), "early")
    host.submit(until(3), "late")
    host.set_clock(HOUR)
    host.settle()
    assert (host.status("early"), host.status("late")) == ("done", "processing")
    host.set_clock(-HOUR)
    host.advance(2 * HOUR)
    assert host.status("late") == "processing"
    host.advance(HOUR)
    assert host.status("late") == "done"


def test_a_delay_lasts_as_long_as_it_was_told(host: Host) -> None:
    """A workflow that is to start later does so once that time has passed, also where the clock was set back."""
    host.submit(naps(), "w", delay=100)
    host.set_clock(-HOUR)
    host.advance(99.9)
    assert host.status("w") == "processing"
    host.advance(0.1)
    assert host.status("w") == "done"


def test_a_workflows_time_is_what_has_passed(host: Host) -> None:
    """The timeout of a workflow counts the time that passes."""
    message, _ = host.asking(waits(HOUR), ids=["w"])
    host.turn(message._replace(submissions=[message.submissions[0]._replace(deadline_at=host.now + 100 * SECOND)]))
    host.set_clock(HOUR)
    host.advance(99.9)
    assert host.status("w") == "processing"
    host.advance(0.1)
    assert host.status("w") == "failed"


def test_a_retry_waits_as_long_as_it_was_told(host: Host) -> None:
    """The pause before an attempt lasts as long as the policy says, though the clock is set back."""
    failing(host, begun(host, retry=RetryPolicy(100, jitter=False)))
    host.set_clock(-HOUR)
    host.advance(99.9)
    assert numbers(host) == []
    host.advance(0.1)
    assert numbers(host) == [("a", 2)]


def test_what_waits_for_the_disk_waits_no_longer(host: Host) -> None:
    """The pause of a disk that fails is over in its time, though the clock is set back."""
    host.store.failing_commits = 1
    host.submit(naps(5), "w")
    host.store.failing_commits = 1
    host.submit(naps(5), "v")
    host.submit(naps(5), "w")
    host.set_clock(-HOUR)
    host.advance(5)
    assert host.output("w") == "rested"


@pytest.mark.usefixtures("evicted")
@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
def test_what_left_memory_is_woken_in_time(host: Host, set_by: int) -> None:
    """A sleeper that left memory before the clock was set wakes when its time has passed, and not before."""
    host.submit(naps(100), "before")
    host.advance(1)
    host.set_clock(set_by)
    host.submit(naps(100), "after")
    for _ in range(9):
        host.advance(10.9)
    assert (host.status("before"), host.status("after")) == ("processing", "processing")
    host.advance(0.9)
    assert (host.status("before"), host.status("after")) == ("done", "processing")
    host.advance(1)
    assert host.status("after") == "done"


@pytest.mark.usefixtures("evicted")
@pytest.mark.parametrize("others", [(), (9,)])
def test_a_point_in_time_on_disk_is_found_when_the_clock_is_set_past_it(host: Host, others: tuple[float, ...]) -> None:
    """A `sleep_until` that left memory is over at once where the clock is set forward past its time."""
    for hours in (2, *others):
        host.submit(until(hours), f"w{hours}")
    host.submit(naps(), "later", delay=HOUR)
    host.submit(naps(2 * HOUR), "nap")
    host.advance(2)
    host.advance(2)
    host.set_clock(3 * HOUR)
    host.settle()
    host.settle()
    assert (host.status("w2"), host.status("later"), host.status("nap")) == ("done", "processing", "processing")
    host.advance(HOUR - 4.001)
    assert host.status("later") == "processing"
    host.advance(0.001)
    assert (host.status("later"), host.status("nap")) == ("done", "processing")
    host.advance(HOUR - 0.001)
    assert host.status("nap") == "processing"
    host.advance(0.001)
    assert host.status("nap") == "done"


@pytest.mark.usefixtures("evicted")
def test_a_clock_that_is_set_twice_leaves_a_sleep_as_long(host: Host) -> None:
    """A sleeper on disk wakes when its time has passed, where the clock was set forward and back again."""
    host.submit(naps(100), "w")
    host.submit(naps(10), "v")
    host.advance(2)
    host.advance(8)
    for seconds in (50, -50):
        host.set_clock(seconds)
        host.settle()
    host.advance(89.9)
    assert host.status("w") == "processing"
    host.advance(0.1)
    assert host.status("w") == "done"


@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
@pytest.mark.parametrize("kind", [naps, waits])
@pytest.mark.parametrize("stays", [False, True], ids=["on disk", "in memory"])
def test_a_sleep_lasts_as_long_though_its_workflow_is_suspended(
    host: Host, kind: Any, set_by: int, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the clock is set while a workflow is suspended, its sleep ends when its time has passed."""
    if stays:
        monkeypatch.setattr(Execution, "closes_silently", lambda *_: False)
    host.submit(kind(100), "w")
    host.advance(40)
    host.ask("w", RequestKind.SUSPEND)
    host.set_clock(set_by)
    host.advance(10)
    host.ask("w", RequestKind.RESUME)
    host.advance(49.9)
    assert host.status("w") == "processing"
    host.advance(0.1)
    assert host.status("w") == "done"


def test_a_point_on_disk_is_found_by_the_next_process(host: Host) -> None:
    """What another process finds is due by the system's clock: that is all that is on disk."""
    host.submit(naps(100), "w")
    host.ask("w", RequestKind.SUSPEND)
    host.set_clock(-HOUR)
    host.restart()
    host.ask("w", RequestKind.RESUME)
    host.advance(100)
    assert host.status("w") == "processing"
    host.advance(HOUR)
    assert host.status("w") == "done"
