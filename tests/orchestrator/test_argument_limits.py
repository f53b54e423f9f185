"""Numbers and texts of every kind, in every parameter: taken, or refused by an error in words of our own."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import yieldflow
from tests.support.programs.launch import WAIT
from yieldflow import (
    ActivityError,
    Flow,
    Orchestrator,
    Registry,
    RetryPolicy,
    WorkflowHandle,
    YieldflowError,
    activity,
    gather,
    patched,
    set_progress,
    sleep,
    sleep_until,
    take_signals,
    wait_for,
    wait_signal,
    workflow,
)
from yieldflow.testing import Stepper, after, explore, run_workflow

OURS = str(Path(yieldflow.__file__).parent)
registry = Registry()


class Shy:
    """Shows itself to nobody."""

    def __repr__(self) -> str:
        raise ZeroDivisionError


@activity(registry=registry)
def act() -> int:
    return 1


@activity(registry=registry, retry=RetryPolicy(initial_interval=0.001, maximum_attempts=2))
def asks(seconds: Any) -> None:
    raise ActivityError("again", retry_after=seconds)


@workflow(registry=registry)
def quick() -> Flow[int]:
    return (yield from act())


@workflow(registry=registry)
def asks_for(seconds: Any) -> Flow[Any]:
    return (yield from asks(seconds))


@workflow(registry=registry)
def waits() -> Flow[Any]:
    return (yield from wait_signal("go"))


def with_option(name: str) -> Callable[[Orchestrator, Any], object]:
    options: Any = act().with_options
    return lambda all, given: options(**{name: given})


NUMBERS: dict[str, Any] = {
    "10**400": 10**400,
    "-10**400": -(10**400),
    "10**5000": 10**5000,
    "-10**5000": -(10**5000),
    "2**63": 1 << 63,
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "1e308": 1e308,
    "5e-324": 5e-324,
    "-1": -1,
    "-0.5": -0.5,
    "0": 0,
    "True": True,
    "Decimal": Decimal(1),
    "Decimal nan": Decimal("sNaN"),
    "Fraction": Fraction(1, 3),
    "complex": 1j,
    "text": "1",
    "bytes": b"1",
    "timedelta": timedelta(seconds=1),
    "timedelta.max": timedelta.max,
    "timedelta.min": timedelta.min,
    "shy": Shy(),
}

#: Every parameter that is a number or a length of time: the words by which a refusal names it, and a call with it.
NUMERIC: dict[str, tuple[str, Callable[[Orchestrator, Any], object]]] = {
    "Orchestrator: max_workers": ("max_workers", lambda all, given: Orchestrator(all_path(all), given)),
    "Orchestrator: max_live": ("max_live", lambda all, given: Orchestrator(all_path(all), max_live=given)),
    "Orchestrator: max_recovery_attempts": (
        "max_recovery_attempts",
        lambda all, given: Orchestrator(all_path(all), max_recovery_attempts=given),
    ),
    "Orchestrator: max_processes": (
        "max_processes",
        lambda all, given: Orchestrator(all_path(all), max_processes=given),
    ),
    "start: timeout": ("timeout", lambda all, given: all.start(wait=True, timeout=given)),
    "start: timeout without wait": ("timeout", lambda all, given: all.start(timeout=given)),
    "stop: timeout": ("timeout", lambda all, given: Orchestrator(all_path(all)).stop(given)),
    "submit: delay": ("delay", lambda all, given: all.submit(waits(), delay=given)),
    "result: timeout": ("timeout", lambda all, given: all.submit(quick()).result(given)),
    "list_workflows: limit": ("limit", lambda all, given: all.list_workflows("none", limit=given)),
    "purge: older_than": ("older_than", lambda all, given: all.purge(given, "cancelled")),
    "retry: from_step": ("step", lambda all, given: failed(all).retry(given)),
    "fork: step": ("step", lambda all, given: all.handle("waits").fork(given)),
    "RetryPolicy: initial_interval": ("initial_interval", lambda all, given: RetryPolicy(initial_interval=given)),
    "RetryPolicy: backoff_coefficient": (
        "backoff_coefficient",
        lambda all, given: RetryPolicy(backoff_coefficient=given).interval(10**6, 0.5),
    ),
    "RetryPolicy: maximum_interval": ("maximum_interval", lambda all, given: RetryPolicy(maximum_interval=given)),
    "RetryPolicy: maximum_attempts": ("maximum_attempts", lambda all, given: RetryPolicy(maximum_attempts=given)),
    "RetryPolicy: jitter": ("jitter", lambda all, given: RetryPolicy(jitter=given)),
    **{
        f"activity: {name}": (name, with_option(name))
        for name in ("timeout", "schedule_to_close_timeout", "schedule_to_start_timeout", "heartbeat_timeout")
    },
    "activity: max_concurrent": (
        "max_concurrent",
        lambda all, given: activity(registry=Registry(), max_concurrent=given)(act.fn),
    ),
    "workflow: timeout": ("timeout", lambda all, given: all.submit(quick().with_options(timeout=given))),
    "ActivityError: retry_after": (
        "retry_after",
        lambda all, given: Stepper(quick()).fail(ActivityError("", retry_after=given)),
    ),
    "sleep": ("sleep()", lambda all, given: sleep(given)),
    "sleep_until": ("sleep_until()", lambda all, given: sleep_until(given)),
    "wait_for: timeout": ("timeout", lambda all, given: wait_for(act(), given)),
    "gather: limit": ("limit", lambda all, given: gather(act(), limit=given)),
    "Stepper.advance": ("advance()", lambda all, given: Stepper(waits()).advance(given)),
    "after": ("after()", lambda all, given: run_workflow(quick(), activities={act: after(given, 1)})),
    "explore: limit": ("limit", lambda all, given: explore(quick(), activities={act: 1}, limit=given)),
}


@workflow(registry=registry)
def shows(value: Any) -> Flow[None]:
    yield from set_progress(value)


def all_path(all: Orchestrator) -> str:
    return all._gateway.path


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestrator]:
    with Orchestrator(tmp_path_factory.mktemp("given") / "given.db", registry=registry, durability="normal") as started:
        started.submit(waits(), workflow_id="waits")
        yield started


def failed(all: Orchestrator) -> WorkflowHandle[Any]:
    """A workflow that has failed."""
    handle = all.submit(asks_for(-1))
    with pytest.raises(ActivityError):
        handle.result(WAIT)
    return handle


#: Texts that SQLite, a file system or a terminal may stumble over.
TEXTS: dict[str, Any] = {
    "half a surrogate pair": "\ud800",
    "an escaped byte": "\udcff",
    "a whole pair, in halves": "\ud83d\ude00",
    "NUL": "\0",
    "a NUL inside": "a\0b",
    "empty": "",
    "long": "x" * 100_000,
    "as long as a file's name may be": "x" * 250,
    "not ASCII": "größe",
    "a line": "\n",
    "quotes": "'\"; --",
    "bytes": b"o-1",
    "a number": 10**5000,
    "shy": Shy(),
}

#: Every parameter that is a text, with a call.
TEXTUAL: dict[str, Callable[[Orchestrator, Any], object]] = {
    "Orchestrator: db_path": lambda all, given: Orchestrator(given).list_workflows(),
    "Orchestrator: db_path, for a submission": lambda all, given: Orchestrator(given).submit(waits()),
    "Orchestrator: db_path, started": lambda all, given: Orchestrator(given).__enter__().stop(),
    "Orchestrator: codec": lambda all, given: Orchestrator(all_path(all), codec=given),
    "Orchestrator: durability": lambda all, given: Orchestrator(all_path(all), durability=given),
    "check_replay": lambda all, given: Orchestrator(given).check_replay(),
    "submit: workflow_id": lambda all, given: all.handle(all.submit(quick(), workflow_id=given).id).result(WAIT),
    "submit: an argument": lambda all, given: all.submit(asks_for(given)).describe(),
    "submit: signal": lambda all, given: all.submit(quick(), signal=(given, given)).result(WAIT),
    "invoke_workflow": lambda all, given: all.invoke_workflow(given),
    "handle": lambda all, given: all.handle(given),
    "get_workflow_status": lambda all, given: all.get_workflow_status(given),
    "list_workflows: name": lambda all, given: all.list_workflows(given),
    "list_workflows: status": lambda all, given: all.list_workflows(status=given),
    "list_workflows: id_prefix": lambda all, given: all.list_workflows(id_prefix=given),
    "list_workflows: parent": lambda all, given: all.list_workflows(parent=given),
    "list_workflows: after": lambda all, given: all.list_workflows(after=given),
    "delete": lambda all, given: all.delete([given]),
    "purge: status": lambda all, given: all.purge(1e9, status=given),
    "signal: name": lambda all, given: all.handle("waits").signal(given if given != "go" else "other"),
    "signal: payload": lambda all, given: all.handle("waits").signal("other", given),
    "cancel: reason": lambda all, given: all.submit(waits()).cancel(given),
    "terminate: reason": lambda all, given: all.submit(waits()).terminate(given),
    "fork: workflow_id": lambda all, given: all.handle("waits").fork(0, given).describe(),
    "with_options: workflow_id": lambda all, given: quick().with_options(workflow_id=given),
    "with_options: on_parent_end": lambda all, given: quick().with_options(on_parent_end=given),
    "with_options: on_cancel": lambda all, given: act().with_options(on_cancel=given),
    "activity: name": lambda all, given: activity(registry=Registry(), name=given)(act.fn),
    "activity: executor": lambda all, given: activity(registry=Registry(), executor=given)(act.fn),
    "workflow: name": lambda all, given: workflow(registry=Registry(), name=given)(quick.fn),
    "workflow: version": lambda all, given: run_version(all, given),
    "wait_signal": lambda all, given: wait_signal(given),
    "take_signals": lambda all, given: take_signals(given),
    "patched": lambda all, given: patched(given),
    "set_progress": lambda all, given: Stepper(shows(given)),
    "Stepper: codec": lambda all, given: Stepper(quick(), codec=given),
    "Stepper: workflow_id": lambda all, given: Stepper(quick(), workflow_id=given).resolve(1),
    "Stepper.signal": lambda all, given: Stepper(waits()).signal(given),
    "Stepper": lambda all, given: Stepper(given),
    "Stepper: start": lambda all, given: Stepper(quick(), start=given),
    "run_workflow: activities": lambda all, given: run_workflow(quick(), activities=given),
    "run_workflow: signals": lambda all, given: run_workflow(quick(), activities={act: 1}, signals=given),
    "explore": lambda all, given: explore(given),
    "Stepper.cancel": lambda all, given: Stepper(waits()).cancel(given),
}


def run_version(all: Orchestrator, version: Any) -> None:
    """Submit a workflow of that version to a file of its own."""
    registry = Registry()
    made = workflow(registry=registry, version=version, name="versioned")(waits.fn)
    other = Orchestrator(f"{all_path(all)}-versions", registry=registry)
    other.submit(made())
    other.stop()


def refused(call: Callable[[], object]) -> str | None:
    """What a call is refused with; None where it is not.

    Raises:
        AssertionError: The error is Python's own, or an accident on the way, and not one that was raised on purpose.
    """
    try:
        call()
    except (TypeError, ValueError, YieldflowError) as error:
        last = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        assert last is not None
        line = linecache.getline(last.tb_frame.f_code.co_filename, last.tb_lineno).strip()
        if not line.startswith("raise") or not last.tb_frame.f_code.co_filename.startswith(OURS):
            raise AssertionError(f"{type(error).__name__}: {error}, by {line!r}") from error
        return str(error)
    return None


def refusals(call: Callable[[Any], object], values: dict[str, Any]) -> dict[str, str]:
    """Make a call with each value; what it is refused with, by the value's name, where it is."""
    found: dict[str, str] = {}
    for name, value in values.items():
        try:
            said = refused(partial(call, value))
        except BaseException as error:
            error.add_note(f"given: {name}")
            raise
        if said is not None:
            found[name] = said
    return found


@pytest.mark.parametrize("parameter", list(NUMERIC))
def test_a_number(started: Orchestrator, parameter: str) -> None:
    """A number of any kind and size is taken, or refused by an error that names the parameter."""
    words, call = NUMERIC[parameter]
    said = refusals(partial(call, started), NUMBERS)
    assert {name: text for name, text in said.items() if words not in text and "has not ended within" not in text} == {}


@pytest.mark.parametrize("parameter", list(TEXTUAL))
def test_a_text(started: Orchestrator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameter: str) -> None:
    """A text of any kind is taken, or refused by an error of ours; the workflows beside it go on."""
    monkeypatch.chdir(tmp_path)
    refusals(partial(TEXTUAL[parameter], started), TEXTS)
    assert started.run(quick()) == 1
