"""Processes that are killed, or kill themselves, at any moment: what was checkpointed stays, and all goes on."""

from __future__ import annotations

import json
import pickle
import random
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.programs import crowd, deadly
from tests.programs.launch import Program
from yieldflow import Flow, Orchestrator, Registry, sleep, workflow

#: How often the crowd is killed.
KILLS = 20


class Disk(NamedTuple):
    """What a kill left on disk."""

    #: The ids of the workflows that are there, and of those not done.
    known: set[str]
    unfinished: set[str]
    #: The steps whose outcome is checkpointed: workflow id and key.
    checkpointed: set[str]


def rows(database: Path, query: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def look(database: Path, folder: Path) -> Disk:
    """Look at a copy, so that recovery meets the files as the kill left them."""
    copy = folder / "copy.db"
    for suffix in ("", "-wal"):
        Path(f"{copy}{suffix}").unlink(missing_ok=True)
        if Path(f"{database}{suffix}").exists():
            shutil.copyfile(f"{database}{suffix}", f"{copy}{suffix}")
    if not copy.exists() or not rows(copy, "select 1 from sqlite_master"):
        return Disk(set(), set(), set())
    workflows = rows(copy, "select id, status from workflows")
    applied = rows(copy, "select input from activity_executions where kind = 'activity' and applied is not null")
    return Disk(
        {workflow_id for workflow_id, _ in workflows},
        {workflow_id for workflow_id, status in workflows if status != "done"},
        {effect_of(arguments) for (arguments,) in applied},
    )


def effect_of(arguments: str | bytes) -> str:
    """The line that the activity with these stored arguments appends."""
    given = json.loads(arguments) if isinstance(arguments, str) else pickle.loads(arguments)
    return f"{given['workflow_id']} {given['key']}"


def lines(path: Path) -> list[str]:
    """All whole lines. A kill may have cut off the last."""
    text = path.read_text() if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def kill_at_random(database: Path, folder: Path, wave: int, chance: random.Random) -> None:
    """Run the crowd and kill it: mostly when it is at work, sometimes while it still begins."""
    with Program("crowd", database, folder, wave) as program:
        if chance.random() < 0.8:
            assert program.line() == "ready"
        assert program.runs_on(chance.uniform(0.05, 0.4)) or program.end() == 0, program.complaints
        program.kill()


def check_effects(before: Disk, after: Disk, effects: list[str], seen: int) -> None:
    """Check what one more run of the crowd did, from effect number ``seen`` on."""
    lately = Counter(effects[seen:])
    assert sorted(before.checkpointed & lately.keys()) == []
    assert {effect: count for effect, count in lately.items() if count > 1} == {}
    assert sorted(before.checkpointed - after.checkpointed) == []
    assert sorted(after.checkpointed - set(effects)) == []


def test_killed_at_any_moment_it_goes_on(tmp_path: Path) -> None:
    """A process killed twenty times at random ends with all results right and no checkpointed activity run twice."""
    seed = random.randrange(10**9)
    print(f"the seed of this run is {seed}")
    chance = random.Random(seed)
    database, effects, acknowledged = tmp_path / "crowd.db", tmp_path / "effects", tmp_path / "acknowledged"
    disk, interrupted = Disk(set(), set(), set()), 0
    for wave in range(KILLS):
        seen, before = len(lines(effects)), disk
        kill_at_random(database, tmp_path, wave, chance)
        disk = look(database, tmp_path)
        check_effects(before, disk, lines(effects), seen)
        assert sorted(set(lines(acknowledged)) - disk.known) == []
        interrupted += bool(disk.unfinished)
    seen, before = len(lines(effects)), disk
    with Program("crowd", database, tmp_path, -1) as last:
        assert last.end() == 0, last.complaints

    check_effects(before, look(database, tmp_path), lines(effects), seen)
    assert interrupted > 0
    check_that_all_is_done(database, set(lines(acknowledged)))


def check_that_all_is_done(database: Path, acknowledged: set[str]) -> None:
    assert rows(database, "pragma integrity_check") == [("ok",)]
    assert rows(database, "select id, status, reason from workflows where status <> 'done'") == []
    assert rows(database, "select workflow_id, step from activity_executions where status = 'scheduled'") == []
    assert rows(database, "select id from workflows where recovery_attempts > 0") == []
    with Orchestrator(database, registry=crowd.registry) as orchestrator:
        known = [entry["id"] for entry in orchestrator.list_workflows()]
        outputs = {workflow_id: orchestrator.handle(workflow_id).result(timeout=0) for workflow_id in known}
    assert acknowledged <= outputs.keys()
    assert {workflow_id: crowd.expected(workflow_id) for workflow_id in known} == outputs


@pytest.mark.parametrize(
    "culprits",
    [
        ["deadly_activity"],
        ["deadly_code"],
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
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{whole}{suffix}", f"{torn}{suffix}")
    # The last to close a database moves the log. Of all that this writes, the kill let through only the first page.
    client.stop()
    with open(torn, "r+b") as file:
        file.write(whole.read_bytes()[:4096])

    with Orchestrator(torn, registry=registry) as orchestrator:
        known = {entry["id"] for entry in orchestrator.list_workflows()}

    assert known == {handle.id for handle in handles}
