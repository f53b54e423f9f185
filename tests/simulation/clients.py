"""The clients: what they call, what they hear, and that they call again what failed or was not answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b
from typing import Any, Protocol, TypeVar, cast

from tests.support.engine import CODEC, SECOND, Crash, submission
from yieldflow import StorageError, WorkflowAlreadyExistsError
from yieldflow._core.errors import RetryRefusedError, YieldflowError
from yieldflow._core.history import SEED_LENGTH, Micros, Payload, Signal
from yieldflow.orchestrator.gateway import Gateway
from yieldflow.orchestrator.handle import WorkflowHandle
from yieldflow.orchestrator.selection import purge, purge_bounds
from yieldflow.orchestrator.watches import Watches
from yieldflow.scheduler.turn import Message, Reply, RequestReceived, Submit
from yieldflow.store import Loaded, Request, RequestKind, Store, Submission, WorkflowRecord

from .code import Code
from .going_back import RETRIED, is_refused
from .ledger import Ledger
from .notes import Sent, Status
from .plan import DIES, Call, Flow, purges
from .promises import Promise

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

    def note(self, *what: object) -> None:
        """Add a line to the trace."""

    def count(self, fault: str) -> None:
        """Something went wrong."""


class Clients:
    """Everybody who calls.

    Args:
        town: Where they live.
        flows: The workflows that they know of.
        steady: Those of them whose end is to be the same again, in a world without faults.
    """

    def __init__(self, town: Town, flows: tuple[Flow, ...], steady: set[str]) -> None:
        self._town = town
        self._flows = {flow.id: flow for flow in flows}
        self._steady = steady
        #: What was called and not answered: it is called again after a crash. By the number of the call.
        self.unanswered: dict[int, tuple[Call, Micros]] = {}
        self._calls = 0
        #: How often each was called.
        self.made: Counter[str] = Counter()
        self.submitted: set[str] = set()
        #: The workflows that are not to clean up.
        self.terminated: set[str] = set()
        #: Calls for when a workflow has been submitted.
        self._waiting: dict[str, list[Call]] = {}
        self._forks = 0

    def call(self, call: Call) -> None:
        """Make a call."""
        self._calls += 1
        self.made.update(_kinds(call))
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
        town = self._town
        news = [self._submission(workflow_id, call) for workflow_id in (call.workflow, *call.others)]
        if call.outside:
            self._heard(call, self._try(lambda: town.store.submit(news)))
        else:
            town.ledger.together.append(news)
            self._await(call, lambda reply: Submit(news, reply))

    def _submission(self, workflow_id: str, call: Call) -> Submission:
        town, flow = self._town, self._flows[workflow_id]
        code = town.code.late if flow.late else town.code.program
        new = submission(code(flow.program), workflow_id, town.wall(), call.delay)
        if workflow_id not in self._steady:
            # As in the real world, where an id that is used again after a deletion draws anew.
            new = new._replace(seed=blake2b(f"{workflow_id} {self._calls}".encode(), digest_size=SEED_LENGTH).digest())
        if call.timeout is not None and workflow_id == call.workflow:
            new = new._replace(deadline_at=(new.starts_at or new.created_at) + int(call.timeout * SECOND))
        if call.name and workflow_id == call.workflow:
            new = new._replace(signals=[Signal(1, call.name, self._payload(call), town.wall())])
        return new

    def _payload(self, call: Call) -> Payload:
        """What a signal carries. Whoever gets no answer sends it again, as another one."""
        return CODEC.encode([call.name, self._calls])

    def _ask(self, call: Call) -> None:
        town = self._town
        payload: Payload | None = None
        if call.kind == "signal":
            payload = self._payload(call)
        elif call.kind == "cancel":
            payload = CODEC.encode(f"call {self._calls}")
        name = call.name or None
        if call.kind == "terminate":
            self.terminated.add(call.workflow)
        request = Request(call.workflow, RequestKind(call.kind), town.wall(), name, payload)
        town.ledger.calls(request)
        if call.outside:
            self._heard(call, self._try(lambda: town.store.ask([request])), payload)
        else:
            self._await(call, lambda reply: RequestReceived(request, reply), request)

    def _await(self, call: Call, message: Callable[[Reply], Message], request: Request | None = None) -> None:
        number, began = self._calls, self._town.time
        self.unanswered[number] = call, began

        def answered(error: Exception | None) -> None:
            del self.unanswered[number]
            if request is not None and error is None:
                self._town.ledger.acknowledge_request(request)
            self._heard(call, error, request and request.payload, began)

        self._town.send(message(answered))

    def _try(self, what: Callable[[], None]) -> Exception | None:
        try:
            what()
        except YieldflowError as error:
            return error
        return None

    def _heard(
        self, call: Call, error: Exception | None, payload: Payload | None = None, began: Micros | None = None
    ) -> None:
        """A call was answered."""
        town = self._town
        town.note("answer", call.kind, call.workflow, call.name, type(error).__name__ if error is not None else "yes")
        if call.kind == "submit" and (error is None or isinstance(error, WorkflowAlreadyExistsError)):
            self._submitted(call, error is None)
        elif isinstance(error, StorageError):
            self._later(call)
        elif error is None and call.kind == "signal" and payload is not None:
            sent = Sent(call.workflow, payload, town.time if began is None else began, town.time)
            town.ledger.acknowledge_signal(sent, call.outside)
        elif error is None and call.value == DIES:
            town.count("crash between")
            raise Crash

    def _submitted(self, call: Call, new: bool) -> None:
        """What was submitted is there: since then, or before."""
        if not new and call.others:
            # One of them is there, so none was put on disk.
            for workflow_id in (call.workflow, *call.others):
                self._again(call._replace(workflow=workflow_id, others=(), name=""))
        else:
            for workflow_id in (call.workflow, *call.others):
                self._town.ledger.acknowledge(workflow_id)
                self.submitted.add(workflow_id)
                for waiting in self._waiting.pop(workflow_id, ()):
                    self._again(waiting)
        if not new and call.name:
            self._again(Call(0, "signal", call.workflow, call.name, call.value, call.outside))

    def _again(self, call: Call) -> None:
        self._town.after(0, partial(self.call, call))

    # ------------------------------------------------------------------ going back

    def visit(self, kind: str, who: float, value: float) -> bool:
        """Retry, fork or delete one of those that have ended or stalled, whoever started it; False without any.

        Steady ones are left alone.
        """
        flows = self._town.ledger.flows
        there = [id for id, flow in flows.items() if flow.status.ended or flow.status is Status.STALLED]
        there = [id for id in there if self._root(id) not in self._steady]
        if kind == "retry":
            there = [id for id in there if flows[id].status in RETRIED]
        parents = {flow.row.parent.workflow_id for flow in flows.values() if flow.row.parent is not None}
        # Those with a family are rare, and have more to lose.
        there = [id for id in there if id in parents or flows[id].row.parent is not None] or there
        if there:
            number = 0 if kind == "delete" else int(value * 200) // 2 * (3 if value < 0.5 else 1)
            call = Call(0, kind, there[int(who * len(there))], value=number)
            self.made.update(_kinds(call))
            self._town.note("visit", *call)
            (self._delete if kind == "delete" else self._rewind)(call)
        return bool(there)

    def _root(self, workflow_id: str) -> str:
        """The workflow from which one comes, as a child or a copy."""
        row = self._town.ledger.flows[workflow_id].row if workflow_id in self._town.ledger.flows else None
        if row is not None and row.parent is not None:
            return self._root(row.parent.workflow_id)
        source, is_copy, _ = workflow_id.rpartition("-fork")
        return self._root(source) if is_copy else workflow_id

    def _rewind(self, call: Call) -> None:
        """Retry or fork a workflow, by the handle that users hold."""
        town, store = self._town, self._town.store
        handle: WorkflowHandle[Any] = WorkflowHandle(cast(Gateway, Office(town)), call.workflow)
        try:
            steps = store.steps(call.workflow)
            if call.kind == "retry":
                town.ledger.named = call.value % len(steps) if steps and call.value % 3 == 0 else None
                handle.retry(town.ledger.named)
            elif steps:
                self._forks += 1
                town.ledger.named = call.value % len(steps)
                handle.fork(town.ledger.named, f"{call.workflow}-fork{self._forks}")
        except (YieldflowError, ValueError) as error:
            if isinstance(error, RetryRefusedError):
                refused = is_refused(town.ledger, call.workflow, town.ledger.named)
                town.ledger.check(Promise.BACK, refused, call.workflow, "is not retried:", error)
            town.note("answer", call.kind, call.workflow, type(error).__name__)
            return
        town.note("answer", call.kind, call.workflow, "yes")

    def _delete(self, call: Call) -> None:
        """Delete what has ended, with its descendants; the ids are free then, and are submitted anew."""
        town, answer = self._town, "yes"
        try:
            if purges(call):
                purge(town.store.purgeable(*purge_bounds(call.value % 3, None, town.wall())), town.store.delete)
            else:
                town.store.delete([call.workflow])
        except YieldflowError as error:
            answer = type(error).__name__
        town.note("answer", call.kind, call.workflow, answer)
        # Whatever the client heard of it.
        gone = self.submitted - town.ledger.flows.keys()
        self.submitted -= gone
        for workflow_id in sorted(gone & self._flows.keys()):
            self._later(Call(0, "submit", workflow_id))


def _kinds(call: Call) -> Iterator[str]:
    """What is called, for the count."""
    yield "purge" if purges(call) else call.kind
    if call.outside or call.kind in ("retry", "fork", "delete"):
        yield "by another process"
    if call.kind == "submit":
        extras = {"many": bool(call.others), "with a signal": bool(call.name)}
        extras |= {"with a delay": call.delay is not None, "with a timeout": call.timeout is not None}
        yield from (f"submit {extra}" for extra, given in extras.items() if given)


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
        """Ask the store."""
        return question(self._town.store)
