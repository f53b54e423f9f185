"""The columns of a workflow and of its steps, as they are to be: from what was submitted and committed."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from yieldflow._core.history import Micros, Payload
from yieldflow.store import Checkpoint, Parent, Submission

#: Those of a workflow that a `RowNote` has too,
ROW = attrgetter(
    *("name", "input", "submitted", "seed", "version", "parent", "created_at", "starts_at", "deadline_at"),
    *("started_at", "finished_at", "progress", "recovery_attempts"),
)
_STEP = ("kind", "name", "input", "source", "turn", "attempt", "outcome", "applied", "dropped", "scheduled_at")
_LAST = ("finished_at", "failed_at", "last_failure", "counted_from")
#: those of a step, and where a note has them.
STEP = attrgetter(*_STEP, *_LAST, "heartbeat")
NOTE = attrgetter(*_STEP, *_LAST, "details")


@dataclass(slots=True)
class RowNote:
    """The row of a workflow, but for how far it is."""

    name: str
    input: Payload
    #: Name and arguments of its first run.
    submitted: tuple[str, Payload]
    seed: bytes
    version: str | None
    parent: Parent | None
    created_at: Micros
    starts_at: Micros | None
    deadline_at: Micros | None
    started_at: Micros | None = None
    finished_at: Micros | None = None
    progress: Payload | None = None
    recovery_attempts: int = 0
    patches: frozenset[str] = frozenset()
    #: Whether it ends no longer with its parent, since it went back while that did not wait for it.
    released: bool = False

    @staticmethod
    def of(new: Submission) -> RowNote:
        """The row of a new workflow."""
        submitted = new.name, new.input
        return RowNote(
            *(new.name, new.input, submitted, new.seed, new.version, new.parent),
            *(new.created_at, new.starts_at, new.deadline_at),
        )

    def enter(self, checkpoint: Checkpoint) -> None:
        """A checkpoint was committed."""
        if checkpoint.started_at is not None:
            self.started_at = checkpoint.started_at
        if checkpoint.status is not None:
            self.finished_at = checkpoint.finished_at
        if checkpoint.recovery_attempts is not None:
            self.recovery_attempts = checkpoint.recovery_attempts
        if checkpoint.rare:
            self._enter_rare(checkpoint)

    def _enter_rare(self, checkpoint: Checkpoint) -> None:
        if checkpoint.progress is not None:
            self.progress = checkpoint.progress
        if checkpoint.patches:
            self.patches = self.patches.union(checkpoint.patches)
        if checkpoint.continued is not None:
            self.name, self.input, self.seed, self.version = checkpoint.continued
            self.started_at = self.finished_at = None
            self.patches = frozenset()

    def release(self) -> None:
        """It no longer ends with its parent, if it was to."""
        if self.parent is not None and self.parent.on_parent_end == "cancel":
            self.parent, self.released = self.parent._replace(on_parent_end="abandon"), True

    def bind(self) -> None:
        """Its parent waits for it again."""
        if self.parent is not None and self.released:
            self.parent, self.released = self.parent._replace(on_parent_end="cancel"), False
