"""A workflow that waits long leaves memory where nothing of its code runs then, and is back when it is needed."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import GeneratorType

import pytest

from tests.support.engine import Host, Lab, WatchedStore
from yieldflow import (
    Flow,
    WaitTimeoutError,
    WorkflowInvocation,
    activity,
    gather,
    race,
    sleep,
    start,
    take_signals,
    wait_for,
    wait_signal,
    workflow,
)
from yieldflow._core.execution import Execution
from yieldflow.store import RequestKind

LAB = Lab()
work = LAB.work


#: The names of the generator functions below, by which they are found in memory.
BODIES = {
    "waits",
    "naps",
    "reminds",
    "parent",
    "child",
    "branches",
    "leg",
    "guarded",
    "guarded_leg",
    "managed",
    "loop_over",
    "busy",
}


@activity(registry=LAB.registry, on_cancel="wait")
def pay(label: str) -> str:
    LAB.performed.append(label)
    return label.upper()


@workflow(registry=LAB.registry)
def waits() -> Flow[list[object]]:
    yield from work("before")
    return [(yield from wait_signal("a")), (yield from wait_signal("a")), *(yield from take_signals("b"))]


@workflow(registry=LAB.registry)
def naps(seconds: float) -> Flow[str]:
    yield sleep(seconds)
    return "rested"


@workflow(registry=LAB.registry)
def reminds() -> Flow[object]:
    """Wait inside a `try` whose `except` does not catch what closes a generator."""
    for _ in range(2):
        try:
            return (yield from wait_for(wait_signal("a"), 3600))
        except WaitTimeoutError:
            yield from work("reminder")
    return "no answer"


@workflow(registry=LAB.registry)
def child() -> Flow[object]:
    return (yield from wait_signal("a"))


@workflow(registry=LAB.registry)
def parent() -> Flow[object]:
    return (yield from child())


def leg(name: str) -> Flow[object]:
    return (yield from wait_signal(name))


@workflow(registry=LAB.registry)
def branches() -> Flow[list[object]]:
    task = yield from start(leg("c"))
    both = yield from gather(leg("a"), leg("b"))
    return [*both, (yield from task)]


def guarded_leg() -> Flow[object]:
    try:
        return (yield from wait_signal("b"))
    finally:
        LAB.performed.append("user's code")


@workflow(registry=LAB.registry)
def guarded(how: str) -> Flow[object]:
    """Waits where its own code would run if it were dropped: here, in a helper, in a branch, in a task."""
    if how == "branch":
        return list((yield from gather(leg("a"), guarded_leg())))
    if how == "task":
        yield start(guarded_leg())
        return (yield from wait_signal("a"))
    if how == "helper":
        return (yield from guarded_leg())
    if how == "except":
        try:
            return (yield from wait_signal("a"))
        except BaseException:
            LAB.performed.append("user's code")
            raise
    try:
        return (yield from wait_signal("a"))
    finally:
        LAB.performed.append("user's code")


@contextmanager
def lease() -> Iterator[None]:
    try:
        yield
    finally:
        LAB.performed.append("user's code")


@workflow(registry=LAB.registry)
def managed() -> Flow[object]:
    with lease():
        return (yield from wait_signal("a"))


def pages() -> Iterator[int]:
    try:
        yield from range(3)
    finally:
        LAB.performed.append("user's code")


@workflow(registry=LAB.registry)
def loop_over() -> Flow[list[object]]:
    got = []
    for _ in pages():
        got.append((yield from wait_signal("a")))
    return got


@workflow(registry=LAB.registry)
def busy(cancelled: bool) -> Flow[object]:
    """Run an activity; with ``cancelled``, it was cancelled and its end is waited for."""
    return (yield from (race(pay("a"), sleep(1)) if cancelled else gather(work("a"), wait_signal("a"))))


@pytest.fixture
def host(store: WatchedStore) -> Iterator[Host]:
    gc.collect()
    LAB.performed.clear()
    made = Host(store, LAB.registry)
    yield made
    made.close()


def in_memory() -> set[str]:
    """The generators of this file's workflows that are suspended somewhere, by name."""
    found = (each for each in gc.get_objects() if isinstance(each, GeneratorType) and each.gi_suspended)
    return {each.__name__ for each in found} & BODIES


def executions() -> int:
    """Return the number of workflows in memory."""
    gc.collect()
    return sum(type(each) is Execution for each in gc.get_objects())


def minutes(host: Host, count: int = 3) -> None:
    """Let minutes pass, in steps as long as those in which the scheduler looks."""
    for _ in range(count * 6):
        host.advance(10)


# ---------------------------------------------------------------------- who leaves, and who stays


