"""A value that holds a function by value, from an older version and another Python, harms its own workflow alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.shop import WAIT, until, until_waiting
from tests.support.stored_code import FOREIGN
from yieldflow import EncodingError, Flow, Orchestrator, Registry, WorkflowStatus, activity, wait_signal, workflow

registry = Registry()


@activity(registry=registry)
def apply(rule: object) -> str:
    return f"applied {rule}"


@workflow(registry=registry)
def order(rule: object) -> Flow[str]:
    signal = yield from wait_signal("go")
    return (yield from apply(rule if signal is None else signal))


@pytest.fixture
def older(database: Path) -> Path:
    """A file with three workflows: one has such an argument, one such a signal, one neither."""
    with Orchestrator(database, registry=registry) as orchestrator:
        for workflow_id in ("argument", "signal", "sound"):
            until_waiting(orchestrator.submit(order("plain"), workflow_id=workflow_id), "go")
    client = Orchestrator(database, registry=registry)
    for workflow_id in ("argument", "signal", "sound"):
        client.handle(workflow_id).signal("go")
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("update workflows set input = ? where id = 'argument'", (FOREIGN,))
        connection.execute(
            "update workflow_inputs set payload = ? where workflow_id = 'signal' and kind = 'signal'", (FOREIGN,)
        )
    return database


def test_it_stalls_its_workflow_and_no_other(older: Path) -> None:
    """The interpreter lives; the workflow with such a value is set aside, with the reason, and the others go on."""
    with Orchestrator(older, registry=registry) as orchestrator:
        assert orchestrator.handle("sound").result(WAIT) == "applied plain"
        for workflow_id in ("argument", "signal"):
            handle = orchestrator.handle(workflow_id)
            until(lambda handle=handle: handle.describe().status is WorkflowStatus.STALLED)  # type: ignore[misc]
            assert "its bytecode is not that of Python" in (handle.describe().reason or "")
    report = Orchestrator(older, registry=registry).check_replay()
    assert [(one.workflow_id, "its bytecode" in one.reason) for one in report.problems] == [
        ("argument", True),
        ("signal", True),
    ]


def test_a_result(older: Path) -> None:
    """Where a workflow returned such a function, `result` raises, and the program lives."""
    with Orchestrator(older, registry=registry) as orchestrator:
        handle = orchestrator.handle("sound")
        handle.result(WAIT)
    with closing(sqlite3.connect(older, isolation_level=None)) as connection:
        connection.execute("update workflows set output = ? where id = 'sound'", (FOREIGN,))

    with pytest.raises(EncodingError, match=r"what workflow sound returned: .* its bytecode is not that of Python"):
        Orchestrator(older, registry=registry).handle("sound").result(WAIT)
