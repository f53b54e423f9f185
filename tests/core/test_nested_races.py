"""Races within races, gathers and branches, and races that are cancelled. Each is replayed from every prefix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.driver import Drive, careful, fetch
from tests.core.small_workflows import racing
from yieldflow import (
    Cancelled,
    Command,
    Flow,
    gather,
    race,
    sleep,
)


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
    """However deep the mixture, the value comes up, and every race on the way has cancelled its loser."""

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
    """A race of very many has one winner, and all others are cancelled with the one event."""
    run = drive(racing(*(fetch(number) for number in range(10_000))), replayed=False)
    run.resolve(5000, "won")

    assert run.result == (5000, "won")
    assert len(run.told[-1].cancelled) == 9_999
    run.crash()
    assert run.status == "done"
