"""The tree of what a workflow waits for: leaves (steps), groups, tasks, and the branches that wait for them.

A node completes once and tells its parent. A branch is a generator with the helpers that it is waiting in; the root
of the tree is the branch of the workflow itself. A task hangs below the branch that started it; each place that waits
for it is a node too. Nodes hold state; `tree` moves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from contextvars import Context
from operator import attrgetter
from types import CodeType, GeneratorType
from typing import Any, TypeAlias

from .commands import Command, Delegated, Yieldable
from .context import line_of
from .definitions import Definition
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

    def __init__(self, parent: Node | None, slot: int) -> None:
        self.parent = parent
        #: The place among the parent's members.
        self.slot = slot

    @property
    def below(self) -> Iterable[Node]:
        """The nodes that it waits for."""
        return ()

    @property
    def optional(self) -> bool:
        """True where it may complete though a member of it does not."""
        return False


class Leaf(Node):
    """A step that waits for its outcome."""

    __slots__ = ("cancelled", "command", "definition", "step")

    def __init__(
        self,
        parent: Node,
        slot: int,
        step: Step,
        command: Command[Any],
        definition: Definition[..., Any] | None = None,
    ) -> None:
        self.parent = parent
        self.slot = slot
        self.step = step
        self.command = command
        #: The activity to be run; None for other kinds of steps.
        self.definition = definition
        #: Whether it was cancelled, and only its end is waited for.
        self.cancelled = False


class Branch(Node):
    """A generator running concurrently inside a workflow."""

    __slots__ = (
        "cancelled",
        "context",
        "delegated",
        "ended",
        "outcome",
        "reason",
        "resume_with",
        "stack",
        "tasks",
        "waiting_for",
    )

    def __init__(self, parent: Node | None, slot: int, body: Body, context: Context | None = None) -> None:
        self.parent = parent
        self.slot = slot
        #: The context in which it is driven and closed; None for the branch of the workflow itself, which has the
        #: execution's.
        self.context = context
        #: The body, and above it the helpers that it yielded: the last one runs.
        self.stack = [body]
        self.waiting_for: Node | None = None
        self.resume_with = NOTHING
        self.delegated: Delegated[Any] | None = None
        self.cancelled = False
        #: The reason given for the cancellation, if there was one.
        self.reason: str | None = None
        self.ended = False
        #: How it came out, while its tasks are still waited for.
        self.outcome: Settled | None = None
        #: None as long as it has started none.
        self.tasks: Tasks | None = None

    @property
    def below(self) -> Iterable[Node]:
        """The node that it waits for, and the tasks that it started."""
        waiting_for = () if self.waiting_for is None else (self.waiting_for,)
        return waiting_for if self.tasks is None else (*waiting_for, *self.tasks.running)

    @property
    def branch(self) -> Branch:
        """Whose tasks they are that are started here."""
        return self

    @property
    def fresh(self) -> bool:
        """True where it has run nothing yet."""
        return len(self.stack) == 1 and is_fresh(self.stack[0])

    @property
    def innermost(self) -> Body:
        """The generator that is at a yield: the last of those that delegate to one another."""
        generator = self.stack[-1]
        while isinstance(inner := generator.gi_yieldfrom, GeneratorType) and inner.gi_code is not _DELEGATION:
            generator = inner
        return generator

    @property
    def source(self) -> str:
        """``file:line`` of the yield at which it is."""
        frame = self.innermost.gi_frame
        if frame is None:
            return ""
        # Remembered, and not asked of a function: this is at every step.
        code, instruction = frame.f_code, frame.f_lasti
        known = _lines.get(id(code))
        if known is None or known[0] is not code:
            known = _new_lines(code)
        line = known[1].get(instruction)
        if line is None:
            line = known[1][instruction] = line_of(code, instruction)
        return line

    def close(self) -> None:
        """End the generators without a command being heard; what their ``finally`` raises is dropped."""
        self.ended = True
        if self.context is None:
            self._close()
        else:
            self.context.run(self._close)

    def _close(self) -> None:
        while self.stack:
            # User code on its way out: what it raises has no receiver.
            with suppress(BaseException):
                self.stack.pop().close()


class Tasks:
    """The tasks that a branch has started."""

    __slots__ = ("failed", "running")

    def __init__(self) -> None:
        #: Those that have not ended, in the order started.
        self.running: dict[TaskNode, None] = {}
        #: Those that failed, in the order in which they did, until their failure is seen.
        self.failed: dict[TaskNode, None] = {}


class TaskNode(Node):
    """A task with those that wait for it. Its parent is the branch that started it."""

    __slots__ = ("branch", "cancelled", "command", "context", "member", "settled", "source", "told", "waits")

    def __init__(self, branch: Branch, source: str, command: Yieldable[Any], context: Context) -> None:
        super().__init__(branch, 0)
        self.branch = branch
        #: That of who started it, as it was then: the branches in it that begin later have copies.
        self.context = context
        #: The line that started it: that of the steps that a gather in it begins later.
        self.source = source
        self.command = command
        self.member: Node | None = None
        self.settled: Settled | None = None
        self.cancelled = False
        self.waits: dict[Wait, None] = {}
        #: Whether those that waited when it ended have heard of it.
        self.told = False

    @property
    def below(self) -> Iterable[Node]:
        """The nodes that it waits for."""
        return () if self.member is None else (self.member,)

    def holds(self, node: Node | None) -> bool:
        """Tell whether ``node`` is a part of it."""
        while node is not None and node is not self:
            node = node.parent
        return node is not None


class Wait(Node):
    """A place that waits for a task."""

    __slots__ = ("task",)

    def __init__(self, parent: Node, slot: int, task: TaskNode) -> None:
        super().__init__(parent, slot)
        self.task = task


#: What yields a command: a branch; or, of what began later, the task that it is a part of.
Yielder: TypeAlias = Branch | TaskNode


def would_wait_for_itself(task: TaskNode, node: Node) -> bool:
    """Tell whether ``task`` can end only once ``node`` has completed, so that ``node`` must not wait for it.

    Looked for from both sides, a step here and a step there: either side may be very large.
    """
    above, below = _above(node), _below(task)
    own = set(_enclosing(node))
    while True:
        upper, lower = next(above, None), next(below, None)
        if upper is None or lower is None:
            return False
        if upper is task or lower in own:
            return True


def _enclosing(node: Node | None) -> Iterator[Node]:
    """``node``, and what can complete only once it has, up to a race: that may be ended by another member."""
    while node is not None and not node.optional:
        yield node
        node = node.parent


def _above(node: Node) -> Iterator[Node]:
    """The same, and through those that wait for the tasks among them."""
    ahead: list[Iterable[Node | None]] = [(node,)]
    seen: set[Node] = set()
    # It grows meanwhile.
    for waiting in ahead:
        for first in waiting:
            for one in _enclosing(first):
                if one in seen:
                    break
                yield one
                if isinstance(one, TaskNode):
                    seen.add(one)
                    ahead.append(map(_parent, one.waits))


_parent = attrgetter("parent")


def _below(task: TaskNode) -> Iterator[Node]:
    """``task``, and what has to complete for it to end."""
    ahead: list[Iterable[Node]] = [(task,)]
    seen: set[Node] = set()
    # It grows meanwhile.
    for needed in ahead:
        for one in needed:
            if one in seen or one.optional:
                continue
            yield one
            if isinstance(one, TaskNode):
                seen.add(one)
            ahead.append((one.task,) if isinstance(one, Wait) else one.below)


def add_note(error: BaseException, note: str) -> None:
    """Put a note on an exception, whatever its class and its notes are like, where `add_note` may fail."""
    # One that does not even show its attributes goes without.
    with suppress(Exception):
        notes = vars(error).get("__notes__")
        vars(error)["__notes__"] = [*(notes if isinstance(notes, list) else ()), note]


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
    """Tell whether a generator has not been started."""
    return body.gi_frame is not None and not body.gi_suspended and not body.gi_running


#: Where a generator is that hands a command on for ``yield from``.
_DELEGATION = Command.__iter__.__code__


def _new_lines(code: CodeType) -> tuple[CodeType, dict[int, str]]:
    """Begin to remember the lines of a code's yields: each has one text, however often it is a step."""
    if len(_lines) == _MOST_CODES:
        _lines.clear()
    known = _lines[id(code)] = code, {}
    return known


#: By identity, since to hash a code object is to hash all that is in it.
_lines: dict[int, tuple[CodeType, dict[int, str]]] = {}
_MOST_CODES = 10_000
