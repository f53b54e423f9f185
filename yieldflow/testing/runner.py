"""`run_workflow`: a workflow run to its end in memory and in virtual time, with stand-ins for what it calls."""

from __future__ import annotations

__tracebackhide__ = True

import asyncio
import inspect
import threading
from bdb import BdbQuit
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextvars import Context, copy_context
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from .._core.commands import show
from .._core.definitions import ActivityInvocation, Invocation, WorkflowInvocation
from .._core.errors import CommandError, EncodingError
from .._core.history import Codec, Micros, Payload, StepKind
from .._core.identity import find
from .._core.nodes import Leaf
from ..codec import codec_named
from ..orchestrator.submissions import signal_name, signal_payload
from ..workers import DEFAULT_LIMITS, ActivityContext, ContextHolder, Key, provide_context
from .fakes import After, Answer, Kind, StandIns, stand_ins, stored, unanswered
from .pending import standing
from .result import Call, Ending
from .run import Run
from .stepper import START, Stepper

R = TypeVar("R")

#: So many calls, timers and signals are a workflow that goes on for ever.
MOST = 10_000


def run_workflow(
    invocation: WorkflowInvocation[R],
    *,
    activities: Mapping[Any, object] | None = None,
    children: Mapping[Any, object] | None = None,
    signals: Iterable[object] = (),
    allow_unused: bool = False,
    replay: bool = True,
    codec: str = "pickle",
    start: datetime = START,
) -> Ending[R]:
    """Run a workflow to its end, in memory and in virtual time: a sleep of 30 days is over at once.

    What stands in for an activity is

    - a value, which every call returns: also a list or a tuple;
    - a function (whatever can be called), which is given the arguments. Its parameters are checked at once;
    - an exception, or the class of one, which every call raises;
    - ``in_turn(...)`` of these, one for each call;
    - ``after(seconds, ...)`` of one of these: the call takes so long. Others take no time;
    - ``real``: the activity's own function is called.

    Retry policies and timeouts apply, and each attempt is a call. An `AssertionError` of a function that stands in
    ends the test; the workflow does not hear of it. How many attempts may be under way at once is not looked at.

    Args:
        invocation: The workflow with its arguments.
        activities: The stand-ins, by activity.
        children: The stand-ins, by workflow, for those that are started as children. Others are run themselves, with
            the same stand-ins for what they call.
        signals: The signals to the workflow: pairs of a name and a payload, there from the start; or
            ``after(seconds, (name, payload))``.
        allow_unused: True where a stand-in may go unused, and a signal unreceived.
        replay: True has the workflow built again from its history after its events, and compared, as by `Stepper`.
        codec: The form in which values are stored: ``"pickle"`` or ``"json"``.
        start: The (virtual) time at which it starts: an aware `datetime`.

    Returns:
        How it ended, what it called, and how long that took.

    Raises:
        CommandError: Something was called without a stand-in, or a stand-in was not used; the workflow would wait for
            ever, or go on for ever; or it made a command that it never yielded. The message says which, and what to
            write.
        ReplayMismatchError: The workflow is not deterministic.
        EncodingError: An argument or a value cannot be stored.
        TypeError: A stand-in cannot stand in for that activity.

    Example:
        >>> ending = run_workflow(
        ...     order("o-1", cents=500), activities={charge: in_turn(ConnectionError(), "ch_9"), ship: "trk"}
        ... )
        >>> assert ending.result == "trk"
        >>> assert ending.called == [charge("o-1", cents=500), charge("o-1", cents=500), ship("o-1")]
    """
    stands_in = stand_ins(activities, children, codec_named(codec))
    player = Player(Stepper(invocation, replay=replay, codec=codec, start=start), stands_in, signals)
    _run_to_its_end(player)
    unused = [] if allow_unused else player.left_over
    if unused:
        raise player.told(
            f"{player.root.ending}, and not all was used: {'; '.join(unused)}. Leave it out, or allow it with "
            f"allow_unused=True. The workflow called {show([call.command for call in player.calls], 500)}"
        )
    return Ending(player.flow, player.calls, player.began)


