"""What the scheduler knows from one turn to the next: where each unfinished workflow is, and what is under way.

An unfinished workflow that the session knows of is in one of these places:

* *resident*: in memory, as a generator that has been driven to its yields;
* *to be built*: it is read from the store and driven at the next turn;
* *dormant*: it waits for time or a message, and need not be in memory till then;
* *delayed*: its start lies ahead;
* *suspended* by somebody, and not in memory;
* *stalled*: it was tried in this session, and cannot go on;
* on *probation*, waiting to be taken up after a recovery.
"""

from __future__ import annotations

from collections.abc import Callable

from .._core.history import Codec, Micros
from .._core.registry import Registry
from ..store import Store
from ..tracing import Tracing
from ..workers import Attempt, Key, Workers
from .admission import AdmissionControl
from .live import LiveWorkflows, Stalled
from .max_concurrent import ConcurrencyLimiter
from .timers import StorageBackoff, Timers
from .turn import Ended, Postponed, RequestReceived


class State:
    """Everything that outlasts a turn. Only the scheduler's thread changes it.

    Args:
        store: Where the workflows are kept.
        workers: Where activities run.
        codec: How values are stored.
        registry: Where workflows are found by name.
        tell: Called after each commit with the workflows that ended or stalled in it.
        max_workers: How many activities run at once.
        max_recovery_attempts: How often in a row a workflow may be recovered without getting anywhere.
        tracing: Who is told of starts and ends; None for nobody.
    """

    def __init__(
        self,
        store: Store,
        workers: Workers,
        codec: Codec,
        registry: Registry,
        tell: Callable[[list[Ended]], None],
        max_workers: int,
        max_recovery_attempts: int,
        tracing: Tracing | None = None,
    ) -> None:
        self.store = store
        self.workers = workers
        self.codec = codec
        self.registry = registry
        self.tell = tell
        self.tracing = tracing
        self.residents = LiveWorkflows(codec, registry)
        self.timers = Timers()
        self.probation = AdmissionControl(max_workers, max_recovery_attempts)
        #: Every workflow that is known to be on disk and not to have ended.
        self.known: set[str] = set()
        #: Until something comes up for them. Of those that were recovered, the count of recovery attempts; None of
        #: those that were in memory before.
        self.dormant: dict[str, int | None] = {}
        self.delayed: set[str] = set()
        self.suspended: set[str] = set()
        #: In this order.
        self.to_build: dict[str, None] = {}
        self.stalled = Stalled()
        #: Dispatched, and the outcome not on disk yet.
        self.under_way: dict[Key, Attempt] = {}
        #: Of these, the ones that no worker has begun. A worker takes its attempt's key out, and so may the scheduler:
        #: whoever gets it has it, since `dict.pop` is one step.
        self.queued: dict[Key, Attempt] = {}
        #: For the next turn, once what is to be built has been built.
        self.again: list[Postponed] = []
        #: For when a workflow has been built.
        self.later: dict[str, list[RequestReceived]] = {}
        #: Numbers of the requests in the store that were taken in, and whose handling is not on disk yet.
        self.taken_in: set[int] = set()
        self.lanes = ConcurrencyLimiter()
        self.back_off = StorageBackoff()
        #: The time of the turn before.
        self.latest: Micros = 0
        #: False once nothing more is to begin.
        self.dispatching = True

    def wake(self, workflow_id: str) -> None:
        """Have a workflow that is not in memory be built at the next turn."""
        count = self.dormant.pop(workflow_id, None)
        if count is not None:
            self.probation.add(workflow_id, count)
        elif not self.probation.waits(workflow_id):
            self.delayed.discard(workflow_id)
            self.to_build[workflow_id] = None

    def forget(self, workflow_id: str) -> None:
        """A workflow has ended, or is not there after all."""
        self.known.discard(workflow_id)
        self.to_build.pop(workflow_id, None)
        self.dormant.pop(workflow_id, None)
        self.delayed.discard(workflow_id)
        self.suspended.discard(workflow_id)
        self.stalled.release(workflow_id)
        self.probation.passed(workflow_id)
        self.again += self.later.pop(workflow_id, ())

    @property
    def waits_to_go_on(self) -> bool:
        """Whether there is anything that the next turn could begin with."""
        return bool(self.to_build or self.again or self.probation.ready(self.latest))
