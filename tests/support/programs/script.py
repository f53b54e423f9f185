"""A program as users write them, all of it in ``__main__``: ``script.py DATABASE``.

Submits an order, or goes on with the order that is there. It prints what its activities do, and the result.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from yieldflow import Flow, Orchestrator, activity, workflow


@dataclass(frozen=True)
class Receipt:
    order: str
    cents: int


class OutOfStock(Exception):
    def __init__(self, item: str, left: int) -> None:
        super().__init__(item, left)
        self.item = item
        self.left = left


@activity
def charge(order: str, cents: int) -> Receipt:
    print(f"charge {order}", flush=True)
    return Receipt(order, cents)


@activity
def pick(item: str) -> None:
    print(f"pick {item}", flush=True)
    raise OutOfStock(item, left=2)


@activity
def wait_for_line(receipt: Receipt) -> str:
    assert isinstance(receipt, Receipt)
    print("waiting", flush=True)
    return sys.stdin.readline().strip()


@workflow
def order(order_id: str) -> Flow[tuple[Receipt, int, str]]:
    receipt = yield from charge(order_id, cents=500)
    left = 0
    try:
        yield pick("lamp")
    except OutOfStock as error:
        left = error.left
    return receipt, left, (yield from wait_for_line(receipt))


def main() -> None:
    with Orchestrator(sys.argv[1]) as orchestrator:
        result = orchestrator.submit(order("o-1"), workflow_id="o-1").result()
        assert isinstance(result[0], Receipt)
        print(f"result {result}", flush=True)


if __name__ == "__main__":
    main()
