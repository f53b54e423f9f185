"""Attempts at activities, on each store: how far they are is written, read, undone and copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.storage import (
    FAILURE,
    PAYLOADS,
    STORES,
    act,
    begun,
    checkpoint,
    ended,
    loaded,
    make_store,
    nap,
    record_of,
    step_of,
    submission,
)
from yieldflow._core.errors import RefusedValueError
from yieldflow._core.history import Failure, Payload, Signal, StepEnded, WorkflowStatus
from yieldflow.store import Checkpoint, Continued, Current, OpenAttempt, Retried, Store


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with closing(make_store(request.param, tmp_path)) as made:
        made.commit([begun("w", 1000, act(0), act(1, "ship"), nap(2, 9000))])
        yield made


def retried(number: int = 2, step: int = 0, failure: Failure = FAILURE, **other: object) -> Checkpoint:
    """An attempt before ``number`` failed at 1500, and that is due at 2500."""
    given: dict[str, object] = {"due_at": 2500, "details": None, "counted_from": None, **other}
    return checkpoint("w", at=1500, retried=[Retried(step, failure, 1500, OpenAttempt(number, **given))])  # type: ignore[arg-type]


def beat(details: Payload, step: int = 0) -> Checkpoint:
    return checkpoint("w", at=1400, heartbeats=[(step, details)])


def test_an_open_activity_is_at_its_first_attempt(store: Store) -> None:
    """Known from the moment at which its step was issued; no sleep is among them."""
    first = OpenAttempt(1, None, None, 1000, 1000)
    assert loaded(store).attempts == {0: first, 1: first}
    assert record_of(store).current == Current("charge", 1, None, None)


def test_a_retry_that_waits(store: Store) -> None:
    """Number, due time, failure, time of the failure and details are read as written."""
    store.commit([retried(7, details='{"row": 1}', counted_from=1200)])
    assert loaded(store).attempts[0] == OpenAttempt(7, 2500, '{"row": 1}', 2500, 1200)
    step = step_of(store, 0)
    assert (step.status, step.attempt, step.due_at, step.heartbeat) == ("scheduled", 7, 2500, '{"row": 1}')
    assert (step.last_failure, step.failed_at) == (FAILURE._replace(exception=None), 1500)
    assert (step.outcome, step.finished_at, step.counted_from) == (None, None, 1200)
    assert record_of(store).current == Current("charge", 7, FAILURE.summary, 2500)
    assert record_of(store).updated_at == 1500


def test_what_an_attempt_was_is_no_part_of_the_history(store: Store) -> None:
    """The steps that a replay is compared with are as they were issued."""
    before = loaded(store).history
    store.commit([retried()])
    store.commit([beat('"x"')])
    assert loaded(store).history == before
    assert loaded(store).recorded == []


def test_known_until(store: Store) -> None:
    """The latest time that the row has: the due time, or the failure where that was due at once."""
    store.commit([retried(due_at=1400)])
    assert loaded(store).attempts[0].known_until == 1500


@pytest.mark.parametrize("text", ["", ": and more", "größe \0", "a file name \udcff that is no UTF-8"])
def test_failures_of_any_text(store: Store, text: str) -> None:
    """A failure is shown as it was, whatever is in it."""
    failure = FAILURE._replace(message=text, traceback=text, exception=None)
    store.commit([retried(failure=failure)])
    assert step_of(store, 0).last_failure == failure
    current = record_of(store).current
    assert current is not None
    assert current.last_error == failure.summary


@pytest.mark.parametrize("details", PAYLOADS, ids=range(len(PAYLOADS)))
def test_details_are_read_as_written(store: Store, details: Payload) -> None:
    """By a heartbeat as by a retry."""
    store.commit([beat(details)])
    assert loaded(store).attempts[0].details == step_of(store, 0).heartbeat == details
    store.commit([retried(step=1, details=details)])
    found = loaded(store).attempts[1].details
    assert (type(found), found) == (type(details), details)


def test_a_heartbeat_of_what_has_ended_changes_nothing(store: Store) -> None:
    """Also in the checkpoint that ends it, or where there is no such step."""
    late = [(0, '"late"'), (9, '"none"')]
    store.commit([checkpoint("w", events=[ended(0, 1300)], place=1, at=1300, heartbeats=late)])
    store.commit([beat('"later"')])
    assert step_of(store, 0).heartbeat is None


def test_a_retry_of_what_has_ended_is_refused(store: Store) -> None:
    """And so is all that was to be written with it."""
    store.commit([checkpoint("w", events=[ended(0, 1300)], place=1, at=1300)])
    before = store.steps("w")
    for wrong in (retried(), retried(step=9)):
        with pytest.raises(RefusedValueError):
            store.commit([begun("v"), wrong])
    assert store.steps("w") == before
    assert store.record("v") is None


def test_success_leaves_nothing_of_the_failures(store: Store) -> None:
    """The number of the attempt stays, and when it was due."""
    store.commit([retried(3, details='"row"')])
    store.commit([checkpoint("w", events=[ended(0, 2600, "17", 3)], place=1, at=2600)])
    step = step_of(store, 0)
    assert (step.status, step.attempt, step.outcome, step.finished_at) == ("done", 3, "17", 2600)
    assert (step.last_failure, step.failed_at, step.due_at) == (None, None, 2500)
    assert loaded(store).history.events[1] == StepEnded(0, "17", 2600, 3)
    assert 0 not in loaded(store).attempts


def test_the_last_failure_is_the_outcome(store: Store) -> None:
    """With what the exception is built from, which the ones before did not keep."""
    store.commit([retried(3, failure=FAILURE._replace(message="another"))])
    store.commit([checkpoint("w", events=[ended(0, 2600, FAILURE, 3)], place=1, at=2600)])
    step = step_of(store, 0)
    assert (step.status, step.attempt, step.outcome, step.last_failure) == ("failed", 3, FAILURE, None)


def test_an_outcome_kept_for_later(store: Store) -> None:
    """A suspended workflow's: it is read as an outcome, and no attempt is open."""
    store.commit([retried(3)])
    store.commit([checkpoint("w", recorded=[ended(0, 2600, "17", 3)], at=2600)])
    assert loaded(store).recorded == [StepEnded(0, "17", 2600, 3)]
    assert (list(loaded(store).attempts), step_of(store, 0).last_failure) == ([1], None)


