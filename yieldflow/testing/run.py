"""The host behind a `Stepper`: one workflow, stepped by number, and the family that it shares a clock with.

Nothing happens here by itself. What the scheduler does in its turns and with its timers is done at once, in the same
order and by the same rules, by whoever says that a step ends, that time passes, or that a message comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .._core.children import next_run_seed
from .._core.context import WorkflowInfo
from .._core.definitions import ActivityInvocation, WorkflowInvocation
from .._core.errors import Cancelled, CommandError, WorkflowEndedError, WorkflowTimeoutError
from .._core.execution import Advance, Execution
from .._core.history import (
    CancelRequested,
    Codec,
    Event,
    Failure,
    Micros,
    Outcome,
    Payload,
    Signal,
    Started,
    StepEnded,
    WorkflowStatus,
    in_micros,
)
from .._core.nodes import Leaf
from .._core.signals import RECEIVING, SignalQueue
from ..scheduler.children import outcome_for_parent, submission_of
from ..scheduler.timers import DEADLINE
from . import clockwork
from .clockwork import Timer
from .past import Failed, Past
from .twice import Twice, build, bury, replayed

#: So many sleeps may begin and end at one moment.
MOST_AT_ONCE = 5_000
#: Up to so many events and steps a workflow is built again after each event; then after ever more of them, or the cost
#: would grow with the square of their number.
ALL_CHECKED = 200
#: What ends a test and is no failure of the workflow: Ctrl-C, and ``q`` in the debugger, that of pytest too.
_STOPS = ("builtins.KeyboardInterrupt", "bdb.BdbQuit", "_pytest.outcomes.Exit")


class Family:
    """Workflows that share a clock: the one that a test began, and the children that it steps beside it.

    Args:
        codec: How values are stored.
        replays: Whether each workflow is built again after every event, and compared.
        now: The time at which it begins.
    """

    def __init__(self, codec: Codec, replays: bool, now: Micros) -> None:
        self.codec = codec
        self.replays = replays
        self.now = now
        self.runs: list[Run] = []
        #: Counts what may set timers, or stop some.
        self.changes = 0
        #: What is to be said of commands that were made and never yielded.
        self.slips: list[str] = []
        # Kept: letting go of a suspended generator would run its `finally`, which a killed process does not.
        self.graves: list[Execution] = []

    def begin(self, past: Past, parent: tuple[Run, int] | None = None) -> Run:
        """Begin a workflow: its first turn is driven."""
        run = Run(self, past, parent)
        self.runs.append(run)
        run.go_on(Started(self.now))
        return run

    def copy(self) -> tuple[Family, dict[Run, Run]]:
        """Another with the same past, and which of its workflows is which."""
        copy = Family(self.codec, self.replays, self.now)
        twins: dict[Run, Run] = {}
        for run in self.runs:
            parent = run.parent and (twins[run.parent[0]], run.parent[1])
            twin = twins[run] = Run(copy, run.past.copy(), parent)
            twin.execution = replayed(twin.past, copy.codec, copy.graves)
            copy.runs.append(twin)
        for run, twin in twins.items():
            twin.invocation = run.invocation
            twin.children = {step: twins[child] for step, child in run.children.items()}
            twin.begun_children = [twins[child] for child in run.begun_children]
        return copy, twins

    @property
    def next_timer(self) -> tuple[Run, Timer] | None:
        """What happens next by itself, and to whom; None where nothing does."""
        found = [(timer, place) for place, run in enumerate(self.runs) for timer in run.timers]
        if not found:
            return None
        timer, place = min(found)
        return self.runs[place], timer

    def advance_to(self, moment: Micros) -> None:
        """Let time pass, with everything that happens meanwhile."""
        count = 0
        while due := self._due(moment):
            changes = self.changes
            for timer, run in due:
                self.now = max(self.now, timer.due_at)
                count = count + 1 if run.issued_at(timer) == self.now else 0
                if count > MOST_AT_ONCE:
                    raise CommandError(
                        f"{run.past.info.name} sleeps for 0 seconds again and again, so that time never goes on: "
                        "have it sleep for longer"
                    )
                run.fire(timer)
                if self.changes != changes:
                    # Another timer may come before the rest.
                    break
        self.now = max(self.now, moment)

    def _due(self, moment: Micros) -> list[tuple[Timer, Run]]:
        """What happens by itself until then, as far as can be seen now."""
        found = [
            (timer, place) for place, run in enumerate(self.runs) for timer in run.timers if timer.due_at <= moment
        ]
        return [(timer, self.runs[place]) for timer, place in sorted(found)]

    def crash(self) -> None:
        """Drop all generators as a killed process would, and go on with others."""
        built = [replayed(run.past, self.codec, self.graves) for run in self.runs]
        for run, execution in zip(self.runs, built, strict=True):
            bury(run.execution, self.graves)
            run.execution = execution

    def close(self) -> None:
        """Let go of all generators."""
        for execution in [*(run.execution for run in self.runs), *self.graves]:
            execution.close()
        self.graves.clear()

    def raise_slips(self) -> None:
        """Tell of commands that were never yielded, if there are any."""
        slips, self.slips = self.slips, []
        if slips:
            raise CommandError("\n".join(slips))


class Run:
    """One workflow, stepped by number. It goes from run to run where it continues as new.

    Args:
        family: Whom it shares a clock with.
        past: What it is built from.
        parent: Of a child: the parent, and the number of its step.
    """

    def __init__(self, family: Family, past: Past, parent: tuple[Run, int] | None = None) -> None:
        self.family = family
        self.past = past
        self.parent = parent
        #: Of a child: what was called.
        self.invocation: WorkflowInvocation[object] | None = None
        #: The children that are stepped themselves, by the number of the step.
        self.children: dict[int, Run] = {}
        #: Those and all that were, in the order in which they began.
        self.begun_children: list[Run] = []
        self.execution = build(past, family.codec)
        #: What events led to, and was not followed up yet.
        self._led_to: list[Advance] = []
        self._twice: Twice | None = None
        #: After how many events and steps it was built again last.
        self._checked = 0

    # ------------------------------------------------------------------ looking

    @property
    def open(self) -> dict[int, Leaf]:
        """The steps that wait for their end, by number."""
        if not self.past.recorded:
            return self.execution.open
        closed = {event.step for event in self.past.recorded}
        return {number: leaf for number, leaf in self.execution.open.items() if number not in closed}

    @property
    def status(self) -> WorkflowStatus:
        """Where it stands."""
        end = self.execution.end
        if end is not None:
            return end.status
        return WorkflowStatus.SUSPENDED if self.past.suspended else WorkflowStatus.PROCESSING

    @property
    def timers(self) -> Iterator[Timer]:
        """What happens to it by itself."""
        return clockwork.timers(self.past, self.execution)

    # ------------------------------------------------------------------ steps end

    def end(self, number: int, outcome: Outcome) -> None:
        """Let a step end; of one that is suspended it hears when it is resumed."""
        attempt = self.past.attempts.get(number)
        event = StepEnded(number, outcome, self.family.now, 1 if attempt is None else attempt.number)
        if self.past.suspended:
            self.past.recorded.append(event)
            self.past.attempts.pop(number, None)
        else:
            self.go_on(event)

    def fail_attempt(self, number: int, error: BaseException, *, final: bool = False) -> None:
        """Let the attempt at an activity fail that is under way: its retry policy applies, unless this is final."""
        family, past = self.family, self.past
        leaf = self.execution.open[number]
        verdict = clockwork.after_failure(past, leaf, error, family.now, family.codec, final=final)
        if verdict.following is None:
            self.end(number, verdict.outcome)
            return
        assert isinstance(verdict.outcome, Failure)
        past.failed.append(Failed(number, past.attempts[number].number, verdict.outcome))
        past.attempts[number] = verdict.following
        family.changes += 1

    def end_cancelled(self, number: int) -> None:
        """Let a step end as one that was cancelled."""
        leaf, codec = self.execution.open[number], self.family.codec
        if isinstance(leaf.command, WorkflowInvocation):
            child = submission_of(self.past.info, self.past.seed, leaf, self.family.now).workflow_id
            nothing = codec.encode_failure(Cancelled())
            self.end(number, outcome_for_parent(codec, child, WorkflowStatus.CANCELLED, nothing, None))
        else:
            self.end(number, codec.encode_failure(Cancelled()))

    def time_out(self, number: int) -> None:
        """Let the time that a step was given run out.

        Raises:
            CommandError: It may take any time.
        """
        family, leaf = self.family, self.execution.open[number]
        if isinstance(leaf.command, ActivityInvocation):
            moment, error, final = clockwork.out_of_time(self.past, leaf)
            family.now = max(family.now, moment)
            self.fail_attempt(number, error, final=final)
            return
        seconds = leaf.command.options.timeout if isinstance(leaf.command, WorkflowInvocation) else None
        if seconds is None:
            raise clockwork.no_limit(leaf.command)
        issued_at = self.past.events[leaf.step.turn].at
        family.now = max(family.now, issued_at + in_micros(seconds))
        late = WorkflowTimeoutError(f"workflow {leaf.step.name!r} did not end within {seconds} s")
        self.end(number, family.codec.encode_failure(late))

    def issued_at(self, timer: Timer) -> Micros | None:
        """When the step was issued that a timer is for."""
        leaf = self.execution.open.get(timer.step)
        return None if leaf is None else self.past.events[leaf.step.turn].at

    def fire(self, timer: Timer) -> None:
        """Let happen what was to happen at a time that has come."""
        past, now = self.past, self.family.now
        if timer.step == DEADLINE:
            self.go_on(CancelRequested(now, None, past.timeout))
            return
        leaf, attempt = self.execution.open[timer.step], past.attempts.get(timer.step)
        if attempt is None:
            self.go_on(StepEnded(timer.step, self.family.codec.encode(None), now))
        elif not attempt.begun:
            past.attempts[timer.step] = attempt._replace(begun=True, due_at=now)
            self.family.changes += 1
        else:
            _, message, final = min(one for one in clockwork.limits(past, leaf, attempt) if one[0] <= now)
            error = clockwork.timeout_error(attempt, leaf.step.name, message)
            self.fail_attempt(timer.step, error, final=final)

    # ------------------------------------------------------------------ it is asked something

    def signal(self, name: str, payload: Payload) -> None:
        """A message comes: it is received now, or whenever it is waited for."""
        self._refuse_ended("signal")
        past = self.past
        past.last_signal += 1
        past.signals.append(Signal(past.last_signal, name, payload, self.family.now))
        if not past.suspended:
            self.receive()
            self._follow_up()

    def cancel(self, reason: str | None = None) -> None:
        """Ask it to end; one that is suspended goes on in order to."""
        self._refuse_ended("cancel")
        self.resume()
        if not self.execution.over and self.past.cancelled is None:
            self.go_on(CancelRequested(self.family.now, reason))

    def suspend(self) -> None:
        """Have it pause: what has begun goes on, and nothing is applied."""
        self._refuse_ended("suspend")
        self.past.suspended = True

    def resume(self) -> None:
        """Have it go on after a pause."""
        self._refuse_ended("resume")
        past, now = self.past, self.family.now
        if not past.suspended:
            return
        past.suspended = False
        recorded, past.recorded = past.recorded, []
        for number, attempt in past.attempts.items():
            if not attempt.begun and attempt.due_at <= now:
                past.attempts[number] = attempt._replace(begun=True, due_at=now)
        for event in recorded:
            if event.step in self.execution.open:
                self.go_on(event)
        self.receive()
        self._follow_up()

    def _refuse_ended(self, kind: str) -> None:
        if self.execution.over:
            raise WorkflowEndedError(f"{self.past.info.name} has ended ({self.status}): it takes no {kind} any more")

    def begin_child(self, number: int) -> Run:
        """Step the child of a step from now on, or go on with it."""
        child = self.children.get(number)
        if child is None:
            leaf, now = self.execution.open[number], self.family.now
            assert isinstance(leaf.command, WorkflowInvocation)
            new = submission_of(self.past.info, self.past.seed, leaf, now)
            info = WorkflowInfo(new.workflow_id, new.name, 1, self.past.info.workflow_id)
            past = Past(leaf.command.definition, info, new.input, new.seed)
            past.deadline_at, past.timeout = new.deadline_at, leaf.command.options.timeout
            child = Run(self.family, past, (self, number))
            child.invocation = leaf.command
            self.children[number] = child
            self.begun_children.append(child)
            self.family.runs.append(child)
            child.go_on(Started(now))
        return child

    # ------------------------------------------------------------------ it goes on

    def go_on(self, event: Event) -> None:
        """Apply an event, and all that it leads to."""
        self._apply(event)
        self.receive()
        self._follow_up()

    def take_up(self) -> None:
        """Go on from the end of what is known: what is open begins, and what lies there is received."""
        self.execution = replayed(self.past, self.family.codec, self.family.graves)
        if not self.past.events:
            self.go_on(Started(self.family.now))
            return
        self.begin_again()
        if not self.past.suspended:
            self.receive()
            self._follow_up()

    def begin_again(self) -> None:
        """Have what is open after a step back begin: activities from their first attempts."""
        now = self.family.now
        steps = [leaf.step for leaf in self.execution.open.values()]
        self.past.begin_attempts(steps, now)

    def _apply(self, event: Event, taken: Sequence[Signal] = ()) -> None:
        past, family = self.past, self.family
        try:
            advance = self.execution.apply(event)
        except BaseException:
            # What was applied in part is of no use.
            bury(self.execution, family.graves)
            self.execution = replayed(past, family.codec, family.graves)
            raise
        past.keep(event, advance, taken)
        if advance.issued or advance.cancelled or advance.cancelling or self.execution.over:
            family.changes += 1
        steps = list(advance.issued)
        past.begin_attempts(steps, family.now)
        self._led_to.append(advance)
        failure = advance.end.outcome if advance.end is not None else None
        if isinstance(failure, Failure) and failure.type_name in _STOPS:
            raise KeyboardInterrupt
        slips = [
            f"{command} was made at {line} and never yielded. Write:\n    yield {command}"
            for command, line in advance.unyielded
        ]
        if isinstance(failure, Failure):
            # What failed may not have come to its yields: the failure is told first.
            past.slips = slips
        else:
            family.slips += slips
        if family.replays and self._is_checked(ended=self.execution.over):
            if self._twice is None:
                self._twice = Twice(past.definition, family.codec, family.graves)
            self._twice.check(past, self.execution, advance)

    def _is_checked(self, *, ended: bool) -> bool:
        """Whether it is built again after this event: each of the first ones, later ever fewer, and the last."""
        count = len(self.past.events) + len(self.past.steps)
        if count > ALL_CHECKED and not ended and count < self._checked * 1.5:
            return False
        self._checked = count
        return True

    def receive(self) -> None:
        """Let it receive the signals that lie there, as long as it waits for any of them."""
        past, codec = self.past, self.family.codec
        while past.receives and not self.execution.over:
            receiving = [leaf.step for leaf in self.execution.open.values() if leaf.step.kind in RECEIVING]
            if not receiving:
                return
            queue = SignalQueue(past.signals, past.last_signal, receiving)
            received = queue.receive(self.execution.open, codec, self.family.now)
            if received is None:
                return
            self._apply(*received)

    def _follow_up(self) -> None:
        """Do outside what the workflow's last turns ask for."""
        led_to, self._led_to = self._led_to, []
        for advance in led_to:
            for number in advance.cancelled:
                child = self.children.pop(number, None)
                if child is not None:
                    child.parent = None
            for number in advance.cancelling:
                self._cancel_begun(number)
            if advance.continuation is not None:
                self._begin_next_run(advance)
            elif advance.end is not None and self.parent is not None:
                parent, step = self.parent
                outcome = outcome_for_parent(self.family.codec, self.past.info.workflow_id, *advance.end, self._reason)
                if step in parent.open:
                    parent.end(step, outcome)

    @property
    def _reason(self) -> str | None:
        return None if self.past.cancelled is None else self.past.cancelled.reason

    def _cancel_begun(self, number: int) -> None:
        """End a step that is still waited for: a child is asked to, an activity between two attempts gets no other."""
        leaf, child = self.execution.open.get(number), self.children.get(number)
        if leaf is None:
            return
        if child is not None and not child.execution.over:
            child.cancel(f"its parent {self.past.info.workflow_id} no longer waits for it")
        elif isinstance(leaf.command, ActivityInvocation) and not self.past.attempts[number].begun:
            self.end_cancelled(number)

    def _begin_next_run(self, advance: Advance) -> None:
        past, definition = self.past, self.execution.following
        assert advance.continuation is not None
        assert definition is not None
        bury(self.execution, self.family.graves)
        seed = next_run_seed(past.info, past.seed)
        self.past, self._checked = past.following(definition, advance.continuation.input, seed), 0
        self.execution, self._twice = build(self.past, self.family.codec), None
        for child in self.children.values():
            child.parent = None
        self.children.clear()
        self.go_on(Started(self.family.now))


def first_run(
    invocation: WorkflowInvocation[object], workflow_id: str, seed: bytes, input: Payload, now: Micros
) -> Past:
    """What is known of a workflow before it starts."""
    past = Past(invocation.definition, WorkflowInfo(workflow_id, invocation.name, 1), input, seed)
    timeout = invocation.options.timeout
    if timeout is not None:
        past.deadline_at, past.timeout = now + in_micros(timeout), timeout
    return past
