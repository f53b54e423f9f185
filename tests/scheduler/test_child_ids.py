"""The ids of children: derived or given, refused where another workflow has them; and messages to a newborn child."""

from __future__ import annotations

import pytest

from tests.support.engine import SECOND, Host, WatchedStore, submission
from tests.support.family import CANCEL, LAB, SUSPEND, TERMINATE, child, fail, parent_of, patient, there, work
from yieldflow import Flow, WorkflowAlreadyExistsError, gather, info, race, sleep, start, wait_signal, workflow
from yieldflow.scheduler.messages import RequestReceived, no_reply
from yieldflow.store import RequestKind

# ---------------------------------------------------------------------- ids


def test_ids_are_derived_or_given(host: Host) -> None:
    """A child's id says whose it is, unless one was given; the child knows its parent."""

    @workflow(registry=LAB.registry)
    def knows() -> Flow[list[object]]:
        me = yield from info()
        return [me.workflow_id, me.parent]

    @workflow(registry=LAB.registry)
    def two() -> Flow[list[object]]:
        return list((yield from gather(knows(), knows().with_options(workflow_id="mine"))))

    host.submit(two(), "w")
    host.settle()
    assert host.output("w") == [["w:1:0", "w"], ["mine", "w"]]
    record = host.record("mine")
    assert record.parent is not None
    assert record.parent[:3] == ("w", 1, 1)


@workflow(registry=LAB.registry)
def insists() -> Flow[str]:
    try:
        return (yield from child().with_options(workflow_id="taken"))
    except WorkflowAlreadyExistsError as error:
        return f"refused: {error}"


@pytest.mark.parametrize("whose", ["ended", "running", "delayed", "a client's", "its own", "submitted in that turn"])
def test_id_in_use_raises_in_the_parent(host: Host, whose: str) -> None:
    """A child that is given the id of another workflow, whatever that is at, is refused where the parent yields it."""

    @workflow(registry=LAB.registry)
    def twice() -> Flow[str]:
        yield start(patient().with_options(workflow_id="taken"))
        return (yield from insists.fn())

    if whose == "a client's":
        host.store.submit([submission(child(), "taken", host.now)])
    elif whose in ("ended", "running", "delayed"):
        host.submit(child(), "taken", delay=60 if whose == "delayed" else None)
    if whose == "ended":
        host.work_off()
    if whose == "submitted in that turn":
        first, _ = host.asking(child(), ids=["taken"])
        second, _ = host.asking(insists(), ids=["w"])
        host.settle(first, second)
    else:
        host.submit(twice() if whose == "its own" else insists(), "w")
        host.settle()
    if whose == "its own":
        host.signal("taken", "go")
    assert host.output("w") == "refused: there is a workflow with the id 'taken' already"


def test_id_made_of_the_parent_s_is_in_use(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """If a client has the id that a child gets by itself, the parent stalls, and says what to do."""

    @workflow(registry=LAB.registry)
    def later() -> Flow[str]:
        yield work("first")
        return (yield from child())

    host.store.submit([submission(child(), "w:1:1", host.now)])
    host.submit(later(), "w")
    host.work_off()

    assert there(host) == {"w": "stalled", "w:1:1": "done"}
    assert host.reason("w") == (
        "a child cannot start: there is a workflow with the id 'w:1:1' already, and it is not this one's child: delete "
        "that workflow, and call retry()"
    )
    assert "defect" not in caplog.text


def test_two_parents_want_one_id(host: Host) -> None:
    """If two parents give the same id in one turn, one gets the child and the other an error."""
    host.turn(host.asking(insists(), insists(), ids=["one", "two"])[0])
    host.work_off()
    assert host.output("one") == "CHILD"
    assert host.output("two") == "refused: there is a workflow with the id 'taken' already"


def test_id_that_a_client_takes_at_that_moment(
    host: Host, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a client takes the id just before the child is put on disk, the parent hears of it as at any other time."""
    commit = store.commit

    def overtaken(checkpoints: object) -> None:
        monkeypatch.setattr(store, "commit", commit)
        store.submit([submission(child("client's"), "taken", host.now)])
        store.commit(checkpoints)  # type: ignore[arg-type]  # handed on

    @workflow(registry=LAB.registry)
    def later() -> Flow[str]:
        yield work("first")
        return (yield from insists.fn())

    host.submit(later(), "w")
    monkeypatch.setattr(store, "commit", overtaken)
    host.work_off()
    host.advance(1)
    host.work_off()
    assert host.output("w") == "refused: there is a workflow with the id 'taken' already"
    assert (host.output("taken"), LAB.performed) == ("CLIENT'S", ["first", "client's"])


def test_refused_child_leaves_the_other_alone(host: Host) -> None:
    """A parent that goes on from the refusal, or is cancelled in it, does nothing to the workflow that has the id."""

    @workflow(registry=LAB.registry)
    def races() -> Flow[object]:
        try:
            return (yield from race(child().with_options(workflow_id="taken"), fail("at once"), sleep(0)))
        except WorkflowAlreadyExistsError:
            return (yield from wait_signal("never"))

    host.submit(patient(), "taken")
    host.submit(races(), "w")
    host.work_off()
    host.ask("w", CANCEL)
    host.settle()
    assert there(host) == {"taken": "processing", "w": "cancelled"}


# ---------------------------------------------------------------------- messages to one just born


def test_signal_to_one_just_born(host: Host, store: WatchedStore) -> None:
    """A signal that comes right after a child was put on disk is received, also where the disk fails at that moment."""
    host.turn(host.asking(parent_of(given="named"), ids=["w"])[0])
    assert there(host) == {"w": "processing", "named": "processing"}
    store.failing_looks = 1
    host.now += SECOND
    host.turn(RequestReceived(host.request("named", RequestKind.SIGNAL, "first", "go"), no_reply))
    host.advance(1)
    assert host.output("w") == "first"


@pytest.mark.parametrize("kind", [CANCEL, TERMINATE, SUSPEND])
def test_request_to_one_just_born(host: Host, kind: RequestKind) -> None:
    """A request to a child in the turn in which it begins is carried out like any other."""
    host.turn(host.asking(parent_of(given="named"), ids=["w"])[0])
    host.ask("named", kind, "enough")
    host.settle()
    assert host.status("named") == ("suspended" if kind is SUSPEND else "cancelled")
