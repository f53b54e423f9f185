"""`workflow` and `activity`: what they make of a function, what calling that makes, and where it is found by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ParamSpec, Self, TypeVar, overload

from .commands import Command, show, show_values
from .context import note_made
from .errors import DuplicateDefinitionError, UnknownWorkflowError
from .history import OnParentEnd
from .options import ActivityOptions, OnCancel, WorkflowOptions, timeout_seconds

# Whoever needs a definition of either kind finds it here.
from .signatures import Definition as Definition

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Activity(Definition[P, R_co]):
    """A function that does the work: it may do anything, and runs outside the workflow. Made by `activity`."""

    kind = "activity"
    #: The function itself.
    fn: Callable[P, R_co]

    def __init__(self, fn: Callable[P, R_co], name: str | None = None, options: ActivityOptions | None = None) -> None:
        super().__init__(fn, name)
        self.options = options or ActivityOptions()
        plain = inspect.unwrap(self.fn)
        if inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain):
            raise TypeError(
                f"activity {self.name!r} is an async function, which activities cannot be yet: "
                "make it a plain one that calls asyncio.run(...)"
            )
        if inspect.isgeneratorfunction(plain):
            raise TypeError(
                f"activity {self.name!r} contains a yield: return a list instead, or make it a workflow with @workflow"
            )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> ActivityInvocation[R_co]:
        invocation = ActivityInvocation(self, self.bind(args, kwargs))
        note_made(invocation, (args, kwargs))
        return invocation


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

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> WorkflowInvocation[R_co]:
        invocation = WorkflowInvocation(self, self.bind(args, kwargs))
        note_made(invocation, (args, kwargs))
        return invocation


# ---------------------------------------------------------------------- invocations


#: Sets an attribute of what is immutable.
_set = object.__setattr__


class Invocation(Command[R_co]):
    """Which activity or workflow, with which arguments: an immutable value that is equal by value."""

    __slots__ = ("_arguments", "definition")

    definition: Definition[..., R_co]
    _arguments: dict[str, object]

    def __init__(self, definition: Definition[..., R_co], arguments: dict[str, object]) -> None:
        _set(self, "definition", definition)
        _set(self, "_arguments", arguments)

    @property
    def name(self) -> str:
        """The name of the activity or workflow."""
        return self.definition.name

    @property
    def arguments(self) -> Mapping[str, object]:
        """The arguments that were given, by parameter."""
        return MappingProxyType(self._arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an invocation is immutable: make another by calling {self.name}(...)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an invocation is immutable")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Invocation):
            return NotImplemented
        if self.definition.kind != other.definition.kind or self.name != other.name:
            return False
        return self._arguments == other._arguments or (
            self.definition.completed(self._arguments) == other.definition.completed(other._arguments)
        )

    def __hash__(self) -> int:
        # The arguments may be unhashable.
        return hash((self.definition.kind, self.name))

    def __repr__(self) -> str:
        return f"{self.name}({show_values(self._arguments.items())})"


class ActivityInvocation(Invocation[R_co]):
    """An activity with its arguments: yield it."""

    __slots__ = ("_options",)

    definition: Activity[..., R_co]

    @property
    def options(self) -> ActivityOptions:
        """The options of this call: the activity's own, where it was given none."""
        # Unset in most, so that nothing is done for it at each call of an activity.
        own: ActivityOptions | None = getattr(self, "_options", None)
        return self.definition.options if own is None else own

    def with_options(self, *, on_cancel: OnCancel | None = None) -> Self:
        """The same call with other options. They take no part in equality.

        Args:
            on_cancel: What becomes of the activity if its branch is cancelled while it is under way: ``"abandon"``
                leaves it to itself, ``"wait"`` waits for its end before the cancellation goes on. None: as it is.

        Raises:
            ValueError: ``on_cancel`` is something else.

        Example:
            >>> receipt = yield from charge("o-1", cents=500).with_options(on_cancel="wait")
        """
        options = self.options if on_cancel is None else replace(self.options, on_cancel=on_cancel)
        made = type(self)(self.definition, self._arguments)
        _set(made, "_options", options)
        note_made(made, self)
        return made


