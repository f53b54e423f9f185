"""`WorkflowHandle`: one workflow on disk, as users hold it."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import timedelta
from typing import Any, Generic, TypeVar

from .._core.errors import ResultTimeoutError, WorkflowAlreadyExistsError
from .._core.history import SEED_LENGTH, WorkflowStatus, reseeded, to_datetime
from ..filter import Filter
from ..store import RequestKind, Rewind, Submission, WorkflowRecord
from .descriptions import WorkflowDescription, describe_step, describe_waiting, describe_workflow
from .gateway import Gateway
from .retry_point import children_of_retry, did_something, place_of_fork, place_of_retry, refuse_to_undo, time_limit
from .submissions import check_id, new_id, reason_payload, signal_name, signal_payload
from .waiting import seconds_to_wait, wait, wait_async
from .workflow_history import WorkflowHistory

R_co = TypeVar("R_co", covariant=True)


class WorkflowHandle(Generic[R_co]):
    """A workflow on disk that returns an ``R``. Made by `Orchestrator.submit` and `Orchestrator.handle`.

    ``await handle`` in a coroutine is ``handle.result()`` without blocking.
    """

    __slots__ = ("_access", "_watch", "id")

    def __init__(self, access: Gateway, workflow_id: str) -> None:
        #: The workflow's id.
        self.id = workflow_id
        self._access = access
        self._watch = access.watches.of(workflow_id)

    def __repr__(self) -> str:
        return f"<WorkflowHandle {self.id}>"

    def result(self, timeout: float | timedelta | None = None) -> R_co:
        """Wait until the workflow has ended. In an activity, another thread works meanwhile in its place.

        Args:
            timeout: Seconds, or a `timedelta`, to wait at most; None for as long as it takes.

        Returns:
            What the workflow returned.

        Raises:
            TypeError, ValueError: The timeout is no length of time.
            ResultTimeoutError: It has not ended in time; it goes on.
            WorkflowFailedError: It raised an exception that cannot be built again here; one that can is raised itself.
            WorkflowCancelledError: It was cancelled.
            WorkflowStalledError: It cannot go on until somebody acts; the message says why.
            OrchestratorStoppedError: The orchestrator stopped meanwhile; the workflow goes on at the next start.
            MisplacedCallError: This is an async activity: write ``await handle``.
        """
        seconds = seconds_to_wait("result", timeout)
        self._access.check_place("result()")
        self._access.check_may_block("result()")
        # What has been told needs no waiting.
        ended = self._watch.end or wait(self._watch, self._access.looks(self._watch, self.id), seconds)
        if ended is None:
            raise ResultTimeoutError(f"workflow {self.id} has not ended within {seconds:g} s; {self._outlook()}")
        value: R_co = self._access.value(ended)
        return value

    def _outlook(self) -> str:
        """What will become of the workflow."""
        record = self._access.record(self.id)
        if record.status is WorkflowStatus.SUSPENDED:
            return "it is suspended, and goes on once resume() is called"
        if record.started_at is None and record.starts_at is not None:
            return f"it is to start at {to_datetime(record.starts_at).isoformat()}"
        return self._access.unattended() or "it goes on, and can be asked again"

    def __await__(self) -> Generator[Any, None, R_co]:
        self._access.check_place("await")
        ended = yield from wait_async(self._watch, self._access.looks(self._watch, self.id)).__await__()
        value: R_co = self._access.value(ended)
        return value

    # ------------------------------------------------------------------ looking

    def describe(self) -> WorkflowDescription:
        """Where the workflow stands, and what each of its branches waits for.

        Raises:
            WorkflowNotFoundError: It is no longer on disk.
        """
        self._access.check_place("describe()")
        record = self._access.record(self.id)
        steps = [] if record.status.ended else self._access.query(lambda store: store.steps(self.id))
        return describe_workflow(record, describe_waiting(steps))

    def history(self) -> WorkflowHistory:
        """The steps of the workflow's current run, in the order issued: a list, with all that it takes to replay them.

        It can be saved as JSON, and checked against today's code by ``yieldflow.testing.replay``.

        Raises:
            WorkflowNotFoundError: It is no longer on disk.

        Example:
            >>> handle.history().save("o-1.json")
        """
        self._access.check_place("history()")
        loaded = self._access.snapshot(self.id)
        steps = self._access.query(lambda store: store.steps(self.id))
        return WorkflowHistory((describe_step(record) for record in steps), loaded)

    # ------------------------------------------------------------------ asking something of it

    def signal(self, name: str, payload: object = None) -> None:
        """Send a message, which the workflow receives by ``wait_signal(name)``, now or whenever it comes to that.

        When this returns, the signal is on disk. Signals of one name are received in the order sent, each once.

        Args:
            name: What kind of message it is.
            payload: What ``wait_signal`` resumes with.

        Raises:
            EncodingError: The payload cannot be stored.
            WorkflowEndedError: The workflow has ended.
            WorkflowNotFoundError: It is no longer on disk.

        Example:
            >>> handle.signal("approve", {"by": "ann"})
        """
        signal_name(name)
        self._access.request(self.id, RequestKind.SIGNAL, name, signal_payload(name, payload, self._access.codec))

    def cancel(self, reason: str | None = None) -> None:
        """Ask the workflow to end: `Cancelled` is thrown at each of its branches, which may clean up.

        One that sleeps is woken, one that is suspended goes on in order to end. When this returns, the request is on
        disk; the end may take as long as the cleanup does, or never come, where the workflow catches `Cancelled`.

        Args:
            reason: Shown in its status, and to whoever waits for it.

        Raises:
            WorkflowEndedError: It has ended.
            WorkflowStalledError: It is stalled, so it cannot clean up: `terminate` it, or put the code right.
        """
        self._access.request(self.id, RequestKind.CANCEL, payload=reason_payload(reason, self._access.codec))

    def terminate(self, reason: str | None = None) -> None:
        """End the workflow at once, without cleanup: its status becomes cancelled. `cancel` is the gentle way.

        Args:
            reason: Shown in its status, and to whoever waits for it.

        Raises:
            WorkflowEndedError: It has ended.
        """
        self._access.request(self.id, RequestKind.TERMINATE, payload=reason_payload(reason, self._access.codec))

    def suspend(self) -> None:
        """Have the workflow pause. What it has begun goes on; outcomes are recorded, and applied once it is resumed.

        Raises:
            WorkflowEndedError: It has ended.
            WorkflowStalledError: It is stalled.
        """
        self._access.request(self.id, RequestKind.SUSPEND)

    def resume(self) -> None:
        """Have the workflow go on after `suspend`. One that is not suspended goes on anyhow.

        Raises:
            WorkflowEndedError: It has ended.
        """
        self._access.request(self.id, RequestKind.RESUME)

    # ------------------------------------------------------------------ another chance

    def retry(self, from_step: int | None = None) -> None:
        """Have a failed, cancelled or stalled workflow go on from where it failed; what succeeded is kept.

        The step whose failure ended it runs again; where its own code raised, the last outcome is applied again, to
        what is the code now. A cancelled one goes on as if it had not been cancelled; one whose time ran out gets no
        other limit. A child that failed or was cancelled with it is retried too.

        Args:
            from_step: The number of the step to go on from, as `history` shows it. All that followed from its outcome
                is undone: steps and children that began since are deleted, signals received since wait again.

        Raises:
            RetryRefusedError: Steps were completed after the failure (a compensation, say), here or in a child, and
                would be undone: the message lists them. Or the workflow is done.
            WorkflowNotEndedError: It is under way or suspended, or a child that would be deleted is.
            WorkflowNotFoundError: It is no longer on disk.
            ValueError: It has no such step.

        Example:
            >>> handle.retry()
            >>> handle.result()
        """
        access = self._access
        access.check_place("retry()")
        now = access.now()
        goals: list[Rewind] = []
        undone: list[str] = []
        # All is decided before anything is changed, so that nothing is where it is refused.
        _plan(access, self.id, from_step, goals, undone)
        (_, run, place, reapply), *children = goals
        access.query(
            lambda store: store.rewind(self.id, run, place, reapply=reapply, at=now, children=children, undone=undone)
        )
        access.nudge()

    def fork(self, step: int, workflow_id: str | None = None) -> WorkflowHandle[R_co]:
        """Begin a new workflow as a copy of this one as it stood when a step was issued; this one is left alone.

        Outcomes applied before are kept; steps that were open then run again in the copy, this one among them. Signals
        that were received later wait there to be received again. It has the same name, arguments and version, as long
        to run as this one was given, and no parent.

        Args:
            step: The number of the step, as `history` shows it.
            workflow_id: The copy's id; a new one if left out.

        Raises:
            TypeError, ValueError: There is no such step, or the id is none.
            WorkflowAlreadyExistsError: The id is taken.
            WorkflowNotFoundError: This workflow is no longer on disk, or has begun its next run meanwhile.

        Example:
            >>> another = handle.fork(3)
        """
        access = self._access
        access.check_place("fork()")
        loaded = access.snapshot(self.id)
        record, place, now = loaded.record, place_of_fork(loaded, step), access.now()
        new = Submission(
            check_id(workflow_id) or new_id(now),
            record.name,
            record.input,
            reseeded(record.seed, place, os.urandom(SEED_LENGTH)),
            now,
            deadline_at=time_limit(record, now),
            version=record.version,
        )
        copy: WorkflowHandle[R_co] = WorkflowHandle(access, new.workflow_id)
        try:
            access.query(lambda store: store.fork(self.id, record.run, place, new))
        except WorkflowAlreadyExistsError:
            raise WorkflowAlreadyExistsError(
                f"workflow id {workflow_id!r} is taken: choose another for the copy, or leave it out"
            ) from None
        access.nudge()
        return copy


def _plan(access: Gateway, workflow_id: str, from_step: int | None, goals: list[Rewind], undone: list[str]) -> None:
    """Add how far a workflow goes back for a retry, then its children that go on too, and those to be deleted."""
    loaded = access.snapshot(workflow_id)
    place, reapply = place_of_retry(loaded, from_step)
    run = loaded.record.run
    goals.append(Rewind(workflow_id, run, place, reapply))
    children = access.query(lambda store: store.records(Filter(parent=workflow_id)))
    if not children:
        return
    steps = access.query(lambda store: store.steps(workflow_id))
    retried, deleted = children_of_retry(run, place, steps, children)
    if from_step is None:
        lost = [child.parent.step for child in deleted if child.parent and child.status.ended and _lost(access, child)]
        refuse_to_undo(loaded, place, sorted(lost))
    undone += [child.id for child in deleted]
    for child in retried:
        _plan(access, child.id, None, goals, undone)


def _lost(access: Gateway, record: WorkflowRecord) -> bool:
    """Whether anything that was done is lost when a workflow is deleted with its children."""
    if did_something(access.snapshot(record.id)):
        return True
    children = access.query(lambda store: store.records(Filter(parent=record.id)))
    return any(_lost(access, child) for child in children)
