"""Activities in one kind of place: on threads, the event loop, in processes, in executors that were handed over."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.tasks import WAIT
from yieldflow import Activity, Flow, Orchestrator, Registry, activity, workflow


class Place:
    """Makes activities that run in one kind of place, and orchestrators for them."""

    def __init__(self, kind: str, database: Path, given: dict[str, Executor]) -> None:
        self.kind = kind
        self.registry = Registry()
        self._database = database
        self._given = given

    def activity(self, fn: Callable[..., Any], blocks: bool = False, **options: Any) -> Activity[..., Any]:
        """An activity of a plain function; ``blocks`` where it waits for the test."""
        options["registry"] = self.registry
        if self.kind != "async":
            return activity(fn, executor=self.kind, **options)

        @functools.wraps(fn)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            return await asyncio.to_thread(fn, *args, **kwargs) if blocks else fn(*args, **kwargs)

        return activity(wrapped, **options)

    def workflow(self, fn: Any) -> Any:
        """A workflow beside them."""
        return workflow(registry=self.registry)(fn)

    def orchestrator(self, workers: int = 4) -> Orchestrator:
        """One that has so many workers of each kind."""
        return Orchestrator(
            self._database, workers, registry=self.registry, executors=self._given, max_processes=min(workers, 2)
        )

    def run(self, definition: Activity[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run an activity as the only step of a workflow, and return its result."""

        @self.workflow
        def only_step() -> Flow[Any]:
            return (yield from definition(*args, **kwargs))

        with self.orchestrator() as orchestrator:
            return orchestrator.submit(only_step()).result(WAIT)


@contextmanager
def narrow(kind: str, folder: Path) -> Iterator[Place]:
    """A place of its own, whose executors run one thing at a time."""
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(1) as threads, ProcessPoolExecutor(1, spawn) as processes:
        yield Place(kind, folder / "workflows.db", {"given threads": threads, "given processes": processes})
