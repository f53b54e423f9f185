"""Activities on threads: their arguments, results and exceptions, and the threads they run on."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import (
    WAIT,
    CardDeclined,
    OwnInit,
    Point,
    Unpicklable,
    awaited,
)
from yieldflow import (
    ActivityError,
    Cancelled,
    EncodingError,
    Flow,
    Orchestrator,
    Registry,
    WorkflowHandle,
    activity,
    gather,
    now,
    workflow,
)


def test_as_many_at_once_as_there_are_workers(database: Path, registry: Registry) -> None:
    """`max_workers` activities run at once, and never more."""
    three = threading.Barrier(3)
    running = threading.Semaphore(3)

    @activity(registry=registry)
    def meet(number: int) -> int:
        assert running.acquire(blocking=False), "a fourth one runs"
        three.wait(WAIT)
        running.release()
        three.wait(WAIT)
        return number

    @workflow(registry=registry)
    def job() -> Flow[list[int]]:
        return (yield from gather(*(meet(number) for number in range(12))))

    with Orchestrator(database, max_workers=3, registry=registry) as orchestrator:
        assert orchestrator.submit(job()).result(WAIT) == list(range(12))


def test_activities_that_wait_for_workflows_lend_their_place(
    database: Path, orchestrator: Orchestrator, registry: Registry
) -> None:
    """Five activities that wait in `result()` on five workers do not lock up: others work in their place."""
    all_five = threading.Barrier(5)

    @activity(registry=registry)
    def add_one(number: int) -> int:
        return number + 1

    @workflow(registry=registry)
    def inner(number: int) -> Flow[int]:
        return (yield from add_one(number))

    @activity(registry=registry)
    def delegate(number: int) -> int:
        all_five.wait(WAIT)
        handle = orchestrator.submit(inner(number))
        assert orchestrator.get_workflow_status(handle.id)["name"] == "inner"
        return handle.result(WAIT)

    @workflow(registry=registry)
    def outer(number: int) -> Flow[int]:
        return (yield from delegate(number))

    handles = orchestrator.submit_many(outer(number) for number in range(10))

    assert [handle.result(WAIT) for handle in handles] == list(range(1, 11))


@pytest.mark.parametrize("way", ["result", "run", "await"])
def test_waiting_two_deep_on_one_worker(database: Path, registry: Registry, way: str) -> None:
    """An activity may wait for a workflow whose activity waits for a workflow, on a single worker, in every way."""

    orchestrator = Orchestrator(database, max_workers=1, registry=registry)

    def ask(depth: int) -> Any:
        if way == "run":
            return orchestrator.run(level(depth))
        handle = orchestrator.submit(level(depth))
        return asyncio.run(asyncio.wait_for(awaited(handle), WAIT)) if way == "await" else handle.result(WAIT)

    @activity(registry=registry)
    def wait_below(depth: int) -> int:
        return 0 if depth == 0 else ask(depth - 1) + 1

    @workflow(registry=registry)
    def level(depth: int) -> Flow[int]:
        return (yield from wait_below(depth))

    with orchestrator:
        assert orchestrator.submit(level(3)).result(WAIT) == 3
        assert orchestrator.submit(level(3)).result(WAIT) == 3


def test_an_activity_may_wait_for_many_at_once(database: Path, registry: Registry) -> None:
    """An activity that awaits a hundred workflows together lends one place, and has them all."""
    orchestrator = Orchestrator(database, max_workers=1, registry=registry)

    @activity(registry=registry)
    def add_one(number: int) -> int:
        return number + 1

    @workflow(registry=registry)
    def inner(number: int) -> Flow[int]:
        return (yield from add_one(number))

    async def collect(handles: list[WorkflowHandle[int]]) -> list[int]:
        return await asyncio.wait_for(asyncio.gather(*handles), WAIT)

    @activity(registry=registry)
    def spread() -> tuple[list[int], int]:
        results = asyncio.run(collect(orchestrator.submit_many(inner(number) for number in range(100))))
        return results, sum(thread.name.startswith("yieldflow-worker") for thread in threading.enumerate())

    @workflow(registry=registry)
    def outer() -> Flow[tuple[list[int], int]]:
        return (yield from spread())

    with orchestrator:
        results, threads = orchestrator.submit(outer()).result(WAIT)

    assert results == list(range(1, 101))
    assert threads <= 2


def test_an_activity_may_wait_for_one_after_another(database: Path, registry: Registry) -> None:
    """An activity that awaits workflows again and again, also when they are done, does not leave a thread for each."""
    orchestrator = Orchestrator(database, max_workers=1, registry=registry)

    @workflow(registry=registry)
    def inner() -> Flow[int]:
        yield from now()
        return 1

    async def collect(handle: WorkflowHandle[int]) -> int:
        return sum([await handle for _ in range(50)])

    @activity(registry=registry)
    def again() -> tuple[int, int]:
        total = asyncio.run(collect(orchestrator.submit(inner())))
        return total, sum(thread.name.startswith("yieldflow-worker") for thread in threading.enumerate())

    @workflow(registry=registry)
    def outer() -> Flow[tuple[int, int]]:
        return (yield from again())

    with orchestrator:
        total, threads = orchestrator.submit(outer()).result(WAIT)

    assert total == 50
    assert threads <= 2


def test_waiting_on_another_orchestrator_lends_the_place_too(
    database: Path, tmp_path: Path, registry: Registry
) -> None:
    """An activity may wait on a second orchestrator, or a client of its own file, on a single worker."""

    @activity(registry=registry)
    def add_one(number: int) -> int:
        return number + 1

    @workflow(registry=registry)
    def inner(number: int) -> Flow[int]:
        return (yield from add_one(number))

    @activity(registry=registry)
    def through_a_client(number: int) -> int:
        client = Orchestrator(database, registry=registry)
        try:
            return client.submit(inner(number)).result(WAIT)
        finally:
            client.stop()

    @workflow(registry=registry)
    def outer(number: int) -> Flow[int]:
        return (yield from through_a_client(number))

    with Orchestrator(database, max_workers=1, registry=registry) as orchestrator:
        assert orchestrator.submit(outer(1)).result(WAIT) == 2


@pytest.mark.parametrize(
    ("raised", "type_name"),
    [
        (SystemExit(3), "builtins.SystemExit"),
        (KeyboardInterrupt(), "builtins.KeyboardInterrupt"),
        (StopIteration(1), "builtins.StopIteration"),
        (StopAsyncIteration(), "builtins.StopAsyncIteration"),
        (GeneratorExit(), "builtins.GeneratorExit"),
        (Unpicklable("no"), "tests.support.shop.Unpicklable"),
        (asyncio.CancelledError(), "asyncio.exceptions.CancelledError"),
        (Cancelled(), "yieldflow._core.errors.Cancelled"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_exceptions_that_arrive_as_activity_error(
    orchestrator: Orchestrator, registry: Registry, raised: BaseException, type_name: str
) -> None:
    """An exception that may not enter a workflow, or cannot be built again, arrives as a named `ActivityError`."""

    @activity(registry=registry)
    def fail() -> None:
        raise raised

    @activity(registry=registry)
    def recover() -> str:
        return "recovered"

    @workflow(registry=registry)
    def job() -> Flow[tuple[str, str]]:
        try:
            yield fail()
        except ActivityError as error:
            return error.type_name, (yield from recover())
        return "nothing", "was raised"

    assert orchestrator.submit(job()).result(WAIT) == (type_name, "recovered")


def test_an_exception_with_an_init_of_its_own_is_caught_by_its_type(
    orchestrator: Orchestrator, registry: Registry
) -> None:
    """An exception whose `__init__` wants other arguments than it keeps comes back as it was, with its attributes."""

    @activity(registry=registry)
    def fail() -> None:
        raise OwnInit("o-1", cents=3)

    @workflow(registry=registry)
    def job() -> Flow[tuple[str, str]]:
        try:
            yield fail()
        except OwnInit as error:
            return error.order, str(error)
        return "nothing", "was raised"

    assert orchestrator.submit(job()).result(WAIT) == ("o-1", "order o-1 lacks 3 cents")


def test_an_activity_s_exception_is_caught_by_its_type(orchestrator: Orchestrator, registry: Registry) -> None:
    """`except CardDeclined` in the workflow catches what the activity raised, with its attributes."""

    @activity(registry=registry)
    def charge(card: str) -> None:
        raise CardDeclined(card, code=14)

    @workflow(registry=registry)
    def order() -> Flow[int]:
        try:
            yield charge("1")
        except CardDeclined as error:
            return error.code
        return 0

    assert orchestrator.submit(order()).result(WAIT) == 14


def test_an_activity_s_result_that_cannot_be_stored(orchestrator: Orchestrator, registry: Registry) -> None:
    """An activity that returns what cannot be stored has failed, with an error that names activity and part."""

    @activity(registry=registry)
    def connect() -> dict[str, Any]:
        return {"guard": threading.Lock()}

    @workflow(registry=registry)
    def job() -> Flow[str]:
        try:
            yield connect()
        except EncodingError as error:
            return str(error)
        return ""

    message = orchestrator.submit(job()).result(WAIT)

    assert message.startswith("what activity 'connect' returned: cannot store the value at ['guard']")


def test_an_argument_that_cannot_be_stored(orchestrator: Orchestrator, registry: Registry) -> None:
    """An argument that cannot be stored is an error at the workflow's yield, and the activity does not run."""
    ran: list[object] = []

    @activity(registry=registry)
    def use(guard: object) -> None:
        ran.append(guard)

    @workflow(registry=registry)
    def job() -> Flow[str]:
        try:
            yield use(threading.Lock())
        except EncodingError as error:
            return str(error)
        return ""

    message = orchestrator.submit(job()).result(WAIT)

    assert message.startswith("an argument of activity 'use': cannot store the value at ['guard']")
    assert ran == []


