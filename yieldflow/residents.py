"""The workflows in memory: built from the store's rows by replay, driven where a watchdog can see it, and let go.

Beside them those that stalled, of which only the outcomes are kept that arrive meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ._core.context import WorkflowInfo
from ._core.definitions import Registry
from ._core.errors import EncodingError, ReplayMismatchError, StorageError, UnknownWorkflowError
from ._core.execution import Advance, Execution
from ._core.history import Codec, Event, Failure, History, Payload, WorkflowStatus
from .notices import logger
from .store import Checkpoint, Submission, WorkflowRecord
from .workers import Completed

#: Of a workflow that has just begun.
NO_HISTORY = History()
#: A run with more steps than this is warned about, once.
LONG_HISTORY = 10_000


@dataclass(slots=True)
class Resident:
    """A workflow in memory."""

    info: WorkflowInfo
    execution: Execution
    #: Its status on disk.
    status: WorkflowStatus


class Residents:
    """The workflows in memory, by id.

    Args:
        codec: How values are stored.
        registry: Where workflows are found by name.
    """

    def __init__(self, codec: Codec, registry: Registry) -> None:
        self._codec = codec
        self._registry = registry
        self._by_id: dict[str, Resident] = {}
        self._drives = 0
        #: What is being driven: a number for each drive, and the workflow's id.
        self.driven: tuple[int, str] | None = None

    def __contains__(self, workflow_id: str) -> bool:
        return workflow_id in self._by_id

    def __iter__(self) -> Iterator[Resident]:
        return iter(self._by_id.values())

    def get(self, workflow_id: str) -> Resident | None:
        """The workflow of that id, where it is in memory."""
        return self._by_id.get(workflow_id)

    def admit(self, new: Submission) -> Resident:
        """Take in a new workflow.

        Raises:
            UnknownWorkflowError: Its name is not registered.
            EncodingError: Its arguments cannot be read back.
        """
        info = WorkflowInfo(new.workflow_id, new.name, 1)
        execution = self._execution(info, new.input, new.seed, NO_HISTORY)
        return self._add(Resident(info, execution, WorkflowStatus.PROCESSING))

    def rebuild(self, record: WorkflowRecord, history: History) -> Resident:
        """Take in a workflow from disk, by replay.

        Raises:
            UnknownWorkflowError: Its name is not registered.
            EncodingError: A value of it cannot be read back.
            ReplayMismatchError: The code no longer fits the history.
        """
        info = WorkflowInfo(record.id, record.name, record.run, record.parent)
        execution = self._execution(info, record.input, record.seed, history)
        self._drives += 1
        self.driven = self._drives, record.id
        try:
            execution.replay()
        except BaseException:
            execution.close()
            raise
        finally:
            self.driven = None
        return self._add(Resident(info, execution, record.status))

    def apply(self, resident: Resident, event: Event) -> Advance:
        """Apply one event; an exception leaves the execution of no use."""
        self._drives += 1
        self.driven = self._drives, resident.info.workflow_id
        try:
            advance = resident.execution.apply(event)
        finally:
            self.driven = None
        if advance.unyielded or (advance.issued and advance.issued[-1].number >= LONG_HISTORY):
            _warn(resident.info, advance)
        return advance

    def log_failure(self, checkpoint: Checkpoint) -> None:
        """Say that a workflow failed, if it did: perhaps nobody waits for its result."""
        resident = self._by_id.get(checkpoint.workflow_id)
        if resident is not None and isinstance(checkpoint.outcome, Failure):
            name, status, reason = resident.info.name, checkpoint.status, checkpoint.outcome.summary
            logger.warning("workflow %r (%s) %s: %s", name, checkpoint.workflow_id, status, reason)

    def forget(self, workflow_id: str) -> None:
        """Let go of a workflow that ended."""
        self._by_id.pop(workflow_id, None)

    def drop(self, workflow_id: str) -> None:
        """Let go of a workflow that is suspended at its yields."""
        resident = self._by_id.pop(workflow_id, None)
        if resident is not None:
            resident.execution.close()

    def close(self) -> None:
        """Let go of all."""
        for workflow_id in list(self._by_id):
            self.drop(workflow_id)

    def _add(self, resident: Resident) -> Resident:
        self._by_id[resident.info.workflow_id] = resident
        return resident

    def _execution(self, info: WorkflowInfo, input: Payload, seed: bytes, history: History) -> Execution:
        definition = self._registry.workflow(info.name)
        arguments: dict[str, object] = self._codec.decode(input)  # type: ignore[assignment]  # encoded from a dict
        return Execution(definition, arguments, info, seed, self._codec, history)


@dataclass(slots=True)
class _Stall:
    #: Of the workflow: its registration wakes it.
    name: str
    outcomes: list[Completed] = field(default_factory=list)


class Stalled:
    """The workflows that stalled in this session, in that order, and the outcomes that nobody can receive now."""

    def __init__(self) -> None:
        self._by_id: dict[str, _Stall] = {}

    def __contains__(self, workflow_id: str) -> bool:
        return workflow_id in self._by_id

    def add(self, workflow_id: str, name: str) -> None:
        """Note that a workflow of that name stalled."""
        self._by_id[workflow_id] = _Stall(name)

    def keep(self, completed: Completed) -> None:
        """Keep an outcome until its workflow goes on."""
        self._by_id[completed.task.workflow_id].outcomes.append(completed)

    def waiting_for(self, name: str) -> list[str]:
        """Those that a registration of that name wakes."""
        return [workflow_id for workflow_id, stall in self._by_id.items() if stall.name == name]

    def release(self, workflow_id: str) -> list[Completed]:
        """Note that a workflow is stalled no longer; the outcomes kept for it."""
        stall = self._by_id.pop(workflow_id, None)
        return stall.outcomes if stall is not None else []


def why(error: BaseException) -> str:
    """The reason for which a workflow stalls."""
    if isinstance(error, (ReplayMismatchError, UnknownWorkflowError, EncodingError, StorageError)):
        return str(error)
    logger.error("a defect of yieldflow, please report it", exc_info=error)
    return f"a defect of yieldflow, please report it: {type(error).__name__}: {error}"


def _warn(info: WorkflowInfo, advance: Advance) -> None:
    """Log what is allowed and hardly meant."""
    who = f"workflow {info.name!r} ({info.workflow_id})"
    for command, line in advance.unyielded:
        logger.warning(
            "%s made %s at %s and never yielded it, so it does not run: write `yield %s`", who, command, line, command
        )
    if any(step.number == LONG_HISTORY for step in advance.issued):
        logger.warning("%s has passed %d steps in one run: each recovery replays them all", who, LONG_HISTORY)
