"""Signals: messages to a workflow from wherever one has its id."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import desk
from tests.support.programs.launch import Program
from tests.support.shop import WAIT, Gate, in_threads, nap, total
from yieldflow import (
    EncodingError,
    Flow,
    Orchestrator,
    Registry,
    WorkflowAlreadyExistsError,
    WorkflowEndedError,
    WorkflowNotFoundError,
    WorkflowStalledError,
    activity,
    continue_as_new,
    gather,
    take_signals,
    wait_signal,
    workflow,
)


@pytest.fixture
def approvals(database: Path) -> Any:
    """Started, with workflows that wait for signals."""
    with Orchestrator(database, registry=desk.registry) as started:
        yield started


def test_a_signal_that_is_waited_for(approvals: Orchestrator) -> None:
    """A workflow that waits for a signal goes on with its payload as soon as it is sent."""
    handle = approvals.submit(desk.approval())
    handle.signal("approve", {"by": "ann"})

    assert handle.result(WAIT) == [{"by": "ann"}]


def test_a_signal_without_a_payload(approvals: Orchestrator) -> None:
    """A signal may carry nothing: it is received as None."""
    handle = approvals.submit(desk.approval())
    handle.signal("approve")

    assert handle.result(WAIT) == [None]


def test_signals_before_the_workflow_waits_are_kept_in_order(
    orchestrator: Orchestrator, registry: Registry, gate: Gate
) -> None:
    """Signals sent while the workflow does something else are there, in the order sent, when it waits for them."""

    @activity(registry=registry)
    def hold() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def job() -> Flow[list[object]]:
        yield hold()
        first = yield wait_signal("a")
        other = yield wait_signal("b")
        return [first, other, (yield from wait_signal("a"))]

    handle = orchestrator.submit(job())
    gate.await_entry()
    for name, payload in (("b", 1), ("a", 2), ("a", 3), ("b", 4)):
        handle.signal(name, payload)
    gate.open()

    assert handle.result(WAIT) == [2, 1, 3]


def test_many_signals_arrive_in_order_and_once(approvals: Orchestrator) -> None:
    """Each of many signals of one name is received once, in the order sent."""
    handle = approvals.submit(desk.approval(200))
    for number in range(200):
        handle.signal("approve", number)

    assert handle.result(WAIT) == list(range(200))


def test_signals_from_many_threads_are_all_received(approvals: Orchestrator) -> None:
    """Whoever sends at the same time, nothing is lost and nothing comes twice."""
    handle = approvals.submit(desk.approval(32))

    def send(sender: int) -> None:
        for number in range(4):
            handle.signal("approve", 4 * sender + number)

    in_threads(8, send)
    received: list[Any] = handle.result(WAIT)

    assert sorted(received) == list(range(32))
    assert [number for number in received if number in range(4)] == [0, 1, 2, 3]


def test_signals_while_nothing_runs(database: Path) -> None:
    """Signals sent while no orchestrator is started, also before the workflow's start, wait for it on disk."""
    client = Orchestrator(database, registry=desk.registry)
    handle = client.submit(desk.approval(3))
    handle.signal("approve", 1)
    with Orchestrator(database, registry=desk.registry) as first:
        first.handle(handle.id).signal("approve", 2)
    handle.signal("approve", 3)

    with Orchestrator(database, registry=desk.registry) as second:
        assert second.handle(handle.id).result(WAIT) == [1, 2, 3]
    client.stop()


def test_a_signal_is_received_once_across_restarts(database: Path) -> None:
    """A signal that was received is not received again after a restart."""
    with Orchestrator(database, registry=desk.registry) as first:
        handle = first.submit(desk.approval(2), workflow_id="w")
        handle.signal("approve", "before")
        assert handle.describe().step == 1

    with Orchestrator(database, registry=desk.registry) as second:
        again = second.handle("w")
        again.signal("approve", "after")
        assert again.result(WAIT) == ["before", "after"]
        assert [step.output for step in again.history()] == ["before", "after"]


def test_a_signal_from_another_process(database: Path) -> None:
    """A client signals a workflow that another process runs, in order, and is told once that has ended."""
    client = Orchestrator(database, registry=desk.registry)
    with Program("desk", database) as running:
        assert running.line() == "started"
        handle = client.submit(desk.approval(3))
        for payload in ("one", {"two": 2}, [3]):
            handle.signal("approve", payload)
        assert handle.result(WAIT) == ["one", {"two": 2}, [3]]
        with pytest.raises(WorkflowEndedError, match=rf"{handle.id} has ended \(done\)"):
            handle.signal("approve", "late")
    client.stop()


