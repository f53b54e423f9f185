"""Registries, which find definitions by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .commands import show
from .definitions import Activity, Definition, Workflow
from .errors import DuplicateDefinitionError, UnknownWorkflowError


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
    """Finds definitions by name.

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


#: The registry that `workflow` and `activity` fill unless told otherwise.
default_registry = Registry()
