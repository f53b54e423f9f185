"""The execution that is driven now, so that commands and loggers find it without being handed it.

While an execution drives a generator, `driving()` is that execution, as the `Driving` that it is. Commands note
themselves there when they are made, so that a forgotten one can be reported with the line that made it; the
workflow's logger asks there whether it is a replay. Each thread has its own: in those of workers it is None, also
where they run in a copy of a workflow's `contextvars` context.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from threading import get_ident
from types import CodeType

from .activity_code import Misplaceable, refuse_in_activity, source_of_activity


@dataclass(frozen=True, slots=True, init=False)
class WorkflowInfo:
    """A workflow's own id, name, run and parent: what ``yield info()`` resumes with."""

    workflow_id: str
    name: str
    #: 1 for the first run.
    run: int
    #: The parent's id, where it is a child.
    parent: str | None = None

    def __init__(self, workflow_id: str, name: str, run: int, parent: str | None = None) -> None:
        _set_workflow_id(self, workflow_id)
        _set_name(self, name)
        _set_run(self, run)
        _set_parent(self, parent)


# By the slots themselves, in half the time that a frozen class takes: there is one for each workflow.
_set_workflow_id, _set_name, _set_run, _set_parent = (
    vars(WorkflowInfo)[name].__set__ for name in ("workflow_id", "name", "run", "parent")
)


class Driving:
    """The part of an execution that commands and loggers see."""

    __slots__ = ("handed", "info", "made", "silent", "used_call_sites")

    # Set by the execution, which is one.

    info: WorkflowInfo
    #: True where what happens now has happened before, so that it is not to be logged again.
    silent: bool
    #: Commands made and not used yet, by identity: the command, the code that made it, the instruction in that.
    made: dict[int, tuple[object, CodeType, int]]
    #: The instructions that made commands which were used. (Of the code the identity: to hash it is to hash all
    #: that is in it.)
    used_call_sites: set[tuple[int, int]]
    #: What `made` had of the commands that were handed on inside of something else in this turn, for the error where
    #: that was a slip; None where there are none.
    handed: dict[int, tuple[object, CodeType, int]] | None

    def use(self, command: object) -> tuple[object, CodeType, int] | None:
        """Note that ``command`` was used; return what was known of its making."""
        made = self.made.pop(id(command), None)
        if made is not None:
            self.used_call_sites.add((id(made[1]), made[2]))
        return made


#: The execution that each thread drives, by the thread's number. An execution enters itself, and afterwards what was
#: there before: a workflow's code may drive another. (No context variable: a thread that works in a copy of the
#: context, as by `asyncio.to_thread`, is not driven.)
driven: dict[int, Driving] = {}


def driving() -> Driving | None:
    """Return the execution that this thread drives, or None."""
    return driven.get(get_ident())


@contextmanager
def undriven() -> Iterator[None]:
    """Let no commands be heard that the body makes."""
    thread = get_ident()
    before = driven.pop(thread, None)
    try:
        yield
    finally:
        if before is not None:
            driven[thread] = before


def note_made(command: Misplaceable, holds: object = None) -> None:
    """Remember that ``command`` was made by the caller's caller, if a workflow is being driven; it has ``holds``.

    Raises:
        MisplacedCallError: It was made in an activity, where it does nothing.
    """
    # As `driving` says, without the call: this is at every command.
    current = driven.get(get_ident())
    if current is not None:
        if holds is not None and current.made:
            note_used(holds)
        frame = sys._getframe(2)
        current.made[id(command)] = (command, frame.f_code, frame.f_lasti)
        return
    source = source_of_activity.get()
    if source is not None:
        refuse_in_activity(command, source, sys._getframe(2))


def note_used(value: object) -> None:
    """Note that every command in ``value`` was used, also inside lists, tuples, sets and dictionaries."""
    current = driving()
    if current is not None and current.made:
        pending = [value]
        seen: set[int] = set()
        while pending:
            item = pending.pop()
            made = current.use(item)
            if made is not None:
                if current.handed is None:
                    current.handed = {}
                current.handed[id(item)] = made
            if isinstance(item, (list, tuple, set, frozenset, dict)) and id(item) not in seen:
                seen.add(id(item))
                pending.extend(item.values() if isinstance(item, dict) else item)


def place_made(command: object) -> str:
    """Return `` at file:line`` for a command that was handed on in this turn; "" where its making is not known."""
    current = driving()
    made = None if current is None or current.handed is None else current.handed.get(id(command))
    return "" if made is None else f" at {line_of(made[1], made[2])}"


def _references(entry: tuple[object, ...]) -> int:
    """Count the references to the first of ``entry``, the entry's own and the call's included."""
    return sys.getrefcount(entry[0])


#: The count that `_references` gives for a command that only `Driving.made` still refers to; None where references are
#: not counted (other interpreters than CPython).
_ALONE = _references((object(),)) if hasattr(sys, "getrefcount") else None
#: How many commands are looked at in a turn: a workflow may keep thousands for later.
_LOOKS = 100


def unyielded(current: Driving, *, ended: bool) -> Iterator[tuple[object, str]]:
    """Take out the commands that can no longer be yielded, each with ``file:line`` of the place that made it.

    While the workflow goes on, these are the ones that nothing refers to any more. Where references are not counted,
    all are judged when the workflow ends. A command is no slip where another of the same call site was used: a
    workflow may go through a list of commands and stop half-way.
    """
    for key in list(current.made if ended else islice(current.made, _LOOKS)):
        entry = current.made.pop(key)
        if ended or (_ALONE is not None and _references(entry) <= _ALONE):
            if (id(entry[1]), entry[2]) not in current.used_call_sites:
                yield entry[0], line_of(entry[1], entry[2])
        else:
            # Behind the others, whose turn it is next.
            current.made[key] = entry


def line_of(code: CodeType, instruction: int) -> str:
    """Return ``file:line`` of an instruction."""
    lines = (line for start, end, line in code.co_lines() if start <= instruction < end)
    return f"{code.co_filename}:{next(lines, None) or code.co_firstlineno}"
