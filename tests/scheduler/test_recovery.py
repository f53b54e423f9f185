"""What a restart promises: every workflow goes on where it was, and one that kills the process is set aside."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple, cast

import pytest

from tests.support.engine import SECOND, Crash, Host, Lab, WatchedStore, history, open_store, rows, submission
from yieldflow import Flow, Registry, StorageError, gather, info, random, sleep, uuid4, workflow
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


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WatchedStore]:
    with open_store(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def host(store: WatchedStore) -> Iterator[Host]:
    LAB.performed.clear()
    made = Host(store, LAB.registry)
    yield made
    made.close()


def label_of(task: Attempt) -> str:
    """The argument of an activity."""
    return str(task.input).split('"')[3]


# ---------------------------------------------------------------------- a crash at every commit


class Travelled(NamedTuple):
    """How a journey went."""

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
    assert (whole.crashed, commits) == (False, 21)
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
    """What a client added while nobody owned the file starts when somebody does."""
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
    """A signal for a workflow that has not started has nobody count it, however often the process dies meanwhile."""
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
    """What was counted before a workflow was suspended is not held against it once it is to go on."""
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


# ---------------------------------------------------------------------- workflows that kill the process


def sessions(host: Host, kills: Callable[[Attempt], bool], seconds_of: Callable[[Attempt], float], count: int) -> int:
    """Restart until a session survives, at most ``count`` times; how many died."""
    for died in range(count):
        host.now += SECOND
        host.start()
        if not host.work_until(seconds_of, kills):
            return died
    return count


def instantly(task: Attempt) -> float:
    """How long every activity takes."""
    return 0.001


def test_workflow_that_kills_the_process_is_parked(host: Host) -> None:
    """A workflow whose activity kills the process at each start is set aside after ten times, with what to do."""
    host.submit(chain("deadly"), "w")
    assert sessions(host, lambda task: True, instantly, 50) == 10
    assert (host.status("w"), host.tasks) == ("stalled", [])
    assert "10 times in a row" in host.reason("w")
    assert "max_recovery_attempts (now 10)" in host.reason("w")
    assert [ended.status.value for ended in host.told] == ["stalled"]


def test_parked_workflow_stays_parked(host: Host) -> None:
    """A workflow that was set aside stays so over restarts, crashes and clean stops; each session tells so once."""
    host.submit(chain("deadly"), "w")
    sessions(host, lambda task: True, instantly, 50)
    before = rows(host.store)
    host.crash()
    host.stop()
    host.start()
    host.stop()
    host.crash()
    assert (rows(host.store), [ended.workflow_id for ended in host.told], host.tasks) == (before, ["w"] * 3, [])


def test_workflow_that_is_to_be_parked_waits_for_nobody(host: Host) -> None:
    """A workflow that has used up its attempts is set aside at once, also where others wait for their trial."""
    ids = ["deadly", "slow", "slower"]
    host.turn(host.asking(*map(chain, ids), ids=ids)[0])
    while host.record("deadly").recovery_attempts < 10:
        host.crash()
    host.crash()
    assert host.status("deadly") == "stalled"
    assert [task.workflow_id for task in host.tasks] == ["slow"]


def test_parked_workflow_goes_on_with_a_larger_maximum(host: Host) -> None:
    """A workflow that was set aside goes on when the maximum is raised, and is a workflow like others afterwards."""
    host.submit(chain("deadly", "b"), "w")
    sessions(host, lambda task: True, instantly, 50)
    host.max_recovery_attempts = 11
    host.crash()
    assert host.status("w") == "processing"
    host.finish("w")
    assert (host.output("w"), host.record("w").recovery_attempts, host.record("w").reason) == (["DEADLY", "B"], 0, None)


def test_parked_workflow_is_not_woken_by_an_import(host: Host) -> None:
    """A module that is imported after the start does not set a parked workflow loose again."""
    host.submit(chain("deadly"), "w")
    sessions(host, lambda task: True, instantly, 50)
    host.register(LAB.registry, "chain")
    assert (host.status("w"), host.tasks) == ("stalled", [])


@pytest.mark.parametrize("failing", ["failing_commits", "failing_loads"])
def test_broken_disk_does_not_set_a_parked_workflow_loose(host: Host, store: WatchedStore, failing: str) -> None:
    """A workflow that has used up its attempts is not begun once more because the disk failed as it was parked."""
    host.submit(chain("deadly"), "w")
    sessions(host, lambda task: True, instantly, 10)
    setattr(store, failing, 1)
    host.crash()
    host.advance(1)
    assert (host.status("w"), host.tasks) == ("stalled", [])


def test_progress_resets_the_count(host: Host) -> None:
    """A workflow that gets a step further in each session is never set aside, however often the process dies."""
    host.submit(chain(*(f"step {number}" for number in range(30))), "w")
    for _ in range(29):
        host.crash()
        host.crash()
        assert host.record("w").recovery_attempts == 2
        host.settle(host.do())
        assert host.record("w").recovery_attempts == 0
    host.crash()
    host.finish("w")
    assert host.status("w") == "done"


def test_progress_resets_the_count_also_if_the_disk_fails_at_first(host: Host, store: WatchedStore) -> None:
    """Progress that the disk refused at first counts when it is written."""
    host.submit(chain("a", "b"), "w")
    host.crash()
    store.failing_commits = 1
    host.settle(host.do())
    assert host.record("w").recovery_attempts == 1
    host.advance(1)
    assert host.record("w").recovery_attempts == 0


def test_clean_stop_resets_the_count(host: Host) -> None:
    """Sessions that were stopped cleanly are no failures, even where a workflow got no further in them."""
    ids = [f"w{number}" for number in range(20)]
    host.turn(host.asking(*map(chain, ids), ids=ids)[0])
    for _ in range(30):
        host.crash()
        host.crash()
        host.stop()
        assert {record.recovery_attempts for record in host.store.records()} == {0}
    host.crash()
    host.finish()
    assert {record.status.value for record in host.store.records()} == {"done"}


def test_clean_stop_resets_the_count_of_a_sleeper(host: Host, store: WatchedStore) -> None:
    """A clean stop also clears a workflow that once died while waking and sleeps again as the clock was set back."""
    host.submit(nap(60, "a"), "w")
    host.start()
    store.crash_before = len(store.commits) + 2
    with pytest.raises(Crash):
        host.advance(60)
    assert host.record("w").recovery_attempts == 1
    host.now -= 30 * SECOND
    host.crash()
    host.stop()
    assert host.record("w").recovery_attempts == 0


def test_workflow_that_kills_the_process_as_it_wakes_is_parked(host: Host, store: WatchedStore) -> None:
    """A workflow whose code kills the process each time that its sleep ends is set aside like any other."""
    host.submit(nap(60, "a"), "w")
    host.now += 60 * SECOND
    for _ in range(10):
        host.start()
        store.crash_before = len(store.commits) + 2
        with pytest.raises(Crash):
            host.settle()
    host.crash()
    assert host.status("w") == "stalled"
    assert "10 times in a row" in host.reason("w")


def test_session_without_dispatch_is_not_counted(host: Host) -> None:
    """A session that ended before anything was taken up blames nobody."""
    host.submit(chain("a"), "w")
    for _ in range(30):
        host.start()
    assert host.record("w").recovery_attempts == 0


@pytest.mark.parametrize("maximum", [1, 2, 3, 10])
@pytest.mark.parametrize("place", [0, 20, 50])
def test_queued_bystanders_are_not_blamed(host: Host, place: int, maximum: int) -> None:
    """Fifty workflows queued beside one that kills the process all finish, and that one is set aside alone."""
    host.max_recovery_attempts = maximum
    ids = [f"w{number}" for number in range(50)]
    ids.insert(place, "culprit")
    host.turn(host.asking(*(chain(f"{id}.1", f"{id}.2") for id in ids), ids=ids)[0])
    sessions(host, lambda task: task.workflow_id == "culprit", instantly, 100)
    stalled = [record.id for record in host.store.records() if record.status.value == "stalled"]
    done = [record.id for record in host.store.records() if record.status.value == "done"]
    assert stalled == ["culprit"]
    assert len(done) == 50


@pytest.mark.parametrize("maximum", [1, 2, 3, 10])
def test_slow_bystanders_are_not_blamed(host: Host, maximum: int) -> None:
    """Workflows too slow to get anywhere before the process dies are tried without the one that kills it."""
    host.max_recovery_attempts = maximum
    ids = ["slow1", "culprit", "slow2", "slow3", "slow4", "slow5", "slow6"]
    host.turn(host.asking(*map(chain, ids), ids=ids)[0])

    def seconds_of(task: Attempt) -> float:
        return 10 if task.workflow_id == "culprit" else 3600

    sessions(host, lambda task: task.workflow_id == "culprit", seconds_of, 100)
    assert {record.id: record.status.value for record in host.store.records()} == {
        id: "stalled" if id == "culprit" else "done" for id in ids
    }


def test_two_culprits_are_both_parked(host: Host) -> None:
    """Of several workflows that kill the process each is set aside, and only they."""
    ids = ["culprit 1", *(f"slow{number}" for number in range(12)), "culprit 2"]
    host.turn(host.asking(*map(chain, ids), ids=ids)[0])

    def seconds_of(task: Attempt) -> float:
        return 10 if "culprit" in task.workflow_id else 3600

    sessions(host, lambda task: "culprit" in task.workflow_id, seconds_of, 100)
    assert {record.id: record.status.value for record in host.store.records()} == {
        id: "stalled" if "culprit" in id else "done" for id in ids
    }


def test_counted_ones_do_not_hold_up_the_others(host: Host) -> None:
    """Workflows that were never there when the process died are not held up by those that were."""
    suspects = [f"suspect{number}" for number in range(8)]
    host.turn(host.asking(*map(chain, suspects), ids=suspects)[0])
    for _ in range(4):
        host.crash()
    host.submit(chain("fresh"), "fresh")
    host.settle()
    host.crash()
    assert host.tasks[0].workflow_id == "fresh"
    assert len(host.tasks) == 1 + host.max_workers


def test_counted_ones_are_taken_up_one_after_the_other(host: Host) -> None:
    """From half the maximum on, a workflow is tried alone; when it got somewhere, the next follows."""
    ids = [f"w{number}" for number in range(3)]
    host.turn(host.asking(*(chain(id, "more") for id in ids), ids=ids)[0])
    for _ in range(5):
        host.crash()
    host.crash()
    for id in ids:
        assert [task.workflow_id for task in host.tasks if label_of(task) != "more"] == [id]
        host.settle(host.do(id))
    host.finish()
    assert {record.status.value for record in host.store.records()} == {"done"}


def test_code_that_is_new_while_others_are_on_trial_is_on_disk_before_it_runs(host: Host, store: WatchedStore) -> None:
    """A new workflow whose first lines kill the process can be counted like the others: it is on disk by then."""
    host.submit(chain("there"), "there")
    host.crash()
    answer = host.submit(nap(1, "new"), "new")
    assert (answer.given, answer.error, LAB.performed) == (True, None, [])
    assert host.record("new").started_at is None
    host.settle()
    assert LAB.performed == ["code of new"]


def test_a_trial_holds_up_others_for_minutes_only(host: Host) -> None:
    """Where the one on trial waits for one that waits for its trial, both go on after a while."""
    ids = ["waits", "awaited"]
    host.turn(host.asking(*map(chain, ids), ids=ids)[0])
    for _ in range(6):
        host.crash()
    assert [task.workflow_id for task in host.tasks] == ["waits"]
    host.advance(299)
    assert [task.workflow_id for task in host.tasks] == ["waits"]
    host.advance(2)
    assert [task.workflow_id for task in host.tasks] == ids


def test_a_failing_disk_takes_up_nobody_before_its_trial(host: Host, store: WatchedStore) -> None:
    """Where a signal to a workflow that waits for its trial cannot be written, it waits on."""
    ids = ["first", "second"]
    host.turn(host.asking(*(chain(id, "more") for id in ids), ids=ids)[0])
    for _ in range(6):
        host.crash()
    store.failing_commits = 1
    answer = host.signal("second", "bell")
    assert isinstance(answer.error, StorageError)
    host.advance(1)
    assert [task.workflow_id for task in host.tasks] == ["first"]
    host.finish()
    assert {record.status.value for record in store.records()} == {"done"}


def test_stalled_workflow_on_trial_lets_the_next_follow(host: Host) -> None:
    """A workflow whose code is gone does not block those that wait for their trial behind it."""

    @workflow
    def gone() -> Flow[None]:
        yield work("gone")

    both = Registry()
    both.add(gone)
    both.add(chain)
    host.start(both)
    host.turn(host.asking(gone(), chain("a"), ids=["gone", "there"])[0])
    for _ in range(5):
        host.crash()
    host.crash(LAB.registry)
    assert host.status("gone") == "stalled"
    assert [task.workflow_id for task in host.tasks] == ["there"]


def test_deleted_workflow_lets_the_next_follow(host: Host, store: WatchedStore) -> None:
    """A workflow whose row somebody deleted meanwhile does not block those that wait for their trial behind it."""
    ids = ["deleted", "there"]
    host.turn(host.asking(*map(chain, ids), ids=ids)[0])
    for _ in range(5):
        host.crash()
    store.gone = {"deleted"}
    host.crash()
    assert [task.workflow_id for task in host.tasks] == ["there"]


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
    """A workflow whose rows somebody damaged is set aside with the reason, and all others go on."""
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
