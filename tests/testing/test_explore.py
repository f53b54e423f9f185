"""`explore`: a workflow under every order of what can happen, every failure and every crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from examples import saga
from yieldflow import (
    CommandError,
    Flow,
    Registry,
    ReplayMismatchError,
    RetryPolicy,
    WaitTimeoutError,
    activity,
    gather,
    race,
    sleep,
    wait_for,
    wait_signal,
    workflow,
)
from yieldflow.testing import Ending, ScheduleError, Stepper, after, explore, in_turn

registry = Registry()


@activity(registry=registry)
def charge(order: str, cents: int) -> str:
    raise NotImplementedError


@activity(registry=registry, retry=RetryPolicy(initial_interval=1, jitter=False))
def ship(order: str) -> str:
    raise NotImplementedError


@activity(registry=registry)
def ask(number: int) -> int:
    raise NotImplementedError


@workflow(registry=registry)
def order_flow(order: str, cents: int) -> Flow[str]:
    yield from charge(order, cents)
    yield from sleep(timedelta(days=1))
    return (yield from ship(order))


@workflow(registry=registry)
def all_of(count: int) -> Flow[list[int]]:
    return list((yield from gather(*(ask(number) for number in range(count)))))


@workflow(registry=registry)
def first_of(count: int) -> Flow[int]:
    place, _ = yield from race(*(ask(number) for number in range(count)))
    return int(place)


@workflow(registry=registry)
def approved() -> Flow[str]:
    try:
        return str((yield from wait_for(wait_signal("approve"), timeout=60)))
    except WaitTimeoutError:
        return "nobody"


def one_after_the_other(calls: list[int]) -> Callable[[int], int]:
    def ask(number: int) -> int:
        calls.append(number)
        return number

    return ask


def results(ending_of: Any) -> list[Any]:
    return sorted(ending.result for ending in ending_of.endings)


# ---------------------------------------------------------------------- what is tried


def test_every_order_is_tried() -> None:
    """Whichever of several calls ends first, that is tried, and each way to end is told once, with how often it was."""
    found = explore(first_of(3), activities={ask: 1}, crashes=False)

    assert (found.schedules, found.covered, results(found), found.counts) == (3, True, [0, 1, 2], [1, 1, 1])
    assert str(found) == (
        "3 schedules, all there are; 3 ways to end:\n       1  returned 0\n       1  returned 1\n       1  returned 2"
    )


def test_functions_that_stand_in_are_called_in_every_order() -> None:
    """What the test itself keeps track of may depend on the order, so that every order is tried."""
    orders: set[tuple[int, ...]] = set()
    calls: list[int] = []

    def begin_anew() -> dict[Any, object]:
        calls.clear()
        return {ask: one_after_the_other(calls)}

    found = explore(all_of(3), activities=begin_anew, crashes=False, check=lambda _: orders.add(tuple(calls)))

    assert (found.schedules, len(orders)) == (6, 6)


def test_orders_that_the_workflow_cannot_tell_apart_are_tried_once() -> None:
    """Which of two calls in a gather ends first makes no difference, unless it is the last: so most are left out."""
    found = explore(all_of(5), activities={ask: 1}, crashes=False)

    assert (found.schedules, found.covered) == (5, True)


def test_time_passes_before_and_after() -> None:
    """A timer may be over before what it races with, and after."""

    @workflow(registry=registry)
    def patient() -> Flow[int]:
        return int((yield from race(ask(1), sleep(60)))[0])

    assert results(explore(patient(), activities={ask: 1})) == [0, 1]


def test_signals_come_at_any_time() -> None:
    """A signal comes before it is waited for, meanwhile, and too late; with after, it comes then."""
    assert results(explore(approved(), signals=[("approve", "ann")])) == ["ann", "nobody"]
    assert results(explore(approved(), signals=[after(59, ("approve", "ann"))])) == ["ann"]
    assert results(explore(approved(), signals=[after(61, ("approve", "ann"))])) == ["nobody"]


def test_attempts_fail() -> None:
    """Each attempt at each activity fails, too; one that is retried without an end twice at most."""
    found = explore(order_flow("o-1", 5), activities={charge: "ch", ship: "trk"}, failures=[ConnectionError])
    ways = [str(ending).splitlines()[0] for ending in found.endings]

    assert ways == ["returned 'trk', after 1 d", "failed with ConnectionError: , after 0 s"]
    assert (found.schedules, found.covered, found.counts) == (4, True, [3, 1])


def test_failures_may_be_those_of_one_activity() -> None:
    """failures={charge: [...]} leaves the others as they stand in; classes and exceptions are taken."""
    found = explore(
        order_flow("o-1", 5),
        activities={charge: "ch", ship: "trk"},
        failures={charge: [PermissionError("closed"), ConnectionError]},
    )
    ways = [repr(ending.exception) for ending in found.endings]

    assert ways == ["None", "PermissionError('closed')", "ConnectionError()"]
    for wrong, message in (({"charge": []}, "takes activities as keys"), (["down"], "takes exceptions or their")):
        with pytest.raises(TypeError, match=message):
            explore(order_flow("o-1", 5), failures=wrong)  # type: ignore[arg-type]  # what is refused


def test_an_outcome_is_lost_in_a_crash() -> None:
    """With crashes, an activity that did its work is run again where its outcome was lost; without, it is not."""
    counts: set[int] = set()
    calls: list[int] = []

    def begin_anew() -> dict[Any, object]:
        calls.clear()
        return {ask: one_after_the_other(calls)}

    explore(all_of(1), activities=begin_anew, check=lambda _: counts.add(len(calls)))
    assert counts == {1, 2}
    counts.clear()
    explore(all_of(1), activities=begin_anew, crashes=False, check=lambda _: counts.add(len(calls)))
    assert counts == {1}


def test_children_are_explored_with_their_parent() -> None:
    """The calls of children end in any order with each other and those of the parent; the script steps them."""

    @workflow(registry=registry)
    def parent() -> Flow[int]:
        return int((yield from race(first_of(2), ask(7)))[0])

    found = explore(parent(), activities={ask: 1}, crashes=False)

    assert (found.covered, results(found)) == (True, [0, 1])
    assert found.endings[0].script == (
        "flow = Stepper(parent())\nchild_1 = flow.child(first_of(count=2))\nflow.resolve(ask(number=7), 1)"
    )


def test_too_many_schedules_are_drawn_at_random() -> None:
    """Where there are more than the limit, the report says so; the same seed draws the same, another seed others."""

    def explored(seed: int) -> list[str]:
        scripts: list[str] = []
        setting: dict[Any, object] = {ask: lambda number: number}
        found = explore(
            all_of(6), activities=setting, limit=40, seed=seed, check=lambda one: scripts.append(one.script)
        )
        assert (found.schedules, found.covered, found.seed) == (40, False, seed)
        assert "not all there are" in str(found)
        return scripts

    assert explored(1) == explored(1)
    assert explored(1)[:20] == explored(2)[:20]
    assert explored(1)[20:] != explored(2)[20:]


# ---------------------------------------------------------------------- what is found


@workflow(registry=registry)
def forgetful(order: str) -> Flow[str]:
    """Gives the money back only where it knows that it was taken."""
    paid = False
    try:
        yield from ask(1)
        yield from ask(2)
        yield from charge(order, 5)
        paid = True
        return (yield from ship(order))
    except ConnectionError:
        if paid:
            yield from charge(order, -5)
        raise


def test_a_schedule_under_which_the_check_fails_is_shown_as_lines() -> None:
    """The shortest schedule is shown, as lines that can be pasted; what stood in is repeated there."""
    money: list[int] = []

    def bank() -> dict[Any, object]:
        money.clear()
        return {charge: take, ship: "trk", ask: 1}

    def take(order: str, cents: int) -> str:
        money.append(cents)
        return "ch"

    def check(ending: Ending[str]) -> None:
        assert sum(money) == (5 if ending.exception is None else 0)

    with pytest.raises(ScheduleError) as caught:
        explore(forgetful("o-1"), activities=bank, failures=[ConnectionError], crashes=False, check=check)

    assert caught.value.script == (
        "flow = Stepper(forgetful(order='o-1'))\n"
        "flow.resolve(ask(number=1), 1)\n"
        "flow.resolve(ask(number=2), 1)\n"
        "flow.fail(charge(order='o-1', cents=5), ConnectionError())  # after it did its work"
    )
    assert str(caught.value).startswith(f"check failed in schedule {caught.value.schedules} (seed=0), AssertionError: ")
    assert isinstance(caught.value.__cause__, AssertionError)
    names: dict[str, Any] = {"Stepper": Stepper, "forgetful": forgetful, "ask": ask, "charge": charge}
    exec(caught.value.script, names)
    assert isinstance(names["flow"].exception, ConnectionError)


def test_a_check_may_return_false() -> None:
    """check may be a condition: False is a failure, anything else is none."""
    explore(first_of(2), activities={ask: 1}, check=lambda ending: ending.result)
    with pytest.raises(ScheduleError, match="check returned False of an ending that returned 1"):
        explore(first_of(2), activities={ask: 1}, check=lambda ending: ending.result == 0)


def test_what_was_drawn_at_random_is_shrunk() -> None:
    """A schedule found at random is shrunk to what matters: here that one of eight calls fails."""

    def check(ending: Ending[Any]) -> bool:
        # Only schedules with many failures are looked at in full; the shrinking is to find that one is enough.
        failed = sum(call.raised is not None for call in ending.calls)
        crowded.append(failed)
        return failed < (3 if max(crowded) < 3 else 1)

    crowded: list[int] = [0]

    @workflow(registry=registry)
    def tolerant() -> Flow[int]:
        return len((yield from gather(*(ask(number) for number in range(8)), return_exceptions=True)))

    with pytest.raises(ScheduleError) as caught:
        explore(tolerant(), activities={ask: 1}, failures=[ValueError], limit=20, seed=3, check=check)

    assert caught.value.script.count("fail(") == 1
    assert "crash" not in caught.value.script
    assert max(crowded) >= 3


def test_a_workflow_that_is_not_deterministic_is_found() -> None:
    """What a crash brings to light is told with the lines that lead there."""
    drawn: Iterator[int] = iter(range(1000))

    @workflow(registry=registry)
    def counting() -> Flow[int]:
        yield from ask(0)
        return (yield from ask(next(drawn)))

    with pytest.raises(ScheduleError, match="ReplayMismatchError: workflow 'counting' is not deterministic") as caught:
        explore(counting(), activities={ask: 1})
    assert isinstance(caught.value.__cause__, ReplayMismatchError)


def test_waiting_for_ever_is_found() -> None:
    """An order under which nothing is left that could happen is told."""

    @workflow(registry=registry)
    def deadlocked() -> Flow[None]:
        if (yield from race(ask(1), ask(2)))[0] == 1:
            yield wait_signal("never")

    with pytest.raises(ScheduleError, match=r"it went wrong .*CommandError: it would wait for ever") as caught:
        explore(deadlocked(), activities={ask: 1})
    assert caught.value.script.endswith("flow.resolve(ask(number=2), 1)")


def test_a_call_that_nothing_stands_in_for_is_found() -> None:
    """A compensation that runs only where something fails needs a stand-in, too."""
    with pytest.raises(ScheduleError, match="nothing stands in for ask"):
        explore(all_of(2), activities={charge: "ch"})
    with pytest.raises(ScheduleError, match=r"call 2 of ask, and in_turn\(\.\.\.\) has answers for 1"):
        explore(all_of(2), activities={ask: in_turn(1)})


def test_a_limit_is_a_count() -> None:
    """limit= is 1 or more."""
    with pytest.raises(ValueError, match="limit= is at least 1, not 0"):
        explore(all_of(2), limit=0)


# ---------------------------------------------------------------------- our own examples


@pytest.mark.parametrize("missing", [None, *saga.PARTS])
def test_nothing_stays_booked_where_a_trip_fails(missing: str | None, tmp_path: Path) -> None:
    """examples/saga.py: under every order, every failed booking and every crash, all is booked or nothing is."""
    booked: set[str] = set()

    def book(trip: str, part: str, available: bool) -> None:
        if not available:
            raise saga.NotAvailableError(part)
        booked.add(part)

    def companies() -> dict[Any, object]:
        booked.clear()
        return {saga.book: book, saga.cancel_booking: lambda trip, part: booked.discard(part)}

    def check(ending: Ending[list[str]]) -> None:
        assert booked == (set() if ending.exception else set(saga.PARTS))

    found = explore(
        saga.book_trip("lisbon", missing), activities=companies, failures={saga.book: [ConnectionError]}, check=check
    )
    assert found.covered


def test_a_schedule_that_cannot_go_on_for_ever() -> None:
    """A workflow that never ends is told, not run for ever."""

    @workflow(registry=registry)
    def endless() -> Flow[None]:
        while True:
            yield from sleep(1)

    with pytest.raises(ScheduleError) as caught:
        explore(endless(), limit=1, crashes=False)
    assert isinstance(caught.value.__cause__, CommandError)
