"""A thousand calls at once, on one thread.

    python examples/thousand_calls.py --calls 1000 --seconds 1

Each call is an ``async def`` activity that asks a server, on loopback, which takes its time to answer. All of them wait
together, on one event loop, and no worker thread is held. Kill the program and run the same line again: calls that were
answered are not made again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from yieldflow import (
    Flow,
    Orchestrator,
    ResultTimeoutError,
    RetryPolicy,
    WorkflowHandle,
    YieldflowError,
    activity,
    gather,
    workflow,
)

#: Where the server listens. No argument of a workflow: after a restart it is somewhere else.
port = 0


@activity(retry=RetryPolicy(maximum_attempts=5), timeout=60)
async def call(number: int) -> int:
    """Ask the server for the square of a number."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{number}\n".encode())
        return int(await reader.readline())
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@workflow
def ask_all(count: int) -> Flow[int]:
    """Ask for all squares at once, and add them up."""
    squares = yield from gather(*(call(number) for number in range(count)))
    return sum(squares)


class Server:
    """Answers each request with a square, after a while.

    Args:
        seconds: How long an answer takes.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.under_way = 0
        #: How many requests were under way at once, at most.
        self.at_once = 0
        self.requests = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        number = int(await reader.readline())
        self.requests += 1
        self.under_way += 1
        self.at_once = max(self.at_once, self.under_way)
        await asyncio.sleep(self.seconds)
        self.under_way -= 1
        with suppress(ConnectionError):
            writer.write(f"{number * number}\n".encode())
            await writer.drain()
        writer.close()

    async def serve(self, ready: threading.Event, over: asyncio.Event) -> None:
        """Answer until it is over."""
        global port
        async with await asyncio.start_server(self.answer, "127.0.0.1", 0, backlog=1000) as server:
            port = server.sockets[0].getsockname()[1]
            ready.set()
            await over.wait()


@contextmanager
def serving(seconds: float) -> Iterator[Server]:
    """The server on a thread of its own, while the body runs."""
    server, ready = Server(seconds), threading.Event()
    loop, over = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve(ready, over)), daemon=True)
    thread.start()
    ready.wait()
    yield server
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


def release_slot(calls: int) -> None:
    """Have the system allow as many connections as are needed: two ends of each are in this process."""
    with suppress(ImportError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * calls + 200
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))


def follow(handle: WorkflowHandle[int], calls: int) -> int:
    """Wait for the end, and show on the terminal how far it is."""
    while True:
        try:
            total = handle.result(timeout=0.1)
        except ResultTimeoutError:
            show(f"{handle.describe().step} of {calls} calls are answered")
        else:
            show("")
            return total


def show(line: str) -> None:
    """Write ``line`` over the terminal's last one."""
    if sys.stderr.isatty():
        print(f"\r{line}\x1b[K", end="\r", file=sys.stderr, flush=True)


def main() -> None:
    """Make the calls."""
    parser = argparse.ArgumentParser(description="A thousand calls at once, on one thread.")
    parser.add_argument("--calls", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long an answer takes (default: %(default)s)")
    parser.add_argument("--db", default="thousand_calls.db", help="the database (default: %(default)s)")
    arguments = parser.parse_args()
    release_slot(arguments.calls)

    orchestrator = Orchestrator(arguments.db)
    # What has ended makes room, so that after its end the same line begins anew.
    if os.path.exists(arguments.db):
        orchestrator.purge()
    with serving(arguments.seconds) as server, orchestrator:
        began = time.perf_counter()
        total = follow(orchestrator.submit(ask_all(arguments.calls), workflow_id="calls"), arguments.calls)
        seconds = time.perf_counter() - began
    print(f"the squares add up to {total}")
    print(f"{server.requests} calls of {arguments.seconds:g} s in {seconds:.1f} s, {server.at_once} at once")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("thousand_calls: stopped; run the same line again to go on")
    except (OSError, ValueError, YieldflowError) as error:
        sys.exit(f"thousand_calls: {error}")