@pytest.mark.parametrize(
    "invocation",
    [waits(), naps(3600), reminds(), parent(), branches()],
    ids=["waits", "naps", "reminds", "parent", "branches"],
)
def test_leaves_memory(host: Host, invocation: WorkflowInvocation[object]) -> None:
    """A workflow that has waited minutes for time, signals or children leaves memory; its row says when it is due."""
    host.submit(invocation, "w")
    host.work_off()
    assert invocation.name in in_memory()
    host.advance(50)
    before = host.record("w"), host.store.steps("w")
    commits = len(host.store.commits)
    assert invocation.name in in_memory()
    minutes(host)
    assert in_memory() == set()
    assert (host.record("w"), host.store.steps("w"), len(host.store.commits)) == (*before, commits)


STAYING: dict[str, Callable[[], WorkflowInvocation[object]]] = {
    "finally": lambda: guarded("here"),
    "except": lambda: guarded("except"),
    "helper's try": lambda: guarded("helper"),
    "branch's try": lambda: guarded("branch"),
    "task's try": lambda: guarded("task"),
    "with": managed,
    "loop over a generator": loop_over,
}


@pytest.mark.parametrize("why", STAYING)
def test_stays_where_its_code_would_run(host: Host, why: str) -> None:
    """A workflow stays in memory where leaving would run code of the user's; so that never runs before its time."""
    invocation = STAYING[why]()
    host.submit(invocation, "w")
    minutes(host, 10)
    assert invocation.name in in_memory()
    assert LAB.performed == []
    for name in "ab":
        host.signal("w", name, False)
    host.signal("w", "a", False)
    host.signal("w", "a", False)
    assert host.status("w") == "done"


def test_what_has_ended_is_gone_at_once(host: Host) -> None:
    """A workflow that has ended is not in memory, also where others are just looked through for who may leave."""
    before = executions()
    host.submit(waits(), "w")
    host.work_off()
    host.advance(10)
    assert executions() == before + 1
    for name in ("a", "a"):
        host.signal("w", name)
    assert (host.status("w"), executions()) == ("done", before)


@pytest.mark.parametrize("cancelled", [False, True])
def test_stays_while_an_activity_is_at_work(host: Host, cancelled: bool) -> None:
    """A workflow stays in memory as long as an activity of it is at work, however long that takes."""
    host.submit(busy(cancelled), "w")
    host.settle()
    attempt = host.take("a")
    assert host.scheduler.wants(attempt)
    minutes(host, 10)
    assert "busy" in in_memory()


def test_stays_for_a_short_sleep(host: Host) -> None:
    """A workflow whose sleep ends within a minute stays in memory till then, however long it has slept."""

    @workflow(registry=LAB.registry, name="loop_over often")
    def loop_over() -> Flow[None]:
        for _ in range(20):
            yield sleep(110)

    host.submit(loop_over(), "w")
    host.store.loads.clear()
    minutes(host, 10)
    assert host.store.loads == []
    assert "loop_over" in in_memory()


# ---------------------------------------------------------------------- who comes back


def test_comes_back_for_a_timer(host: Host) -> None:
    """A workflow that is not in memory when its sleep ends goes on at that moment, and not before."""
    host.submit(naps(3600), "w")
    minutes(host)
    host.advance(3600 - 181)
    assert (host.status("w"), in_memory()) == ("processing", set())
    host.advance(1)
    assert host.output("w") == "rested"


def test_comes_back_into_a_try(host: Host) -> None:
    """A workflow that left memory inside a `try` is back in it: its `except` meets the timeout, its body the signal."""
    host.submit(reminds(), "w")
    minutes(host)
    assert in_memory() == set()
    host.advance(3600 - 180)
    host.work_off()
    assert LAB.performed == ["reminder"]
    minutes(host)
    assert in_memory() == set()
    host.signal("w", "a", "answer")
    assert host.output("w") == "answer"


def test_comes_back_for_a_signal(host: Host) -> None:
    """A workflow that is not in memory when a signal comes receives it, leaves again, and receives the next."""
    host.submit(waits(), "w")
    host.work_off()
    for signal in (1, 2):
        minutes(host)
        assert in_memory() == set()
        host.signal("w", "b", f"not waited for {signal}")
        host.signal("w", "a", signal)
    assert host.output("w") == [1, 2, "not waited for 1", "not waited for 2"]
    assert LAB.performed == ["before"]


def test_comes_back_for_a_childs_end(host: Host) -> None:
    """A parent that is not in memory when its child ends gets the result."""
    host.submit(parent(), "w")
    minutes(host)
    assert in_memory() == set()
    host.signal("w:1:0", "a", "result")
    assert host.output("w") == "result"


@pytest.mark.parametrize(
    "invocation", [waits(), naps(3600), reminds(), parent(), branches()], ids=lambda each: each.name
)
def test_comes_back_to_be_cancelled(host: Host, invocation: WorkflowInvocation[object]) -> None:
    """A workflow that is not in memory ends at once when it is cancelled."""
    host.submit(invocation, "w")
    host.work_off()
    minutes(host)
    host.ask("w", RequestKind.CANCEL, "enough")
    host.settle()
    assert {record.status.value for record in host.store.records()} == {"cancelled"}


