"""`yieldflow.testing.Stepper` itself: stepping a workflow by hand, and what it says when it cannot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.values import Array, Handle
from yieldflow import (
    Cancelled,
    CommandError,
    EncodingError,
    Flow,
    Registry,
    WorkflowCancelledError,
    WorkflowStatus,
    activity,
    gather,
    sleep,
    workflow,
)
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def charge(order: str, cents: int) -> str:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
def ship(order: str) -> str:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
def tell(who: str):  # type: ignore[no-untyped-def]  # of which nothing is known
    raise AssertionError("a stepper runs no activity")


@workflow(registry=registry)
def order(order_id: str, cents: int) -> Flow[str]:
    receipt = yield from charge(order_id, cents)
    yield from sleep(60)
    parcel = yield from ship(order_id)
    return f"{receipt}, {parcel}"


@workflow(registry=registry)
def both(order_id: str) -> Flow[list[Any]]:
    return list((yield from gather(charge(order_id, 1), ship(order_id), sleep(60))))


# ---------------------------------------------------------------------- the way through


def test_a_workflow_is_stepped_from_start_to_end() -> None:
    """A test sees what is pending, says how it ends, and reads the result."""
    flow = Stepper(order("o-1", cents=500))
    assert flow.pending == [charge("o-1", cents=500)]
    assert (flow.status, flow.done, flow.failed, flow.exception) == (WorkflowStatus.PROCESSING, False, False, None)

    flow.resolve("receipt-9")
    assert flow.pending == [sleep(60)]

    flow.resolve(sleep(60))
    flow.resolve(ship("o-1"), "parcel-7")
    assert (flow.status, flow.done, flow.failed, flow.exception) == (WorkflowStatus.DONE, True, False, None)
    assert flow.result == "receipt-9, parcel-7"


@pytest.mark.parametrize("kind", [Handle, Array])
def test_arguments_without_equality_are_compared_by_their_parts(kind: Any) -> None:
    """Pending commands with arrays, or objects without `__eq__`, are compared, and resolved by an equal command."""

    @workflow(registry=registry)
    def telling() -> Flow[list[Any]]:
        return list((yield from gather(tell(kind(1)), tell(kind(2)))))

    flow = Stepper(telling())
    assert flow.pending == [tell(kind(1)), tell(kind(2))]
    assert flow.pending != [tell(kind(1)), tell(kind(1))]

    with pytest.raises(CommandError, match=r"is not pending"):
        flow.resolve(tell(kind(3)))
    flow.resolve(tell(kind(2)), "second")
    flow.resolve(tell(kind(1)), "first")
    assert flow.result == ["first", "second"]


def test_stepping_needs_no_thread() -> None:
    """A stepped workflow runs in the test's own thread and starts no other."""
    before = set(threading.enumerate())
    flow = Stepper(order("o-1", cents=500))
    flow.resolve("receipt-9")

    # Those of tests before this one may end meanwhile.
    assert before.issuperset(threading.enumerate())


def test_a_command_may_be_resolved_without_its_value() -> None:
    """resolve(command), and resolve() where one is pending, end it with None."""

    @workflow(registry=registry)
    def telling() -> Flow[list[Any]]:
        return list((yield from gather(tell("ann"), tell("bob"), sleep(60))))

    flow = Stepper(telling())
    flow.resolve(tell("ann"))
    flow.resolve(sleep(60))
    flow.resolve()

    assert flow.result == [None, None, None]


def test_commands_are_named_by_value() -> None:
    """The command that ends is named by an equal one, in any order, with its arguments in any form."""
    flow = Stepper(both("o-1"))
    flow.resolve(ship(order="o-1"), "parcel")
    flow.resolve(sleep(60.0))
    flow.resolve(charge(cents=1, order="o-1"), "receipt")

    assert flow.result == ["receipt", "parcel", None]


def test_a_failure_is_given_with_or_without_its_command() -> None:
    """fail(error) ends the one pending activity, fail(command, error) the one that is named."""
    alone = Stepper(order("o-1", 500))
    alone.fail(ValueError("declined"))
    named = Stepper(both("o-1"))
    named.fail(ship("o-1"), ValueError("no stock"))

    assert [str(alone.exception), str(named.exception)] == ["declined", "no stock"]
    assert (alone.failed, alone.done, alone.status) == (True, False, WorkflowStatus.FAILED)


def test_two_steppers_do_not_know_of_each_other() -> None:
    """Several workflows can be stepped side by side, also of the same definition."""
    one, other = Stepper(order("o-1", 1)), Stepper(order("o-2", 2))
    one.resolve("first")

    assert (one.pending, other.pending) == ([sleep(60)], [charge("o-2", 2)])


