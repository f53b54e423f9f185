"""The picture that ``print(flow)`` shows: the steps with their outcomes, and what each branch waits for, and where.

Recorded values show as the JSON that is stored of them.
"""

from __future__ import annotations

__tracebackhide__ = True

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .._core.combinators import show_yieldable
from .._core.commands import show, show_seconds, show_values
from .._core.groups import Group
from .._core.history import Failure, Micros, Outcome, Payload, Step, StepEnded, StepKind, to_datetime
from .._core.nodes import Branch, Leaf, Node, TaskNode, Wait
from ..codec import short_preview
from ..store import Loaded
from .pending import note_of
from .run import Run

#: With many steps, so many of the first and of the last are shown,
FIRST, LAST = 5, 25
#: of many members of a gather so many,
MOST_MEMBERS = 12
#: and branches in branches so deep.
DEEPEST = 12
#: The longest command and the longest value.
LONGEST = 70
_CANCELLED = "is being cancelled"


class Row(NamedTuple):
    """One line in three columns."""

    what: str
    #: ``file:line``.
    where: str = ""
    how: str = ""


def picture(run: Run) -> str:
    """A stepped workflow as text."""
    row, there = run.row, run.loaded
    call = f"{row.name}({show_input(row.input)})"
    again = f", run {row.run}" if row.run > 1 else ""
    parts = [f"{call}   {row.status}{again}   {_clock(run)}"]
    if row.progress is not None:
        parts[0] += f"\nprogress  {_value(row.progress)}"
    if there.history.steps:
        parts.append(_table("steps", list(_steps(run, there))))
    root = None if run.over else run.execution.root
    if root is not None:
        parts.append(_table("waits for", list(_tree(run, root, "", "", 0))))
    if there.signals:
        rows = [Row(one.name, how=_value(one.payload)) for one in there.signals]
        parts.append(_table("signals that nobody received", rows))
    if row.outcome is not None:
        verb = "returned " if not isinstance(row.outcome, Failure) else ""
        parts.append(f"{verb}{_outcome(row.outcome)}")
    return "\n\n".join(parts)


def _clock(run: Run) -> str:
    row = run.row
    passed = 0 if row.started_at is None else run.host.now - row.started_at
    now = to_datetime(run.host.now).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
    begun = "its start" if row.run == 1 else "the start of this run"
    return f"{now}, {span(passed)} after {begun}" if passed else now


def _table(title: str, rows: Sequence[Row]) -> str:
    """Rows with their columns one below the other."""
    what = max(len(row.what) for row in rows)
    where = max(len(row.where) for row in rows)
    lines = [f"  {row.what:<{what}}   {row.where:<{where}}   {row.how}".rstrip() for row in rows]
    return "\n".join([title, *lines])


# ---------------------------------------------------------------------- steps


def _steps(run: Run, there: Loaded) -> Iterator[Row]:
    past = there.history
    ends = {event.step: event for event in past.events if isinstance(event, StepEnded)}
    kept = {event.step: event for event in run.kept}
    ends |= kept
    failed: dict[int, list[str]] = {}
    for one in run.failed:
        failed.setdefault(one.step, []).append(f"attempt {one.following.number - 1}: {one.failure.summary}")
    width = len(str(len(past.steps) - 1))
    hidden = range(FIRST, len(past.steps) - LAST) if len(past.steps) > FIRST + LAST + 1 else range(0)
    for step in past.steps:
        if step.number in hidden:
            if step.number == hidden[0]:
                yield Row(f"{'':>{width}}  ... {len(hidden)} more")
            continue
        what = f"{step.number:>{width}}  {call_of(step)}"
        event = ends.get(step.number)
        how = ""
        if event is not None:
            how = "ended" if step.kind is StepKind.SLEEP else f"-> {_outcome(event.outcome)}"
            how += ", not received yet" if step.number in kept else ""
        elif step.number in past.dropped:
            how = "cancelled"
        before = failed.get(step.number, [])
        yield Row(what, _short(step.source), before[0] if before else how)
        for line in [*before[1:], *([how] if before and how else [])]:
            yield Row("", how=line)


