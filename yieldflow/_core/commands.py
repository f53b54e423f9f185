"""What a workflow may yield, beside invocations (see `definitions`) and generators.

A command is an immutable value that says what is wanted and does nothing by itself. Yielding it hands it to the host;
the ``yield`` resumes with the result.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import GeneratorType
from typing import Any, Generic, Literal, NoReturn, Self, TypeAlias, TypeVar, overload
from uuid import UUID

from .context import WorkflowInfo, note_made, note_used
from .errors import CommandError
from .history import Micros, to_micros

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")

#: The longest sleep: a hundred years.
LONGEST_SLEEP = timedelta(days=36525)


class Command(Generic[R_co]):
    """Something that a workflow asks for; yielding it resumes with an ``R``.

    ``value = yield command`` is typed `Any`; ``value = yield from command`` does the same and is typed ``R``.
    """

    __slots__ = ()

    def __iter__(self) -> Generator[Command[Any], Any, R_co]:
        delegated = Delegated(self)
        value: R_co = yield delegated
        if not delegated.resumed:
            note_used(self)
            raise _iterated(self)
        return value

    def __bool__(self) -> bool:
        # Typed as if it returned: after a call that never does, type checkers pass over the rest of the function.
        note_used(self)
        raise CommandError(
            f"{self} has no truth value: it is a command, and has not run. Yield it first:\n"
            f"    if (yield from {self}): ..."
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        note_used(self)
        raise CommandError(f"{self} was made and never yielded")


class Delegated(Command[R_co]):
    """A command on its way out of ``yield from``: the driver marks that the value that comes back is its own."""

    __slots__ = ("command", "resumed")

    def __init__(self, command: Command[R_co]) -> None:
        self.command = command
        self.resumed = False

    def __getattr__(self, name: str) -> NoReturn:
        # Nobody but a loop over the command holds one of these.
        raise _iterated(self.command)

    def __reduce__(self) -> NoReturn:
        raise _iterated(self.command)


def _iterated(command: Command[Any]) -> CommandError:
    return CommandError(
        f"{command} was iterated, which only `yield from` may do. Write:\n    value = yield from {command}"
    )


#: The type of a workflow's or helper's body that returns an ``R``.
Flow: TypeAlias = Generator[Command[Any] | Generator[Any, Any, Any], Any, R]

#: What `gather` takes: a command, or a generator, which becomes a branch.
Yieldable: TypeAlias = Command[R] | Generator[Any, Any, R]

# ---------------------------------------------------------------------- time


@dataclass(frozen=True, slots=True)
class Sleep(Command[None]):
    """Made by `sleep`."""

    seconds: float

    @property
    def micros(self) -> Micros:
        """The length, as it is added to the present."""
        return to_micros(timedelta(seconds=self.seconds))

    def __repr__(self) -> str:
        return f"sleep({int(self.seconds) if self.seconds.is_integer() else self.seconds})"


def sleep(duration: float | timedelta) -> Command[None]:
    """Wait, durably: the time runs on while no process does.

    Args:
        duration: Seconds, or a `timedelta`; 0 or more, at most a hundred years.

    Raises:
        TypeError: ``duration`` is neither.
        ValueError: It is negative, not finite, or too long.

    Example:
        >>> sleep(timedelta(minutes=5))
        sleep(300)
    """
    if isinstance(duration, timedelta):
        seconds: float = duration.total_seconds()
    elif isinstance(duration, (int, float)) and not isinstance(duration, bool):
        seconds = duration
    else:
        raise TypeError(f"sleep() takes seconds or a timedelta, not {show(duration)}")
    if not 0 <= seconds <= LONGEST_SLEEP.total_seconds():
        raise ValueError(f"sleep() takes 0 seconds to a hundred years, not {show(duration)}")
    command = Sleep(float(seconds))
    note_made(command)
    return command


# ---------------------------------------------------------------------- several at once


@dataclass(frozen=True, slots=True)
class Gather(Command[list[Any]]):
    """Made by `gather`."""

    members: tuple[Yieldable[Any], ...]
    return_exceptions: bool
    limit: int | None

    def __repr__(self) -> str:
        shown = [f"{m.__qualname__}(...)" if isinstance(m, GeneratorType) else show(m, 60) for m in self.members[:3]]
        return f"gather({', '.join([*shown, '...'] if len(self.members) > 3 else shown)})"


@overload
def gather(
    first: Yieldable[A], /, *, return_exceptions: Literal[False] = False, limit: int | None = None
) -> Command[tuple[A]]: ...
@overload
def gather(
    first: Yieldable[A],
    second: Yieldable[B],
    /,
    *,
    return_exceptions: Literal[False] = False,
    limit: int | None = None,
) -> Command[tuple[A, B]]: ...
@overload
def gather(
    first: Yieldable[A],
    second: Yieldable[B],
    third: Yieldable[C],
    /,
    *,
    return_exceptions: Literal[False] = False,
    limit: int | None = None,
) -> Command[tuple[A, B, C]]: ...
@overload
def gather(
    first: Yieldable[A],
    second: Yieldable[B],
    third: Yieldable[C],
    fourth: Yieldable[D],
    /,
    *,
    return_exceptions: Literal[False] = False,
    limit: int | None = None,
) -> Command[tuple[A, B, C, D]]: ...
@overload
def gather(
    first: Yieldable[A],
    second: Yieldable[B],
    third: Yieldable[C],
    fourth: Yieldable[D],
    fifth: Yieldable[E],
    /,
    *,
    return_exceptions: Literal[False] = False,
    limit: int | None = None,
) -> Command[tuple[A, B, C, D, E]]: ...
@overload
def gather(
    *commands: Yieldable[R], return_exceptions: Literal[False] = False, limit: int | None = None
) -> Command[list[R]]: ...
@overload
def gather(
    first: Yieldable[A], /, *, return_exceptions: Literal[True], limit: int | None = None
) -> Command[tuple[A | Exception]]: ...
@overload
def gather(
    first: Yieldable[A],
    second: Yieldable[B],
    /,
    *,
    return_exceptions: Literal[True],
    limit: int | None = None,
) -> Command[tuple[A | Exception, B | Exception]]: ...
@overload
def gather(
    first: Yieldable[A],
    second: Yieldable[B],
    third: Yieldable[C],
    /,
    *,
    return_exceptions: Literal[True],
    limit: int | None = None,
) -> Command[tuple[A | Exception, B | Exception, C | Exception]]: ...
@overload
def gather(
    first: Yieldable[A],
    second: Yieldable[B],
    third: Yieldable[C],
    fourth: Yieldable[D],
    /,
    *,
    return_exceptions: Literal[True],
    limit: int | None = None,
) -> Command[tuple[A | Exception, B | Exception, C | Exception, D | Exception]]: ...
@overload
def gather(
    first: Yieldable[A],
    second: Yieldable[B],
    third: Yieldable[C],
    fourth: Yieldable[D],
    fifth: Yieldable[E],
    /,
    *,
    return_exceptions: Literal[True],
    limit: int | None = None,
) -> Command[tuple[A | Exception, B | Exception, C | Exception, D | Exception, E | Exception]]: ...
@overload
def gather(
    *commands: Yieldable[R], return_exceptions: Literal[True], limit: int | None = None
) -> Command[list[R | Exception]]: ...
def gather(*commands: Yieldable[Any], return_exceptions: bool = False, limit: int | None = None) -> Command[Any]:
    """Do several things at once and wait for all of them.

    A generator among them runs as a branch, with steps of its own. On the first failure the others are cancelled,
    their cleanup is waited for, and the failure is raised. As with `asyncio.gather`, whose shape this has, a fixed
    number of arguments is typed as a tuple though a list arrives.

    Args:
        commands: Commands and generators; none at all gives ``[]``.
        return_exceptions: Put failures into the list instead of raising the first; the type then says so for each
            result.
        limit: How many may be under way at once, from 1; None for all.

    Returns:
        A command that resumes with the results, as a list in the order of the arguments.

    Raises:
        TypeError: ``limit`` is not a whole number.
        ValueError: ``limit`` is less than 1.

    Example:
        >>> @workflow
        ... def report(shops: list[str]) -> Flow[int]:
        ...     totals = yield from gather(*(total(shop) for shop in shops), limit=10)
        ...     return sum(totals)
    """
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool)):
        raise TypeError(f"gather(limit=) takes a whole number or None, not {limit!r}")
    if limit is not None and limit < 1:
        raise ValueError(f"gather(limit=) is the number under way at once, from 1; not {limit!r}")
    command = Gather(commands, return_exceptions, limit)
    note_made(command, commands)
    return command


# ---------------------------------------------------------------------- at once, with no step


@dataclass(frozen=True, slots=True, repr=False)
class Instant(Command[R_co]):
    """A command that resumes at once, with what the run already determines."""

    name: str

    def __repr__(self) -> str:
        return f"{self.name}()"


def now() -> Command[datetime]:
    """The time of what the workflow is going on from, in UTC: the same on replay, unlike ``datetime.now()``.

    Example:
        >>> ordered_at = yield from now()
    """
    command: Instant[datetime] = Instant("now")
    note_made(command)
    return command


def uuid4() -> Command[UUID]:
    """A random UUID that is the same on replay, unlike ``uuid.uuid4()``.

    Example:
        >>> order_id = yield from uuid4()
    """
    command: Instant[UUID] = Instant("uuid4")
    note_made(command)
    return command


def random() -> Command[float]:
    """A random number, 0 or more and less than 1, that is the same on replay, unlike ``random.random()``.

    Example:
        >>> if (yield from random()) < 0.1: ...
    """
    command: Instant[float] = Instant("random")
    note_made(command)
    return command


def info() -> Command[WorkflowInfo]:
    """What the workflow may know of itself: its id, name, run and parent.

    Example:
        >>> me = yield from info()
        >>> me.workflow_id
    """
    command: Instant[WorkflowInfo] = Instant("info")
    note_made(command)
    return command


# ---------------------------------------------------------------------- for messages


def show(value: object, limit: int = 200) -> str:
    """``repr()`` cut to ``limit`` characters; the type's name where that raises."""
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[: limit - 3] + "..."


def show_values(values: Iterable[tuple[str, object]], limit: int = 200) -> str:
    """``name=value, ...`` cut to ``limit`` characters."""
    text = ", ".join(f"{name}={show(value, limit)}" for name, value in values)
    return text if len(text) <= limit else text[: limit - 3] + "..."
