"""`activity_context` under another host than the orchestrator: no store, no pool of threads, no scheduler."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest

from tests.support import tasks
from yieldflow import Activity, ActivityContext, AttemptInfo, EncodingError, MisplacedCallError, Registry, activity
from yieldflow import activity_context as current
from yieldflow._core.history import Codec, Failure, Payload
from yieldflow.codec import codec_named
from yieldflow.workers import ContextHolder, provide_context
from yieldflow.workers.attempt import SizeLimits, run

CODEC: Codec = codec_named("pickle")


class HandMadeHost:
    """Runs activities one after the other, as a worker of another engine would, and keeps what they report."""

    def __init__(self, limit: int | None = None) -> None:
        self.limits = SizeLimits(result=limit, details=limit)
        self.cancelled = False
        self.beats: list[object] = []

    def beat(self, details: Payload) -> None:
        self.beats.append(CODEC.decode(details))

    def run(self, function: Callable[..., Any], details: object = None, **arguments: object) -> object:
        """Run a function as an activity; its result, or the failure."""
        definition: Activity[..., Any] = activity(function, registry=Registry())
        info = AttemptInfo("order-1", run=2, step=3, activity=definition.name, attempt=4, idempotency_key="key-1")
        before = None if details is None else CODEC.encode(details)
        context = ActivityContext(info, CODEC, self, before, self.limits.details)

        def run_here() -> object:
            provide_context(ContextHolder(context))
            return run(definition, CODEC.encode(arguments), None, CODEC, self.limits).outcome

        outcome = copy_context().run(run_here)
        return outcome if isinstance(outcome, Failure) else CODEC.decode(outcome)  # type: ignore[arg-type]


def test_an_activity_knows_what_its_host_says() -> None:
    """Ids, the number of the attempt and the key are those that the host gives."""
    assert HandMadeHost().run(tasks.who_am_i) == ("order-1", 3, 4, "who_am_i", "key-1")


def test_heartbeats_reach_the_host() -> None:
    """The host hears each heartbeat, and its own details of the attempt before are what the activity goes on from."""
    host = HandMadeHost()

    def count_on() -> int:
        first: int = current().heartbeat_details
        for row in range(first, 5):
            current().heartbeat(row)
        return first

    assert host.run(count_on, details=3) == 3
    assert host.beats == [3, 4]


def test_the_host_cancels() -> None:
    """An activity sees at once that its host does not want it any more."""
    host = HandMadeHost()

    def look_twice() -> list[bool]:
        before = current().cancelled
        host.cancelled = True
        return [before, current().cancelled]

    assert host.run(look_twice) == [False, True]


@pytest.mark.parametrize(("limit", "stored"), [(None, True), (2_000, True), (100, False)])
def test_the_host_says_how_large_values_may_be(limit: int | None, stored: bool) -> None:
    """Results and details of heartbeats are refused where they take more bytes than the host has said."""
    host = HandMadeHost(limit)

    def report() -> str:
        current().heartbeat("x" * 1_000)
        return "reported"

    def fetch() -> str:
        return "x" * 1_000

    for large in (fetch, report):
        outcome = host.run(large)
        assert isinstance(outcome, Failure) is not stored
        if isinstance(outcome, Failure):
            assert outcome.type_name.endswith(EncodingError.__name__)
            assert "at most 100" in outcome.message


def test_no_context_remains() -> None:
    """After the activity, and beside it in other threads, there is no context: `activity_context` is refused."""
    refusals: list[str] = []

    def ask() -> None:
        with pytest.raises(MisplacedCallError) as refused:
            current()
        refusals.append(str(refused.value))

    def start_a_thread() -> None:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()

    assert HandMadeHost().run(start_a_thread) is None
    ask()
    assert len(refusals) == 2


def test_what_an_attempt_left_behind_has_no_context() -> None:
    """Once the host empties the holder, tasks and callbacks that the attempt left behind find no context."""
    info = AttemptInfo("order-1", run=1, step=0, activity="left", attempt=1, idempotency_key="key-1")
    holder = ContextHolder(ActivityContext(info, CODEC, HandMadeHost()))
    left = copy_context()
    left.run(provide_context, holder)
    assert left.run(current).attempt == 1

    holder.context = None

    with pytest.raises(MisplacedCallError):
        left.run(current)
