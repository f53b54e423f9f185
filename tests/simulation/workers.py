"""The simulated workers: attempts begin late, and end in any order, after their time, or never."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from tests.support.engine import CODEC
from yieldflow import ActivityError
from yieldflow._core.errors import YieldflowError
from yieldflow._core.history import Micros
from yieldflow.scheduler.messages import HeartbeatReceived, Message
from yieldflow.workers import Attempt, Completed, Occupant, failed
from yieldflow.workers.attempt import Ending, returned

from .context_checks import CONTEXTS
from .ledger import Ledger
from .liveness_checks import check_dispatched
from .plan import Dice

#: Seconds after which a failure asks to be retried.
ASKED = 0.1
#: Seconds that an attempt takes.
TAKES = [0, 0, 0.001, 0.3, 0.3, 1, 1, 2.5]
#: An attempt with a time limit may take longer, or never end.
LIMITED = [0, 0, 0.3, 1, 2.5, 2.9, 3, 3.5, 20, None]
PAUSES = [0, 0, 0, 0.001, 0.2]
#: Seconds after which an abandoned attempt notices that.
LOOKS = 5


class WorkersWorld(Protocol):
    """The part of the world that workers see."""

    dice: Dice
    ledger: Ledger

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Schedule something."""

    def send(self, message: Message) -> None:
        """Put something into the scheduler's inbox."""

    def monotonic(self) -> Micros:
        """Return the time that has passed while the machine was awake."""

    def wants(self, attempt: Attempt) -> bool:
        """Return whether an attempt is to begin."""

    def note(self, *what: object) -> None:
        """Add a line to the trace."""

    def count(self, fault: str) -> None:
        """Count a fault."""


class SimulatedWorkers:
    """The workers of one session.

    Args:
        world: The simulation.
        count: The attempts that run at once.
    """

    def __init__(self, world: WorkersWorld, count: int) -> None:
        self._world = world
        self._free = count
        self._queue: deque[Attempt] = deque()
        self.running: set[Attempt] = set()
        #: Attempts that do not end by themselves.
        self._hanging: dict[Attempt, Ending] = {}
        #: Nothing begins or ends any more: the process is dead.
        self.gone = False
        #: Nothing begins any more.
        self.closing = False
        #: How often each attempt was begun.
        self._made: dict[object, int] = {}

    # ------------------------------------------------------------------ for the scheduler

    def submit(self, attempt: Attempt) -> None:
        """Take an attempt in; it begins a little later, once a worker is free."""
        self._world.ledger.dispatched(attempt)
        CONTEXTS.check_clean("the worker of an attempt")
        check_dispatched(self._world.ledger, attempt)
        self._world.note("dispatch", attempt)
        self._queue.append(attempt)
        pause = self._world.dice.choose(PAUSES, "pause", *attempt.key, attempt.number)
        self._world.after(pause, self._begin)

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """Abandon an attempt; the worker of an attempt that timed out is replaced."""
        self._world.note("abandon", attempt, timed_out)
        if timed_out and attempt in self.running:
            self.running.discard(attempt)
            self._world.ledger.attempts.ended(attempt)
            self._free += 1
            self._world.after(0, self._begin)
        elif attempt in self._hanging:
            # A long activity checks now and then if it is still wanted.
            self._world.after(LOOKS, partial(self._end, attempt, self._hanging.pop(attempt)))

    def occupants(self) -> list[Occupant]:
        """The attempts that run."""
        return list(map(Occupant, self.running))

    # ------------------------------------------------------------------ working

    def _begin(self) -> None:
        while self._queue and self._free and not self.gone and not self.closing:
            attempt = self._queue.popleft()
            if self._world.wants(attempt):
                self._free -= 1
                self.running.add(attempt)
                self._world.ledger.beside(attempt, self.running)
                self._make(attempt)

    def _make(self, attempt: Attempt) -> None:
        world = self._world
        world.ledger.begins(attempt)
        world.ledger.drawn(attempt)
        world.note("begin", attempt)
        attempt.begun_at = world.monotonic()
        made = self._made[attempt.key, attempt.number] = self._made.get((attempt.key, attempt.number), 0) + 1
        key = (*attempt.key, attempt.number, made)
        ending = self._ending(attempt)
        # The effect comes first, whether or not its outcome is ever received.
        world.ledger.done(attempt, ending.outcome)
        options = attempt.options
        limited = options.timeout or options.heartbeat_timeout or options.schedule_to_close_timeout
        takes = world.dice.choose(LIMITED, "limited", *key) if limited else world.dice.choose(TAKES, "takes", *key)
        if options.heartbeat_timeout is not None:
            self._beat(attempt, 0, takes or world.dice.choose([0, 3], "beats", *key))
        if takes is None:
            world.count("activity never ends")
        elif options.timeout is not None and takes > options.timeout:
            world.count("activity ends after its time")
        if takes is not None:
            world.after(takes, partial(self._end, attempt, ending))
        else:
            self._hanging[attempt] = ending

    def _ending(self, attempt: Attempt) -> Ending:
        """Return the ending of an attempt, the same for each attempt of that number."""
        arguments = CODEC.decode(attempt.input)
        assert isinstance(arguments, dict)
        number, fails = arguments["number"], arguments["fails"]
        if attempt.number > fails:
            return returned(f"r{number}", attempt.definition, CODEC)
        what = f"leaf {number}"
        error: YieldflowError | Exception = [ValueError(what), KeyError(what), ActivityError(what, retry_after=ASKED)][
            number % 3
        ]
        policy = attempt.options.retry
        ending = failed(error, attempt.definition, policy, CODEC)
        kinds = policy.non_retryable if policy is not None else Exception
        assert isinstance(kinds, (tuple, type))
        asked = ASKED if isinstance(error, ActivityError) else None
        self._world.ledger.attempts.raised(attempt, ending.outcome, isinstance(error, kinds), asked)
        return ending

    def _beat(self, attempt: Attempt, count: int, until: float) -> None:
        """Send a heartbeat each second, as `Session.beat` does."""
        if self.gone or attempt not in self.running:
            return
        attempt.beat = (CODEC.encode([attempt.number, count]), self._world.monotonic())
        self._world.ledger.attempts.beats(attempt)
        if not attempt.watched:
            attempt.watched = True
            self._world.send(HeartbeatReceived(attempt))
        if count + 1 < until:
            self._world.after(1, partial(self._beat, attempt, count + 1, until))

    def _end(self, attempt: Attempt, ending: Ending) -> None:
        if self.gone:
            return
        if attempt in self.running:
            self.running.discard(attempt)
            self._free += 1
        self._world.ledger.attempts.returns(attempt)
        self._world.note("end", attempt)
        attempt.ended = True
        self._world.send(Completed(attempt, *ending))
        self._begin()
