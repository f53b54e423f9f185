"""now(), uuid4(), random() and info(): at once, and the same on replay."""

from __future__ import annotations

import random as plain_random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from yieldflow import Flow, Registry, WorkflowInfo, activity, gather, info, now, random, sleep, uuid4, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def fetch(key: str) -> Any:
    raise AssertionError("a stepper runs no activity")


@workflow(registry=registry)
def drawing() -> Flow[list[Any]]:
    """Draws between steps, in helpers and in branches."""
    drawn: list[Any] = [(yield from uuid4()), (yield from random())]
    yield from fetch("a")
    drawn.append((yield from random()))
    drawn.extend((yield gather(draw_one("b"), draw_one("c"), uuid4())))
    drawn.append((yield from uuid4()))
    return drawn


def draw_one(key: str) -> Flow[float]:
    yield from fetch(key)
    return (yield from random())


@workflow(registry=registry)
def clocks() -> Flow[list[datetime]]:
    times = [(yield from now())]
    yield from gather(sleep(60), sleep(20))
    times.append((yield from now()))
    yield from fetch("a")
    times.append((yield from now()))
    yield from sleep(timedelta(microseconds=1))
    times.append((yield from now()))
    return times


def draw(seed: bytes, *, crashes: bool = False) -> list[Any]:
    """The values that `drawing` draws."""
    flow = Stepper(drawing(), seed=seed)
    for key in ("a", "c", "b"):
        if crashes:
            flow.crash()
        flow.resolve(fetch(key), None)
    if crashes:
        flow.crash()
    return flow.result


# ---------------------------------------------------------------------- random


def test_draws_are_the_same_after_crashes() -> None:
    """uuid4() and random() give a resumed workflow what they gave it before."""
    assert draw(b"1" * 16) == draw(b"1" * 16, crashes=True)


def test_draws_of_another_run_are_different() -> None:
    """Two runs draw different numbers, since each has a seed of its own."""
    one, other = draw(b"1" * 16), draw(b"2" * 16)

    assert [first == second for first, second in zip(one, other, strict=True)] == [False] * len(one)


def test_draws_of_one_run_are_different() -> None:
    """No two draws of a run are equal."""
    drawn = draw(b"1" * 16)

    assert len(set(drawn)) == len(drawn)


def test_draws_have_the_shape_of_the_standard_librarys() -> None:
    """uuid4() gives random UUIDs of version 4; random() gives floats from 0 to less than 1, spread evenly."""

    @workflow(registry=registry)
    def many() -> Flow[tuple[list[UUID], list[float]]]:
        ids = yield from gather(*(uuid4() for _ in range(100)))
        floats = yield from gather(*(random() for _ in range(1000)))
        return list(ids), list(floats)

    ids, floats = Stepper(many()).result

    assert {type(one) for one in ids} == {UUID}
    assert {one.version for one in ids} == {4}
    assert len(set(ids)) == 100
    assert all(0 <= number < 1 for number in floats)
    quarters = [sum(int(number * 4) == quarter for number in floats) for quarter in range(4)]
    assert all(200 < count < 300 for count in quarters)


def test_drawing_leaves_the_programs_own_random_alone() -> None:
    """random() in a workflow neither uses nor disturbs the generator of the `random` module."""
    plain_random.seed(7)
    expected = plain_random.random()

    plain_random.seed(7)
    draw(b"1" * 16)
    assert plain_random.random() == expected


# ---------------------------------------------------------------------- now


@pytest.mark.parametrize("crashes", [False, True], ids=["live", "with crashes"])
def test_now_is_the_time_of_what_the_workflow_goes_on_from(crashes: bool) -> None:
    """now() is the time at which the outcome arrived, to the microsecond, in UTC, and never goes back."""
    flow = Stepper(clocks())
    for command in (sleep(60), sleep(20), fetch("a"), sleep(0.000001)):
        if crashes:
            flow.crash()
        flow.resolve(command)

    start = datetime(2026, 1, 1, tzinfo=UTC)
    minute_later = start + timedelta(seconds=60)
    assert flow.result == [start, minute_later, minute_later, minute_later + timedelta(microseconds=1)]
    assert {time.tzinfo for time in flow.result} == {UTC}


def test_now_stands_still_between_two_steps() -> None:
    """However long the workflow's own code takes, now() is one time until the next outcome."""

    @workflow(registry=registry)
    def twice() -> Flow[bool]:
        first = yield from now()
        second = yield from now()
        yield from fetch("a")
        return first == second

    flow = Stepper(twice())
    flow.resolve()

    assert flow.result


# ---------------------------------------------------------------------- info


def test_info_tells_a_workflow_who_it_is() -> None:
    """info() gives the id, the name under which it is registered, and the run."""

    @workflow("renamed", registry=registry)
    def original() -> Flow[WorkflowInfo]:
        return (yield from info())

    assert Stepper(original()).result == WorkflowInfo("stepped", "renamed", 1, None)


def test_info_is_known_in_helpers_and_branches() -> None:
    """A helper or branch belongs to its workflow: info() is the same there."""

    def name() -> Flow[str]:
        return (yield from info()).name

    @workflow(registry=registry)
    def outer() -> Flow[list[str]]:
        helper = yield from name()
        (branch,) = yield from gather(name())
        return [helper, branch]

    assert Stepper(outer()).result == ["outer", "outer"]
