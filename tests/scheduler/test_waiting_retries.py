"""A workflow that waits for a retry: it leaves memory, is back in time, and outlives crashes and clocks."""

from __future__ import annotations

from tests.support.engine import SECOND, START, Host
from tests.support.flaky import CALM, Flaky, failing, numbers, step_of
from yieldflow import ActivityError, Flow, RetryPolicy, gather, sleep, workflow

LAB = Flaky()
one, flaky = LAB.one, LAB.flaky


@workflow(registry=LAB.registry)
def fan(*labels: str) -> Flow[list[str]]:
    return (yield from gather(*map(flaky, labels)))


@workflow(registry=LAB.registry)
def beside_a_sleep(seconds: float) -> Flow[tuple[str, None]]:
    return (yield from gather(flaky("a"), sleep(seconds)))


# ---------------------------------------------------------------------- out of memory


def resident(host: Host) -> bool:
    return host.scheduler.live("w") is not None


def test_who_waits_long_for_a_retry_leaves_memory(host: Host) -> None:
    """After a minute in which nothing happens, if nothing is due for another; it is back when the retry is due."""
    LAB.fails("a", ActivityError("busy", retry_after=3600))
    host.submit(fan("a"), "w")
    host.work_off()
    for _ in range(8):
        host.advance(10)
    assert not resident(host)
    host.now = START + 3600 * SECOND - 1
    host.settle()
    assert not resident(host)
    host.now += 1
    host.settle()
    assert numbers(host) == [("a", 2)]
    host.work_off()
    assert host.output("w") == ["A"]


def test_who_waits_shortly_stays(host: Host) -> None:
    """One whose retry is due within the minute is not built anew for it; nor is one whose attempt is under way."""
    LAB.fails("a", ActivityError("busy", retry_after=100))
    host.submit(fan("a"), "w")
    host.work_off()
    for _ in range(20):
        host.advance(10)
        assert resident(host)
    assert host.store.loads == []


def test_a_recovered_workflow_leaves_memory_too(host: Host) -> None:
    """An attempt that failed after a recovery has shown that the process survives it: nothing is held up by it."""
    LAB.fails("a", ActivityError("busy", retry_after=3600))
    host.submit(fan("a"), "w")
    host.restart()
    assert host.record("w").recovery_attempts == 1
    host.work_off()
    assert host.record("w").recovery_attempts == 0
    for _ in range(8):
        host.advance(10)
    assert not resident(host)


def test_retries_over_many_sessions_park_nobody(host: Host) -> None:
    """A workflow that gets one failed attempt further in each session is not set aside."""
    LAB.fails("a", *["no"] * 30)
    host.submit(one(retry=RetryPolicy(1, 1, jitter=False)), "w")
    for _ in range(30):
        host.restart()
        host.work_off()
        host.advance(1)
    assert (host.status("w"), step_of(host).attempt) == ("processing", 31)
    host.work_off()
    assert host.output("w") == "A"


def test_an_attempt_that_kills_the_process_is_parked(host: Host) -> None:
    """A later attempt that kills the process has its workflow set aside too."""
    LAB.fails("a", "no")
    host.submit(one(), "w")
    host.work_off()
    for _ in range(20):
        host.now += 3 * SECOND
        host.restart()
    assert host.status("w") == "stalled"
    assert "the process died" in host.reason("w")


def test_recovery_leaves_who_waits_for_a_retry_out_of_memory(host: Host) -> None:
    """A workflow that waits for a retry is not loaded by a recovery until the retry is due."""
    LAB.fails("a", ActivityError("busy", retry_after=3600))
    host.submit(one(), "w")
    host.work_off()
    host.advance(2)
    host.restart()
    host.store.loads.clear()
    for _ in range(59):
        host.advance(60)
    assert (resident(host), host.store.loads, host.record("w").recovery_attempts) == (False, [], 0)
    host.advance(58)
    assert numbers(host) == [("a", 2)]


def test_a_clock_that_was_set_back_loses_no_outcome(host: Host) -> None:
    """An attempt under way keeps its workflow in memory, also where it seems to be due only later."""
    LAB.fails("a", "no")
    host.submit(fan("a"), "w")
    host.work_off()
    host.advance(1)
    attempt = host.begin()
    host.advance(-3600)
    for _ in range(12):
        host.advance(10)
    host.end(attempt)
    host.settle()
    assert host.status("w") == "done"


def test_beside_others(host: Host) -> None:
    """A retry that waits holds up no other branch, and is held up by none."""
    LAB.fails("a", *["no"] * 3)
    host.submit(beside_a_sleep(2), "w")
    host.work_off()
    host.advance(2)
    host.work_off()
    assert step_of(host, 1).status == "done"
    assert step_of(host).attempt == 3
    host.finish()
    assert host.output("w") == ["A", None]


def test_a_policy_that_was_taken_away(host: Host) -> None:
    """Options are the code's: a retry that is on disk is made, and its failure is final where the policy is gone."""
    LAB.fails("a", "no", "final")
    host.submit(one(retry=CALM), "w")
    host.work_off()
    host.advance(1)
    attempt = host.begin()
    object.__setattr__(attempt.options, "retry", None)
    failing(host, attempt, "final")
    assert host.output("w") == "ValueError: final"