class WorkflowInvocation(Invocation[R_co]):
    """A workflow with its arguments: submit it, or yield it in another workflow, whose child it is then."""

    __slots__ = ("_options",)

    definition: Workflow[..., R_co]

    @property
    def options(self) -> WorkflowOptions:
        """The options of this call: the workflow's own, where it was given none."""
        own: WorkflowOptions | None = getattr(self, "_options", None)
        return self.definition.options if own is None else own

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
        if timeout is not None:
            given["timeout"] = timeout_seconds(timeout)
        options = replace(self.options, **{name: value for name, value in given.items() if value is not None})
        made = type(self)(self.definition, self._arguments)
        _set(made, "_options", options)
        note_made(made, self)
        return made


# ---------------------------------------------------------------------- the registry


@dataclass(frozen=True, slots=True)
class _Names:
    """The definitions of one kind, by name."""

    kind: str
    by_name: dict[str, Definition[..., Any]]

    def add(self, definition: Definition[..., Any]) -> None:
        there = self.by_name.get(definition.name)
        if there is not None and not _may_replace(there, definition):
            raise DuplicateDefinitionError(
                f"two definitions of {self.kind} {definition.name!r}: {there.place} and {definition.place}. "
                f"Give one another name: @{self.kind}(name='...')"
            )
        self.by_name[definition.name] = definition


def _may_replace(there: Definition[..., Any], new: Definition[..., Any]) -> bool:
    """A reload or a notebook cell defines the same again; a local definition is as short-lived as its function."""
    if (there.__module__, there.__qualname__) == (new.__module__, new.__qualname__):
        return True
    return "<locals>" in there.__qualname__ or "<locals>" in new.__qualname__


