"""A script that starts its orchestrator wherever it is imported: ``unguarded.py DATABASE``."""

from __future__ import annotations

import sys

from yieldflow import Flow, Orchestrator, RetryPolicy, WorkerDiedError, activity, gather, workflow


@activity(executor="process", retry=RetryPolicy(initial_interval=0.001))
def add_one(number: int) -> int:
    return number + 1


@workflow
def job() -> Flow[list[int]]:
    return (yield from gather(*(add_one(number) for number in range(100))))


with Orchestrator(sys.argv[1], max_processes=2) as orchestrator:
    try:
        orchestrator.submit(job()).result(60)
    except WorkerDiedError as error:
        print(error, flush=True)
