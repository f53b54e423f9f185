"""The life of a workflow in a session: its phases, which may follow which, and the only way to change them.

The **status**, on disk, says what a workflow is. Its **phase** says what this session does with it. Most workflows
of a file have none: they are asleep, delayed, suspended, stalled, ended, or wait for a message. Their rows say so, and
`wake_at` when they are due. The others are tracked here, by one object each, on which everything hangs that the session
knows of the workflow beyond its row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from .._core.errors import InternalError
from .._core.history import Micros
from ..workers import Attempt, Completed, Key
from .live import LiveWorkflow
from .messages import RequestReceived


class Phase(StrEnum):
    """The phase of a workflow that the session has something to do with."""

    #: On disk by its parent's commit, or submitted during a recovery; its first turn comes next.
    CREATED = "created"
    #: Found after a crash, and under suspicion: it waits to be let in.
    ADMISSION = "admission"
    #: To be read and replayed in a next turn. Until then only the disk knows its status.
    LOADING = "loading"
    #: Its generator is in memory.
    LIVE = "live"
    #: Out of memory, but for attempts that still run, outcomes that the store refused, or requests that wait for code.
    DRAINING = "draining"


#: The phases that may follow each; None is that of a workflow of which nothing is in memory.
PHASES: Mapping[Phase | None, frozenset[Phase | None]] = MappingProxyType(
    {
        None: frozenset({Phase.CREATED, Phase.ADMISSION, Phase.LOADING, Phase.LIVE, Phase.DRAINING}),
        Phase.CREATED: frozenset({Phase.LIVE, Phase.LOADING, None}),
        Phase.ADMISSION: frozenset({Phase.LOADING, None}),
        Phase.LOADING: frozenset({Phase.LIVE, Phase.ADMISSION, Phase.DRAINING, None}),
        Phase.LIVE: frozenset({Phase.LOADING, Phase.DRAINING, None}),
        Phase.DRAINING: frozenset({Phase.LOADING, None}),
    }
)

# Kept here, since to ask an enum for a member takes ten times as long as a name.
_LIVE, _DRAINING = Phase.LIVE, Phase.DRAINING


class TrackedWorkflow:
    """A workflow that the session has something to do with, and all that it knows of it beyond the row.

    Args:
        workflow_id: Its id.
        recovery_attempts: Its count on disk, where the session found it there.
    """

    __slots__ = ("id", "in_flight", "kept", "live", "on_trial", "phase", "recovery_attempts", "requests")

    def __init__(self, workflow_id: str, recovery_attempts: int = 0) -> None:
        self.id = workflow_id
        #: Changed by `Workflows.move` alone.
        self.phase: Phase | None = None
        #: The generator and what goes with it, while it is in memory.
        self.live: LiveWorkflow | None = None
        #: Its attempts that were dispatched, and the outcome of which is not on disk yet.
        self.in_flight: dict[Key, Attempt] = {}
        #: Outcomes that the store refused: tried again when it is loaded.
        self.kept: Sequence[Completed] = ()
        #: Requests that wait until it is loaded.
        self.requests: Sequence[RequestReceived] = ()
        #: How often in a row it was recovered before without getting anywhere.
        self.recovery_attempts = recovery_attempts
        #: Whether it was admitted, and has made no progress since.
        self.on_trial = False

    def __repr__(self) -> str:
        return f"<workflow {self.id}: {self.phase}>"


class Workflows:
    """All workflows that the session tracks, by id and by phase. Only the scheduler's thread changes it."""

    def __init__(self) -> None:
        self._by_id: dict[str, TrackedWorkflow] = {}
        #: The workflow of that id, where it is tracked. Any thread may ask.
        self.get = self._by_id.get
        #: Those in each phase, in the order in which they came to it.
        self.by_phase: dict[Phase, dict[str, TrackedWorkflow]] = {phase: {} for phase in Phase}
        self.live = self.by_phase[Phase.LIVE]
        self.loading = self.by_phase[Phase.LOADING]
        #: Live ones in which something happened since their rows said until when they rest: the time of an event in
        #: each, behind which there may have been others since.
        self.active: dict[str, Micros] = {}

    def __contains__(self, workflow_id: str) -> bool:
        return workflow_id in self._by_id

    def move(self, workflow: TrackedWorkflow, phase: Phase | None) -> None:
        """Bring a workflow into another phase; into None: it is tracked no longer.

        Raises:
            InternalError: The table does not allow it.
        """
        before = workflow.phase
        if phase not in PHASES[before] or (before is None and workflow.id in self._by_id):
            raise InternalError(f"workflow {workflow.id} may not go from phase {before} to {phase}")
        if before is not None:
            del self.by_phase[before][workflow.id]
        workflow.phase = phase
        if before is _LIVE:
            self.active.pop(workflow.id, None)
        elif phase is _LIVE and workflow.live is not None:
            self.active[workflow.id] = workflow.live.placed_at = workflow.live.touched
        if phase is None:
            del self._by_id[workflow.id]
        else:
            self._by_id[workflow.id] = workflow
            self.by_phase[phase][workflow.id] = workflow

    def track(self, workflow_id: str, phase: Phase, recovery_attempts: int = 0) -> TrackedWorkflow:
        """Begin to track a workflow of which nothing is in memory."""
        workflow = TrackedWorkflow(workflow_id, recovery_attempts)
        self.move(workflow, phase)
        return workflow

    def touch(self, workflow: TrackedWorkflow) -> None:
        """Note that something happened in a workflow in memory, whose row said until when it rests, or nothing yet."""
        if workflow.phase is not _LIVE:
            # Its first turn is on disk.
            self.move(workflow, _LIVE)
        elif workflow.live is not None:
            self.active[workflow.id] = workflow.live.touched

    def postpone(self, workflow: TrackedWorkflow, placed_at: Micros) -> None:
        """Put a live workflow behind all others that may leave memory: it is looked at again some time after then."""
        if workflow.live is not None:
            workflow.live.placed_at = placed_at
        del self.live[workflow.id]
        self.live[workflow.id] = workflow

    def release(self, workflow: TrackedWorkflow) -> None:
        """Track a workflow no longer that left memory, but for what of it still drains."""
        phase = _DRAINING if workflow.in_flight or workflow.kept or workflow.requests else None
        if phase is not workflow.phase:
            self.move(workflow, phase)
