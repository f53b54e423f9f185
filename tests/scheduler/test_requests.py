"""Requests from outside reach a workflow wherever it is: in memory, out of it, waiting, stalled or ended."""

from __future__ import annotations

import gc
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.engine import CODEC, NOTICED, SECOND, Answer, Host, WatchedStore, open_store, submission
from tests.support.places import (
    CANCEL,
    LAB,
    PLACES,
    RESUME,
    SIGNAL,
    STALLED,
    SUSPEND,
    TERMINATE,
    Place,
    a_second_later,
    asked,
    by_whom,
    desk,
    everything_done,
    everywhere,
    on_probation,
    pair,
    pays,
    put_right,
    resident,
    stalled,
    suspended_after_a_restart,
    tidy,
    unhandled,
    work,
)
from yieldflow import (
    Cancelled,
    Flow,
    StorageError,
    WorkflowEndedError,
    WorkflowNotFoundError,
    WorkflowStalledError,
    wait_signal,
    workflow,
)
from yieldflow.scheduler.messages import RequestReceived
from yieldflow.store import RequestKind

# ---------------------------------------------------------------------- wherever it is


@by_whom
@pytest.mark.parametrize("place", [*PLACES.values(), STALLED], ids=[*PLACES, "stalled"])
def test_signals_reach_it(host: Host, by: str, place: Place) -> None:
    """Signals reach a workflow wherever it is: in the order sent, each once."""
    place.put(host)
    before = [] if place is not STALLED else ["wakes it"]
    for item in (1, 2, 3, "stop"):
        assert asked(host, by, SIGNAL, item, "in") is None
    place.free(host)
    host.settle()
    assert (host.status("w"), host.output("w")) == ("done", [*before, 1, 2, 3])
    assert unhandled(host.store) == 0


@by_whom
@everywhere
def test_cancelling_ends_it(host: Host, by: str, place: Place) -> None:
    """A workflow that is cancelled ends with the reason, wherever it is; a suspended one need not be resumed."""
    place.put(host)
    if place.put is on_probation:
        message = RequestReceived(host.request("w", CANCEL, "enough"), lambda error: None)
        host.settle(message)
        everything_done(host)
    else:
        assert asked(host, by, CANCEL, "enough") is None
    a_second_later(host)
    assert (host.status("w"), host.reason("w"), host.output("w")) == ("cancelled", "enough", "Cancelled: enough")
    assert unhandled(host.store) == 0


@by_whom
@pytest.mark.parametrize("place", [*PLACES.values(), STALLED], ids=[*PLACES, "stalled"])
def test_terminating_ends_it_at_once(host: Host, by: str, place: Place) -> None:
    """A workflow that is terminated has ended when that is answered, wherever it is, with no step left open."""
    place.put(host)
    assert asked(host, by, TERMINATE, "at once") is None
    assert (host.status("w"), host.reason("w"), host.output("w")) == ("cancelled", "at once", "Cancelled: at once")
    place.free(host)
    a_second_later(host)
    assert host.status("w") == "cancelled"
    assert [step for step in host.store.steps("w") if step.status.value == "scheduled"] == []
    assert unhandled(host.store) == 0


def test_nothing_begins_of_what_could_not_be_resumed(host: Host) -> None:
    """An activity of a suspended workflow begins once it is on disk that the workflow goes on, and not before."""
    host.store.submit([submission(desk("busy"), "w")])
    host.store.ask([host.request("w", SUSPEND)])
    host.advance(1)
    assert (host.status("w"), len(host.store.steps("w")), host.tasks) == ("suspended", 1, [])
    host.store.failing_commits = 1
    refused = Answer()
    host.turn(RequestReceived(host.request("w", RESUME), refused.give))
    host.advance(10)

    assert isinstance(refused.error, StorageError)
    assert host.status("w") == "suspended"
    assert host.tasks == []
    assert host.ask("w", RESUME).error is None
    assert [task.definition.name for task in host.tasks] == ["work"]


def test_resumed_while_the_disk_is_to_say_that_it_is_suspended(host: Host) -> None:
    """A suspended workflow goes on that is resumed before it was read again, after a commit that failed."""
    suspended_after_a_restart(host)
    lost, resumption = Answer(), Answer()
    host.store.failing_commits = 1
    host.turn(RequestReceived(host.request("w", SIGNAL, 1, "in"), lost.give))
    host.turn(RequestReceived(host.request("w", RESUME), resumption.give))
    host.advance(1)

    assert isinstance(lost.error, StorageError)
    assert (resumption.given, resumption.error) == (True, None)
    assert host.status("w") == "processing"


