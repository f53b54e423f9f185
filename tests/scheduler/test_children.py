"""Children: their ends reach the parent wherever it is, as they were, over crashes, runs and time limits."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from tests.support.engine import Crash, Host, open_store
from tests.support.family import (
    CANCEL,
    LAB,
    RESUME,
    SUSPEND,
    TERMINATE,
    Declined,
    child,
    declined,
    parent_of,
    patient,
    sleeper,
    there,
    work,
)
from yieldflow import (
    Flow,
    Registry,
    Workflow,
    WorkflowCancelledError,
    WorkflowTimeoutError,
    continue_as_new,
    gather,
    race,
    sleep,
    start,
    wait_signal,
    workflow,
)
from yieldflow.store import RequestKind

# ---------------------------------------------------------------------- what comes back


def test_failure_arrives_as_its_own(host: Host) -> None:
    """A child's exception is raised where the parent yields it, with its attributes, and says which child it was."""

    @workflow(registry=LAB.registry)
    def catches() -> Flow[list[object]]:
        try:
            yield declined(500)
        except Declined as error:
            return [error.cents, *error.__notes__]
        return []

    host.submit(catches(), "w")
    host.work_off()
    output = cast("list[object]", host.output("w"))
    assert output[0] == 500
    assert any("in step 0, child declined(cents=500)" in str(note) for note in output[1:])
    assert host.status("w:1:0") == "failed"


@pytest.mark.parametrize("kind", [CANCEL, TERMINATE])
def test_childs_own_cancellation_arrives(host: Host, kind: RequestKind) -> None:
    """A child that is cancelled or terminated raises `WorkflowCancelledError` in its parent, with the reason."""

    @workflow(registry=LAB.registry)
    def hears() -> Flow[str]:
        try:
            yield patient()
        except WorkflowCancelledError as error:
            return str(error)
        return ""

    host.submit(hears(), "w")
    host.settle()
    host.ask("w:1:0", kind, "enough")
    assert host.output("w") == "child w:1:0 was cancelled: enough"


def test_ten_thousand_children(tmp_path: Path) -> None:
    """A parent may have ten thousand children at once: three commits do, and the results come back in order."""

    @workflow(registry=LAB.registry)
    def square(number: int) -> Flow[int]:
        return number * number
        yield

    @workflow(registry=LAB.registry)
    def many(count: int) -> Flow[int]:
        squares = yield from gather(*map(square, range(count)))
        assert squares == [number * number for number in range(count)]
        return len(squares)

    with open_store("sqlite", tmp_path) as store:
        host = Host(store, LAB.registry)
        host.submit(many(10_000), "w")
        host.settle()
        assert host.output("w") == 10_000
        assert len(store.records()) == 10_001
        # As many as fit: one turn for the parent, one for all its children, one for all their ends.
        assert len(store.commits) == 3
        host.close()


def test_descendants(host: Host) -> None:
    """A child may have children of its own; a cancellation goes down to the last, and waits for all."""

    @workflow(registry=LAB.registry)
    def nested(depth: int) -> Flow[list[object]]:
        try:
            below = yield from (nested(depth - 1) if depth else patient())
            return [depth, below]
        finally:
            yield work(f"cleanup {depth}")

    host.submit(nested(3), "w")
    host.settle()
    assert len(there(host)) == 5
    host.ask("w", CANCEL, "enough")
    host.restart()
    host.work_off()
    assert set(there(host).values()) == {"cancelled"}
    assert LAB.performed == [f"cleanup {depth}" for depth in range(4)]


# ---------------------------------------------------------------------- where the parent is when the child ends


PLACES = ["resident", "restarted", "evicted", "suspended", "suspended and restarted", "stalled"]


@pytest.mark.parametrize("place", PLACES)
def test_child_ends_wherever_its_parent_is(host: Host, place: str) -> None:
    """A child's result reaches its parent wherever that is, once it can go on."""
    host.submit(parent_of(), "w")
    host.settle()
    if place == "restarted":
        host.restart()
    elif place == "evicted":
        for _ in range(9):
            host.advance(10)
    elif place.startswith("suspended"):
        host.ask("w", SUSPEND)
        if "restarted" in place:
            host.restart()
    elif place == "stalled":
        registry = Registry()
        registry.add(patient)
        host.restart(registry)
        assert host.status("w") == "stalled"
    host.signal("w:1:0", "go", "result")
    assert host.status("w:1:0") == "done"
    if place.startswith("suspended"):
        assert host.status("w") == "suspended"
        host.ask("w", RESUME)
    elif place == "stalled":
        host.registry.add(cast("Workflow[..., object]", parent_of))
        host.register(host.registry, "parent_of")
    host.settle()
    assert host.output("w") == "result"


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_crash_between_the_childs_end_and_its_parent(tmp_path: Path, kind: str) -> None:
    """If the process dies after a child ended and before its parent heard of it, the parent hears of it, once."""
    with open_store(kind, tmp_path) as store:
        host = Host(store, LAB.registry)
        host.submit(parent_of("child"), "w")
        host.settle()
        store.crash_after = len(store.commits) + 1
        with pytest.raises(Crash):
            host.settle(host.do())
        assert there(host) == {"w": "processing", "w:1:0": "done"}
        host.restart()
        assert (host.output("w"), host.tasks) == ("CHILD", [])
        assert [step.applied for step in store.steps("w")] == [1]
        host.close()


