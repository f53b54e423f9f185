"""A file in which there is something of everything, and what must hold when one value of one row of it is damaged.

``python -m tests.damage --rounds 2000`` damages it so often, each time in another way.
"""

from __future__ import annotations

import argparse
import logging
import pickle
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.engine import START, Host, Lab, WatchedStore
from tests.support.progress import Bar
from yieldflow import (
    Cancelled,
    Flow,
    Orchestrator,
    RetryPolicy,
    YieldflowError,
    activity,
    continue_as_new,
    gather,
    patched,
    race,
    set_progress,
    sleep,
    wait_signal,
    workflow,
)
from yieldflow.sqlite import SqliteStore
from yieldflow.store import Request, RequestKind

LAB = Lab()
REGISTRY = LAB.registry
SIGNAL, RESUME, CANCEL = RequestKind.SIGNAL, RequestKind.RESUME, RequestKind.CANCEL

# ---------------------------------------------------------------------- something of everything


@activity(registry=REGISTRY, retry=RetryPolicy(initial_interval=1, maximum_attempts=3))
def flaky(label: str) -> int:
    raise ConnectionError(label)


@workflow(registry=REGISTRY)
def chain(label: str, steps: int = 2) -> Flow[list[str]]:
    yield set_progress({"of": label})
    found = []
    for number in range(steps):
        found.append((yield from LAB.work(f"{label} {number}")))
    return found


@workflow(registry=REGISTRY)
def fails(label: str) -> Flow[None]:
    yield LAB.work(label)
    yield LAB.fail(label)


@workflow(registry=REGISTRY)
def retries(label: str) -> Flow[str]:
    try:
        yield flaky(label)
    except ConnectionError:
        yield LAB.work("gave up")
    return "tried"


@workflow(registry=REGISTRY)
def sleeper() -> Flow[str]:
    yield sleep(5)
    return "awake"


@workflow(registry=REGISTRY)
def listens() -> Flow[list[object]]:
    first = yield wait_signal("a")
    yield gather(wait_signal("b"), LAB.work("heard"))
    return [first, (yield wait_signal("a"))]


@workflow(registry=REGISTRY)
def parent(label: str) -> Flow[list[str]]:
    return (yield from chain(label))


@workflow(registry=REGISTRY)
def cleans_up() -> Flow[None]:
    try:
        yield race(wait_signal("never"), sleep(1000))
    except Cancelled:
        yield LAB.work("cleaned up")
        raise


@workflow(registry=REGISTRY)
def loop(turns: int) -> Flow[str]:
    yield LAB.work(f"turn {turns}")
    if turns:
        yield continue_as_new(loop(turns - 1))
    yield LAB.work("last")
    return "around"


@workflow(registry=REGISTRY)
def changed() -> Flow[bool]:
    new = yield from patched("new")
    won, _ = yield from race(LAB.work("won"), sleep(1000))
    yield LAB.work(f"changed {won}")
    return new


def make(path: Path) -> None:
    """Write the file: workflows that have ended in all ways, and others that have still to go on."""
    with closing(WatchedStore(SqliteStore(path, "normal"))) as store:
        host = Host(store, REGISTRY, max_workers=50)
        host.submit(chain("done"), "done")
        host.submit(fails("failed"), "failed")
        host.submit(cleans_up(), "cancelled")
        host.submit(chain("other"), "other")
        host.work_off()
        host.ask("cancelled", CANCEL, "no longer wanted")
        host.work_off()
        host.submit(chain("suspended"), "suspended")
        host.ask("suspended", RequestKind.SUSPEND)
        host.submit(loop(1), "loop")
        host.work_off()
        host.submit(listens(), "listens")
        host.signal("listens", "a", "one")
        host.signal("listens", "a", {"two": 2})
        host.submit(sleeper(), "sleeper")
        host.submit(cleans_up(), "cleans up")
        host.ask("cleans up", CANCEL, "enough")
        host.submit(changed(), "changed")
        host.settle(host.do("won"))
        host.submit(parent("family"), "parent")
        host.settle()
        host.settle(host.do("family 0"))
        host.submit(chain("open"), "open")
        host.settle(host.do("open 0"))
        host.submit(retries("retried"), "retried")
        attempt = host.begin("retried")
        host.beat(attempt, {"at": 1})
        host.end(attempt)
        host.submit(chain("later"), "later", delay=5)
        host.close()
        clients: list[tuple[RequestKind, str | None]] = [(SIGNAL, '"b"'), (RESUME, None)]
        for kind, payload in clients:
            store.ask([Request("listens", kind, host.now, "b" if kind is SIGNAL else None, payload)])
        store.submit([host.asking(chain("new"), ids=["new"])[0].submissions[0]])


