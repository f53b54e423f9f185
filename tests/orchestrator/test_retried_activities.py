"""Activities that are tried again, on real threads; and what is told of them while they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import WAIT, Gate, by_the_clock, until
from yieldflow import (
    ActivityError,
    Flow,
    Orchestrator,
    Registry,
    RetryPolicy,
    WorkflowHandle,
    activity,
    activity_context,
    gather,
    workflow,
)
from yieldflow.sqlite import SqliteStore
from yieldflow.testing.plugin import Clock

SOON = RetryPolicy(0.001, jitter=False)
LATER = RetryPolicy(3600, jitter=False)

#: Values that were read back from a pickle.
revived: list[str] = []


def revive(text: str) -> Secret:
    revived.append(text)
    return Secret(text)


class Secret:
    """Nobody who only looks may read it back."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __reduce__(self) -> tuple[Callable[[str], Secret], tuple[str]]:
        return revive, (self.text,)


@pytest.fixture
def single(orchestrator: Orchestrator, registry: Registry) -> Callable[..., WorkflowHandle[Any]]:
    """Submits a workflow that yields one function as an activity with these options."""

    def submit(function: Callable[[], object], **options: Any) -> WorkflowHandle[Any]:
        made = activity(function, name="it", registry=registry, **options)

        @workflow(registry=registry)
        def job() -> Flow[Any]:
            return (yield from made())

        return orchestrator.submit(job())

    return submit


def awaited_failure(gate: Gate, handle: WorkflowHandle[Any]) -> None:
    """Wait until a failure of the activity that came to the gate is on disk."""
    gate.await_entry()
    until(lambda: handle.describe().last_error)


# ---------------------------------------------------------------------- what an activity knows


def test_what_each_attempt_knows(single: Any) -> None:
    """Its number, and a key that is the same for all of them, and what the one before it said last."""
    seen: list[tuple[int, str, object]] = []

    def flaky() -> str:
        context = activity_context()
        seen.append((context.attempt, context.idempotency_key, context.heartbeat_details))
        context.heartbeat({"done": context.attempt})
        if context.attempt < 4:
            raise ConnectionError("reset by peer")
        return context.workflow_id

    handle = single(flaky, retry=SOON)
    assert handle.result(WAIT) == handle.id
    assert [(number, details) for number, _, details in seen] == [
        (1, None),
        (2, {"done": 1}),
        (3, {"done": 2}),
        (4, {"done": 3}),
    ]
    assert len({key for _, key, _ in seen}) == 1
    (step,) = handle.history()
    assert (step.attempt, step.status, step.last_error) == (4, "done", None)


def test_keys_differ(orchestrator: Orchestrator, registry: Registry) -> None:
    """Between the steps of a workflow, and between workflows."""

    @activity(registry=registry)
    def key() -> str:
        return activity_context().idempotency_key

    @workflow(registry=registry)
    def job() -> Flow[list[str]]:
        return list((yield from gather(key(), key(), key())))

    keys = [*orchestrator.run(job()), *orchestrator.run(job())]
    assert len(set(keys)) == 6


def test_an_activity_error_is_caught_whole(orchestrator: Orchestrator, registry: Registry) -> None:
    """As what it was raised, with what it said of retries; and nothing was tried again."""
    made: list[int] = []

    @activity(registry=registry, retry=SOON)
    def declined() -> None:
        made.append(activity_context().attempt)
        raise ActivityError("expired", retryable=False, retry_after=5)

    @workflow(registry=registry)
    def job() -> Flow[tuple[str, bool, object]]:
        try:
            yield declined()
        except ActivityError as error:
            return str(error), error.retryable, error.retry_after
        return "", True, None

    assert orchestrator.run(job()) == ("expired", False, 5)
    assert made == [1]


