"""The architecture, read from the source of the package under test (the checkout's, or the installed wheel's)."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import yieldflow

#: The floors of the package, ground first. A module imports only from floors below its own: not from its neighbours.
FLOORS: list[set[str]] = [
    {"inbox", "log"},
    {"_core"},
    {"_core.errors", "_core.rare", "_core.generator_safety"},
    {"_core.history"},
    {"_core.context", "_core.signals"},
    {"_core.commands"},
    {"_core.combinators", "_core.retry", "_core.signatures"},
    {"_core.options"},
    {"_core.definitions"},
    {"_core.nodes", "_core.yield_errors", "_core.registry", "_core.replay"},
    {"_core.decorators"},
    {"_core.children", "_core.groups"},
    {"_core.tree"},
    {"_core.steps"},
    {"_core.execution"},
    {"codec.safe_repr", "filter"},
    {"store"},
    {"codec.json_text", "codec.pickles", "history_checks"},
    {"codec.diagnostics", "codec.failures"},
    {"codec.codecs"},
    {"codec"},
    {"memory.rows", "sqlite.row_checks", "sqlite.invariants", "sqlite.wal", "sqlite.schema"},
    {"memory.store", "sqlite.connections", "sqlite.rows"},
    {"sqlite.ownership", "sqlite.file_guard", "sqlite.reading", "sqlite.writing"},
    {"sqlite.rewind", "sqlite.listing"},
    {"sqlite.store"},
    {"memory", "sqlite"},
    {"workers.attempt", "workers.pipe_protocol", "workers.watchdog"},
    {"workers.context"},
    {"workers.daemon_pool", "workers.slots", "workers.serialization", "workers.threads"},
    {"workers.worker_main", "workers.event_loop"},
    {"workers.user_executor", "workers.worker_process"},
    {"workers.processes"},
    {"workers.pools"},
    {"workers"},
    {"tracing"},
    {"scheduler.max_concurrent", "scheduler.admission", "scheduler.timers", "scheduler.turn"},
    {"scheduler.live"},
    {"scheduler.children", "scheduler.state"},
    {"scheduler.applying", "scheduler.eviction", "scheduler.limits", "scheduler.telling"},
    {"scheduler.attempts"},
    {"scheduler.dispatching"},
    {"scheduler.committing", "scheduler.residency"},
    {"scheduler.requests"},
    {"scheduler.scheduler"},
    {"scheduler.loop"},
    {"scheduler"},
    {"orchestrator.settings", "orchestrator.submissions", "orchestrator.descriptions", "orchestrator.waiting"},
    {"orchestrator.workflow_history"},
    {"orchestrator.listing", "orchestrator.replay_check", "orchestrator.retry_point", "orchestrator.session"},
    {"orchestrator.gateway"},
    {"orchestrator.handle", "orchestrator.takeover"},
    {"orchestrator.orchestrator"},
    {"orchestrator"},
    {"workflow_logger"},
    {"testing.past"},
    {"testing.elsewhere"},
    {"testing.checking", "testing.clockwork", "testing.unordered", "testing.waiting"},
    {"testing.twice"},
    {"testing.run"},
    {"testing.pending", "testing.picture", "testing.loading"},
    {"testing.going_back"},
    {"testing.stepper"},
    {"testing.comparing", "testing.result", "testing.plugin", "testing.replaying", "testing.fakes"},
    {"testing.calling"},
    {"testing.player"},
    {"testing.running", "testing.schedule"},
    {"testing.playing"},
    {"testing.shrinking"},
    {"testing.exploring"},
    {"testing"},
    {"__init__"},
    {"__main__"},
]

#: All that the core may take from the standard library: nothing here starts a thread, opens a file or a socket, reads a
#: clock, draws at random or logs. A dotted name allows ``from module import name`` and not the rest of the module.
PURE = {
    "__future__",
    "collections",
    "collections.abc",
    "contextlib",
    "contextvars",
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

#: What stands in a class for a method or a property, beside plain functions.
DESCRIPTORS = (classmethod, staticmethod, property, functools.cached_property)

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 50

PACKAGE = Path(yieldflow.__file__).parent

# ---------------------------------------------------------------------- reading the source


def module_name(path: Path) -> str:
    """``sqlite/store.py`` is "sqlite.store", ``sqlite/__init__.py`` is "sqlite"; the package's own is "__init__"."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


#: The pytest plugin lies in the package's folder and is installed beside it: it is no module of the package.
PLUGIN = PACKAGE / "testing" / "entry"

FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py")) if PLUGIN not in path.parents}


@functools.cache
def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def source_of(module: str, node: ast.ImportFrom) -> str:
    """The full dotted name of what stands between ``from`` and ``import``, the dots resolved."""
    if node.level == 0:
        return node.module or ""
    path = FILES[module]
    package = [PACKAGE.name, *path.relative_to(PACKAGE).parts[:-1]]
    return ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])


