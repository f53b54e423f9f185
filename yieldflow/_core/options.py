"""What may be said of one activity or workflow beside its arguments: on its decorator, or for one call.

Options take no part in equality or in replay's comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias, get_args

from .commands import LONGEST_SLEEP, seconds_of, show
from .history import OnParentEnd

#: What becomes of an activity under way whose branch is cancelled.
OnCancel: TypeAlias = Literal["abandon", "wait"]


@dataclass(frozen=True, slots=True)
class ActivityOptions:
    """The options of an activity."""

    on_cancel: OnCancel = "abandon"

    def __post_init__(self) -> None:
        _check_choice("on_cancel", self.on_cancel, get_args(OnCancel))


@dataclass(frozen=True, slots=True)
class WorkflowOptions:
    """The options of a workflow; as a child, all of them."""

    #: None: derived from the parent.
    workflow_id: str | None = None
    on_parent_end: OnParentEnd = "cancel"
    #: Seconds that it may take, from its start; None for any time.
    timeout: float | None = None

    def __post_init__(self) -> None:
        _check_choice("on_parent_end", self.on_parent_end, get_args(OnParentEnd))
        if self.workflow_id is not None and (not isinstance(self.workflow_id, str) or not self.workflow_id):
            raise TypeError(f"a workflow id is a non-empty string, not {show(self.workflow_id)}")


def timeout_seconds(timeout: float | timedelta) -> float:
    """A workflow's timeout in seconds.

    Raises:
        TypeError: It is neither a number nor a `timedelta`.
        ValueError: It is not positive, or too long.
    """
    seconds = seconds_of("timeout=", timeout)
    if not 0 < seconds <= LONGEST_SLEEP.total_seconds():
        raise ValueError(f"timeout= takes more than 0 seconds and at most a hundred years, not {show(timeout)}")
    return seconds


def _check_choice(option: str, given: object, choices: Sequence[str]) -> None:
    if given not in choices:
        raise ValueError(f"{option}= is {' or '.join(map(repr, choices))}, not {show(given)}")
