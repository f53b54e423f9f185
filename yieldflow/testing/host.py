"""The host behind a `Stepper`: the time, and one session of the scheduler after another, since a crash begins the next.

Nothing happens by itself: whoever says that a step ends, that time passes or that a message comes has the scheduler
take the turns that follow from it.
"""

from __future__ import annotations

__tracebackhide__ = True

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from .._core.activity_code import is_test
from .._core.context import WorkflowInfo
from .._core.definitions import Workflow, WorkflowInvocation
from .._core.errors import ActivityTimeoutError, CommandError, EncodingError
from .._core.execution import Execution
from .._core.history import Codec, Failure, Micros, StepEnded, StepKind, WorkflowStatus
from .._core.nodes import Leaf
from .._core.retry import may_retry
from ..clock import Reading
from ..scheduler.attempts import limits_of
from ..scheduler.children import outcome_for_parent
from ..scheduler.messages import Ended, Message, Reply, Submit
from ..scheduler.timers import DEADLINE
from ..store import Checkpoint, Loaded, Rewind, Submission, id_taken_error
from ..workers import Attempt, Completed, Key, failed
from .determinism.rebuilding import Abandoned, Recorded
from .determinism.replay_check import ReplayCheck, replayed
from .session import Definitions, Session
from .store import StepperStore

#: So many sleeps may begin and end at one moment.
MOST_AT_ONCE = 5_000
#: Up to so many events and steps a workflow is built again after each event; then after ever more of them, or the cost
#: would grow with the square of their number.
ALL_CHECKED = 200
#: The failures that end a test and are none of the workflow's: Ctrl-C, and ``q`` in the debugger, that of pytest too.
_STOPS = ("builtins.KeyboardInterrupt", "bdb.BdbQuit", "_pytest.outcomes.Exit")


class Timer(NamedTuple):
    """A moment at which something happens by itself."""

    due_at: Micros
    #: The step that sleeps, is tried again or runs out of time; `DEADLINE` for the end of the workflow's own time.
    step: int
    #: The place of the workflow among those that are stepped.
    place: int


class AttemptState(NamedTuple):
    """The state of an open activity."""

    #: From 1.
    number: int
    #: The time at which it begins, or began.
    due_at: Micros
    begun: bool


