"""What a workflow waits for, as a tree: leaves (steps), gathers, and the branches that wait for them.

A node completes once and tells its parent. A branch is a generator with the helpers that it is waiting in; the root
of the tree is the branch of the workflow itself. Nodes hold state; `execution` moves it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from types import CodeType, GeneratorType
from typing import Any, TypeAlias

from .commands import Command, Delegated, Gather, Yieldable, show
from .context import line_of
from .definitions import Definition
from .errors import Cancelled
from .history import Step

#: A generator that a branch drives.
Body: TypeAlias = "GeneratorType[Any, Any, Any]"


#: How a node, or a command that needs none, came out: a value, or an exception. (A plain tuple: one is made at each
#: step, and a class would double what that costs.)
Settled: TypeAlias = "tuple[Any, BaseException | None]"

#: What a branch begins with.
NOTHING: Settled = (None, None)


class Node:
    """Something that completes once."""

    __slots__ = ("parent", "slot")

    def __init__(self, parent: Branch | Group | None, slot: int) -> None:
        self.parent = parent
        #: The place among the parent's members.
        self.slot = slot

    @property
    def below(self) -> Iterable[Node]:
        """What it waits for itself."""
        return ()


class Leaf(Node):
    """A step that waits for its outcome."""

    __slots__ = ("command", "definition", "step")

    def __init__(
        self,
        parent: Branch | Group,
        slot: int,
        step: Step,
        command: Command[Any],
        definition: Definition[..., Any] | None = None,
    ) -> None:
        self.parent = parent
        self.slot = slot
        self.step = step
        self.command = command
        #: What is to be run; None for a sleep.
        self.definition = definition


class Branch(Node):
    """A generator running concurrently inside a workflow."""

    __slots__ = ("cancelled", "delegated", "ended", "resume_with", "stack", "waiting_for")

    def __init__(self, parent: Group | None, slot: int, body: Body) -> None:
        self.parent = parent
        self.slot = slot
        #: The body, and above it the helpers that it yielded: the last one runs.
        self.stack = [body]
        self.waiting_for: Node | None = None
        self.resume_with = NOTHING
        self.delegated: Delegated[Any] | None = None
        self.cancelled = False
        self.ended = False

    @property
    def below(self) -> Iterable[Node]:
        """What it waits for itself."""
        return () if self.waiting_for is None else (self.waiting_for,)

    @property
    def fresh(self) -> bool:
        """Whether it has run nothing yet."""
        return len(self.stack) == 1 and is_fresh(self.stack[0])

    @property
    def source(self) -> str:
        """``file:line`` of the yield at which it is."""
        generator = self.stack[-1]
        while isinstance(inner := generator.gi_yieldfrom, GeneratorType) and inner.gi_code is not _DELEGATION:
            generator = inner
        frame = generator.gi_frame
        return _line_of(frame.f_code, frame.f_lasti) if frame is not None else ""

    def close(self) -> None:
        """End the generators without a command being heard; what their ``finally`` raises is dropped."""
        self.ended = True
        while self.stack:
            # User code on its way out; nobody is left to tell.
            with suppress(BaseException):
                self.stack.pop().close()


class Group(Node):
    """The members of a `gather` under way."""

    __slots__ = ("cancelled", "failure", "limit", "members", "next", "results", "return_exceptions", "running")

    def __init__(self, parent: Branch | Group | None, slot: int, command: Gather) -> None:
        super().__init__(parent, slot)
        self.members: tuple[Yieldable[Any], ...] = command.members
        self.limit = command.limit if command.limit is not None else len(command.members)
        self.return_exceptions = command.return_exceptions
        self.results: list[Any] = [None] * len(command.members)
        self.running: dict[int, Node] = {}
        self.next = 0
        self.failure: BaseException | None = None
        self.cancelled = False

    @property
    def below(self) -> Iterable[Node]:
        """What it waits for itself."""
        return self.running.values()

    @property
    def closing(self) -> bool:
        """Whether it begins no more members and only waits for those that run."""
        return self.cancelled or self.failure is not None

    @property
    def hungry(self) -> bool:
        """Whether another member may begin now."""
        return self.next < len(self.members) and len(self.running) < self.limit and not self.closing

    @property
    def complete(self) -> bool:
        """Whether nothing is left to wait for."""
        return not self.running and (self.closing or self.next == len(self.members))

    def take(self, slot: int, settled: Settled) -> bool:
        """Note how a member came out; True where the others are to be cancelled now."""
        self.running.pop(slot, None)
        value, error = settled
        if error is None:
            self.results[slot] = value
        elif self.return_exceptions and isinstance(error, Exception):
            self.results[slot] = error
        elif self.failure is None and not (self.cancelled and isinstance(error, Cancelled)):
            self.failure = error
            return not self.cancelled
        elif not isinstance(error, Cancelled) and self.failure is not None:
            # Past `add_note`, which an exception that forbids setting attributes refuses.
            notes = vars(self.failure).setdefault("__notes__", [])
            notes.append(f"while the rest of the gather was being cancelled, also: {show(error)}")
        return False

    def outcome(self) -> Settled:
        """What the gather resumes with, once complete."""
        if self.cancelled:
            cancelled = Cancelled()
            cancelled.__cause__ = self.failure
            return None, cancelled
        return (None, self.failure) if self.failure is not None else (self.results, None)


def from_below(node: Node, *, into_cancelled: bool) -> list[Node]:
    """``node`` and all that it waits for, each after what is below it.

    Args:
        node: Where to begin.
        into_cancelled: Whether to go into branches that were cancelled before.
    """
    found: list[Node] = []
    ahead = [node]
    while ahead:
        one = ahead.pop()
        found.append(one)
        if into_cancelled or not (isinstance(one, Branch) and one.cancelled):
            ahead.extend(one.below)
    found.reverse()
    return found


def is_fresh(body: Body) -> bool:
    """Whether a generator has not been started."""
    return body.gi_frame is not None and not body.gi_suspended and not body.gi_running


#: Where a generator is that hands a command on for ``yield from``.
_DELEGATION = Command.__iter__.__code__


def _line_of(code: CodeType, instruction: int) -> str:
    """`line_of`, remembered: each yield of a program has one text, however often it is a step."""
    key = id(code), instruction
    known = _lines.get(key)
    if known is None or known[0] is not code:
        if len(_lines) == _MOST_LINES:
            _lines.clear()
        known = _lines[key] = code, line_of(code, instruction)
    return known[1]


#: By identity, since to hash a code object is to hash all that is in it.
_lines: dict[tuple[int, int], tuple[CodeType, str]] = {}
_MOST_LINES = 10_000
