"""`set_progress` tells the host at once. Each workflow is also replayed from every prefix of its history."""

from __future__ import annotations

from typing import Any

from tests.core.driver import Drive, fetch
from yieldflow import (
    EncodingError,
    Flow,
    gather,
    set_progress,
)


def test_progress_is_told_at_once(drive: Drive) -> None:
    """set_progress resumes with None, is no step, and the event's answer has the value as it is stored."""

    def body() -> Flow[Any]:
        nothing = yield set_progress({"done": 0})
        yield from fetch("a")
        yield set_progress({"done": 1})
        return nothing

    run = drive(body, codec="json")
    assert (run.told[-1].progress, run.pending) == ('{"done":0}', ["fetch a"])

    run.resolve("fetch a")
    assert (run.told[-1].progress, run.result) == ('{"done":1}', None)


def test_the_last_progress_of_a_turn_counts(drive: Drive) -> None:
    """Several calls in one turn leave the last value; a turn without one leaves none."""

    def body() -> Flow[None]:
        for number in range(3):
            yield from set_progress(number)
        yield from fetch("a")
        yield from fetch("b")

    run = drive(body, codec="json")
    assert run.told[-1].progress == "2"

    run.resolve("fetch a")
    assert run.told[-1].progress is None


def test_none_is_a_progress(drive: Drive) -> None:
    """A progress may be taken back by None, which is told like any value."""

    def body() -> Flow[None]:
        yield from set_progress(None)
        yield from fetch("a")

    assert drive(body, codec="json").told[-1].progress == "null"


def test_progress_that_cannot_be_stored(drive: Drive) -> None:
    """It is refused at the yield, where it can be caught; the progress stays as it was."""

    def body() -> Flow[str]:
        yield from set_progress("begun")
        try:
            yield from set_progress(object())
        except EncodingError as error:
            return str(error)
        return "taken"

    run = drive(body, codec="json")

    assert "object" in run.result
    assert run.told[-1].progress == '"begun"'


def test_progress_is_a_copy(drive: Drive) -> None:
    """Changing the value afterwards does not change the progress that was told."""

    def body() -> Flow[None]:
        steps = [1]
        yield from set_progress(steps)
        steps.append(2)
        yield from fetch("a")

    assert drive(body, codec="json").told[-1].progress == "[1]"


def test_progress_holds_what_it_was_given(drive: Drive) -> None:
    """set_progress that is never yielded is reported, and it alone; in a gather it may stand as any command."""

    def body() -> Flow[Any]:
        set_progress("forgotten")
        return (yield from gather(set_progress("half"), fetch("a")))

    run = drive(body, codec="json", replayed=False)
    assert run.told[-1].progress == '"half"'
    assert len(run.advance.unyielded) == 1

    run.resolve("fetch a", "A")
    assert run.result == [None, "A"]