class Host:
    """The workflow that a test began and the children that it steps beside it, which share a clock.

    Args:
        codec: The form in which values are stored.
        replays: True has each workflow built again after every event, and compared.
        now: The time at which it begins.
        store: The store with the workflows; a new one if left out.
    """

    def __init__(self, codec: Codec, replays: bool, now: Micros, store: StepperStore | None = None) -> None:
        # Commands are compared, and name what ends: also where an activity runs the test.
        is_test.set(True)
        self.codec = codec
        self.now = now
        self._replays = replays
        self._definitions = Definitions()
        self.session = Session(store or StepperStore(), codec, self._definitions)
        #: The workflows that are stepped, in the order begun.
        self.ids: list[str] = []
        #: The calls that began children, by the child's id; and the children's ids, by the parent's step.
        self.invocations: dict[str, WorkflowInvocation[object]] = {}
        self.children: dict[Key, str] = {}
        #: The latest execution of each workflow that was seen.
        self._seen: dict[str, Execution] = {}
        self._replay_checks: dict[str, ReplayCheck] = {}
        #: After how many events and steps each was last built again.
        self._checked: dict[str, int] = {}
        self._abandoned = Abandoned()

    @property
    def store(self) -> StepperStore:
        """The store with the workflows."""
        return self.session.store

    # ------------------------------------------------------------------ turns

    def begin(self, invocation: WorkflowInvocation[object], new: Submission) -> None:
        """Begin a workflow: its first turn is driven."""
        if new.workflow_id in self.ids:
            raise id_taken_error(new.workflow_id)
        self._definitions.add(invocation.definition)
        self.ids.append(new.workflow_id)
        self.invocations[new.workflow_id] = invocation
        if new.parent is not None:
            self.children[new.parent[:3]] = new.workflow_id
        self.ask(lambda reply: Submit([new], reply))
        if self.session.scheduler.live(new.workflow_id) is None and self.has_not_ended(new.workflow_id):
            # After a crash a new workflow waits until the others have shown that they are not to blame.
            self.do(timers=True)

    def ask(self, message: Callable[[Reply], Message]) -> None:
        """Send the scheduler a message that it answers.

        Raises:
            YieldflowError: It refuses.
        """
        answers: list[Exception | None] = []
        self.do(message(answers.append))
        for error in answers:
            if error is not None:
                raise error

    def do(self, *messages: Message, timers: bool = False) -> None:
        """Send the scheduler messages, and have all happen that follows from them; with ``timers``, from those due too.

        Raises:
            ReplayMismatchError: A workflow is not deterministic.
            EncodingError: A workflow cannot read what it is given.
            KeyboardInterrupt: The test was interrupted while a workflow ran.
        """
        for _ in self.session.turns(messages, self.now, timers=timers):
            written, self.store.written = self.store.written, []
            for checkpoint in written:
                if checkpoint.events:
                    self._look_at(checkpoint)
        if self.session.stalls:
            self._undo_stalls()

    def _look_at(self, checkpoint: Checkpoint) -> None:
        """Look at what a workflow did: whether it was the test that was interrupted, and whether it does it again."""
        workflow_id, outcome = checkpoint.workflow_id, checkpoint.outcome
        live = self.session.scheduler.live(workflow_id)
        if live is not None and self._seen.get(workflow_id) is not live.execution:
            self._forget_seen(workflow_id)
        if isinstance(outcome, Failure) and outcome.type_name in _STOPS:
            raise KeyboardInterrupt
        if self._replays and checkpoint.status is not WorkflowStatus.STALLED:
            self._check(checkpoint, None if live is None else live.execution)

    def _check(self, checkpoint: Checkpoint, execution: Execution | None) -> None:
        """Build a workflow again and compare, after each of the first events, ever fewer of the later, and the last."""
        workflow_id = checkpoint.workflow_id
        count = 0 if execution is None else execution.applied + execution.next_step
        if count > ALL_CHECKED and count < self._checked.get(workflow_id, 0) * 1.5:
            return
        self._checked[workflow_id] = count
        is_over = checkpoint.rare and checkpoint.continued is not None
        loaded = self.store.last_run[workflow_id] if is_over else self.store.snapshot(workflow_id)
        recorded = self._recorded(loaded)
        check = self._replay_checks.get(workflow_id)
        if check is None or check.definition is not recorded.definition:
            check = ReplayCheck(recorded.definition, self.codec, self._abandoned)
            self._replay_checks[workflow_id] = check
        check.run(recorded, checkpoint)

    def _replayed(self, workflow_id: str, store: StepperStore) -> Execution:
        """A workflow built from a store."""
        return replayed(self._recorded(store.snapshot(workflow_id)), self.codec, self._abandoned)

    def _recorded(self, loaded: Loaded) -> Recorded:
        record = loaded.record
        info = WorkflowInfo(record.id, record.name, record.run, record.parent and record.parent.workflow_id)
        return Recorded(self._definitions.workflow(record.name), info, record.input, record.seed, loaded.history)

    def _undo_stalls(self) -> None:
        """Have workflows that stalled go on from where they were, and raise why they stalled."""
        stalls, self.session.stalls = self.session.stalls, []
        for stall in stalls:
            self.store.take_back(stall.workflow_id)
        try:
            self._explain(stalls[0], self.store)
        finally:
            self._replace_session(self._recovered(self.store))

    def _explain(self, stall: Ended, store: StepperStore) -> None:
        """Raise why a workflow stalled: it does not do again what it did, or cannot read what it was given."""
        self._abandoned.add(self._replayed(stall.workflow_id, store))
        raise EncodingError(stall.reason)

    # ------------------------------------------------------------------ sessions

    def take_over(self, definition: Workflow[..., Any], workflow_id: str) -> None:
        """Go on with a workflow that is in the store."""
        self._definitions.add(definition)
        self.ids.append(workflow_id)
        self.session = self._recovered(self.store)

    def crash(self) -> None:
        """Drop all generators as a killed process would, and go on with others.

        Raises:
            ReplayMismatchError: A workflow did not do the same again; nothing has changed.
        """
        self._replace_session(self._recovered(self.store.copy()))

    def copy(self) -> Host:
        """Begin another session on a copy of the store: the same past, and a future of its own."""
        made = Host(self.codec, self._replays, self.now)
        for definition in self._definitions.workflows.values():
            made._definitions.add(definition)
        made.ids, made.invocations, made.children = [*self.ids], {**self.invocations}, {**self.children}
        made.session = self._recovered(self.store.copy(), made._definitions)
        return made

    def _recovered(self, store: StepperStore, definitions: Definitions | None = None) -> Session:
        """A new session on a store that has found all unfinished workflows."""
        session = Session(store, self.codec, definitions or self._definitions)
        session.slips_of_failed.update(self.session.slips_of_failed)
        session.scheduler.recover(Reading.same(self.now))
        for _ in session.turns((), self.now):
            pass
        if any(self._has_attempt_due(session, workflow_id) for workflow_id in self.ids):
            for _ in session.turns((), self.now, timers=True):
                pass
        for key, attempt in session.begun.items():
            before = self.session.begun.get(key)
            if before is not None and before.number == attempt.number:
                # The time that it has goes on.
                attempt.begun_at, attempt.deadline_at = before.begun_at, before.deadline_at
        store.written.clear()
        for stall in session.stalls:
            self._explain(stall, store)
        # The scheduler looks at no workflow that has ended: that it does the same again is to be seen too.
        for workflow_id in self.ids:
            if store.row(workflow_id).status.ended:
                self._abandoned.add(self._replayed(workflow_id, store))
        return session

    def _has_attempt_due(self, session: Session, workflow_id: str) -> bool:
        """Return True if an attempt that had begun waits until the scheduler loads its workflow."""
        row = session.store.row(workflow_id)
        if row.status is not WorkflowStatus.PROCESSING:
            return False
        is_new = session.store is self.store
        return any(
            attempt.due_at is not None
            and attempt.due_at <= self.now
            and (workflow_id, row.run, step) not in session.begun
            and (is_new or (workflow_id, row.run, step) in self.session.begun)
            for step, attempt in session.store.snapshot(workflow_id).attempts.items()
        )

    def _replace_session(self, following: Session) -> None:
        for workflow_id in self.ids:
            self._forget_seen(workflow_id)
            live = self.session.scheduler.live(workflow_id)
            if live is not None:
                self._abandoned.add(live.execution)
        self.session = following

    def _forget_seen(self, workflow_id: str) -> None:
        seen = self._seen.pop(workflow_id, None)
        if seen is not None:
            self._abandoned.add(seen)

    def close(self) -> None:
        """Close all generators."""
        self.session.scheduler.close()
        self._abandoned.close(self._seen.values())

    def forget(self, rewound: Sequence[Rewind], deleted: Sequence[str]) -> None:
        """Forget what was seen of workflows that went back, and those that were deleted."""
        for workflow_id in deleted:
            if workflow_id in self.ids:
                self.ids.remove(workflow_id)
        self.children = {key: child for key, child in self.children.items() if child in self.ids}
        for workflow_id in [goal.workflow_id for goal in rewound]:
            ended = {step.step for step in self.store.steps(workflow_id) if step.outcome is not None}
            self.store.failed[workflow_id] = [
                one for one in self.store.failed.get(workflow_id, ()) if one.step in ended
            ]
        for workflow_id in [goal.workflow_id for goal in rewound] + list(deleted):
            self.session.slips_of_failed.pop(workflow_id, None)
            self._forget_seen(workflow_id)

    def take_slips(self) -> list[str]:
        """The messages about commands that were never yielded, once."""
        slips, self.session.slips = self.session.slips, []
        return slips

    # ------------------------------------------------------------------ looking

    def has_not_ended(self, workflow_id: str) -> bool:
        """Return True if a workflow goes on."""
        return not self.store.row(workflow_id).status.ended

    def execution(self, workflow_id: str) -> Execution:
        """The execution of a workflow; where the scheduler has none in memory, one to look at, built by replay."""
        live, seen = self.session.scheduler.live(workflow_id), self._seen.get(workflow_id)
        if live is not None:
            found = live.execution
        elif seen is None or (seen.root is None and not seen.over):
            found = self._replayed(workflow_id, self.store)
        else:
            found = seen
        if seen is not found:
            self._forget_seen(workflow_id)
            self._seen[workflow_id] = found
        return found

    def open(self, workflow_id: str) -> dict[int, Leaf]:
        """The steps of a workflow that wait for their end, by number."""
        row = self.store.row(workflow_id)
        if row.status.ended:
            return {}
        there = self.execution(workflow_id).open
        if row.status is WorkflowStatus.SUSPENDED:
            kept = {event.step for event in self.kept(workflow_id)}
            return {number: leaf for number, leaf in there.items() if number not in kept}
        return there

    def kept(self, workflow_id: str) -> list[StepEnded]:
        """The ends of steps that a workflow hears of when it is resumed."""
        row, kept = self.store.row(workflow_id), [*self.store.snapshot(workflow_id).recorded]
        if row.status is WorkflowStatus.SUSPENDED:
            waiting = self.execution(workflow_id).open
            for (parent, run, step), child_id in self.children.items():
                child = self.store.row(child_id)
                if (parent, run) == (workflow_id, row.run) and step in waiting and child.status.ended:
                    outcome = outcome_for_parent(self.codec, child_id, child.status, child.outcome, child.reason)
                    kept.append(StepEnded(step, outcome, child.finished_at or 0))
        return kept

    def attempt(self, workflow_id: str, leaf: Leaf) -> AttemptState | None:
        """The state of an activity; None for other steps."""
        if leaf.step.kind is not StepKind.ACTIVITY:
            return None
        run, number = self.store.row(workflow_id).run, leaf.step.number
        begun = self.session.begun.get((workflow_id, run, number))
        if begun is not None:
            return AttemptState(begun.number, begun.begun_at or 0, True)
        row = self.store.step(workflow_id, run, number)
        return AttemptState(row.attempt, self.now if row.due_at is None else row.due_at, False)

    # ------------------------------------------------------------------ time

    @property
    def next_timer(self) -> Timer | None:
        """The timer that goes off next; None where none is set."""
        return min((timer for place in range(len(self.ids)) for timer in self._timers(place)), default=None)

    def _timers(self, place: int) -> Iterator[Timer]:
        """Every moment that a workflow waits for."""
        workflow_id = self.ids[place]
        row = self.store.row(workflow_id)
        if row.status.ended:
            return
        rests, begun = row.status is WorkflowStatus.SUSPENDED, self.session.begun
        for number, leaf in self.open(workflow_id).items():
            attempt = begun.get((workflow_id, row.run, number))
            if attempt is not None:
                for moment, _, _ in limits_of(attempt, self.now) if attempt.options.timed else ():
                    yield Timer(moment, number, place)
            elif rests:
                continue
            elif leaf.step.due_at is not None:
                yield Timer(leaf.step.due_at, number, place)
            elif (state := self.attempt(workflow_id, leaf)) is not None:
                yield Timer(state.due_at, number, place)
        if row.deadline_at is not None and not rests and self.store.cancel_request(workflow_id) is None:
            yield Timer(row.deadline_at, DEADLINE, place)

    def advance_to(self, moment: Micros) -> None:
        """Let time pass, with everything that happens meanwhile, in order."""
        count = 0
        while (timer := self.next_timer) is not None and timer.due_at <= moment:
            workflow_id = self.ids[timer.place]
            attempt = self.session.begun.get((workflow_id, self.store.row(workflow_id).run, timer.step))
            count = count + 1 if timer.due_at <= self.now and attempt is None else 0
            self.now = max(self.now, timer.due_at)
            if count > MOST_AT_ONCE:
                raise CommandError(
                    f"{self.store.row(workflow_id).name} sleeps for 0 seconds again and again, so that time never goes "
                    "on: have it sleep for longer"
                )
            if attempt is None:
                self.do(timers=True)
            else:
                self.time_out(attempt, *min(limits_of(attempt, self.now)))
        self.now = max(self.now, moment)

    def time_out(self, attempt: Attempt, moment: Micros, message: str, final: bool) -> None:
        """Have an attempt fail whose time is over."""
        error = ActivityTimeoutError(f"attempt {attempt.number} at activity {attempt.definition.name!r} {message}")
        self.now = max(self.now, moment)
        self.fail(attempt, error, final=final)

    def fail(self, attempt: Attempt, error: BaseException, *, final: bool = False) -> None:
        """Have an attempt fail that is under way: its retry policy applies, unless this is final."""
        policy = attempt.options.retry
        # An exception of a function given as `non_retryable` is a fault of the test's, or of that function.
        may_retry(policy, error)
        ended = failed(error, attempt.definition, policy, self.codec)
        del self.session.begun[attempt.key]
        self.do(Completed(attempt, ended.outcome, ended.retryable and not final, ended.retry_after))
