"""The `$pickle` leaf: pickles what nothing else can say. Classes and functions go by reference, and never by value."""

from __future__ import annotations

import functools
import io
import re
from base64 import b64decode, b64encode
from typing import Any

from .._core.errors import EncodingError
from .._core.history import Payload
from .diagnostics import Refused, blame
from .json_text import MARK
from .references import ClassFinder, main_name
from .safe_repr import error_line, escape_surrogates, guarded, is_interrupt, type_name
from .stored_code import trouble_with_code
from .tags import Body

#: The longest `repr` that is kept beside a pickle, in characters.
_LONGEST_REPR = 200
#: Where an object stands in memory says nothing, and differs each time.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def pickled(value: object, finder: ClassFinder) -> Body:
    """Return the object that is written for ``value``: its pickle, its type, and its `repr` for people.

    Raises:
        Refused: It cannot be pickled, or not be loaded again.
    """
    try:
        return _leaf(value, _to_pickle(value, finder))
    except RecursionError:
        raise Refused(value, " that is nested too deeply", "a flatter one") from None
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise blame(value, lambda part: _trouble(part, finder)) from error


def _leaf(value: object, data: bytes) -> Body:
    text = _ADDRESS.sub("", guarded(lambda: repr(value), ""))[:_LONGEST_REPR]
    body = {"$pickle": b64encode(data).decode(), "type": type_name(type(value)), "repr": escape_surrogates(text)}
    if b"__main__" in data:
        body["main"] = main_name()
    return body


def _trouble(part: object, finder: ClassFinder) -> str | None:
    """Say why ``part`` cannot be pickled; None where it can."""
    try:
        _to_pickle(part, finder)
    except RecursionError:
        return " that is nested too deeply"
    except BaseException as error:
        if is_interrupt(error):
            raise
        return f" ({error_line(error)})"
    return None


def _to_pickle(value: object, finder: ClassFinder) -> bytes:
    """Return a pickle of ``value`` that can be loaded again. Raises whatever the code of its classes raises."""
    import pickle

    data = pickle.dumps(value, protocol=5)
    try:
        _load(data, main_name() if b"__main__" in data else None, finder)
    except Exception as error:
        raise pickle.UnpicklingError(f"it was pickled, but cannot be loaded again: {error_line(error)}") from error
    return data


def is_pickle(payload: Payload) -> bool:
    """True where the value itself is pickled, not only a part of it."""
    return isinstance(payload, bytes) or payload.startswith(f'{MARK}{{"$pickle"')


def from_leaf(body: Body, finder: ClassFinder) -> object:
    """Make a new value from the object that `pickled` returned; `EncodingError` where that cannot be done."""
    try:
        return _load(b64decode(body["$pickle"], validate=True), body.get("main"), finder)
    except BaseException as error:
        if is_interrupt(error):
            raise
        kind = body.get("type", "value")
        raise EncodingError(f"cannot read the stored {kind} back: {error_line(error)}{_remedy(error)}") from error


def from_pickle(data: bytes) -> object:
    """Load ``data``, a payload of an older version, which runs any code that it names.

    Raises:
        EncodingError: That cannot be done.
    """
    import pickle

    try:
        trouble = trouble_with_code(data)
        if trouble is None:
            return pickle.loads(data)
    except BaseException as error:
        if is_interrupt(error):
            raise
        remedy = _remedy(error)
        if names_main(data, error):
            remedy = (
                "; it names a class of the main script of the program that stored it: run that script, or put back the "
                "class there, under its old name"
            )
        raise EncodingError(f"cannot read the stored value back: {error_line(error)}{remedy}") from error
    raise EncodingError(f"cannot read the stored value back: {trouble}")


def _remedy(error: BaseException) -> str:
    is_missing = isinstance(error, (ImportError, AttributeError))
    return "; put back the module or class, under its old name" if is_missing else ""


def names_main(data: bytes, error: BaseException | None) -> bool:
    """Return True if a pickle is of a main script's class, for want of which ``error`` was raised."""
    return isinstance(error, AttributeError) and b"__main__" in data and "__main__" in error_line(error)


# ---------------------------------------------------------------------- loading


def _load(data: bytes, main: str | None, finder: ClassFinder) -> object:
    return _unpickler()(io.BytesIO(data), main, finder).load()


@functools.cache
def _unpickler() -> Any:
    import pickle

    class Unpickler(pickle.Unpickler):
        """Finds classes as all of the codec does: those of the main file too, and renamed ones.

        Args:
            file: The pickle.
            main: The name of the main file's module in the program that wrote it.
            finder: Finds them.
        """

        def __init__(self, file: io.BytesIO, main: str | None, finder: ClassFinder) -> None:
            super().__init__(file)
            self._main = main
            self._finder = finder

        def find_class(self, module: str, name: str) -> object:
            return self._finder.find(f"{self._main or module}:{name}" if module == "__main__" else f"{module}:{name}")

    return Unpickler
