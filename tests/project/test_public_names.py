"""Public names: each has one home, can be imported, and is described."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Iterator

import yieldflow
from tests.support.source import FILES, PACKAGE, defined, own_module, source_of, tree, where

TESTING = importlib.import_module("yieldflow.testing")

#: The descriptors that stand in a class for a method or a property, beside plain functions.
DESCRIPTORS = (classmethod, staticmethod, property, functools.cached_property)


def public_imports(package: str) -> dict[str, str]:
    """Return the names that the ``__init__`` of a package imports, and the module that it takes each from."""
    found = {}
    for node in tree(package).body:
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            source = source_of(package, node)
            for alias in node.names:
                found[alias.asname or alias.name] = own_module(f"{source}.{alias.name}") or source
    return found


def public_classes_and_functions() -> Iterator[tuple[str, object]]:
    """Yield the public names of the package, and those of `yieldflow.testing`."""
    for name in yieldflow.__all__:
        yield name, getattr(yieldflow, name)
    for name in TESTING.__all__:
        yield f"testing.{name}", getattr(TESTING, name)


def undocumented(name: str, cls: type) -> Iterator[str]:
    """Yield the class and its public methods and properties, as far as they have no docstring.

    The docstrings that dataclasses and named tuples write by themselves, which begin with the signature, do not count.
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
    taken_from = public_imports("__init__")
    public = [name for name in yieldflow.__all__ if not name.startswith("__")]
    homes = {name: [module for module in FILES if name in defined(module)] for name in public}

    assert {name: [taken_from.get(name)] for name in public} == homes


def test_every_public_name_of_the_test_kit_has_one_home() -> None:
    """Each name of `yieldflow.testing.__all__` is taken from the module that defines it, the only one in the kit."""
    taken_from = public_imports("testing")
    elsewhere = [name for name in TESTING.__all__ if name not in defined(taken_from[name])]
    twice = [name for name in TESTING.__all__ for module in FILES if name in defined(module)
             if module.startswith("testing.") and module != taken_from[name]]  # fmt: skip

    assert (elsewhere, twice) == ([], [])


def test_every_import_of_init_is_public() -> None:
    """Everything that `yieldflow/__init__.py` imports is in its `__all__`: there are no half-public names."""
    assert set(public_imports("__init__")) == {name for name in yieldflow.__all__ if not name.startswith("__")}


def test_everything_public_has_a_docstring() -> None:
    """`help()` says something about each public function and class, and about each of its methods and properties."""
    silent: list[str] = []
    for name, value in public_classes_and_functions():
        if isinstance(value, type):
            silent.extend(undocumented(name, value))
        elif inspect.isroutine(value) and not inspect.getdoc(value):
            silent.append(name)

    assert sorted(silent) == []


def parameters(function: object) -> list[str]:
    """Return the parameters that a caller of a function or method gives by name or position, one by one."""
    assert callable(function)
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    given = inspect.signature(function).parameters.values()
    return [one.name for one in given if one.kind not in several and one.name not in ("self", "cls")]


def functions(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield a public function, or the public methods that a public class adds to those of foreign classes."""
    if not isinstance(value, type):
        if inspect.isfunction(value):
            yield name, value
        return
    foreign = {
        member for base in value.__mro__ if base.__module__.split(".")[0] != PACKAGE.name for member in vars(base)
    }
    for member in sorted(set(dir(value)) - foreign):
        method = inspect.getattr_static(value, member)
        method = method.__func__ if isinstance(method, classmethod | staticmethod) else method
        if inspect.isfunction(method) and not member.startswith("_"):
            yield f"{name}.{member}", method


def test_every_parameter_is_described() -> None:
    """The docstring of each public function and method names each of its parameters."""
    silent = [
        f"{name}({parameter}=)"
        for public, value in public_classes_and_functions()
        for name, function in functions(public, value)
        for parameter in parameters(function)
        if not re.search(rf"\b{parameter}\b", inspect.getdoc(function) or "")
    ]

    assert silent == []
