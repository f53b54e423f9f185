"""Watch a file for as long as you like, and tell of each change of its size.

    python examples/monitor.py watched.txt
    echo hello >> watched.txt                           in another terminal
    python examples/monitor.py watched.txt --stop

Every so many checks the workflow continues as new: it begins again with an empty history, and with what it knows as its
arguments. So its history stays short. Kill it and run the same line again: it goes on with what it knew.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TypedDict

from yieldflow import (
    Flow,
    Orchestrator,
    ResultTimeoutError,
    WorkflowHandle,
    YieldflowError,
    activity,
    continue_as_new,
    race,
    set_progress,
    sleep,
    wait_signal,
    workflow,
)


class Seen(TypedDict):
    """What the monitor knows: it is handed on from run to run."""

    checks: int
    changes: int
    #: Bytes at the last check; None where there was no such file.
    size: int | None


@activity
def size_of(file: str) -> int | None:
    """How large the file is now."""
    try:
        return os.stat(file).st_size
    except FileNotFoundError:
        return None


@activity
def report(file: str, before: int | None, after: int | None) -> None:
    """Tell of a change; a real monitor would send a message."""
    print(f"{file}: {in_words(before)} -> {in_words(after)}", flush=True)


@workflow
def monitor(file: str, every: float, checks_per_run: int, seen: Seen | None = None) -> Flow[Seen]:
    """Check now and then, until somebody sends the signal."""
    if seen is None:
        seen = Seen(checks=0, changes=0, size=(yield from size_of(file)))
    for _ in range(checks_per_run):
        size = yield from size_of(file)
        changed = size != seen["size"]
        if changed:
            yield from report(file, seen["size"], size)
        seen = Seen(checks=seen["checks"] + 1, changes=seen["changes"] + changed, size=size)
        yield set_progress(seen)
        match (yield from race(wait_signal("stop"), sleep(every))):
            case (0, _):
                return seen
    return (yield from continue_as_new(monitor(file, every, checks_per_run, seen)))


def in_words(size: int | None) -> str:
    """A size as it is shown."""
    return "no file" if size is None else f"{size:,} bytes"


def follow(handle: WorkflowHandle[Seen]) -> Seen:
    """Wait for the end, and show on the terminal where the monitor is."""
    while True:
        try:
            seen = handle.result(timeout=0.5)
        except ResultTimeoutError:
            status = handle.describe()
            show(f"run {status.run}: {status.progress}")
        else:
            show("")
            return seen


def show(line: str) -> None:
    """Write ``line`` over the terminal's last one."""
    if sys.stderr.isatty():
        print(f"\r{line}\x1b[K", end="\r", file=sys.stderr, flush=True)


def main() -> None:
    """Watch, or have the monitor stop."""
    parser = argparse.ArgumentParser(description="Watch a file, and tell of each change of its size.")
    parser.add_argument("file", nargs="?", default="watched.txt", help="what to watch (default: %(default)s)")
    parser.add_argument("--every", type=float, default=1, help="seconds between two checks (default: %(default)s)")
    parser.add_argument("--checks-per-run", type=int, default=20, help="checks in a run (default: %(default)s)")
    parser.add_argument("--stop", action="store_true", help="have the monitor of this file end")
    parser.add_argument("--db", default="monitor.db", help="the database (default: %(default)s)")
    arguments = parser.parse_args()

    orchestrator = Orchestrator(arguments.db)
    if arguments.stop:
        # Not started it is a client: whoever runs the monitor takes the signal in, now or later.
        orchestrator.handle(arguments.file).signal("stop")
        return
    # What has ended makes room, so that after its end the same line begins anew.
    if os.path.exists(arguments.db):
        orchestrator.purge()
    job = monitor(arguments.file, arguments.every, arguments.checks_per_run)
    with orchestrator:
        seen = follow(orchestrator.submit(job, workflow_id=arguments.file))
    print(f"{arguments.file}: {seen['checks']:,} checks, {seen['changes']:,} changes, now {in_words(seen['size'])}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("monitor: stopped; run the same line again to go on")
    except (OSError, ValueError, YieldflowError) as error:
        sys.exit(f"monitor: {error}")
