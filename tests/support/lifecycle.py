"""One workflow to which things happen, and what a session keeps of it in memory and says in its row.

The workflow is always "w". Everything is done by public means or in the store; only what the session keeps in memory is
looked at in private names, here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar, cast

from tests.support.engine import CODEC, NOTICED, SECOND, START, Answer, Host, Lab, WatchedStore
from yieldflow import (
    Flow,
    Registry,
    RetryPolicy,
    Workflow,
    WorkflowEndedError,
    WorkflowNotFoundError,
    WorkflowStatus,
    activity,
    gather,
    sleep,
    wait_signal,
    workflow,
)
from yieldflow._core.history import Failure, Micros, StepKind, StepStatus
from yieldflow.orchestrator.retry_plan import plan_retry
from yieldflow.scheduler.lifecycle import Phase, TrackedWorkflow, Workflows
from yieldflow.scheduler.messages import RequestReceived
from yieldflow.scheduler.timers import WAKE
from yieldflow.store import FOREVER, Checkpoint, Loaded, RequestKind, WorkflowRecord
from yieldflow.workers import Completed, perform

T = TypeVar("T")
LAB = Lab()
work, fail = LAB.work, LAB.fail

#: The subject's child.
CHILD = "w:1:4"

# ---------------------------------------------------------------------- the workflows


#: The number of the attempt that is made.
making: list[int] = []


@activity(registry=LAB.registry, retry=RetryPolicy(30, 1, maximum_attempts=2, jitter=False), timeout=200)
def tried(label: str) -> str:
    """Fail in the first attempt."""
    if making[-1] == 1:
        raise ValueError(label)
    return label.upper()


@workflow(registry=LAB.registry)
def errand() -> Flow[str]:
    return (yield from work("errand"))


@workflow(registry=LAB.registry)
def subject() -> Flow[list[object]]:
    """Wait for everything that there is to wait for, in a generator that may leave memory."""
    waits = gather(work("a"), tried("b"), sleep(1000), wait_signal("in"), errand(), return_exceptions=True)
    return [*(yield from waits), (yield from work("last"))]


@workflow(registry=LAB.registry)
def guarded() -> Flow[list[object]]:
    """Do the same with a cleanup, so that the generator stays in memory."""
    try:
        return (yield from subject.fn())
    finally:
        LAB.performed.append("cleanup")


@workflow(registry=LAB.registry)
def parent() -> Flow[object]:
    return (yield from subject().with_options(workflow_id="w"))


@workflow(registry=LAB.registry)
def parent_in_time() -> Flow[object]:
    return (yield from subject().with_options(workflow_id="w", timeout=500))


@workflow(registry=LAB.registry)
def fails() -> Flow[object]:
    return (yield from fail("bad"))


@workflow(registry=LAB.registry)
def first() -> Flow[object]:
    return (yield from work("first"))


def wrong_code() -> Workflow[..., object]:
    """Other code under the subject's name."""

    @workflow(name="subject")
    def changed() -> Flow[str]:
        return (yield from work("something else"))

    return cast("Workflow[..., object]", changed)


# ---------------------------------------------------------------------- a store that is watched


class ObservedStore(WatchedStore):
    """A watched store that notes each change of a status, and has one commit from now on go wrong."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.changes: set[tuple[WorkflowStatus, WorkflowStatus]] = set()
        #: The number of the commit that fails as a disk does.
        self.fails_at: int | None = None

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        if len(self.commits) + 1 == self.fails_at:
            self.failing_commits = 1
        before = {checkpoint.workflow_id: self._status(checkpoint) for checkpoint in checkpoints}
        super().commit(checkpoints)
        for checkpoint in checkpoints:
            if checkpoint.status is not None:
                self._note(before[checkpoint.workflow_id], checkpoint.status)

    def _status(self, checkpoint: Checkpoint) -> WorkflowStatus:
        brief = self.inner.brief(checkpoint.workflow_id)
        return WorkflowStatus.PROCESSING if brief is None else brief.status

    def _note(self, before: WorkflowStatus, after: WorkflowStatus) -> None:
        """Note a change. In one turn a stalled one may go on and come to its end."""
        processing = WorkflowStatus.PROCESSING
        if before in (WorkflowStatus.STALLED, WorkflowStatus.SUSPENDED) and after in (
            WorkflowStatus.DONE,
            WorkflowStatus.FAILED,
        ):
            self.changes |= {(before, processing), (processing, after)}
        elif before is not after:
            self.changes.add((before, after))

    def rewind(self, workflow_id: str, run: int, place: int, **more: Any) -> None:
        record = self.inner.record(workflow_id)
        super().rewind(workflow_id, run, place, **more)
        assert record is not None
        self.changes.add((record.status, WorkflowStatus.PROCESSING))

    def disturb(self, how: str, number: int) -> None:
        """Have the commit of that number, counted from the next one, fail as a disk does, or the process die at it."""
        at = len(self.commits) + number
        if how == "crash before":
            self.crash_before = at
        elif how == "crash after":
            self.crash_after = at
        elif how == "disk fails":
            self.fails_at = at
        elif how == "value refused":
            self.refused = {"w"}
        elif how == "load fails":
            self.failing_loads = number
        elif how == "look fails":
            self.failing_looks = number

    def calm(self) -> None:
        """Have everything work from now on."""
        self.crash_before = self.crash_after = self.fails_at = None
        self.refused, self.failing_loads, self.failing_looks = set(), 0, 0


class Reader:
    """Reads a host's store for the plan of a retry."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def snapshot(self, workflow_id: str) -> Loaded:
        loaded = self._host.store.snapshot(workflow_id)
        if loaded is None:
            raise WorkflowNotFoundError(workflow_id)
        return loaded

    def query(self, question: Callable[[Any], T]) -> T:
        return question(self._host.store)


