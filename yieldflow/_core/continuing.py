"""`continue_as_new`: the end of one run and the beginning of the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Never

from .commands import Command, show
from .context import note_made, note_used
from .definitions import WorkflowInvocation


@dataclass(frozen=True, slots=True)
class ContinueAsNew(Command[Never]):
    """Made by `continue_as_new`."""

    invocation: WorkflowInvocation[Any]

    def __repr__(self) -> str:
        return f"continue_as_new({self.invocation})"


def continue_as_new(invocation: WorkflowInvocation[Any]) -> Command[Never]:
    """End this run and begin the next one under the same workflow id, with an empty history.

    What keeps an endless workflow's history bounded. The run's tasks are waited for, as at a return. Signals that were
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
