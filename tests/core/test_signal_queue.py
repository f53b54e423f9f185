"""A host hands a workflow its signals: `SignalQueue` says which step receives which, and what is left at the end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.driver import START, Body, Driver, fetch, ship
from yieldflow import EncodingError, Flow, continue_as_new, gather, race, take_signals, wait_signal
from yieldflow._core.history import Signal, StepEnded
from yieldflow._core.signals import SignalQueue


def signal(number: int, name: str, value: str) -> Signal:
    return Signal(number, name, f'"{value}"', START)


def deliver(body: Body, *signals: Signal) -> tuple[Driver, SignalQueue, list[list[int]]]:
    """Start a workflow, and let it receive what it waits for; the numbers of the signals that each step received."""
    run, queue = Driver(body), SignalQueue()
    received: list[list[int]] = []
    for one in signals:
        queue.put(one)
    advance = run.advance
    while True:
        for step in advance.issued:
            queue.expect(step)
        ready = queue.receive(run.execution.open, run.codec, run.now)
        if ready is None:
            return run, queue, received
        received.append([one.number for one in ready.signals])
        advance = run.apply(ready.event)


def test_each_wait_receives_the_oldest_signal_of_its_name() -> None:
    """Signals are received in the order they arrived, each once, and those of other names are passed over."""

    def body() -> Flow[list[Any]]:
        first = yield wait_signal("go")
        second = yield wait_signal("go")
        return [first, second, (yield wait_signal("other"))]

    run, queue, _ = deliver(body, signal(1, "other", "c"), signal(2, "go", "a"), signal(3, "go", "b"))

    assert (run.result, queue.left) == (["a", "b", "c"], [])


def test_the_step_issued_first_receives_first() -> None:
    """Several steps that can receive at once do so in the order in which the workflow issued them."""

    def body() -> Flow[Any]:
        return (yield gather(wait_signal("b"), take_signals("a"), wait_signal("a"), wait_signal("b")))

    run, _, received = deliver(body, signal(1, "b", "x"), signal(2, "a", "y"), signal(3, "b", "z"))

    # The list took the only "a", so that the wait behind it still waits.
    assert (received, run.pending) == ([[1], [2], [3]], ["wait_signal a"])


def test_a_list_takes_all_that_is_there() -> None:
    """`take_signals` receives every signal of its name at once, and an empty list where there is none."""

    def body() -> Flow[list[Any]]:
        taken = yield take_signals("a")
        return [taken, (yield take_signals("a"))]

    run, _, received = deliver(body, signal(1, "a", "x"), signal(2, "a", "y"))

    assert (run.result, received) == ([["x", "y"], []], [[1, 2], []])


def test_a_wait_that_was_given_up_receives_nothing() -> None:
    """The signal for which a loser of a race waited stays for the next step that waits for it."""

    def body() -> Flow[Any]:
        yield race(wait_signal("quick"), wait_signal("slow"))
        return (yield wait_signal("slow"))

    run, _, _ = deliver(body, signal(1, "slow", "late"), signal(2, "quick", "x"))

    assert run.result == "late"


def test_the_next_run_begins_with_what_was_not_received() -> None:
    """Signals left when a run ends are there for the next one, in the order they arrived."""

    def body() -> Flow[None]:
        yield wait_signal("b")
        yield from continue_as_new(ship("next"))

    run, queue, _ = deliver(body, signal(1, "b", "1"), signal(2, "b", "2"), signal(3, "a", "3"), signal(4, "b", "4"))
    following = SignalQueue(queue.left, queue.last)

    assert run.status == "continued"
    assert [one.number for one in following.left] == [2, 3, 4]
    assert following.last == 4


def test_a_rebuilt_workflow_receives_what_it_waited_for() -> None:
    """A queue made of the open steps gives the same as a queue that saw them being issued."""

    def body() -> Flow[Any]:
        return (yield from gather(fetch("a"), wait_signal("go")))

    run, _, _ = deliver(body)
    steps = [leaf.step for leaf in run.execution.open.values()]
    rebuilt = SignalQueue([signal(1, "go", "x")], 1, steps)
    ready = rebuilt.receive(run.execution.open, run.codec, run.now)

    assert ready is not None
    assert ready.event == StepEnded(1, '"x"', run.now)


def test_a_signal_that_cannot_be_read_stays() -> None:
    """A list of signals of which one is damaged is not received, and nothing of it is lost."""

    def body() -> Flow[Any]:
        return (yield take_signals("a"))

    run = Driver(body)
    damaged = Signal(1, "a", "no JSON", START)
    queue = SignalQueue([damaged], 1, run.steps)

    with pytest.raises(EncodingError):
        queue.receive(run.execution.open, run.codec, run.now)

    assert queue.left == [damaged]
