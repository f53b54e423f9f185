"""`Orchestrator` and `WorkflowHandle` as users meet them: real threads, real files, no sleeps.

Whatever has to happen in an order is held up by a `Gate`, and no wait is endless: one that lasts `WAIT` seconds fails.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from yieldflow import (
    ActivityError,
    DatabaseInUseError,
    EncodingError,
    Flow,
    MisplacedCallError,
    Orchestrator,
    OrchestratorStoppedError,
    Registry,
    ResultTimeoutError,
    StepKind,
    StepStatus,
    UnknownWorkflowError,
    WorkflowAlreadyExistsError,
    WorkflowFailedError,
    WorkflowHandle,
    WorkflowNotFoundError,
    WorkflowStalledError,
    WorkflowStatus,
    activity,
    gather,
    info,
    now,
    sleep,
    workflow,
)

#: Seconds after which a wait has failed. What is waited for takes a moment, on a slow machine some seconds.
WAIT = 60.0

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
    def __reduce__(self) -> str:
        raise TypeError("not this one")


class Unrevivable(Exception):
    """As many in the wild: what it is built from is not what it hands to its base."""

    def __init__(self, order: str, *, cents: int) -> None:
        super().__init__(f"order {order} lacks {cents} cents")


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


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "workflows.db"


@pytest.fixture
def registry() -> Registry:
    """Where a test registers what it defines."""
    return Registry()


@pytest.fixture
def orchestrator(database: Path, registry: Registry) -> Iterator[Orchestrator]:
    """Started, with the test's own definitions."""
    with Orchestrator(database, registry=registry) as started:
        yield started


@pytest.fixture
def store(database: Path) -> Iterator[Orchestrator]:
    """Started, with the definitions of this module."""
    with Orchestrator(database, registry=shop) as started:
        yield started


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


def in_threads(count: int, call: Callable[[int], Any]) -> list[Any]:
    """What ``call`` returned, or raised, in that many threads that begin together."""
    together = threading.Barrier(count)

    def attempt(number: int) -> Any:
        together.wait(WAIT)
        try:
            return call(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return [future.result(WAIT) for future in [pool.submit(attempt, number) for number in range(count)]]


# ---------------------------------------------------------------------- lifetime


def test_the_with_block_starts_and_stops(database: Path) -> None:
    """Inside the block workflows run; after it another orchestrator may be started on the file."""
    with Orchestrator(database, registry=shop) as first:
        assert first.submit(total(10)).result(WAIT) == 13

    with Orchestrator(database, registry=shop) as second:
        assert second.submit(total(20)).result(WAIT) == 23


def test_start_and_stop_may_be_called_twice(database: Path) -> None:
    """A second `start` or `stop` does nothing, and so does `stop` before any start."""
    orchestrator = Orchestrator(database, registry=shop)
    orchestrator.stop()
    orchestrator.start()
    orchestrator.start()
    assert orchestrator.submit(total(1)).result(WAIT) == 4
    orchestrator.stop()
    orchestrator.stop()


def test_a_stopped_orchestrator_can_be_started_again(database: Path) -> None:
    """The same object goes on after `stop` and `start`, and its old handles too."""
    orchestrator = Orchestrator(database, registry=shop)
    orchestrator.start()
    before = orchestrator.submit(total(1))
    assert before.result(WAIT) == 4
    orchestrator.stop()

    orchestrator.start()
    after = orchestrator.submit(total(2))

    assert (before.result(WAIT), after.result(WAIT)) == (4, 5)
    orchestrator.stop()


def test_an_exception_in_the_block_passes_and_stops(database: Path) -> None:
    """What the body raises comes out as it is; the orchestrator is stopped, and nothing that was submitted is lost."""

    def fail_inside() -> None:
        with Orchestrator(database, registry=shop) as orchestrator:
            orchestrator.submit(nap(), workflow_id="nap")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail_inside()

    with Orchestrator(database, registry=shop) as again:
        assert again.handle("nap").describe().status is WorkflowStatus.PROCESSING


def test_one_orchestrator_for_a_file(database: Path, store: Orchestrator) -> None:
    """A second start on the same file is refused with the owner's process id, and the second remains a client."""
    second = Orchestrator(database, registry=shop)

    with pytest.raises(DatabaseInUseError, match=f"process {os.getpid()} "):
        second.start()

    assert second.submit(total(5)).result(WAIT) == 8
    second.stop()


def test_durability_is_a_matter_of_choice(database: Path) -> None:
    """With `durability="normal"` the same file is written, and goes on under the other setting."""
    with Orchestrator(database, registry=shop, durability="normal") as fast:
        fast.submit(total(1), workflow_id="sum").result(WAIT)
    with Orchestrator(database, registry=shop, durability="full") as safe:
        assert safe.submit(total(1), workflow_id="sum").result(WAIT) == 4


def test_the_json_codec_refuses_what_json_cannot_hold(database: Path, registry: Registry) -> None:
    """With `codec="json"` plain data passes, and anything else is refused where it comes in, with what to pass."""

    @workflow(registry=registry)
    def echo(value: object) -> Flow[object]:
        yield from now()
        return {value} if isinstance(value, str) else value

    with Orchestrator(database, registry=registry, codec="json") as orchestrator:
        with pytest.raises(EncodingError, match=r"an argument of workflow 'echo'.*a tuple.*pass a list"):
            orchestrator.submit(echo((1, 2)))
        with pytest.raises(EncodingError, match=r"what workflow 'echo' returned.*a set.*pass a sorted list"):
            orchestrator.submit(echo("text")).result(WAIT)
        assert orchestrator.submit(echo([1, {"a": None}])).result(WAIT) == [1, {"a": None}]


def test_a_finished_workflow_stays_finished(database: Path, registry: Registry) -> None:
    """A restart runs nothing again of what has ended."""
    ran: Counter[int] = Counter()

    @activity(registry=registry)
    def work(number: int) -> None:
        ran[number] += 1

    @workflow(registry=registry)
    def job(number: int) -> Flow[None]:
        yield work(number)

    for _ in range(2):
        with Orchestrator(database, registry=registry) as orchestrator:
            for number in range(20):
                orchestrator.submit(job(number), workflow_id=f"job-{number}").result(WAIT)

    assert ran == Counter(range(20))


def test_stop_leaves_nothing_behind(database: Path) -> None:
    """After `stop` no thread and no open file is left, however often it was started."""

    def descriptors() -> int:
        return len(os.listdir("/dev/fd"))

    orchestrator = Orchestrator(database, registry=shop)
    orchestrator.stop()
    before = descriptors()
    for number in range(5):
        orchestrator.start()
        orchestrator.submit(total(number)).result(WAIT)
        orchestrator.stop()

    ours = [thread for thread in threading.enumerate() if thread.name.startswith("yieldflow")]
    for thread in ours:
        thread.join(WAIT)
    assert [thread for thread in ours if thread.is_alive()] == []
    assert descriptors() == before


@pytest.mark.parametrize(
    ("arguments", "error", "names"),
    [
        ({"db_path": 5}, TypeError, "db_path"),
        ({"db_path": b"bytes.db"}, TypeError, "db_path"),
        ({"db_path": None}, TypeError, "db_path"),
        ({"max_workers": 0}, ValueError, "max_workers"),
        ({"max_workers": "5"}, TypeError, "max_workers"),
        ({"max_workers": True}, TypeError, "max_workers"),
        ({"max_workers": 2.5}, TypeError, "max_workers"),
        ({"max_recovery_attempts": 0}, ValueError, "max_recovery_attempts"),
        ({"max_recovery_attempts": None}, TypeError, "max_recovery_attempts"),
        ({"codec": "yaml"}, ValueError, "codec"),
        ({"codec": None}, ValueError, "codec"),
        ({"durability": "half"}, ValueError, "durability"),
        ({"registry": {}}, TypeError, "registry"),
        ({"workers": 5}, TypeError, "workers"),
    ],
)
def test_wrong_arguments_are_refused_at_once(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], names: str
) -> None:
    """`Orchestrator(...)` itself says which argument is wrong, and makes no file."""
    with pytest.raises(error, match=names):
        Orchestrator(**{"db_path": tmp_path / "never.db", **arguments})

    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- by name, status, list


