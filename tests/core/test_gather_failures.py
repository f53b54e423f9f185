"""A gather in which something fails: the rest is cancelled, cleanup is waited for, and then it raises."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.journal import Journal, clean_up, fetch, gathering, registry
from yieldflow import Cancelled, Flow, WorkflowStatus, gather, sleep, workflow
from yieldflow.testing import Stepper


class Frozen(Exception):
    """An exception that lets nobody set an attribute of it."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("frozen")


@pytest.fixture
def journal() -> Journal:
    return Journal()


# ---------------------------------------------------------------------- the first failure


def test_the_first_failure_is_raised_at_the_yield() -> None:
    """When a member fails, the gather raises its exception, and the others are no longer waited for."""
    flow = gathering(fetch("a"), fetch("b"), sleep(60))
    flow.fail(fetch("b"), ValueError("b lost"))

    assert (flow.pending, flow.result) == ([], "caught b lost")


def test_a_failed_gather_is_remembered() -> None:
    """After a crash, a workflow whose gather failed goes on as before."""

    @workflow(registry=registry)
    def robust() -> Flow[str]:
        try:
            yield from gather(fetch("a"), fetch("b"))
        except ValueError:
            yield from clean_up("both")
        return "robust"

    flow = Stepper(robust())
    flow.fail(fetch("a"), ValueError("a lost"))
    flow.crash()
    assert flow.pending == [clean_up("both")]

    flow.resolve()
    flow.crash()
    assert flow.result == "robust"


def test_branches_are_told_by_cancelled(journal: Journal) -> None:
    """`Cancelled` is thrown into the other branches, past `except Exception`."""
    flow = gathering(lambda: journal.watching("a"), lambda: journal.watching("b"))
    flow.fail(fetch("a"), ValueError("a lost"))

    assert journal.entries == ["a: ValueError('a lost')", "b cancelled"]
    assert flow.result == "caught a lost"


@pytest.mark.parametrize("crashes", [False, True], ids=["live", "with crashes"])
def test_the_cleanup_of_branches_is_waited_for(journal: Journal, crashes: bool) -> None:
    """The gather raises only after the `finally` of each cancelled branch has ended, steps and all."""
    flow = gathering(fetch("a"), lambda: journal.careful("b"), lambda: journal.careful("c"))
    flow.fail(fetch("a"), ValueError("a lost"))
    assert flow.pending == [clean_up("b"), clean_up("c")]

    if crashes:
        flow.crash()
    flow.resolve(clean_up("c"), None)
    assert flow.pending == [clean_up("b")]

    if crashes:
        flow.crash()
    flow.resolve(clean_up("b"), None)
    assert journal.entries[-2:] == ["c cleaned up", "b cleaned up"]
    assert flow.result == "caught a lost"


def test_a_branch_is_cancelled_once(journal: Journal) -> None:
    """A branch that catches its cancellation is left to end in its own time; it is not thrown again."""

    def failing() -> Flow[None]:
        yield from gather(fetch("x"), journal.stubborn("inner"))

    flow = gathering(failing, fetch("y"), lambda: journal.stubborn("outer"))
    flow.fail(fetch("x"), ValueError("x lost"))
    assert flow.pending == [fetch("y"), fetch("outer"), fetch("inner after all")]

    flow.fail(fetch("y"), ValueError("y lost"))
    assert flow.pending == [fetch("inner after all"), fetch("outer after all")]

    flow.resolve(fetch("outer after all"), None)
    flow.resolve(fetch("inner after all"), None)
    assert flow.result == "caught y lost"


def test_cleanup_after_a_second_failure_is_not_cut_short(journal: Journal) -> None:
    """A member that fails while others clean up changes nothing: the first failure is raised, at the end."""
    flow = gathering(fetch("a"), lambda: journal.careful("b"), lambda: journal.careful("c"))
    flow.fail(fetch("a"), ValueError("a lost"))
    flow.fail(clean_up("b"), ConnectionError("cleanup lost"))
    assert flow.pending == [clean_up("c")]

    flow.resolve(clean_up("c"), None)
    assert flow.result == "caught a lost"


@pytest.mark.parametrize("first", [LookupError("first"), Frozen("first")], ids=lambda error: type(error).__name__)
def test_a_failure_of_cleanup_is_noted_on_the_first(journal: Journal, first: Exception) -> None:
    """An error while the rest is cancelled does not vanish: it stands as a note on the failure raised."""

    @workflow(registry=registry)
    def noting() -> Flow[list[str]]:
        try:
            yield from gather(fetch("a"), journal.careful("b"))
        except Exception as error:
            return [type(error).__name__, error.__notes__[-1]]
        return []

    flow = Stepper(noting())
    flow.fail(fetch("a"), first)
    flow.fail(clean_up("b"), ConnectionError("cleanup lost"))

    assert flow.result == [
        type(first).__name__,
        "while the rest of the gather was being cancelled, also: ConnectionError('cleanup lost')",
    ]


