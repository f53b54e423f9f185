"""Handles: results, descriptions, histories, and how failures come out."""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import (
    WAIT,
    CardDeclined,
    Gate,
    Unpicklable,
    in_threads,
    nap,
    shop,
    total,
    until,
)
from yieldflow import (
    EncodingError,
    Flow,
    Orchestrator,
    Registry,
    ResultTimeoutError,
    StepKind,
    StepStatus,
    WorkflowFailedError,
    WorkflowHandle,
    WorkflowStalledError,
    WorkflowStatus,
    activity,
    now,
    sleep,
    wait_signal,
    workflow,
)
from yieldflow.orchestrator.watches import FEW, Watches


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


@pytest.mark.parametrize("given", ["5", True, [5], float("nan")])
def test_a_timeout_that_is_none_is_refused(store: Orchestrator, given: Any) -> None:
    """`start`, `stop` and `result` refuse what is no length of time, say which call it was, and nothing has changed."""
    calls: dict[str, Callable[[], object]] = {
        "start": lambda: store.start(wait=True, timeout=given),
        "stop": lambda: store.stop(given),
        "result": lambda: store.submit(nap()).result(given),
    }
    for name, call in calls.items():
        message = rf"^{name}\(timeout=\.\.\.\) takes seconds or a timedelta, not {re.escape(repr(given))}$"
        with pytest.raises((TypeError, ValueError), match=message):
            call()

    assert store.run(total(1)) == 4


def test_a_timeout_may_be_a_timedelta(store: Orchestrator) -> None:
    """A length of time is given in one way everywhere: as seconds, or as a `timedelta`."""
    limit = timedelta(seconds=WAIT)
    assert store.submit(total(1)).result(limit) == 4
    store.stop(limit)
    store.start(wait=True, timeout=limit)


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

    assert (caught.value.type_name, caught.value.message) == ("tests.support.shop.Unpicklable", "broken")
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


def test_a_signal_that_another_thread_was_given_is_handled_meanwhile(
    orchestrator: Orchestrator, registry: Registry, gate: Gate
) -> None:
    """Whoever waits in the main thread hears of a Ctrl-C, or another signal, whichever thread the system gave it to."""
    main = threading.get_ident()

    @activity(registry=registry)
    def hold() -> str:
        until(lambda: sys._current_frames()[main].f_code.co_name == "wait")
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        gate.pass_through()
        return "held"

    @workflow(registry=registry)
    def job() -> Flow[str]:
        return (yield from hold())

    before = signal.signal(signal.SIGUSR1, lambda number, frame: gate.open())
    try:
        assert orchestrator.submit(job()).result(WAIT) == "held"
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_watches_that_nobody_holds_vanish() -> None:
    """However many handles there were, only those that are held take up memory; a held one stays the same."""
    watches = Watches()
    held = watches.of("held")

    for number in range(20 * FEW):
        watches.of(str(number))

    assert watches.of("held") is held
    assert len(watches) <= 2 * FEW


# ---------------------------------------------------------------------- what cannot be read back


class Wrapped:
    """A value that has no tag, and is pickled: its class has no fields."""

    def __init__(self, number: int) -> None:
        self.number = number


def test_what_cannot_be_read_back_is_told_with_its_place(database: Path, registry: Registry) -> None:
    """If a stored value cannot be read, the error says whose it is: which step's, workflow's, or arguments."""

    @activity(registry=registry)
    def pair(first: int) -> Wrapped:
        return Wrapped(first)

    @workflow(registry=registry)
    def of_a_step() -> Flow[None]:
        yield pair(1)
        yield wait_signal("go")

    @workflow(registry=registry)
    def of_an_argument(values: Wrapped) -> Flow[None]:
        yield wait_signal("go")

    @workflow(registry=registry)
    def of_a_result() -> Flow[Wrapped]:
        return (yield from pair(1))

    with Orchestrator(database, registry=registry) as before:
        step, argument = before.submit(of_a_step(), "step"), before.submit(of_an_argument(Wrapped(1)), "argument")
        before.submit(of_a_result(), "result").result(WAIT)
        until(lambda: step.history()[0].status is StepStatus.DONE and len(argument.history()) == 1)

    step.signal("go")
    argument.signal("go")
    with Orchestrator(database, registry=registry, codec="json") as after:
        for workflow_id, place in {
            "step": "the outcome of step 0, pair(first=1): a pickled test_handles.Wrapped is stored",
            "argument": "the arguments of workflow 'of_an_argument': a pickled test_handles.Wrapped is stored",
            "result": "what workflow result returned: a pickled test_handles.Wrapped is stored",
        }.items():
            with pytest.raises((EncodingError, WorkflowStalledError), match=re.escape(place)):
                after.handle(workflow_id).result(WAIT)
