"""Step a workflow by hand, in a plain test: no thread, no database, no clock.

`Stepper` is a host of the same core that the orchestrator uses, and values pass through the same codec. What happens
next is what the test says: it resolves a pending command or lets it fail, in any order.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar, overload

from ._core.commands import Command, Sleep, SleepUntil, TakeSignals, WaitSignal, show
from ._core.context import WorkflowInfo
from ._core.definitions import Workflow, WorkflowInvocation
from ._core.errors import Cancelled, CommandError, WorkflowCancelledError, WorkflowFailedError, YieldflowError
from ._core.execution import Advance, Execution
from ._core.history import Continuation, Event, Failure, History, Micros, Started, Step, StepEnded, WorkflowStatus
from ._core.nodes import Leaf
from .codec import codec_named

R = TypeVar("R")
T = TypeVar("T")

#: 2026-01-01T00:00:00Z: when a stepped workflow starts.
_START: Micros = 1_767_225_600_000_000
#: What ends by itself, at a time.
_TIMERS = (Sleep, SleepUntil)
#: What cannot fail.
_SAFE = (*_TIMERS, WaitSignal, TakeSignals)


class Stepper(Generic[R]):
    """A workflow that goes on only where it is told to.

    Args:
        invocation: The workflow with its arguments.
        codec: How values are stored, as for the orchestrator: ``"pickle"`` or ``"json"``.
        seed: What ``uuid4()`` and ``random()`` derive from: 16 bytes.

    Raises:
        CommandError: The workflow made a command that it never yielded. The methods that let it go on raise this too;
            where it failed, its exception says so in a note.
        EncodingError: An argument cannot be stored.

    Example:
        >>> def test_ships() -> None:
        ...     flow = Stepper(order("o-1", cents=500))
        ...     assert flow.pending == [charge("o-1", cents=500)]
        ...     flow.resolve("receipt-9")
        ...     assert flow.done and flow.result == "receipt-9"
    """

    def __init__(self, invocation: WorkflowInvocation[R], *, codec: str = "pickle", seed: bytes = bytes(16)) -> None:
        if not isinstance(invocation, WorkflowInvocation):
            raise TypeError(f"Stepper takes a workflow called with its arguments, not {invocation!r}")
        self._codec = codec_named(codec)
        self._definition: Workflow[..., R] = invocation.definition
        self._input = self._codec.encode(dict(invocation.arguments))
        self._seed = seed
        self._now = _START
        self._events: list[Event] = []
        self._steps: list[Step] = []
        self._patches: frozenset[str] = frozenset()
        self._dropped: frozenset[int] = frozenset()
        self._continuation: Continuation | None = None
        self._crashed: list[Execution] = []
        #: What to say of commands that a workflow which failed had made and not yielded.
        self._slips: list[str] = []
        self._execution = self._build()
        self._apply(Started(self._now))

    # ------------------------------------------------------------------ looking

    @property
    def pending(self) -> list[Command[Any]]:
        """The commands that the workflow waits for, in the order issued."""
        return [leaf.command for leaf in self._execution.open.values()]

    @property
    def done(self) -> bool:
        """Whether the workflow returned."""
        return self.status is WorkflowStatus.DONE

    @property
    def failed(self) -> bool:
        """Whether the workflow raised."""
        return self.status is WorkflowStatus.FAILED

    @property
    def status(self) -> WorkflowStatus:
        """Where it stands."""
        end = self._execution.end
        return WorkflowStatus.PROCESSING if end is None else end.status

    @property
    def result(self) -> R:
        """What the workflow returned.

        Raises:
            CommandError: It has not ended; the message says what it waits for. What it raised is raised again.
        """
        end = self._execution.end
        if end is None:
            raise CommandError(f"{self._definition.name} {self._standing}")
        if isinstance(end.outcome, Failure):
            raise self._revived(end.outcome)
        result: R = self._codec.decode(end.outcome)  # type: ignore[assignment]  # what the workflow returned
        return result

    @property
    def exception(self) -> BaseException | None:
        """What the workflow raised, as `result` raises it; None where it did not."""
        end = self._execution.end
        return self._revived(end.outcome) if end is not None and isinstance(end.outcome, Failure) else None

    def _revived(self, failure: Failure) -> BaseException:
        if self.status is WorkflowStatus.CANCELLED:
            return WorkflowCancelledError(f"{self._definition.name} was cancelled")
        error = self._codec.decode_failure(failure, WorkflowFailedError)
        # Past `add_note`, which an exception that forbids setting attributes refuses.
        vars(error).setdefault("__notes__", []).extend(self._slips)
        return error

    # ------------------------------------------------------------------ going on

    @overload
    def resolve(self, command: Command[T], value: T, /) -> None: ...
    @overload
    def resolve(self, value: object = None, /) -> None: ...
    def resolve(self, *given: Any) -> None:
        """Let a pending command end with a value.

        ``resolve(command, value)`` or, where one command is pending, ``resolve(value)``. A sleep takes no value:
        ``resolve(sleep(60))``; time moves on to its end. For a signal the value is its payload, for `take_signals` the
        list of them, for a child what it returns. Of equal commands the first issued is meant.

        Raises:
            CommandError: No such command is pending, or several are and none was named.
            EncodingError: The value cannot be stored.
        """
        if len(given) > 2:
            raise TypeError(f"resolve() takes a command and its value, not {len(given)} arguments")
        if len(given) == 1 and isinstance(given[0], Command):
            given = (given[0], None)
        leaf = self._leaf("resolve", given[0] if len(given) == 2 else None)
        value = given[-1] if given else None
        if isinstance(leaf.command, _TIMERS) and leaf.step.due_at is not None:
            if value is not None:
                raise CommandError(f"{leaf.command} ends without a value. Write:\n    resolve({leaf.command})")
            self._now = max(self._now, leaf.step.due_at)
        if isinstance(leaf.command, TakeSignals) and not isinstance(value, list):
            raise CommandError(f"{leaf.command} ends with a list. Write:\n    resolve({leaf.command}, [...])")
        self._apply(StepEnded(leaf.step.number, self._codec.encode(value), self._now))

    @overload
    def fail(self, command: Command[Any], error: BaseException, /) -> None: ...
    @overload
    def fail(self, error: BaseException, /) -> None: ...
    def fail(self, *given: Any) -> None:
        """Let a pending activity or child fail: ``fail(command, error)`` or, where one is pending, ``fail(error)``.

        Raises:
            CommandError: No such activity or child is pending, or several commands are and none was named.
        """
        if not 1 <= len(given) <= 2:
            raise TypeError(f"fail() takes a command and an exception, not {len(given)} arguments")
        error = given[-1]
        if not isinstance(error, BaseException):
            raise TypeError(f"fail() takes an exception, not {show(error)}")
        leaf = self._leaf("fail", given[0] if len(given) == 2 else None)
        if isinstance(leaf.command, _SAFE):
            raise CommandError(f"{leaf.command} cannot fail. Write:\n    resolve({leaf.command})")
        self._apply(StepEnded(leaf.step.number, self._codec.encode_failure(error), self._now))

    def crash(self) -> None:
        """Drop the generator as a killed process would, and go on with another, built by replay.

        Raises:
            ReplayMismatchError: The workflow did not do the same again; it stays as it was before.
        """
        # Kept: letting go of a suspended generator would run its `finally`, which a killed process does not.
        another = self._build()
        self._crashed.append(another)
        another.replay()
        self._crashed[-1], self._execution = self._execution, another

    # ------------------------------------------------------------------ inside

    def _build(self) -> Execution:
        arguments: dict[str, object] = self._codec.decode(self._input)  # type: ignore[assignment]  # as it was encoded
        info = WorkflowInfo("stepped", self._definition.name, 1)
        history = History(tuple(self._events), tuple(self._steps), self._patches, self._dropped)
        return Execution(self._definition, arguments, info, self._seed, self._codec, history)

    @property
    def _standing(self) -> str:
        """Where it stands, for messages."""
        if self._continuation is not None:
            return f"continued as a new run of {self._continuation.name}"
        ended = self._execution.over
        return f"has ended ({self.status})" if ended else f"has not ended: it waits for {self._shown}"

    @property
    def _shown(self) -> str:
        """What is pending, for messages."""
        return show(self.pending, 500)

    def _leaf(self, verb: str, command: Command[Any] | None) -> Leaf:
        waiting = self._execution.open
        if not waiting:
            raise CommandError(f"{self._definition.name} {self._standing}: nothing is pending")
        if command is not None:
            for leaf in waiting.values():
                if leaf.command == command:
                    return leaf
            raise CommandError(f"{show(command)} is not pending; pending are {self._shown}")
        first = next(iter(waiting.values()))
        if len(waiting) > 1:
            raise CommandError(
                f"several commands are pending, so say which one ends, as in {verb}({show(first.command)}, ...): "
                f"{self._shown}"
            )
        return first

    def _apply(self, event: Event) -> None:
        advance = self._execution.apply(event)
        self._keep(event, advance)
        failure = advance.end.outcome if advance.end is not None else None
        if isinstance(failure, Failure) and failure.type_name == "builtins.KeyboardInterrupt":
            raise KeyboardInterrupt
        slips = [
            f"{command} was made at {line} and never yielded. Write:\n    yield {command}"
            for command, line in advance.unyielded
        ]
        if isinstance(failure, Failure):
            # What failed may not have come to its yields: the failure is told first.
            self._slips = slips
        elif slips:
            raise CommandError("\n".join(slips))

    def _keep(self, event: Event, advance: Advance) -> None:
        """Keep what a store would keep."""
        self._events.append(event)
        self._steps.extend(advance.issued)
        self._patches = self._patches.union(advance.patches)
        self._dropped = self._dropped.union(advance.cancelled)
        self._continuation = advance.continuation

    def __del__(self) -> None:
        for execution in [*getattr(self, "_crashed", ()), *filter(None, [getattr(self, "_execution", None)])]:
            execution.close()


__all__ = ["Cancelled", "Stepper", "YieldflowError"]
