"""Code that changed under a workflow: what is noticed on replay, and that nothing is lost by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.deployment import Deployment, charge, reference, ship
from tests.core.source_lines import line_of
from yieldflow import Flow, Registry, ReplayMismatchError, gather, race, sleep, workflow
from yieldflow.testing import Stepper, replay

# ---------------------------------------------------------------------- what is noticed


def other_activity() -> Flow[str]:
    yield from ship("o-1")
    yield from sleep(60)
    return "shipped"


def other_argument() -> Flow[str]:
    yield from charge("o-1", 600)
    yield from sleep(60)
    return "shipped"


def other_kind() -> Flow[str]:
    yield from sleep(60)
    yield from sleep(60)
    return "shipped"


def other_length() -> Flow[str]:
    yield from charge("o-1", 500)
    yield from sleep(61)
    return "shipped"


def one_more() -> Flow[str]:
    yield from gather(charge("o-1", 500), ship("o-0"))
    yield from sleep(60)
    return "shipped"


def ends_early() -> Flow[str]:
    yield from charge("o-1", 500)
    return "shipped"


def ends_at_once() -> Flow[str]:
    yield from ()
    return "shipped"


def raises_early() -> Flow[str]:
    yield from charge("o-1", 500)
    raise ValueError("out of stock")


def issued_earlier() -> Flow[str]:
    yield from gather(charge("o-1", 500), sleep(60))
    return "shipped"


@pytest.mark.parametrize(
    ("new", "step", "recorded", "yielded", "hint"),
    [
        (other_activity, 0, "activity charge(order='o-1', cents=500)", "activity ship(order='o-1')", ""),
        (other_argument, 0, "activity charge(order='o-1', cents=500)", "activity charge(order='o-1', cents=600)", ""),
        (other_kind, 0, "activity charge(order='o-1', cents=500)", "sleep(seconds=60.0)", ""),
        (other_length, 1, "sleep(seconds=60.0)", "sleep(seconds=61.0)", ""),
        (
            one_more,
            1,
            "sleep(seconds=60.0)",
            "activity ship(order='o-0')",
            "It was recorded after outcome 1, and came after outcome 0 (0: the start).",
        ),
        (
            issued_earlier,
            1,
            "sleep(seconds=60.0)",
            "sleep(seconds=60.0)",
            "It was recorded after outcome 1, and came after outcome 0 (0: the start).",
        ),
        (ends_early, 1, "sleep(seconds=60.0)", "nothing", "The workflow ended here."),
        (ends_at_once, 0, "activity charge(order='o-1', cents=500)", "nothing", "The workflow ended here."),
    ],
)
def test_a_change_of_what_is_recorded_is_noticed(
    new: Callable[[], Flow[str]], step: int, recorded: str, yielded: str, hint: str
) -> None:
    """Another activity, argument, kind or length, a step more, less, earlier: each is a mismatch with both sides."""
    message = Deployment(reference, "receipt").mismatch_on(new)
    lines = message.splitlines()

    assert lines[0] == f"workflow 'selling' (stepped) no longer does what its history records, at step {step}:"
    assert lines[1].startswith(f"  recorded: {recorded}")
    assert lines[2].startswith(f"  yielded:  {yielded}")
    assert lines[3:-1] == ([f"  {hint}"] if hint else [])
    assert lines[-1].startswith("Bring the recorded order of steps back")


def both() -> Flow[Any]:
    yield from gather(charge("o-1"), sleep(60))
    yield from ship("o-1")


def raises_after_the_first() -> Flow[Any]:
    yield from race(charge("o-1"), sleep(60))
    raise ValueError("out of stock")


@pytest.mark.parametrize(
    ("old", "outcomes", "new", "where"),
    [
        (reference, ["receipt"], raises_early, "here"),
        (both, ["receipt", None], raises_after_the_first, "before it"),
    ],
    ids=["before a recorded step", "before a recorded outcome"],
)
def test_the_failure_that_ended_a_replay_is_shown(
    old: Callable[[], Flow[Any]], outcomes: list[str | None], new: Callable[[], Flow[Any]], where: str
) -> None:
    """New code that fails before it has done all that is recorded: the message has its exception, with the line."""
    message = Deployment(old, *outcomes).mismatch_on(new)

    assert f"The workflow ended {where}, with\n" in message
    assert "ValueError: out of stock" in message
    file, _, number = line_of(new, "raise ValueError").rpartition(":")
    assert f'File "{file}", line {number}, in {new.__name__}' in message


def test_both_sides_are_shown_with_their_lines() -> None:
    """The message leads to the line that yielded when it was recorded, and to the line that yields now."""
    message = Deployment(reference, "receipt").mismatch_on(other_argument)

    assert f"recorded: activity charge(order='o-1', cents=500) at {line_of(reference, 'charge')}" in message
    assert f"yielded:  activity charge(order='o-1', cents=600) at {line_of(other_argument, 'charge')}" in message


def test_the_line_is_that_of_the_innermost_helper() -> None:
    """A step in a helper is shown with the helper's line, by `yield` or by `yield from`."""

    def paying(cents: int) -> Flow[None]:
        yield from charge("o-1", cents)

    def through_both(cents: int) -> Flow[None]:
        yield paying(cents)

    def old() -> Flow[None]:
        yield through_both(500)

    def new() -> Flow[None]:
        yield from through_both(600)

    message = Deployment(old).mismatch_on(new)

    assert message.count(line_of(paying, "yield from charge")) == 2


