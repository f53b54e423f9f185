"""A workflow in every place where it may be: in memory, out of it, delayed, suspended, stalled or on trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import pytest

from tests.support.engine import NOTICED, SECOND, Host, Lab, WatchedStore, submission
from yieldflow import Flow, Registry, Workflow, activity, gather, sleep, wait_signal, workflow
from yieldflow.store import RequestKind

LAB = Lab()
work, fail = LAB.work, LAB.fail
SIGNAL, CANCEL, TERMINATE = RequestKind.SIGNAL, RequestKind.CANCEL, RequestKind.TERMINATE
SUSPEND, RESUME = RequestKind.SUSPEND, RequestKind.RESUME


@workflow(registry=LAB.registry)
def desk(busy: str = "") -> Flow[list[object]]:
    """Receive signals until one says stop."""
    if busy:
        yield work(busy)
    got: list[object] = []
    while (item := (yield from wait_signal("in"))) != "stop":
        got.append(item)
    return got


@workflow(registry=LAB.registry)
def tidy(*labels: str) -> Flow[str]:
    try:
        yield gather(*map(work, labels), sleep(3600))
    finally:
        LAB.performed.append("plain cleanup")
        yield work("cleanup")
    return "not cancelled"


@workflow(registry=LAB.registry)
def naps() -> Flow[None]:
    yield sleep(3600)


@workflow(registry=LAB.registry)
def pair() -> Flow[list[object]]:
    return list((yield from gather(work("a"), wait_signal("in"))))


@activity(registry=LAB.registry, on_cancel="wait")
def pay(label: str) -> str:
    LAB.performed.append(label)
    return label


@workflow(registry=LAB.registry)
def pays() -> Flow[str]:
    return (yield from pay("money"))


# ---------------------------------------------------------------------- the places


class Place(NamedTuple):
    """A place where a workflow may be, with what puts it there and what lets it go on."""

    put: Callable[[Host], None]
    free: Callable[[Host], None]


def nothing(host: Host) -> None:
    pass


def resident(host: Host) -> None:
    host.submit(desk(), "w")
    host.settle()


def dormant(host: Host) -> None:
    resident(host)
    host.restart()


def evicted(host: Host) -> None:
    resident(host)
    for _ in range(9):
        host.advance(10)


def delayed(host: Host) -> None:
    host.submit(desk(), "w", delay=60)
    host.settle()


def delayed_after_a_restart(host: Host) -> None:
    delayed(host)
    host.restart()


def suspended(host: Host) -> None:
    resident(host)
    host.ask("w", SUSPEND)
    assert host.status("w") == "suspended"


def suspended_and_evicted(host: Host) -> None:
    suspended(host)
    for _ in range(9):
        host.advance(10)


def suspended_after_a_restart(host: Host) -> None:
    suspended(host)
    host.restart()


def suspended_before_its_start(host: Host) -> None:
    delayed(host)
    host.ask("w", SUSPEND)
    host.restart()


def resumed(host: Host) -> None:
    host.ask("w", RESUME)
    host.advance(60)


def stalled(host: Host) -> None:
    host.submit(desk("busy"), "w")
    host.settle(host.do())
    host.restart(Registry())
    host.signal("w", "in", "wakes it")
    assert host.status("w") == "stalled"


def put_right(host: Host) -> None:
    host.registry.add(cast("Workflow[..., object]", desk))
    host.register(host.registry, "desk")


def to_be_built(host: Host) -> None:
    host.store.submit([submission(desk(), "w", host.now)])
    host.store.failing_loads = 1
    host.now += NOTICED
    host.turn()
    assert host.record("w").started_at is None


def a_second_later(host: Host) -> None:
    host.advance(1)


def on_probation(host: Host) -> None:
    host.turn(host.asking(desk("first"), desk("busy"), ids=["first", "w"])[0])
    for _ in range(6):
        host.restart()
    assert [task.workflow_id for task in host.tasks] == ["first"]


def everything_done(host: Host) -> None:
    while host.tasks:
        host.settle(host.do())


PLACES = {
    place.put.__name__: place
    for place in (
        Place(resident, nothing),
        Place(dormant, nothing),
        Place(evicted, nothing),
        Place(delayed, lambda host: host.advance(60)),
        Place(delayed_after_a_restart, lambda host: host.advance(60)),
        Place(suspended, resumed),
        Place(suspended_and_evicted, resumed),
        Place(suspended_after_a_restart, resumed),
        Place(suspended_before_its_start, resumed),
        Place(to_be_built, a_second_later),
        Place(on_probation, everything_done),
    )
}
STALLED = Place(stalled, put_right)
everywhere = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
by_whom = pytest.mark.parametrize("by", ["owner", "client"])


def asked(host: Host, by: str, kind: RequestKind, value: object = None, name: str | None = None) -> Exception | None:
    """Ask it of "w", as owner or client; return the error, if any."""
    if by == "owner":
        answer = host.ask("w", kind, value, name)
        if not answer.given:
            a_second_later(host)
        assert answer.given
        return answer.error
    host.store.ask([host.request("w", kind, value, name)])
    host.advance(NOTICED / SECOND)
    return None


def unhandled(store: WatchedStore) -> int:
    """Return the number of requests that wait in the store."""
    store.reopen()
    return len(store.arrivals().requests)
