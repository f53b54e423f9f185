"""One attempt at an activity: who asks for it, how far it is, how its function is run, and how it ended."""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from .._core.commands import LONGEST_SLEEP, seconds_of, show
from .._core.definitions import Activity
from .._core.errors import ActivityError, Cancelled, EncodingError
from .._core.history import Codec, Micros, Outcome, Payload, Step, seed_at
from .._core.options import ActivityOptions
from .._core.retry import RetryPolicy, may_retry
from ..log import logger
from . import forks
from .context import AttemptInfo

#: Workflow, run and step.
Key: TypeAlias = tuple[str, int, int]

DEFAULTS = ActivityOptions()
#: Makes a named tuple in half the time that its class takes.
_new_tuple = tuple.__new__


class Attempt:
    """One attempt at an activity, from its dispatch to its end. Compared by identity. Its moments: `Clock.monotonic`.

    Args:
        key: Workflow, run and step.
        number: From 1.
        definition: The activity.
        input: The arguments by name, encoded.
        options: The options of the call.
        seed: The seed of the workflow's run.
        turn: The turn that issued the step.
        issued: The step, for the scheduler alone.
    """

    # Attributes of the class stand for what most attempts never have: so nothing is done for it at each.

    #: The details of the last heartbeat of the attempt before.
    details: Payload | None = None
    #: Its hand-over to the workers, if its time is limited.
    dispatched_at: Micros = 0
    #: The end of the time for all attempts at the step, if that is limited.
    deadline_at: Micros | None = None

    # Written by the workers, and read by the scheduler: one reference each.

    #: The worker that runs it, in words for people: a thread's name, "event loop", "process 4711", or the name of an
    #: executor. Set before `Engine.begin` is asked, so that it is known wherever `begun_at` is; None before, and for an
    #: attempt that failed before any worker had it.
    worker: str | None = None
    #: The details and the moment of its latest heartbeat.
    beat: tuple[Payload, Micros] | None = None
    #: True once it has ended, and its outcome is on its way.
    ended = False

    # Used by the scheduler alone.

    #: The heartbeat whose details are on disk, or are being written.
    written: tuple[Payload, Micros] | None = None
    #: The time of that writing.
    written_at: Micros = 0
    #: Whether it is on disk, or being written, when it began.
    begin_recorded = False

    def __init__(
        self,
        key: Key,
        number: int,
        definition: Activity[..., Any],
        input: Payload,
        options: ActivityOptions = DEFAULTS,
        seed: bytes = b"",
        turn: int = 0,
        issued: Step | None = None,
    ) -> None:
        self.key = key
        self.number = number
        self.definition = definition
        self.input = input
        self.options = options
        self.seed = seed
        self.turn = turn
        #: The very step for which it was begun; another object has its number once the workflow was built again.
        self.issued = issued
        #: When a worker began it; None while none has. Written by the workers.
        self.begun_at: Micros | None = None
        #: True once the scheduler looks for heartbeats by itself, so that it need not be told of each.
        self.watched = False
        #: The mark of the turn in which an end of it was taken in: a result, or that its time ran out.
        self.settled_in: object = None
        #: True once it is no longer waited for, or is asked to end. Written by the scheduler, and read by the workers:
        #: one reference, so that no lock is needed.
        self.cancelled = False

    @property
    def workflow_id(self) -> str:
        """The id of the workflow that yielded the activity."""
        return self.key[0]

    @property
    def step(self) -> int:
        """The number of the workflow's step."""
        return self.key[2]

    @property
    def info(self) -> AttemptInfo:
        """The part of it that activities and tracers see."""
        workflow_id, run, step = self.key
        return AttemptInfo(workflow_id, run, step, self.definition.name, self.number, self._idempotency_key)

    @property
    def _idempotency_key(self) -> str:
        _, run, step = self.key
        arguments = self.input if isinstance(self.input, bytes) else self.input.encode()
        # Name and arguments are part of it, since after a rewind the step's number may stand for something else.
        what = f"activity {run} {step} {self.definition.name} ".encode() + arguments
        digest = blake2b(what, key=seed_at(self.seed, self.turn), digest_size=16).digest()
        return str(UUID(bytes=digest, version=4))

    def __repr__(self) -> str:
        return f"<attempt {self.number} at {self.definition.name} of {self.key}>"


class SizeLimits(NamedTuple):
    """The largest values that a host stores for an activity, in bytes; None for any size."""

    #: The result.
    result: int | None = None
    #: The details of a heartbeat, which may be written once a second.
    details: int | None = None


#: The limits of the engine that comes with the package. SQLite holds a billion bytes in a row, which has other columns
#: too (text beyond ASCII takes up to four bytes a character, and is left to SQLite to refuse).
DEFAULT_LIMITS = SizeLimits(result=900_000_000, details=10_000_000)


