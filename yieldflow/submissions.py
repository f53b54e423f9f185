"""What a caller hands in, made into what goes on disk."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from ._core.commands import LONGEST_SLEEP
from ._core.definitions import ActivityInvocation, Definition, Registry, Workflow, WorkflowInvocation
from ._core.errors import EncodingError
from ._core.history import Codec, Micros, to_micros
from ._core.replay import same_value
from .store import Submission, WorkflowRecord


def make_submission(
    invocation: WorkflowInvocation[Any],
    registry: Registry,
    codec: Codec,
    now: Micros,
    workflow_id: str | None = None,
    delay: float | timedelta | None = None,
) -> Submission:
    """Check what was handed in and make it ready to be stored.

    Raises:
        TypeError, ValueError: Something of it is wrong; the message says what to write instead.
        UnknownWorkflowError: The workflow is not in the registry.
        EncodingError: An argument cannot be stored.
    """
    if not isinstance(invocation, WorkflowInvocation):
        raise TypeError(_not_a_workflow(invocation))
    if workflow_id is not None and (not isinstance(workflow_id, str) or not workflow_id):
        raise TypeError(f"a workflow id is a non-empty string, not {workflow_id!r}")
    if workflow_id is not None and not is_text(workflow_id):
        raise ValueError(
            f"workflow id {workflow_id!r} holds half a surrogate pair, which is no text that can be stored"
        )
    _check_registered(invocation, registry)
    try:
        payload = codec.encode(dict(invocation.arguments))
    except EncodingError as error:
        raise EncodingError(f"an argument of workflow {invocation.name!r}: {error}") from None
    starts_at = None if delay is None else now + _duration(delay)
    return Submission(workflow_id or new_id(now), invocation.name, payload, os.urandom(16), now, starts_at)


def same_invocation(
    record: WorkflowRecord, submission: Submission, definition: Definition[..., Any], codec: Codec
) -> bool:
    """Whether what is on disk is what was handed in now."""
    if record.name != submission.name or record.input == submission.input:
        return record.name == submission.name
    there, asked = codec.decode(record.input), codec.decode(submission.input)
    if isinstance(there, dict) and isinstance(asked, dict):
        there, asked = definition.completed(there), definition.completed(asked)
    return same_value(there, asked)


def is_text(value: object) -> bool:
    """Whether ``value`` is a string that a database can hold, and so could be an id or a name in it."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def new_id(moment: Micros) -> str:
    """A UUID of version 7: ids that are made one after another lie side by side in the file."""
    digits = (os.urandom(10) + (moment // 1000).to_bytes(6, "big")).hex()
    variant = "89ab"[int(digits[3], 16) & 3]
    return f"{digits[20:28]}-{digits[28:]}-7{digits[:3]}-{variant}{digits[4:7]}-{digits[7:19]}"


def _check_registered(invocation: WorkflowInvocation[Any], registry: Registry) -> None:
    """What runs after a restart is found by name, so it has to be what was meant."""
    known, meant = registry.workflow(invocation.name), invocation.definition
    if known is not meant and (known.__module__, known.__qualname__) != (meant.__module__, meant.__qualname__):
        raise ValueError(
            f"workflow {invocation.name!r} was registered again since: you have {meant.place}, "
            f"and the registry has {known.place}. Give one of them another name."
        )


def _duration(delay: object) -> Micros:
    if isinstance(delay, timedelta):
        seconds: float = delay.total_seconds()
    elif isinstance(delay, (int, float)) and not isinstance(delay, bool):
        seconds = delay
    else:
        raise TypeError(f"delay is seconds or a timedelta, not {delay!r}")
    if not 0 <= seconds <= LONGEST_SLEEP.total_seconds():
        raise ValueError(f"delay is 0 seconds to a hundred years, not {delay!r}")
    return to_micros(timedelta(seconds=seconds))


def _not_a_workflow(given: object) -> str:
    if isinstance(given, Workflow):
        return f"workflow {given.name!r} was not called: submit({given.name}(...))"
    if isinstance(given, ActivityInvocation):
        return f"{given} is an activity, and only a workflow can be submitted: write a workflow that yields it"
    return f"a workflow called with its arguments can be submitted, such as pipeline('database'), not {given!r}"
