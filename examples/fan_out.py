"""Work on many orders at once, each in several steps, but only so many at a time.

    python examples/fan_out.py --orders 30 --limit 10

Each order is a branch: it goes through its steps by itself, and as soon as one is through, the next begins. Kill the
program and run the same line again: orders that are through are not touched, those under way go on at their next step.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TypedDict

from yieldflow import (
    Flow,
    Orchestrator,
    ResultTimeoutError,
    WorkflowHandle,
    YieldflowError,
    activity,
    gather,
    set_progress,
    workflow,
)

#: Seconds that each step of an order takes.
pace = 0.2


class Report(TypedDict):
    """What the workflow returns."""

    orders: int
    cents: int
    #: How many orders were under way at once, at most.
    at_once: int


class Progress:
    """How far the orders are. A workflow may count in plain variables: a replay counts the same again."""

    def __init__(self) -> None:
        self.under_way = 0
        self.at_once = 0
        self.done = 0

    def begin(self) -> None:
        """One more is under way."""
        self.under_way += 1
        self.at_once = max(self.at_once, self.under_way)

    def end(self) -> None:
        """One more is through."""
        self.under_way -= 1
        self.done += 1


@activity
def check_stock(order: str) -> int:
    """Look up what the order costs, in cents."""
    time.sleep(pace)
    return 100 + sum(order.encode())


@activity
def charge(order: str, cents: int) -> str:
    """Charge the customer; the order is the key by which the bank knows a second charge for the same."""
    time.sleep(pace)
    return f"receipt for {order}: {cents} cents"


@activity
def print_label(labels: str, order: str, receipt: str) -> None:
    """Print the label of the parcel, here into a file."""
    time.sleep(pace)
    Path(labels).mkdir(exist_ok=True)
    Path(labels, order).write_text(f"{order}\n{receipt}\n")


def one_order(order: str, labels: str, progress: Progress) -> Flow[int]:
    """All the steps of one order: a helper of the workflow, which `gather` makes a branch."""
    progress.begin()
    cents = yield from check_stock(order)
    receipt = yield from charge(order, cents)
    yield from print_label(labels, order, receipt)
    progress.end()
    yield set_progress(progress.done)
    return cents


@workflow
def process_orders(count: int, limit: int, labels: str) -> Flow[Report]:
    """Work on all orders, ``limit`` at a time."""
    progress = Progress()
    orders = [f"order-{number:03}" for number in range(1, count + 1)]
    paid = yield from gather(*(one_order(order, labels, progress) for order in orders), limit=limit)
    return Report(orders=len(paid), cents=sum(paid), at_once=progress.at_once)


def follow(handle: WorkflowHandle[Report], count: int) -> Report:
    """Wait for the end, and show on the terminal how far it is."""
    while True:
        try:
            report = handle.result(timeout=0.2)
        except ResultTimeoutError:
            show(f"{handle.describe().progress or 0} of {count} orders are through")
        else:
            show("")
            return report


def show(line: str) -> None:
    """Write ``line`` over the terminal's last one."""
    if sys.stderr.isatty():
        print(f"\r{line}\x1b[K", end="\r", file=sys.stderr, flush=True)


def main() -> None:
    """Work on the orders and print what came of them."""
    global pace
    parser = argparse.ArgumentParser(description="Work on many orders at once, with a limit.")
    parser.add_argument("--orders", type=int, default=30, help="how many there are (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=10, help="how many at a time (default: %(default)s)")
    parser.add_argument("--labels", default="labels", help="where the labels are put (default: %(default)s)")
    parser.add_argument("--pace", type=float, default=pace, help="seconds that each step takes (default: %(default)s)")
    parser.add_argument("--db", default="fan_out.db", help="the database (default: %(default)s)")
    arguments = parser.parse_args()
    pace = arguments.pace

    orchestrator = Orchestrator(arguments.db, max_workers=arguments.limit)
    # What has ended makes room, so that after its end the same line begins anew.
    if os.path.exists(arguments.db):
        orchestrator.purge()
    with orchestrator:
        job = process_orders(arguments.orders, arguments.limit, arguments.labels)
        report = follow(orchestrator.submit(job, workflow_id="today"), arguments.orders)
    print(f"{report['orders']:,} orders, {report['cents']:,} cents, at most {report['at_once']} under way at once")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("fan_out: stopped; run the same line again to go on")
    except (OSError, ValueError, YieldflowError) as error:
        sys.exit(f"fan_out: {error}")
