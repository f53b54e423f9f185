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

from collections.abc import Callable, Iterable, Sequence

from ._core.context import WorkflowInfo
from ._core.definitions import Registry
from ._core.errors import (
    DamagedRowError,
    EncodingError,
    RefusedValueError,
    StorageError,
    UnknownWorkflowError,
    WorkflowAlreadyExistsError,
)
from ._core.history import Codec, Event, History, Micros, Started, Step, StepEnded, WorkflowStatus, check_transition
from ._core.nodes import Leaf
from .notices import logger
from .recovery import Probation
from .residents import Resident, Residents, Stalled, why
from .store import Checkpoint, Pending, Store, Submission, WorkflowRecord
from .timers import BackOff, Timer, Timers, timers_of
from .turn import Ended, Message, Submit, Turn, Unit, taken
from .workers import Completed, Task, Workers

#: How often the store is asked whether clients wrote: well within the 50 ms in which the owner is to notice.
GLANCE: Micros = 25_000


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
        self._probation = Probation(max_workers, max_recovery_attempts)
        #: Recovered, and nothing has come up for them yet: their count of recovery attempts.
        self._dormant: dict[str, int] = {}
        #: Waiting outside memory for a start of this session.
        self._delayed: set[str] = set()
        #: To be built at the next turn, in this order.
        self._to_build: dict[str, None] = {}
        self._stalled = Stalled()
        #: Dispatched, and the outcome not on disk yet: workflow, run, step.
        self._under_way: set[tuple[str, int, int]] = set()
        self._again: list[Completed] = []  # outcomes whose commit failed
        self._back_off = BackOff()
        self._glance_at: Micros = 0
        self._latest: Micros = 0  # the time of the turn before
        #: How many registrations were taken in.
        self.registrations = 0
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
        if now < self._latest:
            # The clock was set back: what was due soon is not to wait until that time comes again.
            self._glance_at = self._back_off.until = now
        self._latest = now
        if now >= self._glance_at:
            self._glance_at = now + GLANCE
            self._glance(now)
        if self._waits_to_go_on(now) and now >= self._back_off.until:
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
                self._wake(message.name)
        for timer in self._timers.due(now):
            self._fire(timer, turn)
        if turn.units:
            self._commit(turn.units, turn)
        # Last, since from here on the workers' threads compete with this one.
        for task in turn.tasks:
            self._workers.submit(task)
        for submit, error in turn.replies:
            submit.reply(error)

    def next_due(self) -> Micros:
        """When the next turn is due if nothing arrives."""
        due = min(self._glance_at, self._timers.next_due)
        if self._waits_to_go_on(self._latest):
            due = min(due, self._back_off.until)
        return due

    def _waits_to_go_on(self, now: Micros) -> bool:
        return bool(self._to_build or self._again or self._probation.ready(now))

    @property
    def driven(self) -> tuple[int, str] | None:
        """What is being driven now, for a watchdog: a number for each drive, and the workflow's id."""
        return self._residents.driven

    def wants(self, task: Task) -> bool:
        """Whether the outcome of a dispatched task is still waited for. Any thread may ask."""
        return task.key in self._under_way

    def has_stalled(self, workflow_id: str) -> bool:
        """Whether a workflow was tried in this session and cannot go on. Any thread may ask."""
        return workflow_id in self._stalled

    def settle_counts(self) -> None:
        """At a clean stop: nobody is to blame for what is unfinished."""
        counted = [*self._probation.counted(), *(found for found, count in self._dormant.items() if count)]
        checkpoints = [Checkpoint(workflow_id, recovery_attempts=0) for workflow_id in counted]
        if checkpoints:
            self._store.commit(checkpoints)

    def close(self) -> None:
        """Let go of every generator."""
        self._residents.close()

    # ------------------------------------------------------------------ taking up

    def _learn(self, pending: Pending, now: Micros) -> None:
        if pending.status is WorkflowStatus.SUSPENDED:
            return
        timers = timers_of(pending, now)
        for timer in timers:
            self._timers.set(timer)
        if timers:
            self._dormant[pending.workflow_id] = pending.recovery_attempts
        else:
            self._probation.add(pending.workflow_id, pending.recovery_attempts)

    def _glance(self, now: Micros) -> None:
        """Find what clients added."""
        try:
            arrivals = self._store.arrivals()
        except StorageError as error:
            self._back_off.failed(error, now)
            self._glance_at = self._back_off.until
            return
        for workflow_id in arrivals:
            if not self._knows(workflow_id):
                self._to_build[workflow_id] = None

    def _knows(self, workflow_id: str) -> bool:
        """Whether a workflow is known to be there, and not to have ended."""
        return (
            workflow_id in self._residents
            or workflow_id in self._dormant
            or workflow_id in self._delayed
            or workflow_id in self._to_build
            or workflow_id in self._stalled
            or self._probation.holds(workflow_id)
        )

    def _wake(self, name: str) -> None:
        for workflow_id in self._stalled.waiting_for(name):
            self._again += self._stalled.release(workflow_id)
            self._to_build[workflow_id] = None
        self.registrations += 1

    def _take_up(self, turn: Turn) -> None:
        """Build what is to go on; of what was recovered, it is written down first that it is taken up."""
        admitted = self._probation.admit(turn.now)
        try:
            self._mark([(found, count) for found, count in admitted if not self._probation.spent(found)])
        except StorageError as error:
            for workflow_id, count in admitted:
                self._probation.passed(workflow_id)
                self._probation.add(workflow_id, count)
            self._back_off.failed(error, turn.now)
            return
        build, self._to_build = [*self._to_build, *dict(admitted)], {}
        for place, workflow_id in enumerate(build):
            try:
                loaded = self._store.load(workflow_id)
            except DamagedRowError as error:
                self._stall(WorkflowInfo(workflow_id, "unknown", 1), why(error), turn)
                continue
            except StorageError as error:
                self._to_build.update(dict.fromkeys(build[place:]))
                self._back_off.failed(error, turn.now)
                return
            if loaded is None:
                self._probation.passed(workflow_id)
            elif workflow_id not in self._residents:
                self._build(*loaded, turn)

    def _mark(self, admitted: list[tuple[str, int]]) -> None:
        """Write down that these are taken up. One that is no longer there holds up no other."""
        marks = [Checkpoint(workflow_id, recovery_attempts=count + 1) for workflow_id, count in admitted]
        try:
            if marks:
                self._store.commit(marks)
        except RefusedValueError:
            if len(admitted) > 1:
                for one in admitted:
                    self._mark([one])

    def _build(self, record: WorkflowRecord, history: History, turn: Turn) -> None:
        """Put a workflow into memory and let it go on from where its history ends."""
        info = WorkflowInfo(record.id, record.name, record.run)
        before = record.reason if record.status is WorkflowStatus.STALLED else None
        if record.status not in (WorkflowStatus.PROCESSING, WorkflowStatus.STALLED):
            self._probation.passed(record.id)
            return
        if self._probation.spent(record.id):
            self._stall(info, self._probation.too_many(record.recovery_attempts), turn, before=before)
            return
        if record.started_at is None and record.starts_at is not None and record.starts_at > turn.now:
            self._delay(record.id, record.run, record.starts_at)
            return
        try:
            resident = self._residents.rebuild(record, history)
        except BaseException as error:  # whatever it is, it is one workflow's
            self._stall(info, why(error), turn, before=before)
            return
        if record.status is WorkflowStatus.STALLED:
            resident.status = WorkflowStatus.PROCESSING
            turn.unit(record.id, record.run).checkpoints[0].status = WorkflowStatus.PROCESSING
        if record.started_at is None:
            checkpoint = turn.unit(record.id, record.run).checkpoints[0]
            self._apply(resident, Started(turn.now), checkpoint, turn)
        else:
            waiting = list(resident.execution.open.values())
            self._dispatch(resident, [leaf.step for leaf in waiting], turn)
            self._spare_sleeper(info, waiting, turn)

    def _spare_sleeper(self, info: WorkflowInfo, waiting: list[Leaf], turn: Turn) -> None:
        """One that only sleeps has nothing at work that could take the process down."""
        if self._probation.on_trial(info.workflow_id) and all(leaf.definition is None for leaf in waiting):
            turn.unit(info.workflow_id, info.run).checkpoints[0].recovery_attempts = 0

    def _delay(self, workflow_id: str, run: int, starts_at: Micros) -> None:
        """Wait outside memory for the start."""
        self._probation.passed(workflow_id)
        self._delayed.add(workflow_id)
        self._timers.set(Timer(starts_at, workflow_id, run, None))

    # ------------------------------------------------------------------ applying

    def _submit(self, submit: Submit, turn: Turn) -> None:
        wanted = self._first_taken(submit.submissions)
        if wanted is not None:
            first = turn.creating(wanted)
            if first is not None:
                first.rivals += ((submit, wanted),)
            else:
                turn.replies.append((submit, taken(wanted)))
            return
        unit = turn.submission(submit)
        for new in submit.submissions:
            checkpoint = Checkpoint(new.workflow_id, 1, new, turn.now)
            unit.checkpoints.append(checkpoint)
            if not self._probation.over or (new.starts_at is not None and new.starts_at > turn.now):
                self._delayed.add(new.workflow_id)
                continue
            try:
                resident = self._residents.admit(new)
            except (UnknownWorkflowError, EncodingError) as error:
                self._stall(WorkflowInfo(new.workflow_id, new.name, 1), why(error), turn, checkpoint)
                continue
            self._apply(resident, Started(turn.now), checkpoint, turn)

    def _first_taken(self, submissions: Sequence[Submission]) -> str | None:
        """The first id that another workflow has, or another of the same submissions."""
        seen: set[str] = set()
        for new in submissions:
            if new.workflow_id in seen or self._knows(new.workflow_id):
                return new.workflow_id
            seen.add(new.workflow_id)
        return None

    def _complete(self, completed: Completed, turn: Turn) -> None:
        """Apply an activity's outcome, unless nobody waits for it any more."""
        task, outcome = completed
        workflow_id, run, step = task.key
        if task.key not in self._under_way:
            return
        resident = self._residents.get(workflow_id)
        if workflow_id in self._to_build:
            self._again.append(completed)
        elif workflow_id in self._stalled:
            self._stalled.keep(completed)
        elif resident is not None and step in resident.execution.open:
            unit = turn.unit(workflow_id, run)
            if self._apply(resident, StepEnded(step, outcome, turn.now, task.attempt), unit.checkpoints[0], turn):
                unit.causes.append(completed)
            else:
                self._stalled.keep(completed)
        else:
            # Cancelled in this turn: too late only if that is committed.
            turn.unit(workflow_id, run).causes.append(completed)

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

    def _apply(self, resident: Resident, event: Event, checkpoint: Checkpoint, turn: Turn) -> bool:
        """Apply one event to a workflow, and note in ``checkpoint`` what it led to; False where it stalled instead."""
        info = resident.info
        try:
            advance = self._residents.apply(resident, event)
        except BaseException as error:  # whatever it is, it is one workflow's
            self._stall(info, why(error), turn, checkpoint)
            return False
        if not checkpoint.events:
            checkpoint.place = resident.execution.applied - 1
        checkpoint.events = *checkpoint.events, event
        if advance.issued:
            checkpoint.issued = [*checkpoint.issued, *advance.issued]
        if advance.cancelled:
            checkpoint.cancelled = [*checkpoint.cancelled, *advance.cancelled]
        if self._probation.on_trial(info.workflow_id):
            checkpoint.recovery_attempts = 0
        if advance.end is not None:
            check_transition(resident.status, advance.end.status)
            checkpoint.status, checkpoint.outcome = advance.end
        return True

    def _stall(
        self,
        info: WorkflowInfo,
        reason: str,
        turn: Turn,
        checkpoint: Checkpoint | None = None,
        *,
        before: str | None = None,
    ) -> None:
        """Set a workflow aside until somebody acts; nothing of it is lost. ``before``: why it is stalled already."""
        workflow_id = info.workflow_id
        spent = self._probation.spent(workflow_id)
        self._residents.drop(workflow_id)
        self._stalled.add(workflow_id, info.name)
        if reason == before:
            # On disk already, so that nobody hears of it by the commit.
            self._tell([Ended(workflow_id, WorkflowStatus.STALLED, None, reason)])
        if reason == before and (spent or not self._probation.on_trial(workflow_id)):
            return
        checkpoint = checkpoint or turn.unit(workflow_id, info.run).checkpoints[0]
        if self._probation.on_trial(workflow_id) and not spent:
            checkpoint.recovery_attempts = 0
        if reason != before:
            logger.error("workflow %r (%s) is stalled: %s", info.name, workflow_id, reason)
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
            self._back_off.worked()
            self._committed(units, turn)

    def _committed(self, units: list[Unit], turn: Turn) -> None:
        ended: list[Ended] = []
        for unit in units:
            for completed in unit.causes:
                self._under_way.discard(completed.task.key)
            if unit.submit is not None:
                turn.replies += unit.answers(None)
            for checkpoint in unit.checkpoints:
                workflow_id = checkpoint.workflow_id
                for step in checkpoint.cancelled:
                    self._under_way.discard((workflow_id, checkpoint.run, step))
                if checkpoint.recovery_attempts == 0:
                    self._probation.passed(workflow_id)
                if checkpoint.status is not None and checkpoint.status is not WorkflowStatus.PROCESSING:
                    self._residents.log_failure(checkpoint)
                    self._residents.forget(workflow_id)
                    ended.append(Ended(workflow_id, checkpoint.status, checkpoint.outcome, checkpoint.reason))
                elif (resident := self._residents.get(workflow_id)) is not None:
                    self._dispatch(resident, checkpoint.issued, turn)
                elif checkpoint.created is not None and workflow_id in self._delayed:
                    self._delay(workflow_id, checkpoint.run, checkpoint.created.starts_at or turn.now)
        if ended:
            self._tell(ended)

    def _dispatch(self, resident: Resident, steps: Iterable[Step], turn: Turn) -> None:
        """Have steps that are on disk begin, where they are still waited for."""
        info, waiting = resident.info, resident.execution.open
        for step in steps:
            leaf = waiting.get(step.number)
            if leaf is None:
                continue
            key = (info.workflow_id, info.run, step.number)
            if leaf.definition is None:
                self._timers.set(Timer(step.due_at or 0, *key))
            elif self.dispatching and key not in self._under_way:
                self._under_way.add(key)
                turn.tasks.append(Task(key, 1, leaf.definition, step.input))

    def _refused(self, unit: Unit, error: Exception, turn: Turn) -> None:
        """The store works, but will not have this unit."""
        if unit.submit is not None:
            self._undo(unit)
            turn.replies += unit.answers(error)
            return
        refused, alone = unit.checkpoints[0], Turn(turn.now)
        resident = self._residents.get(refused.workflow_id)
        if resident is not None:
            self._stall(resident.info, why(error), alone)
        elif refused.events or refused.issued:
            # It stalled in this very turn, after what is refused.
            checkpoint = alone.unit(refused.workflow_id, refused.run).checkpoints[0]
            checkpoint.status, checkpoint.reason = refused.status, refused.reason
        for completed in unit.causes:
            self._stalled.keep(completed)
        if alone.units:
            self._commit(alone.units, turn)

    def _failed(self, units: list[Unit], error: StorageError, turn: Turn) -> None:
        """The disk failed: what is in memory is wrong, and is built again when the disk works."""
        self._back_off.failed(error, turn.now)
        for unit in units:
            self._again += unit.causes
            self._undo(unit)
            if unit.submit is None:
                self._to_build[unit.checkpoints[0].workflow_id] = None
            turn.replies += unit.answers(error)

    def _undo(self, unit: Unit) -> None:
        """Forget what the unit did to memory."""
        for checkpoint in unit.checkpoints:
            self._residents.drop(checkpoint.workflow_id)
            self._again += self._stalled.release(checkpoint.workflow_id)
            if unit.submit is not None:
                self._delayed.discard(checkpoint.workflow_id)
