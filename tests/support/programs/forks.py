"""Forks while its orchestrator runs; the child tries to use that, and then one of its own: ``forks.py DATABASE``."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable

from yieldflow import DatabaseOpenError, Flow, MisplacedCallError, Orchestrator, Registry, activity, workflow

registry = Registry()


@activity(registry=registry)
def process() -> int:
    return os.getpid()


@workflow(registry=registry)
def who() -> Flow[int]:
    return (yield from process())


def attempt(what: str, call: Callable[[], object]) -> None:
    try:
        call()
        print(f"{what}: fine", flush=True)
    except (MisplacedCallError, DatabaseOpenError) as error:
        print(f"{what}: {type(error).__name__}: {error}", flush=True)


def child(inherited: Orchestrator) -> None:
    attempt("submit", lambda: inherited.submit(who()))
    attempt("list", inherited.list_workflows)
    attempt("start", inherited.start)
    attempt("stop", inherited.stop)
    health = inherited.health()
    print(f"health: {health.started}, {health.owner}, {health.failure}", flush=True)
    own = Orchestrator(sys.argv[1], registry=registry)
    attempt("own list", own.list_workflows)
    attempt("own start", own.start)


def main() -> None:
    # Python warns of forks beside threads: what a child may do is what is tried here.
    warnings.simplefilter("ignore", DeprecationWarning)
    orchestrator = Orchestrator(sys.argv[1], registry=registry)
    orchestrator.start()
    orchestrator.run(who())
    pid = os.fork()
    if pid == 0:
        child(orchestrator)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    print(f"child ended with {status}; parent still runs: {orchestrator.run(who()) == os.getpid()}", flush=True)
    orchestrator.stop()


if __name__ == "__main__":
    main()