def test_invoke_workflow_by_name(store: Orchestrator) -> None:
    """`invoke_workflow` takes a name and keyword arguments, and returns the id of a workflow that runs."""
    workflow_id = store.invoke_workflow("total", start=5, count=2)

    assert store.handle(workflow_id).result(WAIT) == 6


def test_invoke_workflow_with_a_parameter_called_name(store: Orchestrator) -> None:
    """A workflow's parameter may be called `name`."""
    workflow_id = store.invoke_workflow("greet", name="Ada")

    assert store.handle(workflow_id).result(WAIT) == "hello Ada from greet"


def test_an_unknown_name_is_told_with_the_nearest(store: Orchestrator) -> None:
    """A name that nobody registered is refused with the nearest one and all that there are; nothing is written."""
    with pytest.raises(UnknownWorkflowError, match=r"'totel'.*Did you mean 'total'\?.*'greet', 'nap', 'total'"):
        store.invoke_workflow("totel", start=1)

    assert store.list_workflows() == []


@pytest.mark.parametrize("arguments", [{}, {"start": 1, "begin": 2}, {"count": 1}])
def test_wrong_arguments_of_a_workflow(store: Orchestrator, arguments: dict[str, int]) -> None:
    """Arguments that do not fit the workflow are a `TypeError` that shows its signature; nothing is written."""
    with pytest.raises(TypeError, match=r"workflow total\(start: int, count: int = 3\)"):
        store.invoke_workflow("total", **arguments)

    assert store.list_workflows() == []


def test_the_status_of_a_workflow_that_is_done(store: Orchestrator) -> None:
    """`get_workflow_status` has the promised keys, and its times are ISO 8601 in UTC."""
    handle = store.submit(total(1))
    handle.result(WAIT)

    status = store.get_workflow_status(handle.id)

    assert {key: status[key] for key in ("id", "name", "status", "current_activity", "error_message", "output")} == {
        "id": handle.id,
        "name": "total",
        "status": "done",
        "current_activity": None,
        "error_message": None,
        "output": 4,
    }
    assert (type(status["status"]), status["input"], status["step"]) == (str, {"start": 1}, 3)
    times = [datetime.fromisoformat(status[key]) for key in ("created_at", "started_at", "finished_at", "updated_at")]
    assert [moment.utcoffset() for moment in times] == [timedelta(0)] * 4
    assert times == sorted(times)


def test_the_current_activity(orchestrator: Orchestrator, registry: Registry, gate: Gate) -> None:
    """While an activity runs, the status names it; of several, the first."""

    @activity(registry=registry)
    def prepare() -> None: ...

    @activity(registry=registry)
    def hold(number: int) -> None:
        gate.pass_through()

    @activity(registry=registry)
    def later() -> None: ...

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield prepare()
        yield gather(hold(1), later(), hold(2))

    handle = orchestrator.submit(job())
    gate.await_entry()
    gate.await_entry()
    while_held = orchestrator.get_workflow_status(handle.id)
    gate.open()
    handle.result(WAIT)

    assert (while_held["status"], while_held["current_activity"], while_held["output"]) == ("processing", "hold", None)
    assert orchestrator.get_workflow_status(handle.id)["current_activity"] is None


