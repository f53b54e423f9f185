"""Workflows of every shape, in every order of completion, crashing anywhere: the end and the steps are the same.

A program is a tree of lists, made by hypothesis and handed to one generic workflow as its argument. The workflow
interprets it by helpers, branches and gathers; each leaf has a number of its own, so that each command is unique.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from yieldflow import Cancelled, Command, Flow, Registry, activity, gather, now, random, sleep, uuid4, workflow
from yieldflow.testing import Stepper

registry = Registry()

Program = list[Any]


@activity(registry=registry)
def work(number: int, fails: bool) -> str:
    raise AssertionError("a stepper runs no activity")


# ---------------------------------------------------------------------- the workflow


def interpret(program: Program) -> Flow[Any]:
    """What ``program`` comes to."""
    kind, *parts = program
    if kind == "work":
        return (yield work(*parts))
    if kind == "sleep":
        yield from sleep(parts[0])
        return f"slept {parts[0]}"
    if kind == "look":
        return [(yield now()), (yield from uuid4()), (yield random())]
    if kind == "sequence":
        return (yield from in_sequence(parts))
    if kind == "gather":
        return (yield from side_by_side(*parts))
    if kind == "catch":
        return (yield from catching(parts[0]))
    if kind == "finally":
        return (yield from cleaning_up(*parts))
    raise AssertionError(kind)


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


def member(part: Program) -> Any:
    """A leaf is a command of the gather, a gather one in a gather, and anything else a branch."""
    kind, *rest = part
    if kind == "work":
        return work(*rest)
    if kind == "sleep":
        return sleep(rest[0])
    if kind == "gather":
        parts, limit, keep = rest
        if not keep:
            return gather(*map(member, parts), limit=limit)
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
        yield interpret(["catch", ["sequence", [cleanup, ["look"]]]])
        yield interpret(["catch", ["work", f"after {ended}", False]])
    return value


@workflow(registry=registry)
def running(program: Program) -> Flow[Any]:
    return (yield from interpret(program))


# ---------------------------------------------------------------------- programs

LEAF = st.one_of(
    st.sampled_from([["work", False], ["work", False], ["work", True]]), st.just(["sleep"]), st.just(["look"])
)


def compose(inner: st.SearchStrategy[Program]) -> st.SearchStrategy[Program]:
    several = st.lists(inner, max_size=4)
    return st.one_of(
        st.tuples(st.just("sequence"), several).map(list),
        st.tuples(st.just("gather"), several, st.sampled_from([None, None, 1, 2]), st.booleans()).map(list),
        st.tuples(st.just("catch"), inner).map(list),
        st.tuples(st.just("finally"), inner, inner).map(list),
    )


def numbered(program: Program, numbers: Iterator[int]) -> Program:
    """``program`` with a number of its own for each leaf."""
    kind, *parts = program
    if kind == "work":
        return ["work", next(numbers), parts[0]]
    if kind == "sleep":
        return ["sleep", next(numbers)]
    if kind == "sequence":
        return [kind, *(numbered(part, numbers) for part in parts[0])]
    if kind == "gather":
        return [kind, [numbered(part, numbers) for part in parts[0]], *parts[1:]]
    return [kind, *(numbered(part, numbers) for part in parts)]


PROGRAMS = st.recursive(LEAF, compose, max_leaves=16).map(lambda program: numbered(program, count(1)))

# ---------------------------------------------------------------------- driving


class Life(NamedTuple):
    """What can be seen of a workflow from outside, from its start to its end."""

    #: What was pending before each step, and which of it ended.
    steps: list[tuple[list[str], str]]
    status: str
    outcome: str


def live(program: Program, choices: list[int], crashes: list[bool]) -> Life:
    """Drive ``program`` to its end.

    Args:
        program: What the workflow does.
        choices: For each step, which of the pending commands ends; 0 where the list has run out.
        crashes: For each step, whether the process crashes before it; no where the list has run out.
    """
    flow = Stepper(running(program))
    steps: list[tuple[list[str], str]] = []
    while flow.pending:
        at = len(steps)
        if at < len(crashes) and crashes[at]:
            flow.crash()
        pending = flow.pending
        chosen = pending[choices[at] % len(pending) if at < len(choices) else 0]
        steps.append(([repr(command) for command in pending], repr(chosen)))
        end(flow, chosen)
    outcome = repr(flow.exception) if flow.exception is not None else repr(flow.result)
    return Life(steps, flow.status.value, outcome)


def end(flow: Stepper[Any], command: Command[Any]) -> None:
    """Let a command end as the program says."""
    shown = repr(command)
    if shown.startswith("sleep"):
        flow.resolve(command)
    elif shown.endswith("fails=True)"):
        flow.fail(command, ValueError(shown))
    else:
        flow.resolve(command, f"did {shown}")


A_BRANCH_CLEANS_UP_WHILE_ANOTHER_FAILS = [
    "gather",
    [["finally", ["sleep", 1], ["work", 2, True]], ["work", 3, True], ["gather", [["work", 4, False]], None, True]],
    2,
    False,
]


@settings(max_examples=200)
@example(A_BRANCH_CLEANS_UP_WHILE_ANOTHER_FAILS, [1], [True] * 40)
@given(PROGRAMS, st.lists(st.integers(0, 9), max_size=40), st.lists(st.booleans(), max_size=40))
def test_any_workflow_survives_any_crashes(program: Program, choices: list[int], crashes: list[bool]) -> None:
    """Whatever a workflow is made of and in whichever order its steps end, crashes change neither steps nor end."""
    assert live(program, choices, crashes) == live(program, choices, [])


@settings(max_examples=50)
@given(PROGRAMS, st.lists(st.integers(0, 9), max_size=40))
def test_any_workflow_comes_to_its_end(program: Program, choices: list[int]) -> None:
    """No workflow waits for nothing: where nothing is pending any more, it has returned or failed."""
    assert live(program, choices, []).status in ("done", "failed")
