"""Many workflows, to be killed at any moment: ``crowd.py DATABASE FOLDER WAVE``.

It prints ``ready``, starts, adds a wave of new workflows as long as few are unfinished, waits for all, and ends. With
a WAVE of -1 it adds none. Each activity first appends a line to FOLDER/effects, and each submission, once acknowledged,
to FOLDER/acknowledged, and both are on disk before anything else happens. So what was done is known, whatever happens.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from yieldflow import Flow, Orchestrator, Registry, WorkflowInvocation, activity, gather, info, random, sleep, workflow
from yieldflow import uuid4 as draw

registry = Registry()
#: How many workflows of each kind a wave brings.
EACH = 4
#: No wave is added while so many are unfinished.
ENOUGH = 60


class Refused(Exception):
    """Lies in ``__main__`` while it runs: an `except` has to catch it after a restart, too."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def append(name: str, line: str) -> None:
    """One write of a whole line is never torn by others, and `fsync` makes it outlive everything that follows."""
    file = os.open(Path(sys.argv[2]) / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{line}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)


@activity(registry=registry)
def square(workflow_id: str, key: str, number: int) -> int:
    append("effects", f"{workflow_id} {key}")
    return number * number


@activity(registry=registry)
def refuse(workflow_id: str, key: str) -> None:
    append("effects", f"{workflow_id} {key}")
    raise Refused(key)


@activity(registry=registry)
def echo(workflow_id: str, key: str, value: tuple[str, float]) -> tuple[str, float]:
    append("effects", f"{workflow_id} {key}")
    return value


@workflow(registry=registry)
def loop(rounds: int) -> Flow[list[int]]:
    """One and the same activity, again and again."""
    me = (yield from info()).workflow_id
    values = []
    for number in range(rounds):
        values.append((yield from square(me, f"loop-{number}", number)))
    return values


@workflow(registry=registry)
def fan(width: int) -> Flow[list[int]]:
    """Many at once, and then many at once, a few at a time."""
    me = (yield from info()).workflow_id
    wide = yield from gather(*(square(me, f"wide-{number}", number) for number in range(width)))
    few = yield from gather(*(square(me, f"few-{number}", number) for number in wide), limit=2)
    return few


def branch(me: str, name: str, length: int) -> Flow[tuple[int, int]]:
    """Steps of its own, a failure that is caught, and a sleep."""
    total = caught = 0
    for number in range(length):
        total += yield from square(me, f"{name}-{number}", number)
        try:
            yield refuse(me, f"{name}-refused-{number}")
        except Refused as error:
            caught += error.key == f"{name}-refused-{number}"
            yield sleep(0.001)
    return total, caught


@workflow(registry=registry)
def branches(count: int, length: int) -> Flow[list[tuple[int, int]]]:
    me = (yield from info()).workflow_id
    return (yield from gather(*(branch(me, f"branch-{number}", length) for number in range(count))))


@workflow(registry=registry)
def choices(rounds: int) -> Flow[list[bool]]:
    """The way taken depends on chance and on failures; each has to be the same again."""
    me = (yield from info()).workflow_id
    same = []
    for number in range(rounds):
        chosen = (str((yield from draw())), (yield from random()))
        if chosen[1] < 0.5:
            same.append((yield from echo(me, f"low-{number}", chosen)) == chosen)
        else:
            try:
                yield gather(square(me, f"high-{number}", 1), refuse(me, f"high-refused-{number}"), sleep(3600))
            except Refused as error:
                same.append(error.key == f"high-refused-{number}")
    return same


def wave(number: int) -> dict[str, WorkflowInvocation[object]]:
    """The workflows of a wave, by id."""
    made: dict[str, WorkflowInvocation[object]] = {}
    for each in range(EACH):
        made[f"{number}-loop-{each}"] = loop(8)
        made[f"{number}-fan-{each}"] = fan(5)
        made[f"{number}-branches-{each}"] = branches(2, 3)
        made[f"{number}-choices-{each}"] = choices(6)
    return made


def expected(workflow_id: str) -> object:
    """What the workflow of that id has to return."""
    outputs: dict[str, object] = {
        "loop": [number**2 for number in range(8)],
        "fan": [number**4 for number in range(5)],
        "branches": [(0 + 1 + 4, 3)] * 2,
        "choices": [True] * 6,
    }
    return outputs[workflow_id.split("-")[1]]


def main() -> None:
    number = int(sys.argv[3])
    print("ready", flush=True)
    with Orchestrator(sys.argv[1], registry=registry) as orchestrator:
        unfinished = [entry["id"] for entry in orchestrator.list_workflows() if entry["status"] != "done"]
        if number >= 0 and len(unfinished) < ENOUGH:
            for workflow_id, invocation in wave(number).items():
                orchestrator.submit(invocation, workflow_id=workflow_id)
                append("acknowledged", workflow_id)
                unfinished.append(workflow_id)
        for workflow_id in unfinished:
            assert orchestrator.handle(workflow_id).result() == expected(workflow_id), workflow_id


if __name__ == "__main__":
    main()
