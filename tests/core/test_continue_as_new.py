"""`continue_as_new` begins the next run. Each workflow is also replayed from every prefix of its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.driver import Drive, careful, clean_up, fetch, registry, ship
from yieldflow import (
    CommandError,
    EncodingError,
    Flow,
    ReplayMismatchError,
    continue_as_new,
    gather,
    race,
    sleep,
    start,
    wait_for,
    workflow,
)
from yieldflow._core.history import Continuation


@workflow(registry=registry)
def looping(turn: int, items: list[int] | None = None) -> Flow[int]:
    yield from sleep(1)
    return (yield from continue_as_new(looping(turn + 1)))


def test_the_next_run_is_asked_for(drive: Drive) -> None:
    """The run is over without an end: the host hears the workflow and the arguments of the next run."""
    run = drive(lambda: looping.fn(1), codec="json")
    assert not run.execution.over

    run.resolve("sleep 1")
    assert run.told[-1].continuation == Continuation("looping", '{"turn":2}')
    assert (run.execution.over, run.execution.end, run.told[-1].ended, run.pending) == (True, None, None, [])


def test_another_workflow_may_follow(drive: Drive) -> None:
    """The next run may be another workflow's."""

    def body() -> Flow[None]:
        yield continue_as_new(ship("o-1"))

    run = drive(body, codec="json")

    assert run.told[-1].continuation == Continuation("ship", '{"key":"o-1"}')


def test_nothing_is_applied_after_it(drive: Drive) -> None:
    """A run that is over takes no event any more."""
    run = drive(lambda: looping.fn(1), replayed=False)
    run.resolve("sleep 1")

    with pytest.raises(ReplayMismatchError):
        run.cancel("too late")


def test_no_line_runs_after_it(drive: Drive) -> None:
    """The generators are closed: plain Python in a `finally` runs, commands in it are not heard."""
    journal: list[str] = []

    def helper() -> Flow[None]:
        try:
            yield from continue_as_new(ship("next"))
            journal.append("went on")
        except Exception:
            journal.append("caught")
        finally:
            journal.append("helper")

    def body() -> Flow[None]:
        try:
            yield helper()
            journal.append("went on")
        finally:
            journal.append("workflow")
            yield from clean_up("too late")

    run = drive(body, replayed=False)

    assert (run.status, run.steps, journal) == ("continued", [], ["helper", "workflow"])
    assert not run.advance.unyielded


def test_its_tasks_are_waited_for(drive: Drive) -> None:
    """As at a return, the next run begins when the tasks of this one have ended."""

    def body() -> Flow[None]:
        yield from start(fetch("t"))
        yield from continue_as_new(ship("next"))

    run = drive(body, codec="json")
    assert (run.status, run.pending, run.execution.over) == ("processing", ["fetch t"], False)

    run.resolve("fetch t")
    assert (run.told[-1].continuation, run.execution.over) == (Continuation("ship", '{"key":"next"}'), True)


def test_an_unseen_failure_goes_before_it(drive: Drive) -> None:
    """As at a return, the failure of a task that nobody saw fails the workflow: there is no next run."""

    def body() -> Flow[None]:
        yield from start(fetch("t"))
        yield from continue_as_new(ship("next"))

    run = drive(body)
    run.fail("fetch t")

    assert run.failure == "ValueError: fetch t lost"
    assert run.told[-1].continuation is None


def test_a_request_goes_before_it(drive: Drive) -> None:
    """A workflow that is cancelled while it waits for its tasks, before the next run, ends as cancelled."""

    def body() -> Flow[None]:
        yield from start(careful("t"))
        yield from continue_as_new(ship("next"))

    run = drive(body)
    run.cancel("enough")
    run.resolve("clean_up t")

    assert (run.status, run.told[-1].continuation) == ("cancelled", None)


def helping() -> Flow[None]:
    yield from continue_as_new(ship("next"))


ROOTS: dict[str, Callable[[], Any]] = {
    "directly": lambda: continue_as_new(ship("next")),
    "in a helper": helping,
}

ELSEWHERE: dict[str, Callable[[], Any]] = {
    "in a gather": lambda: gather(continue_as_new(ship("next"))),
    "in a race": lambda: race(continue_as_new(ship("next")), fetch("never")),
    "in wait_for": lambda: wait_for(continue_as_new(ship("next")), 5),
    "in a branch of a gather": lambda: gather(helping()),
    "in a branch of a race": lambda: race(helping()),
    "in a branch of wait_for": lambda: wait_for(helping(), 5),
}


@pytest.mark.parametrize("where", ROOTS)
def test_the_workflow_itself_may_continue(drive: Drive, where: str) -> None:
    """The workflow, and a helper that it waits in, may go over to the next run."""

    def body() -> Flow[Any]:
        yield from fetch("a")
        yield ROOTS[where]()

    run = drive(body)
    run.resolve("fetch a")

    assert run.status == "continued"


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_branch_may_not_continue(drive: Drive, where: str) -> None:
    """A branch cannot end the run of all: it is refused with an error that can be caught, and says so."""

    def body() -> Flow[str]:
        try:
            yield ELSEWHERE[where]()
        except CommandError as error:
            return str(error)
        return "taken"

    run = drive(body)

    assert "continue_as_new" in run.result
    assert (run.status, run.told[-1].continuation, run.pending) == ("done", None, [])


def test_a_task_may_not_continue(drive: Drive) -> None:
    """A started helper is a branch too; the command itself cannot be started either."""

    def body() -> Flow[list[str]]:
        refusals = []
        for make in (helping, lambda: continue_as_new(ship("next"))):
            try:
                task: Any = yield start(make())
                yield task
            except CommandError as error:
                refusals.append(str(error))
        return refusals

    run = drive(body)

    assert len(run.result) == 2
    assert all("continue_as_new" in one for one in run.result)


@pytest.mark.parametrize("what", [fetch("a"), ship, sleep(1), None, "ship"], ids=str)
def test_only_a_workflow_called_can_follow(what: Any) -> None:
    """Anything but a workflow's invocation is a TypeError at the call with the line to write."""
    with pytest.raises(TypeError, match=r"continue_as_new\("):
        continue_as_new(what)


def test_arguments_that_cannot_be_stored(drive: Drive) -> None:
    """They are refused at the yield, where that can be caught, and the run goes on."""

    def body() -> Flow[str]:
        try:
            return (yield from continue_as_new(ship(object())))
        except EncodingError as error:
            return str(error)

    run = drive(body, codec="json")

    assert "ship" in run.result


def test_continuing_holds_what_it_was_given(drive: Drive) -> None:
    """continue_as_new that is never yielded is reported, and the invocation in it is not."""

    def body() -> Flow[None]:
        continue_as_new(ship("next"))
        yield from fetch("a")

    run = drive(body, replayed=False)

    assert [command for command, _ in run.advance.unyielded] == ["continue_as_new(ship(key='next'))"]
