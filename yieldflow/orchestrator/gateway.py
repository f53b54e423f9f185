"""`Gateway`: decides whether a call goes to the owner's session, or as a client's straight to the file."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar

from .._core.commands import show
from .._core.context import driving, note_used
from .._core.definitions import WorkflowInvocation
from .._core.errors import MisplacedCallError, OrchestratorStoppedError, StorageError, WorkflowNotFoundError
from .._core.history import Micros, Payload, WorkflowStatus
from ..history_checks import checked
from ..scheduler.requests import cannot_clean_up
from ..store import Loaded, Request, RequestKind, Submission, WorkflowRecord
from ..workers import current_slot
from .ending import wait_until_set
from .health import Health, Owner
from .polling import Polling
from .settings import Settings
from .submissions import SubmissionMaker, check_same_invocation, is_text
from .watches import Watches

if TYPE_CHECKING:
    # They bring sqlite3 and socket, which a program that only defines workflows does not need.
    from ..sqlite import SqliteStore
    from .session import Session

T = TypeVar("T")

_FORKED = (
    "was called in a forked child of the process that made this orchestrator: begin the process anew instead, as "
    'multiprocessing.get_context("spawn") does, and make one there, as a client'
)


class Gateway:
    """The access of one orchestrator and its handles to the file, to the session, and to announced ends.

    Args:
        settings: The orchestrator's arguments.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.path = settings.path
        self.registry = settings.registry
        self.codec = settings.codec
        self.watches = Watches()
        self.polling = Polling()
        self.pid = os.getpid()
        #: None while the orchestrator is not started: then it is a client. Its thread alone sets it.
        self.session: Session | None = None
        # Guards the opening and closing of the store.
        self._opening = threading.Lock()
        self._opened: SqliteStore | None = None
        #: True while a session has the store: then it alone closes it.
        self._lent = False

    # ------------------------------------------------------------------ reading the file

    def open(self, *, create: bool = False) -> SqliteStore:
        """Return the store, opened where it is not open; ``create`` makes the file where there is none.

        Raises:
            DatabaseOpenError: The file cannot be used, or is not there.
        """
        with self._opening:
            return self._open(create)

    def lend_store(self) -> SqliteStore:
        """Return the store for a session, which is to give it back; the file is made where there is none."""
        with self._opening:
            self._lent = True
            return self._open(create=True)

    def _open(self, create: bool) -> SqliteStore:
        from ..sqlite import SqliteStore

        if self._opened is None:
            given, durability = self.settings.given_store, self.settings.durability
            self._opened = SqliteStore(self.path, durability, create=create) if given is None else given
        return self._opened

    def close(self, *, given_back: bool = False) -> None:
        """Close the store, unless a session has it and does not give it back; it is opened again when it is needed."""
        with self._opening:
            if self._lent and not given_back:
                return
            self._lent = False
            store, self._opened = self._opened, None
        if store is not None:
            store.close()

    def query(self, question: Callable[[SqliteStore], T], *, create: bool = False) -> T:
        """Call ``question`` with the store; once more, if a stop in another thread closed the store meanwhile."""
        while True:
            store = self.open(create=create)
            try:
                return question(store)
            except StorageError:
                if self._opened is store:
                    raise

    def record(self, workflow_id: str) -> WorkflowRecord:
        """Read a workflow's row.

        Raises:
            WorkflowNotFoundError: The file holds no workflow with that id.
        """
        return self._found(workflow_id, lambda store: store.record(workflow_id))

    def snapshot(self, workflow_id: str) -> Loaded:
        """Read everything that a workflow is built from.

        Raises:
            DamagedRowError: Its rows do not fit together.
            WorkflowNotFoundError: The file holds no workflow with that id.
        """
        return checked(self._found(workflow_id, lambda store: store.snapshot(workflow_id)))

    def _found(self, workflow_id: str, question: Callable[[SqliteStore], T | None]) -> T:
        answer = self.query(question) if is_text(workflow_id) else None
        if answer is None:
            raise WorkflowNotFoundError(f"{self.path} holds no workflow with the id {show(workflow_id)}")
        return answer

    def ended(self, workflow_ids: Collection[str], since: object) -> tuple[object, Collection[str]]:
        """Return a mark for the next call, and those of the workflows that have ended, stalled or gone."""
        return self.query(lambda store: store.ended(workflow_ids, since))

    @property
    def is_client(self) -> bool:
        """True while the orchestrator is not started."""
        return self.session is None

    # ------------------------------------------------------------------ writing, as the owner or as a client

    def put(self, submissions: list[Submission]) -> None:
        """Put workflows on disk, all or none."""
        self._write(
            lambda session: session.submit(submissions),
            lambda: self.query(lambda store: store.submit(submissions), create=True),
        )

    def request(
        self, workflow_id: str, kind: RequestKind, name: str | None = None, payload: Payload | None = None
    ) -> None:
        """Have the owner signal, cancel, terminate, suspend or resume a workflow. When this returns, that is on disk.

        Raises:
            WorkflowNotFoundError, WorkflowEndedError, WorkflowStalledError: The workflow cannot be asked that.
        """
        self.check_place(f"{kind}()")
        request = Request(workflow_id, kind, self.now(), name, payload)
        self._write(lambda session: session.request(request), lambda: self._leave_on_disk(request))

    def _write(self, as_owner: Callable[[Session], None], as_client: Callable[[], None]) -> None:
        """Call ``as_owner`` with the session, if there is one, else ``as_client``."""
        session = self.session
        if session is not None:
            try:
                as_owner(session)
                return
            except OrchestratorStoppedError:
                # If that was a stop, this is a client as soon as the stop is over.
                if session.failed or not session.ending.asked:
                    raise
                wait_until_set(session.ending.over)
        as_client()

    def _leave_on_disk(self, request: Request) -> None:
        """Leave a request for the owner. It will have no caller to report a refusal to, so check first."""
        record = self.record(request.workflow_id)
        if record.status is WorkflowStatus.STALLED and request.kind in (RequestKind.CANCEL, RequestKind.SUSPEND):
            raise cannot_clean_up(record.id)
        self.query(lambda store: store.ask([request]))

    def nudge(self) -> None:
        """Have the session, if there is one, look at once at what was written to the file."""
        session = self.session
        if session is not None:
            session.poll_store()

    def submission_maker(self) -> SubmissionMaker:
        """Return a maker of submissions that are made now."""
        return SubmissionMaker(self.registry, self.codec, self.now())

    def may_attach(self, submission: Submission, invocation: WorkflowInvocation[Any]) -> bool:
        """Return True if a workflow of the same invocation has the id already.

        Raises:
            WorkflowAlreadyExistsError: A workflow of another invocation has it.
        """
        record = self.query(lambda store: store.record(submission.workflow_id), create=True)
        if record is not None:
            check_same_invocation(record, submission, invocation.definition, self.codec)
        return record is not None

    def now(self) -> Micros:
        """Read the clock."""
        return self.settings.clock.now()

    def unattended(self) -> str | None:
        """Return a sentence saying that no orchestrator is started on the file; None if one is."""
        if self.session is not None:
            return None
        from ..sqlite import Ownership

        if Ownership(self.path).taken():
            return None
        return f"no orchestrator is started on {self.path}: call start(), or use a with block"

    def health(self) -> Health:
        """Report the load and the troubles of the session, if there is one, and who owns the file."""
        if self._is_forked:
            return Health(False, failure=f"health() {_FORKED}")
        session = self.session
        if session is not None:
            return session.health()
        from ..sqlite import Ownership

        owner = Ownership(self.path).owner()
        return Health(False, owner=None if owner is None else Owner(*owner))

    @property
    def _is_forked(self) -> bool:
        """True in a child that was forked from the process that made the orchestrator."""
        return os.getpid() != self.pid

    # ------------------------------------------------------------------ places where calls are refused

    def check_place(self, call: str, given: object = None) -> None:
        """Refuse calls from places where they cannot work.

        Args:
            call: The call, for messages.
            given: The commands that it was given, of which nothing else is to be said.

        Raises:
            MisplacedCallError: The caller is a workflow, the scheduler's thread, or a forked child process.
        """
        current = driving()
        if current is not None:
            note_used(given)
            raise MisplacedCallError(
                f"{call} was called inside workflow {current.info.name!r}, which the same thread drives: "
                "a workflow only yields commands. Call it in an activity, and yield that."
            )
        if self.session is not None and self.session.on_scheduler_thread:
            raise MisplacedCallError(
                f"{call} was called on the scheduler's thread (by a log handler, or while a value was stored), which "
                "would have to wait for itself: call it from another thread"
            )
        if self._is_forked:
            raise MisplacedCallError(f"{call} {_FORKED}")

    def check_may_block(self, call: str) -> None:
        """Refuse a blocking wait in an async activity, which would hold up the event loop.

        Raises:
            MisplacedCallError: The caller is an async activity.
        """
        slot = current_slot()
        if slot is not None and slot.on_event_loop:
            raise MisplacedCallError(
                f"{call} was called in an async activity, where it would hold up the event loop and every activity on "
                "it: write `await handle` instead, or `await asyncio.to_thread(handle.result)`"
            )

    def check_not_imported_anew(self) -> None:
        """Refuse a start in a process that was spawned by the program and only imports its main module again.

        Raises:
            MisplacedCallError: This is such a process.
        """
        process = sys.modules.get("multiprocessing.process")
        # The mark by which multiprocessing itself refuses to start further processes there.
        if process is not None and getattr(process.current_process(), "_inheriting", False):
            raise MisplacedCallError(
                "start() was called while a worker process imports the program's main module again, to find its "
                'activities: put what starts the orchestrator under `if __name__ == "__main__":`'
            )
