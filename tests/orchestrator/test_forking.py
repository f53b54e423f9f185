"""The past that a fork keeps: outcomes, signals received, numbers drawn, the time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.counter import Counter
from tests.support.shop import WAIT, Gate, until, until_waiting
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    StepStatus,
    WorkflowStatus,
    activity,
    gather,
    now,
    random,
    set_progress,
    sleep,
    take_signals,
    uuid4,
    wait_signal,
    workflow,
)


@pytest.mark.parametrize("step", range(4))
def test_outcomes_before_the_step_are_kept(orchestrator: Orchestrator, counter: Counter, chain: Any, step: int) -> None:
    """The copy keeps the outcomes applied before the step was issued, and does the rest itself."""
    handle = orchestrator.submit(chain("e"))
    handle.result(WAIT)
    before = (handle.describe(), handle.history())
    copy = handle.fork(step)

    labels = ["a", "b", "c", "e"]
    expected = [f"{label} {number + 1}" for number, label in enumerate(labels[:step])]
    expected += [f"{label} {5 + number}" for number, label in enumerate(labels[step:])]
    assert copy.result(WAIT) == expected
    assert counter.ran == labels + labels[step:]
    assert (handle.describe(), handle.history()) == before


def test_a_fork_is_a_workflow_like_others(orchestrator: Orchestrator, chain: Any) -> None:
    """A copy has an id of its own, or the given one, its own times, the same name and arguments; and no parent."""
    handle = orchestrator.submit(chain("e"))
    handle.result(WAIT)
    copy = handle.fork(2, workflow_id="copy")
    another = handle.fork(2)
    copy.result(WAIT)
    another.result(WAIT)

    described, original = copy.describe(), handle.describe()
    assert (copy.id, described.name, described.input, described.parent) == ("copy", "chain", {"last": "e"}, None)
    assert len({handle.id, copy.id, another.id}) == 3
    assert described.created_at > original.created_at
    assert described.started_at == original.started_at
    assert [entry["id"] for entry in orchestrator.list_workflows()] == [another.id, "copy", handle.id]
    assert [step.status for step in copy.history()] == [StepStatus.DONE] * 4


def test_a_fork_has_the_same_time(orchestrator: Orchestrator, registry: Registry) -> None:
    """A copy of a workflow with a timeout has as long as that was given, from its own beginning on."""

    @workflow(registry=registry, timeout=60)
    def job() -> Flow[object]:
        return (yield from wait_signal("go"))

    limited, other = orchestrator.submit(job()), orchestrator.submit(job().with_options(timeout=7200))

    for handle, seconds in ((limited, 60), (other, 7200)):
        described = handle.fork(0).describe()
        assert described.deadline_at == described.created_at + timedelta(seconds=seconds)


def test_earlier_steps_that_were_open_run_again(
    orchestrator: Orchestrator, registry: Registry, counter: Counter, gate: Gate
) -> None:
    """Steps issued before that were still open at the fork run again in the copy, whatever became of them later."""

    @activity(registry=registry)
    def slow() -> str:
        counter.ran.append("slow")
        gate.pass_through()
        return "slow"

    def quick() -> Flow[list[str]]:
        return [(yield from counter.count("a")), (yield from counter.count("b"))]

    @workflow(registry=registry)
    def job() -> Flow[Any]:
        return (yield from gather(slow(), quick(), sleep(0)))

    handle = orchestrator.submit(job())
    until(lambda: "b" in counter.ran)
    gate.open()
    kept = handle.result(WAIT)
    last = next(step.step for step in handle.history() if step.input == {"label": "b"})
    copied = handle.fork(last).result(WAIT)

    assert kept[0] == copied[0] == "slow"
    assert kept[1][0] == copied[1][0]
    assert kept[1][1] != copied[1][1]
    assert sorted(counter.ran) == ["a", "b", "b", "slow", "slow"]


def test_a_fork_of_a_running_workflow(orchestrator: Orchestrator, registry: Registry, gate: Gate) -> None:
    """A workflow under way can be forked; its open activity runs again in the copy, and it goes on undisturbed."""
    begun: list[str] = []

    @activity(registry=registry)
    def first() -> str:
        begun.append("first")
        return "first"

    @activity(registry=registry)
    def hold() -> str:
        begun.append("hold")
        gate.pass_through()
        return f"held {len(begun)}"

    @workflow(registry=registry)
    def job() -> Flow[list[str]]:
        return [(yield from first()), (yield from hold())]

    handle = orchestrator.submit(job())
    gate.await_entry()
    copy = handle.fork(1)
    gate.await_entry()
    both = [handle.describe().status, copy.describe().status]
    gate.open()

    assert both == [WorkflowStatus.PROCESSING] * 2
    assert (handle.result(WAIT), copy.result(WAIT)) == (["first", "held 3"], ["first", "held 3"])
    assert begun == ["first", "hold", "hold"]


def test_a_fork_of_a_fork(orchestrator: Orchestrator, counter: Counter, chain: Any) -> None:
    """A copy is forked as any other workflow, before or after the place at which it was forked."""
    handle = orchestrator.submit(chain())
    handle.result(WAIT)
    copy = handle.fork(2)
    copy.result(WAIT)

    assert copy.fork(1).result(WAIT) == ["a 1", "b 7", "c 8", "d 9"]
    assert copy.fork(3).result(WAIT) == ["a 1", "b 2", "c 5", "d 10"]


# ---------------------------------------------------------------------- signals


def test_signals_received_later_return(orchestrator: Orchestrator, registry: Registry) -> None:
    """Signals received after the fork wait in the copy, in order, before those that nobody has received yet."""

    @workflow(registry=registry)
    def job(count: int) -> Flow[list[object]]:
        received: list[object] = []
        for _ in range(count):
            received.append((yield from wait_signal("a")))
        received.append((yield from take_signals("b")))
        return received

    handle = orchestrator.submit(job(3))
    for number in range(3):
        handle.signal("b", f"b{number}")
        handle.signal("a", number)
    assert handle.result(WAIT) == [0, 1, 2, ["b0", "b1", "b2"]]

    for step in range(4):
        assert handle.fork(step).result(WAIT) == [0, 1, 2, ["b0", "b1", "b2"]]


def test_signals_received_before_do_not_return(orchestrator: Orchestrator, registry: Registry) -> None:
    """A signal received before the fork is in the past of the copy; a signal not yet received waits in both."""

    @workflow(registry=registry)
    def job() -> Flow[list[object]]:
        received = [(yield from wait_signal("a"))]
        received.append((yield from wait_signal("a")))
        yield wait_signal("go")
        return [*received, *(yield from take_signals("a"))]

    handle = orchestrator.submit(job())
    for number in range(4):
        handle.signal("a", number)
    copy = handle.fork(1)
    copy.signal("a", "only there")
    handle.signal("a", "only here")
    copy.signal("go")
    handle.signal("go")

    assert handle.result(WAIT) == [0, 1, 2, 3, "only here"]
    assert copy.result(WAIT) == [0, 1, 2, 3, "only there"]


# ---------------------------------------------------------------------- randomness


@pytest.fixture
def dice(registry: Registry, counter: Counter) -> Any:
    """Draws before, between and after three activities."""

    @workflow(registry=registry)
    def dice() -> Flow[list[tuple[str, float]]]:
        drawn = []
        for label in ("a", "b", "c"):
            drawn.append((str((yield from uuid4())), (yield from random())))
            yield counter.count(label)
        return [*drawn, (str((yield from uuid4())), (yield from random()))]

    return dice


@pytest.mark.parametrize("step", range(3))
def test_what_is_drawn_differs_after_the_fork_only(orchestrator: Orchestrator, dice: Any, step: int) -> None:
    """uuid4() and random() of the copy agree with the original's before the fork, and differ after it."""
    handle = orchestrator.submit(dice())
    drawn = handle.result(WAIT)
    copies = [handle.fork(step).result(WAIT) for _ in range(2)]

    for copy in copies:
        assert copy[: step + 1] == drawn[: step + 1]
    after = [draw for result in (drawn, *copies) for draw in result[step + 1 :]]
    assert len({made for made, _ in after}) == len({number for _, number in after}) == 3 * (3 - step)