@by_whom
@everywhere
def test_suspended_workflow_rests_until_it_is_resumed(host: Host, by: str, place: Place) -> None:
    """A suspended workflow receives nothing until it is resumed, over restarts too; then it goes on as if never."""
    place.put(host)
    assert asked(host, by, SUSPEND) is None
    assert host.status("w") == "suspended"
    for item in (1, "stop"):
        assert asked(host, by, SIGNAL, item, "in") is None
    host.advance(3600)
    host.restart()
    host.advance(1)
    assert host.status("w") == "suspended"
    assert asked(host, by, RESUME) is None
    everything_done(host)
    a_second_later(host)
    assert (host.status("w"), host.output("w")) == ("done", [1])
    assert unhandled(host.store) == 0


@pytest.mark.parametrize("kind", [CANCEL, SUSPEND])
def test_stalled_workflow_cannot_clean_up(host: Host, kind: RequestKind) -> None:
    """To cancel or suspend a stalled workflow is refused with what to do instead, and changes nothing."""
    stalled(host)
    error = asked(host, "owner", kind)
    assert isinstance(error, WorkflowStalledError)
    assert "terminate()" in str(error)
    assert host.status("w") == "stalled"


@pytest.mark.parametrize("kind", RequestKind)
def test_ended_workflow_is_asked_nothing(host: Host, kind: RequestKind) -> None:
    """Whatever is asked of a workflow that has ended, by its owner or a client, gets an error that says so."""
    resident(host)
    host.signal("w", "in", "stop")
    error = asked(host, "owner", kind, None, "in")
    assert isinstance(error, WorkflowEndedError)
    assert "has ended (done)" in str(error)
    with pytest.raises(WorkflowEndedError):
        asked(host, "client", kind, None, "in")


@pytest.mark.parametrize("kind", RequestKind)
def test_unknown_workflow_is_asked_nothing(host: Host, kind: RequestKind) -> None:
    """Whatever is asked of a workflow that is not there, by its owner or a client, gets an error that says so."""
    assert isinstance(asked(host, "owner", kind, None, "in"), WorkflowNotFoundError)
    with pytest.raises(WorkflowNotFoundError):
        asked(host, "client", kind, None, "in")


