"""A commit that fails: nothing leaves, nothing that arrived is lost, and a refused value stalls its workflow alone."""

from __future__ import annotations

import pytest

from tests.support.engine import Host, Lab, WatchedStore, submission
from tests.support.flows import make_chain, make_fan, make_nap
from yieldflow import Flow, gather, workflow
from yieldflow._core.errors import RefusedValueError

LAB = Lab()
work, fail = LAB.work, LAB.fail
chain = make_chain(LAB)
fan = make_fan(LAB)
nap = make_nap(LAB)


@workflow(registry=LAB.registry)
def first_failure(*labels: str) -> Flow[str]:
    try:
        yield gather(fail("bad"), *map(work, labels))
    except ValueError:
        return (yield from work("instead"))
    return "no failure"


# ---------------------------------------------------------------------- a commit fails


def test_outcome_outlives_a_failed_commit(host: Host, store: WatchedStore) -> None:
    """If the disk fails when an activity's result arrives, the activity is not done again."""
    host.submit(chain("a", "b"), "w")
    store.failing_commits = 1
    host.settle(host.do("a"))
    assert [task.step for task in host.tasks] == []
    host.advance(1)
    assert [task.step for task in host.tasks] == [1]
    host.finish("w")
    assert (host.output("w"), LAB.performed) == (["A", "B"], ["a", "b"])


def test_outcomes_outlive_a_failed_commit_in_their_order(host: Host, store: WatchedStore) -> None:
    """Results of several activities that arrive while the disk fails are applied in the order of their arrival."""
    host.submit(fan("a", "b", "c", "d"), "w")
    store.failing_commits = 3
    for label in "cadb":
        host.settle(host.do(label))
    host.advance(5)
    host.finish("w")
    assert [step.applied for step in store.steps("w")] == [2, 4, 1, 3]
    assert sorted(LAB.performed) == ["a", "b", "c", "d"]


def test_cancelled_work_is_not_begun_again_after_a_failed_commit(host: Host, store: WatchedStore) -> None:
    """An activity whose result came too late, in a turn that the disk failed, is not done a second time."""
    host.submit(first_failure("slow"), "w")
    store.failing_commits = 1
    host.turn(host.do("bad"), host.do("slow"))
    host.advance(1)
    host.finish("w")
    assert (host.output("w"), LAB.performed) == ("INSTEAD", ["bad", "slow", "instead"])


def test_back_off_doubles_and_resets(host: Host, store: WatchedStore) -> None:
    """While the disk fails it is tried again after 50 ms, 100 ms, 200 ms, ... up to 5 s, and afresh after a success."""

    def pauses() -> list[int]:
        """The pauses, in ms, after the commit that fails now."""
        last, found = host.now, []
        while store.failing_commits:
            before = store.failing_commits
            host.now += 25_000
            host.turn()
            if store.failing_commits < before:
                found.append((host.now - last) // 1000)
                last = host.now
        host.advance(6)
        return found

    host.submit(chain("a", "b", "c"), "w")
    store.failing_commits = 10
    host.turn(host.do("a"))
    assert pauses() == [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]
    store.failing_commits = 3
    host.turn(host.do("b"))
    assert pauses() == [50, 100]
    host.finish("w")
    assert host.output("w") == ["A", "B", "C"]


def test_sleep_that_ends_while_the_disk_fails_is_not_lost(host: Host, store: WatchedStore) -> None:
    """A sleep that ends while the disk fails ends when the disk works again."""
    host.submit(nap(10), "w")
    store.failing_commits = 2
    host.advance(10)
    assert host.status("w") == "processing"
    host.advance(1)
    host.advance(1)
    assert host.output("w") == "rested"


def test_unreadable_disk_delays_and_loses_nothing(host: Host, store: WatchedStore) -> None:
    """If the disk can for a while not be read either, all goes on afterwards, and nothing is done twice."""
    message, _ = host.asking(chain("a", "b"), chain("c", "d"), ids=["one", "two"])
    host.turn(message)
    store.failing_commits, store.failing_loads = 1, 2
    host.settle(host.do("a"), host.do("c"))
    host.advance(6)
    host.finish()
    assert (host.output("one"), host.output("two")) == (["A", "B"], ["C", "D"])
    assert sorted(LAB.performed) == ["a", "b", "c", "d"]


def test_failing_look_for_arrivals_goes_easy_on_the_log(
    host: Host, store: WatchedStore, caplog: pytest.LogCaptureFixture
) -> None:
    """While the disk cannot be read, that is said a few times and not forty times a second; then arrivals are seen."""
    store.submit([submission(chain("a"), "client")])
    store.failing_looks = 1000
    for _ in range(400):
        host.now += 25_000
        host.turn()
    # Ten seconds: after 0.05, 0.1, ... 3.2 and 5 s.
    assert len(caplog.records) == 8
    store.failing_looks = 0
    host.advance(5)
    assert [task.workflow_id for task in host.tasks] == ["client"]


def test_refused_value_stalls_its_workflow_alone(host: Host, store: WatchedStore) -> None:
    """A value that the database refuses stalls the one workflow that it is of; the others of its batch go on."""
    ids = [f"w{number}" for number in range(9)]
    host.turn(host.asking(*(chain(id, f"next {id}") for id in ids), ids=ids)[0])
    store.refused = {"w4"}
    host.turn(*[host.do() for _ in ids])
    assert [(ended.workflow_id, ended.status.value) for ended in host.told] == [("w4", "stalled")]
    assert "too big" in host.reason("w4")
    assert [task.workflow_id for task in host.tasks] == [id for id in ids if id != "w4"]


def test_refused_workflow_goes_on_without_repeating_its_activity(host: Host, store: WatchedStore) -> None:
    """A workflow that stalled over a refused value goes on when it is registered again; what was done stays done."""
    host.submit(chain("a", "b"), "w")
    store.refused = {"w"}
    host.settle(host.do())
    store.refused = set()
    host.register(LAB.registry, "chain")
    host.finish("w")
    assert (host.output("w"), LAB.performed) == (["A", "B"], ["a", "b"])


def test_refused_submission_leaves_nothing(host: Host, store: WatchedStore) -> None:
    """A submission with a value that the database refuses gets the error; others in the same batch are accepted."""
    store.refused = {"bad"}
    asked = {id: host.asking(chain(id), ids=[id]) for id in ("good", "bad", "fine")}
    host.turn(*[message for message, _ in asked.values()])
    errors = {id: type(answer.error) for id, (_, answer) in asked.items()}
    assert errors == {"good": type(None), "bad": RefusedValueError, "fine": type(None)}
    assert [record.id for record in store.records()] == ["fine", "good"]
    store.refused = set()
    assert host.submit(chain("again"), "bad").error is None


def test_submit_many_is_all_or_none_in_a_split_batch(host: Host, store: WatchedStore) -> None:
    """Workflows submitted together are all on disk or none, even if one of them has the batch split."""
    store.refused = {"b2"}
    lots = {lot: host.asking(*(chain(lot) for _ in range(3)), ids=[f"{lot}{n}" for n in range(3)]) for lot in "abc"}
    host.turn(*[message for message, _ in lots.values()])
    assert [type(answer.error) for _, answer in lots.values()] == [type(None), RefusedValueError, type(None)]
    assert sorted(record.id for record in store.records()) == ["a0", "a1", "a2", "c0", "c1", "c2"]
    assert sorted({task.workflow_id for task in host.tasks}) == ["a0", "a1", "a2", "c0", "c1", "c2"]
