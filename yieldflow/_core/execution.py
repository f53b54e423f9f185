"""One workflow: an event goes in, the steps that it leads to come out.

Theory of operation. `Execution.apply` takes one event: the start, the end of a step, or a request to cancel. The node
that waited for it tells its parent, up to the branch that is waiting; that branch becomes runnable. Then every runnable
branch is driven, first in first out, until all wait. What a branch yields becomes a node: a leaf is a step with the
next number, a gather begins its members, and a generator in a gather is a new branch. A task goes on beside the branch
that started it, which ends only when its tasks have. That is one turn. Nothing but the events
decides what happens, so applying the same events again (replay) leads to the same steps (see `steps`).

All of this happens in a `contextvars` context that the execution has for itself, empty at first, also where the
generators are closed; branches have copies of it, as asyncio's tasks have. So what the user's code sets there, as
`decimal.localcontext` does, reaches neither another workflow nor the host.

After an exception from `apply` the execution is of no use: build another from the history. `close` always works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Context
from hashlib import blake2b
from threading import get_ident
from types import GeneratorType
from typing import Any
from uuid import UUID

from .combinators import CancelTask, Start, Task
from .commands import (
    Command,
    Delegated,
    Instant,
    Patched,
    SetProgress,
    Sleep,
    SleepUntil,
    TakeSignals,
    WaitSignal,
    show,
)
from .context import WorkflowInfo, driven, note_used, undriven, unyielded
from .definitions import ActivityInvocation, ContinueAsNew, Workflow, WorkflowInvocation
from .errors import (
    Cancelled,
    CommandError,
    DuplicateDefinitionError,
    EncodingError,
    InternalError,
    ReplayMismatchError,
    WorkflowTimeoutError,
)
from .generator_safety import Referents, closes_silently
from .groups import GROUPS
from .history import (
    CancelRequested,
    Codec,
    Continuation,
    Event,
    History,
    Started,
    StepEnded,
    WorkflowStatus,
    reseeded,
    seed_at,
    to_datetime,
)
from .nodes import (
    NOTHING,
    Body,
    Branch,
    Node,
    Settled,
    Yielder,
    from_below,
    is_fresh,
)
from .registry import taken_over
from .steps import Steps

# Hosts find them beside the execution.
from .tree import NO_ADVANCE, added
from .tree import Advance as Advance
from .tree import End as End
from .yield_errors import DEEPEST, failing, is_expression, no_generator, note_slip, refusal, too_deep

# Kept here, since to ask an enum for a member takes ten times as long as a name.
_DONE = WorkflowStatus.DONE


class Execution(Steps):
    """One run of a workflow, held by a host.

    Args:
        definition: The workflow.
        arguments: What it was called with, by name, fresh from the codec.
        info: What it may know of itself.
        seed: 128 random bits, the same for every execution of this run.
        codec: How values are stored.
        history: What is recorded of this run; `replay` applies it.
        takes_patch: Asked, once in a run for each name, whether `patched` is to be True; it has to answer the same each
            time. None: it is where the turn is new, or the record says so.
        conflict: Returns the error about a workflow that is yielded, where its name finds another one.
    """

    __slots__ = (
        "_arguments",
        "_continuation",
        "_definition",
        "_draws",
        "_patches",
        "_request",
        "_seed",
        "_taken",
        "_takes_patch",
        "following",
    )

    def __init__(
        self,
        definition: Workflow[..., Any],
        arguments: Mapping[str, object],
        info: WorkflowInfo,
        seed: bytes,
        codec: Codec,
        history: History = History(),  # noqa: B008  # immutable
        takes_patch: Callable[[str], bool] | None = None,
        conflict: Callable[[Workflow[..., Any]], DuplicateDefinitionError | None] = taken_over,
    ) -> None:
        self.info = info
        self.end = None
        #: The workflow of the next run, where there is to be one.
        self.following: Workflow[..., Any] | None = None
        self.over = False
        self.applied = 0
        self.open = {}
        self._context = Context()
        self._definition = definition
        self._arguments = arguments
        self._seed = seed
        self._codec = codec
        self._history = history
        self.comparing = bool(history.events)
        self.silent = False
        self.made = {}
        self.used_call_sites = set()
        self.handed = None
        self._root = None
        self._runnable = []
        self._later = ()
        #: Generators that became branches in this turn: until they are driven nothing shows it on them.
        self._taken: set[Body] | None = None
        self._now = self._at = 0
        self.next_step = 0
        self._draws = 0
        #: What `patched` said.
        self._patches: dict[str, bool] | None = None
        self._takes_patch = takes_patch
        self._conflict = conflict
        self._request: CancelRequested | None = None
        self._continuation: Continuation | None = None
        self._advance = NO_ADVANCE

    @property
    def started(self) -> bool:
        """True once the start was applied."""
        return self.applied > 0 or self._root is not None

    # ------------------------------------------------------------------ the two verbs, and their undoing

    def replay(self) -> Advance:
        """Apply the recorded events.

        Returns:
            What the last of them led to, its steps left out.

        Raises:
            ReplayMismatchError: The code leads to other steps.
            EncodingError: A recorded value cannot be read back.
        """
        return self._context.run(self._replay)

    def _replay(self) -> Advance:
        advance = NO_ADVANCE
        for event in self._history.events:
            advance = self._apply(event)
        for number in self.open:
            if number in self._history.dropped:
                hint = "This code still waits for it, and it was recorded as cancelled."
                raise self._mismatch(number, self._recorded(number), None, hint)
        self._history = History()
        return advance

    def apply(self, event: Event, *, silent: bool | None = None) -> Advance:
        """Apply one event and drive every branch as far as it goes.

        As long as recorded events are left, what this one leads to is compared with the record, and issues no steps.

        Args:
            event: What happened.
            silent: Whether the workflow's loggers are silent, since it happened before. None: where it is recorded. A
                host that compares by other means says it here.

        Returns:
            What the event led to.

        Raises:
            ReplayMismatchError: It is recorded, and the code leads to other steps.
            EncodingError: The outcome, or the input, cannot be read back.
        """
        return self._context.run(self._apply, event, silent)

    def _apply(self, event: Event, silent: bool | None = None) -> Advance:
        comparing = self.comparing
        self.silent = comparing if silent is None else silent
        self._advance = advance = Advance()
        thread = get_ident()
        before = driven.get(thread)
        driven[thread] = self
        try:
            self._at = at = event.at
            if at > self._now:
                self._now = at
            self._enter(event)
            while True:
                # It grows meanwhile.
                for branch in self._runnable:
                    if branch.context is None:
                        self._drive(branch)
                    else:
                        branch.context.run(self._drive, branch)
                if not self._later:
                    break
                self._runnable.clear()
                self._report_tasks()
            if self.made:
                found = unyielded(self, ended=self.over)
                slips = [(show(command), line) for command, line in found]
                if slips:
                    self._rare_advance.unyielded = slips
        finally:
            if before is None:
                del driven[thread]
            else:
                driven[thread] = before
            self._runnable.clear()
            self._taken = None
            self._advance = NO_ADVANCE
            self.handed = None
        if comparing:
            self._check_turn()
        self.applied += 1
        return advance

    def reseed(self, new: bytes) -> bytes:
        """Draw ``uuid4()`` and ``random()`` from another seed, from the next event on.

        Args:
            new: 128 random bits.

        Returns:
            The seed that other executions of this run, and what derives from it, are to be given from now on.
        """
        self._seed = reseeded(self._seed, self.applied, new)
        return self._seed

    def close(self) -> None:
        """Close the generators: plain code in a ``finally`` runs, commands are not heard."""
        self._context.run(self._close)

    def _close(self) -> None:
        # The garbage collector may come here in the midst of another workflow, whose commands these are not.
        with undriven():
            for node in from_below(self._root, into_cancelled=True) if self._root is not None else ():
                if isinstance(node, Branch):
                    node.close()
        self._root = None
        self._runnable.clear()

    def closes_silently(self, referents: Referents) -> bool:
        """Tell whether `close` would run no code of the user's; `generator_safety` says what ``referents`` is."""
        nodes = from_below(self._root, into_cancelled=True) if self._root is not None else ()
        bodies = (body for node in nodes if isinstance(node, Branch) for body in node.stack)
        return all(closes_silently(body, referents) for body in bodies)

    # ------------------------------------------------------------------ events

    def _enter(self, event: Event) -> None:
        if isinstance(event, StepEnded):
            number, outcome, _, _ = event
            leaf = self.open.pop(number, None)
            if leaf is None:
                raise self._leftover(event)
            self._settle(leaf, self._decode(outcome, leaf))
        elif isinstance(event, Started):
            if self.started:
                raise InternalError(f"workflow {self.info.workflow_id} was started twice")
            self._root = Branch(None, 0, self._body())
            self._runnable.append(self._root)
        else:
            self._cancel_run(event)

    def _cancel_run(self, request: CancelRequested) -> None:
        if self._root is None:
            raise InternalError(f"workflow {self.info.workflow_id} was cancelled while it was not running")
        if self.over:
            hint = f"Event {self.applied} is a request to cancel the workflow, which has ended before it."
            raise self._mismatch(self.next_step, None, None, hint)
        if self._request is None:
            self._request = request
            reason = request.reason
            if reason is None and request.timeout is not None:
                reason = f"did not end within {request.timeout} s"
            self._cancel(self._root, reason)

    def _body(self) -> Body:
        # A generator function runs nothing when it is called; a decorator around it may.
        try:
            body: Body = self._definition.call(self._arguments)
        except BaseException as error:
            if isinstance(error, TypeError) and not self._definition.takes(self._arguments):
                raise ReplayMismatchError(
                    f"workflow {self.info.name!r} ({self.info.workflow_id}) no longer takes the arguments that it was "
                    f"submitted with: {error}. Give a new parameter a default, or keep the old one."
                ) from None
            body = failing(error)
        if not isinstance(body, GeneratorType):
            body = failing(CommandError(no_generator(self.info.name, body)))
        return body

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
                note_slip(raised, error)
                value, error = None, raised
                continue
            if isinstance(yielded, Delegated):
                branch.delegated = yielded
                yielded = yielded.command
            if isinstance(yielded, GeneratorType) and self._is_new(yielded):
                value, error = None, None if len(stack) < DEEPEST else too_deep(yielded)
                if error is None:
                    stack.append(yielded)
                continue
            begun = self._begin(yielded, branch, 0, branch)
            if isinstance(begun, Node):
                branch.waiting_for = begun
                return
            value, error = begun
        if not branch.ended:
            branch.ended = True
            self._end_branch(branch, (value, error))

    def _begin(self, yielded: Any, parent: Node, slot: int, yielder: Yielder) -> Node | Settled:
        """Turn what was yielded into a node that is waited for, or into its result where that is there at once."""
        self.use(yielded)
        begin = _BEGIN.get(type(yielded))
        try:
            if begin is None:
                note_used(yielded)
                raise CommandError(refusal(yielded))
            return begin(self, yielded, parent, slot, yielder)
        except (CommandError, DuplicateDefinitionError, EncodingError) as error:
            return None, error

    def _begin_group(self, command: Command[Any], parent: Node, slot: int, yielder: Yielder) -> Node | Settled:
        group = GROUPS[type(command)](parent, slot, command)
        self._feed(group, yielder)
        return group.outcome() if group.complete else group

    def _is_new(self, body: Body) -> bool:
        """Tell whether a generator can be driven."""
        return is_fresh(body) and (self._taken is None or body not in self._taken) and not is_expression(body)

    def _begin_branch(self, body: Body, parent: Node, slot: int, yielder: Yielder) -> Node:
        if not self._is_new(body) or isinstance(parent, Branch):
            raise CommandError(refusal(body))
        if self._taken is None:
            self._taken = set()
        self._taken.add(body)
        branch = Branch(parent, slot, body, self._copied_context(yielder))
        self._runnable.append(branch)
        return branch

    def _begin_instant(self, command: Instant[Any], parent: Node, slot: int, yielder: Yielder) -> Settled:
        if command.name == "now":
            return to_datetime(self._now), None
        if command.name == "info":
            return self.info, None
        seed = seed_at(self._seed, self.applied)
        drawn = blake2b(self._draws.to_bytes(8, "big"), key=seed, digest_size=16).digest()
        self._draws += 1
        if command.name == "uuid4":
            return UUID(bytes=drawn, version=4), None
        # 53 bits are what a float between 0 and 1 holds.
        return (int.from_bytes(drawn[:8], "big") >> 11) / (1 << 53), None

    def _begin_patched(self, command: Patched, parent: Node, slot: int, yielder: Yielder) -> Settled:
        if self._patches is None:
            self._patches = {}
        taken = self._patches.get(command.name)
        if taken is None:
            if self._takes_patch is not None:
                taken = self._takes_patch(command.name)
            else:
                taken = not self.comparing or command.name in self._history.patches
            self._patches[command.name] = taken
            if taken and not self.comparing:
                advance = self._rare_advance
                advance.patches = added(advance.patches, command.name)
        return taken, None

    def _begin_progress(self, command: SetProgress, parent: Node, slot: int, yielder: Yielder) -> Settled:
        self._rare_advance.progress = self._encode(command.value, "the progress")
        return NOTHING

    def _begin_continue(self, command: ContinueAsNew, parent: Node, slot: int, yielder: Yielder) -> Node:
        root = self._root
        if root is None or parent is not root:
            raise CommandError(
                f"{command} was yielded in a branch: only the workflow itself can end its run. "
                "Return from the branch, and yield it from the workflow"
            )
        self._refuse_another(command.invocation.definition)
        self.following = command.invocation.definition
        self._continuation = Continuation(command.invocation.name, command.invocation.encode_arguments(self._codec))
        with undriven():
            root.close()
        self._end_branch(root, NOTHING)
        # A node that nothing ever ends.
        return Node(root, 0)

    # ------------------------------------------------------------------ the end

    def _finish(self, settled: Settled) -> None:
        value, error = settled
        self.over = True
        if error is None and self._continuation is not None:
            self._rare_advance.continuation = self._continuation
            return
        if error is None:
            try:
                self.end = End(_DONE, self._encode(value, "what workflow {!r} returned", self.info.name))
            except EncodingError as refused:
                error = refused
        if error is not None:
            status = WorkflowStatus.FAILED
            if isinstance(error, Cancelled):
                status, error = self._cancelled(error)
            self.end = End(status, self._codec.encode_failure(error))
        self._advance.end = self.end

    def _cancelled(self, error: Cancelled) -> tuple[WorkflowStatus, BaseException]:
        """Return the status of a workflow that ended with `Cancelled`, and the error to be recorded."""
        request = self._request
        if request is not None and request.timeout is not None:
            timeout = WorkflowTimeoutError(f"workflow {self.info.name!r} did not end within {request.timeout} s")
            timeout.__cause__ = error
            return WorkflowStatus.FAILED, timeout
        if request is not None and request.reason is not None and str(error) != request.reason:
            given = Cancelled(request.reason)
            given.__cause__ = error
            return WorkflowStatus.CANCELLED, given
        return WorkflowStatus.CANCELLED, error


#: The method that begins each kind of command.
_BEGIN: dict[type, Callable[[Execution, Any, Node, int, Yielder], Node | Settled]] = {
    ActivityInvocation: Execution._begin_activity,
    WorkflowInvocation: Execution._begin_child,
    Sleep: Execution._begin_sleep,
    SleepUntil: Execution._begin_sleep_until,
    WaitSignal: Execution._begin_signal,
    TakeSignals: Execution._begin_signal,
    **dict.fromkeys(GROUPS, Execution._begin_group),
    GeneratorType: Execution._begin_branch,
    Start: Execution._begin_start,
    Task: Execution._begin_wait,
    CancelTask: Execution._begin_cancel,
    Instant: Execution._begin_instant,
    Patched: Execution._begin_patched,
    SetProgress: Execution._begin_progress,
    ContinueAsNew: Execution._begin_continue,
}