def test_request_that_comes_too_late_is_warned_of(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """A client's request to a workflow that ends before it is noticed is logged once, and does not stay around."""
    resident(host)
    host.store.ask([host.request("w", SIGNAL, "late", "in")])
    host.turn(RequestReceived(host.request("w", TERMINATE), lambda error: None))
    host.advance(1)
    host.restart()
    assert unhandled(host.store) == 0
    assert len([record for record in caplog.records if "what a client asked of workflow w" in record.message]) <= 1


@pytest.mark.parametrize("kind", [SIGNAL, CANCEL, SUSPEND])
def test_clients_are_noticed_within_50_ms(host: Host, kind: RequestKind) -> None:
    """A client's request is carried out within 50 ms."""
    resident(host)
    host.advance(1)
    host.store.ask([host.request("w", kind, "stop", "in")])
    host.advance(NOTICED / SECOND)
    assert host.status("w") != "processing"


# ---------------------------------------------------------------------- what is at work meanwhile


def test_outcomes_are_kept_while_suspended(host: Host) -> None:
    """Activities go on while their workflow is suspended, and their outcomes are kept, over a restart too."""
    host.submit(pair(), "w")
    host.ask("w", SUSPEND)
    host.settle(host.do("a"))
    host.signal("w", "in", "b")
    assert [step.applied for step in host.store.steps("w")] == [None, None]
    host.restart()
    host.ask("w", RESUME)
    assert (host.output("w"), LAB.performed) == (["A", "b"], ["a"])


def test_cancelling_one_that_ends_as_it_is_resumed(host: Host) -> None:
    """If a suspended workflow is cancelled, and what came meanwhile lets it return at once, it has returned."""

    @workflow(registry=LAB.registry)
    def one() -> Flow[str]:
        return (yield from work("only"))

    host.submit(one(), "w")
    host.ask("w", SUSPEND)
    host.settle(host.do())
    assert isinstance(host.ask("w", CANCEL, "enough").error, WorkflowEndedError)
    assert (host.status("w"), host.output("w")) == ("done", "ONLY")


def test_cancelling_lets_it_clean_up(host: Host) -> None:
    """A workflow that is cancelled twice cleans up once, and ends with the first reason."""
    host.submit(tidy("a"), "w")
    slow = host.do("a")
    host.ask("w", CANCEL, "first")
    host.ask("w", CANCEL, "second")
    host.settle(slow)
    host.settle(host.do("cleanup"))
    assert (host.status("w"), host.output("w")) == ("cancelled", "Cancelled: first")
    assert LAB.performed == ["a", "plain cleanup", "cleanup"]


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_terminating_runs_no_cleanup(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """A terminated workflow issues no further command, and its late outcomes are dropped."""
    host.submit(tidy("a"), "w")
    slow = host.do("a")
    host.ask("w", TERMINATE)
    host.settle(slow)
    host.submit(desk(), "another")
    gc.collect()
    host.signal("another", "in", "stop")
    assert (host.status("w"), host.output("w"), host.tasks) == ("cancelled", "Cancelled: terminated", [])
    assert [record.message for record in caplog.records if "never yielded" in record.message] == []


def test_signal_is_kept_where_what_follows_is_refused(host: Host, store: WatchedStore) -> None:
    """If the store refuses what a workflow does on a client's signal, the workflow stalls, and the signal is kept."""
    resident(host)
    store.refused = {"w"}
    store.ask([host.request("w", SIGNAL, item, "in") for item in (1, "stop")])
    host.advance(1)
    assert (host.status("w"), unhandled(store)) == ("stalled", 0)
    store.refused = set()
    put_right(host)
    assert host.output("w") == [1]


@pytest.mark.parametrize("place", ["in memory", "restarted"])
def test_what_came_before_a_termination_is_kept(host: Host, place: str) -> None:
    """An outcome that came while a workflow was suspended is still to be seen after it was terminated."""
    host.submit(pair(), "w")
    host.ask("w", SUSPEND)
    host.settle(host.do("a"))
    if place == "restarted":
        host.restart()
    host.ask("w", TERMINATE)
    assert [step.status.value for step in host.store.steps("w")] == ["done", "cancelled"]
    assert host.store.steps("w")[0].outcome == CODEC.encode("A")


@pytest.mark.parametrize("restarted", [False, True])
def test_cancelled_activity_that_had_not_begun_never_runs(host: Host, restarted: bool) -> None:
    """An activity that is waited for when it is cancelled is not begun any more, by this session or the next."""
    host.submit(pays(), "w")
    host.settle()
    (attempt,) = host.tasks
    assert not restarted or host.scheduler.wants(attempt)
    host.ask("w", CANCEL)
    if restarted:
        assert host.status("w") == "processing"
        host.restart()
    assert [task for task in host.tasks if host.scheduler.wants(task)] == []
    assert (host.status("w"), LAB.performed) == ("cancelled", [])


def test_client_is_heard_when_the_disk_works_again(
    host: Host, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk cannot be read just as what a client asked is looked into, it is done a little later."""
    resident(host)

    def broken(workflow_id: str, run: int) -> list[str]:
        raise StorageError("disk gone")

    with monkeypatch.context() as patched:
        patched.setattr(store, "open_children", broken)
        asked(host, "client", TERMINATE, "at once")
        assert host.status("w") == "processing"
    host.advance(1)
    assert (host.status("w"), unhandled(store)) == ("cancelled", 0)


def test_damaged_workflow_does_not_keep_others_waiting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A client's request to a workflow with a damaged row is refused once, with the damage; others are carried out."""
    with open_store("sqlite", tmp_path) as store:
        host = Host(store, LAB.registry)
        host.turn(host.asking(desk(), desk("busy"), ids=["w", "damaged"])[0])
        with closing(sqlite3.connect(tmp_path / "workflows.db", isolation_level=None)) as vandal:
            vandal.execute("update activity_executions set kind = 'nonsense' where workflow_id = 'damaged'")
        host.restart()
        assert host.status("damaged") == "stalled"
        store.ask([host.request("damaged", TERMINATE), host.request("w", SIGNAL, "stop", "in")])
        host.advance(1)
        host.advance(1)
        assert (host.status("w"), unhandled(store)) == ("done", 0)
        assert len([record for record in caplog.records if "what a client asked" in record.message]) == 1
        host.close()


def test_cancelled_error_is_seen_by_the_code(host: Host) -> None:
    """The code hears the reason for which it is cancelled, and may return instead."""

    @workflow(registry=LAB.registry)
    def hears() -> Flow[str]:
        try:
            yield wait_signal("never")
        except Cancelled as error:
            return str(error)
        return ""

    host.submit(hears(), "w")
    host.ask("w", CANCEL, "enough")
    assert (host.status("w"), host.output("w")) == ("done", "enough")
