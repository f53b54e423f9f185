"""Obeys a test line by line, on one database file, and answers each with a line: ``stores.py DATABASE``."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable

from yieldflow._core.errors import YieldflowError
from yieldflow.sqlite import Ownership, SqliteStore
from yieldflow.store import Submission

database = sys.argv[1]
ownership = Ownership(database)
stores: list[SqliteStore] = []
closed: list[SqliteStore] = []


def opened() -> str:
    stores.append(SqliteStore(database))
    return "open"


def close() -> str:
    closed.append(stores.pop())
    closed[-1].close()
    return "closed"


def submit(workflow_id: str) -> str:
    if not stores:
        opened()
    stores[-1].submit([Submission(workflow_id, "order", '"' + "x" * 5000 + '"', b"", 1)])
    return "submitted"


def lock() -> str:
    """Tell whether another connection holds the database's lock."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=0)
    try:
        connection.execute("begin immediate")
    except sqlite3.OperationalError as error:
        return str(error)
    finally:
        connection.close()
    return "free"


def hold() -> str:
    """Hold the database's lock until the next line comes in."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("begin exclusive")
    print("held", flush=True)
    sys.stdin.readline()
    connection.close()
    return "let go"


def own() -> str:
    ownership.acquire()
    return "owner"


def release() -> str:
    ownership.release()
    return "released"


def fill_disk() -> str:
    """From here on no file of this process may grow."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    return "full"


def free_disk() -> str:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return "free"


def fork() -> str:
    """Fork, and leave the rest to the child."""
    # Python warns of forks beside threads: there is none, but for what pytest's plugins may have begun.
    warnings.simplefilter("ignore", DeprecationWarning)
    if os.fork():
        wait_for_the_end()
    return f"child {os.getpid()}"


def spawn() -> str:
    """Start another of these with all descriptors, and leave the rest to it; its first answer is its own."""
    subprocess.Popen([sys.executable, __file__, database, "spawned"], close_fds=False)
    wait_for_the_end()
    raise AssertionError


def wait_for_the_end() -> None:
    while True:
        signal.pause()


ORDERS: dict[str, Callable[..., str]] = {
    "open": opened,
    "close": close,
    "submit": submit,
    "lock": lock,
    "hold": hold,
    "own": own,
    "release": release,
    "fill disk": fill_disk,
    "free disk": free_disk,
    "fork": fork,
    "spawn": spawn,
}


def obey(line: str) -> str:
    order, _, argument = line.partition(": ")
    try:
        return ORDERS[order](*([argument] if argument else []))
    except YieldflowError as error:
        return f"{type(error).__name__}: {error}"


def main() -> None:
    print("ready" if len(sys.argv) == 2 else f"child {os.getpid()}", flush=True)
    while line := sys.stdin.readline().rstrip("\n"):
        print(obey(line), flush=True)


if __name__ == "__main__":
    main()
