"""Workflows in each phase of a session, and what is seen of it: the arrows taken, and what is kept in memory."""

from __future__ import annotations

from tests.support.engine import Host
from yieldflow.orchestrator.retry_point import retry_position


def tracked(host: Host) -> dict[str, str]:
    """Return the workflows of which the session keeps anything, with their phases."""
    workflows = host.scheduler._state.workflows
    return {workflow_id: phase for phase, there in workflows.by_phase.items() for workflow_id in there}


def rewind(host: Host, workflow_id: str) -> None:
    """Retry a workflow without children as `WorkflowHandle.retry` does."""
    loaded = host.store.snapshot(workflow_id)
    assert loaded is not None
    place, reapply = retry_position(loaded, None)
    host.store.rewind(workflow_id, loaded.record.run, place, reapply=reapply, at=host.now)
