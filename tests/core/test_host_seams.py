"""Hosts other than the scheduler: their answers to an execution, and their questions to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.core.driver import START, Drive, Driver, fetch, pay, registry, ship
from yieldflow import Flow, WorkflowInfo, gather, get_logger, patched, race, sleep, uuid4, wait_signal, workflow
from yieldflow._core.errors import InternalError
from yieldflow._core.execution import Execution
from yieldflow._core.history import Failure, Started, StepEnded
from yieldflow.codec import codec_named

log = get_logger("tests.core.seams")


def logging_body() -> Flow[None]:
    log.warning("begun")
    yield fetch("a")
    log.warning("fetched")


def new_execution(run: Driver, **options: object) -> Execution:
    """Another execution of the same workflow, without a record."""
    return Execution(run.definition, {}, run.execution.info, run.seed, run.codec, **options)  # type: ignore[arg-type]


@pytest.fixture
def run() -> Iterator[Driver]:
    """A workflow that logs before its step and after it."""
    driver = Driver(logging_body)
    yield driver
    driver.close()


# ---------------------------------------------------------------------- patches


@pytest.mark.parametrize("answer", [True, False])
def test_the_host_says_whether_a_patch_is_taken(run: Driver, answer: bool) -> None:
    """It is asked once for each name, and hears which patches were taken, so that it can note them."""
    asked: list[str] = []

    def takes_patch(name: str) -> bool:
        asked.append(name)
        return answer

    def body() -> Flow[None]:
        for name in ("check stock", "ask twice", "check stock"):
            yield fetch((yield from patched(name)))

    run.body = body
    patching = new_execution(run, takes_patch=takes_patch)
    advances = [patching.apply(Started(START))] + [patching.apply(StepEnded(step, "null", START)) for step in (0, 1)]

    noted = [list(one.patches) for one in advances]
    assert asked == ["check stock", "ask twice"]
    assert noted == ([["check stock"], ["ask twice"], []] if answer else [[], [], []])
    assert [run.codec.decode(step.input) for one in advances for step in one.issued] == [{"key": answer}] * 3
    patching.close()


# ---------------------------------------------------------------------- what is no longer waited for


def test_a_host_hears_what_it_is_to_end_and_what_to_leave_alone() -> None:
    """A loser of a race is ended, but for a child that outlives its parent; one whose end is waited for is neither."""
    outliving = ship("b").with_options(on_parent_end="abandon")

    def body() -> Flow[None]:
        yield race(fetch("first"), fetch("a"), sleep(60), wait_signal("go"), outliving, ship("c"), pay("d"))

    run = Driver(body)
    advance = run.resolve("fetch first")
    shown = {number: run.shown(step) for number, step in enumerate(run.steps)}

    ended = [shown[number] for number in advance.cancelled if number not in advance.abandoned]
    assert ended == ["fetch a", "sleep 60", "wait_signal go"]
    assert [shown[number] for number in advance.abandoned] == ["child ship b"]
    assert [shown[number] for number in advance.cancelling] == ["child ship c", "pay d"]
    run.close()


def test_a_cancelled_step_that_never_began_is_ended_by_the_host() -> None:
    """Its branch goes on as if it had ended while it was being cancelled, and the failure says that it was."""
    journal: list[str] = []

    def paying() -> Flow[None]:
        try:
            yield pay("d")
        finally:
            journal.append("cleaned up")

    def racing() -> Flow[tuple[int, object]]:
        return (yield from race(fetch("a"), paying()))

    run = Driver(racing)
    run.resolve("fetch a", "won")
    event = run.execution.end_unbegun(1, run.now, 3)

    assert (event.step, event.at, event.attempt) == (1, run.now, 3)
    assert isinstance(event.outcome, Failure)
    assert event.outcome.summary == "Cancelled"
    run.apply(event)
    assert (run.result, journal) == ((0, "won"), ["cleaned up"])
    run.check_every_prefix()
    run.close()


def test_a_step_that_is_waited_for_is_not_ended_as_cancelled(run: Driver) -> None:
    """A host that ends a step which nothing cancelled has lost count: that is a defect, and found at once."""
    with pytest.raises(InternalError, match="step 0 of workflow w-1"):
        run.execution.end_unbegun(0, run.now)


# ---------------------------------------------------------------------- seeds


def drawing() -> Flow[list[UUID]]:
    drawn = []
    for number in range(3):
        drawn.append((yield from uuid4()))
        yield fetch(number)
    return drawn


def test_a_live_run_can_be_given_a_new_seed() -> None:
    """Values drawn earlier stay, and those from the next event on come of the new seed, also on replay."""
    plain, run = Driver(drawing), Driver(drawing)
    run.resolve("fetch 0")
    run.seed = run.execution.reseed(b"another seed....")
    for driver, steps in ((plain, (0, 1, 2)), (run, (1, 2))):
        for number in steps:
            driver.resolve(f"fetch {number}")

    assert [one == other for one, other in zip(plain.result, run.result, strict=True)] == [True, True, False]
    run.check_every_prefix()
    plain.close()
    run.close()


# ---------------------------------------------------------------------- replaying is two facts


def test_a_host_may_have_an_execution_be_silent_without_a_record(run: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """A host that replays events and compares the steps itself gets them all, and nothing is logged twice."""
    caplog.clear()
    again = new_execution(run)

    issued = again.apply(Started(START), silent=True).issued
    assert ([step.name for step in issued], caplog.messages) == (["fetch"], [])

    again.apply(StepEnded(0, "null", START))
    assert caplog.messages == ["fetched"]


def test_a_recorded_event_may_be_heard(run: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """A host that looks at a history anew has its steps compared, and hears what the workflow logs."""
    run.resolve("fetch a")
    caplog.clear()
    again = run.build(2)

    advances = [again.apply(event, silent=False) for event in run.events]

    assert ([list(one.issued) for one in advances], caplog.messages) == ([[], []], ["begun", "fetched"])


def test_replay_is_silent_unless_told_otherwise(run: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """Recorded events are not logged again, and what follows them is."""
    caplog.clear()
    run.crash()
    run.resolve("fetch a")

    assert caplog.messages == ["fetched"]


# ---------------------------------------------------------------------- where a run stands


def test_a_host_sees_whether_a_run_has_begun_and_is_over() -> None:
    """`started` is true from the first event on, `over` from the last one."""

    @workflow(registry=registry)
    def short() -> Flow[None]:
        yield from sleep(1)

    run = Execution(short, {}, WorkflowInfo("w-1", "short", 1), bytes(16), codec_named("json"))
    seen = [(run.started, run.over)]
    run.apply(Started(0))
    seen.append((run.started, run.over))
    run.close()

    assert seen == [(False, False), (True, False)]


def test_a_plain_answer_is_empty(drive: Drive) -> None:
    """An event that leads to nothing of a kind says nothing of it."""

    def body() -> Flow[Any]:
        return (yield from gather(fetch("a"), fetch("b")))

    run = drive(body)
    run.resolve("fetch a")
    told = run.told[-1]

    assert told == ((), (), (), None, None, (), None)
