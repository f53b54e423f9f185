"""`Tracer`: hears of workflows and attempts while they run, for spans, metrics or an audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._core.context import WorkflowInfo
from ._core.history import Failure, WorkflowStatus
from .log import logger
from .workers.attempt import Attempt, Completed
from .workers.context import AttemptInfo


class Tracer:
    """Hears of every start and end. Derive from it, override what you need, and give it to an orchestrator.

    Each method is called in this process, right when the thing happens, and has to be quick. The methods about
    workflows are called on the scheduler's thread, which drives all workflows. The methods about attempts are called on
    the thread that runs the activity, if that is one of the pool's, so that a span begun there is the current one for
    everything that the activity does. An exception of a method is logged, once for each method, and changes nothing.

    Example:
        >>> class Printer(Tracer):
        ...     def attempt_ended(self, attempt: AttemptInfo, error: str | None) -> None:
        ...         print(attempt.activity, attempt.attempt, error or "done")
        >>> Orchestrator("shop.db", tracer=Printer())
    """

    def workflow_started(self, workflow: WorkflowInfo) -> None:
        """Hear that a run of a workflow has begun, which is on disk. After a restart this is not called again.

        Args:
            workflow: Its id, name, run and parent.
        """

    def workflow_ended(self, workflow: WorkflowInfo, status: WorkflowStatus, error: str | None) -> None:
        """Hear that a run of a workflow has ended, which is on disk.

        Args:
            workflow: Its id, name, run and parent.
            status: How it ended; ``processing`` where it continued as new, and the next run begins.
            error: Type and message, where it failed; the reason, where it was cancelled and a reason was given.
        """

    def attempt_started(self, attempt: AttemptInfo) -> None:
        """Hear that a worker begins an attempt at an activity.

        Args:
            attempt: The workflow's id, run and step, the activity, the number of the attempt.
        """

    def attempt_ended(self, attempt: AttemptInfo, error: str | None) -> None:
        """Hear that an attempt has ended. The retry policy decides whether another follows.

        This is called once for each attempt that started, unless the orchestrator stops or the process dies first. If
        its time runs out, it is called then, on the scheduler's thread, and not when a thread that cannot be killed is
        done with it.

        Args:
            attempt: The same as `attempt_started` was given.
            error: Type and message, where it failed; None where it returned.
        """


class Tracing:
    """Calls a tracer, and keeps its exceptions from doing harm.

    Args:
        tracer: The user's tracer.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        # Any thread adds and takes out; `dict.pop` is one step, so that only one of them reports an end.
        self._in_flight: dict[Attempt, AttemptInfo] = {}
        #: The methods whose failure is in the log.
        self._failed: set[str] = set()

    def started(self, workflow: WorkflowInfo) -> None:
        """Report that a run has begun."""
        self._call(self._tracer.workflow_started, workflow)

    def ended(self, workflow: WorkflowInfo, status: WorkflowStatus, error: str | None) -> None:
        """Report that a run has ended."""
        self._call(self._tracer.workflow_ended, workflow, status, error)

    def begun(self, attempt: Attempt) -> None:
        """Report that an attempt has begun."""
        info = self._in_flight[attempt] = attempt.info
        self._call(self._tracer.attempt_started, info)

    def completed(self, completed: Completed) -> None:
        """Report that an attempt has ended, or that its time has run out, unless it never began."""
        info = self._in_flight.pop(completed.attempt, None)
        if info is not None:
            outcome = completed.outcome
            self._call(self._tracer.attempt_ended, info, outcome.summary if isinstance(outcome, Failure) else None)

    def _call(self, method: Callable[..., None], *arguments: Any) -> None:
        try:
            method(*arguments)
        except BaseException as error:
            name = method.__name__
            if name not in self._failed:
                self._failed.add(name)
                logger.error("%s of the tracer failed; this is told once", name, exc_info=error)
