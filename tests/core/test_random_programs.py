"""Workflows of every shape, in every order of completion, crashing anywhere: the end and the steps are the same.

A program is a tree of lists, made by hypothesis and interpreted by one generic workflow with helpers, branches,
gathers, races, limits of time and tasks. Each leaf has a number of its own, so that each command is unique.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.core.driver import Driver, Told, registry, ship
from yieldflow import (
    Cancelled,
    Flow,
    TaskCancelledError,
    activity,
    cancel,
    gather,
    now,
    patched,
    race,
    random,
    set_progress,
    sleep,
    start,
    uuid4,
    wait_for,
    wait_signal,
)
from yieldflow._core.history import StepEnded

Program = list[Any]


@activity(registry=registry)
def work(number: int, fails: bool) -> str:
    raise AssertionError("the core runs no activity")


@activity(registry=registry, on_cancel="wait")
def charge(number: int, fails: bool) -> str:
    raise AssertionError("the core runs no activity")


# ---------------------------------------------------------------------- the workflow


def interpret(program: Program) -> Flow[Any]:
    """Run ``program``, and return its result."""
    kind, *parts = program
    if kind in LEAVES:
        return (yield leaf(program))
    if kind == "look":
        yield from set_progress(kind)
        return [(yield now()), (yield from uuid4()), (yield random()), (yield patched("look"))]
    if kind == "sequence":
        return (yield from in_sequence(parts))
    if kind == "gather":
        return (yield from side_by_side(*parts))
    if kind == "race":
        return (yield from race(*map(member, parts)))
    if kind == "wait":
        return (yield from in_time(*parts))
    if kind == "task":
        return (yield from in_background(*parts))
    if kind == "catch":
        return (yield from catching(parts[0]))
    if kind == "finally":
        return (yield from cleaning_up(*parts))
    raise AssertionError(kind)


LEAVES = {"work", "charge", "sleep", "signal", "child"}


def leaf(program: Program) -> Any:
    """The command of a leaf."""
    kind, number, *rest = program
    if kind == "work":
        return work(number, *rest)
    if kind == "charge":
        return charge(number, *rest)
    if kind == "sleep":
        return sleep(number)
    if kind == "signal":
        return wait_signal(f"signal {number}")
    return ship(number).with_options(on_parent_end=rest[0])


def in_sequence(parts: list[Program]) -> Flow[list[Any]]:
    results = []
    for at, part in enumerate(parts):
        # Both ways to use a helper.
        results.append((yield from interpret(part)) if at % 2 else (yield interpret(part)))
    return results


def side_by_side(parts: list[Program], limit: int | None, keep: bool) -> Flow[list[Any]]:
    members = [member(part) for part in parts]
    if keep:
        kept = yield from gather(*members, limit=limit, return_exceptions=True)
        return [repr(one) if isinstance(one, Exception) else one for one in kept]
    return (yield from gather(*members, limit=limit))


def in_time(part: Program, seconds: float) -> Flow[Any]:
    try:
        return (yield wait_for(member(part), seconds))
    except TimeoutError:
        return "timed out"


def in_background(part: Program, meanwhile: Program, then: str) -> Flow[Any]:
    """Starts a task, does something else, and then deals with the task in one of several ways."""
    task: Any = yield start(member(part))
    result = yield interpret(meanwhile)
    if "cancel" in then:
        yield cancel(task)
    if "race" in then:
        return [result, (yield race(task, sleep(1)))]
    if "branches" in then:
        return [result, (yield gather(waiting(task), task, waiting(task)))]
    if "yield" in then:
        return [result, (yield from waiting(task)), (yield from waiting(task))]
    return result


def waiting(task: Any) -> Flow[Any]:
    try:
        return (yield task)
    except TaskCancelledError:
        return "the task was cancelled"


def member(part: Program) -> Any:
    """A leaf is a command of the gather, a gather or race one in it, and anything else a branch."""
    kind, *rest = part
    if kind in LEAVES:
        return leaf(part)
    if kind == "gather":
        parts, limit, keep = rest
        if not keep:
            return gather(*map(member, parts), limit=limit)
    if kind == "race":
        return race(*map(member, rest))
    return interpret(part)


def catching(part: Program) -> Flow[Any]:
    try:
        return (yield interpret(part))
    except Exception as error:
        return f"caught {error!r}"


def cleaning_up(part: Program, cleanup: Program) -> Flow[Any]:
    """Cleans up in any case; tells whether it was cancelled."""
    ended = "failed"
    try:
        value = yield interpret(part)
        ended = "returned"
    except Cancelled:
        ended = "cancelled"
        raise
    finally:
        yield interpret(["catch", ["sequence", cleanup, ["look"]]])
        yield interpret(["catch", ["work", f"after {ended}", False]])
    return value


# ---------------------------------------------------------------------- programs

LEAF = st.one_of(
    st.sampled_from([["work", False], ["work", False], ["work", True], ["charge", False], ["charge", True]]),
    st.sampled_from([["sleep"], ["signal"], ["look"]]),
    st.sampled_from([["child", "cancel"], ["child", "wait"], ["child", "abandon"]]),
)
THEN = ["leave", "cancel", "race", "branches", "yield", "cancel and yield", "cancel and race", "cancel and branches"]


def compose(inner: st.SearchStrategy[Program]) -> st.SearchStrategy[Program]:
    several = st.lists(inner, max_size=4)
    return st.one_of(
        several.map(lambda parts: ["sequence", *parts]),
        st.tuples(st.just("gather"), several, st.sampled_from([None, None, 1, 2]), st.booleans()).map(list),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: ["race", *parts]),
        st.tuples(st.just("wait"), inner, st.sampled_from([0, 0.5])).map(list),
        st.tuples(st.just("task"), inner, inner, st.sampled_from(THEN)).map(list),
        st.tuples(st.just("catch"), inner).map(list),
        st.tuples(st.just("finally"), inner, inner).map(list),
    )


def numbered(program: Program, numbers: Iterator[int]) -> Program:
    """``program`` with a number of its own for each leaf."""
    kind, *parts = program
    if kind in LEAVES:
        return [kind, next(numbers), *parts]
    if kind == "gather":
        return [kind, [numbered(part, numbers) for part in parts[0]], *parts[1:]]
    return [kind, *(numbered(part, numbers) if isinstance(part, list) else part for part in parts)]


PROGRAMS = st.recursive(LEAF, compose, max_leaves=16).map(lambda program: numbered(program, count(1)))
CHOICES = st.lists(st.integers(0, 9), max_size=40)
#: Before which event the workflow is cancelled, if at all.
REQUESTS = st.sampled_from([None, None, None, 0, 1, 2, 3])

# ---------------------------------------------------------------------- driving


class Life(NamedTuple):
    """A workflow as seen from outside, from its start to its end."""

    #: What was pending before each event.
    pending: list[list[str]]
    told: list[Told]
    status: str


def live(program: Program, choices: list[int], request: int | None, crashes: list[bool]) -> tuple[Driver, Life]:
    """Drive ``program`` to its end.

    Args:
        program: What the workflow does.
        choices: For each event, which of the pending steps ends; 0 where the list has run out.
        request: Before which event the workflow is cancelled; None for not at all.
        crashes: For each event, whether the process crashes before it; no where the list has run out.
    """
    driver = Driver(lambda: interpret(program))
    pending: list[list[str]] = []
    while driver.pending:
        at = len(pending)
        assert at < 1000, "it does not come to its end"
        if at < len(crashes) and crashes[at]:
            driver.crash()
        pending.append(driver.pending)
        if at == request:
            driver.cancel("enough")
            continue
        numbers = list(driver.execution.open)
        end(driver, numbers[choices[at] % len(numbers) if at < len(choices) else 0])
    return driver, Life(pending, driver.told, driver.status)


def end(driver: Driver, number: int) -> None:
    """Let a step end as the program says."""
    shown = driver.shown(driver.steps[number])
    if shown.endswith("True"):
        driver.fail(number, ValueError(shown))
    else:
        driver.resolve(number, None if shown.startswith("sleep") else f"did {shown}")


A_BRANCH_CLEANS_UP_WHILE_ANOTHER_FAILS = [
    "gather",
    [["finally", ["sleep", 1], ["work", 2, True]], ["work", 3, True], ["gather", [["work", 4, False]], None, True]],
    2,
    False,
]


@settings(max_examples=150)
@example(A_BRANCH_CLEANS_UP_WHILE_ANOTHER_FAILS, [1], None, [True] * 40)
@given(PROGRAMS, CHOICES, REQUESTS, st.lists(st.booleans(), max_size=40))
def test_any_workflow_survives_any_crashes(
    program: Program, choices: list[int], request: int | None, crashes: list[bool]
) -> None:
    """Whatever a workflow is made of and in whichever order its steps end, crashes change neither steps nor end."""
    crashing, crashed = live(program, choices, request, crashes)
    steady, lived = live(program, choices, request, [])
    crashing.close()
    steady.close()

    assert crashed == lived


@settings(max_examples=75)
@given(PROGRAMS, CHOICES, REQUESTS)
def test_any_workflow_replays_from_every_prefix(program: Program, choices: list[int], request: int | None) -> None:
    """A history cut anywhere leads to where the workflow was, and from there on to the same steps."""
    driver, _ = live(program, choices, request, [])
    try:
        driver.check_every_prefix()
    finally:
        driver.close()


@settings(max_examples=150)
@given(PROGRAMS, CHOICES, REQUESTS)
def test_any_workflow_comes_to_its_end(program: Program, choices: list[int], request: int | None) -> None:
    """No workflow waits for nothing, and each of its steps has ended once or is no longer waited for."""
    driver, life = live(program, choices, request, [])
    driver.close()
    ended = [event.step for event in driver.events if isinstance(event, StepEnded)]
    dropped = [number for told in life.told for number in told.cancelled]
    told_to_end = [number for told in life.told for number in told.cancelling]

    assert life.status in ("done", "failed", "cancelled")
    assert driver.execution.over
    assert sorted([*ended, *dropped]) == list(range(len(driver.steps)))
    # Each at most once, and then it is waited for.
    assert len(told_to_end) == len(set(told_to_end) - set(dropped))


@settings(max_examples=75)
@given(PROGRAMS, CHOICES, REQUESTS)
def test_any_workflow_can_be_let_go_of_anywhere(program: Program, choices: list[int], request: int | None) -> None:
    """However far a workflow has come, closing it hears no command and leaves nothing that complains later."""
    driver, _ = live(program, choices, request, [])
    for events in range(len(driver.events)):
        built = driver.build(events)
        built.replay()
        before = list(built.open)
        built.close()
        assert list(built.open) == before
    driver.close()
