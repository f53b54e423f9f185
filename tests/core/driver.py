"""A host for tests of the core: it applies events, keeps what a store would keep, and replays from any prefix of it.

A step is named as it is shown: ``fetch a``, ``sleep 5``, ``wait_signal go``, ``child ship a``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from yieldflow import Flow, Registry, WorkflowFailedError, WorkflowInfo, activity, workflow
from yieldflow._core.execution import Advance, Execution
from yieldflow._core.history import (
    CancelRequested,
    Continuation,
    Event,
    Failure,
    History,
    Micros,
    Payload,
    Started,
    Step,
    StepEnded,
    StepKind,
)
from yieldflow.codec import codec_named

#: Where the workflows and activities of these tests are.
registry = Registry()
#: A second, in the unit of the core's times.
SECOND: Micros = 1_000_000
#: When every driven workflow starts: 2026-01-01T00:00:00Z.
START: Micros = 1_767_225_600 * SECOND

Body = Callable[[], Flow[Any]]


@activity(registry=registry)
def fetch(key: Any) -> Any:
    raise AssertionError("the core runs no activity")


@activity(registry=registry)
def clean_up(key: Any) -> Any:
    raise AssertionError("the core runs no activity")


@activity(registry=registry, on_cancel="wait")
def pay(key: Any) -> Any:
    raise AssertionError("the core runs no activity")


@workflow(registry=registry)
def ship(key: Any) -> Flow[str]:
    return (yield from fetch(key))  # type: ignore[no-any-return]  # an activity of Any


def two_steps(key: str) -> Flow[str]:
    """One step after the other, as a branch or a helper."""
    first = yield from fetch(f"{key}1")
    second = yield from fetch(f"{key}2")
    return f"{first}{second}"


def careful(key: str, journal: list[str] | None = None) -> Flow[Any]:
    """Works, and in any case cleans up by a step of its own."""
    try:
        return (yield from fetch(key))
    finally:
        yield from clean_up(key)
        if journal is not None:
            journal.append(f"{key} cleaned up")


class Told(NamedTuple):
    """The consequences of an event, as far as they are the same each time."""

    issued: tuple[Step, ...]
    cancelled: tuple[int, ...]
    cancelling: tuple[int, ...]
    ended: tuple[object, ...] | None
    progress: Payload | None
    patches: tuple[str, ...]
    continuation: Continuation | None


class State(NamedTuple):
    """An execution as a host sees it between two events."""

    #: Each step waited for, and whether its end is waited for only because it is being cancelled.
    open: tuple[tuple[int, bool], ...]
    over: bool
    applied: int


def told_by(advance: Advance) -> Told:
    """``advance``, without what names lines of the host."""
    ended = None
    if advance.end is not None:
        outcome = advance.end.outcome
        # A traceback holds lines of the core.
        ended = (advance.end.status, outcome[:2] if isinstance(outcome, Failure) else outcome)
    return Told(
        tuple(advance.issued),
        tuple(advance.cancelled),
        tuple(advance.cancelling),
        ended,
        advance.progress,
        tuple(advance.patches),
        advance.continuation,
    )


def state_of(execution: Execution) -> State:
    """The state of ``execution``."""
    waiting = tuple((number, leaf.cancelled) for number, leaf in execution.open.items())
    return State(waiting, execution.over, execution.applied)


class Driver:
    """One run of a workflow, driven event by event.

    Args:
        body: The workflow's code; assigned anew, the code that the next `crash` deploys.
        codec: How values are stored.
        seed: What ``uuid4()`` and ``random()`` derive from.
        name: The workflow's name.
    """

    def __init__(
        self, body: Body, *, codec: str = "pickle", seed: bytes = bytes(16), name: str = "driven", at: Micros = START
    ) -> None:
        self.body = body
        self.codec = codec_named(codec)
        self.seed = seed
        self.now = at
        self.events: list[Event] = []
        self.told: list[Told] = []
        #: The last answer, with all that it says.
        self.advance = Advance()

        @workflow(name=name, registry=registry)
        def driven() -> Flow[Any]:
            return (yield from self.body())

        self.definition = driven
        self._built: list[Execution] = []
        self.execution = self.build(0)
        self.apply(Started(at))

    # ------------------------------------------------------------------ going on

    def apply(self, event: Event) -> Advance:
        """Apply one event, and keep what a store would keep."""
        self.advance = advance = self.execution.apply(event)
        self.events.append(event)
        self.told.append(told_by(advance))
        return advance

    def resolve(self, step: str | int, value: object = None) -> Advance:
        """Let a step end with a value; a sleep when it is due."""
        number = self.number(step)
        leaf = self.execution.open.get(number)
        self.now = max(self.now, (leaf.step.due_at if leaf is not None else None) or 0)
        return self.apply(StepEnded(number, self.codec.encode(value), self.now))

    def fail(self, step: str | int, error: BaseException | None = None) -> Advance:
        """Let a step fail, with ``ValueError: <step> lost`` unless told otherwise."""
        failure = self.codec.encode_failure(error or ValueError(f"{step} lost"))
        return self.apply(StepEnded(self.number(step), failure, self.now))

    def cancel(self, reason: str | None = None, *, timeout: float | None = None) -> Advance:
        """Ask the workflow to end."""
        return self.apply(CancelRequested(self.now, reason, timeout))

    def crash(self) -> None:
        """Build the workflow again by replay, with the code that it has now, and go on with that."""
        another = self.build(len(self.events))
        another.replay()
        self.execution = another

    # ------------------------------------------------------------------ looking

    @property
    def steps(self) -> list[Step]:
        """All steps that were issued."""
        return [step for told in self.told for step in told.issued]

    @property
    def pending(self) -> list[str]:
        """The open steps, as shown, in the order issued."""
        return [self.shown(leaf.step) for leaf in self.execution.open.values()]

    def shown(self, step: Step) -> str:
        """A step in a few words."""
        arguments = self.codec.decode(step.input)
        values = arguments.values() if isinstance(arguments, dict) else ()
        words = [step.name, *(str(value).removesuffix(".0") for value in values)]
        if step.kind not in (StepKind.ACTIVITY, StepKind.SLEEP):
            words.insert(0, step.kind.value)
        return " ".join(words)

    def number(self, step: str | int) -> int:
        """The number of the first open step that is shown so."""
        if isinstance(step, int):
            return step
        found = [number for number, leaf in self.execution.open.items() if self.shown(leaf.step) == step]
        assert found, f"{step} is not pending: {self.pending}"
        return found[0]

    @property
    def status(self) -> str:
        """The workflow's status in a word."""
        if self.told[-1].continuation is not None:
            return "continued"
        return "processing" if self.execution.end is None else self.execution.end.status.value

    @property
    def result(self) -> Any:
        """The value that the workflow returned."""
        assert self.status == "done", f"{self.status}: {self.failure if self.execution.end else self.pending}"
        assert self.execution.end is not None
        assert not isinstance(self.execution.end.outcome, Failure)
        return self.codec.decode(self.execution.end.outcome)

    @property
    def failure(self) -> str:
        """The failure or cancellation that ended the workflow, in a line."""
        assert self.execution.end is not None, f"it waits for {self.pending}"
        assert isinstance(self.execution.end.outcome, Failure), self.result
        return self.execution.end.outcome.summary

    @property
    def error(self) -> BaseException:
        """The exception with which the workflow ended."""
        assert self.execution.end is not None, f"it waits for {self.pending}"
        assert isinstance(self.execution.end.outcome, Failure), self.result
        return self.codec.decode_failure(self.execution.end.outcome, WorkflowFailedError)

    def issued_by_last(self) -> list[str]:
        """The steps that the last event led to."""
        return [self.shown(step) for step in self.told[-1].issued]

    def dropped_by_last(self) -> list[str]:
        """The steps for which the workflow ceased to wait with the last event."""
        return [self.shown(self.steps[number]) for number in self.told[-1].cancelled]

    def cancelling_by_last(self) -> list[str]:
        """The steps that the last event asked to end early."""
        return [self.shown(self.steps[number]) for number in self.told[-1].cancelling]

    # ------------------------------------------------------------------ replay

    def history(self, count: int) -> History:
        """The history on disk after so many events."""
        told = self.told[:count]
        return History(
            tuple(self.events[:count]),
            tuple(step for one in told for step in one.issued),
            frozenset(name for one in told for name in one.patches),
            frozenset(number for one in told for number in one.cancelled),
        )

    def build(self, count: int) -> Execution:
        """An execution that has so many events to replay."""
        info = WorkflowInfo("w-1", self.definition.name, 1)
        made = Execution(self.definition, {}, info, self.seed, self.codec, self.history(count))
        self._built.append(made)
        return made

    def check_every_prefix(self) -> None:
        """Replay each prefix of the history, then apply the rest: each event leads to what it led to.

        The process has died and gone on before each event, so to say.
        """
        states: list[State] = []
        for count in range(len(self.events) + 1):
            another = self.build(count)
            another.replay()
            assert not count or state_of(another) == states[count - 1], f"after replaying {count} events"
            for at in range(count, len(self.events)):
                told = told_by(another.apply(self.events[at]))
                assert told == self.told[at], f"event {at}, after {count} were replayed"
                if not count:
                    states.append(state_of(another))
                assert state_of(another) == states[at], f"event {at}, after {count} were replayed"
            another.close()
        assert states[-1] == state_of(self.execution)

    @property
    def state(self) -> State:
        """The workflow as a host sees it now."""
        return state_of(self.execution)

    def close(self) -> None:
        """Let go of all generators."""
        while self._built:
            self._built.pop().close()


class Drive(Protocol):
    """Begins a workflow with that body."""

    def __call__(self, body: Body, *, replayed: bool = True, codec: str = "pickle", seed: bytes = bytes(16)) -> Driver:
        """The driver; where ``replayed``, its history is replayed from each prefix when the test is over."""


@contextmanager
def driving() -> Iterator[Drive]:
    """A function that begins workflows; at the end each is replayed from every prefix of its history."""
    begun: list[tuple[Driver, bool]] = []

    def drive(body: Body, *, replayed: bool = True, codec: str = "pickle", seed: bytes = bytes(16)) -> Driver:
        driver = Driver(body, codec=codec, seed=seed)
        begun.append((driver, replayed))
        return driver

    try:
        yield drive
        for driver, replayed in begun:
            if replayed:
                driver.check_every_prefix()
    finally:
        for driver, _ in begun:
            driver.close()
