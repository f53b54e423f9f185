"""`race`: the first of several. Each workflow here is also replayed from every prefix of its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.driver import Drive, careful, clean_up, fetch, pay, registry, two_steps
from yieldflow import (
    Cancelled,
    Command,
    CommandError,
    Flow,
    ReplayMismatchError,
    activity,
    gather,
    info,
    now,
    race,
    sleep,
    start,
    wait_for,
    workflow,
)
from yieldflow.testing import Stepper


def racing(*members: Any) -> Callable[[], Flow[Any]]:
    """A workflow that races ``members``: commands, or functions that make a branch."""

    def body() -> Flow[Any]:
        return (yield race(*(member() if callable(member) else member for member in members)))

    return body


# ---------------------------------------------------------------------- the first


@pytest.mark.parametrize("winner", [0, 1, 2])
def test_the_first_to_end_wins(drive: Drive, winner: int) -> None:
    """A race resumes with the place and the value of the first to end; the others are no longer waited for."""
    run = drive(racing(fetch("0"), fetch("1"), fetch("2")))
    assert run.pending == ["fetch 0", "fetch 1", "fetch 2"]

    run.resolve(f"fetch {winner}", "won")

    assert run.result == (winner, "won")
    assert run.pending == []
    assert run.told[-1].cancelled == tuple(number for number in range(3) if number != winner)


def test_a_race_is_a_tuple(drive: Drive) -> None:
    """What a race resumes with is a tuple, which `match` and unpacking take apart."""

    def body() -> Flow[str]:
        match (yield from race(fetch("a"), sleep(60))):
            case (0, value):
                return f"fetched {value}"
            case (1, None):
                return "too late"
        return "neither"

    fetched, late = drive(body), drive(body)
    fetched.resolve("fetch a", "A")
    late.resolve("sleep 60")

    assert (fetched.result, late.result) == ("fetched A", "too late")


def test_an_empty_race_is_refused_at_the_call() -> None:
    """A race of nothing could never end: the call itself is a ValueError."""
    with pytest.raises(ValueError, match=r"race\(\)"):
        race()


def test_a_race_of_one_waits_for_it(drive: Drive) -> None:
    """A race of a single member gives its value, with 0."""
    run = drive(racing(fetch("a")))
    run.resolve("fetch a", "A")

    assert run.result == (0, "A")


def test_a_race_of_one_raises_its_failure(drive: Drive) -> None:
    """A race of a single member raises its exception."""
    run = drive(racing(fetch("a")))
    run.fail("fetch a")

    assert run.failure == "ValueError: fetch a lost"


def test_the_first_to_fail_loses_the_race_for_all(drive: Drive) -> None:
    """Where the first to end fails, its exception is raised and the others are cancelled."""
    run = drive(racing(fetch("a"), sleep(60), lambda: two_steps("b")))
    run.fail("fetch a", KeyError("no such order"))

    assert run.failure == "KeyError: 'no such order'"
    assert isinstance(run.error, KeyError)
    assert sorted(run.dropped_by_last()) == ["fetch b1", "sleep 60"]


def test_a_race_takes_everything_that_can_be_yielded(drive: Drive) -> None:
    """Activities, sleeps, helpers, gathers and races may be mixed."""
    members = [fetch("a"), sleep(5), lambda: two_steps("b"), gather(fetch("c"), fetch("d")), race(fetch("e"))]
    run = drive(racing(*members))
    assert sorted(run.pending) == ["fetch a", "fetch b1", "fetch c", "fetch d", "fetch e", "sleep 5"]

    run.resolve("fetch b1", "x")
    run.resolve("fetch c", "C")
    assert run.status == "processing"

    run.resolve("fetch d", "D")
    assert run.result == (3, ["C", "D"])
    assert run.pending == []


def test_a_branch_wins_when_it_returns(drive: Drive) -> None:
    """A helper in a race is a branch of several steps, and wins when it has come to its end."""
    run = drive(racing(lambda: two_steps("a"), fetch("b")))
    run.resolve("fetch a1", "x")
    assert run.pending == ["fetch b", "fetch a2"]

    run.resolve("fetch a2", "y")
    assert run.result == (0, "xy")


def test_a_late_end_of_a_loser_is_a_leftover(drive: Drive) -> None:
    """An outcome for a step that lost is refused, as for any step that is not open."""

    def body() -> Flow[None]:
        yield from race(fetch("a"), fetch("b"))
        yield from fetch("c")

    run = drive(body, replayed=False)
    run.resolve("fetch a")

    with pytest.raises(ReplayMismatchError, match="at step 1:"):
        run.resolve(1, "too late")


def test_the_same_invocation_twice_is_two_steps(drive: Drive) -> None:
    """Equal commands race each other as steps of their own."""
    run = drive(racing(fetch("a"), fetch("a")))
    run.resolve(1, "second")

    assert run.result == (1, "second")


def test_a_race_can_be_made_first_and_yielded_twice(drive: Drive) -> None:
    """A race is a value: nothing begins before the yield, and each yield begins it anew."""

    def body() -> Flow[Any]:
        either = race(fetch("a"), fetch("b"))
        yield from sleep(1)
        return [(yield from either), (yield from either)]

    run = drive(body)
    assert run.pending == ["sleep 1"]

    run.resolve("sleep 1")
    run.resolve("fetch b", "B")
    assert run.pending == ["fetch a", "fetch b"]

    run.resolve("fetch a", "A")
    assert run.result == [(1, "B"), (0, "A")]


def test_races_are_equal_by_value() -> None:
    """A race of the same commands is the same race, so that a test can name what is pending."""
    assert race(fetch("a"), sleep(1)) == race(fetch("a"), sleep(1)) != race(sleep(1), fetch("a"))
    assert repr(race(fetch("a"), sleep(1))) == "race(fetch(key='a'), sleep(1))"


# ---------------------------------------------------------------------- at once


def test_a_member_that_completes_at_once_wins_at_once(drive: Drive) -> None:
    """Members behind one that needs no waiting are not begun; those before it were, and are cancelled."""
    run = drive(racing(fetch("a"), info(), fetch("never")))

    assert run.issued_by_last() == run.dropped_by_last() == ["fetch a"]
    assert run.result[0] == 1


def test_of_two_that_complete_at_once_the_first_wins(drive: Drive) -> None:
    """Order decides between members that need no waiting."""
    assert drive(racing(gather(), gather(), now())).result == (0, [])


def test_an_empty_gather_wins_at_once(drive: Drive) -> None:
    """`gather()` needs no waiting, in a race too."""
    run = drive(racing(gather(), fetch("never")))

    assert (run.result, run.steps) == ((0, []), [])


def test_a_branch_that_returns_without_a_step_wins(drive: Drive) -> None:
    """A helper that waits for nothing wins in the same turn, and nothing stays open."""

    def quick() -> Flow[str]:
        yield from now()
        return "quick"

    run = drive(racing(quick, lambda: two_steps("slow")))

    assert (run.result, run.pending) == ((0, "quick"), [])


def test_what_may_not_be_yielded_loses_the_race(drive: Drive) -> None:
    """A member that is no command fails the race at the yield, and members behind it are not begun."""
    run = drive(racing(fetch("a"), 5, fetch("never")))

    assert isinstance(run.error, CommandError)
    assert "5 was yielded, which is no command" in run.failure
    assert run.issued_by_last() == run.dropped_by_last() == ["fetch a"]


def test_a_branch_that_has_not_begun_never_begins(drive: Drive) -> None:
    """A branch whose race is over before its first line does not run it."""
    begun: list[str] = []

    def never() -> Flow[None]:
        begun.append("never")
        yield from fetch("never")

    run = drive(racing(never, now()))

    assert (begun, run.steps, run.status) == ([], [], "done")


def test_two_that_could_win_in_one_turn(drive: Drive) -> None:
    """Of two branches that come to their ends in the same turn, the first driven wins, and the other is cancelled."""
    journal: list[str] = []

    def quick(key: str) -> Flow[str]:
        try:
            yield from gather(now())
            yield from gather(nothing())
        except Cancelled:
            journal.append(f"{key} cancelled")
            raise
        return key

    def nothing() -> Flow[None]:
        yield from ()

    run = drive(racing(lambda: quick("a"), lambda: quick("b")), replayed=False)

    assert (run.result, journal) == ((0, "a"), ["b cancelled"])


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
    """Where the winner has a value and a loser's cleanup fails, that failure is raised: it does not vanish."""
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
    """Where the first to end failed, its exception is raised, with the failures of cleanup as notes."""

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