def test_the_status_of_a_workflow_that_failed(orchestrator: Orchestrator, registry: Registry) -> None:
    """`error_message` holds type and message, and the traceback with the user's line is kept too."""

    @activity(registry=registry)
    def find(order: str) -> None:
        raise LookupError(f"no order {order}")

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield find("o-1")

    handle = orchestrator.submit(job())
    with pytest.raises(LookupError):
        handle.result(WAIT)
    status = orchestrator.get_workflow_status(handle.id)

    assert (status["status"], status["error_message"]) == ("failed", "LookupError: no order o-1")
    assert 'raise LookupError(f"no order {order}")' in status["error_traceback"]
    assert 'yield find("o-1")' in status["error_traceback"]


def test_an_unknown_id(store: Orchestrator) -> None:
    """An id that is not in the file is a `WorkflowNotFoundError` that names it."""
    with pytest.raises(WorkflowNotFoundError, match="'nobody'"):
        store.get_workflow_status("nobody")
    with pytest.raises(WorkflowNotFoundError, match="'nobody'"):
        store.handle("nobody")


def test_the_list_is_newest_first_and_filtered_by_name(store: Orchestrator) -> None:
    """`list_workflows` has all, newest first, or those of one name, each as its status is."""
    ids = [store.submit(call).id for call in (nap(), total(1), nap(), greet("Ada"))]
    for workflow_id in (ids[1], ids[3]):
        store.handle(workflow_id).result(WAIT)

    assert [entry["id"] for entry in store.list_workflows()] == ids[::-1]
    assert [entry["id"] for entry in store.list_workflows("nap")] == [ids[2], ids[0]]
    assert store.list_workflows(name="total") == [store.get_workflow_status(ids[1])]
    assert (store.list_workflows("nothing of the kind"), store.list_workflows("half \ud800")) == ([], [])


# ---------------------------------------------------------------------- submitting


def test_run_submits_and_waits(store: Orchestrator) -> None:
    """`run` returns what the workflow returns."""
    assert store.run(total(7, count=1)) == 7


@pytest.mark.parametrize("again", [total(1, 3), total(1), total(count=3, start=1)], ids=repr)
def test_the_same_id_and_invocation_attaches(store: Orchestrator, again: Any) -> None:
    """An id given twice with equal arguments, however written, is one workflow; also after its end."""
    first = store.submit(total(1), workflow_id="sum")
    second = store.submit(again, workflow_id="sum")
    assert (first.id, first.result(WAIT), second.id, second.result(WAIT)) == ("sum", 4, "sum", 4)

    third = store.submit(again, workflow_id="sum")

    assert third.result(WAIT) == 4
    assert len(store.list_workflows()) == 1


@pytest.mark.parametrize("other", [total(2), total(1, count=4), greet("Ada")], ids=repr)
def test_the_same_id_and_another_invocation_is_refused(store: Orchestrator, other: Any) -> None:
    """An id that belongs to another invocation is refused, and the error shows that one."""
    store.submit(total(1), workflow_id="sum").result(WAIT)

    with pytest.raises(WorkflowAlreadyExistsError, match=r"'sum' belongs to another invocation: total.*'start': 1"):
        store.submit(other, workflow_id="sum")

    assert store.handle("sum").result(WAIT) == 4


def test_one_id_from_many_threads_at_once_runs_once(orchestrator: Orchestrator, registry: Registry) -> None:
    """However many threads submit one id together, the workflow runs once, and all of them get its result."""
    ran: list[int] = []

    @activity(registry=registry)
    def work() -> int:
        ran.append(1)
        return len(ran)

    @workflow(registry=registry)
    def job() -> Flow[int]:
        return (yield from work())

    results = in_threads(16, lambda _: orchestrator.submit(job(), workflow_id="only").result(WAIT))

    assert results == [1] * 16
    assert ran == [1]


def test_one_id_for_many_invocations_goes_to_one(store: Orchestrator) -> None:
    """Of different invocations that want one id at the same time, one gets it, and the others are refused."""
    results = in_threads(8, lambda number: store.submit(total(number, 1), workflow_id="only").result(WAIT))

    refused = [result for result in results if isinstance(result, WorkflowAlreadyExistsError)]
    [won] = [result for result in results if result not in refused]
    assert len(refused) == 7
    assert results[won] == won
    assert store.handle("only").result(WAIT) == won


def test_a_delayed_workflow_waits(database: Path) -> None:
    """A workflow with a delay is on disk and not started, also after a restart, and its status says until when."""
    with Orchestrator(database, registry=shop) as orchestrator:
        handle = orchestrator.submit(total(1), workflow_id="later", delay=timedelta(hours=1))
        assert handle.describe().starts_at == handle.describe().created_at + timedelta(hours=1)

    with Orchestrator(database, registry=shop) as orchestrator:
        orchestrator.submit(total(2)).result(WAIT)
        described = orchestrator.handle("later").describe()

    assert (described.status, described.started_at, described.step) == (WorkflowStatus.PROCESSING, None, 0)


def test_a_delayed_workflow_starts_when_it_is_due(orchestrator: Orchestrator, registry: Registry) -> None:
    """A delay in seconds passes, and then the workflow runs, not before it is due."""

    @workflow(registry=registry)
    def moment() -> Flow[datetime]:
        return (yield from now())

    handle = orchestrator.submit(moment(), delay=0.05)
    started = handle.result(WAIT)

    starts_at = handle.describe().starts_at
    assert starts_at is not None
    assert started >= starts_at


@pytest.mark.parametrize("delay", [-1, timedelta(seconds=-1), float("nan"), float("inf"), 1e30, timedelta.max])
def test_an_impossible_delay_is_a_value_error(store: Orchestrator, delay: Any) -> None:
    """A delay that is negative, not finite or beyond the calendar is refused; nothing is written."""
    with pytest.raises(ValueError, match="delay"):
        store.submit(total(1), delay=delay)

    assert store.list_workflows() == []


