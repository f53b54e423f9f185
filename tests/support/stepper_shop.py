"""A small shop: the workflows that the tests of the stepper step."""

from __future__ import annotations

from typing import Any

from yieldflow import (
    Cancelled,
    Flow,
    Registry,
    RetryPolicy,
    activity,
    gather,
    race,
    sleep,
    wait_signal,
    workflow,
)

registry = Registry()

#: Three attempts, the second a second after the first, the third two seconds after that.
RETRY = RetryPolicy(maximum_attempts=3, jitter=False)


@activity(registry=registry)
def charge(order: str, cents: int) -> str:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry, retry=RETRY, timeout=5)
def ship(order: str) -> str:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
def refund(order: str) -> None:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry, on_cancel="wait")
def pay(order: str) -> str:
    raise AssertionError("a stepper runs no activity")


@workflow(registry=registry)
def order(order_id: str, cents: int) -> Flow[str]:
    """Charges, waits for an approval for a day at most, and ships."""
    yield from charge(order_id, cents)
    match (yield from race(wait_signal("approve"), sleep(86400))):
        case (0, _):
            return (yield from ship(order_id))
        case _:
            return "expired"


@workflow(registry=registry)
def parcel(order_id: str) -> Flow[str]:
    """A child: sleeps and ships."""
    try:
        yield from sleep(10)
        return (yield from ship(order_id))
    except Cancelled:
        yield from refund(order_id)
        raise


@workflow(registry=registry)
def two_parcels(first: str, second: str) -> Flow[list[Any]]:
    return list((yield from gather(parcel(first), parcel(second))))
