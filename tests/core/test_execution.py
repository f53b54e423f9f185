"""`Execution` as a host sees it: an event goes in, and what it led to comes out."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.core.source_lines import line_of
from yieldflow import (
    EncodingError,
    Flow,
    InternalError,
    Registry,
    ReplayMismatchError,
    StepKind,
    WorkflowInfo,
    WorkflowStatus,
    activity,
    gather,
    get_logger,
    now,
    sleep,
    workflow,
)
from yieldflow._core.execution import End, Execution
from yieldflow._core.history import History, Started, StepEnded
from yieldflow.codec import codec_named
from yieldflow.testing import Stepper

registry = Registry()

#: A second, in the unit of the core's times.
SECOND = 1_000_000
START = 1_000 * SECOND


@activity(registry=registry)
def fetch(key: str) -> Any:
    raise AssertionError("the core runs no activity")


def execution(body: Callable[[], Flow[Any]], history: History | None = None) -> Execution:
    """One run of a workflow with that body."""

    @workflow(registry=registry)
    def with_body() -> Flow[Any]:
        return (yield from body())

    info = WorkflowInfo("w-1", "with_body", 1)
    return Execution(with_body, {}, info, bytes(16), codec_named("json"), history or History())


def ended(step: int, outcome: str = "null", at: int = START) -> StepEnded:
    return StepEnded(step, outcome, at)


def three_turns() -> Flow[str]:
    yield from gather(fetch("a"), helper("b"))
    yield from sleep(timedelta(seconds=2.5))
    return "ended"


def helper(key: str) -> Flow[None]:
    yield from fetch(key)


# ---------------------------------------------------------------------- what comes out


def test_steps_are_numbered_in_the_order_issued() -> None:
    """Each step comes out once, with its number, kind, name, arguments, turn and line."""
    run = execution(three_turns)
    first = run.apply(Started(START)).issued
    second = run.apply(ended(1)).issued
    third = run.apply(ended(0, at=START + SECOND)).issued

    assert [(step.number, step.kind, step.name, step.input, step.turn) for step in [*first, *second, *third]] == [
        (0, StepKind.ACTIVITY, "fetch", '{"key":"a"}', 0),
        (1, StepKind.ACTIVITY, "fetch", '{"key":"b"}', 0),
        (2, StepKind.SLEEP, "sleep", '{"seconds":2.5}', 2),
    ]
    assert [step.source for step in [*first, *third]] == [
        line_of(three_turns, "yield from gather"),
        line_of(helper, "yield from fetch"),
        line_of(three_turns, "yield from sleep"),
    ]
    assert not second


def test_a_sleep_is_due_counted_from_the_event_that_led_to_it() -> None:
    """A sleep's due time is the time of the event plus its length; other steps have none."""
    run = execution(three_turns)
    first = run.apply(Started(START)).issued
    run.apply(ended(1))
    (step,) = run.apply(ended(0, at=START + SECOND)).issued

    assert [one.due_at for one in first] == [None, None]
    assert step.due_at == START + SECOND + 2_500_000


def test_open_steps_are_those_without_an_outcome() -> None:
    """At any time a host sees which steps are waited for, with what is to be run for each."""
    run = execution(three_turns)
    assert run.open == {}

    run.apply(Started(START))
    assert {number: leaf.definition for number, leaf in run.open.items()} == {0: fetch, 1: fetch}

    run.apply(ended(0))
    run.apply(ended(1))
    assert {number: leaf.definition for number, leaf in run.open.items()} == {2: None}

    run.apply(ended(2))
    assert run.open == {}


def test_the_end_comes_out_with_the_event_that_led_to_it() -> None:
    """The event that ends a workflow brings its status and its stored result; the others bring no end."""
    run = execution(three_turns)
    ends = [run.apply(event).end for event in (Started(START), ended(0), ended(1), ended(2))]

    assert ends == [None, None, None, End(WorkflowStatus.DONE, '"ended"')]
    assert (run.end, run.applied) == (ends[-1], 4)


def test_cancelled_steps_are_told_by_number() -> None:
    """When a gather fails, the host hears which steps are no longer waited for, from the inside out."""

    def failing() -> Flow[None]:
        yield from gather(fetch("a"), sleep(60), helper("b"), gather(fetch("c"), fetch("d")))

    run = execution(failing)
    issued = [step.input for step in run.apply(Started(START)).issued]
    failure = codec_named("json").encode_failure(ValueError("lost"))
    advance = run.apply(StepEnded(2, failure, START))

    assert issued == ['{"key":"a"}', '{"seconds":60.0}', '{"key":"c"}', '{"key":"d"}', '{"key":"b"}']
    assert advance.cancelled == [3, 0, 1, 4]
    assert run.open == {}
    assert advance.end is not None
    assert advance.end.status is WorkflowStatus.FAILED


