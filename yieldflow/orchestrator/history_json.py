"""Writes a workflow's history as JSON text, and reads it back.

It is one object for each step and each event, in the order in which they came, so that it is read from top to bottom.
Values are the JSON that is stored of them. Pickles stay so, as base64; nothing here unpickles anything.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeVar

from .._core.history import (
    EPOCH,
    CancelRequested,
    Event,
    Failure,
    History,
    Micros,
    Outcome,
    Payload,
    Signal,
    Started,
    Step,
    StepEnded,
    StepKind,
    WorkflowStatus,
    to_datetime,
    to_micros,
)
from ..codec import MARK, from_json, preview
from ..history_checks import checked
from ..store import Loaded, OpenAttempt, WorkflowRecord

T = TypeVar("T")

#: The version of the format.
_FORM = 1


# ---------------------------------------------------------------------- writing


def write_history(loaded: Loaded) -> str:
    """Return a workflow's history as JSON text."""
    record, history = loaded.record, loaded.history
    head: dict[str, Any] = {
        "yieldflow history": _FORM,
        "workflow": record.name,
        "id": record.id,
        "run": record.run,
        "status": record.status.value,
        "version": record.version,
        "seed": record.seed.hex(),
        "patches": sorted(history.patches),
        "dropped": sorted(history.dropped),
    }
    _put(head, "arguments", record.input)
    lines = [f"  {_text(key)}: {_text(value)}" for key, value in head.items()]
    parts = {
        "history": list(_entries(history)),
        "recorded": [_ended(event, history.steps) for event in loaded.recorded],
        "attempts": [_attempt(step, attempt) for step, attempt in loaded.attempts.items()],
        "signals": [_signal(signal) for signal in loaded.signals],
    }
    for name, entries in parts.items():
        shown = "".join(f"\n    {_text(entry)}," for entry in entries).rstrip(",")
        lines.append(f"  {_text(name)}: [{shown}\n  ]" if entries else f"  {_text(name)}: []")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _entries(history: History) -> Iterator[dict[str, Any]]:
    """Yield events and steps, each event before the steps that it led to."""
    ahead = 0
    for turn, event in enumerate(history.events):
        if isinstance(event, Started):
            yield {"started": _time(event.at)}
        elif isinstance(event, CancelRequested):
            yield {"cancelled": _time(event.at), "reason": event.reason, "timeout": event.timeout}
        else:
            yield _ended(event, history.steps)
        while ahead < len(history.steps) and history.steps[ahead].turn == turn:
            yield _step(history.steps[ahead])
            ahead += 1


def _step(step: Step) -> dict[str, Any]:
    entry: dict[str, Any] = {"step": step.number, step.kind.value: step.name}
    _put(entry, "arguments", step.input)
    if step.due_at is not None:
        entry["due"] = _time(step.due_at)
    entry["line"] = step.source
    return entry


def _ended(event: StepEnded, steps: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"ended": event.step, "name": steps[event.step].name}
    if isinstance(event.outcome, Failure):
        failure = event.outcome
        told: dict[str, Any] = {"type": failure.type_name, "message": failure.message}
        if failure.exception is not None:
            _put(told, "exception", failure.exception)
        told["traceback"] = failure.traceback.splitlines()
        entry["failure"] = told
    else:
        _put(entry, "value", event.outcome)
    if event.attempt != 1:
        entry["attempt"] = event.attempt
    entry["at"] = _time(event.at)
    return entry


def _attempt(step: int, attempt: OpenAttempt) -> dict[str, Any]:
    due_at = None if attempt.due_at is None else _time(attempt.due_at)
    return {"attempt": attempt.number, "step": step, "due": due_at}


def _signal(signal: Signal) -> dict[str, Any]:
    entry: dict[str, Any] = {"signal": signal.number, "name": signal.name}
    _put(entry, "value", signal.payload)
    entry["at"] = _time(signal.at)
    return entry


def _put(entry: dict[str, Any], name: str, payload: Payload) -> None:
    """Put a stored value into ``entry``: its JSON, and under another name where that has tags."""
    if isinstance(payload, str):
        entry[f"{name}, tagged" if payload.startswith(MARK) else name] = from_json(payload)
    else:
        entry[f"{name}, pickled"] = {"note": preview(payload), "base64": b64encode(payload).decode()}


def _text(value: object, **form: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, **form)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(value, **form)
    return text


def _time(moment: Micros) -> str:
    return to_datetime(moment).isoformat()


# ---------------------------------------------------------------------- reading