def _run_to_its_end(player: Player[Any]) -> None:
    for sent in [one for one in player.to_send if one.at is None]:
        if not player.over:
            player.send(sent)
    for _ in range(MOST):
        if player.over:
            return
        _go_on(player)
    raise player.told(
        f"{player.root.name} goes on for ever: {MOST:,} calls, timers and signals have not ended it. The last call: "
        f"{player.calls[-1] if player.calls else 'none'}"
    )


def _go_on(player: Player[Any]) -> None:
    """Have the next thing happen: all calls that end now; or, where there are none, whatever comes first."""
    now = player.host.now
    ready = [(_ends_at(waiting), waiting) for waiting in player.ready()]
    due = [waiting for moment, waiting in ready if moment <= now]
    for waiting in due:
        # The end of one may have cancelled another.
        if waiting.run.open.get(waiting.leaf.step.number) is waiting.leaf and not player.over:
            player.end(waiting, player.call(waiting))
    if due:
        return
    call = min((moment for moment, _ in ready), default=None)
    timer = player.host.next_timer
    # At one moment the signals come first, and the timers last.
    signal = min((sent for sent in player.to_send if sent.at is not None), key=lambda sent: sent.at or 0, default=None)
    moments = [at for at in (call, timer and timer.due_at, signal and signal.at) if at is not None]
    if not moments:
        raise player.stuck()
    moment = max(min(moments), now)
    if signal is not None and signal.at == moments[-1] <= moment:
        player.host.now = moment
        player.send(signal)
    elif call is not None and call <= moment:
        player.host.now = moment
    else:
        player.advance_to(moment)


def _ends_at(waiting: Waiting) -> Micros:
    run, leaf = waiting.run, waiting.leaf
    attempt = run.attempt(leaf)
    began = run.issued_at(leaf) if attempt is None else attempt.due_at
    return began + waiting.answer.delay


# ---------------------------------------------------------------------- what can happen


