"""The signals that a workflow has not received, and the steps with which it waits for them.

A host puts in the signals that arrive and the steps that are issued; `SignalQueue.receive` makes the events to be
applied. `SignalQueue.left` is for the next run, where the workflow continues as new.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple, TypeVar

from .history import Codec, Micros, Signal, Step, StepEnded, StepKind

T = TypeVar("T")

#: The kinds of steps that receive signals.
RECEIVING = (StepKind.WAIT_SIGNAL, StepKind.TAKE_SIGNALS)


class Received(NamedTuple):
    """The end of a step that received signals."""

    event: StepEnded
    #: Those signals; none where the event is one of `SignalQueue.refused`.
    signals: Sequence[Signal]


class SignalQueue:
    """The signals of one workflow, in the order they arrived, and the steps that wait for them.

    Args:
        signals: Those that are there.
        last: The highest number that any signal of the workflow ever had.
        steps: The open steps in the order issued, of any kind.
    """

    __slots__ = ("_ready", "_signals", "_takes", "_waits", "last", "refused")

    def __init__(self, signals: Iterable[Signal] = (), last: int = 0, steps: Iterable[Step] = ()) -> None:
        self._signals: dict[str, deque[Signal]] = {}
        #: Open steps by the signal's name, in the order issued; some may have been dropped since.
        self._waits: dict[str, deque[int]] = {}
        #: A heap of the names for which there are both, by the first step that waits; some entries may be out of date.
        self._ready: list[tuple[int, str]] = []
        #: Steps that take what is there, with the signal's name, in the order issued.
        self._takes: deque[tuple[int, str]] = deque()
        self.last = last
        #: Ends of steps that began nothing (children whose id is taken): they are received before any signal.
        self.refused: deque[StepEnded] = deque()
        for signal in signals:
            self.put(signal)
        for step in steps:
            if step.kind in RECEIVING:
                self.expect(step)

    def put(self, signal: Signal) -> None:
        """Keep a signal until it is waited for."""
        self._signals.setdefault(signal.name, deque()).append(signal)
        self.last = max(self.last, signal.number)
        self._note_ready(signal.name)

    def expect(self, step: Step) -> None:
        """Note that a step was issued that receives signals."""
        if step.kind is StepKind.TAKE_SIGNALS:
            self._takes.append((step.number, step.name))
        else:
            self._waits.setdefault(step.name, deque()).append(step.number)
            self._note_ready(step.name)

    @property
    def left(self) -> list[Signal]:
        """The signals that were not received, in the order they arrived."""
        return sorted(signal for waiting in self._signals.values() for signal in waiting)

    def receive(self, still_open: Container[int], codec: Codec, at: Micros) -> Received | None:
        """Take out the first event that the workflow can receive now; None where there is none.

        Args:
            still_open: The numbers of the open steps.
            codec: How values are stored.
            at: The time of the event.

        Raises:
            EncodingError: A signal of a list cannot be read back. It is still there.
        """
        while self.refused:
            refusal = self.refused.popleft()
            if refusal.step in still_open:
                return Received(refusal, ())
        while self._takes and self._takes[0][0] not in still_open:
            self._takes.popleft()
        first = self._first_wait(still_open)
        if self._takes and (first is None or self._takes[0][0] < first[0]):
            return self._receive_all(codec, at)
        return None if first is None else self._receive_one(at)

    def _receive_all(self, codec: Codec, at: Micros) -> Received:
        number, name = self._takes[0]
        signals = list(self._signals.get(name, ()))
        payload = codec.encode([codec.decode(signal.payload) for signal in signals])
        self._takes.popleft()
        self._signals.pop(name, None)
        return Received(StepEnded(number, payload, at), signals)

    def _receive_one(self, at: Micros) -> Received:
        number, name = heapq.heappop(self._ready)
        signal = _pop(self._signals, name)
        _pop(self._waits, name)
        self._note_ready(name)
        return Received(StepEnded(number, signal.payload, at), (signal,))

    def _note_ready(self, name: str) -> None:
        """Put a name on the heap where a signal is there and a step waits for it."""
        if name in self._signals and name in self._waits:
            heapq.heappush(self._ready, (self._waits[name][0], name))

    def _first_wait(self, still_open: Container[int]) -> tuple[int, str] | None:
        """Find the earliest open step that waits for a signal which is there, and the signal's name."""
        while self._ready:
            number, name = self._ready[0]
            waits = self._waits.get(name)
            if waits and name in self._signals and waits[0] == number and number in still_open:
                return self._ready[0]
            heapq.heappop(self._ready)
            if waits and waits[0] == number and number not in still_open:
                _pop(self._waits, name)
                self._note_ready(name)
        return None


def _pop(queues: dict[str, deque[T]], name: str) -> T:
    """Take the first out of a queue, and the queue out of ``queues`` when it is empty."""
    first = queues[name].popleft()
    if not queues[name]:
        del queues[name]
    return first
