"""The cancellation of a workflow reaches every branch, task and step of it. Each is replayed from every prefix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.core.driver import Drive, careful, clean_up, fetch
from yieldflow import (
    Cancelled,
    Flow,
    gather,
    race,
    sleep,
    start,
    wait_for,
    wait_signal,
)


def test_a_request_reaches_everything_that_waits(drive: Drive) -> None:
    """Sleeps, waits for signals and activities vanish, branches and tasks clean up, and then the workflow does."""
    journal: list[str] = []

    def body() -> Flow[None]:
        yield from start(careful("task", journal))
        try:
            yield from gather(
                sleep(5), wait_signal("go"), fetch("b"), careful("c", journal), race(careful("d", journal))
            )
        finally:
            yield from clean_up("workflow")

    run = drive(body, replayed=False)
    run.cancel("enough")
    assert sorted(run.pending) == ["clean_up c", "clean_up d", "clean_up task"]
    assert sorted(run.dropped_by_last()) == ["fetch b", "fetch c", "fetch d", "fetch task", "sleep 5", "wait_signal go"]

    for key in "cd":
        run.resolve(f"clean_up {key}")
    assert "clean_up workflow" in run.pending

    for step in list(run.pending):
        run.resolve(step)
    assert (run.status, run.pending) == ("cancelled", [])
    assert sorted(journal) == ["c cleaned up", "d cleaned up", "task cleaned up"]
    run.check_every_prefix()


def test_every_branch_is_told_the_reason_once(drive: Drive) -> None:
    """Branches and tasks, at every depth, get `Cancelled` with the reason, from the inside out."""
    told: list[str] = []

    def watching(key: str, inner: Callable[[], Any]) -> Flow[None]:
        try:
            yield inner()
        except Cancelled as cancelled:
            told.append(f"{key} {cancelled}")
            raise

    def body() -> Flow[None]:
        yield from start(watching("task", lambda: fetch("t")))
        yield from watching("root", lambda: gather(watching("outer", lambda: gather(watching("inner", fetch_b)))))

    def fetch_b() -> Any:
        return fetch("b")

    run = drive(body, replayed=False)
    run.cancel("enough")

    assert sorted(told) == ["inner enough", "outer enough", "root enough", "task enough"]
    assert [one for one in told if "task" not in one] == ["inner enough", "outer enough", "root enough"]
    assert run.status == "cancelled"


def test_a_request_during_a_races_cleanup(drive: Drive) -> None:
    """A loser that is cleaning up is left to finish; then the workflow gets `Cancelled`, and the winner is dropped."""

    def body() -> Flow[str]:
        yield from race(fetch("a"), careful("b"))
        return "returned"

    run = drive(body)
    run.resolve("fetch a", "A")
    run.cancel("enough")
    assert (run.pending, run.status) == (["clean_up b"], "processing")

    run.resolve("clean_up b")
    assert run.status == "cancelled"


def test_a_request_during_wait_for(drive: Drive) -> None:
    """A workflow in wait_for that is cancelled does not time out: timer and command both vanish."""

    def body() -> Flow[Any]:
        return (yield from wait_for(fetch("a"), 60))

    run = drive(body)
    run.cancel("enough")

    assert (run.status, run.pending) == ("cancelled", [])
    assert sorted(run.dropped_by_last()) == ["fetch a", "sleep 60"]


def test_a_workflow_that_waits_for_its_tasks_can_be_cancelled(drive: Drive) -> None:
    """A workflow that has returned and waits for its tasks is cancelled by way of them: it did not come to its end."""

    def body() -> Flow[str]:
        yield from start(careful("t"))
        return "returned"

    run = drive(body)
    run.cancel("enough")
    assert (run.pending, run.status) == (["clean_up t"], "processing")

    run.resolve("clean_up t")
    assert (run.status, run.pending) == ("cancelled", [])


def test_a_request_while_a_failing_workflow_waits_for_its_tasks(drive: Drive) -> None:
    """A workflow that has raised, and whose tasks are cleaning up, ends with its own exception."""

    def body() -> Flow[None]:
        yield from start(careful("t"))
        yield from fetch("a")

    run = drive(body)
    run.fail("fetch a", KeyError("a"))
    run.cancel("enough")
    assert run.pending == ["clean_up t"]

    run.resolve("clean_up t")
    assert run.failure == "KeyError: 'a'"


def test_cleanup_may_use_every_command(drive: Drive) -> None:
    """In its cleanup a workflow may gather, race, wait and start: that is not cancelled."""

    def body() -> Flow[None]:
        try:
            yield from sleep(60)
        finally:
            task = yield from start(clean_up("task"))
            yield from gather(clean_up("a"), race(clean_up("b"), sleep(5)))
            yield from wait_for(clean_up("c"), 5)
            yield from task

    run = drive(body)
    run.cancel("enough")
    assert sorted(run.pending) == ["clean_up a", "clean_up b", "clean_up task", "sleep 5"]

    run.resolve("clean_up b")
    run.resolve("clean_up a")
    run.resolve("clean_up c")
    assert run.pending == ["clean_up task"]

    run.resolve("clean_up task")
    assert run.status == "cancelled"


def test_a_task_started_during_cleanup_is_waited_for(drive: Drive) -> None:
    """A task that a cancelled workflow starts in its cleanup, and then lets go, does not outlive it in silence."""

    def body() -> Flow[None]:
        try:
            yield from sleep(60)
        finally:
            yield from start(careful("t"))
            yield from clean_up("a")

    run = drive(body)
    run.cancel("enough")
    run.resolve("clean_up a")
    assert run.pending == ["clean_up t"]

    run.resolve("clean_up t")
    assert (run.status, run.pending) == ("cancelled", [])


def test_a_request_reaches_a_thousand_levels_deep(drive: Drive) -> None:
    """A chain of a thousand branches, gathers, races and tasks is cancelled by one request."""
    told: list[int] = []

    def down(level: int) -> Flow[None]:
        try:
            below = down(level - 1) if level else fetch("bottom")
            if level % 3 == 0:
                yield gather(below)
            elif level % 3 == 1:
                yield race(below, sleep(level))
            else:
                task: Any = yield start(below)
                yield task
        except Cancelled:
            told.append(level)
            raise

    run = drive(lambda: down(999), replayed=False)
    run.cancel("enough")

    assert (run.status, run.pending) == ("cancelled", [])
    assert sorted(told) == list(range(1000))
