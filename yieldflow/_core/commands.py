"""The commands that a workflow may yield, beside invocations (see `definitions`) and several at once (`combinators`).

A command is an immutable value that says what is wanted and does nothing by itself. Yielding it hands it to the host;
the ``yield`` resumes with the result.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeAlias, TypeVar
from uuid import UUID

from .context import WorkflowInfo, note_made, note_used, place_made
from .errors import CommandError
from .history import EPOCH, Micros, to_micros

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

#: The advice for an activity that needs what comes of a command.
BEFORE_ACTIVITY = "Yield it in the workflow, and give the activity what comes of it as an argument"

#: The longest sleep: a hundred years.
LONGEST_SLEEP = timedelta(days=36525)


class Command(Generic[R_co]):
    """Something that a workflow asks for; yielding it resumes with an ``R``.

    ``value = yield command`` is typed `Any`; ``value = yield from command`` does the same and is typed ``R``.
    """

    __slots__ = ()

    @property
    def submits(self) -> str | None:
        """The name of the function that makes it, where an activity may make it in order to submit it."""
        return None

    @property
    def instead_in_activity(self) -> str:
        """The advice for an activity, where it does nothing."""
        return "Yield it in the workflow"

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
        raise CommandError(f"{self} was made{place_made(self)} and never yielded")

    if TYPE_CHECKING:
        # For type checkers alone: with which value a test may end it. A covariant type says only what comes out, so
        # that any value at all would do.
        def __resolves__(self, value: R_co, /) -> None: ...  # type: ignore[misc]


class Delegated(Command[R_co]):
    """A command on its way out of ``yield from``: the driver marks that the value that comes back is its own."""

    __slots__ = ("command", "resumed")

    def __init__(self, command: Command[R_co]) -> None:
        self.command = command
        self.resumed = False

    def __getattr__(self, name: str) -> NoReturn:
        # Only a loop over the command holds one of these.
        raise _iterated(self.command)

    def __reduce__(self) -> NoReturn:
        raise _iterated(self.command)


def _iterated(command: Command[Any]) -> CommandError:
    return CommandError(
        f"{command} was iterated, which only `yield from` may do. Write:\n    value = yield from {command}"
    )


#: The type of a workflow's or helper's body that returns an ``R``.
Flow: TypeAlias = Generator[Command[Any] | Generator[Any, Any, Any], Any, R]

#: What `gather`, `race` and `start` take: a command, or a generator, which becomes a branch.
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

    @property
    def instead_in_activity(self) -> str:
        seconds = show_seconds(self.seconds)
        return f"Write time.sleep({seconds}), or in an `async def`: await asyncio.sleep({seconds})"

    def __repr__(self) -> str:
        return f"sleep({show_seconds(self.seconds)})"


@dataclass(frozen=True, slots=True)
class SleepUntil(Command[None]):
    """Made by `sleep_until`."""

    #: In UTC.
    when: datetime

    @property
    def micros(self) -> Micros:
        """The moment itself."""
        return to_micros(self.when - EPOCH)

    @property
    def instead_in_activity(self) -> str:
        return "Let the workflow sleep, before the activity"

    def __repr__(self) -> str:
        return f"sleep_until({self.when.isoformat()})"


def sleep(duration: float | timedelta) -> Command[None]:
    """Wait, durably: the time runs on while no process does, and while the machine sleeps.

    A process that saw the sleep begin ends it once that time has passed, however the system's clock is set meanwhile.

    Args:
        duration: Seconds, or a `timedelta`; 0 or more, at most a hundred years.

    Raises:
        TypeError: ``duration`` is neither.
        ValueError: It is negative, not finite, or too long.

    Example:
        >>> sleep(timedelta(minutes=5))
        sleep(300)
    """
    command = Sleep(length_of("sleep()", duration))
    note_made(command)
    return command


def sleep_until(when: datetime) -> Command[None]:
    """Wait, durably, until a moment. One that has passed ends the wait at once.

    Args:
        when: An aware `datetime`.

    Raises:
        TypeError: ``when`` is no `datetime`.
        ValueError: It is naive, so that it is not known which moment is meant.

    Example:
        >>> sleep_until(datetime(2030, 1, 1, tzinfo=UTC))
        sleep_until(2030-01-01T00:00:00+00:00)
    """
    if not isinstance(when, datetime):
        note_used(when)
        raise TypeError(f"sleep_until() takes an aware datetime, not {show(when)}")
    if when.utcoffset() is None:
        raise ValueError(
            f"sleep_until() takes an aware datetime, and {when.isoformat()} has no time zone. Write "
            "datetime(..., tzinfo=UTC), or when.astimezone() if local time is meant"
        )
    try:
        command = SleepUntil(when.astimezone(UTC))
    except OverflowError:
        raise ValueError(f"sleep_until() takes a moment from year 1 to 9999 in UTC, not {when.isoformat()}") from None
    note_made(command)
    return command


def seconds_of(who: str, duration: object) -> float:
    """Return a length of time in seconds.

    Raises:
        TypeError: ``duration`` is neither a number nor a `timedelta`.
    """
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, (int, float)) and not isinstance(duration, bool):
        try:
            return float(duration)
        except OverflowError:
            return math.inf if duration > 0 else -math.inf
    note_used(duration)
    raise TypeError(f"{who} takes seconds or a timedelta, not {show(duration)}")


def length_of(who: str, duration: object) -> float:
    """Return a length of time in seconds, from 0 to a hundred years.

    Raises:
        TypeError: ``duration`` is neither a number nor a `timedelta`.
        ValueError: It is negative, no number, or too long.
    """
    seconds = seconds_of(who, duration)
    if not 0 <= seconds <= LONGEST_SLEEP.total_seconds():
        raise ValueError(f"{who} takes 0 seconds to a hundred years, not {show(duration)}")
    return seconds


def show_seconds(seconds: float) -> str:
    """Show seconds, whole ones without a fraction."""
    return str(int(seconds) if seconds.is_integer() else seconds)


# ---------------------------------------------------------------------- messages


@dataclass(frozen=True, slots=True)
class WaitSignal(Command[Any]):
    """Made by `wait_signal`."""

    name: str

    @property
    def instead_in_activity(self) -> str:
        return BEFORE_ACTIVITY

    def __repr__(self) -> str:
        return f"wait_signal({self.name!r})"


@dataclass(frozen=True, slots=True)
class TakeSignals(Command[list[Any]]):
    """Made by `take_signals`."""

    name: str

    @property
    def instead_in_activity(self) -> str:
        return BEFORE_ACTIVITY

    def __repr__(self) -> str:
        return f"take_signals({self.name!r})"


def wait_signal(name: str) -> Command[Any]:
    """Wait for a signal of that name. Signals are kept in order until they are waited for; each is received once.

    Args:
        name: The name that the signal is sent under.

    Returns:
        A command that resumes with the signal's payload.

    Raises:
        TypeError: ``name`` is no string.
        ValueError: It is empty.

    Example:
        >>> approved = yield wait_signal("approval")
    """
    _check_name("wait_signal", name, "approval")
    command = WaitSignal(name)
    note_made(command)
    return command


def take_signals(name: str) -> Command[list[Any]]:
    """Receive the signals of that name that are there, without waiting for any.

    Args:
        name: The name that the signals are sent under.

    Returns:
        A command that resumes with a list of payloads, the oldest first: ``[]`` where there is none.

    Raises:
        TypeError: ``name`` is no string.
        ValueError: It is empty.

    Example:
        >>> for item in (yield from take_signals("items")): ...
    """
    _check_name("take_signals", name, "items")
    command = TakeSignals(name)
    note_made(command)
    return command


def _check_name(function: str, name: object, example: str) -> None:
    if not isinstance(name, str):
        note_used(name)
        raise TypeError(f"{function}() takes a name, as in {function}({example!r}), not {show(name)}")
    if not name:
        raise ValueError(f"{function}() takes a name that is not empty, as in {function}({example!r})")
    check_text(name)


def check_text(name: str) -> None:
    """Refuse a name that no database takes for text.

    Raises:
        ValueError: No database takes it.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name!r} holds half a surrogate pair, which is no text that can be stored") from None


