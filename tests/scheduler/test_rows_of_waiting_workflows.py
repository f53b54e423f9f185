"""The row of a workflow that waits says when it is due, also where that changes just then."""

from __future__ import annotations

from tests.support.engine import SECOND, Host, Lab
from yieldflow import Flow, RetryPolicy, WorkflowAlreadyExistsError, activity, workflow
from yieldflow.scheduler.messages import RequestReceived, no_reply
from yieldflow.store import RequestKind

LAB = Lab()
work = LAB.work


@activity(registry=LAB.registry, retry=RetryPolicy(30, 1, jitter=False))
def tried(label: str) -> str:
    raise ValueError(label)


@workflow(registry=LAB.registry)
def tries() -> Flow[str]:
    return (yield from tried("a"))


@workflow(registry=LAB.registry)
def child() -> Flow[str]:
    return (yield from work("a"))


@workflow(registry=LAB.registry)
def parent() -> Flow[str]:
    return (yield from child())


def test_a_parent_hears_of_a_child_that_ended_with_the_session(host: Host) -> None:
    """A child that ends in the last turn of a session that stops cleanly: the next session gives it to its parent."""
    host.submit(parent(), "p")
    host.settle()
    host.turn(host.do())
    host.stop()
    host.restart()
    host.settle()
    assert host.output("p") == "A"


def test_a_parent_does_not_rest_while_its_childs_end_waits_for_the_disk(host: Host) -> None:
    """While the disk fails a parent stays due to which a child's end was not given yet, and so it is after a crash."""
    host.submit(parent(), "p")
    host.settle()
    host.turn(host.do())
    for _ in range(4):
        # The disk was at fault before the parent could hear of it.
        host.scheduler._state.storage_backoff.until = host.now + 4 * SECOND
        host.now += 3 * SECOND
        host.turn()
    host.restart()
    host.settle()
    assert host.output("p") == "A"


def test_a_retry_is_due_in_time_though_the_clock_was_set_back(host: Host) -> None:
    """The next attempt counts from the clock that was set back: the row is due by then, and not when it was before."""
    host.submit(tries(), "w")
    host.settle()
    host.settle(host.do())
    host.advance(2)
    rested_until = host.record("w").wake_at or 0
    host.advance(28)
    host.advance(-40)
    host.settle(host.do())
    due_at = host.now + 30 * SECOND
    assert due_at < rested_until
    assert (host.record("w").wake_at or 0) <= due_at


@activity(registry=LAB.registry, on_cancel="wait")
def pay(label: str) -> str:
    return label


@workflow(registry=LAB.registry)
def pays() -> Flow[str]:
    try:
        return (yield from pay("a"))
    finally:
        LAB.performed.append("cleanup")


def test_what_is_cancelled_as_it_is_resumed_ends(host: Host) -> None:
    """An activity that never began, as its workflow was suspended, ends where that is resumed out of time."""
    message, _ = host.asking(pays(), ids=["w"])
    limited = message.submissions[0]._replace(deadline_at=host.now + 10 * SECOND)
    suspend = RequestReceived(host.request("w", RequestKind.SUSPEND), no_reply)
    host.store.submit([limited])
    host.settle(suspend)
    assert (host.status("w"), host.tasks) == ("suspended", [])
    host.advance(20)
    host.ask("w", RequestKind.RESUME)
    assert (host.status("w"), host.tasks) == ("failed", [])


def test_a_start_is_not_lost_where_its_id_is_asked_for_again(host: Host) -> None:
    """A workflow that is due starts, though another with its id is submitted at that moment, and refused."""
    host.submit(child(), "w", delay=3)
    host.settle()
    host.now += 3 * SECOND
    answer = host.submit(child(), "w")
    assert isinstance(answer.error, WorkflowAlreadyExistsError)
    host.work_off()
    assert host.output("w") == "A"
