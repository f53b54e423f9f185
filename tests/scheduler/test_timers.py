"""Time: what is due comes once, in order, and what is no longer waited for does not stay around."""

from __future__ import annotations

import gc
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from tests.support.engine import SECOND, START, Host, Lab, open_store, submission
from yieldflow import Flow, gather, now, race, sleep, sleep_until, wait_for, wait_signal, workflow
from yieldflow._core.history import Micros
from yieldflow.scheduler.timers import Timer, Timers

LAB = Lab()
work = LAB.work


def timer(due_at: Micros, step: int = 0, workflow_id: str = "w", run: int = 1) -> Timer:
    return Timer(due_at, workflow_id, run, step)


def came(timers: Timers, now: Micros) -> list[Timer]:
    return [timer for _, timer in timers.due(now)]


def alive() -> int:
    """Return the number of timers in memory."""
    gc.collect()
    return sum(isinstance(each, Timer) for each in gc.get_objects())


# ---------------------------------------------------------------------- the timers themselves


def test_due_in_order() -> None:
    """Timers come when they are due, the earliest first; of equals, the first that was set; each once."""
    timers = Timers()
    for step, due_at in enumerate([30, 10, 20, 10, 40, 10]):
        timers.set(timer(due_at, step))
    assert timers.next_due == 10
    assert came(timers, 9) == []
    assert [each.step for each in came(timers, 30)] == [1, 3, 5, 2, 0]
    assert came(timers, 30) == []
    assert timers.next_due == 40


def test_forgotten_timer_does_not_come() -> None:
    """A timer that was taken out does not come; one of another step, run or workflow does."""
    timers = Timers()
    others = [timer(10, 1), timer(10, 0, run=2), timer(10, 0, "v")]
    for each in (timer(10), *others):
        timers.set(each)
    timers.forget("w", 1, 0)
    timers.forget("nobody", 1, 0)
    assert came(timers, 10) == others


def test_timer_is_replaced() -> None:
    """A timer that is set again for the same thing comes once, at the new time."""
    timers = Timers()
    for due_at in (10, 30, 20):
        timers.set(timer(due_at))
    assert came(timers, 19) == []
    assert came(timers, 20) == [timer(20)]
    assert came(timers, 100) == []


def test_forgotten_timers_do_not_pile_up() -> None:
    """Thirty thousand timers that were set and taken out again leave hardly any behind."""
    before, timers = alive(), Timers()
    timers.set(timer(10**9, -1))
    for step in range(30_000):
        timers.set(timer(10**6 + step, step))
        timers.forget("w", 1, step)
    assert alive() - before < 200
    assert came(timers, 10**9) == [timer(10**9, -1)]


def test_replaced_timers_do_not_pile_up() -> None:
    """A timer that is set again and again for the same thing leaves hardly any behind."""
    before, timers = alive(), Timers()
    for moment in range(10_000):
        timers.set(timer(10**6 + moment))
    assert alive() - before < 200
    assert came(timers, 10**9) == [timer(10**6 + 9_999)]


# ---------------------------------------------------------------------- sleeps


@workflow(registry=LAB.registry)
def hurried(rounds: int) -> Flow[int]:
    for _ in range(rounds):
        yield race(wait_signal("go"), sleep(3600))
        yield wait_for(wait_signal("go"), 3600)
    return rounds


def test_timers_of_lost_races_do_not_pile_up(host: Host) -> None:
    """A workflow that waits with a timeout five hundred times over does not leave five hundred timers behind."""
    host.submit(hurried(250), "w")
    before = alive()
    for _ in range(500):
        host.signal("w", "go")
    assert host.output("w") == 250
    assert alive() - before < 200


@workflow(registry=LAB.registry)
def several(*seconds: float) -> Flow[list[str]]:
    order: list[str] = []

    def one(length: float) -> Flow[None]:
        yield sleep(length)
        order.append(f"{length:g}")

    yield gather(*map(one, seconds))
    return order


