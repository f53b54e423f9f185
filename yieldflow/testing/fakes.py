"""Stand-ins for activities and children in a test, and their answers to each call."""

from __future__ import annotations

__tracebackhide__ = True

import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final, TypeAlias

from .._core.commands import length_of, show
from .._core.definitions import Activity, Definition, Invocation, Workflow
from .._core.errors import CommandError, EncodingError
from .._core.history import Codec, Micros, Payload, in_micros
from .._core.registry import taken_over
from .checking import misfit


class _Real:
    def __repr__(self) -> str:
        return "real"


#: A stand-in that is none: the activity's own function is called, or the child's own code is run.
real: Final = _Real()


@dataclass(frozen=True, slots=True)
class InTurn:
    """Made by `in_turn`."""

    answers: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class After:
    """Made by `after`."""

    seconds: float
    what: object

    @property
    def micros(self) -> Micros:
        """The time, as it is added to another."""
        return in_micros(self.seconds)


def in_turn(*answers: object) -> InTurn:
    """One stand-in after the other, for successive calls. Each attempt is a call.

    A list or a tuple alone is a value, which every call returns; so the two can be told apart.

    Args:
        answers: Single stand-ins: values, functions, exceptions, ``real``.

    Raises:
        TypeError: There are none.

    Example:
        >>> run_workflow(order("o-1"), activities={charge: in_turn(ConnectionError(), "ch_9")})
    """
    if not answers:
        raise TypeError("in_turn() takes what the calls answer, one by one, as in in_turn(ConnectionError(), 'ch_9')")
    return InTurn(answers)


def after(duration: float | timedelta, what: object) -> After:
    """Something that takes (virtual) time: an attempt at an activity, or a signal that comes after the start.

    Args:
        duration: Seconds, or a `timedelta`; 0 or more, at most a hundred years.
        what: The stand-in for the activity; or the signal, as a pair of its name and its payload.

    Raises:
        TypeError: ``duration`` is neither.
        ValueError: It is negative, not finite, or too long.

    Example:
        >>> run_workflow(
        ...     approval("contract"),
        ...     activities={ask: after(3600, "yes")},
        ...     signals=[after(timedelta(days=2), ("approve", {"by": "ann"}))],
        ... )
    """
    return After(length_of("after()", duration), what)


