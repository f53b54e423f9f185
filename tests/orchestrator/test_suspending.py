"""`suspend` and `resume`: a workflow pauses, what it has begun goes on, and nothing that comes meanwhile is lost."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.programs import desk
from tests.support.programs.launch import Program
from tests.support.shop import WAIT, Gate, nap, shop, total, until, until_waiting
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    ResultTimeoutError,
    StepStatus,
    WorkflowEndedError,
    WorkflowStalledError,
    WorkflowStatus,
    WorkflowTimeoutError,
    activity,
    sleep,
    wait_signal,
    workflow,
)
from yieldflow.testing.plugin import Clock


def test_outcomes_that_arrive_meanwhile_are_recorded_and_applied_later(
    orchestrator: Orchestrator, registry: Registry, gate: Gate
) -> None:
    """An activity under way ends, and its outcome is kept; the workflow goes on with it once it is resumed."""
    after: list[str] = []

    @activity(registry=registry)
    def hold() -> str:
        gate.pass_through()
        return "held"

    @activity(registry=registry)
    def follow(what: str) -> str:
        after.append(what)
        return what

    @workflow(registry=registry)
    def job() -> Flow[str]:
        return (yield from follow((yield from hold())))

    handle = orchestrator.submit(job())
    gate.await_entry()
    handle.suspend()
    gate.open()
    until(lambda: handle.history()[0].status is StepStatus.DONE)
    suspended = handle.describe()
    with pytest.raises(ResultTimeoutError, match=r"it is suspended, and goes on once resume\(\) is called"):
        handle.result(timeout=0)
    assert (suspended.status, suspended.step, after) == (WorkflowStatus.SUSPENDED, 0, [])
    assert handle.history()[0].applied is None
    handle.resume()

    assert handle.result(WAIT) == "held"
    assert (after, handle.history()[0].attempt) == (["held"], 1)


def test_a_sleep_that_ends_meanwhile_ends_at_resume(timed: Orchestrator, registry: Registry, clock: Clock) -> None:
    """A sleep is over when its time has come, though the workflow hears of it when it is resumed."""

    @workflow(registry=registry)
    def job() -> Flow[str]:
        yield sleep(3600)
        return "rested"

    handle = timed.submit(job())
    handle.suspend()
    clock.advance(3600)
    assert handle.describe().status is WorkflowStatus.SUSPENDED
    handle.resume()

    assert handle.result(WAIT) == "rested"


def test_suspended_and_resumed_more_than_once(orchestrator: Orchestrator, registry: Registry) -> None:
    """Suspending a suspended workflow, or resuming a running one, changes nothing."""

    @workflow(registry=registry)
    def job() -> Flow[object]:
        return (yield from wait_signal("go"))

    handle = orchestrator.submit(job())
    handle.resume()
    assert handle.describe().status is WorkflowStatus.PROCESSING
    for _ in range(3):
        handle.suspend()
        handle.suspend()
        assert handle.describe().status is WorkflowStatus.SUSPENDED
        handle.resume()
        handle.resume()
        assert handle.describe().status is WorkflowStatus.PROCESSING
    handle.signal("go", "on")

    assert handle.result(WAIT) == "on"


def test_a_suspended_workflow_stays_so_across_restarts(database: Path) -> None:
    """A suspended workflow does not go on by a restart, and is resumed in another process as well."""
    client = Orchestrator(database, registry=desk.registry)
    handle = client.submit(desk.approval())
    handle.suspend()
    handle.signal("approve", "on")
    with Orchestrator(database, registry=desk.registry) as first:
        until(lambda: first.handle(handle.id).describe().status is WorkflowStatus.SUSPENDED)
    with Program("desk", database) as running:
        assert running.line() == "started"
        assert client.submit(desk.approval(), signal=("approve", "other")).result(WAIT) == ["other"]
        assert handle.describe().status is WorkflowStatus.SUSPENDED
        handle.resume()
        assert handle.result(WAIT) == ["on"]
    client.stop()


def test_a_client_suspends_what_another_process_runs(database: Path) -> None:
    """A client's suspend and resume reach the owner."""
    client = Orchestrator(database, registry=desk.registry)
    with Program("desk", database) as running:
        assert running.line() == "started"
        handle = client.submit(desk.approval())
        handle.suspend()
        until(lambda: handle.describe().status is WorkflowStatus.SUSPENDED)
        handle.signal("approve", "on")
        handle.resume()
        assert handle.result(WAIT) == ["on"]
    client.stop()


