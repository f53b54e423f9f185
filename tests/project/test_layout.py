"""The architecture, read from the source of the package under test (the checkout's, or the installed wheel's)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from tests.support.source import FILES, PACKAGE, imported, own_module, tree, where
from yieldflow.docs.architecture import FLOORS

#: All that the core may take from the standard library: nothing here starts a thread, opens a file or a socket, reads a
#: clock, draws at random or logs. A dotted name allows ``from module import name`` and not the rest of the module.
PURE = {
    "__future__",
    "collections",
    "collections.abc",
    "contextlib",
    "contextvars",
    "copy",
    "copyreg",
    "dataclasses",
    "datetime",
    "difflib",
    "dis",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "inspect",
    "itertools",
    "json",
    "math",
    "operator",
    "sys",
    "threading.get_ident",
    "types",
    "typing",
    "uuid.UUID",
    "weakref",
}

#: Calls of `datetime` and `date` that read the clock.
CLOCK = {"now", "today", "utcnow"}

#: Words by which no docstring begins.
OPENINGS = ("What ", "Whether ", "How ", "Where ", "Which ", "Who ", "Of ")

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 50

# ---------------------------------------------------------------------- floors


def part_of(module: str) -> str:
    """The package or the module on the top level to which a module belongs."""
    return module.split(".")[0]


def test_every_part_of_the_package_has_its_floor() -> None:
    """Each package, and each module beside them, stands on one floor, and everything that a floor names exists."""
    listed = [name for floor in FLOORS for name in floor]

    assert sorted({part_of(module) for module in FILES}) == sorted(listed)


def test_imports_lead_to_floors_below() -> None:
    """The package can be read from the ground floor up: no part of it needs a part above or beside itself."""
    floor_of = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    upward = []
    for module in FILES:
        part = part_of(module)
        for name, line in imported(module):
            target = own_module(name)
            if target and part_of(target) != part and floor_of[part_of(target)] >= floor_of[part]:
                upward.append(f"{where(module, line)}: {module} imports {name}")

    assert sorted(upward) == []


def test_imports_form_no_circle() -> None:
    """Inside of a package, too, the modules can be read in an order in which each needs only those before it."""
    graph = {
        module: {target for name, _ in imported(module) if (target := own_module(name)) and target != module}
        for module in FILES
    }

    assert circle_in(graph) == []


def test_a_circle_is_found() -> None:
    """The search for circles names the modules of a circle, in order."""
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) in (
        ["a", "c", "b", "a"],
        ["b", "a", "c", "b"],
        ["c", "b", "a", "c"],
    )


def circle_in(graph: Mapping[str, set[str]]) -> list[str]:
    """A circle of modules of which each is imported by the next; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_core_takes_only_pure_modules() -> None:
    """The core runs under any host: it imports itself and the part of the standard library that is pure."""
    impure = []
    for module in FILES:
        if module.split(".")[0] != "_core":
            continue
        for name, line in imported(module):
            target = own_module(name)
            pure = target.startswith("_core.") if target else bool({name, name.rpartition(".")[0]} & PURE)
            if not pure:
                impure.append(f"{where(module, line)}: {name}")

    assert impure == []


def test_the_core_reads_no_clock() -> None:
    """Time comes into the core with the events: it never asks `datetime` or `date` for the time of day."""
    reads = []
    for module in FILES:
        if module.split(".")[0] != "_core":
            continue
        for node in ast.walk(tree(module)):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in CLOCK
                and isinstance(node.value, ast.Name | ast.Attribute)
            ):
                owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                if owner in {"datetime", "date"}:
                    reads.append(f"{where(module, node.lineno)}: {owner}.{node.attr}")

    assert reads == []


def test_only_the_standard_library_and_cloudpickle_are_needed() -> None:
    """Installing yieldflow brings in what it imports: the standard library and its one declared dependency."""
    allowed = {*sys.stdlib_module_names, PACKAGE.name, "cloudpickle"}
    foreign = [
        f"{where(module, line)}: {name}"
        for module in FILES
        for name, line in imported(module)
        if name.split(".")[0] not in allowed
    ]

    assert foreign == []


# ---------------------------------------------------------------------- sizes and habits


def docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None or first.end_lineno is None:
        return 0
    return first.end_lineno - first.lineno + 1


def test_no_file_is_long() -> None:
    """A file can be read at one sitting."""
    lengths = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in FILES.items()}

    assert {module: lines for module, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_no_function_is_long() -> None:
    """A function fits on a screen, its docstring not counted."""
    long = {}
    for module in FILES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
                if lines > MAX_FUNCTION_LINES:
                    long[f"{where(module, node.lineno)}: {node.name}"] = lines

    assert long == {}


def test_docstrings_begin_with_a_verb_or_name_the_thing() -> None:
    """A docstring says in its first words what is done: the verb does not come at the end of a clause."""
    indirect = [
        f"{where(module, getattr(node, 'lineno', 1))}: {text.splitlines()[0]}"
        for module in FILES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and (text := ast.get_docstring(node) or "").startswith(OPENINGS)
    ]

    assert indirect == []


def test_the_package_never_prints() -> None:
    """The library leaves standard output to its user: it logs."""
    prints = [
        where(module, node.lineno)
        for module in FILES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert prints == []
