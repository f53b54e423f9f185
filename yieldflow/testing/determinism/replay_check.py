"""A generator built again from a workflow's past, and what is said where it does not do again what it did."""

from __future__ import annotations

__tracebackhide__ = True

import inspect
import linecache
import re
from types import GeneratorType
from typing import Any

from ..._core.commands import show
from ..._core.definitions import Workflow
from ..._core.errors import ReplayMismatchError
from ..._core.execution import Advance, End, Execution
from ..._core.history import Codec, Failure, Payload
from ...codec import short_preview
from ...store import Checkpoint
from .other_process import Elsewhere, Reordering, random_state
from .rebuilding import Abandoned, Recorded, build
from .set_order import Watch, find, mismatch

#: So many variables are shown, each cut to so many characters.
MOST_VARIABLES = 12
LONGEST_VALUE = 100

#: So often a workflow that draws random numbers is run once more.
MORE_DRAWS = 8
#: An address, which no two processes, and perhaps no two objects, have in common.
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")

_ADVICE = (
    "A workflow does the same again, given the same outcomes: no clock, random numbers, environment, order of a set or "
    "global state. Use now(), random() or uuid4() of yieldflow, or yield an activity that looks."
)


def replayed(past: Recorded, codec: Codec, abandoned: Abandoned) -> Execution:
    """Another execution, where the last one stood.

    Args:
        past: All that it is built from.
        codec: The form in which values are stored.
        abandoned: The place for an execution that did not get there.

    Raises:
        ReplayMismatchError: The workflow did not do the same again.
    """
    another = build(past, codec)
    try:
        another.replay()
    except BaseException as error:
        told = nondeterministic(past, error) if isinstance(error, ReplayMismatchError) else error
        abandoned.add(another)
        raise told from None
    return another


class ReplayCheck:
    """The second run of a workflow, after each event, and how it compares with the first.

    Args:
        definition: The workflow.
        codec: The form in which values are stored.
        abandoned: The place for executions that are no longer needed.
    """

    def __init__(self, definition: Workflow[..., Any], codec: Codec, abandoned: Abandoned) -> None:
        self.definition = definition
        self._codec = codec
        self._other_codec = Reordering(codec)
        self._abandoned = abandoned
        self._elsewhere = Elsewhere(getattr(inspect.unwrap(definition.fn), "__globals__", {}))

    def run(self, past: Recorded, written: Checkpoint) -> None:
        """Build the workflow a second time, and compare with what was written of the last turn of the first.

        Raises:
            ReplayMismatchError: They differ.
        """
        before = random_state()
        self._run(past, written)
        if before != random_state():
            # It drew a number. That may have been the same one by chance; it is not every time.
            for _ in range(MORE_DRAWS):
                self._run(past, written)

    def _run(self, past: Recorded, written: Checkpoint) -> None:
        another, watch = build(past, self._other_codec), Watch()
        another.made = watch
        self._elsewhere.looked_at.clear()
        try:
            with self._elsewhere.entered():
                led_to = another.replay()
            error = self._compared(written, another, led_to)
            since = len(past.history.steps) - len(written.issued)
            found = find(another, watch, since) if error is None and written.issued else None
            if found is not None:
                error = mismatch(found, self._codec)
            if error is not None:
                raise error
        except ReplayMismatchError as error:
            error.hint = " ".join(filter(None, [error.hint, self._elsewhere.told]))
            raise nondeterministic(past, error) from None
        finally:
            self._abandoned.add(another)

    def _compared(self, written: Checkpoint, other: Execution, second: Advance) -> ReplayMismatchError | None:
        difference = _difference(written, other, second, self._codec)
        if difference is None:
            return None
        error = ReplayMismatchError()
        error.recorded, error.yielded = difference
        return error


# ---------------------------------------------------------------------- what is said


