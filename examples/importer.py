"""Import orders from a server that fails at random, and charge each once.

    python examples/importer.py --orders 60 --failures 0.4

The program brings its own server, on loopback. It answers some requests with "503, try again later", cuts some
connections, and of some payments the answer gets lost after the money is booked. Failed attempts are made again; the
idempotency key, which is the same for all attempts at one payment, keeps the server from booking twice. Kill the
program and run the same line again: it goes on, also with the attempts where they were.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypedDict

from yieldflow import (
    ActivityError,
    Flow,
    Orchestrator,
    ResultTimeoutError,
    RetryPolicy,
    WorkflowHandle,
    YieldflowError,
    activity,
    activity_context,
    gather,
    set_progress,
    workflow,
)

#: Orders on one page of the server's list.
PAGE = 10
#: Where the server listens. No argument of a workflow: after a restart it is somewhere else.
address = ""


class Order(TypedDict):
    """As the server lists it."""

    id: str
    cents: int


class Report(TypedDict):
    """What an import came to."""

    orders: int
    cents: int


# ---------------------------------------------------------------------- the import

PATIENT = RetryPolicy(initial_interval=0.05, maximum_interval=0.5)


def ask(path: str, body: object = None, **headers: str) -> Any:
    """A request to the server, and its answer. What may pass is worth another attempt, a refusal is not."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 503:
            raise ActivityError("the server is busy", retry_after=float(error.headers["Retry-After"])) from None
        raise ActivityError(f"the server refuses {path}: {error.read().decode()}", retryable=False) from None
    except (urllib.error.URLError, HTTPException, ConnectionError) as error:
        raise ConnectionError(f"no answer to {path}: {error}") from None


@activity(retry=PATIENT, timeout=60)
def fetch_page(page: int) -> list[Order]:
    """The orders of a page; none behind the last one."""
    orders: list[Order] = ask(f"/orders?page={page}")
    return orders


@activity(retry=PATIENT, timeout=60, max_concurrent=4, on_cancel="wait")
def charge(order: str, cents: int) -> str:
    """Have the money booked, once: the server knows the attempts at one payment by their common key."""
    receipt: str = ask(
        "/payments", {"order": order, "cents": cents}, **{"Idempotency-Key": activity_context().idempotency_key}
    )
    return receipt


@workflow
def import_orders() -> Flow[Report]:
    """Fetch page after page, and charge what is on it."""
    orders = cents = page = 0
    while found := (yield from fetch_page(page)):
        yield from gather(*(charge(order["id"], order["cents"]) for order in found))
        page += 1
        orders += len(found)
        cents += sum(order["cents"] for order in found)
        yield set_progress(orders)
    return Report(orders=orders, cents=cents)


# ---------------------------------------------------------------------- the server


class Server(ThreadingHTTPServer):
    """Lists orders and books payments, unreliably.

    Args:
        orders: How many there are.
        failures: The share of requests that fail.
        ledger: The file in which payments are booked; what is in it stays booked.
    """

    daemon_threads = True

    def __init__(self, orders: int, failures: float, ledger: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.orders = [Order(id=f"order-{number:04}", cents=100 + number) for number in range(orders)]
        self.failures = failures
        self.ledger = ledger
        self.lock = threading.Lock()
        self.failed = 0
        booked = (json.loads(line) for line in ledger.read_text().splitlines()) if ledger.exists() else ()
        #: Receipts by idempotency key.
        self.receipts: dict[str, str] = {entry["key"]: entry["receipt"] for entry in booked}

    def book(self, key: str, order: str, cents: int) -> str:
        """Book a payment, and return its receipt; one that is booked already is not booked again."""
        with self.lock:
            if key not in self.receipts:
                receipt = f"receipt-{len(self.receipts) + 1}"
                with self.ledger.open("a") as file:
                    print(json.dumps({"key": key, "order": order, "cents": cents, "receipt": receipt}), file=file)
                self.receipts[key] = receipt
            return self.receipts[key]

    def fails(self) -> bool:
        """Whether something is to go wrong now."""
        with self.lock:
            unlucky = random.random() < self.failures
            self.failed += unlucky
            return unlucky

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks is nothing to talk about here."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_GET(self) -> None:
        """A page of orders."""
        if self.server.fails():
            self.answer(503, "try again later", **{"Retry-After": "0.05"})
            return
        page = int(self.path.partition("page=")[2])
        self.answer(200, self.server.orders[page * PAGE : (page + 1) * PAGE])

    def do_POST(self) -> None:
        """A payment."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.fails():
            self.answer(503, "try again later", **{"Retry-After": "0.05"})
            return
        receipt = self.server.book(self.headers["Idempotency-Key"], body["order"], body["cents"])
        if self.server.fails():
            # Booked, and nobody hears of it.
            self.close_connection = True
            self.connection.close()
            return
        self.answer(200, receipt)

    def answer(self, status: int, body: object, **headers: str) -> None:
        """Send an answer."""
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """The server says nothing."""


@contextmanager
def serving(orders: int, failures: float, ledger: Path) -> Iterator[Server]:
    """The server, while the body runs."""
    global address
    with Server(orders, failures, ledger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        yield server
        server.shutdown()


# ---------------------------------------------------------------------- the program


def follow(handle: WorkflowHandle[Report], server: Server) -> Report:
    """Wait for the end, and show on the terminal how far it is, and what was tried in vain last."""
    while True:
        try:
            report = handle.result(timeout=0.1)
        except ResultTimeoutError:
            status = handle.describe()
            last = f"; {status.last_error}" if status.last_error else ""
            show(f"{status.progress or 0} orders, {server.failed} requests failed{last}")
        else:
            show("")
            return report


def show(line: str) -> None:
    """Write ``line`` over the terminal's last one."""
    if sys.stderr.isatty():
        width = os.get_terminal_size(sys.stderr.fileno()).columns
        print(f"\r{line[: width - 1]}\x1b[K", end="\r", file=sys.stderr, flush=True)


def main() -> None:
    """Import the orders, and hold the server's books against them."""
    parser = argparse.ArgumentParser(description="Import orders from a server that fails at random.")
    parser.add_argument("--orders", type=int, default=60, help="how many there are (default: %(default)s)")
    parser.add_argument("--failures", type=float, default=0.4, help="the share that fails (default: %(default)s)")
    parser.add_argument("--ledger", default="ledger.jsonl", help="where payments are booked (default: %(default)s)")
    parser.add_argument("--db", default="importer.db", help="the database (default: %(default)s)")
    arguments = parser.parse_args()
    ledger = Path(arguments.ledger)

    with (
        serving(arguments.orders, arguments.failures, ledger) as server,
        Orchestrator(arguments.db, max_workers=8) as orchestrator,
    ):
        report = follow(orchestrator.submit(import_orders(), workflow_id="import"), server)
    booked = [json.loads(line)["order"] for line in ledger.read_text().splitlines()] if report["orders"] else []
    print(f"{report['orders']} orders of {report['cents']} cents, {server.failed} requests failed on the way")
    print(f"{len(booked)} payments booked, {len(booked) - len(set(booked))} of them twice")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("importer: stopped; run the same line again to go on")
    except (OSError, ValueError, YieldflowError) as error:
        sys.exit(f"importer: {error}")
