"""Pending steps: the one that a test means, and the way they are shown."""

from __future__ import annotations

__tracebackhide__ = True

import difflib
from collections.abc import Iterable
from typing import Any

from .._core.commands import Command, Sleep, SleepUntil, TakeSignals, WaitSignal, show, show_seconds
from .._core.comparing import same_value
from .._core.definitions import ActivityInvocation, Invocation, WorkflowInvocation
from .._core.errors import CommandError
from .._core.history import Micros
from .._core.nodes import Leaf
from .host import AttemptState
from .run import Run

#: The commands that end by themselves, at a time.
SLEEPS = (Sleep, SleepUntil)
#: The commands that end by a message.
_SIGNALS = (WaitSignal, TakeSignals)


class Commands(list[Command[Any]]):
    """Commands of a workflow, for a test to compare."""

    def __init__(self, commands: Iterable[Command[Any]], run: Run) -> None:
        super().__init__(commands)
        self._run = run

    @property
    def trouble(self) -> str | None:
        """The exception of the workflow's own that may be why others were expected, in a line; None without any."""
        return self._run.trouble


def pending(run: Run) -> list[Command[Any]]:
    """The commands that a workflow waits for, in the order issued."""
    return Commands((waiting(leaf, run.attempt(leaf), run.host.now) for leaf in run.open.values()), run)


def shown(run: Run) -> str:
    """The pending commands, for messages."""
    return show(pending(run), 500)


def standing(run: Run) -> str:
    """The state of a workflow, for messages."""
    if run.over:
        return run.ending
    paused = " and is suspended" if run.suspended else ""
    return f"{run.name} has not ended{paused}: it waits for {shown(run)}"


def ready(run: Run, verb: str, command: Command[Any] | None) -> Leaf:
    """The step that is meant and can end now; among equal commands the first that can.

    Raises:
        CommandError: There is no such step; or several are pending and none was named; or something has to come first.
    """
    leaf = meant(run, verb, command)
    obstacle = _obstacle(run, verb, leaf)
    if obstacle is None:
        return leaf
    for other in run.open.values():
        if command is not None and other.command == command and _obstacle(run, verb, other) is None:
            return other
    raise CommandError(obstacle)


def _obstacle(run: Run, verb: str, leaf: Leaf) -> str | None:
    """The message about what has to come before a step can end; None where it can."""
    attempt = run.attempt(leaf)
    if attempt is not None and not attempt.begun:
        what = f"{leaf.command} waits for its attempt {attempt.number}"
        if run.suspended:
            return f"{what}, which begins once the workflow goes on. Write first:\n    resume()"
        wait = show_seconds((attempt.due_at - run.host.now) / 1e6)
        return f"{what}, due in {wait} s. Write first:\n    advance({wait})"
    child = run.child(leaf.step.number)
    if child is None:
        return None
    return (
        f"{leaf.command} is stepped itself, and ends as it does: {standing(child)}. Write:\n"
        f"    child({leaf.command}).{verb}(...)"
    )


def meant(run: Run, verb: str, command: Command[Any] | None) -> Leaf:
    """The step that is meant."""
    there = run.open
    if not there:
        so_far = f"{run.ending}, so" if run.over else f"{run.name}:"
        raise run.told(CommandError, f"{so_far} nothing is pending")
    if command is not None:
        for leaf in there.values():
            if leaf.command == command:
                return leaf
        nearest = _nearest(command, list(there.values()))
        raise run.told(CommandError, f"{show(command)} is not pending{nearest}\n{_listed(run)}")
    first = next(iter(there.values()))
    if len(there) > 1:
        raise CommandError(
            f"several commands are pending, so say which one ends, as in {verb}({show(first.command)}, ...): "
            f"{shown(run)}"
        )
    return first


def _listed(run: Run) -> str:
    lines = [f"    {show(command, 100)}" for command in pending(run)[:10]]
    more = len(run.open) - len(lines)
    return "\n".join(["Pending:", *lines, *([f"    and {more} more"] if more else [])])


def _nearest(command: Command[Any], there: list[Leaf]) -> str:
    """The pending command that is most like another, and the difference, for messages."""
    same = [leaf.command for leaf in there if what_of(leaf.command) == what_of(command)]
    if not same:
        names = difflib.get_close_matches(str(what_of(command)), {str(what_of(leaf.command)) for leaf in there}, n=1)
        found = [leaf.command for leaf in there if str(what_of(leaf.command)) in names]
        return f". Did you mean {show(found[0])}?" if found else "."
    texts = {show(one): one for one in same[:100]}
    text = difflib.get_close_matches(show(command), texts, n=1, cutoff=0.0)[0]
    nearest = texts[text]
    return f". The nearest that is: {text}{difference(command, nearest)}"


def what_of(command: Command[Any]) -> object:
    """The name of what is called, or the kind of the command."""
    return command.name if isinstance(command, Invocation) else type(command).__name__


def difference(given: Command[Any], there: Command[Any]) -> str:
    """The difference of a pending command from a given command: ``, where cents is 5, not 500.``; or nothing."""
    if not isinstance(given, Invocation) or not isinstance(there, Invocation):
        return ""
    one, other = (each.definition.completed(each._arguments) for each in (given, there))
    parts = []
    for name in sorted(set(one) | set(other)):
        if name not in one or name not in other:
            parts.append(f"{name} is {'not given' if name not in other else show(other[name], 60)}")
        elif not same_value(one[name], other[name]):
            parts.append(f"{name} is {show(other[name], 60)}, not {show(one[name], 60)}")
    return f", where {', and '.join(parts)}." if parts else ""


def unfit(leaf: Leaf, verb: str) -> CommandError:
    """The error about a step that cannot end in that way."""
    command = leaf.command
    instead = f"signal({command.name!r}, ...)" if isinstance(command, _SIGNALS) else f"resolve({command})"
    return CommandError(f"{command} cannot {verb}. Write:\n    {instead}")


# ---------------------------------------------------------------------- how it is shown


class _WaitingActivity(ActivityInvocation[Any]):
    """Equal to the activity, and shown with what it waits for."""

    __slots__ = ("_note",)
    _note: str

    def __repr__(self) -> str:
        return f"{super().__repr__()} <{self._note}>"


class _WaitingChild(WorkflowInvocation[Any]):
    """Equal to the child, and shown with what it waits for."""

    __slots__ = ("_note",)
    _note: str

    def __repr__(self) -> str:
        return f"{super().__repr__()} <{self._note}>"


def note_of(leaf: Leaf, attempt: AttemptState | None, now: Micros) -> str:
    """The note on a step beside its command; empty where there is none."""
    if leaf.cancelled:
        return "cancelled: its end is waited for"
    if attempt is not None and not attempt.begun:
        return f"attempt {attempt.number} in {show_seconds(round((attempt.due_at - now) / 1e6, 3))} s"
    return "" if attempt is None or attempt.number == 1 else f"attempt {attempt.number}"


def waiting(leaf: Leaf, attempt: AttemptState | None, now: Micros) -> Command[Any]:
    """The command of a step, as a test sees it."""
    command, note = leaf.command, note_of(leaf, attempt, now)
    if not note:
        return command
    made: Command[Any]
    if isinstance(command, ActivityInvocation):
        made = _WaitingActivity(command.definition, command._arguments, command.options)
    elif isinstance(command, WorkflowInvocation):
        made = _WaitingChild(command.definition, command._arguments, command.options)
    else:
        return command
    object.__setattr__(made, "_note", note)
    return made