def test_a_delayed_workflow_can_be_suspended(timed: Orchestrator, registry: Registry, clock: Clock) -> None:
    """Suspended before its start, a workflow does not start when its time has come, but when it is resumed."""
    registry.add(total)
    handle = timed.submit(total(1), delay=3600)
    handle.suspend()
    clock.advance(3600)
    described = handle.describe()
    assert (described.status, described.started_at) == (WorkflowStatus.SUSPENDED, None)
    handle.resume()

    assert handle.result(WAIT) == 4


def test_a_delayed_workflow_that_is_resumed_early_waits(store: Orchestrator) -> None:
    """Resumed before its time, a delayed workflow still starts at its time."""
    handle = store.submit(total(1), delay=timedelta(hours=1))
    handle.suspend()
    handle.resume()
    store.submit(total(1)).result(WAIT)

    described = handle.describe()
    assert (described.status, described.started_at) == (WorkflowStatus.PROCESSING, None)
    with pytest.raises(ResultTimeoutError, match=r"it is to start at 20\d\d-"):
        handle.result(timeout=0)


def test_time_that_runs_out_while_suspended(timed: Orchestrator, registry: Registry, clock: Clock) -> None:
    """A timeout counts the time that a workflow was suspended; it is cancelled for it once it is resumed."""
    registry.add(nap)
    handle = timed.submit(nap().with_options(timeout=60))
    handle.suspend()
    clock.advance(60)
    assert handle.describe().status is WorkflowStatus.SUSPENDED
    handle.resume()

    with pytest.raises(WorkflowTimeoutError):
        handle.result(WAIT)


def test_a_child_may_be_suspended(orchestrator: Orchestrator, registry: Registry) -> None:
    """A parent waits for a suspended child, and goes on with its result; and the other way round."""

    @workflow(registry=registry)
    def child() -> Flow[object]:
        return (yield from wait_signal("go"))

    @workflow(registry=registry)
    def parent() -> Flow[object]:
        return (yield from child().with_options(workflow_id="child"))

    handle = orchestrator.submit(parent())
    until(lambda: orchestrator.list_workflows("child"))
    inner = orchestrator.handle("child")
    until_waiting(inner, "go")
    inner.suspend()
    inner.signal("go", "on")
    assert handle.describe().status is WorkflowStatus.PROCESSING
    handle.suspend()
    inner.resume()
    assert inner.result(WAIT) == "on"
    assert handle.describe().status is WorkflowStatus.SUSPENDED
    handle.resume()

    assert handle.result(WAIT) == "on"


def test_what_has_ended_or_stalled_cannot_be_suspended(database: Path) -> None:
    """The error names the workflow, and what to do; resume has a stalled one tried again."""
    with Orchestrator(database, registry=shop) as orchestrator:
        done = orchestrator.submit(total(1), workflow_id="sum")
        done.result(WAIT)
        for ask in (done.suspend, done.resume):
            with pytest.raises(WorkflowEndedError, match=r"sum has ended \(done\)"):
                ask()
    client = Orchestrator(database, registry=shop)
    client.submit(nap(), workflow_id="nap")
    with Orchestrator(database, registry=Registry()) as without:
        stalled = without.handle("nap")
        with pytest.raises(WorkflowStalledError):
            stalled.result(WAIT)
        for handle in (stalled, client.handle("nap")):
            with pytest.raises(WorkflowStalledError, match=r"nap is stalled.*retry\(\)"):
                handle.suspend()
        stalled.resume()
        with pytest.raises(WorkflowStalledError):
            stalled.result(WAIT)
    client.stop()
