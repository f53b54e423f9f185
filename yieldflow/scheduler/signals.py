"""The signals that a workflow in memory has not received, and the steps with which it waits for them."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Container, Iterable, Sequence
from typing import TypeVar

from .._core.history import Signal, Step, StepEnded, StepKind

T = TypeVar("T")

#: The kinds of steps that receive signals.
RECEIVING = (StepKind.WAIT_SIGNAL, StepKind.TAKE_SIGNALS)


class SignalQueue:
    """One workflow's signals, in the order received, and who waits for them.

    Args:
        signals: Those that are there.
        last: The highest number that any signal of the workflow ever had.
    """

    __slots__ = ("_ready", "_signals", "_takes", "_waits", "last", "refused")

    def __init__(self, signals: Iterable[Signal] = (), last: int = 0) -> None:
        self._signals: dict[str, deque[Signal]] = {}
        #: Open steps by the signal's name, in the order issued; some may have been dropped since.
        self._waits: dict[str, deque[int]] = {}
        #: A heap of the names for which there are both, by the first step that waits; some entries may be out of date.
        self._ready: list[tuple[int, str]] = []
        #: Steps that take what is there, with the signal's name, in the order issued.
        self._takes: deque[tuple[int, str]] = deque()
        self.last = last
        #: Ends of steps that began nothing: children whose id is taken.
        self.refused: deque[StepEnded] = deque()
        for signal in signals:
            self.put(signal)

    def put(self, signal: Signal) -> None:
        """Keep a signal until it is waited for."""
        self._signals.setdefault(signal.name, deque()).append(signal)
        self.last = max(self.last, signal.number)
        self._note(signal.name)

    def expect(self, step: Step) -> None:
        """Note that a step was issued that receives signals."""
        if step.kind is StepKind.TAKE_SIGNALS:
            self._takes.append((step.number, step.name))
        else:
            self._waits.setdefault(step.name, deque()).append(step.number)
            self._note(step.name)

    def _note(self, name: str) -> None:
        """Have a name looked at for which something is there and somebody waits."""
        if name in self._signals and name in self._waits:
            heapq.heappush(self._ready, (self._waits[name][0], name))

    def next(self, still_open: Container[int]) -> tuple[int, Sequence[Signal], bool] | None:
        """The first open step that can receive now: its number, what it receives, and whether it takes a list.

        It is expected no longer. None where there is none.
        """
        while self._takes and self._takes[0][0] not in still_open:
            self._takes.popleft()
        first = self._first_wait(still_open)
        if self._takes and (first is None or self._takes[0][0] < first[0]):
            number, name = self._takes.popleft()
            return number, list(self._signals.pop(name, ())), True
        if first is None:
            return None
        number, name = heapq.heappop(self._ready)
        signal = _pop(self._signals, name)
        _pop(self._waits, name)
        self._note(name)
        return number, [signal], False

    def _first_wait(self, still_open: Container[int]) -> tuple[int, str] | None:
        """The earliest open step that waits for a signal which is there, with the signal's name."""
        while self._ready:
            number, name = self._ready[0]
            waits = self._waits.get(name)
            if waits and name in self._signals and waits[0] == number and number in still_open:
                return self._ready[0]
            heapq.heappop(self._ready)
            if waits and waits[0] == number and number not in still_open:
                _pop(self._waits, name)
                self._note(name)
        return None


def _pop(queues: dict[str, deque[T]], name: str) -> T:
    """The first of a queue, which is forgotten when it is empty."""
    first = queues[name].popleft()
    if not queues[name]:
        del queues[name]
    return first
