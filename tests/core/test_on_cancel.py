"""`on_cancel`: activities that a cancelled workflow waits for or abandons. Each is replayed from every prefix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

from tests.core.driver import Drive, clean_up, fetch, pay, registry
from yieldflow import (
    Cancelled,
    Flow,
    WorkflowCancelledError,
    activity,
    gather,
)


def paying() -> Flow[Any]:
    try:
        return (yield from pay("a"))
    finally:
        yield from clean_up("refund")


@pytest.mark.parametrize("outcome", ["a value", "a failure"])
def test_an_activity_with_on_cancel_wait_is_waited_for(drive: Drive, outcome: str) -> None:
    """Money wants "wait": the activity is told and waited for; whatever comes of it, then comes `Cancelled`."""
    run = drive(paying)
    run.cancel("enough")
    assert (run.pending, run.cancelling_by_last(), run.dropped_by_last()) == (["pay a"], ["pay a"], [])
    assert [leaf.cancelled for leaf in run.execution.open.values()] == [True]

    if outcome == "a value":
        run.resolve("pay a", "receipt")
    else:
        run.fail("pay a")
    assert run.pending == ["clean_up refund"]

    run.resolve("clean_up refund")
    assert run.status == "cancelled"


def test_it_is_told_once(drive: Drive) -> None:
    """A second request does not tell the activity again."""
    run = drive(paying)
    run.cancel("enough")
    run.cancel("again")

    assert (run.cancelling_by_last(), run.pending) == ([], ["pay a"])


def test_by_default_an_activity_is_abandoned(drive: Drive) -> None:
    """An activity without on_cancel is no longer waited for."""

    def body() -> Flow[None]:
        yield from fetch("a")

    run = drive(body)
    run.cancel()

    assert (run.dropped_by_last(), run.cancelling_by_last(), run.status) == (["fetch a"], [], "cancelled")


def test_one_call_may_say_otherwise(drive: Drive) -> None:
    """with_options(on_cancel=) goes before what the decorator says, in both directions."""

    def body() -> Flow[None]:
        yield from gather(fetch("a").with_options(on_cancel="wait"), pay("b").with_options(on_cancel="abandon"))

    run = drive(body)
    run.cancel()
    assert (run.pending, run.cancelling_by_last(), run.dropped_by_last()) == (["fetch a"], ["fetch a"], ["pay b"])

    run.resolve("fetch a")
    assert run.status == "cancelled"


def switching(on_cancel: Literal["abandon", "wait"]) -> Callable[[], Flow[Any]]:
    """The same workflow, deployed with another option."""

    def body() -> Flow[Any]:
        try:
            return (yield from fetch("a").with_options(on_cancel=on_cancel))
        finally:
            yield from clean_up("a")

    return body


def test_code_that_would_abandon_now_what_it_waited_for_then(drive: Drive) -> None:
    """The record counts on replay: an activity that was waited for still is, after a change to "abandon"."""
    run = drive(switching("wait"), replayed=False)
    run.cancel("enough")
    run.body = switching("abandon")
    run.crash()
    assert (run.pending, run.state.open) == (["fetch a"], ((0, True),))

    run.resolve("fetch a", "A")
    run.crash()
    assert run.pending == ["clean_up a"]

    run.resolve("clean_up a")
    run.crash()
    assert run.status == "cancelled"


def test_code_that_would_wait_now_for_what_it_abandoned_then(drive: Drive) -> None:
    """The record counts on replay: an activity that was abandoned stays so, after a change to "wait"."""
    run = drive(switching("abandon"), replayed=False)
    run.cancel("enough")
    run.body = switching("wait")
    run.crash()
    assert run.pending == ["clean_up a"]

    run.resolve("clean_up a")
    run.crash()
    assert run.status == "cancelled"


def test_code_that_changed_before_the_request(drive: Drive) -> None:
    """Before a cancellation is recorded, the options of the code as it is now decide."""
    run = drive(switching("abandon"), replayed=False)
    run.body = switching("wait")
    run.crash()
    run.cancel("enough")

    assert (run.pending, run.cancelling_by_last()) == (["fetch a"], ["fetch a"])


def test_options_are_no_part_of_equality() -> None:
    """An invocation with options is equal to one without, hashes like it, and is shown like it."""
    plain, waiting = fetch("a"), fetch("a").with_options(on_cancel="wait")

    assert plain == waiting
    assert hash(plain) == hash(waiting)
    assert repr(plain) == repr(waiting) == "fetch(key='a')"


def test_options_make_a_copy() -> None:
    """with_options() leaves the invocation as it was."""
    plain = fetch("a")
    waiting = plain.with_options(on_cancel="wait")

    assert (plain.options.on_cancel, waiting.options.on_cancel) == ("abandon", "wait")
    assert (pay("a").options.on_cancel, pay("a").with_options().options.on_cancel) == ("wait", "wait")
    assert waiting.with_options().options.on_cancel == "wait"
    assert waiting.arguments == plain.arguments


def test_an_invocation_that_was_given_options_is_no_slip(drive: Drive) -> None:
    """`yield fetch(...).with_options(...)` leaves nothing unyielded; a forgotten copy is told, once."""

    def body() -> Flow[None]:
        yield from fetch("a").with_options(on_cancel="wait")
        fetch("forgotten").with_options(on_cancel="wait")
        yield from fetch("b")

    run = drive(body, replayed=False)
    assert not run.advance.unyielded

    run.resolve("fetch a")
    assert [command for command, _ in run.advance.unyielded] == ["fetch(key='forgotten')"]


@pytest.mark.parametrize("on_cancel", ["stop", "", 5, True])
def test_an_unknown_on_cancel_is_refused(on_cancel: Any) -> None:
    """Anything but "abandon" or "wait" is refused at the call and at the decorator, with the words to use."""
    with pytest.raises((TypeError, ValueError), match=r"abandon.*wait"):
        fetch("a").with_options(on_cancel=on_cancel)
    with pytest.raises((TypeError, ValueError), match=r"abandon.*wait"):
        activity(name="refused", registry=registry, on_cancel=on_cancel)(lambda: None)


def test_outside_a_cancelled_workflow_is_an_exception() -> None:
    """A caller or a parent sees an `Exception`, unlike the `Cancelled` inside."""
    assert issubclass(WorkflowCancelledError, Exception)
    assert not issubclass(Cancelled, Exception)
