"""However many workflows a session finds unfinished, it has few of them in memory at once, and all go on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine import SECOND, Host, Lab, WatchedStore, submission
from tests.support.flows import make_chain
from tests.support.lifecycle import tracked
from yieldflow import Flow, Registry, WorkflowInvocation, sleep, wait_signal, workflow
from yieldflow.scheduler.admission import SLICE
from yieldflow.scheduler.lifecycle import Phase
from yieldflow.store import RequestKind

LAB = Lab()
work, fail = LAB.work, LAB.fail
chain = make_chain(LAB)

#: So many of each kind are left by the session before.
MANY = 2 * SLICE + 9


@workflow(registry=LAB.registry)
def loop(label: str) -> Flow[None]:
    while True:
        yield work(label)


@workflow(registry=LAB.registry)
def nap(*then: str) -> Flow[list[str]]:
    yield sleep(60)
    return (yield from chain.fn(*then))


@workflow(registry=LAB.registry)
def waiting() -> Flow[object]:
    return (yield wait_signal("in"))


@workflow(registry=LAB.registry)
def guarded() -> Flow[object]:
    """Wait with a cleanup, so that the generator stays in memory and the row says nothing of a rest."""
    try:
        return (yield wait_signal("in"))
    finally:
        LAB.performed.append("cleanup")


@workflow(registry=LAB.registry)
def parent() -> Flow[list[str]]:
    return (yield from chain("of the child").with_options(workflow_id="child"))


@pytest.fixture
def left(host: Host, store: WatchedStore) -> WatchedStore:
    """The store of a session that died with workflows at work, some of them asleep."""
    host.turn(*(host.asking(chain(f"a{at}"), ids=[f"a{at}"])[0] for at in range(MANY)))
    host.turn(*(host.asking(nap(), ids=[f"n{at}"])[0] for at in range(MANY)))
    host.advance(2)
    host.now += 60 * SECOND
    store.found = 0
    LAB.performed.clear()
    return store


def test_a_start_reads_no_more_than_there_is_room_for(host: Host, left: WatchedStore) -> None:
    """Thousands that were at work or are due are read slice by slice, as those before them leave the queue."""
    host.start()
    assert (left.found, tracked(host)) == (0, {})
    host.settle()
    assert (len(host.tasks), left.found) == (SLICE, SLICE)
    most = 0
    while host.tasks:
        host.settle(host.do())
        most = max(most, len(tracked(host)))
    assert most <= 2 * SLICE
    assert {record.status.value for record in left.records()} == {"done"}
    assert left.found == 2 * MANY
    assert len(LAB.performed) == MANY


def test_what_is_due_waits_where_memory_is_full(host: Host) -> None:
    """Of those that are due, no more are read while as many as may be in memory wait for a worker."""
    host.turn(*(host.asking(nap(f"n{at}"), ids=[f"n{at}"])[0] for at in range(MANY)))
    host.advance(2)
    host.now += 60 * SECOND
    host.max_live = SLICE + 1
    host.start()
    host.settle()
    assert (len(host.tasks), len(tracked(host))) == (2 * SLICE, 2 * SLICE)
    host.work_off()
    assert {record.status.value for record in host.store.records()} == {"done"}


def test_those_behind_come_in_though_memory_stays_full(host: Host) -> None:
    """Where those in memory never end, and workers always have work, the others that were left go on all the same."""
    host.turn(*(host.asking(loop(f"a{at}"), ids=[f"a{at}"])[0] for at in range(2 * SLICE)))
    host.submit(chain("last"), "last")
    host.max_live = SLICE
    host.start()
    host.settle()
    rounds = 0
    while host.status("last") != "done" and rounds < 10:
        rounds += 1
        for _ in range(len(host.tasks)):
            host.settle(host.do())
    assert (host.status("last"), rounds) == ("done", 3)


def test_those_that_clients_left_are_not_all_in_memory(host: Host, store: WatchedStore) -> None:
    """Workflows that clients submitted while no process owned the file are read slice by slice, too."""
    store.submit([submission(chain(f"c{at}"), f"c{at}", host.now) for at in range(MANY)])
    host.max_live = SLICE + 1
    host.start()
    assert tracked(host) == {}
    host.settle()
    assert len(tracked(host)) == 2 * SLICE
    host.work_off()
    assert {record.status.value for record in store.records()} == {"done"}


# ---------------------------------------------------------------------- those that are not read yet


def behind(host: Host, invocation: WorkflowInvocation[Any], workflow_id: str = "w", many: int = SLICE + 9) -> None:
    """Submit a workflow behind many others that a worker waits for, and have a session begin that has not read it."""
    host.turn(*(host.asking(chain(f"a{at}"), ids=[f"a{at}"])[0] for at in range(many)))
    host.submit(invocation, workflow_id)
    host.start()
    host.settle()
    assert workflow_id not in tracked(host)


def test_what_is_asked_of_one_that_is_not_read_waits_until_it_is_let_in(host: Host) -> None:
    """A signal to it is stored, and it waits with the others to be let in."""
    behind(host, waiting())
    answer = host.signal("w", "in", "news")
    assert (answer.given, answer.error, tracked(host)["w"]) == (True, None, Phase.ADMISSION)
    host.work_off()
    assert host.output("w") == "news"


@pytest.mark.parametrize("kind", [RequestKind.CANCEL, RequestKind.TERMINATE])
def test_one_that_is_not_read_ends_if_asked_to(host: Host, kind: RequestKind) -> None:
    """Cancelling it has its cleanup run once it is let in; terminating it ends it at once."""
    behind(host, guarded())
    host.ask("w", kind, "enough")
    assert host.status("w") == ("processing" if kind is RequestKind.CANCEL else "cancelled")
    host.work_off()
    assert host.status("w") == "cancelled"
    assert ("cleanup" in LAB.performed) is (kind is RequestKind.CANCEL)


def test_one_that_is_not_read_is_suspended_and_resumed(host: Host) -> None:
    """It is suspended on disk, stays so while the others go on, and goes on when it is resumed."""
    behind(host, chain("last"))
    host.ask("w", RequestKind.SUSPEND)
    assert host.status("w") == "suspended"
    host.work_off()
    assert (host.status("w"), "last" in LAB.performed) == ("suspended", False)
    host.ask("w", RequestKind.RESUME)
    host.work_off()
    assert host.output("w") == ["LAST"]


def test_a_stalled_one_that_is_not_read_may_be_cancelled(host: Host) -> None:
    """It is about to be tried again with the code of this session, and so it is not refused as one that is stalled."""
    behind(host, guarded(), many=2 * SLICE)
    host.crash(Registry())
    assert host.status("w") == "stalled"
    host.max_live = 1
    host.start(LAB.registry)
    host.settle()
    assert "w" not in tracked(host)
    answer = host.ask("w", RequestKind.CANCEL)
    host.work_off()
    assert (host.status("w"), answer.given, answer.error) == ("cancelled", True, None)


def test_a_child_may_end_before_its_parent_is_read(host: Host) -> None:
    """The parent hears of the end once it is let in."""
    behind(host, parent(), "p")
    host.signal("child", "brings it forward")
    host.settle(host.do())
    host.settle(host.do("of the child"))
    assert (host.status("child"), tracked(host)["p"]) == ("done", Phase.ADMISSION)
    host.work_off()
    assert host.output("p") == ["OF THE CHILD"]


def test_those_with_a_count_come_behind_all_that_were_not_read(host: Host) -> None:
    """What may have ended the process is known from the start, and let in when all others were."""
    behind(host, chain("last"))
    left = {record.id for record in host.store.records() if record.recovery_attempts == 0}
    assert len(left) == 10
    dispatched: list[str] = []
    host.on_dispatch = lambda attempt: dispatched.append(attempt.workflow_id)
    host.start()
    host.work_off()
    assert set(dispatched[:10]) == left
    assert {record.status.value for record in host.store.records()} == {"done"}


def test_a_page_that_cannot_be_read_is_read_later(host: Host, store: WatchedStore) -> None:
    """Where the disk fails while the session reads what is left, all go on a little later."""
    behind(host, chain("last"))
    store.failing_pages = 2
    host.work_off()
    host.advance(1)
    assert host.status("w") == "processing"
    host.advance(1)
    host.work_off()
    assert {record.status.value for record in store.records()} == {"done"}
