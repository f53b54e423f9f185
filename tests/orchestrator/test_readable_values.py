"""Whatever looks at a workflow shows the JSON that is stored of its values, and loads none of them."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import WAIT, Gate, until
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    activity,
    activity_context,
    now,
    set_progress,
    wait_signal,
    workflow,
)
from yieldflow.testing import Stepper


@dataclass
class Order:
    id: str
    total: Decimal


class Declined(Exception):
    """An exception of the user's own."""


class Loaded(Exception):
    """An object was made of what is stored of it."""


class Handle:
    """An object that is pickled, and must not be loaded while it is only looked at."""

    watched = False

    def __setstate__(self, state: object) -> None:
        if Handle.watched:
            raise Loaded

    def __getstate__(self) -> dict[str, int]:
        return {"number": 1}

    def __repr__(self) -> str:
        return "Handle(1)"


VALUES: list[tuple[object, Any]] = [
    ({"plain": [1, None, "é"]}, {"plain": [1, None, "é"]}),
    ({"$key": 1}, {"$dict": [["$key", 1]]}),
    (Decimal("12.50"), {"$decimal": "12.50"}),
    (datetime(2026, 11, 1, tzinfo=UTC), {"$datetime": "2026-11-01T00:00:00+00:00"}),
    ((1, {2}), {"$tuple": [1, {"$set": [2]}]}),
    (float("nan"), {"$float": "nan"}),
    ("\ud800", {"$str": "\\ud800"}),
    (Order("o-1", Decimal("2")), {"$object": f"{__name__}:Order", "id": "o-1", "total": {"$decimal": "2"}}),
]
LEAF = {"type": f"{__name__}.Handle", "repr": "Handle(1)"}


@pytest.fixture
def watched() -> Iterator[None]:
    yield
    Handle.watched = False


def without_pickle(shown: Any) -> Any:
    """What is shown, with a pickle's leaf as its type and repr alone."""
    if isinstance(shown, dict):
        return {name: without_pickle(part) for name, part in shown.items() if name != "$pickle"}
    return [without_pickle(part) for part in shown] if isinstance(shown, list) else shown


@pytest.mark.parametrize(("value", "shown"), [*VALUES, (Handle(), LEAF)], ids=lambda value: type(value).__name__)
def test_every_view_shows_the_stored_json(
    orchestrator: Orchestrator, registry: Registry, gate: Gate, watched: None, value: object, shown: Any
) -> None:
    """Status, listing, history, progress and heartbeat details are JSON, and nothing in them is loaded to be shown."""

    @activity(registry=registry)
    def work(thing: Any) -> Any:
        activity_context().heartbeat(thing)
        gate.pass_through()
        return thing

    @workflow(registry=registry)
    def working(thing: Any) -> Flow[Any]:
        yield from set_progress([thing])
        done = yield from work(thing)
        yield from wait_signal("look")
        return done

    handle = orchestrator.submit(working([value]))
    until(lambda: any(one.heartbeat is not None for one in handle.describe().waiting_for))
    [waiting] = handle.describe().waiting_for
    gate.open()
    until(lambda: handle.history()[0].output is not None)
    Handle.watched = True
    history = handle.history()
    status = orchestrator.get_workflow_status(handle.id)
    [listed] = orchestrator.list_workflows()
    [step, _] = history
    saved = json.loads(history.to_json())

    for whole in (status, listed):
        assert json.loads(json.dumps(whole)) == whole
        assert without_pickle([whole["input"], whole["progress"]]) == [{"thing": [shown]}, [[shown]]]
    assert without_pickle(json.loads(json.dumps(waiting.heartbeat))) == [shown]
    assert without_pickle(json.loads(json.dumps([step.input, step.output]))) == [{"thing": [shown]}, [shown]]
    assert any(without_pickle(entry.get("value, tagged", entry.get("value"))) == [shown] for entry in saved["history"])

    Handle.watched = False
    handle.signal("look")
    handle.result(WAIT)
    assert without_pickle(orchestrator.get_workflow_status(handle.id)["output"]) == [shown]


def test_a_failure_is_readable_in_the_file(database: Path, registry: Registry) -> None:
    """The exception of a failed workflow stands in the file as JSON: class, arguments and attributes."""

    @workflow(registry=registry)
    def failing() -> Flow[None]:
        yield from now()
        error = Declined("no funds")
        error.__dict__["limit"] = Decimal("12.50")
        raise error

    with Orchestrator(database, registry=registry) as orchestrator:
        handle = orchestrator.submit(failing())
        with pytest.raises(Declined):
            handle.result(WAIT)
        status = orchestrator.get_workflow_status(handle.id)
    with closing(sqlite3.connect(database)) as connection:
        text = "\n".join(connection.iterdump())

    assert status["error_message"] == f"{__name__}.Declined: no funds"
    assert json.loads(json.dumps(status)) == status
    assert f'"$exception":"{__name__}:Declined","args":["no funds"],"limit":{{"$decimal":"12.50"}}' in text.replace(
        '\\"', '"'
    )


def test_a_stepper_shows_the_stored_json(registry: Registry, watched: None) -> None:
    """`print(flow)` shows recorded arguments and outcomes as they are stored, and loads none."""

    @activity(registry=registry)
    def pay(total: Any) -> Any:
        raise AssertionError("a stepper runs no activity")

    @workflow(registry=registry)
    def paying(total: Any) -> Flow[Any]:
        yield from pay(total)
        return (yield from wait_signal("more"))

    flow = Stepper(paying(Decimal("12.50")))
    flow.resolve([Handle(), Counter("a")])
    Handle.watched = True

    assert "paying(total={'$decimal': '12.50'})" in str(flow)
    assert "pay(total={'$decimal': '12.50'})" in str(flow)
    assert "-> [Handle(1), Counter({'a': 1})]" in str(flow)
