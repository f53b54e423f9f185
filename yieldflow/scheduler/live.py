"""Workflows in memory: begun, or built from the store's rows by replay, and driven where a watchdog can see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from .._core.context import WorkflowInfo
from .._core.errors import (
    EncodingError,
    ReplayMismatchError,
    StorageError,
    UnknownWorkflowError,
    WorkflowAlreadyExistsError,
)
from .._core.execution import Advance, Execution
from .._core.history import CancelRequested, Codec, History, Micros, Payload, StepEnded, WorkflowStatus
from .._core.registry import Registry
from .._core.signals import RECEIVING, SignalQueue
from ..codec.safe_repr import error_line
from ..history_checks import checked
from ..log import logger
from ..store import Loaded, OpenAttempt, Parent, Submission, WorkflowRecord
from .hooks import DEFAULT, LONG_HISTORY, Hooks
from .timers import DEADLINE

#: The history of a workflow that has just begun.
NO_HISTORY = History()
# Kept here, since to ask an enum for a member takes ten times as long as a name.
_PROCESSING = WorkflowStatus.PROCESSING


class LiveWorkflow:
    """The generator of a workflow, with what its steps are at."""

    __slots__ = (
        "cancelled",
        "deadline_at",
        "execution",
        "info",
        "open_attempts",
        "parent",
        "placed_at",
        "recorded",
        "seed",
        "signals",
        "status",
        "timeout",
        "touched",
        "wake_at",
    )

    def __init__(self, info: WorkflowInfo, execution: Execution, seed: bytes, status: WorkflowStatus) -> None:
        self.info = info
        self.execution = execution
        #: When something last happened in it.
        self.touched: Micros = 0
        #: When its place among those that may leave memory was last right: behind all others.
        self.placed_at: Micros = 0
        self.seed = seed
        #: Its status as the turn leaves it: processing or suspended.
        self.status = status
        #: The column of that name, as it is on disk.
        self.wake_at: Micros | None = None
        self.parent: Parent | None = None
        #: When its time runs out, and how many seconds it was given.
        self.deadline_at: Micros | None = None
        self.timeout: float | None = None
        #: Its signals, and ends of children that could not begin; None while there was never any.
        self.signals: SignalQueue | None = None
        #: How far its open activities are, where one of them is past its first attempt, or was read from disk.
        self.open_attempts: dict[int, OpenAttempt] = {}
        #: The request to end that was applied.
        self.cancelled: CancelRequested | None = None
        #: Outcomes that came while it was suspended.
        self.recorded: Sequence[StepEnded] = ()

    @property
    def signal_queue(self) -> SignalQueue:
        """Its signals, from now on."""
        if self.signals is None:
            self.signals = SignalQueue()
        return self.signals

    def waits(self) -> Iterator[tuple[int, Micros | None]]:
        """Yield what it waits for until some time: the step, or `DEADLINE`, and that time."""
        yield DEADLINE, self.deadline_at
        for number, leaf in self.execution.open.items():
            there = self.open_attempts.get(number)
            yield number, leaf.step.due_at if there is None else there.due_at

    def limit(self, deadline_at: Micros | None, begins_at: Micros) -> None:
        """Note when its time runs out, and from when on it was counted."""
        if deadline_at is not None:
            self.deadline_at = deadline_at
            self.timeout = (deadline_at - begins_at) / 1e6


class Driver:
    """Builds and drives the generators of workflows.

    Args:
        codec: How values are stored.
        registry: Where workflows are found by name.
        hooks: Hear of what events lead to.
    """

    def __init__(self, codec: Codec, registry: Registry, hooks: Hooks = DEFAULT) -> None:
        self._codec = codec
        self._registry = registry
        self._conflict = partial(hooks.conflict, registry)
        self._hooks = hooks
        #: How often one was driven, and the workflow that is driven now. Any thread may look.
        self.drives = 0
        self.driven: WorkflowInfo | None = None

    def begin(self, new: Submission) -> LiveWorkflow:
        """Build a new workflow.

        Raises:
            UnknownWorkflowError: Its name is not registered.
            EncodingError: Its arguments cannot be read back.
        """
        parent = new.parent
        info = WorkflowInfo(new.workflow_id, new.name, 1, parent.workflow_id if parent is not None else None)
        execution = self._execution(info, new.input, new.seed, NO_HISTORY)
        live = LiveWorkflow(info, execution, new.seed, _PROCESSING)
        live.parent = parent
        live.wake_at = new.starts_at
        if new.deadline_at is not None:
            live.limit(new.deadline_at, new.starts_at or new.created_at)
        if new.signals:
            live.signals = SignalQueue(new.signals)
        return live

    def rebuild(self, loaded: Loaded) -> LiveWorkflow:
        """Build a workflow from its rows, by replay.

        Raises:
            DamagedRowError: Its steps and events do not fit together.
            UnknownWorkflowError: Its name is not registered.
            EncodingError: A value of it cannot be read back.
            ReplayMismatchError: The code no longer fits the history.
        """
        record, history = loaded.record, checked(loaded).history
        info = info_of(record)
        execution = self._execution(info, record.input, record.seed, history)
        self.drives += 1
        self.driven = info
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
        live = LiveWorkflow(info, execution, record.seed, record.status)
        live.wake_at = record.wake_at
        live.parent = record.parent
        live.limit(record.deadline_at, record.starts_at or record.created_at)
        live.cancelled = next((event for event in history.events if isinstance(event, CancelRequested)), None)
        live.open_attempts = dict(loaded.attempts)
        self._match_signals(live, loaded)
        return live

    def _match_signals(self, live: LiveWorkflow, loaded: Loaded) -> None:
        """Bring together the signals that wait and the steps that wait for signals."""
        receiving = [leaf.step for leaf in live.execution.open.values() if leaf.step.kind in RECEIVING]
        if receiving or loaded.last_signal:
            live.signals = SignalQueue(loaded.signals, loaded.last_signal, receiving)

    def _with_versions(self, error: ReplayMismatchError, record: WorkflowRecord) -> ReplayMismatchError:
        """Return the error, with the versions of the code where they are known to differ."""
        version = self._registry.workflow(record.name).version
        if version == record.version:
            return error
        then = "without a version" if record.version is None else f"with version {record.version!r} of the code"
        here = "has none" if version is None else f"is version {version!r}"
        return ReplayMismatchError(f"{error}\nIt was submitted {then}; the code here {here}.")

    def tell(self, live: LiveWorkflow, advance: Advance) -> None:
        """Have the host hear of what an event led to, where that is more than steps."""
        is_long = advance.issued and advance.issued[-1].number >= LONG_HISTORY
        if is_long or advance.unyielded or advance.continuation is not None:
            self._hooks.applied(live.info, advance)

    def _execution(self, info: WorkflowInfo, input: Payload, seed: bytes, history: History) -> Execution:
        definition = self._registry.workflow(info.name)
        try:
            arguments = self._codec.decode(input)
        except EncodingError as error:
            raise EncodingError(f"the arguments of workflow {info.name!r}: {error}") from error
        if not isinstance(arguments, dict) or not all(isinstance(name, str) for name in arguments):
            raise EncodingError(f"the stored arguments of workflow {info.workflow_id!r} are none: they have no names")
        return Execution(definition, arguments, info, seed, self._codec, history, conflict=self._conflict)


def info_of(record: WorkflowRecord) -> WorkflowInfo:
    """Return what the workflow of a row may know of itself."""
    return WorkflowInfo(record.id, record.name, record.run, record.parent and record.parent.workflow_id)


def stall_reason(error: BaseException) -> str:
    """Say why a workflow stalls that ``error`` keeps from going on."""
    if isinstance(error, (ReplayMismatchError, UnknownWorkflowError, EncodingError, StorageError)):
        return str(error)
    if isinstance(error, WorkflowAlreadyExistsError):
        # The id is made of the parent's. One that was given is refused where the parent yields it.
        return f"a child cannot start: {error}, and it is not this one's child: delete that workflow, and call retry()"
    logger.error("a defect of yieldflow, please report it", exc_info=error)
    return f"a defect of yieldflow, please report it: {error_line(error)}"
