"""A parent that ends before its child: the child is cancelled, waited for or left to itself."""

from __future__ import annotations

from typing import cast

import pytest

from tests.support.engine import SECOND, Host, WatchedStore
from tests.support.family import CANCEL, LAB, SUSPEND, TERMINATE, fail, parent_of, patient, there, work
from yieldflow import (
    Flow,
    Registry,
    StorageError,
    Workflow,
    WorkflowStalledError,
    gather,
    race,
    sleep,
    start,
    wait_signal,
    workflow,
)
from yieldflow._core.history import OnParentEnd
from yieldflow.scheduler.messages import RequestReceived, no_reply
from yieldflow.store import RequestKind

# ---------------------------------------------------------------------- when the parent ends first


@workflow(registry=LAB.registry)
def loses(on_parent_end: OnParentEnd) -> Flow[str]:
    """Its child is no longer wanted as soon as the activity ends."""
    invocation = patient().with_options(on_parent_end=on_parent_end)
    which, _ = yield from race(invocation, work("wins"))
    return str(which)


ENDS = [("cancel", "cancelled"), ("wait", "done"), ("abandon", "done")]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("on_parent_end", "ends"), ENDS)
@pytest.mark.parametrize("way", ["loses a race", "cancelled", "out of time", "failed"])
def test_on_parent_end(host: Host, way: str, on_parent_end: OnParentEnd, ends: str, restarted: bool) -> None:
    """A child that its parent gives up is cancelled, waited for, or left to itself, as was asked for."""

    @workflow(registry=LAB.registry)
    def fails() -> Flow[None]:
        yield start(patient().with_options(on_parent_end=on_parent_end))
        yield fail("falls over")

    if way == "out of time":
        message, _ = host.asking(loses(on_parent_end), ids=["w"])
        late = message.submissions[0]._replace(deadline_at=host.now + 10 * SECOND)
        host.settle(message._replace(submissions=[late]))
        host.advance(11)
    else:
        host.submit(fails() if way == "failed" else loses(on_parent_end), "w")
        host.settle()
        if way == "cancelled":
            host.ask("w", CANCEL)
        else:
            host.settle(host.do())
    host.settle()
    parent = {"loses a race": "done", "cancelled": "cancelled", "out of time": "failed", "failed": "failed"}[way]
    assert there(host) == {
        "w": "processing" if on_parent_end == "wait" else parent,
        "w:1:0": "cancelled" if on_parent_end == "cancel" else "processing",
    }
    if restarted:
        host.restart()
    if on_parent_end != "cancel":
        host.signal("w:1:0", "go", "result")
    host.settle()
    assert there(host) == {"w": parent, "w:1:0": ends}


@pytest.mark.parametrize("place", ["in memory", "restarted", "evicted"])
@pytest.mark.parametrize("on_parent_end", ["cancel", "wait", "abandon"])
def test_parent_is_terminated(host: Host, on_parent_end: OnParentEnd, place: str) -> None:
    """If the parent is terminated, its child is cancelled, or goes on where that was asked for."""
    host.submit(parent_of(on_parent_end=on_parent_end), "w")
    host.settle()
    if place == "restarted":
        host.restart()
    elif place == "evicted":
        for _ in range(9):
            host.advance(10)
    host.ask("w", TERMINATE)
    host.settle()
    assert there(host) == {"w": "cancelled", "w:1:0": "cancelled" if on_parent_end == "cancel" else "processing"}
    if on_parent_end == "cancel":
        assert host.reason("w:1:0") == "its parent w was terminated"
    else:
        host.signal("w:1:0", "go", "result")
        assert there(host) == {"w": "cancelled", "w:1:0": "done"}


def test_parent_is_terminated_as_it_starts_a_child(host: Host) -> None:
    """A child that its parent started in the very turn in which it is terminated is cancelled like any other."""

    @workflow(registry=LAB.registry)
    def on_signal() -> Flow[object]:
        yield wait_signal("now")
        return (yield from patient())

    host.submit(on_signal(), "w")
    signal = RequestReceived(host.request("w", RequestKind.SIGNAL, None, "now"), no_reply)
    host.settle(signal, RequestReceived(host.request("w", TERMINATE), no_reply))
    assert there(host) == {"w": "cancelled", "w:1:1": "cancelled"}


