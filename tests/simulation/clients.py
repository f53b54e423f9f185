"""The clients: what they call, what they hear, and that they call again what failed or was not answered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Any, Protocol, TypeVar, cast

from tests.engine import CODEC, SECOND, submission
from yieldflow import StorageError, WorkflowAlreadyExistsError
from yieldflow._core.errors import YieldflowError
from yieldflow._core.history import SEED_LENGTH, Micros, Payload
from yieldflow.orchestrator.access import Access
from yieldflow.orchestrator.handle import WorkflowHandle
from yieldflow.orchestrator.waiting import Watches
from yieldflow.scheduler.turn import Ask, Message, Reply, Submit
from yieldflow.store import Loaded, Request, RequestKind, Rewind, Store, Submission, WorkflowRecord

from .code import Code
from .ledger import Ledger, Sent
from .plan import Call, Flow

T = TypeVar("T")

#: Seconds after which a call that failed is made again.
AGAIN = 1.0


class Town(Protocol):
    """What the clients need of the world."""

    ledger: Ledger
    code: Code
    time: Micros

    @property
    def store(self) -> Store:
        """The disk."""

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Have something happen later."""

    def send(self, message: Message) -> None:
        """Put something into the scheduler's inbox."""

    def wall(self) -> Micros:
        """What the system's clock shows."""

    def written(self) -> None:
        """Somebody wrote to the disk, which the owner is to find."""

    def note(self, *what: object) -> None:
        """Add a line to the trace."""


class Clients:
    """Everybody who calls.

    Args:
        town: Where they live.
        flows: The workflows that they know of.
    """

    def __init__(self, town: Town, flows: tuple[Flow, ...]) -> None:
        self._town = town
        self._flows = {flow.id: flow for flow in flows}
        #: What was called and not answered: it is called again after a crash. By the number of the call.
        self.unanswered: dict[int, tuple[Call, Micros]] = {}
        self._calls = 0
        self.submitted: set[str] = set()
        #: The workflows that are not to clean up.
        self.terminated: set[str] = set()
        #: Calls for when a workflow has been submitted.
        self._waiting: dict[str, list[Call]] = {}
        self._forks = 0

    def call(self, call: Call) -> None:
        """Make a call."""
        self._calls += 1
        self._town.note("call", *call)
        if call.kind == "submit":
            self._submit(call)
        elif call.workflow not in self.submitted:
            self._waiting.setdefault(call.workflow, []).append(call)
        elif call.kind in ("retry", "fork"):
            self._rewind(call)
        elif call.kind == "delete":
            self._delete(call)
        else:
            self._ask(call)

    def lost(self) -> None:
        """The process died: nobody will answer."""
        calls, self.unanswered = list(self.unanswered.values()), {}
        for call, _ in calls:
            self._later(call)

    def _later(self, call: Call) -> None:
        self._town.after(AGAIN, partial(self.call, call))

    # ------------------------------------------------------------------ submitting and asking

    def _submit(self, call: Call) -> None:
        town, flow = self._town, self._flows[call.workflow]
        new = submission(town.code.program(flow.program), call.workflow, town.wall(), call.delay)
        if call.timeout is not None:
            new = new._replace(deadline_at=(new.starts_at or new.created_at) + int(call.timeout * SECOND))
        if call.outside:
            self._heard(call, self._try(lambda: self._write_down(new)))
        else:
            self._await(call, lambda reply: Submit([new], reply))

    def _write_down(self, new: Submission) -> None:
        self._town.store.submit([new])
        self._town.ledger.created(new)

    def _ask(self, call: Call) -> None:
        town = self._town
        payload: Payload | None = None
        if call.kind == "signal":
            # Whoever gets no answer sends it again, as another one.
            payload = CODEC.encode([call.name, self._calls])
        name = call.name or None
        if call.kind == "terminate":
            self.terminated.add(call.workflow)
        request = Request(call.workflow, RequestKind(call.kind), town.wall(), name, payload)
        if call.outside:
            self._heard(call, self._try(lambda: town.store.ask([request])), payload)
        else:
            self._await(call, lambda reply: Ask(request, reply), payload)

    def _await(self, call: Call, message: Callable[[Reply], Message], payload: Payload | None = None) -> None:
        number, began = self._calls, self._town.time
        self.unanswered[number] = call, began

        def answered(error: Exception | None) -> None:
            del self.unanswered[number]
            self._heard(call, error, payload, began)

        self._town.send(message(answered))

    def _try(self, what: Callable[[], None]) -> Exception | None:
        try:
            what()
        except YieldflowError as error:
            return error
        self._town.written()
        return None

    def _heard(
        self, call: Call, error: Exception | None, payload: Payload | None = None, began: Micros | None = None
    ) -> None:
        """A call was answered."""
        town = self._town
        town.note("answer", call.kind, call.workflow, call.name, type(error).__name__ if error is not None else "yes")
        if call.kind == "submit" and (error is None or isinstance(error, WorkflowAlreadyExistsError)):
            town.ledger.acknowledge(call.workflow)
            self.submitted.add(call.workflow)
            for waiting in self._waiting.pop(call.workflow, ()):
                self._town.after(0, partial(self.call, waiting))
        elif isinstance(error, StorageError):
            self._later(call)
        elif error is None and call.kind == "signal" and payload is not None:
            sent = Sent(call.workflow, payload, town.time if began is None else began, town.time)
            town.ledger.acknowledge_signal(sent, call.outside)

    # ------------------------------------------------------------------ going back

    def _rewind(self, call: Call) -> None:
        """Retry or fork a workflow, by the handle that users hold."""
        town, store = self._town, self._town.store
        handle: WorkflowHandle[Any] = WorkflowHandle(cast(Access, Office(town)), call.workflow)
        try:
            steps = store.steps(call.workflow)
            if call.kind == "retry":
                handle.retry(call.value % len(steps) if steps and call.value % 3 == 0 else None)
            elif steps:
                self._forks += 1
                handle.fork(call.value % len(steps), f"{call.workflow}-fork{self._forks}")
        except (YieldflowError, ValueError) as error:
            town.note("answer", call.kind, call.workflow, type(error).__name__)
            return
        town.note("answer", call.kind, call.workflow, "yes")
        town.written()

    def _delete(self, call: Call) -> None:
        """Delete a workflow that has ended, with its descendants; its id is free then, and it is submitted anew."""
        store, ledger = self._town.store, self._town.ledger
        try:
            store.delete([call.workflow])
        except YieldflowError as error:
            self._town.note("answer", call.kind, call.workflow, type(error).__name__)
            return
        self._town.note("answer", call.kind, call.workflow, "yes")
        for workflow_id in [*ledger.flows]:
            if store.record(workflow_id) is None:
                ledger.reread(store, workflow_id)
                self.submitted.discard(workflow_id)
        self._later(Call(0, "submit", call.workflow))


