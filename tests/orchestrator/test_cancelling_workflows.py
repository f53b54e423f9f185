"""Ending a workflow from outside: by cancelling, by terminating, by a timeout."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import desk
from tests.support.programs.launch import Program
from tests.support.shop import WAIT, Gate, nap, shop, total, until, until_waiting
from yieldflow import (
    Cancelled,
    Flow,
    Orchestrator,
    Registry,
    StepStatus,
    WorkflowCancelledError,
    WorkflowEndedError,
    WorkflowInvocation,
    WorkflowNotFoundError,
    WorkflowStalledError,
    WorkflowStatus,
    WorkflowTimeoutError,
    activity,
    gather,
    now,
    sleep,
    wait_signal,
    workflow,
)

DAY = timedelta(days=1)


class Rooms:
    """A workflow that books, sleeps and cancels its booking when it is cancelled; and what its activities did."""

    def __init__(self, registry: Registry) -> None:
        self.done: list[str] = []

        @activity(registry=registry)
        def act(what: str) -> str:
            self.done.append(what)
            return what

        @workflow(registry=registry)
        def stay(swallow: bool = False) -> Flow[str]:
            yield act("book")
            try:
                yield sleep(DAY)
            except Cancelled:
                yield act("cancel booking")
                if not swallow:
                    raise
            return "left"

        @workflow(registry=registry, timeout=0.05)
        def hurried() -> Flow[str]:
            return (yield from stay())

        self.stay = stay
        self.hurried = hurried


@pytest.fixture
def rooms(registry: Registry) -> Rooms:
    return Rooms(registry)


def test_cancel_wakes_a_sleeper_and_its_cleanup_runs(orchestrator: Orchestrator, rooms: Rooms) -> None:
    """A cancelled workflow does not sleep on: its cleanup runs, with activities, and whoever waits is told why."""
    handle = orchestrator.submit(rooms.stay())
    until_waiting(handle, "sleep")
    handle.cancel("guest is ill")

    with pytest.raises(WorkflowCancelledError, match=rf"{handle.id} was cancelled: guest is ill"):
        handle.result(WAIT)
    described = handle.describe()
    assert rooms.done == ["book", "cancel booking"]
    assert (described.status, described.reason) == (WorkflowStatus.CANCELLED, "guest is ill")
    assert orchestrator.get_workflow_status(handle.id)["reason"] == "guest is ill"
    assert [step.status for step in handle.history()] == [StepStatus.DONE, StepStatus.CANCELLED, StepStatus.DONE]


def test_cancel_without_a_reason(store: Orchestrator) -> None:
    """A reason may be left out."""
    handle = store.submit(nap())
    handle.cancel()

    with pytest.raises(WorkflowCancelledError, match=rf"{handle.id} was cancelled$"):
        handle.result(WAIT)
    assert handle.describe().reason is None


@pytest.mark.parametrize("how", ["cancel", "terminate"])
def test_a_reason_is_text(store: Orchestrator, how: str) -> None:
    """Any text is a reason, and nothing else is; the workflow goes on where it is refused."""
    handle = store.submit(nap())
    ask: Any = getattr(handle, how)
    for wrong in (5, b"why", ["why"]):
        with pytest.raises(TypeError, match="reason is a string"):
            ask(wrong)
    assert handle.describe().status is WorkflowStatus.PROCESSING
    ask("\0 'half \ud800'; drop table workflows")

    with pytest.raises(WorkflowCancelledError, match="drop table workflows"):
        handle.result(WAIT)


def test_a_cancelled_workflow_may_return_all_the_same(orchestrator: Orchestrator, rooms: Rooms) -> None:
    """A workflow that catches `Cancelled` and returns is done."""
    handle = orchestrator.submit(rooms.stay(swallow=True))
    until_waiting(handle, "sleep")
    handle.cancel("too late")

    assert handle.result(WAIT) == "left"
    assert (handle.describe().status, handle.describe().reason) == (WorkflowStatus.DONE, None)


def lingering(registry: Registry, gate: Gate) -> WorkflowInvocation[None]:
    """A workflow that sleeps, and whose cleanup takes until the gate is open."""

    @activity(registry=registry)
    def clean() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def job() -> Flow[None]:
        try:
            yield sleep(DAY)
        finally:
            yield clean()

    return job()


def test_terminate_ends_at_once_and_without_cleanup(orchestrator: Orchestrator, rooms: Rooms) -> None:
    """A terminated workflow has ended when the call returns; none of its code runs, and the reason is shown."""
    handle = orchestrator.submit(rooms.stay())
    until_waiting(handle, "sleep")
    handle.terminate("fire")

    described = handle.describe()
    assert (described.status, described.reason) == (WorkflowStatus.CANCELLED, "fire")
    assert described.waiting_for == ()
    with pytest.raises(WorkflowCancelledError, match="cancelled: fire"):
        handle.result(timeout=0)
    assert rooms.done == ["book"]


def test_terminate_says_so_where_no_reason_is_given(store: Orchestrator) -> None:
    """A terminated workflow can be told from a cancelled one."""
    handle = store.submit(nap())
    handle.terminate()

    assert handle.describe().reason == "terminated"


def test_terminate_during_the_cleanup(orchestrator: Orchestrator, registry: Registry, gate: Gate) -> None:
    """Terminating ends a workflow that cancelling did not end, whatever its cleanup waits for."""
    handle = orchestrator.submit(lingering(registry, gate))
    handle.cancel("please")
    gate.await_entry()
    handle.terminate("now")

    with pytest.raises(WorkflowCancelledError, match="cancelled: now"):
        handle.result(WAIT)


def test_each_branch_cleans_up(orchestrator: Orchestrator, registry: Registry) -> None:
    """Each branch of a cancelled workflow receives `Cancelled` where it waits."""
    cleaned: list[int] = []

    @activity(registry=registry)
    def clean(number: int) -> None:
        cleaned.append(number)

    def branch(number: int) -> Flow[None]:
        try:
            yield wait_signal(f"go {number}")
        finally:
            yield clean(number)

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield gather(*(branch(number) for number in range(3)))

    handle = orchestrator.submit(job())
    handle.cancel()

    with pytest.raises(WorkflowCancelledError):
        handle.result(WAIT)
    assert sorted(cleaned) == [0, 1, 2]


def test_a_cancelled_workflow_stays_so_after_a_restart(database: Path) -> None:
    """The reason outlives a restart, for the status and for whoever asks for the result."""
    with Orchestrator(database, registry=shop) as orchestrator:
        orchestrator.submit(nap(), workflow_id="w").cancel("enough")
        with pytest.raises(WorkflowCancelledError):
            orchestrator.handle("w").result(WAIT)
    with (
        Orchestrator(database, registry=shop) as orchestrator,
        pytest.raises(WorkflowCancelledError, match="w was cancelled: enough"),
    ):
        orchestrator.handle("w").result(WAIT)


# ---------------------------------------------------------------------- timeouts


def test_a_workflow_s_timeout(orchestrator: Orchestrator, registry: Registry) -> None:
    """A workflow with a timeout is cancelled when that is over, cleans up, and fails; the error names the seconds."""
    cleaned: list[str] = []

    @activity(registry=registry)
    def clean() -> None:
        cleaned.append("cleaned")

    @workflow(registry=registry, timeout=0.05)
    def slow() -> Flow[None]:
        try:
            yield sleep(DAY)
        finally:
            yield clean()

    handle = orchestrator.submit(slow())

    with pytest.raises(WorkflowTimeoutError, match=r"0\.05") as caught:
        handle.result(WAIT)
    assert isinstance(caught.value, TimeoutError)
    assert cleaned == ["cleaned"]
    described = handle.describe()
    assert described.status is WorkflowStatus.FAILED
    assert described.error_message is not None
    assert described.error_message.startswith("WorkflowTimeoutError")
    assert described.deadline_at == described.created_at + timedelta(seconds=0.05)


def test_a_timeout_of_one_call(store: Orchestrator) -> None:
    """`with_options(timeout=)` gives one call a timeout; others are not concerned."""
    handle = store.submit(nap().with_options(timeout=timedelta(milliseconds=50)))
    other = store.submit(nap())

    with pytest.raises(WorkflowTimeoutError, match=r"0\.05"):
        handle.result(WAIT)
    assert (other.describe().status, other.describe().deadline_at) == (WorkflowStatus.PROCESSING, None)


def test_a_timeout_that_is_not_reached(store: Orchestrator) -> None:
    """A workflow that ends in time is not concerned by its timeout."""
    assert store.submit(total(1).with_options(timeout=3600)).result(WAIT) == 4


def test_a_timeout_runs_on_while_nothing_does(database: Path) -> None:
    """Time that passes while no orchestrator is started counts."""
    client = Orchestrator(database, registry=shop)
    handle = client.submit(nap().with_options(timeout=0.001))
    with client, pytest.raises(WorkflowTimeoutError):
        handle.result(WAIT)


def test_a_delayed_workflow_s_timeout_counts_from_its_start(store: Orchestrator) -> None:
    """The timeout of a delayed workflow is that from when it starts."""
    handle = store.submit(nap().with_options(timeout=60), delay=3600)

    described = handle.describe()
    assert described.starts_at is not None
    assert described.deadline_at == described.starts_at + timedelta(seconds=60)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), timedelta(0), 1e30])
def test_an_impossible_timeout(timeout: Any) -> None:
    """A timeout is positive and finite."""
    with pytest.raises(ValueError, match="timeout"):
        nap().with_options(timeout=timeout)
    with pytest.raises(ValueError, match="timeout"):
        workflow(registry=Registry(), timeout=timeout)(nap.fn)


@pytest.mark.parametrize("timeout", ["1", True, b"1"])
def test_a_timeout_of_another_type(timeout: Any) -> None:
    """A timeout is seconds or a `timedelta`."""
    with pytest.raises(TypeError, match="timeout"):
        nap().with_options(timeout=timeout)
    with pytest.raises(TypeError, match="timeout"):
        workflow(registry=Registry(), timeout=timeout)(nap.fn)


# ---------------------------------------------------------------------- whatever state it is in


@pytest.mark.parametrize("how", ["cancel", "terminate"])
def test_a_delayed_workflow_ends_without_having_started(store: Orchestrator, how: str) -> None:
    """Cancelled or terminated before its start, a delayed workflow never runs."""
    handle = store.submit(total(1), delay=3600)
    getattr(handle, how)("not needed")

    with pytest.raises(WorkflowCancelledError, match="cancelled: not needed"):
        handle.result(WAIT)
    described = handle.describe()
    assert (described.status, described.started_at, handle.history()) == (WorkflowStatus.CANCELLED, None, [])


@pytest.mark.parametrize("how", ["cancel", "terminate"])
def test_a_suspended_workflow_can_be_ended(orchestrator: Orchestrator, rooms: Rooms, how: str) -> None:
    """Cancelled, a suspended workflow goes on in order to clean up; terminated, it ends where it is."""
    handle = orchestrator.submit(rooms.stay())
    until_waiting(handle, "sleep")
    handle.suspend()
    getattr(handle, how)("closed")

    with pytest.raises(WorkflowCancelledError, match="cancelled: closed"):
        handle.result(WAIT)
    assert rooms.done == (["book", "cancel booking"] if how == "cancel" else ["book"])


def test_a_stalled_workflow_cannot_be_cancelled_but_terminated(database: Path) -> None:
    """A stalled workflow cannot clean up: cancel says so and what to do, by an owner or a client; terminate ends it."""
    client = Orchestrator(database, registry=shop)
    client.submit(nap(), workflow_id="w")
    with Orchestrator(database, registry=Registry()) as orchestrator:
        handle = orchestrator.handle("w")
        with pytest.raises(WorkflowStalledError):
            handle.result(WAIT)
        for asked in (handle, client.handle("w")):
            with pytest.raises(WorkflowStalledError, match=r"w is stalled.*retry\(\).*terminate\(\)"):
                asked.cancel("why not")
        handle.terminate("given up")
        with pytest.raises(WorkflowCancelledError, match="cancelled: given up"):
            handle.result(WAIT)
    client.stop()


@pytest.mark.parametrize("how", ["cancel", "terminate"])
def test_what_has_ended_cannot_be_ended(store: Orchestrator, how: str) -> None:
    """A workflow that has ended takes no cancel and no terminate: the error names it and its status."""
    done = store.submit(total(1), workflow_id="sum")
    done.result(WAIT)
    cancelled = store.submit(nap(), workflow_id="nap")
    cancelled.terminate()

    with pytest.raises(WorkflowEndedError, match=r"sum has ended \(done\)"):
        getattr(done, how)()
    with pytest.raises(WorkflowEndedError, match=r"nap has ended \(cancelled\)"):
        getattr(cancelled, how)("again")
    assert cancelled.describe().reason == "terminated"


def test_what_is_not_there_cannot_be_ended(store: Orchestrator) -> None:
    """A workflow that was deleted takes no cancel."""
    handle = store.submit(total(1), workflow_id="sum")
    handle.result(WAIT)
    store.delete("sum")
    for ask in (handle.cancel, handle.terminate, handle.suspend, handle.resume):
        with pytest.raises(WorkflowNotFoundError, match="'sum'"):
            ask()


def test_a_client_cancels_what_another_process_runs(database: Path) -> None:
    """Cancel and terminate of a client reach the owner in another process."""
    client = Orchestrator(database, registry=desk.registry)
    with Program("desk", database) as running:
        assert running.line() == "started"
        one, other = client.submit(desk.waiting()), client.submit(desk.waiting())
        one.cancel("by a client")
        other.terminate("by a client")
        for handle in (one, other):
            with pytest.raises(WorkflowCancelledError, match="cancelled: by a client"):
                handle.result(WAIT)
    client.stop()


def test_cancelled_while_nothing_runs(database: Path) -> None:
    """A cancel that a client leaves while nobody owns the file is carried out at the next start."""
    client = Orchestrator(database, registry=shop)
    slept = client.submit(nap())
    unstarted = client.submit(total(1), delay=3600)
    for handle in (slept, unstarted):
        handle.cancel("meanwhile")
    with client:
        for handle in (slept, unstarted):
            with pytest.raises(WorkflowCancelledError, match="cancelled: meanwhile"):
                handle.result(WAIT)


def test_cancelling_a_parent_cancels_its_child(orchestrator: Orchestrator, registry: Registry, rooms: Rooms) -> None:
    """A child is cancelled with its parent, which waits for the child's cleanup."""

    @workflow(registry=registry)
    def parent() -> Flow[str]:
        return (yield from rooms.stay().with_options(workflow_id="child"))

    handle = orchestrator.submit(parent())
    until(lambda: orchestrator.list_workflows(parent=handle.id))
    child = orchestrator.handle("child")
    until_waiting(child, "sleep")
    handle.cancel("both")

    with pytest.raises(WorkflowCancelledError, match="cancelled: both"):
        handle.result(WAIT)
    assert child.describe().status is WorkflowStatus.CANCELLED
    assert rooms.done == ["book", "cancel booking"]


def test_cancel_in_the_first_turn_of_one_that_ignores_it(orchestrator: Orchestrator, registry: Registry) -> None:
    """A workflow may clean up and go on to another sleep: a second cancel does not wake it, terminate ends it."""

    @workflow(registry=registry)
    def stubborn() -> Flow[None]:
        try:
            yield sleep(DAY)
        except Cancelled:
            yield from now()
        yield wait_signal("really")

    handle = orchestrator.submit(stubborn())
    handle.cancel()
    handle.cancel()

    assert [waiting.name for waiting in handle.describe().waiting_for] == ["really"]
    handle.signal("really")
    assert handle.result(WAIT) is None
