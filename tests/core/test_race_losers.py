"""A `race` cancels its losers and waits for their cleanup. Each workflow here is replayed from every prefix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.driver import Drive, careful, clean_up, fetch, pay
from tests.core.small_workflows import racing
from yieldflow import (
    Cancelled,
    Flow,
    gather,
    race,
    start,
    wait_for,
)

# ---------------------------------------------------------------------- losers


def test_the_cleanup_of_losers_is_waited_for(drive: Drive) -> None:
    """The race resumes only after the `finally` of each loser has ended, steps and all."""
    journal: list[str] = []
    run = drive(racing(fetch("a"), lambda: careful("b", journal), lambda: careful("c", journal)), replayed=False)
    run.resolve("fetch a", "A")
    assert (run.pending, run.status) == (["clean_up b", "clean_up c"], "processing")

    run.resolve("clean_up c")
    assert (run.pending, run.status) == (["clean_up b"], "processing")

    run.resolve("clean_up b")
    assert (run.result, journal) == ((0, "A"), ["c cleaned up", "b cleaned up"])
    run.check_every_prefix()


def test_losers_are_told_by_cancelled(drive: Drive) -> None:
    """`Cancelled` is thrown at the loser's yield, past `except Exception`, and once."""
    journal: list[str] = []

    def watching() -> Flow[None]:
        try:
            yield from fetch("b")
        except Exception:
            journal.append("swallowed")
        except Cancelled:
            journal.append("cancelled")
            raise

    run = drive(racing(fetch("a"), watching), replayed=False)
    run.resolve("fetch a", "A")

    assert (run.result, journal) == ((0, "A"), ["cancelled"])


def test_a_loser_that_survives_its_cancellation_changes_nothing(drive: Drive) -> None:
    """A loser that catches `Cancelled` and returns is waited for; what it returns is dropped."""

    def stubborn() -> Flow[str]:
        try:
            yield from fetch("b")
        except Cancelled:
            yield from fetch("b after all")
        return "survived"

    run = drive(racing(fetch("a"), stubborn))
    run.resolve("fetch a", "A")
    assert run.pending == ["fetch b after all"]

    run.resolve("fetch b after all")
    assert run.result == (0, "A")


def test_a_failure_in_a_losers_cleanup_is_raised(drive: Drive) -> None:
    """A failure in a loser's cleanup is raised though the winner has a value: it does not vanish."""
    run = drive(racing(fetch("a"), lambda: careful("b")))
    run.resolve("fetch a", "A")
    run.fail("clean_up b", ConnectionError("cleanup lost"))

    assert run.failure == "ConnectionError: cleanup lost"


def test_several_failures_in_losers_cleanup(drive: Drive) -> None:
    """The first failure of cleanup is raised, the next is a note on it."""

    def body() -> Flow[list[str]]:
        try:
            yield from race(fetch("a"), careful("b"), careful("c"))
        except ConnectionError as error:
            return [str(error), *error.__notes__]
        return []

    run = drive(body)
    run.resolve("fetch a", "A")
    run.fail("clean_up c", ConnectionError("c lost"))
    run.fail("clean_up b", ConnectionError("b lost"))

    assert run.result[0] == "c lost"
    assert "ConnectionError('b lost')" in run.result[-1]


def test_a_failure_in_a_losers_cleanup_is_noted_on_the_failure_of_the_first(drive: Drive) -> None:
    """A race whose first member to end failed raises its exception, with the failures of cleanup as notes."""

    def body() -> Flow[list[str]]:
        try:
            yield from race(fetch("a"), careful("b"))
        except ValueError as error:
            return [str(error), *error.__notes__]
        return []

    run = drive(body)
    run.fail("fetch a")
    run.fail("clean_up b", ConnectionError("cleanup lost"))

    assert run.result[0] == "fetch a lost"
    assert "ConnectionError('cleanup lost')" in run.result[-1]


