"""A gather in which something fails: the rest is cancelled, cleanup is waited for, and then it raises."""

from __future__ import annotations

from typing import Any

import pytest

from yieldflow import Cancelled, Flow, Registry, WorkflowStatus, activity, gather, sleep, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def fetch(key: Any) -> Any:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
def clean_up(key: str) -> None:
    raise AssertionError("a stepper runs no activity")


class Frozen(Exception):
    """An exception that lets nobody set an attribute of it."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("frozen")


class Journal:
    """What happened inside the branches of the workflow that is being stepped."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def careful(self, key: str) -> Flow[Any]:
        """Works, and in any case cleans up by a step of its own."""
        try:
            return (yield from fetch(key))
        finally:
            yield from clean_up(key)
            self.entries.append(f"{key} cleaned up")

    def watching(self, key: str) -> Flow[Any]:
        """Notes how it ended."""
        try:
            value = yield from fetch(key)
        except Exception as error:
            self.entries.append(f"{key}: {error!r}")
            raise
        except Cancelled:
            self.entries.append(f"{key} cancelled")
            raise
        return value

    def stubborn(self, key: str) -> Flow[str]:
        """Catches its cancellation, and goes on for a step."""
        try:
            yield from fetch(key)
        except Cancelled:
            yield from fetch(f"{key} after all")
        return f"{key} survived"


@pytest.fixture
def journal() -> Journal:
    return Journal()


def stepper(*members: Any, **options: Any) -> Stepper[Any]:
    """A workflow that gathers ``members``: commands, or functions that make a branch."""

    @workflow(registry=registry)
    def gathering() -> Flow[Any]:
        try:
            branches = [member() if callable(member) else member for member in members]
            return (yield from gather(*branches, **options))
        except ValueError as error:
            return f"caught {error}"

    return Stepper(gathering())


# ---------------------------------------------------------------------- the first failure


def test_the_first_failure_is_raised_at_the_yield() -> None:
    """When a member fails, the gather raises its exception, and the others are no longer waited for."""
    flow = stepper(fetch("a"), fetch("b"), sleep(60))
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
    flow = stepper(lambda: journal.watching("a"), lambda: journal.watching("b"))
    flow.fail(fetch("a"), ValueError("a lost"))

    assert journal.entries == ["a: ValueError('a lost')", "b cancelled"]
    assert flow.result == "caught a lost"


@pytest.mark.parametrize("crashes", [False, True], ids=["live", "with crashes"])
def test_the_cleanup_of_branches_is_waited_for(journal: Journal, crashes: bool) -> None:
    """The gather raises only after the `finally` of each cancelled branch has ended, steps and all."""
    flow = stepper(fetch("a"), lambda: journal.careful("b"), lambda: journal.careful("c"))
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

    flow = stepper(failing, fetch("y"), lambda: journal.stubborn("outer"))
    flow.fail(fetch("x"), ValueError("x lost"))
    assert flow.pending == [fetch("y"), fetch("outer"), fetch("inner after all")]

    flow.fail(fetch("y"), ValueError("y lost"))
    assert flow.pending == [fetch("inner after all"), fetch("outer after all")]

    flow.resolve(fetch("outer after all"), None)
    flow.resolve(fetch("inner after all"), None)
    assert flow.result == "caught y lost"


def test_cleanup_after_a_second_failure_is_not_cut_short(journal: Journal) -> None:
    """A member that fails while others clean up changes nothing: the first failure is raised, at the end."""
    flow = stepper(fetch("a"), lambda: journal.careful("b"), lambda: journal.careful("c"))
    flow.fail(fetch("a"), ValueError("a lost"))
    flow.fail(clean_up("b"), ConnectionError("cleanup lost"))
    assert flow.pending == [clean_up("c")]

    flow.resolve(clean_up("c"), None)
    assert flow.result == "caught a lost"


@pytest.mark.parametrize("first", [LookupError("first"), Frozen("first")], ids=lambda error: type(error).__name__)
def test_a_failure_of_cleanup_is_noted_on_the_first(journal: Journal, first: Exception) -> None:
    """What goes wrong while the rest is cancelled does not vanish: it stands as a note on the failure raised."""

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

    flow = stepper(never, fetch("a"), 5, never)

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

    flow = stepper(slow, failing)

    assert (journal.entries, flow.result) == (["cancelled"], "caught failed first")


