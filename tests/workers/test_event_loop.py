"""Promises of async activities only: they share one event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import WAIT, nap, until
from yieldflow import (
    ActivityError,
    ActivityTimeoutError,
    Flow,
    MisplacedCallError,
    Orchestrator,
    OrchestratorStoppedError,
    Registry,
    RetryPolicy,
    activity,
    activity_context,
    gather,
    race,
    wait_signal,
    workflow,
)
from yieldflow.workers.daemon_pool import DaemonThreads


def test_ten_thousand_under_way_at_once(orchestrator: Orchestrator, registry: Registry) -> None:
    """Ten thousand async activities wait at once, although there are five workers; none waits for another."""
    count = 10_000
    arrived = 0
    all_there = asyncio.Event()

    @activity(registry=registry)
    async def meet(number: int) -> int:
        nonlocal arrived
        arrived += 1
        if arrived == count:
            all_there.set()
        await asyncio.wait_for(all_there.wait(), WAIT)
        return number

    @workflow(registry=registry)
    def job() -> Flow[list[int]]:
        return (yield from gather(*(meet(number) for number in range(count))))

    assert orchestrator.submit(job()).result(WAIT) == list(range(count))


def test_side_tasks_may_raise_what_ends_programs(orchestrator: Orchestrator, registry: Registry) -> None:
    """`SystemExit` in a task that an activity made ends neither the loop nor the activities beside it."""

    async def leave() -> None:
        raise SystemExit(3)

    @activity(registry=registry)
    async def careless() -> str:
        leaving = asyncio.ensure_future(leave())
        with suppress(SystemExit):
            await leaving
        return "went on"

    @activity(registry=registry)
    async def careful() -> str:
        for _ in range(10):
            await asyncio.sleep(0)
        return "undisturbed"

    @workflow(registry=registry)
    def job() -> Flow[Any]:
        return (yield from gather(careful(), careless(), careful()))

    assert orchestrator.submit(job()).result(WAIT) == ["undisturbed", "went on", "undisturbed"]


def test_an_activity_awaits_workflows(orchestrator: Orchestrator, registry: Registry) -> None:
    """An async activity may `await` a workflow that needs the same event loop, many at once, however deep."""

    @activity(registry=registry)
    async def ask_below(depth: int) -> int:
        if depth == 0:
            return 1
        handles = await asyncio.to_thread(orchestrator.submit_many, [level(depth - 1) for _ in range(4)])
        return sum(await asyncio.gather(*handles))

    @workflow(registry=registry)
    def level(depth: int) -> Flow[int]:
        return (yield from ask_below(depth))

    assert orchestrator.submit(level(3)).result(WAIT) == 64


def test_waiting_in_threads_of_the_loop(orchestrator: Orchestrator, registry: Registry) -> None:
    """A hundred activities may wait by `asyncio.to_thread(handle.result)` for workflows that need such a thread."""

    @activity(registry=registry)
    async def double(number: int) -> int:
        return await asyncio.to_thread(lambda: number * 2)

    @workflow(registry=registry)
    def inner(number: int) -> Flow[int]:
        return (yield from double(number))

    @activity(registry=registry)
    async def delegate(number: int) -> int:
        handle = await asyncio.to_thread(orchestrator.submit, inner(number))
        return await asyncio.to_thread(handle.result, WAIT)

    @workflow(registry=registry)
    def outer() -> Flow[list[int]]:
        return (yield from gather(*(delegate(number) for number in range(100))))

    assert orchestrator.submit(outer()).result(WAIT) == [2 * number for number in range(100)]


def test_a_lent_thread_that_came_back_holds_up_no_call() -> None:
    """Threads that wait for calls take the next one, also where one too many of them ends instead of taking it."""
    threads = DaemonThreads()
    lent, come_back, over = threading.Event(), threading.Event(), threading.Event()
    gate = threading.Barrier(limit := min(32, (os.cpu_count() or 1) + 4) + 1)

    def borrower() -> None:
        assert threads.release()
        lent.set()
        come_back.wait(WAIT)
        threads.take_back()
        come_back.clear()
        # For as long as it takes: a thread that comes back takes the call that is waited for below.
        over.wait()

    threads.submit(borrower)
    assert lent.wait(WAIT)
    # All others, and the one in its place: then all of these wait for calls.
    calls = [threads.submit(gate.wait, WAIT) for _ in range(limit - 1)]
    gate.wait(WAIT)
    for call in calls:
        call.result(WAIT)
    come_back.set()
    until(lambda: not come_back.is_set())

    try:
        assert threads.submit(lambda: "called").result(WAIT) == "called"
    finally:
        over.set()
        threads.shutdown()


@pytest.mark.parametrize("call", ["result", "run"])
def test_what_blocks_the_loop_is_refused(orchestrator: Orchestrator, registry: Registry, call: str) -> None:
    """In an async activity `handle.result()` and `run()` would stop all others: the error says what to write."""
    registry.add(nap)

    @activity(registry=registry)
    async def hasty(workflow_id: str) -> None:
        if call == "run":
            orchestrator.run(nap())
        orchestrator.handle(workflow_id).result()

    @workflow(registry=registry)
    def job(workflow_id: str) -> Flow[None]:
        yield hasty(workflow_id)

    handle = orchestrator.submit(job(orchestrator.submit(nap()).id))

    with pytest.raises(MisplacedCallError, match=rf"{call}\(\).* write `await handle`.*asyncio.to_thread"):
        handle.result(WAIT)
    assert len(orchestrator.list_workflows("nap")) == 1


def test_a_stop_wakes_what_awaits_a_workflow(database: Path, registry: Registry) -> None:
    """An activity that awaits a workflow hears of the stop; if it fails then, it runs again at the next start."""
    orchestrator = Orchestrator(database, registry=registry)
    registry.add(nap)
    heard: list[type[BaseException]] = []
    waits = threading.Event()

    @activity(registry=registry)
    async def patient(workflow_id: str) -> str:
        handle = await asyncio.to_thread(orchestrator.handle, workflow_id)
        if heard:
            return "again"
        waits.set()
        try:
            return str(await handle)
        except OrchestratorStoppedError as error:
            heard.append(type(error))
            raise

    @workflow(registry=registry)
    def job(workflow_id: str) -> Flow[str]:
        return (yield from patient(workflow_id))

    orchestrator.start()
    handle = orchestrator.submit(job(orchestrator.submit(nap()).id))
    assert waits.wait(WAIT)
    orchestrator.stop()

    assert (heard, handle.describe().step) == ([OrchestratorStoppedError], 0)
    with orchestrator:
        assert handle.result(WAIT) == "again"


def test_what_a_stop_leaves_is_cancelled(database: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """`stop(timeout)` cancels what still runs: it may clean up, nothing of it counts, and it runs again."""
    # The moment that it is given for that may be over on a busy machine before it is heard.
    monkeypatch.setattr("yieldflow.workers.event_loop.PATIENCE", WAIT)
    orchestrator = Orchestrator(database, registry=registry)
    calls: list[str] = []
    began = threading.Event()

    @activity(registry=registry)
    async def endless(times: int) -> str:
        calls.append("began")
        if calls.count("began") > times:
            return "done"
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            calls.append("cleaned up")
        return "never"

    @workflow(registry=registry)
    def job() -> Flow[str]:
        return (yield from endless(1))

    orchestrator.start()
    handle = orchestrator.submit(job())
    assert began.wait(WAIT)
    orchestrator.stop(timeout=0)

    assert (calls, handle.describe().step) == (["began", "cleaned up"], 0)
    with orchestrator:
        assert handle.result(WAIT) == "done"


def test_who_is_not_waited_for_is_cancelled(orchestrator: Orchestrator, registry: Registry) -> None:
    """An async activity whose branch is cancelled gets a `CancelledError` where it awaits."""
    began, ended = threading.Event(), threading.Event()

    @activity(registry=registry)
    async def endless() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set()
            raise

    @workflow(registry=registry)
    def job() -> Flow[int]:
        index, _ = yield from race(endless(), wait_signal("enough"))
        return index

    handle = orchestrator.submit(job())
    assert began.wait(WAIT)
    handle.signal("enough")

    assert handle.result(WAIT) == 1
    assert ended.wait(WAIT)


def test_who_is_to_be_waited_for_goes_on(orchestrator: Orchestrator, registry: Registry) -> None:
    """With `on_cancel="wait"` an async activity is not cancelled: it sees that it is unwanted, and ends as it likes."""
    began = threading.Event()
    found: list[bool] = []

    @activity(registry=registry, on_cancel="wait")
    async def patient() -> None:
        began.set()
        while not activity_context().cancelled:
            await asyncio.sleep(0)
        found.append(True)

    @workflow(registry=registry)
    def job() -> Flow[int]:
        index, _ = yield from race(patient(), wait_signal("enough"))
        return index

    handle = orchestrator.submit(job())
    assert began.wait(WAIT)
    handle.signal("enough")

    assert (handle.result(WAIT), found) == (1, [True])


def test_who_takes_too_long_is_cancelled_and_not_waited_for(
    database: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An async activity whose time ran out is cancelled; if it will not heed that, `stop()` waits for it no longer."""
    monkeypatch.setattr("yieldflow.workers.event_loop.PATIENCE", 0.01)
    heard, over = threading.Event(), threading.Event()
    loops: list[threading.Thread] = []

    @activity(registry=registry, timeout=0.01)
    async def stubborn() -> None:
        loops.append(threading.current_thread())
        while not over.is_set():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                heard.set()

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield stubborn()

    with Orchestrator(database, registry=registry) as orchestrator:
        handle = orchestrator.submit(job())
        with pytest.raises(ActivityTimeoutError):
            handle.result(WAIT)
        assert heard.wait(WAIT)
        [loop] = loops
        # It is given a moment, and then left to itself as a thread would be.
        orchestrator.stop()
        assert loop.is_alive()
        over.set()
        loop.join(WAIT)
        assert not loop.is_alive()


