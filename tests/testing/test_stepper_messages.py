"""What is asked of a stepped workflow from outside: signals, cancelling, pausing, another chance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.support.stepper_shop import charge, order, pay, refund, registry, ship
from yieldflow import (
    Cancelled,
    CommandError,
    Flow,
    RetryRefusedError,
    WorkflowCancelledError,
    WorkflowEndedError,
    WorkflowNotEndedError,
    WorkflowStatus,
    gather,
    patched,
    set_progress,
    sleep,
    take_signals,
    wait_signal,
    workflow,
)
from yieldflow.testing import Stepper


@workflow(registry=registry)
def careful(order_id: str) -> Flow[str]:
    try:
        receipt = yield from pay(order_id)
        yield from sleep(60)
    except Cancelled:
        yield from refund(order_id)
        raise
    return receipt


@workflow(registry=registry)
def collecting() -> Flow[list[Any]]:
    first = yield from wait_signal("item")
    yield from sleep(60)
    rest = yield from take_signals("item")
    return [first, *rest]


# ---------------------------------------------------------------------- signals


def test_a_signal_is_received_by_whoever_waits_for_it() -> None:
    """signal() ends the wait for it, with the payload."""
    flow = Stepper(order("o-1", cents=500))
    flow.resolve("receipt")
    assert flow.pending == [wait_signal("approve"), sleep(86400)]

    flow.signal("approve", {"by": "ann"})
    assert flow.pending == [ship("o-1")]


def test_signals_are_kept_in_order_until_they_are_waited_for() -> None:
    """A signal that comes early lies there, and take_signals() takes all at once, without waiting."""
    flow = Stepper(collecting())
    for number in (1, 2, 3):
        flow.signal("item", number)
    flow.signal("other")
    flow.advance(60)

    assert flow.result == [1, 2, 3]


def test_a_payload_is_a_copy() -> None:
    """What a test keeps of a payload is not what the workflow has: it went through the codec."""
    flow = Stepper(collecting())
    payload = {"shoes": 1}
    flow.signal("item", payload)
    payload["shoes"] = 2
    flow.advance(60)

    assert flow.result == [{"shoes": 1}]


def test_a_workflow_that_has_ended_takes_nothing() -> None:
    """Past its end, a signal, a cancellation or a pause is refused."""
    flow = Stepper(order("o-1", 5))
    flow.fail(ConnectionError("down"))

    asking: list[Callable[[], None]] = [lambda: flow.signal("approve"), flow.cancel, flow.suspend, flow.resume]
    for ask in asking:
        with pytest.raises(WorkflowEndedError, match="order has failed with ConnectionError: down, so it takes no "):
            ask()


# ---------------------------------------------------------------------- cancelling


def test_a_cancelled_workflow_cleans_up() -> None:
    """cancel(reason) throws Cancelled at its yields; what it yields then is pending, and the reason is kept."""
    flow = Stepper(careful("o-1"))
    flow.resolve("receipt")
    flow.cancel("too expensive")
    assert flow.pending == [refund("o-1")]

    flow.resolve()
    assert (flow.status, flow.reason) == (WorkflowStatus.CANCELLED, "too expensive")
    with pytest.raises(WorkflowCancelledError, match="careful was cancelled: too expensive"):
        _ = flow.result


def test_an_activity_whose_end_is_waited_for_stays_pending() -> None:
    """With on_cancel="wait" a cancelled activity is pending until it ends, and says so."""
    flow = Stepper(careful("o-1"))
    flow.cancel()
    assert str(flow.pending) == "[pay(order='o-1') <cancelled: its end is waited for>]"

    flow.resolve(pay("o-1"), "receipt")
    assert flow.pending == [refund("o-1")]


def test_one_pending_activity_can_be_cancelled() -> None:
    """cancel(command) ends that command alone, as Cancelled."""

    @workflow(registry=registry)
    def catching() -> Flow[str]:
        try:
            return (yield from charge("o-1", 5))
        except Cancelled:
            return "cancelled"

    flow = Stepper(catching())
    flow.cancel(charge("o-1", 5))
    assert flow.result == "cancelled"


def test_a_sleep_is_not_cancelled_by_itself() -> None:
    """A sleep or a signal ends with its workflow: the error says how to cancel that."""
    flow = Stepper(collecting())

    with pytest.raises(CommandError, match=r"cannot be cancelled by itself\. To cancel the workflow:\n    cancel\(\)"):
        flow.cancel(wait_signal("item"))


def test_a_retry_that_is_waited_for_ends_with_a_cancellation() -> None:
    """A workflow that is cancelled while an activity waits for its next attempt ends."""

    @workflow(registry=registry)
    def shipping() -> Flow[str]:
        return (yield from ship("o-1").with_options(on_cancel="wait"))

    flow = Stepper(shipping())
    flow.fail(ConnectionError("down"))
    flow.cancel()

    assert flow.status is WorkflowStatus.CANCELLED


# ---------------------------------------------------------------------- pausing


def test_a_suspended_workflow_hears_of_nothing() -> None:
    """While it is suspended outcomes are kept, sleeps do not end, signals lie there; resume() gives it all of that."""
    flow = Stepper(order("o-1", 5))
    flow.suspend()
    flow.resolve("receipt")
    flow.signal("approve")
    assert (flow.status, flow.pending) == (WorkflowStatus.SUSPENDED, [])

    flow.resume()
    assert (flow.status, flow.pending) == (WorkflowStatus.PROCESSING, [ship("o-1")])


def test_time_passes_while_a_workflow_is_suspended() -> None:
    """A sleep whose time comes meanwhile ends with resume()."""
    flow = Stepper(collecting())
    flow.signal("item")
    flow.suspend()
    flow.advance(100)
    assert flow.pending == [sleep(60)]

    flow.resume()
    assert flow.done


def test_an_attempt_that_was_due_meanwhile_begins_at_the_resumption() -> None:
    """No attempt begins while the workflow is suspended."""

    @workflow(registry=registry)
    def shipping() -> Flow[str]:
        return (yield from ship("o-1"))

    flow = Stepper(shipping())
    flow.suspend()
    flow.fail(ConnectionError("down"))
    flow.advance(10)
    with pytest.raises(CommandError, match=r"begins once the workflow goes on\. Write first:\n    resume\(\)"):
        flow.resolve("parcel")

    flow.resume()
    flow.resolve("parcel")
    assert flow.result == "parcel"


def test_cancelling_wakes_a_suspended_workflow() -> None:
    """One that is suspended goes on in order to end."""
    flow = Stepper(collecting())
    flow.suspend()
    flow.cancel()

    assert flow.status is WorkflowStatus.CANCELLED


# ---------------------------------------------------------------------- another chance


def test_a_failed_workflow_goes_on_from_the_step_that_failed() -> None:
    """retry() keeps what succeeded: the step whose failure ended the workflow is pending again."""
    flow = Stepper(order("o-1", 5))
    flow.resolve("receipt")
    flow.signal("approve")
    flow.fail(ValueError("no such street"))
    for _ in range(2):
        flow.advance_to_next_timer()
        flow.fail(ValueError("no such street"))
    assert flow.failed

    flow.retry()
    assert (flow.status, flow.pending) == (WorkflowStatus.PROCESSING, [ship("o-1")])
    flow.resolve("parcel")
    assert (flow.result, flow.history[-1].attempt) == ("parcel", 1)


def test_a_retry_that_would_undo_steps_is_refused() -> None:
    """Where steps were completed after the failure, retry() lists them, and from_step says to go on all the same."""

    @workflow(registry=registry)
    def compensating() -> Flow[None]:
        try:
            yield from charge("o-1", 5)
        except ConnectionError:
            yield from refund("o-1")
            raise

    flow = Stepper(compensating())
    flow.fail(ConnectionError("down"))
    flow.resolve(refund("o-1"))
    with pytest.raises(RetryRefusedError, match=r"1 \(refund\).*flow\.retry\(from_step=0\)"):
        flow.retry()

    flow.retry(from_step=0)
    assert flow.pending == [charge("o-1", 5)]


def test_a_workflow_that_is_done_is_not_retried() -> None:
    """What has not failed needs no other chance."""
    flow = Stepper(order("o-1", 5))
    flow.resolve("receipt")
    flow.advance(86400)

    with pytest.raises(RetryRefusedError, match="order is done, and has not failed"):
        flow.retry()


def test_signals_received_since_wait_again_after_a_retry() -> None:
    """What is undone by retry(from_step=...) lies there to be received again."""
    flow = Stepper(collecting())
    flow.signal("item", "first")
    flow.cancel()
    flow.retry(from_step=0)

    assert flow.pending == [sleep(60)]
    flow.advance(60)
    assert flow.result == ["first"]


def test_a_workflow_under_way_cannot_be_retried() -> None:
    """retry() is for what has failed."""
    with pytest.raises(WorkflowNotEndedError, match="is processing"):
        Stepper(collecting()).retry()


# ---------------------------------------------------------------------- what else a test sees


def test_the_progress_is_what_was_set_last() -> None:
    """flow.progress is the value of the last set_progress()."""

    @workflow(registry=registry)
    def telling() -> Flow[None]:
        yield set_progress({"done": 1})
        yield from sleep(1)
        yield set_progress({"done": 2})

    flow = Stepper(telling())
    assert flow.progress == {"done": 1}
    flow.resolve()
    assert flow.progress == {"done": 2}


def test_a_new_workflow_takes_the_patched_way() -> None:
    """patched() is True in a stepper, which begins anew, and stays so."""

    @workflow(registry=registry)
    def changed() -> Flow[bool]:
        yield from sleep(1)
        return (yield from patched("faster"))

    flow = Stepper(changed())
    flow.advance(1)
    assert flow.result is True


def test_of_equal_commands_the_first_issued_is_meant() -> None:
    """Two equal commands are pending twice, and end one after the other."""

    @workflow(registry=registry)
    def twice() -> Flow[list[Any]]:
        return list((yield from gather(charge("o-1", 5), charge("o-1", 5))))

    flow = Stepper(twice())
    flow.resolve(charge("o-1", 5), "first")
    flow.resolve(charge("o-1", 5), "second")
    assert flow.result == ["first", "second"]


def test_time_is_the_same_for_all_that_happens_at_once() -> None:
    """flow.now moves only as the test says."""
    flow = Stepper(collecting())
    before = flow.now
    flow.signal("item")

    assert flow.now - before == timedelta(0)
