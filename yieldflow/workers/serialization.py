"""Sends activities to another process: by reference where that can import them, else by value."""

from __future__ import annotations

import functools
import io
import sys
from contextlib import suppress
from types import FunctionType
from typing import Any

from .._core.definitions import Activity, Workflow
from .._core.errors import EncodingError
from .._core.retry import RetryPolicy

#: The name under which a spawned process imports the program's main module.
ANOTHER_MAIN = "__mp_main__"


def serialize(definition: Activity[..., Any], policy: RetryPolicy | None) -> bytes:
    """Serialize an activity and its retry policy for another process.

    Raises:
        EncodingError: It cannot be sent there; the message says why, and what to do.
    """
    try:
        return _pickled((definition, policy, _classes_of_main()))
    except Exception as error:
        raise EncodingError(
            f"activity {definition.name!r} cannot be sent to another process ({type(error).__name__}: {error}): define "
            "it at the top level of a module, and open there what cannot be sent (locks, files, connections), or leave "
            "out executor="
        ) from error


def deserialize(serialized: bytes, name: str) -> tuple[Activity[..., Any], RetryPolicy | None]:
    """Return the activity and the retry policy that `serialize` was given in another process.

    Args:
        serialized: The bytes that `serialize` returned.
        name: The activity's name, for messages.

    Raises:
        EncodingError: The activity cannot be had here; the message says why, and what to do.
    """
    import pickle

    rename_main()
    try:
        definition, policy, classes = pickle.loads(serialized)
        for name, data in classes.items():
            setattr(sys.modules["__main__"], name, pickle.loads(data))
        return definition, policy
    except (Exception, SystemExit) as error:
        raise EncodingError(
            f"activity {name!r} cannot be had in another process ({type(error).__name__}: {error}): define it at the "
            'top level of a module that can be imported there; in a script, outside `if __name__ == "__main__":`'
        ) from error


def _pickled(value: object) -> bytes:
    file = io.BytesIO()
    _pickler()(file, protocol=5).dump(value)
    return file.getvalue()


def _classes_of_main() -> dict[str, bytes]:
    """Pickle the classes of a program that the other process cannot import, say a notebook: values name them.

    Classes that cannot be sent are left out: most of them are not needed there.
    """
    found: dict[str, bytes] = {}
    if not _main_is_imported():
        for name, thing in list(vars(sys.modules["__main__"]).items()):
            with suppress(Exception):
                if issubclass(type(thing), type) and thing.__module__ == "__main__":
                    found[name] = _pickled(thing)
    return found


@functools.cache
def _pickler() -> Any:
    import cloudpickle  # type: ignore[import-untyped]  # it ships no types

    class ByValuePickler(cloudpickle.Pickler):  # type: ignore[misc]  # an untyped base
        """Takes by value what the other process cannot import."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, (Activity, Workflow)):
                # By default it pickles itself by reference.
                return NotImplemented if _is_importable(obj, obj.__reduce__()) else _parts(obj)
            # cloudpickle takes all of `__main__` by value: an `except` would name another class than the one raised.
            if isinstance(obj, (type, FunctionType)) and _is_importable(obj, obj.__qualname__):
                return NotImplemented
            return super().reducer_override(obj)

    return ByValuePickler


def _parts(definition: Activity[..., Any] | Workflow[..., Any]) -> tuple[type, tuple[object, ...]]:
    """Reduce a definition to the call that makes it anew."""
    if isinstance(definition, Activity):
        return Activity, (definition.fn, definition.name, definition.options)
    return Workflow, (definition.fn, definition.name, definition.version, definition.options)


def _is_importable(thing: Any, path: str) -> bool:
    """True where the path leads from its module to a thing, in the other process too."""
    module = sys.modules.get(thing.__module__ or "")
    if module is None or (module.__name__ == "__main__" and not _main_is_imported()):
        return False
    found: object = module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found is thing


def _main_is_imported() -> bool:
    """True where a spawned process imports the program's main module: a file, or a module that ``python -m`` ran."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name != "__main__" and not spec.name.endswith(".__main__")
    return getattr(main, "__file__", None) is not None


@functools.cache
def rename_main() -> None:
    """In a spawned process, have the definitions of the program's main module say ``__main__``, as in its owner.

    Else stored values, and the exceptions that a workflow sees, would name a module that only spawned processes have.
    """
    pending = list(vars(sys.modules["__main__"]).values())
    while pending:
        thing = pending.pop()
        # By the type, since a lazy object, say, may do anything when it is asked for its own class.
        if issubclass(type(thing), (type, FunctionType, Activity, Workflow)):
            with suppress(Exception):
                pending += _renamed(thing)


def _renamed(thing: Any) -> list[object]:
    """Have one definition say ``__main__``; the definitions inside it."""
    if thing.__module__ != ANOTHER_MAIN:
        return []
    thing.__module__ = "__main__"
    if isinstance(thing, FunctionType) and thing.__globals__.get("__name__") == ANOTHER_MAIN:
        # A definition that is made later, in a function, takes its module from there. (A wrapper that says that it is
        # of this module may be another's.)
        thing.__globals__["__name__"] = "__main__"
    return list(vars(thing).values()) if isinstance(thing, type) else []
