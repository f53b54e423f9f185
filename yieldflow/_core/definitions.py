"""`workflow` and `activity`: what they make of a function, what calling that makes, and where it is found by name."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, ParamSpec, TypeVar, overload

from .commands import Command, show, show_values
from .context import note_made
from .errors import DuplicateDefinitionError, UnknownWorkflowError

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_SEVERAL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class _Bare(str):
    """An annotation kept as text, shown without quotes."""

    __repr__ = str.__str__


def _shown(signature: inspect.Signature) -> str:
    """A signature as it was written."""

    def bare(annotation: object) -> object:
        return _Bare(annotation) if isinstance(annotation, str) else annotation

    parameters = [one.replace(annotation=bare(one.annotation)) for one in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=bare(signature.return_annotation)))


class Definition(Generic[P, R_co]):
    """A function under `workflow` or `activity`. Calling it makes an invocation and runs nothing."""

    #: The word for it in messages.
    kind = "definition"
    #: The function itself.
    fn: Callable[..., Any]

    def __init__(self, fn: Callable[..., Any], name: str | None) -> None:
        if isinstance(fn, classmethod):
            raise self._method(fn.__func__.__qualname__, "cls", fn.__func__.__name__)
        if not callable(fn):
            raise TypeError(f"@{self.kind} takes a function, not {show(fn)}")
        self.fn = fn
        self.name = self._name_of(fn, name)
        self.signature = self._signature_of(fn)
        self.__module__ = getattr(fn, "__module__", None) or "?"
        self.__qualname__ = getattr(fn, "__qualname__", self.name)
        self.__doc__ = getattr(fn, "__doc__", None)
        self.__wrapped__ = fn
        self._refuse_self()
        parameters = self.signature.parameters.values()
        self._names = tuple(parameter.name for parameter in parameters)
        self._plain = all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
        self.defaults: Mapping[str, object] = {
            parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty
        } | {parameter.name: [] for parameter in parameters if parameter.kind is parameter.VAR_POSITIONAL}

    @classmethod
    def _name_of(cls, fn: Callable[..., Any], name: str | None) -> str:
        found = getattr(fn, "__name__", None) if name is None else name
        if not isinstance(found, str) or not found:
            raise TypeError(f"the {cls.kind}'s name is a non-empty string, not {show(found)}: give one with name=")
        if found == "<lambda>":
            raise TypeError(f"a lambda has no name to be found by again. Write: {cls.kind}(lambda ..., name='...')")
        return found

    def _signature_of(self, fn: Callable[..., Any]) -> inspect.Signature:
        try:
            return inspect.signature(fn)
        except ValueError:
            raise TypeError(
                f"{self.kind} {self.name!r} does not tell which arguments it takes: call it from a plain function, "
                "and decorate that"
            ) from None

    def _refuse_self(self) -> None:
        """A method decorated in its class would store ``self`` with every step."""
        first = next(iter(self.signature.parameters), "")
        qualified = getattr(self.fn, "__qualname__", "")
        # In a function, the name before the dot is "<locals>".
        if first in ("self", "cls") and "." in qualified and not qualified.rpartition(".")[0].endswith(">"):
            raise self._method(qualified, first, self.name)

    def _method(self, qualified: str, first: str, name: str) -> TypeError:
        owner = "Class" if first == "cls" else "instance"
        return TypeError(
            f"{qualified} is a method, and {first!r} is never a stored argument. "
            f"Decorate a bound method instead: {self.kind}({owner}.{qualified.rpartition('.')[2]}, name={name!r})"
        )

    @property
    def place(self) -> str:
        """Where it was defined, for messages: ``shop.charge (shop.py:12)``."""
        qualified = f"{self.__module__}.{self.__qualname__}"
        code = getattr(inspect.unwrap(self.fn), "__code__", None)
        return f"{qualified} ({code.co_filename}:{code.co_firstlineno})" if code is not None else qualified

    def bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
        """The arguments by name, as they are stored: those given, without the defaults.

        Raises:
            TypeError: They do not fit the signature.
        """
        if self._plain and not kwargs and len(args) == len(self._names):
            return dict(zip(self._names, args, strict=True))
        try:
            bound = self.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            unknown = next((name for name in kwargs if name not in self._names), None)
            near = difflib.get_close_matches(str(unknown), set(self._names) - set(kwargs), n=1) if unknown else ()
            hint = f". Did you mean {near[0]!r} instead of {unknown!r}?" if near else ""
            raise TypeError(f"{self.kind} {self.name}{_shown(self.signature)}: {error}{hint}") from None
        return {
            name: list(value) if isinstance(value, tuple) and self._is_star(name) else value
            for name, value in bound.items()
        }

    def _is_star(self, name: str) -> bool:
        return self.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL

    def call(self, arguments: Mapping[str, object]) -> Any:
        """Call the function with stored arguments.

        Raises:
            TypeError: The function no longer takes them. What the function raises passes through.
        """
        if self._plain:
            return self.fn(**arguments)
        unknown = [name for name in arguments if name not in self.signature.parameters]
        if unknown:
            raise TypeError(f"{self.name}{_shown(self.signature)}: got an unexpected argument {unknown[0]!r}")
        bound = inspect.BoundArguments(self.signature, OrderedDict(arguments))
        bound.apply_defaults()
        return self.fn(*bound.args, **bound.kwargs)

    def completed(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """``arguments`` with the defaults of those not given, for comparing."""
        return {**self.defaults, **arguments}

    def __reduce__(self) -> str:
        # By reference, as a function is. What a lambda or a bound method became is found under its own name.
        own_name = getattr(sys.modules.get(self.__module__), self.name, None) is self
        return self.name if own_name else str(self.__qualname__)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.place}>"


class Activity(Definition[P, R_co]):
    """A function that does the work: it may do anything, and runs outside the workflow. Made by `activity`."""

    kind = "activity"
    #: The function itself.
    fn: Callable[P, R_co]

    def __init__(self, fn: Callable[P, R_co], name: str | None = None) -> None:
        super().__init__(fn, name)
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

    def __init__(self, fn: Callable[P, Generator[Any, Any, R_co]], name: str | None = None) -> None:
        super().__init__(fn, name)
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

    __slots__ = ()


class WorkflowInvocation(Invocation[R_co]):
    """A workflow with its arguments: submit it."""

    __slots__ = ()


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
def activity(fn: Callable[P, R], /, *, name: str | None = None, registry: Registry | None = None) -> Activity[P, R]: ...
@overload
def activity(
    fn: str | None = None, /, *, name: str | None = None, registry: Registry | None = None
) -> Callable[[Callable[P, R]], Activity[P, R]]: ...
def activity(
    fn: Callable[..., Any] | str | None = None, /, *, name: str | None = None, registry: Registry | None = None
) -> Any:
    """Make an activity of a function: a step of a workflow that may do anything and runs at least once.

    Bare, with ``()``, with a name, or with keywords; on a bound method as ``activity(bank.charge, name="charge")``.

    Args:
        fn: The function; or the name, as in ``@activity("charge")``.
        name: The name on disk; the function's own if left out.
        registry: Where it is registered; the default registry if left out.

    Raises:
        DuplicateDefinitionError: Another activity has that name.
        TypeError: Not a function, or one that cannot be an activity.

    Example:
        >>> @activity
        ... def charge(order: str, cents: int) -> str: ...
        >>> charge("o-1", cents=500)
        charge(order='o-1', cents=500)
    """
    return _define(Activity, fn, name, registry)


@overload
def workflow(
    fn: Callable[P, Generator[Any, Any, R]], /, *, name: str | None = None, registry: Registry | None = None
) -> Workflow[P, R]: ...
@overload
def workflow(
    fn: str | None = None, /, *, name: str | None = None, registry: Registry | None = None
) -> Callable[[Callable[P, Generator[Any, Any, R]]], Workflow[P, R]]: ...
def workflow(
    fn: Callable[..., Any] | str | None = None, /, *, name: str | None = None, registry: Registry | None = None
) -> Any:
    """Make a workflow of a generator function: each ``yield`` of it is a checkpoint.

    Bare, with ``()``, with a name, or with keywords.

    Args:
        fn: The generator function; or the name, as in ``@workflow("pipeline")``.
        name: The name on disk; the function's own if left out.
        registry: Where it is registered; the default registry if left out.

    Raises:
        DuplicateDefinitionError: Another workflow has that name.
        TypeError: Not a generator function.

    Example:
        >>> @workflow
        ... def order(order_id: str, cents: int) -> Flow[str]:
        ...     receipt = yield from charge(order_id, cents)
        ...     return receipt
    """
    return _define(Workflow, fn, name, registry)


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
