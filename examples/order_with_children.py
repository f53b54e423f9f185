"""An order whose payment and parcels are workflows of their own: its children.

    python examples/order_with_children.py o-1
    python examples/order_with_children.py o-1 --cancel     in another terminal, before the courier comes

An order that is cancelled cancels its children, waits for them to clean up, and pays the money back. Kill the program
and run the same line again: the order and all its children go on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from yieldflow import (
    Cancelled,
    Flow,
    Orchestrator,
    YieldflowError,
    activity,
    gather,
    sleep,
    workflow,
)


@activity(on_cancel="wait")
def charge(order_id: str, cents: int) -> str:
    """Take the money. A cancellation waits for its end, so that what was taken is known and can be paid back."""
    note(order_id, "payment", "charged")
    return f"receipt for {cents} cents"


@activity
def refund(order_id: str) -> None:
    """Pay back what was taken, if anything was."""
    if state_of(order_id, "payment") == "charged":
        note(order_id, "payment", "refunded")


@activity(on_cancel="wait")
def pack(order_id: str, parcel: str) -> None:
    """Pack a parcel."""
    note(order_id, parcel, "packed")


@activity
def unpack(order_id: str, parcel: str) -> None:
    """Put the contents of a parcel back, if it was packed. What the courier has stays with the courier."""
    if state_of(order_id, parcel) == "packed":
        note(order_id, parcel, "unpacked")


@activity(on_cancel="wait")
def hand_over(order_id: str, parcel: str) -> str:
    """Give a parcel to the courier."""
    note(order_id, parcel, "handed over")
    return f"tracking number of {parcel}"


def note(order_id: str, thing: str, state: str) -> None:
    """What the activities do to the world: a file for each thing, in a directory of the order."""
    Path(order_id).mkdir(exist_ok=True)
    Path(order_id, thing).write_text(f"{state}\n")
    # The line in one piece, since several activities print at once.
    print(f"{thing}: {state}\n", end="", flush=True)


def state_of(order_id: str, thing: str) -> str | None:
    """What was noted last; None where nothing was."""
    path = Path(order_id, thing)
    return path.read_text().strip() if path.is_file() else None


@workflow
def payment(order_id: str, cents: int) -> Flow[str]:
    """A child: the payment. In earnest it would check the card first, and wait for the bank."""
    return (yield from charge(order_id, cents))


@workflow
def shipment(order_id: str, parcel: str, courier: float) -> Flow[str]:
    """A child: one parcel. Cancelled before the courier has it, it is unpacked."""
    try:
        yield from pack(order_id, parcel)
        yield from sleep(courier)
        return (yield from hand_over(order_id, parcel))
    except Cancelled:
        yield from unpack(order_id, parcel)
        raise


@workflow
def order(order_id: str, parcels: list[str], courier: float) -> Flow[list[str]]:
    """The parent: first the money, then all parcels at once. If that fails or is cancelled, the money goes back."""
    try:
        yield from payment(order_id, 1000 * len(parcels)).with_options(workflow_id=f"{order_id}-payment")
        shipments = [
            shipment(order_id, parcel, courier).with_options(workflow_id=f"{order_id}-{parcel}") for parcel in parcels
        ]
        # At the first failure, and when the order is cancelled, the children are cancelled and waited for.
        return (yield from gather(*shipments))
    except (Exception, Cancelled):
        yield from refund(order_id)
        raise


def main() -> None:
    """Carry out an order, or cancel it."""
    parser = argparse.ArgumentParser(description="An order whose payment and parcels are workflows of their own.")
    parser.add_argument("order", nargs="?", default="o-1", help="the order's id (default: %(default)s)")
    parser.add_argument("--parcels", type=int, default=3, help="how many there are (default: %(default)s)")
    parser.add_argument("--courier", type=float, default=10, help="seconds until it comes (default: %(default)s)")
    parser.add_argument("--cancel", action="store_true", help="cancel this order")
    parser.add_argument("--db", default="order_with_children.db", help="the database (default: %(default)s)")
    arguments = parser.parse_args()

    orchestrator = Orchestrator(arguments.db)
    if arguments.cancel:
        # Not started it is a client: the process that runs the order carries this out, now or when it runs again.
        orchestrator.handle(arguments.order).cancel("the customer has changed their mind")
        return
    parcels = [f"parcel-{number}" for number in range(1, arguments.parcels + 1)]
    with orchestrator:
        # The same order is the same workflow: where it is on disk already, this begins nothing, and waits for its end.
        handle = orchestrator.submit(order(arguments.order, parcels, arguments.courier), workflow_id=arguments.order)
        try:
            print(f"{arguments.order}: {', '.join(handle.result())}")
        finally:
            for child in orchestrator.list_workflows(parent=arguments.order, oldest_first=True):
                print(f"  {child['id']}: {child['status']}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("order_with_children: stopped; run the same line again to go on")
    except (OSError, ValueError, YieldflowError) as error:
        sys.exit(f"order_with_children: {error}")
