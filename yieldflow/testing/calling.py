"""Calling what stands in for an activity, as an attempt that knows what it is."""

from __future__ import annotations

import asyncio
import inspect
import threading
from bdb import BdbQuit
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, NamedTuple

from .. import workers
from .._core.definitions import Activity
from .._core.errors import EncodingError
from .._core.history import Codec, Payload, StepKind
from .._core.nodes import Leaf
from ..workers import DEFAULT_LIMITS, ActivityContext, ContextHolder, provide_context
from .fakes import Answer, Kind, stored
from .run import Run

#: What an attempt is known by, whatever its number: workflow, run, step.
Key = tuple[str, int, int]


class Came(NamedTuple):
    """What a call came to: a value, or an exception."""

    value: object = None
    payload: Payload | None = None
    error: BaseException | None = None


class Caller:
    """Calls what stands in.

    Args:
        codec: How values are stored.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        #: What the last attempt at a step gave to `heartbeat`.
        self._beats: dict[Key, Payload] = {}

    def call(self, run: Run, leaf: Leaf, answer: Answer) -> Came:
        """What a call comes to.

        An `AssertionError` that a function raises which stands in for another is the test's, and so is what is no
        `Exception`: they pass through.

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
            value = self._in_place(run, leaf, lambda: answer.call(definition, arguments))
        except (KeyboardInterrupt, BdbQuit):
            raise
        except AssertionError as error:
            if not is_real:
                raise
            return Came(error=error)
        except BaseException as error:
            if not is_real and not isinstance(error, Exception):
                raise
            return Came(error=error)
        if not is_real:
            return Came(value, stored(definition, value, codec))
        try:
            return Came(value, codec.encode(value))
        except EncodingError as error:
            return Came(error=EncodingError(f"what activity {definition.name!r} returned: {error}"))

    def _in_place(self, run: Run, leaf: Leaf, call: Callable[[], Any]) -> Any:
        """Call in a context of its own, in which `activity_context` knows the attempt."""
        context = copy_context()
        if leaf.step.kind is StepKind.ACTIVITY:
            context.run(provide_context, ContextHolder(self._context_of(run, leaf)))
        value = context.run(call)
        return context.run(_awaited, value) if inspect.iscoroutine(value) else value

    def _context_of(self, run: Run, leaf: Leaf) -> ActivityContext:
        past, step = run.past, leaf.step
        key = past.info.workflow_id, past.info.run, step.number
        definition = leaf.definition
        assert isinstance(definition, Activity)
        number = past.attempts[step.number].number
        made = workers.Attempt(key, number, definition, step.input, seed=past.seed, turn=step.turn)
        host = _Host(self._beats, key, leaf)
        return ActivityContext(made.info, self._codec, host, self._beats.get(key), DEFAULT_LIMITS.details)


class _Host:
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
    """What a coroutine comes to, run to its end: on another thread where an event loop runs on this one."""
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
