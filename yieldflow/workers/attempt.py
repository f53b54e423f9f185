"""One attempt at an activity, what becomes of it, and what whoever runs it asks of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, TypeAlias
from uuid import UUID

from .._core.commands import LONGEST_SLEEP
from .._core.definitions import Activity
from .._core.errors import ActivityError, Cancelled, EncodingError
from .._core.history import Codec, Micros, Outcome, Payload, seed_at
from .._core.options import ActivityOptions
from .._core.retry import RetryPolicy, may_retry
from ..log import logger

#: Workflow, run and step.
Key: TypeAlias = tuple[str, int, int]

DEFAULTS = ActivityOptions()
#: What a named tuple's own call comes to, in half the time.
_tuple = tuple.__new__
#: The longest result: SQLite holds a billion bytes in a row, in which there is more (text beyond ASCII takes up to four
#: bytes a character, and is left to SQLite to refuse).
LARGEST = 900_000_000


@dataclass(frozen=True, slots=True)
class AttemptInfo:
    """Which attempt it is: what an activity and a tracer are told of it."""

    workflow_id: str
    #: The workflow's run, from 1.
    run: int
    #: The workflow's step, from 0.
    step: int
    #: The name of the activity.
    activity: str
    #: From 1. An attempt that the death of the process cut short is made again under the same number.
    attempt: int
    #: The same for every attempt at the step, also after a crash. No other step has it, nor one with other arguments.
    idempotency_key: str


class Attempt:
    """One attempt at an activity, from its dispatch to its end. Compared by identity.

    Args:
        key: Workflow, run and step.
        number: From 1.
        definition: The activity.
        input: The arguments by name, as they are stored.
        options: Those of the call.
        seed: That of the workflow's run.
        turn: That of the step.
    """

    __slots__ = (
        "beat",
        "begin_recorded",
        "begun_at",
        "cancelled",
        "deadline_at",
        "definition",
        "details",
        "dispatched_at",
        "input",
        "key",
        "number",
        "options",
        "seed",
        "settled_in",
        "turn",
        "watched",
        "worker",
        "written",
        "written_at",
    )

    def __init__(
        self,
        key: Key,
        number: int,
        definition: Activity[..., Any],
        input: Payload,
        options: ActivityOptions = DEFAULTS,
        seed: bytes = b"",
        turn: int = 0,
    ) -> None:
        self.key = key
        self.number = number
        self.definition = definition
        self.input = input
        self.options = options
        self.seed = seed
        self.turn = turn
        #: The details of the last heartbeat of the attempt before.
        self.details: Payload | None = None
        #: Of those whose time is limited: when it was handed to the workers, and when all attempts are to be over.
        self.dispatched_at: Micros = 0
        self.deadline_at: Micros | None = None
        # Written by the scheduler, and read by whoever runs it: each is one reference.
        #: Whether nobody waits for it any more, or it is asked to end.
        self.cancelled = False
        # Written by whoever runs it, and read by the scheduler.
        #: The worker that runs it, in words for people: a thread's name, "event loop", "process 4711", or the name of
        #: an executor. Set before `Engine.begin` is asked, so that it is known wherever `begun_at` is; None before, and
        #: for an attempt that failed before any worker had it.
        self.worker: str | None = None
        #: When a worker began it; None while none has.
        self.begun_at: Micros | None = None
        #: The details and the time of its latest heartbeat.
        self.beat: tuple[Payload, Micros] | None = None
        #: Whether the scheduler looks for heartbeats by itself, so that none need tell it.
        self.watched = False
        # The scheduler's own.
        #: The heartbeat whose details are on disk, or are being written.
        self.written: tuple[Payload, Micros] | None = None
        #: When that was written.
        self.written_at: Micros = 0
        #: Whether it is on disk, or being written, when it began.
        self.begin_recorded = False
        #: The mark of the turn in which an end of it was taken in: a result, or that its time ran out.
        self.settled_in: object = None

    @property
    def workflow_id(self) -> str:
        """The workflow that asks for it."""
        return self.key[0]

    @property
    def step(self) -> int:
        """The workflow's step."""
        return self.key[2]

    @property
    def info(self) -> AttemptInfo:
        """What may be told of it."""
        workflow_id, run, step = self.key
        return AttemptInfo(workflow_id, run, step, self.definition.name, self.number, self._idempotency_key)

    @property
    def _idempotency_key(self) -> str:
        _, run, step = self.key
        arguments = self.input if isinstance(self.input, bytes) else self.input.encode()
        # What is asked for is a part of it: after a rewind the step's number may stand for something else.
        what = f"activity {run} {step} {self.definition.name} ".encode() + arguments
        digest = blake2b(what, key=seed_at(self.seed, self.turn), digest_size=16).digest()
        return str(UUID(bytes=digest, version=4))

    def __repr__(self) -> str:
        return f"<attempt {self.number} at {self.definition.name} of {self.key}>"


class Ending(NamedTuple):
    """How an attempt came out."""

    outcome: Outcome
    #: Of a failure: False where no further attempt may follow,
    retryable: bool = True
    #: and the seconds until the next one, where it asked for some.
    retry_after: float | None = None


