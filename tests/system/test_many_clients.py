"""Many clients in processes and threads of their own, some of them killed, and one owner."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.kills.disk import look
from tests.support.programs import clerk, desk
from tests.support.programs.launch import WAIT, Program
from tests.support.programs.logbook import noted
from yieldflow import Orchestrator, WorkflowStatus

CLERKS = 8
#: More than one that is killed can make.
FOR_EVER = 1_000_000


def call_and_kill(database: Path, folder: Path, calls: int, kills: int) -> None:
    """Let eight clients work, and others beside them that are killed at random."""
    seed = random.randrange(10**9)
    print(f"the seed of this run is {seed}")
    chance = random.Random(seed)
    clerks = [Program("clerk", database, folder, f"clerk{number}", calls) for number in range(CLERKS)]
    try:
        for number in range(kills):
            with Program("clerk", database, folder, f"doomed{number}", FOR_EVER) as doomed:
                doomed.line()
                assert doomed.runs_on(chance.uniform(0, 0.5)), doomed.complaints
        for working in clerks:
            assert working.end(5 * WAIT) == 0, working.complaints
    finally:
        for working in clerks:
            working.kill()


@pytest.mark.parametrize(("calls", "kills"), [(15, 3), pytest.param(200, 20, marks=pytest.mark.slow)])
def test_every_acknowledged_call_of_every_client_is_there(
    database: Path, tmp_path: Path, calls: int, kills: int
) -> None:
    """Eight processes of two threads submit, signal, cancel and read: what is acknowledged is there, the rest whole."""
    client = Orchestrator(database, registry=desk.registry)
    with Program("desk", database) as owner:
        assert owner.line() == "started"
        shared = client.submit(desk.collecting(), workflow_id="shared")
        call_and_kill(database, tmp_path, calls, kills)
        shared.signal("item", None)
        items = shared.result(WAIT)
        for entry in client.list_workflows("labelled"):
            client.handle(entry["id"]).result(WAIT)
        owner.tell("stop")
        assert (owner.line(), owner.end()) == ("stopped", 0)

    acknowledged = [line.split() for line in noted(tmp_path / "acknowledged")]
    check_workflows(client, acknowledged)
    check_batches(client, acknowledged)
    check_signals(items, acknowledged)
    assert look(database, tmp_path).complaints == []
    client.stop()


def check_workflows(client: Orchestrator, acknowledged: list[list[str]]) -> None:
    """Each that was submitted is there, with its first signal, and cancelled if that was asked for."""
    submitted, cancelled = ({words[1] for words in acknowledged if words[0] == call} for call in ("submit", "cancel"))
    there = {entry["id"]: entry for entry in client.list_workflows("collecting") if entry["id"] != "shared"}
    assert submitted <= there.keys()
    for workflow_id, entry in there.items():
        steps = client.handle(workflow_id).history()
        # It may have been cancelled before it began.
        if steps or entry["status"] != "cancelled":
            assert [step.output for step in steps[:1]] == [item_of(workflow_id)], workflow_id
        assert entry["status"] in ("processing", "cancelled")
    assert cancelled <= {entry["id"] for entry in there.values() if entry["status"] == WorkflowStatus.CANCELLED}


def item_of(workflow_id: str) -> list[object]:
    """Return the item that a workflow is sent with its submission."""
    name, _, number = workflow_id.rpartition("-")
    return [name, int(number)]


def check_batches(client: Orchestrator, acknowledged: list[list[str]]) -> None:
    """Each batch is there as a whole or not at all."""
    batches = Counter(entry["input"]["label"] for entry in client.list_workflows("labelled", status="done"))
    assert {words[1] for words in acknowledged if words[0] == "batch"} <= batches.keys()
    assert set(batches.values()) <= {clerk.BATCH}


def check_signals(items: list[Any], acknowledged: list[list[str]]) -> None:
    """All that was sent was received once, and what one thread sent in its order."""
    received: dict[str, list[int]] = {}
    for name, number in items:
        received.setdefault(name, []).append(number)
    sent = {(name, int(number)) for call, name, *rest in acknowledged if call == "signal" for number in rest}
    assert sent <= {(name, number) for name, numbers in received.items() for number in numbers}
    assert {name: sorted(set(numbers)) for name, numbers in received.items()} == received