def test_a_signal_from_another_workflow_s_activity(orchestrator: Orchestrator, registry: Registry) -> None:
    """A workflow signals another by an activity that does so."""

    @activity(registry=registry)
    def tell(workflow_id: str, text: str) -> None:
        orchestrator.handle(workflow_id).signal("news", text)

    @workflow(registry=registry)
    def listener() -> Flow[object]:
        return (yield from wait_signal("news"))

    @workflow(registry=registry)
    def speaker(workflow_id: str) -> Flow[str]:
        yield tell(workflow_id, "hello")
        return "told"

    listening = orchestrator.submit(listener())

    assert orchestrator.run(speaker(listening.id)) == "told"
    assert listening.result(WAIT) == "hello"


def test_a_signal_to_one_that_has_ended(database: Path, store: Orchestrator) -> None:
    """A signal to a workflow that is done is refused; the error names the workflow and its status."""
    handle = store.submit(total(1), workflow_id="sum")
    handle.result(WAIT)

    with pytest.raises(WorkflowEndedError, match=r"sum has ended \(done\)"):
        handle.signal("more", 1)
    client = Orchestrator(database)
    with pytest.raises(WorkflowEndedError, match=r"sum has ended \(done\)"):
        client.handle("sum").signal("more", 1)
    client.stop()


def test_a_signal_to_one_that_was_deleted(store: Orchestrator) -> None:
    """A signal to a workflow that is no longer on disk is a `WorkflowNotFoundError` that names it."""
    handle = store.submit(total(1), workflow_id="sum")
    handle.result(WAIT)
    store.delete("sum")

    with pytest.raises(WorkflowNotFoundError, match="'sum'"):
        handle.signal("more")


@pytest.mark.parametrize(
    ("name", "error"),
    [(5, TypeError), (None, TypeError), (b"approve", TypeError), ("", ValueError), ("half \ud800", ValueError)],
)
def test_what_cannot_be_a_signal_s_name(store: Orchestrator, name: Any, error: type[Exception]) -> None:
    """A signal's name is a non-empty string that can be stored; the error shows what to write."""
    handle = store.submit(nap())

    with pytest.raises(error, match=r"signal.*'approve'"):
        handle.signal(name, 1)
    with pytest.raises(error, match=r"signal.*'approve'"):
        store.submit(nap(), signal=(name, 1))
    assert len(store.list_workflows()) == 1


def test_a_payload_that_cannot_be_stored(approvals: Orchestrator) -> None:
    """A payload that cannot be stored is refused, with the signal's name and the part to blame; nothing is sent."""
    handle = approvals.submit(desk.approval())

    with pytest.raises(EncodingError, match=r"signal 'approve'.*\['guard'\].*lock"):
        handle.signal("approve", {"guard": threading.Lock()})
    with pytest.raises(EncodingError, match=r"signal 'approve'.*\['guard'\].*lock"):
        approvals.submit(desk.approval(), signal=("approve", {"guard": threading.Lock()}))
    handle.signal("approve", "well")

    assert handle.result(WAIT) == ["well"]
    assert len(approvals.list_workflows()) == 1


def test_payloads_are_not_shared(approvals: Orchestrator) -> None:
    """A payload is sent as it was at the call."""
    payload = [1]
    handle = approvals.submit(desk.approval(2), signal=("approve", payload))
    payload.append(2)
    handle.signal("approve", payload)
    payload.append(3)

    assert handle.result(WAIT) == [[1], [1, 2]]


def test_submit_with_a_signal_to_a_new_workflow(approvals: Orchestrator) -> None:
    """`submit(signal=)` starts a workflow that finds the signal there."""
    handle = approvals.submit(desk.approval(2), workflow_id="w", signal=("approve", 1))
    handle.signal("approve", 2)

    assert handle.result(WAIT) == [1, 2]


def test_submit_with_a_signal_to_an_existing_workflow(approvals: Orchestrator) -> None:
    """`submit(signal=)` with an id that is there, and the same invocation, only signals."""
    for number in range(3):
        handle = approvals.submit(desk.approval(3), workflow_id="w", signal=("approve", number))

    assert handle.result(WAIT) == [0, 1, 2]
    assert len(approvals.list_workflows()) == 1
    with pytest.raises(WorkflowEndedError, match=r"w has ended \(done\)"):
        approvals.submit(desk.approval(3), workflow_id="w", signal=("approve", 3))