def test_a_race_without_failures_bears_no_note(drive: Drive) -> None:
    """Losers that are cancelled and end so leave nothing on the failure that is raised."""

    def body() -> Flow[list[str]]:
        try:
            yield from race(fetch("a"), careful("b"))
        except ValueError as error:
            return list(error.__notes__)
        return []

    run = drive(body)
    run.fail("fetch a")
    run.resolve("clean_up b")

    assert run.result == ["in step 0, fetch(key='a')"]


def test_a_loser_whose_activity_must_be_waited_for(drive: Drive) -> None:
    """A losing activity with on_cancel="wait" holds the race until it has ended; its outcome is dropped."""
    run = drive(racing(fetch("a"), pay("b")))
    run.resolve("fetch a", "A")
    assert (run.pending, run.cancelling_by_last(), run.dropped_by_last()) == (["pay b"], ["pay b"], [])

    run.resolve("pay b", "receipt")
    assert run.result == (0, "A")


def test_a_loser_that_must_be_waited_for_may_fail(drive: Drive) -> None:
    """Whatever becomes of an activity that was cancelled and waited for, it counts as cancelled."""
    run = drive(racing(fetch("a"), pay("b")))
    run.resolve("fetch a", "A")
    run.fail("pay b")

    assert run.result == (0, "A")


def test_a_branch_cleans_up_after_its_activity_has_ended(drive: Drive) -> None:
    """A losing branch gets `Cancelled` only when the activity that it waits for has ended, if that is to be awaited."""

    def paying() -> Flow[None]:
        try:
            yield from pay("b")
        finally:
            yield from clean_up("refund")

    run = drive(racing(fetch("a"), paying))
    run.resolve("fetch a", "A")
    assert run.pending == ["pay b"]

    run.resolve("pay b", "receipt")
    assert run.pending == ["clean_up refund"]

    run.resolve("clean_up refund")
    assert run.result == (0, "A")


# ---------------------------------------------------------------------- failures of cleanup, further down


def with_a_task(key: str) -> Flow[Any]:
    yield from start(careful(key))
    yield from fetch("never ends")


def with_a_gather(key: str) -> Flow[Any]:
    return (yield from gather(careful(key), fetch("never ends")))


DEEP: dict[str, Callable[[], Any]] = {
    "a gather": lambda: gather(careful("b"), fetch("never ends")),
    "a tolerant gather": lambda: gather(careful("b"), fetch("never ends"), return_exceptions=True),
    "a race": lambda: race(careful("b"), fetch("never ends")),
    "a wait": lambda: wait_for(careful("b"), 60),
    "a branch with a gather": lambda: with_a_gather("b"),
    "a branch with a task": lambda: with_a_task("b"),
}


@pytest.mark.parametrize("what", DEEP)
def test_a_failure_in_a_losers_cleanup_is_raised_however_deep(drive: Drive, what: str) -> None:
    """A failure in cleanup further down in the loser does not vanish either."""

    def body() -> Flow[str]:
        try:
            yield race(fetch("a"), DEEP[what]())
        except Exception as error:
            return "\n".join([repr(error), repr(error.__cause__), *getattr(error, "__notes__", ())])
        return "nothing was raised"

    run = drive(body)
    run.resolve("fetch a", "A")
    run.fail("clean_up b", ConnectionError("cleanup lost"))

    assert "cleanup lost" in run.result


@pytest.mark.parametrize("what", DEEP)
def test_a_failure_in_cleanup_is_noted_however_deep(drive: Drive, what: str) -> None:
    """A failure that comes first bears a note of the cleanup that failed, also where that is further down."""

    def body() -> Flow[str]:
        try:
            yield race(fetch("a"), DEEP[what]())
        except ValueError as error:
            return "\n".join([repr(error), *error.__notes__])
        return "nothing was raised"

    run = drive(body)
    run.fail("fetch a")
    run.fail("clean_up b", ConnectionError("cleanup lost"))

    assert "cleanup lost" in run.result
