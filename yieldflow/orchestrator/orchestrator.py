"""`Orchestrator`: runs durable workflows kept in one SQLite file."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from signal import SIGINT, SIGTERM, Signals
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .._core.commands import Command
from .._core.definitions import WorkflowInvocation
from .._core.errors import WorkflowAlreadyExistsError
from .._core.history import WorkflowStatus
from .._core.registry import Registry
from ..tracing import Tracer
from .descriptions import describe_workflow, status_dict
from .gateway import Gateway
from .handle import WorkflowHandle
from .health import Health
from .replay_check import ReplayReport, check_replay
from .selection import ids_of, make_filter, purge, purge_bounds
from .session_control import SessionControl
from .settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Executor

R = TypeVar("R")


class Orchestrator:
    """Runs durable workflows kept in one SQLite file.

    Started, it owns the file and drives its workflows. Not started, it is a client: it submits, reads and waits, and
    the orchestrator that owns the file, in this process or another, does the work. It may be used from any thread, and
    from activities.

    Every method that reads or writes the file raises `StorageError` if the disk fails, `DatabaseLostError` if the file
    was deleted, moved, replaced or damaged, and `MisplacedCallError` if it is called inside a workflow.

    Args:
        db_path: The file, ``"yieldflow.db"`` by default, in the folder that is the current one now. `start` and
            submissions make it; where there is none, all else raises `DatabaseOpenError`.
        max_workers: The number of activities that run on threads at once, 5 by default.
        registry: The workflows and activities by name; the default registry if left out.
        codec: How values are stored: ``"pickle"``, the default (JSON, with a pickle where nothing else says a part of a
            value), or ``"json"`` (pickles are refused both ways).
        durability: ``"full"``, the default: acknowledged work survives a loss of power. ``"normal"``: it survives the
            death of the process, but a loss of power may take the latest commits.
        max_recovery_attempts: A workflow that was at work when the process died, this many starts in a row without any
            progress in between, is set aside as stalled. 10 by default.
        max_live: The number of workflows in memory, 10,000 by default: beyond it those that wait longest leave, and are
            read again when they are due. More may be in memory at a time: those whose activities are at work, and those
            that wait inside a ``try`` or ``with`` whose code would run if they left.
        executors: Further executors for activities, by name: ``@activity(executor="gpu")`` runs in
            ``executors={"gpu": ...}``, which may be any `concurrent.futures.Executor`. They stay yours: they are not
            shut down here. An activity there that waits for a workflow keeps its worker meanwhile.
        max_processes: The greatest number of worker processes, for activities with ``executor="process"``; the number
            of processors if left out.
        tracer: A `Tracer`, which is told of every start and end of workflows and attempts.

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
        max_live: int = 10_000,
        executors: Mapping[str, Executor] | None = None,
        max_processes: int | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        settings = Settings(
            db_path=db_path,
            max_workers=max_workers,
            given_registry=registry,
            codec_name=codec,
            durability=durability,
            max_recovery_attempts=max_recovery_attempts,
            max_live=max_live,
            given_executors=executors,
            given_processes=max_processes,
            tracer=tracer,
        )
        self._gateway = Gateway(settings)
        self._sessions = SessionControl(self._gateway)

    def __repr__(self) -> str:
        state = "started" if self._gateway.session is not None else "not started"
        return f"<Orchestrator {self._gateway.path!r}, {state}>"

    # ------------------------------------------------------------------ starting and stopping

    def start(self, *, wait: bool = False, timeout: float | timedelta | None = None) -> None:
        """Own the file and drive its workflows: every unfinished one goes on. Started already, it does nothing.

        Cut short, by Ctrl-C say, it leaves an orchestrator that is not started and can be started again.

        Args:
            wait: If another orchestrator is started on the file, stand by, and take over within a second once that one
                has stopped or its process has died. Meanwhile this one is a client.
            timeout: Seconds, or a `timedelta`, to stand by at most; None for as long as it takes.

        Raises:
            DatabaseInUseError: Another orchestrator is started on the file, or still is when the time is up; the
                message names its process.
            DatabaseOpenError: The file cannot be used; the message says why.
            MisplacedCallError: A worker process called this while it imported the program: the message says what to do.
            OrchestratorStoppedError: `stop` was called meanwhile, in another thread or in a signal handler.
            YieldflowError: The system cannot start that many threads.
            TypeError, ValueError: An activity of the registry names an executor that was not given. Or the timeout is
                no length of time, or is given without ``wait=True``.

        Example:
            >>> orchestrator = Orchestrator("pipeline.db")
            >>> orchestrator.start(wait=True)  # until the owner has ended; Ctrl-C gives up
        """
        self._sessions.start(wait, timeout)

    def stop(self, timeout: float | timedelta | None = None) -> None:
        """Begin nothing new, let running activities finish, and leave the rest for the next start.

        Queued activities are not waited for, and nothing is lost. An activity that waits for a workflow gets an
        `OrchestratorStoppedError`; if it fails of that, it runs again at the next start. If the orchestrator is not
        started, this only closes the file.

        In a signal handler it returns at once, and the end comes behind it. Cut short, it waits for no activity.

        Args:
            timeout: Seconds, or a `timedelta`, to wait for running activities; None for as long as they take. An
                activity that still runs then is left behind: its result is dropped, and it runs again at the next
                start.

        Raises:
            TypeError, ValueError: The timeout is no length of time; nothing was stopped.
            MisplacedCallError: An activity of this orchestrator called it, and would wait for itself.

        Example:
            >>> orchestrator.stop(timeout=10)
        """
        self._sessions.stop(timeout)

    def run_until_signalled(
        self, signals: Collection[Signals] = (SIGTERM, SIGINT), timeout: float | timedelta | None = None
    ) -> Signals | None:
        """Start, serve until the process is sent a signal, and stop: for a program that does nothing else.

        A second signal ends the wait for running activities. Afterwards signals are handled as before.

        Args:
            signals: The signals that end it: SIGTERM and Ctrl-C if left out.
            timeout: Seconds, or a `timedelta`, to wait for running activities once a signal has come.

        Returns:
            The signal; None if `stop` was called in another thread.

        Raises:
            MisplacedCallError: This is not the main thread, where Python handles signals.
            TypeError, ValueError: The signals are none, or no program can handle one of them.
            The same as `start`.

        Example:
            >>> Orchestrator("pipeline.db").run_until_signalled(timeout=30)
        """
        return self._sessions.run_until_signalled(signals, timeout)

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
            delay: Seconds, or a `timedelta`, until it starts; at most a hundred years.
            signal: A signal's name and payload, which waits for the workflow when it starts. A workflow that has the id
                already is sent the signal, as by `WorkflowHandle.signal`.

        Returns:
            A handle of the workflow.

        Raises:
            TypeError, ValueError: An argument is wrong; the message says what to write instead.
            EncodingError: An argument or the signal cannot be stored; the message says which part of it.
            UnknownWorkflowError: The workflow is not in this orchestrator's registry.
            DuplicateDefinitionError: Its name finds another workflow there: the message has both places.
            WorkflowAlreadyExistsError: The id belongs to another invocation.
            WorkflowEndedError: The signal is for a workflow that has ended.
            StorageError: The disk failed; nothing was written.

        Example:
            >>> handle = orchestrator.submit(order("o-1"), workflow_id="o-1", delay=timedelta(hours=1))
        """
        self._gateway.check_place("submit()", invocation)
        gateway = self._gateway
        submission = gateway.submission_maker().one(invocation, workflow_id, delay, signal)
        # Made before the workflow is on disk, so that no announcement is missed.
        handle: WorkflowHandle[R] = WorkflowHandle(gateway, submission.workflow_id)
        # A workflow that is there is found by reading: no commit is tried only to be refused.
        while workflow_id is None or not gateway.may_attach(submission, invocation):
            # The end of a deleted workflow that had this id is not the end of the new one.
            gateway.watches.of(submission.workflow_id).clear()
            try:
                gateway.put([submission])
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

        Returns:
            A handle of each, in the order given.

        Raises:
            The same as `submit`.

        Example:
            >>> handles = orchestrator.submit_many(order(id) for id in ids)
        """
        gateway = self._gateway
        gateway.check_place("submit_many()", invocations)
        if isinstance(invocations, Command):
            raise TypeError(f"submit_many() takes several workflows: submit_many([{invocations}]), or submit() for one")
        submissions = gateway.submission_maker().many(invocations)
        handles: list[WorkflowHandle[R]] = [WorkflowHandle(gateway, new.workflow_id) for new in submissions]
        if submissions:
            gateway.put(submissions)
        return handles

    def run(self, invocation: WorkflowInvocation[R]) -> R:
        """Submit a workflow and wait for its result.

        Args:
            invocation: The workflow with its arguments.

        Returns:
            The value that the workflow returned.

        Raises:
            The same as `submit` and `WorkflowHandle.result`.

        Example:
            >>> total = orchestrator.run(pipeline("database", destination="warehouse"))
        """
        self._gateway.check_may_block("run()")
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
            EncodingError: An argument cannot be stored.

        Example:
            >>> workflow_id = orchestrator.invoke_workflow("pipeline", source="database", destination="warehouse")
        """
        return self.submit(self._gateway.registry.workflow(name)(**kwargs)).id

    # ------------------------------------------------------------------ looking

    def handle(self, workflow_id: str) -> WorkflowHandle[Any]:
        """Return a handle of a workflow that is on disk.

        Args:
            workflow_id: Its id.

        Raises:
            WorkflowNotFoundError: The file holds no workflow with that id.

        Example:
            >>> orchestrator.handle("o-1").signal("approve")
        """
        self._gateway.check_place("handle()")
        self._gateway.record(workflow_id)
        return WorkflowHandle(self._gateway, workflow_id)

    def get_workflow_status(self, workflow_id: str) -> dict[str, Any]:
        """Describe a workflow's state, as a dictionary.

        Args:
            workflow_id: Its id.

        Returns:
            The fields of `WorkflowDescription` without its lists, with ``status`` as text and times in ISO 8601, UTC:
            ``id``, ``name``, ``status``, ``current_activity``, ``error_message``, ``output``, ``created_at``,
            ``updated_at`` and more.

        Raises:
            WorkflowNotFoundError: The file holds no workflow with that id.

        Example:
            >>> orchestrator.get_workflow_status("o-1")["status"]
        """
        self._gateway.check_place("get_workflow_status()")
        return status_dict(describe_workflow(self._gateway.record(workflow_id)))

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
        """List workflows, the newest first, each as `get_workflow_status` describes it.

        Args:
            name: Only those of this name.
            status: Only those of this status, or of one of these.
            id_prefix: Only those whose id begins with this text.
            parent: Only the children of the workflow with this id.
            created_after: Only those created at or after this time, which has a time zone.
            created_before: Only those created before this time, which has a time zone.
            oldest_first: List the oldest first.
            limit: The greatest number of workflows to list: the size of a page.
            after: The id of the last workflow of the page before; this page follows it.

        Returns:
            A dictionary for each workflow.

        Raises:
            TypeError, ValueError: An argument is wrong; the message says which.
            WorkflowNotFoundError: The workflow ``after`` is no longer there.

        Example:
            >>> page = orchestrator.list_workflows(status="failed", limit=50)
            >>> following = orchestrator.list_workflows(status="failed", limit=50, after=page[-1]["id"])
        """
        self._gateway.check_place("list_workflows()")
        which = make_filter(
            name=name,
            status=status,
            id_prefix=id_prefix,
            parent=parent,
            created_after=created_after,
            created_before=created_before,
            oldest_first=oldest_first,
            limit=limit,
            after=after,
        )
        records = [] if which is None else self._gateway.query(lambda store: store.records(which))
        return [status_dict(describe_workflow(record)) for record in records]

    def health(self) -> Health:
        """Report the load of this orchestrator and its troubles.

        Returns:
            A `Health`: whether it is started, the numbers of attempts at activities that run and that wait, every
            attempt that holds a worker, the trouble with the disk, the reason if nothing goes on, and who owns the
            file.

        Example:
            >>> health = orchestrator.health()
            >>> assert health.storage is None and health.failure is None, health
        """
        return self._gateway.health()

    # ------------------------------------------------------------------ deleting

    def delete(self, workflow_ids: str | Iterable[str]) -> int:
        """Delete ended workflows with their history, their signals, and their descendants.

        Args:
            workflow_ids: One id, or several: all or none.

        Returns:
            How many workflows were deleted, descendants counted.

        Raises:
            WorkflowNotFoundError: One of them is not there; nothing was deleted.
            WorkflowNotEndedError: One of them, a descendant, or the run of the parent that started it has not ended:
                wait for it, or `terminate` it. Nothing was deleted.
            TypeError: They are no ids.

        Example:
            >>> orchestrator.delete("o-1")
        """
        self._gateway.check_place("delete()")
        ids = ids_of(workflow_ids)
        return self._gateway.query(lambda store: store.delete(ids))

    def purge(
        self,
        older_than: float | timedelta | None = None,
        status: WorkflowStatus | str | Iterable[WorkflowStatus | str] | None = None,
    ) -> int:
        """Delete workflows that ended long enough ago, with their descendants.

        A workflow with an unfinished descendant stays, and so do the children of a parent's unfinished run.

        Args:
            older_than: Seconds, or a `timedelta`, that must have passed since they ended; None for any time.
            status: Only those of this status, or of one of these: done, failed, cancelled.

        Returns:
            How many workflows were deleted, descendants counted.

        Raises:
            TypeError, ValueError: An argument is wrong; the message says which. A status is one of an ended workflow.

        Example:
            >>> orchestrator.purge(older_than=timedelta(days=30), status="done")
        """
        self._gateway.check_place("purge()")
        gateway = self._gateway
        before, statuses = purge_bounds(older_than, status, gateway.now())
        return purge(gateway.query(lambda store: store.purgeable(before, statuses)), self.delete)

    def vacuum(self) -> int:
        """Give the room of deleted workflows back to the disk. Without this they leave it in the file, for new ones.

        Others go on meanwhile, since a few pages are given back at a time. Only a file that an earlier
        yieldflow made has to be copied whole, once: that takes twice its size on the disk, and nothing else is written
        until it is done.

        Returns:
            By how many bytes the file has become smaller.

        Example:
            >>> orchestrator.purge(older_than=timedelta(days=30))
            >>> orchestrator.vacuum()
        """
        self._gateway.check_place("vacuum()")
        return self._gateway.query(lambda store: store.vacuum())

    # ------------------------------------------------------------------ before a deploy

    def check_replay(self) -> ReplayReport:
        """Replay every unfinished workflow of the file under the code that is registered here, and read all its values.

        Nothing is run or written, and the orchestrator need not be started; another process may own the file. On the
        command line it is ``python -m yieldflow check-replay FILE MODULE...``.

        Returns:
            A `ReplayReport`: the number of workflows that were replayed, and a `ReplayProblem` for each that would
            stall, with the reason: a step that no longer fits, or a stored value that cannot be read.

        Raises:
            DatabaseOpenError: There is no such file, or it cannot be used.

        Example:
            >>> report = Orchestrator("shop.db").check_replay()
            >>> assert report.ok, report
        """
        self._gateway.check_place("check_replay()")
        return check_replay(self._gateway.path, self._gateway.registry, self._gateway.codec)
