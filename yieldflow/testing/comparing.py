"""The difference between two lists of commands, for an assertion that failed."""

from __future__ import annotations

__tracebackhide__ = True

import difflib
from typing import Any

from .._core.commands import Command, show
from .pending import Commands, difference, what_of


def compared(left: object, right: object) -> list[str] | None:
    """The lines that are shown for ``assert left == right``; None where they are not two lists of commands.

    Args:
        left: The list that is there, as in ``flow.pending == [...]``.
        right: The list that is expected.
    """
    if not _is_commands(left) or not _is_commands(right) or not (left or right):
        return None
    missing, unexpected = _without(right, left), _without(left, right)
    lines = ["the commands differ (left: what there is, right: what is expected)"]
    lines += [trouble for one in (left, right) if isinstance(one, Commands) and (trouble := one.trouble) is not None]
    if not missing and not unexpected:
        return [*lines, "the same commands in another order:", *_listed("left ", left), *_listed("right", right)]
    for command in missing:
        lines.append(f"missing:    {show(command)}")
        nearest = _nearest(command, unexpected)
        if nearest is not None:
            unexpected.remove(nearest)
            how = difference(command, nearest).removeprefix(", where ").removesuffix(".")
            lines.append(f"  there is: {show(nearest)}" + (f": {how}" if how else ""))
    return lines + [f"unexpected: {show(command)}" for command in unexpected]


def _is_commands(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, Command) for one in value)


def _listed(side: str, commands: Any) -> list[str]:
    return [f"  {side}: {show(command)}" for command in commands]


def _without(some: Any, others: Any) -> list[Command[Any]]:
    """Those of ``some`` that are not among ``others``, each counted as often as it is there."""
    left = list(others)
    found = []
    for command in some:
        if command in left:
            left.remove(command)
        else:
            found.append(command)
    return found


def _nearest(command: Command[Any], there: list[Command[Any]]) -> Command[Any] | None:
    """The command that calls the same with the most similar arguments."""
    texts = {show(one): one for one in there if what_of(one) == what_of(command)}
    names = difflib.get_close_matches(show(command), texts, n=1, cutoff=0.0)
    return texts[names[0]] if names else None
