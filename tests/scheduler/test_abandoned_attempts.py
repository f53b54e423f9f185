"""Activities between two attempts, as their workflow is cancelled, suspended, ended or rewound."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.engine import CODEC, Crash, Host, submission
from tests.support.flaky import Flaky, failing, label_of, numbers, step_of
from yieldflow import (
    ActivityError,
    Cancelled,
    Flow,
    StorageError,
    cancel,
    continue_as_new,
    gather,
    race,
    sleep,
    start,
    workflow,
)
from yieldflow.scheduler.messages import RequestReceived, no_reply
from yieldflow.store import RequestKind, StepRecord
from yieldflow.workers import perform

LAB = Flaky()
flaky, pay = LAB.flaky, LAB.pay
BUSY = ActivityError("busy", retry_after=3600)


@workflow(registry=LAB.registry)
def tidy(how: str) -> Flow[str]:
    """One activity, and a cleanup where it is cancelled."""
    try:
        return (yield from pay("a") if how == "wait" else flaky("a"))
    except Cancelled:
        yield flaky("cleanup")
        raise


@workflow(registry=LAB.registry)
def in_time(how: str) -> Flow[str]:
    first = yield from race(pay("a") if how == "wait" else flaky("a"), sleep(10))
    return f"{first[0]} {(yield from flaky('then'))}"


@workflow(registry=LAB.registry)
def siblings() -> Flow[str]:
    try:
        yield gather(flaky("a"), LAB.fail("b"))
    except ValueError as error:
        return str(error)
    return "no failure"


@workflow(registry=LAB.registry)
def chain(*labels: str) -> Flow[list[str]]:
    results = []
    for label in labels:
        results.append((yield from flaky(label)))
    return results


@workflow(registry=LAB.registry)
def runs(number: int) -> Flow[str]:
    if number == 2:
        return (yield from flaky("second"))
    task = yield from start(flaky("a"))
    yield sleep(5)
    yield cancel(task)
    return (yield from continue_as_new(runs(2)))


def waiting(host: Host, invocation: object, *failures: BaseException | str) -> None:
    """A workflow "w" of which "a" has failed, and waits for its second attempt."""
    LAB.fails("a", *(failures or (BUSY,)))
    host.submit(invocation, "w")  # type: ignore[arg-type]  # of a workflow
    host.settle(host.do("a"))
    assert step_of(host).attempt == 2
    assert host.tasks == [] or numbers(host)[0][0] != "a"


@pytest.fixture(autouse=True)
def nobody_stalls(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail the test if any workflow stalls, even for a moment."""
    yield
    assert [said for said in (each.getMessage() for each in caplog.get_records("call")) if "is stalled" in said] == []


def nothing_is_left(host: Host) -> None:
    state = host.scheduler._state
    assert (state.timers._live, host.scheduler.load) == ({}, (0, 0))


# ---------------------------------------------------------------------- cancelled


@pytest.mark.parametrize("how", ["abandon", "wait"])
def test_cancelled_while_a_retry_waits(host: Host, how: str) -> None:
    """A cancellation while a retry waits runs the cleanup at once, and the retry is never made."""
    waiting(host, tidy(how))
    host.ask("w", RequestKind.CANCEL)
    assert numbers(host) == [("cleanup", 1)]
    host.work_off()
    assert (host.status("w"), LAB.performed) == ("cancelled", ["a", "cleanup"])
    host.advance(3600)
    assert host.tasks == []
    nothing_is_left(host)


@pytest.mark.parametrize("how", ["abandon", "wait"])
def test_a_race_lost_while_a_retry_waits(host: Host, how: str) -> None:
    """A branch of a lost race makes no further attempt, and is not waited for."""
    waiting(host, in_time(how))
    host.advance(10)
    host.work_off()
    assert host.output("w") == "1 THEN"
    assert step_of(host).status == ("cancelled" if how == "abandon" else "failed")
    host.advance(3600)
    nothing_is_left(host)


@pytest.mark.parametrize("how", ["abandon", "wait"])
def test_cancelled_while_a_later_attempt_runs(host: Host, how: str) -> None:
    """A cancelled later attempt is abandoned or waited for, and its failure is not retried."""
    waiting(host, tidy(how), "no")
    host.advance(1)
    attempt = host.begin("a")
    host.ask("w", RequestKind.CANCEL)
    assert attempt.cancelled
    assert numbers(host) == ([] if how == "wait" else [("cleanup", 1)])
    failing(host, attempt)
    assert numbers(host) == [("cleanup", 1)]
    host.work_off()
    assert host.status("w") == "cancelled"
    nothing_is_left(host)


