"""Refers to classes and functions as ``module:qualname``, and finds them again, also those of the main file.

The main file's module is called ``__main__`` only while it is the main one, so what it defines is stored under the name
by which another program imports it. That name leads back to it, however the file is run: ``python shop.py``,
``python -m shop``, or imported as ``shop``. A program without a file, such as a notebook, is called ``__main__``.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType

from .._core.errors import EncodingError
from .._core.registry import Registry
from .safe_repr import error_line, is_interrupt

_MAIN = "__main__"
#: The name under which a spawned process loads the main file.
_SPAWNED_MAIN = "__mp_main__"


def reference_of(thing: type | FunctionType) -> str:
    """Return the reference that leads to ``thing`` itself, in this process and in the next.

    Raises:
        EncodingError: None does; the message says why, and what to do.
    """
    reference = _text(thing)
    try:
        found = _look_up(reference)
    except Exception:
        found = None
    if found is not thing:
        raise EncodingError(_refused(thing, reference, found))
    return reference


def _text(thing: type | FunctionType) -> str:
    module = thing.__module__
    if module in (_MAIN, _SPAWNED_MAIN):
        module = _name_of(sys.modules[_MAIN])
    return f"{module}:{thing.__qualname__}"


def _refused(thing: type | FunctionType, reference: str, found: object) -> str:
    return f"{reference!r} does not lead to {thing!r}: define it at the top level of a module, under its own name"


# ---------------------------------------------------------------------- the main file's names


def main_name() -> str:
    """Return the name under which what the main file defines is stored."""
    return _name_of(sys.modules[_MAIN])


@functools.lru_cache(maxsize=1)
def _name_of(main: ModuleType) -> str:
    """Return the name of the main file's module when it is not the main one; decided once in a process.

    It is ``__main__`` where another module has that name, or the file is loaded under it too.
    """
    spec = getattr(main, "__spec__", None)
    name = _MAIN if spec is None else spec.name
    if name in (_MAIN, _SPAWNED_MAIN):
        name = _name_of_file(getattr(main, "__file__", None) or "")
    return name if sys.modules.get(name, main) is main else _MAIN


def _name_of_file(path: str) -> str:
    name = inspect.getmodulename(path)
    if name is None:
        return _MAIN
    folder = os.path.dirname(os.path.realpath(path))
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        name = f"{package}.{name}"
    return name


def _is_name_of(module: ModuleType, name: str) -> bool:
    """True where a module's file is one that has that name when it is imported from a folder above it."""
    path, _ = os.path.splitext(os.path.realpath(getattr(module, "__file__", None) or ""))
    return f"{os.sep}{name.replace('.', os.sep)}" == path[-len(name) - 1 :]


# ---------------------------------------------------------------------- looking up


def _look_up(reference: str) -> object:
    """Return what a reference leads to. Raises whatever the import of its module raises."""
    name, _, qualname = reference.partition(":")
    missing: Exception = AttributeError(f"there is no {qualname!r} in {name}")
    for module in _modules(name):
        found: object = module
        try:
            for attribute in qualname.split("."):
                found = getattr(found, attribute)
        except AttributeError as error:
            missing = error
        else:
            return found
    raise missing


def _modules(name: str) -> Iterator[ModuleType]:
    """Yield the modules that a name may mean, the likeliest first."""
    main = sys.modules[_MAIN]
    if name in (_MAIN, _name_of(main)):
        yield main
    if name in sys.modules:
        yield sys.modules[name]
        return
    if _is_name_of(main, name):
        yield main
    yield importlib.import_module(name)


class ClassFinder:
    """Finds the classes that stored values name.

    Args:
        registry: The registry that knows which classes were renamed, and which are named to it.
        closed: True to find the classes in the annotations of its workflows and activities, and those of
            `Registry.types`, and no other: nothing is imported by a stored name.
    """

    def __init__(self, registry: Registry, *, closed: bool) -> None:
        self._registry = registry
        self._closed = closed

    def find(self, reference: str) -> object:
        """Return what a reference leads to now.

        Raises:
            EncodingError: There is nothing, or it may not be had; the message says what to do.
        """
        try:
            return _look_up(reference)
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise EncodingError(f"{reference!r} is not found: {error_line(error)}") from error

    def reference(self, thing: type | FunctionType) -> str:
        """Return the reference under which `find` finds ``thing`` itself.

        Raises:
            EncodingError: There is none; the message says why, and what to do.
        """
        return reference_of(thing)