class Kind(Enum):
    """The kinds of answers."""

    #: A value, as it is stored.
    VALUE = "value"
    #: A function, which is called with the arguments.
    FUNCTION = "function"
    #: An exception, or the class of one.
    EXCEPTION = "exception"
    #: The activity or the child itself.
    REAL = "real"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one call."""

    kind: Kind
    what: Any
    #: The time that the call takes.
    delay: Micros = 0
    #: True if a function is called with the names of its parameters.
    by_name: bool = False

    def call(self, definition: Definition[..., Any], arguments: Mapping[str, object]) -> Any:
        """Call the function. What it raises passes through."""
        if self.kind is Kind.REAL:
            return definition.call(arguments)
        args, kwargs = _spread(definition, arguments, self.by_name)
        return self.what(*args, **kwargs)

    def error(self) -> BaseException:
        """The exception."""
        made: BaseException = self.what() if isinstance(self.what, type) else self.what
        return made


class StandIn:
    """The stand-in for one activity or child.

    Args:
        definition: The activity, or the workflow that would be the child.
        given: As it was given.
        codec: The form in which values are stored.

    Raises:
        CommandError, EncodingError, TypeError: It cannot stand in for that; the message says why.
    """

    def __init__(self, definition: Definition[..., Any], given: object, codec: Codec) -> None:
        self._definition = definition
        several = given.answers if isinstance(given, InTurn) else (given,)
        self._answers = [_answer(definition, one, codec) for one in several]
        self._repeats = not isinstance(given, InTurn)
        self._used = 0

    def next(self, invocation: Invocation[Any]) -> Answer:
        """The answer to the next call.

        Raises:
            CommandError: Nothing is left.
        """
        if not self._repeats and self._used == len(self._answers):
            raise CommandError(
                f"{invocation} is call {self._used + 1} of {invocation.name}, and in_turn(...) has answers for "
                f"{self._used}. Give it one more"
            )
        answer = self._answers[0 if self._repeats else self._used]
        self._used += 1
        return answer

    def anew(self) -> StandIn:
        """The same, unused."""
        copied = copy(self)
        copied._used = 0
        return copied

    @property
    def left_over(self) -> str | None:
        """A line about what was not used of it; None where all was."""
        name, count = self._definition.name, len(self._answers)
        if self._used == 0:
            return f"{name} was never called"
        if not self._repeats and self._used < count:
            return f"{name} was called {self._used} times, and in_turn(...) has answers for {count}"
        return None


#: The stand-ins, by activity and workflow.
StandIns: TypeAlias = dict[Definition[..., Any], StandIn]


def stand_ins(activities: Mapping[Any, object] | None, children: Mapping[Any, object] | None, codec: Codec) -> StandIns:
    """Make the stand-ins, by definition.

    Args:
        activities, children: As they were given.
        codec: The form in which values are stored.

    Raises:
        CommandError, EncodingError, TypeError: One of them cannot stand in; the message says which, and why.
        DuplicateDefinitionError: A workflow among the keys is not what its name finds.
    """
    return _checked(activities, "activities", Activity, codec) | _checked(children, "children", Workflow, codec)


def _checked(
    given: Mapping[Any, object] | None, which: str, kind: type[Definition[..., Any]], codec: Codec
) -> StandIns:
    if not isinstance(given, (Mapping, type(None))):
        raise TypeError(f"{which}= is a dictionary, as in {which}={{charge: 'ch_9'}}, not {show(given)}")
    found: StandIns = {}
    for definition, one in (given or {}).items():
        if not isinstance(definition, kind):
            kinds = "activities" if kind is Activity else "workflows"
            raise TypeError(
                f"{which}= takes {kinds} as keys, as in {which}={{charge: 'ch_9'}}, not "
                f"{show(definition)}{_hint(definition, which)}"
            )
        refused = taken_over(definition) if isinstance(definition, Workflow) else None
        if refused is not None:
            raise refused
        found[definition] = StandIn(definition, one, codec)
    return found


def _hint(key: object, which: str) -> str:
    if isinstance(key, Invocation):
        return f". Write {key.name} without arguments; a function in its place is given them"
    if isinstance(key, Definition):
        return f". It belongs in {'children' if which == 'activities' else 'activities'}="
    return ""


def unanswered(invocation: Invocation[Any]) -> str:
    """The message about a call without a stand-in."""
    name, which = invocation.name, "activities" if isinstance(invocation.definition, Activity) else "children"
    return (
        f"{invocation} was called, and nothing stands in for {name}. Write:\n"
        f"    {which}={{{name}: ...}}  # a value, a function, an exception, in_turn(...), or real to run it"
    )


# ---------------------------------------------------------------------- checked at once


def _answer(definition: Definition[..., Any], given: object, codec: Codec) -> Answer:
    delay: Micros = 0
    if isinstance(given, After):
        delay, given = given.micros, given.what
    if isinstance(given, (InTurn, After)):
        inner, outer = ("in_turn", "after(...) or in_turn") if isinstance(given, InTurn) else ("after", "after")
        raise TypeError(f"{inner}(...) cannot stand in {outer}(...): write in_turn(after(60, ...), after(60, ...))")
    if given is real:
        return Answer(Kind.REAL, real, delay)
    if isinstance(given, BaseException):
        return Answer(Kind.EXCEPTION, given, delay)
    if isinstance(given, type) and issubclass(given, BaseException):
        _check_class(definition, given)
        return Answer(Kind.EXCEPTION, given, delay)
    if callable(given):
        return Answer(Kind.FUNCTION, given, delay, _takes_names(definition, given))
    return Answer(Kind.VALUE, stored(definition, given, codec), delay)


def stored(definition: Definition[..., Any], value: object, codec: Codec) -> Payload:
    """Encode what an activity or a child returns.

    Raises:
        CommandError: By its annotation it does not return such a value.
        EncodingError: The value cannot be stored.
    """
    wrong = misfit(definition, value)
    if wrong is not None:
        raise CommandError(wrong)
    try:
        return codec.encode(value)
    except EncodingError as error:
        raise EncodingError(f"what stands in for {definition.name}: {error}") from None


def _check_class(definition: Definition[..., Any], kind: type[BaseException]) -> None:
    try:
        kind()
    except Exception as error:
        raise TypeError(
            f"{kind.__name__}, which stands in for {definition.name}, cannot be made without arguments ({error}): "
            f"give the exception itself, as in {definition.name}: {kind.__name__}(...)"
        ) from None


def _takes_names(definition: Definition[..., Any], fn: Callable[..., Any]) -> bool:
    """Return True if a function takes the parameters of the definition by name, False if by place.

    Raises:
        TypeError: It takes neither.
    """
    try:
        theirs = inspect.signature(fn)
    except ValueError:
        return False
    names = [one.name for one in definition.signature.parameters.values()]
    arguments: dict[str, object] = {
        name: [] if parameter.kind is parameter.VAR_POSITIONAL else {} if parameter.kind is parameter.VAR_KEYWORD else 0
        for name, parameter in definition.signature.parameters.items()
    }
    for by_name in (True, False):
        args, kwargs = _spread(definition, arguments, by_name)
        try:
            theirs.bind(*args, **kwargs)
        except TypeError:
            continue
        # By place, a parameter of another's name would be given that one's value.
        if by_name or not any(mine != name and mine in names for mine, name in _pairs(theirs, names)):
            return by_name
    raise TypeError(
        f"{getattr(fn, '__qualname__', fn)}{theirs} cannot stand in for {definition.name}{definition.signature}: "
        "give it the same parameters"
    )


def _pairs(theirs: inspect.Signature, names: list[str]) -> Iterator[tuple[str, str]]:
    positional = [one.name for one in theirs.parameters.values() if one.kind is not one.VAR_POSITIONAL]
    return zip(positional, names, strict=False)


def _spread(
    definition: Definition[..., Any], arguments: Mapping[str, object], by_name: bool
) -> tuple[list[object], dict[str, object]]:
    """Stored arguments as those of a call, with the defaults of those not given."""
    args: list[object] = []
    kwargs: dict[str, object] = {}
    values: dict[str, Any] = definition.completed(arguments)
    for name, parameter in definition.signature.parameters.items():
        if name not in values:
            continue
        value = values[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            args += value
        elif parameter.kind is parameter.VAR_KEYWORD:
            kwargs |= value
        elif parameter.kind is parameter.KEYWORD_ONLY or (
            by_name and parameter.kind is parameter.POSITIONAL_OR_KEYWORD and not _has_star(definition)
        ):
            kwargs[name] = value
        else:
            args.append(value)
    return args, kwargs


def _has_star(definition: Definition[..., Any]) -> bool:
    return any(one.kind is one.VAR_POSITIONAL for one in definition.signature.parameters.values())
