"""Owns a database whose workflows wait for what others do, until it is told to stop: ``desk.py DATABASE``.

It prints ``started``, and ``stopped`` when it was told ``stop`` on stdin; told ``cpu``, the seconds of processor time
that it has used.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from yieldflow import Flow, Orchestrator, Registry, activity, gather, sleep, wait_signal, workflow

registry = Registry()


@activity(registry=registry)
def note(label: str) -> str:
    return f"noted {label}"


@activity(registry=registry)
def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


@workflow(registry=registry)
def approval(count: int = 1) -> Flow[list[object]]:
    """Returns the payloads of that many signals."""
    received = []
    for _ in range(count):
        received.append((yield from wait_signal("approve")))
    return received


@workflow(registry=registry)
def reading(path: str) -> Flow[str]:
    """Fails where the file is missing."""
    label = yield from note("first")
    return label + ", " + (yield from read(path))


@workflow(registry=registry)
def waiting() -> Flow[str]:
    """Sleeps a day beside a signal."""
    yield gather(sleep(timedelta(days=1)), wait_signal("approve"))
    return "rested"


@workflow(registry=registry)
def collecting() -> Flow[list[Any]]:
    """Returns what it is sent, until that is None."""
    items = []
    while (item := (yield from wait_signal("item"))) is not None:
        items.append(item)
    return items


@workflow(registry=registry)
def labelled(label: str, number: int) -> Flow[str]:
    return (yield from note(f"{label} {number}"))


def main() -> None:
    with Orchestrator(sys.argv[1], registry=registry):
        print("started", flush=True)
        for line in sys.stdin:
            if line == "cpu\n":
                print(time.process_time(), flush=True)
            elif line == "stop\n":
                break
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
