"""The children that a host starts for a workflow: their ids, seeds and limits, and how the parent sees their ends."""

from __future__ import annotations

import pytest

from tests.core.driver import Driver, ship
from yieldflow import Flow, WorkflowCancelledError, WorkflowInfo, gather
from yieldflow._core.children import Child, cancelled_outcome, child_of, derived_id, next_run_seed
from yieldflow._core.history import StepEnded, reseeded

PARENT = WorkflowInfo("w-1", "driven", 2)


def children(seed: bytes = bytes(16), *, info: WorkflowInfo = PARENT) -> list[Child]:
    """Those of a workflow that starts one child as it is, and one with options of its own."""

    def body() -> Flow[object]:
        own = ship("b").with_options(workflow_id="ship-b", timeout=5, on_parent_end="abandon")
        return (yield gather(ship("a"), own))

    run = Driver(body)
    found = [child_of(info, seed, leaf) for leaf in run.execution.open.values()]
    run.close()
    return found


def test_a_child_s_id_is_made_of_its_parent_s_or_given() -> None:
    """The id names the parent, its run and its step, so that no other child has it, unless the parent chose one."""
    plain, own = children()

    assert (plain.workflow_id, plain.has_given_id) == (derived_id("w-1", 2, 0), False)
    assert (own.workflow_id, own.has_given_id) == ("ship-b", True)


def test_a_child_is_described_by_its_step() -> None:
    """Name, arguments and options are those that the parent yielded."""
    plain, own = children()

    assert (plain.name, plain.input, plain.timeout, plain.on_parent_end) == ("ship", '{"key":"a"}', None, "cancel")
    assert (own.name, own.input, own.timeout, own.on_parent_end) == ("ship", '{"key":"b"}', 5, "abandon")


def test_each_child_and_each_run_has_a_seed_of_its_own() -> None:
    """Seeds derive from the parent's, the same each time, and no two are alike."""
    other = WorkflowInfo("w-1", "driven", 3)
    seeds = [child.seed for child in [*children(), *children(info=other), *children(b"another seed....")]]
    seeds += [next_run_seed(PARENT, bytes(16)), next_run_seed(other, bytes(16))]

    assert len(set(seeds)) == len(seeds)
    assert [child.seed for child in children()] == seeds[:2]


def test_the_children_of_a_fork_derive_from_its_new_seed() -> None:
    """A copy's children draw other numbers than those of the workflow that it copies."""
    first, forked = children()[0], children(reseeded(bytes(16), 3, b"a new seed......"))[0]

    assert first.seed != forked.seed


@pytest.mark.parametrize(
    ("reason", "shown"), [("no stock", "child c was cancelled: no stock"), (None, "child c was cancelled")]
)
def test_a_cancelled_child_is_an_exception_to_its_parent(reason: str | None, shown: str) -> None:
    """The parent learns which child was cancelled, and why, if that was said."""

    def body() -> Flow[str]:
        try:
            return (yield from ship("a"))
        except WorkflowCancelledError as error:
            return str(error)

    run = Driver(body)
    run.apply(StepEnded(0, cancelled_outcome(run.codec, "c", reason), run.now))

    assert run.result == shown
    run.close()
