"""A workflow with stand-ins for what it calls: what can happen next, and having it happen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from .._core.commands import show
from .._core.definitions import ActivityInvocation, Invocation, WorkflowInvocation
from .._core.errors import CommandError
from .._core.history import Codec, Micros, Payload
from .._core.nodes import Leaf
from ..orchestrator.submissions import signal_name, signal_payload
from .calling import Caller, Came, Key
from .fakes import After, Answer, Kind, StandIns, unanswered
from .pending import standing
from .result import Call
from .run import Run
from .stepper import Stepper

R = TypeVar("R")


class Waiting(NamedTuple):
    """A step that ends by a call."""

    run: Run
    leaf: Leaf
    answer: Answer

    @property
    def attempt(self) -> int:
        """Which attempt it is, from 1."""
        attempt = self.run.past.attempts.get(self.leaf.step.number)
        return 1 if attempt is None else attempt.number


class Sent(NamedTuple):
    """A signal that is to come."""

    #: When; None: at the start, or at any time.
    at: Micros | None
    name: str
    value: object
    payload: Payload


def key_of(run: Run, leaf: Leaf) -> Key:
    """What a step is known by."""
    return run.past.info.workflow_id, run.past.info.run, leaf.step.number


class Player(Generic[R]):
    """A workflow, and what stands in for what it calls.

    Args:
        flow: The workflow, at its beginning.
        stands_in: What stands in, by definition. A child without a stand-in is run itself.
        signals: What is sent: pairs of a name and a payload, some with `after`.
    """

    def __init__(self, flow: Stepper[R], stands_in: StandIns, signals: Iterable[object]) -> None:
        self.flow = flow
        self.family, self.root = flow._family, flow._run
        self.codec: Codec = self.family.codec
        self.began = self.family.now
        self._stand_ins = stands_in
        self._caller = Caller(self.codec)
        #: What attempts come to, from when they are first looked at: by step and number.
        self._answers: dict[tuple[Key, int], Answer] = {}
        self.calls: list[Call] = []
        #: The children that were begun, in order.
        self.begun: list[Run] = []
        #: The signals that have not come yet.
        self.to_send = [self._sent(one) for one in signals]

    def _sent(self, given: object) -> Sent:
        at = None
        if isinstance(given, After):
            at, given = self.began + given.micros, given.what
        if not isinstance(given, tuple) or len(given) != 2:
            raise TypeError(
                f"signals= takes pairs of a name and a payload, as in [('approve', {{'by': 'ann'}})], not {show(given)}"
            )
        name, value = given
        return Sent(at, name, value, signal_payload(signal_name(name), value, self.codec))

    # ------------------------------------------------------------------ what can happen

    @property
    def over(self) -> bool:
        """Whether the workflow has ended."""
        return self.root.execution.over

    def ready(self) -> list[Waiting]:
        """The steps that a call ends, workflow by workflow, in the order issued. Children are begun.

        Raises:
            CommandError: Nothing stands in for a call.
        """
        found: list[Waiting] = []
        # It grows meanwhile.
        for run in self.family.runs:
            if not run.execution.over:
                found += self._ready(run)
        return found

    def _ready(self, run: Run) -> Iterator[Waiting]:
        attempts = run.past.attempts
        for number, leaf in list(run.open.items()):
            command = leaf.command
            if isinstance(command, ActivityInvocation):
                attempt = attempts.get(number)
                if attempt is not None and attempt.begun:
                    yield Waiting(run, leaf, self._answer(run, leaf, command, attempt.number))
            elif isinstance(command, WorkflowInvocation) and number not in run.children:
                stand_in = self._stand_ins.get(command.definition)
                answer = None if stand_in is None else self._answer(run, leaf, command, 1)
                if leaf.cancelled:
                    run.end_cancelled(number)
                elif answer is None or answer.kind is Kind.REAL:
                    self.begun.append(run.begin_child(number))
                    self.family.raise_slips()
                else:
                    yield Waiting(run, leaf, answer)

    def _answer(self, run: Run, leaf: Leaf, command: Invocation[Any], attempt: int) -> Answer:
        key = key_of(run, leaf), attempt
        answer = self._answers.get(key)
        if answer is None:
            stand_in = self._stand_ins.get(command.definition)
            if stand_in is None:
                raise unanswered(command)
            answer = self._answers[key] = stand_in.next(command)
        return answer

    # ------------------------------------------------------------------ it happens

    def call(self, waiting: Waiting) -> Came:
        """Make the call that a step waits for; the workflow does not hear of it yet."""
        return self._caller.call(*waiting)

    def end(self, waiting: Waiting, came: Came) -> None:
        """Let a step end, or an attempt fail, with what its call came to."""
        run, leaf, _ = waiting
        self._note(waiting, came)
        if came.error is None:
            assert came.payload is not None
            run.end(leaf.step.number, came.payload)
        elif isinstance(leaf.command, ActivityInvocation):
            run.fail_attempt(leaf.step.number, came.error)
        else:
            run.end(leaf.step.number, self.codec.encode_failure(came.error))
        self.family.raise_slips()

    def fail(self, waiting: Waiting, error: BaseException) -> None:
        """Let the attempt at an activity fail, whatever stands in: that is the next attempt's."""
        self._answers[key_of(waiting.run, waiting.leaf), waiting.attempt + 1] = waiting.answer
        self.end(waiting, Came(error=error))

    def lose(self, waiting: Waiting) -> None:
        """Make a call, and have the process die before anybody hears of it: the attempt begins again."""
        self._note(waiting, self.call(waiting), lost=True)
        self.family.crash()

    def _note(self, waiting: Waiting, came: Came, *, lost: bool = False) -> None:
        at = timedelta(microseconds=self.family.now - self.began)
        id = waiting.run.past.info.workflow_id
        self.calls.append(Call(waiting.leaf.command, waiting.attempt, at, came.value, came.error, lost, id))

    def send(self, sent: Sent) -> None:
        """Let a signal come, before anything else that is due now."""
        self.to_send.remove(sent)
        self.root.signal(sent.name, sent.payload)
        self.family.raise_slips()

    def advance_to(self, moment: Micros) -> None:
        """Let time pass, with what happens by itself meanwhile."""
        self.family.advance_to(moment)
        self.family.raise_slips()

    # ------------------------------------------------------------------ what is said

    def stuck(self) -> CommandError:
        """What is said of a workflow that nothing lets go on."""
        lines = [standing(run) for run in self.family.runs if not run.execution.over]
        return CommandError(
            "it would wait for ever: nothing is left that could happen. " + "; ".join(lines) + ". Send what it waits "
            "for, as in signals=[('approve', {'by': 'ann'})]"
        )

    @property
    def left_over(self) -> list[str]:
        """What stood in and was not used, and signals that nobody received."""
        unused = [stand_in.left_over for stand_in in self._stand_ins.values()]
        signals = [sent.name for sent in self.to_send] + [signal.name for signal in self.root.past.signals]
        return [one for one in unused if one is not None] + [f"signal {name!r} was never received" for name in signals]
