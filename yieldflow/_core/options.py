"""The options of activities and workflows: on a decorator, or for one call.

Options take no part in equality or in replay's comparison.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal, TypeAlias, TypedDict, get_args

from .commands import check_text, show
from .history import OnParentEnd
from .retry import RetryPolicy, check_count, duration

#: What becomes of an activity under way whose branch is cancelled.
OnCancel: TypeAlias = Literal["abandon", "wait"]

#: The executors that an orchestrator has by itself.
THREAD, PROCESS, ASYNC = "thread", "process", "async"


class CallOptions(TypedDict, total=False):
    """The options of one call of an activity. See `activity` for the meaning of each."""

    retry: RetryPolicy | None
    timeout: float | timedelta | None
    schedule_to_close_timeout: float | timedelta | None
    schedule_to_start_timeout: float | timedelta | None
    heartbeat_timeout: float | timedelta | None
    on_cancel: OnCancel | None


class ActivityKeywords(CallOptions, total=False):
    """The options of an activity where it is defined. See `activity` for the meaning of each."""

    executor: str
    max_concurrent: int | None


#: The options that are lengths of time.
_TIMEOUTS = ("timeout", "schedule_to_close_timeout", "schedule_to_start_timeout", "heartbeat_timeout")


@dataclass(frozen=True, slots=True)
class ActivityOptions:
    """The options of an activity. Times are in seconds; None is for any time."""

    on_cancel: OnCancel = "abandon"
    retry: RetryPolicy | None = None
    #: For one attempt, from when a worker begins it.
    timeout: float | None = None
    #: For all attempts together, the waits between them included.
    schedule_to_close_timeout: float | None = None
    #: For waiting until a worker begins.
    schedule_to_start_timeout: float | None = None
    #: Between two heartbeats of an attempt.
    heartbeat_timeout: float | None = None
    #: Where it runs.
    executor: str = THREAD
    #: How many attempts at it are under way at once, in one orchestrator.
    max_concurrent: int | None = None
    #: Whether any time is limited.
    timed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        check_choice("on_cancel", self.on_cancel, get_args(OnCancel))
        if self.retry is not None and not isinstance(self.retry, RetryPolicy):
            raise TypeError(f"retry= takes a RetryPolicy, as in retry=RetryPolicy(), not {show(self.retry)}")
        if not isinstance(self.executor, str) or not self.executor:
            raise TypeError(f"executor= is the name of an executor, not {show(self.executor)}")
        if self.max_concurrent is not None:
            check_count("max_concurrent", self.max_concurrent)
        object.__setattr__(self, "timed", any(getattr(self, name) is not None for name in _TIMEOUTS))

    def but(self, who: str, known: Iterable[str], given: Mapping[str, Any]) -> ActivityOptions:
        """The same with those changed that are given; None leaves one as it is.

        Args:
            who: Whose options they are, for messages.
            known: The names of those that may be given.
            given: The options by name.

        Raises:
            TypeError, ValueError: One is not known, or not what it should be; the message says which.
        """
        check_known(who, known, given)
        seconds = {name: duration(name, given[name]) for name in _TIMEOUTS if given.get(name) is not None}
        rest = {name: value for name, value in given.items() if value is not None}
        return replace(self, **{**rest, **seconds})


@dataclass(frozen=True, slots=True)
class WorkflowOptions:
    """The options of a workflow; as a child, all of them."""

    #: None: derived from the parent.
    workflow_id: str | None = None
    on_parent_end: OnParentEnd = "cancel"
    #: Seconds that it may take, from its start; None for any time.
    timeout: float | None = None

    def __post_init__(self) -> None:
        check_choice("on_parent_end", self.on_parent_end, get_args(OnParentEnd))
        if self.workflow_id is not None:
            if not isinstance(self.workflow_id, str) or not self.workflow_id:
                raise TypeError(f"a workflow id is a non-empty string, not {show(self.workflow_id)}")
            check_text(self.workflow_id)


def check_known(who: str, known: Iterable[str], given: Iterable[str]) -> None:
    """Refuse an option that there is not, and name the nearest that there is."""
    names = list(known)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f". Did you mean {near[0]!r}?" if near else f": it takes {', '.join(names)}"
            raise TypeError(f"{who} takes no {name!r}{hint}")


def check_choice(option: str, given: object, choices: Sequence[str]) -> None:
    """Raise `ValueError` unless the value is one of the choices."""
    if given not in choices:
        raise ValueError(f"{option}= is {' or '.join(map(repr, choices))}, not {show(given)}")
