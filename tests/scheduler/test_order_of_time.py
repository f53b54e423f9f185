"""No timer overtakes what came before it was due, however late the scheduler comes to it."""

from __future__ import annotations

import pytest

from tests.support.engine import SECOND, Host, Lab
from tests.support.flows import make_waits
from yieldflow import Flow, RetryPolicy, activity, wait_for, workflow
from yieldflow.clock import Clock, Reading
from yieldflow.inbox import Inbox
from yieldflow.scheduler.intake import Intake
from yieldflow.scheduler.messages import Message, Poll
from yieldflow.scheduler.timers import NO_TIMERS
from yieldflow.store import RequestKind

LAB = Lab()
work = LAB.work
waits = make_waits(LAB)


@workflow(registry=LAB.registry)
def child() -> Flow[str]:
    return (yield from work("a"))


@workflow(registry=LAB.registry)
def parent() -> Flow[str]:
    try:
        return (yield from wait_for(child(), 10))
    except TimeoutError:
        return "too late"


@activity(registry=LAB.registry, timeout=5, retry=RetryPolicy(maximum_attempts=1))
def brief(label: str) -> str:
    return label.upper()


@workflow(registry=LAB.registry)
def tries() -> Flow[str]:
    return (yield from brief("a"))


# ---------------------------------------------------------------------- what comes first


def test_a_clients_signal_comes_before_a_timer_that_was_due_after_it(host: Host) -> None:
    """A signal that a client was told is on disk is received, though its waiter's time ran out before a poll."""
    host.submit(waits(0.02), "w")
    host.now += 10_000
    host.store.ask([host.request("w", RequestKind.SIGNAL, "went", "go")])
    host.now += 15_000
    host.settle()
    assert host.output("w") == "went"


def test_the_end_of_a_child_comes_before_a_timer_of_the_same_turn(host: Host) -> None:
    """A child's outcome and its parent's timer are found in one turn: the child's end reaches its parent first."""
    host.submit(parent(), "p")
    host.settle()
    host.now += 11 * SECOND
    host.settle(host.do("a"))
    assert host.output("p") == "A"


def test_timers_wait_one_turn_for_what_follows(host: Host) -> None:
    """Where something follows from each turn, timers go off all the same."""
    host.submit(waits(1), "w")
    host.submit(parent(), "p0")
    for number in range(1, 6):
        host.now += SECOND // 2
        host.submit(parent(), f"p{number}")
    assert host.output("w") == "too late"


def test_an_attempt_that_has_ended_is_not_out_of_time(host: Host) -> None:
    """An attempt whose outcome is on its way, and held up there, does not time out."""
    host.submit(tries(), "w")
    attempt = host.begin("a")
    attempt.ended = True
    host.advance(60)
    assert host.status("w") == "processing"
    host.end(attempt)
    assert host.output("w") == "A"


# ---------------------------------------------------------------------- the intake

AT = {moment: Reading.same(moment) for moment in range(0, 100, 10)}


@pytest.fixture
def inbox() -> Inbox[Message | None]:
    return Inbox()


class Ticking(Clock):
    """Each look finds it ten microseconds later."""

    def __init__(self) -> None:
        self._looks = 0

    def read(self) -> Reading:
        self._looks += 1
        return Reading.same(10 * self._looks)


def test_timers_wait_for_all_that_was_there(inbox: Inbox[Message | None]) -> None:
    """While messages are left that had come by some moment, none of the timers due by then goes off."""
    intake = Intake(inbox, Ticking(), most=2)
    for _ in range(5):
        inbox.put(Poll())
    assert intake.take(0) == ([Poll()] * 2, AT[10], NO_TIMERS, False)
    assert intake.take(0) == ([Poll()] * 2, AT[20], NO_TIMERS, False)
    assert intake.take(0) == ([Poll()], AT[30], AT[10], False)
    assert intake.take(0) == ([], AT[40], AT[40], False)


def test_timers_go_off_in_time_though_messages_come_and_come(inbox: Inbox[Message | None]) -> None:
    """However many come meanwhile, only those are waited for that were there."""
    intake = Intake(inbox, Ticking(), most=2)
    allowed = []
    for _ in range(20):
        for _ in range(3):
            inbox.put(Poll())
        allowed.append(intake.take(0).until)
    assert max(allowed) > AT[40]
    assert [moment for moment in allowed if moment != NO_TIMERS] == sorted(set(allowed) - {NO_TIMERS})


def test_what_comes_while_the_clock_is_read_comes_first(inbox: Inbox[Message | None]) -> None:
    """A message that came right before the clock was read is not overtaken by a timer that was due at that moment."""

    class Interrupted(Ticking):
        def read(self) -> Reading:
            inbox.put(Poll())
            return super().read()

    intake = Intake(inbox, Interrupted())
    assert intake.take(0) == ([], AT[10], NO_TIMERS, False)
    assert intake.take(0) == ([Poll()], AT[20], AT[10], False)


def test_nothing_is_taken_in_behind_a_stop(inbox: Inbox[Message | None]) -> None:
    """A None ends the messages."""
    for message in (Poll(), None, Poll()):
        inbox.put(message)
    assert Intake(inbox, Ticking()).take(0) == ([Poll()], AT[10], AT[10], True)
