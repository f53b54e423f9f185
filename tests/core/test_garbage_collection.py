"""Executions and generators are freed once nothing refers to them, some only by the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from yieldflow import Flow, Registry, activity, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def number(value: int) -> int:
    return value


@workflow(registry=registry)
def pair() -> Flow[int]:
    first = yield from number(1)
    second = yield from number(2)
    return first + second


@pytest.fixture
def collector() -> Iterator[None]:
    """The garbage collector's settings are put back."""
    thresholds = gc.get_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("collector")
def test_letting_go_of_one_workflow_while_another_is_driven_does_no_harm() -> None:
    """An abandoned stepper that the collector finds in the midst of another workflow's turn leaves that one alone."""
    results = []
    # Each setting has the collector come by at another moment.
    for allocations in range(1, 400):
        abandoned: list[object] = [Stepper(pair())]
        abandoned.append(abandoned)
        del abandoned
        gc.set_threshold(allocations)
        flow = Stepper(pair())
        flow.resolve(1)
        flow.crash()
        flow.resolve(2)
        results.append(flow.result)
    assert results == [3] * 399
