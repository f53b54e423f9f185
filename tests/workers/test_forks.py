"""Children that activities fork: each exits as a program of its own would, and none goes on as a worker."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.tasks import WAIT
from yieldflow import Flow, Orchestrator, Registry, activity, gather, workflow

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning"),
]

#: What a child does, and the exit code that Python gives it.
ENDS = {"returns": 0, "raises": 1, "exits": 7, "exits with text": 1, "exits with nothing": 0, "is interrupted": 1}


def end(how: str) -> None:
    print(f"the child {how}")
    if how == "raises":
        raise ValueError("the child failed")
    if how == "is interrupted":
        raise KeyboardInterrupt
    if how.startswith("exits"):
        codes: dict[str, str | int] = {"exits": 7, "exits with text": "the child gave up"}
        sys.exit(codes.get(how))


def exit_code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fork(how: str) -> int:
    sys.stdout.flush()
    child = os.fork()
    if child:
        return exit_code(child)
    end(how)
    return -1


async def fork_on_the_loop(how: str) -> int:
    return fork(how)


async def fork_beside_the_loop(how: str) -> int:
    return await asyncio.to_thread(fork, how)


def fork_by_multiprocessing(how: str) -> int:
    process = multiprocessing.get_context("fork").Process(target=end, args=(how,))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


registry = Registry()
spawn = multiprocessing.get_context("spawn")
PLACES: dict[str, tuple[Callable[[str], Any], dict[str, Any]]] = {
    "thread": (fork, {}),
    "process": (fork, {"executor": "process"}),
    "given threads": (fork, {"executor": "given threads"}),
    "given processes": (fork, {"executor": "given processes"}),
    "event loop": (fork_on_the_loop, {}),
    "to_thread": (fork_beside_the_loop, {}),
    "multiprocessing": (fork_by_multiprocessing, {}),
}
FORKING = {
    place: activity(function, name=place, registry=registry, **options) for place, (function, options) in PLACES.items()
}


@workflow(registry=registry)
def forking(place: str) -> Flow[list[int]]:
    codes = []
    for how in ENDS:
        codes.append((yield from FORKING[place](how)))
    return codes


@pytest.mark.parametrize("place", PLACES)
def test_a_child_exits_as_a_program_does(tmp_path: Path, capfd: pytest.CaptureFixture[str], place: str) -> None:
    """What a child raises is shown, and its exit code is 1; `sys.exit` gives its own; what it printed is seen."""
    with ThreadPoolExecutor(1) as threads, ProcessPoolExecutor(1, mp_context=spawn) as processes:
        executors: dict[str, Executor] = {"given threads": threads, "given processes": processes}
        with Orchestrator(tmp_path / "x.db", registry=registry, executors=executors) as orchestrator:
            assert orchestrator.submit(forking(place)).result(WAIT) == list(ENDS.values())
    out, err = capfd.readouterr()
    assert [line for line in out.splitlines() if line.startswith("the child")] == [f"the child {how}" for how in ENDS]
    assert "ValueError: the child failed\n" in err
    assert "in end\n" in err
    assert "the child gave up\n" in err


def test_a_child_on_the_event_loop_runs_nothing_of_others(tmp_path: Path, registry: Registry) -> None:
    """A child that comes to an `await` ends there, and takes not one step of another activity."""
    pids: list[int] = []
    steps, writer = os.pipe()

    @activity(registry=registry)
    async def beside() -> None:
        while not pids:
            os.write(writer, b"%d\n" % os.getpid())
            await asyncio.sleep(0)

    @activity(registry=registry)
    async def forks() -> int:
        for _ in range(3):
            await asyncio.sleep(0)
        child = os.fork()
        if child:
            pids.append(child)
            return exit_code(child)
        await asyncio.sleep(0)
        await asyncio.sleep(WAIT)
        return 0

    @workflow(registry=registry)
    def job() -> Flow[int]:
        _, code, _ = yield from gather(beside(), forks(), beside())
        return code

    with Orchestrator(tmp_path / "x.db", registry=registry) as orchestrator:
        assert orchestrator.submit(job()).result(WAIT) == 1
    os.close(writer)
    with os.fdopen(steps) as lines:
        assert {int(line) for line in lines} == {os.getpid()}


def test_a_child_of_a_workflow_is_no_scheduler(
    tmp_path: Path, registry: Registry, capfd: pytest.CaptureFixture[str]
) -> None:
    """A child that workflow code forks ends before it writes anything, and says what to do instead."""

    @activity(registry=registry)
    def ends(child: int) -> int:
        return exit_code(child)

    @workflow(registry=registry)
    def job() -> Flow[int]:
        child = os.fork()
        return (yield from ends(child))

    with Orchestrator(tmp_path / "x.db", registry=registry) as orchestrator:
        assert orchestrator.submit(job()).result(WAIT) == 1
    assert "a workflow forked" in capfd.readouterr().err
