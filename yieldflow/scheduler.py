"""The one thread's work: a turn takes what has arrived and the time, and leaves a commit and what follows from it.

Theory of operation. `Scheduler.turn` does, in this order:

1. build workflows that are to go on and are not in memory: recovered, added by clients, woken, or dropped;
2. apply each message of the inbox, and each timer that is due, to its workflow;
3. write one transaction with all that changed;
4. only then dispatch activities, answer callers, and tell who waits for an end.

A turn is a function of (inbox, time): store and workers are handed in, and nothing here knows of a thread. If the
transaction fails, what is in memory is wrong and the disk is right: the workflows of the turn are dropped, to be built
again by replay, and the outcomes that had arrived are kept for a later turn.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable

from ._core.context import WorkflowInfo
from ._core.definitions import Registry
from ._core.errors import (
    EncodingError,
    RefusedValueError,
    ReplayMismatchError,
    StorageError,
    UnknownWorkflowError,
    WorkflowAlreadyExistsError,
)
from ._core.execution import Advance
from ._core.history import (
    Codec,
    Event,
    History,
    Micros,
    Started,
    StepEnded,
    WorkflowStatus,
    check_transition,
)
from ._core.nodes import Leaf
from .recovery import Probation
from .residents import Resident, Residents
from .store import AppliedOutcome, Checkpoint, Pending, Store, WorkflowRecord
from .timers import Timer, Timers
from .turn import Ended, Message, Submit, Turn, Unit
from .workers import Completed, Task, Workers

logger = logging.getLogger("yieldflow")

#: How often the store is asked whether clients wrote: well within the 50 ms in which the owner is to notice.
GLANCE: Micros = 25_000
#: The pause after a failed commit; it doubles each time, up to the longest.
FIRST_PAUSE: Micros = 50_000
LONGEST_PAUSE: Micros = 5_000_000
#: A run with more steps than this is warned about, once.
LONG_HISTORY = 10_000


class Scheduler:
    """Drives all workflows of one store.

    Args:
        store: Where they are kept.
        workers: Where activities run; their outcomes come back as messages.
        codec: How values are stored.
        registry: Where workflows are found by name.
        tell: Called after each commit with the workflows that ended or stalled in it.
        max_workers: How many activities run at once.
        max_recovery_attempts: How often in a row a workflow may be recovered without getting anywhere.
    """

    def __init__(
        self,
        store: Store,
        workers: Workers,
        codec: Codec,
        registry: Registry,
        tell: Callable[[list[Ended]], None],
        *,
        max_workers: int = 5,
        max_recovery_attempts: int = 10,
    ) -> None:
        self._store = store
        self._workers = workers
        self._tell = tell
        self._nothing = codec.encode(None)
        self._residents = Residents(codec, registry)
        self._timers = Timers()
        self._max_recovery_attempts = max_recovery_attempts
        self._probation = Probation(max_workers, max_recovery_attempts)
        #: Recovered, and nothing has come up for them yet: their count of recovery attempts.
        self._dormant: dict[str, int] = {}
        #: Waiting outside memory for a start of this session.
        self._delayed: set[str] = set()
        #: To be built at the next turn, in this order.
        self._to_build: dict[str, None] = {}
        #: By workflow name: what waits for a registration.
        self._stalled: defaultdict[str, set[str]] = defaultdict(set)
        #: Dispatched, and the outcome not on disk yet: workflow, run, step.
        self._under_way: set[tuple[str, int, int]] = set()
        #: Outcomes whose commit failed.
        self._again: list[Completed] = []
        self._pause: Micros = 0
        self._paused_until: Micros = 0
        self._glance_at: Micros = 0
        #: False once nothing more is to begin.
        self.dispatching = True

    # ------------------------------------------------------------------ the verbs

    def recover(self, now: Micros) -> None:
        """Learn of every unfinished workflow; the next turns take them up.

        Raises:
            StorageError: The store cannot be read.
        """
        for pending in self._store.unfinished():
            self._learn(pending, now)

    def turn(self, inbox: Iterable[Message], now: Micros) -> None:
        """Take in what has arrived by ``now``, commit, dispatch."""
        turn = Turn(now)
        if now >= self._glance_at:
            self._glance_at = now + GLANCE
            self._glance()
        if self._waits_to_go_on and now >= self._paused_until:
            self._take_up(turn)
            again, self._again = self._again, []
            for completed in again:
                self._complete(completed, turn)
        for message in inbox:
            if isinstance(message, Completed):
                self._complete(message, turn)
            elif isinstance(message, Submit):
                self._submit(message, turn)
            else:
                self._to_build.update(dict.fromkeys(self._stalled.pop(message.name, ())))
        for timer in self._timers.due(now):
            self._fire(timer, turn)
        if turn.units:
            self._commit(turn.units, turn)
        for submit, error in turn.replies:
            submit.reply(error)

    def next_due(self) -> Micros:
        """When the next turn is due if nothing arrives."""
        due = self._glance_at
        timer = self._timers.next_due
        if timer is not None:
            due = min(due, timer)
        if self._waits_to_go_on:
            due = min(due, self._paused_until)
        return due

    @property
    def _waits_to_go_on(self) -> bool:
        return bool(self._to_build or self._again or self._probation.ready)

    @property
    def driven(self) -> tuple[int, str] | None:
        """What is being driven now, for a watchdog: a number for each drive, and the workflow's id."""
        return self._residents.driven

    def settle_counts(self) -> None:
        """At a clean stop: nobody is to blame for what is unfinished."""
        checkpoints = [Checkpoint(workflow_id, recovery_attempts=0) for workflow_id in self._probation.counted()]
        if checkpoints:
            self._store.commit(checkpoints)

    def close(self) -> None:
        """Let go of every generator."""
        self._residents.close()

    # ------------------------------------------------------------------ taking up

    def _learn(self, pending: Pending, now: Micros) -> None:
        workflow_id = pending.workflow_id
        starts_at = pending.starts_at
        if pending.status is WorkflowStatus.SUSPENDED:
            return
        if pending.status is WorkflowStatus.STALLED or pending.active:
            self._probation.add(workflow_id, pending.recovery_attempts)
        elif pending.started:
            self._dormant[workflow_id] = pending.recovery_attempts
            for step, due_at in pending.sleeps:
                self._timers.set(Timer(due_at, workflow_id, pending.run, step))
        elif starts_at is not None and starts_at > now:
            self._dormant[workflow_id] = pending.recovery_attempts
            self._timers.set(Timer(starts_at, workflow_id, pending.run, None))
        else:
            self._probation.add(workflow_id, pending.recovery_attempts)

    def _glance(self) -> None:
        """Find what clients added."""
        try:
            arrivals = self._store.arrivals()
        except StorageError as error:
            logger.warning("cannot look for new workflows: %s", error)
            return
        for workflow_id in arrivals:
            known = workflow_id in self._residents or workflow_id in self._dormant or workflow_id in self._delayed
            if not known and not self._probation.holds(workflow_id):
                self._to_build[workflow_id] = None

    def _take_up(self, turn: Turn) -> None:
        """Build what is to go on; of what was recovered, it is written down first that it is taken up."""
        admitted = self._probation.admit()
        spent = {workflow_id for workflow_id, count in admitted if count >= self._max_recovery_attempts}
        marks = [Checkpoint(found, recovery_attempts=count + 1) for found, count in admitted if found not in spent]
        try:
            if marks:
                self._store.commit(marks)
        except StorageError as error:
            for workflow_id, count in admitted:
                self._probation.passed(workflow_id)
                self._probation.add(workflow_id, count)
            self._back_off(error, turn.now)
            return
        build, self._to_build = [*self._to_build, *(workflow_id for workflow_id, _ in admitted)], {}
        for place, workflow_id in enumerate(build):
            try:
                loaded = self._store.load(workflow_id)
            except StorageError as error:
                self._to_build.update(dict.fromkeys(build[place:]))
                self._back_off(error, turn.now)
                return
            if loaded is not None and workflow_id not in self._residents:
                self._build(*loaded, turn, spent=workflow_id in spent)

    def _build(self, record: WorkflowRecord, history: History, turn: Turn, *, spent: bool) -> None:
        """Put a workflow into memory and let it go on from where its history ends."""
        info = WorkflowInfo(record.id, record.name, record.run)
        if record.status not in (WorkflowStatus.PROCESSING, WorkflowStatus.STALLED):
            self._probation.passed(record.id)
            return
        if spent:
            self._stall(info, record.status, self._too_many_attempts(record.recovery_attempts), turn)
            return
        if record.started_at is None and record.starts_at is not None and record.starts_at > turn.now:
            self._delay(record.id, record.run, record.starts_at)
            return
        try:
            resident = self._residents.rebuild(record, history)
        except Exception as error:
            self._stall(info, record.status, _why(error), turn)
            return
        if record.status is WorkflowStatus.STALLED:
            resident.status = WorkflowStatus.PROCESSING
            turn.unit(record.id, record.run).checkpoints[0].status = WorkflowStatus.PROCESSING
        if record.started_at is None:
            checkpoint = turn.unit(record.id, record.run).checkpoints[0]
            checkpoint.started_at = turn.now
            self._apply(resident, Started(turn.now), checkpoint, turn)
        else:
            self._dispatch(resident, list(resident.execution.open.values()))
            self._spare_sleeper(resident, turn)

    def _spare_sleeper(self, resident: Resident, turn: Turn) -> None:
        """One that only sleeps has nothing at work that could take the process down."""
        at_work = any(leaf.definition is not None for leaf in resident.execution.open.values())
        if not at_work and self._probation.passed(resident.info.workflow_id):
            turn.unit(resident.info.workflow_id, resident.info.run).checkpoints[0].recovery_attempts = 0

    def _too_many_attempts(self, count: int) -> str:
        return (
            f"{count} times in a row the process died while this workflow was at work, and it got nowhere. Find out "
            "what its open steps do to the process; to let it go on, start with a larger max_recovery_attempts "
            f"(now {self._max_recovery_attempts})."
        )

    def _delay(self, workflow_id: str, run: int, starts_at: Micros) -> None:
        """Wait outside memory for the start."""
        self._probation.passed(workflow_id)
        self._delayed.add(workflow_id)
        self._timers.set(Timer(starts_at, workflow_id, run, None))

    # ------------------------------------------------------------------ applying

    def _submit(self, submit: Submit, turn: Turn) -> None:
        taken = next((new.workflow_id for new in submit.submissions if new.workflow_id in self._residents), None)
        if taken is not None:
            turn.replies.append((submit, WorkflowAlreadyExistsError(f"workflow id {taken!r} is taken")))
            return
        unit = turn.submission(submit)
        for new in submit.submissions:
            checkpoint = Checkpoint(new.workflow_id, created=new, issued_at=turn.now)
            unit.checkpoints.append(checkpoint)
            if new.starts_at is not None and new.starts_at > turn.now:
                continue
            try:
                resident = self._residents.admit(new)
            except (UnknownWorkflowError, EncodingError) as error:
                info = WorkflowInfo(new.workflow_id, new.name, 1)
                self._stall(info, WorkflowStatus.PROCESSING, _why(error), turn, checkpoint)
                continue
            checkpoint.started_at = turn.now
            self._apply(resident, Started(turn.now), checkpoint, turn)

    def _complete(self, completed: Completed, turn: Turn) -> None:
        """Apply an activity's outcome, unless nobody waits for it any more."""
        workflow_id = completed.workflow_id
        if workflow_id in self._to_build:
            self._again.append(completed)
            return
        resident = self._residents.get(workflow_id)
        if resident is None or resident.info.run != completed.run or completed.step not in resident.execution.open:
            self._under_way.discard(completed[:3])
            return
        unit = turn.unit(workflow_id, completed.run)
        unit.causes.append(completed)
        event = StepEnded(completed.step, completed.outcome, turn.now, completed.attempt)
        self._apply(resident, event, unit.checkpoints[0], turn)

    def _fire(self, timer: Timer, turn: Turn) -> None:
        """Let what was waited for come: a sleep ends, or a workflow that is not in memory is to go on."""
        workflow_id, step = timer.workflow_id, timer.step
        if workflow_id in self._dormant:
            self._probation.add(workflow_id, self._dormant.pop(workflow_id))
        elif workflow_id in self._delayed:
            self._delayed.discard(workflow_id)
            self._to_build[workflow_id] = None
        resident = self._residents.get(workflow_id)
        if resident is None or resident.info.run != timer.run or step is None:
            return
        leaf = resident.execution.open.get(step)
        if leaf is not None and leaf.step.due_at == timer.due_at:
            checkpoint = turn.unit(workflow_id, timer.run).checkpoints[0]
            self._apply(resident, StepEnded(step, self._nothing, turn.now), checkpoint, turn)

    def _apply(self, resident: Resident, event: Event, checkpoint: Checkpoint, turn: Turn) -> None:
        """Apply one event to a workflow, and note in ``checkpoint`` what it led to."""
        info = resident.info
        try:
            advance = self._residents.apply(resident, event)
        except Exception as error:
            self._stall(info, resident.status, _why(error), turn, checkpoint)
            return
        if isinstance(event, StepEnded):
            checkpoint.applied.append(AppliedOutcome(event, resident.execution.applied - 1))
        checkpoint.issued += advance.issued
        checkpoint.cancelled += advance.cancelled
        if self._probation.passed(info.workflow_id):
            checkpoint.recovery_attempts = 0
        if advance.end is not None:
            check_transition(resident.status, advance.end.status)
            checkpoint.status, checkpoint.outcome = advance.end
            checkpoint.finished_at = turn.now
        if advance.unyielded or (advance.issued and advance.issued[-1].number >= LONG_HISTORY):
            _warn(info, advance)

    def _stall(
        self,
        info: WorkflowInfo,
        before: WorkflowStatus,
        reason: str,
        turn: Turn,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Set a workflow aside until somebody acts; nothing of it is lost."""
        self._residents.drop(info.workflow_id)
        self._stalled[info.name].add(info.workflow_id)
        self._probation.passed(info.workflow_id)
        if before is not WorkflowStatus.STALLED:
            logger.error("workflow %r (%s) is stalled: %s", info.name, info.workflow_id, reason)
            checkpoint = checkpoint or turn.unit(info.workflow_id, info.run).checkpoints[0]
            checkpoint.status, checkpoint.reason = WorkflowStatus.STALLED, reason

    # ------------------------------------------------------------------ committing, and what follows

    def _commit(self, units: list[Unit], turn: Turn) -> None:
        """Write ``units`` in one transaction; where one of them cannot be written, the others still are."""
        try:
            self._store.commit([checkpoint for unit in units for checkpoint in unit.checkpoints])
        except (RefusedValueError, WorkflowAlreadyExistsError) as error:
            if len(units) > 1:
                middle = len(units) // 2
                self._commit(units[:middle], turn)
                self._commit(units[middle:], turn)
            else:
                self._refused(units[0], error, turn)
        except StorageError as error:
            self._failed(units, error, turn)
        else:
            self._pause = 0
            self._committed(units, turn)

    def _committed(self, units: list[Unit], turn: Turn) -> None:
        ended: list[Ended] = []
        for unit in units:
            for completed in unit.causes:
                self._under_way.discard(completed[:3])
            for checkpoint in unit.checkpoints:
                workflow_id = checkpoint.workflow_id
                if checkpoint.status is not None and checkpoint.status is not WorkflowStatus.PROCESSING:
                    self._residents.forget(workflow_id)
                    ended.append(Ended(workflow_id, checkpoint.status, checkpoint.outcome, checkpoint.reason))
                elif (resident := self._residents.get(workflow_id)) is not None:
                    waiting = resident.execution.open
                    self._dispatch(
                        resident, [waiting[step.number] for step in checkpoint.issued if step.number in waiting]
                    )
                elif checkpoint.created is not None and checkpoint.created.starts_at is not None:
                    self._delay(workflow_id, checkpoint.run, checkpoint.created.starts_at)
            if unit.submit is not None:
                turn.replies.append((unit.submit, None))
        if ended:
            self._tell(ended)

    def _dispatch(self, resident: Resident, leaves: list[Leaf]) -> None:
        """Have steps that are on disk begin."""
        info = resident.info
        for leaf in leaves:
            step = leaf.step
            key = (info.workflow_id, info.run, step.number)
            if leaf.definition is None:
                self._timers.set(Timer(step.due_at or 0, *key))
            elif self.dispatching and key not in self._under_way:
                self._under_way.add(key)
                self._workers.submit(Task(*key, 1, leaf.definition, step.input))

    def _refused(self, unit: Unit, error: Exception, turn: Turn) -> None:
        """The store works, but will not have this unit."""
        for completed in unit.causes:
            self._under_way.discard(completed[:3])
        for checkpoint in unit.checkpoints:
            resident = self._residents.get(checkpoint.workflow_id)
            self._residents.drop(checkpoint.workflow_id)
            if unit.submit is None and resident is not None:
                alone = Turn(turn.now)
                self._stall(resident.info, resident.status, _why(error), alone)
                self._commit(alone.units, turn)
        if unit.submit is not None:
            turn.replies.append((unit.submit, error))

    def _failed(self, units: list[Unit], error: StorageError, turn: Turn) -> None:
        """The disk failed: what is in memory is wrong, and is built again when the disk works."""
        self._back_off(error, turn.now)
        for unit in units:
            self._again += unit.causes
            for checkpoint in unit.checkpoints:
                self._residents.drop(checkpoint.workflow_id)
                if unit.submit is None:
                    self._to_build[checkpoint.workflow_id] = None
            if unit.submit is not None:
                turn.replies.append((unit.submit, error))

    def _back_off(self, error: StorageError, now: Micros) -> None:
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._paused_until = now + self._pause
        logger.error("%s; trying again in %.2f s, nothing is lost", error, self._pause / 1e6)


def _why(error: Exception) -> str:
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
