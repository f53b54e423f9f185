"""A workflow that is asked to end, or whose time is up. Each is also replayed from every prefix of its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

from tests.core.driver import Drive, careful, clean_up, fetch, pay, registry
from yieldflow import (
    Cancelled,
    Flow,
    ReplayMismatchError,
    WorkflowCancelledError,
    WorkflowTimeoutError,
    activity,
    gather,
    now,
    race,
    sleep,
    start,
    wait_for,
    wait_signal,
)
from yieldflow._core.history import Failure


def tidy() -> Flow[str]:
    """Waits, and cleans up by a step."""
    try:
        yield from fetch("a")
        return "returned"
    finally:
        yield from clean_up("a")


# ---------------------------------------------------------------------- how a cancelled workflow ends


def test_a_cancelled_workflow_ends_at_once_where_nothing_holds_it(drive: Drive) -> None:
    """A sleeper that is cancelled ends with that event, as cancelled, for the reason given."""

    def body() -> Flow[None]:
        yield from sleep(86_400)

    run = drive(body)
    run.cancel("no longer wanted")

    assert (run.status, run.pending, run.dropped_by_last()) == ("cancelled", [], ["sleep 86400"])
    assert run.execution.over
    assert run.execution.end is not None
    assert str(run.error) == "no longer wanted"


def test_a_reason_is_optional(drive: Drive) -> None:
    """Where no reason was given, none is made up."""

    def body() -> Flow[None]:
        yield from fetch("a")

    run = drive(body)
    run.cancel()

    assert (run.status, "None" in run.failure) == ("cancelled", False)


def test_cleanup_may_yield(drive: Drive) -> None:
    """A cancelled workflow cleans up by steps, and ends when they have ended."""
    run = drive(tidy)
    run.cancel("enough")
    assert (run.status, run.pending, run.dropped_by_last()) == ("processing", ["clean_up a"], ["fetch a"])

    run.resolve("clean_up a")
    assert run.status == "cancelled"
    assert str(run.error) == "enough"


def test_cancelled_is_thrown_with_the_reason(drive: Drive) -> None:
    """The workflow can read why it is cancelled."""

    def body() -> Flow[str]:
        try:
            yield from fetch("a")
        except Cancelled as cancelled:
            return f"cancelled: {cancelled}"
        return "not cancelled"

    run = drive(body)
    run.cancel("enough")

    assert (run.status, run.result) == ("done", "cancelled: enough")


def test_cancelled_without_a_reason_says_nothing(drive: Drive) -> None:
    """The text of `Cancelled` is empty where no reason was given."""

    def body() -> Flow[str]:
        try:
            yield from fetch("a")
        except Cancelled as cancelled:
            return f"cancelled: {cancelled}"
        return "not cancelled"

    run = drive(body)
    run.cancel()

    assert run.result == "cancelled: "


def test_except_exception_does_not_swallow_it(drive: Drive) -> None:
    """`except Exception` lets a cancellation pass."""

    def body() -> Flow[str]:
        try:
            yield from fetch("a")
        except Exception:
            return "swallowed"
        return "returned"

    run = drive(body)
    run.cancel()

    assert run.status == "cancelled"


def test_a_workflow_that_catches_its_cancellation_is_done(drive: Drive) -> None:
    """Caught, and returned from normally: done, with the value that it returned."""

    def body() -> Flow[str]:
        try:
            yield from fetch("a")
        except Cancelled:
            yield from fetch("b")
        return "done after all"

    run = drive(body)
    run.cancel("enough")
    run.resolve("fetch b")

    assert run.result == "done after all"


def test_a_cancellation_is_thrown_once(drive: Drive) -> None:
    """Asking again changes nothing, neither during cleanup nor after the cancellation was caught."""

    def body() -> Flow[str]:
        try:
            yield from fetch("a")
        except Cancelled:
            yield from fetch("b")
        yield from fetch("c")
        return "done after all"

    run = drive(body)
    run.cancel("first")
    run.cancel("second")
    assert (run.pending, run.dropped_by_last(), run.issued_by_last()) == (["fetch b"], [], [])

    run.resolve("fetch b")
    run.cancel("third")
    run.resolve("fetch c")
    assert run.result == "done after all"


def test_the_first_reason_counts(drive: Drive) -> None:
    """Of several requests the first is the one that is told."""
    run = drive(tidy)
    run.cancel("first")
    run.cancel("second")
    run.cancel(timeout=5)
    run.resolve("clean_up a")

    assert run.status == "cancelled"
    assert str(run.error) == "first"


def test_cleanup_that_fails_is_how_the_workflow_ends(drive: Drive) -> None:
    """A workflow whose cleanup raises has failed, with that exception."""
    run = drive(tidy)
    run.cancel("enough")
    run.fail("clean_up a", ConnectionError("cleanup lost"))

    assert (run.status, run.failure) == ("failed", "ConnectionError: cleanup lost")


@pytest.mark.parametrize("where", ["in a gather", "in a task"])
def test_cleanup_that_fails_further_down_is_told(drive: Drive, where: str) -> None:
    """Where the cleanup of a branch or task fails, what is recorded of the cancelled workflow tells of it."""

    def body() -> Flow[None]:
        if where == "in a task":
            yield from start(careful("b"))
            yield from sleep(60)
        yield from gather(careful("b"), sleep(60))

    run = drive(body)
    run.cancel("enough")
    run.fail("clean_up b", ConnectionError("cleanup lost"))
    assert run.execution.end is not None
    assert isinstance(run.execution.end.outcome, Failure)

    assert "cleanup lost" in run.execution.end.outcome.traceback


def test_a_workflow_that_raises_cancelled_anew(drive: Drive) -> None:
    """A `Cancelled` that the code makes itself, where a request was applied, ends it for the reason of the request."""

    def body() -> Flow[None]:
        try:
            yield from fetch("a")
        except Cancelled:
            raise Cancelled("my own words") from None

    run = drive(body)
    run.cancel("enough")

    assert run.status == "cancelled"
    assert str(run.error) == "enough"


def test_cancelled_raised_without_a_request(drive: Drive) -> None:
    """A workflow that raises `Cancelled` by itself ends as cancelled too."""

    def body() -> Flow[None]:
        yield from fetch("a")
        raise Cancelled

    run = drive(body)
    run.resolve("fetch a")

    assert run.status == "cancelled"


def test_a_workflow_that_has_ended_cannot_be_cancelled(drive: Drive) -> None:
    """A request for a workflow that is over fits nowhere: it is refused, as an outcome would be."""

    def body() -> Flow[str]:
        yield from ()
        return "done"

    run = drive(body, replayed=False)
    assert run.status == "done"

    with pytest.raises(ReplayMismatchError):
        run.cancel("too late")


def test_code_that_ends_before_a_recorded_request(drive: Drive) -> None:
    """Where changed code ends earlier than a recorded request, that is a mismatch, and nothing is lost."""

    def quicker() -> Flow[str]:
        yield from ()
        return "done"

    run = drive(tidy, replayed=False)
    run.cancel("enough")
    run.body = quicker

    with pytest.raises(ReplayMismatchError):
        run.crash()


def test_a_request_is_dated(drive: Drive) -> None:
    """The time of a request is what now() gives during the cleanup that it leads to."""

    def body() -> Flow[str]:
        try:
            yield from fetch("a")
        except Cancelled:
            return str((yield from now()))
        return "returned"

    run = drive(body)
    run.now += 5_000_000
    run.cancel()

    assert run.result == "2026-01-01 00:00:05+00:00"


# ---------------------------------------------------------------------- time that is up


def test_a_workflow_that_ran_out_of_time_has_failed(drive: Drive) -> None:
    """A timeout cancels with cleanup, and the workflow ends as failed with WorkflowTimeoutError."""
    run = drive(tidy)
    run.cancel(timeout=2.5)
    assert (run.status, run.pending) == ("processing", ["clean_up a"])

    run.resolve("clean_up a")
    assert run.status == "failed"
    assert isinstance(run.error, WorkflowTimeoutError)
    assert isinstance(run.error, TimeoutError)
    assert str(run.error).endswith("did not end within 2.5 s")
    assert "driven" in str(run.error)


def test_a_timeout_that_is_caught(drive: Drive) -> None:
    """A workflow that catches `Cancelled` when its time is up, and returns, is done."""

    def body() -> Flow[str]:
        try:
            yield from fetch("a")
        except Cancelled:
            return "partly"
        return "wholly"

    run = drive(body)
    run.cancel(timeout=5)

    assert run.result == "partly"


def test_a_timeout_during_cleanup_changes_nothing(drive: Drive) -> None:
    """A workflow that was cancelled and cleans up when its time is up ends as cancelled."""
    run = drive(tidy)
    run.cancel("enough")
    run.cancel(timeout=5)
    run.resolve("clean_up a")

    assert run.status == "cancelled"


def test_a_request_after_the_timeout_changes_nothing(drive: Drive) -> None:
    """A workflow whose time was up first ends as failed, though it was cancelled then."""
    run = drive(tidy)
    run.cancel(timeout=5)
    run.cancel("enough")
    run.resolve("clean_up a")

    assert run.status == "failed"
    assert isinstance(run.error, WorkflowTimeoutError)


# ---------------------------------------------------------------------- what it reaches


def test_a_request_reaches_everything_that_waits(drive: Drive) -> None:
    """Sleeps, waits for signals and activities vanish, branches and tasks clean up, and then the workflow does."""
    journal: list[str] = []

    def body() -> Flow[None]:
        yield from start(careful("task", journal))
        try:
            yield from gather(
                sleep(5), wait_signal("go"), fetch("b"), careful("c", journal), race(careful("d", journal))
            )
        finally:
            yield from clean_up("workflow")

    run = drive(body, replayed=False)
    run.cancel("enough")
    assert sorted(run.pending) == ["clean_up c", "clean_up d", "clean_up task"]
    assert sorted(run.dropped_by_last()) == ["fetch b", "fetch c", "fetch d", "fetch task", "sleep 5", "wait_signal go"]

    for key in "cd":
        run.resolve(f"clean_up {key}")
    assert "clean_up workflow" in run.pending

    for step in list(run.pending):
        run.resolve(step)
    assert (run.status, run.pending) == ("cancelled", [])
    assert sorted(journal) == ["c cleaned up", "d cleaned up", "task cleaned up"]
    run.check_every_prefix()


def test_every_branch_is_told_the_reason_once(drive: Drive) -> None:
    """Branches and tasks, at every depth, get `Cancelled` with the reason, from the inside out."""
    told: list[str] = []

    def watching(key: str, inner: Callable[[], Any]) -> Flow[None]:
        try:
            yield inner()
        except Cancelled as cancelled:
            told.append(f"{key} {cancelled}")
            raise

    def body() -> Flow[None]:
        yield from start(watching("task", lambda: fetch("t")))
        yield from watching("root", lambda: gather(watching("outer", lambda: gather(watching("inner", fetch_b)))))

    def fetch_b() -> Any:
        return fetch("b")

    run = drive(body, replayed=False)
    run.cancel("enough")

    assert sorted(told) == ["inner enough", "outer enough", "root enough", "task enough"]
    assert [one for one in told if "task" not in one] == ["inner enough", "outer enough", "root enough"]
    assert run.status == "cancelled"


def test_a_request_during_a_races_cleanup(drive: Drive) -> None:
    """A loser that is cleaning up is left to finish; then the workflow gets `Cancelled`, and the winner is dropped."""

    def body() -> Flow[str]:
        yield from race(fetch("a"), careful("b"))
        return "returned"

    run = drive(body)
    run.resolve("fetch a", "A")
    run.cancel("enough")
    assert (run.pending, run.status) == (["clean_up b"], "processing")

    run.resolve("clean_up b")
    assert run.status == "cancelled"


def test_a_request_during_wait_for(drive: Drive) -> None:
    """A workflow in wait_for that is cancelled does not time out: timer and command both vanish."""

    def body() -> Flow[Any]:
        return (yield from wait_for(fetch("a"), 60))

    run = drive(body)
    run.cancel("enough")

    assert (run.status, run.pending) == ("cancelled", [])
    assert sorted(run.dropped_by_last()) == ["fetch a", "sleep 60"]


def test_a_workflow_that_waits_for_its_tasks_can_be_cancelled(drive: Drive) -> None:
    """A workflow that has returned and waits for its tasks is cancelled by way of them: it did not come to its end."""

    def body() -> Flow[str]:
        yield from start(careful("t"))
        return "returned"

    run = drive(body)
    run.cancel("enough")
    assert (run.pending, run.status) == (["clean_up t"], "processing")

    run.resolve("clean_up t")
    assert (run.status, run.pending) == ("cancelled", [])


def test_a_request_while_a_failing_workflow_waits_for_its_tasks(drive: Drive) -> None:
    """A workflow that has raised, and whose tasks are cleaning up, ends with its own exception."""

    def body() -> Flow[None]:
        yield from start(careful("t"))
        yield from fetch("a")

    run = drive(body)
    run.fail("fetch a", KeyError("a"))
    run.cancel("enough")
    assert run.pending == ["clean_up t"]

    run.resolve("clean_up t")
    assert run.failure == "KeyError: 'a'"


def test_cleanup_may_use_every_command(drive: Drive) -> None:
    """In its cleanup a workflow may gather, race, wait and start: that is not cancelled."""

    def body() -> Flow[None]:
        try:
            yield from sleep(60)
        finally:
            task = yield from start(clean_up("task"))
            yield from gather(clean_up("a"), race(clean_up("b"), sleep(5)))
            yield from wait_for(clean_up("c"), 5)
            yield from task

    run = drive(body)
    run.cancel("enough")
    assert sorted(run.pending) == ["clean_up a", "clean_up b", "clean_up task", "sleep 5"]

    run.resolve("clean_up b")
    run.resolve("clean_up a")
    run.resolve("clean_up c")
    assert run.pending == ["clean_up task"]

    run.resolve("clean_up task")
    assert run.status == "cancelled"


def test_a_task_started_during_cleanup_is_waited_for(drive: Drive) -> None:
    """A task that a cancelled workflow starts in its cleanup, and then lets go, does not outlive it in silence."""

    def body() -> Flow[None]:
        try:
            yield from sleep(60)
        finally:
            yield from start(careful("t"))
            yield from clean_up("a")

    run = drive(body)
    run.cancel("enough")
    run.resolve("clean_up a")
    assert run.pending == ["clean_up t"]

    run.resolve("clean_up t")
    assert (run.status, run.pending) == ("cancelled", [])


def test_a_request_reaches_a_thousand_levels_deep(drive: Drive) -> None:
    """A chain of a thousand branches, gathers, races and tasks is cancelled by one request."""
    told: list[int] = []

    def down(level: int) -> Flow[None]:
        try:
            below = down(level - 1) if level else fetch("bottom")
            if level % 3 == 0:
                yield gather(below)
            elif level % 3 == 1:
                yield race(below, sleep(level))
            else:
                task: Any = yield start(below)
                yield task
        except Cancelled:
            told.append(level)
            raise

    run = drive(lambda: down(999), replayed=False)
    run.cancel("enough")

    assert (run.status, run.pending) == ("cancelled", [])
    assert sorted(told) == list(range(1000))


# ---------------------------------------------------------------------- activities that must be waited for


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
    """What was recorded counts on replay: an activity that was waited for still is, after a change to "abandon"."""
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
    """What was recorded counts on replay: an activity that was abandoned stays so, after a change to "wait"."""
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
    """What is neither "abandon" nor "wait" is refused at the call and at the decorator, with the words to use."""
    with pytest.raises((TypeError, ValueError), match=r"abandon.*wait"):
        fetch("a").with_options(on_cancel=on_cancel)
    with pytest.raises((TypeError, ValueError), match=r"abandon.*wait"):
        activity(name="refused", registry=registry, on_cancel=on_cancel)(lambda: None)


def test_outside_a_cancelled_workflow_is_an_exception() -> None:
    """What a caller or a parent sees is an `Exception`, unlike the `Cancelled` inside."""
    assert issubclass(WorkflowCancelledError, Exception)
    assert not issubclass(Cancelled, Exception)