@pytest.mark.parametrize("delay", ["1", True, date(2026, 1, 1)])
def test_a_delay_of_another_type_is_a_type_error(store: Orchestrator, delay: Any) -> None:
    """A delay is seconds or a `timedelta`."""
    with pytest.raises(TypeError, match="delay is seconds or a timedelta"):
        store.submit(total(1), delay=delay)


def test_submit_many(store: Orchestrator) -> None:
    """`submit_many` takes any iterable and returns the handles in its order; of nothing it makes nothing."""
    handles = store.submit_many(total(number, count=1) for number in range(50))

    assert [handle.result(WAIT) for handle in handles] == list(range(50))
    assert store.submit_many([]) == []
    assert len(store.list_workflows()) == 50


def test_submit_many_is_all_or_nothing(store: Orchestrator) -> None:
    """Where one of many cannot be stored, none is."""
    calls: list[Any] = [total(1), greet(threading.Lock())]  # type: ignore[arg-type]  # what cannot be stored

    with pytest.raises(EncodingError, match=r"an argument of workflow 'greet'.*\['name'\].*lock"):
        store.submit_many(calls)

    assert store.list_workflows() == []


@pytest.mark.parametrize(
    ("workflow_id", "error"), [("", TypeError), (5, TypeError), (b"id", TypeError), ("half \ud800", ValueError)]
)
def test_what_cannot_be_an_id(store: Orchestrator, workflow_id: Any, error: type[Exception]) -> None:
    """A workflow id is a non-empty string that can be stored; under anything else nothing is found."""
    with pytest.raises(error, match="workflow id"):
        store.submit(total(1), workflow_id=workflow_id)
    with pytest.raises(WorkflowNotFoundError):
        store.get_workflow_status(workflow_id)

    assert store.list_workflows() == []


@pytest.mark.parametrize(
    "workflow_id", ["a b/c?d#e", "'; drop table workflows; --", "\0", "äö\U0001f600", "x" * 10_000]
)
def test_any_text_is_an_id(store: Orchestrator, workflow_id: str) -> None:
    """A workflow id may be any text."""
    assert store.submit(total(1), workflow_id=workflow_id).result(WAIT) == 4
    assert [entry["id"] for entry in store.list_workflows()] == [workflow_id]


def _generator() -> Flow[int]:
    return (yield from add(1, 2))


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (total, r"submit\(total\(\.\.\.\)\)"),
        (add, "a workflow called with its arguments"),
        (add(1, 2), "only a workflow can be submitted: write a workflow that yields it"),
        (_generator(), "a workflow called with its arguments"),
        (5, "a workflow called with its arguments"),
        ("total", "a workflow called with its arguments"),
        (None, "a workflow called with its arguments"),
    ],
)
def test_what_cannot_be_submitted_is_refused_with_the_remedy(store: Orchestrator, given: Any, remedy: str) -> None:
    """`submit` of anything but a workflow called with its arguments says what to write."""
    for call in (store.submit, store.run, lambda given: store.submit_many([given])):
        with pytest.raises(TypeError, match=remedy):
            call(given)

    assert store.list_workflows() == []


def test_a_workflow_of_another_registry_is_refused(orchestrator: Orchestrator) -> None:
    """What this orchestrator could not find again after a restart is refused at once."""
    with pytest.raises(UnknownWorkflowError, match="'total'"):
        orchestrator.submit(total(1))


# ---------------------------------------------------------------------- handles


def test_a_result_that_does_not_come_in_time(store: Orchestrator) -> None:
    """`result(timeout)` raises a `ResultTimeoutError`, which is a `TimeoutError`; the workflow goes on."""
    handle = store.submit(nap())

    for timeout in (0, 0.01):
        with pytest.raises(ResultTimeoutError, match=handle.id) as caught:
            handle.result(timeout)
        assert isinstance(caught.value, TimeoutError)

    assert handle.describe().status is WorkflowStatus.PROCESSING


def test_a_timeout_may_be_as_long_as_one_likes(store: Orchestrator) -> None:
    """An endless timeout is one like others, for `result` and for `stop`."""
    assert [store.submit(total(1)).result(timeout) for timeout in (1e12, float("inf"))] == [4, 4]
    store.stop(timeout=float("inf"))


def test_a_workflow_s_own_timeout_is_not_ours(orchestrator: Orchestrator, registry: Registry) -> None:
    """A `TimeoutError` that the workflow raised can be told from a result that did not come in time."""

    @workflow(registry=registry)
    def impatient() -> Flow[None]:
        yield from now()
        raise TimeoutError("the bank")

    with pytest.raises(TimeoutError, match="the bank") as caught:
        orchestrator.submit(impatient()).result(WAIT)

    assert type(caught.value) is TimeoutError


def test_a_result_can_be_asked_for_again_and_from_any_handle(store: Orchestrator) -> None:
    """A result is there for all who ask, as often as they ask, also without any time to wait."""
    first = store.submit(total(1))
    results = in_threads(8, lambda _: store.handle(first.id).result(WAIT))

    assert results == [4] * 8
    assert (first.result(timeout=0), store.handle(first.id).result(timeout=0)) == (4, 4)


def test_mutable_results_are_not_shared(orchestrator: Orchestrator, registry: Registry) -> None:
    """Each caller of `result` gets a value of its own, and so does whoever submitted an argument."""

    @workflow(registry=registry)
    def echo(values: list[int]) -> Flow[list[int]]:
        yield from now()
        values.append(0)
        return values

    given = [1, 2]
    handle = orchestrator.submit(echo(given))
    given.append(3)
    handle.result(WAIT).append(4)

    assert handle.result(WAIT) == [1, 2, 0]
    assert handle.describe().input == {"values": [1, 2]}


