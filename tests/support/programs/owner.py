"""Owns a database and runs its workflows until it is told to stop: ``owner.py DATABASE [wait]``.

It prints ``started`` (or ``in use: ...`` and ends; with ``wait``, ``standing by: ...``, and waits), and ``holding``
whenever the activity `hold` has begun; told ``release`` on stdin it lets those go on, told ``stop`` it stops.
"""

from __future__ import annotations

import logging
import os
import sys
import threading

from yieldflow import DatabaseInUseError, Flow, Orchestrator, Registry, activity, workflow

registry = Registry()
_gate = threading.Event()


def say(line: str) -> None:
    """Print a line in one piece: the activities do so on threads of their own, and `print` writes its end apart."""
    os.write(1, f"{line}\n".encode())


@activity(registry=registry)
def double(number: int) -> int:
    return number * 2


@activity(registry=registry)
def hold(label: str) -> str:
    say("holding")
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


def show_standing_by(record: logging.LogRecord) -> bool:
    if record.msg.startswith("standing by"):
        say(record.getMessage())
    return True


def main() -> None:
    logging.getLogger("yieldflow").setLevel(logging.INFO)
    logging.getLogger("yieldflow").addFilter(show_standing_by)
    orchestrator = Orchestrator(sys.argv[1], registry=registry)
    try:
        orchestrator.start(wait="wait" in sys.argv)
    except KeyboardInterrupt:
        say("gave up")
        return
    except DatabaseInUseError as error:
        say(f"in use: {error}")
        return
    say("started")
    for line in sys.stdin:
        if line == "release\n":
            _gate.set()
        elif line == "stop\n":
            break
    orchestrator.stop()
    say("stopped")


if __name__ == "__main__":
    main()
