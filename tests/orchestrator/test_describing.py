"""`describe` and the status of a workflow under way: what it waits for, how far it says it is, its version."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import desk
from tests.support.programs.launch import Program
from tests.support.shop import WAIT, Gate, nap, shop, total, until, until_waiting
from yieldflow import (
    EncodingError,
    Flow,
    Orchestrator,
    Registry,
    StepKind,
    WorkflowStatus,
    activity,
    continue_as_new,
    gather,
    now,
    set_progress,
    sleep,
    sleep_until,
    start,
    wait_for,
    wait_signal,
    workflow,
)

FAR = datetime(2100, 1, 1, tzinfo=UTC)


def _line_of(function: Callable[..., Any], text: str) -> str:
    """``file:line`` of the first line of a function that holds ``text``."""
    lines, first = inspect.getsourcelines(function)
    return f"{__file__}:{first + next(number for number, line in enumerate(lines) if text in line)}"


def test_what_each_branch_waits_for(orchestrator: Orchestrator, registry: Registry, gate: Gate) -> None:
    """Every branch shows what it waits for: kind, name, the line of its yield, since when, and when a sleep ends."""

    @activity(registry=registry)
    def hold() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def child() -> Flow[None]:
        yield wait_signal("never")

    def branch() -> Flow[None]:
        yield now()
        yield wait_signal("approve")

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield start(sleep_until(FAR))
        yield gather(
            hold(),
            branch(),
            sleep(timedelta(days=1)),
            child(),
        )

    before = datetime.now(UTC)
    handle = orchestrator.submit(job())
    gate.await_entry()
    after = datetime.now(UTC)
    waiting = handle.describe().waiting_for
    source = job.fn

    assert [(one.step, one.kind, one.name) for one in waiting] == [
        (0, StepKind.SLEEP, "sleep_until"),
        (1, StepKind.ACTIVITY, "hold"),
        (2, StepKind.SLEEP, "sleep"),
        (3, StepKind.CHILD, "child"),
        (4, StepKind.WAIT_SIGNAL, "approve"),
    ]
    gathered = _line_of(source, "yield gather(")
    assert [one.source for one in waiting] == [
        _line_of(source, "sleep_until(FAR)"),
        *[gathered] * 3,
        _line_of(branch, 'wait_signal("approve")'),
    ]
    assert all(before <= one.since <= after for one in waiting)
    due = [one.due_at for one in waiting]
    assert (due[0], due[2]) == (FAR, waiting[2].since + timedelta(days=1))
    assert due[1:2] + due[3:] == [None] * 3
    assert handle.describe().current_activity == "hold"


def test_since_when_each_is_waited_for(orchestrator: Orchestrator, registry: Registry) -> None:
    """A step that began later is waited for since later; a step that is over is waited for no longer."""

    def branch() -> Flow[None]:
        yield wait_signal("one")
        yield wait_signal("two")

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield gather(wait_signal("other"), branch())

    handle = orchestrator.submit(job())
    first = handle.describe()
    handle.signal("one")
    second = handle.describe()

    assert [one.name for one in first.waiting_for] == ["other", "one"]
    assert [one.name for one in second.waiting_for] == ["other", "two"]
    other, two = second.waiting_for
    assert other == first.waiting_for[0]
    assert two.since > other.since
    assert (second.step, second.updated_at) == (1, two.since)


def test_a_wait_with_a_deadline_shows_both(orchestrator: Orchestrator, registry: Registry) -> None:
    """`wait_for` waits for the command and for the time, and both are shown."""

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield wait_for(wait_signal("approve"), timedelta(days=2))

    waiting = orchestrator.submit(job()).describe().waiting_for

    assert {one.name for one in waiting} == {"approve", "sleep"}
    assert [one.due_at - one.since for one in waiting if one.due_at is not None] == [timedelta(days=2)]


def test_a_limit_shows_only_what_has_begun(orchestrator: Orchestrator, registry: Registry) -> None:
    """In a gather with a limit, only the commands that have begun are waited for."""

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield gather(*(wait_signal(f"s{number}") for number in range(10)), limit=3)

    handle = orchestrator.submit(job())
    assert [one.name for one in handle.describe().waiting_for] == ["s0", "s1", "s2"]
    handle.signal("s1")
    assert [one.name for one in handle.describe().waiting_for] == ["s0", "s2", "s3"]


def test_what_is_waited_for_outlives_a_restart(database: Path) -> None:
    """The steps that are waited for are read from disk: by a client, while nothing runs, and without the code."""
    with Orchestrator(database, registry=desk.registry) as first:
        waiting = first.submit(desk.waiting(), workflow_id="w").describe().waiting_for
    reader = Orchestrator(database, registry=Registry())

    assert [one.name for one in waiting] == ["sleep", "approve"]
    assert reader.handle("w").describe().waiting_for == waiting
    assert waiting[1].source.startswith(f"{desk.__file__}:")
    reader.stop()


def test_a_client_sees_what_another_process_waits_for(database: Path) -> None:
    """describe() tells of a workflow that another process runs."""
    client = Orchestrator(database, registry=desk.registry)
    with Program("desk", database) as running:
        assert running.line() == "started"
        handle = client.submit(desk.waiting())
        until_waiting(handle, "approve")
        handle.signal("approve")
        until(lambda: [one.name for one in handle.describe().waiting_for] == ["sleep"])
    client.stop()


def test_nothing_is_waited_for(store: Orchestrator) -> None:
    """One that has ended, or has not started, waits for nothing."""
    done = store.submit(total(1))
    done.result(WAIT)
    ended = store.submit(nap())
    ended.terminate()
    delayed = store.submit(nap(), delay=3600)

    assert [handle.describe().waiting_for for handle in (done, ended, delayed)] == [()] * 3


def test_a_status_is_plain(store: Orchestrator) -> None:
    """The dictionary has every field but what is waited for, all of them plain values."""
    handle = store.submit(nap().with_options(timeout=60))
    status = store.get_workflow_status(handle.id)
    described = handle.describe()

    assert "waiting_for" not in status
    assert set(status) == set(described.__slots__) - {"waiting_for", "buffered_signals"}
    assert {type(value) for value in status.values()} <= {str, int, dict, type(None)}
    assert described.deadline_at is not None
    assert status["deadline_at"] == described.deadline_at.isoformat()


# ---------------------------------------------------------------------- progress


def test_progress_while_it_runs(orchestrator: Orchestrator, registry: Registry, gate: Gate) -> None:
    """The value set last is in the status, while the workflow runs and after its end."""

    @activity(registry=registry)
    def hold() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def job() -> Flow[str]:
        yield set_progress({"done": 1, "of": 2})
        yield wait_signal("go")
        yield set_progress("half")
        yield set_progress({"done": 2, "of": 2})
        yield hold()
        return "all"

    handle = orchestrator.submit(job())
    assert handle.describe().progress == {"done": 1, "of": 2}
    handle.signal("go")
    gate.await_entry()
    while_held = (handle.describe().progress, orchestrator.get_workflow_status(handle.id)["progress"])
    gate.open()
    handle.result(WAIT)

    assert while_held == ({"done": 2, "of": 2},) * 2
    assert handle.describe().progress == {"done": 2, "of": 2}
    assert orchestrator.list_workflows()[0]["progress"] == {"done": 2, "of": 2}


def test_no_progress(store: Orchestrator) -> None:
    """A workflow that says nothing of its progress has None."""
    assert store.submit(nap()).describe().progress is None


def test_progress_that_is_no_json(orchestrator: Orchestrator, registry: Registry) -> None:
    """Progress may be whatever can be stored; it shows as it is stored, with tags."""

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield set_progress({1, 2})
        yield wait_signal("go")

    assert orchestrator.submit(job()).describe().progress == {"$set": [1, 2]}


def test_progress_that_cannot_be_stored(orchestrator: Orchestrator, registry: Registry) -> None:
    """Progress that cannot be stored is the workflow's failure, named as such."""

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield set_progress(Gate())

    with pytest.raises(EncodingError, match=r"the progress.*lock|the progress.*semaphore"):
        orchestrator.submit(job()).result(WAIT)


