"""Run thousands of async activities at once, and await a workflow in one of them.

A plain function runs on a thread. An `async def` runs on one event loop with all the others, so it must not call what
blocks.

More: `python -m yieldflow docs executors`
"""

import asyncio
from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, activity, gather, workflow


@activity
async def ask(number: int) -> int:
    await asyncio.sleep(0.05)
    return number


@workflow
def many_questions(count: int) -> Flow[int]:
    answers = yield from gather(*(ask(number) for number in range(count)))  # all wait together
    return sum(answers)


@activity
async def ask_elsewhere(count: int) -> int:
    handle = await asyncio.to_thread(orchestrator.submit, many_questions(count))
    return await handle


@workflow
def delegate() -> Flow[int]:
    return (yield from ask_elsewhere(3))


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/questions.db") as orchestrator:
    assert orchestrator.run(many_questions(500)) == sum(range(500))
    assert orchestrator.run(delegate()) == 0 + 1 + 2