def test_an_outcome_that_nobody_waits_for_any_more_is_noticed() -> None:
    """Code that ends before a recorded outcome is a mismatch, and not a workflow that is done."""

    def old() -> Flow[None]:
        yield from gather(charge("o-1"), ship("o-1"))
        yield from sleep(1)

    message = Deployment(old, "receipt", "parcel").mismatch_on(ends_at_once)

    assert "recorded: activity charge(order='o-1')" in message
    assert "yielded:  nothing" in message


def test_an_outcome_of_a_cancelled_step_is_noticed() -> None:
    """Code that cancels a step whose outcome is recorded is a mismatch that says so."""

    def old() -> Flow[Any]:
        return (yield from gather(charge("o-1"), sleep(60), return_exceptions=True))

    def new() -> Flow[Any]:
        try:
            return (yield from gather(charge("o-1"), sleep(60)))
        except ValueError:
            return "failed"

    deployment = Deployment(old)
    deployment.flow.fail(charge("o-1"), ValueError("declined"))
    deployment.flow.resolve(sleep(60))
    message = deployment.mismatch_on(new)

    assert "at step 1:" in message
    assert "recorded: sleep(seconds=60.0)" in message
    assert "Outcome 2 is that of this step. The workflow ended before it." in message


def test_swapped_members_of_a_gather_are_noticed() -> None:
    """The order of the members of a gather is recorded as well."""

    def old() -> Flow[Any]:
        return (yield from gather(charge("o-1"), ship("o-1")))

    def new() -> Flow[Any]:
        return (yield from gather(ship("o-1"), charge("o-1")))

    message = Deployment(old).mismatch_on(new)

    assert "recorded: activity charge(order='o-1')" in message
    assert "yielded:  activity ship(order='o-1')" in message


def test_a_step_more_than_is_recorded_is_noticed() -> None:
    """A gather that gained a member does not match: the new step was never recorded."""

    def old() -> Flow[Any]:
        return (yield from gather(charge("o-1")))

    def new() -> Flow[Any]:
        return (yield from gather(charge("o-1"), ship("o-1")))

    message = Deployment(old).mismatch_on(new)

    assert "at step 1:" in message
    assert "recorded: nothing" in message
    assert f"yielded:  activity ship(order='o-1') at {line_of(new, 'yield from')}" in message


def test_a_removed_member_of_a_gather_is_noticed() -> None:
    """A gather that lost its last member does not match."""

    def old() -> Flow[Any]:
        return (yield from gather(charge("o-1"), ship("o-1")))

    def new() -> Flow[Any]:
        return (yield from gather(charge("o-1")))

    message = Deployment(old).mismatch_on(new)

    assert "recorded: activity ship(order='o-1')" in message
    assert "yielded:  nothing" in message
    assert "Nothing was yielded here." in message


def test_a_step_moved_to_a_later_turn_is_noticed() -> None:
    """A step that was issued at once and now comes after another outcome is a mismatch, though steps are the same."""

    def old() -> Flow[Any]:
        return (yield from gather(charge("o-1"), ship("o-1")))

    def new() -> Flow[Any]:
        yield from charge("o-1")
        yield from ship("o-1")

    message = Deployment(old, "receipt", "parcel").mismatch_on(new)

    assert "recorded: activity ship(order='o-1')" in message
    assert "yielded:  nothing" in message


def test_arguments_that_are_pickled_are_shown_too() -> None:
    """Arguments that are stored as a pickle are shown in the message all the same."""

    def old() -> Flow[Any]:
        return (yield from charge(("o-1", 1)))

    def new() -> Flow[Any]:
        return (yield from charge(("o-1", 2)))

    message = Deployment(old).mismatch_on(new)

    assert "recorded: activity charge(order=('o-1', 1))" in message
    assert "yielded:  activity charge(order=('o-1', 2))" in message


def test_arguments_that_the_workflow_no_longer_takes_are_noticed() -> None:
    """A workflow whose parameter was renamed does not match those in flight, and the message says what to do."""
    local = Registry()

    @workflow(registry=local)
    def greeting(name: str) -> Flow[str]:
        yield from sleep(1)
        return f"hello {name}"

    flow = Stepper(greeting("world"))

    @workflow(name="greeting", registry=local)
    def renamed(who: str) -> Flow[str]:
        yield from sleep(1)
        return f"hello {who}"

    with pytest.raises(ReplayMismatchError, match="no longer takes the arguments that it was submitted with"):
        replay(renamed, flow.history)


# ---------------------------------------------------------------------- nothing is lost


def test_a_mismatch_ends_when_the_code_is_put_right() -> None:
    """After a mismatch the workflow is where it was: with the right code it goes on to its end."""
    deployment = Deployment(reference, "receipt")
    deployment.mismatch_on(other_argument)
    deployment.mismatch_on(ends_early)
    deployment.crash_on(reference)
    assert deployment.flow.pending == [sleep(60)]

    deployment.flow.resolve()
    deployment.flow.resolve("parcel")
    assert deployment.flow.result == "shipped"


def test_a_mismatch_cannot_be_caught_by_the_workflow() -> None:
    """A workflow that catches everything does not swallow a mismatch: it is no error of its own."""

    def greedy() -> Flow[str]:
        try:
            yield from charge("o-1", 600)
        except BaseException:
            yield from sleep(60)
        return "swallowed"

    assert "cents=600" in Deployment(reference, "receipt").mismatch_on(greedy)
