"""The time that it takes to store a value and to read it, beside pickle, json, and, where installed, others.

    python -m tests.benchmarks.values [--bursts 500]

A line shows the least time of many short bursts, in microseconds: what else the machine does slows most of them, not
all. Each burst of one library is followed by one of the next, so that a machine whose speed drifts slows all.
"""

from __future__ import annotations

import argparse
import json
import pickle
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from yieldflow.codec import MARK, PickleCodec

#: How long a burst takes, in seconds: shorter than what the system gives a process at a time.
BURST = 100e-6


@dataclass
class Order:
    """Ten fields, as a shop has them."""

    id: str
    customer: str
    total: Decimal
    lines: int
    paid: bool
    note: str | None
    at: datetime
    weight: float
    city: str
    code: int


ORDER = Order("o-1", "Ann", Decimal("12.50"), 3, True, None, datetime(2026, 11, 1, tzinfo=UTC), 0.5, "Berlin", 7)
ROW = {"id": 1, "name": "a name", "price": 1.5, "tags": ["a", "b"], "ok": True, "none": None}
VALUES: dict[str, Any] = {
    "a number": 3,
    "a small dict": {"order": "o-1", "cents": 1250, "note": "thanks"},
    "ten plain dicts, nested": {
        "order": "o-1",
        "items": [{"sku": f"sku-{number}", "count": number, "name": "a thing"} for number in range(10)],
    },
    "ten dicts with floats": {
        "order": "o-1",
        "items": [{"sku": f"sku-{number}", "count": number, "price": 9.99} for number in range(10)],
    },
    "a Decimal and a datetime": {"total": ORDER.total, "at": ORDER.at},
    "a dataclass of ten fields": ORDER,
    "a megabyte of plain data": {"rows": [{**ROW, "id": number} for number in range(12_000)]},
}


class Library(NamedTuple):
    """A way to store a value."""

    name: str
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def libraries_for(value: object) -> Iterator[Library]:
    """Yield those that can store ``value``, ours first."""
    codec = PickleCodec()
    yield Library("yieldflow", codec.encode, codec.decode)
    yield Library("pickle", pickle.dumps, pickle.loads)
    is_plain = codec.encode(value)[:1] != MARK
    if is_plain:
        yield Library("json", json.dumps, json.loads)
    kind: Any = Order if isinstance(value, Order) else Any
    if is_plain or kind is Order:
        yield from _validating(kind)


def _validating(kind: Any) -> Iterator[Library]:
    """Yield the libraries that are told the type to read."""
    try:
        import msgspec
    except ImportError:
        pass
    else:
        yield Library("msgspec", msgspec.json.Encoder().encode, msgspec.json.Decoder(kind).decode)
    try:
        import pydantic
    except ImportError:
        pass
    else:
        adapter = pydantic.TypeAdapter(kind)
        yield Library("pydantic", adapter.dump_json, adapter.validate_json)


def burst(call: Callable[[Any], Any], value: object, times: int) -> float:
    """Return the seconds that one call takes, of so many in a row."""
    began = time.perf_counter()
    for _ in range(times):
        call(value)
    return (time.perf_counter() - began) / times


def least(calls: list[tuple[Callable[[Any], Any], Any]], bursts: int) -> list[float]:
    """Return the least time of each call, in microseconds."""
    times = [max(1, int(BURST / max(burst(call, value, 3), 1e-7))) for call, value in calls]
    best = [float("inf")] * len(calls)
    for _ in range(bursts if min(times) > 1 else bursts // 20):
        for number, (call, value) in enumerate(calls):
            best[number] = min(best[number], burst(call, value, times[number]))
    return [seconds * 1e6 for seconds in best]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bursts", type=int, default=500, help="how often each is measured (default: 500)")
    bursts = parser.parse_args().bursts
    print(f"Python {platform.python_version()}; microseconds to encode, and to decode")
    for name, value in VALUES.items():
        libraries = list(libraries_for(value))
        encoded = least([(one.encode, value) for one in libraries], bursts)
        decoded = least([(one.decode, one.encode(value)) for one in libraries], bursts)
        shown = (f"{one.name} {to:,.1f} {back:,.1f}" for one, to, back in zip(libraries, encoded, decoded, strict=True))
        print(f"{name:<28}{'   '.join(shown)}", flush=True)


if __name__ == "__main__":
    main()