@pytest.mark.parametrize("restarted", [False, True])
def test_overdue_sleeps_end_at_once(host: Host, restarted: bool) -> None:
    """Sleeps that ended while no process ran, or while nothing was done, end at once, in the order of their times."""
    host.submit(several(30, 10, 20, 3600), "w")
    host.now += 60 * SECOND
    if restarted:
        host.restart()
    else:
        host.turn()
    assert [step.applied for step in host.store.steps("w")] == [3, 1, 2, None]
    host.advance(3540)
    assert host.output("w") == ["10", "20", "30", "3600"]


@pytest.mark.parametrize("seconds", [0, 0.001, 86_400 * 90])
def test_any_length(host: Host, seconds: float) -> None:
    """A sleep may take a millisecond or months: it ends at its time, to the microsecond."""
    host.submit(several(seconds), "w")
    host.settle()
    due = START + int(seconds * SECOND)
    if seconds:
        host.now = due - 1
        host.settle()
        assert host.status("w") == "processing"
        assert host.scheduler.due_in(host.reading) <= due - host.now
    host.now = due
    host.settle()
    assert host.status("w") == "done"


def test_sleep_until(host: Host) -> None:
    """`sleep_until` ends at its moment, or at once if that has passed."""

    @workflow(registry=LAB.registry)
    def until(*moments: datetime) -> Flow[list[str]]:
        seen = []
        for moment in moments:
            yield sleep_until(moment)
            seen.append(str((yield from now()).time()))
        return seen

    midnight = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [datetime(1, 1, 1, tzinfo=UTC), midnight - timedelta(days=1), midnight + timedelta(seconds=90), midnight]
    host.submit(until(*moments), "w")
    host.settle()
    host.restart()
    host.advance(89)
    assert host.status("w") == "processing"
    host.advance(1)
    assert host.output("w") == ["00:00:00", "00:00:00", "00:01:30", "00:01:30"]


@pytest.mark.parametrize("seed", range(20))
def test_wild_clock(tmp_path: Path, seed: int) -> None:
    """However the clock jumps, forward and back, each sleep ends once, never early, and no time runs backwards."""

    @workflow(registry=LAB.registry)
    def cycles(label: str, seconds: int) -> Flow[list[list[datetime]]]:
        times = []
        for number in range(5):
            begun = yield from now()
            yield sleep(seconds)
            yield work(f"{label}{number}")
            times.append([begun, (yield from now())])
        return times

    chance = Random(seed)
    with open_store("sqlite" if seed % 4 == 0 else "memory", tmp_path) as store:
        LAB.performed.clear()
        host = Host(store, LAB.registry)
        lengths = [5, 70, 200, 4000]
        ids = [f"w{seconds}" for seconds in lengths]
        done_at: dict[str, Micros] = {}
        host.turn(host.asking(*(cycles(f"{id}.", int(id[1:])) for id in ids), ids=ids)[0])
        store.submit([submission(cycles("late.", 30), "late", host.now, delay=300)])
        for _ in range(200):
            host.now += chance.choice([1, 10, 60, 61, 3600, -1, -30, -3600]) * SECOND
            host.work_off()
            for label in LAB.performed:
                done_at.setdefault(label, host.reading.boottime)
            if chance.random() < 0.05:
                host.restart()
        host.now = max(host.now, START)
        for _ in range(100):
            host.now += 600 * SECOND
            host.work_off()
            for label in LAB.performed:
                done_at.setdefault(label, host.reading.boottime)
        for id, seconds in zip([*ids, "late"], [*lengths, 30], strict=True):
            times = host.output(id)
            assert isinstance(times, list)
            assert len(times) == 5
            begun_at = START + 300 * SECOND * (id == "late")
            for number in range(5):
                assert done_at[f"{id}.{number}"] >= begun_at + (number + 1) * seconds * SECOND
            assert all(before <= after for (_, before), (after, _) in pairwise(times))
        assert sorted(LAB.performed) == sorted(f"{id}.{number}" for id in [*ids, "late"] for number in range(5))
        host.close()
