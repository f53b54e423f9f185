"""The system's clock is set while an orchestrator is at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shop import WAIT, Gate, Moved, told_the_time
from yieldflow import Flow, Orchestrator, Registry, activity, sleep, wait_for, workflow

DAY = 86_400_000_000


@pytest.fixture
def moved() -> Moved:
    return Moved()


@pytest.fixture
def orchestrator(database: Path, registry: Registry, moved: Moved) -> Iterator[Orchestrator]:
    with told_the_time(Orchestrator(database, registry=registry), moved) as started:
        yield started


@pytest.mark.parametrize("set_by", [DAY, -DAY])
def test_running_activities_go_on(
    orchestrator: Orchestrator, registry: Registry, gate: Gate, moved: Moved, set_by: int
) -> None:
    """No activity that runs is out of time, and no `wait_for` round one, where the clock is set by a day."""

    @activity(registry=registry, timeout=3600, heartbeat_timeout=3600, schedule_to_close_timeout=3600)
    def work() -> str:
        gate.pass_through()
        return "done"

    @workflow(registry=registry, timeout=3600)
    def job() -> Flow[str]:
        return (yield from wait_for(work(), 3600))

    @workflow(registry=registry)
    def other() -> Flow[None]:
        yield from ()

    handle = orchestrator.submit(job())
    gate.await_entry()
    moved.set = set_by
    # Two turns at least see the new time.
    orchestrator.run(other())
    orchestrator.run(other())
    since = orchestrator.health().attempts[0].since
    assert since is not None
    assert abs(since.timestamp() * 1_000_000 - moved.now()) < 3_600_000_000
    gate.open()
    assert handle.result(WAIT) == "done"


def test_a_sleeper_wakes_in_time(orchestrator: Orchestrator, registry: Registry, moved: Moved) -> None:
    """A sleep ends once its time has passed, though the clock was set back by a day."""

    @workflow(registry=registry)
    def nap() -> Flow[str]:
        yield sleep(3600)
        return "rested"

    handle = orchestrator.submit(nap())
    moved.set = -DAY
    assert handle.describe().status == "processing"
    moved.passed = 3_600_000_000
    assert handle.result(WAIT) == "rested"
