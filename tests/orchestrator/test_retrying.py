"""`retry`: a workflow that failed, was cancelled or stalled goes on from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import (
    WAIT,
    Declined,
    Gate,
    OrderFailed,
    Works,
    failed,
    total,
    until,
    until_waiting,
)
from yieldflow import (
    Cancelled,
    Flow,
    Orchestrator,
    Registry,
    RetryRefusedError,
    StepStatus,
    WorkflowCancelledError,
    WorkflowStatus,
    WorkflowTimeoutError,
    activity,
    gather,
    uuid4,
    wait_signal,
    workflow,
)


@pytest.mark.parametrize("wrap", [False, True])
def test_a_failed_step_runs_again_and_what_succeeded_is_kept(
    orchestrator: Orchestrator, works: Works, trip: Any, wrap: bool
) -> None:
    """Once what failed is mended, retry() goes on from there, also where the workflow raised an error of its own."""
    works.broken.add("car")
    handle = failed(orchestrator, trip(wrap=wrap), OrderFailed if wrap else Declined)
    again = orchestrator.handle(handle.id)
    works.broken.clear()
    handle.retry()

    assert handle.result(WAIT) == again.result(WAIT) == ["flight", "hotel", "car"]
    assert works.done == ["flight", "hotel", "car"]
    described = handle.describe()
    assert (described.status, described.error_message, described.error_traceback) == (WorkflowStatus.DONE, None, None)
    assert [step.status for step in handle.history()] == [StepStatus.DONE] * 3


def test_what_is_not_mended_fails_again(orchestrator: Orchestrator, works: Works, trip: Any) -> None:
    """result() after retry() is the new one, also if that is another failure; it can be retried as often as wanted."""
    works.broken.add("car")
    handle = failed(orchestrator, trip(), Declined)
    first = handle.describe().finished_at
    for _ in range(3):
        handle.retry()
        with pytest.raises(Declined, match="no car"):
            handle.result(WAIT)
    works.broken = {"flight"}
    handle.retry()

    assert handle.result(WAIT) == ["flight", "hotel", "car"]
    assert first is not None
    assert (handle.describe().finished_at or first) > first


def test_a_retried_workflow_is_under_way(orchestrator: Orchestrator, registry: Registry, gate: Gate) -> None:
    """When retry() returns the workflow is processing again, with nothing left of its failure, and waits."""
    fail = [True]

    @activity(registry=registry)
    def work() -> str:
        if fail:
            raise ValueError(fail.pop())
        gate.pass_through()
        return "worked"

    @workflow(registry=registry)
    def job() -> Flow[str]:
        return (yield from work())

    handle = failed(orchestrator, job(), ValueError)
    handle.retry()
    gate.await_entry()
    described = handle.describe()
    gate.open()

    assert (described.status, described.finished_at, described.error_message) == (
        WorkflowStatus.PROCESSING,
        None,
        None,
    )
    assert [waiting.name for waiting in described.waiting_for] == ["work"]
    assert handle.result(WAIT) == "worked"


# ---------------------------------------------------------------------- steps completed after the failure


@pytest.mark.parametrize("wrap", [False, True])
def test_a_completed_compensation_is_not_undone_silently(
    orchestrator: Orchestrator, works: Works, trip: Any, wrap: bool
) -> None:
    """If steps were completed after the failure, retry() refuses, lists them, and changes nothing."""
    works.broken.add("car")
    handle = failed(orchestrator, trip(compensate=True, wrap=wrap), OrderFailed if wrap else Declined)
    before = (orchestrator.get_workflow_status(handle.id), handle.history())
    works.broken.clear()

    with pytest.raises(
        RetryRefusedError,
        match=rf"{handle.id} .*after step 2 \(do\) failed.*: 3 \(do\), 4 \(do\)\..*retry\(from_step=2\)",
    ):
        handle.retry()
    assert (orchestrator.get_workflow_status(handle.id), handle.history()) == before


def test_from_step_goes_back_all_the_same(orchestrator: Orchestrator, works: Works, trip: Any) -> None:
    """retry(from_step=) undoes what followed from that step's outcome, and runs it again; what was before is kept."""
    works.broken.add("car")
    handle = failed(orchestrator, trip(compensate=True), Declined)
    works.broken.clear()
    handle.retry(from_step=1)

    assert handle.result(WAIT) == ["flight", "hotel", "car"]
    assert works.done == ["flight", "hotel", "no hotel", "no flight", "hotel", "car"]
    assert [step.step for step in handle.history()] == [0, 1, 2]


