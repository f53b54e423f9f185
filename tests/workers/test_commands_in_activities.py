"""A command that is made in an activity does nothing there: that is an error, which says what to write instead."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import yieldflow
from yieldflow import (
    Flow,
    MisplacedCallError,
    Orchestrator,
    Registry,
    activity,
    activity_context,
    gather,
    race,
    sleep,
    start,
    wait_for,
    wait_signal,
    workflow,
)
from yieldflow._core.commands import Command
from yieldflow.testing import Stepper, real, run_workflow

registry = Registry()


@activity(registry=registry)
def other(key: str) -> str:
    return f"other {key}"


@workflow(registry=registry)
def child(key: str) -> Flow[str]:
    return (yield from other(key))


def helper() -> Flow[None]:
    yield sleep(1)


OTHER = other("a")

#: A command of each kind, and what the error says to write instead.
SLIPS: dict[str, tuple[Callable[[], object], str]] = {
    "sleep": (lambda: sleep(1), "time.sleep(1)"),
    "sleep_until": (lambda: yieldflow.sleep_until(datetime.now(UTC)), "before the activity"),
    "wait_signal": (lambda: wait_signal("go"), "argument"),
    "take_signals": (lambda: yieldflow.take_signals("go"), "argument"),
    "now": (yieldflow.now, "datetime.now(UTC)"),
    "uuid4": (yieldflow.uuid4, "activity_context().idempotency_key"),
    "random": (yieldflow.random, "random.random()"),
    "info": (yieldflow.info, "activity_context()"),
    "patched": (lambda: yieldflow.patched("x"), "argument"),
    "set_progress": (lambda: yieldflow.set_progress(1), "activity_context().heartbeat(1)"),
    "gather": (lambda: gather(helper()), "asyncio.gather"),
    "race": (lambda: race(helper()), "workflow"),
    "wait_for": (lambda: wait_for(helper(), 1), "asyncio.wait_for"),
    "start": (lambda: start(helper()), "workflow"),
    "continue_as_new": (lambda: yieldflow.continue_as_new(child("a")), "workflow"),
    "activity": (lambda: other("a"), "other.fn(...)"),
    "with_options": (lambda: OTHER.with_options(timeout=1), "other.fn(...)"),
    "in a helper": (lambda: list(helper()), "time.sleep(1)"),
}


@activity(registry=registry)
def slips(slip: str) -> None:
    SLIPS[slip][0]()


@activity(registry=registry)
async def slips_async(slip: str) -> None:
    await asyncio.to_thread(SLIPS[slip][0])


def naps(slip: str) -> None:
    """Sleeps, as only a workflow can."""
    sleep(1)


SLIPPING: dict[str, Callable[[str], Any]] = {
    "thread": slips,
    "async": slips_async,
    "process": activity(naps, name="naps in a process", registry=registry, executor="process"),
    "own": activity(naps, name="naps in an executor", registry=registry, executor="own"),
}


@workflow(registry=registry)
def slipping(executor: str, slip: str) -> Flow[Any]:
    return (yield SLIPPING[executor](slip))


@contextmanager
def started(tmp_path: Path) -> Iterator[Orchestrator]:
    with (
        ThreadPoolExecutor(1) as own,
        Orchestrator(tmp_path / "x.db", registry=registry, executors={"own": own}) as orchestrator,
    ):
        yield orchestrator


@pytest.mark.parametrize("slip", SLIPS)
def test_a_command_in_an_activity_is_an_error(slip: str) -> None:
    """The attempt fails, and the error names the activity, the command, and what to write there."""
    ending = run_workflow(slipping("thread", slip), activities={slips: real})

    with pytest.raises(MisplacedCallError) as raised:
        _ = ending.result
    assert "in activity 'slips'" in str(raised.value)
    assert SLIPS[slip][1] in str(raised.value)


@pytest.mark.parametrize("executor", SLIPPING)
def test_it_is_an_error_wherever_the_activity_runs(tmp_path: Path, executor: str) -> None:
    """On a thread, in what an async activity hands to another, in a worker process, and in an executor handed over."""
    with started(tmp_path) as orchestrator, pytest.raises(MisplacedCallError, match=r"time\.sleep\(1\)"):
        orchestrator.run(slipping(executor, "sleep"))


def test_every_command_says_what_to_write_in_an_activity() -> None:
    """No kind of command is left without an answer."""
    kinds: list[Any] = [Command]
    for kind in kinds:
        kinds += kind.__subclasses__()
    speechless = {kind.__name__ for kind in kinds if kind.instead_in_activity is Command.instead_in_activity}

    # These are made by others: no function of the package returns them.
    assert speechless == {"Command", "Delegated", "Task", "Invocation"}


# ---------------------------------------------------------------------- workflows


def test_a_workflow_that_is_called_and_dropped_in_an_activity_is_an_error() -> None:
    """A call of a workflow that stands alone runs nothing: the error says to submit it."""

    mine = Registry()

    @activity(registry=mine)
    def drops() -> None:
        child("a")

    @workflow(registry=mine)
    def job() -> Flow[None]:
        yield drops()

    ending = run_workflow(job(), activities={drops: real})

    with pytest.raises(MisplacedCallError, match=r"orchestrator\.submit\(child\(key='a'\)\)"):
        _ = ending.result


def test_an_activity_submits_workflows(tmp_path: Path) -> None:
    """An activity calls workflows in order to submit them, one by one or many, in whichever way it gathers them."""
    mine = Registry()
    mine.add(child)
    mine.add(other)

    @activity(registry=mine)
    def submits() -> list[str]:
        many = [child("a")]
        many.extend(map(child, "bc"))
        many.append(child("d").with_options(timeout=60))
        found = [handle.result(30) for handle in orchestrator.submit_many(many)]
        return [*found, orchestrator.run(child("e")), orchestrator.submit(child(key="f")).result(30)]

    @workflow(registry=mine)
    def job() -> Flow[list[str]]:
        return (yield from submits())

    with Orchestrator(tmp_path / "x.db", registry=mine) as orchestrator:
        assert orchestrator.run(job()) == [f"other {key}" for key in "abcdef"]


# ---------------------------------------------------------------------- what is no slip


def calls_the_function_itself() -> object:
    return other.fn("a")


def makes_a_helper_that_nobody_drives() -> object:
    return type(helper()).__name__


def steps_a_workflow() -> object:
    flow = Stepper(child("a"))
    flow.resolve(other("a"), "stepped")
    assert flow.result == "stepped"
    return activity_context().step


def checks_a_workflow() -> object:
    ending = run_workflow(child("a"), activities={other: lambda key: f"called {other(key)}"})
    assert ending.called == [other("a")]
    return ending.result


def defines_a_workflow() -> object:
    own = Registry()

    @activity(registry=own)
    def inner() -> int:
        return 1

    @workflow(registry=own)
    def outer() -> Flow[int]:
        yield sleep(1)
        return (yield from inner())

    return run_workflow(outer(), activities={inner: real}).result


def imports_a_module() -> object:
    return str(importlib.import_module("flows_with_constants").PAUSE)


LEGITIMATE: list[tuple[Callable[[], object], object]] = [
    (calls_the_function_itself, "other a"),
    (makes_a_helper_that_nobody_drives, "generator"),
    (steps_a_workflow, 0),
    (checks_a_workflow, "called other(key='a')"),
    (defines_a_workflow, 1),
    (imports_a_module, "sleep(5)"),
]


@pytest.mark.parametrize(("does", "expected"), LEGITIMATE, ids=lambda one: getattr(one, "__name__", ""))
def test_what_is_no_slip_works_in_an_activity(
    does: Callable[[], object], expected: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An activity may call functions, test workflows, define some, and import a module that keeps commands."""
    (tmp_path / "flows_with_constants.py").write_text("import yieldflow\nPAUSE = yieldflow.sleep(5)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "flows_with_constants", raising=False)
    mine = Registry()
    acting = activity(does, registry=mine)

    @workflow(registry=mine)
    def job() -> Flow[object]:
        return (yield from acting())

    with Orchestrator(tmp_path / "x.db", registry=mine) as orchestrator:
        assert orchestrator.run(job()) == expected


def test_commands_made_outside_of_activities_are_values() -> None:
    """A program or a test makes commands where it likes, to compare them say."""
    assert [sleep(1), other("a"), child("a")] == [sleep(1.0), other(key="a"), child(key="a")]
