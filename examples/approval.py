"""Ask people for an approval, remind them of it, and give up at a deadline.

    python examples/approval.py ask invoice-17
    python examples/approval.py approve invoice-17      in another terminal

The first line waits. Kill it and run it again: it goes on waiting, and the deadline is still the same. A decision may
be sent meanwhile, too: it is kept in the database, and nothing need run to take it in.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import TypedDict

from yieldflow import Flow, Orchestrator, YieldflowError, activity, race, sleep, wait_signal, workflow


class Decision(TypedDict):
    """What the signal brings."""

    approved: bool
    by: str


@activity
def send_message(text: str) -> None:
    """Write to those who decide, here on the terminal."""
    # In one piece, since a reminder may come at the same time.
    print(f"{text}\n", end="", flush=True)


def remind(document: str, every: float) -> Flow[None]:
    """Remind them again and again. It has no end of its own: whoever waits for something else as well cancels it."""
    count = 0
    while True:
        yield from sleep(every)
        count += 1
        yield from send_message(f"reminder {count}: {document} waits for a decision")


@workflow
def approval(document: str, deadline: float, remind_every: float) -> Flow[str]:
    """Ask, and wait for what comes first: the decision or the deadline."""
    yield from send_message(f"please decide: approve {document}, or reject it")
    match (yield from race(wait_signal("decision"), sleep(deadline), remind(document, remind_every))):
        case (0, decision):
            return verdict(decision)
        case _:
            yield from send_message(f"{document}: the deadline has passed")
            return "expired"


def verdict(decision: Decision) -> str:
    """A decision in words."""
    return f"{'approved' if decision['approved'] else 'rejected'} by {decision['by']}"


def main() -> None:
    """Ask and wait, or decide."""
    parser = argparse.ArgumentParser(description="Ask for an approval, or give it.")
    parser.add_argument("action", nargs="?", default="ask", choices=["ask", "approve", "reject"])
    parser.add_argument("document", nargs="?", default="invoice-17", help="what it is about (default: %(default)s)")
    parser.add_argument("--deadline", type=float, default=60, help="seconds to wait (default: %(default)s)")
    parser.add_argument("--remind", type=float, default=20, help="seconds between reminders (default: %(default)s)")
    parser.add_argument("--by", default=getpass.getuser(), help="who decides (default: %(default)s)")
    parser.add_argument("--db", default="approval.db", help="the database (default: %(default)s)")
    arguments = parser.parse_args()

    orchestrator = Orchestrator(arguments.db)
    if arguments.action != "ask":
        # Not started it is a client: the process that asked takes the signal in, now or when it runs again.
        decision = Decision(approved=arguments.action == "approve", by=arguments.by)
        orchestrator.handle(arguments.document).signal("decision", decision)
        print(f"{arguments.document}: sent: {verdict(decision)}")
        return
    job = approval(arguments.document, arguments.deadline, arguments.remind)
    with orchestrator:
        # The same document is the same workflow: where it is on disk already, this begins nothing, and goes on waiting.
        outcome = orchestrator.submit(job, workflow_id=arguments.document).result()
    print(f"{arguments.document}: {outcome}")
    sys.exit(0 if outcome.startswith("approved") else 1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("approval: stopped; run the same line again to go on waiting")
    except (ValueError, YieldflowError) as error:
        sys.exit(f"approval: {error}")