# ---------------------------------------------------------------------- nested and cancelled


def test_a_race_that_is_cancelled_cancels_its_members(drive: Drive) -> None:
    """Cancelling a branch reaches the members of its race, whose cleanup is waited for first."""
    journal: list[str] = []

    def outer() -> Flow[None]:
        try:
            yield from race(careful("b", journal), sleep(60))
        finally:
            journal.append("outer")

    run = drive(racing(fetch("a"), outer), replayed=False)
    run.resolve("fetch a", "A")
    assert (run.pending, journal) == (["clean_up b"], [])

    run.resolve("clean_up b")
    assert (run.result, journal) == ((0, "A"), ["b cleaned up", "outer"])


def test_a_race_is_cancelled_while_its_loser_cleans_up(drive: Drive) -> None:
    """A race that is over but for cleanup is cancelled like any other: its winner is dropped, cleanup is finished."""
    journal: list[str] = []

    def outer() -> Flow[None]:
        try:
            yield from race(fetch("b"), careful("c", journal))
            journal.append("went on")
        except Cancelled:
            journal.append("cancelled")
            raise

    run = drive(racing(fetch("a"), outer), replayed=False)
    run.resolve("fetch b", "B")
    assert run.pending == ["fetch a", "clean_up c"]

    run.resolve("fetch a", "A")
    assert run.pending == ["clean_up c"]

    run.resolve("clean_up c")
    assert (run.result, journal) == ((0, "A"), ["c cleaned up", "cancelled"])


