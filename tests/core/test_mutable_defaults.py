"""A default that a call could change is the call's own, as an argument that was given is."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.core.driver import Drive, fetch, registry
from yieldflow import Activity, Flow, workflow


@dataclass
class Basket:
    """A value that can be changed."""

    goods: list[str] = field(default_factory=list)


class Missing:
    """What stands for an argument that was left out has attributes, and is known by its identity."""

    def __init__(self, name: str) -> None:
        self.name = name


MISSING = Missing("missing")


@pytest.mark.parametrize(
    ("default", "change"),
    [
        ([], lambda value: value.append("a")),
        ({}, lambda value: value.update(a=1)),
        (set(), lambda value: value.add("a")),
        (bytearray(), lambda value: value.extend(b"a")),
        (deque(), lambda value: value.append("a")),
        (Counter(), lambda value: value.update("a")),
        (Basket(), lambda value: value.goods.append("a")),
        (([], "a"), lambda value: value[0].append("a")),
        ({"a": [1]}, lambda value: value["a"].append(2)),
    ],
    ids=["list", "dict", "set", "bytearray", "deque", "Counter", "dataclass", "tuple", "nested"],
)
def test_each_call_has_a_default_of_its_own(default: Any, change: Any) -> None:
    """What one call does to a default no other call sees, and it is what was written there."""
    before = repr(default)

    def fill(key: str, basket: Any = default) -> str:
        found = repr(basket)
        change(basket)
        return found

    filling: Activity[..., str] = Activity(fill)

    assert [filling.call({"key": "a"}) for _ in range(3)] == [before] * 3
    assert filling("a") == filling("a", basket=default)


def test_it_is_the_same_wherever_the_parameter_stands() -> None:
    """A default may be that of a parameter given by position or by keyword only, beside a `*args`."""

    def fill(key: str, seen: list[str] = [], /, *more: str, named: list[str] = []) -> str:  # noqa: B006  # the matter
        seen.append(key)
        named.append(key)
        return f"{seen} {named}"

    filling: Activity[..., str] = Activity(fill)

    assert [filling.call({"key": key}) for key in "ab"] == ["['a'] ['a']", "['b'] ['b']"]
    assert filling.call({"key": "c", "seen": ["given"], "more": ["x"]}) == "['given', 'c'] ['c']"


def test_what_is_known_by_its_identity_stays_what_it_is() -> None:
    """A default that is hashed by identity is no value: a mark for what was left out, a client, a class."""
    client = threading.local()

    def ask(missing: Missing = MISSING, client: object = client, kind: type = Basket) -> tuple[object, ...]:
        return missing, client, kind

    assert Activity(ask).call({}) == (MISSING, client, Basket)


def test_what_cannot_be_copied_is_shared() -> None:
    """A default that holds a lock, say, is the same for all calls."""
    shared = [threading.Lock()]

    def ask(locks: list[Any] = shared) -> bool:
        return locks is shared

    assert Activity(ask).call({})


def test_a_replay_finds_the_default_as_the_first_run_did(drive: Drive) -> None:
    """A workflow that fills its default does the same again after a crash, and in the next run of another."""

    @workflow(registry=registry)
    def filling(seen: list[str] = []) -> Flow[list[str]]:  # noqa: B006  # the matter
        for key in "ab":
            seen.append((yield fetch(f"{key}{len(seen)}")))
        return seen

    def body() -> Flow[list[str]]:
        found: list[str] = yield from filling.call({})
        return found

    for _ in range(2):
        run = drive(body)
        run.resolve("fetch a0", "x")
        run.crash()
        run.resolve("fetch b1", "y")
        assert run.result == ["x", "y"]
