"""`wait_signal` and `take_signals` as steps of the core. Each workflow is replayed from every prefix."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.core.driver import Drive, fetch
from tests.core.small_workflows import yielding
from yieldflow import (
    Flow,
    ReplayMismatchError,
    StepKind,
    gather,
    race,
    take_signals,
    wait_for,
    wait_signal,
)


def test_waiting_for_a_signal_is_a_step(drive: Drive) -> None:
    """The step bears the signal's name, and resumes with the payload."""
    run = drive(yielding(wait_signal("approve")))
    (step,) = run.steps
    assert (step.kind, step.name, step.due_at) == (StepKind.WAIT_SIGNAL, "approve", None)
    assert run.codec.decode(step.input) == {}
    assert run.execution.open[0].definition is None

    run.resolve(0, {"by": "Ada"})
    assert run.result == [{"by": "Ada"}]


def test_a_signal_may_have_no_payload(drive: Drive) -> None:
    """A signal without a payload gives None."""
    run = drive(yielding(wait_signal("go")))
    run.resolve(0)

    assert run.result == [None]


def test_a_signal_can_be_waited_for_again(drive: Drive) -> None:
    """Each wait is a step of its own, one after the other or at once."""

    def body() -> Flow[Any]:
        first = yield from wait_signal("go")
        both = yield from gather(wait_signal("go"), wait_signal("go"))
        return [first, *both]

    run = drive(body)
    for payload in (1, 2, 3):
        run.resolve("wait_signal go", payload)

    assert run.result == [1, 2, 3]


def test_a_wait_for_a_signal_with_a_deadline(drive: Drive) -> None:
    """A wait that loses a race, or runs out of time, vanishes: the host hears that it receives nothing any more."""

    def body() -> Flow[str]:
        try:
            yield from wait_for(wait_signal("approve"), timedelta(days=2))
        except TimeoutError:
            return "nobody answered"
        return "approved"

    run = drive(body)
    run.resolve("sleep 172800")

    assert (run.result, run.dropped_by_last(), run.cancelling_by_last()) == (
        "nobody answered",
        ["wait_signal approve"],
        [],
    )


def test_taking_signals_is_a_step(drive: Drive) -> None:
    """take_signals resumes with the list of the payloads that are there, perhaps none."""
    run = drive(yielding(take_signals("note"), take_signals("note")))
    (step,) = run.steps
    assert (step.kind, step.name, run.codec.decode(step.input)) == (StepKind.TAKE_SIGNALS, "note", {})

    run.resolve("take_signals note", [1, None, "x"])
    run.resolve("take_signals note", [])
    assert run.result == [[1, None, "x"], []]


def test_taking_signals_vanishes_when_cancelled(drive: Drive) -> None:
    """A cancelled take_signals is no longer waited for."""
    run = drive(yielding(race(fetch("a"), take_signals("note"))))
    run.resolve("fetch a", "A")

    assert (run.result, run.dropped_by_last()) == ([(0, "A")], ["take_signals note"])


@pytest.mark.parametrize("command", [wait_signal, take_signals])
@pytest.mark.parametrize("name", [5, None, b"go", ["go"]], ids=repr)
def test_a_signals_name_is_a_string(command: Callable[[Any], Any], name: Any) -> None:
    """Anything else is a TypeError at the call, which shows what was given."""
    with pytest.raises(TypeError, match=f"{command.__name__}\\("):
        command(name)


@pytest.mark.parametrize("command", [wait_signal, take_signals])
def test_a_signals_name_is_not_empty(command: Callable[[str], Any]) -> None:
    """An empty name is a ValueError at the call."""
    with pytest.raises(ValueError, match=f"{command.__name__}\\("):
        command("")


def test_waits_for_signals_are_equal_by_value() -> None:
    """A test can name the signal that is waited for."""
    assert wait_signal("go") == wait_signal("go") != wait_signal("stop")
    assert wait_signal("go") != take_signals("go")
    assert repr(wait_signal("go")) == "wait_signal('go')"


def test_another_signal_is_a_mismatch(drive: Drive) -> None:
    """Code that waits for another signal than it did is noticed on replay."""
    run = drive(yielding(wait_signal("go")), replayed=False)
    run.body = yielding(wait_signal("stop"))

    with pytest.raises(ReplayMismatchError, match="stop"):
        run.crash()


def test_taking_is_not_waiting(drive: Drive) -> None:
    """Code that takes what is there, where it waited, is noticed on replay."""
    run = drive(yielding(wait_signal("go")), replayed=False)
    run.body = yielding(take_signals("go"))

    with pytest.raises(ReplayMismatchError):
        run.crash()
