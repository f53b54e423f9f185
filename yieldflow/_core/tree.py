"""Completes and cancels nodes, up and down the tree.

A node that completes tells its parent, and so on upwards as long as that completes too; the branch that this reaches
becomes runnable. Cancelling goes from the inside out. Both are loops, so that no depth of nesting is too deep. What a
task's end means for others is told when every runnable branch has been driven, since it may reach any part of the
tree, also the part that is just being built.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import Context
from typing import Any, NamedTuple, TypeVar

from .combinators import CancelTask, Start, Task, show_yieldable
from .commands import show
from .context import Driving
from .errors import Cancelled, CommandError, InternalError, TaskCancelledError
from .groups import GROUPS, Group, cancelled_because, failure_beneath
from .history import Continuation, Outcome, Payload, Step, StepKind, WorkflowStatus
from .nodes import (
    NOTHING,
    Branch,
    Leaf,
    Node,
    Settled,
    TaskNode,
    Tasks,
    Wait,
    Yielder,
    add_note,
    from_below,
    would_wait_for_itself,
)

T = TypeVar("T")


class End(NamedTuple):
    """The end of a workflow."""

    status: WorkflowStatus
    outcome: Outcome


class Advance:
    """The consequences of one event, for the host.

    They are attributes of the class until there are any: one is made at each event, and most have but steps or an end.
    """

    #: New steps, in the order issued.
    issued: Sequence[Step] = ()
    #: How the workflow ended, if it did.
    end: End | None = None
    #: True where a step is neither an activity nor a sleep, and where there is any of the following.
    has_rare = False
    #: Numbers of steps that are no longer waited for. The host is to end them,
    cancelled: Sequence[int] = ()
    #: but for those among them that are to be left alone: children that outlive their parent.
    abandoned: Sequence[int] = ()
    #: Numbers of steps that are to end early, and whose end is waited for.
    cancelling: Sequence[int] = ()
    #: Commands that were made and can no longer be yielded: what, and ``file:line``.
    unyielded: Sequence[tuple[str, str]] = ()
    #: The value that `set_progress` was given last.
    progress: Payload | None = None
    #: Names for which `patched` was True for the first time.
    patches: Sequence[str] = ()
    #: The next run, where the workflow asked for one. Then there is no end.
    continuation: Continuation | None = None


NO_ADVANCE = Advance()


def added(some: Sequence[T], one: T) -> Sequence[T]:
    """Add one to ``some``, which is no other's yet."""
    if isinstance(some, list):
        some.append(one)
        return some
    return [*some, one]