def test_submit_with_a_signal_from_many_threads(approvals: Orchestrator) -> None:
    """However many start and signal one id together, it is started once and receives all the signals."""
    in_threads(8, lambda number: approvals.submit(desk.approval(8), "w", signal=("approve", number)))

    assert sorted(approvals.handle("w").result(WAIT)) == list(range(8))


def test_submit_with_a_signal_and_another_invocation(approvals: Orchestrator) -> None:
    """If the id belongs to another invocation, `submit(signal=)` is refused and nothing is sent."""
    handle = approvals.submit(desk.approval(1), workflow_id="w")

    with pytest.raises(WorkflowAlreadyExistsError, match="'w' belongs to another invocation"):
        approvals.submit(desk.approval(2), workflow_id="w", signal=("approve", "wrong"))
    handle.signal("approve", "right")

    assert handle.result(WAIT) == ["right"]


def test_submit_with_a_signal_and_a_delay(database: Path) -> None:
    """A delayed workflow keeps the signal that it was submitted with, and those sent before its start."""
    with Orchestrator(database, registry=desk.registry) as orchestrator:
        handle = orchestrator.submit(desk.approval(2), delay=0.05, signal=("approve", 1))
        handle.signal("approve", 2)
        assert handle.result(WAIT) == [1, 2]


def test_submit_with_a_signal_on_a_client(database: Path) -> None:
    """A client's `submit(signal=)` leaves both on disk for whoever starts."""
    client = Orchestrator(database, registry=desk.registry)
    handle = client.submit(desk.approval(2), "w", signal=("approve", 1))
    client.submit(desk.approval(2), "w", signal=("approve", 2))
    with client:
        assert handle.result(WAIT) == [1, 2]


@pytest.mark.parametrize("signal", ["approve", ("approve",), ("approve", 1, 2), ["approve", 1], 5])
def test_what_submit_takes_as_a_signal(approvals: Orchestrator, signal: Any) -> None:
    """`submit(signal=)` takes a pair of name and payload, and says so; nothing is written."""
    with pytest.raises(TypeError, match=r"signal=\('approve', payload\)"):
        approvals.submit(desk.approval(), signal=signal)

    assert approvals.list_workflows() == []


def test_two_that_wait_for_one_name(orchestrator: Orchestrator, registry: Registry) -> None:
    """When several branches wait for one name, the first to wait receives the first signal."""

    @workflow(registry=registry)
    def both() -> Flow[Any]:
        return (yield from gather(wait_signal("a"), wait_signal("a"), wait_signal("b")))

    handle = orchestrator.submit(both())
    for name, payload in (("a", 1), ("b", 2), ("a", 3)):
        handle.signal(name, payload)

    assert handle.result(WAIT) == [1, 3, 2]


def test_receiving_what_is_there_without_waiting(orchestrator: Orchestrator, registry: Registry, gate: Gate) -> None:
    """`take_signals` gives all that is there of the name, and goes on where there is none."""

    @activity(registry=registry)
    def hold() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def job() -> Flow[list[list[object]]]:
        before = yield from take_signals("item")
        yield hold()
        after = yield from take_signals("item")
        return [before, after, (yield from take_signals("item"))]

    handle = orchestrator.submit(job())
    gate.await_entry()
    for number in range(3):
        handle.signal("item", number)
    handle.signal("other", 9)
    gate.open()

    assert handle.result(WAIT) == [[], [0, 1, 2], []]


def test_signals_not_received_stay_for_the_next_run(orchestrator: Orchestrator, registry: Registry) -> None:
    """A workflow that continues as new finds in its next run the signals that it has not received."""

    @workflow(registry=registry)
    def endless(received: list[object]) -> Flow[list[object]]:
        received.append((yield from wait_signal("a")))
        if len(received) == 4:
            return received
        return (yield from continue_as_new(endless(received)))

    handle = orchestrator.submit(endless([]), signal=("a", 0))
    for number in (1, 2, 3):
        handle.signal("a", number)

    assert handle.result(WAIT) == [0, 1, 2, 3]
    assert handle.describe().run == 4


def test_a_signal_to_one_that_nobody_can_run_is_kept(database: Path) -> None:
    """A stalled workflow keeps its signals until it goes on."""
    client = Orchestrator(database, registry=desk.registry)
    client.submit(desk.approval(), workflow_id="w")
    client.stop()
    with Orchestrator(database, registry=Registry()) as without:
        stalled = without.handle("w")
        with pytest.raises(WorkflowStalledError, match="no workflow named 'approval'"):
            stalled.result(WAIT)
        stalled.signal("approve", "kept")

    with Orchestrator(database, registry=desk.registry) as mended:
        assert mended.handle("w").result(WAIT) == ["kept"]
