"""`race` resumes with the first of its members that ends. Each workflow here is replayed from every prefix."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.driver import Drive, fetch, registry, two_steps
from tests.core.small_workflows import racing
from yieldflow import (
    Cancelled,
    CommandError,
    Flow,
    ReplayMismatchError,
    activity,
    gather,
    info,
    now,
    race,
    sleep,
    workflow,
)
from yieldflow.testing import Stepper

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
    """A race resumes with a tuple, which `match` and unpacking take apart."""

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
    """A race whose first member to end fails raises its exception, and cancels the others."""
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
    """A member that needs no waiting wins at once: those after it never begin, and those before it are cancelled."""
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
    """Two branches may end in the same turn: the first driven wins, and the other is cancelled."""
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
