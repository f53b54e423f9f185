"""The architecture: where to look, the floors, a turn, a workflow, and the tables that the code goes by.

Replay is the live path: one code turns outcomes into commands, in recovery, in a stepper and in the simulation.

Where to look

    who decides that a workflow is loaded now
        scheduler/residency.py; after a crash, scheduler/admission.py says which may be. The phases are in
        scheduler/lifecycle.py
    where an activity's timeout is enforced
        scheduler/attempts.py
    where "suspended" is kept
        in the column `status` of the workflow's row, which scheduler/requests.py changes. A live workflow has it in its
        `status` too (scheduler/live.py)
    where a signal meets its waiter
        _core/signals.py
    who wakes `result()`
        orchestrator/watches.py, told by the scheduler after the commit; in a client, orchestrator/polling.py, with one
        look at the file for all. The waiting is in orchestrator/results.py
"""

from __future__ import annotations

import importlib
import pkgutil
import textwrap
from collections.abc import Collection, Iterator, Mapping
from inspect import cleandoc
from typing import Any

from .reference import fields

#: The floors, ground first: the packages, and the modules beside them. Each imports only from floors below its own.
FLOORS = [
    {"_core", "inbox", "log"},
    {"clock", "codec", "filter", "workflow_logger"},
    {"store"},
    {"history_checks"},
    {"sqlite", "workers"},
    {"tracing"},
    {"scheduler"},
    {"orchestrator"},
    {"testing"},
    {"__init__"},
    {"docs"},
    {"__main__"},
]

#: The modules whose docstrings say how things go, each with its heading.
THEORY = [
    ("A turn", "yieldflow.scheduler.scheduler"),
    ("A workflow in memory", "yieldflow._core.execution"),
    ("A workflow in a session", "yieldflow.scheduler.lifecycle"),
]

#: The tables of transitions on the page: a heading, the module, and the names of the states and the table there.
TABLES = [
    (
        "The status of a workflow, on disk, and what may follow it",
        "yieldflow._core.history",
        "WorkflowStatus",
        "TRANSITIONS",
    ),
    (
        "The phase of a workflow, in a session, and what may follow it",
        "yieldflow.scheduler.lifecycle",
        "Phase",
        "PHASES",
    ),
]


def page() -> str:
    """The page, with the floors and the tables that the code itself goes by."""
    theory = [_section(heading, cleandoc(importlib.import_module(module).__doc__ or "")) for heading, module in THEORY]
    return "\n\n".join([cleandoc(__doc__ or ""), _floors(), *theory, *(_table(*table) for table in TABLES)])


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


def _table(heading: str, module: str, states: str, table: str) -> str:
    found = importlib.import_module(module)
    meanings = [_entry(name, meaning) for name, meaning in fields(getattr(found, states)).items()]
    return _section(heading, "\n".join([diagram(getattr(found, table)), "", *meanings]))


def _section(heading: str, text: str) -> str:
    return f"{heading}\n\n{textwrap.indent(text, '    ')}"


def _floors() -> str:
    lines = [
        "Each floor imports only from those above it in this list, and inside of a package there is no circle:",
        "",
    ]
    for floor in FLOORS:
        lines += [*(_line(f"yieldflow.{name}") for name in sorted(floor)), ""]
    return _section("Floors", "\n".join([*lines, "`python -m yieldflow docs modules` lists every module."]))


def modules() -> str:
    """The page of every module: its name, and the first line of its docstring."""
    lines = ["Every module of yieldflow, with the first line of its docstring.", ""]
    lines += [_line(found.name) for found in _inside("yieldflow") if not found.ispkg]
    for name in [name for floor in FLOORS for name in sorted(floor) if name != "__init__"]:
        package = f"yieldflow.{name}"
        inside = [_entry(found.name.removeprefix(f"{package}."), _first_line(found.name)) for found in _inside(package)]
        if inside:
            lines += ["", f"{name}: {_first_line(package)}", textwrap.indent("\n".join(inside), "  ")]
    return "\n".join(lines)


def _inside(package: str) -> Iterator[pkgutil.ModuleInfo]:
    """The modules and packages in a package, and in those of a package of yieldflow what is in them too."""
    path = getattr(importlib.import_module(package), "__path__", ())
    for found in pkgutil.iter_modules(path, f"{package}."):
        if found.name != "yieldflow.__main__":
            yield found
        if found.ispkg and package != "yieldflow":
            yield from _inside(found.name)


def _line(module: str) -> str:
    return _entry(module.rpartition(".")[2], _first_line(module))


def _entry(name: str, text: str) -> str:
    return textwrap.fill(f"{name:<22}  {text}", 114, subsequent_indent=26 * " ")


def _first_line(module: str) -> str:
    found = importlib.import_module(module.removesuffix(".__init__"))
    return (found.__doc__ or "").strip().partition("\n")[0]
