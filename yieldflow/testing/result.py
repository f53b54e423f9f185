"""The end of a workflow in a test, with the calls on the way."""

from __future__ import annotations

__tracebackhide__ = True

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar

from .._core.commands import Command, show
from .._core.history import Micros, WorkflowStatus
from .pending import Commands
from .picture import span
from .stepper import Stepper

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt at an activity, or one child that something stood in for."""

    #: The command, with its arguments: equal to ``charge("o-1", cents=500)``.
    command: Command[Any]
    #: The number of the attempt, from 1.
    attempt: int
    #: The virtual time since the start of the workflow at which it ended.
    at: timedelta
    #: The value that it returned; None where it raised.
    returned: object = None
    #: The exception that it raised; None where it returned.
    raised: BaseException | None = None
    #: True if the process died before the outcome was recorded, so that the same attempt was made again.
    lost: bool = False
    #: The id of the workflow that called.
    workflow_id: str = field(default="", repr=False)

    def __str__(self) -> str:
        how = f"returned {show(self.returned, 60)}" if self.raised is None else f"raised {show(self.raised, 60)}"
        again = f", attempt {self.attempt}" if self.attempt > 1 else ""
        lost = ", and was lost in a crash" if self.lost else ""
        return f"{show(self.command, 100)} {how}{lost}{again}, after {span(round(self.at.total_seconds() * 1e6))}"


class Ending(Generic[R_co]):
    """The end of a workflow, the calls on the way, and the time that it took in virtual time."""

    def __init__(
        self, flow: Stepper[R_co], calls: Sequence[Call], began: Micros, script: Callable[[], str] = str
    ) -> None:
        self._flow = flow
        self._calls = list(calls)
        self._began = began
        self._script = script

    @property
    def result(self) -> R_co:
        """The value that the workflow returned.

        Raises:
            The workflow's own exception; `WorkflowCancelledError` where it was cancelled.
        """
        return self._flow.result

    @property
    def exception(self) -> BaseException | None:
        """The exception that `result` raises; None where it returns."""
        return self._flow.exception

    @property
    def status(self) -> WorkflowStatus:
        """``done``, ``failed`` or ``cancelled``."""
        return self._flow.status

    @property
    def progress(self) -> object:
        """The value that the workflow gave to `set_progress` last; None where it did not."""
        return self._flow.progress

    @property
    def calls(self) -> list[Call]:
        """The calls in the order in which they ended, those of children included: each attempt is one."""
        return list(self._calls)

    @property
    def called(self) -> list[Command[Any]]:
        """The same without anything beside: ``[charge("o-1", cents=500), ship("o-1")]``."""
        return Commands((call.command for call in self._calls), self._flow._run)

    @property
    def duration(self) -> timedelta:
        """The virtual time from the start of the workflow to its end."""
        return timedelta(microseconds=self._flow._host.now - self._began)

    @property
    def flow(self) -> Stepper[R_co]:
        """The workflow as a stepper at its end: for ``print``, for its history."""
        return self._flow

    @property
    def script(self) -> str:
        """The lines that lead a `Stepper` to an ending that `explore` found; else empty."""
        return self._script()

    @property
    def head(self) -> str:
        """The end in a few words: ``returned 'trk'``, ``failed with ConnectionError: down``."""
        error = self.exception
        if error is None:
            return f"returned {show(self.result)}"
        return f"{self.status} with {type(error).__name__}: {error}"

    def __str__(self) -> str:
        took = span(self._flow._host.now - self._began)
        return "\n".join([f"{self.head}, after {took}", *(f"  {call}" for call in self._calls)])

    def __repr__(self) -> str:
        return f"<Ending {self.head}>"