@pytest.mark.parametrize("how", ["abandon", "wait"])
def test_cancelled_in_the_turn_of_the_failure(host: Host, how: str) -> None:
    """A cancellation in the turn of a failure, before or after it, leaves no retry, and nothing hangs."""
    for first in ("failure", "cancel"):
        LAB.reset()
        LAB.fails("a", "no")
        host.submit(tidy(how), first)
        failure = host.do("a")
        asked = RequestReceived(host.request(first, RequestKind.CANCEL), no_reply)
        host.settle(*((failure, asked) if first == "failure" else (asked, failure)))
        assert numbers(host) == [("cleanup", 1)]
        host.work_off()
        assert host.status(first) == "cancelled"
    nothing_is_left(host)


@pytest.mark.parametrize("how", ["abandon", "wait"])
def test_cancelled_by_a_client_before_the_start(host: Host, how: str) -> None:
    """A session that finds both the retry and the cancellation does not wait for the one to carry out the other."""
    waiting(host, tidy(how))
    host.store.ask([host.request("w", RequestKind.CANCEL)])
    host.restart()
    host.settle()
    assert numbers(host) == [("cleanup", 1)]
    host.work_off()
    assert host.status("w") == "cancelled"


def test_a_sibling_fails_while_a_retry_waits(host: Host) -> None:
    """A sibling's failure has `gather` cancel a waiting retry, and raise at once."""
    waiting(host, siblings())
    host.work_off()
    assert host.output("w") == "b"
    nothing_is_left(host)


def test_a_sibling_fails_in_the_same_turn(host: Host) -> None:
    """A sibling's failure in the same turn gives the retry up, and nothing stalls."""
    for first in "ab":
        LAB.reset()
        LAB.fails("a", BUSY)
        host.submit(siblings(), first)
        ends = {label: host.do(label) for label in "ab"}
        host.settle(ends[first], ends["b" if first == "a" else "a"])
        assert host.output(first) == "b"
    nothing_is_left(host)


def test_terminated_while_a_retry_waits(host: Host) -> None:
    """A workflow terminated while a retry waits ends at once, in memory or out of it."""
    waiting(host, chain("a"))
    host.ask("w", RequestKind.TERMINATE)
    assert host.status("w") == "cancelled"
    LAB.fails("a", BUSY)
    host.submit(chain("a"), "v")
    host.work_off()
    host.restart()
    host.ask("v", RequestKind.TERMINATE)
    assert (host.status("v"), step_of(host, 0, "v").status) == ("cancelled", "cancelled")
    host.advance(3600)
    assert host.tasks == []


def test_terminated_in_the_turn_of_the_failure(host: Host) -> None:
    """A workflow terminated in the turn of a failure, before or after it, ends."""
    for first in ("failure", "end"):
        LAB.fails("a", "no")
        host.submit(chain("a"), first)
        failure, asked = host.do("a"), RequestReceived(host.request(first, RequestKind.TERMINATE), no_reply)
        host.settle(*((failure, asked) if first == "failure" else (asked, failure)))
        assert host.status(first) == "cancelled"
    nothing_is_left(host)


def test_the_next_run_begins_while_a_retry_waits(host: Host) -> None:
    """A retry that no branch waits for is given up with its run."""
    LAB.fails("a", BUSY)
    host.submit(runs(1), "w")
    host.settle(host.do("a"))
    for _ in range(8):
        host.advance(1)
        host.work_off()
    assert host.output("w") == "SECOND"
    host.advance(3600)
    assert LAB.performed == ["a", "second"]
    nothing_is_left(host)


# ---------------------------------------------------------------------- suspended


def test_a_suspended_workflow_starts_no_attempt(host: Host) -> None:
    """A suspended workflow makes no attempt; a retry due meanwhile is made when it goes on, any other when due."""
    waiting(host, chain("a"), "no")
    host.ask("w", RequestKind.SUSPEND)
    host.advance(60)
    assert numbers(host) == []
    host.ask("w", RequestKind.RESUME)
    assert numbers(host) == [("a", 2)]


def test_a_suspended_workflow_goes_on_before_its_retry_is_due(host: Host) -> None:
    """A workflow resumed before its retry is due makes it when it is due."""
    waiting(host, chain("a"))
    host.ask("w", RequestKind.SUSPEND)
    host.advance(60)
    host.ask("w", RequestKind.RESUME)
    assert numbers(host) == []
    host.advance(3540)
    assert numbers(host) == [("a", 2)]


def test_an_attempt_fails_while_its_workflow_is_suspended(host: Host) -> None:
    """The failure is on disk, and no attempt follows before it goes on; also where the process dies meanwhile."""
    LAB.fails("a", "no")
    host.submit(chain("a"), "w")
    attempt = host.begin("a")
    host.ask("w", RequestKind.SUSPEND)
    host.end(attempt)
    assert step_of(host).attempt == 2
    host.advance(10)
    host.restart()
    host.advance(10)
    assert numbers(host) == []
    host.ask("w", RequestKind.RESUME)
    assert numbers(host) == [("a", 2)]
    host.work_off()
    assert host.output("w") == ["A"]


