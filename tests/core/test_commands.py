"""The commands that are no invocations: what they take, and how they compare and show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from yieldflow import Flow, Registry, activity, gather, info, now, random, sleep, uuid4, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def fetch(key: str) -> str:
    raise AssertionError("a stepper runs no activity")


@workflow(registry=registry)
def patient(duration: float | timedelta) -> Flow[float]:
    before = yield from now()
    yield from sleep(duration)
    after = yield from now()
    return (after - before).total_seconds()


# ---------------------------------------------------------------------- sleep


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        (0, 0),
        (90, 90),
        (0.25, 0.25),
        (0.000001, 0.000001),
        (timedelta(minutes=5), 300),
        (timedelta(microseconds=1), 0.000001),
        (timedelta(days=36525), 36525 * 86400),
    ],
)
def test_a_sleep_lasts_as_long_as_it_says(duration: float | timedelta, seconds: float) -> None:
    """sleep() takes seconds or a timedelta, from nothing to a hundred years, exact to the microsecond."""
    flow = Stepper(patient(duration))
    flow.resolve()

    assert flow.result == seconds


@pytest.mark.parametrize("duration", [-1, -0.001, float("nan"), float("inf"), timedelta(days=36526), 10**400])
def test_a_sleep_of_no_sensible_length_is_refused(duration: float | timedelta) -> None:
    """A negative, endless or overlong sleep is a ValueError at the call."""
    with pytest.raises(ValueError, match=r"sleep\(\) takes 0 seconds to a hundred years, not "):
        sleep(duration)


@pytest.mark.parametrize("duration", ["60", None, True, [1]])
def test_a_sleep_takes_a_number_or_a_timedelta(duration: Any) -> None:
    """Anything but a number or a timedelta is a TypeError at the call; True is no number of seconds."""
    with pytest.raises(TypeError, match=r"sleep\(\) takes seconds or a timedelta, not "):
        sleep(duration)


def test_sleeps_of_one_length_are_equal() -> None:
    """A sleep is equal by value, however its length was written."""
    assert sleep(60) == sleep(60.0) == sleep(timedelta(minutes=1))
    assert sleep(60) != sleep(61)
    assert len({sleep(60), sleep(60.0)}) == 1


@pytest.mark.parametrize(
    ("duration", "shown"),
    [(60, "sleep(60)"), (0.25, "sleep(0.25)"), (1234567.5, "sleep(1234567.5)"), (3 * 10**9, "sleep(3000000000)")],
)
def test_a_sleep_shows_its_seconds(duration: float, shown: str) -> None:
    """A sleep is printed as the call that makes it again, to the last digit."""
    assert repr(sleep(duration)) == shown


# ---------------------------------------------------------------------- gather


@pytest.mark.parametrize("limit", [0, -1])
def test_a_gather_lets_at_least_one_through(limit: int) -> None:
    """A limit below 1, under which nothing would ever run, is a ValueError at the call."""
    with pytest.raises(ValueError, match=r"gather\(limit=\) is the number under way at once, from 1; not "):
        gather(fetch("a"), limit=limit)


@pytest.mark.parametrize("limit", [1.5, "2", True])
def test_the_limit_of_a_gather_is_a_whole_number(limit: Any) -> None:
    """A limit that is no whole number is a TypeError at the call."""
    with pytest.raises(TypeError, match=r"gather\(limit=\) takes a whole number or None, not "):
        gather(fetch("a"), limit=limit)


def helper() -> Flow[None]:
    yield from fetch("x")


def test_a_gather_shows_its_first_members() -> None:
    """A gather is printed with the commands and helpers in it, the first three of many."""
    assert repr(gather()) == "gather()"
    assert repr(gather(fetch("a"), helper())) == "gather(fetch(key='a'), helper(...))"
    assert repr(gather(*map(fetch, "abcd"))) == "gather(fetch(key='a'), fetch(key='b'), fetch(key='c'), ...)"


def test_gathers_of_equal_members_are_equal() -> None:
    """A gather is equal by value."""
    assert gather(fetch("a"), sleep(1)) == gather(fetch("a"), sleep(1))
    assert gather(fetch("a"), limit=1) != gather(fetch("a"))


# ---------------------------------------------------------------------- the instants


def test_the_instants_show_the_call() -> None:
    """now(), uuid4(), random() and info() are printed as they are written."""
    assert [repr(command) for command in (now(), uuid4(), random(), info())] == [
        "now()",
        "uuid4()",
        "random()",
        "info()",
    ]


@pytest.mark.parametrize(
    ("command", "field"), [(sleep(1), "seconds"), (gather(), "limit"), (now(), "name"), (fetch("a"), "definition")]
)
def test_a_command_cannot_be_changed(command: Any, field: str) -> None:
    """A command is a value: made anywhere, it does nothing and stays as it is."""
    with pytest.raises(AttributeError):
        setattr(command, field, 5)
