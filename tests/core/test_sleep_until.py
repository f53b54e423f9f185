"""`sleep_until` as a step of the core. Each workflow is replayed from every prefix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.core.driver import SECOND, START, Drive, fetch
from tests.core.small_workflows import yielding
from yieldflow import (
    Flow,
    ReplayMismatchError,
    StepKind,
    now,
    race,
    sleep_until,
)


def test_sleeping_until_a_time_is_a_sleep(drive: Drive) -> None:
    """The step is a sleep that is due at that time, whatever the zone it was written in."""
    when = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    def body() -> Flow[Any]:
        nothing = yield sleep_until(when)
        return [nothing, (yield from now())]

    run = drive(body)
    (step,) = run.steps
    assert (step.kind, step.name) == (StepKind.SLEEP, "sleep_until")
    assert step.due_at == int(when.timestamp()) * SECOND
    (until,) = run.codec.decode(step.input).values()  # type: ignore[attr-defined]  # arguments by name
    assert datetime.fromisoformat(until) == when
    assert datetime.fromisoformat(until).utcoffset() == timedelta(0)

    run.resolve(0)
    assert run.result == [None, when]


def test_the_same_time_in_another_zone_is_the_same_step(drive: Drive) -> None:
    """Code that names the same moment in another zone replays."""
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    run = drive(yielding(sleep_until(moment)), replayed=False)
    run.body = yielding(sleep_until(moment.astimezone(timezone(timedelta(hours=-5)))))
    run.crash()

    assert len(run.pending) == 1
    assert sleep_until(moment) == sleep_until(moment.astimezone(timezone(timedelta(hours=-5))))


def test_another_time_is_a_mismatch(drive: Drive) -> None:
    """Code that sleeps until another moment than it did is noticed on replay."""
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    run = drive(yielding(sleep_until(moment)), replayed=False)
    run.body = yielding(sleep_until(moment + timedelta(microseconds=1)))

    with pytest.raises(ReplayMismatchError):
        run.crash()


@pytest.mark.parametrize("year", [1, 1969, 2020])
def test_a_time_that_is_past_is_due_at_once(drive: Drive, year: int) -> None:
    """Sleeping until a time that is past is a step that is due, and time does not go back by it."""

    def body() -> Flow[datetime]:
        yield from sleep_until(datetime(year, 1, 1, tzinfo=UTC))
        return (yield from now())

    run = drive(body)
    (step,) = run.steps
    assert step.due_at is not None
    assert step.due_at <= START

    run.resolve(0)
    assert run.result == datetime(2026, 1, 1, tzinfo=UTC)


def test_microseconds_are_kept(drive: Drive) -> None:
    """The time is due to the microsecond."""
    run = drive(yielding(sleep_until(datetime(2026, 1, 1, 0, 0, 1, 234_567, tzinfo=UTC))))

    assert run.steps[0].due_at == START + 1_234_567


def test_a_naive_time_is_refused() -> None:
    """A time without a zone is a ValueError at the call that shows both ways to give it one."""
    with pytest.raises(ValueError, match=r"(?s)tzinfo=UTC.*astimezone\(\)"):
        sleep_until(datetime(2026, 3, 1, 12))  # noqa: DTZ001  # the mistake


@pytest.mark.parametrize("when", [60, "2026-03-01", None, timedelta(1), datetime(2026, 3, 1, tzinfo=UTC).date()])
def test_only_a_datetime_is_a_time(when: Any) -> None:
    """Anything else is a TypeError at the call."""
    with pytest.raises(TypeError, match=r"sleep_until\(.*datetime"):
        sleep_until(when)


def test_sleeping_until_a_time_vanishes_when_cancelled(drive: Drive) -> None:
    """It is cancelled as any sleep."""
    run = drive(yielding(race(fetch("a"), sleep_until(datetime(2027, 1, 1, tzinfo=UTC)))))
    run.resolve("fetch a", "A")

    assert (run.result, len(run.dropped_by_last())) == ([(0, "A")], 1)
