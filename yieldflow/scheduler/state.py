"""The knowledge of the scheduler that outlasts a turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._core.history import Codec, Micros, StepKind
from .._core.registry import Registry
from ..clock import Reading
from ..store import Store, WorkflowBrief
from ..tracing import Tracing
from ..workers import Attempt, Workers
from .admission import AdmissionControl
from .hooks import Hooks
from .lifecycle import Phase, TrackedWorkflow, Workflows
from .live import Driver, LiveWorkflow
from .max_concurrent import ConcurrencyLimiter
from .messages import Ended, FollowUp, recipient
from .standstill import StandstillWatch
from .storage_backoff import StorageBackoff
from .timers import DEADLINE, WAKE, DurableTimers, Timer, Timers, Wakeups
from .untaken_signals import UntakenSignalsWatch


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of what there may be at once.

    Args:
        max_workers: Activities that run at once.
        max_recovery_attempts: How often in a row a workflow may be recovered without getting anywhere.
        max_live: Generators in memory. A workflow that cannot leave stays, and a child never waits for room.
    """

    max_workers: int = 5
    max_recovery_attempts: int = 10
    max_live: int = 10_000


class SchedulerState:
    """Everything that outlasts a turn. Only the scheduler's thread changes it.

    Args:
        store: Where the workflows are kept.
        workers: Where activities run.
        codec: How values are stored.
        registry: Where workflows are found by name.
        tell: Called after each commit with the workflows that ended or stalled in it.
        limits: How much there may be at once.
        tracing: Hears of starts and ends.
        hooks: What a host does otherwise.
    """

    def __init__(
        self,
        store: Store,
        workers: Workers,
        codec: Codec,
        registry: Registry,
        tell: Callable[[list[Ended]], None],
        limits: Limits,
        tracing: Tracing | None,
        hooks: Hooks,
    ) -> None:
        self.store = store
        self.workers = workers
        self.codec = codec
        #: The outcome of a sleep.
        self.nothing = codec.encode(None)
        self.registry = registry
        self.tell = tell
        self.tracing = tracing
        self.max_live = limits.max_live
        self.workflows = Workflows()
        self.hooks = hooks
        self.driver = Driver(codec, registry, hooks)
        #: What workflows wait for, and the limits of the attempts under way, which go by `Clock.monotonic`.
        self.timers = DurableTimers()
        self.limits = Timers()
        self.wakeups = Wakeups(self.timers)
        #: How many attempts are in flight.
        self.in_flight = 0
        #: The ones that no worker has begun, in order, each with True: worker or scheduler takes one by `dict.pop`.
        self.unclaimed: dict[Attempt, bool] = {}
        #: The one of these that came last when memory was found to be full, since a page of the backlog was read.
        self.last_in_line: Attempt | None = None
        self.admission = AdmissionControl(
            limits.max_workers, limits.max_recovery_attempts, self.unclaimed, self._is_full
        )
        #: What comes in the next turn, once the workflows have been loaded.
        self.follow_ups: list[FollowUp] = []
        #: Numbers of the requests in the store that were taken in, and whose handling is not on disk yet.
        self.requests_taken_in: set[int] = set()
        self.limiter = ConcurrencyLimiter()
        self.standstill = StandstillWatch()
        self.untaken_signals = UntakenSignalsWatch()
        self.storage_backoff = StorageBackoff()
        #: The time of the turn before, by the clock that nobody sets.
        self.latest: Micros = 0
        #: When it is looked at next who rests.
        self.next_look: Micros = 0
        #: False once nothing more is to begin.
        self.dispatching = True

    def timer_due_in(self, now: Reading) -> Micros:
        """The time until the next timer is due; without any, one that is never over. Any thread may ask."""
        durable = min(self.timers.next_due, self.wakeups.next_page)
        return min(durable - now.boottime, self.limits.next_due - now.monotonic)

    def is_timer_due(self, until: Reading) -> bool:
        """Tell whether a timer is due by then."""
        is_durable = self.timers.next_due <= until.boottime or self.wakeups.next_page <= until.boottime
        return is_durable or self.limits.next_due <= until.monotonic

    def load(self, workflow: TrackedWorkflow) -> None:
        """Have a tracked workflow be loaded in the next turn."""
        self.workflows.move(workflow, Phase.LOADING)
        if workflow.kept:
            self.follow_ups += workflow.kept
            workflow.kept = ()

    def _is_full(self) -> bool:
        """Tell whether memory is full of workflows, and workers will make room by doing what waits for them.

        They may always have more to do: a page of the backlog waits only for what stood in line after the one before.
        """
        if len(self.workflows.live) < self.max_live:
            return False
        if self.last_in_line is None:
            try:
                self.last_in_line = next(reversed(self.unclaimed), None)
            except RuntimeError:
                # A worker took one out just now, and there will be room.
                return True
        last = self.last_in_line
        return last is not None and last in self.unclaimed

    def suspect(self, workflow_id: str, recovery_attempts: int = 0) -> TrackedWorkflow:
        """Have a workflow wait for its admission of which nothing is in memory."""
        workflow = self.workflows.track(workflow_id, Phase.ADMISSION, recovery_attempts)
        self.admission.add(workflow)
        return workflow

    def find(self, brief: WorkflowBrief) -> TrackedWorkflow | None:
        """Return the workflow of a row, if it is tracked; if it is found in the backlog, it is tracked from now on."""
        workflow = self.workflows.get(brief.workflow_id)
        if workflow is None and self.admission.backlog.may_hold(brief):
            workflow = self.suspect(brief.workflow_id, brief.recovery_attempts)
        return workflow

    def wake(self, workflow_id: str, recovery_attempts: int = 0) -> TrackedWorkflow:
        """Have a workflow that is not in memory be loaded, where it is not on its way there already."""
        workflow = self.workflows.get(workflow_id)
        if workflow is None:
            self.forget_wakeup(workflow_id)
            if recovery_attempts:
                workflow = self.suspect(workflow_id, recovery_attempts)
            else:
                workflow = self.workflows.track(workflow_id, Phase.LOADING)
        elif workflow.phase is Phase.DRAINING:
            self.load(workflow)
        return workflow

    def starts_later(self, workflow_id: str, starts_at: Micros | None) -> bool:
        """Tell whether it is too early for a workflow to start."""
        return starts_at is not None and not self.timers.has_come(Timer(starts_at, workflow_id, 0, WAKE))

    def forget_wakeup(self, workflow_id: str) -> None:
        """Wake a workflow no more that rested: it is loaded already, or its row says otherwise now."""
        self.wakeups.forget(workflow_id)

    def drop(self, workflow: TrackedWorkflow) -> None:
        """Close a workflow's generator, if it is in memory, and expect nothing of the time that it waited for."""
        live = workflow.live
        if live is not None:
            self.forget_timers(live)
            workflow.live = None
            if not live.execution.over:
                live.execution.close()

    def forget_timers(self, live: LiveWorkflow) -> None:
        """Have a workflow wait for no moment any more; attempts that still run have their limits."""
        info = live.info
        if live.deadline_at is not None:
            self.timers.forget(info.workflow_id, info.run, DEADLINE)
        for number, leaf in live.execution.open.items():
            if leaf.step.due_at is not None or leaf.step.kind is StepKind.ACTIVITY:
                self.timers.forget(info.workflow_id, info.run, number)

    @property
    def expecting(self) -> set[str | None]:
        """The workflows for which something comes in the next turn: their rows may not say that they rest."""
        return {recipient(message) for message in self.follow_ups}

    def release(self, workflow: TrackedWorkflow) -> None:
        """Track a workflow no longer that left memory, but for what of it still drains."""
        self.workflows.release(workflow)
        if workflow.phase is None:
            self.admission.passed(workflow)

    @property
    def waits_to_go_on(self) -> bool:
        """True if there is anything that the next turn could begin with."""
        return bool(self.workflows.loading or self.follow_ups or self.admission.ready(self.latest))
