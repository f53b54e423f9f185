"""Several things under way for one ``yield``: the nodes of `gather`, `race` and `wait_for`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .combinators import Gather, Race, WaitFor, show_yieldable
from .commands import Command, Sleep, Yieldable, show, show_seconds
from .errors import Cancelled, WaitTimeoutError
from .nodes import Node, Settled, add_note


class Group(Node):
    """Members under way."""

    __slots__ = ("cancelled", "failure", "limit", "members", "next", "reason", "running")

    #: The word for it in messages.
    kind = "group"

    def __init__(self, parent: Node | None, slot: int, members: tuple[Yieldable[Any], ...], limit: int | None) -> None:
        super().__init__(parent, slot)
        self.members = members
        self.limit = limit if limit is not None else len(members)
        self.running: dict[int, Node] = {}
        self.next = 0
        self.failure: BaseException | None = None
        self.cancelled = False
        #: The reason given for the cancellation, if there was one.
        self.reason: str | None = None

    @property
    def below(self) -> Iterable[Node]:
        """The members under way."""
        return self.running.values()

    @property
    def closing(self) -> bool:
        """True where it begins no more members and only waits for those that run."""
        return self.cancelled or self.failure is not None

    @property
    def hungry(self) -> bool:
        """True where another member may begin now."""
        return self.next < len(self.members) and len(self.running) < self.limit and not self.closing

    @property
    def complete(self) -> bool:
        """True where nothing is left to wait for."""
        return not self.running and (self.closing or self.next == len(self.members))

    def take(self, slot: int, settled: Settled) -> bool:
        """Note how a member came out; True where the others are to be cancelled now."""
        raise NotImplementedError

    def value(self) -> Any:
        """Return the value that it resumes with where nothing failed."""
        raise NotImplementedError

    def outcome(self) -> Settled:
        """Return the result that it resumes with, once complete."""
        if self.cancelled:
            cancelled = cancelled_because(self.reason)
            cancelled.__cause__ = self.failure
            return None, cancelled
        return (None, self.failure) if self.failure is not None else (self.value(), None)

    def _take_late(self, error: BaseException | None) -> None:
        """Note what became of a member while the group was closing: what it returns is dropped, a failure is not."""
        failure = failure_beneath(error)
        if failure is None or failure is self.failure:
            return
        if self.failure is None:
            self.failure = failure
        else:
            add_note(self.failure, f"while the rest of the {self.kind} was being cancelled, also: {show(failure)}")


class Gathering(Group):
    """The members of a `gather`."""

    __slots__ = ("results", "return_exceptions")

    kind = "gather"

    def __init__(self, parent: Node | None, slot: int, command: Gather) -> None:
        super().__init__(parent, slot, command.members, command.limit)
        self.return_exceptions = command.return_exceptions
        self.results: list[Any] = [None] * len(command.members)

    def take(self, slot: int, settled: Settled) -> bool:
        """Note how a member came out; True where the others are to be cancelled now."""
        self.running.pop(slot, None)
        value, error = settled
        if error is None:
            self.results[slot] = value
        elif self.closing:
            self._take_late(error)
        elif self.return_exceptions and isinstance(error, Exception):
            self.results[slot] = error
        else:
            self.failure = error
            return True
        return False

    def value(self) -> list[Any]:
        """Return the members' values, in their order."""
        return self.results


class Racing(Group):
    """The members of a `race`."""

    __slots__ = ("winner",)

    kind = "race"

    def __init__(self, parent: Node | None, slot: int, command: Race) -> None:
        super().__init__(parent, slot, command.members, None)
        self.winner: tuple[int, Any] | None = None

    @property
    def optional(self) -> bool:
        """True: it may complete though a member of it does not."""
        return True

    @property
    def closing(self) -> bool:
        """True where it begins no more members and only waits for those that run."""
        return self.winner is not None or self.failure is not None or self.cancelled

    def take(self, slot: int, settled: Settled) -> bool:
        """Note how a member came out; True where the others are to be cancelled now."""
        self.running.pop(slot, None)
        value, error = settled
        if self.closing:
            self._take_late(error)
            return False
        if error is None:
            self.winner = slot, value
        else:
            self.failure = error
        return True

    def value(self) -> Any:
        """Return the index of the first member, and its value."""
        return self.winner


class Waiting(Racing):
    """A `wait_for`: a race with a sleep."""

    __slots__ = ("command",)

    kind = "wait_for"

    def __init__(self, parent: Node | None, slot: int, command: WaitFor[Any]) -> None:
        # The sleep comes last: for what is there at once no time is needed.
        super().__init__(parent, slot, Race((command.command, Sleep(command.seconds))))
        self.command = command

    def take(self, slot: int, settled: Settled) -> bool:
        """Note how a member came out; True where the others are to be cancelled now."""
        if slot == 1 and settled[1] is None and not self.closing:
            what, seconds = show_yieldable(self.command.command, 200), show_seconds(self.command.seconds)
            settled = None, WaitTimeoutError(f"{what} did not come within {seconds} s")
        return super().take(slot, settled)

    def value(self) -> Any:
        """Return the command's value."""
        assert self.winner is not None
        return self.winner[1]


def cancelled_because(reason: str | None) -> Cancelled:
    """Make the exception that is thrown into a branch."""
    return Cancelled() if reason is None else Cancelled(reason)


def failure_beneath(error: BaseException | None) -> BaseException | None:
    """Return ``error``; for a `Cancelled` its cause, what failed in the cleanup below; or None."""
    seen: list[BaseException] = []
    while isinstance(error, Cancelled) and error not in seen:
        seen.append(error)
        error = error.__cause__
    return None if isinstance(error, Cancelled) else error


#: The node for each command that has members.
GROUPS: dict[type[Command[Any]], Callable[[Node, int, Any], Group]] = {
    Gather: Gathering,
    Race: Racing,
    WaitFor: Waiting,
}
