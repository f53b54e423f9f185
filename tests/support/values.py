"""The codecs, and values that more than one file tries on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from yieldflow.codec import JsonCodec, PickleCodec

#: Runs a test with each codec.
BOTH = pytest.mark.parametrize("codec", [PickleCodec(), JsonCodec()], ids=["pickle", "json"])


@dataclass
class Order:
    number: int
    handle: object = None


class Handle:
    """An object without an equality."""

    def __init__(self, number: int) -> None:
        self.number = number


class NoBool:
    """The answer of a comparison of arrays."""

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array with more than one element is ambiguous")


class Array(Handle):
    """Compares to something that is no bool, as numpy's arrays do."""

    def __eq__(self, other: object) -> Any:
        return NoBool()

    __hash__ = None  # type: ignore[assignment]  # not hashable, as an array


class OwnInit(Exception):
    """An exception whose `__init__` does not take what it passes on."""

    def __init__(self, order: int, reason: str) -> None:
        super().__init__(f"order {order}: {reason}")


def nested(depth: int) -> object:
    value: object = []
    for _ in range(depth - 1):
        value = [value]
    return value
