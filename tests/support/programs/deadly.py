"""Workflows that take the process down whenever they are at work, among others: ``deadly.py DATABASE CULPRIT...``.

It ends with status 1 wherever one of the culprits got its way, and with 0 once all others are done and those stalled.
"""

from __future__ import annotations

import os
import sys

from yieldflow import Flow, Orchestrator, Registry, WorkflowStalledError, activity, gather, workflow

registry = Registry()
BYSTANDERS = 12


@activity(registry=registry)
def die() -> None:
    os._exit(1)


@activity(registry=registry)
def add(one: int, other: int) -> int:
    return one + other


@workflow(registry=registry)
def deadly_activity() -> Flow[None]:
    yield add(1, 2)
    yield die()


@workflow(registry=registry)
def deadly_code() -> Flow[None]:
    yield add(1, 2)
    os._exit(1)


@workflow(registry=registry)
def deadly_start() -> Flow[None]:
    os._exit(1)
    yield add(1, 2)


@workflow(registry=registry)
def bystander(number: int) -> Flow[int]:
    for each in range(5):
        number = yield from add(number, each)
    return sum((yield from gather(add(number, 0), add(number, 1))))


def main() -> None:
    orchestrator = Orchestrator(sys.argv[1], max_workers=2, registry=registry, max_recovery_attempts=3)
    # On disk before any of it begins: of one that kills the process in its first turn nothing would be known else,
    # where none of the others is on trial any more.
    handles = [
        orchestrator.submit(bystander(number), workflow_id=f"bystander-{number}") for number in range(BYSTANDERS)
    ]
    culprits = [orchestrator.submit(registry.workflow(name)(), workflow_id=name) for name in sys.argv[2:]]
    with orchestrator:
        for handle in handles:
            handle.result(60)
        for culprit in culprits:
            try:
                culprit.result(60)
            except WorkflowStalledError as error:
                print(error, flush=True)


if __name__ == "__main__":
    main()
