"""A stepper's children, its forks, its crashes and its runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.stepper_shop import charge, order, parcel, refund, registry, ship, two_parcels
from yieldflow import (
    Cancelled,
    CommandError,
    Flow,
    WorkflowCancelledError,
    WorkflowInfo,
    WorkflowStatus,
    continue_as_new,
    gather,
    info,
    race,
    sleep,
    wait_signal,
    workflow,
)
from yieldflow.testing import Stepper


@workflow(registry=registry)
def counting(count: int) -> Flow[int]:
    count += yield from wait_signal("add")
    yield from sleep(60)
    if count >= 10:
        return count
    return (yield from continue_as_new(counting(count)))


# ---------------------------------------------------------------------- children


def test_children_are_pending_commands_like_any_other() -> None:
    """A child is resolved with what it returns, or fails with what it raises."""
    flow, failing = Stepper(two_parcels("o-1", "o-2")), Stepper(two_parcels("o-1", "o-2"))
    assert flow.pending == [parcel("o-1"), parcel("o-2")]

    flow.resolve(parcel("o-2"), "second")
    flow.resolve(parcel("o-1"), "first")
    assert flow.result == ["first", "second"]

    failing.fail(parcel("o-2"), ValueError("no such street"))
    failing.cancel(parcel("o-1"))
    assert str(failing.exception) == "no such street"


def test_a_child_can_be_stepped_itself() -> None:
    """child(command) steps the child; its end is that of the parent's step, and they share the time."""
    flow = Stepper(two_parcels("o-1", "o-2"))
    child = flow.child(parcel("o-1"))
    flow.advance(10)
    child.resolve(ship("o-1"), "first")

    assert (child.result, flow.pending, flow.now) == ("first", [parcel("o-2")], child.now)


def test_a_child_that_is_stepped_ends_by_itself() -> None:
    """The parent's step cannot be resolved then: the error says where to write it."""
    flow = Stepper(two_parcels("o-1", "o-2"))
    flow.child(parcel("o-1"))

    with pytest.raises(CommandError, match=r"is stepped itself.*\n    child\(parcel\(order_id='o-1'\)\)\.resolve\("):
        flow.resolve(parcel("o-1"), "first")


def test_the_same_child_is_given_again() -> None:
    """child(command) gives the stepper of a child that was begun before, also after its end."""
    flow = Stepper(two_parcels("o-1", "o-2"))
    flow.child(parcel("o-1")).advance(10)
    flow.child(parcel("o-1")).resolve("first")

    assert flow.child(parcel("o-1")).result == "first"
    with pytest.raises(CommandError, match=r"parcel\(order_id='o-3'\) is not pending"):
        flow.child(parcel("o-3"))


def test_a_child_fails_in_its_parent() -> None:
    """What a stepped child raises arrives in the parent as its own exception."""
    flow = Stepper(two_parcels("o-1", "o-1"))
    child = flow.child(parcel("o-1"))
    flow.advance(10)
    for _ in range(3):
        child.fail(ConnectionError("down"))
        flow.advance(2)
    assert flow.pending == [parcel("o-1")]
    flow.cancel(parcel("o-1"))

    assert (str(child.exception), str(flow.exception)) == ("down", "down")


def test_a_child_ends_with_its_parent() -> None:
    """Where its parent is cancelled, a child is too, and its cleanup is waited for."""
    flow = Stepper(two_parcels("o-1", "o-2"))
    child = flow.child(parcel("o-1"))
    flow.cancel()
    assert child.pending == [refund("o-1")]
    child.resolve()
    flow.cancel(parcel("o-2"))

    assert (child.status, flow.status) == (WorkflowStatus.CANCELLED, WorkflowStatus.CANCELLED)


def test_of_equal_children_each_can_be_stepped() -> None:
    """child(command) goes on to the next equal child once the one before has ended."""
    flow = Stepper(two_parcels("o-1", "o-1"))
    for number in (1, 2):
        child = flow.child(parcel("o-1"))
        flow.advance(10)
        child.resolve(f"parcel {number}")

    assert flow.result == ["parcel 1", "parcel 2"]


def test_a_child_is_retried_with_its_parent() -> None:
    """Where a stepped child failed and took its parent with it, retry() of the parent has both go on."""

    @workflow(registry=registry)
    def parent() -> Flow[str]:
        return (yield from parcel("o-1"))

    flow = Stepper(parent())
    child = flow.child(parcel("o-1"))
    flow.advance(10)
    for _ in range(3):
        child.fail(ConnectionError("down"))
        flow.advance(2)
    assert flow.failed

    flow.retry()
    assert (flow.pending, child.pending) == ([parcel("o-1")], [ship("o-1")])
    child.resolve("parcel")
    assert flow.result == "parcel"


def test_an_abandoned_child_goes_on_alone() -> None:
    """With on_parent_end="abandon" the parent ends at once, and the child hears nothing of it."""

    @workflow(registry=registry)
    def leaving() -> Flow[Any]:
        return (yield from race(parcel("o-1").with_options(on_parent_end="abandon"), sleep(5)))

    flow = Stepper(leaving())
    child = flow.child(parcel("o-1"))
    flow.advance(5)
    assert flow.result == (1, None)

    flow.advance(5)
    child.resolve("parcel")
    assert child.done


