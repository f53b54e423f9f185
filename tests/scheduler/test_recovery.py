"""A restart loses nothing: every workflow goes on where it was, and waits no longer than it has to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.engine import SECOND, Host, Lab, WatchedStore, open_store, rows, submission
from tests.support.flaky import label_of
from tests.support.flows import make_chain
from yieldflow import Flow, gather, sleep, workflow
from yieldflow.store import RequestKind

LAB = Lab()
work, fail = LAB.work, LAB.fail
chain = make_chain(LAB)


@workflow(registry=LAB.registry)
def nap(seconds: float, then: str) -> Flow[str]:
    LAB.performed.append(f"code of {then}")
    yield sleep(seconds)
    return (yield from work(then))


# ---------------------------------------------------------------------- who goes on, and when


def test_sleeper_is_not_built_until_it_is_due(host: Host, store: WatchedStore) -> None:
    """A workflow that has slept for a second is not even read at the start; its code runs when its sleep ends."""
    host.submit(nap(3600, "a"), "w")
    host.advance(1)
    LAB.performed.clear()
    store.loads.clear()
    commits = len(store.commits)
    host.crash()
    host.advance(3598)
    assert (LAB.performed, store.loads, len(store.commits)) == ([], [], commits)
    host.advance(1)
    assert LAB.performed == ["code of a"]
    host.finish("w")
    assert (host.output("w"), host.record("w").recovery_attempts) == ("A", 0)


def test_overdue_sleep_ends_at_once(host: Host) -> None:
    """A sleep whose end went by while no process ran ends at the start."""
    host.submit(nap(60, "a"), "w")
    host.now += 3600 * SECOND
    host.crash()
    assert [label_of(task) for task in host.tasks] == ["a"]


def test_sleep_beside_an_activity_ends_after_a_restart(host: Host) -> None:
    """A sleep that runs beside an activity ends at its time after a restart, whatever the activity does."""

    @workflow(registry=LAB.registry)
    def both() -> Flow[list[str]]:
        return list((yield from gather(leg_after(60), work("slow"))))

    def leg_after(seconds: float) -> Flow[str]:
        yield sleep(seconds)
        return (yield from work("after"))

    host.submit(both(), "w")
    host.advance(10)
    host.crash()
    host.advance(49)
    assert [label_of(task) for task in host.tasks] == ["slow"]
    host.advance(1)
    assert [label_of(task) for task in host.tasks] == ["slow", "after"]


def test_delayed_start_outlives_a_restart(host: Host, store: WatchedStore) -> None:
    """A workflow that is to start later starts then, whatever restarts there are."""
    host.submit(chain("a"), "ours", delay=3600)
    store.submit([submission(chain("b"), "client's", host.now, delay=1800)])
    host.advance(1)
    assert store.loads == []
    host.crash()
    store.loads.clear()
    host.advance(1798)
    assert (host.tasks, store.loads) == ([], [])
    host.advance(1)
    assert [label_of(task) for task in host.tasks] == ["b"]
    host.crash()
    host.advance(1800)
    assert [label_of(task) for task in host.tasks] == ["b", "a"]
    host.finish()
    assert (host.output("ours"), host.output("client's")) == (["A"], ["B"])


def test_client_submission_starts_with_the_next_session(host: Host, store: WatchedStore) -> None:
    """A workflow that a client added while no process owned the file starts with the next owner."""
    store.submit([submission(chain("a"), "w")])
    host.crash()
    host.finish("w")
    assert host.output("w") == ["A"]


def test_sleeper_that_is_built_too_early_is_not_on_trial(host: Host) -> None:
    """A workflow that sleeps on, as the clock was set back while it was being woken, is not counted."""
    host.submit(nap(60, "a"), "w")
    host.advance(1)
    host.start()
    host.now += 59 * SECOND
    host.turn()
    host.advance(-30)
    assert (host.tasks, host.record("w").recovery_attempts) == ([], 0)
    host.advance(30)
    assert [label_of(task) for task in host.tasks] == ["a"]


def test_workflow_that_is_to_start_later_is_not_counted(host: Host) -> None:
    """A workflow that has not started is never counted, even if it has a signal and the process dies often."""
    host.submit(chain("a", "b"), "w", delay=3600)
    for number in range(12):
        host.crash()
        host.signal("w", "early", number)
        host.turn()
        assert host.record("w").recovery_attempts == 0
    host.advance(3600)
    host.crash()
    host.finish("w")
    assert host.output("w") == ["A", "B"]


def test_resumed_workflow_is_counted_anew(host: Host) -> None:
    """A resumed workflow is counted anew."""
    host.submit(chain("a", "b"), "w")
    host.crash()
    host.turn()
    host.ask("w", RequestKind.SUSPEND)
    assert host.record("w").recovery_attempts == 1
    host.crash()
    host.ask("w", RequestKind.RESUME)
    host.settle(host.do("a"))
    assert (host.status("w"), host.record("w").recovery_attempts) == ("processing", 0)


def test_ended_workflows_are_left_alone(host: Host, store: WatchedStore) -> None:
    """Workflows that ended are not touched by a restart."""

    @workflow(registry=LAB.registry)
    def raises() -> Flow[None]:
        yield fail("on purpose")

    host.submit(chain("a"), "done")
    host.submit(raises(), "failed")
    host.finish()
    before, commits, performed = rows(store), len(store.commits), list(LAB.performed)
    store.loads.clear()
    host.crash()
    host.advance(100)
    assert rows(store) == before
    assert (store.loads, len(store.commits), LAB.performed) == ([], commits, performed)


def test_damaged_disk_at_the_start_delays_only(host: Host, store: WatchedStore) -> None:
    """If the disk fails while workflows are being recovered, they are recovered a little later."""
    ids = [f"w{number}" for number in range(5)]
    host.turn(host.asking(*map(chain, ids), ids=ids)[0])
    store.failing_commits, store.failing_loads = 2, 2
    host.crash()
    host.advance(1)
    host.advance(1)
    host.advance(1)
    host.advance(1)
    assert [task.workflow_id for task in host.tasks] == ids


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (
            "update activity_executions set kind = 'nonsense' where workflow_id = 'damaged'",
            "there is no kind or status 'nonsense'",
        ),
        ("update workflows set status = 'nonsense' where id = 'damaged'", "no status 'nonsense'"),
    ],
)
def test_damaged_row_stalls_its_workflow_alone(tmp_path: Path, damage: str, reason: str) -> None:
    """A workflow whose rows are damaged is set aside with the reason, and all others go on."""
    with open_store("sqlite", tmp_path) as store:
        host = Host(store, LAB.registry)
        ids = ["damaged", "there"]
        host.turn(host.asking(*map(chain, ids), ids=ids)[0])
        with closing(sqlite3.connect(tmp_path / "workflows.db", isolation_level=None)) as vandal:
            vandal.execute(damage)
        host.crash()
        assert [task.workflow_id for task in host.tasks] == ["there"]
        assert host.status("damaged") == "stalled"
        assert reason in host.reason("damaged")
        host.close()


def test_a_start_is_not_early_where_the_clock_is_set_back_during_a_recovery(host: Host) -> None:
    """A workflow that is put on disk during a recovery starts at its time, also where the clock is set back."""
    host.submit(chain("a"), "recovered")
    host.crash()
    host.scheduler.turn([host.asking(chain("b"), ids=["w"], delay=0)[0]], host.reading)
    host.advance(-10)
    assert [label_of(task) for task in host.tasks] == ["a"]
    host.advance(10)
    assert [label_of(task) for task in host.tasks] == ["a", "b"]
