"""Retry policies: they decide whether and when a failed attempt is followed by another; hosts wait and act."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, TypeAlias

from .commands import LONGEST_SLEEP, seconds_of, show
from .errors import ActivityError

#: Which failures are final: exception types, or a function that says so of an exception.
NonRetryable: TypeAlias = tuple[type[BaseException], ...] | Callable[[BaseException], bool]


class PortablePolicy(NamedTuple):
    """The part of a `RetryPolicy` that can be sent to another program: plain values. Times are in seconds."""

    initial_interval: float
    backoff_coefficient: float
    maximum_interval: float
    maximum_attempts: int | None
    jitter: bool
    #: Names of exception types, as `Failure.type_name` has them. Subclasses are not among them.
    non_retryable: tuple[str, ...]
    #: False where ``non_retryable`` is a function: it cannot be sent, so the failure is to be judged where it is.
    complete: bool


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Says how often a failing activity is tried again, and how long after each failure.

    The first wait is ``initial_interval``; each further one is ``backoff_coefficient`` times as long as the one before,
    and none is longer than ``maximum_interval``. The names are those of Temporal.

    Args:
        initial_interval: Seconds, or a `timedelta`, before the second attempt. 1 second.
        backoff_coefficient: What each further wait is multiplied by: 1 or more. 2.
        maximum_interval: Seconds, or a `timedelta`, that no wait exceeds. 60 seconds, or the ``initial_interval``, if
            that is longer.
        maximum_attempts: How many attempts there are at most, the first one counted. None, the default: as many as it
            takes; to bound the time instead, give the activity a ``schedule_to_close_timeout``.
        non_retryable: Failures that are final at once: an exception type, a tuple of them, or a function that is given
            the exception and returns True of such a one. None are.
        jitter: Whether a wait is shortened at random, by at most half, so that many that failed together do not come
            back together. True.

    Raises:
        TypeError, ValueError: An argument is wrong; the message says which.

    Example:
        >>> @activity(retry=RetryPolicy(maximum_attempts=5, non_retryable=CardDeclined))
        ... def charge(order: str, cents: int) -> str: ...
    """

    initial_interval: float | timedelta = 1.0
    backoff_coefficient: float = 2.0
    maximum_interval: float | timedelta | None = None
    maximum_attempts: int | None = None
    non_retryable: type[BaseException] | NonRetryable = ()
    jitter: bool = True

    def __post_init__(self) -> None:
        first = duration("initial_interval", self.initial_interval)
        longest = (
            max(60.0, first) if self.maximum_interval is None else duration("maximum_interval", self.maximum_interval)
        )
        object.__setattr__(self, "initial_interval", first)
        object.__setattr__(self, "maximum_interval", longest)
        if longest < first:
            raise ValueError(
                f"maximum_interval={show(self.maximum_interval)} is less than "
                f"initial_interval={show(self.initial_interval)}: give a larger one"
            )
        coefficient, attempts = self.backoff_coefficient, self.maximum_attempts
        if not isinstance(coefficient, (int, float)) or isinstance(coefficient, bool):
            raise TypeError(f"backoff_coefficient= is a number, not {show(coefficient)}")
        if not 1 <= coefficient <= sys.float_info.max:
            raise ValueError(f"backoff_coefficient= is 1 or more, not {show(coefficient)}")
        # The power of a whole number has all its digits, however many those are.
        object.__setattr__(self, "backoff_coefficient", float(coefficient))
        if attempts is not None:
            check_count("maximum_attempts", attempts)
        if not isinstance(self.jitter, bool):
            raise TypeError(f"jitter= is True or False, not {show(self.jitter)}")
        object.__setattr__(self, "non_retryable", _kinds(self.non_retryable))

    def interval(self, attempt: int, chance: float) -> float:
        """Return the seconds to wait after an attempt that failed.

        Args:
            attempt: Which one failed, from 1.
            chance: What the jitter goes by: 0 or more, and less than 1.
        """
        longest = seconds_of("", self.maximum_interval)
        try:
            wait = min(longest, seconds_of("", self.initial_interval) * self.backoff_coefficient ** (attempt - 1))
        except OverflowError:
            wait = longest
        return wait * (1 - chance / 2) if self.jitter else wait

    @property
    def portable(self) -> PortablePolicy:
        """The part of the policy that another program can be given."""
        refused = self.non_retryable
        kinds = refused if isinstance(refused, tuple) else ()
        return PortablePolicy(
            seconds_of("", self.initial_interval),
            self.backoff_coefficient,
            seconds_of("", self.maximum_interval),
            self.maximum_attempts,
            self.jitter,
            tuple(f"{kind.__module__}.{kind.__qualname__}" for kind in kinds),
            complete=isinstance(refused, tuple),
        )

    def is_final(self, error: BaseException) -> bool:
        """Tell whether ``error`` is final by ``non_retryable``. What a function given there raises passes through."""
        refused = self.non_retryable
        if isinstance(refused, tuple):
            return isinstance(error, refused)
        assert not isinstance(refused, type)
        return bool(refused(error))


def may_retry(policy: RetryPolicy | None, error: BaseException) -> bool:
    """Tell whether another attempt may follow ``error``: neither the exception itself nor the policy forbids it."""
    if isinstance(error, ActivityError) and not error.retryable:
        return False
    return policy is not None and not policy.is_final(error)


def next_delay(policy: RetryPolicy | None, attempt: int, asked: float | None, chance: float) -> float | None:
    """Return the seconds until the next attempt; None where that was the last.

    Args:
        policy: The activity's; without one there is a single attempt.
        attempt: Which one failed, from 1.
        asked: The seconds that the failure asked for, if it did.
        chance: What the jitter goes by: 0 or more, and less than 1.
    """
    if policy is None or (policy.maximum_attempts is not None and attempt >= policy.maximum_attempts):
        return None
    return policy.interval(attempt, chance) if asked is None else asked


def duration(name: str, given: object) -> float:
    """Return a parameter that is a length of time, in seconds.

    Raises:
        TypeError: It is neither a number nor a `timedelta`.
        ValueError: It is not positive, or too long.
    """
    seconds = seconds_of(f"{name}=", given)
    if not 0 < seconds <= LONGEST_SLEEP.total_seconds():
        raise ValueError(f"{name}= takes more than 0 seconds and at most a hundred years, not {show(given)}")
    return seconds


def check_count(name: str, given: object) -> None:
    """Refuse a value that is no count.

    Raises:
        TypeError: It is no whole number.
        ValueError: It is less than 1.
    """
    if not isinstance(given, int) or isinstance(given, bool):
        raise TypeError(f"{name}= is a whole number, not {show(given)}")
    if given < 1:
        raise ValueError(f"{name}= is at least 1, not {show(given)}")


def _kinds(given: object) -> NonRetryable:
    kinds = given if isinstance(given, (tuple, list, set, frozenset)) else (given,)
    if all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        return tuple(kinds)
    if callable(given) and not isinstance(given, type):
        return given
    raise TypeError(f"non_retryable= takes exception types, or a function of an exception, not {show(given)}")
