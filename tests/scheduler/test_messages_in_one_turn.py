"""Messages that meet in one turn, and reads that fail in it: the order decides, and other workflows go on."""

from __future__ import annotations

import pytest

from tests.support.engine import CODEC, SECOND, Answer, Host, Lab, WatchedStore, submission
from yieldflow import Flow, StorageError, WorkflowAlreadyExistsError, gather, sleep, wait_signal, workflow
from yieldflow.scheduler.messages import Poll, RequestReceived
from yieldflow.store import FOREVER, RequestKind
from yieldflow.workers import Completed, perform

LAB = Lab()
work = LAB.work
SIGNAL, CANCEL, TERMINATE = RequestKind.SIGNAL, RequestKind.CANCEL, RequestKind.TERMINATE
SUSPEND, RESUME = RequestKind.SUSPEND, RequestKind.RESUME


@workflow(registry=LAB.registry)
def two_steps() -> Flow[list[str]]:
    return [(yield from work("one")), (yield from work("two"))]


@workflow(registry=LAB.registry)
def one_step() -> Flow[str]:
    return (yield from work("one"))


@workflow(registry=LAB.registry)
def numbers(count: int) -> Flow[list[int]]:
    got: list[int] = []
    for _ in range(count):
        got.append((yield from wait_signal("number")))
    return got


@workflow(registry=LAB.registry)
def child() -> Flow[str]:
    return (yield from work("in the child"))


@workflow(registry=LAB.registry)
def family() -> Flow[list[object]]:
    return list((yield from gather(child().with_options(workflow_id="kid"), work("beside"))))


@workflow(registry=LAB.registry)
def chosen() -> Flow[list[str]]:
    label = yield from work("pick")
    return list((yield from gather(work(label), work("beside"))))


@workflow(registry=LAB.registry)
def sleeper() -> Flow[str]:
    yield sleep(5)
    return "slept"


def asked(
    host: Host, kind: RequestKind, value: object = None, name: str | None = None
) -> tuple[RequestReceived, Answer]:
    answer = Answer()
    return RequestReceived(host.request("w", kind, value, name), answer.give), answer


# ---------------------------------------------------------------------- an outcome and a request


@pytest.mark.parametrize(
    ("kind", "ends"), [(RESUME, ("done", "ONE")), (CANCEL, ("done", "ONE")), (TERMINATE, ("cancelled", "Cancelled: x"))]
)
def test_the_outcome_of_a_suspended_workflow_and_a_request(
    host: Host, kind: RequestKind, ends: tuple[str, object]
) -> None:
    """An outcome that meets a resume or an end in one turn is applied once."""
    host.submit(one_step(), "w")
    host.ask("w", SUSPEND)
    message, answer = asked(host, kind, "x")
    host.settle(host.do("one"), message)
    host.settle()
    assert (host.status("w"), host.output("w")) == ends
    # What had ended before it was cancelled takes no cancellation any more.
    assert answer.given
    assert answer.error is None or kind is CANCEL


def test_nothing_begins_before_it_is_on_disk(host: Host, store: WatchedStore) -> None:
    """A workflow suspended and resumed in the turn of an outcome begins what follows only after the commit."""
    host.submit(two_steps(), "w")
    (suspend, _), (resume, _) = asked(host, SUSPEND), asked(host, RESUME)
    store.failing_commits = 1
    host.turn(host.do("one"), suspend, resume)
    assert host.tasks == []
    host.advance(1)
    assert ["two" in str(task.input) for task in host.tasks] == [True]
    host.finish("w")
    assert (host.output("w"), LAB.performed) == (["ONE", "TWO"], ["one", "two"])


def test_an_outcome_and_the_end_of_one_dropped_by_a_failed_commit(host: Host, store: WatchedStore) -> None:
    """A suspended workflow whose outcome is recorded late can be terminated in the same turn."""
    host.submit(one_step(), "w")
    host.ask("w", SUSPEND)
    store.failing_commits = 1
    host.turn(host.do("one"))
    store.ask([host.request("w", TERMINATE, "x")])
    host.advance(1)
    host.advance(1)
    assert (host.status("w"), store.arrivals().requests) == ("cancelled", [])


# ---------------------------------------------------------------------- what runs from before a rewind


