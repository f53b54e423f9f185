"""The signals that a workflow in memory has not received, and the steps with which it waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Sequence

from .._core.history import Signal, Step, StepEnded, StepKind

#: The kinds of steps that receive signals.
RECEIVING = (StepKind.WAIT_SIGNAL, StepKind.TAKE_SIGNALS)


class Mail:
    """One workflow's signals, in the order received, and who waits for them.

    Args:
        signals: Those that are there.
        last: The highest number that any signal of the workflow ever had.
    """

    __slots__ = ("_signals", "_takes", "_waits", "last", "refused")

    def __init__(self, signals: Iterable[Signal] = (), last: int = 0) -> None:
        self._signals: dict[str, deque[Signal]] = {}
        #: Open steps by the signal's name, in the order issued; some may have been dropped since.
        self._waits: dict[str, deque[int]] = {}
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

    def expect(self, step: Step) -> None:
        """Note that a step was issued that receives signals."""
        if step.kind is StepKind.TAKE_SIGNALS:
            self._takes.append((step.number, step.name))
        else:
            self._waits.setdefault(step.name, deque()).append(step.number)

    def next(self, still_open: Container[int]) -> tuple[int, Sequence[Signal], bool] | None:
        """The first open step that can receive now: its number, what it receives, and whether it takes a list.

        It is expected no longer. None where there is none.
        """
        while self._takes and self._takes[0][0] not in still_open:
            self._takes.popleft()
        name = self._first_wait(still_open)
        if self._takes and (name is None or self._takes[0][0] < self._waits[name][0]):
            number, name = self._takes.popleft()
            signals = self._signals.pop(name, ())
            return number, list(signals), True
        if name is None:
            return None
        return self._waits[name].popleft(), [self._signals[name].popleft()], False

    def _first_wait(self, still_open: Container[int]) -> str | None:
        """The name of the signal that is there and is waited for by the earliest step."""
        first: tuple[int, str] | None = None
        for name, steps in self._waits.items():
            while steps and steps[0] not in still_open:
                steps.popleft()
            if steps and self._signals.get(name) and (first is None or steps[0] < first[0]):
                first = steps[0], name
        return None if first is None else first[1]