def test_an_activity_may_change_its_arguments(orchestrator: Orchestrator, registry: Registry) -> None:
    """A workflow does not see changes that an activity makes to its arguments, or later to its result."""
    kept: list[list[int]] = []

    @activity(registry=registry)
    def change(values: list[int]) -> list[int]:
        values.append(99)
        kept.append(values)
        return values

    @workflow(registry=registry)
    def job() -> Flow[tuple[list[int], list[int]]]:
        mine = [1]
        changed = yield from change(mine)
        kept[0].append(100)
        return mine, changed

    assert orchestrator.submit(job()).result(WAIT) == ([1], [1, 99])


def test_bound_methods_closures_and_lambdas(orchestrator: Orchestrator, registry: Registry) -> None:
    """An activity may be a bound method, a closure or a named lambda; none of them is a stored argument."""

    class Bank:
        def __init__(self, fee: int) -> None:
            self.fee = fee

        def charge(self, cents: int) -> int:
            return cents + self.fee

    factor = 3
    charge = activity(Bank(fee=25).charge, name="charge", registry=registry)
    double = activity(lambda number: number * 2, name="double", registry=registry)

    @activity(registry=registry)
    def scale(number: int) -> int:
        return number * factor

    @workflow(registry=registry)
    def job() -> Flow[tuple[int, int, int]]:
        return (yield from charge(100)), (yield from scale(5)), (yield from double(4))

    handle = orchestrator.submit(job())

    assert handle.result(WAIT) == (125, 15, 8)
    assert [step.input for step in handle.history()] == [{"cents": 100}, {"number": 5}, {"number": 4}]


def test_values_of_a_user_s_own_class(orchestrator: Orchestrator, registry: Registry) -> None:
    """Objects of a module's own classes go in and come out as such, and so do sets, tuples and int keys."""

    @activity(registry=registry)
    def move(point: Point, by: tuple[int, int]) -> dict[int, Point]:
        assert (type(point), type(by)) == (Point, tuple)
        return {1: Point(point.x + by[0], point.y + by[1])}

    @workflow(registry=registry)
    def job(start: Point) -> Flow[tuple[dict[int, Point], set[int]]]:
        return (yield from move(start, (10, 20))), {1, 2}

    assert orchestrator.submit(job(Point(1, 2))).result(WAIT) == ({1: Point(11, 22)}, {1, 2})
