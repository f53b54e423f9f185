"""Deliberate breakages of phases and of `wake_at`, patched by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from tests.support.engine import SECOND
from yieldflow._core.history import Micros
from yieldflow.scheduler.turn import changes_of

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


def wake_not_written(patch: pytest.MonkeyPatch) -> None:
    """A commit does not wake the workflows that a child's end or a signal concerns."""
    commit = import_module("yieldflow.scheduler.committing").commit

    def silent(state: Any, units: Any, turn: Any) -> None:
        for change in changes_of(units):
            if change.wakes:
                change.wakes = ()
        commit(state, units, turn)

    patch.setattr("yieldflow.scheduler.scheduler.commit", silent)


def orphans_not_woken(patch: pytest.MonkeyPatch) -> None:
    """The commit that terminates a parent does not wake the children that end with it."""
    commit = import_module("yieldflow.scheduler.committing").commit

    def silent(state: Any, units: Any, turn: Any) -> None:
        for change in changes_of(units):
            if change.orphans:
                change.orphans = False
        commit(state, units, turn)

    patch.setattr("yieldflow.scheduler.scheduler.commit", silent)


def resting_row_kept(patch: pytest.MonkeyPatch) -> None:
    """A workflow that goes on keeps the row of a resting workflow."""
    complete = import_module("yieldflow.scheduler.committing")._complete

    def stale(state: Any, units: Any, turn: Any) -> Any:
        before = [change.wake_at for change in changes_of(units)]
        changes = complete(state, units, turn)
        for change, wake_at in zip(changes, before, strict=True):
            change.wake_at = wake_at
        return changes

    patch.setattr("yieldflow.scheduler.committing._complete", stale)


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
