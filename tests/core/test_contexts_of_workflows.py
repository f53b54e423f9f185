"""The context variables that a workflow sets are its own, and each branch of it has a copy, as asyncio's tasks have."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from decimal import Decimal

import pytest

from tests.core.driver import Drive, Driver, clean_up, fetch
from yieldflow import Cancelled, Flow, continue_as_new, gather, race, start

customer: ContextVar[str] = ContextVar("customer", default="none")


def third() -> str:
    """Divides as precisely as the context says."""
    return str(Decimal(1) / 3)


@contextmanager
def serving(name: str, left: list[str] | None = None) -> Iterator[None]:
    """Sets the customer, and sets back who it was before."""
    token = customer.set(name)
    try:
        yield
    finally:
        customer.reset(token)
        if left is not None:
            left.append(name)


def precise(digits: int, first: str, second: str) -> Flow[list[str]]:
    """Divides before and after a step, each time with so many digits."""
    with decimal.localcontext(prec=digits):
        yield fetch(first)
        found = [third()]
        yield fetch(second)
        return [*found, third()]


def test_what_one_workflow_sets_no_other_sees(drive: Drive) -> None:
    """Two workflows that one thread drives in turn each see the variables that they have set themselves."""

    def of(name: str) -> Callable[[], Flow[str]]:
        def serves() -> Flow[str]:
            before = customer.get()
            customer.set(name)
            yield fetch("a")
            return f"{before}, then {customer.get()}"

        return serves

    ann, bob = drive(of("ann")), drive(of("bob"))
    for run in (ann, bob):
        run.resolve("fetch a")

    assert [ann.result, bob.result] == ["none, then ann", "none, then bob"]


def test_a_decimal_context_ends_with_its_block_whatever_is_driven_meanwhile(drive: Drive) -> None:
    """`decimal.localcontext` around steps holds there, and neither in another workflow nor in who drives them."""
    few, many = drive(lambda: precise(3, "a", "b")), drive(lambda: precise(5, "a", "b"))
    between = third()
    for step in ("fetch a", "fetch b"):
        few.resolve(step)
        many.resolve(step)

    assert few.result == ["0.333"] * 2
    assert many.result == ["0.33333"] * 2
    assert between == third() == "0.3333333333333333333333333333"


def test_who_drives_a_workflow_shares_no_variables_with_it() -> None:
    """A workflow begins with no variables set, and a test that sets or looks at one never meets it there."""

    def serves() -> Flow[str]:
        before = customer.get()
        customer.set("ann")
        yield fetch("a")
        return before

    token = customer.set("the test")
    try:
        run = Driver(serves)
        run.resolve("fetch a")
        assert (run.result, customer.get()) == ("none", "the test")
        run.close()
    finally:
        customer.reset(token)


def test_what_with_entered_is_left_in_the_same_context() -> None:
    """A workflow that leaves memory within `with` undoes what it set there, and nothing of who closes it."""
    left: list[str] = []

    def serves() -> Flow[None]:
        with serving("ann", left):
            yield fetch("a")

    run = Driver(serves)
    customer_of_closing = copy_context()
    customer_of_closing.run(customer.set, "the test")
    customer_of_closing.run(run.close)

    assert (left, customer_of_closing[customer]) == (["ann"], "the test")


def test_a_replayed_workflow_sets_its_variables_again(drive: Drive) -> None:
    """After a crash a workflow finds what it had set before its last step, and nothing that came after."""

    def serves() -> Flow[list[str]]:
        seen = [customer.get()]
        customer.set("ann")
        yield fetch("a")
        seen.append(customer.get())
        customer.set("bob")
        yield fetch("b")
        return [*seen, customer.get()]

    run = drive(serves)
    run.resolve("fetch a")
    run.crash()
    run.resolve("fetch b")

    assert run.result == ["none", "ann", "bob"]


def test_a_cancelled_workflow_cleans_up_in_its_own_context(drive: Drive) -> None:
    """What `with` entered is left there too when a cancellation is thrown."""
    left: list[str] = []

    def serves() -> Flow[str]:
        try:
            with serving("ann", left):
                yield fetch("a")
        except Cancelled:
            yield clean_up("a")
        return customer.get()

    run = drive(serves, replayed=False)
    run.cancel()
    run.resolve("clean_up a")

    assert (run.result, left) == ("none", ["ann"])


def test_the_next_run_begins_with_no_variables() -> None:
    """A workflow that continues as new leaves its variables to no run after it, and its `with` undoes them there."""
    left: list[str] = []

    def serves() -> Flow[None]:
        with serving(f"after {customer.get()}", left):
            yield fetch("a")
            yield continue_as_new(run.definition())

    run = Driver(serves)
    run.resolve("fetch a")
    following = Driver(serves)

    assert (run.status, left) == ("continued", ["after none"])
    following.close()
    assert left == ["after none"] * 2
    run.close()


# ---------------------------------------------------------------------- branches


def test_branches_side_by_side_share_no_variables(drive: Drive) -> None:
    """Branches of one gather each compute with the precision that they have set themselves, and leave no trace."""

    def job() -> Flow[list[object]]:
        both = yield from gather(precise(3, "a1", "a2"), precise(5, "b1", "b2"))
        return [*both, third()]

    run = drive(job)
    for step in ("fetch a1", "fetch b1", "fetch a2", "fetch b2"):
        run.resolve(step)

    assert run.result == [["0.333"] * 2, ["0.33333"] * 2, "0.3333333333333333333333333333"]


def look(key: str) -> Flow[str]:
    """Tells the customer before and after a step, and sets another."""
    before = customer.get()
    customer.set(f"{key}'s")
    yield fetch(key)
    return f"{before}, then {customer.get()}"


def test_a_branch_begins_with_the_variables_of_who_yields_it(drive: Drive) -> None:
    """What is set around a gather, a race or a start holds in the branches, also in those that begin later."""

    def job() -> Flow[list[object]]:
        with serving("ann"):
            looks = yield from gather(look("a"), look("b"), limit=1)
        with serving("bob"):
            task = yield from start(gather(look("c"), look("d"), limit=1))
        with serving("cat"):
            raced = yield from race(look("e"))
        tasked = yield from task
        return [*looks, *tasked, raced[1], customer.get()]

    run = drive(job)
    for key in "abecd":
        run.resolve(f"fetch {key}")

    assert run.result == [
        "ann, then a's",
        "ann, then b's",
        "bob, then c's",
        "bob, then d's",
        "cat, then e's",
        "none",
    ]


def test_a_helper_is_a_part_of_the_workflow_that_yields_it(drive: Drive) -> None:
    """A helper that is not run side by side sets variables for whom it helps, as a function that is called does."""

    def job() -> Flow[list[str]]:
        first = yield look("a")
        second = yield from look("b")
        return [first, second, customer.get()]

    run = drive(job)
    for key in "ab":
        run.resolve(f"fetch {key}")

    assert run.result == ["none, then a's", "a's, then b's", "b's"]


@pytest.mark.parametrize("ended", ["closed", "cancelled"])
def test_a_branch_leaves_its_with_in_its_own_context(ended: str) -> None:
    """Of several branches that are ended within `with`, each undoes what it has set itself."""
    left: list[str] = []

    def serves(name: str) -> Flow[None]:
        with serving(name, left):
            yield fetch(name)

    def job() -> Flow[None]:
        yield gather(serves("ann"), serves("bob"))

    run = Driver(job)
    if ended == "cancelled":
        run.cancel()
    run.close()

    assert sorted(left) == ["ann", "bob"]