def test_failures_are_not_shared(orchestrator: Orchestrator, registry: Registry) -> None:
    """Each caller of `result` is given an exception of its own, so that no traceback grows in another's hands."""

    @workflow(registry=registry)
    def broken() -> Flow[None]:
        yield from now()
        raise CardDeclined("1234")

    handle = orchestrator.submit(broken())
    errors = in_threads(2, lambda _: handle.result(WAIT))

    assert [(error.card, error.code) for error in errors] == [("1234", 51)] * 2
    assert errors[0] is not errors[1]


def test_a_description_and_the_history(orchestrator: Orchestrator, registry: Registry) -> None:
    """`describe` and `history` show the workflow and each of its steps with what went in and what came out."""

    @activity(registry=registry)
    def halve(number: int) -> int:
        if number % 2:
            raise ValueError(f"{number} is odd")
        return number // 2

    @workflow(registry=registry)
    def job(number: int) -> Flow[int]:
        half = yield from halve(number)
        yield sleep(0)
        with suppress(ValueError):
            yield halve(half)
        return half

    handle = orchestrator.submit(job(14))
    handle.result(WAIT)
    described = handle.describe()
    halved, slept, refused = handle.history()

    assert (described.name, described.status, described.step) == ("job", WorkflowStatus.DONE, 3)
    assert (described.input, described.output, described.run) == ({"number": 14}, 7, 1)
    assert (halved.step, halved.kind, halved.name, halved.status) == (0, StepKind.ACTIVITY, "halve", StepStatus.DONE)
    assert (halved.input, halved.output, halved.applied) == ({"number": 14}, 7, 1)
    assert (slept.kind, slept.status, slept.due_at) == (StepKind.SLEEP, StepStatus.DONE, slept.scheduled_at)
    assert (refused.status, refused.error_message, refused.output) == (
        StepStatus.FAILED,
        "ValueError: 7 is odd",
        None,
    )
    assert [step.source.partition(":")[0] for step in handle.history()] == [__file__] * 3


# ---------------------------------------------------------------------- how failures come out


def test_a_workflow_s_own_exception(orchestrator: Orchestrator, registry: Registry) -> None:
    """`result` raises the workflow's own exception, by its type and with its attributes, and where it came from."""

    @activity(registry=registry)
    def charge(card: str) -> None:
        raise CardDeclined(card, code=5)

    @workflow(registry=registry)
    def order(card: str) -> Flow[None]:
        yield charge(card)

    with pytest.raises(CardDeclined, match="card 1234 was declined with code 5") as caught:
        orchestrator.submit(order("1234")).result(WAIT)

    assert (caught.value.card, caught.value.code) == ("1234", 5)
    assert "raise CardDeclined(card, code=5)" in "".join(caught.value.__notes__)


def test_an_exception_that_cannot_be_revived(orchestrator: Orchestrator, registry: Registry) -> None:
    """An exception that cannot be built again is a `WorkflowFailedError` with its type, message and traceback."""

    @workflow(registry=registry)
    def broken() -> Flow[None]:
        yield from now()
        raise Unpicklable("broken")

    with pytest.raises(WorkflowFailedError) as caught:
        orchestrator.submit(broken()).result(WAIT)

    assert (caught.value.type_name, caught.value.message) == (f"{__name__}.Unpicklable", "broken")
    assert 'raise Unpicklable("broken")' in caught.value.traceback


def test_a_result_that_cannot_be_stored(orchestrator: Orchestrator, registry: Registry) -> None:
    """A workflow that returns what cannot be stored has failed, with an `EncodingError` that names the part."""

    @workflow(registry=registry)
    def job() -> Flow[dict[str, Any]]:
        yield from now()
        return {"guard": threading.Lock()}

    handle = orchestrator.submit(job())
    with pytest.raises(EncodingError, match=r"what workflow 'job' returned: .*\['guard'\].*lock"):
        handle.result(WAIT)

    assert handle.describe().status is WorkflowStatus.FAILED


def test_a_stalled_workflow_tells_why_and_goes_on(database: Path, registry: Registry) -> None:
    """A workflow whose code is not registered stalls; `result` says so, and once it is registered it goes on."""
    client = Orchestrator(database, registry=shop)
    handle = client.submit(total(1))
    client.stop()

    with Orchestrator(database, registry=registry) as orchestrator:
        late = orchestrator.handle(handle.id)
        with pytest.raises(WorkflowStalledError, match="no workflow named 'total'"):
            late.result(WAIT)
        stalled = late.describe()
        registry.add(total)
        result = _result_once_awake(late)

    assert (stalled.status, stalled.reason is not None and "'total'" in stalled.reason) == (
        WorkflowStatus.STALLED,
        True,
    )
    assert result == 4


def _result_once_awake(handle: WorkflowHandle[Any]) -> Any:
    """The result of a workflow that stalled and was woken: until it is awake, `result` says that it is stalled."""
    for _ in range(100_000):
        with suppress(WorkflowStalledError):
            return handle.result(WAIT)
    raise AssertionError("it was never woken")


# ---------------------------------------------------------------------- asyncio


def test_await_a_handle(store: Orchestrator) -> None:
    """`await handle` is the result, of several at once and of one that has ended."""
    handles = store.submit_many(total(number) for number in range(20))

    async def collect() -> tuple[list[int], int]:
        return await asyncio.gather(*handles), await handles[3]

    assert asyncio.run(asyncio.wait_for(collect(), WAIT)) == ([number + 3 for number in range(20)], 6)


def test_await_raises_the_workflow_s_own_exception(orchestrator: Orchestrator, registry: Registry) -> None:
    """`await handle` raises what `result` raises."""

    @workflow(registry=registry)
    def broken() -> Flow[None]:
        yield from now()
        raise CardDeclined("77")

    async def collect() -> None:
        await orchestrator.submit(broken())

    with pytest.raises(CardDeclined, match="77"):
        asyncio.run(asyncio.wait_for(collect(), WAIT))