def test_from_a_step_of_the_last_turn(orchestrator: Orchestrator, registry: Registry) -> None:
    """If the turn that issued the step has dropped it and failed the workflow, that fails again in the same way."""

    def fails() -> Flow[None]:
        raise Declined("at once")
        yield

    @workflow(registry=registry)
    def job() -> Flow[object]:
        return (yield from gather(fails(), wait_signal("never")))

    handle = failed(orchestrator, job(), Declined)
    handle.retry(from_step=0)

    with pytest.raises(Declined, match="at once"):
        handle.result(WAIT)


def test_of_many_completed_steps_some_are_listed(orchestrator: Orchestrator, registry: Registry, works: Works) -> None:
    """A long list is cut short, and says by how much."""

    @workflow(registry=registry)
    def job() -> Flow[None]:
        try:
            yield works.do("first")
        finally:
            yield gather(*(works.do(f"clean {number}") for number in range(8)))

    works.broken.add("first")
    handle = failed(orchestrator, job(), Declined)

    with pytest.raises(RetryRefusedError, match=r"\d \(do\), \d \(do\), \d \(do\), \d \(do\), \d \(do\), and 3 more"):
        handle.retry()


def test_a_failure_that_was_handled_is_not_to_blame(
    orchestrator: Orchestrator, registry: Registry, works: Works
) -> None:
    """A step that failed and was caught stays as it is: the workflow goes on from the step that ended it."""

    @workflow(registry=registry)
    def job() -> Flow[list[str]]:
        try:
            yield works.do("first choice")
        except Declined:
            yield works.do("second choice")
        return [(yield from works.do("rest"))]

    works.broken |= {"first choice", "rest"}
    handle = failed(orchestrator, job(), Declined)
    works.broken.clear()
    handle.retry()

    assert handle.result(WAIT) == ["rest"]
    assert works.done == ["second choice", "rest"]


def test_siblings_of_a_failed_step(orchestrator: Orchestrator, registry: Registry, gate: Gate, works: Works) -> None:
    """After a gather failed, its completed activities are kept, and those that were cancelled for it run again."""
    held: list[str] = []

    @activity(registry=registry)
    def hold() -> str:
        held.append("begun")
        gate.pass_through()
        return "held"

    @workflow(registry=registry)
    def job() -> Flow[Any]:
        return (yield from gather(works.do("quick"), hold(), wait_signal("fail"), fail_after_signal()))

    def fail_after_signal() -> Flow[str]:
        yield wait_signal("go")
        return (yield from works.do("last"))

    works.broken.add("last")
    handle = orchestrator.submit(job())
    gate.await_entry()
    # Its work, whose outcome was not applied, is cancelled with the rest.
    until(lambda: handle.describe().step == 1)
    handle.signal("go", 1)
    with pytest.raises(Declined):
        handle.result(WAIT)
    works.broken.clear()
    gate.open()
    handle.retry()
    handle.signal("fail", 2)

    assert handle.result(WAIT) == ["quick", "held", 2, "last"]
    assert (works.done, held) == (["quick", "last"], ["begun"] * 2)


# ---------------------------------------------------------------------- the workflow's own code


def test_code_that_raised_and_is_mended(database: Path) -> None:
    """If the workflow's own code raised, the last outcome is applied again, to the code of now; no step runs."""
    done: list[str] = []

    def deploy(mended: bool) -> Registry:
        registry = Registry()

        @activity(registry=registry)
        def price(item: str) -> dict[str, int]:
            done.append(item)
            return {"cents": 5}

        @workflow(registry=registry)
        def order() -> Flow[int]:
            first = yield from price("lamp")
            other = yield from price("chair")
            return first["cents"] + other["cents" if mended else "euros"]

        registry.add(order)
        deploy.order = order  # type: ignore[attr-defined]  # for the test
        return registry

    with Orchestrator(database, registry=deploy(False)) as before:
        handle = before.submit(deploy.order(), workflow_id="w")  # type: ignore[attr-defined]  # see above
        with pytest.raises(KeyError, match="euros"):
            handle.result(WAIT)
        handle.retry()
        with pytest.raises(KeyError, match="euros"):
            handle.result(WAIT)
    with Orchestrator(database, registry=deploy(True)) as after:
        after.handle("w").retry()
        assert after.handle("w").result(WAIT) == 10
    assert done == ["lamp", "chair"]


def test_code_that_raised_before_its_first_step(orchestrator: Orchestrator, registry: Registry) -> None:
    """A workflow that failed in its first turn begins anew."""
    broken = [True]

    @workflow(registry=registry)
    def job() -> Flow[str]:
        made = yield from uuid4()
        if broken:
            raise LookupError(str(made))
        return str(made)

    handle = orchestrator.submit(job())
    with pytest.raises(LookupError) as caught:
        handle.result(WAIT)
    broken.clear()
    handle.retry()

    assert handle.result(WAIT) == caught.value.args[0]


