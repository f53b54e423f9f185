"""`Tracer`: what is told of workflows and attempts while they run, for spans, metrics or an audit log."""

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

    Each method is called in this process, right when the thing happens, and has to be quick: those of workflows on the
    scheduler's thread, which drives all workflows; those of attempts on the thread that runs the activity, if that is
    one of the pool's (so a span begun there is the current one for what the activity does). What a method raises is
    logged, once for each method, and changes nothing.

    Example:
        >>> class Printer(Tracer):
        ...     def attempt_ended(self, attempt: AttemptInfo, error: str | None) -> None:
        ...         print(attempt.activity, attempt.attempt, error or "done")
        >>> Orchestrator("shop.db", tracer=Printer())
    """

    def workflow_started(self, workflow: WorkflowInfo) -> None:
        """A run of a workflow has begun, and this is on disk. After a restart it is not told again.

        Args:
            workflow: Its id, name, run and parent.
        """

    def workflow_ended(self, workflow: WorkflowInfo, status: WorkflowStatus, error: str | None) -> None:
        """A run of a workflow has ended, and this is on disk.

        Args:
            workflow: Its id, name, run and parent.
            status: How it ended; ``processing`` where it continued as new, and the next run begins.
            error: Type and message, where it failed; the reason, where it was cancelled and one was given.
        """

    def attempt_started(self, attempt: AttemptInfo) -> None:
        """A worker begins an attempt at an activity.

        Args:
            attempt: Which one: the workflow's id, run and step, the activity, the number of the attempt.
        """

    def attempt_ended(self, attempt: AttemptInfo, error: str | None) -> None:
        """An attempt has ended: told once for each that started, unless the orchestrator stops or the process dies
        first. Whether another follows, the retry policy decides.

        Args:
            attempt: Which one.
            error: Type and message, where it failed; None where it returned. Where its time ran out this is told then,
                on the scheduler's thread, and not when a thread that cannot be killed is done with it.
        """


class Tracing:
    """Tells a tracer, and keeps what that raises from doing harm.

    Args:
        tracer: Who is told.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        # Any thread adds and takes out; `dict.pop` is one step, so that each end is told by one of them.
        self._under_way: dict[Attempt, AttemptInfo] = {}
        self._broken: set[str] = set()

    def started(self, workflow: WorkflowInfo) -> None:
        """A run has begun."""
        self._tell(self._tracer.workflow_started, workflow)

    def ended(self, workflow: WorkflowInfo, status: WorkflowStatus, error: str | None) -> None:
        """A run has ended."""
        self._tell(self._tracer.workflow_ended, workflow, status, error)

    def begun(self, attempt: Attempt) -> None:
        """An attempt has begun."""
        info = self._under_way[attempt] = attempt.info
        self._tell(self._tracer.attempt_started, info)

    def completed(self, completed: Completed) -> None:
        """An attempt has ended, or its time has run out. What never began is not told of."""
        info = self._under_way.pop(completed.attempt, None)
        if info is not None:
            outcome = completed.outcome
            self._tell(self._tracer.attempt_ended, info, outcome.summary if isinstance(outcome, Failure) else None)

    def _tell(self, method: Callable[..., None], *told: Any) -> None:
        try:
            method(*told)
        except BaseException as error:
            name = method.__name__
            if name not in self._broken:
                self._broken.add(name)
                logger.error("%s of the tracer failed; this is told once", name, exc_info=error)
