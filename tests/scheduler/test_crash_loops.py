"""Workflows that kill the process are found and set aside, and bystanders are not blamed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.engine import SECOND, Crash, Host, Lab, WatchedStore, rows
from tests.support.flaky import label_of
from tests.support.flows import make_chain
from yieldflow import Flow, Registry, StorageError, sleep, workflow
from yieldflow.workers import Attempt

LAB = Lab()
work, fail = LAB.work, LAB.fail
chain = make_chain(LAB)


@workflow(registry=LAB.registry)
def nap(seconds: float, then: str) -> Flow[str]:
    LAB.performed.append(f"code of {then}")
    yield sleep(seconds)
    return (yield from work(then))


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
    """Return no time, for every activity."""
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
    """A workflow that has used up its recoveries is set aside at once, even if others wait to be tried."""
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
    """A session that ends before any dispatch counts against no workflow."""
    host.submit(chain("a"), "w")
    for _ in range(30):
        host.start()
    assert host.record("w").recovery_attempts == 0


@pytest.mark.parametrize("maximum", [1, 2, 3, 10])
@pytest.mark.parametrize("place", [0, 20, 50])
def test_queued_bystanders_are_not_blamed(host: Host, place: int, maximum: int) -> None:
    """Fifty workflows queued beside a workflow that kills the process all finish, and it alone is set aside."""
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
    """Workflows too slow to get anywhere before the process dies are tried without the workflow that kills it."""
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
    """All workflows that kill the process are set aside, and no others."""
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
    """If the workflow on trial waits for another that waits to be tried, both go on after a while."""
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
    """A workflow that waits to be tried waits on if a signal to it cannot be written."""
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
    """A workflow that was deleted meanwhile does not block those that wait to be tried behind it."""
    ids = ["deleted", "there"]
    host.turn(host.asking(*map(chain, ids), ids=ids)[0])
    for _ in range(5):
        host.crash()
    store.gone = {"deleted"}
    host.crash()
    assert [task.workflow_id for task in host.tasks] == ["there"]
