"""One workflow: an event goes in, the steps that it leads to come out.

Theory of operation. `Execution.apply` takes one event: the start, or the end of a step. The node that waited for it
tells its parent, up to the branch that is waiting; that branch becomes runnable. Then every runnable branch is driven,
first in first out, until all wait. What a branch yields becomes a node: a leaf is a step with the next number, a
gather begins its members, a generator in a gather is a new branch. That is one turn. Nothing but the events decides
what happens, so applying the same events again (replay) leads to the same steps; while recorded steps are at hand,
each step is compared with the recorded one, and a difference is a `ReplayMismatchError`.

After an exception from `apply` the execution is of no use: build another from the history. `close` always works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from types import GeneratorType
from typing import Any, NamedTuple
from uuid import UUID

from .commands import Delegated, Gather, Instant, Sleep, show
from .context import Driving, WorkflowInfo, drive, note_used, unyielded
from .definitions import ActivityInvocation, Definition, Workflow
from .errors import ActivityError, Cancelled, CommandError, EncodingError, InternalError, ReplayMismatchError
from .history import (
    Codec,
    Event,
    Failure,
    History,
    Outcome,
    Started,
    Step,
    StepEnded,
    StepKind,
    WorkflowStatus,
    to_datetime,
)
from .nodes import NOTHING, Body, Branch, Group, Leaf, Node, Settled, from_below, is_fresh
from .refusals import refusal
from .replay import mismatch, same_step


class End(NamedTuple):
    """How a workflow ended."""

    status: WorkflowStatus
    outcome: Outcome


class Advance:
    """What one event led to."""

    __slots__ = ("cancelled", "end", "issued", "unyielded")

    def __init__(self) -> None:
        #: New steps, in the order issued.
        self.issued: list[Step] = []
        #: Numbers of steps that are no longer waited for.
        self.cancelled: list[int] = []
        self.end: End | None = None
        #: Commands that were made and can no longer be yielded: what, and ``file:line``.
        self.unyielded: Sequence[tuple[str, str]] = ()


NO_ADVANCE = Advance()


class Execution:
    """One run of a workflow, held by a host.

    Args:
        definition: The workflow.
        arguments: What it was called with, by name, fresh from the codec.
        info: What it may know of itself.
        seed: 128 random bits, the same for every execution of this run.
        codec: How values are stored.
        history: What is recorded of this run; `replay` applies it.
    """

    __slots__ = (
        "_advance",
        "_arguments",
        "_codec",
        "_definition",
        "_draws",
        "_driving",
        "_history",
        "_next_step",
        "_now",
        "_root",
        "_runnable",
        "_seed",
        "_taken",
        "applied",
        "end",
        "info",
        "open",
    )

    def __init__(
        self,
        definition: Workflow[..., Any],
        arguments: Mapping[str, object],
        info: WorkflowInfo,
        seed: bytes,
        codec: Codec,
        history: History = History(),  # noqa: B008  # immutable
    ) -> None:
        self.info = info
        self.end: End | None = None
        #: How many events were applied.
        self.applied = 0
        #: The open steps by number.
        self.open: dict[int, Leaf] = {}
        self._definition = definition
        self._arguments = arguments
        self._seed = seed
        self._codec = codec
        self._history = history
        self._driving = Driving(info)
        self._root: Branch | None = None
        #: The branches to be driven in this turn, those that were driven included.
        self._runnable: list[Branch] = []
        #: Generators that became branches in this turn: until they are driven nothing shows it on them.
        self._taken: set[Body] | None = None
        self._now = 0
        self._next_step = 0
        self._draws = 0
        #: What the event being applied has led to so far.
        self._advance = NO_ADVANCE

    # ------------------------------------------------------------------ the two verbs, and their undoing

    def replay(self) -> None:
        """Apply the recorded events.

        Raises:
            ReplayMismatchError: The code leads to other steps.
            EncodingError: A recorded value cannot be read back.
        """
        for event in self._history.events:
            self.apply(event)
        self._history = History()

    def apply(self, event: Event) -> Advance:
        """Apply one event and drive every branch as far as it goes.

        Raises:
            ReplayMismatchError: While replaying, the code leads to other steps.
            EncodingError: The outcome, or the input, cannot be read back.
        """
        recorded = self.applied < len(self._history.events)
        self._driving.replaying = recorded
        self._advance = advance = Advance()
        before = drive(self._driving)
        try:
            self._now = max(self._now, event.at)
            self._enter(event)
            # It grows meanwhile.
            for branch in self._runnable:
                self._drive(branch)
            if self._driving.made:
                ended = advance.end is not None
                advance.unyielded = [(show(command), line) for command, line in unyielded(self._driving, ended=ended)]
        finally:
            drive(before)
            self._runnable.clear()
            self._taken = None
            self._advance = NO_ADVANCE
        if recorded:
            self._check_turn()
        self.applied += 1
        return advance

    def close(self) -> None:
        """Let go of the generators: plain code in a ``finally`` runs, commands are not heard."""
        # The garbage collector may come here in the midst of another workflow, whose commands these are not.
        before = drive(None)
        try:
            for node in from_below(self._root, into_cancelled=True) if self._root is not None else ():
                if isinstance(node, Branch):
                    node.close()
        finally:
            drive(before)
        self._root = None
        self._runnable.clear()

    # ------------------------------------------------------------------ events

    def _enter(self, event: Event) -> None:
        if isinstance(event, StepEnded):
            leaf = self.open.pop(event.step, None)
            if leaf is None:
                raise self._leftover(event)
            self._settle(leaf, self._decode(event.outcome, leaf))
        elif isinstance(event, Started):
            if self._root is not None:
                raise InternalError(f"workflow {self.info.workflow_id} was started twice")
            self._root = Branch(None, 0, self._body())
            self._runnable.append(self._root)

    def _body(self) -> Body:
        try:
            body: Body = self._definition.call(self._arguments)
        except TypeError as error:
            raise ReplayMismatchError(
                f"workflow {self.info.name!r} ({self.info.workflow_id}) no longer takes the arguments that it was "
                f"submitted with: {error}. Give a new parameter a default, or keep the old one."
            ) from None
        return body

    def _decode(self, outcome: Outcome, leaf: Leaf) -> Settled:
        if isinstance(outcome, Failure):
            error = self._codec.decode_failure(outcome, ActivityError)
            with suppress(Exception):
                error.add_note(f"in step {leaf.step.number}, {leaf.command}")
            return None, error
        return self._codec.decode(outcome), None

    # ------------------------------------------------------------------ driving

    def _drive(self, branch: Branch) -> None:
        """Run ``branch`` until it waits or ends."""
        stack = branch.stack
        value, error = branch.resume_with
        branch.resume_with = NOTHING
        while stack:
            if branch.delegated is not None:
                branch.delegated.resumed = True
                branch.delegated = None
            try:
                yielded = stack[-1].send(value) if error is None else stack[-1].throw(error)
            except StopIteration as stop:
                stack.pop()
                value, error = stop.value, None
                continue
            except BaseException as raised:
                stack.pop()
                value, error = None, raised
                continue
            if isinstance(yielded, Delegated):
                branch.delegated = yielded
                yielded = yielded.command
            if isinstance(yielded, GeneratorType) and self._is_new(yielded):
                stack.append(yielded)
                value = error = None
                continue
            begun = self._begin(yielded, branch, 0, branch)
            if isinstance(begun, Node):
                branch.waiting_for = begun
                return
            value, error = begun
        if not branch.ended:
            branch.ended = True
            self._settle(branch, (value, error))

    def _begin(self, yielded: Any, parent: Branch | Group, slot: int, yielder: Branch) -> Node | Settled:
        """Turn what was yielded into a node that is waited for, or into what it comes to at once."""
        self._driving.use(yielded)
        begin = _BEGIN.get(type(yielded))
        try:
            if begin is None:
                note_used(yielded)
                raise CommandError(refusal(yielded))
            return begin(self, yielded, parent, slot, yielder)
        except (CommandError, EncodingError) as error:
            return None, error

    def _begin_activity(
        self, command: ActivityInvocation[Any], parent: Branch | Group, slot: int, yielder: Branch
    ) -> Node:
        try:
            payload = self._codec.encode(command._arguments)
        except EncodingError as error:
            raise EncodingError(f"an argument of activity {command.name!r}: {error}") from None
        definition = command.definition
        step = self._issue(StepKind.ACTIVITY, definition.name, payload, yielder, None, definition)
        leaf = self.open[step.number] = Leaf(parent, slot, step, command, definition)
        return leaf

    def _begin_sleep(self, command: Sleep, parent: Branch | Group, slot: int, yielder: Branch) -> Node:
        payload = self._codec.encode({"seconds": command.seconds})
        step = self._issue(StepKind.SLEEP, "sleep", payload, yielder, self._now + command.micros, None)
        leaf = self.open[step.number] = Leaf(parent, slot, step, command)
        return leaf

    def _begin_gather(self, command: Gather, parent: Branch | Group, slot: int, yielder: Branch) -> Node | Settled:
        group = Group(parent, slot, command)
        self._feed(group, yielder)
        return group.outcome() if group.complete else group

    def _is_new(self, body: Body) -> bool:
        return is_fresh(body) and (self._taken is None or body not in self._taken)

    def _begin_branch(self, body: Body, parent: Branch | Group, slot: int, yielder: Branch) -> Node:
        if not self._is_new(body) or not isinstance(parent, Group):
            raise CommandError(
                f"generator {getattr(body, '__qualname__', body)} was already started: "
                "a generator runs once, so call its function again for each use"
            )
        if self._taken is None:
            self._taken = set()
        self._taken.add(body)
        branch = Branch(parent, slot, body)
        self._runnable.append(branch)
        return branch

    def _begin_instant(self, command: Instant[Any], parent: Branch | Group, slot: int, yielder: Branch) -> Settled:
        if command.name == "now":
            return to_datetime(self._now), None
        if command.name == "info":
            return self.info, None
        drawn = blake2b(self._draws.to_bytes(8, "big"), key=self._seed, digest_size=16).digest()
        self._draws += 1
        if command.name == "uuid4":
            return UUID(bytes=drawn, version=4), None
        # 53 bits are what a float between 0 and 1 holds.
        return (int.from_bytes(drawn[:8], "big") >> 11) / (1 << 53), None

    def _feed(self, group: Group, yielder: Branch) -> None:
        """Begin members of ``group`` up to its limit, and of the gathers among them, however deep."""
        path = [group]
        while path:
            group = path[-1]
            if group.hungry:
                slot = group.next
                group.next += 1
                member = group.members[slot]
                if type(member) is Gather:
                    path.append(Group(group, slot, member))
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

    # ------------------------------------------------------------------ completing and cancelling

    def _settle(self, node: Node, settled: Settled) -> None:
        """Tell whoever waits for ``node`` how it came out, and so on upwards while that completes them too."""
        while True:
            parent = node.parent
            if parent is None:
                self._finish(settled)
                return
            if isinstance(parent, Branch):
                self._resume(parent, settled)
                return
            if parent.take(node.slot, settled):
                self._cancel_members(parent)
            self._feed(parent, self._yielder(parent))
            if not parent.complete:
                return
            node, settled = parent, parent.outcome()

    def _yielder(self, group: Group) -> Branch:
        """The branch that yielded ``group``."""
        node: Branch | Group | None = group
        while isinstance(node, Group):
            node = node.parent
        if node is None:
            raise InternalError("a gather without a branch")
        return node

    def _resume(self, branch: Branch, settled: Settled) -> None:
        branch.waiting_for = None
        branch.resume_with = settled
        self._runnable.append(branch)

    def _cancel(self, node: Node) -> bool:
        """Have ``node`` end early; True where it is over at once, False where its cleanup is waited for."""
        over = False
        for one in from_below(node, into_cancelled=False):
            over = self._cancel_alone(one)
            if over and one is not node:
                if isinstance(one.parent, Group):
                    del one.parent.running[one.slot]
                elif isinstance(one.parent, Branch):
                    self._resume(one.parent, (None, Cancelled()))
        return over

    def _cancel_alone(self, node: Node) -> bool:
        """The same for ``node`` after all below it."""
        if isinstance(node, Leaf):
            del self.open[node.step.number]
            self._advance.cancelled.append(node.step.number)
            return True
        if isinstance(node, Group):
            node.cancelled = True
            return node.complete
        if not isinstance(node, Branch) or node.cancelled:
            return False
        node.cancelled = True
        if node.fresh:
            node.close()
            return True
        if node.waiting_for is None:
            node.resume_with = None, Cancelled()
        return False

    def _cancel_members(self, group: Group) -> None:
        for slot, member in list(group.running.items()):
            if self._cancel(member):
                del group.running[slot]

    def _finish(self, settled: Settled) -> None:
        value, error = settled
        if error is None:
            try:
                payload = self._codec.encode(value)
            except EncodingError as refused:
                refusal = EncodingError(f"what workflow {self.info.name!r} returned: {refused}")
                self.end = End(WorkflowStatus.FAILED, self._codec.encode_failure(refusal))
            else:
                self.end = End(WorkflowStatus.DONE, payload)
        else:
            status = WorkflowStatus.CANCELLED if isinstance(error, Cancelled) else WorkflowStatus.FAILED
            self.end = End(status, self._codec.encode_failure(error))
        self._advance.end = self.end

    # ------------------------------------------------------------------ steps, and what is recorded of them

    def _issue(
        self,
        kind: StepKind,
        name: str,
        payload: str | bytes,
        yielder: Branch,
        due_at: int | None,
        definition: Definition[..., Any] | None,
    ) -> Step:
        """Number a step; while replaying, it must be the recorded one."""
        number = self._next_step
        step = Step(number, kind, name, payload, self.applied, yielder.source, due_at)
        if self.applied < len(self._history.events):
            there = self._recorded(number)
            if there is None or not same_step(there, step, definition, self._codec):
                raise mismatch(self.info, self._codec, number, there, step)
            step = there
        else:
            self._advance.issued.append(step)
        self._next_step += 1
        return step

    def _recorded(self, number: int) -> Step | None:
        return self._history.steps[number] if number < len(self._history.steps) else None

    def _check_turn(self) -> None:
        """The recorded steps of this turn were all issued again."""
        missing = self._recorded(self._next_step)
        if missing is not None and missing.turn <= self.applied:
            hint = "The workflow ended here." if self.end is not None else "Nothing was yielded here."
            raise mismatch(self.info, self._codec, self._next_step, missing, None, hint)

    def _leftover(self, event: StepEnded) -> ReplayMismatchError:
        """A recorded outcome that this code does not wait for."""
        ended = "The workflow ended before it." if self.end is not None else "This code does not wait for it here."
        hint = f"Outcome {self.applied} is that of this step. {ended}"
        return mismatch(self.info, self._codec, event.step, self._recorded(event.step), None, hint)


#: What begins each kind of command.
_BEGIN: dict[type, Callable[[Execution, Any, Branch | Group, int, Branch], Node | Settled]] = {
    ActivityInvocation: Execution._begin_activity,
    Sleep: Execution._begin_sleep,
    Gather: Execution._begin_gather,
    Instant: Execution._begin_instant,
    GeneratorType: Execution._begin_branch,
}
