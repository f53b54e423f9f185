"""Workflows whose code changes under them, and lines of source: shared by the tests of the core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from yieldflow import Flow, Registry, ReplayMismatchError, activity, sleep, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def charge(order: Any, cents: Any = 500) -> Any:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
def ship(order: str) -> Any:
    raise AssertionError("a stepper runs no activity")


class Deployment:
    """A workflow whose code can be exchanged while it is in flight, and the stepper that drives it."""

    def __init__(self, old: Callable[[], Flow[Any]], *outcomes: Any) -> None:
        self._code = old

        @workflow(registry=registry)
        def selling() -> Flow[Any]:
            return (yield from self._code())

        self.flow = Stepper(selling())
        for outcome in outcomes:
            self.flow.resolve(self.flow.pending[0], outcome)

    def crash_on(self, code: Callable[[], Flow[Any]]) -> None:
        """Deploy ``code``, and restart."""
        self._code = code
        self.flow.crash()

    def mismatch_on(self, code: Callable[[], Flow[Any]]) -> str:
        """The same, where the new code does not fit: what is said."""
        with pytest.raises(ReplayMismatchError) as caught:
            self.crash_on(code)
        # The core's own words, beneath those of the stepper.
        return str(caught.value.__context__)


def reference() -> Flow[str]:
    yield from charge("o-1", 500)
    yield from sleep(60)
    yield from ship("o-1")
    return "shipped"
