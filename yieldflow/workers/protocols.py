"""The protocols that the scheduler, the workers and the engine that they work for keep to."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, TypeAlias

from .._core.history import Codec, Payload
from .attempt import Attempt, Completed, SizeLimits

#: Why an attempt holds a place: it is waited for, or it has not come back though it was cancelled, or has no time left.
Hold: TypeAlias = Literal["running", "cancelled", "timed out"]


class Occupant(NamedTuple):
    """An attempt that holds a place where activities run."""

    attempt: Attempt
    #: True where its time ran out; a thread that it holds has been replaced.
    timed_out: bool = False

    @property
    def hold(self) -> Hold:
        """Why it holds the place."""
        if self.timed_out:
            return "timed out"
        return "cancelled" if self.attempt.cancelled else "running"


class Engine(Protocol):
    """The engine, as workers see it. Any thread may call."""

    @property
    def codec(self) -> Codec:
        """Encodes and decodes arguments and results."""

    @property
    def limits(self) -> SizeLimits:
        """The largest values that the engine stores."""

    def begin(self, attempt: Attempt) -> bool:
        """Note that an attempt begins now. False where it is no longer waited for, and must not begin."""

    def beat(self, attempt: Attempt, details: Payload) -> None:
        """Take in an attempt's heartbeat: it lives, and has come as far as ``details`` says."""

    def deliver(self, completed: Completed) -> None:
        """Take in the end of an attempt."""


class Workers(Protocol):
    """The workers, as the scheduler sees them."""

    def submit(self, attempt: Attempt) -> None:
        """Run ``attempt`` when there is room, and deliver its outcome; attempts are begun in the order submitted."""

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """Wait for ``attempt`` no longer, and end it if it is running and can be ended.

        An attempt that was cancelled with ``on_cancel="wait"`` is only told of it.

        Args:
            attempt: Its ``cancelled`` is set.
            timed_out: True where its time ran out; else it was cancelled.
        """

    def occupants(self) -> list[Occupant]:
        """The attempts that hold a place, also those that nobody waits for any more. Any thread may ask."""


class Pool(Workers, Protocol):
    """Workers of one kind."""

    def close(self) -> None:
        """Begin nothing more, and wake the activities that wait for workflows. There is no way back.

        An activity that fails because it was woken counts as not made.
        """

    def join(self, deadline: float | None) -> list[Attempt]:
        """After `close`: wait for what runs, until ``time.monotonic()`` is ``deadline``, if any.

        Attempts whose time ran out are not waited for.

        Returns:
            The attempts that are still running.
        """

    def kill(self) -> None:
        """After `join`: end what is still running, as far as that can be done, without waiting for it."""