def test_steps_issued_in_vain_are_told_as_cancelled_at_once() -> None:
    """A gather with a member that cannot begin issues and at once cancels the steps of the members before it."""

    def failing() -> Flow[None]:
        yield gather(fetch("a"), 5)  # type: ignore[call-overload]  # the mistake

    advance = execution(failing).apply(Started(START))

    assert [step.number for step in advance.issued] == advance.cancelled == [0]


def test_commands_never_yielded_come_out_with_their_lines() -> None:
    """A host hears of forgotten yields as text, and goes on."""

    def careless() -> Flow[None]:
        fetch("forgotten")
        yield from fetch("a")

    run = execution(careless)
    advance = run.apply(Started(START))

    assert advance.unyielded == [("fetch(key='forgotten')", line_of(careless, "forgotten"))]
    assert not run.apply(ended(0)).unyielded


# ---------------------------------------------------------------------- time


def test_time_never_goes_back() -> None:
    """An event that is dated before the last one, by a clock that was set back, does not turn back now()."""

    def looking() -> Flow[list[str]]:
        times = [(yield from now())]
        for _ in range(2):
            yield from fetch("a")
            times.append((yield from now()))
        return [str(time) for time in times]

    run = execution(looking)
    for event in (Started(START), ended(0, at=START - 5 * SECOND), ended(1, at=START + 1)):
        run.apply(event)

    begin = datetime.fromtimestamp(1_000, UTC)
    times = [begin, begin, begin + timedelta(microseconds=1)]
    assert run.end == End(WorkflowStatus.DONE, codec_named("json").encode([str(time) for time in times]))


# ---------------------------------------------------------------------- replay


def recorded(body: Callable[[], Flow[Any]], *events: Started | StepEnded) -> History:
    """The history on disk after a workflow with that body has gone through ``events``."""
    run = execution(body)
    steps = [step for event in events for step in run.apply(event).issued]
    return History(events, steps)


def test_replay_leads_to_where_the_workflow_was() -> None:
    """An execution built from a history has the same open steps, and goes on with the next number."""
    again = execution(three_turns, recorded(three_turns, Started(START), ended(0)))
    again.replay()
    assert (list(again.open), again.applied, again.end) == ([1], 2, None)

    advance = again.apply(ended(1))
    assert [step.number for step in advance.issued] == [2]


def test_replay_issues_nothing_again() -> None:
    """Recorded steps do not come out as new: an open step is the recorded one, due when it was due."""
    events, steps, *_ = recorded(three_turns, Started(START), ended(0), ended(1))
    on_disk = [step._replace(source=f"before_the_edit.py:{step.number}") for step in steps]
    again = execution(three_turns, History(events, on_disk))
    again.replay()

    assert [leaf.step for leaf in again.open.values()] == [on_disk[2]]


def test_a_recorded_value_that_cannot_be_read_is_no_failure_of_the_workflow() -> None:
    """A damaged outcome raises from replay: it is not thrown into the workflow, which might catch it."""

    def forgiving() -> Flow[str]:
        try:
            yield from fetch("a")
        except Exception:
            return "swallowed"
        return "fine"

    good = recorded(forgiving, Started(START), ended(0))
    again = execution(forgiving, History((good.events[0], ended(0, "{damaged")), good.steps))

    with pytest.raises(EncodingError, match="damaged"):
        again.replay()


def test_a_mismatch_is_shown_though_the_recorded_arguments_cannot_be_read() -> None:
    """A mismatch over damaged recorded arguments still shows the rest of both sides."""
    events, steps, *_ = recorded(three_turns, Started(START), ended(0))
    damaged = [step._replace(name="other", input="{damaged") for step in steps]

    with pytest.raises(ReplayMismatchError) as caught:
        execution(three_turns, History(events, damaged)).replay()

    assert "recorded: activity other(<arguments that cannot be read back>) at " in str(caught.value)
    assert "yielded:  activity fetch(key='a') at " in str(caught.value)


def test_an_outcome_of_a_step_that_is_not_open_is_refused() -> None:
    """A host must not apply an outcome twice, nor to a step that there is not."""
    run = execution(three_turns)
    run.apply(Started(START))
    run.apply(ended(0))

    for step in (0, 7):
        with pytest.raises(ReplayMismatchError, match=f"at step {step}:"):
            run.apply(ended(step))


