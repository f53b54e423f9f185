"""`Orchestrator`: what users hold."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .._core.commands import Command
from .._core.definitions import WorkflowInvocation
from .._core.errors import MisplacedCallError, WorkflowAlreadyExistsError
from .._core.history import WorkflowStatus
from .._core.registry import Registry
from ..store import Submission
from ..tracing import Tracer
from ..workers import current_slot
from .descriptions import Health, describe_workflow, status_dict
from .gateway import Gateway
from .handle import WorkflowHandle
from .listing import ids_of, make_filter, purge, purge_bounds
from .replay_check import ReplayReport, check_replay
from .settings import Settings
from .submissions import make_submission, make_submissions, same_invocation, signal_of
from .takeover import stand_by
from .waiting import seconds_to_wait

if TYPE_CHECKING:
    from concurrent.futures import Executor

R = TypeVar("R")
#: Seconds that the scheduler's thread is given to end when the interpreter exits.
EXIT_PATIENCE = 1.0


class Orchestrator:
    """Runs durable workflows kept in one SQLite file.

    Started, it owns the file and drives its workflows. Not started, it is a client: it submits, reads and waits, and
    the orchestrator that owns the file, in this process or another, does the work.

    Args:
        db_path: The file; created where there is none. ``"yieldflow.db"``.
        max_workers: How many activities run on threads at once. 5.
        registry: Where workflows are found by name. The default registry.
        codec: How values are stored: ``"pickle"``, the default (JSON where that is exact, else a pickle), or ``"json"``
            (pickles are refused both ways).
        durability: ``"full"``, the default: what is acknowledged outlives a loss of power. ``"normal"``: it outlives
            the death of the process, and a loss of power may take the latest commits.
        max_recovery_attempts: After so many starts in a row at which a workflow was at work when the process died, with
            nothing to show for it, the workflow is set aside as stalled. 10.
        executors: Further places for activities, by name: ``@activity(executor="gpu")`` runs in
            ``executors={"gpu": ...}``, which is any `concurrent.futures.Executor`. Each stays yours: it is never shut
            down here, and an activity there that waits for a workflow keeps its worker meanwhile. None.
        max_processes: How many worker processes there are at most, for activities with ``executor="process"``. As many
            as there are processors.
        tracer: A `Tracer`, which is told of every start and end of workflows and attempts. None.

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
        executors: Mapping[str, Executor] | None = None,
        max_processes: int | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._access = Gateway(
            Settings(
                db_path,
                max_workers,
                registry,
                codec,
                durability,
                max_recovery_attempts,
                executors,
                max_processes,
                tracer,
            )
        )

    def __repr__(self) -> str:
        return (
            f"<Orchestrator {self._access.path!r}, {'started' if self._access.session is not None else 'not started'}>"
        )

    # ------------------------------------------------------------------ lifetime

    def start(self, *, wait: bool = False, timeout: float | timedelta | None = None) -> None:
        """Own the file and drive its workflows: every unfinished one goes on. Started already, it does nothing.

        Args:
            wait: Where another orchestrator is started on the file, stand by, and take over within a second once that
                one has stopped, or its process has died. Meanwhile this one is a client.
            timeout: Seconds, or a `timedelta`, to stand by at most; None for as long as it takes.

        Raises:
            DatabaseInUseError: Another orchestrator is started on the file, or still is when the time is up; the
                message names its process.
            DatabaseOpenError: The file cannot be used; the message says why.
            DatabaseLostError: The file was deleted, moved, replaced or damaged while this one had it open as a client.
            MisplacedCallError: A worker process called it, while it imported the program: the message says what to do.
            OrchestratorStoppedError: `stop` was called, in another thread, while this stood by.
            YieldflowError: The system has no threads for so many workers.
            TypeError, ValueError: An activity of the registry is to run in an executor that there is not; or the
                timeout is no length of time, or is given where nothing is waited for.

        Example:
            >>> orchestrator = Orchestrator("pipeline.db")
            >>> orchestrator.start(wait=True)  # until the one that is started now has ended; Ctrl-C gives up
        """
        if timeout is not None and not wait:
            raise ValueError(f"start(timeout={timeout!r}) waits for nothing: write start(wait=True, timeout=...)")
        seconds = seconds_to_wait("start", timeout)
        self._access.check_place("start()")
        self._access.check_not_imported_anew()
        self._access.settings.check_executors()
        try:
            if wait:
                stand_by(self._access, self._own, seconds)
            else:
                with self._access.lifetime:
                    self._own()
        except BaseException:
            with self._access.lifetime:
                if self._access.session is None:
                    self._access.close()
            raise

    def _own(self) -> None:
        from .session import Session

        if self._access.session is None:
            self._access.session = Session(self._access.store, self._access.settings, self._access.watches)
            atexit.register(self._stop_at_exit)

    def stop(self, timeout: float | timedelta | None = None) -> None:
        """Start nothing new, let running activities finish, and leave the rest for the next start.

        What is queued is not waited for, and nothing is lost. An activity that waits for a workflow gets an
        `OrchestratorStoppedError`; if it then fails, it runs again at the next start. Not started, this only closes
        the file.

        Args:
            timeout: Seconds, or a `timedelta`, to wait for running activities; None for as long as they take. One that
                is still running then is left behind: its result is dropped, and it runs again at the next start.

        Raises:
            TypeError, ValueError: The timeout is no length of time; nothing was stopped.
        """
        seconds = seconds_to_wait("stop", timeout)
        self._access.check_place("stop()")
        session = self._access.session
        slot = current_slot()
        if session is not None and slot is not None and slot.engine is session:
            raise MisplacedCallError(
                "stop() waits for running activities, so an activity that calls it would wait for itself"
            )
        self._access.stops += 1
        self._end(seconds)

    def _end(self, timeout: float | None, patience: float | None = None) -> None:
        if not self._access.lifetime.acquire(timeout=-1 if patience is None else patience):
            return
        try:
            if self._access.session is not None:
                # Kept until it is over: an activity that still runs may call.
                if not self._access.session.stop(timeout, patience):
                    return
                self._access.session = None
                atexit.unregister(self._stop_at_exit)
            self._access.close()
        finally:
            self._access.lifetime.release()

    def _stop_at_exit(self) -> None:
        """The interpreter exits: end cleanly, but wait for no activity."""
        if os.getpid() == self._access.pid:
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
        signal: tuple[str, object] | None = None,
    ) -> WorkflowHandle[R]:
        """Put a workflow on disk and let it run. When this returns, it is on disk.

        Args:
            invocation: The workflow with its arguments: ``pipeline("database")``.
            workflow_id: Its id; a new one if left out. If a workflow with the same invocation has this id already,
                nothing is started and the handle is that one's.
            delay: Seconds, or a `timedelta`, until it is to start; at most a hundred years.
            signal: A signal's name and payload: it is there when the workflow starts. A workflow that has the id
                already is sent it, as by `WorkflowHandle.signal`.

        Raises:
            EncodingError: An argument or the signal cannot be stored; the message says which part of it.
            UnknownWorkflowError: The workflow is not in this orchestrator's registry.
            WorkflowAlreadyExistsError: The id belongs to another invocation.
            StorageError: The disk failed; nothing was written.
            DatabaseLostError: The file was deleted, moved, replaced or damaged; nothing more is taken.
        """
        self._access.check_place("submit()")
        access, now = self._access, self._access.now()
        submission = make_submission(invocation, access.registry, access.codec, now, workflow_id, delay)
        if signal is not None:
            submission = submission._replace(signals=[signal_of(signal, access.codec, now)])
        # Before it is on disk, so that no news is missed.
        handle: WorkflowHandle[R] = WorkflowHandle(access, submission.workflow_id)
        # One that is there is not driven anew, only to find that it is there.
        while workflow_id is None or not self._attach(submission, invocation):
            # Where one of this id was deleted, its end is not that of the new one.
            access.watches.of(submission.workflow_id).clear()
            try:
                access.put([submission])
                return handle
            except WorkflowAlreadyExistsError:
                continue
        if signal is not None:
            handle.signal(*signal)
        return handle

    def submit_many(self, invocations: Iterable[WorkflowInvocation[R]]) -> list[WorkflowHandle[R]]:
        """Put many workflows on disk in one transaction, all or none, and let them run.

        Args:
            invocations: The workflows with their arguments.

        Raises:
            The same as `submit`.
        """
        self._access.check_place("submit_many()")
        access, now = self._access, self._access.now()
        if isinstance(invocations, Command):
            raise TypeError(f"submit_many() takes several workflows: submit_many([{invocations}]), or submit() for one")
        submissions = make_submissions(invocations, access.registry, access.codec, now)
        handles: list[WorkflowHandle[R]] = [WorkflowHandle(access, new.workflow_id) for new in submissions]
        if submissions:
            access.put(submissions)
        return handles

    def run(self, invocation: WorkflowInvocation[R]) -> R:
        """Submit a workflow and wait for its result.

        Args:
            invocation: The workflow with its arguments.

        Raises:
            The same as `submit` and `WorkflowHandle.result`.
        """
        self._access.check_may_block("run()")
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
        return self.submit(self._access.registry.workflow(name)(**kwargs)).id

    def _attach(self, submission: Submission, invocation: WorkflowInvocation[Any]) -> bool:
        """Whether the id is taken: fine, if by the same invocation."""
        record = self._access.query(lambda store: store.record(submission.workflow_id))
        if record is None:
            return False
        if not same_invocation(record, submission, invocation.definition, self._access.codec):
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
        self._access.check_place("handle()")
        self._access.record(workflow_id)
        return WorkflowHandle(self._access, workflow_id)

    def get_workflow_status(self, workflow_id: str) -> dict[str, Any]:
        """Where a workflow stands, as a dictionary.

        Args:
            workflow_id: Its id.

        Returns:
            The fields of `WorkflowDescription`, with ``status`` as text and times in ISO 8601, UTC, but for
            ``waiting_for``, which `WorkflowHandle.describe` has: among them ``id``,
            ``name``, ``status``, ``current_activity``, ``error_message``, ``output``, ``created_at``, ``updated_at``.

        Raises:
            WorkflowNotFoundError: There is none with that id.
        """
        self._access.check_place("get_workflow_status()")
        return status_dict(describe_workflow(self._access.record(workflow_id)))

    def list_workflows(
        self,
        name: str | None = None,
        *,
        status: WorkflowStatus | str | Iterable[WorkflowStatus | str] | None = None,
        id_prefix: str | None = None,
        parent: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        oldest_first: bool = False,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[dict[str, Any]]:
        """The workflows asked for, newest first, each as `get_workflow_status` has it.

        Args:
            name: Only those of this name.
            status: Only those of this status, or of one of these.
            id_prefix: Only those whose id begins so.
            parent: Only the children of the workflow with this id.
            created_after: Only those created at or after this time, which has a time zone.
            created_before: Only those created before it.
            oldest_first: Turn the order round.
            limit: At most so many: a page.
            after: The id of the last workflow of the page before; this page follows it.

        Raises:
            TypeError, ValueError: An argument is wrong; the message says which.
            WorkflowNotFoundError: There is no workflow ``after`` any more.

        Example:
            >>> page = orchestrator.list_workflows(status="failed", limit=50)
            >>> following = orchestrator.list_workflows(status="failed", limit=50, after=page[-1]["id"])
        """
        self._access.check_place("list_workflows()")
        which = make_filter(name, status, id_prefix, parent, created_after, created_before, oldest_first, limit, after)
        records = [] if which is None else self._access.query(lambda store: store.records(which))
        return [status_dict(describe_workflow(record)) for record in records]

    def health(self) -> Health:
        """How much is going on in this orchestrator.

        Returns:
            Whether it is started, how many attempts at activities run and wait, those whose time ran out and that still
            keep a thread, what is wrong with the disk, and why nothing goes on where that is so.

        Example:
            >>> health = orchestrator.health()
            >>> assert health.storage is None and health.failure is None, health
        """
        session = self._access.session
        return Health(False) if session is None else session.health()

    # ------------------------------------------------------------------ deleting

    def delete(self, workflow_ids: str | Iterable[str]) -> int:
        """Delete ended workflows with their history, their signals, and their descendants.

        Args:
            workflow_ids: One id, or several: all or none.

        Returns:
            How many workflows were deleted, descendants counted.

        Raises:
            WorkflowNotFoundError: One of them is not there.
            WorkflowNotEndedError: One of them, a descendant, or the run of the parent that started it has not ended:
                wait for it, or `terminate` it.
            TypeError: They are no ids.
        """
        self._access.check_place("delete()")
        ids = ids_of(workflow_ids)
        return self._access.query(lambda store: store.delete(ids))

    def purge(
        self,
        older_than: float | timedelta | None = None,
        status: WorkflowStatus | str | Iterable[WorkflowStatus | str] | None = None,
    ) -> int:
        """Delete ended workflows that ended long enough ago, with their descendants.

        A workflow one of whose descendants has not ended stays, and so do the children of a parent's run that has not.

        Args:
            older_than: Seconds, or a `timedelta`, since they ended; None for any time.
            status: Only those of this status, or of one of these: done, failed, cancelled.

        Returns:
            How many workflows were deleted, descendants counted.

        Raises:
            TypeError, ValueError: An argument is wrong; the message says which. A status is one of an ended workflow.

        Example:
            >>> orchestrator.purge(older_than=timedelta(days=30), status="done")
        """
        self._access.check_place("purge()")
        access = self._access
        before, statuses = purge_bounds(older_than, status, access.now())
        return purge(access.query(lambda store: store.purgeable(before, statuses)), self.delete)

    # ------------------------------------------------------------------ before a deploy

    def check_replay(self) -> ReplayReport:
        """Whether every unfinished workflow of the file replays under the code that is registered here.

        Nothing is run or written, and the orchestrator need not be started; another process may own the file. From the
        command line: ``python -m yieldflow check-replay FILE MODULE...``.

        Returns:
            How many were replayed, and a `ReplayProblem` for each that could not go on: it would stall, for the reason
            given there.

        Raises:
            DatabaseOpenError: There is no such file, or it cannot be used.

        Example:
            >>> report = Orchestrator("shop.db").check_replay()
            >>> assert report.ok, report
        """
        self._access.check_place("check_replay()")
        return check_replay(self._access.path, self._access.registry, self._access.codec)