class Office:
    """What a handle needs of an orchestrator that is not started: it writes to the store, as a client."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.watches = Watches()

    def check_place(self, call: str) -> None:
        """It may be called here."""

    def now(self) -> Micros:
        """The present."""
        return self._town.wall()

    def nudge(self) -> None:
        """The owner is told by whoever uses this."""

    def snapshot(self, workflow_id: str) -> Loaded:
        """All that a workflow is built from."""
        found = self._town.store.snapshot(workflow_id)
        assert found is not None
        return found

    def record(self, workflow_id: str) -> WorkflowRecord:
        """A workflow's row."""
        found = self._town.store.record(workflow_id)
        assert found is not None
        return found

    def query(self, question: Callable[[Store], T]) -> T:
        """Ask the store; what is changed there is entered in the ledger."""
        return question(cast(Store, Entered(self._town.store, self._town.ledger)))


class Entered:
    """A store that a client goes back in: the ledger takes over what it changed."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger
        self.records = store.records
        self.steps = store.steps

    def rewind(
        self, workflow_id: str, run: int, place: int, *, children: list[Rewind], undone: list[str], **rest: Any
    ) -> None:
        """See `Store.rewind`."""
        before = {record.id for record in self._store.records()}
        self._store.rewind(workflow_id, run, place, children=children, undone=undone, **rest)
        gone = before - {record.id for record in self._store.records()}
        for changed in (workflow_id, *(child.workflow_id for child in children), *sorted(gone)):
            self._ledger.reread(self._store, changed)

    def fork(self, workflow_id: str, run: int, place: int, new: Submission) -> None:
        """See `Store.fork`. What is random in a copy depends on its id alone."""
        drawn = blake2b(new.workflow_id.encode(), digest_size=SEED_LENGTH).digest()
        seed = new.seed[:-SEED_LENGTH] + drawn if len(new.seed) > SEED_LENGTH else new.seed
        self._store.fork(workflow_id, run, place, new._replace(seed=seed))
        self._ledger.forked_at[new.workflow_id] = place
        self._ledger.reread(self._store, new.workflow_id)
