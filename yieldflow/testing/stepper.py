"""`Stepper`: a workflow that goes on only where a test tells it to."""

from __future__ import annotations

__tracebackhide__ = True

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from .._core.commands import Command, TakeSignals, length_of, show
from .._core.definitions import ActivityInvocation, Invocation, WorkflowInvocation
from .._core.errors import CommandError
from .._core.history import EPOCH, WorkflowStatus, in_micros, to_datetime, to_micros
from ..codec import codec_named
from ..orchestrator.submissions import signal_name, signal_payload
from ..orchestrator.workflow_history import WorkflowHistory
from ..store import Submission
from .checking import misfit
from .host import Host
from .pending import SLEEPS, meant, pending, ready, standing, unfit
from .picture import picture
from .run import Run

R = TypeVar("R")
T = TypeVar("T")
Value = ParamSpec("Value")

#: The time at which a stepped workflow starts by default.
START = datetime(2026, 1, 1, tzinfo=UTC)


class Resolvable(Protocol[Value]):
    """A command, to a type checker: invariant, so that the value has to fit."""

    def __resolves__(self, *value: Value.args, **nothing: Value.kwargs) -> None:
        """Take a value that fits; never called."""


class Stepper(Generic[R]):
    """A workflow that goes on only where a test tells it to: no thread, no database, no clock.

    It is driven by the orchestrator's own scheduler: retries, timeouts, signals, children and cancellation mean what
    they mean there, and values pass through the same codec. The test says what happens next: it resolves a pending
    command or lets it fail, sends a signal, or lets (virtual) time pass, in any order.

    Args:
        invocation: The workflow with its arguments.
        replay: True has the workflow built again from its history after every event, and compared, so that it fails
            here if it is not deterministic. False for a debugger, which then stops at each line once, and for speed.
        codec: The form in which values are stored, as for the orchestrator: ``"pickle"`` or ``"json"``.
        seed: The seed of ``uuid4()`` and ``random()``: 16 bytes.
        workflow_id: The workflow's id.
        start: The time at which it starts: an aware `datetime`; the beginning of 2026 if left out.

    Raises:
        CommandError: The workflow made a command that it never yielded. The methods that let it go on raise this too;
            where it failed, its exception says so in a note.
        ReplayMismatchError: It is not deterministic: built again, it did something else. So do the methods that let it
            go on.
        EncodingError: An argument cannot be stored.
        ValueError: ``start`` has no time zone, or there is no such codec.

    Example:
        >>> def test_ships() -> None:
        ...     flow = Stepper(order("o-1", cents=500))
        ...     assert flow.pending == [charge("o-1", cents=500)]
        ...     flow.resolve("receipt-9")
        ...     assert flow.done and flow.result == "receipt-9"
    """

    def __init__(
        self,
        invocation: WorkflowInvocation[R],
        *,
        replay: bool = True,
        codec: str = "pickle",
        seed: bytes = bytes(16),
        workflow_id: str = "stepped",
        start: datetime = START,
    ) -> None:
        if not isinstance(invocation, WorkflowInvocation):
            raise TypeError(f"Stepper takes a workflow called with its arguments, not {show(invocation)}")
        if not isinstance(start, datetime):
            raise TypeError(f"start= is an aware datetime, not {show(start)}")
        if start.utcoffset() is None:
            raise ValueError(f"start= is an aware datetime, and {start.isoformat()} has no time zone: tzinfo=UTC, say")
        made = codec_named(codec)
        now, timeout = to_micros(start - EPOCH), invocation.options.timeout
        new = Submission(
            workflow_id,
            invocation.name,
            made.encode(dict(invocation.arguments)),
            seed,
            now,
            deadline_at=None if timeout is None else now + in_micros(timeout),
            version=invocation.definition.version,
        )
        self._hold(Host(made, replay, now), workflow_id)
        self._host.begin(invocation, new)
        self._raise_slips()

    def _hold(self, host: Host, workflow_id: str, guard: _Guard | None = None) -> None:
        self._host = host
        self._guard = guard or _Guard(host)
        self._run = Run(host, workflow_id)

    @classmethod
    def _of(cls, host: Host, workflow_id: str, guard: _Guard | None = None) -> Stepper[Any]:
        made: Stepper[Any] = cls.__new__(cls)
        made._hold(host, workflow_id, guard)
        return made

    # ------------------------------------------------------------------ looking

    @property
    def pending(self) -> list[Command[Any]]:
        """The commands that the workflow waits for, in the order issued: activities, sleeps, signals, children.

        They are compared as values. What is in a `gather`, a `race` or a branch stands here by itself. One that waits
        for something that the test does not decide says so when it is shown: an activity whose next attempt is not due
        yet, and a step that was cancelled and whose end is waited for.
        """
        return pending(self._run)

    def __str__(self) -> str:
        return picture(self._run)

    def __repr__(self) -> str:
        return f"<Stepper {standing(self._run)}>"

    @property
    def done(self) -> bool:
        """True if the workflow returned."""
        return self.status is WorkflowStatus.DONE

    @property
    def failed(self) -> bool:
        """True if the workflow raised."""
        return self.status is WorkflowStatus.FAILED

    @property
    def status(self) -> WorkflowStatus:
        """The status of the workflow."""
        return self._run.status

    @property
    def result(self) -> R:
        """The value that the workflow returned.

        Raises:
            CommandError: It has not ended; the message says what it waits for. What it raised is raised again.
        """
        run, outcome = self._run, self._run.row.outcome
        if outcome is None:
            raise run.told(CommandError, standing(run))
        error = run.exception
        if error is not None:
            raise error
        result: R = self._host.codec.decode(outcome)  # type: ignore[assignment, arg-type]  # what the workflow returned
        return result

    @property
    def exception(self) -> BaseException | None:
        """The exception of the workflow, as `result` raises it; None where there is none."""
        return self._run.exception

    @property
    def reason(self) -> str | None:
        """The reason given with the request to end; None where none was given."""
        return self._run.reason

    @property
    def progress(self) -> object:
        """The value that the workflow gave to `set_progress` last; None where it did not."""
        payload = self._run.row.progress
        return None if payload is None else self._host.codec.decode(payload)

    @property
    def now(self) -> datetime:
        """The virtual time, in UTC."""
        return to_datetime(self._host.now)

    @property
    def history(self) -> WorkflowHistory:
        """The steps of this run, in the order issued, with all that it takes to replay them: a list that can be saved.

        Example:
            >>> flow.history.save("o-1.json")
        """
        return self._run.history

    @property
    def run(self) -> int:
        """The number of the run: 1, and one more for each `continue_as_new`."""
        return self._run.row.run

    @property
    def next_timer(self) -> datetime | None:
        """The time when something happens by itself: a sleep ends, an attempt begins or is out of time. Else None.

        That of its children counts where they are stepped, and so does that of its parent.
        """
        found = self._host.next_timer
        return None if found is None else to_datetime(found.due_at)

    # ------------------------------------------------------------------ a command ends

    @overload
    def resolve(self, command: Resolvable[Value], /, *value: Value.args, **nothing: Value.kwargs) -> None: ...
    @overload
    def resolve(self, value: object = None, /) -> None: ...
    def resolve(self, *given: Any) -> None:  # type: ignore[misc]  # there is one value, or none
        """Have a pending command end with a value.

        ``resolve(command, value)`` or, where one command is pending, ``resolve(value)``. A sleep takes no value:
        ``resolve(sleep(60))``; time moves on to its end. For a signal the value is its payload, for a child what it
        returns. Among equal commands the first issued is meant.

        Raises:
            CommandError: No such command is pending, or several are and none was named; or the command cannot end so.
            EncodingError: The value cannot be stored.
        """
        if len(given) > 2:
            raise TypeError(f"resolve() takes a command and its value, not {len(given)} arguments")
        if len(given) == 1 and isinstance(given[0], Command):
            given = (given[0], None)
        leaf = ready(self._run, "resolve", given[0] if len(given) == 2 else None)
        value = given[-1] if given else None
        if isinstance(leaf.command, SLEEPS):
            if value is not None:
                raise CommandError(f"{leaf.command} ends without a value. Write:\n    resolve({leaf.command})")
            self._host.now = max(self._host.now, leaf.step.due_at or 0)
        if isinstance(leaf.command, TakeSignals) and not isinstance(value, list):
            raise CommandError(f"{leaf.command} ends with a list. Write:\n    resolve({leaf.command}, [...])")
        if isinstance(leaf.command, Invocation):
            wrong = misfit(leaf.command.definition, value)
            if wrong is not None:
                raise CommandError(wrong)
        payload = self._host.codec.encode(value)
        self._do(lambda: self._run.end(leaf.step.number, payload))

    @overload
    def fail(self, command: Command[Any], error: BaseException, /) -> None: ...
    @overload
    def fail(self, error: BaseException, /) -> None: ...
    def fail(self, *given: Any) -> None:
        """Have the attempt at a pending activity fail that is under way, or a child as a whole.

        ``fail(command, error)`` or, where one command is pending, ``fail(error)``. The activity's retry policy applies:
        where another attempt follows, the workflow hears nothing, and the command stays pending until time has brought
        that attempt (`advance`, `advance_to_next_timer`) and it ends.

        Raises:
            CommandError: No such command is pending, or several are and none was named; or it cannot fail.
        """
        if not 0 < len(given) < 3:
            raise TypeError(f"fail() takes a command and an exception, not {len(given)} arguments")
        error = given[-1]
        if not isinstance(error, BaseException):
            raise TypeError(f"fail() takes an exception, not {show(error)}")
        leaf = ready(self._run, "fail", given[0] if len(given) == 2 else None)
        if isinstance(leaf.command, ActivityInvocation):
            self._do(lambda: self._run.fail_attempt(leaf.step.number, error))
        elif isinstance(leaf.command, WorkflowInvocation):
            self._do(lambda: self._run.end(leaf.step.number, self._host.codec.encode_failure(error)))
        else:
            raise unfit(leaf, "fail")

    def time_out(self, command: Command[Any] | None = None, /) -> None:
        """Have the attempt at a pending activity take longer than it may: time moves on to that, and it fails.

        The limit is that of the activity: its ``timeout``, or another one that is over first. After a ``timeout`` the
        retry policy applies, as with `fail`. A child that was given a ``timeout`` fails with `WorkflowTimeoutError`.

        Args:
            command: The command; it may be left out where one is pending.

        Raises:
            CommandError: No such command is pending, or several are and none was named; or it may take any time.
        """
        leaf = ready(self._run, "time_out", command)
        self._do(lambda: self._run.time_out(leaf.step.number))

    @overload
    def cancel(self, reason: str | None = None, /) -> None: ...
    @overload
    def cancel(self, command: Command[Any], /) -> None: ...
    def cancel(self, what: str | Command[Any] | None = None, /) -> None:
        """Ask the workflow to end: `Cancelled` is thrown at each of its branches, which may clean up.

        With a command, that one alone ends as cancelled: a child that somebody cancelled raises
        `WorkflowCancelledError`, an activity `Cancelled`. What a child that is stepped itself makes of it is its own.

        Args:
            what: The reason, or a pending activity or child.

        Raises:
            WorkflowEndedError: The workflow has ended.
            CommandError: No such command is pending, or it cannot be cancelled by itself.
        """
        if not isinstance(what, Command):
            if what is not None and not isinstance(what, str):
                raise TypeError(f"cancel() takes a reason or a pending command, not {show(what)}")
            self._do(lambda: self._run.cancel(what))
            return
        leaf = meant(self._run, "cancel", what)
        number = leaf.step.number
        if not isinstance(what, Invocation):
            raise CommandError(f"{leaf.command} cannot be cancelled by itself. To cancel the workflow:\n    cancel()")
        child = self._run.child(number)
        self._do(child.cancel if child is not None else lambda: self._run.end_cancelled(number))

    # ------------------------------------------------------------------ children

    def child(self, command: WorkflowInvocation[T], /) -> Stepper[T]:
        """Step a child itself: its end becomes that of the pending command.

        It begins with the first call, and shares the virtual time; later calls give the same workflow (of several
        equal ones the next, once that has ended). Where its parent no longer waits for it, ``on_parent_end`` says what
        becomes of it, as in the engine.

        Args:
            command: A pending child, or one that was stepped before.

        Returns:
            Its stepper.

        Raises:
            CommandError: No such child is pending.
        """
        if not isinstance(command, WorkflowInvocation):
            raise TypeError(f"child() takes a workflow called with its arguments, not {show(command)}")
        run = self._run
        begun = [child for child in run.begun_children if child.invocation == command]
        if begun and not begun[-1].over:
            return self._of(self._host, begun[-1].id, self._guard)
        fresh = [number for number, leaf in run.open.items() if leaf.command == command and run.child(number) is None]
        if fresh or not begun:
            begun = [run.begin_child(fresh[0] if fresh else meant(run, "child", command).step.number)]
            self._raise_slips()
        return self._of(self._host, begun[-1].id, self._guard)

    # ------------------------------------------------------------------ time, messages, and the whole

    def advance(self, duration: float | timedelta) -> None:
        """Let virtual time pass, with all that happens by itself meanwhile, in order.

        Sleeps end, attempts begin that were waited for, and those under way for longer than their timeout fail.

        Args:
            duration: Seconds, or a `timedelta`; 0 or more, at most a hundred years.

        Raises:
            TypeError: ``duration`` is neither.
            ValueError: It is negative, not finite, or too long.
        """
        seconds = length_of("advance()", duration)
        self._do(lambda: self._host.advance_to(self._host.now + in_micros(seconds)))

    def advance_to_next_timer(self) -> None:
        """Let virtual time pass until something happens by itself, and have that happen.

        Raises:
            CommandError: Nothing does.
        """
        found = self._host.next_timer
        if found is None:
            raise self._run.told(CommandError, f"{standing(self._run)}, and no timer is set")
        self._do(lambda: self._host.advance_to(found.due_at))

    def signal(self, name: str, payload: object = None) -> None:
        """Send a message: the workflow receives it by ``wait_signal(name)``, now or whenever it waits for it.

        Args:
            name: The kind of message.
            payload: The value that ``wait_signal`` resumes with.

        Raises:
            EncodingError: The payload cannot be stored.
            WorkflowEndedError: The workflow has ended.
        """
        stored = signal_payload(signal_name(name), payload, self._host.codec)
        self._do(lambda: self._run.signal(name, stored))

    def suspend(self) -> None:
        """Have the workflow pause: what ends meanwhile is kept, and given to it by `resume`.

        Raises:
            WorkflowEndedError: It has ended.
        """
        self._do(self._run.suspend)

    def resume(self) -> None:
        """Have the workflow go on after `suspend`, with all that came meanwhile, sleeps that are over included.

        Raises:
            WorkflowEndedError: It has ended.
        """
        self._do(self._run.resume)
        self.advance(0)

    def retry(self, from_step: int | None = None) -> None:
        """Have a failed or cancelled workflow go on from where it failed; what succeeded is kept.

        The same as `WorkflowHandle.retry`: the step whose failure ended it is pending again, from its first attempt.
        Children that are stepped and failed with it are retried too.

        Args:
            from_step: The number of the step to go on from, as `print` shows it: all that followed from its outcome is
                undone.

        Raises:
            RetryRefusedError: Steps were completed after the failure, and would be undone; or the workflow is done.
            WorkflowNotEndedError: It is under way, or suspended.
            ValueError: It has no such step.
        """
        self._do(lambda: self._run.retry(from_step))
        self.advance(0)

    def fork(self) -> Stepper[R]:
        """A second stepper with the same past, and a future of its own. The children that are stepped come with it.

        Raises:
            ReplayMismatchError: The workflow is not deterministic.
        """
        return self._of(self._host.copy(), self._run.id)

    def crash(self) -> None:
        """Drop the generator as a killed process would, and go on with another, built by replay.

        Children that are stepped crash with it.

        Raises:
            ReplayMismatchError: The workflow did not do the same again; it stays as it was before.
        """
        self._host.crash()

    # ------------------------------------------------------------------ inside

    def _do(self, what: Callable[[], None]) -> None:
        what()
        self._raise_slips()

    def _raise_slips(self) -> None:
        """Tell of commands that were never yielded, if there are any."""
        slips = self._host.take_slips()
        if slips:
            raise CommandError("\n".join(slips))


class _Guard:
    """Closes a host's generators with the last stepper that is held of it."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def __del__(self) -> None:
        self.host.close()
