"""A host of the scheduler that does otherwise than the orchestrator: timers, children and attempts in its own hands."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.support.engine import CODEC, START, Desk, Lab, submission
from yieldflow import Flow, activity, gather, sleep, workflow
from yieldflow.clock import Reading
from yieldflow.scheduler.hooks import Hooks
from yieldflow.scheduler.messages import Message, RequestReceived, StepResolved, Submit, no_reply
from yieldflow.scheduler.scheduler import Scheduler
from yieldflow.scheduler.timers import NO_TIMERS
from yieldflow.store import Request, RequestKind
from yieldflow.testing.memory import MemoryStore

LAB = Lab()
registry = LAB.registry


@activity(registry=registry, max_concurrent=1)
def alone(label: str) -> str:
    return label


@workflow(registry=registry)
def child() -> Flow[str]:
    return (yield from LAB.work("child"))


@workflow(registry=registry)
def parent() -> Flow[str]:
    return (yield from child())


@workflow(registry=registry)
def sleeper() -> Flow[str]:
    yield from sleep(0)
    return (yield from LAB.work("awake"))


@workflow(registry=registry)
def many() -> Flow[list[str]]:
    return (yield from gather(*map(alone, "ab")))


@workflow(registry=registry)
def failing() -> Flow[None]:
    yield from sleep(0)
    raise ValueError("no such order")


class Silent(Hooks):
    starts_children = False
    limits_concurrency = False

    def ended(self, *_: object) -> None:
        """Log nothing."""


class Driven:
    """A scheduler with hooks, and workers that do nothing."""

    def __init__(self) -> None:
        self.store, self.desk = MemoryStore(), Desk(lambda attempt: None)
        self.scheduler = Scheduler(self.store, self.desk, CODEC, registry, lambda news: None, hooks=Silent())

    def turn(self, *messages: Message, timers: bool = False) -> None:
        """A turn, and those that follow from it."""
        self.scheduler.turn(messages, Reading.same(START), until=None if timers else NO_TIMERS)
        while self.scheduler.has_follow_ups:
            self.scheduler.turn((), Reading.same(START), until=NO_TIMERS)

    def status(self, workflow_id: str) -> str | None:
        record = self.store.record(workflow_id)
        return None if record is None else record.status.value


@pytest.fixture
def driven() -> Iterator[Driven]:
    made = Driven()
    yield made
    made.scheduler.close()


def test_a_child_that_the_host_keeps_ends_as_the_host_says(driven: Driven) -> None:
    """With starts_children=False a child is not begun, nor on disk; a StepResolved ends the step."""
    driven.turn(Submit([submission(parent(), "p-1")], no_reply))
    assert (driven.store.record("p-1:1:0"), driven.desk.tasks) == (None, [])

    driven.turn(StepResolved(("p-1", 1, 0), CODEC.encode("by another host")))
    assert driven.status("p-1") == "done"


def test_a_suspended_workflow_hears_of_a_resolved_step_when_it_is_resumed(driven: Driven) -> None:
    """Outcomes that a host gives are kept like those of activities."""
    driven.turn(Submit([submission(parent(), "p-1")], no_reply))
    driven.turn(RequestReceived(Request("p-1", RequestKind.SUSPEND, START), no_reply))
    driven.turn(StepResolved(("p-1", 1, 0), CODEC.encode("by another host")))
    assert driven.status("p-1") == "suspended"

    driven.turn(RequestReceived(Request("p-1", RequestKind.RESUME, START), no_reply))
    assert driven.status("p-1") == "done"


def test_timers_go_off_only_where_the_host_says(driven: Driven) -> None:
    """A turn with until=NO_TIMERS leaves what is due alone, and the next turn without it brings it."""
    driven.turn(Submit([submission(sleeper(), "s-1")], no_reply))
    driven.turn()
    assert driven.desk.tasks == []

    driven.turn(timers=True)
    assert [attempt.definition.name for attempt in driven.desk.tasks] == ["work"]


def test_a_host_may_have_all_attempts_at_once(driven: Driven) -> None:
    """With limits_concurrency=False, max_concurrent holds no attempt back."""
    driven.turn(Submit([submission(many(), "m-1")], no_reply))

    assert len(driven.desk.tasks) == 2


def test_a_host_may_keep_the_log_silent(driven: Driven, caplog: pytest.LogCaptureFixture) -> None:
    """Overriding a hook keeps its events out of the log; with the orchestrator's own hooks a failure is logged."""
    with caplog.at_level(logging.WARNING):
        driven.turn(Submit([submission(failing(), "f-1")], no_reply))
        driven.turn(timers=True)

    assert (driven.status("f-1"), caplog.messages) == ("failed", [])