def read_history(text: str) -> Loaded:
    """Read a workflow back from JSON text.

    Raises:
        Exception: `write_history` did not write this: `ValueError`, `KeyError` and others.
    """
    tree = json.loads(text)
    if tree["yieldflow history"] != _FORM:
        raise ValueError(f"its form is {tree['yieldflow history']!r}, and this version of yieldflow reads {_FORM}")
    events: list[Event] = []
    steps: list[Step] = []
    for entry in _take(tree, "history", list):
        if "step" in entry:
            steps.append(_read_step(entry, len(events) - 1))
        else:
            events.append(_read_event(entry))
    patches, dropped = _take(tree, "patches", list), _take(tree, "dropped", list)
    if not all(type(name) is str for name in patches) or not all(type(step) is int for step in dropped):
        raise ValueError("patches are names, and dropped are numbers of steps")
    history = History(tuple(events), tuple(steps), frozenset(patches), frozenset(dropped))
    recorded = [_read_ended(entry) for entry in _take(tree, "recorded", list)]
    signals = [
        Signal(_count(entry, "signal"), _take(entry, "name", str), _get(entry, "value"), _moment(entry["at"]))
        for entry in _take(tree, "signals", list)
    ]
    last_signal = max((one.number for one in signals), default=0)
    attempts = {
        _take(entry, "step", int): OpenAttempt(
            _count(entry, "attempt"), None if entry["due"] is None else _moment(entry["due"])
        )
        for entry in _take(tree, "attempts", list)
    }
    _check_open(history, [*(event.step for event in recorded), *attempts])
    return checked(Loaded(_record(tree, events), history, recorded, signals, last_signal, attempts))


def _check_open(history: History, numbers: list[int]) -> None:
    """Check that outcomes and attempts belong to open steps."""
    ended = {event.step for event in history.events if isinstance(event, StepEnded)}
    for number in numbers:
        if number in ended or not 0 <= number < len(history.steps):
            raise ValueError(f"step {number} is told to be open, and is not")


def _record(tree: dict[str, Any], events: list[Event]) -> WorkflowRecord:
    input = _get(tree, "arguments")
    began = events[0].at if events else 0
    last = events[-1].at if events else 0
    version = None if tree["version"] is None else _take(tree, "version", str)
    return bare_record(
        _take(tree, "id", str), _take(tree, "workflow", str), _count(tree, "run"), bytes.fromhex(tree["seed"]), input,
        WorkflowStatus(tree["status"]), version, began, last, len(events),
    )  # fmt: skip


def bare_record(
    id: str, name: str, run: int, seed: bytes, input: Payload, status: WorkflowStatus, version: str | None,
    began: Micros, last: Micros, step: int, outcome: Outcome | None = None,
) -> WorkflowRecord:  # fmt: skip
    """Make the row of a workflow that stands in no database, with the values that are known of it."""
    return WorkflowRecord(
        id=id, name=name, status=status, run=run, seed=seed, input=input, submitted=(name, input), outcome=outcome,
        reason=None, progress=None, parent=None, version=version, deadline_at=None, created_at=began, starts_at=None,
        started_at=began, finished_at=last if status.ended else None, updated_at=last, step=step, current=None,
        recovery_attempts=0,
    )  # fmt: skip


def _read_step(entry: dict[str, Any], turn: int) -> Step:
    kind = next(kind for kind in StepKind if kind.value in entry)
    due_at = _moment(entry["due"]) if "due" in entry else None
    name, line = _take(entry, kind.value, str), _take(entry, "line", str)
    return Step(_take(entry, "step", int), kind, name, _get(entry, "arguments"), turn, line, due_at)


def _read_event(entry: dict[str, Any]) -> Event:
    if "started" in entry:
        return Started(_moment(entry["started"]))
    if "cancelled" in entry:
        reason = None if entry["reason"] is None else _take(entry, "reason", str)
        timeout = None if entry["timeout"] is None else _take(entry, "timeout", float)
        return CancelRequested(_moment(entry["cancelled"]), reason, timeout)
    return _read_ended(entry)


def _read_ended(entry: dict[str, Any]) -> StepEnded:
    outcome: Outcome
    if "failure" in entry:
        told = entry["failure"]
        traceback = "".join(f"{line}\n" for line in _take(told, "traceback", list))
        kept = not {"exception", "exception, tagged", "exception, pickled"}.isdisjoint(told)
        exception = _get(told, "exception") if kept else None
        outcome = Failure(_take(told, "type", str), _take(told, "message", str), traceback, exception)
    else:
        outcome = _get(entry, "value")
    attempt = _count(entry, "attempt") if "attempt" in entry else 1
    return StepEnded(_take(entry, "ended", int), outcome, _moment(entry["at"]), attempt)


def _take(entry: dict[str, Any], name: str, kind: type[T]) -> T:
    """Return an entry's value, which must be of this type."""
    value = entry[name]
    if type(value) is int and kind is float:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"{name} is {value!r:.100}")
    return value


def _count(entry: dict[str, Any], name: str) -> int:
    """Return an entry's value, which must be a number from 1 on."""
    number = _take(entry, name, int)
    if number < 1:
        raise ValueError(f"{name} is {number}")
    return number


def _get(entry: dict[str, Any], name: str) -> Payload:
    """Return a stored value as it was."""
    for key, mark in ((name, ""), (f"{name}, tagged", MARK)):
        if key in entry:
            return mark + _text(entry[key], allow_nan=False, separators=(",", ":"))
    return b64decode(entry[f"{name}, pickled"]["base64"], validate=True)


def _moment(text: str) -> Micros:
    return to_micros(datetime.fromisoformat(text) - EPOCH)