def test_an_activity_s_own_cancellation_is_a_failure(orchestrator: Orchestrator, registry: Registry) -> None:
    """An activity that ends by a `CancelledError` of its own has failed with that, as an `ActivityError`."""

    @activity(registry=registry)
    async def give_up() -> None:
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield give_up()

    with pytest.raises(ActivityError, match=r"asyncio\.exceptions\.CancelledError"):
        orchestrator.submit(job()).result(WAIT)


def test_the_context_is_each_activity_s_own(orchestrator: Orchestrator, registry: Registry) -> None:
    """`activity_context` holds for its activity across awaits, in its tasks, and in `asyncio.to_thread`."""

    def step_here() -> int:
        return activity_context().step

    async def step_in_task() -> int:
        await asyncio.sleep(0)
        return step_here()

    @activity(registry=registry)
    async def where_am_i() -> list[int]:
        await asyncio.sleep(0)
        beside = asyncio.ensure_future(step_in_task())
        return [step_here(), await beside, await asyncio.to_thread(step_here)]

    @workflow(registry=registry)
    def job() -> Flow[list[list[int]]]:
        return (yield from gather(*(where_am_i() for _ in range(20))))

    assert orchestrator.submit(job()).result(WAIT) == [[step] * 3 for step in range(20)]