def test_a_cancelled_await_leaves_the_workflow_alone(
    orchestrator: Orchestrator, registry: Registry, gate: Gate
) -> None:
    """To stop waiting is not to cancel: the workflow goes on, and can be awaited again."""

    @activity(registry=registry)
    def hold() -> str:
        gate.pass_through()
        return "held"

    @workflow(registry=registry)
    def job() -> Flow[str]:
        return (yield from hold())

    async def give_up_and_come_back() -> str:
        handle = orchestrator.submit(job())
        waiter = asyncio.ensure_future(_await(handle))
        await asyncio.to_thread(gate.await_entry)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        gate.open()
        return await handle

    assert asyncio.run(asyncio.wait_for(give_up_and_come_back(), WAIT)) == "held"


async def _await(handle: WorkflowHandle[Any]) -> Any:
    return await handle


def test_a_loop_that_closes_on_a_waiter_harms_nobody(
    orchestrator: Orchestrator, registry: Registry, gate: Gate
) -> None:
    """An event loop may close while something in it still waits for a workflow; others go on."""

    @activity(registry=registry)
    def hold() -> str:
        gate.pass_through()
        return "held"

    @workflow(registry=registry)
    def job() -> Flow[str]:
        return (yield from hold())

    handle = orchestrator.submit(job())
    waiter = _await(handle)
    loop = asyncio.new_event_loop()
    task = loop.create_task(waiter)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    gate.open()

    assert handle.result(WAIT) == "held"
    assert orchestrator.submit(job()).result(WAIT) == "held"
    waiter.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's: it would complain of the task's end


def test_await_while_it_is_stopped(store: Orchestrator) -> None:
    """Who awaits a workflow hears of a stop, as who waits in `result` does."""
    handle = store.submit(nap())

    async def wait_and_stop() -> None:
        waiter = asyncio.ensure_future(_await(handle))
        await asyncio.sleep(0)
        await asyncio.to_thread(store.stop)
        await waiter

    with pytest.raises(OrchestratorStoppedError, match=handle.id):
        asyncio.run(asyncio.wait_for(wait_and_stop(), WAIT))


# ---------------------------------------------------------------------- activities in worker threads


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
        return asyncio.run(asyncio.wait_for(_await(handle), WAIT)) if way == "await" else handle.result(WAIT)

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
        return results, sum(thread.name == "yieldflow-worker" for thread in threading.enumerate())

    @workflow(registry=registry)
    def outer() -> Flow[tuple[list[int], int]]:
        return (yield from spread())

    with orchestrator:
        results, threads = orchestrator.submit(outer()).result(WAIT)

    assert results == list(range(1, 101))
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
        (Unrevivable("o-1", cents=3), f"{__name__}.Unrevivable"),
        (SystemExit(3), "builtins.SystemExit"),
        (KeyboardInterrupt(), "builtins.KeyboardInterrupt"),
        (StopIteration(1), "builtins.StopIteration"),
        (StopAsyncIteration(), "builtins.StopAsyncIteration"),
        (GeneratorExit(), "builtins.GeneratorExit"),
        (Unpicklable("no"), f"{__name__}.Unpicklable"),
        (asyncio.CancelledError(), "asyncio.exceptions.CancelledError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_exceptions_that_arrive_as_activity_error(
    orchestrator: Orchestrator, registry: Registry, raised: BaseException, type_name: str
) -> None:
    """What may not be thrown into a workflow, or cannot be built again, arrives as an `ActivityError` that names it."""

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
    """What an activity does to its arguments, or later to its result, the workflow does not see."""
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


# ---------------------------------------------------------------------- traps of concurrency


def test_many_workflows_keep_their_results_apart(store: Orchestrator) -> None:
    """Two hundred workflows at five workers: each has the result of its own arguments."""
    handles = store.submit_many(total(1000 * number, count=5) for number in range(200))

    assert [handle.result(WAIT) for handle in handles] == [1000 * number + 10 for number in range(200)]
    steps = [step for number in (0, 99, 199) for step in handles[number].history()]
    assert [step.output for step in steps] == [1000 * n + s for n in (0, 99, 199) for s in (0, 1, 3, 6, 10)]


def test_submitting_from_many_threads(store: Orchestrator) -> None:
    """Threads that submit and wait at the same time each get what they asked for."""

    def submit_and_wait(number: int) -> list[int]:
        return [store.submit(total(100 * number + each)).result(WAIT) for each in range(10)]

    assert in_threads(8, submit_and_wait) == [[100 * n + each + 3 for each in range(10)] for n in range(8)]


def test_a_live_workflow_is_not_taken_up_again(database: Path, registry: Registry, gate: Gate) -> None:
    """However much others write to the file, the owner does not begin again what it is at."""
    owner = Orchestrator(database, registry=registry)
    held = Held(owner, registry, gate)
    registry.add(total)
    owner.start()
    handle = owner.submit(held.job(1))
    gate.await_entry()
    client = Orchestrator(database, registry=registry)
    for number in range(5):
        assert client.submit(total(number)).result(WAIT) == number + 3
    gate.open()

    assert handle.result(WAIT) == 11
    assert held.begun == [1]
    client.stop()
    owner.stop()