def call_of(step: Step) -> str:
    """A step as the command that it is."""
    if step.kind in (StepKind.WAIT_SIGNAL, StepKind.TAKE_SIGNALS):
        return f"{step.kind}({step.name!r})"
    arguments = short_preview(step.input)
    if step.kind is StepKind.SLEEP and isinstance(arguments, dict):
        (value,) = arguments.values()
        return f"{step.name}({show_seconds(value) if isinstance(value, float) else value})"
    return show_text(f"{step.name}({show_input(step.input)})")


def show_input(payload: Payload) -> str:
    """Arguments as they are written in a call."""
    arguments = short_preview(payload)
    return show_values(arguments.items(), LONGEST) if isinstance(arguments, dict) else show(arguments, LONGEST)


def show_text(text: str) -> str:
    """``text`` in one line, cut where it is long."""
    text = text.replace("\n", "\\n")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _outcome(outcome: Outcome) -> str:
    return show_text(outcome.summary) if isinstance(outcome, Failure) else _value(outcome)


def _value(payload: Payload) -> str:
    return show_text(show(short_preview(payload), LONGEST))


def _short(source: str) -> str:
    return os.path.basename(source)


def span(length: Micros) -> str:
    """A length of time in the two largest units that fit."""
    seconds = length / 1e6
    if seconds < 60:
        return f"{show_seconds(round(seconds, 3))} s"
    left, parts = round(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2])


# ---------------------------------------------------------------------- what is waited for


def _tree(run: Run, node: Node, lead: str, below: str, depth: int) -> Iterator[Row]:
    """A node and what it waits for: ``lead`` stands before itself, ``below`` before the rest."""
    yield _row(run, node, lead)
    members = [] if isinstance(node, Wait) else list(node.below)
    if depth == DEEPEST and members:
        yield Row(f"{below}...")
        return
    shown = members[:MOST_MEMBERS]
    for place, member in enumerate(shown):
        last = place == len(members) - 1
        branch, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield from _tree(run, member, below + branch, below + rest, depth + 1)
    if len(members) > len(shown):
        yield Row(f"{below}└─ and {len(members) - len(shown)} more")


def _row(run: Run, node: Node, lead: str) -> Row:
    if isinstance(node, Leaf):
        return Row(f"{lead}{show_text(str(node.command))}", _short(node.step.source), _state(run, node))
    if isinstance(node, Branch):
        return _branch(run, node, lead)
    if isinstance(node, Group):
        ended = node.next - len(node.running)
        state = f"{ended} of {len(node.members)} ended" if node.kind == "gather" else ""
        return Row(f"{lead}{node.kind}", how="is ending" if node.closing else state)
    if isinstance(node, TaskNode):
        return Row(f"{lead}task {show_yieldable(node.command, 50)}", how=_CANCELLED if node.cancelled else "")
    what = show_yieldable(node.task.command, 50) if isinstance(node, Wait) else ""
    return Row(f"{lead}the end of task {what}")


def _branch(run: Run, branch: Branch, lead: str) -> Row:
    state = _CANCELLED if branch.cancelled else ""
    if not branch.stack:
        return Row(f"{lead}{run.name if branch.parent is None else 'a branch'}", how="waits for its tasks")
    first, last = branch.stack[0].gi_code.co_name, branch.innermost.gi_code.co_name
    return Row(f"{lead}{first if first == last else f'{first}, in {last}'}", _short(branch.source), state)


def _state(run: Run, leaf: Leaf) -> str:
    now = run.host.now
    if leaf.step.number not in run.open:
        return "has ended"
    note = note_of(leaf, run.attempt(leaf), now)
    child = run.child(leaf.step.number)
    if child is not None:
        return f"stepped itself: {child.status}" + (f", {note}" if note else "")
    if leaf.step.due_at is not None and not note:
        return f"ends in {span(leaf.step.due_at - now)}" if leaf.step.due_at > now else "is due"
    return note
