"""Crashes at every point: the generator is dropped, another is built from the history, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import pytest

from yieldflow import Command, Flow, Registry, activity, gather, now, random, sleep, uuid4, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def fetch(key: str) -> Any:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
def ship(address: str, items: list[str]) -> str:
    raise AssertionError("a stepper runs no activity")


# ---------------------------------------------------------------------- a small workflow, in every order


def two_steps(key: str) -> Flow[str]:
    first = yield from fetch(f"{key}1")
    second = yield from fetch(f"{key}2")
    return f"{first}+{second}"


@workflow(registry=registry)
def three_branches() -> Flow[list[Any]]:
    seen: list[str] = []

    def noting(key: str) -> Flow[str]:
        value = yield two_steps(key)
        seen.append(key)
        return value  # type: ignore[no-any-return]  # plain yield is typed Any

    values = yield from gather(noting("a"), noting("b"), noting("c"))
    return [*values, "".join(seen)]


def play(order: tuple[str, ...], *, crashes: bool) -> list[Any]:
    """The result of `three_branches` whose branches go on in the given order."""
    flow = Stepper(three_branches())
    for key in order:
        if crashes:
            flow.crash()
        (name,) = [name for name in names_of(flow.pending) if name.startswith(key)]
        flow.resolve(fetch(name), name)
    if crashes:
        flow.crash()
    return flow.result


def names_of(commands: list[Command[Any]]) -> Iterator[str]:
    for command in commands:
        yield command.arguments["key"]  # type: ignore[attr-defined]  # all are invocations of `fetch`


@pytest.mark.parametrize("order", sorted(set(permutations("aabbcc"))), ids="".join)
def test_every_order_of_completion_survives_a_crash_after_each_step(order: tuple[str, ...]) -> None:
    """In whichever order the steps of three branches end, crashes after each of them change nothing."""
    live = play(order, crashes=False)

    assert play(order, crashes=True) == live
    assert live[:3] == ["a1+a2", "b1+b2", "c1+c2"]
    # The branches came to their ends in the order in which the second of each pair was resolved.
    assert live[3] == "".join(key for at, key in enumerate(order) if key in order[:at])


# ---------------------------------------------------------------------- a bigger workflow


class OutOfStock(Exception):
    """A failure that the workflow knows."""


def reserve(item: str) -> Flow[str]:
    """Tries three times, with pauses that depend on the run's own random numbers."""
    for attempt in range(3):
        try:
            return (yield from fetch(f"reserve {item} {attempt}"))  # type: ignore[no-any-return]  # an activity of Any
        except ConnectionError:
            yield from sleep(1 + (yield from random()))
    raise OutOfStock(item)


def look_up(customer: str) -> Flow[dict[str, Any]]:
    name, address = yield from gather(fetch(f"name of {customer}"), fetch(f"address of {customer}"))
    return {"name": name, "address": address}


@workflow(registry=registry)
def order(customer: str, items: list[str]) -> Flow[dict[str, Any]]:
    order_id = yield from uuid4()
    begun = yield from now()
    who = yield look_up(customer)
    reserved: list[str] = []
    missing: list[str] = []
    for item in items:
        try:
            reserved.append((yield reserve(item)))
        except OutOfStock as error:
            missing.append(str(error))
    try:
        parcel, _, invoice = yield gather(ship(who["address"], reserved), sleep(30), reserve("invoice"), limit=2)
    except ValueError as error:
        parcel, invoice = f"not shipped: {error}", None
    took = (yield from now()) - begun
    return {
        "id": str(order_id),
        "who": who["name"],
        "missing": missing,
        "parcel": parcel,
        "invoice": invoice,
        "seconds": took.total_seconds(),
    }


def answer(flow: Stepper[Any], command: Command[Any], shipped: bool) -> None:
    """The world's answer to a pending command."""
    shown = repr(command)
    if shown.startswith("sleep"):
        flow.resolve(command)
    elif "reserve apple 0" in shown or "reserve cherry" in shown:
        flow.fail(command, ConnectionError("no connection"))
    elif shown.startswith("ship") and not shipped:
        flow.fail(command, ValueError("no such address"))
    else:
        flow.resolve(command, f"<{shown}>")