def test_code_that_raised_after_a_signal(orchestrator: Orchestrator, registry: Registry) -> None:
    """A signal that made the code fail is received again, before those that came later."""
    broken = [True]

    @workflow(registry=registry)
    def job() -> Flow[list[object]]:
        first = yield from wait_signal("a")
        if broken:
            raise LookupError
        return [first, (yield from wait_signal("a"))]

    handle = orchestrator.submit(job(), signal=("a", 1))
    with pytest.raises(LookupError):
        handle.result(WAIT)
    broken.clear()
    handle.retry()
    handle.signal("a", 2)

    assert handle.result(WAIT) == [1, 2]


# ---------------------------------------------------------------------- cancelled


def test_a_cancelled_workflow_goes_on(orchestrator: Orchestrator, registry: Registry, works: Works) -> None:
    """A cancelled workflow goes on where it waited, as if it had not been cancelled."""

    @workflow(registry=registry)
    def job() -> Flow[list[object]]:
        first = yield from works.do("first")
        return [first, (yield from wait_signal("go"))]

    handle = orchestrator.submit(job())
    until_waiting(handle, "go")
    handle.cancel("by mistake")
    with pytest.raises(WorkflowCancelledError):
        handle.result(WAIT)
    handle.retry()
    assert handle.describe().reason is None
    handle.signal("go", "on")

    assert handle.result(WAIT) == ["first", "on"]
    assert works.done == ["first"]


def test_a_cancelled_workflow_that_cleaned_up(orchestrator: Orchestrator, registry: Registry, works: Works) -> None:
    """Cleanup is listed like a compensation, and the step that the message names goes on before the cancellation."""

    @workflow(registry=registry)
    def job() -> Flow[object]:
        yield works.do("book")
        try:
            return (yield from wait_signal("go"))
        except Cancelled:
            yield works.do("give back")
            raise

    handle = orchestrator.submit(job())
    until_waiting(handle, "go")
    handle.cancel()
    with pytest.raises(WorkflowCancelledError):
        handle.result(WAIT)

    with pytest.raises(RetryRefusedError, match=r"after it was cancelled.*: 2 \(do\)\..*retry\(from_step=1\)"):
        handle.retry()
    handle.retry(from_step=1)
    handle.signal("go", "on")
    assert handle.result(WAIT) == "on"
    assert works.done == ["book", "give back"]


def test_a_terminated_workflow_waits_again_for_all_that_it_did(orchestrator: Orchestrator, registry: Registry) -> None:
    """A retried workflow waits again for everything that it waited for when it was terminated."""

    def second() -> Flow[object]:
        yield wait_signal("b")
        return (yield from wait_signal("c"))

    @workflow(registry=registry)
    def job() -> Flow[Any]:
        return (yield from gather(wait_signal("a"), second()))

    handle = orchestrator.submit(job())
    handle.signal("b")
    handle.terminate()
    handle.retry()
    handle.signal("a", 1)
    handle.signal("c", 2)

    assert handle.result(WAIT) == [1, 2]


@pytest.mark.parametrize("failed", [False, True])
def test_a_terminated_workflow_goes_on(
    orchestrator: Orchestrator, registry: Registry, works: Works, failed: bool
) -> None:
    """A terminated workflow goes on where it was, with all that it had received, failures too."""

    @workflow(registry=registry)
    def job() -> Flow[list[object]]:
        try:
            first = yield from works.do("first")
        except Declined as error:
            first = str(error)
        return [first, *(yield from gather(wait_signal("go"), wait_signal("too")))]

    works.broken = {"first"} if failed else set()
    handle = orchestrator.submit(job())
    until_waiting(handle, "go")
    handle.terminate()
    works.broken.clear()
    handle.retry()
    handle.signal("go", "on")
    handle.signal("too", 2)

    assert handle.result(WAIT) == ["no first" if failed else "first", "on", 2]
    assert works.done == ([] if failed else ["first"])


def test_a_workflow_whose_time_ran_out(orchestrator: Orchestrator, registry: Registry) -> None:
    """A workflow that timed out goes on from there when it is retried, without a time limit."""

    @workflow(registry=registry, timeout=0.02)
    def job() -> Flow[object]:
        return (yield from wait_signal("go"))

    handle = failed(orchestrator, job(), WorkflowTimeoutError)
    handle.retry()
    assert handle.describe().deadline_at is None
    handle.signal("go", "on")

    assert handle.result(WAIT) == "on"


def test_one_that_was_ended_before_its_start(store: Orchestrator) -> None:
    """A delayed workflow that was cancelled before its start is to start again at its time."""
    handle = store.submit(total(1), delay=3600)
    handle.cancel()
    handle.retry()

    assert (handle.describe().status, handle.describe().started_at) == (WorkflowStatus.PROCESSING, None)
