"""`WorkflowHistory`: a workflow's history as a value that a person can read and a test can replay."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from .._core.errors import DamagedRowError, EncodingError
from .._core.history import Failure, Step, StepEnded, StepStatus
from ..store import Loaded, StepRecord
from .descriptions import StepDescription, describe_step
from .history_json import read_history, write_history

#: The errors of reading a text that `WorkflowHistory.to_json` did not write.
_UNREADABLE = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, StopIteration),
    *(DamagedRowError, EncodingError),
)


class WorkflowHistory(list[StepDescription]):
    """The steps of a workflow's run, as a list in the order issued, with everything that it takes to replay them.

    `WorkflowHandle.history` and ``history`` of a `yieldflow.testing.Stepper` return it. `yieldflow.testing.replay`
    checks one against today's code: saved as a file beside the tests, a run of the real engine becomes a test.

    Example:
        >>> orchestrator.handle("o-1").history().save("tests/o-1.json")
        >>> replay(order, WorkflowHistory.load("tests/o-1.json"))
    """

    __slots__ = ("_loaded",)

    def __init__(self, steps: Iterable[StepDescription], loaded: Loaded) -> None:
        super().__init__(steps)
        self._loaded = loaded

    @property
    def loaded(self) -> Loaded:
        """The workflow as it is loaded from disk, for `yieldflow.testing`; it may change in any version."""
        return self._loaded

    def to_json(self) -> str:
        """Return the history as JSON text: an object a line, steps with their arguments, events with their outcomes.

        Values are the JSON that is stored of them. A pickle stays one, as base64.

        Example:
            >>> print(handle.history().to_json())
        """
        return write_history(self._loaded)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a history back from JSON text.

        Args:
            text: A text that `to_json` returned.

        Raises:
            ValueError: `to_json` did not write this; the message says what is wrong with it.

        Example:
            >>> history = WorkflowHistory.from_json(text)
        """
        try:
            loaded = read_history(text)
            steps = [describe_step(record) for record in step_records(loaded)]
        except _UNREADABLE as error:
            raise ValueError(f"this is no history that to_json() wrote: {type(error).__name__}: {error}") from error
        return cls(steps, loaded)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the history into a file, as JSON. A file that is there is overwritten.

        Args:
            path: The file.

        Raises:
            OSError: The file cannot be written.

        Example:
            >>> handle.history().save("tests/o-1.json")
        """
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a history back from a file.

        Args:
            path: A file that `save` wrote.

        Raises:
            OSError: The file cannot be read.
            ValueError: It holds no history; the message says what is wrong with it.

        Example:
            >>> history = WorkflowHistory.load("tests/o-1.json")
        """
        with open(path, encoding="utf-8") as file:
            return cls.from_json(file.read())


def step_records(loaded: Loaded, last_failures: Mapping[int, Failure] | None = None) -> Iterator[StepRecord]:
    """Derive the rows of a workflow's steps, as the disk would have them, from the workflow as it is loaded."""
    history = loaded.history
    ends = {event.step: (at, event) for at, event in enumerate(history.events) if isinstance(event, StepEnded)}
    ends |= {event.step: (-1, event) for event in loaded.recorded}
    for step in history.steps:
        position, event = ends.get(step.number, (-1, None))
        attempt = loaded.attempts.get(step.number)
        yield StepRecord(
            step=step.number,
            kind=step.kind,
            name=step.name,
            status=_status(step, event, loaded),
            attempt=event.attempt if event is not None else attempt.number if attempt is not None else 1,
            input=step.input,
            outcome=None if event is None else event.outcome,
            source=step.source,
            turn=step.turn,
            applied=position if position >= 0 else None,
            dropped=None,
            due_at=attempt.due_at if attempt is not None and event is None else step.due_at,
            scheduled_at=history.events[step.turn].at,
            finished_at=None if event is None else event.at,
            last_failure=None if event is not None else (last_failures or {}).get(step.number),
        )


def _status(step: Step, event: StepEnded | None, loaded: Loaded) -> StepStatus:
    if event is not None:
        return StepStatus.FAILED if isinstance(event.outcome, Failure) else StepStatus.DONE
    # Steps that a termination dropped are not in `dropped`, which has those that the workflow dropped itself.
    is_open = step.number not in loaded.history.dropped and not loaded.record.status.ended
    return StepStatus.SCHEDULED if is_open else StepStatus.CANCELLED