class Waiting(NamedTuple):
    """A step that ends by a call."""

    run: Run
    leaf: Leaf
    answer: Answer

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 1."""
        attempt = self.run.attempt(self.leaf)
        return 1 if attempt is None else attempt.number


class Sent(NamedTuple):
    """A signal that is to come."""

    #: The time at which it comes; None: at the start, or at any time.
    at: Micros | None
    name: str
    value: object
    payload: Payload


def key_of(run: Run, leaf: Leaf) -> Key:
    """The key of a step."""
    return run.id, run.row.run, leaf.step.number


class Player(Generic[R]):
    """A workflow, and what stands in for what it calls.

    Args:
        flow: The workflow, at its beginning.
        stands_in: The stand-ins, by definition. A child without a stand-in is run itself.
        signals: The signals to send: pairs of a name and a payload, some with `after`.
    """

    def __init__(self, flow: Stepper[R], stands_in: StandIns, signals: Iterable[object]) -> None:
        self.flow = flow
        self.host, self.root = flow._host, flow._run
        self.codec: Codec = self.host.codec
        self.began = self.host.now
        self._stand_ins = stands_in
        self._caller = Caller(self.codec)
        #: The answers to attempts, by step and number, from when they are first looked at.
        self._answers: dict[tuple[Key, int], Answer] = {}
        self.calls: list[Call] = []
        #: The children that were begun, in order.
        self.begun: list[Run] = []
        #: The signals that have not come yet.
        self.to_send = [self._sent(one) for one in (signals if isinstance(signals, Iterable) else (signals,))]

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
        """True once the workflow has ended."""
        return self.root.over

    @property
    def runs(self) -> list[Run]:
        """The workflows that are run, in the order begun."""
        return [Run(self.host, workflow_id) for workflow_id in self.host.ids]

    def ready(self) -> list[Waiting]:
        """The steps that a call ends, workflow by workflow, in the order issued. Children are begun.

        Raises:
            CommandError: Nothing stands in for a call.
        """
        found: list[Waiting] = []
        # It grows meanwhile.
        for workflow_id in self.host.ids:
            found += self._ready(Run(self.host, workflow_id))
        return found

    def _ready(self, run: Run) -> Iterator[Waiting]:
        for number, leaf in list(run.open.items()):
            command = leaf.command
            if isinstance(command, ActivityInvocation):
                attempt = run.attempt(leaf)
                if attempt is not None and attempt.begun:
                    yield Waiting(run, leaf, self._answer(run, leaf, command, attempt.number))
            elif isinstance(command, WorkflowInvocation) and run.child(number) is None:
                stand_in = find(self._stand_ins, command.definition)
                answer = None if stand_in is None else self._answer(run, leaf, command, 1)
                if leaf.cancelled:
                    run.end_cancelled(number)
                elif answer is None or answer.kind is Kind.REAL:
                    self.begun.append(run.begin_child(number))
                    self.flow._raise_slips()
                else:
                    yield Waiting(run, leaf, answer)

    def _answer(self, run: Run, leaf: Leaf, command: Invocation[Any], attempt: int) -> Answer:
        key = key_of(run, leaf), attempt
        answer = self._answers.get(key)
        if answer is None:
            stand_in = find(self._stand_ins, command.definition)
            if stand_in is None:
                raise run.told(CommandError, unanswered(command))
            try:
                answer = self._answers[key] = stand_in.next(command)
            except CommandError as error:
                raise run.told(CommandError, str(error)) from run.cause
        return answer

    # ------------------------------------------------------------------ it happens

    def call(self, waiting: Waiting) -> Came:
        """Make the call that a step waits for; the workflow does not hear of it yet."""
        return self._caller.call(*waiting)

    def end(self, waiting: Waiting, came: Came) -> None:
        """Have a step end, or an attempt fail, with the result of its call."""
        run, leaf, _ = waiting
        self._note(waiting, came)
        if came.error is None:
            assert came.payload is not None
            run.end(leaf.step.number, came.payload)
        elif isinstance(leaf.command, ActivityInvocation):
            run.fail_attempt(leaf.step.number, came.error)
        else:
            run.end(leaf.step.number, self.codec.encode_failure(came.error))
        self.flow._raise_slips()

    def fail(self, waiting: Waiting, error: BaseException) -> None:
        """Have the attempt at an activity fail, whatever stands in: that is the next attempt's."""
        self._answers[key_of(waiting.run, waiting.leaf), waiting.attempt + 1] = waiting.answer
        self.end(waiting, Came(error=error))

    def lose(self, waiting: Waiting) -> None:
        """Make a call, and have the process die before anybody hears of it: the attempt begins again."""
        self._note(waiting, self.call(waiting), lost=True)
        self.host.crash()

    def _note(self, waiting: Waiting, came: Came, *, lost: bool = False) -> None:
        at = timedelta(microseconds=self.host.now - self.began)
        id = waiting.run.id
        self.calls.append(Call(waiting.leaf.command, waiting.attempt, at, came.value, came.error, lost, id))

    def send(self, sent: Sent) -> None:
        """Send a signal, before anything else that is due now."""
        self.to_send.remove(sent)
        self.root.signal(sent.name, sent.payload)
        self.flow._raise_slips()

    def advance_to(self, moment: Micros) -> None:
        """Let time pass, with all that happens by itself meanwhile."""
        self.host.advance_to(moment)
        self.flow._raise_slips()

    # ------------------------------------------------------------------ what is said

    def stuck(self) -> CommandError:
        """The error about a workflow that waits for what will not come."""
        lines = [standing(run) for run in self.runs if not run.over]
        return self.told(
            "it would wait for ever: nothing is left that could happen. " + "; ".join(lines) + ". Send what it waits "
            "for, as in signals=[('approve', {'by': 'ann'})]"
        )

    def told(self, message: str) -> CommandError:
        """The error about the workflow, which tells first of an exception of its own, or of a child's."""
        run = next((run for run in self.runs if run.cause is not None), self.root)
        if run != self.root and run.over:
            message = f"{run.trouble}; {message}"
        return run.told(CommandError, message)

    @property
    def left_over(self) -> list[str]:
        """A line for each stand-in that was not used, and each signal that nobody received."""
        unused = [stand_in.left_over for stand_in in self._stand_ins.values()]
        waiting = self.host.store.waiting_signals(self.root.id)
        signals = [sent.name for sent in self.to_send] + [signal.name for signal in waiting]
        return [one for one in unused if one is not None] + [f"signal {name!r} was never received" for name in signals]


