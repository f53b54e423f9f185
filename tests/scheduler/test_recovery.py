"""A restart loses nothing: every workflow goes on where it was, and waits no longer than it has to."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple, cast

import pytest

from tests.support.engine import SECOND, Crash, Host, Lab, WatchedStore, history, open_store, rows, submission
from yieldflow import Flow, gather, info, random, sleep, uuid4, workflow
from yieldflow.store import RequestKind
from yieldflow.workers import Attempt, Completed

LAB = Lab()
work, fail = LAB.work, LAB.fail


@workflow(registry=LAB.registry)
def chain(*labels: str) -> Flow[list[str]]:
    results = []
    for label in labels:
        results.append((yield from work(label)))
    return results


@workflow(registry=LAB.registry)
def nap(seconds: float, then: str) -> Flow[str]:
    LAB.performed.append(f"code of {then}")
    yield sleep(seconds)
    return (yield from work(then))


def leg(name: str) -> Flow[list[str]]:
    """A branch with a loop, a sleep and a failure that it catches."""
    passed = []
    for number in range(2):
        passed.append((yield from work(f"{name}{number}")))
    yield sleep(2)
    try:
        yield fail(f"{name} stumbles")
    except ValueError as error:
        passed.append(str(error))
    return passed


@workflow(registry=LAB.registry)
def journey(start: str) -> Flow[dict[str, object]]:
    """Everything that a workflow may do."""
    loop = []
    for _ in range(3):
        loop.append((yield from work(start)))
    legs = yield from gather(leg("left"), work("middle"), leg("right"), sleep(1))
    try:
        yield gather(work("early"), fail("bad"), work("too late"), leg("never done"))
    except ValueError as error:
        loop.append(str(error))
    yield from sleep(30)
    drawn = [str((yield from uuid4())), (yield from random()), (yield from info()).workflow_id]
    results = yield from gather(*(work(f"last {number}") for number in range(4)), return_exceptions=True, limit=2)
    return {"loop": loop, "legs": legs, "drawn": drawn, "results": results}


LEGS = [["LEFT0", "LEFT1", "left stumbles"], "MIDDLE", ["RIGHT0", "RIGHT1", "right stumbles"], None]


def label_of(task: Attempt) -> str:
    """The argument of an activity."""
    return str(task.input).split('"')[3]


# ---------------------------------------------------------------------- a crash at every commit


class Travelled(NamedTuple):
    """The result of a journey."""

    crashed: bool
    result: object
    steps: list[tuple[object, ...]]
    #: How often each activity was performed, by label.
    performed: Counter[str]


def travel(store: WatchedStore) -> Travelled:
    """Take the journey, going on after a crash."""
    LAB.performed.clear()
    host = Host(store, LAB.registry)
    repeated: list[Attempt] = []

    def look(task: Attempt) -> None:
        if host.store.steps("w")[task.step].applied is not None:
            repeated.append(task)

    host.on_dispatch = look
    crashed = False
    try:
        host.submit(journey("go"), "w")
        host.finish("w")
    except Crash:
        crashed = True
        host.start()
        if store.record("w") is None:
            host.submit(journey("go"), "w")
        host.finish("w")
    finally:
        host.close()
    assert repeated == [], "a checkpointed activity was dispatched again"
    return Travelled(crashed, host.output("w"), history(store, "w"), Counter(LAB.performed))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_crash_at_every_commit(tmp_path: Path, kind: str, moment: str) -> None:
    """Wherever the process dies, the workflow ends as it would have: same result, same history, nothing lost."""
    with open_store(kind, tmp_path, "whole.db") as store:
        whole = travel(store)
        commits = len(store.commits)
        needed = Counter(
            str(step.input).split('"')[3]
            for step in store.steps("w")
            if step.kind == "activity" and step.applied is not None
        )
    assert (whole.crashed, commits) == (False, 20)
    for number in range(1, commits + 1):
        with open_store(kind, tmp_path, f"{number}.db") as store:
            setattr(store, f"crash_{moment}", number)
            other = travel(store)
        where = f"after a crash right {moment} commit {number}"
        assert other.crashed, where
        assert (other.result, other.steps) == (whole.result, whole.steps), where
        assert needed - other.performed == Counter(), where
        # Performed again is the one activity whose outcome was not on disk, and nothing where it was.
        assert (other.performed - whole.performed).total() <= (moment == "before"), where


def test_crash_after_each_step_of_progress(host: Host) -> None:
    """A process that dies after every single step still gets every workflow to its end, and repeats no step."""
    host.submit(journey("go"), "w")
    for _ in range(1000):
        host.crash()
        if host.tasks:
            host.turn(host.do())
        elif host.status("w") == "processing":
            host.advance(1)
        else:
            break
    assert host.status("w") == "done"
    assert max(Counter(LAB.performed).values()) == 3  # "go" stands in a loop of three.


def live_badly(host: Host, store: WatchedStore, chance: Random) -> int:
    """A hundred turns of a bad day, drawn by ``chance``; how often the process died in it."""
    crashes = 0
    late: list[Completed] = []
    for _ in range(100):
        if chance.random() < 0.15:
            store.failing_commits = chance.randrange(4)
            store.failing_loads = chance.randrange(3)
            store.failing_looks = chance.randrange(2)
        inbox = [host.do(label_of(chance.choice(host.tasks))) for _ in range(min(len(host.tasks), chance.randrange(5)))]
        late = [completed for completed in (*late, *inbox) if chance.random() < 0.7]
        host.now += chance.choice([0, SECOND // 50, SECOND, 20 * SECOND, -5 * SECOND])
        host.turn(*inbox, *(late if chance.random() < 0.2 else ()))
        if chance.random() < 0.05:
            crashes += 1
            if chance.random() < 0.3:
                store.failing_commits = 0
                host.stop()
            host.start()
            late.clear()
    store.failing_commits = store.failing_loads = store.failing_looks = 0
    host.now += 10 * SECOND
    return crashes


@pytest.mark.parametrize("seed", range(30))
def test_any_mix_of_faults(tmp_path: Path, seed: int) -> None:
    """Whatever fails, in whatever order, every workflow ends as it would have, and only a death repeats an activity."""
    begun: Counter[tuple[str, int]] = Counter()
    repeated: list[Attempt] = []

    with open_store("memory" if seed % 3 else "sqlite", tmp_path) as store:

        def look(task: Attempt) -> None:
            begun[task.workflow_id, task.step] += 1
            if store.steps(task.workflow_id)[task.step].applied is not None:
                repeated.append(task)

        host = Host(store, LAB.registry, max_recovery_attempts=1000)
        host.on_dispatch = look
        ids = [f"w{number}" for number in range(4)]
        host.turn(host.asking(*(journey(id) for id in ids), ids=ids)[0])
        crashes = live_badly(host, store, Random(seed))
        host.finish()
        host.close()
        outputs = [cast("dict[str, object]", host.output(id)) for id in ids]
    assert [output["loop"] for output in outputs] == [[id.upper()] * 3 + ["bad"] for id in ids]
    assert [output["legs"] for output in outputs] == [LEGS] * 4
    assert [output["results"] for output in outputs] == [[f"LAST {number}" for number in range(4)]] * 4
    assert repeated == []
    assert max(begun.values()) <= 1 + crashes


# ---------------------------------------------------------------------- who goes on, and when


def test_sleeper_is_not_built_until_it_is_due(host: Host, store: WatchedStore) -> None:
    """A sleeping workflow is not even read at the start; its code runs when its sleep ends."""
    host.submit(nap(3600, "a"), "w")
    LAB.performed.clear()
    store.loads.clear()
    commits = len(store.commits)
    host.crash()
    host.advance(3599)
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
    assert store.loads == ["client's"]
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
    host.start()
    host.now += 60 * SECOND
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
