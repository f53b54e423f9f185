"""Commands that a call refuses: its error says what is wrong, and nothing else is said of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from yieldflow import (
    CommandError,
    Flow,
    MisplacedCallError,
    Orchestrator,
    Registry,
    activity,
    cancel,
    continue_as_new,
    gather,
    patched,
    sleep,
    sleep_until,
    take_signals,
    wait_for,
    wait_signal,
    workflow,
)
from yieldflow.testing import run_workflow

registry = Registry()


@activity(registry=registry)
def fetch(key: Any) -> Any:
    return key


@workflow(registry=registry)
def other(key: str) -> Flow[Any]:
    return (yield from fetch(key))


#: Calls that refuse the commands which they are given, each of them made there and then.
REFUSALS: dict[str, Callable[[], object]] = {
    "gather(limit=0)": lambda: gather(fetch("a"), fetch("b"), limit=0),
    "gather(limit='2')": lambda: gather(fetch("a"), limit="2"),  # type: ignore[call-overload]
    "gather(limit=command)": lambda: gather(fetch("a"), limit=fetch("b")),  # type: ignore[call-overload]
    "wait_for(timeout=nan)": lambda: wait_for(fetch("a"), float("nan")),
    "wait_for(timeout='2')": lambda: wait_for(fetch("a"), "2"),  # type: ignore[arg-type]
    "wait_for(timeout=command)": lambda: wait_for(fetch("a"), fetch("b")),  # type: ignore[arg-type]
    "sleep(command)": lambda: sleep(fetch("a")),  # type: ignore[arg-type]
    "sleep_until(command)": lambda: sleep_until(fetch("a")),  # type: ignore[arg-type]
    "wait_signal(command)": lambda: wait_signal(fetch("a")),  # type: ignore[arg-type]
    "take_signals(command)": lambda: take_signals(fetch("a")),  # type: ignore[arg-type]
    "patched(command)": lambda: patched(fetch("a")),  # type: ignore[arg-type]
    "cancel(command)": lambda: cancel(fetch("a")),  # type: ignore[arg-type]
    "continue_as_new(activity)": lambda: continue_as_new(fetch("a")),  # type: ignore[arg-type]
    "too many arguments": lambda: fetch(fetch("a"), fetch("b")),  # type: ignore[call-overload]
    "an unknown argument": lambda: fetch(kee=fetch("a")),  # type: ignore[call-overload]
    "a child's unknown argument": lambda: other(kee=fetch("a")),  # type: ignore[call-arg]
    "an activity's option": lambda: fetch("a").with_options(timeout=-1),
    "an activity's unknown option": lambda: fetch("a").with_options(time=1),  # type: ignore[call-arg]
    "an activity's option is a command": lambda: fetch("a").with_options(timeout=fetch("b")),  # type: ignore[arg-type]
    "a child's option": lambda: other("a").with_options(timeout=-1),
    "a child's id": lambda: other("a").with_options(workflow_id=""),
    "a child's option is a command": lambda: other("a").with_options(timeout=fetch("b")),  # type: ignore[arg-type]
    "submit()": lambda: Orchestrator("never made").submit(other("a")),
    "submit_many()": lambda: Orchestrator("never made").submit_many([other("a"), other("b")]),
    "run()": lambda: Orchestrator("never made").run(other("a")),
    "a condition": lambda: bool(fetch("a")),
    "a loop": lambda: list(fetch("a")),
}


@pytest.mark.parametrize("refused", REFUSALS.values(), ids=list(REFUSALS))
def test_a_command_that_is_refused_is_not_reported_besides(refused: Callable[[], object]) -> None:
    """The error that refuses a command says what is wrong with it: that it was never yielded is not said as well."""

    @workflow(registry=registry)
    def catching() -> Flow[Any]:
        with pytest.raises((TypeError, ValueError, CommandError, MisplacedCallError)):
            refused()
        return (yield from fetch("next"))

    @workflow(registry=registry)
    def failing() -> Flow[Any]:
        yield from sleep(1)
        refused()

    assert run_workflow(catching(), activities={fetch: 1}).result == 1
    error = run_workflow(failing()).exception
    assert error is not None
    assert [note for note in error.__notes__ if "never yielded" in note] == []
