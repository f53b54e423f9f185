"""Owns a database and has an activity start a process that outlives this one: ``parent.py DATABASE HOW``.

``HOW`` is ``subprocess`` or ``fork``, in an activity on a thread, or ``worker``: a subprocess of a worker process. It
prints ``started``, and ``child`` with the process id.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings

from yieldflow import Flow, Orchestrator, Registry, activity, workflow

registry = Registry()


def beget() -> int:
    """Start a process with all descriptors, and with no share in the pipes that the test reads to their end."""
    asleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    null = subprocess.DEVNULL
    return subprocess.Popen(asleep, close_fds=False, stdin=null, stdout=null, stderr=null).pid


def split() -> int:
    # Python warns of forks beside threads: what a child keeps is what is tried here.
    warnings.simplefilter("ignore", DeprecationWarning)
    child = os.fork()
    if child == 0:
        for descriptor in range(3):
            os.close(descriptor)
        while True:
            signal.pause()
    return child


@activity(registry=registry)
def on_thread(how: str) -> int:
    child = split() if how == "fork" else beget()
    print("child", child, flush=True)
    time.sleep(600)
    return child


@activity(registry=registry, executor="process")
def in_worker(how: str) -> int:
    print("child", beget(), flush=True)
    time.sleep(600)
    return 0


@workflow(registry=registry)
def parent(how: str) -> Flow[int]:
    return (yield from (in_worker(how) if how == "worker" else on_thread(how)))


def main() -> None:
    with Orchestrator(sys.argv[1], registry=registry) as orchestrator:
        print("started", flush=True)
        orchestrator.run(parent(sys.argv[2]))


if __name__ == "__main__":
    main()