def test_a_workflow_starts_once() -> None:
    """Starting a workflow twice is a defect of the host."""
    run = execution(three_turns)
    run.apply(Started(START))

    with pytest.raises(InternalError, match="workflow w-1 was started twice"):
        run.apply(Started(START))


def test_a_workflows_logger_is_silent_on_replay(caplog: pytest.LogCaptureFixture) -> None:
    """A message of a workflow through get_logger() is logged once, however often the workflow is rebuilt."""
    caplog.set_level(logging.INFO)

    @workflow(registry=registry)
    def talking() -> Flow[None]:
        logger = get_logger("talking")
        logger.info("begun")
        yield from fetch("a")
        logger.info("going on")
        yield from fetch("b")
        logger.info("ended")

    flow = Stepper(talking())
    flow.crash()
    flow.resolve(1)
    flow.crash()
    flow.crash()
    flow.resolve(2)

    assert [record.getMessage() for record in caplog.records] == ["begun", "going on", "ended"]


# ---------------------------------------------------------------------- letting go


def test_closing_ends_every_generator_from_the_inside_out() -> None:
    """close() runs the plain code of every `finally`, branches before what waits for them, and hears no command."""
    order: list[str] = []

    def noting(key: str, part: Callable[[], Flow[None]]) -> Flow[None]:
        try:
            yield part()
        finally:
            order.append(key)
            yield from fetch("too late")

    def inner() -> Flow[None]:
        yield gather(noting("branch 1", lambda: helper("a")), noting("branch 2", lambda: helper("b")))

    run = execution(lambda: noting("workflow", lambda: noting("helper", inner)))
    run.apply(Started(START))
    before = dict(run.open)
    run.close()

    assert order == ["branch 1", "branch 2", "helper", "workflow"]
    assert before.keys() == run.open.keys()


def test_closing_reaches_branches_that_clean_up() -> None:
    """A branch that was cancelled and waits for its own cleanup is closed with all that it waits for."""
    closed: list[str] = []

    def noting(key: str) -> Flow[None]:
        try:
            yield from fetch(key)
        finally:
            closed.append(key)

    def cleaning() -> Flow[None]:
        try:
            yield from fetch("b")
        finally:
            yield from gather(noting("cleanup 1"), noting("cleanup 2"))

    def failing() -> Flow[None]:
        yield from gather(fetch("a"), cleaning())

    run = execution(failing)
    run.apply(Started(START))
    run.apply(StepEnded(0, codec_named("json").encode_failure(ValueError("lost")), START))
    assert closed == []

    run.close()
    assert closed == ["cleanup 1", "cleanup 2"]


def test_closing_is_always_possible() -> None:
    """close() may come before the start, after the end, after a failed replay, and twice."""
    fresh = execution(three_turns)
    done = execution(three_turns)
    for event in (Started(START), ended(0), ended(1), ended(2)):
        done.apply(event)
    broken = execution(lambda: helper("other"), recorded(three_turns, Started(START), ended(0)))
    with pytest.raises(ReplayMismatchError):
        broken.replay()

    for run in (fresh, done, broken):
        run.close()
        run.close()


def test_closing_one_workflow_inside_another_does_not_disturb_it() -> None:
    """The commands that a closed workflow makes in its `finally` are not taken for slips of another one.

    The garbage collector may close a workflow at any moment, also while another is driven.
    """

    def tidy() -> Flow[None]:
        try:
            yield from fetch("a")
        finally:
            yield from fetch("too late")

    unwanted = execution(tidy)
    unwanted.apply(Started(START))

    def closing() -> Flow[None]:
        unwanted.close()
        yield from fetch("b")

    run = execution(closing)

    assert not run.apply(Started(START)).unyielded
    assert not run.apply(ended(0)).unyielded


def test_a_branch_that_has_ended_is_let_go() -> None:
    """A workflow that goes on for long does not keep the generators of its past."""
    past: list[weakref.ref[Any]] = []

    def remembered(helper: Flow[None]) -> Flow[None]:
        past.append(weakref.ref(helper))
        return helper

    def long() -> Flow[None]:
        yield gather(remembered(helper("a")), remembered(helper("b")))
        yield remembered(helper("c"))
        yield from fetch("d")

    run = execution(long)
    for event in (Started(START), ended(0), ended(1), ended(2)):
        run.apply(event)
    gc.collect()

    assert [generator() for generator in past] == [None, None, None]


def test_code_that_resists_being_closed_is_let_go() -> None:
    """A `finally` that raises when the generator is closed troubles nobody."""

    def resisting() -> Flow[None]:
        try:
            yield from fetch("a")
        finally:
            raise RuntimeError("not now")

    run = execution(resisting)
    run.apply(Started(START))
    run.close()