def test_child_whose_code_is_missing(host: Host) -> None:
    """A stalled child holds up only its parent, which goes on once the child is put right."""
    unknown: Workflow[[], object] = Workflow(patient.fn, name="unknown")

    @workflow(registry=(registry := Registry()))
    def trusting() -> Flow[object]:
        return (yield from unknown())

    host.restart(registry)
    host.submit(trusting(), "w")
    host.settle()
    assert there(host) == {"w": "processing", "w:1:0": "stalled"}
    assert "no workflow named 'unknown'" in host.reason("w:1:0")
    host.signal("w:1:0", "go", "result")
    registry.add(unknown)
    host.register(registry, "unknown")
    assert host.output("w") == "result"


# ---------------------------------------------------------------------- runs and time


def test_child_that_continues_as_new(host: Host) -> None:
    """A parent waits for the last run of a child that continues as new, also over restarts."""

    @workflow(registry=LAB.registry)
    def counts(down: int) -> Flow[str]:
        yield wait_signal("go")
        return "over" if down == 0 else (yield from continue_as_new(counts(down - 1)))

    @workflow(registry=LAB.registry)
    def waits() -> Flow[str]:
        return (yield from counts(3))

    host.submit(waits(), "w")
    host.settle()
    for _ in range(4):
        assert host.status("w") == "processing"
        host.restart()
        host.signal("w:1:0", "go")
    assert (host.record("w:1:0").run, host.output("w")) == (4, "over")


def test_parent_that_continues_as_new(host: Host) -> None:
    """Each run of a parent has children of its own, and a task's child is waited for before the next run."""

    @workflow(registry=LAB.registry)
    def again(number: int, results: list[str]) -> Flow[list[str]]:
        yield start(sleeper(60))
        results = [*results, (yield from child(f"of run {number}"))]
        return results if number == 2 else (yield from continue_as_new(again(number + 1, results)))

    host.submit(again(1, []), "w")
    host.work_off()
    assert host.record("w").run == 1
    host.advance(60)
    host.work_off()
    host.advance(60)
    assert host.output("w") == ["OF RUN 1", "OF RUN 2"]
    assert there(host) == dict.fromkeys(["w", "w:1:0", "w:1:1", "w:2:0", "w:2:1"], "done")


def test_child_of_an_earlier_run(host: Host) -> None:
    """The end of a child that an earlier run left to itself is not taken for that of a child of this run."""

    @workflow(registry=LAB.registry)
    def next_run(number: int) -> Flow[object]:
        if number == 2:
            return (yield from patient())
        yield race(patient().with_options(on_parent_end="abandon"), sleep(0))
        return (yield from continue_as_new(next_run(2)))

    host.submit(next_run(1), "w")
    host.settle()
    host.signal("w:1:0", "go", "of the first run")
    assert (host.status("w"), host.status("w:1:0")) == ("processing", "done")
    host.signal("w:2:0", "go", "of the second run")
    assert host.output("w") == "of the second run"


def test_child_out_of_time(host: Host) -> None:
    """A child that is given some seconds fails in its parent with a `WorkflowTimeoutError` when they are over."""

    @workflow(registry=LAB.registry)
    def impatient() -> Flow[list[str]]:
        results = [(yield from sleeper(5).with_options(timeout=10))]
        try:
            yield sleeper(3600).with_options(timeout=10)
        except WorkflowTimeoutError as error:
            results.append(str(error))
        return results

    host.submit(impatient(), "w")
    host.settle()
    host.advance(6)
    host.restart()
    host.advance(9)
    assert host.status("w:1:1") == "processing"
    host.advance(1)
    assert host.output("w") == ["rested", "workflow 'sleeper' did not end within 10.0 s"]
    assert there(host) == {"w": "done", "w:1:0": "done", "w:1:1": "failed"}