def rewind(host: Host, workflow_id: str) -> None:
    """Retry a workflow as `WorkflowHandle.retry` does."""
    plan_retry(Reader(host), workflow_id, None).write(host.store, host.now)


# ---------------------------------------------------------------------- what the session keeps


def tracked(host: Host) -> dict[str, Phase]:
    """Return the workflows of which the session keeps anything, with their phases."""
    workflows = host.scheduler._state.workflows
    return {workflow_id: phase for phase, there in workflows.by_phase.items() for workflow_id in there}


@contextmanager
def arrows() -> Iterator[set[tuple[Phase | None, Phase | None]]]:
    """Collect the moves from phase to phase."""
    taken: set[tuple[Phase | None, Phase | None]] = set()
    move = Workflows.move

    def observed(self: Workflows, workflow: TrackedWorkflow, phase: Phase | None) -> None:
        before = workflow.phase
        move(self, workflow, phase)
        taken.add((before, phase))

    Workflows.move = observed  # type: ignore[method-assign]  # observed, and put back below
    try:
        yield taken
    finally:
        Workflows.move = move  # type: ignore[method-assign]  # as it was


def check_memory(host: Host) -> None:
    """See that nothing is kept of a workflow but what its phase needs, and nothing is timed that nobody waits for."""
    state = host.scheduler._state
    for phase, members in state.workflows.by_phase.items():
        for workflow_id, there in members.items():
            record = host.store.inner.record(workflow_id)
            where = f"{workflow_id} is {phase}, on disk {record and record.status}"
            assert there.phase is phase, where
            assert (there.live is not None) == (phase is Phase.LIVE), where
            assert record is not None, where
            assert not record.status.ended, where
            drains = bool(there.in_flight or there.kept or there.requests)
            if phase is Phase.DRAINING:
                assert drains, where
            if record.status is WorkflowStatus.STALLED:
                assert phase is Phase.DRAINING, where
            if record.status is WorkflowStatus.SUSPENDED:
                # The disk decides when it is loaded, once it is let in.
                assert phase in (Phase.DRAINING, Phase.ADMISSION) or record.name == "guarded", where
            assert set(there.in_flight) >= {one.key for one in state.unclaimed if one.workflow_id == workflow_id}, where
    flying = [there.in_flight for members in state.workflows.by_phase.values() for there in members.values()]
    assert state.in_flight == sum(map(len, flying))
    assert {one.workflow_id for one in state.unclaimed} <= set(tracked(host))
    _check_timers(host)
    host.store.reopen()
    asked = {request.number for request in host.store.inner.arrivals().requests}
    assert state.requests_taken_in <= asked


def _check_timers(host: Host) -> None:
    """See that a timer is for what a workflow in memory waits for, or for when the row says that it is due."""
    state = host.scheduler._state
    for workflow_id, run, step in state.timers._live:
        there, record = state.workflows.get(workflow_id), host.store.inner.record(workflow_id)
        where = f"a timer of {workflow_id} {step}, which is {there and there.phase}, on disk {record and record.status}"
        assert record is not None, where
        assert not record.status.ended, where
        if step == WAKE:
            assert (there, record.status) == (None, WorkflowStatus.PROCESSING), where
            continue
        assert there is not None, where
        runs = (workflow_id, run, step) in there.in_flight
        assert runs or (there.live is not None and there.live.status is WorkflowStatus.PROCESSING), where


def check_rows(host: Host) -> None:
    """See that each row says when the workflow is to be in memory: `Store.pending` and `Store.sleepers` go by it."""
    phases = tracked(host)
    for record in host.store.inner.records():
        due, phase = _due(host, record), phases.get(record.id)
        where = f"{record.id} ({record.status}, {phase}) rests until {record.wake_at}, and is due at {due}"
        if phase is None:
            # Nobody in this session looks for it: its row says exactly when.
            assert record.wake_at == due, where
        elif record.status is not WorkflowStatus.PROCESSING:
            assert record.wake_at in (None, FOREVER), where
        elif due is None:
            # Attempts of it are at work, or it waits to be let in.
            assert record.wake_at is None, where
        else:
            assert record.wake_at is None or record.wake_at <= due, where


