"""Waits for the end of a workflow, and returns or raises what it ended with.

A waiter first asks to be notified, then looks at the disk, then sleeps until it is notified. In this order it misses
nothing. The scheduler of this process notifies it, or, in a client, whoever looks at the file for all (`polling`).
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any

from .._core.commands import seconds_of, show
from .._core.errors import (
    EncodingError,
    OrchestratorStoppedError,
    WorkflowCancelledError,
    WorkflowFailedError,
    WorkflowStalledError,
)
from .._core.history import Codec, Failure, WorkflowStatus, to_datetime
from .._core.nodes import add_note
from ..history_checks import end_of
from ..scheduler.messages import Ended
from ..workers import must_stop_waiting, release_slot_while_waiting
from .ending import wait_until_set
from .gateway import Gateway
from .polling import POLL_INTERVAL
from .watches import Watch


def timeout_seconds(call: str, timeout: float | timedelta | None) -> float | None:
    """Return a caller's timeout in seconds; None for as long as it takes.

    Raises:
        TypeError: It is neither a number nor a `timedelta`.
        ValueError: It is no length of time.
    """
    if timeout is None:
        return None
    seconds = seconds_of(f"{call}(timeout=...)", timeout)
    if math.isnan(seconds):
        raise ValueError(f"{call}(timeout=...) takes seconds or a timedelta, not {show(timeout)}")
    return seconds


# ---------------------------------------------------------------------- waiting


class _Poll:
    """Looks at a workflow on disk until it has ended or stalled."""

    def __init__(self, gateway: Gateway, watch: Watch, workflow_id: str) -> None:
        self._gateway = gateway
        self._watch = watch
        self._workflow_id = workflow_id
        self._session = gateway.session
        #: Seconds to wait for a notification before the next look; None for as long as it takes.
        self.patience: float | None = None

    def look(self) -> Ended | None:
        """Return the end of the workflow, if it has ended or stalled.

        Raises:
            OrchestratorStoppedError, DatabaseLostError: The session that was waited with is over.
        """
        # Read once: another waiter may find the announcement outdated, and clear it.
        announced = self._watch.done
        if announced is not None:
            return announced
        self._watch.clear()
        session = self._gateway.session
        # Asked before the row is read: a registration that comes afterwards may have the workflow tried again.
        heard = session is None or session.heard_registrations
        record = self._gateway.record(self._workflow_id)
        stalled = record.status is WorkflowStatus.STALLED
        tried = heard and self._gateway.session is session and (session is None or session.rests(record))
        if record.status.ended or (stalled and tried):
            return Ended(record.id, record.status, record.outcome, record.reason)
        self._check_session()
        self._session = self._gateway.session
        is_told = self._session is not None or self._gateway.polling.start(self._gateway)
        self.patience = POLL_INTERVAL if stalled or not is_told else None
        return None

    def _check_session(self) -> None:
        """Check that the session that was there at the last look still runs."""
        session = self._session
        stopped = session is not None and (self._gateway.session is not session or not session.running)
        if stopped and session is not None:
            session.check_file()
        if stopped or must_stop_waiting():
            raise OrchestratorStoppedError(
                f"the orchestrator stopped while {self._workflow_id} was waited for: that goes on at the next start"
            )


def wait_for_end(gateway: Gateway, watch: Watch, workflow_id: str, timeout: float | None) -> Ended | None:
    """Wait for the end of a workflow; None where it has not ended within ``timeout`` seconds."""
    deadline = None if timeout is None else time.monotonic() + timeout
    poll = _Poll(gateway, watch, workflow_id)
    notified = threading.Event()
    with watch.notifying(notified.set), gateway.polling.waiting(workflow_id, notified.set), ExitStack() as waiting:
        lent = False
        while True:
            notified.clear()
            ended = poll.look()
            if ended is not None:
                return ended
            patience = poll.patience
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                patience = left if patience is None else min(left, patience)
            if not lent:
                lent = True
                waiting.enter_context(release_slot_while_waiting(notified.set))
            wait_until_set(notified, math.inf if patience is None else patience)


async def wait_for_end_async(gateway: Gateway, watch: Watch, workflow_id: str) -> Ended:
    """Wait for the end of a workflow from a coroutine, without holding a thread."""
    import asyncio

    poll = _Poll(gateway, watch, workflow_id)
    loop = asyncio.get_running_loop()
    notified = asyncio.Event()

    def notify() -> None:
        # In a closed loop nothing waits any more; and whatever a loop raises, the scheduler, which calls this, goes on.
        with suppress(Exception):
            loop.call_soon_threadsafe(notified.set)

    with (
        watch.notifying(notify),
        gateway.polling.waiting(workflow_id, notify),
        release_slot_while_waiting(notify),
    ):
        while True:
            notified.clear()
            ended = poll.look()
            if ended is not None:
                return ended
            with suppress(TimeoutError):
                await asyncio.wait_for(notified.wait(), poll.patience)


def prospects(gateway: Gateway, workflow_id: str) -> str:
    """Say, after a wait that ran out, what the workflow waits for now."""
    record = gateway.record(workflow_id)
    if record.status is WorkflowStatus.SUSPENDED:
        return "it is suspended, and goes on once resume() is called"
    if record.started_at is None and record.starts_at is not None:
        return f"it is to start at {to_datetime(record.starts_at).isoformat()}"
    return gateway.unattended() or "it goes on, and can be asked again"


# ---------------------------------------------------------------------- the result


def result_of(ended: Ended, codec: Codec) -> Any:
    """Return what a workflow returned, or raise what it raised.

    Raises:
        WorkflowStalledError, WorkflowCancelledError, WorkflowFailedError: It ended that way.
        DamagedRowError: Its outcome is lost.
        EncodingError: Its result cannot be decoded here.
    """
    if ended.status is WorkflowStatus.STALLED:
        raise WorkflowStalledError(f"workflow {ended.workflow_id} is stalled: {ended.reason}")
    if ended.status is WorkflowStatus.CANCELLED:
        because = f": {ended.reason}" if ended.reason else ""
        raise WorkflowCancelledError(f"workflow {ended.workflow_id} was cancelled{because}")
    outcome = end_of(ended.workflow_id, ended.status, ended.outcome)
    if isinstance(outcome, Failure):
        raise _error_of(outcome, ended.workflow_id, codec)
    try:
        return codec.decode(outcome)
    except EncodingError as error:
        raise EncodingError(f"what workflow {ended.workflow_id} returned: {error}") from error


def _error_of(failure: Failure, workflow_id: str, codec: Codec) -> BaseException:
    """Build the error that a workflow raised, with a note that names the workflow."""
    try:
        error = codec.decode_failure(failure, WorkflowFailedError)
    except EncodingError:
        error = WorkflowFailedError(failure.message, failure.type_name, failure.traceback)
    add_note(error, f"in workflow {workflow_id}")
    return error