def test_a_branch_that_has_not_begun_never_begins(journal: Journal) -> None:
    """A member that cannot even begin fails the gather before later branches, and those waiting, have run a line."""

    def never() -> Flow[None]:
        journal.entries.append("begun")
        yield from fetch("never")

    flow = gathering(never, fetch("a"), 5, never)

    assert (journal.entries, flow.pending, flow.failed) == ([], [], True)


def test_a_branch_that_could_go_on_is_cancelled_all_the_same(journal: Journal) -> None:
    """A branch that has what it waited for, and whose turn has not come, is cancelled too if a member fails first."""

    def quick() -> Flow[None]:
        yield from ()

    def failing() -> Flow[None]:
        yield gather(quick())
        raise ValueError("failed first")

    def slower() -> Flow[None]:
        try:
            yield gather(quick())
            journal.entries.append("went on")
        except Cancelled:
            journal.entries.append("cancelled")
            raise

    def slow() -> Flow[None]:
        yield gather(slower())

    flow = gathering(slow, failing)

    assert (journal.entries, flow.result) == (["cancelled"], "caught failed first")


def test_members_behind_the_limit_are_not_begun_after_a_failure() -> None:
    """After a limited gather fails, no further member begins."""
    flow = gathering(fetch("a"), fetch("b"), fetch("c"), limit=2)
    flow.fail(fetch("a"), ValueError("a lost"))

    assert (flow.pending, flow.result) == ([], "caught a lost")


def test_the_workflow_can_use_a_gather_in_its_cleanup(journal: Journal) -> None:
    """A cancelled branch may gather in its `finally`: that is not cancelled."""

    def thorough() -> Flow[None]:
        try:
            yield from fetch("work")
        finally:
            yield from gather(clean_up("one"), clean_up("two"))
            journal.entries.append("thorough")

    flow = gathering(fetch("a"), thorough)
    flow.fail(fetch("a"), ValueError("a lost"))
    assert flow.pending == [clean_up("one"), clean_up("two")]

    flow.resolve(clean_up("one"), None)
    flow.resolve(clean_up("two"), None)
    assert (journal.entries, flow.result) == (["thorough"], "caught a lost")


def test_a_failure_bears_no_note_where_cleanup_went_well(journal: Journal) -> None:
    """Branches that are cancelled and end so leave nothing on the failure that is raised."""

    @workflow(registry=registry)
    def noting() -> Flow[list[str]]:
        try:
            yield from gather(fetch("a"), journal.careful("b"), journal.watching("c"))
        except ValueError as error:
            return list(error.__notes__)
        return ["no failure"]

    flow = Stepper(noting())
    flow.fail(fetch("a"), ValueError("a lost"))
    flow.resolve(clean_up("b"), None)

    assert flow.result == ["in step 0, fetch(key='a')"]


# ---------------------------------------------------------------------- return_exceptions


def test_failures_can_be_put_into_the_list(journal: Journal) -> None:
    """With return_exceptions=True nothing is cancelled, and each failure stands in its member's place."""

    @workflow(registry=registry)
    def tolerant() -> Flow[list[str]]:
        results = yield from gather(fetch("a"), journal.watching("b"), fetch("c"), return_exceptions=True)
        return [repr(result) for result in results]

    flow = Stepper(tolerant())
    flow.fail(fetch("a"), ValueError("a lost"))
    flow.fail(fetch("b"), KeyError("b"))
    flow.crash()
    assert flow.pending == [fetch("c")]

    flow.resolve("C")
    assert flow.result == ["ValueError('a lost')", "KeyError('b')", "'C'"]


def test_a_member_that_cannot_begin_is_put_into_the_list_too() -> None:
    """A member that may not be yielded fails like any other member."""

    @workflow(registry=registry)
    def tolerant() -> Flow[list[str]]:
        results: Any = yield gather(fetch("a"), 5, return_exceptions=True)  # type: ignore[call-overload]  # the mistake
        return [type(result).__name__ for result in results]

    flow = Stepper(tolerant())
    flow.resolve("A")

    assert flow.result == ["str", "CommandError"]


def test_what_is_no_exception_is_not_put_into_the_list() -> None:
    """Cancelled, or sys.exit(), in a member ends the gather, though failures are collected."""

    def leaving() -> Flow[None]:
        yield from fetch("a")
        raise Cancelled

    flow = gathering(leaving, fetch("b"), return_exceptions=True)
    flow.resolve(fetch("a"), None)

    assert (flow.status, flow.pending) == (WorkflowStatus.CANCELLED, [])


def test_cancelled_is_never_put_into_the_list(journal: Journal) -> None:
    """A gather that collects exceptions is cancelled like any other when its own branch is."""

    def tolerant() -> Flow[Any]:
        results = yield from gather(journal.watching("b"), fetch("c"), return_exceptions=True)
        journal.entries.append("went on")
        return results

    flow = gathering(tolerant, fetch("a"))
    flow.fail(fetch("a"), ValueError("a lost"))

    assert (journal.entries, flow.result) == (["b cancelled"], "caught a lost")