def test_a_cancelled_workflow_says_so() -> None:
    """A workflow that ends by Cancelled is neither done nor failed, and its result is a WorkflowCancelledError."""

    @workflow(registry=registry)
    def leaving() -> Flow[None]:
        yield from sleep(1)
        raise Cancelled

    flow = Stepper(leaving())
    flow.resolve()

    assert (flow.status, flow.done, flow.failed) == (WorkflowStatus.CANCELLED, False, False)
    with pytest.raises(WorkflowCancelledError, match="leaving was cancelled"):
        _ = flow.result


def test_interrupting_a_test_interrupts_it() -> None:
    """Ctrl-C while the workflow's own code runs ends the test, and is not taken for a failure of the workflow."""

    @workflow(registry=registry)
    def interrupted() -> Flow[None]:
        yield from sleep(1)
        raise KeyboardInterrupt

    flow = Stepper(interrupted())
    with pytest.raises(KeyboardInterrupt):
        flow.resolve()


def test_letting_go_of_a_stepper_closes_its_workflow() -> None:
    """When a test is over, the `finally` of a workflow in mid-flight runs, with its commands unheard."""
    closed: list[str] = []

    @workflow(registry=registry)
    def open_ended() -> Flow[None]:
        try:
            yield from sleep(1)
        finally:
            closed.append("closed")
            yield from ship("too late")

    flow = Stepper(open_ended(), replay=False)
    del flow

    assert closed == ["closed"]


def test_letting_go_of_a_stepper_inside_another_workflow_does_not_disturb_that() -> None:
    """The commands that a closed workflow makes in its `finally` are not taken for slips of another one.

    The garbage collector may let go of a stepper at any moment, also while another workflow is driven.
    """
    happened: list[str] = []

    @workflow(registry=registry)
    def tidy() -> Flow[None]:
        try:
            yield from sleep(1)
        finally:
            happened.append("tidied up")
            yield from ship("too late")

    unwanted = [Stepper(tidy(), replay=False)]

    @workflow(registry=registry)
    def dropping() -> Flow[None]:
        unwanted.clear()
        yield from ship("o-1")

    flow = Stepper(dropping(), replay=False)
    flow.resolve("parcel")

    assert (happened, flow.done) == (["tidied up"], True)


# ---------------------------------------------------------------------- what it refuses


def test_a_stepper_takes_an_invocation() -> None:
    """A workflow that is not called, an activity or a generator is refused, and shown."""
    for wrong in (order, charge("o-1", 1), order.fn("o-1", 1)):
        with pytest.raises(TypeError, match="Stepper takes a workflow called with its arguments, not "):
            Stepper(wrong)  # type: ignore[arg-type]  # what is refused


def test_an_unknown_codec_is_refused() -> None:
    """The codec is one of those that the orchestrator knows."""
    with pytest.raises(ValueError, match="there is no codec 'yaml'"):
        Stepper(order("o-1", 1), codec="yaml")


def test_where_several_are_pending_one_must_be_named() -> None:
    """resolve(value) and fail(error) are refused where it is not clear which command is meant, with an example."""
    flow = Stepper(both("o-1"))

    with pytest.raises(CommandError) as caught:
        flow.resolve("receipt")
    assert str(caught.value) == (
        "several commands are pending, so say which one ends, as in resolve(charge(order='o-1', cents=1), ...): "
        "[charge(order='o-1', cents=1), ship(order='o-1'), sleep(60)]"
    )
    with pytest.raises(CommandError, match=r"as in fail\(charge\(order='o-1', cents=1\), \.\.\.\)"):
        flow.fail(ValueError("declined"))
    assert len(flow.pending) == 3


def test_what_is_not_pending_cannot_end() -> None:
    """Resolving or failing a command that the workflow does not wait for is refused, with what it waits for."""
    flow = Stepper(both("o-1"))

    ends: list[Callable[[], None]] = [
        lambda: flow.resolve(ship("o-2"), "parcel"),
        lambda: flow.fail(ship("o-2"), ValueError()),
    ]
    for end in ends:
        with pytest.raises(CommandError) as caught:
            end()
        assert str(caught.value) == (
            "ship(order='o-2') is not pending. "
            "The nearest that is: ship(order='o-1'), where order is 'o-1', not 'o-2'.\n"
            "Pending:\n"
            "    charge(order='o-1', cents=1)\n"
            "    ship(order='o-1')\n"
            "    sleep(60)"
        )