class Completed(NamedTuple):
    """What became of an attempt."""

    attempt: Attempt
    outcome: Outcome
    retryable: bool = True
    retry_after: float | None = None
    #: Whether time ran out: it may be running still.
    timed_out: bool = False


class Engine(Protocol):
    """What whoever runs activities asks of the engine. Any thread may call."""

    @property
    def codec(self) -> Codec:
        """How arguments and results are stored."""

    def begin(self, attempt: Attempt) -> bool:
        """Called right before an attempt is begun: False where nobody waits for it any more, and it is let be."""

    def beat(self, attempt: Attempt, details: Payload) -> None:
        """An attempt says that it lives, and how far it is."""

    def deliver(self, completed: Completed) -> None:
        """An attempt has ended."""


class Workers(Protocol):
    """What the scheduler asks of whatever runs activities."""

    def submit(self, attempt: Attempt) -> None:
        """Run ``attempt`` some time, and deliver its outcome; attempts are begun in the order submitted."""

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """Nobody waits for ``attempt`` any more, and it may be running: end it if that can be done.

        One that was cancelled with ``on_cancel="wait"`` is only told of it.

        Args:
            attempt: Its ``cancelled`` is set.
            timed_out: Whether its time ran out; else it was cancelled.
        """


class Pool(Workers, Protocol):
    """What runs activities of one kind."""

    def close(self) -> None:
        """Begin nothing more, and wake the activities that wait for workflows. Never taken back."""

    def join(self, deadline: float | None) -> list[Attempt]:
        """After `close`: wait for what runs, until ``time.monotonic()`` is ``deadline``, if any.

        Returns:
            The attempts that are still running.
        """

    def kill(self) -> None:
        """After `join`: end what is still running, as far as that can be done, without waiting for it."""


def run(definition: Activity[..., Any], input: Payload, policy: RetryPolicy | None, codec: Codec) -> Ending:
    """Run an activity; whatever it does, the answer is how it came out."""
    try:
        arguments: dict[str, object] = codec.decode(input)  # type: ignore[assignment]  # encoded from a dict
    except BaseException as error:
        return Ending(codec.encode_failure(error), retryable=False)
    try:
        result = definition.call(arguments)
    except BaseException as error:
        return failed(error, definition, policy, codec)
    return returned(result, definition, codec)


async def run_async(definition: Activity[..., Any], input: Payload, policy: RetryPolicy | None, codec: Codec) -> Ending:
    """The same for an activity that is an ``async def``. Cancelled, it has failed with that."""
    try:
        arguments: dict[str, object] = codec.decode(input)  # type: ignore[assignment]  # encoded from a dict
    except BaseException as error:
        return Ending(codec.encode_failure(error), retryable=False)
    try:
        result = await definition.call(arguments)
    except BaseException as error:
        return failed(error, definition, policy, codec)
    return returned(result, definition, codec)


def returned(result: object, definition: Activity[..., Any], codec: Codec) -> Ending:
    """How an activity came out that returned. What cannot be stored is not tried again: it was done."""
    try:
        payload = codec.encode(result)
        if len(payload) > LARGEST:
            raise EncodingError(
                f"{len(payload):,} bytes, and a database holds at most {LARGEST:,} in one value: put it into a file, "
                "and return where that is"
            )
        return _tuple(Ending, (payload, True, None))
    except EncodingError as error:
        problem = EncodingError(f"what activity {definition.name!r} returned: {error}")
        return Ending(codec.encode_failure(problem), retryable=False)
    except BaseException as error:
        return Ending(codec.encode_failure(error), retryable=False)


def failed(error: BaseException, definition: Activity[..., Any], policy: RetryPolicy | None, codec: Codec) -> Ending:
    """How an activity came out that raised."""
    asked = _asked(error, definition) if isinstance(error, ActivityError) and error.retry_after is not None else None
    try:
        retryable = may_retry(policy, error)
    except BaseException as problem:
        # Nobody knows whether it may be tried again, so it is not.
        logger.error(
            "non_retryable of activity %r raised %r when it was asked about %r: it is not tried again",
            definition.name, type(problem).__name__, type(error).__name__, exc_info=problem,
        )  # fmt: skip
        retryable = False
    failure = codec.encode_failure(error)
    if isinstance(error, Cancelled):
        # Only from outside is a workflow cancelled: raised there, it would end so by what one of its activities did.
        failure = failure._replace(exception=None)
    return Ending(failure, retryable, asked)


def _asked(error: ActivityError, definition: Activity[..., Any]) -> float | None:
    """The seconds until the next attempt that a failure asks for; None where what it says is no time."""
    asked: object = error.retry_after
    if isinstance(asked, (int, float)) and asked >= 0:
        return min(asked, LONGEST_SLEEP.total_seconds())
    logger.warning(
        "activity %r asks for retry_after=%r, which is no number of seconds: its retry policy decides",
        definition.name,
        asked,
    )
    return None


def perform(attempt: Attempt, codec: Codec) -> Completed:
    """Run one attempt in this thread."""
    ending = run(attempt.definition, attempt.input, attempt.options.retry, codec)
    return _tuple(Completed, (attempt, *ending, False))
