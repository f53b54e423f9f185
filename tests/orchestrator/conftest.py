"""Fixtures of the tests of the orchestrator: real threads, real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.counter import Counter
from tests.support.shop import (
    Declined,
    Gate,
    OrderFailed,
    Works,
    by_the_clock,
    shop,
)
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    workflow,
)
from yieldflow.testing.plugin import Clock


@pytest.fixture
def store(database: Path) -> Iterator[Orchestrator]:
    """Started, with the definitions of this module."""
    with Orchestrator(database, registry=shop) as started:
        yield started


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(database: Path, registry: Registry, clock: Clock) -> Iterator[Orchestrator]:
    """Started, with the test's own definitions, and a time that the test moves on."""
    with by_the_clock(Orchestrator(database, registry=registry), clock) as started:
        yield started


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def works(registry: Registry) -> Works:
    return Works(registry)


@pytest.fixture
def trip(registry: Registry, works: Works) -> Any:
    """Books three things; what was booked is given back where one fails, if asked to."""

    @workflow(registry=registry)
    def trip(compensate: bool = False, wrap: bool = False) -> Flow[list[str]]:
        booked: list[str] = []
        try:
            for what in ("flight", "hotel", "car"):
                booked.append((yield from works.do(what)))
        except Declined as error:
            for what in reversed(booked) if compensate else ():
                yield works.do(f"no {what}")
            if wrap:
                raise OrderFailed("trip") from error
            raise
        return booked

    return trip


@pytest.fixture
def counter(registry: Registry) -> Counter:
    return Counter(registry)


@pytest.fixture
def chain(registry: Registry, counter: Counter) -> Any:
    """Four activities, one after another."""

    @workflow(registry=registry)
    def chain(last: str = "d") -> Flow[list[str]]:
        results = []
        for label in ("a", "b", "c", last):
            results.append((yield from counter.count(label)))
        return results

    return chain
