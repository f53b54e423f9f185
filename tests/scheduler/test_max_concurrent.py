"""`max_concurrent`: of an activity so many attempts are with the workers at once, and the others wait in line."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.support.engine import CODEC, SECOND, Host, Lab, open_store
from tests.support.flaky import CALM, failing, label_of
from yieldflow import Cancelled, Flow, activity, gather, race, sleep, workflow
from yieldflow._core.history import in_micros
from yieldflow.scheduler.max_concurrent import ConcurrencyLimiter
from yieldflow.store import RequestKind
from yieldflow.workers import Attempt, perform

LAB = Lab()
registry = LAB.registry


@activity(registry=registry, max_concurrent=2, retry=CALM, timeout=60)
def slow(label: str) -> str:
    return label.upper()


@activity(registry=registry, max_concurrent=1, on_cancel="wait")
def pay(label: str) -> str:
    return label.upper()


@workflow(registry=registry)
def fan(*labels: str) -> Flow[list[str]]:
    return (yield from gather(*map(slow, labels)))


@workflow(registry=registry)
def mixed(*labels: str) -> Flow[list[str]]:
    return (yield from gather(*map(slow, labels), *map(LAB.work, labels)))


@workflow(registry=registry)
def pays(*labels: str) -> Flow[list[str]]:
    return (yield from gather(*map(pay, labels)))


@workflow(registry=registry)
def in_time(*labels: str) -> Flow[str]:
    first = yield from race(gather(*map(slow, labels)), sleep(5))
    return str(first[0])


@workflow(registry=registry)
def tidy(*labels: str) -> Flow[list[str]]:
    try:
        return (yield from gather(*map(slow, labels)))
    except Cancelled:
        yield slow("cleanup")
        raise


def handed(host: Host) -> list[str]:
    """Return the dispatched attempts that are still waited for."""
    return [label_of(attempt) for attempt in host.tasks if not attempt.cancelled]


# ---------------------------------------------------------------------- the lanes themselves


def attempt(number: int, label: str = "") -> Attempt:
    return Attempt(("w", 1, number), 1, slow, f'{{"label": "{label}"}}', slow.options)


def test_a_lane() -> None:
    """So many go at once, and the next ones in order as places become free."""
    lanes, all_of = ConcurrencyLimiter(), [attempt(number) for number in range(5)]
    assert [lanes.enter(each, 2) for each in all_of] == [True, True, False, False, False]
    assert lanes.leave(all_of[1]) == [all_of[2]]
    assert lanes.leave(all_of[1]) == []
    assert lanes.leave(all_of[4]) == []
    all_of[3].cancelled = True
    assert lanes.leave(all_of[0]) == [all_of[4]]
    assert (lanes.leave(all_of[2]), lanes.leave(all_of[4])) == ([], [])
    assert lanes._by_name == {}


# ---------------------------------------------------------------------- in the scheduler


def test_never_more_than_so_many(host: Host) -> None:
    """Two are handed to the workers; each that ends makes place for the next, in the order asked."""
    host.submit(fan("a", "b", "c", "d", "e"), "w")
    host.submit(fan("f"), "v")
    seen: list[str] = []
    while host.tasks:
        assert len(handed(host)) == min(2, 6 - len(seen))
        seen.append(handed(host)[0])
        host.settle(host.do())
    assert seen == list("abcdef")
    assert host.output("w") == list("ABCDE")


def test_other_kinds_are_not_held_up(host: Host) -> None:
    """A lane is one activity's: what stands behind it in the order goes past."""
    host.submit(mixed("a", "b", "c"), "w")
    assert handed(host) == ["a", "b", "a", "b", "c"]
    host.submit(pays("p", "q"), "v")
    assert handed(host)[5:] == ["p"]


def test_a_retry_goes_to_the_end_of_the_line(host: Host) -> None:
    """A failed attempt gives its place away at once, and while it waits takes none."""
    host.submit(fan("a", "b", "c", "d"), "w")
    failing(host, host.begin("a"))
    assert handed(host) == ["b", "c"]
    host.advance(1)
    assert handed(host) == ["b", "c"]
    host.end(host.begin("b"))
    host.end(host.begin("c"))
    assert handed(host) == ["d", "a"]


def test_a_timed_out_attempt_gives_its_place_away(host: Host) -> None:
    """Its thread may hang for ever."""
    host.submit(fan("a", "b", "c"), "w")
    late = host.begin("a")
    host.advance(60)
    assert handed(host) == ["b", "c"]
    host.end(late)
    assert handed(host) == ["b", "c"]
    host.finish()
    assert host.output("w") == list("ABC")


def test_a_cancelled_attempt_keeps_its_place_while_it_runs(host: Host) -> None:
    """Nobody waits for it, but it is at work: the next one begins once it has ended."""
    host.submit(in_time("a", "b", "c"), "w")
    host.submit(fan("d", "e"), "v")
    running = host.begin("a")
    host.advance(5)
    assert host.output("w") == "1"
    # "b" had not begun, so its place is free.
    assert handed(host) == ["d"]
    host.end(running)
    assert handed(host) == ["d", "e"]
    host.work_off()
    assert host.output("v") == ["D", "E"]


