"""The points at which a host of the scheduler may do otherwise than the orchestrator: a test does."""

from __future__ import annotations

from typing import Any

from .._core.context import WorkflowInfo
from .._core.definitions import Workflow
from .._core.errors import DuplicateDefinitionError
from .._core.execution import Advance
from .._core.history import Failure, WorkflowStatus
from .._core.registry import Registry, conflict
from ..log import logger
from ..store import Checkpoint

#: A run with more steps than this is warned about, once.
LONG_HISTORY = 10_000

#: The warning about a workflow that failed or was cancelled.
ENDED_BADLY = "workflow %r (%s) %s: %s"


class Hooks:
    """The orchestrator's ways: children start, and what is wrong goes to the log. A host overrides what it needs."""

    #: Whether the scheduler starts children itself. If not, their steps stay open until a `StepResolved` comes, or
    #: the host submits the child with its parent.
    starts_children = True
    #: Whether ``max_concurrent`` of an activity holds attempts back.
    limits_concurrency = True
    #: Whether the log tells of what waits for long: attempts that no worker begins, and signals that nobody takes.
    warns_of_waits = True

    def conflict(self, registry: Registry, meant: Workflow[..., Any]) -> DuplicateDefinitionError | None:
        """Return the error about a workflow that was yielded, where its name finds another one."""
        return conflict(registry, meant)

    def applied(self, info: WorkflowInfo, advance: Advance) -> None:
        """Called with what an event led to, where that is more than steps: log what is allowed and hardly meant."""
        who = f"workflow {info.name!r} ({info.workflow_id})"
        for command, line in advance.unyielded:
            logger.warning(
                "%s made %s at %s and never yielded it, so it does not run: write `yield %s`",
                who, command, line, command,
            )  # fmt: skip
        if any(step.number == LONG_HISTORY for step in advance.issued):
            logger.warning("%s has passed %d steps in one run: each recovery replays them all", who, LONG_HISTORY)

    def ended(self, info: WorkflowInfo, checkpoint: Checkpoint) -> None:
        """Called with the end of a workflow: log a failure, since perhaps nobody waits for the result."""
        failure = checkpoint.outcome
        if isinstance(failure, Failure):
            asked = checkpoint.status is WorkflowStatus.CANCELLED
            reason = (failure.message or "no reason was given") if asked else failure.summary
            logger.warning(ENDED_BADLY, info.name, info.workflow_id, checkpoint.status, reason)

    def stalled(self, info: WorkflowInfo, reason: str) -> None:
        """Called with a workflow that cannot go on: log why."""
        logger.error("workflow %r (%s) is stalled: %s", info.name, info.workflow_id, reason)


#: Those of the orchestrator.
DEFAULT = Hooks()
