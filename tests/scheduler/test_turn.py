"""What a turn of the scheduler promises, driven by hand: one commit, and nothing leaves before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.support.engine import CODEC, NOTICED, SECOND, Host, Lab, WatchedStore, history, open_store, rows, submission
from yieldflow import (
    Flow,
    Registry,
    StorageError,
    Workflow,
    WorkflowAlreadyExistsError,
    gather,
    now,
    sleep,
    workflow,
)
from yieldflow._core.errors import RefusedValueError
from yieldflow._core.history import Payload
from yieldflow.scheduler.messages import Message
from yieldflow.workers import Attempt, Completed, Key

LAB = Lab()
work, fail = LAB.work, LAB.fail


@workflow(registry=LAB.registry)
def chain(*labels: str) -> Flow[list[str]]:
    results = []
    for label in labels:
        results.append((yield from work(label)))
    return results


@workflow(registry=LAB.registry)
def fan(*labels: str) -> Flow[list[str]]:
    return (yield from gather(*map(work, labels)))


@workflow(registry=LAB.registry)
def nap(seconds: float) -> Flow[str]:
    yield sleep(seconds)
    return "rested"


@workflow(registry=LAB.registry)
def first_failure(*labels: str) -> Flow[str]:
    try:
        yield gather(fail("bad"), *map(work, labels))
    except ValueError:
        return (yield from work("instead"))
    return "no failure"


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


def code(definition: object) -> Registry:
    """A registry with that one workflow."""
    registry = Registry()
    registry.add(cast("Workflow[..., object]", definition))
    return registry


# ---------------------------------------------------------------------- nothing leaves before its commit


def test_activity_is_on_disk_when_it_is_dispatched(host: Host) -> None:
    """When an activity begins, the step that asked for it can be read from the disk."""
    on_disk: list[str] = []

    def look(task: Attempt) -> None:
        step = host.store.steps(task.workflow_id)[task.step]
        on_disk.append(f"{step.name} {step.status.value}")

    host.on_dispatch = look
    host.submit(chain("a", "b"), "w")
    host.settle(host.do("a"))
    assert on_disk == ["work scheduled", "work scheduled"]


def test_submission_is_on_disk_when_it_is_answered(host: Host) -> None:
    """When a submission is answered, the workflow is on disk."""
    there: list[bool] = []
    message, _ = host.asking(chain("a"), ids=["w"])
    host.turn(message._replace(reply=lambda error: there.append(host.store.record("w") is not None)))
    assert there == [True]


def test_end_is_on_disk_when_it_is_told(host: Host) -> None:
    """When a result is handed out, it is on disk."""
    there: list[str] = []
    host.on_told = lambda ended: there.append(host.status(ended.workflow_id))
    host.submit(chain("a"), "w")
    host.settle(host.do())
    assert there == ["done"]


def test_nothing_leaves_a_failed_commit(host: Host, store: WatchedStore) -> None:
    """If the disk fails, no activity begins, no result is told, and the submitter gets the error."""
    host.submit(chain("a"), "done soon")
    message, answer = host.asking(chain("b"), ids=["new"])
    store.failing_commits = 1
    host.turn(message, host.do("a"))
    assert (host.tasks, host.told) == ([], [])
    assert isinstance(answer.error, StorageError)
    assert host.store.record("new") is None


# ---------------------------------------------------------------------- group commit


def test_lone_step_costs_one_commit(host: Host, store: WatchedStore) -> None:
    """A step that comes alone costs one commit, the end of the workflow included in the last."""
    host.submit(chain("a", "b"), "w")
    host.settle(host.do())
    host.settle(host.do())
    assert (len(store.commits), host.status("w")) == (3, "done")


def test_thousand_outcomes_cost_one_commit(host: Host, store: WatchedStore) -> None:
    """A thousand outcomes that arrive together are written in one commit."""
    ids = [f"w{number:04}" for number in range(1000)]
    message, answer = host.asking(*(chain("a", "b") for _ in ids), ids=ids)
    host.turn(message)
    before = len(store.commits)
    host.turn(*[host.do() for _ in ids])
    assert (answer.given, answer.error, before, len(store.commits)) == (True, None, 1, 2)
    assert len(host.tasks) == 1000


def test_activities_are_dispatched_in_the_order_issued(host: Host) -> None:
    """Activities begin in the order in which their workflows asked for them."""
    message, _ = host.asking(fan("a", "b", "c"), chain("d"), fan("e", "f"), ids=["one", "two", "three"])
    host.turn(message)
    assert [(task.workflow_id, task.step) for task in host.tasks] == [
        ("one", 0), ("one", 1), ("one", 2), ("two", 0), ("three", 0), ("three", 1),
    ]  # fmt: skip


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
    """Of workflows submitted together all are on disk or none, also where one of them makes the batch fall apart."""
    store.refused = {"b2"}
    lots = {lot: host.asking(*(chain(lot) for _ in range(3)), ids=[f"{lot}{n}" for n in range(3)]) for lot in "abc"}
    host.turn(*[message for message, _ in lots.values()])
    assert [type(answer.error) for _, answer in lots.values()] == [type(None), RefusedValueError, type(None)]
    assert sorted(record.id for record in store.records()) == ["a0", "a1", "a2", "c0", "c1", "c2"]
    assert sorted({task.workflow_id for task in host.tasks}) == ["a0", "a1", "a2", "c0", "c1", "c2"]


# ---------------------------------------------------------------------- one id


def test_two_submissions_of_one_id_in_one_turn(host: Host) -> None:
    """Of two that submit the same id at the same moment, one gets it and the other hears that it is taken."""
    first, second = host.asking(chain("a"), ids=["w"]), host.asking(chain("b"), ids=["w"])
    host.turn(first[0], second[0])
    assert first[1].error is None
    assert isinstance(second[1].error, WorkflowAlreadyExistsError)
    host.finish("w")
    assert (host.output("w"), LAB.performed) == (["A"], ["a"])


def test_two_submissions_of_one_id_while_the_disk_fails(host: Host, store: WatchedStore) -> None:
    """If the disk fails, neither of two that submit one id is told that the other has it."""
    first, second = host.asking(chain("a"), ids=["w"]), host.asking(chain("a"), ids=["w"])
    store.failing_commits = 1
    host.turn(first[0], second[0])
    errors = [first[1].error, second[1].error]
    assert [isinstance(error, WorkflowAlreadyExistsError) for error in errors] == [False, False]
    assert [isinstance(error, StorageError) for error in errors] == [True, True]


def test_delayed_and_prompt_submission_of_one_id_in_one_turn(host: Host) -> None:
    """A delayed start is kept, also where somebody wants to start the same id at the same moment at once."""
    delayed, prompt = host.asking(chain("late"), ids=["w"], delay=60), host.asking(chain("now"), ids=["w"])
    host.turn(delayed[0], prompt[0])
    assert (delayed[1].error, type(prompt[1].error)) == (None, WorkflowAlreadyExistsError)
    host.advance(59)
    assert host.tasks == []
    host.advance(1)
    host.finish("w")
    assert host.output("w") == ["LATE"]


def test_one_id_twice_in_one_submission(host: Host, store: WatchedStore) -> None:
    """Two workflows submitted together under one id are refused, and neither is there."""
    message, answer = host.asking(chain("a"), chain("b"), ids=["w", "w"])
    host.turn(message)
    assert isinstance(answer.error, WorkflowAlreadyExistsError)
    assert (host.store.record("w"), host.tasks, store.commits) == (None, [], [])


def bring(host: Host, store: WatchedStore, state: str) -> None:
    """Have a workflow "w" in that state."""
    host.submit(nap(3600) if state == "asleep" else chain("old"), "w", delay=3600 if state == "delayed" else None)
    if state == "ended":
        host.finish("w")
    elif state == "stalled":
        host.crash(Registry())
    elif state == "asleep":
        host.crash()
    elif state == "on a failing disk":
        store.failing_commits = 1
        host.turn(host.do())


@pytest.mark.parametrize("state", ["live", "ended", "delayed", "stalled", "asleep", "on a failing disk"])
def test_id_of_a_workflow_that_is_there(host: Host, store: WatchedStore, state: str) -> None:
    """An id that a workflow has is taken, whatever that one is doing, and it goes on undisturbed."""
    bring(host, store, state)
    before = (host.record("w"), history(store, "w"), list(host.tasks))
    answer = host.submit(chain("new"), "w")
    assert isinstance(answer.error, WorkflowAlreadyExistsError)
    assert (host.record("w"), history(store, "w"), host.tasks) == before
    if state == "stalled":
        host.crash(LAB.registry)
    host.advance(3600)
    host.finish("w")
    assert host.output("w") == ("rested" if state == "asleep" else ["OLD"])
    assert LAB.performed.count("old") == (state != "asleep")
    assert "new" not in LAB.performed


def test_id_of_a_workflow_that_waits_for_its_trial(host: Host, store: WatchedStore) -> None:
    """An id is taken also while its workflow is not taken up yet, as another is tried alone."""
    host.turn(host.asking(chain("a"), chain("b"), ids=["alone", "waits"])[0])
    for _ in range(6):
        host.crash()
    assert len(host.tasks) == 1
    waits = {"alone", "waits"} - {host.tasks[0].workflow_id}
    commits = len(store.commits)
    assert isinstance(host.submit(chain("new"), waits.pop()).error, WorkflowAlreadyExistsError)
    assert len(store.commits) == commits
    host.finish()
    assert (host.output("alone"), host.output("waits")) == (["A"], ["B"])


def test_id_is_free_again_after_a_failed_submission(host: Host, store: WatchedStore) -> None:
    """Whoever was told that nothing was written can submit the same id again: at once, delayed, or not registered."""
    unknown: Workflow[..., object] = Workflow(chain.fn, name="unknown")
    for invocation, delay in ((chain("a"), None), (chain("a"), 60.0), (unknown("a"), None)):
        store.failing_commits = 1
        assert isinstance(host.submit(invocation, "w", delay).error, StorageError)
    assert host.submit(chain("b"), "w").error is None
    host.finish("w")
    assert host.output("w") == ["B"]


# ---------------------------------------------------------------------- changed code


def test_mismatch_stalls_and_goes_on_when_put_right(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """Changed code stalls a workflow, with both sides shown; put right and registered again, it finishes."""

    @workflow(name="chain")
    def changed(*labels: str) -> Flow[str]:
        return (yield from work("another"))

    host.submit(chain("a", "b"), "w")
    host.settle(host.do())
    host.told.clear()
    registry = code(changed)
    host.crash(registry)
    assert host.status("w") == "stalled"
    assert [(ended.status.value, ended.reason) for ended in host.told] == [("stalled", host.reason("w"))]
    reason = host.reason("w").splitlines()
    assert "'chain' (w)" in reason[0]
    assert "recorded: activity work(label='a') at " in reason[1]
    assert "test_turn.py:" in reason[1]
    assert "yielded:  activity work(label='another') at " in reason[2]
    assert "test_turn.py:" in reason[2]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert host.tasks == []
    registry.add(cast("Workflow[..., object]", chain))
    host.register(registry, "chain")
    host.finish("w")
    assert (host.output("w"), LAB.performed) == (["A", "B"], ["a", "b"])
    assert host.record("w").reason is None


def test_still_stalled_after_a_restart_if_still_wrong(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """A stalled workflow whose code is still wrong stays as it is over many restarts, and goes on after the mending."""

    @workflow(name="chain")
    def changed(*labels: str) -> Flow[str]:
        return (yield from work("another"))

    host.submit(chain("a", "b"), "w")
    host.settle(host.do())
    registry = code(changed)
    host.crash(registry)
    before = rows(host.store)
    caplog.clear()
    host.told.clear()
    for number in range(15):
        if number % 2:
            host.stop()
        host.crash(registry)
    assert rows(host.store) == before
    # Told to those who wait for it in that session, and logged no more.
    assert {(ended.workflow_id, ended.status.value) for ended in host.told} == {("w", "stalled")}
    assert caplog.records == []
    host.crash(LAB.registry)
    host.finish("w")
    assert (host.output("w"), LAB.performed) == (["A", "B"], ["a", "b"])


def test_stalls_again_with_the_reason_of_now(host: Host) -> None:
    """A stalled workflow that is changed again, and wrong in another way, shows what is wrong now."""

    @workflow(name="chain")
    def changed(*labels: str) -> Flow[str]:
        return (yield from work("another"))

    host.submit(chain("a"), "w")
    host.crash(code(changed))
    host.crash(Registry())
    assert "no workflow named 'chain' is registered" in host.reason("w")


def test_leftover_history_stalls(host: Host) -> None:
    """Code that ends before its history does stalls the workflow, and shows which step is left over."""

    @workflow(name="chain")
    def shortened(*labels: str) -> Flow[list[str]]:
        return [(yield from work(labels[0]))]

    host.submit(chain("a", "b", "c"), "w")
    host.settle(host.do())
    host.crash(code(shortened))
    assert host.status("w") == "stalled"
    assert "at step 1" in host.reason("w")
    assert "recorded: activity work(label='b')" in host.reason("w")
    assert "yielded:  nothing" in host.reason("w")


def test_changed_parameters_stall_before_the_start_and_go_on(host: Host) -> None:
    """A workflow that waits for its start while its parameters change stalls, and starts when they are put right."""

    @workflow(name="chain")
    def renamed(*, words: list[str]) -> Flow[str]:
        return (yield from work(words[0]))

    host.submit(chain("a"), "w", delay=60)
    host.crash(code(renamed))
    host.advance(60)
    assert host.status("w") == "stalled"
    assert "no longer takes the arguments" in host.reason("w")
    host.crash(LAB.registry)
    host.finish("w")
    assert host.output("w") == ["A"]


@pytest.mark.parametrize("way", ["found at the start", "added by a client", "submitted"])
def test_unregistered_workflow_waits_for_its_registration(host: Host, store: WatchedStore, way: str) -> None:
    """A workflow whose code is not registered stalls, with what is registered, and goes on when its code is."""
    other = code(nap)
    if way == "found at the start":
        host.submit(chain("a"), "w")
        host.crash(other)
    else:
        host.crash(other)
        if way == "submitted":
            host.submit(chain("a"), "w")
        else:
            store.submit([submission(chain("a"), "w", host.now)])
            host.advance(NOTICED / SECOND)
    assert host.status("w") == "stalled"
    assert "no workflow named 'chain' is registered" in host.reason("w")
    assert "'nap'" in host.reason("w")
    other.add(cast("Workflow[..., object]", chain))
    host.register(other, "chain")
    host.finish("w")
    assert host.output("w") == ["A"]


def test_woken_workflows_go_on_in_their_order(host: Host) -> None:
    """Workflows that wait for a registration go on in the order in which they stalled."""
    ids = [f"w{number}" for number in range(50)]
    host.turn(host.asking(*map(chain, ids), ids=ids)[0])
    other = Registry()
    host.crash(other)
    other.add(cast("Workflow[..., object]", chain))
    host.register(other, "chain")
    assert [task.workflow_id for task in host.tasks] == ids


def test_result_that_arrives_while_stalled_is_not_lost(host: Host, store: WatchedStore) -> None:
    """A result that arrives while its workflow is stalled is kept for it: the activity is not done again."""

    @workflow(name="fan")
    def changed(*labels: str) -> Flow[str]:
        return (yield from work("another"))

    registry = code(fan)
    host.start(registry)
    host.submit(fan("a", "b", "c"), "w")
    registry.add(cast("Workflow[..., object]", changed))
    store.failing_commits = 1
    host.settle(host.do("a"))
    host.advance(1)
    assert host.status("w") == "stalled"
    host.settle(host.do("b"))
    registry.add(cast("Workflow[..., object]", fan))
    host.register(registry, "fan")
    host.finish("w")
    assert (host.output("w"), LAB.performed) == (["A", "B", "C"], ["a", "b", "c"])


class Fragile:
    """A value that cannot be read back while ``broken``."""

    broken = False

    def __reduce__(self) -> tuple[object, ...]:
        return _revive, ()


def _revive() -> str:
    if Fragile.broken:
        raise LookupError("the module of this value is gone")
    return "revived"


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> Payload:
    """A payload that cannot be read back until `Fragile` is mended."""
    payload = CODEC.encode(Fragile())
    monkeypatch.setattr(Fragile, "broken", True)
    return payload


@pytest.mark.parametrize("disk", ["works", "fails", "refuses"])
def test_result_that_cannot_be_read_is_not_lost(host: Host, store: WatchedStore, fragile: Payload, disk: str) -> None:
    """A result that cannot be read back stalls the workflow; mended and registered again, it goes on with that result.

    The activities are not done again, neither that one nor the other whose result arrived with it.
    """
    host.submit(fan("a", "b"), "w")
    store.failing_commits = disk == "fails"
    store.refused = {"w"} if disk == "refuses" else set()
    host.turn(host.do("a"), host.do("b")._replace(outcome=fragile))
    host.advance(1)
    assert host.status("w") == "stalled"
    assert "the module of this value is gone" in host.reason("w")
    store.refused = set()
    Fragile.broken = False
    host.register(LAB.registry, "fan")
    assert (host.output("w"), LAB.performed) == (["A", "revived"], ["a", "b"])


# ---------------------------------------------------------------------- late outcomes


def of_another(completed: Completed, key: Key) -> Completed:
    """The same outcome, as that of another step."""
    attempt = completed.attempt
    return completed._replace(attempt=Attempt(key, 1, attempt.definition, attempt.input))


def test_late_outcomes_are_dropped(host: Host, store: WatchedStore) -> None:
    """What arrives for a cancelled step, another run, an ended workflow, or twice, changes nothing."""
    host.submit(first_failure("slow", "slower"), "w")
    slow, slower = host.do("slow"), host.do("slower")
    host.settle(host.do("bad"))
    assert [step.status.value for step in store.steps("w")] == ["failed", "cancelled", "cancelled", "scheduled"]
    host.settle(slow)
    host.settle(of_another(slow, ("w", 2, 3)))
    instead = host.do("instead")
    host.settle(instead, instead)
    before = rows(store)
    commits = len(store.commits)
    host.settle(slower, instead)
    host.settle(of_another(instead, ("nobody", 1, 3)))
    assert (rows(store), len(store.commits), len(host.told)) == (before, commits, 1)
    assert host.output("w") == "INSTEAD"


def test_outcome_of_an_ended_workflow_is_not_for_a_new_one(host: Host, store: WatchedStore) -> None:
    """A late outcome of an ended workflow is dropped, also while somebody submits its id again."""
    host.submit(first_failure("slow"), "w")
    slow = host.do("slow")
    host.finish("w")
    before = rows(store)
    message, answer = host.asking(fan("x", "y"), ids=["w"])
    host.settle(message, slow)
    assert isinstance(answer.error, WorkflowAlreadyExistsError)
    assert rows(store) == before


# ---------------------------------------------------------------------- time


def test_clock_that_is_set_back(host: Host) -> None:
    """If the clock is set back, the workflow's time stands still, and a sleep ends once, at its time."""

    @workflow(registry=LAB.registry)
    def times() -> Flow[list[str]]:
        seen = [(yield from now())]
        for label in "ab":
            yield from work(label)
            seen.append((yield from now()))
        yield from sleep(10)
        seen.append((yield from now()))
        assert seen == sorted(seen)
        return [str(moment.time()) for moment in seen]

    host.submit(times(), "w")
    host.advance(5)
    host.settle(host.do("a"))
    host.advance(-3600)
    host.settle(host.do("b"))
    host.crash()
    host.advance(3600)
    assert host.status("w") == "processing"
    host.advance(-100)
    host.crash()
    host.advance(110)
    assert host.output("w") == ["00:00:00", "00:00:05", "00:00:05", "00:00:15"]
    assert [step.applied for step in host.store.steps("w")] == [1, 2, 3]


