"""The time that a workflow is given: it counts from the start, and ends the workflow wherever it is."""

from __future__ import annotations

from tests.support import places
from tests.support.engine import SECOND, START, Answer, Host, submission
from tests.support.places import (
    RESUME,
    Place,
    a_second_later,
    desk,
    everything_done,
    everywhere,
    naps,
    resident,
    to_be_built,
)
from yieldflow import StorageError, WorkflowAlreadyExistsError
from yieldflow.scheduler.messages import Submit

#: The definitions of the session that `host` begins.
LAB = places.LAB


def test_time_of_a_failed_submission_is_not_held_against_the_next(host: Host) -> None:
    """If a submission with a timeout fails, a later one of the same id without a timeout has all the time it needs."""
    message, answer = host.asking(desk(), ids=["w"])
    new = message.submissions[0]._replace(deadline_at=host.now + 60 * SECOND)
    host.store.failing_commits = 1
    host.turn(message._replace(submissions=[new]))
    assert isinstance(answer.error, StorageError)
    host.advance(1)
    resident(host)
    host.advance(120)
    host.signal("w", "in", "stop")
    assert host.status("w") == "done"


def out_of_time(host: Host) -> tuple[Submit, Answer]:
    """Return a submission whose time is over before its turn, without a poll for clients meanwhile."""
    message, answer = host.asking(naps(), ids=["w"])
    new = message.submissions[0]._replace(deadline_at=host.now + 1)
    host.now += 2
    return message._replace(submissions=[new]), answer


def test_time_is_over_before_the_first_turn(host: Host) -> None:
    """A workflow begins although its time is over by then, and ends by a checkpoint of its own."""
    message, answer = out_of_time(host)
    host.settle(message)
    assert (answer.given, answer.error) == (True, None)
    assert (host.status("w"), host.output("w")) == (
        "failed",
        "WorkflowTimeoutError: workflow 'naps' did not end within 1e-06 s",
    )


def test_time_that_is_over_is_not_held_against_another(host: Host) -> None:
    """If a client took the id first, its workflow goes on, whatever the time limit of the other."""
    host.turn()
    host.store.submit([submission(desk(), "w", host.now)])
    message, answer = out_of_time(host)
    host.turn(message)
    assert isinstance(answer.error, WorkflowAlreadyExistsError)
    host.settle()
    assert (host.status("w"), host.record("w").name) == ("processing", "desk")


@everywhere
def test_time_runs_out_wherever_it_is(host: Host, place: Place) -> None:
    """A workflow that has a timeout fails when its time is up, wherever it is; a suspended one when it is resumed."""
    given = host.asking

    def with_timeout(*args: object, **kwargs: object) -> object:
        message, answer = given(*args, **kwargs)  # type: ignore[arg-type]  # handed on
        until = host.now + 600 * SECOND
        return message._replace(submissions=[new._replace(deadline_at=until) for new in message.submissions]), answer

    host.asking = with_timeout  # type: ignore[assignment, method-assign]  # the same, with a deadline
    if place.put is to_be_built:
        host.store.submit([submission(desk(), "w", host.now)._replace(deadline_at=host.now + 600 * SECOND)])
    else:
        place.put(host)
    host.advance(599 - (host.now - START) / SECOND)
    assert host.status("w") in ("processing", "suspended")
    if host.status("w") == "suspended":
        host.advance(10)
        host.ask("w", RESUME)
    everything_done(host)
    host.advance(1)
    a_second_later(host)
    # It is counted from the start, where that is delayed.
    given_time = 540.0 if host.record("w").starts_at else 600.0
    out_of_time = f"WorkflowTimeoutError: workflow 'desk' did not end within {given_time} s"
    assert (host.status("w"), host.output("w")) == ("failed", out_of_time)