def test_comes_back_after_a_restart(host: Host) -> None:
    """A workflow that left memory is found by the next session as if it never had."""
    host.submit(branches(), "w")
    minutes(host)
    host.restart()
    for name in "cab":
        host.signal("w", name, name)
    assert host.output("w") == ["a", "b", "c"]


def test_suspended_one_leaves_and_comes_back(host: Host) -> None:
    """A suspended workflow leaves memory too, with what came for it, and goes on when it is resumed."""
    host.submit(branches(), "w")
    host.settle()
    host.ask("w", RequestKind.SUSPEND)
    host.signal("w", "a", "a")
    minutes(host)
    assert in_memory() == set()
    host.signal("w", "b", "b")
    host.signal("w", "c", "c")
    assert host.status("w") == "suspended"
    host.ask("w", RequestKind.RESUME)
    host.settle()
    assert host.output("w") == ["a", "b", "c"]


def test_disk_that_fails_as_it_comes_back(host: Host, store: WatchedStore) -> None:
    """If the disk fails while a workflow is being read again, it comes back a little later, with its signal."""
    host.submit(waits(), "w")
    host.work_off()
    minutes(host)
    host.signal("w", "b", "kept")
    minutes(host)
    store.failing_loads = 2
    host.signal("w", "a", 1)
    host.signal("w", "a", 2)
    for _ in range(5):
        host.advance(1)
    assert host.output("w") == [1, 2, "kept"]


def test_thousands_leave(host: Host) -> None:
    """Thousands of waiting workflows leave memory in a few minutes, and each comes back for its own signal."""
    ids = [f"w{number}" for number in range(2500)]
    host.turn(host.asking(*(child() for _ in ids), ids=ids)[0])
    minutes(host, 5)
    assert in_memory() == set()
    for id in ids[::500]:
        host.signal(id, "a", id)
        assert host.output(id) == id


def test_clock_that_is_set_back(host: Host) -> None:
    """If the clock is set back while a workflow is out of memory, its sleep ends when its time has passed, once."""
    host.submit(naps(3600), "w")
    minutes(host)
    host.advance(-7200)
    host.advance(3600 - 181)
    assert host.status("w") == "processing"
    host.advance(1)
    assert host.output("w") == "rested"
    assert [step.applied for step in host.store.steps("w")] == [1]


# ---------------------------------------------------------------------- when memory is wanted


def small(store: WatchedStore) -> Host:
    """A session with room for three workflows."""
    gc.collect()
    LAB.performed.clear()
    return Host(store, LAB.registry, max_live=3)


def test_those_that_wait_longest_leave_where_there_is_no_room(store: WatchedStore) -> None:
    """Without room in memory, workflows that wait longest leave with the next turn, not after a minute."""
    host = small(store)
    before = executions()
    for number in range(10):
        host.submit(child(), f"w{number}")
        host.advance(0.01)
    assert executions() == before + 3
    assert [host.scheduler.live(f"w{number}") is not None for number in range(10)] == [False] * 7 + [True] * 3
    for number in range(10):
        host.signal(f"w{number}", "a", number)
    assert [host.output(f"w{number}") for number in range(10)] == list(range(10))
    host.close()


def test_a_row_says_that_it_rests_once_its_workflow_has_left(store: WatchedStore) -> None:
    """A workflow that left memory for want of room is not loaded by the next session until it is due."""
    host = small(store)
    for number in range(10):
        host.submit(naps(60 + number), f"w{number}")
        host.advance(0.01)
    store.loads.clear()
    host.crash()
    assert sorted(store.loads) == ["w7", "w8", "w9"]
    host.advance(70)
    assert [host.output(f"w{number}") for number in range(10)] == ["rested"] * 10
    host.close()


def test_what_cannot_leave_stays_beyond_the_limit(store: WatchedStore) -> None:
    """A workflow stays in memory, however many there are, if leaving would run its code, or activities are at work."""
    host = small(store)
    before = executions()
    for number in range(4):
        host.submit(guarded("here"), f"guarded{number}")
        host.submit(busy(False), f"busy{number}")
    for _ in range(5):
        host.advance(0.1)
    assert executions() == before + 8
    assert LAB.performed == []
    host.close()


def test_a_child_does_not_wait_for_room(store: WatchedStore) -> None:
    """A parent that may not leave starts its children though there are too many workflows in memory."""
    host = small(store)
    for number in range(4):
        host.submit(parent(), f"w{number}")
    for number in range(4):
        host.signal(f"w{number}:1:0", "a", number)
    host.settle()
    assert [host.output(f"w{number}") for number in range(4)] == [0, 1, 2, 3]
    host.close()
