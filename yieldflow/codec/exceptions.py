"""The `$exception` tag: an exception by its class, the arguments that it is built from, and its attributes."""

from __future__ import annotations

import builtins
import copyreg
from collections.abc import Mapping
from typing import Any, NamedTuple

from .._core import errors
from .._core.comparing import same_value
from .._core.errors import Cancelled, EncodingError
from .references import ClassFinder
from .safe_repr import error_line, guarded, type_name
from .shapes import HEAP_TYPE
from .tags import Body


def may_be_raised(kind: type[BaseException]) -> bool:
    """True where an exception of that kind may be thrown into a workflow: Python itself must not act upon it."""
    stops = (StopIteration, StopAsyncIteration)
    return kind is Cancelled or (issubclass(kind, Exception) and not issubclass(kind, stops))


#: The exceptions that every codec builds again, by the name of the type.
PLAIN_EXCEPTIONS: dict[str, type[BaseException]] = {
    type_name(kind): kind
    for kind in (*vars(builtins).values(), *vars(errors).values())
    if isinstance(kind, type) and issubclass(kind, BaseException) and may_be_raised(kind)
}

#: The methods by which a class says itself how its instances are copied and pickled.
_OWN_WAYS = frozenset({"__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"})


class ExceptionParts(NamedTuple):
    """All from which an exception is built again."""

    args: tuple[object, ...]
    attributes: dict[str, object]
    #: False where its class's own `__init__` is passed by: that wants other arguments than the exception keeps.
    calls_init: bool

    def body(self, reference: str) -> Body:
        """Return the object that is written for an exception of that class."""
        init = {} if self.calls_init else {"$init": False}
        return {"$exception": reference, "args": list(self.args), **init, **self.attributes}


def parts_of(error: BaseException, *, with_notes: bool = True, calls_init: bool = True) -> ExceptionParts | None:
    """Take an exception apart; None where its equal cannot be built of the parts.

    Args:
        error: The exception, which stays as it is.
        with_notes: False to leave out its notes.
        calls_init: False to pass its class's own `__init__` by in any case.
    """
    kind = type(error)
    reduced: Any = _static_base(kind).__reduce__(error)
    args, attributes = reduced[1], dict(reduced[2]) if len(reduced) > 2 and reduced[2] else {}
    if attributes.get("args") is args:
        # An AttributeError has them here too, from Python 3.12 on.
        del attributes["args"]
    if not with_notes:
        attributes.pop("__notes__", None)
    if any(type(name) is not str or name[:1] == "$" or name == "args" for name in attributes):
        return None
    ways = [ExceptionParts(args, attributes, False)]
    if calls_init and not copies_itself(kind):
        ways = [ExceptionParts(args, _not_from_args(kind, args, attributes), True), *ways]
    return next((parts for parts in ways if _builds(parts, error)), None)


def _not_from_args(
    kind: type[BaseException], args: tuple[object, ...], attributes: dict[str, object]
) -> dict[str, object]:
    """Leave out the exceptions that the constructor takes from the arguments: in a chain each would stand twice."""
    if not any(isinstance(value, BaseException) for value in attributes.values()):
        return attributes
    nothing: dict[str, object] = {}
    made = guarded(lambda: vars(kind(*_copied(args))), nothing)
    return {
        name: value
        for name, value in attributes.items()
        if not isinstance(value, BaseException) or made.get(name) is not value
    }


def _builds(parts: ExceptionParts, error: BaseException) -> bool:
    """True where an exception like ``error`` is built of the parts."""
    kind = type(error)
    return guarded(lambda: _alike(_build(kind, parts._replace(args=_copied(parts.args))), error), False)


def copies_itself(kind: type[BaseException]) -> bool:
    """True where a class of the user's says how its instances are pickled."""
    own = (one for one in kind.__mro__ if one.__flags__ & HEAP_TYPE)
    return kind in copyreg.dispatch_table or any(not _OWN_WAYS.isdisjoint(vars(one)) for one in own)


def build_exception(body: Body, finder: ClassFinder) -> BaseException:
    """Build the exception that `ExceptionParts.body` wrote.

    Raises:
        EncodingError: That cannot be done.
    """
    attributes = {**body}
    reference = attributes.pop("$exception")
    kind: Any = PLAIN_EXCEPTIONS.get(reference.replace(":", ".")) or finder.find(reference)
    if not isinstance(kind, type) or not issubclass(kind, BaseException):
        raise EncodingError(f"an exception {reference} is stored, and that is none now")
    parts = ExceptionParts(tuple(attributes.pop("args")), attributes, attributes.pop("$init", True))
    try:
        error = _build(kind, parts)
    except Exception as reason:
        raise EncodingError(f"cannot build the {reference} again: {error_line(reason)}") from reason
    if type(error) is not kind:
        raise EncodingError(f"{reference} makes a {type_name(type(error))} of what is stored")
    return error


def _static_base(kind: Any) -> type[BaseException]:
    """Return the exception of the interpreter's own whose memory an instance of ``kind`` has."""
    while kind.__flags__ & HEAP_TYPE:
        kind = kind.__base__
    return kind  # type: ignore[no-any-return]  # each exception has one


def _build(kind: type[BaseException], parts: ExceptionParts) -> BaseException:
    base = _static_base(kind)
    if parts.calls_init:
        error = kind(*parts.args)
    else:
        error = base.__new__(kind, *parts.args)
        base.__init__(error, *parts.args)
    for name, value in parts.attributes.items():
        if hasattr(base, name):
            # As `name` and `path` of an ImportError. A class may forbid it.
            object.__setattr__(error, name, value)
        else:
            vars(error)[name] = value
    return error


def _alike(again: BaseException, error: BaseException) -> bool:
    return (
        type(again) is type(error)
        and says_the_same(again, error)
        and same_value(again.args, error.args)
        and same_value(_attributes(again), _attributes(error))
    )


def says_the_same(again: BaseException, error: BaseException) -> bool:
    """Tell whether the texts of two exceptions are the same, but for the order of the sets in them."""
    one, other = str(again), str(error)
    return one == other or sorted(one) == sorted(other)


def _attributes(error: BaseException) -> Mapping[str, object]:
    return {name: value for name, value in vars(error).items() if name != "__notes__"}


def _copied(value: Any) -> Any:
    """Copy the containers in arguments, which a constructor may change."""
    kind = type(value)
    if kind is list or kind is tuple or kind is set:
        return kind(map(_copied, value))
    return {key: _copied(item) for key, item in value.items()} if kind is dict else value