def test_resumed_in_the_turn_of_the_failure(host: Host) -> None:
    """A resume in the turn of a failure, before or after it, leaves one retry, made when it is due."""
    for first in ("failure", "resume"):
        LAB.fails("a", "no")
        host.submit(chain("a"), first)
        failure = host.do("a")
        host.ask(first, RequestKind.SUSPEND)
        asked = RequestReceived(host.request(first, RequestKind.RESUME), no_reply)
        host.settle(*((failure, asked) if first == "failure" else (asked, failure)))
        assert (numbers(host), step_of(host, 0, first).attempt) == ([], 2)
        host.advance(1)
        assert numbers(host) == [("a", 2)]
        host.work_off()


def test_suspended_out_of_memory(host: Host) -> None:
    """A suspended workflow leaves memory after a minute, and still makes no attempt."""
    waiting(host, chain("a"))
    host.ask("w", RequestKind.SUSPEND)
    for _ in range(10):
        host.advance(10)
    host.advance(3600)
    assert (numbers(host), host.status("w")) == ([], "suspended")
    host.ask("w", RequestKind.RESUME)
    assert numbers(host) == [("a", 2)]


# ---------------------------------------------------------------------- taken back, copied


def fresh(step: StepRecord) -> bool:
    """Return whether a step is as it was when it was issued."""
    told = (step.status, step.attempt, step.due_at, step.heartbeat, step.last_failure, step.failed_at, step.outcome)
    return told == ("scheduled", 1, None, None, None, None, None) and step.counted_from is None


def tried(host: Host, *, ends: bool) -> None:
    """A workflow "w" whose second step was tried several times, with heartbeats, and failed for good if asked."""
    final = ActivityError("never", retryable=False)
    LAB.fails("b", "no", "no", *((final,) if ends else ()))
    host.submit(chain("a", "b", "c"), "w")
    host.settle(host.do("a"))
    for wait in (1, 2):
        attempt = host.begin("b")
        host.beat(attempt, {"row": wait})
        host.end(attempt)
        host.advance(wait)
    if ends:
        host.end(host.begin("b"))
        assert host.status("w") == "failed"


def test_a_failed_workflow_is_tried_again(host: Host) -> None:
    """A retried workflow begins its failed step with the first attempt, with nothing left of earlier ones."""
    tried(host, ends=True)
    assert step_of(host, 1).attempt == 3
    host.store.rewind("w", 1, 2, reapply=False, at=host.now)
    assert fresh(step_of(host, 1))
    host.advance(1)
    assert numbers(host) == [("b", 1)]
    assert host.tasks[0].details is None
    host.work_off()
    assert host.output("w") == ["A", "B", "C"]


def test_a_copy_begins_with_the_first_attempt(host: Host) -> None:
    """In a copy, ended steps stay as they were, and an activity between attempts begins with the first."""
    tried(host, ends=False)
    host.store.fork("w", 1, 2, submission(chain("a", "b", "c"), "copy", host.now))
    copied = host.store.steps("copy")
    assert (copied[0].status, fresh(copied[1])) == ("done", True)
    host.begin("b")
    host.advance(1)
    assert numbers(host) == [("b", 1)]


def test_a_copy_of_what_was_tried_and_ended(host: Host) -> None:
    """The number of the attempt that ended a step is part of its outcome."""
    tried(host, ends=False)
    host.finish()
    host.store.fork("w", 1, 3, submission(chain("a", "b", "c"), "copy", host.now))
    original, copied = step_of(host, 1), step_of(host, 1, "copy")
    assert (copied.attempt, copied.outcome, copied.due_at) == (3, '"B"', original.due_at)
    host.finish()
    assert host.output("copy") == ["A", "B", "C"]


def test_a_cancelled_workflow_goes_back_to_where_a_retry_waited(host: Host) -> None:
    """A cancelled workflow goes back to a step between attempts, which is open again, and new."""
    waiting(host, chain("a"))
    host.ask("w", RequestKind.CANCEL)
    assert (host.status("w"), step_of(host).last_failure) == ("cancelled", None)
    host.store.rewind("w", 1, 1, reapply=False, at=host.now)
    assert fresh(step_of(host))
    host.advance(1)
    assert numbers(host) == [("a", 1)]
    host.work_off()
    assert host.output("w") == ["A"]


