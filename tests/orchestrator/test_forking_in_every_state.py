"""Forks of workflows in every state, of later runs and of parents, and the forks that are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.counter import Counter
from tests.support.programs import desk
from tests.support.programs.launch import Program
from tests.support.shop import WAIT, nap, total, until_waiting
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    WorkflowAlreadyExistsError,
    WorkflowCancelledError,
    WorkflowNotFoundError,
    activity,
    continue_as_new,
    patched,
    race,
    sleep,
    wait_signal,
    workflow,
)


def test_a_fork_of_a_failed_workflow(orchestrator: Orchestrator, registry: Registry) -> None:
    """A copy of a failed workflow goes on from before the failure; the original stays failed."""
    broken = [True]

    @activity(registry=registry)
    def work(label: str) -> str:
        if broken and label == "b":
            raise ValueError(label)
        return label

    @workflow(registry=registry)
    def job() -> Flow[list[str]]:
        return [(yield from work("a")), (yield from work("b"))]

    handle = orchestrator.submit(job())
    with pytest.raises(ValueError, match="b"):
        handle.result(WAIT)
    broken.clear()

    assert handle.fork(1).result(WAIT) == ["a", "b"]
    with pytest.raises(ValueError, match="b"):
        handle.result(WAIT)


@pytest.mark.parametrize("how", ["cancel", "terminate", "suspend"])
def test_a_fork_of_one_that_was_stopped(orchestrator: Orchestrator, registry: Registry, how: str) -> None:
    """A copy of a cancelled, terminated or suspended workflow is none of these: it goes on."""

    @workflow(registry=registry)
    def job() -> Flow[object]:
        return (yield from wait_signal("go"))

    handle = orchestrator.submit(job())
    getattr(handle, how)()
    if how == "cancel":
        with pytest.raises(WorkflowCancelledError):
            handle.result(WAIT)
    copy = handle.fork(0)
    copy.signal("go", "on")

    assert copy.result(WAIT) == "on"


def test_a_fork_of_a_race(orchestrator: Orchestrator, registry: Registry, counter: Counter) -> None:
    """A command that lost a race before the fork has lost it in the copy; a race that was open is run again."""

    @workflow(registry=registry)
    def job() -> Flow[list[Any]]:
        won = yield from race(wait_signal("never"), counter.count("a"))
        return [won, (yield from race(wait_signal("never"), counter.count("b")))]

    handle = orchestrator.submit(job())
    assert handle.result(WAIT) == [(1, "a 1"), (1, "b 2")]

    assert handle.fork(2).result(WAIT) == [(1, "a 1"), (1, "b 3")]
    assert handle.fork(3).result(WAIT) == [(1, "a 1"), (1, "b 4")]
    assert handle.fork(0).result(WAIT) == [(1, "a 5"), (1, "b 6")]


def test_a_fork_at_a_step_of_the_last_turn(orchestrator: Orchestrator, registry: Registry) -> None:
    """If the turn that issued the step has dropped it and ended the workflow, the copy ends in the same way."""

    def at_once() -> Flow[str]:
        return "at once"
        yield

    @workflow(registry=registry)
    def job() -> Flow[object]:
        return (yield from race(at_once(), sleep(60)))

    handle = orchestrator.submit(job())
    assert handle.result(WAIT) == (0, "at once")

    copy = handle.fork(0)
    assert copy.result(WAIT) == (0, "at once")
    assert copy.describe().finished_at is not None


def test_a_fork_of_a_later_run(orchestrator: Orchestrator, registry: Registry, counter: Counter) -> None:
    """A workflow that continued as new is forked in the run that it is in."""

    @workflow(registry=registry)
    def loop(turns: int) -> Flow[list[str]]:
        first = yield from counter.count(f"run {turns}")
        if turns:
            return (yield from continue_as_new(loop(turns - 1)))
        return [first, (yield from counter.count("last"))]

    handle = orchestrator.submit(loop(2))
    assert handle.result(WAIT) == ["run 0 3", "last 4"]
    copy = handle.fork(1)

    assert copy.result(WAIT) == ["run 0 3", "last 5"]
    assert (handle.describe().run, copy.describe().input) == (3, {"turns": 0})


def test_children_of_a_fork(orchestrator: Orchestrator, registry: Registry, counter: Counter) -> None:
    """A child's result from before the fork is kept; a child that was open then is started anew by the copy."""

    @workflow(registry=registry)
    def child(label: str) -> Flow[str]:
        return (yield from counter.count(label))

    @workflow(registry=registry)
    def parent() -> Flow[list[str]]:
        return [(yield from child("a")), (yield from child("b"))]

    handle = orchestrator.submit(parent())
    assert handle.result(WAIT) == ["a 1", "b 2"]
    copy = handle.fork(1)

    assert copy.result(WAIT) == ["a 1", "b 3"]
    assert len(orchestrator.list_workflows(parent=handle.id)) == 2
    assert [entry["input"] for entry in orchestrator.list_workflows(parent=copy.id)] == [{"label": "b"}]