def test_what_began_before_a_rewind_is_not_taken_for_what_follows_it(host: Host, store: WatchedStore) -> None:
    """The outcome of an activity whose step was undone is dropped."""
    host.submit(chosen(), "w")
    host.settle(Completed(host.take("pick"), CODEC.encode("old")))
    before = host.take("old")
    store.refused.add("w")
    host.settle(host.do("beside"))
    assert host.status("w") == "stalled"
    store.refused.clear()
    store.rewind("w", 1, 1, reapply=False, at=host.now)
    host.advance(1)
    host.settle(Completed(host.take("pick"), CODEC.encode("new")))
    host.settle(perform(before, CODEC))
    host.finish("w")
    assert host.output("w") == ["NEW", "BESIDE"]


# ---------------------------------------------------------------------- clients and the owner


def test_signals_of_a_client_and_of_the_owner_keep_their_order(host: Host, store: WatchedStore) -> None:
    """One who sends in turn through a client and through the owner, each time waiting, is heard in that order."""
    host.submit(numbers(6), "w")
    for number in range(0, 6, 2):
        store.ask([host.request("w", SIGNAL, number, "number")])
        message, _ = asked(host, SIGNAL, number + 1, "number")
        host.turn(message)
    host.finish("w")
    assert host.output("w") == [0, 1, 2, 3, 4, 5]


def test_a_clients_submission_of_an_id_that_the_owner_wants_in_the_same_turn(host: Host, store: WatchedStore) -> None:
    """The owner's caller is refused, and the client's workflow runs."""
    host.settle()
    store.submit([submission(one_step(), "w", host.now)])
    message, answer = host.asking(two_steps(), ids=["w"])
    host.turn(message, Poll())
    assert isinstance(answer.error, WorkflowAlreadyExistsError)
    host.finish("w")
    assert host.output("w") == "ONE"


def test_a_clients_workflow_that_the_owner_wanted_too_is_known(host: Host, store: WatchedStore) -> None:
    """A client's workflow that stalls goes on when resumed, not with a signal, and receives all that was kept."""
    host.turn()
    store.submit([submission(one_step(), "w")])
    host.settle(host.asking(one_step(), ids=["w"])[0])
    host.advance(1)
    store.refused.add("w")
    host.settle(host.do("one"))
    store.refused.clear()
    host.signal("w", "number", 1)
    assert host.status("w") == "stalled"
    host.ask("w", RESUME)
    assert (host.output("w"), LAB.performed) == ("ONE", ["one"])


def test_a_signal_in_the_turn_of_a_termination_wakes_nothing(host: Host) -> None:
    """A workflow out of memory that gets a signal and is terminated in one turn is not loaded any more."""
    host.submit(numbers(1), "w")
    host.advance(2)
    host.restart()
    signal, end = asked(host, SIGNAL, 1, "other")[0], asked(host, TERMINATE, "x")[0]
    host.turn(signal, end)
    assert (host.status("w"), host.scheduler.is_loading("w"), host.record("w").wake_at) == ("cancelled", False, FOREVER)


# ---------------------------------------------------------------------- reads that fail


@pytest.mark.parametrize("name", ["record", "ended_children", "open_children"])
def test_a_read_that_fails_concerns_nobody_else(
    host: Host, store: WatchedStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow whose children cannot be read is loaded again later, and others go on."""
    host.submit(sleeper(), "other")
    host.submit(family(), "w")
    host.ask("w", SUSPEND)
    host.settle(host.do("beside"))
    with monkeypatch.context() as broken:
        broken.setattr(store, name, _fails)
        answer = host.ask("w", RESUME)
        assert answer.given
        host.crash()
        host.advance(6)
    assert host.status("other") == "done"
    host.ask("w", RESUME)
    host.advance(10)
    host.finish("w")
    assert host.output("w") == ["IN THE CHILD", "BESIDE"]


def _fails(*arguments: object) -> object:
    raise StorageError("disk gone")


def test_a_given_id_that_cannot_be_looked_up_is_left_to_the_commit(
    host: Host, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parent whose child's id cannot be looked up begins it all the same: the commit knows best."""
    with monkeypatch.context() as broken:
        broken.setattr(store, "record", _fails)
        host.submit(family(), "w")
    host.finish("w")
    assert host.output("w") == ["IN THE CHILD", "BESIDE"]
    assert host.now >= SECOND
