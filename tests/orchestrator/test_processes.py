"""Several processes on one database: an owner that runs the workflows, and clients that submit, read and wait."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs import leaves, owner
from tests.support.programs.launch import WAIT, Program
from yieldflow import DatabaseInUseError, Orchestrator, ResultTimeoutError, WorkflowAlreadyExistsError


@pytest.fixture
def client(database: Path) -> Iterator[Orchestrator]:
    """Not started, in this process."""
    client = Orchestrator(database, registry=owner.registry)
    yield client
    client.stop()


def test_a_client_submits_and_the_owner_runs(database: Path, client: Orchestrator) -> None:
    """Not started, an orchestrator submits workflows to the process that owns the file, and has the results."""
    with Program("owner", database) as running:
        assert running.line() == "started"

        one = client.submit(owner.doubled(21))
        named = client.handle(client.invoke_workflow("doubled", number=1, times=10))
        many = client.submit_many(owner.doubled(number) for number in range(20))

        assert (one.result(WAIT), named.result(WAIT)) == (42, 1024)
        assert [handle.result(WAIT) for handle in many] == [2 * number for number in range(20)]
        assert client.submit(owner.doubled(4)).result(WAIT) == 8


def test_a_client_sees_where_a_workflow_stands(database: Path, client: Orchestrator) -> None:
    """A client reads status, list and history of what runs in another process, and may give up waiting."""
    with Program("owner", database) as running:
        handle = client.submit(owner.held("box"), workflow_id="box")
        assert {running.line(), running.line()} == {"started", "holding"}

        status = client.get_workflow_status("box")
        with pytest.raises(ResultTimeoutError, match="it goes on, and can be asked again"):
            handle.result(timeout=0.01)
        running.tell("release")

        assert (status["status"], status["current_activity"], status["step"]) == ("processing", "hold", 1)
        assert handle.result(WAIT) == (6, "box was held")
        assert [entry["id"] for entry in client.list_workflows("held")] == ["box"]
        assert [step.output for step in handle.history()] == [6, "box was held"]


def test_several_clients_and_one_id(database: Path, client: Orchestrator) -> None:
    """An id is one workflow for all processes: the same invocation attaches, another is refused."""
    other = Orchestrator(database, registry=owner.registry)
    client.submit(owner.doubled(1), workflow_id="only")
    with Program("owner", database) as running:
        assert running.line() == "started"
        assert other.submit(owner.doubled(number=1), workflow_id="only").result(WAIT) == 2
        with pytest.raises(WorkflowAlreadyExistsError, match="'only' belongs to another invocation"):
            other.submit(owner.doubled(2), workflow_id="only")
    other.stop()


def test_a_client_before_there_is_an_owner(database: Path, client: Orchestrator) -> None:
    """A client's submission to a file without an owner is on disk, and runs once there is one; a waiter is told."""
    handle = client.submit(owner.doubled(3))
    with pytest.raises(ResultTimeoutError, match=r"no orchestrator is started on .*: call start"):
        handle.result(timeout=0)

    with Program("owner", database):
        assert handle.result(WAIT) == 6


def test_await_on_a_client(database: Path, client: Orchestrator) -> None:
    """`await handle` works on a client, for several workflows at once, and for a wait that is cancelled."""
    handles = client.submit_many(owner.doubled(number) for number in range(5))
    never = client.submit(owner.doubled(1), delay=3600)

    async def collect() -> list[int]:
        async def one(number: int) -> int:
            return await (never if number == 5 else handles[number])

        tasks = [asyncio.ensure_future(one(number)) for number in range(6)]
        results = await asyncio.gather(*tasks[:5])
        tasks[5].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[5]
        return results

    with Program("owner", database):
        assert asyncio.run(asyncio.wait_for(collect(), WAIT)) == [0, 2, 4, 6, 8]


def test_a_second_owner_is_refused_by_name(database: Path, client: Orchestrator) -> None:
    """A second start on the file is refused with the owner's process id; that one goes on undisturbed."""
    with Program("owner", database) as first:
        handle = client.submit(owner.held("box"))
        assert {first.line(), first.line()} == {"started", "holding"}
        with Program("owner", database) as second:
            refusal = second.line()
            assert second.end() == 0
        with pytest.raises(DatabaseInUseError, match=f"process {first.pid} "):
            client.start()
        first.tell("release")

        assert refusal.startswith("in use: ")
        assert f"process {first.pid} " in refusal
        assert handle.result(WAIT) == (6, "box was held")


