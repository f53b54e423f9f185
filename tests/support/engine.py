"""Drives turns of the scheduler without its thread: virtual time, workers that obey the test, a store that can fail.

A crash is what it is for a process: the scheduler is left where it stands, and another begins on the same store.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from tests.support.files import new_store
from yieldflow import ActivityInvocation, Registry, StorageError, WorkflowInvocation, WorkflowStatus, activity
from yieldflow._core.errors import RefusedValueError
from yieldflow._core.history import Failure, Micros, Outcome
from yieldflow.clock import Reading
from yieldflow.codec import codec_named
from yieldflow.filter import EVERYTHING, Filter
from yieldflow.scheduler.messages import Ended, HeartbeatReceived, Message, Registered, RequestReceived, Submit
from yieldflow.scheduler.scheduler import Scheduler
from yieldflow.scheduler.state import Limits
from yieldflow.sqlite import SqliteStore
from yieldflow.store import (
    Arrivals,
    BufferedSignals,
    Checkpoint,
    Found,
    Loaded,
    Request,
    RequestKind,
    Rewind,
    Sleeper,
    StepRecord,
    Store,
    Submission,
    UntakenSignal,
    WorkflowBrief,
    WorkflowRecord,
)
from yieldflow.testing.memory import MemoryStore
from yieldflow.workers import Attempt, Completed, Occupant, perform

#: When every test begins: 2026-01-01T00:00:00Z.
START: Micros = 1_767_225_600_000_000
SECOND: Micros = 1_000_000
#: A client's submission is to be noticed within this.
NOTICED: Micros = 50_000

CODEC = codec_named("pickle")


class Crash(BaseException):
    """Here the process dies."""


# ---------------------------------------------------------------------- the store


class WatchedStore:
    """A store that writes down what is asked of it, and fails or crashes where the test says so."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        #: Each commit that was tried: the workflows in it.
        self.commits: list[list[str]] = []
        #: Each workflow that was read to be built.
        self.loads: list[str] = []
        #: How many rows were read to find workflows that are to be loaded.
        self.found = 0
        #: How many of the next calls fail as a broken disk does.
        self.failing_commits = 0
        self.failing_loads = 0
        self.failing_looks = 0
        self.failing_pages = 0
        #: Workflows whose rows somebody deleted.
        self.gone: set[str] = set()
        #: Workflows whose values are refused.
        self.refused: set[str] = set()
        #: The number of the commit, from 1, right before or right after which the process dies.
        self.crash_before: int | None = None
        self.crash_after: int | None = None

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        self.commits.append([checkpoint.workflow_id for checkpoint in checkpoints])
        assert len(self.commits[-1]) == len(set(self.commits[-1])), "one checkpoint a workflow"
        if len(self.commits) == self.crash_before:
            raise Crash
        if self.failing_commits:
            self.failing_commits -= 1
            raise StorageError("disk full")
        for checkpoint in checkpoints:
            # To be counted or stalled is no value of the workflow's.
            if checkpoint.workflow_id in self.refused and (checkpoint.events or checkpoint.issued):
                raise RefusedValueError("a value cannot be stored: too big")
        self.inner.commit(checkpoints)
        if len(self.commits) == self.crash_after:
            raise Crash

    def load(self, workflow_id: str) -> Loaded | None:
        self.loads.append(workflow_id)
        if self.failing_loads:
            self.failing_loads -= 1
            raise StorageError("disk gone")
        return None if workflow_id in self.gone else self.inner.load(workflow_id)

    def arrivals(self) -> Arrivals:
        if self.failing_looks:
            self.failing_looks -= 1
            raise StorageError("disk gone")
        arrivals = self.inner.arrivals()
        self.found += len(arrivals.workflows)
        return arrivals

    def brief(self, workflow_id: str) -> WorkflowBrief | None:
        return self.inner.brief(workflow_id)

    def pending(self, after: int, limit: int, *, counted: bool) -> list[Found]:
        if self.failing_pages and not counted:
            self.failing_pages -= 1
            raise StorageError("disk gone")
        page = self.inner.pending(after, limit, counted=counted)
        self.found += len(page)
        return page

    def sleepers(self, after: tuple[Micros, int], until: Micros, limit: int) -> list[Sleeper]:
        page = self.inner.sleepers(after, until, limit)
        self.found += len(page)
        return page

    def untaken_signals(self, after: tuple[str, int], limit: int) -> list[UntakenSignal]:
        return self.inner.untaken_signals(after, limit)

    def wake_stalled(self, name: str | None = None) -> list[str]:
        return self.inner.wake_stalled(name)

    def ended_children(self, workflow_id: str, run: int) -> list[WorkflowRecord]:
        return self.inner.ended_children(workflow_id, run)

    def open_children(self, workflow_id: str, run: int) -> list[str]:
        return self.inner.open_children(workflow_id, run)

    def submit(self, submissions: Sequence[Submission]) -> None:
        self.inner.submit(submissions)

    def ask(self, requests: Sequence[Request]) -> None:
        self.inner.ask(requests)

    def rewind(
        self,
        workflow_id: str,
        run: int,
        place: int,
        *,
        reapply: bool,
        at: Micros,
        children: Sequence[Rewind] = (),
        undone: Sequence[str] = (),
    ) -> None:
        self.inner.rewind(workflow_id, run, place, reapply=reapply, at=at, children=children, undone=undone)

    def fork(self, workflow_id: str, run: int, place: int, new: Submission) -> None:
        self.inner.fork(workflow_id, run, place, new)

    def delete(self, workflow_ids: Sequence[str]) -> int:
        return self.inner.delete(workflow_ids)

    def vacuum(self) -> int:
        return self.inner.vacuum()

    def purgeable(self, before: Micros | None, statuses: frozenset[WorkflowStatus]) -> list[str]:
        return self.inner.purgeable(before, statuses)

    def ended(self, workflow_ids: Collection[str], since: object) -> tuple[object, Collection[str]]:
        return self.inner.ended(workflow_ids, since)

    def snapshot(self, workflow_id: str) -> Loaded | None:
        return self.inner.snapshot(workflow_id)

    def record(self, workflow_id: str) -> WorkflowRecord | None:
        return self.inner.record(workflow_id)

    def records(self, which: Filter = EVERYTHING) -> list[WorkflowRecord]:
        return self.inner.records(which)

    def steps(self, workflow_id: str) -> list[StepRecord]:
        return self.inner.steps(workflow_id)

    def buffered_signals(self, workflow_id: str) -> list[BufferedSignals]:
        return self.inner.buffered_signals(workflow_id)

    def close(self) -> None:
        self.inner.close()

    def reopen(self) -> None:
        """Open it anew, as the next process does: what was told before is told again."""
        if isinstance(self.inner, SqliteStore):
            self.inner.close()
            self.inner = SqliteStore(self.inner.path, "normal")
        else:
            # Nothing is deleted; but the store in memory looks again once somebody else was there.
            self.inner.delete([])