def race_gather_race(journal: list[str]) -> Callable[[], Flow[Any]]:
    """A race in a gather in a race, whose branches clean up by steps."""

    def body() -> Flow[Any]:
        inner = race(careful("b", journal), careful("c", journal))
        return (yield from race(fetch("a"), gather(inner, careful("d", journal))))

    return body


def test_a_race_in_a_gather_in_a_race_that_loses(drive: Drive) -> None:
    """Losing reaches every depth, and every cleanup is waited for."""
    journal: list[str] = []
    run = drive(race_gather_race(journal), replayed=False)
    run.resolve("fetch a", "A")
    assert sorted(run.pending) == ["clean_up b", "clean_up c", "clean_up d"]

    for key in "cdb":
        assert run.status == "processing"
        run.resolve(f"clean_up {key}")
    assert (run.result, journal) == ((0, "A"), ["c cleaned up", "d cleaned up", "b cleaned up"])
    run.check_every_prefix()


def test_a_race_in_a_gather_in_a_race_that_loses_during_cleanup(drive: Drive) -> None:
    """An inner race whose loser is cleaning up when the outer race is lost finishes that cleanup, once."""
    journal: list[str] = []
    run = drive(race_gather_race(journal), replayed=False)
    run.resolve("fetch b", "B")
    run.resolve("clean_up b")
    assert sorted(run.pending) == ["clean_up c", "fetch a", "fetch d"]

    run.resolve("fetch a", "A")
    assert sorted(run.pending) == ["clean_up c", "clean_up d"]

    run.resolve("clean_up d")
    run.resolve("clean_up c")
    assert (run.result, journal) == ((0, "A"), ["b cleaned up", "d cleaned up", "c cleaned up"])
    run.check_every_prefix()


def test_a_race_in_a_gather_in_a_race_that_wins(drive: Drive) -> None:
    """The inner race gives its pair to the gather, whose list wins the outer race."""
    run = drive(race_gather_race([]))
    run.resolve("fetch c", "C")
    run.resolve("clean_up c")
    run.resolve("clean_up b")
    run.resolve("fetch d", "D")
    run.resolve("clean_up d")

    assert (run.result, run.pending) == ((1, [(1, "C"), "D"]), [])


def test_a_race_counts_as_one_for_a_limit(drive: Drive) -> None:
    """A race inside a limited gather takes one place, until its losers have cleaned up."""

    def body() -> Flow[Any]:
        return (yield from gather(race(fetch("a"), careful("b")), fetch("c"), limit=1))

    run = drive(body)
    run.resolve("fetch a", "A")
    assert run.pending == ["clean_up b"]

    run.resolve("clean_up b")
    assert run.pending == ["fetch c"]

    run.resolve("fetch c", "C")
    assert run.result == [(0, "A"), "C"]


def test_a_failed_race_can_be_put_into_the_list_of_a_gather(drive: Drive) -> None:
    """gather(return_exceptions=True) takes a race's failure like any member's."""

    def body() -> Flow[Any]:
        results = yield from gather(race(fetch("a"), fetch("b")), fetch("c"), return_exceptions=True)
        return [repr(one) for one in results]

    run = drive(body)
    run.fail("fetch b")
    run.resolve("fetch c", "C")

    assert run.result == ["ValueError('fetch b lost')", "'C'"]


def test_races_nest_deeply(drive: Drive) -> None:
    """A thousand races in each other come to their end."""

    def body() -> Flow[Any]:
        command: Command[Any] = fetch("bottom")
        for _ in range(1000):
            command = race(command)
        value = yield command
        depth = 0
        while isinstance(value, tuple):
            (_, value), depth = value, depth + 1
        return [depth, value]

    run = drive(body)
    run.resolve("fetch bottom", "reached")

    assert run.result == [1000, "reached"]


