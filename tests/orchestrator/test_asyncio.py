"""Waiting from coroutines."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.shop import (
    WAIT,
    CardDeclined,
    Gate,
    awaited,
    nap,
    total,
)
from yieldflow import (
    Flow,
    Orchestrator,
    OrchestratorStoppedError,
    Registry,
    activity,
    now,
    workflow,
)


def test_await_a_handle(store: Orchestrator) -> None:
    """`await handle` is the result, for several workflows at once and for a workflow that has ended."""
    handles = store.submit_many(total(number) for number in range(20))

    async def collect() -> tuple[list[int], int]:
        return await asyncio.gather(*handles), await handles[3]

    assert asyncio.run(asyncio.wait_for(collect(), WAIT)) == ([number + 3 for number in range(20)], 6)


def test_await_raises_the_workflow_s_own_exception(orchestrator: Orchestrator, registry: Registry) -> None:
    """`await handle` raises what `result` raises."""

    @workflow(registry=registry)
    def broken() -> Flow[None]:
        yield from now()
        raise CardDeclined("77")

    async def collect() -> None:
        await orchestrator.submit(broken())

    with pytest.raises(CardDeclined, match="77"):
        asyncio.run(asyncio.wait_for(collect(), WAIT))


def test_a_cancelled_await_leaves_the_workflow_alone(
    orchestrator: Orchestrator, registry: Registry, gate: Gate
) -> None:
    """To stop waiting is not to cancel: the workflow goes on, and can be awaited again."""

    @activity(registry=registry)
    def hold() -> str:
        gate.pass_through()
        return "held"

    @workflow(registry=registry)
    def job() -> Flow[str]:
        return (yield from hold())

    async def give_up_and_come_back() -> str:
        handle = orchestrator.submit(job())
        waiter = asyncio.ensure_future(awaited(handle))
        await asyncio.to_thread(gate.await_entry)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        gate.open()
        return await handle

    assert asyncio.run(asyncio.wait_for(give_up_and_come_back(), WAIT)) == "held"


def test_a_loop_that_closes_on_a_waiter_harms_nobody(
    orchestrator: Orchestrator, registry: Registry, gate: Gate
) -> None:
    """An event loop may close while something in it still waits for a workflow; others go on."""

    @activity(registry=registry)
    def hold() -> str:
        gate.pass_through()
        return "held"

    @workflow(registry=registry)
    def job() -> Flow[str]:
        return (yield from hold())

    handle = orchestrator.submit(job())
    waiter = awaited(handle)
    loop = asyncio.new_event_loop()
    task = loop.create_task(waiter)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    gate.open()

    assert handle.result(WAIT) == "held"
    assert orchestrator.submit(job()).result(WAIT) == "held"
    waiter.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's: it would complain of the task's end


def test_await_while_it_is_stopped(store: Orchestrator) -> None:
    """A stop is reported to those who await a workflow, as to those who wait in `result`."""
    handle = store.submit(nap())

    async def wait_and_stop() -> None:
        waiter = asyncio.ensure_future(awaited(handle))
        await asyncio.sleep(0)
        await asyncio.to_thread(store.stop)
        await waiter

    with pytest.raises(OrchestratorStoppedError, match=handle.id):
        asyncio.run(asyncio.wait_for(wait_and_stop(), WAIT))
