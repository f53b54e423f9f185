"""An id belongs to one workflow: in one turn, while the disk fails, and whatever the workflow that has it is doing."""

from __future__ import annotations

import pytest

from tests.support.engine import SECOND, Host, Lab, WatchedStore, history
from tests.support.flaky import label_of
from tests.support.flows import make_chain, make_nap
from yieldflow import Registry, StorageError, Workflow, WorkflowAlreadyExistsError

LAB = Lab()
work, fail = LAB.work, LAB.fail
chain = make_chain(LAB)
nap = make_nap(LAB)


# ---------------------------------------------------------------------- one id


def test_two_submissions_of_one_id_in_one_turn(host: Host) -> None:
    """If two submit the same id at the same moment, one gets it and the other hears that it is taken."""
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
    """A delayed start is kept, even if a prompt start of the same id comes in the same turn."""
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
    """An id whose submission failed can be submitted again: at once, delayed, or not registered."""
    unknown: Workflow[..., object] = Workflow(chain.fn, name="unknown")
    for invocation, delay in ((chain("a"), None), (chain("a"), 60.0), (unknown("a"), None)):
        store.failing_commits = 1
        assert isinstance(host.submit(invocation, "w", delay).error, StorageError)
    assert host.submit(chain("b"), "w").error is None
    host.finish("w")
    assert host.output("w") == ["B"]


def test_a_delayed_workflow_starts_though_its_id_is_wanted_again_at_that_moment(
    host: Host, store: WatchedStore
) -> None:
    """A workflow whose start is due starts, also where another is submitted under its id in the same turn and fails."""
    host.submit(chain("a"), "w", delay=3)
    host.now += 3 * SECOND
    store.failing_commits = 1
    answer = host.submit(chain("b"), "w", delay=3)
    assert isinstance(answer.error, StorageError)
    host.advance(10)
    assert [label_of(task) for task in host.tasks] == ["a"]
