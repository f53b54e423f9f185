"""Makes a failing plan small: whatever can be left out so that the same promise is still broken, is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from .plan import Call, Plan
from .programs import Program

T = TypeVar("T")

SMALLEST: Program = ["sequence"]


def shrunk(plan: Plan, fails: Callable[[Plan], bool], tries: int = 2_000) -> Plan:
    """The smallest plan that is found within so many tries.

    Args:
        plan: It fails.
        fails: Whether a plan fails in the same way.
        tries: How often that is asked.
    """
    left = tries
    smaller = True
    while smaller and left > 0:
        smaller = False
        for candidate in _candidates(plan):
            left -= 1
            if fails(candidate):
                plan, smaller = candidate, True
                break
            if left <= 0:
                break
    return plan


def _candidates(plan: Plan) -> Iterator[Plan]:
    """Plans with less in them, the boldest first."""
    for flow in plan.flows if len(plan.flows) > 1 else ():
        calls = _without_flow(plan.calls, flow.id)
        yield replace(plan, flows=tuple(one for one in plan.flows if one is not flow), calls=calls)
    if plan.registered_at:
        yield replace(plan, registered_at=0.0)
    if plan.forgetful:
        yield replace(plan, forgetful=False)
    if plan.visits:
        yield replace(plan, visits=plan.visits - 1)
    yield from (replace(plan, faults=fewer) for fewer in _without(plan.faults))
    # All are submitted in the end; what else is called may be left out.
    submits = tuple(call for call in plan.calls if call.kind == "submit")
    others = [call for call in plan.calls if call.kind != "submit"]
    yield from (replace(plan, calls=(*submits, *fewer)) for fewer in _without(others))
    for at, flow in enumerate(plan.flows):
        for program in smaller(flow.program):
            flows = (*plan.flows[:at], flow._replace(program=program), *plan.flows[at + 1 :])
            yield replace(plan, flows=flows)
    for at, call in enumerate(plan.calls):
        simpler = [call._replace(at=0.0), call._replace(outside=False)]
        simpler += [call._replace(delay=None), call._replace(timeout=None), call._replace(others=())]
        simpler += [call._replace(name="")] if call.kind == "submit" else []
        for one in simpler:
            if one != call:
                yield replace(plan, calls=(*plan.calls[:at], one, *plan.calls[at + 1 :]))
    for at, fault in enumerate(plan.faults):
        earlier = [fault._replace(at=when) for when in (1, fault.at // 2, fault.at - 1) if 0 < when < fault.at]
        for less in [*earlier, fault._replace(size=1)]:
            if less != fault:
                yield replace(plan, faults=(*plan.faults[:at], less, *plan.faults[at + 1 :]))


def _without_flow(calls: Sequence[Call], workflow_id: str) -> tuple[Call, ...]:
    """The calls about all others."""
    left = []
    for call in calls:
        ids = [id for id in (call.workflow, *call.others) if id != workflow_id]
        if ids:
            left.append(call._replace(workflow=ids[0], others=tuple(ids[1:])))
    return tuple(left)


def _without(parts: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """Halves, quarters, ... and at last each one left out."""
    size = len(parts)
    while size:
        for at in range(0, len(parts), size):
            yield (*parts[:at], *parts[at + size :])
        size //= 2


def smaller(program: Program) -> Iterator[Program]:
    """Programs with less in them."""
    parts = list(_parts(program))
    if program != SMALLEST:
        yield SMALLEST
    yield from (part for _, part in parts)
    for at, value in enumerate(program):
        if isinstance(value, list) and not _is_program(value):
            yield from ([*program[:at], list(fewer), *program[at + 1 :]] for fewer in _without(value))
    if program[0] in ("sequence", "race"):
        fewer_parts = (list(fewer) for fewer in _without(program[1:]))
        yield from ([program[0], *fewer] for fewer in fewer_parts if fewer or program[0] == "sequence")
    for path, part in parts:
        for less in smaller(part):
            yield _with(program, path, less)
    if program[0] == "act" and program[3]:
        yield [*program[:3], 0, *program[4:]]
    if program[0] == "act" and len(program) > 4:
        yield program[:4]
    if program[0] == "child" and program[6:] == [True]:
        yield program[:6]


def _parts(program: Program) -> Iterator[tuple[tuple[int, ...], Program]]:
    for at, value in enumerate(program):
        if _is_program(value):
            yield (at,), value
        elif isinstance(value, list):
            yield from (((at, inner), part) for inner, part in enumerate(value))


def _is_program(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)


def _with(program: Program, path: tuple[int, ...], part: Program) -> Program:
    first, *rest = path
    changed = part if not rest else _with(program[first], tuple(rest), part)
    return [*program[:first], changed, *program[first + 1 :]]