def test_members_behind_the_limit_are_not_begun_after_a_failure() -> None:
    """Of a limited gather that fails, what had not begun does not begin."""
    flow = stepper(fetch("a"), fetch("b"), fetch("c"), limit=2)
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

    flow = stepper(fetch("a"), thorough)
    flow.fail(fetch("a"), ValueError("a lost"))
    assert flow.pending == [clean_up("one"), clean_up("two")]

    flow.resolve(clean_up("one"), None)
    flow.resolve(clean_up("two"), None)
    assert (journal.entries, flow.result) == (["thorough"], "caught a lost")


# ---------------------------------------------------------------------- nested


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

    flow = stepper(outer, fetch("a"))
    assert flow.pending == [fetch("a"), fetch("b"), sleep(60), fetch("c")]

    flow.fail(fetch("a"), ValueError("a lost"))
    assert journal.entries == ["c cancelled", "middle", "outer"]
    assert (flow.pending, flow.result) == ([], "caught a lost")


def test_a_cancelled_branch_waits_for_the_branches_below_it(journal: Journal) -> None:
    """`Cancelled` reaches a branch only after the branches that it waits for have cleaned up."""

    def outer() -> Flow[None]:
        try:
            yield from gather(journal.careful("inner"))
        finally:
            journal.entries.append("outer")

    flow = stepper(outer, fetch("a"))
    flow.fail(fetch("a"), ValueError("a lost"))
    assert (flow.pending, journal.entries) == ([clean_up("inner")], [])

    flow.resolve()
    assert journal.entries == ["inner cleaned up", "outer"]
    assert flow.result == "caught a lost"


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

    flow = stepper(lambda: down(999), fetch("a"))
    flow.fail(fetch("a"), ValueError("a lost"))

    assert (told, flow.pending, flow.result) == (1000, [], "caught a lost")


def test_a_gather_that_failed_inside_fails_the_outer_one() -> None:
    """The failure of an inner gather is that of the outer one, which cancels its other members."""
    flow = stepper(gather(fetch("a"), fetch("b")), fetch("c"))
    flow.fail(fetch("b"), ValueError("b lost"))

    assert (flow.pending, flow.result) == ([], "caught b lost")


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
    """What may not be yielded is a failure of its member like any other."""

    @workflow(registry=registry)
    def tolerant() -> Flow[list[str]]:
        results: Any = yield gather(fetch("a"), 5, return_exceptions=True)  # type: ignore[call-overload]  # the mistake
        return [type(result).__name__ for result in results]

    flow = Stepper(tolerant())
    flow.resolve("A")

    assert flow.result == ["str", "CommandError"]


def test_cancelled_is_never_put_into_the_list(journal: Journal) -> None:
    """A gather that collects exceptions is cancelled like any other when its own branch is."""

    def tolerant() -> Flow[Any]:
        results = yield from gather(journal.watching("b"), fetch("c"), return_exceptions=True)
        journal.entries.append("went on")
        return results

    flow = stepper(tolerant, fetch("a"))
    flow.fail(fetch("a"), ValueError("a lost"))

    assert (journal.entries, flow.result) == (["b cancelled"], "caught a lost")


# ---------------------------------------------------------------------- Cancelled by itself


def test_a_branch_that_raises_cancelled_itself_fails_the_gather() -> None:
    """`Cancelled` raised by a branch that nobody cancelled is a failure of the gather, as its own type."""

    def leaving() -> Flow[None]:
        yield from fetch("a")
        raise Cancelled

    flow = stepper(leaving, fetch("b"))
    flow.resolve(fetch("a"), None)

    assert (flow.status, flow.pending) == (WorkflowStatus.CANCELLED, [])


def test_a_caught_cancellation_leaves_no_result(journal: Journal) -> None:
    """What a branch returns after it was cancelled is dropped: the gather raises the failure that came first."""
    flow = stepper(fetch("a"), lambda: journal.stubborn("b"))
    flow.fail(fetch("a"), ValueError("a lost"))
    flow.resolve(fetch("b after all"), None)

    assert flow.result == "caught a lost"
