"""`WorkflowHandle`: one workflow on disk, as users hold it."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import timedelta
from typing import Any, Generic, TypeVar

from .._core.errors import ResultTimeoutError, WorkflowAlreadyExistsError
from .._core.history import SEED_LENGTH, reseeded
from ..log import logger
from ..store import RequestKind, Submission
from .descriptions import WorkflowDescription, describe_signals, describe_step, describe_waiting, describe_workflow
from .gateway import Gateway
from .results import prospects, result_of, timeout_seconds, wait_for_end, wait_for_end_async
from .retry_plan import plan_retry
from .retry_point import fork_position, time_limit
from .submissions import check_id, new_id, reason_payload, signal_name, signal_payload
from .workflow_history import WorkflowHistory

R_co = TypeVar("R_co", covariant=True)


class WorkflowHandle(Generic[R_co]):
    """A workflow on disk that returns an ``R``, made by `Orchestrator.submit` and `Orchestrator.handle`.

    It may be used from any thread, and from activities. ``await handle`` in a coroutine is ``handle.result()`` without
    blocking the event loop.

    Every method raises `WorkflowNotFoundError` if the workflow is no longer on disk, `StorageError` if the disk fails,
    `DatabaseLostError` if the file was deleted, moved, replaced or damaged, and `MisplacedCallError` if it is called
    inside a workflow.

    Example:
        >>> handle = orchestrator.submit(pipeline("database", destination="warehouse"))
        >>> handle.id, handle.describe().status, handle.result(timeout=30)
    """

    __slots__ = ("_gateway", "_watch", "id")

    def __init__(self, gateway: Gateway, workflow_id: str) -> None:
        #: The workflow's id.
        self.id = workflow_id
        self._gateway = gateway
        self._watch = gateway.watches.of(workflow_id)

    def __repr__(self) -> str:
        return f"<WorkflowHandle {self.id}>"

    def result(self, timeout: float | timedelta | None = None) -> R_co:
        """Wait until the workflow has ended, and return its result.

        In an activity, another activity may use the worker's place meanwhile.

        Args:
            timeout: Seconds, or a `timedelta`, to wait at most; None for as long as it takes.

        Returns:
            The value that the workflow returned.

        Raises:
            TypeError, ValueError: The timeout is no length of time.
            ResultTimeoutError: It has not ended in time; it goes on.
            WorkflowFailedError: It raised an exception that cannot be built again here. An exception that can be built
                is raised itself.
            WorkflowCancelledError: It was cancelled or terminated.
            WorkflowStalledError: It cannot go on until its code is put right; the message says why.
            OrchestratorStoppedError: The orchestrator stopped meanwhile; the workflow goes on at the next start.
            MisplacedCallError: This is an async activity: write ``await handle``.

        Example:
            >>> handle.result(timeout=30)
        """
        seconds = timeout_seconds("result", timeout)
        gateway, watch = self._gateway, self._watch
        gateway.check_place("result()")
        gateway.check_may_block("result()")
        # An announced end needs no waiting.
        ended = watch.done or wait_for_end(gateway, watch, self.id, seconds)
        if ended is None:
            raise ResultTimeoutError(
                f"workflow {self.id} has not ended within {seconds:g} s; {prospects(gateway, self.id)}"
            )
        # So that a program finds in its log what its workflow logged.
        logger.flush()
        value: R_co = result_of(ended, gateway.codec)
        return value

    def __await__(self) -> Generator[Any, None, R_co]:
        gateway = self._gateway
        gateway.check_place("await")
        ended = yield from wait_for_end_async(gateway, self._watch, self.id).__await__()
        yield from logger.flush_async().__await__()
        value: R_co = result_of(ended, gateway.codec)
        return value

    # ------------------------------------------------------------------ looking

    def describe(self) -> WorkflowDescription:
        """Describe the workflow's state, the steps that its branches wait for, and the signals that it has not taken.

        Returns:
            A `WorkflowDescription`, as of now.

        Example:
            >>> description = handle.describe()
            >>> print(description.status, description.progress, description.waiting_for)
        """
        self._gateway.check_place("describe()")
        record = self._gateway.record(self.id)
        steps = [] if record.status.ended else self._gateway.query(lambda store: store.steps(self.id))
        signals = self._gateway.query(lambda store: store.buffered_signals(self.id))
        return describe_workflow(record, describe_waiting(steps), describe_signals(signals))

    def history(self) -> WorkflowHistory:
        """List the steps of the workflow's current run.

        Returns:
            A list of `StepDescription` in the order issued, with everything that it takes to replay them: it can be
            saved as JSON, and checked against today's code by ``yieldflow.testing.replay``.

        Raises:
            DamagedRowError: Its rows do not fit together.

        Example:
            >>> handle.history().save("o-1.json")
        """
        self._gateway.check_place("history()")
        loaded = self._gateway.snapshot(self.id)
        steps = self._gateway.query(lambda store: store.steps(self.id))
        return WorkflowHistory((describe_step(record) for record in steps), loaded)

    # ------------------------------------------------------------------ requests

    def signal(self, name: str, payload: object = None) -> None:
        """Send a message, which the workflow receives by ``wait_signal(name)``, now or whenever it gets there.

        When this returns, the signal is on disk. Signals of one name are received in the order sent, each once. Those
        that were not received are in ``describe().buffered_signals``; a warning tells of them after an hour.

        Args:
            name: The name that the workflow waits for.
            payload: The value that ``wait_signal`` resumes with.

        Raises:
            TypeError, ValueError: The name is no non-empty string.
            EncodingError: The payload cannot be stored.
            WorkflowEndedError: The workflow has ended.

        Example:
            >>> handle.signal("approve", {"by": "ann"})
        """
        signal_name(name)
        self._gateway.request(self.id, RequestKind.SIGNAL, name, signal_payload(name, payload, self._gateway.codec))

    def cancel(self, reason: str | None = None) -> None:
        """Ask the workflow to end: `Cancelled` is raised at the ``yield`` of each of its branches, which may clean up.

        A sleeping workflow is woken, and a suspended one goes on, in order to end. When this returns, the request is
        on disk. The end takes as long as the cleanup does, and never comes if the workflow catches `Cancelled` and
        goes on.

        Args:
            reason: A text that is shown in its status, and to those who wait for its result.

        Raises:
            TypeError: The reason is no string.
            WorkflowEndedError: It has ended.
            WorkflowStalledError: It is stalled, so it cannot clean up: `terminate` it, or put the code right.

        Example:
            >>> handle.cancel("the customer changed their mind")
        """
        self._gateway.request(self.id, RequestKind.CANCEL, payload=reason_payload(reason, self._gateway.codec))

    def terminate(self, reason: str | None = None) -> None:
        """End the workflow at once, without cleanup: its status becomes cancelled. `cancel` is the gentle way.

        Args:
            reason: A text that is shown in its status, and to those who wait for its result.

        Raises:
            TypeError: The reason is no string.
            WorkflowEndedError: It has ended.

        Example:
            >>> handle.terminate("it hangs")
        """
        self._gateway.request(self.id, RequestKind.TERMINATE, payload=reason_payload(reason, self._gateway.codec))

    def suspend(self) -> None:
        """Pause the workflow. Activities under way go on; their outcomes are recorded, and applied once it is resumed.

        Raises:
            WorkflowEndedError: It has ended.
            WorkflowStalledError: It is stalled.

        Example:
            >>> handle.suspend()
        """
        self._gateway.request(self.id, RequestKind.SUSPEND)

    def resume(self) -> None:
        """Let the workflow go on after `suspend`. A workflow that is not suspended just goes on.

        Raises:
            WorkflowEndedError: It has ended.

        Example:
            >>> handle.resume()
        """
        self._gateway.request(self.id, RequestKind.RESUME)

    # ------------------------------------------------------------------ going back

    def retry(self, from_step: int | None = None) -> None:
        """Let a failed, cancelled or stalled workflow go on from where it failed; completed steps are kept.

        The step whose failure ended it runs again. If its own code raised, the last outcome is applied again, to the
        code as it is now. A cancelled workflow goes on as if it had not been cancelled. After a timeout it
        gets no new time limit. A child that failed or was cancelled with it is retried too.

        Args:
            from_step: The number of the step to go on from, as `history` shows it. Everything that followed from its
                outcome is undone: steps and children that began since are deleted, signals received since wait again.

        Raises:
            RetryRefusedError: Steps were completed after the failure (a compensation, say), here or in a child, and
                would be undone: the message lists them. Or the workflow is done.
            WorkflowNotEndedError: It is processing or suspended, or a child that would be deleted is.
            TypeError, ValueError: It has no such step.

        Example:
            >>> handle.retry()
            >>> handle.result()
        """
        gateway = self._gateway
        gateway.check_place("retry()")
        now, plan = gateway.now(), plan_retry(gateway, self.id, from_step)
        gateway.query(lambda store: plan.write(store, now))
        gateway.nudge()

    def fork(self, step: int, workflow_id: str | None = None) -> WorkflowHandle[R_co]:
        """Start a copy of the workflow as it stood when a step was issued; the workflow itself stays as it is.

        Outcomes applied before are kept; steps that were open then, this one among them, run again in the copy.
        Signals that were received later wait in the copy to be received again. The copy has the same name, arguments
        and version, as much time to run as the original was given, and no parent.

        Args:
            step: The number of the step, as `history` shows it.
            workflow_id: The copy's id; a new one if left out.

        Returns:
            A handle of the copy.

        Raises:
            TypeError, ValueError: There is no such step, or the id cannot be one.
            WorkflowAlreadyExistsError: The id is taken.
            WorkflowNotFoundError: The workflow is no longer on disk, or has begun its next run meanwhile.

        Example:
            >>> another = handle.fork(3)
        """
        gateway = self._gateway
        gateway.check_place("fork()")
        loaded = gateway.snapshot(self.id)
        record, position, now = loaded.record, fork_position(loaded, step), gateway.now()
        new = Submission(
            check_id(workflow_id) or new_id(now),
            record.name,
            record.input,
            reseeded(record.seed, position, os.urandom(SEED_LENGTH)),
            now,
            deadline_at=time_limit(record, now),
            version=record.version,
        )
        copy: WorkflowHandle[R_co] = WorkflowHandle(gateway, new.workflow_id)
        try:
            gateway.query(lambda store: store.fork(self.id, record.run, position, new))
        except WorkflowAlreadyExistsError:
            raise WorkflowAlreadyExistsError(
                f"workflow id {workflow_id!r} is taken: choose another for the copy, or leave it out"
            ) from None
        gateway.nudge()
        return copy
