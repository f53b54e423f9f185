"""An activity that counts how often it ran."""

from __future__ import annotations

from yieldflow import Registry, activity


class Counter:
    """An activity that counts how often it ran."""

    def __init__(self, registry: Registry) -> None:
        self.ran: list[str] = []

        @activity(registry=registry)
        def count(label: str) -> str:
            self.ran.append(label)
            return f"{label} {len(self.ran)}"

        self.count = count
