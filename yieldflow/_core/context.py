"""What the code being driven shares with whoever drives it, without either being handed to the other.

While an execution drives a generator, `driving` holds its `Driving`. Commands note themselves there when they are
made, so that one that is never yielded can be reported with the line that made it; the workflow's logger asks there
whether it is a replay. Worker threads have contexts of their own, where it is None.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import CodeType


@dataclass(frozen=True, slots=True)
class WorkflowInfo:
    """What a workflow may know of itself: what ``yield info()`` resumes with."""

    workflow_id: str
    name: str
    #: 1 for the first run.
    run: int
    #: The parent's id, where it is a child.
    parent: str | None = None


@dataclass(slots=True)
class Driving:
    """One execution's side of the conversation."""

    info: WorkflowInfo
    #: Whether what happens now has happened before.
    replaying: bool = False
    #: Commands made and not used yet, by identity: the command, and where it was made.
    made: dict[int, tuple[object, CodeType, int]] = field(default_factory=dict)


driving: ContextVar[Driving | None] = ContextVar("yieldflow_driving", default=None)


def note_made(command: object) -> None:
    """Remember that ``command`` was made by the caller's caller, if a workflow is being driven."""
    current = driving.get()
    if current is not None:
        frame = sys._getframe(2)
        current.made[id(command)] = (command, frame.f_code, frame.f_lineno)


def note_used(value: object) -> None:
    """Forget every command in ``value``, also inside lists, tuples, sets and dictionaries: somebody has it now."""
    current = driving.get()
    if current is not None and current.made:
        pending = [value]
        seen: set[int] = set()
        while pending:
            item = pending.pop()
            current.made.pop(id(item), None)
            if isinstance(item, (list, tuple, set, frozenset, dict)) and id(item) not in seen:
                seen.add(id(item))
                pending.extend(item.values() if isinstance(item, dict) else item)


#: References to a command that nobody but `Driving.made` can reach, as `sys.getrefcount` counts them in `unyielded`:
#: the tuple that keeps it, the loop's variable, and the call's argument.
_OURS = 3


def unyielded(current: Driving, *, ended: bool) -> Iterator[tuple[object, str]]:
    """Commands that can no longer be yielded, each with ``file:line`` of where it was made; they are forgotten.

    While the workflow goes on, that is known of those that nothing refers to any more. Where references are not
    counted (other interpreters than CPython), all are judged when the workflow ends.
    """
    counts = getattr(sys, "getrefcount", None)
    for key in list(current.made):
        command, code, line = current.made[key]
        if ended or (counts is not None and counts(command) <= _OURS):
            del current.made[key]
            yield command, f"{code.co_filename}:{line}"
