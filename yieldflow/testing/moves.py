"""The moves that can happen next to a workflow with stand-ins, and the line that tells a `Stepper` of each."""

from __future__ import annotations

__tracebackhide__ = True

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from .._core.commands import Command
from .._core.definitions import ActivityInvocation, Definition
from .._core.nodes import Branch, Node, from_below
from ..scheduler.timers import DEADLINE
from .fakes import Kind
from .host import Timer
from .run import Run
from .runner import Came, Player, Sent, Waiting

#: Only so many attempts fail that would be followed by others without an end.
MOST_FAILURES = 2
#: The makers of the failures of each activity; under None those of all.
FailuresOf: TypeAlias = Mapping[Definition[..., Any] | None, Sequence[Callable[[], BaseException]]]
#: The same for a move in any schedule.
Key: TypeAlias = tuple[object, ...]


class Do(Enum):
    """The kinds of moves."""

    #: A call ends, with what stands in.
    END = "end"
    #: A signal comes.
    SEND = "send"
    #: Time passes, until something happens by itself.
    WAIT = "wait"
    #: An attempt fails before it does anything,
    FAIL = "fail"
    #: or after it did what it does.
    FAIL_LATE = "fail late"
    #: An attempt does what it does, and the process dies before that is recorded.
    LOSE = "lose"
    #: The process dies at a checkpoint.
    CRASH = "crash"


#: The moves where nothing goes wrong.
SMOOTH = (Do.END, Do.SEND, Do.WAIT)


class Option(NamedTuple):
    """One thing that can happen now."""

    do: Do
    waiting: Waiting | None = None
    sent: Sent | None = None
    timer: tuple[Run, Timer] | None = None
    #: The number of the failure among those that were given.
    failure: int = 0

    @property
    def key(self) -> Key:
        """The same for this move in any schedule."""
        if self.waiting is None:
            return (self.do, None if self.sent is None else self.sent.name)
        step = self.waiting.leaf.step
        return (self.do, self.waiting.run.id, step.name, step.input, self.failure)

    @property
    def has_effects(self) -> bool:
        """True if something of the test's is called."""
        return self.waiting is not None and self.waiting.answer.kind in (Kind.FUNCTION, Kind.REAL)


CRASH = Option(Do.CRASH)


class Done(NamedTuple):
    """A move that was made, and its line for a `Stepper`."""

    key: Key
    line: str


class Moves:
    """Finds the moves that are open to a workflow, and makes them.

    Args:
        player: The workflow at its beginning.
        failures: The makers of failures, by activity; under None for all.
        loses: True if an outcome may be lost in a crash.
    """

    def __init__(self, player: Player[Any], failures: FailuresOf, *, loses: bool) -> None:
        self._player = player
        self._failures = failures
        self._loses = loses
        #: The attempts whose outcome was lost, which happens once to each.
        self._lost: set[tuple[Key, int]] = set()
        #: The name of each workflow in the script.
        self._names: dict[Run, str] = {player.root: "flow"}
        self.done: list[Done] = []

    # ------------------------------------------------------------------ what can happen

    def options(self) -> list[Option]:
        """The moves that are open now: first those that go smoothly, in the order issued."""
        player = self._player
        ready = [waiting for waiting in player.ready() if not _has_elder(waiting)]
        for child in player.begun[len(self._names) - 1 :]:
            parent = child.parent or player.root
            name = self._names[child] = f"child_{len(self._names)}"
            self.done.append(Done((Do.CRASH, name), f"{name} = {self._names[parent]}.child({child.invocation})"))
        found = [Option(Do.END, waiting) for waiting in ready]
        found += [Option(Do.SEND, sent=sent) for sent in player.to_send if sent.at is None][:1]
        timed = self._timed()
        if timed is not None and not (found and _repeats_for_ever(timed)):
            found.append(timed)
        attempts = [waiting for waiting in ready if isinstance(waiting.leaf.command, ActivityInvocation)]
        for waiting in attempts:
            found += self._failing(waiting)
        for waiting in attempts if self._loses else ():
            option = Option(Do.LOSE, waiting)
            if option.has_effects and (option.key, waiting.attempt) not in self._lost:
                found.append(option)
        return found

    def _timed(self) -> Option | None:
        """The next move by the clock."""
        timer = self._player.host.next_timer
        signals = [(sent.at, place) for place, sent in enumerate(self._player.to_send) if sent.at is not None]
        if signals and (timer is None or min(signals)[0] < timer.due_at):
            return Option(Do.SEND, sent=self._player.to_send[min(signals)[1]])
        return None if timer is None else Option(Do.WAIT, timer=(self._player.runs[timer.place], timer))

    def _failing(self, waiting: Waiting) -> Iterator[Option]:
        if waiting.attempt > MOST_FAILURES and _is_endless(waiting.leaf.command):
            return
        for number in range(len(self._failures_of(waiting))):
            option = Option(Do.FAIL, waiting, failure=number)
            yield option
            if option.has_effects:
                yield option._replace(do=Do.FAIL_LATE)

    def _failures_of(self, waiting: Waiting) -> Sequence[Callable[[], BaseException]]:
        return self._failures.get(None) or self._failures.get(waiting.leaf.definition, ())

    # ------------------------------------------------------------------ it happens

    def do(self, option: Option) -> None:
        """Make a move. It is noted first, so that what goes wrong with it is told with it."""
        player, waiting, sent = self._player, option.waiting, option.sent
        if sent is not None:
            self._send(option, sent)
        elif option.timer is not None:
            self._note(option, f"flow.advance_to_next_timer()  # {_what_happens(*option.timer)}")
            player.advance_to(option.timer[1].due_at)
        elif waiting is None:
            self._note(option, "flow.crash()")
            player.host.crash()
        elif option.do is Do.END:
            came = player.call(waiting)
            self._note(option, self._ends(waiting, came))
            player.end(waiting, came)
        elif option.do is Do.LOSE:
            self._lost.add((option.key, waiting.attempt))
            self._note(option, f"flow.crash()  # {waiting.leaf.command} had run, and its outcome is lost")
            player.lose(waiting)
        else:
            error = self._failures_of(waiting)[option.failure]()
            late = option.do is Do.FAIL_LATE
            if late:
                player.call(waiting)
            line = self._ends(waiting, Came(error=error))
            self._note(option, f"{line}  # after it did its work" if late else line)
            player.fail(waiting, error)

    def _note(self, option: Option, line: str) -> None:
        self.done.append(Done(option.key, line))

    def _ends(self, waiting: Waiting, came: Came) -> str:
        name, command = self._names[waiting.run], waiting.leaf.command
        if came.error is None:
            return f"{name}.resolve({command}, {came.value!r})"
        return f"{name}.fail({command}, {came.error!r})"

    def _send(self, option: Option, sent: Sent) -> None:
        player = self._player
        line = f"flow.signal({sent.name!r}, {sent.value!r})"
        if sent.at is not None:
            seconds = max(0, sent.at - player.host.now) / 1e6
            line = f"flow.advance({seconds:g})\n{line}"
        self._note(option, line)
        if sent.at is not None:
            player.advance_to(sent.at)
        if not player.over:
            player.send(sent)


