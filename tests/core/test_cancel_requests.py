"""A workflow that is asked to end, or whose time is up. Each is also replayed from every prefix of its history."""

from __future__ import annotations

import pytest

from tests.core.driver import Drive, careful, fetch
from tests.core.small_workflows import tidy
from yieldflow import (
    Cancelled,
    Flow,
    ReplayMismatchError,
    WorkflowTimeoutError,
    gather,
    now,
    sleep,
    start,
)
from yieldflow._core.history import Failure

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
    """A workflow that is cancelled without a reason has none."""

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
    """A workflow that is asked to end several times is cancelled for the first reason."""
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
    """A cleanup that fails in a branch or task shows in the recorded failure of the cancelled workflow."""

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
    """Changed code that ends earlier than a recorded request is a mismatch, and nothing is lost."""

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
