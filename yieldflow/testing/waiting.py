"""How a pending command shows what it waits for, where the test does not decide that."""

from __future__ import annotations

from typing import Any

from .._core.commands import Command, show_seconds
from .._core.definitions import ActivityInvocation, WorkflowInvocation
from .._core.history import Micros
from .._core.nodes import Leaf
from .past import Attempt


class _WaitingActivity(ActivityInvocation[Any]):
    """Equal to the activity, and shown with what it waits for."""

    __slots__ = ("_note",)
    _note: str

    def __repr__(self) -> str:
        return f"{super().__repr__()} <{self._note}>"


class _WaitingChild(WorkflowInvocation[Any]):
    """Equal to the child, and shown with what it waits for."""

    __slots__ = ("_note",)
    _note: str

    def __repr__(self) -> str:
        return f"{super().__repr__()} <{self._note}>"


def note_of(leaf: Leaf, attempt: Attempt | None, now: Micros) -> str:
    """What is to be said of a step beside its command; empty where nothing is."""
    if leaf.cancelled:
        return "cancelled: its end is waited for"
    if attempt is not None and not attempt.begun:
        return f"attempt {attempt.number} in {show_seconds(round((attempt.due_at - now) / 1e6, 3))} s"
    return "" if attempt is None or attempt.number == 1 else f"attempt {attempt.number}"


def waiting(leaf: Leaf, attempt: Attempt | None, now: Micros) -> Command[Any]:
    """The command of a step, as a test sees it."""
    command, note = leaf.command, note_of(leaf, attempt, now)
    if not note:
        return command
    made: Command[Any]
    if isinstance(command, ActivityInvocation):
        made = _WaitingActivity(command.definition, command._arguments)
        object.__setattr__(made, "_options", command.options)
    elif isinstance(command, WorkflowInvocation):
        made = _WaitingChild(command.definition, command._arguments)
        object.__setattr__(made, "_options", command.options)
    else:
        return command
    object.__setattr__(made, "_note", note)
    return made
