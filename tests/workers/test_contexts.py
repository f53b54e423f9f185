"""The context variables that an attempt sets are its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path

import pytest

from yieldflow import Flow, Orchestrator, Registry, activity, workflow

registry = Registry()
customer: ContextVar[str] = ContextVar("customer", default="none")


def serve() -> None:
    """Leaves a trace in its context."""
    customer.set("ann")


def look() -> str:
    """Looks for the trace."""
    return customer.get()


EXECUTORS = ("thread", "process", "own")
SERVING = {name: activity(serve, name=f"serve {name}", registry=registry, executor=name) for name in EXECUTORS}
LOOKING = {name: activity(look, name=f"look {name}", registry=registry, executor=name) for name in EXECUTORS}


@workflow(registry=registry)
def serving(executor: str) -> Flow[str]:
    yield SERVING[executor]()
    return (yield from LOOKING[executor]())


@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_attempt_begins_with_a_clean_context(tmp_path: Path, executor: str) -> None:
    """A worker that takes the next attempt has forgotten what the one before it had set."""
    with (
        ThreadPoolExecutor(1) as own,
        Orchestrator(tmp_path / "x.db", max_workers=1, registry=registry, executors={"own": own}) as orchestrator,
    ):
        assert orchestrator.run(serving(executor)) == "none"
