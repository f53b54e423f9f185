"""One schedule from start to end: what is chosen happens, and what came of it is checked."""

from __future__ import annotations

__tracebackhide__ = True

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .._core.commands import show
from .._core.definitions import Activity, WorkflowInvocation
from ..codec import codec_named
from .fakes import StandIns, stand_ins
from .moves import CRASH, Do, Done, FailuresOf, Moves, Option, Quiet, is_twin
from .result import Ending
from .runner import Player
from .stepper import Stepper

#: So many moves are a workflow that goes on for ever.
MOST_MOVES = 2_000
#: The moves that may leave every generator where it is.
_QUIET = (Do.END, Do.SEND, Do.FAIL)
#: Chooses among the options, at a place from 0; None for a crash before any of them.
Choose: TypeAlias = Callable[[list[Option], int], int | None]

#: Exceptions and their classes; or those by activity.
Failures: TypeAlias = (
    Sequence[type[BaseException] | BaseException] | Mapping[Any, Sequence[type[BaseException] | BaseException]]
)


@dataclass(slots=True)
class Schedule:
    """The course of one schedule."""

    #: The line that begins the workflow in a `Stepper`.
    head: str
    done: list[Done] = field(default_factory=list)
    #: The option chosen at each place, and those that there were.
    choices: list[int] = field(default_factory=list)
    options: list[list[Do]] = field(default_factory=list)
    ending: Ending[Any] | None = None
    #: The exception, where something went wrong.
    error: BaseException | None = None
    #: True if it was left since another schedule is the same.
    is_twin: bool = False

    @property
    def script(self) -> str:
        """The lines that lead there in a `Stepper`."""
        return "\n".join([self.head, *(one.line for one in self.done)])


class Setting:
    """The arguments of `explore`, checked.

    Raises:
        TypeError, CommandError, EncodingError: A stand-in or a failure cannot be one.
    """

    def __init__(
        self,
        invocation: WorkflowInvocation[Any],
        activities: Mapping[Any, object] | Callable[[], Mapping[Any, object]] | None,
        children: Mapping[Any, object] | None,
        signals: Sequence[object],
        failures: Failures,
        crashes: bool,
        check: Callable[[Ending[Any]], object] | None,
    ) -> None:
        self.invocation = invocation
        self.signals = signals
        self.crashes = crashes
        self.failures = _failing(failures)
        self._check = check
        self._codec = codec_named("pickle")
        self._activities = activities if callable(activities) else None
        # Looked at once, where they are the same each time.
        self._known = stand_ins(None if callable(activities) else activities, children, self._codec)

    def begin(self, *, replay: bool) -> Player[Any]:
        """The workflow at its beginning."""
        flow = Stepper(self.invocation, replay=replay)
        stands_in: StandIns = {definition: one.anew() for definition, one in self._known.items()}
        if self._activities is not None:
            stands_in |= stand_ins(self._activities(), None, self._codec)
        return Player(flow, stands_in, self.signals)

    def check(self, ending: Ending[Any]) -> None:
        """Have the test check an ending.

        Raises:
            AssertionError: It said False. What it raises passes through.
        """
        if self._check is None:
            return
        try:
            accepted = self._check(ending) is not False
        except Exception as error:
            if error.__context__ is None:
                # As if it had been raised while the test handled that.
                error.__context__ = ending.exception
            raise
        if not accepted:
            raise AssertionError(f"check returned False of an ending that {ending.head}") from ending.exception


def _failing(given: Failures) -> FailuresOf:
    """The makers of failures, by activity; under None for all."""
    by_activity = given if isinstance(given, Mapping) else {None: given}
    for key in by_activity:
        if key is not None and not isinstance(key, Activity):
            raise TypeError(f"failures= takes activities as keys, as in failures={{charge: [ConnectionError]}}, not "
                            f"{show(key)}")  # fmt: skip
    return {key: [_failure(one) for one in several] for key, several in by_activity.items()}


def _failure(given: object) -> Callable[[], BaseException]:
    if isinstance(given, BaseException):
        return lambda: given
    if isinstance(given, type) and issubclass(given, BaseException):
        return given
    raise TypeError(f"failures= takes exceptions or their classes, as in failures=[ConnectionError], not {show(given)}")


def play(
    setting: Setting, choose: Choose, *, every_checkpoint: bool = False, twins: bool = True, replay: bool = False
) -> Schedule:
    """Make the moves that are chosen, until the workflow has ended or something goes wrong.

    Args:
        setting: The workflow with all that is given for it.
        choose: Says what happens.
        every_checkpoint: True has the process die at each checkpoint beside.
        twins: True goes on where another schedule is the same.
        replay: True has the workflow run a second time, elsewhere, after each event.
    """
    schedule = Schedule(f"flow = Stepper({setting.invocation})")
    player: Player[Any] | None = None
    try:
        player = setting.begin(replay=replay)
        moves = Moves(player, setting.failures, loses=setting.crashes)
        schedule.done = moves.done
        _go(schedule, player, moves, choose, every_checkpoint, twins)
        if player.over:
            schedule.ending = Ending(player.flow, player.calls, player.began, lambda: schedule.script)
            setting.check(schedule.ending)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        schedule.error = error
    return schedule


def _go(
    schedule: Schedule, player: Player[Any], moves: Moves, choose: Choose, every_checkpoint: bool, twins: bool
) -> None:
    last: Option | None = None
    runs = player.runs
    while not player.over:
        options = moves.options()
        if not options:
            raise player.stuck()
        if len(schedule.choices) == MOST_MOVES:
            raise player.told(f"{player.root.name} goes on for ever: {MOST_MOVES:,} moves have not ended it")
        chosen = choose(options, len(schedule.choices))
        if chosen is None:
            moves.do(CRASH)
            continue
        option = options[chosen]
        schedule.choices.append(chosen)
        schedule.options.append([one.do for one in options])
        before = None if twins else Quiet(runs)
        moves.do(option)
        if before is not None:
            is_quiet = option.do in _QUIET and (option.sent is None or option.sent.at is None) and before.holds(runs)
            if is_quiet and last is not None and is_twin(last, option, runs):
                schedule.is_twin = True
                return
            last = option if is_quiet else None
        if every_checkpoint and not player.over:
            moves.do(CRASH)