class Registry:
    """Where definitions are found by name.

    Most programs need only the default one, which `workflow` and `activity` fill.

    Example:
        >>> registry = Registry()
        >>> @workflow(registry=registry)
        ... def pipeline() -> Flow[None]: ...
        >>> Orchestrator("pipeline.db", registry=registry)
    """

    def __init__(self) -> None:
        self._workflows = _Names("workflow", {})
        self._activities = _Names("activity", {})
        self._listeners: list[Callable[[str], None]] = []

    @property
    def workflows(self) -> Mapping[str, Workflow[..., Any]]:
        """The workflows by name."""
        return MappingProxyType(self._workflows.by_name)  # type: ignore[arg-type]  # add() put only workflows there

    @property
    def activities(self) -> Mapping[str, Activity[..., Any]]:
        """The activities by name."""
        return MappingProxyType(self._activities.by_name)  # type: ignore[arg-type]  # add() put only activities there

    def add(self, definition: Activity[..., Any] | Workflow[..., Any]) -> None:
        """Make ``definition`` known by its name.

        Raises:
            DuplicateDefinitionError: Another one has that name.
        """
        if isinstance(definition, Activity):
            self._activities.add(definition)
            return
        self._workflows.add(definition)
        for listener in tuple(self._listeners):
            listener(definition.name)

    def workflow(self, name: str) -> Workflow[..., Any]:
        """The workflow of that name.

        Raises:
            UnknownWorkflowError: There is none; the message names those that there are, the nearest first.
        """
        found = self._workflows.by_name.get(name)
        if found is None:
            raise UnknownWorkflowError(self._unknown(name))
        return found  # type: ignore[return-value]  # add() put only workflows there

    def _unknown(self, name: object) -> str:
        names = sorted(self.workflows)
        near = difflib.get_close_matches(str(name), names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        there = ", ".join(repr(known) for known in names) if names else "none"
        return (
            f"no workflow named {name!r} is registered.{hint} Registered: {there}. Import the module that defines it."
        )

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Have ``listener(name)`` called at each registration of a workflow.

        Returns:
            A function that ends it.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None


#: The registry that `workflow` and `activity` fill unless told otherwise.
default_registry = Registry()

# ---------------------------------------------------------------------- the decorators


@overload
def activity(
    fn: Callable[P, R],
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    on_cancel: OnCancel = "abandon",
) -> Activity[P, R]: ...
@overload
def activity(
    fn: str | None = None,
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    on_cancel: OnCancel = "abandon",
) -> Callable[[Callable[P, R]], Activity[P, R]]: ...
def activity(
    fn: Callable[..., Any] | str | None = None,
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    on_cancel: OnCancel = "abandon",
) -> Any:
    """Make an activity of a function: a step of a workflow that may do anything and runs at least once.

    Bare, with ``()``, with a name, or with keywords; on a bound method as ``activity(bank.charge, name="charge")``.

    Args:
        fn: The function; or the name, as in ``@activity("charge")``.
        name: The name on disk; the function's own if left out.
        registry: Where it is registered; the default registry if left out.
        on_cancel: What becomes of it if its branch is cancelled while it is under way: ``"abandon"`` leaves it to
            itself, ``"wait"`` waits for its end before the cancellation goes on. Money wants ``"wait"``.

    Raises:
        DuplicateDefinitionError: Another activity has that name.
        TypeError: Not a function, or one that cannot be an activity.
        ValueError: ``on_cancel`` is something else.

    Example:
        >>> @activity
        ... def charge(order: str, cents: int) -> str: ...
        >>> charge("o-1", cents=500)
        charge(order='o-1', cents=500)
    """
    options = ActivityOptions(on_cancel)
    return _define(lambda function, known_as: Activity(function, known_as, options), fn, name, registry)


@overload
def workflow(
    fn: Callable[P, Generator[Any, Any, R]],
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    version: str | None = None,
    timeout: float | timedelta | None = None,
) -> Workflow[P, R]: ...
@overload
def workflow(
    fn: str | None = None,
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    version: str | None = None,
    timeout: float | timedelta | None = None,
) -> Callable[[Callable[P, Generator[Any, Any, R]]], Workflow[P, R]]: ...
def workflow(
    fn: Callable[..., Any] | str | None = None,
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    version: str | None = None,
    timeout: float | timedelta | None = None,
) -> Any:
    """Make a workflow of a generator function: each ``yield`` of it is a checkpoint.

    Bare, with ``()``, with a name, or with keywords.

    Args:
        fn: The generator function; or the name, as in ``@workflow("pipeline")``.
        name: The name on disk; the function's own if left out.
        registry: Where it is registered; the default registry if left out.
        version: What to call this state of the code: kept with each workflow, and shown where the code no longer fits.
        timeout: Seconds that it may take from its start, or a `timedelta`; then it is cancelled, and fails with
            `WorkflowTimeoutError`.

    Raises:
        DuplicateDefinitionError: Another workflow has that name.
        TypeError: Not a generator function, or ``version`` or ``timeout`` is not what it should be.
        ValueError: ``timeout`` is not positive, or too long.

    Example:
        >>> @workflow
        ... def order(order_id: str, cents: int) -> Flow[str]:
        ...     receipt = yield from charge(order_id, cents)
        ...     return receipt
    """
    if version is not None and not isinstance(version, str):
        raise TypeError(f"version= is a string, not {show(version)}")
    options = WorkflowOptions(timeout=None if timeout is None else timeout_seconds(timeout))
    return _define(lambda function, known_as: Workflow(function, known_as, version, options), fn, name, registry)


def _define(
    make: Callable[[Callable[..., Any], str | None], Any],
    fn: Callable[..., Any] | str | None,
    name: str | None,
    registry: Registry | None,
) -> Any:
    if fn is None or isinstance(fn, str):
        if isinstance(fn, str) and name is not None:
            raise TypeError(f"two names were given, {fn!r} and {name!r}: leave one out")
        return lambda function: _define(make, function, fn if name is None else name, registry)
    definition = make(fn, name)
    (default_registry if registry is None else registry).add(definition)
    return definition