def test_given_up(store: Store) -> None:
    """A step that nobody waits for any more shows no failure."""
    store.commit([retried()])
    store.commit([checkpoint("w", cancelled=[(0, 1)], at=2000)])
    step = step_of(store, 0)
    assert (step.status, step.last_failure, step.outcome, step.finished_at) == ("cancelled", None, None, 2000)


@pytest.mark.parametrize("reapply", [False, True])
def test_going_back(store: Store, reapply: bool) -> None:
    """A step that is open again is at its first attempt; an outcome that is to be applied again is as it was."""
    store.commit([retried(3, details='"row"', counted_from=1200)])
    store.commit([checkpoint("w", events=[ended(0, 2600, FAILURE, 3)], place=1, at=2600, cancelled=[(1, 1), (2, 1)])])
    store.commit([checkpoint("w", status=WorkflowStatus.FAILED, outcome=FAILURE, at=2600)])
    store.rewind("w", 1, 1, reapply=reapply, at=5000)
    step = step_of(store, 0)
    told = (step.status, step.attempt, step.outcome, step.due_at, step.heartbeat, step.counted_from)
    if reapply:
        assert told == ("failed", 3, FAILURE, 2500, '"row"', 1200)
    else:
        assert told == ("scheduled", 1, None, None, None, None)
    assert (step.last_failure, step.failed_at, step.applied) == (None, None, None)
    assert step_of(store, 2).due_at == 9000
    assert loaded(store).attempts[1] == OpenAttempt(1, None, None, 1000, 1000)


def test_copies(store: Store) -> None:
    """A copy has the steps that had ended as they were, and the others new; both stores copy the same."""
    store.commit([retried(3, details='"row"', counted_from=1200)])
    store.commit([checkpoint("w", events=[ended(0, 2600, "17", 3)], place=1, at=2600, issued=[act(3, turn=1)])])
    store.commit([retried(2, 1, details='"open"')])
    store.commit([retried(2, 3, details='"open"')])
    store.fork("w", 1, 2, submission("copy", 5000))
    kept, *fresh = (step for step in store.steps("copy") if step.step != 2)
    assert (kept.attempt, kept.outcome, kept.due_at, kept.heartbeat, kept.counted_from) == (3, "17", 2500, None, None)
    for step in fresh:
        assert (step.status, step.attempt, step.due_at, step.heartbeat) == ("scheduled", 1, None, None)
        assert (step.last_failure, step.failed_at) == (None, None)
    assert step_of(store, 2, "copy").due_at == 9000
    assert step_of(store, 1).attempt == 2


def test_the_next_run_knows_of_no_attempt(store: Store) -> None:
    """Steps and all that is known of them go with their run."""
    store.commit([retried(3, details='"row"')])
    store.commit([checkpoint("w", at=3000, continued=Continued("order", "{}", b"seed"))])
    assert (store.steps("w"), loaded(store).attempts) == ([], {})


def test_signals_do_not_disturb(store: Store) -> None:
    """One checkpoint may hold a retry, a heartbeat and a signal."""
    signal = Signal(1, "paid", "1", 1500)
    both = retried()
    both.heartbeats, both.signals = [(1, '"x"')], [signal]
    store.commit([both])
    assert (step_of(store, 0).attempt, step_of(store, 1).heartbeat, loaded(store).signals) == (2, '"x"', [signal])