def test_a_start_that_fails_leaves_nothing_open(database: Path) -> None:
    """An orchestrator that could not be started holds no file open."""
    with Program("owner", database) as running:
        assert running.line() == "started"
        second = Orchestrator(database, registry=owner.registry)
        gc.collect()
        before = len(os.listdir("/dev/fd"))

        with pytest.raises(DatabaseInUseError):
            second.start()

        # Files that earlier tests left open may be closed meanwhile.
        assert len(os.listdir("/dev/fd")) <= before


def test_ownership_dies_with_the_process(database: Path, client: Orchestrator) -> None:
    """When the owner is killed, another can start at once, and goes on where the checkpoints end."""
    with Program("owner", database) as first:
        handle = client.submit(owner.held("box"))
        assert {first.line(), first.line()} == {"started", "holding"}
        first.kill()

    with Program("owner", database) as second:
        assert {second.line(), second.line()} == {"started", "holding"}
        second.tell("release")
        assert handle.result(WAIT) == (6, "box was held")
        second.tell("stop")
        assert second.line() == "stopped"
        assert second.end() == 0

    assert [step.attempt for step in handle.history()] == [1, 1]


def test_a_client_may_become_the_owner(database: Path, client: Orchestrator) -> None:
    """A client whose owner has gone may start itself; its handles go on."""
    handle = client.submit(owner.doubled(5), workflow_id="five")
    with Program("owner", database) as running:
        assert handle.result(WAIT) == 10
        later = client.submit(owner.doubled(6), delay=0.01)
        running.kill()

    with client:
        assert (later.result(WAIT), handle.result(WAIT)) == (12, 10)


@pytest.mark.parametrize(
    ("how", "status"), [("returns", 0), ("raises", 1), ("exits", 3), ("waits", 0), ("async", 0), ("hangs", 0)]
)
def test_leaving_without_stop(database: Path, how: str, status: int) -> None:
    """A program may end without `stop()`, with an activity that never ends and hundreds queued; nothing is lost."""
    with Program("leaves", database, how) as leaving:
        assert leaving.line() == "leaving"
        assert leaving.end() == status

    reader = Orchestrator(database, registry=leaves.registry)
    statuses = [entry["status"] for entry in reader.list_workflows()]
    noted = reader.list_workflows("noted")
    reader.stop()
    assert ("on the way out" in leaving.complaints) == (how == "raises")
    assert "Fatal" not in leaving.complaints
    assert "Exception in thread" not in leaving.complaints
    assert statuses.count("processing") >= 1
    assert set(statuses) <= {"processing", "done"}
    assert sorted(entry["input"]["number"] for entry in noted) == list(range(leaves.QUEUED))


def test_a_program_in_main_goes_on_after_a_kill(database: Path) -> None:
    """Activities, classes and exceptions of a script itself work, and after a kill it goes on with what it had."""
    with Program("script", database) as first:
        assert [first.line() for _ in range(3)] == ["charge o-1", "pick lamp", "waiting"]
        first.kill()

    with Program("script", database) as second:
        assert second.line() == "waiting"
        second.tell("ready")
        assert second.line() == "result (Receipt(order='o-1', cents=500), 2, 'ready')"
        assert second.end() == 0


def test_a_forked_child(database: Path) -> None:
    """A forked child may use neither its parent's orchestrator nor that file; it is told so, and harms nobody."""
    with Program("forks", database) as forks:
        inherited = [forks.line() for _ in range(4)]
        health = forks.line()
        own = [forks.line() for _ in range(2)]
        parent = forks.line()
        assert forks.end() == 0, forks.complaints

    calls = ["submit", "list", "start", "stop"]
    assert [line.split(":")[:2] for line in inherited] == [[call, " MisplacedCallError"] for call in calls]
    assert [line.split(":")[:2] for line in own] == [[f"own {call}", " DatabaseOpenError"] for call in calls[1:3]]
    assert health.startswith("health: False, None, health() was called in a forked child of the process that made this")
    assert [line for line in inherited + own if 'multiprocessing.get_context("spawn")' not in line] == []
    assert parent == "child ended with 0; parent still runs: True"
