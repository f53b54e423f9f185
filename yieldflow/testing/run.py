"""One workflow of a `Host`, as its stepper sees it: its state, and what can be done to it."""

from __future__ import annotations

__tracebackhide__ = True

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from .._core.children import child_id
from .._core.commands import Command
from .._core.definitions import ActivityInvocation, Invocation, WorkflowInvocation
from .._core.errors import (
    Cancelled,
    CommandError,
    RetryRefusedError,
    WorkflowCancelledError,
    WorkflowEndedError,
    WorkflowFailedError,
    WorkflowNotEndedError,
    WorkflowTimeoutError,
)
from .._core.execution import Execution
from .._core.history import Failure, Micros, Outcome, Payload, StepEnded, WorkflowStatus, in_micros
from .._core.nodes import Leaf, add_note
from ..orchestrator.descriptions import describe_step
from ..orchestrator.retry_plan import plan_retry
from ..orchestrator.workflow_history import WorkflowHistory
from ..scheduler.attempts import limits_of
from ..scheduler.children import outcome_for_parent, submission_of
from ..scheduler.messages import Poll, RequestReceived, StepResolved
from ..store import Loaded, Request, RequestKind, Retried, WorkflowRecord
from ..workers import Attempt, Completed
from .causes import line_of, unseen
from .host import AttemptState, Host

E = TypeVar("E", bound=Exception)


