"""Workflows of a few lines that several files of the core's tests drive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.core.driver import clean_up, fetch
from yieldflow import Flow, race


def racing(*members: Any) -> Callable[[], Flow[Any]]:
    """A workflow that races ``members``: commands, or functions that make a branch."""

    def body() -> Flow[Any]:
        return (yield race(*(member() if callable(member) else member for member in members)))

    return body


def failing(key: str) -> Flow[None]:
    yield from fetch(key)
    raise ValueError(f"{key} failed")


def yielding(*commands: Any) -> Callable[[], Flow[Any]]:
    """A workflow that yields ``commands`` one after the other."""

    def body() -> Flow[list[Any]]:
        results = []
        for command in commands:
            results.append((yield command))
        return results

    return body


def tidy() -> Flow[str]:
    """Waits, and cleans up by a step."""
    try:
        yield from fetch("a")
        return "returned"
    finally:
        yield from clean_up("a")
