"""Tracing: a tracer is told of starts and ends of workflows and attempts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import WAIT, Gate
from yieldflow import (
    AttemptInfo,
    Flow,
    Orchestrator,
    Registry,
    RetryPolicy,
    Tracer,
    WorkflowInfo,
    WorkflowStatus,
    activity,
    continue_as_new,
    sleep,
    workflow,
)


class Recorder(Tracer):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def workflow_started(self, workflow: WorkflowInfo) -> None:
        self.heard.append(("started", workflow.name, workflow.run))

    def workflow_ended(self, workflow: WorkflowInfo, status: WorkflowStatus, error: str | None) -> None:
        self.heard.append(("ended", workflow.name, workflow.run, status.value, error))

    def attempt_started(self, attempt: AttemptInfo) -> None:
        self.heard.append(("began", attempt.activity, attempt.attempt))

    def attempt_ended(self, attempt: AttemptInfo, error: str | None) -> None:
        self.heard.append(("finished", attempt.activity, attempt.attempt, error))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def traced(database: Path, registry: Registry, recorder: Recorder) -> Any:
    with Orchestrator(database, registry=registry, tracer=recorder) as orchestrator:
        yield orchestrator


def test_a_tracer_hears_of_every_start_and_end(traced: Orchestrator, registry: Registry, recorder: Recorder) -> None:
    """Workflows and each attempt at an activity, in the order in which they begin and end."""

    @activity(registry=registry, retry=RetryPolicy(initial_interval=0.001, maximum_attempts=2))
    def charge() -> str:
        raise ConnectionError("no bank")

    @workflow(registry=registry)
    def order() -> Flow[str]:
        return (yield from charge())

    with pytest.raises(ConnectionError):
        traced.submit(order()).result(WAIT)
    assert recorder.heard == [
        ("started", "order", 1),
        ("began", "charge", 1),
        ("finished", "charge", 1, "ConnectionError: no bank"),
        ("began", "charge", 2),
        ("finished", "charge", 2, "ConnectionError: no bank"),
        ("ended", "order", 1, "failed", "ConnectionError: no bank"),
    ]


def test_each_run_is_a_start_and_an_end(traced: Orchestrator, registry: Registry, recorder: Recorder) -> None:
    """A run that continues as new ends as processing, and the next one starts."""

    @workflow(registry=registry)
    def monitor(left: int) -> Flow[str]:
        yield sleep(0)
        if left == 0:
            return "over"
        return (yield from continue_as_new(monitor(left - 1)))

    assert traced.submit(monitor(1)).result(WAIT) == "over"
    assert recorder.heard == [
        ("started", "monitor", 1),
        ("ended", "monitor", 1, "processing", None),
        ("started", "monitor", 2),
        ("ended", "monitor", 2, "done", None),
    ]


def test_a_cancelled_workflow_ends_with_its_reason(
    traced: Orchestrator, registry: Registry, recorder: Recorder
) -> None:
    """The reason that was given is what is told of a cancellation."""

    @workflow(registry=registry)
    def waits() -> Flow[None]:
        yield sleep(3600)

    traced.submit(waits()).terminate("no longer wanted")
    assert recorder.heard[-1] == ("ended", "waits", 1, "cancelled", "no longer wanted")


def test_an_attempt_whose_time_ran_out_ends_once(
    traced: Orchestrator, registry: Registry, recorder: Recorder, gate: Gate
) -> None:
    """It is told when its time is over, and not again when its thread is done with it."""

    @activity(registry=registry, timeout=0.02)
    def hang() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def job() -> Flow[str]:
        try:
            yield hang()
        except TimeoutError:
            return "timed out"
        return "done"

    assert traced.submit(job()).result(WAIT) == "timed out"
    gate.open()
    traced.stop()
    ends = [heard for heard in recorder.heard if heard[0] == "finished"]
    error = "ActivityTimeoutError: attempt 1 at activity 'hang' took longer than its timeout of 0.02 s"
    assert ends == [("finished", "hang", 1, error)]


def test_a_tracer_that_fails_does_no_harm(database: Path, registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    """An exception of a tracer is logged once for each method, and changes nothing."""

    class Broken(Tracer):
        def attempt_started(self, attempt: AttemptInfo) -> None:
            raise ValueError("broken tracer")

    @activity(registry=registry)
    def work() -> int:
        return 1

    @workflow(registry=registry)
    def job() -> Flow[int]:
        return (yield from work()) + (yield from work())

    with Orchestrator(database, registry=registry, tracer=Broken()) as orchestrator:
        assert orchestrator.submit(job()).result(WAIT) == 2
    assert [record.message for record in caplog.records] == ["attempt_started of the tracer failed; this is told once"]


def test_a_tracer_is_derived_from_tracer() -> None:
    """An object that is no `Tracer` is refused when it is given."""
    with pytest.raises(TypeError, match="tracer is a Tracer: derive your class from it"):
        Orchestrator("never.db", tracer=print)  # type: ignore[arg-type]  # the mistake
