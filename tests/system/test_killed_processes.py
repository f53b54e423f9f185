"""Processes that are killed, or kill themselves, at any moment: what was checkpointed stays, and all goes on."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.kills import rounds
from tests.support.files import copy_as_left
from tests.support.programs import deadly
from tests.support.programs.launch import Program
from yieldflow import Flow, Orchestrator, Registry, sleep, workflow


@pytest.mark.parametrize("kills", [12, pytest.param(23, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_goes_on(kills: int) -> None:
    """A process killed a dozen times at random loses nothing acknowledged, and repeats nothing that is checkpointed."""
    seed = random.randrange(10**9)
    print(f"the seed of this run is {seed}")

    # On a disk: to write there takes long, so that kills fall into it. It is kept where a promise was broken.
    folder = Path(tempfile.mkdtemp(prefix="yieldflow-kills-"))
    figures = rounds.run(folder, kills, seed)
    shutil.rmtree(folder)

    assert (figures.kills, figures.restarts > 0, figures.effects > kills) == (kills, True, True)


@pytest.mark.parametrize(
    "culprits",
    [
        pytest.param(["deadly_activity"], marks=pytest.mark.slow),
        pytest.param(["deadly_code"], marks=pytest.mark.slow),
        ["deadly_activity", "deadly_code"],
        ["deadly_start"],
    ],
    ids=" and ".join,
)
def test_workflows_that_kill_the_process_are_parked(tmp_path: Path, culprits: list[str]) -> None:
    """A workflow that takes the process down again and again is parked as stalled, and all others complete."""
    database = tmp_path / "deadly.db"
    deaths = 0
    while True:
        with Program("deadly", database, *culprits) as program:
            status = program.end()
            if status == 0:
                reasons = [program.line() for _ in culprits]
                break
        deaths += 1
        assert (status, deaths <= 15) == (1, True), program.complaints
    with Program("deadly", database, *culprits) as again:
        assert again.end() == 0, "what is parked stays parked"

    reader = Orchestrator(database, registry=deadly.registry)
    statuses = {entry["id"]: entry["status"] for entry in reader.list_workflows()}
    outputs = {f"bystander-{n}": reader.handle(f"bystander-{n}").result(0) for n in range(deadly.BYSTANDERS)}
    reader.stop()
    assert statuses == {**dict.fromkeys(outputs, "done"), **dict.fromkeys(culprits, "stalled")}
    assert outputs == {f"bystander-{n}": 2 * (n + 10) + 1 for n in range(deadly.BYSTANDERS)}
    for name, reason in zip(culprits, reasons, strict=True):
        assert reason.startswith(f"workflow {name} is stalled: 3 times in a row the process died")


def test_killed_while_it_checkpoints_it_goes_on(tmp_path: Path) -> None:
    """A kill while SQLite moves the log into the database file leaves a file that opens, with all that was there."""
    registry = Registry()

    @workflow(registry=registry)
    def keep(text: str) -> Flow[None]:
        yield sleep(3600)

    whole, torn = tmp_path / "whole.db", tmp_path / "torn.db"
    client = Orchestrator(whole, registry=registry)
    handles = client.submit_many(keep("x" * 3000) for _ in range(200))
    copy_as_left(whole, torn)
    # The last to close a database moves the log. The kill let only the first page of that through.
    client.stop()
    with open(torn, "r+b") as file:
        file.write(whole.read_bytes()[:4096])

    with Orchestrator(torn, registry=registry) as orchestrator:
        known = {entry["id"] for entry in orchestrator.list_workflows()}

    assert known == {handle.id for handle in handles}
