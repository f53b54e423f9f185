"""A fork draws the same as its original up to the turn at which it forked."""

from __future__ import annotations

from typing import Any

from tests.core.driver import Drive, fetch
from yieldflow import (
    Flow,
    random,
    uuid4,
)
from yieldflow._core.history import reseeded

FIRST, SECOND, THIRD = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))


def drawing() -> Flow[list[Any]]:
    """Draws in each turn."""
    drawn: list[Any] = []
    for key in "abcd":
        drawn.append([(yield from uuid4()), (yield from random())])
        yield from fetch(key)
    return drawn


def draws(drive: Drive, seed: bytes) -> list[Any]:
    """The values that `drawing` draws with that seed."""
    run = drive(drawing, seed=seed)
    for key in "abcd":
        run.resolve(f"fetch {key}")
    result: list[Any] = run.result
    return result


def test_a_fork_draws_the_same_up_to_its_turn(drive: Drive) -> None:
    """A fork keeps the seed for the turns that it copied, and has another from then on."""
    first, forked = draws(drive, FIRST), draws(drive, reseeded(FIRST, 2, SECOND))

    assert forked[:2] == first[:2]
    assert all(one != other for one, other in zip(forked[2:], first[2:], strict=True))
    assert forked[2:] == draws(drive, SECOND)[2:]


def test_a_fork_of_a_fork(drive: Drive) -> None:
    """Each fork adds a seed; a fork from an earlier turn drops the seeds that came later."""
    once = reseeded(FIRST, 1, SECOND)
    twice, back = draws(drive, reseeded(once, 3, THIRD)), draws(drive, reseeded(once, 1, THIRD))
    one, two, three = draws(drive, FIRST), draws(drive, SECOND), draws(drive, THIRD)

    assert twice == [*one[:1], *two[1:3], *three[3:]]
    assert back == [*one[:1], *three[1:]]


def test_a_fork_goes_on_from_the_history_that_it_copied(drive: Drive) -> None:
    """A run built from copied events, with a seed of its own, has the old draws behind it and new ones before it."""
    run = drive(drawing, seed=FIRST)
    run.resolve("fetch a")
    run.seed = reseeded(FIRST, 2, SECOND)
    run.crash()
    for key in "bcd":
        run.resolve(f"fetch {key}")

    assert run.result == [*draws(drive, FIRST)[:2], *draws(drive, SECOND)[2:]]


def test_a_fork_from_the_start_has_another_seed_at_once(drive: Drive) -> None:
    """A fork that copies nothing keeps nothing of the old seed."""
    assert draws(drive, reseeded(FIRST, 0, SECOND)) == draws(drive, SECOND)
