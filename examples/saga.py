"""A saga: book a flight, a hotel and a car; if one of them cannot be had, cancel the others in reverse order.

    python examples/saga.py
    python examples/saga.py rome --fail car

A booking is a file in a directory of the trip's name. Kill the program at any moment and run the same line again: it
goes on from there, forwards or backwards. After its end, the same line shows what came of it, and books nothing twice.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from yieldflow import Cancelled, Flow, Orchestrator, YieldflowError, activity, workflow

PARTS = ("flight", "hotel", "car")
#: Seconds that the answer of another company takes.
pace = 0.5


class NotAvailableError(Exception):
    """What was to be booked cannot be had."""


@activity(on_cancel="wait")
def book(trip: str, part: str, available: bool) -> None:
    """Book one part of a trip. It is known by trip and part, so to book it twice books it once."""
    time.sleep(pace)
    if not available:
        raise NotAvailableError(f"no {part} is to be had")
    Path(trip).mkdir(exist_ok=True)
    Path(trip, part).write_text("booked\n")
    print(f"{part}: booked", flush=True)


@activity
def cancel_booking(trip: str, part: str) -> None:
    """Cancel one part of a trip. Where it was not booked, this does nothing."""
    time.sleep(pace)
    booking = Path(trip, part)
    if booking.exists():
        booking.write_text("cancelled\n")
        print(f"{part}: cancelled", flush=True)


@workflow
def book_trip(trip: str, missing: str | None) -> Flow[list[str]]:
    """Book all the parts, or none."""
    tried: list[str] = []
    try:
        for part in PARTS:
            # Noted before it is tried: a booking whose answer was lost may have been made.
            tried.append(part)
            yield from book(trip, part, available=part != missing)
    except (Exception, Cancelled):
        # The same if somebody cancels the workflow, which is no Exception.
        for part in reversed(tried):
            yield from cancel_booking(trip, part)
        raise
    return tried


def main() -> None:
    """Book one trip and say what came of it."""
    global pace
    parser = argparse.ArgumentParser(description="Book a flight, a hotel and a car, or nothing.")
    parser.add_argument("trip", nargs="?", help="its name (default: lisbon, or with --fail lisbon-without-...)")
    parser.add_argument("--fail", choices=PARTS, help="what cannot be had")
    parser.add_argument("--pace", type=float, default=pace, help="seconds for each booking (default: %(default)s)")
    parser.add_argument("--db", default="saga.db", help="the database (default: %(default)s)")
    arguments = parser.parse_args()
    pace = arguments.pace

    trip = arguments.trip or ("lisbon" if arguments.fail is None else f"lisbon-without-{arguments.fail}")
    with Orchestrator(arguments.db) as orchestrator:
        # The same trip is the same workflow: where it is on disk already, this begins nothing, and waits for its end.
        handle = orchestrator.submit(book_trip(trip, arguments.fail), workflow_id=trip)
        try:
            print(f"{trip}: booked: {', '.join(handle.result())}")
        except NotAvailableError as error:
            sys.exit(f"{trip}: not booked: {error}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("saga: stopped; run the same line again to go on")
    except (OSError, YieldflowError) as error:
        sys.exit(f"saga: {error}")
