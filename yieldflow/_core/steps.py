"""The steps of an execution: numbered and issued, or, while replaying, compared with the recorded ones.

Nothing but the events decides what happens, so applying the same events again leads to the same steps; while recorded
ones are at hand, each step is compared with its own, and a difference is a `ReplayMismatchError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .commands import Command, Sleep, SleepUntil, TakeSignals, WaitSignal
from .definitions import ActivityInvocation, Definition, Workflow, WorkflowInvocation
from .errors import (
    ActivityError,
    Cancelled,
    DuplicateDefinitionError,
    EncodingError,
    InternalError,
    ReplayMismatchError,
)
from .groups import cancelled_because
from .history import Codec, Failure, History, Micros, Outcome, Payload, Step, StepEnded, StepKind
from .nodes import Branch, Leaf, Node, Settled, Yielder, add_note
from .replay import mismatch, same_step
from .tree import End, Tree, added

#: Kept here, since to ask the enum for a member is a call, and this one is asked for at nearly every step.
_ACTIVITY = StepKind.ACTIVITY
#: Makes a named tuple in half the time that its own call takes.
_tuple = tuple.__new__


class Steps(Tree):
    """The steps of one execution."""

    __slots__ = ("_at", "_codec", "_conflict", "_history", "_now", "applied", "comparing", "end", "next_step", "over")

    #: How many events were applied.
    applied: int
    #: The number that the next step gets.
    next_step: int
    #: True where each step is compared with the recorded one, and issued to no host.
    comparing: bool
    #: True where nothing more can be applied: the run has ended, or the next one is to begin.
    over: bool
    #: How the workflow ended; None also where it continues as a new run.
    end: End | None
    _codec: Codec
    _conflict: Callable[[Workflow[..., Any]], DuplicateDefinitionError | None]
    _history: History
    #: What `now()` gives, and the time of the event that is being applied, which may be earlier: see `Execution.apply`.
    _now: Micros
    _at: Micros

    # ------------------------------------------------------------------ commands that are steps

    def _begin_activity(self, command: ActivityInvocation[Any], parent: Node, slot: int, yielder: Yielder) -> Node:
        payload = command.encode_arguments(self._codec)
        definition = command.definition
        step = self._issue(_ACTIVITY, definition.name, payload, yielder, None, definition)
        leaf = self.open[step.number] = Leaf(parent, slot, step, command, definition)
        return leaf

    def _begin_child(self, command: WorkflowInvocation[Any], parent: Node, slot: int, yielder: Yielder) -> Node:
        there = self._recorded(self.next_step) if self.comparing else None
        # What was yielded here before has begun. Where it was refused, the record goes on elsewhere.
        if there is None or (there.kind, there.name, there.source) != (StepKind.CHILD, command.name, yielder.source):
            self._refuse_another(command.definition)
        payload = command.encode_arguments(self._codec)
        step = self._issue(StepKind.CHILD, command.name, payload, yielder, None, command.definition)
        self._advance.has_rare = True
        return self._wait_for(step, command, parent, slot)

    def _begin_sleep(self, command: Sleep, parent: Node, slot: int, yielder: Yielder) -> Node:
        payload = self._codec.encode({"seconds": command.seconds})
        step = self._issue(StepKind.SLEEP, "sleep", payload, yielder, self._at + command.micros, None)
        return self._wait_for(step, command, parent, slot)

    def _begin_sleep_until(self, command: SleepUntil, parent: Node, slot: int, yielder: Yielder) -> Node:
        payload = self._codec.encode({"until": command.when.isoformat()})
        step = self._issue(StepKind.SLEEP, "sleep_until", payload, yielder, command.micros, None)
        return self._wait_for(step, command, parent, slot)

    def _begin_signal(self, command: WaitSignal | TakeSignals, parent: Node, slot: int, yielder: Yielder) -> Node:
        kind = StepKind.WAIT_SIGNAL if isinstance(command, WaitSignal) else StepKind.TAKE_SIGNALS
        step = self._issue(kind, command.name, self._codec.encode({}), yielder, None, None)
        self._advance.has_rare = True
        return self._wait_for(step, command, parent, slot)

    def _refuse_another(self, meant: Workflow[..., Any]) -> None:
        """Refuse a workflow where another one would run for it."""
        error = self._conflict(meant)
        if error is not None:
            raise error

    def _wait_for(self, step: Step, command: Command[Any], parent: Node, slot: int) -> Leaf:
        leaf = self.open[step.number] = Leaf(parent, slot, step, command)
        return leaf

    # ------------------------------------------------------------------ values

    def _encode(self, value: object, what: str, name: str = "") -> Payload:
        """``value`` as a payload; ``what`` says what it is, with a place for the name."""
        try:
            return self._codec.encode(value)
        except EncodingError as error:
            raise EncodingError(f"{what.format(name)}: {error}") from None

    def _decode(self, outcome: Outcome, leaf: Leaf) -> Settled:
        if leaf.cancelled:
            return None, cancelled_because(leaf.parent.reason if isinstance(leaf.parent, Branch) else None)
        try:
            if not isinstance(outcome, Failure):
                return self._codec.decode(outcome), None
            error = self._codec.decode_failure(outcome, ActivityError)
        except EncodingError as refused:
            raise EncodingError(f"the outcome of {_place(leaf)}: {refused}") from refused
        add_note(error, f"in {_place(leaf)}")
        return None, error

    def end_unbegun(self, number: int, at: Micros, attempt: int = 1) -> StepEnded:
        """Make the event that ends a step which is cancelled, is waited for nevertheless, and never began.

        Args:
            number: The step; `Advance.cancelling` named it.
            at: The time of the event.
            attempt: Which attempt at it never began.

        Raises:
            InternalError: It is not such a step.
        """
        leaf = self.open.get(number)
        if leaf is None or not leaf.cancelled:
            raise InternalError(f"step {number} of workflow {self.info.workflow_id} is not one that is being cancelled")
        return StepEnded(number, unbegun_outcome(self._codec), at, attempt)

    # ------------------------------------------------------------------ issuing, and what is recorded of it

    def _stays(self, leaf: Leaf) -> bool:
        """Tell whether the end of a step that is cancelled is waited for."""
        command, asked = leaf.command, True
        if isinstance(command, ActivityInvocation):
            stays = command.options.on_cancel == "wait"
        elif isinstance(command, WorkflowInvocation):
            stays = command.options.on_parent_end != "abandon"
            asked = command.options.on_parent_end == "cancel"
        else:
            return False
        if self.comparing:
            # What was done then counts, whatever the options are now.
            stays = leaf.step.number not in self._history.dropped
        if stays and asked:
            advance = self._rare_advance
            advance.cancelling = added(advance.cancelling, leaf.step.number)
        return stays

    def _issue(
        self,
        kind: StepKind,
        name: str,
        payload: str | bytes,
        yielder: Yielder,
        due_at: int | None,
        definition: Definition[..., Any] | None,
    ) -> Step:
        """Number a step, and compare it with the recorded one if there is a record."""
        number = self.next_step
        step = _tuple(Step, (number, kind, name, payload, self.applied, yielder.source, due_at))
        if self.comparing:
            there = self._recorded(number)
            if there is None or not same_step(there, step, definition, self._codec):
                raise self._mismatch(number, there, step, branch=yielder.branch)
            step = there
        else:
            advance = self._advance
            advance.issued = added(advance.issued, step) if advance.issued else (step,)
        self.next_step += 1
        return step

    def _recorded(self, number: int) -> Step | None:
        return self._history.steps[number] if number < len(self._history.steps) else None

    def _check_turn(self) -> None:
        """See that the recorded steps of this turn were all issued again; behind the last event nothing is compared."""
        steps, number = self._history.steps, self.next_step
        if number < len(steps) and steps[number].turn <= self.applied:
            hint = self._ending("here") if self.over else "Nothing was yielded here."
            raise self._mismatch(number, steps[number], None, hint)
        self.comparing = self.applied + 1 < len(self._history.events)

    def _leftover(self, event: StepEnded) -> ReplayMismatchError:
        """A recorded outcome that this code does not wait for."""
        ended = self._ending("before it") if self.over else "This code does not wait for it here."
        hint = f"Outcome {self.applied} is that of this step. {ended}"
        return self._mismatch(event.step, self._recorded(event.step), None, hint)

    def _ending(self, where: str) -> str:
        """That the workflow ended, and of a failure what it was: it may be what is wrong with the code."""
        outcome = None if self.end is None else self.end.outcome
        if not isinstance(outcome, Failure):
            return f"The workflow ended {where}."
        told = (outcome.traceback.rstrip() or outcome.summary).replace("\n", "\n    ")
        return f"The workflow ended {where}, with\n    {told}"

    def _mismatch(
        self, number: int, recorded: Step | None, yielded: Step | None, hint: str = "", branch: Branch | None = None
    ) -> ReplayMismatchError:
        """The error that shows both sides, with the generator: that of ``branch``, or of the workflow itself."""
        error = mismatch(self.info, self._codec, number, recorded, yielded, hint)
        at = self._root if branch is None else branch
        error.generator = at.innermost if at is not None and at.stack else None
        return error


def unbegun_outcome(codec: Codec) -> Failure:
    """Make the outcome of a step that was cancelled before it began."""
    return codec.encode_failure(Cancelled())


def _place(leaf: Leaf) -> str:
    """Name a step for messages."""
    what = "child " if leaf.step.kind is StepKind.CHILD else ""
    return f"step {leaf.step.number}, {what}{leaf.command}"