def test_progress_of_the_next_run(orchestrator: Orchestrator, registry: Registry) -> None:
    """Progress stays when a workflow continues as new, until the next is set."""

    @workflow(registry=registry)
    def job(run: int) -> Flow[None]:
        if run == 1:
            yield set_progress("first run")
            yield continue_as_new(job(2))
        yield wait_signal("go")
        yield set_progress("second run")

    handle = orchestrator.submit(job(1))
    until_waiting(handle, "go")
    assert (handle.describe().run, handle.describe().progress) == (2, "first run")
    handle.signal("go")
    handle.result(WAIT)

    assert handle.describe().progress == "second run"


# ---------------------------------------------------------------------- versions and the rest


def test_the_version_of_the_code(orchestrator: Orchestrator, registry: Registry) -> None:
    """The version that a workflow was submitted with is in its description; None where the code has none."""

    @workflow(registry=registry, version="2026-03")
    def dated() -> Flow[None]:
        yield wait_signal("go")

    @workflow(registry=registry)
    def undated() -> Flow[None]:
        yield dated()

    handle = orchestrator.submit(undated())
    until(lambda: orchestrator.list_workflows("dated"))

    assert (handle.describe().version, orchestrator.submit(dated()).describe().version) == (None, "2026-03")
    assert [entry["version"] for entry in orchestrator.list_workflows("dated")] == ["2026-03"] * 2


def test_a_stalled_workflow_shows_why(database: Path) -> None:
    """The reason is in the status as it is in the error."""
    client = Orchestrator(database, registry=shop)
    client.submit(nap(), workflow_id="w")
    with Orchestrator(database, registry=Registry()) as without:
        handle = without.handle("w")
        until(lambda: handle.describe().status is WorkflowStatus.STALLED)
        assert "no workflow named 'nap' is registered" in str(handle.describe().reason)
        assert without.list_workflows(status="stalled")[0]["reason"] == handle.describe().reason
    client.stop()


def test_a_description_is_a_value(store: Orchestrator) -> None:
    """A description is what it was when it was asked for, and cannot be changed."""
    handle = store.submit(total(1))
    handle.result(WAIT)
    described = handle.describe()

    assert described == handle.describe()
    with pytest.raises(AttributeError):
        described.status = WorkflowStatus.FAILED  # type: ignore[misc]  # that is the point


def test_signals_that_were_not_taken(orchestrator: Orchestrator, registry: Registry, database: Path) -> None:
    """A signal under a name that nobody waits for shows, since when and how often; one that was taken does not."""

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield wait_signal("approved")
        yield wait_signal("paid")

    handle = orchestrator.submit(job())
    assert handle.describe().buffered_signals == ()
    before = datetime.now(UTC)
    handle.signal("aproved")
    handle.signal("aproved")
    handle.signal("approved")
    until(lambda: handle.describe().step == 1)

    for owner in (orchestrator, Orchestrator(database, registry=registry)):
        (signals,) = owner.handle(handle.id).describe().buffered_signals
        assert (signals.name, signals.count) == ("aproved", 2)
        assert before <= signals.since <= datetime.now(UTC)
    assert "buffered_signals" not in orchestrator.get_workflow_status(handle.id)