def test_another_program_may_hold_the_database_for_a_while(
    database: Path, orchestrator: Orchestrator, registry: Registry
) -> None:
    """While another program holds the database's lock everything waits for it, and no activity runs twice."""
    ran: list[int] = []
    locked, finished = threading.Event(), threading.Event()

    @activity(registry=registry)
    def work(number: int) -> int:
        assert locked.wait(WAIT)
        ran.append(number)
        if len(ran) == 5:
            finished.set()
        return number

    @workflow(registry=registry)
    def job(number: int) -> Flow[int]:
        return (yield from work(number))

    handles = orchestrator.submit_many(job(number) for number in range(5))
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("begin immediate")
        locked.set()
        assert finished.wait(WAIT)
        assert [handle.describe().step for handle in handles] == [0] * 5
        other.execute("rollback")

    assert [handle.result(WAIT) for handle in handles] == [0, 1, 2, 3, 4]
    assert sorted(ran) == [0, 1, 2, 3, 4]


def test_what_is_false_is_remembered_as_it_was(database: Path, registry: Registry, gate: Gate) -> None:
    """After a restart `0`, `""`, `[]` and None are what they were, a tuple is a tuple, an int key an int."""
    values: list[Any] = [0, "", False, [], {}, None, (), (1, 2), {1: "one"}, 0.0, set()]
    calls: list[int] = []

    @activity(registry=registry)
    def value(number: int) -> Any:
        calls.append(number)
        return values[number]

    @activity(registry=registry)
    def hold() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def job() -> Flow[list[Any]]:
        found = []
        for number in range(len(values)):
            found.append((yield from value(number)))
        yield hold()
        return found

    with Orchestrator(database, registry=registry) as orchestrator:
        handle = orchestrator.submit(job())
        gate.await_entry()
        orchestrator.stop(timeout=0)
        gate.open()
    with Orchestrator(database, registry=registry) as orchestrator:
        found = orchestrator.handle(handle.id).result(WAIT)

    assert [(type(each), each) for each in found] == [(type(each), each) for each in values]
    assert calls == list(range(len(values)))


# ---------------------------------------------------------------------- calls where they cannot work

MISPLACED: dict[str, Callable[[Orchestrator, WorkflowHandle[Any]], object]] = {
    "submit": lambda orchestrator, handle: orchestrator.submit(total(1)),
    "submit_many": lambda orchestrator, handle: orchestrator.submit_many([]),
    "run": lambda orchestrator, handle: orchestrator.run(total(1)),
    "invoke_workflow": lambda orchestrator, handle: orchestrator.invoke_workflow("greet", name="Ada"),
    "result": lambda orchestrator, handle: handle.result(),
    "await": lambda orchestrator, handle: handle.__await__().send(None),
    "describe": lambda orchestrator, handle: handle.describe(),
    "history": lambda orchestrator, handle: handle.history(),
    "handle": lambda orchestrator, handle: orchestrator.handle(handle.id),
    "get_workflow_status": lambda orchestrator, handle: orchestrator.get_workflow_status(handle.id),
    "list_workflows": lambda orchestrator, handle: orchestrator.list_workflows(),
    "start": lambda orchestrator, handle: orchestrator.start(),
    "stop": lambda orchestrator, handle: orchestrator.stop(),
}


@pytest.mark.parametrize("call", MISPLACED)
def test_a_workflow_may_not_call_the_orchestrator(orchestrator: Orchestrator, registry: Registry, call: str) -> None:
    """Inside workflow code each call of the orchestrator raises at its line, says so, and the workflow may catch it."""
    misplaced = MISPLACED[call]
    registry.add(total)
    registry.add(greet)
    ended = orchestrator.submit(greet("Ada"))
    assert ended.result(WAIT) == "hello Ada from greet"

    @workflow(registry=registry)
    def meddle() -> Flow[tuple[str, list[str]]]:
        yield from now()
        try:
            misplaced(orchestrator, ended)
        except MisplacedCallError as error:
            return str(error), [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        return "nothing", ["was raised"]

    message, frames = orchestrator.submit(meddle()).result(WAIT)

    assert frames[:2] == ["meddle", "<lambda>"]
    assert "inside workflow 'meddle'" in message
    assert "Call it in an activity, and yield that" in message
    assert {entry["name"] for entry in orchestrator.list_workflows()} == {"greet", "meddle"}


def test_an_activity_may_not_stop_its_orchestrator(orchestrator: Orchestrator, registry: Registry) -> None:
    """`stop` would wait for the activity that calls it, so it is refused there, and everything goes on."""

    @activity(registry=registry)
    def hasty() -> None:
        orchestrator.stop()

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield hasty()

    for _ in range(2):
        with pytest.raises(MisplacedCallError, match="would wait for itself"):
            orchestrator.submit(job()).result(WAIT)


# ---------------------------------------------------------------------- stopping


def test_stop_finishes_what_runs_and_begins_nothing_more(database: Path, registry: Registry, gate: Gate) -> None:
    """`stop` waits for the running activities, records them, and leaves what is queued to the next start."""
    orchestrator = Orchestrator(database, max_workers=3, registry=registry)
    held = Held(orchestrator, registry, gate)
    # First in the queue. It lends its place, and opens the gate once nothing more begins.
    guard = orchestrator.submit(held.guard("job-5"))
    handles = [orchestrator.submit(held.job(number), workflow_id=f"job-{number}") for number in range(6)]
    orchestrator.start()
    for _ in range(3):
        gate.await_entry()

    orchestrator.stop()

    assert sorted(held.begun) == [0, 1, 2]
    assert [handle.describe().step for handle in handles] == [1, 1, 1, 0, 0, 0]
    with orchestrator:
        assert [handle.result(WAIT) for handle in handles] == [1, 11, 21, 31, 41, 51]
        assert guard.result(WAIT) == 51
    assert sorted(held.begun) == [0, 1, 2, 3, 4, 5]


def test_stop_with_a_timeout_leaves_the_rest(database: Path, registry: Registry, gate: Gate) -> None:
    """What is still running after the timeout is left behind: its late result is dropped, and it runs again."""
    orchestrator = Orchestrator(database, max_workers=2, registry=registry)
    held = Held(orchestrator, registry, gate)
    orchestrator.start()
    handles = [orchestrator.submit(held.job(number)) for number in range(4)]
    for _ in range(2):
        gate.await_entry()

    orchestrator.stop(timeout=0.01)
    left = [handle.describe().step for handle in handles]
    with orchestrator:
        for _ in range(2):
            gate.await_entry()
        gate.open()
        results = [handle.result(WAIT) for handle in handles]

    assert left == [0, 0, 0, 0]
    assert results == [1, 11, 21, 31]
    assert Counter(held.begun) == Counter({0: 2, 1: 2, 2: 1, 3: 1})


def test_who_waits_hears_of_the_stop(store: Orchestrator) -> None:
    """A `result()` that waits in another thread when the orchestrator stops raises `OrchestratorStoppedError`."""
    handle = store.submit(nap())
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(handle.result, WAIT) for _ in range(4)]
        # Whoever had not begun to wait before the stop waits as a client's thread does, and hears of the next one.
        for _ in range(1000):
            store.stop()
            if all(future.done() for future in waiting):
                break
            store.start()
        errors = [future.exception(WAIT) for future in waiting]

    assert [type(error) for error in errors] == [OrchestratorStoppedError] * 4
    assert handle.id in str(errors[0])