# ---------------------------------------------------------------------- at once, with no step


@dataclass(frozen=True, slots=True, repr=False)
class Instant(Command[R_co]):
    """A command that resumes at once, with what the run already determines."""

    name: str

    @property
    def instead_in_activity(self) -> str:
        return f"Write {_INSTANTS_ELSEWHERE[self.name]}"

    def __repr__(self) -> str:
        return f"{self.name}()"


#: What an activity writes.
_INSTANTS_ELSEWHERE = {
    "now": "datetime.now(UTC)",
    "uuid4": "uuid.uuid4(), or activity_context().idempotency_key, which each attempt finds the same",
    "random": "random.random(), of Python's own module",
    "info": "activity_context(), which has the ids",
}


def now() -> Command[datetime]:
    """Get the time of the event that the workflow goes on from, in UTC: the same on replay, unlike ``datetime.now()``.

    Example:
        >>> ordered_at = yield from now()
    """
    command: Instant[datetime] = Instant("now")
    note_made(command)
    return command


def uuid4() -> Command[UUID]:
    """Draw a random UUID that is the same on replay, unlike ``uuid.uuid4()``.

    Example:
        >>> order_id = yield from uuid4()
    """
    command: Instant[UUID] = Instant("uuid4")
    note_made(command)
    return command


