"""Shared by the tests of the orchestrator: some workflows, and gates to hold things up by.

Whatever has to happen in an order is held up by a `Gate`, and no wait is endless: it fails after `WAIT` seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from yieldflow import (
    Flow,
    Orchestrator,
    OrchestratorStoppedError,
    Registry,
    WorkflowHandle,
    activity,
    info,
    sleep,
    workflow,
)
from yieldflow._core.history import Micros
from yieldflow.clock import Clock as SystemClock
from yieldflow.testing.plugin import Clock

#: Seconds after which a wait has failed. What is waited for takes a moment, on a slow machine some seconds.
WAIT = 120.0

shop = Registry()


@activity(registry=shop)
def add(one: int, other: int) -> int:
    return one + other


@workflow(registry=shop)
def total(start: int, count: int = 3) -> Flow[int]:
    """One and the same activity, again and again."""
    result = start
    for number in range(count):
        result = yield from add(result, number)
    return result


@workflow(registry=shop)
def nap() -> Flow[str]:
    """Never ends while a test runs."""
    yield sleep(timedelta(days=1))
    return "rested"


@workflow(registry=shop)
def greet(name: str) -> Flow[str]:
    me = yield from info()
    return f"hello {name} from {me.name}"


@dataclass
class Point:
    x: int
    y: int


class CardDeclined(Exception):
    def __init__(self, card: str, code: int = 51) -> None:
        super().__init__(card, code)
        self.card = card
        self.code = code

    def __str__(self) -> str:
        return f"card {self.card} was declined with code {self.code}"


class Unpicklable(Exception):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.guard = threading.Lock()

    def __reduce__(self) -> str:
        raise TypeError("not this one")


class OwnInit(Exception):
    """As many in the wild: what it is built from is not what it hands to its base."""

    def __init__(self, order: str, *, cents: int) -> None:
        super().__init__(f"order {order} lacks {cents} cents")
        self.order = order


class Gate:
    """Holds activities up until the test lets them go."""

    def __init__(self) -> None:
        self._entered = threading.Semaphore(0)
        self._opened = threading.Event()

    def pass_through(self) -> None:
        self._entered.release()
        assert self._opened.wait(WAIT), "the test never opened the gate"

    def await_entry(self) -> None:
        assert self._entered.acquire(timeout=WAIT), "nobody came to the gate"

    def open(self) -> None:
        self._opened.set()


class Held:
    """A workflow whose activity waits at the gate, and one whose activity opens it when it hears of the stop."""

    def __init__(self, orchestrator: Orchestrator, registry: Registry, gate: Gate) -> None:
        self.begun: list[int] = []

        @activity(registry=registry)
        def hold(number: int) -> int:
            self.begun.append(number)
            gate.pass_through()
            return number * 10

        @workflow(registry=registry)
        def job(number: int) -> Flow[int]:
            return (yield from hold(number)) + 1

        @activity(registry=registry)
        def watch_over(workflow_id: str) -> object:
            try:
                return orchestrator.handle(workflow_id).result(WAIT)
            except OrchestratorStoppedError:
                gate.open()
                raise

        @workflow(registry=registry)
        def guard(workflow_id: str) -> Flow[object]:
            return (yield from watch_over(workflow_id))

        self.job = job
        self.guard = guard


class Declined(Exception):
    pass


class OrderFailed(Exception):
    pass


class Works:
    """An activity that does what it is told, unless that is broken; and what it did."""

    def __init__(self, registry: Registry) -> None:
        self.done: list[str] = []
        self.broken: set[str] = set()

        @activity(registry=registry)
        def do(what: str) -> str:
            if what in self.broken:
                raise Declined(f"no {what}")
            self.done.append(what)
            return what

        self.do = do


def failed(orchestrator: Orchestrator, invocation: Any, error: type[BaseException] = Declined) -> WorkflowHandle[Any]:
    """A workflow that has failed so."""
    handle = orchestrator.submit(invocation)
    with pytest.raises(error):
        handle.result(WAIT)
    return handle


class Moved(SystemClock):
    """The clocks of this machine, of which a test says that more time has passed, or that one was set."""

    def __init__(self) -> None:
        #: So much more time has passed,
        self.passed: Micros = 0
        #: and by so much the system's clock was set forward.
        self.set: Micros = 0

    def now(self) -> Micros:
        return super().now() + self.passed + self.set

    def monotonic(self) -> Micros:
        return super().monotonic() + self.passed

    def boottime(self) -> Micros:
        return super().boottime() + self.passed


class Told(SystemClock):
    """Clocks that show what a test says, all the same.

    Args:
        moment: Returns it.
    """

    def __init__(self, moment: Callable[[], Micros]) -> None:
        self._moment = moment

    def now(self) -> Micros:
        return self._moment()

    def monotonic(self) -> Micros:
        return self._moment()

    def boottime(self) -> Micros:
        return self._moment()


def told_the_time(orchestrator: Orchestrator, clock: SystemClock) -> Orchestrator:
    """The same, not started yet, with another clock."""
    orchestrator._gateway.settings = replace(orchestrator._gateway.settings, clock=clock)
    return orchestrator


def by_the_clock(orchestrator: Orchestrator, clock: Clock) -> Orchestrator:
    """The same, not started yet, with a time that the test moves on."""
    clock.drives(lambda: orchestrator._gateway.session)
    return told_the_time(orchestrator, clock)


def until(holds: Callable[[], object]) -> None:
    """Look again and again until something is so that nobody tells of."""
    deadline = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"


def until_waiting(handle: WorkflowHandle[Any], name: str) -> None:
    """Look until a workflow waits for what has this name."""
    until(lambda: any(waiting.name == name for waiting in handle.describe().waiting_for))


def in_threads(count: int, call: Callable[[int], Any]) -> list[Any]:
    """Call ``call`` in that many threads that begin together; returns what each returned or raised."""
    together = threading.Barrier(count)

    def attempt(number: int) -> Any:
        together.wait(WAIT)
        try:
            return call(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return [future.result(WAIT) for future in [pool.submit(attempt, number) for number in range(count)]]


async def awaited(handle: WorkflowHandle[Any]) -> Any:
    return await handle