def test_a_fork_keeps_what_patched_said(database: Path) -> None:
    """In the copy, patched() says what it said in the original for what was kept, and is decided anew after it."""

    def code(changed: bool) -> tuple[Registry, Any]:
        registry = Registry()
        counter = Counter(registry)

        @workflow(registry=registry)
        def job() -> Flow[list[object]]:
            first = (yield from patched("one")) if changed else "old code"
            yield counter.count("a")
            return [first, (yield from patched("two")) if changed else "old code"]

        return registry, job

    registry, job = code(changed=False)
    with Orchestrator(database, registry=registry) as before:
        assert before.submit(job(), workflow_id="old").result(WAIT) == ["old code", "old code"]
    registry, job = code(changed=True)
    with Orchestrator(database, registry=registry) as after:
        new = after.submit(job())
        assert new.result(WAIT) == [True, True]
        assert new.fork(0).result(WAIT) == [True, True]
        assert after.handle("old").fork(0).result(WAIT) == [False, True]


# ---------------------------------------------------------------------- refusals, and from elsewhere


def test_an_unknown_step(store: Orchestrator) -> None:
    """A step that is not there is refused, with those that are; nothing is written."""
    handle = store.submit(total(1, count=2), workflow_id="w")
    handle.result(WAIT)
    for step in (2, -1, 10**30):
        with pytest.raises(ValueError, match=rf"w has no step {step}: it has the steps 0 to 1"):
            handle.fork(step)
    wrong: Any
    for wrong in ("0", None, True, 1.0):
        with pytest.raises(TypeError, match="a step is given by its number"):
            handle.fork(wrong)
    delayed = store.submit(nap(), delay=3600)
    with pytest.raises(ValueError, match="has no step 0: it has none"):
        delayed.fork(0)

    assert len(store.list_workflows()) == 2


def test_an_id_that_cannot_be_the_copy_s(store: Orchestrator) -> None:
    """The id of the copy must be free and an id; nothing is written otherwise."""
    handle = store.submit(total(1), workflow_id="w")
    handle.result(WAIT)
    with pytest.raises(WorkflowAlreadyExistsError, match="'w' is taken: choose another for the copy"):
        handle.fork(0, workflow_id="w")
    wrong: Any
    for wrong in ("", 5):
        with pytest.raises(TypeError, match="workflow id"):
            handle.fork(0, workflow_id=wrong)

    assert len(store.list_workflows()) == 1


def test_a_workflow_that_is_not_there(store: Orchestrator) -> None:
    """A workflow that was deleted cannot be forked; a copy outlives its original."""
    handle = store.submit(total(1), workflow_id="w")
    handle.result(WAIT)
    copy = handle.fork(1)
    store.delete("w")

    assert copy.result(WAIT) == 4
    with pytest.raises(WorkflowNotFoundError, match="'w'"):
        handle.fork(0)


def test_a_client_forks_what_another_process_runs(database: Path) -> None:
    """A client's fork is run by the process that owns the file."""
    client = Orchestrator(database, registry=desk.registry)
    with Program("desk", database) as running:
        assert running.line() == "started"
        handle = client.submit(desk.approval(2), signal=("approve", 1))
        until_waiting(handle, "approve")
        copy = handle.fork(0, workflow_id="copy")
        handle.signal("approve", "here")
        copy.signal("approve", "there")
        assert handle.result(WAIT) == [1, "here"]
        assert copy.result(WAIT) == [1, "there"]
    client.stop()


def test_forked_while_nothing_runs(database: Path, registry: Registry, counter: Counter, chain: Any) -> None:
    """A fork made while nobody owns the file runs at the next start."""
    with Orchestrator(database, registry=registry) as first:
        handle = first.submit(chain())
        handle.result(WAIT)
    copy = handle.fork(3)
    with Orchestrator(database, registry=registry) as second:
        assert second.handle(copy.id).result(WAIT) == ["a 1", "b 2", "c 3", "d 5"]