def run(choose: Callable[[int], int], crash_after: Callable[[int], bool], *, shipped: bool) -> tuple[Any, list[str]]:
    """Drive `order` to its end.

    Args:
        choose: Given how many steps are pending, the one to end next.
        crash_after: Whether there is a crash after the step of that number.
        shipped: Whether the shipping succeeds.

    Returns:
        The result, and what was pending after each step.
    """
    flow = Stepper(order("Ada", ["apple", "banana", "cherry"]))
    seen = [repr(flow.pending)]
    while flow.pending:
        answer(flow, flow.pending[choose(len(flow.pending))], shipped)
        if crash_after(len(seen)):
            flow.crash()
        seen.append(repr(flow.pending))
    return flow.result, seen


ORDERS: dict[str, Callable[[int], int]] = {
    "first issued first": lambda count: 0,
    "last issued first": lambda count: count - 1,
    "from the middle": lambda count: count // 2,
}


@pytest.mark.parametrize("choice", ORDERS)
@pytest.mark.parametrize("shipped", [True, False], ids=["shipped", "not shipped"])
def test_a_crash_after_every_step_changes_nothing(choice: str, shipped: bool) -> None:
    """A workflow of helpers, gathers, retries, sleeps and random numbers ends alike, step for step."""
    live = run(ORDERS[choice], lambda step: False, shipped=shipped)

    assert run(ORDERS[choice], lambda step: True, shipped=shipped) == live
    assert live[0]["missing"] == ["cherry"]
    assert live[0]["parcel"].startswith("<ship" if shipped else "not shipped: no such address")


@pytest.mark.parametrize("crash_at", range(1, 16))
def test_a_single_crash_changes_nothing_wherever_it_falls(crash_at: int) -> None:
    """One crash, after any one step, and the workflow still ends alike."""
    live = run(ORDERS["last issued first"], lambda step: False, shipped=True)

    assert len(live[1]) == 16
    assert run(ORDERS["last issued first"], lambda step: step == crash_at, shipped=True) == live


def test_a_crash_before_anything_has_happened_changes_nothing() -> None:
    """A workflow that has only begun begins again the same way."""
    flow = Stepper(order("Ada", []))
    before = flow.pending
    flow.crash()
    flow.crash()

    assert flow.pending == before == [fetch("name of Ada"), fetch("address of Ada")]


def test_a_crash_after_the_end_changes_nothing() -> None:
    """A workflow that has ended has ended."""
    flow = Stepper(order("Ada", []))
    while flow.pending:
        flow.resolve(flow.pending[0], None if flow.pending[0] == sleep(30) else "Utrecht")
    result = flow.result
    flow.crash()

    assert (flow.done, flow.result) == (True, result)


def test_a_crash_runs_no_cleanup() -> None:
    """A `finally` runs when its block is left, once, and not because a process died and another went on."""
    cleaned: list[str] = []

    @workflow(registry=registry)
    def tidy() -> Flow[None]:
        try:
            yield from fetch("a")
            yield from fetch("b")
        finally:
            cleaned.append("tidied up")

    flow = Stepper(tidy(), replay=False)
    flow.crash()
    flow.resolve(fetch("a"), None)
    flow.crash()
    flow.crash()
    assert cleaned == []

    flow.resolve(fetch("b"), None)
    assert cleaned == ["tidied up"]


def test_the_cost_of_replay_grows_with_the_history_alone() -> None:
    """A workflow drives its own code once for each recorded step when it is rebuilt, and never again after that."""
    passes: list[int] = []

    @workflow(registry=registry)
    def counting() -> Flow[int]:
        for number in range(200):
            yield from fetch("same")
            passes.append(number)
        return len(passes)

    flow = Stepper(counting(), replay=False)
    for _ in range(100):
        flow.resolve(None)
    flow.crash()
    assert passes == [*range(100), *range(100)]

    for _ in range(100):
        flow.resolve(None)
    assert passes == [*range(100), *range(200)]
