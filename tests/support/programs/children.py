"""A script whose activities run in worker processes, all of it in ``__main__``: ``children.py DATABASE HOW [PORT]``.

HOW is ``order`` (prints what came of an order), ``read`` (prints it again, as a client), ``stay`` (holds an activity
up at the door at PORT, for ever), ``hog`` (the same, in code that lets no thread run) or ``leave`` (as ``stay``, and
ends without `stop()` once a line comes in).
"""

from __future__ import annotations

import os
import re
import socket
import sys
from dataclasses import dataclass
from enum import Enum

from yieldflow import Flow, Orchestrator, RetryPolicy, activity, workflow


class Size(Enum):
    SMALL = 1


@dataclass(frozen=True)
class Receipt:
    order: str
    size: Size

    class Line:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Receipt.Line)


class OutOfStock(Exception):
    def __init__(self, item: str, left: int) -> None:
        super().__init__(item, left)
        self.item = item
        self.left = left


@activity(executor="process")
def charge(receipt: Receipt) -> list[object]:
    assert type(receipt) is Receipt
    print(f"charge {receipt.order}")
    return [receipt, Receipt.Line(), Size.SMALL, OutOfStock("lamp", 1)]


@activity(executor="process", retry=RetryPolicy(non_retryable=OutOfStock))
def pick(item: str) -> None:
    raise OutOfStock(item, left=2)


@activity(executor="process")
def fail() -> None:
    class Local(Exception):
        pass

    raise Local("in a function")


@activity(executor="process")
def hold(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(f"{os.getpid()} holding\n".encode())
        line.recv(1)


@workflow
def order() -> Flow[list[object]]:
    value = yield from charge(Receipt("o-1", Size.SMALL))
    try:
        yield pick("lamp")
    except OutOfStock as error:
        value.append(error.left)
    try:
        yield fail()
    except Exception as error:
        value.append(str(error))
    return value


@activity(executor="process")
def hog(port: int) -> None:
    """Works in code that lets no other thread of its process run."""
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(f"{os.getpid()} hogging\n".encode())
        re.match(r"(a+)+$", "a" * 60 + "b")


@workflow
def held(port: int, hogging: bool) -> Flow[None]:
    yield hog(port) if hogging else hold(port)


def main() -> None:
    database, how, *port = sys.argv[1:]
    orchestrator = Orchestrator(database, max_processes=2)
    if how in ("order", "read"):
        if how == "order":
            orchestrator.start()
        value = orchestrator.submit(order(), workflow_id="o-1").result(60)
        assert value[:3] == [Receipt("o-1", Size.SMALL), Receipt.Line(), Size.SMALL]
        assert type(value[3]) is OutOfStock
        print(*value[4:], sep=" | ", flush=True)
        orchestrator.stop()
        return
    orchestrator.start()
    orchestrator.submit(held(int(port[0]), how == "hog"))
    sys.stdin.readline()


if __name__ == "__main__":
    main()
