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
from collections.abc import Iterator, Mapping, Set
from types import FunctionType, GenericAlias, ModuleType
from typing import Any, NamedTuple

from .._core.errors import EncodingError
from .._core.registry import Registry, default_registry
from .._core.signatures import Definition
from .annotations import annotations_of, classes_in
from .safe_repr import error_line, guarded, is_interrupt, short_repr

_MAIN = "__main__"
#: The name under which a spawned process loads the main file.
_SPAWNED_MAIN = "__mp_main__"
#: So many references are kept at hand.
_MANY = 10_000
#: The registry in advice: most programs have this one.
_CALL = "default_registry."


def reference_of(thing: type | FunctionType) -> str:
    """Return the reference that leads to ``thing`` itself, in this process and in the next.

    Raises:
        EncodingError: None does; the message says why, and what to do.
    """
    reference = _text(thing)
    if guarded(lambda: _look_up(reference), None) is not thing:
        raise EncodingError(_refusal(thing, reference))
    return reference


def _text(thing: type | FunctionType) -> str:
    # A generic model of pydantic with its arguments is a class of its own, made when it is first asked for.
    generic = getattr(thing, "__pydantic_generic_metadata__", None) or {}
    if generic.get("origin") and all(
        type(one) is not GenericAlias and isinstance(one, type) for one in generic["args"]
    ):
        return f"{_text(generic['origin'])}[{','.join(map(_text, generic['args']))}]"
    module = thing.__module__
    return f"{main_name() if module in (_MAIN, _SPAWNED_MAIN) else module}:{thing.__qualname__}"


def _refusal(thing: type | FunctionType, reference: str) -> str:
    what = f"{'class' if isinstance(thing, type) else 'function'} {reference}"
    name = thing.__qualname__
    if name.endswith("<lambda>"):
        return f"{what} has no name by which it is found again: write a `def` at the top level of a module"
    if "<locals>" in name:
        return f"{what} is made in a function, so that the next process does not find it: {_remedy(thing)}"
    there = guarded(lambda: _look_up(reference), None)
    if there is None:
        return f"{what} is not found under its own name, which another process goes by: {_remedy(thing)}"
    return (
        f"{what} is not what its name leads to now, which is {short_repr(there)} (it was defined again, replaced by a "
        f"decorator, or its file is loaded twice): {_remedy(thing)}"
    )


def _remedy(thing: type | FunctionType) -> str:
    name = thing.__name__
    define = f"define {name} at the top level of a module, under this name"
    known = f"; or name it to the registry at each start: default_registry.types({name})"
    return define + (known if isinstance(thing, type) else "")


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
    folder, file = os.path.split(os.path.realpath(path))
    name = inspect.getmodulename(file)
    if name is None:
        return _MAIN
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        name = f"{package}.{name}"
    return name


def _is_name_of(module: ModuleType, name: str) -> bool:
    """True where a module's file is one that has that name when it is imported from a folder above it."""
    path, _ = os.path.splitext(os.path.realpath(getattr(module, "__file__", None) or ""))
    return f"{os.sep}{name.replace('.', os.sep)}" == path[-len(name) - 1 :]


# ---------------------------------------------------------------------- looking up


#: The module and the name in it that each reference led to last: most are looked up again and again.
_places: dict[str, tuple[str, str]] = {}


def _look_up(reference: str, may_import: bool = False) -> object:
    """Return what a reference leads to. Raises whatever the import of its module raises."""
    place = _places.get(reference)
    if place is not None:
        there: object = getattr(sys.modules.get(place[0]), place[1], None)
        if there is not None:
            return there
    if reference[-1:] == "]":
        name, _, arguments = reference[:-1].partition("[")
        generic: Any = _look_up(name, may_import)
        return generic[tuple(_look_up(one, may_import) for one in _split(arguments))]
    name, _, qualname = reference.partition(":")
    for key, module in _modules(name, may_import):
        found: object = module
        try:
            for attribute in qualname.split("."):
                found = getattr(found, attribute)
        except AttributeError:
            continue
        if "." not in qualname:
            _places[reference] = key, qualname
        return found
    raise AttributeError(f"module {name!r} has no {qualname!r}")


def _split(arguments: str) -> list[str]:
    """Split at the commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in arguments:
        depth += {"[": 1, "]": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _modules(name: str, may_import: bool) -> Iterator[tuple[str, ModuleType]]:
    """Yield the modules that a name may mean, the likeliest first, each with its name in `sys.modules`."""
    main = sys.modules[_MAIN]
    if name in (_MAIN, _name_of(main)):
        yield _MAIN, main
    if name in sys.modules:
        yield name, sys.modules[name]
        if may_import:
            # Another thread may be importing it still: this waits for that.
            yield name, importlib.import_module(name)
        return
    if _is_name_of(main, name) and not (may_import and _is_of_another_file(name, main)):
        yield _MAIN, main
    if not may_import:
        return
    try:
        yield name, importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A file that was stored under a longer name, since its folder was a package, may be known by a shorter one now.
        found = [(key, module) for key, module in list(sys.modules.items()) if _is_name_of(module, name)]
        if len(found) != 1 or not f"{name}.".startswith(f"{error.name}."):
            raise
        yield found[0]


def _is_of_another_file(name: str, main: ModuleType) -> bool:
    """True where a name that fits the main file's is that of another module."""
    spec = guarded(lambda: importlib.util.find_spec(name), None)
    return spec is not None and os.path.realpath(spec.origin or "") != os.path.realpath(main.__file__ or "")


