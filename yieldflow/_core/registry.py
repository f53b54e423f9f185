"""Registries, which find definitions by name."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from .commands import show
from .definitions import Activity, Definition, Workflow
from .errors import DuplicateDefinitionError, UnknownWorkflowError
from .identity import difference, of_one_source


@dataclass(frozen=True, slots=True)
class _Names:
    """The definitions of one kind, by name."""

    kind: str
    by_name: dict[str, Definition[..., Any]]

    def add(self, definition: Definition[..., Any]) -> None:
        there = self.by_name.get(definition.name)
        if there is not None and _are_both_to_stay(there, definition):
            raise DuplicateDefinitionError(
                f"two definitions of {self.kind} {definition.name!r}: {there.place} and {definition.place}. "
                f"Give one another name: @{self.kind}(name='...'){_hint(definition)}"
            )
        self.by_name[definition.name] = definition
        if definition.latest is None:
            definition.latest = partial(self.by_name.get, definition.name)


def _are_both_to_stay(there: Definition[..., Any], new: Definition[..., Any]) -> bool:
    """Tell if two definitions are two functions of modules: a local one is as short-lived as its function."""
    if _is_local(there.__qualname__) or _is_local(new.__qualname__):
        # An activity is run by its invocation, which is yielded anew in a replay: its name finds nothing.
        return isinstance(new, Workflow) and _are_hidden_in_modules(there, new)
    return (there.__module__, there.__qualname__) != (new.__module__, new.__qualname__) and bool(difference(there, new))


def _are_hidden_in_modules(there: Definition[..., Any], new: Definition[..., Any]) -> bool:
    """Tell if two functions of modules have one name because their decorators gave them that of their own."""
    a, b = there.origin, new.origin
    if a.function is None or b.function is None or _is_local(b.function.__qualname__):
        return False
    module = sys.modules.get(a.function.__module__)
    if getattr(module, a.function.__qualname__, None) is not there:
        return False
    # In a notebook, or before a reload, the function may have been given another name.
    is_renamed = a.function.__module__ == b.function.__module__ and a.within is not b.within
    return not is_renamed and bool(difference(there, new))


def _is_local(qualified: str) -> bool:
    return "<locals>" in qualified


def _hint(definition: Definition[..., Any]) -> str:
    if definition.origin.function is definition.origin.outermost:
        return ""
    return f". (The decorator under @{definition.kind} hides the function's own name: let it have functools.wraps.)"


class Registry:
    """Finds definitions by name.

    Most programs need only the default one, which `workflow` and `activity` fill.

    A definition that is seen again (after a reload, in a notebook's cell, in a main file that is imported too) takes
    the place of the earlier, and either may be used. Two functions of modules under one name are refused where the
    second is defined. What a factory, a loop or a decorator without `functools.wraps` makes twice under one name, with
    unequal values, takes the earlier one's place as well; but the earlier workflow is then refused where it is
    submitted or yielded, since its name finds the later. Each invocation of an activity runs its own function.

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
        self._types: dict[tuple[str, str], type] = {}
        self._renamed: dict[str, type] = {}
        #: Counts the changes: what is derived from a registry is derived anew after each.
        self.changes = 0

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
        self.changes += 1
        if isinstance(definition, Activity):
            self._activities.add(definition)
            return
        self._workflows.add(definition)
        for listener in tuple(self._listeners):
            listener(definition.name)

    @property
    def known_types(self) -> tuple[type, ...]:
        """The classes that were named by `types`."""
        return tuple(self._types.values())

    @property
    def renamed_types(self) -> Mapping[str, type]:
        """The classes that were named by `renamed`, by their former references."""
        return MappingProxyType(self._renamed)

    def types(self, *kinds: type) -> None:
        """Name classes of stored values, beside those in the annotations of workflows and activities.

        ``codec="json"`` reads instances of these classes and no others. Under every codec, a class that its own name
        does not lead to (it is made in a function, say) can be stored once it is named here, at each start.

        Example:
            >>> registry.types(Order, Invoice)

        Raises:
            TypeError: Something is no class.
        """
        for kind in kinds:
            _check_class(kind, "types")
            # A class that is loaded anew takes the place of the earlier.
            self._types[kind.__module__, kind.__qualname__] = kind
        self.changes += 1

    def renamed(self, reference: str, kind: type) -> None:
        """Tell which class took the place of one that stored values name, after it was moved or renamed.

        Args:
            reference: The former one, as it is stored: ``"shop:Order"``, module and qualified name.
            kind: The class.

        Example:
            >>> registry.renamed("shop:Order", Order)

        Raises:
            TypeError: ``kind`` is no class.
            ValueError: ``reference`` is none, or another class took its place already.
        """
        _check_class(kind, "renamed")
        module, _, qualified = reference.partition(":") if isinstance(reference, str) else ("", "", "")
        if not module or not qualified:
            raise ValueError(f"a reference is 'module:Class', as 'shop:Order', not {show(reference)}")
        there = self._renamed.get(reference, kind)
        if (there.__module__, there.__qualname__) != (kind.__module__, kind.__qualname__):
            raise ValueError(f"{reference!r} was renamed already, to {there!r}: it cannot be {kind!r} too")
        self._renamed[reference] = kind
        self.changes += 1

    def workflow(self, name: str) -> Workflow[..., Any]:
        """The workflow of that name.

        Raises:
            UnknownWorkflowError: There is none; the message names those that there are, the nearest first.
        """
        found = self._workflows.by_name.get(name) if isinstance(name, str) else None
        if found is None:
            raise UnknownWorkflowError(self._unknown(name))
        return found  # type: ignore[return-value]  # add() put only workflows there

    def _unknown(self, name: object) -> str:
        names = sorted(self.workflows)
        near = difflib.get_close_matches(name, names, n=1) if isinstance(name, str) else ()
        hint = f" Did you mean {near[0]!r}?" if near else ""
        there = ", ".join(repr(known) for known in names) if names else "none"
        told = f"no workflow named {show(name)} is registered.{hint} Registered: {there}."
        return f"{told} Import the module that defines it."

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Have ``listener(name)`` called at each registration of a workflow.

        Returns:
            A function that ends it.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None


def _check_class(kind: object, method: str) -> None:
    if not isinstance(kind, type):
        raise TypeError(f"Registry.{method}() takes classes, not {show(kind)}")


#: The registry that `workflow` and `activity` fill unless told otherwise.
default_registry = Registry()


# ---------------------------------------------------------------------- definitions that their name does not find


def conflict(registry: Registry, meant: Workflow[..., Any]) -> DuplicateDefinitionError | None:
    """Return the error about running a workflow whose name finds another one in ``registry``; None where it does not.

    Only the name is on disk: each later turn, and each restart, runs what it finds.
    """
    return _conflict(meant, registry.workflows.get(meant.name))


def taken_over(meant: Workflow[..., Any]) -> DuplicateDefinitionError | None:
    """Return the same error where the other one is of the same source, in the registry that ``meant`` was added to.

    This is for a host that has no registry. A local definition of another name's owner is a passing one there.
    """
    known = None if meant.latest is None else meant.latest()
    return None if known is None or not of_one_source(meant, known) else _conflict(meant, known)


def _conflict(meant: Definition[..., Any], known: Definition[..., Any] | None) -> DuplicateDefinitionError | None:
    differ = None if known is None or known is meant else difference(meant, known)
    if known is None or differ is None:
        return None
    where = f" ({differ})" if meant.place == known.place else ""
    return DuplicateDefinitionError(
        f"{meant.kind} {meant.name!r} has two definitions: yours is {meant.place}, and its name finds {known.place}"
        f"{where}, which would run in its place. Give each a name of its own: @{meant.kind}(name='...'){_hint(meant)}"
    )
