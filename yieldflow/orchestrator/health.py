"""`Health`: what `Orchestrator.health` reports, with `StorageTrouble`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .._core.history import to_datetime
from ..scheduler.storage_backoff import Trouble
from ..workers import AttemptInfo


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
class Health:
    """The load of an orchestrator and its troubles, made by `Orchestrator.health`.

    Example:
        >>> health = orchestrator.health()
        >>> assert health.storage is None and health.failure is None, health
    """

    #: True if the orchestrator is started; if not, the other fields have their defaults.
    started: bool
    #: The number of attempts at activities that run now, in threads, processes and everywhere else.
    running: int = 0
    #: The number of attempts that wait for a worker.
    waiting: int = 0
    #: Attempts that timed out and still occupy a thread, since a thread cannot be killed.
    abandoned: tuple[AttemptInfo, ...] = ()
    #: The trouble with the disk; None where the last commit succeeded.
    storage: StorageTrouble | None = None
    #: The reason why nothing goes on until ``stop()`` and ``start()``: the file is lost, or yieldflow has a defect.
    failure: str | None = None


def describe_trouble(trouble: Trouble, waiting: int) -> StorageTrouble:
    """Describe a failing disk, and the number of workflows that wait for it."""
    error, since, latest, failures, writable = trouble
    return StorageTrouble(error, to_datetime(since), to_datetime(latest), failures, writable, waiting)
