"""The options of a child: `on_parent_end`, version and timeout. Each workflow is replayed from every prefix."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

import pytest

from tests.core.driver import Drive, clean_up, fetch, registry, ship
from tests.core.small_workflows import yielding
from yieldflow import (
    Cancelled,
    Flow,
    WorkflowCancelledError,
    race,
    workflow,
)

OnParentEnd = Literal["cancel", "wait", "abandon"]

# ---------------------------------------------------------------------- what becomes of a cancelled child


def parent(on_parent_end: OnParentEnd | None) -> Callable[[], Flow[Any]]:
    """A workflow that waits for a child, and cleans up."""

    def body() -> Flow[str]:
        try:
            return (yield from ship("o-1").with_options(on_parent_end=on_parent_end))
        finally:
            yield from clean_up("o-1")

    return body


@pytest.mark.parametrize("mode", [None, "cancel"])
def test_by_default_a_child_is_cancelled_with_its_parent(drive: Drive, mode: OnParentEnd | None) -> None:
    """The host is told to cancel the child, and the parent cleans up when the child has ended."""
    run = drive(parent(mode))
    run.cancel("enough")
    assert (run.pending, run.cancelling_by_last(), run.dropped_by_last()) == (
        ["child ship o-1"],
        ["child ship o-1"],
        [],
    )

    run.fail(0, WorkflowCancelledError("enough"))
    assert run.pending == ["clean_up o-1"]

    run.resolve("clean_up o-1")
    assert run.status == "cancelled"


def test_a_child_may_be_waited_for(drive: Drive) -> None:
    """With "wait" the child is left alone and waited for; its result is dropped."""
    run = drive(parent("wait"))
    run.cancel("enough")
    assert (run.pending, run.cancelling_by_last(), run.dropped_by_last()) == (["child ship o-1"], [], [])

    run.resolve(0, "shipped")
    run.resolve("clean_up o-1")
    assert run.status == "cancelled"


def test_a_child_may_be_abandoned(drive: Drive) -> None:
    """With "abandon" the parent no longer waits for the child, which goes on."""
    run = drive(parent("abandon"))
    run.cancel("enough")

    assert (run.pending, run.cancelling_by_last(), run.dropped_by_last()) == (["clean_up o-1"], [], ["child ship o-1"])


@pytest.mark.parametrize("mode", ["cancel", "wait", "abandon"])
def test_a_child_that_loses_a_race(drive: Drive, mode: OnParentEnd) -> None:
    """A child that loses is treated as at the parent's end: the race waits for it unless it is abandoned."""

    def body() -> Flow[Any]:
        return (yield from race(fetch("a"), ship("o-1").with_options(on_parent_end=mode)))

    run = drive(body)
    run.resolve("fetch a", "A")
    if mode != "abandon":
        assert (run.status, run.pending) == ("processing", ["child ship o-1"])
        run.resolve("child ship o-1", "shipped")

    assert (run.result, run.pending) == ((0, "A"), [])


MODES: list[OnParentEnd] = ["cancel", "wait", "abandon"]


@pytest.mark.parametrize("then", MODES)
@pytest.mark.parametrize("now_", MODES)
def test_code_that_changed_its_mind_about_a_child(drive: Drive, then: OnParentEnd, now_: OnParentEnd) -> None:
    """The record counts on replay, whatever the code says now: a child that was waited for still is."""
    run = drive(parent(then), replayed=False)
    run.cancel("enough")
    before = (run.pending, run.state.open)
    run.body = parent(now_)
    run.crash()
    assert (run.pending, run.state.open) == before

    if then != "abandon":
        run.fail(0, WorkflowCancelledError("enough"))
        run.crash()
    run.resolve("clean_up o-1")
    run.crash()
    assert run.status == "cancelled"


def test_a_cancelled_child_and_a_branch(drive: Drive) -> None:
    """A branch that waits for a cancelled child gets `Cancelled` when the child has ended, not before."""
    told: list[str] = []

    def branch() -> Flow[None]:
        try:
            yield from ship("o-1")
        except Cancelled:
            told.append("branch")
            raise

    def body() -> Flow[Any]:
        return (yield from race(fetch("a"), branch()))

    run = drive(body, replayed=False)
    run.resolve("fetch a", "A")
    assert told == []

    run.resolve("child ship o-1", "shipped")
    assert (told, run.result) == (["branch"], (0, "A"))


# ---------------------------------------------------------------------- options of a child


def test_options_are_no_part_of_equality() -> None:
    """A child's invocation with options is equal to one without, hashes like it, and is shown like it."""
    plain, other = ship("a"), ship("a").with_options(workflow_id="w-9", on_parent_end="wait", timeout=5)

    assert plain == other
    assert hash(plain) == hash(other)
    assert repr(plain) == repr(other) == "ship(key='a')"


def test_options_add_up() -> None:
    """with_options() makes a copy that keeps what was said before."""
    first = ship("a").with_options(workflow_id="w-9")
    second = first.with_options(on_parent_end="wait")

    assert (first.options.workflow_id, first.options.on_parent_end) == ("w-9", "cancel")
    assert (second.options.workflow_id, second.options.on_parent_end) == ("w-9", "wait")
    assert ship("a").options.workflow_id is None


def test_an_option_may_change_under_a_workflow(drive: Drive) -> None:
    """Options take no part in what replay compares."""
    run = drive(yielding(ship("a").with_options(timeout=5)), replayed=False)
    run.body = yielding(ship("a").with_options(workflow_id="w-9", timeout=6))
    run.crash()

    assert run.pending == ["child ship a"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"on_parent_end": "stop"}, "on_parent_end"),
        ({"workflow_id": ""}, "workflow.id"),
        ({"workflow_id": 5}, "workflow.id"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
    ],
    ids=str,
)
def test_bad_options_are_refused_at_the_call(options: dict[str, Any], named: str) -> None:
    """An option that cannot be is refused with its name."""
    with pytest.raises((TypeError, ValueError), match=named):
        ship("a").with_options(**options)


def test_a_workflow_has_a_version_and_a_timeout() -> None:
    """The definition has the version and timeout of the decorator, and one call may say otherwise."""

    @workflow(registry=registry, version="2", timeout=timedelta(minutes=1))
    def versioned() -> Flow[None]:
        yield from fetch("a")

    assert versioned.version == "2"
    assert ship.version is None
    assert versioned.options.timeout == versioned().options.timeout == 60
    assert versioned().with_options(timeout=5).options.timeout == 5
    assert ship("a").options.timeout is None


@pytest.mark.parametrize("options", [{"version": 2}, {"timeout": -1}, {"timeout": "1"}], ids=str)
def test_bad_options_are_refused_at_the_decorator(options: dict[str, Any]) -> None:
    """A version that is no string, or a timeout that is no time, is refused where it is written."""
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        workflow(name="refused", registry=registry, **options)
