"""Which pending step a test means, and what to say where there is none."""

from __future__ import annotations

import difflib
from typing import Any

from .._core.commands import Command, Sleep, SleepUntil, TakeSignals, WaitSignal, show, show_seconds
from .._core.definitions import Invocation
from .._core.errors import CommandError
from .._core.nodes import Leaf
from .._core.replay import same_value
from .run import Run
from .waiting import waiting

#: The commands that end by themselves, at a time.
SLEEPS = (Sleep, SleepUntil)
#: The commands that end by a message.
_SIGNALS = (WaitSignal, TakeSignals)


def pending(run: Run) -> list[Command[Any]]:
    """What a workflow waits for, in the order issued."""
    attempts, now = run.past.attempts, run.family.now
    return [waiting(leaf, attempts.get(number), now) for number, leaf in run.open.items()]


def shown(run: Run) -> str:
    """What is pending, for messages."""
    return show(pending(run), 500)


def standing(run: Run) -> str:
    """Where a workflow stands, for messages."""
    name = run.past.info.name
    if run.execution.over:
        return f"{name} has ended ({run.status})"
    paused = " and is suspended" if run.past.suspended else ""
    return f"{name} has not ended{paused}: it waits for {shown(run)}"


def ready(run: Run, verb: str, command: Command[Any] | None) -> Leaf:
    """The step that is meant, where it can end now: of equal ones the first that can.

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
    """What has to come before a step can end, and what to write for that."""
    attempt = run.past.attempts.get(leaf.step.number)
    if attempt is not None and not attempt.begun:
        what = f"{leaf.command} waits for its attempt {attempt.number}"
        if run.past.suspended:
            return f"{what}, which begins once the workflow goes on. Write first:\n    resume()"
        wait = show_seconds((attempt.due_at - run.family.now) / 1e6)
        return f"{what}, due in {wait} s. Write first:\n    advance({wait})"
    child = run.children.get(leaf.step.number)
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
        ended = standing(run) if run.execution.over else run.past.info.name
        raise CommandError(f"{ended}: nothing is pending")
    if command is not None:
        for leaf in there.values():
            if leaf.command == command:
                return leaf
        raise CommandError(f"{show(command)} is not pending{_nearest(command, list(there.values()))}\n{_listed(run)}")
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
    """The pending command that is most like one that is not, and how they differ."""
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
    """What is called, or which kind of command it is."""
    return command.name if isinstance(command, Invocation) else type(command).__name__


def difference(given: Command[Any], there: Command[Any]) -> str:
    """How a pending command differs from one that was given: ``, where cents is 5, not 500.``; or nothing."""
    if not isinstance(given, Invocation) or not isinstance(there, Invocation):
        return ""
    one, other = (each.definition.completed(each._arguments) for each in (given, there))
    parts = []
    for name in sorted(set(one) | set(other)):
        if name not in one or name not in other:
            parts.append(f"{name} is {'not given' if name not in other else show(other[name], 60)}")
        elif not same_value(one[name], other[name]):
            parts.append(f"{name} is {show(other[name], 60)}, not {show(one[name], 60)}")
        elif one[name] != other[name]:
            parts.append(f"{name} is another object, without an equality: give its class an __eq__")
    return f", where {', and '.join(parts)}." if parts else ""


def unfit(leaf: Leaf, verb: str) -> CommandError:
    """What is said where a step cannot end in that way."""
    command = leaf.command
    instead = f"signal({command.name!r}, ...)" if isinstance(command, _SIGNALS) else f"resolve({command})"
    return CommandError(f"{command} cannot {verb}. Write:\n    {instead}")