def test_clients_are_noticed_after_the_clock_is_set_back(host: Host, store: WatchedStore) -> None:
    """What a client adds is noticed within 50 ms, also after the clock was set back by an hour."""
    host.advance(1)
    host.advance(-3600)
    store.submit([submission(chain("a"), "client", host.now)])
    host.advance(NOTICED / SECOND)
    assert [task.workflow_id for task in host.tasks] == ["client"]


def test_back_off_ends_after_the_clock_is_set_back(host: Host, store: WatchedStore) -> None:
    """A disk that failed is tried again soon, also after the clock was set back by an hour."""
    host.submit(chain("a"), "w")
    store.failing_commits = 1
    host.settle(host.do())
    host.advance(-3600)
    host.advance(5)
    assert host.output("w") == ["A"]


# ---------------------------------------------------------------------- warnings


def test_unyielded_command_is_warned_about_once(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """A command that is never yielded is reported with its line, once, and not again at each replay."""

    @workflow(registry=LAB.registry)
    def forgetful() -> Flow[str]:
        yield from work("a")
        work("forgotten")
        yield from work("b")
        return (yield from work("c"))

    host.submit(forgetful(), "w")
    host.settle(host.do())
    host.crash()
    host.settle(host.do())
    host.crash()
    host.finish("w")
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1
    assert "work(label='forgotten')" in messages[0]
    assert "test_turn.py:" in messages[0]
    assert host.output("w") == "C"


def test_long_history_is_warned_about_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A run that passes ten thousand steps is warned about, once, and not again at each replay."""

    @workflow(registry=LAB.registry)
    def endless() -> Flow[int]:
        for lot in range(101):
            yield from gather(*(work(f"{lot}.{number}") for number in range(100)))
        return (yield from gather(work("last"), work("very last"))).__len__()

    with open_store("memory", tmp_path) as store:
        host = Host(store, LAB.registry)
        host.submit(endless(), "w")
        for _ in range(100):
            assert caplog.records == []
            host.turn(*[host.do() for _ in range(100)])
        host.crash()
        host.turn(*[host.do() for _ in range(100)])
        host.finish("w")
        host.close()
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1
    assert "'endless' (w) has passed 10000 steps" in messages[0]
    assert host.output("w") == 2


# ---------------------------------------------------------------------- a turn is a function


def test_turn_is_a_function_of_inbox_and_time(tmp_path: Path) -> None:
    """The same messages at the same times lead to the same rows, to the last bit."""

    def session(store: WatchedStore) -> list[tuple[str, int]]:
        host = Host(store, LAB.registry)
        dispatched: list[tuple[str, int]] = []
        host.on_dispatch = lambda task: dispatched.append((task.workflow_id, task.step))
        invocations = [chain("a", "b"), fan("c", "d", "e"), nap(3), first_failure("f", "g"), chain("h")]
        host.turn(host.asking(*invocations, ids="vwxyz")[0])
        host.submit(chain("late"), "later", delay=2)
        for number in range(40):
            host.now += 250_000
            inbox: list[Message] = [host.do() for _ in range(min(len(host.tasks), number % 3))]
            host.turn(*reversed(inbox))
        host.finish()
        host.close()
        return dispatched

    with open_store("sqlite", tmp_path, "one") as one, open_store("sqlite", tmp_path, "two") as two:
        session_of_one = session(one)
        assert session(two) == session_of_one
        assert rows(one) == rows(two)
        assert len(rows(one)) == 6
        with open_store("memory", tmp_path) as three:
            assert session(three) == session_of_one
            assert rows(three) == rows(one)