class Ending(NamedTuple):
    """The outcome of an attempt, and whether another attempt may follow."""

    outcome: Outcome
    #: False for a failure after which no further attempt may follow.
    retryable: bool = True
    #: The seconds until the next attempt that a failure asked for, if it did.
    retry_after: float | None = None


class Completed(NamedTuple):
    """The end of an attempt."""

    attempt: Attempt
    outcome: Outcome
    retryable: bool = True
    retry_after: float | None = None
    #: True where its time ran out: it may be running still.
    timed_out: bool = False


# ---------------------------------------------------------------------- running the function


def run(
    definition: Activity[..., Any],
    input: Payload,
    policy: RetryPolicy | None,
    codec: Codec,
    limits: SizeLimits = DEFAULT_LIMITS,
) -> Ending:
    """Run an activity in this thread. Never raises: whatever goes wrong is a failure.

    A child that the activity forks does not come back.
    """
    try:
        arguments: dict[str, object] = codec.decode(input)  # type: ignore[assignment]  # encoded from a dict
    except BaseException as error:
        return Ending(codec.encode_failure(error), retryable=False)
    generation = forks.generation
    try:
        result = definition.call(arguments)
    except BaseException as error:
        if forks.generation != generation:
            forks.exit_child(error)
        return failed(error, definition, policy, codec)
    if forks.generation != generation:
        forks.exit_child()
    return returned(result, definition, codec, limits)


async def run_async(
    definition: Activity[..., Any],
    input: Payload,
    policy: RetryPolicy | None,
    codec: Codec,
    limits: SizeLimits = DEFAULT_LIMITS,
) -> Ending:
    """Run an activity that is an ``async def``. Never raises: to be cancelled is a failure as well."""
    try:
        arguments: dict[str, object] = codec.decode(input)  # type: ignore[assignment]  # encoded from a dict
    except BaseException as error:
        return Ending(codec.encode_failure(error), retryable=False)
    generation = forks.generation
    try:
        result = await definition.call(arguments)
    except BaseException as error:
        if forks.generation != generation:
            forks.exit_child(error)
        return failed(error, definition, policy, codec)
    if forks.generation != generation:
        forks.exit_child()
    return returned(result, definition, codec, limits)


def returned(
    result: object, definition: Activity[..., Any], codec: Codec, limits: SizeLimits = DEFAULT_LIMITS
) -> Ending:
    """Make the ending of an activity that returned. A result that cannot be stored is no reason to do it all again."""
    try:
        payload = codec.encode(result)
        largest = limits.result
        if largest is not None and len(payload) > largest:
            raise EncodingError(
                f"{len(payload):,} bytes, and a database holds at most {largest:,} in one value: put it into a "
                "file, and return where that is"
            )
        return _new_tuple(Ending, (payload, True, None))
    except EncodingError as error:
        problem = EncodingError(f"what activity {definition.name!r} returned: {error}")
        return Ending(codec.encode_failure(problem), retryable=False)
    except BaseException as error:
        return Ending(codec.encode_failure(error), retryable=False)


def failed(error: BaseException, definition: Activity[..., Any], policy: RetryPolicy | None, codec: Codec) -> Ending:
    """Make the ending of an activity that raised."""
    try:
        retryable = may_retry(policy, error)
    except BaseException as problem:
        # It is not known whether it may be tried again, so it is not.
        logger.error(
            "non_retryable of activity %r raised %r when it was asked about %r: it is not tried again",
            definition.name, type(problem).__name__, type(error).__name__, exc_info=problem,
        )  # fmt: skip
        retryable = False
    failure = codec.encode_failure(error)
    if isinstance(error, Cancelled):
        # Only from outside is a workflow cancelled: raised there, it would end so by what one of its activities did.
        failure = failure._replace(exception=None)
    return Ending(failure, retryable, _retry_after(error, definition))


def _retry_after(error: BaseException, definition: Activity[..., Any]) -> float | None:
    """The seconds until the next attempt that an exception asks for; None where it asks for none, or for no number."""
    asked: object = error.retry_after if isinstance(error, ActivityError) else None
    if asked is None:
        return None
    with suppress(TypeError):
        seconds = seconds_of("retry_after", asked)
        if seconds >= 0:
            return min(seconds, LONGEST_SLEEP.total_seconds())
    logger.warning(
        "activity %r asks for retry_after=%s, which is no number of seconds: its retry policy decides",
        definition.name,
        show(asked),
    )
    return None


def perform(attempt: Attempt, codec: Codec, limits: SizeLimits = DEFAULT_LIMITS) -> Completed:
    """Run one attempt in this thread."""
    ending = run(attempt.definition, attempt.input, attempt.options.retry, codec, limits)
    return _new_tuple(Completed, (attempt, *ending, False))
