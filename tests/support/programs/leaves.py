"""Ends without `stop()`, while an activity blocks for ever and hundreds are queued: ``leaves.py DATABASE HOW``.

HOW is ``returns``, ``raises``, ``exits``, ``waits`` (in `result()`, in an activity), ``async`` (in `asyncio.to_thread`)
or ``hangs`` (in a workflow).
"""

from __future__ import annotations

import asyncio
import sys
import threading

from yieldflow import Flow, Orchestrator, Registry, activity, sleep, workflow

registry = Registry()
QUEUED = 600
_begun = threading.Event()
_waits = threading.Event()
_hangs = threading.Event()


@activity(registry=registry)
def block() -> None:
    _begun.set()
    threading.Event().wait()


@activity(registry=registry)
async def block_in_thread() -> None:
    await asyncio.to_thread(block.fn)


@activity(registry=registry)
def note(number: int) -> int:
    return number


@workflow(registry=registry)
def blocked() -> Flow[None]:
    yield block()


@workflow(registry=registry)
def blocked_in_thread() -> Flow[None]:
    yield block_in_thread()


@workflow(registry=registry)
def noted(number: int) -> Flow[int]:
    return (yield from note(number))


def main() -> None:
    how = sys.argv[2]
    orchestrator = Orchestrator(sys.argv[1], max_workers=2 if how == "waits" else 1, registry=registry)

    @activity(registry=registry)
    def wait(workflow_id: str) -> None:
        _waits.set()
        orchestrator.handle(workflow_id).result()

    @workflow(registry=registry)
    def waiting(workflow_id: str) -> Flow[None]:
        yield wait(workflow_id)

    @workflow(registry=registry)
    def hanging() -> Flow[None]:
        yield sleep(0)
        _hangs.set()
        threading.Event().wait()

    orchestrator.start()
    last = orchestrator.submit(blocked_in_thread() if how == "async" else blocked())
    if how == "waits":
        orchestrator.submit(waiting(last.id))
        _waits.wait()
    _begun.wait()
    orchestrator.submit_many(noted(number) for number in range(QUEUED))
    if how == "hangs":
        orchestrator.submit(hanging())
        _hangs.wait()
    print("leaving", flush=True)
    if how == "raises":
        raise RuntimeError("on the way out")
    if how == "exits":
        sys.exit(3)


if __name__ == "__main__":
    main()
