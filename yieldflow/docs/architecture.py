"""The architecture: a turn, where to look, the floors, and the tables that the code goes by.

A turn

    One thread, the scheduler's, drives all workflows. Each of its turns does this, in this order:

    1. load workflows that are to go on and are not in memory, by replay;
    2. apply what arrived (outcomes, requests, submissions) and the timers that are due, each to its workflow: its
       generator is driven until all its branches wait again;
    3. write one transaction with all that changed;
    4. only then dispatch activities, answer callers, and tell those who wait for an end.

    A turn is a function of (inbox, time): store, clock and workers are handed in, so that tests drive it without its
    thread. If the transaction fails, memory is wrong and the disk is right: the workflows of the turn are dropped, to
    be built again by replay, and the outcomes that had arrived are kept for a later turn.

    Replay is the live path: one code turns outcomes into commands, in recovery, in a stepper and in the simulation.

Where to look

    who decides that a workflow is loaded now
        scheduler/residency.py; after a crash, scheduler/admission.py decides which are admitted
    where an activity's timeout is enforced
        scheduler/attempts.py: `check_timeouts`
    where "suspended" is kept
        in the column `status` of the workflow's row: sqlite/writing.py writes it, scheduler/requests.py asks for it
    where a signal meets its waiter
        _core/signals.py
    who wakes `result()`
        orchestrator/watches.py, told by the scheduler after the commit
"""

from __future__ import annotations

import importlib
import pkgutil
import textwrap
from collections.abc import Collection, Mapping
from inspect import cleandoc
from types import ModuleType
from typing import Any

import yieldflow

#: The packages, and `store`, ground floor first: each imports only from those above it in this list.
FLOORS = [
    ("_core",),
    ("codec",),
    ("store",),
    ("memory", "sqlite", "workers"),
    ("scheduler",),
    ("orchestrator",),
    ("testing",),
    ("docs",),
]

#: The tables of transitions that the page shows: a heading, the module, and the table's name there.
TABLES = [
    ("The status of a workflow on disk, and what each may become", "yieldflow._core.history", "TRANSITIONS"),
    (
        "The phase of a workflow in a session, and those that may follow: (none) where nothing of it is in memory",
        "yieldflow.scheduler.lifecycle",
        "PHASES",
    ),
]


def page() -> str:
    """The page, with the floors and the tables that the code itself goes by."""
    return "\n\n".join([cleandoc(__doc__ or ""), _floors(), *(_table(*table) for table in TABLES)])


def diagram(transitions: Mapping[Any, Collection[Any]]) -> str:
    """A table of transitions as text: a line for each state, with those that may follow it.

    Args:
        transitions: States, members of an enumeration or None, each with those that may follow it.
    """
    # In the order of the table, which a set has not.
    others = {after for following in transitions.values() for after in following if after not in transitions}
    states = [*transitions, *sorted(others, key=_state)]
    width = max(len(_state(state)) for state in transitions)
    lines = []
    for state, following in transitions.items():
        names = ", ".join(_state(after) for after in states if after in following)
        lines.append(f"{_state(state):<{width}}  ->  {names or '(nothing)'}")
    return "\n".join(lines)


def _state(state: Any) -> str:
    if state is None:
        return "(none)"
    return state.value if isinstance(state.value, str) else state.name.lower()


def _table(heading: str, module: str, name: str) -> str:
    drawn = diagram(getattr(importlib.import_module(module), name))
    return f"{heading}\n\n{textwrap.indent(drawn, '    ')}"


def _floors() -> str:
    lines = [_line(f"yieldflow.{name}") for floor in FLOORS for name in floor]
    return "\n".join(
        [
            "Floors",
            "",
            "    A package imports only from those above it in this list, and inside of one there is no circle:",
            "",
            textwrap.indent("\n".join(lines), "    "),
            "",
            "    `python -m yieldflow docs modules` lists every module.",
        ]
    )


def modules() -> str:
    """The page of every module: its name, and the first line of its docstring."""
    lines = ["Every module of yieldflow, with the first line of its docstring.", ""]
    lines += [_line(f"yieldflow.{name}") for name, is_package in _inside(yieldflow) if not is_package]
    for name in [name for floor in FLOORS for name in floor]:
        package = importlib.import_module(f"yieldflow.{name}")
        inside = [_line(f"{package.__name__}.{found}") for found, _ in _inside(package)]
        if inside:
            lines += ["", f"{name}: {_first_line(package.__name__)}", textwrap.indent("\n".join(inside), "  ")]
    return "\n".join(lines)


def _inside(package: ModuleType) -> list[tuple[str, bool]]:
    """The modules and packages in a package, each with whether it is a package."""
    found = pkgutil.iter_modules(getattr(package, "__path__", ()))
    return [(one.name, one.ispkg) for one in found if one.name != "__main__"]


def _line(module: str) -> str:
    line = f"{module.rpartition('.')[2]:<22}  {_first_line(module)}"
    return textwrap.fill(line, 114, subsequent_indent=26 * " ")


def _first_line(module: str) -> str:
    return (importlib.import_module(module).__doc__ or "").strip().partition("\n")[0]