@contextmanager
def open_store(kind: str, folder: Path, name: str = "workflows.db") -> Iterator[WatchedStore]:
    """A new, empty store: "memory", or "sqlite" in ``folder``."""
    store = WatchedStore(MemoryStore() if kind == "memory" else new_store(folder / name))
    try:
        yield store
    finally:
        store.close()


def rows(store: Store) -> list[tuple[WorkflowRecord, list[StepRecord]]]:
    """All that a store holds."""
    return [(record, store.steps(record.id)) for record in store.records()]


def history(store: Store, workflow_id: str) -> list[tuple[object, ...]]:
    """A workflow's steps as they are the same however often the process died."""
    return [
        (step.step, step.kind, step.name, step.status, step.input, step.turn, step.applied, _told(step.outcome))
        for step in store.steps(workflow_id)
    ]


def _told(outcome: Outcome | None) -> object:
    return outcome.summary if isinstance(outcome, Failure) else outcome


# ---------------------------------------------------------------------- what stands around the scheduler


class Answer:
    """The answer that a submitter hears."""

    def __init__(self) -> None:
        self.given = False
        self.error: Exception | None = None

    def give(self, error: Exception | None) -> None:
        assert not self.given, "one submission is answered once"
        self.given, self.error = True, error


class Desk:
    """Workers that do nothing by themselves: what is handed to them lies here until the test does it."""

    def __init__(self, watch: Callable[[Attempt], None]) -> None:
        self.tasks: list[Attempt] = []
        #: What a worker has begun and not ended.
        self.begun: list[Attempt] = []
        #: What nobody waits for any more.
        self.abandoned: list[Attempt] = []
        self._watch = watch

    def submit(self, task: Attempt) -> None:
        self._watch(task)
        self.tasks.append(task)

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        self.abandoned.append(attempt)

    def occupants(self) -> list[Occupant]:
        return [Occupant(attempt) for attempt in self.begun]


def submission(
    invocation: WorkflowInvocation[Any], workflow_id: str, now: Micros = START, delay: float | None = None
) -> Submission:
    """The submission put on disk for an invocation; the seed depends on the id alone."""
    seed = blake2b(workflow_id.encode(), digest_size=16).digest()
    starts_at = None if delay is None else now + int(delay * SECOND)
    return Submission(workflow_id, invocation.name, CODEC.encode(dict(invocation.arguments)), seed, now, starts_at)


