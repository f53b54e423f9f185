"""Code or values that do not fit stall a workflow, with the reason; put right, it goes on with nothing lost."""

from __future__ import annotations

from typing import cast

import pytest

from tests.support.engine import CODEC, NOTICED, SECOND, Host, Lab, WatchedStore, rows, submission
from tests.support.flows import make_chain, make_fan, make_nap
from yieldflow import Flow, Registry, Workflow, workflow
from yieldflow._core.history import Payload

LAB = Lab()
work, fail = LAB.work, LAB.fail
chain = make_chain(LAB)
fan = make_fan(LAB)
nap = make_nap(LAB)


def code(definition: object) -> Registry:
    """A registry with that one workflow."""
    registry = Registry()
    registry.add(cast("Workflow[..., object]", definition))
    return registry


# ---------------------------------------------------------------------- changed code


def test_mismatch_stalls_and_goes_on_when_put_right(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """Changed code stalls a workflow, with both sides shown; put right and registered again, it finishes."""

    @workflow(name="chain")
    def changed(*labels: str) -> Flow[str]:
        return (yield from work("another"))

    host.submit(chain("a", "b"), "w")
    host.settle(host.do())
    host.told.clear()
    registry = code(changed)
    host.crash(registry)
    assert host.status("w") == "stalled"
    assert [(ended.status.value, ended.reason) for ended in host.told] == [("stalled", host.reason("w"))]
    reason = host.reason("w").splitlines()
    assert "'chain' (w)" in reason[0]
    assert "recorded: activity work(label='a') at " in reason[1]
    assert "flows.py:" in reason[1]
    assert "yielded:  activity work(label='another') at " in reason[2]
    assert "test_stalled_workflows.py:" in reason[2]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert host.tasks == []
    registry.add(cast("Workflow[..., object]", chain))
    host.register(registry, "chain")
    host.finish("w")
    assert (host.output("w"), LAB.performed) == (["A", "B"], ["a", "b"])
    assert host.record("w").reason is None


def test_still_stalled_after_a_restart_if_still_wrong(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """A stalled workflow whose code is still wrong stays as it is over many restarts, and goes on after the mending."""

    @workflow(name="chain")
    def changed(*labels: str) -> Flow[str]:
        return (yield from work("another"))

    host.submit(chain("a", "b"), "w")
    host.settle(host.do())
    registry = code(changed)
    host.crash(registry)
    before = rows(host.store)
    caplog.clear()
    host.told.clear()
    for number in range(15):
        if number % 2:
            host.stop()
        host.crash(registry)
    assert rows(host.store) == before
    # Told to those who wait for it in that session, and logged no more.
    assert {(ended.workflow_id, ended.status.value) for ended in host.told} == {("w", "stalled")}
    assert caplog.records == []
    host.crash(LAB.registry)
    host.finish("w")
    assert (host.output("w"), LAB.performed) == (["A", "B"], ["a", "b"])


def test_stalls_again_with_the_reason_of_now(host: Host) -> None:
    """A stalled workflow that is changed again, and wrong in another way, shows what is wrong now."""

    @workflow(name="chain")
    def changed(*labels: str) -> Flow[str]:
        return (yield from work("another"))

    host.submit(chain("a"), "w")
    host.crash(code(changed))
    host.crash(Registry())
    assert "no workflow named 'chain' is registered" in host.reason("w")


def test_leftover_history_stalls(host: Host) -> None:
    """Code that ends before its history does stalls the workflow, and shows which step is left over."""

    @workflow(name="chain")
    def shortened(*labels: str) -> Flow[list[str]]:
        return [(yield from work(labels[0]))]

    host.submit(chain("a", "b", "c"), "w")
    host.settle(host.do())
    host.crash(code(shortened))
    assert host.status("w") == "stalled"
    assert "at step 1" in host.reason("w")
    assert "recorded: activity work(label='b')" in host.reason("w")
    assert "yielded:  nothing" in host.reason("w")


def test_changed_parameters_stall_before_the_start_and_go_on(host: Host) -> None:
    """A workflow that waits for its start while its parameters change stalls, and starts when they are put right."""

    @workflow(name="chain")
    def renamed(*, words: list[str]) -> Flow[str]:
        return (yield from work(words[0]))

    host.submit(chain("a"), "w", delay=60)
    host.crash(code(renamed))
    host.advance(60)
    assert host.status("w") == "stalled"
    assert "no longer takes the arguments" in host.reason("w")
    host.crash(LAB.registry)
    host.finish("w")
    assert host.output("w") == ["A"]


@pytest.mark.parametrize("way", ["found at the start", "added by a client", "submitted"])
def test_unregistered_workflow_waits_for_its_registration(host: Host, store: WatchedStore, way: str) -> None:
    """A workflow whose code is not registered stalls, with what is registered, and goes on when its code is."""
    other = code(nap)
    if way == "found at the start":
        host.submit(chain("a"), "w")
        host.crash(other)
    else:
        host.crash(other)
        if way == "submitted":
            host.submit(chain("a"), "w")
        else:
            store.submit([submission(chain("a"), "w", host.now)])
            host.advance(NOTICED / SECOND)
    assert host.status("w") == "stalled"
    assert "no workflow named 'chain' is registered" in host.reason("w")
    assert "'nap'" in host.reason("w")
    other.add(cast("Workflow[..., object]", chain))
    host.register(other, "chain")
    host.finish("w")
    assert host.output("w") == ["A"]


def test_woken_workflows_go_on_in_their_order(host: Host) -> None:
    """Workflows that wait for a registration go on in the order in which they stalled."""
    ids = [f"w{number}" for number in range(50)]
    host.turn(host.asking(*map(chain, ids), ids=ids)[0])
    other = Registry()
    host.crash(other)
    other.add(cast("Workflow[..., object]", chain))
    host.register(other, "chain")
    assert [task.workflow_id for task in host.tasks] == ids


def test_result_that_arrives_while_stalled_is_not_lost(host: Host, store: WatchedStore) -> None:
    """A result that arrives while its workflow is stalled is kept for it: the activity is not done again."""

    @workflow(name="fan")
    def changed(*labels: str) -> Flow[str]:
        return (yield from work("another"))

    registry = code(fan)
    host.start(registry)
    host.submit(fan("a", "b", "c"), "w")
    registry.add(cast("Workflow[..., object]", changed))
    store.failing_commits = 1
    host.settle(host.do("a"))
    host.advance(1)
    assert host.status("w") == "stalled"
    host.settle(host.do("b"))
    registry.add(cast("Workflow[..., object]", fan))
    host.register(registry, "fan")
    host.finish("w")
    assert (host.output("w"), LAB.performed) == (["A", "B", "C"], ["a", "b", "c"])


class Fragile:
    """A value that cannot be read back while ``broken``."""

    broken = False

    def __reduce__(self) -> tuple[object, ...]:
        return _revive, ()


def _revive() -> str:
    if Fragile.broken:
        raise LookupError("the module of this value is gone")
    return "revived"


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> Payload:
    """A payload that cannot be read back until `Fragile` is mended."""
    payload = CODEC.encode(Fragile())
    monkeypatch.setattr(Fragile, "broken", True)
    return payload


@pytest.mark.parametrize("disk", ["works", "fails", "refuses"])
def test_result_that_cannot_be_read_is_not_lost(host: Host, store: WatchedStore, fragile: Payload, disk: str) -> None:
    """A result that cannot be read back stalls the workflow; mended and registered again, it goes on with that result.

    The activities are not done again, neither that one nor the other whose result arrived with it.
    """
    host.submit(fan("a", "b"), "w")
    store.failing_commits = disk == "fails"
    store.refused = {"w"} if disk == "refuses" else set()
    host.turn(host.do("a"), host.do("b")._replace(outcome=fragile))
    host.advance(1)
    assert host.status("w") == "stalled"
    assert "the module of this value is gone" in host.reason("w")
    store.refused = set()
    Fragile.broken = False
    host.register(LAB.registry, "fan")
    assert (host.output("w"), LAB.performed) == (["A", "revived"], ["a", "b"])
