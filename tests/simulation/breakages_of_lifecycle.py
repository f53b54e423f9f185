"""Deliberate breakages of phases and of `wake_at`, patched by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from tests.support.engine import SECOND
from yieldflow._core.history import Micros
from yieldflow.store import UNCHANGED

from .liveness_checks import FOREVER


def in_two_phases(patch: pytest.MonkeyPatch) -> None:
    """A live workflow that leaves memory stays among the live ones."""
    workflows: Any = import_module("yieldflow.scheduler.lifecycle").Workflows
    move = workflows.move

    def leave(self: Any, workflow: Any, phase: Any) -> None:
        before = workflow.phase
        move(self, workflow, phase)
        if before == "live" and phase is None:
            self.by_phase[before][workflow.id] = workflow

    patch.setattr(workflows, "move", leave)


def sleeper_not_due(patch: pytest.MonkeyPatch) -> None:
    """The row of a sleeper is due two seconds late."""
    rests_until = import_module("yieldflow.scheduler.residency").rests_until

    def late(live: Any) -> Micros | None:
        until: Micros | None = rests_until(live)
        return until if until is None or until == FOREVER else until + 2 * SECOND

    patch.setattr("yieldflow.scheduler.residency.rests_until", late)


def deadline_not_due(patch: pytest.MonkeyPatch) -> None:
    """The row of a workflow that waits for messages says nothing of its deadline."""
    rests_until = import_module("yieldflow.scheduler.residency").rests_until

    def late(live: Any) -> Micros | None:
        until: Micros | None = rests_until(live)
        return FOREVER if until is not None and until == live.deadline_at else until

    patch.setattr("yieldflow.scheduler.residency.rests_until", late)


def spoiling(patch: pytest.MonkeyPatch, spoil: Callable[[Any], None]) -> None:
    """Have each change be spoilt that is to be written, once it is complete."""
    committing: Any = import_module("yieldflow.scheduler.committing")
    complete = committing._complete

    def spoilt(state: Any, units: Any, turn: Any) -> Any:
        changes = complete(state, units, turn)
        for change in changes:
            spoil(change)
        return changes

    patch.setattr(committing, "_complete", spoilt)


def wake_not_written(patch: pytest.MonkeyPatch) -> None:
    """A commit does not wake the workflows that a child's end or a signal concerns."""

    def spoil(change: Any) -> None:
        if change.wakes:
            change.wakes = ()

    spoiling(patch, spoil)


def orphans_not_woken(patch: pytest.MonkeyPatch) -> None:
    """The commit that terminates a parent does not wake the children that end with it."""

    def spoil(change: Any) -> None:
        if change.orphans:
            change.orphans = False

    spoiling(patch, spoil)


def resting_row_kept(patch: pytest.MonkeyPatch) -> None:
    """A workflow that goes on keeps the row of a resting workflow."""

    def spoil(change: Any) -> None:
        if change.wake_at is None and (change.events or change.retried):
            change.wake_at = UNCHANGED

    spoiling(patch, spoil)


def page_of_the_backlog_lost(patch: pytest.MonkeyPatch) -> None:
    """Of what is found at the start of a session, the second page of each kind is passed over."""
    backlog: Any = import_module("yieldflow.scheduler.backlog").Backlog
    read = backlog.read

    def hasty(self: Any, store: Any) -> list[str]:
        skips = self._number == 0 or self._place == (-1, -1)
        found: list[str] = read(self, store)
        if skips and found:
            read(self, store)
        return found

    patch.setattr(backlog, "read", hasty)


BREAKAGES_OF_LIFECYCLE: list[Callable[[pytest.MonkeyPatch], None]] = [
    in_two_phases,
    sleeper_not_due,
    deadline_not_due,
    wake_not_written,
    orphans_not_woken,
    resting_row_kept,
    page_of_the_backlog_lost,
]
