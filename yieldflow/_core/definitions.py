"""Definitions, which `workflow` and `activity` make of functions, and the invocations that calling these makes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Never, ParamSpec, Self, TypeVar, Unpack, overload

from .commands import Command, show, show_values
from .comparing import same_value
from .context import note_made, note_used
from .errors import EncodingError
from .history import Codec, OnParentEnd, Payload
from .options import ASYNC, THREAD, ActivityOptions, CallOptions, WorkflowOptions
from .retry import duration

# The base of both kinds is found here too.
from .signatures import Definition as Definition

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Activity(Definition[P, R_co]):
    """A function that does the work: it may do anything, and runs outside the workflow. Made by `activity`.

    The type of an ``async def`` says that it returns a coroutine; its invocations resume with what that returns.
    """

    kind = "activity"
    #: The function itself: plain, or async.
    fn: Callable[P, R_co]

    def __init__(self, fn: Callable[P, R_co], name: str | None = None, options: ActivityOptions | None = None) -> None:
        super().__init__(fn, name)
        self.options = options or ActivityOptions()
        plain = inspect.unwrap(self.fn)
        if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
            raise TypeError(
                f"activity {self.name!r} contains a yield: return a list instead, or make it a workflow with @workflow"
            )
        self.options = self._placed(is_async(self.fn))

    def _placed(self, on_event_loop: bool) -> ActivityOptions:
        """The options, with the event loop as the executor of what can run nowhere else."""
        executor = self.options.executor
        if on_event_loop and executor in (THREAD, ASYNC):
            return replace(self.options, executor=ASYNC)
        if on_event_loop:
            raise ValueError(
                f"activity {self.name!r} is an async function, which runs on the event loop: make it a plain `def` to "
                f"have it run in executor={executor!r}"
            )
        if executor == ASYNC:
            raise ValueError(f"activity {self.name!r} is a plain function: write `async def`, or leave executor= out")
        return self.options

    @overload
    def __call__(
        self: Activity[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> ActivityInvocation[R]: ...
    @overload
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> ActivityInvocation[R_co]: ...
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> ActivityInvocation[Any]:
        invocation = ActivityInvocation(self, self.bind(args, kwargs), self.options)
        note_made(invocation, (args, kwargs))
        return invocation


def is_async(fn: object) -> bool:
    """Tell whether calling ``fn`` makes a coroutine: an ``async def``, an object whose ``__call__`` is async."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    plain = inspect.unwrap(fn) if callable(fn) else fn
    # A wrapper may be async itself, or return the coroutine of the function that it wraps.
    candidates = (fn, plain, getattr(plain, "__call__", None))  # noqa: B004  # of an instance
    return any(inspect.iscoroutinefunction(candidate) for candidate in candidates)


class Workflow(Definition[P, R_co]):
    """A generator function that says what is to be done in which order. Made by `workflow`."""

    kind = "workflow"
    #: The generator function itself: as a part of another workflow, ``yield from other.fn(...)``.
    fn: Callable[P, Generator[Any, Any, R_co]]

    def __init__(
        self,
        fn: Callable[P, Generator[Any, Any, R_co]],
        name: str | None = None,
        version: str | None = None,
        options: WorkflowOptions | None = None,
    ) -> None:
        super().__init__(fn, name)
        #: Kept with each workflow of it, and shown where the code no longer fits.
        self.version = version
        self.options = options or WorkflowOptions()
        plain = inspect.unwrap(self.fn)
        if inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain):
            raise TypeError(
                f"workflow {self.name!r} is an async function: write a plain `def`, and `yield` where it awaits"
            )
        if not inspect.isgeneratorfunction(plain):
            raise TypeError(
                f"workflow {self.name!r} contains no yield, so it is no generator: yield its activities, "
                "or make it an activity with @activity"
            )

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> WorkflowInvocation[R_co]:
        invocation = WorkflowInvocation(self, self.bind(args, kwargs), self.options)
        note_made(invocation, (args, kwargs))
        return invocation


# ---------------------------------------------------------------------- invocations


class Invocation(Command[R_co]):
    """An activity or workflow with its arguments: an immutable value that is equal by value."""

    __slots__ = ("_arguments", "definition", "options")

    definition: Definition[..., R_co]
    #: The options of this call: the definition's own, where it was given none.
    options: ActivityOptions | WorkflowOptions
    _arguments: dict[str, object]

    def __init__(
        self,
        definition: Definition[..., R_co],
        arguments: dict[str, object],
        options: ActivityOptions | WorkflowOptions,
    ) -> None:
        _set_definition(self, definition)
        _set_arguments(self, arguments)
        _set_options(self, options)

    @property
    def name(self) -> str:
        """The name of the activity or workflow."""
        return self.definition.name

    @property
    def function_name(self) -> str:
        """The name of the function, by which code most often calls it."""
        return getattr(self.definition.fn, "__name__", self.name)

    @property
    def arguments(self) -> Mapping[str, object]:
        """The arguments that were given, by parameter."""
        return MappingProxyType(self._arguments)

    def encode_arguments(self, codec: Codec) -> Payload:
        """Encode the arguments that were given, by parameter, as they are stored.

        Args:
            codec: How values are stored.

        Raises:
            EncodingError: One of them cannot be stored; the message says of which activity or workflow.
        """
        try:
            return codec.encode(self._arguments)
        except EncodingError as error:
            raise EncodingError(f"an argument of {self.definition.kind} {self.name!r}: {error}") from None

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an invocation is immutable: make another by calling {self.name}(...)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an invocation is immutable")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Invocation):
            return NotImplemented
        if self.definition.kind != other.definition.kind or self.name != other.name:
            return False
        mine, theirs = self._arguments, other._arguments
        return same_value(self.definition.completed(mine), other.definition.completed(theirs))

    def __hash__(self) -> int:
        # The arguments may be unhashable.
        return hash((self.definition.kind, self.name))

    def __repr__(self) -> str:
        return f"{self.name}({show_values(self._arguments.items())})"


