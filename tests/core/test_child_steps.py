"""A child workflow as a step of the core. Each workflow is replayed from every prefix."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.driver import Drive, fetch, registry, ship
from tests.core.small_workflows import yielding
from yieldflow import (
    EncodingError,
    Flow,
    ReplayMismatchError,
    StepKind,
    WorkflowCancelledError,
    gather,
    race,
    start,
    workflow,
)


def test_a_child_is_a_step(drive: Drive) -> None:
    """Yielding a workflow's invocation is a step with its name and arguments, and resumes with its result."""
    invocation = ship("o-1").with_options(workflow_id="w-2")
    run = drive(yielding(invocation))
    (step,) = run.steps
    assert (step.kind, step.name, run.codec.decode(step.input)) == (StepKind.CHILD, "ship", {"key": "o-1"})
    leaf = run.execution.open[0]
    assert leaf.definition is None
    assert leaf.command is invocation

    run.resolve("child ship o-1", "shipped")
    assert run.result == ["shipped"]


def test_yield_from_a_child(drive: Drive) -> None:
    """`yield from` and `yield` of a child do the same."""

    def body() -> Flow[Any]:
        return [(yield from ship("a")), (yield ship("b"))]

    run = drive(body)
    run.resolve("child ship a", "A")
    run.resolve("child ship b", "B")

    assert run.result == ["A", "B"]


def test_a_childs_failure_is_its_own_exception(drive: Drive) -> None:
    """The parent catches what the child raised, with a note that says which step it was."""

    def body() -> Flow[list[str]]:
        try:
            yield from ship("o-1")
        except KeyError as error:
            return [repr(error), *error.__notes__]
        return []

    run = drive(body)
    run.fail(0, KeyError("o-1"))

    assert run.result == ["KeyError('o-1')", "in step 0, child ship(key='o-1')"]


def test_a_cancelled_child_is_an_exception(drive: Drive) -> None:
    """A child that was cancelled from outside raises WorkflowCancelledError in the parent."""

    def body() -> Flow[str]:
        try:
            yield from ship("o-1")
        except WorkflowCancelledError as error:
            return f"caught {error}"
        return "shipped"

    run = drive(body)
    run.fail(0, WorkflowCancelledError("not wanted"))

    assert run.result == "caught not wanted"


def test_children_side_by_side(drive: Drive) -> None:
    """Children may be gathered, raced and started, also the same invocation twice."""

    def body() -> Flow[Any]:
        task = yield from start(ship("t"))
        both = yield from gather(ship("a"), ship("a"), limit=2)
        first = yield from race(ship("b"), fetch("c"))
        return [both, first, (yield from task)]

    run = drive(body)
    assert run.pending == ["child ship t", "child ship a", "child ship a"]

    run.resolve(2, "second")
    run.resolve(1, "first")
    run.resolve("child ship b", "B")
    run.resolve("child ship t", "T")
    assert run.result == [["first", "second"], (0, "B"), "T"]


def test_an_argument_of_a_child_that_cannot_be_stored(drive: Drive) -> None:
    """It is refused at the yield, where it can be caught, and is no step."""

    def body() -> Flow[str]:
        try:
            yield from ship(object())
        except EncodingError as error:
            return str(error)
        return "taken"

    run = drive(body, codec="json")

    assert "ship" in run.result
    assert run.steps == []


def test_a_workflow_may_be_its_own_child(drive: Drive) -> None:
    """The invocation of the same name is a child like any other."""

    @workflow(registry=registry)
    def recursive(level: int) -> Flow[int]:
        return (yield from recursive(level - 1)) + 1 if level else 0

    run = drive(lambda: recursive.fn(3))
    assert run.pending == ["child recursive 2"]

    run.resolve(0, 2)
    assert run.result == 3


def test_another_childs_arguments_are_a_mismatch(drive: Drive) -> None:
    """Code that calls the child otherwise than it did is noticed on replay; a default that is spelt out is not."""

    @workflow(registry=registry)
    def deliver(key: str, express: bool = False) -> Flow[None]:
        yield from fetch(key)

    run = drive(yielding(deliver("a")), replayed=False)
    run.body = yielding(deliver("a", express=False))
    run.crash()
    run.body = yielding(deliver("a", express=True))

    with pytest.raises(ReplayMismatchError, match="express=True"):
        run.crash()


def test_a_workflow_that_is_not_called_is_still_refused(drive: Drive) -> None:
    """Yielding the workflow itself instead of an invocation is refused with the line to write."""
    run = drive(yielding(ship))

    assert "workflow 'ship' was yielded without being called" in run.failure
