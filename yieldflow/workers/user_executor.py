"""Runs activities in an executor that was handed to the orchestrator."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from contextlib import suppress
from contextvars import Context
from typing import TypeAlias

from .._core.errors import EncodingError, WorkerDiedError
from .._core.history import Failure
from .attempt import Attempt, Completed, Ending, perform
from .context import provide_context
from .pipe_protocol import Job
from .protocols import Engine, Occupant
from .serialization import serialize
from .slots import Slot, Waits
from .worker_main import RemoteAttempt

#: The ending of an attempt; None where it never began.
Answer: TypeAlias = Ending | None


class UserExecutor:
    """Runs activities in a `concurrent.futures.Executor`, which stays its owner's: it is not shut down.

    Args:
        name: The name that the activities call it by.
        executor: None where there is none of that name.
        known: The names that there are.
        engine: The engine that the activities run for.
    """

    def __init__(self, name: str, executor: Executor | None, known: Iterable[str], engine: Engine) -> None:
        self._name = name
        self._executor = executor
        self._known = known
        self._engine = engine
        self._waits = Waits()
        # Guards the calls that were handed over and have not ended.
        self._changed = threading.Condition(threading.RLock())
        self._calls: dict[Attempt, _Call] = {}
        #: Those whose time ran out, and that the executor has not ended: no stop waits for them.
        self._expired: set[Attempt] = set()

    def submit(self, attempt: Attempt) -> None:
        """Hand an attempt to the executor."""
        call = _Call(attempt, self._engine, self._waits)
        if self._executor is None:
            names = ", ".join(map(repr, self._known))
            text = (
                f"activity {attempt.definition.name!r} is to run in executor={self._name!r}, which there is not. There "
                f"are: {names}. Hand it over, as in Orchestrator(executors={{{self._name!r}: ...}})"
            )
            self._answer(call, Ending(self._engine.codec.encode_failure(ValueError(text)), retryable=False))
            return
        if self._waits.stopping:
            return
        attempt.worker = self._name
        with self._changed:
            self._calls[attempt] = call
        try:
            call.future = self._executor.submit(call)
            call.future.add_done_callback(lambda future: self._take_result(call, future))
        except BaseException as error:
            self._answer(call, self._refusal(attempt, error))

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """See that it does not begin; an attempt that has begun goes on where the executor cannot end it.

        An attempt whose time ran out is not waited for: it may never end.
        """
        if not timed_out and attempt.options.on_cancel == "wait":
            return
        with self._changed:
            call = self._calls.get(attempt)
            if timed_out and call is not None:
                del self._calls[attempt]
                if call.begun:
                    self._expired.add(attempt)
                self._changed.notify_all()
        if call is not None and call.future is not None:
            _cancel(call.future)

    def occupants(self) -> list[Occupant]:
        """The attempts that the executor has begun, as far as can be seen from here."""
        with self._changed:
            begun = [Occupant(attempt) for attempt, call in self._calls.items() if call.begun]
            return begun + [Occupant(attempt, True) for attempt in self._expired]

    def close(self) -> None:
        """Begin nothing more, and wake the activities that wait for workflows."""
        self._waits.stop()
        with self._changed:
            calls = list(self._calls.values())
        for call in calls:
            if call.future is not None:
                _cancel(call.future)

    def join(self, deadline: float | None) -> list[Attempt]:
        """Wait for what runs; the attempts that are still running."""
        with self._changed:
            while running := [attempt for attempt, call in self._calls.items() if call.begun]:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._changed.wait(None if left is None else min(left, threading.TIMEOUT_MAX))
            return running

    def kill(self) -> None:
        """Do nothing: only its owner may end what runs there."""

    def _take_result(self, call: _Call, future: Future[Answer]) -> None:
        """Answer a call that the executor is done with."""
        if future.cancelled():
            # Some executors end what has begun. At a stop that counts for nothing.
            counts = (call.begun or not call.attempt.cancelled) and not self._waits.stopping
            self._answer(call, self._refusal(call.attempt, None) if counts else None)
            return
        error = future.exception()
        self._answer(call, future.result() if error is None else self._refusal(call.attempt, error))

    def _refusal(self, attempt: Attempt, error: BaseException | None) -> Ending:
        """Make the ending of an attempt that the executor itself failed."""
        reason = "it was cancelled" if error is None else f"{type(error).__name__}: {error}"
        died = WorkerDiedError(f"executor {self._name!r} failed activity {attempt.definition.name!r}: {reason}")
        died.__cause__ = error
        return Ending(self._engine.codec.encode_failure(died))

    def _answer(self, call: _Call, ending: Answer) -> None:
        if ending is not None and not call.gave_up(ending) and (call.begun or call.begin()):
            self._engine.deliver(Completed(call.attempt, *ending))
        with self._changed:
            # Last, since `join` takes an attempt that is missing here for delivered.
            self._calls.pop(call.attempt, None)
            self._expired.discard(call.attempt)
            self._changed.notify_all()


def _cancel(future: Future[Answer]) -> None:
    """Cancel a call of the executor, where that can be done. Whatever its code raises, whoever calls this goes on."""
    with suppress(BaseException):
        future.cancel()


class _Call:
    """The call that the executor is given: makes the attempt, or is pickled and makes it in another process."""

    def __init__(self, attempt: Attempt, engine: Engine, waits: Waits) -> None:
        self.attempt = attempt
        self.future: Future[Answer] | None = None
        self.begun = False
        self._engine = engine
        self._waits = waits
        self._slot = Slot(engine, waits, attempt)

    def begin(self) -> bool:
        """Begin the attempt, unless it has begun. False where it must not."""
        self.begun = self.begun or (not self._waits.stopping and self._engine.begin(self.attempt))
        return self.begun

    def gave_up(self, ending: Ending) -> bool:
        """True where it failed since it was told of the stop: that counts for nothing."""
        return self._slot.gave_up_waiting and isinstance(ending.outcome, Failure)

    def __call__(self) -> Answer:
        if not self.begin():
            return None
        # In a context of its own, so that it finds nothing of what the executor's thread ran before.
        return Ending(*Context().run(self._perform)[1:4])

    def _perform(self) -> Completed:
        provide_context(self._slot)
        try:
            return perform(self.attempt, self._engine.codec, self._engine.limits)
        finally:
            self._slot.attempt = None

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """The executor runs it in another process. It counts as begun from here on."""
        attempt, codec = self.attempt, self._engine.codec
        if not self.begin():
            return _Answered, (None,)
        try:
            definition = serialize(attempt.definition, attempt.options.retry)
        except EncodingError as error:
            return _Answered, (Ending(codec.encode_failure(error), retryable=False),)
        job = Job(definition, attempt.input, attempt.info, attempt.details, self._engine.limits)
        return RemoteAttempt, (job, codec)


class _Answered:
    """Stands in for an attempt that is not made in the other process: returns its answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self) -> Answer:
        return self._answer