@dataclass(frozen=True, slots=True, eq=True)
class Run:
    """A workflow that is stepped, whichever run it is in. It has no state of its own."""

    host: Host
    id: str

    # ------------------------------------------------------------------ looking

    @property
    def row(self) -> WorkflowRecord:
        """Its row, without what is derived when read."""
        return self.host.store.row(self.id)

    @property
    def loaded(self) -> Loaded:
        """Everything that it is built from."""
        return self.host.store.snapshot(self.id)

    @property
    def name(self) -> str:
        """The workflow's name."""
        return self.row.name

    @property
    def status(self) -> WorkflowStatus:
        """The status."""
        return self.row.status

    @property
    def over(self) -> bool:
        """True once it has ended."""
        return self.row.status.ended

    @property
    def suspended(self) -> bool:
        """True while it pauses."""
        return self.row.status is WorkflowStatus.SUSPENDED

    @property
    def execution(self) -> Execution:
        """The execution that is driven."""
        return self.host.execution(self.id)

    @property
    def open(self) -> dict[int, Leaf]:
        """The steps that wait for their end, by number."""
        return self.host.open(self.id)

    @property
    def kept(self) -> list[StepEnded]:
        """The ends of steps that it hears of when it is resumed."""
        return self.host.kept(self.id)

    @property
    def reason(self) -> str | None:
        """The reason given with the request to end, if any."""
        request = self.host.store.cancel_request(self.id)
        return None if request is None else request.reason

    @property
    def exception(self) -> BaseException | None:
        """The exception that it ended with; None where there is none."""
        outcome = self.row.outcome
        if not isinstance(outcome, Failure):
            return None
        if self.status is WorkflowStatus.CANCELLED:
            return WorkflowCancelledError(f"{self.name} was cancelled" + (f": {self.reason}" if self.reason else ""))
        error = self.host.codec.decode_failure(outcome, WorkflowFailedError)
        for slip in self.host.session.slips_of_failed.get(self.id, []):
            # It was made and not yielded before it failed.
            add_note(error, slip)
        return error

    @property
    def ending(self) -> str:
        """The way in which it ended, for messages."""
        error = self.exception
        if error is None or self.status is WorkflowStatus.CANCELLED:
            return f"{self.name} has ended ({self.status})"
        return f"{self.name} has failed with {line_of(error)}"

    @property
    def cause(self) -> BaseException | None:
        """The exception of its own that may be why a test goes wrong: of its end, or on its way; None without any."""
        return self.exception if self.over else unseen(self.execution)

    @property
    def trouble(self) -> str | None:
        """The same in a line, for messages."""
        cause = self.cause
        if cause is None or self.over:
            return None if cause is None else self.ending
        return f"{self.name} goes on after {line_of(cause)}"

    def told(self, kind: type[E], message: str) -> E:
        """Make an error about it, which tells first of its `cause`, and is chained to that."""
        cause = self.cause
        error = kind(message if self.over or cause is None else f"{self.trouble}: {message}")
        error.__cause__ = cause
        return error

    @property
    def failed(self) -> Sequence[Retried]:
        """The attempts that failed and were followed by others."""
        return self.host.store.failed.get(self.id, ())

    @property
    def parent(self) -> Run | None:
        """The workflow that it was begun by."""
        parent = self.row.parent
        return None if parent is None else Run(self.host, parent.workflow_id)

    @property
    def invocation(self) -> WorkflowInvocation[object]:
        """The call that began it."""
        return self.host.invocations[self.id]

    @property
    def begun_children(self) -> list[Run]:
        """The children that are or were stepped themselves, in the order begun."""
        runs = (Run(self.host, workflow_id) for workflow_id in self.host.ids)
        return [run for run in runs if run.parent == self]

    @property
    def history(self) -> WorkflowHistory:
        """Its history, as that of an orchestrator's workflow."""
        return WorkflowHistory([describe_step(step) for step in self.host.store.steps(self.id)], self.loaded)

    def attempt(self, leaf: Leaf) -> AttemptState | None:
        """The state of an activity; None for other steps."""
        return self.host.attempt(self.id, leaf)

    def child(self, number: int) -> Run | None:
        """The child of a step, where it is stepped itself."""
        found = self.host.children.get(self._key(number))
        return None if found is None else Run(self.host, found)

    def begun(self, leaf: Leaf) -> Attempt:
        """The attempt at an activity that is under way."""
        return self.host.session.begun[self._key(leaf.step.number)]

    def issued_at(self, leaf: Leaf) -> Micros:
        """The time at which a step was issued."""
        return self.host.store.step(self.id, self.row.run, leaf.step.number).scheduled_at

    def _key(self, number: int) -> tuple[str, int, int]:
        return self.id, self.row.run, number

    # ------------------------------------------------------------------ steps end

    def end(self, number: int, outcome: Outcome) -> None:
        """Have a step end; a suspended workflow hears of it when it is resumed."""
        key = self._key(number)
        attempt = self.host.session.begun.pop(key, None)
        if attempt is not None:
            self.host.do(Completed(attempt, outcome, retryable=False))
        else:
            state = self.attempt(self.open[number])
            self.host.do(StepResolved(key, outcome, 1 if state is None else state.number))

    def fail_attempt(self, number: int, error: BaseException) -> None:
        """Have the attempt at an activity fail that is under way: its retry policy applies."""
        self.host.fail(self.host.session.begun[self._key(number)], error)

    def end_cancelled(self, number: int) -> None:
        """Have a step end as cancelled."""
        leaf, codec = self.open[number], self.host.codec
        outcome: Outcome = codec.encode_failure(Cancelled())
        if isinstance(leaf.command, WorkflowInvocation):
            outcome = outcome_for_parent(
                codec, child_id(self.execution.info, leaf), WorkflowStatus.CANCELLED, outcome, None
            )
        self.end(number, outcome)

    def time_out(self, number: int) -> None:
        """Have the time that a step was given run out.

        Raises:
            CommandError: It may take any time.
        """
        host, leaf = self.host, self.open[number]
        if isinstance(leaf.command, ActivityInvocation):
            attempt = host.session.begun[self._key(number)]
            attempt.options = leaf.command.options
            found = list(limits_of(attempt, host.now))
            if not found:
                # It is out of time only where no worker begins it.
                attempt.begun_at = None
                found = list(limits_of(attempt, host.now))
            if not found:
                raise _no_limit(leaf.command)
            host.time_out(attempt, *min(found))
            return
        seconds = leaf.command.options.timeout if isinstance(leaf.command, WorkflowInvocation) else None
        if seconds is None:
            raise _no_limit(leaf.command)
        host.now = max(host.now, self.issued_at(leaf) + in_micros(seconds))
        late = WorkflowTimeoutError(f"workflow {leaf.step.name!r} did not end within {seconds} s")
        self.end(number, host.codec.encode_failure(late))

    # ------------------------------------------------------------------ it is asked something

    def signal(self, name: str, payload: Payload) -> None:
        """Send it a message: it is received now, or whenever it is waited for."""
        self._ask(RequestKind.SIGNAL, name, payload)

    def cancel(self, reason: str | None = None) -> None:
        """Ask it to end; a suspended workflow goes on in order to."""
        payload = None if reason is None else self.host.codec.encode(reason)
        # An outcome that came while it was suspended may be the last that it waited for.
        with suppress(WorkflowEndedError) if self.suspended else nullcontext():
            self._ask(RequestKind.CANCEL, payload=payload)

    def suspend(self) -> None:
        """Have it pause: what has begun goes on, and nothing is applied."""
        self._ask(RequestKind.SUSPEND)

    def resume(self) -> None:
        """Have it go on after a pause."""
        self._ask(RequestKind.RESUME)

    def _ask(self, kind: RequestKind, name: str | None = None, payload: Payload | None = None) -> None:
        if self.over:
            raise self.told(WorkflowEndedError, f"{self.ending}, so it takes no {kind} any more")
        request = Request(self.id, kind, self.host.now, name, payload)
        self.host.ask(lambda reply: RequestReceived(request, reply))

    def begin_child(self, number: int) -> Run:
        """Step the child of a step from now on."""
        leaf = self.open[number]
        assert isinstance(leaf.command, WorkflowInvocation)
        new = submission_of(self.execution.info, self.row.seed, leaf, self.host.now)
        self.host.begin(leaf.command, new)
        return Run(self.host, new.workflow_id)

    def retry(self, from_step: int | None) -> None:
        """Have it go on from where it failed, by the rules of `WorkflowHandle.retry`.

        Raises:
            RetryRefusedError: Steps were completed after the failure, or there is nothing to retry.
            WorkflowNotEndedError: It is under way.
            ValueError: There is no such step.
        """
        host = self.host
        if self.status is WorkflowStatus.DONE:
            raise RetryRefusedError(f"{self.name} is done, and has not failed: fork() it before it ends instead")
        try:
            plan = plan_retry(host.store, self.id, from_step)
        except (RetryRefusedError, WorkflowNotEndedError) as error:
            # Here the handle is a stepper.
            raise type(error)(str(error).replace("handle.", "flow.")) from None
        plan.write(host.store, host.now)
        host.forget(plan.rewinds, plan.deleted)
        host.do(Poll())


def _no_limit(command: Command[Any]) -> CommandError:
    """The error about a command that may take any time."""
    if not isinstance(command, Invocation):
        return CommandError(f"{command} cannot time out. In the workflow, write:\n    wait_for({command}, 60)")
    return CommandError(
        f"{command} may take any time, so it cannot time out. Give it a limit, with @{command.definition.kind}"
        f"(timeout=...) or {command.name}(...).with_options(timeout=...)"
    )
