"""The codecs, and values that more than one file tries on them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from yieldflow.codec import JsonCodec, PickleCodec

#: Runs a test with each codec.
BOTH = pytest.mark.parametrize("codec", [PickleCodec(), JsonCodec()], ids=["pickle", "json"])


@dataclass
class Order:
    number: int
    handle: object = None


class OwnInit(Exception):
    """An exception whose `__init__` does not take what it passes on."""

    def __init__(self, order: int, reason: str) -> None:
        super().__init__(f"order {order}: {reason}")


def nested(depth: int) -> object:
    value: object = []
    for _ in range(depth - 1):
        value = [value]
    return value
