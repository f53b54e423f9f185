"""Chances that depend on nothing but the seed and on what is decided: to drop one decision changes no other."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Keyed randomness.

    Args:
        seed: Of the simulation.
    """

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(8, "big")

    def chance(self, *what: object) -> float:
        """0 or more and less than 1: the same for the same question."""
        digest = blake2b(repr(what).encode(), key=self._key, digest_size=7).digest()
        return int.from_bytes(digest, "big") / (1 << 56)

    def choose(self, options: Sequence[T], *what: object) -> T:
        """One of ``options``: the same for the same question."""
        return options[int(self.chance(*what) * len(options))]
