"""Cancelling, at every depth of branches, helpers and gathers."""

from __future__ import annotations

import pytest

from tests.core.journal import Journal, clean_up, fetch, gathering
from yieldflow import Cancelled, Flow, WorkflowStatus, gather, sleep


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_cancelling_reaches_nested_gathers_and_helpers(journal: Journal) -> None:
    """Cancelling a branch cancels all that it waits for, at every depth, and cleans up from the inside out."""

    def outer() -> Flow[None]:
        try:
            yield middle()
        finally:
            journal.entries.append("outer")

    def middle() -> Flow[None]:
        try:
            yield gather(fetch("b"), gather(journal.watching("c"), sleep(60)))
        finally:
            journal.entries.append("middle")

    flow = gathering(outer, fetch("a"))
    assert flow.pending == [fetch("a"), fetch("b"), sleep(60), fetch("c")]

    flow.fail(fetch("a"), ValueError("a lost"))
    assert journal.entries == ["c cancelled", "middle", "outer"]
    assert (flow.pending, flow.result) == ([], "caught a lost")


def test_a_cancelled_branch_waits_for_the_branches_below_it(journal: Journal) -> None:
    """`Cancelled` reaches a branch only after the branches that it waits for have cleaned up."""

    def outer() -> Flow[None]:
        try:
            yield from gather(journal.careful("inner"))
        except Cancelled as cancelled:
            journal.entries.append(f"outer, because of {cancelled.__cause__}")
            raise

    flow = gathering(outer, fetch("a"))
    flow.fail(fetch("a"), ValueError("a lost"))
    assert (flow.pending, journal.entries) == ([clean_up("inner")], [])

    flow.resolve()
    assert journal.entries == ["inner cleaned up", "outer, because of None"]
    assert flow.result == "caught a lost"


def test_a_branch_is_cancelled_though_those_below_it_went_on(journal: Journal) -> None:
    """Branches that catch their cancellation and return do not shield the branch that waits for them."""

    def outer() -> Flow[None]:
        try:
            yield from gather(journal.stubborn("inner"), return_exceptions=True)
            journal.entries.append("got results")
        finally:
            journal.entries.append("outer")

    flow = gathering(outer, fetch("a"))
    flow.fail(fetch("a"), ValueError("a lost"))
    assert (flow.pending, journal.entries) == ([fetch("inner after all")], [])

    flow.resolve()
    assert (journal.entries, flow.result) == (["outer"], "caught a lost")


def test_a_cancelled_gather_begins_nothing_more(journal: Journal) -> None:
    """After a limited gather is cancelled, no further member begins when cleanup makes room."""

    def outer() -> Flow[None]:
        yield from gather(journal.careful("b"), fetch("never"), limit=1)

    flow = gathering(outer, fetch("a"))
    flow.fail(fetch("a"), ValueError("a lost"))
    assert flow.pending == [clean_up("b")]

    flow.resolve()
    assert (flow.pending, flow.result) == ([], "caught a lost")


def test_a_cancelled_gather_whose_cleanup_fails_is_cancelled(journal: Journal) -> None:
    """A cancelled branch below which cleanup fails sees Cancelled, with the failure as its cause."""

    def outer() -> Flow[None]:
        try:
            yield from gather(journal.careful("b"))
        except Cancelled as cancelled:
            journal.entries.append(repr(cancelled.__cause__))
            raise

    flow = gathering(outer, fetch("a"))
    flow.fail(fetch("a"), ValueError("a lost"))
    flow.fail(clean_up("b"), ConnectionError("cleanup lost"))

    assert (journal.entries, flow.result) == (["ConnectionError('cleanup lost')"], "caught a lost")


def test_cancelling_a_thousand_levels_deep() -> None:
    """A failure cancels a chain of a thousand branches and gathers, and each of them is told."""
    told = 0

    def down(level: int) -> Flow[None]:
        nonlocal told
        try:
            yield gather(down(level - 1) if level else fetch("bottom"))
        except Cancelled:
            told += 1
            raise

    flow = gathering(lambda: down(999), fetch("a"))
    flow.fail(fetch("a"), ValueError("a lost"))

    assert (told, flow.pending, flow.result) == (1000, [], "caught a lost")


def test_a_gather_that_failed_inside_fails_the_outer_one() -> None:
    """The failure of an inner gather is that of the outer one, which cancels its other members."""
    flow = gathering(gather(fetch("a"), fetch("b")), fetch("c"))
    flow.fail(fetch("b"), ValueError("b lost"))

    assert (flow.pending, flow.result) == ([], "caught b lost")


def test_a_branch_that_raises_cancelled_itself_fails_the_gather() -> None:
    """`Cancelled` raised by a branch that nobody cancelled is a failure of the gather, as its own type."""

    def leaving() -> Flow[None]:
        yield from fetch("a")
        raise Cancelled

    flow = gathering(leaving, fetch("b"))
    flow.resolve(fetch("a"), None)

    assert (flow.status, flow.pending) == (WorkflowStatus.CANCELLED, [])


def test_a_caught_cancellation_leaves_no_result(journal: Journal) -> None:
    """The value that a branch returns after it was cancelled is dropped: the gather raises the first failure."""
    flow = gathering(fetch("a"), lambda: journal.stubborn("b"))
    flow.fail(fetch("a"), ValueError("a lost"))
    flow.resolve(fetch("b after all"), None)

    assert flow.result == "caught a lost"