def random() -> Command[float]:
    """Draw a random number, 0 or more and less than 1, that is the same on replay, unlike ``random.random()``.

    Example:
        >>> if (yield from random()) < 0.1: ...
    """
    command: Instant[float] = Instant("random")
    note_made(command)
    return command


def info() -> Command[WorkflowInfo]:
    """Get the workflow's own id, name, run and parent.

    Example:
        >>> me = yield from info()
        >>> me.workflow_id
    """
    command: Instant[WorkflowInfo] = Instant("info")
    note_made(command)
    return command


@dataclass(frozen=True, slots=True)
class Patched(Command[bool]):
    """Made by `patched`."""

    name: str

    @property
    def instead_in_activity(self) -> str:
        return BEFORE_ACTIVITY

    def __repr__(self) -> str:
        return f"patched({self.name!r})"


def patched(name: str) -> Command[bool]:
    """Decide whether this run takes the changed way, so that code can change under workflows that have begun.

    The run's first call decides for the rest of it: True where that turn is new, False where it is on disk already
    and was driven by the code before the change.

    Args:
        name: A name for the change.

    Raises:
        TypeError: ``name`` is no string.
        ValueError: It is empty.

    Example:
        >>> if (yield from patched("check stock")):
        ...     yield from check_stock(order_id)
    """
    _check_name("patched", name, "check stock")
    command = Patched(name)
    note_made(command)
    return command


@dataclass(frozen=True, slots=True)
class SetProgress(Command[None]):
    """Made by `set_progress`."""

    value: object

    @property
    def instead_in_activity(self) -> str:
        return f"Write activity_context().heartbeat({show(self.value)}), or let the workflow set it"

    def __repr__(self) -> str:
        return f"set_progress({show(self.value)})"


def set_progress(value: object) -> Command[None]:
    """Show how far the workflow has come: the value stands in its status until another is set.

    Args:
        value: Whatever can be stored.

    Raises:
        EncodingError: At the yield: ``value`` cannot be stored.

    Example:
        >>> yield set_progress({"done": 3, "of": 10})
    """
    command = SetProgress(value)
    note_made(command, value)
    return command


# ---------------------------------------------------------------------- for messages


class Bare(str):
    """Text that `repr` shows without quotes."""

    __repr__ = str.__str__


def show(value: object, limit: int = 200) -> str:
    """``repr()`` cut to ``limit`` characters; the type's name where that raises."""
    try:
        text = repr(value)
    except BaseException:  # whatever the value's own code raises
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[: limit - 3] + "..."


def show_values(values: Iterable[tuple[str, object]], limit: int = 200) -> str:
    """``name=value, ...`` cut to ``limit`` characters."""
    text = ", ".join(f"{name}={show(value, limit)}" for name, value in values)
    return text if len(text) <= limit else text[: limit - 3] + "..."
