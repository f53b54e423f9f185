"""The workflows of the examples, stepped by hand: what a user's own tests look like, and a few milliseconds each."""

from __future__ import annotations

from datetime import timedelta

import pytest

from examples.agent_loop import Choice, agent, count_words, list_files, plan
from examples.approval import approval, send_message
from examples.monitor import monitor, report, size_of
from examples.order_with_children import hand_over, order, pack, payment, refund, shipment, unpack
from examples.saga import NotAvailableError, book, book_trip, cancel_booking
from yieldflow import WorkflowStatus, sleep, wait_signal
from yieldflow.testing import Stepper

# ---------------------------------------------------------------------- approval.py


def test_a_document_is_approved_after_a_reminder() -> None:
    """Those who decide are asked, and reminded; their decision is the result."""
    flow = Stepper(approval("invoice-17", deadline=60, remind_every=20))
    flow.resolve(send_message("please decide: approve invoice-17, or reject it"))
    assert flow.pending == [wait_signal("decision"), sleep(60), sleep(20)]

    flow.advance(20)
    flow.resolve(send_message("reminder 1: invoice-17 waits for a decision"))
    flow.signal("decision", {"approved": True, "by": "ann"})
    assert flow.result == "approved by ann"


def test_a_document_expires_at_its_deadline() -> None:
    """A document that nobody decides on is ended by the deadline, whatever else goes on."""
    flow = Stepper(approval("invoice-17", deadline=timedelta(days=3).total_seconds(), remind_every=10**6))
    flow.resolve()
    flow.advance(timedelta(days=3))
    flow.resolve(send_message("invoice-17: the deadline has passed"))
    assert flow.result == "expired"


# ---------------------------------------------------------------------- saga.py


def test_a_trip_is_booked_part_by_part() -> None:
    """One part after the other, and all of them are the result."""
    flow = Stepper(book_trip("lisbon", None))
    for part in ("flight", "hotel", "car"):
        flow.resolve(book("lisbon", part, available=True))
    assert flow.result == ["flight", "hotel", "car"]


@pytest.mark.parametrize("crashes", [False, True])
def test_a_part_that_cannot_be_had_cancels_the_others(crashes: bool) -> None:
    """Bookings that were tried are cancelled in reverse order, also by another process, and the trip fails."""
    flow = Stepper(book_trip("lisbon", "hotel"))
    flow.resolve(book("lisbon", "flight", available=True))
    flow.fail(book("lisbon", "hotel", available=False), NotAvailableError("no hotel is to be had"))
    for part in ("hotel", "flight"):
        if crashes:
            flow.crash()
        flow.resolve(cancel_booking("lisbon", part))
    assert isinstance(flow.exception, NotAvailableError)


def test_a_cancelled_trip_waits_for_the_booking_under_way() -> None:
    """A booking under way is waited for, and then cancelled: nobody else knows whether it was made."""
    flow = Stepper(book_trip("lisbon", None))
    flow.cancel()
    flow.resolve(book("lisbon", "flight", available=True))
    flow.resolve(cancel_booking("lisbon", "flight"))
    assert flow.status is WorkflowStatus.CANCELLED


# ---------------------------------------------------------------------- order_with_children.py


def test_an_order_is_its_payment_and_its_parcels() -> None:
    """The children are resolved by value: first the payment, then the parcels in any order."""
    flow = Stepper(order("o-1", ["a", "b"], courier=10))
    flow.resolve(payment("o-1", 2000), "receipt")
    flow.resolve(shipment("o-1", "b", 10), "tracking b")
    flow.resolve(shipment("o-1", "a", 10), "tracking a")
    assert flow.result == ["tracking a", "tracking b"]


def test_a_cancelled_order_unpacks_and_pays_back() -> None:
    """A parcel that the courier does not have yet is unpacked, and then the money goes back."""
    flow = Stepper(order("o-1", ["a"], courier=10), workflow_id="o-1")
    flow.resolve(payment("o-1", 1000), "receipt")
    parcel = flow.child(shipment("o-1", "a", 10))
    parcel.resolve(pack("o-1", "a"))
    flow.cancel("the customer has changed their mind")
    parcel.resolve(unpack("o-1", "a"))
    flow.resolve(refund("o-1"))
    assert (parcel.status, flow.status) == (WorkflowStatus.CANCELLED, WorkflowStatus.CANCELLED)


def test_a_parcel_waits_for_the_courier() -> None:
    """A child alone is a workflow like any other."""
    flow = Stepper(shipment("o-1", "a", courier=3600))
    flow.resolve(pack("o-1", "a"))
    flow.advance(3600)
    flow.resolve(hand_over("o-1", "a"), "tracking a")
    assert flow.result == "tracking a"


# ---------------------------------------------------------------------- agent_loop.py


def test_an_agent_uses_tools_until_it_answers() -> None:
    """The planner sees what its tools gave, and its answer is the result."""
    flow = Stepper(agent("books"))
    flow.resolve(plan("books", []), {"tool": "list_files", "arguments": {"directory": "books"}})
    flow.resolve(list_files("books"), ["books/emma.txt"])
    flow.resolve({"tool": "count_words", "arguments": {"file": "books/emma.txt"}})
    flow.resolve(count_words("books/emma.txt"), 160_000)
    assert flow.progress == "2 tools used, the last: count_words"
    flow.resolve({"tool": "answer", "arguments": {"text": "Emma"}})
    assert flow.result == "Emma"


def test_an_agent_is_told_what_went_wrong() -> None:
    """A tool that fails, or that there is not, is no end: the planner sees it."""
    choice = Choice(tool="list_files", arguments={"directory": "books"})
    flow = Stepper(agent("books"))
    flow.resolve(plan("books", []), choice)
    flow.fail(list_files("books"), FileNotFoundError("books"))
    assert flow.pending == [plan("books", [{"choice": choice, "result": "FileNotFoundError: books"}])]


# ---------------------------------------------------------------------- monitor.py


def test_a_monitor_tells_of_a_change() -> None:
    """A size that is another than before is reported; the signal ends it, with what it knows."""
    flow = Stepper(monitor("log.txt", every=1, checks_per_run=20))
    flow.resolve(size_of("log.txt"), None)
    flow.resolve(size_of("log.txt"), 6)
    flow.resolve(report("log.txt", None, 6))
    flow.signal("stop")
    assert flow.result == flow.progress == {"checks": 1, "changes": 1, "size": 6}


def test_a_monitor_begins_anew_with_what_it_knows() -> None:
    """After so many checks the history begins again at nothing, and the next run knows what the last one saw."""
    flow = Stepper(monitor("log.txt", every=1, checks_per_run=2))
    for size in (5, 5, 5):
        flow.resolve(size_of("log.txt"), size)
        flow.advance(1)
    assert (flow.run, len(flow.history)) == (2, 1)

    flow.resolve(size_of("log.txt"), 7)
    assert flow.pending == [report("log.txt", 5, 7)]