def nondeterministic(past: Recorded, error: ReplayMismatchError) -> ReplayMismatchError:
    """The error about a workflow that differs from itself."""
    if not error.recorded:
        # It failed before its first step.
        return error
    head = f"workflow {past.info.name!r} is not deterministic: run again on its own history, it did something else"
    return explained(error, head, _ADVICE)


def explained(error: ReplayMismatchError, head: str, tail: str = "") -> ReplayMismatchError:
    """``error`` as a developer wants it: both sides, the line, and the variables of the generator that is there."""
    at = "" if error.step is None else f" at step {error.step}"
    lines = [f"{head}{at}:", f"  recorded: {error.recorded}", f"  yielded:  {error.yielded}"]
    if error.hint:
        lines.append(f"  {error.hint}")
    lines += _whereabouts(error.generator)
    if tail:
        lines.append(tail)
    told = ReplayMismatchError("\n".join(lines))
    told.step, told.recorded, told.yielded, told.hint = error.step, error.recorded, error.yielded, error.hint
    return told


def _whereabouts(generator: object) -> list[str]:
    """The line at which a generator stands, and its variables."""
    frame = generator.gi_frame if isinstance(generator, GeneratorType) else None
    if frame is None:
        return []
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    lines = [f"  in {frame.f_code.co_qualname}, {frame.f_code.co_filename}:{frame.f_lineno}:"]
    if text:
        lines.append(f"    {text}")
    variables = [(name, value) for name, value in frame.f_locals.items() if not name.startswith(".")]
    lines += [f"    {name} = {show(value, LONGEST_VALUE)}" for name, value in variables[:MOST_VARIABLES]]
    if len(variables) > MOST_VARIABLES:
        lines.append(f"    and {len(variables) - MOST_VARIABLES} more variables")
    return lines


# ---------------------------------------------------------------------- what is no step, and differs


def _difference(written: Checkpoint, other: Execution, second: Advance, codec: Codec) -> tuple[str, str] | None:
    """Compare what the last turn led to beside steps: both sides in words where they differ, else None."""
    status, outcome = written.status, written.outcome
    end = End(status, outcome) if status is not None and outcome is not None else None
    if not _same_end(end, other.end, codec):
        return _shown_end(end), _shown_end(other.end)
    # With several events in a turn, an earlier one may have set it.
    is_known = len(written.events) == 1 or second.progress is not None
    if is_known and not _same_payload(written.progress, second.progress, codec):
        return _shown_call("set_progress", written.progress), _shown_call("set_progress", second.progress)
    begun, again = written.continued, second.continuation
    named = (begun and begun.name) == (again and again.name)
    if not named or not _same_payload(begun and begun.input, again and again.input, codec):
        return (
            "nothing" if begun is None else _shown_call(f"continue_as_new, {begun.name}", begun.input),
            "nothing" if again is None else _shown_call(f"continue_as_new, {again.name}", again.input),
        )
    return None


def _same_end(one: End | None, other: End | None, codec: Codec) -> bool:
    if one is None or other is None:
        return one is other
    first, second = one.outcome, other.outcome
    if isinstance(first, Failure) or isinstance(second, Failure):
        both = isinstance(first, Failure) and isinstance(second, Failure)
        return both and one.status is other.status and _summary(first) == _summary(second)
    return _same_payload(first, second, codec)


def _summary(outcome: Any) -> str:
    return _ADDRESS.sub("0x", outcome.summary)


def _same_payload(one: Payload | None, other: Payload | None, codec: Codec) -> bool:
    if one is None or other is None or one == other:
        return one == other
    return codec.same(one, other, {})


def _shown_end(end: End | None) -> str:
    if end is None:
        return "nothing: it had not ended"
    if isinstance(end.outcome, Failure):
        return f"it ended with {end.outcome.summary}"
    return f"it returned {show(short_preview(end.outcome))}"


def _shown_call(name: str, payload: Payload | None) -> str:
    return "nothing" if payload is None else f"{name}({show(short_preview(payload))})"
