"""A store that fails for a moment, or one damaged row, makes no workflow wait in vain."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.engine import SECOND, Host, Lab, WatchedStore, open_store, submission
from yieldflow import Flow, StorageError, gather, race, sleep, wait_signal, workflow
from yieldflow._core.errors import DamagedRowError
from yieldflow._core.history import Micros
from yieldflow.scheduler.lifecycle import TrackedWorkflow
from yieldflow.scheduler.timers import PAGE
from yieldflow.store import FOREVER, Loaded, RequestKind, Sleeper, WorkflowBrief

LAB = Lab()
work = LAB.work


@workflow(registry=LAB.registry)
def one() -> Flow[str]:
    return (yield from work("a"))


@workflow(registry=LAB.registry)
def waiting_child() -> Flow[object]:
    return (yield from wait_signal("never"))


@workflow(registry=LAB.registry)
def parent() -> Flow[object]:
    return (yield from waiting_child())


@workflow(registry=LAB.registry)
def hasty_parent() -> Flow[int]:
    index, _ = yield from race(sleep(300), waiting_child())
    return index


@workflow(registry=LAB.registry)
def sleeping_child(number: int) -> Flow[None]:
    yield from sleep(100 + number * 0.1)


@workflow(registry=LAB.registry)
def parent_of_many(children: int) -> Flow[None]:
    yield from gather(*[sleeping_child(number) for number in range(children)])


def test_arrivals_are_not_lost_where_the_look_ahead_fails(host: Host, store: WatchedStore) -> None:
    """What a client submitted is begun, though the disk failed just after it was found."""
    host.settle()
    host.submit(parent(), "delayed", delay=10)
    host.now += 10 * SECOND
    store.inner.submit([submission(one(), "w", host.now)])
    sleepers, failures = store.sleepers, [StorageError("disk gone")]

    def failing(after: tuple[Micros, int], until: Micros, limit: int) -> list[Sleeper]:
        if failures:
            raise failures.pop()
        return sleepers(after, until, limit)

    store.sleepers = failing  # type: ignore[method-assign]  # as the disk does
    host.settle()
    host.advance(10)
    host.advance(10)
    host.work_off()
    assert host.status("w") == "done"


def test_a_parents_request_is_not_lost_where_the_disk_fails(host: Host, store: WatchedStore) -> None:
    """A parent that no longer waits for a child has it end, though the child's row could not be read at first."""
    host.submit(hasty_parent(), "p")
    host.settle()
    child = next(record.id for record in store.records() if record.id != "p")
    host.advance(120)
    host.advance(120)
    assert host.scheduler.live(child) is None
    brief, failures = store.brief, [StorageError("disk gone")]

    def failing(workflow_id: str) -> WorkflowBrief | None:
        if workflow_id == child and failures:
            raise failures.pop()
        return brief(workflow_id)

    store.brief = failing  # type: ignore[method-assign]  # as the disk does
    for _ in range(12):
        host.advance(10)
    assert not failures
    assert host.status(child) == "cancelled"
    assert host.status("p") == "done"


def test_a_parent_hears_of_its_childs_end_where_the_disk_fails(host: Host, store: WatchedStore) -> None:
    """A parent hears that its child was terminated out of memory, though a row could not be read just then."""
    host.submit(parent(), "p")
    host.settle()
    child = next(record.id for record in store.records() if record.id != "p")
    host.ask(child, RequestKind.SUSPEND)
    brief, calls = store.brief, []

    def failing(workflow_id: str) -> WorkflowBrief | None:
        calls.append(workflow_id)
        if len(calls) == 2:
            raise StorageError("disk gone")
        return brief(workflow_id)

    store.brief = failing  # type: ignore[method-assign]  # as the disk does
    host.ask(child, RequestKind.TERMINATE)
    for _ in range(5):
        host.advance(10)
    assert host.status(child) == "cancelled"
    assert host.status("p") == "failed"


