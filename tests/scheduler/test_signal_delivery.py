"""Signals: kept once, received once and in order, wherever the workflow is."""

from __future__ import annotations

import pytest

from tests.support.engine import CODEC, Host, submission
from tests.support.places import CANCEL, LAB, RESUME, SIGNAL, SUSPEND, TERMINATE, desk, resident
from yieldflow import Flow, gather, take_signals, wait_signal, workflow
from yieldflow._core.history import Payload, Signal
from yieldflow.scheduler.messages import RequestReceived
from yieldflow.store import RequestKind

# ---------------------------------------------------------------------- signals that are there at the start


@pytest.mark.parametrize("way", ["owner", "client", "delayed", "restart"])
def test_signals_that_are_there_at_the_start(host: Host, way: str) -> None:
    """A workflow that is submitted with signals receives them first, and those sent later after them."""
    there = [Signal(1, "in", CODEC.encode(1), host.now), Signal(2, "in", CODEC.encode(2), host.now)]
    new = submission(desk(), "w", host.now, 60 if way == "delayed" else None)._replace(signals=there)
    if way == "client" or way == "restart":
        host.store.submit([new])
    else:
        message, answer = host.asking(desk(), ids=["w"])
        host.turn(message._replace(submissions=[new]))
        assert answer.error is None
    if way == "restart":
        host.restart()
    for item in (3, "stop"):
        host.signal("w", "in", item)
    host.advance(60)
    assert host.output("w") == [1, 2, 3]


def test_start_and_signal_are_one_commit(host: Host) -> None:
    """Starting a workflow with a signal costs one commit, with all that the workflow does with it."""
    message, _ = host.asking(desk(), ids=["w"])
    new = message.submissions[0]._replace(signals=[Signal(1, "in", CODEC.encode("stop"), host.now)])
    before = len(host.store.commits)
    host.turn(message._replace(submissions=[new]))
    assert (host.status("w"), len(host.store.commits) - before) == ("done", 1)


@pytest.mark.parametrize("kind", RequestKind)
def test_request_that_overtakes_the_answer(host: Host, kind: RequestKind) -> None:
    """A request that overtakes the answer to the submission is answered after it."""
    order: list[str] = []
    message, _ = host.asking(desk(), ids=["w"])
    request = host.request("w", kind, "stop", "in")
    host.settle(
        message._replace(reply=lambda error: order.append(f"submission {error}")),
        RequestReceived(request, lambda error: order.append(f"request {error}")),
    )
    assert order == ["submission None", "request None"]
    expected = {SIGNAL: "done", CANCEL: "cancelled", TERMINATE: "cancelled", SUSPEND: "suspended", RESUME: "processing"}
    assert host.status("w") == expected[kind]


def test_signals_wait_by_their_name(host: Host) -> None:
    """A signal goes to the step that waits for its name; those of another name are kept."""

    @workflow(registry=LAB.registry)
    def by_name() -> Flow[list[object]]:
        first = yield from wait_signal("b")
        rest = yield from gather(take_signals("a"), take_signals("b"), wait_signal("c"))
        return [first, *rest]

    host.submit(by_name(), "w")
    for name, item in (("a", 1), ("a", 2), ("c", 3), ("b", 4)):
        host.signal("w", name, item)
    assert host.output("w") == [4, [1, 2], [], 3]


@pytest.mark.parametrize(
    ("first", "expected"), [("wait", ["wait 1", "take [2, 3]"]), ("take", ["take [1, 2, 3]", "wait 4"])]
)
def test_who_asked_first_receives_first(host: Host, first: str, expected: list[str]) -> None:
    """If two branches wait for the same signals, the first gets what it wants, the second the rest."""

    def waiting() -> Flow[str]:
        return f"wait {(yield from wait_signal('a'))}"

    def taking() -> Flow[str]:
        return f"take {(yield from take_signals('a'))}"

    @workflow(registry=LAB.registry)
    def both() -> Flow[list[str]]:
        yield wait_signal("now")
        return list((yield from gather(*((waiting(), taking()) if first == "wait" else (taking(), waiting())))))

    host.submit(both(), "w")
    for name, item in (("a", 1), ("a", 2), ("a", 3), ("now", 0), ("a", 4)):
        if host.status("w") == "processing":
            host.signal("w", name, item)
    assert host.output("w") == expected


class Fragile:
    """A value that cannot be read back while ``broken``."""

    broken = False

    def __reduce__(self) -> tuple[object, ...]:
        return _revive, ()


def _revive() -> str:
    if Fragile.broken:
        raise LookupError("the module of this value is gone")
    return "revived"


@pytest.mark.parametrize("restarted", [False, True])
def test_signal_that_cannot_be_read_is_received_once(
    host: Host, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    """A signal that cannot be read back stalls the workflow; once that is mended it is received, and only once."""
    payload: Payload = CODEC.encode(Fragile())
    monkeypatch.setattr(Fragile, "broken", True)
    resident(host)
    host.settle(RequestReceived(host.request("w", SIGNAL, None, "in")._replace(payload=payload), lambda error: None))
    assert host.status("w") == "stalled"
    Fragile.broken = False
    if restarted:
        host.restart()
    else:
        host.register(LAB.registry, "desk")
    host.signal("w", "in", "stop")
    assert host.output("w") == ["revived"]