class Host:
    """One session after the other on one store, driven turn by turn.

    Args:
        store: Where the workflows are.
        registry: What is registered in the first session.
        max_workers, max_recovery_attempts: As for the scheduler.
    """

    def __init__(
        self,
        store: WatchedStore,
        registry: Registry,
        *,
        max_workers: int = 5,
        max_recovery_attempts: int = 10,
        max_live: int = 10_000,
    ) -> None:
        self.store = store
        self.registry = registry
        self.max_workers = max_workers
        self.max_recovery_attempts = max_recovery_attempts
        self.max_live = max_live
        self._now = self._passed = self._awake = START
        #: Ends and stalls that were told.
        self.told: list[Ended] = []
        #: Called at the moment that something leaves the scheduler.
        self.on_dispatch: Callable[[Attempt], None] = lambda task: None
        self.on_told: Callable[[Ended], None] = lambda ended: None
        self._sessions: list[Scheduler] = []
        self.start()

    # ------------------------------------------------------------------ time

    @property
    def now(self) -> Micros:
        """The time of the system's clock. To add to it lets time pass; to take from it sets the clock back."""
        return self._now

    @now.setter
    def now(self, now: Micros) -> None:
        self._passed += max(0, now - self._now)
        self._awake += max(0, now - self._now)
        self._now = now

    def set_clock(self, seconds: float) -> None:
        """Set the system's clock forward, or back, while no time passes."""
        self._now += int(seconds * SECOND)

    def sleep_machine(self, seconds: float) -> None:
        """Let the machine sleep."""
        self._now += int(seconds * SECOND)
        self._passed += int(seconds * SECOND)

    @property
    def reading(self) -> Reading:
        """What all clocks show."""
        return Reading(self._now, self._awake, self._passed)

    # ------------------------------------------------------------------ sessions

    def start(self, registry: Registry | None = None) -> None:
        """Begin a session, as the process does at its start."""
        self.registry = registry or self.registry
        self.desk = Desk(lambda task: self.on_dispatch(task))
        self.scheduler = Scheduler(
            self.store,
            self.desk,
            CODEC,
            self.registry,
            self._tell,
            limits=Limits(self.max_workers, self.max_recovery_attempts, self.max_live),
        )
        self._sessions.append(self.scheduler)
        self.scheduler.recover(self.reading)

    def crash(self, registry: Registry | None = None) -> None:
        """The process dies and is started again, perhaps with other code."""
        self.start(registry)
        self.settle()

    def stop(self) -> None:
        """End the session as a clean stop does."""
        self.scheduler.settle_counts()
        self.scheduler.close()

    def close(self) -> None:
        """Let go of every session's generators; a killed process would not have to."""
        for session in self._sessions:
            session.close()

    def _tell(self, news: list[Ended]) -> None:
        for ended in news:
            self.on_told(ended)
        self.told += news

    # ------------------------------------------------------------------ turns

    @property
    def tasks(self) -> list[Attempt]:
        """The attempts dispatched and not done, in the order dispatched."""
        return self.desk.tasks

    def turn(self, *inbox: Message) -> None:
        """One turn."""
        self.scheduler.turn(inbox, self.reading)

    def settle(self, *inbox: Message) -> None:
        """Turns until nothing more is due at this moment."""
        self.turn(*inbox)
        for _ in range(1000):
            if self.scheduler.due_in(self.reading) > 0:
                return
            self.turn()
        raise AssertionError("the scheduler asks for turns without end")

    def advance(self, seconds: float) -> None:
        """Let time pass (or, below 0, the clock be set back), and take the turns that are due."""
        self.now += int(seconds * SECOND)
        self.settle()

    def asking(
        self, *invocations: WorkflowInvocation[Any], ids: Sequence[str], delay: float | None = None
    ) -> tuple[Submit, Answer]:
        """The message that asks for workflows to be put on disk, and where its answer will be."""
        answer = Answer()
        pairs = zip(invocations, ids, strict=True)
        return Submit([submission(invocation, id, self.now, delay) for invocation, id in pairs], answer.give), answer

    def submit(self, invocation: WorkflowInvocation[Any], workflow_id: str, delay: float | None = None) -> Answer:
        """Submit one workflow, in a turn of its own."""
        message, answer = self.asking(invocation, ids=[workflow_id], delay=delay)
        self.turn(message)
        return answer

    def ask(self, workflow_id: str, kind: RequestKind, value: object = None, name: str | None = None) -> Answer:
        """Ask something of a workflow as its owner's callers do, and take the turns that follow."""
        answer = Answer()
        self.settle(RequestReceived(self.request(workflow_id, kind, value, name), answer.give))
        return answer

    def signal(self, workflow_id: str, name: str, payload: object = None) -> Answer:
        """Send a signal as the owner's callers do, and take the turns that follow."""
        return self.ask(workflow_id, RequestKind.SIGNAL, payload, name)

    def request(self, workflow_id: str, kind: RequestKind, value: object = None, name: str | None = None) -> Request:
        """A request to a workflow; a client leaves it in the store."""
        payload = None if value is None and name is None else CODEC.encode(value)
        return Request(workflow_id, kind, self.now, name, payload)

    def restart(self, registry: Registry | None = None) -> None:
        """The process dies, and another opens the store anew."""
        self.store.reopen()
        self.crash(registry)

    def register(self, registry: Registry, name: str) -> None:
        """Tell the session that a workflow was registered, and take the turns that follow."""
        assert registry is self.registry
        self.settle(Registered(name))

    # ------------------------------------------------------------------ activities

    def take(self, label: str | None = None) -> Attempt:
        """Take a dispatched task away to be done: the oldest, or the one whose arguments hold ``label``."""
        found = next(task for task in self.tasks if label is None or f'"{label}"' in str(task.input))
        self.tasks.remove(found)
        return found

    def begin(self, label: str | None = None) -> Attempt:
        """Have a worker begin a dispatched task, as `Session.begin` lets it."""
        attempt = self.take(label)
        assert self.scheduler.wants(attempt), f"nobody waits for {attempt} any more"
        # It is handed over before it is begun.
        self.now += 1
        attempt.begun_at = self.reading.monotonic
        self.desk.begun.append(attempt)
        return attempt

    def beat(self, attempt: Attempt, details: object = None) -> None:
        """A worker's heartbeat, as `Session.beat` passes it on, and the turns that follow."""
        attempt.beat = (CODEC.encode(details), self.reading.monotonic)
        if not attempt.watched:
            attempt.watched = True
            self.settle(HeartbeatReceived(attempt))

    def end(self, attempt: Attempt) -> None:
        """Perform what a worker has begun, and take the turns that follow."""
        self.desk.begun.remove(attempt)
        self.settle(perform(attempt, CODEC))

    def do(self, label: str | None = None) -> Completed:
        """Perform a dispatched task, and hand over its outcome for a turn."""
        return perform(self.take(label), CODEC)

    def work_off(self) -> None:
        """Perform all tasks one after the other, in the order dispatched, each outcome in a turn of its own."""
        self.settle()
        while self.tasks:
            self.settle(self.do())

    def finish(self, *workflow_ids: str) -> None:
        """Work and let time pass until the workflows (all, where none is named) have ended or stalled."""
        for _ in range(1000):
            self.work_off()
            records = [self.record(id) for id in workflow_ids] or self.store.records()
            if all(record.status is not WorkflowStatus.PROCESSING for record in records):
                return
            self.now += SECOND
        raise AssertionError("the workflows do not end")

    def work_until(self, seconds_of: Callable[[Attempt], float], kills: Callable[[Attempt], bool]) -> bool:
        """Have as many workers as there are do the tasks; True as soon as a task that kills the process is done."""
        running: list[tuple[Micros, int, Attempt]] = []
        begun = 0
        self.settle()
        while self.tasks or running:
            while self.tasks and len(running) < self.max_workers:
                task, begun = self.tasks.pop(0), begun + 1
                heapq.heappush(running, (self.now + int(seconds_of(task) * SECOND), begun, task))
            self.now, _, task = heapq.heappop(running)
            if kills(task):
                return True
            self.settle(perform(task, CODEC))
        return False

    # ------------------------------------------------------------------ looking

    def record(self, workflow_id: str) -> WorkflowRecord:
        """A workflow's row."""
        found = self.store.record(workflow_id)
        assert found is not None, f"{workflow_id} is not on disk"
        return found

    def status(self, workflow_id: str) -> str:
        """The status of a workflow on disk."""
        return self.record(workflow_id).status.value

    def reason(self, workflow_id: str) -> str:
        """Why a workflow is stalled."""
        return self.record(workflow_id).reason or ""

    def output(self, workflow_id: str) -> object:
        """The value that a workflow returned; or its failure, in a line."""
        outcome = self.record(workflow_id).outcome
        assert outcome is not None, f"{workflow_id} has not ended"
        return outcome.summary if isinstance(outcome, Failure) else CODEC.decode(outcome)


class Lab:
    """A registry with two activities, and what of them was performed."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.performed: list[str] = []

        @activity(registry=self.registry)
        def work(label: str) -> str:
            self.performed.append(label)
            return label.upper()

        @activity(registry=self.registry)
        def fail(label: str) -> str:
            self.performed.append(label)
            raise ValueError(label)

        self.work: Callable[[str], ActivityInvocation[str]] = work
        self.fail: Callable[[str], ActivityInvocation[str]] = fail

    def reset(self) -> None:
        """Forget what was performed."""
        self.performed.clear()
