"""The commands that do several things at once: `gather`, `race`, `wait_for`, `start`, `cancel`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from types import GeneratorType
from typing import Any, Literal, NoReturn, TypeVar, overload

from .commands import LONGEST_SLEEP, Command, Yieldable, seconds_of, show, show_seconds
from .context import note_made, note_used
from .errors import CommandError

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")

#: The advice for an activity.
IN_THE_WORKFLOW = "Yield it in the workflow, with an activity for each part"

# ---------------------------------------------------------------------- all of them


@dataclass(frozen=True, slots=True)
class Gather(Command[list[Any]]):
    """Made by `gather`."""

    members: tuple[Yieldable[Any], ...]
    return_exceptions: bool
    limit: int | None

    @property
    def instead_in_activity(self) -> str:
        return f"{IN_THE_WORKFLOW}, or write asyncio.gather(...) in an `async def`"

    def __repr__(self) -> str:
        return f"gather({_shown(self.members)})"


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
        note_used((commands, limit))
        raise TypeError(f"gather(limit=) takes a whole number or None, not {show(limit)}")
    if limit is not None and limit < 1:
        note_used(commands)
        raise ValueError(f"gather(limit=) is the number under way at once, from 1; not {show(limit)}")
    command = Gather(commands, return_exceptions, limit)
    note_made(command, commands)
    return command


# ---------------------------------------------------------------------- the first of them


@dataclass(frozen=True, slots=True)
class Race(Command[tuple[int, Any]]):
    """Made by `race`."""

    members: tuple[Yieldable[Any], ...]

    @property
    def instead_in_activity(self) -> str:
        return IN_THE_WORKFLOW

    def __repr__(self) -> str:
        return f"race({_shown(self.members)})"


@overload
def race(first: Yieldable[A], /) -> Command[tuple[Literal[0], A]]: ...
@overload
def race(first: Yieldable[A], second: Yieldable[B], /) -> Command[tuple[Literal[0], A] | tuple[Literal[1], B]]: ...
@overload
def race(
    first: Yieldable[A], second: Yieldable[B], third: Yieldable[C], /
) -> Command[tuple[Literal[0], A] | tuple[Literal[1], B] | tuple[Literal[2], C]]: ...
@overload
def race(
    first: Yieldable[A], second: Yieldable[B], third: Yieldable[C], fourth: Yieldable[D], /
) -> Command[tuple[Literal[0], A] | tuple[Literal[1], B] | tuple[Literal[2], C] | tuple[Literal[3], D]]: ...
@overload
def race(
    first: Yieldable[A],
    second: Yieldable[B],
    third: Yieldable[C],
    fourth: Yieldable[D],
    fifth: Yieldable[E],
    /,
) -> Command[
    tuple[Literal[0], A] | tuple[Literal[1], B] | tuple[Literal[2], C] | tuple[Literal[3], D] | tuple[Literal[4], E]
]: ...
@overload
def race(*commands: Yieldable[R]) -> Command[tuple[int, R]]: ...
def race(*commands: Yieldable[Any]) -> Command[Any]:
    """Do several things at once and go on with the first that ends.

    The others are cancelled and their cleanup is waited for; a task among them is not cancelled, only no longer
    waited for. If the first to end fails, its exception is raised; if a cleanup fails, that is raised.

    Args:
        commands: Commands and generators, at least one. One that is there at once wins at once, and those behind it
            do not begin.

    Returns:
        A command that resumes with ``(index, value)`` of the first, counted from 0.

    Raises:
        ValueError: There are no commands.

    Example:
        >>> match (yield from race(wait_signal("approval"), sleep(timedelta(days=3)))):
        ...     case (0, answer): ...
        ...     case (1, _): ...
    """
    if not commands:
        raise ValueError("race() takes at least one command: nothing can be the first of none")
    command = Race(commands)
    note_made(command, commands)
    return command


@dataclass(frozen=True, slots=True)
class WaitFor(Command[R_co]):
    """Made by `wait_for`."""

    command: Yieldable[R_co]
    seconds: float

    @property
    def instead_in_activity(self) -> str:
        return f"{IN_THE_WORKFLOW}, or write asyncio.wait_for(...) in an `async def`"

    def __repr__(self) -> str:
        return f"wait_for({_shown((self.command,))}, {show_seconds(self.seconds)})"


def wait_for(command: Yieldable[R], timeout: float | timedelta) -> Command[R]:
    """Wait for something, but not for ever.

    Where the time runs out first, ``command`` is cancelled and its cleanup is waited for; a task is not cancelled,
    only no longer waited for.

    Args:
        command: A command or a generator.
        timeout: Seconds, or a `timedelta`; with 0 or less only what is there at once is in time.

    Returns:
        A command that resumes with what ``command`` does, or raises `WaitTimeoutError`.

    Raises:
        TypeError: ``timeout`` is neither.
        ValueError: It is not a number, or is more than a hundred years.

    Example:
        >>> receipt = yield from wait_for(charge("o-1", cents=500), timeout=30)
    """
    try:
        seconds = seconds_of("wait_for(timeout=)", timeout)
        if not -math.inf < seconds <= LONGEST_SLEEP.total_seconds():
            raise ValueError(f"wait_for(timeout=) takes at most a hundred years, not {show(timeout)}")
    except (TypeError, ValueError):
        note_used(command)
        raise
    made = WaitFor(command, max(seconds, 0.0))
    note_made(made, command)
    return made


# ---------------------------------------------------------------------- in the background


class Task(Command[R_co]):
    """Something that goes on in the background, begun by `start`: yield it to wait for it.

    It may be yielded as often as wanted and from any branch; each time it gives the value, or raises the exception.
    After `cancel` it raises `TaskCancelledError`. It lives in its run of its workflow and cannot be stored.
    """

    __slots__ = ("_command", "_home", "_node")

    def __init__(self, command: Yieldable[R_co], node: object, home: object) -> None:
        self._command = command
        #: What the execution keeps of it,
        self._node = node
        #: and which execution that is.
        self._home = home

    def __bool__(self) -> bool:
        raise CommandError(
            f"{self} has no truth value, and does not tell whether it has ended. Wait for it, and test what it gives:\n"
            "    if (yield from task): ..."
        )

    def __reduce__(self) -> NoReturn:
        raise CommandError(
            f"{self} is a task, which lives in its workflow and cannot be stored. Wait for it, and use what it gives:\n"
            "    value = yield task"
        )

    def __repr__(self) -> str:
        return f"task({_shown((self._command,))})"


@dataclass(frozen=True, slots=True)
class Start(Command[Task[Any]]):
    """Made by `start`."""

    command: Yieldable[Any]

    @property
    def instead_in_activity(self) -> str:
        return IN_THE_WORKFLOW

    def __repr__(self) -> str:
        return f"start({_shown((self.command,))})"


def start(command: Yieldable[R]) -> Command[Task[R]]:
    """Begin something in the background and go on at once.

    A branch or workflow that returns waits for the tasks that it started. The failure of a task that was never waited
    for fails it. A branch that raises or is cancelled cancels its tasks and waits for their cleanup.

    Args:
        command: A command; or a generator, which becomes a branch.

    Returns:
        A command that resumes with the `Task` at once.

    Raises:
        CommandError: ``command`` is a task, which goes on already.

    Example:
        >>> receipt = yield from start(print_receipt("o-1"))
        >>> parcel = yield from ship("o-1")
        >>> printed = yield from receipt
    """
    if isinstance(command, Task):
        raise CommandError(
            f"{command} was started already. Wait for it by yielding it:\n    value = yield task\n"
            "or call what it does again, and start that."
        )
    made = Start(command)
    note_made(made, command)
    return made


@dataclass(frozen=True, slots=True)
class CancelTask(Command[None]):
    """Made by `cancel`."""

    task: Task[Any]

    @property
    def instead_in_activity(self) -> str:
        return IN_THE_WORKFLOW

    def __repr__(self) -> str:
        return f"cancel({self.task})"


def cancel(task: Task[Any]) -> Command[None]:
    """Cancel a task and go on at once; its cleanup goes on in the background. One that has ended is left alone.

    Args:
        task: What ``yield start(...)`` gave.

    Raises:
        TypeError: ``task`` is something else.

    Example:
        >>> watching = yield from start(watch("o-1"))
        >>> yield cancel(watching)
    """
    if not isinstance(task, Task):
        note_used(task)
        raise TypeError(
            f"cancel() takes a task, not {show(task)}. Begin it with start, and keep what that gives:\n"
            "    task = yield from start(...)\n"
            "    yield cancel(task)"
        )
    made = CancelTask(task)
    note_made(made)
    return made


# ---------------------------------------------------------------------- for messages


def show_yieldable(one: object, limit: int = 60) -> str:
    """A command, or a generator by its name."""
    return f"{one.__qualname__}(...)" if isinstance(one, GeneratorType) else show(one, limit)


def _shown(members: tuple[object, ...]) -> str:
    shown = [show_yieldable(member) for member in members[:3]]
    return ", ".join([*shown, "..."] if len(members) > 3 else shown)
