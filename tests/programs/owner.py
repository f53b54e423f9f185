"""Owns a database and runs its workflows until it is told to stop: ``owner.py DATABASE``.

It prints ``started`` (or ``in use: ...`` and ends), and ``holding`` whenever the activity `hold` has begun; told
``release`` on stdin it lets those go on, told ``stop`` it stops.
"""

from __future__ import annotations

import sys
import threading

from yieldflow import DatabaseInUseError, Flow, Orchestrator, Registry, activity, workflow

registry = Registry()
_gate = threading.Event()


@activity(registry=registry)
def double(number: int) -> int:
    return number * 2


@activity(registry=registry)
def hold(label: str) -> str:
    print("holding", flush=True)
    _gate.wait()
    return f"{label} was held"


@workflow(registry=registry)
def doubled(number: int, times: int = 1) -> Flow[int]:
    for _ in range(times):
        number = yield from double(number)
    return number


@workflow(registry=registry)
def held(label: str) -> Flow[tuple[int, str]]:
    first = yield from double(len(label))
    return first, (yield from hold(label))


def main() -> None:
    orchestrator = Orchestrator(sys.argv[1], registry=registry)
    try:
        orchestrator.start()
    except DatabaseInUseError as error:
        print(f"in use: {error}", flush=True)
        return
    print("started", flush=True)
    for line in sys.stdin:
        if line == "release\n":
            _gate.set()
        elif line == "stop\n":
            break
    orchestrator.stop()
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
