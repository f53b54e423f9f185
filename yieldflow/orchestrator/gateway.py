"""What an orchestrator and its handles share: the way to the store, to the session, and to the news of workflows."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .._core.context import driving
from .._core.errors import (
    EncodingError,
    MisplacedCallError,
    OrchestratorStoppedError,
    StorageError,
    WorkflowCancelledError,
    WorkflowFailedError,
    WorkflowNotFoundError,
    WorkflowStalledError,
)
from .._core.history import Failure, Micros, Payload, WorkflowStatus
from .._core.nodes import add_note
from ..history_checks import checked, end_of
from ..log import logger
from ..scheduler.messages import Ended
from ..scheduler.requests import cannot_clean_up
from ..store import Loaded, Request, RequestKind, Submission, WorkflowRecord
from ..workers import here, interrupted
from .settings import Settings
from .submissions import is_text
from .waiting import Looks, Watch, Watches

if TYPE_CHECKING:
    # They bring sqlite3 and socket, which a program that only defines workflows does not need.
    from ..sqlite import SqliteStore
    from .session import Session

T = TypeVar("T")

#: After so many looks without an owner in this process, a client asks whether there is one at all.
UNATTENDED = 50
#: Seconds between two looks of a client that waits for a workflow.
POLL = 0.02


class Gateway:
    """One orchestrator's ways to its workflows, whether it is started or a client.

    Args:
        settings: What the orchestrator was told.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.path = settings.path
        self.registry = settings.registry
        self.codec = settings.codec
        self.watches = Watches()
        self.pid = os.getpid()
        # Held by whoever starts or stops.
        self.lifetime = threading.Lock()
        self.session: Session | None = None
        #: How often it was told to stop, for whoever waits to start.
        self.stops = 0
        # Guards the making of the store.
        self._opening = threading.Lock()
        self._opened: SqliteStore | None = None

    # ------------------------------------------------------------------ the store

    @property
    def store(self) -> SqliteStore:
        """The store, opened when it is first needed."""
        from ..sqlite import SqliteStore

        with self._opening:
            if self._opened is None:
                given = self.settings.given_store
                self._opened = SqliteStore(self.path, self.settings.durability) if given is None else given
            return self._opened

    def close(self) -> None:
        """Close the store; it is opened again when it is needed again."""
        with self._opening:
            store, self._opened = self._opened, None
        if store is not None:
            store.close()

    def query(self, question: Callable[[SqliteStore], T]) -> T:
        """Ask the store; once more where a stop in another thread closed it meanwhile."""
        while True:
            store = self.store
            try:
                return question(store)
            except StorageError:
                if self._opened is store:
                    raise

    def record(self, workflow_id: str) -> WorkflowRecord:
        """A workflow's row.

        Raises:
            WorkflowNotFoundError: There is none with that id.
        """
        return self._found(workflow_id, lambda store: store.record(workflow_id))

    def snapshot(self, workflow_id: str) -> Loaded:
        """All that a workflow is built from.

        Raises:
            DamagedRowError: Its rows do not fit together.
            WorkflowNotFoundError: There is none with that id.
        """
        return checked(self._found(workflow_id, lambda store: store.snapshot(workflow_id)))

    def _found(self, workflow_id: str, question: Callable[[SqliteStore], T | None]) -> T:
        answer = self.query(question) if is_text(workflow_id) else None
        if answer is None:
            raise WorkflowNotFoundError(f"{self.path} holds no workflow with the id {workflow_id!r}")
        return answer

    # ------------------------------------------------------------------ to the owner

    def put(self, submissions: list[Submission]) -> None:
        """Put workflows on disk, by the owner's commit where this is the owner."""
        self._settle(
            lambda session: session.submit(submissions),
            lambda: self.query(lambda store: store.submit(submissions)),
        )

    def request(
        self, workflow_id: str, kind: RequestKind, name: str | None = None, payload: Payload | None = None
    ) -> None:
        """Ask something of a workflow. When this returns, that is on disk.

        Raises:
            WorkflowNotFoundError, WorkflowEndedError, WorkflowStalledError: It cannot be asked of that workflow.
        """
        self.check_place(f"{kind}()")
        request = Request(workflow_id, kind, self.now(), name, payload)
        self._settle(lambda session: session.ask(request), lambda: self._leave(request))

    def _settle(self, as_owner: Callable[[Session], None], as_client: Callable[[], None]) -> None:
        """Have something written: by the session, where there is one, or as a client."""
        session = self.session
        if session is not None:
            try:
                as_owner(session)
                return
            except OrchestratorStoppedError:
                # Where that was a stop, this is a client once the stop is over.
                with self.lifetime:
                    if self.session is session:
                        raise
        as_client()

    def _leave(self, request: Request) -> None:
        """Leave a request on disk, for the owner, who has nobody to tell that it cannot be carried out."""
        record = self.record(request.workflow_id)
        if record.status is WorkflowStatus.STALLED and request.kind in (RequestKind.CANCEL, RequestKind.SUSPEND):
            raise cannot_clean_up(record.id)
        self.query(lambda store: store.ask([request]))

    def nudge(self) -> None:
        """Have the owner, where this is it, see at once what was written."""
        session = self.session
        if session is not None:
            session.look()

    def now(self) -> Micros:
        """The present."""
        return self.settings.clock()

    # ------------------------------------------------------------------ waiting

    def looks(self, watch: Watch, workflow_id: str) -> Looks:
        """Look at a workflow again and again until it has ended or stalled."""
        session = self.session
        looks = 0
        # Read once: another waiter may find the news old and clear it.
        while (ended := watch.end) is None:
            watch.clear()
            record = self.record(workflow_id)
            stalled = record.status is WorkflowStatus.STALLED
            # In a session, only what was tried there is known to be stalled still.
            tried = self.session is None or self.session.has_stalled(record)
            if record.status.ended or (stalled and tried):
                return Ended(record.id, record.status, record.outcome, record.reason)
            over = session is not None and (self.session is not session or not session.running)
            if over and session is not None:
                session.check_file()
            if over or interrupted():
                raise OrchestratorStoppedError(
                    f"the orchestrator stopped while {workflow_id} was waited for: that goes on at the next start"
                )
            session = self.session
            looks += 1
            if session is None and looks == UNATTENDED and (alone := self.unattended()) is not None:
                logger.warning("%s is waited for, and %s", workflow_id, alone)
            yield POLL if session is None or stalled else None
        return ended

    def unattended(self) -> str | None:
        """What to say where nobody has the file started; None where somebody has."""
        if self.session is not None:
            return None
        from .session import unattended

        return unattended(self.path)

    def value(self, ended: Ended) -> Any:
        """What a workflow returned; what it raised is raised."""
        if ended.status is WorkflowStatus.STALLED:
            raise WorkflowStalledError(f"workflow {ended.workflow_id} is stalled: {ended.reason}")
        if ended.status is WorkflowStatus.CANCELLED:
            because = f": {ended.reason}" if ended.reason else ""
            raise WorkflowCancelledError(f"workflow {ended.workflow_id} was cancelled{because}")
        outcome = end_of(ended.workflow_id, ended.status, ended.outcome)
        if isinstance(outcome, Failure):
            raise self._failure(outcome, ended.workflow_id)
        try:
            return self.codec.decode(outcome)
        except EncodingError as error:
            raise EncodingError(f"what workflow {ended.workflow_id} returned: {error}") from error

    def _failure(self, failure: Failure, workflow_id: str) -> BaseException:
        """What a workflow raised, with a note of which it was."""
        try:
            error = self.codec.decode_failure(failure, WorkflowFailedError)
        except EncodingError:
            error = WorkflowFailedError(failure.message, failure.type_name, failure.traceback)
        add_note(error, f"in workflow {workflow_id}")
        return error

    # ------------------------------------------------------------------ where calls may come from

    def check_place(self, call: str) -> None:
        """Refuse calls from where they cannot work."""
        current = driving()
        if current is not None:
            raise MisplacedCallError(
                f"{call} was called inside workflow {current.info.name!r}, which the same thread drives: "
                "a workflow only yields commands. Call it in an activity, and yield that."
            )
        if self.session is not None and self.session.on_thread:
            raise MisplacedCallError(
                f"{call} was called on the scheduler's thread (by a log handler, or while a value was stored), which "
                "would have to wait for itself: call it from another thread"
            )
        if os.getpid() != self.pid:
            raise MisplacedCallError(
                f"{call} was called in a forked child of the process that made this orchestrator: begin the process "
                'anew instead, as multiprocessing.get_context("spawn") does, and make one there, as a client'
            )

    def check_may_block(self, call: str) -> None:
        """Refuse to wait where that holds up all that is waited for."""
        place = here()
        if place is not None and place.on_event_loop:
            raise MisplacedCallError(
                f"{call} was called in an async activity, where it would hold up the event loop and every activity on "
                "it: write `await handle` instead, or `await asyncio.to_thread(handle.result)`"
            )

    def check_not_imported_anew(self) -> None:
        """Refuse to start in a process that was spawned by the program and only imports its main module again."""
        process = sys.modules.get("multiprocessing.process")
        # What multiprocessing itself goes by when it refuses to start further processes there.
        if process is not None and getattr(process.current_process(), "_inheriting", False):
            raise MisplacedCallError(
                "start() was called while a worker process imports the program's main module again, to find its "
                'activities: put what starts the orchestrator under `if __name__ == "__main__":`'
            )