# By the slots themselves, in two thirds of the time: these are set at every call.
_set_definition, _set_arguments, _set_options = (
    vars(Invocation)[name].__set__ for name in ("definition", "_arguments", "options")
)


class ActivityInvocation(Invocation[R_co]):
    """An activity with its arguments: yield it."""

    __slots__ = ()

    definition: Activity[..., R_co]
    options: ActivityOptions

    @property
    def instead_in_activity(self) -> str:
        return f"Write {self.function_name}.fn(...), which is a part of this attempt, or yield it in the workflow"

    def with_options(self, **options: Unpack[CallOptions]) -> Self:
        """The same call with other options. They take no part in equality, and what is left out or None is as it was.

        Args:
            retry: A `RetryPolicy`; ``RetryPolicy(maximum_attempts=1)`` for none.
            timeout: Seconds, or a `timedelta`, that one attempt may take.
            schedule_to_close_timeout: Seconds, or a `timedelta`, for all attempts together.
            schedule_to_start_timeout: Seconds, or a `timedelta`, that an attempt may wait for a worker.
            heartbeat_timeout: Seconds, or a `timedelta`, between two heartbeats.
            on_cancel: What becomes of the activity if its branch is cancelled while it is under way: ``"abandon"``
                leaves it to itself, ``"wait"`` waits for its end before the cancellation goes on.

        Raises:
            TypeError: There is no such option, or it is of another type.
            ValueError: An option is not what it should be.

        Example:
            >>> receipt = yield from charge("o-1", cents=500).with_options(retry=RetryPolicy(), timeout=5)
        """
        try:
            changed = self.options.but("with_options()", CallOptions.__annotations__, options)
        except (TypeError, ValueError):
            note_used((self, options))
            raise
        made = type(self)(self.definition, self._arguments, changed)
        note_made(made, self)
        return made


class WorkflowInvocation(Invocation[R_co]):
    """A workflow with its arguments: submit it, or yield it in another workflow, whose child it is then."""

    __slots__ = ()

    definition: Workflow[..., R_co]
    options: WorkflowOptions

    @property
    def submits(self) -> str | None:
        return self.function_name

    @property
    def instead_in_activity(self) -> str:
        return f"Write orchestrator.submit({self}), or yield it in the workflow"

    def with_options(
        self,
        *,
        workflow_id: str | None = None,
        on_parent_end: OnParentEnd | None = None,
        timeout: float | timedelta | None = None,
    ) -> Self:
        """The same call with other options. They take no part in equality.

        Args:
            workflow_id: The child's id; derived from the parent's where it is None.
            on_parent_end: What becomes of the child if its parent ends or is cancelled first: it is cancelled with
                it (``"cancel"``), waited for (``"wait"``), or left alone (``"abandon"``). None: as it is.
            timeout: Seconds that it may take, or a `timedelta`; then it is cancelled, and fails with
                `WorkflowTimeoutError`. None: as it is.

        Raises:
            TypeError: The id is no text, or the timeout no time.
            ValueError: ``on_parent_end`` is something else, or the timeout is not positive.

        Example:
            >>> parcel = yield from ship("o-1").with_options(workflow_id="ship-o-1", on_parent_end="wait")
        """
        given: dict[str, Any] = {"workflow_id": workflow_id, "on_parent_end": on_parent_end}
        try:
            if timeout is not None:
                given["timeout"] = duration("timeout", timeout)
            options = replace(self.options, **{name: value for name, value in given.items() if value is not None})
        except (TypeError, ValueError):
            note_used((self, given, timeout))
            raise
        made = type(self)(self.definition, self._arguments, options)
        note_made(made, self)
        return made


# ---------------------------------------------------------------------- the next run


@dataclass(frozen=True, slots=True)
class ContinueAsNew(Command[Never]):
    """Made by `continue_as_new`."""

    invocation: WorkflowInvocation[Any]

    @property
    def instead_in_activity(self) -> str:
        return "Return, and let the workflow continue as new"

    def __repr__(self) -> str:
        return f"continue_as_new({self.invocation})"


def continue_as_new(invocation: WorkflowInvocation[Any]) -> Command[Never]:
    """End this run and begin the next one under the same workflow id, with an empty history.

    So an endless workflow's history stays bounded. The run's tasks are waited for, as at a return. Signals that were
    not received stay. The ``yield`` never resumes: plain Python in a ``finally`` around it runs, commands in it do not.

    Args:
        invocation: The workflow of the next run with its arguments, most often the same workflow.

    Raises:
        TypeError: ``invocation`` is no workflow called with its arguments.
        CommandError: At the yield: it is not the workflow itself that yields it, but a branch.

    Example:
        >>> @workflow
        ... def monitor(url: str, seen: int) -> Flow[None]:
        ...     seen += yield from poll(url)
        ...     yield from sleep(60)
        ...     return (yield from continue_as_new(monitor(url, seen)))
    """
    if not isinstance(invocation, WorkflowInvocation):
        note_used(invocation)
        raise TypeError(
            "continue_as_new() takes a workflow called with its arguments, as in continue_as_new(monitor(url)), "
            f"not {show(invocation)}"
        )
    command = ContinueAsNew(invocation)
    note_made(command, invocation)
    return command