def test_a_predicate_that_raises(single: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The failure is final, and the log says that the predicate is broken."""
    made: list[int] = []

    def fails() -> None:
        made.append(1)
        raise ValueError("no")

    handle = single(fails, retry=RetryPolicy(non_retryable=lambda error: 1 / 0 > 1))
    with pytest.raises(ValueError, match="no"):
        handle.result(WAIT)
    assert made == [1]
    assert "non_retryable of activity 'it' raised 'ZeroDivisionError'" in caplog.text


# ---------------------------------------------------------------------- heartbeats


def test_heartbeats_in_a_tight_loop_flood_nothing(single: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty thousand of them make a few commits, and the last one is what the next attempt finds."""
    written: list[object] = []
    commit = SqliteStore.commit

    def note(self: SqliteStore, checkpoints: Any) -> None:
        written.extend(one.heartbeats for one in checkpoints if one.heartbeats)
        commit(self, checkpoints)

    monkeypatch.setattr(SqliteStore, "commit", note)

    def chatters() -> object:
        context = activity_context()
        if context.attempt == 2:
            return context.heartbeat_details
        for number in range(20_000):
            context.heartbeat(number)
        raise ConnectionError

    assert single(chatters, retry=SOON).result(WAIT) == 19_999
    assert 1 <= len(written) <= 60


def test_who_keeps_beating_keeps_living(single: Any) -> None:
    """A `heartbeat_timeout` shorter than the attempt spares attempts that beat, and fails those that do not."""

    def beats() -> int:
        context = activity_context()
        if context.attempt == 1:
            while not context.cancelled:
                pass
            # Nobody listens any more.
            context.heartbeat("late")
            return 0
        for _ in range(2_000):
            context.heartbeat("on time")
        return context.attempt

    handle = single(beats, retry=SOON, heartbeat_timeout=0.1)
    assert handle.result(WAIT) >= 2


# ---------------------------------------------------------------------- what is told


def test_what_is_told_of_a_retry_that_waits(
    single: Any, gate: Gate, orchestrator: Orchestrator, database: Path
) -> None:
    """The attempt, the last error, and when the next is due: in every view, here and in another process."""

    def fails() -> None:
        activity_context().heartbeat({"row": 17})
        gate.pass_through()
        raise ValueError("no such order")

    gate.open()
    handle = single(fails, retry=LATER)
    awaited_failure(gate, handle)
    for there in (orchestrator, Orchestrator(database, registry=Registry())):
        told = there.handle(handle.id).describe()
        assert told.next_attempt_at is not None
        assert 3590 < (told.next_attempt_at - told.created_at).total_seconds() < 3600 + WAIT
        assert (told.current_activity, told.attempt, told.last_error) == ("it", 2, "ValueError: no such order")
        (waiting,) = told.waiting_for
        assert (waiting.attempt, waiting.last_error, waiting.due_at) == (2, told.last_error, told.next_attempt_at)
        assert waiting.heartbeat == {"row": 17}
        (step,) = there.handle(handle.id).history()
        assert (step.status, step.attempt, step.last_error) == ("scheduled", 2, told.last_error)
        assert (step.due_at, step.error_message, step.finished_at) == (told.next_attempt_at, None, None)
        (listed,) = there.list_workflows()
        for status in (listed, there.get_workflow_status(handle.id)):
            assert (status["current_activity"], status["attempt"]) == ("it", 2)
            assert status["last_error"] == "ValueError: no such order"
            assert status["next_attempt_at"] == told.next_attempt_at.isoformat()


def test_what_is_told_of_a_first_attempt(single: Any, gate: Gate, orchestrator: Orchestrator) -> None:
    """Its number, and nothing that has not happened; of a workflow that has ended, nothing."""
    handle = single(gate.pass_through, retry=LATER)
    gate.await_entry()
    told = handle.describe()
    assert (told.attempt, told.last_error, told.next_attempt_at) == (1, None, None)
    assert (told.waiting_for[0].attempt, told.waiting_for[0].heartbeat) == (1, None)
    gate.open()
    handle.result(WAIT)
    status = orchestrator.get_workflow_status(handle.id)
    assert [status[key] for key in ("current_activity", "attempt", "last_error", "next_attempt_at")] == [None] * 4


def test_nothing_that_only_looks_reads_a_pickle(single: Any, gate: Gate, orchestrator: Orchestrator) -> None:
    """Details that are pickled show with their type and their repr, and are not loaded."""

    def fails() -> None:
        activity_context().heartbeat(Secret("details"))
        gate.pass_through()
        raise ValueError("no")

    gate.open()
    handle = single(fails, retry=LATER)
    awaited_failure(gate, handle)
    revived.clear()
    (waiting,) = handle.describe().waiting_for
    assert isinstance(waiting.heartbeat, dict)
    assert waiting.heartbeat["type"] == "test_retried_activities.Secret"
    handle.history()
    orchestrator.list_workflows()
    assert revived == []


def test_retrying_the_workflow_begins_with_the_first_attempt(single: Any) -> None:
    """Retrying a workflow gives its failed step as many attempts as it had at first."""
    made: list[int] = []

    def fails() -> str:
        made.append(activity_context().attempt)
        assert activity_context().heartbeat_details is None or made[-1] > 1
        activity_context().heartbeat("row")
        if len(made) < 6:
            raise ValueError("no")
        return "at last"

    handle = single(fails, retry=RetryPolicy(0.001, maximum_attempts=3))
    with pytest.raises(ValueError, match="no"):
        handle.result(WAIT)
    handle.retry()
    assert handle.result(WAIT) == "at last"
    assert made == [1, 2, 3, 1, 2, 3]


def test_a_retry_waits_through_a_restart(database: Path, registry: Registry, clock: Clock) -> None:
    """Attempts are counted on, also by the next process; what is due later waits on."""

    @activity(registry=registry)
    def it() -> int:
        attempt = activity_context().attempt
        if attempt < 3:
            raise ActivityError("busy", retry_after=3600)
        return attempt

    @workflow(registry=registry)
    def job() -> Flow[int]:
        return (yield from it().with_options(retry=RetryPolicy()))

    with Orchestrator(database, registry=registry) as first:
        handle = first.submit(job())
        until(lambda: handle.describe().attempt == 2)
    with by_the_clock(Orchestrator(database, registry=registry), clock) as second:
        again = second.handle(handle.id)
        clock.advance(1800)
        assert again.describe().attempt == 2
        clock.advance(1800)
        until(lambda: again.describe().attempt == 3)
        clock.advance(3600)
        assert again.result(WAIT) == 3


def test_as_many_at_once_as_asked(database: Path, registry: Registry, gate: Gate) -> None:
    """With `max_concurrent=1` a slow kind keeps one worker, and another kind has the others."""
    at_work: list[int] = []

    @activity(registry=registry, max_concurrent=1)
    def slow(number: int) -> int:
        at_work.append(number)
        assert len(at_work) == 1
        if number == 0:
            gate.pass_through()
        at_work.remove(number)
        return number

    @activity(registry=registry)
    def quick(number: int) -> int:
        return number

    @workflow(registry=registry)
    def slows() -> Flow[list[int]]:
        return (yield from gather(*map(slow, range(10))))

    @workflow(registry=registry)
    def quicks() -> Flow[list[int]]:
        return (yield from gather(*map(quick, range(10))))

    with Orchestrator(database, max_workers=2, registry=registry) as orchestrator:
        handle = orchestrator.submit(slows())
        gate.await_entry()
        assert orchestrator.submit(quicks()).result(WAIT) == list(range(10))
        gate.open()
        assert handle.result(WAIT) == list(range(10))