# ---------------------------------------------------------------------- damage

#: A value of any type; `Broken` is text that is no UTF-8.
Value: TypeAlias = "int | float | str | bytes | Broken | None"


class Broken(bytes):
    """Bytes that are stored as text."""


class Damage(NamedTuple):
    """A value of one row that is changed by hand."""

    table: str
    column: str
    #: Which row, counted from 0; the rest of a division by their number.
    row: int
    value: Value


COLUMNS = {
    "workflows": "id name status run recovery_attempts created_at starts_at started_at finished_at parent parent_step "
    "seed reason input progress output error error_type error_traceback parent_run on_parent_end deadline_at version "
    "first_name first_input patches wake_at",
    "activity_executions": "workflow_id run step kind name status attempt turn applied due_at scheduled_at finished_at "
    "source input output error error_type error_traceback dropped counted_from heartbeat "
    "begun_at worker",
    "workflow_inputs": "number workflow_id run kind received_at applied name timeout payload",
    "signals": "workflow_id number name sent_at received payload",
}

NUMBERS = st.sampled_from([-1, 0, 1, 2, 7, 1 << 31, 1 << 53, (1 << 63) - 1, -(1 << 63)]) | st.integers(-9, 99)
FLOATS = st.sampled_from([0.5, -0.5, 1e300, float("inf"), float("-inf"), 2.0**70, float("nan")])
#: JSON of all kinds, whole and broken, and words that mean something in one column or another.
WORDS = (
    "done failed cancelled suspended stalled processing scheduled activity sleep child signal cancel terminate chain"
)
JSON = r"""null 5 NaN -Infinity 1e999 [] {} {"label": {"label":5} {"a":1} ["\ud83d"] ["a" "builtins.KeyError" """
TEXTS = st.sampled_from(["", "x", "open", "\0", "\ud7ff", "[" * 5000, *WORDS.split(), *JSON.split()])
BLOBS = st.sampled_from([b"", b"\0", b"\xff" * 40, b'{"label":"x"}', *map(pickle.dumps, (5, [1], {"label": {2}}))])
BROKEN = st.sampled_from([b"\xff", b"a\xc3", b'{"label":"\xed\xa0\x80"}', b'"\xf5"', b'"\xff"']).map(Broken)
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.none(), NUMBERS, FLOATS, TEXTS, st.text(max_size=5), BLOBS, st.binary(max_size=20), BROKEN
)
DAMAGES = st.builds(
    lambda column, row, value: Damage(column[0], column[1], row, value),
    st.sampled_from([(table, column) for table, columns in COLUMNS.items() for column in columns.split()]),
    st.integers(0, 60),
    VALUES,
)


def inflict(path: Path, damage: Damage) -> set[str] | None:
    """Change the value; whose it was. None where SQLite itself refuses it, or it was that already."""
    table, column, row, value = damage
    key = "rowid" if table != "signals" else "workflow_id, number"
    owner = "id" if table == "workflows" else "workflow_id"
    with closing(sqlite3.connect(path, isolation_level=None)) as vandal:
        children = {id for (id,) in vandal.execute("select id from workflows where parent = 'parent'")}
        keys = vandal.execute(f"select {key}, {owner}, {column} from {table} order by {key}").fetchall()
        *where, whose, before = keys[row % len(keys)]
        given = "cast(? as text)" if isinstance(value, Broken) else "?"
        terms = " and ".join(f"{name} = ?" for name in key.split(", "))
        try:
            vandal.execute(
                f"update {table} set {column} = {given} where {terms}",
                [bytes(value) if isinstance(value, Broken) else value, *where],
            )
        except sqlite3.IntegrityError:
            return None
    if before == value and type(before) is type(value):
        return None
    family = {"parent", *children, *([whose] if table == "workflows" and column == "parent" else [])}
    # What is put into the place of another's was taken from that one.
    theirs = {whose, *([value] if column in ("id", "workflow_id") and isinstance(value, str) else [])}
    return theirs | family if theirs & family or (whose or "").startswith("parent") else theirs


