"""The workflows in memory: built from the store's rows by replay, driven where a watchdog can see it, and let go.

Beside them those that stalled, of which only the outcomes are kept that arrive meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .._core.context import WorkflowInfo
from .._core.errors import (
    EncodingError,
    ReplayMismatchError,
    StorageError,
    UnknownWorkflowError,
    WorkflowAlreadyExistsError,
)
from .._core.execution import Advance, Execution
from .._core.history import (
    CancelRequested,
    Codec,
    Event,
    Failure,
    History,
    Micros,
    Payload,
    StepEnded,
    WorkflowStatus,
)
from .._core.registry import Registry
from .._core.signals import RECEIVING, SignalQueue
from ..history_checks import checked
from ..log import logger
from ..store import Checkpoint, Loaded, OpenAttempt, Parent, Submission, WorkflowRecord
from ..workers import Completed

#: Of a workflow that has just begun.
NO_HISTORY = History()
#: A run with more steps than this is warned about, once.
LONG_HISTORY = 10_000

#: What is said of a workflow that failed or was cancelled.
ENDED_BADLY = "workflow %r (%s) %s: %s"


class LiveWorkflow:
    """A workflow in memory."""

    __slots__ = (
        "attempts",
        "cancelled",
        "deadline_at",
        "execution",
        "info",
        "mail",
        "parent",
        "recorded",
        "seed",
        "status",
        "timeout",
        "touched",
    )

    def __init__(self, info: WorkflowInfo, execution: Execution, seed: bytes, status: WorkflowStatus) -> None:
        self.info = info
        self.execution = execution
        #: When something last happened in it.
        self.touched: Micros = 0
        self.seed = seed
        #: Its status on disk.
        self.status = status
        self.parent: Parent | None = None
        #: When its time runs out, and how many seconds it was given.
        self.deadline_at: Micros | None = None
        self.timeout: float | None = None
        #: Its signals and children, where it has to do with any.
        self.mail: SignalQueue | None = None
        #: How far its open activities are, where one of them is past its first attempt, or was read from disk.
        self.attempts: dict[int, OpenAttempt] = {}
        #: The request to end that was applied.
        self.cancelled: CancelRequested | None = None
        #: Outcomes that came while it was suspended.
        self.recorded: Sequence[StepEnded] = ()

    @property
    def mailbox(self) -> SignalQueue:
        """Its signals; from here on it has to do with them."""
        if self.mail is None:
            self.mail = SignalQueue()
        return self.mail

    def limit(self, deadline_at: Micros | None, begins_at: Micros) -> None:
        """Note when its time runs out, and from when on it was counted."""
        if deadline_at is not None:
            self.deadline_at = deadline_at
            self.timeout = (deadline_at - begins_at) / 1e6


class LiveWorkflows:
    """The workflows in memory, by id.

    Args:
        codec: How values are stored.
        registry: Where workflows are found by name.
    """

    def __init__(self, codec: Codec, registry: Registry) -> None:
        self._codec = codec
        self._registry = registry
        self._by_id: dict[str, LiveWorkflow] = {}
        #: The workflow of that id, where it is in memory.
        self.get = self._by_id.get
        self._drives = 0
        #: What is being driven: a number for each drive, and the workflow's id.
        self.driven: tuple[int, str] | None = None

    def __contains__(self, workflow_id: str) -> bool:
        return workflow_id in self._by_id

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def admit(self, new: Submission) -> LiveWorkflow:
        """Take in a new workflow.

        Raises:
            UnknownWorkflowError: Its name is not registered.
            EncodingError: Its arguments cannot be read back.
        """
        parent = new.parent
        info = WorkflowInfo(new.workflow_id, new.name, 1, parent.workflow_id if parent is not None else None)
        execution = self._execution(info, new.input, new.seed, NO_HISTORY)
        resident = LiveWorkflow(info, execution, new.seed, WorkflowStatus.PROCESSING)
        resident.parent = parent
        if new.deadline_at is not None:
            resident.limit(new.deadline_at, new.starts_at or new.created_at)
        if new.signals:
            resident.mail = SignalQueue(new.signals)
        return self._add(resident)

    def rebuild(self, loaded: Loaded) -> LiveWorkflow:
        """Take in a workflow from disk, by replay.

        Raises:
            DamagedRowError: Its steps and events do not fit together.
            UnknownWorkflowError: Its name is not registered.
            EncodingError: A value of it cannot be read back.
            ReplayMismatchError: The code no longer fits the history.
        """
        record, history = loaded.record, checked(loaded).history
        info = WorkflowInfo(record.id, record.name, record.run, record.parent and record.parent.workflow_id)
        execution = self._execution(info, record.input, record.seed, history)
        self._drives += 1
        self.driven = self._drives, record.id
        try:
            execution.replay()
        except ReplayMismatchError as error:
            execution.close()
            raise self._with_versions(error, record) from None
        except BaseException:
            execution.close()
            raise
        finally:
            self.driven = None
        resident = LiveWorkflow(info, execution, record.seed, record.status)
        resident.parent = record.parent
        resident.limit(record.deadline_at, record.starts_at or record.created_at)
        resident.cancelled = next((event for event in history.events if isinstance(event, CancelRequested)), None)
        resident.attempts = dict(loaded.attempts)
        self._sort_mail(resident, loaded)
        return self._add(resident)

    def _sort_mail(self, resident: LiveWorkflow, loaded: Loaded) -> None:
        """Bring together signals and those that wait for them."""
        receiving = [leaf.step for leaf in resident.execution.open.values() if leaf.step.kind in RECEIVING]
        if receiving or loaded.last_signal:
            resident.mail = SignalQueue(loaded.signals, loaded.last_signal, receiving)

    def _with_versions(self, error: ReplayMismatchError, record: WorkflowRecord) -> ReplayMismatchError:
        """The error, with the versions of the code where they are known to differ."""
        version = self._registry.workflow(record.name).version
        if version == record.version:
            return error
        then = "without a version" if record.version is None else f"with version {record.version!r} of the code"
        here = "has none" if version is None else f"is version {version!r}"
        return ReplayMismatchError(f"{error}\nIt was submitted {then}; the code here {here}.")

    def apply(self, resident: LiveWorkflow, event: Event) -> Advance:
        """Apply one event; an exception leaves the execution of no use."""
        self._drives += 1
        self.driven = self._drives, resident.info.workflow_id
        try:
            advance = resident.execution.apply(event)
        finally:
            self.driven = None
        if advance.rare or (advance.issued and advance.issued[-1].number >= LONG_HISTORY):
            _warn(resident.info, advance)
        return advance

    def log_failure(self, checkpoint: Checkpoint) -> None:
        """Say that a workflow failed, if it did: perhaps nobody waits for its result."""
        resident = self._by_id.get(checkpoint.workflow_id)
        if resident is not None and isinstance(checkpoint.outcome, Failure):
            name, status, failure = resident.info.name, checkpoint.status, checkpoint.outcome
            asked = status is WorkflowStatus.CANCELLED
            reason = (failure.message or "no reason was given") if asked else failure.summary
            logger.warning(ENDED_BADLY, name, checkpoint.workflow_id, status, reason)

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

    def _add(self, resident: LiveWorkflow) -> LiveWorkflow:
        self._by_id[resident.info.workflow_id] = resident
        return resident

    def _execution(self, info: WorkflowInfo, input: Payload, seed: bytes, history: History) -> Execution:
        definition = self._registry.workflow(info.name)
        try:
            arguments = self._codec.decode(input)
        except EncodingError as error:
            raise EncodingError(f"the arguments of workflow {info.name!r}: {error}") from error
        if not isinstance(arguments, dict) or not all(isinstance(name, str) for name in arguments):
            raise EncodingError(f"the stored arguments of workflow {info.workflow_id!r} are none: they have no names")
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
        self._by_id[completed.attempt.workflow_id].outcomes.append(completed)

    def waiting_for(self, name: str) -> list[str]:
        """Those that a registration of that name wakes."""
        return [workflow_id for workflow_id, stall in self._by_id.items() if stall.name == name]

    def release(self, workflow_id: str) -> list[Completed]:
        """Note that a workflow is stalled no longer; the outcomes kept for it."""
        stall = self._by_id.pop(workflow_id, None)
        return stall.outcomes if stall is not None else []


def stall_reason(error: BaseException) -> str:
    """The reason for which a workflow stalls."""
    if isinstance(error, (ReplayMismatchError, UnknownWorkflowError, EncodingError, StorageError)):
        return str(error)
    if isinstance(error, WorkflowAlreadyExistsError):
        # The id is made of the parent's. One that was given is refused where the parent yields it.
        return f"a child cannot start: {error}, and it is not this one's child: delete that workflow, and call retry()"
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
