"""What exists only while an orchestrator is started: the ownership of the file, the scheduler's thread, the workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from .._core.errors import DatabaseLostError, OrchestratorStoppedError, StorageError
from .._core.history import Codec, Micros, Payload
from ..inbox import Inbox
from ..log import logger
from ..scheduler.loop import Loop
from ..scheduler.messages import HeartbeatReceived, Message, Poll, Registered, Reply, RequestReceived, Submit
from ..scheduler.scheduler import Scheduler
from ..scheduler.state import Limits
from ..sqlite import Ownership, SqliteStore
from ..store import Request, Submission, WorkflowRecord
from ..tracing import Tracing
from ..workers import Attempt, Completed, Pools
from .descriptions import Health, describe_trouble
from .settings import Settings
from .waiting import Watches

#: Seconds after which a caller who waits for an answer looks whether anybody is there to give it.
LOOK = 0.1
#: Seconds for which a stop waits without a word.
SILENCE = 1.0


class Session:
    """From one start to the next stop.

    Raises:
        DatabaseInUseError: Another orchestrator is started on the file.
        StorageError: The unfinished workflows cannot be read.
    """

    def __init__(self, store: SqliteStore, settings: Settings, watches: Watches) -> None:
        self._path = store.path
        self._ownership = Ownership(store.path)
        self._ownership.acquire()
        try:
            store.guard(self._ownership.lock)
            self._watches = watches
            self._inbox: Inbox[Message | None] = Inbox()
            self.codec: Codec = settings.codec
            self._tracing = None if settings.tracer is None else Tracing(settings.tracer)
            self.workers = Pools(settings.max_workers, settings.max_processes, settings.executors, self)
            self._scheduler = Scheduler(
                store,
                self.workers,
                settings.codec,
                settings.registry,
                watches.tell,
                limits=Limits(settings.max_workers, settings.max_recovery_attempts),
                tracing=self._tracing,
            )
            self._now = settings.clock
            self._scheduler.recover(self._now())
            self._loop = Loop(self._scheduler, self._inbox, watches.wake_all, self._now)
            self._registrations = 0
            self._unsubscribe = settings.registry.subscribe(self._register)
            try:
                self.workers.start()
                self._loop.start()
            except BaseException:
                self._unsubscribe()
                self.workers.close()
                raise
        except BaseException:
            self._ownership.release()
            raise
        logger.info("started: %s", store.path)

    def _register(self, name: str) -> None:
        self._registrations += 1
        self._inbox.put(Registered(name))

    # ------------------------------------------------------------------ the engine of the workers

    def begin(self, attempt: Attempt) -> bool:
        """Whether an attempt is to begin; from here on it has."""
        if not self._loop.running:
            # Nobody would hear of it.
            return False
        # First, so that nobody takes it for one that waits who finds that it is taken.
        attempt.begun_at = self._now()
        if not self._scheduler.wants(attempt):
            return False
        if self._tracing is not None:
            self._tracing.begun(attempt)
        return True

    def beat(self, attempt: Attempt, details: Payload) -> None:
        """Note an attempt's heartbeat."""
        attempt.beat = (details, self._now())
        if not attempt.watched:
            attempt.watched = True
            self._inbox.put(HeartbeatReceived(attempt))

    def deliver(self, completed: Completed) -> None:
        """Take in what became of an attempt."""
        if self._tracing is not None:
            self._tracing.completed(completed)
        self._inbox.put(completed)

    # ------------------------------------------------------------------ for callers

    @property
    def running(self) -> bool:
        """Whether anything is still taken up."""
        return self._loop.running

    def check_file(self) -> None:
        """See that it did not end because the file is lost.

        Raises:
            DatabaseLostError: It did.
        """
        if self._loop.lost:
            raise DatabaseLostError(self._loop.failure) from None

    def has_stalled(self, record: WorkflowRecord) -> bool:
        """Whether a workflow whose row says that it is stalled was tried with all that is registered by now."""
        heard = self._registrations == self._scheduler.registrations
        return heard and record.wake_at is not None and not self._scheduler.is_loading(record.id)

    def health(self) -> Health:
        """How much is going on."""
        under_way, waiting = self._scheduler.load
        abandoned = tuple(attempt.info for attempt in self.workers.threads.abandoned())
        trouble, held_up = self._scheduler.trouble
        storage = None if trouble is None else describe_trouble(trouble, held_up)
        return Health(True, under_way - waiting, waiting, abandoned, storage, self._loop.failure)

    @property
    def on_thread(self) -> bool:
        """Whether the caller runs on the scheduler's thread."""
        return self._loop.on_thread

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Put workflows on disk, all or none, and let them start.

        Raises:
            WorkflowAlreadyExistsError: An id is taken.
            OrchestratorStoppedError: The orchestrator stopped first; nothing was written.
            StorageError: The disk failed; nothing was written.
            DatabaseLostError: The file is no longer there.
        """
        self._answered(lambda reply: Submit(submissions, reply))

    def ask(self, request: Request) -> None:
        """Ask something of a workflow.

        Raises:
            WorkflowNotFoundError, WorkflowEndedError, WorkflowStalledError: It cannot be asked of that workflow.
            OrchestratorStoppedError: The orchestrator stopped first.
            StorageError: The disk failed; nothing was written.
            DatabaseLostError: The file is no longer there.
        """
        self._answered(lambda reply: RequestReceived(request, reply))

    @property
    def next_timer(self) -> Micros:
        """When something is to happen by itself next; a time that does not come where nothing is."""
        return self._scheduler.next_timer

    def look(self) -> None:
        """Have what others wrote be seen at once."""
        self._inbox.put(Poll())

    def _answered(self, message: Callable[[Reply], Message]) -> None:
        """Send a message and wait until it is settled."""
        # The scheduler puts one answer in: None, or what went wrong.
        answer: Inbox[Exception | None] = Inbox()
        self._inbox.put(message(answer.put))
        while True:
            running = self._loop.running
            for error in answer.take(LOOK if running else 0, 1):
                if error is not None:
                    raise error
                return
            self.check_file()
            if not running:
                raise OrchestratorStoppedError("the orchestrator stopped before it took this: do it again") from None

    def stop(self, timeout: float | None, patience: float | None = None) -> bool:
        """Begin nothing more, let running activities finish, and leave the rest for the next start.

        Args:
            timeout: Seconds to wait for running activities; None for as long as they take.
            patience: Seconds to wait for the scheduler's thread; None for as long as it takes.

        Returns:
            False where the scheduler's thread did not end in time: then it still uses the store, and owns the file.
        """
        self._unsubscribe()
        self._scheduler.dispatching = False
        for attempt in self._stop_workers(timeout):
            logger.warning(
                "activity %r of workflow %s is left running: its result is dropped, and it runs again at the next "
                "start",
                attempt.definition.name,
                attempt.workflow_id,
            )
        if not self._loop.stop(patience):
            return False
        try:
            if self._loop.failure is None:
                self._scheduler.settle_counts()
        except StorageError as error:
            logger.warning("while stopping: %s", error)
        self._scheduler.close()
        self._ownership.release()
        logger.info("stopped: %s", self._path)
        return True

    def _stop_workers(self, timeout: float | None) -> list[Attempt]:
        """Wait for running activities, and say so where that takes a while; those that are left."""
        began = time.monotonic()
        deadline = None if timeout is None else began + timeout
        self.workers.close()
        left = self.workers.join(began + SILENCE if deadline is None else min(began + SILENCE, deadline))
        if left and (timeout is None or timeout > SILENCE):
            for attempt in left:
                logger.warning(
                    "stopping waits for activity %r of workflow %s", attempt.definition.name, attempt.workflow_id
                )
            left = self.workers.join(deadline)
        self.workers.kill()
        return left


def unattended(path: str) -> str | None:
    """What to say where nobody has the file started; None where somebody has."""
    if Ownership(path).taken():
        return None
    return f"no orchestrator is started on {path}: call start(), or use a with block"
