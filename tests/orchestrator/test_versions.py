"""Code that changes under workflows that have begun: `patched`, ``@workflow(version=)``, old code under its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import WAIT, until, until_waiting
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    WorkflowAlreadyExistsError,
    WorkflowHandle,
    WorkflowStalledError,
    activity,
    continue_as_new,
    gather,
    patched,
    wait_signal,
    workflow,
)


class Deploy:
    """A registry with an activity that notes what it did; the code of a test adds its workflows."""

    def __init__(self) -> None:
        self.registry = registry = Registry()
        self.done: list[str] = []

        @activity(registry=registry)
        def act(what: str) -> str:
            self.done.append(what)
            return what

        self.act = act


def _deploy(checks: bool, also_pays: bool = False) -> tuple[Deploy, Any]:
    """An order, before or after it was changed to check the stock first, and once more to pay."""
    deploy = Deploy()
    act = deploy.act

    @workflow(registry=deploy.registry)
    def order(number: int) -> Flow[list[str]]:
        done = [(yield from act("begin"))]
        yield wait_signal("go")
        if checks and (yield from patched("check stock")):
            done.append((yield from act("check")))
        done.append((yield from act("ship")))
        yield wait_signal("go")
        if checks and (yield from patched("check stock")):
            done.append((yield from act("check again")))
        if also_pays and (yield from patched("pay")):
            done.append((yield from act("pay")))
        return done

    return deploy, order


OLD = ["begin", "ship"]
NEW = ["begin", "check", "ship", "check again"]


def _until_step(handle: WorkflowHandle[Any], step: int) -> None:
    until(lambda: handle.describe().step == step)


def _finish(orchestrator: Orchestrator, workflow_id: str) -> list[str]:
    handle = orchestrator.handle(workflow_id)
    handle.signal("go")
    handle.signal("go")
    result: list[str] = handle.result(WAIT)
    return result


def test_a_workflow_that_was_past_the_change_takes_the_old_way(database: Path) -> None:
    """A workflow that was past the change under the old code goes the old way, also after more restarts."""
    deploy, order = _deploy(checks=False)
    with Orchestrator(database, registry=deploy.registry) as before:
        for name in ("once", "again"):
            handle = before.submit(order(1), workflow_id=name, signal=("go", None))
            _until_step(handle, 3)
    deploy, _ = _deploy(checks=True)
    with Orchestrator(database, registry=deploy.registry) as after:
        handle = after.handle("once")
        handle.signal("go")
        assert handle.result(WAIT) == OLD
    for _ in range(2):
        deploy, _ = _deploy(checks=True)
        with Orchestrator(database, registry=deploy.registry) as later:
            until_waiting(later.handle("again"), "go")
            assert later.check_replay().ok
    with Orchestrator(database, registry=deploy.registry) as last:
        last.handle("again").signal("go")
        assert last.handle("again").result(WAIT) == OLD
    assert deploy.done == []


def test_a_workflow_that_had_not_come_to_the_change_takes_the_new_way(database: Path) -> None:
    """A workflow that had not reached the change under the old code takes the new way."""
    deploy, order = _deploy(checks=False)
    with Orchestrator(database, registry=deploy.registry) as before:
        until_waiting(before.submit(order(1), workflow_id="w"), "go")
    deploy, _ = _deploy(checks=True)
    with Orchestrator(database, registry=deploy.registry) as after:
        assert _finish(after, "w") == NEW
    assert deploy.done == NEW[1:]


def test_a_new_workflow_takes_the_new_way_and_keeps_to_it(database: Path) -> None:
    """A workflow that began under the new code takes the new way, and does so after every restart."""
    deploy, order = _deploy(checks=True)
    with Orchestrator(database, registry=deploy.registry) as first:
        handle = first.submit(order(1), workflow_id="w", signal=("go", None))
        _until_step(handle, 4)
    for _ in range(2):
        deploy, _ = _deploy(checks=True, also_pays=True)
        with Orchestrator(database, registry=deploy.registry) as later:
            assert later.check_replay().ok
            until_waiting(later.handle("w"), "go")
    with Orchestrator(database, registry=deploy.registry) as last:
        last.handle("w").signal("go")
        assert last.handle("w").result(WAIT) == [*NEW, "pay"]


def test_old_and_new_side_by_side(database: Path) -> None:
    """Old and new workflows run under the new code at the same time, each its own way."""
    deploy, order = _deploy(checks=False)
    with Orchestrator(database, registry=deploy.registry) as before:
        old = before.submit(order(1), workflow_id="old", signal=("go", None))
        _until_step(old, 3)
    deploy, order = _deploy(checks=True)
    with Orchestrator(database, registry=deploy.registry) as after:
        after.submit(order(2), workflow_id="new")
        old = after.handle("old")
        old.signal("go")
        assert (_finish(after, "new"), old.result(WAIT)) == (NEW, OLD)


def test_each_run_decides_anew(database: Path) -> None:
    """The next run of a workflow that continues as new takes the new way."""

    def code(changed: bool) -> tuple[Registry, Any]:
        deploy = Deploy()

        @workflow(registry=deploy.registry)
        def loop(seen: list[str]) -> Flow[list[str]]:
            new = changed and (yield from patched("change"))
            seen = [*seen, (yield from deploy.act("new" if new else "old"))]
            yield wait_signal("go")
            if len(seen) == 3:
                return seen
            return (yield from continue_as_new(loop(seen)))

        return deploy.registry, loop

    registry, loop = code(changed=False)
    with Orchestrator(database, registry=registry) as before:
        until_waiting(before.submit(loop([]), workflow_id="w"), "go")
    registry, _ = code(changed=True)
    with Orchestrator(database, registry=registry) as after:
        handle = after.handle("w")
        for _ in range(3):
            handle.signal("go")
        assert handle.result(WAIT) == ["old", "new", "new"]


def test_branches_agree_on_a_change(orchestrator: Orchestrator, registry: Registry) -> None:
    """Within a run, every branch hears the same of one name."""

    def branch(number: int) -> Flow[bool]:
        yield wait_signal(f"go {number}")
        return (yield from patched("change"))

    @workflow(registry=registry)
    def job() -> Flow[list[bool]]:
        return (yield from gather(*(branch(number) for number in range(3))))

    handle = orchestrator.submit(job())
    for number in (1, 0, 2):
        handle.signal(f"go {number}")

    assert handle.result(WAIT) == [True] * 3


# ---------------------------------------------------------------------- versions


def _versioned(version: str | None, *labels: str) -> tuple[Registry, Any]:
    deploy = Deploy()

    @workflow(registry=deploy.registry, version=version)
    def order() -> Flow[list[str]]:
        done = []
        for label in labels:
            done.append((yield from deploy.act(label)))
        yield wait_signal("go")
        return done

    return deploy.registry, order


def _stalled_reason(database: Path, registry: Registry) -> str:
    with Orchestrator(database, registry=registry) as orchestrator:
        handle = orchestrator.handle("w")
        handle.signal("go")
        with pytest.raises(WorkflowStalledError) as caught:
            handle.result(WAIT)
        assert handle.describe().reason is not None
        assert str(handle.describe().reason) in str(caught.value)
        return str(caught.value)


def test_the_version_is_kept_and_shown_on_a_mismatch(database: Path) -> None:
    """A workflow keeps the version that it was submitted with; where the code does not fit, both are shown."""
    registry, order = _versioned("1", "a")
    with Orchestrator(database, registry=registry) as before:
        until_waiting(before.submit(order(), workflow_id="w"), "go")
        assert before.get_workflow_status("w")["version"] == "1"
    reason = _stalled_reason(database, _versioned("2", "b")[0])
    unnamed = _stalled_reason(database, _versioned(None, "b")[0])

    assert "It was submitted with version '1' of the code; the code here is version '2'." in reason
    assert "It was submitted with version '1' of the code; the code here has none." in unnamed
    with Orchestrator(database, registry=_versioned("3", "a")[0]) as mended:
        assert mended.handle("w").result(WAIT) == ["a"]
        assert mended.handle("w").describe().version == "1"


def test_the_same_version_is_not_mentioned(database: Path) -> None:
    """If the version is the same, or there is none, a mismatch does not mention it."""
    registry, order = _versioned("1", "a")
    with Orchestrator(database, registry=registry) as before:
        until_waiting(before.submit(order(), workflow_id="w"), "go")

    assert "It was submitted" not in _stalled_reason(database, _versioned("1", "b")[0])


def test_another_version_alone_is_no_mismatch(database: Path) -> None:
    """A version is a name, not a condition: code that fits goes on, and attaches by the same id."""
    registry, order = _versioned("1", "a")
    with Orchestrator(database, registry=registry) as before:
        until_waiting(before.submit(order(), workflow_id="w"), "go")
    registry, order = _versioned("2", "a")
    with Orchestrator(database, registry=registry) as after:
        assert after.check_replay().ok
        handle = after.submit(order(), workflow_id="w", signal=("go", None))
        assert handle.result(WAIT) == ["a"]
        assert handle.describe().version == "1"


def test_the_next_run_has_the_version_of_the_code_that_it_runs(database: Path) -> None:
    """A workflow that continues as new takes the version of the code of then."""

    def code(version: str) -> tuple[Registry, Any]:
        registry = Registry()

        @workflow(registry=registry, version=version)
        def loop(turns: int) -> Flow[str]:
            yield wait_signal("go")
            if turns == 0:
                return "done"
            return (yield from continue_as_new(loop(turns - 1)))

        return registry, loop

    registry, loop = code("1")
    with Orchestrator(database, registry=registry) as before:
        before.submit(loop(1), workflow_id="w")
    with Orchestrator(database, registry=code("2")[0]) as after:
        handle = after.handle("w")
        assert handle.describe().version == "1"
        handle.signal("go")
        until(lambda: handle.describe().run == 2)
        assert handle.describe().version == "2"
        handle.signal("go")
        assert handle.result(WAIT) == "done"


@pytest.mark.parametrize("version", [1, 1.0, b"1", ("1",)])
def test_a_version_is_text(version: Any) -> None:
    """A version is a string."""

    def order() -> Flow[None]:
        yield wait_signal("go")

    with pytest.raises(TypeError, match="version= is a string, not"):
        workflow(registry=Registry(), version=version)(order)


# ---------------------------------------------------------------------- old code under its own name


def test_old_workflows_go_on_with_old_code_under_its_own_name(database: Path) -> None:
    """If new code gets a new name and the old is kept under the old name, each workflow goes on with its own."""
    old = Deploy()

    @workflow(name="order", registry=old.registry)
    def order() -> Flow[list[str]]:
        first = yield from old.act("old way")
        yield wait_signal("go")
        return [first]

    with Orchestrator(database, registry=old.registry) as before:
        until_waiting(before.submit(order(), workflow_id="w"), "go")

    new = Deploy()

    @workflow(name="order", registry=new.registry)
    def order_until_march() -> Flow[list[str]]:
        first = yield from new.act("old way")
        yield wait_signal("go")
        return [first]

    @workflow(name="order-2", registry=new.registry)
    def order_since_march() -> Flow[list[str]]:
        return [(yield from new.act("new way")), (yield from new.act("other"))]

    with Orchestrator(database, registry=new.registry) as after:
        assert after.check_replay().ok
        assert after.submit(order_since_march()).result(WAIT) == ["new way", "other"]
        after.handle("w").signal("go")
        assert after.handle("w").result(WAIT) == ["old way"]
        assert [entry["id"] for entry in after.list_workflows("order")] == ["w"]
        assert new.done == ["new way", "other"]
        with pytest.raises(WorkflowAlreadyExistsError, match=r"'w' belongs to another invocation: order with"):
            after.submit(order_since_march(), workflow_id="w")
