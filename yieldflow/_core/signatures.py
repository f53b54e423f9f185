"""The base of definitions: a function's name, its place, and the arguments that it takes."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any, Generic, ParamSpec, TypeVar

from .commands import Bare, check_text, show
from .context import note_used
from .origin import origin_of

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


def _shown(signature: inspect.Signature) -> str:
    """Show the arguments that it takes, as they were written, without what it returns, which may be long."""

    def bare(annotation: object) -> object:
        return Bare(annotation) if isinstance(annotation, str) else annotation

    parameters = [one.replace(annotation=bare(one.annotation)) for one in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


def _mutable(defaults: Mapping[str, object]) -> dict[str, object]:
    """Copy those that are mutable: what cannot be hashed, which is what `dataclasses` goes by.

    What cannot be copied is left out, so that all calls share it.
    """
    copies: dict[str, object] = {}
    for name, value in defaults.items():
        try:
            hash(value)
        except Exception:
            with suppress(Exception):
                copies[name] = deepcopy(value)
    return copies


class Definition(Generic[P, R_co]):
    """A function under `workflow` or `activity`. Calling it makes an invocation and runs nothing."""

    #: The word for it in messages.
    kind = "definition"
    #: The function itself.
    fn: Callable[..., Any]

    def __init__(self, fn: Callable[..., Any], name: str | None) -> None:
        if isinstance(fn, classmethod):
            raise self._method(fn.__func__.__qualname__, "cls", fn.__func__.__name__)
        if not callable(fn):
            raise TypeError(f"@{self.kind} takes a function, not {show(fn)}")
        self.fn = fn
        self.name = self._name_of(fn, name)
        self.signature = self._signature_of(fn)
        self.__module__ = getattr(fn, "__module__", None) or "?"
        self.__qualname__ = getattr(fn, "__qualname__", self.name)
        self.__doc__ = getattr(fn, "__doc__", None)
        self.__wrapped__ = fn
        #: The `def` that it comes of.
        self.origin = origin_of(fn)
        #: Finds the latest of this name in the registry that it was first added to; None before.
        self.latest: Callable[[], Definition[..., Any] | None] | None = None
        self._refuse_self()
        parameters = self.signature.parameters.values()
        self._names = tuple(parameter.name for parameter in parameters)
        self._plain = all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
        defaults = {one.name: one.default for one in parameters if one.default is not one.empty}
        #: The defaults that a call could change: each has a copy, as of the arguments that were given.
        self._mutable_defaults = _mutable(defaults)
        self.defaults: Mapping[str, object] = {**defaults, **self._mutable_defaults} | {
            parameter.name: [] for parameter in parameters if parameter.kind is parameter.VAR_POSITIONAL
        }

    @classmethod
    def _name_of(cls, fn: Callable[..., Any], name: str | None) -> str:
        found = getattr(fn, "__name__", None) if name is None else name
        if not isinstance(found, str) or not found:
            raise TypeError(f"the {cls.kind}'s name is a non-empty string, not {show(found)}: give one with name=")
        if found == "<lambda>":
            raise TypeError(f"a lambda has no name to be found by again. Write: {cls.kind}(lambda ..., name='...')")
        check_text(found)
        return found

    def _signature_of(self, fn: Callable[..., Any]) -> inspect.Signature:
        try:
            return inspect.signature(fn)
        except ValueError:
            raise TypeError(
                f"{self.kind} {self.name!r} does not tell which arguments it takes: call it from a plain function, "
                "and decorate that"
            ) from None

    def _refuse_self(self) -> None:
        """A method decorated in its class would store ``self`` with every step."""
        first = next(iter(self.signature.parameters), "")
        qualified = getattr(self.fn, "__qualname__", "")
        # In a function, the name before the dot is "<locals>".
        if first in ("self", "cls") and "." in qualified and not qualified.rpartition(".")[0].endswith(">"):
            raise self._method(qualified, first, self.name)

    def _method(self, qualified: str, first: str, name: str) -> TypeError:
        owner = "Class" if first == "cls" else "instance"
        return TypeError(
            f"{qualified} is a method, and {first!r} is never a stored argument. "
            f"Decorate a bound method instead: {self.kind}({owner}.{qualified.rpartition('.')[2]}, name={name!r})"
        )

    @property
    def place(self) -> str:
        """The place of its definition, for messages: ``shop.charge (shop.py:12)``."""
        function = self.origin.function
        if function is None:
            return f"{self.__module__}.{self.__qualname__}"
        code = function.__code__
        return f"{function.__module__}.{function.__qualname__} ({code.co_filename}:{code.co_firstlineno})"

    def bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
        """Return the arguments by name, as they are stored: those in ``args`` and ``kwargs``, without the defaults.

        Raises:
            TypeError: They do not fit the signature.
        """
        if self._plain and not kwargs and len(args) == len(self._names):
            return dict(zip(self._names, args))  # noqa: B905  # as many of both; to say so costs a tenth of the call
        try:
            bound = self.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            note_used((args, kwargs))
            unknown = next((name for name in kwargs if name not in self._names), None)
            near = difflib.get_close_matches(str(unknown), set(self._names) - set(kwargs), n=1) if unknown else ()
            hint = f". Did you mean {near[0]!r} instead of {unknown!r}?" if near else ""
            raise TypeError(f"{self.kind} {self.name}{_shown(self.signature)}: {error}{hint}") from None
        return {
            name: list(value) if isinstance(value, tuple) and self._is_star(name) else value
            for name, value in bound.items()
        }

    def _is_star(self, name: str) -> bool:
        return self.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL

    def call(self, arguments: Mapping[str, object]) -> Any:
        """Call the function with stored arguments.

        Raises:
            TypeError: The function no longer takes them. What the function raises passes through.
        """
        if self._mutable_defaults:
            missing = self._mutable_defaults.keys() - arguments.keys()
            arguments = {**arguments, **{name: deepcopy(self._mutable_defaults[name]) for name in missing}}
        if self._plain:
            return self.fn(**arguments)
        unknown = [name for name in arguments if name not in self.signature.parameters]
        if unknown:
            raise TypeError(f"{self.name}{_shown(self.signature)}: got an unexpected argument {unknown[0]!r}")
        bound = inspect.BoundArguments(self.signature, OrderedDict(arguments))
        bound.apply_defaults()
        return self.fn(*bound.args, **bound.kwargs)

    def takes(self, arguments: object) -> bool:
        """Tell whether the function can be called with stored arguments, which may have been changed on disk."""
        stars = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        needed = {
            name
            for name, parameter in self.signature.parameters.items()
            if parameter.default is parameter.empty and parameter.kind not in stars
        }
        return isinstance(arguments, Mapping) and needed <= arguments.keys() <= self.signature.parameters.keys()

    def completed(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """``arguments`` with the defaults of those not given, for comparing."""
        return {**self.defaults, **arguments}

    def __reduce__(self) -> str:
        # By reference, as a function is. What a lambda or a bound method became is found under its own name.
        own_name = getattr(sys.modules.get(self.__module__), self.name, None) is self
        return self.name if own_name else str(self.__qualname__)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.place}>"