# ---------------------------------------------------------------------- what must hold


class Complaints(logging.Handler):
    """A handler that collects logged defects of yieldflow itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "defect" in record.getMessage():
            self.found.append(self.format(record))


Ends: TypeAlias = dict[str, tuple[str, object]]


def resume_open_steps(path: Path) -> Ends:
    """Have a new session go on with everything, until all has ended or stalled; how each workflow ended."""
    with closing(WatchedStore(SqliteStore(path, "normal"))) as store:
        host = Host(store, REGISTRY)
        host.now = START + 10_000_000
        host.settle()
        with suppress(YieldflowError):
            host.ask("suspended", RESUME)
        for _ in range(30):
            host.work_off()
            host.advance(1)
        host.close()
        ends: Ends = {}
        for record in store.records():
            outcome = record.outcome
            ends[record.id] = (record.status.value, outcome if isinstance(outcome, str) else type(outcome).__name__)
        return ends


def look(path: Path, damaged: set[str]) -> None:
    """Look at everything in all ways, as a client does: of the damaged workflows it may be told that they are so."""
    client = Orchestrator(path, registry=REGISTRY)
    try:
        listed = {entry["id"] for entry in client.list_workflows()}
        report = client.check_replay()
        assert {problem.workflow_id for problem in report.problems} & set(IDS) <= damaged, str(report)
        for workflow_id in IDS:
            assert workflow_id in listed or workflow_id in damaged, f"{workflow_id} is not listed"
            try:
                client.get_workflow_status(workflow_id)
                client.list_workflows(parent=workflow_id)
                client.list_workflows(after=workflow_id, limit=1)
                client.handle(workflow_id).describe()
                client.handle(workflow_id).history().to_json()
            except YieldflowError:
                assert workflow_id in damaged
        for workflow_id in damaged & {"done", "failed", "cancelled"}:
            # What the activity of "failed" raised.
            with suppress(YieldflowError, ValueError):
                client.handle(workflow_id).result(timeout=0)
    finally:
        client.stop()


#: The workflows of the file, with how they end where nothing is damaged: filled by `prepare`.
EXPECTED: Ends = {}
IDS = [
    *("done", "failed", "cancelled", "other", "suspended", "loop", "listens", "sleeper", "cleans up", "changed"),
    *("parent", "open", "retried", "later", "new"),
]


def prepare(folder: Path) -> Path:
    """The undamaged file, in ``folder``."""
    whole, copy = folder / "whole.db", folder / "copy.db"
    make(whole)
    shutil.copyfile(whole, copy)
    look(copy, set())
    EXPECTED.update(resume_open_steps(copy))
    return whole


def check(whole: Path, damage: Damage) -> bool:
    """See what a copy of the file does that is damaged so; False where the damage is none.

    Raises:
        AssertionError: More than the damaged workflow is affected.
    """
    path = whole.with_name("damaged.db")
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(whole, path)
    damaged = inflict(path, damage)
    if damaged is None:
        return False
    complaints = Complaints()
    logging.getLogger("yieldflow").addHandler(complaints)
    try:
        look(path, damaged)
        ends = resume_open_steps(path)
        look(path, damaged)
    finally:
        logging.getLogger("yieldflow").removeHandler(complaints)
    assert complaints.found == []
    others = {workflow_id: end for workflow_id, end in EXPECTED.items() if workflow_id not in damaged}
    assert {workflow_id: ends.get(workflow_id) for workflow_id in others} == others
    return True


def main() -> int:
    """Damage the file as often as asked for."""
    parser = argparse.ArgumentParser("python -m tests.damage", description="Files damaged in one value.")
    parser.add_argument("--rounds", type=int, default=1000, help="how often the file is damaged (1000)")
    rounds = parser.parse_args().rounds
    done, bar = Counter[str](), Bar(rounds)
    logging.getLogger("yieldflow").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        whole = prepare(Path(folder))

        @settings(
            max_examples=rounds,
            deadline=None,
            database=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(DAMAGES)
        def damage(one: Damage) -> None:
            done["damaged" if check(whole, one) else "refused by SQLite, or the same value"] += 1
            bar.show(done.total())

        damage()
    print(f"one value changed {done.total():,} times: {dict(done)}; nothing else was affected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
