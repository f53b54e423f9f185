"""Branches that tell how they ended, and a workflow that gathers them: shared by the tests of the core."""

from __future__ import annotations

from typing import Any

from yieldflow import Cancelled, Flow, Registry, activity, gather, workflow
from yieldflow.testing import Stepper

registry = Registry()


@activity(registry=registry)
def fetch(key: Any) -> Any:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
def clean_up(key: str) -> None:
    raise AssertionError("a stepper runs no activity")


class Journal:
    """Notes from inside the branches of the workflow that is being stepped."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def careful(self, key: str) -> Flow[Any]:
        """Works, and in any case cleans up by a step of its own."""
        try:
            return (yield from fetch(key))
        finally:
            yield from clean_up(key)
            self.entries.append(f"{key} cleaned up")

    def watching(self, key: str) -> Flow[Any]:
        """Notes how it ended."""
        try:
            value = yield from fetch(key)
        except Exception as error:
            self.entries.append(f"{key}: {error!r}")
            raise
        except Cancelled:
            self.entries.append(f"{key} cancelled")
            raise
        return value

    def stubborn(self, key: str) -> Flow[str]:
        """Catches its cancellation, and goes on for a step."""
        try:
            yield from fetch(key)
        except Cancelled:
            yield from fetch(f"{key} after all")
        return f"{key} survived"


def gathering(*members: Any, **options: Any) -> Stepper[Any]:
    """A workflow that gathers ``members``: commands, or functions that make a branch."""

    @workflow(registry=registry)
    def with_members() -> Flow[Any]:
        try:
            branches = [member() if callable(member) else member for member in members]
            return (yield from gather(*branches, **options))
        except ValueError as error:
            return f"caught {error}"

    return Stepper(with_members(), replay=False)
