"""`explore`: a workflow under every order of what can happen to it, every failure and every crash."""

from __future__ import annotations

__tracebackhide__ = True

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any, Generic, TypeVar

from .._core.commands import show
from .._core.definitions import WorkflowInvocation
from .._core.errors import YieldflowError
from .._core.history import Failure
from .._core.retry import check_count
from .causes import line_of
from .moves import SMOOTH, Option
from .result import Ending
from .schedules import Choose, Failures, Schedule, Setting, play
from .shrinking import shrunk

R = TypeVar("R")

#: The share of moves that go wrong in a schedule drawn at random.
ROUGH = 0.25
#: After so many draws in a row that were there before, no more are made.
MOST_REPEATS = 200
#: So many schedules are kept to be run.
MOST_AHEAD = 100_000


class ScheduleError(YieldflowError, AssertionError):
    """A schedule was found under which a workflow does what it must not: its lines reproduce it in a `Stepper`."""

    #: The lines, to be pasted into a test.
    script: str
    #: The seed that was given, and how many schedules were run before it was found.
    seed: int
    schedules: int


class Exploration(Generic[R]):
    """The findings of `explore`.

    Args:
        schedules: The number of schedules that were run.
        covered: True if those are all that there are.
        endings: The first ending that was found of each way to end.
        counts: The number of schedules that ended in each way.
        seed: The seed of the schedules that were drawn at random.
    """

    def __init__(
        self, schedules: int, covered: bool, endings: Sequence[Ending[R]], counts: Sequence[int], seed: int
    ) -> None:
        self.schedules = schedules
        self.covered = covered
        self.endings = list(endings)
        self.counts = list(counts)
        self.seed = seed

    def __str__(self) -> str:
        these = "all there are" if self.covered else f"not all there are (seed {self.seed})"
        lines = [f"{self.schedules} schedules, {these}; {len(self.endings)} ways to end:"]
        for ending, count in zip(self.endings, self.counts, strict=True):
            lines.append(f"  {count:>6}  {ending.head}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Exploration {str(self).splitlines()[0]}>"


def explore(
    invocation: WorkflowInvocation[R],
    *,
    activities: Mapping[Any, object] | Callable[[], Mapping[Any, object]] | None = None,
    children: Mapping[Any, object] | None = None,
    signals: Iterable[object] = (),
    failures: Failures = (),
    crashes: bool = True,
    limit: int = 2000,
    check: Callable[[Ending[R]], object] | None = None,
    seed: int = 0,
) -> Exploration[R]:
    """Run a workflow under every order of what can happen to it, and have every ending checked.

    In one schedule after another, calls end in another order, signals come earlier or later, time passes before or
    after; attempts fail, before or after they did their work; and the process dies: at every checkpoint, and after an
    activity did its work and before that is recorded, so that it is run again. Schedules in which least goes otherwise
    than in the order issued come first. Where there are more than ``limit``, the second half is drawn at random.

    Orders that the workflow cannot tell apart are tried once. Among equal pending commands the first ends first.
    Attempts that are followed by others without an end fail twice at most.

    Args:
        invocation: The workflow with its arguments.
        activities: The stand-ins, by activity, as for `run_workflow`; `after` is left out of account. Or a function
            that returns that, which is called before each schedule: where functions that stand in keep state, it has
            them begin anew.
        children: The stand-ins, by workflow.
        signals: The signals: pairs of a name and a payload, in this order and at any time; or with `after`, then.
        failures: Failures of attempts at activities, beside the stand-ins: exceptions, or their classes. Or
            that by activity, where others do not fail: ``{charge: [ConnectionError]}``.
        crashes: True has the process die as well.
        limit: The number of schedules that are run at most.
        check: Called with every ending. It raises, or returns False, where that is not as it should be.
        seed: For the schedules that are drawn at random.

    Returns:
        How many schedules were run, whether those are all, and which ways to end were found.

    Raises:
        ScheduleError: Under some schedule ``check`` fails, the workflow waits or goes on for ever, is not
            deterministic, or calls what nothing stands in for. The message has the shortest such schedule that was
            found, as lines for a `Stepper`.
        TypeError, EncodingError: An argument is wrong.

    Example:
        >>> explore(
        ...     book_trip("lisbon"),
        ...     activities={book: None, cancel_booking: None},
        ...     failures={book: [ConnectionError]},
        ...     check=lambda ending: ending.exception is None or cancel_booking("lisbon", "flight") in ending.called,
        ... )
    """
    check_count("limit", limit)
    if not isinstance(invocation, WorkflowInvocation):
        raise TypeError(f"explore() takes a workflow called with its arguments, not {show(invocation)}")
    given = list(signals) if isinstance(signals, Iterable) else [signals]
    setting = Setting(invocation, activities, children, given, failures, crashes, check)
    return _Search(setting, limit, seed).run()


class _Search:
    """The way through the schedules.

    Args:
        setting: The workflow with all that is given for it.
        limit: The number of schedules that are run at most.
        seed: For those that are drawn at random.
    """

    def __init__(self, setting: Setting, limit: int, seed: int) -> None:
        self._setting = setting
        self._limit = limit
        self._seed = seed
        self._schedules = 0
        #: The ways to end: the first ending of each, and how many there were.
        self._ways: dict[object, tuple[Ending[Any], int]] = {}
        self._seen: set[tuple[int, ...]] = set()

    def run(self) -> Exploration[Any]:
        """Run them.

        Raises:
            ScheduleError: Something went wrong in one.
        """
        covered = self._run_in_order()
        if not covered:
            self._run_at_random()
        endings = [ending for ending, _ in self._ways.values()]
        counts = [count for _, count in self._ways.values()]
        return Exploration(self._schedules, covered, endings, counts, self._seed)

    def _run_in_order(self) -> bool:
        """Run first those in which least goes otherwise than in order; whether those were all that there are."""
        ahead: deque[tuple[int, ...]] = deque([()])
        all_kept = True
        while ahead:
            more = self._limit < self._schedules + len(ahead)
            if self._schedules == self._limit or (more and 2 * self._schedules >= self._limit):
                return False
            prefix = ahead.popleft()
            found = self._play(_beginning(prefix), first=not prefix, twins=False)
            for place in range(len(prefix), len(found.choices)):
                before = tuple(found.choices[:place])
                others = range(1, len(found.options[place]))
                if len(ahead) > MOST_AHEAD:
                    all_kept = all_kept and not others
                else:
                    ahead.extend((*before, other) for other in others)
        return all_kept

    def _run_at_random(self) -> None:
        random, repeats = Random(self._seed), 0

        def choose(options: list[Option], place: int) -> int:
            smooth = [number for number, option in enumerate(options) if option.do in SMOOTH]
            rough = [number for number, option in enumerate(options) if option.do not in SMOOTH]
            return random.choice(rough if rough and (not smooth or random.random() < ROUGH) else smooth)

        while self._schedules < self._limit and repeats < MOST_REPEATS:
            before = self._schedules
            self._play(choose)
            repeats = repeats + 1 if self._schedules == before else 0

    def _play(self, choose: Choose, *, first: bool = False, twins: bool = True) -> Schedule:
        """Run one, and count it unless it was run before."""
        setting = self._setting
        found = play(setting, choose, every_checkpoint=setting.crashes and not first, twins=twins, replay=first)
        if found.error is not None:
            raise self._failed(found)
        choices = tuple(found.choices)
        if found.is_twin or choices in self._seen or found.ending is None:
            return found
        self._seen.add(choices)
        self._schedules += 1
        way = _way(found.ending)
        ending, count = self._ways.get(way, (found.ending, 0))
        self._ways[way] = ending, count + 1
        return found

    def _failed(self, found: Schedule) -> ScheduleError:
        shortest = shrunk(self._setting, found)
        error = shortest.error
        assert error is not None
        number = self._schedules + 1
        own = None if shortest.ending is None else shortest.ending.exception
        where = "check failed" if shortest.ending is not None else "it went wrong"
        head = f"{where} in schedule {number} (seed={self._seed}), {type(error).__name__}: {error}"
        lines = [
            head,
            *([f"The workflow ended with {line_of(own)}"] if own is not None and line_of(own) not in head else []),
            "It is shrunk to these lines, which lead there in a Stepper:" if shortest is not found else "To see it:",
            "",
            *(f"    {line}" for line in shortest.script.splitlines()),
        ]
        told = ScheduleError("\n".join(lines))
        told.script, told.seed, told.schedules = shortest.script, self._seed, number
        told.__cause__ = error
        return told


def _beginning(prefix: tuple[int, ...]) -> Choose:
    """Chooses what is given, and then what is in order."""
    return lambda options, place: min(prefix[place], len(options) - 1) if place < len(prefix) else 0


def _way(ending: Ending[Any]) -> object:
    """A key that endings share that are the same."""
    row = ending.flow._run.row
    return row.status, row.outcome.summary if isinstance(row.outcome, Failure) else row.outcome
