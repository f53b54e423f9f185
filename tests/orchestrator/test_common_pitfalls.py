"""Traps that other engines fall into and that no other file here is the place for: each is a promise."""

from __future__ import annotations

import threading
from pathlib import Path

from yieldflow import Flow, Orchestrator, Registry, activity, gather, workflow

registry = Registry()
MEGABYTE = "x" * 1_000_000


@activity(registry=registry)
def grow(text: str) -> str:
    return text + MEGABYTE


@workflow(registry=registry)
def heavy() -> Flow[int]:
    """A history of more than twenty megabytes."""
    text = ""
    for _ in range(5):
        text = yield from grow(text)
    return len(text)


def test_a_history_of_many_megabytes_ends_like_any_other(tmp_path: Path) -> None:
    """No size of a history that a workflow reaches step by step makes it fail or leaves it running."""
    with Orchestrator(tmp_path / "heavy.db", registry=registry) as orchestrator:
        handle = orchestrator.submit(heavy())
        assert handle.result(timeout=60) == 5_000_000
        assert handle.describe().status == "done"


def test_an_unrelated_new_workflow_leaves_those_under_way_alone(tmp_path: Path) -> None:
    """A workflow that is under way goes on after a restart with code that has another workflow beside it."""
    begun, go_on = threading.Event(), threading.Event()

    def work(value: int) -> int:
        begun.set()
        go_on.wait(60)
        return value

    def code(deployment: Registry) -> Registry:
        step = activity(work, registry=deployment)

        @workflow(registry=deployment)
        def under_way() -> Flow[int]:
            first = yield from step(1)
            second = yield from step(2)
            return first + second

        return deployment

    old, new = code(Registry()), code(Registry())

    @workflow(registry=new)
    def unrelated() -> Flow[None]:
        yield gather()

    with Orchestrator(tmp_path / "deploy.db", registry=old) as before:
        handle = before.submit(old.workflow("under_way")())
        assert begun.wait(60)
        threading.Thread(target=go_on.set).start()
    with Orchestrator(tmp_path / "deploy.db", registry=new) as after:
        assert after.handle(handle.id).result(timeout=60) == 3