@pytest.mark.parametrize("what", ["an outcome", "a signal", "its child's end", "a timer"])
def test_nothing_reaches_a_parent_that_is_terminated_in_that_turn(host: Host, what: str) -> None:
    """Messages that arrive together with a termination change nothing."""

    @workflow(registry=LAB.registry)
    def all_of_it() -> Flow[None]:
        yield gather(work("a"), wait_signal("now"), parent_of("sleeper"), sleep(60))

    host.submit(all_of_it(), "w")
    host.settle()
    terminate = RequestReceived(host.request("w", TERMINATE), no_reply)
    if what == "an outcome":
        host.settle(terminate, host.do("a"))
    elif what == "a signal":
        host.settle(terminate, RequestReceived(host.request("w", RequestKind.SIGNAL, None, "now"), no_reply))
    elif what == "its child's end":
        host.settle(RequestReceived(host.request("w:1:2", TERMINATE), no_reply), terminate)
    else:
        host.now += 60 * SECOND
        host.settle(terminate)
    assert set(there(host).values()) == {"cancelled"}
    assert {step.status.value for step in host.store.steps("w")} == {"cancelled"}


def test_termination_that_the_disk_refuses_changes_nothing(
    host: Host, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk fails while a parent is being terminated, the caller hears of it, and parent and child go on."""
    host.submit(parent_of(), "w")
    host.settle()

    def broken(workflow_id: str, run: int) -> list[str]:
        raise StorageError("disk gone")

    with monkeypatch.context() as patched:
        patched.setattr(store, "open_children", broken)
        assert isinstance(host.ask("w", TERMINATE).error, StorageError)
    assert there(host) == {"w": "processing", "w:1:0": "processing"}
    store.failing_commits = 1
    assert isinstance(host.ask("w", TERMINATE).error, StorageError)
    host.advance(1)
    assert there(host) == {"w": "processing", "w:1:0": "processing"}
    host.signal("w:1:0", "go", "result")
    assert host.output("w") == "result"


def test_child_is_cancelled_when_the_disk_works_again(host: Host, store: WatchedStore) -> None:
    """If the disk fails just as a child is to be cancelled, it is cancelled a little later."""
    host.submit(loses("cancel"), "w")
    host.settle()
    host.turn(host.do("wins"))
    store.failing_commits = 1
    for _ in range(3):
        host.advance(1)
    assert there(host) == {"w": "done", "w:1:0": "cancelled"}


@pytest.mark.parametrize("restarted", [False, True])
def test_stalled_child_is_cancelled_once_it_can_go_on(host: Host, restarted: bool) -> None:
    """A child that is stalled when its parent gives it up is cancelled as soon as its code is put right."""
    host.submit(loses("cancel"), "w")
    host.settle()
    without = Registry()
    without.add(cast("Workflow[..., object]", loses))
    host.restart(without)
    host.signal("w:1:0", "another", "it is built to receive this")
    assert host.status("w:1:0") == "stalled"
    host.settle(host.do("wins"))
    assert there(host) == {"w": "processing", "w:1:0": "stalled"}
    if restarted:
        host.restart(LAB.registry)
    else:
        without.add(patient)
        host.register(without, "patient")
    host.settle()
    assert there(host) == {"w": "done", "w:1:0": "cancelled"}


def test_suspended_child_is_cancelled_with_its_parent(host: Host) -> None:
    """A suspended child ends when its parent is cancelled."""
    host.submit(parent_of(), "w")
    host.settle()
    host.ask("w:1:0", SUSPEND)
    host.restart()
    host.ask("w", CANCEL)
    host.settle()
    assert set(there(host).values()) == {"cancelled"}


def test_stalled_error_is_for_callers_only(host: Host) -> None:
    """A caller who cancels a stalled child gets an error, though its parent's wish to cancel it is kept."""
    host.submit(loses("cancel"), "w")
    host.settle()
    without = Registry()
    without.add(cast("Workflow[..., object]", loses))
    host.restart(without)
    host.signal("w:1:0", "another")
    assert isinstance(host.ask("w:1:0", CANCEL).error, WorkflowStalledError)