def test_a_loop_that_cannot_be_had_fails_the_attempt(
    orchestrator: Orchestrator, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the system has no room for the event loop, that attempt has failed, and the next one may find some."""
    make, refusals = asyncio.new_event_loop, [OSError(24, "Too many open files")]

    def new_event_loop() -> asyncio.AbstractEventLoop:
        if refusals:
            raise refusals.pop()
        return make()

    monkeypatch.setattr(asyncio, "new_event_loop", new_event_loop)

    @activity(registry=registry, retry=RetryPolicy(initial_interval=0.001))
    async def which_attempt() -> int:
        return activity_context().attempt

    @workflow(registry=registry)
    def job() -> Flow[int]:
        return (yield from which_attempt())

    assert orchestrator.submit(job()).result(WAIT) == 2


def test_nothing_is_left_of_the_loop(database: Path, registry: Registry) -> None:
    """After `stop` no thread of the event loop is left, also where activities left tasks of their own behind."""
    left: list[Any] = []

    @activity(registry=registry)
    async def forgetful() -> None:
        left.append(asyncio.ensure_future(asyncio.Event().wait()))
        await asyncio.sleep(0)

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield forgetful()

    with Orchestrator(database, registry=registry) as orchestrator:
        orchestrator.submit(job()).result(WAIT)

    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "yieldflow-event-loop"])
    assert [task.cancelled() for task in left] == [True]


def test_an_activity_that_blocks_the_loop_is_told_of(
    orchestrator: Orchestrator, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An async activity that blocks for over a second is warned about, with where it is."""
    monkeypatch.setattr("yieldflow.workers.event_loop.LOOK", 0.1)
    told = threading.Event()
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())
            told.set()

    @activity(registry=registry)
    async def blocks() -> bool:
        return told.wait(WAIT)

    @workflow(registry=registry)
    def job() -> Flow[bool]:
        return (yield from blocks())

    listener = Listener(logging.WARNING)
    logging.getLogger("yieldflow").addHandler(listener)
    try:
        assert orchestrator.submit(job()).result(WAIT)
    finally:
        logging.getLogger("yieldflow").removeHandler(listener)
    assert said[0].startswith("an async activity has kept the event loop for over a second")
    assert "in blocks" in said[0]
