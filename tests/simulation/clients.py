"""The clients: they call the engine, hear its answers, and repeat calls that failed or were not answered."""

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
from yieldflow.scheduler.messages import Message, Reply, RequestReceived, Submit
from yieldflow.store import Loaded, Request, RequestKind, Store, Submission, WorkflowRecord

from .books import Sent, Status
from .deployed_code import Code
from .ledger import Ledger
from .plan import DIES, Call, Flow, purges
from .promises import Promise
from .rewinds import RETRIED, is_refused

T = TypeVar("T")

#: Seconds after which a failed call is repeated.
AGAIN = 1.0


class ClientsWorld(Protocol):
    """The part of the world that clients see."""

    ledger: Ledger
    code: Code
    time: Micros

    @property
    def store(self) -> Store:
        """The disk."""

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Schedule something."""

    def send(self, message: Message) -> None:
        """Put something into the scheduler's inbox."""

    def now(self) -> Micros:
        """Return the time of the system's clock."""

    def note(self, *what: object) -> None:
        """Add a line to the trace."""

    def count(self, fault: str) -> None:
        """Count a fault."""


class Clients:
    """All clients.

    Args:
        world: Where they live.
        flows: The workflows of the plan.
        steady: The workflows whose end must be the same in a world without faults.
    """

    def __init__(self, world: ClientsWorld, flows: tuple[Flow, ...], steady: set[str]) -> None:
        self._world = world
        self._flows = {flow.id: flow for flow in flows}
        self._steady = steady
        #: The calls not answered yet, by number; each is repeated after a crash.
        self.unanswered: dict[int, tuple[Call, Micros]] = {}
        self._calls = 0
        #: How often each kind of call was made.
        self.made: Counter[str] = Counter()
        self.submitted: set[str] = set()
        #: The workflows that were terminated, so must not clean up.
        self.terminated: set[str] = set()
        #: Calls put off until their workflow has been submitted.
        self._waiting: dict[str, list[Call]] = {}
        self._forks = 0

    def call(self, call: Call) -> None:
        """Make a call."""
        self._calls += 1
        self.made.update(_kinds(call))
        self._world.note("call", *call)
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
        """Repeat all unanswered calls, since the process died."""
        calls, self.unanswered = list(self.unanswered.values()), {}
        for call, _ in calls:
            self._later(call)

    def _later(self, call: Call) -> None:
        self._world.after(AGAIN, partial(self.call, call))

    # ------------------------------------------------------------------ submitting and asking

    def _submit(self, call: Call) -> None:
        world = self._world
        news = [self._submission(workflow_id, call) for workflow_id in (call.workflow, *call.others)]
        if call.outside:
            self._heard(call, self._try(lambda: world.store.submit(news)))
        else:
            world.ledger.together.append(news)
            self._await(call, lambda reply: Submit(news, reply))

    def _submission(self, workflow_id: str, call: Call) -> Submission:
        world, flow = self._world, self._flows[workflow_id]
        code = world.code.late if flow.late else world.code.program
        new = submission(code(flow.program), workflow_id, world.now(), call.delay)
        if workflow_id not in self._steady:
            # In the real world too, an id used again after a deletion draws a new seed.
            new = new._replace(seed=blake2b(f"{workflow_id} {self._calls}".encode(), digest_size=SEED_LENGTH).digest())
        if call.timeout is not None and workflow_id == call.workflow:
            new = new._replace(deadline_at=(new.starts_at or new.created_at) + int(call.timeout * SECOND))
        if call.name and workflow_id == call.workflow:
            new = new._replace(signals=[Signal(1, call.name, self._payload(call), world.now())])
        return new

    def _payload(self, call: Call) -> Payload:
        """Return a payload that no other signal has, so that a repeated signal is another one."""
        return CODEC.encode([call.name, self._calls])

    def _ask(self, call: Call) -> None:
        world = self._world
        payload: Payload | None = None
        if call.kind == "signal":
            payload = self._payload(call)
        elif call.kind == "cancel":
            payload = CODEC.encode(f"call {self._calls}")
        name = call.name or None
        if call.kind == "terminate":
            self.terminated.add(call.workflow)
        request = Request(call.workflow, RequestKind(call.kind), world.now(), name, payload)
        world.ledger.calls(request)
        if call.outside:
            self._heard(call, self._try(lambda: world.store.ask([request])), payload)
        else:
            self._await(call, lambda reply: RequestReceived(request, reply), request)

    def _await(self, call: Call, message: Callable[[Reply], Message], request: Request | None = None) -> None:
        number, began = self._calls, self._world.time
        self.unanswered[number] = call, began

        def answered(error: Exception | None) -> None:
            del self.unanswered[number]
            if request is not None and error is None:
                self._world.ledger.acknowledge_request(request)
            self._heard(call, error, request and request.payload, began)

        self._world.send(message(answered))

    def _try(self, what: Callable[[], None]) -> Exception | None:
        try:
            what()
        except YieldflowError as error:
            return error
        return None

    def _heard(
        self, call: Call, error: Exception | None, payload: Payload | None = None, began: Micros | None = None
    ) -> None:
        """Take in the answer to a call."""
        world = self._world
        world.note("answer", call.kind, call.workflow, call.name, type(error).__name__ if error is not None else "yes")
        if call.kind == "submit" and (error is None or isinstance(error, WorkflowAlreadyExistsError)):
            self._submitted(call, error is None)
        elif isinstance(error, StorageError):
            self._later(call)
        elif error is None and call.kind == "signal" and payload is not None:
            sent = Sent(call.workflow, payload, world.time if began is None else began, world.time)
            world.ledger.acknowledge_signal(sent, call.outside)
        elif error is None and call.value == DIES:
            world.count("crash between")
            raise Crash

    def _submitted(self, call: Call, new: bool) -> None:
        """Take in that workflows are on disk, by this call or by an earlier one."""
        if not new and call.others:
            # One of them is there, so none was put on disk.
            for workflow_id in (call.workflow, *call.others):
                self._again(call._replace(workflow=workflow_id, others=(), name=""))
        else:
            for workflow_id in (call.workflow, *call.others):
                self._world.ledger.acknowledge(workflow_id)
                self.submitted.add(workflow_id)
                for waiting in self._waiting.pop(workflow_id, ()):
                    self._again(waiting)
        if not new and call.name:
            self._again(Call(0, "signal", call.workflow, call.name, call.value, call.outside))

    def _again(self, call: Call) -> None:
        self._world.after(0, partial(self.call, call))

    # ------------------------------------------------------------------ going back

    def visit(self, kind: str, who: float, value: float) -> bool:
        """Retry, fork or delete a workflow that has ended or stalled; return False if there is none.

        Steady ones are left alone.
        """
        flows = self._world.ledger.flows
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
            self._world.note("visit", *call)
            (self._delete if kind == "delete" else self._rewind)(call)
        return bool(there)

    def _root(self, workflow_id: str) -> str:
        """Return the workflow that a child or a copy descends from."""
        row = self._world.ledger.flows[workflow_id].row if workflow_id in self._world.ledger.flows else None
        if row is not None and row.parent is not None:
            return self._root(row.parent.workflow_id)
        source, is_copy, _ = workflow_id.rpartition("-fork")
        return self._root(source) if is_copy else workflow_id

    def _rewind(self, call: Call) -> None:
        """Retry or fork a workflow through the handle that users hold."""
        world, store = self._world, self._world.store
        handle: WorkflowHandle[Any] = WorkflowHandle(cast(Gateway, ClientGateway(world)), call.workflow)
        try:
            steps = store.steps(call.workflow)
            if call.kind == "retry":
                world.ledger.named = call.value % len(steps) if steps and call.value % 3 == 0 else None
                handle.retry(world.ledger.named)
            elif steps:
                self._forks += 1
                world.ledger.named = call.value % len(steps)
                handle.fork(world.ledger.named, f"{call.workflow}-fork{self._forks}")
        except (YieldflowError, ValueError) as error:
            if isinstance(error, RetryRefusedError):
                refused = is_refused(world.ledger, call.workflow, world.ledger.named)
                world.ledger.check(Promise.BACK, refused, call.workflow, "is not retried:", error)
            world.note("answer", call.kind, call.workflow, type(error).__name__)
            return
        world.note("answer", call.kind, call.workflow, "yes")

    def _delete(self, call: Call) -> None:
        """Delete ended workflows with their descendants, and submit the freed ids anew."""
        world, answer = self._world, "yes"
        try:
            if purges(call):
                purge(world.store.purgeable(*purge_bounds(call.value % 3, None, world.now())), world.store.delete)
            else:
                world.store.delete([call.workflow])
        except YieldflowError as error:
            answer = type(error).__name__
        world.note("answer", call.kind, call.workflow, answer)
        # Even if the client heard of an error.
        gone = self.submitted - world.ledger.flows.keys()
        self.submitted -= gone
        for workflow_id in sorted(gone & self._flows.keys()):
            self._later(Call(0, "submit", workflow_id))


