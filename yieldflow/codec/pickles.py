"""Pickles values that JSON cannot hold: classes and functions by reference, and by value only if they have none."""

from __future__ import annotations

import functools
import io
import sys
from types import FunctionType
from typing import Any

from .._core.errors import EncodingError
from .safe_repr import error_line, is_interrupt


def has_reference(thing: type | FunctionType) -> bool:
    """True where module and qualified name lead to ``thing`` itself."""
    try:
        found: object = sys.modules[thing.__module__]
        for name in thing.__qualname__.split("."):
            found = getattr(found, name)
    except Exception:
        return False
    return found is thing


@functools.cache
def _by_value_pickler() -> Any:
    import cloudpickle  # type: ignore[import-untyped]  # it ships no types

    class ByValuePickler(cloudpickle.Pickler):  # type: ignore[misc]  # an untyped base
        """Takes classes and functions by value that have no reference, and nothing else."""

        def reducer_override(self, obj: Any) -> Any:
            # cloudpickle takes all of `__main__` by value, so that a class would be another one after a restart.
            if isinstance(obj, (type, FunctionType)) and has_reference(obj):
                return NotImplemented
            # cloudpickle would store a file's whole contents, and bytes for a memoryview. Python refuses both.
            if type(obj) in (io.TextIOWrapper, memoryview):
                return obj.__reduce_ex__(5)
            return super().reducer_override(obj)

    return ByValuePickler


def to_pickle(value: object) -> tuple[bytes, object]:
    """Pickle ``value`` and load it again: the pickle, and the copy. Raises whatever the code of its classes raises."""
    import pickle

    try:
        data = pickle.dumps(value, protocol=5)
    except RecursionError:
        raise
    except Exception:
        file = io.BytesIO()
        _by_value_pickler()(file, protocol=5).dump(value)
        data = file.getvalue()
    try:
        return data, pickle.loads(data)
    except Exception as error:
        raise pickle.UnpicklingError(f"it was pickled, but cannot be loaded again: {error_line(error)}") from error


def from_pickle(data: bytes) -> object:
    """Load ``data``, which runs any code that it names; `EncodingError` where that cannot be done."""
    import pickle

    try:
        return pickle.loads(data)
    except BaseException as error:
        if is_interrupt(error):
            raise
        remedy = ""
        if names_main(data, error):
            remedy = (
                "; it names a class of the main script of the program that stored it: run that script, or put back the "
                "class there, under its old name"
            )
        elif isinstance(error, (ImportError, AttributeError)):
            remedy = "; put back the module or class, under its old name"
        raise EncodingError(f"cannot read the stored value back: {error_line(error)}{remedy}") from error


def names_main(data: bytes, error: BaseException | None) -> bool:
    """Return True if a pickle is of a main script's class, for want of which ``error`` was raised."""
    return isinstance(error, AttributeError) and b"__main__" in data and "__main__" in error_line(error)