def test_what_waits_in_line_may_be_cancelled(host: Host) -> None:
    """An attempt cancelled while it waits in the queue never begins, and holds up no other."""
    host.submit(fan("a", "b"), "busy")
    host.submit(tidy("c", "d"), "w")
    host.ask("w", RequestKind.CANCEL)
    assert handed(host) == ["a", "b"]
    host.end(host.begin("a"))
    assert handed(host) == ["b", "cleanup"]
    host.work_off()
    assert (host.status("w"), host.output("busy")) == ("cancelled", ["A", "B"])


def test_what_is_waited_for_in_a_cancellation(host: Host) -> None:
    """With `on_cancel="wait"` what had not begun ends at once, and what has, when it has ended."""
    host.submit(pays("a", "b", "c"), "w")
    running = host.begin("a")
    host.ask("w", RequestKind.CANCEL)
    assert (host.status("w"), handed(host)) == ("processing", [])
    host.end(running)
    assert host.status("w") == "cancelled"
    host.submit(pays("d", "e"), "v")
    assert handed(host) == ["d"]


def test_who_is_terminated_in_line(host: Host) -> None:
    """Its attempts leave the line."""
    host.submit(fan("a", "b", "c"), "w")
    host.submit(fan("d"), "v")
    host.ask("w", RequestKind.TERMINATE)
    assert handed(host) == ["d"]


def test_time_in_line(host: Host) -> None:
    """`timeout` does not run there; `schedule_to_start_timeout` does."""

    @workflow(registry=registry)
    def impatient() -> Flow[str]:
        return (yield from slow("late").with_options(schedule_to_start_timeout=100, timeout=10))

    host.submit(fan("a", "b"), "busy")
    a, b = host.begin("a"), host.begin("b")
    host.submit(impatient(), "w")
    host.advance(50)
    assert host.status("w") == "processing"
    assert handed(host) == []
    for each in (a, b):
        each.begun_at = host.now
    host.advance(50)
    assert "was begun by no worker" in str(host.output("w"))
    host.end(a)
    assert handed(host) == []


@pytest.mark.parametrize("failures", [1, 3])
def test_a_failing_disk(host: Host, failures: int) -> None:
    """Places are neither lost nor given twice."""
    host.submit(fan("a", "b", "c", "d"), "w")
    host.submit(fan("e"), "v")
    host.store.failing_commits = failures
    host.settle(host.do("a"), host.do("b"))
    for _ in range(10):
        host.advance(0.2)
        assert len(handed(host)) <= 2
    assert handed(host) == ["c", "d"]
    host.work_off()
    assert (host.output("w"), host.output("v")) == (list("ABCD"), ["E"])


def test_a_crash(host: Host) -> None:
    """The next process begins with as many, in the order asked."""
    host.submit(fan("a", "b", "c", "d"), "w")
    host.settle(host.do("b"))
    host.restart()
    assert handed(host) == ["a", "c"]
    host.work_off()
    assert host.output("w") == list("ABCD")


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens(seed: int, tmp_path: Path) -> None:
    """Results, failures, timeouts, cancellations, failing disks and crashes in any order: never more than two at work
    that are not hanging, and in the end all is done."""
    random = Random(seed)
    with open_store("memory", tmp_path) as store:
        host = Host(store, registry)
        running: list[Attempt] = []
        for number in range(6):
            make = random.choice([fan, tidy, in_time])
            host.submit(make(*(f"{number}{letter}" for letter in "abcd")), f"w{number}")
        for _ in range(150):
            what = random.random()
            if what < 0.35 and host.tasks:
                task = host.tasks.pop(0)
                if host.scheduler.wants(task):
                    host.now += 1
                    task.begun_at = host.now
                    running.append(task)
            elif what < 0.65 and running:
                host.settle(perform(running.pop(random.randrange(len(running))), CODEC))
            elif what < 0.75 and running:
                failing(host, running.pop(random.randrange(len(running))))
            elif what < 0.78:
                store.failing_commits = random.randrange(3)
            elif what < 0.8:
                running.clear()
                host.restart()
            elif what < 0.83:
                _ask(host, f"w{random.randrange(6)}", random)
            else:
                host.advance(random.choice([0.1, 1, 2, 30]))
            hanging = [task for task in running if task.cancelled and _is_out_of_time(task, host)]
            at_work = [task for task in running if task not in hanging]
            assert len(at_work) <= 2
            assert len(at_work) + len([task for task in host.tasks if not task.cancelled]) <= 2
        store.failing_commits = 0
        for task in running:
            host.settle(perform(task, CODEC))
        _finish(host)
        assert {record.status.value for record in store.records()} <= {"done", "cancelled"}
        assert host.scheduler._state.limiter._by_name == {}
        assert host.scheduler.load == (0, 0)
        host.close()


def _is_out_of_time(task: Attempt, host: Host) -> bool:
    return task.begun_at is not None and host.now - task.begun_at >= in_micros(60)


def _ask(host: Host, workflow_id: str, random: Random) -> None:
    if not host.record(workflow_id).status.ended:
        host.ask(workflow_id, random.choice([RequestKind.CANCEL, RequestKind.SUSPEND, RequestKind.RESUME]))


def _finish(host: Host) -> None:
    host.now += 10 * SECOND
    host.settle()
    for record in host.store.records():
        if record.status.value == "suspended":
            host.ask(record.id, RequestKind.RESUME)
    host.finish()
