"""Steps that are on disk begin: activities go to the workers, sleeps to the timers."""

from __future__ import annotations

from collections.abc import Iterable

from .._core.children import child_id
from .._core.definitions import ActivityInvocation
from .._core.history import Codec, Micros, Step, StepKind
from .._core.nodes import Leaf
from ..store import Request, RequestKind
from ..workers import Attempt, Key
from .attempts import abandon, begin, end_cancelled
from .limits import watch
from .live import LiveWorkflow
from .state import State
from .timers import Timer
from .turn import RequestReceived, Turn, no_reply


def dispatch(state: State, resident: LiveWorkflow, steps: Iterable[Step], turn: Turn) -> None:
    """Have steps that are on disk begin, where they are still waited for."""
    info, waiting = resident.info, resident.execution.open
    for step in steps:
        number = step.number
        leaf = waiting.get(number)
        if leaf is None:
            continue
        key = (info.workflow_id, info.run, number)
        command = leaf.command
        there = state.under_way.get(key)
        if there is not None and is_of_another_step(there, resident, leaf):
            abandon(state, there, turn, timed_out=False)
            there = None
        if isinstance(command, ActivityInvocation):
            if there is not None:
                # Nobody has looked at it while its workflow was not in memory.
                watch(state, there, turn.now)
            elif state.dispatching:
                begin(state, resident, leaf, command, key, turn)
        elif step.kind is StepKind.SLEEP:
            state.timers.set(Timer(step.due_at or 0, *key))


def is_of_another_step(attempt: Attempt, resident: LiveWorkflow, leaf: Leaf) -> bool:
    """Whether what is under way is an attempt at what had the step's number before a rewind."""
    step = leaf.step
    if attempt.input is step.input and attempt.definition is leaf.definition and attempt.number == 1:
        # Nearly always it is the first, made from this very step.
        return attempt.cancelled > leaf.cancelled
    there = resident.attempts.get(step.number)
    other = (attempt.definition.name, attempt.input) != (step.name, step.input) or step.kind is not StepKind.ACTIVITY
    # The same may have been asked for again, or was cancelled by what is undone: it is tried anew.
    return other or attempt.number != (there.number if there is not None else 1) or attempt.cancelled > leaf.cancelled


def cancel_begun(state: State, key: Key, turn: Turn) -> None:
    """End a step that its workflow still waits for: a child is asked to, an activity that has not begun never will."""
    resident = state.residents.get(key[0])
    leaf = resident.execution.open.get(key[2]) if resident is not None else None
    if resident is None or leaf is None:
        return
    if leaf.step.kind is StepKind.CHILD:
        cancel_child(state, resident, leaf, turn)
    elif (attempt := state.under_way.get(key)) is not None:
        attempt.cancelled = True
        if state.queued.pop(key, None) is not None:
            turn.attempts += state.lanes.leave(attempt)
            end_cancelled(state, attempt)
        else:
            # Its end is waited for, and whoever runs it elsewhere is to let it know.
            turn.abandoned.append((attempt, False))
    elif isinstance(leaf.command, ActivityInvocation) and leaf.step.number in resident.attempts:
        # It waits for its next attempt, which there will not be.
        begin(state, resident, leaf, leaf.command, key, turn)


def cancel_child(state: State, resident: LiveWorkflow, leaf: Leaf, turn: Turn) -> None:
    """Ask a child to end, in the next turn."""
    reason = state.codec.encode(f"its parent {resident.info.workflow_id} no longer waits for it")
    request = Request(child_id(resident.info, leaf), RequestKind.CANCEL, turn.now, payload=reason)
    state.again.append(RequestReceived(request, no_reply))


def orphaned(codec: Codec, workflow_id: str, parent: str, now: Micros) -> RequestReceived:
    """What has a workflow end because its parent was terminated."""
    reason = codec.encode(f"its parent {parent} was terminated")
    return RequestReceived(Request(workflow_id, RequestKind.CANCEL, now, payload=reason), no_reply)
