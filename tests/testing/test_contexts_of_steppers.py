"""A test and the workflows that it drives share no context variables."""

from __future__ import annotations

from contextvars import Context, ContextVar
from typing import Any

from yieldflow import Flow, Registry, activity, workflow
from yieldflow.testing import Stepper, run_workflow

registry = Registry()
customer: ContextVar[str] = ContextVar("customer", default="none")


@activity(registry=registry)
def bill() -> None:
    """Stood in for."""


@workflow(registry=registry)
def serving(name: str) -> Flow[list[str]]:
    seen = [customer.get()]
    token = customer.set(name)
    try:
        yield bill()
        return [*seen, customer.get()]
    finally:
        customer.reset(token)


def test_steppers_share_no_variables_with_each_other_or_the_test() -> None:
    """Two steppers in turn, also after a crash, see what their own workflow has set; the test sees what it has set."""

    def test() -> list[Any]:
        customer.set("the test's")
        flows = [Stepper(serving(name)) for name in ("ann", "bob")]
        flows[0].crash()
        for flow in flows:
            flow.resolve(bill(), None)
        ran = run_workflow(serving("cat"), activities={bill: None}).result
        return [*(flow.result for flow in flows), ran, customer.get()]

    assert Context().run(test) == [["none", "ann"], ["none", "bob"], ["none", "cat"], "the test's"]


def test_a_stepper_that_is_dropped_leaves_its_with_in_its_own_context() -> None:
    """A workflow that is closed with its stepper sets back what it had set, and nothing of the test's."""

    def test() -> str:
        customer.set("the test's")
        flow = Stepper(serving("ann"))
        del flow
        return customer.get()

    assert Context().run(test) == "the test's"
