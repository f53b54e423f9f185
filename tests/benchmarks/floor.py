"""The least that a durable step costs on this machine: what yieldflow's speed is measured against.

Worker threads behind a queue, `generator.send`, JSON, and one SQLite transaction for each batch of results. There are
no retries, timers, failures, replay or checks in it, so nothing durable can be faster in the same way.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

TABLES = """
create table workflows (id text primary key, name text, status text, input text, output text, step integer,
                        created real, updated real) without rowid;
create table steps (workflow text, number integer, name text, status text, input text, output text,
                    scheduled real, finished real, primary key (workflow, number)) without rowid;
"""
BATCH = 512

Work = tuple[Callable[[int], int], tuple[int]]
Task = tuple[str, int, Callable[[int], int], tuple[int]]
Result = tuple[str, int, str | None]


def noop(value: int) -> int:
    """The activity."""
    return value


def chain(steps: int) -> Generator[Work, int, int]:
    """The workflow: so many activities, one after another."""
    total = 0
    for number in range(steps):
        total += yield noop, (number,)
    return total


def _work(tasks: SimpleQueue[Task], results: SimpleQueue[Result]) -> None:
    while True:
        workflow, number, function, arguments = tasks.get()
        results.put((workflow, number, json.dumps(function(*arguments))))


def _drain(results: SimpleQueue[Result]) -> list[Result]:
    batch = [results.get()]
    try:
        while len(batch) < BATCH:
            batch.append(results.get_nowait())
    except Empty:
        pass
    return batch


def _commit(database: sqlite3.Connection, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    database.execute("begin immediate")
    database.executemany("insert into workflows values (?, ?, ?, ?, ?, ?, ?, ?)", rows["begun"])
    database.executemany(
        "update steps set status = ?, output = ?, finished = ? where workflow = ? and number = ?", rows["ended"]
    )
    database.executemany("insert into steps values (?, ?, ?, ?, ?, ?, ?, ?)", rows["issued"])
    database.executemany("update workflows set status = 'done', output = ?, updated = ? where id = ?", rows["done"])
    database.execute("commit")


def run(path: Path, workflows: int, steps: int, workers: int = 5) -> float:
    """Seconds for so many workflows of so many steps, each step on disk with full durability."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = full")
    database.executescript(TABLES)
    tasks: SimpleQueue[Task] = SimpleQueue()
    results: SimpleQueue[Result] = SimpleQueue()
    for _ in range(workers):
        threading.Thread(target=_work, args=(tasks, results), daemon=True).start()
    generators = {f"workflow-{number:032}": chain(steps) for number in range(workflows)}
    began = time.perf_counter()
    for workflow in generators:
        results.put((workflow, -1, None))
    left = workflows
    while left:
        now = time.time()
        rows: dict[str, list[tuple[Any, ...]]] = {"begun": [], "ended": [], "issued": [], "done": []}
        dispatch: list[Task] = []
        for workflow, number, output in _drain(results):
            if output is None:
                rows["begun"].append((workflow, "chain", "processing", "{}", None, 0, now, now))
            else:
                rows["ended"].append(("done", output, now, workflow, number))
            try:
                function, arguments = generators[workflow].send(None if output is None else json.loads(output))  # type: ignore[arg-type]  # the first send takes None
            except StopIteration as stop:
                rows["done"].append((json.dumps(stop.value), now, workflow))
                left -= 1
            else:
                row = workflow, number + 1, "noop", "scheduled", json.dumps(arguments), None, now, None
                rows["issued"].append(row)
                dispatch.append((workflow, number + 1, function, arguments))
        _commit(database, rows)
        for task in dispatch:
            tasks.put(task)
    seconds = time.perf_counter() - began
    database.close()
    return seconds
