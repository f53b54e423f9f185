"""`Session`: a started orchestrator, from one start to the next stop. It owns the file and drives the workflows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from .._core.errors import DatabaseLostError, MisplacedCallError, OrchestratorStoppedError
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
from ..workers import DEFAULT_LIMITS, Attempt, Completed, Pools
from .ending import Ending
from .health import Health, Owner, describe_occupants, describe_trouble
from .settings import Settings
from .watches import Watches

#: Seconds after which a caller who waits for an answer checks that the scheduler still runs.
ANSWER_CHECK_INTERVAL = 0.1
#: Seconds that a stop waits for activities before it logs their names.
QUIET_STOP = 1.0
#: Seconds after which a stop that waits sees that it was asked to wait for less time.
HASTE = 0.1


class Session:
    """The ownership of the file, the scheduler on its thread, and the workers.

    Args:
        store: The open file.
        settings: The orchestrator's arguments.
        watches: Told of every workflow that ends or stalls, once that is on disk.
        ending: Says how long running activities are waited for at the end.
    """

    limits = DEFAULT_LIMITS

    def __init__(self, store: SqliteStore, settings: Settings, watches: Watches, ending: Ending) -> None:
        self._store = store
        self._registry = settings.registry
        self._clock = settings.clock
        self.ending = ending
        self._ownership = Ownership(store.path, settings.codec_name)
        self._inbox: Inbox[Message | None] = Inbox()
        self.codec: Codec = settings.codec
        self._tracing = None if settings.tracer is None else Tracing(settings.tracer)
        self.workers = Pools(settings.max_workers, settings.max_processes, settings.executors, self)
        self._scheduler = Scheduler(
            store,
            self.workers,
            settings.codec,
            settings.registry,
            watches.announce,
            limits=Limits(settings.max_workers, settings.max_recovery_attempts, settings.max_live),
            tracing=self._tracing,
        )
        self._loop = Loop(self._scheduler, self._inbox, watches.wake_all, self._clock)
        self._registrations = 0

    def open(self, steps_back: ExitStack) -> None:
        """Become the owner, and begin to drive the workflows.

        Args:
            steps_back: To be left at the end of the session, or where this raises: it then begins nothing more, lets
                running activities finish, and leaves the rest for the next start.

        Raises:
            DatabaseInUseError: Another orchestrator is started on the file.
            StorageError: The unfinished workflows cannot be read.
        """
        # Each step back is noted before the step is made, and does nothing where that was not made. Where one is cut
        # short, the others are made all the same, and those twice without which a thread or the lock would be left.
        steps_back.callback(self._ownership.release)
        steps_back.callback(self._ownership.release)
        self._ownership.acquire()
        self._store.guard(self._ownership.lock)
        self._scheduler.recover(self._clock.read())
        steps_back.callback(self._loop.stop)
        steps_back.callback(self._loop.stop)
        steps_back.callback(self.workers.close)
        steps_back.callback(self._end_workers)
        steps_back.callback(self._registry.subscribe(self._registered))
        self.workers.start()
        self._loop.start()

    def _registered(self, name: str) -> None:
        """Tell the scheduler that a workflow was registered; the registry calls this."""
        self._registrations += 1
        self._inbox.put(Registered(name))

    # ------------------------------------------------------------------ called by the workers

    def begin(self, attempt: Attempt) -> bool:
        """Return True if an attempt is to run; from here on it counts as begun."""
        if not self._loop.running:
            # Its outcome would reach nobody.
            return False
        # Set before the question, so that a scheduler that gives the attempt up afterwards sees that it runs.
        attempt.begun_at = self._clock.monotonic()
        if not self._scheduler.wants(attempt):
            return False
        if self._tracing is not None:
            self._tracing.begun(attempt)
        return True

    def beat(self, attempt: Attempt, details: Payload) -> None:
        """Record an attempt's heartbeat."""
        attempt.beat = (details, self._clock.monotonic())
        if not attempt.watched:
            attempt.watched = True
            self._inbox.put(HeartbeatReceived(attempt))

    def deliver(self, completed: Completed) -> None:
        """Pass the end of an attempt on to the scheduler."""
        # First, since a tracer may take its time.
        completed.attempt.ended = True
        if self._tracing is not None:
            self._tracing.completed(completed)
        self._inbox.put(completed)

    # ------------------------------------------------------------------ called by users' threads

    @property
    def running(self) -> bool:
        """True while the scheduler takes messages."""
        return self._loop.running

    def check_running(self) -> None:
        """Check that the scheduler did not end by itself.

        Raises:
            DatabaseLostError, OrchestratorStoppedError: It did.
        """
        self.check_file()
        if self._loop.failure is not None:
            raise OrchestratorStoppedError(self._loop.failure) from None

    @property
    def failed(self) -> bool:
        """True where the scheduler ended by itself."""
        return self._loop.failure is not None

    def check_file(self) -> None:
        """Check that the session did not end because the file is lost.

        Raises:
            DatabaseLostError: It did.
        """
        if self._loop.lost:
            raise DatabaseLostError(self._loop.failure) from None

    @property
    def heard_registrations(self) -> bool:
        """True if the scheduler knows of everything that is registered by now."""
        return self._registrations == self._scheduler.registrations

    def rests(self, record: WorkflowRecord) -> bool:
        """Return True if a workflow is not about to be tried, given its row, which has just been read."""
        return (record.damaged or record.wake_at is not None) and not self._scheduler.is_loading(record.id)

    def health(self) -> Health:
        """Report the load and the troubles."""
        in_flight, waiting = self._scheduler.load
        attempts = describe_occupants(self.workers.occupants(), self._clock)
        trouble, held_up = self._scheduler.trouble
        storage = None if trouble is None else describe_trouble(trouble, held_up)
        owner = self._ownership.owner()
        return Health(
            True,
            in_flight - waiting,
            waiting,
            attempts,
            storage,
            self._loop.failure,
            None if owner is None else Owner(*owner),
        )

    @property
    def on_scheduler_thread(self) -> bool:
        """True if the caller runs on the scheduler's thread."""
        return self._loop.on_thread

    @property
    def timer_due_in(self) -> Micros:
        """The time until the next thing happens by itself; one that is never over, if there is none."""
        return self._scheduler.timer_due_in(self._clock.read())

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Put workflows on disk, all or none, and let them start.

        Raises:
            WorkflowAlreadyExistsError: An id is taken.
            OrchestratorStoppedError: The orchestrator stopped first; nothing was written.
            StorageError: The disk failed; nothing was written.
            DatabaseLostError: The file is no longer there.
        """
        self._send_and_wait(lambda reply: Submit(submissions, reply))

    def request(self, request: Request) -> None:
        """Carry out a request, such as a signal or a cancellation. When this returns, it is on disk.

        Raises:
            WorkflowNotFoundError, WorkflowEndedError, WorkflowStalledError: The workflow cannot be asked that.
            OrchestratorStoppedError: The orchestrator stopped first.
            StorageError: The disk failed; nothing was written.
            DatabaseLostError: The file is no longer there.
        """
        self._send_and_wait(lambda reply: RequestReceived(request, reply))

    def poll_store(self) -> None:
        """Have the scheduler look at once at what clients wrote to the file."""
        self._inbox.put(Poll())

    def _send_and_wait(self, message: Callable[[Reply], Message]) -> None:
        """Send a message, and wait for the scheduler's reply."""
        # The scheduler puts in one answer: None, or the error.
        answer: Inbox[Exception | None] = Inbox()
        self._inbox.put(message(answer.put))
        while True:
            running = self._loop.running
            for error in answer.take(ANSWER_CHECK_INTERVAL if running else 0, 1):
                if error is not None:
                    raise error
                return
            self.check_file()
            if not running:
                raise OrchestratorStoppedError("the orchestrator stopped before it took this: do it again") from None
            if self._loop.waits_for_caller:
                raise MisplacedCallError(
                    "a logging handler called the orchestrator, while a workflow logs, and waits for the same handler "
                    "on the scheduler's thread. The call may be carried out all the same. Let workflows log with "
                    "get_logger(), or hand the records to another thread, as logging.handlers.QueueHandler does"
                ) from None

    # ------------------------------------------------------------------ called by the session's thread

    def look(self) -> None:
        """Warn of workflow code that blocks the scheduler's thread: to be called every `LOOK` seconds."""
        self._loop.look()

    def _end_workers(self) -> None:
        """Begin nothing more, and wait for running activities."""
        self._scheduler.dispatching = False
        for attempt in self._stop_workers():
            logger.warning(
                "activity %r of workflow %s is left running: its result is dropped, and %s",
                attempt.definition.name,
                attempt.workflow_id,
                "since it was cancelled it does not run again"
                if attempt.cancelled
                else "it runs again at the next start",
            )

    def _stop_workers(self) -> list[Attempt]:
        """Wait for running activities, and log their names if that takes a while. Return those that still run."""
        ending, quiet_until = self.ending, time.monotonic() + QUIET_STOP
        self.workers.close()
        left = self.workers.join(min(quiet_until, ending.deadline))
        if left and time.monotonic() < ending.deadline:
            for attempt in left:
                logger.warning(
                    "stopping waits for activity %r of workflow %s%s",
                    attempt.definition.name,
                    attempt.workflow_id,
                    ", which was cancelled and has not returned" if attempt.cancelled else "",
                )
        while left and time.monotonic() < ending.deadline:
            # Bit by bit, since a second stop may set an earlier time.
            left = self.workers.join(min(time.monotonic() + HASTE, ending.deadline))
        self.workers.kill()
        return left