def test_a_child_knows_whose_it_is() -> None:
    """A stepped child has the id that the engine would give it, and its parent's."""

    @workflow(registry=registry)
    def curious() -> Flow[WorkflowInfo]:
        return (yield from info())

    @workflow(registry=registry)
    def asking() -> Flow[WorkflowInfo]:
        return (yield from curious())

    flow = Stepper(asking(), workflow_id="o-1")
    flow.child(curious())
    assert flow.result == WorkflowInfo("o-1:1:0", "curious", 1, "o-1")


def test_a_cancelled_child_raises_in_its_parent() -> None:
    """cancel(child) is what the parent sees where somebody else cancelled the child."""

    @workflow(registry=registry)
    def parent() -> Flow[str]:
        return (yield from parcel("o-1"))

    flow = Stepper(parent())
    flow.cancel(parcel("o-1"))
    assert isinstance(flow.exception, WorkflowCancelledError)


# ---------------------------------------------------------------------- forks


def test_a_fork_has_the_same_past_and_its_own_future() -> None:
    """fork() gives a second stepper; what happens in one does not happen in the other."""
    flow = Stepper(order("o-1", 5))
    flow.resolve("receipt")
    other = flow.fork()
    flow.signal("approve")
    other.advance(86400)

    assert (flow.pending, other.result) == ([ship("o-1")], "expired")
    assert other.history[0] == flow.history[0]


def test_a_fork_takes_the_children_along() -> None:
    """Stepped children are forked with their parent."""
    flow = Stepper(two_parcels("o-1", "o-2"))
    flow.child(parcel("o-1"))
    flow.advance(10)
    other = flow.fork()
    other.child(parcel("o-1")).resolve("first")

    assert (flow.child(parcel("o-1")).pending, other.pending) == ([ship("o-1")], [parcel("o-2")])


def test_a_fork_keeps_attempts_and_signals() -> None:
    """A retry that is waited for, and a signal that lies there, are in both."""
    flow = Stepper(order("o-1", 5))
    flow.signal("approve")
    flow.resolve("receipt")
    flow.signal("later")
    flow.fail(ConnectionError("down"))
    other = flow.fork()
    flow.advance(1)

    assert str(other.pending) == "[ship(order='o-1') <attempt 2 in 1 s>]"
    assert "later" in str(other)


# ---------------------------------------------------------------------- crashes


def test_a_crash_changes_nothing() -> None:
    """crash() drops the generator, and the workflow goes on where it was, its children too."""
    flow = Stepper(two_parcels("o-1", "o-2"))
    child = flow.child(parcel("o-1"))
    flow.crash()
    flow.advance(10)
    flow.crash()
    child.resolve("first")
    flow.crash()
    flow.resolve("second")

    assert flow.result == ["first", "second"]


def test_a_crash_runs_no_cleanup() -> None:
    """A killed process runs no `finally`."""
    cleaned: list[str] = []

    @workflow(registry=registry)
    def tidy() -> Flow[None]:
        try:
            yield from sleep(1)
        finally:
            cleaned.append("up")

    flow = Stepper(tidy(), replay=False)
    flow.crash()
    assert cleaned == []


# ---------------------------------------------------------------------- runs


def test_the_next_run_goes_on_under_the_same_id() -> None:
    """continue_as_new begins the next run: its number counts up, its history is new, signals that wait stay."""
    flow = Stepper(counting(0))
    for number in (4, 5, 6):
        flow.signal("add", number)
    assert (flow.run, flow.pending) == (1, [sleep(60)])

    flow.advance(60)
    assert (flow.run, flow.pending, len(flow.history)) == (2, [sleep(60)], 2)
    flow.advance(120)
    assert (flow.run, flow.result) == (3, 15)


def test_a_run_can_go_on_as_another_workflow() -> None:
    """The next run is that of whichever workflow it names, from whatever registry."""

    @workflow(registry=registry)
    def first() -> Flow[int]:
        yield from charge("o-1", 5)
        return (yield from continue_as_new(counting(10)))

    flow = Stepper(first())
    flow.resolve("receipt")
    flow.crash()
    flow.signal("add", 1)
    flow.advance(60)
    assert flow.result == 11


def test_a_child_may_go_from_run_to_run() -> None:
    """A parent gets the result of its child's last run."""

    @workflow(registry=registry)
    def parent() -> Flow[list[int]]:
        return list((yield from gather(counting(0))))

    flow = Stepper(parent())
    child = flow.child(counting(0))
    for number in (4, 5, 6):
        child.signal("add", number)
    flow.advance(180)

    assert (child.run, flow.result) == (3, [15])


def test_a_cancellation_that_is_swallowed_is_no_end() -> None:
    """A workflow that catches Cancelled and returns is done."""

    @workflow(registry=registry)
    def stubborn() -> Flow[str]:
        try:
            yield from sleep(60)
        except Cancelled:
            return "all the same"
        return "slept"

    flow = Stepper(stubborn())
    flow.cancel()
    assert flow.result == "all the same"