class _Table(NamedTuple):
    """The classes that a registry names, by reference."""

    #: The registry's count of changes when it was made.
    changes: int
    renamed: Mapping[str, type]
    known: Mapping[str, type]


class ClassFinder:
    """Finds the classes that stored values name, and names those that are to be stored.

    Args:
        registry: The registry that knows which classes were renamed, and which are known by name.
        closed: True to find the classes in the annotations of its workflows and activities and those of
            `Registry.types`, and no other: nothing is imported by a stored name.
    """

    def __init__(self, registry: Registry, *, closed: bool) -> None:
        self._registry = registry
        self._closed = closed
        self._cached = _Table(-1, {}, {})
        #: The classes that were stored by reference last. It is looked at whether that still leads to them.
        self._written: dict[type | FunctionType, str] = {}
        #: What the process that sent this finder to a worker process knew: former references, and those to be found.
        self._renamed: Mapping[str, str] = {}
        self._known: Set[str] = frozenset()

    def __reduce__(self) -> tuple[object, ...]:
        # The registry stays here: a worker process has its own, of what it has imported.
        table = self._table()
        renamed = {**self._renamed, **{former: _text(kind) for former, kind in table.renamed.items()}}
        return _received, (self._closed, renamed, self._known | table.known.keys() | set(renamed.values()))

    def find(self, reference: str) -> object:
        """Return what a reference leads to now.

        Raises:
            EncodingError: Nothing, or nothing that may be had; the message says what to do.
        """
        table = self._table()
        renamed = table.renamed.get(reference)
        if renamed is not None:
            return renamed
        known = table.known.get(reference)
        if known is not None:
            # A class that was loaded anew is found under its own name.
            found = guarded(lambda: _look_up(reference), None)
            return found if isinstance(found, type) else known
        reference = self._renamed.get(reference, reference)
        if self._closed and reference not in self._known:
            raise EncodingError(
                f'{reference} is unknown here, and codec="json" imports nothing by a stored name: name the class in an '
                f"annotation of a workflow or an activity, or by {_CALL}types(...)"
            )
        try:
            return _look_up(reference, may_import=True)
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise EncodingError(
                f"{reference} is stored, and not found now: {error_line(error)}; put it back, or tell what took its "
                f'place: {_CALL}renamed("{reference}", ...)'
            ) from error

    def reference(self, thing: type | FunctionType) -> str:
        """Return the reference under which `find` finds ``thing`` itself.

        Raises:
            EncodingError: There is none; the message says why, and what to do.
        """
        written = self._written.get(thing)
        try:
            if written is not None and self.find(written) is thing:
                return written
        except EncodingError:
            pass  # It is said below.
        written = self._find_reference(thing)
        if len(self._written) > _MANY:
            self._written.clear()
        self._written[thing] = written
        return written

    def _find_reference(self, thing: type | FunctionType) -> str:
        reference = _text(thing)
        table = self._table()
        is_listed = reference in table.known or reference in table.renamed or reference in self._known
        if not is_listed and not self._closed:
            return reference_of(thing)
        found = self.find(reference) if is_listed else None
        if found is thing:
            return reference
        if found is not None:
            raise EncodingError(
                f"{reference} leads to {short_repr(found)}, by what the registry was told: no other class of that name "
                "can be stored"
            )
        raise EncodingError(
            f'codec="json" knows no class {reference}: name it in an annotation of a workflow or an activity, or by '
            f"{_CALL}types({thing.__name__})"
        )

    def _table(self) -> _Table:
        """Return what the registry names now."""
        table, registry = self._cached, self._registry
        if table.changes != registry.changes:
            # As it was before: what is registered meanwhile is looked at the next time.
            changes = registry.changes
            known, renamed = list(registry.known_types), dict(registry.renamed_types)
            if self._closed:
                definitions = [*registry.workflows.values(), *registry.activities.values()]
                annotations = [one for definition in definitions for one in _annotations(definition)]
                known += classes_in([*known, *renamed.values(), *annotations])
            table = self._cached = _Table(changes, renamed, {_text(kind): kind for kind in known})
        return table


def _annotations(definition: Definition[..., Any]) -> list[object]:
    nothing: list[object] = []
    return guarded(lambda: annotations_of(definition), nothing)


def _received(closed: bool, renamed: Mapping[str, str], known: Set[str]) -> ClassFinder:
    """Make the finder that another process sent."""
    finder = ClassFinder(default_registry, closed=closed)
    finder._renamed, finder._known = renamed, known
    return finder
