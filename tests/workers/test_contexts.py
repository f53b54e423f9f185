"""The context variables that an attempt sets are its own, wherever it runs."""

from __future__ import annotations

import asyncio
import decimal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, ContextVar, Token, copy_context
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from yieldflow import (
    AttemptInfo,
    Flow,
    MisplacedCallError,
    Orchestrator,
    Registry,
    Tracer,
    activity,
    activity_context,
    workflow,
)
from yieldflow.testing import real, run_workflow

registry = Registry()
customer: ContextVar[str] = ContextVar("customer", default="none")

Seen = tuple[str, int]


def serve() -> Seen:
    """Looks for what others left, and leaves traces in its context."""
    seen = look()
    customer.set("ann")
    decimal.getcontext().prec = 3
    return seen


def look() -> Seen:
    """The customer and the precision here."""
    return customer.get(), decimal.getcontext().prec


async def serve_async() -> Seen:
    """The same on the event loop, and on a thread of the loop's own executor."""
    seen = await asyncio.get_running_loop().run_in_executor(None, serve)
    assert seen == look()
    return serve()


CLEAN: Seen = ("none", 28)
EXECUTORS = ("thread", "process", "own")
SERVING: dict[str, Callable[[], Any]] = {
    name: activity(serve, name=f"serve {name}", registry=registry, executor=name) for name in EXECUTORS
}
SERVING["async"] = activity(serve_async, registry=registry)
# The thread that imports this has a decimal context from now on: an object, which copies of its context share.
decimal.getcontext()


@workflow(registry=registry)
def serving(executor: str) -> Flow[list[Seen]]:
    seen = []
    for _ in range(3):
        seen.append((yield SERVING[executor]()))
    return seen


def started_by_somebody(orchestrator: Orchestrator) -> None:
    """Starts it where variables are set, as in a request's handler."""
    customer.set("the caller's")
    decimal.getcontext().prec = 5
    orchestrator.start()


@pytest.mark.parametrize("executor", [*EXECUTORS, "async"])
def test_an_attempt_begins_with_a_clean_context(tmp_path: Path, executor: str) -> None:
    """A worker that takes the next attempt has forgotten what the one before it had set, and what its caller had."""
    with ThreadPoolExecutor(1) as own:
        # What it has done before has left its traces too.
        own.submit(serve).result()
        orchestrator = Orchestrator(tmp_path / "x.db", max_workers=1, registry=registry, executors={"own": own})
        Context().run(started_by_somebody, orchestrator)
        with orchestrator:
            assert orchestrator.run(serving(executor)) == [CLEAN] * 3


@pytest.mark.parametrize("executor", ["thread", "own", "async"])
def test_threads_that_inherit_variables_hand_none_to_an_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: str
) -> None:
    """Also where each thread begins with the variables of who starts it, as in a free-threaded Python, none is seen."""
    start = threading.Thread.start

    def inheriting(thread: threading.Thread) -> None:
        context, run = copy_context(), thread.run
        thread.run = lambda: context.run(run)  # type: ignore[method-assign]  # as that Python does
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", inheriting)
    with ThreadPoolExecutor(1) as own:
        orchestrator = Orchestrator(tmp_path / "x.db", max_workers=1, registry=registry, executors={"own": own})
        Context().run(started_by_somebody, orchestrator)
        with orchestrator:
            assert orchestrator.run(serving(executor)) == [CLEAN] * 3


class Spans(Tracer):
    """Sets the customer for as long as an attempt runs, as a tracer sets the current span."""

    def __init__(self) -> None:
        self.token: Token[str] | None = None
        self.ended: list[str] = []

    def attempt_started(self, attempt: AttemptInfo) -> None:
        self.token = customer.set(f"span {attempt.step}")

    def attempt_ended(self, attempt: AttemptInfo, error: str | None) -> None:
        self.ended.append(customer.get())
        assert self.token is not None
        customer.reset(self.token)


def test_a_tracer_sets_variables_for_the_attempt(tmp_path: Path) -> None:
    """What a tracer sets as an attempt starts holds in the attempt, can be set back at its end, and ends with it."""
    spans, registry = Spans(), Registry()

    @activity(registry=registry)
    def tell() -> str:
        return customer.get()

    @workflow(registry=registry)
    def telling() -> Flow[list[str]]:
        return [(yield tell()), (yield tell())]

    with Orchestrator(tmp_path / "x.db", max_workers=1, registry=registry, tracer=spans) as orchestrator:
        assert orchestrator.run(telling()) == ["span 0", "span 1"]
    assert spans.ended == ["span 0", "span 1"]


def test_run_workflow_begins_real_attempts_with_a_clean_context() -> None:
    """An activity that a test lets run begins as it would in production; what stands in for one is the test's own."""

    def in_the_test() -> list[Any]:
        customer.set("the test's")
        ran = run_workflow(serving("thread"), activities={SERVING["thread"]: real}).result
        stood_in = run_workflow(serving("thread"), activities={SERVING["thread"]: look}).result
        return [ran, stood_in[0], customer.get()]

    assert Context().run(in_the_test) == [[CLEAN] * 3, ("the test's", 28), "the test's"]


# ---------------------------------------------------------------------- what an attempt leaves behind

left: list[Callable[[], object]] = []


def leave() -> None:
    """Leaves something behind that runs in a copy of its context, as a thread does in a free-threaded Python."""
    left.append(partial(copy_context().run, _who_runs))


def _who_runs() -> str:
    try:
        return f"in step {activity_context().step}"
    except MisplacedCallError:
        return "in no activity"


def meet() -> object:
    """Has what was left behind run, in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(left.pop()).result()


async def leave_async() -> None:
    leave()


async def meet_async() -> object:
    return await asyncio.to_thread(left.pop())


PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    name: (
        activity(leave, name=f"leave {name}", registry=registry, executor=name),
        activity(meet, name=f"meet {name}", registry=registry, executor=name),
    )
    for name in EXECUTORS
}
PAIRS["async"] = activity(leave_async, registry=registry), activity(meet_async, registry=registry)


@workflow(registry=registry)
def leaving(executor: str) -> Flow[str]:
    leaves, meets = PAIRS[executor]
    yield leaves()
    who: str = yield meets()
    return who


@pytest.mark.parametrize("executor", PAIRS)
def test_what_an_attempt_left_behind_is_no_part_of_the_next(tmp_path: Path, executor: str) -> None:
    """A thread or task that an attempt left behind is in no activity, also where its worker makes another attempt."""
    with (
        ThreadPoolExecutor(1) as own,
        Orchestrator(
            tmp_path / "x.db", max_workers=1, max_processes=1, registry=registry, executors={"own": own}
        ) as orchestrator,
    ):
        assert orchestrator.run(leaving(executor)) == "in no activity"