def _kinds(call: Call) -> Iterator[str]:
    """Yield the names under which a call is counted."""
    yield "purge" if purges(call) else call.kind
    if call.outside or call.kind in ("retry", "fork", "delete"):
        yield "by another process"
    if call.kind == "submit":
        extras = {"many": bool(call.others), "with a signal": bool(call.name)}
        extras |= {"with a delay": call.delay is not None, "with a timeout": call.timeout is not None}
        yield from (f"submit {extra}" for extra, given in extras.items() if given)


class ClientGateway:
    """The gateway of an orchestrator that is not started: it writes to the store, as a client."""

    def __init__(self, world: ClientsWorld) -> None:
        self._world = world
        self.watches = Watches()

    def check_place(self, call: str) -> None:
        """Allow every call."""

    def now(self) -> Micros:
        """Return the present."""
        return self._world.now()

    def nudge(self) -> None:
        """Do nothing: the world wakes the owner."""

    def snapshot(self, workflow_id: str) -> Loaded:
        """Return all that a workflow is loaded from."""
        found = self._world.store.snapshot(workflow_id)
        assert found is not None
        return found

    def record(self, workflow_id: str) -> WorkflowRecord:
        """Return a workflow's row."""
        found = self._world.store.record(workflow_id)
        assert found is not None
        return found

    def query(self, question: Callable[[Store], T]) -> T:
        """Ask the store."""
        return question(self._world.store)
