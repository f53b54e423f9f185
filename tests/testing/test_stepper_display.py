"""What ``print(flow)`` shows, and how a debugger stops in a stepped workflow."""

from __future__ import annotations

import io
import pdb
import threading
from typing import Any

import pytest

from tests.support.stepper_shop import charge, order, parcel, pay, registry, ship
from yieldflow import Flow, gather, set_progress, sleep, start, workflow
from yieldflow.testing import Stepper


def reminding(every: float) -> Flow[None]:
    while True:
        yield from sleep(every)


@workflow(registry=registry)
def busy() -> Flow[Any]:
    yield set_progress("begun")
    yield from start(pay("o-1"))
    return (yield from gather(reminding(90), parcel("o-1"), ship("o-1"), limit=3))


def picture(flow: Stepper[Any]) -> list[str]:
    """What is shown, with one space in place of many, and without the file's lines."""
    return [" ".join(word for word in line.split() if ".py:" not in word) for line in str(flow).splitlines()]


def test_the_steps_are_shown_with_their_outcomes() -> None:
    """Each step has its number, its command, its line, its outcome, and the attempts that failed."""
    flow = Stepper(order("o-1", 500))
    flow.resolve("receipt")
    flow.signal("approve", {"by": "ann"})
    flow.signal("other", 5)
    flow.fail(ConnectionError("down"))

    assert picture(flow) == [
        "order(order_id='o-1', cents=500) processing 2026-01-01 00:00:00",
        "",
        "steps",
        "0 charge(order='o-1', cents=500) -> 'receipt'",
        "1 wait_signal('approve') -> {'by': 'ann'}",
        "2 sleep(86400) cancelled",
        "3 ship(order='o-1') attempt 1: ConnectionError: down",
        "",
        "waits for",
        "order",
        "└─ ship(order='o-1') attempt 2 in 1 s",
        "",
        "signals that nobody received",
        "other 5",
    ]
    assert "shop.py:" in str(flow)


def test_each_branch_is_shown_with_what_it_waits_for() -> None:
    """Gathers, branches, tasks and children are a tree, each branch with its line."""
    flow = Stepper(busy())
    flow.advance(3)
    flow.child(parcel("o-1"))

    shown = picture(flow)
    assert shown[shown.index("waits for") + 1 :] == [
        "busy",
        "├─ gather 0 of 3 ended",
        "│ ├─ reminding",
        "│ │ └─ sleep(90) ends in 1 min 27 s",
        "│ ├─ parcel(order_id='o-1') stepped itself: processing",
        "│ └─ ship(order='o-1')",
        "└─ task pay(order='o-1')",
        "└─ pay(order='o-1')",
    ]
    assert "progress  'begun'" in str(flow)


def test_the_end_is_shown() -> None:
    """At the end the result or the failure stands below."""
    done, failed = Stepper(order("o-1", 500)), Stepper(order("o-1", 500))
    done.resolve("receipt")
    done.advance(86400)
    failed.fail(ConnectionError("down"))

    assert picture(done)[0] == "order(order_id='o-1', cents=500) done 2026-01-02 00:00:00, 1 d after its start"
    assert (picture(done)[-1], picture(failed)[-1]) == ("returned 'expired'", "ConnectionError: down")


def test_columns_stand_one_below_the_other() -> None:
    """Commands of any length have their lines and outcomes in columns."""
    flow = Stepper(order("o-1", 500))
    flow.resolve("receipt")
    rows = [line for line in str(flow).splitlines() if "shop.py:" in line and line[2].isdigit()]

    assert len({line.index("shop.py:") for line in rows}) == 1


def test_many_steps_are_cut_short() -> None:
    """Of hundreds of steps or members the first and the last are shown."""

    @workflow(registry=registry)
    def many() -> Flow[Any]:
        return (yield from gather(*(charge("o-1", number) for number in range(500))))

    shown = str(Stepper(many()))
    assert "... 470 more" in shown
    assert "└─ and 488 more" in shown
    assert len(shown.splitlines()) < 60


def test_a_suspended_workflow_shows_what_came_meanwhile() -> None:
    """What ended while it was suspended says so."""
    flow = Stepper(order("o-1", 500))
    flow.suspend()
    flow.resolve("receipt")

    assert "0 charge(order='o-1', cents=500) -> 'receipt', not received yet" in picture(flow)
    assert "suspended" in picture(flow)[0]


def test_a_stepper_is_named_in_a_line() -> None:
    """repr(flow) says where it stands, for assertions."""
    assert repr(Stepper(order("o-1", 5))) == (
        "<Stepper order has not ended: it waits for [charge(order='o-1', cents=5)]>"
    )


# ---------------------------------------------------------------------- a debugger


def test_a_debugger_stops_in_a_workflow() -> None:
    """pdb works inside a workflow: its variables are there, no other thread is, and nothing runs out of time."""
    said = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO("p receipt\nc\n"), stdout=said, nosigint=True, readrc=False)
    threads = set(threading.enumerate())

    @workflow(registry=registry)
    def debugged() -> Flow[str]:
        receipt = yield from charge("o-1", 5)
        debugger.set_trace()
        return receipt

    flow = Stepper(debugged(), replay=False)
    flow.resolve("receipt-9")

    assert "'receipt-9'" in said.getvalue()
    assert flow.result == "receipt-9"
    # One of a test before may have ended meanwhile.
    assert set(threading.enumerate()) <= threads


def test_leaving_the_debugger_leaves_the_test() -> None:
    """``q`` in the debugger ends the test, and is not taken for a failure of the workflow."""
    debugger = pdb.Pdb(stdin=io.StringIO("q\n"), stdout=io.StringIO(), nosigint=True, readrc=False)

    @workflow(registry=registry)
    def debugged() -> Flow[str]:
        receipt = yield from charge("o-1", 5)
        debugger.set_trace()
        return receipt

    flow = Stepper(debugged(), replay=False)
    with pytest.raises(KeyboardInterrupt):
        flow.resolve("receipt-9")