def test_a_damaged_parent_keeps_nobody_waiting(host: Host, store: WatchedStore) -> None:
    """A child of a parent whose row is damaged ends: the parent stalls, and the disk is not said to be at fault."""
    host.submit(parent(), "p")
    host.settle()
    child = next(record.id for record in store.records() if record.id != "p")
    host.advance(120)
    host.advance(120)
    assert host.scheduler.live("p") is None
    brief, load = store.brief, store.load

    def damaged_brief(workflow_id: str) -> WorkflowBrief | None:
        if workflow_id == "p":
            raise DamagedRowError("the row of p is damaged")
        return brief(workflow_id)

    def damaged_load(workflow_id: str) -> Loaded | None:
        if workflow_id == "p":
            raise DamagedRowError("the row of p is damaged")
        return load(workflow_id)

    store.brief = damaged_brief  # type: ignore[method-assign]  # as a damaged row does
    store.load = damaged_load  # type: ignore[method-assign]  # as a damaged row does
    host.signal(child, "never", "x")
    for _ in range(5):
        host.advance(10)
    assert host.status(child) == "done"
    assert host.scheduler.trouble[0] is None
    assert host.status("p") == "stalled"


def test_a_damaged_time_of_an_arrival_harms_no_other(tmp_path: Path) -> None:
    """A client's workflow whose `wake_at` is no number stalls; what was submitted beside it is begun."""
    with open_store("sqlite", tmp_path) as store:
        host = Host(store, LAB.registry)
        host.settle()
        store.inner.submit([submission(one(), "damaged", host.now, delay=100), submission(one(), "w", host.now)])
        with closing(sqlite3.connect(tmp_path / "workflows.db")) as connection, connection:
            connection.execute("update workflows set wake_at = 'soon' where id = 'damaged'")
        host.advance(1)
        host.work_off()
        assert host.status("w") == "done"
        assert "wake_at" in host.reason("damaged")
        host.close()


def test_a_turn_looks_at_few_of_those_that_cannot_leave(store: WatchedStore) -> None:
    """However many are at work beyond `max_live`, a turn looks at few of them, and those asleep leave all the same."""
    host = Host(store, LAB.registry, max_live=10)
    for first in range(0, 3000, 500):
        message, _ = host.asking(*[one()] * 500, ids=[f"w{number}" for number in range(first, first + 500)])
        host.turn(message)
    looked: list[str] = []
    live = host.scheduler._state.workflows.live
    postpone = host.scheduler._state.workflows.postpone

    def watched(workflow: TrackedWorkflow, placed_at: int) -> None:
        looked.append(workflow.id)
        postpone(workflow, placed_at)

    host.scheduler._state.workflows.postpone = watched  # type: ignore[method-assign]  # counted
    host.turn(host.do())
    assert len(looked) < 200
    host.submit(waiting_child(), "asleep")
    for _ in range(100):
        host.now += 1000
        host.turn()
    assert "asleep" not in live
    host.close()


def test_those_due_at_one_moment_are_tracked_by_the_page(host: Host) -> None:
    """However many are due at one moment, about a page of them waits in memory to be loaded; and all are loaded."""
    for first in range(0, 5000, 1000):
        ids = [f"w{number}" for number in range(first, first + 1000)]
        message, _ = host.asking(*[one()] * 1000, ids=ids, delay=1000)
        host.turn(message)
    host.now += 1000 * SECOND
    workflows, most = host.scheduler._state.workflows, 0
    for _ in range(200):
        host.turn()
        host.now += 5000
        most = max(most, len(workflows.loading))
    assert most <= 2 * PAGE
    assert len(host.tasks) == 5000


def test_a_parent_of_many_is_not_replayed_at_the_end_of_each_child(store: WatchedStore) -> None:
    """Though memory is wanted all the time, a parent of many is loaded a few times, and not once for each child."""
    host = Host(store, LAB.registry, max_live=5)
    for number in range(10):
        host.submit(one(), f"busy{number}")
    host.submit(parent_of_many(300), "p")
    host.settle()
    host.advance(99)
    for _ in range(1000):
        host.advance(0.05)
    assert host.status("p") == "done"
    assert store.loads.count("p") < 10
    host.close()


def test_a_signal_that_nobody_waits_for_leaves_the_row_at_rest(host: Host) -> None:
    """A message at the very moment at which a row is to say that it rests: it says so in the next turn."""
    host.submit(waiting_child(), "w")
    host.settle()
    host.now += 2 * SECOND
    host.signal("w", "other")
    host.advance(5)
    assert host.record("w").wake_at == FOREVER