def _due(host: Host, record: WorkflowRecord) -> Micros | None:
    """Return the moment until which nothing of a workflow is at work; None where something is."""
    if record.status is not WorkflowStatus.PROCESSING:
        return FOREVER
    if record.started_at is None:
        return record.starts_at
    loaded = host.store.inner.snapshot(record.id)
    assert loaded is not None
    due = FOREVER
    for step in host.store.inner.steps(record.id):
        if step.status is not StepStatus.SCHEDULED:
            continue
        if step.kind is StepKind.ACTIVITY and step.due_at is None:
            return None
        due = min(due, step.due_at or FOREVER)
    return due if record.deadline_at is None else min(due, record.deadline_at)


# ---------------------------------------------------------------------- the story of one case


class CountingHost(Host):
    """A host that tells activities which attempt they are."""

    def do(self, label: str | None = None) -> Completed:
        attempt = self.take(label)
        making.append(attempt.number)
        return perform(attempt, CODEC)


class End(NamedTuple):
    """How a workflow ended."""

    status: str
    run: int
    output: str


class Story:
    """One workflow, in one place, to which one thing happens.

    Args:
        store: Where it is.
        limited: It is given 500 seconds.
    """

    def __init__(self, store: ObservedStore, limited: bool = False) -> None:
        registry = Registry()
        for definition in (subject, guarded, parent, parent_in_time, errand, fails, first):
            registry.add(definition)
        self.store, self.limited = store, limited
        self.host = CountingHost(store, registry)
        #: Errors of calls that were refused, and of callers that were answered.
        self.answers: list[Answer] = []

    @property
    def phase(self) -> Phase | None:
        return tracked(self.host).get("w")

    @property
    def status(self) -> str:
        record = self.store.inner.record("w")
        return "unknown" if record is None else record.status.value

    def submit(self, name: str = "subject", delay: float | None = None) -> None:
        """Submit it; the turn is taken, and no further one."""
        invocation = {"subject": subject(), "guarded": guarded(), "fails": fails(), "first": first()}[name]
        message, _ = self.host.asking(invocation, ids=["w"], delay=delay)
        if self.limited:
            new = message.submissions[0]._replace(deadline_at=START + 500 * SECOND)
            message = message._replace(submissions=[new])
        self.host.turn(message)

    def ask(self, kind: RequestKind, workflow_id: str = "w") -> Answer:
        answer, value = Answer(), ("poked", "in") if kind is RequestKind.SIGNAL else ()
        # First, since the process may die before there is an answer.
        self.answers.append(answer)
        self.host.settle(RequestReceived(self.host.request(workflow_id, kind, *value), answer.give))
        return answer

    def ask_as_client(self, kind: RequestKind) -> None:
        value, name = ("poked", "in") if kind is RequestKind.SIGNAL else (None, None)
        try:
            self.store.ask([self.host.request("w", kind, value, name)])
        except (WorkflowEndedError, WorkflowNotFoundError):
            return
        self.notice()

    def notice(self) -> None:
        """Let the owner find what clients wrote."""
        self.host.advance(NOTICED / SECOND)

    def do(self, label: str, workflow_id: str = "w") -> None:
        """Do a task, if it is there."""
        if any(f'"{label}"' in str(task.input) for task in self.host.tasks):
            attempt = self.host.take(label)
            if self.host.scheduler.wants(attempt):
                attempt.begun_at = self.host.now
                self.host.desk.tasks.append(attempt)
                self.host.settle(self.host.do(label))

    def break_code(self) -> None:
        self.host.registry.add(wrong_code())

    def mend(self) -> None:
        self.host.registry.add(cast("Workflow[..., object]", subject))
        self.host.register(self.host.registry, "subject")

    # ------------------------------------------------------------------ to the end

    def complete(self) -> dict[str, End]:
        """Have everything go on until all have ended, and return all ends."""
        self.mend()
        for _ in range(60):
            self.go_on()
            records = self.store.records()
            if all(record.status.ended for record in records):
                return {record.id: self._end(record) for record in records}
            self.host.advance(400)
        raise AssertionError(f"no end: {[(record.id, record.status) for record in self.store.records()]}")

    def go_on(self) -> None:
        host = self.host
        for record in self.store.records():
            if record.status is WorkflowStatus.SUSPENDED:
                host.ask(record.id, RequestKind.RESUME)
            elif record.status is WorkflowStatus.STALLED:
                rewind(host, record.id)
                self.notice()
        host.work_off()
        for record in self.store.records():
            loaded = self.store.snapshot(record.id)
            waits = [step for step in self.store.steps(record.id) if step.kind is StepKind.WAIT_SIGNAL]
            is_open = any(step.status is StepStatus.SCHEDULED for step in waits)
            if loaded is not None and is_open and not loaded.signals and not record.status.ended:
                host.signal(record.id, "in", "final")

    def _end(self, record: WorkflowRecord) -> End:
        outcome = record.outcome
        output = outcome.summary if isinstance(outcome, Failure) else repr(CODEC.decode(outcome or "null"))
        return End(record.status.value, record.run, output)

    def close(self) -> None:
        self.host.close()
