"""What a store would keep of a stepped workflow: all that its next generator is built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from .._core.context import WorkflowInfo
from .._core.definitions import Workflow
from .._core.history import (
    CancelRequested,
    Event,
    Failure,
    History,
    Micros,
    Payload,
    Signal,
    Step,
    StepEnded,
    StepKind,
)
from .._core.signals import RECEIVING
from .._core.tree import Advance


class Attempt(NamedTuple):
    """How far an open activity is."""

    #: From 1.
    number: int
    #: When it begins, or began.
    due_at: Micros
    #: False while it is waited for.
    begun: bool = True
    #: From when on the time of all attempts is counted.
    counted_from: Micros = 0


class Failed(NamedTuple):
    """An attempt that failed and was followed by another."""

    step: int
    number: int
    failure: Failure


@dataclass(slots=True)
class Past:
    """One run of a workflow, as it would stand on disk."""

    definition: Workflow[..., Any]
    info: WorkflowInfo
    #: The arguments by name.
    input: Payload
    seed: bytes
    events: list[Event] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    #: The names for which `patched` was True.
    patches: set[str] = field(default_factory=set)
    #: Steps for which the workflow ceased to wait, with the place of the event with which it did.
    dropped: dict[int, int] = field(default_factory=dict)
    #: Signals that lie there,
    signals: list[Signal] = field(default_factory=list)
    #: those that were received, by the place of the event that gave them to the workflow,
    received: dict[int, Sequence[Signal]] = field(default_factory=dict)
    #: and how many there ever were.
    last_signal: int = 0
    #: Whether it ever asked for any.
    receives: bool = False
    #: Outcomes that came while it was suspended.
    recorded: list[StepEnded] = field(default_factory=list)
    suspended: bool = False
    attempts: dict[int, Attempt] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)
    progress: Payload | None = None
    #: The request to end that was applied.
    cancelled: CancelRequested | None = None
    #: When its time runs out, and how many seconds it was given.
    deadline_at: Micros | None = None
    timeout: float | None = None
    #: What to say of commands that it made and did not yield before it failed.
    slips: list[str] = field(default_factory=list)

    @property
    def history(self) -> History:
        """What is replayed."""
        return History(tuple(self.events), tuple(self.steps), frozenset(self.patches), frozenset(self.dropped))

    def copy(self) -> Past:
        """One with a future of its own."""
        copied = replace(self)
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, (list, dict, set)):
                setattr(copied, name, value.copy())
        return copied

    def following(self, definition: Workflow[..., Any], input: Payload, seed: bytes) -> Past:
        """The run that comes after this one: it keeps the id, the signals that nobody received, and the time limit."""
        return Past(
            definition,
            replace(self.info, name=definition.name, run=self.info.run + 1),
            input,
            seed,
            signals=list(self.signals),
            last_signal=self.last_signal,
            progress=self.progress,
            deadline_at=self.deadline_at,
            timeout=self.timeout,
        )

    def keep(self, event: Event, advance: Advance, taken: Sequence[Signal]) -> None:
        """Keep one event with what it led to, and the signals that it gave to the workflow."""
        place = len(self.events)
        self.events.append(event)
        self.steps.extend(advance.issued)
        self.receives = self.receives or any(step.kind in RECEIVING for step in advance.issued)
        self.patches.update(advance.patches)
        self.dropped.update(dict.fromkeys(advance.cancelled, place))
        if taken:
            self.received[place] = taken
            self.signals = [signal for signal in self.signals if signal not in taken]
        if advance.progress is not None:
            self.progress = advance.progress
        if isinstance(event, CancelRequested) and self.cancelled is None:
            self.cancelled = event
        if isinstance(event, StepEnded):
            self.attempts.pop(event.step, None)
        for number in advance.cancelled:
            self.attempts.pop(number, None)

    def back_to(self, place: int) -> None:
        """Undo what was applied from the event at ``place`` on, as `Store.rewind` does."""
        returned = [signal for at in sorted(self.received) if at >= place for signal in self.received[at]]
        self.signals = returned + self.signals
        self.received = {at: signals for at, signals in self.received.items() if at < place}
        del self.events[place:]
        self.steps = [step for step in self.steps if step.turn < place]
        self.dropped = {number: at for number, at in self.dropped.items() if at < place}
        ended = {event.step for event in self.events if isinstance(event, StepEnded)}
        self.failed = [one for one in self.failed if one.step in ended]
        self.attempts.clear()
        self.recorded.clear()
        self.slips.clear()
        self.suspended, self.cancelled, self.deadline_at, self.timeout = False, None, None, None

    def begin_attempts(self, steps: Sequence[Step], now: Micros) -> None:
        """Note that activities begin."""
        for step in steps:
            if step.kind is StepKind.ACTIVITY:
                self.attempts.setdefault(step.number, Attempt(1, now, counted_from=now))
