"""Checks what a caller hands in, and encodes it as it goes on disk: submissions, ids, signals, reasons."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from .._core.commands import length_of, show
from .._core.definitions import ActivityInvocation, Definition, Workflow, WorkflowInvocation
from .._core.errors import EncodingError, WorkflowAlreadyExistsError
from .._core.history import SEED_LENGTH, Codec, Micros, Payload, Signal, in_micros
from .._core.registry import Registry, conflict
from ..store import Submission, WorkflowRecord
from .descriptions import describe_workflow


class SubmissionMaker(NamedTuple):
    """Makes submissions from invocations, all at one time."""

    registry: Registry
    codec: Codec
    now: Micros

    def one(
        self,
        invocation: WorkflowInvocation[Any],
        workflow_id: str | None = None,
        delay: float | timedelta | None = None,
        signal: tuple[str, object] | None = None,
    ) -> Submission:
        """Check the arguments of `Orchestrator.submit`, and make a submission of them.

        Raises:
            TypeError, ValueError: An argument is wrong; the message says what to write instead.
            UnknownWorkflowError: The workflow is not in the registry.
            DuplicateDefinitionError: Another workflow is there under its name.
            EncodingError: An argument or the signal cannot be stored.
        """
        check_id(workflow_id)
        submission = self._submission(invocation, workflow_id or new_id(self.now), os.urandom(SEED_LENGTH), delay)
        if signal is None:
            return submission
        return submission._replace(signals=[_first_signal(signal, self.codec, self.now)])

    def many(self, invocations: Iterable[WorkflowInvocation[Any]]) -> list[Submission]:
        """Make submissions with ids that ascend in the order given. All that is random in them is drawn at once.

        Raises:
            The same as `one`.
        """
        given = list(invocations)
        seeds = os.urandom(SEED_LENGTH * len(given))
        return [
            self._submission(invocation, workflow_id, seeds[at : at + SEED_LENGTH])
            for invocation, workflow_id, at in zip(
                given, new_ids(self.now, len(given)), range(0, len(seeds), SEED_LENGTH), strict=True
            )
        ]

    def _submission(
        self,
        invocation: WorkflowInvocation[Any],
        workflow_id: str,
        seed: bytes,
        delay: float | timedelta | None = None,
    ) -> Submission:
        if not isinstance(invocation, WorkflowInvocation):
            raise TypeError(_not_a_workflow(invocation))
        _check_registered(invocation, self.registry)
        payload = invocation.encode_arguments(self.codec)
        now, timeout, definition = self.now, invocation.options.timeout, invocation.definition
        starts_at = None if delay is None else now + in_micros(length_of("delay", delay))
        deadline_at = None if timeout is None else (starts_at or now) + in_micros(timeout)
        return Submission(workflow_id, definition.name, payload, seed, now, starts_at, deadline_at, definition.version)


def check_id(workflow_id: str | None) -> str | None:
    """Return the id, if it can be stored.

    Raises:
        TypeError, ValueError: It cannot.
    """
    if workflow_id is not None and (not isinstance(workflow_id, str) or not workflow_id):
        raise TypeError(f"a workflow id is a non-empty string, not {show(workflow_id)}")
    if workflow_id is not None and not is_text(workflow_id):
        raise ValueError(
            f"workflow id {show(workflow_id)} holds half a surrogate pair, which is no text that can be stored"
        )
    return workflow_id


def signal_name(name: object) -> str:
    """Return the name, if a signal may have it.

    Raises:
        TypeError, ValueError: It may not.
    """
    if not isinstance(name, str):
        raise TypeError(f"a signal's name is a string, not {show(name)}: signal('approve', payload)")
    if not name or not is_text(name):
        raise ValueError(f"{show(name)} is no name for a signal: give it a non-empty one, such as 'approve'")
    return name


def _first_signal(given: object, codec: Codec, now: Micros) -> Signal:
    """Make the signal that waits for a workflow when it starts.

    Raises:
        TypeError, ValueError, EncodingError: It is no pair of a name and a payload that can be stored.
    """
    if not isinstance(given, tuple) or len(given) != 2:
        raise TypeError(f"signal= takes the name and the payload: signal=('approve', payload), not {show(given)}")
    name, payload = given
    return Signal(1, signal_name(name), signal_payload(name, payload, codec), now)


def signal_payload(name: str, payload: object, codec: Codec) -> Payload:
    """Encode the payload of a signal.

    Raises:
        EncodingError: It cannot be stored.
    """
    try:
        return codec.encode(payload)
    except EncodingError as error:
        raise EncodingError(f"the payload of signal {show(name)}: {error}") from None


def reason_payload(reason: object, codec: Codec) -> Payload | None:
    """Encode the reason for a workflow's cancellation or termination.

    Raises:
        TypeError: It is no text.
    """
    if reason is None:
        return None
    if not isinstance(reason, str):
        raise TypeError(f"reason is a string, not {show(reason)}")
    return codec.encode(reason)


def check_same_invocation(
    record: WorkflowRecord, submission: Submission, definition: Definition[..., Any], codec: Codec
) -> None:
    """Check that a workflow on disk was submitted by the same invocation as the new submission.

    Raises:
        WorkflowAlreadyExistsError: It was not.
    """
    if not _same_invocation(record, submission, definition, codec):
        there = describe_workflow(record)
        raise WorkflowAlreadyExistsError(
            f"workflow id {there.id!r} belongs to another invocation: {there.name} with {there.input}, "
            f"{there.status}. Choose another id, or submit the same invocation to attach to it."
        )


def _same_invocation(
    record: WorkflowRecord, submission: Submission, definition: Definition[..., Any], codec: Codec
) -> bool:
    name, given = record.submitted
    return name == submission.name and codec.same(given, submission.input, definition.defaults)


def is_text(value: object) -> bool:
    """Return True if ``value`` is a string that a database can hold, so that it may be an id or a name there."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def new_id(moment: Micros) -> str:
    """Make a UUID of version 7: ids that are made one after another lie side by side in the file."""
    return new_ids(moment, 1)[0]


def new_ids(moment: Micros, count: int) -> list[str]:
    """Make ``count`` ids in ascending order, so that writing them in this order touches few pages of the file."""
    time = (moment // 1000).to_bytes(6, "big").hex()
    prefix = f"{time[:8]}-{time[8:]}-7"
    drawn = os.urandom(10 * count).hex()
    return sorted(_with_randomness(prefix, drawn[at : at + 20]) for at in range(0, len(drawn), 20))


def _with_randomness(prefix: str, digits: str) -> str:
    variant = "89ab"[int(digits[3], 16) & 3]
    return f"{prefix}{digits[:3]}-{variant}{digits[4:7]}-{digits[7:19]}"


def _check_registered(invocation: WorkflowInvocation[Any], registry: Registry) -> None:
    """Check that the invocation's workflow is what the registry finds by its name, as it will after a restart."""
    registry.workflow(invocation.name)
    refused = conflict(registry, invocation.definition)
    if refused is not None:
        raise refused


def _not_a_workflow(given: object) -> str:
    if isinstance(given, Workflow):
        return f"workflow {given.name!r} was not called: submit({given.name}(...))"
    if isinstance(given, ActivityInvocation):
        return f"{given} is an activity, and only a workflow can be submitted: write a workflow that yields it"
    return f"a workflow called with its arguments can be submitted, such as pipeline('database'), not {show(given)}"
