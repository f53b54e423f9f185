"""`run_workflow`: a workflow run to its end in memory and in virtual time, with stand-ins for what it calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from .._core.commands import show
from .._core.definitions import WorkflowInvocation
from .._core.errors import CommandError
from .._core.history import Micros
from ..codec import codec_named
from .fakes import stand_ins
from .player import Player, Waiting
from .result import Ending
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
        activities: What stands in, by activity.
        children: What stands in, by workflow, for those that are started as children. Others are run themselves, with
            the same stand-ins for what they call.
        signals: What is sent to the workflow: pairs of a name and a payload, there from the start; or
            ``after(seconds, (name, payload))``.
        allow_unused: Whether a stand-in may be there that is not used, and a signal that is not received.
        replay: Whether the workflow is built again from its history after its events, and compared, as by `Stepper`.
        codec: How values are stored: ``"pickle"`` or ``"json"``.
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
    for sent in [one for one in player.to_send if one.at is None]:
        if not player.over:
            player.send(sent)
    for _ in range(MOST):
        if player.over:
            break
        _go_on(player)
    else:
        raise CommandError(
            f"{invocation.name} goes on for ever: {MOST:,} calls, timers and signals have not ended it. The last call: "
            f"{player.calls[-1] if player.calls else 'none'}"
        )
    unused = [] if allow_unused else player.left_over
    if unused:
        raise CommandError(
            f"not all was used: {'; '.join(unused)}. Leave it out, or allow it with allow_unused=True. The workflow "
            f"called {show([call.command for call in player.calls], 500)} and ended ({player.flow.status})"
        )
    return Ending(player.flow, player.calls, player.began)


def _go_on(player: Player[Any]) -> None:
    """Let happen what happens next: all calls that end now; or, where there are none, what comes first."""
    now = player.family.now
    ready = [(_ends_at(waiting), waiting) for waiting in player.ready()]
    due = [waiting for moment, waiting in ready if moment <= now]
    for waiting in due:
        # One may have let go of another.
        if waiting.run.open.get(waiting.leaf.step.number) is waiting.leaf and not player.over:
            player.end(waiting, player.call(waiting))
    if due:
        return
    call = min((moment for moment, _ in ready), default=None)
    timer = player.family.next_timer
    # Of what comes at one moment the signals are first, and the timers last.
    signal = min((sent for sent in player.to_send if sent.at is not None), key=lambda sent: sent.at or 0, default=None)
    moments = [at for at in (call, timer and timer[1].due_at, signal and signal.at) if at is not None]
    if not moments:
        raise player.stuck()
    moment = max(min(moments), now)
    if signal is not None and signal.at == moments[-1] <= moment:
        player.family.now = moment
        player.send(signal)
    elif call is not None and call <= moment:
        player.family.now = moment
    else:
        player.advance_to(moment)


def _ends_at(waiting: Waiting) -> Micros:
    past, step = waiting.run.past, waiting.leaf.step
    attempt = past.attempts.get(step.number)
    began = past.events[step.turn].at if attempt is None else attempt.due_at
    return began + waiting.answer.delay