def test_a_command_ends_once() -> None:
    """A command that has ended is no longer pending, so it cannot end again."""
    flow = Stepper(both("o-1"))
    flow.resolve(ship("o-1"), "parcel")

    with pytest.raises(CommandError, match=r"ship\(order='o-1'\) is not pending"):
        flow.resolve(ship("o-1"), "another parcel")


def test_after_the_end_nothing_can_be_resolved() -> None:
    """Once the workflow has ended, resolving says so."""
    flow = Stepper(order("o-1", 1))
    flow.fail(ValueError("declined"))

    with pytest.raises(CommandError, match="order has failed with ValueError: declined, so nothing is pending"):
        flow.resolve("receipt")
    with pytest.raises(CommandError, match="order has failed with ValueError: declined, so nothing is pending"):
        flow.fail(charge("o-1", 1), ValueError())


@pytest.mark.parametrize("error", ["declined", ValueError, None])
def test_only_an_exception_can_be_a_failure(error: Any) -> None:
    """fail() takes an exception, not its class or its text."""
    flow = Stepper(order("o-1", 1))

    with pytest.raises(TypeError, match=r"fail\(\) takes an exception, not "):
        flow.fail(error)
    assert flow.pending == [charge("o-1", 1)]


def test_the_number_of_arguments_is_checked() -> None:
    """resolve() takes a command and its value at most, fail() a command and an exception."""
    flow: Any = Stepper(order("o-1", 1))

    with pytest.raises(TypeError, match=r"resolve\(\) takes a command and its value, not 3 arguments"):
        flow.resolve(charge("o-1", 1), "receipt", "another")
    with pytest.raises(TypeError, match=r"fail\(\) takes a command and an exception, not 0 arguments"):
        flow.fail()


def test_a_sleep_ends_without_a_value() -> None:
    """A sleep can neither give a value nor fail: both are refused with the line to write."""
    flow = Stepper(both("o-1"))

    with pytest.raises(CommandError, match=r"sleep\(60\) ends without a value\. Write:\n    resolve\(sleep\(60\)\)"):
        flow.resolve(sleep(60), "awake")  # type: ignore[call-overload]  # what is refused
    with pytest.raises(CommandError, match=r"sleep\(60\) cannot fail\. Write:\n    resolve\(sleep\(60\)\)"):
        flow.fail(sleep(60), ValueError("nightmare"))


def test_there_is_no_result_before_the_end() -> None:
    """Asking for the result of a workflow that has not ended says what it waits for."""
    flow = Stepper(order("o-1", 1))

    with pytest.raises(CommandError, match=r"order has not ended: it waits for \[charge\(order='o-1', cents=1\)\]"):
        _ = flow.result


def test_a_message_about_many_commands_stays_short() -> None:
    """With thousands pending, an error shows some of them."""

    @workflow(registry=registry)
    def many() -> Flow[None]:
        yield from gather(*(ship(str(number)) for number in range(5000)))

    with pytest.raises(CommandError) as caught:
        Stepper(many()).resolve("parcel")

    assert len(str(caught.value)) < 1000


def test_a_value_that_cannot_be_stored_is_refused() -> None:
    """A value given to resolve() goes through the codec; where it cannot, nothing has happened."""

    @workflow(registry=registry)
    def telling() -> Flow[None]:
        yield tell("ann")
        yield sleep(60)

    flow = Stepper(telling())
    with pytest.raises(EncodingError, match="a generator"):
        flow.resolve(line for line in "ab")
    assert flow.pending == [tell("ann")]

    flow.resolve("heard")
    assert flow.pending == [sleep(60)]


class Unreadable:
    """Can be stored, and not be read back."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


def test_a_value_that_cannot_be_read_back_changes_nothing() -> None:
    """Where a workflow cannot read an outcome, the test is told, and the step is pending as before."""

    @workflow(registry=registry)
    def telling() -> Flow[Any]:
        return (yield tell("ann"))

    flow = Stepper(telling())
    with pytest.raises(EncodingError, match="no number"):
        flow.resolve(Unreadable())
    assert (flow.status, flow.pending) == (WorkflowStatus.PROCESSING, [tell("ann")])

    flow.resolve("heard")
    assert flow.result == "heard"


def test_arguments_that_cannot_be_read_back_are_refused() -> None:
    """A workflow whose arguments cannot be read back does not begin."""

    @workflow(registry=registry)
    def given(value: Any) -> Flow[Any]:
        return (yield tell(value))

    with pytest.raises(EncodingError, match="no number"):
        Stepper(given(Unreadable()))
