"""A turn of the scheduler: one commit, nothing leaves before it, and what comes late changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.engine import NOTICED, SECOND, Host, Lab, WatchedStore, open_store, rows, submission
from tests.support.flows import make_chain, make_fan, make_nap
from yieldflow import Flow, StorageError, WorkflowAlreadyExistsError, gather, now, sleep, workflow
from yieldflow.scheduler.messages import Message
from yieldflow.workers import Attempt, Completed, Key

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


# ---------------------------------------------------------------------- nothing leaves before its commit


def test_activity_is_on_disk_when_it_is_dispatched(host: Host) -> None:
    """The step of an activity is on disk when the activity begins."""
    on_disk: list[str] = []

    def look(task: Attempt) -> None:
        step = host.store.steps(task.workflow_id)[task.step]
        on_disk.append(f"{step.name} {step.status.value}")

    host.on_dispatch = look
    host.submit(chain("a", "b"), "w")
    host.settle(host.do("a"))
    assert on_disk == ["work scheduled", "work scheduled"]


def test_submission_is_on_disk_when_it_is_answered(host: Host) -> None:
    """A workflow is on disk when its submission is answered."""
    there: list[bool] = []
    message, _ = host.asking(chain("a"), ids=["w"])
    host.turn(message._replace(reply=lambda error: there.append(host.store.record("w") is not None)))
    assert there == [True]


def test_end_is_on_disk_when_it_is_told(host: Host) -> None:
    """A result is on disk when it is handed out."""
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


# ---------------------------------------------------------------------- late outcomes


def of_another(completed: Completed, key: Key) -> Completed:
    """Return the same outcome as that of another step."""
    attempt = completed.attempt
    return completed._replace(attempt=Attempt(key, 1, attempt.definition, attempt.input))


def test_late_outcomes_are_dropped(host: Host, store: WatchedStore) -> None:
    """An outcome for a cancelled step, another run or an ended workflow, or a second one, changes nothing."""
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
    """A late outcome of an ended workflow is dropped, even while its id is submitted again."""
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
    """If the clock is set back, the workflow's time stands still, and a sleep ends once, when its time has passed."""

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
    host.advance(9)
    assert host.status("w") == "processing"
    host.crash()
    host.advance(1)
    assert host.output("w") == ["00:00:00", "00:00:05", "00:00:05", "00:00:05"]
    assert [step.applied for step in host.store.steps("w")] == [1, 2, 3]


def test_clients_are_noticed_after_the_clock_is_set_back(host: Host, store: WatchedStore) -> None:
    """A client's submission is noticed within 50 ms, even after the clock was set back by an hour."""
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