def test_a_late_result_of_a_workflow_that_went_back(host: Host) -> None:
    """The result of an attempt from before a retry of the workflow is not taken for that of the attempt made now."""
    waiting(host, chain("a"), "no")
    host.advance(1)
    late = host.begin("a")
    host.ask("w", RequestKind.CANCEL)
    host.store.rewind("w", 1, 1, reapply=False, at=host.now)
    host.advance(1)
    host.settle(perform(late, CODEC))
    assert (host.status("w"), step_of(host).status, numbers(host)) == ("processing", "scheduled", [("a", 1)])


def test_resuming_meets_a_failing_disk(host: Host) -> None:
    """If the disk fails on a resume, the workflow stays suspended and begins no attempt."""
    waiting(host, chain("a"), "no")
    host.ask("w", RequestKind.SUSPEND)
    host.advance(60)
    host.store.failing_commits = 1
    answer = host.ask("w", RequestKind.RESUME)
    assert isinstance(answer.error, StorageError)
    host.advance(60)
    assert host.status("w") == "suspended"
    assert [attempt for attempt in host.tasks if host.scheduler.wants(attempt)] == []
    host.ask("w", RequestKind.RESUME)
    host.tasks[:] = host.tasks[-1:]
    host.end(host.begin("a"))
    assert (host.output("w"), step_of(host).attempt) == (["A"], 2)


def test_cancelled_while_suspended_and_overdue(host: Host) -> None:
    """An attempt that came due while the workflow was suspended is not made when it is cancelled."""
    for how in ("abandon", "wait"):
        LAB.reset()
        LAB.fails("a", "no")
        host.submit(tidy(how), how)
        host.settle(host.do("a"))
        host.ask(how, RequestKind.SUSPEND)
        host.advance(60)
        host.ask(how, RequestKind.CANCEL)
        assert [label_of(each) for each in host.tasks if host.scheduler.wants(each)] == ["cleanup"]
        host.work_off()
        assert host.status(how) == "cancelled"


def test_time_runs_out_while_its_end_is_waited_for(host: Host) -> None:
    """A cancelled activity whose end is waited for has the time that it was given, and is not tried again."""

    @workflow(registry=LAB.registry)
    def slow() -> Flow[str]:
        try:
            return (yield from pay("a").with_options(timeout=30))
        except Cancelled:
            yield flaky("cleanup")
            raise

    host.submit(slow(), "w")
    host.begin("a")
    host.advance(10)
    host.ask("w", RequestKind.CANCEL)
    host.advance(19)
    assert numbers(host) == []
    host.advance(1.1)
    assert numbers(host) == [("cleanup", 1)]
    host.work_off()
    assert host.status("w") == "cancelled"


def test_the_process_dies_right_after_a_cancellation(host: Host) -> None:
    """A cancellation found after a crash is carried out at once, without waiting for the retry."""
    waiting(host, tidy("wait"))
    host.store.crash_after = len(host.store.commits) + 1
    with pytest.raises(Crash):
        host.ask("w", RequestKind.CANCEL)
    host.restart()
    host.settle()
    assert numbers(host) == [("cleanup", 1)]


def test_a_result_of_what_is_given_up_in_the_turn_that_resumes(host: Host) -> None:
    """A sibling failed while the workflow was suspended: what comes just before it goes on is dropped, and stalls it
    no more than a failure does."""
    for how in ("result", "failure"):
        LAB.reset()
        if how == "failure":
            LAB.fails("a", "no")
        host.submit(siblings(), how)
        host.ask(how, RequestKind.SUSPEND)
        host.settle(host.do("b"))
        host.settle(host.do("a"), RequestReceived(host.request(how, RequestKind.RESUME), no_reply))
        assert (host.status(how), host.output(how)) == ("done", "b")
    nothing_is_left(host)


def test_terminated_in_the_turn_of_the_cancellation(host: Host) -> None:
    """A workflow that is terminated and cancelled in one turn ends."""
    waiting(host, tidy("wait"))
    asked = [RequestReceived(host.request("w", kind), no_reply) for kind in (RequestKind.CANCEL, RequestKind.TERMINATE)]
    host.settle(*asked)
    assert host.status("w") == "cancelled"
    host.advance(3600)
    assert host.tasks == []
    nothing_is_left(host)


@pytest.mark.parametrize("failures", [0, 1, 3])
def test_a_race_lost_at_the_moment_at_which_a_retry_is_due(host: Host, failures: int) -> None:
    """A race whose end cannot be written has cancelled nothing, and is ended again."""

    @workflow(registry=LAB.registry)
    def close_race() -> Flow[int]:
        return (yield from race(pay("a"), sleep(1)))[0]

    waiting(host, close_race(), "no")
    host.store.failing_commits = failures
    host.advance(1)
    for _ in range(20):
        host.advance(0.1)
    assert (host.status("w"), host.output("w")) == ("done", 1)
    nothing_is_left(host)