def _has_elder(waiting: Waiting) -> bool:
    """Return True if an equal step is pending that was issued first: a `Stepper` would end that."""
    step = waiting.leaf.step
    for leaf in waiting.run.open.values():
        if leaf is waiting.leaf:
            return False
        if leaf.step.input == step.input and leaf.step.name == step.name and leaf.step.kind is step.kind:
            return True
    return False


def _is_endless(command: Command[Any]) -> bool:
    """Return True if each attempt at an activity that fails is followed by another."""
    if not isinstance(command, ActivityInvocation):
        return False
    policy = command.options.retry
    return policy is not None and policy.maximum_attempts is None


def _repeats_for_ever(option: Option) -> bool:
    """Return True if an attempt runs out of time, as it did before, and would again."""
    if option.timer is None or option.timer[1].step == DEADLINE:
        return False
    run, timer = option.timer
    attempt = run.attempt(run.open[timer.step])
    late = attempt is not None and attempt.begun and attempt.number > MOST_FAILURES
    return late and _is_endless(run.open[timer.step].command)


def _what_happens(run: Run, timer: Timer) -> str:
    if timer.step == DEADLINE:
        return f"the time of {run.name} is over"
    leaf = run.open[timer.step]
    command, attempt = leaf.command, run.attempt(leaf)
    if attempt is None:
        return f"{command} ends"
    return f"{command} is out of time" if attempt.begun else f"{command}: attempt {attempt.number} begins"


# ---------------------------------------------------------------------- schedules that are the same


class Quiet:
    """Tells if a move leaves every generator where it is.

    Two such moves in a row may come in either order: the workflow cannot tell.

    Args:
        runs: The workflows, before it happens.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        # The nodes are held, so that no other has the place of one in memory.
        self._before = _waits(runs)

    def holds(self, runs: Sequence[Run]) -> bool:
        """Return True if all of them stand where they stood."""
        after = _waits(runs)
        return len(after) == len(self._before) and all(
            one is other for pair in zip(self._before, after, strict=True) for one, other in [pair]
        )


def _waits(runs: Sequence[Run]) -> list[Node | None]:
    """The branches of all workflows, and what each waits for."""
    found: list[Node | None] = []
    for run in runs:
        root = None if run.over else run.execution.root
        for node in from_below(root, into_cancelled=True) if root is not None else ():
            if isinstance(node, Branch):
                found += (node, node.waiting_for)
    return found


def is_twin(before: Option, after: Option, runs: Sequence[Run]) -> bool:
    """Return True if two quiet moves in a row are tried in the other order too, and so need not be in this.

    Those that call something of the test's are tried in either order.
    """
    if before.has_effects and after.has_effects:
        return False
    return _place(after, runs) < _place(before, runs)


def _place(option: Option, runs: Sequence[Run]) -> tuple[int, int]:
    if option.waiting is None:
        return len(runs), 0
    return runs.index(option.waiting.run), option.waiting.leaf.step.number