def mixed(levels: int, told: list[int]) -> Flow[Any]:
    """Races, gathers and branches in each other, ``levels`` deep."""
    try:
        if not levels:
            return (yield from fetch("bottom"))
        below = mixed(levels - 1, told)
        if levels % 3 == 0:
            return (yield from gather(race(below, sleep(levels)), return_exceptions=True))
        if levels % 3 == 1:
            return (yield race(gather(below)))
        return (yield below)
    except Cancelled:
        told.append(levels)
        raise


@pytest.mark.parametrize("levels", [100, 1000])
def test_races_gathers_and_branches_nest_deeply(drive: Drive, levels: int) -> None:
    """However deep the mixture, the value comes up, and every race on the way has let go of its loser."""

    def body() -> Flow[Any]:
        value = yield mixed(levels, [])
        while isinstance(value, (tuple, list)):
            value = value[-1]
        return value

    run = drive(body, replayed=levels <= 100)
    assert len(run.pending) == 1 + levels // 3

    run.resolve("fetch bottom", "reached")
    assert (run.pending, run.result) == ([], "reached")


@pytest.mark.parametrize("levels", [100, 1000])
def test_losing_reaches_deeply(drive: Drive, levels: int) -> None:
    """However deep the mixture, losing cancels each branch in it once, from the inside out."""
    told: list[int] = []
    run = drive(racing(fetch("a"), lambda: mixed(levels, told)), replayed=False)
    run.resolve("fetch a", "A")

    assert (run.result, run.pending) == ((0, "A"), [])
    assert told == list(range(levels + 1))


def test_a_race_of_ten_thousand(drive: Drive) -> None:
    """A race of very many has one winner, and all others are let go of with the one event."""
    run = drive(racing(*(fetch(number) for number in range(10_000))), replayed=False)
    run.resolve(5000, "won")

    assert run.result == (5000, "won")
    assert len(run.told[-1].cancelled) == 9_999
    run.crash()
    assert run.status == "done"


# ---------------------------------------------------------------------- slips


def test_a_race_never_yielded_is_reported_once(drive: Drive) -> None:
    """A race that is made and forgotten is told with its line; the commands in it count as used by it."""

    def body() -> Flow[None]:
        race(fetch("a"), sleep(1))
        yield from fetch("b")

    run = drive(body, replayed=False)

    assert [command for command, _ in run.advance.unyielded] == ["race(fetch(key='a'), sleep(1))"]


def test_a_started_generator_is_refused_in_a_race(drive: Drive) -> None:
    """A generator that ran already can be no branch, and the error says why."""

    def body() -> Flow[Any]:
        helper = two_steps("a")
        yield from gather(helper)
        return (yield from race(helper, fetch("b")))

    run = drive(body)
    run.resolve("fetch a1", "x")
    run.resolve("fetch a2", "y")

    assert "was already started" in run.failure


def test_the_same_generator_twice_in_a_race_is_refused(drive: Drive) -> None:
    """One generator cannot be two branches."""

    def body() -> Flow[Any]:
        helper = two_steps("a")
        return (yield from race(helper, helper))

    assert "was already started" in drive(body).failure


def test_a_race_has_no_truth_value() -> None:
    """`if race(...)` is refused with the remedy, as for every command."""
    with pytest.raises(CommandError, match="has no truth value"):
        bool(race(sleep(1)))


def test_a_race_is_recorded_by_its_leaves_alone(drive: Drive) -> None:
    """A race writes no step of its own: what is on disk are its members' steps."""
    run = drive(racing(fetch("a"), gather(fetch("b"))))

    assert run.issued_by_last() == ["fetch a", "fetch b"]


def test_a_race_can_be_stepped_by_hand() -> None:
    """A user's test resolves one of the pending commands, and sees the others go, also after crashes."""

    @activity(registry=registry)
    def quote(shop: str) -> int:
        raise AssertionError("a stepper runs no activity")

    @workflow(registry=registry)
    def fastest() -> Flow[tuple[int, int]]:
        index, cents = yield from race(quote("a"), quote("b"))
        yield from sleep(1)
        return index, cents

    flow = Stepper(fastest())
    flow.crash()
    flow.resolve(quote("b"), 500)
    assert flow.pending == [sleep(1)]

    flow.crash()
    flow.resolve()
    flow.crash()
    assert flow.result == (1, 500)


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
    """Where the cleanup that fails is further down in the loser, it does not vanish either."""

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
