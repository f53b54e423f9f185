"""`Orchestrator` and `WorkflowHandle`: what users hold."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from ._core.commands import Command
from ._core.context import driving
from ._core.definitions import Registry, WorkflowInvocation
from ._core.errors import (
    EncodingError,
    MisplacedCallError,
    OrchestratorStoppedError,
    ResultTimeoutError,
    StorageError,
    WorkflowAlreadyExistsError,
    WorkflowCancelledError,
    WorkflowFailedError,
    WorkflowNotFoundError,
    WorkflowStalledError,
)
from ._core.history import Failure, WorkflowStatus
from .loop import clock
from .settings import Settings
from .store import Submission, WorkflowRecord
from .submissions import is_text, make_submission, same_invocation
from .turn import Ended
from .views import StepDescription, WorkflowDescription, describe_step, describe_workflow, status_dict
from .waiting import Looks, Watch, Watches, wait, wait_async
from .workers import interrupted

if TYPE_CHECKING:
    # They bring sqlite3 and socket, which a program that only defines workflows does not need.
    from .session import Session
    from .sqlite import SqliteStore


R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

#: Seconds that the scheduler's thread is given to end when the interpreter exits.
EXIT_PATIENCE = 1.0
#: After so many looks without an owner in this process, a client asks whether there is one at all.
UNATTENDED = 50
#: Seconds between two looks of a client that waits for a workflow.
POLL = 0.02


class Orchestrator:
    """Runs durable workflows kept in one SQLite file.

    Started, it owns the file and drives its workflows. Not started, it is a client: it submits, reads and waits, and
    the orchestrator that owns the file, in this process or another, does the work.

    Args:
        db_path: The file; created where there is none.
        max_workers: How many activities run at once.
        registry: Where workflows are found by name; the default registry if left out.
        codec: How values are stored: ``"pickle"`` (JSON where that is exact, else a pickle) or ``"json"`` (pickles
            are refused both ways).
        durability: ``"full"``: what is acknowledged outlives a loss of power. ``"normal"``: it outlives the death of
            the process, and a loss of power may take the latest commits.
        max_recovery_attempts: After so many starts in a row at which a workflow was at work when the process died, with
            nothing to show for it, the workflow is set aside as stalled.

    Raises:
        TypeError, ValueError: An argument is wrong; the message says which.

    Example:
        >>> with Orchestrator("pipeline.db") as orchestrator:
        ...     handle = orchestrator.submit(pipeline("database", destination="warehouse"))
        ...     handle.result(timeout=30)
    """

    def __init__(
        self,
        db_path: str | os.PathLike[str] = "yieldflow.db",
        max_workers: int = 5,
        *,
        registry: Registry | None = None,
        codec: Literal["pickle", "json"] = "pickle",
        durability: Literal["full", "normal"] = "full",
        max_recovery_attempts: int = 10,
    ) -> None:
        settings = Settings(db_path, max_workers, registry, codec, durability, max_recovery_attempts)
        self._settings = settings
        self._path = settings.path
        self._registry = settings.registry
        self._codec = settings.codec
        self._watches = Watches()
        self._pid = os.getpid()
        # Held by whoever starts or stops.
        self._lifetime = threading.Lock()
        # Guards the making of the store.
        self._opening = threading.Lock()
        self._opened: SqliteStore | None = None
        self._session: Session | None = None

    def __repr__(self) -> str:
        return f"<Orchestrator {self._path!r}, {'started' if self._session is not None else 'not started'}>"

    # ------------------------------------------------------------------ lifetime

    def start(self) -> None:
        """Own the file and drive its workflows: every unfinished one goes on. Started already, it does nothing.

        Raises:
            DatabaseInUseError: Another orchestrator is started on the file; the message names its process.
            DatabaseOpenError: The file cannot be used; the message says why.
        """
        self._check_place("start()")
        from .session import Session

        with self._lifetime:
            if self._session is not None:
                return
            try:
                self._session = Session(self._store, self._settings, self._watches)
            except BaseException:
                self._close()
                raise
            atexit.register(self._stop_at_exit)

    def stop(self, timeout: float | None = None) -> None:
        """Start nothing new, let running activities finish, and leave the rest for the next start.

        What is queued is not waited for, and nothing is lost. An activity that waits for a workflow gets an
        `OrchestratorStoppedError`; if it then fails, it runs again at the next start. Not started, this only closes
        the file.

        Args:
            timeout: Seconds to wait for running activities; None for as long as they take. One that is still running
                then is left behind: its result is dropped, and it runs again at the next start.
        """
        self._check_place("stop()")
        session = self._session
        if session is not None and session.workers.on_worker:
            raise MisplacedCallError(
                "stop() waits for running activities, so an activity that calls it would wait for itself"
            )
        self._end(timeout)

    def _end(self, timeout: float | None, patience: float | None = None) -> None:
        if not self._lifetime.acquire(timeout=-1 if patience is None else patience):
            return
        try:
            if self._session is not None:
                # Kept until it is over: an activity that still runs may call.
                if not self._session.stop(timeout, patience):
                    return
                self._session = None
                atexit.unregister(self._stop_at_exit)
            self._close()
        finally:
            self._lifetime.release()

    def _close(self) -> None:
        with self._opening:
            store, self._opened = self._opened, None
        if store is not None:
            store.close()

    def _stop_at_exit(self) -> None:
        """The interpreter exits: end cleanly, but wait for no activity."""
        if os.getpid() == self._pid:
            self._end(0, EXIT_PATIENCE)

    def __enter__(self) -> Orchestrator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # ------------------------------------------------------------------ submitting

    def submit(
        self,
        invocation: WorkflowInvocation[R],
        workflow_id: str | None = None,
        delay: float | timedelta | None = None,
    ) -> WorkflowHandle[R]:
        """Put a workflow on disk and let it run. When this returns, it is on disk.

        Args:
            invocation: The workflow with its arguments: ``pipeline("database")``.
            workflow_id: Its id; a new one if left out. If a workflow with the same invocation has this id already,
                nothing is started and the handle is that one's.
            delay: Seconds, or a `timedelta`, until it is to start; at most a hundred years.

        Raises:
            EncodingError: An argument cannot be stored; the message says which part of it.
            UnknownWorkflowError: The workflow is not in this orchestrator's registry.
            WorkflowAlreadyExistsError: The id belongs to another invocation.
            StorageError: The disk failed; nothing was written.
        """
        self._check_place("submit()")
        submission = make_submission(invocation, self._registry, self._codec, clock(), workflow_id, delay)
        # Before it is on disk, so that no news is missed.
        watch = self._watches.of(submission.workflow_id)
        # One that is there is not driven anew, only to find that it is there.
        while workflow_id is None or not self._attach(submission, invocation):
            try:
                self._put([submission])
                break
            except WorkflowAlreadyExistsError:
                continue
        return WorkflowHandle(self, submission.workflow_id, watch)

    def submit_many(self, invocations: Iterable[WorkflowInvocation[R]]) -> list[WorkflowHandle[R]]:
        """Put many workflows on disk in one transaction, all or none, and let them run.

        Args:
            invocations: The workflows with their arguments.

        Raises:
            The same as `submit`.
        """
        self._check_place("submit_many()")
        now = clock()
        if isinstance(invocations, Command):
            raise TypeError(f"submit_many() takes several workflows: submit_many([{invocations}]), or submit() for one")
        submissions = [make_submission(invocation, self._registry, self._codec, now) for invocation in invocations]
        handles: list[WorkflowHandle[R]] = [
            WorkflowHandle(self, new.workflow_id, self._watches.of(new.workflow_id)) for new in submissions
        ]
        if submissions:
            self._put(submissions)
        return handles

    def run(self, invocation: WorkflowInvocation[R]) -> R:
        """Submit a workflow and wait for its result.

        Args:
            invocation: The workflow with its arguments.

        Raises:
            The same as `submit` and `WorkflowHandle.result`.
        """
        return self.submit(invocation).result()

    def invoke_workflow(self, name: str, /, **kwargs: object) -> str:
        """Start a workflow by its name. When this returns, it is on disk.

        Args:
            name: The name that it is registered under.
            kwargs: Its arguments.

        Returns:
            Its id.

        Raises:
            UnknownWorkflowError: No workflow has that name; the message names those that there are.
            TypeError: The arguments do not fit the workflow.
        """
        return self.submit(self._registry.workflow(name)(**kwargs)).id

    def _put(self, submissions: list[Submission]) -> None:
        session = self._session
        if session is not None:
            try:
                session.submit(submissions)
                return
            except OrchestratorStoppedError:
                # Where that was a stop, this is a client once the stop is over.
                with self._lifetime:
                    if self._session is session:
                        raise
        self._ask(lambda store: store.submit(submissions))

    def _attach(self, submission: Submission, invocation: WorkflowInvocation[Any]) -> bool:
        """Whether the id is taken: fine, if by the same invocation."""
        record = self._ask(lambda store: store.record(submission.workflow_id))
        if record is None:
            return False
        if not same_invocation(record, submission, invocation.definition, self._codec):
            there = describe_workflow(record)
            raise WorkflowAlreadyExistsError(
                f"workflow id {there.id!r} belongs to another invocation: {there.name} with {there.input}, "
                f"{there.status}. Choose another id, or submit the same invocation to attach to it."
            )
        return True

    # ------------------------------------------------------------------ looking

    def handle(self, workflow_id: str) -> WorkflowHandle[Any]:
        """A handle of a workflow that is on disk.

        Args:
            workflow_id: Its id.

        Raises:
            WorkflowNotFoundError: There is none with that id.
        """
        self._record(workflow_id)
        return WorkflowHandle(self, workflow_id, self._watches.of(workflow_id))

    def get_workflow_status(self, workflow_id: str) -> dict[str, Any]:
        """Where a workflow stands, as a dictionary.

        Args:
            workflow_id: Its id.

        Returns:
            The fields of `WorkflowDescription`, with ``status`` as text and times in ISO 8601, UTC: among them ``id``,
            ``name``, ``status``, ``current_activity``, ``error_message``, ``output``, ``created_at``, ``updated_at``.

        Raises:
            WorkflowNotFoundError: There is none with that id.
        """
        return status_dict(describe_workflow(self._record(workflow_id)))

    def list_workflows(self, name: str | None = None) -> list[dict[str, Any]]:
        """All workflows, newest first, each as `get_workflow_status` has it.

        Args:
            name: Only those of this name.
        """
        self._check_place("list_workflows()")
        known = name is None or is_text(name)
        records = self._ask(lambda store: store.records(name)) if known else []
        return [status_dict(describe_workflow(record)) for record in records]

    def _record(self, workflow_id: str) -> WorkflowRecord:
        self._check_place("a look at a workflow")
        record = self._ask(lambda store: store.record(workflow_id)) if is_text(workflow_id) else None
        if record is None:
            raise WorkflowNotFoundError(f"{self._path} holds no workflow with the id {workflow_id!r}")
        return record

    # ------------------------------------------------------------------ waiting

    def _looks(self, watch: Watch, workflow_id: str) -> Looks:
        """Look at a workflow again and again until it has ended or stalled."""
        session = self._session
        looks = 0
        # Read once: another waiter may find the news old and clear it.
        while (ended := watch.end) is None:
            watch.clear()
            record = self._record(workflow_id)
            stalled = record.status is WorkflowStatus.STALLED
            # In a session, only what was tried there is known to be stalled still.
            tried = self._session is None or self._session.has_stalled(workflow_id)
            if record.status.ended or (stalled and tried):
                return Ended(record.id, record.status, record.outcome, record.reason)
            over = session is not None and (self._session is not session or not session.running)
            if over or interrupted():
                raise OrchestratorStoppedError(
                    f"the orchestrator stopped while {workflow_id} was waited for: that goes on at the next start"
                )
            session = self._session
            looks += 1
            if session is None and looks == UNATTENDED:
                from .session import warn_unattended

                warn_unattended(self._path, workflow_id)
            yield POLL if session is None or stalled else None
        return ended

    def _value(self, ended: Ended) -> Any:
        """What a workflow returned; what it raised is raised."""
        if ended.status is WorkflowStatus.STALLED:
            raise WorkflowStalledError(f"workflow {ended.workflow_id} is stalled: {ended.reason}")
        if ended.status is WorkflowStatus.CANCELLED:
            raise WorkflowCancelledError(f"workflow {ended.workflow_id} was cancelled")
        if not isinstance(ended.outcome, Failure):
            return None if ended.outcome is None else self._codec.decode(ended.outcome)
        try:
            error = self._codec.decode_failure(ended.outcome, WorkflowFailedError)
        except EncodingError:
            error = WorkflowFailedError(*ended.outcome[:3])
        with suppress(Exception):
            error.add_note(f"in workflow {ended.workflow_id}")
        raise error

    # ------------------------------------------------------------------ small things

    def _ask(self, question: Callable[[SqliteStore], T]) -> T:
        """Ask the store; once more where a stop in another thread closed it meanwhile."""
        while True:
            store = self._store
            try:
                return question(store)
            except StorageError:
                if self._opened is store:
                    raise

    @property
    def _store(self) -> SqliteStore:
        from .sqlite import SqliteStore

        with self._opening:
            if self._opened is None:
                self._opened = SqliteStore(self._path, self._settings.durability)
            return self._opened

    def _check_place(self, call: str) -> None:
        """Refuse calls from where they cannot work."""
        current = driving()
        if current is not None:
            raise MisplacedCallError(
                f"{call} was called inside workflow {current.info.name!r}, which the same thread drives: "
                "a workflow only yields commands. Call it in an activity, and yield that."
            )
        if self._session is not None and self._session.on_thread:
            raise MisplacedCallError(
                f"{call} was called on the scheduler's thread (by a log handler, or while a value was stored), which "
                "would have to wait for itself: call it from another thread"
            )
        if os.getpid() != self._pid:
            raise MisplacedCallError(
                f"{call} was called in a forked child of the process that made this orchestrator: begin the process "
                'anew instead, as multiprocessing.get_context("spawn") does, and make one there, as a client'
            )


class WorkflowHandle(Generic[R_co]):
    """A workflow on disk that returns an ``R``. Made by `Orchestrator.submit` and `Orchestrator.handle`.

    ``await handle`` in a coroutine is ``handle.result()`` without blocking.
    """

    __slots__ = ("_orchestrator", "_watch", "id")

    def __init__(self, orchestrator: Orchestrator, workflow_id: str, watch: Watch) -> None:
        #: The workflow's id.
        self.id = workflow_id
        self._orchestrator = orchestrator
        self._watch = watch

    def __repr__(self) -> str:
        return f"<WorkflowHandle {self.id}>"

    def result(self, timeout: float | None = None) -> R_co:
        """Wait until the workflow has ended. In an activity, another thread works meanwhile in its place.

        Args:
            timeout: Seconds to wait at most; None for as long as it takes.

        Returns:
            What the workflow returned.

        Raises:
            ResultTimeoutError: It has not ended in time; it goes on.
            WorkflowFailedError: It raised an exception that cannot be built again here; one that can is raised itself.
            WorkflowCancelledError: It was cancelled.
            WorkflowStalledError: It cannot go on until somebody acts; the message says why.
            OrchestratorStoppedError: The orchestrator stopped meanwhile; the workflow goes on at the next start.
        """
        self._orchestrator._check_place("result()")
        # What has been told needs no waiting.
        ended = self._watch.end or wait(self._watch, self._orchestrator._looks(self._watch, self.id), timeout)
        if ended is None:
            raise ResultTimeoutError(
                f"workflow {self.id} has not ended within {timeout} s; it goes on, and can be asked again"
            )
        value: R_co = self._orchestrator._value(ended)
        return value

    def __await__(self) -> Generator[Any, None, R_co]:
        self._orchestrator._check_place("await")
        ended = yield from wait_async(self._watch, self._orchestrator._looks(self._watch, self.id)).__await__()
        value: R_co = self._orchestrator._value(ended)
        return value

    def describe(self) -> WorkflowDescription:
        """Where the workflow stands.

        Raises:
            WorkflowNotFoundError: It is no longer on disk.
        """
        return describe_workflow(self._orchestrator._record(self.id))

    def history(self) -> list[StepDescription]:
        """The steps of the workflow's current run, in the order issued.

        Raises:
            WorkflowNotFoundError: It is no longer on disk.
        """
        self._orchestrator._record(self.id)
        return [describe_step(record) for record in self._orchestrator._ask(lambda store: store.steps(self.id))]