class Tree(Driving):
    """The nodes of one execution."""

    __slots__ = ("_advance", "_context", "_later", "_root", "_runnable", "open")

    # Set by the execution, since a chain of calls would be felt in each new workflow.

    #: The open steps by number.
    open: dict[int, Leaf]
    #: The context variables of the workflow: its own code runs there.
    _context: Context
    _root: Branch | None
    #: The branches to be driven in this turn, those that were driven included.
    _runnable: list[Branch]
    #: Tasks that have ended, or are to be cancelled, once every runnable branch has been driven.
    _later: Sequence[TaskNode]
    #: The consequences of the event being applied, as far as they are known.
    _advance: Advance

    @property
    def root(self) -> Branch | None:
        """The branch of the workflow itself; None before its start, and once it is closed."""
        return self._root

    @property
    def _rare_advance(self) -> Advance:
        """The consequences of the event, to have something noted there that few events lead to."""
        self._advance.has_rare = True
        return self._advance

    # ------------------------------------------------------------------ what an execution adds

    def _begin(self, yielded: Any, parent: Node, slot: int, yielder: Yielder) -> Node | Settled:
        """Turn what was yielded into a node that is waited for, or into its result where that is there at once."""
        raise NotImplementedError

    def _copied_context(self, yielder: Yielder) -> Context:
        """Copy the context variables of who yields something that goes on beside it."""
        return (self._context if yielder.context is None else yielder.context).copy()

    def _stays(self, leaf: Leaf) -> bool:
        """Tell whether the end of a step that is cancelled is waited for."""
        raise NotImplementedError

    def _finish(self, settled: Settled) -> None:
        """The workflow's own branch has ended."""
        raise NotImplementedError

    # ------------------------------------------------------------------ beginning

    def _feed(self, group: Group, yielder: Yielder) -> None:
        """Begin members of ``group`` up to its limit, and of the groups among them, however deep."""
        path = [group]
        while path:
            group = path[-1]
            if group.hungry:
                slot = group.next
                group.next += 1
                member = group.members[slot]
                make = GROUPS.get(type(member))  # type: ignore[arg-type]  # a generator's type is just not found
                if make is not None:
                    path.append(make(group, slot, member))
                    group.running[slot] = path[-1]
                    continue
                begun = self._begin(member, group, slot, yielder)
                if isinstance(begun, Node):
                    group.running[slot] = begun
                    continue
            else:
                path.pop()
                if not (path and group.complete):
                    continue
                slot, begun, group = group.slot, group.outcome(), path[-1]
            if group.take(slot, begun):
                self._cancel_members(group)

    def _yielder(self, group: Group) -> Yielder:
        """Find the branch or task that yielded ``group``."""
        node: Node | None = group
        while node is not None:
            if isinstance(node, (Branch, TaskNode)):
                return node
            node = node.parent
        raise InternalError("a group without a branch")

    # ------------------------------------------------------------------ completing

    def _settle(self, node: Node, settled: Settled) -> None:
        """Hand a node's result to the node that waits for it, and so on upwards while that completes them too."""
        while True:
            parent = node.parent
            if isinstance(parent, Branch):
                # As `_resume` does, without the call: this is at nearly every step.
                parent.waiting_for = None
                parent.resume_with = settled
                self._runnable.append(parent)
                return
            if parent is None:
                self._finish(settled)
                return
            if isinstance(parent, TaskNode):
                self._end_task(parent, settled)
                return
            if not isinstance(parent, Group):
                raise InternalError(f"a {type(parent).__name__} waits for nothing")
            if parent.take(node.slot, settled):
                self._cancel_members(parent)
            if parent.hungry:
                self._feed(parent, self._yielder(parent))
            if not parent.complete:
                return
            node, settled = parent, parent.outcome()

    def _resume(self, branch: Branch, settled: Settled) -> None:
        branch.waiting_for = None
        branch.resume_with = settled
        self._runnable.append(branch)

    def _end_branch(self, branch: Branch, settled: Settled) -> None:
        """Settle a branch once the tasks that it started have ended; a branch that failed cancels them."""
        if branch.tasks is None:
            self._settle(branch, settled)
            return
        branch.outcome = settled
        if settled[1] is not None:
            for task in list(branch.tasks.running):
                self._cancel(task)
        self._settle_branch(branch)

    def _settle_branch(self, branch: Branch) -> None:
        """Settle a branch if its tasks have ended: a failure of theirs that was not seen is its own."""
        tasks = branch.tasks
        # Those that wait for a task may be about to see its failure.
        if tasks is None or branch.outcome is None or tasks.running or not all(task.told for task in tasks.failed):
            return
        (value, error), branch.outcome = branch.outcome, None
        for task in tasks.failed:
            failure = task.settled[1] if task.settled is not None else None
            if failure is None or failure is error:
                continue
            what = show_yieldable(task.command, 200)
            if error is None:
                error = failure
                add_note(error, f"in task {what}, which nobody waited for")
                continue
            add_note(error, f"task {what} failed too, and nobody waited for it: {show(failure)}")
            if isinstance(error, Cancelled) and failure_beneath(error) is None:
                error.__cause__ = failure
        tasks.failed.clear()
        self._settle(branch, (value, error))

    # ------------------------------------------------------------------ tasks

    def _begin_start(self, command: Start, parent: Node, slot: int, yielder: Yielder) -> Settled:
        task = TaskNode(yielder.branch, yielder.source, command.command, self._copied_context(yielder))
        tasks = task.branch.tasks
        if tasks is None:
            tasks = task.branch.tasks = Tasks()
        tasks.running[task] = None
        begun = self._begin(command.command, task, 0, task)
        if isinstance(begun, Node):
            task.member = begun
        elif begun[1] is None or type(command.command) in GROUPS:
            self._end_task(task, begun)
        else:
            # It was refused: that is told where it was to start.
            del tasks.running[task]
            return begun
        return Task(command.command, task, self), None

    def _begin_wait(self, command: Task[Any], parent: Node, slot: int, yielder: Yielder) -> Node | Settled:
        task = self._node_of(command)
        if task.settled is not None:
            if task.branch.tasks is not None:
                task.branch.tasks.failed.pop(task, None)
            return task.settled
        if would_wait_for_itself(task, parent):
            raise CommandError(
                f"{command} was yielded in a part of itself, or in a task that it waits for: "
                "it would wait for itself for ever"
            )
        wait = Wait(parent, slot, task)
        task.waits[wait] = None
        return wait

    def _begin_cancel(self, command: CancelTask, parent: Node, slot: int, yielder: Yielder) -> Settled:
        task = self._node_of(command.task)
        if task.settled is None:
            if task.holds(yielder):
                self._later = added(self._later, task)
            else:
                self._cancel(task)
        return NOTHING

    def _node_of(self, task: Task[Any]) -> TaskNode:
        node = task._node
        if task._home is not self or not isinstance(node, TaskNode):
            raise CommandError(
                f"{task} belongs to another workflow or another run: a task can be used only where it was started"
            )
        return node

    def _end_task(self, task: TaskNode, settled: Settled) -> None:
        """Note how a task came out; it is told later."""
        tasks = task.branch.tasks
        assert tasks is not None
        del tasks.running[task]
        task.member = None
        error = failure_beneath(settled[1])
        if error is not None:
            settled = None, error
            tasks.failed[task] = None
        elif task.cancelled or settled[1] is not None:
            settled = None, TaskCancelledError(f"task {show_yieldable(task.command, 200)} was cancelled")
        task.settled = settled
        self._later = added(self._later, task)

    def _report_tasks(self) -> None:
        """Report the tasks that have ended, and cancel those that asked for it themselves."""
        # It grows meanwhile.
        for task in self._later:
            if task.settled is None:
                self._cancel(task)
            elif not task.told:
                self._settle_waits(task, task.settled)
        branches = dict.fromkeys(task.branch for task in self._later)
        self._later = ()
        for branch in branches:
            self._settle_branch(branch)

    def _settle_waits(self, task: TaskNode, settled: Settled) -> None:
        task.told = True
        if task.waits and task.branch.tasks is not None:
            task.branch.tasks.failed.pop(task, None)
        for wait in list(task.waits):
            # One that was told before may have cancelled it.
            if task.waits.pop(wait, wait) is None:
                self._settle(wait, settled)

    # ------------------------------------------------------------------ cancelling

    def _cancel(self, node: Node, reason: str | None = None) -> bool:
        """Have ``node`` end early; True where it is over at once, False where its end is waited for."""
        over = False
        for one in from_below(node, into_cancelled=False):
            over = self._cancel_node(one, reason)
            if over and one is not node:
                if isinstance(one.parent, Group):
                    del one.parent.running[one.slot]
                elif isinstance(one.parent, TaskNode):
                    self._end_task(one.parent, (None, Cancelled()))
                elif isinstance(one.parent, Branch):
                    self._resume(one.parent, (None, cancelled_because(reason)))
        return over

    def _cancel_node(self, node: Node, reason: str | None) -> bool:
        """Have ``node`` end early, after all below it."""
        if isinstance(node, Leaf):
            return self._cancel_leaf(node)
        if isinstance(node, Wait):
            del node.task.waits[node]
            return True
        if isinstance(node, Group):
            if not node.cancelled:
                node.cancelled, node.reason = True, reason
            return node.complete
        if isinstance(node, TaskNode):
            node.cancelled = True
        return isinstance(node, Branch) and not node.cancelled and self._cancel_branch(node, reason)

    def _cancel_branch(self, branch: Branch, reason: str | None) -> bool:
        branch.cancelled, branch.reason = True, reason
        if branch.outcome is not None:
            if branch.outcome[1] is None:
                branch.outcome = None, cancelled_because(reason)
        elif branch.fresh:
            branch.close()
            return True
        elif branch.waiting_for is None:
            branch.resume_with = None, cancelled_because(reason)
        return False

    def _cancel_leaf(self, leaf: Leaf) -> bool:
        if leaf.cancelled:
            return False
        if self._stays(leaf):
            leaf.cancelled = True
            return False
        number = leaf.step.number
        del self.open[number]
        advance = self._rare_advance
        advance.cancelled = added(advance.cancelled, number)
        if leaf.step.kind is StepKind.CHILD:
            advance.abandoned = added(advance.abandoned, number)
        return True

    def _cancel_members(self, group: Group) -> None:
        for slot, member in list(group.running.items()):
            if self._cancel(member):
                del group.running[slot]
