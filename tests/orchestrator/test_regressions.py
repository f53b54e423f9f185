"""Defects that were found once, each as the promise that it broke."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import WAIT, Gate
from yieldflow import (
    EncodingError,
    Flow,
    Orchestrator,
    Registry,
    WorkflowStalledError,
    activity,
    gather,
    sleep,
    workflow,
)


def test_an_activity_that_is_cancelled_before_it_begins_never_runs(
    database: Path, registry: Registry, gate: Gate
) -> None:
    """When a gather fails, its activities that wait for a worker never begin."""
    ran: list[object] = []

    @activity(registry=registry)
    def fail() -> None:
        ran.append("fail")
        raise ValueError("first")

    @activity(registry=registry)
    def work(number: int) -> None:
        ran.append(number)
        if number == 0:
            gate.pass_through()

    @workflow(registry=registry)
    def failing() -> Flow[str]:
        try:
            yield gather(fail(), *(work(number) for number in range(100)))
        except ValueError:
            return "caught"
        return "not caught"

    @workflow(registry=registry)
    def after() -> Flow[None]:
        yield work(-1)

    with Orchestrator(database, max_workers=1, registry=registry) as orchestrator:
        assert orchestrator.submit(failing()).result(WAIT) == "caught"
        gate.open()
        orchestrator.submit(after()).result(WAIT)
    # The first may have been taken up before the commit.
    assert [each for each in ran if each != 0] == ["fail", -1]


def test_a_stalled_workflow_that_was_put_right_is_waited_for(database: Path, registry: Registry) -> None:
    """After a restart with the right code, result() waits for the end, and what was the matter is over."""

    @workflow(registry=registry)
    def resting() -> Flow[int]:
        yield sleep(0)
        return 1

    client = Orchestrator(database, registry=registry)
    client.submit(resting(), workflow_id="w")
    client.stop()
    with (
        Orchestrator(database, registry=Registry()) as without,
        pytest.raises(WorkflowStalledError, match="no workflow named"),
    ):
        without.handle("w").result(WAIT)
    with (
        Orchestrator(database, registry=Registry()) as still_without,
        pytest.raises(WorkflowStalledError, match="no workflow named"),
    ):
        still_without.handle("w").result(WAIT)
    with Orchestrator(database, registry=registry) as mended:
        assert mended.handle("w").result(WAIT) == 1


class Poison:
    """Its own code does the worst."""

    def __reduce__(self) -> Any:
        raise KeyboardInterrupt


def test_the_worst_that_a_value_can_do_harms_its_own_workflow_alone(
    orchestrator: Orchestrator, registry: Registry
) -> None:
    """Whatever a value's own code raises while it is stored, other workflows go on."""

    @activity(registry=registry)
    def take(value: object) -> int:
        return 1

    @workflow(registry=registry)
    def poisoned() -> Flow[int]:
        return (yield from take(Poison()))

    @workflow(registry=registry)
    def healthy() -> Flow[int]:
        return (yield from take(2))

    with pytest.raises(EncodingError, match="KeyboardInterrupt"):
        orchestrator.submit(poisoned()).result(WAIT)
    assert orchestrator.submit(healthy()).result(WAIT) == 1


def test_what_is_not_equal_to_itself_is_no_mismatch(database: Path, registry: Registry, gate: Gate) -> None:
    """A nan beside values whose pickles differ from run to run does not stall a workflow."""

    class Box:
        pickles = 0

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Box)

        __hash__ = None  # type: ignore[assignment]  # not needed here

        def __reduce__(self) -> Any:
            Box.pickles += 1
            return make, (Box.pickles,)

    def make(_: int) -> Box:
        return Box()

    globals().update(Box=Box, make=make)
    Box.__qualname__, make.__qualname__ = "Box", "make"

    @activity(registry=registry)
    def hold(number: float, box: object) -> int:
        gate.pass_through()
        return 1

    @workflow(registry=registry)
    def holding() -> Flow[int]:
        return (yield from hold(math.nan, Box()))

    with Orchestrator(database, registry=registry) as before:
        handle = before.submit(holding())
        gate.await_entry()
        threading.Thread(target=gate.open).start()
        before.stop(timeout=0)
    with Orchestrator(database, registry=registry) as after:
        assert after.handle(handle.id).result(WAIT) == 1


def test_a_stalled_workflow_is_reported_while_others_are_registered(database: Path) -> None:
    """A registration that has nothing to do with a stalled workflow does not leave its waiter without an answer."""
    old, new = Registry(), Registry()

    @workflow(registry=old)
    def gone() -> Flow[None]:
        yield sleep(0)

    client = Orchestrator(database, registry=old)
    client.submit(gone(), workflow_id="w")
    client.stop()
    with Orchestrator(database, registry=new) as orchestrator:
        for number in range(200):

            @workflow(name=f"other{number}", registry=new)
            def other() -> Flow[None]:
                yield sleep(0)

            with pytest.raises(WorkflowStalledError, match="no workflow named 'gone'"):
                orchestrator.handle("w").result(WAIT)
