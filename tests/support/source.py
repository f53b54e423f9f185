"""The source of the package under test (the checkout's, or the installed wheel's), as tests read it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import yieldflow

PACKAGE = Path(yieldflow.__file__).parent


def module_name(path: Path) -> str:
    """``sqlite/store.py`` is "sqlite.store", ``sqlite/__init__.py`` is "sqlite"; the package's own is "__init__"."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


#: The pytest plugin lies in the package's folder and is installed beside it: it is no module of the package.
PLUGIN = PACKAGE / "testing" / "entry"

FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py")) if PLUGIN not in path.parents}


@functools.cache
def tree(module: str) -> ast.Module:
    """Parse a module."""
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


def source_of(module: str, node: ast.ImportFrom) -> str:
    """Return the full dotted name of the text between ``from`` and ``import``, the dots resolved."""
    if node.level == 0:
        return node.module or ""
    path = FILES[module]
    package = [PACKAGE.name, *path.relative_to(PACKAGE).parts[:-1]]
    return ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])


def imported(module: str) -> Iterator[tuple[str, int]]:
    """Yield everything that a module imports, anywhere in it, by its full dotted name, with the line."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            source = source_of(module, node)
            for alias in node.names:
                yield f"{source}.{alias.name}", node.lineno


def own_module(name: str) -> str | None:
    """Return the module of the package that a full dotted name leads to; None where it leads out of the package."""
    top, *rest = name.split(".")
    if top != PACKAGE.name:
        return None
    while rest and ".".join(rest) not in FILES:
        rest.pop()
    return ".".join(rest) or "__init__"


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that a module runs at its top level, those under ``if`` and ``try`` too."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from statements(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from statements(node.body + node.orelse + node.finalbody)


def defined(module: str) -> set[str]:
    """Return the names that a module defines at its top level."""
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
    """Return ``file:line``, as editors take it."""
    return f"{FILES[module].relative_to(PACKAGE.parent)}:{line}"