def test_what_is_drawn_in_forks_of_forks_stays(orchestrator: Orchestrator, dice: Any) -> None:
    """A copy of a copy agrees with it up to its own fork."""
    handle = orchestrator.submit(dice())
    drawn = handle.result(WAIT)
    copy = handle.fork(1)
    copied = copy.result(WAIT)
    late, early = copy.fork(2).result(WAIT), copy.fork(0).result(WAIT)

    assert copied[:2] == drawn[:2]
    assert copied[2] != drawn[2]
    assert late[:3] == copied[:3]
    assert late[3] not in (drawn[3], copied[3])
    assert early[0] == drawn[0]
    assert early[1] != drawn[1]


def test_a_copy_draws_the_same_after_a_restart(database: Path, registry: Registry, counter: Counter) -> None:
    """The numbers that a copy has drawn stay when it is built again."""

    @workflow(registry=registry)
    def job() -> Flow[list[str]]:
        made = [str((yield from uuid4()))]
        yield counter.count("a")
        made.append(str((yield from uuid4())))
        yield set_progress(list(made))
        yield wait_signal("go")
        return made

    with Orchestrator(database, registry=registry) as first:
        handle = first.submit(job(), signal=("go", None))
        handle.result(WAIT)
        copy = handle.fork(0)
        original = handle.result(WAIT)
        copied = copy.result(WAIT)
        waiting = handle.fork(0, workflow_id="w")
        waiting.result(WAIT)
        early = first.submit(job(), workflow_id="early")
        until_waiting(early, "go")
        fork = early.fork(0, workflow_id="fork")
        until_waiting(fork, "go")
        drawn = fork.describe().progress
    with Orchestrator(database, registry=registry) as second:
        second.handle("fork").signal("go")
        assert second.handle("fork").result(WAIT) == drawn
    assert copied[0] == original[0]
    assert copied[1] != original[1]


def test_now_agrees_before_the_fork(orchestrator: Orchestrator, registry: Registry, counter: Counter) -> None:
    """The times of outcomes that were kept are kept, and time goes on from there."""

    @workflow(registry=registry)
    def job() -> Flow[list[Any]]:
        times = [(yield from now())]
        for label in "ab":
            yield counter.count(label)
            times.append((yield from now()))
        return times

    handle = orchestrator.submit(job())
    times = handle.result(WAIT)
    copied = handle.fork(1).result(WAIT)

    assert copied[:2] == times[:2]
    assert copied[2] > times[2]