def imported(module: str) -> Iterator[tuple[str, int]]:
    """Everything that a module imports, anywhere in it, by its full dotted name, with the line."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            source = source_of(module, node)
            for alias in node.names:
                yield f"{source}.{alias.name}", node.lineno


def own_module(name: str) -> str | None:
    """The module of the package that a full dotted name leads to; None where it leads out of the package."""
    top, *rest = name.split(".")
    if top != PACKAGE.name:
        return None
    while rest and ".".join(rest) not in FILES:
        rest.pop()
    return ".".join(rest) or "__init__"


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that a module runs at its top level, those under ``if`` and ``try`` too."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from statements(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from statements(node.body + node.orelse + node.finalbody)


def defined(module: str) -> set[str]:
    """The names that a module makes itself at its top level."""
    names = set()
    for node in statements(tree(module).body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def where(module: str, line: int) -> str:
    return f"{FILES[module].relative_to(PACKAGE.parent)}:{line}"


# ---------------------------------------------------------------------- floors


def test_every_module_has_its_floor() -> None:
    """Each module of the package stands on one floor, and each module that a floor names exists."""
    listed = [name for floor in FLOORS for name in floor]

    assert sorted(FILES) == sorted(listed)


def test_a_module_imports_only_from_floors_below_it() -> None:
    """The code can be read from the ground floor up: no module needs one above it or beside it."""
    floor_of = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    upward = []
    for module in floor_of.keys() & FILES.keys():
        for name, line in imported(module):
            target = own_module(name)
            if target in floor_of and floor_of[target] >= floor_of[module]:
                upward.append(f"{where(module, line)}: {module} imports {name}")

    assert sorted(upward) == []


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


# ---------------------------------------------------------------------- the public names


def public_imports() -> dict[str, str]:
    """The names that the package's ``__init__`` imports, and the module that it takes each from."""
    found = {}
    for node in tree("__init__").body:
        if isinstance(node, ast.ImportFrom):
            source = source_of("__init__", node)
            for alias in node.names:
                found[alias.asname or alias.name] = own_module(f"{source}.{alias.name}") or source
    return found


def public_classes_and_functions() -> Iterator[tuple[str, object]]:
    """What users meet: the names of the package, and those of `yieldflow.testing`."""
    for name in yieldflow.__all__:
        yield name, getattr(yieldflow, name)
    testing = importlib.import_module("yieldflow.testing")
    for name in testing.__all__:
        yield f"testing.{name}", getattr(testing, name)


def undocumented(name: str, cls: type) -> Iterator[str]:
    """The class itself and its public methods and properties, as far as they have no docstring.

    What dataclasses and named tuples write by themselves, which begins with the signature, counts as none.
    """
    if (vars(cls).get("__doc__") or f"{cls.__name__}(").startswith(f"{cls.__name__}("):
        yield name
    ours = [base for base in cls.__mro__ if base.__module__.split(".")[0] == PACKAGE.name]
    for member, value in [pair for base in ours for pair in vars(base).items()]:
        described = isinstance(value, DESCRIPTORS) or inspect.isfunction(value)
        if described and not member.startswith("_") and not inspect.getdoc(inspect.getattr_static(cls, member)):
            yield f"{name}.{member}"


def test_init_only_re_exports() -> None:
    """`yieldflow/__init__.py` is a list of names: nothing is defined there."""
    own = {"__all__", "__version__"}
    other = []
    for index, node in enumerate(tree("__init__").body):
        docstring = index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        names = isinstance(node, ast.Assign) and all(isinstance(to, ast.Name) and to.id in own for to in node.targets)
        if not (docstring or names or isinstance(node, ast.ImportFrom)):
            other.append(where("__init__", node.lineno))

    assert other == []


def test_every_public_name_can_be_imported() -> None:
    """Each name of `yieldflow.__all__` is there, once."""
    missing = [name for name in yieldflow.__all__ if not hasattr(yieldflow, name)]

    assert missing == []
    assert sorted(yieldflow.__all__) == sorted(set(yieldflow.__all__))


def test_every_public_name_has_one_home() -> None:
    """Each name of `yieldflow.__all__` is defined in one module only, and is taken from there."""
    taken_from = public_imports()
    public = [name for name in yieldflow.__all__ if not name.startswith("__")]
    homes = {name: [module for module in FILES if name in defined(module)] for name in public}

    assert {name: [taken_from.get(name)] for name in public} == homes


def test_every_import_of_init_is_public() -> None:
    """What `yieldflow/__init__.py` imports is in its `__all__`: there are no half-public names."""
    assert set(public_imports()) - {"annotations"} == {name for name in yieldflow.__all__ if not name.startswith("__")}


def test_everything_public_has_a_docstring() -> None:
    """`help()` says something about each public function and class, and about each of its methods and properties."""
    silent: list[str] = []
    for name, value in public_classes_and_functions():
        if isinstance(value, type):
            silent.extend(undocumented(name, value))
        elif inspect.isroutine(value) and not inspect.getdoc(value):
            silent.append(name)

    assert sorted(silent) == []


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


def test_the_package_never_prints() -> None:
    """The library leaves standard output to its user: it logs."""
    prints = [
        where(module, node.lineno)
        for module in FILES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]

    assert prints == []
