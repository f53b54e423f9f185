"""`Health`: what `Orchestrator.health` reports, with `Owner`, `RunningAttempt` and `StorageTrouble`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .._core.history import to_datetime
from ..clock import Clock
from ..scheduler.storage_backoff import Trouble
from ..workers import AttemptInfo, Hold, Occupant


@dataclass(frozen=True, slots=True)
class StorageTrouble:
    """A failure of the disk, as `Health.storage` shows it. It is over with the next commit that succeeds.

    Example:
        >>> trouble = orchestrator.health().storage
        >>> if trouble is not None:
        ...     alert(f"{trouble.error}, {trouble.failures} times since {trouble.since:%H:%M}")
    """

    #: The latest error, as text.
    error: str
    #: The time of the first failure, in UTC.
    since: datetime
    #: The time of the latest failure, in UTC.
    latest: datetime
    #: The number of failures.
    failures: int
    #: False where a write failed, True where only reading did.
    writable: bool
    #: The number of workflows that wait for the disk, which is tried again at least every five seconds.
    waiting: int


@dataclass(frozen=True, slots=True)
class RunningAttempt:
    """An attempt at an activity that holds a worker, as `Health.attempts` lists it.

    Example:
        >>> for attempt in orchestrator.health().attempts:
        ...     print(attempt.hold, attempt.since, attempt.info.activity, attempt.info.workflow_id)
    """

    #: The workflow's id, run and step, the activity, and the number of the attempt.
    info: AttemptInfo
    #: The worker: a thread's name, "event loop", "process 4711", or the name of an executor.
    worker: str | None
    #: The time at which it began, in UTC; None while its worker is not ready for it.
    since: datetime | None
    #: Why it holds the worker: it is "running"; or it has not returned although it was "cancelled", or has "timed out".
    hold: Hold


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of the file, as `Health.owner` shows it: whoever is started on it. What is not known is None.

    Example:
        >>> owner = Orchestrator("pipeline.db").health().owner
        >>> if owner is None:
        ...     alert("no orchestrator is started on pipeline.db")
    """

    #: The id of its process.
    pid: int | None
    #: The name of the host that it runs on.
    host: str | None
    #: The time of its start, in UTC, to the second.
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    """The load of an orchestrator and its troubles, made by `Orchestrator.health`.

    Example:
        >>> health = orchestrator.health()
        >>> assert health.storage is None and health.failure is None, health
    """

    #: True if the orchestrator is started, in this process; if not, only ``owner`` and ``failure`` say anything.
    started: bool
    #: The number of attempts at activities that run now, in threads, processes and everywhere else, and are waited for.
    running: int = 0
    #: The number of attempts that wait for a worker.
    waiting: int = 0
    #: Every attempt that holds a worker, also those that nobody waits for any more; the longest first.
    attempts: tuple[RunningAttempt, ...] = ()
    #: The trouble with the disk; None where the last commit succeeded.
    storage: StorageTrouble | None = None
    #: The reason why nothing goes on until ``stop()`` and ``start()``: the file is lost, or it has a defect; in a
    #: forked child, that the orchestrator is its parent's.
    failure: str | None = None
    #: The owner of the file: this orchestrator if it is started, else another, in this process or elsewhere; None where
    #: none is started. A forked child does not know it.
    owner: Owner | None = None

    @property
    def abandoned(self) -> tuple[AttemptInfo, ...]:
        """Attempts that timed out and have not returned: a thread cannot be killed, so that they still hold theirs."""
        return tuple(attempt.info for attempt in self.attempts if attempt.hold == "timed out")


def describe_trouble(trouble: Trouble, waiting: int) -> StorageTrouble:
    """Describe a failing disk, and the number of workflows that wait for it."""
    error, since, latest, failures, writable = trouble
    return StorageTrouble(error, to_datetime(since), to_datetime(latest), failures, writable, waiting)


def describe_occupants(occupants: Iterable[Occupant], clock: Clock) -> tuple[RunningAttempt, ...]:
    """Describe the attempts that hold a worker, those first that began first."""
    ahead = clock.now() - clock.monotonic()
    described = []
    for occupant in occupants:
        attempt = occupant.attempt
        since = None if attempt.begun_at is None else to_datetime(attempt.begun_at + ahead)
        described.append(RunningAttempt(attempt.info, attempt.worker, since, occupant.hold))
    return tuple(sorted(described, key=lambda each: (each.since is None, each.since)))