@pytest.mark.parametrize("way", ["result", "await", "client", "wrapped"])
def test_stop_does_not_wait_for_an_activity_that_waits(
    database: Path, registry: Registry, gate: Gate, way: str
) -> None:
    """An activity that waits for a workflow cannot finish once nothing begins: it hears of the stop, and runs again."""
    orchestrator = Orchestrator(database, max_workers=1, registry=registry)
    calls: list[str] = []

    @activity(registry=registry)
    def hold() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def inner() -> Flow[str]:
        yield hold()
        yield hold()
        return "held"

    def wait_for_inner() -> Any:
        if way == "client":
            client = Orchestrator(database, registry=registry)
            try:
                return client.submit(inner(), workflow_id="inner").result(WAIT)
            finally:
                client.stop()
        handle = orchestrator.submit(inner(), workflow_id="inner")
        return asyncio.run(_await(handle)) if way == "await" else handle.result(WAIT)

    @activity(registry=registry)
    def delegate() -> Any:
        calls.append("began")
        try:
            return wait_for_inner()
        except OrchestratorStoppedError as error:
            calls.append("stopped")
            gate.open()
            if way == "wrapped":
                raise RuntimeError("it did not work out") from error
            raise

    @workflow(registry=registry)
    def outer() -> Flow[Any]:
        return (yield from delegate())

    orchestrator.start()
    handle = orchestrator.submit(outer())
    gate.await_entry()

    orchestrator.stop()

    assert (calls, handle.describe().step) == (["began", "stopped"], 0)
    assert orchestrator.handle("inner").describe().step == 1
    with orchestrator:
        assert handle.result(WAIT) == "held"
    assert calls == ["began", "stopped", "began"]


def test_an_activity_that_copes_with_the_stop_has_ended(database: Path, registry: Registry) -> None:
    """An activity that hears of the stop and returns all the same is recorded, and does not run again."""
    orchestrator = Orchestrator(database, max_workers=1, registry=registry)
    waits = threading.Event()
    calls: list[str] = []

    @activity(registry=registry)
    def patient(workflow_id: str) -> str:
        calls.append("began")
        waits.set()
        try:
            return str(orchestrator.handle(workflow_id).result(WAIT))
        except OrchestratorStoppedError:
            return "coped"

    @workflow(registry=registry)
    def job(workflow_id: str) -> Flow[str]:
        return (yield from patient(workflow_id))

    registry.add(nap)
    orchestrator.start()
    handle = orchestrator.submit(job(orchestrator.submit(nap()).id))
    assert waits.wait(WAIT)

    orchestrator.stop()

    assert (handle.describe().status, handle.describe().output) == (WorkflowStatus.DONE, "coped")
    assert calls == ["began"]
    orchestrator.stop()


def test_after_the_stop_it_is_a_client(database: Path) -> None:
    """What is submitted or invoked after `stop` is on disk, waits, can be looked at, and runs at the next start."""
    orchestrator = Orchestrator(database, registry=shop)
    orchestrator.start()
    orchestrator.stop()

    invoked = orchestrator.invoke_workflow("total", start=1)
    submitted = orchestrator.submit(total(2), workflow_id="second")
    waiting = [entry["started_at"] for entry in orchestrator.list_workflows()]
    with pytest.raises(ResultTimeoutError):
        submitted.result(0)
    orchestrator.start()

    assert waiting == [None, None]
    assert (orchestrator.handle(invoked).result(WAIT), submitted.result(WAIT)) == (4, 5)
    orchestrator.stop()


def test_asking_while_it_stops_and_starts(database: Path) -> None:
    """While an orchestrator is stopped and started, other threads submit and look; who waits may hear of a stop."""
    orchestrator = Orchestrator(database, registry=shop)
    over = threading.Event()
    surprises: list[BaseException] = []

    def ask(number: int) -> None:
        asked = 0
        try:
            while not over.is_set():
                asked += 1
                handle = orchestrator.submit(total(asked, count=1), workflow_id=f"{number}-{asked}")
                orchestrator.get_workflow_status(handle.id)
                orchestrator.list_workflows("nap")
                with suppress(OrchestratorStoppedError):
                    assert handle.result(WAIT) == asked
        except BaseException as error:
            surprises.append(error)

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for asker in askers:
        asker.start()
    for _ in range(20):
        with orchestrator:
            orchestrator.submit(total(5)).result(WAIT)
    over.set()
    with orchestrator:
        for asker in askers:
            asker.join(WAIT)

        assert [asker.is_alive() for asker in askers] == [False] * 4
        assert surprises == []
