"""The place where an activity's code runs, in which commands do nothing: whoever makes one there hears of it."""

from __future__ import annotations

import dis
from contextvars import ContextVar
from types import FrameType
from typing import Protocol

from .errors import MisplacedCallError


class ActivitySource(Protocol):
    """Knows the activity that runs in one thread or coroutine."""

    @property
    def activity(self) -> str | None:
        """The name of the activity that runs there now; None where none does."""


class Misplaceable(Protocol):
    """The part of a command that is asked for where it is made in an activity."""

    @property
    def submits(self) -> str | None:
        """The name of the function that makes it, where an activity may make it in order to submit it."""

    @property
    def instead_in_activity(self) -> str:
        """The advice for an activity, as a sentence."""


#: The source of the context in which an activity runs.
source_of_activity: ContextVar[ActivitySource | None] = ContextVar("yieldflow_activity", default=None)
#: True where a test of workflows runs, which compares commands and tells by them what ends: also in an activity.
is_test: ContextVar[bool] = ContextVar("yieldflow_test", default=False)


def refuse_in_activity(command: Misplaceable, source: ActivitySource, frame: FrameType) -> None:
    """Refuse a command that code of an activity makes at ``frame``.

    Raises:
        MisplacedCallError: It does nothing there.
    """
    name = source.activity
    if name is None or is_test.get():
        return
    submits = command.submits
    if (submits is not None and not _is_dropped(frame, submits)) or _is_importing(frame):
        return
    raise MisplacedCallError(
        f"{command} was called in activity {name!r}, where it does nothing: it is a command, which only a workflow can "
        f"yield. {command.instead_in_activity}"
    )


def _is_importing(frame: FrameType | None) -> bool:
    """Tell whether a module is being imported, which may keep commands for workflows."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _is_dropped(frame: FrameType, name: str) -> bool:
    """Tell whether what ``frame`` calls now is named so, and what it returns is dropped at once."""
    code, at = frame.f_code.co_code, frame.f_lasti + 2
    while at < len(code) and code[at] == dis.opmap["CACHE"]:
        at += 2
    if at >= len(code) or code[at] != dis.opmap["POP_TOP"]:
        return False
    # A function in C may call it, as in `extend(map(child, keys))`: then another name stands where the call begins.
    before = [one for one in dis.get_instructions(frame.f_code) if one.offset <= frame.f_lasti and one.positions]
    begins = before[-1].positions[:3:2] if before and before[-1].positions else None
    return any(one.argval == name for one in before if one.positions and one.positions[:3:2] == begins)