# ---------------------------------------------------------------------- calls


class Came(NamedTuple):
    """The result of a call: a value, or an exception."""

    value: object = None
    payload: Payload | None = None
    error: BaseException | None = None


class Caller:
    """Calls stand-ins, as attempts that know what they are.

    Args:
        codec: The form in which values are stored.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        #: The details of the last heartbeat at each step.
        self._beats: dict[Key, Payload] = {}

    def call(self, run: Run, leaf: Leaf, answer: Answer) -> Came:
        """Make a call.

        The `AssertionError` of a stand-in is the test's, and so is whatever is no `Exception`: they pass through.

        Raises:
            CommandError: By its annotation the activity returns no such value.
            EncodingError: The value cannot be stored.
        """
        codec, definition = self._codec, leaf.definition
        if definition is None:
            definition = leaf.command.definition  # type: ignore[attr-defined]  # a child
        if answer.kind is Kind.VALUE:
            return Came(codec.decode(answer.what), answer.what)
        if answer.kind is Kind.EXCEPTION:
            return Came(error=answer.error())
        arguments: dict[str, object] = codec.decode(leaf.step.input)  # type: ignore[assignment]  # encoded from a dict
        is_real = answer.kind is Kind.REAL
        try:
            # The activity's own function begins as in production; what stands in for it is a part of the test.
            context = Context() if is_real else copy_context()
            value = self._in_place(context, run, leaf, lambda: answer.call(definition, arguments))
        except (KeyboardInterrupt, BdbQuit):
            raise
        except BaseException as error:
            if not is_real and (isinstance(error, AssertionError) or not isinstance(error, Exception)):
                raise
            return Came(error=error)
        if not is_real:
            return Came(value, stored(definition, value, codec))
        try:
            return Came(value, codec.encode(value))
        except EncodingError as error:
            return Came(error=EncodingError(f"what activity {definition.name!r} returned: {error}"))

    def _in_place(self, context: Context, run: Run, leaf: Leaf, call: Callable[[], Any]) -> Any:
        """Call in a context, in which `activity_context` knows the attempt."""
        if leaf.step.kind is StepKind.ACTIVITY:
            context.run(provide_context, ContextHolder(self._context_of(run, leaf)))
        value = context.run(call)
        return context.run(_awaited, value) if inspect.iscoroutine(value) else value

    def _context_of(self, run: Run, leaf: Leaf) -> ActivityContext:
        attempt = run.begun(leaf)
        host = _AttemptHost(self._beats, attempt.key, leaf)
        return ActivityContext(attempt.info, self._codec, host, self._beats.get(attempt.key), DEFAULT_LIMITS.details)


class _AttemptHost:
    """Answers a stand-in while it runs."""

    def __init__(self, beats: dict[Key, Payload], key: Key, leaf: Leaf) -> None:
        self._beats = beats
        self._key = key
        self._leaf = leaf

    @property
    def cancelled(self) -> bool:
        return self._leaf.cancelled

    def beat(self, details: Payload) -> None:
        self._beats[self._key] = details


def _awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end: on another thread where an event loop runs on this one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    found: list[Any] = []
    raised: list[BaseException] = []

    def go() -> None:
        try:
            found.append(asyncio.run(coroutine))
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=copy_context().run, args=(go,))
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return found[0]
