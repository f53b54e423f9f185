"""The exception of a workflow's own that lies behind an error about its test."""

from __future__ import annotations

__tracebackhide__ = True

import gc
from types import GeneratorType
from typing import Any

from .._core.execution import Execution
from .._core.groups import Group, failure_beneath
from .._core.nodes import Body, Branch, Node, from_below
from ..codec.safe_repr import error_line

#: The longest line that an exception is shown in.
LONGEST_LINE = 200


def unseen(execution: Execution) -> BaseException | None:
    """The exception that a workflow which goes on is handling now, or that nobody has seen yet; None without any.

    A branch that yields in an ``except`` or ``finally`` is handling one. That of a task, and that of a member of a
    `gather` whose others are still cleaning up, is to be seen later.
    """
    nodes = [] if execution.root is None else from_below(execution.root, into_cancelled=True)
    found = (failure_beneath(error) for node in reversed(nodes) for error in _of(node))
    return next((error for error in found if error is not None), None)


def line_of(error: BaseException) -> str:
    """An exception in a line, as the last one of a traceback has it."""
    line, *more = (error_line(error).splitlines() or [""])[:2]
    return f"{line[: LONGEST_LINE - 3]}..." if more or len(line) > LONGEST_LINE else line


def _of(node: Node) -> list[BaseException | None]:
    if isinstance(node, Group):
        return [node.failure]
    if not isinstance(node, Branch):
        return []
    failed = () if node.tasks is None else node.tasks.failed
    ends = [node.outcome, *(task.settled for task in failed)]
    return [*(error for body in node.stack for error in _handled(body)), *(end[1] for end in ends if end is not None)]


def _handled(body: Body) -> list[BaseException]:
    """The exceptions in whose handlers a generator stands, with those of the generators that it delegates to."""
    found: list[BaseException] = []
    inner: Any = body
    while isinstance(inner, GeneratorType) and inner.gi_frame is not None:
        held = [one for one in gc.get_referents(inner) if isinstance(one, BaseException)]
        for name, value in inner.gi_frame.f_locals.items():
            # A variable alone does not tell that it is being handled.
            if name in inner.gi_code.co_varnames:
                place = next((place for place, one in enumerate(held) if one is value), len(held))
                del held[place : place + 1]
        found += reversed(held)
        inner = inner.gi_yieldfrom
    return found
